#include "calibrate/import/fit_layers.h"
#include <math.h>
#include <stdlib.h>
#include "calibrate/operators/fit.h"
#include "calibrate/operators/fit_decode.h"
#include "calibrate/operators/fit_prefill.h"
#include "calibrate/operators/regress.h"
#include "calibrate/profile/curve.h"
#include "sim/core/ascending.h"

#define THIN 1e-3 /* tables hold a point every 16 tokens; what a line gives back within 0.1 % is left out */
enum { MOST_BATCHES = 40, MOST_CONTEXTS = 48, MOST_SIZES = 128, MOST_PROMPTS = 256 };

void kw_layer_set_free(struct kw_layer_set *s)
{
    for (size_t i = 0; i < s->n; i++) kw_curve_free(&s->layer[i].s);
    for (size_t i = 0; i < s->n_head; i++) kw_curve_free(&s->head[i].s);
    kw_samples_free(&s->attention);
    *s = (struct kw_layer_set){ 0 };
}

enum kw_status kw_layer_set_add(struct kw_layer_set *s, bool head, struct kw_samples *q, double times,
                                struct kw_error *err)
{
    struct kw_layer_time *to = head ? &s->head[s->n_head] : &s->layer[s->n];
    enum kw_status st = kw_curve_new(&to->s, q->n + 1, err);
    if (st != KW_OK) return st;
    kw_samples_sort(q);
    for (size_t i = 0; i < q->n; i++) {
        if (to->s.n && q->p[i].x[0] == to->s.x[to->s.n - 1]) continue; /* measured twice: the smaller, as sorted */
        kw_curve_put(&to->s, q->p[i].x[0], q->p[i].s);
    }
    to->times = times;
    head ? s->n_head++ : s->n++;
    return KW_OK;
}

/* v[0..n) to its distinct values, ascending, at most `most` of them: in equal steps of the logarithm, both ends among them.
 * Returns how many. */
static size_t grid(double *v, size_t n, size_t most)
{
    size_t k = 0, at = 0;
    qsort(v, n, sizeof *v, kw_ascending);
    for (size_t i = 0; i < n; i++)
        if (!k || v[i] != v[k - 1]) v[k++] = v[i];
    if (k <= most) return k;
    const double first = v[0], last = v[k - 1];
    for (size_t i = 0; i + 1 < k && at + 1 < most; i++) /* never passes i: one for one */
        if (log(v[i] / first) >= (double)at / (double)(most - 1) * log(last / first)) v[at++] = v[i];
    v[at++] = last;
    return at;
}

static bool among(const double *v, size_t n, double x)
{
    return n && bsearch(&x, v, n, sizeof *v, kw_ascending) != NULL;
}

/* Sizes of a table above those that graphs pad, on the grid; *to has room for all. */
static size_t large_sizes(const struct kw_curve *table, double *to)
{
    size_t n = 0;
    for (uint32_t i = 0; i < table->n; i++)
        if (table->x[i] > 512) to[n++] = table->x[i];
    return grid(to, n, MOST_SIZES);
}

/* ---- dense and head ---- */

static double sum_at(const struct kw_layer_time *l, size_t n, double x)
{
    double s = 0;
    for (size_t i = 0; i < n; i++) s += l[i].times * kw_curve_at(&l[i].s, x);
    return s;
}

static enum kw_status fit_dense(struct kw_curve *dense, const struct kw_layer_set *set, struct kw_error *err)
{
    const struct kw_curve *table = &set->layer[0].s;
    double *size = malloc((table->n + 1) * sizeof *size);
    enum kw_status st =
        size ? kw_curve_new(dense, 2 * 512 + table->n + 1, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st != KW_OK) {
        free(size);
        return st;
    }
    const double last = table->x[table->n - 1];
    const size_t n_large = large_sizes(table, size);
    for (double n = 1; n <= fmin(512, last); n = kw_fit_padded(n) + 1) { /* plateaus where graphs pad */
        double end = fmin(kw_fit_padded(n), last), s = sum_at(set->layer, set->n, end);
        kw_curve_put(dense, n, s);
        if (end > n) kw_curve_put(dense, end, s);
    }
    if (last > 512 && size[0] != 513) /* the first size that no graph pads */
        kw_curve_put(dense, 513, sum_at(set->layer, set->n, 513));
    for (size_t i = 0; i < n_large; i++) kw_curve_put(dense, size[i], sum_at(set->layer, set->n, size[i]));
    free(size);
    kw_curve_thin(dense, THIN);
    /* Beyond the table, the slope over its last half: that of its last pair is noise. */
    double s = dense->y[dense->n - 1], half = kw_curve_at(dense, last / 2);
    kw_curve_put(dense, 8 * last, s + (s - half) / (last / 2) * 7 * last);
    return KW_OK;
}

static enum kw_status fit_head(struct kw_curve *head, const struct kw_layer_set *set, struct kw_error *err)
{
    const struct kw_curve *first = &set->head[0].s;
    enum kw_status st = kw_curve_new(head, first->n, err);
    for (uint32_t i = 0; st == KW_OK && i < first->n; i++)
        kw_curve_put(head, first->x[i], sum_at(set->head, set->n_head, first->x[i]));
    if (st == KW_OK) kw_curve_thin(head, THIN);
    return st;
}

/* ---- attention: one table over { chunk, past, sequences, context } ---- */

struct attention { /* the table taken apart; owns all but `all` */
    const struct kw_samples *all;
    struct kw_samples pure_decode, pure_prefill; /* { 1, 1, B, C }; { 1, T, P, 1 }, 0 in place of 1 after others */
    struct kw_samples held, held_prompts;        /* of them, left out of the fit */
    struct kw_decode_fit decode;
    struct kw_prefill_fit prefill;
};

static void attention_free(struct attention *a)
{
    kw_samples_free(&a->pure_decode);
    kw_samples_free(&a->held);
    kw_samples_free(&a->held_prompts);
    kw_samples_free(&a->pure_prefill);
    kw_decode_fit_free(&a->decode);
    kw_prefill_fit_free(&a->prefill);
}

static double pairs_of(double chunk, double past)
{
    return chunk * past + chunk * chunk / 2;
}

/* *q keeps the points whose coordinates in dims are on the grid and, of prompts (whole), those after others; the rest goes to
 * held: it judges the fit. */
static enum kw_status thin(struct kw_samples *q, struct kw_samples *held, const int dim[2], const size_t most[2],
                           bool whole, struct kw_error *err)
{
    struct kw_samples all = *q;
    double *v[2] = { malloc((all.n + 1) * sizeof *v[0]), malloc((all.n + 1) * sizeof *v[1]) };
    size_t n[2] = { 0 };
    enum kw_status st = v[0] && v[1] ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) *q = (struct kw_samples){ 0 };
    for (int d = 0; st == KW_OK && d < 2; d++) {
        for (size_t i = 0; i < all.n; i++)
            if (!whole || all.p[i].x[3] == 1) v[d][n[d]++] = all.p[i].x[dim[d]];
        n[d] = grid(v[d], n[d], most[d]);
    }
    for (size_t i = 0; st == KW_OK && i < all.n; i++) {
        const double *x = all.p[i].x;
        bool on = (whole && x[3] != 1) || (among(v[0], n[0], x[dim[0]]) && among(v[1], n[1], x[dim[1]]));
        st = kw_samples_push(on ? q : held, all.p[i], err);
    }
    if (v[0] && v[1]) kw_samples_free(&all);
    free(v[0]), free(v[1]);
    return st;
}

static enum kw_status take_apart(struct attention *a, const struct kw_samples *all, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    bool whole = false;
    *a = (struct attention){ .all = all };
    for (size_t i = 0; st == KW_OK && i < all->n; i++) {
        const struct kw_sample *p = &all->p[i];
        if (p->x[0] == 0)
            st = kw_samples_push(&a->pure_decode, (struct kw_sample){ { 1, 1, p->x[2], p->x[3] }, p->s }, err);
        else if (p->x[2] == 0) {
            whole = whole || p->x[1] == 0;
            st = kw_samples_push(&a->pure_prefill,
                                 (struct kw_sample){ { 1, p->x[0], pairs_of(p->x[0], p->x[1]), p->x[1] == 0 }, p->s },
                                 err);
        }
    }
    if (st == KW_OK)
        st = thin(&a->pure_decode, &a->held, (const int[]){ 2, 3 }, (const size_t[]){ MOST_BATCHES, MOST_CONTEXTS },
                  false, err);
    if (st == KW_OK)
        st = thin(&a->pure_prefill, &a->held_prompts, (const int[]){ 1, 1 },
                  (const size_t[]){ MOST_PROMPTS, MOST_PROMPTS }, true, err);
    if (st == KW_OK && a->pure_decode.n) st = kw_decode_fit(&a->decode, &a->pure_decode, 1, 1, err);
    if (st == KW_OK && !whole) kw_samples_free(&a->pure_prefill);
    if (st == KW_OK && a->pure_prefill.n) st = kw_prefill_fit(&a->prefill, &a->pure_prefill, err);
    return st;
}

static enum kw_status decode_rows(struct attention *a, struct kw_step_tables *t, double layers, struct kw_error *err)
{
    const struct kw_decode_fit *d = &a->decode;
    t->decode = calloc(d->n_b, sizeof *t->decode);
    t->decode_batch = calloc(d->n_b, sizeof *t->decode_batch);
    if (!t->decode || !t->decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < d->n_b; i++) {
        enum kw_status st = kw_decode_fit_row(d, d->batch[i], 1, layers, &t->decode[i], err);
        if (st != KW_OK) return st;
        if (a->held.n) kw_curve_thin(&t->decode[i], THIN);
        t->decode_batch[i] = d->batch[i];
        t->n_decode_rows = (uint32_t)i + 1;
    }
    return KW_OK;
}

static enum kw_status prefill_curve(struct attention *a, struct kw_step_tables *t, double layers, struct kw_error *err)
{
    const struct kw_prefill_fit *f = &a->prefill;
    enum kw_status st = kw_curve_new(&t->prefill_attn, f->n + 1, err);
    if (st != KW_OK) return st;
    for (size_t i = 0; i < f->n; i++) {
        double pairs = f->root[i] * f->root[i], tokens = sqrt(2 * pairs);
        kw_curve_put(&t->prefill_attn, pairs,
                     layers * fmax(0, kw_prefill_fit_s(f, 1, tokens, pairs, -1) - f->g * tokens));
    }
    kw_regress_isotonic(t->prefill_attn.y, t->prefill_attn.n);
    double last = t->prefill_attn.x[f->n - 1], top = t->prefill_attn.y[f->n - 1];
    kw_curve_put(&t->prefill_attn, 16 * last, top + layers * f->c * 15 * last); /* chunks with a past reach further */
    t->prefill_token_s = layers * f->g;
    return KW_OK;
}

/* Rows with chunk and decodes, as a 2048-token step meets them: what they take beyond the chunk alone, as terms in n, n
 * C and n T, every second row held back to check on. */
static enum kw_status mixed_law(struct attention *a, struct kw_step_tables *t, double layers, FILE *report,
                                struct kw_error *err)
{
    size_t n = a->all->n, fit = 0, held = 0;
    double *x = calloc(6 * n + 1, sizeof *x), c[3];
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    double *y = x + 3 * n, *scale = x + 4 * n, *e = x + 5 * n;
    enum kw_status st = KW_OK;
    for (int pass = 0; st == KW_OK && pass < 2; pass++) {
        size_t row = 0;
        double alone = 0, chunk = -1, past = -1;
        for (size_t i = 0; i < n; i++) {
            const double *p = a->all->p[i].x;
            if (p[2] == 0 && p[0] > 0) { /* sorted: the chunk alone comes before its mixed rows */
                alone = a->all->p[i].s;
                chunk = p[0];
                past = p[1];
            }
            if (p[0] < 64 || p[2] == 0 || p[0] != chunk || p[1] != past || p[3] < 64 || p[0] + p[2] > 2048 + 128)
                continue;
            if ((int)(row++ % 2) != pass) continue;
            if (pass == 0) {
                x[3 * fit] = p[2];
                x[3 * fit + 1] = p[2] * p[3];
                x[3 * fit + 2] = p[2] * p[0];
                y[fit] = a->all->p[i].s - alone;
                scale[fit++] = a->all->p[i].s;
            } else {
                double s = alone + c[0] * p[2] + c[1] * p[2] * p[3] + c[2] * p[2] * p[0];
                e[held++] = fabs(s / a->all->p[i].s - 1);
            }
        }
        if (pass == 0) st = kw_regress(fit, 3, x, y, scale, c, err);
    }
    if (st == KW_OK) {
        double median, worst;
        kw_regress_errors(e, held, &median, &worst);
        t->mixed.sequence_s = layers * c[0];
        t->mixed.context_s = layers * c[1];
        t->mixed.pair_s = layers * c[2];
        fprintf(report,
                "mixed attention: decode beside prefill %.2f us a sequence, %.2f ns a context token, %.2f ns a pair; "
                "%zu rows held back: median %.0f %%, worst %.0f %%\n",
                c[0] * 1e6, c[1] * 1e9, c[2] * 1e9, held, 100 * median, 100 * worst);
    }
    free(x);
    return st;
}

enum kw_status kw_fit_layers_mixed(struct kw_step_mixed *law, double *context_ratio, struct kw_layer_set *s,
                                   FILE *report, struct kw_error *err)
{
    struct attention a;
    struct kw_step_tables t = { .fixed_s = 0 };
    enum kw_status st = take_apart(&a, &s->attention, err);
    if (st == KW_OK) st = mixed_law(&a, &t, 1, report, err);
    if (st == KW_OK) {
        *law = t.mixed;
        *context_ratio = t.mixed.context_s / a.decode.c;
    }
    attention_free(&a);
    return st;
}

/* ---- errors ---- */

struct worst { /* largest error so far, and where */
    double e, at[2];
};

static double put_error(struct worst *w, double e, double x, double y)
{
    if (e > w->e) *w = (struct worst){ e, { x, y } };
    return e;
}

/* Steps of decodes: each point of a thinned grid that was left out, or each point in turn. */
static enum kw_status decode_errors(const struct attention *a, struct kw_profile *p, double layers, FILE *report,
                                    struct kw_error *err)
{
    const struct kw_decode_fit *d = &a->decode;
    const struct kw_step_tables *t = &p->tables;
    size_t n = 0;
    double *e = malloc((a->held.n + d->n_b * d->n_c + 1) * sizeof *e);
    struct worst w = { -1, { 0 } };
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < a->held.n; i++) {
        double batch = a->held.p[i].x[2], context = a->held.p[i].x[3],
               rest = kw_curve_at(&t->dense, batch) + kw_curve_at(&t->head, batch),
               real = rest + layers * a->held.p[i].s;
        double s = rest + layers * kw_decode_fit_s(d, batch, context, KW_DECODE_ALL, 0);
        e[n++] = put_error(&w, fabs(s / real - 1), batch, context);
    }
    for (size_t b = 0; b < d->n_b && !a->held.n; b++)
        for (size_t c = 0; c < d->n_c; c++) {
            double measured = kw_decode_fit_measured_s(d, b, c), batch = d->batch[b];
            if (isnan(measured)) continue;
            double rest = kw_curve_at(&t->dense, batch) + kw_curve_at(&t->head, batch), real = rest + layers * measured;
            double s = rest + layers * kw_decode_fit_s(d, batch, d->context[c], b, c);
            e[n++] = put_error(&w, fabs(s / real - 1), batch, d->context[c]);
        }
    kw_regress_errors(e, n, &p->steps_error_median, &p->steps_error_worst);
    fprintf(report, "decode step, %s: median %.1f %%, worst %.1f %% of %zu (batch %g, context %g)\n",
            a->held.n ? "points left out of the fit" : "a point left out", 100 * p->steps_error_median,
            100 * p->steps_error_worst, n, w.at[0], w.at[1]);
    free(e);
    return KW_OK;
}

/* Steps of a chunk with whatever came before it: each whole prompt in turn, and those that were left out. */
static enum kw_status prefill_errors(const struct attention *a, struct kw_profile *p, double layers, FILE *report,
                                     struct kw_error *err)
{
    const struct kw_step_tables *t = &p->tables;
    const size_t kept = a->pure_prefill.n, n = kept + a->held_prompts.n;
    double *e = malloc((n + 1) * sizeof *e);
    struct worst w = { -1, { 0 } };
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const struct kw_sample *q = i < kept ? &a->pure_prefill.p[i] : &a->held_prompts.p[i - kept];
        const double *x = q->x, rest = kw_curve_at(&t->dense, x[1]) + kw_curve_at(&t->head, 1);
        double s = rest + layers * kw_prefill_fit_s(&a->prefill, 1, x[1], x[2], i < kept ? sqrt(x[2]) : -1);
        e[i] = put_error(&w, fabs(s / (rest + layers * q->s) - 1), x[1], x[2] / x[1] - x[1] / 2);
    }
    kw_regress_errors(e, n, &p->prefill_error_median, &p->prefill_error_worst);
    fprintf(report, "prefill step, a point left out: median %.1f %%, worst %.1f %% of %zu (chunk %g after %g)\n",
            100 * p->prefill_error_median, 100 * p->prefill_error_worst, n, w.at[0], w.at[1]);
    free(e);
    return KW_OK;
}

/* The layers at sizes that no knot is of: those left out of a large table, else between their neighbours. Words alone: a
 * step's error is attention's beside these layers. */
static enum kw_status dense_errors(const struct kw_layer_set *set, const struct kw_curve *dense, FILE *report,
                                   struct kw_error *err)
{
    const struct kw_curve *table = &set->layer[0].s;
    double *size = malloc((2 * (size_t)table->n + 1) * sizeof *size), *e = size ? size + table->n : NULL, median, worst;
    struct worst w = { -1, { 0 } };
    if (!size) return kw_fail(err, KW_ENOMEM, "out of memory");
    const size_t n_large = large_sizes(table, size);
    size_t n = 0, all = 0;
    for (uint32_t i = 0; i < table->n; i++) all += table->x[i] > 512;
    for (uint32_t i = 1; i + 1 < table->n; i++) {
        const double x = table->x[i], lo = table->x[i - 1], hi = table->x[i + 1];
        if (all > n_large && (x <= 512 || among(size, n_large, x))) continue;
        double s = kw_curve_at(dense, x), from = sum_at(set->layer, set->n, lo), to = sum_at(set->layer, set->n, hi);
        if (all == n_large) s = from + (to - from) * (x - lo) / (hi - lo);
        e[n++] = put_error(&w, fabs(s / sum_at(set->layer, set->n, x) - 1), x, 0);
    }
    kw_regress_errors(e, n, &median, &worst);
    if (n)
        fprintf(report, "layers, sizes left out: median %.1f %%, worst %.1f %% of %zu (%g tokens)\n", 100 * median,
                100 * worst, n, w.at[0]);
    free(size);
    return KW_OK;
}

static bool has_mixed(const struct kw_samples *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->p[i].x[0] > 0 && q->p[i].x[2] > 0) return true;
    return false;
}

static void forget_decode(struct kw_step_tables *t)
{
    for (uint32_t i = 0; i < t->n_decode_rows; i++) kw_curve_free(&t->decode[i]);
    free(t->decode), free(t->decode_batch);
    t->decode = NULL, t->decode_batch = NULL, t->n_decode_rows = 0;
}

enum kw_status kw_fit_layers(struct kw_profile *p, struct kw_layer_set *s, const struct kw_model_shape *m, FILE *report,
                             struct kw_error *err)
{
    struct kw_step_tables *t = &p->tables;
    struct attention a;
    kw_samples_sort(&s->attention);
    enum kw_status st = take_apart(&a, &s->attention, err);
    if (st == KW_OK && s->n) {
        kw_curve_free(&t->dense);
        if ((st = fit_dense(&t->dense, s, err)) == KW_OK) st = dense_errors(s, &t->dense, report, err);
    }
    if (st == KW_OK && s->n_head) {
        kw_curve_free(&t->head);
        st = fit_head(&t->head, s, err);
    }
    if (st == KW_OK && a.pure_decode.n) {
        forget_decode(t);
        st = decode_rows(&a, t, m->layers, err);
    }
    if (st == KW_OK && a.pure_prefill.n) {
        kw_curve_free(&t->prefill_attn);
        st = prefill_curve(&a, t, m->layers, err);
    }
    if (st == KW_OK && has_mixed(&s->attention)) st = mixed_law(&a, t, m->layers, report, err);
    if (st == KW_OK && a.pure_decode.n) st = decode_errors(&a, p, m->layers, report, err);
    if (st == KW_OK && a.pure_prefill.n) st = prefill_errors(&a, p, m->layers, report, err);
    attention_free(&a);
    return st;
}
