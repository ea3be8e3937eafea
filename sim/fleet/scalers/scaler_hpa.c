/* sim/fleet/scalers/scaler_hpa.c - KEDA between zero and one replica, Kubernetes' horizontal pod autoscaler above (PLATFORMS.md
 * 7; kedacore/keda pkg/scaling/executor/scale_scaledobjects.go, kubernetes pkg/controller/podautoscaler/horizontal.go and
 * replica_calculator.go, the rules restated; Apache-2.0).
 *
 * KEDA, every pollingInterval: a trigger is active while its metric is above its activation. At zero an active one starts
 * the first replica (a request that a router sends elsewhere meanwhile is active too: the metric is the gateway's); where the floor is zero, all stop once the last active poll lies more than cooldownPeriod back,
 * whatever they still serve.
 *
 * HPA, every sync period while there is a replica, n of them ordered and not yet gone: each trigger proposes
 *     n where |1 - metric / (threshold * n)| <= tolerance, else ceil(metric / threshold)
 * and the largest proposal holds. Then without a "behavior" of the user's
 *     the largest proposal of the stabilisation window, at most max(2 n, 4)
 * and with one, up and down each with its window and policies (what was not said: no window and the larger of 4 pods and
 * 100 % in 15 s up, 300 s and 100 % in 15 s down),
 *     n moved into [least proposal of the up window, largest of the down window], at most as far as the policies let it
 *     from n as it was a period ago.
 * Last the floor, which is 1 at the least, and the ceiling.
 *
 * Metrics are what they are at the tick: no scrape is late. The controller's start-up rules for CPU metrics have no use
 * here. */
#include <math.h>
#include <stdlib.h>
#include "sim/fleet/scalers/scaler.h"

static double metric(const struct kw_signals *g, const struct kw_trigger *t)
{
    uint64_t all = g->queued + g->in_flight;
    switch (t->metric) {
    case KW_TRIGGER_WAITING: return (double)g->waiting;
    case KW_TRIGGER_RUNNING: return (double)(all - g->waiting);
    case KW_TRIGGER_BOTH: break;
    }
    return (double)all;
}

/* ---- above zero */

static uint32_t proposal(const struct kw_hpa *h, const struct kw_signals *g, uint32_t n)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < h->n_triggers; i++) {
        const struct kw_trigger *t = &h->trigger[i];
        double v = metric(g, t), ratio = v / (t->threshold * n);
        uint32_t want = fabs(1 - ratio) <= h->tolerance ? n : kw_scaler_ceil(v / t->threshold);
        if (want > most) most = want;
    }
    return most;
}

/* How many it had a period ago, by its own changes since. */
static double at_begin(const struct kw_autoscaler *s, uint32_t n, kw_ns period, kw_ns now)
{
    double then = n;
    for (uint32_t i = 0; i < s->n_changes; i++) {
        const struct kw_change *c = &s->change[(s->first_change + i) % s->change_cap];
        if (c->at > now - period) then -= (double)c->by;
    }
    return then;
}

/* As far as the policies let it go in one direction, n at the least: a rule that has been used up changes nothing. */
static double limit(const struct kw_autoscaler *s, const struct kw_hpa_rules *r, bool up, uint32_t n, kw_ns now)
{
    bool widest = r->select == KW_SELECT_MAX;
    double reach = up == widest ? -INFINITY : INFINITY;
    if (r->select == KW_SELECT_DISABLED) return n;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct kw_hpa_policy *p = &r->policy[i];
        double then = at_begin(s, n, p->period, now), share = p->value / 100.0, to;
        if (p->pods)
            to = up ? then + p->value : then - p->value;
        else
            to = up ? ceil(then * (1 + share)) : trunc(then * (1 - share));
        reach = up == widest ? fmax(reach, to) : fmin(reach, to);
    }
    return up ? fmax(reach, n) : fmin(reach, n);
}

static uint32_t by_rules(struct kw_autoscaler *s, uint32_t n, uint32_t want, kw_ns now)
{
    const struct kw_hpa *h = &s->c->hpa;
    int64_t tick = now / s->period;
    uint32_t most = kw_peak_tick(&s->down, tick, want);
    uint32_t least = UINT32_MAX - kw_peak_tick(&s->up, tick, UINT32_MAX - want);
    uint32_t steady = n < least ? least : n > most ? most : n;
    if (steady > n) return (uint32_t)fmin(steady, limit(s, &h->up, true, n, now));
    if (steady < n) return (uint32_t)fmax(steady, fmax(0, limit(s, &h->down, false, n, now)));
    return n;
}

static void note(struct kw_autoscaler *s, int64_t by, kw_ns now)
{
    const struct kw_hpa *h = &s->c->hpa;
    if (!h->behaves || !by) return;
    if (s->n_changes == s->change_cap) { /* as many as fit between the longest period and now: the first is older */
        s->first_change = (s->first_change + 1) % s->change_cap;
        s->n_changes--;
    }
    s->change[(s->first_change + s->n_changes++) % s->change_cap] = (struct kw_change){ now, by };
}

static uint32_t sync(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    const uint32_t least_limit =
        4; /* the controller's own, without a behavior: scaleUpLimitMinimum, and a factor of 2 */
    uint32_t n = kw_signals_alive(g), want = proposal(&s->c->hpa, g, n), out;
    if (s->c->hpa.behaves) {
        out = by_rules(s, n, want, now);
    } else {
        uint32_t most = 2 * n > least_limit ? 2 * n : least_limit;
        out = kw_peak_tick(&s->down, now / s->period, want);
        out = out < most ? out : most;
    }
    out = kw_scaler_clip(s, out > 1 ? out : 1);
    note(s, (int64_t)out - n, now);
    return out;
}

/* ---- between zero and one */

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    const struct kw_autoscaling *c = s->c;
    uint32_t n = kw_signals_alive(g);
    if (cause != KW_CAUSE_TIMER) {
        s->sent_past |= cause == KW_CAUSE_ARRIVED && !n && !g->queued;
        return n;
    }
    s->last = now;
    if (now % c->hpa.poll == 0) {
        bool active = s->sent_past;
        s->sent_past = false;
        for (uint32_t i = 0; i < c->hpa.n_triggers; i++)
            active |= metric(g, &c->hpa.trigger[i]) > c->hpa.trigger[i].activation;
        if (active) s->active_at = now;
        if (!n && active) return 1;
        if (!active && !s->floor && s->active_at + c->zero_timeout < now) return 0;
    }
    return n && now % s->period == 0 ? sync(s, g, now) : n;
}

/* At the floor with nobody there nothing changes but what the window on the way up remembers. */
static kw_ns timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    const struct kw_hpa *h = &s->c->hpa;
    uint32_t n = kw_signals_alive(g);
    bool forgets = !(h->behaves && h->up.window && n);
    if (!g->queued && !g->in_flight && !s->sent_past && n <= s->floor && forgets) return KW_NEVER;
    kw_ns from = now > s->last ? now : s->last + 1, poll = kw_scaler_grid(h->poll, from);
    kw_ns tick = kw_scaler_grid(s->period, from);
    return n && tick < poll ? tick : poll;
}

/* ---- begin */

/* Ticks before the present one that a window reaches back to: its far end counts in the controller's plain rule and not
 * in that of behaviors. */
static kw_ns reach(const struct kw_autoscaler *s, kw_ns window)
{
    return s->c->hpa.behaves ? (window - 1) / s->period * s->period : window / s->period * s->period;
}

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    const struct kw_autoscaling *c = s->c;
    const struct kw_hpa *h = &c->hpa;
    kw_ns longest = 0;
    if (s->period < KW_NS_PER_S || h->poll < KW_NS_PER_S || !h->n_triggers || h->n_triggers > KW_TRIGGERS_MAX ||
        !(h->tolerance >= 0) || h->up.n > KW_HPA_POLICIES_MAX || h->down.n > KW_HPA_POLICIES_MAX)
        return kw_fail(err, KW_ERANGE, "hpa: want periods of at least 1 s, 1 to %d triggers and at most %d policies",
                       KW_TRIGGERS_MAX, KW_HPA_POLICIES_MAX);
    for (uint32_t i = 0; i < h->n_triggers; i++)
        if (!(h->trigger[i].threshold > 0))
            return kw_fail(err, KW_ERANGE, "hpa: a threshold must be positive, got %g", h->trigger[i].threshold);
    for (uint32_t i = 0; h->behaves && i < h->up.n + h->down.n; i++) {
        const struct kw_hpa_policy *p = i < h->up.n ? &h->up.policy[i] : &h->down.policy[i - h->up.n];
        if (p->period > longest) longest = p->period;
    }
    uint32_t cap = (uint32_t)(longest / s->period) + 2;
    if (cap > s->change_cap) {
        struct kw_change *change = realloc(s->change, cap * sizeof *change);
        if (!change) return kw_fail(err, KW_ENOMEM, "no memory for %u changes", cap);
        s->change = change;
        s->change_cap = cap;
    }
    enum kw_status st =
        kw_peak_begin(&s->down, reach(s, h->behaves ? h->down.window : c->scale_down_delay), s->period, err);
    return st == KW_OK ? kw_peak_begin(&s->up, reach(s, h->up.window), s->period, err) : st;
}

const struct kw_scaler_policy kw_scaler_hpa = { .name = "hpa",
                                                .shrink = KW_SHRINK_ANY,
                                                .on_arrival = true,
                                                .looks_inside = true,
                                                .wakes_itself = true,
                                                .begin = begin,
                                                .want = want,
                                                .timer = timer };
