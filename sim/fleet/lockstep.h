/* sim/fleet/lockstep.h - a replica of several data-parallel ranks, for replica.c alone, which hands its calls on.
 *
 * Each rank has a scheduler, a KV cache and a queue of its own. All begin a step together as soon as any of them has work,
 * and none begins the next before the slowest is done: experts are spread over all ranks' GPUs, so in every layer of
 * experts all meet. A rank without work runs a dummy step. How long a step takes: struct kw_step_group.
 * Source: vLLM's data parallel deployment of models with experts, v1/engine/core.py DPEngineCoreProc (vllm-project/vllm@
 * 00746147). Left out: after the last request vLLM's ranks go on with dummy steps until the next time they ask each
 * other, once in 32 steps; here the group is idle at once.
 *
 * A request goes to one rank at its arrival and stays: the one with the least 4 waiting + running, the first of equal ones
 * (v1/engine/core_client.py DPLBAsyncMPClient.get_core_engine_for_request). vLLM's counts are up to 100 ms old, with the
 * requests sent since then as waiting; here they are those of the moment.
 *
 * A run of decode steps is cut where any rank's batch changes, and where another rank becomes the slowest. */
#ifndef KW_SIM_FLEET_LOCKSTEP_H
#define KW_SIM_FLEET_LOCKSTEP_H
#include "sim/fleet/replica.h"

/* As kw_replica_init, without memory kept for others. r is a group from here on, empty on failure. KW_ERANGE: LoRA adapters,
 * whose slots and memory are not told apart by rank. */
enum kw_status kw_lockstep_init(struct kw_replica *r, const struct kw_sched_config *c, uint32_t ranks,
                                const struct kw_steptime *t, enum kw_stepping mode, struct kw_hist *itl,
                                struct kw_error *err);
void kw_lockstep_free(struct kw_replica *r);
void kw_lockstep_reset(struct kw_replica *r);
void kw_lockstep_watch(struct kw_replica *r, struct kw_hist *itl, kw_ns now);
enum kw_status kw_lockstep_add(struct kw_replica *r, const struct kw_sched_request *q, kw_ns now, uint32_t *slot,
                               struct kw_error *err);
void kw_lockstep_advance(struct kw_replica *r, struct kw_replica_out *out);
void kw_lockstep_cancel(struct kw_replica *r, uint32_t slot, kw_ns now);
uint64_t kw_lockstep_kv_asked(const struct kw_replica *r, kw_ns now);
uint32_t kw_lockstep_kill(struct kw_replica *r, kw_ns now, uint64_t *ids);
struct kw_replica_count kw_lockstep_counted(const struct kw_replica *r);
/* Over the ranks' schedulers. */
uint32_t kw_lockstep_sum(const struct kw_replica *r, uint32_t (*of)(const struct kw_sched *));
/* The rank of a slot, and the slot it has there. */
const struct kw_replica *kw_lockstep_rank(const struct kw_replica *r, uint32_t slot, uint32_t *inner);

#endif
