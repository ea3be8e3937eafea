#include "calibrate/import/fit_bench.h"
#include <math.h>
#include <stdlib.h>
#include "calibrate/profile/curve.h"
#include "calibrate/operators/fit.h"
#include "calibrate/operators/fit_decode.h"
#include "calibrate/operators/fit_prefill.h"
#include "calibrate/import/import_vllm_bench.h"
#include "calibrate/operators/regress.h"

#define THIN 1e-3 /* tables hold a point every 16 tokens; what a line gives back within 0.1 % is left out */

static const char *const layer_names[] = { "qkv_proj",   "o_proj", "gate_up_proj", "down_proj",      "layernorm",
                                           "rotary_emb", "act_fn", "embedding",    "final_layernorm" };
enum { N_LAYERS = sizeof layer_names / sizeof *layer_names };

/* How often a step runs each of them: per layer of the model, or once. */
static double times_run(int layer, const struct kw_model_shape *m)
{
    if (layer == 4) return 2.0 * m->layers;
    return layer < 7 ? m->layers : 1;
}

static enum kw_status to_curve(struct kw_curve *c, const struct kw_samples *q, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(c, q->n, err);
    for (size_t i = 0; st == KW_OK && i < q->n; i++) {
        if (c->n && q->p[i].x[0] == c->x[c->n - 1]) continue; /* measured twice: the smaller, as sorted */
        kw_curve_put(c, q->p[i].x[0], q->p[i].s);
    }
    return st;
}

static enum kw_status read_layer(struct kw_curve *c, const char *path, const char *layer, struct kw_error *err)
{
    struct kw_samples q = { 0 };
    enum kw_status st = kw_import_vllm_layer(&q, path, layer, err);
    if (st == KW_OK) st = to_curve(c, &q, err);
    kw_samples_free(&q);
    return st;
}

static enum kw_status fit_dense(struct kw_curve *dense, const char *dir, const struct kw_model_shape *m,
                                struct kw_error *err)
{
    char path[1024];
    struct kw_curve layer[N_LAYERS] = { { 0 } };
    enum kw_status st = KW_OK;
    snprintf(path, sizeof path, "%s/profile_dense.csv", dir);
    for (int i = 0; st == KW_OK && i < N_LAYERS; i++) st = read_layer(&layer[i], path, layer_names[i], err);
    if (st == KW_OK) st = kw_curve_new(dense, 2 * 512 + layer[0].n + 1, err);
    if (st == KW_OK) {
        double n = 1, last_table = layer[0].x[layer[0].n - 1];
        while (n <= last_table) { /* plateaus where graphs pad, then every size of the table */
            double end = n <= 512 ? fmin(kw_fit_padded(n), last_table) : n, s = 0;
            for (int i = 0; i < N_LAYERS; i++) s += times_run(i, m) * kw_curve_at(&layer[i], end);
            kw_curve_put(dense, n, s);
            if (end > n) kw_curve_put(dense, end, s);
            double next = last_table + 1;
            if (end < 512) {
                next = end + 1;
            } else {
                for (uint32_t i = layer[0].n; i-- > 0;)
                    if (layer[0].x[i] > end) next = layer[0].x[i];
                if (end == 512) next = 513; /* the first size that no graph pads */
            }
            n = next;
        }
        kw_curve_thin(dense, THIN);
        /* Beyond the table, the slope over its last half: that of its last pair is noise. */
        double s = dense->y[dense->n - 1], half = kw_curve_at(dense, last_table / 2);
        kw_curve_put(dense, 8 * last_table, s + (s - half) / (last_table / 2) * 7 * last_table);
    }
    for (int i = 0; i < N_LAYERS; i++) kw_curve_free(&layer[i]);
    return st;
}

static enum kw_status fit_head(struct kw_curve *head, const char *dir, struct kw_error *err)
{
    char path[1024];
    struct kw_curve lm_head = { 0 }, sampler = { 0 };
    snprintf(path, sizeof path, "%s/profile_per_sequence.csv", dir);
    enum kw_status st = read_layer(&lm_head, path, "lm_head", err);
    if (st == KW_OK) st = read_layer(&sampler, path, "sampler", err);
    if (st == KW_OK) st = kw_curve_new(head, lm_head.n, err);
    for (uint32_t i = 0; st == KW_OK && i < lm_head.n; i++)
        kw_curve_put(head, lm_head.x[i], lm_head.y[i] + kw_curve_at(&sampler, lm_head.x[i]));
    if (st == KW_OK) kw_curve_thin(head, THIN);
    kw_curve_free(&lm_head);
    kw_curve_free(&sampler);
    return st;
}

/* ---- attention: one table over { chunk, past, sequences, context } ---- */

struct attention {                                    /* the table taken apart; owns all */
    struct kw_samples all, pure_decode, pure_prefill; /* as imported; { 1, 1, B, C }; { 1, T, P, 1 } */
    struct kw_decode_fit decode;
    struct kw_prefill_fit prefill;
};

static void attention_free(struct attention *a)
{
    kw_samples_free(&a->all);
    kw_samples_free(&a->pure_decode);
    kw_samples_free(&a->pure_prefill);
    kw_decode_fit_free(&a->decode);
    kw_prefill_fit_free(&a->prefill);
}

static double pairs_of(double chunk, double past)
{
    return chunk * past + chunk * chunk / 2;
}

static enum kw_status take_apart(struct attention *a, const char *dir, struct kw_error *err)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/profile_attention.csv.gz", dir);
    enum kw_status st = kw_import_vllm_attention(&a->all, path, err);
    for (size_t i = 0; st == KW_OK && i < a->all.n; i++) {
        const struct kw_sample *p = &a->all.p[i];
        if (p->x[0] == 0)
            st = kw_samples_push(&a->pure_decode, (struct kw_sample){ { 1, 1, p->x[2], p->x[3] }, p->s }, err);
        else if (p->x[2] == 0)
            st = kw_samples_push(&a->pure_prefill,
                                 (struct kw_sample){ { 1, p->x[0], pairs_of(p->x[0], p->x[1]), p->x[1] == 0 }, p->s },
                                 err);
    }
    if (st == KW_OK) st = kw_decode_fit(&a->decode, &a->pure_decode, 1, 1, err);
    if (st == KW_OK) st = kw_prefill_fit(&a->prefill, &a->pure_prefill, err);
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
    size_t n = a->all.n, fit = 0, held = 0;
    double *x = calloc(6 * n + 1, sizeof *x), c[3];
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    double *y = x + 3 * n, *scale = x + 4 * n, *e = x + 5 * n;
    enum kw_status st = KW_OK;
    for (int pass = 0; st == KW_OK && pass < 2; pass++) {
        size_t row = 0;
        double alone = 0, chunk = -1, past = -1;
        for (size_t i = 0; i < n; i++) {
            const double *p = a->all.p[i].x;
            if (p[2] == 0 && p[0] > 0) { /* sorted: the chunk alone comes before its mixed rows */
                alone = a->all.p[i].s;
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
                y[fit] = a->all.p[i].s - alone;
                scale[fit++] = a->all.p[i].s;
            } else {
                double s = alone + c[0] * p[2] + c[1] * p[2] * p[3] + c[2] * p[2] * p[0];
                e[held++] = fabs(s / a->all.p[i].s - 1);
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

enum kw_status kw_bench_mixed(struct kw_step_mixed *law, double *context_ratio, const char *dir, FILE *report,
                              struct kw_error *err)
{
    struct attention a = { .all = { 0 } };
    struct kw_step_tables t = { .fixed_s = 0 };
    enum kw_status st = take_apart(&a, dir, err);
    if (st == KW_OK) st = mixed_law(&a, &t, 1, report, err);
    if (st == KW_OK) {
        *law = t.mixed;
        *context_ratio = t.mixed.context_s / a.decode.c;
    }
    attention_free(&a);
    return st;
}

static enum kw_status errors(struct attention *a, struct kw_profile *p, double layers, FILE *report,
                             struct kw_error *err)
{
    const struct kw_decode_fit *d = &a->decode;
    const struct kw_step_tables *t = &p->tables;
    size_t room = d->n_b * d->n_c + a->pure_prefill.n, n = 0;
    double *e = malloc(room * sizeof *e), worst = -1, at[2] = { 0 };
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t b = 0; b < d->n_b; b++)
        for (size_t c = 0; c < d->n_c; c++) {
            double measured = kw_decode_fit_measured_s(d, b, c), batch = d->batch[b];
            if (isnan(measured)) continue;
            double rest = kw_curve_at(&t->dense, batch) + kw_curve_at(&t->head, batch), real = rest + layers * measured;
            e[n] = fabs((rest + layers * kw_decode_fit_s(d, batch, d->context[c], b, c)) / real - 1);
            if (e[n] > worst) {
                worst = e[n];
                at[0] = batch;
                at[1] = d->context[c];
            }
            n++;
        }
    kw_regress_errors(e, n, &p->steps_error_median, &p->steps_error_worst);
    fprintf(report, "decode step, a point left out: median %.1f %%, worst %.1f %% of %zu (batch %g, context %g)\n",
            100 * p->steps_error_median, 100 * p->steps_error_worst, n, at[0], at[1]);
    n = 0;
    worst = -1;
    for (size_t i = 0; i < a->pure_prefill.n; i++) { /* every chunk with whatever came before it */
        const double *x = a->pure_prefill.p[i].x;
        double rest = kw_curve_at(&t->dense, x[1]) + kw_curve_at(&t->head, 1),
               real = rest + layers * a->pure_prefill.p[i].s;
        e[n] = fabs((rest + layers * kw_prefill_fit_s(&a->prefill, 1, x[1], x[2], sqrt(x[2]))) / real - 1);
        if (e[n] > worst) {
            worst = e[n];
            at[0] = x[1];
            at[1] = x[2] / x[1] - x[1] / 2;
        }
        n++;
    }
    kw_regress_errors(e, n, &p->prefill_error_median, &p->prefill_error_worst);
    fprintf(report, "prefill step, a point left out: median %.1f %%, worst %.1f %% of %zu (chunk %g after %g)\n",
            100 * p->prefill_error_median, 100 * p->prefill_error_worst, n, at[0], at[1]);
    free(e);
    return KW_OK;
}

enum kw_status kw_fit_bench(struct kw_profile *p, const char *dir, const struct kw_model_shape *m, FILE *report,
                            struct kw_error *err)
{
    struct kw_step_tables *t = &p->tables;
    struct attention a = { .all = { 0 } };
    enum kw_status st;
    if ((st = fit_dense(&t->dense, dir, m, err)) != KW_OK) goto out;
    if ((st = fit_head(&t->head, dir, err)) != KW_OK) goto out;
    if ((st = kw_curve_new(&t->comm, 1, err)) != KW_OK) goto out;
    kw_curve_put(&t->comm, 0, 0);
    if ((st = take_apart(&a, dir, err)) != KW_OK) goto out;
    if ((st = decode_rows(&a, t, m->layers, err)) != KW_OK) goto out;
    if ((st = prefill_curve(&a, t, m->layers, err)) != KW_OK) goto out;
    if ((st = mixed_law(&a, t, m->layers, report, err)) != KW_OK) goto out;
    st = errors(&a, p, m->layers, report, err);
out:
    attention_free(&a);
    return st;
}
