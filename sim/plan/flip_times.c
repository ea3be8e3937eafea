#include "sim/plan/flip_times.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/ceiling.h"

#define FOLLOWED 3   /* that a law moves and that are replayed, the recommended one among them */
#define LOOKS 12     /* at one law, one way, and then with rivals */
#define FINE 0.05    /* of the move */
#define FINEST 0.002 /* of the fact */
#define HOPELESS 15  /* a rival that misses by so many times its limit */
#define FAR 5.0      /* logarithms beyond this tell nothing more */

/* One law, one way. */
struct hunt {
    size_t flip; /* of p->flips */
    bool of_best;
    size_t who[FOLLOWED]; /* candidates that the law moves; of_best: the recommended one first */
    size_t n;
    double reach;                 /* order: how far from the answer */
    double end;                   /* 4 or a fourth */
    double by;                    /* to be looked at */
    double stands, flips;         /* the furthest that does not, the nearest that does; flips 0: none yet */
    double how_stands, how_flips; /* logarithms below and above 0: how far from flipping */
    double stood, how_stood;      /* the one before `stands` */
    int looks;
    bool alone; /* of what the law moves the recommended one is replayed, its rivals where that is known */
    bool done;
    ptrdiff_t rival; /* at `flips` */
    double cost;
    bool misses;
};

struct hunting {
    struct kw_plan *p;
    const struct kw_study *study;
    const struct kw_sweep_options *run;
    struct hunt *hunt; /* [n], owned */
    size_t n, cap;
    uint64_t left; /* requests that may be replayed */
};

static double cost(const struct kw_plan *p, size_t i)
{
    return p->points[i].m[KW_METRIC_COST].value;
}

static double clamp(double x)
{
    return isnan(x) ? FAR : fmin(fmax(x, -FAR), FAR);
}

/* Not above 0: it meets its objectives. */
static double misses_by(const struct kw_point *x)
{
    return clamp(log1p(fmax(x->miss_ratio, -1)));
}

/* The cheapest that the law does not move, but for those passed over for the recommended one. -1: none. */
static ptrdiff_t unmoved(const struct kw_plan *p, const struct kw_lever *l)
{
    for (size_t k = 0; k < p->n; k++) {
        size_t i = p->order[k];
        if (!p->points[i].feasible) break;
        if ((ptrdiff_t)i == p->best || cost(p, i) < cost(p, (size_t)p->best)) continue;
        if (!kw_lever_moves(l, &p->candidates[i])) return (ptrdiff_t)i;
    }
    return -1;
}

/* What a rival costs at the least with the law a fourth of what it is: what is kept or rented stays. The rest is an estimate,
 * which decides who is looked at. */
static enum kw_status least(const struct hunting *h, const struct kw_lever *l, size_t i, double *usd,
                            struct kw_error *err)
{
    const struct kw_plan *p = h->p;
    const struct kw_point *x = &p->points[i];
    enum kw_status st = kw_cost_floor(&p->candidates[i], h->study->trace->span, kw_study_month(h->study), usd, err);
    double now = cost(p, i), shrinks = 0;
    bool scales = false;
    for (uint32_t d = 0; d < p->candidates[i].n; d++) {
        const struct kw_choice *c = &p->candidates[i].choice[d];
        if (kw_lever_of(l, c)) scales |= kw_choice_scales(c);
    }
    if (l->kind == KW_LEVER_STEPS) shrinks = now;
    if (l->kind == KW_LEVER_START) shrinks = x->m[KW_METRIC_COLD_COST].value;
    *usd = scales ? fmax(*usd, now - (1 - 1 / KW_FLIP_MOST) * shrinks) : now;
    return st;
}

/* How far candidate i is from being taken with the law at its best; INFINITY: out of reach. */
static enum kw_status reach_of(const struct hunting *h, const struct kw_lever *l, size_t i, double *reach,
                               struct kw_error *err)
{
    const struct kw_plan *p = h->p;
    const struct kw_point *x = &p->points[i];
    double usd, base = cost(p, (size_t)p->best);
    *reach = INFINITY;
    if ((ptrdiff_t)i == p->best || !strcmp(x->miss, KW_MISS_LATENCY) || x->miss_ratio > HOPELESS) return KW_OK;
    if (x->feasible && cost(p, i) < base) return KW_OK; /* passed over */
    enum kw_status st = least(h, l, i, &usd, err);
    if (st != KW_OK || usd >= base) return st;
    *reach = fmax(x->feasible ? 0 : misses_by(x), clamp(log(cost(p, i) / base)));
    return KW_OK;
}

/* Where the law is worse: a slower rate, any other time longer. */
static double worse_end(const struct kw_lever *l)
{
    return l->kind == KW_LEVER_RATE ? 1 / KW_FLIP_MOST : KW_FLIP_MOST;
}

static bool worse(const struct hunt *x, const struct kw_lever *l)
{
    return (x->end > 1) == (worse_end(l) > 1);
}

/* Those that the law moves, the nearest first; n of who. */
static enum kw_status follow(const struct hunting *h, struct hunt *x, struct kw_error *err)
{
    const struct kw_plan *p = h->p;
    const struct kw_lever *l = &p->flips[x->flip].lever;
    double reach[FOLLOWED];
    size_t first = x->of_best;
    enum kw_status st = KW_OK;
    x->n = first;
    x->reach = INFINITY;
    if (x->of_best) x->who[0] = (size_t)p->best;
    for (size_t k = 0; k < p->n && st == KW_OK; k++) {
        size_t i = p->order[k], at = x->n;
        double r;
        if (!kw_lever_moves(l, &p->candidates[i])) continue;
        if ((st = reach_of(h, l, i, &r, err)) != KW_OK) break;
        /* A law that gets worse brings in none that misses, and of those that meet the objectives the cheapest are next. */
        if (x->of_best && worse(x, l))
            r = p->points[i].feasible && (ptrdiff_t)i != p->best ? clamp(log(cost(p, i) / cost(p, (size_t)p->best)))
                                                                 : INFINITY;
        if (r == INFINITY || r < 0) continue;
        while (at > first && reach[at - 1] > r) at--;
        if (at == FOLLOWED) continue;
        if (x->n < FOLLOWED) x->n++;
        memmove(x->who + at + 1, x->who + at, (x->n - at - 1) * sizeof *x->who);
        memmove(reach + at + 1, reach + at, (x->n - at - 1) * sizeof *reach);
        x->who[at] = i;
        reach[at] = r;
    }
    if (x->n > first) x->reach = reach[first];
    return st;
}

/* Steps whose tables would pass what a step can take are not moved so far. */
static enum kw_status bear(const struct hunting *h, struct hunt *x, struct kw_error *err)
{
    const struct kw_lever *l = &h->p->flips[x->flip].lever;
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < x->n && l->kind == KW_LEVER_STEPS && x->end > 1; k++) {
        struct kw_steptime *made[KW_FLEET_MAX_DEPLOYMENTS];
        struct kw_candidate c;
        do {
            if (st == KW_ERANGE) x->end = 1 + 0.8 * (x->end - 1);
            if ((st = kw_candidate_copy(&c, &h->p->candidates[x->who[k]], err)) != KW_OK) return st;
            st = kw_lever_apply(l, x->end, &c, made, NULL);
            kw_candidate_free(&c);
            for (uint32_t d = 0; d < KW_FLEET_MAX_DEPLOYMENTS; d++) kw_steptime_delete(made[d]);
        } while (st == KW_ERANGE && x->end > 1.1);
        if (st == KW_ENOMEM) return kw_fail(err, st, "out of memory for moved step times");
        if (st != KW_OK) return kw_fail(err, st, "step times cannot be moved");
    }
    return KW_OK;
}

static enum kw_status push(struct hunting *h, size_t flip, double end, struct kw_error *err)
{
    if (h->n == h->cap) {
        struct hunt *grown = realloc(h->hunt, (2 * h->cap + 16) * sizeof *grown);
        if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
        h->hunt = grown;
        h->cap = 2 * h->cap + 16;
    }
    const struct kw_plan *p = h->p;
    struct hunt *x = &h->hunt[h->n];
    *x = (struct hunt){ .flip = flip, .end = end, .by = end, .stands = 1, .stood = 1, .rival = -1, .cost = NAN };
    x->of_best = kw_lever_moves(&p->flips[flip].lever, &p->candidates[p->best]);
    enum kw_status st = follow(h, x, err);
    if (st == KW_OK) st = bear(h, x, err);
    x->alone = x->of_best && worse(x, &p->flips[flip].lever);
    x->by = x->alone ? sqrt(x->end) : x->end; /* a far end takes the longest to replay */
    if (st == KW_OK && x->n > 0) h->n++;      /* else nothing that it moves can be taken */
    return st;
}

/* Of what was replayed with the law at x->by: q[x->n], those of x->who. Whether it flips, and how far it is from that. */
static double judge(const struct hunting *h, const struct hunt *x, const struct kw_point *q, bool *flips,
                    ptrdiff_t *rival, double *usd, bool *misses)
{
    const size_t n = x->alone ? 1 : x->n;
    const struct kw_plan *p = h->p;
    const struct kw_point *best = x->of_best ? &q[0] : &p->points[p->best];
    ptrdiff_t other = unmoved(p, &p->flips[x->flip].lever);
    const struct kw_point *first = other < 0 || !x->of_best ? NULL : &p->points[other];
    double how = -FAR;
    *rival = first ? other : -1;
    for (size_t k = x->of_best; k < n; k++) {
        const struct kw_point *y = &q[k];
        if (!y->replications) continue; /* it costs too much */
        if (!x->of_best)
            how = fmax(how, -fmax(misses_by(y), clamp(log(y->m[KW_METRIC_COST].value / cost(p, (size_t)p->best)))));
        if (!y->feasible || (first && !kw_point_better(y, first))) continue;
        first = y;
        *rival = (ptrdiff_t)x->who[k];
    }
    *misses = !best->feasible;
    *flips = *misses || (first && kw_point_better(first, best));
    *usd = first ? first->m[KW_METRIC_COST].value : NAN;
    if (x->of_best) how = misses_by(best);
    if (x->of_best && first) how = fmax(how, clamp(log(best->m[KW_METRIC_COST].value / *usd)));
    return how;
}

static bool known(const struct hunt *x)
{
    if (!x->flips) return x->stands == x->end;
    return x->looks >= LOOKS || fabs(x->flips - x->stands) <= fmax(FINEST, FINE * fabs(x->flips - 1));
}

/* Where it should flip by how near it came with the last step, a little beyond: the far end takes the longest to replay. */
static double further(const struct hunt *x)
{
    const double beyond = 1.2, least = 0.1;
    double step = log(x->stands) - log(x->stood), slope = (x->how_stands - x->how_stood) / step;
    double more = x->looks < 3 && slope * step > 0 ? -x->how_stands / slope * beyond : log(x->end);
    if (fabs(more) < least) more = copysign(least, step);
    double at = log(x->stands) + more;
    return fabs(at) < fabs(log(x->end)) ? exp(at) : x->end;
}

/* The next factor to look at, or done. */
static void next(struct hunt *x)
{
    x->looks++;
    if (known(x) && x->alone && x->n > 1) { /* now with its rivals, where it flips or at the end */
        x->alone = false;
        x->by = x->flips ? x->flips : x->end;
        return;
    }
    if (known(x)) {
        x->done = true;
        return;
    }
    if (!x->flips) {
        x->by = further(x);
        return;
    }
    double lo = log(x->stands), hi = log(x->flips), at = 0.5;
    if (x->looks % 2 && x->how_stands < 0 && x->how_flips > 0 && x->how_flips < FAR)
        at = fmin(fmax(-x->how_stands / (x->how_flips - x->how_stands), 0.1), 0.9);
    x->by = exp(lo + at * (hi - lo));
}

static void learn(const struct hunting *h, struct hunt *x, const struct kw_point *q)
{
    bool flips, misses;
    ptrdiff_t rival;
    double usd, how = judge(h, x, q, &flips, &rival, &usd, &misses);
    bool again = flips && x->by == x->flips;   /* now with rivals: one that is cheaper took its place before */
    bool at_end = flips && x->by == x->stands; /* and did not alone */
    if (at_end || (again && usd < q[0].m[KW_METRIC_COST].value && rival != x->rival)) {
        x->stands = 1;
        x->how_stands = -FAR;
        x->looks = 0;
    }
    if (flips) {
        x->flips = x->by;
        x->how_flips = how;
        x->rival = rival;
        x->cost = usd;
        x->misses = misses;
    } else {
        x->stood = x->stands;
        x->how_stood = x->how_stands;
        x->stands = x->by;
        x->how_stands = how;
    }
    next(x);
}

/* Candidates of one round: those of hunt[of[i]] that it follows, one after another. */
struct looks {
    struct kw_candidate *candidate; /* [n], owned */
    struct kw_steptime **made;      /* [n * KW_FLEET_MAX_DEPLOYMENTS], owned */
    struct kw_point *point;         /* [n], owned */
    double *most;                   /* [n] */
    size_t *all, n, n_points;
};

static void looks_free(struct looks *l)
{
    for (size_t i = 0; i < l->n; i++) kw_candidate_free(&l->candidate[i]);
    for (size_t i = 0; i < l->n_points; i++) kw_point_free(&l->point[i]);
    for (size_t i = 0; l->made && i < l->n * KW_FLEET_MAX_DEPLOYMENTS; i++) kw_steptime_delete(l->made[i]);
    free(l->candidate);
    free(l->made);
    free(l->point);
    free(l->most);
    free(l->all);
}

static enum kw_status looks_open(struct looks *l, size_t cap, struct kw_error *err)
{
    *l = (struct looks){ .n = 0 };
    l->candidate = calloc(cap, sizeof *l->candidate);
    l->made = calloc(cap * KW_FLEET_MAX_DEPLOYMENTS, sizeof *l->made);
    l->point = calloc(cap, sizeof *l->point);
    l->most = calloc(cap, sizeof *l->most);
    l->all = calloc(cap, sizeof *l->all);
    bool ok = l->candidate && l->made && l->point && l->most && l->all;
    return ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a plan");
}

/* The followed of one hunt, under its law. What costs more than what is there to take is not replayed to its end. */
static enum kw_status look(const struct hunting *h, const struct hunt *x, struct looks *l, struct kw_error *err)
{
    const struct kw_plan *p = h->p;
    const struct kw_lever *lever = &p->flips[x->flip].lever;
    ptrdiff_t other = x->of_best ? unmoved(p, lever) : p->best;
    double limit = other < 0 ? INFINITY : cost(p, (size_t)other);
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < (x->alone ? 1 : x->n) && st == KW_OK; k++) {
        size_t i = l->n;
        if ((st = kw_candidate_copy(&l->candidate[i], &p->candidates[x->who[k]], err)) != KW_OK) break;
        l->n++;
        st = kw_lever_apply(lever, x->by, &l->candidate[i], &l->made[i * KW_FLEET_MAX_DEPLOYMENTS], err);
        if (st == KW_OK && (st = kw_point_init(&l->point[i], err)) == KW_OK) l->n_points++;
        l->most[i] = x->of_best && k == 0 ? INFINITY : limit;
        l->all[i] = i;
    }
    return st;
}

static enum kw_status replay(struct hunting *h, struct looks *l, struct kw_error *err)
{
    struct kw_study s = *h->study;
    struct kw_sweep_options quiet = *h->run;
    struct kw_sweep *sweep;
    s.replications = 1; /* the trace itself decides */
    s.precision = 0;
    s.records = false;
    s.series_step = 0;
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    enum kw_status st = kw_sweep_open(&sweep, l->candidate, l->n, &s, &quiet, err);
    if (st != KW_OK) return st;
    st = kw_sweep_within(sweep, l->point, l->all, l->n, l->most, err);
    uint64_t done = kw_sweep_done(sweep).requests;
    h->left = done < h->left ? h->left - done : 0;
    kw_sweep_close(sweep);
    return st;
}

/* One more look at each law that is not done, all in one sweep, so that every core has work. */
static enum kw_status round_of_looks(struct hunting *h, size_t from, struct kw_error *err)
{
    struct looks l;
    size_t cap = 1, at = 0;
    for (size_t i = from; i < h->n; i++) cap += h->hunt[i].n;
    enum kw_status st = looks_open(&l, cap, err);
    for (size_t i = from; i < h->n && st == KW_OK; i++)
        if (!h->hunt[i].done) st = look(h, &h->hunt[i], &l, err);
    if (st == KW_OK) st = replay(h, &l, err);
    for (size_t i = from; i < h->n && st == KW_OK; i++) {
        struct hunt *x = &h->hunt[i];
        if (x->done) continue;
        size_t looked = x->alone ? 1 : x->n;
        learn(h, x, &l.point[at]);
        at += looked;
    }
    looks_free(&l);
    return st;
}

static bool open_from(const struct hunting *h, size_t from)
{
    for (size_t i = from; i < h->n; i++)
        if (!h->hunt[i].done) return true;
    return false;
}

/* How far the law is from flipping where it is now. */
static void begin(const struct hunting *h, struct hunt *x)
{
    struct kw_point now[FOLLOWED];
    bool flips, misses;
    ptrdiff_t rival;
    double usd;
    for (size_t k = 0; k < x->n; k++) now[k] = h->p->points[x->who[k]];
    x->how_stands = fmin(judge(h, x, now, &flips, &rival, &usd, &misses), -1e-9);
}

static enum kw_status hunt_from(struct hunting *h, size_t from, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t i = from; i < h->n; i++) begin(h, &h->hunt[i]);
    while (st == KW_OK && h->left && open_from(h, from)) st = round_of_looks(h, from, err);
    return st;
}

static int by_reach(const void *x, const void *y)
{
    const struct hunt *a = x, *b = y;
    if (a->of_best != b->of_best) return a->of_best ? -1 : 1;
    if (!a->of_best && a->reach != b->reach) return a->reach < b->reach ? -1 : 1;
    return a->flip < b->flip ? -1 : a->flip > b->flip;
}

/* Whether other days alone do what the move does: the objectives are missed on some, or the two tie. */
static bool within_noise(const struct kw_plan *p, const struct kw_flip *f)
{
    const struct kw_point *best = &p->points[p->best];
    if (f->misses) return best->met < best->drawn;
    if (f->rival < 0 || p->points[f->rival].drawn < 2) return false;
    struct kw_estimate more = kw_points_dearer(best, &p->points[f->rival]);
    return p->points[f->rival].feasible && kw_points_tie(&more);
}

/* The nearer of the ways that a law was moved. */
static void keep(struct kw_plan *p, const struct hunt *x)
{
    struct kw_flip *f = &p->flips[x->flip];
    f->sought &= x->done || x->flips;
    if (fabs(log(x->end)) < fabs(log(f->end)) && (x->end > 1) == (f->end > 1)) f->end = x->end;
    if (!x->flips) return;
    double move = x->flips - 1;
    if (!isnan(f->move.value) && fabs(move) >= fabs(f->move.value)) return;
    f->move.value = move;
    f->stands = x->stands - 1;
    f->at = f->lever.value * x->flips;
    f->rival = x->rival;
    f->cost = x->cost;
    f->misses = x->misses;
    f->noise = within_noise(p, f);
}

/* The laws of the recommended one the other way: what is better may do for less. No further than the move already found. */
static enum kw_status the_other_way(struct hunting *h, size_t n, struct kw_error *err)
{
    size_t from = h->n;
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        struct hunt x = h->hunt[i];
        if (!x.of_best || x.n == 0) continue;
        double end = 1 / x.end, move = x.flips ? fabs(x.flips - 1) : INFINITY;
        if (fabs(end - 1) > move) end = end < 1 ? 1 - move : 1 + move;
        if (end < 1 / KW_FLIP_MOST) end = 1 / KW_FLIP_MOST;
        size_t before = h->n;
        st = push(h, x.flip, end, err);
        if (st == KW_OK && h->n > before && h->hunt[before].n < 2) h->n = before; /* alone it only gets better */
    }
    return st == KW_OK ? hunt_from(h, from, err) : st;
}

/* The laws that were appended from p->flips[first] on, for the nearest rivals alone. */
static enum kw_status hunt_all(struct hunting *h, size_t first, struct kw_error *err)
{
    struct kw_plan *p = h->p;
    enum kw_status st = KW_OK;
    for (size_t i = first; i < p->n_flips && st == KW_OK; i++) {
        double end = worse_end(&p->flips[i].lever);
        bool of_best = kw_lever_moves(&p->flips[i].lever, &p->candidates[p->best]);
        st = push(h, i, of_best ? end : 1 / end, err);
    }
    if (st != KW_OK || !h->n) return st;
    qsort(h->hunt, h->n, sizeof *h->hunt, by_reach);
    size_t rivals = 0, n = 0;
    for (; n < h->n; n++) {
        if (h->hunt[n].of_best) continue;
        if (rivals++ == KW_FLIP_RIVALS) break;
    }
    for (size_t i = n; i < h->n; i++) p->flips[h->hunt[i].flip].sought = false;
    h->n = n;
    if ((st = hunt_from(h, 0, err)) == KW_OK) st = the_other_way(h, n, err);
    for (size_t i = 0; i < h->n && st == KW_OK; i++) keep(p, &h->hunt[i]);
    return st;
}

/* Each law once, with its value where it was first met: the recommended one before its rivals, by rank. */
static enum kw_status collect(struct hunting *h, size_t *first, struct kw_error *err)
{
    struct kw_plan *p = h->p;
    enum kw_status st = KW_OK;
    *first = p->n_flips;
    for (size_t k = 0; k <= p->n && st == KW_OK; k++) {
        size_t i = k ? p->order[k - 1] : (size_t)p->best;
        for (uint32_t d = 0; d < p->candidates[i].n && st == KW_OK; d++) {
            struct kw_lever all[KW_LAWS_OF_CHOICE];
            size_t n = kw_levers_of_times(&p->candidates[i].choice[d], all);
            for (size_t j = 0; j < n && st == KW_OK; j++) {
                bool seen = false;
                double reach;
                for (size_t m = *first; m < p->n_flips && !seen; m++) seen = kw_lever_same(&p->flips[m].lever, &all[j]);
                if (seen) continue;
                if ((st = reach_of(h, &all[j], i, &reach, err)) != KW_OK || (k && reach == INFINITY)) continue;
                if ((st = kw_lever_measure(&all[j], &p->candidates[i].choice[d], err)) == KW_OK)
                    st = kw_plan_flip_push(p, &all[j], err);
            }
        }
    }
    return st;
}

enum kw_status kw_flip_times(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                             struct kw_error *err)
{
    struct hunting h = { .p = p, .study = study, .run = run, .left = KW_FLIP_REPLAYS * (uint64_t)study->trace->n };
    size_t first;
    assert(p->best >= 0);
    if (h.left < KW_FLIP_REQUESTS) h.left = KW_FLIP_REQUESTS;
    enum kw_status st = collect(&h, &first, err);
    if (st == KW_OK) st = hunt_all(&h, first, err);
    free(h.hunt);
    return st;
}
