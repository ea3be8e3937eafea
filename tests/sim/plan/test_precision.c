/* How many drawings a precision takes: Stein's rule by its own formula, its coverage, and that what it chooses is what
 * -r would have shown. */
#include "sim/plan/sweep/precision.h"
#include "sim/plan/sweep/sweep.h"
#include "tests/sim/plan/fakeplan.h"

enum { FIRST = KW_PRECISION_FIRST - 1 };

/* Ten drawings whose logarithms are m +- a, five each: s = a sqrt(10/9), t(0.975, 9) = 2.262157. */
static void ten_drawings(double *x, double m, double a)
{
    x[0] = 1e9; /* the trace itself: not read */
    for (int i = 1; i <= FIRST; i++) x[i] = exp(m + (i % 2 ? a : -a));
}

static void the_formula_by_hand(void)
{
    double x[KW_PRECISION_FIRST];
    ten_drawings(x, 5, 0.09);
    /* (2.262157 * 0.09 * 1.054093 / ln 1.02)^2 = 117.45: 118 drawings and the trace */
    CHECK(kw_precision_of(x, 1, 0.02) == 119);
    CHECK(kw_precision_of(x, 1, 0.3) == KW_PRECISION_FIRST); /* 0.67: the first stage does */
    struct kw_precision got = kw_precision_reached(x, KW_PRECISION_FIRST, 1);
    CHECK_NEAR(got.mean, exp(5), 1e-9);
    CHECK_NEAR(log1p(got.share), 2.262157 * 0.09 * 1.054093 / sqrt(10), 1e-6);
    CHECK(isnan(kw_precision_reached(x, KW_PRECISION_FIRST - 1, 1).share));
    ten_drawings(x, 5, 0); /* rent */
    CHECK(kw_precision_of(x, 1, 0.001) == KW_PRECISION_FIRST && kw_precision_reached(x, FIRST + 1, 1).share == 0);
    x[3] = 0; /* a credit pays it all */
    CHECK(kw_precision_of(x, 1, 0.001) == KW_PRECISION_FIRST && isnan(kw_precision_reached(x, FIRST + 1, 1).mean));
    x[3] = NAN;
    CHECK(kw_precision_of(x, 1, 0.001) == KW_PRECISION_FIRST);
    ten_drawings(x, 5, 300);
    CHECK(kw_precision_of(x, 1, 0.001) == UINT32_MAX);
}

/* Normal logarithms: by Stein's theorem 95 % or more, and little more where the second stage is the larger. Taken of all
 * N drawings, s would be the one that stopped early. */
static void its_interval_holds_the_mean(void)
{
    enum { TRIALS = 4000 };
    static const double sigma[] = { 0.01, 0.05, 0.2 };
    struct kw_rng g;
    CHECK(kw_rng_init(&g, 7, 0, KW_RNG_RESAMPLE, NULL) == KW_OK);
    for (size_t k = 0; k < sizeof sigma / sizeof *sigma; k++) {
        const double p = 0.04;
        int held = 0, chosen = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            double first[KW_PRECISION_FIRST], sum = 0;
            for (int i = 1; i <= FIRST; i++) sum += log(first[i] = exp(sigma[k] * kw_rng_normal(&g)));
            first[0] = 1;
            uint32_t n = kw_precision_of(first, 1, p);
            for (uint32_t i = KW_PRECISION_FIRST; i < n; i++) sum += sigma[k] * kw_rng_normal(&g);
            held += fabs(sum / (n - 1)) <= log1p(p);
            chosen += n > KW_PRECISION_FIRST;
        }
        printf("sigma %g: %.1f %%, second stage in %.1f %%\n", sigma[k], 100.0 * held / TRIALS,
               100.0 * chosen / TRIALS);
        CHECK(held >= 0.94 * TRIALS);
        CHECK(sigma[k] < 0.2 || (held <= 0.96 * TRIALS && chosen > 0.99 * TRIALS));
    }
    kw_rng_free(&g);
}

static struct kw_study study(uint32_t replications, double precision)
{
    struct kw_study s = { .trace = &fake_trace, .replications = replications, .precision = precision, .seed = 5 };
    kw_slo_init(&s.slo);
    s.slo.ttft_p95 = 2 * KW_NS_PER_S;
    return s;
}

/* The same drawings in the same order, whichever way they were asked for, at any number of threads. */
static void it_is_what_replications_would_show(void)
{
    enum { N = 5 };
    const double loose = 0.15;
    struct kw_candidate c[N];
    struct kw_point a[N], b[N];
    struct kw_error err = { "" };
    uint32_t wanted = 0;
    fake_world();
    for (int i = 0; i < N; i++)
        fake_candidate(&c[i], i, KW_NS_PER_S / (1 + i), 300000 * KW_NS_PER_S, 1 + (uint32_t)i % 2, 0);
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        struct kw_study s = study(8, loose);
        struct kw_sweep_options o = { .threads = threads };
        for (int i = 0; i < N; i++) CHECK(kw_point_init(&a[i], &err) == KW_OK && kw_point_init(&b[i], &err) == KW_OK);
        CHECK(kw_sweep(a, c, N, &s, &o, &err) == KW_OK);
        s = study(a[0].replications, 0);
        CHECK(a[0].replications > KW_PRECISION_FIRST && a[0].replications < KW_REPLICATIONS_MAX);
        CHECK(threads == 1 || a[0].replications == wanted);
        wanted = 0;
        CHECK(kw_sweep(b, c, N, &s, &o, &err) == KW_OK);
        for (int i = 0; i < N; i++) {
            CHECK(a[i].replications == a[0].replications && a[i].room >= a[i].replications);
            CHECK(!memcmp(a[i].sample, b[i].sample, a[i].replications * sizeof *a[i].sample));
            CHECK(!memcmp(a[i].usage, b[i].usage, a[i].replications * sizeof *a[i].usage));
            CHECK(!memcmp(a[i].m, b[i].m, sizeof a[i].m) && a[i].won == b[i].won && a[i].met == b[i].met);
            uint32_t n = kw_precision_wanted(&a[i], &s.slo, loose);
            if (n > wanted) wanted = n;
        }
        CHECK(wanted == a[0].replications); /* by whom the most are needed */
        for (int i = 0; i < N; i++) kw_point_free(&a[i]), kw_point_free(&b[i]);
    }
    CHECK_STR(err.msg, "");
    for (int i = 0; i < N; i++) kw_candidate_free(&c[i]);
}

/* One replication is the trace alone, and a trace of too few days has nothing to draw. */
static void what_cannot_be_drawn_is_not(void)
{
    struct kw_candidate c;
    struct kw_point p;
    struct kw_study s = study(1, 0.01);
    fake_world();
    fake_candidate(&c, 0, KW_NS_PER_S, 300000 * KW_NS_PER_S, 1, 0);
    CHECK(kw_point_init(&p, NULL) == KW_OK && kw_sweep(&p, &c, 1, &s, NULL, NULL) == KW_OK && p.replications == 1);
    kw_point_free(&p);
    struct kw_trace day = fake_trace;
    day.span = 24 * KW_NS_PER_HOUR;
    s = study(8, 0.01);
    s.trace = &day;
    CHECK(kw_point_init(&p, NULL) == KW_OK && kw_sweep(&p, &c, 1, &s, NULL, NULL) == KW_OK && p.replications == 1);
    kw_point_free(&p);
    s = study(8, 1e-6); /* more than there are */
    CHECK(kw_point_init(&p, NULL) == KW_OK && kw_sweep(&p, &c, 1, &s, NULL, NULL) == KW_OK);
    CHECK(p.replications == KW_REPLICATIONS_MAX);
    kw_point_free(&p);
    kw_candidate_free(&c);
}

int main(void)
{
    RUN(the_formula_by_hand);
    RUN(its_interval_holds_the_mean);
    RUN(it_is_what_replications_would_show);
    RUN(what_cannot_be_drawn_is_not);
    return check_report();
}
