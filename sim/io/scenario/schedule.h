/* sim/io/scenario/schedule.h - "schedule" of a deployment: replicas kept warm by days and hours of a time zone's week. */
#ifndef KW_SIM_IO_SCENARIO_SCHEDULE_H
#define KW_SIM_IO_SCENARIO_SCHEDULE_H
#include "sim/core/files/json.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/plan/sweep/candidate.h"

/* Of the deployment's object, over the finished scaling of the choice, whose keep_warm is what holds outside the rules
 * unless "otherwise" says it, and becomes the lowest level. trace NULL: not known yet. KW_EPARSE or KW_ERANGE with the
 * key's path: among them a trace without dates, levels above max_replicas, a forecast beside it. */
enum kw_status kw_schedule_read(struct kw_jnode deployment, struct kw_catalogue *cat, const struct kw_trace *trace,
                                struct kw_choice *c, struct kw_error *err);

#endif
