#include "sim/fleet/warmup.h"
#include <assert.h>
#include <math.h>

#define MINUTE (60 * KW_NS_PER_S)
#define LONGEST (7 * 24 * KW_NS_PER_HOUR)
#define SERVED (2 * MINUTE) /* requests in flight end, minutely rate limits come round */

static kw_ns longer(kw_ns a, kw_ns b)
{
    return a > b ? a : b;
}

static kw_ns start_time(const struct kw_cold_start *c)
{
    const struct kw_law *phase[] = { &c->provision, &c->pull, &c->load, &c->init };
    double s = 0;
    for (size_t i = 0; i < sizeof phase / sizeof *phase; i++)
        if (phase[i]->kind != KW_LAW_NONE) s += kw_law_quantile(phase[i], 0.99);
    double rate = c->load_rate.kind == KW_LAW_NONE ? 0 : kw_law_quantile(&c->load_rate, 0.01);
    if (rate > 0) s += c->weight_bytes / rate;
    if (c->engine_start.kind != KW_LAW_NONE) s += kw_law_quantile(&c->engine_start, 0.99);
    return s < 1e-9 * (double)LONGEST ? (kw_ns)(s * 1e9) : LONGEST; /* NAN too */
}

/* A sum of worst cases that hardly ever meet: too long a warm-up costs time, too short a one biases what is
 * counted. */
static kw_ns answer_time(const struct kw_law *ttft_s)
{
    double s = ttft_s->kind == KW_LAW_NONE ? 0 : kw_law_quantile(ttft_s, 0.99);
    return s < 1e-9 * (double)(LONGEST - SERVED) ? (kw_ns)(s * 1e9) : LONGEST - SERVED; /* NAN too */
}

static kw_ns of_one(const struct kw_deployment *d)
{
    const struct kw_autoscaling *a = &d->scaling;
    if (d->kind == KW_KIND_API) return d->units.n && d->units.window < LONGEST ? SERVED + d->units.window : SERVED;
    if (a->scaler == KW_SCALER_FIXED)
        return d->spot.per_hour > 0 ? SERVED + d->spot.notice + start_time(&d->cold) : SERVED;
    kw_ns idle = longer(longer(a->idle_timeout, a->zero_timeout), longer(a->scale_down_delay, a->min_up));
    kw_ns windows = longer(a->scale_up_window, longer(a->target_delay, a->eval_period));
    windows = longer(windows, longer(a->scale_up_delay, a->hpa.poll));
    windows = longer(windows, longer(a->hpa.up.window, a->hpa.down.window));
    if (idle > LONGEST || windows > LONGEST || d->node.idle > LONGEST) return LONGEST;
    if (d->node.places) idle += longer(a->scale_down_delay, a->zero_timeout) + d->node.idle; /* one after the other */
    kw_ns held = 0;
    for (int k = 0; k < KW_HOLD_CLASSES; k++) held = longer(held, d->hold.most[k]);
    if (held > LONGEST) return LONGEST;
    return SERVED + idle + windows + held + start_time(&d->cold);
}

/* Adapters of a fixed fleet are never unloaded for want of use, so what is there may be as old as the window. */
static kw_ns adapters_settle(const struct kw_deployment *d, kw_ns window)
{
    kw_ns day = 24 * KW_NS_PER_HOUR;
    return !d->lora.adapters ? 0 : window < day ? window : day;
}

kw_ns kw_warmup_length(const struct kw_deployment *d, uint32_t n, kw_ns window)
{
    kw_ns most = 0;
    for (uint32_t i = 0; i < n; i++) most = longer(most, longer(of_one(&d[i]), adapters_settle(&d[i], window)));
    bool apis = true; /* alone they cost little to replay: until a batch comes back too */
    for (uint32_t i = 0; i < n; i++) apis = apis && d[i].kind == KW_KIND_API;
    for (uint32_t i = 0; i < n && apis; i++)
        most = longer(most, SERVED + answer_time(&d[i].ttft_s) + d[i].batching.collect);
    most = (most + MINUTE - 1) / MINUTE * MINUTE;
    assert(most >= SERVED || !n);
    return most < LONGEST ? most : LONGEST;
}
