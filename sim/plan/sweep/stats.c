#include "sim/plan/sweep/stats.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>

/* Figures to make an interval of: b[i] - a[i], or b[i] alone, on a scale. */
struct figures {
    const double *a, *b;
    size_t n, stride;
    enum kw_scale scale;
    double luck; /* of s^2, what days have no part in */
};

static double figure(const struct figures *f, size_t i)
{
    return f->a ? f->b[i * f->stride] - f->a[i * f->stride] : f->b[i * f->stride];
}

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

/* Half of the interval on the scale; NAN where there is none. */
static double half_width(const struct figures *f, const struct kw_variation *v)
{
    double mean = 0, squares = 0, n = 0;
    if (!(v->df > 0)) return NAN;
    for (size_t i = 1; i < f->n; i++) { /* Welford: figures that differ by little lose no digits */
        double x = figure(f, i);
        if (isnan(x)) continue;
        double h = transformed(f->scale, x), off = h - mean;
        mean += off / ++n;
        squares += off * (h - mean);
    }
    if (n < 2 || !isfinite(squares)) return NAN;
    double s = sqrt(fmax(squares, 0) / (n - 1)), of_days = s > 0 ? fmax(1 - f->luck / (s * s), 0) : 0,
           df = 1 / (1 - (1 - of_days * of_days / v->df) * (1 - 1 / (n - 1)));
    return gsl_cdf_tdist_Pinv(0.975, df) * v->widen * s;
}

static struct kw_estimate interval(struct figures f, const struct kw_variation *v)
{
    double value = f.n ? figure(&f, 0) : NAN;
    for (size_t i = 0; i < f.n && f.scale == KW_SCALE_LOG; i++)
        if (figure(&f, i) <= 0) f.scale = KW_SCALE_LINEAR;
    double half = half_width(&f, v), h = transformed(f.scale, value);
    if (!isfinite(value) || isnan(half)) return (struct kw_estimate){ value, NAN, NAN };
    if (half == 0) return (struct kw_estimate){ value, value, value };
    return (struct kw_estimate){ value, restored(f.scale, h - half), restored(f.scale, h + half) };
}

struct kw_estimate kw_stats_interval(const double *x, size_t n, size_t stride, enum kw_scale scale,
                                     const struct kw_variation *v)
{
    return interval((struct figures){ NULL, x, n, stride, scale, 0 }, v);
}

struct kw_estimate kw_stats_paired(const double *a, const double *b, size_t n, size_t stride,
                                   const struct kw_variation *v)
{
    return interval((struct figures){ a, b, n, stride, KW_SCALE_LINEAR, 0 }, v);
}

struct kw_estimate kw_stats_percentile(double value, double p, const struct kw_ranks *ranks, const double *place,
                                       double requests, size_t n, size_t stride, const struct kw_variation *v)
{
    struct figures f = { NULL, place, n, stride, KW_SCALE_LINEAR, requests > 0 ? 1 / (4 * requests) : 0 };
    double half = half_width(&f, v), h = kw_ranks_place_of(p);
    if (!isfinite(value) || isnan(half)) return (struct kw_estimate){ value, NAN, NAN };
    if (half == 0) return (struct kw_estimate){ value, value, value };
    return (struct kw_estimate){ value, fmin(value, kw_ranks_value(ranks, h + half)),
                                 fmax(value, kw_ranks_value(ranks, h - half)) };
}

struct kw_estimate kw_stats_share(struct kw_estimate e, double n)
{
    bool most = e.value > 0.5;
    double k = n * (most ? 1 - e.value : e.value);
    if (isnan(e.lo) || !(n > 0) || !(k <= KW_STATS_FEW)) return e;
    double lo = k > 0 ? gsl_cdf_chisq_Pinv(0.025, 2 * k) / (2 * n) : 0,
           hi = fmin(gsl_cdf_chisq_Pinv(0.975, 2 * k + 2) / (2 * n), 1);
    return (struct kw_estimate){ e.value, fmin(e.lo, most ? 1 - hi : lo), fmax(e.hi, most ? 1 - lo : hi) };
}
