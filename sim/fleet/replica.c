#include "sim/fleet/replica.h"
#include <string.h>
#include "sim/fleet/disaggregated.h"
#include "sim/fleet/lockstep.h"
#include "sim/fleet/replica_step.h"

/* After every call that may have moved one of the two. */
static void tell_next(struct kw_replica *r)
{
    r->next = r->boundary < r->store.next ? r->boundary : r->store.next;
    if (r->n_loads && r->loads[r->first_load].at < r->next) r->next = r->loads[r->first_load].at;
    r->count.fetches = r->store.fetches;
}

/* ---- life ---- */

enum kw_status kw_replica_init_group(struct kw_replica *r, const struct kw_sched_config *c, uint32_t ranks,
                                     const struct kw_steptime *t, enum kw_stepping mode, struct kw_hist *itl,
                                     struct kw_error *err)
{
    return ranks > 1 ? kw_lockstep_init(r, c, ranks, t, mode, itl, err) : kw_replica_init(r, c, t, mode, itl, err);
}

enum kw_status kw_replica_init_pair(struct kw_replica *r, const struct kw_sched_config *c, const struct kw_steptime *t,
                                    const struct kw_disaggregated *d, enum kw_stepping mode, struct kw_hist *itl,
                                    struct kw_error *err)
{
    return kw_pair_init(r, c, t, d, mode, itl, err);
}

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
                              .joint = c->policy != KW_SCHED_PREFILL_FIRST && c->policy != KW_SCHED_STATIC,
                              .closed = c->policy == KW_SCHED_STATIC,
                              .async = c->async_scheduling,
                              .caching = c->prefix_caching,
                              .max_num_seqs = c->max_num_seqs };
    kw_adapter_store_init(&r->store);
    return KW_OK;
}

void kw_replica_free(struct kw_replica *r)
{
    if (r->group) {
        kw_lockstep_free(r);
        return;
    }
    if (r->pair) {
        kw_pair_free(r);
        return;
    }
    kw_sched_delete(r->sched);
    kw_adapter_store_free(&r->store);
    free(r->slot);
    free(r->first);
    free(r->finished);
    free(r->pending);
    free(r->resumed);
    free(r->listed);
    free(r->brought);
    free(r->began);
    free(r->giving);
    free(r->loads);
    *r = (struct kw_replica){ .next = IDLE, .boundary = IDLE };
    kw_adapter_store_init(&r->store);
}

static void empty(struct kw_replica *r)
{
    kw_sched_reset(r->sched);
    kw_adapter_store_clear(&r->store);
    r->next = r->boundary = IDLE;
    r->n_live = r->n_slots = r->n_pending = r->n_resumed = r->n_giving = r->n_loads = 0;
    r->link_free = 0;
    r->in_step = r->stalled = false;
    r->decoded = (struct kw_replica_time){ 0, 0 };
}

void kw_replica_reset(struct kw_replica *r)
{
    if (r->group) {
        kw_lockstep_reset(r);
        return;
    }
    if (r->pair) {
        kw_pair_reset(r);
        return;
    }
    empty(r);
    r->count = (struct kw_replica_count){ 0 };
    r->idle_since = INT64_MIN; /* another life, perhaps of another run: the one before has warmed nothing for it */
    r->watch_next = false;
    r->most_step_tokens = r->most_running = 0;
}

enum kw_status kw_replica_adapt(struct kw_replica *r, const struct kw_lora *l, bool most, struct kw_rng *rng,
                                struct kw_error *err)
{
    assert(!r->n_live && !((r->group || r->pair) && l->adapters));
    if (r->group || r->pair) return KW_OK;
    double overhead = most ? l->overhead_most : l->overhead;
    r->lora_factor = (uint64_t)((1 + overhead) * 0x1p32 + 0.5);
    r->law_batch = 0; /* another law under the same batch size */
    return kw_adapter_store_begin(&r->store, l, rng, err);
}

void kw_replica_speculate(struct kw_replica *r, const struct kw_speculative *s)
{
    assert(!r->n_live && !r->group && !r->pair && s->tokens);
    r->speculative = s;
}

void kw_replica_offload(struct kw_replica *r, const struct kw_kv_offload *o)
{
    assert(!r->n_live && !r->group && !r->pair && o->block_ps > 0);
    r->offload = o;
}

uint64_t kw_replica_adapters_state(const struct kw_replica *r, kw_ns now)
{
    return kw_mix64(kw_adapter_store_state(&r->store, now) ^ kw_sched_adapters_state(r->sched));
}

bool kw_replica_holds(const struct kw_replica *r, uint32_t slot)
{
    return !r->group && !r->pair && r->slot[slot].held;
}

struct kw_replica_count kw_replica_counted(const struct kw_replica *r)
{
    return r->group ? kw_lockstep_counted(r) : r->pair ? kw_pair_counted(r) : r->count;
}

/* The rank whose scheduler has the slot, which becomes the slot there. */
static const struct kw_sched *sched_of(const struct kw_replica *r, uint32_t *slot)
{
    return r->group ? kw_lockstep_rank(r, *slot, slot)->sched : r->sched;
}

uint32_t kw_replica_cached(const struct kw_replica *r, uint32_t slot)
{
    if (r->pair) return kw_pair_cached(r, slot);
    const struct kw_sched *s = sched_of(r, &slot);
    return kw_sched_cached(s, slot);
}

uint32_t kw_replica_loaded(const struct kw_replica *r, uint32_t slot)
{
    return r->offload ? kw_sched_loaded(r->sched, slot) : 0;
}

uint32_t kw_replica_preemptions(const struct kw_replica *r, uint32_t slot)
{
    if (r->pair) return kw_pair_preemptions(r, slot);
    const struct kw_sched *s = sched_of(r, &slot);
    return kw_sched_preemptions(s, slot);
}

static uint32_t waiting(const struct kw_sched *s)
{
    return kw_sched_waiting(s) + kw_sched_held(s);
}

uint32_t kw_replica_waiting(const struct kw_replica *r)
{
    return r->group  ? kw_lockstep_sum(r, waiting)
           : r->pair ? kw_pair_waiting(r)
                     : waiting(r->sched) + (r->offload ? kw_sched_receiving(r->sched) : 0);
}

uint32_t kw_replica_seated(const struct kw_replica *r)
{
    if (r->pair) return kw_pair_seated(r);
    uint32_t running = r->group ? kw_lockstep_sum(r, kw_sched_running) : kw_sched_running(r->sched);
    return running + kw_replica_waiting(r);
}

uint32_t kw_replica_blocks_free(const struct kw_replica *r)
{
    if (r->pair) return kw_pair_blocks_free(r);
    return r->group ? kw_lockstep_sum(r, kw_sched_blocks_free) : kw_sched_blocks_free(r->sched);
}

uint32_t kw_replica_blocks(const struct kw_replica *r)
{
    if (r->pair) return kw_pair_blocks(r);
    return r->group ? kw_lockstep_sum(r, kw_sched_num_blocks) : kw_sched_num_blocks(r->sched);
}

/* ---- cutting a run ---- */

/* Boundaries of the run whose floored time is <= now: those before the first that is later. */
uint64_t kw_replica_kv_asked(const struct kw_replica *r, kw_ns now)
{
    if (r->group) return kw_lockstep_kv_asked(r, now);
    if (r->pair) return kw_pair_kv_asked(r, now);
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

/* It is admitted before those that wait, so a run ends for it whoever they are. */
static void has_all(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    kw_sched_received(r->sched, slot);
    if (r->in_step && r->k > 1)
        cut(r, now);
    else
        joins(r, now);
}

/* The load of a sequence that takes its blocks in the step that begins. Moves the list to the row's start when it has run to its
 * end: it has room for all slots, and each loads once at a time. */
static void begin_load(struct kw_replica *r, uint32_t slot)
{
    const struct kw_kv_offload *o = r->offload;
    kw_ns from = r->link_free > r->at.ns ? r->link_free : r->at.ns;
    r->link_free = from + o->latency + (o->block_ps * kw_sched_loading(r->sched, slot) + 999) / 1000;
    if (r->first_load + r->n_loads == r->cap) {
        memmove(r->loads, r->loads + r->first_load, r->n_loads * sizeof *r->loads);
        r->first_load = 0;
    }
    assert(r->first_load + r->n_loads < r->cap);
    r->loads[r->first_load + r->n_loads++] = (struct kw_replica_load){ r->link_free, slot };
}

/* Loads that have ended by now. */
static void end_loads(struct kw_replica *r, kw_ns now)
{
    for (; r->n_loads && r->loads[r->first_load].at <= now; r->first_load++, r->n_loads--)
        has_all(r, r->loads[r->first_load].slot, now);
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
    if (!r->sched) return r->group ? kw_lockstep_add(r, q, now, slot, err) : kw_pair_add(r, q, now, slot, err);
    enum kw_status st;
    struct kw_sched_request asked = *q;
    asked.held = q->held || q->adapter; /* until it is known where its adapter is */
    if (r->n_slots == r->cap && (st = grow(r, err)) != KW_OK) return st;
    if ((st = kw_sched_add(r->sched, &asked, slot, err)) != KW_OK) return st;
    uint32_t i = *slot;
    assert(i < r->cap);
    if (i >= r->n_slots) r->n_slots = i + 1;
    r->slot[i] = (struct kw_replica_slot){
        .id = q->id, .last = { -1, 0 }, .adapter = q->adapter, .luck = q->luck, .held = q->held, .keeps = q->keeps
    };
    if (q->adapter) r->slot[i].since = now;
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

void kw_replica_watch(struct kw_replica *r, struct kw_hist *itl, kw_ns now)
{
    if (r->group) {
        kw_lockstep_watch(r, itl, now);
        return;
    }
    if (r->pair) {
        kw_pair_watch(r, itl, now);
        return;
    }
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
    if (r->group) {
        kw_lockstep_cancel(r, slot, now);
        return;
    }
    if (r->pair) {
        kw_pair_cancel(r, slot, now);
        return;
    }
    assert(now <= r->next && slot < r->n_slots && !r->slot[slot].cancelled);
    r->n_live--;
    r->count.cancelled++;
    if (!r->in_step) {
        kw_sched_cancel(r->sched, slot);
        request_left(r, slot, now);
        if (kw_sched_waiting(r->sched)) joins(r, now); /* for the blocks that it held while it received */
    } else {
        r->slot[slot].cancelled = true;
        r->pending[r->n_pending++] = slot;
        if (r->k > 1) cut(r, now);
    }
    tell_next(r);
}

void kw_replica_release(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    assert(r->slot[slot].held && !r->slot[slot].adapter);
    r->slot[slot].held = false;
    kw_sched_release(r->sched, slot);
    joins(r, now);
    tell_next(r);
}

void kw_replica_received(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    has_all(r, slot, now);
    tell_next(r);
}

void kw_replica_give(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    if (r->in_step) {
        if (r->k > 1) cut(r, now);
        r->giving[r->n_giving++] = slot;
    } else {
        kw_sched_give(r->sched, slot);
        if (kw_sched_waiting(r->sched)) joins(r, now);
    }
    tell_next(r);
}

/* ---- a step ---- */

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
 * step time a run, whatever its length. A run ends at the law's next knot too: beyond it the slope is another, and exact
 * sums are what makes a jump equal to single steps. */
static inline void decide(struct kw_replica *r, struct kw_replica_out *out)
{
    struct kw_step step;
    bool was_busy = r->in_step, any = take_batch(r, &step);
    for (uint32_t i = 0; i < step.n_began && r->offload; i++) begin_load(r, step.began[i]);
    for (uint32_t i = 0; i < step.n_began; i++)
        r->began[out->n_began++] = (struct kw_replica_seq){ r->slot[step.began[i]].id, step.began[i] };
    if (!any) {
        if (was_busy) r->idle_since = r->at.ns;
        r->boundary = IDLE;
        return;
    }
    int64_t cold_ps = !was_busy ? after_idle_ps(r) : r->prompted && !step.n_chunks ? r->after_prompt_ps : 0;
    r->prompted = step.n_chunks != 0;
    r->count.runs++;
    r->k = 1;
    r->rise_ps = 0;
    if (step.n_chunks || r->speculative) {
        r->first_ps = kw_steptime_ps(r->time, &step);
        if (r->speculative) r->first_ps += kw_speculative_ps(r->speculative, &step);
        if (step.n_adapters) r->first_ps = with_adapters(r, r->first_ps);
        r->outside = kw_steptime_outside(r->time, &step);
    } else {
        uint64_t c = step.decode_context;
        bool adapted = step.n_adapters > 0;
        if (!law_holds(r, &step) || adapted != r->adapted) {
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

/* Counting begins between the step that ends and the one that begins, so that each belongs to one side. */
void kw_replica_advance(struct kw_replica *r, kw_ns now, struct kw_replica_out *out)
{
    assert(now == r->next);
    (void)now;
    if (!r->sched) {
        if (r->group)
            kw_lockstep_advance(r, out);
        else
            kw_pair_advance(r, now, out);
        return;
    }
    *out = (struct kw_replica_out){ .first = r->first, .finished = r->finished, .began = r->began };
    if (r->store.next == now) land(r, now);
    if (r->n_loads) end_loads(r, now);
    if (r->boundary == now) {
        if (r->in_step) end_run(r, out);
        if (r->watch_next) watch(r, r->itl_next);
        decide(r, out);
    }
    tell_next(r);
}

uint32_t kw_replica_kill(struct kw_replica *r, kw_ns now, uint64_t *ids)
{
    assert(now <= r->next || r->next == IDLE);
    if (r->group) return kw_lockstep_kill(r, now, ids);
    if (r->pair) return kw_pair_kill(r, now, ids);
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
