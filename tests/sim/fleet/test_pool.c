/* The pool, by timelines computed by hand. One token is 1 ms of service; phases are constants unless said. */
#include "tests/sim/fleet/fleet_case.h"

static void cold_start(struct kw_deployment *d) /* 1 + 2 + 3 + 4 = 10 s */
{
    d->cold.provision = case_seconds(1);
    d->cold.pull = case_seconds(2);
    d->cold.load = case_seconds(3);
    d->cold.init = case_seconds(4);
}

static void check_life(const struct kw_life *l, kw_ns born, kw_ns gone, const kw_ns phase[KW_PHASES])
{
    CHECK(l->born == born && l->gone == gone);
    for (int i = 0; i < KW_PHASES; i++) {
        CHECK(l->phase[i] == phase[i]);
        if (l->phase[i] != phase[i])
            fprintf(stderr, "  phase %s: %lld, want %lld\n", kw_phase_name[i], (long long)l->phase[i],
                    (long long)phase[i]);
    }
}

static void a_cold_start_goes_through_its_phases(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 4);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 60 * S;
    case_request(&c, 0, 500, 1);
    c.trace.span = 200 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.completed == 1 && c.o.cold == 1);
    CHECK(c.o.records[0].ttft == 10 * S + 500 * MS && c.o.records[0].e2e == 10 * S + 500 * MS && c.o.records[0].cold);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->lives_n == 1 && l->starts == 1 && l->cold_starts == 1 && l->restores == 0 && l->peak_replicas == 1);
    kw_ns phase[KW_PHASES] = { [KW_PHASE_PROVISION] = 1 * S, [KW_PHASE_PULL] = 2 * S,      [KW_PHASE_LOAD] = 3 * S,
                               [KW_PHASE_INIT] = 4 * S,      [KW_PHASE_ACTIVE] = 500 * MS, [KW_PHASE_IDLE] = 60 * S };
    check_life(&l->lives[0], 0, 70 * S + 500 * MS, phase);
    CHECK(l->lives[0].first_success == 10 * S + 500 * MS && l->lives[0].requests == 1);
    CHECK(c.o.end == 200 * S && c.o.window == 200 * S);
    case_end(&c);
}

static void the_floor_is_ready_at_zero_and_never_idles_out(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 1, 4);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 5 * S;
    case_request(&c, 0, 1000, 1);
    case_request(&c, 20 * S, 1000, 1);
    c.trace.span = 30 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.cold == 0 && c.o.ledger[0].starts == 0 && c.o.ledger[0].lives_n == 1);
    CHECK(c.o.records[1].ttft == 1 * S);
    kw_ns phase[KW_PHASES] = { [KW_PHASE_ACTIVE] = 2 * S, [KW_PHASE_KEEP_WARM] = 28 * S };
    check_life(&c.o.ledger[0].lives[0], 0, 30 * S, phase);
    case_end(&c);
}

static void an_idle_timer_set_before_new_work_stops_nothing(void)
{
    /* Idle at 10.5 s, due at 15.5 s; a request at 15.5 s to the ns comes first, one a ns later finds nobody. */
    for (int late = 0; late < 2; late++) {
        struct fleet_case c;
        case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
        cold_start(&c.d[0]);
        c.d[0].scaling.idle_timeout = 5 * S;
        case_request(&c, 0, 500, 1);
        case_request(&c, 15 * S + 500 * MS + late, 1000, 1);
        c.trace.span = 100 * S;
        CHECK(case_run(&c) == KW_OK);
        CHECK(c.o.records[1].cold == late);
        CHECK(c.o.records[1].ttft == (late ? 11 * S : 1 * S));
        CHECK(c.o.ledger[0].lives_n == (late ? 2u : 1u));
        if (!late)
            CHECK(c.o.ledger[0].lives[0].gone == 21 * S + 500 * MS &&
                  c.o.ledger[0].lives[0].phase[KW_PHASE_IDLE] == 10 * S);
        if (late) CHECK(c.o.ledger[0].lives[0].gone == 15 * S + 500 * MS);
        case_end(&c);
    }
}

static void the_surplus_that_idled_longest_stops_and_the_last_waits_for_the_zero_timeout(void)
{
    /* Two at once: both replicas start; A serves 1 s, B 3 s. A idle 11..., B idle from 13. A is surplus: stops at 16.
     * B, the last, has until 13 + 20 = 33. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 4);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].scaling.zero_timeout = 20 * S;
    case_request(&c, 0, 1000, 1);
    case_request(&c, 0, 3000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.ledger[0].lives_n == 2 && c.o.ledger[0].lives[0].gone == 16 * S && c.o.ledger[0].lives[1].gone == 33 * S);
    /* Released early: surplus stops as soon as it is idle; the last one waits all the same. */
    c.d[0].scaling.idle_release = KW_RELEASE_EARLY;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.ledger[0].lives_n == 2 && c.o.ledger[0].lives[0].gone == 11 * S && c.o.ledger[0].lives[1].gone == 33 * S);
    CHECK(c.o.ledger[0].lives[0].phase[KW_PHASE_IDLE] == 0);
    c.d[0].scaling.zero_timeout = 0; /* not stated: as long as any */
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].lives[1].gone == 18 * S);
    case_end(&c);
    /* With a floor of one: A (idle first) is surplus as soon as B is held. */
    case_begin(&c, KW_SCALER_CAPACITY, 1, 4);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 5 * S;
    case_request(&c, 0, 1000, 1);  /* the floor: 0..1, then idle; busy replicas < keep_warm, so it is held */
    case_request(&c, 0, 30000, 1); /* a start: ready at 10; the floor took it at 1: 1..31 */
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->lives_n == 2);
    /* The new one idles from 10, surplus while the first is busy: stops at 15 without having served. */
    CHECK(l->lives[0].born == 0 && l->lives[0].gone == 15 * S && l->lives[0].phase[KW_PHASE_IDLE] == 5 * S &&
          l->lives[0].requests == 0);
    CHECK(l->lives[1].phase[KW_PHASE_ACTIVE] == 31 * S && l->lives[1].phase[KW_PHASE_KEEP_WARM] == 69 * S);
    CHECK(c.o.records[1].ttft == 31 * S && !c.o.records[1].cold);
    case_end(&c);
}

static void min_up_delays_the_stop(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].scaling.min_up = 40 * S;
    case_request(&c, 0, 1000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.ledger[0].lives[0].gone == 40 * S && c.o.ledger[0].lives[0].phase[KW_PHASE_IDLE] == 29 * S);
    case_end(&c);
}

static void a_buffer_stands_by_only_while_active(void)
{
    /* keep_warm 1, buffer 1: the request at 0 makes the pool active, so a spare starts (ready at 10). The request lasts
     * until 30; the spare is held (KEEP_WARM) 10..30, then one of the two idle ones is surplus: the spare idled first
     * and for longer than the timeout, so it stops at once. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 1, 4);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].scaling.buffer_replicas = 1;
    case_request(&c, 0, 30000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->lives_n == 2 && l->starts == 1 && l->cold_starts == 0);
    CHECK(l->lives[0].gone == 30 * S && l->lives[0].phase[KW_PHASE_KEEP_WARM] == 20 * S &&
          l->lives[0].phase[KW_PHASE_IDLE] == 0);
    CHECK(l->lives[1].gone == 100 * S && l->lives[1].phase[KW_PHASE_KEEP_WARM] == 70 * S);
    case_end(&c);
}

static void one_start_serves_as_many_as_it_has_room_for(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 10);
    cold_start(&c.d[0]);
    c.d[0].scaling.hard_concurrency = 4;
    c.d[0].sched.max_num_seqs = 4;
    c.d[0].scaling.idle_timeout = 5 * S;
    for (int i = 0; i < 9; i++) case_request(&c, 0, 1000, 1); /* ceil(9 / 4) = 3 */
    c.trace.span = 60 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.ledger[0].starts == 3 && c.o.ledger[0].peak_replicas == 3 && c.o.completed == 9);
    case_end(&c);
}

static void at_zero_a_platform_queues_rejects_or_stays_stopped(void)
{
    struct fleet_case c;
    /* 503 and start; the client tries again at fixed 8 s steps (base = cap, the jitter is drawn: so only bounds). */
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    cold_start(&c.d[0]);
    c.d[0].scaling.at_zero = KW_ZERO_REJECT_AND_START;
    c.d[0].scaling.idle_timeout = 30 * S;
    case_request(&c, 0, 1000, 1);
    case_request(&c, 20 * S, 1000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.rejected == 1 && c.o.completed == 1 && c.o.ledger[0].cold_starts == 1);
    CHECK(c.o.records[0].status == KW_REQ_REJECTED && c.o.records[0].cold && c.o.records[0].attempts == 1);
    CHECK(c.o.records[1].ttft == 1 * S && !c.o.records[1].cold);
    /* With retries it gets through once the replica is ready, and is cold. */
    c.d[0].retry = (struct kw_client_retry){ .max_attempts = 50, .base = 2 * S, .cap = 2 * S };
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.completed == 2 && c.o.records[0].cold && c.o.records[0].attempts > 2);
    CHECK(c.o.records[0].ttft > 11 * S && c.o.records[0].ttft <= 13 * S);
    CHECK(c.o.ledger[0].retries == (uint64_t)c.o.records[0].attempts - 1 && c.o.ledger[0].starts == 1);
    case_end(&c);
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    c.d[0].scaling.at_zero = KW_ZERO_STOPPED;
    case_request(&c, 0, 1000, 1);
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.rejected == 1 && c.o.ledger[0].starts == 0 && c.o.ledger[0].lives_n == 0);
    case_end(&c);
}

/* A request that was turned away is traffic: the start it triggered outlives the loop's ticks, although nothing is in
 * the pool and the last served request left longer than zero_timeout ago. */
static void a_start_for_a_turned_away_request_is_not_called_off(void)
{
    static const enum kw_scaler scalers[] = { KW_SCALER_CONCURRENCY, KW_SCALER_LOAD_TARGET };
    for (int i = 0; i < 2; i++) {
        struct fleet_case c;
        case_begin(&c, scalers[i], 0, 2);
        cold_start(&c.d[0]);
        c.d[0].scaling.at_zero = KW_ZERO_REJECT_AND_START;
        c.d[0].scaling.target = 1;
        c.d[0].scaling.utilisation = 1;
        c.d[0].scaling.eval_period = 1 * S;
        c.d[0].scaling.scale_up_window = 5 * S;
        c.d[0].scaling.zero_timeout = 60 * S;
        c.d[0].retry = (struct kw_client_retry){ .max_attempts = 50, .base = 2 * S, .cap = 2 * S };
        case_request(&c, 1000 * S, 1000, 1);
        case_request(&c, 3000 * S, 1000, 1);
        c.trace.span = 3200 * S;
        CHECK(case_run(&c) == KW_OK);
        CHECK(c.o.completed == 2 && c.o.rejected == 0 && c.o.cold == 2);
        CHECK(c.o.ledger[0].starts == 2);
        CHECK(c.o.ledger[0].lives_n == 2 && c.o.ledger[0].lives[0].phase[KW_PHASE_IDLE] >= 59 * S);
        case_end(&c);
    }
}

static void the_queue_has_a_limit_and_a_timeout(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].scaling.queue_limit = 2;
    for (int i = 0; i < 4; i++) case_request(&c, i, 10000, 1); /* one serves, two wait, the fourth is refused */
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.completed == 3 && c.o.rejected == 1 && c.o.records[3].status == KW_REQ_REJECTED && c.o.end == 30 * S);
    c.d[0].scaling.no_queue = true;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.completed == 1 && c.o.rejected == 3);
    c.d[0].scaling.no_queue = false;
    c.d[0].scaling.queue_limit = 0;
    c.d[0].scaling.queue_timeout = 15 * S; /* the third and fourth are still waiting 15 s after they came */
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.completed == 2 && c.o.timed_out == 2 && c.o.records[2].status == KW_REQ_TIMED_OUT &&
          c.o.records[2].e2e == -1);
    CHECK(c.o.end == 20 * S);
    case_end(&c);
}

static void a_request_timeout_reaches_onto_the_replica(void)
{
    /* Served from 0 to 10 s; the client leaves at 4 s. The step under way runs on (a real engine cannot stop it), so
     * the next request starts at 10 s, and itself times out unless it is done 12 s after it came. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].scaling.request_timeout = 4 * S;
    case_request(&c, 0, 10000, 1);
    case_request(&c, 9 * S, 1000, 1);
    case_request(&c, 9 * S, 5000, 1);
    c.trace.span = 60 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.records[0].status == KW_REQ_TIMED_OUT);
    CHECK(c.o.records[1].status == KW_REQ_COMPLETED && c.o.records[1].e2e == 2 * S);
    CHECK(c.o.records[2].status == KW_REQ_TIMED_OUT);
    /* ACTIVE while it holds a request: 0..4, 9..11 and 11..13 */
    CHECK(c.o.ledger[0].phase[KW_PHASE_ACTIVE] == 8 * S && c.o.ledger[0].phase[KW_PHASE_KEEP_WARM] == 52 * S);
    case_end(&c);
}

static void min_up_holds_against_the_scaler_too(void)
{
    /* The wish is 0 from 11 s on, but the replica has to live for 60 s: born at 1 s, it is gone at the tick of 61 s. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CONCURRENCY, 0, 1);
    c.d[0].scaling.target = 1;
    c.d[0].scaling.utilisation = 1;
    c.d[0].scaling.eval_period = 1 * S;
    c.d[0].scaling.scale_up_window = 10 * S;
    c.d[0].scaling.min_up = 60 * S;
    case_request(&c, 1 * S, 500, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].lives_n == 1);
    CHECK(c.o.ledger[0].lives[0].gone == 61 * S);
    c.d[0].scaling.min_up = 0;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].lives[0].gone == 12 * S);
    case_end(&c);
}

static void a_buffer_ends_with_the_last_request(void)
{
    /* No floor, buffer of 1. A serves 10..30; B starts at 12 for the second request, serves 22..23 and is held while A
     * is busy. From 30 on both are surplus: B has idled for 7 s by then and goes at once, A 5 s later. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 4);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].scaling.buffer_replicas = 1;
    case_request(&c, 0, 20000, 1);
    case_request(&c, 12 * S, 1000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->lives_n == 2 && l->lives[0].gone == 30 * S && l->lives[1].gone == 35 * S);
    CHECK(l->phase[KW_PHASE_KEEP_WARM] == 7 * S && l->phase[KW_PHASE_IDLE] == 5 * S);
    case_end(&c);
}

static void a_buffer_is_spare_beside_the_busy_ones(void)
{
    /* Two requests keep two replicas busy; a buffer of 1 is a third replica, a buffer of 2 a fourth. */
    for (uint32_t spare = 0; spare < 3; spare++) {
        struct fleet_case c;
        case_begin(&c, KW_SCALER_CAPACITY, 2, 9);
        c.d[0].scaling.buffer_replicas = spare;
        case_request(&c, 0, 20000, 1);
        case_request(&c, 0, 20000, 1);
        CHECK(case_run(&c) == KW_OK && c.o.ledger[0].peak_replicas == 2 + spare);
        case_end(&c);
    }
}

static void the_newest_start_is_called_off(void)
{
    /* A floor of one that becomes free at 5 s takes the request that came first; one of the two starts is too many. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_SETUP, 1, 3);
    cold_start(&c.d[0]);
    c.d[0].scaling.idle_timeout = 1 * S;
    case_request(&c, 0, 5000, 1);
    case_request(&c, 1 * S, 40000, 1);
    case_request(&c, 3 * S, 40000, 1);
    c.trace.span = 200 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->lives_n == 3 && l->starts == 2 && l->lives[0].born == 3 * S && l->lives[0].gone == 5 * S);
    CHECK(c.o.records[2].ttft == 48 * S); /* the start of 1 s is ready at 11 s */
    case_end(&c);
}

static void a_timeout_counts_from_its_try(void)
{
    /* Refused at 0 while the one replica is busy until 3 s (nobody waits here), tried again until it is free. The try
     * that boards has 4 s of its own for a service of 3 s, although the client came long before. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].scaling.no_queue = true;
    c.d[0].scaling.request_timeout = 4 * S;
    c.d[0].retry = (struct kw_client_retry){ .max_attempts = 50, .base = 2 * S, .cap = 2 * S };
    case_request(&c, 0, 3500, 1);
    case_request(&c, 1, 3000, 1);
    c.trace.span = 200 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 2);
    CHECK(c.o.records[1].attempts > 1 && c.o.records[1].e2e > 6 * S);
    /* And a service of 5 s ends 4 s after that try. */
    c.trace.prompt[1] = 5000;
    CHECK(case_run(&c) == KW_OK && c.o.timed_out == 1);
    kw_ns left = c.o.ledger[0].phase[KW_PHASE_ACTIVE];
    CHECK(left == 3500 * MS + 4 * S);
    case_end(&c);
}

static void a_refusal_without_a_ready_replica_starts_one(void)
{
    /* Nobody may wait: the request is turned away, which is traffic all the same. When it comes back after the start it
     * is cold: it had come before. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_QUEUE_DELAY, 0, 2);
    cold_start(&c.d[0]);
    c.d[0].scaling.target_delay = 100 * S;
    c.d[0].scaling.no_queue = true;
    c.d[0].scaling.idle_timeout = 5 * S;
    case_request(&c, 0, 1000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK && c.o.rejected == 1 && c.o.ledger[0].starts == 1 && c.o.ledger[0].cold_starts == 1);
    c.d[0].retry = (struct kw_client_retry){ .max_attempts = 50, .base = 2 * S, .cap = 2 * S };
    CHECK(case_run(&c) == KW_OK && c.o.completed == 1 && c.o.records[0].cold && c.o.records[0].attempts > 2);
    case_end(&c);
}

static void cold_is_who_came_before_the_replica_was_ready(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    cold_start(&c.d[0]);
    c.d[0].scaling.hard_concurrency = 8;
    c.d[0].scaling.idle_timeout = 30 * S;
    c.d[0].sched.max_num_seqs = 8;
    c.d[0].scaling.queue_timeout = 15 * S;
    case_request(&c, 0, 1000, 1);
    case_request(&c, 10 * S, 1000, 1); /* arrivals come first at equal times, so it waits for no time at all */
    case_request(&c, 10 * S + 1, 1000, 1);
    c.trace.span = 60 * S;
    CHECK(case_run(&c) == KW_OK && c.o.cold == 1);
    CHECK(c.o.records[0].cold && !c.o.records[1].cold && !c.o.records[2].cold && c.o.ledger[0].cold_requests == 1);
    c.d[0].cold.init = case_seconds(60); /* and who gave up waiting for the start */
    CHECK(case_run(&c) == KW_OK && c.o.timed_out == 3 && c.o.cold == 3 && c.o.ledger[0].cold_requests == 3);
    case_end(&c);
}

static void a_life_counts_its_requests_and_its_first_success(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].scaling.hard_concurrency = 0;
    c.d[0].sched.max_num_seqs = 4;
    for (int i = 0; i < 4; i++) case_request(&c, 0, 1000, 1); /* one step of 4 s */
    case_request(&c, 9 * S, 1000, 1);
    c.trace.span = 20 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 5);
    CHECK(c.o.ledger[0].lives[0].requests == 5 && c.o.ledger[0].lives[0].first_success == 4 * S);
    case_end(&c);
}

static void the_shorter_of_two_timeouts_ends_a_wait(void)
{
    /* A serves from 0 to 10 s, B came a ns later and would board then. */
    static const struct {
        kw_ns queue, request;
        enum kw_request_status a, b;
    } t[] = { { 0, 0, KW_REQ_COMPLETED, KW_REQ_COMPLETED },
              { 8 * S, 0, KW_REQ_COMPLETED, KW_REQ_TIMED_OUT },
              { 0, 15 * S, KW_REQ_COMPLETED, KW_REQ_TIMED_OUT }, /* on the replica */
              { 12 * S, 25 * S, KW_REQ_COMPLETED, KW_REQ_COMPLETED },
              { 8 * S, 25 * S, KW_REQ_COMPLETED, KW_REQ_TIMED_OUT },
              { 15 * S, 8 * S, KW_REQ_TIMED_OUT, KW_REQ_TIMED_OUT } };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct fleet_case c;
        case_begin(&c, KW_SCALER_FIXED, 1, 1);
        c.d[0].scaling.queue_timeout = t[i].queue;
        c.d[0].scaling.request_timeout = t[i].request;
        case_request(&c, 0, 10000, 1);
        case_request(&c, 1, 10000, 1);
        CHECK(case_run(&c) == KW_OK && c.o.records[0].status == t[i].a && c.o.records[1].status == t[i].b);
        case_end(&c);
    }
}

static void the_oldest_of_the_queue_decides_on_a_delay(void)
{
    /* One is served for 30 s, others come every second from 1 s on: the one of 1 s has waited for 4 s at 5 s, and again
     * 4 s later the next replica is due, whoever came meanwhile. */
    struct fleet_case c;
    case_begin(&c, KW_SCALER_QUEUE_DELAY, 1, 9);
    c.d[0].scaling.target_delay = 4 * S;
    c.d[0].cold.init = case_seconds(20);
    c.d[0].scaling.idle_timeout = 1000 * S;
    for (int i = 0; i < 12; i++) case_request(&c, i * S, 30000, 1);
    c.trace.span = 400 * S;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].starts >= 2);
    kw_ns first = INT64_MAX, second = INT64_MAX;
    for (uint64_t i = 0; i < c.o.ledger[0].lives_n; i++) {
        kw_ns born = c.o.ledger[0].lives[i].born;
        if (!born) continue;
        if (born < first) {
            second = first;
            first = born;
        } else if (born < second) {
            second = born;
        }
    }
    CHECK(first == 5 * S && second == 9 * S);
    case_end(&c);
}

static void stock_outs_delay_and_failed_starts_repeat(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    cold_start(&c.d[0]);
    c.d[0].scaling.stockout_probability = 0.5;
    c.d[0].scaling.stockout_retry = 30 * S;
    c.d[0].scaling.idle_timeout = 1 * S;
    for (int i = 0; i < 400; i++) case_request(&c, i * 1000 * S, 1000, 1);
    c.trace.span = 400000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->starts == 400 && l->lives_n == 400);
    CHECK(l->phase[KW_PHASE_PROVISION] == 400 * S + (kw_ns)l->stockouts * 30 * S);
    CHECK_NEAR((double)l->stockouts, 400, 6 * sqrt(400 * 2)); /* geometric: mean 1, variance 2 */
    case_end(&c);

    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    cold_start(&c.d[0]);
    c.d[0].scaling.start_failure_probability = 0.3;
    c.d[0].scaling.idle_timeout = 1 * S;
    for (int i = 0; i < 400; i++) case_request(&c, i * 1000 * S, 1000, 1);
    c.trace.span = 400000 * S;
    CHECK(case_run(&c) == KW_OK);
    l = &c.o.ledger[0];
    CHECK(l->starts == 400 + l->failed_starts && l->lives_n == l->starts);
    CHECK_NEAR((double)l->failed_starts, 400 * 3 / 7.0, 6 * sqrt(400 * 0.3) / 0.7);
    CHECK(l->phase[KW_PHASE_FAILED_START] == (kw_ns)l->failed_starts * 10 * S);
    uint64_t failed = 0;
    for (uint64_t i = 0; i < l->lives_n; i++) {
        if (!l->lives[i].failed) continue;
        failed++;
        CHECK(l->lives[i].phase[KW_PHASE_FAILED_START] == 10 * S && l->lives[i].phase[KW_PHASE_INIT] == 0);
    }
    CHECK(failed == l->failed_starts);
    case_end(&c);
}

static void snapshots_and_cached_weights_shorten_a_start(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    cold_start(&c.d[0]);
    c.d[0].cold.weight_bytes = 16e9;
    c.d[0].cold.load_rate = case_seconds(1e9);        /* 16 s more */
    c.d[0].cold.cached_load_rate = case_seconds(8e9); /* 2 s more */
    case_request(&c, 0, 1000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].phase[KW_PHASE_LOAD] == 19 * S);
    c.d[0].cold.cache_hit = 1;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].phase[KW_PHASE_LOAD] == 5 * S);
    c.d[0].cold.restore = case_seconds(7);
    c.d[0].cold.snapshot_probability = 1;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.ledger[0].restores == 1 && c.o.ledger[0].phase[KW_PHASE_RESTORE] == 7 * S &&
          c.o.ledger[0].phase[KW_PHASE_LOAD] == 0);
    CHECK(c.o.records[0].ttft == 9 * S);
    case_end(&c);
}

static void the_kth_start_has_the_same_luck_in_every_configuration(void)
{
    struct fleet_case c;
    kw_ns first[2][3];
    for (int keep_warm = 0; keep_warm < 2; keep_warm++) {
        case_begin(&c, KW_SCALER_CAPACITY, (uint32_t)keep_warm, 8);
        c.d[0].cold.load = (struct kw_law){ .kind = KW_LAW_LOGNORMAL, .n = 2, .v = { 2, 0.5 } };
        c.d[0].scaling.idle_timeout = 1 * S;
        for (int i = 0; i < 4; i++) case_request(&c, i, 100000, 1);
        c.trace.span = 200 * S;
        CHECK(case_run(&c) == KW_OK);
        int k = 0;
        for (uint64_t i = 0; i < c.o.ledger[0].lives_n; i++)
            CHECK(c.o.ledger[0].lives[i].phase[KW_PHASE_LOAD] > 0 || keep_warm);
        /* Starts in order of their decision are in order of birth. */
        for (kw_ns born = 0; born < 4; born++)
            for (uint64_t i = 0; i < c.o.ledger[0].lives_n; i++)
                if (c.o.ledger[0].lives[i].born == born && c.o.ledger[0].lives[i].phase[KW_PHASE_LOAD] && k < 3)
                    first[keep_warm][k++] = c.o.ledger[0].lives[i].phase[KW_PHASE_LOAD];
        CHECK(k == 3);
        case_end(&c);
    }
    for (int k = 0; k < 3; k++) CHECK(first[0][k] == first[1][k]);
    CHECK(first[0][0] != first[0][1]);
}

static void balance_spreads_as_it_says(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 3, 3);
    c.d[0].scaling.hard_concurrency = 0; /* the engines queue */
    c.d[0].balance = KW_BALANCE_ROUND_ROBIN;
    case_request(&c, 0, 9000, 1);
    case_request(&c, 1, 1000, 1);
    case_request(&c, 2, 1000, 1);
    case_request(&c, 3 * S, 1000, 1); /* round robin: behind the 9 s; least outstanding: at once */
    case_request(&c, 3 * S + 1, 1000, 1);
    CHECK(case_run(&c) == KW_OK && c.o.records[3].ttft == 7 * S && c.o.records[4].ttft == 1 * S);
    c.d[0].balance = KW_BALANCE_LEAST_OUTSTANDING;
    CHECK(case_run(&c) == KW_OK && c.o.records[3].ttft == 1 * S && c.o.records[4].ttft == 1 * S);
    c.d[0].balance = KW_BALANCE_POWER_OF_TWO;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 5);
    case_end(&c);
}

static void prefixes_go_where_they_are_cached(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 2, 2);
    c.d[0].scaling.hard_concurrency = 0;
    c.d[0].sched.prefix_caching = true;
    c.d[0].balance = KW_BALANCE_PREFIX;
    uint32_t at[9];
    uint64_t hash[16];
    for (int i = 0; i < 8; i++) { /* two sessions in turn, two blocks each */
        case_request(&c, i * 10 * S, 1100, 1);
        at[i] = 2 * (uint32_t)i;
        hash[2 * i] = 100 + (uint64_t)(i % 2);
        hash[2 * i + 1] = 200 + (uint64_t)(i % 2);
    }
    at[8] = 16;
    c.trace.hash_at = at;
    c.trace.hash = hash;
    c.trace.hash_block = 512;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 8);
    CHECK(c.o.records[0].cached_tokens == 0 && c.o.records[1].cached_tokens == 0);
    for (int i = 2; i < 8; i++) CHECK(c.o.records[i].cached_tokens == 1024 && c.o.records[i].ttft == 76 * MS);
    CHECK(c.o.ledger[0].tokens_cached == 6 * 1024);
    case_end(&c);
}

static void too_long_requests_are_told_at_once(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    case_request(&c, 0, 1 << 18, 1); /* max_model_len is exceeded by one */
    case_request(&c, 1, 1000, 1);
    CHECK(case_run(&c) == KW_OK && c.o.too_long == 1 && c.o.completed == 1 && c.o.records[0].status == KW_REQ_TOO_LONG);
    CHECK(c.o.ledger[0].starts == 1);
    case_end(&c);
}

static void what_can_never_be_served_times_out_at_the_end(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CONCURRENCY, 0, 1);
    c.d[0].scaling.target = 1;
    c.d[0].scaling.utilisation = 1;
    c.d[0].scaling.scale_up_window = 10 * S;
    cold_start(&c.d[0]);
    c.d[0].cold.init = case_seconds(900000);
    c.d[0].scaling.queue_timeout = 100 * S;
    case_request(&c, 0, 1000, 1);
    CHECK(case_run(&c) == KW_OK && c.o.timed_out == 1 && c.o.records[0].cold && c.o.end == 100 * S);
    case_end(&c);
}

static void inconsistent_deployments_are_refused(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 3, 2);
    case_request(&c, 0, 1000, 1);
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "keep_warm is 3"));
    c.d[0].scaling.keep_warm = 0;
    c.d[0].scaling.max_replicas = 0;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "max_replicas"));
    c.d[0].scaling.max_replicas = 2;
    c.d[0].steptime = NULL;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "step times"));
    c.d[0].steptime = c.time;
    c.d[0].scaling.stockout_probability = 1;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "stockout_probability"));
    c.d[0].scaling.stockout_probability = 0;
    c.d[0].scaling.idle_timeout = -1;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "duration"));
    c.d[0].scaling.idle_timeout = 0;
    c.d[0].scaling.scaler = KW_SCALER_FIXED;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "keep_warm 0"));
    c.d[0].scaling.scaler = KW_SCALER_CAPACITY;
    c.routing.policy = KW_ROUTE_FALLBACK;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "second deployment"));
    c.routing.policy = KW_ROUTE_SINGLE;
    CHECK(case_run(&c) == KW_OK);
    c.trace.n = 0;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "no request"));
    case_end(&c);
}

int main(void)
{
    RUN(a_cold_start_goes_through_its_phases);
    RUN(the_floor_is_ready_at_zero_and_never_idles_out);
    RUN(an_idle_timer_set_before_new_work_stops_nothing);
    RUN(the_surplus_that_idled_longest_stops_and_the_last_waits_for_the_zero_timeout);
    RUN(min_up_delays_the_stop);
    RUN(a_buffer_stands_by_only_while_active);
    RUN(one_start_serves_as_many_as_it_has_room_for);
    RUN(at_zero_a_platform_queues_rejects_or_stays_stopped);
    RUN(a_start_for_a_turned_away_request_is_not_called_off);
    RUN(the_queue_has_a_limit_and_a_timeout);
    RUN(a_request_timeout_reaches_onto_the_replica);
    RUN(min_up_holds_against_the_scaler_too);
    RUN(a_buffer_ends_with_the_last_request);
    RUN(a_buffer_is_spare_beside_the_busy_ones);
    RUN(the_newest_start_is_called_off);
    RUN(a_timeout_counts_from_its_try);
    RUN(a_refusal_without_a_ready_replica_starts_one);
    RUN(cold_is_who_came_before_the_replica_was_ready);
    RUN(a_life_counts_its_requests_and_its_first_success);
    RUN(the_shorter_of_two_timeouts_ends_a_wait);
    RUN(the_oldest_of_the_queue_decides_on_a_delay);
    RUN(stock_outs_delay_and_failed_starts_repeat);
    RUN(snapshots_and_cached_weights_shorten_a_start);
    RUN(the_kth_start_has_the_same_luck_in_every_configuration);
    RUN(balance_spreads_as_it_says);
    RUN(prefixes_go_where_they_are_cached);
    RUN(too_long_requests_are_told_at_once);
    RUN(what_can_never_be_served_times_out_at_the_end);
    RUN(inconsistent_deployments_are_refused);
    return check_report();
}
