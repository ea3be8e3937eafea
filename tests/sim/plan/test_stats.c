/* Intervals against published values, and drawings of days against the variance they must have. */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include "sim/plan/sweep/days.h"
#include "tests/check.h"

static const struct kw_variation infinite = { 1e12, 1 };

/* Student's t quantiles 0.975 as in any table (Abramowitz & Stegun 26.10; NIST/SEMATECH e-Handbook 1.3.6.7.2). */
static void half_widths_are_students(void)
{
    const struct {
        size_t n;
        double t;
    } row[] = { { 2, 12.706 }, { 4, 3.182 }, { 8, 2.365 }, { 10, 2.262 }, { 30, 2.045 }, { 62, 2.000 } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double x[64] = { 10 };
        double s = sqrt((double)row[i].n / (double)(row[i].n - 1));
        for (size_t k = 1; k <= row[i].n; k++) x[k] = k % 2 ? 10 + 1 / s : 10 - 1 / s; /* their deviation is 1 */
        struct kw_estimate e = kw_stats_interval(x, row[i].n + 1, 1, KW_SCALE_LINEAR, &infinite);
        CHECK_NEAR(e.value, 10, 0);
        CHECK_NEAR(e.hi - 10, row[i].t, 6e-4);
        CHECK_NEAR(10 - e.lo, row[i].t, 6e-4);
    }
}

/* What few days know does not grow with the replicates: 1 - 1/v = (1 - 1/6)(1 - 1/(R - 1)), t(6) = 2.447 at the least. */
static void more_replicates_do_not_shrink_it(void)
{
    double x[64] = { 10 }, before = INFINITY;
    for (int k = 1; k < 64; k++) x[k] = k % 2 ? 11 : 9;
    for (size_t n = 8; n <= 64; n *= 2) {
        struct kw_estimate e = kw_stats_interval(x, n, 1, KW_SCALE_LINEAR, &(struct kw_variation){ 6, 1 });
        CHECK(e.hi - 10 > 2.4469 && e.hi - 10 < before);
        before = e.hi - 10;
    }
    CHECK(before < 2.6);
    CHECK_NEAR(kw_stats_interval(x, 64, 1, KW_SCALE_LINEAR, &(struct kw_variation){ 6, 1.5 }).hi - 10, 1.5 * before,
               1e-9);
}

static void scales_keep_figures_in_their_range(void)
{
    double x[] = { 1, 4, 0.25, 4, 0.25 }, share[] = { 0.02, 0, 0.3, 0, 0.2 }, zero[] = { 1, 0, 2, 1 };
    struct kw_estimate e = kw_stats_interval(x, 5, 1, KW_SCALE_LOG, &infinite);
    CHECK_NEAR(e.hi * e.lo, 1, 1e-12);
    CHECK_NEAR(log(e.hi), 3.182 * sqrt(4.0 / 3) * log(4), 1e-3);
    e = kw_stats_interval(share, 5, 1, KW_SCALE_SHARE, &infinite);
    CHECK(e.lo == 0 && e.hi > 0.3 && e.hi <= 1);
    e = kw_stats_interval(zero, 4, 1, KW_SCALE_LOG, &infinite);
    CHECK_NEAR(e.hi - 1, 1 - e.lo, 1e-12);
}

static void what_cannot_be_estimated_is_no_interval(void)
{
    double x[] = { 5, NAN, 6, NAN, 4 }, one[] = { 5, NAN, 6 }, none[] = { NAN, 1, 2 }, same[] = { 5, 5, 5, 5 };
    struct kw_estimate e = kw_stats_interval(x, 5, 1, KW_SCALE_LINEAR, &infinite);
    CHECK(e.value == 5 && e.lo < 1 && e.hi > 9);
    e = kw_stats_interval(one, 3, 1, KW_SCALE_LINEAR, &infinite);
    CHECK(e.value == 5 && isnan(e.lo) && isnan(e.hi));
    e = kw_stats_interval(none, 3, 1, KW_SCALE_LINEAR, &infinite);
    CHECK(isnan(e.value) && isnan(e.lo));
    e = kw_stats_interval(x, 5, 1, KW_SCALE_LINEAR, &(struct kw_variation){ 0, 1 });
    CHECK(e.value == 5 && isnan(e.lo));
    e = kw_stats_interval(same, 4, 1, KW_SCALE_LINEAR, &infinite);
    CHECK(e.lo == 5 && e.hi == 5);
}

/* 0 of 1000 and 3 of 1000 as in tables of the Poisson mean (Garwood 1936; Pearson & Hartley, table 40: 3.69; 0.619, 8.77). */
static void a_trace_without_one_says_not_that_there_are_none(void)
{
    struct kw_estimate e = kw_stats_share((struct kw_estimate){ 0, 0, 0 }, 1000);
    CHECK(e.value == 0 && e.lo == 0);
    CHECK_NEAR(e.hi, 3.69e-3, 5e-6);
    e = kw_stats_share((struct kw_estimate){ 0.003, 0.002, 0.004 }, 1000);
    CHECK_NEAR(e.lo, 0.619e-3, 5e-7);
    CHECK_NEAR(e.hi, 8.77e-3, 5e-6);
    struct kw_estimate not = kw_stats_share((struct kw_estimate){ 0.997, 0.996, 0.998 }, 1000);
    CHECK(not .value == 0.997);
    CHECK_NEAR(1 - not .hi, e.lo, 1e-12);
    CHECK_NEAR(1 - not .lo, e.hi, 1e-12);
    CHECK_NEAR(kw_stats_share((struct kw_estimate){ 1, 1, 1 }, 1000).lo, 1 - 3.69e-3, 5e-6);
    e = kw_stats_share((struct kw_estimate){ 0.003, 0, 0.02 }, 1000); /* days that differ by more stay as they are */
    CHECK(e.lo == 0 && e.hi == 0.02);
    e = kw_stats_share((struct kw_estimate){ 0.031, 0.030, 0.032 }, 1000);
    CHECK(e.lo == 0.030 && e.hi == 0.032);
    e = kw_stats_share((struct kw_estimate){ 0, 0, 0 }, 2); /* no share is above 1 */
    CHECK(e.hi == 1);
    e = kw_stats_share((struct kw_estimate){ 0, NAN, NAN }, 1000);
    CHECK(e.value == 0 && isnan(e.lo) && isnan(e.hi));
    e = kw_stats_share((struct kw_estimate){ 0, 0, 0 }, 0);
    CHECK(e.hi == 0);
    CHECK(isnan(kw_stats_share((struct kw_estimate){ NAN, NAN, NAN }, 0).value));
}

static void pairs_cancel_what_they_share(void)
{
    double a[8], b[8];
    for (int i = 0; i < 8; i++) {
        a[i] = 1000 * ((i * 37) % 8); /* traffic differs wildly between replications */
        b[i] = a[i] + 10 + (i ? i % 2 ? 1 : -1 : 0);
    }
    struct kw_estimate e = kw_stats_paired(a, b, 8, 1, &infinite);
    CHECK_NEAR(e.value, 10, 1e-9);
    CHECK_NEAR(e.hi - 10, 2.4469 * sqrt(8.0 / 7), 1e-3);
    b[3] = NAN;
    CHECK_NEAR(kw_stats_paired(a, b, 8, 1, &infinite).value, 10, 1e-9);
}

/* The quantile of Z / sqrt(A B), A and B chi-squares over their degrees of freedom, by integration over B. */
static void few_days_and_few_replicates_hold_what_they_say(void)
{
    static const struct {
        double df;
        int replicates;
        double least, most;
    } row[] = { { 6, 7, 0.9495, 0.9515 }, { 6, 15, 0.9495, 0.9515 }, { 6, 31, 0.9495, 0.9515 },
                { 6, 3, 0.945, 0.9515 },  { 2, 7, 0.945, 0.9515 },   { 21, 7, 0.9495, 0.9515 } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        enum { STEPS = 4000 };
        double x[64] = { 0 }, held = 0, k = row[i].replicates - 1;
        for (int r = 1; r <= row[i].replicates; r++) x[r] = r;
        double s = sqrt((row[i].replicates * (row[i].replicates + 1)) / 12.0); /* of 1 to n */
        struct kw_variation v = { row[i].df, 1 };
        double q = kw_stats_interval(x, (size_t)row[i].replicates + 1, 1, KW_SCALE_LINEAR, &v).hi / s;
        for (int u = 0; u < STEPS; u++)
            held += 2 * gsl_cdf_tdist_P(q * sqrt(gsl_cdf_chisq_Pinv((u + 0.5) / STEPS, k) / k), row[i].df) - 1;
        CHECK(held / STEPS > row[i].least && held / STEPS < row[i].most);
    }
}

/* 900 requests at 100 ms, 100 at 60 s: which of them is the 95th percentile no second tells, the share of cold does. */
static void a_percentile_is_as_sure_as_its_rank(void)
{
    struct kw_hist h;
    struct kw_ranks r;
    CHECK(kw_hist_init(&h, NULL) == KW_OK);
    kw_ranks_init(&r, &h, 1e-9);
    CHECK(isnan(kw_ranks_place(&h, 1e8)) && isnan(kw_ranks_value(&r, 0.1)));
    kw_hist_add(&h, 100000000, 900);
    kw_hist_add(&h, 60000000000, 100);
    kw_ranks_init(&r, &h, 1e-9);
    double p95 = kw_hist_quantile(&h, 0.95);
    CHECK_NEAR(kw_ranks_place(&h, p95), asin(sqrt(0.05)), 1e-12); /* half of the cold ones */
    CHECK_NEAR(kw_ranks_place(&h, 0.01e9), M_PI_2, 1e-12);
    CHECK(kw_ranks_place(&h, 100e9) == 0);
    CHECK_NEAR(kw_ranks_value(&r, kw_ranks_place_of(0.95)), 60, 0.06);
    CHECK_NEAR(kw_ranks_value(&r, kw_ranks_place_of(0.85)), 0.1, 1e-4);
    CHECK_NEAR(kw_ranks_value(&r, -1), 60, 0.06);
    CHECK_NEAR(kw_ranks_value(&r, 4), 0.1, 1e-4);
    double surely[] = { NAN, 0.21, 0.23, 0.21, 0.23, 0.21, 0.23, 0.22 }, hardly[8] = { NAN };
    for (int i = 1; i < 8; i++) hardly[i] = 0.22 + (surely[i] - 0.22) * 4;
    struct kw_estimate e = kw_stats_percentile(60, 0.95, &r, surely, 1e6, 8, 1, &(struct kw_variation){ 6, 1 });
    CHECK(e.value == 60 && e.lo > 59.9 && e.hi >= 60 && e.hi < 60.1); /* 4 to 6 % are slower: all are cold */
    e = kw_stats_percentile(60, 0.95, &r, hardly, 1e6, 8, 1, &(struct kw_variation){ 6, 1 });
    CHECK(e.lo < 0.11 && e.hi < 60.1); /* up to 14 %: warm ones too */
    e = kw_stats_percentile(60, 0.95, &r, hardly, 1e6, 8, 1, &(struct kw_variation){ 0, 1 });
    CHECK(e.value == 60 && isnan(e.lo) && isnan(e.hi));
    kw_hist_free(&h);
}

/* Half of the spread, or all of it, is the sampling of requests: 1 - 1/v = (1 - (1/2)^2 / 6)(1 - 1/7), and v = 7. */
static void days_do_not_tell_what_a_sample_errs_by(void)
{
    struct kw_hist h;
    struct kw_ranks r;
    CHECK(kw_hist_init(&h, NULL) == KW_OK);
    for (kw_ns ms = 1; ms <= 1000; ms++) kw_hist_add(&h, ms * 1000000, 1);
    kw_ranks_init(&r, &h, 1e-9);
    double place[9] = { NAN }, mid = kw_ranks_place_of(0.5), s = 0.1 * sqrt(8.0 / 7);
    for (int i = 1; i < 9; i++) place[i] = mid + (i % 2 ? 0.1 : -0.1);
    static const struct {
        double part, v;
    } row[] = { { 0.5, 5.6 }, { 1, 7 }, { 2, 7 } };
    for (int i = 0; i < 3; i++) {
        struct kw_estimate e = kw_stats_percentile(0.5, 0.5, &r, place, 1 / (4 * row[i].part * s * s), 9, 1,
                                                   &(struct kw_variation){ 6, 1 });
        double half = gsl_cdf_tdist_Pinv(0.975, row[i].v) * s;
        CHECK_NEAR(e.hi, kw_ranks_value(&r, mid - half), 1e-9);
        CHECK_NEAR(e.lo, kw_ranks_value(&r, mid + half), 1e-9);
    }
    kw_hist_free(&h);
}

#define MOST_DAYS 28
static kw_ns arrival[MOST_DAYS];
static uint32_t tokens[MOST_DAYS], nothing[MOST_DAYS];

/* One request a day, of so many tokens. */
static struct kw_trace days_of(uint32_t n, const double *level)
{
    for (uint32_t i = 0; i < n; i++) {
        arrival[i] = i * KW_DAY_NS;
        tokens[i] = (uint32_t)level[i];
    }
    return (struct kw_trace){
        .n = n, .arrival = arrival, .prompt = tokens, .output = nothing, .span = n * KW_DAY_NS, .epoch_unix = INT64_MIN
    };
}

/* Variance of the mean over drawn weeks, beside that of the days' own (divided by n - 1). */
static double drawn_variance(const struct kw_days *d, const double *level)
{
    enum { ROUNDS = 40000 };
    double sum = 0, squares = 0;
    struct kw_rng rng;
    CHECK(kw_rng_init(&rng, 1, 1, KW_RNG_RESAMPLE, NULL) == KW_OK);
    for (int k = 0; k < ROUNDS; k++) {
        uint32_t row[MOST_DAYS];
        double mean = 0;
        kw_days_draw(d, &rng, row);
        for (uint32_t i = 0; i < d->n; i++) {
            CHECK(d->group[row[i]] == d->group[i]);
            mean += level[row[i]] / d->n;
        }
        sum += mean;
        squares += mean * mean;
    }
    kw_rng_free(&rng);
    return squares / ROUNDS - sum / ROUNDS * (sum / ROUNDS);
}

static void drawings_have_the_variance_of_a_mean(void)
{
    double level[MOST_DAYS], own = 0, mean = 0;
    struct kw_days d;
    for (uint32_t n = 3; n <= 7; n++) {
        for (uint32_t i = 0; i < n; i++) level[i] = 1000 + 300 * (i % 3 == 1) + 150 * (i % 2);
        mean = own = 0;
        for (uint32_t i = 0; i < n; i++) mean += level[i] / n;
        for (uint32_t i = 0; i < n; i++) own += (level[i] - mean) * (level[i] - mean);
        struct kw_trace t = days_of(n, level);
        CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.n == n && d.groups == 1);
        CHECK(d.correlation == 0 && d.variation.df == n - 1 && d.variation.widen == 1);
        double ratio = drawn_variance(&d, level) / (own / (n - 1) / n);
        CHECK_NEAR(ratio, 1, 0.03); /* the bootstrap's own is (n - 1)/n */
        kw_days_free(&d);
    }
}

/* A rising week: the spread of the days themselves says less than the week's mean varies. */
static void days_that_resemble_the_last_vary_more(void)
{
    double level[] = { 700, 800, 1000, 1250, 1400, 1350, 1200 }, own = 0, mean = 1100;
    struct kw_days d;
    struct kw_trace t = days_of(7, level);
    for (int i = 0; i < 7; i++) own += (level[i] - mean) * (level[i] - mean);
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.correlation > 0.4);
    CHECK(drawn_variance(&d, level) > 2 * own / 6 / 7);
    kw_days_free(&d);
}

/* By weekday no mean is shared by neighbours, whose products then tend to nothing where days are independent. */
static void two_weeks_have_no_bias_of_a_common_mean(void)
{
    double level[14];
    struct kw_days d;
    for (int i = 0; i < 14; i++) level[i] = 1000 + 10 * (i % 7);
    level[3] *= 1.3; /* and the other Thursday stays: the only two that differ are no neighbours */
    struct kw_trace t = days_of(14, level);
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.groups == 7 && d.correlation == 0);
    kw_days_free(&d);
    level[4] *= 1.3;
    t = days_of(14, level);
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK);
    CHECK_NEAR(d.correlation, fmin(14 * 0.5 / 10, 0.6), 0.02);
    kw_days_free(&d);
}

static void days_keep_their_place_in_the_week(void)
{
    double level[MOST_DAYS];
    struct kw_days d;
    for (uint32_t i = 0; i < MOST_DAYS; i++) level[i] = i % 7 >= 5 ? 100 + i : 1000 + i;
    struct kw_trace t = days_of(MOST_DAYS, level);
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.groups == 7 && d.variation.df == 21);
    drawn_variance(&d, level); /* checks the groups */
    kw_days_free(&d);
    t = days_of(7, level);
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.groups == 1); /* no calendar, so any day may stand anywhere */
    kw_days_free(&d);
    t.epoch_unix = 1704067200 + 3600; /* Monday 2024-01-01 01:00 UTC */
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.groups == 2 && d.group[4] == 0 && d.group[5] == 1);
    CHECK(d.variation.df == 5);
    kw_days_free(&d);
    t.epoch_unix += 86400; /* Tuesday: the low days are no weekend */
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.groups == 1);
    kw_days_free(&d);
}

static void a_part_of_a_day_stays(void)
{
    double level[] = { 100, 200, 300, 400 };
    struct kw_days d;
    struct kw_trace t = days_of(4, level);
    struct kw_rng rng;
    t.span = 3 * KW_DAY_NS + KW_DAY_NS / 3;
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.n == 3 && d.places == 4 && d.length == KW_DAY_NS);
    CHECK(kw_rng_init(&rng, 1, 1, KW_RNG_RESAMPLE, NULL) == KW_OK);
    for (int k = 0; k < 100; k++) {
        uint32_t row[4];
        kw_days_draw(&d, &rng, row);
        CHECK(row[0] < 3 && row[1] < 3 && row[2] < 3 && row[3] == 3);
    }
    kw_rng_free(&rng);
    kw_days_free(&d);
    t.span = 4 * KW_DAY_NS - KW_DAY_NS / 20; /* the gap after the last arrival: four days */
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.n == 4 && d.places == 4 && d.length < KW_DAY_NS);
    kw_days_free(&d);
    t.span = 2 * KW_DAY_NS;
    t.n = 2;
    CHECK(kw_days_init(&d, &t, NULL) == KW_OK && d.variation.df == 0);
    kw_days_free(&d);
}

int main(void)
{
    RUN(half_widths_are_students);
    RUN(more_replicates_do_not_shrink_it);
    RUN(scales_keep_figures_in_their_range);
    RUN(what_cannot_be_estimated_is_no_interval);
    RUN(pairs_cancel_what_they_share);
    RUN(a_trace_without_one_says_not_that_there_are_none);
    RUN(few_days_and_few_replicates_hold_what_they_say);
    RUN(a_percentile_is_as_sure_as_its_rank);
    RUN(days_do_not_tell_what_a_sample_errs_by);
    RUN(drawings_have_the_variance_of_a_mean);
    RUN(days_that_resemble_the_last_vary_more);
    RUN(two_weeks_have_no_bias_of_a_common_mean);
    RUN(days_keep_their_place_in_the_week);
    RUN(a_part_of_a_day_stays);
    return check_report();
}
