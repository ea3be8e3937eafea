/* sim/fleet/scalers/scaler_queue_delay.c - RunPod QUEUE_DELAY (PLATFORMS.md 6, S41): with no worker the first request
 * starts one; a later request adds one only after it has waited for the delay itself. Each worker under way answers one
 * request that waits, so there are never more starts than requests that wait. Whether a long queue adds one a delay or
 * one for each request that has waited so long is not published: target_delay_from says which. With an eval_period the
 * condition is looked at on its grid only. */
#include "sim/fleet/scalers/scaler.h"

static bool spaced(const struct kw_autoscaler *s)
{
    return s->c->target_delay_from == KW_DELAY_LAST_START;
}

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    uint32_t alive = kw_signals_alive(g);
    if (cause == KW_CAUSE_TIMER) {
        bool due = g->unanswered != KW_NEVER && now - g->unanswered >= s->c->target_delay;
        bool free = !spaced(s) || s->last < 0 || now - s->last >= s->c->target_delay;
        if (s->period || (due && free)) s->last = now;
        if (!due || s->last != now) return alive;
        s->alive = alive;
        return alive + 1;
    }
    return alive || !g->queued ? alive : 1;
}

/* What the last answer asked for has come, so the next request may be due at once; at the ceiling nothing comes. */
static bool at_once(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    return !spaced(s) && (s->last < now || kw_signals_alive(g) > s->alive);
}

/* How long after the last answer there is any use in asking again: at the ceiling a delay of next to nothing would ask
 * for ever. */
static kw_ns pause(const struct kw_autoscaler *s, const struct kw_signals *g)
{
    kw_ns delay = s->c->target_delay;
    return kw_signals_alive(g) > s->alive || delay > KW_NS_PER_S ? delay : KW_NS_PER_S;
}

static kw_ns timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    if (g->unanswered == KW_NEVER) return KW_NEVER;
    kw_ns due = g->unanswered + s->c->target_delay;
    if (s->period) {
        kw_ns at = kw_scaler_grid(s->period, now);
        if (at == now && due <= now && at_once(s, g, now)) return now;
        return at > s->last ? at : s->last + s->period;
    }
    if (at_once(s, g, now)) return due;
    kw_ns again = s->last < 0 ? 0 : s->last + pause(s, g);
    return due > again ? due : again;
}

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    if (s->c->target_delay <= 0)
        return kw_fail(err, KW_ERANGE, "queue_delay: the delay must be positive, got %lld ns",
                       (long long)s->c->target_delay);
    return KW_OK;
}

const struct kw_scaler_policy kw_scaler_queue_delay = {
    .name = "queue_delay", .on_arrival = true, .idle_timeout = true, .begin = begin, .want = want, .timer = timer
};
