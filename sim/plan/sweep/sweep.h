/* sim/plan/sweep/sweep.h - many candidates over many replications on all cores; the same bytes at any number of
 * threads. */
#ifndef KW_SIM_PLAN_SWEEP_SWEEP_H
#define KW_SIM_PLAN_SWEEP_SWEEP_H
#include "sim/plan/sweep/evaluate.h"

struct kw_sweep_options {
    uint32_t threads;   /* 0: as many as OpenMP offers */
    volatile int *stop; /* set from a signal handler: the sweep ends with KW_EFAIL "interrupted"; NULL allowed */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* in simulations; total grows
                       where a plan decides as it goes; never from two threads at once; NULL allowed */
    void *progress_ctx;
};

/* A sweep in steps: what a plan needs to give promising candidates more replications than others. */
struct kw_sweep;

/* Candidates and study are borrowed until close; candidates stay where they are. KW_ERANGE when the study is off, a
 * candidate is empty or inconsistent (its label stands before the message). */
enum kw_status kw_sweep_open(struct kw_sweep **s, const struct kw_candidate *candidates, size_t n,
                             const struct kw_study *study, const struct kw_sweep_options *opt, struct kw_error *err);
void kw_sweep_close(struct kw_sweep *s); /* NULL is allowed */

/* Brings points[which[k]] (initialised by kw_point_init, or zero; [n] of them, parallel to candidates), k < n_which, to `upto`
 * replications, and finishes them. which ascends. Candidates whose deployments are equal but for their price, or but for
 * limits that no moment of the run came near (requests per replica, max_replicas, the engine's), are simulated once. On failure the points can be freed and
 * nothing else; the error is that of the lowest candidate whose replication 0 failed, else of the lowest (candidate,
 * replication). KW_EFAIL when stopped. */
enum kw_status kw_sweep_advance(struct kw_sweep *s, struct kw_point *points, const size_t *which, size_t n_which,
                                uint32_t upto, struct kw_error *err);
/* The same of the trace itself (upto 1) with a limit: most[i], USD a month, INFINITY for none, of candidate i. A point
 * that costs more is left zero, without a replication; its run ends where that is certain. */
enum kw_status kw_sweep_within(struct kw_sweep *s, struct kw_point *points, const size_t *which, size_t n_which,
                               const double *most, struct kw_error *err);

struct kw_sweep_count {
    uint64_t simulations; /* runs of the event loop */
    uint64_t stopped;     /* of these, ended at the limit */
    uint64_t shared;      /* (candidate, replication) pairs answered by another candidate's run */
    uint64_t requests;    /* replayed in them */
};
struct kw_sweep_count kw_sweep_done(const struct kw_sweep *s);
/* The study's, the most there are where it asks for a precision, or 1 where its trace has too few days. */
uint32_t kw_sweep_replications(const struct kw_sweep *s);
/* Brings them to *upto replications or, where the study asks for a precision, to as many as it takes to know the costs and
 * objectives of points[judged[k]] (precision.h), k < n_judged, which are among them; *upto then says how many. */
enum kw_status kw_sweep_finish(struct kw_sweep *s, struct kw_point *points, const size_t *which, size_t n_which,
                               const size_t *judged, size_t n_judged, uint32_t *upto, struct kw_error *err);
/* How many runs bringing all n points to `upto` from nothing would take. */
uint64_t kw_sweep_size(const struct kw_sweep *s, uint32_t upto);
/* All of it at once: evaluates candidates[i] into points[i] (initialised or zero), i < n, for all replications of the study,
 * and ranks them. */
enum kw_status kw_sweep(struct kw_point *points, const struct kw_candidate *candidates, size_t n,
                        const struct kw_study *study, const struct kw_sweep_options *opt, struct kw_error *err);

#endif
