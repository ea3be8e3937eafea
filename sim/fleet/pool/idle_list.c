#include "sim/fleet/pool/parts.h"

bool kw_idle_list_last(const struct kw_pool *p)
{
    return kw_signals_alive(&p->g) == 1;
}

kw_ns kw_idle_list_deadline(const struct kw_pool *p, const struct kw_pool_replica *r)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    bool early = c->idle_release == KW_RELEASE_EARLY && !kw_idle_list_last(p);
    kw_ns wait = early ? 0 : kw_idle_list_last(p) && c->zero_timeout ? c->zero_timeout : c->idle_timeout;
    kw_ns at = r->idle_since + wait, least = r->born + c->min_up;
    return at > least ? at : least;
}

void kw_idle_list_arm(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now)
{
    if (!p->scaler.policy->idle_timeout) return;
    kw_ns at = kw_idle_list_deadline(p, r);
    kw_events_set(&p->w->events, r->life_id, at > now ? at : now);
}

/* At each arrival and departure: O(1) amortised, since the border between held and surplus moves by what changed. The
 * newest are held and the oldest run into their timeout, so the order of the list is the order of the deadlines. */
void kw_idle_list_settle(struct kw_pool *p, kw_ns now)
{
    if (!p->n_idle) return;
    const struct kw_autoscaling *c = &p->d->scaling;
    uint32_t want = p->scaler.floor > p->g.busy ? p->scaler.floor - p->g.busy : 0;
    if (kw_pool_active(p) && c->buffer_replicas > want) want = c->buffer_replicas;
    if (want > p->n_idle) want = p->n_idle;
    while (p->n_held < want) {
        uint32_t k = p->first_held == NONE ? p->idle_tail : p->r[p->first_held].prev;
        p->r[k].held = true;
        kw_lives_phase(&p->r[k], KW_PHASE_KEEP_WARM, now);
        kw_events_cancel(&p->w->events, p->r[k].life_id);
        p->first_held = k;
        p->n_held++;
    }
    while (p->n_held > want) {
        uint32_t k = p->first_held;
        p->r[k].held = false;
        kw_lives_phase(&p->r[k], KW_PHASE_IDLE, now);
        kw_idle_list_arm(p, &p->r[k], now);
        p->first_held = p->r[k].next;
        p->n_held--;
    }
    assert(p->n_held == want && (p->first_held == NONE) == !want);
}

/* O(1). Held at first, whatever the rule says: kw_idle_list_settle follows at the same moment, and to ask it here would
 * arm a timer that the next dispatch cancels. */
void kw_idle_list_push(struct kw_pool *p, uint32_t k, kw_ns now)
{
    struct kw_pool_replica *r = &p->r[k];
    assert(!r->idle && r->state == KW_REPLICA_READY && r->engine->n_live == 0);
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
    kw_lives_phase(r, KW_PHASE_KEEP_WARM, now);
}

/* O(1), from the middle too: work goes where the balancer says, not to the newest. */
void kw_idle_list_take(struct kw_pool *p, uint32_t k)
{
    struct kw_pool_replica *r = &p->r[k];
    assert(r->idle && p->n_idle && (!r->held || p->n_held));
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
