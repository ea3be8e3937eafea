/* Capacity bought ahead: which numbers of units a plan tries, and what each costs at the least. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/ceiling.h"

#define BEYOND_PEAK 1.5 /* times the units that carry the busiest minute: a unit above is used for seconds a week */
#define LEAST_SHARE 0.9 /* of the mean load: units that carry less and refuse the rest are no offer */
#define MOST_UNITS 1e6

/* Weighted tokens that arrive, in input tokens: of the trace, of its busiest minute, of its largest request. By the rule
 * split each is the larger of input and output in parts of what a unit carries, times its input. */
struct demand {
    double all, busiest_minute, largest;
};

static double weighted(const struct kw_units_bought *b, const struct kw_trace *t, uint32_t ppm, size_t i)
{
    uint32_t prompt = kw_tokens_as(t->prompt[i], ppm), output = kw_tokens_as(t->output[i], ppm);
    const struct kw_unit_capacity *c = &b->carries;
    if (b->rule != KW_UNITS_SPLIT) return prompt + output * ((double)c->weight_out / 1e6);
    return fmax(prompt, output * ((double)c->in_min / (double)c->out_min));
}

static double unit_min(const struct kw_units_bought *b)
{
    return (double)(b->rule == KW_UNITS_SPLIT ? b->carries.in_min : b->carries.tokens_min);
}

static struct demand measure(const struct kw_trace *t, const struct kw_units_bought *b, uint32_t ppm)
{
    struct demand d = { 0 };
    double in_minute = 0;
    kw_ns minute = 0;
    for (size_t i = 0; i < t->n; i++) {
        double w = weighted(b, t, ppm, i);
        kw_ns m = t->arrival[i] / (60 * KW_NS_PER_S);
        if (m != minute) in_minute = 0;
        minute = m;
        in_minute += w;
        d.all += w;
        d.busiest_minute = fmax(d.busiest_minute, in_minute);
        d.largest = fmax(d.largest, w);
    }
    return d;
}

static uint32_t count_of(const struct kw_provision *p, double units)
{
    return kw_provisioned_count(p->min_units, p->increment, (uint32_t)ceil(fmin(fmax(units, 1), MOST_UNITS)));
}

size_t kw_plan_unit_counts(const struct kw_trace *t, const struct kw_provision *p, uint32_t tokens_ppm,
                           uint32_t out[KW_PLAN_MAX_COUNTS], uint32_t *step)
{
    struct demand d = measure(t, &p->bought, tokens_ppm);
    double minutes = kw_nano_to_double(t->span) / 60, unit = unit_min(&p->bought);
    bool refuses = p->bought.above == KW_ABOVE_REJECT;
    uint32_t by = p->increment ? p->increment : 1;
    uint32_t lo = count_of(p, refuses ? LEAST_SHARE * d.all / minutes / unit : 1),
             hi = count_of(p, BEYOND_PEAK * d.busiest_minute / unit);
    if (hi < lo) hi = lo;
    uint64_t counts = (uint64_t)(hi - lo) / by + 1, every = (counts + KW_PLAN_MAX_COUNTS - 1) / KW_PLAN_MAX_COUNTS;
    size_t n = 0;
    *step = (uint32_t)every * by;
    for (uint64_t at = lo; at <= hi && n < KW_PLAN_MAX_COUNTS; at += *step) out[n++] = (uint32_t)at;
    assert(n > 0);
    return n;
}

/* The least that a weighted token costs a month on demand, once in the trace: of the kind that is the cheapest for its
 * weight; 0 where that is not certain. */
static double least_price(const struct kw_choice *c, kw_ns window, kw_ns month)
{
    const int64_t many = 1000000000;
    const struct kw_token_prices *above = &c->api->above.price, *p = &c->api->price;
    struct kw_tariff tariff = kw_choice_tariff(c);
    struct kw_usage u = {
        .kind = KW_KIND_API, .window = window, .month = month, .tokens_in = many, .tokens_out = many
    };
    struct kw_bill bill;
    if (p->in_mtok.brackets || p->out_mtok.brackets) return 0; /* they fall with the month's volume */
    if (c->api->above.tokens && (above->in_mtok.v < p->in_mtok.v || above->out_mtok.v < p->out_mtok.v)) return 0;
    tariff.term = KW_TERM_ON_DEMAND;
    u.long_prompt = c->api->above.tokens;
    if (kw_bills(&bill, &u, &tariff, 1, true, NULL) != KW_OK) return 0;
    double in = kw_nano_to_double(bill.item[KW_ITEM_TOKENS_IN]), out = kw_nano_to_double(bill.item[KW_ITEM_TOKENS_OUT]),
           weight = (double)c->provision.bought.carries.weight_out / 1e6;
    return fmin(in, weight > 0 ? out / weight : INFINITY) / (double)many;
}

/* Weighted tokens of the trace that units cannot carry, at the least: of blocks of each length the longest of which tells
 * what a whole day lacks. A block's are at most what comes in within it, what a full bucket or one more window holds, and
 * the last request, which may pass 100 %. */
static double least_spilled(const struct kw_trace *t, const struct kw_choice *c)
{
    static const int64_t blocks_s[] = { 600, 3600, 21600 };
    const struct kw_units_bought *b = &c->provision.bought;
    struct kw_deployment d; /* what is longer than its context is not answered */
    kw_choice_deployment(c, &d);
    double most = 0, rate_s = unit_min(b) * b->n / 60, largest = measure(t, b, c->tokens_ppm).largest;
    for (size_t k = 0; k < sizeof blocks_s / sizeof *blocks_s; k++) {
        kw_ns block = 0;
        double in_block = 0, spilled = 0,
               carried = rate_s * ((double)blocks_s[k] + kw_nano_to_double(b->window)) + largest;
        for (size_t i = 0; i <= t->n; i++) {
            kw_ns at = i < t->n ? t->arrival[i] / (blocks_s[k] * KW_NS_PER_S) : -1;
            if (at != block) {
                spilled += fmax(0, in_block - carried);
                in_block = 0;
                block = at;
            }
            if (i < t->n && (!d.context || (uint64_t)kw_tokens_as(t->prompt[i], c->tokens_ppm) +
                                                   kw_tokens_as(t->output[i], c->tokens_ppm) <=
                                               d.context))
                in_block += weighted(b, t, c->tokens_ppm, i);
        }
        most = fmax(most, spilled);
    }
    return most;
}

double kw_plan_units_floor(const struct kw_choice *c, const struct kw_trace *t, kw_ns month)
{
    const struct kw_units_bought *b = &c->provision.bought;
    /* What a cache takes off, what an estimate holds back and what limits refuse, nobody knows before it is simulated. */
    if (c->term != KW_TERM_PROVISIONED || b->above != KW_ABOVE_SPILL || b->rule == KW_UNITS_SPLIT || t->hash_at ||
        t->cached || c->max_tokens || kw_rate_limits_any(&c->limits) || c->platform->meter.monthly_credit)
        return 0;
    return least_spilled(t, c) * least_price(c, t->span, month);
}
