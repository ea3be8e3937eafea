/* sim/fleet/prewarm.h - replicas started before a forecast says that they will be wanted: a floor (floor.h) made of a
 * forecast (forecast.h).
 *
 * Of a step with f(b) requests expected:
 *     m = f(b) / step * T(B)                      requests under way at once on average (Little)
 *     n(b) = max(1, ceil(Q95(m) / B)),            0 where f(b) < least
 * Q95(m): as many as there are under way 95 % of the time if they come at random, the 95 % point of a Poisson law of mean
 * m (M/G/infinity). B: what one replica serves at once at the objective, the most for which
 *     T(B) / output <= the TPOT asked for,        T(B) = output * step(B) + B * prompt * prompt_token
 * at the mean prompt and output so far: a request sees its own decode steps of B sequences, and while it is there B
 * prompts are computed. B is within what the engine, its KV blocks, the platform's limit and the autoscaler's target let
 * one replica have. One replica while nothing has come yet. An upper bound: at less load requests are served faster than T(B).
 *
 * The floor at t is the highest n(b) of the steps that reach into [t, t + lead]: a start begins `lead` before the need,
 * and what is held at a step's end is left to the platform's rule for idle replicas. Never below the deployment's own
 * floor, never above max_replicas. The windows of an oracle follow each other; a forecast knows nothing of the next one. */
#ifndef KW_SIM_FLEET_PREWARM_H
#define KW_SIM_FLEET_PREWARM_H
#include "sim/fleet/floor.h"
#include "sim/fleet/forecast.h"

/* out (initialised; cleared first): the floor of d->prewarm under this traffic, which other deployments get their part of
 * by routing. tpot: asked for, 0: not. What the forecast missed is added to *off. KW_ERANGE as kw_arrivals_count, and where
 * the window has no second season; KW_ENOMEM. */
enum kw_status kw_prewarm_floor(struct kw_floor *out, const struct kw_deployment *d, uint32_t index,
                                const struct kw_routing *routing, const struct kw_trace_view *view, kw_ns tpot,
                                struct kw_forecast_error *off, struct kw_error *err);

/* How long before its need a start begins. KW_ERANGE: that and a step are longer than the season. */
enum kw_status kw_prewarm_lead(const struct kw_deployment *d, kw_ns *lead, struct kw_error *err);

/* Requests that one replica serves at once within tpot (0: as many as it can), and for how long, s, it has each of them then,
 * at these mean tokens. */
uint32_t kw_prewarm_batch(const struct kw_deployment *d, double prompt, double output, kw_ns tpot, double *stays_s);

#endif
