#include <stdlib.h>
#include "sim/fleet/pool/parts.h"
#include "sim/fleet/api/client.h"
#include "sim/fleet/request_tokens.h"

/* After whatever may have moved the replica's next boundary. Most calls change nothing and cost one load of the heap.
 * Step ends run before other events of their moment, in order of the replica's id (kw_events_set_first): the stepping
 * modes set them differently often, and the order must not tell. */
void kw_dispatch_arm(struct kw_pool *p, struct kw_pool_replica *r)
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

/* A ping is for the base. */
static uint32_t adapter_of(const struct kw_pool *p, const struct kw_inflight *f)
{
    return kw_inflight_is_ping(f) ? 0 : kw_lora_adapter(&p->d->lora, p->w->trace->model, f->request);
}

struct kw_prefix kw_pool_affinity(struct kw_pool *p, uint32_t flight)
{
    if (p->d->balance != KW_BALANCE_ADAPTER) {
        struct kw_prefix prefix = kw_run_prefix(p->w, flight);
        prefix.tokens = kw_request_prompt(p->w->trace, p->d, &p->w->flights.f[flight]); /* with hashes or without */
        return prefix;
    }
    p->adapter_hash = adapter_of(p, &p->w->flights.f[flight]);
    return (struct kw_prefix){ &p->adapter_hash, p->adapter_hash != 0, 0, 0, 0 };
}

/* O(1) but for the prefix's hashes. The engine accepts first: it alone knows whether the request can ever fit its KV
 * blocks, and until it has, nothing is to be undone. A request is cold when its replica became ready after it asked,
 * whether it queued here or at the client. */
enum kw_status kw_dispatch_to(struct kw_pool *p, uint32_t flight, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_inflight *f = &p->w->flights.f[flight];
    struct kw_pool_replica *r = &p->r[k];
    assert(r->state == KW_REPLICA_READY && f->deployment == p->index);
    struct kw_sched_request q = { .id = flight,
                                  .prompt = kw_request_prompt(p->w->trace, p->d, f),
                                  .output = kw_request_output(p->w->trace, p->d, f),
                                  .adapter = adapter_of(p, f),
                                  .luck = p->d->speculative.tokens ? kw_mix64(p->luck + f->request) : 0 };
    if (kw_deployment_caches(p->d)) {
        struct kw_prefix prefix = kw_run_prefix(p->w, flight);
        q.hash = prefix.hash;
        q.n_hash = prefix.n + prefix.beyond;
        q.answers = prefix.beyond > 0;
        q.hash_block = p->w->trace->hash_block;
    }
    enum kw_status st = kw_replica_add(r->engine, &q, now, &f->slot, err);
    if (st == KW_ERANGE) return kw_client_declined(p->w, flight, KW_REQ_TOO_LONG, now, err);
    if (st != KW_OK) return st;
    if ((st = kw_balancer_up(&p->balancer, k, err)) != KW_OK) return st;
    if ((st = kw_timeouts_watch_replica(p, flight, err)) != KW_OK) return st;
    f->at = KW_AT_REPLICA;
    f->replica = k;
    f->awaited = p->balancer.policy->weighs ? (uint32_t)p->balancer.computes : 0;
    if (f->awaited) kw_balancer_awaits(&p->balancer, k, f->awaited);
    f->adapted |= q.adapter != 0;
    f->fetched |= kw_replica_holds(r->engine, f->slot);
    uint32_t on_one = kw_replica_seated(r->engine); /* who left in the step under way still has a seat */
    if (on_one > p->ledger->most_on_one) p->ledger->most_on_one = on_one;
    f->cold |= r->ready_at > f->asked;
    p->g.in_flight++;
    if (r->idle) {
        kw_idle_list_take(p, k);
        kw_lives_phase(r, KW_PHASE_ACTIVE, now);
        p->g.busy++;
    }
    kw_dispatch_arm(p, r);
    return KW_OK;
}

/* O(requests dispatched). Head first and no further: a request with a prefix that another replica holds waits behind
 * the head all the same. */
enum kw_status kw_dispatch_waiting(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    while (!kw_ring_empty(&p->queue)) {
        uint32_t flight = kw_ring_at(&p->queue, 0);
        uint32_t k = kw_balancer_pick(&p->balancer, kw_pool_affinity(p, flight), &p->routing);
        if (k == KW_NO_REPLICA) break;
        kw_ring_drop(&p->queue, 1);
        p->g.queued--;
        enum kw_status st = kw_dispatch_to(p, flight, k, now, err);
        if (st != KW_OK) return st;
    }
    p->g.oldest = kw_ring_empty(&p->queue) ? KW_NEVER : p->w->flights.f[kw_ring_at(&p->queue, 0)].tried;
    return KW_OK;
}

/* Its prompt is computed, or nobody wants that any more. */
void kw_dispatch_answers(struct kw_pool *p, struct kw_inflight *f)
{
    if (f->awaited && p->r[f->replica].state == KW_REPLICA_READY)
        kw_balancer_answers(&p->balancer, f->replica, f->awaited);
    f->awaited = 0;
}

/* A draining replica has left the balancer and the counts already. */
void kw_dispatch_left(struct kw_pool *p, uint32_t k)
{
    if (p->r[k].state != KW_REPLICA_READY) return;
    assert(p->g.in_flight && p->g.busy);
    kw_balancer_down(&p->balancer, k);
    p->g.in_flight--;
}

/* Called once for all that left at a moment. The queue comes before the idle list, or a busy pool would push and take
 * the same replica at every completion and bill it a phase of no length. */
enum kw_status kw_dispatch_after_left(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st;
    if (r->state == KW_REPLICA_READY) {
        if (!kw_ring_empty(&p->queue) && (st = kw_dispatch_waiting(p, now, err)) != KW_OK) return st;
        if (r->engine->n_live == 0) {
            assert(!p->balancer.awaited[k]); /* who has left awaits nothing */
            p->g.busy--;
            kw_idle_list_push(p, k, now);
        }
    } else if (r->engine->n_live == 0) {
        if ((st = kw_lives_end_engine(p, r, err)) != KW_OK) return st;
        return kw_lives_gone(p, k, now, err);
    }
    kw_dispatch_arm(p, r);
    return KW_OK;
}

/* Its machine is taken, or its autoscaler waits for nobody. */
enum kw_status kw_dispatch_take_away(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st;
    if (p->cut_off_cap < r->engine->n_live) {
        uint64_t *ids = realloc(p->cut_off, r->engine->n_live * sizeof *ids);
        if (!ids) return kw_fail(err, KW_ENOMEM, "%s: no memory for %u requests", p->d->name, r->engine->n_live);
        p->cut_off = ids;
        p->cut_off_cap = r->engine->n_live;
    }
    uint32_t n = kw_replica_kill(r->engine, now, p->cut_off);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t flight = (uint32_t)p->cut_off[i];
        struct kw_inflight *f = &p->w->flights.f[flight];
        f->first = -1; /* what came of the answer is void */
        f->awaited = 0;
        p->ledger->cut_off += !f->warmup && !kw_inflight_is_ping(f) && !p->closed;
        if ((st = kw_client_refused(p->w, flight, &p->d->retry, now, 0, &p->retry, err)) != KW_OK) return st;
    }
    if ((st = kw_lives_end_engine(p, r, err)) != KW_OK) return st;
    return kw_lives_gone(p, k, now, err);
}
