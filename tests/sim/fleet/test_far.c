/* What a run tells of slower APIs beside its own figures is what a run of them has. */
#include "sim/fleet/api/api_gateway.h"
#include "tests/sim/fleet/fleet_case.h"
#include <string.h>

enum { REQUESTS = 3000, CLASSES = 2 };
static uint16_t klass[REQUESTS];
static char *names[CLASSES] = { "chat", "batch" };

static bool same_hist(const struct kw_hist *a, const struct kw_hist *b)
{
    return a->n == b->n && a->sum == b->sum && a->min == b->min && a->max == b->max &&
           !memcmp(a->count, b->count, KW_HIST_BUCKETS * sizeof *a->count);
}

static bool same_times(const struct kw_outcome *a, const struct kw_outcome *b)
{
    bool same = same_hist(&a->ttft, &b->ttft) && same_hist(&a->tpot, &b->tpot) && same_hist(&a->e2e, &b->e2e) &&
                a->attained == b->attained && a->done == b->done && a->good == b->good && a->n_groups == b->n_groups;
    for (uint32_t i = 0; i < a->n_groups && same; i++) {
        const struct kw_group_outcome *x = &a->group[i], *y = &b->group[i];
        same = same_hist(&x->ttft, &y->ttft) && same_hist(&x->tpot, &y->tpot) && same_hist(&x->e2e, &y->e2e) &&
               x->attained == y->attained && x->done == y->done && x->good == y->good && x->arrived == y->arrived &&
               x->completed == y->completed && x->cold == y->cold && x->tokens_in[1] == y->tokens_in[1] &&
               x->tokens_out[0] == y->tokens_out[0];
    }
    return same;
}

/* An hour of a pool and of an API for what would wait, which knows the shorter half of the requests. */
static void an_hour(struct fleet_case *c)
{
    uint64_t x = 7;
    case_begin(c, KW_SCALER_CAPACITY, 0, 1);
    for (int i = 0; i < REQUESTS; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        klass[i] = (uint16_t)(x >> 40 & 1);
        case_request(c, (i * INT64_C(1200) + (int64_t)(x >> 54)) * MS, 100 + (uint32_t)(x >> 33) % 2000, 1 + i % 400);
    }
    c->trace.span = 3600 * S;
    c->trace.klass = klass;
    c->trace.class_name = names;
    c->trace.n_classes = CLASSES;
    c->n = 2;
    c->routing.policy = KW_ROUTE_OVERFLOW;
    c->routing.overflow_at = 1;
    c->d[0].scaling.idle_timeout = 20 * S;
    c->d[0].cold.init = case_seconds(10);
    c->d[1] =
        (struct kw_deployment){ .name = "api", .kind = KW_KIND_API, .ttft_known_to = 1000, .rate_known_to = 1500 };
    c->d[1].ttft_s = case_seconds(0.5);
    c->d[1].output_rate = case_seconds(50);
    c->d[1].retry.max_attempts = 1;
    c->opt.records = false;
    c->opt.warmup = 60 * S;
}

static void the_far_end_is_that_of_a_run_of_its_own(void)
{
    static const struct kw_slo_limits limits = { .ttft = 2 * S, .e2e = 4 * S };
    struct fleet_case c;
    struct kw_groups groups;
    struct kw_outcome times;
    an_hour(&c);
    CHECK(kw_outcome_init(&times, NULL) == KW_OK && kw_groups_init(&groups, &c.trace, &limits, NULL) == KW_OK);
    c.opt.groups = &groups;
    c.opt.far = &times;
    CHECK(case_run(&c) == KW_OK && c.o.ledger[0].completed > 100 && c.o.ledger[1].completed > 100 && c.o.n_groups == 4);
    struct kw_outcome far = kw_outcome_with_times(&c.o, &times), beside;
    CHECK(kw_outcome_check(&far, c.d, NULL) == KW_OK);
    CHECK(!same_times(&far, &c.o) && far.ttft.sum > c.o.ttft.sum && far.good < c.o.good);
    CHECK(kw_outcome_init(&beside, NULL) == KW_OK);
    c.opt.far = NULL;
    c.opt.beyond = true;
    struct kw_trace_view view = { .trace = &c.trace };
    CHECK(kw_fleet_run(c.fleet, &view, c.d, c.n, &c.routing, &c.opt, &beside, NULL) == KW_OK);
    CHECK(same_times(&far, &beside) && far.ledger[0].starts == beside.ledger[0].starts);
    kw_outcome_free(&beside);
    kw_outcome_free(&times);
    kw_groups_free(&groups);
    case_end(&c);
}

/* Asked 2 s before the window opens, answered before it or, by the slower API, in it. */
static void an_answer_may_come_into_the_window(void)
{
    struct fleet_case c;
    struct kw_outcome times;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    CHECK(kw_outcome_init(&times, NULL) == KW_OK);
    case_request(&c, 3598 * S, 1000, 1);
    c.trace.span = 3600 * S;
    c.d[0] = (struct kw_deployment){ .name = "api", .kind = KW_KIND_API, .ttft_known_to = 250 };
    c.d[0].ttft_s = case_seconds(1);
    c.d[0].retry.max_attempts = 1;
    c.opt.records = false;
    c.opt.warmup = 60 * S;
    c.opt.far = &times;
    CHECK(case_run(&c) == KW_OK && c.o.done == 1 && c.o.ttft.max == S);
    CHECK(times.done == 1 && times.ttft.n == 1 && times.ttft.max == 4 * S);
    c.trace.arrival[0] = 3590 * S;
    CHECK(case_run(&c) == KW_OK && c.o.done == 1 && times.done == 1);
    c.trace.prompt[0] = 5000; /* 20 s: that of the warm-up alone comes into the window */
    CHECK(case_run(&c) == KW_OK && c.o.done == 1 && times.done == 1 && times.ttft.max == 20 * S);
    c.opt.warmup = 0;
    CHECK(case_run(&c) == KW_OK && c.o.done == 1 && times.done == 0);
    kw_outcome_free(&times);
    case_end(&c);
}

static void what_waits_for_answers_is_not_apart(void)
{
    uint32_t then[1] = { 0 };
    uint32_t hash_at[2] = { 0, 1 };
    struct kw_trace plain = { .n = 1 }, turns = { .n = 1, .then = then }, hashed = { .n = 1, .hash_at = hash_at };
    struct kw_deployment d = { .kind = KW_KIND_API }, limited = d, units = d, cached = d, batched = d;
    limited.limits.tpm = 1;
    units.units.n = 1;
    cached.cache = (struct kw_cache_rule){ KW_CACHE_AUTOMATIC, .min_tokens = 1024, .step_tokens = 128, .lifetime = S };
    batched.batching.collect = S;
    CHECK(kw_api_apart(&d, &plain) && kw_api_apart(&d, &hashed) && kw_api_apart(&cached, &plain));
    CHECK(!kw_api_apart(&d, &turns) && !kw_api_apart(&limited, &plain) && !kw_api_apart(&units, &plain));
    CHECK(!kw_api_apart(&cached, &hashed) && !kw_api_apart(&batched, &plain));
}

int main(void)
{
    RUN(the_far_end_is_that_of_a_run_of_its_own);
    RUN(an_answer_may_come_into_the_window);
    RUN(what_waits_for_answers_is_not_apart);
    return check_report();
}
