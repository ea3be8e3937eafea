/* sim/plan/sweep/offloading.h - the host tier of a choice's prefix cache, from bytes to blocks and times. */
#ifndef KW_SIM_PLAN_SWEEP_OFFLOADING_H
#define KW_SIM_PLAN_SWEEP_OFFLOADING_H
#include "sim/plan/sweep/candidate.h"

/* c, whose scheduler is set, keeps `bytes` of KV blocks of each replica in the host's memory, all its GPUs together (vLLM's
 * kv_offloading_size); each of them loads its share of a block at gpu_bytes_s, after `latency` ns a load. Less than a block: there is
 * no tier. KW_ERANGE: an engine that has none or is not simulated with one; more than 2^31 blocks. */
enum kw_status kw_choice_offload(struct kw_choice *c, double bytes, double gpu_bytes_s, kw_ns latency,
                                 struct kw_error *err);

#endif
