/* The choice among what the search simulated: families, order, best, runner-up and the margin between them. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"

static bool same_family(const struct kw_candidate *a, const struct kw_candidate *b)
{
    if (a->n != b->n || a->routing.policy != b->routing.policy) return false;
    for (uint32_t d = 0; d < a->n; d++) {
        const struct kw_choice *x = &a->choice[d], *y = &b->choice[d];
        if (x->platform != y->platform || x->gpu != y->gpu || x->api != y->api || x->profile != y->profile ||
            x->term != y->term || x->provision.commitment != y->provision.commitment || x->autoscaler != y->autoscaler)
            return false;
    }
    return true;
}

enum kw_status kw_plan_families(struct kw_plan *p, struct kw_error *err)
{
    size_t *family = realloc(p->family, p->n * sizeof *family);
    if (!family) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    p->family = family;
    for (size_t i = 0; i < p->n; i++) {
        family[i] = i;
        for (size_t j = 0; j < i && family[i] == i; j++)
            if (family[j] == j && same_family(&p->candidates[i], &p->candidates[j])) family[i] = j;
    }
    return KW_OK;
}

enum kw_status kw_plan_rank(struct kw_plan *p, const struct kw_study *study, struct kw_error *err)
{
    enum kw_status st = kw_plan_families(p, err);
    if (st == KW_OK) st = kw_points_rank(p->points, p->n, &study->slo, err);
    if (st != KW_OK) return st;
    size_t *order = realloc(p->order, p->n * sizeof *order);
    if (!order) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    p->order = order;
    for (size_t i = 0; i < p->n; i++) {
        assert(p->points[i].rank >= 1 && p->points[i].rank <= p->n);
        order[p->points[i].rank - 1] = i;
    }
    p->best = p->runner_up = p->nearest_miss = -1;
    for (size_t k = 0; k < p->n; k++) {
        size_t i = order[k];
        if (!p->points[i].feasible) break;
        if (p->best < 0)
            p->best = (ptrdiff_t)i;
        else if (p->runner_up < 0 && p->family[i] != p->family[p->best])
            p->runner_up = (ptrdiff_t)i;
    }
    if (p->best < 0 && p->n) p->nearest_miss = (ptrdiff_t)order[0];
    assert((p->best < 0) == (p->n > 0 && p->nearest_miss >= 0) && "a recommendation or a nearest miss, never both");
    assert(p->runner_up < 0 || !kw_point_better(&p->points[p->runner_up], &p->points[p->best]));
    p->tie = false;
    p->margin = (struct kw_estimate){ NAN, NAN, NAN };
    if (p->runner_up >= 0) {
        p->margin = kw_points_dearer(&p->points[p->best], &p->points[p->runner_up]);
        p->tie = kw_points_tie(&p->margin);
    }
    return KW_OK;
}

static bool stands(const struct kw_stress *s, size_t n)
{
    bool all = true;
    for (size_t i = 0; i < n; i++) all = all && s[i].feasible;
    return all;
}

/* The first of its family in the order. */
static bool leads_family(const struct kw_plan *p, size_t k)
{
    for (size_t j = 0; j < k; j++)
        if (p->family[p->order[j]] == p->family[p->order[k]]) return false;
    return true;
}

/* The settings of one offer answer to their laws' errors as the best of them does. */
static enum kw_status margins(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err)
{
    size_t *like = malloc((p->n + 1) * sizeof *like), *first = malloc((p->n + 1) * sizeof *first);
    enum kw_status st = like && first ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu margins", p->n);
    for (size_t k = p->n; k-- > 0 && st == KW_OK;) first[p->family[p->order[k]]] = p->order[k];
    for (size_t i = 0; i < p->n && st == KW_OK; i++) like[i] = first[p->family[i]];
    if (st == KW_OK) st = kw_stress_margins(p->points, p->candidates, like, p->n, study, run, err);
    free(like);
    free(first);
    return st;
}

/* Only the first KW_PLAN_CONTENDERS / 2 families up to KW_PLAN_CONTENDS times the cheapest are looked at: these have
 * every replication in a pruned plan as in an exhaustive one. */
enum kw_status kw_plan_steady(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err)
{
    p->n_stress = 0;
    memset(&p->passed_over, 0, sizeof p->passed_over);
    if (p->best < 0) return KW_OK;
    size_t cheapest = (size_t)p->best, families = 0, stressed = 1;
    enum kw_status st = kw_stress_run(p->stress, &p->n_stress, &p->candidates[cheapest], study, run, err);
    bool found = st != KW_OK || stands(p->stress, p->n_stress);
    double limit = KW_PLAN_CONTENDS * p->points[cheapest].m[KW_METRIC_COST].value;
    for (size_t k = 0; k < p->n && !found && families < KW_PLAN_CONTENDERS / 2 && stressed < KW_PLAN_STRESSED; k++) {
        size_t i = p->order[k], n;
        struct kw_stress other[KW_STRESS_MAX];
        if (!p->points[i].feasible || p->points[i].m[KW_METRIC_COST].value > limit) break;
        if (!leads_family(p, k)) continue;
        families++;
        struct kw_estimate more = kw_points_dearer(&p->points[cheapest], &p->points[i]);
        if (i == cheapest || !kw_points_tie(&more)) continue;
        stressed++;
        st = kw_stress_run(other, &n, &p->candidates[i], study, run, err);
        found = st != KW_OK || stands(other, n);
        if (st != KW_OK || !found) continue;
        for (size_t s = p->n_stress; s-- > 0;)
            if (!p->stress[s].feasible) p->passed_over = p->stress[s];
        p->best = (ptrdiff_t)i;
        p->runner_up = (ptrdiff_t)cheapest;
        p->margin = kw_points_dearer(&p->points[i], &p->points[cheapest]);
        p->tie = true;
        memcpy(p->stress, other, sizeof other);
        p->n_stress = n;
    }
    if (st == KW_OK) st = margins(p, study, run, err);
    if (st == KW_OK)
        p->points[p->best].margin = kw_stress_margin(p->stress, p->n_stress, &p->points[p->best], &study->slo);
    return st;
}
