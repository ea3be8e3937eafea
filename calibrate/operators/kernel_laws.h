/* calibrate/operators/kernel_laws.h - how efficient the kernels of a GPU are, as published tables tell it
 * (calibrate/data/kernels.json, embedded; `make kernels` fits it anew): the laws of estimate.h and fit_small.h with their
 * coefficients. */
#ifndef KW_CALIBRATE_OPERATORS_KERNEL_LAWS_H
#define KW_CALIBRATE_OPERATORS_KERNEL_LAWS_H
#include "calibrate/operators/estimate.h"

struct kw_kernel_laws {
    struct kw_efficiency wide; /* products of 16 bits, attention */
    double gemm_fp8[3];
    double experts[3], experts_fp8[3], experts_4bit[3]; /* a layer's routed experts, by the terms of shape_steps.h */
    struct kw_small_fit small[KW_SMALL_KINDS];
    char from[64]; /* whose tables: "H100", or the GPUs of the same architecture, or all that there are */
};
/* The GPU's own; where it has no tables the mean over those of its compute capability, else over all; each law by itself. KW_ENOMEM. */
enum kw_status kw_kernel_laws_of(struct kw_kernel_laws *out, const struct kw_gpu_spec *gpu, struct kw_error *err);

#endif
