/* sim/fleet/api/client.h - what a client does with a refusal: try again after a backoff, or give up. */
#ifndef KW_SIM_FLEET_API_CLIENT_H
#define KW_SIM_FLEET_API_CLIENT_H
#include "sim/core/rng.h"
#include "sim/fleet/run_context.h"

/* The try was refused at now. Arms the next one (KW_EV_RETRY), or ends the request as rejected. */
enum kw_status kw_client_refused(struct kw_run_context *w, uint32_t flight, const struct kw_client_retry *policy,
                                 kw_ns now, kw_ns retry_after, struct kw_rng *rng, struct kw_error *err);

/* The request ends without an answer. */
void kw_client_lost(struct kw_run_context *w, uint32_t flight, enum kw_request_status status);

#endif
