/* sim/fleet/scalers/scaler_concurrency.c - Baseten, Together, Ray Serve (PLATFORMS.md 6, 7): replicas = ceil(mean
 * requests in the pool over the window / (target * utilisation)); down when the wish has been lower for
 * scale_down_delay, and where the platform has it by at most a factor max_down_rate a tick. */
#include <math.h>
#include "sim/fleet/scalers/scaler_loop.h"

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    if (!(s->c->utilisation > 0))
        return kw_fail(err, KW_ERANGE, "concurrency: utilisation must be positive, got %g", s->c->utilisation);
    return kw_scaler_loop_begin(s, KW_NS_PER_S, s->c->scale_up_window, err);
}

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    if (cause != KW_CAUSE_TIMER) return kw_scaler_loop_wake(g);
    double mean = kw_scaler_loop_sample(s, now);
    uint32_t wish = kw_scaler_ceil(mean / (s->c->target * s->c->utilisation));
    uint32_t hold = kw_scaler_loop_hold(s, g, kw_scaler_loop_usable(g, wish), now);
    if (s->c->max_down_rate > 1 && hold) {
        double least = floor(g->ready / s->c->max_down_rate);
        if (hold < least) hold = (uint32_t)least;
    }
    return hold;
}

const struct kw_scaler_policy kw_scaler_concurrency = {
    .name = "concurrency", .begin = begin, .want = want, KW_SCALER_LOOP
};
