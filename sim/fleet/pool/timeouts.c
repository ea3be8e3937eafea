#include "sim/fleet/pool/parts.h"
#include "sim/fleet/api/client.h"

/* How long a request may wait in the queue: the shorter of the two timeouts there are; 0: for ever. */
static kw_ns queue_limit(const struct kw_pool *p)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    bool queue_first = c->queue_timeout && (!c->request_timeout || c->queue_timeout < c->request_timeout);
    return queue_first ? c->queue_timeout : c->request_timeout;
}

void kw_timeouts_watch_queue(struct kw_pool *p)
{
    kw_ns limit = queue_limit(p);
    if (!limit || kw_ring_empty(&p->queue) || kw_events_pending(&p->w->events, p->queue_id)) return;
    kw_events_set(&p->w->events, p->queue_id, p->g.oldest + limit);
}

/* One event a pool instead of one a request, which would double the heap and cancel nearly all of what it holds. Since
 * all have the same limit and none passes another in the queue, they time out in the order in which they came to
 * replicas; those that have left are recognised by their place, which no other request of the run has. */
enum kw_status kw_timeouts_watch_replica(struct kw_pool *p, uint32_t flight, struct kw_error *err)
{
    const struct kw_inflight *f = &p->w->flights.f[flight];
    kw_ns limit = p->d->scaling.request_timeout;
    enum kw_status st;
    if (!limit) return KW_OK;
    if ((st = kw_ring_push(&p->on_replicas, flight, err)) != KW_OK) return st;
    if ((st = kw_ring_push(&p->on_replicas, f->place, err)) != KW_OK) return st;
    if ((st = kw_ring_push(&p->on_replicas, f->attempts, err)) != KW_OK) return st;
    if (!kw_events_pending(&p->w->events, p->request_id)) kw_events_set(&p->w->events, p->request_id, f->tried + limit);
    return KW_OK;
}

/* Amortised O(1) a request: each leaves the head once. */
enum kw_status kw_pool_queue_timeout(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    kw_ns limit = queue_limit(p);
    assert(limit > 0 && !kw_ring_empty(&p->queue) == (p->g.queued > 0));
    kw_events_cancel(&p->w->events, p->queue_id);
    while (!kw_ring_empty(&p->queue) && p->w->flights.f[kw_ring_at(&p->queue, 0)].tried + limit <= now) {
        uint32_t flight = kw_ring_at(&p->queue, 0);
        kw_ring_drop(&p->queue, 1);
        p->g.queued--;
        p->w->flights.f[flight].cold |= !p->g.ready;
        enum kw_status st = kw_client_lost(p->w, flight, KW_REQ_TIMED_OUT, now, err);
        if (st != KW_OK) return st;
    }
    p->g.oldest = kw_ring_empty(&p->queue) ? KW_NEVER : p->w->flights.f[kw_ring_at(&p->queue, 0)].tried;
    kw_timeouts_watch_queue(p);
    return kw_scaling_after_leaving(p, now, err);
}

/* Amortised O(1) a request. The replica learns of it at once and frees the blocks at its next boundary; its seat counts
 * as free for the balancer from now on. */
enum kw_status kw_pool_request_timeout(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    enum kw_status st;
    assert(p->d->scaling.request_timeout > 0 && kw_ring_count(&p->on_replicas) % 3 == 0);
    kw_events_cancel(&p->w->events, p->request_id);
    while (!kw_ring_empty(&p->on_replicas)) {
        uint32_t flight = kw_ring_at(&p->on_replicas, 0), place = kw_ring_at(&p->on_replicas, 1);
        struct kw_inflight *f = &p->w->flights.f[flight];
        bool here = f->at == KW_AT_REPLICA && f->place == place && f->deployment == p->index &&
                    f->attempts == kw_ring_at(&p->on_replicas, 2); /* a replica taken away may have had it before */
        if (here && f->tried + p->d->scaling.request_timeout > now) {
            kw_events_set(&p->w->events, p->request_id, f->tried + p->d->scaling.request_timeout);
            break;
        }
        kw_ring_drop(&p->on_replicas, 3);
        if (!here) continue;
        uint32_t k = f->replica;
        kw_replica_cancel(p->r[k].engine, f->slot, now);
        kw_dispatch_answers(p, f);
        if ((st = kw_client_lost(p->w, flight, KW_REQ_TIMED_OUT, now, err)) != KW_OK) return st;
        kw_dispatch_left(p, k);
        if ((st = kw_dispatch_after_left(p, k, now, err)) != KW_OK) return st;
    }
    return kw_scaling_after_leaving(p, now, err);
}
