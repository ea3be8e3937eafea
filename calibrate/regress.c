#include "calibrate/regress.h"
#include <assert.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

/* Fits the terms in use[0..m) by QR: gsl_multifit would do the same by SVD, but allocates inside and does not survive it
 * when that fails. GSL aborts on an error by default; its handler is off while we are in here. */
static enum kw_status fit(size_t n, size_t k, const double *x, const double *y, const double *scale, const size_t *use,
                          size_t m, double *c, struct kw_error *err)
{
    gsl_error_handler_t *before = gsl_set_error_handler_off();
    gsl_matrix *a = gsl_matrix_alloc(n, m);
    gsl_vector *one = gsl_vector_alloc(n), *residual = gsl_vector_alloc(n), *coef = gsl_vector_alloc(m),
               *tau = gsl_vector_alloc(m);
    enum kw_status st = KW_OK;
    if (!a || !one || !residual || !coef || !tau) {
        st = kw_fail(err, KW_ENOMEM, "out of memory");
    } else {
        for (size_t i = 0; i < n; i++) {
            gsl_vector_set(one, i, y[i] / scale[i]); /* rows divided by scale: weighted by plain least squares */
            for (size_t j = 0; j < m; j++) gsl_matrix_set(a, i, j, x[i * k + use[j]] / scale[i]);
        }
        double norm[KW_REGRESS_MAX_TERMS];
        for (size_t j = 0; j < m; j++) {
            gsl_vector_view column = gsl_matrix_column(a, j);
            norm[j] = gsl_blas_dnrm2(&column.vector);
        }
        int code = gsl_linalg_QR_decomp(a, tau);
        for (size_t j = 0; !code && j < m; j++) /* a column that the ones before it give is no coefficient of its own */
            if (!(fabs(gsl_matrix_get(a, j, j)) > 1e-10 * norm[j])) code = GSL_ESING;
        if (!code) code = gsl_linalg_QR_lssolve(a, tau, one, coef, residual);
        if (code) st = kw_fail(err, KW_ERANGE, "least squares over %zu points: %s", n, gsl_strerror(code));
        for (size_t j = 0; st == KW_OK && j < m; j++) c[use[j]] = gsl_vector_get(coef, j);
    }
    if (a) gsl_matrix_free(a);
    if (one) gsl_vector_free(one);
    if (residual) gsl_vector_free(residual);
    if (coef) gsl_vector_free(coef);
    if (tau) gsl_vector_free(tau);
    gsl_set_error_handler(before);
    return st;
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
    /* Blocks are kept in place: y[b] holds the mean of the block that ends at b, its length is found by equal values. */
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

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void kw_regress_errors(double *e, size_t n, double *median, double *worst)
{
    *median = *worst = 0;
    if (!n) return;
    qsort(e, n, sizeof *e, ascending);
    *median = n % 2 ? e[n / 2] : (e[n / 2 - 1] + e[n / 2]) / 2;
    *worst = e[n - 1];
}
