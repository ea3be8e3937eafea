/* sim/fleet/scalers/scaler_dynamo.c - NVIDIA Dynamo's planner, load-based, for engines that do prefill and decode alike (mode
 * agg; PLATFORMS.md 7; ai-dynamo/dynamo components/src/dynamo/planner/core/load_scaling.py, the rule restated; Apache-2.0):
 * every load_adjustment_interval, unless a replica is still starting,
 *
 *     one more where any engine has more than up_above of its KV cache in use or asked for,
 *     one less where all of them have less than down_below, and there are two at least.
 *
 * In use: the context of the sequences that decode; asked for: the tokens of those that wait. optimization_target says the
 * two thresholds: throughput (1 and 0.6), latency (0.4 and 0.1), load (the user's own). Not modelled: the target "sla" with
 * its fitted performance model, the slow loop of 180 s with its forecasts, and engines that do prefill or decode alone.
 * A worker that is removed is ended with the requests it has (docs/components/planner/README.md @092029ef). */
#include "sim/fleet/scalers/scaler.h"

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    uint32_t n = kw_signals_alive(g);
    if (cause != KW_CAUSE_TIMER) return n;
    s->last = now;
    if (g->starting || !g->ready) return n;
    if (g->kv_most > s->c->up_above) return n + 1;
    return n > 1 && g->kv_most < s->c->down_below ? n - 1 : n;
}

static kw_ns timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    if (!g->queued && !g->in_flight && kw_signals_alive(g) <= s->floor) return KW_NEVER;
    kw_ns at = kw_scaler_grid(s->period, now);
    return at > s->last ? at : s->last + s->period;
}

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    const struct kw_autoscaling *c = s->c;
    if (s->period < KW_NS_PER_S || !(c->down_below >= 0 && c->down_below < c->up_above) || !s->floor)
        return kw_fail(
            err, KW_ERANGE,
            "dynamo: want an interval of at least 1 s, down_below < up_above, and one replica kept; got %g and %g",
            c->down_below, c->up_above);
    return KW_OK;
}

const struct kw_scaler_policy kw_scaler_dynamo = { .name = "dynamo",
                                                   .shrink = KW_SHRINK_ANY,
                                                   .on_arrival = true,
                                                   .looks_inside = true,
                                                   .kills = true,
                                                   .begin = begin,
                                                   .want = want,
                                                   .timer = timer };
