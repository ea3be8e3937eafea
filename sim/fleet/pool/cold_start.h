/* sim/fleet/pool/cold_start.h - the random streams of a cold start: how long each of its phases takes, and whether it
 * fails.
 *
 * A start draws the same number of variates whatever happens, so the k-th start of a deployment draws the same in every
 * configuration. Stock-outs: a start finds no GPU a geometric number of times and waits stockout_retry after each; that
 * time is PROVISION. */
#ifndef KW_SIM_FLEET_POOL_COLD_START_H
#define KW_SIM_FLEET_POOL_COLD_START_H
#include "platforms/facts/autoscaling.h"
#include "platforms/facts/platform.h"
#include "sim/core/rng.h"

struct kw_start {
    kw_ns phase[KW_PHASE_RESTORE + 1]; /* 0 = skipped: a restore replaces pull, load and init */
    uint32_t stockouts;
    bool restores, fails; /* fails: at the end of its last phase */
    bool found;           /* none of it: the replica is there for others' requests, pooled.h */
};

struct kw_start_streams { /* streams of their own for durations, for what is cached, for what goes wrong */
    struct kw_rng cold, cache, failure;
};
enum kw_status kw_start_streams_begin(struct kw_start_streams *streams, uint64_t seed, uint64_t replication,
                                      struct kw_error *err);
void kw_start_streams_free(struct kw_start_streams *streams); /* safe to call again */

/* The next start under these laws. Cannot fail. */
struct kw_start kw_start_draw(const struct kw_cold_start *c, const struct kw_autoscaling *a,
                              struct kw_start_streams *streams);

/* What a start takes at most with this probability, by the nearest rank among KW_START_DRAWS of them from streams of their
 * own. KW_ENOMEM. */
#define KW_START_DRAWS 2000
enum kw_status kw_start_quantile(const struct kw_cold_start *c, const struct kw_autoscaling *a, double p, kw_ns *took,
                                 struct kw_error *err);

/* What no start takes longer than that neither fails nor meets a stock-out. KW_LAW_LONGEST at the most a phase. */
kw_ns kw_start_longest(const struct kw_cold_start *c);

/* Whether two starts may differ. */
bool kw_start_varies(const struct kw_cold_start *c, const struct kw_autoscaling *a);

#endif
