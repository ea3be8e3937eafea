#include "calibrate/operators/fit_gemm.h"
#include <math.h>
#include <stdlib.h>
#include "calibrate/operators/regress.h"
#include "sim/core/ascending.h"

#define NEAREST 4

static double roof(const struct kw_gemm_fit *f, double m, double n, double k)
{
    double compute = 2 * m * n * k / f->flops;
    double bytes = f->operand_bytes * (n * k + m * k) + 2 * m * n;
    return fmax(compute, bytes / f->bandwidth);
}

static size_t find(double *v, size_t *n, double x) /* index of x in v, appended when new */
{
    for (size_t i = 0; i < *n; i++)
        if (v[i] == x) return i;
    v[*n] = x;
    return (*n)++;
}

void kw_gemm_fit_free(struct kw_gemm_fit *f)
{
    free(f->n);
    free(f->k);
    free(f->m);
    free(f->log_u);
    free(f->floor_s);
    *f = (struct kw_gemm_fit){ 0 };
}

size_t kw_gemm_fit_site(const struct kw_gemm_fit *f, double n, double k)
{
    for (size_t i = 0; i < f->n_sites; i++)
        if (f->n[i] == n && f->k[i] == k) return i;
    return KW_GEMM_NO_SITE;
}

enum kw_status kw_gemm_fit(struct kw_gemm_fit *f, const struct kw_samples *points, double flops, double bandwidth,
                           double operand_bytes, struct kw_error *err)
{
    size_t np = points->n;
    *f = (struct kw_gemm_fit){ .flops = flops, .bandwidth = bandwidth, .operand_bytes = operand_bytes };
    if (!np) return kw_fail(err, KW_ERANGE, "no matrix products to fit");
    f->n = malloc(np * sizeof *f->n);
    f->k = malloc(np * sizeof *f->k);
    f->m = malloc(np * sizeof *f->m);
    if (!f->n || !f->k || !f->m) goto nomem;
    for (size_t i = 0; i < np; i++) {
        const double *x = points->p[i].x;
        find(f->m, &f->n_m, x[0]);
        if (kw_gemm_fit_site(f, x[1], x[2]) != KW_GEMM_NO_SITE) continue;
        f->n[f->n_sites] = x[1];
        f->k[f->n_sites++] = x[2];
    }
    qsort(f->m, f->n_m, sizeof *f->m, kw_ascending);
    f->log_u = malloc(f->n_sites * f->n_m * sizeof *f->log_u);
    f->floor_s = malloc(f->n_m * sizeof *f->floor_s);
    if (!f->log_u || !f->floor_s) goto nomem;
    for (size_t i = 0; i < f->n_sites * f->n_m; i++) f->log_u[i] = NAN;
    for (size_t j = 0; j < f->n_m; j++) f->floor_s[j] = INFINITY;
    for (size_t i = 0; i < np; i++) {
        const struct kw_sample *p = &points->p[i];
        size_t site = kw_gemm_fit_site(f, p->x[1], p->x[2]), j = find(f->m, &f->n_m, p->x[0]);
        f->log_u[site * f->n_m + j] = log(roof(f, p->x[0], p->x[1], p->x[2]) / p->s);
        f->floor_s[j] = fmin(f->floor_s[j], p->s);
    }
    return KW_OK;
nomem:
    kw_gemm_fit_free(f);
    return kw_fail(err, KW_ENOMEM, "out of memory");
}

/* ln u of one site at m: linear in ln m over the measured ones, flat beyond. NAN for a site with none. */
static double site_log_u(const struct kw_gemm_fit *f, size_t site, double m)
{
    const double *u = &f->log_u[site * f->n_m];
    size_t lo = f->n_m, hi = f->n_m;
    for (size_t j = 0; j < f->n_m; j++) {
        if (isnan(u[j])) continue;
        if (f->m[j] <= m) lo = j;
        if (f->m[j] >= m && hi == f->n_m) hi = j;
    }
    if (lo == f->n_m) return hi == f->n_m ? NAN : u[hi];
    if (hi == f->n_m || lo == hi) return u[lo];
    return u[lo] + (u[hi] - u[lo]) * log(m / f->m[lo]) / log(f->m[hi] / f->m[lo]);
}

static double floor_at(const struct kw_gemm_fit *f, double m)
{
    size_t j = 0;
    while (j + 1 < f->n_m && f->m[j + 1] <= m) j++;
    return f->floor_s[j];
}

double kw_gemm_fit_s(const struct kw_gemm_fit *f, double m, double n, double k, size_t leave_out)
{
    double d[NEAREST], u[NEAREST];
    size_t found = 0;
    for (size_t i = 0; i < f->n_sites; i++) {
        double dn = log(n / f->n[i]), dk = log(k / f->k[i]), di = dn * dn + dk * dk, ui = site_log_u(f, i, m);
        if (i == leave_out || isnan(ui)) continue;
        size_t at = found; /* insertion keeps the nearest first; a tie keeps the earlier site */
        while (at > 0 && d[at - 1] > di) at--;
        if (at == NEAREST) continue;
        if (found < NEAREST) found++;
        for (size_t j = found - 1; j > at; j--) {
            d[j] = d[j - 1];
            u[j] = u[j - 1];
        }
        d[at] = di;
        u[at] = ui;
    }
    if (!found) return NAN;
    double sum = 0, weight = 0;
    for (size_t j = 0; j < found; j++) {
        if (d[j] == 0) {
            sum = u[j];
            weight = 1;
            break;
        }
        sum += u[j] / d[j];
        weight += 1 / d[j];
    }
    return fmax(roof(f, m, n, k) / exp(sum / weight), floor_at(f, m));
}

double kw_gemm_fit_measured_s(const struct kw_gemm_fit *f, size_t i, size_t j)
{
    return roof(f, f->m[j], f->n[i], f->k[i]) / exp(f->log_u[i * f->n_m + j]);
}

enum kw_status kw_gemm_fit_errors(const struct kw_gemm_fit *f, double *median, double *worst, double worst_at[3],
                                  struct kw_error *err)
{
    double *e = malloc(f->n_sites * f->n_m * sizeof *e), top = -1;
    size_t ne = 0;
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->n_sites; i++)
        for (size_t j = 0; j < f->n_m; j++) {
            double real = kw_gemm_fit_measured_s(f, i, j);
            if (isnan(real)) continue;
            e[ne] = fabs(kw_gemm_fit_s(f, f->m[j], f->n[i], f->k[i], i) / real - 1);
            if (e[ne] > top) {
                top = e[ne];
                worst_at[0] = f->m[j];
                worst_at[1] = f->n[i];
                worst_at[2] = f->k[i];
            }
            ne++;
        }
    kw_regress_errors(e, ne, median, worst);
    free(e);
    return KW_OK;
}
