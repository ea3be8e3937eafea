#include "sim/plan/schedule/search.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/schedule/bound.h"
#include "sim/plan/schedule/paths.h"

#define TOGETHER 2        /* proposals a round: fixed, so that any number of threads finds the same */
#define ROUNDS 8          /* of proposals */
#define MOVES 12          /* of hours, for each */
#define CLOSE 2e-3        /* above the bound: near enough */
#define PROOF 200         /* of them, where the search is done and it is not near */
#define NODES 30          /* of branch and bound */
#define DOUBTS 6          /* runs for the bound's sake */
#define NEAR 0.01         /* above the bound: no need of them */
#define CHANGE_SHARE 5e-4 /* mu: of the best constant level's billed time, a change */
#define MOST_TRIED (TOGETHER * (1 + ROUNDS) + DOUBTS)

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

/* Each objective's share of its budget, lambda replica-s for all of it. */
static void weigh(const struct kw_known *k, double lambda, double weight[KW_HOURS_OBJECTIVES])
{
    for (uint32_t i = 0; i < k->n_objectives; i++) weight[i] = lambda / fmax(k->objective[i].budget, 0.5);
}

static double worst_share(const struct kw_known *k, const struct kw_paths_found *f)
{
    double worst = 0;
    for (uint32_t i = 0; i < k->n_objectives; i++) worst = fmax(worst, f->late[i] / fmax(k->objective[i].budget, 0.5));
    return worst;
}

/* Whether levels are cheaper by the figures than `least` and leave no more late than beta. */
static bool cheaper(const struct search *s, const struct kw_paths *w, const double *weight, double beta,
                    const uint32_t *level, double *least)
{
    struct kw_paths_found f;
    kw_paths_follow(w, weight, level, &f);
    if (worst_share(s->k, &f) > beta || f.cost >= *least * (1 - 1e-6)) return false;
    *least = f.cost;
    return true;
}

/* Between two lambdas there may be levels that no lambda has: hours are moved a level, alone and with their equal neighbours,
 * the move that saves most first, while so few are late as beta allows. */
static void polish(const struct search *s, const struct kw_paths *w, const double *weight, double beta, uint32_t *level)
{
    struct kw_paths_found f;
    uint32_t n = s->h->n, best[KW_HOURS_MAX], to[KW_HOURS_MAX];
    kw_paths_follow(w, weight, level, &f);
    double least = f.cost;
    if (worst_share(s->k, &f) > beta) return;
    for (int round = 0; round < MOVES; round++) {
        bool any = false;
        for (uint32_t from = 0; from < n; from++)
            for (uint32_t block = 0; block < 2; block++)
                for (int up = -1; up <= 1; up += 2) {
                    if (up < 0 ? level[from] == s->k->least : level[from] + 1 == s->k->least + s->k->levels) continue;
                    memcpy(to, level, n * sizeof *to);
                    for (uint32_t i = 0; i < n; i++) {
                        uint32_t hour = (from + i) % n;
                        if (level[hour] != level[from] || (i && !block)) break;
                        to[hour] = (uint32_t)((int)level[hour] + up);
                    }
                    if (!cheaper(s, w, weight, beta, to, &least)) continue;
                    memcpy(best, to, n * sizeof *best);
                    any = true;
                }
        if (!any) return;
        memcpy(level, best, n * sizeof *level);
    }
}

/* The path that leaves no more late than beta times what is allowed. */
static enum kw_status propose(const struct search *s, double beta, uint32_t *level, struct kw_error *err)
{
    struct kw_paths w;
    double low = 0, high = INFINITY, most[KW_HOURS_OBJECTIVES] = { 0 };
    enum kw_status st = kw_paths_init(&w, &s->k->graph, s->h, err);
    if (st != KW_OK) return st;
    for (int i = 0; i < 24 && st == KW_OK; i++) {
        struct kw_paths_found f;
        double weight[KW_HOURS_OBJECTIVES];
        uint32_t own[KW_HOURS_MAX] = { 0 };
        double lambda = i == 0        ? 0
                        : isinf(high) ? (low > 0 ? 4 * low : s->unit / 16)
                        : low > 0     ? sqrt(low * high)
                                      : high / 4;
        weigh(s->k, lambda, weight);
        st = kw_paths_cheapest(&w, weight, CHANGE_SHARE * s->unit, &f, own, err);
        if (st != KW_OK) break;
        bool meets = worst_share(s->k, &f) <= beta;
        if (meets || isinf(high)) {
            memcpy(level, own, s->h->n * sizeof *level);
            memcpy(most, weight, sizeof most);
        }
        if (i == 0 && meets) break;
        *(meets ? &high : &low) = lambda;
        if (high < 1.005 * low) break;
    }
    if (st == KW_OK) polish(s, &w, most, beta, level);
    kw_paths_free(&w);
    return st;
}

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

/* USD a month of what no schedule goes below; NAN: not known. */
static enum kw_status bound_of(const struct kw_known *k, const struct kw_hours *h, struct kw_bound_ask ask,
                               struct kw_bound *out, double *usd, struct kw_error *err)
{
    enum kw_status st = kw_known_usd(k, 0, usd, err);
    out->any = false;
    if (st != KW_OK || isnan(*usd)) return st;
    ask.objective = k->objective;
    st = kw_bound_find(out, &k->graph, h, &ask, err);
    return st == KW_OK ? kw_known_usd(k, out->least, usd, err) : st;
}

/* What is expected, or at its luckiest. */
static enum kw_status bound_now(const struct search *s, bool luckiest, uint32_t nodes, struct kw_bound *out,
                                double *usd, struct kw_error *err)
{
    const struct kw_bound_ask ask = { .share = s->share,
                                      .enough = s->best_billed,
                                      .nodes = nodes,
                                      .luckiest = luckiest,
                                      .tried = s->tried,
                                      .n_tried = s->n_tried };
    return bound_of(s->k, s->h, ask, out, usd, err);
}

static void take(struct search *s, const struct kw_known_run *r, const uint32_t *level)
{
    if (!meets(s, r) || r->run.cost >= s->best_run.cost) return;
    s->best_run = r->run;
    s->best_billed = r->billed;
    memcpy(s->best, level, s->h->n * sizeof *s->best);
}

/* The levels that are cheapest by the figures are run, until they are none that was not: what was not seen, and what was luckier
 * than it is, gives way. */
static enum kw_status doubt(struct search *s, double *bound, struct kw_error *err)
{
    struct kw_bound b;
    struct kw_known_run out;
    if (s->best_run.cost <= *bound * (1 + NEAR)) return KW_OK;
    enum kw_status st = bound_now(s, false, NODES, &b, bound, err);
    for (int i = 0; i < DOUBTS && st == KW_OK && b.any && s->best_run.cost > *bound * (1 + NEAR); i++) {
        if (!is_new(s, b.level)) break;
        st = kw_known_try(s->k, s->h, b.level, 1, &out, err);
        if (st == KW_OK) take(s, &out, b.level);
        if (st == KW_OK) st = bound_now(s, false, NODES, &b, bound, err);
    }
    if (st == KW_OK && s->best_run.cost > *bound * (1 + NEAR)) st = bound_now(s, false, PROOF, &b, bound, err);
    return st;
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

/* beta between the largest that met and the smallest that missed, on a scale of factors. */
static enum kw_status bisect(struct search *s, double *bound, struct kw_error *err)
{
    double met = 0, missed = INFINITY;
    uint32_t level[TOGETHER * KW_HOURS_MAX];
    struct kw_known_run out[TOGETHER];
    struct kw_bound b;
    enum kw_status st = KW_OK;
    for (int round = 0; round < ROUNDS && st == KW_OK; round++) {
        double beta[TOGETHER];
        size_t n = 0;
        for (int i = 0; i < TOGETHER && st == KW_OK; i++) {
            double part = (i + 1.0) / (TOGETHER + 1), of = !(met > 0) && isinf(missed) ? (i ? 1 : 0.95)
                                                           : isinf(missed)             ? met * (i ? 1.15 : 1.04)
                                                           : met > 0                   ? met * pow(missed / met, part)
                                                                                       : missed * (i ? 0.93 : 0.7);
            uint32_t *to = level + n * s->h->n;
            st = propose(s, of * s->share, to, err);
            if (st == KW_OK && is_new(s, to)) beta[n++] = of;
        }
        if (st != KW_OK || !n) break;
        st = kw_known_try(s->k, s->h, level, n, out, err);
        for (size_t i = 0; i < n && st == KW_OK; i++) {
            if (!meets(s, &out[i])) {
                missed = fmin(missed, beta[i]);
                continue;
            }
            met = fmax(met, beta[i]);
            take(s, &out[i], level + i * s->h->n);
        }
        if (met > missed) met = missed * 0.999; /* what costs less may meet what costs more misses */
        if (st == KW_OK) st = bound_now(s, false, 0, &b, bound, err);
        if (s->best_run.cost <= *bound * (1 + CLOSE)) break;
    }
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
    struct kw_bound b;
    return bound_of(k, &k->week,
                    (struct kw_bound_ask){ .share = 1, .enough = dearest(k), .luckiest = true, .apart = true }, &b, usd,
                    err);
}

enum kw_status kw_schedule_search(struct kw_schedule_found *out, struct kw_known *k, const struct kw_hours *h,
                                  const struct kw_schedule_search *how, struct kw_error *err)
{
    *out = (struct kw_schedule_found){ .n = h->n, .cost = INFINITY, .bound = NAN, .luckiest = NAN };
    struct search *s = calloc(1, sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    struct kw_bound b;
    s->k = k;
    s->h = h;
    s->share = how->share;
    s->best_run.cost = INFINITY;
    uint32_t before = k->runs;
    enum kw_status st = KW_OK;
    if (k->levels > 1 && kw_known_possible(k)) {
        begin(s);
        st = bound_now(s, true, 0, &b, &out->luckiest, err);
        out->bound = out->luckiest;
        if (st == KW_OK && !(out->luckiest > how->limit)) {
            st = coarsen(s, err);
            if (st == KW_OK) st = bisect(s, &out->bound, err);
            if (st == KW_OK) st = doubt(s, &out->bound, err);
            if (st == KW_OK) st = bound_now(s, true, NODES, &b, &out->luckiest, err);
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
