/* sim/plan/sweep/stats.h - intervals from resampled days.
 *
 * The figure is that of the trace itself. What it could have been with other days of the same kind comes from the
 * replicates: the same simulation over days drawn anew (sim/plan/sweep/days.h draws them so that their spread is
 * unbiased, not the bootstrap's (n-1)/n of it) with luck drawn anew (starts, failures). The interval is studentised on a
 * scale on which the figure is about normal, h (log for costs, arcsine of the root for shares; a percentile by where
 * it stands among the requests of each replicate: sim/plan/sweep/ranks.h):
 *     h(lo), h(hi) = h(x0) -+ t(0.975, v) * w * s,   s^2 = sum over the replicates of (h(x_r) - mean h)^2 / (R - 1)
 *     1 - 1/v = (1 - 1/df) (1 - 1/(R - 1))
 * x0 = value, R = the replicates, df = degrees of freedom of the days, w = widen. s estimates the figure's own standard
 * error and is never divided by the root of R: more replicates know s better and shrink nothing else. It is taken about
 * the replicates' mean, since h(x_r) - h(x0) would hold the luck of both. Both v and s say how little a few days tell:
 * with 7 days the plain percentile interval covers 85 %.
 * Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 12 and 13; Hall, The Bootstrap and
 * Edgeworth Expansion (1992), 3.6 (studentising, transformations). v: in the manner of Satterthwaite, Biometrics
 * Bulletin 2 (1946), 110, for a variance known through two independent chi-squares, of df and of R - 1; by integration
 * t(0.975, v) holds 94.8 to 95.1 % for any R from 4 and df from 5, 94.5 % or more for df 2 or 3, where his own
 * 1/df + 1/(R - 1) holds up to 97 %. Measured coverage: tests/coverage/coverage.txt. */
#ifndef KW_SIM_PLAN_SWEEP_STATS_H
#define KW_SIM_PLAN_SWEEP_STATS_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/plan/sweep/ranks.h"

struct kw_estimate { /* a figure of the trace itself and its 95 % interval; lo, hi NAN: cannot be estimated */
    double value, lo, hi;
};

struct kw_variation { /* how the replicates came about */
    double df;        /* degrees of freedom of the days drawn from; 0: too few days, no interval */
    double widen;     /* what the drawing could not take up of the days' serial correlation; >= 1 */
};

enum kw_scale { KW_SCALE_LINEAR, KW_SCALE_LOG, KW_SCALE_SHARE };

/* x[0] the trace's, x[stride], ... the replicates': n values in all. Replicates that are NAN are left out; fewer than
 * two of them, or df 0, give no interval. LOG with a value <= 0 among them is taken as LINEAR. */
struct kw_estimate kw_stats_interval(const double *x, size_t n, size_t stride, enum kw_scale scale,
                                     const struct kw_variation *v);

/* The same of b[i] - a[i], linear: replications are paired (common random numbers), so what both share cancels. */
struct kw_estimate kw_stats_paired(const double *a, const double *b, size_t n, size_t stride,
                                   const struct kw_variation *v);

/* The same of the p-quantile of a time, value on the trace itself: ranks the trace's own, place[stride], ... where that
 * value stands among the requests of each replicate (kw_ranks_place); place[0] is not read. Within the shortest and the
 * longest of the trace. 1 / (4 requests) of s^2 is the sampling of that many requests (of one replicate; Anscombe,
 * Biometrika 35 (1948), 246), of which few days know as much as many: df is divided by the square of what is left of
 * s^2 (Satterthwaite). */
struct kw_estimate kw_stats_percentile(double value, double p, const struct kw_ranks *ranks, const double *place,
                                       double requests, size_t n, size_t stride, const struct kw_variation *v);

/* At least as wide as a count tells: a share of n requests (value, of the trace itself) of which up to KW_STATS_FEW have
 * it, or have it not. A trace without one cold request does not say that there are none, though all drawings of its days
 * agree. Such counts are about Poisson, so with k of n the bounds are chi2(0.025, 2k) / 2n and chi2(0.975, 2k + 2) / 2n:
 * 0 of 1000 is 0 to 0.37 %. Requests that have it together tell less than that. No interval stays none.
 * Source: Garwood, Biometrika 28 (1936), 437. */
#define KW_STATS_FEW 30
struct kw_estimate kw_stats_share(struct kw_estimate e, double n);

#endif
