/* sim/plan/sweep/ceiling.h - from money to use: how much billed time a month's bill of a candidate allows, and what it
 * costs at the least. */
#ifndef KW_SIM_PLAN_SWEEP_CEILING_H
#define KW_SIM_PLAN_SWEEP_CEILING_H
#include "sim/plan/sweep/candidate.h"

/* Bounds that decide are taken this much looser than computed, so that rounding of sums can never decide wrongly. */
#define KW_COST_SLACK 1e-9

/* USD a month that no replication of the candidate can undercut: kept replicas are billed from the first to the last
 * moment where the meter counts a busy and an idle replica alike and nothing makes a start fail; rented GPUs always.
 * Everything else is at least 0. */
enum kw_status kw_cost_floor(const struct kw_candidate *c, kw_ns window, kw_ns month, double *usd,
                             struct kw_error *err);

/* USD a month of one replica of a serverless choice that is billed all the time. */
enum kw_status kw_cost_replica(const struct kw_choice *c, kw_ns window, kw_ns month, double *usd, struct kw_error *err);

/* The same of so much billed replica time in a window. */
enum kw_status kw_cost_of_replicas(const struct kw_choice *c, kw_ns billed, kw_ns window, kw_ns month, double *usd,
                                   struct kw_error *err);

/* Beyond which replica time a month of the candidate costs more than `usd`. None (most 0) where there is none, or where
 * time does not add up to a bill: an API, several deployments, windows that begin with a success. */
enum kw_status kw_ceiling(struct kw_ceiling *out, const struct kw_candidate *c, kw_ns window, kw_ns month, double usd,
                          struct kw_error *err);

#endif
