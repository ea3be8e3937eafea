/* sim/fleet/api/api_gateway.h - an API as the event loop meets it: tries, refusals and retries, answers in time,
 * settlement. */
#ifndef KW_SIM_FLEET_API_API_GATEWAY_H
#define KW_SIM_FLEET_API_API_GATEWAY_H
#include "sim/fleet/api/api_endpoint.h"
#include "sim/fleet/api/batch_queue.h"
#include "sim/fleet/api/prompt_cache.h"
#include "sim/fleet/run_context.h"

struct kw_api_gateway {
    const struct kw_deployment *d; /* borrowed for the run */
    struct kw_run_context *w;
    uint32_t index;
    struct kw_api_endpoint endpoint;
    struct kw_prompt_cache own, *cache; /* cache: its own, or that of another deployment of the account */
    struct kw_batch_queue batches;      /* where requests are collected */
    struct kw_rng retry;
    struct kw_api_answer *answer; /* [cap] by flight */
    uint32_t cap;
};

/* Whether nobody but who asked sees when it answers: no turn waits for it, no limiter or unit is put right by it, no batch and no
 * prompt cache begins with it. */
static inline bool kw_api_apart(const struct kw_deployment *d, const struct kw_trace *t)
{
    return !t->then && !kw_rate_limits_any(&d->limits) && !d->units.n && !kw_batching_any(&d->batching) &&
           !(kw_cache_rule_known(&d->cache) && t->hash_at);
}

void kw_api_gateway_init(struct kw_api_gateway *a);
void kw_api_gateway_free(struct kw_api_gateway *a);
/* account: the first deployment of the same account, begun already, whose prompt cache and rate limits this one shares;
 * NULL: it is the first. KW_ERANGE when the two state different limits. */
enum kw_status kw_api_gateway_begin(struct kw_api_gateway *a, struct kw_run_context *w, const struct kw_deployment *d,
                                    uint32_t index, struct kw_api_gateway *account, const struct kw_fleet_options *opt,
                                    struct kw_error *err);
enum kw_status kw_api_gateway_offer(struct kw_api_gateway *a, uint32_t flight, kw_ns now, struct kw_error *err);
/* The event on top of the queue: the batches that are due are sent. */
enum kw_status kw_api_gateway_send(struct kw_api_gateway *a, kw_ns now, struct kw_error *err);
/* The event on top of the queue: the answer to this flight is complete. */
enum kw_status kw_api_gateway_done(struct kw_api_gateway *a, uint32_t flight, kw_ns now, struct kw_error *err);

#endif
