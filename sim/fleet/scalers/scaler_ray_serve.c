/* sim/fleet/scalers/scaler_ray_serve.c - Ray Serve (PLATFORMS.md 7; ray-project/ray python/ray/serve/autoscaling_policy.py and
 * _private/autoscaling_state.py, the rule restated; Apache-2.0). Handles and replicas report every metrics_interval_s the
 * mean over look_back_period_s of the requests they have, queued and running. A loop of 0.1 s computes
 *
 *     wish = ceil(running + factor * (ongoing / target_ongoing_requests - running))
 *
 * running = replicas that are ready, factor = upscaling_factor above it and downscaling_factor below (and one less where a
 * wish to shrink is rounded away); then floor and ceiling. It is carried out once it has been above (below) the replicas
 * ordered in int(delay / 0.1) + 1 loops in a row: upscale_delay_s, downscale_delay_s; the last one goes by
 * downscale_to_zero_delay_s, and never together with others. Without a replica that is ready nothing is computed, but a
 * request that meets none at all orders ceil(upscaling_factor) at once.
 *
 * The means are exact integrals over whole intervals, where Ray samples twice a second. Between two reports the loop sees
 * the same numbers, so it is asked at reports, when a replica has become ready, and when a delay is over. */
#include <math.h>
#include "sim/fleet/scalers/scaler_loop.h"

#define LOOP (KW_NS_PER_S / 10)

static kw_ns held_for(const struct kw_autoscaler *s, uint32_t n)
{
    const struct kw_autoscaling *c = s->c;
    kw_ns delay = s->held > 0 ? c->scale_up_delay : n == 1 ? c->zero_timeout : c->scale_down_delay;
    return delay / LOOP * LOOP;
}

static uint32_t wish(const struct kw_autoscaler *s, const struct kw_signals *g, uint32_t n)
{
    double running = g->ready, desired = s->ongoing / s->c->target, delta = desired - running;
    uint32_t w = kw_scaler_ceil(running + (delta > 0 ? s->c->max_up_rate : s->c->max_down_rate) * delta);
    if (kw_scaler_ceil(desired) < g->ready && w == g->ready) w--;
    w = kw_scaler_clip(s, w);
    return w || n <= 1 ? w : 1;
}

static uint32_t decide(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    uint32_t n = kw_signals_alive(g);
    s->ready = g->ready;
    if (!g->ready) return n;
    uint32_t w = wish(s, g, n);
    int way = w > n ? 1 : w < n ? -1 : 0;
    if (way != s->held) s->held_since = kw_scaler_grid(LOOP, now);
    s->held = way;
    if (!way || now < s->held_since + held_for(s, n)) return n;
    s->held = 0;
    return w;
}

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    uint32_t n = kw_signals_alive(g);
    if (cause == KW_CAUSE_TIMER) {
        if (now % s->period == 0 && now != s->last) s->ongoing = kw_scaler_loop_sample(s, now);
        return decide(s, g, now);
    }
    if (!n && g->queued) return kw_scaler_ceil(s->c->max_up_rate);
    return g->ready != s->ready ? decide(s, g, now) : n;
}

static kw_ns timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    uint32_t n = kw_signals_alive(g);
    kw_ns report = kw_scaler_loop_timer(s, g, now);
    if (!s->held || !g->ready) return report;
    kw_ns due = s->held_since + held_for(s, n);
    return due < report ? due : report;
}

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    if (!(s->c->max_up_rate > 0 && s->c->max_down_rate > 0))
        return kw_fail(err, KW_ERANGE, "ray_serve: want scaling factors above 0, got %g and %g", s->c->max_up_rate,
                       s->c->max_down_rate);
    return kw_scaler_loop_begin(s, 10 * KW_NS_PER_S, s->c->scale_up_window, err);
}

const struct kw_scaler_policy kw_scaler_ray_serve = { .name = "ray_serve",
                                                      .shrink = KW_SHRINK_ANY,
                                                      .on_arrival = true,
                                                      .on_free = true,
                                                      .tracks = true,
                                                      .begin = begin,
                                                      .want = want,
                                                      .timer = timer };
