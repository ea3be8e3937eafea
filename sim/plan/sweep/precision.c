#include "sim/plan/sweep/precision.h"
#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <math.h>

/* t(0.975, n0 - 1) s of the first stage; NAN where a logarithm is missing. */
static double spread(const double *x, size_t stride)
{
    double mean = 0, squares = 0;
    for (int i = 1; i < KW_PRECISION_FIRST; i++) { /* Welford */
        double h = log(x[i * stride]), off = h - mean;
        if (!isfinite(h)) return NAN;
        mean += off / i;
        squares += off * (h - mean);
    }
    const int df = KW_PRECISION_FIRST - 2;
    return gsl_cdf_tdist_Pinv(0.975, df) * sqrt(squares / df);
}

uint32_t kw_precision_of(const double *x, size_t stride, double p)
{
    assert(p > 0);
    double root = spread(x, stride) / log1p(p), wanted = floor(root * root) + 1;
    if (!(wanted >= KW_PRECISION_FIRST - 1)) return KW_PRECISION_FIRST;
    return wanted < UINT32_MAX ? (uint32_t)wanted + 1 : UINT32_MAX;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t kw_precision_wanted(const struct kw_point *p, const struct kw_slo *slo, double precision)
{
    enum kw_metric m[KW_PERCENTILES];
    assert(p->replications >= KW_PRECISION_FIRST);
    uint32_t most = kw_precision_of(&p->sample[0][KW_METRIC_COST], KW_METRICS, precision);
    size_t n = p->n_classes ? 0 : kw_slo_percentiles(slo, m);
    for (size_t k = 0; k < n; k++) most = larger(most, kw_precision_of(&p->sample[0][m[k]], KW_METRICS, precision));
    for (uint32_t i = 0; i < p->n_classes; i++) {
        n = kw_slo_percentiles(p->group[i].klass[0] ? kw_slo_of_class(slo, p->group[i].klass) : slo, m);
        for (size_t k = 0; k < n; k++)
            most =
                larger(most, kw_precision_of(&p->group_sample[i][m[k]], (size_t)p->n_groups * KW_METRICS, precision));
    }
    return most;
}

struct kw_precision kw_precision_reached(const double *x, size_t n, size_t stride)
{
    double sum = 0;
    double root = n < KW_PRECISION_FIRST ? NAN : spread(x, stride);
    if (isnan(root)) return (struct kw_precision){ NAN, NAN };
    for (size_t i = 1; i < n; i++) sum += log(x[i * stride]);
    return (struct kw_precision){ exp(sum / (double)(n - 1)), expm1(root / sqrt((double)(n - 1))) };
}
