/* calibrate/operators/scale.h - a profile carried to another GPU, model or precision through the roofline (Williams et
 * al., CACM 52(4), 2009), for what we could not measure. F FLOP/s and M bytes/s of the data sheets, N parameters and W
 * bytes of the linear layers a GPU; g the step measured, h the one wanted; L layers, H query heads x their size:
 *
 *   dense(n)    t0 L_h / L_g + (t_g - t0) roof_h(n) / roof_g(n),   roof(n) = max(2 N n / F, W / M)
 *   head(n)     the same with lm_head's parameters, in 16 bits, no t0
 *   decode      attention above its shortest context: times KV bytes a token over M, h / g; that itself times L_h / L_g
 *   prefill     above its fewest pairs: times L H / F (16 bits), h / g
 *   fixed, t0   the host's time as measured; t0 is 9 launches a layer of 1.3 us (ENGINE.md 2)
 *   all-reduce  times what a step's all-reduces take by link.h, h / g
 *
 * So the efficiency of each part is taken as the source's own share of its limit; that it is not the same everywhere is
 * the error. It is established by doing the same between all published profiles that differ in the same (GPU, model,
 * precision) and in nothing else, each left out in turn. The tensor-parallel degree stays. The result is graded
 * estimated. */
#ifndef KW_CALIBRATE_OPERATORS_SCALE_H
#define KW_CALIBRATE_OPERATORS_SCALE_H
#include <stdio.h>
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/profile.h"

struct kw_scale_to { /* NULL: as it is */
    const struct kw_gpu_spec *gpu;
    const struct kw_model_shape *model;
    const char *precision; /* bf16, fp16 or fp8 */
};

/* *out for what `to` names; errors by the published profiles in known to out and report. KW_ERANGE: a model or GPU is
 * not known, the GPU lacks the precision, the heads do not split, the weights do not fit, or known cannot tell the
 * error. *out is empty on failure. */
enum kw_status kw_scale(struct kw_profile *out, const struct kw_profile *from, const struct kw_scale_to *to,
                        const struct kw_profiles *known, FILE *report, struct kw_error *err);

#endif
