/* calibrate/operators/fit_decode.h - decode attention of one layer from a table over (batch B, context C of every
 * sequence):
 *
 *   t(B, C) = (a + b B + c S) (1 + r(B, C)),   S = B C
 *
 * the three-term regression in the relative error, with its relative residual r bilinear in (ln B, ln C) inside the
 * measured grid, so a measured point gives its own time back (a batch size measured at few contexts goes on beyond them
 * as its neighbours do); outside the grid r is that of the edge and t goes on with the slope c (ENGINE.md section 4; S,
 * not the mean context, is the feature). */
#ifndef KW_CALIBRATE_OPERATORS_FIT_DECODE_H
#define KW_CALIBRATE_OPERATORS_FIT_DECODE_H
#include "calibrate/operators/samples.h"
#include "calibrate/profile/steptime.h"

struct kw_decode_fit { /* owns its arrays */
    double a, b, c;
    size_t n_b, n_c;
    double *batch, *context; /* ascending */
    double *r;               /* [n_b][n_c]; NAN where not measured */
};
/* points: x = { heads, kv_heads, batch, context }, one (heads, kv_heads) only is used. KW_ERANGE: fewer than 6 points.
 */
enum kw_status kw_decode_fit(struct kw_decode_fit *f, const struct kw_samples *points, double heads, double kv_heads,
                             struct kw_error *err);
void kw_decode_fit_free(struct kw_decode_fit *f);

#define KW_DECODE_ALL ((size_t)-1)
/* Seconds at (B, C). skip_b, skip_c: one point of the grid, or with skip_c KW_DECODE_ALL a whole batch row, not to use.
 */
double kw_decode_fit_s(const struct kw_decode_fit *f, double batch, double context, size_t skip_b, size_t skip_c);
/* The measured time at a grid point; NAN where not measured. */
double kw_decode_fit_measured_s(const struct kw_decode_fit *f, size_t b, size_t c);
/* Largest context measured at this batch size or a larger one; beyond it the fit extrapolates. */
double kw_decode_fit_reach(const struct kw_decode_fit *f, double batch);

/* The curve over S of `layers` layers at a batch, in units of the table's KV heads: ratio = ours / the table's. A batch
 * that comes to less than one of the table's sequences is read as a shorter one. Measured contexts, non-decreasing;
 * beyond them the regression's slope. */
enum kw_status kw_decode_fit_row(const struct kw_decode_fit *f, double batch, double ratio, double layers,
                                 struct kw_curve *row, struct kw_error *err);

#endif
