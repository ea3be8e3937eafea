#include "sim/plan/flip_volume.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/kinds.h"
#include "sim/plan/plan_internal.h"
#include "sim/plan/replay.h"

#define CONTENDERS 7
#define FINE 0.05   /* of the move */
#define FINEST 0.01 /* of the volume */

struct contenders {
    struct kw_candidate candidate[CONTENDERS]; /* [n], owned; the recommended one first */
    ptrdiff_t of[CONTENDERS];                  /* which of the plan's; -1: one replica more than any */
    size_t n;
};

static double cost(const struct kw_plan *p, size_t i)
{
    return p->points[i].m[KW_METRIC_COST].value;
}

/* By the calendar, or by what came before: slices have neither. */
static bool needs_all(const struct kw_candidate *c)
{
    for (uint32_t d = 0; d < c->n; d++)
        if (c->choice[d].schedule.n || c->choice[d].prewarm.forecast != KW_FORECAST_NONE) return true;
    return false;
}

static enum kw_status add(struct contenders *c, const struct kw_plan *p, size_t i, struct kw_error *err)
{
    for (size_t k = 0; k < c->n; k++)
        if (c->of[k] == (ptrdiff_t)i) return KW_OK;
    if (c->n == CONTENDERS) return KW_OK;
    c->of[c->n] = (ptrdiff_t)i;
    enum kw_status st = kw_candidate_copy(&c->candidate[c->n], &p->candidates[i], err);
    if (st == KW_OK) c->n++;
    return st;
}

/* A pool that stays as it is. */
static bool fixed(const struct kw_candidate *c)
{
    return c->n == 1 && c->choice[0].platform->kind == KW_KIND_DEDICATED && !c->choice[0].autoscaler;
}

static enum kw_status add_larger(struct contenders *c, const struct kw_candidate *of, struct kw_error *err)
{
    if (c->n == CONTENDERS) return KW_OK;
    struct kw_candidate *to = &c->candidate[c->n];
    enum kw_status st = kw_candidate_copy(to, of, err);
    if (st != KW_OK) return st;
    uint32_t step = kw_gpu_offer_step(of->choice[0].gpu, of->choice[0].gpus);
    kw_choice_replicas(&to->choice[0], of->choice[0].scaling.max_replicas + (step ? step : 1));
    to->apart[0] = 0;
    c->of[c->n++] = -1;
    return KW_OK;
}

/* What a plan's kinds are told by: of pairs one more. */
static int kind_of(const struct kw_candidate *c)
{
    return c->n == 1 ? (int)c->choice[0].platform->kind : KW_KINDS;
}

static enum kw_status choose(struct contenders *c, const struct kw_plan *p, bool sliced, struct kw_error *err)
{
    const struct kw_candidate *best = &p->candidates[p->best];
    bool kinds[KW_KINDS + 1] = { false }, more_warm = false, pool = false;
    ptrdiff_t nearest = -1;
    enum kw_status st = add(c, p, (size_t)p->best, err);
    if (st == KW_OK && fixed(best)) st = add_larger(c, best, err);
    pool = fixed(best);
    for (size_t k = 0; k < p->n && st == KW_OK; k++) {
        size_t i = p->order[k];
        const struct kw_candidate *x = &p->candidates[i];
        if (sliced && needs_all(x)) continue;
        if (!p->points[i].feasible) {
            bool cheaper = cost(p, i) < cost(p, (size_t)p->best) && strcmp(p->points[i].miss, KW_MISS_LATENCY);
            if (cheaper && nearest < 0) nearest = (ptrdiff_t)i; /* they rank by what they miss */
            continue;
        }
        if ((ptrdiff_t)i == p->best || cost(p, i) < cost(p, (size_t)p->best)) continue;
        bool warmer = p->family[i] == p->family[p->best] && x->n == 1 &&
                      x->choice[0].scaling.keep_warm > best->choice[0].scaling.keep_warm;
        bool same = x->n == 1 && best->n == 1 && x->choice[0].platform == best->choice[0].platform &&
                    x->choice[0].gpu == best->choice[0].gpu; /* other settings of it */
        if ((same || kinds[kind_of(x)]) && (more_warm || !warmer)) continue;
        kinds[kind_of(x)] |= !same;
        more_warm |= warmer;
        st = add(c, p, i, err);
        if (st == KW_OK && fixed(x) && !pool) st = add_larger(c, x, err);
        pool |= fixed(x);
    }
    return st == KW_OK && nearest >= 0 ? add(c, p, (size_t)nearest, err) : st;
}

static bool any_scales(const struct kw_candidate *c)
{
    for (uint32_t d = 0; d < c->n; d++)
        if (kw_choice_scales(&c->choice[d])) return true;
    return false;
}

static void raise_ceilings(struct kw_candidate *c, double by)
{
    for (uint32_t d = 0; d < c->n; d++) {
        struct kw_autoscaling *a = &c->choice[d].scaling;
        if (kw_choice_scales(&c->choice[d])) a->max_replicas = (uint32_t)ceil(by * a->max_replicas);
    }
}

/* Of the contenders with `by` times the traffic the one to take, -1 where none meets the objectives; and its cost. */
static enum kw_status taken(const struct contenders *c, const struct kw_study *study,
                            const struct kw_sweep_options *run, double by, ptrdiff_t *first, double *usd, bool *misses,
                            struct kw_error *err)
{
    const struct kw_replay_size size = { KW_FLIP_VOLUME_REQUESTS, 12 };
    struct kw_replay replay;
    struct kw_candidate moved[2 * CONTENDERS];
    struct kw_point point[2 * CONTENDERS];
    size_t n = 0, points = 0, of[2 * CONTENDERS];
    enum kw_status st = kw_replay_make(&replay, study->trace, by, &size, study->seed, err);
    for (size_t i = 0; i < c->n && st == KW_OK; i++)
        for (int higher = 0; higher <= (by > 1 && any_scales(&c->candidate[i])) && st == KW_OK; higher++) {
            if ((st = kw_candidate_copy(&moved[n], &c->candidate[i], err)) != KW_OK) break;
            if (higher) raise_ceilings(&moved[n], by);
            of[n++] = i;
        }
    for (; points < n && st == KW_OK; points += st == KW_OK) st = kw_point_init(&point[points], err);
    struct kw_study s = *study;
    struct kw_sweep_options quiet = *run;
    s.trace = &replay.trace;
    s.replications = 1;
    s.precision = 0;
    s.records = false;
    s.series_step = 0;
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    if (st == KW_OK) st = kw_sweep(point, moved, n, &s, &quiet, err);
    ptrdiff_t at = -1;
    *misses = true;
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        if (!point[i].feasible) continue;
        if (at < 0 || kw_point_better(&point[i], &point[at])) at = (ptrdiff_t)i;
        *misses = *misses && of[i] != 0;
    }
    *first = at < 0 ? -1 : (ptrdiff_t)of[at];
    *usd = at < 0 ? NAN : point[at].m[KW_METRIC_COST].value;
    while (points > 0) kw_point_free(&point[--points]);
    while (n > 0) kw_candidate_free(&moved[--n]);
    kw_replay_free(&replay);
    return st;
}

/* One way, to `end` times the traffic. */
static enum kw_status narrow(const struct contenders *c, const struct kw_study *study,
                             const struct kw_sweep_options *run, double end, struct kw_flip *f, struct kw_error *err)
{
    double stands = 1, flips = 0, by = end, usd;
    ptrdiff_t first;
    bool misses;
    enum kw_status st = KW_OK;
    while (st == KW_OK) {
        if ((st = taken(c, study, run, by, &first, &usd, &misses, err)) != KW_OK) return st;
        if (first != 0) {
            flips = by;
            f->rival = first < 0 ? -1 : c->of[first];
            f->cost = usd;
            f->misses = misses;
            f->then[0] = 0;
            if (first >= 0) kw_candidate_label(&c->candidate[first], f->then, sizeof f->then);
        } else {
            stands = by;
        }
        if (!flips || fabs(flips - stands) <= fmax(FINEST, FINE * fabs(flips - 1))) break;
        by = sqrt(stands * flips);
    }
    if (!flips) return KW_OK;
    f->move.value = flips - 1;
    f->stands = stands - 1;
    f->at = f->lever.value * flips;
    return KW_OK;
}

static struct kw_lever lever_of(const struct kw_study *study)
{
    const struct kw_trace *t = study->trace;
    double month = kw_volume_tokens(t) * (double)kw_study_month(study) / (double)t->span / 1e6;
    return (struct kw_lever){ .kind = KW_LEVER_VOLUME,
                              .fact = "volume of the traffic",
                              .value = month,
                              .unit = "Mtok/month",
                              .provenance.grade = KW_GRADE_USER };
}

/* Whether anything is left of a fourth of it. */
static enum kw_status holds(const struct kw_study *study, bool *yes, struct kw_error *err)
{
    const struct kw_replay_size size = { KW_FLIP_VOLUME_REQUESTS, 12 };
    struct kw_replay replay;
    enum kw_status st = kw_replay_make(&replay, study->trace, 1 / KW_FLIP_MOST, &size, study->seed, NULL);
    kw_replay_free(&replay);
    *yes = st == KW_OK;
    return st == KW_OK || st == KW_ERANGE ? KW_OK : kw_fail(err, st, "out of memory for another volume");
}

/* Which requests are there at another volume is drawn: what is missed by a hair is missed by chance. */
static bool by_chance(const struct kw_plan *p, const struct kw_flip *f)
{
    const struct kw_point *best = &p->points[p->best];
    if (isnan(f->move.value)) return false;
    if (f->misses) return best->met < best->drawn || best->margin.thin;
    if (f->rival < 0 || p->points[f->rival].drawn < 2) return false;
    struct kw_estimate more = kw_points_dearer(best, &p->points[f->rival]);
    return kw_points_tie(&more);
}

enum kw_status kw_flip_volume(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err)
{
    struct contenders c = { .n = 0 };
    struct kw_lever l = lever_of(study);
    ptrdiff_t first = 0;
    double usd;
    bool misses, sliced = KW_FLIP_MOST * (double)study->trace->n > KW_FLIP_VOLUME_REQUESTS;
    assert(p->best >= 0);
    bool bears = !sliced || (!study->trace->hash_at && !needs_all(&p->candidates[p->best]));
    enum kw_status st = kw_plan_flip_push(p, &l, err);
    if (st != KW_OK) return st;
    struct kw_flip *f = &p->flips[p->n_flips - 1], up, down;
    if (bears) st = holds(study, &bears, err);
    if (st == KW_OK) st = choose(&c, p, sliced, err);
    struct kw_error why = { "" };
    bool chosen = st == KW_OK;
    if (chosen && bears) st = taken(&c, study, run, 1, &first, &usd, &misses, &why);
    f->sought = bears && st == KW_OK && first == 0;
    up = down = *f;
    if (st == KW_OK && f->sought) st = narrow(&c, study, run, KW_FLIP_MOST, &up, &why);
    if (st == KW_OK && f->sought) st = narrow(&c, study, run, 1 / KW_FLIP_MOST, &down, &why);
    if (chosen && st == KW_ERANGE) { /* a bill or a replay holds no more */
        up = down = *f;
        f->sought = false;
        st = KW_OK;
    } else if (chosen && st != KW_OK) {
        st = kw_fail(err, st, "%s", why.msg);
    }
    if (!isnan(up.move.value)) *f = up;
    if (!isnan(down.move.value) && !(fabs(up.move.value) <= fabs(down.move.value))) *f = down;
    f->noise = by_chance(p, f);
    while (c.n > 0) kw_candidate_free(&c.candidate[--c.n]);
    return st;
}
