#include <math.h>
#include "sim/fleet/pool/parts.h"

/* O(1), and nothing for the policies that average no level. */
static void track(struct kw_pool *p, kw_ns now)
{
    if (p->scaler.policy->tracks) kw_area_track(&p->scaler.area, p->g.queued + p->g.in_flight, now);
}

enum kw_status kw_scaling_stop(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    uint32_t load = r->engine->n_live;
    enum kw_status st;
    assert(r->state == KW_REPLICA_READY && r->idle == !load);
    kw_balancer_leave(&p->balancer, k);
    p->g.ready--;
    p->ready_standins -= r->standin;
    p->standins -= r->standin;
    if (r->idle) {
        kw_idle_list_take(p, k);
        if ((st = kw_lives_end_engine(p, r, err)) != KW_OK) return st;
        if ((st = kw_lives_gone(p, k, now, err)) != KW_OK) return st;
    } else {
        p->g.busy--;
        p->g.in_flight -= load;
        r->state = KW_REPLICA_DRAINING;
        kw_lives_phase(r, KW_PHASE_DRAIN, now);
        track(p, now);
    }
    kw_idle_list_settle(p, now);
    return KW_OK;
}

/* One that is starting goes first, then the least loaded. */
static enum kw_status dismiss_standin(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    bool found;
    enum kw_status st = kw_starts_cancel_standin(p, now, &found, err);
    if (st != KW_OK || found) return st;
    uint32_t least = NONE;
    for (uint32_t k = 0; k < p->n; k++)
        if (p->r[k].state == KW_REPLICA_READY && p->r[k].standin &&
            (least == NONE || p->r[k].engine->n_live < p->r[least].engine->n_live))
            least = k;
    assert(least != NONE);
    return kw_scaling_stop(p, least, now, err);
}

enum kw_status kw_scaling_standins(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    if (!p->d->spot.fallback) return KW_OK;
    uint32_t spot = p->g.ready - p->ready_standins, want = p->d->scaling.max_replicas;
    uint32_t missing = spot < want ? want - spot : 0;
    enum kw_status st = KW_OK;
    while (st == KW_OK && p->standins < missing && p->exist < KW_POOL_MAX_REPLICAS)
        st = kw_starts_order_standin(p, now, err);
    while (st == KW_OK && p->standins > missing) st = dismiss_standin(p, now, err);
    return st;
}

/* Starting and ready, but for those that stand in for others. */
static uint32_t alive(const struct kw_pool *p)
{
    return kw_signals_alive(&p->g) - p->standins;
}

/* The policy has spoken: floor, buffer and ceiling, then starts and stops. */
static enum kw_status scale_to(struct kw_pool *p, uint32_t want, bool turned_away, kw_ns now, struct kw_error *err)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    enum kw_shrink shrink = p->scaler.policy->shrink;
    enum kw_status st;
    if (kw_pool_active(p) && c->buffer_replicas && want < p->g.busy + c->buffer_replicas)
        want = p->g.busy + c->buffer_replicas;
    if (turned_away && !want && !p->scaler.policy->wakes_itself) want = 1;
    if (want > p->ledger->most_wanted) p->ledger->most_wanted = want;
    want = kw_scaler_clip(&p->scaler, want);
    assert(want >= p->scaler.floor && p->exist >= kw_signals_alive(&p->g));
    while (alive(p) < want && p->exist < KW_POOL_MAX_REPLICAS)
        if ((st = kw_starts_order(p, p->g.queued > 0 || turned_away, now, err)) != KW_OK) return st;
    if (shrink == KW_SHRINK_NEVER) return KW_OK;
    while (kw_signals_alive(&p->g) > want && p->g.starting)
        if ((st = kw_starts_cancel_newest(p, now, err)) != KW_OK) return st;
    if (shrink == KW_SHRINK_STARTING) return KW_OK;
    while (p->g.ready > want) {
        uint32_t k = kw_balancer_least(&p->balancer);
        if (p->r[k].born + c->min_up > now) break;
        if ((st = kw_scaling_stop(p, k, now, err)) != KW_OK) return st;
        bool busy = p->r[k].state == KW_REPLICA_DRAINING;
        if (busy && p->scaler.policy->kills && (st = kw_dispatch_take_away(p, k, now, err)) != KW_OK) return st;
    }
    return KW_OK;
}

/* Queue and starts change by far more often than a policy looks, so this one signal is made when one does. */
static void find_unanswered(struct kw_pool *p)
{
    bool all = p->g.starting >= kw_ring_count(&p->queue);
    p->g.unanswered = all ? KW_NEVER : p->w->flights.f[kw_ring_at(&p->queue, p->g.starting)].tried;
}

/* The engines' part of the signals, O(replicas). */
static void look_inside(struct kw_pool *p, kw_ns now)
{
    double most = 0, cache = (double)p->d->sched.num_blocks * p->d->sched.block_size * kw_deployment_ranks(p->d);
    for (uint32_t k = 0; k < p->n; k++)
        if (p->r[k].state == KW_REPLICA_READY)
            most = fmax(most, (double)kw_replica_kv_asked(p->r[k].engine, now) / cache);
    p->g.kv_most = most;
    p->g.waiting = kw_pool_waiting(p);
}

/* A control loop has one event at most: set anew only after it has come, so that arrivals between two ticks do not move
 * the tick. */
static void arm_scaler(struct kw_pool *p, kw_ns now)
{
    const struct kw_scaler_policy *s = p->scaler.policy;
    if (!s->timer || kw_events_pending(&p->w->events, p->scaler_id)) return;
    find_unanswered(p);
    kw_ns at = s->timer(&p->scaler, &p->g, now);
    if (at != KW_NEVER) kw_events_set(&p->w->events, p->scaler_id, at > now ? at : now);
}

/* The policy's answer is about its own rule; floor, buffer and ceiling are applied to all policies in one place behind
 * it: the ceiling wins over the floor, the floor over the buffer. */
enum kw_status kw_scaling_ask(struct kw_pool *p, enum kw_scaler_cause cause, bool turned_away, kw_ns now,
                              struct kw_error *err)
{
    find_unanswered(p);
    if (cause == KW_CAUSE_TIMER && p->scaler.policy->looks_inside) look_inside(p, now);
    uint32_t want = p->scaler.policy->want(&p->scaler, &p->g, now, cause);
    enum kw_status st = scale_to(p, want, turned_away, now, err);
    arm_scaler(p, now);
    return st;
}

/* The policy is not asked: what it said last stands, and its loop sees what is above the floor now when it next looks. */
enum kw_status kw_scaling_floor(struct kw_pool *p, uint32_t floor, kw_ns now, struct kw_error *err)
{
    p->scaler.floor = floor;
    kw_idle_list_settle(p, now);
    uint32_t want = kw_scaler_clip(&p->scaler, 0);
    while (alive(p) < want && p->exist < KW_POOL_MAX_REPLICAS) {
        enum kw_status st = kw_starts_order(p, false, now, err);
        if (st != KW_OK) return st;
    }
    arm_scaler(p, now);
    return KW_OK;
}

/* At every arrival: O(1) unless replicas are held or released. Policies that act on a timer alone are not asked. */
enum kw_status kw_scaling_after_arrival(struct kw_pool *p, bool turned_away, kw_ns now, struct kw_error *err)
{
    track(p, now);
    if (turned_away) p->scaler.area.empty_since = now; /* traffic all the same: zero_timeout counts from it */
    kw_idle_list_settle(p, now);
    if (p->scaler.policy->on_arrival || p->d->scaling.buffer_replicas || turned_away)
        return kw_scaling_ask(p, KW_CAUSE_ARRIVED, turned_away, now, err);
    return KW_OK;
}

enum kw_status kw_scaling_after_leaving(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    track(p, now);
    kw_idle_list_settle(p, now);
    if (p->scaler.policy->on_free) return kw_scaling_ask(p, KW_CAUSE_FREED, false, now, err);
    return KW_OK;
}
