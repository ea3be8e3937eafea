/* sim/fleet/scalers/scaler_request_count.c - RunPod REQUEST_COUNT (PLATFORMS.md 6): ceil((queued + running) / target)
 * workers.
 */
#include "sim/fleet/scalers/scaler.h"

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    (void)now, (void)cause;
    return kw_scaler_ceil((double)(g->queued + g->in_flight) / s->c->target);
}

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    if (!(s->c->target > 0))
        return kw_fail(err, KW_ERANGE, "request_count: the target must be positive, got %g", s->c->target);
    return KW_OK;
}

const struct kw_scaler_policy kw_scaler_request_count = {
    .name = "request_count", .on_arrival = true, .idle_timeout = true, .begin = begin, .want = want
};
