/* The latency law of an API fitted to logs drawn from laws that are known: what it finds, that its intervals hold the
 * truth as often as they say, what it leaves out, and that what it writes is read back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/api/fit_api.h"
#include "calibrate/api/fit_api_write.h"
#include "platforms/facts/platform.h"
#include "platforms/facts/platform_read.h"
#include "sim/core/rng.h"
#include "tests/check.h"

#define MONDAY INT64_C(1791158400) /* 2026-10-05 00:00 UTC */

static struct kw_trace t;
static struct kw_api_fit f;
static struct kw_error err;

struct truth {
    double ttft_s, ttft_sigma, per_ktok_s, rate, rate_sigma; /* medians, and standard deviations of the logarithm */
    double gap_s;                                            /* between requests */
    double hour_sigma;                                       /* of a factor that all TTFT of an hour share */
};
static const struct truth usual = { 0.4, 0.35, 0.02, 80, 0.2, 60, 0 };

/* n requests: prompts lognormal around 1,100 tokens, outputs exponential around 200. */
static void draw(const struct truth *x, size_t n, uint64_t seed)
{
    struct kw_rng rng;
    memset(&t, 0, sizeof t);
    t.epoch_unix = MONDAY;
    t.n = n;
    t.arrival = calloc(n, sizeof *t.arrival);
    t.ttft = calloc(n, sizeof *t.ttft), t.e2e = calloc(n, sizeof *t.e2e);
    t.prompt = calloc(n, sizeof *t.prompt), t.output = calloc(n, sizeof *t.output);
    CHECK(t.arrival && t.ttft && t.e2e && t.prompt && t.output);
    CHECK(kw_rng_init(&rng, seed, 0, KW_RNG_SERVICE, &err) == KW_OK);
    double at = 0, factor = 1;
    int64_t hour = -1;
    for (size_t i = 0; i < n; i++) {
        t.arrival[i] = (kw_ns)(at * 1e9);
        if (t.arrival[i] / KW_NS_PER_HOUR != hour && x->hour_sigma > 0) {
            hour = t.arrival[i] / KW_NS_PER_HOUR;
            factor = exp(x->hour_sigma * kw_rng_normal(&rng));
        }
        at += kw_rng_exp(&rng, x->gap_s);
        t.prompt[i] = (uint32_t)exp(7 + kw_rng_normal(&rng)) + 1;
        t.output[i] = (uint32_t)kw_rng_exp(&rng, 200) + 2;
        double ttft =
            factor * x->ttft_s * exp(x->ttft_sigma * kw_rng_normal(&rng)) + x->per_ktok_s * t.prompt[i] / 1000;
        double rate = x->rate * exp(x->rate_sigma * kw_rng_normal(&rng));
        t.ttft[i] = (kw_ns)(ttft * 1e9);
        t.e2e[i] = (kw_ns)((ttft + (t.output[i] - 1) / rate) * 1e9);
    }
    t.span = t.arrival[n - 1];
    kw_rng_free(&rng);
}

static bool holds(const struct kw_api_figure *x, double truth)
{
    return x->lo <= truth && truth <= x->hi;
}

static void the_law_of_a_log_is_found(void)
{
    const double z95 = 1.6448536269514722;
    draw(&usual, 5000, 1);
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    CHECK(f.n == 5000 && f.ttft_n == 5000 && f.rate_n == 5000 && f.no_first + f.at_once + f.cached + f.one_token == 0);
    CHECK(f.per_ktok.kind == KW_LAW_CONSTANT);
    CHECK_NEAR(f.slope.value, usual.per_ktok_s, 0.003);
    CHECK_NEAR(f.ttft_p50.value, usual.ttft_s, 0.01);
    CHECK_NEAR(f.ttft_p95.value, usual.ttft_s * exp(z95 * usual.ttft_sigma), 0.03);
    CHECK_NEAR(f.rate_p50.value, usual.rate, 0.8);
    CHECK_NEAR(f.rate_p05.value, usual.rate * exp(-z95 * usual.rate_sigma), 1.2);
    CHECK(holds(&f.slope, f.slope.value) && f.slope.lo > 0.015 && f.slope.hi < 0.025);
    CHECK(kw_law_quantile(&f.ttft, 0.5) == f.ttft_p50.value && kw_law_quantile(&f.rate, 0.05) == f.rate_p05.value);
    /* simulated, the law gives the log's own figures */
    CHECK(holds(&f.check_ttft_p50.log, f.check_ttft_p50.law) && holds(&f.check_ttft_p95.log, f.check_ttft_p95.law));
    CHECK(holds(&f.check_e2e_p50.log, f.check_e2e_p50.law) && holds(&f.check_e2e_p95.log, f.check_e2e_p95.law));
    CHECK(!f.hour.matters);
    uint32_t longest = 0;
    for (size_t i = 0; i < t.n; i++) longest = t.prompt[i] > longest ? t.prompt[i] : longest;
    CHECK(f.prompt_max == longest && f.tokens_max > longest && f.prompt_min < 100);
    struct kw_api_fit again;
    CHECK(kw_api_fit(&again, &t, 1, &err) == KW_OK && !memcmp(&again.slope, &f.slope, sizeof f.slope));
    kw_trace_free(&t);
}

/* An interval of 95 % misses one time in twenty: of 60 logs 57 hold the truth, and fewer than 51 in one of a thousand. */
static void intervals_hold_the_truth_as_often_as_they_say(void)
{
    int slope = 0, p50 = 0, rate = 0, check = 0;
    for (uint64_t k = 0; k < 60; k++) {
        draw(&usual, 200, 100 + k);
        CHECK(kw_api_fit(&f, &t, k, &err) == KW_OK);
        slope += holds(&f.slope, usual.per_ktok_s);
        p50 += holds(&f.ttft_p50, usual.ttft_s);
        rate += holds(&f.rate_p50, usual.rate);
        check += holds(&f.check_ttft_p50.log, f.check_ttft_p50.law);
        kw_trace_free(&t);
    }
    CHECK(slope >= 51 && p50 >= 51 && rate >= 51 && check >= 51);
    if (slope < 51 || p50 < 51 || rate < 51) fprintf(stderr, "  %d, %d, %d, %d of 60\n", slope, p50, rate, check);
}

/* Two days in which an hour is slow as a whole: 48 events, not 2,880. */
static void a_slow_hour_is_one_event(void)
{
    struct truth hours = usual;
    hours.hour_sigma = 0.35;
    hours.ttft_sigma = 0.05;
    draw(&hours, 2880, 5);
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    double wide = f.ttft_p50.hi - f.ttft_p50.lo;
    CHECK(holds(&f.ttft_p50, hours.ttft_s));
    for (size_t i = 0; i < t.n; i++) t.arrival[i] /= 100; /* the same in half an hour: no hours to go by */
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    CHECK(wide > 1.5 * (f.ttft_p50.hi - f.ttft_p50.lo));
    kw_trace_free(&t);
}

/* One request in ten is answered a hundred times later, the long prompts' more often: the line stays. */
static void outliers_move_the_line_little(void)
{
    draw(&usual, 3000, 9);
    for (size_t i = 0; i<t.n; i += t.prompt[i]> 2000 ? 5 : 12) t.e2e[i] += 99 * t.ttft[i], t.ttft[i] *= 100;
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    CHECK_NEAR(f.slope.value, usual.per_ktok_s, 0.012);
    CHECK_NEAR(f.ttft_p50.value, usual.ttft_s, 0.03);
    kw_trace_free(&t);
}

static void a_slope_that_is_not_told_from_0_is_left_out(void)
{
    struct truth flat = usual;
    flat.per_ktok_s = 0;
    draw(&flat, 3000, 3);
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    CHECK(f.per_ktok.kind == KW_LAW_NONE && holds(&f.slope, 0));
    CHECK_NEAR(f.ttft_p50.value, 0.4, 0.015);
    for (size_t i = 0; i < t.n; i++) t.prompt[i] = 550;
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    CHECK(f.per_ktok.kind == KW_LAW_NONE && isnan(f.slope.value) && f.prompt_max == 550 && f.prompt_min == 550);
    kw_trace_free(&t);
}

static void what_does_not_tell_is_left_out_and_counted(void)
{
    draw(&usual, 200, 4);
    t.cached = calloc(t.n, sizeof *t.cached);
    CHECK(t.cached);
    for (size_t i = 0; i < 10; i++) t.ttft[i] = -1;                         /* no first token */
    for (size_t i = 10; i < 30; i++) t.ttft[i] = t.e2e[i];                  /* all at once */
    for (size_t i = 30; i < 70; i++) t.cached[i] = 1;                       /* of a cached prompt */
    for (size_t i = 70; i < 75; i++) t.output[i] = 1, t.e2e[i] = t.ttft[i]; /* one token, and so no rate */
    for (size_t i = 75; i < 90; i++) t.e2e[i] = -1;                         /* no end */
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    CHECK(f.n == 200 && f.no_first == 10 && f.at_once == 20 && f.cached == 40 && f.one_token == 5 && f.no_end == 15);
    CHECK(f.ttft_n == 200 - 10 - 20 - 40 && f.rate_n == 200 - 10 - 20 - 5 - 15);

    for (size_t i = 0; i < t.n; i++) t.cached[i] = 1;
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "0 of 200 requests tell a TTFT, at least 20 are wanted: 10 say no first token, 20 came all at "
                       "once, 170 were read from a cache");
    for (size_t i = 0; i < t.n; i++) t.cached[i] = 0, t.e2e[i] = -1;
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_ERANGE);
    CHECK_STR(err.msg,
              "0 of 200 requests tell an output rate, at least 20 are wanted: 10 say no first token, 0 came all "
              "at once, 185 say no end, 5 have one output token");
    free(t.ttft);
    t.ttft = NULL;
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "200 say no first token (--columns ttft=NAME:ms or first=NAME tells it)"));
    kw_trace_free(&t);
}

static void a_slow_hour_of_every_day_is_told(void)
{
    draw(&usual, 5000, 6); /* three days and a half */
    for (size_t i = 0; i < t.n; i++)
        if (t.arrival[i] / KW_NS_PER_HOUR % 24 == 14) t.e2e[i] += t.ttft[i], t.ttft[i] *= 2;
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK);
    CHECK(f.hour.matters && f.hour.slow == 14 && f.hour.slow_s > 1.7 * f.hour.fast_s);
    t.epoch_unix = INT64_MIN; /* without dates there are no hours of a day */
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK && !f.hour.matters);
    kw_trace_free(&t);
}

static bool same_law(const struct kw_law *a, const struct kw_law *b)
{
    bool same = a->kind == b->kind && a->n == b->n;
    for (int i = 0; same && i < a->n; i++)
        same = a->v[i] == b->v[i] && (a->kind != KW_LAW_QUANTILES || a->p[i] == b->p[i]);
    return same;
}

static void what_is_written_is_read_back(void)
{
    const char *const platform =
        "{\"keepwarm_platform\": 1, \"name\": \"mine\", \"title\": \"Mine\", \"kind\": \"api\", \"url\": \"\", "
        "\"sources\": {\"s\": "
        "{\"source\": \"x\", \"date\": \"2026-01-02\", \"grade\": \"published\"}, \"own-log\": {\"source\": \"y\", "
        "\"date\": "
        "\"2026-01-02\", \"grade\": \"published\"}}, \"tiers\": {\"t\": {\"src\": \"s\", \"rule\": \"actual\"}}, "
        "\"tier\": \"t\", "
        "\"apis\": [{\"model\": \"a\", \"sku\": \"A\", \"src\": \"s\", \"in_mtok\": \"1\", \"out_mtok\": \"2\", "
        "\"ttft_s\": "
        "{\"constant\": \"9\"}, \"ttft_known_to\": 5, \"output_rate\": {\"constant\": \"1\"}, \"latency_of\": "
        "\"another\"}, "
        "{\"model\": \"b\", \"sku\": \"B\", \"src\": \"s\", \"in_mtok\": \"1\", \"out_mtok\": \"2\"}]}";
    draw(&usual, 500, 8);
    CHECK(kw_api_fit(&f, &t, 1, &err) == KW_OK && f.per_ktok.kind == KW_LAW_CONSTANT);
    struct kw_provenance p = { .grade = KW_GRADE_MEASURED, .source = "a \"log\"", .date = "2026-10-05" };
    f.ttft.provenance = f.per_ktok.provenance = f.rate.provenance = p;
    const char *models[] = { "a", "b" }, *skus[] = { "A", "B" };
    for (int k = 0; k < 2; k++) {
        char *text;
        struct kw_platform got;
        CHECK(kw_api_fit_into(&text, platform, models[k], skus[k], &f, &err) == KW_OK);
        if (kw_platform_parse(&got, "mem", text, strlen(text), &err) != KW_OK) {
            CHECK(!"parsed");
            fprintf(stderr, "  %s\n", err.msg);
            free(text);
            continue;
        }
        const struct kw_api_offer *o = &got.apis[k];
        CHECK(same_law(&o->ttft_s, &f.ttft) && same_law(&o->ttft_per_ktok_s, &f.per_ktok) &&
              same_law(&o->output_rate, &f.rate));
        CHECK(o->ttft_known_to == f.prompt_max && o->rate_known_to == f.tokens_max && !*o->latency_of);
        CHECK(strstr(o->ttft_s.provenance.source, "a \"log\""));
        CHECK(o->ttft_s.provenance.grade == KW_GRADE_MEASURED && o->price.in_mtok.known);
        CHECK(k == 0 || got.apis[0].ttft_known_to == 5); /* the other offer stays */
        kw_platform_free(&got);
        free(text);
    }
    char *none;
    CHECK(kw_api_fit_into(&none, platform, "a", "B", &f, &err) == KW_ERANGE && !none);

    struct kw_text out = { 0 };
    kw_text_add(&out, "{\n");
    kw_api_fit_deployment(&out, &f, 2);
    kw_text_add(&out, "}\n");
    struct kw_json doc;
    struct kw_law law;
    CHECK(kw_json_parse(&doc, "mem", out.s, out.n, &err) == KW_OK);
    struct kw_jnode root = kw_json_root(&doc);
    CHECK(kw_law_read(kw_json_get(root, "ttft"), &law, &err) == KW_OK && same_law(&law, &f.ttft));
    CHECK(kw_law_read(kw_json_get(root, "output_rate"), &law, &err) == KW_OK && same_law(&law, &f.rate));
    CHECK(kw_law_read(kw_json_get(root, "ttft_per_ktok"), &law, &err) == KW_OK && same_law(&law, &f.per_ktok));
    kw_json_free(&doc);
    kw_text_free(&out);
    kw_api_fit_json(&out, &f, "mine", "a");
    CHECK(kw_json_parse(&doc, "mem", out.s, out.n, &err) == KW_OK);
    kw_json_free(&doc);
    kw_text_free(&out);
    kw_trace_free(&t);
}

/* Every form a law is written in is read as it was, small and large values too. */
static void laws_are_written_as_they_are_read(void)
{
    struct kw_law laws[] = { { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 0.02009 } },
                             { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 1.25e-7 } },
                             { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 3.35e12 } },
                             { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 0 } },
                             { .kind = KW_LAW_QUANTILES, .n = 3, .p = { 0, 0.5, 1 }, .v = { 0.1, 0.25, 1e17 } } };
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        struct kw_text out = { 0 };
        struct kw_json doc;
        struct kw_law back;
        kw_text_add(&out, "{");
        kw_law_write(&out, &laws[i]);
        kw_text_add(&out, "}");
        CHECK(kw_json_parse(&doc, "mem", out.s, out.n, &err) == KW_OK);
        CHECK(kw_law_read_form(kw_json_root(&doc), &back, &err) == KW_OK && same_law(&back, &laws[i]));
        kw_json_free(&doc);
        kw_text_free(&out);
    }
}

/* Closed forms: a constant T and R on prompts of 1,000 and 3,000 tokens in turn. */
static void the_law_of_other_prompts_is_the_closed_form(void)
{
    const struct kw_law ttft = { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 0.5 } },
                        per = { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 0.1 } },
                        rate = { .kind = KW_LAW_CONSTANT, .n = 1, .v = { 10 } };
    const struct kw_api_laws laws = { &ttft, &per, &rate };
    const double q[] = { 0.25, 0.75 };
    double s[2], e[2];
    draw(&usual, 100, 1);
    for (size_t i = 0; i < t.n; i++) t.prompt[i] = i % 2 ? 3000 : 1000, t.output[i] = 21;
    CHECK(kw_api_law_quantiles(&laws, &t, NULL, 2, q, s, e, &err) == KW_OK);
    CHECK_NEAR(s[0], 0.6, 1e-12);
    CHECK_NEAR(s[1], 0.8, 1e-12);
    CHECK_NEAR(e[1], 2.8, 1e-12);
    bool of[100];
    for (size_t i = 0; i < t.n; i++) of[i] = i % 2;
    CHECK(kw_api_law_quantiles(&laws, &t, of, 1, q, s, NULL, &err) == KW_OK);
    CHECK_NEAR(s[0], 0.8, 1e-12);
    kw_trace_free(&t);
}

int main(void)
{
    RUN(the_law_of_a_log_is_found);
    RUN(intervals_hold_the_truth_as_often_as_they_say);
    RUN(a_slow_hour_is_one_event);
    RUN(outliers_move_the_line_little);
    RUN(a_slope_that_is_not_told_from_0_is_left_out);
    RUN(what_does_not_tell_is_left_out_and_counted);
    RUN(a_slow_hour_of_every_day_is_told);
    RUN(what_is_written_is_read_back);
    RUN(laws_are_written_as_they_are_read);
    RUN(the_law_of_other_prompts_is_the_closed_form);
    return check_report();
}
