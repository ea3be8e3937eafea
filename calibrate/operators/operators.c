#include "calibrate/operators/operators.h"
#include <string.h>
#include "calibrate/import/fit_bench.h"
#include "calibrate/import/import_aic.h"
#include "calibrate/import/import_vllm_bench.h"
#include "calibrate/operators/l2_correction.h"

const struct kw_operators_engine kw_operators_vllm = { .framework = "vllm" };
const char *const kw_operators_gpus[] = { "A100-80", "B200", "H100", "H200", "L40S", NULL };

#define GEMM_COPIES 6.0      /* of the weights, that the vLLM collector rotates over (SOURCES.md) */
#define TABLE_HEAD_DIM 128.0 /* of every attention table */

void kw_operators_free(struct kw_operators *op)
{
    kw_gemm_fit_free(&op->linear);
    kw_gemm_fit_free(&op->head);
    kw_samples_free(&op->decode);
    kw_samples_free(&op->prefill);
    *op = (struct kw_operators){ 0 };
}

static const char *const small_boards[] = { "RTX4090",
                                            "RTXPRO6000" }; /* whose tables the small kernels are fitted on */

enum kw_status kw_operators_small(struct kw_operators *op, const char *dir, FILE *report, struct kw_error *err)
{
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b"); /* the shape those tables were taken at */
    enum kw_status st = m ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    for (int k = 0; st == KW_OK && k < KW_SMALL_KINDS; k++) {
        struct kw_samples points[2] = { { 0 } };
        double bandwidth[2];
        for (int b = 0; st == KW_OK && b < 2; b++) {
            char path[1024];
            const struct kw_gpu_spec *g = kw_gpu_find(small_boards[b]);
            if (!g) st = kw_fail(err, KW_ENOMEM, "out of memory");
            if (st != KW_OK) break;
            bandwidth[b] = g->bandwidth;
            snprintf(path, sizeof path, "%s/calibration/vllm_bench/%s_Llama-3.1-8B/%s", dir, small_boards[b],
                     k == KW_SMALL_SAMPLER ? "profile_per_sequence.csv" : "profile_dense.csv");
            st = kw_import_vllm_layer(&points[b], path, kw_small_layer[k], err);
        }
        if (st == KW_OK) {
            st = kw_small_fit(&op->small[k], points, bandwidth, 2, kw_small_bytes((enum kw_small_kernel)k, m, 1), err);
            if (st == KW_OK)
                fprintf(report,
                        "small kernel %-15s %.1f us + bytes / (%.2f x bandwidth); over both boards median %.0f %%, "
                        "worst %.0f %%\n",
                        kw_small_layer[k], op->small[k].t0 * 1e6, 1 / op->small[k].per_byte,
                        100 * op->small[k].error_median, 100 * op->small[k].error_worst);
        }
        kw_samples_free(&points[0]);
        kw_samples_free(&points[1]);
    }
    return st;
}

enum kw_status kw_operators_mixed(struct kw_operators *op, const char *dir, FILE *report, struct kw_error *err)
{
    if (op->gpu->sm < 80 || op->gpu->sm >= 90) return KW_OK;
    for (int b = 0; b < 2; b++) {
        char path[1024];
        struct kw_step_mixed law;
        double ratio;
        snprintf(path, sizeof path, "%s/calibration/vllm_bench/%s_Llama-3.1-8B", dir, small_boards[b]);
        enum kw_status st = kw_bench_mixed(&law, &ratio, path, report, err);
        if (st != KW_OK) return st;
        op->mixed.sequence_s += law.sequence_s / 2;
        op->mixed.pair_s += law.pair_s / 2;
        op->mixed_context_ratio += ratio / 2;
    }
    fprintf(report, "decode beside prefill, as on both boards: %.1f x the time a context token takes alone\n",
            op->mixed_context_ratio);
    return KW_OK;
}

enum kw_status kw_operators_link(struct kw_operators *op, unsigned tp, FILE *report, struct kw_error *err)
{
    if (tp == 1) return KW_OK;
    enum kw_status st = kw_link_named(&op->link, op->gpu->link, tp, err);
    if (st == KW_OK)
        fprintf(report, "all-reduce: %s over %u GPUs, %s: %.1f us small, %.0f us at 64 MiB\n  %s\n", op->link.full_name,
                tp, kw_grade_name[op->link.provenance.grade], 1e6 * kw_link_all_reduce_s(&op->link, 1024),
                1e6 * kw_link_all_reduce_s(&op->link, 1 << 26), op->link.provenance.source);
    return st;
}

static void report_raised(FILE *report, const char *what, size_t raised, size_t of, double share)
{
    fprintf(report, "%s: %zu of %zu times were read from L2 and are raised to %.0f %% of memory bandwidth\n", what,
            raised, of, 100 * share);
}

enum kw_status kw_operators_tables(struct kw_operators *op, const char *dir, const char *precision,
                                   const struct kw_operators_engine *engine, char version[16], FILE *report,
                                   struct kw_error *err)
{
    bool fp8 = !strcmp(precision, "fp8"), attends_in_fp8 = engine->kv_fp8 && !strcmp(engine->framework, "trtllm");
    const struct kw_gpu_spec *g = op->gpu;
    char path[1024];
    struct kw_samples gemm = { 0 }, head = { 0 };
    double share;
    size_t raised;
    const struct kw_aic_choice choice = { g->name, engine->framework, fp8 ? "fp8" : "bfloat16", NULL },
                               wide = { g->name, engine->framework, "bfloat16", NULL },
                               kv = { g->name, engine->framework, engine->kv_fp8 ? "fp8" : "bfloat16",
                                      attends_in_fp8 ? "fp8" : "bfloat16" };
    enum kw_status st;
    snprintf(path, sizeof path, "%s/published/aic_gemm.csv", dir);
    if ((st = kw_import_aic_gemm(&gemm, path, &choice, version, err)) != KW_OK) goto out;
    raised = kw_l2_correct_gemm(&gemm, g, fp8 ? 1 : 2, GEMM_COPIES, &share);
    report_raised(report, "GEMM", raised, gemm.n, share);
    st = kw_gemm_fit(&op->linear, &gemm, fp8 ? g->flops_fp8 : g->flops_bf16, g->bandwidth, fp8 ? 1 : 2, err);
    if (st != KW_OK) goto out;
    if ((st = kw_import_aic_gemm(&head, path, &wide, version, err)) != KW_OK) goto out;
    kw_l2_correct_gemm(&head, g, 2, GEMM_COPIES, &share);
    if ((st = kw_gemm_fit(&op->head, &head, g->flops_bf16, g->bandwidth, 2, err)) != KW_OK) goto out;
    snprintf(path, sizeof path, "%s/published/aic_attention_decode.csv", dir);
    if ((st = kw_import_aic_decode(&op->decode, path, &kv, version, err)) != KW_OK) goto out;
    raised = kw_l2_correct_decode(&op->decode, g, engine->kv_fp8 ? TABLE_HEAD_DIM / 2 : TABLE_HEAD_DIM,
                                  &share); /* half the bytes */
    report_raised(report, "decode attention", raised, op->decode.n, share);
    snprintf(path, sizeof path, "%s/published/aic_attention_prefill.csv", dir);
    st = kw_import_aic_prefill(&op->prefill, path, &kv, version, err);
out:
    kw_samples_free(&gemm);
    kw_samples_free(&head);
    return st;
}
