/* calibrate/scale.h - a profile measured on one GPU carried to another through the roofline (Williams et al., CACM 52(4),
 * 2009), for GPUs we could not measure. F FLOP/s and M bytes/s of the data sheets, g the GPU measured, h the other:
 *
 *   dense(n)    t0 + (t_g - t0) roof_h(n) / roof_g(n),   roof(n) = max(2 N n / F, W / M)
 *   head(n)     the same with lm_head's parameters, no t0
 *   decode      attention above its shortest context: times M_g / M_h;  prefill: above its fewest pairs, F_g / F_h
 *   fixed, t0   as measured: the host's time and 9 launches a layer of 1.3 us (ENGINE.md 2) do not change with the GPU
 *   all-reduce  times the ratio of link bandwidths
 *
 * Efficiency is taken as the measured GPU's; that it is not the same everywhere is the error. It is established by doing the
 * same between all GPUs whose published tables we hold, each left out in turn. The result is graded estimated. */
#ifndef KW_CALIBRATE_SCALE_H
#define KW_CALIBRATE_SCALE_H
#include <stdio.h>
#include "calibrate/gpu.h"
#include "calibrate/profile.h"

/* *out for the GPU `to`, errors from the published profiles in known (of from's precision, one GPU each) to out and report.
 * KW_ERANGE: from's model or GPU is not known, `to` lacks the precision, the weights do not fit, or known cannot tell the
 * error. *out is empty on failure. */
enum kw_status kw_scale(struct kw_profile *out, const struct kw_profile *from, const struct kw_gpu_spec *to,
                        const struct kw_profiles *known, FILE *report, struct kw_error *err);

#endif
