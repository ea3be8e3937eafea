/* tests/sim/core/test_hist.c - histograms against exact sorted values and against single adds, over thousands of random
 * cases. */
#include "sim/core/hist.h"
#include "sim/core/rng.h"
#include "tests/check.h"
#include "tests/failmalloc.h"
#include <stdlib.h>
#include <time.h>

static struct kw_rng rng;

static uint64_t below(uint64_t n)
{
    return kw_rng_u64(&rng) % n;
}

/* A value of random magnitude, often at or beside an octave's or a bucket's edge. */
static int64_t value(void)
{
    uint64_t v = kw_rng_u64(&rng) >> (1 + below(63));
    if (below(3) == 0) v = (UINT64_C(1) << below(63)) + below(3) - 1;
    if (below(4) == 0) v = (uint64_t)kw_hist_lower(below(KW_HIST_BUCKETS)) + below(3) - 1;
    return (int64_t)(v & INT64_MAX);
}

static int same(const struct kw_hist *a, const struct kw_hist *b)
{
    return a->n == b->n && a->sum == b->sum && a->min == b->min && a->max == b->max &&
           !memcmp(a->count, b->count, KW_HIST_BUCKETS * sizeof *a->count);
}

static void buckets_tile_the_line(void)
{
    int bad = 0;
    for (size_t b = 0; b < KW_HIST_BUCKETS; b++) {
        int64_t lo = kw_hist_lower(b), hi = kw_hist_lower(b + 1);
        bad += kw_hist_bucket(lo) != b || hi <= lo;
        if (b + 1 < KW_HIST_BUCKETS) bad += kw_hist_bucket(hi - 1) != b;
        bad += b < 1024 && (lo != (int64_t)b || hi != lo + 1);
        bad += b >= 1024 && (double)(hi - lo) > (double)lo / 512;
    }
    CHECK(bad == 0);
    CHECK(kw_hist_lower(0) == 0 && kw_hist_bucket(-5) == 0 && kw_hist_bucket(INT64_MIN) == 0);
    CHECK(kw_hist_bucket(INT64_MAX) == KW_HIST_BUCKETS - 1 && kw_hist_lower(KW_HIST_BUCKETS) == INT64_MAX);
}

static void empty_and_single(void)
{
    struct kw_hist h;
    CHECK(kw_hist_init(&h, NULL) == KW_OK);
    CHECK(isnan(kw_hist_quantile(&h, 0.5)) && isnan(kw_hist_mean(&h)));
    kw_hist_add(&h, 77, 0);
    CHECK(h.n == 0 && h.min == INT64_MAX && h.max == -1);
    kw_hist_add(&h, 123456789, 1);
    CHECK(kw_hist_quantile(&h, 0) == 123456789 && kw_hist_quantile(&h, 1) == 123456789); /* clamped to [min, max] */
    CHECK(kw_hist_mean(&h) == 123456789);
    kw_hist_add(&h, -3, 2);
    CHECK(h.min == 0 && h.n == 3 && h.sum == 123456789 && h.count[0] == 2);
    CHECK(isnan(kw_hist_quantile(&h, NAN)) && kw_hist_quantile(&h, -1) == 0);
    CHECK(kw_hist_quantile(&h, 7) == kw_hist_quantile(&h, 1));
    CHECK_NEAR(kw_hist_quantile(&h, 1), 123456789, 123456.789);
    kw_hist_clear(&h);
    struct kw_hist fresh;
    CHECK(kw_hist_init(&fresh, NULL) == KW_OK);
    CHECK(same(&h, &fresh));
    kw_hist_free(&h);
    kw_hist_free(&h);
    kw_hist_free(&fresh);
}

static void sums_are_exact_in_128_bits(void)
{
    struct kw_hist h;
    CHECK(kw_hist_init(&h, NULL) == KW_OK);
    kw_hist_add(&h, INT64_MAX, 1000000007);
    kw_hist_add(&h, 1, 1);
    kw_hist_add_ramp(&h, INT64_MAX - 3, 1, 4, 5);
    kw_i128 want = (kw_i128)INT64_MAX * 1000000007 + 1 + ((kw_i128)INT64_MAX * 4 - 6) * 5;
    CHECK(h.sum == want);
    CHECK_NEAR(kw_hist_mean(&h) / (double)INT64_MAX, 1.0, 1e-9);
    kw_hist_clear(&h);
    kw_hist_add_ramp(&h, INT64_MAX - 10, 7, 4, 3); /* two pass the end and count as INT64_MAX */
    CHECK(h.n == 12 && h.max == INT64_MAX && h.sum == ((kw_i128)INT64_MAX * 4 - 13) * 3);
    kw_hist_free(&h);
}

static void ramp_equals_single_adds(void)
{
    struct kw_hist a, b;
    CHECK(kw_hist_init(&a, NULL) == KW_OK && kw_hist_init(&b, NULL) == KW_OK);
    int bad = 0;
    for (int c = 0; c < 4000; c++) {
        int64_t first = value(), step = below(8) == 0 ? 0 : (int64_t)(kw_rng_u64(&rng) >> (1 + below(63)));
        uint64_t k = below(300), w = below(5);
        while (k > 1 && (kw_i128)step * (k - 1) + first > INT64_MAX) { /* keep the ramp inside the line */
            step /= 2;
            first /= 2;
        }
        for (uint64_t i = 0; i < k; i++) kw_hist_add(&a, first + (int64_t)i * step, w);
        kw_hist_add_ramp(&b, first, step, k, w);
        int differ = !same(&a, &b);
        if (differ && !bad)
            fprintf(stderr, "first %lld step %lld k %llu w %llu\n", (long long)first, (long long)step,
                    (unsigned long long)k, (unsigned long long)w);
        bad += differ;
        if (c % 5 == 4) kw_hist_clear(&a), kw_hist_clear(&b);
    }
    CHECK(bad == 0);
    kw_hist_free(&a);
    kw_hist_free(&b);
}

static void long_ramps_take_microseconds(void)
{
    struct kw_hist h;
    CHECK(kw_hist_init(&h, NULL) == KW_OK);
    struct timespec s, e;
    uint64_t k = UINT64_C(1000000000000);
    clock_gettime(CLOCK_MONOTONIC, &s);
    kw_hist_add_ramp(&h, 5, 3, k, 2);
    clock_gettime(CLOCK_MONOTONIC, &e);
    double us = (double)(e.tv_sec - s.tv_sec) * 1e6 + (double)(e.tv_nsec - s.tv_nsec) / 1e3;
    printf("note: a ramp of 1e12 values over %zu buckets took %.0f us\n", kw_hist_bucket(h.max), us);
    CHECK(us < 50000); /* one by one it would take an hour; the margin is for sanitizers and a busy machine */
    CHECK(h.n == 2 * k && h.min == 5 && h.max == 5 + 3 * (int64_t)(k - 1));
    CHECK(h.sum == 2 * (kw_i128)k * 5 + 3 * (kw_i128)k * (k - 1));
    CHECK(h.count[100] == 0 && h.count[101] == 2 && h.count[103] == 0); /* 5 + 3i */
    uint64_t n = 0;
    for (size_t b = 0; b < KW_HIST_BUCKETS; b++) n += h.count[b];
    CHECK(n == h.n);
    kw_hist_free(&h);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void quantiles_are_within_a_thousandth(void)
{
    static const double ps[] = { 0, 0.01, 0.07, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1 };
    struct kw_hist h;
    CHECK(kw_hist_init(&h, NULL) == KW_OK);
    int bad = 0;
    double worst = 0;
    static int64_t x[2000];
    for (int c = 0; c < 2000; c++) {
        int n = 1 + (int)below(c % 10 ? 100 : 2000), narrow = (int)below(40);
        for (int i = 0; i < n; i++) {
            x[i] = below(2) ? value() : (int64_t)(1000000 + below(UINT64_C(1) << narrow));
            kw_hist_add(&h, x[i], 1);
        }
        qsort(x, (size_t)n, sizeof *x, by_value);
        double at_once[sizeof ps / sizeof *ps];
        kw_hist_quantiles(&h, ps, sizeof ps / sizeof *ps, at_once);
        for (size_t i = 0; i < sizeof ps / sizeof *ps; i++) {
            int rank = (int)((long)(ps[i] * 1000 + 0.5) * n + 999) / 1000; /* ceil(p*n) in integers */
            int64_t exact = x[rank < 1 ? 0 : rank - 1];
            double got = kw_hist_quantile(&h, ps[i]), e = fabs(got - (double)exact);
            if (exact && e / (double)exact > worst) worst = e / (double)exact;
            bad += got != at_once[i] || e > 0.001 * (double)exact || (exact < 1024 && e != 0);
        }
        kw_hist_clear(&h);
    }
    CHECK(bad == 0);
    CHECK(worst > 0.0005 && worst <= 1.0 / 1024);
    kw_hist_free(&h);
}

static void ranks_survive_rounding(void)
{
    struct kw_hist h;
    CHECK(kw_hist_init(&h, NULL) == KW_OK);
    kw_hist_add_ramp(&h, 1, 1, 1000, 1);
    int bad = 0;
    for (int i = 1; i <= 1000; i++) bad += kw_hist_quantile(&h, i / 1000.0) != i;
    CHECK(bad == 0);
    kw_hist_free(&h);
}

static void merging_is_a_sum(void)
{
    struct kw_hist all, part[3], m;
    CHECK(kw_hist_init(&all, NULL) == KW_OK && kw_hist_init(&m, NULL) == KW_OK);
    for (int i = 0; i < 3; i++) CHECK(kw_hist_init(&part[i], NULL) == KW_OK);
    for (int i = 0; i < 5000; i++) {
        int64_t v = value();
        kw_hist_add(&all, v, 1);
        kw_hist_add(&part[below(2)], v, 1); /* part[2] stays empty */
    }
    for (int i = 0; i < 3; i++) kw_hist_merge(&m, &part[i]);
    CHECK(same(&m, &all));
    kw_hist_clear(&m);
    for (int i = 2; i >= 0; i--) kw_hist_merge(&m, &part[i]);
    CHECK(same(&m, &all));
    for (int i = 0; i < 3; i++) kw_hist_free(&part[i]);
    kw_hist_free(&all);
    kw_hist_free(&m);
}

static void every_allocation_may_fail(void)
{
    struct kw_hist h;
    struct kw_error err;
    long n;
    for (n = 1;; n++) {
        failmalloc_at(n);
        enum kw_status st = kw_hist_init(&h, &err);
        if (!failmalloc_off()) break;
        CHECK(st == KW_ENOMEM && !h.count && err.msg[0]);
    }
    CHECK(n == 2);
    kw_hist_free(&h);
}

int main(void)
{
    if (kw_rng_init(&rng, 20260727, 0, KW_RNG_ARRIVALS, NULL) != KW_OK) return 1;
    RUN(buckets_tile_the_line);
    RUN(empty_and_single);
    RUN(sums_are_exact_in_128_bits);
    RUN(ramp_equals_single_adds);
    RUN(long_ramps_take_microseconds);
    RUN(quantiles_are_within_a_thousandth);
    RUN(ranks_survive_rounding);
    RUN(merging_is_a_sum);
    RUN(every_allocation_may_fail);
    kw_rng_free(&rng);
    return check_report();
}
