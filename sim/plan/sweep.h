/* sim/plan/sweep.h - many candidates over many replications on all cores; the same bytes at any number of threads. */
#ifndef KW_PLAN_SWEEP_H
#define KW_PLAN_SWEEP_H
#include "sim/plan/evaluate.h"

struct kw_sweep_options {
    uint32_t threads;  /* 0: as many as OpenMP offers */
    volatile int *stop; /* set from a signal handler: the sweep ends with KW_EFAIL "interrupted"; NULL allowed */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* in simulations; never from two threads at once; NULL
                                                                   allowed */
    void *progress_ctx;
};

/* Evaluates candidates[i] into points[i] (initialised by kw_point_init), i < n, for all replications of the study, and
 * ranks them. Candidates whose deployments are equal but for their price are simulated once. On failure the points hold
 * nothing of use but can be freed; the error is the one of the lowest (candidate, replication) that failed; KW_ENOMEM
 * leaks nothing. */
enum kw_status kw_sweep(struct kw_point *points, const struct kw_candidate *candidates, size_t n,
                        const struct kw_study *study, const struct kw_sweep_options *opt, struct kw_error *err);

#endif
