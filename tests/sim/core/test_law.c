#include "sim/core/law.h"
#include <gsl/gsl_cdf.h>
#include <string.h>
#include "tests/check.h"

static enum kw_status read(const char *form, struct kw_law *l, struct kw_error *err)
{
    char text[2048];
    struct kw_json doc;
    snprintf(text, sizeof text, "{%s, \"grade\": \"published\", \"source\": \"S1\", \"date\": \"2026-01-02\"}", form);
    enum kw_status st = kw_json_parse(&doc, "l.json", text, strlen(text), err);
    if (st != KW_OK) return st;
    st = kw_law_read(kw_json_root(&doc), l, err);
    kw_json_free(&doc);
    return st;
}

static void a_constant_is_itself(void)
{
    struct kw_law l;
    struct kw_error err;
    CHECK(read("\"constant\": \"12.5\"", &l, &err) == KW_OK);
    CHECK(kw_law_quantile(&l, 0.01) == 12.5 && kw_law_quantile(&l, 0.99) == 12.5);
    CHECK(l.provenance.grade == KW_GRADE_PUBLISHED);
    CHECK_STR(l.provenance.source, "S1");
    CHECK(read("\"constant\": \"54000000000\"", &l, &err) == KW_OK && l.v[0] == 54e9); /* bytes/s: past 2^63 nano */
}

static void a_lognormal_meets_its_two_quantiles(void)
{
    struct kw_law l;
    struct kw_error err;
    CHECK(read("\"lognormal\": {\"p50\": \"12\", \"p95\": \"30\"}", &l, &err) == KW_OK);
    CHECK_NEAR(kw_law_quantile(&l, 0.5), 12, 1e-12);
    CHECK_NEAR(kw_law_quantile(&l, 0.95), 30, 1e-9);
    CHECK_NEAR(kw_law_quantile(&l, 0.05), 12 * 12 / 30.0,
               1e-9); /* the median is the geometric mean of the 5th and 95th */
    CHECK(read("\"lognormal\": {\"p50\": \"3\", \"p95\": \"3\"}", &l, &err) == KW_OK);
    CHECK_NEAR(kw_law_quantile(&l, 0.999), 3, 1e-12);
}

static void a_quantile_table_is_log_linear_and_flat_outside(void)
{
    struct kw_law l;
    struct kw_error err;
    CHECK(read("\"quantiles\": {\"0.1\": \"1\", \"0.5\": \"4\", \"0.9\": \"100\"}", &l, &err) == KW_OK);
    CHECK(kw_law_quantile(&l, 0.01) == 1 && kw_law_quantile(&l, 0.1) == 1 && kw_law_quantile(&l, 0.99) == 100);
    CHECK_NEAR(kw_law_quantile(&l, 0.3), 2, 1e-12);  /* half way in p from 1 to 4 */
    CHECK_NEAR(kw_law_quantile(&l, 0.7), 20, 1e-12); /* sqrt(4 x 100) */
    CHECK(read("\"quantiles\": {\"0\": \"0\", \"1\": \"10\"}", &l, &err) == KW_OK);
    CHECK_NEAR(kw_law_quantile(&l, 0.25), 2.5, 1e-12); /* linear where a value is 0 */
    CHECK(read("\"quantiles\": {\"0.5\": \"7\"}", &l, &err) == KW_OK && kw_law_quantile(&l, 0.2) == 7);
}

static void every_kind_draws_exactly_one_uniform(void)
{
    static const char *const forms[] = { "\"constant\": \"3\"", "\"lognormal\": {\"p50\": \"1\", \"p95\": \"2\"}",
                                         "\"quantiles\": {\"0.1\": \"1\", \"0.9\": \"2\"}" };
    struct kw_rng a, b;
    struct kw_error err;
    CHECK(kw_rng_init(&a, 1, 0, KW_RNG_COLD_START, &err) == KW_OK &&
          kw_rng_init(&b, 1, 0, KW_RNG_COLD_START, &err) == KW_OK);
    for (int i = 0; i < 4; i++) {
        struct kw_law l = { .kind = KW_LAW_NONE };
        if (i < 3) CHECK(read(forms[i], &l, &err) == KW_OK);
        double u = kw_rng_uniform(&b);
        CHECK(kw_law_draw(&l, &a) == kw_law_quantile(&l, u));
    }
    CHECK(kw_rng_u64(&a) == kw_rng_u64(&b));
    kw_rng_free(&a);
    kw_rng_free(&b);
}

static void draws_follow_the_law(void)
{
    struct kw_law l;
    struct kw_rng r;
    struct kw_error err;
    const double n = 20000, sigma = log(20.0 / 10) / 1.6448536269514722;
    double sum = 0, below = 0;
    CHECK(read("\"lognormal\": {\"p50\": \"10\", \"p95\": \"20\"}", &l, &err) == KW_OK);
    CHECK(kw_rng_init(&r, 7, 0, KW_RNG_COLD_START, &err) == KW_OK);
    for (int i = 0; i < (int)n; i++) {
        double v = kw_law_draw(&l, &r);
        sum += v;
        below += v < 20;
    }
    kw_rng_free(&r);
    CHECK_NEAR(sum / n, 10 * exp(sigma * sigma / 2), 4 * 4.9 / sqrt(n)); /* standard deviation of this law: 4.9 */
    CHECK_NEAR(below / n, 0.95, 4 * sqrt(0.95 * 0.05 / n));
}

static void nanoseconds_are_rounded_and_clamped(void)
{
    struct kw_rng r;
    struct kw_error err;
    struct kw_law l = { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 1.5e-9 } };
    CHECK(kw_rng_init(&r, 1, 0, KW_RNG_COLD_START, &err) == KW_OK);
    CHECK(kw_law_draw_ns(&l, &r) == 2);
    l.v[0] = 0.25;
    CHECK(kw_law_draw_ns(&l, &r) == 250000000);
    l.v[0] = 1e18;
    CHECK(kw_law_draw_ns(&l, &r) == INT64_C(1000000000000000));
    l.kind = KW_LAW_NONE;
    CHECK(kw_law_draw_ns(&l, &r) == 0);
    kw_rng_free(&r);
}

static void bad_laws_are_refused_by_name(void)
{
    static const struct {
        const char *form, *message;
    } bad[] = {
        { "\"constnt\": \"1\"", "constant" },
        { "\"constant\": 12.5", "l.json:1: constant:" },
        { "\"constant\": \"1e3\"", "want a decimal string" },
        { "\"constant\": \"-1\"", "want a decimal string" },
        { "\"constant\": \"\"", "want a decimal string" },
        { "\"constant\": \".\"", "want a decimal string" },
        { "\"constant\": \"nan\"", "want a decimal string" },
        { "\"constant\": \"1000000000000000001000\"", "want a decimal string" },
        { "\"constant\": \"1\", \"quantiles\": {\"0.5\": \"1\"}", "got 2 of them" },
        { "\"lognormal\": {\"p50\": \"0\", \"p95\": \"30\"}", "p50" },
        { "\"lognormal\": {\"p50\": \"30\", \"p95\": \"12\"}", "at least p50" },
        { "\"lognormal\": {\"p50\": \"30\"}", "p95" },
        { "\"lognormal\": {\"p50\": \"1\", \"p95\": \"2\", \"p99\": \"3\"}", "p99" },
        { "\"quantiles\": {}", "want 1..24 quantiles" },
        { "\"quantiles\": [1, 2]", "want an object" },
        { "\"quantiles\": {\"0.5\": \"1\", \"0.1\": \"2\"}", "must ascend" },
        { "\"quantiles\": {\"0.1\": \"2\", \"0.5\": \"1\"}", "must not fall" },
        { "\"quantiles\": {\"1.5\": \"2\"}", "probability" },
        { "\"quantiles\": {\"p50\": \"2\"}", "probability" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_law l = { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 42 } };
        struct kw_error err = { .msg = "" };
        CHECK(read(bad[i].form, &l, &err) != KW_OK);
        if (!strstr(err.msg, bad[i].message)) CHECK_STR(err.msg, bad[i].message);
        CHECK(l.kind == KW_LAW_CONSTANT && l.v[0] == 42);
    }
    struct kw_law l;
    struct kw_error err;
    char many[1024] = "\"quantiles\": {";
    for (int i = 0; i < 25; i++) sprintf(many + strlen(many), "%s\"0.%02d\": \"1\"", i ? ", " : "", i + 1);
    strcat(many, "}");
    CHECK(read(many, &l, &err) == KW_ERANGE && strstr(err.msg, "got 25"));
}

int main(void)
{
    RUN(a_constant_is_itself);
    RUN(a_lognormal_meets_its_two_quantiles);
    RUN(a_quantile_table_is_log_linear_and_flat_outside);
    RUN(every_kind_draws_exactly_one_uniform);
    RUN(draws_follow_the_law);
    RUN(nanoseconds_are_rounded_and_clamped);
    RUN(bad_laws_are_refused_by_name);
    return check_report();
}
