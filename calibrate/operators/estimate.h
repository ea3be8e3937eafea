/* calibrate/operators/estimate.h - the kernels of a GPU that nobody published tables for, from its data sheet and the
 * efficiencies of those that have tables (H100, H200, A100-80, L40S, B200). Three laws, each a start-up time and a part
 * a regime:
 *
 *   GEMM      t = t0 + 2 m n k / (e F) + bytes / (e' M)
 *   decode    t = a + b B g + 4 hd g S / (e M)          attention of one layer, g KV heads of hd values, 2 B a value
 *   prefill   t = a + 4 hd h T / (e F) 128 + 4 hd h P / (e' F)   h query heads, 2 flops a multiply-add, scores and
 *             values
 *
 * F FLOP/s and M B/s of the data sheet (roofline; Williams et al., CACM 52(4), 2009). Each donor is fitted alone in the
 * relative error; the estimate takes the mean start-up times and the mean 1/e. Its error is that of predicting a donor
 * from the others, whole steps of Llama-3.1-8B, and of predicting the two boards of vllm_bench, which are never donors.
 * */
#ifndef KW_CALIBRATE_OPERATORS_ESTIMATE_H
#define KW_CALIBRATE_OPERATORS_ESTIMATE_H
#include "calibrate/operators/operators.h"
#include "calibrate/profile/profile.h"

struct kw_efficiency {
    double gemm[3];    /* s, 1/e of F, 1/e of M */
    double decode[3];  /* s, s a sequence and KV head, 1/e of M */
    double prefill[3]; /* s, 1/e of F, 1/e of F */
};
/* From the tables of one GPU. */
enum kw_status kw_efficiency_fit(struct kw_efficiency *e, const struct kw_operators *op, double operand_bytes,
                                 struct kw_error *err);

/* Linear layers, lm_head and attention of op->gpu (set) by the mean efficiency of the donors other than `except` (a
 * name, or NULL). precision "fp8" takes fp8 donors for the linear layers. Names and spread of the efficiencies to
 * report. */
enum kw_status kw_estimate_operators(struct kw_operators *op, const char *dir, const char *precision,
                                     const char *except, FILE *report, struct kw_error *err);

/* The four error fields of p: leave one GPU out, over decode steps (batch 1..128, context 512..8192) and prefill steps
 * (512.. 8192 tokens) of Llama-3.1-8B at tp 1 in that precision. A line a GPU to report. */
enum kw_status kw_estimate_errors(struct kw_profile *p, const char *dir, const char *precision, FILE *report,
                                  struct kw_error *err);

#endif
