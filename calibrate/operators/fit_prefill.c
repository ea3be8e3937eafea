#include "calibrate/operators/fit_prefill.h"
#include <math.h>
#include <stdlib.h>
#include "calibrate/operators/regress.h"

void kw_prefill_fit_free(struct kw_prefill_fit *f)
{
    free(f->root);
    free(f->r);
    *f = (struct kw_prefill_fit){ 0 };
}

static double bare(const struct kw_prefill_fit *f, double heads, double tokens, double pairs)
{
    return f->a + f->g * heads * tokens + f->c * heads * pairs;
}

/* Keeps (root, r) ascending; two prompts of the same work (other heads, or a measurement repeated) share a mean. */
static void add_residual(struct kw_prefill_fit *f, double *count, double root, double r)
{
    size_t at = f->n;
    while (at > 0 && f->root[at - 1] > root) at--;
    if (at > 0 && f->root[at - 1] == root) {
        count[at - 1]++;
        f->r[at - 1] += (r - f->r[at - 1]) / count[at - 1];
        return;
    }
    for (size_t j = f->n; j > at; j--) {
        f->root[j] = f->root[j - 1];
        f->r[j] = f->r[j - 1];
        count[j] = count[j - 1];
    }
    f->root[at] = root;
    f->r[at] = r;
    count[at] = 1;
    f->n++;
}

enum kw_status kw_prefill_fit(struct kw_prefill_fit *f, const struct kw_samples *points, struct kw_error *err)
{
    size_t n = points->n;
    double *x = malloc((n * 5 + 1) * sizeof *x), coef[3];
    *f = (struct kw_prefill_fit){ 0 };
    f->root = malloc((n + 1) * sizeof *f->root);
    f->r = malloc((n + 1) * sizeof *f->r);
    enum kw_status st = x && f->root && f->r ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK && n < 6) st = kw_fail(err, KW_ERANGE, "%zu prefill attention points, want 6", n);
    if (st == KW_OK) {
        double *y = x + 3 * n, *count = x + 4 * n;
        for (size_t i = 0; i < n; i++) {
            const double *p = points->p[i].x;
            x[i * 3] = 1;
            x[i * 3 + 1] = p[0] * p[1];
            x[i * 3 + 2] = p[0] * p[2];
            y[i] = points->p[i].s;
        }
        st = kw_regress(n, 3, x, y, NULL, coef, err);
        if (st == KW_OK) {
            f->a = coef[0];
            f->g = coef[1];
            f->c = coef[2];
        }
        for (size_t i = 0; st == KW_OK && i < n; i++) {
            const double *p = points->p[i].x;
            if (p[3] != 1 || p[2] != p[1] * p[1] / 2) continue;
            add_residual(f, count, sqrt(p[0] * p[2]), points->p[i].s / bare(f, p[0], p[1], p[2]) - 1);
        }
        if (st == KW_OK && !f->n) st = kw_fail(err, KW_ERANGE, "no prefill attention point with one whole prompt");
    }
    free(x);
    if (st != KW_OK) kw_prefill_fit_free(f);
    return st;
}

double kw_prefill_fit_s(const struct kw_prefill_fit *f, double heads, double tokens, double pairs, double skip_root)
{
    double root = sqrt(heads * pairs), r = 0;
    size_t lo = f->n, hi = f->n;
    for (size_t i = 0; i < f->n; i++) {
        if (f->root[i] == skip_root) continue;
        if (f->root[i] <= root) lo = i;
        if (f->root[i] >= root && hi == f->n) hi = i;
    }
    if (lo == f->n)
        r = hi == f->n ? 0 : f->r[hi];
    else if (hi == f->n || lo == hi)
        r = f->r[lo];
    else
        r = f->r[lo] + (f->r[hi] - f->r[lo]) * (root - f->root[lo]) / (f->root[hi] - f->root[lo]);
    return bare(f, heads, tokens, pairs) * (1 + r);
}
