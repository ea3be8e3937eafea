#include "sim/io/scenario/mitigations.h"
#include <string.h>
#include "sim/fleet/pool/pooled.h"
#include "sim/io/scenario/key_use.h"
#include "sim/plan/sweep/hold_time.h"
#include "sim/plan/sweep/start_options.h"

#define DAY (24 * KW_NS_PER_HOUR)
#define LONGEST_HOLD (7 * DAY)           /* no run looks further back for its steady state */
#define LONGEST (87600 * KW_NS_PER_HOUR) /* ten years, as of all times of a scenario */

static enum kw_status known_keys(struct kw_jnode o, const char *object, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    kw_key_names(object, names);
    return kw_json_keys(o, names, err);
}

/* "ping": {"every_s": "59"}: the least that a platform counts as a request is one token in and one out. */
static enum kw_status read_ping(struct kw_jnode o, struct kw_ping *p, struct kw_error *err)
{
    int64_t prompt = 1;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].ping", err);
    if (st == KW_OK) st = kw_json_nano(kw_json_get(o, "every_s"), KW_NS_PER_S, LONGEST, &p->every, err);
    if (st == KW_OK) st = kw_json_i64_or(kw_json_get(o, "prompt_tokens"), 1, 1, 100000, &prompt, err);
    p->prompt = (uint32_t)prompt;
    p->output = 1;
    return st;
}

/* "auto", or seconds. */
static enum kw_status read_lead(struct kw_jnode n, kw_ns *lead, struct kw_error *err)
{
    const char *word;
    if (!kw_json_present(n) || (kw_json_str(n, &word, NULL) == KW_OK && !strcmp(word, "auto"))) return KW_OK;
    return kw_json_nano(n, 0, LONGEST, lead, err);
}

/* "prewarm": {"forecast": "seasonal", "season": "day"}. */
static enum kw_status read_prewarm(struct kw_jnode o, const struct kw_trace *t, struct kw_prewarm *w,
                                   struct kw_error *err)
{
    static const char *const seasons[] = { "day", "week", NULL };
    int forecast = KW_FORECAST_SEASONAL, week = 0;
    int64_t least = KW_NANO;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].prewarm", err);
    if (st == KW_OK) st = kw_json_enum(kw_json_get(o, "forecast"), kw_forecast_name, &forecast, err);
    if (st == KW_OK) st = kw_json_enum_or(kw_json_get(o, "season"), week, seasons, &week, err);
    if (st == KW_OK) st = kw_json_nano_or(kw_json_get(o, "step_s"), 900 * KW_NS_PER_S, KW_NS_PER_S, DAY, &w->step, err);
    if (st == KW_OK) st = kw_json_nano_or(kw_json_get(o, "least_requests"), least, 0, INT64_MAX, &least, err);
    w->lead = KW_LEAD_AUTO;
    if (st == KW_OK) st = read_lead(kw_json_get(o, "lead_s"), &w->lead, err);
    w->forecast = (enum kw_forecast_kind)forecast;
    w->season = week ? 7 * DAY : DAY;
    w->least = kw_nano_to_double(least);
    if (st != KW_OK || forecast == KW_FORECAST_NONE) return st;
    if (DAY % w->step)
        return kw_json_fail(kw_json_get(o, "step_s"), KW_ERANGE, err, "want a step of which a day has a whole number");
    if (forecast == KW_FORECAST_SEASONAL && w->lead + w->step > w->season)
        return kw_json_fail(kw_json_get(o, "lead_s"), KW_ERANGE, err, "want less than a season less a step");
    if (forecast == KW_FORECAST_SEASONAL && t && t->span <= w->season)
        return kw_json_fail(o, KW_ERANGE, err,
                            "the window is %.3g days, so there is no %s before it that a forecast could go by",
                            kw_nano_to_double(t->span) / 86400, week ? "week" : "day");
    return st;
}

enum kw_status kw_mitigations_others(struct kw_jnode pooled, double *per_hour, struct kw_error *err)
{
    int64_t rate;
    struct kw_jnode n = kw_json_get(pooled, "others_per_hour");
    if (!kw_json_present(n))
        return kw_json_fail(
            pooled, KW_EPARSE, err,
            "want \"others_per_hour\": how often the platform's other customers ask for the model is yours "
            "to say");
    enum kw_status st = kw_json_nano(n, 0, (int64_t)KW_POOLED_MOST * KW_NANO, &rate, err);
    if (st == KW_OK) *per_hour = kw_nano_to_double(rate);
    return st;
}

/* "pooled": {"others_per_hour": "20"}. */
static enum kw_status read_pooled(struct kw_jnode o, struct kw_choice *c, struct kw_error *err)
{
    struct kw_error inner;
    double per_hour;
    if (!kw_json_present(o)) return KW_OK;
    enum kw_status st = known_keys(o, "deployments[].pooled", err);
    if (st == KW_OK) st = kw_mitigations_others(o, &per_hour, err);
    if (st != KW_OK || (st = kw_choice_pooled(c, per_hour, &inner)) == KW_OK) return st;
    return kw_json_fail(o, st, err, "%s", inner.msg);
}

/* The names of classes as bits. */
static enum kw_status read_classes(struct kw_jnode list, const struct kw_trace *t, uint32_t *classes,
                                   struct kw_error *err)
{
    if (!kw_json_is_array(list) || !kw_json_len(list))
        return kw_json_fail(list, KW_EPARSE, err, "want a list of classes of the trace");
    for (int i = 0; i < kw_json_len(list); i++) {
        const char *name;
        size_t k = 0, n = t->klass ? t->n_classes : 0;
        enum kw_status st = kw_json_str(kw_json_at(list, i), &name, err);
        if (st != KW_OK) return st;
        while (k < n && strcmp(t->class_name[k], name)) k++;
        if (k == n || k >= KW_HOLD_CLASSES)
            return kw_json_fail(kw_json_at(list, i), KW_ERANGE, err, "the trace has no class '%.60s'%s", name,
                                k < n ? " among its first 32" : "");
        *classes |= 1u << k;
    }
    return KW_OK;
}

/* "hold": {"classes": ["nightly"], "max_wait_s": "600"}. */
static enum kw_status read_hold(struct kw_jnode o, const struct kw_trace *t, const struct kw_slo *slo,
                                struct kw_hold_ask *a, struct kw_error *err)
{
    const char *word;
    if (!kw_json_present(o)) return KW_OK;
    struct kw_jnode most = kw_json_get(o, "max_wait_s"), classes = kw_json_get(o, "classes");
    bool automatic = !kw_json_present(most) || (kw_json_str(most, &word, NULL) == KW_OK && !strcmp(word, "auto"));
    enum kw_status st = known_keys(o, "deployments[].hold", err);
    a->most = KW_HOLD_AUTO;
    if (st == KW_OK && !automatic) st = kw_json_nano(most, 0, LONGEST_HOLD, &a->most, err);
    if (st == KW_OK && kw_json_present(kw_json_get(o, "every_s")))
        st = kw_json_nano(kw_json_get(o, "every_s"), KW_NS_PER_S, LONGEST_HOLD, &a->every, err);
    if (st != KW_OK || !t) return st;
    if (kw_json_present(classes)) return read_classes(classes, t, &a->classes, err);
    a->classes = t->klass || automatic ? kw_hold_classes(t, slo) : 1;
    if (a->classes || !a->most) return KW_OK;
    return kw_json_fail(o, KW_ERANGE, err,
                        "no class may wait: state \"classes\", or an objective of theirs for e2e and none for ttft");
}

/* "weights_from": "node", "snapshot": true; each says more simply what a key of cold_start says of its law. */
static enum kw_status read_start(struct kw_jnode deployment, struct kw_choice *c, struct kw_error *err)
{
    struct kw_jnode from = kw_json_get(deployment, "weights_from"), snapshot = kw_json_get(deployment, "snapshot"),
                    cold = kw_json_get(deployment, "cold_start");
    struct kw_error inner;
    int word = KW_WEIGHTS_PLATFORM;
    bool on = false;
    enum kw_status st = kw_json_enum_or(from, word, kw_weights_from_name, &word, err);
    if (st == KW_OK) st = kw_json_bool_or(snapshot, on, &on, err);
    if (st != KW_OK || c->api) return st;
    if (word != KW_WEIGHTS_PLATFORM && kw_json_present(kw_json_get(cold, "cache_hit")))
        return kw_json_fail(from, KW_ERANGE, err, "cold_start.cache_hit says already how often: want one of the two");
    if (kw_json_present(snapshot) && kw_json_present(kw_json_get(cold, "snapshot_probability")))
        return kw_json_fail(snapshot, KW_ERANGE, err,
                            "cold_start.snapshot_probability says already how often: want one of the two");
    if ((st = kw_choice_weights_from(c, (enum kw_weights_from)word, &inner)) != KW_OK)
        return kw_json_fail(from, st, err, "%s", inner.msg);
    if (kw_json_present(snapshot) && (st = kw_choice_snapshot(c, on, &inner)) != KW_OK)
        return kw_json_fail(snapshot, st, err, "%s", inner.msg);
    return KW_OK;
}

enum kw_status kw_mitigations_read(struct kw_jnode deployment, const struct kw_trace *trace, const struct kw_slo *slo,
                                   struct kw_choice *c, struct kw_error *err)
{
    enum kw_status st = read_ping(kw_json_get(deployment, "ping"), &c->ping, err);
    if (st != KW_OK || !kw_choice_scales(c)) return st; /* of no use, which key_use.h tells the user */
    if ((st = read_start(deployment, c, err)) != KW_OK) return st;
    if ((st = read_pooled(kw_json_get(deployment, "pooled"), c, err)) != KW_OK) return st;
    st = read_prewarm(kw_json_get(deployment, "prewarm"), trace, &c->prewarm, err);
    return st == KW_OK ? read_hold(kw_json_get(deployment, "hold"), trace, slo, &c->hold, err) : st;
}
