/* calibrate/import/import_aic.h - operator tables published with ai-dynamo/aiconfigurator (data/published/SOURCES.md):
 * aic_gemm.csv, aic_attention_decode.csv, aic_attention_prefill.csv. */
#ifndef KW_CALIBRATE_IMPORT_IMPORT_AIC_H
#define KW_CALIBRATE_IMPORT_IMPORT_AIC_H
#include "calibrate/operators/samples.h"

/* A choice of rows: the GPU by our name (H100), the framework whose kernels were timed, the type of the operands. */
struct kw_aic_choice {
    const char *gpu;       /* our name, as in gpus.json */
    const char *framework; /* "vllm" or "trtllm" */
    const char *dtype;     /* "bfloat16" or "fp8": of the GEMM; of the KV cache for attention */
    const char *attention; /* prefill: what attention computes in, "bfloat16" or "fp8"; NULL: bfloat16 */
};

/* Appends matching rows, sorted; *version (size >= 16) gets the framework's version. KW_ERANGE when no row matches.
 * GEMM:    x = { m, n, k }; output m x n, inner k.
 * decode:  x = { heads, kv_heads, batch, context }; one layer, head_dim 128, every sequence has the same context. Times
 *          are made non-decreasing in context from the longest down: a few points took several times what more context
 *          took (A100, batch 4, context 512), which is jitter.
 * prefill: x = { heads, kv_heads, batch, seq }; one layer, whole prompts of seq tokens, nothing before them. vLLM
 *          computes it in bf16 whatever the KV cache holds; TensorRT-LLM has rows of both for an fp8 one. */
enum kw_status kw_import_aic_gemm(struct kw_samples *out, const char *path, const struct kw_aic_choice *c,
                                  char version[16], struct kw_error *err);
enum kw_status kw_import_aic_decode(struct kw_samples *out, const char *path, const struct kw_aic_choice *c,
                                    char version[16], struct kw_error *err);
enum kw_status kw_import_aic_prefill(struct kw_samples *out, const char *path, const struct kw_aic_choice *c,
                                     char version[16], struct kw_error *err);

#endif
