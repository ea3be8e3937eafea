#include "sim/plan/schedule/anneal.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"

#define HOT 0.01       /* T to begin with, of the cost */
#define COLD 3e-5      /* and at the end */
#define MOST_AT_ONCE 3 /* hours of a move */
#define FAINT 1e-9     /* a share of walks that is let go */

/* The mean of what was seen of a piece from a count at a level. */
struct mean {
    double times, cost, late[KW_HOURS_OBJECTIVES]; /* seen; replica-s; requests over those allowed */
    double to[KW_GRAPH_COUNTS];                    /* share of each count at the end */
};

struct chain {
    const struct kw_graph *g;
    const struct kw_hours *h;
    const struct kw_anneal_ask *ask;
    struct mean *mean; /* [pieces][KW_GRAPH_COUNTS][levels], owned */
    uint32_t counts;   /* that were seen: 0 to counts - 1 */
    uint32_t first;    /* with which the window begins */
};

static struct mean *mean_of(const struct chain *c, size_t piece, uint32_t count, uint32_t level)
{
    return &c->mean[(piece * KW_GRAPH_COUNTS + count) * c->g->levels + level];
}

static void add(struct chain *c, struct mean *m, size_t piece, uint32_t count, uint32_t level)
{
    const struct kw_graph *g = c->g;
    for (uint32_t i = kw_graph_first(g, piece, count, g->least + level); i != KW_GRAPH_NONE; i = g->arc[i].next) {
        const struct kw_graph_arc *a = &g->arc[i];
        m->times += a->times;
        m->cost += a->times * a->cost;
        m->to[a->after] += a->times;
        for (uint32_t k = 0; k < g->n_objectives; k++)
            m->late[k] += a->times * a->late[k] / fmax(c->ask->objective[k].budget, 0.5);
    }
}

static bool seen(const struct chain *c, size_t piece, uint32_t count, uint32_t level)
{
    return kw_graph_seen(c->g, piece, count, c->g->least + level);
}

static void learn(struct chain *c, size_t piece, uint32_t count, uint32_t level)
{
    struct mean *m = mean_of(c, piece, count, level);
    add(c, m, piece, count, level);
    if (!(m->times > 0)) return;
    if (count >= c->counts) c->counts = count + 1;
    m->cost /= m->times;
    for (uint32_t k = 0; k < c->g->n_objectives; k++) m->late[k] /= m->times;
    for (uint32_t b = 0; b < KW_GRAPH_COUNTS; b++) {
        m->to[b] /= m->times;
        if (m->to[b] > 0 && b >= c->counts) c->counts = b + 1;
    }
}

static double worth(const struct chain *c, const struct mean *m)
{
    double sum = m->cost;
    for (uint32_t k = 0; k < c->g->n_objectives; k++) sum += c->ask->late * m->late[k];
    return sum;
}

/* What was not seen of a count has the cheapest that was seen of the others at the level, or of all levels. */
static void guess(struct chain *c, size_t piece, uint32_t count, uint32_t level)
{
    const struct mean *best = NULL;
    bool any = false;
    for (uint32_t b = 0; b < KW_GRAPH_COUNTS; b++) any |= seen(c, piece, b, level);
    for (uint32_t l = 0; l < c->g->levels; l++)
        for (uint32_t b = 0; b < KW_GRAPH_COUNTS; b++) {
            if (!seen(c, piece, b, l) || (any && l != level)) continue;
            const struct mean *m = mean_of(c, piece, b, l);
            if (!best || worth(c, m) < worth(c, best)) best = m;
        }
    assert(best);
    *mean_of(c, piece, count, level) = *best;
}

static enum kw_status chain_init(struct chain *c, struct kw_error *err)
{
    const struct kw_graph *g = c->g;
    double most = 0;
    c->mean = calloc(g->pieces * KW_GRAPH_COUNTS * g->levels, sizeof *c->mean);
    if (!c->mean) return kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    for (size_t p = 0; p < g->pieces; p++)
        for (uint32_t b = 0; b < KW_GRAPH_COUNTS; b++)
            for (uint32_t l = 0; l < g->levels; l++) learn(c, p, b, l);
    for (size_t p = 0; p < g->pieces; p++)
        for (uint32_t b = 0; b < KW_GRAPH_COUNTS; b++)
            for (uint32_t l = 0; l < g->levels; l++)
                if (!seen(c, p, b, l)) guess(c, p, b, l);
    for (uint32_t b = 0; b < KW_GRAPH_COUNTS; b++) { /* what was seen most often: the window goes round */
        double times = 0;
        for (uint32_t l = 0; l < g->levels; l++)
            if (kw_graph_seen(g, 0, b, g->least + l)) times += mean_of(c, 0, b, l)->times;
        if (times <= most) continue;
        most = times;
        c->first = b;
    }
    return KW_OK;
}

/* What levels cost, and the late requests of the worst objective over those that it allows. */
struct figures {
    double cost, worst;
};

static struct figures follow(const struct chain *c, const uint32_t *level)
{
    double stand[KW_GRAPH_COUNTS] = { 0 }, late[KW_HOURS_OBJECTIVES] = { 0 };
    struct figures f = { 0, 0 };
    stand[c->first] = 1;
    for (size_t p = 0; p < c->g->pieces; p++) {
        double next[KW_GRAPH_COUNTS] = { 0 };
        for (uint32_t b = 0; b < c->counts; b++) {
            if (stand[b] < FAINT) continue;
            const struct mean *m = mean_of(c, p, b, level[c->h->which[p]] - c->g->least);
            f.cost += stand[b] * m->cost;
            for (uint32_t k = 0; k < c->g->n_objectives; k++) late[k] += stand[b] * m->late[k];
            for (uint32_t to = 0; to < c->counts; to++) next[to] += stand[b] * m->to[to];
        }
        memcpy(stand, next, sizeof stand);
    }
    for (uint32_t k = 0; k < c->g->n_objectives; k++) f.worst = fmax(f.worst, late[k]);
    return f;
}

/* Round the week, or round the day. */
static uint32_t next_hour(const struct kw_hours *h, uint32_t hour)
{
    uint32_t day = h->n == 48 ? 24 : h->n;
    return hour / day * day + (hour + 1) % day;
}

static double value_of(const struct chain *c, const uint32_t *level, double unit)
{
    struct figures f = follow(c, level);
    double value = f.cost + unit * fmax(0, f.worst - c->ask->share);
    for (uint32_t i = 0; i < c->h->n && c->ask->change > 0; i++)
        if (level[i] != level[next_hour(c->h, i)]) value += c->ask->change;
    return value;
}

/* One to three hours to a level that is drawn, one in four with the next. */
static void move(const struct chain *c, struct kw_rng *r, uint32_t *level)
{
    uint32_t n = c->h->n;
    for (uint64_t left = 1 + kw_rng_u64(r) % MOST_AT_ONCE; left > 0; left--) {
        uint32_t hour = (uint32_t)(kw_rng_u64(r) % n), to = c->g->least + (uint32_t)(kw_rng_u64(r) % c->g->levels);
        level[hour] = to;
        if (kw_rng_u64(r) % 4 == 0) level[next_hour(c->h, hour)] = to;
    }
}

enum kw_status kw_anneal(const struct kw_graph *g, const struct kw_hours *h, const struct kw_anneal_ask *ask,
                         uint32_t *level, struct kw_error *err)
{
    struct chain c = { .g = g, .h = h, .ask = ask };
    struct kw_rng r = { .g = NULL };
    uint32_t now[KW_HOURS_MAX], drawn[KW_HOURS_MAX];
    assert(g->pieces == h->pieces);
    enum kw_status st = chain_init(&c, err);
    if (st == KW_OK) st = kw_rng_init(&r, ask->seed, 0, KW_RNG_SAMPLING, err);
    if (st == KW_OK) {
        double unit = fmax(follow(&c, level).cost, 1), at = value_of(&c, level, unit), least = at;
        memcpy(now, level, h->n * sizeof *now);
        for (uint32_t i = 0; i < ask->steps; i++) {
            memcpy(drawn, now, h->n * sizeof *drawn);
            move(&c, &r, drawn);
            double value = value_of(&c, drawn, unit), heat = unit * HOT * pow(COLD / HOT, (double)i / ask->steps);
            if (value > at && exp((at - value) / heat) < kw_rng_uniform(&r)) continue;
            at = value;
            memcpy(now, drawn, h->n * sizeof *now);
            if (value >= least) continue;
            least = value;
            memcpy(level, drawn, h->n * sizeof *level);
        }
    }
    kw_rng_free(&r);
    free(c.mean);
    return st;
}
