/* Other volumes of a traffic: exactly that volume, the day's shape, and bursts that stay bursts. */
#include <stdlib.h>
#include "sim/core/rng.h"
#include "sim/plan/replay.h"
#include "tests/check.h"

#define HOUR (3600 * KW_NS_PER_S)

/* Batches of geometric size with mean `batch` within 2 s, at a rate that doubles in the second half of each day. */
static struct kw_trace make(double hours, double requests_s, double batch, uint64_t seed)
{
    struct kw_trace t = { .epoch_unix = INT64_MIN, .span = (kw_ns)(hours * (double)HOUR) };
    struct kw_rng r;
    size_t room = (size_t)(requests_s * hours * 3600 * 2 + 1000);
    CHECK(kw_rng_init(&r, seed, 0, KW_RNG_ARRIVALS, NULL) == KW_OK);
    t.arrival = malloc(room * sizeof *t.arrival);
    t.prompt = malloc(room * sizeof *t.prompt);
    t.output = malloc(room * sizeof *t.output);
    for (double at = 0;;) {
        bool second_half = (kw_ns)(at / 43200) % 2;
        at += kw_rng_exp(&r, batch / (requests_s * (second_half ? 4.0 / 3 : 2.0 / 3)));
        double x = at;
        do {
            if (x * 1e9 >= (double)t.span || t.n == room) break;
            t.arrival[t.n] = (kw_ns)(x * 1e9);
            t.prompt[t.n] = 1 + (uint32_t)kw_rng_exp(&r, 700);
            t.output[t.n++] = 1 + (uint32_t)kw_rng_exp(&r, 200);
            x += 0.2 * kw_rng_uniform(&r);
        } while (batch > 1 && kw_rng_uniform(&r) > 1 / batch);
        if (at * 1e9 >= (double)t.span) break;
    }
    kw_rng_free(&r);
    CHECK(kw_trace_sort(&t, NULL) == KW_OK);
    return t;
}

static double first_half_share(const struct kw_trace *t)
{
    double n = 0;
    for (size_t i = 0; i < t->n; i++) n += t->arrival[i] / (12 * HOUR) % 2 == 0;
    return n / (double)t->n;
}

static void dispersion_is_that_of_the_process(void)
{
    struct kw_trace poisson = make(24, 0.5, 1, 1), batches = make(24, 0.5, 4, 1);
    CHECK_NEAR(kw_volume_dispersion(&poisson, KW_VOLUME_WINDOW), 1, 0.06);
    CHECK_NEAR(kw_volume_dispersion(&batches, KW_VOLUME_WINDOW), 2 * 4 - 1, 0.9); /* of geometric batches: 2 m - 1 */
    kw_trace_free(&poisson);
    kw_trace_free(&batches);
}

static void a_volume_is_exact_and_keeps_shape_and_bursts(void)
{
    const double factor[] = { 0.02, 0.1, 0.5, 1, 1.5, 2, 4.4, 16 };
    for (int batch = 1; batch <= 4; batch += 3) {
        struct kw_trace t = make(48, 0.5, batch, 2);
        double tokens = kw_volume_tokens(&t), dispersion = kw_volume_dispersion(&t, KW_VOLUME_WINDOW);
        for (size_t k = 0; k < sizeof factor / sizeof *factor; k++) {
            struct kw_trace v;
            CHECK(kw_volume_scale(&v, &t, factor[k], 1, 7, NULL) == KW_OK);
            CHECK_NEAR(kw_volume_tokens(&v) / (factor[k] * tokens), 1, 1e-3 / factor[k] * 0.05 + 1e-3);
            CHECK(v.span == t.span && v.arrival[0] >= 0 && v.arrival[v.n - 1] <= v.span);
            for (size_t i = 1; i < v.n; i++) CHECK(v.arrival[i] >= v.arrival[i - 1]);
            CHECK_NEAR(first_half_share(&v), first_half_share(&t), 0.02 + 1 / sqrt((double)v.n));
            double few = 4 / sqrt((double)v.n / batch); /* what chance leaves of an estimate */
            CHECK_NEAR(kw_volume_dispersion(&v, KW_VOLUME_WINDOW) / dispersion, 1, 0.1 + few);
            kw_trace_free(&v);
        }
        kw_trace_free(&t);
    }
}

static void what_is_kept_stays_kept(void)
{
    struct kw_trace t = make(24, 0.5, 3, 3), quarter, half, once;
    CHECK(kw_volume_scale(&quarter, &t, 0.25, 1, 5, NULL) == KW_OK);
    CHECK(kw_volume_scale(&half, &t, 0.5, 1, 5, NULL) == KW_OK);
    CHECK(kw_volume_scale(&once, &t, 1, 1, 5, NULL) == KW_OK);
    size_t at = 0;
    for (size_t i = 0; i < quarter.n; i++, at++)
        while (at < half.n && half.arrival[at] != quarter.arrival[i]) at++;
    CHECK(at <= half.n);
    CHECK(once.n == t.n && !memcmp(once.arrival, t.arrival, t.n * sizeof *t.arrival) &&
          !memcmp(once.prompt, t.prompt, t.n * sizeof *t.prompt));
    kw_trace_free(&quarter);
    kw_trace_free(&half);
    kw_trace_free(&once);
    kw_trace_free(&t);
}

/* Every copy has prompts of its own, and its requests are those of the trace. */
static void copies_share_no_prompt(void)
{
    struct kw_trace t = make(24, 0.1, 1, 4), v;
    t.hash_at = malloc((t.n + 1) * sizeof *t.hash_at);
    t.hash = malloc(t.n * sizeof *t.hash);
    t.hash_block = 512;
    for (size_t i = 0; i <= t.n; i++) t.hash_at[i] = (uint32_t)i;
    for (size_t i = 0; i < t.n; i++) t.hash[i] = i;
    CHECK(kw_volume_scale(&v, &t, 3, 1, 5, NULL) == KW_OK && v.n == 3 * t.n && v.hash_at[v.n] == v.n);
    size_t own = 0;
    for (size_t i = 0; i < v.n; i++) {
        own += v.hash[i] < t.n;
        if (v.hash[i] < t.n) CHECK(v.prompt[i] == t.prompt[v.hash[i]] && v.arrival[i] == t.arrival[v.hash[i]]);
    }
    CHECK(own == t.n);
    kw_trace_free(&v);
    kw_trace_free(&t);
}

static void little_traffic_is_shown_by_several_windows(void)
{
    struct kw_trace t = make(24, 0.05, 1, 5);
    struct kw_replay r;
    const struct kw_replay_size size = { 1e5, 18 };
    CHECK(kw_replay_make(&r, &t, 0.01, &size, 1, NULL) == KW_OK);
    CHECK(r.windows >= 10 && r.part == 1 && r.trace.n > 400 && r.trace.n < 650);
    CHECK(r.trace.span == (kw_ns)r.windows * t.span);
    CHECK_NEAR(kw_volume_tokens(&r.trace) / r.windows / (0.01 * kw_volume_tokens(&t)), 1, 0.01);
    kw_replay_free(&r);
    kw_trace_free(&t);
}

static void slices_carry_the_same_volume_and_levels(void)
{
    struct kw_trace t = make(48, 0.5, 2, 6);
    struct kw_replay r;
    const struct kw_replay_size size = { 30000, 18 };
    CHECK(kw_replay_make(&r, &t, 4, &size, 1, NULL) == KW_OK && r.windows == 1);
    CHECK(r.part > 0.05 && r.part < 0.2 && r.trace.n < 45000);
    double rate = kw_volume_tokens(&r.trace) / (double)r.trace.span, want = 4 * kw_volume_tokens(&t) / (double)t.span;
    CHECK_NEAR(rate / want, 1, 0.003);
    /* Half of the time has twice the rate of the other half, and it rises once and falls once. */
    double third[3] = { 0 };
    for (size_t i = 0; i < r.trace.n; i++) third[3 * r.trace.arrival[i] / (r.trace.span + 1)]++;
    CHECK(third[1] > 1.3 * third[0] && third[1] > 1.3 * third[2]);
    CHECK_NEAR(kw_volume_dispersion(&r.trace, KW_VOLUME_WINDOW), kw_volume_dispersion(&t, KW_VOLUME_WINDOW), 0.4);
    kw_replay_free(&r);
    CHECK(kw_replay_most(&t, &size) > 1 && kw_replay_most(&t, &size) < 10);
    kw_trace_free(&t);
}

static void bad_volumes_are_named(void)
{
    struct kw_trace t = make(1, 0.5, 1, 7), v;
    struct kw_error err;
    const double bad[] = { 0, -1, 1e-7, 2e6 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(kw_volume_scale(&v, &t, bad[i], 1, 1, &err) == KW_ERANGE && strstr(err.msg, "is not within") != NULL);
    CHECK(kw_volume_scale(&v, &t, NAN, 1, 1, &err) == KW_ERANGE);
    CHECK(kw_volume_scale(&v, &t, 1e-6, 1, 1, &err) == KW_ERANGE && strstr(err.msg, "no request is left") != NULL);
    kw_trace_free(&t);
}

int main(void)
{
    RUN(dispersion_is_that_of_the_process);
    RUN(a_volume_is_exact_and_keeps_shape_and_bursts);
    RUN(what_is_kept_stays_kept);
    RUN(copies_share_no_prompt);
    RUN(little_traffic_is_shown_by_several_windows);
    RUN(slices_carry_the_same_volume_and_levels);
    RUN(bad_volumes_are_named);
    return check_report();
}
