/* sim/fleet/replica_step.h - one scheduler's part of a replica's steps: a batch is taken, lasts as long as somebody says, and
 * ends. Shared by replica.c, where the batch itself says how long, and lockstep.c, where the slowest of several ranks
 * does; inline, since this is where a simulation spends its time. Nobody else includes it. */
#ifndef KW_SIM_FLEET_REPLICA_STEP_H
#define KW_SIM_FLEET_REPLICA_STEP_H
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/replica.h"

#define IDLE INT64_MAX
#define RUN_PS INT64_C(4000000000000000000) /* longest run, 46 days: sums of ps stay in int64; longer ones are cut */

struct kw_replica_slot {
    uint64_t id;
    struct kw_replica_time last; /* of its last token, where `decoded` does not tell; ns -1: none */
    bool cancelled, resuming;    /* gone for the client; preempted after its first token and not back yet */
    bool keeps;                  /* kw_sched_request's */
    bool held;                   /* in no queue: its adapter is being fetched, since `since` */
    uint32_t adapter;            /* of LoRA, 0: none */
    union {                      /* no replica has both */
        kw_ns since;             /* with an adapter */
        uint64_t luck;           /* kw_sched_request's */
    };
};

static inline struct kw_replica_time later(struct kw_replica_time a, struct kw_replica_time b)
{
    return a.ns > b.ns || (a.ns == b.ns && a.ps > b.ps) ? a : b;
}

static inline struct kw_replica_time plus(struct kw_replica_time t, int64_t ps)
{
    ps += t.ps;
    return (struct kw_replica_time){ t.ns + ps / 1000, ps % 1000 };
}

static inline int64_t between(struct kw_replica_time from, struct kw_replica_time to) /* ps */
{
    return (to.ns - from.ns) * 1000 + to.ps - from.ps;
}

/* ps from the run's begin to the end of its j-th step: j * first + rise * (0 + 1 + ... + (j - 1)). */
static inline int64_t run_ps(const struct kw_replica *r, uint64_t j)
{
    return (int64_t)(j * (uint64_t)r->first_ps + (uint64_t)r->rise_ps * (j * (j - 1) / 2));
}

static inline void set_end(struct kw_replica *r)
{
    struct kw_replica_time end = plus(r->at, run_ps(r, r->k));
    assert(end.ns >= r->at.ns);
    r->boundary = end.ns;
    r->end_ps = end.ps;
}

static inline enum kw_status grow(struct kw_replica *r, struct kw_error *err)
{
    uint32_t cap = r->cap ? 2 * r->cap : 16, seats = cap < r->max_num_seqs ? cap : r->max_num_seqs;
    void *p;
#define GROW(row, n) ((p = realloc(r->row, (n) * sizeof *r->row)) && (r->row = p, true))
    if (!(GROW(slot, cap) && GROW(first, seats) && GROW(finished, seats) && GROW(pending, cap) && GROW(resumed, cap) &&
          GROW(listed, cap) && GROW(brought, seats) && GROW(began, cap) && GROW(giving, cap) && GROW(loads, cap)))
        return kw_fail(err, KW_ENOMEM, "replica: no memory for %u requests", cap);
#undef GROW
    r->cap = cap;
    return KW_OK;
}

/* The smallest j >= 1 with run_ps(j) >= x, which k has at the latest. The root of the quadratic in double is far less
 * than a step off, so cut down to an integer it is not above j; from there integers decide. */
static inline uint64_t boundary_from(const struct kw_replica *r, int64_t x)
{
    if (x <= r->first_ps) return 1;
    double rise = (double)r->rise_ps, b = (double)r->first_ps - rise / 2;
    double root = 2 * (double)x / (b + sqrt(b * b + 2 * rise * (double)x));
    uint64_t j = root < (double)r->k ? (uint64_t)root : r->k;
    if (j < 1) j = 1;
    while (run_ps(r, j) < x) j++;
    return j;
}

/* The run ends at the first boundary whose floored time is >= t. */
static inline void cut(struct kw_replica *r, kw_ns t)
{
    assert(r->k > 1 && t <= r->boundary);
    r->k = boundary_from(r, (t - r->at.ns) * 1000 - r->at.ps); /* t <= boundary: within RUN_PS */
    set_end(r);
}

/* Adapters that gave way to others in the host's memory are in no GPU slot any more either. */
static inline void unload_dropped(struct kw_replica *r)
{
    for (uint32_t i = 0; i < r->store.n_dropped; i++) kw_sched_unload(r->sched, r->store.dropped[i]);
    r->store.n_dropped = 0;
}

/* Of one that is gone: the link is busy with it all the same. */
static inline void drop_load(struct kw_replica *r, uint32_t slot)
{
    struct kw_replica_load *l = r->loads + r->first_load, *end = l + r->n_loads;
    while (l < end && l->slot != slot) l++;
    if (l == end) return;
    memmove(l, l + 1, (size_t)(end - l - 1) * sizeof *l);
    r->n_loads--;
}

static inline void request_left(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    if (r->n_loads) drop_load(r, slot);
    if (!r->slot[slot].adapter) return;
    kw_adapter_store_leave(&r->store, r->slot[slot].adapter, now);
    unload_dropped(r);
}

static inline void watch(struct kw_replica *r, struct kw_hist *itl)
{
    r->count = (struct kw_replica_count){ 0 };
    r->store.fetches = 0;
    r->itl = itl;
    r->watch_next = false;
}

static inline void note_chunks(struct kw_replica *r, const struct kw_step *step)
{
    r->count.prefill_tokens += step->prefill_tokens;
    r->most_running = kw_sched_most_running(r->sched); /* who gets a seat gets a chunk at once */
    for (uint32_t i = 0; i < step->n_chunks && r->count.preemptions; i++) {
        const struct kw_sched_chunk *c = &step->chunks[i];
        if (!kw_sched_preemptions(r->sched, c->slot)) continue;
        r->count.recomputed_tokens += c->len;
        if (c->last && r->slot[c->slot].resuming) r->resumed[r->n_resumed++] = c->slot;
    }
}

static inline void note_preempted(struct kw_replica *r, const struct kw_step *step)
{
    r->count.preemptions += step->n_preempted;
    for (uint32_t i = 0; i < step->n_preempted; i++) {
        struct kw_replica_slot *s = &r->slot[step->preempted[i]];
        if (s->resuming || !kw_sched_generated(r->sched, step->preempted[i])) continue;
        s->resuming = true;
        s->last = later(s->last, r->decoded);
    }
}

/* The next batch, and what its choice already tells; false: there is nothing to run. */
static inline bool take_batch(struct kw_replica *r, struct kw_step *step)
{
    r->in_step = kw_sched_step(r->sched, step);
    r->n_resumed = 0;
    if (step->n_preempted) note_preempted(r, step);
    if (!r->in_step) return false;
    r->n_decode = step->n_decode;
    if (step->asked_tokens > r->most_step_tokens) r->most_step_tokens = step->asked_tokens;
    if (step->n_chunks) note_chunks(r, step);
    return true;
}

/* The law of a decode batch is kept until the context leaves its piece, since to find the piece costs a search. */
static inline bool law_holds(const struct kw_replica *r, const struct kw_step *step)
{
    return r->law_batch == step->n_decode && step->decode_context >= r->law.lo && step->decode_context < r->law.hi;
}

/* Doubles decide only how far to go, never a time: a run cut earlier than it had to be is continued with the same bits.
 */
static inline uint64_t at_most_run_ps(const struct kw_replica *r, uint64_t k)
{
    double last = (double)r->first_ps + (double)r->rise_ps * (double)k;
    if (last * (double)k <= (double)RUN_PS) return k;
    return last < (double)RUN_PS ? (uint64_t)((double)RUN_PS / last) : 1;
}

/* Counts the run's steps, and the gaps of the sequences that decoded in them. */
static inline void note_run(struct kw_replica *r)
{
    r->count.iterations += r->k;
    if (r->outside) r->count.outside += r->k;
    r->count.decode_tokens += r->n_decode * r->k;
    r->count.output_tokens += r->n_decode * r->k;
    if (!r->n_decode || !r->itl) return;
    struct kw_hist *h = r->itl;
    int64_t first = r->first_ps;
    uint64_t k = r->k;
    if (r->stalled) {
        struct kw_replica_time end = plus(r->at, first);
        for (uint32_t i = 0; i < r->n_decode; i++)
            kw_hist_add(h, between(later(r->slot[kw_sched_decoding(r->sched, i)].last, r->decoded), end), 1);
        first += r->rise_ps;
        k--;
    }
    if (k == 1)
        kw_hist_add(h, first, r->n_decode);
    else if (k)
        kw_hist_add_ramp(h, first, r->rise_ps, k, r->n_decode);
}

/* How many tokens each decoding sequence has by the step that is done, counted with their gaps: all are handed out now. */
static inline void end_verified(struct kw_replica *r, struct kw_sched_done *done)
{
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < r->n_decode; i++) {
        uint32_t slot = kw_sched_decoding(r->sched, i);
        r->brought[i] =
            1 + kw_speculative_right(r->speculative, r->slot[slot].luck, kw_sched_generated(r->sched, slot));
    }
    kw_sched_commit_drafts(r->sched, r->brought, done);
    for (uint32_t i = 0; i < r->n_decode; i++) tokens += r->brought[i];
    r->count.iterations++;
    if (r->outside) r->count.outside++;
    r->count.decode_tokens += (uint64_t)r->n_decode * (1 + r->speculative->tokens);
    r->count.output_tokens += tokens;
    r->count.verified += r->n_decode;
    r->count.verified_tokens += tokens;
    if (!r->n_decode || !r->itl) return;
    kw_hist_add(r->itl, r->first_ps, r->n_decode);
    kw_hist_add(r->itl, 0, tokens - r->n_decode);
}

/* The run's last step is done. */
static inline void end_run(struct kw_replica *r, struct kw_replica_out *out)
{
    struct kw_sched_done done;
    if (r->speculative) {
        end_verified(r, &done);
    } else {
        note_run(r);
        kw_sched_advance(r->sched, r->k, &done);
    }
    r->count.output_tokens += done.n_first + r->n_resumed;
    r->at.ns = r->boundary;
    r->at.ps = r->end_ps;
    if (r->n_decode || r->joint) {
        r->decoded = r->at;
        r->stalled = false;
    } else {
        r->stalled = true;
    }
    for (uint32_t i = 0; i < r->n_resumed; i++) {
        struct kw_replica_slot *s = &r->slot[r->resumed[i]];
        if (r->itl) kw_hist_add(r->itl, between(s->last, r->at), 1);
        s->resuming = false;
        s->last = r->at;
    }
    for (uint32_t i = 0; i < done.n_first; i++) {
        struct kw_replica_slot *s = &r->slot[done.first[i]];
        s->last = r->at;
        if (r->caching) r->count.cached_tokens += kw_sched_cached(r->sched, done.first[i]);
        if (r->offload) r->count.loaded_tokens += kw_sched_loaded(r->sched, done.first[i]);
        if (!s->cancelled) r->first[out->n_first++] = (struct kw_replica_seq){ s->id, done.first[i] };
    }
    for (uint32_t i = 0; i < done.n_finished; i++) {
        struct kw_replica_slot *s = &r->slot[done.finished[i]];
        if (!s->cancelled) {
            r->finished[out->n_finished++] = (struct kw_replica_seq){ s->id, done.finished[i] };
            r->n_live--;
            r->count.finished++;
        }
        request_left(r, done.finished[i], r->at.ns);
        if (s->cancelled && s->keeps) kw_sched_give(r->sched, done.finished[i]);
        s->cancelled = false;
    }
    for (uint32_t i = 0; i < r->n_pending; i++) {
        struct kw_replica_slot *s = &r->slot[r->pending[i]];
        if (!s->cancelled) continue; /* it finished meanwhile */
        kw_sched_cancel(r->sched, r->pending[i]);
        request_left(r, r->pending[i], r->at.ns);
        s->cancelled = false;
    }
    r->n_pending = 0;
    for (uint32_t i = 0; i < r->n_giving; i++) kw_sched_give(r->sched, r->giving[i]);
    r->n_giving = 0;
}

#endif
