/* sim/plan/plan_list.h - the plan's growing lists, shared by the files that make a plan. */
#ifndef KW_SIM_PLAN_PLAN_LIST_H
#define KW_SIM_PLAN_PLAN_LIST_H
#include "sim/plan/plan.h"

#define KW_PLAN_MAX_REPLICAS 64 /* above this a plan is a capacity contract, not a keep-warm count */

/* Appends a candidate of one deployment; KW_ENOMEM: unchanged. */
enum kw_status kw_plan_push(struct kw_plan *p, const struct kw_choice *c, struct kw_error *err);
/* Notes what was not considered and why. */
enum kw_status kw_plan_drop(struct kw_plan *p, const char *what, const char *why, struct kw_error *err);
/* Fills recommendation, why, flips and assumptions once best, runner_up and nearest_miss stand. */
enum kw_status kw_plan_explain(struct kw_plan *p, struct kw_error *err);

#endif
