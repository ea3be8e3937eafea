/* When requests of a load test started that keeps no start times: against a list of slots searched one by one. */
#include "workloads/readers/load_test.c"
#include "tests/check.h"

static struct kw_error err;
static struct kw_rng rng;

/* Starts of n requests sent at sent[], s, by looking for the slot that is free first. */
static void by_search(size_t n, size_t slots, const kw_ns sent[], const kw_ns took[], kw_ns start[])
{
    kw_ns *free_at = calloc(slots, sizeof *free_at);
    if (!free_at) abort();
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        for (size_t k = 1; k < slots; k++)
            if (free_at[k] < free_at[best]) best = k;
        start[i] = sent[i] > free_at[best] ? sent[i] : free_at[best];
        free_at[best] = start[i] + took[i];
    }
    free(free_at);
}

static void slots_are_taken_in_order(void)
{
    enum { N = 500 };
    static const size_t slots[] = { 1, 2, 3, 7, 64, 499 };
    static const double rates[] = { INFINITY, 0.5, 50 };
    kw_ns sent[N], took[N], want[N];
    struct kw_load_test x = { .n = 0 };
    for (size_t i = 0; i < N; i++) took[i] = (kw_ns)(kw_rng_exp(&rng, 2) * 1e9) * (i % 5 > 0);
    for (size_t r = 0; r < 3; r++)
        for (size_t s = 0; s < sizeof slots / sizeof *slots; s++) {
            CHECK(kw_load_test_begin(&x, N, rates[r], slots[s], 1, KW_BUCKETS_POISSON, &rng, &err) == KW_OK);
            for (size_t i = 0; i < N; i++) sent[i] = x.begin + (x.sent ? (kw_ns)(x.sent[i] * 1e9) : 0);
            by_search(N, slots[s], sent, took, want);
            kw_ns last = 0, over = 0;
            for (size_t i = 0; i < N; i++) {
                kw_ns at = -1;
                CHECK(kw_load_test_start(&x, took[i], &at, &err) == KW_OK && at == want[i]);
                last = at > last ? at : last;
                over = at + took[i] > over ? at + took[i] : over;
            }
            CHECK(x.over >= over && x.until <= x.over && x.until >= last);
            if (!x.drawn) CHECK(x.until == over);
        }
    kw_load_test_free(&x);
}

/* n requests over n / rate, the gaps exponential or of the gamma law that the client says, and the next run behind. */
static void gaps_are_as_the_client_draws_them(void)
{
    enum { N = 40000 };
    static const double burstiness[] = { 0.25, 1, 4 };
    struct kw_load_test x = { .n = 0 };
    for (size_t b = 0; b < 3; b++) {
        double sum = 0, squares = 0;
        kw_ns before = 0, at, begin = x.begin;
        CHECK(kw_load_test_begin(&x, N, 20, 0, burstiness[b], KW_BUCKETS_POISSON, &rng, &err) == KW_OK);
        CHECK(x.begin == (b ? begin + 2000 * KW_NS_PER_S : 0)); /* kept: behind the last */
        for (size_t i = 0; i < N; i++) {
            CHECK(kw_load_test_start(&x, 0, &at, &err) == KW_OK);
            double gap_s = i ? (double)(at - before) / 1e9 : 0;
            CHECK(i || at == x.begin);
            sum += gap_s;
            squares += gap_s * gap_s;
            before = at;
        }
        double mean = sum / (N - 1), cv = sqrt(squares / (N - 1) - mean * mean) / mean;
        CHECK(fabs(mean - 0.05) < 0.001);
        CHECK(fabs(cv - 1 / sqrt(burstiness[b])) < 0.04 / sqrt(burstiness[b]));
        CHECK(x.until == x.begin + 2000 * KW_NS_PER_S && x.over == x.until);
        x.kept = true;
    }
    kw_load_test_free(&x);
}

static void what_lasts_too_long(void)
{
    struct kw_load_test x = { .n = 0 };
    kw_ns at;
    CHECK(kw_load_test_begin(&x, 5, 1e-9, 0, 1, KW_BUCKETS_EVEN, &rng, &err) == KW_ERANGE &&
          strstr(err.msg, "over ten years"));
    CHECK(kw_load_test_begin(&x, 2, INFINITY, 1, 1, KW_BUCKETS_EVEN, &rng, &err) == KW_OK);
    CHECK(kw_load_test_start(&x, INT64_MAX, &at, &err) == KW_OK && at == 0);
    CHECK(kw_load_test_start(&x, 1, &at, &err) == KW_ERANGE && strstr(err.msg, "292 years"));
    x.kept = true;
    CHECK(kw_load_test_begin(&x, 2, 1, 0, 1, KW_BUCKETS_EVEN, &rng, &err) == KW_ERANGE && strstr(err.msg, "292 years"));
    kw_load_test_free(&x);
}

int main(void)
{
    if (kw_rng_init(&rng, 3, 0, KW_RNG_ARRIVALS, &err) != KW_OK) return 1;
    RUN(slots_are_taken_in_order);
    RUN(gaps_are_as_the_client_draws_them);
    RUN(what_lasts_too_long);
    kw_rng_free(&rng);
    return check_report();
}
