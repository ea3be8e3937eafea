/* platforms/facts/provisioned.h - capacity of an API bought ahead, in units: model units of Bedrock, GSU of Vertex, PTU of
 * Azure. What a unit carries and costs, what may be bought, and how requests are counted against it. */
#ifndef KW_PLATFORMS_FACTS_PROVISIONED_H
#define KW_PLATFORMS_FACTS_PROVISIONED_H
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/provenance.h"
#include "sim/core/units.h"

/* For how long units are bought, and what a price is per. A month is KW_HOURS_PER_MONTH hours, a week 168, a year 12
 * months. */
enum kw_commitment {
    KW_COMMIT_HOUR, /* until they are given back: no commitment */
    KW_COMMIT_WEEK,
    KW_COMMIT_MONTH,
    KW_COMMIT_3_MONTHS,
    KW_COMMIT_6_MONTHS,
    KW_COMMIT_YEAR,
    KW_COMMITMENTS
};
extern const char *const kw_commitment_name[]; /* "hour", "week", "month", "3_months", "6_months", "year", NULL */
kw_ns kw_commitment_length(enum kw_commitment c);

struct kw_unit_price { /* of one unit for as long as `per`, when bought for a commitment */
    bool known;
    kw_nusd v;
    enum kw_commitment per; /* hour, week, month or year */
    struct kw_provenance provenance;
};

/* How requests are counted. A request takes its weighted tokens: prompt + weights * (cached, written, output).
 *   window       GSU: what it is expected to take must be left of the capacity of the present window; unused capacity
 *                ends with its window. Source: Google, "Use Provisioned Throughput".
 *   utilisation  PTU: taken while less than all is in use, so that the last one may pass 100 %; what is in use drains
 *                evenly. Source: Microsoft, "What is provisioned throughput?", a variation of the leaky bucket.
 *   split        MU: input and output tokens a minute, each a token bucket; output counts once it is known.
 * Expected is max_tokens where the client states it; when the answer is complete, what it took is put right. */
enum kw_unit_rule { KW_UNITS_WINDOW, KW_UNITS_UTILISATION, KW_UNITS_SPLIT };
extern const char *const kw_unit_rule_name[]; /* "window", "utilisation", "split", NULL */

/* What happens above capacity; the first of two is the default. */
enum kw_unit_above { KW_ABOVE_REJECT, KW_ABOVE_SPILL, KW_ABOVE_REJECT_OR_SPILL, KW_ABOVE_SPILL_OR_REJECT };
extern const char *const kw_unit_above_name[]; /* "reject", "spill", "reject_or_spill", "spill_or_reject", NULL */
static inline bool kw_unit_can_spill(enum kw_unit_above a)
{
    return a != KW_ABOVE_REJECT;
}
static inline bool kw_unit_can_reject(enum kw_unit_above a)
{
    return a != KW_ABOVE_SPILL;
}
static inline bool kw_unit_spills(enum kw_unit_above a)
{
    return a == KW_ABOVE_SPILL || a == KW_ABOVE_SPILL_OR_REJECT;
}

/* What one unit carries. tokens_min: weighted tokens a minute; of the rule split input and output apart. 0: not known.
 * Weights in millionths of an input token; weight_out 0: not known. */
struct kw_unit_capacity {
    int64_t tokens_min, in_min, out_min;
    int64_t weight_out, weight_cached, weight_write;
};

#define KW_UNIT_WINDOWS 8
struct kw_provisioned { /* a model's units, the platform's rule with the model's own figures */
    bool sold;
    char unit[12]; /* "PTU" */
    enum kw_unit_rule rule;
    enum kw_unit_above above;
    int reject_code;
    struct kw_unit_capacity carries;
    uint32_t min_units, increment; /* 0: not known */
    struct {
        uint32_t up_to;        /* units; 0: any number more */
        kw_ns window;          /* the shortest that is stated */
        kw_ns longest;         /* 0: no other */
    } window[KW_UNIT_WINDOWS]; /* [n_windows] ascending: over what time capacity is counted */
    uint32_t n_windows;
    struct kw_unit_price price[KW_COMMITMENTS];
};

/* Units that a deployment has, as the event loop sees them. */
struct kw_units_bought {
    uint32_t n; /* 0: none */
    enum kw_unit_rule rule;
    enum kw_unit_above above; /* REJECT or SPILL: on demand */
    int reject_code;
    kw_ns window;
    struct kw_unit_capacity carries; /* one unit */
};

/* Over what time the capacity of so many units is counted; 0: not known. */
kw_ns kw_provisioned_window(const struct kw_provisioned *p, uint32_t units);
/* The longest where a range is stated for so many, and not which of it holds; else 0. */
kw_ns kw_provisioned_longest(const struct kw_provisioned *p, uint32_t units);
/* The least count that may be bought and is at least n: minimum and increment, where they are known; above 0. */
uint32_t kw_provisioned_count(uint32_t min_units, uint32_t increment, uint32_t n);

/* Weighted tokens of a request or of many, in millionths of an input token; prompt includes cached and written. */
kw_i128 kw_unit_weighted(const struct kw_unit_capacity *c, int64_t prompt, int64_t cached, int64_t written,
                         int64_t output);

#endif
