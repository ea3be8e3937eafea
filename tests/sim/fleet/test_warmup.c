/* The steady state: a window that begins where its own end left off, and lives cut at its edges. */
#include "sim/fleet/warmup.h"
#include "tests/sim/fleet/fleet_case.h"

static void a_replica_always_on_fills_any_window_and_no_more(void)
{
    static const int spans[] = { 30, 100, 600, 3600 };
    for (int i = 0; i < 4; i++)
        for (int steady = 0; steady < 2; steady++) {
            struct fleet_case c;
            case_begin(&c, KW_SCALER_CAPACITY, 1, 1);
            c.d[0].scaling.idle_timeout = 60 * S;
            c.opt.warmup = steady ? 300 * S : 0;
            case_request(&c, 0, 1000, 1);
            case_request(&c, spans[i] * S, 5000, 1); /* ends 5 s after the window */
            CHECK(case_run(&c) == KW_OK && c.o.completed == 2 && c.o.window == spans[i] * S);
            const struct kw_ledger *l = &c.o.ledger[0];
            CHECK(l->lives_n == 1 && l->starts == 0 && l->late == 1 && l->peak_replicas == 1);
            CHECK(l->lives[0].born == 0 && l->lives[0].gone == c.o.window && l->lives[0].goes_on);
            CHECK(l->phase[KW_PHASE_ACTIVE] == 1 * S && l->before_n == (uint64_t)steady);
            CHECK(c.o.end == c.o.window + 5 * S);
            case_end(&c);
        }
}

/* A request each 100 s keeps the one replica alive (idle 120 s): cold at the launch alone. */
static void the_launch_is_not_the_steady_state(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].scaling.idle_timeout = 120 * S;
    c.d[0].cold.init = case_seconds(10);
    for (int i = 0; i < 6; i++) case_request(&c, (10 + i * 100) * S, 1000, 1);
    c.trace.span = 600 * S;
    CHECK(case_run(&c) == KW_OK && c.o.cold == 1 && c.o.ledger[0].starts == 1 && c.o.records[0].ttft == 11 * S);
    c.opt.warmup = kw_warmup_length(c.d, 1, c.trace.span);
    CHECK(c.opt.warmup == 300 * S); /* 120 s to serve, 120 s idle, 10 s to start, in whole minutes */
    CHECK(case_run(&c) == KW_OK && c.o.arrived == 6 && c.o.cold == 0 && c.o.ledger[0].starts == 0);
    CHECK(c.o.records[0].ttft == 1 * S && c.o.ttft.n == 6 && c.o.ledger[0].requests == 6);
    CHECK(c.o.ledger[0].tokens_in == 6000 && c.o.done == 6);
    const struct kw_life *l = c.o.ledger[0].lives;
    CHECK(c.o.ledger[0].lives_n == 1 && l->born == 0 && l->gone == 600 * S && l->requests == 6);
    CHECK(c.o.ledger[0].before_n == 1 && c.o.ledger[0].before[0].life == 0);
    case_end(&c);
}

/* A view shorter than the warm-up comes round again and again; a lone request of 2 s each 40 s dies in between. */
static void a_short_window_is_cyclic(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 2);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].cold.init = case_seconds(10);
    c.d[0].cold.load = case_seconds(4);
    c.opt.warmup = 1000 * S;
    case_request(&c, 30 * S, 2000, 1);
    c.trace.span = 40 * S;
    CHECK(case_run(&c) == KW_OK && c.o.arrived == 1 && c.o.cold == 1 && c.o.records[0].ttft == 16 * S);
    const struct kw_ledger *l = &c.o.ledger[0];
    /* Of the turn before: 4 s of the init lie before the window, 6 s inside, then 2 s of work and 5 s idle. Its own
     * life has 4 s of load and 6 s of init inside. */
    CHECK(l->lives_n == 2 && l->before_n == 1 && l->starts == 1 && l->lives[0].gone == 11 * S);
    CHECK(l->lives[0].phase[KW_PHASE_INIT] == 4 * S && l->lives[0].phase[KW_PHASE_ACTIVE] == 2 * S);
    CHECK(l->before[0].phase[KW_PHASE_LOAD] == 4 * S && l->before[0].phase[KW_PHASE_INIT] == 6 * S);
    CHECK(l->lives[1].born == 30 * S && l->lives[1].goes_on && !l->lives[0].goes_on);
    CHECK(l->lives[0].requests == 0 && l->late == 1); /* the request served in it came before the window */
    CHECK(l->lives[0].first_success == 6 * S);
    case_end(&c);
}

/* Two a second for a server of one a second: what waits grows all the time, and half is done. */
static void a_queue_that_grows_shows_at_three_times(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    for (int i = 0; i < 200; i++) case_request(&c, i * 500 * MS, 1000, 1);
    c.trace.span = 100 * S;
    c.opt.warmup = 20 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 200);
    CHECK(c.o.waiting[0] >= 19 && c.o.waiting[1] >= 69 && c.o.waiting[2] >= 119 && c.o.waiting[2] <= 121);
    CHECK(c.o.done == 100 && c.o.ledger[0].lives_n == 1);
    CHECK(c.o.ledger[0].phase[KW_PHASE_ACTIVE] == 100 * S && c.o.end == 220 * S);
    case_end(&c);
}

static void requests_of_the_warm_up_find_no_copy_of_theirs_in_a_cache(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].sched.prefix_caching = true;
    uint32_t at[] = { 0, 2, 4 };
    uint64_t hash[] = { 7, 8, 7, 8 };
    case_request(&c, 0, 1100, 1);
    case_request(&c, 50 * S, 1100, 1);
    c.trace.hash_at = at;
    c.trace.hash = hash;
    c.trace.hash_block = 512;
    c.trace.span = 100 * S;
    c.opt.warmup = 200 * S;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 2);
    CHECK(c.o.records[0].cached_tokens == 0 && c.o.records[1].cached_tokens == 1024);
    case_end(&c);
}

static kw_ns alive(const struct kw_ledger *l)
{
    kw_ns sum = 0;
    for (int i = 0; i < KW_PHASES; i++) sum += l->phase[i];
    return sum;
}

/* The least loaded replica takes each request, so four of them stay until the one that is a moment too late for its
 * idle timeout has gone: by the warm-up of one pass that is not yet so. */
static void a_state_that_takes_many_passes_is_reached(void)
{
    static const kw_ns at[] = { 317368424291, 344672443983, 542401283197 };
    struct kw_ledger one;
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 4);
    c.d[0].scaling.idle_timeout = 377 * S;
    c.d[0].cold.provision = case_seconds(3.581);
    c.d[0].cold.pull = case_seconds(13.906);
    c.d[0].cold.load = case_seconds(4.943);
    c.d[0].cold.init = case_seconds(19.765);
    for (int i = 0; i < 3; i++) case_request(&c, at[i], 9, 1);
    c.trace.span = 600 * S;
    c.opt.warmup = kw_warmup_length(c.d, 1, c.trace.span);
    CHECK(c.opt.warmup == 540 * S && case_run(&c) == KW_OK && c.o.steady == KW_STEADY_ONE_PASS && c.o.passes == 1);
    one = c.o.ledger[0];
    c.opt.settle = 100000;
    CHECK(case_run(&c) == KW_OK && c.o.steady == KW_STEADY_REPEATS && c.o.passes == 1 && c.o.steady_error == 0);
    CHECK(c.o.window == 600 * S && c.o.arrived == 3 && alive(&c.o.ledger[0]) < alive(&one) * 4 / 5);
    kw_ns settled = alive(&c.o.ledger[0]);
    c.opt.settle = 0;
    c.opt.warmup = 100 * 600 * S;
    CHECK(case_run(&c) == KW_OK && alive(&c.o.ledger[0]) == settled);
    c.opt.settle = 3 * 32 - 1; /* too little for three requests */
    c.opt.warmup = 600 * S;
    CHECK(case_run(&c) == KW_OK && c.o.steady == KW_STEADY_ONE_PASS);
    case_end(&c);
}

/* A control loop of 60 s beside a window of 90 s: what is seen at the first tick of one pass is seen at the second of
 * the next, so two windows tell what one costs. */
static void a_state_that_comes_back_after_two_passes_is_told_by_both(void)
{
    struct fleet_case c;
    kw_ns both = 0;
    case_begin(&c, KW_SCALER_CONCURRENCY, 0, 1);
    c.d[0].scaling.target = c.d[0].scaling.utilisation = 1;
    c.d[0].scaling.eval_period = 60 * S;
    c.d[0].cold.init = case_seconds(3);
    case_request(&c, 35 * S, 1000, 1);
    c.trace.span = 90 * S;
    c.opt.warmup = kw_warmup_length(c.d, 1, c.trace.span);
    c.opt.settle = 10000;
    CHECK(case_run(&c) == KW_OK && c.o.steady == KW_STEADY_REPEATS && c.o.passes == 2 && c.o.window == 180 * S);
    CHECK(c.o.arrived == 2 && c.o.completed == 2 && c.o.ledger[0].requests == 2 && c.o.done == 2);
    kw_ns two = alive(&c.o.ledger[0]);
    c.opt.settle = 0; /* the same two, one at a time */
    for (int i = 0; i < 2; i++) {
        c.opt.warmup = (10 + i) * 90 * S;
        CHECK(case_run(&c) == KW_OK);
        both += alive(&c.o.ledger[0]);
    }
    CHECK(two == both && two > 0);
    case_end(&c);
}

/* A lone request each ten minutes, and starts of 30 s on average: alive for 30 + 1 + 60 s. */
static void what_is_drawn_anew_is_told_by_its_mean(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].scaling.idle_timeout = 60 * S;
    c.d[0].cold.init = (struct kw_law){ .kind = KW_LAW_EXPONENTIAL, .n = 1, .v = { 30 } };
    case_request(&c, 100 * S, 1000, 1);
    c.trace.span = 600 * S;
    c.opt.warmup = kw_warmup_length(c.d, 1, c.trace.span);
    c.opt.settle = 1000000;
    CHECK(case_run(&c) == KW_OK && c.o.passes > 1000 && c.o.arrived == c.o.passes &&
          c.o.window == c.o.passes * 600 * S);
    CHECK_NEAR((double)alive(&c.o.ledger[0]) / c.o.passes / S, 91, 3 * c.o.steady_error / 1.96 * 91);
    CHECK(c.o.steady == (c.o.steady_error <= 0.005 ? KW_STEADY_MEAN : KW_STEADY_UNSETTLED) && c.o.steady_error < 0.02);
    CHECK(c.o.ledger[0].starts == c.o.passes && c.o.ledger[0].lives_n >= c.o.passes);
    c.trace.arrival[0] = 580 * S; /* each life is 20 s old when a window ends, and goes on in the next */
    CHECK(case_run(&c) == KW_OK && c.o.passes > 1000 && c.o.ledger[0].before_n == c.o.passes);
    for (uint32_t i = 0; i < c.o.passes; i++) {
        const struct kw_life_before *b = &c.o.ledger[0].before[i];
        kw_ns before = 0;
        for (int k = 0; k < KW_PHASES; k++) before += b->phase[k];
        CHECK(before == 20 * S && c.o.ledger[0].lives[b->life].born == i * 600 * S);
    }
    c.opt.settle = 200;
    CHECK(case_run(&c) == KW_OK && c.o.steady == KW_STEADY_UNSETTLED && c.o.passes < 100 && c.o.steady_error > 0.005);
    c.d[0].cold.init = case_seconds(30); /* nothing is drawn */
    CHECK(case_run(&c) == KW_OK && c.o.steady == KW_STEADY_REPEATS && c.o.passes == 1 &&
          alive(&c.o.ledger[0]) == 91 * S);
    case_end(&c);
}

static void an_overload_never_settles_and_ends(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    c.d[0].scaling.idle_timeout = 60 * S;
    for (int i = 0; i < 200; i++) case_request(&c, i * 500 * MS, 1000, 1);
    c.trace.span = 100 * S;
    c.opt.warmup = 180 * S;
    c.opt.settle = 100000;
    CHECK(case_run(&c) == KW_OK && c.o.passes == 1 && c.o.steady == KW_STEADY_ONE_PASS && c.o.completed == 200);
    CHECK(c.o.waiting[2] > c.o.waiting[0] + 90);
    c.trace.n = 102; /* one more a pass than it can serve: seen over many passes alone */
    c.trace.arrival[101] = 99 * S;
    for (int i = 0; i < 101; i++) c.trace.arrival[i] = i * 900 * MS;
    CHECK(case_run(&c) == KW_OK && c.o.steady != KW_STEADY_REPEATS && c.o.passes > 1);
    CHECK(c.o.waiting[2] > c.o.waiting[1] && c.o.waiting[1] > c.o.waiting[0]);
    case_end(&c);
}

/* A long window ends with three replicas and begins with one, that of its own end: the burst that made them is early in
 * it. The run before it is longer by a pass then. */
static void a_long_window_begins_with_the_replicas_it_ends_with(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].scaling.idle_timeout = 100 * S;
    for (int i = 0; i < 3; i++) case_request(&c, 10 * S, 20000, 1);
    for (int i = 2; i < 120; i++) case_request(&c, i * 30 * S, 100, 1);
    c.trace.span = 3600 * S;
    c.opt.warmup = kw_warmup_length(c.d, 1, c.trace.span);
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].starts == 2);
    c.opt.settle = 1;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].starts == 0 && c.o.steady == KW_STEADY_ONE_PASS);
    case_end(&c);
}

int main(void)
{
    RUN(a_replica_always_on_fills_any_window_and_no_more);
    RUN(the_launch_is_not_the_steady_state);
    RUN(a_short_window_is_cyclic);
    RUN(a_queue_that_grows_shows_at_three_times);
    RUN(a_state_that_takes_many_passes_is_reached);
    RUN(a_state_that_comes_back_after_two_passes_is_told_by_both);
    RUN(what_is_drawn_anew_is_told_by_its_mean);
    RUN(an_overload_never_settles_and_ends);
    RUN(a_long_window_begins_with_the_replicas_it_ends_with);
    RUN(requests_of_the_warm_up_find_no_copy_of_theirs_in_a_cache);
    return check_report();
}
