/* sim/fleet/kv_offload.h - how long KV blocks take from the host's memory to a replica's GPUs.
 *
 * One load after the other over the link, as vLLM's worker does it (v1/kv_offload/worker/cpu_gpu.py @0072b0b7); one of n
 * blocks takes latency + n block_ps. What is written to the host goes the other way of the link beside the steps and costs
 * nothing here. How many blocks the host holds is the scheduler's (kw_sched_config.host_blocks). */
#ifndef KW_SIM_FLEET_KV_OFFLOAD_H
#define KW_SIM_FLEET_KV_OFFLOAD_H
#include "sim/core/units.h"

struct kw_kv_offload {
    kw_ns latency;    /* of a load */
    int64_t block_ps; /* of each of its blocks; 0: there is no host tier */
};

#endif
