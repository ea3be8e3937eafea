/* sim/io/scenario/user_link.h - a link as a scenario states it. */
#ifndef KW_SIM_IO_SCENARIO_USER_LINK_H
#define KW_SIM_IO_SCENARIO_USER_LINK_H
#include "calibrate/profile/link.h"
#include "sim/core/files/json.h"

/* A name of links.json, of as many GPUs, or the two figures of a ring's law, bandwidth_gb_s and latency_us. */
enum kw_status kw_user_link(struct kw_jnode n, uint32_t gpus, struct kw_link *link, struct kw_error *err);

#endif
