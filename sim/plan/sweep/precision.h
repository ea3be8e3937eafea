/* sim/plan/sweep/precision.h - how many drawings of the days a precision takes.
 *
 * Drawings tell two things. Their spread is how much another week like this one would cost: the 95 % interval of
 * stats.h, which a hundred more know better and do not narrow, since the days stay the same few. Their mean is what
 * such weeks cost on average, and that is known the better the more there are: m = mean of log x_r over the drawings,
 * within +- t(0.975, n0 - 1) s / sqrt(N) of what endless drawings of the same days would give. A precision p asks that
 * this be at most d = log(1 + p), for the cost and each percentile of a time that has an objective. On logarithms a
 * share of the figure is a width, so that Stein's rule holds as it stands:
 *     N = max(n0, floor((t(0.975, n0 - 1) s / d)^2) + 1),   s of the first n0 drawings alone
 * covers m with 95 % or more for normal logarithms whatever their variance, since the mean of all N is independent of
 * an s of the first n0. N by an s that grows with the drawings stops too early by chance (Law, Kelton & Koenig,
 * Communications in Statistics B10 (1981), 23). Measured, with what the rule does to the interval of stats.h:
 * tests/coverage/coverage.txt.
 * Sources: Stein, Annals of Mathematical Statistics 16 (1945), 243; for a share of the mean Nadas, ibid. 40 (1969),
 * 667, after Chow & Robbins, ibid. 36 (1965), 457. */
#ifndef KW_SIM_PLAN_SWEEP_PRECISION_H
#define KW_SIM_PLAN_SWEEP_PRECISION_H
#include "sim/plan/sweep/point.h"

#define KW_PRECISION_FIRST 11 /* replications of the first stage: the trace itself and n0 = 10 drawings */
#define KW_PRECISION_LEAST 0.001
#define KW_PRECISION_MOST 0.5

/* Replications, the trace itself included, that p takes for x[0..n0], n0 = KW_PRECISION_FIRST - 1; x[0] is the trace's and
 * not read. Those of the first stage where a drawing is not positive or NAN: then there is nothing to know better. May be
 * more than KW_REPLICATIONS_MAX. */
uint32_t kw_precision_of(const double *x, size_t stride, double p);
/* The most of the cost and of the percentiles that have objectives, those of each class by their own. p has the
 * replications of the first stage or more. */
uint32_t kw_precision_wanted(const struct kw_point *p, const struct kw_slo *slo, double precision);

/* Mean over the drawings x[1..n-1], and how well it is known: by s of the first stage, so that N chosen by it is no
 * matter. NAN with fewer drawings than that, or where one of those is not positive. */
struct kw_precision {
    double mean, share; /* exp of the mean logarithm; 0.01: within 1 % (95 %) */
};
struct kw_precision kw_precision_reached(const double *x, size_t n, size_t stride);

#endif
