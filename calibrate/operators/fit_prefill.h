/* calibrate/operators/fit_prefill.h - prefill attention of one layer from tables over T tokens, P query-key pairs (b
 * whole prompts of s: T = b s, P = b s^2 / 2; a chunk of T after `past`: P = T past + T^2 / 2) and h query heads:
 *
 *   t = (a + g h T + c h P) (1 + r(sqrt(h P)))
 *
 * the regression in the relative error over all rows; its relative residual from the single whole prompts, linear on a
 * square root axis (ENGINE.md section 4). Work grows with h: a GPU's share of the heads under tensor parallelism is the
 * same kernel with fewer of them. */
#ifndef KW_CALIBRATE_OPERATORS_FIT_PREFILL_H
#define KW_CALIBRATE_OPERATORS_FIT_PREFILL_H
#include "calibrate/operators/samples.h"

struct kw_prefill_fit { /* owns its arrays */
    double a, g, c;
    size_t n;
    double *root, *r; /* [n] sqrt(h P) ascending, residual */
};
/* points: x = { heads, T, P, prompts }. KW_ERANGE: fewer than 6 points or no single whole prompt. */
enum kw_status kw_prefill_fit(struct kw_prefill_fit *f, const struct kw_samples *points, struct kw_error *err);
void kw_prefill_fit_free(struct kw_prefill_fit *f);
/* Seconds for T tokens and P pairs with h heads. skip_root: a residual not to use (leave-out), or < 0. */
double kw_prefill_fit_s(const struct kw_prefill_fit *f, double heads, double tokens, double pairs, double skip_root);

#endif
