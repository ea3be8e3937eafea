/* Keep-warm curves and the frontier. What the search raced over every drawing is taken as it is; what it left early, or
 * never had, is simulated here, over the same drawings and apart from the plan's points: what is looked at beside an
 * answer must not change it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"

const enum kw_metric kw_tradeoff_metric[] = { KW_METRIC_COST, KW_METRIC_COLD_FRACTION, KW_METRIC_TTFT_P95,
                                              KW_METRIC_ATTAINMENT };
_Static_assert(sizeof kw_tradeoff_metric / sizeof *kw_tradeoff_metric == KW_TRADEOFF_FIGURES, "a metric a figure");

void kw_tradeoffs_free(struct kw_tradeoffs *t)
{
    for (size_t i = 0; i < t->n_curves; i++) free(t->curve[i].point);
    free(t->curve);
    free(t->frontier);
    *t = (struct kw_tradeoffs){ 0 };
}

/* Tradeoffs that are not known yet, and the candidates to know them by. */
struct missing {
    struct kw_candidate *candidate; /* [n], owned */
    struct kw_tradeoff **to;        /* [n], borrowed */
    size_t n, cap;
};

static void missing_free(struct missing *m)
{
    for (size_t i = 0; i < m->n; i++) kw_candidate_free(&m->candidate[i]);
    free(m->candidate);
    free(m->to);
}

static enum kw_status miss(struct missing *m, const struct kw_candidate *c, struct kw_tradeoff *to,
                           struct kw_error *err)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct kw_candidate *candidate = realloc(m->candidate, cap * sizeof *candidate);
        if (candidate) m->candidate = candidate;
        struct kw_tradeoff **where = realloc(m->to, cap * sizeof *where);
        if (where) m->to = where;
        if (!candidate || !where) return kw_fail(err, KW_ENOMEM, "out of memory for keep-warm curves");
        m->cap = cap;
    }
    enum kw_status st = kw_candidate_copy(&m->candidate[m->n], c, err);
    if (st == KW_OK) m->to[m->n++] = to;
    return st;
}

static void take(struct kw_tradeoff *to, const struct kw_point *p)
{
    to->feasible = p->feasible;
    to->overloaded = kw_point_overloaded(p);
    to->drawn = p->drawn;
    to->met = p->met;
    for (int k = 0; k < KW_TRADEOFF_FIGURES; k++) to->of[k] = kw_point_told(p, kw_tradeoff_metric[k]);
}

/* One deployment whose replicas come and go, with one keep_warm all the time. */
static const struct kw_choice *scaled(const struct kw_candidate *c)
{
    const struct kw_choice *x = &c->choice[0];
    if (c->n != 1 || c->as_written || c->mitigation || !kw_choice_scales(x)) return NULL;
    return x->schedule.n || x->prewarm.forecast != KW_FORECAST_NONE ? NULL : x;
}

/* The first by rank of its platform among those that scale. */
static bool leads(const struct kw_plan *p, size_t k)
{
    const struct kw_choice *c = scaled(&p->candidates[p->order[k]]);
    for (size_t j = 0; j < k && c; j++) {
        const struct kw_choice *x = scaled(&p->candidates[p->order[j]]);
        if (x && x->platform == c->platform) return false;
    }
    return c != NULL;
}

/* The offer of c with so many kept; its ceiling gives way where it is not the user's. False where it cannot be. */
static bool with_kept(struct kw_choice *c, uint32_t keep_warm, const struct kw_plan_options *o)
{
    if (keep_warm == 0 && c->platform->scaling.at_zero == KW_ZERO_STOPPED && !c->autoscaler) return false;
    if (c->autoscaler && keep_warm < c->autoscaler->least_warm) return false;
    if (keep_warm > c->scaling.max_replicas && o->n_max_replicas) return false;
    if (keep_warm > c->scaling.max_replicas) c->scaling.max_replicas = keep_warm;
    c->scaling.keep_warm = keep_warm;
    return true;
}

/* The plan's candidate that is the leader's offer with these settings, raced over `all` replications; -1: none. */
static ptrdiff_t raced(const struct kw_plan *p, size_t leader, const struct kw_choice *c, uint32_t all)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct kw_choice *x = scaled(&p->candidates[i]);
        if (x && p->family[i] == p->family[leader] && p->points[i].replications == all &&
            x->scaling.keep_warm == c->scaling.keep_warm && x->scaling.idle_timeout == c->scaling.idle_timeout &&
            x->scaling.zero_timeout == c->scaling.zero_timeout &&
            kw_choice_concurrency(x) == kw_choice_concurrency(c) &&
            x->scaling.max_replicas == c->scaling.max_replicas && x->sched.max_num_seqs == c->sched.max_num_seqs &&
            x->sched.max_num_batched_tokens == c->sched.max_num_batched_tokens && x->region == c->region)
            return (ptrdiff_t)i;
    }
    return -1;
}

static int ascending(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

/* The counts that the plan tries and the leader's own, ascending, each once. */
static size_t levels(const struct kw_plan_options *o, uint32_t own, uint32_t out[KW_PLAN_MAX_LIST + 1])
{
    size_t n = o->n_keep_warm ? o->n_keep_warm : KW_PLAN_WARM_DEFAULT, kept = 0;
    for (size_t i = 0; i < n; i++) out[i] = o->n_keep_warm ? o->keep_warm[i] : (uint32_t)i;
    out[n++] = own;
    qsort(out, n, sizeof *out, ascending);
    for (size_t i = 0; i < n; i++)
        if (!kept || out[kept - 1] != out[i]) out[kept++] = out[i];
    return kept;
}

static enum kw_status draw_curve(struct kw_plan *p, struct kw_warm_curve *curve, struct missing *m, uint32_t all,
                                 const struct kw_plan_options *o, struct kw_error *err)
{
    const struct kw_choice *lead = &p->candidates[curve->leader].choice[0];
    uint32_t kept[KW_PLAN_MAX_LIST + 1];
    size_t n = levels(o, lead->scaling.keep_warm, kept);
    enum kw_status st = KW_OK;
    curve->point = calloc(n, sizeof *curve->point);
    if (!curve->point) return kw_fail(err, KW_ENOMEM, "out of memory for a keep-warm curve");
    for (size_t k = 0; k < n && st == KW_OK; k++) {
        struct kw_choice c = *lead;
        if (!with_kept(&c, kept[k], o)) continue;
        struct kw_tradeoff *to = &curve->point[curve->n++];
        *to = (struct kw_tradeoff){ .candidate = raced(p, curve->leader, &c, all), .keep_warm = kept[k] };
        if (to->candidate >= 0)
            take(to, &p->points[to->candidate]);
        else
            st = miss(m, &(struct kw_candidate){ .choice = &c, .n = 1 }, to, err);
    }
    return st;
}

static bool is_on(const struct kw_candidate *c, const struct kw_platform *q)
{
    for (uint32_t d = 0; d < c->n; d++)
        if (c->choice[d].platform == q) return true;
    return false;
}

static enum kw_status draw_curves(struct kw_plan *p, struct missing *m, uint32_t all, const struct kw_plan_options *o,
                                  struct kw_error *err)
{
    struct kw_tradeoffs *t = &p->tradeoffs;
    const struct kw_candidate *judged = &p->candidates[p->best >= 0 ? p->best : p->nearest_miss];
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < p->n && st == KW_OK; k++) {
        if (o->curves == KW_CURVES_NONE || !leads(p, k)) continue;
        if (o->curves == KW_CURVES_FIRST && !is_on(judged, p->candidates[p->order[k]].choice[0].platform)) continue;
        struct kw_warm_curve *grown = realloc(t->curve, (t->n_curves + 1) * sizeof *grown);
        if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for keep-warm curves");
        t->curve = grown;
        t->curve[t->n_curves] = (struct kw_warm_curve){ .leader = p->order[k] };
        st = draw_curve(p, &t->curve[t->n_curves++], m, all, o, err);
    }
    return st;
}

/* Of what fails no more than is allowed. Cheaper first; nobody on a frontier costs as much and is slower. Equal in both:
 * the better rank alone. */
static enum kw_status draw_frontier(struct kw_plan *p, struct missing *m, uint32_t all, const struct kw_slo *slo,
                                    struct kw_error *err)
{
    struct kw_tradeoffs *t = &p->tradeoffs;
    enum kw_status st = KW_OK;
    t->frontier = calloc(p->n, sizeof *t->frontier);
    if (!t->frontier) return kw_fail(err, KW_ENOMEM, "out of memory for a frontier");
    for (size_t k = 0; k < p->n; k++) {
        const struct kw_point *x = &p->points[p->order[k]];
        double cost = x->m[KW_METRIC_COST].value;
        size_t at = t->n_frontier;
        bool fails = slo->error_fraction >= 0 && x->m[KW_METRIC_ERROR_FRACTION].value > slo->error_fraction;
        if (!x->pareto || fails) continue;
        while (at > 0 && p->points[t->frontier[at - 1].candidate].m[KW_METRIC_COST].value > cost) at--;
        if (at > 0 && p->points[t->frontier[at - 1].candidate].m[KW_METRIC_COST].value == cost) continue;
        memmove(t->frontier + at + 1, t->frontier + at, (t->n_frontier++ - at) * sizeof *t->frontier);
        t->frontier[at] = (struct kw_tradeoff){ .candidate = (ptrdiff_t)p->order[k],
                                                .keep_warm = p->candidates[p->order[k]].choice[0].scaling.keep_warm };
    }
    for (size_t i = 0; i < t->n_frontier && st == KW_OK; i++) {
        struct kw_tradeoff *to = &t->frontier[i];
        take(to, &p->points[to->candidate]);
        if (p->points[to->candidate].replications < all) st = miss(m, &p->candidates[to->candidate], to, err);
    }
    return st;
}

static enum kw_status fill(struct missing *m, const struct kw_study *study, const struct kw_sweep_options *run,
                           uint32_t all, struct kw_error *err)
{
    struct kw_study same = *study;
    struct kw_point *points = calloc(m->n + 1, sizeof *points);
    enum kw_status st = points ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for keep-warm curves");
    same.replications = all;
    same.precision = 0; /* the plan's own points decided */
    same.records = false;
    same.series_step = 0;
    for (size_t i = 0; i < m->n && st == KW_OK; i++) st = kw_point_init(&points[i], err);
    if (st == KW_OK && m->n) st = kw_sweep(points, m->candidate, m->n, &same, run, err);
    for (size_t i = 0; i < m->n && points; i++) {
        if (st == KW_OK) take(m->to[i], &points[i]);
        kw_point_free(&points[i]);
    }
    free(points);
    return st;
}

enum kw_status kw_plan_tradeoffs(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                 struct kw_error *err)
{
    struct missing m = { 0 };
    kw_tradeoffs_free(&p->tradeoffs);
    if (!o->curves && !o->frontier) return KW_OK;
    assert(p->best >= 0 || p->nearest_miss >= 0);
    uint32_t all = p->points[p->best >= 0 ? p->best : p->nearest_miss].replications;
    enum kw_status st = draw_curves(p, &m, all, o, err);
    if (st == KW_OK && o->frontier) st = draw_frontier(p, &m, all, &study->slo, err);
    if (st == KW_OK) st = fill(&m, study, &o->run, all, err);
    missing_free(&m);
    return st;
}
