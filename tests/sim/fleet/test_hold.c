/* Requests that may wait: timelines by hand. A start takes 10 s, a replica has one request at a time, idles for 60 s. */
#include "sim/cost/usage.h"
#include "tests/check.h"
#include "tests/sim/fleet/fleet_case.h"

#define DAY (24 * KW_NS_PER_HOUR)
#define START 10
#define IDLE (60 * S)
enum { URGENT, PATIENT };

static const struct kw_meter by_ns = {
    .bills = { [KW_PHASE_ACTIVE] = true, [KW_PHASE_IDLE] = true, [KW_PHASE_KEEP_WARM] = true, [KW_PHASE_INIT] = true },
    .granularity = 1
};

static uint16_t klass[16];

static void begin(struct fleet_case *c, kw_ns most)
{
    case_begin(c, KW_SCALER_CAPACITY, 0, 1);
    c->d[0].scaling.idle_timeout = c->d[0].scaling.zero_timeout = IDLE;
    c->d[0].cold.init = case_seconds(START);
    c->d[0].hold.most[PATIENT] = most;
    c->trace.klass = klass;
    c->trace.n_classes = 2;
}

static void request(struct fleet_case *c, int of, kw_ns at, uint32_t prompt)
{
    klass[c->trace.n] = (uint16_t)of;
    case_request(c, at, prompt, 1);
}

static kw_ns billed(const struct fleet_case *c)
{
    struct kw_usage u;
    kw_ns sum = 0;
    CHECK(kw_usage_from_ledger(&u, &c->o.ledger[0], &by_ns, KW_KIND_SERVERLESS, 1, 0, c->o.window, NULL) == KW_OK);
    for (int p = 0; p < KW_PHASES; p++) sum += u.gpu_ns[p];
    return sum;
}

/* Two patient ones at 100 s and 130 s, an urgent one at 200 s: its replica is ready at 210 s and serves it first. */
static void an_urgent_request_takes_them_along(void)
{
    for (int holds = 0; holds < 2; holds++) {
        struct fleet_case c;
        begin(&c, holds ? 600 * S : 0);
        request(&c, PATIENT, 100 * S, 2000);
        request(&c, PATIENT, 130 * S, 1000);
        request(&c, URGENT, 200 * S, 3000);
        c.trace.span = 1200 * S;
        CHECK(case_run(&c) == KW_OK && c.o.completed == 3);
        const struct kw_record *r = c.o.records;
        const struct kw_ledger *l = &c.o.ledger[0];
        if (holds) {
            CHECK(r[2].ttft == (START + 3) * S && r[2].cold);
            CHECK(r[0].ttft == (213 + 2 - 100) * S && r[1].ttft == (215 + 1 - 130) * S);
            CHECK(!r[0].cold && !r[1].cold && c.o.cold == 1);
            CHECK(l->starts == 1 && l->held == 2 && l->held_ns == (110 + 80) * S);
            CHECK(billed(&c) == (START + 3 + 2 + 1) * S + IDLE);
        } else { /* up from 100 s to 191 s, and again from 200 s on */
            CHECK(r[0].ttft == (START + 2) * S && r[1].ttft == 1 * S && r[2].ttft == (START + 3) * S);
            CHECK(l->starts == 2 && l->held == 0 && l->held_ns == 0 && c.o.cold == 2);
            CHECK(billed(&c) == 91 * S + (START + 3) * S + IDLE);
        }
        case_end(&c);
    }
}

/* Nobody comes: the first one goes alone when its time is up, the other when a replica is ready. */
static void none_is_held_for_longer_than_it_may(void)
{
    struct fleet_case c;
    begin(&c, 600 * S);
    request(&c, PATIENT, 100 * S, 2000);
    request(&c, PATIENT, 130 * S, 1000);
    c.trace.span = 1200 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 2);
    const struct kw_record *r = c.o.records;
    CHECK(r[0].ttft == (600 + START + 2) * S && r[0].cold);
    CHECK(r[1].ttft == (710 + 2 + 1 - 130) * S && !r[1].cold);
    CHECK(c.o.ledger[0].starts == 1 && c.o.ledger[0].held == 2 && c.o.ledger[0].held_ns == (600 + 580) * S);
    case_end(&c);
}

static void a_warm_replica_holds_nobody(void)
{
    struct fleet_case c;
    begin(&c, 600 * S);
    request(&c, URGENT, 100 * S, 1000);
    request(&c, PATIENT, 105 * S, 1000); /* one is starting, none is ready */
    request(&c, PATIENT, 115 * S, 1000);
    c.trace.span = 1200 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.records[1].ttft == (111 + 1 - 105) * S && c.o.records[2].ttft == 1 * S);
    CHECK(c.o.ledger[0].held == 1 && c.o.ledger[0].held_ns == 5 * S);
    case_end(&c);
}

/* At 300 s the two that came before it go; the one that comes at that moment is after it, and goes with their replica. */
static void a_clock_releases_all_that_came_before_it(void)
{
    struct fleet_case c;
    begin(&c, 5000 * S);
    c.d[0].hold.every = 300 * S;
    request(&c, PATIENT, 100 * S, 1000);
    request(&c, PATIENT, 299 * S, 1000);
    request(&c, PATIENT, 300 * S, 1000);
    request(&c, PATIENT, 1100 * S, 1000); /* the next window begins at 1150 s */
    c.trace.span = 1150 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 4);
    const struct kw_record *r = c.o.records;
    CHECK(r[0].ttft == (311 - 100) * S && r[1].ttft == (312 - 299) * S && r[2].ttft == (313 - 300) * S);
    CHECK(r[0].cold && r[1].cold && !r[2].cold && c.o.ledger[0].starts == 2);
    CHECK(r[3].ttft == (1150 + START + 1 - 1100) * S);
    CHECK(c.o.ledger[0].held_ns == (200 + 1 + 10 + 50) * S);
    case_end(&c);
}

/* Turned away at zero: the one whose time is up wakes a replica and is lost, who was held for longer is not. */
static void who_is_still_held_is_not_turned_away(void)
{
    struct fleet_case c;
    begin(&c, 600 * S);
    c.d[0].scaling.at_zero = KW_ZERO_REJECT_AND_START;
    request(&c, PATIENT, 100 * S, 1000);
    request(&c, PATIENT, 130 * S, 1000);
    c.trace.span = 1200 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 1 && c.o.rejected == 1);
    CHECK(c.o.records[1].ttft == (711 - 130) * S && c.o.ledger[0].held == 2);
    case_end(&c);
}

/* In front of an API that takes what finds no replica: a patient one waits for the pool, and takes the API at the last. */
static void the_last_moment_goes_the_way_of_the_policy(void)
{
    struct fleet_case c;
    begin(&c, 600 * S);
    c.n = 2;
    c.routing.policy = KW_ROUTE_FALLBACK;
    c.d[1] = (struct kw_deployment){ .name = "api", .kind = KW_KIND_API };
    c.d[1].ttft_s = case_seconds(0.5);
    c.d[1].output_rate = case_seconds(100);
    c.d[1].retry.max_attempts = 1;
    request(&c, PATIENT, 100 * S, 1000);
    request(&c, PATIENT, 130 * S, 1000);
    request(&c, URGENT, 900 * S, 1000); /* the pool has been up from 710 s to 771 s */
    c.trace.span = 1200 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 3);
    const struct kw_record *r = c.o.records;
    CHECK(r[0].deployment == 1 && r[0].ttft == 600 * S + 500 * MS);
    CHECK(r[1].deployment == 0 && r[1].ttft == (711 - 130) * S);
    CHECK(r[2].deployment == 1 && r[2].ttft == 500 * MS);
    CHECK(c.o.ledger[0].requests == 1 && c.o.ledger[1].requests == 2);
    CHECK(c.o.ledger[0].held == 2 && c.o.ledger[0].held_ns == (600 + 580) * S && c.o.ledger[1].held == 0);
    case_end(&c);
}

/* Five minutes before the day is over: each day one request, one start, and who is held then is the next day's. */
static void a_window_may_end_while_one_is_held(void)
{
    struct fleet_case c;
    begin(&c, 600 * S);
    c.opt.warmup = 30 * 60 * S;
    c.opt.settle = 100000;
    request(&c, PATIENT, DAY - 300 * S, 1000);
    c.trace.span = DAY;
    CHECK(case_run(&c) == KW_OK && c.o.steady == KW_STEADY_REPEATS);
    CHECK(c.o.ledger[0].starts == c.o.passes && c.o.ledger[0].held == c.o.passes);
    CHECK(c.o.completed == c.o.passes && c.o.records[0].ttft == (600 + START + 1) * S);
    case_end(&c);
}

int main(void)
{
    RUN(an_urgent_request_takes_them_along);
    RUN(none_is_held_for_longer_than_it_may);
    RUN(a_warm_replica_holds_nobody);
    RUN(a_clock_releases_all_that_came_before_it);
    RUN(who_is_still_held_is_not_turned_away);
    RUN(the_last_moment_goes_the_way_of_the_policy);
    RUN(a_window_may_end_while_one_is_held);
    return check_report();
}
