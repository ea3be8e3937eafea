/* sim/fleet/warmup.h - how long a fleet has to be driven before its past is forgotten, but for what requests spread over
 * replicas keep alive (steady.h). */
#ifndef KW_SIM_FLEET_WARMUP_H
#define KW_SIM_FLEET_WARMUP_H
#include "sim/fleet/fleet.h"

/* ns of replay after which the n deployments are in the state that the traffic keeps them in: what started before has
 * had its longest idle time and is gone or busy, what the traffic wants has started (99th percentile of each phase),
 * the autoscaler's windows are full and requests under way then are served. Whole minutes, a week at most. Which LoRA
 * adapters are in memory when the window begins is what its own end left there: one pass over it, a day at most. */
kw_ns kw_warmup_length(const struct kw_deployment *d, uint32_t n, kw_ns window);

#endif
