#include "sim/fleet/api/batch_queue.h"
#include <assert.h>

void kw_batch_queue_init(struct kw_batch_queue *q)
{
    *q = (struct kw_batch_queue){ 0 };
}

void kw_batch_queue_free(struct kw_batch_queue *q)
{
    kw_ring_free(&q->waiting);
    kw_batch_queue_init(q);
}

enum kw_status kw_batch_queue_begin(struct kw_batch_queue *q, struct kw_run_context *w, const struct kw_deployment *d,
                                    uint32_t deployment, struct kw_error *err)
{
    kw_ring_clear(&q->waiting);
    q->rule = &d->batching;
    q->w = w;
    q->tokens_ppm = d->tokens_ppm;
    q->requests = q->tokens = 0;
    return kw_events_id(&w->events, kw_tag(KW_EV_BATCH, deployment, 0), &q->timer, err);
}

enum kw_status kw_batch_queue_add(struct kw_batch_queue *q, uint32_t flight, struct kw_error *err)
{
    return kw_ring_push(&q->waiting, flight, err);
}

static uint32_t prompt_of(const struct kw_batch_queue *q, uint32_t flight)
{
    return kw_tokens_as(q->w->trace->prompt[q->w->flights.f[flight].request], q->tokens_ppm);
}

/* When the batch that the oldest request is in is sent, if nothing makes it full before. */
static kw_ns due(const struct kw_batch_queue *q)
{
    return q->w->flights.f[kw_ring_at(&q->waiting, 0)].tried + q->rule->collect;
}

static bool has_room(const struct kw_batch_queue *q, uint32_t tokens)
{
    const struct kw_batching *r = q->rule;
    if (!q->requests) return true; /* else what is larger than a limit would never be sent */
    return (!r->queued_requests || q->requests < r->queued_requests) &&
           (!r->queued_tokens || q->tokens + tokens <= r->queued_tokens);
}

/* Amortised O(1) a request. */
uint32_t kw_batch_queue_next(struct kw_batch_queue *q, kw_ns now)
{
    const struct kw_batching *r = q->rule;
    uint64_t n = kw_ring_count(&q->waiting);
    uint32_t sent = 0;
    kw_events_cancel(&q->w->events, q->timer);
    if (!n) return 0;
    bool full = r->requests && n >= r->requests;
    if (!full && now < due(q)) {
        kw_events_set(&q->w->events, q->timer, due(q));
        return 0;
    }
    while (sent < n && (!r->requests || sent < r->requests)) {
        uint32_t tokens = prompt_of(q, kw_ring_at(&q->waiting, sent));
        if (!has_room(q, tokens)) break;
        q->requests++;
        q->tokens += tokens;
        sent++;
    }
    q->sent = q->waiting.head;
    kw_ring_drop(&q->waiting, sent);
    return sent;
}

void kw_batch_queue_answered(struct kw_batch_queue *q, uint32_t flight, kw_ns now)
{
    q->requests--;
    q->tokens -= prompt_of(q, flight);
    assert(q->requests >= 0 && q->tokens >= 0);
    if (kw_ring_empty(&q->waiting) || kw_events_pending(&q->w->events, q->timer)) return;
    kw_events_set(&q->w->events, q->timer, now);
}
