#include "engine/scheduler/scheduler.h"
#include "engine/scheduler/adapter_slots.h"
#include "engine/scheduler/kv_blocks.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const kw_sched_policy_name[] = { [KW_SCHED_VLLM] = "vllm",
                                             [KW_SCHED_PREFILL_FIRST] = "prefill_first",
                                             [KW_SCHED_SARATHI] = "sarathi",
                                             [KW_SCHED_STATIC] = "static",
                                             [KW_SCHED_TRTLLM] = "trtllm",
                                             [KW_SCHED_TRTLLM_MAX_UTILIZATION] = "trtllm_max_utilization",
                                             [KW_SCHED_TRTLLM_MAX_UTILIZATION + 1] = NULL };

#define NONE UINT32_MAX
#define SLOT_BITS 24 /* of a completion key: end tick << SLOT_BITS | slot */
enum { MOST_BLOCK_SIZE = 512 };
static_assert(SLOT_BITS < 32, "a slot of a completion key is an uint32_t");
static_assert((MOST_BLOCK_SIZE & (MOST_BLOCK_SIZE - 1)) == 0, "a block size is a mask and a shift");

enum state {
    FREE,
    WAITING,
    PREFILL,
    DECODE,
    DONE,
    HELD,
    RECEIVING,
    READY,
    KEPT
}; /* DONE: async, finished but still with its seat and blocks; KEPT: with its blocks alone */

/* All decoding sequences advance together, one token a tick, so none is touched by a decode step: its generated tokens
 * are tick - birth, its context (tokens in the KV cache) prompt + generated - 1. It needs a block in the step at tick t
 * when its context is a multiple of block_size there, i.e. when t = birth + 1 - prompt (mod block_size): its phase.
 *
 * In the same way the blocks of decoding sequences need no bookkeeping where only their number counts (neither prefix
 * caching nor tables): kv.n_free then leaves them out, and they are computed from the sum of context and the phases, or
 * bounded by the sum alone, which nearly always suffices.
 *
 * With drafts they do not advance together: each has its count of tokens and of blocks, and there are no completions and
 * phases. */
struct seq {
    uint64_t id;
    union {
        uint64_t birth; /* DECODE: tick - generated, modulo 2^64 */
        uint32_t held;  /* with drafts, PREFILL and DECODE: its KV blocks */
    };
    uint64_t order; /* of admission */
    uint32_t prompt, output;
    uint32_t computed;   /* not DECODE: tokens in the KV cache */
    uint32_t generated;  /* not DECODE but with drafts */
    uint32_t prev, next; /* in the running list (admission order) or the waiting list; free slots by next */
    uint32_t cached, preemptions;
    uint32_t adapter;
    uint8_t state;
    bool keeps : 1, receives : 1, answers : 1;
    bool whole : 1; /* loads or has loaded: while its prompt is computed it holds blocks for all of it */
};
static_assert(sizeof(struct seq) == 64, "a cache line a sequence: lists and heap touch one each");

struct list {
    uint32_t head, tail, n;
};

struct kw_sched {
    struct kw_sched_config c;
    uint32_t mask, shift; /* of block_size */
    bool detailed;        /* kv.seq[] is in use: prefix caching or tables */
    bool counted;         /* kv.n_free leaves out no blocks of decoding sequences: details or drafts */
    struct kw_kv kv;
    struct seq *seq;             /* [cap] */
    uint32_t cap, n_used, spare; /* slots ever used; list of free ones */
    struct list running, waiting, held, receiving, ready;
    struct kw_adapter_slots adapters;
    uint32_t unseen_ready; /* async: likewise, of ready */
    uint32_t unseen; /* async: first waiting sequence the next decision does not know, nor those behind it; else NONE */
    uint32_t n_leaving;  /* async, else 0: the first so many of finished[] are DONE, or were dropped since */
    bool preempted_any;  /* in the step decided last a sequence lost its seat for want of blocks: nothing is admitted */
    bool stale_decision; /* async, in the step decided last: something was not known or not free yet */
    uint32_t mid;      /* first running sequence with prompt left, NONE without; those after it have prompt left too */
    uint32_t n_decode; /* running sequences in DECODE */
    uint32_t most_running;  /* sequences at once, so far */
    uint32_t step_decode;   /* of them in the step decided last: all or none */
    uint64_t tick, context; /* decode steps so far; sum of tokens in the KV cache of decoding sequences */
    uint64_t next_order;
    uint64_t reserved;             /* trtllm: blocks that the running sequences have at their ends, all together */
    uint64_t *ends;                /* [cap] min-heap of completion keys of the decoding sequences, n_decode of them */
    uint32_t *phase;               /* [block_size] decoding sequences by phase */
    struct kw_sched_chunk *chunks; /* [cap] */
    uint32_t n_chunks, n_preempted, prefill_tokens;
    uint32_t blocked_tokens; /* to compute of who found no blocks in the step decided last; less may fit */
    uint64_t pairs2;
    uint32_t *first, *finished, *preempted; /* [cap] */
    uint32_t *began, n_began;               /* [cap] */
    uint32_t *batch;                        /* [cap] decoding slots of the last step, filled when asked */
    bool batch_known;
};

/* ---- life ---- */

static enum kw_status check_drafts(const struct kw_sched_config *c, struct kw_error *err)
{
    if (c->draft_tokens > KW_SCHED_MAX_DRAFTS || c->lookahead_tokens > c->draft_tokens)
        return kw_fail(err, KW_ERANGE,
                       "scheduler: %" PRIu32 " drafted tokens and %" PRIu32
                       " looked ahead, want at most %d and no more",
                       c->draft_tokens, c->lookahead_tokens, KW_SCHED_MAX_DRAFTS);
    if (c->policy != KW_SCHED_VLLM && c->policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "scheduler: drafted tokens are for the policies vllm and sarathi");
    if (c->async_scheduling || c->max_loras || c->block_tables)
        return kw_fail(err, KW_ERANGE,
                       "scheduler: drafted tokens go with neither async_scheduling, max_loras nor block_tables");
    if (c->max_num_batched_tokens / (1 + c->draft_tokens) < c->max_num_seqs)
        return kw_fail(err, KW_ERANGE,
                       "scheduler: max_num_batched_tokens %" PRIu32 " is less than max_num_seqs %" PRIu32
                       " times 1 + %" PRIu32 " drafted",
                       c->max_num_batched_tokens, c->max_num_seqs, c->draft_tokens);
    return KW_OK;
}

/* TensorRT-LLM: a prompt has its blocks from the beginning, and what is cut of it ends with one. */
static bool in_whole_blocks(const struct kw_sched_config *c)
{
    return c->policy == KW_SCHED_TRTLLM || c->policy == KW_SCHED_TRTLLM_MAX_UTILIZATION;
}

static enum kw_status check_host(const struct kw_sched_config *c, struct kw_error *err)
{
    if (c->policy != KW_SCHED_VLLM && c->policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "scheduler: host_blocks are for the policies vllm and sarathi");
    if (!c->prefix_caching || c->draft_tokens || c->max_loras || c->block_tables)
        return kw_fail(err, KW_ERANGE,
                       "scheduler: host_blocks want prefix_caching, and go with neither draft_tokens, max_loras nor "
                       "block_tables");
    return KW_OK;
}

enum kw_status kw_sched_new(struct kw_sched **out, const struct kw_sched_config *c, struct kw_error *err)
{
    if (c->policy > KW_SCHED_TRTLLM_MAX_UTILIZATION)
        return kw_fail(err, KW_ERANGE, "scheduler: policy %d is not known", (int)c->policy);
    if (!c->max_num_seqs) return kw_fail(err, KW_ERANGE, "scheduler: max_num_seqs is 0, want at least 1");
    if (c->max_num_batched_tokens < c->max_num_seqs)
        return kw_fail(err, KW_ERANGE,
                       "scheduler: max_num_batched_tokens %" PRIu32 " is less than max_num_seqs %" PRIu32,
                       c->max_num_batched_tokens, c->max_num_seqs);
    if (c->max_model_len < 2)
        return kw_fail(err, KW_ERANGE, "scheduler: max_model_len %" PRIu32 ", want at least 2", c->max_model_len);
    if (c->max_model_len > UINT32_C(1) << 30)
        return kw_fail(err, KW_ERANGE, "scheduler: max_model_len %" PRIu32 ", want at most 2^30", c->max_model_len);
    if (c->max_num_batched_tokens > UINT32_C(1) << 30)
        return kw_fail(err, KW_ERANGE, "scheduler: max_num_batched_tokens %" PRIu32 ", want at most 2^30",
                       c->max_num_batched_tokens);
    if (!c->block_size || c->block_size > MOST_BLOCK_SIZE || c->block_size & (c->block_size - 1))
        return kw_fail(err, KW_ERANGE, "scheduler: block_size %" PRIu32 ", want a power of two from 1 to 512",
                       c->block_size);
    if (in_whole_blocks(c) && c->max_num_batched_tokens < c->block_size)
        return kw_fail(err, KW_ERANGE,
                       "scheduler: max_num_batched_tokens %" PRIu32 " is less than block_size %" PRIu32
                       ", and TensorRT-LLM cuts prompts into whole blocks",
                       c->max_num_batched_tokens, c->block_size);
    if (!c->num_blocks) return kw_fail(err, KW_ERANGE, "scheduler: num_blocks is 0, want at least 1");
    if ((uint64_t)c->num_blocks * c->block_size > UINT64_C(1) << 32)
        return kw_fail(err, KW_ERANGE,
                       "scheduler: num_blocks %" PRIu32 " of %" PRIu32 " tokens, want at most 2^32 tokens in all",
                       c->num_blocks, c->block_size);
    if (c->async_scheduling && c->policy != KW_SCHED_VLLM && c->policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "scheduler: async_scheduling is for the policies vllm and sarathi");
    if (c->max_loras && c->policy != KW_SCHED_VLLM && c->policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "scheduler: max_loras is for the policies vllm and sarathi");
    if (c->max_loras > KW_SCHED_MAX_LORAS)
        return kw_fail(err, KW_ERANGE, "scheduler: max_loras %" PRIu32 ", want at most %d", c->max_loras,
                       KW_SCHED_MAX_LORAS);
    if (c->draft_tokens && check_drafts(c, err) != KW_OK) return KW_ERANGE;
    if (c->host_blocks && check_host(c, err) != KW_OK) return KW_ERANGE;
    struct kw_sched *s = calloc(1, sizeof *s);
    uint32_t *phase = calloc(c->block_size, sizeof *phase);
    enum kw_status st = s && phase ? kw_adapter_slots_init(&s->adapters, c->max_loras, err)
                                   : kw_fail(err, KW_ENOMEM, "scheduler: no memory");
    if (st != KW_OK) {
        free(s);
        free(phase);
        return st;
    }
    s->c = *c;
    s->phase = phase;
    s->mask = c->block_size - 1;
    while (UINT32_C(1) << s->shift < c->block_size) s->shift++;
    s->detailed = c->prefix_caching || c->block_tables;
    s->counted = s->detailed || c->draft_tokens;
    kw_kv_init(&s->kv, c->num_blocks, c->prefix_caching, c->block_tables, c->host_blocks);
    kw_sched_reset(s);
    *out = s;
    return KW_OK;
}

void kw_sched_delete(struct kw_sched *s)
{
    if (!s) return;
    kw_kv_free(&s->kv);
    kw_adapter_slots_free(&s->adapters);
    free(s->seq);
    free(s->ends);
    free(s->phase);
    free(s->chunks);
    free(s->first);
    free(s->finished);
    free(s->preempted);
    free(s->began);
    free(s->batch);
    free(s);
}

void kw_sched_reset(struct kw_sched *s)
{
    kw_kv_reset(&s->kv);
    s->n_used = 0;
    s->spare = s->mid = s->unseen = s->unseen_ready = NONE;
    s->n_leaving = 0;
    s->preempted_any = s->stale_decision = false;
    s->running = s->waiting = s->held = s->receiving = s->ready = (struct list){ NONE, NONE, 0 };
    kw_adapter_slots_reset(&s->adapters);
    s->n_decode = s->most_running = s->step_decode = s->n_chunks = s->n_preempted = s->prefill_tokens = 0;
    s->tick = s->context = s->next_order = s->pairs2 = s->reserved = 0;
    s->batch_known = false;
    memset(s->phase, 0, s->c.block_size * sizeof *s->phase);
}

/* ---- lists and the heap of completions ---- */

/* The lists are intrusive, O(1) each: a sequence is in running, in waiting or held, never in two, so one pair of links
 * does. */
static void push_tail(struct kw_sched *s, struct list *l, uint32_t i)
{
    assert((l->n == 0) == (l->head == NONE) && (l->n == 0) == (l->tail == NONE));
    s->seq[i].prev = l->tail;
    s->seq[i].next = NONE;
    if (l->tail == NONE)
        l->head = i;
    else
        s->seq[l->tail].next = i;
    l->tail = i;
    l->n++;
}

static void push_head(struct kw_sched *s, struct list *l, uint32_t i)
{
    assert((l->n == 0) == (l->head == NONE) && (l->n == 0) == (l->tail == NONE));
    s->seq[i].prev = NONE;
    s->seq[i].next = l->head;
    if (l->head == NONE)
        l->tail = i;
    else
        s->seq[l->head].prev = i;
    l->head = i;
    l->n++;
}

static void unlink_seq(struct kw_sched *s, struct list *l, uint32_t i)
{
    uint32_t prev = s->seq[i].prev, next = s->seq[i].next;
    assert(l->n && (prev == NONE ? l->head : s->seq[prev].next) == i); /* it is in this list and no other */
    assert((next == NONE ? l->tail : s->seq[next].prev) == i);
    if (prev == NONE)
        l->head = next;
    else
        s->seq[prev].next = next;
    if (next == NONE)
        l->tail = prev;
    else
        s->seq[next].prev = prev;
    l->n--;
}

/* A binary heap of bare keys, O(log n_decode) a call. One key holds tick and slot, so a comparison touches no sequence,
 * ties end by slot, and end_due puts them in order of admission afterwards. */
static void ends_up(uint64_t *h, uint32_t i, uint64_t key)
{
    for (; i; i = (i - 1) / 2) {
        uint64_t up = h[(i - 1) / 2];
        if (up <= key) break;
        h[i] = up;
    }
    h[i] = key;
}

static void ends_down(uint64_t *h, uint32_t n, uint32_t i, uint64_t key)
{
    for (uint32_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && h[c + 1] < h[c]) c++;
        if (h[c] >= key) break;
        h[i] = h[c];
    }
    h[i] = key;
}

static uint64_t end_key(const struct seq *q, uint32_t slot)
{
    assert(!(slot >> SLOT_BITS) && !((q->birth + q->output) >> (64 - SLOT_BITS)));
    return (q->birth + q->output) << SLOT_BITS | slot;
}
static uint32_t phase_of(const struct kw_sched *s, const struct seq *q)
{
    return (uint32_t)(q->birth + 1 - q->prompt) & s->mask;
}
static uint32_t generated(const struct kw_sched *s, const struct seq *q)
{
    return q->state == DECODE && !s->c.draft_tokens ? (uint32_t)(s->tick - q->birth) : q->generated;
}
static uint32_t context_of(const struct kw_sched *s, const struct seq *q)
{
    return q->prompt + generated(s, q) - 1;
} /* DECODE, DONE */
static uint32_t target(const struct seq *q)
{
    return q->prompt + q->generated;
} /* tokens to compute before it decodes */
static uint32_t blocks(const struct kw_sched *s, uint32_t tokens)
{
    return (tokens + s->mask) >> s->shift;
}

/* KV blocks for so many tokens and, with drafts, for what is written beyond them. */
static uint32_t blocks_beyond(const struct kw_sched *s, uint32_t tokens, uint32_t beyond)
{
    uint32_t room = s->c.max_model_len > tokens ? s->c.max_model_len - tokens : 0;
    return blocks(s, tokens + (beyond < room ? beyond : room));
}

/* ---- adding ---- */

/* Doubles, so an add costs O(1) amortised. What a step fills is bounded by the seats, so a long queue costs 64 bytes a
 * sequence and no more; all of it is taken here, since a step cannot fail. */

static enum kw_status grow(struct kw_sched *s, struct kw_error *err)
{
    if (s->cap >> SLOT_BITS)
        return kw_fail(err, KW_ERANGE, "scheduler: more than %d sequences in one replica", 1 << SLOT_BITS);
    uint32_t cap = s->cap ? 2 * s->cap : 16, seats = cap < s->c.max_num_seqs ? cap : s->c.max_num_seqs;
    void *p; /* rows that grew before a failure are merely larger than needed */
#define GROW(row, n) ((p = realloc(s->row, (n) * sizeof *s->row)) && (s->row = p, true))
    if (!(GROW(ends, seats) && GROW(chunks, seats) && GROW(first, seats) && GROW(finished, seats) &&
          GROW(preempted, seats) && GROW(batch, seats) && GROW(began, cap) && GROW(seq, cap)))
        return kw_fail(err, KW_ENOMEM, "scheduler: no memory for %" PRIu32 " sequences", cap);
#undef GROW
    s->cap = cap;
    return KW_OK;
}

/* A sequence joins the waiting queue or leaves it: its adapter is waited for by one more, or one less. */
static void note_waiting(struct kw_sched *s, uint32_t i, bool joins)
{
    if (s->c.max_loras) kw_adapter_slots_wait(&s->adapters, s->seq[i].adapter, joins);
}

static void enqueue(struct kw_sched *s, uint32_t i)
{
    s->seq[i].state = WAITING;
    push_tail(s, &s->waiting, i);
    note_waiting(s, i, true);
    if (s->c.async_scheduling && s->unseen == NONE) s->unseen = i;
}

static bool is_chunked(const struct kw_sched *s)
{
    return s->c.policy == KW_SCHED_VLLM || s->c.policy == KW_SCHED_SARATHI;
}

/* Constant time amortised; with prefix caching the hashes of its prompt, which are only pointed to. */
enum kw_status kw_sched_add(struct kw_sched *s, const struct kw_sched_request *r, uint32_t *slot, struct kw_error *err)
{
    if (!r->prompt || !r->output)
        return kw_fail(err, KW_ERANGE,
                       "request of %" PRIu32 " prompt and %" PRIu32 " output tokens: want at least 1 of each",
                       r->prompt, r->output);
    uint64_t tokens = (uint64_t)r->prompt + r->output;
    if (tokens > s->c.max_model_len)
        return kw_fail(err, KW_ERANGE, "request of %" PRIu64 " tokens is longer than max_model_len %" PRIu32, tokens,
                       s->c.max_model_len);
    uint32_t most = blocks_beyond(s, (uint32_t)tokens - 1, s->c.draft_tokens + s->c.lookahead_tokens);
    if (most > s->c.num_blocks)
        return kw_fail(err, KW_ERANGE,
                       "request of %" PRIu64 " tokens needs %" PRIu32 " KV blocks; the replica has %" PRIu32, tokens,
                       most, s->c.num_blocks);
    bool hashes = s->c.prefix_caching && r->n_hash;
    if (hashes && (!r->hash_block || r->hash_block & s->mask))
        return kw_fail(err, KW_ERANGE, "prefix hashes of %" PRIu32 " tokens: want a multiple of block_size %" PRIu32,
                       r->hash_block, s->c.block_size);
    if (r->adapter && (!s->c.max_loras || r->adapter >> SLOT_BITS))
        return kw_fail(err, KW_ERANGE, "adapter %" PRIu32 " on a replica of %" PRIu32 " adapter slots", r->adapter,
                       s->c.max_loras);
    if ((r->keeps || r->receives) && (s->c.async_scheduling || s->c.max_loras || s->c.draft_tokens || !is_chunked(s) ||
                                      (r->keeps && r->output > 1) || (r->receives && s->detailed)))
        return kw_fail(err, KW_ERANGE, "a request of a disaggregated replica on a scheduler that is not of one");
    enum kw_status st;
    if (s->c.max_loras && (st = kw_adapter_slots_know(&s->adapters, r->adapter, err)) != KW_OK) return st;
    if (s->spare == NONE && s->n_used == s->cap && (st = grow(s, err)) != KW_OK) return st;
    uint32_t i = s->spare != NONE ? s->spare : s->n_used;
    if (s->detailed) {
        uint64_t covered = hashes ? (uint64_t)r->n_hash * r->hash_block : 0;
        uint64_t named = r->answers ? tokens - 1 : r->prompt; /* the last token never enters the KV cache */
        uint32_t hashed = (uint32_t)(covered < named ? covered : named) >> s->shift;
        st = kw_kv_admit(&s->kv, i, s->cap, hashes ? r->hash : NULL, hashes ? r->n_hash : 0,
                         hashes ? r->hash_block >> s->shift : 0, hashed, r->adapter, most, err);
        if (st != KW_OK) return st;
    }
    if (s->spare != NONE)
        s->spare = s->seq[i].next;
    else
        s->n_used++;
    s->seq[i] = (struct seq){ .id = r->id,
                              .prompt = r->prompt,
                              .output = r->output,
                              .adapter = r->adapter,
                              .state = HELD,
                              .keeps = r->keeps,
                              .receives = r->receives,
                              .answers = r->answers && hashes };
    if (r->held)
        push_tail(s, &s->held, i);
    else
        enqueue(s, i);
    *slot = i;
    return KW_OK;
}

void kw_sched_release(struct kw_sched *s, uint32_t i)
{
    assert(s->seq[i].state == HELD);
    unlink_seq(s, &s->held, i);
    enqueue(s, i);
}

void kw_sched_unload(struct kw_sched *s, uint32_t adapter)
{
    kw_adapter_slots_unload(&s->adapters, adapter);
}

/* ---- blocks ---- */

/* Blocks of all decoding sequences d steps from now: sum of ceil(context_i / block_size), and what it is at most.
 * Exact in O(block_size), not O(sequences); the bound in O(1), and where it is met the exact count is never made. */
static uint64_t decode_blocks(const struct kw_sched *s, uint64_t d)
{
    uint64_t tokens = s->context + s->n_decode * d; /* and up to the next multiple for each sequence: */
    for (uint32_t p = 0; p <= s->mask; p++) tokens += s->phase[p] * ((p - (uint32_t)(s->tick + d)) & s->mask);
    return tokens >> s->shift;
}
static uint64_t decode_blocks_most(const struct kw_sched *s, uint64_t d)
{
    return (s->context + s->n_decode * (d + s->mask)) >> s->shift;
}

/* Whether `need` blocks are free, once all decoding sequences have what they need d steps from now. d is 0 or that of
 * the step being decided when there are details, since blocks have been taken up to there and no further. */
static bool blocks_free(const struct kw_sched *s, uint64_t d, uint64_t need)
{
    if (s->counted) return need <= s->kv.n_free;
    return decode_blocks_most(s, d) + need <= s->kv.n_free || decode_blocks(s, d) + need <= s->kv.n_free;
}

static uint32_t count_free(const struct kw_sched *s)
{
    uint64_t decoding = s->counted ? 0 : decode_blocks(s, s->step_decode != 0);
    assert(decoding <= s->kv.n_free);
    return s->kv.n_free - (uint32_t)decoding;
}

static void take(struct kw_sched *s, uint32_t slot,
                 uint32_t n) /* by a sequence that does not decode, or with details */
{
    assert(n <= s->kv.n_free);
    if (s->detailed)
        kw_kv_take(&s->kv, slot, n);
    else
        s->kv.n_free -= n;
}

/* O(1); with details O(pieces held), O(blocks) with tables. A decoding sequence's blocks are in no count (see struct
 * seq), so leaving the sum of context gives them back. */
static void give_back(struct kw_sched *s, uint32_t slot, uint32_t held, uint32_t full, bool keep)
{
    if (s->detailed)
        kw_kv_release(&s->kv, slot, held, full, keep);
    else if (s->seq[slot].state != DECODE || s->counted)
        s->kv.n_free += held;
    assert(s->kv.n_free <= s->c.num_blocks);
}

static uint32_t held_blocks(const struct kw_sched *s, const struct seq *q)
{
    if (s->c.draft_tokens && (q->state == DECODE || q->state == PREFILL)) return q->held;
    if (q->state == RECEIVING || q->state == READY) return blocks(s, target(q));
    if (q->state == KEPT) return blocks(s, q->prompt);
    if (q->state == DECODE || q->state == DONE) return blocks(s, context_of(s, q));
    bool whole = s->c.policy == KW_SCHED_STATIC || q->whole || in_whole_blocks(&s->c);
    if (q->state == PREFILL) return blocks(s, whole ? target(q) : q->computed);
    return 0;
}

/* trtllm: blocks of a sequence at its end, which it is admitted with a claim to; its last token never enters the cache. */
static uint32_t reservation(const struct kw_sched *s, const struct seq *q)
{
    return s->c.policy == KW_SCHED_TRTLLM ? blocks(s, q->prompt + q->output - 1) : 0;
}

/* trtllm: what running sequences will still take of the free blocks, when a prompt may be admitted: each has what the step
 * wants by then, and each prompt has a chunk in it. O(block_size + chunks). */
static uint64_t promised(const struct kw_sched *s)
{
    if (s->c.policy != KW_SCHED_TRTLLM) return 0;
    uint64_t held = decode_blocks(s, s->step_decode != 0);
    for (uint32_t j = 0; j < s->n_chunks; j++) held += held_blocks(s, &s->seq[s->chunks[j].slot]);
    assert(held <= s->reserved);
    return s->reserved - held;
}

/* So many tokens of it fill blocks, which both tiers keep from now on. */
static void fill(struct kw_sched *s, uint32_t slot, uint32_t tokens)
{
    kw_kv_filled(&s->kv, slot, tokens >> s->shift);
    if (s->c.host_blocks) kw_kv_store(&s->kv, slot, tokens >> s->shift);
}

/* ---- leaving ---- */

/* Out of the sums, not of the list; not for those that finish, which end_due takes off the heap's top. O(n_decode) for
 * the search: a heap that knows each slot's place would pay for it at every completion, and preemptions are rare. */
static void stop_decoding(struct kw_sched *s, uint32_t i)
{
    struct seq *q = &s->seq[i];
    assert(q->state == DECODE && s->n_decode);
    if (s->c.draft_tokens) {
        s->n_decode--;
        s->context -= context_of(s, q);
        return;
    }
    uint64_t key = end_key(q, i);
    uint32_t at = 0;
    while (s->ends[at] != key) at++;
    assert(at < s->n_decode);
    uint64_t last = s->ends[--s->n_decode];
    if (at < s->n_decode) {
        if (at && s->ends[(at - 1) / 2] > last)
            ends_up(s->ends, at, last);
        else
            ends_down(s->ends, s->n_decode, at, last);
    }
    s->phase[phase_of(s, q)]--;
    s->context -= context_of(s, q);
    q->generated = generated(s, q);
}

static void leave(struct kw_sched *s, uint32_t i) /* the slot is free; what queries answer stays until it is reused */
{
    s->seq[i].state = FREE;
    s->seq[i].next = s->spare;
    s->spare = i;
}

/* Constant time, and its blocks where they are kept one by one. Blocks before seat: what waits may take both at once. */
static void finish(struct kw_sched *s, uint32_t i) /* gives up blocks, seat and slot */
{
    struct seq *q = &s->seq[i];
    assert(q->generated == q->output);
    s->reserved -= reservation(s, q);
    if (q->adapter && q->state != DONE) kw_adapter_slots_leave(&s->adapters, q->adapter);
    if (q->keeps) {
        unlink_seq(s, &s->running, i);
        q->state = KEPT;
        return;
    }
    if (q->answers) fill(s, i, q->prompt + q->output - 1);
    give_back(s, i, s->c.draft_tokens ? q->held : blocks(s, q->prompt + q->output - 1), 0, false);
    unlink_seq(s, &s->running, i);
    leave(s, i);
}

void kw_sched_give(struct kw_sched *s, uint32_t i)
{
    assert(i < s->n_used && s->seq[i].state == KEPT && !s->step_decode && !s->n_chunks);
    give_back(s, i, held_blocks(s, &s->seq[i]), 0, false);
    leave(s, i);
}

void kw_sched_received(struct kw_sched *s, uint32_t i)
{
    assert(i < s->n_used && s->seq[i].state == RECEIVING);
    unlink_seq(s, &s->receiving, i);
    push_tail(s, &s->ready, i);
    s->seq[i].state = READY;
    if (s->c.async_scheduling && s->unseen_ready == NONE) s->unseen_ready = i;
}

/* The newest goes to the head of the queue, so the order of admission is kept and it is first to come back. vLLM drops
 * all its blocks and computes them anew; swapping them out was left out of V1, so it is left out here. O(n_decode). */
static void preempt_last(struct kw_sched *s)
{
    assert(s->running.n && s->c.policy != KW_SCHED_TRTLLM);
    uint32_t i = s->running.tail;
    struct seq *q = &s->seq[i];
    s->preempted_any = true;
    if (q->state == DONE) {
        finish(s, i);
        return;
    }
    uint32_t held = held_blocks(s, q), tokens = q->state == DECODE ? context_of(s, q) : q->computed;
    if (q->state == DECODE)
        stop_decoding(s, i);
    else
        s->mid = NONE; /* a sequence with prompt left is preempted only where it is the only one */
    if (q->answers) fill(s, i, tokens);
    give_back(s, i, held, tokens >> s->shift, true);
    unlink_seq(s, &s->running, i);
    if (q->adapter) kw_adapter_slots_leave(&s->adapters, q->adapter);
    push_head(s, &s->waiting, i);
    q->state = WAITING;
    note_waiting(s, i, true);
    q->computed = 0;
    q->whole = false;
    q->preemptions++;
    s->preempted[s->n_preempted++] = i;
}

static struct list *list_of(struct kw_sched *s, const struct seq *q)
{
    switch (q->state) {
    case HELD: return &s->held;
    case WAITING: return &s->waiting;
    case RECEIVING: return &s->receiving;
    case READY: return &s->ready;
    default: return &s->running;
    }
}

void kw_sched_cancel(struct kw_sched *s, uint32_t i)
{
    assert(i < s->n_used);
    struct seq *q = &s->seq[i];
    assert(q->state != FREE && q->state != DONE && q->state != KEPT);
    assert(!s->step_decode && !s->n_chunks); /* a batch that runs would miss it */
    uint32_t held = held_blocks(s, q);
    if (q->state == DECODE) stop_decoding(s, i);
    if (q->state == DECODE || q->state == PREFILL) s->reserved -= reservation(s, q);
    if (i == s->mid) s->mid = q->next;
    if (i == s->unseen) s->unseen = q->next;
    if (i == s->unseen_ready) s->unseen_ready = q->next;
    give_back(s, i, held, 0, false);
    if (q->state == WAITING)
        note_waiting(s, i, false);
    else if (q->adapter && q->state != HELD)
        kw_adapter_slots_leave(&s->adapters, q->adapter);
    unlink_seq(s, list_of(s, q), i);
    leave(s, i);
}

/* ---- deciding ---- */

/* Not every decoding sequence can have the block it needs, or each must get its own: in admission order, since the
 * oldest is served first and the newest pays. O(running), once in block_size steps a sequence. */
static void decode_one_by_one(struct kw_sched *s)
{
    uint32_t t = (uint32_t)s->tick & s->mask, taken = 0;
    for (uint32_t i = s->running.head; i != NONE && s->seq[i].state != PREFILL; i = s->seq[i].next) {
        if (s->seq[i].state == DONE || phase_of(s, &s->seq[i]) != t) continue;
        bool out = false;
        while (!out && !blocks_free(s, 0, s->detailed ? 1 : taken + 1)) {
            out = s->running.tail == i;
            preempt_last(s);
        }
        if (out) break;
        if (s->detailed) kw_kv_take(&s->kv, i, 1);
        taken++;
    }
}

/* With drafts each decoding sequence has its own need, in admission order as above. O(running). */
static void decode_with_drafts(struct kw_sched *s)
{
    uint32_t beyond = 1 + s->c.draft_tokens + s->c.lookahead_tokens;
    for (uint32_t i = s->running.head; i != NONE && s->seq[i].state == DECODE; i = s->seq[i].next) {
        struct seq *q = &s->seq[i];
        uint32_t need = blocks_beyond(s, context_of(s, q), beyond), more = need > q->held ? need - q->held : 0;
        bool out = false;
        while (!out && !blocks_free(s, 0, more)) {
            out = s->running.tail == i;
            preempt_last(s);
        }
        if (out) break;
        if (!more) continue;
        take(s, i, more);
        q->held = need;
    }
}

/* O(1) while the blocks suffice for all, which the bound nearly always says; inline, as every step begins with it. */
static inline void decode_all(struct kw_sched *s)
{
    if (!s->n_decode) return;
    if (s->c.draft_tokens) {
        decode_with_drafts(s);
    } else if (!s->detailed) {
        if (decode_blocks_most(s, 1) > s->kv.n_free && !blocks_free(s, 1, 0)) decode_one_by_one(s);
    } else {
        uint32_t need = s->phase[(uint32_t)s->tick & s->mask];
        if (s->c.block_tables || need > s->kv.n_free)
            decode_one_by_one(s);
        else
            kw_kv_take(&s->kv, NONE, need);
    }
    s->step_decode = s->n_decode;
}

/* Constant time, and with prefix caching the blocks that the chunk fills. */
static void add_chunk(struct kw_sched *s, uint32_t i, uint32_t len)
{
    struct seq *q = &s->seq[i];
    uint64_t past = q->computed;
    assert(len && q->state == PREFILL && q->computed + len <= target(q));
    assert(s->n_chunks < s->running.n); /* a chunk a sequence, so chunks[] has room */
    s->chunks[s->n_chunks++] =
        (struct kw_sched_chunk){ .slot = i, .past = q->computed, .len = len, .last = q->computed + len == target(q) };
    s->prefill_tokens += len;
    s->pairs2 += 2 * past * len + (uint64_t)len * len;
    if (s->c.prefix_caching) fill(s, i, q->computed + len);
}

/* Who is to be admitted next, if anybody may be; NONE. Constant time, with adapters O(those passed over). What async
 * decisions have not seen yet stays where it is: vLLM, too, gives it a seat later. */
static uint32_t candidate(const struct kw_sched *s)
{
    assert(s->running.n <= s->c.max_num_seqs);
    if (!s->waiting.n || s->running.n >= s->c.max_num_seqs) return NONE;
    uint32_t i = s->waiting.head;
    if (s->c.max_loras) {
        if (!kw_adapter_slots_admit_any(&s->adapters)) return NONE;
        while (i != NONE && i != s->unseen && !kw_adapter_slots_admits(&s->adapters, s->seq[i].adapter))
            i = s->seq[i].next;
    }
    return i == s->unseen ? NONE : i;
}

/* Takes blocks for the prompts of those at the queue's head that receive them; false: the next one finds none. Whoever may be
 * admitted next is the head, as there are neither adapters nor decisions ahead. */
static bool begin_receiving(struct kw_sched *s)
{
    for (uint32_t i; (i = s->waiting.head) != NONE && s->seq[i].receives;) {
        struct seq *q = &s->seq[i];
        uint32_t need = blocks(s, q->prompt);
        if (!blocks_free(s, s->step_decode != 0, need)) {
            s->blocked_tokens = q->prompt;
            return false;
        }
        unlink_seq(s, &s->waiting, i);
        push_tail(s, &s->receiving, i);
        take(s, i, need);
        q->state = RECEIVING;
        q->receives = false; /* what it loses by a preemption is computed here */
        s->began[s->n_began++] = i;
    }
    return true;
}

static void seat(struct kw_sched *s, uint32_t i)
{
    push_tail(s, &s->running, i);
    if (s->running.n > s->most_running) s->most_running = s->running.n;
}

/* Takes blocks for the whole prompt of the sequence that would be admitted next, `loaded` of which, behind its hits, come from the
 * host's memory; false: it finds none, and nobody passes it. */
static bool begin_loading(struct kw_sched *s, uint32_t i, uint32_t hits, uint32_t in_use, uint32_t loaded)
{
    struct seq *q = &s->seq[i];
    uint32_t need = blocks(s, target(q));
    if (!blocks_free(s, s->step_decode != 0, need - in_use)) {
        s->blocked_tokens = target(q) - ((hits + loaded) << s->shift);
        return false;
    }
    unlink_seq(s, &s->waiting, i);
    push_tail(s, &s->receiving, i);
    kw_kv_hit(&s->kv, i, hits);
    take(s, i, need - hits);
    q->state = RECEIVING;
    q->whole = true;
    q->computed = (hits + loaded) << s->shift;
    s->kv.seq[i].loading = loaded;
    if (!q->preemptions) {
        q->cached = q->computed;
        s->kv.seq[i].loaded = loaded;
    }
    s->began[s->n_began++] = i;
    return true;
}

/* Its blocks are there; what is left of its prompt is to be computed: the last token of one that received. */
static uint32_t admit_received(struct kw_sched *s)
{
    uint32_t i = s->ready.head;
    struct seq *q = &s->seq[i];
    unlink_seq(s, &s->ready, i);
    seat(s, i);
    q->state = PREFILL;
    if (!q->whole) q->computed = q->prompt - 1;
    q->order = s->next_order++;
    return target(q) - q->computed;
}

/* Blocks that an admission must leave free. */
static uint32_t watermark(const struct kw_sched *s)
{
    return s->c.policy == KW_SCHED_PREFILL_FIRST && s->running.n ? s->c.num_blocks / 100 : 0;
}

/* Tokens of a prompt that this step computes. */
static uint32_t cut_to(const struct kw_sched *s, uint32_t left, uint32_t budget)
{
    if (left <= budget) return left;
    return in_whole_blocks(&s->c) ? budget & ~s->mask : budget;
}

/* Admits the next in order if there is one and its blocks are free: all it will need before it decodes when whole, else
 * those of its first chunk within budget. Returns the tokens left to compute after prefix hits, 0 if it must wait, and
 * then nobody behind it may pass. O(1) without prefix caching, with it O(hashes and pieces of the prompt), each time the
 * head is asked for: the answer changes with every eviction, so none is kept. */
static uint32_t admit_next(struct kw_sched *s, uint32_t budget, bool whole, bool oversize)
{
    if (s->ready.n && s->ready.head != s->unseen_ready && budget && s->running.n < s->c.max_num_seqs)
        return admit_received(s);
    uint32_t i = budget ? candidate(s) : NONE, hits = 0, in_use = 0;
    if (i == NONE) return 0;
    if (s->seq[i].receives && (!begin_receiving(s) || (i = s->waiting.head) == NONE)) return 0;
    struct seq *q = &s->seq[i];
    assert(q->state == WAITING && !s->preempted_any);
    uint32_t all = target(q);
    if (s->c.prefix_caching) hits = kw_kv_lookup(&s->kv, i, (all - 1) >> s->shift, &in_use);
    if (s->c.host_blocks) {
        uint32_t loaded = kw_kv_in_host(&s->kv, i, hits, (all - 1) >> s->shift);
        if (loaded) return begin_loading(s, i, hits, in_use, loaded) ? admit_next(s, budget, whole, oversize) : 0;
    }
    uint32_t have = hits << s->shift, left = all - have, total;
    if (s->c.policy == KW_SCHED_PREFILL_FIRST && left > budget && !oversize) return 0;
    if (!whole && !cut_to(s, left, budget)) { /* not a block of it fits */
        s->blocked_tokens = left;
        return 0;
    }
    whole |= in_whole_blocks(&s->c);
    uint32_t upto = whole || left <= budget ? all : have + budget; /* KV tokens the blocks taken now are for */
    total = blocks(s, upto);
    assert(hits < total && in_use <= hits); /* the prompt's last token is computed, whatever is cached */
    /* Hits in the free queue are taken out of it, as new blocks are; hits that others hold cost nothing. */
    uint64_t need = (s->c.reserve_full_prompt ? blocks(s, all) : total) - in_use;
    if (s->c.policy == KW_SCHED_TRTLLM) need = reservation(s, q) - in_use + promised(s);
    if (!blocks_free(s, s->step_decode != 0, need + watermark(s))) {
        s->blocked_tokens = left;
        return 0;
    }
    unlink_seq(s, &s->waiting, i);
    note_waiting(s, i, false);
    seat(s, i);
    if (q->adapter) kw_adapter_slots_run(&s->adapters, q->adapter);
    if (s->c.prefix_caching)
        kw_kv_hit(&s->kv, i, hits); /* with 0 hits too: what was a private copy may be shared now */
    take(s, i, total - hits);
    if (s->c.draft_tokens) q->held = total;
    if (!q->preemptions) q->cached = have;
    q->state = PREFILL;
    q->computed = have;
    q->order = s->next_order++;
    s->reserved += reservation(s, q);
    return left;
}

/* Running before waiting, decodes before the one unfinished prompt (it was admitted last), as vLLM's loop over running
 * does. O(chunks + preempted). */
static inline void step_chunked(struct kw_sched *s)
{
    decode_all(s);
    assert(s->n_decode * (1 + s->c.draft_tokens) <= s->c.max_num_batched_tokens);
    uint32_t budget = s->c.max_num_batched_tokens - s->n_decode * (1 + s->c.draft_tokens);
    if (s->mid != NONE) {
        struct seq *q = &s->seq[s->mid];
        uint32_t left = target(q) - q->computed, len = cut_to(s, left, budget);
        uint32_t need = blocks_beyond(s, q->computed + len, s->c.lookahead_tokens), held = held_blocks(s, q);
        uint32_t more = need > held ? need - held : 0;
        if (!blocks_free(s, s->step_decode != 0, more)) {
            s->blocked_tokens = left;
            preempt_last(s);
        } else {
            take(s, s->mid, more);
            if (s->c.draft_tokens) q->held += more;
            add_chunk(s, s->mid, len); /* never empty: decodes took a token of the budget as prompts, too */
            if (in_whole_blocks(&s->c)) s->blocked_tokens = left - len; /* a larger budget would cut it elsewhere */
            budget = len < left ? 0 : budget - len;
        }
    }
    if (s->preempted_any) return;
    for (uint32_t left; (left = admit_next(s, budget, false, false));) {
        uint32_t len = cut_to(s, left, budget);
        add_chunk(s, s->running.tail, len);
        budget = len < left ? 0 : budget - len;
        if (len == left) continue;
        s->mid = s->running.tail;
        if (in_whole_blocks(&s->c)) s->blocked_tokens = left - len;
    }
}

/* Async: what the decision did not know is so from now on. True when it gave an empty batch and is made again. */
static bool catch_up(struct kw_sched *s)
{
    for (uint32_t j = 0; j < s->n_leaving; j++)
        if (s->seq[s->finished[j]].state == DONE) finish(s, s->finished[j]);
    s->n_leaving = 0;
    s->unseen = s->unseen_ready = NONE;
    if (s->step_decode || s->n_chunks) return false;
    s->stale_decision = s->preempted_any = false;
    return true;
}

/* Those that receive or keep hold so many blocks that the last running one had to go: an empty batch takes no time, and the next
 * one admits. Without them the oldest always finds blocks. */
static bool nobody_is_left(struct kw_sched *s)
{
    bool empty = !s->step_decode && !s->n_chunks;
    if (empty) s->preempted_any = false;
    return empty;
}

/* O(admitted). Only the first prompt may exceed the budget, and then nothing is left for a second. */
static void step_prefill_first(struct kw_sched *s)
{
    uint32_t budget = s->c.max_num_batched_tokens;
    for (uint32_t left; (left = admit_next(s, budget, true, !s->n_chunks));) {
        add_chunk(s, s->running.tail, left);
        budget = left < budget ? budget - left : 0;
    }
    if (!s->n_chunks) decode_all(s);
}

/* O(sequences that got a chunk). The batch is taken whatever the budget, since its seats and blocks bound it. */
static void step_static(struct kw_sched *s)
{
    if (!s->running.n) {
        while (admit_next(s, UINT32_MAX, true, false)) continue;
        s->mid = s->running.head;
    }
    uint32_t budget = s->c.max_num_batched_tokens;
    for (uint32_t i = s->mid; i != NONE && budget; i = s->seq[i].next) {
        uint32_t left = target(&s->seq[i]) - s->seq[i].computed, len = left < budget ? left : budget;
        add_chunk(s, i, len);
        budget -= len;
    }
    if (s->mid == NONE) decode_all(s);
}

static void begin_step(struct kw_sched *s)
{
    s->n_chunks = s->n_preempted = s->prefill_tokens = s->blocked_tokens = s->step_decode = s->n_began = 0;
    s->pairs2 = 0;
    s->adapters.n_entered = 0;
    s->batch_known = s->preempted_any = false;
}

/* The one way out of a decision, so here stand the promises to whoever runs the batch. O(1). */
static bool describe(const struct kw_sched *s, struct kw_step *step)
{
    assert(s->running.n <= s->c.max_num_seqs);
    uint32_t drafted = s->step_decode * s->c.draft_tokens;
    assert((uint64_t)s->step_decode + drafted + s->prefill_tokens <= s->c.max_num_batched_tokens ||
           (s->c.policy == KW_SCHED_PREFILL_FIRST && s->n_chunks == 1)); /* a prompt longer than the budget, alone */
    assert(!s->preempted_any || !s->n_chunks); /* blocks ran out: nobody starts or goes on with a prompt */
    assert(!s->step_decode || s->step_decode == s->n_decode);
    *step = (struct kw_step){ .n_decode = s->step_decode,
                              .drafted = drafted,
                              .decode_context = s->step_decode ? s->context + s->step_decode + drafted : 0,
                              .n_chunks = s->n_chunks,
                              .chunks = s->chunks,
                              .prefill_tokens = s->prefill_tokens,
                              .asked_tokens = s->step_decode + drafted + s->prefill_tokens + s->blocked_tokens,
                              .prefill_pairs2 = s->pairs2,
                              .n_preempted = s->n_preempted,
                              .preempted = s->preempted,
                              .n_adapters = s->adapters.n_active,
                              .n_entered = s->adapters.n_entered,
                              .entered = s->adapters.entered,
                              .n_began = s->n_began,
                              .began = s->began };
    return s->step_decode || s->n_chunks;
}

/* A step costs its chunks and admissions and, where nothing changed, constant time: the decodes are a count and a sum.
 * Catching up repeats the decision only where an async one was made without what it now knows. */
bool kw_sched_step(struct kw_sched *s, struct kw_step *step)
{
    begin_step(s);
    switch (s->c.policy) {
    case KW_SCHED_VLLM:
    case KW_SCHED_SARATHI:
    case KW_SCHED_TRTLLM:
    case KW_SCHED_TRTLLM_MAX_UTILIZATION:
        s->stale_decision = s->n_leaving || s->unseen != NONE || s->unseen_ready != NONE;
        do step_chunked(s);
        while ((s->stale_decision && catch_up(s)) || (s->preempted_any && nobody_is_left(s)));
        break;
    case KW_SCHED_PREFILL_FIRST: step_prefill_first(s); break;
    case KW_SCHED_STATIC: step_static(s); break;
    }
    return describe(s, step);
}

bool kw_sched_step_ahead(struct kw_sched *s, struct kw_step *step)
{
    assert(s->c.async_scheduling);
    begin_step(s);
    s->unseen = s->unseen_ready = NONE;
    s->stale_decision = s->n_leaving != 0;
    step_chunked(s);
    if (s->stale_decision) catch_up(s);
    return describe(s, step);
}

/* ---- committing ---- */

/* A sequence has its last token. Async: the decision that follows was made before it came. */
static void end_seq(struct kw_sched *s, uint32_t i)
{
    struct seq *q = &s->seq[i];
    q->generated = q->output;
    if (!s->c.async_scheduling) {
        finish(s, i);
        return;
    }
    if (!s->detailed && q->state == DECODE) s->kv.n_free -= blocks(s, q->prompt + q->output - 1);
    if (q->adapter) kw_adapter_slots_leave(&s->adapters, q->adapter);
    q->state = DONE;
}

/* Takes the sequences whose last token came with this tick out of the sums; they end in admission order, as in vLLM:
 * the order decides which blocks are freed, hence evicted, first. O(finished * log n_decode), the sort by insertion
 * O(finished^2): few end in one tick. */
static void end_due(struct kw_sched *s, struct kw_sched_done *done)
{
    do {
        uint32_t i = (uint32_t)s->ends[0] & ((UINT32_C(1) << SLOT_BITS) - 1);
        struct seq *q = &s->seq[i];
        assert(q->state == DECODE && generated(s, q) == q->output);
        s->n_decode--;
        ends_down(s->ends, s->n_decode, 0, s->ends[s->n_decode]);
        s->phase[phase_of(s, q)]--;
        s->context -= context_of(s, q);
        uint32_t at = done->n_finished++;
        for (; at && s->seq[s->finished[at - 1]].order > q->order; at--) s->finished[at] = s->finished[at - 1];
        s->finished[at] = i;
    } while (s->n_decode && s->ends[0] >> SLOT_BITS == s->tick);
    for (uint32_t j = 0; j < done->n_finished; j++) end_seq(s, s->finished[j]);
}

/* After end_due: whoever decoded was admitted before whoever prefilled, so finished[] stays in order. O(chunks *
 * log n_decode). */
static void end_chunks(struct kw_sched *s, struct kw_sched_done *done)
{
    for (uint32_t j = 0; j < s->n_chunks; j++) {
        uint32_t i = s->chunks[j].slot;
        struct seq *q = &s->seq[i];
        q->computed += s->chunks[j].len;
        if (!s->chunks[j].last) continue;
        if (i == s->mid) s->mid = q->next;
        if (!q->generated) s->first[done->n_first++] = i;
        if (++q->generated == q->output) {
            s->finished[done->n_finished++] = i; /* admitted after every decoding one */
            end_seq(s, i);
            continue;
        }
        q->state = DECODE;
        s->context += q->computed;
        s->n_decode++;
        if (s->c.draft_tokens) continue;
        if (!s->detailed) s->kv.n_free += blocks(s, q->computed); /* counted by its context from now on */
        q->birth = s->tick - q->generated;
        s->phase[phase_of(s, q)]++;
        ends_up(s->ends, s->n_decode - 1, end_key(q, i));
    }
    s->n_chunks = 0;
}

/* Constant time but where blocks run short within the jump: then at most block_size - 1 steps are looked at, so that the
 * jump ends exactly where a preemption begins. */
uint64_t kw_sched_jumpable(const struct kw_sched *s)
{
    if (s->n_chunks || s->n_preempted || !s->step_decode || s->c.draft_tokens) return 1;
    if ((s->waiting.n || s->ready.n) && (s->preempted_any || s->stale_decision)) return 1;
    uint64_t steps = (s->ends[0] >> SLOT_BITS) - s->tick, more = steps - 1, n_free;
    assert(steps && steps <= s->c.max_model_len);
    if (s->detailed) {
        n_free = s->kv.n_free;
        if (((more + s->mask) >> s->shift) * s->n_decode <= n_free) return steps;
    } else {
        if (decode_blocks_most(s, steps) <= s->kv.n_free) return steps;
        n_free = s->kv.n_free - decode_blocks(s, 1);
    }
    uint64_t rounds = n_free / s->n_decode;                   /* of block_size steps: each takes one block a sequence */
    if (rounds > more >> s->shift) rounds = more >> s->shift; /* then less than a round is left to look at */
    uint64_t used = rounds * s->n_decode;
    for (uint64_t i = (rounds << s->shift) + 1; i <= more; i++)
        if ((used += s->phase[(s->tick + i) & s->mask]) > n_free) return i;
    return steps;
}

/* The blocks of the k - 1 steps after the one decided. O(block_size); with tables each sequence gets its own, in the
 * order of single steps, O(k * running): only the real engine has tables, and it never jumps. */
static void take_ahead(struct kw_sched *s, uint64_t k)
{
    if (!s->c.block_tables) kw_kv_take(&s->kv, NONE, (uint32_t)(decode_blocks(s, k) - decode_blocks(s, 1)));
    for (uint64_t t = s->tick + 1; s->c.block_tables && t < s->tick + k; t++)
        for (uint32_t i = s->running.head; i != NONE; i = s->seq[i].next)
            if (s->seq[i].state == DECODE && phase_of(s, &s->seq[i]) == (t & s->mask)) kw_kv_take(&s->kv, i, 1);
}

/* The k steps are one addition to the clock and the context; beyond that it costs what ends: log(running) a sequence. */
void kw_sched_advance(struct kw_sched *s, uint64_t k, struct kw_sched_done *done)
{
    *done = (struct kw_sched_done){ .first = s->first, .finished = s->finished };
    assert(k && (k == 1 || (s->step_decode && !s->n_chunks)));
    assert(!s->c.draft_tokens || !s->step_decode); /* kw_sched_commit_drafts is told how many tokens came out */
    if (s->detailed && k > 1) take_ahead(s, k);
    if (s->step_decode) {
        s->tick += k;
        s->context += s->n_decode * k;
        assert(s->ends[0] >> SLOT_BITS >= s->tick); /* no jump over a completion */
        if (s->ends[0] >> SLOT_BITS == s->tick) end_due(s, done);
    }
    if (s->n_chunks) end_chunks(s, done);
    s->step_decode = 0;
    if (s->c.async_scheduling) s->n_leaving = done->n_finished;
    assert(s->n_decode <= s->running.n && done->n_first + done->n_finished <= 2 * s->c.max_num_seqs);
}

/* O(decoding): each sequence by as much as its tokens say, those that end in admission order. */
void kw_sched_commit_drafts(struct kw_sched *s, uint32_t *tokens, struct kw_sched_done *done)
{
    uint32_t n = s->step_decode;
    assert(s->c.draft_tokens);
    *done = (struct kw_sched_done){ .first = s->first, .finished = s->finished };
    if (n) kw_sched_decoding(s, 0); /* the list is made before anybody leaves it */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = s->batch[i];
        struct seq *q = &s->seq[slot];
        assert(q->state == DECODE && tokens[i] && tokens[i] <= 1 + s->c.draft_tokens);
        if (tokens[i] > q->output - q->generated) tokens[i] = q->output - q->generated;
        if (tokens[i] == q->output - q->generated) {
            stop_decoding(s, slot);
            q->generated = q->output;
            s->finished[done->n_finished++] = slot;
            finish(s, slot);
            continue;
        }
        q->generated += tokens[i];
        s->context += tokens[i];
    }
    if (s->n_chunks) end_chunks(s, done);
    s->step_decode = 0;
    assert(s->n_decode <= s->running.n);
}

void kw_sched_commit(struct kw_sched *s, struct kw_sched_done *done)
{
    kw_sched_advance(s, 1, done);
}

/* ---- queries ---- */

uint32_t kw_sched_waiting(const struct kw_sched *s)
{
    return s->waiting.n;
}
uint32_t kw_sched_held(const struct kw_sched *s)
{
    return s->held.n;
}
uint32_t kw_sched_receiving(const struct kw_sched *s)
{
    return s->receiving.n + s->ready.n;
}
uint64_t kw_sched_adapters_state(const struct kw_sched *s)
{
    return kw_adapter_slots_state(&s->adapters);
}
uint32_t kw_sched_running(const struct kw_sched *s)
{
    return s->running.n;
}
uint32_t kw_sched_most_running(const struct kw_sched *s)
{
    return s->most_running;
}
uint64_t kw_sched_context(const struct kw_sched *s)
{
    return s->context;
}
uint64_t kw_sched_tokens_waiting(const struct kw_sched *s)
{
    uint64_t n = 0;
    for (uint32_t i = s->waiting.head; i != NONE; i = s->seq[i].next) n += target(&s->seq[i]);
    return n;
}
uint32_t kw_sched_blocks_free(const struct kw_sched *s)
{
    return count_free(s);
}
uint32_t kw_sched_num_blocks(const struct kw_sched *s)
{
    return s->c.num_blocks;
}
uint64_t kw_sched_id(const struct kw_sched *s, uint32_t slot)
{
    return s->seq[slot].id;
}
uint32_t kw_sched_generated(const struct kw_sched *s, uint32_t slot)
{
    return generated(s, &s->seq[slot]);
}
uint32_t kw_sched_cached(const struct kw_sched *s, uint32_t slot)
{
    return s->seq[slot].cached;
}
uint32_t kw_sched_loaded(const struct kw_sched *s, uint32_t slot)
{
    return s->c.host_blocks ? s->kv.seq[slot].loaded << s->shift : 0;
}
uint32_t kw_sched_loading(const struct kw_sched *s, uint32_t slot)
{
    return s->kv.seq[slot].loading;
}
uint32_t kw_sched_host_blocks(const struct kw_sched *s)
{
    return s->kv.host.n;
}
uint32_t kw_sched_preemptions(const struct kw_sched *s, uint32_t slot)
{
    return s->seq[slot].preemptions;
}

const uint32_t *kw_sched_blocks(const struct kw_sched *s, uint32_t slot, uint32_t *n)
{
    assert(s->c.block_tables && slot < s->n_used);
    *n = s->kv.seq[slot].n_table;
    return s->kv.seq[slot].table;
}

uint32_t kw_sched_list(const struct kw_sched *s, uint32_t *slots)
{
    uint32_t n = 0;
    for (uint32_t i = s->running.head; i != NONE; i = s->seq[i].next)
        if (s->seq[i].state != DONE) slots[n++] = i;
    for (uint32_t i = s->ready.head; i != NONE; i = s->seq[i].next) slots[n++] = i;
    for (uint32_t i = s->receiving.head; i != NONE; i = s->seq[i].next) slots[n++] = i;
    for (uint32_t i = s->waiting.head; i != NONE; i = s->seq[i].next) slots[n++] = i;
    for (uint32_t i = s->held.head; i != NONE; i = s->seq[i].next) slots[n++] = i;
    return n;
}

uint32_t kw_sched_decoding(const struct kw_sched *s, uint32_t i)
{
    if (!s->batch_known) {
        uint32_t n = 0;
        for (uint32_t j = s->running.head; j != NONE; j = s->seq[j].next)
            if (s->seq[j].state == DECODE) s->batch[n++] = j;
        ((struct kw_sched *)s)->batch_known = true; /* a cache: what it answers does not change */
    }
    assert(i < s->n_decode);
    return s->batch[i];
}

/* The counts of each adapter's sequences are those of the lists. O(adapters * sequences): for tests. */
static bool check_adapters(const struct kw_sched *s, struct kw_error *err)
{
    for (uint32_t a = 0; a < s->adapters.cap; a++) {
        uint32_t running = 0, waiting = 0;
        for (uint32_t i = s->running.head; i != NONE; i = s->seq[i].next)
            running += s->seq[i].adapter == a && s->seq[i].state != DONE;
        for (uint32_t i = s->waiting.head; i != NONE; i = s->seq[i].next) waiting += s->seq[i].adapter == a;
        if ((a && running != s->adapters.adapter[a].running) || waiting != s->adapters.adapter[a].waiting)
            return kw_fail(err, KW_EFAIL, "adapter %" PRIu32 " has %" PRIu32 " running, %" PRIu32 " waiting", a,
                           running, waiting),
                   false;
    }
    return kw_adapter_slots_check(&s->adapters, err);
}

bool kw_sched_check(const struct kw_sched *s, struct kw_error *err)
{
    uint64_t context = 0, held = 0, unshared = 0, order = 0, reserved = 0;
    uint32_t n = 0, decoding = 0, phase[MOST_BLOCK_SIZE] = { 0 };
    bool prompts = false;
    for (uint32_t i = s->running.head, prev = NONE; i != NONE; prev = i, i = s->seq[i].next, n++) {
        const struct seq *q = &s->seq[i];
        if (q->prev != prev || n == s->running.n)
            return kw_fail(err, KW_EFAIL, "running list is off at slot %" PRIu32, i), false;
        if (n && q->order <= order)
            return kw_fail(err, KW_EFAIL, "slot %" PRIu32 " is out of admission order", i), false;
        order = q->order;
        if (q->state == DECODE) {
            uint64_t key = s->c.draft_tokens ? 0 : end_key(q, i);
            uint32_t at = 0;
            while (!s->c.draft_tokens && at < s->n_decode && s->ends[at] != key) at++;
            if (at == s->n_decode) return kw_fail(err, KW_EFAIL, "slot %" PRIu32 " has no completion", i), false;
            if (prompts || generated(s, q) < 1 || generated(s, q) >= q->output)
                return kw_fail(err, KW_EFAIL, "slot %" PRIu32 " cannot be decoding", i), false;
            decoding++;
            if (!s->c.draft_tokens) phase[phase_of(s, q)]++;
            context += context_of(s, q);
        } else if (q->state == DONE) {
            if (prompts) return kw_fail(err, KW_EFAIL, "slot %" PRIu32 " cannot be done", i), false;
        } else {
            if (q->state != PREFILL || q->computed > target(q))
                return kw_fail(err, KW_EFAIL, "slot %" PRIu32 " is off", i), false;
            if (!prompts && !s->n_chunks && s->mid != i)
                return kw_fail(err, KW_EFAIL, "mid is not slot %" PRIu32, i), false;
            prompts = true;
        }
        held += held_blocks(s, q);
        reserved += reservation(s, q);
        unshared += held_blocks(s, q) - (s->c.prefix_caching ? s->kv.seq[i].shared : 0);
        if (s->c.block_tables && !s->step_decode && !s->n_chunks && s->kv.seq[i].n_table != held_blocks(s, q))
            return kw_fail(err, KW_EFAIL, "slot %" PRIu32 " has %" PRIu32 " block ids", i, s->kv.seq[i].n_table), false;
    }
    for (uint32_t i = 0; i < s->n_used; i++) {
        const struct seq *q = &s->seq[i];
        if (q->state != RECEIVING && q->state != READY && q->state != KEPT) continue;
        held += held_blocks(s, q);
        unshared += held_blocks(s, q) - (s->c.prefix_caching ? s->kv.seq[i].shared : 0);
    }
    uint32_t w = 0;
    for (uint32_t i = s->waiting.head, prev = NONE; i != NONE; prev = i, i = s->seq[i].next, w++) {
        if (s->seq[i].prev != prev || s->seq[i].state != WAITING || w == s->waiting.n)
            return kw_fail(err, KW_EFAIL, "waiting list is off at slot %" PRIu32, i), false;
    }
    if (s->c.max_loras && !check_adapters(s, err)) return false;
    if (n != s->running.n || w != s->waiting.n || decoding != s->n_decode)
        return kw_fail(err, KW_EFAIL, "counts: %" PRIu32 " running, %" PRIu32 " waiting, %" PRIu32 " decoding", n, w,
                       decoding),
               false;
    if (context != s->context)
        return kw_fail(err, KW_EFAIL, "context is %" PRIu64 ", sum says %" PRIu64, s->context, context), false;
    if (reserved != s->reserved)
        return kw_fail(err, KW_EFAIL, "reserved is %" PRIu64 ", sum says %" PRIu64, s->reserved, reserved), false;
    if (memcmp(phase, s->phase, s->c.block_size * sizeof *phase))
        return kw_fail(err, KW_EFAIL, "phases are off"), false;
    for (uint32_t i = 1; i < s->n_decode && !s->c.draft_tokens; i++)
        if (s->ends[(i - 1) / 2] > s->ends[i]) return kw_fail(err, KW_EFAIL, "completions: no heap"), false;
    if (s->n_decode && !s->c.draft_tokens && s->ends[0] >> SLOT_BITS <= s->tick)
        return kw_fail(err, KW_EFAIL, "a completion was missed"), false;
    if (s->step_decode || s->n_chunks) return true; /* between step and commit, blocks are ahead of tokens */
    if (!s->c.prefix_caching && held + count_free(s) != s->c.num_blocks)
        return kw_fail(err, KW_EFAIL, "blocks: %" PRIu64 " held + %" PRIu32 " free != %" PRIu32, held, count_free(s),
                       s->c.num_blocks),
               false;
    return !s->detailed || kw_kv_check(&s->kv, (uint32_t)(s->c.prefix_caching ? unshared : held), err);
}
