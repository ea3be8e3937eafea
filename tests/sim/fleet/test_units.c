/* Capacity bought ahead: each rule at its boundary by hand, what spills and what is refused, and the tokens of a run
 * against the same run written out naively. */
#include "sim/core/rng.h"
#include "sim/fleet/api/api_endpoint.h"
#include "tests/sim/fleet/fleet_case.h"

#define MINUTE (60 * S)

static struct kw_deployment api(enum kw_unit_rule rule, uint32_t n, int64_t tokens_min, int64_t weight_out,
                                kw_ns window)
{
    struct kw_deployment d = { .name = "api", .kind = KW_KIND_API };
    d.ttft_s = case_seconds(0.5);
    d.output_rate = case_seconds(50);
    d.retry.max_attempts = 1;
    d.limits.reject_code = 429;
    d.limits.cache_reads_count = true;
    d.units.n = n;
    d.units.rule = rule;
    d.units.reject_code = 429;
    d.units.window = window;
    d.units.carries = (struct kw_unit_capacity){
        .tokens_min = tokens_min, .weight_out = weight_out * 1000000, .weight_cached = 1000000, .weight_write = 1000000
    };
    return d;
}

static struct kw_api_answer ask(struct kw_api_endpoint *e, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t output,
                                uint32_t max_tokens)
{
    struct kw_api_answer a;
    kw_api_endpoint_request(e, now, prompt, cached, 0, output, max_tokens, &a);
    return a;
}

/* GSU: 675 tokens a second and unit, output counts 5 times (gemini-3.6-flash); 40 s of one unit are 27,000 tokens. */
static void a_window_takes_what_it_has_left(void)
{
    struct kw_deployment d = api(KW_UNITS_WINDOW, 1, 60 * 675, 5, 40 * S);
    struct kw_api_endpoint e;
    struct kw_api_answer a;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    CHECK(!ask(&e, 0, 27000 - 500 + 1, 0, 100, 0).accepted);
    CHECK(ask(&e, 0, 27000 - 500, 0, 100, 0).carried); /* to the token */
    a = ask(&e, 0, 1, 0, 0, 0);
    CHECK(!a.accepted && a.reject_code == 429 && a.retry_after == 40 * S);
    a = ask(&e, 30 * S, 27000, 0, 0, 0);
    CHECK(!a.accepted && a.retry_after == 10 * S);
    CHECK(ask(&e, 40 * S, 27000, 0, 0, 0).carried);
    CHECK(ask(&e, 200 * S, 27000, 0, 0, 0).carried && !ask(&e, 200 * S, 1, 0, 0, 0).accepted); /* nothing rolls over */
    CHECK(ask(&e, 240 * S, 27001, 0, 0, 0).retry_after == -1);                                 /* it never fits */
    kw_api_endpoint_free(&e);
}

/* What an answer was taken for is put right when it is there: "adding the difference". */
static void a_window_is_reconciled(void)
{
    struct kw_deployment d = api(KW_UNITS_WINDOW, 1, 60 * 100, 2, 10 * S);
    struct kw_api_endpoint e;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    struct kw_api_answer a = ask(&e, 0, 500, 0, 50, 200); /* 500 + 2 * 200 of 1000 */
    CHECK(a.carried && !ask(&e, 0, 101, 0, 0, 0).accepted);
    kw_api_endpoint_settle(&e, S, &a, 500, 0, 50); /* 500 + 2 * 50 */
    CHECK(!ask(&e, S, 401, 0, 0, 0).accepted && ask(&e, S, 400, 0, 0, 0).carried);
    a = ask(&e, 10 * S, 900, 0, 400, 50);
    kw_api_endpoint_settle(&e, 11 * S, &a, 900, 0, 400); /* 700 more than there are: owed by the next window */
    CHECK(ask(&e, 20 * S, 300, 0, 0, 0).carried && !ask(&e, 20 * S, 1, 0, 0, 0).accepted);
    kw_api_endpoint_free(&e);
}

/* PTU: taken while less than all is in use, so the last one passes 100 %; then refused until it is below again. 15 PTU of
 * gpt-5.2 drain 51,000 tokens a minute, 850 a second. */
static void utilisation_admits_below_all_and_drains(void)
{
    struct kw_deployment d = api(KW_UNITS_UTILISATION, 15, 3400, 8, MINUTE);
    struct kw_api_endpoint e;
    d.units.carries.weight_cached = 0;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    CHECK(ask(&e, 0, 51000 - 1, 0, 0, 0).carried);
    struct kw_api_answer a = ask(&e, 0, 850, 0, 0, 0);
    CHECK(a.carried); /* one token was left */
    a = ask(&e, 0, 1, 0, 0, 0);
    CHECK(!a.accepted && a.retry_after > 849 * S / 850 && a.retry_after < S); /* 849 tokens above 100 % */
    CHECK(!ask(&e, a.retry_after - 1, 1, 0, 0, 0).accepted && ask(&e, a.retry_after, 1, 0, 0, 0).carried);
    CHECK(ask(&e, 10 * MINUTE, 51000, 51000, 0, 0).carried); /* cached input takes nothing */
    CHECK(ask(&e, 10 * MINUTE, 0, 0, 6375, 0).carried);      /* 8 * 6375 = 51,000: exactly all */
    CHECK(!ask(&e, 10 * MINUTE, 1, 0, 0, 0).accepted);
    kw_api_endpoint_free(&e);
}

static void utilisation_is_corrected_when_the_answer_is_there(void)
{
    struct kw_deployment d = api(KW_UNITS_UTILISATION, 1, 60000, 1, MINUTE);
    struct kw_api_endpoint e;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    struct kw_api_answer a = ask(&e, 0, 0, 0, 1000, 60000); /* max_tokens blocks all of it */
    CHECK(a.carried && !ask(&e, 0, 1, 0, 0, 0).accepted);
    kw_api_endpoint_settle(&e, 0, &a, 0, 0, 1000);
    CHECK(ask(&e, 0, 58999, 0, 0, 0).carried && ask(&e, 0, 1, 0, 0, 0).carried && !ask(&e, 0, 1, 0, 0, 0).accepted);
    kw_api_endpoint_free(&e);
}

/* MU: input and output each by themselves; output counts once it is known. */
static void split_counts_input_and_output_apart(void)
{
    struct kw_deployment d = api(KW_UNITS_SPLIT, 2, 0, 1, MINUTE);
    struct kw_api_endpoint e;
    d.units.carries.in_min = 1000;
    d.units.carries.out_min = 100;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    struct kw_api_answer a = ask(&e, 0, 1500, 0, 250, 0), b = ask(&e, 0, 100, 0, 150, 0);
    CHECK(a.carried && b.carried && !ask(&e, 0, 401, 0, 0, 0).accepted);
    kw_api_endpoint_settle(&e, 0, &b, 100, 0, 0);
    kw_api_endpoint_settle(&e, 0, &a, 1500, 0, 250); /* 50 more output than a minute has */
    a = ask(&e, 0, 1, 0, 0, 0);
    CHECK(!a.accepted && a.retry_after >= 15 * S && a.retry_after < 16 * S); /* 50 of 200 a minute come back in 15 s */
    CHECK(ask(&e, 16 * S, 500, 0, 0, 0).carried);
    CHECK(ask(&e, 20 * MINUTE, 2001, 0, 0, 0).retry_after == -1);
    kw_api_endpoint_free(&e);
}

/* What does not fit is one on demand, within the rate limits, which what units carry leaves alone. */
static void what_spills_meets_the_limits_on_demand(void)
{
    struct kw_deployment d = api(KW_UNITS_WINDOW, 1, 6000, 1, MINUTE);
    struct kw_api_endpoint e;
    d.units.above = KW_ABOVE_SPILL;
    d.limits.rpd = 1;
    CHECK(!kw_api_endpoint_init(&e, &d, 1, 0, NULL));
    for (int i = 0; i < 5; i++) CHECK(ask(&e, 0, 1000, 0, 200, 0).carried);
    struct kw_api_answer a = ask(&e, 0, 1, 0, 0, 0);
    CHECK(a.accepted && !a.carried);
    a = ask(&e, 30 * S, 1, 0, 0, 0);
    CHECK(!a.accepted && a.retry_after == 30 * S); /* the units' retry_after; the limit's own is a day */
    kw_api_endpoint_free(&e);
}

static struct kw_ledger run(struct fleet_case *c, struct kw_deployment d)
{
    c->d[0] = d;
    CHECK(case_run(c) == KW_OK);
    return c->o.ledger[0];
}

/* In = carried + spilled, and each request is one of both, in a run with retries, warm-up and all. Against the same
 * windows counted naively: with the true output known at admission a request fits where all before it in its window that
 * fit leave room for it. */
static void tokens_are_carried_or_spilled(void)
{
    struct fleet_case c;
    struct kw_ledger l;
    uint64_t x = 1;
    int64_t left = 0, carried_in = 0, carried_out = 0, in = 0, out = 0;
    kw_ns now = 0, window = -1;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    for (int i = 0; i < 4000; i++) {
        x = kw_mix64(x);
        uint32_t prompt = 1 + (uint32_t)(x % 900), output = 1 + (uint32_t)(x >> 32) % 300;
        now += (kw_ns)(x >> 20) % (2 * S);
        case_request(&c, now, prompt, output);
        if (now / (5 * S) != window) left = 3 * 200 * 5;
        window = now / (5 * S);
        int64_t takes = prompt + 4 * (int64_t)output;
        in += prompt;
        out += output;
        if (takes > left) continue;
        left -= takes;
        carried_in += prompt;
        carried_out += output;
    }
    struct kw_deployment d = api(KW_UNITS_WINDOW, 3, 60 * 200, 4, 5 * S);
    d.units.above = KW_ABOVE_SPILL;
    l = run(&c, d);
    CHECK(l.carried > 500 && l.carried < 3500 && l.completed == 4000);
    CHECK(l.tokens_in == in && l.tokens_out == out && l.carried_in == carried_in && l.carried_out == carried_out);
    d.units.above = KW_ABOVE_REJECT;
    l = run(&c, d);
    CHECK(l.carried == l.completed && l.carried_in == l.tokens_in && l.rejected > 500 && l.tokens_in == carried_in);
    d.retry.max_attempts = 20;
    d.retry.base = d.retry.cap = S;
    l = run(&c, d);
    CHECK(l.completed + l.rejected == 4000 && l.retries > 500 && l.carried == l.completed && l.rejected < 2000);
    case_end(&c);
}

/* 100 tokens a second of demand on 60 a second, by utilisation: 60 % is carried, whatever the burst at the start. */
static void a_saturated_deployment_carries_its_rate(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    for (int i = 0; i < 36000; i++) case_request(&c, i * (S / 10), 9, 1);
    struct kw_deployment d = api(KW_UNITS_UTILISATION, 1, 3600, 1, MINUTE);
    d.units.above = KW_ABOVE_SPILL;
    struct kw_ledger l = run(&c, d);
    CHECK_NEAR((double)(l.carried_in + l.carried_out), 3600.0 * 60 + 3600, 20);
    case_end(&c);
}

int main(void)
{
    RUN(a_window_takes_what_it_has_left);
    RUN(a_window_is_reconciled);
    RUN(utilisation_admits_below_all_and_drains);
    RUN(utilisation_is_corrected_when_the_answer_is_there);
    RUN(split_counts_input_and_output_apart);
    RUN(what_spills_meets_the_limits_on_demand);
    RUN(tokens_are_carried_or_spilled);
    RUN(a_saturated_deployment_carries_its_rate);
    return check_report();
}
