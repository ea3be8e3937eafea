/* Intervals against published values. */
#include "sim/plan/sweep/stats.h"
#include "tests/check.h"

/* Student's t quantiles 0.975 as in any table (Abramowitz & Stegun 26.10; NIST/SEMATECH e-Handbook 1.3.6.7.2): an
 * interval over {-s.. +s} data of known deviation gives them back. */
static void half_widths_are_students(void)
{
    const struct {
        size_t n;
        double t;
    } row[] = { { 2, 12.706 }, { 3, 4.303 }, { 5, 2.776 }, { 8, 2.365 }, { 11, 2.228 }, { 31, 2.042 }, { 64, 1.998 } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double x[64];
        size_t n = row[i].n;
        for (size_t k = 0; k < n; k++) x[k] = (double)k;
        struct kw_estimate e = kw_stats_estimate(x, n, 1);
        double nn = (double)n, sd = sqrt(nn * (nn + 1) / 12); /* of 0..n-1 */
        CHECK_NEAR(e.mean, (nn - 1) / 2, 1e-12);
        CHECK_NEAR((e.hi - e.mean) / (sd / sqrt(nn)), row[i].t, 6e-4);
        CHECK_NEAR(e.hi - e.mean, e.mean - e.lo, 1e-9);
    }
}

/* The shape of NIST StRD NumAcc4 (10000000.1 and .3 alternating around .2): mean 10000000.2, deviation 0.1, which a
 * difference of squares loses. */
static void numerically_hard_sets(void)
{
    enum { N = 1001 };
    static double x[N];
    x[0] = 10000000.2;
    for (int i = 1; i < N; i++) x[i] = i % 2 ? 10000000.1 : 10000000.3;
    struct kw_estimate e = kw_stats_estimate(x, N, 1);
    CHECK_NEAR(e.mean, 10000000.2, 1e-7);
    CHECK_NEAR((e.hi - e.mean) * sqrt(N) / 1.96234, 0.1, 1e-6);    /* t(0.975, 1000) = 1.96234 */
    static const double lew[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }; /* sd = sqrt(82.5 / 9) = 3.02765; t(9) = 2.26216 */
    e = kw_stats_estimate(lew, 10, 1);
    CHECK_NEAR(e.lo, 5.5 - 2.2621571628 * 3.0276503541 / sqrt(10), 1e-8);
}

static void missing_values_are_left_out(void)
{
    double x[] = { NAN, 4, NAN, 6, NAN }, none[] = { NAN, NAN }, one[] = { NAN, 3 };
    struct kw_estimate e = kw_stats_estimate(x, 5, 1);
    CHECK_NEAR(e.mean, 5, 0);
    CHECK_NEAR(e.hi - 5, 12.7062047 * sqrt(2) / sqrt(2), 1e-5);
    e = kw_stats_estimate(none, 2, 1);
    CHECK(isnan(e.mean) && isnan(e.lo) && isnan(e.hi));
    e = kw_stats_estimate(one, 2, 1);
    CHECK(e.mean == 3 && e.lo == 3 && e.hi == 3);
    e = kw_stats_estimate((double[]){ 1, 100, 3, 100 }, 2, 2); /* every second */
    CHECK_NEAR(e.mean, 2, 0);
}

static void pairs_cancel_what_they_share(void)
{
    double a[8], b[8];
    for (int i = 0; i < 8; i++) {
        a[i] = 1000 * ((i * 37) % 8); /* traffic differs wildly between replications */
        b[i] = a[i] + 10 + (i % 2 ? 1 : -1);
    }
    struct kw_estimate e = kw_stats_paired(a, b, 8, 1);
    CHECK_NEAR(e.mean, 10, 1e-9);
    CHECK_NEAR(e.hi - e.mean, 2.3646242510 * sqrt(8.0 / 7) / sqrt(8), 1e-8);
    CHECK(e.lo > 0);
    CHECK(kw_stats_estimate(b, 8, 1).lo < kw_stats_estimate(a, 8, 1).hi); /* unpaired, nobody could tell */
    b[3] = NAN;
    CHECK_NEAR(kw_stats_paired(a, b, 8, 1).mean, (8 * 10 - 11) / 7.0, 1e-9);
}

int main(void)
{
    RUN(half_widths_are_students);
    RUN(numerically_hard_sets);
    RUN(missing_values_are_left_out);
    RUN(pairs_cancel_what_they_share);
    return check_report();
}
