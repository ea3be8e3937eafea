#include "calibrate/api/fit_api.h"
#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/ascending.h"
#include "sim/core/rng.h"

enum { REPLICATES = 400, THINNED = 4000, HOURS = 24, HOUR_LEAST = 20 };

static const double law_p[] = { 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99 };

/* The requests a law is fitted to, in the order of their arrival. */
struct rows {
    size_t n;
    double *x, *y;   /* [n] thousands of prompt tokens (TTFT only), and what was observed: s, or tokens/s */
    uint32_t *of;    /* [n] index in the trace */
    uint32_t *block; /* [n] non-decreasing */
};

struct fit {
    const struct kw_trace *t;
    struct rows ttft, rate, e2e; /* e2e: those that are in both */
    uint32_t blocks;
    uint64_t seed;
};

static bool rows_init(struct rows *r, size_t n)
{
    r->x = malloc((n + 1) * sizeof *r->x);
    r->y = malloc((n + 1) * sizeof *r->y);
    r->of = malloc((n + 1) * sizeof *r->of);
    r->block = malloc((n + 1) * sizeof *r->block);
    return r->x && r->y && r->of && r->block;
}

static void rows_free(struct rows *r)
{
    free(r->x), free(r->y), free(r->of), free(r->block);
}

static void put(struct rows *r, size_t request, double x, double y)
{
    r->x[r->n] = x;
    r->y[r->n] = y;
    r->of[r->n++] = (uint32_t)request;
}

/* Sorts each request into what it tells, or counts why it does not. */
static void collect(struct kw_api_fit *f, struct fit *w)
{
    const struct kw_trace *t = w->t;
    for (size_t i = 0; i < t->n; i++) {
        kw_ns ttft = t->ttft ? t->ttft[i] : -1, e2e = t->e2e ? t->e2e[i] : -1;
        bool at_once = e2e == ttft && t->output[i] > 1, cached = t->cached && t->cached[i] > 0;
        if (ttft < 0)
            f->no_first++;
        else if (at_once)
            f->at_once++;
        if (ttft < 0 || at_once) continue;
        bool rated = e2e >= 0 && t->output[i] > 1;
        double s = (double)ttft / 1e9, x = t->prompt[i] / 1000.0;
        f->cached += cached;
        if (!cached) put(&w->ttft, i, x, s);
        if (t->output[i] < 2)
            f->one_token++;
        else if (e2e < 0)
            f->no_end++;
        if (rated) put(&w->rate, i, x, (t->output[i] - 1) / ((double)(e2e - ttft) / 1e9));
        if (rated && !cached) put(&w->e2e, i, x, (double)e2e / 1e9);
    }
    f->n = t->n;
    f->ttft_n = w->ttft.n;
    f->rate_n = w->rate.n;
}

/* ---- numbers ---- */

/* Type 7 of sorted v[n], n >= 1. */
static double quantile(const double *v, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t low = (size_t)at;
    return low + 1 < n ? v[low] + (at - (double)low) * (v[low + 1] - v[low]) : v[n - 1];
}

static double four_digits(double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", v);
    return strtod(text, NULL);
}

static struct kw_law law_of(const double *sorted, size_t n)
{
    struct kw_law l = { .kind = KW_LAW_QUANTILES, .n = sizeof law_p / sizeof *law_p };
    for (int i = 0; i < l.n; i++) {
        l.p[i] = law_p[i];
        l.v[i] = four_digits(quantile(sorted, n, law_p[i]));
    }
    l.provenance.grade = KW_GRADE_MEASURED;
    return l;
}

/* ---- the slope ---- */

struct lad { /* least absolute deviations over n points; spare[n] */
    size_t n;
    const double *x, *y;
    double *spare;
};

/* sum |y - a - s x| at the best a, which is the median of y - s x. Convex in s. */
static double deviations(const struct lad *w, double s)
{
    double sum = 0;
    for (size_t i = 0; i < w->n; i++) w->spare[i] = w->y[i] - s * w->x[i];
    double a = gsl_stats_median(w->spare, 1, w->n);
    for (size_t i = 0; i < w->n; i++) sum += fabs(w->spare[i] - a);
    return sum;
}

/* The s that minimises it, near `from`: a bracket that grows until the least lies within, then golden sections. */
static double slope_near(const struct lad *w, double from, double width, int sections)
{
    const double golden = 0.6180339887498949;
    double lo = from - width, hi = from + width, f_lo = deviations(w, lo), f_hi = deviations(w, hi),
           f = deviations(w, from);
    for (int i = 0; i < 200 && f_lo < f; i++) {
        hi = from, from = lo, f = f_lo, width *= 2;
        f_lo = deviations(w, lo = from - width);
    }
    for (int i = 0; i < 200 && f_hi < f; i++) {
        lo = from, from = hi, f = f_hi, width *= 2;
        f_hi = deviations(w, hi = from + width);
    }
    double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo), f_a = deviations(w, a), f_b = deviations(w, b);
    for (int i = 0; i < sections; i++) {
        if (f_a <= f_b) {
            hi = b, b = a, f_b = f_a;
            f_a = deviations(w, a = hi - golden * (hi - lo));
        } else {
            lo = a, a = b, f_a = f_b;
            f_b = deviations(w, b = lo + golden * (hi - lo));
        }
    }
    return (lo + hi) / 2;
}

/* A slope to begin with: through the medians of the shorter half of the prompts and of the longer (Brown & Mood, 1951).
 * NAN: all prompts are alike. */
static double slope_of_halves(const struct lad *w, double *width)
{
    double *v[2][2] = { { NULL } }, mid[2][2];
    size_t n[2] = { 0 };
    double *all = malloc(5 * w->n * sizeof *all);
    *width = 0;
    if (!all) return NAN;
    for (int k = 0; k < 4; k++) v[k / 2][k % 2] = all + (size_t)(k + 1) * w->n;
    memcpy(all, w->x, w->n * sizeof *all);
    double middle = gsl_stats_median(all, 1, w->n), most = 0;
    for (size_t i = 0; i < w->n; i++) most = fmax(most, w->x[i]);
    for (size_t i = 0; i < w->n; i++) {
        int k = middle < most ? w->x[i] > middle : w->x[i] >= middle;
        v[k][0][n[k]] = w->x[i];
        v[k][1][n[k]++] = w->y[i];
    }
    for (int k = 0; k < 4 && n[0] && n[1]; k++) mid[k / 2][k % 2] = gsl_stats_median(v[k / 2][k % 2], 1, n[k / 2]);
    free(all);
    if (!n[0] || !n[1]) return NAN;
    double slope = (mid[1][1] - mid[0][1]) / (mid[1][0] - mid[0][0]);
    *width = fmax(fabs(slope), 1e-9 * mid[1][1] / mid[1][0]) / 4;
    return slope;
}

/* ---- blocks and their bootstrap ---- */

/* Hours of the log where it has enough of them, else runs of the cube root of its requests. */
static void cut_blocks(struct fit *w)
{
    struct rows *const all[] = { &w->ttft, &w->rate, &w->e2e };
    const struct kw_trace *t = w->t;
    const struct rows *r = &w->ttft;
    size_t hours = 0;
    for (size_t i = 0; i < r->n; i++)
        hours += !i || t->arrival[r->of[i]] / KW_NS_PER_HOUR != t->arrival[r->of[i - 1]] / KW_NS_PER_HOUR;
    size_t run = (size_t)ceil(cbrt((double)t->n));
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < all[k]->n; i++) {
            uint32_t request = all[k]->of[i];
            size_t block = hours >= HOURS - 4 ? (size_t)(t->arrival[request] / KW_NS_PER_HOUR) : request / run;
            all[k]->block[i] = (uint32_t)block;
            if (block >= w->blocks) w->blocks = (uint32_t)block + 1;
        }
}

/* Every step-th row, so that at most THINNED are left. */
static enum kw_status thin(struct rows *out, const struct rows *in, struct kw_error *err)
{
    size_t step = in->n / THINNED + (in->n % THINNED != 0);
    *out = (struct rows){ 0 };
    if (!rows_init(out, in->n / (step ? step : 1) + 1)) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < in->n; i += step) {
        out->block[out->n] = in->block[i];
        put(out, in->of[i], in->x[i], in->y[i]);
    }
    return KW_OK;
}

enum figure { SLOPE, T_P50, T_P95, Y_P50, Y_P95, RATE_P50, RATE_P05, E2E_P50, E2E_P95, FIGURES };

struct drawing { /* one thread's rows of one replicate; `n` of each set */
    double *x, *y, *v, *e, *spare;
    size_t n, n_v, n_e;
};

/* The rows of the block into to[*n...], and their prompts into x unless it is NULL. first[b]: where block b begins. */
static void add_block(const struct rows *r, const uint32_t *first, uint32_t block, double *x, double *to, size_t *n)
{
    for (uint32_t i = first[block]; i < first[block + 1]; i++) {
        if (x) x[*n] = r->x[i];
        to[(*n)++] = r->y[i];
    }
}

/* Figures of the rows drawn; v is sorted. NAN: none was drawn. */
static void two(double *v, size_t n, double p, double q, double *at_p, double *at_q)
{
    *at_p = *at_q = NAN;
    if (!n) return;
    qsort(v, n, sizeof *v, kw_ascending);
    *at_p = quantile(v, n, p);
    *at_q = quantile(v, n, q);
}

static void figures(struct drawing *d, double slope, double width, double *out)
{
    struct lad lad = { d->n, d->x, d->y, d->spare };
    out[SLOPE] = d->n > 1 && isfinite(slope) ? slope_near(&lad, slope, width, 16) : NAN;
    double s = isfinite(out[SLOPE]) ? fmax(out[SLOPE], 0) : 0;
    for (size_t i = 0; i < d->n; i++) d->spare[i] = fmax(d->y[i] - s * d->x[i], 0);
    two(d->spare, d->n, 0.5, 0.95, &out[T_P50], &out[T_P95]);
    two(d->y, d->n, 0.5, 0.95, &out[Y_P50], &out[Y_P95]);
    two(d->v, d->n_v, 0.5, 0.05, &out[RATE_P50], &out[RATE_P05]);
    two(d->e, d->n_e, 0.5, 0.95, &out[E2E_P50], &out[E2E_P95]);
}

/* Where each block begins among the rows: [blocks + 1], owned by the caller; NULL: no memory. */
static uint32_t *starts(const struct rows *r, uint32_t blocks)
{
    uint32_t *first = malloc((blocks + 1) * sizeof *first), at = 0;
    for (uint32_t b = 0; first && b <= blocks; b++) {
        while (at < r->n && r->block[at] < b) at++;
        first[b] = at;
    }
    return first;
}

/* Blocks that hold any row, so that none is drawn in vain; [*n], owned by the caller. */
static uint32_t *blocks_in_use(uint32_t *const first[3], uint32_t blocks, uint32_t *n)
{
    uint32_t *used = malloc((blocks + 1) * sizeof *used);
    *n = 0;
    for (uint32_t b = 0; used && b < blocks; b++) {
        bool any = false;
        for (int k = 0; k < 3; k++) any |= first[k][b + 1] > first[k][b];
        if (any) used[(*n)++] = b;
    }
    return used;
}

/* How many rows the fullest drawing can hold: as many blocks as there are, each the largest. */
static size_t most(const uint32_t *first, uint32_t blocks, uint32_t drawn)
{
    size_t largest = 0;
    for (uint32_t b = 0; b < blocks; b++)
        if (first[b + 1] - first[b] > largest) largest = first[b + 1] - first[b];
    return largest * drawn;
}

static bool one_replicate(const struct fit *w, const struct rows set[3], uint32_t *const first[3], const uint32_t *used,
                          uint32_t n_used, const size_t room[3], int replicate, double slope, double width, double *out)
{
    struct kw_rng rng = { 0 };
    struct kw_error ignored;
    struct drawing d = { 0 };
    double *memory = malloc((3 * room[0] + room[1] + room[2] + 5) * sizeof *memory);
    bool ok = memory && kw_rng_init(&rng, w->seed, (uint64_t)replicate, KW_RNG_RESAMPLE, &ignored) == KW_OK;
    if (ok) {
        d.x = memory, d.y = d.x + room[0], d.spare = d.y + room[0], d.v = d.spare + room[0], d.e = d.v + room[1];
        for (uint32_t k = 0; k < n_used; k++) {
            uint32_t b = used[(size_t)(kw_rng_uniform(&rng) * n_used)];
            add_block(&set[0], first[0], b, d.x, d.y, &d.n);
            add_block(&set[1], first[1], b, NULL, d.v, &d.n_v);
            add_block(&set[2], first[2], b, NULL, d.e, &d.n_e);
        }
        figures(&d, slope, width, out);
    }
    free(memory);
    kw_rng_free(&rng);
    return ok;
}

/* The middle 95 % of a figure over the replicates. */
static void interval(struct kw_api_figure *f, double (*sample)[FIGURES], enum figure which)
{
    double v[REPLICATES];
    size_t n = 0;
    for (int r = 0; r < REPLICATES; r++)
        if (isfinite(sample[r][which])) v[n++] = sample[r][which];
    f->lo = f->hi = f->value;
    if (!n) return;
    qsort(v, n, sizeof *v, kw_ascending);
    f->lo = quantile(v, n, 0.025);
    f->hi = quantile(v, n, 0.975);
}

static enum kw_status bootstrap(const struct fit *w, double slope, double width, double (*sample)[FIGURES],
                                struct kw_error *err)
{
    const struct rows *const in[] = { &w->ttft, &w->rate, &w->e2e };
    struct rows set[3] = { { 0 } };
    uint32_t *first[3] = { NULL }, *used = NULL, n_used = 0;
    size_t room[3];
    enum kw_status st = KW_OK;
    for (int k = 0; k < 3 && st == KW_OK; k++) {
        st = thin(&set[k], in[k], err);
        if (st == KW_OK && !(first[k] = starts(&set[k], w->blocks))) st = kw_fail(err, KW_ENOMEM, "out of memory");
    }
    if (st == KW_OK && !(used = blocks_in_use(first, w->blocks, &n_used)))
        st = kw_fail(err, KW_ENOMEM, "out of memory");
    for (int k = 0; k < 3 && st == KW_OK; k++) room[k] = most(first[k], w->blocks, n_used);
    int failed = 0;
    if (st == KW_OK) {
#pragma omp parallel for schedule(dynamic, 8) reduction(+ : failed)
        for (int r = 0; r < REPLICATES; r++)
            failed += !one_replicate(w, set, first, used, n_used, room, r, slope, width, sample[r]);
    }
    if (failed) st = kw_fail(err, KW_ENOMEM, "out of memory for the bootstrap");
    for (int k = 0; k < 3; k++) {
        rows_free(&set[k]);
        free(first[k]);
    }
    free(used);
    return st;
}

/* ---- hours of the day ---- */

struct ranked {
    double v;
    int hour;
};

static int by_value(const void *a, const void *b)
{
    return kw_ascending(&((const struct ranked *)a)->v, &((const struct ranked *)b)->v);
}

/* Kruskal and Wallis over the hours that have enough requests: do their T come from one law? */
static enum kw_status hours(struct kw_api_fit *f, const struct fit *w, double slope, struct kw_error *err)
{
    const struct rows *r = &w->ttft;
    const struct kw_trace *t = w->t;
    size_t count[HOURS] = { 0 }, n = 0, groups = 0;
    if (t->epoch_unix == INT64_MIN) return KW_OK;
    struct ranked *row = malloc(r->n * sizeof *row);
    double *v = malloc(r->n * sizeof *v);
    if (!row || !v) {
        free(row), free(v);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < r->n; i++) {
        row[i].v = r->y[i] - slope * r->x[i];
        int64_t s = (t->epoch_unix + t->arrival[r->of[i]] / KW_NS_PER_S) % 86400;
        count[row[i].hour = (int)((s < 0 ? s + 86400 : s) / 3600)]++;
    }
    for (size_t i = 0; i < r->n; i++)
        if (count[row[i].hour] >= HOUR_LEAST) row[n++] = row[i];
    qsort(row, n, sizeof *row, by_value);
    double sum[HOURS] = { 0 }, h = 0, slow = -INFINITY, fast = INFINITY;
    for (size_t i = 0; i < n; i++) sum[row[i].hour] += (double)i + 1;
    for (int k = 0; k < HOURS; k++) {
        if (count[k] < HOUR_LEAST) continue;
        size_t m = 0;
        groups++;
        h += sum[k] * sum[k] / (double)count[k];
        for (size_t i = 0; i < n; i++)
            if (row[i].hour == k) v[m++] = row[i].v;
        double median = quantile(v, m, 0.5); /* row is in order */
        if (median > slow) slow = median, f->hour.slow = k, f->hour.slow_s = median;
        if (median < fast) fast = median, f->hour.fast = k, f->hour.fast_s = median;
    }
    double all = (double)n;
    if (groups > 1) h = 12 / (all * (all + 1)) * h - 3 * (all + 1);
    f->hour.matters = groups > 1 && slow > 1.2 * fast && gsl_cdf_chisq_Q(h, (double)groups - 1) < 0.01;
    free(row), free(v);
    return KW_OK;
}

/* ---- all of it ---- */

static enum kw_status enough(const struct kw_api_fit *f, struct kw_error *err)
{
    char why[200];
    bool ttft = f->ttft_n < KW_API_FIT_LEAST;
    if (!ttft && f->rate_n >= KW_API_FIT_LEAST) return KW_OK;
    if (ttft)
        snprintf(why, sizeof why, "%" PRIu64 " were read from a cache", f->cached);
    else
        snprintf(why, sizeof why, "%" PRIu64 " say no end, %" PRIu64 " have one output token", f->no_end, f->one_token);
    return kw_fail(err, KW_ERANGE,
                   "%" PRIu64 " of %" PRIu64 " requests tell %s, at least %d are wanted: %" PRIu64
                   " say no first token%s, %" PRIu64 " came all at once, %s",
                   ttft ? f->ttft_n : f->rate_n, f->n, ttft ? "a TTFT" : "an output rate", KW_API_FIT_LEAST,
                   f->no_first, f->no_first == f->n ? " (--columns ttft=NAME:ms or first=NAME tells it)" : "",
                   f->at_once, why);
}

/* T of every row into v, in order. */
static void without_prompt(const struct rows *r, double slope, double *v)
{
    for (size_t i = 0; i < r->n; i++) v[i] = fmax(r->y[i] - slope * r->x[i], 0);
    qsort(v, r->n, sizeof *v, kw_ascending);
}

static void ranges(struct kw_api_fit *f, const struct fit *w)
{
    const struct kw_trace *t = w->t;
    f->prompt_min = UINT32_MAX;
    for (size_t i = 0; i < w->ttft.n; i++) {
        uint32_t p = t->prompt[w->ttft.of[i]];
        if (p < f->prompt_min) f->prompt_min = p;
        if (p > f->prompt_max) f->prompt_max = p;
    }
    for (size_t i = 0; i < w->rate.n; i++) {
        uint32_t k = w->rate.of[i], tokens = t->prompt[k] + t->output[k];
        if (tokens > f->tokens_max) f->tokens_max = tokens;
    }
}

/* The law on the log's own requests, beside what they took. */
static enum kw_status check(struct kw_api_fit *f, const struct fit *w, struct kw_error *err)
{
    static const double q[] = { 0.5, 0.95 };
    const struct kw_api_laws laws = { &f->ttft, &f->per_ktok, &f->rate };
    double ttft[2], e2e[2];
    bool *of = calloc(w->t->n, sizeof *of);
    if (!of) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < w->ttft.n; i++) of[w->ttft.of[i]] = true;
    enum kw_status st = kw_api_law_quantiles(&laws, w->t, of, 2, q, ttft, NULL, err);
    memset(of, 0, w->t->n * sizeof *of);
    for (size_t i = 0; i < w->e2e.n; i++) of[w->e2e.of[i]] = true;
    if (st == KW_OK && w->e2e.n) st = kw_api_law_quantiles(&laws, w->t, of, 2, q, e2e, e2e, err);
    free(of);
    if (st != KW_OK) return st;
    f->check_ttft_p50.law = ttft[0];
    f->check_ttft_p95.law = ttft[1];
    f->check_e2e_p50.law = w->e2e.n ? e2e[0] : NAN;
    f->check_e2e_p95.law = w->e2e.n ? e2e[1] : NAN;
    return KW_OK;
}

static enum kw_status fit_rows(struct kw_api_fit *f, struct fit *w, double *v, double (*sample)[FIGURES],
                               struct kw_error *err)
{
    struct lad lad = { w->ttft.n, w->ttft.x, w->ttft.y, v };
    double width, slope = slope_of_halves(&lad, &width);
    if (isfinite(slope)) slope = slope_near(&lad, slope, width, 44);
    cut_blocks(w);
    enum kw_status st = bootstrap(w, slope, fmax(fabs(slope), width) / 8, sample, err);
    if (st != KW_OK) return st;
    f->slope.value = isfinite(slope) ? four_digits(slope) : NAN;
    interval(&f->slope, sample, SLOPE);
    bool grows = isfinite(slope) && f->slope.lo > 0;
    if (grows) f->per_ktok = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { f->slope.value } };
    without_prompt(&w->ttft, grows ? f->slope.value : 0, v);
    f->ttft = law_of(v, w->ttft.n);
    f->ttft_p50.value = kw_law_quantile(&f->ttft, 0.5);
    f->ttft_p95.value = kw_law_quantile(&f->ttft, 0.95);
    interval(&f->ttft_p50, sample, grows ? T_P50 : Y_P50);
    interval(&f->ttft_p95, sample, grows ? T_P95 : Y_P95);
    memcpy(v, w->ttft.y, w->ttft.n * sizeof *v);
    two(v, w->ttft.n, 0.5, 0.95, &f->check_ttft_p50.log.value, &f->check_ttft_p95.log.value);
    interval(&f->check_ttft_p50.log, sample, Y_P50);
    interval(&f->check_ttft_p95.log, sample, Y_P95);
    memcpy(v, w->rate.y, w->rate.n * sizeof *v);
    two(v, w->rate.n, 0.5, 0.05, &f->rate_p50.value, &f->rate_p05.value);
    f->rate = law_of(v, w->rate.n);
    f->rate_p50.value = kw_law_quantile(&f->rate, 0.5);
    f->rate_p05.value = kw_law_quantile(&f->rate, 0.05);
    interval(&f->rate_p50, sample, RATE_P50);
    interval(&f->rate_p05, sample, RATE_P05);
    memcpy(v, w->e2e.y, w->e2e.n * sizeof *v);
    two(v, w->e2e.n, 0.5, 0.95, &f->check_e2e_p50.log.value, &f->check_e2e_p95.log.value);
    interval(&f->check_e2e_p50.log, sample, E2E_P50);
    interval(&f->check_e2e_p95.log, sample, E2E_P95);
    ranges(f, w);
    if ((st = hours(f, w, grows ? f->slope.value : 0, err)) != KW_OK) return st;
    return check(f, w, err);
}

enum kw_status kw_api_fit(struct kw_api_fit *f, const struct kw_trace *t, uint64_t seed, struct kw_error *err)
{
    struct fit w = { .t = t, .seed = seed };
    double(*sample)[FIGURES] = malloc(REPLICATES * sizeof *sample), *v = malloc((t->n + 1) * sizeof *v);
    bool ok = rows_init(&w.ttft, t->n) && rows_init(&w.rate, t->n) && rows_init(&w.e2e, t->n) && sample && v;
    enum kw_status st = ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", t->n);
    memset(f, 0, sizeof *f);
    if (st == KW_OK) {
        collect(f, &w);
        st = enough(f, err);
    }
    if (st == KW_OK) st = fit_rows(f, &w, v, sample, err);
    rows_free(&w.ttft), rows_free(&w.rate), rows_free(&w.e2e);
    free(sample), free(v);
    return st;
}

enum kw_status kw_api_law_quantiles(const struct kw_api_laws *l, const struct kw_trace *t, const bool *of, int n_q,
                                    const double *q, double *ttft_s, double *e2e_s, struct kw_error *err)
{
    enum { DRAWS = 50000, SEED = 1 };
    static const struct kw_law none = { .kind = KW_LAW_NONE };
    struct kw_rng rng;
    size_t n = 0, k = 0;
    for (size_t i = 0; i < t->n; i++) n += !of || of[i];
    size_t each = n ? DRAWS / n + 1 : 1, step = n / DRAWS + 1; /* draws a request, of every step-th */
    double *ttft = malloc((n / step + 1) * each * sizeof *ttft),
           *e2e = e2e_s ? malloc((n / step + 1) * each * sizeof *e2e) : NULL;
    enum kw_status st = ttft && (!e2e_s || e2e) ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_rng_init(&rng, SEED, 0, KW_RNG_API_LATENCY, err);
    if (st == KW_OK) {
        size_t seen = 0;
        for (size_t i = 0; i < t->n; i++) {
            if ((of && !of[i]) || seen++ % step) continue;
            for (size_t d = 0; d < each; d++, k++) {
                ttft[k] = kw_law_draw(l->ttft, &rng) +
                          kw_law_draw(l->per_ktok ? l->per_ktok : &none, &rng) * t->prompt[i] / 1000;
                if (e2e) e2e[k] = ttft[k] + (t->output[i] - 1) / kw_law_draw(l->rate, &rng);
            }
        }
        kw_rng_free(&rng);
        assert(k);
        qsort(ttft, k, sizeof *ttft, kw_ascending);
        if (e2e) qsort(e2e, k, sizeof *e2e, kw_ascending);
        for (int j = 0; j < n_q; j++) {
            ttft_s[j] = quantile(ttft, k, q[j]);
            if (e2e) e2e_s[j] = quantile(e2e, k, q[j]);
        }
    }
    free(ttft), free(e2e);
    return st;
}
