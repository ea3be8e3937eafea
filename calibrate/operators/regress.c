#include "calibrate/operators/regress.h"
#include <assert.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include "sim/core/ascending.h"

/* Fits the terms in use[0..m) by QR in memory of our own: gsl_multifit would do the same by SVD, but GSL neither frees
 * nor survives an allocation of its own that fails. GSL aborts on an error by default; its handler is off while we are
 * here. */
static enum kw_status fit(size_t n, size_t k, const double *x, const double *y, const double *scale, const size_t *use,
                          size_t m, double *c, struct kw_error *err)
{
    double *memory = malloc((n * m + 2 * n + 2 * m) * sizeof *memory);
    if (!memory) return kw_fail(err, KW_ENOMEM, "out of memory");
    gsl_matrix_view a = gsl_matrix_view_array(memory, n, m);
    gsl_vector_view right = gsl_vector_view_array(memory + n * m, n),
                    residual = gsl_vector_view_array(memory + n * m + n, n),
                    coef = gsl_vector_view_array(memory + n * m + 2 * n, m),
                    tau = gsl_vector_view_array(memory + n * m + 2 * n + m, m);
    for (size_t i = 0; i < n; i++) {
        gsl_vector_set(&right.vector, i, y[i] / scale[i]); /* rows divided by scale: weighted by plain least squares */
        for (size_t j = 0; j < m; j++) gsl_matrix_set(&a.matrix, i, j, x[i * k + use[j]] / scale[i]);
    }
    double norm[KW_REGRESS_MAX_TERMS];
    for (size_t j = 0; j < m; j++) {
        gsl_vector_view column = gsl_matrix_column(&a.matrix, j);
        norm[j] = gsl_blas_dnrm2(&column.vector);
    }
    gsl_error_handler_t *before = gsl_set_error_handler_off();
    int code = gsl_linalg_QR_decomp(&a.matrix, &tau.vector);
    for (size_t j = 0; !code && j < m; j++) /* a column that the ones before it give is no coefficient of its own */
        if (!(fabs(gsl_matrix_get(&a.matrix, j, j)) > 1e-10 * norm[j])) code = GSL_ESING;
    if (!code) code = gsl_linalg_QR_lssolve(&a.matrix, &tau.vector, &right.vector, &coef.vector, &residual.vector);
    gsl_set_error_handler(before);
    for (size_t j = 0; !code && j < m; j++) c[use[j]] = gsl_vector_get(&coef.vector, j);
    free(memory);
    return code ? kw_fail(err, KW_ERANGE, "least squares over %zu points: %s", n, gsl_strerror(code)) : KW_OK;
}

enum kw_status kw_regress(size_t n, size_t k, const double *x, const double *y, const double *scale, double *c,
                          struct kw_error *err)
{
    size_t use[KW_REGRESS_MAX_TERMS], m = k;
    assert(k >= 1 && k <= KW_REGRESS_MAX_TERMS);
    if (n < k) return kw_fail(err, KW_ERANGE, "%zu points for %zu coefficients", n, k);
    for (size_t j = 0; j < k; j++) use[j] = j;
    while (m) {
        for (size_t j = 0; j < k; j++) c[j] = 0;
        enum kw_status st = fit(n, k, x, y, scale ? scale : y, use, m, c, err);
        if (st != KW_OK) return st;
        size_t worst = 0;
        for (size_t j = 1; j < m; j++)
            if (c[use[j]] < c[use[worst]]) worst = j;
        if (!(c[use[worst]] < 0)) return KW_OK;
        for (size_t j = worst; j + 1 < m; j++) use[j] = use[j + 1];
        m--;
    }
    for (size_t j = 0; j < k; j++) c[j] = 0;
    return KW_OK;
}

void kw_regress_isotonic(double *y, size_t n)
{
    /* Blocks are kept in place: y[b] holds the mean of the block that ends at b, its length is found by equal values.
     */
    for (size_t i = 1; i < n; i++) {
        double sum = y[i];
        size_t first = i, count = 1;
        while (first > 0 && y[first - 1] > sum / (double)count) {
            first--;
            sum += y[first];
            count++;
        }
        for (size_t k = first; k <= i; k++) y[k] = sum / (double)count;
    }
}

void kw_regress_errors(double *e, size_t n, double *median, double *worst)
{
    *median = *worst = 0;
    if (!n) return;
    qsort(e, n, sizeof *e, kw_ascending);
    *median = n % 2 ? e[n / 2] : (e[n / 2 - 1] + e[n / 2]) / 2;
    *worst = e[n - 1];
}
