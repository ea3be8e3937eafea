/* engine/scheduler/scheduler.h - decides every batch, in the real engine and in the simulator alike; it knows no clock.
 *
 * Semantics are those of vLLM V1 (v1/core/sched/scheduler.py, 0.19): a token budget per step, running sequences first
 * in the order they were admitted, then waiting ones first come first served, chunked to the budget; KV blocks of
 * block_size tokens; when blocks run out the newest running sequence is preempted, put at the head of the waiting queue
 * and recomputed (its generated tokens become part of the prompt to prefill); nothing waiting is admitted in a step
 * that preempted. Policies, exactly:
 *   vllm           as above, chunked prefill.
 *   sarathi        the same; max_num_batched_tokens is the chunk, decodes included.
 *   prefill_first  (vLLM V0) a step is either prompts or decodes. While the head of the queue has a seat, and blocks
 *                  for its whole prompt, and fits the rest of the budget, it is admitted as one whole chunk; a prompt
 *                  longer than the budget is admitted when it is the first of the step, and then alone. If none was
 *                  admitted, all running sequences decode. Beside running ones a prompt is admitted only if a hundredth
 *                  of all blocks (rounded down) stays free: V0's watermark (core/block_manager.py, 0.8, April 2025),
 *                  which keeps room for the next tokens of those that decode. V0 gives up a prompt that is too long
 *                  for it; here it waits until it is alone, when nobody needs the room.
 *   static         when none runs, the batch is taken: from the head of the queue while there is a seat and blocks for
 *                  the whole prompt, whatever the budget. Steps then prefill the batch in order, chunked to the budget,
 *                  without decodes, until every prompt is done; then all decode. The finished leave, nobody joins.
 *   trtllm         TensorRT-LLM's in-flight batching with chunked context, GUARANTEED_NO_EVICT (its default): as vllm, but
 *                  a prompt is admitted only if all blocks up to its last token fit beside those that the running ones
 *                  will yet take, so nobody is ever preempted. At admission it takes the blocks of its whole prompt. A
 *                  chunk that the budget cuts ends at a block; where not a block fits, it waits. Who is to be computed
 *                  next is passed by nobody; TensorRT-LLM lets a prompt pass that fits whole into what is left of the
 *                  budget, which is less than a block. It reserves for the longest answer that a request allows; here
 *                  that is `output`, since logs do not tell another. Cached blocks that others hold are not reserved
 *                  again. Left out: a prompt held back for a step since another one of it computes its prefix.
 *   trtllm_max_utilization  the same, MAX_UTILIZATION: admitted with blocks for its prompt; when blocks run out, the
 *                  newest is paused and recomputed, as in vllm.
 *                  Source of both: cpp/tensorrt_llm/batch_manager/capacityScheduler.cpp and microBatchScheduler.cpp
 *                  (1.0 and main of 2025; FIRST_COME_FIRST_SERVED chunks of a unit of a KV block), and
 *                  nvidia.github.io/TensorRT-LLM, performance/performance-tuning-guide/useful-runtime-flags.
 *
 * Prefix caching follows vLLM: a full block is cached when it is scheduled; freed blocks join the tail of the free
 * queue, a sequence's last block first, and are taken from its head; a hit leaves the queue. Hits: whole leading
 * blocks, at most (tokens to prefill - 1) / block_size of them. A block is named by all hashes up to its own and its
 * place within that hash; blocks that no hash covers (the rest of the prompt; generated tokens, unless the hashes are said to
 * cover the answer) can be hit only by their own sequence after a preemption. One simplification: the last block of a fully cached prompt, which is
 * recomputed, is a private copy.
 *
 * LoRA adapters (max_loras > 0; policies vllm and sarathi). A batch holds sequences of at most max_loras distinct
 * adapters, those of the base model not counted: a waiting one that would bring one more is passed over and keeps its
 * place, and those behind it are tried. Which adapter is in which slot: adapter_slots.h. A sequence whose adapter is not
 * in the host's memory yet is held: it has a slot here and is in no queue until kw_sched_release. Prompts of different
 * adapters share no blocks, since their keys and values differ.
 *
 * Async scheduling. vLLM decides step k + 1 when step k - 1 has ended and k begins, so the decision knows less:
 * requests that came during step k are not in the queue yet, and sequences whose last token comes with step k are not
 * scheduled but hold their seat and blocks (as the newest they may be dropped to make room; nothing is admitted then).
 * Here the caller still asks for step k + 1 after the commit of k, and kw_sched_step leaves out what vLLM could not
 * know. A batch that would be empty takes no time, so then the next one is decided at once with all that is known.
 * Source: v1/core/sched/async_scheduler.py and v1/engine/core.py step_with_batch_queue, 0.19.
 *
 * Speculative decoding (draft_tokens k > 0; policies vllm and sarathi, without async scheduling). A decoding sequence takes
 * 1 + k tokens of the budget a step: its last token and k drafted ones, which the model verifies. How many of them come out
 * is not the scheduler's to know: the caller says it at the commit (kw_sched_commit_drafts), from 1 to 1 + k. A step needs
 * KV blocks for all of them and for lookahead_tokens more, where the next drafts are written; a sequence keeps the blocks
 * of refused tokens, whose places the next ones take. Near max_model_len vLLM drafts fewer; here that bounds the blocks
 * alone. Source: v1/core/sched/scheduler.py schedule (num_tokens_with_spec, num_lookahead_tokens), 0.19.
 *
 * Disaggregated prefill and decode (policies vllm and sarathi, without async scheduling). A request that keeps (output 1) leaves its
 * seat with its token and keeps its KV blocks until kw_sched_give: somebody else is to read them. One that receives gets the
 * keys and values of its prompt from elsewhere: when its turn comes, with a seat free and blocks for the whole prompt, it takes
 * the blocks and no seat, and waits for kw_sched_received, passed by those behind it. Then it is admitted before all that
 * wait, and computes its prompt's last token to have its first one. Preempted, it is computed here, like any other.
 * Source: v1/core/sched/scheduler.py schedule (WAITING_FOR_REMOTE_KVS), 0.19; where vLLM turns the order of those around
 * in each step, they keep it here.
 *
 * A second tier in the host's memory (host_blocks > 0; policies vllm and sarathi with prefix caching). Full blocks that hashes
 * name are written through to it when they are scheduled, and the least recently used leave (host_tier.h). When a waiting prompt's turn
 * comes and blocks that follow its hits are in the host's memory, it takes the blocks of its whole prompt and no seat, and
 * loads them, passed by those behind it, until kw_sched_received; then it is admitted before all that wait and
 * computes the rest. It loads whatever that takes: no engine weighs it against computing.
 * Source: vLLM 0.19's OffloadingConnector (v1/kv_offload; WAITING_FOR_REMOTE_KVS of the scheduler). Left out: vLLM takes the blocks
 * behind the loaded ones only once they are there, which can lock two prompts that wait for each other's; a block counts as
 * stored before its copy has ended.
 *
 * Cost. One step is O(prefill chunks + finished + preempted), not O(running): all decoding sequences advance together,
 * so a decode step is a running sum of context, a ring/heap of completions by tick, and counts of sequences by position
 * within their block. Between two changes of composition, k decode steps are one kw_sched_advance(k). With drafts each
 * sequence goes its own way, so a step is O(running) and is never jumped over.
 *
 * A "slot" names a sequence inside one scheduler from add to finish; slots are dense, reused, < capacity grown on
 * demand. */
#ifndef KW_ENGINE_SCHEDULER_SCHEDULER_H
#define KW_ENGINE_SCHEDULER_SCHEDULER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

enum kw_sched_policy {
    KW_SCHED_VLLM,
    KW_SCHED_PREFILL_FIRST,
    KW_SCHED_SARATHI,
    KW_SCHED_STATIC,
    KW_SCHED_TRTLLM,
    KW_SCHED_TRTLLM_MAX_UTILIZATION
};
extern const char *const kw_sched_policy_name[]; /* "vllm", ...; NULL after the last */

#define KW_SCHED_MAX_LORAS 4096
#define KW_SCHED_MAX_DRAFTS 32

struct kw_sched_config {
    enum kw_sched_policy policy;
    uint32_t
        max_num_batched_tokens; /* token budget of a step; >= max_num_seqs (for sarathi: the chunk; trtllm: >= block_size) */
    uint32_t max_num_seqs;      /* sequences running at most; >= 1 */
    uint32_t max_model_len; /* prompt + output at most; longer requests are refused by add */
    uint32_t block_size;    /* tokens a KV block; power of two, 1..512 */
    uint32_t num_blocks;    /* KV blocks of the replica; vLLM's num_gpu_blocks - 1, as it keeps one (the null block) */
    bool prefix_caching;    /* reuse blocks by hash, LRU eviction */
    uint32_t host_blocks;   /* KV blocks of a second tier in the host's memory; 0: none */
    bool reserve_full_prompt; /* vLLM 0.19 scheduler_reserve_full_isl: admit only if the whole prompt's blocks fit */
    bool block_tables;        /* real engine: keep each sequence's physical block ids */
    bool async_scheduling;    /* vLLM 0.19's default: a batch is decided while the one before it runs; vllm, sarathi */
    uint32_t max_loras;       /* distinct LoRA adapters in a batch, at most KW_SCHED_MAX_LORAS; 0: none is served */
    uint32_t
        draft_tokens; /* speculative decoding: a decoding sequence's a step, at most KW_SCHED_MAX_DRAFTS; 0: none */
    uint32_t lookahead_tokens; /* with them: KV slots beyond those that a step computes, at most as many */
};

struct kw_sched_request {
    uint64_t id;                 /* the caller's name for it, handed back */
    uint32_t prompt, output;     /* tokens, both >= 1; output is where it stops (the engine may finish earlier) */
    const uint64_t *hash;        /* [n_hash] prefix-block hashes, borrowed until the sequence is gone; NULL without */
    uint32_t n_hash, hash_block; /* hash_block: tokens a hash covers, multiple of block_size */
    bool
        answers; /* the hashes go on over the answer's tokens: once it is given, its full blocks are found as a prompt's */
    uint32_t adapter;     /* of LoRA, < 2^24; 0: the base model */
    bool held;            /* its adapter is not here yet: waits in no queue until it is released */
    bool keeps, receives; /* disaggregated, see above; at most one of them */
    uint64_t luck;        /* the caller's: of what is random about the request; nothing here looks at it */
};

/* One prefill chunk of a step. */
struct kw_sched_chunk {
    uint32_t slot;
    uint32_t past; /* tokens already in the KV cache before it (computed or hit in the prefix cache) */
    uint32_t len;  /* tokens computed now */
    bool last;     /* the prompt ends here: this step yields its next token */
};

/* A batch and the features that decide how long it takes. Pointers are the scheduler's, valid until its next call. */
struct kw_step {
    uint32_t n_decode;       /* sequences that compute one token each, and what of it was drafted */
    uint32_t drafted;        /* drafted tokens that they verify, all together */
    uint64_t decode_context; /* sum over them of tokens in the KV cache after this step, the new ones included */
    uint32_t n_chunks;
    const struct kw_sched_chunk *chunks; /* [n_chunks] in schedule order */
    uint32_t prefill_tokens;             /* sum of len */
    uint32_t asked_tokens;     /* of the step, with those of the next in order that found no KV blocks: with any larger
                                  max_num_batched_tokens the decision is this one (not prefill_first) */
    uint64_t prefill_pairs2;   /* sum of 2*len*past + len*len: twice the query-key pairs of causal attention */
    uint32_t n_preempted;      /* sequences preempted while this step was decided */
    const uint32_t *preempted; /* [n_preempted] slots, now waiting */
    uint32_t n_adapters;       /* distinct adapters of the batch; 0: the base model alone */
    uint32_t n_entered;
    const uint32_t *entered; /* [n_entered] adapters that take a GPU slot for it, in order of admission */
    uint32_t n_began;
    const uint32_t *began; /* [n_began] slots that took blocks to receive or load into; of an empty step, too */
};

struct kw_sched_done {        /* what a commit or an advance ended */
    uint32_t n_first;         /* sequences that got their first token in this step */
    const uint32_t *first;    /* slots; their 2nd token (if any) comes with the next step they are in */
    uint32_t n_finished;      /* sequences that got their last token in this step; their blocks are free again */
    const uint32_t *finished; /* slots, in admission order; valid to query until the next call of the scheduler */
};

struct kw_sched; /* opaque: engine/scheduler/scheduler.c */

/* KW_ERANGE with a message when a field of c is out of range. */
enum kw_status kw_sched_new(struct kw_sched **s, const struct kw_sched_config *c, struct kw_error *err);
void kw_sched_delete(struct kw_sched *s);
void kw_sched_reset(struct kw_sched *s); /* as new (prefix cache empty), memory kept */

/* Appends to the waiting queue. KW_ERANGE when it can never run: prompt + output > max_model_len or more blocks than
 * num_blocks (for prompt + output - 1 tokens: the last one never enters the KV cache). KW_ENOMEM: unchanged. Between
 * kw_sched_step and its commit it is allowed and concerns the next batch; what kw_sched_jumpable said still holds when
 * the request cannot join that one: others wait already (not with adapters), no seat is free, or the policy is static
 * (not when async). */
enum kw_status kw_sched_add(struct kw_sched *s, const struct kw_sched_request *r, uint32_t *slot, struct kw_error *err);

/* A held sequence joins the waiting queue, as if it were added now. */
void kw_sched_release(struct kw_sched *s, uint32_t slot);
/* An adapter of which no sequence waits or runs has left the host's memory, and with it its GPU slot. */
void kw_sched_unload(struct kw_sched *s, uint32_t adapter);

/* The keys and values of a sequence that receives or loads are there: it may be admitted. */
void kw_sched_received(struct kw_sched *s, uint32_t slot);
/* A finished sequence that kept its blocks gives them up. Not between step and commit. */
void kw_sched_give(struct kw_sched *s, uint32_t slot);

/* Decides the next batch (allocating blocks, preempting, admitting). False and an empty step when there is nothing to
 * run. Exactly one commit (or advance) must follow a true. Cannot fail: all memory is taken in add. */
bool kw_sched_step(struct kw_sched *s, struct kw_step *step);

/* As kw_sched_step, for a caller that does run a step ahead (async_scheduling only): it gives the commit of batch k
 * when it has handed k to the device, and asks for k + 1 while k runs. Requests added by now are known, since those
 * that come during k cannot have been added yet; and a batch that would be empty stays empty: ask again when k has
 * ended and what came during it was added. So both calls make the same decisions, each at its own time. */
bool kw_sched_step_ahead(struct kw_sched *s, struct kw_step *step);

/* The step has been computed: tokens are there, sequences advance, the finished leave. */
void kw_sched_commit(struct kw_sched *s, struct kw_sched_done *done);

/* After a true step that is pure decode (n_chunks == 0): how many steps, this one included, run with the same sequences
 * in the same way, i.e. up to and including the first at whose end a sequence finishes, and before the first that would
 * preempt or admit. >= 1. 1 when the step has prefill chunks. O(block_size) at most. */
uint64_t kw_sched_jumpable(const struct kw_sched *s);

/* k steps at once, 1 <= k <= kw_sched_jumpable(s): same state as k times (commit, step) would leave, to the bit. */
void kw_sched_advance(struct kw_sched *s, uint64_t k, struct kw_sched_done *done);

/* With draft_tokens, in the place of a commit: tokens[i] >= 1, that the i-th decoding sequence (kw_sched_decoding) was
 * found to have; set to what it got, which is fewer where its output ends. */
void kw_sched_commit_drafts(struct kw_sched *s, uint32_t *tokens, struct kw_sched_done *done);

/* The sequence is gone (client timeout, disconnect, engine stop token); frees its blocks wherever it is. Not between
 * step and commit. */
void kw_sched_cancel(struct kw_sched *s, uint32_t slot);

/* Queries. */
uint32_t kw_sched_waiting(const struct kw_sched *s); /* sequences, held ones not among them */
uint32_t kw_sched_held(const struct kw_sched *s);
uint32_t
kw_sched_receiving(const struct kw_sched *s); /* those that receive or load, or have and are not admitted yet */
uint64_t kw_sched_adapters_state(const struct kw_sched *s); /* a fingerprint of which adapters are in slots, and of the
                                                               order in which they give way */
uint32_t kw_sched_running(const struct kw_sched *s);
uint32_t kw_sched_most_running(const struct kw_sched *s); /* at once, since it was new or reset */
uint64_t kw_sched_context(const struct kw_sched *s); /* tokens in the KV cache of decoding sequences, before the step
                                                         under way; prompts in pieces left out */
uint64_t kw_sched_tokens_waiting(const struct kw_sched *s); /* to compute for those that wait; O(waiting) */
uint32_t kw_sched_num_blocks(const struct kw_sched *s);
uint32_t kw_sched_blocks_free(const struct kw_sched *s); /* evictable cached blocks count as free */
uint64_t kw_sched_id(const struct kw_sched *s, uint32_t slot);
uint32_t kw_sched_generated(const struct kw_sched *s, uint32_t slot); /* output tokens so far */
uint32_t kw_sched_cached(const struct kw_sched *s, uint32_t slot);    /* prompt tokens taken from the prefix cache at
                                                                         its first admission */
uint32_t kw_sched_loaded(const struct kw_sched *s, uint32_t slot);    /* of them, loaded from the host's memory */
uint32_t kw_sched_preemptions(const struct kw_sched *s, uint32_t slot);
uint32_t kw_sched_loading(const struct kw_sched *s,
                          uint32_t slot);                /* blocks it loads, of one that kw_step.began names */
uint32_t kw_sched_host_blocks(const struct kw_sched *s); /* in the host's memory now */
/* All sequences: the running in admission order, then those that received, receive and wait, each in order, then the held; slots: room for all.
 * Returns how many. */
uint32_t kw_sched_list(const struct kw_sched *s, uint32_t *slots);
/* Real engine only (block_tables): physical block ids of a sequence, [*n]; id < num_blocks. */
const uint32_t *kw_sched_blocks(const struct kw_sched *s, uint32_t slot, uint32_t *n);
/* The i-th decoding sequence of the last step, in admission order: slot; real engine and tests, O(1) after step. */
uint32_t kw_sched_decoding(const struct kw_sched *s, uint32_t i);
/* Asserts every invariant (block conservation, sums, ring), O(running + blocks); tests call it after each step. */
bool kw_sched_check(const struct kw_sched *s, struct kw_error *err);

#endif
