/* sim/fleet/api_desk.h - an API as the event loop meets it: tries, refusals and retries, answers in time, settlement. */
#ifndef KW_FLEET_API_DESK_H
#define KW_FLEET_API_DESK_H
#include "sim/fleet/api_endpoint.h"
#include "sim/fleet/world.h"

struct kw_api_desk {
    const struct kw_deployment *d; /* borrowed for the run */
    struct kw_world *w;
    uint32_t index;
    struct kw_api_endpoint endpoint;
    struct kw_rng retry;
    struct kw_api_answer *answer; /* [cap] by flight */
    uint32_t cap;
};

void kw_api_desk_init(struct kw_api_desk *a);
void kw_api_desk_free(struct kw_api_desk *a);
enum kw_status kw_api_desk_begin(struct kw_api_desk *a, struct kw_world *w, const struct kw_deployment *d, uint32_t index,
                                 const struct kw_fleet_options *opt, struct kw_error *err);
enum kw_status kw_api_desk_offer(struct kw_api_desk *a, uint32_t flight, kw_ns now, struct kw_error *err);
/* The event on top of the queue: the answer to this flight is complete. */
void kw_api_desk_done(struct kw_api_desk *a, uint32_t flight, kw_ns now);

#endif
