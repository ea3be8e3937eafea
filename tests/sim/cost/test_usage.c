/* Usage: every nanosecond of every life is either billed or not, whatever the meter. */
#include "sim/cost/usage.h"
#include "sim/core/rng.h"
#include "tests/check.h"
#include <stdlib.h>

#define S KW_NS_PER_S

static struct kw_life life(kw_ns provision, kw_ns load, kw_ns active, kw_ns idle)
{
    struct kw_life l = { .born = 5, .first_success = -1 };
    l.phase[KW_PHASE_PROVISION] = provision;
    l.phase[KW_PHASE_LOAD] = load;
    l.phase[KW_PHASE_ACTIVE] = active;
    l.phase[KW_PHASE_IDLE] = idle;
    l.gone = l.born + provision + load + active + idle;
    return l;
}

static struct kw_usage usage(struct kw_life *l, size_t n, const struct kw_meter *m, uint32_t gpus)
{
    struct kw_usage u;
    struct kw_ledger g = { .lives_n = n, .lives = l };
    memset(&u, 0x5a, sizeof u);
    CHECK(kw_usage_from_ledger(&u, &g, m, KW_KIND_SERVERLESS, gpus, 0, 1000 * S, NULL) == KW_OK);
    return u;
}

static void phases_are_billed_as_the_meter_says(void)
{
    struct kw_life l[] = { life(10 * S, 20 * S, 30 * S, 60 * S), life(1 * S, 2 * S, 3 * S, 4 * S) };
    struct kw_meter m = { .granularity = 1 };
    m.bills[KW_PHASE_LOAD] = m.bills[KW_PHASE_ACTIVE] = m.bills[KW_PHASE_IDLE] = true;
    struct kw_usage u = usage(l, 2, &m, 2);
    CHECK(u.gpu_ns[KW_PHASE_PROVISION] == 0 && u.unbilled_gpu_ns == 2 * 11 * S);
    CHECK(u.gpu_ns[KW_PHASE_LOAD] == 2 * 22 * S);
    CHECK(u.gpu_ns[KW_PHASE_ACTIVE] == 2 * 33 * S && u.busy_gpu_ns == 2 * 33 * S);
    CHECK(u.gpu_ns[KW_PHASE_IDLE] == 2 * 64 * S);
    CHECK(u.rounding_gpu_ns == 0 && u.minimum_gpu_ns == 0);
    l[0].phase[KW_PHASE_KEEP_WARM] = l[0].phase[KW_PHASE_IDLE]; /* busy is what serves, not what is ready */
    l[0].phase[KW_PHASE_IDLE] = 0;
    CHECK(usage(l, 2, &m, 2).busy_gpu_ns == 2 * 33 * S);
}

static void each_life_is_rounded_up_on_its_own(void)
{
    /* 1.2 s and 2.0 s in whole seconds: 2 + 2, not ceil(3.2) = 4 by luck: with three of 1.2 s it is 6, not 4. */
    struct kw_life l[] = { life(0, 0, 1200000000, 0), life(0, 0, 1200000000, 0), life(0, 0, 1200000000, 0),
                           life(0, 0, 2 * S, 0) };
    struct kw_meter m = { .granularity = S };
    m.bills[KW_PHASE_ACTIVE] = true;
    struct kw_usage u = usage(l, 4, &m, 1);
    CHECK(u.gpu_ns[KW_PHASE_ACTIVE] == 5600000000 && u.rounding_gpu_ns == 2400000000);
}

static void minimum_comes_before_rounding_and_only_where_something_is_billed(void)
{
    struct kw_life l[] = { life(9 * S, 0, 1, 0), life(9 * S, 0, 0, 0) };
    struct kw_meter m = { .granularity = 60 * S, .min_charge = 90 * S };
    m.bills[KW_PHASE_ACTIVE] = true;
    struct kw_usage u = usage(l, 2, &m, 1);
    CHECK(u.minimum_gpu_ns == 90 * S - 1);
    CHECK(u.rounding_gpu_ns == 30 * S); /* 90 s is raised to 2 minutes */
    CHECK(u.unbilled_gpu_ns == 18 * S);
}

static void windows_count_from_the_first_success(void)
{
    struct kw_meter m = { .granularity = 1, .window = 300 * S };
    struct kw_life l[] = { life(20 * S, 30 * S, 40 * S, 300 * S), life(5 * S, 5 * S, 1 * S, 0), life(1 * S, 0, 0, 0) };
    l[0].first_success = l[0].gone - 335 * S; /* 5 s of ACTIVE before it */
    l[1].first_success = l[1].gone;           /* it ended with its first success: one window all the same */
    struct kw_usage u = usage(l, 3, &m, 2);
    CHECK(u.gpu_ns[KW_PHASE_ACTIVE] == 2 * 35 * S && u.gpu_ns[KW_PHASE_IDLE] == 2 * 300 * S);
    CHECK(u.rounding_gpu_ns == 2 * (265 + 300) * S); /* 335 s -> 600 s, 0 s -> 300 s */
    CHECK(u.unbilled_gpu_ns == 2 * (55 + 11 + 1) * S);
}

/* The same 90 s in whole minutes with at least 100 s: where a life ends decides, and all of it counts then. */
static void minimum_and_rounding_fall_due_at_the_end_of_the_whole_life(void)
{
    struct kw_meter m = { .granularity = 60 * S, .min_charge = 100 * S };
    m.bills[KW_PHASE_ACTIVE] = true;
    struct kw_life l = life(0, 0, 90 * S, 0);
    struct kw_life_before before = { .life = 0 };
    struct kw_ledger g = { .lives_n = 1, .lives = &l };
    struct kw_usage u;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 1, 0, 1000 * S, NULL) == KW_OK);
    CHECK(u.minimum_gpu_ns == 10 * S && u.rounding_gpu_ns == 20 * S);
    g.before = &before;
    g.before_n = 1;
    before.phase[KW_PHASE_ACTIVE] = 95 * S; /* 185 s in all */
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 1, 0, 1000 * S, NULL) == KW_OK);
    CHECK(u.minimum_gpu_ns == 0 && u.rounding_gpu_ns == 55 * S && u.gpu_ns[KW_PHASE_ACTIVE] == 90 * S);
    l.goes_on = true;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 1, 0, 1000 * S, NULL) == KW_OK);
    CHECK(u.minimum_gpu_ns == 0 && u.rounding_gpu_ns == 0 && u.gpu_ns[KW_PHASE_ACTIVE] == 90 * S);
    /* Windows from the first success: 400 s before this window, 90 s in it. */
    m.window = 300 * S;
    l.first_success = l.born;
    before.since_success = 400 * S;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 1, 0, 1000 * S, NULL) == KW_OK);
    CHECK(u.rounding_gpu_ns == 0 && u.gpu_ns[KW_PHASE_ACTIVE] == 90 * S);
    l.goes_on = false;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 1, 0, 1000 * S, NULL) == KW_OK);
    CHECK(u.rounding_gpu_ns == 110 * S);
}

static void no_bill_is_above_all_replicas_always_on(void)
{
    struct kw_life l[] = { life(0, 0, 1 * S, 0), life(0, 0, 1 * S, 0), life(0, 0, 1 * S, 0) };
    struct kw_meter m = { .granularity = 60 * S, .min_charge = 50 * S };
    m.bills[KW_PHASE_ACTIVE] = true;
    struct kw_ledger g = { .lives_n = 3, .lives = l };
    struct kw_usage u;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 2, 0, 160 * S, NULL) == KW_OK);
    CHECK(u.minimum_gpu_ns == 2 * 147 * S && u.rounding_gpu_ns == 2 * 30 * S);
    g.max_replicas = 1; /* 160 s at most, 3 of them are billed anyway */
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 2, 0, 160 * S, NULL) == KW_OK);
    CHECK(u.minimum_gpu_ns == 2 * 147 * S && u.rounding_gpu_ns == 2 * 10 * S);
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 2, 0, 100 * S, NULL) == KW_OK);
    CHECK(u.minimum_gpu_ns == 2 * 97 * S && u.rounding_gpu_ns == 0);
    /* Three replicas where one is allowed are a fault, unless two drain beside their successor. */
    struct kw_error err;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 2, 0, 2 * S, &err) == KW_EFAIL &&
          strstr(err.msg, "longer"));
    for (int i = 0; i < 2; i++) {
        l[i].phase[KW_PHASE_DRAIN] = l[i].phase[KW_PHASE_ACTIVE];
        l[i].phase[KW_PHASE_ACTIVE] = 0;
    }
    m.bills[KW_PHASE_DRAIN] = true;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 2, 0, 2 * S, &err) == KW_OK && u.rounding_gpu_ns == 0);
}

static void dedicated_pays_for_what_it_rents(void)
{
    struct kw_life l[] = { life(0, 0, 600 * S, 400 * S), life(0, 0, 200 * S, 800 * S) };
    struct kw_ledger g = { .lives_n = 2, .lives = l };
    struct kw_meter m = { .granularity = 1 };
    struct kw_usage u;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_DEDICATED, 1, 8, 1000 * S, NULL) == KW_OK);
    CHECK(u.reserved_gpu_ns == 8000 * S && u.busy_gpu_ns == 800 * S && u.gpu_ns[KW_PHASE_ACTIVE] == 0);
}

static void nodes_are_rented_whole(void)
{
    struct kw_gpu_offer p5 = { .gpus_min = 8, .gpus_max = 8 }, one = { .gpus_min = 1, .gpus_max = 8 };
    CHECK(kw_gpus_rented(&p5, 1, 1) == 8 && kw_gpus_rented(&p5, 1, 8) == 8 && kw_gpus_rented(&p5, 1, 9) == 16);
    CHECK(kw_gpus_rented(&p5, 4, 3) == 16 && kw_gpus_rented(&p5, 8, 3) == 24);
    CHECK(kw_gpus_rented(&one, 2, 3) == 6 && kw_gpus_per_replica(&one, 3) == 3 && kw_gpus_per_replica(&p5, 1) == 8);
}

static void api_counts_tokens(void)
{
    struct kw_ledger g = { .completed = 7, .tokens_in = 1000, .tokens_cached = 300, .tokens_out = 50 };
    struct kw_meter m = { .granularity = 1 };
    struct kw_usage u;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_API, 0, 0, S, NULL) == KW_OK);
    CHECK(u.tokens_in == 700 && u.tokens_cached == 300 && u.tokens_out == 50 && u.requests == 7);
}

static void overflow_is_an_error_and_changes_nothing(void)
{
    struct kw_life l[2] = { life(0, 0, INT64_MAX - 10, 0), life(0, 0, INT64_MAX - 10, 0) };
    struct kw_ledger g = { .lives_n = 2, .lives = l };
    struct kw_meter m = { .granularity = 1 };
    struct kw_usage u = { .gpus = 77 };
    struct kw_error err;
    m.bills[KW_PHASE_ACTIVE] = true;
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 1, 0, S, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "292 GPU-years") != NULL && u.gpus == 77);
    CHECK(kw_usage_from_ledger(&u, &g, &m, KW_KIND_SERVERLESS, 1, 0, 0, &err) == KW_ERANGE);
}

static void random_lives_add_up(void)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, 7, 0, KW_RNG_SERVICE, NULL) == KW_OK);
    for (int round = 0; round < 2000; round++) {
        struct kw_life l[8];
        kw_i128 lives = 0;
        size_t n = kw_rng_u64(&r) % 9;
        for (size_t i = 0; i < n; i++) {
            l[i] = (struct kw_life){ .born = (kw_ns)(kw_rng_u64(&r) % 1000), .first_success = -1 };
            l[i].gone = l[i].born;
            for (int p = 0; p < KW_PHASES; p++) {
                l[i].phase[p] = kw_rng_u64(&r) % 3 ? (kw_ns)(kw_rng_u64(&r) % (100 * S)) : 0;
                l[i].gone += l[i].phase[p];
            }
            kw_ns steady = l[i].phase[KW_PHASE_ACTIVE] + l[i].phase[KW_PHASE_IDLE] + l[i].phase[KW_PHASE_KEEP_WARM] +
                           l[i].phase[KW_PHASE_DRAIN];
            if (kw_rng_u64(&r) % 4) l[i].first_success = l[i].gone - (kw_ns)(kw_rng_u64(&r) % (uint64_t)(steady + 1));
            lives += l[i].gone - l[i].born;
        }
        struct kw_meter m = { .granularity = (kw_ns)(1 + kw_rng_u64(&r) % (60 * S)),
                              .min_charge = (kw_ns)(kw_rng_u64(&r) % (60 * S)),
                              .window = kw_rng_u64(&r) % 2 ? 300 * S : 0 };
        for (int p = 0; p < KW_PHASES; p++) m.bills[p] = kw_rng_u64(&r) % 2;
        uint32_t gpus = 1 + kw_rng_u64(&r) % 8;
        struct kw_usage u = usage(l, n, &m, gpus);
        kw_i128 sum = u.unbilled_gpu_ns;
        for (int p = 0; p < KW_PHASES; p++) {
            CHECK(u.gpu_ns[p] >= 0);
            sum += u.gpu_ns[p];
        }
        CHECK(sum == lives * gpus);
        CHECK(u.rounding_gpu_ns >= 0 && u.minimum_gpu_ns >= 0);
        kw_i128 paid = sum - u.unbilled_gpu_ns + u.rounding_gpu_ns + u.minimum_gpu_ns;
        CHECK(paid % ((m.window ? m.window : m.granularity) * (kw_i128)gpus) == 0);
    }
    kw_rng_free(&r);
}

int main(void)
{
    RUN(phases_are_billed_as_the_meter_says);
    RUN(each_life_is_rounded_up_on_its_own);
    RUN(minimum_comes_before_rounding_and_only_where_something_is_billed);
    RUN(windows_count_from_the_first_success);
    RUN(minimum_and_rounding_fall_due_at_the_end_of_the_whole_life);
    RUN(no_bill_is_above_all_replicas_always_on);
    RUN(dedicated_pays_for_what_it_rents);
    RUN(nodes_are_rented_whole);
    RUN(api_counts_tokens);
    RUN(overflow_is_an_error_and_changes_nothing);
    RUN(random_lives_add_up);
    return check_report();
}
