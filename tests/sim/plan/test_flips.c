/* What would flip an answer, checked by planning anew just before the move and just after it. */
#include "sim/plan/plan_internal.h"
#include "tests/sim/plan/fakeplan.h"

static struct kw_study study(uint32_t replications, uint64_t seed)
{
    struct kw_study s = { .trace = &fake_trace, .replications = replications, .seed = seed };
    kw_slo_init(&s.slo);
    s.slo.ttft_p95 = 2 * KW_NS_PER_S;
    return s;
}

static struct kw_plan_options options(void)
{
    struct kw_plan_options o;
    kw_plan_options_default(&o);
    o.exhaustive = true; /* so that nothing is left out that a move could bring in */
    o.idle_timeout[0] = 60 * KW_NS_PER_S;
    o.n_idle_timeouts = 1;
    o.run.threads = 1;
    return o;
}

static void put(struct kw_plan *p, int platform, double ttft_s, double extra_h, uint32_t replicas, uint64_t failed)
{
    struct kw_candidate *grown = realloc(p->candidates, (p->n + 1) * sizeof *grown);
    CHECK(grown != NULL);
    p->candidates = grown;
    fake_candidate(&p->candidates[p->n++], platform, (kw_ns)(ttft_s * 1e9), (kw_ns)(extra_h * 3600) * KW_NS_PER_S,
                   replicas, failed);
}

static void run(struct kw_plan *p, const struct kw_study *s)
{
    struct kw_plan_options o = options();
    struct kw_error err = { "" };
    CHECK(kw_plan_run(p, s, &o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

static const struct kw_flip *find(const struct kw_plan *p, const char *fact)
{
    for (size_t i = 0; i < p->n_flips; i++)
        if (!strcmp(p->flips[i].lever.fact, fact)) return &p->flips[i];
    CHECK(!"no such lever");
    return NULL;
}

/* Prices, credits and fees at random, of serverless, dedicated and API candidates. */
static void random_world(uint64_t seed)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, seed, 0, KW_RNG_SERVICE, NULL) == KW_OK);
    fake_world();
    for (int i = 0; i < FAKE_PLATFORMS; i++) {
        fake_gpu[i].gpu_hour.v = (kw_nusd)((0.2 + kw_rng_uniform(&r)) * 1e9);
        fake_api[i].price.in_mtok.v = (kw_nusd)(kw_rng_uniform(&r) * 1.5e12);
        fake_api[i].price.out_mtok.v = (kw_nusd)(kw_rng_uniform(&r) * 1.5e12);
        if (kw_rng_u64(&r) % 4 == 0)
            fake_platform[i].meter.monthly_credit = (kw_nusd)(kw_rng_u64(&r) % (200 * (uint64_t)KW_NANO));
        if (kw_rng_u64(&r) % 4 == 0)
            fake_platform[i].meter.monthly_fee = (kw_nusd)(kw_rng_u64(&r) % (200 * (uint64_t)KW_NANO));
        if (kw_rng_u64(&r) % 4 == 0) {
            fake_gpu[i].memory_gib_hour = fake_price((kw_nusd)(kw_rng_uniform(&r) * 1e7));
            fake_gpu[i].memory_gib = 32;
        }
    }
    kw_rng_free(&r);
}

static void random_plan(struct kw_plan *p, uint64_t seed)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, seed, 1, KW_RNG_SERVICE, NULL) == KW_OK);
    kw_plan_init(p);
    size_t n = 4 + kw_rng_u64(&r) % 12;
    for (size_t i = 0; i < n; i++)
        put(p, (int)(kw_rng_u64(&r) % FAKE_PLATFORMS), 0.3 + 3 * kw_rng_uniform(&r),
            kw_rng_uniform(&r) < 0.5 ? 0 : 200 * kw_rng_uniform(&r), 1 + (uint32_t)(kw_rng_u64(&r) % 4), 0);
    kw_rng_free(&r);
}

/* The fact itself, `by` times what it says: the fake world is not const. */
static void set_price(const struct kw_lever *l, double by)
{
    if (l->kind == KW_LEVER_FEE) {
        struct kw_platform *p = (struct kw_platform *)l->of;
        p->meter.monthly_fee = (kw_nusd)((double)p->meter.monthly_fee * by);
    } else if (l->kind == KW_LEVER_TOKENS) {
        struct kw_token_prices *t = (struct kw_token_prices *)l->of;
        t->in_mtok.v = (kw_nusd)((double)t->in_mtok.v * by);
        t->out_mtok.v = (kw_nusd)((double)t->out_mtok.v * by);
    } else {
        CHECK(l->kind == KW_LEVER_PRICE);
        ((struct kw_price *)l->of)->v = (kw_nusd)((double)((struct kw_price *)l->of)->v * by);
    }
}

/* Told apart by its latency, which no two have: labels are numbered by who is shown. */
static char *name(const struct kw_plan *p, ptrdiff_t i, char buf[64])
{
    const struct kw_choice *c = i < 0 ? NULL : &p->candidates[i].choice[0];
    snprintf(buf, 64, "none");
    if (c) snprintf(buf, 64, "%s %lld", c->platform->name, (long long)c->network_rtt);
    return buf;
}

/* The recommended one of the same world but for one price, and its cost. */
static void plan_with(const struct kw_flip *f, double by, uint64_t seed, const struct kw_study *s, char best[64],
                      double *usd)
{
    struct kw_plan p;
    random_world(seed);
    set_price(&f->lever, by);
    random_plan(&p, seed);
    run(&p, s);
    name(&p, p.best, best);
    *usd = p.best < 0 ? NAN : p.points[p.best].m[KW_METRIC_COST].value;
    kw_plan_free(&p);
}

/* The answer stands up to a tenth of a per cent before the move that is told, and is the told one as far after it. */
static void a_price_flips_where_it_is_told(void)
{
    uint64_t kinds[KW_LEVERS] = { 0 }, none = 0, up = 0, over_budget = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct kw_study s = study(1, seed);
        struct kw_plan p;
        if (seed % 4 == 0) s.slo.budget_month = 900 * KW_NANO;
        random_world(seed);
        random_plan(&p, seed);
        run(&p, &s);
        char best[64], now[64], rival[64];
        double usd;
        name(&p, p.best, best);
        for (size_t i = 0; i < p.n_flips; i++) {
            const struct kw_flip *f = &p.flips[i];
            double m = f->move.value;
            if (p.passed_over.what[0] || !kw_lever_is_price(f->lever.kind)) continue;
            CHECK(i == 0 || kw_flip_order(&p.flips[i - 1], f) < 0);
            if (isnan(m)) {
                for (int k = 0; k < 2; k++) {
                    plan_with(f, k ? KW_FLIP_MOST : 1 / KW_FLIP_MOST, seed, &s, now, &usd);
                    CHECK_STR(now, best);
                }
                none++;
                continue;
            }
            if (fabs(m) < 0.002) continue;
            CHECK_NEAR(f->at, f->lever.value * (1 + m), 1e-9 * f->at);
            plan_with(f, 1 + m - copysign(0.001, m), seed, &s, now, &usd);
            CHECK_STR(now, best);
            plan_with(f, 1 + m + copysign(0.001, m), seed, &s, now, &usd);
            CHECK(strcmp(now, best) != 0);
            CHECK_STR(now, name(&p, f->rival, rival));
            if (f->rival >= 0) {
                CHECK_NEAR(usd, f->cost, 0.01 * f->cost);
            } else {
                CHECK(f->misses);
                over_budget++;
            }
            kinds[f->lever.kind]++;
            up += m > 0;
        }
        kw_plan_free(&p);
        if (check_bad) {
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
            break;
        }
    }
    printf("prices that flip: %llu alone, %llu of tokens, %llu fees; %llu upward, %llu over the budget; %llu in vain\n",
           (unsigned long long)kinds[KW_LEVER_PRICE], (unsigned long long)kinds[KW_LEVER_TOKENS],
           (unsigned long long)kinds[KW_LEVER_FEE], (unsigned long long)up, (unsigned long long)over_budget,
           (unsigned long long)none);
    CHECK(kinds[KW_LEVER_PRICE] > 100 && kinds[KW_LEVER_TOKENS] > 5 && kinds[KW_LEVER_FEE] > 5 && up > 30 && none > 50);
    CHECK(over_budget > 0);
}

/* Two offers that differ by little while other days move both: the flip is told with an interval, and what lies within it
 * is called so. */
static void other_days_give_the_move_an_interval(void)
{
    int noisy = 0, sure = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct kw_study s = study(12, seed);
        struct kw_plan p;
        char text[1000];
        fake_world();
        kw_plan_init(&p);
        put(&p, 0, 0.01, 100.0, 1, 0);
        put(&p, 1, 0.01, 100.0, 1, 0);
        fake_gpu[1].gpu_hour.v += seed % 2 ? KW_NANO / 1000 : KW_NANO;
        p.candidates[1].choice[0].scaling.idle_timeout += 3600 * KW_NS_PER_S;
        run(&p, &s);
        for (size_t i = 0; i < p.n_flips; i++) {
            const struct kw_flip *f = &p.flips[i];
            if (!kw_lever_is_price(f->lever.kind)) continue;
            CHECK(!isnan(f->move.value) && f->move.lo <= f->move.value && f->move.value <= f->move.hi);
            CHECK(f->noise == (f->move.lo == 0 || f->move.hi == 0) && f->noise == p.tie);
            CHECK((strstr(kw_flip_text(f, text, sizeof text), "as other days alone may make it") != NULL) == f->noise);
            noisy += f->noise;
            sure += !f->noise;
        }
        kw_plan_free(&p);
    }
    printf("moves with intervals: %d within what other days do, %d beyond\n", noisy, sure);
    CHECK(noisy > 10 && sure > 10);
}

/* Rent does not vary, so the interval of its move is that move. Ages are counted to the day of the plan. */
static void a_lever_says_what_it_is_and_how_old(void)
{
    struct kw_study s = study(8, 1);
    struct kw_plan_options o = options();
    struct kw_plan p;
    char text[1000], move[24];
    fake_world();
    fake_gpu[4].gpu_hour.v = KW_NANO * 6 / 5;
    fake_gpu[3].gpu_hour.provenance = (struct kw_provenance){ .grade = KW_GRADE_PUBLISHED, .date = "2026-09-25" };
    kw_plan_init(&p);
    put(&p, 3, 0.5, 0, 1, 0);
    put(&p, 4, 0.5, 0, 1, 0);
    put(&p, 5, 40, 0, 1, 0); /* misses, whatever it costs: no lever */
    o.today = "2026-11-29";
    CHECK(kw_plan_run(&p, &s, &o, NULL) == KW_OK);
    CHECK(p.n_flips == 4); /* and the steps and the volume */
    const struct kw_flip *mine = find(&p, "on_demand3 price of H100 (on_demand)"),
                         *theirs = find(&p, "on_demand4 price of H100 (on_demand)");
    CHECK_NEAR(mine->move.value, 0.2, 1e-9);
    CHECK_NEAR(mine->move.lo, 0.2, 1e-9);
    CHECK_NEAR(mine->move.hi, 0.2, 1e-9);
    CHECK(mine->age_days == 65 && theirs->age_days == -1 && !mine->noise);
    CHECK_STR(kw_flip_move_text(mine, move, sizeof move), "+20 %");
    CHECK_STR(
        kw_flip_text(mine, text, sizeof text),
        "on_demand3 price of H100 (on_demand): $1 to $1.2/GPU-hour; then on_demand4 1 x H100 bf16 tp1 on_demand at "
        "$876.00 a month; published, 65 days old");
    CHECK_STR(kw_flip_move_text(theirs, move, sizeof move), "-17 %");
    kw_plan_free(&p);
}

/* Four times a bill of 3.65 billion dollars is more than a bill can hold, and so more than what any other costs. */
static void a_price_may_move_beyond_what_a_bill_holds(void)
{
    struct kw_study s = study(8, 1);
    struct kw_plan p;
    fake_world();
    fake_gpu[3].gpu_hour.v = 5000000 * KW_NANO;
    fake_gpu[4].gpu_hour.v = 6000000 * KW_NANO;
    kw_plan_init(&p);
    put(&p, 3, 0.5, 0, 1, 0);
    put(&p, 4, 0.5, 0, 1, 0);
    run(&p, &s);
    CHECK_NEAR(find(&p, "on_demand3 price of H100 (on_demand)")->move.value, 0.2, 1e-9);
    double usd;
    struct kw_lever lever = find(&p, "on_demand3 price of H100 (on_demand)")->lever;
    CHECK(kw_lever_cost(&lever, KW_FLIP_MOST, &p.candidates[0], p.points[0].usage, &usd, NULL) == KW_OK);
    CHECK_NEAR(usd, 9223372036.854775807, 1);
    CHECK(kw_lever_cost(&lever, 1e18, &p.candidates[0], p.points[0].usage, &usd, NULL) == KW_OK);
    CHECK_NEAR(usd, 9223372036.854775807, 1);
    kw_plan_free(&p);
}

/* A start of so many seconds, which is added to every first token; the noise of the rest is half to one and a half. */
static void put_start(struct kw_plan *p, int platform, double start_s)
{
    put(p, platform, 0.002, 0, 1, 0);
    p->candidates[p->n - 1].choice[0].cold.provision =
        (struct kw_law){ .kind = KW_LAW_CONSTANT, .v = { start_s }, .provenance.grade = KW_GRADE_ESTIMATED };
}

/* Starts are the first token here, so that it is known where they miss 2 s: the recommended one's when they are longer, a
 * cheaper rival's until they are shorter. A dearer one's decide nothing. */
static void starts_flip_where_the_objective_is_met(void)
{
    struct kw_study s = study(4, 1);
    struct kw_plan p;
    char text[1000];
    fake_world();
    fake_gpu[0].gpu_hour.v = KW_NANO / 2;
    fake_gpu[2].gpu_hour.v = 2 * KW_NANO;
    kw_plan_init(&p);
    put_start(&p, 0, 3); /* $365, and 1 s too late */
    put_start(&p, 1, 1); /* $730 */
    put_start(&p, 2, 0.1);
    put(&p, 3, 0.5, 0, 3, 0); /* $2190 */
    run(&p, &s);
    CHECK(p.best == 1);
    const struct kw_flip *mine = find(&p, "on_demand1 time of a cold start"),
                         *theirs = find(&p, "on_demand0 time of a cold start");
    CHECK_NEAR(mine->move.value, 1, 0.06);
    CHECK(mine->stands < 1 && 1 <= mine->move.value + 0.004 && mine->misses && mine->rival == 2 && !mine->noise);
    CHECK_NEAR(mine->at, 1 + mine->move.value, 1e-9);
    CHECK_NEAR(theirs->move.value, -1.0 / 3, 0.02);
    CHECK(theirs->stands > -1.0 / 3 && !theirs->misses && theirs->rival == 0 && theirs->sought);
    CHECK_NEAR(theirs->cost, 365, 1e-6);
    CHECK(strstr(kw_flip_text(mine, text, sizeof text), ", as the recommended one misses an objective; "
                                                        "estimated") != NULL);
    for (size_t i = 0; i < p.n_flips; i++) CHECK(strcmp(p.flips[i].lever.fact, "on_demand2 time of a cold start") != 0);
    kw_plan_free(&p);
}

/* The same bytes whoever does it. */
static void any_number_of_threads_finds_the_same(void)
{
    struct kw_study s = study(3, 2);
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct kw_plan one, two;
        struct kw_plan_options o = options();
        random_world(seed);
        random_plan(&one, seed);
        random_plan(&two, seed);
        CHECK(kw_plan_run(&one, &s, &o, NULL) == KW_OK);
        o.run.threads = 3;
        CHECK(kw_plan_run(&two, &s, &o, NULL) == KW_OK);
        CHECK(one.n_flips == two.n_flips);
        for (size_t i = 0; i < one.n_flips; i++)
            CHECK(!memcmp(&one.flips[i].move, &two.flips[i].move, sizeof one.flips[i].move) &&
                  one.flips[i].rival == two.flips[i].rival && kw_lever_same(&one.flips[i].lever, &two.flips[i].lever));
        kw_plan_free(&one);
        kw_plan_free(&two);
    }
}

int main(void)
{
    RUN(a_price_flips_where_it_is_told);
    RUN(other_days_give_the_move_an_interval);
    RUN(starts_flip_where_the_objective_is_met);
    RUN(any_number_of_threads_finds_the_same);
    RUN(a_lever_says_what_it_is_and_how_old);
    RUN(a_price_may_move_beyond_what_a_bill_holds);
    return check_report();
}
