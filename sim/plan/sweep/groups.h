/* sim/plan/sweep/groups.h - the figures of a point told apart: by class and model of the requests, and by deployment. */
#ifndef KW_SIM_PLAN_SWEEP_GROUPS_H
#define KW_SIM_PLAN_SWEEP_GROUPS_H
#include "sim/fleet/groups.h"
#include "sim/plan/sweep/point.h"

/* The groups of a candidate on a trace, whose days are drawn anew or not; kw_point_grow makes room for figures. KW_ENOMEM. */
enum kw_status kw_point_groups_make(struct kw_point *p, bool drawn, const struct kw_candidate *c,
                                    const struct kw_groups *g, const struct kw_trace *t, struct kw_error *err);

/* What replication r's outcome says of each group; o has the same groups, and p's sample of the whole is there. */
void kw_point_groups_evaluate(struct kw_point *p, uint32_t r, const struct kw_candidate *c, const struct kw_outcome *o);

/* How far the class and model that is farthest off is from its objectives in an outcome (kw_slo_worst), whose times are known
 * or not; NAN where there are no classes. */
double kw_point_groups_worst(const struct kw_point *p, const struct kw_outcome *o, bool timed,
                             const struct kw_slo *slo);

#endif
