#include "sim/fleet/scalers/scaler_loop.h"

enum kw_status kw_scaler_loop_begin(struct kw_autoscaler *s, kw_ns default_period, kw_ns window, struct kw_error *err)
{
    const struct kw_autoscaling *c = s->c;
    if (!s->period) s->period = default_period;
    if (s->period < KW_NS_PER_MS)
        return kw_fail(err, KW_ERANGE, "%s: an eval_period of %lld ns is below 1 ms", s->policy->name,
                       (long long)s->period);
    if (!(c->target > 0) || !(c->utilisation >= 0))
        return kw_fail(err, KW_ERANGE, "%s: target %g and utilisation %g must be positive", s->policy->name, c->target,
                       c->utilisation);
    enum kw_status st = kw_mean_begin(&s->mean, window, s->period, err);
    if (st != KW_OK) return st;
    return kw_peak_begin(&s->down, c->scale_down_delay, s->period, err);
}

double kw_scaler_loop_sample(struct kw_autoscaler *s, kw_ns now)
{
    kw_mean_tick(&s->mean, &s->area, now);
    s->last = now;
    return kw_mean_over(&s->mean, s->mean.n);
}

kw_ns kw_scaler_loop_timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    bool empty = g->queued + g->in_flight == 0 && s->area.sum == s->mean.sum[s->mean.at] &&
                 kw_mean_area(&s->mean, s->mean.n) == 0;
    if (empty && kw_signals_alive(g) <= s->floor) return KW_NEVER;
    kw_ns at = kw_scaler_grid(s->period, now);
    return at > s->last ? at : s->last + s->period;
}

uint32_t kw_scaler_loop_wake(const struct kw_signals *g)
{
    uint32_t alive = kw_signals_alive(g);
    return alive || !g->queued ? alive : 1;
}

uint32_t kw_scaler_loop_usable(const struct kw_signals *g, uint32_t wish)
{
    uint64_t alive = kw_signals_alive(g), requests = g->queued + g->in_flight;
    uint64_t most = requests > alive ? requests : alive;
    return wish < most ? wish : (uint32_t)most;
}

uint32_t kw_scaler_loop_hold(struct kw_autoscaler *s, const struct kw_signals *g, uint32_t wish, kw_ns now)
{
    uint32_t alive = kw_signals_alive(g), held = kw_peak_tick(&s->down, now / s->period, wish);
    uint32_t want = wish >= alive ? wish : held < alive ? held : alive;
    bool zero = !s->area.level && now - s->area.empty_since >= s->c->zero_timeout;
    return !want && alive && !zero ? 1 : want;
}
