/* What would flip the answer: every fact that the recommendation or a rival rests on, moved by itself. What a price does is
 * computed from the usage that was simulated; nothing is planned anew. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include "sim/core/date.h"
#include "sim/plan/flip_readings.h"
#include "sim/plan/flip_times.h"
#include "sim/plan/flip_volume.h"
#include "sim/plan/plan_internal.h"

struct flipping {
    struct kw_plan *p;
    const struct kw_study *study;
    double base;      /* what the recommended one costs */
    bool *could_meet; /* [n] meets every objective but perhaps the budget */
};

static double cost(const struct kw_plan *p, size_t i)
{
    return p->points[i].m[KW_METRIC_COST].value;
}

static bool within_budget(const struct flipping *f, double usd)
{
    return !f->study->slo.budget_month || usd <= kw_nano_to_double(f->study->slo.budget_month);
}

static bool meets_but_budget(const struct kw_point *x, const struct kw_slo *slo)
{
    struct kw_slo free_of_budget = *slo;
    double ratio;
    free_of_budget.budget_month = 0;
    return kw_slo_judge(&free_of_budget, x->sample[0], NULL, 0, &ratio) &&
           (!kw_point_has_range(x) || kw_slo_judge(&free_of_budget, x->beyond, NULL, 0, &ratio));
}

static enum kw_status cost_at(const struct flipping *f, const struct kw_lever *l, double by, size_t i, bool moves,
                              double *usd, struct kw_error *err)
{
    *usd = cost(f->p, i);
    return moves ? kw_lever_cost(l, by, &f->p->candidates[i], f->p->points[i].usage, usd, err) : KW_OK;
}

/* As kw_point_better of two that are feasible, at other costs. */
static bool better_at(const struct kw_plan *p, size_t i, double usd_i, size_t j, double usd_j)
{
    double s = p->points[i].m[KW_METRIC_TTFT_P95].value, t = p->points[j].m[KW_METRIC_TTFT_P95].value;
    return usd_i != usd_j ? usd_i < usd_j : (isnan(s) ? INFINITY : s) < (isnan(t) ? INFINITY : t);
}

/* Whether i would be taken instead of the recommended one. */
static enum kw_status flips(const struct flipping *f, const struct kw_lever *l, double by, size_t i,
                            const bool moves[2], bool *yes, double *usd, struct kw_error *err)
{
    double best;
    enum kw_status st = cost_at(f, l, by, (size_t)f->p->best, moves[0], &best, err);
    if (st == KW_OK) st = cost_at(f, l, by, i, moves[1], usd, err);
    *yes = st == KW_OK && within_budget(f, *usd) &&
           (better_at(f->p, i, *usd, (size_t)f->p->best, best) || !within_budget(f, best));
    return st;
}

/* The move at which i takes over lies between 1 and *by, where it does: halved down to what a double tells. A bill goes
 * up with each of its prices, so there is one such move where the two do not share the price. */
static enum kw_status narrow(const struct flipping *f, const struct kw_lever *l, double *by, size_t i,
                             const bool moves[2], double *usd, struct kw_error *err)
{
    double lo = 1, hi = *by, at;
    enum kw_status st = KW_OK;
    while (st == KW_OK && fabs(hi - lo) > 1e-10) {
        double mid = 0.5 * (lo + hi);
        bool yes;
        st = flips(f, l, mid, i, moves, &yes, &at, err);
        *(yes ? &hi : &lo) = mid;
        if (yes) *usd = at;
    }
    *by = hi;
    return st;
}

/* The budget may end before any rival is cheaper, and what costs more than the recommended one is then no help. */
static enum kw_status narrow_budget(const struct flipping *f, const struct kw_lever *l, double *by,
                                    struct kw_error *err)
{
    double lo = 1, hi = *by, usd;
    enum kw_status st = cost_at(f, l, hi, (size_t)f->p->best, true, &usd, err);
    if (st != KW_OK || within_budget(f, usd)) return st;
    while (st == KW_OK && fabs(hi - lo) > 1e-10) {
        double mid = 0.5 * (lo + hi);
        st = cost_at(f, l, mid, (size_t)f->p->best, true, &usd, err);
        *(within_budget(f, usd) ? &lo : &hi) = mid;
    }
    *by = hi;
    return st;
}

static struct kw_flip *better(struct kw_flip *a, struct kw_flip *b)
{
    return isnan(a->move.value) || fabs(b->move.value) < fabs(a->move.value) ? b : a;
}

/* Of prices, one way: to `most` times. */
static enum kw_status flip_price(const struct flipping *f, struct kw_flip *out, double most, struct kw_error *err)
{
    const struct kw_plan *p = f->p;
    const struct kw_lever *l = &out->lever;
    bool moves[2] = { kw_lever_moves(l, &p->candidates[p->best]), false };
    double by = most;
    enum kw_status st = KW_OK;
    out->rival = -1;
    out->move.value = NAN;
    if (moves[0]) st = narrow_budget(f, l, &by, err);
    if (by != most) {
        out->move.value = by - 1;
        out->cost = NAN;
        out->misses = true;
    }
    for (size_t k = 0; k < p->n && st == KW_OK; k++) {
        size_t i = p->order[k];
        if ((ptrdiff_t)i == p->best || !f->could_meet[i]) continue;
        if (p->points[i].feasible && cost(p, i) < f->base) continue; /* passed over for what it misses under a stress */
        moves[1] = kw_lever_moves(l, &p->candidates[i]);
        if (!moves[0] && !moves[1]) continue;
        bool yes;
        double usd;
        if ((st = flips(f, l, by, i, moves, &yes, &usd, err)) != KW_OK || !yes) continue;
        if (out->rival >= 0 && !better_at(p, i, usd, (size_t)out->rival, out->cost)) continue;
        if ((st = narrow(f, l, &by, i, moves, &usd, err)) != KW_OK) break;
        out->move.value = by - 1;
        out->rival = (ptrdiff_t)i;
        out->cost = usd;
        out->misses = false;
    }
    return st;
}

/* By how much more the rival costs in each drawing, as a line in the move: D + slope * move. Returns how many drawings both
 * have. */
static enum kw_status paired(const struct flipping *f, const struct kw_flip *x, double d[KW_REPLICATIONS_MAX],
                             double slope[KW_REPLICATIONS_MAX], uint32_t *n, struct kw_error *err)
{
    const struct kw_plan *p = f->p;
    const size_t who[] = { (size_t)x->rival, (size_t)p->best };
    enum kw_status st = KW_OK;
    *n = p->points[who[0]].replications;
    if (p->points[who[1]].replications < *n) *n = p->points[who[1]].replications;
    for (uint32_t r = 0; r < *n && st == KW_OK; r++) {
        d[r] = slope[r] = 0;
        for (int k = 0; k < 2 && st == KW_OK; k++) {
            const struct kw_point *q = &p->points[who[k]];
            double now = q->sample[r][KW_METRIC_COST], then = now, sign = k ? -1 : 1;
            if (kw_lever_moves(&x->lever, &p->candidates[who[k]]))
                st = kw_lever_cost(&x->lever, 1 + x->move.value, &p->candidates[who[k]], &q->usage[(size_t)r * q->n],
                                   &then, err);
            d[r] += sign * now;
            slope[r] += sign * (then - now) / x->move.value;
        }
    }
    return st;
}

/* Between the moves at which the interval of what the rival costs more begins and ceases to hold nothing. */
static enum kw_status interval(const struct flipping *f, struct kw_flip *x, struct kw_error *err)
{
    double d[KW_REPLICATIONS_MAX], slope[KW_REPLICATIONS_MAX], at[KW_REPLICATIONS_MAX];
    uint32_t n;
    if (isnan(x->move.value) || x->rival < 0) return KW_OK;
    enum kw_status st = paired(f, x, d, slope, &n, err);
    if (st != KW_OK || n < 3) return st;
    const struct kw_variation *v = &f->p->points[f->p->best].variation;
    struct kw_estimate now = kw_stats_paired((double[KW_REPLICATIONS_MAX]){ 0 }, d, n, 1, v);
    if (isnan(now.lo)) return KW_OK;
    const double most = x->move.value > 0 ? KW_FLIP_MOST - 1 : 1 / KW_FLIP_MOST - 1;
    double end[2];
    for (int side = 0; side < 2; side++) { /* the near end, where lo passes 0; the far one, where hi does */
        double lo = 0, hi = most;
        for (int k = 0; k < 60; k++) {
            double mid = 0.5 * (lo + hi);
            for (uint32_t r = 0; r < n; r++) at[r] = d[r] + slope[r] * mid;
            struct kw_estimate e = kw_stats_paired((double[KW_REPLICATIONS_MAX]){ 0 }, at, n, 1, v);
            *((side ? e.hi : e.lo) > 0 ? &lo : &hi) = mid;
        }
        end[side] = hi == most ? copysign(INFINITY, most) : hi;
    }
    x->noise = now.lo <= 0;
    if (x->noise) end[0] = 0;
    x->move.lo = fmin(end[0], end[1]);
    x->move.hi = fmax(end[0], end[1]);
    return KW_OK;
}

enum kw_status kw_plan_flip_push(struct kw_plan *p, const struct kw_lever *l, struct kw_error *err)
{
    struct kw_flip *grown = realloc(p->flips, (p->n_flips + 1) * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    p->flips = grown;
    p->flips[p->n_flips++] = (struct kw_flip){ .lever = *l,
                                               .age_days = -1,
                                               .move = { NAN, NAN, NAN },
                                               .stands = NAN,
                                               .sought = true,
                                               .end = l->kind == KW_LEVER_RATE ? 1 / KW_FLIP_MOST : KW_FLIP_MOST,
                                               .at = NAN,
                                               .cost = NAN,
                                               .rival = -1 };
    return KW_OK;
}

static bool has(const struct kw_plan *p, const struct kw_lever *l)
{
    for (size_t i = 0; i < p->n_flips; i++)
        if (kw_lever_same(&p->flips[i].lever, l)) return true;
    return false;
}

/* What moves the recommended one, or one that could take its place: not the price of what misses anyway. */
static enum kw_status collect(const struct flipping *f, struct kw_error *err)
{
    struct kw_plan *p = f->p;
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < p->n && st == KW_OK; k++) {
        size_t i = p->order[k];
        for (uint32_t d = 0; f->could_meet[i] && d < p->candidates[i].n && st == KW_OK; d++) {
            struct kw_lever all[KW_LEVERS_OF_CHOICE];
            size_t n = kw_levers_of_choice(&p->candidates[i].choice[d], all);
            for (size_t j = 0; j < n && st == KW_OK; j++) {
                double usd; /* a line that nothing is billed by is no lever */
                st = kw_lever_cost(&all[j], KW_FLIP_MOST, &p->candidates[i], p->points[i].usage, &usd, err);
                if (st == KW_OK && usd != cost(p, i) && !has(p, &all[j])) st = kw_plan_flip_push(p, &all[j], err);
            }
        }
    }
    return st;
}

static enum kw_status flip(const struct flipping *f, struct kw_flip *x, struct kw_error *err)
{
    struct kw_flip up = *x, down = *x;
    enum kw_status st = flip_price(f, &up, KW_FLIP_MOST, err);
    if (st == KW_OK) st = flip_price(f, &down, 1 / KW_FLIP_MOST, err);
    if (st != KW_OK) return st;
    *x = *better(&up, &down);
    if (isnan(x->move.value)) return KW_OK;
    x->at = x->lever.value * (1 + x->move.value);
    x->stands = x->move.value;
    return interval(f, x, err);
}

enum kw_status kw_plan_flips(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                             struct kw_error *err)
{
    struct flipping f = { .p = p, .study = study };
    free(p->flips);
    p->flips = NULL;
    p->n_flips = 0;
    if (p->best < 0) return KW_OK;
    f.base = cost(p, (size_t)p->best);
    f.could_meet = malloc(p->n * sizeof *f.could_meet);
    if (!f.could_meet) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    for (size_t i = 0; i < p->n; i++)
        f.could_meet[i] = p->points[i].feasible || meets_but_budget(&p->points[i], &study->slo);
    enum kw_status st = collect(&f, err);
    for (size_t i = 0; i < p->n_flips && st == KW_OK; i++) st = flip(&f, &p->flips[i], err);
    if (st == KW_OK) st = kw_flip_times(p, study, &o->run, err);
    if (st == KW_OK) st = kw_flip_volume(p, study, &o->run, err);
    if (st == KW_OK) st = kw_flip_readings(p, err);
    for (size_t i = 0; i < p->n_flips && st == KW_OK; i++) {
        struct kw_flip *x = &p->flips[i];
        if (x->rival >= 0) kw_candidate_label(&p->candidates[x->rival], x->then, sizeof x->then);
        if (!o->today) continue;
        int64_t age = kw_date_age_days(x->lever.provenance.date, o->today);
        x->age_days = age < 0 ? -1 : age;
    }
    if (st == KW_OK && p->n_flips) qsort(p->flips, p->n_flips, sizeof *p->flips, kw_flip_order);
    free(f.could_meet);
    return st;
}
