/* Limits by closed form, each provider's counting rule by hand, and draws that do not depend on acceptance. */
#include "sim/fleet/api/api_endpoint.h"
#include "tests/check.h"
#include <math.h>

#define S KW_NS_PER_S

static struct kw_law constant(double v)
{
    return (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { v } };
}

static struct kw_deployment api(struct kw_rate_limits limits)
{
    struct kw_deployment d = { .name = "api", .kind = KW_KIND_API, .limits = limits };
    d.ttft_s = constant(0.5);
    d.ttft_per_ktok_s = constant(0.1);
    d.output_rate = constant(50);
    return d;
}

static void latency_is_ttft_plus_output_over_rate(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ 0 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    kw_api_endpoint_request(&e, 0, 2000, 0, 0, 101, 0, &a);
    CHECK(a.accepted && a.ttft == 700 * KW_NS_PER_MS && a.e2e == 2700 * KW_NS_PER_MS);
    kw_api_endpoint_request(&e, 0, 1000, 0, 0, 1, 0, &a);
    CHECK(a.ttft == a.e2e);
    kw_api_endpoint_free(&e);
}

/* No law's tail reaches what an int64 of nanoseconds cannot hold (1e-10 tokens/s once ended in an assertion). */
static void any_latency_fits_the_clock(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ 0 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    const double ttft[] = { 0.5, 1e10, 1e300, INFINITY }, rate[] = { 1e-10, 50, 1e-300, 1e-10 };
    for (int i = 0; i < 4; i++) {
        d.ttft_s = constant(ttft[i]);
        d.output_rate = constant(rate[i]);
        CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
        kw_api_endpoint_request(&e, 0, 4000000000u, 0, 0, 4000000000u, 0, &a);
        CHECK(a.accepted && a.ttft > 0 && a.ttft <= KW_LAW_LONGEST && a.e2e >= a.ttft && a.e2e <= 2 * KW_LAW_LONGEST);
        kw_api_endpoint_free(&e);
    }
}

/* Its tokens and limits count all the same. */
static void unknown_latency_answers_at_once(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ .rpm = 1 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    d.ttft_s.kind = d.ttft_per_ktok_s.kind = d.output_rate.kind = KW_LAW_NONE;
    CHECK(kw_api_endpoint_init(&e, &d, 1, 0, NULL) == KW_OK);
    kw_api_endpoint_request(&e, 0, 1000, 0, 0, 1, 0, &a);
    CHECK(a.accepted && a.ttft == 0 && a.e2e == 0);
    kw_api_endpoint_request(&e, 0, 1000, 0, 0, 1000, 0, &a);
    CHECK(!a.accepted);
    kw_api_endpoint_free(&e);
}

/* 60 requests a minute, asked every 100 ms: the full bucket of 60 lasts until level + refill runs dry, then 1 a second.
 * Accepted in [0, T) of a saturated bucket = capacity + floor(rate * T) within one. */
static void continuous_bucket_admits_capacity_plus_refill(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ .rpm = 60, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    int accepted = 0;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    for (int i = 0; i < 6000; i++) { /* 600 s */
        kw_api_endpoint_request(&e, i * (S / 10), 10, 0, 0, 10, 0, &a);
        accepted += a.accepted;
        if (!a.accepted) CHECK(a.reject_code == 429 && a.retry_after > 0 && a.retry_after <= S);
    }
    CHECK(accepted >= 60 + 599 && accepted <= 60 + 600);
    kw_api_endpoint_free(&e);
}

static void retry_after_is_exact(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ .rpm = 7, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    for (int i = 0; i < 7; i++) {
        kw_api_endpoint_request(&e, 0, 1, 0, 0, 1, 0, &a);
        CHECK(a.accepted);
    }
    kw_api_endpoint_request(&e, 0, 1, 0, 0, 1, 0, &a);
    CHECK(!a.accepted && a.retry_after == (60 * S + 6) / 7); /* rounded up to the ns */
    kw_ns at = a.retry_after;
    kw_api_endpoint_request(&e, at - 1, 1, 0, 0, 1, 0, &a);
    CHECK(!a.accepted && a.retry_after == 1);
    kw_api_endpoint_request(&e, at, 1, 0, 0, 1, 0, &a);
    CHECK(a.accepted);
    kw_api_endpoint_free(&e);
}

static void windows_reset_and_hold_at_least_one(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ .rpm = 120, .window = 10 * S, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    int accepted = 0;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    for (int i = 0; i < 100; i++) { /* 120 a minute = 20 a 10 s window */
        kw_api_endpoint_request(&e, 5 * S, 1, 0, 0, 1, 0, &a);
        accepted += a.accepted;
    }
    CHECK(accepted == 20 && a.retry_after == 5 * S);
    kw_api_endpoint_request(&e, 10 * S, 1, 0, 0, 1, 0, &a);
    CHECK(a.accepted);
    kw_api_endpoint_free(&e);
    d.limits.rpm = 2; /* a third of a request a window: still one, as 1 s slices of 60 RPM do */
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    kw_api_endpoint_request(&e, 0, 1, 0, 0, 1, 0, &a);
    CHECK(a.accepted);
    kw_api_endpoint_request(&e, 1, 1, 0, 0, 1, 0, &a);
    CHECK(!a.accepted);
    kw_api_endpoint_free(&e);
}

/* prompt 100, of which 40 cached, max_tokens 500, true output 20, under tpm/itpm/otpm of 1000 each: how many units are
 * gone after admission, and after settlement, by rule. */
static void counting_rules(void)
{
    static const struct {
        enum kw_count_rule rule;
        bool cache_counts;
        double burndown;
        int64_t tpm_at_admission, tpm_settled, itpm_settled, otpm_settled;
    } t[] = {
        { KW_COUNT_ACTUAL, true, 1, 100, 120, 100, 20 },
        { KW_COUNT_ACTUAL, false, 1, 60, 80, 60, 20 },
        { KW_COUNT_RESERVE_MAX_TOKENS, true, 1, 600, 600, 100, 500 },
        { KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE, true, 1, 500, 500, 100, 400 },
        { KW_COUNT_ESTIMATE_THEN_SETTLE, false, 1, 60, 80, 60, 20 },
        { KW_COUNT_RESERVE_THEN_REFUND, false, 5, 600, 160, 60, 100 },
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct kw_deployment d = api((struct kw_rate_limits){ .tpm = 1000,
                                                              .itpm = 1000,
                                                              .otpm = 1000,
                                                              .rule = t[i].rule,
                                                              .cache_reads_count = t[i].cache_counts,
                                                              .output_burndown = t[i].burndown,
                                                              .reject_code = 429 });
        struct kw_api_endpoint e;
        struct kw_api_answer a;
        CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
        kw_api_endpoint_request(&e, 0, 100, 40, 0, 20, 500, &a);
        CHECK(a.accepted);
        CHECK((int64_t)(e.own.tpm.level / (60 * S)) == 1000 - t[i].tpm_at_admission);
        kw_api_endpoint_settle(&e, 0, &a, 100, 40, 20);
        CHECK((int64_t)(e.own.tpm.level / (60 * S)) == 1000 - t[i].tpm_settled);
        CHECK((int64_t)(e.own.itpm.level / (60 * S)) == 1000 - t[i].itpm_settled);
        CHECK((int64_t)(e.own.otpm.level / (60 * S)) == 1000 - t[i].otpm_settled);
        kw_api_endpoint_free(&e);
    }
}

static void a_request_above_the_limit_never_fits(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ .tpm = 1000, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    kw_api_endpoint_request(&e, 0, 1001, 0, 0, 1, 0, &a);
    CHECK(!a.accepted && a.retry_after == -1);
    kw_api_endpoint_free(&e);
}

static void daily_quota_resets_at_midnight(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ .rpd = 3, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    for (int i = 0; i < 4; i++) kw_api_endpoint_request(&e, 3600 * S, 1, 0, 0, 1, 0, &a);
    CHECK(!a.accepted && a.retry_after == 23 * 3600 * S);
    kw_api_endpoint_request(&e, 24 * 3600 * S, 1, 0, 0, 1, 0, &a);
    CHECK(a.accepted);
    kw_api_endpoint_free(&e);
}

static void openai_counts_refused_calls(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){
        .rpm = 10, .tpm = 100, .rule = KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    kw_api_endpoint_request(&e, 0, 100, 0, 0, 1, 0, &a);
    CHECK(a.accepted);
    kw_api_endpoint_request(&e, 0, 100, 0, 0, 1, 0, &a);
    CHECK(!a.accepted);
    CHECK((int)(e.own.rpm.level / (60 * S)) == 8);
    kw_api_endpoint_free(&e);
}

static void draws_do_not_depend_on_acceptance(void)
{
    struct kw_deployment free_api = api((struct kw_rate_limits){ 0 }), tight = api((struct kw_rate_limits){ .rpm = 1 });
    struct kw_api_endpoint x, y;
    struct kw_api_answer ax, ay;
    free_api.ttft_s = tight.ttft_s = (struct kw_law){ .kind = KW_LAW_LOGNORMAL, .n = 2, .v = { -1, 0.7 } };
    CHECK(!kw_api_endpoint_init(&x, &free_api, 7, 3, NULL) && !kw_api_endpoint_init(&y, &tight, 7, 3, NULL));
    for (int i = 0; i < 61; i++) {
        kw_api_endpoint_request(&x, i * S, 10, 0, 0, 10, 0, &ax);
        kw_api_endpoint_request(&y, i * S, 10, 0, 0, 10, 0, &ay);
    }
    CHECK(ay.accepted && ax.ttft == ay.ttft && ax.e2e == ay.e2e); /* the 61st meets a refilled bucket */
    kw_api_endpoint_free(&x);
    kw_api_endpoint_free(&y);
}

/* Bedrock's daily quota is 1440 times the minute's: both settle. 100 + 500 are reserved, 100 + 5 * 20 count. */
static void a_refund_settles_the_minute_and_the_day(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){ .tpm = 1000,
                                                          .tpd = 5000,
                                                          .rule = KW_COUNT_RESERVE_THEN_REFUND,
                                                          .cache_reads_count = true,
                                                          .output_burndown = 5,
                                                          .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    kw_api_endpoint_request(&e, 0, 100, 0, 0, 20, 500, &a);
    CHECK(a.accepted && (int64_t)(e.own.tpd.level / (86400 * S)) == 4400);
    kw_api_endpoint_settle(&e, 30 * S, &a, 100, 0, 20);
    CHECK((int64_t)(e.own.tpd.level / (86400 * S)) == 4800); /* no trickle: a day's quota comes back at midnight */
    kw_api_endpoint_request(&e, 30 * S, 1, 0, 0, 1, 0, &a);
    CHECK(a.accepted &&
          (int64_t)(e.own.tpm.level / (60 * S)) == 998); /* 400 + 500 + 400, but no more than it holds; less 2 */
    kw_api_endpoint_free(&e);
}

/* What is taken at admission and given back is bounded by the day: a debt there is waited for until midnight. */
static void the_longest_wait_of_all_limits_counts(void)
{
    struct kw_deployment d =
        api((struct kw_rate_limits){ .rpm = 2, .tpd = 1000, .rule = KW_COUNT_ACTUAL, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    d.limits.cache_reads_count = true;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    kw_api_endpoint_request(&e, 0, 400, 0, 0, 1, 0, &a);
    CHECK(a.accepted);
    kw_api_endpoint_settle(&e, 0, &a, 400, 0, 700); /* 100 of debt */
    kw_api_endpoint_request(&e, 0, 1, 0, 0, 1, 0, &a);
    CHECK(!a.accepted && a.retry_after == 86400 * S); /* one request is left of two, but no token */
    kw_api_endpoint_request(&e, 0, 2000, 0, 0, 1, 0, &a);
    CHECK(!a.accepted && a.retry_after == -1); /* never is longer than any wait */
    kw_api_endpoint_request(&e, 86400 * S, 900, 0, 0, 1, 0, &a);
    CHECK(a.accepted); /* a new day starts with 900: the debt was paid */
    kw_api_endpoint_free(&e);
}

/* Output tokens charged on completion: a positive level admits, whatever comes of it. */
static void output_tokens_per_minute_admit_while_any_are_left(void)
{
    struct kw_deployment d = api((struct kw_rate_limits){
        .otpm = 60, .rule = KW_COUNT_ESTIMATE_THEN_SETTLE, .cache_reads_count = true, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    kw_api_endpoint_request(&e, 0, 10, 0, 0, 60, 0, &a);
    CHECK(a.accepted && a.reserved_out == 0);
    kw_api_endpoint_settle(&e, 0, &a, 10, 0, 60);
    kw_api_endpoint_request(&e, 0, 10, 0, 0, 60, 0, &a);
    CHECK(!a.accepted && a.retry_after == S); /* one token comes a second */
    kw_api_endpoint_request(&e, S, 10, 0, 0, 60, 0, &a);
    CHECK(a.accepted);
    kw_api_endpoint_free(&e);
}

static void a_refused_call_takes_no_request_that_is_not_there(void)
{
    struct kw_deployment d =
        api((struct kw_rate_limits){ .rpm = 2, .rule = KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE, .reject_code = 429 });
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    for (int i = 0; i < 6; i++) kw_api_endpoint_request(&e, 0, 1, 0, 0, 1, 0, &a);
    CHECK(!a.accepted && a.retry_after == 30 * S && e.own.rpm.level == 0); /* four refusals later too */
    kw_api_endpoint_free(&e);
}

static void each_limit_is_its_own(void)
{
    struct kw_deployment d =
        api((struct kw_rate_limits){ .rpm = 1, .rpd = 2, .tpm = 3, .tpd = 4, .itpm = 5, .otpm = 6 });
    struct kw_api_endpoint e;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    CHECK(e.own.rpm.limit == 1 && e.own.rpd.limit == 2 && e.own.tpm.limit == 3 && e.own.tpd.limit == 4 &&
          e.own.itpm.limit == 5 && e.own.otpm.limit == 6);
    CHECK(e.own.rpm.period_ns == 60 * S && e.own.tpm.period_ns == 60 * S && e.own.itpm.period_ns == 60 * S &&
          e.own.otpm.period_ns == 60 * S && e.own.rpd.period_ns == 86400 * S && e.own.tpd.period_ns == 86400 * S);
    kw_api_endpoint_free(&e);
}

static void backoff_is_full_jitter_under_a_cap(void)
{
    struct kw_client_retry r = { .max_attempts = 9, .base = S, .cap = 8 * S };
    struct kw_rng g;
    CHECK(!kw_rng_init(&g, 1, 0, KW_RNG_RETRY, NULL));
    double sum1 = 0, sum9 = 0;
    for (int i = 0; i < 20000; i++) {
        kw_ns w1 = kw_client_backoff(&r, 1, 0, &g), w9 = kw_client_backoff(&r, 90, 0, &g);
        CHECK(w1 >= 0 && w1 < S && w9 >= 0 && w9 < 8 * S);
        sum1 += (double)w1 / S;
        sum9 += (double)w9 / S;
    }
    CHECK_NEAR(sum1 / 20000, 0.5, 0.01);
    CHECK_NEAR(sum9 / 20000, 4, 0.08);
    CHECK(kw_client_backoff(&r, 1, 30 * S, &g) == 30 * S);
    kw_rng_free(&g);
}

int main(void)
{
    RUN(latency_is_ttft_plus_output_over_rate);
    RUN(any_latency_fits_the_clock);
    RUN(unknown_latency_answers_at_once);
    RUN(continuous_bucket_admits_capacity_plus_refill);
    RUN(retry_after_is_exact);
    RUN(windows_reset_and_hold_at_least_one);
    RUN(counting_rules);
    RUN(a_request_above_the_limit_never_fits);
    RUN(daily_quota_resets_at_midnight);
    RUN(openai_counts_refused_calls);
    RUN(draws_do_not_depend_on_acceptance);
    RUN(a_refund_settles_the_minute_and_the_day);
    RUN(the_longest_wait_of_all_limits_counts);
    RUN(output_tokens_per_minute_admit_while_any_are_left);
    RUN(a_refused_call_takes_no_request_that_is_not_there);
    RUN(each_limit_is_its_own);
    RUN(backoff_is_full_jitter_under_a_cap);
    return check_report();
}
