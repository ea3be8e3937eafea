/* What a plan tries against cold starts beside a constant level: the best serverless offer of a few platforms, as it is and
 * with the least that it can keep warm, once with each. Looked for after the race, from the trace itself. And public models,
 * of each offer of the platforms that share them: billed by another meter, they may lead where the offer itself does not. */
#include <stdio.h>
#include <string.h>
#include "sim/fleet/prewarm.h"
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/hold_time.h"
#include "sim/plan/sweep/start_options.h"

#define DAY (24 * KW_NS_PER_HOUR)

const char *const kw_mitigation_name[] = { "prewarm", "ping", "hold", "snapshot", "weights_from", "pooled", NULL };

/* The best of the first `looked` on a platform that none of taken[n] is on; -1 when there is none left. */
static ptrdiff_t best_elsewhere(const struct kw_plan *p, size_t looked, const size_t *taken, size_t n)
{
    ptrdiff_t best = -1;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        bool out = !c || !p->settled[i];
        for (size_t k = 0; k < n && !out; k++) out = kw_plan_serverless(p, taken[k])->platform == c->platform;
        if (!out && (best < 0 || kw_point_better(&p->points[i], &p->points[best]))) best = (ptrdiff_t)i;
    }
    return best;
}

/* The fewest that a candidate of its family keeps warm. */
static uint32_t least_warm(const struct kw_plan *p, size_t looked, size_t of)
{
    uint32_t least = p->candidates[of].choice[0].scaling.keep_warm;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        if (c && p->family[i] == p->family[of] && c->scaling.keep_warm < least) least = c->scaling.keep_warm;
    }
    return least;
}

struct trial {
    struct kw_plan *p;
    const struct kw_study *study;
    struct kw_class_lengths lengths;
};

static enum kw_status push(struct trial *t, struct kw_choice *c, enum kw_mitigation m, struct kw_error *err)
{
    if (kw_choice_check(c, NULL) != KW_OK) return KW_OK;
    struct kw_candidate x = { .choice = c, .n = 1, .mitigation = 1u << m };
    return kw_plan_push_copy(t->p, &x, err);
}

static enum kw_status try_prewarm(struct trial *t, const struct kw_choice *of, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (kw_ns season = DAY; season <= 7 * DAY && season < t->study->trace->span && st == KW_OK; season += 6 * DAY) {
        struct kw_choice c = *of;
        c.prewarm.forecast = KW_FORECAST_SEASONAL;
        c.prewarm.season = season;
        c.prewarm.step = 900 * KW_NS_PER_S;
        c.prewarm.lead = KW_LEAD_AUTO;
        c.prewarm.least = 1;
        kw_ns lead;
        struct kw_deployment d;
        kw_choice_deployment(&c, &d);
        if (kw_prewarm_lead(&d, &lead, NULL) == KW_OK) st = push(t, &c, KW_MITIGATE_PREWARM, err);
    }
    return st;
}

/* A second before the last replica would stop: what they cost is what a replica kept warm costs, which is to be seen. */
static enum kw_status try_ping(struct trial *t, const struct kw_choice *of, struct kw_error *err)
{
    struct kw_choice c = *of;
    kw_ns stops = c.scaling.zero_timeout ? c.scaling.zero_timeout : c.scaling.idle_timeout;
    if (c.scaling.keep_warm || stops <= KW_NS_PER_S) return KW_OK;
    c.ping.every = stops - KW_NS_PER_S;
    c.ping.prompt = c.ping.output = 1;
    return push(t, &c, KW_MITIGATE_PING, err);
}

/* All classes that may wait, for as long as the shortest of their objectives lets, in whole seconds. */
static enum kw_status try_hold(struct trial *t, const struct kw_choice *of, struct kw_error *err)
{
    struct kw_choice c = *of;
    struct kw_deployment d;
    const struct kw_hold_ask ask = { .most = KW_HOLD_AUTO,
                                     .classes = kw_hold_classes(t->study->trace, &t->study->slo) };
    kw_ns least = 0;
    if (!ask.classes || c.scaling.keep_warm) return KW_OK;
    kw_choice_deployment(&c, &d);
    enum kw_status st = kw_hold_time(&d, &ask, t->study->trace, &t->lengths, &t->study->slo, NULL);
    if (st == KW_ENOMEM) return kw_fail(err, st, "out of memory for a plan");
    if (st != KW_OK) return KW_OK; /* no time is left to hold them */
    for (int k = 0; k < KW_HOLD_CLASSES; k++)
        if (d.hold.most[k] && (!least || d.hold.most[k] < least)) least = d.hold.most[k];
    c.hold.classes = ask.classes;
    c.hold.most = least / KW_NS_PER_S * KW_NS_PER_S;
    return c.hold.most ? push(t, &c, KW_MITIGATE_HOLD, err) : KW_OK;
}

static enum kw_status try_snapshot(struct trial *t, const struct kw_choice *of, struct kw_error *err)
{
    struct kw_choice c = *of;
    if (c.snapshot || kw_choice_snapshot(&c, true, NULL) != KW_OK) return KW_OK;
    return push(t, &c, KW_MITIGATE_SNAPSHOT, err);
}

static enum kw_status try_node(struct trial *t, const struct kw_choice *of, struct kw_error *err)
{
    struct kw_choice c = *of;
    if (c.weights_from || kw_choice_weights_from(&c, KW_WEIGHTS_NODE, NULL) != KW_OK) return KW_OK;
    return push(t, &c, KW_MITIGATE_WEIGHTS, err);
}

/* The customer's own weights are no public model. */
static bool wants_own_weights(const struct kw_plan_options *o)
{
    for (size_t i = 0; i < o->n_require; i++)
        if (o->require[i].attribute == KW_ATTRIBUTE_CUSTOM_WEIGHTS) return true;
    return o->fine_tunes != NULL;
}

/* The first of its family, from zero and with the platform's own timeout: neither is the customer's to set. */
static enum kw_status try_pooled(struct trial *t, size_t looked, double others_per_hour, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < looked && st == KW_OK; i++) {
        const struct kw_choice *of = kw_plan_serverless(t->p, i);
        bool first = of && of->platform->public_models.shared;
        for (size_t k = 0; k < i && first; k++)
            first = t->p->family[k] != t->p->family[i] || !kw_plan_serverless(t->p, k);
        if (!first) continue;
        struct kw_choice c = *of;
        c.scaling.keep_warm = c.scaling.buffer_replicas = 0;
        kw_choice_idle_timeout(&c, c.platform->scaling.idle_timeout);
        if (kw_choice_pooled(&c, others_per_hour, NULL) == KW_OK) st = push(t, &c, KW_MITIGATE_POOLED, err);
    }
    return st;
}

/* Which platforms have public models that nobody looked at, since the user does not say how often others ask for one. */
static void tell_untried(struct kw_plan *p, size_t looked)
{
    char names[120] = "";
    size_t at = 0;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        bool first = c && c->platform->public_models.shared && at < sizeof names;
        for (size_t k = 0; k < i && first; k++)
            first = !kw_plan_serverless(p, k) || kw_plan_serverless(p, k)->platform != c->platform;
        if (first) at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", c->platform->name);
    }
    if (at)
        snprintf(p->untried, sizeof p->untried,
                 "public models, whose replicas customers share (%s): candidates.pooled.others_per_hour says how often "
                 "others ask for the model, which nobody else knows",
                 names);
}

static enum kw_status try_each(struct trial *t, const struct kw_choice *of, unsigned which, struct kw_error *err)
{
    static enum kw_status (*const tries[])(struct trial *, const struct kw_choice *,
                                           struct kw_error *) = { try_prewarm, try_ping, try_hold, try_snapshot,
                                                                  try_node };
    enum kw_status st = KW_OK;
    for (int m = 0; m < KW_MITIGATE_POOLED && st == KW_OK; m++)
        if (which & 1u << m) st = tries[m](t, of, err);
    return st;
}

enum kw_status kw_plan_mitigations(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                   struct kw_error *err)
{
    const unsigned starts = 1u << KW_MITIGATE_SNAPSHOT | 1u << KW_MITIGATE_WEIGHTS;
    size_t taken[KW_PLAN_MITIGATED], n = 0, looked = p->n;
    struct trial t = { .p = p, .study = study };
    p->untried[0] = 0;
    if (!o->mitigations) return KW_OK;
    enum kw_status st = kw_class_lengths(&t.lengths, study->trace, err);
    for (ptrdiff_t best; st == KW_OK && n < KW_PLAN_MITIGATED && (best = best_elsewhere(p, looked, taken, n)) >= 0;) {
        struct kw_choice as_is = p->candidates[best].choice[0], cold = as_is;
        cold.scaling.keep_warm = least_warm(p, looked, (size_t)best);
        st = try_each(&t, &cold, o->mitigations, err);
        if (st == KW_OK && as_is.scaling.keep_warm > cold.scaling.keep_warm)
            st = try_each(&t, &as_is, o->mitigations & starts, err);
        taken[n++] = (size_t)best;
    }
    if (st != KW_OK || !(o->mitigations & 1u << KW_MITIGATE_POOLED) || wants_own_weights(o)) return st;
    if (o->others_stated) return try_pooled(&t, looked, o->others_per_hour, err);
    tell_untried(p, looked);
    return KW_OK;
}
