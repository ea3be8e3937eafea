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
    c.opt.warmup = kw_warmup_length(c.d, 1);
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

int main(void)
{
    RUN(a_replica_always_on_fills_any_window_and_no_more);
    RUN(the_launch_is_not_the_steady_state);
    RUN(a_short_window_is_cyclic);
    RUN(a_queue_that_grows_shows_at_three_times);
    RUN(requests_of_the_warm_up_find_no_copy_of_theirs_in_a_cache);
    return check_report();
}
