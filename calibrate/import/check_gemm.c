#include "calibrate/import/check_gemm.h"
#include <math.h>
#include <string.h>
#include "calibrate/operators/regress.h"
#include "sim/core/files/csv.h"

enum kw_status kw_import_llmservingsim_layer(struct kw_samples *out, const char *path, const char *layer,
                                             struct kw_error *err)
{
    struct kw_csv c;
    int i_layer, i_tokens, i_ns;
    const size_t before = out->n;
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_csv_need(&c, "layer_name", &i_layer, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "input", &i_tokens, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "latency(ns)", &i_ns, err)) != KW_OK) goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        struct kw_sample p = { .s = 0 };
        if (strcmp(c.field[i_layer].p, layer)) continue;
        if ((st = kw_csv_f64(&c, i_tokens, 1, 1e7, &p.x[0], err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_ns, 1, 1e12, &p.s, err)) != KW_OK) goto out;
        p.s *= 1e-9;
        if ((st = kw_samples_push(out, p, err)) != KW_OK) goto out;
    }
    if (st == KW_OK && out->n == before) st = kw_fail(err, KW_ERANGE, "%s: no rows for layer %s", path, layer);
out:
    kw_csv_close(&c);
    return st;
}

enum kw_status kw_import_vidur_layer(struct kw_samples *out, const char *path, const char *op, unsigned tp,
                                     struct kw_error *err)
{
    struct kw_csv c;
    char column[64];
    int i_tp, i_tokens, i_ms;
    const size_t before = out->n;
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    snprintf(column, sizeof column, "time_stats.%.40s.median", op);
    if ((st = kw_csv_need(&c, "num_tensor_parallel_workers", &i_tp, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "num_tokens", &i_tokens, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, column, &i_ms, err)) != KW_OK) goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        struct kw_sample p = { .s = 0 };
        double workers;
        if ((st = kw_csv_f64(&c, i_tp, 1, 1024, &workers, err)) != KW_OK) goto out;
        if (workers != tp) continue;
        if ((st = kw_csv_f64(&c, i_tokens, 1, 1e7, &p.x[0], err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_ms, 1e-4, 1e6, &p.s, err)) != KW_OK) goto out;
        p.s *= 1e-3;
        if ((st = kw_samples_push(out, p, err)) != KW_OK) goto out;
    }
    if (st == KW_OK && out->n == before) st = kw_fail(err, KW_ERANGE, "%s: no rows for %s over %u GPUs", path, op, tp);
out:
    kw_csv_close(&c);
    return st;
}

/* The tables, and the products in them: n x k of the layer that has that name there. */
static const struct table {
    const char *gpu, *file;
    int vidur;
    struct {
        const char *name;
        double n, k;
    } layer[5];
} tables[] = {
    { "H100",
      "llmservingsim_h100/Llama-3.1-8B_tp1_layers.csv.gz",
      0,
      { { "q_proj", 4096, 4096 },
        { "o_proj", 4096, 4096 },
        { "gate_proj", 14336, 4096 },
        { "down_proj", 4096, 14336 },
        { "lm_head", 128256, 4096 } } },
    { "H100",
      "llmservingsim_h100/Llama-3.1-70B_tp1_layers.csv.gz",
      0,
      { { "q_proj", 8192, 8192 },
        { "o_proj", 8192, 8192 },
        { "gate_proj", 28672, 8192 },
        { "down_proj", 8192, 28672 },
        { "lm_head", 128256, 8192 } } },
    { "H100",
      "vidur/h100_Llama-2-70b-hf_mlp.csv.gz",
      1,
      { { "attn_pre_proj", 10240, 8192 },
        { "attn_post_proj", 8192, 8192 },
        { "mlp_up_proj", 57344, 8192 },
        { "mlp_down_proj", 8192, 28672 },
        { NULL, 0, 0 } } },
    { "A100-80",
      "vidur/a100_Meta-Llama-3-8B_mlp.csv.gz",
      1,
      { { "attn_pre_proj", 6144, 4096 },
        { "attn_post_proj", 4096, 4096 },
        { "mlp_up_proj", 28672, 4096 },
        { "mlp_down_proj", 4096, 14336 },
        { NULL, 0, 0 } } },
    { "A100-80",
      "vidur/a100_Meta-Llama-3-70B_mlp.csv.gz",
      1,
      { { "attn_pre_proj", 10240, 8192 },
        { "attn_post_proj", 8192, 8192 },
        { "mlp_up_proj", 57344, 8192 },
        { "mlp_down_proj", 8192, 28672 },
        { NULL, 0, 0 } } },
};

enum kw_status kw_check_gemm(const struct kw_gemm_fit *f, const char *dir, const char *gpu, FILE *report,
                             struct kw_error *err)
{
    static const double tokens[] = { 1, 8, 64, 512, 2048 };
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        const struct table *table = &tables[t];
        char path[1024];
        double e[64], sum = 0, median, worst;
        size_t n = 0;
        if (strcmp(table->gpu, gpu)) continue;
        snprintf(path, sizeof path, "%s/calibration/%s", dir, table->file);
        for (int i = 0; i < 5 && table->layer[i].name; i++) {
            struct kw_samples q = { 0 };
            enum kw_status st = table->vidur ? kw_import_vidur_layer(&q, path, table->layer[i].name, 1, err)
                                             : kw_import_llmservingsim_layer(&q, path, table->layer[i].name, err);
            for (size_t k = 0; st == KW_OK && k < 5; k++)
                for (size_t j = 0; j < q.n; j++) {
                    if (q.p[j].x[0] != tokens[k]) continue;
                    double r =
                        kw_gemm_fit_s(f, tokens[k], table->layer[i].n, table->layer[i].k, KW_GEMM_NO_SITE) / q.p[j].s;
                    sum += log(r);
                    e[n++] = fabs(r - 1);
                    break;
                }
            kw_samples_free(&q);
            if (st != KW_OK) return st;
        }
        double mean = n ? exp(sum / (double)n) : NAN;
        kw_regress_errors(e, n, &median, &worst);
        fprintf(report, "GEMM against %s: ours %.2f x in the mean, |difference| median %.0f %%, worst %.0f %% of %zu\n",
                table->file, mean, 100 * median, 100 * worst, n);
    }
    return KW_OK;
}
