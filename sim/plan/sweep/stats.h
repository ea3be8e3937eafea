/* sim/plan/sweep/stats.h - intervals over replications. */
#ifndef KW_SIM_PLAN_SWEEP_STATS_H
#define KW_SIM_PLAN_SWEEP_STATS_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

struct kw_estimate { /* mean over replications and its 95 % Student interval; lo == hi == mean with one replication */
    double mean, lo, hi;
};

/* Mean and 95 % Student-t interval of x[0], x[stride], ... n values; NANs are left out. mean +- t(0.975, k-1) * s /
 * sqrt(k) of the k that remain; all NAN when k == 0. */
struct kw_estimate kw_stats_estimate(const double *x, size_t n, size_t stride);

/* The mean of b[i] - a[i] with its interval: replications are paired (common random numbers), so what both share
 * cancels. Pairs with a NAN are left out. */
struct kw_estimate kw_stats_paired(const double *a, const double *b, size_t n, size_t stride);

#endif
