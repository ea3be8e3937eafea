/* sim/fleet/scalers/scaler_kpa.c - Knative's pod autoscaler (PLATFORMS.md 7; knative/serving pkg/autoscaler/scaling at
 * 98e5ef9, the rule restated): every 2 s, with ready = max(1, ready pods),
 *
 *     stable = ceil(mean over the stable window / target),  panic = ceil(mean over the panic window / target)
 *     both clamped to [floor(ready / max_down_rate), ceil(max_up_rate * ready)]
 *     panicking from the first tick where panic (before the clamp) / ready >= panic_threshold until a whole stable
 * window has passed without one; while panicking the larger of both, and never less than the most wanted since it
 * began.
 *
 * target = c->target * c->utilisation; stable window = scale_up_window; panic window = panic_window_share of it. Means
 * count from the first request after a stable window without pods, since nothing is measured then. */
#include <math.h>
#include "sim/fleet/scalers/scaler_loop.h"

#define STABLE_DEFAULT (60 * KW_NS_PER_S)
#define PERIOD_DEFAULT (2 * KW_NS_PER_S)

static kw_ns stable_window(const struct kw_autoscaling *c)
{
    return c->scale_up_window ? c->scale_up_window : STABLE_DEFAULT;
}

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    const struct kw_autoscaling *c = s->c;
    if (!(c->utilisation > 0) || !(c->panic_threshold > 0) ||
        !(c->panic_window_share > 0 && c->panic_window_share <= 1) || !(c->max_up_rate == 0 || c->max_up_rate > 1) ||
        !(c->max_down_rate == 0 || c->max_down_rate > 1))
        return kw_fail(err, KW_ERANGE,
                       "kpa: want utilisation > 0, panic_threshold > 0, panic_window_share in (0, 1], rates > 1");
    enum kw_status st = kw_scaler_loop_begin(s, PERIOD_DEFAULT, stable_window(c), err);
    if (st != KW_OK) return st;
    double ticks = round(c->panic_window_share * (double)s->mean.n);
    s->panic_ticks = ticks < 1 ? 1 : (uint32_t)ticks;
    s->first = c->keep_warm ? INT64_MIN : 0;
    return KW_OK;
}

/* Mean over the last `ticks` ticks, or since the first measurement when that is less (a second at least). */
static double mean_over(const struct kw_autoscaler *s, uint32_t ticks, kw_ns now)
{
    kw_ns window = (kw_ns)ticks * s->period;
    if (s->first <= now - window) return kw_mean_over(&s->mean, ticks);
    kw_ns measured = now - s->first > KW_NS_PER_S ? now - s->first : KW_NS_PER_S;
    return kw_mean_area(&s->mean, ticks) / (double)measured;
}

static uint32_t clamp(double v, double least, double most)
{
    return kw_scaler_ceil(fmin(fmax(v, least), most));
}

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    const struct kw_autoscaling *c = s->c;
    if (cause != KW_CAUSE_TIMER) {
        if (!kw_signals_alive(g) && (now - s->area.empty_since >= stable_window(c) || !s->area.sum)) s->first = now;
        return kw_scaler_loop_wake(g);
    }
    kw_scaler_loop_sample(s, now);
    double target = c->target * c->utilisation, ready = g->ready > 1 ? g->ready : 1;
    double most = c->max_up_rate ? ceil(c->max_up_rate * ready) : 0x1p31;
    double least = c->max_down_rate ? floor(ready / c->max_down_rate) : 0;
    double stable = kw_scaler_ceil(mean_over(s, s->mean.n, now) / target);
    double panic = kw_scaler_ceil(mean_over(s, s->panic_ticks, now) / target);
    uint32_t wish = clamp(stable, least, most), in_panic = clamp(panic, least, most);
    if (panic / ready >= c->panic_threshold) {
        s->panic_since = now;
    } else if (s->panic_since >= 0 && s->panic_since + stable_window(c) < now) {
        s->panic_since = -1;
        s->panic_most = 0;
    }
    if (s->panic_since >= 0) {
        if (in_panic > wish) wish = in_panic;
        if (wish > s->panic_most) s->panic_most = wish;
        wish = s->panic_most;
    }
    return kw_scaler_loop_hold(s, g, wish, now);
}

const struct kw_scaler_policy kw_scaler_kpa = { .name = "kpa", .begin = begin, .want = want, KW_SCALER_LOOP };
