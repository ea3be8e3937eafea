#include "calibrate/measure/fit_measured.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/curve.h"
#include "calibrate/measure/fit_cold.h"
#include "calibrate/operators/fit_decode.h"
#include "calibrate/profile/gpu.h"
#include "calibrate/measure/host_time.h"
#include "calibrate/operators/regress.h"
#include "sim/core/ascending.h"
#include "sim/core/nearest.h"

#define NOBODY SIZE_MAX /* no point is left out */
#define NEAR_PAIRS 1.2  /* attention knots closer than this factor are averaged: they differ by noise and T only */

struct fit { /* device times; owns decode and tables */
    const struct kw_measured *m;
    size_t skip;
    struct kw_decode_fit decode;
    struct kw_step_tables t; /* fixed_s apart: what the device does not see */
    double head_s, pair_s;   /* per sequence; per query-key pair */
    struct kw_host_fit host;
    double widest; /* largest batch decoded */
};

static double pairs_of(const struct kw_measured_key *k)
{
    return k->chunks * (k->tokens * (double)k->past + k->tokens * (double)k->tokens / 2);
}

static bool is_prompt(const struct fit *f, size_t i) /* one prompt, used in the fit */
{
    const struct kw_measured_key *k = &f->m->point[i].key;
    return i != f->skip && k->kind == KW_MEASURED_PREFILL && k->chunks == 1;
}

static void fit_free(struct fit *f)
{
    struct kw_profile p = { .tables = f->t };
    kw_decode_fit_free(&f->decode);
    kw_profile_free(&p);
    f->t = (struct kw_step_tables){ 0 };
}

/* ---- the parts ---- */

static enum kw_status fit_decode(struct fit *f, struct kw_error *err)
{
    struct kw_samples s = { 0 };
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        if (p->key.kind != KW_MEASURED_DECODE || i == f->skip) continue;
        st = kw_samples_push(&s, (struct kw_sample){ { 1, 1, p->key.batch, p->key.context }, p->median_s }, err);
        if (p->key.batch > f->widest) f->widest = p->key.batch;
    }
    if (st == KW_OK && s.n < 6)
        st = kw_fail(err, KW_ERANGE, "%zu decode points were measured, want 6: measure longer", s.n);
    if (st == KW_OK) st = kw_decode_fit(&f->decode, &s, 1, 1, err);
    kw_samples_free(&s);
    return st;
}

static enum kw_status fit_pairs(struct fit *f, struct kw_error *err)
{
    size_t n = 0;
    double coef[3], *x = malloc((4 * f->m->n + 1) * sizeof *x), *y = x ? x + 3 * f->m->n : NULL;
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->m->n; i++) {
        if (!is_prompt(f, i)) continue;
        const struct kw_measured_point *p = &f->m->point[i];
        x[3 * n] = 1;
        x[3 * n + 1] = p->key.tokens;
        x[3 * n + 2] = pairs_of(&p->key);
        y[n++] = p->median_s;
    }
    enum kw_status st = n < 4 ? kw_fail(err, KW_ERANGE, "%zu prefill points were measured, want 4: measure longer", n)
                              : kw_regress(n, 3, x, y, NULL, coef, err);
    if (st == KW_OK) f->pair_s = coef[2];
    free(x);
    return st;
}

static int by_x(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

/* Whole prompts without a past as a curve of step times over tokens. */
static enum kw_status whole_prompts(const struct fit *f, struct kw_curve *c, struct kw_error *err)
{
    double(*v)[2] = malloc((f->m->n + 1) * sizeof *v);
    size_t n = 0;
    enum kw_status st = v ? kw_curve_new(c, f->m->n + 1, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; st == KW_OK && i < f->m->n; i++)
        if (is_prompt(f, i) && !f->m->point[i].key.past) {
            v[n][0] = f->m->point[i].key.tokens;
            v[n++][1] = f->m->point[i].median_s;
        }
    if (st == KW_OK && n < 2)
        st = kw_fail(err, KW_ERANGE, "%zu whole prompts were measured, want 2: measure longer", n);
    if (st == KW_OK) qsort(v, n, sizeof *v, by_x);
    for (size_t i = 0; st == KW_OK && i < n; i++) kw_curve_put(c, v[i][0], v[i][1]);
    free(v);
    if (st != KW_OK) kw_curve_free(c);
    return st;
}

/* Least squares of what n prompts of T take above one of n T, through 0 at one prompt; no more than lets dense never
 * fall from one decode size to the next. */
static void fit_head(struct fit *f, const struct kw_curve *prompt)
{
    double above = 0, square = 0, most = INFINITY;
    for (size_t i = 0; i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        if (i == f->skip || p->key.kind != KW_MEASURED_PREFILL || p->key.chunks < 2 || p->key.past) continue;
        double total = (double)p->key.chunks * p->key.tokens, n = p->key.chunks - 1.0;
        if (total > prompt->x[prompt->n - 1] || total < prompt->x[0]) continue;
        above += n * (p->median_s - kw_curve_at(prompt, total) + f->pair_s * (total * total / 2 - pairs_of(&p->key)));
        square += n * n;
    }
    const struct kw_decode_fit *d = &f->decode;
    for (size_t i = 1; i < d->n_b; i++) {
        double lo = kw_decode_fit_s(d, d->batch[0], d->context[0], KW_DECODE_ALL, 0);
        double hi = kw_decode_fit_s(d, d->batch[i], d->context[0], KW_DECODE_ALL, 0);
        double rise = (hi - lo) / (d->batch[i] - d->batch[0]) - d->c * d->context[0];
        if (rise < most) most = rise;
    }
    f->head_s = square > 0 ? above / square : 0;
    if (f->head_s > most) f->head_s = most;
    if (!(f->head_s > 0)) f->head_s = 0;
}

/* Noise can make a larger batch look faster; a simulator that believed it would find free capacity there. */
static void never_fall(struct kw_curve *c)
{
    for (uint32_t i = c->n; i-- > 0;) {
        if (i + 1 < c->n && c->y[i] > c->y[i + 1]) c->y[i] = c->y[i + 1];
        if (c->y[i] < 0) c->y[i] = 0;
    }
}

/* Attention of prompts over pairs, given dense: averaged where knots are near, isotonic. */
static enum kw_status fit_attention(struct fit *f, struct kw_error *err)
{
    double(*v)[2] = malloc((f->m->n + 1) * sizeof *v);
    size_t n = 0;
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        if (!is_prompt(f, i)) continue;
        v[n][0] = pairs_of(&p->key);
        v[n++][1] = p->median_s - kw_curve_at(&f->t.dense, p->key.tokens) - f->head_s;
    }
    qsort(v, n, sizeof *v, by_x);
    struct kw_curve *c = &f->t.prefill_attn;
    kw_curve_free(c);
    enum kw_status st = kw_curve_new(c, n, err);
    for (size_t i = 0, j; st == KW_OK && i < n; i = j) {
        double x = 0, y = 0;
        for (j = i; j < n && v[j][0] <= NEAR_PAIRS * v[i][0]; j++) {
            x += v[j][0];
            y += v[j][1];
        }
        kw_curve_put(c, x / (double)(j - i), y / (double)(j - i) > 0 ? y / (double)(j - i) : 0);
    }
    if (st == KW_OK) kw_regress_isotonic(c->y, c->n);
    free(v);
    return st;
}

/* Prompts of as many tokens as some batch decodes take above - less T more than it: a launch of their own against what
 * a decoding sequence costs beside its token. */
static enum kw_status compare(const struct fit *f, const struct kw_curve *prompt, double *above, double *less,
                              struct kw_error *err)
{
    double *x = malloc((size_t)prompt->n * 4 * sizeof *x), coef[2] = { 0 };
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    double *y = x + 2 * prompt->n, *scale = y + prompt->n;
    size_t n = 0;
    for (uint32_t i = 0; i < prompt->n && prompt->x[i] <= f->widest; i++) {
        double t = prompt->x[i];
        x[2 * n] = 1;
        x[2 * n + 1] = -t;
        scale[n] = prompt->y[i];
        y[n++] = prompt->y[i] - f->pair_s * t * t / 2 - f->head_s - kw_curve_at(&f->t.dense, t);
    }
    enum kw_status st = n >= 2 ? kw_regress(n, 2, x, y, scale, coef, err) : KW_OK;
    *above = coef[0];
    *less = coef[1];
    free(x);
    return st;
}

/* Dense over tokens from the decode sizes, and beyond them from whole prompts less their attention. */
static enum kw_status fit_dense(struct fit *f, const struct kw_curve *prompt, struct kw_error *err)
{
    const struct kw_decode_fit *d = &f->decode;
    struct kw_curve *c = &f->t.dense;
    enum kw_status st = kw_curve_new(c, d->n_b + prompt->n, err);
    if (st != KW_OK) return st;
    for (size_t i = 0; i < d->n_b; i++)
        kw_curve_put(c, d->batch[i],
                     kw_decode_fit_s(d, d->batch[i], d->context[0], KW_DECODE_ALL, 0) -
                         d->c * d->batch[i] * d->context[0] - f->head_s * d->batch[i]);
    never_fall(c);
    double above =
        0; /* what a prompt costs above a decode of as many tokens: above - less tokens, where both were measured */
    double less = 0;
    if ((st = compare(f, prompt, &above, &less, err)) != KW_OK) return st;
    for (uint32_t i = 0; i < c->n; i++) c->y[i] -= less * c->x[i]; /* it is a decode's own, and stays in its row */
    for (uint32_t i = 0; i < prompt->n; i++) {
        double t = prompt->x[i];
        if (t > f->widest) kw_curve_put(c, t, prompt->y[i] - f->pair_s * t * t / 2 - f->head_s - above);
    }
    never_fall(c);
    if ((st = fit_attention(f, err)) != KW_OK) return st;
    uint32_t k = (uint32_t)d->n_b;
    for (uint32_t i = 0; i < prompt->n;
         i++) { /* the attention curve was averaged: a whole prompt gives its time back */
        double t = prompt->x[i];
        if (t > f->widest) c->y[k++] = prompt->y[i] - kw_curve_at(&f->t.prefill_attn, t * t / 2) - f->head_s;
    }
    never_fall(c);
    return KW_OK;
}

static enum kw_status fit_rows(struct fit *f, struct kw_error *err)
{
    const struct kw_decode_fit *d = &f->decode;
    f->t.decode = calloc(d->n_b, sizeof *f->t.decode);
    f->t.decode_batch = calloc(d->n_b, sizeof *f->t.decode_batch);
    if (!f->t.decode || !f->t.decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < d->n_b; i++) {
        struct kw_curve *row = &f->t.decode[i];
        enum kw_status st = kw_decode_fit_row(d, d->batch[i], 1, 1, row, err);
        if (st != KW_OK) return st;
        f->t.n_decode_rows++;
        f->t.decode_batch[i] = d->batch[i];
        double rest = kw_curve_at(&f->t.dense, d->batch[i]) + f->head_s * d->batch[i];
        for (uint32_t j = 0; j < row->n; j++) row->y[j] = row->y[j] > rest ? row->y[j] - rest : 0;
    }
    return KW_OK;
}

/* ---- the host ---- */

static size_t host_points(const struct fit *f, size_t skip, struct kw_host_point *to)
{
    size_t n = 0;
    for (size_t i = 0; i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        if (p->key.kind != KW_MEASURED_HOST || i == skip) continue;
        to[n++] = (struct kw_host_point){ .steps = 1,
                                          .sequences = (double)p->key.batch + p->key.chunks,
                                          .chunks = p->key.chunks,
                                          .measured_s = p->median_s };
    }
    return n;
}

/* Terms that stand out of twice their standard error; the loop itself always stays. */
static enum kw_status fit_significant(struct kw_host_fit *to, const struct kw_host_point *p, size_t n,
                                      struct kw_error *err)
{
    unsigned terms = KW_HOST_FIXED;
    double sequences = p[0].sequences, chunks = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i].sequences != sequences) terms |= KW_HOST_SEQUENCE;
        if (p[i].chunks > 0) chunks++;
    }
    if (chunks > 0 && chunks < (double)n) terms |= KW_HOST_CHUNK;
    for (;;) {
        enum kw_status st = kw_host_time_fit(to, p, n, terms, err);
        if (st != KW_OK) return st;
        const double t[] = { INFINITY, to->host.sequence_s / to->error[1], to->host.chunk_s / to->error[2] };
        int least = 0;
        for (int j = 1; j < 3; j++)
            if (terms >> j & 1 && !(t[j] >= 2) && (!least || !(t[j] >= t[least]))) least = j;
        if (!least) return KW_OK;
        terms &= ~(1u << least);
    }
}

/* The law of host_time.h over the host points; without any, what submit and wait took above the device. */
static enum kw_status fit_host(struct fit *f, struct kw_error *err)
{
    struct kw_host_point *p = malloc((f->m->n + 1) * sizeof *p);
    double sum = 0, count = 0;
    if (!p) return kw_fail(err, KW_ENOMEM, "out of memory");
    size_t n = host_points(f, NOBODY, p);
    f->host = (struct kw_host_fit){ .kernels = 1, .error = { NAN, NAN, NAN, NAN }, .residual = NAN };
    for (size_t i = 0; i < f->m->n; i++) {
        if (f->m->point[i].key.kind != KW_MEASURED_DECODE) continue;
        sum += f->m->point[i].host_s;
        count++;
    }
    f->host.host.fixed_s = count > 0 && sum > 0 ? sum / count : 0;
    enum kw_status st = KW_OK;
    if (n >= 4)
        st = fit_significant(&f->host, p, n, err);
    else if (n)
        st = kw_host_time_fit(&f->host, p, n, KW_HOST_FIXED, err);
    kw_host_time_add(&f->t, &f->host.host);
    free(p);
    return st;
}

/* The law and its leave-out errors in words. */
static enum kw_status host_words(const struct fit *f, FILE *report, struct kw_error *err)
{
    static const char *const unit[] = { "", " a sequence", " a new request" };
    const double v[] = { f->host.host.fixed_s, f->host.host.sequence_s, f->host.host.chunk_s };
    struct kw_host_point *p = malloc((f->m->n + 1) * sizeof *p);
    double *e = malloc((f->m->n + 1) * sizeof *e), median = 0, worst = 0;
    enum kw_status st = p && e ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    size_t n = 0;
    fputs("host between steps:", report);
    for (int j = 0; j < 3; j++) {
        fprintf(report, "%s %.2f", j ? " +" : "", v[j] * 1e6);
        if (f->host.error[j] > 0) fprintf(report, " (+-%.2f)", f->host.error[j] * 1e6);
        fprintf(report, " us%s", unit[j]);
    }
    for (size_t i = 0; st == KW_OK && i < f->m->n; i++) {
        const struct kw_measured_point *at = &f->m->point[i];
        struct kw_host_fit without;
        if (at->key.kind != KW_MEASURED_HOST) continue;
        size_t rest = host_points(f, i, p);
        if (rest < 4) continue;
        if ((st = fit_significant(&without, p, rest, err)) != KW_OK) break;
        double guess = without.host.fixed_s + without.host.sequence_s * ((double)at->key.batch + at->key.chunks) +
                       without.host.chunk_s * at->key.chunks;
        e[n++] = fabs(guess / at->median_s - 1);
    }
    if (st == KW_OK && n) {
        kw_regress_errors(e, n, &median, &worst);
        fprintf(report, "; left out, median %.0f %%, worst %.0f %% of %zu points", 100 * median, 100 * worst, n);
        for (int j = 1; j < 3; j++)
            if (!(v[j] > 0)) fprintf(report, ";%s: not significant, 0", unit[j]);
    } else if (st == KW_OK) {
        fputs("; not measured in the serving loop", report);
    }
    fputc('\n', report);
    free(p);
    free(e);
    return st;
}

static enum kw_status build(struct fit *f, const struct kw_measured *m, size_t skip, struct kw_error *err)
{
    struct kw_curve prompt = { 0 };
    *f = (struct fit){ .m = m, .skip = skip };
    enum kw_status st = fit_decode(f, err);
    if (st == KW_OK) st = fit_pairs(f, err);
    if (st == KW_OK) st = whole_prompts(f, &prompt, err);
    if (st == KW_OK) fit_head(f, &prompt);
    if (st == KW_OK) st = fit_dense(f, &prompt, err);
    if (st == KW_OK) st = fit_rows(f, err);
    if (st == KW_OK) st = fit_host(f, err);
    if (st == KW_OK) st = kw_curve_new(&f->t.comm, 1, err);
    if (st == KW_OK) kw_curve_put(&f->t.comm, 0, 0);
    if (st == KW_OK) st = kw_curve_new(&f->t.head, 2, err);
    if (st == KW_OK) {
        kw_curve_put(&f->t.head, 0, 0);
        kw_curve_put(&f->t.head, 1, f->head_s);
    }
    kw_curve_free(&prompt);
    if (st != KW_OK) fit_free(f);
    return st;
}

/* ---- what the fit says of a point, on the device ---- */

static double decode_attention_s(const struct kw_step_tables *t, double batch, double sum)
{
    uint32_t j = 0;
    while (j + 1 < t->n_decode_rows && t->decode_batch[j] < batch) j++;
    double hi = kw_curve_at(&t->decode[j], sum);
    if (!j || t->decode_batch[j] == batch) return hi;
    double lo = kw_curve_at(&t->decode[j - 1], sum),
           w = (batch - t->decode_batch[j - 1]) / (t->decode_batch[j] - t->decode_batch[j - 1]);
    return lo + (hi - lo) * (w > 1 && hi < lo ? 1 : w);
}

static double predict_s(const struct fit *f, const struct kw_measured_point *p, bool additive)
{
    const struct kw_measured_key *k = &p->key;
    const struct kw_step_tables *t = &f->t;
    double tokens = (double)k->chunks * k->tokens, sum = (double)p->context_sum;
    double s = kw_curve_at(&t->dense, k->batch + tokens) + f->head_s * (k->batch + (double)k->chunks);
    if (k->chunks) s += kw_curve_at(&t->prefill_attn, pairs_of(k));
    if (k->batch && k->chunks && !additive)
        s += t->mixed.sequence_s * k->batch + t->mixed.context_s * sum + t->mixed.pair_s * k->batch * tokens;
    else if (k->batch)
        s += decode_attention_s(t, k->batch, sum);
    return s;
}

static double left_out_decode(const struct fit *f, const struct kw_measured_point *p)
{
    size_t b = 0, c = 0;
    while (f->decode.batch[b] != p->key.batch) b++;
    while (f->decode.context[c] != p->key.context) c++;
    return fabs(kw_decode_fit_s(&f->decode, p->key.batch, p->key.context, b, c) / p->median_s - 1);
}

/* A prompt's point costs the whole fit again without it: the only error that says how wrong an unmeasured batch is. A
 * decode's point is left out within the decode fit alone. */
static enum kw_status left_out(const struct fit *f, size_t i, double *e, struct kw_error *err)
{
    const struct kw_measured_point *p = &f->m->point[i];
    *e = 0;
    if (p->key.kind == KW_MEASURED_DECODE) {
        *e = left_out_decode(f, p);
    } else if (p->key.kind == KW_MEASURED_PREFILL && p->key.chunks == 1) {
        struct fit without;
        enum kw_status st = build(&without, f->m, i, err);
        if (st == KW_ERANGE) return KW_OK; /* the fit stands on this point */
        if (st != KW_OK) return st;
        *e = fabs(predict_s(&without, p, true) / p->median_s - 1);
        fit_free(&without);
    }
    return KW_OK;
}

enum kw_status kw_fit_measured_left_out(const struct kw_measured *m, double *error, size_t n, struct kw_error *err)
{
    struct fit f;
    enum kw_status st = build(&f, m, NOBODY, err);
    if (st != KW_OK) return st;
    for (size_t i = 0; st == KW_OK && i < n; i++) st = left_out(&f, i, &error[i], err);
    fit_free(&f);
    return st;
}

/* ---- mixed steps ---- */

static size_t mixed_points(const struct fit *f, size_t skip, double *x, double *y, double *scale)
{
    size_t n = 0;
    for (size_t i = 0; i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        if (p->key.kind != KW_MEASURED_MIXED || i == skip) continue;
        double tokens = (double)p->key.chunks * p->key.tokens;
        x[3 * n] = p->key.batch;
        x[3 * n + 1] = (double)p->context_sum;
        x[3 * n + 2] = p->key.batch * tokens;
        struct kw_measured_point chunks = *p; /* the step without its decodes' attention */
        chunks.key.batch = 0;
        scale[n] = p->median_s;
        y[n++] = p->median_s - predict_s(f, &chunks, true) - kw_curve_at(&f->t.dense, p->key.batch + tokens) +
                 kw_curve_at(&f->t.dense, tokens) - f->head_s * p->key.batch;
    }
    return n;
}

/* Adds the mixed law where it predicts left-out mixed steps better than adding up does. */
static enum kw_status fit_mixed(struct fit *f, FILE *report, struct kw_error *err)
{
    size_t room = f->m->n + 1, n_add = 0, n_law = 0;
    double *x = malloc(7 * room * sizeof *x), coef[3], add_median, add_worst, law_median, law_worst;
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    double *y = x + 3 * room, *scale = y + room, *add = scale + room, *law = add + room;
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        if (p->key.kind != KW_MEASURED_MIXED) continue;
        add[n_add++] = fabs(predict_s(f, p, true) / p->median_s - 1);
        size_t n = mixed_points(f, i, x, y, scale);
        if (n < 4) continue;
        if ((st = kw_regress(n, 3, x, y, scale, coef, err)) == KW_ERANGE) {
            st = KW_OK;
            continue;
        }
        f->t.mixed = (struct kw_step_mixed){ fmin(coef[0], 1e-3), fmin(coef[1], 1e-3), fmin(coef[2], 1e-3) };
        law[n_law++] = fabs(predict_s(f, p, false) / p->median_s - 1);
    }
    size_t all = n_add;
    bool left = st == KW_OK && n_law == all && n_law > 0;
    kw_regress_errors(add, n_add, &add_median, &add_worst);
    kw_regress_errors(law, n_law, &law_median, &law_worst);
    f->t.mixed = (struct kw_step_mixed){ 0 };
    if (left && law_median < add_median) {
        size_t n = mixed_points(f, NOBODY, x, y, scale);
        st = kw_regress(n, 3, x, y, scale, coef, err);
        if (st == KW_OK)
            f->t.mixed = (struct kw_step_mixed){ fmin(coef[0], 1e-3), fmin(coef[1], 1e-3), fmin(coef[2], 1e-3) };
    }
    if (st == KW_OK && all)
        fprintf(report, "mixed steps: parts added up are off by %.1f %% in the median, %.1f %% at worst (%zu steps)%s",
                100 * add_median, 100 * add_worst, all, left && law_median < add_median ? "" : "; kept\n");
    if (st == KW_OK && left && law_median < add_median)
        fprintf(report, "; a law of their own: %.1f %% and %.1f %% left out; taken\n", 100 * law_median,
                100 * law_worst);
    free(x);
    return st;
}

/* ---- errors in words ---- */

static void point_text(char *s, size_t size, const struct kw_measured_point *p)
{
    const struct kw_measured_key *k = &p->key;
    if (k->chunks && k->batch)
        snprintf(s, size, "%u decoding at context %u beside %u tokens", k->batch, k->context, k->tokens);
    else if (k->chunks)
        snprintf(s, size, "%u prompt%s of %u tokens after %u", k->chunks, k->chunks > 1 ? "s" : "", k->tokens, k->past);
    else
        snprintf(s, size, "batch %u at context %u", k->batch, k->context);
}

/* Leave-out errors of one kind to the profile and in words. A prompt length at either end of the grid is beyond what is
 * left: named apart. */
static enum kw_status errors_of(const struct fit *f, enum kw_measured_kind kind, double *median, double *worst,
                                FILE *report, struct kw_error *err)
{
    double *e = malloc((f->m->n + 1) * sizeof *e), beyond = 0, least = INFINITY, most = 0;
    const struct kw_measured_point *at = NULL;
    size_t n = 0;
    enum kw_status st = e ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->m->n; i++)
        if (is_prompt(f, i)) {
            least = fmin(least, f->m->point[i].key.tokens);
            most = fmax(most, f->m->point[i].key.tokens);
        }
    double largest = 0;
    for (size_t i = 0; st == KW_OK && i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        double v;
        if (p->key.kind != kind || (kind == KW_MEASURED_PREFILL && p->key.chunks != 1)) continue;
        st = left_out(f, i, &v, err);
        bool outer = kind == KW_MEASURED_PREFILL && (p->key.tokens == least || p->key.tokens == most);
        if (outer) {
            beyond = fmax(beyond, v);
        } else {
            e[n++] = v;
            if (!at || v > largest) {
                at = p;
                largest = v;
            }
        }
    }
    if (st == KW_OK) {
        char words[96] = "-";
        kw_regress_errors(e, n, median, worst);
        if (at) point_text(words, sizeof words, at);
        fprintf(report, "%s: left out, median %.1f %%, worst %.1f %% (%s) of %zu points",
                kind == KW_MEASURED_DECODE ? "decode" : "prefill", 100 * *median, 100 * *worst, words, n);
        if (kind == KW_MEASURED_PREFILL) fprintf(report, "; %.1f %% at the ends of the grid", 100 * beyond);
        fputc('\n', report);
    }
    free(e);
    return st;
}

/* Where a batch of one more takes over 2 % longer: it is padded to the next size that a graph was captured for. Both
 * points are knots of the tables, so the profile holds the step. */
static void bucket_words(const struct fit *f, FILE *report)
{
    const struct kw_decode_fit *d = &f->decode;
    unsigned n = 0;
    for (size_t i = 0; i + 1 < d->n_b; i++) {
        if (d->batch[i + 1] != d->batch[i] + 1) continue;
        double rise = kw_decode_fit_s(d, d->batch[i + 1], d->context[0], KW_DECODE_ALL, 0) /
                          kw_decode_fit_s(d, d->batch[i], d->context[0], KW_DECODE_ALL, 0) -
                      1;
        if (rise > 0.02)
            fprintf(report, "%s after %.0f by %.0f %%", n++ ? "," : "steps of the batch buckets:", d->batch[i],
                    100 * rise);
    }
    if (n) fputc('\n', report);
}

static void quality(const struct fit *f, double *interval, size_t *unsteady, FILE *report)
{
    double wide = 0, off = 0, median = 0, *e = malloc((f->m->n + 1) * sizeof *e);
    size_t n = 0, few = 0, skewed = 0, drifted = 0;
    char words[96];
    const struct kw_measured_point *at = NULL;
    for (size_t i = 0; i < f->m->n; i++) {
        const struct kw_measured_point *p = &f->m->point[i];
        if (p->key.kind >= KW_MEASURED_HOST) continue; /* no single step, or the anchor */
        double w = (p->high_s - p->low_s) / p->median_s;
        if (e) e[n++] = w;
        few += p->coverage < 0.95;
        drifted += fabs(p->drift) > 0.02;
        if (!at || w > wide) {
            wide = w;
            at = p;
        }
        if (p->key.kind == KW_MEASURED_SKEWED) {
            skewed++;
            off = fmax(off, fabs(predict_s(f, p, true) / p->median_s - 1));
        }
    }
    if (e) kw_regress_errors(e, n, &median, &wide);
    free(e);
    *interval = median;
    *unsteady = drifted;
    bucket_words(f, report);
    if (!at) return;
    point_text(words, sizeof words, at);
    fprintf(report, "%zu points; width of the 95 %% intervals: median %.1f %%, worst %.1f %% (%s)", n, 100 * median,
            100 * wide, words);
    if (few) fprintf(report, "; %zu with fewer than six samples", few);
    fprintf(report, "\nanchor: %zu visits, drift at worst %+.1f %%", f->m->n_anchors, 100 * f->m->drift_worst);
    if (drifted) fprintf(report, "; %zu points measured while it was over 2 %%: NOT A STEADY DEVICE", drifted);
    if (skewed)
        fprintf(report, "\nunlike contexts: the sum of context is off by %.1f %% at worst (%zu batches)", 100 * off,
                skewed);
    fputc('\n', report);
    double longest = f->decode.context[f->decode.n_c - 1];
    fprintf(report, "extrapolates beyond batch %.0f, context %.0f and prompts of %.0f tokens\n", f->widest, longest,
            f->t.dense.x[f->t.dense.n - 1]);
}

/* ---- means ---- */

/* Mean over median of the samples of all single steps, in the mean over the points. */
static double mean_over_median(const struct kw_measured *m)
{
    double ratio = 0;
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct kw_measured_point *p = &m->point[i];
        double sum = 0;
        if (p->key.kind >= KW_MEASURED_HOST) continue;
        for (size_t k = 0; k < p->n; k++) sum += p->us[k] * 1e-6;
        ratio += sum / (double)p->n / p->median_s;
        n++;
    }
    return n ? ratio / (double)n : 1;
}

static void scale_curve(struct kw_curve *c, double by)
{
    for (uint32_t i = 0; i < c->n; i++) c->y[i] *= by;
}

/* Points are medians, which a hiccup of the machine does not move; but serving adds steps up, hiccups and all, and sums
 * go with means. One factor for all steps: of a single point the mean says little. */
static enum kw_status mean_steps(struct fit *f, FILE *report, struct kw_error *err)
{
    struct kw_step_tables *t = &f->t;
    double by = mean_over_median(f->m);
    if (!(by > 0.5 && by < 2))
        return kw_fail(err, KW_ERANGE, "a step's mean is %.2f times its median over all points: no steady device", by);
    scale_curve(&t->dense, by), scale_curve(&t->head, by), scale_curve(&t->prefill_attn, by);
    for (uint32_t i = 0; i < t->n_decode_rows; i++) scale_curve(&t->decode[i], by);
    t->prefill_token_s *= by;
    t->mixed.sequence_s *= by, t->mixed.context_s *= by, t->mixed.pair_s *= by;
    fprintf(report,
            "means: a step takes %.3f times its median in the mean over the points; step times are scaled by it\n", by);
    return KW_OK;
}

/* ---- cold start ---- */

/* Lilliefors at 5 %: the largest distance of the sample's distribution of logs from the normal with its mean and
 * deviation. */
static bool lognormal(const double *v, size_t n, double *mu, double *sigma)
{
    double sum = 0, square = 0, far = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(v[i] > 0)) return false;
        sum += log(v[i]);
    }
    *mu = sum / (double)n;
    for (size_t i = 0; i < n; i++) square += (log(v[i]) - *mu) * (log(v[i]) - *mu);
    *sigma = sqrt(square / (double)(n - 1));
    if (!(*sigma > 0)) return false;
    for (size_t i = 0; i < n; i++) {
        double f = 0.5 * erfc(-(log(v[i]) - *mu) / (*sigma * sqrt(2)));
        far = fmax(far, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
    }
    double root = sqrt((double)n); /* Stephens, JASA 69(347), 1974, table 1A, mean and variance unknown */
    return far * (root - 0.01 + 0.85 / root) < 0.895;
}

static void to_law(struct kw_law *l, double *v, size_t n)
{
    static const double p[] = { 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99 };
    double mu, sigma;
    qsort(v, n, sizeof *v, kw_ascending);
    *l = (struct kw_law){ .kind = KW_LAW_CONSTANT, .v = { n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2 } };
    if (n >= 20 && lognormal(v, n, &mu, &sigma)) {
        *l = (struct kw_law){ .kind = KW_LAW_LOGNORMAL, .v = { mu, sigma } };
        return;
    }
    if (n < 3) return;
    *l = (struct kw_law){ .kind = KW_LAW_QUANTILES };
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        double at = p[i] * (double)n - 0.5;
        if (at < 0 || at > (double)n - 1) continue; /* too few starts to say */
        size_t k = (size_t)at;
        l->p[l->n] = p[i];
        l->v[l->n++] = k + 1 < n ? v[k] + (v[k + 1] - v[k]) * (at - (double)k) : v[k];
    }
}

/* Bytes over load time, less a network's first byte, of the starts in that mode; or their init time. Returns how many.
 * A start whose file system refused O_DIRECT says nothing of a disk. */
static size_t law_of(struct kw_law *l, const struct kw_measured *m, const char *mode, bool init, double *v)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_starts; i++) {
        const struct kw_measured_start *s = &m->start[i];
        if (strcmp(s->mode, mode)) continue;
        if (init)
            v[n++] = s->init_s;
        else if (s->load_s > s->first_byte_s && s->bytes > 0 &&
                 (strcmp(mode, "direct") || 2 * s->direct_bytes >= s->file_bytes))
            v[n++] = s->bytes / (s->load_s - s->first_byte_s);
    }
    if (n) to_law(l, v, n);
    return n;
}

static void measured_source(struct kw_provenance *v, const struct kw_measured *m, const char *what)
{
    const struct kw_measured_head *h = &m->head;
    *v = (struct kw_provenance){ .grade = KW_GRADE_MEASURED };
    snprintf(v->source, sizeof v->source, "keepwarm calibrate measure, %s backend, %.48s%s%.24s, %.24s: %s", h->backend,
             h->device, *h->driver ? ", " : "", h->driver, h->commit, what);
    snprintf(v->date, sizeof v->date, "%s", *h->date ? h->date : "undated");
}

static enum kw_status fit_starts(struct kw_profile *p, const struct kw_measured *m, FILE *report, struct kw_error *err)
{
    double *v = malloc((m->n_starts + 1) * sizeof *v);
    char what[128], emulated[96] = "";
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    /* Modes are not pooled: what loads beside the rest of the start leaves less of it for later. */
    static const char *const modes[] = { "direct", "cached", "tmpfs", "network", "synthetic" };
    size_t first = 0, direct, network;
    while (first < 4 && !law_of(&p->init, m, modes[first], true, v)) first++;
    direct = law_of(&p->load_rate, m, "direct", false, v);
    network = law_of(&p->load_rate, m, "network", false, v);
    for (size_t i = 0; i < m->n_starts && network; i++)
        if (!strcmp(m->start[i].mode, "network"))
            snprintf(emulated, sizeof emulated, " emulated at %.4g GB/s, first byte %.3g s", m->start[i].rate * 1e-9,
                     m->start[i].first_byte_s);
    const struct {
        struct kw_law *l;
        const char *mode;
        double otherwise;
        const char *name, *source;
    } rows[] = {
        { &p->load_rate, direct || !network ? "direct" : "network", 3.3e9, direct || !network ? "disk" : "network",
          "safetensors, cold, ServerlessLLM on an H100; no load was measured here" },
        { &p->cached_load_rate, "cached", 5.3e9, "page cache",
          "safetensors, cached, ServerlessLLM on an H100; no load was measured here" },
        { &p->init, modes[first], 10, "init", "vLLM 8B engine start without compile; no start was measured here" }
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = law_of(rows[i].l, m, rows[i].mode, rows[i].l == &p->init, v);
        if (n) {
            const char *how = strcmp(rows[i].mode, "network") ? "" : emulated;
            snprintf(what, sizeof what, "%zu start%s, %s%s", n, n > 1 ? "s" : "", rows[i].mode, how);
            measured_source(&rows[i].l->provenance, m, what);
            fprintf(report, "cold start, %s: %zu measured (%s%s), %s\n", rows[i].name, n, rows[i].mode, how,
                    rows[i].l->kind == KW_LAW_LOGNORMAL   ? "lognormal"
                    : rows[i].l->kind == KW_LAW_QUANTILES ? "quantiles"
                                                          : "their median");
        } else {
            *rows[i].l = (struct kw_law){ .kind = KW_LAW_CONSTANT,
                                          .v = { rows[i].otherwise },
                                          .provenance = { .grade = KW_GRADE_ESTIMATED, .date = "2025-12" } };
            snprintf(rows[i].l->provenance.source, sizeof rows[i].l->provenance.source, "%s", rows[i].source);
            fprintf(report, "cold start, %s: not measured; estimated\n", rows[i].name);
        }
    }
    struct kw_law memory;
    size_t n = law_of(&memory, m, "tmpfs", false, v);
    if (n)
        fprintf(report, "cold start, tmpfs: %zu measured, median %.3g GB/s; no part of the profile\n", n,
                kw_law_quantile(&memory, 0.5) * 1e-9);
    if (direct && network) {
        law_of(&memory, m, "network", false, v);
        fprintf(report,
                "cold start, network: %zu measured%s, median %.3g GB/s; no part of the profile, which has the disk's\n",
                network, emulated, kw_law_quantile(&memory, 0.5) * 1e-9);
    }
    free(v);
    return KW_OK;
}

/* ---- names ---- */

static void letters(char *to, size_t size, const char *s)
{
    size_t n = 0;
    for (; *s && n + 1 < size; s++)
        if (isalnum((unsigned char)*s)) to[n++] = (char)toupper((unsigned char)*s);
    to[n] = 0;
}

enum kw_status kw_fit_measured_gpu(char gpu[24], const char *device, const char *backend, FILE *report,
                                   struct kw_error *err)
{
    const struct kw_gpu_spec *g;
    struct kw_error why;
    if (strcmp(backend, "cuda")) {
        snprintf(gpu, 24, "CPU");
        return KW_OK;
    }
    if (kw_gpu_named(&g, device, &why) == KW_OK) {
        snprintf(gpu, 24, "%s", g->name);
        return KW_OK;
    }
    if (strlen(device) >= 24) /* cut, it might read as another's */
        return kw_fail(err, KW_ERANGE, "%s; a profile holds no name so long: say with --gpu what it is to be called",
                       why.msg);
    fprintf(report, "GPU: %s; the profile keeps its own name, and serves only a platform that offers that\n", why.msg);
    snprintf(gpu, 24, "%s", device);
    return KW_OK;
}

/* "Llama-3.1-8B-Instruct" is the known llama-3.1-8b. */
static void model_name(char model[48], const char *name)
{
    char named[96], known[96];
    size_t best = 0;
    snprintf(model, 48, "%s", *name ? name : "unnamed");
    letters(named, sizeof named, name);
    for (size_t i = 0; i < kw_model_count(); i++) {
        letters(known, sizeof known, kw_model_at(i)->name);
        size_t n = strlen(known);
        if (n <= best || strncmp(named, known, n) || (named[n] && strcmp(named + n, "INSTRUCT"))) continue;
        best = n;
        snprintf(model, 48, "%s", kw_model_at(i)->name);
    }
}

/* The name somebody gives the device: of one in gpus.json, only where a GPU was measured, and no other one than the
 * driver names. */
static enum kw_status check_gpu(const char *gpu, const struct kw_measured_head *h, struct kw_error *err)
{
    const struct kw_gpu_spec *named, *driver = kw_gpu_find(h->device);
    struct kw_error inner;
    if (strcmp(h->backend, "cuda"))
        return kw_fail(err, KW_EUSAGE,
                       "--gpu %.24s: the points are of the %.16s backend; what a processor takes is no GPU's time", gpu,
                       h->backend);
    if (kw_gpu_named(&named, gpu, &inner) != KW_OK) return kw_fail(err, KW_ERANGE, "--gpu: %s", inner.msg);
    if (driver && driver != named)
        return kw_fail(err, KW_ERANGE, "--gpu %.24s: the points are of a %s, which is %s", gpu, h->device,
                       driver->name);
    return KW_OK;
}

enum kw_status kw_fit_measured_steps(struct kw_profile *p, const struct kw_measured *m, FILE *report,
                                     struct kw_error *err)
{
    struct fit f;
    enum kw_status st = build(&f, m, NOBODY, err);
    if (st != KW_OK) return st;
    if ((st = errors_of(&f, KW_MEASURED_DECODE, &p->steps_error_median, &p->steps_error_worst, report, err)) == KW_OK)
        st = errors_of(&f, KW_MEASURED_PREFILL, &p->prefill_error_median, &p->prefill_error_worst, report, err);
    if (st == KW_OK) {
        p->tables = f.t;
        f.t = (struct kw_step_tables){ 0 };
    }
    fit_free(&f);
    return st;
}

enum kw_status kw_fit_measured(struct kw_profile *p, const struct kw_measured *m, const char *gpu, FILE *report,
                               struct kw_error *err)
{
    const struct kw_measured_head *h = &m->head;
    struct fit f;
    double interval = 0;
    size_t unsteady = 0;
    char what[64];
    *p = (struct kw_profile){ 0 };
    enum kw_status st = gpu ? check_gpu(gpu, h, err) : KW_OK;
    if (st == KW_OK) st = build(&f, m, NOBODY, err);
    if (st != KW_OK) return st;
    if ((st = errors_of(&f, KW_MEASURED_DECODE, &p->steps_error_median, &p->steps_error_worst, report, err)) == KW_OK)
        st = errors_of(&f, KW_MEASURED_PREFILL, &p->prefill_error_median, &p->prefill_error_worst, report, err);
    if (st == KW_OK) st = fit_mixed(&f, report, err);
    if (st == KW_OK) quality(&f, &interval, &unsteady, report);
    if (st == KW_OK) st = host_words(&f, report, err);
    if (st == KW_OK) st = mean_steps(&f, report, err);
    if (st == KW_OK) st = kw_fit_cold(&f.t.cold, m, report, err);
    if (st == KW_OK) st = fit_starts(p, m, report, err);
    if (st == KW_OK) {
        p->tables = f.t;
        f.t = (struct kw_step_tables){ 0 };
        if (gpu)
            snprintf(p->gpu, sizeof p->gpu, "%s", kw_gpu_name(gpu));
        else
            st = kw_fit_measured_gpu(p->gpu, h->device, h->backend, report, err);
        model_name(p->model, h->model);
        snprintf(p->precision, sizeof p->precision, "%s", h->precision);
        snprintf(p->engine, sizeof p->engine, "keepwarm %.6s %.31s", h->backend, h->commit);
        snprintf(p->device, sizeof p->device, "%s", h->device);
        p->drift = fabs(m->drift_worst);
        p->unsteady = unsteady > 0;
        p->tp = 1;
        p->weight_bytes = h->weight_bytes;
        p->kv_bytes_per_token = h->kv_bytes_per_token;
        p->block_size = h->block_size;
        p->num_blocks = h->num_blocks;
        p->max_num_seqs = h->max_num_seqs;
        p->max_num_batched_tokens = h->max_num_batched_tokens;
        p->max_model_len = h->max_model_len;
        snprintf(what, sizeof what, "%zu points, interval %.1f %%", m->n, 100 * interval);
        measured_source(&p->steps, m, what);
        measured_source(&p->kv, m, "as allocated");
        p->weakest = kw_grade_weaker(p->load_rate.provenance.grade, p->init.provenance.grade);
        p->weakest = kw_grade_weaker(p->weakest, p->cached_load_rate.provenance.grade);
    }
    fit_free(&f);
    if (st != KW_OK) kw_profile_free(p);
    return st;
}
