/* An API whose latency was not found is planned with the user's own; one that has it keeps the file's unless told. */
#include <math.h>
#include <string.h>
#include "sim/io/scenario/scenario.h"
#include "sim/plan/sweep/sweep.h"
#include "tests/check.h"

static struct kw_catalogue cat;

static enum kw_status first(const char *deployment, struct kw_candidate *c, struct kw_error *err)
{
    char text[900];
    struct kw_scenario s;
    snprintf(text, sizeof text,
             "{ \"keepwarm\": 1, \"trace\": { \"file\": \"t.csv\" },%s\n"
             "  \"deployments\": [ %s ] }",
             strstr(deployment, "\"model\"") ? "" : " \"model\": \"llama-3.1-8b\",", deployment);
    kw_candidate_init(c);
    enum kw_status st = kw_scenario_parse(&s, "s.json", text, strlen(text), NULL, 0, err);
    if (st != KW_OK) return st;
    st = kw_scenario_candidate(&s, 0, &cat, NULL, c, NULL, err);
    kw_scenario_free(&s);
    return st;
}

static void refused(const char *deployment, const char *want)
{
    struct kw_candidate c;
    struct kw_error err = { "" };
    CHECK(first(deployment, &c, &err) == KW_ERANGE);
    if (!strstr(err.msg, want)) fprintf(stderr, "got '%s', want '%s'\n", err.msg, want);
    CHECK(strstr(err.msg, want) != NULL);
    kw_candidate_free(&c);
}

static void own_latency_makes_a_plan_possible(void)
{
    struct kw_candidate c;
    struct kw_error err = { "" };
    struct kw_deployment d;
    CHECK(first("{ \"platform\": \"openai\", \"model\": \"gpt-4o\", \"ttft\": { \"lognormal\": { \"p50\": \"0.4\", "
                "\"p95\": \"1.2\" } },"
                " \"output_rate\": { \"constant\": \"80\" }, \"limits\": { \"rpm\": 500 } }",
                &c, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (c.n == 1) {
        const struct kw_choice *x = &c.choice[0];
        kw_choice_deployment(x, &d);
        CHECK_NEAR(kw_law_quantile(&d.ttft_s, 0.95), 1.2, 1e-9);
        CHECK_NEAR(kw_law_quantile(&d.output_rate, 0.5), 80, 0);
        CHECK(d.ttft_per_ktok_s.kind == KW_LAW_NONE && d.limits.rpm == 500);
        CHECK(x->ttft_s.provenance.grade == KW_GRADE_USER);
        CHECK(kw_choice_grade(x) == KW_GRADE_PUBLISHED); /* the price is; the latency is the user's word */
    }
    kw_candidate_free(&c);
}

static void a_known_latency_is_kept_unless_told(void)
{
    struct kw_candidate c;
    struct kw_error err = { "" };
    CHECK(first("{ \"platform\": \"groq\" }", &c, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (c.n == 1) {
        CHECK_NEAR(kw_law_quantile(&c.choice[0].ttft_s, 0.5), 0.2219, 1e-9);
        CHECK(kw_choice_grade(&c.choice[0]) == KW_GRADE_UNKNOWN); /* how TTFT grows with the prompt was not found */
    }
    kw_candidate_free(&c);
    CHECK(first("{ \"platform\": \"groq\", \"ttft\": { \"constant\": \"0.1\", \"source\": \"our logs\", \"date\": "
                "\"2026-11-01\","
                " \"grade\": \"measured\" }, \"ttft_per_ktok\": { \"constant\": \"0.05\" } }",
                &c, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (c.n == 1) {
        CHECK_NEAR(kw_law_quantile(&c.choice[0].ttft_s, 0.5), 0.1, 0);
        CHECK_STR(c.choice[0].ttft_s.provenance.source, "our logs");
        CHECK_NEAR(kw_law_quantile(&c.choice[0].ttft_per_ktok_s, 0.5), 0.05, 0);
        CHECK(kw_choice_grade(&c.choice[0]) ==
              KW_GRADE_UNKNOWN); /* of the output rate, lowered: not seen since 2025-08 */
        CHECK_NEAR(kw_law_quantile(&c.choice[0].output_rate, 0.5), 267.2, 1e-9);
    }
    kw_candidate_free(&c);
}

static void what_is_missing_is_named(void)
{
    refused("{ \"platform\": \"openai\", \"model\": \"gpt-4o\", \"ttft\": { \"constant\": \"1\" } }",
            "the latency of gpt-4o");
    refused("{ \"platform\": \"groq\", \"output_rate\": { \"constant\": \"0\" } }",
            "deployments[0].output_rate: want a rate above 0");
}

/* The price of an API whose latency nobody told is told all the same. */
static void an_unknown_latency_leaves_the_price(void)
{
    struct kw_candidate c;
    struct kw_error err = { "" };
    CHECK(first("{ \"platform\": \"openai\", \"model\": \"gpt-4o\" }", &c, &err) == KW_OK);
    CHECK(c.n == 1 && !kw_choice_latency_known(&c.choice[0]));
    kw_ns arrival[] = { 0, 10 * KW_NS_PER_S, 20 * KW_NS_PER_S };
    uint32_t tokens[] = { 1000, 1000, 1000 };
    struct kw_trace trace = { .n = 3,
                              .arrival = arrival,
                              .prompt = tokens,
                              .output = tokens,
                              .span = KW_HOURS_PER_MONTH * KW_NS_PER_HOUR,
                              .epoch_unix = INT64_MIN };
    struct kw_study study = { .trace = &trace, .replications = 1, .seed = 1, .slo.ttft_p95 = 2 * KW_NS_PER_S };
    struct kw_sweep_options opt = { .threads = 1 };
    struct kw_point p;
    kw_slo_init(&study.slo);
    for (int asked = 0; asked < 2; asked++) {
        study.slo.ttft_p95 = asked * 2 * KW_NS_PER_S;
        CHECK(kw_point_init(&p, &err) == KW_OK && kw_sweep(&p, &c, 1, &study, &opt, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        CHECK_NEAR(p.m[KW_METRIC_COST].value, 3 * (0.0025 + 0.01), 1e-12); /* $2.50 and $10 a million */
        CHECK(isnan(p.m[KW_METRIC_TTFT_P50].value) && isnan(p.m[KW_METRIC_E2E_P99].value) && p.ttft.n == 0);
        CHECK(p.feasible == !asked);
        CHECK_STR(p.miss, asked ? "latency not known" : "");
        kw_point_free(&p);
    }
    kw_candidate_free(&c);
}

/* To which prompt a TTFT holds, and whose traffic it is of: the file's, until the user's own stands in its place. */
static void a_law_says_how_far_it_holds_and_of_what_it_is(void)
{
    static const struct {
        const char *deployment, *stand_in; /* in the line that names it; "" for none */
        uint32_t known_to, rate_known_to;
    } want[] = {
        { "\"openai\", \"model\": \"gpt-5.6-terra\"", "", 275000, 24151 }, /* has a slope of its own, and a limit */
        { "\"openai\", \"model\": \"gpt-5.6-terra\", \"ttft_per_ktok\": { \"constant\": \"0.1\" }", "", 0, 24151 },
        { "\"groq\", \"model\": \"gpt-oss-120b\"", "its latency was not measured; that of OpenRouter's traffic", 2669,
          4214 },
        { "\"groq\", \"model\": \"gpt-oss-120b\", \"ttft\": { \"constant\": \"1\" }, \"ttft_known_to\": 700",
          "its output rate was not measured", 700, 4214 },
        { "\"groq\", \"model\": \"gpt-oss-120b\", \"ttft\": { \"constant\": \"1\" },"
          " \"output_rate\": { \"constant\": \"90\" }, \"output_rate_known_to\": 900",
          "", 0, 900 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        char text[400], line[300];
        struct kw_candidate c;
        struct kw_error err = { "" };
        snprintf(text, sizeof text, "{ \"platform\": %s }", want[i].deployment);
        CHECK(first(text, &c, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        if (c.n == 1) {
            kw_choice_stand_in(&c.choice[0], line, sizeof line);
            CHECK(*want[i].stand_in ? strstr(line, want[i].stand_in) != NULL : !*line);
            CHECK(c.choice[0].ttft_known_to == want[i].known_to && c.choice[0].rate_known_to == want[i].rate_known_to);
        }
        kw_candidate_free(&c);
    }
}

/* What the user measured stands for all of it: nothing of the file's or the profile's is added. */
static void a_measured_part_replaces_and_is_not_added_to(void)
{
    static const char gpu[] = "{ \"platform\": \"modal\", \"gpu\": \"H100\", \"cold_start\": { %s } }";
    char text[400];
    struct kw_candidate c;
    struct kw_error err = { "" };
    CHECK(first("{ \"platform\": \"groq\", \"ttft\": { \"constant\": \"0.4\" } }", &c, &err) == KW_OK);
    CHECK(c.n == 1 && c.choice[0].ttft_per_ktok_s.kind == KW_LAW_NONE);
    kw_candidate_free(&c);
    snprintf(text, sizeof text, gpu, "\"load\": { \"constant\": \"40\" }");
    CHECK(first(text, &c, &err) == KW_OK);
    CHECK(c.n == 1 && kw_law_quantile(&c.choice[0].cold.load, 0.5) == 40 &&
          c.choice[0].cold.load_rate.kind == KW_LAW_NONE && c.choice[0].cold.cached_load_rate.kind == KW_LAW_NONE);
    kw_candidate_free(&c);
    snprintf(text, sizeof text, gpu, "\"load_rate\": { \"constant\": \"1e9\" }");
    CHECK(first(text, &c, &err) != KW_OK); /* decimal strings */
    kw_candidate_free(&c);
    snprintf(text, sizeof text, gpu,
             "\"load\": { \"constant\": \"3\" }, \"load_rate\": { \"constant\": \"1000000000\" }");
    CHECK(first(text, &c, &err) == KW_OK);
    CHECK(c.n == 1 && kw_law_quantile(&c.choice[0].cold.load, 0.5) == 3 &&
          kw_law_quantile(&c.choice[0].cold.load_rate, 0.5) == 1e9);
    kw_candidate_free(&c);
    snprintf(text, sizeof text, gpu,
             "\"load\": { \"constant\": \"3\" }, \"cached_load_rate\": { \"constant\": \"1000000000\" }");
    refused(text, "deployments[0].cold_start.cached_load_rate: beside load it needs load_rate");
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_catalogue_load(&cat, "2026-11-29", &err) == KW_OK);
    CHECK_STR(err.msg, "");
    RUN(own_latency_makes_a_plan_possible);
    RUN(a_known_latency_is_kept_unless_told);
    RUN(a_law_says_how_far_it_holds_and_of_what_it_is);
    RUN(a_measured_part_replaces_and_is_not_added_to);
    RUN(what_is_missing_is_named);
    RUN(an_unknown_latency_leaves_the_price);
    kw_catalogue_free(&cat);
    return check_report();
}
