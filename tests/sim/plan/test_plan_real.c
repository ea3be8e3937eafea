/* Plans through the real event loop, platforms and profiles: what the formulas of test_plan.c cannot show. */
#include "calibrate/operators/on_the_spot.h"
#include "platforms/facts/platforms.h"
#include "sim/core/rng.h"
#include "sim/plan/breakeven.h"
#include "sim/plan/sweep/ceiling.h"
#include "sim/plan/volume.h"
#include "tests/check.h"
#include <stdlib.h>

#define REQUESTS 900
static struct kw_platforms platforms;
static struct kw_profiles profiles;
static struct kw_trace trace; /* two hours, two bursts, silence between */

static void make_trace(void)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, 3, 0, KW_RNG_ARRIVALS, NULL) == KW_OK);
    trace = (struct kw_trace){ .n = REQUESTS, .epoch_unix = INT64_MIN };
    trace.arrival = malloc(REQUESTS * sizeof *trace.arrival);
    trace.prompt = malloc(REQUESTS * sizeof *trace.prompt);
    trace.output = malloc(REQUESTS * sizeof *trace.output);
    double t = 0;
    for (int i = 0; i < REQUESTS; i++) {
        trace.arrival[i] = (kw_ns)(t * 1e9);
        trace.prompt[i] = 1 + (uint32_t)kw_rng_exp(&r, 700);
        trace.output[i] = 1 + (uint32_t)kw_rng_exp(&r, 200);
        t += kw_rng_exp(&r, i == REQUESTS / 2 ? 3000 : 4);
    }
    trace.span = trace.arrival[REQUESTS - 1] + KW_NS_PER_S;
    kw_rng_free(&r);
}

static struct kw_study study(uint32_t replications)
{
    struct kw_study s = { .trace = &trace, .replications = replications, .seed = 11 };
    kw_slo_init(&s.slo);
    s.slo.ttft_p95 = 2 * KW_NS_PER_S;
    return s;
}

static struct kw_plan_options options(void)
{
    struct kw_plan_options o;
    kw_plan_options_default(&o);
    const char *some[] = { "modal", "runpod", "lambda", "together-api", "fireworks", "runpod-secure", "aws" };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) o.platforms[o.n_platforms++] = some[i];
    o.run.threads = 2;
    return o;
}

static void run(struct kw_plan *p, struct kw_steptimes *st, const struct kw_study *s, const struct kw_plan_options *o)
{
    struct kw_error err = { "" };
    kw_plan_init(p);
    CHECK(kw_plan_enumerate(p, &platforms, &profiles, st, s->trace, "llama-3.1-8b", o, &err) == KW_OK);
    CHECK(kw_plan_run(p, s, o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

/* Whatever a pruned plan shows is what the exhaustive one shows of it: runs that were shared or might have been stopped
 * are the runs they stand for. Returns how many points it compared. */
static size_t shows_the_same(const struct kw_plan *pruned, const struct kw_plan *full)
{
    size_t n = 0;
    for (size_t i = 0; i < pruned->n; i++) {
        const struct kw_candidate *x = &pruned->candidates[i];
        for (size_t j = 0; j < full->n && x->n == 1; j++) {
            const struct kw_candidate *y = &full->candidates[j];
            if (y->n != 1 || memcmp(&x->choice[0], &y->choice[0], sizeof x->choice[0])) continue;
            const struct kw_point *a = &pruned->points[i], *b = &full->points[j];
            CHECK(!memcmp(a->sample[0], b->sample[0], sizeof a->sample[0]) &&
                  !memcmp(&a->usage[0], &b->usage[0], sizeof a->usage[0]) && a->starts <= b->starts);
            n++;
            break;
        }
    }
    return n;
}

/* All that users run, beside fixed counts; nodes take 90 s and their images 30 s. */
static void add_autoscalers(struct kw_plan_options *o, const struct kw_self_managed_all *all)
{
    static const char *const own[] = {
        /* in the order of the names */
        "{}", "{\"triggers\": [{\"metric\": \"num_requests\", \"threshold\": 8}]}", "{\"containerConcurrency\": 16}",
        "{\"max_ongoing_requests\": 32, \"target_ongoing_requests\": 8}", "{\"target_qps_per_replica\": 0.2}"
    };
    CHECK(all->n == 5);
    for (size_t i = 0; i < all->n && i < 5; i++) {
        struct kw_plan_autoscaler *x = &o->autoscaler[o->n_autoscalers++];
        struct kw_json doc = { 0 };
        struct kw_error err = { "" };
        CHECK(kw_json_parse(&doc, "own", own[i], strlen(own[i]), &err) == KW_OK);
        x->file = &all->p[i];
        CHECK(kw_self_managed_read(x->file, kw_json_root(&doc), &x->scaling, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        kw_json_free(&doc);
    }
    o->own_node.provision = o->own_node.pull = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { 90 } };
    o->own_node.pull.v[0] = 30;
}

static size_t autoscaled(const struct kw_plan *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (uint32_t d = 0; d < p->candidates[i].n; d++) n += p->candidates[i].choice[d].autoscaler != NULL;
    return n;
}

/* Nothing costs less than what it keeps or rents alone, and some just that. */
static void floors_hold(const struct kw_plan *full, const struct kw_study *s)
{
    size_t reached = 0;
    for (size_t i = 0; i < full->n; i++) {
        double floor = -1, cost = full->points[i].m[KW_METRIC_COST].value;
        CHECK(kw_cost_floor(&full->candidates[i], trace.span, kw_study_month(s), &floor, NULL) == KW_OK);
        CHECK(floor >= 0 && floor <= cost * (1 + KW_COST_SLACK) + 1e-6);
        reached += full->candidates[i].choice[0].autoscaler && floor > 0 && floor >= cost - 1e-6;
    }
    CHECK(!autoscaled(full) || reached > 3);
}

static void pruned_is_exhaustive(void)
{
    struct kw_self_managed_all all;
    CHECK(kw_self_managed_embedded(&all, NULL) == KW_OK);
    struct kw_steptimes st;
    struct kw_plan pruned, full;
    char a[160], b[160];
    kw_steptimes_init(&st);
    for (int kind = 0; kind < 5; kind++) {
        struct kw_study s = study(kind == 4 ? 2 : 5);
        struct kw_plan_options o = options();
        if (kind < 3) o.kinds = 1u << kind;
        if (kind == 4) {
            o.kinds = 1u << KW_KIND_DEDICATED;
            o.platforms[0] = "runpod-secure";
            o.platforms[1] = "lambda";
            o.n_platforms = 2;
            o.gpus[o.n_gpus++] = "H100";
            o.n_keep_warm = 2;
            o.keep_warm[1] = 2; /* on one node of eight */
            add_autoscalers(&o, &all);
            s.slo.ttft_p95 = 600 * KW_NS_PER_S; /* starts are waited for */
        }
        if (kind == KW_KIND_SERVERLESS) s.slo.cold_fraction = 0.002; /* wants warmth */
        run(&pruned, &st, &s, &o);
        o.exhaustive = true;
        run(&full, &st, &s, &o);
        CHECK(pruned.best >= 0 && full.best >= 0);
        if (pruned.best < 0 || full.best < 0) return;
        CHECK((autoscaled(&pruned) > 20) == (kind == 4));
        floors_hold(&full, &s);
        CHECK(shows_the_same(&pruned, &full) > (kind == KW_KIND_API ? 0 : 5));
        CHECK(kind != KW_KIND_SERVERLESS || (pruned.count.stopped > 0 && pruned.simulations_shared > 0));
        CHECK(pruned.count.bounded + pruned.count.stopped + pruned.count.simulated == pruned.count.candidates);
        CHECK(full.count.simulated == full.count.candidates && full.count.raced == full.count.simulated);
        printf("%zu candidates: %zu bounded, %zu stopped, %zu simulated, %zu raced; %llu runs, %llu shared\n",
               pruned.count.candidates, pruned.count.bounded, pruned.count.stopped, pruned.count.simulated,
               pruned.count.raced, (unsigned long long)pruned.simulations,
               (unsigned long long)pruned.simulations_shared);
        CHECK_STR(kw_candidate_label(&pruned.candidates[pruned.best], a, sizeof a),
                  kw_candidate_label(&full.candidates[full.best], b, sizeof b));
        CHECK(!memcmp(pruned.points[pruned.best].m, full.points[full.best].m, sizeof full.points[0].m));
        CHECK((pruned.runner_up < 0) == (full.runner_up < 0));
        if (pruned.runner_up >= 0 && full.runner_up >= 0)
            CHECK_STR(kw_candidate_label(&pruned.candidates[pruned.runner_up], a, sizeof a),
                      kw_candidate_label(&full.candidates[full.runner_up], b, sizeof b));
        kw_plan_free(&pruned);
        kw_plan_free(&full);
    }
    kw_self_managed_free(&all);
    kw_steptimes_free(&st);
}

/* With limits a sweep has the points of those that cost no more, to the bit, and of no other. */
static void a_limit_keeps_what_costs_no_more(void)
{
    struct kw_steptimes st;
    struct kw_plan p;
    struct kw_study s = study(1);
    struct kw_plan_options o = options();
    struct kw_error err = { "" };
    kw_steptimes_init(&st);
    kw_plan_init(&p);
    o.kinds = 1u << KW_KIND_SERVERLESS;
    s.empty_start = true; /* a short window's steady state is of many windows, which no run knows in the first */
    o.n_keep_warm = 2;
    o.keep_warm[1] = 1;
    CHECK(kw_plan_enumerate(&p, &platforms, &profiles, &st, &trace, "llama-3.1-8b", &o, &err) == KW_OK);
    struct kw_point *whole = calloc(p.n, sizeof *whole), *within = calloc(p.n, sizeof *within);
    size_t *which = calloc(p.n, sizeof *which), kept = 0;
    double *most = calloc(p.n, sizeof *most);
    if (!whole || !within || !which || !most) exit(1);
    for (size_t i = 0; i < p.n; i++) {
        CHECK(kw_point_init(&whole[i], NULL) == KW_OK && kw_point_init(&within[i], NULL) == KW_OK);
        which[i] = i;
    }
    CHECK(kw_sweep(whole, p.candidates, p.n, &s, &o.run, &err) == KW_OK);
    for (size_t i = 0; i < p.n; i++) /* what it costs to the cent stays; so does what is free of limits */
        most[i] = whole[i].m[KW_METRIC_COST].value * (const double[]){ 0.3, 0.7, 0.98, 1, 1.02, INFINITY }[i % 6];
    struct kw_sweep *sweep;
    CHECK(kw_sweep_open(&sweep, p.candidates, p.n, &s, &o.run, &err) == KW_OK);
    CHECK(kw_sweep_within(sweep, within, which, p.n, most, &err) == KW_OK);
    for (size_t i = 0; i < p.n; i++) {
        bool in = whole[i].m[KW_METRIC_COST].value <= most[i];
        CHECK(within[i].replications == in);
        if (in && within[i].replications)
            CHECK(!memcmp(within[i].sample[0], whole[i].sample[0], sizeof within[i].sample[0]) &&
                  within[i].starts == whole[i].starts && within[i].arrived == whole[i].arrived);
        kept += in;
    }
    struct kw_sweep_count n = kw_sweep_done(sweep);
    printf("limits: %zu of %zu kept, %llu of %llu runs stopped\n", kept, p.n, (unsigned long long)n.stopped,
           (unsigned long long)n.simulations);
    CHECK(kept > p.n / 4 && kept < p.n && n.stopped > 0);
    kw_sweep_close(sweep);
    for (size_t i = 0; i < p.n; i++) {
        kw_point_free(&whole[i]);
        kw_point_free(&within[i]);
    }
    free(whole);
    free(within);
    free(which);
    free(most);
    kw_plan_free(&p);
    kw_steptimes_free(&st);
}

/* One run for limits that it never came near is what each would have by itself, capacity and bill included; and what nobody
 * simulates takes no memory. */
static void limits_share_a_run(void)
{
    struct kw_steptimes st;
    struct kw_plan p;
    struct kw_study s = study(2);
    struct kw_plan_options o = options();
    struct kw_error err = { "" };
    struct kw_sweep *sweep;
    kw_steptimes_init(&st);
    kw_plan_init(&p);
    o.n_platforms = 2; /* modal, runpod */
    o.gpus[o.n_gpus++] = "L40S";
    o.precisions[o.n_precisions++] = "fp8";
    o.keep_warm[o.n_keep_warm++] = 1;
    o.max_replicas[o.n_max_replicas++] = 1;
    o.max_replicas[o.n_max_replicas++] = 9;
    o.max_replicas[o.n_max_replicas++] = 20;
    o.max_num_seqs[o.n_max_num_seqs++] = 16;
    o.max_num_seqs[o.n_max_num_seqs++] = 200;
    o.max_num_batched_tokens[o.n_max_num_batched_tokens++] = 1024;
    o.max_num_batched_tokens[o.n_max_num_batched_tokens++] = 40000;
    o.max_num_batched_tokens[o.n_max_num_batched_tokens++] = 80000;
    CHECK(kw_plan_enumerate(&p, &platforms, &profiles, &st, &trace, "llama-3.1-8b", &o, &err) == KW_OK);
    struct kw_point *together = calloc(p.n, sizeof *together), *alone = calloc(p.n, sizeof *alone);
    size_t *which = calloc(p.n, sizeof *which), most = 0;
    if (!together || !alone || !which) exit(1);
    for (size_t i = 0; i + 1 < p.n; i++) which[most++] = i;
    CHECK(p.n >= 36); /* the last is left out */
    CHECK(kw_sweep_open(&sweep, p.candidates, p.n, &s, &o.run, &err) == KW_OK);
    CHECK(kw_sweep_advance(sweep, together, which, most, 1, &err) == KW_OK);
    CHECK(!together[p.n - 1].ttft.count && together[0].ttft.count);
    struct kw_sweep_count n = kw_sweep_done(sweep);
    int capacities = 0;
    double before = 0;
    for (size_t k = 0; k < most; k++) {
        CHECK(kw_sweep(&alone[k], &p.candidates[k], 1, &s, &o.run, &err) == KW_OK);
        CHECK(!memcmp(alone[k].sample[0], together[k].sample[0], sizeof alone[k].sample[0]));
        CHECK(!memcmp(&alone[k].usage[0], &together[k].usage[0], sizeof alone[k].usage[0]));
        capacities += alone[k].sample[0][KW_METRIC_CAPACITY_USED] != before;
        before = alone[k].sample[0][KW_METRIC_CAPACITY_USED];
        kw_point_free(&alone[k]);
        kw_point_free(&together[k]);
    }
    printf("limits: %llu runs of %zu candidates\n", (unsigned long long)n.simulations, most);
    CHECK(n.simulations + n.shared == most && n.simulations < most * 3 / 4 && n.simulations > 4 && capacities > 4);
    kw_sweep_close(sweep);
    free(together);
    free(alone);
    free(which);
    kw_plan_free(&p);
    kw_steptimes_free(&st);
}

/* What pruning relies on: kept replicas and rented GPUs are paid for all the time, in every replication. And what any
 * reader relies on: bills add up, shares are shares. */
static void figures_hold_together(void)
{
    struct kw_steptimes st;
    struct kw_plan p;
    struct kw_study s = study(3);
    struct kw_plan_options o = options();
    kw_steptimes_init(&st);
    o.exhaustive = true;
    o.curves = KW_CURVES_ALL;
    run(&p, &st, &s, &o);
    int warm = 0;
    uint32_t won = 0;
    for (size_t i = 0; i < p.n; i++) {
        const struct kw_point *x = &p.points[i];
        const struct kw_choice *c = &p.candidates[i].choice[0];
        kw_nusd sum = 0;
        for (int k = 0; k < KW_ITEMS; k++) sum += x->bill.item[k];
        CHECK(sum == x->bill.total);
        CHECK_NEAR(kw_nano_to_double(x->bill.total), x->m[KW_METRIC_COST].value,
                   1e-6 * x->m[KW_METRIC_COST].value + 1e-6);
        CHECK(x->arrived == x->completed + x->rejected + x->timed_out + x->too_long);
        won += x->won;
        for (uint32_t r = 0; r < x->replications; r++) {
            const double *v = x->sample[r];
            const struct kw_usage *u = &x->usage[r];
            CHECK(isnan(v[KW_METRIC_UTILISATION]) || (v[KW_METRIC_UTILISATION] >= 0 && v[KW_METRIC_UTILISATION] <= 1));
            CHECK(v[KW_METRIC_COLD_FRACTION] >= 0 && v[KW_METRIC_COLD_FRACTION] <= 1 && v[KW_METRIC_ATTAINMENT] <= 1);
            if (c->platform->kind == KW_KIND_API) continue;
            double price = kw_nano_to_double(c->gpu->gpu_hour.v), kept = 730 * price * c->scaling.keep_warm * c->tp;
            if (c->platform->kind == KW_KIND_SERVERLESS) {
                CHECK(v[KW_METRIC_COST] + kw_nano_to_double(c->platform->meter.monthly_credit) >= kept * (1 - 1e-9));
                warm += c->scaling.keep_warm > 0;
            } else {
                CHECK_NEAR(v[KW_METRIC_COST], 730 * price * kw_gpus_rented(c->gpu, c->tp, c->scaling.max_replicas),
                           1e-6);
                CHECK(u->busy_gpu_ns > 0 && u->reserved_gpu_ns >= (int64_t)c->scaling.max_replicas * c->tp * u->window);
            }
        }
    }
    CHECK(warm > 50 && won == p.points[0].drawn);
    /* More replicas kept warm never raise the share of cold requests by more than luck: from 0 to 4 it falls. */
    for (size_t i = 0; i < p.tradeoffs.n_curves; i++) {
        const struct kw_warm_curve *c = &p.tradeoffs.curve[i];
        CHECK(c->point[c->n - 1].of[KW_TRADEOFF_COLD].value <= c->point[0].of[KW_TRADEOFF_COLD].value);
        CHECK(c->point[c->n - 1].of[KW_TRADEOFF_COST].value > c->point[0].of[KW_TRADEOFF_COST].value);
    }
    CHECK(p.tradeoffs.n_curves >= 3);
    kw_plan_free(&p);
    kw_steptimes_free(&st);
}

static struct kw_kinds_of kinds_of(struct kw_steptimes *st, const struct kw_study *s, const struct kw_plan_options *o)
{
    return (struct kw_kinds_of){ &platforms, &profiles, st, "llama-3.1-8b", s, o };
}

static void break_even(void)
{
    struct kw_steptimes st;
    struct kw_study s = study(2);
    struct kw_plan_options o = options();
    struct kw_breakeven b, again;
    kw_steptimes_init(&st);
    const char *some[] = { "modal", "runpod-secure", "together-api" };
    memcpy(o.platforms, some, sizeof some);
    o.n_platforms = sizeof some / sizeof *some;
    struct kw_kinds_of of = kinds_of(&st, &s, &o);
    CHECK(kw_breakeven_find(&b, &of, NULL) == KW_OK);
    CHECK(b.searched && b.n_volumes == 13);
    CHECK_NEAR(b.volume[0].factor, 1e-3, 1e-12);
    CHECK_NEAR(b.volume[12].factor, 1e3, 1e-6);
    for (uint32_t v = 0; v + 1 < b.n_volumes; v++) {
        const struct kw_kind_best *x = b.volume[v].kind, *y = b.volume[v + 1].kind;
        CHECK_NEAR(b.volume[v + 1].tokens_month / b.volume[v].tokens_month, sqrt(10), 1e-6);
        CHECK(y[KW_KIND_DEDICATED].cost.value >= x[KW_KIND_DEDICATED].cost.value); /* more never needs fewer */
        if (b.volume[v].tokens_month > 1e7) /* the mix of prompts and answers is the trace's */
            CHECK_NEAR(y[KW_KIND_API].cost.value / x[KW_KIND_API].cost.value, sqrt(10), 0.05);
        CHECK(b.volume[v].winner >= 0 && b.volume[v].pools >= 1 && b.volume[v].requests > 50);
        double rented = x[KW_KIND_DEDICATED].cost.value / (730 * x[KW_KIND_DEDICATED].replica_hour);
        if (b.volume[v].pools == 1) CHECK_NEAR(rented, round(rented), 1e-6);
        CHECK(isnan(x[KW_KIND_API].replica_hour) && rented > 0.99);
    }
    CHECK(b.n_crossings >= 1 && b.crossing[0].from == KW_KIND_API && b.crossing[0].to == KW_KIND_DEDICATED);
    for (uint32_t c = 0; c < b.n_crossings; c++) {
        const struct kw_crossing *x = &b.crossing[c];
        CHECK(x->tokens_month >= x->lo && x->tokens_month <= x->hi && !x->estimated); /* two hours are no days */
        CHECK(c == 0 || (x->tokens_month >= b.crossing[c - 1].tokens_month && x->from == b.crossing[c - 1].to));
        if (!x->step) CHECK_NEAR(x->below.cost.value / x->above.cost.value, 1, 0.031);
    }
    const struct kw_crossing *used = &b.serverless_to_dedicated;
    CHECK(isnan(used->tokens_month) || (used->used.value == used->above.capacity_used && isnan(used->used.lo)));
    o.run.threads = 1;
    CHECK(kw_breakeven_find(&again, &of, NULL) == KW_OK && again.n_crossings == b.n_crossings);
    CHECK(!memcmp(again.crossing, b.crossing, sizeof b.crossing)); /* any number of threads */
    kw_breakeven_free(&again);
    kw_breakeven_free(&b);
    kw_steptimes_free(&st);
}

/* At the trace's own volume the best of each kind is the plan's. */
static void a_volume_is_planned_as_the_trace_is(void)
{
    struct kw_steptimes st;
    struct kw_plan p;
    struct kw_study s = study(1);
    struct kw_plan_options o = options();
    struct kw_breakeven b;
    struct kw_error err;
    double tokens = 0;
    kw_steptimes_init(&st);
    struct kw_kinds_of of = kinds_of(&st, &s, &o);
    for (size_t i = 0; i < trace.n; i++) tokens += trace.prompt[i] + trace.output[i];
    double month = tokens * 730 * 3600e9 / (double)trace.span;
    CHECK(kw_breakeven_at(&b, &of, &month, 1, NULL) == KW_OK && b.n_volumes == 1 && !b.searched);
    CHECK_NEAR(b.volume[0].factor, 1, 1e-9);
    for (int kind = 0; kind < KW_KINDS; kind++) {
        o.kinds = 1u << kind;
        run(&p, &st, &s, &o);
        double least = INFINITY;
        for (size_t i = 0; i < p.n; i++)
            if (p.points[i].feasible) least = fmin(least, p.points[i].m[KW_METRIC_COST].value);
        CHECK_NEAR(b.volume[0].kind[kind].cost.value, least, 1e-6);
        kw_plan_free(&p);
    }
    kw_breakeven_free(&b);
    o.kinds = 0;
    const double wild[] = { month, 2000 * month };
    CHECK(kw_breakeven_at(&b, &of, wild, 2, &err) == KW_ERANGE && strstr(err.msg, "want 1/1000 to 1000") != NULL);
    kw_steptimes_free(&st);
}

/* Slower engines and longer starts never help, and a hair's breadth is told from a wide margin. */
static void stress_breaks_what_is_tight(void)
{
    struct kw_steptimes st;
    struct kw_plan p;
    struct kw_study s = study(3);
    struct kw_plan_options o = options();
    kw_steptimes_init(&st);
    o.kinds = 1u << KW_KIND_SERVERLESS;
    run(&p, &st, &s, &o);
    CHECK(p.best >= 0 && p.n_stress == 2);
    CHECK(strstr(p.stress[0].what, "engine steps ") == p.stress[0].what &&
          strstr(p.stress[1].what, "cold starts") == p.stress[1].what);
    for (size_t i = 0; i < p.n_stress; i++) {
        CHECK(p.stress[i].feasible == (p.stress[i].miss[0] == 0));
        CHECK(p.stress[i].cost >=
              p.points[p.best].m[KW_METRIC_COST].value * 0.999); /* three of the same replications */
    }
    s.slo.ttft_p95 = (kw_ns)(p.points[p.best].m[KW_METRIC_TTFT_P95].value * 1.0001e9);
    kw_plan_free(&p);
    o.exhaustive = true;
    run(&p, &st, &s, &o);
    CHECK(p.best >= 0);
    size_t n;
    struct kw_stress tight[KW_STRESS_MAX];
    CHECK(kw_stress_run(tight, &n, &p.candidates[p.best], &s, &o.run, NULL) == KW_OK && n == 2);
    CHECK(tight[0].cost == p.stress[0].cost && tight[0].feasible == p.stress[0].feasible); /* deterministic */
    s.slo.ttft_p95 = (kw_ns)(p.points[p.best].m[KW_METRIC_TTFT_P95].value * 1.0001e9);
    CHECK(kw_stress_run(tight, &n, &p.candidates[p.best], &s, &o.run, NULL) == KW_OK);
    CHECK(!tight[0].feasible && strstr(tight[0].miss, "ttft_p95_s") != NULL);
    kw_plan_free(&p);
    o.kinds = 1u << KW_KIND_API;
    o.exhaustive = false;
    s = study(7); /* more than the stress replays: its cost speaks of all of them all the same */
    run(&p, &st, &s, &o);
    CHECK_NEAR(p.stress[0].cost, p.points[p.best].m[KW_METRIC_COST].value, 1e-9);
    kw_plan_free(&p);
    s = study(3);
    run(&p, &st, &s, &o);
    CHECK(p.n_stress == 1 && p.stress[0].feasible && p.stress[0].cost == p.points[p.best].m[KW_METRIC_COST].value);
    CHECK(!p.points[p.best].margin.thin);
    const struct kw_point *api = &p.points[p.best];
    double far = api->known_to ? api->beyond[KW_METRIC_TTFT_P95] : api->m[KW_METRIC_TTFT_P95].value;
    s.slo.ttft_p95 = (kw_ns)(far * 1.1e9); /* nobody states an API's error: within 20 % is thin */
    kw_plan_free(&p);
    run(&p, &st, &s, &o);
    CHECK(p.points[p.best].margin.thin && p.points[p.best].margin.left < 0.11);
    CHECK(p.points[p.best].margin.error > 0.15 && p.points[p.best].margin.probability < 0.75);
    kw_plan_free(&p);
    kw_steptimes_free(&st);
}

static void bad_options_are_named(void)
{
    struct kw_steptimes st;
    struct kw_plan p;
    struct kw_plan_options o;
    struct kw_error err;
    kw_steptimes_init(&st);
    kw_plan_init(&p);
    kw_plan_options_default(&o);
    o.platforms[o.n_platforms++] = "modl";
    CHECK(kw_plan_enumerate(&p, &platforms, &profiles, &st, &trace, "llama-3.1-8b", &o, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "there is no platform 'modl' (did you mean 'modal'?)");
    o.platforms[0] = "modal";
    CHECK(kw_plan_enumerate(&p, &platforms, &profiles, &st, &trace, "no-such-model", &o, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "no-such-model") != NULL);
    kw_plan_free(&p);
    kw_plan_init(&p);
    kw_plan_options_default(&o);
    o.platforms[o.n_platforms++] = "modal";
    o.idle_timeout[0] = 60 * KW_NS_PER_S;
    o.idle_timeout[1] = 5000 * KW_NS_PER_S;
    o.n_idle_timeouts = 2;
    CHECK(kw_plan_enumerate(&p, &platforms, &profiles, &st, &trace, "llama-3.1-8b", &o, &err) == KW_OK);
    bool told = false, tp = false;
    for (size_t i = 0; i < p.n_dropped; i++) {
        told = told || (!strcmp(p.dropped[i].what, "modal with an idle timeout of 5000 s") &&
                        !strcmp(p.dropped[i].why, "it allows 2 to 1200 s"));
        tp = tp || !strcmp(p.dropped[i].what, "a larger tp");
    }
    CHECK(told && tp);
    for (size_t i = 0; i < p.n; i++) CHECK(p.candidates[i].choice[0].scaling.idle_timeout == 60 * KW_NS_PER_S);
    kw_plan_free(&p);
    kw_steptimes_free(&st);
}

static void a_failure_names_its_deployment(void)
{
    struct kw_steptimes st;
    struct kw_plan p;
    struct kw_plan_options o;
    struct kw_error err = { "" };
    struct kw_study s = study(1);
    struct kw_point point;
    kw_steptimes_init(&st);
    kw_plan_init(&p);
    kw_plan_options_default(&o);
    o.platforms[o.n_platforms++] = "modal";
    CHECK(kw_plan_enumerate(&p, &platforms, &profiles, &st, &trace, "llama-3.1-8b", &o, &err) == KW_OK && p.n > 0);
    CHECK(kw_point_init(&point, NULL) == KW_OK);
    struct kw_choice *c = &p.candidates[0].choice[0];
    snprintf(c->name, sizeof c->name, "chat");
    c->scaling.max_replicas = 200000;
    CHECK(kw_sweep(&point, p.candidates, 1, &s, &o.run, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, ": chat: max_replicas must be 1..100000, got 200000") != NULL);
    kw_point_free(&point);
    kw_plan_free(&p);
    kw_steptimes_free(&st);
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_platforms_embedded(&platforms, &err) == KW_OK && kw_profiles_embedded(&profiles, &err) == KW_OK);
    CHECK(kw_on_the_spot_all(&profiles, kw_model_find("llama-3.1-8b"), KW_EXPERTS_POWER_LAW, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    for (size_t i = 0; i < platforms.n; i++) /* as if measured with prompts of any length: plans of what is known */
        for (size_t a = 0; a < platforms.p[i].n_apis; a++) platforms.p[i].apis[a].ttft_known_to = 0;
    make_trace();
    RUN(pruned_is_exhaustive);
    RUN(a_limit_keeps_what_costs_no_more);
    RUN(limits_share_a_run);
    RUN(figures_hold_together);
    RUN(break_even);
    RUN(a_volume_is_planned_as_the_trace_is);
    RUN(stress_breaks_what_is_tight);
    RUN(bad_options_are_named);
    RUN(a_failure_names_its_deployment);
    kw_trace_free(&trace);
    kw_profiles_free(&profiles);
    kw_platforms_free(&platforms);
    return check_report();
}
