/* sim/fleet/forecast.h - how many requests of a deployment come in each step of a window, as it could have been forecast
 * before, and as it was.
 *
 * Past only: what is forecast of a step is known `lead` before it begins and rests on steps that were over by then. The
 * past is the window's own, from its begin: the warm-up, which replays the window's end, and a further pass over the
 * window, which would know it already, are no past. So nothing is forecast of the first season, and whoever goes by the
 * forecast has none there; where a window is one week out of a long life, that makes the first day dearer or slower than
 * a controller that has been running would be.
 *
 * Seasonal: the level of each step of the season by exponential smoothing over the seasons before,
 *     f(b) = sum over k >= 1 of (1 - A)^(k-1) a(b - kP) / sum of the weights,   A = KW_FORECAST_SMOOTHING
 * a(i) = arrivals in step i, P = steps a season. No trend, and no level of its own within a season.
 * Source: R. G. Brown, Statistical Forecasting for Inventory Control (1959); with seasons, P. R. Winters, Management
 * Science 6 (1960), 324. Oracle: f(b) = what comes. */
#ifndef KW_SIM_FLEET_FORECAST_H
#define KW_SIM_FLEET_FORECAST_H
#include "sim/fleet/deployment.h"
#include "sim/fleet/trace_view.h"

#define KW_FORECAST_SMOOTHING 0.5

/* What came, in steps from the window's begin; the last one may be shorter. */
struct kw_arrivals {
    kw_ns step, window;
    uint32_t n;
    double *count, *prompt, *output; /* [n], owned: requests, and sums of their tokens as the deployment counts them */
};

/* Of deployment `index`: the requests that routing sends it first, of a split its share of all. KW_ERANGE: routing sends
 * it only what others pass on; the view is none; more than KW_FORECAST_STEPS steps. */
#define KW_FORECAST_STEPS 1000000
enum kw_status kw_arrivals_count(struct kw_arrivals *a, const struct kw_trace_view *view, const struct kw_deployment *d,
                                 uint32_t index, const struct kw_routing *routing, kw_ns step, struct kw_error *err);
void kw_arrivals_free(struct kw_arrivals *a); /* safe to call again */

/* expected[a->n]: NAN where there is no past to go by. season: a multiple of the step, at least lead and a step. */
void kw_forecast(const struct kw_arrivals *a, enum kw_forecast_kind kind, kw_ns season, kw_ns lead, double *expected);

/* How far off it was, over the steps that were forecast. */
struct kw_forecast_error {
    uint64_t steps;
    double came, off; /* requests; sum of |forecast - what came| */
};
void kw_forecast_judge(const struct kw_arrivals *a, const double *expected,
                       struct kw_forecast_error *e);                    /* adds to e */
static inline double kw_forecast_mae(const struct kw_forecast_error *e) /* requests a step; NAN: nothing was forecast */
{
    return e->off / (double)e->steps;
}
static inline double kw_forecast_wape(const struct kw_forecast_error *e) /* of the requests that came */
{
    return e->off / e->came;
}

#endif
