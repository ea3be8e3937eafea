/* tests/engine/reference_scheduler.h - the scheduler of engine/scheduler/scheduler.h written the slow, obvious way, to
 * be compared with it and to be read first. Every step walks over every running sequence; every KV block is an object
 * with a count of users; the free queue is an array. No sums are kept, nothing is jumped over, nothing is allocated.
 *
 * Semantics: vLLM V1 as of 0.19 (v1/core/sched/scheduler.py schedule(), v1/core/kv_cache_manager.py allocate_slots(),
 * v1/core/block_pool.py), synchronous scheduling, one KV group, no speculation. In vLLM's words there is no prefill and
 * no decode: a sequence has `tokens` known tokens (prompt + generated) of which `computed` are in the KV cache, and a
 * step hands it min(tokens - computed, budget left) more. Once all are computed the step yields the next token.
 *
 * What decides the corner cases:
 *  - Hits are looked up at each admission, the resumed ones included, in whole blocks from the front, over at most
 *    tokens - 1 tokens: the last token is always computed, since its logits are needed.
 *  - A block gets its hash when the step that fills it is decided, not when it is done: a second sequence admitted in
 *    the same step already hits it.
 *  - Where this is not vLLM: a block that is filled while the cache has its content already (the recomputed last block
 *    of a fully cached prompt; with static also whole prefixes) is a copy, and it and the blocks after it are the
 *    sequence's own until it has to come back without any of them. vLLM gives the copy the same hash; a look-up takes
 *    the one that got it first, so there the copy serves hits once the first is evicted.
 *  - A sequence gives its blocks back last block first, each to the end of the free queue; blocks are taken from the
 *    front and lose their hash then. So the least recently freed goes first, and of one sequence the tail before the
 *    head.
 *  - LoRA adapters: a waiting sequence whose adapter would be one more than max_loras in the batch is passed over and
 *    keeps its place. A step names the adapters that were in no slot when it was decided; slots are a list, the one
 *    whose adapter was in a batch last at its end.
 *  - Hit blocks that nobody uses are still in the free queue, so they count as blocks to be found (`evictable` below).
 *  */
#ifndef KW_TESTS_ENGINE_REFERENCE_SCHEDULER_H
#define KW_TESTS_ENGINE_REFERENCE_SCHEDULER_H
#include <assert.h>
#include <string.h>
#include "engine/scheduler/scheduler.h"

enum {
    REF_SEQS = 64,
    REF_BLOCKS = 512,
    REF_NONE = -1
}; /* a case has at most so many requests, a replica so many blocks */

/* Names the content of a full block and of all before it: the trace's hashes up to it, mixed into one number as vLLM
 * chains them, and its place within the last one; or a sequence's own and the block's place in it. */
struct ref_hash {
    uint64_t owner; /* 0: content the trace names; else sequence + 1, content nobody else can have */
    uint64_t chain;
    uint32_t part;
};

struct ref_block {
    uint32_t users;
    bool hashed;
    struct ref_hash hash;
};

struct ref_seq { /* one per request for the whole case: its index is never reused */
    struct kw_sched_request r;
    enum { REF_WAITING, REF_RUNNING, REF_GONE } state;
    uint32_t generated, computed; /* output tokens known; tokens in the KV cache */
    bool prefilling;              /* admitted, and the tokens known at admission are not all computed yet */
    uint32_t scheduled;           /* tokens given to it in the step being decided */
    uint32_t n_blocks, block[REF_BLOCKS];
    uint32_t n_hashed;            /* its first n_hashed blocks have their hash */
    uint32_t private_from;        /* blocks from here on are named its own, the first of them being a copy */
    bool admitted;                /* at least once */
    uint32_t cached, preemptions; /* prompt tokens hit at the first admission */
};

struct ref_chunk {
    uint64_t id;
    uint32_t past, len;
    bool last;
};

struct ref_batch { /* kw_step with ids for slots */
    uint32_t n_decode, n_chunks, n_preempted, prefill_tokens;
    uint64_t decode_context, prefill_pairs2;
    uint64_t decoding[REF_SEQS], preempted[REF_SEQS]; /* ids; admission order; order of preemption */
    struct ref_chunk chunk[REF_SEQS];
    uint32_t n_adapters, n_entered, entered[REF_SEQS];
    uint32_t n_passed; /* sequences passed over for one that was admitted: the real one does not tell */
};

struct ref_done {
    uint32_t n_first, n_finished;
    uint64_t first[REF_SEQS], finished[REF_SEQS];
};

struct ref_sched {
    struct kw_sched_config c;
    struct ref_block block[REF_BLOCKS];
    uint32_t n_free, free[REF_BLOCKS]; /* the free queue: block ids, next to be taken first */
    uint32_t n_seqs;
    struct ref_seq seq[REF_SEQS];
    uint32_t n_waiting, waiting[REF_SEQS]; /* first come first */
    uint32_t n_running, running[REF_SEQS]; /* in order of admission: the newest last */
    uint32_t n_slots, slot[REF_SEQS];      /* adapters in the GPU's slots: the one out of use for longest first */
};

/* --- small things --- */

static inline uint32_t ref_blocks_for(const struct ref_sched *s, uint32_t tokens)
{
    return (tokens + s->c.block_size - 1) / s->c.block_size;
}

static inline uint32_t ref_tokens(const struct ref_seq *q)
{
    return q->r.prompt + q->generated;
}

static inline void ref_remove(uint32_t *list, uint32_t *n, uint32_t value)
{
    uint32_t at = 0;
    while (at < *n && list[at] != value) at++;
    assert(at < *n);
    memmove(list + at, list + at + 1, (*n - at - 1) * sizeof *list);
    (*n)--;
}

static inline void ref_append(uint32_t *list, uint32_t *n, uint32_t value)
{
    list[(*n)++] = value;
}

static inline void ref_prepend(uint32_t *list, uint32_t *n, uint32_t value)
{
    memmove(list + 1, list, *n * sizeof *list);
    list[0] = value;
    (*n)++;
}

/* --- blocks --- */

static inline struct ref_hash ref_own_hash(const struct ref_sched *s, const struct ref_seq *q, uint32_t i)
{
    return (struct ref_hash){ (uint64_t)(q - s->seq) + 1, 0, i };
}

/* The name of the content of block i of a sequence. The trace names whole prompt blocks as far as its hashes reach; a
 * block with generated tokens, or prompt beyond the hashes, is the sequence's own. */
static inline struct ref_hash ref_hash_of(const struct ref_sched *s, const struct ref_seq *q, uint32_t i)
{
    uint32_t first = i * s->c.block_size, end = first + s->c.block_size;
    if (!q->r.hash || end > q->r.prompt || first / q->r.hash_block >= q->r.n_hash) return ref_own_hash(s, q, i);
    uint64_t chain = q->r.adapter * 0xd1b54a32d192ed03u; /* another adapter, other keys and values */
    for (uint32_t h = 0; h <= first / q->r.hash_block; h++) {
        chain =
            (chain + q->r.hash[h] + 1) * 0x9e3779b97f4a7c15u; /* any good mix will do: 64 bits do not collide here */
        chain = (chain ^ chain >> 32) * 0xd6e8feb86659fd93u;
        chain ^= chain >> 29;
    }
    return (struct ref_hash){ 0, chain, first % q->r.hash_block / s->c.block_size };
}

static inline int ref_find_block(const struct ref_sched *s, struct ref_hash h)
{
    for (uint32_t b = 0; b < s->c.num_blocks; b++) {
        const struct ref_block *x = &s->block[b];
        if (x->hashed && x->hash.owner == h.owner && x->hash.chain == h.chain && x->hash.part == h.part) return (int)b;
    }
    return REF_NONE;
}

/* The blocks in the cache that q can start from: their number, the ids in hit[]; whether any is its own from before a
 * preemption. Where it had copies it looks for those, and behind one of its own for its own only. */
static inline uint32_t ref_find_hits(const struct ref_sched *s, const struct ref_seq *q, uint32_t *hit, bool *own)
{
    uint32_t n = 0, most = (ref_tokens(q) - 1) / s->c.block_size;
    *own = false;
    if (!s->c.prefix_caching) return 0;
    for (; n < most; n++) {
        int b = ref_find_block(s, ref_own_hash(s, q, n));
        if (b != REF_NONE)
            *own = true;
        else if (!*own)
            b = ref_find_block(s, ref_hash_of(s, q, n));
        if (b == REF_NONE) break;
        hit[n] = (uint32_t)b;
    }
    return n;
}

static inline void ref_use_hit(struct ref_sched *s, struct ref_seq *q, uint32_t b)
{
    if (s->block[b].users == 0) ref_remove(s->free, &s->n_free, b);
    s->block[b].users++;
    ref_append(q->block, &q->n_blocks, b);
}

/* Blocks for `tokens` tokens in all; false, and nothing changed, when there are not enough. */
static inline bool ref_grow(struct ref_sched *s, struct ref_seq *q, uint32_t tokens)
{
    uint32_t want = ref_blocks_for(s, tokens);
    if (want > q->n_blocks && want - q->n_blocks > s->n_free) return false;
    while (q->n_blocks < want) {
        uint32_t b = s->free[0];
        ref_remove(s->free, &s->n_free, b);
        s->block[b] = (struct ref_block){ .users = 1 }; /* evicted: the hash is gone */
        ref_append(q->block, &q->n_blocks, b);
    }
    return true;
}

/* Gives the blocks that `tokens` tokens fill their hash. */
static inline void ref_hash_full_blocks(struct ref_sched *s, struct ref_seq *q, uint32_t tokens)
{
    if (!s->c.prefix_caching) return;
    for (; q->n_hashed < tokens / s->c.block_size; q->n_hashed++) {
        struct ref_block *x = &s->block[q->block[q->n_hashed]];
        struct ref_hash h = ref_hash_of(s, q, q->n_hashed);
        if (q->n_hashed < q->private_from && ref_find_block(s, h) != REF_NONE) q->private_from = q->n_hashed;
        x->hash = q->n_hashed < q->private_from ? h : ref_own_hash(s, q, q->n_hashed);
        x->hashed = true;
    }
}

static inline void ref_give_back(struct ref_sched *s, struct ref_seq *q)
{
    while (q->n_blocks > 0) {
        uint32_t b = q->block[--q->n_blocks];
        if (--s->block[b].users == 0) ref_append(s->free, &s->n_free, b);
    }
    q->n_hashed = 0;
    q->computed = 0;
}

/* --- adapters --- */

static inline bool ref_adapter_runs(const struct ref_sched *s, uint32_t adapter)
{
    for (uint32_t at = 0; at < s->n_running; at++)
        if (s->seq[s->running[at]].r.adapter == adapter) return true;
    return false;
}

static inline uint32_t ref_adapters(const struct ref_sched *s)
{
    uint32_t n = 0;
    for (uint32_t at = 0; at < s->n_running; at++) {
        uint32_t a = s->seq[s->running[at]].r.adapter, first = 0;
        while (s->seq[s->running[first]].r.adapter != a) first++;
        n += a && first == at;
    }
    return n;
}

static inline bool ref_may_join(const struct ref_sched *s, const struct ref_seq *q)
{
    return !q->r.adapter || ref_adapter_runs(s, q->r.adapter) || ref_adapters(s) < s->c.max_loras;
}

/* q's adapter is in use by the batch from now on; a slot is found for it. */
static inline void ref_use_adapter(struct ref_sched *s, struct ref_batch *b, const struct ref_seq *q)
{
    uint32_t a = q->r.adapter, at = 0;
    if (!a) return;
    while (at < s->n_slots && s->slot[at] != a) at++;
    if (at < s->n_slots) return;
    for (at = 0; s->n_slots == s->c.max_loras;) {
        if (ref_adapter_runs(s, s->slot[at]))
            at++;
        else
            ref_remove(s->slot, &s->n_slots, s->slot[at]);
    }
    ref_append(s->slot, &s->n_slots, a);
    b->entered[b->n_entered++] = a;
}

/* A sequence left the batch: an adapter that none runs of any more is the one used last. */
static inline void ref_drop_adapter(struct ref_sched *s, uint32_t a)
{
    if (!a || ref_adapter_runs(s, a)) return;
    ref_remove(s->slot, &s->n_slots, a);
    ref_append(s->slot, &s->n_slots, a);
}

/* --- deciding a step --- */

static inline bool ref_in_whole_blocks(const struct ref_sched *s)
{
    return s->c.policy == KW_SCHED_TRTLLM || s->c.policy == KW_SCHED_TRTLLM_MAX_UTILIZATION;
}

/* As much of a prompt as the budget allows; TensorRT-LLM cuts it after a whole block, which may be none. */
static inline uint32_t ref_cut(const struct ref_sched *s, uint32_t left, uint32_t budget)
{
    uint32_t len = left < budget ? left : budget;
    return len < left && ref_in_whole_blocks(s) ? len / s->c.block_size * s->c.block_size : len;
}

static inline uint32_t ref_blocks_at_its_end(const struct ref_sched *s, const struct ref_seq *q)
{
    return ref_blocks_for(s, q->r.prompt + q->r.output - 1);
}

/* Blocks that the running ones have yet to take before they end. */
static inline uint32_t ref_promised(const struct ref_sched *s)
{
    uint32_t n = 0;
    for (uint32_t at = 0; at < s->n_running; at++)
        n += ref_blocks_at_its_end(s, &s->seq[s->running[at]]) - s->seq[s->running[at]].n_blocks;
    return n;
}

static inline void ref_put_in_batch(struct ref_batch *b, struct ref_seq *q, uint32_t len)
{
    q->scheduled = len;
    if (q->prefilling) {
        b->chunk[b->n_chunks++] = (struct ref_chunk){ q->r.id, q->computed, len, q->computed + len == ref_tokens(q) };
        b->prefill_tokens += len;
        b->prefill_pairs2 += 2 * (uint64_t)len * q->computed + (uint64_t)len * len;
    } else {
        b->decoding[b->n_decode++] = q->r.id;
        b->decode_context += q->computed + len;
    }
}

static inline void ref_preempt_newest(struct ref_sched *s, struct ref_batch *b)
{
    uint32_t i = s->running[s->n_running - 1];
    struct ref_seq *q = &s->seq[i];
    s->n_running--;
    ref_give_back(s, q);
    q->state = REF_WAITING;
    q->prefilling = false;
    q->preemptions++;
    ref_drop_adapter(s, q->r.adapter);
    ref_prepend(s->waiting, &s->n_waiting, i);
    b->preempted[b->n_preempted++] = q->r.id;
}

/* The running sequences, oldest first: each gets what it still has to compute, at most the budget. When there is no
 * block for one, the newest leave until there is, it itself at the latest. */
static inline void ref_schedule_running(struct ref_sched *s, struct ref_batch *b, uint32_t *budget)
{
    for (uint32_t at = 0; at<s->n_running && * budget> 0; at++) {
        struct ref_seq *q = &s->seq[s->running[at]];
        uint32_t left = ref_tokens(q) - q->computed, len = ref_cut(s, left, *budget);
        while (at < s->n_running && !ref_grow(s, q, q->computed + len)) ref_preempt_newest(s, b);
        if (at == s->n_running) break; /* q itself had to leave */
        ref_hash_full_blocks(s, q, q->computed + len);
        ref_put_in_batch(b, q, len);
        *budget = len < left ? 0 : *budget - len;
    }
}

/* How much of a prompt must be possible for it to be admitted, and how many blocks it then gets. */
enum ref_admission {
    REF_CHUNK, /* as much as the budget allows, at least a token; blocks for that (reserve_full_prompt: for all, as a
                  test) */
    REF_WHOLE, /* all of it in this step; one longer than a whole budget then has the step for itself */
    REF_SEAT   /* nothing is computed yet, but it gets its blocks for all of it */
};

/* The first of the waiting queue whose adapter may join does so; false when it cannot, and then nothing behind it may
 * pass. */
static inline bool ref_admit_next(struct ref_sched *s, struct ref_batch *b, uint32_t *budget, enum ref_admission how)
{
    uint32_t first = 0, hit[REF_BLOCKS], evictable = 0;
    bool own;
    if (s->n_running == s->c.max_num_seqs) return false;
    while (first < s->n_waiting && !ref_may_join(s, &s->seq[s->waiting[first]])) first++;
    if (first == s->n_waiting) return false;
    b->n_passed += first;
    uint32_t i = s->waiting[first];
    struct ref_seq *q = &s->seq[i];

    uint32_t n_hits = ref_find_hits(s, q, hit, &own), past = n_hits * s->c.block_size, left = ref_tokens(q) - past;
    for (uint32_t h = 0; h < n_hits; h++) evictable += s->block[hit[h]].users == 0;

    if (how == REF_WHOLE && left > *budget && b->n_chunks > 0) return false;
    uint32_t len = how == REF_CHUNK ? ref_cut(s, left, *budget) : left;
    if (len == 0) return false;
    uint32_t given = ref_in_whole_blocks(s) ? left : len, asked = s->c.reserve_full_prompt ? left : given;
    uint32_t need = ref_blocks_for(s, past + asked);
    if (s->c.policy == KW_SCHED_TRTLLM) need = ref_blocks_at_its_end(s, q) + ref_promised(s);
    uint32_t kept = how == REF_WHOLE && s->n_running > 0 ? s->c.num_blocks / 100 : 0; /* V0's watermark */
    if (need - n_hits + evictable + kept > s->n_free) return false;

    for (uint32_t h = 0; h < n_hits; h++) ref_use_hit(s, q, hit[h]);
    q->n_hashed = n_hits;
    if (!own) q->private_from = UINT32_MAX;
    bool fits = ref_grow(s, q, past + given);
    assert(fits);
    (void)fits;
    ref_remove(s->waiting, &s->n_waiting, i);
    ref_use_adapter(s, b, q);
    ref_append(s->running, &s->n_running, i);
    q->state = REF_RUNNING;
    q->computed = past;
    q->prefilling = true;
    if (!q->admitted) q->cached = past;
    q->admitted = true;
    if (how == REF_SEAT) return true;
    ref_hash_full_blocks(s, q, past + len);
    ref_put_in_batch(b, q, len);
    *budget = len < left || len > *budget ? 0 : *budget - len;
    return true;
}

static inline void ref_admit(struct ref_sched *s, struct ref_batch *b, uint32_t *budget, enum ref_admission how)
{
    while (s->n_waiting > 0 && *budget > 0 && ref_admit_next(s, b, budget, how)) {
    }
}

/* Prompts of running sequences only, oldest first; their blocks are there already. */
static inline void ref_schedule_prompts(struct ref_sched *s, struct ref_batch *b, uint32_t *budget)
{
    for (uint32_t at = 0; at<s->n_running && * budget> 0; at++) {
        struct ref_seq *q = &s->seq[s->running[at]];
        uint32_t left = ref_tokens(q) - q->computed, len = left < *budget ? left : *budget;
        if (!q->prefilling) continue;
        ref_hash_full_blocks(s, q, q->computed + len);
        ref_put_in_batch(b, q, len);
        *budget -= len;
    }
}

/* As kw_sched_step. */
static inline bool ref_step(struct ref_sched *s, struct ref_batch *b)
{
    uint32_t budget = s->c.max_num_batched_tokens;
    memset(b, 0, sizeof *b);
    for (uint32_t i = 0; i < s->n_seqs; i++) s->seq[i].scheduled = 0;
    switch (s->c.policy) {
    case KW_SCHED_VLLM:
    case KW_SCHED_TRTLLM:
    case KW_SCHED_TRTLLM_MAX_UTILIZATION:
    case KW_SCHED_SARATHI: /* the same rule; only what the budget is set to differs */
        ref_schedule_running(s, b, &budget);
        if (b->n_preempted == 0) ref_admit(s, b, &budget, REF_CHUNK);
        break;
    case KW_SCHED_PREFILL_FIRST: /* whole prompts while any may come in, else decodes */
        ref_admit(s, b, &budget, REF_WHOLE);
        if (b->n_chunks == 0) ref_schedule_running(s, b, &budget);
        break;
    case KW_SCHED_STATIC: /* seats are taken only while the replica is empty; all prompts before any decode */
        if (s->n_running == 0) ref_admit(s, b, &budget, REF_SEAT);
        ref_schedule_prompts(s, b, &budget);
        if (b->n_chunks == 0) ref_schedule_running(s, b, &budget);
        break;
    }
    b->n_adapters = ref_adapters(s);
    return b->n_decode + b->n_chunks > 0;
}

/* As kw_sched_commit: who computed all it knows has a new token; who has all its tokens leaves. */
static inline void ref_commit(struct ref_sched *s, struct ref_done *d)
{
    memset(d, 0, sizeof *d);
    for (uint32_t at = 0; at < s->n_running;) {
        uint32_t i = s->running[at];
        struct ref_seq *q = &s->seq[i];
        q->computed += q->scheduled;
        if (q->scheduled > 0 && q->computed == ref_tokens(q)) {
            q->prefilling = false;
            q->generated++;
            if (q->generated == 1) d->first[d->n_first++] = q->r.id;
        }
        q->scheduled = 0;
        if (q->generated == q->r.output) {
            d->finished[d->n_finished++] = q->r.id;
            ref_give_back(s, q);
            ref_remove(s->running, &s->n_running, i);
            ref_drop_adapter(s, q->r.adapter);
            q->state = REF_GONE;
        } else {
            at++;
        }
    }
}

/* --- coming and going --- */

static inline void ref_init(struct ref_sched *s, const struct kw_sched_config *c)
{
    assert(c->num_blocks <= REF_BLOCKS);
    memset(s, 0, sizeof *s);
    s->c = *c;
    for (uint32_t b = 0; b < c->num_blocks; b++) ref_append(s->free, &s->n_free, b);
}

/* Whether it can ever run: its last output token is never computed, so it needs blocks for one token less than it has.
 */
static inline bool ref_accepts(const struct ref_sched *s, const struct kw_sched_request *r)
{
    return r->prompt + r->output <= s->c.max_model_len &&
           ref_blocks_for(s, r->prompt + r->output - 1) <= s->c.num_blocks;
}

static inline uint32_t ref_add(struct ref_sched *s, const struct kw_sched_request *r)
{
    assert(s->n_seqs < REF_SEQS && ref_accepts(s, r));
    uint32_t i = s->n_seqs++;
    s->seq[i] = (struct ref_seq){ .r = *r, .state = REF_WAITING, .private_from = UINT32_MAX };
    ref_append(s->waiting, &s->n_waiting, i);
    return i;
}

static inline void ref_cancel(struct ref_sched *s, uint32_t i)
{
    struct ref_seq *q = &s->seq[i];
    if (q->state == REF_WAITING) ref_remove(s->waiting, &s->n_waiting, i);
    if (q->state == REF_RUNNING) {
        ref_remove(s->running, &s->n_running, i);
        ref_drop_adapter(s, q->r.adapter);
    }
    ref_give_back(s, q);
    q->state = REF_GONE;
}

#endif
