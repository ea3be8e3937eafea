/* calibrate/operators/operators.h - the kernels of one GPU type, ready to be fitted to any model: matrix products,
 * attention, the small kernels, and what joins several. Filled from published tables here, or from fitted efficiencies by
 * estimate.h. */
#ifndef KW_CALIBRATE_OPERATORS_OPERATORS_H
#define KW_CALIBRATE_OPERATORS_OPERATORS_H
#include <stdbool.h>
#include <stdio.h>
#include "calibrate/operators/fit_gemm.h"
#include "calibrate/operators/fit_small.h"
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/link.h"
#include "calibrate/operators/samples.h"
#include "calibrate/profile/steptime.h"

/* Whose kernels: the tables hold vLLM's and TensorRT-LLM's. */
struct kw_operators_engine {
    const char *framework; /* "vllm" or "trtllm" */
    bool kv_fp8;           /* the KV cache holds fp8; TensorRT-LLM then attends to prompts in fp8 too */
};
extern const struct kw_operators_engine kw_operators_vllm; /* vLLM, KV cache in bf16: what profiles ship */

struct kw_operators { /* owns all but gpu */
    const struct kw_gpu_spec *gpu;
    struct kw_gemm_fit linear, head;   /* at the profile's precision; bf16 */
    struct kw_samples decode, prefill; /* { heads, kv_heads, batch, context }, { heads, kv_heads, batch, seq } */
    struct kw_small_fit small[KW_SMALL_KINDS];
    struct kw_link link;        /* over tp GPUs; none at tp 1 */
    struct kw_step_mixed mixed; /* one layer of 32 query heads: sequence_s, pair_s; 0 where parts add up */
    double mixed_context_ratio; /* a context token beside prefill over one in a pure-decode step */
    double fixed_s;             /* host time a step that the GPU waits for */
};
void kw_operators_free(struct kw_operators *op);

/* The GPUs that have operator tables (aiconfigurator's), NULL at the end; all but A100-80 have fp8. */
extern const char *const kw_operators_gpus[];

/* Linear layers, lm_head and attention of op->gpu from dir's tables, times from L2 raised to memory's
 * (l2_correction.h); version gets the framework's. Lines to report. KW_ERANGE: no table for this GPU and engine. */
enum kw_status kw_operators_tables(struct kw_operators *op, const char *dir, const char *precision,
                                   const struct kw_operators_engine *engine, char version[16], FILE *report,
                                   struct kw_error *err);
/* The small kernels, from both boards of vllm_bench carried over by bandwidth. Lines to report. */
enum kw_status kw_operators_small(struct kw_operators *op, const char *dir, FILE *report, struct kw_error *err);
/* Decode attention beside prefill, for GPUs that run FlashAttention 2 (compute capability 8.x): the mean of both boards
 * of vllm_bench, which run it too. Others stay additive: nobody published how FlashAttention 3 or TensorRT-LLM's
 * kernels mix. */
enum kw_status kw_operators_mixed(struct kw_operators *op, const char *dir, FILE *report, struct kw_error *err);
/* What joins tp of this GPU (gpus.json, links.json); nothing at tp 1. A line to report. KW_ERANGE as kw_link_named. */
enum kw_status kw_operators_link(struct kw_operators *op, unsigned tp, FILE *report, struct kw_error *err);

#endif
