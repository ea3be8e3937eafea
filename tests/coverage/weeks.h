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
#include <string.h>
#include "calibrate/operators/on_the_spot.h"
#include "platforms/facts/platforms.h"
#include "sim/core/rng.h"
#include "sim/plan/sweep/steptimes.h"
#include "sim/plan/sweep/sweep.h"

#define WEEKS_LEVEL 0.25
#define WEEKS_A_DAY 400.0
#define WEEKS_LIMIT_S 40 /* of TTFT: most cold requests miss it, some meet it */
#define WEEKS_FIGURES 4
#define WEEKS_WARM                                                                                                     \
    2 /* fleets that keep 0 and 1 replicas ready; of one, each has one request at a time, so that some are cold */
#define WEEKS_FIFTHS 5

static const enum kw_metric weeks_metric[WEEKS_FIGURES] = { KW_METRIC_COST, KW_METRIC_TTFT_P95, KW_METRIC_COLD_FRACTION,
                                                            KW_METRIC_ATTAINMENT };

struct weeks_case {
    uint32_t days, replications, keep_warm;
    double correlation;
};

/* What was said of an event and how often it was true: of weeks that gave it a probability in the k-th fifth. */
struct weeks_reliability {
    uint32_t said[WEEKS_FIFTHS], came[WEEKS_FIFTHS];
    double sum[WEEKS_FIFTHS]; /* of the probabilities */
};

static struct kw_platforms weeks_platforms;
static struct kw_profiles weeks_profiles;
static struct kw_steptimes weeks_times;
static struct kw_candidate weeks_fleet[WEEKS_WARM];

static enum kw_status weeks_open(struct kw_error *err)
{
    const struct kw_steptime *time;
    struct kw_choice c;
    enum kw_status st = kw_platforms_embedded(&weeks_platforms, err);
    if (st == KW_OK) st = kw_profiles_embedded(&weeks_profiles, err);
    if (st == KW_OK) st = kw_on_the_spot_all(&weeks_profiles, kw_model_find("llama-3.1-8b"), KW_EXPERTS_POWER_LAW, err);
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
    c.scaling.max_replicas = 4;
    for (uint32_t k = 0; k < WEEKS_WARM && st == KW_OK; k++) {
        c.scaling.keep_warm = k;
        if (k) kw_choice_set_concurrency(&c, 1);
        kw_candidate_init(&weeks_fleet[k]);
        st = kw_candidate_add(&weeks_fleet[k], &c, err);
    }
    return st;
}

static void weeks_close(void)
{
    for (int k = 0; k < WEEKS_WARM; k++) kw_candidate_free(&weeks_fleet[k]);
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

static struct kw_slo weeks_slo(void)
{
    struct kw_slo slo;
    kw_slo_init(&slo);
    slo.ttft_p95 = WEEKS_LIMIT_S * KW_NS_PER_S;
    return slo;
}

static enum kw_status weeks_evaluate(struct kw_point *p, const struct kw_trace *t, const struct weeks_case *c,
                                     uint64_t seed, struct kw_error *err)
{
    struct kw_study s = { .trace = t, .slo = weeks_slo(), .replications = c->replications, .seed = seed };
    struct kw_sweep_options one = { .threads = 1 };
    enum kw_status st = kw_point_init(p, err);
    return st == KW_OK ? kw_sweep(p, &weeks_fleet[c->keep_warm], 1, &s, &one, err) : st;
}

/* ttft: NULL, or where its requests stand by TTFT. */
static enum kw_status weeks_truth(double truth[WEEKS_FIGURES], struct kw_ranks *ttft, uint32_t days, double correlation,
                                  uint32_t keep_warm, struct kw_error *err)
{
    struct kw_trace t;
    struct kw_point p = { .n = 0 };
    const struct weeks_case c = { .replications = 1, .keep_warm = keep_warm };
    enum kw_status st = weeks_trace(&t, days, correlation, UINT64_C(1) << 40, err);
    if (st == KW_OK) st = weeks_evaluate(&p, &t, &c, 1, err);
    for (int k = 0; k < WEEKS_FIGURES && st == KW_OK; k++) truth[k] = p.m[weeks_metric[k]].value;
    if (st == KW_OK && ttft) kw_ranks_init(ttft, &p.ttft, 1e-9);
    kw_point_free(&p);
    kw_trace_free(&t);
    return st;
}

static void weeks_said(struct weeks_reliability *r, double probability, bool came)
{
    int k = (int)fmin(probability * WEEKS_FIFTHS, WEEKS_FIFTHS - 1);
    r->said[k]++;
    r->came[k] += came;
    r->sum[k] += probability;
}

/* P(feasible) by a limit on TTFT p95, and P(best) beside a rival of constant cost. Limit and cost are drawn about the
 * truth, wide beside what a week errs by and evenly on the scale that it errs on (a place among the law's requests, a
 * logarithm): so a week alone tells where the truth lies, and a probability can be right. came: whether the law itself
 * meets the limit, and costs less than the rival. */
static enum kw_status weeks_chances(struct kw_point *p, const double truth[WEEKS_FIGURES], const struct kw_ranks *ttft,
                                    uint64_t seed, double chance[2], bool came[2], struct kw_error *err)
{
    struct kw_rng lot = { .g = NULL };
    struct kw_slo slo = weeks_slo(), free_of_limits;
    struct kw_tariff tariff = kw_choice_tariff(&weeks_fleet[0].choice[0]);
    struct kw_point pair[2] = { { .n = 0 }, { .n = 0 } };
    double(*rival)[KW_METRICS] = malloc(p->replications * sizeof *rival);
    enum kw_status st =
        rival ? kw_rng_init(&lot, seed, 1, KW_RNG_CLASS, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) {
        double limit = kw_ranks_value(ttft, kw_ranks_place_of(0.95) + 0.1 * (kw_rng_uniform(&lot) - 0.5)),
               price = truth[0] * exp(0.3 * (kw_rng_uniform(&lot) - 0.5));
        slo.ttft_p95 = (kw_ns)(limit * 1e9);
        kw_slo_init(&free_of_limits);
        st = kw_point_finish(p, &tariff, &slo, err);
        chance[0] = kw_point_p_feasible(p);
        came[0] = truth[1] <= limit;
        pair[0] = pair[1] = *p;
        memcpy(rival, p->sample, p->replications * sizeof *rival);
        for (uint32_t r = 0; r < p->replications; r++) rival[r][KW_METRIC_COST] = price;
        pair[1].sample = rival;
        pair[0].feasible = pair[1].feasible = true;
        pair[1].m[KW_METRIC_COST].value = price;
        if (st == KW_OK) st = kw_points_rank(pair, 2, &free_of_limits, err);
        chance[1] = kw_point_p_best(&pair[0]);
        came[1] = truth[0] < price;
    }
    kw_rng_free(&lot);
    free(rival);
    return st;
}

/* How many intervals of `weeks` traces hold the truth, by figure; *width: their mean width over the truth. reliability:
 * of P(feasible) and P(best), by the law's ttft, or both NULL. Weeks share nothing, so that any number of threads counts the same. */
static enum kw_status weeks_cover(uint32_t held[WEEKS_FIGURES], double width[WEEKS_FIGURES],
                                  const double truth[WEEKS_FIGURES], uint32_t weeks, const struct weeks_case *c,
                                  const struct kw_ranks *ttft, struct weeks_reliability reliability[2],
                                  struct kw_error *err)
{
    struct told {
        struct kw_estimate e[WEEKS_FIGURES];
        double chance[2];
        bool came[2];
    } *all = calloc(weeks, sizeof *all);
    enum kw_status st = KW_OK;
    if (!all) return kw_fail(err, KW_ENOMEM, "out of memory");
#pragma omp parallel for schedule(dynamic, 1)
    for (uint32_t w = 0; w < weeks; w++) {
        struct kw_trace t;
        struct kw_point p = { .n = 0 };
        struct kw_error mine;
        enum kw_status got = weeks_trace(&t, c->days, c->correlation, 1 + w, &mine);
        if (got == KW_OK) got = weeks_evaluate(&p, &t, c, 1 + w, &mine);
        for (int k = 0; k < WEEKS_FIGURES && got == KW_OK; k++) all[w].e[k] = p.m[weeks_metric[k]];
        if (got == KW_OK && reliability) got = weeks_chances(&p, truth, ttft, 1 + w, all[w].chance, all[w].came, &mine);
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
            const struct kw_estimate *e = &all[w].e[k];
            held[k] += e->lo <= truth[k] && truth[k] <= e->hi;
            width[k] += (e->hi - e->lo) / truth[k] / weeks;
        }
    }
    for (uint32_t w = 0; w < weeks && reliability; w++)
        for (int k = 0; k < 2; k++) weeks_said(&reliability[k], all[w].chance[k], all[w].came[k]);
    free(all);
    return st;
}

#endif
