#include "sim/plan/schedule/search.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER 2        /* proposals a round: fixed, so that any number of threads finds the same */
#define BISECTIONS 4      /* rounds of proposals */
#define MOVES 8           /* rounds of moves at most */
#define CHANGE_SHARE 5e-4 /* mu: of the best constant level's billed time, a change */
#define MOST_TRIED 64

struct search {
    const struct kw_hours *h;
    const struct kw_candidate *of;
    const struct kw_study *study;
    const struct kw_sweep_options *run;
    double share;              /* of the requests that may miss an objective */
    uint32_t n, least, levels; /* hours; levels least, least + 1, ... */
    struct kw_hours_objective objective[KW_HOURS_OBJECTIVES];
    uint32_t n_objectives;
    struct kw_hours_run *at; /* [levels] constant; their figures by hour are what proposals are made of */
    double unit;             /* replica-s: of the best constant level */
    uint32_t tried[MOST_TRIED][KW_HOURS_MAX];
    uint32_t n_tried;
    uint32_t best[KW_HOURS_MAX];
    struct kw_hours_run best_run; /* cost INFINITY: none yet */
};

/* What an hour adds to the worst objective's share of its budget, all of them added up. */
static double badness(const struct search *s, const struct kw_hours_run *r, uint32_t hour)
{
    double sum = 0;
    for (uint32_t k = 0; k < s->n_objectives; k++) sum += r->bad[k][hour] / fmax(s->objective[k].budget, 0.5);
    return sum;
}

static double worst_share(const struct search *s, const uint32_t *level)
{
    double worst = 0;
    for (uint32_t k = 0; k < s->n_objectives; k++) {
        double sum = 0;
        for (uint32_t i = 0; i < s->n; i++) sum += s->at[level[i] - s->least].bad[k][i];
        worst = fmax(worst, sum / fmax(s->objective[k].budget, 0.5));
    }
    return worst;
}

/* The same of a run as it was. */
static double share_of(const struct search *s, const struct kw_hours_run *r)
{
    double worst = 0;
    for (uint32_t k = 0; k < s->n_objectives; k++) {
        double sum = 0;
        for (uint32_t i = 0; i < s->n; i++) sum += r->bad[k][i];
        worst = fmax(worst, sum / fmax(s->objective[k].budget, 0.5));
    }
    return worst;
}

/* The shortest path round the week, for each level of its first hour. O(n levels^3). */
static void shortest(const struct search *s, double lambda, uint32_t *level)
{
    static const double mu = CHANGE_SHARE;
    double least = INFINITY, price[KW_HOURS_MAX][KW_SCHEDULE_LEVELS];
    uint8_t from[KW_HOURS_MAX][KW_SCHEDULE_LEVELS];
    for (uint32_t i = 0; i < s->n; i++)
        for (uint32_t l = 0; l < s->levels; l++)
            price[i][l] = s->at[l].billed[i] / s->unit + lambda * badness(s, &s->at[l], i);
    for (uint32_t first = 0; first < s->levels; first++) {
        double sum[KW_SCHEDULE_LEVELS], next[KW_SCHEDULE_LEVELS];
        for (uint32_t l = 0; l < s->levels; l++) sum[l] = l == first ? price[0][l] : INFINITY;
        for (uint32_t i = 1; i < s->n; i++) {
            for (uint32_t l = 0; l < s->levels; l++) {
                next[l] = INFINITY;
                for (uint32_t b = 0; b < s->levels; b++) {
                    double way = sum[b] + (b == l ? 0 : mu) + price[i][l];
                    if (way >= next[l]) continue;
                    next[l] = way;
                    from[i][l] = (uint8_t)b;
                }
            }
            memcpy(sum, next, sizeof sum);
        }
        for (uint32_t l = 0; l < s->levels; l++) {
            double all = sum[l] + (l == first ? 0 : mu);
            if (all >= least) continue;
            least = all;
            for (uint32_t i = s->n, at = l; i-- > 0; at = i ? from[i][at] : at) level[i] = s->least + at;
        }
    }
}

/* The path that leaves no more late than beta times what is allowed. */
static void propose(const struct search *s, double beta, uint32_t *level)
{
    double low = 0, high = 1;
    shortest(s, 0, level);
    if (worst_share(s, level) <= beta) return;
    for (int k = 0; k < 60; k++) {
        shortest(s, high, level);
        if (worst_share(s, level) <= beta) break;
        low = high;
        high *= 4;
    }
    for (int k = 0; k < 40; k++) {
        double middle = (low + high) / 2;
        shortest(s, middle, level);
        *(worst_share(s, level) <= beta ? &high : &low) = middle;
    }
    shortest(s, high, level);
}

static bool is_new(struct search *s, const uint32_t *level)
{
    for (uint32_t i = 0; i < s->n_tried; i++)
        if (!memcmp(s->tried[i], level, s->n * sizeof *level)) return false;
    if (s->n_tried == MOST_TRIED) return false;
    memcpy(s->tried[s->n_tried++], level, s->n * sizeof *level);
    return true;
}

static enum kw_status look_at(struct search *s, const uint32_t *level, size_t n, struct kw_hours_run *out,
                              struct kw_error *err)
{
    enum kw_status st = kw_hours_try(s->h, s->of, s->study, s->run, level, n, out, err);
    for (size_t k = 0; k < n && st == KW_OK; k++) {
        if (s->share < 1 && share_of(s, &out[k]) > s->share) out[k].feasible = false;
        if (!out[k].feasible || out[k].cost >= s->best_run.cost) continue;
        s->best_run = out[k];
        memcpy(s->best, level + k * s->n, s->n * sizeof *level);
    }
    return st;
}

/* beta between the largest that met and the smallest that missed, on a scale of factors. */
static enum kw_status bisect(struct search *s, struct kw_error *err)
{
    double met = 0, missed = INFINITY;
    uint32_t level[TOGETHER * KW_HOURS_MAX];
    struct kw_hours_run *out = calloc(TOGETHER, sizeof *out);
    enum kw_status st = out ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    for (int round = 0; round < BISECTIONS && st == KW_OK; round++) {
        double beta[TOGETHER];
        size_t n = 0;
        for (int k = 0; k < TOGETHER; k++) {
            double part = (k + 1.0) / (TOGETHER + 1), b = !(met > 0) && isinf(missed) ? (k ? 1 : 0.6)
                                                          : isinf(missed)             ? met * (k ? 2.2 : 1.5)
                                                          : met > 0                   ? met * pow(missed / met, part)
                                                                                      : missed * (k ? 0.6 : 0.25);
            propose(s, b * s->share, level + n * s->n);
            if (is_new(s, level + n * s->n)) beta[n++] = b;
        }
        if (!n) break;
        st = look_at(s, level, n, out, err);
        for (size_t k = 0; k < n && st == KW_OK; k++)
            if (out[k].feasible)
                met = fmax(met, beta[k]);
            else
                missed = fmin(missed, beta[k]);
        if (met > missed) met = missed * 0.999; /* what costs less may meet what costs more misses */
    }
    free(out);
    return st;
}

struct move {
    uint32_t from, n; /* hours, round the week */
    uint32_t level;
    double saves; /* of `unit` */
};

static int by_saving(const void *x, const void *y)
{
    const struct move *a = x, *b = y;
    if (a->saves != b->saves) return a->saves > b->saves ? -1 : 1;
    return a->from != b->from ? (a->from > b->from) - (a->from < b->from) : (a->n > b->n) - (a->n < b->n);
}

/* What an hour saves a level down, by the constant levels' figures. */
static double saving(const struct search *s, uint32_t hour)
{
    uint32_t l = s->best[hour] - s->least;
    return (s->at[l].billed[hour] - s->at[l - 1].billed[hour]) / s->unit;
}

/* Blocks of one level above the least: the whole, its first and its last hour. */
static size_t moves_of(const struct search *s, struct move *out)
{
    size_t n = 0;
    for (uint32_t from = 0; from < s->n; from++) {
        uint32_t before = s->best[(from + s->n - 1) % s->n], length = 0;
        double all = 0;
        if (s->best[from] == s->least || before == s->best[from]) continue;
        while (length < s->n && s->best[(from + length) % s->n] == s->best[from])
            all += saving(s, (from + length++) % s->n);
        uint32_t last = (from + length - 1) % s->n, down = s->best[from] - 1;
        out[n++] = (struct move){ from, length, down, all };
        if (length < 2) continue;
        out[n++] = (struct move){ from, 1, down, saving(s, from) };
        out[n++] = (struct move){ last, 1, down, saving(s, last) };
    }
    qsort(out, n, sizeof *out, by_saving);
    return n;
}

static enum kw_status improve(struct search *s, struct kw_error *err)
{
    struct move *m = malloc((3 * (size_t)KW_HOURS_MAX + 1) * sizeof *m);
    struct kw_hours_run *out = calloc(TOGETHER, sizeof *out);
    uint32_t level[TOGETHER * KW_HOURS_MAX];
    enum kw_status st = m && out ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    for (int round = 0; round < MOVES && st == KW_OK; round++) {
        size_t n = moves_of(s, m), taken = 0;
        for (size_t k = 0; k < n && taken < TOGETHER && m[k].saves > 0; k++) {
            uint32_t *to = level + taken * s->n;
            memcpy(to, s->best, s->n * sizeof *to);
            for (uint32_t i = 0; i < m[k].n; i++) to[(m[k].from + i) % s->n] = m[k].level;
            taken += is_new(s, to);
        }
        if (!taken) break;
        st = look_at(s, level, taken, out, err);
    }
    free(m);
    free(out);
    return st;
}

/* A constant level is a schedule of no change. */
static enum kw_status constants(struct search *s, struct kw_error *err)
{
    uint32_t level[KW_SCHEDULE_LEVELS * KW_HOURS_MAX];
    double least = INFINITY;
    for (uint32_t l = 0; l < s->levels; l++)
        for (uint32_t i = 0; i < s->n; i++) level[l * s->n + i] = s->least + l;
    for (uint32_t l = 0; l < s->levels; l++) (void)is_new(s, level + l * s->n);
    enum kw_status st = look_at(s, level, s->levels, s->at, err);
    for (uint32_t l = 0; l < s->levels && st == KW_OK; l++)
        if (s->at[l].cost < least || (s->at[l].feasible && s->at[l].cost <= s->best_run.cost)) {
            least = s->at[l].cost;
            s->unit = 0;
            for (uint32_t i = 0; i < s->n; i++) s->unit += s->at[l].billed[i];
        }
    return st;
}

enum kw_status kw_schedule_search(struct kw_schedule_found *out, const struct kw_hours *h,
                                  const struct kw_candidate *of, const struct kw_study *study,
                                  const struct kw_sweep_options *run, const struct kw_schedule_search *how,
                                  struct kw_error *err)
{
    *out = (struct kw_schedule_found){ .n = h->n, .cost = INFINITY };
    struct search *s = calloc(1, sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    assert(how->most >= how->least && how->most - how->least < KW_SCHEDULE_LEVELS);
    s->h = h;
    s->of = of;
    s->study = study;
    s->run = run;
    s->n = h->n;
    s->share = how->share;
    s->least = how->least;
    s->levels = how->most - how->least + 1;
    s->n_objectives = kw_hours_objectives(study, s->objective);
    s->best_run.cost = INFINITY;
    s->at = calloc(s->levels, sizeof *s->at);
    enum kw_status st = s->at ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    if (st == KW_OK && s->levels > 1 && !(how->bound > how->limit)) {
        st = constants(s, err);
        bool possible = isfinite(s->best_run.cost);
        if (st == KW_OK && possible) st = bisect(s, err);
        if (st == KW_OK && possible) st = improve(s, err);
        out->runs = s->n_tried;
    }
    if (st == KW_OK && s->best_run.cost < how->limit) {
        out->any = true;
        out->cost = s->best_run.cost;
        out->ttft_p95_s = s->best_run.ttft_p95_s;
        memcpy(out->level, s->best, s->n * sizeof *s->best);
    }
    free(s->at);
    free(s);
    return st;
}
