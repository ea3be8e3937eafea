#include "sim/plan/stress.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNSTATED_ERROR 0.2 /* our assumption, which the stress's name says */

static bool scale_curve(struct kw_curve *to, const struct kw_curve *from, double by)
{
    *to = (struct kw_curve){ .n = from->n, .x = from->x }; /* x is borrowed, y is owned */
    assert(by > 0);
    to->y = malloc((from->n ? from->n : 1) * sizeof *to->y);
    for (uint32_t i = 0; to->y && i < from->n; i++) to->y[i] = from->y[i] * by;
    return to->y != NULL;
}

static enum kw_status slower_steps(struct kw_steptime **out, const struct kw_choice *c, double by, struct kw_error *err)
{
    const struct kw_step_tables *from = &c->profile->tables;
    struct kw_step_tables to = *from;
    to.fixed_s *= by;
    to.sequence_s *= by;
    to.chunk_s *= by;
    for (uint32_t i = 0; i < to.cold.n_idle; i++) to.cold.idle[i].more_s *= by;
    to.cold.after_prompt_s *= by;
    to.prefill_token_s *= by;
    to.dense.y = to.head.y = to.prefill_attn.y = to.comm.y = NULL;
    to.decode = calloc(from->n_decode_rows ? from->n_decode_rows : 1, sizeof *to.decode);
    bool ok = to.decode && scale_curve(&to.dense, &from->dense, by) && scale_curve(&to.head, &from->head, by) &&
              scale_curve(&to.prefill_attn, &from->prefill_attn, by) && scale_curve(&to.comm, &from->comm, by);
    for (uint32_t i = 0; ok && i < from->n_decode_rows; i++) ok = scale_curve(&to.decode[i], &from->decode[i], by);
    enum kw_status st = ok ? kw_steptime_compile(out, &to, c->sched.max_num_seqs, c->sched.max_num_batched_tokens, err)
                           : kw_fail(err, KW_ENOMEM, "out of memory for step times");
    for (uint32_t i = 0; to.decode && i < from->n_decode_rows; i++) free(to.decode[i].y);
    free(to.decode);
    free(to.dense.y);
    free(to.head.y);
    free(to.prefill_attn.y);
    free(to.comm.y);
    return st;
}

static void scale_law(struct kw_law *l, double by)
{
    if (l->kind == KW_LAW_CONSTANT)
        l->v[0] *= by;
    else if (l->kind == KW_LAW_LOGNORMAL)
        l->v[0] += log(by);
    else if (l->kind == KW_LAW_QUANTILES)
        for (int i = 0; i < l->n; i++) l->v[i] *= by;
}

static double worst_objective(const struct kw_slo *slo, const double figure[KW_METRICS])
{
    double told_apart = figure[KW_METRIC_CLASS_WORST];
    return isnan(told_apart) ? kw_slo_worst(slo, figure, NULL, 0) : told_apart;
}

static enum kw_status replay(struct kw_stress *s, const struct kw_candidate *c, const struct kw_study *study,
                             const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_point p;
    enum kw_status st = kw_point_init(&p, err);
    if (st != KW_OK) return st;
    st = kw_sweep(&p, c, 1, study, run, err);
    if (st == KW_OK) {
        s->feasible = p.feasible;
        s->cost = p.m[KW_METRIC_COST].value;
        memcpy(s->miss, p.miss, sizeof s->miss);
        s->worst = worst_objective(&study->slo, p.sample[0]);
    }
    kw_point_free(&p);
    return st;
}

/* 0: nobody stated one. */
static double worst_error(const struct kw_profile *p)
{
    return fmax(p->steps_error_worst, p->prefill_error_worst);
}

#define NORMAL_QUARTILE 0.6744897501960817 /* the median of |z| */

static double log_sigma(const struct kw_profile *p)
{
    double median = fmax(p->steps_error_median, p->prefill_error_median);
    return median > 0 ? median / NORMAL_QUARTILE : UNSTATED_ERROR;
}

static enum kw_status stress_steps(struct kw_stress *s, const struct kw_candidate *c, const struct kw_study *study,
                                   const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_candidate worse;
    struct kw_steptime *made[KW_FLEET_MAX_DEPLOYMENTS] = { NULL };
    double most = 0, sigma = 0;
    bool stated = true;
    enum kw_status st = kw_candidate_copy(&worse, c, err);
    if (st != KW_OK) return st;
    for (uint32_t d = 0; d < worse.n && st == KW_OK; d++) {
        struct kw_choice *x = &worse.choice[d];
        if (!x->profile) continue;
        double e = worst_error(x->profile);
        if (!(e > 0)) {
            e = UNSTATED_ERROR;
            stated = false;
        }
        most = fmax(most, e);
        sigma = fmax(sigma, log_sigma(x->profile));
        st = slower_steps(&made[d], x, 1 + e, err);
        x->steptime = made[d];
    }
    snprintf(s->what, sizeof s->what, "engine steps %.0f %% slower%s", 100 * most,
             stated ? ", the profile's worst error" : ", an error nobody stated");
    s->slower = most;
    s->sigma = sigma;
    if (st == KW_OK) st = replay(s, &worse, study, run, err);
    kw_candidate_free(&worse);
    for (uint32_t d = 0; d < c->n; d++) kw_steptime_delete(made[d]);
    return st;
}

static enum kw_status stress_cold(struct kw_stress *s, const struct kw_candidate *c, const struct kw_study *study,
                                  const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_candidate worse;
    enum kw_status st = kw_candidate_copy(&worse, c, err);
    if (st != KW_OK) return st;
    for (uint32_t d = 0; d < worse.n; d++) {
        struct kw_cold_start *k = &worse.choice[d].cold;
        struct kw_law *longer[] = { &k->provision, &k->pull, &k->load, &k->init, &k->restore };
        for (int i = 0; i < 5; i++) scale_law(longer[i], 2);
        scale_law(&k->load_rate, 0.5);
        scale_law(&k->cached_load_rate, 0.5);
    }
    snprintf(s->what, sizeof s->what, "cold starts twice as long");
    st = replay(s, &worse, study, run, err);
    kw_candidate_free(&worse);
    return st;
}

static enum kw_status stress_api(struct kw_stress *s, const struct kw_candidate *c, const struct kw_study *study,
                                 const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_candidate worse;
    enum kw_status st = kw_candidate_copy(&worse, c, err);
    if (st != KW_OK) return st;
    for (uint32_t d = 0; d < worse.n; d++) {
        struct kw_choice *x = &worse.choice[d];
        scale_law(&x->ttft_s, 1.5);
        scale_law(&x->ttft_per_ktok_s, 1.5);
        scale_law(&x->output_rate, 2.0 / 3);
    }
    snprintf(s->what, sizeof s->what, "the API's first token half as late again, its output a third slower");
    st = replay(s, &worse, study, run, err);
    kw_candidate_free(&worse);
    return st;
}

enum kw_status kw_stress_run(struct kw_stress out[KW_STRESS_MAX], size_t *n, const struct kw_candidate *c,
                             const struct kw_study *study, const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_study s = *study;
    struct kw_sweep_options quiet = *run;
    bool engine = false, cold = false, api = false;
    enum kw_status st = KW_OK;
    *n = 0;
    memset(out, 0, KW_STRESS_MAX * sizeof *out);
    s.records = false;
    s.series_step = 0;
    s.replications = 1;    /* the trace itself decides */
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    for (uint32_t d = 0; d < c->n; d++) {
        enum kw_kind kind = c->choice[d].platform->kind;
        engine = engine || kind != KW_KIND_API;
        cold = cold || kind == KW_KIND_SERVERLESS;
        api = api || kind == KW_KIND_API;
    }
    if (engine && st == KW_OK) st = stress_steps(&out[(*n)++], c, &s, &quiet, err);
    if (cold && st == KW_OK) st = stress_cold(&out[(*n)++], c, &s, &quiet, err);
    if (api && st == KW_OK) st = stress_api(&out[(*n)++], c, &s, &quiet, err);
    assert(*n <= KW_STRESS_MAX);
    return st;
}

/* Phi(-log(w) / spread) */
static double chance(double worst, double spread)
{
    return worst > 0 ? 0.5 * erfc(log(worst) / (spread * sqrt(2))) : 1;
}

struct kw_margin kw_stress_margin(const struct kw_stress *stress, size_t n, const struct kw_point *p,
                                  const struct kw_slo *slo)
{
    struct kw_margin m = { NAN, NAN, NAN, false };
    double now = worst_objective(slo, p->sample[0]);
    if (!(now > 0) || n == 0) return m;
    m.left = 1 / now - 1;
    const struct kw_stress *steps = &stress[0]; /* comes first where there are engines */
    if (!(steps->slower > 0) || !isfinite(steps->worst) || !(steps->worst > now)) return m;
    double spread = log(steps->worst / now) / log1p(steps->slower) * steps->sigma;
    m.error = expm1(spread);
    m.thin = -log(now) < spread;
    m.probability = 0;
    for (uint32_t r = 1; r < p->replications; r++)
        m.probability += chance(worst_objective(slo, p->sample[r]), spread) / (p->replications - 1);
    if (p->replications == 1) m.probability = chance(now, spread);
    return m;
}
