#include "sim/fleet/forecast.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

const char *const kw_forecast_name[] = { "none", "seasonal", "oracle", NULL };

void kw_arrivals_free(struct kw_arrivals *a)
{
    free(a->count);
    a->count = a->prompt = a->output = NULL;
    a->n = 0;
}

/* Where a request goes first; a split sends each one everywhere by its share. */
static bool comes_to(const struct kw_routing *r, const struct kw_trace *t, size_t request, uint32_t index)
{
    const uint16_t *column = r->policy == KW_ROUTE_CLASS ? t->klass : r->policy == KW_ROUTE_MODEL ? t->model : NULL;
    switch (r->policy) {
    case KW_ROUTE_CLASS:
    case KW_ROUTE_MODEL: return index == (column && column[request] < 256 ? r->class_to[column[request]] : 0);
    case KW_ROUTE_REGION: return index == r->order[t->region ? t->region[request] : 0][0];
    case KW_ROUTE_SPLIT: return true;
    default: return index == 0;
    }
}

/* Relative to the others' shares. */
static double share_of(const struct kw_routing *r, uint32_t index)
{
    double sum = 0;
    if (r->policy != KW_ROUTE_SPLIT) return 1;
    for (uint32_t i = 0; i < KW_FLEET_MAX_DEPLOYMENTS; i++) sum += r->share[i];
    return sum > 0 ? r->share[index] / sum : 0;
}

enum kw_status kw_arrivals_count(struct kw_arrivals *a, const struct kw_trace_view *view, const struct kw_deployment *d,
                                 uint32_t index, const struct kw_routing *routing, kw_ns step, struct kw_error *err)
{
    struct kw_cursor at;
    uint64_t n;
    assert(step > 0);
    *a = (struct kw_arrivals){ .step = step };
    if (index && (routing->policy <= KW_ROUTE_OVERFLOW))
        return kw_fail(err, KW_ERANGE, "%s: nobody can forecast what others pass on to it", d->name);
    enum kw_status st = kw_cursor_init(&at, view, &a->window, &n, err);
    if (st != KW_OK) return st;
    kw_ns steps = (a->window + step - 1) / step;
    if (steps < 1) steps = 1;
    if (steps > KW_FORECAST_STEPS)
        return kw_fail(err, KW_ERANGE, "%s: %lld steps of a forecast are more than %d: take longer ones", d->name,
                       (long long)steps, KW_FORECAST_STEPS);
    a->n = (uint32_t)steps;
    a->count = calloc(3 * (size_t)a->n, sizeof *a->count);
    if (!a->count) return kw_fail(err, KW_ENOMEM, "%s: no memory for a forecast", d->name);
    a->prompt = a->count + a->n;
    a->output = a->prompt + a->n;
    double share = share_of(routing, index);
    for (; at.next != KW_NEVER; kw_cursor_step(&at)) {
        kw_ns i = at.next / step;
        if (!comes_to(routing, view->trace, at.request, index)) continue;
        if (i >= steps) i = steps - 1; /* an arrival at the very end */
        a->count[i] += share;
        a->prompt[i] += share * kw_tokens_as(view->trace->prompt[at.request], d->tokens_ppm);
        a->output[i] += share * kw_tokens_as(view->trace->output[at.request], d->tokens_ppm);
    }
    return KW_OK;
}

void kw_forecast(const struct kw_arrivals *a, enum kw_forecast_kind kind, kw_ns season, kw_ns lead, double *expected)
{
    const uint32_t period = (uint32_t)(season / a->step);
    assert(season % a->step == 0 && (kind == KW_FORECAST_ORACLE || season >= lead + a->step));
    for (uint32_t b = 0; b < a->n; b++) {
        double weight = 1, sum = 0, weights = 0;
        expected[b] = kind == KW_FORECAST_ORACLE ? a->count[b] : NAN;
        for (uint32_t i = b; kind == KW_FORECAST_SEASONAL && i >= period; weight *= 1 - KW_FORECAST_SMOOTHING) {
            i -= period;
            sum += weight * a->count[i];
            weights += weight;
        }
        if (weights > 0) expected[b] = sum / weights;
    }
}

void kw_forecast_judge(const struct kw_arrivals *a, const double *expected, struct kw_forecast_error *e)
{
    for (uint32_t b = 0; b < a->n; b++) {
        if (isnan(expected[b])) continue;
        e->steps++;
        e->came += a->count[b];
        e->off += fabs(expected[b] - a->count[b]);
    }
}
