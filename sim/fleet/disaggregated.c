#include "sim/fleet/disaggregated.h"
#include <assert.h>
#include <stdlib.h>

#define IDLE INT64_MAX
#define NONE UINT32_MAX

enum stage { FREE, PREFILLING, QUEUED, MOVING, DECODING };

struct under_way { /* a request; the engines know it by its place here */
    uint64_t id;
    kw_ns until;                           /* MOVING: when all of it is there */
    uint32_t prompt, next;                 /* next: free places */
    uint32_t from, from_slot, to, to_slot; /* engines, and the slots that they have for it */
    uint32_t cached, preemptions;          /* at the first engine, from its last token on */
    enum stage stage;
    bool cancelled; /* MOVING: nobody waits for it, but the transfer goes on */
};

struct kw_pair {
    const struct kw_disaggregated *d;
    uint32_t n;                /* d->prefill + d->decode */
    struct kw_replica *engine; /* [n] those that prefill, then those that decode */
    kw_ns *busy_until;         /* [n] its link */
    struct under_way *w;       /* [cap] */
    uint32_t cap, used, spare;
    uint32_t *moving, n_moving;              /* [cap] in the order of their begins */
    struct kw_replica_seq *first, *finished; /* [cap] for the caller */
    uint64_t *ids;                           /* [cap] scratch */
};

kw_ns kw_transfer_ns(const struct kw_disaggregated *d, uint32_t prompt)
{
    kw_i128 bytes = (kw_i128)prompt * d->kv_bytes;
    return d->latency + (kw_ns)((bytes * KW_NS_PER_S + d->bytes_s / 2) / d->bytes_s);
}

/* ---- life ---- */

enum kw_status kw_pair_init(struct kw_replica *r, const struct kw_sched_config *c, const struct kw_steptime *t,
                            const struct kw_disaggregated *d, enum kw_stepping mode, struct kw_hist *itl,
                            struct kw_error *err)
{
    assert(d->prefill && d->decode && d->prefill <= KW_DISAGGREGATED_MOST && d->decode <= KW_DISAGGREGATED_MOST);
    assert(d->kv_bytes > 0 && d->bytes_s > 0 && d->latency >= 0);
    *r = (struct kw_replica){ .next = IDLE, .boundary = IDLE, .time = t, .mode = mode };
    uint32_t n = d->prefill + d->decode;
    struct kw_pair *p = r->pair = calloc(1, sizeof *p);
    if (p) p->engine = calloc(n, sizeof *p->engine);
    if (p) p->busy_until = calloc(n, sizeof *p->busy_until);
    enum kw_status st =
        p && p->engine && p->busy_until ? KW_OK : kw_fail(err, KW_ENOMEM, "replica: no memory for %u engines", n);
    for (uint32_t i = 0; i < n && st == KW_OK; i++) {
        bool first = i < d->prefill;
        st = kw_replica_init(&p->engine[i], first ? &d->prefill_sched : c, first ? d->prefill_time : t, mode,
                             first ? NULL : itl, err);
        if (st == KW_OK) p->n++;
    }
    if (st != KW_OK) {
        kw_pair_free(r);
        return st;
    }
    p->d = d;
    p->spare = NONE;
    return KW_OK;
}

void kw_pair_free(struct kw_replica *r)
{
    struct kw_pair *p = r->pair;
    if (p) {
        for (uint32_t i = 0; i < p->n; i++) kw_replica_free(&p->engine[i]);
        free(p->engine);
        free(p->busy_until);
        free(p->w);
        free(p->moving);
        free(p->first);
        free(p->finished);
        free(p->ids);
        free(p);
    }
    *r = (struct kw_replica){ .next = IDLE, .boundary = IDLE };
}

static void empty(struct kw_replica *r)
{
    struct kw_pair *p = r->pair;
    p->used = p->n_moving = r->n_live = 0;
    p->spare = NONE;
    r->next = r->boundary = IDLE;
    for (uint32_t i = 0; i < p->n; i++) p->busy_until[i] = 0;
}

void kw_pair_reset(struct kw_replica *r)
{
    for (uint32_t i = 0; i < r->pair->n; i++) kw_replica_reset(&r->pair->engine[i]);
    empty(r);
    r->count = (struct kw_replica_count){ 0 };
    r->most_step_tokens = r->most_running = 0;
}

/* O(engines + prompts that move). */
static void tell_next(struct kw_replica *r)
{
    struct kw_pair *p = r->pair;
    r->next = IDLE;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->engine[i].next < r->next) r->next = p->engine[i].next;
    for (uint32_t i = 0; i < p->n_moving; i++)
        if (p->w[p->moving[i]].until < r->next) r->next = p->w[p->moving[i]].until;
    r->boundary = r->next;
}

void kw_pair_watch(struct kw_replica *r, struct kw_hist *itl, kw_ns now)
{
    struct kw_pair *p = r->pair;
    for (uint32_t i = 0; i < p->n; i++) kw_replica_watch(&p->engine[i], i < p->d->prefill ? NULL : itl, now);
    r->count = (struct kw_replica_count){ 0 };
    tell_next(r);
}

/* ---- what is asked ---- */

static uint32_t sum(const struct kw_pair *p, uint32_t from, uint32_t to, uint32_t (*of)(const struct kw_sched *))
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) n += of(p->engine[i].sched);
    return n;
}

uint32_t kw_pair_waiting(const struct kw_replica *r)
{
    const struct kw_pair *p = r->pair;
    return sum(p, 0, p->n, kw_sched_waiting) + sum(p, p->d->prefill, p->n, kw_sched_receiving);
}

/* Every request has a place at the engine that is to decode it. */
uint32_t kw_pair_seated(const struct kw_replica *r)
{
    const struct kw_pair *p = r->pair;
    uint32_t from = p->d->prefill;
    return sum(p, from, p->n, kw_sched_running) + sum(p, from, p->n, kw_sched_waiting) +
           sum(p, from, p->n, kw_sched_receiving) + sum(p, from, p->n, kw_sched_held);
}

uint32_t kw_pair_blocks_free(const struct kw_replica *r)
{
    return sum(r->pair, 0, r->pair->n, kw_sched_blocks_free);
}

uint32_t kw_pair_blocks(const struct kw_replica *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->pair->n; i++) n += kw_replica_blocks(&r->pair->engine[i]);
    return n;
}

uint64_t kw_pair_kv_asked(const struct kw_replica *r, kw_ns now)
{
    uint64_t tokens = 0;
    for (uint32_t i = r->pair->d->prefill; i < r->pair->n; i++) tokens += kw_replica_kv_asked(&r->pair->engine[i], now);
    return tokens;
}

uint32_t kw_pair_cached(const struct kw_replica *r, uint32_t slot)
{
    return r->pair->w[slot].cached;
}

uint32_t kw_pair_preemptions(const struct kw_replica *r, uint32_t slot)
{
    const struct under_way *w = &r->pair->w[slot];
    return w->preemptions + kw_replica_preemptions(&r->pair->engine[w->to], w->to_slot);
}

struct kw_replica_count kw_pair_counted(const struct kw_replica *r)
{
    struct kw_replica_count all = r->count;
    for (uint32_t i = 0; i < r->pair->n; i++) {
        const struct kw_replica_count *c = &r->pair->engine[i].count;
        all.iterations += c->iterations;
        all.outside += c->outside;
        all.runs += c->runs;
        all.decode_tokens += c->decode_tokens;
        all.prefill_tokens += c->prefill_tokens;
        all.recomputed_tokens += c->recomputed_tokens;
        all.cached_tokens += c->cached_tokens;
        all.preemptions += c->preemptions;
        if (i < r->pair->d->prefill) continue;
        all.output_tokens += c->output_tokens;
        all.finished += c->finished;
    }
    return all;
}

/* ---- requests ---- */

static enum kw_status make_room(struct kw_pair *p, struct kw_error *err)
{
    uint32_t cap = p->cap ? 2 * p->cap : 16;
    void *at;
    if (p->spare != NONE || p->used < p->cap) return KW_OK;
#define GROW(row) ((at = realloc(p->row, cap * sizeof *p->row)) && (p->row = at, true))
    if (!(GROW(w) && GROW(moving) && GROW(first) && GROW(finished) && GROW(ids)))
        return kw_fail(err, KW_ENOMEM, "replica: no memory for %u requests", cap);
#undef GROW
    p->cap = cap;
    return KW_OK;
}

static uint32_t fewest(const struct kw_pair *p, uint32_t from, uint32_t to)
{
    uint32_t best = from;
    for (uint32_t i = from + 1; i < to; i++)
        if (p->engine[i].n_live < p->engine[best].n_live) best = i;
    return best;
}

/* At the decoding engine first, held, so that nothing can fail later on. */
enum kw_status kw_pair_add(struct kw_replica *r, const struct kw_sched_request *q, kw_ns now, uint32_t *slot,
                           struct kw_error *err)
{
    struct kw_pair *p = r->pair;
    enum kw_status st = make_room(p, err);
    if (st != KW_OK) return st;
    uint32_t i = p->spare != NONE ? p->spare : p->used;
    struct under_way w = { .id = q->id,
                           .prompt = q->prompt,
                           .from = fewest(p, 0, p->d->prefill),
                           .to = fewest(p, p->d->prefill, p->n),
                           .stage = PREFILLING };
    struct kw_sched_request later = *q, asked = *q;
    later.id = asked.id = i;
    later.hash = NULL;
    later.n_hash = 0;
    later.receives = later.held = asked.keeps = true;
    asked.output = 1;
    if ((st = kw_replica_add(&p->engine[w.to], &later, now, &w.to_slot, err)) != KW_OK) return st;
    if ((st = kw_replica_add(&p->engine[w.from], &asked, now, &w.from_slot, err)) != KW_OK) {
        kw_replica_cancel(&p->engine[w.to], w.to_slot, now);
        return st;
    }
    if (i == p->used)
        p->used++;
    else
        p->spare = p->w[i].next;
    p->w[i] = w;
    r->n_live++;
    *slot = i;
    tell_next(r);
    return KW_OK;
}

static void leave(struct kw_pair *p, uint32_t i) /* what is asked of it stays until the next add */
{
    p->w[i].stage = FREE;
    p->w[i].next = p->spare;
    p->spare = i;
}

void kw_pair_cancel(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    struct kw_pair *p = r->pair;
    struct under_way *w = &p->w[slot];
    assert(slot < p->used && w->stage != FREE && !w->cancelled);
    r->n_live--;
    r->count.cancelled++;
    if (w->stage == MOVING) {
        w->cancelled = true;
        return;
    }
    if (w->stage == PREFILLING) kw_replica_cancel(&p->engine[w->from], w->from_slot, now);
    if (w->stage == QUEUED) kw_replica_give(&p->engine[w->from], w->from_slot, now);
    kw_replica_cancel(&p->engine[w->to], w->to_slot, now);
    leave(p, slot);
    tell_next(r);
}

uint32_t kw_pair_kill(struct kw_replica *r, kw_ns now, uint64_t *ids)
{
    struct kw_pair *p = r->pair;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t here = kw_replica_kill(&p->engine[i], now, p->ids);
        for (uint32_t j = 0; j < here && i >= p->d->prefill; j++)
            if (!p->w[p->ids[j]].cancelled) ids[n++] = p->w[p->ids[j]].id;
    }
    assert(n == r->n_live);
    empty(r);
    return n;
}

/* ---- time goes on ---- */

/* One at a time on the link of each of the two. */
static void begin_to_move(struct kw_pair *p, uint32_t i, kw_ns now)
{
    struct under_way *w = &p->w[i];
    kw_ns *from = &p->busy_until[w->from], *to = &p->busy_until[w->to], begin = now;
    assert(w->stage == QUEUED);
    if (*from > begin) begin = *from;
    if (*to > begin) begin = *to;
    w->until = *from = *to = begin + kw_transfer_ns(p->d, w->prompt);
    w->stage = MOVING;
    p->moving[p->n_moving++] = i;
}

static void end_moves(struct kw_pair *p, kw_ns now)
{
    uint32_t left = 0;
    for (uint32_t k = 0; k < p->n_moving; k++) {
        uint32_t i = p->moving[k];
        struct under_way *w = &p->w[i];
        if (w->until > now) {
            p->moving[left++] = i;
            continue;
        }
        kw_replica_give(&p->engine[w->from], w->from_slot, now);
        if (w->cancelled) {
            kw_replica_cancel(&p->engine[w->to], w->to_slot, now);
            leave(p, i);
        } else {
            kw_replica_received(&p->engine[w->to], w->to_slot, now);
            w->stage = DECODING;
        }
    }
    p->n_moving = left;
}

/* Its prompt is computed: it joins those that wait at the other engine. */
static void hand_over(struct kw_pair *p, uint32_t i, kw_ns now)
{
    struct under_way *w = &p->w[i];
    assert(w->stage == PREFILLING);
    w->cached = kw_replica_cached(&p->engine[w->from], w->from_slot);
    w->preemptions = kw_replica_preemptions(&p->engine[w->from], w->from_slot);
    w->stage = QUEUED;
    kw_replica_release(&p->engine[w->to], w->to_slot, now);
}

/* At one time: what arrives, then engines that prefill, then those that decode. What moves in no time is there at the next call,
 * at the same time. */
void kw_pair_advance(struct kw_replica *r, kw_ns now, struct kw_replica_out *out)
{
    struct kw_pair *p = r->pair;
    *out = (struct kw_replica_out){ .first = p->first, .finished = p->finished };
    end_moves(p, now);
    for (uint32_t k = 0; k < p->n; k++) {
        struct kw_replica *e = &p->engine[k];
        struct kw_replica_out of;
        if (e->next != now) continue;
        kw_replica_advance(e, now, &of);
        if (e->most_step_tokens > r->most_step_tokens) r->most_step_tokens = e->most_step_tokens;
        if (e->most_running > r->most_running) r->most_running = e->most_running;
        if (k < p->d->prefill) {
            for (uint32_t i = 0; i < of.n_finished; i++) hand_over(p, (uint32_t)of.finished[i].id, now);
            continue;
        }
        for (uint32_t i = 0; i < of.n_began; i++) begin_to_move(p, (uint32_t)of.began[i].id, now);
        for (uint32_t i = 0; i < of.n_first; i++) {
            uint32_t at = (uint32_t)of.first[i].id;
            p->first[out->n_first++] = (struct kw_replica_seq){ p->w[at].id, at };
        }
        for (uint32_t i = 0; i < of.n_finished; i++) {
            uint32_t at = (uint32_t)of.finished[i].id;
            p->finished[out->n_finished++] = (struct kw_replica_seq){ p->w[at].id, at };
            leave(p, at);
            r->n_live--;
        }
    }
    tell_next(r);
}
