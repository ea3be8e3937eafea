/* Public models: a request that meets no replica of ours finds one of others' as often as the closed form says, is billed for
 * what it does alone, and what it does not find is the start that it would have been without others. */
#include "sim/fleet/pool/pooled.h"
#include "sim/cost/usage.h"
#include "tests/check.h"
#include "tests/sim/fleet/fleet_case.h"

#define TIMEOUT (60 * S)
#define START 10
#define REQUESTS 4000
#define APART (200 * S) /* each comes after its own replica is gone */

static const struct kw_meter active_only = { .bills = { [KW_PHASE_ACTIVE] = true }, .granularity = 1 };
static const struct kw_meter all_but_order = {
    .bills = { [KW_PHASE_ACTIVE] = true, [KW_PHASE_IDLE] = true, [KW_PHASE_INIT] = true }, .granularity = 1
};

/* Lone requests of two seconds, with others' so that lambda T is `theirs`. */
static void lone(struct fleet_case *c, double theirs)
{
    case_begin(c, KW_SCALER_QUEUE, 0, 2);
    c->d[0].scaling.idle_timeout = TIMEOUT;
    c->d[0].cold.init = case_seconds(START);
    c->d[0].others_per_hour = theirs * 3600 / 60;
    for (int i = 0; i < REQUESTS; i++) case_request(c, S + i * APART, 2000, 1);
    c->trace.span = REQUESTS * APART;
}

static int64_t billed(const struct fleet_case *c, const struct kw_meter *m)
{
    struct kw_usage u;
    int64_t sum = 0;
    CHECK(kw_usage_from_ledger(&u, &c->o.ledger[0], m, KW_KIND_SERVERLESS, 1, 0, c->o.window, NULL) == KW_OK);
    for (int p = 0; p < KW_PHASES; p++) sum += u.gpu_ns[p];
    CHECK(u.rounding_gpu_ns == 0 && u.minimum_gpu_ns == 0);
    return sum;
}

static void the_cold_ones_are_as_many_as_the_closed_form_says(void)
{
    static const double theirs[] = { 0.1, 0.7, 2.5 };
    for (int k = 0; k < 3; k++) {
        struct fleet_case c;
        lone(&c, theirs[k]);
        CHECK(case_run(&c) == KW_OK);
        const struct kw_ledger *l = &c.o.ledger[0];
        double cold = exp(-theirs[k]), sigma = sqrt(cold * (1 - cold) / REQUESTS);
        CHECK_NEAR((double)c.o.cold / REQUESTS, cold, 3 * sigma);
        /* Each is found or started, a life of its own; who was found waits for nothing. */
        CHECK(l->starts == c.o.cold && l->cold_starts == c.o.cold && c.o.start.n == c.o.cold);
        CHECK(l->found_warm == REQUESTS - c.o.cold && l->lives_n == REQUESTS);
        for (size_t i = 0; i < REQUESTS; i++)
            CHECK(c.o.records[i].ttft == (c.o.records[i].cold ? (START + 2) * S : 2 * S));
        /* To the nanosecond: two seconds a request; of a replica of one's own also its start and its idle time. */
        CHECK(billed(&c, &active_only) == REQUESTS * 2 * S);
        CHECK(billed(&c, &all_but_order) == REQUESTS * (2 * S + TIMEOUT) + (int64_t)c.o.cold * START * S);
        case_end(&c);
    }
}

static void without_others_nothing_is_pooled_and_with_many_nothing_is_cold(void)
{
    struct fleet_case c;
    lone(&c, 0);
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.cold == REQUESTS && c.o.ledger[0].starts == REQUESTS && c.o.ledger[0].found_warm == 0);
    case_end(&c);

    lone(&c, 50);
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.cold == 0 && c.o.ledger[0].starts == 0 && c.o.ledger[0].found_warm == REQUESTS);
    CHECK(c.o.ttft.max == 2 * S);
    case_end(&c);
}

/* A start draws what it would have drawn without others, and what is found at some rate is found at any higher one. */
static void common_random_numbers(void)
{
    struct fleet_case none, few, many;
    lone(&none, 0);
    lone(&few, 0.5);
    lone(&many, 1);
    none.d[0].cold.init = few.d[0].cold.init = many.d[0].cold.init =
        (struct kw_law){ .kind = KW_LAW_LOGNORMAL, .n = 2, .v = { log(START), 0.3 } };
    CHECK(case_run(&none) == KW_OK && case_run(&few) == KW_OK && case_run(&many) == KW_OK);
    size_t cold = 0, longer = 0;
    for (size_t i = 0; i < REQUESTS; i++) {
        const struct kw_record *a = &none.o.records[i], *b = &few.o.records[i], *d = &many.o.records[i];
        CHECK(a->cold && (b->cold || !d->cold));
        CHECK(!b->cold || (b->ttft == a->ttft && b->e2e == a->e2e));
        CHECK(!d->cold || d->ttft == a->ttft);
        cold += b->cold;
        longer += i && a->ttft != none.o.records[0].ttft;
    }
    CHECK(cold > REQUESTS / 2 && cold < 2 * REQUESTS / 3 && longer == REQUESTS - 1);
    case_end(&none);
    case_end(&few);
    case_end(&many);
}

/* Others' requests keep one replica, which is ours while we use it: a second one is a start of its own. */
static void one_replica_is_found(void)
{
    struct fleet_case c;
    lone(&c, 50);
    c.trace.n = 0;
    c.trace.span = 0;
    case_request(&c, S, 30000, 1);
    case_request(&c, 2 * S, 2000, 1);
    c.trace.span = 100 * S;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.ledger[0].found_warm == 1 && c.o.ledger[0].starts == 1 && c.o.cold == 1);
    CHECK(!c.o.records[0].cold && c.o.records[0].ttft == 30 * S && c.o.records[1].cold);
    CHECK(c.o.records[1].ttft == (START + 2) * S);
    case_end(&c);
}

static void the_last_ones_timeout_counts(void)
{
    struct kw_autoscaling a = { .idle_timeout = 60 * S };
    CHECK(kw_pooled_warm(0, &a) == 0 && kw_pooled_warm(KW_POOLED_MOST, &a) == 1);
    CHECK_NEAR(kw_pooled_warm(60, &a), 1 - exp(-1), 1e-15);
    a.zero_timeout = 180 * S;
    CHECK_NEAR(kw_pooled_warm(60, &a), 1 - exp(-3), 1e-15);
    CHECK_NEAR(kw_pooled_warm(1e-9, &a), 5e-11, 1e-19); /* not lost beside 1 */
}

static void no_rate_is_refused(void)
{
    static const double rate[] = { -1, NAN, 2 * KW_POOLED_MOST };
    for (int k = 0; k < 3; k++) {
        struct fleet_case c;
        lone(&c, 0);
        c.d[0].others_per_hour = rate[k];
        CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "others' requests must be 0..3.6e+06 an hour"));
        case_end(&c);
    }
}

static void rented_machines_are_nobody_elses(void)
{
    struct fleet_case c;
    lone(&c, 1);
    c.d[0].node.places = 1;
    CHECK(case_run(&c) == KW_ERANGE && strstr(c.err.msg, "not machines that are rented"));
    case_end(&c);
}

int main(void)
{
    RUN(the_cold_ones_are_as_many_as_the_closed_form_says);
    RUN(without_others_nothing_is_pooled_and_with_many_nothing_is_cold);
    RUN(common_random_numbers);
    RUN(one_replica_is_found);
    RUN(the_last_ones_timeout_counts);
    RUN(no_rate_is_refused);
    RUN(rented_machines_are_nobody_elses);
    return check_report();
}
