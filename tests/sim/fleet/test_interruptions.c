/* Spot machines: interruptions are a Poisson process of the rate given, what is paid for is the time in which a machine was
 * there, and no request is lost without being counted. */
#include "sim/cost/usage.h"
#include "tests/check.h"
#include "tests/sim/fleet/fleet_case.h"
#include <math.h>

#define S KW_NS_PER_S
#define H KW_NS_PER_HOUR

static void spot(struct fleet_case *c, uint32_t replicas, double per_hour, kw_ns notice, double restart_s)
{
    case_begin(c, KW_SCALER_FIXED, replicas, replicas);
    c->d[0].kind = KW_KIND_DEDICATED;
    c->d[0].spot = (struct kw_spot){ .known = true, .per_hour = per_hour, .notice = notice };
    c->d[0].cold.provision = case_seconds(restart_s);
}

/* Replicas that nobody asks anything: between two interruptions of one lie an exponential time of mean 1/rate and the
 * restart, so n of them in a window W are a renewal process: mean R W / (1/rate + restart); they are there the share
 * (1/rate) / (1/rate + restart) of the time. */
static void interruptions_are_poisson(void)
{
    const double rate = 0.5, restart = 1200, up = 3600 / rate, cycle = up + restart;
    const uint32_t replicas = 40;
    double sum = 0, squares = 0, ready = 0;
    const int runs = 60;
    for (int k = 0; k < runs; k++) {
        struct fleet_case c;
        spot(&c, replicas, rate, 0, restart);
        c.opt.replication = (uint64_t)k;
        case_request(&c, 0, 100, 1);
        c.trace.span = 100 * H;
        CHECK(case_run(&c) == KW_OK);
        const struct kw_ledger *l = &c.o.ledger[0];
        double n = (double)l->interruptions;
        sum += n;
        squares += n * n;
        ready += (double)(l->phase[KW_PHASE_KEEP_WARM] + l->phase[KW_PHASE_ACTIVE] + l->phase[KW_PHASE_IDLE]);
        CHECK(l->starts == l->interruptions);
        struct kw_usage u;
        CHECK(kw_usage_from_ledger(&u, l, &(struct kw_meter){ .granularity = 1 }, KW_KIND_DEDICATED, 1, replicas,
                                   100 * H, NULL) == KW_OK);
        CHECK(u.reserved_gpu_ns == replicas * 100 * H - l->phase[KW_PHASE_PROVISION]); /* there, or on its way */
        case_end(&c);
    }
    double mean = sum / runs, variance = squares / runs - mean * mean;
    double want = replicas * 360000 / cycle, spread = replicas * 360000 * up * up / (cycle * cycle * cycle);
    CHECK_NEAR(mean, want + replicas * restart / cycle * restart / cycle, 5 * sqrt(spread / runs) + replicas * 0.05);
    CHECK_NEAR(variance, spread, 5 * spread * sqrt(2.0 / runs));
    CHECK_NEAR(ready / ((double)runs * replicas * 100 * (double)H), up / cycle, 0.01);
    /* While a replica is ready its interruptions are Poisson: their number over that time is the rate. */
    CHECK_NEAR(sum, rate * ready / (double)H, 5 * sqrt(sum));
}

/* Answers of 100 s, machines that last 200 s on average. */
static void busy(struct fleet_case *c, kw_ns notice, uint32_t attempts)
{
    spot(c, 4, 18, notice, 30);
    c->d[0].retry = (struct kw_client_retry){ .max_attempts = attempts, .base = S, .cap = 10 * S };
    for (int i = 0; i < 600; i++) case_request(c, i * 60 * S, 100000, 3);
    c->trace.span = 36000 * S;
}

static void what_is_cut_off_is_tried_again_and_counted(void)
{
    struct fleet_case c;
    busy(&c, 0, 100);
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->interruptions > 200 && l->cut_off > 50 && l->retries >= l->cut_off);
    CHECK(c.o.completed == 600 && c.o.rejected == 0);
    uint64_t cut_off = l->cut_off;
    case_end(&c);

    busy(&c, 0, 1); /* clients that do not try again */
    CHECK(case_run(&c) == KW_OK);
    l = &c.o.ledger[0];
    CHECK(c.o.rejected == l->cut_off && l->cut_off > 0 && l->retries == 0 && c.o.completed == 600 - l->cut_off);
    case_end(&c);

    busy(&c, 3600 * S, 100); /* a notice that every answer fits into: none is cut off, and both machines are paid for */
    CHECK(case_run(&c) == KW_OK);
    l = &c.o.ledger[0];
    CHECK(l->interruptions > 100 && l->cut_off == 0 && l->retries == 0 && c.o.completed == 600);
    CHECK(l->phase[KW_PHASE_DRAIN] > 0);
    case_end(&c);

    busy(&c, 20 * S, 100);
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.ledger[0].cut_off < cut_off && c.o.ledger[0].cut_off > 0);
    case_end(&c);
}

/* A request timeout is of one try: a request that lost its replica and is on another is not taken for the first. */
static void a_request_timeout_counts_from_the_try(void)
{
    struct fleet_case c;
    busy(&c, 0, 100);
    c.d[0].scaling.request_timeout = 3000 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.completed == 600 && c.o.timed_out == 0 && c.o.ledger[0].cut_off > 50);
    case_end(&c);
}

static void both_stepping_modes_agree(void)
{
    struct fleet_case a, b;
    busy(&a, 20 * S, 5);
    busy(&b, 20 * S, 5);
    a.trace.n = b.trace.n = 40;
    a.trace.span = b.trace.span = 2400 * S;
    b.opt.stepping_each = true;
    a.d[0].spot.fallback = b.d[0].spot.fallback = true;
    a.d[0].spot.fallback_start = b.d[0].spot.fallback_start = case_seconds(15);
    CHECK(case_run(&a) == KW_OK && case_run(&b) == KW_OK);
    CHECK(a.o.ledger[0].cut_off == b.o.ledger[0].cut_off && a.o.ledger[0].cut_off > 0);
    CHECK(a.o.ledger[0].standins == b.o.ledger[0].standins && a.o.ledger[0].standins > 0);
    CHECK(a.o.completed == b.o.completed && a.o.rejected == b.o.rejected && a.o.end == b.o.end);
    CHECK(kw_hist_quantile(&a.o.e2e, 0.95) == kw_hist_quantile(&b.o.e2e, 0.95));
    case_end(&a);
    case_end(&b);
}

/* One request every 50 s for 40 s each on two machines; a spot machine lasts 100 s on average and the next one comes after
 * an hour, one on demand after 20 s. Without it hardly anything is served. */
static void on_demand_stands_in(void)
{
    for (int fallback = 0; fallback < 2; fallback++) {
        struct fleet_case c;
        spot(&c, 2, 36, 0, 3600);
        c.d[0].retry = (struct kw_client_retry){ .max_attempts = 100, .base = S, .cap = 10 * S };
        c.d[0].spot.fallback = fallback;
        c.d[0].spot.fallback_start = case_seconds(20);
        c.d[0].scaling.queue_timeout = 60 * S;
        for (int i = 0; i < 400; i++) case_request(&c, i * 50 * S, 40000, 1);
        c.trace.span = 20000 * S;
        CHECK(case_run(&c) == KW_OK);
        const struct kw_ledger *l = &c.o.ledger[0];
        struct kw_usage u;
        kw_ns there = 0, standing = 0;
        CHECK(kw_usage_from_ledger(&u, l, &(struct kw_meter){ .granularity = 1 }, KW_KIND_DEDICATED, 1, 2, 20000 * S,
                                   NULL) == KW_OK);
        for (uint64_t i = 0; i < l->lives_n; i++) {
            kw_ns t = l->lives[i].gone - l->lives[i].born - l->lives[i].phase[KW_PHASE_PROVISION];
            *(l->lives[i].standin ? &standing : &there) += t;
        }
        CHECK(u.reserved_gpu_ns == there && u.standin_gpu_ns == standing);
        CHECK(l->starts - l->standins == l->interruptions); /* each has a successor, whoever stands in meanwhile */
        CHECK((l->standins > 0) == fallback && l->standins <= l->interruptions && (standing > 0) == fallback);
        /* Nobody but the two machines wanted: they are there, or somebody stands in within 20 s of each notice. */
        if (fallback)
            CHECK(c.o.completed == 400 && there + standing >= 2 * 20000 * S - (kw_ns)l->interruptions * 20 * S);
        else
            CHECK(c.o.completed < 200 && c.o.timed_out > 200);
        case_end(&c);
    }
}

/* A stand-in goes when the spot machine is ready again: one interruption, one machine on demand for the hour between. */
static void a_stand_in_goes_when_spot_is_back(void)
{
    struct fleet_case c;
    kw_ns standing = 0;
    uint64_t standins = 0;
    for (uint64_t k = 0; k < 40; k++) {
        spot(&c, 1, 0.2, 0, 600);
        c.d[0].spot.fallback = true;
        c.d[0].spot.fallback_start = case_seconds(100);
        c.opt.replication = k;
        case_request(&c, 0, 100, 1);
        c.trace.span = 10 * H;
        CHECK(case_run(&c) == KW_OK);
        const struct kw_ledger *l = &c.o.ledger[0];
        for (uint64_t i = 0; i < l->lives_n; i++)
            if (l->lives[i].standin && !l->lives[i].goes_on && l->lives[i].born > 0) {
                CHECK(l->lives[i].gone - l->lives[i].born == 600 * S);
                CHECK(l->lives[i].phase[KW_PHASE_PROVISION] == 100 * S);
                standing += l->lives[i].gone - l->lives[i].born;
                standins++;
            }
        case_end(&c);
    }
    CHECK(standins > 20 && standing == (kw_ns)standins * 600 * S);
}

static void a_fallback_wants_machines_that_are_interrupted(void)
{
    struct fleet_case c;
    spot(&c, 2, 0, 0, 60);
    c.d[0].spot.fallback = true;
    case_request(&c, 0, 100, 1);
    CHECK(case_run(&c) == KW_ERANGE);
    case_end(&c);
}

int main(void)
{
    RUN(interruptions_are_poisson);
    RUN(what_is_cut_off_is_tried_again_and_counted);
    RUN(a_request_timeout_counts_from_the_try);
    RUN(on_demand_stands_in);
    RUN(a_stand_in_goes_when_spot_is_back);
    RUN(a_fallback_wants_machines_that_are_interrupted);
    RUN(both_stepping_modes_agree);
    return check_report();
}
