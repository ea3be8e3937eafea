/* sim/fleet/scalers/scaler_load_target.c - Fireworks (PLATFORMS.md 6): load is requests in the pool over what its
 * replicas take at once. Mean over --scale-up-window; replicas = ceil(mean / (target * slots)) up at once, down when
 * the wish has been lower for --scale-down-window, to zero after --scale-to-zero-window. Of the load targets on offer
 * (--load-targets is a max over several) this is the concurrent-requests one; the eval period is not published, 1 s
 * here. */
#include "sim/fleet/scalers/scaler_loop.h"

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    return kw_scaler_loop_begin(s, KW_NS_PER_S, s->c->scale_up_window, err);
}

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    if (cause != KW_CAUSE_TIMER) return kw_scaler_loop_wake(g);
    double mean = kw_scaler_loop_sample(s, now);
    uint32_t wish = kw_scaler_ceil(mean / (s->c->target * g->slots));
    return kw_scaler_loop_hold(s, g, kw_scaler_loop_usable(g, wish), now);
}

const struct kw_scaler_policy kw_scaler_load_target = {
    .name = "load_target", .begin = begin, .want = want, KW_SCALER_LOOP
};
