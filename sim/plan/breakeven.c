#include "sim/plan/breakeven.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/volume.h"

#define LEADERS 3 /* best offers of each kind at the plan's volume, */
#define SMALL 2   /* and those with the cheapest replica, which lower volumes may suffice with */

static double replica_price(const struct kw_choice *c)
{
    if (c->platform->kind == KW_KIND_API || !c->gpu->gpu_hour.known) return INFINITY;
    return kw_nano_to_double(c->gpu->gpu_hour.v) * kw_gpus_rented(c->gpu, c->tp, 1);
}

/* The families of a kind to follow: the index of the best candidate of each. */
static size_t leaders_of(const struct kw_plan *p, enum kw_kind kind, size_t out[LEADERS + SMALL])
{
    size_t n = 0;
    for (int round = 0; round < LEADERS + SMALL; round++) {
        ptrdiff_t next = -1;
        for (size_t k = 0; k < p->n; k++) {
            size_t i = p->order[k];
            if (p->candidates[i].n != 1 || p->candidates[i].choice[0].platform->kind != kind) continue;
            bool seen = false;
            for (size_t j = 0; j < n && !seen; j++) seen = p->family[out[j]] == p->family[i];
            if (seen) continue;
            if (next < 0) next = (ptrdiff_t)i; /* by rank */
            if (round < LEADERS) break;
            if (replica_price(&p->candidates[i].choice[0]) < replica_price(&p->candidates[next].choice[0]))
                next = (ptrdiff_t)i;
        }
        if (next >= 0) out[n++] = (size_t)next;
    }
    return n;
}

/* The offers followed, of one kind, and the smallest dedicated pool that has been enough so far: more volume never
 * needs fewer replicas. */
struct followed {
    size_t leader[LEADERS + SMALL], n;
    uint32_t enough[LEADERS + SMALL];
};

/* Candidates of one kind at one volume: for serverless the settings that the plan tried on the family, with a ceiling
 * that grows with the load; for dedicated every pool from what was enough before to the plan's, scaled, and two more.
 */
static enum kw_status fill(struct kw_plan *to, const struct kw_plan *p, enum kw_kind kind, const struct followed *f,
                           double factor, struct kw_error *err)
{
    const size_t *leaders = f->leader, n = f->n;
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < n && st == KW_OK; k++) {
        struct kw_choice c = p->candidates[leaders[k]].choice[0];
        if (kind == KW_KIND_API) {
            st = kw_plan_push(to, &c, err);
        } else if (kind == KW_KIND_DEDICATED) {
            uint32_t step = kw_gpu_offer_step(c.gpu, c.tp),
                     high = (uint32_t)ceil(c.scaling.max_replicas * factor) + 2 * step;
            if (high < f->enough[k]) high = f->enough[k];
            for (uint32_t r = (f->enough[k] + step - 1) / step * step; r <= high && st == KW_OK; r += step) {
                kw_choice_replicas(&c, r);
                st = kw_plan_push(to, &c, err);
            }
        } else {
            for (size_t i = 0; i < p->n && st == KW_OK; i++) {
                if (p->family[i] != p->family[leaders[k]]) continue;
                c = p->candidates[i].choice[0];
                const struct kw_choice *led = &p->candidates[leaders[k]].choice[0];
                if (c.scaling.idle_timeout != led->scaling.idle_timeout ||
                    kw_choice_concurrency(&c) != kw_choice_concurrency(led))
                    continue;
                double ceiling = ceil(c.scaling.max_replicas * factor);
                if (ceiling > c.scaling.max_replicas) c.scaling.max_replicas = (uint32_t)fmin(ceiling, 4096);
                st = kw_plan_push(to, &c, err);
            }
        }
    }
    return st;
}

/* A plan of its own over one kind's few candidates, with the same objectives, so that "cheapest" means the same at each
 * volume as in the plan. The pool that was enough is the floor at the next, larger volume. */
static enum kw_status best_of_kind(struct kw_breakeven *b, uint32_t v, enum kw_kind kind, const struct kw_plan *p,
                                   struct followed *f, const struct kw_study *study, const struct kw_plan_options *o,
                                   struct kw_error *err)
{
    struct kw_plan sub;
    kw_plan_init(&sub);
    b->cost[v][kind] = NAN;
    enum kw_status st = fill(&sub, p, kind, f, b->factor[v], err);
    if (st == KW_OK && sub.n > 0) {
        struct kw_plan_options one_kind = *o;
        one_kind.hybrids = false;
        st = kw_plan_run(&sub, study, &one_kind, err);
        if (st == KW_OK && sub.best >= 0) {
            b->cost[v][kind] = sub.points[sub.best].m[KW_METRIC_COST].value;
            kw_candidate_label(&sub.candidates[sub.best], b->setting[v][kind], sizeof b->setting[v][kind]);
            const struct kw_choice *best = &sub.candidates[sub.best].choice[0];
            for (size_t k = 0; k < f->n; k++) {
                const struct kw_choice *c = &p->candidates[f->leader[k]].choice[0];
                if (c->gpu == best->gpu && c->profile == best->profile && c->term == best->term)
                    f->enough[k] = best->scaling.max_replicas;
            }
        }
    }
    kw_plan_free(&sub);
    return st;
}

static int cheapest_kind(const double cost[3])
{
    int best = -1;
    for (int k = 0; k < 3; k++)
        if (!isnan(cost[k]) && (best < 0 || cost[k] < cost[best])) best = k;
    return best;
}

/* Where the lines through the two simulated volumes meet; the upper volume when one of the kinds has no cost at one. */
static void add_crossing(struct kw_breakeven *b, uint32_t v, int from, int to)
{
    double d0 = b->cost[v][to] - b->cost[v][from], d1 = b->cost[v + 1][from] - b->cost[v + 1][to];
    double lo = b->mtok_month[v], hi = b->mtok_month[v + 1];
    assert(lo <= hi && from != to && b->n_crossings < sizeof b->crossing / sizeof *b->crossing);
    struct kw_crossing *x = &b->crossing[b->n_crossings++];
    *x = (struct kw_crossing){
        .from = (enum kw_kind)from, .to = (enum kw_kind)to, .lo = lo, .hi = hi, .mtok_month = hi
    };
    if (d0 >= 0 && d1 >= 0 && d0 + d1 > 0) x->mtok_month = lo + (hi - lo) * d0 / (d0 + d1);
}

enum kw_status kw_breakeven_find(struct kw_breakeven *b, const struct kw_plan *p, const struct kw_study *study,
                                 const struct kw_plan_options *o, double max_factor, struct kw_error *err)
{
    memset(b, 0, sizeof *b);
    struct kw_plan_options sub = *o;
    sub.idle_timeout[0] = 0; /* no further timeouts are added */
    sub.n_idle_timeouts = sub.n_concurrency = 1;
    sub.exhaustive = false;
    struct followed follow[3];
    for (int k = 0; k < 3; k++) {
        follow[k].n = leaders_of(p, (enum kw_kind)k, follow[k].leader);
        for (size_t j = 0; j < LEADERS + SMALL; j++) follow[k].enough[j] = 1;
    }
    double tokens = 0;
    for (size_t i = 0; i < study->trace->n; i++) tokens += (double)study->trace->prompt[i] + study->trace->output[i];
    double months = (double)study->trace->span / (double)kw_study_month(study);
    for (int e = -4; e <= 4; e++) {
        double factor = ldexp(1, e);
        struct kw_trace t;
        struct kw_study at = *study;
        if (factor > max_factor) break;
        if ((double)study->trace->n * factor < 100) continue; /* too few requests for percentiles */
        enum kw_status st = kw_volume_scale(&t, study->trace, factor, study->seed, err);
        if (st != KW_OK) return st;
        at.trace = &t;
        at.replications = 1;
        at.series_step = 0;
        at.records = false;
        uint32_t v = b->n_volumes++;
        assert(v < sizeof b->factor / sizeof *b->factor);
        b->factor[v] = factor;
        b->mtok_month[v] = tokens * factor / months / 1e6;
        for (int k = 0; k < 3 && st == KW_OK; k++)
            st = best_of_kind(b, v, (enum kw_kind)k, p, &follow[k], &at, &sub, err);
        kw_trace_free(&t);
        if (st != KW_OK) return st;
    }
    for (uint32_t v = 0; v + 1 < b->n_volumes; v++) {
        int from = cheapest_kind(b->cost[v]), to = cheapest_kind(b->cost[v + 1]);
        if (from >= 0 && to >= 0 && from != to) add_crossing(b, v, from, to);
    }
    snprintf(
        b->method, sizeof b->method,
        "each volume simulated once for the %d best offers of each kind and the %d with the cheapest replica; "
        "requests thinned or repeated within +-30 s, so the daily shape stays; crossings by straight lines between "
        "volumes",
        LEADERS, SMALL);
    return KW_OK;
}
