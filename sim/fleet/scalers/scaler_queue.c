/* sim/fleet/scalers/scaler_queue.c - Replicate (PLATFORMS.md 6): grows while requests queue that the replicas under way
 * will not take. Replicate publishes no rule, so: one more at a time, on its eval_period's grid or, without one, at
 * every change. */
#include "sim/fleet/scalers/scaler.h"

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    uint32_t alive = kw_signals_alive(g);
    if (cause == KW_CAUSE_TIMER) s->last = now;
    bool look = !s->period || cause == KW_CAUSE_TIMER || !alive;
    return look && g->queued > (uint64_t)g->starting * g->slots ? alive + 1 : alive;
}

static kw_ns timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    if (!s->period || !g->queued) return KW_NEVER;
    kw_ns at = kw_scaler_grid(s->period, now);
    return at > s->last ? at : s->last + s->period;
}

const struct kw_scaler_policy kw_scaler_queue = {
    .name = "queue", .on_arrival = true, .on_free = true, .idle_timeout = true, .want = want, .timer = timer
};
