/* sim/plan/sweep/evaluate.h - one candidate under one replication: view of the trace -> fleet -> usage -> bill ->
 * figures. */
#ifndef KW_SIM_PLAN_SWEEP_EVALUATE_H
#define KW_SIM_PLAN_SWEEP_EVALUATE_H
#include "sim/plan/sweep/days.h"
#include "sim/plan/sweep/point.h"

/* What all candidates of a study share. */
struct kw_study {
    const struct kw_trace *trace;
    struct kw_slo slo;
    uint32_t
        replications; /* 1..KW_REPLICATIONS_MAX; more than 1 where the days can be drawn anew. 1: the trace alone */
    double precision; /* > 0: as many as this takes in their place, if they are more than 1 (precision.h) */
    uint64_t seed;
    bool stepping_each;
    bool empty_start;  /* the window begins with keep_warm replicas alone instead of the steady state */
    bool records;      /* keep per-request records of replication 0 */
    kw_ns series_step; /* of replication 0; 0: none */
    kw_ns month;       /* what a month is; 0: KW_HOURS_PER_MONTH hours */
    /* Shown what happened to each candidate on the trace itself, from any thread; NULL: nobody wants to see it. */
    void (*look)(void *ctx, size_t candidate, const struct kw_outcome *o);
    void *look_ctx;
};
static inline kw_ns kw_study_month(const struct kw_study *s)
{
    return s->month ? s->month : KW_HOURS_PER_MONTH * KW_NS_PER_HOUR;
}

/* Replication 0 is the trace as it is, the others are its days drawn anew. A trace of too few days for that has
 * replication 0 alone. */
struct kw_resampling {
    struct kw_days days;
    uint32_t *day_at;      /* [replications * days.places], owned; row r is replication r's; row 0 the identity */
    uint32_t replications; /* what was asked, or 1 */
};
enum kw_status kw_resampling_init(struct kw_resampling *r, const struct kw_trace *t, uint32_t replications,
                                  uint64_t seed, struct kw_error *err);
void kw_resampling_free(struct kw_resampling *r);
/* The view of replication i; borrows from both. */
struct kw_trace_view kw_resampling_view(const struct kw_resampling *r, const struct kw_trace *t, uint32_t i);

/* "7 days scaled x4.345 to a month of 730 hours; the trace itself decides, 7 drawings of its 7 days give intervals":
 * how the figures come about. */
enum kw_status kw_study_scaling(const struct kw_study *s, char *buf, size_t size, struct kw_error *err);

/* The percentiles of TTFT, TPOT and E2E (ns) into a replication's figures, in s; NAN where nothing was served. */
void kw_evaluate_percentiles(double sample[KW_METRICS], const struct kw_hist *const time[KW_TIMES]);
/* What replication r tells of where the percentiles stand that the trace itself has in `sample`. */
void kw_evaluate_places(struct kw_percentiles *t, uint32_t r, const double sample[KW_METRICS],
                        const struct kw_hist *const time[KW_TIMES]);

/* Turns the outcome of one simulation into a replication's figures and usage. usage[c->n]. Times, attainment and
 * goodput are NAN where an API of unknown latency answered. */
enum kw_status kw_evaluate_outcome(const struct kw_candidate *c, const struct kw_outcome *o, double sample[KW_METRICS],
                                   struct kw_usage *usage, struct kw_error *err);

#endif
