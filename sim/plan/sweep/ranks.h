/* sim/plan/sweep/ranks.h - a time's own distribution on the trace itself: which value stands at a place among the
 * requests.
 *
 * A place is h = asin(sqrt(e)), e the share of requests that took longer: on it the sampling error of a share is about
 * normal and independent of e. A percentile's error in seconds is not: between warm and cold the same few requests more
 * move it by nothing or by half a minute. So the interval of a percentile is made of places and read back as values:
 * Woodruff, JASA 47 (1952), 635; for clustered samples Francisco & Fuller, Annals of Statistics 19 (1991), 454. */
#ifndef KW_SIM_PLAN_SWEEP_RANKS_H
#define KW_SIM_PLAN_SWEEP_RANKS_H
#include "sim/core/hist.h"

#define KW_RANKS 257

struct kw_ranks {
    double at[KW_RANKS]; /* value at place (pi/2) (k/256)^2: steps of 0.003 at the 99th percentile, 0.005 at the 95th */
};

void kw_ranks_init(struct kw_ranks *r, const struct kw_hist *h, double unit); /* values x unit; NAN when empty */
double kw_ranks_value(const struct kw_ranks *r, double place); /* clamped to the longest (0) and the shortest (pi/2) */
/* The place of a value, in the histogram's unit, among others: of those in its bucket half count as longer. NAN when
 * either is empty. */
double kw_ranks_place(const struct kw_hist *h, double value);
double kw_ranks_place_of(double p); /* of the p-quantile by definition */

#endif
