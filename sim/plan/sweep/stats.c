#include "sim/plan/sweep/stats.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>

static double transformed(enum kw_scale scale, double x)
{
    if (scale == KW_SCALE_LOG) return log(x);
    return scale == KW_SCALE_SHARE ? asin(sqrt(fmin(fmax(x, 0), 1))) : x;
}

static double restored(enum kw_scale scale, double h)
{
    if (scale == KW_SCALE_LOG) return exp(h);
    if (scale == KW_SCALE_LINEAR) return h;
    double s = sin(fmin(fmax(h, 0), M_PI_2));
    return s * s;
}

/* b[i] - a[i], or b[i] alone. */
static double difference(const double *a, const double *b, size_t i)
{
    return a ? b[i] - a[i] : b[i];
}

static struct kw_estimate interval(const double *a, const double *b, size_t n, size_t stride, enum kw_scale scale,
                                   const struct kw_variation *v)
{
    double value = n ? difference(a, b, 0) : NAN, squares = 0;
    struct kw_estimate none = { value, NAN, NAN };
    size_t k = 0;
    if (!isfinite(value) || !(v->df > 0)) return none;
    for (size_t i = 0; i < n && scale == KW_SCALE_LOG; i++)
        if (difference(a, b, i * stride) <= 0) scale = KW_SCALE_LINEAR;
    double h = transformed(scale, value);
    for (size_t i = 1; i < n; i++) {
        double x = difference(a, b, i * stride);
        if (isnan(x)) continue;
        double d = transformed(scale, x) - h;
        squares += d * d;
        k++;
    }
    if (k < 2 || !isfinite(squares)) return none;
    double df = 1 / (1 / v->df + 1 / (double)k);
    double half = gsl_cdf_tdist_Pinv(0.975, df) * v->widen * sqrt(squares / (double)k);
    if (half == 0) return (struct kw_estimate){ value, value, value };
    return (struct kw_estimate){ value, restored(scale, h - half), restored(scale, h + half) };
}

struct kw_estimate kw_stats_interval(const double *x, size_t n, size_t stride, enum kw_scale scale,
                                     const struct kw_variation *v)
{
    return interval(NULL, x, n, stride, scale, v);
}

struct kw_estimate kw_stats_paired(const double *a, const double *b, size_t n, size_t stride,
                                   const struct kw_variation *v)
{
    return interval(a, b, n, stride, KW_SCALE_LINEAR, v);
}
