/* sim/io/scenario/autoscalers.h - "autoscaler", "autoscaling" and "node" of a deployment on rented machines, and
 * "autoscalers" and "node" of a plan's candidates. */
#ifndef KW_SIM_IO_SCENARIO_AUTOSCALERS_H
#define KW_SIM_IO_SCENARIO_AUTOSCALERS_H
#include "platforms/facts/self_managed.h"
#include "sim/core/files/json.h"
#include "sim/plan/plan.h"

/* Of the deployment at o, dedicated: without "autoscaler" the choice stays as it is. max_replicas is 0 where o does not say
 * it: the caller reads what stands beside. KW_EPARSE or KW_ERANGE with the path. */
enum kw_status kw_autoscalers_deployment(struct kw_jnode o, const struct kw_self_managed_all *all, struct kw_choice *c,
                                         struct kw_error *err);

/* Of "candidates" at o, absent or not. */
enum kw_status kw_autoscalers_plan(struct kw_jnode o, const struct kw_self_managed_all *all, struct kw_plan_options *p,
                                   struct kw_error *err);

#endif
