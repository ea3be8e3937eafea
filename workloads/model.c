#include "workloads/model.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/core/files/file.h"
#include "sim/core/files/json.h"
#include "sim/core/text.h"
#include "sim/core/files/source.h"

static const char *const law_name[] = { "poisson", "gamma", "mmpp", NULL };
static const double MAX_RATE = 1e7;    /* requests/s: beyond any service, small enough to keep every sum finite */
static const double MAX_CHANGES = 1e9; /* of an MMPP's state in one trace: seconds of work, never hours */

/* Shares that should sum to 1: checked loosely, since JSON rounds, then made exact. */
static bool normalise(double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    if (!(fabs(sum - 1) < 1e-3)) return false;
    for (int i = 0; i < n; i++) x[i] /= sum;
    return true;
}

static enum kw_status read_states(struct kw_workload *w, struct kw_jnode a, struct kw_error *err)
{
    static const char *const keys[] = { "rate_per_s", "dwell_s", "next", NULL };
    struct kw_jnode states = kw_json_get(a, "states");
    enum kw_status st = KW_OK;
    w->n_states = kw_json_len(states);
    if (!kw_json_is_array(states) || w->n_states < 2 || w->n_states > KW_WORKLOAD_STATES)
        return kw_json_fail(states, KW_EPARSE, err, "mmpp wants a list of 2 to %d states", KW_WORKLOAD_STATES);
    double top = 0;
    for (int i = 0; i < w->n_states; i++) {
        struct kw_jnode s = kw_json_at(states, i), next = kw_json_get(s, "next");
        if ((st = kw_json_keys(s, keys, err)) != KW_OK) return st;
        if ((st = kw_json_f64(kw_json_get(s, "rate_per_s"), 0, MAX_RATE, &w->state_rate[i], err)) != KW_OK) return st;
        if ((st = kw_json_f64(kw_json_get(s, "dwell_s"), 1e-3, 1e9, &w->dwell_s[i], err)) != KW_OK) return st;
        if (w->state_rate[i] > top) top = w->state_rate[i];
        if (!kw_json_present(next)) {
            for (int j = 0; j < w->n_states; j++) w->next[i][j] = j == i ? 0 : 1.0 / (w->n_states - 1);
            continue;
        }
        if (!kw_json_is_array(next) || kw_json_len(next) != w->n_states)
            return kw_json_fail(next, KW_EPARSE, err, "want %d probabilities, one a state", w->n_states);
        for (int j = 0; j < w->n_states; j++) {
            st = kw_json_f64(kw_json_at(next, j), 0, j == i ? 0 : 1, &w->next[i][j], err);
            if (st != KW_OK) return st;
        }
        if (!normalise(w->next[i], w->n_states))
            return kw_json_fail(next, KW_ERANGE, err, "probabilities do not sum to 1");
    }
    if (top <= 0) return kw_json_fail(states, KW_ERANGE, err, "every state has rate 0");
    return KW_OK;
}

static enum kw_status read_arrivals(struct kw_workload *w, struct kw_jnode a, struct kw_error *err)
{
    static const char *const keys[3][5] = { { "law", "rate_per_s", "tick_s", NULL },
                                            { "law", "rate_per_s", "cv", "tick_s", NULL },
                                            { "law", "states", "cv", "tick_s", NULL } };
    int law = 0;
    enum kw_status st;
    if (!kw_json_is_object(a)) return kw_json_fail(a, KW_EPARSE, err, "want an object \"arrivals\"");
    if ((st = kw_json_enum(kw_json_get(a, "law"), law_name, &law, err)) != KW_OK) return st;
    if ((st = kw_json_keys(a, keys[law], err)) != KW_OK) return st;
    if ((st = kw_json_nano_or(kw_json_get(a, "tick_s"), 0, 0, KW_NS_PER_HOUR, &w->tick, err)) != KW_OK) return st;
    w->law = (enum kw_arrivals)law;
    w->cv = 1;
    if (w->law == KW_ARRIVALS_MMPP) {
        st = kw_json_f64_or(kw_json_get(a, "cv"), 1, 0.01, 100, &w->cv, err);
        return st == KW_OK ? read_states(w, a, err) : st;
    }
    if ((st = kw_json_f64(kw_json_get(a, "rate_per_s"), 1e-9, MAX_RATE, &w->rate, err)) != KW_OK) return st;
    return w->law == KW_ARRIVALS_GAMMA ? kw_json_f64(kw_json_get(a, "cv"), 0.01, 100, &w->cv, err) : KW_OK;
}

static enum kw_status read_profile(struct kw_workload *w, struct kw_jnode p, struct kw_error *err)
{
    static const char *const keys[] = { "start_hour", "growth_per_week", "hour_of_week", NULL };
    int64_t start = 0;
    enum kw_status st;
    if (!kw_json_present(p)) return KW_OK;
    if ((st = kw_json_keys(p, keys, err)) != KW_OK) return st;
    if ((st = kw_json_i64_or(kw_json_get(p, "start_hour"), 0, 0, 167, &start, err)) != KW_OK) return st;
    if ((st = kw_json_f64_or(kw_json_get(p, "growth_per_week"), 0, -0.9, 10, &w->growth, err)) != KW_OK) return st;
    struct kw_jnode h = kw_json_get(p, "hour_of_week");
    if (!kw_json_is_array(h) || kw_json_len(h) != 168)
        return kw_json_fail(h, KW_EPARSE, err, "want 168 numbers: Monday 00:00 to Sunday 23:00");
    double sum = 0;
    for (int i = 0; i < 168; i++) {
        if ((st = kw_json_f64(kw_json_at(h, i), 0, 168, &w->profile[i], err)) != KW_OK) return st;
        sum += w->profile[i];
    }
    if (!(fabs(sum / 168 - 1) < 1e-2)) return kw_json_fail(h, KW_ERANGE, err, "mean is %.4g, want 1", sum / 168);
    for (int i = 0; i < 168; i++) w->profile[i] *= 168 / sum;
    w->start_hour = (int)start;
    w->has_profile = true;
    return KW_OK;
}

static enum kw_status read_table(struct kw_jnode list, int n, double lo, double hi, double *out, struct kw_error *err)
{
    if (!kw_json_is_array(list) || kw_json_len(list) != n)
        return kw_json_fail(list, KW_EPARSE, err, "want %d numbers, as many as in \"p\"", n);
    for (int i = 0; i < n; i++) {
        enum kw_status st = kw_json_f64(kw_json_at(list, i), lo, hi, &out[i], err);
        if (st != KW_OK) return st;
        if (i && out[i] < out[i - 1])
            return kw_json_fail(kw_json_at(list, i), KW_ERANGE, err, "quantiles must not fall");
    }
    return KW_OK;
}

static enum kw_status read_tokens(struct kw_workload *w, struct kw_jnode t, struct kw_error *err)
{
    static const char *const keys[] = { "p", "prompt", "output", "rank_correlation", NULL };
    enum kw_status st;
    if (!kw_json_is_object(t)) return kw_json_fail(t, KW_EPARSE, err, "want an object \"tokens\"");
    if ((st = kw_json_keys(t, keys, err)) != KW_OK) return st;
    struct kw_jnode p = kw_json_get(t, "p");
    w->n_q = kw_json_len(p);
    if (!kw_json_is_array(p) || w->n_q < 2 || w->n_q > KW_WORKLOAD_QUANTILES)
        return kw_json_fail(p, KW_EPARSE, err, "want 2 to %d probabilities", KW_WORKLOAD_QUANTILES);
    if ((st = read_table(p, w->n_q, 0, 1, w->q_p, err)) != KW_OK) return st;
    if (w->q_p[0] != 0 || w->q_p[w->n_q - 1] != 1) return kw_json_fail(p, KW_ERANGE, err, "want 0 first and 1 last");
    for (int i = 1; i < w->n_q; i++)
        if (w->q_p[i] <= w->q_p[i - 1]) return kw_json_fail(p, KW_ERANGE, err, "probabilities must rise");
    if ((st = read_table(kw_json_get(t, "prompt"), w->n_q, 1, KW_TRACE_MAX_TOKENS, w->q_prompt, err)) != KW_OK)
        return st;
    if ((st = read_table(kw_json_get(t, "output"), w->n_q, 1, KW_TRACE_MAX_TOKENS, w->q_output, err)) != KW_OK)
        return st;
    return kw_json_f64_or(kw_json_get(t, "rank_correlation"), 0, -1, 1, &w->rank_correlation, err);
}

static enum kw_status read_classes(struct kw_workload *w, struct kw_jnode list, struct kw_error *err)
{
    static const char *const keys[] = { "name", "share", NULL };
    enum kw_status st;
    if (!kw_json_present(list)) return KW_OK;
    w->n_classes = kw_json_len(list);
    if (!kw_json_is_array(list) || w->n_classes > KW_WORKLOAD_CLASSES)
        return kw_json_fail(list, KW_EPARSE, err, "want a list of at most %d classes", KW_WORKLOAD_CLASSES);
    for (int i = 0; i < w->n_classes; i++) {
        struct kw_jnode c = kw_json_at(list, i);
        const char *name;
        if ((st = kw_json_keys(c, keys, err)) != KW_OK) return st;
        if ((st = kw_json_str(kw_json_get(c, "name"), &name, err)) != KW_OK) return st;
        if (strlen(name) >= sizeof w->class_name[i])
            return kw_json_fail(kw_json_get(c, "name"), KW_ERANGE, err, "is longer than 47 bytes");
        strcpy(w->class_name[i], name);
        if ((st = kw_json_f64(kw_json_get(c, "share"), 0, 1, &w->class_share[i], err)) != KW_OK) return st;
    }
    if (w->n_classes && !normalise(w->class_share, w->n_classes))
        return kw_json_fail(list, KW_ERANGE, err, "shares do not sum to 1");
    return KW_OK;
}

static enum kw_status read_law(struct kw_jnode n, struct kw_law *law, struct kw_error *err)
{
    static const char *const keys[] = { "constant", "lognormal", "quantiles", NULL };
    if (!kw_json_is_object(n))
        return kw_json_fail(n, KW_EPARSE, err,
                            "want {\"constant\": ...}, {\"lognormal\": ...} or {\"quantiles\": ...}");
    enum kw_status st = kw_json_keys(n, keys, err);
    return st == KW_OK ? kw_law_read_form(n, law, err) : st;
}

static enum kw_status read_sessions(struct kw_workload *w, struct kw_jnode s, struct kw_error *err)
{
    static const char *const keys[] = { "turns", "think_s", "shared_tokens", "most_tokens", NULL };
    int64_t shared = 0, most = 0;
    enum kw_status st;
    if (!kw_json_present(s)) return KW_OK;
    if ((st = kw_json_keys(s, keys, err)) != KW_OK ||
        (st = read_law(kw_json_get(s, "turns"), &w->turns, err)) != KW_OK ||
        (st = read_law(kw_json_get(s, "think_s"), &w->think_s, err)) != KW_OK ||
        (st = kw_json_i64_or(kw_json_get(s, "shared_tokens"), 0, 0, KW_TRACE_MAX_TOKENS, &shared, err)) != KW_OK ||
        (st = kw_json_i64_or(kw_json_get(s, "most_tokens"), 0, 2, KW_TRACE_MAX_TOKENS, &most, err)) != KW_OK)
        return st;
    if (kw_law_quantile(&w->turns, 1 - 1e-9) > KW_WORKLOAD_TURNS)
        return kw_json_fail(kw_json_get(s, "turns"), KW_ERANGE, err, "more than %d turns", KW_WORKLOAD_TURNS);
    w->shared_tokens = (uint32_t)shared;
    w->most_tokens = (uint32_t)most;
    w->has_sessions = true;
    return KW_OK;
}

static enum kw_status text_into(char *buf, size_t size, struct kw_jnode n, struct kw_error *err)
{
    const char *s;
    enum kw_status st = kw_json_str_or(n, "", &s, err);
    if (st != KW_OK) return st;
    if (strlen(s) >= size) return kw_json_fail(n, KW_ERANGE, err, "is longer than %zu bytes", size - 1);
    strcpy(buf, s);
    return KW_OK;
}

static enum kw_status read_origin(struct kw_workload_origin *o, struct kw_jnode p, struct kw_error *err)
{
    static const char *const keys[] = {
        "source", "licence", "span", "date", "command", "parameters", "fit_error", NULL
    };
    static const char *const fit_keys[] = { "rate",      "cv",        "peak_minute",      "peak_hour",
                                            "ks_prompt", "ks_output", "rank_correlation", NULL };
    double *const fit[] = { &o->fit.rate,      &o->fit.cv,        &o->fit.peak_minute,     &o->fit.peak_hour,
                            &o->fit.ks_prompt, &o->fit.ks_output, &o->fit.rank_correlation };
    enum kw_status st;
    for (int i = 0; i < 7; i++) *fit[i] = NAN;
    if (!kw_json_present(p)) return KW_OK;
    if ((st = kw_json_keys(p, keys, err)) != KW_OK ||
        (st = text_into(o->source, sizeof o->source, kw_json_get(p, "source"), err)) != KW_OK ||
        (st = text_into(o->licence, sizeof o->licence, kw_json_get(p, "licence"), err)) != KW_OK ||
        (st = text_into(o->span, sizeof o->span, kw_json_get(p, "span"), err)) != KW_OK ||
        (st = text_into(o->date, sizeof o->date, kw_json_get(p, "date"), err)) != KW_OK ||
        (st = text_into(o->command, sizeof o->command, kw_json_get(p, "command"), err)) != KW_OK)
        return st;
    struct kw_jnode q = kw_json_get(p, "parameters"), f = kw_json_get(p, "fit_error");
    if (kw_json_present(q) && (!kw_json_is_object(q) || kw_json_len(q) > KW_WORKLOAD_SOURCES))
        return kw_json_fail(q, KW_EPARSE, err, "want an object of at most %d texts", KW_WORKLOAD_SOURCES);
    o->n_parameters = kw_json_len(q);
    for (int i = 0; i < o->n_parameters; i++) {
        const char *key;
        struct kw_jnode v = kw_json_member(q, i, &key);
        if (strlen(key) >= sizeof o->parameter[i].what)
            return kw_json_fail(v, KW_ERANGE, err, "its key is longer than %zu bytes", sizeof o->parameter[i].what - 1);
        strcpy(o->parameter[i].what, key);
        if ((st = text_into(o->parameter[i].from, sizeof o->parameter[i].from, v, err)) != KW_OK) return st;
    }
    if (!kw_json_present(f)) return KW_OK;
    if ((st = kw_json_keys(f, fit_keys, err)) != KW_OK) return st;
    for (int i = 0; i < 7; i++)
        if ((st = kw_json_f64_or(kw_json_get(f, fit_keys[i]), NAN, -1e9, 1e9, fit[i], err)) != KW_OK) return st;
    return KW_OK;
}

static enum kw_status read_all(struct kw_workload *w, struct kw_jnode root, struct kw_error *err)
{
    static const char *const keys[] = { "keepwarm_workload", "name",    "description", "duration_s", "seed",
                                        "arrivals",          "profile", "tokens",      "sessions",   "classes",
                                        "provenance",        NULL };
    int64_t version, seed;
    enum kw_status st;
    if ((st = kw_json_keys(root, keys, err)) != KW_OK ||
        (st = kw_json_i64(kw_json_get(root, "keepwarm_workload"), 1, 1, &version, err)) != KW_OK ||
        (st = text_into(w->name, sizeof w->name, kw_json_get(root, "name"), err)) != KW_OK ||
        (st = text_into(w->description, sizeof w->description, kw_json_get(root, "description"), err)) != KW_OK ||
        (st = kw_json_nano(kw_json_get(root, "duration_s"), KW_NS_PER_S, INT64_C(36525) * 24 * KW_NS_PER_HOUR,
                           &w->duration, err)) != KW_OK ||
        (st = kw_json_i64_or(kw_json_get(root, "seed"), 1, 0, INT64_C(1) << 53, &seed, err)) != KW_OK ||
        (st = read_arrivals(w, kw_json_get(root, "arrivals"), err)) != KW_OK ||
        (st = read_profile(w, kw_json_get(root, "profile"), err)) != KW_OK ||
        (st = read_tokens(w, kw_json_get(root, "tokens"), err)) != KW_OK ||
        (st = read_sessions(w, kw_json_get(root, "sessions"), err)) != KW_OK ||
        (st = read_classes(w, kw_json_get(root, "classes"), err)) != KW_OK ||
        (st = read_origin(&w->origin, kw_json_get(root, "provenance"), err)) != KW_OK)
        return st;
    w->seed = (uint64_t)seed;
    if (w->law == KW_ARRIVALS_MMPP) { /* drawing one walks through every change of state */
        double pi[KW_WORKLOAD_STATES], changes = 0;
        kw_workload_stationary(w, pi);
        for (int i = 0; i < w->n_states; i++) changes += (double)w->duration / 1e9 * pi[i] / w->dwell_s[i];
        if (!(changes <= MAX_CHANGES))
            return kw_json_fail(
                kw_json_get(kw_json_get(root, "arrivals"), "states"), KW_ERANGE, err,
                "the state would change about %.3g times in duration_s (limit %.0g): dwells are too short", changes,
                MAX_CHANGES);
    }
    double requests;
    kw_workload_rate(w, &requests);
    if (!(requests <= 0.9 * KW_TRACE_MAX_ROWS))
        return kw_json_fail(kw_json_get(root, "arrivals"), KW_ERANGE, err, "about %.3g requests are more than %u",
                            requests, KW_TRACE_MAX_ROWS);
    return KW_OK;
}

enum kw_status kw_workload_parse(struct kw_workload *w, const char *name, const char *text, size_t n,
                                 struct kw_error *err)
{
    struct kw_json doc;
    memset(w, 0, sizeof *w);
    enum kw_status st = kw_json_parse(&doc, name, text, n, err);
    if (st != KW_OK) return st;
    st = read_all(w, kw_json_root(&doc), err);
    kw_json_free(&doc);
    return st;
}

enum kw_status kw_workload_load(struct kw_workload *w, const char *path, struct kw_error *err)
{
    struct kw_source s;
    char *text;
    size_t n;
    memset(w, 0, sizeof *w);
    enum kw_status st = kw_source_open(&s, path, err);
    if (st != KW_OK) return st;
    st = kw_source_all(&s, KW_WORKLOAD_MAX_BYTES, &text, &n, err);
    if (st == KW_OK) {
        st = kw_workload_parse(w, s.name, text, n, err);
        free(text);
    } else {
        kw_where(err, s.name, 0);
    }
    kw_source_close(&s);
    return st;
}

/* Stationary probabilities of the MMPP's states: of the jump chain by power iteration (damped, so that a chain that
 * only alternates settles too), times the mean dwell. */
void kw_workload_stationary(const struct kw_workload *w, double *pi)
{
    int k = w->n_states;
    double v[KW_WORKLOAD_STATES], u[KW_WORKLOAD_STATES], sum = 0;
    for (int i = 0; i < k; i++) v[i] = 1.0 / k;
    for (int step = 0; step < 2000; step++) {
        for (int j = 0; j < k; j++) {
            u[j] = v[j];
            for (int i = 0; i < k; i++) u[j] += v[i] * w->next[i][j];
        }
        for (int j = 0; j < k; j++) v[j] = u[j] / 2;
    }
    for (int i = 0; i < k; i++) sum += v[i] * w->dwell_s[i];
    for (int i = 0; i < k; i++) pi[i] = v[i] * w->dwell_s[i] / sum;
}

double kw_workload_rate(const struct kw_workload *w, double *requests)
{
    double seconds = (double)w->duration / 1e9, rate = w->rate, pi[KW_WORKLOAD_STATES];
    if (w->law == KW_ARRIVALS_MMPP) {
        kw_workload_stationary(w, pi);
        rate = 0;
        for (int i = 0; i < w->n_states; i++) rate += pi[i] * w->state_rate[i];
    }
    double area = seconds;
    if (w->has_profile) {
        area = 0;
        for (long h = 0; (double)h * 3600 < seconds; h++) {
            double part = seconds - (double)h * 3600;
            area += kw_workload_factor(w, h) * (part < 3600 ? part : 3600);
        }
    }
    if (requests) *requests = rate * area;
    return rate * area / seconds;
}

double kw_workload_factor(const struct kw_workload *w, long hour)
{
    if (!w->has_profile) return 1;
    double m = w->profile[(w->start_hour + hour) % 168];
    return w->growth == 0 ? m : m * pow(1 + w->growth, ((double)hour + 0.5) / 168);
}

/* A list of numbers, `per` a line. */
static void put_list(struct kw_text *t, const char *indent, const double *x, int n, int digits, int per)
{
    kw_text_add(t, "[");
    for (int i = 0; i < n; i++) {
        if (i && i % per == 0)
            kw_text_add(t, ",\n%s ", indent);
        else if (i)
            kw_text_add(t, ", ");
        kw_text_add(t, "%.*g", digits, x[i]);
    }
    kw_text_add(t, "]");
}

static void put_arrivals(struct kw_text *t, const struct kw_workload *w)
{
    char ns[32];
    kw_text_add(t, "  \"arrivals\": { \"law\": \"%s\"", law_name[w->law]);
    if (w->law != KW_ARRIVALS_MMPP) kw_text_add(t, ", \"rate_per_s\": %.9g", w->rate);
    if (w->law == KW_ARRIVALS_GAMMA || (w->law == KW_ARRIVALS_MMPP && w->cv != 1))
        kw_text_add(t, ", \"cv\": %.9g", w->cv);
    if (w->tick) kw_text_add(t, ", \"tick_s\": \"%s\"", kw_nano_format(ns, sizeof ns, w->tick));
    if (w->law == KW_ARRIVALS_MMPP) {
        kw_text_add(t, ",\n    \"states\": [");
        for (int i = 0; i < w->n_states; i++) {
            kw_text_add(t, "%s\n      { \"rate_per_s\": %.9g, \"dwell_s\": %.9g, \"next\": ", i ? "," : "",
                        w->state_rate[i], w->dwell_s[i]);
            put_list(t, "", w->next[i], w->n_states, 9, KW_WORKLOAD_STATES);
            kw_text_add(t, " }");
        }
        kw_text_add(t, "\n    ]");
    }
    kw_text_add(t, " },\n");
}

static void put_origin(struct kw_text *t, const struct kw_workload_origin *o)
{
    const double fit[] = { o->fit.rate,      o->fit.cv,        o->fit.peak_minute,     o->fit.peak_hour,
                           o->fit.ks_prompt, o->fit.ks_output, o->fit.rank_correlation };
    static const char *const key[] = { "rate",      "cv",        "peak_minute",     "peak_hour",
                                       "ks_prompt", "ks_output", "rank_correlation" };
    const char *const text[] = { o->source, o->licence, o->span, o->date, o->command };
    static const char *const text_key[] = { "source", "licence", "span", "date", "command" };
    const char *comma = "";
    kw_text_add(t, "  \"provenance\": {");
    for (int i = 0; i < 5; i++) {
        if (!*text[i]) continue;
        kw_text_add(t, "%s\n    \"%s\": ", comma, text_key[i]);
        kw_text_quote(t, text[i]);
        comma = ",";
    }
    if (o->n_parameters) {
        kw_text_add(t, "%s\n    \"parameters\": {", comma);
        for (int i = 0; i < o->n_parameters; i++) {
            kw_text_add(t, "%s\n      ", i ? "," : "");
            kw_text_quote(t, o->parameter[i].what);
            kw_text_add(t, ": ");
            kw_text_quote(t, o->parameter[i].from);
        }
        kw_text_add(t, "\n    }");
        comma = ",";
    }
    bool any = false;
    for (int i = 0; i < 7; i++) {
        if (!isfinite(fit[i])) continue;
        kw_text_add(t, any ? ", " : "%s\n    \"fit_error\": { ", comma);
        kw_text_add(t, "\"%s\": %.4g", key[i], fit[i]);
        any = true;
    }
    kw_text_add(t, any ? " }\n  }\n" : "\n  }\n");
}

char *kw_workload_text(const struct kw_workload *w)
{
    struct kw_text t = { 0 };
    char ns[32];
    kw_text_add(&t, "{\n  \"keepwarm_workload\": 1,\n  \"name\": ");
    kw_text_quote(&t, w->name);
    kw_text_add(&t, ",\n  \"description\": ");
    kw_text_quote(&t, w->description);
    kw_text_add(&t, ",\n  \"duration_s\": \"%s\",\n  \"seed\": %" PRIu64 ",\n",
                kw_nano_format(ns, sizeof ns, w->duration), w->seed);
    put_arrivals(&t, w);
    if (w->has_profile) {
        kw_text_add(&t, "  \"profile\": { \"start_hour\": %d, \"growth_per_week\": %.9g,\n    \"hour_of_week\": ",
                    w->start_hour, w->growth);
        put_list(&t, "    ", w->profile, 168, 5, 12);
        kw_text_add(&t, " },\n");
    }
    kw_text_add(&t, "  \"tokens\": {\n    \"p\": ");
    put_list(&t, "    ", w->q_p, w->n_q, 6, 14);
    kw_text_add(&t, ",\n    \"prompt\": ");
    put_list(&t, "    ", w->q_prompt, w->n_q, 9, 14);
    kw_text_add(&t, ",\n    \"output\": ");
    put_list(&t, "    ", w->q_output, w->n_q, 9, 14);
    kw_text_add(&t, ",\n    \"rank_correlation\": %.6g },\n", w->rank_correlation);
    if (w->has_sessions) {
        kw_text_add(&t, "  \"sessions\": { \"turns\": { ");
        kw_law_write(&t, &w->turns);
        kw_text_add(&t, " }, \"think_s\": { ");
        kw_law_write(&t, &w->think_s);
        kw_text_add(&t, " }");
        if (w->shared_tokens) kw_text_add(&t, ", \"shared_tokens\": %" PRIu32, w->shared_tokens);
        if (w->most_tokens) kw_text_add(&t, ", \"most_tokens\": %" PRIu32, w->most_tokens);
        kw_text_add(&t, " },\n");
    }
    if (w->n_classes) {
        kw_text_add(&t, "  \"classes\": [");
        for (int i = 0; i < w->n_classes; i++) {
            kw_text_add(&t, "%s\n    { \"name\": ", i ? "," : "");
            kw_text_quote(&t, w->class_name[i]);
            kw_text_add(&t, ", \"share\": %.9g }", w->class_share[i]);
        }
        kw_text_add(&t, "\n  ],\n");
    }
    put_origin(&t, &w->origin);
    kw_text_add(&t, "}\n");
    if (t.failed) kw_text_free(&t);
    return t.s;
}

enum kw_status kw_workload_save(const struct kw_workload *w, const char *path, struct kw_error *err)
{
    char *text = kw_workload_text(w);
    if (!text) return kw_fail(err, KW_ENOMEM, "%.300s: out of memory", path);
    enum kw_status st = kw_file_replace(path, text, strlen(text), err);
    free(text);
    return st;
}
