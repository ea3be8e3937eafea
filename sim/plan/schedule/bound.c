#include "sim/plan/schedule/bound.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 2         /* levels before an hour's own that are kept in mind */
#define STEPS 3000      /* of the prices */
#define PATIENCE 30     /* steps without gain, after which they become shorter, */
#define SHORTER 0.6     /* by this factor, */
#define SHORTEST 0.0005 /* down to this */
#define KEPT 0.6        /* of the direction before: subgradients alone go to and fro */
#define LATE_SCALE 6    /* a step of lambda times its budget beside one of u */
#define BISECTIONS 25

struct step {
    uint8_t after;
    double times, cost, late[KW_HOURS_OBJECTIVES]; /* replica-s; requests over those allowed */
};

struct cell { /* the steps of a piece from a count at a level that were seen */
    uint32_t first, n;
    double times; /* sum of theirs */
};

struct prices {
    double value, lambda[KW_HOURS_OBJECTIVES]; /* D; replica-s for all that an objective allows */
    double *toll, *order;                      /* [pieces][levels]: u; [pieces][pasts][levels]: v */
};

struct solver {
    const struct kw_bound_ask *ask;
    size_t pieces, hours, orders;
    uint32_t n_levels, n_pasts,
        n_late;                 /* a past: the DEPTH levels before a piece, as a number, the last one its last digit */
    uint32_t *hour, *pieces_of; /* [pieces]; [hours] */
    uint32_t *order, *pieces_of_order; /* the same of hours that follow the same DEPTH hours */
    struct step *step;                 /* [n_steps] */
    size_t n_steps, cap;
    struct cell *cell;             /* [pieces][KW_GRAPH_COUNTS][levels] */
    bool *reached;                 /* [pieces + 1][KW_GRAPH_COUNTS] */
    double *price;                 /* [n_steps] */
    double *ahead, *stand;         /* [states]; stand: share of walks there */
    uint32_t *level;               /* [states] the cheapest */
    const struct cell **via;       /* [states] by the past that is handed on: which cell stands for the count's own */
    double *taken, *in_order;      /* share of walks that take a level, as prices */
    double *mean;                  /* [hours or orders] of either */
    double *toward, *toward_order; /* the direction in which the prices go, */
    double toward_late[KW_HOURS_OBJECTIVES]; /* and lambda */
    struct prices at, best;
};

static enum kw_status no_room(struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "out of memory for the bound of schedules");
}

static size_t tolls(const struct solver *s)
{
    return s->pieces * s->n_levels;
}

static size_t order_tolls(const struct solver *s)
{
    return s->pieces * s->n_pasts * s->n_levels;
}

/* A piece begins with a count after a past. */
static size_t state(const struct solver *s, size_t piece, uint32_t past, uint32_t count)
{
    return (piece * s->n_pasts + past) * KW_GRAPH_COUNTS + count;
}

static bool prices_init(struct prices *x, const struct solver *s)
{
    x->toll = calloc(tolls(s), sizeof *x->toll);
    x->order = calloc(order_tolls(s), sizeof *x->order);
    return x->toll && x->order;
}

static void prices_copy(struct prices *to, const struct prices *from, const struct solver *s)
{
    to->value = from->value;
    memcpy(to->lambda, from->lambda, sizeof to->lambda);
    memcpy(to->toll, from->toll, tolls(s) * sizeof *to->toll);
    memcpy(to->order, from->order, order_tolls(s) * sizeof *to->order);
}

static void prices_free(struct prices *x)
{
    free(x->toll);
    free(x->order);
}

static void solver_free(struct solver *s)
{
    prices_free(&s->at);
    prices_free(&s->best);
    free(s->hour);
    free(s->pieces_of);
    free(s->order);
    free(s->pieces_of_order);
    free(s->step);
    free(s->cell);
    free(s->reached);
    free(s->price);
    free(s->ahead);
    free(s->stand);
    free(s->level);
    free(s->via);
    free(s->taken);
    free(s->in_order);
    free(s->mean);
    free(s->toward);
    free(s->toward_order);
}

static struct cell *cell_of(const struct solver *s, size_t piece, uint32_t count, uint32_t level)
{
    return &s->cell[(piece * KW_GRAPH_COUNTS + count) * s->n_levels + level];
}

static bool add_step(struct solver *s, const struct kw_graph_arc *a)
{
    if (s->n_steps == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4096;
        struct step *more = realloc(s->step, cap * sizeof *more);
        if (!more) return false;
        s->step = more;
        s->cap = cap;
    }
    struct step *x = &s->step[s->n_steps++];
    *x = (struct step){ .after = a->after, .times = a->times, .cost = a->cost };
    for (uint32_t k = 0; k < s->n_late; k++)
        x->late[k] = a->late[k] / fmax(s->ask->share * s->ask->objective[k].budget, 0.5);
    return true;
}

static bool steps_of_piece(struct solver *s, const struct kw_graph *g, size_t piece)
{
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++)
        for (uint32_t l = 0; l < s->n_levels; l++) {
            struct cell *x = cell_of(s, piece, c, l);
            *x = (struct cell){ .first = (uint32_t)s->n_steps };
            for (uint32_t i = kw_graph_first(g, piece, c, g->least + l); i != KW_GRAPH_NONE; i = g->arc[i].next) {
                if (!add_step(s, &g->arc[i])) return false;
                x->times += g->arc[i].times;
                x->n++;
                s->reached[(piece + 1) * KW_GRAPH_COUNTS + g->arc[i].after] = true;
                if (piece == 0) s->reached[c] = true; /* the window begins with any count that was seen there */
            }
        }
    return true;
}

/* Numbers from 0 for pieces whose hour follows the same hours. One that nothing is like has nothing to agree with. O(pieces^2). */
static void number_orders(struct solver *s)
{
    for (size_t p = 0; p < s->pieces; p++) {
        size_t like = DEPTH;
        while (like < p &&
               (p < DEPTH || memcmp(&s->hour[like - DEPTH], &s->hour[p - DEPTH], (DEPTH + 1) * sizeof *s->hour)))
            like++;
        s->order[p] = like < p ? s->order[like] : (uint32_t)s->orders++;
        s->pieces_of_order[s->order[p]]++;
    }
}

static enum kw_status solver_init(struct solver *s, const struct kw_graph *g, const struct kw_hours *h,
                                  const struct kw_bound_ask *ask, struct kw_error *err)
{
    size_t counts = (g->pieces + 1) * KW_GRAPH_COUNTS;
    *s = (struct solver){ .ask = ask, .pieces = g->pieces, .n_levels = g->levels, .n_late = g->n_objectives };
    s->n_pasts = 1;
    for (int i = 0; i < DEPTH; i++) s->n_pasts *= g->levels;
    s->hours = ask->apart ? g->pieces : h->n;
    s->hour = malloc(g->pieces * sizeof *s->hour);
    s->pieces_of = calloc(s->hours, sizeof *s->pieces_of);
    s->order = malloc(g->pieces * sizeof *s->order);
    s->pieces_of_order = calloc(g->pieces, sizeof *s->pieces_of_order);
    s->cell = malloc(counts * g->levels * sizeof *s->cell);
    s->reached = calloc(counts, sizeof *s->reached);
    s->ahead = malloc(counts * s->n_pasts * sizeof *s->ahead);
    s->stand = malloc(counts * s->n_pasts * sizeof *s->stand);
    s->level = malloc(counts * s->n_pasts * sizeof *s->level);
    s->via = malloc(counts * s->n_pasts * sizeof *s->via);
    s->taken = malloc(tolls(s) * sizeof *s->taken);
    s->in_order = malloc(order_tolls(s) * sizeof *s->in_order);
    s->mean = malloc((s->hours + g->pieces * s->n_pasts) * g->levels * sizeof *s->mean);
    s->toward = malloc(tolls(s) * sizeof *s->toward);
    s->toward_order = malloc(order_tolls(s) * sizeof *s->toward_order);
    if (!s->hour || !s->pieces_of || !s->order || !s->pieces_of_order || !s->cell || !s->reached || !s->ahead ||
        !s->stand || !s->level || !s->via || !s->taken || !s->in_order || !s->mean || !s->toward || !s->toward_order ||
        !prices_init(&s->at, s) || !prices_init(&s->best, s))
        return no_room(err);
    for (size_t k = 0; k < g->pieces; k++) {
        s->hour[k] = ask->apart ? (uint32_t)k : h->which[k];
        s->pieces_of[s->hour[k]]++;
        if (!steps_of_piece(s, g, k)) return no_room(err);
    }
    number_orders(s);
    s->price = malloc(s->n_steps * sizeof *s->price);
    return s->price ? KW_OK : no_room(err);
}

/* What a cell costs with what lies ahead of it after `past`: on average over what was seen, or at its luckiest. */
static double value_of(const struct solver *s, size_t piece, uint32_t past, const struct cell *x)
{
    const double *ahead = s->ahead + state(s, piece + 1, past, 0);
    double least = INFINITY, sum = 0;
    for (uint32_t i = x->first; i < x->first + x->n; i++) {
        double value = s->price[i] + ahead[s->step[i].after];
        sum += s->step[i].times * value;
        if (value < least) least = value;
    }
    return s->ask->luckiest || !x->n ? least : sum / x->times;
}

/* Of each count at the level with which `past` ends. What was not seen of a count is the cheapest of the other counts at the level,
 * and of the level the cheapest of all. */
static void settle_level(struct solver *s, size_t piece, uint32_t past, double value[KW_GRAPH_COUNTS])
{
    double least = INFINITY;
    const struct cell *best = NULL;
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
        const struct cell *cell = cell_of(s, piece, c, past % s->n_levels);
        value[c] = value_of(s, piece, past, cell);
        if (value[c] >= least) continue;
        least = value[c];
        best = cell;
    }
    bool seen = best != NULL;
    for (uint32_t l = 0; l < s->n_levels && !seen; l++)
        for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
            const struct cell *cell = cell_of(s, piece, c, l);
            double of = value_of(s, piece, past, cell);
            if (of >= least) continue;
            least = of;
            best = cell;
        }
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
        const struct cell *own = cell_of(s, piece, c, past % s->n_levels);
        s->via[state(s, piece, past, c)] = own->n ? own : best;
        if (!own->n) value[c] = least;
    }
}

/* The cheapest level of each count after each past. */
static void settle(struct solver *s, const struct prices *x, size_t piece)
{
    uint32_t forgotten = s->n_pasts / s->n_levels; /* a past's first level, which the next one no longer has */
    for (size_t i = state(s, piece, 0, 0); i < state(s, piece + 1, 0, 0); i++) s->ahead[i] = INFINITY;
    for (uint32_t next = 0; next < s->n_pasts; next++) {
        double value[KW_GRAPH_COUNTS];
        uint32_t l = next % s->n_levels;
        settle_level(s, piece, next, value);
        for (uint32_t past = next / s->n_levels; past < s->n_pasts; past += forgotten) {
            double toll = x->toll[piece * s->n_levels + l] + x->order[(piece * s->n_pasts + past) * s->n_levels + l];
            for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
                size_t here = state(s, piece, past, c);
                if (!s->reached[piece * KW_GRAPH_COUNTS + c] || value[c] + toll >= s->ahead[here]) continue;
                s->ahead[here] = value[c] + toll;
                s->level[here] = l;
            }
        }
    }
}

/* Where walks go from a state that `share` of them stand at. */
static void go_on(struct solver *s, size_t piece, uint32_t past, uint32_t count, double share,
                  double over[KW_HOURS_OBJECTIVES])
{
    uint32_t level = s->level[state(s, piece, past, count)], on = (past * s->n_levels + level) % s->n_pasts;
    const struct cell *x = s->via[state(s, piece, on, count)];
    size_t next = state(s, piece + 1, on, 0);
    uint32_t first = x->first, end = x->first + x->n;
    s->taken[piece * s->n_levels + level] += share;
    s->in_order[(piece * s->n_pasts + past) * s->n_levels + level] += share;
    for (uint32_t i = first; i < end && s->ask->luckiest; i++)
        if (s->price[i] + s->ahead[next + s->step[i].after] < s->price[first] + s->ahead[next + s->step[first].after])
            first = i;
    if (s->ask->luckiest) end = first + 1;
    for (uint32_t i = first; i < end; i++) {
        double part = s->ask->luckiest ? share : share * s->step[i].times / x->times;
        s->stand[next + s->step[i].after] += part;
        for (uint32_t k = 0; k < s->n_late; k++) over[k] += part * s->step[i].late[k];
    }
}

/* The cheapest walk under these prices: x->value, s->taken and s->in_order, with over[k] the late requests of it over those allowed,
 * less 1. O(pieces pasts (counts + steps)). */
static void walk(struct solver *s, struct prices *x, double over[KW_HOURS_OBJECTIVES])
{
    size_t first = 0, states = state(s, s->pieces + 1, 0, 0);
    for (size_t i = 0; i < s->n_steps; i++) {
        s->price[i] = s->step[i].cost;
        for (uint32_t k = 0; k < s->n_late; k++) s->price[i] += x->lambda[k] * s->step[i].late[k];
    }
    for (size_t i = state(s, s->pieces, 0, 0); i < states; i++) s->ahead[i] = 0;
    for (size_t p = s->pieces; p-- > 0;) settle(s, x, p);
    for (uint32_t c = 1; c < KW_GRAPH_COUNTS; c++) /* nothing is before the window: past 0 stands for it */
        if (s->ahead[c] < s->ahead[first]) first = c;
    x->value = s->ahead[first];
    for (uint32_t k = 0; k < s->n_late; k++) x->value -= x->lambda[k];
    for (uint32_t k = 0; k < s->n_late; k++) over[k] = -1;
    memset(s->stand, 0, states * sizeof *s->stand);
    memset(s->taken, 0, tolls(s) * sizeof *s->taken);
    memset(s->in_order, 0, order_tolls(s) * sizeof *s->in_order);
    s->stand[first] = 1;
    for (size_t p = 0; p < s->pieces; p++)
        for (uint32_t past = 0; past < s->n_pasts; past++)
            for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
                double share = s->stand[state(s, p, past, c)];
                if (share > 0) go_on(s, p, past, c, share, over);
            }
}

/* Pieces that should agree on n shares each: of[group[p]] of them. */
struct groups {
    const uint32_t *group, *of;
    size_t groups, n;
};

/* Tolls rise on what a piece takes more often than the others of its group. Returns the direction's square. */
static double turn_group(const struct solver *s, const struct groups *g, const double *taken, double *toward)
{
    double square = 0, *mean = s->mean;
    memset(mean, 0, g->groups * g->n * sizeof *mean);
    for (size_t p = 0; p < s->pieces; p++)
        for (size_t i = 0; i < g->n; i++) mean[g->group[p] * g->n + i] += taken[p * g->n + i] / g->of[g->group[p]];
    for (size_t p = 0; p < s->pieces; p++)
        for (size_t i = 0; i < g->n; i++) {
            double *to = &toward[p * g->n + i];
            *to = KEPT * *to + taken[p * g->n + i] - mean[g->group[p] * g->n + i];
            square += *to * *to;
        }
    return square;
}

/* The direction after a walk; lambda rises where too many are late. Returns its square. */
static double turn(struct solver *s, const struct prices *x, const double *over)
{
    const struct groups hours = { s->hour, s->pieces_of, s->hours, s->n_levels },
                        orders = { s->order, s->pieces_of_order, s->orders, (size_t)s->n_pasts * s->n_levels };
    double square = turn_group(s, &hours, s->taken, s->toward) + turn_group(s, &orders, s->in_order, s->toward_order);
    for (uint32_t k = 0; k < s->n_late; k++) {
        double up = LATE_SCALE * over[k];
        s->toward_late[k] = KEPT * s->toward_late[k] + (x->lambda[k] <= 0 && up < 0 ? 0 : up);
        square += s->toward_late[k] * s->toward_late[k];
    }
    return square;
}

static void forget_direction(struct solver *s)
{
    memset(s->toward, 0, tolls(s) * sizeof *s->toward);
    memset(s->toward_order, 0, order_tolls(s) * sizeof *s->toward_order);
    memset(s->toward_late, 0, sizeof s->toward_late);
}

/* The prices of s->at climb, until D is as high as is asked for or gains nothing more. */
static void climb(struct solver *s)
{
    struct prices *x = &s->at;
    double length = 1, enough = s->ask->enough;
    int idle = 0;
    s->best.value = -INFINITY;
    forget_direction(s);
    for (int i = 0; i < STEPS && length >= SHORTEST && s->best.value < enough; i++) {
        double over[KW_HOURS_OBJECTIVES];
        walk(s, x, over);
        if (i == 0 || x->value > s->best.value + 1e-6 * fabs(s->best.value)) {
            prices_copy(&s->best, x, s);
            idle = 0;
        } else if (++idle == PATIENCE) { /* on from the best, in shorter steps */
            prices_copy(x, &s->best, s);
            forget_direction(s);
            length *= SHORTER;
            idle = 0;
            continue;
        }
        double square = turn(s, x, over), step = fmax(0, length * (enough - x->value) / square);
        if (square < 1e-12) break; /* one level an hour, and as many late as may be */
        for (size_t j = 0; j < tolls(s); j++) x->toll[j] += step * s->toward[j];
        for (size_t j = 0; j < order_tolls(s); j++) x->order[j] += step * s->toward_order[j];
        for (uint32_t k = 0; k < s->n_late; k++)
            x->lambda[k] = fmax(0, x->lambda[k] + LATE_SCALE * step * s->toward_late[k]);
    }
    prices_copy(x, &s->best, s);
}

/* Whether some walk leaves as few late as each objective by itself allows. */
static bool possible(struct solver *s)
{
    struct prices *x = &s->at;
    double over[KW_HOURS_OBJECTIVES];
    bool all = true;
    for (uint32_t k = 0; k < s->n_late && all; k++) {
        x->lambda[k] = 1e6 * fmax(s->ask->enough, 1);
        walk(s, x, over);
        all = over[k] <= 1e-5;
        x->lambda[k] = 0;
    }
    return all;
}

/* One lambda for all objectives, in equal parts, that is best without tolls. */
static void first_lambda(struct solver *s)
{
    struct prices *x = &s->at;
    double low = 0, high = INFINITY, best = 0, value = -INFINITY, unit = 1;
    for (int i = 0; i < BISECTIONS && high >= 1.005 * low && s->n_late; i++) {
        double over[KW_HOURS_OBJECTIVES], most = -1;
        double lambda = i == 0 ? 0 : isinf(high) ? (low > 0 ? 8 * low : unit) : low > 0 ? sqrt(low * high) : high / 8;
        for (uint32_t k = 0; k < s->n_late; k++) x->lambda[k] = lambda / s->n_late;
        walk(s, x, over);
        if (i == 0) unit = fmax(x->value, 1);
        if (x->value > value) {
            value = x->value;
            best = lambda;
        }
        for (uint32_t k = 0; k < s->n_late; k++) most = fmax(most, over[k]);
        if (i == 0 && most <= 0) break;
        *(most <= 0 ? &high : &low) = lambda;
    }
    for (uint32_t k = 0; k < s->n_late; k++) x->lambda[k] = best / s->n_late;
}

static void most_taken(struct solver *s, uint32_t least, uint32_t *level)
{
    double over[KW_HOURS_OBJECTIVES];
    walk(s, &s->at, over);
    for (size_t p = 0; p < s->pieces; p++) {
        uint32_t most = 0;
        for (uint32_t l = 1; l < s->n_levels; l++)
            if (s->taken[p * s->n_levels + l] > s->taken[p * s->n_levels + most]) most = l;
        level[p] = least + most;
    }
}

enum kw_status kw_bound_find(double *least, uint32_t *wanted, const struct kw_graph *g, const struct kw_hours *h,
                             const struct kw_bound_ask *ask, struct kw_error *err)
{
    struct solver s;
    assert(g->pieces == h->pieces && isfinite(ask->enough));
    enum kw_status st = solver_init(&s, g, h, ask, err);
    *least = INFINITY;
    if (st == KW_OK && possible(&s)) {
        first_lambda(&s);
        climb(&s);
        *least = fmin(s.at.value, ask->enough);
    }
    if (st == KW_OK && wanted) most_taken(&s, g->least, wanted);
    solver_free(&s);
    return st;
}
