/* calibrate/operators/regress.h - least squares in the relative error, with coefficients that cannot be negative. */
#ifndef KW_CALIBRATE_OPERATORS_REGRESS_H
#define KW_CALIBRATE_OPERATORS_REGRESS_H
#include <stddef.h>
#include "sim/core/status.h"

#define KW_REGRESS_MAX_TERMS 5

/* Coefficients c >= 0 that minimise sum_i ((sum_j c[j] x[i*k + j] - y[i]) / scale[i])^2 over n rows of k terms
 * (Householder QR, GSL). scale NULL: y itself, the relative error; times span four decades and each counts alike. A
 * term whose best coefficient is negative is dropped (most negative first) and the rest fitted again; a physical cost
 * is not negative. scale > 0. KW_ERANGE when n < k or the system cannot be solved; KW_ENOMEM. */
enum kw_status kw_regress(size_t n, size_t k, const double *x, const double *y, const double *scale, double *c,
                          struct kw_error *err);

/* Makes y[0..n) non-decreasing with the least change in squares (pool adjacent violators, Ayer et al. 1955). */
void kw_regress_isotonic(double *y, size_t n);

/* Median and largest of e[0..n) >= 0, which it sorts; both 0 when n is 0. */
void kw_regress_errors(double *e, size_t n, double *median, double *worst);

#endif
