/* sim/fleet/scalers/scaler_skyserve.c - SkyServe's request-rate autoscaler (PLATFORMS.md 7; skypilot-org/skypilot
 * sky/serve/autoscalers.py RequestRateAutoscaler, the rule restated; Apache-2.0). Every decision interval (20 s, 5 s while
 * the target is zero)
 *
 *     wish = ceil(requests that came in the last 60 s / 60 / target_qps_per_replica), floor and ceiling
 *
 * It is carried out at once from zero, else after int(delay / 20 s) decisions in a row above (below) what is ordered:
 * upscale_delay_seconds, downscale_delay_seconds. Requests count when they come, whatever becomes of them, those that the
 * load balancer refuses without a replica too. Here they are counted in whole 5 s, and decisions stand on multiples of
 * their interval. */
#include "sim/fleet/scalers/scaler.h"

#define SECONDS ((double)KW_SKYSERVE_BUCKETS * KW_SKYSERVE_BUCKET / KW_NS_PER_S)

static uint64_t came(const struct kw_autoscaler *s, kw_ns now)
{
    int64_t at = now / KW_SKYSERVE_BUCKET;
    uint64_t n = 0;
    for (int i = 0; i <= KW_SKYSERVE_BUCKETS; i++)
        if (s->bucket[i].at < at && s->bucket[i].at >= at - KW_SKYSERVE_BUCKETS) n += s->bucket[i].n;
    return n;
}

static void count(struct kw_autoscaler *s, kw_ns now)
{
    int64_t at = now / KW_SKYSERVE_BUCKET;
    struct kw_came *b = &s->bucket[at % (KW_SKYSERVE_BUCKETS + 1)];
    if (b->at != at) *b = (struct kw_came){ at, 0 };
    b->n++;
}

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    const struct kw_autoscaling *c = s->c;
    uint32_t n = kw_signals_alive(g);
    if (cause == KW_CAUSE_ARRIVED) count(s, now);
    if (cause != KW_CAUSE_TIMER) return n;
    s->last = now;
    uint32_t wish = kw_scaler_clip(s, kw_scaler_ceil((double)came(s, now) / SECONDS / c->target));
    if (!n) return wish;
    if (wish > n) {
        s->held = s->held > 0 ? s->held + 1 : 1;
    } else {
        s->held = wish == n ? 0 : s->held < 0 ? s->held - 1 : -1;
    }
    bool due = s->held > 0 ? s->held >= c->scale_up_delay / s->period : -s->held >= c->scale_down_delay / s->period;
    if (wish == n || !due) return n;
    s->held = 0;
    return wish;
}

static kw_ns timer(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now)
{
    uint32_t n = kw_signals_alive(g);
    bool quiet = !s->held;
    for (int i = 0; i <= KW_SKYSERVE_BUCKETS && quiet; i++)
        quiet = s->bucket[i].at < now / KW_SKYSERVE_BUCKET - KW_SKYSERVE_BUCKETS;
    if (quiet && n <= s->floor) return KW_NEVER;
    kw_ns period = n ? s->period : KW_SKYSERVE_BUCKET;
    return kw_scaler_grid(period, now > s->last ? now : s->last + 1);
}

static enum kw_status begin(struct kw_autoscaler *s, struct kw_error *err)
{
    if (!(s->c->target > 0) || s->period < KW_SKYSERVE_BUCKET || s->period % KW_SKYSERVE_BUCKET)
        return kw_fail(err, KW_ERANGE, "skyserve: want a target above 0 and a decision interval of whole 5 s");
    return KW_OK;
}

const struct kw_scaler_policy kw_scaler_skyserve = { .name = "skyserve",
                                                     .shrink = KW_SHRINK_ANY,
                                                     .on_arrival = true,
                                                     .wakes_itself = true,
                                                     .begin = begin,
                                                     .want = want,
                                                     .timer = timer };
