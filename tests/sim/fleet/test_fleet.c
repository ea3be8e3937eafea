/* The loop, the router, APIs beside pools, and the series, by timelines computed by hand. */
#include <pthread.h>
#include "tests/sim/fleet/fleet_case.h"

/* An API that answers after 1 s and then writes 100 tokens a second. */
static void api(struct kw_deployment *d)
{
    d->kind = KW_KIND_API;
    d->ttft_s = case_seconds(1);
    d->output_rate = case_seconds(100);
    d->limits = (struct kw_rate_limits){ .reject_code = 429 };
    d->retry = (struct kw_client_retry){ .max_attempts = 1 };
}

static void two(struct fleet_case *c, enum kw_route_policy policy)
{
    case_begin(c, KW_SCALER_CAPACITY, 0, 1);
    c->d[0].cold.init = case_seconds(10);
    c->d[0].scaling.idle_timeout = 60 * S;
    api(&c->d[1]);
    c->n = 2;
    c->routing.policy = policy;
}

static void an_api_answers_by_its_laws(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    api(&c.d[0]);
    c.d[0].network_rtt = 30 * MS;
    case_request(&c, 0, 1000, 201);
    case_request(&c, 500 * MS, 1000, 1);
    c.opt.slo = (struct kw_slo_limits){ .e2e = 2 * S };
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.records[0].ttft == 1030 * MS && c.o.records[0].e2e == 3030 * MS);
    CHECK(c.o.records[1].ttft == 1030 * MS && c.o.records[1].e2e == 1030 * MS);
    CHECK(c.o.attained == 1 && c.o.end == 3 * S && c.o.ledger[0].tokens_out == 202 && c.o.ledger[0].lives_n == 0);
    CHECK_NEAR(kw_hist_mean(&c.o.tpot), 10e6, 1); /* 2 s over 200 gaps */
    case_end(&c);
}

/* A server's front end: 5 ms a request and 10 us a token of its prompt, once in TTFT and in E2E, none of it in TPOT. */
static void a_servers_front_end_is_part_of_ttft(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    case_request(&c, 0, 1000, 3);
    case_request(&c, 100 * S, 2000, 3);
    CHECK(case_run(&c) == KW_OK);
    kw_ns ttft[2] = { c.o.records[0].ttft, c.o.records[1].ttft }, e2e = c.o.records[1].e2e;
    double tpot = kw_hist_mean(&c.o.tpot);
    c.d[0].front = 5 * MS;
    c.d[0].front_token = 10000;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.records[0].ttft == ttft[0] + 15 * MS && c.o.records[1].ttft == ttft[1] + 25 * MS);
    CHECK(c.o.records[1].e2e == e2e + 25 * MS && kw_hist_mean(&c.o.tpot) == tpot);
    case_end(&c);
}

static void an_api_refuses_above_its_limit_and_the_client_tries_again(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    api(&c.d[0]);
    c.d[0].limits.rpm = 60;
    c.d[0].limits.window = 10 * S; /* ten each ten seconds */
    for (int i = 0; i < 12; i++) case_request(&c, i * MS, 1000, 1);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 10 && c.o.rejected == 2 && c.o.ledger[0].failed_tokens_in == 2000);
    c.d[0].retry = (struct kw_client_retry){ .max_attempts = 2, .base = 1 * S, .cap = 1 * S };
    CHECK(case_run(&c) == KW_OK && c.o.completed == 12 && c.o.ledger[0].retries == 2);
    CHECK(c.o.records[10].attempts == 2 &&
          c.o.records[10].ttft >= 10 * S - 10 * MS + 1 * S); /* retry-after: the next window */
    case_end(&c);
}

static void fallback_serves_elsewhere_while_cold_and_warms_the_pool(void)
{
    struct fleet_case c;
    two(&c, KW_ROUTE_FALLBACK);
    case_request(&c, 0, 500, 1);
    case_request(&c, 9 * S, 500, 1);
    case_request(&c, 11 * S, 500, 1);
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.records[0].deployment == 1 && c.o.records[1].deployment == 1 && c.o.records[2].deployment == 0);
    CHECK(c.o.records[0].e2e == 1 * S && c.o.records[2].e2e == 500 * MS && c.o.cold == 0);
    CHECK(c.o.ledger[0].starts == 1 && c.o.ledger[0].cold_starts == 1 && c.o.ledger[0].requests == 1 &&
          c.o.ledger[1].requests == 2);
    case_end(&c);
}

/* Nobody waits for the start: while it is cold everything goes past it, and it starts all the same. Then one is served,
 * two wait, and the rest overflows. */
static void overflow_goes_where_less_waits(void)
{
    struct fleet_case c;
    two(&c, KW_ROUTE_OVERFLOW);
    c.routing.overflow_at = 2;
    case_request(&c, 0, 500, 1);
    case_request(&c, 9 * S, 500, 1);
    for (int i = 0; i < 5; i++) case_request(&c, 20 * S + i, 500, 1);
    case_request(&c, 30 * S, 500, 1);
    CHECK(case_run(&c) == KW_OK);
    const uint8_t want[] = { 1, 1, 0, 0, 0, 1, 1, 0 };
    for (int i = 0; i < 8; i++) CHECK(c.o.records[i].deployment == want[i]);
    CHECK(c.o.records[0].ttft == 1 * S && c.o.cold == 0 && c.o.ledger[0].starts == 1);
    case_end(&c);
}

/* An engine without a hard limit takes every request at once: what waits in it for a seat is a backlog too. */
static void overflow_counts_what_waits_in_the_engine(void)
{
    struct fleet_case c;
    two(&c, KW_ROUTE_OVERFLOW);
    c.routing.overflow_at = 3;
    c.d[0].scaling.keep_warm = 1;
    c.d[0].scaling.hard_concurrency = 0;
    c.d[0].sched.max_num_seqs = 1;
    for (int i = 0; i < 40; i++) case_request(&c, 1 + i * 100 * MS, 500, 1); /* five times what it can serve */
    CHECK(case_run(&c) == KW_OK && c.o.completed == 40);
    kw_ns worst = 0;
    for (int i = 0; i < 40; i++) worst = c.o.records[i].ttft > worst ? c.o.records[i].ttft : worst;
    CHECK(worst <= 4 * 500 * MS); /* one in service, two before it, itself: never the 16 s of the whole queue */
    CHECK(c.o.ledger[1].requests > 25 && c.o.ledger[0].requests > 5);
    case_end(&c);
}

/* Reserved capacity with on-demand spill-over: what the first refuses the second serves, at once and not as a retry. */
static void what_is_refused_moves_on(void)
{
    for (int policy = KW_ROUTE_FALLBACK; policy <= KW_ROUTE_OVERFLOW; policy++) {
        struct fleet_case c;
        two(&c, (enum kw_route_policy)policy);
        c.routing.overflow_at = 1;
        api(&c.d[0]);
        c.d[0].limits =
            (struct kw_rate_limits){ .rpm = 60, .window = 10 * S, .reject_code = 429 }; /* ten in ten seconds */
        c.d[0].retry = (struct kw_client_retry){ .max_attempts = 5, .base = 1 * S, .cap = 1 * S };
        for (int i = 0; i < 25; i++) case_request(&c, i * 10 * MS, 100, 1);
        CHECK(case_run(&c) == KW_OK && c.o.completed == 25 && c.o.rejected == 0);
        CHECK(c.o.ledger[0].requests == 10 && c.o.ledger[1].requests == 15);
        CHECK(c.o.ledger[0].retries == 0 && c.o.ledger[1].retries == 0 && c.o.ledger[0].failed_tokens_in == 0);
        for (int i = 0; i < 25; i++) CHECK(c.o.records[i].ttft == 1 * S && c.o.records[i].deployment == (i >= 10));
        /* The last in order keeps its client's retries, and what it refuses in the end is lost there. */
        c.d[1].limits = (struct kw_rate_limits){ .rpm = 6, .window = 10 * S, .reject_code = 429 };
        CHECK(case_run(&c) == KW_OK && c.o.completed == 11 && c.o.rejected == 14 && c.o.ledger[1].requests == 15);
        /* Three in order, the second a cold pool: passed over, and warmed. */
        c.n = 3;
        c.d[2] = c.d[1];
        case_pool(&c, 1, KW_SCALER_CAPACITY, 0, 1);
        c.d[1].cold.init = case_seconds(10);
        api(&c.d[2]);
        CHECK(case_run(&c) == KW_OK && c.o.completed == 25 && c.o.ledger[1].starts == 1);
        CHECK(c.o.ledger[0].requests == 10 && c.o.ledger[1].requests == 0 && c.o.ledger[2].requests == 15);
        case_end(&c);
    }
}

/* Longer than the first's model takes: the next one's may be longer. */
static void what_is_too_long_moves_on(void)
{
    struct fleet_case c;
    two(&c, KW_ROUTE_FALLBACK);
    c.d[0].scaling.keep_warm = 1;
    c.d[0].sched.max_model_len = 1000;
    case_request(&c, 0, 2000, 1);
    case_request(&c, 1, 500, 1);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 2 && c.o.too_long == 0);
    CHECK(c.o.records[0].deployment == 1 && c.o.records[1].deployment == 0);
    c.routing.policy = KW_ROUTE_SINGLE;
    CHECK(case_run(&c) == KW_OK && c.o.too_long == 1);
    case_end(&c);
}

static void classes_models_and_shares_route(void)
{
    struct fleet_case c;
    two(&c, KW_ROUTE_CLASS);
    uint16_t klass[400];
    for (int i = 0; i < 400; i++) {
        case_request(&c, i * S, 500, 1);
        klass[i] = (uint16_t)(i % 3);
    }
    c.routing.class_to[2] = c.routing.class_to[255] = 1;
    klass[5] = 255; /* as 2 was */
    c.trace.klass = klass;
    CHECK(case_run(&c) == KW_OK);
    for (int i = 0; i < 400; i++) CHECK(c.o.records[i].deployment == (i % 3 == 2));
    c.routing.policy = KW_ROUTE_MODEL; /* the trace names none: all to the first */
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].requests == 400);
    c.trace.model = klass;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[1].requests == 133);
    c.routing.policy = KW_ROUTE_SPLIT;
    c.routing.share[0] = 3;
    c.routing.share[1] = 1;
    CHECK(case_run(&c) == KW_OK);
    CHECK_NEAR((double)c.o.ledger[1].requests, 100, 5 * sqrt(400 * 0.25 * 0.75));
    uint64_t first = c.o.ledger[1].requests;
    c.opt.replication = 1;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].requests + c.o.ledger[1].requests == 400);
    c.opt.replication = 0;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[1].requests == first);
    uint8_t drew[400]; /* while one side fails all go to the other, and before and after all go where they went */
    for (int i = 0; i < 400; i++) drew[i] = c.o.records[i].deployment;
    c.routing.back_from = c.trace.arrival[100];
    c.routing.back_to = c.trace.arrival[200];
    c.routing.back = 1;
    CHECK(case_run(&c) == KW_OK);
    for (int i = 0; i < 400; i++) CHECK(c.o.records[i].deployment == (i >= 100 && i < 200 ? 1 : drew[i]));
    c.routing.back = 2;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "goes back to deployment 2"));
    c.routing.back_from = c.routing.back_to = c.routing.back = 0;
    c.routing.class_to[7] = 2;
    c.routing.policy = KW_ROUTE_CLASS;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "class 7"));
    c.routing.policy = KW_ROUTE_SPLIT;
    c.routing.share[0] = c.routing.share[1] = 0;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "shares"));
    case_end(&c);
}

/* Three regions, three deployments: warm pools of one replica; requests take half a second each. */
static uint16_t comes_from[64];
static char *places[] = { "far", "near", "home" };

static void three_regions(struct fleet_case *c)
{
    static const uint8_t order[3][3] = { { 2, 0, 1 }, { 1, 2, 0 }, { 0, 1, 2 } };
    case_begin(c, KW_SCALER_CAPACITY, 1, 1);
    c->n = 3;
    c->routing.policy = KW_ROUTE_REGION;
    c->routing.overflow_at = 1;
    for (int r = 0; r < 3; r++) {
        memcpy(c->routing.order[r], order[r], 3);
        c->d[r].located = true;
        c->d[r].scaling.idle_timeout = 60 * S;
        for (int k = 0; k < 3; k++) c->d[r].region_rtt[k] = (10 * (r + 1) + k) * MS; /* of deployment r from region k */
    }
    c->trace.region = comes_from;
    c->trace.region_name = places;
    c->trace.n_regions = 3;
}

/* To the first of its region's order, and the way there and back is in TTFT and E2E once, beside the fixed one. */
static void a_request_goes_to_the_nearest_and_pays_the_way_once(void)
{
    struct fleet_case c;
    three_regions(&c);
    c.d[2].network_rtt = 5 * MS;
    for (int i = 0; i < 6; i++) {
        comes_from[i] = (uint16_t)(i % 3);
        case_request(&c, i * S, 500, 3);
    }
    CHECK(case_run(&c) == KW_OK && c.o.completed == 6);
    static const uint8_t want[] = { 2, 1, 0 };
    static const kw_ns rtt[] = { 35 * MS, 21 * MS, 12 * MS };
    for (int i = 0; i < 6; i++) {
        CHECK(c.o.records[i].deployment == want[i % 3]);
        CHECK(c.o.records[i].ttft == 500 * MS + rtt[i % 3] && c.o.records[i].e2e == 500 * MS + rtt[i % 3]);
    }
    struct kw_outcome *o = &c.o;
    kw_ns sum = (kw_ns)(kw_hist_mean(&o->e2e) * 6 + 0.5);
    for (int r = 0; r < 3; r++) c.d[r].located = false; /* nobody knows where they lie: the same routes, no way */
    CHECK(case_run(&c) == KW_OK);
    for (int i = 0; i < 6; i++)
        CHECK(c.o.records[i].deployment == want[i % 3] && c.o.records[i].ttft == (500 + (i % 3 ? 0 : 5)) * MS);
    CHECK_NEAR((double)sum - kw_hist_mean(&o->e2e) * 6, 2.0 * (30 + 21 + 12) * MS, 2e-3 * (double)sum);
    case_end(&c);
}

/* In the order of the request's own region: past what is cold, or busy, or refuses. */
static void requests_spill_to_the_next_nearest(void)
{
    struct fleet_case c;
    three_regions(&c);
    for (int i = 0; i < 4; i++) {
        comes_from[i] = 0; /* order 2, 0, 1 */
        case_request(&c, 1 * S + i * MS, 500, 1);
    }
    CHECK(case_run(&c) == KW_OK && c.o.ledger[2].requests == 4); /* never: they wait */
    c.routing.spill = KW_SPILL_BUSY;
    CHECK(case_run(&c) == KW_OK);
    static const uint8_t want[] = { 2, 2, 0, 0 }; /* one served, one waits, then the next of the order */
    for (int i = 0; i < 4; i++) CHECK(c.o.records[i].deployment == want[i]);
    c.d[2].scaling.keep_warm = 0;
    c.d[2].cold.init = case_seconds(10);
    c.routing.spill = KW_SPILL_COLD;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].requests == 4 && c.o.ledger[2].starts == 1 && c.o.cold == 0);
    api(&c.d[2]); /* refuses all but ten in ten seconds; the last of the order keeps what it is given */
    c.d[2].limits = (struct kw_rate_limits){ .rpm = 6, .window = 10 * S, .reject_code = 429 };
    CHECK(case_run(&c) == KW_OK && c.o.ledger[2].requests == 1 && c.o.ledger[0].requests == 3 && c.o.rejected == 0);
    for (int i = 0; i < 4; i++) comes_from[i] = 1; /* order 1, 2, 0 */
    c.d[1].sched.max_model_len = 400;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[1].requests == 0 && c.o.ledger[2].requests == 1 &&
          c.o.ledger[0].requests == 3 && c.o.too_long == 0);
    CHECK(c.o.records[0].ttft == 1 * S + 31 * MS && c.o.records[1].ttft == 500 * MS + 11 * MS);
    case_end(&c);
}

/* A way that nobody knows is no way of no length. */
static void a_distance_that_is_not_known_is_refused(void)
{
    struct fleet_case c;
    three_regions(&c);
    case_request(&c, 0, 500, 1);
    case_request(&c, S, 500, 1);
    c.d[1].region_rtt[2] = KW_RTT_UNKNOWN;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "round-trip time from region 'home' is not known"));
    c.d[1].region_rtt[2] = 0;
    c.routing.order[1][2] = 1;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "region 'near' does not name each once"));
    c.trace.region = NULL;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "where requests come from"));
    c.routing.policy = KW_ROUTE_SPLIT;
    c.routing.share[0] = 1;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "pool0 lies in a region"));
    case_end(&c);
}

static void the_series_samples_at_the_end_of_each_interval(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 1, 2);
    c.d[0].cold.init = case_seconds(10);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].scaling.queue_limit = 1;
    c.opt.series_step = 4 * S;
    case_request(&c, 0, 7000, 1);     /* 0..7 on the floor */
    case_request(&c, 1 * S, 1000, 1); /* waits; a start until 11 */
    case_request(&c, 2 * S, 1000, 1); /* refused */
    case_request(&c, 8 * S, 500, 1);  /* at the border: belongs to the third interval */
    c.trace.span = 20 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_series *s = &c.o.series;
    /*                                 4  8  12 16 20 */
    const uint32_t arrivals[5] = { 3, 0, 1, 0, 0 };
    const uint32_t completions[5] = { 0, 1, 2, 0, 0 };
    const uint32_t rejections[5] = { 1, 0, 0, 0, 0 };
    const uint32_t queue[5] = { 1, 0, 0, 0, 0 };
    const uint32_t busy[5] = { 1, 1, 0, 0, 0 };
    const uint32_t idle[5] = { 0, 0, 2, 1, 1 };
    const uint32_t starting[5] = { 1, 1, 0, 0, 0 };
    CHECK(s->n == 5 && s->step == 4 * S);
    for (int i = 0; i < 5 && s->n == 5; i++) {
        CHECK(s->arrivals[i] == arrivals[i] && s->completions[i] == completions[i] &&
              s->rejections[i] == rejections[i]);
        CHECK(s->queue[i] == queue[i] && s->ready_busy[i] == busy[i] && s->ready_idle[i] == idle[i] &&
              s->starting[i] == starting[i]);
    }
    case_end(&c);
}

static void wish_driven_pools_go_to_zero_after_the_zero_timeout(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CONCURRENCY, 0, 2);
    c.d[0].scaling.target = 1;
    c.d[0].scaling.utilisation = 1;
    c.d[0].scaling.scale_up_window = 4 * S;
    c.d[0].scaling.eval_period = 2 * S;
    c.d[0].scaling.zero_timeout = 30 * S;
    c.d[0].scaling.hard_concurrency = 2;
    c.d[0].sched.max_num_seqs = 2;
    c.d[0].cold.init = case_seconds(1);
    for (int i = 0; i < 12; i++) case_request(&c, i * 2 * S, 3000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 12);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->lives_n == 2 && l->peak_replicas == 2);
    /* Zero: the last request came at 22 s; the pool is empty from its end on, and 30 s later a tick finds it so. */
    kw_ns last = 0, end = 0;
    for (uint64_t i = 0; i < c.o.arrived; i++)
        last = c.o.records[i].e2e + c.trace.arrival[i] > last ? c.o.records[i].e2e + c.trace.arrival[i] : last;
    for (uint64_t i = 0; i < l->lives_n; i++) end = l->lives[i].gone > end ? l->lives[i].gone : end;
    CHECK(end == (last + 30 * S + 2 * S - 1) / (2 * S) * (2 * S));
    case_end(&c);
}

static void a_stopped_pool_stays_stopped_while_its_requests_go_elsewhere(void)
{
    struct fleet_case c;
    two(&c, KW_ROUTE_FALLBACK);
    c.d[0].scaling.at_zero = KW_ZERO_STOPPED;
    case_request(&c, 0, 500, 1);
    case_request(&c, 100 * S, 500, 1);
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].starts == 0 && c.o.ledger[1].completed == 2);
    case_end(&c);
}

static void what_a_client_states_is_reserved_and_given_back(void)
{
    /* 100 + 1500 of 2000 tokens a minute are reserved for a second, for an answer of one token. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    api(&c.d[0]);
    c.d[0].max_tokens = 1500;
    c.d[0].limits = (struct kw_rate_limits){
        .tpm = 2000, .rule = KW_COUNT_RESERVE_THEN_REFUND, .output_burndown = 1, .reject_code = 429
    };
    case_request(&c, 0, 100, 1);
    case_request(&c, 1, 100, 1); /* what is left does not do */
    case_request(&c, 2 * S, 100, 1);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 2 && c.o.records[1].status == KW_REQ_REJECTED);
    /* A request that can never fit is told so once, whatever the client would try. */
    c.d[0].retry = (struct kw_client_retry){ .max_attempts = 9, .base = 1 * S, .cap = 1 * S };
    c.trace.prompt[2] = 1000;
    CHECK(case_run(&c) == KW_OK && c.o.records[2].status == KW_REQ_REJECTED && c.o.records[2].attempts == 1);
    CHECK(c.o.records[1].status == KW_REQ_COMPLETED && c.o.records[1].attempts > 1);
    case_end(&c);
}

static void a_draining_replica_finishes_its_own(void)
{
    /* A step is 1 ms: an output of n tokens takes n ms, however many share the replica. A starts at once and takes two,
     * the third waits for the tick at 2 s (mean 3 over a target of 2: two replicas) and boards B. One of A's ends at 5
     * s; the window [6, 8] has a mean of 2, so one goes: both hold one request, B for longer. B drains 8..32. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CONCURRENCY, 0, 2);
    c.d[0].scaling.target = 2;
    c.d[0].scaling.utilisation = 1;
    c.d[0].scaling.scale_up_window = c.d[0].scaling.eval_period = 2 * S;
    c.d[0].scaling.hard_concurrency = 2;
    c.d[0].sched.max_num_seqs = 8;
    kw_steptime_delete(c.time);
    if (kw_steptime_constant(&c.time, 1000000000, 1000000000, NULL) != KW_OK) exit(1);
    c.d[0].steptime = c.time;
    case_request(&c, 0, 10, 60000);
    case_request(&c, 0, 10, 5000);
    case_request(&c, 0, 10, 30000);
    c.trace.span = 70 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 3);
    const struct kw_life *b = &c.o.ledger[0].lives[0];
    CHECK(b->born == 2 * S && b->gone == 32 * S && b->phase[KW_PHASE_ACTIVE] == 6 * S &&
          b->phase[KW_PHASE_DRAIN] == 24 * S);
    CHECK(c.o.records[2].e2e == 32 * S && c.o.records[0].e2e == 60 * S);
    case_end(&c);
}

static void a_sleeping_loop_costs_no_events(void)
{
    /* Ten requests in ten days, each wakes the pool for 1 s of start, 1 s of service and a minute to zero: some 70
     * ticks of 1 s each, where the loop run through would be 864,000. */
    const enum kw_scaler loops[] = { KW_SCALER_CONCURRENCY, KW_SCALER_LOAD_TARGET, KW_SCALER_KPA };
    for (int i = 0; i < 3; i++) {
        struct fleet_case c;
        case_begin(&c, loops[i], 0, 4);
        struct kw_autoscaling *a = &c.d[0].scaling;
        a->target = 1;
        a->utilisation = 1;
        a->scale_up_window = 30 * S;
        a->eval_period = 1 * S;
        a->zero_timeout = 60 * S;
        a->panic_threshold = 2;
        a->panic_window_share = 0.1;
        c.d[0].cold.init = case_seconds(1);
        for (int k = 0; k < 10; k++) case_request(&c, k * 86400 * S, 1000, 1);
        c.trace.span = 10 * 86400 * S;
        CHECK(case_run(&c) == KW_OK && c.o.completed == 10 && c.o.cold == 10 && c.o.ledger[0].lives_n >= 10);
        CHECK(c.o.events < 1000);
        case_end(&c);
        case_begin(&c, loops[i], 1, 4); /* with a floor there is nothing to come down to: asleep after the window */
        c.d[0].scaling = (struct kw_autoscaling){ .scaler = loops[i],
                                                  .keep_warm = 1,
                                                  .max_replicas = 4,
                                                  .hard_concurrency = 1,
                                                  .target = 1,
                                                  .utilisation = 1,
                                                  .scale_up_window = 30 * S,
                                                  .eval_period = S,
                                                  .panic_threshold = 2,
                                                  .panic_window_share = 0.1 };
        for (int k = 0; k < 10; k++) case_request(&c, k * 86400 * S, 1000, 1);
        CHECK(case_run(&c) == KW_OK && c.o.cold == 0 && c.o.events < 500);
        case_end(&c);
    }
}

static void ties_between_replicas_do_not_depend_on_stepping(void)
{
    /* Three replicas finish at the same ns, again and again; who takes the next from the queue must not depend on how
     * often a replica's event was set. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 3, 3);
    c.d[0].sched.max_num_seqs = 8;
    c.d[0].scaling.hard_concurrency = 2;
    kw_steptime_delete(c.time);
    if (kw_steptime_constant(&c.time, 1000000000, 1000000000, NULL) != KW_OK) exit(1); /* 1 ms any step */
    c.d[0].steptime = c.time;
    for (int i = 0; i < 600; i++) case_request(&c, (i / 5) * 7 * MS, 1 + (uint32_t)i % 3, 1 + (uint32_t)(i * 7 % 23));
    CHECK(case_run(&c) == KW_OK);
    uint64_t requests[3];
    kw_ns e2e[600];
    for (int i = 0; i < 3; i++) requests[i] = c.o.ledger[0].lives[i].requests;
    for (int i = 0; i < 600; i++) e2e[i] = c.o.records[i].e2e;
    c.opt.stepping_each = true;
    CHECK(case_run(&c) == KW_OK);
    for (int i = 0; i < 3; i++) CHECK(requests[i] == c.o.ledger[0].lives[i].requests);
    for (int i = 0; i < 600; i++) CHECK(e2e[i] == c.o.records[i].e2e);
    case_end(&c);
}

/* One thread's runs: its own fleet and outcome, everything else shared and read only. */
struct worker {
    const struct fleet_case *c;
    double mean;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct kw_trace_view view = { .trace = &w->c->trace };
    struct kw_fleet *f;
    struct kw_outcome o;
    if (kw_fleet_new(&f, NULL) != KW_OK || kw_outcome_init(&o, NULL) != KW_OK) exit(1);
    for (int i = 0; i < 3; i++)
        if (kw_fleet_run(f, &view, w->c->d, w->c->n, &w->c->routing, &w->c->opt, &o, NULL) != KW_OK) exit(1);
    w->mean = kw_hist_mean(&o.e2e);
    kw_outcome_free(&o);
    kw_fleet_delete(f);
    return NULL;
}

static void threads_share_nothing_that_changes(void) /* SAN=thread is the judge */
{
    struct fleet_case c;
    two(&c, KW_ROUTE_OVERFLOW);
    c.routing.overflow_at = 3;
    c.d[0].cold.load = (struct kw_law){ .kind = KW_LAW_LOGNORMAL, .n = 2, .v = { 1, 0.5 } };
    for (int i = 0; i < 2000; i++) case_request(&c, i * 700 * MS, 100 + (uint32_t)(i * 31 % 900), 1);
    struct worker w[4];
    pthread_t t[4];
    for (int i = 0; i < 4; i++) {
        w[i] = (struct worker){ .c = &c };
        CHECK(pthread_create(&t[i], NULL, work, &w[i]) == 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    for (int i = 1; i < 4; i++) CHECK(w[i].mean == w[0].mean && w[i].mean > 0);
    case_end(&c);
}

/* Three requests served alone: TTFT 0.1 s, 0.2 s, 0.3 s; after it 0.01 s a token. */
static void attainment_asks_for_every_objective(void)
{
    struct fleet_case c;
    static const struct {
        kw_ns ttft, tpot, e2e;
        uint64_t attained;
    } t[] = { { 0, 0, 0, 3 },
              { 200 * MS, 0, 0, 2 }, /* at the limit is met */
              { 200 * MS - 1, 0, 0, 1 },
              { 0, 10 * MS, 0, 3 },
              { 0, 10 * MS - 1, 0, 1 }, /* a single token has no gap */
              { 0, 0, 1200 * MS, 3 },
              { 0, 0, 1200 * MS - 1, 2 },
              { 300 * MS, 10 * MS - 1, 1200 * MS, 1 },
              { 100 * MS, 10 * MS, 1200 * MS, 1 } };
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].kind = KW_KIND_API;
    c.d[0].ttft_per_ktok_s = case_seconds(0.1);
    c.d[0].ttft_s = case_seconds(0);
    c.d[0].output_rate = case_seconds(100);
    case_request(&c, 0, 1000, 101);      /* TTFT 0.1 s, E2E 1.1 s */
    case_request(&c, 10 * S, 2000, 101); /* 0.2 s, 1.2 s */
    case_request(&c, 20 * S, 3000, 1);   /* 0.3 s, 0.3 s */
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        c.opt.slo = (struct kw_slo_limits){ .ttft = t[i].ttft, .tpot = t[i].tpot, .e2e = t[i].e2e };
        CHECK(case_run(&c) == KW_OK);
        CHECK(c.o.attained == t[i].attained);
        if (c.o.attained != t[i].attained) fprintf(stderr, "  case %zu: %d\n", i, (int)c.o.attained);
    }
    case_end(&c);
}

/* Prompt and output together have to fit the model's window: what does not is an error of the client's. */
static void an_api_takes_what_its_window_holds(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    api(&c.d[0]);
    c.d[0].context = 100;
    case_request(&c, 0, 60, 40);
    case_request(&c, 10 * S, 61, 40);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 1 && c.o.too_long == 1);
    c.d[0].context = 0; /* not known: any */
    CHECK(case_run(&c) == KW_OK && c.o.completed == 2 && c.o.too_long == 0);
    case_end(&c);
}

int main(void)
{
    RUN(threads_share_nothing_that_changes);
    RUN(an_api_answers_by_its_laws);
    RUN(a_servers_front_end_is_part_of_ttft);
    RUN(an_api_refuses_above_its_limit_and_the_client_tries_again);
    RUN(fallback_serves_elsewhere_while_cold_and_warms_the_pool);
    RUN(overflow_goes_where_less_waits);
    RUN(overflow_counts_what_waits_in_the_engine);
    RUN(what_is_refused_moves_on);
    RUN(what_is_too_long_moves_on);
    RUN(classes_models_and_shares_route);
    RUN(a_request_goes_to_the_nearest_and_pays_the_way_once);
    RUN(requests_spill_to_the_next_nearest);
    RUN(a_distance_that_is_not_known_is_refused);
    RUN(the_series_samples_at_the_end_of_each_interval);
    RUN(wish_driven_pools_go_to_zero_after_the_zero_timeout);
    RUN(a_stopped_pool_stays_stopped_while_its_requests_go_elsewhere);
    RUN(what_a_client_states_is_reserved_and_given_back);
    RUN(a_draining_replica_finishes_its_own);
    RUN(a_sleeping_loop_costs_no_events);
    RUN(ties_between_replicas_do_not_depend_on_stepping);
    RUN(attainment_asks_for_every_objective);
    RUN(an_api_takes_what_its_window_holds);
    return check_report();
}
