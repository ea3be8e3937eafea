/* Rented machines that several replicas share: who gets which place, how long a node lives and what it costs, by hand; and
 * the autoscalers that users run on them, from the first request to the last node. */
#include "sim/cost/usage.h"
#include "tests/sim/fleet/fleet_case.h"

#define H KW_NS_PER_HOUR

/* One start for each request that waits, nodes of `places`: 100 s until one is there, 20 s of image, 30 s of weights, 10 s of
 * engine; a replica idles for 60 s, a node for 600 s. */
static void rented(struct fleet_case *c, uint32_t places)
{
    case_begin(c, KW_SCALER_REQUEST_COUNT, 0, 10);
    struct kw_deployment *d = &c->d[0];
    d->kind = KW_KIND_DEDICATED;
    d->scaling.target = 1;
    d->scaling.idle_timeout = 60 * S;
    d->cold.provision = case_seconds(100);
    d->cold.pull = case_seconds(20);
    d->cold.load = case_seconds(30);
    d->cold.init = case_seconds(10);
    d->node = (struct kw_node_rule){ .places = places, .idle = 600 * S };
}

static bool node_is(const struct kw_life *n, kw_ns born, kw_ns provision, kw_ns active, kw_ns idle)
{
    return n->born == born * S && n->phase[KW_PHASE_PROVISION] == provision * S &&
           n->phase[KW_PHASE_ACTIVE] == active * S && n->phase[KW_PHASE_IDLE] == idle * S;
}

/* Two replicas of four GPUs on a node of eight: one node, one image, and a bill for all of it for as long as one replica
 * lives, and ten minutes more. */
static void a_node_of_eight_holds_two_of_four(void)
{
    struct fleet_case c;
    rented(&c, 2);
    case_request(&c, 0, 10000, 1);
    case_request(&c, 50 * S, 10000, 1);
    c.trace.span = 2000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->nodes_n == 1 && l->peak_nodes == 1 && l->lives_n == 2 && l->starts == 2);
    for (int i = 0; i < 2; i++) { /* both ready at 160, gone after 10 s of work and 60 s of nothing */
        CHECK(l->lives[i].gone == 230 * S && l->lives[i].phase[KW_PHASE_PULL] == 20 * S);
        CHECK(l->lives[i].phase[KW_PHASE_PROVISION] == (i ? 50 : 100) * S);
    }
    CHECK(node_is(&l->nodes[0], 0, 100, 130, 600) && l->places_taken == 2 * 130 * S);
    struct kw_usage u;
    struct kw_meter m = { .granularity = 60 * S, .min_charge = 60 * S };
    CHECK(kw_usage_from_ledger(&u, l, &m, KW_KIND_DEDICATED, 4, 8, 2000 * S, NULL) == KW_OK);
    CHECK(u.gpu_ns[KW_PHASE_PULL] == 4 * 40 * S && u.gpu_ns[KW_PHASE_LOAD] == 4 * 60 * S &&
          u.gpu_ns[KW_PHASE_INIT] == 4 * 20 * S && u.gpu_ns[KW_PHASE_PROVISION] == 0);
    CHECK(u.reserved_gpu_ns == 8 * 730 * S - 4 * 120 * S && u.rounding_gpu_ns == 8 * 50 * S && u.minimum_gpu_ns == 0);
    CHECK(u.busy_gpu_ns == 4 * 20 * S);
    m.bills[KW_PHASE_PROVISION] = true; /* from its order: 830 s, 14 minutes */
    CHECK(kw_usage_from_ledger(&u, l, &m, KW_KIND_DEDICATED, 4, 8, 2000 * S, NULL) == KW_OK);
    CHECK(u.gpu_ns[KW_PHASE_PROVISION] == 8 * 100 * S && u.rounding_gpu_ns == 8 * 10 * S);
    m.min_charge = 1000 * S; /* raised to 1000, then to 17 minutes */
    CHECK(kw_usage_from_ledger(&u, l, &m, KW_KIND_DEDICATED, 4, 8, 2000 * S, NULL) == KW_OK);
    CHECK(u.minimum_gpu_ns == 8 * 170 * S && u.rounding_gpu_ns == 8 * 20 * S);
    CHECK(c.o.records[0].ttft == 170 * S && c.o.records[1].ttft == 120 * S);
    case_end(&c);
}

/* A third finds no place: another node, whose image is pulled again; on one that is there nothing is waited for but weights
 * and engine. */
static void a_start_takes_the_place_that_is_there(void)
{
    struct fleet_case c;
    rented(&c, 2);
    for (int i = 0; i < 3; i++) case_request(&c, 0, 10000, 1);
    case_request(&c, 500 * S, 10000, 1);
    c.trace.span = 3000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->nodes_n == 2 && l->peak_nodes == 2 && l->starts == 4);
    CHECK(c.o.records[2].ttft == 170 * S && c.o.records[3].ttft == 50 * S); /* 30 + 10 + 10 */
    CHECK(node_is(&l->nodes[0], 0, 100, 130, 600));             /* 830: the other one had the lower number */
    CHECK(node_is(&l->nodes[1], 0, 100, 130 + 110, 270 + 600)); /* 230..500 empty, 500..610 not, to 1210 */
    case_end(&c);
}

/* Of two nodes that are there the fullest gets it; with one place a node each replica has a node of its own. */
static void replicas_are_packed(void)
{
    struct fleet_case c;
    rented(&c, 3);
    for (int i = 0; i < 3; i++) case_request(&c, 0, 10000, 1);
    case_request(&c, 0, 200000, 1); /* 160 .. 360 on the second node */
    case_request(&c, 300 * S, 10000, 1);
    c.trace.span = 3000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->nodes_n == 2);
    CHECK(node_is(&l->nodes[0], 0, 100, 130, 600)); /* the last one did not come back to the empty one */
    CHECK(node_is(&l->nodes[1], 0, 100, 320, 600));
    case_end(&c);
    rented(&c, 1);
    c.d[0].node.idle = 0;
    for (int i = 0; i < 3; i++) case_request(&c, 0, 10000, 1);
    c.trace.span = 3000 * S;
    CHECK(case_run(&c) == KW_OK);
    l = &c.o.ledger[0];
    CHECK(l->nodes_n == 3 && l->peak_nodes == 3);
    for (int i = 0; i < 3; i++) CHECK(node_is(&l->nodes[i], 0, 100, 130, 0)); /* gone with its replica */
    case_end(&c);
}

/* A start that is called off leaves its node on the way: it comes, waits for its idle time and goes. */
static void a_node_that_nobody_wants_any_more_comes_all_the_same(void)
{
    struct fleet_case c;
    rented(&c, 2);
    c.d[0].scaling.scaler = KW_SCALER_SETUP;
    c.d[0].scaling.keep_warm = 1;
    c.d[0].scaling.max_replicas = 2;
    c.d[0].node.places = 1;
    case_request(&c, 10 * S, 20000, 1); /* to the replica that is there, until 30 s */
    case_request(&c, 10 * S, 20000, 1); /* orders another, and is served by the first before that is there */
    c.trace.span = 2000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->nodes_n == 2 && l->lives_n == 2 && c.o.records[1].ttft == 40 * S);
    CHECK(node_is(&l->nodes[0], 10, 100, 0, 600) && l->nodes[0].gone == 710 * S);
    CHECK(node_is(&l->nodes[1], 0, 0, 2000, 0) && l->nodes[1].goes_on);
    case_end(&c);
}

/* A start that fails begins again on its node; a provider without a machine is asked again for the node, not for each
 * replica. */
static void failures_stay_and_stockouts_are_of_nodes(void)
{
    struct fleet_case c;
    rented(&c, 8);
    c.d[0].scaling.start_failure_probability = 0.5;
    for (int i = 0; i < 8; i++) case_request(&c, 0, 10000, 1);
    c.trace.span = 5000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->failed_starts > 2 && l->nodes_n == 1 && l->starts == 8 + l->failed_starts);
    for (uint64_t i = 0; i < l->lives_n; i++)
        if (l->lives[i].born > 0 && !l->lives[i].failed)
            CHECK(!l->lives[i].phase[KW_PHASE_PROVISION] && !l->lives[i].phase[KW_PHASE_PULL]);
    case_end(&c);
    rented(&c, 4);
    c.d[0].scaling.stockout_probability = 0.9;
    c.d[0].scaling.stockout_retry = 60 * S;
    for (int i = 0; i < 8; i++) case_request(&c, 0, 10000, 1);
    c.trace.span = 50000 * S;
    CHECK(case_run(&c) == KW_OK);
    l = &c.o.ledger[0];
    kw_ns waited = 0;
    for (uint64_t i = 0; i < l->nodes_n; i++) waited += l->nodes[i].phase[KW_PHASE_PROVISION] - 100 * S;
    CHECK(l->nodes_n == 2 && l->stockouts > 4 && waited == (kw_ns)l->stockouts * 60 * S);
    case_end(&c);
}

/* A window counts the part of a node inside it, and rounds those that end there. */
static void a_window_cuts_nodes(void)
{
    struct fleet_case c;
    rented(&c, 2);
    c.opt.warmup = 1000 * S;
    case_request(&c, 900 * S, 10000, 1); /* node 900 .. 1730 on every pass: 730 s of it there, 630 in the next window */
    c.trace.span = 1000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->nodes_n == 2 && l->nodes_before_n == 1 && l->nodes_before[0].life == 0);
    CHECK(node_is(&l->nodes[0], 0, 0, 130, 600) && !l->nodes[0].goes_on && l->nodes[1].goes_on);
    CHECK(l->nodes_before[0].phase[KW_PHASE_PROVISION] == 100 * S);
    CHECK(node_is(&l->nodes[1], 900, 100, 0, 0));
    struct kw_usage u;
    struct kw_meter m = { .granularity = 3600 * S };
    CHECK(kw_usage_from_ledger(&u, l, &m, KW_KIND_DEDICATED, 1, 8, 1000 * S, NULL) == KW_OK);
    CHECK(u.rounding_gpu_ns == 8 * 2870 * S);
    case_end(&c);
}

/* ---- autoscalers on nodes, end to end */

static void on_keda(struct fleet_case *c)
{
    rented(c, 2);
    struct kw_autoscaling *a = &c->d[0].scaling;
    a->scaler = KW_SCALER_HPA;
    a->idle_timeout = 0;
    a->eval_period = 15 * S;
    a->zero_timeout = 300 * S;
    a->scale_down_delay = 300 * S;
    a->hpa = (struct kw_hpa){ .n_triggers = 1, .poll = 30 * S, .tolerance = 0.1 };
    a->hpa.trigger[0] = (struct kw_trigger){ .metric = KW_TRIGGER_BOTH, .threshold = 1 };
}

/* The request waits for the poll at 30 s, the node, image, weights and engine; the last active poll is the one before its
 * end, and the replica goes with the first poll more than 300 s later, the node ten minutes after it. */
static void keda_from_the_first_request_to_the_last_node(void)
{
    struct fleet_case c;
    on_keda(&c);
    case_request(&c, 10 * S, 10000, 1);
    c.trace.span = 4000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(c.o.records[0].ttft == (30 + 160 + 10 - 10) * S);                              /* served 190..200 */
    CHECK(l->lives_n == 1 && l->lives[0].born == 30 * S && l->lives[0].gone == 510 * S); /* active at 180, not at 210 */
    CHECK(l->nodes_n == 1 && node_is(&l->nodes[0], 30, 100, 380, 600));
    case_end(&c);
}

/* SkyServe's load balancer refuses at zero; its own loop sees the request, 5 s later at the most, and the client's next try
 * is served. */
static void skyserve_refuses_and_starts(void)
{
    struct fleet_case c;
    rented(&c, 1);
    struct kw_deployment *d = &c.d[0];
    d->scaling.scaler = KW_SCALER_SKYSERVE;
    d->scaling.idle_timeout = 0;
    d->scaling.target = 1;
    d->scaling.eval_period = 20 * S;
    d->scaling.scale_up_delay = 300 * S;
    d->scaling.scale_down_delay = 1200 * S;
    d->scaling.at_zero = KW_ZERO_REJECT_AND_START;
    d->node.idle = 0;
    d->retry = (struct kw_client_retry){ .max_attempts = 200, .base = 5 * S, .cap = 5 * S };
    case_request(&c, 11 * S, 10000, 1);
    c.trace.span = 4000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->starts == 1 && l->lives[0].born == 15 * S && l->retries > 40 && c.o.completed == 1);
    CHECK(c.o.records[0].ttft >= 174 * S && c.o.records[0].ttft < 179 * S); /* ready at 175 */
    CHECK(l->lives[0].gone > 175 * S + 1200 * S && l->nodes[0].gone == l->lives[0].gone);
    case_end(&c);
}

/* The load of an hour, again and again: with whole minutes of a loop in it the fleet comes back to the same state, so that
 * one window tells exactly what each costs. */
static void a_cyclic_load_repeats(void)
{
    struct fleet_case c;
    on_keda(&c);
    for (int i = 0; i < 20; i++) case_request(&c, 600 * S + i * 7 * S, 30000, 1);
    c.trace.span = H;
    c.opt.warmup = H;
    c.opt.settle = 1000000;
    CHECK(case_run(&c) == KW_OK);
    CHECK(c.o.steady == KW_STEADY_REPEATS && c.o.completed == 20 && c.o.ledger[0].nodes_n > 1);
    case_end(&c);
}

/* What is in the engines is the same in both ways of stepping: the planner's decisions too. */
static void the_planner_sees_the_same_in_both_steppings(void)
{
    struct fleet_case c;
    kw_ns total[2];
    uint64_t starts[2];
    for (int each = 0; each < 2; each++) {
        rented(&c, 2);
        struct kw_deployment *d = &c.d[0];
        d->scaling.scaler = KW_SCALER_DYNAMO;
        d->scaling.keep_warm = 1;
        d->scaling.hard_concurrency = 0;
        d->scaling.eval_period = 5 * S;
        d->scaling.up_above = 0.4;
        d->scaling.down_below = 0.35;
        d->sched.max_num_seqs = 8;
        d->sched.num_blocks = 64; /* 32768 tokens */
        c.opt.stepping_each = each;
        for (int i = 0; i < 300; i++) case_request(&c, (kw_ns)i * 997 * MS, 3000 + 11 * (uint32_t)i, 100 + (uint32_t)i);
        for (int i = 0; i < 200; i++) case_request(&c, 700 * S + (kw_ns)i * 1500 * MS, 4000, 2);
        c.trace.span = 2000 * S;
        CHECK(case_run(&c) == KW_OK);
        total[each] = c.o.ledger[0].places_taken;
        starts[each] = c.o.ledger[0].starts;
        /* what it takes is not asked whether it has finished */
        CHECK(c.o.ledger[0].cut_off > 0 && c.o.rejected == c.o.ledger[0].cut_off && !c.o.ledger[0].interruptions);
        CHECK(c.o.completed + c.o.rejected == 500);
        case_end(&c);
    }
    CHECK(total[0] == total[1] && starts[0] == starts[1] && starts[0] > 2);
}

int main(void)
{
    RUN(a_node_of_eight_holds_two_of_four);
    RUN(a_start_takes_the_place_that_is_there);
    RUN(replicas_are_packed);
    RUN(a_node_that_nobody_wants_any_more_comes_all_the_same);
    RUN(failures_stay_and_stockouts_are_of_nodes);
    RUN(a_window_cuts_nodes);
    RUN(keda_from_the_first_request_to_the_last_node);
    RUN(skyserve_refuses_and_starts);
    RUN(a_cyclic_load_repeats);
    RUN(the_planner_sees_the_same_in_both_steppings);
    return check_report();
}
