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

int main(void)
{
    RUN(shorter_phases_are_lengthened_in_their_proportion);
    RUN(a_model_that_takes_longer_by_itself_takes_that);
    RUN(without_phases_all_of_it_is_init);
    RUN(a_restored_snapshot_is_not_lengthened);
    RUN(the_streams_stay_aligned);
    RUN(modal_starts_as_it_publishes);
    return check_report();
}
