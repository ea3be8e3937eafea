/* sim/fleet/api/batch_queue.h - requests collected into batches for a provider's batch interface: one is sent `collect`
 * after its first request came, or when it is full; what would pass what may be under way at once waits until batches
 * are answered. Batches are sent in the order in which their requests came. It knows no latency: who owns it answers. */
#ifndef KW_SIM_FLEET_API_BATCH_QUEUE_H
#define KW_SIM_FLEET_API_BATCH_QUEUE_H
#include "sim/fleet/deployment.h"
#include "sim/fleet/ring.h"
#include "sim/fleet/run_context.h"

struct kw_batch_queue {
    const struct kw_batching *rule; /* borrowed for the run */
    struct kw_run_context *w;
    uint32_t tokens_ppm;      /* of the deployment */
    struct kw_ring waiting;   /* flights not sent yet */
    uint32_t timer;           /* id of its event, KW_EV_BATCH */
    uint64_t sent;            /* where the last batch begins in the ring */
    int64_t requests, tokens; /* under way at the provider, of prompts */
};

void kw_batch_queue_init(struct kw_batch_queue *q);
void kw_batch_queue_free(struct kw_batch_queue *q); /* back to empty; safe to call again */
/* Empty, with a timer that belongs to the deployment, d and its index. */
enum kw_status kw_batch_queue_begin(struct kw_batch_queue *q, struct kw_run_context *w, const struct kw_deployment *d,
                                    uint32_t deployment, struct kw_error *err);

/* A request comes and waits; kw_batch_queue_next says what can be sent. */
enum kw_status kw_batch_queue_add(struct kw_batch_queue *q, uint32_t flight, struct kw_error *err);
/* How many requests are the batch that is sent at now: they have left the queue and are under way, and
 * kw_batch_queue_sent(q, i) is the flight of the i-th until the next call that adds. 0: none is due, or none fits, and the
 * timer or an answer says when to ask again. Of a batch that fits in part that part is sent; a request that alone passes a
 * limit is sent when nothing else is under way. */
uint32_t kw_batch_queue_next(struct kw_batch_queue *q, kw_ns now);
static inline uint32_t kw_batch_queue_sent(const struct kw_batch_queue *q, uint32_t i)
{
    return q->waiting.v[(q->sent + i) & (q->waiting.cap - 1)];
}
/* A request's answer is there. The timer is set to now where others wait for its place: after all answers of now. */
void kw_batch_queue_answered(struct kw_batch_queue *q, uint32_t flight, kw_ns now);

#endif
