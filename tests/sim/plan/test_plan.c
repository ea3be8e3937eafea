/* Plans: a known best, ties, nothing feasible, and pruned == exhaustive on thousands of random cases. */
#include "sim/plan/plan_internal.h"
#include "sim/io/summary.h"
#include "tests/sim/plan/fakeplan.h"
#include "tests/failmalloc.h"

static struct kw_study study(uint32_t replications, uint64_t seed)
{
    struct kw_study s = { .trace = &fake_trace, .replications = replications, .seed = seed };
    kw_slo_init(&s.slo);
    s.slo.ttft_p95 = 2 * KW_NS_PER_S;
    return s;
}

static void put(struct kw_plan *p, int platform, double ttft_s, double extra_h, uint32_t replicas, uint64_t failed)
{
    struct kw_candidate *grown = realloc(p->candidates, (p->n + 1) * sizeof *grown);
    CHECK(grown != NULL);
    p->candidates = grown;
    fake_candidate(&p->candidates[p->n++], platform, (kw_ns)(ttft_s * 1e9), (kw_ns)(extra_h * 3600) * KW_NS_PER_S,
                   replicas, failed);
}

static struct kw_plan_options options(bool exhaustive)
{
    struct kw_plan_options o;
    kw_plan_options_default(&o);
    o.exhaustive = exhaustive;
    o.idle_timeout[0] = 60 * KW_NS_PER_S; /* asked for, so none are added */
    o.n_idle_timeouts = 1;
    o.run.threads = 1;
    return o;
}

static void a_known_best(void)
{
    struct kw_study s = study(8, 1);
    struct kw_plan_options o = options(false);
    struct kw_plan p;
    struct kw_error err = { "" };
    char label[128];
    fake_world();
    fake_gpu[4].gpu_hour.v = KW_NANO * 6 / 5;
    fake_gpu[5].gpu_hour.v = KW_NANO / 10;
    kw_plan_init(&p);
    put(&p, 3, 0.5, 0, 1, 0);   /* $730 a month and fast */
    put(&p, 4, 0.5, 0, 1, 0);   /* $876: the runner-up */
    put(&p, 5, 40, 0, 1, 0);    /* $73, but 20 to 60 s */
    put(&p, 3, 0.5, 0, 2, 0);   /* $1460 */
    put(&p, 0, 1, 0, 3, 0);     /* $2190 serverless, always on */
    put(&p, 5, 0.5, 0, 1, 500); /* $73, half of all requests fail */
    CHECK(kw_plan_run(&p, &s, &o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(p.best == 0 && p.runner_up == 1 && p.nearest_miss == -1);
    CHECK_NEAR(p.margin.value, 146, 1e-6);
    CHECK_NEAR(p.margin.lo, 146, 1e-6); /* rent does not vary */
    CHECK(!p.tie);
    CHECK_STR(kw_candidate_label(&p.candidates[p.best], label, sizeof label), "on_demand3 1 x H100 bf16 tp1 on_demand");
    CHECK_STR(p.recommendation,
              " H100 bf16 tp1: 1 x h (1 GPU), 1 replica of tp 1, on_demand, balance=least_outstanding");
    CHECK(
        strstr(
            p.why,
            "on_demand4 1 x H100 bf16 tp1 on_demand meets the objectives too but costs $146.00 +- 0.00 a month more") !=
        NULL);
    CHECK(strstr(p.why, "cheaper but not good enough: on_demand5 1 x H100 bf16 tp1 on_demand [#1] at $73.00 (") !=
          NULL);
    /* 20 % dearer here or a sixth cheaper there turns it. */
    CHECK(p.n_flips >= 2);
    CHECK_NEAR(p.flips[0].move.value, -146.0 / 876, 1e-9);
    CHECK_STR(p.flips[0].lever.fact, "on_demand4 price of H100 (on_demand)");
    CHECK_NEAR(p.flips[1].move.value, 0.2, 1e-9);
    CHECK_STR(p.flips[1].lever.fact, "on_demand3 price of H100 (on_demand)");
    CHECK(p.simulations < p.simulations_exhaustive);
    CHECK(p.points[p.best].won == 7 && p.points[p.best].met == 7 && p.points[p.best].rank == 1);
    kw_plan_free(&p);
}

static void no_price_has_to_fall_to_nothing(void)
{
    struct kw_study s = study(8, 2);
    struct kw_plan_options o = options(false);
    struct kw_plan p;
    fake_world();
    fake_gpu[4].gpu_hour.v = KW_NANO * 300; /* equal at -99.7 %, which reads as -100 % */
    kw_plan_init(&p);
    put(&p, 3, 0.5, 0, 1, 0);
    put(&p, 4, 0.5, 0, 1, 0);
    CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
    CHECK(p.best == 0 && p.n_flips == 4);
    for (size_t i = 0; i < p.n_flips; i++) CHECK(isnan(p.flips[i].move.value) && p.flips[i].rival == -1);
    kw_plan_free(&p);
}

static void equal_costs_tie_and_the_first_wins(void)
{
    struct kw_study s = study(8, 2);
    struct kw_plan_options o = options(false);
    struct kw_plan p;
    fake_world();
    kw_plan_init(&p);
    put(&p, 4, 0.5, 0, 1, 0);
    put(&p, 3, 0.5, 0, 1, 0);
    CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
    CHECK(p.best == 0 && p.runner_up == 1 && p.tie);
    CHECK(strstr(p.why, "a tie: on_demand3 1 x H100 bf16 tp1 on_demand costs the same") != NULL);
    CHECK(p.n_flips == 4 && fabs(p.flips[0].move.value) < 1e-9 && fabs(p.flips[1].move.value) < 1e-9);
    CHECK(p.flips[0].noise && p.flips[1].noise);
    char move[24];
    CHECK_STR(kw_flip_move_text(&p.flips[0], move, sizeof move), "any"); /* no '+0 %' that would turn it */
    CHECK(p.points[0].won == 7 && p.points[0].met == 7);
    struct kw_text said = { 0 };
    kw_summary_plan(&p, &s.slo, true, &said);
    CHECK(!said.failed && strstr(said.s, "  =/7  tie") != NULL);
    CHECK(strstr(said.s, "7/7") == NULL && strstr(said.s, "7 of 7") == NULL); /* no certainty beside a tie */
    kw_text_free(&said);
    kw_plan_free(&p);
}

/* Two serverless offers whose costs differ by a dollar or so while other days move each by a hundred. What noise makes
 * the cheaper one is the same whatever their starts take. */
static void two_that_tie(struct kw_plan *p, const double provision_s[3])
{
    fake_world();
    fake_gpu[2].gpu_hour.v = KW_NANO * 6 / 5;
    kw_plan_init(p);
    put(p, 0, 0.01, 100.0, 1, 0);
    put(p, 1, 0.01, 100.0, 1, 0);
    put(p, 2, 0.01, 100.0, 1, 0);                                          /* twice the price */
    fake_gpu[1].gpu_hour.v += KW_NANO / 1000;                              /* 0.1 % more */
    p->candidates[1].choice[0].scaling.idle_timeout += 3600 * KW_NS_PER_S; /* noise of its own */
    for (int i = 0; i < 3; i++)
        p->candidates[i].choice[0].cold.provision = (struct kw_law){ .kind = KW_LAW_CONSTANT, .v = { provision_s[i] } };
}

static void of_those_that_tie_the_steady_one_is_recommended(void)
{
    struct kw_plan_options o = options(false);
    struct kw_plan p;
    uint64_t seed = 0;
    do { /* days on which the first is the cheaper */
        struct kw_study s = study(8, ++seed);
        two_that_tie(&p, (const double[]){ 0, 0, 0 });
        CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
        if (p.best == 0 && p.runner_up == 1 && p.tie) break;
        kw_plan_free(&p);
    } while (seed < 100);
    CHECK(seed < 100 && p.passed_over.what[0] == 0 && strstr(p.why, "a tie: on_demand1") == p.why);
    double less = p.margin.value;
    kw_plan_free(&p);
    struct kw_study s = study(8, seed);
    const struct {
        double provision_s[3];
        ptrdiff_t best;
    } c[] = { { { 0.9, 0.9, 0.1 }, 0 },   /* 1.8 s of 2 s: both bear starts twice as long */
              { { 1.5, 0.5, 0.1 }, 1 },   /* 3 s are too late: the other one is no dearer that can be told */
              { { 1.5, 1.5, 0.1 }, 0 },   /* neither bears it, and the third is dearer */
              { { 0.5, 1.5, 0.1 }, 0 } }; /* the cheapest bears it */
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        two_that_tie(&p, c[i].provision_s);
        CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
        CHECK(p.best == c[i].best && p.runner_up == 1 - c[i].best && p.tie);
        CHECK_NEAR(p.margin.value, c[i].best ? -less : less, 1e-9);
        CHECK(p.points[0].rank == 1 && p.points[1].rank == 2); /* by cost, whatever is recommended */
        CHECK((p.passed_over.what[0] != 0) == (c[i].best == 1));
        CHECK(p.n_stress == 2 && p.stress[1].feasible == (c[i].provision_s[p.best] < 1));
        if (c[i].best == 1) {
            char want[320];
            CHECK(strncmp(p.why, "a tie: on_demand0 ", 18) == 0);
            snprintf(want, sizeof want, " costs $%.2f +- ", less);
            CHECK(strstr(p.why, want) != NULL);
            CHECK(strstr(p.why, " a month less but misses with cold starts twice as long (ttft_p95_s ") != NULL);
        }
        kw_plan_free(&p);
    }
}

/* The profile errs by a median of 6.745 %: a standard deviation of 10 %, and by 20 % at worst. What steps 20 % slower
 * make 44 % later grows by the square of the steps, so the error moves it by exp(0.2) - 1. */
static void what_the_step_law_leaves_is_told(void)
{
    struct kw_plan_options o = options(false);
    struct kw_study s = study(1, 1);
    struct kw_plan p;
    double sd = 2 * 0.1;
    const struct {
        double worst; /* value over limit */
        bool thin;
    } c[] = { { 0.956, true }, { exp(-0.99 * sd), true }, { exp(-1.01 * sd), false }, { 0.3, false } };
    fakefleet_steps = fake_steptime;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        fake_world();
        fake_profile.steps_error_median = 0.06744897501960817;
        fake_profile.steps_error_worst = 0.2;
        fakefleet_slower = 1.44;
        s.slo.ttft_p95 = 2 * KW_NS_PER_S;
        kw_plan_init(&p);
        put(&p, 3, 0.5, 0, 1, 0);
        CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
        s.slo.ttft_p95 = (kw_ns)(p.points[0].m[KW_METRIC_TTFT_P95].value / c[i].worst * 1e9);
        CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
        CHECK(p.best == 0 && p.points[p.best].margin.thin == c[i].thin);
        CHECK_NEAR(p.points[p.best].margin.left, 1 / c[i].worst - 1, 1e-6);
        CHECK_NEAR(p.points[p.best].margin.error, exp(sd) - 1, 0.02); /* the histogram's bins are 0.1 % wide */
        CHECK_NEAR(p.points[p.best].margin.probability, 0.5 * erfc(log(c[i].worst) / sd / sqrt(2)), 0.02);
        kw_plan_free(&p);
    }
    kw_plan_init(&p); /* each row is judged, not the recommended one alone */
    put(&p, 3, 0.5, 0, 1, 0);
    fake_gpu[4].gpu_hour.v = KW_NANO * 6 / 5;
    put(&p, 4, 0.9, 0, 1, 0);
    s.slo.ttft_p95 = 9 * KW_NS_PER_S;
    CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
    s.slo.ttft_p95 = (kw_ns)(p.points[1].m[KW_METRIC_TTFT_P95].value / 0.99 * 1e9);
    CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
    CHECK(p.points[0].feasible && p.points[1].feasible && p.best == 0);
    CHECK(p.points[0].margin.thin != p.points[1].margin.thin && p.points[1].margin.thin);
    CHECK_NEAR(p.points[1].margin.left, 1 / 0.99 - 1, 1e-6);
    struct kw_text said = { 0 };
    kw_summary_plan(&p, &s.slo, true, &said);
    CHECK(strstr(said.s, "meets\n") && strstr(said.s, "thin\n") && !strstr(said.s, "margin  "));
    kw_text_free(&said);
    kw_plan_free(&p);
    fakefleet_slower = 1; /* steps move nothing here: nothing is known of a probability, and nothing is thin */
    s.slo.ttft_p95 = 2 * KW_NS_PER_S;
    kw_plan_init(&p);
    put(&p, 3, 0.5, 0, 1, 0);
    CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
    CHECK(!p.points[p.best].margin.thin && isnan(p.points[p.best].margin.probability) &&
          p.points[p.best].margin.left > 0);
    kw_plan_free(&p);
    fakefleet_steps = NULL;
}

static void nothing_meets_the_objectives(void)
{
    struct kw_study s = study(8, 3);
    struct kw_plan_options o = options(false);
    struct kw_plan p;
    fake_world();
    kw_plan_init(&p);
    put(&p, 3, 40, 0, 1, 0);
    put(&p, 4, 5, 0, 1, 0);
    put(&p, 5, 300, 0, 1, 0);
    CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
    CHECK(p.best == -1 && p.runner_up == -1 && p.nearest_miss == 1);
    CHECK(
        strstr(p.why,
               "nothing meets the objectives; the nearest miss is on_demand4 1 x H100 bf16 tp1 on_demand at $730.00 a "
               "month: ttft_p95_s ") != NULL);
    kw_plan_free(&p);
}

static bool same_estimate(const struct kw_estimate *a, const struct kw_estimate *b)
{
    return !memcmp(a, b, sizeof *a) ||
           (isnan(a->lo) && isnan(b->lo) && (a->value == b->value || (isnan(a->value) && isnan(b->value))));
}

static void random_plan(struct kw_plan *p, uint64_t seed)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, seed, 0, KW_RNG_SERVICE, NULL) == KW_OK);
    fake_world();
    for (int i = 0; i < FAKE_PLATFORMS; i++) {
        fake_gpu[i].gpu_hour.v = (kw_nusd)((0.2 + kw_rng_uniform(&r)) * 1e9);
        fake_api[i].price.in_mtok.v = (kw_nusd)(kw_rng_uniform(&r) * 1.5e12); /* 0.5 Mtok a month: $100s */
        if (kw_rng_u64(&r) % 4 == 0)
            fake_platform[i].meter.monthly_credit = (kw_nusd)(kw_rng_u64(&r) % (200 * (uint64_t)KW_NANO));
        if (kw_rng_u64(&r) % 4 == 0)
            fake_platform[i].meter.monthly_fee = (kw_nusd)(kw_rng_u64(&r) % (200 * (uint64_t)KW_NANO));
    }
    /* Where kept replicas are not always up or not always paid they bound no cost. */
    for (int i = 0; i < 3; i++) {
        if (kw_rng_u64(&r) % 6 == 0) fake_platform[i].meter.bills[KW_PHASE_KEEP_WARM] = false;
        if (kw_rng_u64(&r) % 6 == 0) fake_platform[i].meter.bills[KW_PHASE_ACTIVE] = false;
        if (kw_rng_u64(&r) % 6 == 0) fake_platform[i].meter.window = 300 * KW_NS_PER_S;
    }
    /* How hard the objective is varies by case, from nearly all feasible to none. */
    double hard = pow(10, kw_rng_uniform(&r) * 2 - 1);
    kw_plan_init(p);
    size_t n = 3 + kw_rng_u64(&r) % 25;
    for (size_t i = 0; i < n; i++)
        put(p, (int)(kw_rng_u64(&r) % FAKE_PLATFORMS), hard * (0.3 + 3 * kw_rng_uniform(&r)),
            kw_rng_uniform(&r) < 0.5 ? 0 : 200 * kw_rng_uniform(&r), 1 + (uint32_t)(kw_rng_u64(&r) % 4),
            kw_rng_u64(&r) % 5 ? 0 : kw_rng_u64(&r) % 20);
    for (size_t i = 0; i < n; i++) {
        struct kw_autoscaling *c = &p->candidates[i].choice[0].scaling;
        double often = 0.5 + 0.4 * kw_rng_uniform(&r);
        uint64_t which = kw_rng_u64(&r) % 8;
        if (which == 0) c->stockout_probability = often;
        if (which == 1) c->start_failure_probability = often;
        if (p->candidates[i].choice[0].platform->kind == KW_KIND_SERVERLESS) /* so that stresses decide some ties */
            p->candidates[i].choice[0].cold.provision =
                (struct kw_law){ .kind = KW_LAW_CONSTANT, .v = { 2 * kw_rng_uniform(&r) } };
    }
    kw_rng_free(&r);
}

static void pruned_is_exhaustive(void)
{
    uint64_t done = 0, would = 0;
    int infeasible = 0, ties = 0, passed = 0;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct kw_plan pruned, full;
        struct kw_study s = study(2 + (uint32_t)(seed % 11), seed);
        if (seed % 5 == 0) s.slo.error_fraction = 0.005;
        if (seed % 7 == 0) s.slo.attainment = 0.98;
        if (seed % 6 == 0) s.slo.budget_month = 600 * KW_NANO;
        if (seed % 8 == 0) s.precision = 0.2; /* the answer decides how many, and both have the same answer */
        struct kw_plan_options cut = options(false), all = options(true);
        char a[128] = "", b[128] = "";
        random_plan(&pruned, seed);
        random_plan(&full, seed);
        CHECK(kw_plan_run(&pruned, &s, &cut, NULL) == KW_OK);
        CHECK(kw_plan_run(&full, &s, &all, NULL) == KW_OK);
        CHECK((pruned.best < 0) == (full.best < 0) && (pruned.runner_up < 0) == (full.runner_up < 0) &&
              (pruned.nearest_miss < 0) == (full.nearest_miss < 0));
        const ptrdiff_t x[] = { pruned.best, pruned.runner_up, pruned.nearest_miss },
                        y[] = { full.best, full.runner_up, full.nearest_miss };
        for (int k = 0; k < 3; k++) {
            if (x[k] < 0 || y[k] < 0) continue;
            /* What tells twins apart is of those shown, and of those an exhaustive plan shows more. */
            pruned.candidates[x[k]].apart[0] = full.candidates[y[k]].apart[0] = 0;
            CHECK_STR(kw_candidate_label(&pruned.candidates[x[k]], a, sizeof a),
                      kw_candidate_label(&full.candidates[y[k]], b, sizeof b));
            for (int m = 0; m < KW_METRICS; m++)
                CHECK(same_estimate(&pruned.points[x[k]].m[m], &full.points[y[k]].m[m]));
        }
        CHECK(same_estimate(&pruned.margin, &full.margin));
        CHECK(pruned.tie == full.tie);
        CHECK_STR(pruned.passed_over.what, full.passed_over.what);
        passed += full.passed_over.what[0] != 0;
        CHECK(full.simulations == full.simulations_exhaustive && pruned.simulations <= full.simulations);
        infeasible += full.best < 0;
        ties += full.tie;
        done += pruned.simulations;
        would += full.simulations;
        kw_plan_free(&pruned);
        kw_plan_free(&full);
        if (check_bad) {
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
            break;
        }
    }
    printf("pruned == exhaustive: 600 plans, %d with nothing feasible, %d ties, %d passed over; %llu of %llu runs\n",
           infeasible, ties, passed, (unsigned long long)done, (unsigned long long)would);
    CHECK(infeasible > 40 && infeasible < 500 && ties > 10 && passed > 2);
    CHECK(done < would * 3 / 4); /* and it is worth it */
}

static void other_idle_timeouts_are_tried_on_the_leaders(void)
{
    struct kw_plan_options cut = options(false), all = options(true);
    cut.n_idle_timeouts = all.n_idle_timeouts = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct kw_plan pruned, full;
        struct kw_study s = study(4, seed);
        char a[128], b[128];
        random_plan(&pruned, seed);
        random_plan(&full, seed);
        size_t before = full.n;
        CHECK(kw_plan_run(&pruned, &s, &cut, NULL) == KW_OK);
        CHECK(kw_plan_run(&full, &s, &all, NULL) == KW_OK);
        bool serverless = false;
        for (size_t i = 0; i < before; i++)
            serverless = serverless || full.candidates[i].choice[0].platform->kind == KW_KIND_SERVERLESS;
        CHECK(full.n > before || !serverless);
        CHECK((pruned.best < 0) == (full.best < 0));
        if (pruned.best >= 0)
            CHECK_STR(kw_candidate_label(&pruned.candidates[pruned.best], a, sizeof a),
                      kw_candidate_label(&full.candidates[full.best], b, sizeof b));
        kw_plan_free(&pruned);
        kw_plan_free(&full);
    }
}

/* A customer cannot have what the platform has no setting for. */
static void an_idle_timeout_without_a_setting_stays(void)
{
    struct kw_plan_options o = options(false);
    o.n_idle_timeouts = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct kw_plan p;
        struct kw_study s = study(4, seed);
        random_plan(&p, seed);
        kw_ns own[FAKE_PLATFORMS][40];
        size_t n[FAKE_PLATFORMS] = { 0 };
        for (size_t i = 0; i < p.n; i++) {
            const struct kw_choice *c = &p.candidates[i].choice[0];
            ptrdiff_t at = c->platform - fake_platform;
            fake_platform[at].word_idle_timeout[0] = 0;
            if (n[at] < 40) own[at][n[at]++] = c->scaling.idle_timeout;
        }
        CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
        for (size_t i = 0; i < p.n; i++) {
            const struct kw_choice *c = &p.candidates[i].choice[0];
            ptrdiff_t at = c->platform - fake_platform;
            bool enumerated = c->platform->kind != KW_KIND_SERVERLESS;
            for (size_t k = 0; k < n[at]; k++) enumerated = enumerated || own[at][k] == c->scaling.idle_timeout;
            CHECK(enumerated);
        }
        kw_plan_free(&p);
    }
    fake_world();
}

static void run_curves(struct kw_plan *p, const struct kw_study *s, const struct kw_plan_options *o)
{
    kw_plan_init(p);
    put(p, 0, 1, 1, 2, 0);
    put(p, 0, 1, 1, 3, 0);
    put(p, 0, 1, 1, 1, 0);
    put(p, 0, 1, 2, 3, 0); /* another idle timeout */
    put(p, 1, 1, 9, 2, 0);
    put(p, 3, 1, 0, 4, 0); /* dedicated machines stay */
    struct kw_error err = { "" };
    CHECK(kw_plan_run(p, s, o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

/* Of the raced the plan's own figures; the others simulated over the same drawings, which change nothing of the answer. */
static void a_keep_warm_curve_has_every_count_with_its_interval(void)
{
    struct kw_study s = study(8, 9);
    struct kw_plan_options o = options(true), none = options(true);
    struct kw_plan p, plain;
    static const ptrdiff_t point[] = { -1, 2, 0, 1, -1 };
    o.curves = KW_CURVES_FIRST;
    fake_world();
    fake_platform[1].scaling.at_zero = KW_ZERO_STOPPED;
    run_curves(&p, &s, &o);
    run_curves(&plain, &s, &none);
    CHECK(plain.tradeoffs.n_curves == 0 && p.tradeoffs.n_curves == 1 && p.tradeoffs.n_frontier == 0);
    const struct kw_warm_curve *c = &p.tradeoffs.curve[0];
    CHECK(c->leader == 2 && c->n == KW_PLAN_WARM_DEFAULT);
    for (uint32_t w = 0; w < c->n; w++) {
        const struct kw_tradeoff *x = &c->point[w];
        CHECK(x->keep_warm == w && x->candidate == point[w] && x->drawn == 7);
        for (int k = 0; k < KW_TRADEOFF_FIGURES; k++)
            CHECK(x->of[k].lo <= x->of[k].value && x->of[k].value <= x->of[k].hi);
        CHECK(w == 0 || x->of[KW_TRADEOFF_COST].value > c->point[w - 1].of[KW_TRADEOFF_COST].value);
        CHECK(w == 0 || x->of[KW_TRADEOFF_TTFT_P95].value <= c->point[w - 1].of[KW_TRADEOFF_TTFT_P95].value);
        CHECK(x->of[KW_TRADEOFF_COST].lo < x->of[KW_TRADEOFF_COST].hi);
    }
    CHECK(same_estimate(&c->point[2].of[KW_TRADEOFF_COST], &p.points[0].m[KW_METRIC_COST]));
    CHECK(same_estimate(&c->point[2].of[KW_TRADEOFF_ATTAINMENT], &p.points[0].m[KW_METRIC_ATTAINMENT]));
    CHECK(p.best == plain.best && p.n == plain.n && p.simulations == plain.simulations);
    for (size_t i = 0; i < p.n; i++) CHECK(p.points[i].won == plain.points[i].won);
    o.curves = KW_CURVES_ALL; /* one a platform; platform 1 does not start again from zero */
    kw_plan_free(&p);
    run_curves(&p, &s, &o);
    CHECK(p.tradeoffs.n_curves == 2);
    CHECK(p.tradeoffs.curve[1].leader == 4 && p.tradeoffs.curve[1].n == 4 &&
          p.tradeoffs.curve[1].point[0].keep_warm == 1);
    o.n_keep_warm = 2; /* those asked for, and what the leader has */
    o.keep_warm[0] = 7;
    o.keep_warm[1] = 2;
    kw_plan_free(&p);
    run_curves(&p, &s, &o);
    CHECK(p.tradeoffs.curve[0].n == 3);
    CHECK(p.tradeoffs.curve[0].point[0].keep_warm == 1 && p.tradeoffs.curve[0].point[2].keep_warm == 7);
    o.n_max_replicas = 1; /* the user's ceiling, of 8 as the candidates have it */
    o.max_replicas[0] = 8;
    o.keep_warm[0] = 9;
    kw_plan_free(&p);
    run_curves(&p, &s, &o);
    CHECK(p.tradeoffs.curve[0].n == 2);
    kw_plan_free(&p);
    kw_plan_free(&plain);
}

/* What the search proves too dear to be the best may be on the frontier: asked for it, it finds the exhaustive plan's. */
static void the_frontier_of_a_pruned_plan_is_the_exhaustive_ones(void)
{
    size_t on = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct kw_study s = study(4, seed);
        struct kw_plan_options cut = options(false), all = options(true);
        struct kw_plan pruned, full;
        cut.frontier = all.frontier = true;
        random_plan(&pruned, seed);
        random_plan(&full, seed);
        CHECK(kw_plan_run(&pruned, &s, &cut, NULL) == KW_OK);
        CHECK(kw_plan_run(&full, &s, &all, NULL) == KW_OK);
        size_t n = full.tradeoffs.n_frontier;
        CHECK((n >= 1 || full.best < 0) && pruned.tradeoffs.n_frontier == n && (pruned.best < 0) == (full.best < 0));
        for (size_t i = 0; i < n && i < pruned.tradeoffs.n_frontier; i++) {
            const struct kw_tradeoff *x = &pruned.tradeoffs.frontier[i], *y = &full.tradeoffs.frontier[i];
            for (int k = 0; k < KW_TRADEOFF_FIGURES; k++) CHECK(same_estimate(&x->of[k], &y->of[k]));
            CHECK(x->drawn == 3 && full.points[y->candidate].pareto);
            CHECK(full.points[y->candidate].m[KW_METRIC_ERROR_FRACTION].value <= s.slo.error_fraction);
            if (i == 0) continue;
            CHECK(x->of[KW_TRADEOFF_COST].value > x[-1].of[KW_TRADEOFF_COST].value);
            CHECK(x->of[KW_TRADEOFF_TTFT_P95].value < x[-1].of[KW_TRADEOFF_TTFT_P95].value);
        }
        on += n;
        kw_plan_free(&pruned);
        kw_plan_free(&full);
    }
    CHECK(on > 120);
}

static void the_frontier_has_no_dominated_point(void)
{
    for (uint64_t seed = 1; seed < 50; seed++) {
        struct kw_study s = study(3, seed);
        struct kw_plan_options o = options(true);
        struct kw_plan p;
        random_plan(&p, seed);
        CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
        int on = 0;
        uint32_t won = 0;
        for (size_t i = 0; i < p.n; i++) {
            on += p.points[i].pareto;
            won += p.points[i].won;
            for (size_t j = 0; j < p.n; j++)
                if (p.points[i].pareto && p.points[j].m[KW_METRIC_ERROR_FRACTION].value == 0)
                    CHECK(!(p.points[j].m[KW_METRIC_COST].value < p.points[i].m[KW_METRIC_COST].value &&
                            p.points[j].m[KW_METRIC_TTFT_P95].value < p.points[i].m[KW_METRIC_TTFT_P95].value));
        }
        CHECK(on >= 1 && won <= p.points[0].drawn);
        kw_plan_free(&p);
    }
}

/* Cheap and slow in half of the replications: it is the cheapest wherever it meets the objective, and must not count
 * where it does not. */
static void wins_count_only_where_the_objectives_are_met(void)
{
    struct kw_study s = study(8, 1);
    struct kw_slo *slo = &s.slo;
    struct kw_point p[2];
    memset(p, 0, sizeof p);
    for (int i = 0; i < 2; i++) {
        CHECK(kw_point_init(&p[i], NULL) == KW_OK);
        p[i].n = 1;
        p[i].replications = 8;
        p[i].sample = calloc(8, sizeof *p[i].sample);
        CHECK(p[i].sample != NULL);
        for (int r = 0; r < 8; r++) {
            p[i].sample[r][KW_METRIC_COST] = i ? 200 : 100;
            p[i].sample[r][KW_METRIC_TTFT_P95] = i ? 0.5 : r > 0 && r < 4 ? 1 : 3.5;
            p[i].sample[r][KW_METRIC_CLASS_WORST] = NAN; /* of one class */
        }
        for (int m = 0; m < KW_METRICS; m++) p[i].m[m].value = p[i].sample[0][m];
        p[i].feasible = i == 1;
        p[i].miss_ratio = i ? 0 : 0.125;
    }
    CHECK(kw_points_rank(p, 2, slo, NULL) == KW_OK);
    CHECK(p[0].won == 3 && p[1].won == 4); /* of 7: the trace itself does not count */
    CHECK(p[1].rank == 1 && p[0].rank == 2 && p[0].pareto && p[1].pareto);
    /* The same by an objective that wants much. */
    slo->ttft_p95 = 0;
    slo->attainment = 0.96;
    for (int r = 0; r < 8; r++) {
        p[0].sample[r][KW_METRIC_ATTAINMENT] = r < 4 ? 0.9 : 1;
        p[1].sample[r][KW_METRIC_ATTAINMENT] = 1;
    }
    CHECK(kw_points_rank(p, 2, slo, NULL) == KW_OK && p[0].won == 4 && p[1].won == 3);
    p[0].m[KW_METRIC_ERROR_FRACTION].value = 0.5; /* who serves half of all is on no frontier, however cheap */
    CHECK(kw_points_rank(p, 2, slo, NULL) == KW_OK && !p[0].pareto && p[1].pareto);
    p[0].replications = 4; /* does not contend: nobody knows the others of it */
    CHECK(kw_points_rank(p, 2, slo, NULL) == KW_OK);
    CHECK(p[0].won == 0 && p[1].won == 7);
    for (int i = 0; i < 2; i++) kw_point_free(&p[i]);
}

static void points_are_judged_and_compared_as_they_say(void)
{
    struct kw_point a = { .feasible = true }, b = { .feasible = true };
    a.m[KW_METRIC_TTFT_P95].value = 1;
    b.m[KW_METRIC_TTFT_P95].value = 2;
    CHECK(kw_point_better(&a, &b) && !kw_point_better(&b, &a)); /* equal costs: the faster one */
    b.m[KW_METRIC_TTFT_P95].value = NAN;
    CHECK(kw_point_better(&a, &b) && !kw_point_better(&b, &a)); /* and who serves nothing is the slowest */
    a.m[KW_METRIC_COST].value = 1;
    CHECK(!kw_point_better(&a, &b) && kw_point_better(&b, &a));
    struct kw_slo slo;
    double mean[KW_METRICS] = { 0 }, ratio;
    char miss[80];
    kw_slo_init(&slo);
    mean[KW_METRIC_CLASS_WORST] = NAN;          /* of one class */
    slo.cold_fraction = slo.error_fraction = 0; /* none at all is an objective */
    CHECK(kw_slo_judge(&slo, mean, miss, sizeof miss, &ratio));
    mean[KW_METRIC_COLD_FRACTION] = 1e-9;
    CHECK(!kw_slo_judge(&slo, mean, miss, sizeof miss, &ratio) && ratio > 0);
    mean[KW_METRIC_COLD_FRACTION] = 0;
    mean[KW_METRIC_ERROR_FRACTION] = 1e-9;
    CHECK(!kw_slo_judge(&slo, mean, miss, sizeof miss, &ratio) && ratio > 0);
    mean[KW_METRIC_ERROR_FRACTION] = 0;
    slo.tpot_p95 = 1; /* outputs of one token tell no TPOT: nothing to judge is met */
    mean[KW_METRIC_TPOT_P95] = NAN;
    CHECK(kw_slo_judge(&slo, mean, miss, sizeof miss, &ratio) && miss[0] == 0 && ratio <= 0);
    mean[KW_METRIC_TTFT_P95] = 9; /* of classes told apart the worst decides, not what all together reach */
    slo.ttft_p95 = KW_NS_PER_S;
    mean[KW_METRIC_CLASS_WORST] = 1;
    CHECK(kw_slo_judge(&slo, mean, miss, sizeof miss, &ratio) && ratio == 0);
    mean[KW_METRIC_CLASS_WORST] = 1.5;
    CHECK(!kw_slo_judge(&slo, mean, miss, sizeof miss, &ratio) && ratio == 0.5);
    slo.budget_month = KW_NANO; /* but a budget is of all */
    mean[KW_METRIC_COST] = 2;
    CHECK(!kw_slo_judge(&slo, mean, miss, sizeof miss, &ratio) && ratio == 1 && !strncmp(miss, "cost_usd_month", 14));
}

static void every_allocation_may_fail(void)
{
    if (!FAILMALLOC_OPENMP) {
        SKIP("clang's OpenMP ends the program where an allocation of its own fails");
        return;
    }
    struct kw_study s = study(2, 4);
    struct kw_plan_options o = options(false);
    o.n_idle_timeouts = 0;
    o.run.threads = 1;
    o.curves = KW_CURVES_ALL;
    o.frontier = true;
    for (long n = 1;; n++) {
        struct kw_plan p;
        fake_world();
        kw_plan_init(&p);
        put(&p, 0, 0.2, 1, 1, 0);
        put(&p, 3, 0.2, 0, 1, 0);
        failmalloc_at(n);
        enum kw_status st = kw_plan_run(&p, &s, &o, NULL);
        bool fired = failmalloc_off();
        kw_plan_free(&p);
        if (!fired) {
            CHECK(st == KW_OK && n > 50);
            break;
        }
        CHECK(st == KW_ENOMEM);
    }
}

static void every_allocation_of_a_sweep_may_fail(void)
{
    if (!FAILMALLOC_OPENMP) {
        SKIP("clang's OpenMP ends the program where an allocation of its own fails");
        return;
    }
    struct kw_study s = study(2, 5);
    struct kw_candidate candidates[3];
    struct kw_sweep_options o = { .threads = 1 };
    fake_world();
    s.series_step = KW_NS_PER_S;
    for (int i = 0; i < 3; i++) fake_candidate(&candidates[i], 3 * i, KW_NS_PER_S, 0, 1, 0);
    for (long n = 1;; n++) {
        struct kw_point p[3];
        struct kw_error err;
        memset(p, 0, sizeof p);
        failmalloc_at(n);
        enum kw_status st = KW_OK;
        for (int i = 0; i < 3 && st == KW_OK; i++) st = kw_point_init(&p[i], &err);
        if (st == KW_OK) st = kw_sweep(p, candidates, 3, &s, &o, &err);
        bool fired = failmalloc_off();
        for (int i = 0; i < 3; i++) kw_point_free(&p[i]);
        if (!fired) {
            CHECK(st == KW_OK && n > 30);
            break;
        }
        CHECK(st == KW_ENOMEM);
    }
    for (int i = 0; i < 3; i++) kw_candidate_free(&candidates[i]);
}

/* A bound must count what is simulated: a third of the tokens is computed in a third of the time. */
static void another_tokenizer_computes_its_own_tokens(void)
{
    CHECK(kw_tokens_as(10, 0) == 10 && kw_tokens_as(10, 1000000) == 10 && kw_tokens_as(10, 250000) == 3);
    CHECK(kw_tokens_as(0, 250000) == 0 && kw_tokens_as(1, 100000) == 1 &&
          kw_tokens_as(UINT32_MAX, 2000000) == UINT32_MAX);
    CHECK(kw_plan_computed(&fake_trace, 0) == 60 + 60 - 3);
    CHECK(kw_plan_computed(&fake_trace, 500000) == 30 + 30 - 3);
    CHECK(kw_plan_computed(&fake_trace, 250000) == 3 + 5 + 8 + 3 + 5 + 8 - 3); /* each rounded as it is simulated */
}

int main(void)
{
    RUN(another_tokenizer_computes_its_own_tokens);
    RUN(a_known_best);
    RUN(no_price_has_to_fall_to_nothing);
    RUN(equal_costs_tie_and_the_first_wins);
    RUN(of_those_that_tie_the_steady_one_is_recommended);
    RUN(what_the_step_law_leaves_is_told);
    RUN(nothing_meets_the_objectives);
    RUN(pruned_is_exhaustive);
    RUN(other_idle_timeouts_are_tried_on_the_leaders);
    RUN(an_idle_timeout_without_a_setting_stays);
    RUN(a_keep_warm_curve_has_every_count_with_its_interval);
    RUN(the_frontier_of_a_pruned_plan_is_the_exhaustive_ones);
    RUN(the_frontier_has_no_dominated_point);
    RUN(wins_count_only_where_the_objectives_are_met);
    RUN(points_are_judged_and_compared_as_they_say);
    RUN(every_allocation_may_fail);
    RUN(every_allocation_of_a_sweep_may_fail);
    return check_report();
}
