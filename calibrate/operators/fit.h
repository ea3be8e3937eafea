/* calibrate/operators/fit.h - step tables of one model on one GPU type (tp of them) from operator tables.
 *
 *   dense(tokens)   = L [ qkv + o + gate_up + down + 2 norm + rope + act ] + embedding + last norm, at the tokens a
 *                     CUDA graph pads them to (vLLM: 1, 2, 4, 8, 16, 24 ... 256, 272 ... 512)
 *   head(sequences) = lm_head (bf16) + sampler
 *   decode(B, S)    = L attention of fit_decode.h, rows at the table's batch sizes
 *   prefill(P, T)   = L attention of fit_prefill.h
 *   comm(tokens)    = 2 L all-reduce(2 tokens hidden bytes), the row-parallel sums after o and down
 *
 * Under tensor parallelism each GPU holds 1/tp of the columns (qkv, gate_up, lm_head) or rows (o, down) and of the
 * heads (Megatron-LM, arXiv:1909.08053). Decode attention reads KV heads, so g = max(1, kv_heads / tp) of them and
 * batch B cost what the table's g0 heads cost at batch B g / g0. */
#ifndef KW_CALIBRATE_OPERATORS_FIT_H
#define KW_CALIBRATE_OPERATORS_FIT_H
#include <stdio.h>
#include "calibrate/operators/operators.h"
#include "calibrate/profile/profile.h"

/* Fills p->tables and the four error fields from op; everything else of p is the caller's. Leave-out errors, their
 * worst points and where the fit extrapolates go to report as text lines. KW_ERANGE: no table fits the shape. */
enum kw_status kw_fit(struct kw_profile *p, const struct kw_operators *op, const struct kw_model_shape *m, unsigned tp,
                      FILE *report, struct kw_error *err);

/* Tokens a vLLM step of n runs at: the next captured CUDA graph size up to 512, n itself above. */
double kw_fit_padded(double n);

#endif
