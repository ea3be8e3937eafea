#include "sim/plan/stress.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/scaled.h"

#define UNSTATED_ERROR 0.2 /* our assumption, which the stress's name says */

static double worst_objective(const struct kw_slo *slo, const double figure[KW_METRICS])
{
    double told_apart = figure[KW_METRIC_CLASS_WORST];
    return isnan(told_apart) ? kw_slo_worst(slo, figure, NULL, 0) : told_apart;
}

/* Of the trace itself, at the far end where an API's prompts pass those it was measured with. */
static double worst_of_trace(const struct kw_slo *slo, const struct kw_point *p)
{
    double near = worst_objective(slo, p->sample[0]);
    return kw_point_has_range(p) ? fmax(near, worst_objective(slo, p->beyond)) : near;
}

/* Of a step; 0: nobody stated one. Where whole servers were predicted (server_law.h) the second error is of their TTFT, with the
 * queues in it that the stressed replay makes by itself: TPOT's is the steps'. */
static double worst_error(const struct kw_profile *p)
{
    return p->front_s > 0 ? p->steps_error_worst : fmax(p->steps_error_worst, p->prefill_error_worst);
}

#define NORMAL_QUARTILE 0.6744897501960817 /* the median of |z| */

static double log_sigma(const struct kw_profile *p)
{
    double median = fmax(p->steps_error_median, p->prefill_error_median);
    return median > 0 ? median / NORMAL_QUARTILE : UNSTATED_ERROR;
}

/* Worse inputs, to be simulated together: candidate[i] under stress[i]. */
struct worse {
    struct kw_candidate *candidate; /* [n], owned */
    struct kw_stress *stress;       /* [n], owned */
    struct kw_steptime **made;      /* [n * KW_FLEET_MAX_DEPLOYMENTS], owned: those of candidate[i] alone */
    size_t *of;                     /* [n], owned: whose stress it is, the caller's index */
    size_t n, cap;
};

static void worse_free(struct worse *w)
{
    for (size_t i = 0; i < w->n; i++) kw_candidate_free(&w->candidate[i]);
    for (size_t i = 0; i < w->n * KW_FLEET_MAX_DEPLOYMENTS; i++) kw_steptime_delete(w->made[i]);
    free(w->candidate);
    free(w->stress);
    free(w->made);
    free(w->of);
}

static bool worse_open(struct worse *w, size_t cap)
{
    *w = (struct worse){ .cap = cap };
    w->candidate = calloc(cap + 1, sizeof *w->candidate);
    w->stress = calloc(cap + 1, sizeof *w->stress);
    w->made = calloc((cap + 1) * KW_FLEET_MAX_DEPLOYMENTS, sizeof *w->made);
    w->of = calloc(cap + 1, sizeof *w->of);
    return w->candidate && w->stress && w->made && w->of;
}

/* A copy of c, the last of w. */
static enum kw_status push(struct worse *w, const struct kw_candidate *c, size_t of, struct kw_error *err)
{
    assert(w->n < w->cap);
    enum kw_status st = kw_candidate_copy(&w->candidate[w->n], c, err);
    if (st == KW_OK) w->of[w->n++] = of;
    return st;
}

static enum kw_status push_steps(struct worse *w, const struct kw_candidate *c, size_t of, struct kw_error *err)
{
    enum kw_status st = push(w, c, of, err);
    if (st != KW_OK) return st;
    struct kw_stress *s = &w->stress[w->n - 1];
    struct kw_candidate *worse = &w->candidate[w->n - 1];
    struct kw_steptime **made = &w->made[(w->n - 1) * KW_FLEET_MAX_DEPLOYMENTS];
    bool stated = true;
    for (uint32_t d = 0; d < worse->n && st == KW_OK; d++) {
        struct kw_choice *x = &worse->choice[d];
        if (!x->profile) continue;
        double e = worst_error(x->profile);
        if (!(e > 0)) {
            e = UNSTATED_ERROR;
            stated = false;
        }
        s->slower = fmax(s->slower, e);
        s->sigma = fmax(s->sigma, log_sigma(x->profile));
        st = kw_scaled_steps(&made[d], x, 1 + e, err);
        x->steptime = made[d];
    }
    snprintf(s->what, sizeof s->what, "engine steps %.0f %% slower%s", 100 * s->slower,
             stated ? ", the profile's worst error" : ", an error nobody stated");
    return st;
}

static enum kw_status push_cold(struct worse *w, const struct kw_candidate *c, size_t of, struct kw_error *err)
{
    enum kw_status st = push(w, c, of, err);
    if (st != KW_OK) return st;
    struct kw_candidate *worse = &w->candidate[w->n - 1];
    for (uint32_t d = 0; d < worse->n; d++) kw_scaled_starts(&worse->choice[d], 2);
    snprintf(w->stress[w->n - 1].what, sizeof w->stress->what, "cold starts twice as long");
    return KW_OK;
}

static enum kw_status push_api(struct worse *w, const struct kw_candidate *c, size_t of, struct kw_error *err)
{
    enum kw_status st = push(w, c, of, err);
    if (st != KW_OK) return st;
    struct kw_stress *s = &w->stress[w->n - 1];
    struct kw_candidate *worse = &w->candidate[w->n - 1];
    for (uint32_t d = 0; d < worse->n; d++) {
        struct kw_choice *x = &worse->choice[d];
        if (x->term == KW_TERM_BATCH && x->batch_from == KW_BATCH_PROMISED)
            continue; /* a promise is the worst there is */
        kw_scaled_latency(x, 1.5);
    }
    snprintf(s->what, sizeof s->what, "the API's first token half as late again, its output a third slower");
    s->slower = 0.5;
    s->sigma = UNSTATED_ERROR;
    return KW_OK;
}

static bool any(const struct kw_candidate *c, bool (*is)(const struct kw_choice *))
{
    for (uint32_t d = 0; d < c->n; d++)
        if (is(&c->choice[d])) return true;
    return false;
}

/* How long is known, so that it may be longer. */
static bool waits_for_api(const struct kw_candidate *c)
{
    for (uint32_t d = 0; d < c->n; d++)
        if (c->choice[d].api && kw_choice_latency_known(&c->choice[d])) return true;
    return false;
}

static bool runs_engine(const struct kw_choice *c)
{
    return !c->api;
}

static bool is_api(const struct kw_choice *c)
{
    return c->api;
}

/* Replays the trace itself on all of w and fills their stresses. */
static enum kw_status replay(struct worse *w, const struct kw_study *study, const struct kw_sweep_options *run,
                             struct kw_error *err)
{
    struct kw_study s = *study;
    struct kw_sweep_options quiet = *run;
    s.records = false;
    s.series_step = 0;
    s.replications = 1;                               /* the trace itself decides */
    quiet.progress = NULL;                            /* a sweep of its own would count from zero again */
    struct kw_point *p = calloc(w->n + 1, sizeof *p); /* a zeroed point can be freed */
    enum kw_status st = p ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for worse inputs");
    for (size_t i = 0; i < w->n && st == KW_OK; i++) st = kw_point_init(&p[i], err);
    if (st == KW_OK && w->n) st = kw_sweep(p, w->candidate, w->n, &s, &quiet, err);
    for (size_t i = 0; i < w->n && st == KW_OK; i++) {
        struct kw_stress *x = &w->stress[i];
        x->feasible = p[i].feasible;
        x->cost = p[i].m[KW_METRIC_COST].value;
        memcpy(x->miss, p[i].miss, sizeof x->miss);
        x->worst = worst_of_trace(&study->slo, &p[i]);
    }
    for (size_t i = 0; p && i < w->n; i++) kw_point_free(&p[i]);
    free(p);
    return st;
}

enum kw_status kw_stress_run(struct kw_stress out[KW_STRESS_MAX], size_t *n, const struct kw_candidate *c,
                             const struct kw_study *study, const struct kw_sweep_options *run, struct kw_error *err)
{
    struct worse w;
    *n = 0;
    enum kw_status st = worse_open(&w, KW_STRESS_MAX) ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK && any(c, runs_engine)) st = push_steps(&w, c, 0, err);
    if (st == KW_OK && any(c, kw_choice_scales)) st = push_cold(&w, c, 0, err);
    if (st == KW_OK && waits_for_api(c)) st = push_api(&w, c, 0, err);
    if (st == KW_OK) st = replay(&w, study, run, err);
    if (st == KW_OK) memcpy(out, w.stress, (*n = w.n) * sizeof *out);
    worse_free(&w);
    return st;
}

/* Phi(-log(w) / spread) */
static double chance(double worst, double spread)
{
    return worst > 0 ? 0.5 * erfc(log(worst) / (spread * sqrt(2))) : 1;
}

/* On the log scale, of what a point's worst objective does when its laws err by a standard deviation; `now` is that
 * objective without. 0: not known. */
static double spread_of(const struct kw_stress *stress, size_t n, double now)
{
    double spread = 0;
    for (size_t i = 0; i < n && now > 0; i++) {
        const struct kw_stress *s = &stress[i];
        if (s->slower > 0 && isfinite(s->worst) && s->worst > now)
            spread = fmax(spread, log(s->worst / now) / log1p(s->slower) * s->sigma);
    }
    return spread;
}

static struct kw_margin margin_of(const struct kw_point *p, const struct kw_slo *slo, double spread)
{
    struct kw_margin m = { NAN, NAN, NAN, false };
    double now = worst_of_trace(slo, p), near = worst_objective(slo, p->sample[0]);
    double far = near > 0 ? now / near : 1; /* of a range, whose far end moves with the near one */
    if (!(now > 0)) return m;
    m.left = 1 / now - 1;
    if (!(spread > 0)) return m;
    m.error = expm1(spread);
    m.thin = -log(now) < spread;
    m.probability = 0.5 / p->replications; /* as kw_point_p_feasible */
    for (uint32_t r = 1; r < p->replications; r++)
        m.probability += chance(worst_objective(slo, p->sample[r]) * far, spread) / p->replications;
    if (p->replications == 1) m.probability = chance(now, spread);
    return m;
}

struct kw_margin kw_stress_margin(const struct kw_stress *stress, size_t n, const struct kw_point *p,
                                  const struct kw_slo *slo)
{
    return margin_of(p, slo, spread_of(stress, n, worst_of_trace(slo, p)));
}

#define NEVER_THIN 1.0 /* a margin left that is not simulated: the figures may double */

static bool may_be_thin(const struct kw_point *p)
{
    return p->feasible && p->margin.left < NEVER_THIN;
}

/* Fills stressed[n]: each point that stands for one whose margin may be thin. */
static void choose(const struct kw_point *points, const size_t *like, size_t n, bool *stressed)
{
    for (size_t i = 0; i < n; i++) {
        if (!may_be_thin(&points[i])) continue;
        assert(points[like[i]].feasible && like[like[i]] == like[i]);
        stressed[like[i]] = true;
    }
}

enum kw_status kw_stress_margins(struct kw_point *points, const struct kw_candidate *candidates, const size_t *like,
                                 size_t n, const struct kw_study *study, const struct kw_sweep_options *run,
                                 struct kw_error *err)
{
    struct worse w;
    bool *stressed = calloc(n + 1, sizeof *stressed);
    double *spread = calloc(n + 1, sizeof *spread);
    bool ok = worse_open(&w, 2 * n) && stressed && spread;
    enum kw_status st = ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu margins", n);
    for (size_t i = 0; i < n && st == KW_OK; i++)
        if (points[i].feasible) points[i].margin = margin_of(&points[i], &study->slo, 0);
    if (st == KW_OK) choose(points, like, n, stressed);
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        if (!stressed[i]) continue;
        if (any(&candidates[i], runs_engine)) st = push_steps(&w, &candidates[i], i, err);
        if (st == KW_OK && any(&candidates[i], is_api)) st = push_api(&w, &candidates[i], i, err);
    }
    if (st == KW_OK) st = replay(&w, study, run, err);
    for (size_t k = 0, end; k < w.n && st == KW_OK; k = end) {
        size_t i = w.of[k];
        for (end = k + 1; end < w.n && w.of[end] == i;) end++;
        spread[i] = spread_of(&w.stress[k], end - k, worst_of_trace(&study->slo, &points[i]));
    }
    for (size_t i = 0; i < n && st == KW_OK; i++)
        if (may_be_thin(&points[i])) points[i].margin = margin_of(&points[i], &study->slo, spread[like[i]]);
    worse_free(&w);
    free(stressed);
    free(spread);
    return st;
}
