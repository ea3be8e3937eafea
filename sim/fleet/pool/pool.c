#include "sim/fleet/pool/pool.h"
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/api/client.h"

#define NONE UINT32_MAX

void kw_pool_init(struct kw_pool *p)
{
    *p = (struct kw_pool){ 0 };
    kw_balancer_init(&p->balancer);
    kw_scaler_init(&p->scaler);
}

static void free_streams(struct kw_pool *p)
{
    kw_start_streams_free(&p->start_streams);
    kw_rng_free(&p->routing);
    kw_rng_free(&p->retry);
}

void kw_pool_free(struct kw_pool *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (!p->r[i].engine) continue;
        kw_replica_free(p->r[i].engine);
        free(p->r[i].engine);
    }
    free(p->r);
    free(p->spare);
    free(p->starting);
    kw_ring_free(&p->queue);
    kw_ring_free(&p->on_replicas);
    kw_balancer_free(&p->balancer);
    kw_scaler_free(&p->scaler);
    free_streams(p);
    kw_pool_init(p);
}

/* ---- phases and lives ---- */

static void set_phase(struct kw_pool_replica *r, enum kw_phase phase, kw_ns now)
{
    r->life.phase[r->phase] += now - r->since;
    r->since = now;
    r->phase = (uint8_t)phase;
}

static enum kw_status end_life(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now, struct kw_error *err)
{
    struct kw_ledger *l = p->ledger;
    set_phase(r, (enum kw_phase)r->phase, now);
    if (r->life.failed) {
        for (int i = 0; i < KW_PHASES; i++) r->life.phase[i] = 0;
        r->life.phase[KW_PHASE_FAILED_START] = now - r->life.born;
        l->failed_starts++;
    }
    r->life.gone = now;
    kw_ns sum = 0;
    for (int i = 0; i < KW_PHASES; i++) sum += r->life.phase[i];
    if (r->life.born + sum != now)
        return kw_fail(err, KW_EFAIL, "%s: a replica's life of %lld ns adds up to %lld ns", p->d->name,
                       (long long)(now - r->life.born), (long long)sum);
    if (l->lives_n == p->lives_cap) {
        size_t cap = p->lives_cap ? 2 * p->lives_cap : 16;
        struct kw_life *lives = realloc(l->lives, cap * sizeof *lives);
        if (!lives) return kw_fail(err, KW_ENOMEM, "%s: no memory for %zu replica lives", p->d->name, cap);
        l->lives = lives;
        p->lives_cap = cap;
    }
    l->lives[l->lives_n++] = r->life;
    for (int i = 0; i < KW_PHASES; i++) l->phase[i] += r->life.phase[i];
    return KW_OK;
}

/* What the engine of a life that ends counted, and that it holds nothing any more. */
static enum kw_status end_engine(struct kw_pool *p, struct kw_pool_replica *r, struct kw_error *err)
{
    const struct kw_replica_count *c = &r->engine->count;
    struct kw_replica_out out;
    /* The step under way for a client that has left ends after the replica: counted all the same. */
    while (r->engine->n_live == 0 && r->engine->next != KW_NEVER) kw_replica_advance(r->engine, r->engine->next, &out);
    p->ledger->steps += c->runs;
    p->ledger->iterations += c->iterations;
    p->ledger->preemptions += c->preemptions;
    p->ledger->tokens_recomputed += (int64_t)c->recomputed_tokens;
    kw_events_cancel(&p->w->events, r->run_id);
    if (r->engine->n_live == 0 && kw_sched_blocks_free(r->engine->sched) != p->d->sched.num_blocks)
        return kw_fail(err, KW_EFAIL, "%s: an empty replica holds %u of %u KV blocks", p->d->name,
                       p->d->sched.num_blocks - kw_sched_blocks_free(r->engine->sched), p->d->sched.num_blocks);
    return KW_OK;
}

static enum kw_status replica_gone(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st = end_life(p, r, now, err);
    r->state = KW_REPLICA_GONE;
    kw_events_release(&p->w->events, r->run_id);
    kw_events_release(&p->w->events, r->life_id);
    p->spare[p->n_spare++] = k;
    p->exist--;
    return st;
}

/* ---- idle replicas ---- */

static bool is_last(const struct kw_pool *p)
{
    return kw_signals_alive(&p->g) == 1;
}

/* When a surplus idle replica has to go. */
static kw_ns idle_deadline(const struct kw_pool *p, const struct kw_pool_replica *r)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    kw_ns wait = is_last(p) && c->zero_timeout ? c->zero_timeout : c->idle_timeout;
    kw_ns at = r->idle_since + wait, least = r->life.born + c->min_up;
    return at > least ? at : least;
}

static void arm_idle(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now)
{
    if (!p->scaler.policy->idle_timeout) return;
    kw_ns at = idle_deadline(p, r);
    kw_events_set(&p->w->events, r->life_id, at > now ? at : now);
}

static bool pool_active(const struct kw_pool *p)
{
    return p->g.queued + p->g.in_flight > 0;
}

/* Moves the border between surplus and held so that the newest idle replicas are held as the rule says. */
static void settle_idle(struct kw_pool *p, kw_ns now)
{
    if (!p->n_idle) return;
    const struct kw_autoscaling *c = &p->d->scaling;
    uint32_t want = c->keep_warm > p->g.busy ? c->keep_warm - p->g.busy : 0;
    if (pool_active(p) && c->buffer_replicas > want) want = c->buffer_replicas;
    if (want > p->n_idle) want = p->n_idle;
    while (p->n_held < want) {
        uint32_t k = p->first_held == NONE ? p->idle_tail : p->r[p->first_held].prev;
        p->r[k].held = true;
        set_phase(&p->r[k], KW_PHASE_KEEP_WARM, now);
        kw_events_cancel(&p->w->events, p->r[k].life_id);
        p->first_held = k;
        p->n_held++;
    }
    while (p->n_held > want) {
        uint32_t k = p->first_held;
        p->r[k].held = false;
        set_phase(&p->r[k], KW_PHASE_IDLE, now);
        arm_idle(p, &p->r[k], now);
        p->first_held = p->r[k].next;
        p->n_held--;
    }
}

/* The replica has nothing to do: newest in the list, held until settle_idle says otherwise. */
static void go_idle(struct kw_pool *p, uint32_t k, kw_ns now)
{
    struct kw_pool_replica *r = &p->r[k];
    r->idle = r->held = true;
    r->idle_since = now;
    r->prev = p->idle_tail;
    r->next = NONE;
    if (p->idle_tail == NONE) {
        p->idle_head = k;
    } else {
        p->r[p->idle_tail].next = k;
    }
    p->idle_tail = k;
    if (p->first_held == NONE) p->first_held = k;
    p->n_idle++;
    p->n_held++;
    set_phase(r, KW_PHASE_KEEP_WARM, now);
}

static void leave_idle(struct kw_pool *p, uint32_t k)
{
    struct kw_pool_replica *r = &p->r[k];
    if (p->first_held == k) p->first_held = r->next;
    if (r->prev == NONE) {
        p->idle_head = r->next;
    } else {
        p->r[r->prev].next = r->next;
    }
    if (r->next == NONE) {
        p->idle_tail = r->prev;
    } else {
        p->r[r->next].prev = r->prev;
    }
    p->n_idle--;
    p->n_held -= r->held;
    r->idle = r->held = false;
    kw_events_cancel(&p->w->events, r->life_id);
}

/* ---- starts ---- */

static void begin_start(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now)
{
    r->start = kw_start_draw(&p->d->cold, &p->d->scaling, &p->start_streams);
    p->ledger->starts++;
    p->ledger->restores += r->start.restores;
    p->ledger->stockouts += r->start.stockouts;
    r->life = (struct kw_life){ .born = now, .first_success = -1 };
    r->state = KW_REPLICA_STARTING;
    r->phase = KW_PHASE_PROVISION;
    r->since = now;
    kw_events_set(&p->w->events, r->life_id, now + r->start.phase[KW_PHASE_PROVISION]);
}

static enum kw_status grow_replicas(struct kw_pool *p, struct kw_error *err)
{
    uint32_t cap = p->cap ? 2 * p->cap : 8;
    struct kw_pool_replica *r = realloc(p->r, cap * sizeof *r);
    if (r) p->r = r;
    uint32_t *spare = realloc(p->spare, cap * sizeof *spare);
    if (spare) p->spare = spare;
    uint32_t *starting = realloc(p->starting, cap * sizeof *starting);
    if (starting) p->starting = starting;
    if (!r || !spare || !starting) return kw_fail(err, KW_ENOMEM, "%s: no memory for %u replicas", p->d->name, cap);
    p->cap = cap;
    return KW_OK;
}

/* A replica that is not alive, with events and an engine in its first state. */
static enum kw_status take_replica(struct kw_pool *p, uint32_t *out, struct kw_error *err)
{
    enum kw_status st;
    if (!p->n_spare) {
        if (p->n == p->cap && (st = grow_replicas(p, err)) != KW_OK) return st;
        p->r[p->n] = (struct kw_pool_replica){ .state = KW_REPLICA_GONE };
        p->spare[p->n_spare++] = p->n++;
    }
    uint32_t k = p->spare[p->n_spare - 1];
    struct kw_pool_replica *r = &p->r[k];
    if (!r->engine) {
        struct kw_replica *engine = calloc(1, sizeof *engine);
        if (!engine) return kw_fail(err, KW_ENOMEM, "%s: no memory for a replica", p->d->name);
        if ((st = kw_replica_init(engine, &p->d->sched, p->d->steptime, p->stepping, p->itl, err)) != KW_OK) {
            free(engine);
            return st;
        }
        r->engine = engine;
    } else {
        kw_replica_reset(r->engine);
    }
    if ((st = kw_events_id(&p->w->events, kw_tag(KW_EV_RUN, p->index, k), &r->run_id, err)) != KW_OK) return st;
    if ((st = kw_events_id(&p->w->events, kw_tag(KW_EV_LIFE, p->index, k), &r->life_id, err)) != KW_OK) {
        kw_events_release(&p->w->events, r->run_id);
        return st;
    }
    p->n_spare--;
    p->exist++;
    if (p->exist > p->ledger->peak_replicas) p->ledger->peak_replicas = p->exist;
    r->idle = r->held = false;
    *out = k;
    return KW_OK;
}

static enum kw_status start_replica(struct kw_pool *p, bool cold, kw_ns now, struct kw_error *err)
{
    uint32_t k;
    enum kw_status st = take_replica(p, &k, err);
    if (st != KW_OK) return st;
    bool was_last = is_last(p);
    begin_start(p, &p->r[k], now);
    p->starting[p->g.starting++] = k;
    p->ledger->cold_starts += cold;
    /* An idle replica that waited for the zero timeout is not the last one any more. */
    if (was_last && p->idle_head != NONE && !p->r[p->idle_head].held) arm_idle(p, &p->r[p->idle_head], now);
    return KW_OK;
}

/* Out of the list of starts, wherever it stands. */
static void unlist_start(struct kw_pool *p, uint32_t k)
{
    uint32_t i = p->g.starting;
    while (i-- > 0 && p->starting[i] != k) {
    }
    memmove(p->starting + i, p->starting + i + 1, (p->g.starting - i - 1) * sizeof *p->starting);
    p->g.starting--;
}

static enum kw_status make_ready(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    enum kw_status st = kw_balancer_join(&p->balancer, k, err);
    if (st != KW_OK) return st;
    p->r[k].state = KW_REPLICA_READY;
    p->r[k].ready_at = now;
    p->g.ready++;
    go_idle(p, k, now);
    return KW_OK;
}

/* ---- requests ---- */

/* The replica's next step end, as it now is. */
static void arm_run(struct kw_pool *p, struct kw_pool_replica *r)
{
    struct kw_events *q = &p->w->events;
    kw_ns next = r->engine->next;
    if (next == kw_events_due(q, r->run_id)) return;
    if (next == KW_NEVER) {
        kw_events_cancel(q, r->run_id);
    } else {
        kw_events_set_first(q, r->run_id, next);
    }
}

static void track(struct kw_pool *p, kw_ns now)
{
    if (p->scaler.policy->tracks) kw_area_track(&p->scaler.area, p->g.queued + p->g.in_flight, now);
}

static void prefix_of(const struct kw_pool *p, uint32_t request, const uint64_t **hash, uint32_t *n)
{
    const struct kw_trace *t = p->w->trace;
    *hash = NULL;
    *n = 0;
    if (!t->hash_at) return;
    *hash = t->hash + t->hash_at[request];
    *n = t->hash_at[request + 1] - t->hash_at[request];
}

/* The request boards replica k, which is ready and has room. */
static enum kw_status board(struct kw_pool *p, uint32_t flight, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_inflight *f = &p->w->flights.f[flight];
    struct kw_pool_replica *r = &p->r[k];
    struct kw_sched_request q = { .id = flight,
                                  .prompt = p->w->trace->prompt[f->request],
                                  .output = p->w->trace->output[f->request] };
    if (p->d->sched.prefix_caching) {
        prefix_of(p, f->request, &q.hash, &q.n_hash);
        q.hash_block = p->w->trace->hash_block;
    }
    enum kw_status st = kw_replica_add(r->engine, &q, now, &f->slot, err);
    if (st == KW_ERANGE) {
        kw_client_lost(p->w, flight, KW_REQ_TOO_LONG);
        return KW_OK;
    }
    if (st != KW_OK) return st;
    if ((st = kw_balancer_up(&p->balancer, k, err)) != KW_OK) return st;
    if (p->d->scaling.request_timeout) {
        if ((st = kw_ring_push(&p->on_replicas, flight, err)) != KW_OK) return st;
        if ((st = kw_ring_push(&p->on_replicas, f->place, err)) != KW_OK) return st;
        if (!kw_events_pending(&p->w->events, p->request_id))
            kw_events_set(&p->w->events, p->request_id, f->tried + p->d->scaling.request_timeout);
    }
    f->at = KW_AT_REPLICA;
    f->replica = k;
    f->cold |= r->ready_at > f->arrival;
    p->g.in_flight++;
    if (r->idle) {
        leave_idle(p, k);
        set_phase(r, KW_PHASE_ACTIVE, now);
        p->g.busy++;
    }
    arm_run(p, r);
    return KW_OK;
}

/* Boards the waiting ones, first come first served, while any replica has room. */
static enum kw_status board_waiting(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    while (!kw_ring_empty(&p->queue)) {
        uint32_t flight = kw_ring_at(&p->queue, 0), n_hash;
        const uint64_t *hash;
        prefix_of(p, p->w->flights.f[flight].request, &hash, &n_hash);
        uint32_t k = kw_balancer_pick(&p->balancer, hash, n_hash, &p->routing);
        if (k == KW_NO_REPLICA) break;
        kw_ring_drop(&p->queue, 1);
        p->g.queued--;
        enum kw_status st = board(p, flight, k, now, err);
        if (st != KW_OK) return st;
    }
    p->g.oldest = kw_ring_empty(&p->queue) ? KW_NEVER : p->w->flights.f[kw_ring_at(&p->queue, 0)].tried;
    return KW_OK;
}

/* ---- scaling ---- */

static enum kw_status stop_replica(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    uint32_t load = r->engine->n_live;
    enum kw_status st;
    kw_balancer_leave(&p->balancer, k);
    p->g.ready--;
    if (r->idle) {
        leave_idle(p, k);
        if ((st = end_engine(p, r, err)) != KW_OK) return st;
        if ((st = replica_gone(p, k, now, err)) != KW_OK) return st;
    } else {
        p->g.busy--;
        p->g.in_flight -= load;
        r->state = KW_REPLICA_DRAINING;
        set_phase(r, KW_PHASE_DRAIN, now);
        track(p, now);
    }
    settle_idle(p, now);
    return KW_OK;
}

static enum kw_status cancel_start(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    unlist_start(p, k);
    return replica_gone(p, k, now, err);
}

/* The policy has spoken: floor, buffer and ceiling, then starts and stops. */
static enum kw_status scale_to(struct kw_pool *p, uint32_t want, bool turned_away, kw_ns now, struct kw_error *err)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    enum kw_shrink shrink = p->scaler.policy->shrink;
    enum kw_status st;
    if (pool_active(p) && c->buffer_replicas && want < p->g.busy + c->buffer_replicas)
        want = p->g.busy + c->buffer_replicas;
    if (turned_away && !want) want = 1;
    if (want < c->keep_warm) want = c->keep_warm;
    if (want > c->max_replicas) want = c->max_replicas;
    while (kw_signals_alive(&p->g) < want && p->exist < KW_POOL_MAX_REPLICAS)
        if ((st = start_replica(p, p->g.queued > 0 || turned_away, now, err)) != KW_OK) return st;
    if (shrink == KW_SHRINK_NEVER) return KW_OK;
    while (kw_signals_alive(&p->g) > want && p->g.starting)
        if ((st = cancel_start(p, p->starting[p->g.starting - 1], now, err)) != KW_OK) return st;
    if (shrink == KW_SHRINK_STARTING) return KW_OK;
    while (p->g.ready > want) {
        uint32_t k = kw_balancer_least(&p->balancer);
        if (p->r[k].life.born + c->min_up > now) break;
        if ((st = stop_replica(p, k, now, err)) != KW_OK) return st;
    }
    return KW_OK;
}

static void arm_scaler(struct kw_pool *p, kw_ns now)
{
    const struct kw_scaler_policy *s = p->scaler.policy;
    if (!s->timer || kw_events_pending(&p->w->events, p->scaler_id)) return;
    kw_ns at = s->timer(&p->scaler, &p->g, now);
    if (at != KW_NEVER) kw_events_set(&p->w->events, p->scaler_id, at > now ? at : now);
}

static enum kw_status ask(struct kw_pool *p, enum kw_scaler_cause cause, bool turned_away, kw_ns now,
                          struct kw_error *err)
{
    uint32_t want = p->scaler.policy->want(&p->scaler, &p->g, now, cause);
    enum kw_status st = scale_to(p, want, turned_away, now, err);
    arm_scaler(p, now);
    return st;
}

/* What follows every arrival: floors and buffers change with the load, and the policy may want to know. */
static enum kw_status after_arrival(struct kw_pool *p, bool turned_away, kw_ns now, struct kw_error *err)
{
    track(p, now);
    if (turned_away) p->scaler.area.empty_since = now; /* traffic all the same: zero_timeout counts from it */
    settle_idle(p, now);
    if (p->scaler.policy->on_arrival || p->d->scaling.buffer_replicas || turned_away)
        return ask(p, KW_CAUSE_ARRIVED, turned_away, now, err);
    return KW_OK;
}

/* Requests have left at now. */
static enum kw_status after_leaving(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    track(p, now);
    settle_idle(p, now);
    if (p->scaler.policy->on_free) return ask(p, KW_CAUSE_FREED, false, now, err);
    return KW_OK;
}

/* One request less on replica k. */
static void disembark(struct kw_pool *p, uint32_t k)
{
    if (p->r[k].state != KW_REPLICA_READY) return;
    kw_balancer_down(&p->balancer, k);
    p->g.in_flight--;
}

/* Replica k may have become empty; boards who waits for it first. */
static enum kw_status after_disembarking(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st;
    if (r->state == KW_REPLICA_READY) {
        if (!kw_ring_empty(&p->queue) && (st = board_waiting(p, now, err)) != KW_OK) return st;
        if (r->engine->n_live == 0) {
            p->g.busy--;
            go_idle(p, k, now);
        }
    } else if (r->engine->n_live == 0) {
        if ((st = end_engine(p, r, err)) != KW_OK) return st;
        return replica_gone(p, k, now, err);
    }
    arm_run(p, r);
    return KW_OK;
}

/* ---- what the loop calls ---- */

enum kw_status kw_pool_check(const struct kw_deployment *d, const struct kw_trace *trace, struct kw_error *err)
{
    const struct kw_autoscaling *c = &d->scaling;
    if (!d->steptime) return kw_fail(err, KW_ERANGE, "%s: no step times", d->name);
    if (c->max_replicas < 1 || c->max_replicas > KW_POOL_MAX_REPLICAS)
        return kw_fail(err, KW_ERANGE, "%s: max_replicas must be 1..%d, got %u", d->name, KW_POOL_MAX_REPLICAS,
                       c->max_replicas);
    if (c->keep_warm > c->max_replicas)
        return kw_fail(err, KW_ERANGE, "%s: keep_warm is %u, more than max_replicas %u", d->name, c->keep_warm,
                       c->max_replicas);
    if (c->scaler == KW_SCALER_FIXED && !c->keep_warm && c->at_zero != KW_ZERO_STOPPED)
        return kw_fail(err, KW_ERANGE, "%s: a fixed deployment wants at least one replica, got keep_warm 0", d->name);
    if (!(c->stockout_probability >= 0 && c->stockout_probability < 1))
        return kw_fail(err, KW_ERANGE, "%s: stockout_probability must be in [0, 1), got %g", d->name,
                       c->stockout_probability);
    if (!(c->start_failure_probability >= 0 && c->start_failure_probability <= 0.99))
        return kw_fail(err, KW_ERANGE, "%s: start_failure_probability must be in [0, 0.99], got %g", d->name,
                       c->start_failure_probability);
    const kw_ns times[] = { c->target_delay,    c->scale_up_window,  c->eval_period, c->idle_timeout,
                            c->zero_timeout,    c->scale_down_delay, c->min_up,      c->queue_timeout,
                            c->request_timeout, c->stockout_retry,   d->network_rtt, d->retry.base,
                            d->retry.cap };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i] < 0 || times[i] > INT64_MAX / 8)
            return kw_fail(err, KW_ERANGE, "%s: a duration of %lld ns is not in [0, 36 years]", d->name,
                           (long long)times[i]);
    if (d->sched.prefix_caching && trace->hash_at && (!d->sched.block_size || trace->hash_block % d->sched.block_size))
        return kw_fail(err, KW_ERANGE, "%s: prefix hashes cover %u tokens, not a multiple of the KV block of %u",
                       d->name, trace->hash_block, d->sched.block_size);
    return KW_OK;
}

static enum kw_status begin_streams(struct kw_pool *p, const struct kw_fleet_options *opt, struct kw_error *err)
{
    /* Deployments of one run have streams of their own; deployment 0 has the run's. */
    uint64_t seed = p->index ? kw_mix64(opt->seed + p->index) : opt->seed;
    free_streams(p);
    enum kw_status st = kw_start_streams_begin(&p->start_streams, seed, opt->replication, err);
    if (st == KW_OK) st = kw_rng_init(&p->routing, seed, opt->replication, KW_RNG_ROUTING, err);
    if (st == KW_OK) st = kw_rng_init(&p->retry, seed, opt->replication, KW_RNG_RETRY, err);
    return st;
}

/* Engines made for another configuration go; the others are kept for this run. */
static void keep_engines(struct kw_pool *p, const struct kw_deployment *d, enum kw_stepping stepping,
                         struct kw_hist *itl)
{
    /* Bytes that differ only in padding rebuild engines that could have stayed: slower once, never wrong. */
    bool same = !memcmp(&p->made_for, &d->sched, sizeof d->sched) && p->made_with == d->steptime &&
                p->stepping == stepping && p->itl == itl;
    for (uint32_t i = 0; i < p->n && !same; i++) {
        if (!p->r[i].engine) continue;
        kw_replica_free(p->r[i].engine);
        free(p->r[i].engine);
        p->r[i].engine = NULL;
    }
    memcpy(&p->made_for, &d->sched, sizeof d->sched);
    p->made_with = d->steptime;
    p->stepping = stepping;
    p->itl = itl;
}

enum kw_status kw_pool_begin(struct kw_pool *p, struct kw_run_context *w, const struct kw_deployment *d, uint32_t index,
                             const struct kw_fleet_options *opt, struct kw_hist *itl, struct kw_error *err)
{
    const struct kw_autoscaling *c = &d->scaling;
    enum kw_status st;
    keep_engines(p, d, opt->stepping_each ? KW_STEPPING_EACH : KW_STEPPING_JUMP, itl);
    p->d = d;
    p->w = w;
    p->index = index;
    p->ledger = &w->tally.o->ledger[index];
    p->lives_cap = 0;
    p->limit = c->hard_concurrency ? c->hard_concurrency : UINT32_MAX;
    p->g = (struct kw_signals){ .oldest = KW_NEVER,
                                .slots = c->hard_concurrency ? c->hard_concurrency : d->sched.max_num_seqs };
    p->idle_head = p->idle_tail = p->first_held = NONE;
    p->n_idle = p->n_held = p->exist = 0;
    kw_ring_clear(&p->queue);
    kw_ring_clear(&p->on_replicas);
    p->n_spare = 0;
    for (uint32_t k = p->n; k-- > 0;) { /* replica 0 on top of the stack */
        p->r[k].state = KW_REPLICA_GONE;
        p->spare[p->n_spare++] = k;
    }
    if ((st = begin_streams(p, opt, err)) != KW_OK) return st;
    if ((st = kw_scaler_begin(&p->scaler, c, err)) != KW_OK) return st;
    if ((st = kw_balancer_begin(&p->balancer, d->balance, p->limit, p->scaler.policy->shrink == KW_SHRINK_ANY, err)) !=
        KW_OK)
        return st;
    struct {
        uint32_t *id;
        enum kw_event_kind kind;
    } timers[] = { { &p->scaler_id, KW_EV_SCALER },
                   { &p->queue_id, KW_EV_QUEUE_TIMEOUT },
                   { &p->request_id, KW_EV_REQUEST_TIMEOUT } };
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        if ((st = kw_events_id(&w->events, kw_tag(timers[i].kind, index, 0), timers[i].id, err)) != KW_OK) return st;
    for (uint32_t i = 0; i < c->keep_warm; i++) {
        uint32_t k;
        if ((st = take_replica(p, &k, err)) != KW_OK) return st;
        p->r[k].life = (struct kw_life){ .born = 0, .first_success = -1 };
        p->r[k].since = 0;
        p->r[k].phase = KW_PHASE_KEEP_WARM;
        if ((st = make_ready(p, k, 0, err)) != KW_OK) return st;
    }
    settle_idle(p, 0);
    return KW_OK;
}

static enum kw_status refuse(struct kw_pool *p, uint32_t flight, kw_ns now, struct kw_error *err)
{
    return kw_client_refused(p->w, flight, &p->d->retry, now, 0, &p->retry, err);
}

/* How long a request may wait in the queue: the shorter of the two timeouts there are; 0: for ever. */
static kw_ns queue_limit(const struct kw_pool *p)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    bool queue_first = c->queue_timeout && (!c->request_timeout || c->queue_timeout < c->request_timeout);
    return queue_first ? c->queue_timeout : c->request_timeout;
}

static void arm_queue_timeout(struct kw_pool *p)
{
    kw_ns limit = queue_limit(p);
    if (!limit || kw_ring_empty(&p->queue) || kw_events_pending(&p->w->events, p->queue_id)) return;
    kw_events_set(&p->w->events, p->queue_id, p->g.oldest + limit);
}

enum kw_status kw_pool_offer(struct kw_pool *p, uint32_t flight, kw_ns now, struct kw_error *err)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    struct kw_inflight *f = &p->w->flights.f[flight];
    const struct kw_trace *t = p->w->trace;
    enum kw_status st;
    f->tried = now;
    if ((uint64_t)t->prompt[f->request] + t->output[f->request] > p->d->sched.max_model_len) {
        kw_client_lost(p->w, flight, KW_REQ_TOO_LONG);
        return KW_OK;
    }
    if (!p->g.ready && c->at_zero != KW_ZERO_QUEUE) {
        f->cold = true;
        if ((st = refuse(p, flight, now, err)) != KW_OK) return st;
        return c->at_zero == KW_ZERO_STOPPED ? KW_OK : after_arrival(p, true, now, err);
    }
    if (kw_ring_empty(&p->queue) && p->balancer.n_room) {
        const uint64_t *hash;
        uint32_t n_hash;
        prefix_of(p, f->request, &hash, &n_hash);
        uint32_t k = kw_balancer_pick(&p->balancer, hash, n_hash, &p->routing);
        if ((st = board(p, flight, k, now, err)) != KW_OK) return st;
        return after_arrival(p, false, now, err);
    }
    if (c->no_queue || (c->queue_limit && p->g.queued >= c->queue_limit)) {
        if ((st = refuse(p, flight, now, err)) != KW_OK) return st;
        return after_arrival(p, !p->g.ready, now, err);
    }
    if ((st = kw_ring_push(&p->queue, flight, err)) != KW_OK) return st;
    f->at = KW_AT_QUEUE;
    if (!p->g.queued++) p->g.oldest = now;
    arm_queue_timeout(p);
    return after_arrival(p, false, now, err);
}

enum kw_status kw_pool_note_diverted(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    return p->d->scaling.at_zero == KW_ZERO_STOPPED ? KW_OK : after_arrival(p, true, now, err);
}

enum kw_status kw_pool_run(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    struct kw_replica_out out;
    bool prefix = p->d->sched.prefix_caching, records = p->w->tally.o->records;
    kw_replica_advance(r->engine, now, &out);
    for (uint32_t i = 0; i < out.n_first; i++) p->w->flights.f[out.first[i].id].first = now;
    if (!out.n_finished) {
        arm_run(p, r);
        return KW_OK;
    }
    for (uint32_t i = 0; i < out.n_finished; i++) {
        uint32_t flight = (uint32_t)out.finished[i].id, slot = out.finished[i].slot;
        kw_tally_completed(&p->w->tally, &p->w->flights.f[flight], now, p->d->network_rtt,
                           prefix ? kw_sched_cached(r->engine->sched, slot) : 0,
                           records ? kw_sched_preemptions(r->engine->sched, slot) : 0);
        kw_inflight_table_drop(&p->w->flights, flight);
        disembark(p, k);
    }
    if (r->life.first_success < 0) r->life.first_success = now;
    r->life.requests += out.n_finished;
    enum kw_status st = after_disembarking(p, k, now, err);
    return st == KW_OK ? after_leaving(p, now, err) : st;
}

/* A start phase is over: the next one that takes time, or ready. */
static enum kw_status start_goes_on(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st;
    for (int phase = r->phase + 1; phase <= KW_PHASE_RESTORE; phase++) {
        if (!r->start.phase[phase]) continue;
        set_phase(r, (enum kw_phase)phase, now);
        kw_events_set(&p->w->events, r->life_id, now + r->start.phase[phase]);
        return KW_OK;
    }
    if (r->start.fails) {
        r->life.failed = true;
        if ((st = end_life(p, r, now, err)) != KW_OK) return st;
        begin_start(p, r, now);
        return KW_OK;
    }
    kw_events_cancel(&p->w->events, r->life_id);
    unlist_start(p, k);
    if ((st = make_ready(p, k, now, err)) != KW_OK) return st;
    if ((st = board_waiting(p, now, err)) != KW_OK) return st;
    return after_leaving(p, now, err);
}

enum kw_status kw_pool_life(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    if (r->state == KW_REPLICA_STARTING) return start_goes_on(p, k, now, err);
    kw_ns at = idle_deadline(p, r); /* later than now when it has become the last one */
    if (at > now) {
        kw_events_set(&p->w->events, r->life_id, at);
        return KW_OK;
    }
    return stop_replica(p, k, now, err);
}

enum kw_status kw_pool_scale(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    kw_events_cancel(&p->w->events, p->scaler_id);
    return ask(p, KW_CAUSE_TIMER, false, now, err);
}

enum kw_status kw_pool_queue_timeout(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    kw_ns limit = queue_limit(p);
    kw_events_cancel(&p->w->events, p->queue_id);
    while (!kw_ring_empty(&p->queue) && p->w->flights.f[kw_ring_at(&p->queue, 0)].tried + limit <= now) {
        uint32_t flight = kw_ring_at(&p->queue, 0);
        kw_ring_drop(&p->queue, 1);
        p->g.queued--;
        p->w->flights.f[flight].cold |= !p->g.ready;
        kw_client_lost(p->w, flight, KW_REQ_TIMED_OUT);
    }
    p->g.oldest = kw_ring_empty(&p->queue) ? KW_NEVER : p->w->flights.f[kw_ring_at(&p->queue, 0)].tried;
    arm_queue_timeout(p);
    return after_leaving(p, now, err);
}

enum kw_status kw_pool_request_timeout(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    enum kw_status st;
    kw_events_cancel(&p->w->events, p->request_id);
    while (!kw_ring_empty(&p->on_replicas)) {
        uint32_t flight = kw_ring_at(&p->on_replicas, 0), place = kw_ring_at(&p->on_replicas, 1);
        struct kw_inflight *f = &p->w->flights.f[flight];
        bool here = f->at == KW_AT_REPLICA && f->place == place && f->deployment == p->index;
        if (here && f->tried + p->d->scaling.request_timeout > now) {
            kw_events_set(&p->w->events, p->request_id, f->tried + p->d->scaling.request_timeout);
            break;
        }
        kw_ring_drop(&p->on_replicas, 2);
        if (!here) continue;
        uint32_t k = f->replica;
        kw_replica_cancel(p->r[k].engine, f->slot, now);
        kw_client_lost(p->w, flight, KW_REQ_TIMED_OUT);
        disembark(p, k);
        if ((st = after_disembarking(p, k, now, err)) != KW_OK) return st;
    }
    return after_leaving(p, now, err);
}

enum kw_status kw_pool_end(struct kw_pool *p, kw_ns end, struct kw_error *err)
{
    const struct kw_signals *g = &p->g;
    if (g->in_flight != p->balancer.total || g->queued != kw_ring_count(&p->queue) || g->ready != p->balancer.n ||
        g->busy + p->n_idle != g->ready)
        return kw_fail(err, KW_EFAIL,
                       "%s: the pool's counts drifted: %u ready, %u busy, %u idle, %llu in flight of %llu", p->d->name,
                       g->ready, g->busy, p->n_idle, (unsigned long long)g->in_flight,
                       (unsigned long long)p->balancer.total);
    for (uint32_t k = 0; k < p->n; k++) {
        struct kw_pool_replica *r = &p->r[k];
        enum kw_status st;
        if (r->state == KW_REPLICA_GONE) continue;
        if (r->state != KW_REPLICA_STARTING && (st = end_engine(p, r, err)) != KW_OK) return st;
        if ((st = end_life(p, r, end, err)) != KW_OK) return st;
        r->state = KW_REPLICA_GONE;
    }
    return KW_OK;
}
