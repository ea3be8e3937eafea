/* sim/fleet/scalers/scaler_kpa.c - Knative's pod autoscaler (PLATFORMS.md 7; knative/serving pkg/autoscaler/scaling at
 * 98e5ef9, the rule restated; tests/sim/fleet/reference_kpa.h is the published source beside it): every 2 s, with
 * ready = max(1, ready pods),
 *
 *     stable = ceil(mean over the stable window / target),  panic = ceil(mean over the panic window / target)
 *     both clamped to [floor(ready / max_down_rate), ceil(max_up_rate * ready)]
 *     panicking from the first tick where panic (before the clamp) / ready >= panic_threshold until a whole stable
 *     window has passed without one; while panicking the larger of both, and never less than the most wanted since it
 *     began; then the most wanted within scale_down_delay.
 *
 * target = c->target * c->utilisation; stable window = scale_up_window; panic window = panic_window_share of it, in
 * whole ticks. Without pods nothing is measured: a window that has seen no pod for its whole length counts anew from
 * the request that ends the silence, each of the two windows for itself. That request is reported at once, as one, and
 * the rule is asked at once (theirs: "poke"), so a target below 1 starts several. */
#include <math.h>
#include "sim/fleet/scalers/scaler_loop.h"

#define STABLE_DEFAULT (60 * KW_NS_PER_S)
#define PERIOD_DEFAULT (2 * KW_NS_PER_S)
#define BUCKET KW_NS_PER_S /* what their averages are made of: the shortest time a mean is over */
#define NEVER_MEASURED (INT64_MIN / 2)

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
    /* Their window of wishes is shorter by the present tick: it holds ceil(delay / period), this one's included. */
    if (st == KW_OK) st = kw_peak_begin(&s->down, c->scale_down_delay - s->period, s->period, err);
    if (st != KW_OK) return st;
    double ticks = round(c->panic_window_share * (double)s->mean.n);
    s->panic_ticks = ticks < 1 ? 1 : (uint32_t)ticks;
    s->measured = NEVER_MEASURED;
    s->stable_first = s->panic_first = s->floor ? INT64_MIN : 0;
    return KW_OK;
}

/* Mean over the last `ticks` ticks, or since `first` when that is less. Within the first bucket the one request that
 * was reported at once counts whole, however short it has been there. */
static double mean_over(const struct kw_autoscaler *s, uint32_t ticks, kw_ns first, kw_ns now)
{
    kw_ns window = (kw_ns)ticks * s->period;
    if (first <= now - window) return kw_mean_over(&s->mean, ticks);
    double area = kw_mean_area(&s->mean, ticks);
    return now - first > BUCKET ? area / (double)(now - first) : fmax(area / BUCKET, 1);
}

static uint32_t clamp(double v, double least, double most)
{
    return kw_scaler_ceil(fmin(fmax(v, least), most));
}

/* The rule, for what was observed over the stable and the panic window. */
static uint32_t decide(struct kw_autoscaler *s, const struct kw_signals *g, double stable_mean, double panic_mean,
                       kw_ns now)
{
    const struct kw_autoscaling *c = s->c;
    double target = c->target * c->utilisation, ready = g->ready > 1 ? g->ready : 1;
    double most = c->max_up_rate ? ceil(c->max_up_rate * ready) : 0x1p31;
    double least = c->max_down_rate ? floor(ready / c->max_down_rate) : 0;
    double stable = kw_scaler_ceil(stable_mean / target), panic = kw_scaler_ceil(panic_mean / target);
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

/* A request meets a pool without pods: windows that are silent for their whole length begin here, and one bucket of
 * theirs holds one request. */
static uint32_t wake(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    kw_ns stable = (kw_ns)s->mean.n * s->period, panic = (kw_ns)s->panic_ticks * s->period;
    if (now - s->measured >= stable - BUCKET) s->stable_first = now;
    if (now - s->measured >= panic - BUCKET) s->panic_first = now;
    s->measured = now;
    if (!g->queued) return 0;
    return decide(s, g, s->stable_first == now ? 1 : (double)BUCKET / (double)stable,
                  s->panic_first == now ? 1 : (double)BUCKET / (double)panic, now);
}

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    if (cause != KW_CAUSE_TIMER) return kw_signals_alive(g) ? kw_signals_alive(g) : wake(s, g, now);
    kw_scaler_loop_sample(s, now);
    if (g->ready || kw_mean_area(&s->mean, 1) > 0) s->measured = now;
    return decide(s, g, mean_over(s, s->mean.n, s->stable_first, now),
                  mean_over(s, s->panic_ticks, s->panic_first, now), now);
}

const struct kw_scaler_policy kw_scaler_kpa = { .name = "kpa", .begin = begin, .want = want, KW_SCALER_LOOP };
