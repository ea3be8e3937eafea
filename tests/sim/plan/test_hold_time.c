/* How long requests that may wait are held: what their objective leaves after a start of 10 s and their service. */
#include "sim/plan/sweep/hold_time.h"
#include <string.h>
#include "tests/check.h"
#include "tests/sim/fleet/fleet_case.h"

enum { CHAT, NIGHTLY, N = 100 };
static char *class_name[] = { "chat", "nightly" };
static uint16_t klass[2 * N];
static struct kw_class_slo nightly;

/* A hundred of each: prompts of 1001 to 1100 tokens nightly, of 10 otherwise; one output token. */
static void begin(struct fleet_case *c, struct kw_slo *slo, kw_ns e2e, kw_ns ttft)
{
    case_begin(c, KW_SCALER_CAPACITY, 0, 1);
    c->d[0].cold.init = case_seconds(10);
    c->d[0].network_rtt = 1 * S;
    for (int i = 0; i < 2 * N; i++) {
        klass[i] = i % 2 ? NIGHTLY : CHAT;
        case_request(c, i * S, i % 2 ? 1001 + (uint32_t)(i / 2) : 10, 1);
    }
    c->trace.klass = klass;
    c->trace.class_name = class_name;
    c->trace.n_classes = 2;
    kw_slo_init(slo);
    snprintf(nightly.name, sizeof nightly.name, "nightly");
    nightly.slo = *slo;
    nightly.slo.e2e_p95 = e2e;
    nightly.slo.ttft_p99 = ttft;
    slo->by_class = &nightly;
    slo->n_by_class = 1;
}

static enum kw_status held(struct fleet_case *c, const struct kw_slo *slo, kw_ns most, uint32_t classes)
{
    struct kw_hold_ask ask = { .most = most, .classes = classes, .every = 60 * S };
    struct kw_class_lengths l;
    CHECK(kw_class_lengths(&l, &c->trace, NULL) == KW_OK);
    CHECK(l.prompt[CHAT] == 10 && l.prompt[NIGHTLY] == 1099 && l.output[NIGHTLY] == 1);
    memset(&c->d[0].hold, 0, sizeof c->d[0].hold);
    return kw_hold_time(&c->d[0], &ask, &c->trace, &l, slo, &c->err);
}

static bool near(kw_ns a, kw_ns b)
{
    return a - b <= 1000 && b - a <= 1000;
}

/* 100 s less the start's 10, the 1.099 s of a prompt of 1099 tokens, the network's 1. */
static void what_the_objective_leaves(void)
{
    struct fleet_case c;
    struct kw_slo slo;
    begin(&c, &slo, 100 * S, 0);
    CHECK(kw_hold_classes(&c.trace, &slo) == 1u << NIGHTLY);
    CHECK(held(&c, &slo, KW_HOLD_AUTO, 1u << NIGHTLY) == KW_OK);
    CHECK(near(c.d[0].hold.most[NIGHTLY], 87901 * MS) && !c.d[0].hold.most[CHAT] && c.d[0].hold.every == 60 * S);
    nightly.slo.ttft_p99 = 50 * S; /* the shorter one */
    CHECK(kw_hold_classes(&c.trace, &slo) == 0);
    CHECK(held(&c, &slo, KW_HOLD_AUTO, 1u << NIGHTLY) == KW_OK && near(c.d[0].hold.most[NIGHTLY], 37901 * MS));
    case_end(&c);
}

/* Four at once in a replica take four times as long, and those that are held come together. */
static void they_come_together(void)
{
    struct fleet_case c;
    struct kw_slo slo;
    begin(&c, &slo, 100 * S, 0);
    c.d[0].sched.max_num_seqs = c.d[0].scaling.hard_concurrency = 4;
    CHECK(held(&c, &slo, KW_HOLD_AUTO, 1u << NIGHTLY) == KW_OK);
    CHECK(near(c.d[0].hold.most[NIGHTLY], (100000 - 10000 - 4 * 1099 - 1000) * MS));
    case_end(&c);
}

static void as_the_user_says(void)
{
    struct fleet_case c;
    struct kw_slo slo;
    begin(&c, &slo, 100 * S, 0);
    CHECK(held(&c, &slo, 7 * S, 1u << NIGHTLY | 1u << CHAT) == KW_OK);
    CHECK(c.d[0].hold.most[NIGHTLY] == 7 * S && c.d[0].hold.most[CHAT] == 7 * S);
    CHECK(held(&c, &slo, 0, 1u << NIGHTLY) == KW_OK && !c.d[0].hold.most[NIGHTLY] && !c.d[0].hold.every);
    case_end(&c);
}

static void no_time_is_no_hold(void)
{
    struct fleet_case c;
    struct kw_slo slo;
    begin(&c, &slo, 12 * S, 0);
    CHECK(held(&c, &slo, KW_HOLD_AUTO, 1u << NIGHTLY) == KW_ERANGE);
    CHECK_STR(c.err.msg,
              "pool0: requests of class 'nightly' have 12 s, and a start (10 s) and their service (1.1 s) leave "
              "no time to hold them");
    CHECK(held(&c, &slo, KW_HOLD_AUTO, 1u << CHAT) == KW_ERANGE);
    CHECK_STR(c.err.msg, "pool0: no objective (e2e) says how long requests of class 'chat' may wait");
    case_end(&c);
}

static void a_trace_without_classes_has_one(void)
{
    struct fleet_case c;
    struct kw_slo slo;
    struct kw_class_lengths l;
    begin(&c, &slo, 100 * S, 0);
    c.trace.klass = NULL;
    CHECK(kw_hold_classes(&c.trace, &slo) == 0);
    slo.per_request.e2e = 100 * S;
    CHECK(kw_hold_classes(&c.trace, &slo) == 1);
    CHECK(kw_class_lengths(&l, &c.trace, NULL) == KW_OK && l.prompt[0] == 1098); /* the second but one of 200 */
    case_end(&c);
}

int main(void)
{
    RUN(what_the_objective_leaves);
    RUN(they_come_together);
    RUN(as_the_user_says);
    RUN(no_time_is_no_hold);
    RUN(a_trace_without_classes_has_one);
    return check_report();
}
