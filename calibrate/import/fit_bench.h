/* calibrate/import/fit_bench.h - step tables of a board and model whose own kernels were timed
 * (data/calibration/vllm_bench): no utilisation borrowed, every layer as measured.
 *
 *   dense(tokens)   = L [ qkv + o + gate_up + down + 2 norm + rope + act ] + embedding + last norm, at the tokens a
 *                     CUDA graph pads them to
 *   head(sequences) = lm_head + sampler
 *   decode(B, S)    = L attention(0, 0, B, S/B)
 *   prefill(P, T)   = L attention(T, past, 0, 0), the regression of fit_prefill.h in P = T past + T^2/2 and T */
#ifndef KW_CALIBRATE_IMPORT_FIT_BENCH_H
#define KW_CALIBRATE_IMPORT_FIT_BENCH_H
#include <stdio.h>
#include "calibrate/operators/samples.h"
#include "calibrate/profile/profile.h"

/* dir: a run's directory with profile_dense.csv, profile_per_sequence.csv and profile_attention.csv.gz. Fills p->tables
 * and the error fields (a point or prompt left out); lines to report. */
enum kw_status kw_fit_bench(struct kw_profile *p, const char *dir, const struct kw_model_shape *m, FILE *report,
                            struct kw_error *err);

/* What decode attention beside prefill costs on that board against decode alone: *context_ratio, its time a context
 * token over that of a pure-decode step; law's sequence_s and pair_s for one layer of 32 query heads (law->context_s
 * too). */
enum kw_status kw_bench_mixed(struct kw_step_mixed *law, double *context_ratio, const char *dir, FILE *report,
                              struct kw_error *err);

#endif
