/* sim/plan/kinds.h - the best offer of each kind (API, serverless, dedicated) at one volume of the traffic, planned anew
 * there: which GPU, precision, keep_warm, idle timeout, concurrency, how many replicas. */
#ifndef KW_SIM_PLAN_KINDS_H
#define KW_SIM_PLAN_KINDS_H
#include "sim/plan/plan.h"
#include "sim/plan/replay.h"

#define KW_KINDS 3 /* of platforms: enum kw_kind */

/* What plans at other volumes share with the plan at the trace's own; all borrowed. */
struct kw_kinds_of {
    const struct kw_platforms *platforms;
    const struct kw_profiles *profiles;
    struct kw_steptimes *steptimes;
    const char *model;
    const struct kw_study *study;
    const struct kw_plan_options *o;
};

struct kw_kind_best {
    struct kw_estimate cost; /* USD a month; NAN: nothing of the kind meets the objectives */
    char label[96];          /* "" then */
    bool assumed;            /* an API that meets them if it is no slower at lengths its latency was not measured at */
    double utilisation, capacity_used, ttft_p95_s;
    double replica_hour; /* USD of one replica that is billed for an hour more; NAN of an API */
};

struct kw_volume_point {
    double factor, tokens_month; /* of the trace; prompt and output tokens a month */
    uint32_t windows;            /* how it was replayed: struct kw_replay */
    double part;
    /* The volume over that of the pool replayed; 1. Above 1 that many like pools stand side by side, each with its part
     * of the traffic and of an API's limits, which is never cheaper than one pool for all of it. */
    double pools;
    size_t requests;                     /* replayed in each simulation that decides */
    struct kw_kind_best kind[KW_KINDS];  /* by enum kw_kind */
    struct kw_plan contenders[KW_KINDS]; /* owned, without points: what came near the cheapest; dedicated
                                           pools that are not refuted */
    int winner;                          /* the cheapest kind; -1: none meets the objectives */
};
void kw_volume_point_free(struct kw_volume_point *v); /* safe to call again */

struct kw_kinds; /* holds the trace's drawings between volumes */
enum kw_status kw_kinds_open(struct kw_kinds **k, const struct kw_kinds_of *of, struct kw_error *err);
void kw_kinds_close(struct kw_kinds *k);                    /* NULL is allowed */
double kw_kinds_tokens_month(const struct kw_kinds *k);     /* of the trace itself */
double kw_kinds_most_in_one_pool(const struct kw_kinds *k); /* the factor */
const struct kw_variation *kw_kinds_variation(const struct kw_kinds *k);
uint32_t kw_kinds_replications(const struct kw_kinds *k); /* 1: too few days to draw from */

/* Everything that the plan's options allow is enumerated at that volume; a short replay finds what comes within
 * KW_PLAN_NEAR of the cheapest, a longer one decides, other days of as many tokens give the interval. */
enum kw_status kw_kinds_plan(struct kw_kinds *k, struct kw_volume_point *v, double factor, struct kw_error *err);

/* The cheapest of one kind at a factor between those of two planned volumes, of their contenders alone, on a shorter
 * replay than decides there. replication 0: the trace itself; else other days of as many tokens. */
enum kw_status kw_kinds_cheapest(struct kw_kinds *k, struct kw_kind_best *best, enum kw_kind kind,
                                 const struct kw_volume_point *below, const struct kw_volume_point *above,
                                 double factor, uint32_t replication, struct kw_error *err);

#endif
