/* sim/io/scenario/drafting.h - "speculative" of a deployment. */
#ifndef KW_SIM_IO_SCENARIO_DRAFTING_H
#define KW_SIM_IO_SCENARIO_DRAFTING_H
#include "sim/core/files/json.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/plan/sweep/candidate.h"

/* Of the deployment o, whose scheduler is read: c drafts as o's "speculative" says, if there is one. */
enum kw_status kw_drafting_read(struct kw_jnode o, struct kw_catalogue *cat, struct kw_choice *c, struct kw_error *err);

#endif
