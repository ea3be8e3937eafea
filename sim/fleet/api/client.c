#include "sim/fleet/api/client.h"
#include "sim/fleet/api/api_endpoint.h"

void kw_client_lost(struct kw_run_context *w, uint32_t flight, enum kw_request_status status)
{
    kw_tally_lost(&w->tally, &w->flights.f[flight], status);
    kw_inflight_table_drop(&w->flights, flight);
}

enum kw_status kw_client_refused(struct kw_run_context *w, uint32_t flight, const struct kw_client_retry *policy,
                                 kw_ns now, kw_ns retry_after, struct kw_rng *rng, struct kw_error *err)
{
    struct kw_inflight *f = &w->flights.f[flight];
    if (f->attempts >= policy->max_attempts || f->attempts == UINT8_MAX) {
        kw_client_lost(w, flight, KW_REQ_REJECTED);
        return KW_OK;
    }
    if (flight >= KW_TAG_NUMBERS)
        return kw_fail(err, KW_ENOMEM, "more than %u clients wait to try again", KW_TAG_NUMBERS);
    enum kw_status st = kw_events_id(&w->events, kw_tag(KW_EV_RETRY, f->deployment, flight), &f->event, err);
    if (st != KW_OK) return st;
    f->at = KW_AT_CLIENT;
    kw_events_set(&w->events, f->event, now + kw_client_backoff(policy, f->attempts, retry_after, rng));
    return KW_OK;
}
