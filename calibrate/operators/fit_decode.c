#include "calibrate/operators/fit_decode.h"
#include <math.h>
#include <stdlib.h>
#include "calibrate/profile/curve.h"
#include "calibrate/operators/regress.h"
#include "sim/core/ascending.h"

static size_t find(double *v, size_t *n, double x)
{
    for (size_t i = 0; i < *n; i++)
        if (v[i] == x) return i;
    v[*n] = x;
    return (*n)++;
}

void kw_decode_fit_free(struct kw_decode_fit *f)
{
    free(f->batch);
    free(f->context);
    free(f->r);
    *f = (struct kw_decode_fit){ 0 };
}

static double bare(const struct kw_decode_fit *f, double batch, double context)
{
    return f->a + f->b * batch + f->c * batch * context;
}

enum kw_status kw_decode_fit(struct kw_decode_fit *f, const struct kw_samples *points, double heads, double kv_heads,
                             struct kw_error *err)
{
    double *x = malloc((points->n * 4 + 1) * sizeof *x), *y = x ? x + points->n * 3 : NULL, coef[3];
    size_t n = 0;
    *f = (struct kw_decode_fit){ 0 };
    f->batch = malloc((points->n + 1) * sizeof *f->batch);
    f->context = malloc((points->n + 1) * sizeof *f->context);
    enum kw_status st = x && f->batch && f->context ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; st == KW_OK && i < points->n; i++) {
        const struct kw_sample *p = &points->p[i];
        if (p->x[0] != heads || p->x[1] != kv_heads) continue;
        find(f->batch, &f->n_b, p->x[2]);
        find(f->context, &f->n_c, p->x[3]);
        x[n * 3] = 1;
        x[n * 3 + 1] = p->x[2];
        x[n * 3 + 2] = p->x[2] * p->x[3];
        y[n++] = p->s;
    }
    if (st == KW_OK && n < 6)
        st = kw_fail(err, KW_ERANGE, "%zu decode attention points with %g heads and %g KV heads, want 6", n, heads,
                     kv_heads);
    if (st == KW_OK) st = kw_regress(n, 3, x, y, NULL, coef, err);
    if (st == KW_OK) {
        f->a = coef[0];
        f->b = coef[1];
        f->c = coef[2];
        qsort(f->batch, f->n_b, sizeof *f->batch, kw_ascending);
        qsort(f->context, f->n_c, sizeof *f->context, kw_ascending);
        f->r = malloc(f->n_b * f->n_c * sizeof *f->r);
        if (!f->r) st = kw_fail(err, KW_ENOMEM, "out of memory");
    }
    for (size_t i = 0; st == KW_OK && i < f->n_b * f->n_c; i++) f->r[i] = NAN;
    for (size_t i = 0; st == KW_OK && i < points->n; i++) {
        const struct kw_sample *p = &points->p[i];
        if (p->x[0] != heads || p->x[1] != kv_heads) continue;
        size_t b = find(f->batch, &f->n_b, p->x[2]), c = find(f->context, &f->n_c, p->x[3]);
        f->r[b * f->n_c + c] = p->s / bare(f, p->x[2], p->x[3]) - 1;
    }
    free(x);
    if (st != KW_OK) kw_decode_fit_free(f);
    return st;
}

/* Measured contexts of a row on both sides of one; f->n_c where there is none. */
static void sides(const struct kw_decode_fit *f, size_t row, double context, size_t skip_b, size_t skip_c, size_t *lo,
                  size_t *hi)
{
    const double *r = &f->r[row * f->n_c];
    *lo = *hi = f->n_c;
    for (size_t j = 0; j < f->n_c; j++) {
        if (isnan(r[j]) || (row == skip_b && (skip_c == KW_DECODE_ALL || skip_c == j))) continue;
        if (f->context[j] <= context) *lo = j;
        if (f->context[j] >= context && *hi == f->n_c) *hi = j;
    }
}

static double between(const struct kw_decode_fit *f, size_t row, double context, size_t lo, size_t hi)
{
    const double *r = &f->r[row * f->n_c];
    if (lo == hi) return r[lo];
    return r[lo] + (r[hi] - r[lo]) * log(context / f->context[lo]) / log(f->context[hi] / f->context[lo]);
}

static double grid_s(const struct kw_decode_fit *f, size_t row, double context, double r)
{
    return bare(f, f->batch[row], context) * (1 + r);
}

/* Seconds a sequence that a step grows by from context `edge` to `to`, in the nearest rows that were measured around
 * both. */
static double growth_beside(const struct kw_decode_fit *f, size_t row, double edge, double to, size_t skip_b,
                            size_t skip_c)
{
    double growth[2] = { NAN, NAN }, at[2] = { 0 };
    for (int side = 0; side < 2; side++)
        for (size_t i = row; isnan(growth[side]) && (side ? i + 1 < f->n_b : i > 0);) {
            size_t lo, hi, lo_edge, hi_edge;
            i += side ? 1 : (size_t)-1;
            sides(f, i, to, skip_b, skip_c, &lo, &hi);
            sides(f, i, edge, skip_b, skip_c, &lo_edge, &hi_edge);
            if (lo == f->n_c || hi == f->n_c || lo_edge == f->n_c || hi_edge == f->n_c) continue;
            growth[side] = (grid_s(f, i, to, between(f, i, to, lo, hi)) -
                            grid_s(f, i, edge, between(f, i, edge, lo_edge, hi_edge))) /
                           f->batch[i];
            at[side] = log(f->batch[i]);
        }
    if (isnan(growth[0])) return growth[1];
    if (isnan(growth[1])) return growth[0];
    return growth[0] + (growth[1] - growth[0]) * (log(f->batch[row]) - at[0]) / (at[1] - at[0]);
}

/* Residual of one batch row at a context: linear in ln C between its measured points; beyond them the step grows as in
 * the rows beside it, or the residual stays; NAN for an empty row. */
static double row_residual(const struct kw_decode_fit *f, size_t row, double context, size_t skip_b, size_t skip_c)
{
    size_t lo, hi;
    sides(f, row, context, skip_b, skip_c, &lo, &hi);
    if (lo == f->n_c && hi == f->n_c) return NAN;
    if (lo != f->n_c && hi != f->n_c) return between(f, row, context, lo, hi);
    size_t at = lo == f->n_c ? hi : lo;
    double edge = f->context[at], r = f->r[row * f->n_c + at],
           growth = growth_beside(f, row, edge, context, skip_b, skip_c);
    if (isnan(growth)) return r;
    return (grid_s(f, row, edge, r) + f->batch[row] * growth) / bare(f, f->batch[row], context) - 1;
}

double kw_decode_fit_s(const struct kw_decode_fit *f, double batch, double context, size_t skip_b, size_t skip_c)
{
    size_t lo = f->n_b, hi = f->n_b;
    double r_lo = 0, r_hi = 0;
    for (size_t i = 0; i < f->n_b; i++) {
        if (lo != f->n_b && hi != f->n_b && f->batch[i] > f->batch[hi]) break;
        double r = row_residual(f, i, context, skip_b, skip_c);
        if (isnan(r)) continue;
        if (f->batch[i] <= batch) {
            lo = i;
            r_lo = r;
        }
        if (f->batch[i] >= batch && hi == f->n_b) {
            hi = i;
            r_hi = r;
        }
    }
    double r = 0;
    if (lo == f->n_b)
        r = hi == f->n_b ? 0 : r_hi;
    else if (hi == f->n_b || lo == hi)
        r = r_lo;
    else
        r = r_lo + (r_hi - r_lo) * log(batch / f->batch[lo]) / log(f->batch[hi] / f->batch[lo]);
    double reach = kw_decode_fit_reach(f, batch), inside = fmin(context, reach);
    return bare(f, batch, inside) * (1 + r) + f->c * batch * (context - inside);
}

double kw_decode_fit_measured_s(const struct kw_decode_fit *f, size_t b, size_t c)
{
    double r = f->r[b * f->n_c + c];
    return isnan(r) ? NAN : bare(f, f->batch[b], f->context[c]) * (1 + r);
}

double kw_decode_fit_reach(const struct kw_decode_fit *f, double batch)
{
    double reach = 0;
    for (size_t i = f->n_b; i-- > 0;) {
        if (f->batch[i] < batch && reach > 0) break; /* beyond the last row: that one */
        for (size_t c = f->n_c; c-- > 0;)
            if (!isnan(f->r[i * f->n_c + c])) {
                reach = fmax(reach, f->context[c]);
                break;
            }
    }
    return reach;
}

enum kw_status kw_decode_fit_row(const struct kw_decode_fit *f, double batch, double ratio, double layers,
                                 struct kw_curve *row, struct kw_error *err)
{
    double b = batch * ratio, shrink = b < 1 ? b : 1; /* contexts stretch where the batch would fall below one */
    double reach = kw_decode_fit_reach(f, b < 1 ? 1 : b);
    enum kw_status st = kw_curve_new(row, f->n_c + 1, err);
    if (st != KW_OK) return st;
    for (size_t j = 0; j < f->n_c && f->context[j] <= reach; j++)
        kw_curve_put(row, batch * f->context[j] / shrink,
                     layers * kw_decode_fit_s(f, b < 1 ? 1 : b, f->context[j], KW_DECODE_ALL, 0));
    kw_regress_isotonic(row->y, row->n);
    double s = row->x[row->n - 1];
    kw_curve_put(row, 4 * s,
                 row->y[row->n - 1] + layers * f->c * ratio * 3 * s); /* a curve goes on with its last slope */
    return KW_OK;
}
