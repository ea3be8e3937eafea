#include "sim/plan/plan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/apart.h"

void kw_plan_options_default(struct kw_plan_options *o)
{
    memset(o, 0, sizeof *o);
}

void kw_plan_init(struct kw_plan *p)
{
    memset(p, 0, sizeof *p);
    p->best = p->runner_up = p->nearest_miss = -1;
}

void kw_plan_free(struct kw_plan *p)
{
    for (size_t i = 0; p->candidates && i < p->n; i++) kw_candidate_free(&p->candidates[i]);
    for (size_t i = 0; p->points && i < p->n; i++) kw_point_free(&p->points[i]);
    free(p->candidates);
    free(p->points);
    free(p->family);
    free(p->order);
    free(p->dropped);
    free(p->flips);
    free(p->ranges);
    free(p->otherwise);
    free(p->assumptions);
    kw_tradeoffs_free(&p->tradeoffs);
    kw_plan_init(p);
}

enum kw_status kw_plan_push_copy(struct kw_plan *p, const struct kw_candidate *c, struct kw_error *err)
{
    struct kw_candidate *grown = realloc(p->candidates, (p->n + 1) * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    p->candidates = grown;
    enum kw_status st = kw_candidate_copy(&p->candidates[p->n], c, err);
    if (st == KW_OK) p->n++;
    return st;
}

enum kw_status kw_plan_push(struct kw_plan *p, const struct kw_choice *c, struct kw_error *err)
{
    struct kw_choice copy = *c;
    return kw_plan_push_copy(p, &(struct kw_candidate){ .choice = &copy, .n = 1 }, err);
}

enum kw_status kw_plan_drop(struct kw_plan *p, const char *what, const char *why, struct kw_error *err)
{
    for (size_t i = 0; i < p->n_dropped; i++)
        if (!strcmp(p->dropped[i].what, what) && !strcmp(p->dropped[i].why, why)) return KW_OK;
    struct kw_dropped *grown = realloc(p->dropped, (p->n_dropped + 1) * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    p->dropped = grown;
    struct kw_dropped *d = &p->dropped[p->n_dropped++];
    *d = (struct kw_dropped){ .unsold = false };
    snprintf(d->what, sizeof d->what, "%s", what);
    snprintf(d->why, sizeof d->why, "%s", why);
    return KW_OK;
}

enum kw_status kw_plan_run(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                           struct kw_error *err)
{
    if (p->n == 0) return kw_fail(err, KW_ERANGE, "nothing to choose from");
    enum kw_status st = kw_study_scaling(study, p->scaling, sizeof p->scaling, err);
    if (st == KW_OK) st = kw_plan_search(p, study, o, err);
    if (st == KW_OK) st = kw_candidates_tell_apart(p->candidates, p->n, NULL, NULL, err);
    if (st == KW_OK) st = kw_plan_rank(p, study, err);
    if (st == KW_OK) st = kw_plan_steady(p, study, &o->run, err);
    if (st == KW_OK) st = kw_plan_ranges(p, study, &o->run, err);
    if (st == KW_OK) st = kw_plan_flips(p, study, o, err);
    if (st == KW_OK) st = kw_plan_tradeoffs(p, study, o, err);
    return st == KW_OK ? kw_plan_explain(p, err) : st;
}
