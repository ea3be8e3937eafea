/* A floor that changes with the time of the window, by timelines computed by hand, and held to what it must not change:
 * a level that never changes is keep_warm to the bit, and jumps are steps. */
#include "sim/fleet/floor.c"
#include "sim/core/rng.h"
#include "tests/sim/fleet/fleet_case.h"

#define H KW_NS_PER_HOUR

static void append(struct kw_floor *f, kw_ns at, uint32_t warm)
{
    CHECK(kw_floor_append(f, at, warm, NULL) == KW_OK);
}

static void a_level_holds_until_the_next_one(void)
{
    struct kw_floor f;
    struct kw_error err;
    kw_floor_init(&f);
    CHECK(kw_floor_append(&f, 1, 2, &err) == KW_ERANGE && !f.n); /* nobody says what holds before */
    append(&f, 0, 1);
    CHECK(kw_floor_next(&f, 5, 24 * H) == INT64_MAX);
    append(&f, 9 * H, 1); /* nothing new */
    append(&f, 10 * H, 3);
    append(&f, 17 * H, 0);
    CHECK(f.n == 3 && kw_floor_append(&f, 17 * H, 2, &err) == KW_ERANGE && f.n == 3);
    CHECK(kw_floor_level(&f, 0) == 1 && kw_floor_level(&f, 10 * H - 1) == 1 && kw_floor_level(&f, 10 * H) == 3);
    CHECK(kw_floor_level(&f, 17 * H) == 0 && kw_floor_level(&f, 100 * H) == 0);
    CHECK(kw_floor_least(&f) == 0 && kw_floor_most(&f) == 3);
    CHECK(kw_floor_area(&f, 24 * H) == (10 + 3 * 7) * H && kw_floor_area(&f, 11 * H) == 13 * H);
    CHECK(kw_floor_next(&f, 0, 24 * H) == 10 * H && kw_floor_next(&f, 10 * H, 24 * H) == 7 * H);
    CHECK(kw_floor_next(&f, 20 * H, 24 * H) == 4 * H);
    /* Windows of 16 h end at level 3 and begin at 1; of 9 h they never leave 1; where both ends are alike, on into the next. */
    CHECK(kw_floor_next(&f, 12 * H, 16 * H) == 4 * H && kw_floor_next(&f, 8 * H, 9 * H) == INT64_MAX);
    kw_floor_clear(&f);
    append(&f, 0, 1);
    append(&f, 8 * H, 2);
    append(&f, 18 * H, 1);
    CHECK(kw_floor_next(&f, 20 * H, 24 * H) == 12 * H);
    kw_floor_free(&f);
}

/* One replica from 9 to 17 o'clock, starts of 10 s, and an idle timeout of a minute. */
static void begin_office(struct fleet_case *c, struct kw_floor *f, enum kw_scaler scaler)
{
    case_begin(c, scaler, 0, 4);
    c->d[0].cold.provision = case_seconds(10);
    c->d[0].scaling.idle_timeout = 60 * S;
    kw_floor_init(f);
    append(f, 0, 0);
    append(f, 9 * H, 1);
    append(f, 17 * H, 0);
    c->d[0].floor = f;
    c->trace.span = 24 * H;
}

static void office_hours_cost_eight_hours(void)
{
    /* The last request ends long before the floor does, at 16:59:30, or after it, at 17:00:15: the replica goes as soon as
     * it has been idle for a minute and nobody holds it. */
    static const struct {
        kw_ns ends, gone;
    } of[] = { { 12 * H, 17 * H }, { 17 * H - 30 * S, 17 * H + 30 * S }, { 17 * H + 15 * S, 17 * H + 75 * S } };
    for (int i = 0; i < 3; i++) {
        struct fleet_case c;
        struct kw_floor f;
        begin_office(&c, &f, KW_SCALER_CAPACITY);
        case_request(&c, of[i].ends - 20 * S, 20000, 1);
        c.trace.span = 24 * H;
        CHECK(case_run(&c) == KW_OK && c.o.cold == 0 && c.o.records[0].ttft == 20 * S);
        const struct kw_ledger *l = &c.o.ledger[0];
        CHECK(l->lives_n == 1 && l->starts == 1 && l->cold_starts == 0);
        CHECK(l->lives[0].born == 9 * H && l->lives[0].gone == of[i].gone);
        CHECK(l->phase[KW_PHASE_PROVISION] == 10 * S && l->phase[KW_PHASE_ACTIVE] == 20 * S);
        kw_ns idle = of[i].gone - (of[i].ends > 17 * H ? of[i].ends : 17 * H);
        CHECK(l->phase[KW_PHASE_IDLE] == idle && l->phase[KW_PHASE_KEEP_WARM] == of[i].gone - 9 * H - idle - 30 * S);
        case_end(&c);
        kw_floor_free(&f);
    }
}

static void a_request_before_the_hour_is_cold_and_its_replica_is_kept(void)
{
    struct fleet_case c;
    struct kw_floor f;
    begin_office(&c, &f, KW_SCALER_CAPACITY);
    case_request(&c, 9 * H - 5 * S, 1000, 1); /* starts one, ready at 9:00:05: the floor starts no other */
    case_request(&c, 13 * H, 1000, 1);
    c.trace.span = 24 * H;
    CHECK(case_run(&c) == KW_OK && c.o.cold == 1 && c.o.records[0].ttft == 11 * S && c.o.records[1].ttft == 1 * S);
    CHECK(c.o.ledger[0].lives_n == 1 && c.o.ledger[0].starts == 1 && c.o.ledger[0].lives[0].gone == 17 * H);
    case_end(&c);
    kw_floor_free(&f);
}

/* A policy whose wish stops replicas: its loop sleeps at the floor and wakes when that falls. */
static void a_loop_wakes_when_the_floor_falls(void)
{
    struct fleet_case c;
    struct kw_floor f;
    begin_office(&c, &f, KW_SCALER_CONCURRENCY);
    c.d[0].scaling.target = 1;
    c.d[0].scaling.utilisation = 1;
    c.d[0].scaling.eval_period = 10 * S;
    c.d[0].scaling.scale_up_window = 60 * S;
    c.d[0].scaling.zero_timeout = 300 * S;
    case_request(&c, 12 * H, 1000, 1);
    c.trace.span = 24 * H;
    CHECK(case_run(&c) == KW_OK && c.o.cold == 0);
    CHECK(c.o.ledger[0].lives_n == 1 && c.o.ledger[0].lives[0].born == 9 * H && c.o.ledger[0].lives[0].gone == 17 * H);
    case_end(&c);
    kw_floor_free(&f);
}

/* Two at night, from 22 to 6 o'clock: they are there when the window opens and still when it closes, and the warm-up runs
 * through the evening before. */
static void a_floor_across_the_edge_of_the_window_is_one_life(void)
{
    struct fleet_case c;
    struct kw_floor f;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 4);
    c.d[0].cold.provision = case_seconds(10);
    c.d[0].scaling.idle_timeout = 60 * S;
    kw_floor_init(&f);
    append(&f, 0, 2);
    append(&f, 6 * H, 0);
    append(&f, 22 * H, 2);
    c.d[0].floor = &f;
    case_request(&c, 12 * H, 1000, 1);
    c.trace.span = 24 * H;
    for (int settles = 0; settles < 2; settles++) {
        c.opt.warmup = 20 * 60 * S;
        c.opt.settle = settles ? 1000000 : 0;
        CHECK(case_run(&c) == KW_OK);
        const struct kw_ledger *l = &c.o.ledger[0];
        CHECK(c.o.passes == 1 && (!settles || c.o.steady == KW_STEADY_REPEATS));
        /* Two lives end at 6, one of a cold start at noon, two begin at 22 and go on. */
        CHECK(l->lives_n == 5 && l->starts == 3 && c.o.cold == 1);
        CHECK(l->phase[KW_PHASE_KEEP_WARM] == 2 * (8 * H - 10 * S) && l->phase[KW_PHASE_IDLE] == 60 * S);
        for (uint64_t i = 0; i < l->lives_n; i++)
            CHECK(l->lives[i].goes_on == (l->lives[i].born == 22 * H) && l->lives[i].gone - l->lives[i].born <= 6 * H);
    }
    case_end(&c);
    kw_floor_free(&f);
}

/* Levels 1, 3, 1 while three requests are under way: nothing starts that is there already, and what is at work is not
 * stopped when the floor falls. */
static void what_is_busy_counts_for_the_floor(void)
{
    struct fleet_case c;
    struct kw_floor f;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].cold.provision = case_seconds(10);
    c.d[0].scaling.idle_timeout = 60 * S;
    kw_floor_init(&f);
    append(&f, 0, 1);
    append(&f, 100 * S, 3);
    append(&f, 200 * S, 1);
    c.d[0].floor = &f;
    for (int i = 0; i < 3; i++) case_request(&c, 50 * S, 100000 + (uint32_t)i * 50000, 1); /* end at 150, 210, 260 s */
    c.trace.span = 1000 * S;
    CHECK(case_run(&c) == KW_OK);
    const struct kw_ledger *l = &c.o.ledger[0];
    CHECK(l->lives_n == 3 && l->starts == 2 && l->peak_replicas == 3);
    /* The first is held from 150 to 200 and goes then by its minute, at 210. The second idles from 210 to 270: the last one
     * stands for the floor, at work or not. */
    CHECK(l->lives[0].gone == 210 * S && l->lives[1].gone == 270 * S && l->lives[2].gone == 1000 * S);
    CHECK(l->lives[0].phase[KW_PHASE_IDLE] == 10 * S && l->lives[0].phase[KW_PHASE_KEEP_WARM] == 100 * S);
    CHECK(l->lives[2].phase[KW_PHASE_KEEP_WARM] == 740 * S);
    case_end(&c);
    kw_floor_free(&f);
}

static const enum kw_scaler scalers[] = { KW_SCALER_CAPACITY, KW_SCALER_QUEUE_DELAY, KW_SCALER_REQUEST_COUNT,
                                          KW_SCALER_QUEUE,    KW_SCALER_LOAD_TARGET, KW_SCALER_CONCURRENCY,
                                          KW_SCALER_KPA,      KW_SCALER_HPA,         KW_SCALER_RAY_SERVE,
                                          KW_SCALER_SKYSERVE, KW_SCALER_SETUP };
#define N_SCALERS (sizeof scalers / sizeof *scalers)

/* Random requests of half a minute on average through six hours, one every two minutes. */
static void begin_random(struct fleet_case *c, enum kw_scaler scaler, uint64_t seed)
{
    struct kw_rng rng;
    case_begin(c, scaler, 1, 6);
    struct kw_autoscaling *a = &c->d[0].scaling;
    c->d[0].cold.provision = (struct kw_law){ .kind = KW_LAW_EXPONENTIAL, .n = 1, .v = { 20 } };
    c->d[0].cold.init = case_seconds(5);
    a->idle_timeout = a->scale_down_delay = 90 * S;
    a->zero_timeout = 120 * S;
    a->target = a->utilisation = 1;
    a->target_delay = 4 * S;
    a->scale_up_window = 60 * S;
    a->eval_period = scaler == KW_SCALER_HPA || scaler == KW_SCALER_SKYSERVE ? 15 * S : 10 * S;
    a->max_up_rate = 1000;
    a->max_down_rate = 2;
    a->panic_threshold = 2;
    a->panic_window_share = 0.1;
    a->hpa = (struct kw_hpa){ .n_triggers = 1, .poll = 30 * S, .tolerance = 0.1 };
    a->hpa.trigger[0] = (struct kw_trigger){ .metric = KW_TRIGGER_BOTH, .threshold = 1 };
    c->opt.warmup = 1200 * S;
    c->opt.settle = 50000;
    CHECK(kw_rng_init(&rng, seed, 0, KW_RNG_ROUTING, NULL) == KW_OK);
    for (double t = 0; t < 6 * 3600; t += kw_rng_exp(&rng, 120))
        case_request(c, (kw_ns)(t * 1e9), (uint32_t)(1 + kw_rng_exp(&rng, 15000)), 1 + (uint32_t)kw_rng_exp(&rng, 3));
    kw_rng_free(&rng);
    c->trace.span = 6 * H;
}

/* What a run says, added up so that a difference anywhere shows. */
static uint64_t fingerprint(const struct fleet_case *c)
{
    const struct kw_ledger *l = &c->o.ledger[0];
    uint64_t h = kw_mix64(c->o.completed + 1000000 * (uint64_t)c->o.passes) ^ l->lives_n;
    for (uint64_t i = 0; i < c->trace.n; i++)
        h = kw_mix64(h ^ (uint64_t)c->o.records[i].ttft ^ (uint64_t)c->o.records[i].e2e << 1);
    for (uint64_t i = 0; i < l->lives_n; i++) {
        h = kw_mix64(h ^ (uint64_t)l->lives[i].born ^ (uint64_t)l->lives[i].gone << 1);
        for (int p = 0; p < KW_PHASES; p++) h = kw_mix64(h ^ (uint64_t)l->lives[i].phase[p]);
    }
    return kw_mix64(h ^ c->o.events);
}

static void a_level_that_never_changes_is_keep_warm(void)
{
    for (size_t i = 0; i < N_SCALERS; i++) {
        struct fleet_case c;
        struct kw_floor f;
        begin_random(&c, scalers[i], i);
        for (uint32_t warm = 0; warm < 3; warm++) {
            uint64_t as_keep_warm, as_floor;
            c.d[0].floor = NULL;
            c.d[0].scaling.keep_warm = warm;
            CHECK(case_run(&c) == KW_OK);
            as_keep_warm = fingerprint(&c);
            kw_floor_init(&f);
            append(&f, 0, warm);
            append(&f, 3 * H, warm);
            c.d[0].floor = &f;
            c.d[0].scaling.keep_warm = 5; /* the floor says how many */
            CHECK(case_run(&c) == KW_OK);
            as_floor = fingerprint(&c);
            CHECK(as_keep_warm == as_floor);
            kw_floor_free(&f);
        }
        case_end(&c);
    }
}

static void jumps_are_steps_and_runs_repeat_with_any_floor(void)
{
    for (size_t i = 0; i < N_SCALERS; i++) {
        struct fleet_case c;
        struct kw_floor f;
        begin_random(&c, scalers[i], 100 + i);
        kw_floor_init(&f);
        for (uint32_t k = 0; k < 24; k++) append(&f, k * H / 4, (k * 7 + (uint32_t)i) % 5);
        c.d[0].floor = &f;
        CHECK(case_run(&c) == KW_OK && c.o.completed == c.o.arrived);
        uint64_t jumped = fingerprint(&c), events = c.o.events;
        CHECK(case_run(&c) == KW_OK && fingerprint(&c) == jumped);
        c.opt.stepping_each = true;
        CHECK(case_run(&c) == KW_OK);
        c.o.events = events; /* steps are events */
        CHECK(fingerprint(&c) == jumped);
        /* Never fewer alive than the floor asks for: what is held, busy or starting is at least its area. */
        kw_ns alive = 0;
        for (int p = 0; p < KW_PHASES; p++) alive += c.o.ledger[0].phase[p];
        CHECK(alive >= kw_floor_area(&f, 6 * H) * (kw_ns)c.o.passes);
        kw_floor_free(&f);
        case_end(&c);
    }
}

static void what_cannot_be_is_refused(void)
{
    struct fleet_case c;
    struct kw_floor f;
    begin_office(&c, &f, KW_SCALER_CAPACITY);
    case_request(&c, 0, 1, 1);
    c.d[0].scaling.max_replicas = 1;
    CHECK(case_run(&c) == KW_OK);
    append(&f, 20 * H, 2);
    CHECK(case_run(&c) == KW_ERANGE);
    CHECK_STR(c.err.msg, "pool0: a floor that changes wants levels of at most max_replicas 1, got 2");
    c.d[0].scaling.max_replicas = 4;
    c.d[0].scaling.scaler = KW_SCALER_FIXED;
    CHECK(case_run(&c) == KW_ERANGE);
    CHECK_STR(c.err.msg, "pool0: a fixed number of replicas has no floor that changes");
    c.d[0].scaling.scaler = KW_SCALER_DYNAMO;
    CHECK(case_run(&c) == KW_ERANGE);
    CHECK_STR(c.err.msg, "pool0: dynamo keeps one replica at the least, the floor goes to 0");
    kw_floor_clear(&f);
    CHECK(case_run(&c) == KW_ERANGE);
    case_end(&c);
    kw_floor_free(&f);
}

int main(void)
{
    RUN(a_level_holds_until_the_next_one);
    RUN(office_hours_cost_eight_hours);
    RUN(a_request_before_the_hour_is_cold_and_its_replica_is_kept);
    RUN(a_loop_wakes_when_the_floor_falls);
    RUN(a_floor_across_the_edge_of_the_window_is_one_life);
    RUN(what_is_busy_counts_for_the_floor);
    RUN(a_level_that_never_changes_is_keep_warm);
    RUN(jumps_are_steps_and_runs_repeat_with_any_floor);
    RUN(what_cannot_be_is_refused);
    return check_report();
}
