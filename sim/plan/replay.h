/* sim/plan/replay.h - what is replayed to know a volume: enough requests to show what the traffic does, and no more than
 * are needed for that. */
#ifndef KW_SIM_PLAN_REPLAY_H
#define KW_SIM_PLAN_REPLAY_H
#include "sim/plan/volume.h"

#define KW_REPLAY_LEAST_REQUESTS 500
#define KW_REPLAY_MOST_DAYS 60 /* of windows one after another */
#define KW_REPLAY_SLICE (600 * KW_NS_PER_S)

/* Little traffic: several windows one after another. Much: slices of ten minutes, taken evenly from all slices in order
 * of their tokens, so that each level of load has the share of time it has in the trace; laid out as one rise and one
 * fall, so that replicas meet no jump the trace does not have. Requests with prefix hashes are not cut into slices: what
 * they share would be lost. */
struct kw_replay {
    struct kw_trace trace; /* owned */
    uint32_t windows;      /* one after another; 1 */
    double part;           /* of the trace's time that is replayed; 1 */
};

struct kw_replay_size {
    double requests; /* at most, about: more where so few slices or no slices cannot hold the volume */
    size_t slices;   /* at least */
};

/* The trace at `factor` times its volume; tokens a time come to it exactly, slices or not. */
enum kw_status kw_replay_make(struct kw_replay *r, const struct kw_trace *trace, double factor,
                              const struct kw_replay_size *size, uint64_t seed, struct kw_error *err);
void kw_replay_free(struct kw_replay *r); /* safe to call again */
/* The largest factor, at least 1, that the size can hold. */
double kw_replay_most(const struct kw_trace *trace, const struct kw_replay_size *size);

#endif
