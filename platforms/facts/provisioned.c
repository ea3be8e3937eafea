#include "platforms/facts/provisioned.h"
#include <assert.h>

const char *const kw_commitment_name[] = { "hour", "week", "month", "3_months", "6_months", "year", NULL };
const char *const kw_unit_rule_name[] = { "window", "utilisation", "split", NULL };
const char *const kw_unit_above_name[] = { "reject", "spill", "reject_or_spill", "spill_or_reject", NULL };
_Static_assert(sizeof kw_commitment_name / sizeof *kw_commitment_name == KW_COMMITMENTS + 1, "a name for each");

kw_ns kw_commitment_length(enum kw_commitment c)
{
    static const int64_t hours[] = { [KW_COMMIT_HOUR] = 1,
                                     [KW_COMMIT_WEEK] = 168,
                                     [KW_COMMIT_MONTH] = KW_HOURS_PER_MONTH,
                                     [KW_COMMIT_3_MONTHS] = 3 * KW_HOURS_PER_MONTH,
                                     [KW_COMMIT_6_MONTHS] = 6 * KW_HOURS_PER_MONTH,
                                     [KW_COMMIT_YEAR] = 12 * KW_HOURS_PER_MONTH };
    assert(c < KW_COMMITMENTS);
    return hours[c] * KW_NS_PER_HOUR;
}

/* The row for so many units; n_windows: none. */
static uint32_t row_of(const struct kw_provisioned *p, uint32_t units)
{
    uint32_t i = 0;
    while (i < p->n_windows && p->window[i].up_to && units > p->window[i].up_to) i++;
    return i;
}

kw_ns kw_provisioned_window(const struct kw_provisioned *p, uint32_t units)
{
    uint32_t i = row_of(p, units);
    return i < p->n_windows ? p->window[i].window : 0;
}

kw_ns kw_provisioned_longest(const struct kw_provisioned *p, uint32_t units)
{
    uint32_t i = row_of(p, units);
    return i < p->n_windows ? p->window[i].longest : 0;
}

uint32_t kw_provisioned_count(uint32_t min_units, uint32_t increment, uint32_t n)
{
    uint32_t least = min_units ? min_units : 1, step = increment ? increment : 1;
    if (n <= least) return least;
    uint64_t more = ((uint64_t)(n - least) + step - 1) / step * step;
    return least + more < UINT32_MAX ? (uint32_t)(least + more) : UINT32_MAX;
}

kw_i128 kw_unit_weighted(const struct kw_unit_capacity *c, int64_t prompt, int64_t cached, int64_t written,
                         int64_t output)
{
    assert(prompt >= cached + written && cached >= 0 && written >= 0 && output >= 0);
    return (kw_i128)(prompt - cached - written) * 1000000 + (kw_i128)cached * c->weight_cached +
           (kw_i128)written * c->weight_write + (kw_i128)output * c->weight_out;
}
