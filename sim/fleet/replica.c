#include "sim/fleet/replica.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IDLE INT64_MAX
#define RUN_PS INT64_C(4000000000000000000) /* longest run, 46 days: sums of ps stay in int64; longer ones are cut */

struct kw_replica_slot {
    uint64_t id;
    struct kw_replica_time last; /* of its last token, where `decoded` does not tell; ns -1: none */
    bool cancelled, resuming;    /* gone for the client; preempted after its first token and not back yet */
    bool held;                   /* in no queue: its adapter is being fetched, since `since` */
    uint32_t adapter;            /* of LoRA, 0: none */
    kw_ns since;
};

static struct kw_replica_time later(struct kw_replica_time a, struct kw_replica_time b)
{
    return a.ns > b.ns || (a.ns == b.ns && a.ps > b.ps) ? a : b;
}

static struct kw_replica_time plus(struct kw_replica_time t, int64_t ps)
{
    ps += t.ps;
    return (struct kw_replica_time){ t.ns + ps / 1000, ps % 1000 };
}

static int64_t between(struct kw_replica_time from, struct kw_replica_time to) /* ps */
{
    return (to.ns - from.ns) * 1000 + to.ps - from.ps;
}

/* ps from the run's begin to the end of its j-th step: j * first + rise * (0 + 1 + ... + (j - 1)). */
static int64_t run_ps(const struct kw_replica *r, uint64_t j)
{
    return (int64_t)(j * (uint64_t)r->first_ps + (uint64_t)r->rise_ps * (j * (j - 1) / 2));
}

static void set_end(struct kw_replica *r)
{
    struct kw_replica_time end = plus(r->at, run_ps(r, r->k));
    assert(end.ns >= r->at.ns);
    r->boundary = end.ns;
    r->end_ps = end.ps;
}

/* After every call that may have moved one of the two. */
static void tell_next(struct kw_replica *r)
{
    r->next = r->boundary < r->store.next ? r->boundary : r->store.next;
    r->count.fetches = r->store.fetches;
}

/* ---- life ---- */

enum kw_status kw_replica_init(struct kw_replica *r, const struct kw_sched_config *c, const struct kw_steptime *t,
                               enum kw_stepping mode, struct kw_hist *itl, struct kw_error *err)
{
    struct kw_sched *s = NULL;
    enum kw_status st = kw_sched_new(&s, c, err);
    if (st != KW_OK) return st;
    *r = (struct kw_replica){ .next = IDLE,
                              .boundary = IDLE,
                              .sched = s,
                              .time = t,
                              .idle_since = INT64_MIN,
                              .after_prompt_ps = kw_steptime_after_prompt_ps(t),
                              .itl = itl,
                              .mode = mode,
                              .joint = c->policy == KW_SCHED_VLLM || c->policy == KW_SCHED_SARATHI,
                              .closed = c->policy == KW_SCHED_STATIC,
                              .async = c->async_scheduling,
                              .caching = c->prefix_caching,
                              .max_num_seqs = c->max_num_seqs };
    kw_adapter_store_init(&r->store);
    return KW_OK;
}

void kw_replica_free(struct kw_replica *r)
{
    kw_sched_delete(r->sched);
    kw_adapter_store_free(&r->store);
    free(r->slot);
    free(r->first);
    free(r->finished);
    free(r->pending);
    free(r->resumed);
    free(r->listed);
    *r = (struct kw_replica){ .next = IDLE, .boundary = IDLE };
    kw_adapter_store_init(&r->store);
}

static void empty(struct kw_replica *r)
{
    kw_sched_reset(r->sched);
    kw_adapter_store_clear(&r->store);
    r->next = r->boundary = IDLE;
    r->n_live = r->n_slots = r->n_pending = r->n_resumed = 0;
    r->in_step = r->stalled = false;
    r->decoded = (struct kw_replica_time){ 0, 0 };
}

void kw_replica_reset(struct kw_replica *r)
{
    empty(r);
    r->count = (struct kw_replica_count){ 0 };
    r->idle_since = INT64_MIN; /* another life, perhaps of another run: the one before has warmed nothing for it */
    r->watch_next = false;
    r->most_step_tokens = 0;
}

enum kw_status kw_replica_adapt(struct kw_replica *r, const struct kw_lora *l, bool most, struct kw_rng *rng,
                                struct kw_error *err)
{
    assert(!r->n_live);
    double overhead = most ? l->overhead_most : l->overhead;
    r->lora_factor = (uint64_t)((1 + overhead) * 0x1p32 + 0.5);
    r->law_batch = 0; /* another law under the same batch size */
    return kw_adapter_store_begin(&r->store, l, rng, err);
}

uint64_t kw_replica_adapters_state(const struct kw_replica *r, kw_ns now)
{
    return kw_mix64(kw_adapter_store_state(&r->store, now) ^ kw_sched_adapters_state(r->sched));
}

bool kw_replica_holds(const struct kw_replica *r, uint32_t slot)
{
    return r->slot[slot].held;
}

static enum kw_status grow(struct kw_replica *r, struct kw_error *err)
{
    uint32_t cap = r->cap ? 2 * r->cap : 16, seats = cap < r->max_num_seqs ? cap : r->max_num_seqs;
    void *p;
#define GROW(row, n) ((p = realloc(r->row, (n) * sizeof *r->row)) && (r->row = p, true))
    if (!(GROW(slot, cap) && GROW(first, seats) && GROW(finished, seats) && GROW(pending, cap) && GROW(resumed, cap) &&
          GROW(listed, cap)))
        return kw_fail(err, KW_ENOMEM, "replica: no memory for %u requests", cap);
#undef GROW
    r->cap = cap;
    return KW_OK;
}

/* ---- cutting a run ---- */

/* The smallest j >= 1 with run_ps(j) >= x, which k has at the latest. The root of the quadratic in double is far less
 * than a step off, so cut down to an integer it is not above j; from there integers decide. */
static uint64_t boundary_from(const struct kw_replica *r, int64_t x)
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
static void cut(struct kw_replica *r, kw_ns t)
{
    assert(r->k > 1 && t <= r->boundary);
    r->k = boundary_from(r, (t - r->at.ns) * 1000 - r->at.ps); /* t <= boundary: within RUN_PS */
    set_end(r);
}

/* Boundaries of the run whose floored time is <= now: those before the first that is later. */
uint64_t kw_replica_kv_asked(const struct kw_replica *r, kw_ns now)
{
    uint64_t tokens = kw_sched_context(r->sched) + kw_sched_tokens_waiting(r->sched);
    assert(now <= r->next);
    if (!r->in_step || r->k < 2) return tokens;
    return tokens + r->n_decode * (boundary_from(r, (now + 1 - r->at.ns) * 1000 - r->at.ps) - 1);
}

/* A request joins the waiting ones now. O(1), and one square root when a run has to be cut. One that cannot change the
 * next batch cuts nothing: under load that is most of them, and it is what keeps jumps long. With adapters it may pass
 * those that wait, so it is not looked at whether any do. */
static void joins(struct kw_replica *r, kw_ns now)
{
    if (!r->in_step) {
        if (r->boundary == IDLE) {
            r->at = (struct kw_replica_time){ now, 0 };
            r->boundary = now;
        }
    } else if (r->k > 1 && (r->async || (!r->closed && (kw_sched_waiting(r->sched) == 1 || r->store.lora) &&
                                         kw_sched_running(r->sched) < r->max_num_seqs))) {
        cut(r, now); /* otherwise it only queues behind one that waits, or for a seat: the run goes on as it is */
    }
}

/* Adapters that gave way to others in the host's memory are in no GPU slot any more either. */
static void unload_dropped(struct kw_replica *r)
{
    for (uint32_t i = 0; i < r->store.n_dropped; i++) kw_sched_unload(r->sched, r->store.dropped[i]);
    r->store.n_dropped = 0;
}

static void request_left(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    if (!r->slot[slot].adapter) return;
    kw_adapter_store_leave(&r->store, r->slot[slot].adapter, now);
    unload_dropped(r);
}

/* Fetches that are over by now: who waited for them joins, in the order of coming. O(requests held). */
static void land(struct kw_replica *r, kw_ns now)
{
    uint32_t a;
    while ((a = kw_adapter_store_land(&r->store, now))) {
        unload_dropped(r);
        uint32_t n = kw_sched_list(r->sched, r->listed);
        for (uint32_t i = n - kw_sched_held(r->sched), end = n; i < end; i++) {
            struct kw_replica_slot *s = &r->slot[r->listed[i]];
            if (s->adapter != a) continue;
            s->held = false;
            if (!s->cancelled) {
                r->count.held++;
                r->count.held_ns += now - s->since;
            }
            kw_sched_release(r->sched, r->listed[i]);
            joins(r, now);
        }
    }
}

enum kw_status kw_replica_add(struct kw_replica *r, const struct kw_sched_request *q, kw_ns now, uint32_t *slot,
                              struct kw_error *err)
{
    assert(now <= r->next);
    enum kw_status st;
    struct kw_sched_request asked = *q;
    asked.held = q->adapter != 0; /* until it is known where its adapter is */
    if (r->n_slots == r->cap && (st = grow(r, err)) != KW_OK) return st;
    if ((st = kw_sched_add(r->sched, &asked, slot, err)) != KW_OK) return st;
    uint32_t i = *slot;
    assert(i < r->cap);
    if (i >= r->n_slots) r->n_slots = i + 1;
    r->slot[i] = (struct kw_replica_slot){ .id = q->id, .last = { -1, 0 }, .adapter = q->adapter, .since = now };
    r->n_live++;
    if (q->adapter) {
        r->slot[i].held = !kw_adapter_store_need(&r->store, q->adapter, now);
        unload_dropped(r);
        if (!r->slot[i].held) kw_sched_release(r->sched, i);
    }
    if (!r->slot[i].held) joins(r, now);
    tell_next(r);
    return KW_OK;
}

static void watch(struct kw_replica *r, struct kw_hist *itl)
{
    r->count = (struct kw_replica_count){ 0 };
    r->store.fetches = 0;
    r->itl = itl;
    r->watch_next = false;
}

void kw_replica_watch(struct kw_replica *r, struct kw_hist *itl, kw_ns now)
{
    if (!r->in_step) {
        watch(r, itl);
        return;
    }
    assert(now <= r->next);
    r->itl_next = itl;
    r->watch_next = true;
    if (r->k > 1) cut(r, now);
    tell_next(r);
}

void kw_replica_cancel(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    assert(now <= r->next && slot < r->n_slots && !r->slot[slot].cancelled);
    r->n_live--;
    r->count.cancelled++;
    if (!r->in_step) {
        kw_sched_cancel(r->sched, slot);
        request_left(r, slot, now);
    } else {
        r->slot[slot].cancelled = true;
        r->pending[r->n_pending++] = slot;
        if (r->k > 1) cut(r, now);
    }
    tell_next(r);
}

/* ---- a step ---- */

static void note_chunks(struct kw_replica *r, const struct kw_step *step)
{
    r->count.prefill_tokens += step->prefill_tokens;
    for (uint32_t i = 0; i < step->n_chunks && r->count.preemptions; i++) {
        const struct kw_sched_chunk *c = &step->chunks[i];
        if (!kw_sched_preemptions(r->sched, c->slot)) continue;
        r->count.recomputed_tokens += c->len;
        if (c->last && r->slot[c->slot].resuming) r->resumed[r->n_resumed++] = c->slot;
    }
}

static void note_preempted(struct kw_replica *r, const struct kw_step *step)
{
    r->count.preemptions += step->n_preempted;
    for (uint32_t i = 0; i < step->n_preempted; i++) {
        struct kw_replica_slot *s = &r->slot[step->preempted[i]];
        if (s->resuming || !kw_sched_generated(r->sched, step->preempted[i])) continue;
        s->resuming = true;
        s->last = later(s->last, r->decoded);
    }
}

/* Doubles decide only how far to go, never a time: a run cut earlier than it had to be is continued with the same bits.
 */
static uint64_t at_most_run_ps(const struct kw_replica *r, uint64_t k)
{
    double last = (double)r->first_ps + (double)r->rise_ps * (double)k;
    if (last * (double)k <= (double)RUN_PS) return k;
    return last < (double)RUN_PS ? (uint64_t)((double)RUN_PS / last) : 1;
}

static int64_t after_idle_ps(const struct kw_replica *r)
{
    return kw_steptime_after_idle_ps(r->time, r->idle_since == INT64_MIN ? INT64_MAX : r->at.ns - r->idle_since);
}

/* A duration of base or of slope, longer by what a step with LoRA adapters takes; rounded to ps. */
static int64_t with_adapters(const struct kw_replica *r, int64_t ps)
{
    return (int64_t)(((kw_i128)ps * (int64_t)r->lora_factor + (INT64_C(1) << 31)) >> 32);
}

/* The next step, or the run of steps that differ only by their context: one decision of the scheduler and one
 * step time a run, whatever its length. The law of a decode batch is kept until the context leaves its piece, since
 * to find the piece costs a search. A run ends at the law's next knot too: beyond it the slope is another, and exact
 * sums are what makes a jump equal to single steps. */
static inline void decide(struct kw_replica *r)
{
    struct kw_step step;
    bool was_busy = r->in_step;
    r->in_step = kw_sched_step(r->sched, &step);
    if (!r->in_step) {
        if (was_busy) r->idle_since = r->at.ns;
        r->boundary = IDLE;
        return;
    }
    int64_t cold_ps = !was_busy ? after_idle_ps(r) : r->prompted && !step.n_chunks ? r->after_prompt_ps : 0;
    r->prompted = step.n_chunks != 0;
    r->n_decode = step.n_decode;
    if (step.asked_tokens > r->most_step_tokens) r->most_step_tokens = step.asked_tokens;
    r->n_resumed = 0;
    if (step.n_preempted) note_preempted(r, &step);
    r->count.runs++;
    r->k = 1;
    r->rise_ps = 0;
    if (step.n_chunks) {
        note_chunks(r, &step);
        r->first_ps = kw_steptime_ps(r->time, &step);
        if (step.n_adapters) r->first_ps = with_adapters(r, r->first_ps);
        r->outside = kw_steptime_outside(r->time, &step);
    } else {
        uint64_t c = step.decode_context;
        bool adapted = step.n_adapters > 0;
        if (r->law_batch != step.n_decode || c < r->law.lo || c >= r->law.hi || adapted != r->adapted) {
            kw_steptime_decode(r->time, step.n_decode, c, &r->law);
            r->law_batch = step.n_decode;
            r->adapted = adapted;
            if (adapted) { /* the law's, not a step's: what a run adds up is what single steps take */
                r->law.base_ps = with_adapters(r, r->law.base_ps);
                r->law.slope_ps = with_adapters(r, r->law.slope_ps);
            }
        }
        r->first_ps = r->law.base_ps + r->law.slope_ps * (int64_t)(c - r->law.lo);
        r->rise_ps = r->law.slope_ps * step.n_decode;
        r->outside = r->law.outside;
        if (r->mode == KW_STEPPING_JUMP) {
            uint64_t k = kw_sched_jumpable(r->sched);
            if (k > 1) {
                if (c + (k - 1) * step.n_decode >= r->law.hi) k = (r->law.hi - 1 - c) / step.n_decode + 1;
                /* Below 2^40 and 2^24 ps and 2^17 steps the run is far below RUN_PS; else look closer. */
                if (((uint64_t)r->first_ps >> 40) | ((uint64_t)r->rise_ps >> 24) | (k >> 17)) k = at_most_run_ps(r, k);
                r->k = k;
            }
        }
    }
    for (uint32_t i = 0; i < step.n_entered; i++)
        r->first_ps += kw_adapter_store_activate_ps(&r->store, step.entered[i]);
    r->count.activations += step.n_entered;
    assert(!step.n_entered || r->k == 1); /* it was admitted, so there is a chunk */
    if (cold_ps) {                        /* one step that is none of a run */
        r->first_ps += cold_ps;
        r->k = 1;
    }
    set_end(r);
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

/* The run's last step is done. */
static inline void end_run(struct kw_replica *r, struct kw_replica_out *out)
{
    struct kw_sched_done done;
    note_run(r);
    kw_sched_advance(r->sched, r->k, &done);
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
}

/* Counting begins between the step that ends and the one that begins, so that each belongs to one side. */
void kw_replica_advance(struct kw_replica *r, kw_ns now, struct kw_replica_out *out)
{
    assert(now == r->next);
    (void)now;
    *out = (struct kw_replica_out){ .first = r->first, .finished = r->finished };
    if (r->store.next == now) land(r, now);
    if (r->boundary == now) {
        if (r->in_step) end_run(r, out);
        if (r->watch_next) watch(r, r->itl_next);
        decide(r);
    }
    tell_next(r);
}

uint32_t kw_replica_kill(struct kw_replica *r, kw_ns now, uint64_t *ids)
{
    assert(now <= r->next || r->next == IDLE);
    uint32_t n = kw_sched_list(r->sched, r->listed), live = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!r->slot[r->listed[i]].cancelled) ids[live++] = r->slot[r->listed[i]].id;
    if (r->in_step) {
        if (r->k > 1) cut(r, now);
        if (--r->k) note_run(r); /* all but the last of these steps were over before now, and ended nothing */
    }
    empty(r);
    return live;
}
