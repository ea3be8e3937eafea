#include "sim/fleet/api/client.h"
#include <assert.h>
#include "sim/fleet/api/api_endpoint.h"

/* The next turn comes all the same, after its pause: every configuration meets the same requests. */
enum kw_status kw_client_lost(struct kw_run_context *w, uint32_t flight, enum kw_request_status status, kw_ns now,
                              struct kw_error *err)
{
    kw_tally_lost(&w->tally, &w->flights.f[flight], status);
    return kw_run_ended(w, flight, now, 0, err);
}

/* The tag of an event has room for KW_TAG_NUMBERS flights; more waiting at once is refused and never wrapped round. */
static enum kw_status arm(struct kw_run_context *w, uint32_t flight, kw_ns at, struct kw_error *err)
{
    struct kw_inflight *f = &w->flights.f[flight];
    if (flight >= KW_TAG_NUMBERS)
        return kw_fail(err, KW_ENOMEM, "more than %u clients wait to try again", KW_TAG_NUMBERS);
    enum kw_status st = kw_events_id(&w->events, kw_tag(KW_EV_RETRY, f->deployment, flight), &f->event, err);
    if (st != KW_OK) return st;
    f->at = KW_AT_CLIENT;
    assert(f->attempts > 0 && at >= f->tried);
    kw_events_set(&w->events, f->event, at);
    return KW_OK;
}

enum kw_status kw_client_move_on(struct kw_run_context *w, uint32_t flight, kw_ns now, bool *moved,
                                 struct kw_error *err)
{
    struct kw_inflight *f = &w->flights.f[flight];
    *moved = f->nth + 1u < w->move_on_n && !kw_inflight_is_ping(f);
    if (!*moved) return KW_OK;
    f->moved = true;
    f->cold = false; /* it does not wait for the replica that is missing here */
    return arm(w, flight, now, err);
}

enum kw_status kw_client_declined(struct kw_run_context *w, uint32_t flight, enum kw_request_status status, kw_ns now,
                                  struct kw_error *err)
{
    bool moved;
    enum kw_status st = kw_client_move_on(w, flight, now, &moved, err);
    return st == KW_OK && !moved ? kw_client_lost(w, flight, status, now, err) : st;
}

enum kw_status kw_client_refused(struct kw_run_context *w, uint32_t flight, const struct kw_client_retry *policy,
                                 kw_ns now, kw_ns retry_after, struct kw_rng *rng, struct kw_error *err)
{
    struct kw_inflight *f = &w->flights.f[flight];
    bool moved;
    enum kw_status st = kw_client_move_on(w, flight, now, &moved, err);
    if (st != KW_OK || moved) return st;
    if (f->attempts >= policy->max_attempts || f->attempts == UINT8_MAX || kw_inflight_is_ping(f))
        return kw_client_lost(w, flight, KW_REQ_REJECTED, now, err);
    return arm(w, flight, now + kw_client_backoff(policy, f->attempts, retry_after, rng), err);
}
