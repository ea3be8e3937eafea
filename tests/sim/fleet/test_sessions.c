/* tests/sim/fleet/test_sessions.c - sessions by hand: when turns come, what they find of answers in the cache, what becomes of those
 * whose request is lost. test_sessions.sh holds the same rules against a model of its own. */
#include "workloads/sessions.h"
#include "tests/sim/fleet/fleet_case.h"

/* Requests are turns of one session from `first` on; think: before each but the first. Prompts are what they add. */
static void case_sessions(struct fleet_case *c, const uint32_t *first, size_t sessions, const kw_ns *think)
{
    struct kw_trace *t = &c->trace;
    t->before = malloc(t->n * sizeof *t->before);
    t->then = malloc(t->n * sizeof *t->then);
    t->think = malloc(t->n * sizeof *t->think);
    for (uint32_t i = 0; i < t->n; i++) {
        bool begins = false;
        for (size_t k = 0; k < sessions; k++) begins |= first[k] == i;
        t->before[i] = begins ? KW_TRACE_NO_TURN : i - 1;
        t->think[i] = begins ? 0 : think[i];
    }
    CHECK(kw_sessions_join(t, true, 0, &c->err) == KW_OK);
}

static void case_sessions_end(struct fleet_case *c)
{
    free(c->trace.before), free(c->trace.then), free(c->trace.think);
    free(c->trace.hash_at), free(c->trace.hash);
    case_end(c);
}

static void cache(struct fleet_case *c)
{
    c->d[0].sched.prefix_caching = true;
    c->d[0].sched.block_size = 16;
    c->d[0].sched.num_blocks = 1000;
}

static void a_turn_comes_a_pause_after_the_answer(void)
{
    struct fleet_case c;
    const uint32_t first[] = { 0 };
    const kw_ns think[] = { 0, 2 * S, 0 };
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].network_rtt = 10 * MS;
    case_request(&c, 0, 100, 5);
    case_request(&c, 0, 50, 1);
    case_request(&c, 0, 7, 1);
    case_sessions(&c, first, 1, think);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 3);
    const struct kw_record *r = c.o.records;
    CHECK(r[0].arrival == 0 && r[0].e2e == 110 * MS);
    CHECK(r[1].arrival == 110 * MS + 2 * S && r[1].e2e == 165 * MS && r[1].cached_tokens == 0); /* 100 + 5 + 50 */
    CHECK(r[2].arrival == r[1].arrival + 165 * MS && r[2].e2e == 173 * MS && r[2].request == 2);
    case_sessions_end(&c);
}

/* The prompt of a turn and its answer but for the last token, in whole blocks. */
static void answers_are_found(void)
{
    struct fleet_case c;
    const uint32_t first[] = { 0 };
    const kw_ns think[] = { 0, 0, 0 };
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    cache(&c);
    case_request(&c, 0, 100, 29);
    case_request(&c, 0, 50, 1);
    case_request(&c, 0, 7, 30);
    case_sessions(&c, first, 1, think);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 3);
    const struct kw_record *r = c.o.records;
    CHECK(r[0].e2e == 100 * MS);
    CHECK(r[1].arrival == 100 * MS + 1 && r[1].cached_tokens == 128 &&
          r[1].e2e == 51 * MS);                              /* of 179: 100 + 28 in the cache */
    CHECK(r[2].cached_tokens == 176 && r[2].e2e == 11 * MS); /* of 187: 179 in the cache */
    case_sessions_end(&c);
}

static void who_is_refused_asks_on(void)
{
    struct fleet_case c;
    const uint32_t first[] = { 0, 2 };
    const kw_ns think[] = { 0, 3 * S, 0, 9 * S };
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.d[0].scaling.no_queue = true;
    case_request(&c, 0, 1000, 1);
    case_request(&c, 0, 10, 1);
    case_request(&c, 500 * MS, 20, 1);
    case_request(&c, 500 * MS, 10, 1);
    case_sessions(&c, first, 2, think);
    CHECK(case_run(&c) == KW_OK && c.o.completed == 3 && c.o.rejected == 1);
    const struct kw_record *r = c.o.records;
    CHECK(r[1].request == 2 && r[1].status == KW_REQ_REJECTED);
    CHECK(r[2].request == 1 && r[2].arrival == 1 * S + 3 * S);
    CHECK(r[3].request == 3 && r[3].arrival == 500 * MS + 9 * S && r[3].e2e == 31 * MS);
    case_sessions_end(&c);
}

/* What nothing ever serves takes its later turns along: each ends once. */
static void turns_that_never_come_are_lost(void)
{
    struct fleet_case c;
    const uint32_t first[] = { 0, 3 };
    const kw_ns think[] = { 0, 3 * S, 0, 0, 0 };
    case_begin(&c, KW_SCALER_CAPACITY, 0,
               1); /* no start comes to an end: each takes days and fails, by the luck of this seed */
    c.d[0].cold.provision = case_seconds(1e6);
    c.d[0].scaling.start_failure_probability = 0.99;
    case_request(&c, 0, 10, 1);
    case_request(&c, 0, 10, 1);
    case_request(&c, 0, 10, 1);
    case_request(&c, 1 * S, 20, 1);
    case_request(&c, 1 * S, 20, 1);
    case_sessions(&c, first, 2, think);
    CHECK(case_run(&c) == KW_OK);
    CHECK_STR(c.err.msg, "");
    CHECK(c.o.arrived == 5 && c.o.timed_out == 5 && c.o.ledger[0].requests == 5);
    bool told[5] = { false };
    for (int i = 0; i < 5; i++) told[c.o.records[i].request] = c.o.records[i].status == KW_REQ_TIMED_OUT;
    CHECK(told[0] && told[1] && told[2] && told[3] && told[4]);
    case_sessions_end(&c);
}

/* The end of the window before it, replayed, has turns that go on into the window: they are served and not counted. */
static void a_session_counts_where_it_begins(void)
{
    struct fleet_case c;
    const uint32_t first[] = { 0, 1 };
    const kw_ns think[] = { 0, 0, 2 * S };
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    c.opt.warmup = 5 * S;
    case_request(&c, 0, 100, 1);
    case_request(&c, 9 * S, 50, 1);
    case_request(&c, 9 * S, 50, 1);
    c.trace.span = 10 * S;
    case_sessions(&c, first, 2, think);
    CHECK(case_run(&c) == KW_OK && c.o.arrived == 3 && c.o.completed == 3);
    const struct kw_record *r = c.o.records;
    CHECK(r[0].request == 0 && r[1].request == 1 && r[2].request == 2 && r[2].arrival == 11 * S + 50 * MS);
    CHECK(c.o.ledger[0].phase[KW_PHASE_ACTIVE] ==
          100 * MS + 101 * MS + 50 * MS); /* with the last turn of the warm-up */
    CHECK(c.o.end == 11 * S + 50 * MS + 101 * MS);
    case_sessions_end(&c);
}

int main(void)
{
    RUN(a_turn_comes_a_pause_after_the_answer);
    RUN(answers_are_found);
    RUN(who_is_refused_asks_on);
    RUN(turns_that_never_come_are_lost);
    RUN(a_session_counts_where_it_begins);
    return check_report();
}
