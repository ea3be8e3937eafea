#include "calibrate/operators/estimate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/fit.h"
#include "calibrate/import/fit_bench.h"
#include "calibrate/operators/regress.h"

#define HEAD_DIM 128.0 /* of every published attention table */

/* The terms of the three laws; a GPU's F and M turn operations and bytes into seconds. */
static void gemm_terms(const struct kw_gpu_spec *g, double operand_bytes, double m, double n, double k, double x[3])
{
    double flops = operand_bytes == 1 ? g->flops_fp8 : g->flops_bf16;
    x[0] = 1;
    x[1] = 2 * m * n * k / flops;
    x[2] = (operand_bytes * (n * k + m * k) + 2 * m * n) / g->bandwidth;
}

static void decode_terms(const struct kw_gpu_spec *g, double kv_heads, double batch, double context, double x[3])
{
    x[0] = 1;
    x[1] = batch * kv_heads;
    x[2] = 4 * HEAD_DIM * kv_heads * batch * context / g->bandwidth;
}

static void prefill_terms(const struct kw_gpu_spec *g, double heads, double tokens, double pairs, double x[3])
{
    x[0] = 1;
    x[1] = 4 * HEAD_DIM * heads * tokens * 128 / g->flops_bf16; /* a tile of 128 keys a token: the diagonal, padded */
    x[2] = 4 * HEAD_DIM * heads * pairs / g->flops_bf16;
}

static double law_s(const double c[3], const double x[3])
{
    return c[0] * x[0] + c[1] * x[1] + c[2] * x[2];
}

enum kw_status kw_efficiency_fit(struct kw_efficiency *e, const struct kw_operators *op, double operand_bytes,
                                 struct kw_error *err)
{
    const struct kw_gemm_fit *f = &op->linear;
    size_t most = f->n_sites * f->n_m, n = 0;
    if (op->decode.n > most) most = op->decode.n;
    if (op->prefill.n > most) most = op->prefill.n;
    double *x = calloc(4 * most + 1, sizeof *x), *y = x ? x + 3 * most : NULL;
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->n_sites; i++)
        for (size_t j = 0; j < f->n_m; j++) {
            double s = kw_gemm_fit_measured_s(f, i, j);
            if (isnan(s)) continue;
            gemm_terms(op->gpu, operand_bytes, f->m[j], f->n[i], f->k[i], x + 3 * n);
            y[n++] = s;
        }
    enum kw_status st = kw_regress(n, 3, x, y, NULL, e->gemm, err);
    n = 0;
    for (size_t i = 0; i < op->decode.n; i++, n++) {
        const double *p = op->decode.p[i].x;
        decode_terms(op->gpu, p[1], p[2], p[3], x + 3 * n);
        y[n] = op->decode.p[i].s;
    }
    if (st == KW_OK) st = kw_regress(n, 3, x, y, NULL, e->decode, err);
    n = 0;
    for (size_t i = 0; i < op->prefill.n; i++, n++) {
        const double *p = op->prefill.p[i].x;
        prefill_terms(op->gpu, p[0], p[2] * p[3], p[2] * p[3] * p[3] / 2, x + 3 * n);
        y[n] = op->prefill.p[i].s;
    }
    if (st == KW_OK) st = kw_regress(n, 3, x, y, NULL, e->prefill, err);
    free(x);
    return st;
}

/* Mean over the donors that have the precision. */
static enum kw_status mean_efficiency(struct kw_efficiency *mean, const char *dir, const char *precision,
                                      const char *except, FILE *report, FILE *quiet, struct kw_error *err)
{
    int donors = 0, fp8 = !strcmp(precision, "fp8");
    *mean = (struct kw_efficiency){ { 0 }, { 0 }, { 0 } };
    for (const char *const *name = kw_operators_gpus; *name; name++) {
        struct kw_operators op = { .gpu = kw_gpu_find(*name) };
        struct kw_efficiency e;
        char version[16];
        if (!op.gpu) return kw_fail(err, KW_ENOMEM, "out of memory");
        if ((except && !strcmp(*name, except)) || (fp8 && !(op.gpu->flops_fp8 > 0))) continue;
        enum kw_status st = kw_operators_tables(&op, dir, precision, &kw_operators_vllm, version, quiet, err);
        if (st == KW_OK) st = kw_efficiency_fit(&e, &op, fp8 ? 1 : 2, err);
        kw_operators_free(&op);
        if (st != KW_OK) return st;
        fprintf(report,
                "  %-8s GEMM %4.1f us, %3.0f %% of FLOP/s, %3.0f %% of bandwidth; decode attention %4.1f us, %3.0f %% "
                "of bandwidth;"
                " prefill %3.0f %% of FLOP/s\n",
                *name, e.gemm[0] * 1e6, 100 / e.gemm[1], 100 / e.gemm[2], e.decode[0] * 1e6, 100 / e.decode[2],
                100 / e.prefill[2]);
        for (int i = 0; i < 3; i++) {
            mean->gemm[i] += e.gemm[i];
            mean->decode[i] += e.decode[i];
            mean->prefill[i] += e.prefill[i];
        }
        donors++;
    }
    if (!donors) return kw_fail(err, KW_ERANGE, "no GPU with tables to estimate %s from", precision);
    for (int i = 0; i < 3; i++) {
        mean->gemm[i] /= donors;
        mean->decode[i] /= donors;
        mean->prefill[i] /= donors;
    }
    return KW_OK;
}

static enum kw_status gemm_table(struct kw_gemm_fit *f, const struct kw_gpu_spec *g, const double c[3],
                                 double operand_bytes, struct kw_error *err)
{
    static const double ns[] = { 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144 };
    static const double ks[] = { 512, 1024, 2048, 4096, 8192, 16384, 32768 };
    static const double ms[] = { 1,   2,   4,   8,   16,   32,   64,   96,   128,   192,
                                 256, 384, 512, 768, 1024, 2048, 4096, 8192, 16384, 32768 };
    struct kw_samples q = { 0 };
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t j = 0; j < sizeof ks / sizeof *ks; j++)
            for (size_t k = 0; st == KW_OK && k < sizeof ms / sizeof *ms; k++) {
                double x[3];
                gemm_terms(g, operand_bytes, ms[k], ns[i], ks[j], x);
                st = kw_samples_push(&q, (struct kw_sample){ { ms[k], ns[i], ks[j] }, law_s(c, x) }, err);
            }
    double flops = operand_bytes == 1 ? g->flops_fp8 : g->flops_bf16;
    if (st == KW_OK) st = kw_gemm_fit(f, &q, flops, g->bandwidth, operand_bytes, err);
    kw_samples_free(&q);
    return st;
}

enum kw_status kw_estimate_operators(struct kw_operators *op, const char *dir, const char *precision,
                                     const char *except, FILE *report, struct kw_error *err)
{
    static const double batches[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 };
    static const double contexts[] = { 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072 };
    int fp8 = !strcmp(precision, "fp8");
    struct kw_efficiency linear, wide;
    FILE *quiet = fopen("/dev/null", "w");
    if (!quiet) return kw_fail(err, KW_EIO, "/dev/null cannot be opened");
    enum kw_status st = mean_efficiency(&linear, dir, precision, except, report, quiet, err);
    wide = linear;
    if (st == KW_OK && fp8)
        st = mean_efficiency(&wide, dir, "bf16", except, quiet, quiet, err); /* lm_head, attention */
    fclose(quiet);
    if (st != KW_OK) return st;
    if ((st = gemm_table(&op->linear, op->gpu, linear.gemm, fp8 ? 1 : 2, err)) != KW_OK) return st;
    if ((st = gemm_table(&op->head, op->gpu, wide.gemm, 2, err)) != KW_OK) return st;
    for (double heads = 8; heads <= 64; heads *= 2)
        for (double kv = 1; kv <= 8; kv *= 2)
            for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
                for (size_t c = 0; st == KW_OK && c < sizeof contexts / sizeof *contexts; c++) {
                    double x[3];
                    decode_terms(op->gpu, kv, batches[b], contexts[c], x);
                    struct kw_sample p = { { heads, kv, batches[b], contexts[c] }, law_s(wide.decode, x) };
                    st = kw_samples_push(&op->decode, p, err);
                }
    for (double heads = 8; heads <= 64; heads *= 2)
        for (double seq = 64; st == KW_OK && seq <= 32768; seq *= 2) {
            double x[3];
            prefill_terms(op->gpu, heads, seq, seq * seq / 2, x);
            st = kw_samples_push(&op->prefill, (struct kw_sample){ { heads, heads, 1, seq }, law_s(wide.prefill, x) },
                                 err);
        }
    return st;
}

/* ---- its error ---- */

static double decode_step_s(const struct kw_step_tables *t, double batch, double context)
{
    uint32_t row = 0;
    while (row + 1 < t->n_decode_rows && t->decode_batch[row] < batch) row++; /* the batches asked for are rows */
    return t->fixed_s + kw_curve_at(&t->dense, batch) + kw_curve_at(&t->head, batch) +
           kw_curve_at(&t->decode[row], batch * context);
}

static double prefill_step_s(const struct kw_step_tables *t, double tokens)
{
    return t->fixed_s + kw_curve_at(&t->dense, tokens) + kw_curve_at(&t->head, 1) +
           kw_curve_at(&t->prefill_attn, tokens * tokens / 2) + t->prefill_token_s * tokens;
}

/* The tables of one GPU as measured, or estimated from the others. */
static enum kw_status tables_of(struct kw_profile *p, const struct kw_gpu_spec *g, const char *dir,
                                const char *precision, int estimated, FILE *quiet, struct kw_error *err)
{
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    struct kw_operators op = { .gpu = g };
    char version[16], path[1024];
    int bench = !estimated && (!strcmp(g->name, "RTX4090") || !strcmp(g->name, "RTXPRO6000"));
    *p = (struct kw_profile){ .tp = 1 };
    if (!m) return kw_fail(err, KW_ENOMEM, "out of memory");
    if (bench) {
        snprintf(path, sizeof path, "%s/calibration/vllm_bench/%s_Llama-3.1-8B", dir, g->name);
        return kw_fit_bench(p, path, m, quiet, err);
    }
    enum kw_status st = estimated ? kw_estimate_operators(&op, dir, precision, g->name, quiet, err)
                                  : kw_operators_tables(&op, dir, precision, &kw_operators_vllm, version, quiet, err);
    if (st == KW_OK) st = kw_operators_small(&op, dir, quiet, err);
    if (st == KW_OK) st = kw_fit(p, &op, m, 1, quiet, err);
    kw_operators_free(&op);
    return st;
}

enum kw_status kw_estimate_errors(struct kw_profile *p, const char *dir, const char *precision, FILE *report,
                                  struct kw_error *err)
{
    static const char *const held[] = { "A100-80", "B200", "H100", "H200", "L40S", "RTX4090", "RTXPRO6000" };
    static const double batches[] = { 1, 8, 32, 128 }, contexts[] = { 512, 2048, 8192 },
                        prompts[] = { 512, 2048, 8192 };
    double decode[sizeof held / sizeof *held * 12], prefill[sizeof held / sizeof *held * 3];
    size_t n_decode = 0, n_prefill = 0;
    int fp8 = !strcmp(precision, "fp8");
    FILE *quiet = fopen("/dev/null", "w");
    if (!quiet) return kw_fail(err, KW_EIO, "/dev/null cannot be opened");
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < sizeof held / sizeof *held; i++) {
        const struct kw_gpu_spec *g = kw_gpu_find(held[i]);
        struct kw_profile real = { 0 }, guess = { 0 };
        if (!g) st = kw_fail(err, KW_ENOMEM, "out of memory");
        if (st != KW_OK || (fp8 && (i >= 5 || !(g->flops_fp8 > 0)))) continue; /* the boards' tables are bf16 */
        st = tables_of(&real, g, dir, precision, 0, quiet, err);
        if (st == KW_OK) st = tables_of(&guess, g, dir, precision, 1, quiet, err);
        if (st == KW_OK) {
            double sum = 0;
            size_t from = n_decode;
            for (int b = 0; b < 4; b++)
                for (int c = 0; c < 3; c++) {
                    double e = decode_step_s(&guess.tables, batches[b], contexts[c]) /
                                   decode_step_s(&real.tables, batches[b], contexts[c]) -
                               1;
                    decode[n_decode++] = fabs(e);
                    sum += e;
                }
            fprintf(report, "  left out %-10s decode %+5.1f %% in the mean;", held[i],
                    100 * sum / (double)(n_decode - from));
            fputs(" prefill", report);
            for (int k = 0; k < 3; k++) {
                double e = prefill_step_s(&guess.tables, prompts[k]) / prefill_step_s(&real.tables, prompts[k]) - 1;
                prefill[n_prefill++] = fabs(e);
                fprintf(report, " %+5.1f", 100 * e);
            }
            fputs(" %\n", report);
        }
        kw_profile_free(&real);
        kw_profile_free(&guess);
    }
    fclose(quiet);
    if (st != KW_OK) return st;
    kw_regress_errors(decode, n_decode, &p->steps_error_median, &p->steps_error_worst);
    kw_regress_errors(prefill, n_prefill, &p->prefill_error_median, &p->prefill_error_worst);
    fprintf(
        report,
        "leave one GPU out: decode step median %.0f %%, worst %.0f %%; prefill step median %.0f %%, worst %.0f %%\n",
        100 * p->steps_error_median, 100 * p->steps_error_worst, 100 * p->prefill_error_median,
        100 * p->prefill_error_worst);
    return KW_OK;
}
