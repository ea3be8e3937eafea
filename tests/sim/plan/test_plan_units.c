/* Which numbers of units a plan tries and what they cost at the least; that it finds the cheapest of all numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/io/scenario/scenario.h"
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/ceiling.h"
#include "tests/check.h"

static struct kw_catalogue cat;

enum { N = 400 };
static kw_ns arrival[N];
static uint32_t prompt[N], output[N];
static struct kw_trace trace = { .n = N, .arrival = arrival, .prompt = prompt, .output = output };

/* An hour whose rate changes by the quarter; request 0 is long. */
static void draw(uint64_t seed)
{
    struct kw_rng r;
    struct kw_error err;
    double at = 0, rate = 0;
    CHECK(kw_rng_init(&r, seed, 0, KW_RNG_ARRIVALS, &err) == KW_OK);
    for (int i = 0; i < N; i++) {
        if (i % (N / 4) == 0) rate = 0.02 + kw_rng_uniform(&r) * 0.5;
        at += kw_rng_exp(&r, 1 / rate);
        arrival[i] = (kw_ns)(at * 1e9);
        prompt[i] = 100 + (uint32_t)(kw_rng_uniform(&r) * 3000);
        output[i] = 20 + (uint32_t)(kw_rng_uniform(&r) * 500);
    }
    kw_rng_free(&r);
    prompt[0] = 20000;
    trace.span = arrival[N - 1] + KW_NS_PER_S;
    trace.epoch_unix = INT64_MIN;
}

static void read_scenario(const char *text, struct kw_scenario *s, struct kw_candidate *c)
{
    struct kw_error err = { "" };
    kw_candidate_init(c);
    CHECK(kw_scenario_parse(s, "s.json", text, strlen(text), NULL, 0, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(kw_scenario_candidate(s, 0, &cat, NULL, c, NULL, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

/* %s: the units' figures. */
static const char azure[] =
    "{ \"keepwarm\": 1, \"trace\": { \"file\": \"t.csv\" }, \"deployments\": [ { \"platform\": "
    "\"azure-openai\", \"model\": \"gpt-5.2\", %s \"provisioned\": { \"units\": 15, \"tpm\": %d, "
    "\"min_units\": 1, \"increment\": 1, \"term\": \"hour\", \"price_usd\": \"%s\" } } ] }";
#define LATENCY "\"ttft\": { \"constant\": \"0.4\" }, \"output_rate\": { \"constant\": \"90\" },"

static void counts_go_from_the_least_to_beyond_the_peak(void)
{
    struct kw_provision p;
    uint32_t n[KW_PLAN_MAX_COUNTS], step;
    memset(&p, 0, sizeof p);
    /* 10 requests of 100 + 2 * 50 in the first of two minutes, 2 in the second: 2000 and 400 a minute. */
    struct kw_trace t = trace;
    t.n = 12;
    t.span = 120 * KW_NS_PER_S;
    for (int i = 0; i < 12; i++) {
        arrival[i] = (i < 10 ? i : 60 + i) * KW_NS_PER_S;
        prompt[i] = 100;
        output[i] = 50;
    }
    p.bought.rule = KW_UNITS_UTILISATION;
    p.bought.above = KW_ABOVE_SPILL;
    p.bought.carries = (struct kw_unit_capacity){ .tokens_min = 100, .weight_out = 2000000 };
    CHECK(kw_plan_unit_counts(&t, &p, 0, n, &step) == 30 && step == 1 && n[0] == 1 && n[29] == 30);
    p.min_units = 15;
    p.increment = 5;
    CHECK(kw_plan_unit_counts(&t, &p, 0, n, &step) == 4 && step == 5 && n[0] == 15 && n[3] == 30);
    p.bought.above = KW_ABOVE_REJECT; /* 1200 a minute on average, of which nine tenths 10.8 units */
    p.min_units = 3;
    p.increment = 2;
    CHECK(kw_plan_unit_counts(&t, &p, 0, n, &step) == 11 && step == 2 && n[0] == 11 && n[10] == 31);
    /* A tokenizer that makes three of two: half as many units again, the fewest 16.2. */
    CHECK(kw_plan_unit_counts(&t, &p, 1500000, n, &step) == 15 && n[0] == 17 && n[14] == 45);
    p.min_units = 100; /* sold in more than would ever be used: that number alone */
    CHECK(kw_plan_unit_counts(&t, &p, 0, n, &step) == 1 && n[0] == 100);
    p = (struct kw_provision){ .bought = { .rule = KW_UNITS_UTILISATION, .above = KW_ABOVE_SPILL } };
    p.bought.carries = (struct kw_unit_capacity){ .tokens_min = 1, .weight_out = 2000000 };
    CHECK(kw_plan_unit_counts(&t, &p, 0, n, &step) == 200 && step == 15 && n[0] == 1 && n[199] == 2986);
    p.bought.rule = KW_UNITS_SPLIT; /* the busiest minute: 1000 in, 500 out */
    p.bought.carries = (struct kw_unit_capacity){ .in_min = 1000, .out_min = 100 };
    CHECK(kw_plan_unit_counts(&t, &p, 0, n, &step) == 8 && step == 1 && n[7] == 8);
}

static struct kw_study study(void)
{
    struct kw_study s = { .trace = &trace, .replications = 1, .seed = 1 };
    kw_slo_init(&s.slo);
    s.slo.error_fraction = 0.01;
    return s;
}

/* The cheapest number of units of all there are up to `most`, by simulating each. */
static double brute_force(const struct kw_candidate *written, uint32_t most, uint32_t *units)
{
    struct kw_candidate *c = calloc(most, sizeof *c);
    struct kw_point *p = calloc(most, sizeof *p);
    struct kw_study s = study();
    struct kw_sweep_options opt = { .threads = 1 };
    struct kw_error err = { "" };
    double best = INFINITY;
    for (uint32_t i = 0; i < most; i++) {
        struct kw_choice x = written->choice[0];
        x.provision.bought.n = i + 1;
        kw_candidate_init(&c[i]);
        CHECK(kw_candidate_add(&c[i], &x, &err) == KW_OK && kw_point_init(&p[i], &err) == KW_OK);
    }
    CHECK(kw_sweep(p, c, most, &s, &opt, &err) == KW_OK);
    for (uint32_t i = 0; i < most; i++) {
        double floor = 0;
        double cost = p[i].m[KW_METRIC_COST].value;
        CHECK(kw_cost_floor(&c[i], trace.span, kw_study_month(&s), &floor, &err) == KW_OK);
        floor += kw_plan_units_floor(&c[i].choice[0], &trace, kw_study_month(&s));
        CHECK(floor <= cost * (1 + 1e-9));
        if (floor > cost * (1 + 1e-9)) fprintf(stderr, "%u units: %.17g > %.17g\n", i + 1, floor, cost);
        if (p[i].feasible && cost < best) {
            best = cost;
            *units = i + 1;
        }
    }
    for (uint32_t i = 0; i < most; i++) {
        kw_candidate_free(&c[i]);
        kw_point_free(&p[i]);
    }
    free(c);
    free(p);
    return best;
}

static void plan_of(struct kw_plan *p, const struct kw_candidate *written, bool exhaustive, bool spill,
                    const struct kw_study *s)
{
    struct kw_plan_options o;
    struct kw_error err = { "" };
    kw_plan_options_default(&o);
    o.platforms[0] = written->choice[0].platform->name;
    o.n_platforms = 1;
    o.provisioned = o.not_on_demand = o.terms_stated = true;
    o.above_stated = true;
    o.above = spill ? KW_ABOVE_SPILL : KW_ABOVE_REJECT;
    o.written = written;
    o.exhaustive = exhaustive;
    o.run.threads = 1;
    kw_plan_init(p);
    CHECK(kw_plan_enumerate(p, &cat.platforms, &cat.profiles, &cat.steptimes, &trace, written->choice[0].api->model, &o,
                            &err) == KW_OK);
    CHECK(kw_plan_run(p, s, &o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

/* Prices from where the fewest units are too dear to where the most are cheap. */
static void the_plan_finds_the_cheapest_number(void)
{
    static const char *const prices[] = { "2", "0.5", "0.2", "0.1", "0.05", "0.02" };
    uint32_t seen[6], different = 0, simulated = 0, all = 0;
    for (size_t k = 0; k < 12; k++) {
        char text[600];
        struct kw_scenario sc;
        struct kw_candidate written;
        struct kw_plan p, e;
        struct kw_study s = study();
        bool spill = k < 6;
        uint32_t units = 0;
        draw(k % 6 + 1);
        snprintf(text, sizeof text, azure, LATENCY, 4000, prices[k % 6]);
        read_scenario(text, &sc, &written);
        written.choice[0].provision.bought.above = spill ? KW_ABOVE_SPILL : KW_ABOVE_REJECT;
        double best = brute_force(&written, 120, &units);
        plan_of(&p, &written, false, spill, &s);
        plan_of(&e, &written, true, spill, &s);
        CHECK(p.best >= 0 && e.best >= 0);
        if (p.best >= 0 && e.best >= 0) {
            const struct kw_choice *x = &p.candidates[p.best].choice[0];
            CHECK(x->provision.bought.n == units && x->term == KW_TERM_PROVISIONED);
            CHECK(p.points[p.best].m[KW_METRIC_COST].value == best);
            CHECK(e.points[e.best].m[KW_METRIC_COST].value == best);
            CHECK_STR(p.recommendation, e.recommendation);
            if (spill) seen[k] = units;
        }
        simulated += (uint32_t)p.count.simulated;
        all += (uint32_t)e.count.simulated;
        kw_plan_free(&p);
        kw_plan_free(&e);
        kw_candidate_free(&written);
        kw_scenario_free(&sc);
    }
    for (int k = 1; k < 6; k++) different += seen[k] != seen[k - 1];
    CHECK(different >= 3); /* the prices ask for other numbers */
    CHECK(simulated < all);
    if (simulated >= all) fprintf(stderr, "%u of %u\n", simulated, all);
}

/* Without a latency nothing meets an objective on it, but the cheapest number is still the one told. */
static void the_cheapest_number_is_told_without_a_latency(void)
{
    char text[600];
    struct kw_scenario sc;
    struct kw_candidate written;
    struct kw_plan p;
    struct kw_study s = study();
    uint32_t units = 0;
    draw(3);
    snprintf(text, sizeof text, azure, "", 4000, "0.1");
    read_scenario(text, &sc, &written);
    written.choice[0].provision.bought.above = KW_ABOVE_SPILL;
    double best = brute_force(&written, 120, &units);
    s.slo.ttft_p95 = KW_NS_PER_S;
    plan_of(&p, &written, false, true, &s);
    CHECK(p.best < 0 && p.nearest_miss >= 0);
    if (p.nearest_miss >= 0) {
        CHECK_STR(p.points[p.nearest_miss].miss, KW_MISS_LATENCY);
        CHECK(p.points[p.nearest_miss].m[KW_METRIC_COST].value == best);
        CHECK(p.candidates[p.nearest_miss].choice[0].provision.bought.n == units);
    }
    kw_plan_free(&p);
    kw_candidate_free(&written);
    kw_scenario_free(&sc);
}

/* A range of windows is stated for GSU: the other end is read, and neither where the user says which holds. */
static void a_window_that_is_a_range_is_read_both_ways(void)
{
    static const char text[] =
        "{ \"keepwarm\": 1, \"trace\": { \"file\": \"t.csv\" }, \"deployments\": [ { \"platform\": "
        "\"vertex-api\", \"model\": \"gemini-3.6-flash\", \"provisioned\": { \"units\": %d%s } } ] }";
    static const struct {
        int units;
        const char *own;
        int64_t shortest_s, longest_s; /* 0: not open */
    } rows[] = { { 3, "", 40, 120 }, { 4, "", 5, 30 }, { 50, "", 1, 5 }, { 3, ", \"window_s\": \"40\"", 40, 0 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char s[400];
        struct kw_scenario sc;
        struct kw_candidate c, other, back;
        struct kw_error err = { "" };
        int mine;
        snprintf(s, sizeof s, text, rows[i].units, rows[i].own);
        read_scenario(s, &sc, &c);
        CHECK(c.choice[0].provision.bought.window == rows[i].shortest_s * KW_NS_PER_S);
        CHECK(kw_reading_other(&other, &mine, &c, KW_READING_WINDOW, &err) == KW_OK);
        CHECK(mine == (rows[i].longest_s ? 0 : -1));
        if (mine == 0) {
            CHECK(other.choice[0].provision.bought.window == rows[i].longest_s * KW_NS_PER_S);
            CHECK(kw_reading_other(&back, &mine, &other, KW_READING_WINDOW, &err) == KW_OK && mine == 1);
            CHECK(back.choice[0].provision.bought.window == rows[i].shortest_s * KW_NS_PER_S);
            kw_candidate_free(&back);
            kw_candidate_free(&other);
        }
        kw_candidate_free(&c);
        kw_scenario_free(&sc);
    }
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_catalogue_load(&cat, "2026-11-29", &err) == KW_OK);
    CHECK_STR(err.msg, "");
    RUN(counts_go_from_the_least_to_beyond_the_peak);
    RUN(the_plan_finds_the_cheapest_number);
    RUN(a_window_that_is_a_range_is_read_both_ways);
    RUN(the_cheapest_number_is_told_without_a_latency);
    kw_catalogue_free(&cat);
    return check_report();
}
