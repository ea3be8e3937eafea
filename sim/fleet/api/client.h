/* sim/fleet/api/client.h - what a client does with a refusal: try again after a backoff, or give up. */
#ifndef KW_SIM_FLEET_API_CLIENT_H
#define KW_SIM_FLEET_API_CLIENT_H
#include "sim/core/rng.h"
#include "sim/fleet/run_context.h"

/* The try was refused at now. The request moves on, or its next try is armed (KW_EV_RETRY), or it ends as rejected. */
enum kw_status kw_client_refused(struct kw_run_context *w, uint32_t flight, const struct kw_client_retry *policy,
                                 kw_ns now, kw_ns retry_after, struct kw_rng *rng, struct kw_error *err);

/* Where routing moves a refused request on and there is a deployment after its own, it goes there in an event of this
 * moment (KW_EV_RETRY, f->moved): *moved says so. Else nothing happens. KW_ENOMEM. */
enum kw_status kw_client_move_on(struct kw_run_context *w, uint32_t flight, kw_ns now, bool *moved,
                                 struct kw_error *err);
/* The try is refused for good: the request moves on, or ends with this status. */
enum kw_status kw_client_declined(struct kw_run_context *w, uint32_t flight, enum kw_request_status status, kw_ns now,
                                  struct kw_error *err);

/* The request ends without an answer. KW_ENOMEM. */
enum kw_status kw_client_lost(struct kw_run_context *w, uint32_t flight, enum kw_request_status status, kw_ns now,
                              struct kw_error *err);

#endif
