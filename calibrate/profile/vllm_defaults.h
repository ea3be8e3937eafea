/* calibrate/profile/vllm_defaults.h - what a profile of vLLM holds where nobody said otherwise: limits of a batch, and how
 * long the engine takes to start. */
#ifndef KW_CALIBRATE_PROFILE_VLLM_DEFAULTS_H
#define KW_CALIBRATE_PROFILE_VLLM_DEFAULTS_H
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/profile.h"

/* Which of vLLM's defaults hold: it gives GPUs of 70 GiB and more, A100 apart, larger batches
 * (vllm/engine/arg_utils.py, 0.19, API server). */
void kw_vllm_limits(struct kw_profile *p, const struct kw_gpu_spec *g);
/* ENGINE.md 1: vLLM's 8B start takes 14 s with its compile cache and 39 s without. One start in two is taken to be
 * either, which is an assumption; one in twenty takes twice the median or more, as starts that were measured do (issue 14:
 * p95/p50 of 2); and a larger model takes as much more as it has layers to compile and capture. */
void kw_vllm_init(struct kw_profile *p, const struct kw_model_shape *m);
/* load_rate: from where nobody says weights lie; cached_load_rate: from the node's own disk. Over p->tp GPUs. */
enum kw_status kw_vllm_load_rates(struct kw_profile *p, struct kw_error *err);

#endif
