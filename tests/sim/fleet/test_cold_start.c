/* What is published of load and init in all: the two together take no less, a larger model takes longer by its own phases,
 * and a start draws as many variates with it as without. */
#include "sim/fleet/pool/cold_start.h"
#include <stdlib.h>
#include "platforms/facts/platforms.h"
#include "tests/check.h"

#define STARTS 4000

static struct kw_error err;
static const struct kw_autoscaling plain = { .max_replicas = 1 };

static struct kw_law constant(double v)
{
    return (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { v } };
}

static struct kw_cold_start phases(double load_s, double init_s, double in_all_s)
{
    struct kw_cold_start c = { .load = constant(load_s), .init = constant(init_s) };
    if (in_all_s > 0) c.engine_start = constant(in_all_s);
    return c;
}

static struct kw_start one(const struct kw_cold_start *c)
{
    struct kw_start_streams s = { 0 };
    CHECK(kw_start_streams_begin(&s, 1, 0, &err) == KW_OK);
    struct kw_start drawn = kw_start_draw(c, &plain, &s);
    kw_start_streams_free(&s);
    return drawn;
}

static void shorter_phases_are_lengthened_in_their_proportion(void)
{
    struct kw_cold_start c = phases(10, 30, 100);
    struct kw_start s = one(&c);
    CHECK(s.phase[KW_PHASE_LOAD] == 25 * KW_NS_PER_S && s.phase[KW_PHASE_INIT] == 75 * KW_NS_PER_S);
}

static void a_model_that_takes_longer_by_itself_takes_that(void)
{
    struct kw_cold_start c = phases(90, 30, 100);
    struct kw_start s = one(&c);
    CHECK(s.phase[KW_PHASE_LOAD] == 90 * KW_NS_PER_S && s.phase[KW_PHASE_INIT] == 30 * KW_NS_PER_S);
}

static void without_phases_all_of_it_is_init(void)
{
    struct kw_cold_start c = { .engine_start = constant(7) };
    struct kw_start s = one(&c);
    CHECK(s.phase[KW_PHASE_LOAD] == 0 && s.phase[KW_PHASE_INIT] == 7 * KW_NS_PER_S);
}

static void a_restored_snapshot_is_not_lengthened(void)
{
    struct kw_cold_start c = phases(10, 30, 100);
    c.restore = constant(5);
    c.snapshot_probability = 1;
    struct kw_start s = one(&c);
    CHECK(s.phase[KW_PHASE_LOAD] == 0 && s.phase[KW_PHASE_INIT] == 0 && s.phase[KW_PHASE_RESTORE] == 5 * KW_NS_PER_S);
}

/* Spread laws: it alone differs, and the starts after it are the same ones. */
static void the_streams_stay_aligned(void)
{
    struct kw_cold_start with = phases(10, 30, 0), without;
    with.init = (struct kw_law){ .kind = KW_LAW_QUANTILES, .n = 2, .p = { 0.1, 0.9 }, .v = { 10, 60 } };
    with.provision = with.init;
    without = with;
    with.engine_start = constant(45);
    struct kw_start_streams a = { 0 }, b = { 0 };
    CHECK(kw_start_streams_begin(&a, 1, 0, &err) == KW_OK && kw_start_streams_begin(&b, 1, 0, &err) == KW_OK);
    int longer = 0;
    for (int i = 0; i < STARTS; i++) {
        struct kw_start x = kw_start_draw(&with, &plain, &a), y = kw_start_draw(&without, &plain, &b);
        kw_ns took = x.phase[KW_PHASE_LOAD] + x.phase[KW_PHASE_INIT],
              alone = y.phase[KW_PHASE_LOAD] + y.phase[KW_PHASE_INIT];
        CHECK(x.phase[KW_PHASE_PROVISION] == y.phase[KW_PHASE_PROVISION]);
        CHECK(took == (alone > 45 * KW_NS_PER_S ? alone : 45 * KW_NS_PER_S));
        longer += took > alone;
    }
    CHECK(longer > STARTS / 10 && longer < STARTS * 9 / 10);
    kw_start_streams_free(&a);
    kw_start_streams_free(&b);
}

/* Its vLLM starts without a snapshot took 95.7 s in the mean (PLATFORMS.md 9, S69). */
static void modal_starts_as_it_publishes(void)
{
    struct kw_platforms all;
    struct kw_start_streams s = { 0 };
    CHECK(kw_platforms_embedded(&all, &err) == KW_OK);
    struct kw_cold_start c = kw_platforms_find(&all, "modal")->cold;
    CHECK(kw_start_streams_begin(&s, 1, 0, &err) == KW_OK);
    double sum = 0;
    for (int i = 0; i < STARTS; i++) {
        struct kw_start x = kw_start_draw(&c, &plain, &s);
        sum += 1e-9 * (double)(x.phase[KW_PHASE_LOAD] + x.phase[KW_PHASE_INIT]);
    }
    CHECK_NEAR(sum / STARTS, 95.7, 3 * 43 / sqrt(STARTS)); /* its standard deviation is 43 s */
    kw_start_streams_free(&s);
    kw_platforms_free(&all);
}

/* One law after the other that is not constant, at its worst with the others: what decides differs from start to start. */
static void no_start_takes_longer_than_the_longest(void)
{
    struct kw_law quick = { .kind = KW_LAW_QUANTILES, .n = 2, .p = { 0.001, 0.999 }, .v = { 1, 2 } };
    struct kw_law rate = { .kind = KW_LAW_QUANTILES, .n = 2, .p = { 0.001, 0.999 }, .v = { 1e9, 1.1e9 } };
    for (int k = 0; k < 8; k++) {
        struct kw_cold_start c = {
            .weight_bytes = 40e9, .provision = quick, .load_rate = rate, .cached_load_rate = rate, .cache_hit = 0.5
        };
        struct kw_law *slow[] = { &c.provision, &c.pull, &c.load, &c.init, &c.engine_start, &c.restore };
        if (k < 6) *slow[k] = (struct kw_law){ .kind = KW_LAW_QUANTILES, .n = 2, .p = { 0.1, 0.5 }, .v = { 50, 100 } };
        if (k == 5) c.snapshot_probability = 0.5;
        if (k == 6) c.load_rate = constant(5e9);
        if (k == 7) c.cached_load_rate = constant(5e9);
        struct kw_start_streams s = { 0 };
        CHECK(kw_start_streams_begin(&s, 1, 0, &err) == KW_OK);
        kw_ns most = 0, bound = kw_start_longest(&c);
        for (int i = 0; i < STARTS; i++) {
            struct kw_start x = kw_start_draw(&c, &plain, &s);
            kw_ns took = 0;
            for (int phase = 0; phase <= KW_PHASE_RESTORE; phase++) took += x.phase[phase];
            if (took > most) most = took;
        }
        CHECK(most <= bound && bound - most < 4 * KW_NS_PER_S);
        if (check_bad) fprintf(stderr, "law %d: %lld of %lld ns\n", k, (long long)most, (long long)bound);
        kw_start_streams_free(&s);
    }
}

/* The last variate that there is. */
static void the_longest_lognormal_start_is_its_last_variate(void)
{
    struct kw_cold_start c = { .init = { .kind = KW_LAW_LOGNORMAL, .n = 2, .v = { 2, 0.5 } } };
    kw_ns least = kw_law_ns(kw_law_quantile(&c.init, 1 - 0x1p-53)), longest = kw_start_longest(&c);
    CHECK(longest >= least && longest <= least + 2 * KW_NS_PER_S);
    c.init = (struct kw_law){ .kind = KW_LAW_EXPONENTIAL, .n = 1, .v = { 10 } };
    CHECK(kw_start_longest(&c) >= kw_law_ns(10 * 53 * log(2)));
}

int main(void)
{
    RUN(no_start_takes_longer_than_the_longest);
    RUN(the_longest_lognormal_start_is_its_last_variate);
    RUN(shorter_phases_are_lengthened_in_their_proportion);
    RUN(a_model_that_takes_longer_by_itself_takes_that);
    RUN(without_phases_all_of_it_is_init);
    RUN(a_restored_snapshot_is_not_lengthened);
    RUN(the_streams_stay_aligned);
    RUN(modal_starts_as_it_publishes);
    return check_report();
}
