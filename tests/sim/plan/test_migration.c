/* Traffic moved from one API to another: what each side has, and what is lost and late when the new one fails. */
#include "sim/plan/migration.h"
#include <math.h>
#include <string.h>
#include "sim/io/scenario/scenario.h"
#include "tests/check.h"

#define S KW_NS_PER_S

static struct kw_catalogue cat;
static kw_ns arrival[100];
static uint32_t prompt[100], output[100];
static struct kw_trace trace = { .arrival = arrival, .prompt = prompt, .output = output, .epoch_unix = INT64_MIN };

/* One every second; an answer of 2 tokens takes 4 s on the old side, 9 s on the new one. */
static void begin(struct kw_candidate c[], struct kw_point p[], const double share[], size_t n, struct kw_study *study)
{
    static const char text[] =
        "{ \"keepwarm\": 1, \"trace\": { \"file\": \"t.csv\" }, \"model\": \"llama-3.1-8b\", \"deployments\": [\n"
        "  { \"name\": \"old\", \"platform\": \"groq\", \"ttft\": { \"constant\": \"3\" }, \"output_rate\": { "
        "\"constant\": \"1\" } },\n"
        "  { \"name\": \"new\", \"platform\": \"bedrock\", \"ttft\": { \"constant\": \"8\" }, \"output_rate\": { "
        "\"constant\": \"1\" } } ],\n"
        "  \"migration\": { \"from\": \"old\", \"to\": \"new\" } }";
    struct kw_error err = { "" };
    struct kw_scenario s;
    const uint8_t at[] = { 0, 1 };
    CHECK(kw_scenario_parse(&s, "s.json", text, sizeof text - 1, NULL, 0, &err) == KW_OK && s.n_points == 4);
    for (int i = 0; i < 100; i++) {
        arrival[i] = i * S;
        prompt[i] = 100;
        output[i] = 2;
    }
    trace.n = 100;
    trace.span = 100 * S;
    *study = (struct kw_study){ .trace = &trace, .replications = 1, .seed = 1 };
    kw_slo_init(&study->slo);
    for (size_t i = 0; i < n; i++) {
        kw_candidate_init(&c[i]);
        CHECK(kw_scenario_candidate(&s, 0, &cat, NULL, &c[i], NULL, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        kw_migration_split(&c[i].routing, at, share[i]);
        CHECK(kw_point_init(&p[i], &err) == KW_OK);
    }
    kw_scenario_free(&s);
}

static void end(struct kw_candidate c[], struct kw_point p[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kw_candidate_free(&c[i]);
        kw_point_free(&p[i]);
    }
}

static void each_side_is_judged_by_itself(void)
{
    static const double share[] = { 0.25, 1 };
    static const uint8_t at[] = { 0, 1 };
    struct kw_migration_ask ask = { .share = { 0.25, 1 }, .n = 2, .failure = 10 * S };
    struct kw_candidate c[2];
    struct kw_point p[2];
    struct kw_study study;
    struct kw_migration m;
    struct kw_error err = { "" };
    struct kw_sweep_options run = { .threads = 1 };
    begin(c, p, share, 2, &study);
    study.slo.ttft_p95 = 5 * S;
    study.slo.budget_month = 1; /* what both cost is for both together to keep */
    CHECK(kw_sweep(p, c, 2, &study, &run, &err) == KW_OK);
    CHECK(kw_migration_run(&m, &ask, c, p, at, &study, &run, &err) == KW_OK && m.n == 2);
    CHECK_STR(err.msg, "");
    const struct kw_migration_side *old = &m.step[0].side[KW_MIGRATION_OLD], *new = &m.step[0].side[KW_MIGRATION_NEW];
    CHECK(old->served && old->met && new->served && !new->met &&strstr(new->miss, "ttft_p95"));
    CHECK_NEAR(old->ttft_p95, 3, 0.01);
    CHECK_NEAR(new->ttft_p95, 8, 0.01);
    CHECK(m.step[0].cost == old->cost + new->cost && old->cost > 0 && new->cost > 0 && !m.step[0].met);
    CHECK(!m.step[1].side[KW_MIGRATION_OLD].served && m.step[1].side[KW_MIGRATION_OLD].cost == 0);
    CHECK_STR(m.name[KW_MIGRATION_OLD], "groq llama-3.1-8b");
    CHECK_STR(m.binds[KW_MIGRATION_NEW], "nothing is committed to");
    end(c, p, 2);
}

/* From second 0 on, the first of the equally busy tens of seconds. Nobody was under way before. */
static void who_is_under_way_is_cut_off(void)
{
    static const double share[] = { 1 };
    static const uint8_t at[] = { 0, 1 };
    struct kw_migration_ask ask = { .share = { 1 }, .n = 1, .failure = 10 * S };
    struct kw_candidate c[1];
    struct kw_point p[1];
    struct kw_study study;
    struct kw_migration m;
    struct kw_error err = { "" };
    struct kw_sweep_options run = { .threads = 1 };
    begin(c, p, share, 1, &study);
    CHECK(kw_sweep(p, c, 1, &study, &run, &err) == KW_OK);
    CHECK(kw_migration_run(&m, &ask, c, p, at, &study, &run, &err) == KW_OK);
    const struct kw_migration_back *b = &m.step[0].back;
    CHECK(m.failure_at == 0 && b->arrived == 10 && b->cut == 0 && b->failed == 0 && b->error == 0);
    for (int i = 60; i < 100; i++) arrival[i] -= 500 * KW_NS_PER_MS; /* eleven within the ten seconds from 50 on */
    CHECK(kw_migration_run(&m, &ask, c, p, at, &study, &run, &err) == KW_OK);
    CHECK(m.failure_at == 50 * S && b->arrived == 11);
    CHECK(b->cut == 8); /* those of 42 to 49 take 9 s; that of 41 is answered as it fails */
    CHECK_NEAR(b->error, 8.0 / 19, 1e-12);
    CHECK_NEAR(b->ttft_p95, 3, 0.01);
    CHECK_NEAR(b->first_token, 3, 0.01);
    CHECK(b->cost > 0 && b->starts == 0);
    end(c, p, 1);
}

static void the_busiest_stretch_is_the_first_of_the_fullest(void)
{
    kw_ns at[] = { 0, 2 * S, 10 * S, 11 * S, 19 * S, 20 * S, 29 * S };
    struct kw_trace t = { .arrival = at, .n = 7 };
    CHECK(kw_migration_busiest(&t, 10 * S) == 2 * S); /* three from 2 and from 10 on: the end is not in it */
    CHECK(kw_migration_busiest(&t, 11 * S) == 10 * S && kw_migration_busiest(&t, S) == 0);
    CHECK(kw_migration_busiest(&t, 1000 * S) == 0);
}

static void shares_are_as_written(void)
{
    struct kw_routing r;
    const uint8_t at[] = { 1, 0 };
    kw_migration_split(&r, at, 0.05);
    CHECK(r.policy == KW_ROUTE_SPLIT && r.share[1] == 0.95 && r.share[0] == 0.05);
    kw_migration_split(&r, at, 0.7);
    CHECK(r.share[1] == 0.3);
}

int main(void)
{
    struct kw_error err = { "" };
    if (kw_catalogue_load(&cat, "2026-05-01", &err) != KW_OK) return 1;
    RUN(each_side_is_judged_by_itself);
    RUN(who_is_under_way_is_cut_off);
    RUN(the_busiest_stretch_is_the_first_of_the_fullest);
    RUN(shares_are_as_written);
    kw_catalogue_free(&cat);
    return check_report();
}
