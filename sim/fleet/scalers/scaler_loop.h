/* sim/fleet/scalers/scaler_loop.h - what the policies with a control loop share: ticks on a grid, the windowed mean,
 * the delay on the way down, scale to zero, and sleep while nothing can change. */
#ifndef KW_SIM_FLEET_SCALERS_SCALER_LOOP_H
#define KW_SIM_FLEET_SCALERS_SCALER_LOOP_H
#include "sim/fleet/scalers/scaler.h"

/* A loop of eval_period (or the default) over a window of requests in the pool. */
enum kw_status kw_scaler_loop_begin(struct kw_autoscaler *s, kw_ns default_period, kw_ns window, struct kw_error *err);

/* What these policies say of themselves beside name, begin and want. */
#define KW_SCALER_LOOP                                                                                                 \
    .shrink = KW_SHRINK_ANY, .on_arrival = true, .tracks = true, .zero_timeout = true, .timer = kw_scaler_loop_timer

/* The tick at now: what was in the pool until now joins the window. The mean over the whole window. */
double kw_scaler_loop_sample(struct kw_autoscaler *s, kw_ns now);

/* The next tick; KW_NEVER while the pool is empty, was empty for the whole window, and is down to its floor. */
kw_ns kw_scaler_loop_timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now);

/* Between ticks nothing changes, but a request that meets a pool at zero wakes it: one replica at once. */
uint32_t kw_scaler_loop_wake(const struct kw_signals *g);

/* As much of a wish to grow as the requests in the pool can use, a replica each. Without that a lone request that has
 * waited out its start fills the mean and asks for a second replica where target * utilisation is below 1. */
uint32_t kw_scaler_loop_usable(const struct kw_signals *g, uint32_t wish);

/* What remains of a wish once the lower ones have held for scale_down_delay, and zero only after zero_timeout without a
 * request. */
uint32_t kw_scaler_loop_hold(struct kw_autoscaler *s, const struct kw_signals *g, uint32_t wish, kw_ns now);

#endif
