/* The search for the best schedule by the hour, on days of few busy hours: against all schedules there are, by the real event
 * loop; the bound, which none of them goes below; and a plan that takes it into its ranking. */
#include <stdlib.h>
#include "platforms/facts/platforms.h"
#include "sim/core/rng.h"
#include "sim/fleet/schedule_rules.h"
#include "sim/plan/plan.h"
#include "sim/plan/schedule/bound.h"
#include "tests/check.h"

#define H KW_NS_PER_HOUR
#define DAYS 3
#define MOST 4000
#define MONDAY INT64_C(1767571200)
static struct kw_platforms platforms;
static struct kw_profiles profiles;
static struct kw_steptimes *steptimes;
static struct kw_zone utc;
static kw_ns arrival[MOST];
static uint32_t prompt[MOST], output[MOST];
static struct kw_trace trace = { .arrival = arrival, .prompt = prompt, .output = output };

/* `rate` requests an hour at random in the hours from `first` on, rate[n]. */
static void make_trace(const double *rate, int first, int n, uint64_t seed)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, seed, 0, KW_RNG_ARRIVALS, NULL) == KW_OK);
    trace.n = 0;
    trace.span = DAYS * 24 * H;
    trace.epoch_unix = MONDAY;
    for (int day = 0; day < DAYS; day++)
        for (int i = 0; i < n; i++)
            for (double t = kw_rng_exp(&r, 3600 / rate[i]); t < 3600 && trace.n < MOST;
                 t += kw_rng_exp(&r, 3600 / rate[i])) {
                arrival[trace.n] = (day * 24 + first + i) * H + (kw_ns)(t * 1e9);
                prompt[trace.n] = 1 + (uint32_t)kw_rng_exp(&r, 600);
                output[trace.n++] = 1 + (uint32_t)kw_rng_exp(&r, 150);
            }
    kw_rng_free(&r);
}

static struct kw_study study_of(void)
{
    struct kw_study s = { .trace = &trace, .replications = 1, .seed = 11 };
    kw_slo_init(&s.slo);
    s.slo.ttft_p95 = 2 * KW_NS_PER_S;
    return s;
}

/* An L4 of a platform, as a plan has it. */
static void enumerate(struct kw_plan *p, const char *platform, const struct kw_study *s, struct kw_plan_options *o)
{
    struct kw_error err = { "" };
    kw_plan_options_default(o);
    kw_plan_init(p);
    o->platforms[o->n_platforms++] = platform;
    o->gpus[o->n_gpus++] = "L4";
    o->precisions[o->n_precisions++] = "fp8";
    o->kinds = 1u << KW_KIND_SERVERLESS;
    o->run.threads = 2;
    CHECK(kw_plan_enumerate(p, &platforms, &profiles, steptimes, s->trace, "llama-3.1-8b", o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

/* The cheapest of all schedules of levels 0 to most in the hours [first, first + n), 0 in the others, that meets; INFINITY. */
static double brute_force(const struct kw_hours *h, const struct kw_candidate *c, const struct kw_study *s,
                          const struct kw_sweep_options *run, int first, int n, uint32_t most, double *lowest)
{
    enum { BATCH = 81 };
    static uint32_t level[BATCH * KW_HOURS_MAX];
    struct kw_hours_run *out = calloc(BATCH, sizeof *out);
    double best = INFINITY;
    size_t all = 1, batch = 0;
    for (int i = 0; i < n; i++) all *= most + 1;
    for (size_t k = 0; k < all; k++) {
        uint32_t *to = level + batch++ * h->n;
        memset(to, 0, h->n * sizeof *to);
        size_t rest = k;
        for (int i = 0; i < n; i++, rest /= most + 1) to[first + i] = (uint32_t)(rest % (most + 1));
        if (batch < BATCH && k + 1 < all) continue;
        CHECK(kw_hours_try(h, c, s, run, level, batch, out, NULL) == KW_OK);
        for (size_t b = 0; b < batch; b++) {
            if (out[b].feasible) best = fmin(best, out[b].cost);
            if (out[b].feasible) *lowest = fmin(*lowest, out[b].cost);
        }
        batch = 0;
    }
    free(out);
    return best;
}

/* Few requests and many, a rise, one burst a day, hours that differ: on platforms whose starts are billed and are not. */
static void within_three_percent_of_brute_force(void)
{
    static const struct {
        const char *platform;
        double rate[6];
    } cases[] = { { "modal", { 40, 60, 60, 60, 60, 40 } },  { "runpod", { 40, 60, 60, 60, 60, 40 } },
                  { "modal", { 4, 6, 200, 6, 3, 2 } },      { "runpod", { 4, 6, 200, 6, 3, 2 } },
                  { "cloud-run", { 3, 5, 9, 20, 40, 80 } }, { "runpod", { 3, 5, 9, 20, 40, 80 } },
                  { "modal", { 2, 2, 2, 2, 2, 2 } } };
    int saved = 0;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct kw_study s = study_of();
        struct kw_plan p;
        struct kw_plan_options o;
        struct kw_hours h;
        struct kw_schedule_found f, again;
        make_trace(cases[k].rate, 9, 6, k + 1);
        enumerate(&p, cases[k].platform, &s, &o);
        CHECK(kw_hours_init(&h, &trace, &utc, 24, NULL) == KW_OK && h.n == 24 && h.pieces == 24 * DAYS);
        const struct kw_candidate *c = &p.candidates[0];
        CHECK(c->choice[0].scaling.keep_warm == 0);
        struct kw_schedule_search how = { 0, 2, 1, NAN, INFINITY };
        double lowest = INFINITY, best = brute_force(&h, c, &s, &o.run, 9, 6, 2, &lowest);
        CHECK(kw_schedule_bound(&how.bound, &h, c, &s, &o.run, 0, NULL) == KW_OK);
        CHECK(kw_schedule_search(&f, &h, c, &s, &o.run, &how, NULL) == KW_OK);
        CHECK(f.any && isfinite(best));
        CHECK(f.cost <= 1.03 * best);
        CHECK(how.bound <= lowest * (1 + 1e-9) && how.bound > 0);
        saved += f.cost < 0.5 * 0.8 * 730;
        o.run.threads = 3;
        CHECK(kw_schedule_search(&again, &h, c, &s, &o.run, &how, NULL) == KW_OK);
        CHECK(!memcmp(f.level, again.level, sizeof f.level) && f.cost == again.cost);
        how.share = 0.5; /* fewer late requests cost no less */
        CHECK(kw_schedule_search(&again, &h, c, &s, &o.run, &how, NULL) == KW_OK);
        CHECK(!again.any || again.cost >= best);
        how.share = 1;
        how.limit = how.bound * 0.999; /* which the bound shows to be out of reach */
        CHECK(kw_schedule_search(&again, &h, c, &s, &o.run, &how, NULL) == KW_OK && !again.any && again.runs == 0);
        if (getenv("SHOW"))
            printf("%s: found %.2f best %.2f bound %.2f runs %u\n", cases[k].platform, f.cost, best, how.bound, f.runs);
        kw_hours_free(&h);
        kw_plan_free(&p);
    }
    CHECK(saved > 3);
}

/* Four requests a quarter of a minute apart, once an hour: the first one's start serves them all, so the bound of a schedule that keeps
 * none warm has one start an hour (the autoscaler orders more while they wait). */
static void a_burst_is_one_start(void)
{
    struct kw_study s = study_of();
    struct kw_plan p;
    struct kw_plan_options o;
    struct kw_hours h;
    struct kw_hours_run r;
    static const uint32_t none[KW_HOURS_MAX];
    double bound;
    s.slo.ttft_p95 = 300 * KW_NS_PER_S;
    trace.n = 0;
    trace.span = DAYS * 24 * H;
    trace.epoch_unix = MONDAY;
    for (int hour = 0; hour < DAYS * 24; hour++)
        for (int i = 0; i < 4; i++) {
            arrival[trace.n] = hour * H + (1200 + 15 * i) * KW_NS_PER_S;
            prompt[trace.n] = 300;
            output[trace.n++] = 20;
        }
    enumerate(&p, "runpod", &s, &o);
    CHECK(kw_hours_init(&h, &trace, &utc, 24, NULL) == KW_OK);
    CHECK(kw_hours_try(&h, &p.candidates[0], &s, &o.run, none, 1, &r, NULL) == KW_OK && r.feasible);
    CHECK(kw_schedule_bound(&bound, &h, &p.candidates[0], &s, &o.run, 0, NULL) == KW_OK);
    CHECK(bound <= r.cost && bound > 0.2 * r.cost);
    if (getenv("SHOW")) printf("burst: bound %.2f of %.2f\n", bound, r.cost);
    kw_hours_free(&h);
    kw_plan_free(&p);
}

/* The window's hours are the clock's, on days that begin at another one too; what an hour holds adds up to the run. */
static void hours_add_up(void)
{
    static const double rate[6] = { 40, 60, 60, 60, 60, 40 };
    struct kw_zone berlin;
    struct kw_hours h;
    struct kw_plan p;
    struct kw_plan_options o;
    struct kw_study s = study_of();
    static uint32_t level[KW_HOURS_MAX];
    struct kw_hours_run r;
    CHECK(kw_zone_load(&berlin, "Europe/Berlin", NULL) == KW_OK);
    make_trace(rate, 9, 6, 7);
    trace.epoch_unix = MONDAY + 1800;
    CHECK(kw_hours_init(&h, &trace, &berlin, 24, NULL) == KW_OK && h.pieces == 24 * DAYS + 1);
    CHECK(h.which[0] == 1 && h.begin[1] == 1800 * KW_NS_PER_S && h.which[1] == 2 && h.begin[h.pieces] == trace.span);
    CHECK(kw_hours_at(&h, 0) == 0 && kw_hours_at(&h, h.begin[5]) == 5 && kw_hours_at(&h, h.begin[5] - 1) == 4);
    enumerate(&p, "modal", &s, &o);
    level[11] = 1;
    CHECK(kw_hours_try(&h, &p.candidates[0], &s, &o.run, level, 1, &r, NULL) == KW_OK);
    double billed = 0, late = 0;
    for (uint32_t i = 0; i < h.n; i++) billed += r.billed[i];
    for (uint32_t i = 0; i < h.n; i++) late += r.bad[0][i];
    /* An L4 of Modal's by the hour, its credit of a month, and what a second of a life is rounded up by. */
    CHECK_NEAR(billed / 3600 * 0.7992 * 730 / (24 * DAYS) - 30, r.cost, 0.02 * r.cost);
    CHECK(late > 0 && late < (double)trace.n && r.billed[3] == 0 && r.billed[11] > 3000 * DAYS);
    kw_plan_free(&p);
    kw_hours_free(&h);
    kw_zone_free(&berlin);
    trace.epoch_unix = INT64_MIN;
    CHECK(kw_hours_init(&h, &trace, &utc, 24, NULL) == KW_ERANGE);
}

static void levels_become_changes(void)
{
    uint32_t level[KW_HOURS_MAX] = { 0 };
    char text[400];
    struct kw_schedule x;
    struct kw_hours h = { .n = 24, .zone = &utc };
    for (int i = 9; i < 18; i++) level[i] = 2;
    kw_hours_schedule(&h, level, &x);
    CHECK_STR(kw_schedule_text(&x, text, sizeof text), "daily 09:00-18:00: 2; otherwise 0");
    CHECK(x.n == 14 && x.lead == KW_LEAD_AUTO);
    level[0] = level[23] = 1; /* over midnight */
    kw_hours_schedule(&h, level, &x);
    CHECK_STR(kw_schedule_text(&x, text, sizeof text),
              "daily 00:00-01:00: 1; daily 09:00-18:00: 2; daily 23:00-24:00: 1; otherwise 0");
    CHECK(x.change[0].minute == 60 && x.change[0].warm == 0);
    for (int i = 0; i < 24; i++) level[i] = 3;
    kw_hours_schedule(&h, level, &x);
    CHECK(x.n == 1 && x.change[0].warm == 3);
    h.n = 48;
    for (uint32_t i = 0; i < 48; i++) level[i] = i >= 9 && i < 18 ? 2 : i == 34;
    kw_hours_schedule(&h, level, &x);
    CHECK_STR(kw_schedule_text(&x, text, sizeof text), "mon-fri 09:00-18:00: 2; sat,sun 10:00-11:00: 1; otherwise 0");
    h.n = 168;
    for (uint32_t i = 0; i < 168; i++) level[i] = i % 2;
    kw_hours_schedule(&h, level, &x);
    CHECK(x.n == 168);
}

/* A plan ranks the schedule, and an exhaustive one finds the same. */
static void a_plan_takes_it(void)
{
    static const double rate[6] = { 10, 10, 10, 10, 10, 10 };
    double cost[2];
    for (int exhaustive = 0; exhaustive < 2; exhaustive++) {
        struct kw_study s = study_of();
        struct kw_plan p;
        struct kw_plan_options o;
        struct kw_error err = { "" };
        make_trace(rate, 9, 6, 7);
        enumerate(&p, "modal", &s, &o);
        o.exhaustive = exhaustive;
        o.curves = KW_CURVES_FIRST; /* of constants */
        CHECK(kw_plan_run(&p, &s, &o, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        if (getenv("SHOW"))
            printf("%zu: constant %s %.2f found %d %.2f bound %.2f candidate %td best %td\n", p.n_schedules,
                   p.schedule[0].label, p.schedule[0].constant, p.schedule[0].found.any, p.schedule[0].found.cost,
                   p.schedule[0].bound, p.schedule[0].candidate, p.best);
        CHECK(p.n_schedules == 1 && p.schedule[0].found.any && p.schedule[0].candidate == p.best && p.best >= 0);
        CHECK(p.points[p.best].m[KW_METRIC_COST].value == p.schedule[0].found.cost &&
              p.schedule[0].found.cost < 0.99 * p.schedule[0].constant && p.schedule[0].weeks == 0);
        CHECK(p.candidates[p.best].choice[0].schedule.n == 14 && strstr(p.recommendation, "schedule=0-1"));
        CHECK(p.tradeoffs.n_curves == 1 && !p.candidates[p.tradeoffs.curve[0].leader].choice[0].schedule.n);
        cost[exhaustive] = p.points[p.best].m[KW_METRIC_COST].value;
        kw_plan_free(&p);
        make_trace(rate, 9, 6, 7);
        enumerate(&p, "modal", &s, &o);
        o.no_schedules = true;
        CHECK(kw_plan_run(&p, &s, &o, &err) == KW_OK && p.n_schedules == 0);
        kw_plan_free(&p);
    }
    CHECK(cost[0] == cost[1]);
}

int main(void)
{
    struct kw_steptimes st;
    struct kw_error err = { "" };
    kw_steptimes_init(&st);
    steptimes = &st;
    CHECK(kw_zone_load(&utc, "UTC", &err) == KW_OK && kw_platforms_embedded(&platforms, &err) == KW_OK &&
          kw_profiles_embedded(&profiles, &err) == KW_OK);
    for (size_t i = 0; i < platforms.n; i++) kw_platform_as_of(&platforms.p[i], "2026-05-01");
    RUN(within_three_percent_of_brute_force);
    RUN(a_burst_is_one_start);
    RUN(hours_add_up);
    RUN(levels_become_changes);
    RUN(a_plan_takes_it);
    kw_steptimes_free(&st);
    kw_profiles_free(&profiles);
    kw_platforms_free(&platforms);
    return check_report();
}
