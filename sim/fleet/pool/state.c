#include "sim/fleet/pool/parts.h"

static uint64_t fold(uint64_t h, int64_t v)
{
    return kw_mix64(h ^ (uint64_t)v);
}

/* What happened longer ago than the pool remembers happened long ago. */
static kw_ns age(kw_ns since, kw_ns now, kw_ns memory)
{
    return now - since < memory ? now - since : memory;
}

static kw_ns left(const struct kw_pool *p, uint32_t id, kw_ns now)
{
    kw_ns due = kw_events_due(&p->w->events, id);
    return due == KW_NEVER ? -1 : due - now;
}

/* How far an engine is in its requests is left to the requests (fleet.c): between two jumps it is not known. */
static uint64_t replica_state(const struct kw_pool *p, uint32_t k, kw_ns now, kw_ns memory)
{
    const struct kw_pool_replica *r = &p->r[k];
    uint64_t h = fold(fold(r->state, r->engine->n_live), age(r->born, now, memory));
    h = fold(h, left(p, r->life_id, now));
    if (p->d->spot.per_hour > 0) h = fold(h, r->standin ? -2 : left(p, r->interruption_id, now));
    if (p->d->lora.adapters) h = fold(h, (int64_t)kw_replica_adapters_state(r->engine, now));
    if (r->idle) h = fold(fold(h, r->held), age(r->idle_since, now, memory));
    for (int i = r->phase + 1; r->state == KW_REPLICA_STARTING && i <= KW_PHASE_RESTORE; i++)
        h = fold(h, r->start.phase[i]);
    return p->d->node.places ? fold(h, (int64_t)kw_nodes_state(p, k, now)) : h;
}

/* O(replicas). Replicas have no names: the sum over them does not tell who is who. */
uint64_t kw_pool_state(const struct kw_pool *p, kw_ns now, kw_ns memory)
{
    uint64_t replicas = 0, turns = 0;
    for (uint32_t k = 0; k < p->n; k++)
        if (p->r[k].state != KW_REPLICA_GONE) replicas += replica_state(p, k, now, memory);
    if (p->d->balance == KW_BALANCE_ROUND_ROBIN)
        for (uint32_t i = 0; i < p->balancer.n; i++) {
            uint32_t k = p->balancer.ready[(p->balancer.turn + i) % p->balancer.n];
            turns = fold(turns, (int64_t)replica_state(p, k, now, memory));
        }
    uint64_t h = fold(fold(fold(replicas, (int64_t)turns), (int64_t)p->g.queued), left(p, p->scaler_id, now));
    if (p->d->node.places) h = fold(h, (int64_t)kw_nodes_empty_state(p, now));
    if (p->d->floor) h = fold(fold(h, p->scaler.floor), left(p, p->floor_id, now));
    return fold(h, (int64_t)kw_scaler_state(&p->scaler, now, memory));
}

/* Who last served an adapter is in no fingerprint, so a balancer that goes by it counts as one that draws. */
bool kw_pool_draws(const struct kw_pool *p)
{
    enum kw_balance b = p->d->balance;
    const struct kw_lora *l = &p->d->lora;
    const struct kw_law *fetch = l->fetch_s.kind == KW_LAW_NONE ? &l->fetch_rate : &l->fetch_s;
    bool found = p->found_warm > 0 && p->found_warm < 1;
    return p->d->spot.per_hour > 0 || found || (l->adapters && fetch->kind != KW_LAW_CONSTANT) ||
           (p->d->scaling.max_replicas > 1 &&
            (b == KW_BALANCE_RANDOM || b == KW_BALANCE_POWER_OF_TWO || b == KW_BALANCE_ADAPTER));
}
