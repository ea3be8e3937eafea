#include "sim/plan/sweep/stats.h"
#include <gsl/gsl_cdf.h>
#include <math.h>

/* b[i] - a[i], or b[i] alone. */
static double difference(const double *a, const double *b, size_t i)
{
    return a ? b[i] - a[i] : b[i];
}

/* Two passes: the variance of large, close numbers (a month's cost) must not come from a difference of squares. */
static struct kw_estimate interval(const double *a, const double *b, size_t n, size_t stride)
{
    double sum = 0, squares = 0;
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        double x = difference(a, b, i * stride);
        if (isnan(x)) continue;
        sum += x;
        k++;
    }
    if (k == 0) return (struct kw_estimate){ NAN, NAN, NAN };
    double mean = sum / (double)k;
    if (k == 1 || !isfinite(mean)) return (struct kw_estimate){ mean, mean, mean };
    for (size_t i = 0; i < n; i++) {
        double x = difference(a, b, i * stride);
        if (!isnan(x)) squares += (x - mean) * (x - mean);
    }
    double half = gsl_cdf_tdist_Pinv(0.975, (double)(k - 1)) * sqrt(squares / (double)(k - 1) / (double)k);
    return (struct kw_estimate){ mean, mean - half, mean + half };
}

struct kw_estimate kw_stats_estimate(const double *x, size_t n, size_t stride)
{
    return interval(NULL, x, n, stride);
}

struct kw_estimate kw_stats_paired(const double *a, const double *b, size_t n, size_t stride)
{
    return interval(a, b, n, stride);
}
