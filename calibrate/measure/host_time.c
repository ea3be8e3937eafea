#include "calibrate/measure/host_time.h"
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include "calibrate/operators/regress.h"

enum { TERMS = KW_HOST_TERMS };

void kw_host_time_add(struct kw_step_tables *t, const struct kw_host_time *h)
{
    t->fixed_s += h->fixed_s;
    t->sequence_s += h->sequence_s;
    t->chunk_s += h->chunk_s;
}

static void features(const struct kw_host_point *p, double x[TERMS])
{
    x[0] = p->steps;
    x[1] = p->sequences;
    x[2] = p->chunks;
    x[3] = p->kernel_s;
    x[4] = p->links_s;
}

/* Square roots of the diagonal of variance (X'X)^-1 of the m terms use[], rows divided by what was measured. */
static enum kw_status standard_errors(const struct kw_host_point *p, size_t n, const int *use, size_t m,
                                      double variance, double error[TERMS], struct kw_error *err)
{
    double square[TERMS * TERMS] = { 0 }, norm[TERMS], x[TERMS];
    for (size_t i = 0; i < n; i++) {
        features(&p[i], x);
        for (size_t a = 0; a < m; a++)
            for (size_t b = 0; b < m; b++)
                square[a * m + b] += x[use[a]] * x[use[b]] / (p[i].measured_s * p[i].measured_s);
    }
    for (size_t a = 0; a < m; a++)
        norm[a] = sqrt(square[a * m + a]); /* counts and seconds: brought to one size first */
    for (size_t a = 0; a < m; a++)
        for (size_t b = 0; b < m; b++) square[a * m + b] /= norm[a] * norm[b];
    gsl_matrix_view v = gsl_matrix_view_array(square, m, m);
    gsl_error_handler_t *before = gsl_set_error_handler_off();
    int code = gsl_linalg_cholesky_decomp1(&v.matrix);
    if (!code) code = gsl_linalg_cholesky_invert(&v.matrix);
    gsl_set_error_handler(before);
    if (code) return kw_fail(err, KW_ERANGE, "host time over %zu points: they cannot tell the terms apart", n);
    for (size_t a = 0; a < m; a++) error[use[a]] = sqrt(variance * square[a * m + a]) / norm[a];
    return KW_OK;
}

enum kw_status kw_host_time_fit(struct kw_host_fit *f, const struct kw_host_point *p, size_t n, unsigned terms,
                                struct kw_error *err)
{
    int use[TERMS];
    size_t k = 0, m = 0;
    const bool kernels = terms & KW_HOST_KERNELS, links = terms & KW_HOST_LINKS;
    for (int j = 0; j < TERMS; j++)
        if (terms >> j & 1) use[k++] = j;
    if (!k) return kw_fail(err, KW_ERANGE, "host time: no term to fit");
    double *x = malloc(n * (k + 2) * sizeof *x + 1), *y = x ? x + n * k : NULL, *scale = x ? y + n : NULL;
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        double all[TERMS];
        features(&p[i], all);
        for (size_t j = 0; j < k; j++) x[i * k + j] = all[use[j]];
        y[i] = p[i].measured_s - (kernels ? 0 : p[i].kernel_s) - (links ? 0 : p[i].links_s);
        scale[i] = p[i].measured_s;
    }
    double c[TERMS] = { 0 }, at[TERMS] = { 0, 0, 0, kernels ? 0 : 1, links ? 0 : 1 }, sum = 0;
    enum kw_status st = kw_regress(n, k, x, y, scale, c, err);
    free(x);
    if (st != KW_OK) return st;
    for (size_t j = 0; j < k; j++) {
        at[use[j]] = c[j];
        if (c[j] > 0) use[m++] = use[j]; /* those that stayed; m <= j */
    }
    for (size_t i = 0; i < n; i++) {
        double all[TERMS], fitted = 0;
        features(&p[i], all);
        for (int j = 0; j < TERMS; j++) fitted += at[j] * all[j];
        sum += pow(fitted / p[i].measured_s - 1, 2);
    }
    struct kw_host_fit fit = {
        { at[0], at[1], at[2] }, at[3], at[4], { NAN, NAN, NAN, NAN, NAN }, sqrt(sum / (double)n)
    };
    if (n > m && m) st = standard_errors(p, n, use, m, sum / (double)(n - m), fit.error, err);
    if (st == KW_OK) *f = fit;
    return st;
}
