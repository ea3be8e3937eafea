/* What would flip an answer through the real event loop: a law of times is moved in every candidate, and all is planned anew
 * on either side of the move that was told. */
#include <stdlib.h>
#include "calibrate/operators/on_the_spot.h"
#include "platforms/facts/platforms.h"
#include "sim/core/rng.h"
#include "sim/plan/flip_times.h"
#include "sim/plan/plan_internal.h"
#include "sim/plan/volume.h"
#include "tests/check.h"

#define REQUESTS 500
static struct kw_platforms platforms;
static struct kw_profiles profiles;
static struct kw_trace trace; /* an hour and a half, two bursts, silence between */

static void make_trace(void)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, 5, 0, KW_RNG_ARRIVALS, NULL) == KW_OK);
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

static size_t made_of; /* candidates that step times were made for */

struct scene {
    const char *platform[4], *gpu[3];
    double ttft_p95_s, cold_fraction, volume;
};

static struct kw_plan_options options_of(const struct scene *c)
{
    struct kw_plan_options o;
    kw_plan_options_default(&o);
    for (int i = 0; i < 4 && c->platform[i]; i++) o.platforms[o.n_platforms++] = c->platform[i];
    for (int i = 0; i < 3 && c->gpu[i]; i++) o.gpus[o.n_gpus++] = c->gpu[i];
    o.idle_timeout[0] = 300 * KW_NS_PER_S;
    o.n_idle_timeouts = 1;
    o.keep_warm[1] = 1;
    o.n_keep_warm = 2;
    o.concurrency[0] = 32;
    o.n_concurrency = 1;
    o.run.threads = 2;
    return o;
}

/* The plan of a scene with one law `by` times what it says; NULL: as it is. */
static void plan_of(struct kw_plan *p, const struct kw_trace *t, struct kw_steptimes *times, const struct scene *c,
                    const struct kw_lever *l, double by, struct kw_steptime ***made)
{
    struct kw_study s = { .trace = t, .replications = 1, .seed = 7 };
    struct kw_plan_options o = options_of(c);
    struct kw_error err = { "" };
    kw_slo_init(&s.slo);
    s.slo.ttft_p95 = (kw_ns)(c->ttft_p95_s * 1e9);
    s.slo.cold_fraction = c->cold_fraction;
    kw_plan_init(p);
    CHECK(kw_plan_enumerate(p, &platforms, &profiles, times, t, "llama-3.1-8b", &o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    made_of = p->n;
    *made = calloc(p->n * KW_FLEET_MAX_DEPLOYMENTS, sizeof **made);
    for (size_t i = 0; l && l->kind != KW_LEVER_VOLUME && i < p->n; i++)
        CHECK(kw_lever_apply(l, by, &p->candidates[i], *made + i * KW_FLEET_MAX_DEPLOYMENTS, &err) == KW_OK);
    CHECK(kw_plan_run(p, &s, &o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

static void plan(struct kw_plan *p, struct kw_steptimes *times, const struct scene *c, const struct kw_lever *l,
                 double by, struct kw_steptime ***made)
{
    struct kw_trace base = { .epoch_unix = INT64_MIN }, other = { .epoch_unix = INT64_MIN };
    bool moved = l && l->kind == KW_LEVER_VOLUME;
    CHECK(kw_volume_scale(&base, &trace, c->volume, 1, 7, NULL) == KW_OK);
    if (moved) CHECK(kw_volume_scale(&other, &base, by, 1, 7, NULL) == KW_OK);
    plan_of(p, moved ? &other : &base, times, c, l, by, made);
    kw_trace_free(&base);
    kw_trace_free(&other);
}

static void best_with(const struct scene *c, const struct kw_lever *l, double by, char best[320])
{
    struct kw_steptimes times;
    struct kw_plan p;
    struct kw_steptime **made;
    kw_steptimes_init(&times);
    size_t n;
    plan(&p, &times, c, l, by, &made);
    n = made_of;
    snprintf(best, 320, "none");
    for (size_t i = 0; i < p.n; i++)
        if (p.points[i].feasible && p.points[i].rank == 1) kw_candidate_label(&p.candidates[i], best, 320);
    kw_plan_free(&p);
    for (size_t i = 0; made && i < n * KW_FLEET_MAX_DEPLOYMENTS; i++) kw_steptime_delete(made[i]);
    free(made);
    kw_steptimes_free(&times);
}

static void a_law_flips_where_it_is_told(void)
{
    const struct scene scene[] = {
        { { "modal", "runpod-secure" }, { "L4", "L40S" }, 2, -1, 1 },
        { { "modal", "runpod" }, { "L4" }, 30, -1, 1 },
        { { "modal", "bedrock" }, { "L4" }, 1.5, -1, 1 },
        { { "runpod", "runpod-secure" }, { "L40S" }, 0.25, -1, 1 },
        { { "runpod", "huggingface" }, { "L4" }, 60, 0.2, 1 },
        { { "bedrock", "runpod-community" }, { "RTX4090" }, 2, -1, 3 },
        { { "runpod-secure", "runpod-community" }, { "RTX4090", "A40", "L40S" }, 0.5, -1, 1 }
    };
    int flips[KW_LEVERS] = { 0 }, in_vain = 0, missing = 0;
    for (size_t k = 0; k < sizeof scene / sizeof *scene; k++) {
        struct kw_steptimes times;
        struct kw_plan p;
        struct kw_steptime **made;
        char best[320], now[320];
        kw_steptimes_init(&times);
        plan(&p, &times, &scene[k], NULL, 1, &made);
        CHECK(p.best >= 0);
        if (p.best >= 0 && p.points[p.best].rank == 1) kw_candidate_label(&p.candidates[p.best], best, sizeof best);
        for (size_t i = 0; p.best >= 0 && p.points[p.best].rank == 1 && i < p.n_flips; i++) {
            const struct kw_flip *f = &p.flips[i];
            bool volume = f->lever.kind == KW_LEVER_VOLUME;
            if (kw_lever_is_price(f->lever.kind) || f->lever.kind == KW_LEVER_READING || !f->sought) continue;
            if (volume && isnan(f->move.value)) continue; /* what is planned anew may find settings of its own */
            if (isnan(f->move.value)) {
                /* of a rival worse steps bring in nothing */
                for (int far = 0; far < 1 + kw_lever_moves(&f->lever, &p.candidates[p.best]); far++) {
                    best_with(&scene[k], &f->lever, far ? fmax(f->end, 1) : 1 / KW_FLIP_MOST, now);
                    CHECK_STR(now, best);
                }
                in_vain++;
                continue;
            }
            CHECK(f->stands * f->move.value >= 0 && fabs(f->stands) < fabs(f->move.value));
            CHECK(fabs(f->move.value - f->stands) <= fmax(volume ? 0.011 : 0.0021, 0.06 * fabs(f->move.value)));
            CHECK_NEAR(f->at, f->lever.value * (1 + f->move.value), 1e-9 * f->at);
            best_with(&scene[k], &f->lever, 1 + f->stands, now);
            CHECK_STR(now, best);
            best_with(&scene[k], &f->lever, 1 + f->move.value, now);
            CHECK(strcmp(now, best) != 0);
            if (f->then[0]) CHECK_STR(now, f->then);
            flips[f->lever.kind]++;
            missing += f->misses;
        }
        kw_plan_free(&p);
        free(made);
        kw_steptimes_free(&times);
    }
    printf(
        "laws that flip: %d starts, %d steps, %d first tokens, %d rates, %d volumes; %d by an objective; %d in vain\n",
        flips[KW_LEVER_START], flips[KW_LEVER_STEPS], flips[KW_LEVER_TTFT], flips[KW_LEVER_RATE],
        flips[KW_LEVER_VOLUME], missing, in_vain);
    CHECK(flips[KW_LEVER_STEPS] >= 2 && flips[KW_LEVER_START] >= 1 && missing >= 1 && flips[KW_LEVER_VOLUME] >= 1);
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_platforms_embedded(&platforms, &err) == KW_OK && kw_profiles_embedded(&profiles, &err) == KW_OK);
    CHECK(kw_on_the_spot_all(&profiles, kw_model_find("llama-3.1-8b"), KW_EXPERTS_POWER_LAW, &err) == KW_OK);
    make_trace();
    RUN(a_law_flips_where_it_is_told);
    kw_trace_free(&trace);
    kw_profiles_free(&profiles);
    kw_platforms_free(&platforms);
    return check_report();
}
