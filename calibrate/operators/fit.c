#include "calibrate/operators/fit.h"
#include "calibrate/operators/fit_decode.h"
#include "calibrate/operators/fit_prefill.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/curve.h"
#include "calibrate/operators/regress.h"

#define GRAPH_LIMIT 512.0    /* vLLM's largest captured size */
#define TABLE_HEAD_DIM 128.0 /* of every published attention table */

static const double dense_grid[] = { 640,  768,  896,  1024, 1280, 1536,  1792, 2048,
                                     2560, 3072, 4096, 6144, 8192, 12288, 16384 };
static const double sequence_grid[] = { 1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024 };
static const double batch_grid[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 };
static const double prompt_grid[] = { 16,   32,   64,   128,  256,  512,  768,   1024,
                                      1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384 };
#define COUNT(a) (sizeof(a) / sizeof *(a))

double kw_fit_padded(double n)
{
    if (n > GRAPH_LIMIT) return n;
    if (n <= 2) return n;
    if (n <= 4) return 4;
    double step = n <= 256 ? 8 : 16;
    return ceil(n / step) * step;
}

/* ---- the operators, at this model's shapes ---- */

struct shape {
    double n, k;
};

struct fit { /* one fitting job */
    const struct kw_operators *op;
    const struct kw_model_shape *m;
    unsigned tp;
    struct shape linear[4]; /* qkv, o, gate_up, down of one GPU */
    struct kw_decode_fit decode;
    struct kw_prefill_fit prefill;
    double kv_ratio; /* our KV values a token and GPU over the decode table's */
    double heads;    /* query heads a GPU, in heads of the table's size */
};

static double gemms_s(const struct fit *f, double m, int leave_out)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        const struct shape *s = &f->linear[i];
        size_t skip = leave_out ? kw_gemm_fit_site(&f->op->linear, s->n, s->k) : KW_GEMM_NO_SITE;
        sum += kw_gemm_fit_s(&f->op->linear, m, s->n, s->k, skip);
    }
    return sum * f->m->layers;
}

static double small_s(const struct fit *f, enum kw_small_kernel k, double n)
{
    return kw_small_fit_s(&f->op->small[k], n, kw_small_bytes(k, f->m, f->tp), f->op->gpu->bandwidth);
}

static double dense_s(const struct fit *f, double tokens, int leave_out)
{
    double m = kw_fit_padded(tokens);
    double layer = 2 * small_s(f, KW_SMALL_NORM, m) + small_s(f, KW_SMALL_ROPE, m) + small_s(f, KW_SMALL_ACT, m);
    return gemms_s(f, m, leave_out) + f->m->layers * layer + small_s(f, KW_SMALL_EMBEDDING, m) +
           small_s(f, KW_SMALL_LAST_NORM, m);
}

static double head_s(const struct fit *f, double sequences)
{
    double n = ceil((double)f->m->vocab / f->tp);
    return kw_gemm_fit_s(&f->op->head, sequences, n, f->m->hidden, KW_GEMM_NO_SITE) +
           small_s(f, KW_SMALL_SAMPLER, sequences);
}

static double comm_s(const struct fit *f, double tokens)
{
    return kw_link_step_s(&f->op->link, f->m, kw_fit_padded(tokens));
}

/* The table whose KV heads are ours, else the fewest above ours, else the most; then the nearest number of query heads.
 */
static enum kw_status choose_decode(struct fit *f, double kv_heads, struct kw_error *err)
{
    double best_h = 0, best_g = 0;
    for (size_t i = 0; i < f->op->decode.n; i++) {
        double h = f->op->decode.p[i].x[0], g = f->op->decode.p[i].x[1];
        int better = !best_g || (best_g < kv_heads ? g > best_g : g >= kv_heads && g < best_g);
        if (g == best_g) better = fabs(h / g - f->heads / kv_heads) < fabs(best_h / best_g - f->heads / kv_heads);
        if (!better) continue;
        best_h = h;
        best_g = g;
    }
    if (!best_g) return kw_fail(err, KW_ERANGE, "no decode attention table for %s", f->op->gpu->name);
    f->kv_ratio = kv_heads / best_g * f->m->head_dim / TABLE_HEAD_DIM;
    return kw_decode_fit(&f->decode, &f->op->decode, best_h, best_g, err);
}

/* Every row of the prefill table: the work grows with the heads, so other head counts tell of ours. */
static enum kw_status choose_prefill(struct fit *f, struct kw_error *err)
{
    struct kw_samples work = { 0 };
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < f->op->prefill.n; i++) {
        const struct kw_sample *p = &f->op->prefill.p[i];
        double tokens = p->x[2] * p->x[3];
        st =
            kw_samples_push(&work, (struct kw_sample){ { p->x[0], tokens, tokens * p->x[3] / 2, p->x[2] }, p->s }, err);
    }
    if (st == KW_OK) st = kw_prefill_fit(&f->prefill, &work, err);
    kw_samples_free(&work);
    return st;
}

/* ---- curves ---- */

static enum kw_status fit_dense(struct fit *f, struct kw_step_tables *t, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->dense, 2 * 64 + COUNT(dense_grid), err);
    if (st != KW_OK) return st;
    for (double n = 1; n <= GRAPH_LIMIT;) { /* a plateau from the first to the last size that pads alike */
        double last = kw_fit_padded(n), s = dense_s(f, n, 0);
        if (t->dense.n && s < t->dense.y[t->dense.n - 1])
            s = t->dense.y[t->dense.n - 1]; /* more tokens, not less time */
        kw_curve_put(&t->dense, n, s);
        if (last > n) kw_curve_put(&t->dense, last, s);
        n = last + 1;
    }
    for (size_t i = 0; i < COUNT(dense_grid); i++)
        kw_curve_put(&t->dense, dense_grid[i], fmax(dense_s(f, dense_grid[i], 0), t->dense.y[t->dense.n - 1]));
    return KW_OK;
}

static enum kw_status fit_head(struct fit *f, struct kw_step_tables *t, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->head, COUNT(sequence_grid), err);
    if (st != KW_OK) return st;
    for (size_t i = 0; i < COUNT(sequence_grid); i++)
        kw_curve_put(&t->head, sequence_grid[i], head_s(f, sequence_grid[i]));
    kw_regress_isotonic(t->head.y, t->head.n);
    return KW_OK;
}

static enum kw_status fit_decode_rows(struct fit *f, struct kw_step_tables *t, struct kw_error *err)
{
    t->decode = calloc(COUNT(batch_grid), sizeof *t->decode);
    t->decode_batch = calloc(COUNT(batch_grid), sizeof *t->decode_batch);
    if (!t->decode || !t->decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < COUNT(batch_grid); i++) {
        enum kw_status st = kw_decode_fit_row(&f->decode, batch_grid[i], f->kv_ratio, f->m->layers, &t->decode[i], err);
        if (st != KW_OK) return st;
        t->decode_batch[i] = batch_grid[i];
        t->n_decode_rows = (uint32_t)i + 1;
    }
    return KW_OK;
}

static enum kw_status fit_prefill(struct fit *f, struct kw_step_tables *t, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->prefill_attn, COUNT(prompt_grid), err);
    if (st != KW_OK) return st;
    double per_token = f->prefill.g * f->heads;
    for (size_t i = 0; i < COUNT(prompt_grid); i++) {
        double n = prompt_grid[i], pairs = n * n / 2;
        double s = kw_prefill_fit_s(&f->prefill, f->heads, n, pairs, -1) - per_token * n;
        kw_curve_put(&t->prefill_attn, pairs, f->m->layers * fmax(s, 0));
    }
    kw_regress_isotonic(t->prefill_attn.y, t->prefill_attn.n);
    t->prefill_token_s = f->m->layers * per_token;
    return KW_OK;
}

static enum kw_status fit_comm(struct fit *f, struct kw_step_tables *t, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->comm, COUNT(sequence_grid) + COUNT(dense_grid), err);
    if (st != KW_OK) return st;
    if (f->tp == 1) {
        kw_curve_put(&t->comm, 0, 0);
        return KW_OK;
    }
    for (size_t i = 0; i < COUNT(sequence_grid) && sequence_grid[i] <= GRAPH_LIMIT; i++)
        kw_curve_put(&t->comm, sequence_grid[i], comm_s(f, sequence_grid[i]));
    for (size_t i = 0; i < COUNT(dense_grid); i++) kw_curve_put(&t->comm, dense_grid[i], comm_s(f, dense_grid[i]));
    kw_regress_isotonic(t->comm.y, t->comm.n);
    return KW_OK;
}

/* ---- leave-out errors ---- */

/* Of whole decode steps at every measured attention point: that point left out, and our own GEMM sites left out. Then
 * the same with the whole batch row left out, interior rows only: what lies between rows is interpolated, never beyond.
 */
static enum kw_status decode_errors(struct fit *f, struct kw_profile *p, FILE *report, struct kw_error *err)
{
    const struct kw_decode_fit *d = &f->decode;
    double *e = malloc(2 * d->n_b * d->n_c * sizeof *e), *row_e = e ? e + d->n_b * d->n_c : NULL;
    double worst = -1, worst_b = 0, worst_c = 0, row_median, row_worst;
    size_t n = 0, n_row = 0;
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t b = 0; b < d->n_b; b++)
        for (size_t c = 0; c < d->n_c; c++) {
            double measured = kw_decode_fit_measured_s(d, b, c), batch = d->batch[b] / f->kv_ratio;
            if (isnan(measured) || batch < 1) continue;
            double rest = f->op->fixed_s + head_s(f, batch) + comm_s(f, batch), layers = f->m->layers;
            double real = rest + dense_s(f, batch, 0) + layers * measured;
            double loo = rest + dense_s(f, batch, 1) + layers * kw_decode_fit_s(d, d->batch[b], d->context[c], b, c);
            e[n] = fabs(loo / real - 1);
            if (e[n] > worst) {
                worst = e[n];
                worst_b = batch;
                worst_c = d->context[c];
            }
            n++;
            if (b == 0 || b + 1 == d->n_b) continue;
            double row =
                rest + dense_s(f, batch, 0) + layers * kw_decode_fit_s(d, d->batch[b], d->context[c], b, KW_DECODE_ALL);
            row_e[n_row++] = fabs(row / real - 1);
        }
    kw_regress_errors(row_e, n_row, &row_median, &row_worst);
    kw_regress_errors(e, n, &p->steps_error_median, &p->steps_error_worst);
    fprintf(report,
            "decode step, a point and the GEMM sites left out: median %.1f %%, worst %.1f %% of %zu (batch %g, context "
            "%g)\n",
            100 * p->steps_error_median, 100 * p->steps_error_worst, n, worst_b, worst_c);
    fprintf(report, "decode step, a batch row left out:                median %.1f %%, worst %.1f %% of %zu\n",
            100 * row_median, 100 * row_worst, n_row);
    free(e);
    return KW_OK;
}

static enum kw_status prefill_errors(struct fit *f, struct kw_profile *p, FILE *report, struct kw_error *err)
{
    const struct kw_samples *q = &f->op->prefill;
    double *e = malloc((q->n + 1) * sizeof *e), worst = -1, worst_b = 0, worst_s = 0, heads = 0;
    size_t n = 0;
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < q->n; i++) /* the table's head count nearest ours: its points are the ones we can check */
        if (!heads || fabs(log(q->p[i].x[0] / f->heads)) < fabs(log(heads / f->heads))) heads = q->p[i].x[0];
    for (size_t i = 0; i < q->n; i++) {
        double batch = q->p[i].x[2], seq = q->p[i].x[3], tokens = batch * seq, pairs = tokens * seq / 2;
        if (q->p[i].x[0] != heads || tokens > 16384) continue;
        double rest = f->op->fixed_s + head_s(f, batch) + comm_s(f, tokens), layers = f->m->layers;
        double real = rest + dense_s(f, tokens, 0) + layers * q->p[i].s;
        double loo = rest + dense_s(f, tokens, 1) +
                     layers * kw_prefill_fit_s(&f->prefill, heads, tokens, pairs, sqrt(heads * pairs));
        e[n] = fabs(loo / real - 1);
        if (e[n] > worst) {
            worst = e[n];
            worst_b = batch;
            worst_s = seq;
        }
        n++;
    }
    kw_regress_errors(e, n, &p->prefill_error_median, &p->prefill_error_worst);
    fprintf(report,
            "prefill step, a point and the GEMM sites left out: median %.1f %%, worst %.1f %% of %zu (batch %g, prompt "
            "%g)\n",
            100 * p->prefill_error_median, 100 * p->prefill_error_worst, n, worst_b, worst_s);
    free(e);
    return KW_OK;
}

static enum kw_status report_gemm(struct fit *f, FILE *report, struct kw_error *err)
{
    static const char *const names[] = { "qkv", "o", "gate_up", "down" };
    double median, worst, at[3];
    enum kw_status st = kw_gemm_fit_errors(&f->op->linear, &median, &worst, at, err);
    if (st != KW_OK) return st;
    fprintf(report, "GEMM, a site left out: median %.1f %%, worst %.1f %% (m %g, n %g, k %g)\n", 100 * median,
            100 * worst, at[0], at[1], at[2]);
    for (int i = 0; i < 4; i++) {
        const struct shape *s = &f->linear[i];
        double n_lo = INFINITY, n_hi = 0, k_lo = INFINITY, k_hi = 0;
        for (size_t j = 0; j < f->op->linear.n_sites; j++) {
            n_lo = fmin(n_lo, f->op->linear.n[j]);
            n_hi = fmax(n_hi, f->op->linear.n[j]);
            k_lo = fmin(k_lo, f->op->linear.k[j]);
            k_hi = fmax(k_hi, f->op->linear.k[j]);
        }
        int site = kw_gemm_fit_site(&f->op->linear, s->n, s->k) != KW_GEMM_NO_SITE;
        int outside = s->n < n_lo || s->n > n_hi || s->k < k_lo || s->k > k_hi;
        fprintf(report, "  %-8s n %6g, k %6g: %s\n", names[i], s->n, s->k,
                site      ? "a site of the table"
                : outside ? "EXTRAPOLATED beyond the table"
                          : "between sites");
    }
    return KW_OK;
}

enum kw_status kw_fit(struct kw_profile *p, const struct kw_operators *op, const struct kw_model_shape *m, unsigned tp,
                      FILE *report, struct kw_error *err)
{
    if (m->heads % tp || (m->kv_heads % tp && tp % m->kv_heads))
        return kw_fail(err, KW_ERANGE, "%s: %u heads and %u KV heads cannot be split over %u GPUs", m->name, m->heads,
                       m->kv_heads, tp);
    double kv_heads = m->kv_heads > tp ? m->kv_heads / tp : 1, q = (double)m->heads * m->head_dim / tp;
    struct fit f = { .op = op,
                     .m = m,
                     .tp = tp,
                     .heads = (double)m->heads / tp * m->head_dim / TABLE_HEAD_DIM,
                     .linear = { { q + 2 * kv_heads * m->head_dim, m->hidden },
                                 { m->hidden, q },
                                 { 2.0 * m->intermediate / tp, m->hidden },
                                 { m->hidden, (double)m->intermediate / tp } } };
    struct kw_step_tables *t = &p->tables;
    enum kw_status st;
    t->fixed_s = op->fixed_s;
    if ((st = choose_decode(&f, kv_heads, err)) != KW_OK) goto out;
    if ((st = choose_prefill(&f, err)) != KW_OK) goto out;
    if ((st = fit_dense(&f, t, err)) != KW_OK) goto out;
    if ((st = fit_head(&f, t, err)) != KW_OK) goto out;
    if ((st = fit_decode_rows(&f, t, err)) != KW_OK) goto out;
    if ((st = fit_prefill(&f, t, err)) != KW_OK) goto out;
    if ((st = fit_comm(&f, t, err)) != KW_OK) goto out;
    double heads = f.heads / 32; /* the boards' model has 32 query heads */
    t->mixed.sequence_s = m->layers * op->mixed.sequence_s * heads;
    t->mixed.pair_s = m->layers * op->mixed.pair_s * heads;
    t->mixed.context_s = m->layers * op->mixed_context_ratio * f.decode.c * f.kv_ratio;
    if ((st = report_gemm(&f, report, err)) != KW_OK) goto out;
    if ((st = decode_errors(&f, p, report, err)) != KW_OK) goto out;
    st = prefill_errors(&f, p, report, err);
    if (f.kv_ratio != 1)
        fprintf(report, "decode attention: %g KV heads a GPU read as batch x %g of the table\n", kv_heads, f.kv_ratio);
out:
    kw_decode_fit_free(&f.decode);
    kw_prefill_fit_free(&f.prefill);
    return st;
}
