#include "sim/plan/breakeven.h"
#include <gsl/gsl_roots.h>
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOLUMES_A_DECADE 2
#define NODES 4        /* parts of the stretch between two volumes where kinds are close */
#define CLOSE_LOG 1.2  /* a cost that may meet the cheapest on the way to the next volume */
#define NEAR_LOG 0.01  /* the search ends where the bracket, or the costs, differ by no more */
#define STEP_LOG 0.03  /* a cost that jumps by more within that */
#define SLOPE_LOG 0.05 /* how far apart volumes must be for a slope between them */
#define MOST_ITERATIONS 10
#define NO_COST_LOG 3.0 /* what counts where one of the two has no cost */
#define MOST_PROBES 128

void kw_breakeven_free(struct kw_breakeven *b)
{
    for (uint32_t v = 0; v < b->n_volumes; v++) kw_volume_point_free(&b->volume[v]);
    free(b->volume);
    *b = (struct kw_breakeven){ .volume = NULL };
}

static void told(const struct kw_kinds_of *of, uint64_t done, uint64_t all)
{
    if (of->o->run.progress) of->o->run.progress(of->o->run.progress_ctx, done, all);
}

/* Two kinds between two volumes that were planned: what was simulated on the way. */
struct search {
    struct kw_kinds *kinds;
    const struct kw_volume_point *below, *above;
    int from, to;
    struct probe {
        double factor;
        struct kw_kind_best kind[KW_KINDS];
        bool have[KW_KINDS];
    } probe[MOST_PROBES];
    size_t n;
    enum kw_status st;
    struct kw_error *err;
};

static const struct kw_kind_best *cost_at(struct search *s, int kind, double factor)
{
    const struct kw_volume_point *ends[] = { s->below, s->above };
    for (int e = 0; e < 2; e++)
        if (fabs(log(factor / ends[e]->factor)) < 1e-9) return &ends[e]->kind[kind];
    struct probe *p = NULL;
    for (size_t i = 0; i < s->n && !p; i++)
        if (s->probe[i].factor == factor) p = &s->probe[i];
    if (!p) {
        assert(s->n < MOST_PROBES);
        p = &s->probe[s->n++];
        *p = (struct probe){ .factor = factor };
    }
    if (!p->have[kind] && s->st == KW_OK) {
        s->st = kw_kinds_cheapest(s->kinds, &p->kind[kind], (enum kw_kind)kind, s->below, s->above, factor, 0, s->err);
        p->have[kind] = true;
    }
    return &p->kind[kind];
}

/* log(cost of `to` / cost of `from`): positive where `from` is the cheaper. */
static double log_ratio(double from, double to)
{
    if (isnan(from) && isnan(to)) return 0;
    if (isnan(from) || isnan(to)) return isnan(to) ? NO_COST_LOG : -NO_COST_LOG;
    const double least = 1e-6; /* a credit may cover it all */
    return fmin(fmax(log(fmax(to, least) / fmax(from, least)), -NO_COST_LOG), NO_COST_LOG);
}

static double ratio_at(double log_factor, void *search)
{
    struct search *s = search;
    double factor = exp(log_factor);
    const struct kw_volume_point *ends[] = { s->below, s->above };
    for (int e = 0; e < 2; e++)
        if (fabs(log_factor - log(ends[e]->factor)) < 1e-9) factor = ends[e]->factor;
    double from = cost_at(s, s->from, factor)->cost.value, to = cost_at(s, s->to, factor)->cost.value;
    return s->st == KW_OK ? log_ratio(from, to) : 0;
}

/* Log of the factor at which the sign changes in [*lo, *hi], which close in on it; *step: a jump is there. NAN when a
 * simulation failed. */
static double root(struct search *s, double *lo, double *hi, bool *step)
{
    gsl_function f = { ratio_at, s };
    double glo = ratio_at(*lo, s), ghi = ratio_at(*hi, s), x = NAN;
    *step = false;
    if (s->st != KW_OK) return NAN;
    if (glo <= 0) return *hi = *lo;
    if (ghi >= 0) return *lo = *hi;
    gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    if (!solver || gsl_root_fsolver_set(solver, &f, *lo, *hi)) {
        gsl_root_fsolver_free(solver);
        s->st = kw_fail(s->err, KW_EFAIL, "the search for a crossing does not start");
        return NAN;
    }
    bool near = false;
    for (int k = 0; k < MOST_ITERATIONS && s->st == KW_OK && !near; k++) {
        if (gsl_root_fsolver_iterate(solver)) break;
        x = gsl_root_fsolver_root(solver);
        near = fabs(ratio_at(x, s)) < NEAR_LOG / 4 ||
               gsl_root_fsolver_x_upper(solver) - gsl_root_fsolver_x_lower(solver) < NEAR_LOG;
    }
    *lo = gsl_root_fsolver_x_lower(solver);
    *hi = gsl_root_fsolver_x_upper(solver);
    gsl_root_fsolver_free(solver);
    *step = fabs(ratio_at(x, s)) > STEP_LOG;
    return s->st == KW_OK ? x : NAN;
}

/* Of what was simulated, the nearest on either side of x that is far enough for a slope. */
static double slope_around(struct search *s, double x)
{
    double at[2] = { log(s->below->factor), log(s->above->factor) };
    for (size_t i = 0; i < s->n; i++) {
        double y = log(s->probe[i].factor);
        if (!s->probe[i].have[s->from] || !s->probe[i].have[s->to]) continue;
        if (y <= x - SLOPE_LOG && y > at[0]) at[0] = y;
        if (y >= x + SLOPE_LOG && y < at[1]) at[1] = y;
    }
    return (ratio_at(at[1], s) - ratio_at(at[0], s)) / (at[1] - at[0]);
}

/* used[n]: by the days of each drawing, on the shorter replay; its own first value is the same days' as *e is of. */
static void widen_used(struct kw_estimate *e, const double *used, uint32_t n, const struct kw_variation *v)
{
    struct kw_estimate x = kw_stats_interval(used, n, 1, KW_SCALE_SHARE, v);
    if (!isfinite(x.lo) || !(used[0] > 0)) return;
    e->lo = fmin(e->value * x.lo / used[0], 1);
    e->hi = fmin(e->value * x.hi / used[0], 1);
}

/* The interval of a crossing at x: where each replication's costs at x, moved along the slope, would meet. */
static enum kw_status widen_by_days(struct search *s, struct kw_crossing *c, double x, struct kw_error *err)
{
    uint32_t n = kw_kinds_replications(s->kinds);
    double slope = slope_around(s, x), at[KW_REPLICATIONS_MAX], used[KW_REPLICATIONS_MAX], first = 0;
    if (n < 2 || !(slope < 0)) return s->st;
    for (uint32_t r = 0; r < n; r++) {
        struct kw_kind_best from, to;
        enum kw_status st =
            kw_kinds_cheapest(s->kinds, &from, (enum kw_kind)s->from, s->below, s->above, exp(x), r, err);
        if (st == KW_OK) st = kw_kinds_cheapest(s->kinds, &to, (enum kw_kind)s->to, s->below, s->above, exp(x), r, err);
        if (st != KW_OK) return st;
        double g = log_ratio(from.cost.value, to.cost.value);
        if (r == 0) first = g;
        double moved = exp(fmin(fmax((first - g) / slope, -7), 7));
        at[r] = c->tokens_month * moved;
        used[r] = fmin(to.capacity_used * moved, 1);
    }
    widen_used(&c->used, used, n, kw_kinds_variation(s->kinds));
    struct kw_estimate e = kw_stats_interval(at, n, 1, KW_SCALE_LOG, kw_kinds_variation(s->kinds));
    if (!isfinite(e.lo) || !isfinite(e.hi)) return KW_OK;
    c->estimated = true;
    c->lo = fmin(c->lo, e.lo);
    c->hi = fmax(c->hi, e.hi);
    return KW_OK;
}

/* The crossing of s->from and s->to in [lo, hi] (logs of factors). */
static enum kw_status cross(struct search *s, double lo, double hi, struct kw_crossing *c, double *at)
{
    double month = kw_kinds_tokens_month(s->kinds), a = lo, b = hi;
    bool step;
    double x = *at = root(s, &a, &b, &step);
    if (s->st != KW_OK) return s->st;
    if (!step) {
        double off = fmax(NEAR_LOG / 2, fabs(ratio_at(x, s)));
        a = fmax(lo, x - off);
        b = fmin(hi, x + off);
    }
    *c = (struct kw_crossing){ .from = (enum kw_kind)s->from,
                               .to = (enum kw_kind)s->to,
                               .tokens_month = month * exp(x),
                               .lo = month * exp(a),
                               .hi = month * exp(b),
                               .step = step };
    c->below = *cost_at(s, s->from, exp(x));
    c->above = *cost_at(s, s->to, exp(x));
    if (step) { /* each where it is the cheaper */
        c->below = *cost_at(s, s->from, exp(a));
        c->above = *cost_at(s, s->to, exp(b));
    }
    c->used = (struct kw_estimate){ c->above.capacity_used, NAN, NAN };
    return s->st == KW_OK ? widen_by_days(s, c, x, s->err) : s->st;
}

/* Crossings of the cheapest kind in [lo, hi], where it is `from` and then `to`; a third one may be the cheapest between.
 */
static enum kw_status cross_all(struct search *s, struct kw_breakeven *b, double lo, double hi, int from, int to,
                                int depth)
{
    struct kw_crossing c;
    double x;
    if (b->n_crossings == KW_BREAKEVEN_CROSSINGS) return KW_OK;
    s->from = from;
    s->to = to;
    enum kw_status st = cross(s, lo, hi, &c, &x);
    if (st != KW_OK) return st;
    int third = KW_KINDS - from - to;
    double other = depth < 2 ? cost_at(s, third, exp(x))->cost.value : NAN,
           there = fmin(cost_at(s, from, exp(x))->cost.value, cost_at(s, to, exp(x))->cost.value);
    if (s->st != KW_OK) return s->st;
    if (isnan(other) || other >= there || x <= lo || x >= hi) {
        b->crossing[b->n_crossings++] = c;
        return KW_OK;
    }
    st = cross_all(s, b, lo, x, from, third, depth + 1);
    return st == KW_OK ? cross_all(s, b, x, hi, third, to, depth + 1) : st;
}

static void between(struct search *s, struct kw_kinds *k, const struct kw_breakeven *b, uint32_t v,
                    struct kw_error *err)
{
    *s = (struct search){ .kinds = k, .below = &b->volume[v], .above = &b->volume[v + 1], .st = KW_OK, .err = err };
}

/* The last change from serverless being the cheaper to dedicated. */
static enum kw_status find_utilisation(struct kw_breakeven *b, struct kw_kinds *k, struct search *s,
                                       struct kw_error *err)
{
    const int from = KW_KIND_SERVERLESS, to = KW_KIND_DEDICATED;
    int last = -1, cheaper[2] = { 0, 0 };
    b->serverless_to_dedicated = (struct kw_crossing){ .tokens_month = NAN, .lo = NAN, .hi = NAN };
    b->dearer = -1;
    for (uint32_t v = 0; v < b->n_volumes; v++) {
        const struct kw_kind_best *x = b->volume[v].kind;
        if (isnan(x[from].cost.value) || isnan(x[to].cost.value)) continue;
        cheaper[x[to].cost.value < x[from].cost.value]++;
        if (v + 1 < b->n_volumes && log_ratio(x[from].cost.value, x[to].cost.value) > 0 &&
            log_ratio(b->volume[v + 1].kind[from].cost.value, b->volume[v + 1].kind[to].cost.value) < 0 &&
            !isnan(b->volume[v + 1].kind[from].cost.value))
            last = (int)v;
    }
    if (cheaper[0] && !cheaper[1]) b->dearer = to;
    if (cheaper[1] && !cheaper[0]) b->dearer = from;
    if (last < 0) return KW_OK;
    between(s, k, b, (uint32_t)last, err);
    s->from = from;
    s->to = to;
    double x;
    return cross(s, log(s->below->factor), log(s->above->factor), &b->serverless_to_dedicated, &x);
}

/* Whether the kind may be the cheapest somewhere between the two volumes. Pools side by side cost in proportion. */
static bool close(const struct search *s, int kind)
{
    const struct kw_volume_point *ends[] = { s->below, s->above };
    if (s->below->pools > 1) return kind == s->below->winner || kind == s->above->winner;
    for (int e = 0; e < 2; e++) {
        int w = ends[e]->winner;
        if (w >= 0 && log_ratio(ends[e]->kind[w].cost.value, ends[e]->kind[kind].cost.value) < CLOSE_LOG) return true;
    }
    return false;
}

static int cheapest_at(struct search *s, double x)
{
    int best = -1;
    double least = INFINITY;
    for (int k = 0; k < KW_KINDS; k++) {
        double cost = close(s, k) ? cost_at(s, k, exp(x))->cost.value : NAN;
        if (cost < least) {
            least = cost;
            best = k;
        }
    }
    return best;
}

/* Between two volumes; a pool of one replica more may be dearer than an API again, so closer volumes are looked at where
 * another kind comes close. */
static enum kw_status find_between(struct search *s, struct kw_breakeven *b)
{
    double lo = log(s->below->factor), hi = log(s->above->factor), from = lo;
    int n_close = 0, before = s->below->winner;
    for (int k = 0; k < KW_KINDS; k++) n_close += close(s, k);
    int nodes = n_close > 1 && s->below->pools <= 1 ? NODES : 1;
    enum kw_status st = KW_OK;
    for (int i = 1; i <= nodes && st == KW_OK; i++) {
        double x = i == nodes ? hi : lo + (hi - lo) * i / nodes;
        int now = i == nodes ? s->above->winner : cheapest_at(s, x);
        if ((st = s->st) != KW_OK) break;
        if (before >= 0 && now >= 0 && before != now) st = cross_all(s, b, from, x, before, now, 0);
        before = now;
        from = x;
    }
    return st;
}

static enum kw_status find_crossings(struct kw_breakeven *b, struct kw_kinds *k, const struct kw_kinds_of *of,
                                     struct kw_error *err)
{
    enum kw_status st = KW_OK;
    struct search *s = malloc(sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for a crossing");
    for (uint32_t v = 0; v + 1 < b->n_volumes && st == KW_OK; v++) {
        told(of, b->n_volumes + v, 2 * b->n_volumes);
        between(s, k, b, v, err);
        st = find_between(s, b);
    }
    if (st == KW_OK) st = find_utilisation(b, k, s, err);
    free(s);
    return st;
}

static enum kw_status plan_at(struct kw_breakeven *b, struct kw_kinds *k, const struct kw_kinds_of *of,
                              const double *factor, size_t n, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    b->volume = calloc(n + 1, sizeof *b->volume);
    if (!b->volume) return kw_fail(err, KW_ENOMEM, "out of memory for other volumes");
    b->dispersion = kw_volume_dispersion(of->study->trace, KW_VOLUME_WINDOW);
    b->replications = kw_kinds_replications(k);
    b->adapters = of->o->fine_tunes != NULL;
    for (size_t v = 0; v < n && st == KW_OK; v++) {
        told(of, v, b->searched ? 2 * n : n);
        st = kw_kinds_plan(k, &b->volume[v], factor[v], err);
        if (st == KW_OK) b->n_volumes++;
    }
    return st;
}

enum kw_status kw_breakeven_find(struct kw_breakeven *b, const struct kw_kinds_of *of, struct kw_error *err)
{
    double factor[64];
    size_t n = 0;
    struct kw_kinds *k = NULL;
    int decades = (int)lround(log10(KW_BREAKEVEN_MOST / KW_BREAKEVEN_LEAST));
    for (int i = 0; i <= decades * VOLUMES_A_DECADE; i++)
        factor[n++] = KW_BREAKEVEN_LEAST * pow(10, (double)i / VOLUMES_A_DECADE);
    *b = (struct kw_breakeven){ .searched = true };
    enum kw_status st = kw_kinds_open(&k, of, err);
    if (st == KW_OK) st = plan_at(b, k, of, factor, n, err);
    if (st == KW_OK) st = find_crossings(b, k, of, err);
    kw_kinds_close(k);
    if (st != KW_OK) kw_breakeven_free(b);
    return st;
}

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

enum kw_status kw_breakeven_at(struct kw_breakeven *b, const struct kw_kinds_of *of, const double *tokens_month,
                               size_t n, struct kw_error *err)
{
    struct kw_kinds *k = NULL;
    double *factor = malloc((n + 1) * sizeof *factor);
    *b = (struct kw_breakeven){ .searched = false };
    enum kw_status st = factor ? kw_kinds_open(&k, of, err) : kw_fail(err, KW_ENOMEM, "out of memory for volumes");
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        factor[i] = tokens_month[i] / kw_kinds_tokens_month(k);
        if (!(factor[i] >= KW_BREAKEVEN_LEAST && factor[i] <= KW_BREAKEVEN_MOST))
            st = kw_fail(err, KW_ERANGE,
                         "a volume of %.4g tokens a month is %.3g times the trace's %.4g, want 1/1000 to 1000 times",
                         tokens_month[i], factor[i], kw_kinds_tokens_month(k));
    }
    if (st == KW_OK) {
        qsort(factor, n, sizeof *factor, ascending);
        st = plan_at(b, k, of, factor, n, err);
    }
    free(factor);
    kw_kinds_close(k);
    if (st != KW_OK) kw_breakeven_free(b);
    return st;
}

bool kw_volume_point_ties(const struct kw_volume_point *v, int kind)
{
    if (v->winner < 0 || kind == v->winner || isnan(v->kind[kind].cost.value)) return false;
    const struct kw_estimate *a = &v->kind[v->winner].cost, *b = &v->kind[kind].cost;
    const double indistinct = 1.01;
    return b->value <= indistinct * a->value ||
           (b->value <= KW_PLAN_NEAR * a->value && b->lo <= a->hi); /* NAN: not so */
}

char *kw_breakeven_method(const struct kw_breakeven *b, char *buf, size_t size)
{
    double least_part = 1, most_pools = 1;
    uint32_t windows = 1;
    for (uint32_t v = 0; v < b->n_volumes; v++) {
        const struct kw_volume_point *x = &b->volume[v];
        if (x->windows > windows) windows = x->windows;
        least_part = fmin(least_part, x->part);
        most_pools = fmax(most_pools, x->pools);
    }
    size_t at = (size_t)snprintf(
        buf, size,
        "each kind planned anew at each volume. More traffic is whole copies of the trace moved by up to 15 minutes, "
        "less "
        "is fewer of its bursts: the daily shape stays, and so does the dispersion of requests in 10 s, %.2f",
        b->dispersion);
    if (windows > 1 && at < size)
        at += (size_t)snprintf(buf + at, size - at, "; little traffic is shown by up to %u such windows", windows);
    if (least_part < 1 && at < size)
        at +=
            (size_t)snprintf(buf + at, size - at,
                             "; of much, slices of 10 minutes at each level of load stand for the rest (%.3g %% of the "
                             "time at the least)",
                             100 * least_part);
    if (b->adapters && at < size)
        at += (size_t)snprintf(buf + at, size - at, "; LoRA adapters beside their base, never in a pool for each");
    if (most_pools > 1 && at < size)
        snprintf(buf + at, size - at,
                 "; the largest volumes are up to %.3g like pools side by side, which costs no less than one for all",
                 most_pools);
    return buf;
}
