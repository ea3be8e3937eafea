/* sim/fleet/hold.h - requests that may wait, held in front of a deployment while none of its replicas is ready.
 *
 * A request of class k that is sent to a deployment with d->hold.most[k] > 0 and finds no replica ready there is held: the
 * platform does not see it, so it starts nothing. It is released at the earliest of
 *     a replica is ready, since something else woke it: all that are held go together, in the order in which they came,
 *                       after those that wait at the platform
 *     arrival + most[k]: it alone, and wakes a replica as any request does; the others go when that one is ready
 *     the next whole multiple of `every` of the window, and its begin (0: never): all that are held by then
 * and from then on goes the way of any request that comes at that moment: where the routing passes over a cold
 * deployment, past it. Before that it is not passed on: it may wait. A request is held once. Pings never are.
 *
 * TTFT and E2E count from the arrival. Cold is who was served by a replica that became ready after the release. */
#ifndef KW_SIM_FLEET_HOLD_H
#define KW_SIM_FLEET_HOLD_H
#include "sim/fleet/deployment.h"
#include "sim/fleet/ring.h"
#include "sim/fleet/run_context.h"

struct kw_hold_queue {
    const struct kw_hold *rule; /* borrowed for the run */
    struct kw_run_context *w;
    uint32_t deployment;
    struct kw_ring
        came;   /* flight and place of each in the order in which they came; those gone meanwhile are skipped */
    uint32_t n; /* held now */
};

void kw_hold_queue_init(struct kw_hold_queue *q);
void kw_hold_queue_free(struct kw_hold_queue *q); /* back to empty; safe to call again */
void kw_hold_queue_begin(struct kw_hold_queue *q, struct kw_run_context *w, const struct kw_deployment *d,
                         uint32_t deployment);

/* Whether this request of the trace may be held here. */
bool kw_hold_takes(const struct kw_hold_queue *q, uint32_t request);
/* It is held from now on, with an event for the latest moment, KW_EV_HOLD. */
enum kw_status kw_hold_add(struct kw_hold_queue *q, uint32_t flight, kw_ns now, struct kw_error *err);
/* It is released: no longer held, counted in the ledger of its deployment. */
void kw_hold_release(struct kw_hold_queue *q, uint32_t flight, kw_ns now);
/* The one that came first of those held; q->n > 0. */
uint32_t kw_hold_first(struct kw_hold_queue *q);

#endif
