/* calibrate/operators/kernel_laws.h - how efficient the kernels of a GPU are, as published tables tell it
 * (calibrate/data/kernels.json, embedded; `make kernels` fits it anew): the laws of estimate.h and fit_small.h with their
 * coefficients; products by gemm_table.h. */
#ifndef KW_CALIBRATE_OPERATORS_KERNEL_LAWS_H
#define KW_CALIBRATE_OPERATORS_KERNEL_LAWS_H
#include "calibrate/operators/estimate.h"
#include "calibrate/operators/gemm_table.h"

struct kw_kernel_laws {
    struct kw_gemm_ratio gemm[KW_GEMM_KINDS];
    double decode[3], decode_fp8[3], prefill[3];        /* decode: by bits of the KV cache, of its own bytes */
    double experts[3], experts_fp8[3], experts_4bit[3]; /* a layer's routed experts, by the terms of shape_steps.h */
    struct kw_small_fit small[KW_SMALL_KINDS];
    char from[64]; /* whose tables: "H100", or the GPUs of the same architecture, or all that there are */
};
/* The GPU's own; where it has no tables the mean over those of its compute capability, else over all; each law by itself. KW_ENOMEM. */
enum kw_status kw_kernel_laws_of(struct kw_kernel_laws *out, const struct kw_gpu_spec *gpu, struct kw_error *err);

#endif
