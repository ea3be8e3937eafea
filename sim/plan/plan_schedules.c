/* Schedules by the hour of the week for serverless offers that they may make the cheapest, each with the bounds that tell how far
 * from the best of its kind it can be, and what it costs not to know the weeks ahead. What is looked at follows from the trace itself, which a pruned and an exhaustive plan know
 * alike. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "workloads/window.h"

#define WORTH 0.01 /* of the cost: less is no reason for a schedule */
#define WEEK (168 * KW_NS_PER_HOUR)
#define DRAWINGS 4 /* of the days, on which a schedule is judged */
#define MET 3      /* of these at least */

/* All the late requests that the objectives allow, and half of them: what just meets them on the replayed days may not on others. */
static const double share[] = { 1, 0.5 };
enum { SHARES = sizeof share / sizeof *share };

/* Hours to fit to, from those of a week, which want a second week to be more than chance, to those of any day. */
static const uint32_t grain[] = { 168, 48, 24 };
enum { GRAINS = sizeof grain / sizeof *grain };

struct grains {
    struct kw_hours of[GRAINS]; /* [first, GRAINS) */
    size_t first;
};

static enum kw_status make_grains(struct grains *g, const struct kw_trace *t, const struct kw_zone *zone,
                                  struct kw_error *err)
{
    enum kw_status st = KW_OK;
    memset(g, 0, sizeof *g);
    g->first = t->span >= 2 * WEEK ? 0 : t->span >= WEEK ? 1 : 2;
    for (size_t k = g->first; k < GRAINS && st == KW_OK; k++) st = kw_hours_init(&g->of[k], t, zone, grain[k], err);
    return st;
}

static void free_grains(struct grains *g)
{
    for (size_t k = 0; k < GRAINS; k++) kw_hours_free(&g->of[k]);
}

static double cost_of(const struct kw_plan *p, size_t i)
{
    return p->points[i].m[KW_METRIC_COST].value;
}

/* The best, or the cheapest whatever it misses, of those of the first `looked` that were simulated, on platform q; -1. */
static ptrdiff_t pick(const struct kw_plan *p, size_t looked, const struct kw_platform *q, bool cheapest)
{
    ptrdiff_t best = -1;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        if (!c || !p->settled[i] || c->platform != q) continue;
        if (best < 0 ||
            (cheapest ? cost_of(p, i) < cost_of(p, (size_t)best) : kw_point_better(&p->points[i], &p->points[best])))
            best = (ptrdiff_t)i;
    }
    return best;
}

struct shop {
    const struct kw_platform *platform;
    size_t best, cheap;
};

/* The platform of the best offer, then the others by what is cheapest there; those where nothing meets are left out. Returns
 * how many. */
static size_t shops_of(const struct kw_plan *p, size_t looked, struct shop *out)
{
    size_t n = 0;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        size_t k = 0;
        while (c && k < n && out[k].platform != c->platform) k++;
        if (!c || k < n) continue;
        ptrdiff_t best = pick(p, looked, c->platform, false), cheap = pick(p, looked, c->platform, true);
        if (best >= 0 && p->points[best].feasible) out[n++] = (struct shop){ c->platform, (size_t)best, (size_t)cheap };
    }
    for (size_t k = 0; k < n; k++)
        for (size_t j = k + 1; j < n; j++) {
            struct shop swap = out[k];
            bool sooner = k == 0 ? kw_point_better(&p->points[out[j].best], &p->points[out[k].best])
                                 : cost_of(p, out[j].cheap) < cost_of(p, out[k].cheap);
            if (!sooner) continue;
            out[k] = out[j];
            out[j] = swap;
        }
    return n;
}

/* The same offer with the same settings, but for how many it keeps warm. */
static bool alike(const struct kw_plan *p, size_t i, size_t j)
{
    const struct kw_choice *x = kw_plan_serverless(p, i), *y = kw_plan_serverless(p, j);
    return x && y && p->family[i] == p->family[j] && x->scaling.idle_timeout == y->scaling.idle_timeout &&
           x->scaling.zero_timeout == y->scaling.zero_timeout && kw_choice_concurrency(x) == kw_choice_concurrency(y) &&
           x->scaling.max_replicas == y->scaling.max_replicas;
}

struct levels {
    uint32_t least, most;
};

/* From the fewest that a candidate of its family keeps warm to one more than the first constant level that meets. */
static struct levels levels_of(const struct kw_plan *p, size_t looked, size_t of)
{
    struct levels how = { UINT32_MAX, UINT32_MAX };
    for (size_t i = 0; i < looked; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        if (!c || p->family[i] != p->family[of]) continue;
        uint32_t warm = c->scaling.keep_warm;
        if (warm < how.least) how.least = warm;
        if (alike(p, i, of) && p->settled[i] && p->points[i].feasible && warm < how.most) how.most = warm;
    }
    uint32_t max = p->candidates[of].choice[0].scaling.max_replicas;
    how.most = how.most == UINT32_MAX ? how.least + 2 : how.most + 1;
    if (how.most > max) how.most = max;
    if (how.least + KW_SCHEDULE_LEVELS <= how.most) how.least = how.most - KW_SCHEDULE_LEVELS + 1;
    return how;
}

static struct kw_choice with_levels(const struct kw_choice *of, const struct kw_hours *h, const uint32_t *level)
{
    struct kw_choice c = *of;
    kw_hours_schedule(h, level, &c.schedule);
    c.scaling.keep_warm = kw_schedule_least(&c.schedule);
    return c;
}

/* In how many drawings of the trace's days, where there are enough to draw from, it meets the objectives too. */
static enum kw_status holds(struct kw_plan *p, const struct kw_choice *with, const struct kw_study *study,
                            const struct kw_sweep_options *run, uint32_t *drawn, uint32_t *met, struct kw_error *err)
{
    struct kw_study own = *study;
    struct kw_choice copy = *with;
    struct kw_candidate c = { .choice = &copy, .n = 1 };
    struct kw_point x;
    struct kw_sweep *sweep = NULL;
    size_t zero = 0;
    enum kw_status st = kw_point_init(&x, err);
    if (st != KW_OK) return st;
    own.replications = 1 + DRAWINGS;
    own.precision = 0;
    own.records = false;
    own.series_step = 0;
    st = kw_sweep_open(&sweep, &c, 1, &own, run, err);
    if (st == KW_OK) st = kw_sweep_advance(sweep, &x, &zero, 1, kw_sweep_replications(sweep), err);
    kw_sweep_close(sweep);
    *drawn = x.drawn;
    *met = x.met;
    p->simulations += x.replications;
    kw_point_free(&x);
    return st;
}

/* What of candidate `of` is known already, and what was found first: the cheapest on the replayed days. */
struct look {
    struct kw_known known;
    struct kw_schedule_found close;
    struct kw_schedule close_schedule;
    uint32_t close_met;
    bool any_close;
};

/* One kind of schedule. *last: kinds of coarser hours with as many late, and of as coarse ones with fewer, cannot be cheaper. */
static enum kw_status look_for_kind(struct kw_plan *p, struct kw_plan_schedule *s, struct look *l, size_t of,
                                    const struct kw_hours *h, const struct kw_schedule_search *how,
                                    const struct kw_study *study, const struct kw_sweep_options *run, bool *last,
                                    struct kw_error *err)
{
    struct kw_schedule_found found;
    uint32_t drawn = 0, met = 0;
    enum kw_status st = kw_schedule_search(&found, &l->known, h, how, err);
    if (st != KW_OK) return st;
    p->simulations += found.runs;
    if (!s->found.n) { /* its bound is told where nothing is taken */
        s->found = found;
        s->found.any = false;
    }
    *last = !found.any;
    if (!found.any) return KW_OK;
    struct kw_choice with = with_levels(&p->candidates[of].choice[0], h, found.level);
    if ((st = holds(p, &with, study, run, &drawn, &met, err)) != KW_OK) return st;
    if (!l->any_close) {
        l->any_close = true;
        l->close = found;
        l->close_schedule = with.schedule;
        l->close_met = met;
    }
    bool does = drawn == 0 || met >= MET;
    s->fits_alone |= !does;
    if (!does) return KW_OK;
    *last = true;
    s->found = found;
    s->drawn = drawn;
    s->met = met;
    s->close = l->close;
    s->close_schedule = l->close_schedule;
    s->close_met = l->close_met;
    s->choice = with;
    s->of = of;
    s->share = how->share;
    return kw_schedule_foresight(&l->known, &s->foresight, err);
}

/* The cheapest schedule of candidate `of` that holds on other days into *s, where it is cheaper than what is there. A kind that
 * cannot be cheaper by its bound takes no run. */
static enum kw_status look_for(struct kw_plan *p, size_t looked, struct kw_plan_schedule *s, size_t of,
                               const struct grains *g, const struct kw_study *study, const struct kw_sweep_options *run,
                               struct kw_error *err)
{
    struct levels levels = levels_of(p, looked, of);
    struct kw_schedule_search how = { .limit = s->found.any ? s->found.cost : s->constant * (1 - WORTH) };
    struct look l = { .any_close = false };
    enum kw_status st =
        kw_known_init(&l.known, &p->candidates[of], study, run, g->of[GRAINS - 1].zone, levels.least, levels.most, err);
    if (st != KW_OK) return st;
    p->simulations += l.known.runs;
    if (!s->found.any) st = kw_schedule_foresight(&l.known, &s->foresight, err);
    size_t coarsest = GRAINS; /* not to be looked at any more, nor what is coarser */
    for (size_t tight = 0; tight < SHARES && st == KW_OK; tight++)
        for (size_t k = g->first; k < coarsest && st == KW_OK; k++) {
            bool last = false;
            how.share = share[tight];
            if (s->found.any) how.limit = s->found.cost;
            st = look_for_kind(p, s, &l, of, &g->of[k], &how, study, run, &last, err);
            if (last) coarsest = k;
        }
    kw_known_free(&l.known);
    return st;
}

/* A schedule found in the first half of the weeks alone, on the weeks after it. */
static enum kw_status judge_later(struct kw_plan *p, size_t looked, struct kw_plan_schedule *s,
                                  const struct kw_zone *zone, const struct kw_study *study,
                                  const struct kw_sweep_options *run, struct kw_error *err)
{
    const struct kw_trace *all = study->trace;
    kw_ns weeks = all->span / WEEK;
    struct kw_window first = { .chosen = KW_WINDOW_STATED, .end = weeks / 2 * WEEK },
                     later = { .chosen = KW_WINDOW_STATED, .begin = first.end, .end = weeks * WEEK };
    struct kw_trace a, b;
    struct kw_hours of_a, of_b;
    struct kw_study own = *study;
    struct kw_schedule_found found = { .any = false };
    struct kw_known known = { .runs = 0 };
    struct levels levels = levels_of(p, looked, s->of);
    const struct kw_schedule_search how = { .share = s->share, .limit = INFINITY };
    if (weeks < 2 || kw_window_cut(&a, all, &first, NULL) != KW_OK) return KW_OK; /* of one week there are no others */
    if (kw_window_cut(&b, all, &later, NULL) != KW_OK) {
        kw_trace_free(&a);
        return KW_OK;
    }
    enum kw_status st = kw_hours_init(&of_a, &a, zone, s->found.n, err);
    if (st == KW_OK && (st = kw_hours_init(&of_b, &b, zone, s->found.n, err)) == KW_OK) {
        own.trace = &a;
        st = kw_known_init(&known, &p->candidates[s->of], &own, run, zone, levels.least, levels.most, err);
        if (st == KW_OK) st = kw_schedule_search(&found, &known, &of_a, &how, err);
        p->simulations += known.runs + found.any;
        kw_known_free(&known);
        own.trace = &b;
        if (st == KW_OK && found.any)
            st = kw_hours_try(&of_b, &p->candidates[s->of], &own, run, found.level, 1, &s->later, NULL, err);
        if (st == KW_OK && found.any) s->weeks = (uint32_t)(weeks - weeks / 2);
        kw_hours_free(&of_b);
    }
    kw_hours_free(&of_a);
    kw_trace_free(&a);
    kw_trace_free(&b);
    return st;
}

static enum kw_status add(struct kw_plan *p, size_t looked, const struct shop *shop, const struct grains *g,
                          const struct kw_study *study, const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_plan_schedule *s = &p->schedule[p->n_schedules];
    memset(s, 0, sizeof *s);
    s->constant = cost_of(p, shop->best);
    s->of = shop->best;
    s->foresight = NAN;
    s->candidate = -1;
    kw_candidate_label(&p->candidates[shop->best], s->label, sizeof s->label);
    enum kw_status st = look_for(p, looked, s, shop->best, g, study, run, err);
    if (st == KW_OK && !alike(p, shop->best, shop->cheap)) st = look_for(p, looked, s, shop->cheap, g, study, run, err);
    if (st == KW_OK && s->found.any) st = judge_later(p, looked, s, g->of[GRAINS - 1].zone, study, run, err);
    if (st != KW_OK) return st;
    p->n_schedules++;
    return s->found.any ? kw_plan_push(p, &s->choice, err) : KW_OK;
}

/* What the cheapest that meets the objectives costs, schedules included. */
static double best_cost(const struct kw_plan *p, size_t looked)
{
    double least = INFINITY;
    for (size_t i = 0; i < looked; i++)
        if (p->settled[i] && p->points[i].feasible) least = fmin(least, cost_of(p, i));
    for (size_t k = 0; k < p->n_schedules; k++)
        if (p->schedule[k].found.any) least = fmin(least, p->schedule[k].found.cost);
    return least;
}

/* The best serverless offer is told of in any case; another platform where a schedule may make it the cheapest of all. */
enum kw_status kw_plan_schedules(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                 struct kw_error *err)
{
    static const struct kw_zone utc = { .name = "UTC" };
    struct kw_sweep_options run = o->run;
    struct grains g;
    size_t looked = p->n;
    struct kw_error why = { "" };
    enum kw_status st = make_grains(&g, study->trace, o->zone ? o->zone : &utc, &why);
    p->n_schedules = 0;
    if (st == KW_ERANGE) { /* no hours that come back */
        free_grains(&g);
        return KW_OK;
    }
    struct shop *shop = malloc((looked + 1) * sizeof *shop);
    if (st != KW_OK) st = kw_fail(err, st, "%s", why.msg);
    if (st == KW_OK && !shop) st = kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    run.progress = NULL;
    size_t n = st == KW_OK ? shops_of(p, looked, shop) : 0;
    for (size_t k = 0; k < n && st == KW_OK && p->n_schedules < KW_PLAN_SCHEDULES; k++)
        if (!k || cost_of(p, shop[k].cheap) < best_cost(p, looked) * (1 - WORTH))
            st = add(p, looked, &shop[k], &g, study, &run, err);
    free(shop);
    free_grains(&g);
    return st;
}

void kw_plan_schedules_settle(struct kw_plan *p)
{
    for (size_t k = 0; k < p->n_schedules; k++)
        for (size_t i = 0; i < p->n && p->schedule[k].found.any; i++) {
            const struct kw_choice *x = &p->candidates[i].choice[0], *y = &p->schedule[k].choice;
            if (p->candidates[i].n == 1 && !p->candidates[i].as_written && x->gpu == y->gpu &&
                x->profile == y->profile && !memcmp(&x->schedule, &y->schedule, sizeof x->schedule))
                p->schedule[k].candidate = (ptrdiff_t)i;
        }
}
