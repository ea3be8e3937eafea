#include "sim/plan/sweep/ranks.h"
#include <gsl/gsl_math.h>
#include <math.h>

static double place_of_longer(double share)
{
    return asin(sqrt(fmin(fmax(share, 0), 1)));
}

void kw_ranks_init(struct kw_ranks *r, const struct kw_hist *h, double unit)
{
    double p[KW_RANKS], value[KW_RANKS];
    for (int k = 0; k < KW_RANKS; k++) { /* shortest first */
        double x = 1 - k / (KW_RANKS - 1.0), c = cos(M_PI_2 * x * x);
        p[k] = c * c;
    }
    kw_hist_quantiles(h, p, KW_RANKS, value);
    for (int k = 0; k < KW_RANKS; k++) r->at[k] = value[KW_RANKS - 1 - k] * unit;
}

double kw_ranks_value(const struct kw_ranks *r, double place)
{
    double k = (KW_RANKS - 1) * sqrt(fmin(fmax(place, 0) / M_PI_2, 1));
    if (isnan(place)) return NAN;
    if (k >= KW_RANKS - 1) return r->at[KW_RANKS - 1];
    int i = (int)k;
    return r->at[i] + (k - i) * (r->at[i + 1] - r->at[i]);
}

double kw_ranks_place(const struct kw_hist *h, double value)
{
    if (h->n == 0 || isnan(value)) return NAN;
    size_t of = kw_hist_bucket(llround(value)), last = kw_hist_bucket(h->max);
    double longer = 0.5 * (double)h->count[of];
    for (size_t b = of + 1; b <= last; b++) longer += (double)h->count[b];
    return place_of_longer(longer / (double)h->n);
}

double kw_ranks_place_of(double p)
{
    return place_of_longer(1 - p);
}
