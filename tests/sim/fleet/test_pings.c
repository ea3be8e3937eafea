/* Pings: a replica that they hold costs what a replica kept warm costs, they load what they hit, and no figure of the
 * users' has them in it. */
#include "sim/cost/usage.h"
#include "tests/check.h"
#include "tests/sim/fleet/fleet_case.h"

#define DAY (24 * KW_NS_PER_HOUR)
#define TIMEOUT (60 * S)
#define START 10

static const struct kw_meter by_ns = {
    .bills = { [KW_PHASE_ACTIVE] = true, [KW_PHASE_IDLE] = true, [KW_PHASE_KEEP_WARM] = true, [KW_PHASE_INIT] = true },
    .granularity = 1
};

/* One request at noon to a pool of one replica that idles for a minute; the fleet begins in its steady state. */
static void noon(struct fleet_case *c, uint32_t keep_warm, kw_ns every)
{
    case_begin(c, KW_SCALER_CAPACITY, keep_warm, 1);
    c->d[0].scaling.idle_timeout = c->d[0].scaling.zero_timeout = TIMEOUT;
    c->d[0].cold.init = case_seconds(START);
    if (every) c->d[0].ping = (struct kw_ping){ every, 1, 1 };
    c->opt.warmup = 20 * 60 * S;
    c->opt.settle = 100000;
    case_request(c, DAY / 2, 2000, 1);
    c->trace.span = DAY;
}

static int64_t billed(const struct fleet_case *c)
{
    struct kw_usage u;
    int64_t sum = 0;
    CHECK(kw_usage_from_ledger(&u, &c->o.ledger[0], &by_ns, KW_KIND_SERVERLESS, 1, 0, c->o.window, NULL) == KW_OK);
    for (int p = 0; p < KW_PHASES; p++) sum += u.gpu_ns[p];
    return sum / (c->o.window / DAY);
}

/* The law that no few cents an hour can break: whoever bills idle time bills the replica that pings hold. */
static void just_under_the_timeout_they_cost_what_keep_warm_costs(void)
{
    struct fleet_case c;
    noon(&c, 1, 0);
    CHECK(case_run(&c) == KW_OK && c.o.cold == 0);
    CHECK(billed(&c) == DAY);
    case_end(&c);

    noon(&c, 0, TIMEOUT - S);
    CHECK(case_run(&c) == KW_OK && c.o.cold == 0 && c.o.ledger[0].starts == 0);
    CHECK(billed(&c) == DAY);
    case_end(&c);

    noon(&c, 0, 0); /* without them: its start, its two seconds and a minute */
    CHECK(case_run(&c) == KW_OK && c.o.cold == 1);
    CHECK(billed(&c) == (START + 2) * S + TIMEOUT);
    case_end(&c);
}

/* Above the timeout each of n pings a day wakes a replica that stops before the next one: n times start, answer, idle tail,
 * and the user's request, which comes between two of them, its own. */
static void above_the_timeout_they_cost_more_than_they_warm(void)
{
    struct fleet_case c;
    const kw_ns every = DAY / 100, each = START * S + 1 * MS + TIMEOUT; /* half an interval before and after noon */
    noon(&c, 0, every);
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(c.o.cold == 1 && l->pings == 100 * c.o.passes && l->pings_answered == l->pings);
    CHECK(billed(&c) == 100 * each + (START + 2) * S + TIMEOUT);
    case_end(&c);
}

static void no_figure_of_the_users_has_them_in_it(void)
{
    for (int each = 0; each < 2; each++) {
        struct fleet_case c;
        noon(&c, 0, TIMEOUT - S);
        c.opt.settle = 0;
        c.opt.stepping_each = each;
        CHECK(case_run(&c) == KW_OK);
        const struct kw_ledger *l = &c.o.ledger[0];
        CHECK(c.o.arrived == 1 && c.o.completed == 1 && c.o.ttft.n == 1 && c.o.e2e.n == 1 && c.o.done == 1);
        CHECK(l->requests == 1 && l->completed == 1 && l->tokens_in == 2000 && l->tokens_out == 1);
        CHECK(l->pings - (uint64_t)(DAY / (TIMEOUT - S)) <= 1 && l->pings_answered == l->pings);
        CHECK(l->ping_in == (int64_t)l->pings && l->ping_out == (int64_t)l->pings);
        CHECK(c.o.records[0].ttft == 2 * S && !c.o.records[0].cold);
        case_end(&c);
    }
}

/* One request a replica: a user who comes while a ping of ten seconds is served waits for its end. */
static void they_load_what_they_hit(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].ping = (struct kw_ping){ 100 * S, 10000, 1 }; /* at 50 s, 150 s, ... */
    case_request(&c, 54 * S, 1000, 1);
    c.trace.span = 60 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.records[0].ttft == 6 * S + 1 * S);
    case_end(&c);
}

/* At zero it is turned away, wakes a replica all the same and does not try again. */
static void a_ping_that_is_refused_wakes_and_is_lost(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    c.d[0].scaling.at_zero = KW_ZERO_REJECT_AND_START;
    c.d[0].scaling.idle_timeout = c.d[0].scaling.zero_timeout = TIMEOUT;
    c.d[0].cold.init = case_seconds(START);
    c.d[0].retry = (struct kw_client_retry){ .max_attempts = 9, .base = S, .cap = S };
    c.d[0].ping = (struct kw_ping){ 200 * S, 1, 1 }; /* at 100 s */
    case_request(&c, 115 * S, 1000, 1);
    c.trace.span = 120 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->pings == 1 && l->pings_answered == 0 && l->starts == 1 && l->retries == 0);
    CHECK(c.o.completed == 1 && c.o.cold == 0 && c.o.records[0].ttft == 1 * S);
    case_end(&c);
}

/* An API keeps nothing warm: they are tokens, and calls that its limits count. */
static void an_api_bills_their_tokens(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0] = (struct kw_deployment){ .name = "api", .kind = KW_KIND_API };
    c.d[0].ttft_s = case_seconds(0.5);
    c.d[0].output_rate = case_seconds(100);
    c.d[0].retry.max_attempts = 1;
    c.d[0].ping = (struct kw_ping){ 60 * S, 3, 1 };
    case_request(&c, 10 * S, 1000, 100);
    c.trace.span = 3600 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    struct kw_usage u;
    CHECK(kw_usage_from_ledger(&u, l, &by_ns, KW_KIND_API, 0, 0, c.o.window, NULL) == KW_OK);
    CHECK(u.tokens_in == 1000 && u.tokens_out == 100 && u.ping_in == 60 * 3 && u.ping_out == 60 && u.requests == 1);
    case_end(&c);
}

int main(void)
{
    RUN(just_under_the_timeout_they_cost_what_keep_warm_costs);
    RUN(above_the_timeout_they_cost_more_than_they_warm);
    RUN(no_figure_of_the_users_has_them_in_it);
    RUN(they_load_what_they_hit);
    RUN(a_ping_that_is_refused_wakes_and_is_lost);
    RUN(an_api_bills_their_tokens);
    return check_report();
}
