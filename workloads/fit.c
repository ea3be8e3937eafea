/* Fits a workload model to a trace. What is matched, in this order: the mean rate exactly, the weekly profile, the
 * burstiness left over, the token lengths. */
#include "workloads/fit.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/ascending.h"
#include "workloads/hmm.h"
#include "workloads/sessions.h"
#include "workloads/stats.h"
#include "workloads/synth.h"

enum { MIN_REQUESTS = 20, TRIALS = 9, MAX_BINS = 100000, TABLE = 112 };
static const double DAY_S = 86400;

/* What a drawn trace is judged by. */
struct shape {
    double cv, peak_minute, peak_hour, rank_correlation;
};

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, kw_ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Medians over several draws: a heavy-tailed statistic of one draw says little. */
static enum kw_status drawn_shape(const struct kw_workload *w, uint64_t seed, int trials, struct shape *out,
                                  struct kw_error *err)
{
    double x[4][TRIALS];
    int n = 0;
    for (int i = 0; i < trials; i++) {
        struct kw_trace t;
        struct kw_trace_stats s;
        enum kw_status st = kw_synth(&t, w, seed + (uint64_t)i, err);
        if (st == KW_ERANGE) continue; /* a draw without requests */
        if (st != KW_OK) return st;
        st = kw_trace_stats(&s, &t, err);
        kw_trace_free(&t);
        if (st != KW_OK) return st;
        x[0][n] = isnan(s.cv) ? 0 : s.cv;
        x[1][n] = s.peak_minute;
        x[2][n] = s.peak_hour;
        x[3][n++] = isnan(s.rank_correlation) ? 0 : s.rank_correlation;
        kw_trace_stats_free(&s);
    }
    *out = (struct shape){ 0 };
    if (n) *out = (struct shape){ median(x[0], n), median(x[1], n), median(x[2], n), median(x[3], n) };
    return KW_OK;
}

/* Ratios, so that a CV of 2 for 1 is as wrong as 1 for 2. */
static double distance(const struct shape *a, const struct shape *b)
{
    if (a->cv <= 0 || a->peak_minute <= 0) return 1e9;
    return fabs(log(a->cv / b->cv)) + fabs(log(a->peak_minute / b->peak_minute)) +
           fabs(log(a->peak_hour / b->peak_hour));
}

/* --- the weekly profile --- */

/* observed[i] against expected[i] (product of rate, exposure and prior factor), both in requests: the factor by which
 * cell i differs, shrunk to 1. The variance of the true factors is what is left of the observed one after phi *
 * expected, phi being the index of dispersion of counts (1 for Poisson): the moment estimator of empirical Bayes,
 * Robbins 1956. */
static void shrink(const double *observed, const double *expected, int n, double phi, double *factor)
{
    double excess = 0, weight = 0;
    for (int i = 0; i < n; i++) {
        double d = observed[i] - expected[i];
        excess += d * d - phi * expected[i];
        weight += expected[i] * expected[i];
    }
    double var = weight > 0 && excess > 0 ? excess / weight : 0;
    for (int i = 0; i < n; i++) {
        factor[i] = 1;
        if (expected[i] > 0 && var > 0) factor[i] += var / (var + phi / expected[i]) * (observed[i] / expected[i] - 1);
        if (factor[i] < 0) factor[i] = 0;
    }
}

/* Index of dispersion of ten-minute counts within their hour, at least 1. */
static double dispersion(const struct kw_trace *t)
{
    const kw_ns ten = 600 * KW_NS_PER_S;
    double square = 0, mean = 0;
    for (size_t i = 0; i < t->n;) {
        double c[6] = { 0 }, sum = 0;
        kw_ns hour = t->arrival[i] / KW_NS_PER_HOUR;
        for (; i < t->n && t->arrival[i] / KW_NS_PER_HOUR == hour; i++) c[t->arrival[i] / ten % 6]++, sum++;
        for (int k = 0; k < 6; k++) square += (c[k] - sum / 6) * (c[k] - sum / 6);
        mean += sum / 6 * 5; /* five degrees of freedom an hour */
    }
    double phi = mean > 0 ? square / mean : 1;
    return phi > 1 ? phi : 1;
}

/* Hour of day, then day of week, then the single hours, each on what those before it leave: a short trace fills the
 * coarse factors well and the fine ones shrink to 1 where they were hardly seen. */
static void fit_profile(struct kw_workload *w, const struct kw_trace *t)
{
    double seconds = (double)t->span / 1e9, per_hour = (double)t->n / (seconds / 3600), phi = dispersion(t);
    double seen[168] = { 0 }, hours[168] = { 0 }, day[7], hour[24], cell[168];
    for (size_t i = 0; i < t->n; i++) seen[(w->start_hour + t->arrival[i] / KW_NS_PER_HOUR) % 168]++;
    for (long h = 0; (double)h * 3600 < seconds; h++) {
        double part = seconds / 3600 - (double)h;
        hours[(w->start_hour + h) % 168] += part < 1 ? part : 1;
    }
    double o[168] = { 0 }, e[168] = { 0 };
    for (int i = 0; i < 168; i++) o[i % 24] += seen[i], e[i % 24] += hours[i] * per_hour;
    shrink(o, e, 24, phi, hour);
    memset(o, 0, sizeof o);
    memset(e, 0, sizeof e);
    for (int i = 0; i < 168; i++) o[i / 24] += seen[i], e[i / 24] += hours[i] * per_hour * hour[i % 24];
    shrink(o, e, 7, phi, day);
    for (int i = 0; i < 168; i++) e[i] = hours[i] * per_hour * hour[i % 24] * day[i / 24];
    shrink(seen, e, 168, phi, cell);
    double sum = 0;
    for (int i = 0; i < 168; i++) sum += w->profile[i] = hour[i % 24] * day[i / 24] * cell[i];
    for (int i = 0; i < 168; i++) w->profile[i] *= 168 / sum;
    w->has_profile = true;
}

/* --- arrivals --- */

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static int by_ns(const void *a, const void *b)
{
    kw_ns x = *(const kw_ns *)a, y = *(const kw_ns *)b;
    return (x > y) - (x < y);
}

/* The grid that arrivals were stamped on, if they share stamps: their greatest common divisor, or the typical distance
 * of different stamps when nearly all distances are a multiple of it within 1 % (Mooncake: 3 s, some stamps 1 ms off).
 */
static enum kw_status fit_tick(struct kw_workload *w, const struct kw_trace *t, struct kw_error *err)
{
    if (t->notes.equal_times < t->n / 20) return KW_OK;
    kw_ns *gap = malloc(t->n * sizeof *gap), all = 0;
    size_t n = 0, on_grid = 0;
    if (!gap) return kw_fail(err, KW_ENOMEM, "out of memory for gaps");
    for (size_t i = 1; i < t->n; i++) {
        kw_ns g = t->arrival[i] - t->arrival[i - 1];
        if (g == 0) continue;
        gap[n++] = g;
        all = gcd(all, g);
    }
    if (n) {
        qsort(gap, n, sizeof *gap, by_ns);
        kw_ns typical = gap[n / 2];
        for (size_t i = 0; i < n; i++) {
            double times = (double)gap[i] / (double)typical;
            on_grid += times > 0.5 && fabs(times - floor(times + 0.5)) < 0.01;
        }
        if (all >= 10 * KW_NS_PER_MS)
            w->tick = all;
        else if (typical >= 10 * KW_NS_PER_MS && (double)on_grid > 0.95 * (double)n)
            w->tick = (typical + KW_NS_PER_MS / 2) / KW_NS_PER_MS * KW_NS_PER_MS;
        if (w->tick > KW_NS_PER_HOUR) w->tick = 0;
    }
    free(gap);
    return KW_OK;
}

/* CV of the gaps in operational time: what is left of burstiness once the profile is taken out. */
static double operational_cv(const struct kw_workload *w, const struct kw_trace *t)
{
    double sum = 0, square = 0, last = 0, area = 0;
    long hour = 0;
    double factor = kw_workload_factor(w, 0);
    for (size_t i = 0; i < t->n; i++) {
        double s = (double)t->arrival[i] / 1e9;
        for (; w->has_profile && s >= 3600.0 * (double)(hour + 1); factor = kw_workload_factor(w, hour))
            area += 3600 * factor, hour++;
        double x = area + (s - 3600.0 * (double)hour) * factor;
        if (i) sum += x - last, square += (x - last) * (x - last);
        last = x;
    }
    double n = (double)(t->n - 1), mean = sum / n;
    double cv = mean > 0 ? sqrt(fmax(0, square / n - mean * mean)) / mean : 1;
    return cv < 0.05 ? 0.05 : cv > 100 ? 100 : cv;
}

/* Scales a law's rates so that it is expected to bring the trace's number of requests. */
static void match_rate(struct kw_workload *w, size_t n)
{
    double requests;
    kw_workload_rate(w, &requests);
    double k = (double)n / requests;
    w->rate *= k;
    for (int i = 0; i < w->n_states; i++) w->state_rate[i] *= k;
}

/* The MMPP that a Poisson HMM of counts in bins of width_s suggests; *made false when the bins do not suit. */
static enum kw_status fit_mmpp(struct kw_workload *w, const struct kw_trace *t, double width_s, int k, bool *made,
                               struct kw_error *err)
{
    double seconds = (double)t->span / 1e9;
    size_t n = (size_t)(seconds / width_s);
    *made = false;
    if (n < 150 || n > MAX_BINS || n > 10 * t->n) return KW_OK; /* emptier bins say nothing the wider ones do not */
    uint32_t *count = calloc(n, sizeof *count);
    double *exposure = malloc(n * sizeof *exposure);
    struct kw_hmm h = { .k = k };
    enum kw_status st = count && exposure ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu bins", n);
    if (st == KW_OK) {
        for (size_t i = 0; i < t->n; i++) {
            size_t b = (size_t)((double)t->arrival[i] / 1e9 / width_s);
            if (b < n) count[b]++;
        }
        for (size_t b = 0; b < n; b++)
            exposure[b] = width_s * kw_workload_factor(w, (long)(((double)b + 0.5) * width_s / 3600));
        st = kw_hmm_fit(&h, count, exposure, n, 40, err);
    }
    free(count);
    free(exposure);
    if (st != KW_OK) return st;
    w->law = KW_ARRIVALS_MMPP;
    w->cv = 1;
    w->n_states = k;
    for (int i = 0; i < k; i++) {
        double leave = 1 - h.move[i][i];
        if (!(leave > 1e-7)) leave = 1e-7;
        w->state_rate[i] = h.rate[i] < 1e-9 ? 0 : h.rate[i];
        w->dwell_s[i] = fmin(width_s / leave, 1e9);
        double sum = 0;
        for (int j = 0; j < k; j++) sum += j == i ? 0 : h.move[i][j];
        for (int j = 0; j < k; j++) w->next[i][j] = j == i ? 0 : sum > 0 ? h.move[i][j] / sum : 1.0 / (k - 1);
    }
    *made = true;
    return KW_OK;
}

/* The MMPP with dwells times `slow` and rates to the power `contrast` (about their mean): one knob each for how long
 * bursts last and how much they stand out. */
static void tune(struct kw_workload *w, double slow, double contrast, size_t n)
{
    double pi[KW_WORKLOAD_STATES], mean = 0;
    kw_workload_stationary(w, pi);
    for (int i = 0; i < w->n_states; i++) mean += pi[i] * w->state_rate[i];
    for (int i = 0; i < w->n_states; i++) {
        w->dwell_s[i] *= slow;
        w->state_rate[i] = w->state_rate[i] > 0 ? mean * pow(w->state_rate[i] / mean, contrast) : 0;
    }
    match_rate(w, n);
}

struct search {
    const struct kw_trace *t;
    struct shape want;
    uint64_t seed;
    int trials;
    struct kw_workload best;
    double best_distance;
};

/* Keeps w when its draws come nearer than the best so far by more than the handicap of its parameters. */
static enum kw_status consider(struct search *s, struct kw_workload *w, struct kw_error *err)
{
    struct shape got;
    match_rate(w, s->t->n);
    struct kw_workload bare = *w; /* only arrivals are judged: constant lengths cost nothing */
    bare.n_q = 2;
    bare.q_p[1] = bare.q_prompt[0] = bare.q_prompt[1] = bare.q_output[0] = bare.q_output[1] = 1;
    bare.n_classes = 0;
    enum kw_status st = drawn_shape(&bare, s->seed, s->trials, &got, err);
    if (st != KW_OK) return st;
    double d = distance(&got, &s->want) + 0.02 * (w->law == KW_ARRIVALS_POISSON ? 0
                                                  : w->law == KW_ARRIVALS_GAMMA ? 1
                                                                                : w->n_states);
    if (d < s->best_distance) s->best_distance = d, s->best = *w;
    return KW_OK;
}

/* An MMPP's knobs in turn, each at the best of the others: dwells and contrast together, then the gaps' CV. */
static enum kw_status tune_best(struct search *s, struct kw_error *err)
{
    static const double slow[] = { 0.5, 0.71, 1, 1.41, 2 }, contrast[] = { 0.8, 0.9, 1, 1.1, 1.25 },
                        cv[] = { 0.6, 0.8, 1.25, 1.6 };
    enum kw_status st;
    struct kw_workload base = s->best, c;
    for (int i = 0; i < 25; i++) {
        c = base;
        tune(&c, slow[i / 5], contrast[i % 5], s->t->n);
        if ((st = consider(s, &c, err)) != KW_OK) return st;
    }
    base = s->best;
    for (int i = 0; i < 4; i++) {
        c = base;
        c.cv = fmax(1, base.cv * cv[i]);
        if ((st = consider(s, &c, err)) != KW_OK) return st;
    }
    return KW_OK;
}

static enum kw_status fit_law(struct kw_workload *w, struct search *s, struct kw_error *err)
{
    static const double width[] = { 1, 5, 20, 60, 300, 900 };
    enum kw_status st;
    struct kw_workload c = *w;
    s->best_distance = INFINITY;
    c.law = KW_ARRIVALS_POISSON;
    c.rate = c.cv = 1;
    if ((st = consider(s, &c, err)) != KW_OK) return st;
    c.law = KW_ARRIVALS_GAMMA;
    c.cv = operational_cv(w, s->t);
    double most = w->tick ? 1 : c.cv; /* on a grid the gaps say nothing about their law */
    if (!w->tick && (st = consider(s, &c, err)) != KW_OK) return st;
    for (size_t i = 0; i < sizeof width / sizeof *width; i++) {
        for (int k = 2; k <= 4; k++) {
            bool made;
            c = *w;
            if ((st = fit_mmpp(&c, s->t, width[i], k, &made, err)) != KW_OK) return st;
            for (double cv = 1; made && cv <= fmax(1, most); cv *= 2.5) {
                struct kw_workload one = c;
                one.cv = cv;
                if ((st = consider(s, &one, err)) != KW_OK) return st;
            }
        }
    }
    if (s->best.law == KW_ARRIVALS_MMPP && (st = tune_best(s, err)) != KW_OK) return st;
    *w = s->best;
    return KW_OK;
}

/* --- token lengths --- */

struct cdf { /* of a column of tokens: below[v] = share of values < v, v = 0..max + 1 */
    double *below;
    uint32_t min, max;
};

static enum kw_status cdf_of(struct cdf *c, const uint32_t *x, size_t n, struct kw_error *err)
{
    c->min = c->max = x[0];
    for (size_t i = 1; i < n; i++) {
        if (x[i] < c->min) c->min = x[i];
        if (x[i] > c->max) c->max = x[i];
    }
    if (!(c->below = calloc((size_t)c->max + 2, sizeof *c->below)))
        return kw_fail(err, KW_ENOMEM, "out of memory for token lengths");
    for (size_t i = 0; i < n; i++) c->below[x[i] + 1]++;
    double seen = 0;
    for (uint32_t v = 0; v <= c->max + 1; v++) {
        seen += c->below[v];
        c->below[v] = seen / (double)n;
    }
    return KW_OK;
}

/* The continuous quantile that, rounded to whole tokens, gives the data back: token v owns (v - 1/2, v + 1/2), spread
 * evenly over its share. Two decimals are kept, as the file shall be read by people. */
static double spread_quantile(const struct cdf *c, double p)
{
    uint32_t lo = c->min, hi = c->max;
    while (lo < hi) { /* the v with below[v] < p <= below[v + 1] */
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->below[mid + 1] >= p)
            hi = mid;
        else
            lo = mid + 1;
    }
    double share = c->below[lo + 1] - c->below[lo], x = lo - 0.5;
    if (share > 0) x += fmin(1, fmax(0, (p - c->below[lo]) / share)) * 0.998;
    x = floor(x * 100 + 0.5) / 100;
    return x < 1 ? 1 : x;
}

/* P(X < v) of the model's table: the p at which it crosses v - 1/2. */
static double table_below(const struct kw_workload *w, const double *q, double v)
{
    double x = v - 0.5;
    if (x <= q[0]) return 0;
    if (x > q[w->n_q - 1]) return 1;
    int lo = 0, hi = w->n_q - 1;
    while (hi - lo > 1) { /* q[lo] < x <= q[hi] */
        int mid = (lo + hi) / 2;
        if (q[mid] < x)
            lo = mid;
        else
            hi = mid;
    }
    return w->q_p[lo] + (w->q_p[hi] - w->q_p[lo]) * (x - q[lo]) / (q[hi] - q[lo]);
}

/* The Kolmogorov-Smirnov distance of the table from the data, exactly, and where it is. */
static double ks(const struct kw_workload *w, const double *q, const struct cdf *c, uint32_t *at)
{
    double worst = 0;
    *at = c->min;
    for (uint32_t v = c->min; v <= c->max + 1; v++) {
        double d = fabs(table_below(w, q, v) - c->below[v]);
        if (d > worst) worst = d, *at = v;
    }
    return worst;
}

static void put_knot(struct kw_workload *w, const struct cdf *c, double p)
{
    int i = 0;
    if (w->n_q == KW_WORKLOAD_QUANTILES || !(p > 0 && p < 1)) return;
    p = floor(p * 1e6 + 0.5) / 1e6;
    while (i < w->n_q && w->q_p[i] < p) i++;
    if (i == 0 || i == w->n_q || w->q_p[i] - p < 2e-6 || p - w->q_p[i - 1] < 2e-6) return;
    memmove(w->q_p + i + 1, w->q_p + i, (size_t)(w->n_q - i) * sizeof *w->q_p);
    memmove(w->q_prompt + i + 1, w->q_prompt + i, (size_t)(w->n_q - i) * sizeof *w->q_prompt);
    memmove(w->q_output + i + 1, w->q_output + i, (size_t)(w->n_q - i) * sizeof *w->q_output);
    w->q_p[i] = p;
    w->q_prompt[i] = spread_quantile(&c[0], p);
    w->q_output[i] = spread_quantile(&c[1], p);
    w->n_q++;
}

/* 49 standard probabilities, then knots where the table is worst until it is within 0.3 % everywhere. */
static void fit_table(struct kw_workload *w, const struct cdf *c)
{
    static const double tail[] = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075 };
    const double ends[2] = { 0, 1 };
    w->n_q = 2;
    for (int i = 0; i < 2; i++) {
        w->q_p[i] = ends[i];
        w->q_prompt[i] = spread_quantile(&c[0], ends[i]);
        w->q_output[i] = spread_quantile(&c[1], ends[i]);
    }
    for (int i = 0; i < 8; i++) put_knot(w, c, tail[i]), put_knot(w, c, 1 - tail[i]);
    for (int i = 4; i <= 36; i++) put_knot(w, c, i / 40.0);
    while (w->n_q < TABLE) {
        uint32_t vp, vo;
        int had = w->n_q;
        double dp = ks(w, w->q_prompt, &c[0], &vp), od = ks(w, w->q_output, &c[1], &vo);
        if (fmax(dp, od) < 0.003) break;
        const struct cdf *worse = dp >= od ? &c[0] : &c[1];
        uint32_t v = dp >= od ? vp : vo;
        put_knot(w, c, worse->below[v]);
        if (v > worse->min && w->n_q < TABLE) put_knot(w, c, worse->below[v - 1]);
        if (w->n_q == had) break; /* knots as dense as their digits allow */
    }
}

static enum kw_status fit_tokens(struct kw_workload *w, const struct kw_trace *t, struct kw_error *err)
{
    struct cdf c[2] = { { 0 }, { 0 } };
    enum kw_status st = cdf_of(&c[0], t->prompt, t->n, err);
    if (st == KW_OK) st = cdf_of(&c[1], t->output, t->n, err);
    if (st == KW_OK) {
        uint32_t at;
        fit_table(w, c);
        w->origin.fit.ks_prompt = ks(w, w->q_prompt, &c[0], &at);
        w->origin.fit.ks_output = ks(w, w->q_output, &c[1], &at);
    }
    free(c[0].below);
    free(c[1].below);
    return st;
}

/* --- the whole --- */

static void fit_classes(struct kw_workload *w, const struct kw_trace *t, const uint64_t *count)
{
    if (!count || t->n_classes > KW_WORKLOAD_CLASSES) return;
    for (size_t i = 0; i < t->n_classes; i++) {
        snprintf(w->class_name[i], sizeof w->class_name[i], "%s", t->class_name[i]);
        w->class_share[i] = (double)count[i] / (double)t->n;
    }
    w->n_classes = (int)t->n_classes;
}

static void describe(struct kw_workload *w, const struct kw_trace *t, const struct kw_fit_options *o)
{
    struct kw_workload_origin *g = &w->origin;
    snprintf(w->name, sizeof w->name, "%s", o->name ? o->name : "fitted");
    const char *slash = strrchr(t->notes.source, '/');
    snprintf(w->description, sizeof w->description, "Fitted to %.180s (%s).", slash ? slash + 1 : t->notes.source,
             t->notes.format);
    snprintf(g->source, sizeof g->source, "%s", o->source ? o->source : t->notes.source);
    snprintf(g->licence, sizeof g->licence, "%s", o->licence ? o->licence : "");
    snprintf(g->date, sizeof g->date, "%s", o->date ? o->date : "");
    snprintf(g->command, sizeof g->command, "%s", o->command ? o->command : "");
    snprintf(g->span, sizeof g->span, "%zu requests over %.3f s, sha256 %.16s", t->n, (double)t->span / 1e9,
             t->notes.sha256);
}

enum kw_status kw_workload_fit(struct kw_workload *w, const struct kw_trace *t, const struct kw_fit_options *o,
                               struct kw_error *err)
{
    struct kw_trace_stats s;
    struct shape got;
    memset(w, 0, sizeof *w);
    enum kw_status st = kw_sessions_refuse(t, "trace fit", err);
    if (st != KW_OK) return st;
    if (t->n < MIN_REQUESTS || t->span < KW_NS_PER_S)
        return kw_fail(err, KW_ERANGE, "%zu requests over %.3g s are too few to fit a workload (want %d over a second)",
                       t->n, (double)t->span / 1e9, MIN_REQUESTS);
    if (t->span > INT64_C(36525) * 24 * KW_NS_PER_HOUR)
        return kw_fail(err, KW_ERANGE, "the trace spans more than a century: is its unit of time right?");
    if ((st = kw_trace_stats(&s, t, err)) != KW_OK) return st;
    describe(w, t, o);
    w->duration = t->span;
    w->seed = o->seed;
    w->start_hour = o->start_hour >= 0 ? o->start_hour % 168 : 0;
    if (o->start_hour < 0 && t->epoch_unix != INT64_MIN)
        w->start_hour = (int)((t->epoch_unix / 3600 + 72) % 168); /* 1970-01-01 was a Thursday: 72 h after Monday */
    w->rank_correlation = isnan(s.rank_correlation) ? 0 : s.rank_correlation;
    fit_classes(w, t, s.class_count);
    struct search search = { .t = t,
                             .want = { s.cv, s.peak_minute, s.peak_hour, s.rank_correlation },
                             .seed = o->seed };
    kw_trace_stats_free(&s);
    search.trials = t->n > 200000 ? 1 : t->n > 20000 ? 5 : TRIALS;
    if ((double)t->span / 1e9 >= 2 * DAY_S)
        fit_profile(w, t);
    else
        w->start_hour = 0;
    if ((st = fit_tick(w, t, err)) != KW_OK || (st = fit_tokens(w, t, err)) != KW_OK ||
        (st = fit_law(w, &search, err)) != KW_OK || (st = drawn_shape(w, o->seed + 1000, TRIALS, &got, err)) != KW_OK)
        return st;
    double requests;
    kw_workload_rate(w, &requests);
    struct kw_fit_error *f = &w->origin.fit;
    f->rate = floor((requests / (double)t->n - 1) * 1e6 + 0.5) / 1e6; /* matched: below that is rounding */
    f->cv = got.cv / search.want.cv - 1;
    f->peak_minute = got.peak_minute / search.want.peak_minute - 1;
    f->peak_hour = got.peak_hour / search.want.peak_hour - 1;
    f->rank_correlation = got.rank_correlation - w->rank_correlation;
    return KW_OK;
}
