/* tests/coverage/weeks.h - weeks of a known law through the real event loop, and how often their 95 % intervals hold
 * the law's own figures.
 *
 * The law: day d has level exp(s z - s^2/2), s = 0.25, z a Gauss-Markov sequence z_d = r z_(d-1) + sqrt(1 - r^2) e_d
 * (r = 0: independent days), and within it Poisson arrivals at a rate that follows the hour, 1 + 0.8 sin. The fleet: an
 * 8B model on one platform's serverless GPU, nothing kept warm. The truth: one trace of TRUTH_DAYS of the same law. */
#ifndef KW_TESTS_COVERAGE_WEEKS_H
#define KW_TESTS_COVERAGE_WEEKS_H
#include <math.h>
#include <stdlib.h>
#include "platforms/facts/platforms.h"
#include "sim/core/rng.h"
#include "sim/plan/sweep/steptimes.h"
#include "sim/plan/sweep/sweep.h"

#define WEEKS_LEVEL 0.25
#define WEEKS_A_DAY 400.0
#define WEEKS_FIGURES 3

static const enum kw_metric weeks_metric[WEEKS_FIGURES] = { KW_METRIC_COST, KW_METRIC_TTFT_P95,
                                                            KW_METRIC_COLD_FRACTION };
static struct kw_platforms weeks_platforms;
static struct kw_profiles weeks_profiles;
static struct kw_steptimes weeks_times;
static struct kw_candidate weeks_fleet;

static enum kw_status weeks_open(struct kw_error *err)
{
    const struct kw_steptime *time;
    struct kw_choice c;
    enum kw_status st = kw_platforms_embedded(&weeks_platforms, err);
    if (st == KW_OK) st = kw_profiles_embedded(&weeks_profiles, err);
    if (st != KW_OK) return st;
    const struct kw_platform *p = kw_platforms_find(&weeks_platforms, "modal");
    const struct kw_gpu_offer *gpu = p ? kw_platform_gpu(p, "L4", 1) : NULL;
    const struct kw_profile *prof = kw_profiles_find(&weeks_profiles, "L4", "llama-3.1-8b", "fp8", 1);
    if (!gpu || !prof) return kw_fail(err, KW_ERANGE, "no L4 at modal, or no profile of it");
    kw_steptimes_init(&weeks_times);
    st = kw_steptimes_get(&weeks_times, prof, prof->max_num_seqs, prof->max_num_batched_tokens, &time, err);
    if (st == KW_OK) st = kw_choice_gpu(&c, p, gpu, prof, time, err);
    if (st != KW_OK) return st;
    kw_choice_idle_timeout(&c, 300 * KW_NS_PER_S);
    c.scaling.keep_warm = 0;
    c.scaling.max_replicas = 4;
    kw_candidate_init(&weeks_fleet);
    return kw_candidate_add(&weeks_fleet, &c, err);
}

static void weeks_close(void)
{
    kw_candidate_free(&weeks_fleet);
    kw_steptimes_free(&weeks_times);
    kw_profiles_free(&weeks_profiles);
    kw_platforms_free(&weeks_platforms);
}

/* `days` of the law; t is freed with kw_trace_free. */
static enum kw_status weeks_trace(struct kw_trace *t, uint32_t days, double correlation, uint64_t seed,
                                  struct kw_error *err)
{
    struct kw_rng levels = { .g = NULL }, arrivals = { .g = NULL };
    size_t room = (size_t)(days * WEEKS_A_DAY * 3 + 1000);
    *t = (struct kw_trace){ .span = days * KW_DAY_NS, .epoch_unix = INT64_MIN };
    t->arrival = malloc(room * sizeof *t->arrival);
    t->prompt = malloc(room * sizeof *t->prompt);
    t->output = malloc(room * sizeof *t->output);
    enum kw_status st = t->arrival && t->prompt && t->output ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_rng_init(&levels, seed, 0, KW_RNG_CLASS, err);
    if (st == KW_OK) st = kw_rng_init(&arrivals, seed, 0, KW_RNG_ARRIVALS, err);
    double z = st == KW_OK ? kw_rng_normal(&levels) : 0;
    for (uint32_t d = 0; d < days && st == KW_OK; d++) {
        if (d) z = correlation * z + sqrt(1 - correlation * correlation) * kw_rng_normal(&levels);
        double level = exp(WEEKS_LEVEL * z - WEEKS_LEVEL * WEEKS_LEVEL / 2), most = 1.8 * WEEKS_A_DAY * level;
        for (double at = kw_rng_exp(&arrivals, 1 / most); at < 1; at += kw_rng_exp(&arrivals, 1 / most)) {
            bool kept = kw_rng_uniform(&arrivals) * 1.8 < 1 + 0.8 * sin(2 * M_PI * at); /* thinning: Lewis & Shedler */
            if (!kept) continue;
            if (t->n == room) break;
            t->arrival[t->n] = (kw_ns)((d + at) * (double)KW_DAY_NS);
            t->prompt[t->n] = 1 + (uint32_t)kw_rng_exp(&arrivals, 600);
            t->output[t->n++] = 1 + (uint32_t)kw_rng_exp(&arrivals, 150);
        }
    }
    kw_rng_free(&levels);
    kw_rng_free(&arrivals);
    return st;
}

static enum kw_status weeks_evaluate(struct kw_point *p, const struct kw_trace *t, uint32_t replications, uint64_t seed,
                                     struct kw_error *err)
{
    struct kw_study s = { .trace = t, .replications = replications, .seed = seed };
    struct kw_sweep_options one = { .threads = 1 };
    kw_slo_init(&s.slo);
    enum kw_status st = kw_point_init(p, err);
    return st == KW_OK ? kw_sweep(p, &weeks_fleet, 1, &s, &one, err) : st;
}

static enum kw_status weeks_truth(double truth[WEEKS_FIGURES], uint32_t days, double correlation, struct kw_error *err)
{
    struct kw_trace t;
    struct kw_point p = { .n = 0 };
    enum kw_status st = weeks_trace(&t, days, correlation, UINT64_C(1) << 40, err);
    if (st == KW_OK) st = weeks_evaluate(&p, &t, 1, 1, err);
    for (int k = 0; k < WEEKS_FIGURES && st == KW_OK; k++) truth[k] = p.m[weeks_metric[k]].value;
    kw_point_free(&p);
    kw_trace_free(&t);
    return st;
}

/* How many intervals of `weeks` traces, each of so many days, hold the truth, by figure; *width: their mean width over
 * the truth. Weeks share nothing, so that any number of threads counts the same. */
static enum kw_status weeks_cover(uint32_t held[WEEKS_FIGURES], double width[WEEKS_FIGURES],
                                  const double truth[WEEKS_FIGURES], uint32_t weeks, uint32_t days, double correlation,
                                  uint32_t replications, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    struct kw_estimate(*all)[WEEKS_FIGURES] = calloc(weeks, sizeof *all);
    if (!all) return kw_fail(err, KW_ENOMEM, "out of memory");
#pragma omp parallel for schedule(dynamic, 1)
    for (uint32_t w = 0; w < weeks; w++) {
        struct kw_trace t;
        struct kw_point p = { .n = 0 };
        struct kw_error mine;
        enum kw_status got = weeks_trace(&t, days, correlation, 1 + w, &mine);
        if (got == KW_OK) got = weeks_evaluate(&p, &t, replications, 1 + w, &mine);
        for (int k = 0; k < WEEKS_FIGURES && got == KW_OK; k++) all[w][k] = p.m[weeks_metric[k]];
        kw_point_free(&p);
        kw_trace_free(&t);
#pragma omp critical(weeks_fail)
        if (got != KW_OK) {
            st = got;
            *err = mine;
        }
    }
    for (int k = 0; k < WEEKS_FIGURES; k++) {
        held[k] = 0;
        width[k] = 0;
        for (uint32_t w = 0; w < weeks; w++) {
            held[k] += all[w][k].lo <= truth[k] && truth[k] <= all[w][k].hi;
            width[k] += (all[w][k].hi - all[w][k].lo) / truth[k] / weeks;
        }
    }
    free(all);
    return st;
}

#endif
