/* sim/fleet/disaggregated.h - a replica whose engines prefill or decode, never both: x that prefill, y that decode ("xPyD"),
 * started, scaled and billed as one. For replica.c alone, which hands its calls on; struct kw_disaggregated is a deployment's.
 *
 * A request goes, when it comes, to the engine of each kind that has the fewest. One engine computes its prompt and one token; it
 * keeps the KV blocks. From then on the request waits at the other, which takes blocks for the whole prompt when its turn comes
 * (engine/scheduler: receives), and the keys and values move:
 *     latency + prompt kv_bytes / bytes_s,
 * one prompt at a time from each engine and to each engine, in the order in which blocks were taken. Then the first engine's blocks
 * are free, and the second computes the prompt's last token anew and has the request's FIRST token: that is the one which the
 * client gets, since the proxy passes on what the decoding server answers; so TTFT has the prefill, the transfer, both
 * queues and one step. The token of the prefilling engine is thrown away and counted nowhere.
 * Source: vLLM's NixlConnector, pull (docs/features/nixl_connector_usage.md, v1/core/sched/scheduler.py, vllm-project/vllm@00024d31);
 * which engines are chosen when: Dynamo and llm-d, whose routers know both at arrival. Left out: the proxy's own time,
 * prefixes that the decoding engine has already (everything moves), transfers layer by layer while the prompt is computed. */
#ifndef KW_SIM_FLEET_DISAGGREGATED_H
#define KW_SIM_FLEET_DISAGGREGATED_H
#include "sim/fleet/replica.h"

struct kw_disaggregated {
    uint32_t prefill, decode; /* engines; 0, 0: there is none of this, and the rest is not looked at */
    const struct kw_steptime *prefill_time;
    struct kw_sched_config prefill_sched; /* vllm or sarathi, as the decoding engines' */
    int64_t kv_bytes, bytes_s;            /* of a token, all its layers; of the link of an engine; >= 1 both */
    kw_ns latency;
};
#define KW_DISAGGREGATED_MOST 64 /* engines of a kind */

/* A prompt's way from one engine to the other, rounded to the nearest ns. */
kw_ns kw_transfer_ns(const struct kw_disaggregated *d, uint32_t prompt);

/* As kw_replica_init; r is a pair from here on, empty on failure. KW_ERANGE: a scheduler that such requests are not for. */
enum kw_status kw_pair_init(struct kw_replica *r, const struct kw_sched_config *c, const struct kw_steptime *t,
                            const struct kw_disaggregated *d, enum kw_stepping mode, struct kw_hist *itl,
                            struct kw_error *err);
void kw_pair_free(struct kw_replica *r);
void kw_pair_reset(struct kw_replica *r);
void kw_pair_watch(struct kw_replica *r, struct kw_hist *itl, kw_ns now);
enum kw_status kw_pair_add(struct kw_replica *r, const struct kw_sched_request *q, kw_ns now, uint32_t *slot,
                           struct kw_error *err);
void kw_pair_advance(struct kw_replica *r, kw_ns now, struct kw_replica_out *out);
void kw_pair_cancel(struct kw_replica *r, uint32_t slot, kw_ns now);
uint64_t kw_pair_kv_asked(const struct kw_replica *r, kw_ns now);
uint32_t kw_pair_kill(struct kw_replica *r, kw_ns now, uint64_t *ids);
struct kw_replica_count kw_pair_counted(const struct kw_replica *r);
uint32_t kw_pair_cached(const struct kw_replica *r, uint32_t slot);
uint32_t kw_pair_preemptions(const struct kw_replica *r, uint32_t slot);
uint32_t kw_pair_waiting(const struct kw_replica *r);
uint32_t kw_pair_seated(const struct kw_replica *r);
uint32_t kw_pair_blocks_free(const struct kw_replica *r);
uint32_t kw_pair_blocks(const struct kw_replica *r);

#endif
