/* sim/io/scenario/offloading.h - "kv_offload" of a deployment. */
#ifndef KW_SIM_IO_SCENARIO_OFFLOADING_H
#define KW_SIM_IO_SCENARIO_OFFLOADING_H
#include "sim/core/files/json.h"
#include "sim/plan/sweep/candidate.h"

/* Of the deployment o, whose scheduler, drafts and engines are read: c has the host tier that o's "kv_offload" says, if any. */
enum kw_status kw_offloading_read(struct kw_jnode o, struct kw_choice *c, struct kw_error *err);

#endif
