#include "sim/fleet/hold.h"
#include <assert.h>

void kw_hold_queue_init(struct kw_hold_queue *q)
{
    *q = (struct kw_hold_queue){ 0 };
}

void kw_hold_queue_free(struct kw_hold_queue *q)
{
    kw_ring_free(&q->came);
    kw_hold_queue_init(q);
}

void kw_hold_queue_begin(struct kw_hold_queue *q, struct kw_run_context *w, const struct kw_deployment *d,
                         uint32_t deployment)
{
    kw_ring_clear(&q->came);
    q->rule = &d->hold;
    q->w = w;
    q->deployment = deployment;
    q->n = 0;
}

static kw_ns most_of(const struct kw_hold_queue *q, uint32_t request)
{
    const struct kw_trace *t = q->w->trace;
    uint32_t k = t->klass ? t->klass[request] : 0;
    return k < KW_HOLD_CLASSES ? q->rule->most[k] : 0;
}

bool kw_hold_takes(const struct kw_hold_queue *q, uint32_t request)
{
    return request != KW_NO_REQUEST && most_of(q, request) > 0;
}

/* The next multiple of `every` after now, on the run's clock. A window begins with one. */
static kw_ns next_tick(const struct kw_hold_queue *q, kw_ns now)
{
    const struct kw_cycle *c = &q->w->cycle;
    kw_ns every = q->rule->every;
    if (!every || !c->length) return KW_NEVER;
    kw_ns in = (now - c->begins) % c->length, next = (in / every + 1) * every;
    return now - in + (next < c->length ? next : c->length);
}

enum kw_status kw_hold_add(struct kw_hold_queue *q, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_inflight *f = &q->w->flights.f[flight];
    struct kw_events *events = &q->w->events;
    kw_ns latest = f->arrival + most_of(q, f->request), tick = next_tick(q, now);
    if (flight >= KW_TAG_NUMBERS) return kw_fail(err, KW_ENOMEM, "more than %u requests are held", KW_TAG_NUMBERS);
    enum kw_status st = kw_ring_push(&q->came, flight, err);
    if (st == KW_OK) st = kw_ring_push(&q->came, f->place, err);
    if (st == KW_OK) st = kw_events_id(events, kw_tag(KW_EV_HOLD, q->deployment, flight), &f->event, err);
    if (st != KW_OK) return st;
    f->at = KW_AT_HOLD;
    f->deployment = (uint8_t)q->deployment;
    q->n++;
    kw_events_set(events, f->event, latest < tick ? latest : tick);
    return KW_OK;
}

void kw_hold_release(struct kw_hold_queue *q, uint32_t flight, kw_ns now)
{
    struct kw_inflight *f = &q->w->flights.f[flight];
    struct kw_ledger *l = &q->w->tally.o->ledger[q->deployment];
    assert(f->at == KW_AT_HOLD && f->deployment == q->deployment && q->n);
    kw_events_release(&q->w->events, f->event);
    f->at = KW_AT_CLIENT;
    f->asked = now;
    q->n--;
    if (f->warmup) return;
    l->held++;
    l->held_ns += now - f->arrival;
}

/* Amortised O(1): each leaves the head once. A flight's number is used again, its place never. */
uint32_t kw_hold_first(struct kw_hold_queue *q)
{
    assert(q->n);
    for (;; kw_ring_drop(&q->came, 2)) {
        uint32_t flight = kw_ring_at(&q->came, 0);
        const struct kw_inflight *f = &q->w->flights.f[flight];
        if (f->at == KW_AT_HOLD && f->deployment == q->deployment && f->place == kw_ring_at(&q->came, 1)) return flight;
    }
}
