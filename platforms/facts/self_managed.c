#include "platforms/facts/self_managed.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/fact.h"
#include "sim/core/files/embedded.h"

/* ---- which parameter sets what */

enum type { SECONDS, NUMBER, PERCENT, COUNT, TARGET_WORD, TRIGGERS, BEHAVIOR };

/* A parameter without an offset says which of two pairs of thresholds holds, or is a rule of its own. */
static const struct row {
    enum kw_scaler scaler;
    const char *name;
    enum type type;
    size_t offset;
} rows[] = {
#define ROW(scaler, name, type, field)                                                                                 \
    {                                                                                                                  \
        KW_SCALER_##scaler, name, type, offsetof(struct kw_autoscaling, field)                                         \
    }
    ROW(HPA, "pollingInterval", SECONDS, hpa.poll),
    ROW(HPA, "cooldownPeriod", SECONDS, zero_timeout),
    ROW(HPA, "triggers", TRIGGERS, hpa.trigger),
    ROW(HPA, "behavior", BEHAVIOR, hpa.up),
    ROW(HPA, "horizontal-pod-autoscaler-sync-period", SECONDS, eval_period),
    ROW(HPA, "horizontal-pod-autoscaler-tolerance", NUMBER, hpa.tolerance),
    ROW(HPA, "horizontal-pod-autoscaler-downscale-stabilization", SECONDS, scale_down_delay),
    ROW(KPA, "containerConcurrency", COUNT, hard_concurrency),
    ROW(KPA, "container-concurrency-target-default", NUMBER, target),
    ROW(KPA, "container-concurrency-target-percentage", PERCENT, utilisation),
    ROW(KPA, "stable-window", SECONDS, scale_up_window),
    ROW(KPA, "panic-window-percentage", PERCENT, panic_window_share),
    ROW(KPA, "panic-threshold-percentage", PERCENT, panic_threshold),
    ROW(KPA, "max-scale-up-rate", NUMBER, max_up_rate),
    ROW(KPA, "max-scale-down-rate", NUMBER, max_down_rate),
    ROW(KPA, "scale-down-delay", SECONDS, scale_down_delay),
    ROW(KPA, "scale-to-zero-pod-retention-period", SECONDS, zero_timeout),
    ROW(KPA, "tick-interval", SECONDS, eval_period),
    ROW(RAY_SERVE, "target_ongoing_requests", NUMBER, target),
    ROW(RAY_SERVE, "max_ongoing_requests", COUNT, hard_concurrency),
    ROW(RAY_SERVE, "upscale_delay_s", SECONDS, scale_up_delay),
    ROW(RAY_SERVE, "downscale_delay_s", SECONDS, scale_down_delay),
    ROW(RAY_SERVE, "downscale_to_zero_delay_s", SECONDS, zero_timeout),
    ROW(RAY_SERVE, "upscaling_factor", NUMBER, max_up_rate),
    ROW(RAY_SERVE, "downscaling_factor", NUMBER, max_down_rate),
    ROW(RAY_SERVE, "metrics_interval_s", SECONDS, eval_period),
    ROW(RAY_SERVE, "look_back_period_s", SECONDS, scale_up_window),
    ROW(SKYSERVE, "target_qps_per_replica", NUMBER, target),
    ROW(SKYSERVE, "upscale_delay_seconds", SECONDS, scale_up_delay),
    ROW(SKYSERVE, "downscale_delay_seconds", SECONDS, scale_down_delay),
    ROW(DYNAMO, "optimization_target", TARGET_WORD, up_above),
    ROW(DYNAMO, "load_adjustment_interval_seconds", SECONDS, eval_period),
    ROW(DYNAMO, "decode_scale_up_kv_rate", PERCENT, up_above),
    ROW(DYNAMO, "decode_scale_down_kv_rate", PERCENT, down_below),
#undef ROW
};

static const struct row *find_row(enum kw_scaler scaler, const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].scaler == scaler && !strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

static struct kw_jnode section(const struct kw_self_managed *f, const char *name)
{
    return kw_json_get(kw_json_root(&f->doc), name);
}

/* ---- values */

/* A decimal, in a string or as a JSON number. */
static enum kw_status decimal(struct kw_jnode n, double lo, double hi, double *out, struct kw_error *err)
{
    int64_t v;
    if (!kw_json_is_string(n)) return kw_json_f64(n, lo, hi, out, err);
    enum kw_status st = kw_json_nano(n, INT64_MIN, INT64_MAX, &v, err);
    if (st != KW_OK) return st;
    double d = kw_nano_to_double(v);
    if (d < lo || d > hi) return kw_json_fail(n, KW_ERANGE, err, "want %g to %g; got %g", lo, hi, d);
    *out = d;
    return KW_OK;
}

static enum kw_status range_of(const struct kw_self_managed *f, const struct row *r, int64_t *lo, int64_t *hi,
                               struct kw_error *err)
{
    struct kw_jnode range = kw_json_get(kw_json_get(section(f, "parameters"), r->name), "range");
    if (kw_json_len(range) != 2) return kw_json_fail(range, KW_EPARSE, err, "want [least, most]");
    enum kw_status st = kw_json_nano(kw_json_at(range, 0), 0, INT64_MAX, lo, err);
    return st == KW_OK ? kw_json_nano(kw_json_at(range, 1), *lo, INT64_MAX, hi, err) : st;
}

static enum kw_status read_trigger(struct kw_jnode n, struct kw_trigger *t, struct kw_error *err)
{
    static const char *const keys[] = { "metric", "threshold", "activationThreshold", NULL };
    int metric = 0;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_enum(kw_json_get(n, "metric"), kw_trigger_metric_name, &metric, err);
    t->metric = (enum kw_trigger_metric)metric;
    t->activation = 0;
    if (st == KW_OK) st = decimal(kw_json_get(n, "threshold"), 1e-6, 1e9, &t->threshold, err);
    struct kw_jnode activation = kw_json_get(n, "activationThreshold");
    return st == KW_OK && kw_json_present(activation) ? decimal(activation, 0, 1e9, &t->activation, err) : st;
}

static enum kw_status read_triggers(struct kw_jnode n, struct kw_hpa *h, struct kw_error *err)
{
    int len = kw_json_len(n);
    if (!kw_json_is_array(n) || !len || len > KW_TRIGGERS_MAX)
        return kw_json_fail(n, KW_ERANGE, err, "want a list of 1 to %d triggers", KW_TRIGGERS_MAX);
    enum kw_status st = KW_OK;
    for (int i = 0; i < len && st == KW_OK; i++) st = read_trigger(kw_json_at(n, i), &h->trigger[i], err);
    h->n_triggers = (uint32_t)len;
    return st;
}

/* Ranges are those of the API's validation. */
static enum kw_status read_policy(struct kw_jnode n, struct kw_hpa_policy *p, struct kw_error *err)
{
    static const char *const keys[] = { "type", "value", "periodSeconds", NULL };
    static const char *const types[] = { "Percent", "Pods", NULL };
    int pods = 0;
    int64_t value = 0, period = 0;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_enum(kw_json_get(n, "type"), types, &pods, err);
    if (st == KW_OK) st = kw_json_i64(kw_json_get(n, "value"), 1, 1000000, &value, err);
    if (st == KW_OK) st = kw_json_i64(kw_json_get(n, "periodSeconds"), 1, 1800, &period, err);
    p->pods = pods == 1;
    p->value = (uint32_t)value;
    p->period = period * KW_NS_PER_S;
    return st;
}

static enum kw_status read_rules(struct kw_jnode n, struct kw_hpa_rules *r, struct kw_error *err)
{
    static const char *const keys[] = { "stabilizationWindowSeconds", "selectPolicy", "policies", NULL };
    int select = r->select;
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK)
        st = kw_json_nano_or(kw_json_get(n, "stabilizationWindowSeconds"), r->window, 0, 3600 * KW_NS_PER_S, &r->window,
                             err);
    if (st == KW_OK) st = kw_json_enum_or(kw_json_get(n, "selectPolicy"), select, kw_select_policy_name, &select, err);
    r->select = (enum kw_select_policy)select;
    struct kw_jnode list = kw_json_get(n, "policies");
    if (st != KW_OK || !kw_json_present(list)) return st;
    int len = kw_json_len(list);
    if (!kw_json_is_array(list) || !len || len > KW_HPA_POLICIES_MAX)
        return kw_json_fail(list, KW_ERANGE, err, "want a list of 1 to %d policies", KW_HPA_POLICIES_MAX);
    for (int i = 0; i < len && st == KW_OK; i++) st = read_policy(kw_json_at(list, i), &r->policy[i], err);
    for (int i = len; i < KW_HPA_POLICIES_MAX; i++) memset(&r->policy[i], 0, sizeof r->policy[i]);
    r->n = (uint32_t)len;
    return st;
}

/* What the user leaves out is filled in as the API server does it, from the file; a window on the way down is then the
 * controller's. */
static enum kw_status read_behavior(const struct kw_self_managed *f, struct kw_jnode n, struct kw_autoscaling *a,
                                    struct kw_error *err)
{
    static const char *const keys[] = { "scaleUp", "scaleDown", NULL };
    struct kw_jnode filled = kw_json_get(kw_json_get(section(f, "parameters"), "behavior"), "filled");
    enum kw_status st = kw_json_keys(n, keys, err);
    a->hpa.behaves = true;
    a->hpa.down.window = a->scale_down_delay;
    const struct kw_jnode from[] = { filled, n };
    for (int i = 0; i < 2 && st == KW_OK; i++) {
        st = read_rules(kw_json_get(from[i], "scaleUp"), &a->hpa.up, err);
        if (st == KW_OK) st = read_rules(kw_json_get(from[i], "scaleDown"), &a->hpa.down, err);
    }
    return st;
}

enum { THROUGHPUT, LATENCY, LOAD };
static const char *const target_words[] = { "throughput", "latency", "load", NULL };

static enum kw_status constant(const struct kw_self_managed *f, const char *name, double *out, struct kw_error *err)
{
    return decimal(kw_json_get(kw_json_get(section(f, "constants"), name), "default"), 0, 1e9, out, err);
}

static enum kw_status read_target_word(const struct kw_self_managed *f, struct kw_jnode n, struct kw_autoscaling *a,
                                       struct kw_error *err)
{
    int word;
    enum kw_status st = kw_json_enum(n, target_words, &word, err);
    a->up_above = a->down_below = 0;
    if (st != KW_OK || word == LOAD) return st;
    bool latency = word == LATENCY;
    st = constant(f, latency ? "DECODE_LATENCY_SCALE_UP" : "DECODE_THROUGHPUT_SCALE_UP", &a->up_above, err);
    if (st != KW_OK) return st;
    return constant(f, latency ? "DECODE_LATENCY_SCALE_DOWN" : "DECODE_THROUGHPUT_SCALE_DOWN", &a->down_below, err);
}

static enum kw_status read_row(const struct kw_self_managed *f, const struct row *r, struct kw_jnode n,
                               struct kw_autoscaling *a, struct kw_error *err)
{
    void *out = (char *)a + r->offset;
    int64_t lo = 0, hi = 0, v;
    double d;
    enum kw_status st = KW_OK;
    if (r->type == TRIGGERS) return read_triggers(n, &a->hpa, err);
    if (r->type == BEHAVIOR) return read_behavior(f, n, a, err);
    if (r->type == TARGET_WORD) return read_target_word(f, n, a, err);
    if ((st = range_of(f, r, &lo, &hi, err)) != KW_OK) return st;
    switch (r->type) {
    case SECONDS: return kw_json_nano(n, lo, hi, out, err);
    case COUNT:
        if ((st = kw_json_nano(n, lo, hi, &v, err)) != KW_OK) return st;
        if (v % KW_NANO) return kw_json_fail(n, KW_ERANGE, err, "want a whole number");
        *(uint32_t *)out = (uint32_t)(v / KW_NANO);
        return KW_OK;
    default:
        st = decimal(n, kw_nano_to_double(lo), kw_nano_to_double(hi), &d, err);
        if (st == KW_OK) *(double *)out = r->type == PERCENT ? d / 100 : d;
        return st;
    }
}

/* ---- the user's object */

/* A name that is no parameter: a constant, one that stands elsewhere, one that is not modelled, or nobody's. */
static enum kw_status no_parameter(const struct kw_self_managed *f, const char *name, struct kw_jnode n,
                                   struct kw_error *err)
{
    static const char *const sections[] = { "parameters", "elsewhere", "not_modelled" };
    const char *why, *names[128];
    size_t k = 0;
    if (kw_json_present(kw_json_get(section(f, "constants"), name)))
        return kw_json_fail(n, KW_ERANGE, err, "is a constant of %s", f->title);
    if (kw_json_str(kw_json_get(section(f, "elsewhere"), name), &why, NULL) == KW_OK)
        return kw_json_fail(n, KW_ERANGE, err, "is %s", why);
    if (kw_json_str(kw_json_get(section(f, "not_modelled"), name), &why, NULL) == KW_OK)
        return kw_json_fail(n, KW_ERANGE, err, "is not modelled (%s)", why);
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < kw_json_len(section(f, sections[s])) && k < 127; i++)
            kw_json_member(section(f, sections[s]), i, &names[k++]);
    names[k] = NULL;
    char hint[KW_NEAREST_HINT];
    return kw_json_fail(n, KW_EPARSE, err, "%s has no parameter '%.60s'%s; `keepwarm platforms show %s` lists them",
                        f->title, name, kw_nearest_hint(hint, name, names), f->name);
}

static bool given(struct kw_jnode own, const char *name)
{
    return kw_json_present(kw_json_get(own, name));
}

static enum kw_status lacks(const struct kw_self_managed *f, struct kw_jnode own, const char *what,
                            struct kw_error *err)
{
    return kw_json_fail(own, KW_EPARSE, err, "%s has no default of '%s': say it", f->title, what);
}

/* What follows from several parameters together. */
static enum kw_status finish(const struct kw_self_managed *f, struct kw_jnode own, struct kw_autoscaling *a,
                             struct kw_error *err)
{
    switch ((int)a->scaler) {
    case KW_SCALER_HPA:
        if (!a->hpa.n_triggers) return lacks(f, own, "triggers", err);
        break;
    case KW_SCALER_KPA: /* zero comes after a silent stable window, and what is kept beyond it */
        a->zero_timeout += a->scale_up_window;
        if (a->hard_concurrency && !given(own, "container-concurrency-target-default")) a->target = a->hard_concurrency;
        break;
    case KW_SCALER_RAY_SERVE:
        if (!given(own, "downscale_to_zero_delay_s")) a->zero_timeout = a->scale_down_delay;
        break;
    case KW_SCALER_SKYSERVE:
        if (!(a->target > 0)) return lacks(f, own, "target_qps_per_replica", err);
        break;
    case KW_SCALER_DYNAMO: {
        const char *word = "throughput";
        (void)kw_json_str(kw_json_get(own, "optimization_target"), &word, NULL);
        static const char *const rates[] = { "decode_scale_up_kv_rate", "decode_scale_down_kv_rate" };
        for (int i = 0; i < 2; i++) {
            struct kw_jnode rate = kw_json_get(own, rates[i]);
            bool load = !strcmp(word, "load");
            if (load && !kw_json_present(rate)) return lacks(f, own, rates[i], err);
            if (!load && kw_json_present(rate))
                return kw_json_fail(rate, KW_ERANGE, err, "is of optimization_target 'load'; it is '%.20s'", word);
        }
        if (!(a->down_below < a->up_above))
            return kw_json_fail(kw_json_get(own, rates[0]), KW_ERANGE, err, "must be above %s", rates[1]);
        break;
    }
    }
    return KW_OK;
}

/* Rows in the order of the table, whatever the user's: what one fills in another may overwrite. */
enum kw_status kw_self_managed_read(const struct kw_self_managed *f, struct kw_jnode own, struct kw_autoscaling *a,
                                    struct kw_error *err)
{
    memcpy(a, &f->scaling, sizeof *a);
    if (kw_json_present(own) && !kw_json_is_object(own))
        return kw_json_fail(own, KW_EPARSE, err, "want an object of %s's parameters", f->title);
    for (int i = 0; i < kw_json_len(own); i++) {
        const char *name;
        struct kw_jnode n = kw_json_member(own, i, &name);
        if (!find_row(a->scaler, name)) return no_parameter(f, name, n, err);
    }
    enum kw_status st = KW_OK;
    for (int late = 0; late < 2; late++) /* behavior takes its window from the rest */
        for (size_t i = 0; i < sizeof rows / sizeof *rows && st == KW_OK; i++) {
            const struct row *r = &rows[i];
            if (r->scaler == a->scaler && given(own, r->name) && late == (r->type == BEHAVIOR))
                st = read_row(f, r, kw_json_get(own, r->name), a, err);
        }
    return st == KW_OK ? finish(f, own, a, err) : st;
}

static void add_triggers(const struct kw_hpa *h, char *buf, size_t size)
{
    size_t at = 0;
    for (uint32_t i = 0; i < h->n_triggers && at < size; i++) {
        const struct kw_trigger *t = &h->trigger[i];
        at += (size_t)snprintf(buf + at, size - at, "%s%s:%g", i ? "," : "", kw_trigger_metric_name[t->metric],
                               t->threshold);
        if (t->activation > 0 && at < size)
            at += (size_t)snprintf(buf + at, size - at, "(active above %g)", t->activation);
    }
}

const char *kw_self_managed_word(const struct kw_self_managed *f, const char *key)
{
    struct kw_jnode all = section(f, "elsewhere");
    for (int i = 0; i < kw_json_len(all); i++) {
        const char *name, *where;
        struct kw_jnode n = kw_json_member(all, i, &name);
        if (kw_json_str(n, &where, NULL) == KW_OK && !strncmp(where, key, strlen(key))) return name;
    }
    return key;
}

char *kw_self_managed_settings(const struct kw_self_managed *f, const struct kw_autoscaling *a, char *buf, size_t size)
{
    struct kw_autoscaling dflt = f->scaling;
    struct kw_error none;
    struct kw_jnode nothing = { .item = NULL };
    size_t at = 0;
    buf[0] = 0;
    (void)finish(f, nothing, &dflt, &none); /* what has no default differs from it */
    for (size_t i = 0; i < sizeof rows / sizeof *rows && at < size; i++) {
        const struct row *r = &rows[i];
        const void *x = (const char *)a + r->offset, *y = (const char *)&dflt + r->offset;
        char text[200] = "";
        kw_ns ns = 0;
        if (r->scaler != a->scaler) continue;
        switch (r->type) {
        case SECONDS:
            ns = *(const kw_ns *)x -
                 (a->scaler == KW_SCALER_KPA && r->offset == offsetof(struct kw_autoscaling, zero_timeout)
                      ? a->scale_up_window
                      : 0);
            if (*(const kw_ns *)x != *(const kw_ns *)y) kw_nano_format(text, 32, ns);
            break;
        case COUNT:
            if (*(const uint32_t *)x != *(const uint32_t *)y)
                snprintf(text, sizeof text, "%" PRIu32, *(const uint32_t *)x);
            break;
        case NUMBER:
        case PERCENT:
            if (*(const double *)x != *(const double *)y)
                snprintf(text, sizeof text, "%g", *(const double *)x * (r->type == PERCENT ? 100 : 1));
            break;
        case TRIGGERS: add_triggers(&a->hpa, text, sizeof text); break;
        case BEHAVIOR:
            if (a->hpa.behaves) snprintf(text, sizeof text, "given");
            break;
        default: break;
        }
        if (text[0]) at += (size_t)snprintf(buf + at, size - at, "%s%s=%s", at ? " " : "", r->name, text);
    }
    return buf;
}

/* ---- the files */

/* One parameter or constant of the file: its default is read as a user's would be, and kept as a fact. */
static enum kw_status read_default(struct kw_fact_reader *r, struct kw_self_managed *f, struct kw_jnode n,
                                   const char *name, const struct kw_fact_source *src, bool is_constant)
{
    static const char *const keys[] = { "default", "range", "filled", "src", "note", NULL };
    const struct row *row = find_row(f->scaling.scaler, name);
    struct kw_jnode dflt = kw_json_get(n, "default");
    struct kw_fact_source own;
    int64_t lo = 0, hi = 0;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &own));
    if (!is_constant && !row)
        return kw_json_fail(n, KW_EPARSE, r->err, "nothing in the program is set by '%.60s'", name);
    if (row && row->type != TRIGGERS && row->type != BEHAVIOR && row->type != TARGET_WORD)
        KW_TRY(range_of(f, row, &lo, &hi, r->err));
    if (row && kw_json_present(dflt)) KW_TRY(read_row(f, row, dflt, &f->scaling, r->err));
    struct kw_fact_found fact = { .at = n, .value = dflt, .present = true, .note = "" };
    fact.provenance = own.known ? own.provenance : src->provenance;
    KW_TRY(kw_json_str_or(kw_json_get(n, "note"), "", &fact.note, r->err));
    if (strlen(fact.note) >= sizeof((struct kw_fact *)0)->note)
        return kw_json_fail(kw_json_get(n, "note"), KW_ERANGE, r->err, "longer than %zu bytes",
                            sizeof((struct kw_fact *)0)->note - 1);
    const char *text = "no default";
    char range[64] = "", from[32], to[32];
    if (kw_json_present(dflt)) KW_TRY(kw_json_str(dflt, &text, r->err));
    if (hi > lo)
        snprintf(range, sizeof range, "; %s to %s", kw_nano_format(from, sizeof from, lo),
                 kw_nano_format(to, sizeof to, hi));
    return kw_fact_keep(r, &fact, name, "%s%s", text, range);
}

static enum kw_status read_defaults(struct kw_fact_reader *r, struct kw_self_managed *f, const char *where,
                                    const struct kw_fact_source *src, bool constants)
{
    struct kw_jnode obj = section(f, where);
    for (int i = 0; i < kw_json_len(obj); i++) {
        const char *name;
        struct kw_jnode n = kw_json_member(obj, i, &name);
        KW_TRY(read_default(r, f, n, name, src, constants));
    }
    return KW_OK;
}

/* Every row of the program has a parameter in the file, or nobody could set it. */
static enum kw_status all_there(const struct kw_self_managed *f, struct kw_error *err)
{
    struct kw_jnode obj = section(f, "parameters");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].scaler == f->scaling.scaler && !kw_json_present(kw_json_get(obj, rows[i].name)))
            return kw_json_fail(obj, KW_EPARSE, err, "missing parameter '%s'", rows[i].name);
    return KW_OK;
}

static enum kw_status read_node(struct kw_fact_reader *r, struct kw_self_managed *f, const struct kw_fact_source *src)
{
    static const char *const keys[] = { "idle_s", "places", NULL }, *const words[] = { "one", "packed", NULL };
    static const struct kw_fact_row idle[] = { { "idle_s", KW_FACT_SECONDS, offsetof(struct kw_self_managed, node_idle),
                                                 0, 604800 } };
    struct kw_jnode n = section(f, "node");
    int word;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_rows(r, n, src, idle, 1, f));
    KW_TRY(kw_fact_word(r, kw_json_get(n, "places"), src, words, &word));
    f->packs = word == 1;
    return KW_OK;
}

static enum kw_status read_file(struct kw_fact_reader *r, struct kw_self_managed *f)
{
    static const char *const keys[] = { "keepwarm_autoscaler",
                                        "name",
                                        "title",
                                        "url",
                                        "sources",
                                        "src",
                                        "scaler",
                                        "at_zero",
                                        "reject_code",
                                        "least_warm",
                                        "node",
                                        "parameters",
                                        "constants",
                                        "elsewhere",
                                        "not_modelled",
                                        "notes",
                                        NULL };
    static const struct kw_fact_row counts[] = {
        { "reject_code", KW_FACT_INT, offsetof(struct kw_self_managed, scaling.reject_code), 400, 599 },
        { "least_warm", KW_FACT_U32, offsetof(struct kw_self_managed, least_warm), 0, 1000 },
    };
    struct kw_jnode root = kw_json_root(&f->doc);
    struct kw_fact_source src;
    int64_t version;
    int word;
    KW_TRY(kw_json_keys(root, keys, r->err));
    KW_TRY(kw_json_i64(kw_json_get(root, "keepwarm_autoscaler"), 1, 1, &version, r->err));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "name"), true, f->name, sizeof f->name));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "title"), true, f->title, sizeof f->title));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "url"), false, f->url, sizeof f->url));
    KW_TRY(kw_fact_text(r, kw_json_get(root, "notes"), false, f->notes, sizeof f->notes));
    KW_TRY(kw_fact_sources(r, kw_json_get(root, "sources")));
    KW_TRY(kw_fact_section(r, root, &src));
    KW_TRY(kw_fact_word(r, kw_json_get(root, "scaler"), &src, kw_scaler_name, &word));
    f->scaling.scaler = (enum kw_scaler)word;
    if (!((KW_SCALERS_SELF_MANAGED | 1u << KW_SCALER_KPA) & 1u << word))
        return kw_json_fail(kw_json_get(root, "scaler"), KW_ERANGE, r->err, "users do not run '%s' themselves",
                            kw_scaler_name[word]);
    KW_TRY(kw_fact_word(r, kw_json_get(root, "at_zero"), &src, kw_at_zero_name, &word));
    f->scaling.at_zero = (enum kw_at_zero)word;
    f->scaling.utilisation = 1;
    f->scaling.max_replicas = 1;
    KW_TRY(kw_fact_rows(r, root, &src, counts, 2, f));
    f->scaling.keep_warm = f->least_warm;
    KW_TRY(read_node(r, f, &src));
    KW_TRY(all_there(f, r->err));
    KW_TRY(read_defaults(r, f, "parameters", &src, false));
    KW_TRY(read_defaults(r, f, "constants", &src, true));
    double s;
    if (f->scaling.scaler == KW_SCALER_SKYSERVE) {
        KW_TRY(constant(f, "AUTOSCALER_DEFAULT_DECISION_INTERVAL_SECONDS", &s, r->err));
        f->scaling.eval_period = (kw_ns)s * KW_NS_PER_S;
    }
    f->own_concurrency = f->scaling.scaler == KW_SCALER_RAY_SERVE || f->scaling.scaler == KW_SCALER_KPA;
    return KW_OK;
}

enum kw_status kw_self_managed_parse(struct kw_self_managed *f, const char *file, const char *text, size_t len,
                                     struct kw_error *err)
{
    struct kw_fact_reader r = { .err = err };
    KW_TRY(kw_json_parse(&f->doc, file, text, len, err));
    enum kw_status st = read_file(&r, f);
    free(r.ids);
    free(r.sources);
    f->facts = r.p.facts;
    f->n_facts = r.p.n_facts;
    for (size_t i = 0; i < f->n_facts; i++)
        if (f->facts[i].provenance.grade != KW_GRADE_USER)
            f->weakest = kw_grade_weaker(f->weakest, f->facts[i].provenance.grade);
    if (st != KW_OK) kw_self_managed_free_one(f);
    return st;
}

void kw_self_managed_free_one(struct kw_self_managed *f)
{
    free(f->facts);
    kw_json_free(&f->doc);
    memset(f, 0, sizeof *f);
}

static bool is_file(const char *path)
{
    size_t n = strlen(path);
    return !strncmp(path, "platforms/autoscalers/", 22) && !strcmp(path + n - 5, ".json");
}

/* In the order of their paths, which is that of their names. */
enum kw_status kw_self_managed_embedded(struct kw_self_managed_all *all, struct kw_error *err)
{
    const char *path, *text;
    size_t n = 0, len;
    for (size_t i = 0; (path = kw_embedded_at(i, &text, &len)); i++) n += is_file(path);
    *all = (struct kw_self_managed_all){ .p = calloc(n + 1, sizeof *all->p) };
    if (!all->p) return kw_fail(err, KW_ENOMEM, "autoscalers: out of memory");
    for (size_t i = 0; (path = kw_embedded_at(i, &text, &len)); i++) {
        if (!is_file(path)) continue;
        enum kw_status st = kw_self_managed_parse(&all->p[all->n], path, text, len, err);
        if (st != KW_OK) {
            kw_self_managed_free(all);
            return st;
        }
        all->n++;
    }
    return KW_OK;
}

void kw_self_managed_free(struct kw_self_managed_all *all)
{
    for (size_t i = 0; i < all->n; i++) kw_self_managed_free_one(&all->p[i]);
    free(all->p);
    *all = (struct kw_self_managed_all){ 0 };
}

enum kw_status kw_self_managed_find(const struct kw_self_managed_all *all, const char *name,
                                    const struct kw_self_managed **out, struct kw_error *err)
{
    const char *names[32];
    size_t n = 0;
    for (; n < all->n && n < 31; n++) {
        names[n] = all->p[n].name;
        if (strcmp(names[n], name)) continue;
        *out = &all->p[n];
        return KW_OK;
    }
    names[n] = NULL;
    char hint[KW_NEAREST_HINT];
    return kw_fail(err, KW_ERANGE, "there is no autoscaler '%.40s'%s: dynamo, keda, kpa, ray_serve, skyserve", name,
                   kw_nearest_hint(hint, name, names));
}
