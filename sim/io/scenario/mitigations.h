/* sim/io/scenario/mitigations.h - what a deployment of a scenario does against cold starts: pings, replicas that a forecast starts,
 * requests that are held, public models that others keep warm. */
#ifndef KW_SIM_IO_SCENARIO_MITIGATIONS_H
#define KW_SIM_IO_SCENARIO_MITIGATIONS_H
#include "sim/core/files/json.h"
#include "sim/plan/sweep/candidate.h"

/* Of the deployment's object, over the finished choice; trace NULL: not known yet. KW_EPARSE or KW_ERANGE with the key's path. */
enum kw_status kw_mitigations_read(struct kw_jnode deployment, const struct kw_trace *trace, const struct kw_slo *slo,
                                   struct kw_choice *c, struct kw_error *err);

/* How often others ask for a public model, of an object {"others_per_hour": ...}. KW_EPARSE or KW_ERANGE with the key's path. */
enum kw_status kw_mitigations_others(struct kw_jnode pooled, double *per_hour, struct kw_error *err);

#endif
