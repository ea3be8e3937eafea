#include "sim/plan/schedule/search.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/schedule/anneal.h"
#include "sim/plan/schedule/bound.h"

#define TOGETHER 2        /* proposals a round: fixed, so that any number of threads finds the same */
#define ROUNDS 8          /* of proposals */
#define STEPS 20000       /* of annealing, for each */
#define LATER 0.01        /* of the late requests that are allowed: fewer after a miss, half as many more after a hit */
#define DOUBTS 6          /* rounds for the bound's sake */
#define NEAR 0.01         /* above the bound: no need of them */
#define CHANGE_SHARE 5e-4 /* of the best constant level's billed time, a change */
#define LATE_SHARE 0.3    /* of the same, all the late requests that are allowed */
#define MOST_TRIED (TOGETHER * (1 + ROUNDS + DOUBTS))

struct search {
    struct kw_known *k;
    const struct kw_hours *h;
    double share;
    double unit; /* replica-s: of the best constant level */
    uint32_t tried[MOST_TRIED][KW_HOURS_MAX];
    uint32_t n_tried;
    uint32_t best[KW_HOURS_MAX];
    struct kw_hours_run best_run; /* cost INFINITY: none yet */
    double best_billed;           /* replica-s; none yet: of the dearest constant level */
};

static bool is_new(struct search *s, const uint32_t *level)
{
    for (uint32_t i = 0; i < s->n_tried; i++)
        if (!memcmp(s->tried[i], level, s->h->n * sizeof *level)) return false;
    memcpy(s->tried[s->n_tried++], level, s->h->n * sizeof *level);
    return true;
}

static bool meets(const struct search *s, const struct kw_known_run *r)
{
    return r->run.feasible && (s->share >= 1 || r->share <= s->share);
}

/* USD a month of what no schedule goes below; NAN: not known, and nothing in wanted. */
static enum kw_status bound_of(const struct kw_known *k, const struct kw_hours *h, struct kw_bound_ask ask, double *usd,
                               uint32_t *wanted, struct kw_error *err)
{
    double least;
    enum kw_status st = kw_known_usd(k, 0, usd, err);
    if (st != KW_OK || isnan(*usd)) return st;
    ask.objective = k->objective;
    st = kw_bound_find(&least, wanted, &k->graph, h, &ask, err);
    return st == KW_OK ? kw_known_usd(k, least, usd, err) : st;
}

static enum kw_status bound_now(const struct search *s, double *usd, uint32_t *wanted, struct kw_error *err)
{
    const struct kw_bound_ask ask = { .share = s->share, .enough = s->best_billed };
    return bound_of(s->k, s->h, ask, usd, wanted, err);
}

static void take(struct search *s, const struct kw_known_run *r, const uint32_t *level)
{
    if (!meets(s, r) || r->run.cost >= s->best_run.cost) return;
    s->best_run = r->run;
    s->best_billed = r->billed;
    memcpy(s->best, level, s->h->n * sizeof *s->best);
}

/* The best of finer hours until now, made coarser: of each hour the most that it has, and the level that it has most often. */
static enum kw_status coarsen(struct search *s, struct kw_error *err)
{
    uint32_t level[TOGETHER * KW_HOURS_MAX], often[KW_HOURS_MAX][KW_SCHEDULE_LEVELS] = { { 0 } };
    struct kw_known_run out[TOGETHER];
    size_t n = 0;
    if (!s->k->met) return KW_OK;
    for (uint32_t i = 0; i < TOGETHER * s->h->n; i++) level[i] = s->k->least;
    for (size_t p = 0; p < s->h->pieces; p++) {
        uint32_t of = s->h->which[p], l = s->k->best[s->k->week.which[p]];
        if (l > level[of]) level[of] = l;
        often[of][l - s->k->least]++;
    }
    for (uint32_t i = 0; i < s->h->n; i++)
        for (uint32_t l = 0; l < s->k->levels; l++)
            if (often[i][l] > often[i][level[s->h->n + i] - s->k->least]) level[s->h->n + i] = s->k->least + l;
    for (size_t i = 0; i < TOGETHER; i++)
        if (is_new(s, level + i * s->h->n))
            memmove(level + n++ * s->h->n, level + i * s->h->n, s->h->n * sizeof *level);
    enum kw_status st = n ? kw_known_try(s->k, s->h, level, n, out, err) : KW_OK;
    for (size_t i = 0; i < n && st == KW_OK; i++) take(s, &out[i], level + i * s->h->n);
    return st;
}

/* Levels that are cheapest by the figures are run, and add to the figures. How many late they may leave by these goes up after
 * levels that meet, and down after those that do not. */
static enum kw_status propose(struct search *s, struct kw_error *err)
{
    uint32_t level[TOGETHER * KW_HOURS_MAX];
    struct kw_known_run out[TOGETHER];
    double share[TOGETHER];
    enum kw_status st = KW_OK;
    for (int i = 0; i < TOGETHER; i++) share[i] = s->share * (1 - i * LATER);
    for (uint32_t round = 0; round < ROUNDS && st == KW_OK; round++) {
        size_t n = 0, of[TOGETHER];
        for (uint32_t i = 0; i < TOGETHER && st == KW_OK; i++) {
            const struct kw_anneal_ask ask = { .objective = s->k->objective,
                                               .share = share[i],
                                               .late = LATE_SHARE * s->unit,
                                               .change = CHANGE_SHARE * s->unit,
                                               .seed = TOGETHER * round + i,
                                               .steps = STEPS };
            uint32_t *to = level + n * s->h->n;
            memcpy(to, s->best, s->h->n * sizeof *to);
            st = kw_anneal(&s->k->graph, s->h, &ask, to, err);
            if (st == KW_OK && is_new(s, to)) of[n++] = i;
        }
        if (!n) break;
        if (st == KW_OK) st = kw_known_try(s->k, s->h, level, n, out, err);
        for (size_t i = 0; i < n && st == KW_OK; i++) {
            take(s, &out[i], level + i * s->h->n);
            double *to = &share[of[i]];
            *to = meets(s, &out[i]) ? fmin(s->share, *to + s->share * LATER / 2) : *to - s->share * LATER;
        }
    }
    return st;
}

/* Of each hour the level of its k-th piece, round and round. */
static void levels_of_day(const struct kw_hours *h, const uint32_t *wanted, uint32_t k, uint32_t *level)
{
    uint32_t of[KW_HOURS_MAX] = { 0 }, at[KW_HOURS_MAX] = { 0 };
    for (size_t p = 0; p < h->pieces; p++) of[h->which[p]]++;
    for (size_t p = 0; p < h->pieces; p++)
        if (at[h->which[p]]++ == k % of[h->which[p]]) level[h->which[p]] = wanted[p];
}

/* What the bound wants of each day by itself is run on all of them: what it takes for cheap and nobody has seen, or was lucky once,
 * gives way. */
static enum kw_status doubt(struct search *s, double *bound, struct kw_error *err)
{
    uint32_t *wanted = malloc(s->h->pieces * sizeof *wanted), level[TOGETHER * KW_HOURS_MAX], k = 0;
    struct kw_known_run out[TOGETHER];
    enum kw_status st =
        wanted ? bound_now(s, bound, wanted, err) : kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    for (int round = 0; round < DOUBTS && st == KW_OK && s->best_run.cost > *bound * (1 + NEAR); round++) {
        size_t n = 0;
        for (int i = 0; i < TOGETHER; i++) {
            uint32_t *to = level + n * s->h->n;
            memcpy(to, s->best, s->h->n * sizeof *to); /* hours that the window lacks */
            levels_of_day(s->h, wanted, k++, to);
            n += is_new(s, to);
        }
        if (n) st = kw_known_try(s->k, s->h, level, n, out, err);
        for (size_t i = 0; i < n && st == KW_OK; i++) take(s, &out[i], level + i * s->h->n);
        if (st == KW_OK && n) st = bound_now(s, bound, wanted, err);
    }
    free(wanted);
    return st;
}

static double dearest(const struct kw_known *k)
{
    double most = 0;
    for (uint32_t l = 0; l < k->levels; l++) most = fmax(most, k->constant[l].billed);
    return most;
}

/* A constant level is a schedule of no change. */
static void begin(struct search *s)
{
    double least = INFINITY;
    s->best_billed = dearest(s->k);
    for (uint32_t l = 0; l < s->k->levels; l++) {
        const struct kw_known_run *c = &s->k->constant[l];
        if (c->run.feasible && c->run.cost < least) {
            least = c->run.cost;
            s->unit = c->billed;
        }
        if (!meets(s, c) || c->run.cost >= s->best_run.cost) continue;
        s->best_run = c->run;
        s->best_billed = c->billed;
        for (uint32_t i = 0; i < s->h->n; i++) s->best[i] = s->k->least + l;
    }
}

enum kw_status kw_schedule_foresight(const struct kw_known *k, double *usd, struct kw_error *err)
{
    const struct kw_bound_ask ask = { .share = 1, .enough = dearest(k), .luckiest = true, .apart = true };
    return bound_of(k, &k->week, ask, usd, NULL, err);
}

enum kw_status kw_schedule_search(struct kw_schedule_found *out, struct kw_known *k, const struct kw_hours *h,
                                  const struct kw_schedule_search *how, struct kw_error *err)
{
    *out = (struct kw_schedule_found){ .n = h->n, .cost = INFINITY, .bound = NAN };
    struct search *s = calloc(1, sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    s->k = k;
    s->h = h;
    s->share = how->share;
    s->best_run.cost = INFINITY;
    uint32_t before = k->runs;
    enum kw_status st = KW_OK;
    if (k->levels > 1 && kw_known_possible(k)) {
        begin(s);
        const struct kw_bound_ask ask = { .share = s->share, .enough = s->best_billed, .luckiest = true };
        st = bound_of(k, h, ask, &out->bound, NULL, err);
        if (st == KW_OK && !(out->bound > how->limit)) {
            st = coarsen(s, err);
            if (st == KW_OK) st = propose(s, err);
            if (st == KW_OK) st = doubt(s, &out->bound, err);
        }
    }
    out->runs = k->runs - before;
    if (st == KW_OK && s->best_run.cost < how->limit) {
        out->any = true;
        out->cost = s->best_run.cost;
        out->ttft_p95_s = s->best_run.ttft_p95_s;
        memcpy(out->level, s->best, h->n * sizeof *s->best);
        k->met = true;
        for (size_t p = 0; p < h->pieces; p++) k->best[k->week.which[p]] = s->best[h->which[p]];
    }
    free(s);
    return st;
}
