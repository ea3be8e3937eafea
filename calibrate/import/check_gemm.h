/* calibrate/import/check_gemm.h - fitted matrix products against tables of others that the fit never saw:
 * LLMServingSim's H100 layers (data/calibration/llmservingsim_h100) and vidur's A100 and H100 layers
 * (data/calibration/vidur). Other engines, other years: a second opinion, not a truth. */
#ifndef KW_CALIBRATE_IMPORT_CHECK_GEMM_H
#define KW_CALIBRATE_IMPORT_CHECK_GEMM_H
#include <stdio.h>
#include "calibrate/operators/fit_gemm.h"
#include "calibrate/operators/samples.h"

/* Appends one layer's rows: x = { tokens }. layer "q_proj"; file LLMServingSim's, a row a token count. */
enum kw_status kw_import_llmservingsim_layer(struct kw_samples *out, const char *path, const char *layer,
                                             struct kw_error *err);
/* Appends one operator's rows at tp workers, medians: x = { tokens }. op "mlp_up_proj"; file vidur's mlp.csv.gz. */
enum kw_status kw_import_vidur_layer(struct kw_samples *out, const char *path, const char *op, unsigned tp,
                                     struct kw_error *err);

/* A line a table of that GPU to report: how our bf16 products of its shapes compare at 1, 8, 64, 512 and 2048 tokens.
 * None for a GPU without such tables. */
enum kw_status kw_check_gemm(const struct kw_gemm_fit *f, const char *dir, const char *gpu, FILE *report,
                             struct kw_error *err);

#endif
