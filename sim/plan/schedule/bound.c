#include "sim/plan/schedule/bound.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_STEPS 600   /* of the prices, before any branch */
#define NODE_STEPS 60    /* on each branch */
#define WEIGHED 8        /* hours that are tried before one is branched on, */
#define WEIGHED_STEPS 20 /* with so many steps each side */
#define PATIENCE 12      /* steps without gain, after which they become shorter, */
#define SHORTER 0.6      /* by this factor, */
#define SHORTEST 0.004   /* down to this */
#define KEPT 0.6         /* of the direction before: subgradients alone go to and fro */
#define FADE 0.9         /* of the levels seen on the way, for their mean */
#define LATE_SCALE 6     /* a step of lambda times its budget beside one of u */
#define CLOSE 1e-3       /* of the bound: near enough */
#define BISECTIONS 25
#define MOST_LEVELS 8 /* bits of a node's levels */

struct step {
    uint8_t after;
    double times, cost, late[KW_HOURS_OBJECTIVES]; /* replica-s; requests over those allowed */
};

struct cell { /* the steps of a piece from a count at a level that were seen */
    uint32_t first, n;
    double times; /* sum of theirs */
};

struct node {                                  /* prices, and the levels that are left */
    double value, lambda[KW_HOURS_OBJECTIVES]; /* D; replica-s for all that an objective allows */
    double *toll;                              /* [pieces][levels]: u */
    double *part;    /* [hours][levels] how often a level was the cheapest on the way here, adds up to 1 */
    uint8_t *levels; /* [hours] bit l: least + l is left */
};

struct solver {
    const struct kw_bound_ask *ask;
    size_t pieces, hours;
    uint32_t n_levels, n_late;
    uint32_t *hour, *pieces_of; /* [pieces]; [hours] */
    struct step *step;          /* [n_steps] */
    size_t n_steps, cap;
    struct cell *cell;             /* [pieces][KW_GRAPH_COUNTS][levels] */
    const struct cell **via;       /* the same: which of them stands for it in the walk */
    bool *reached;                 /* [pieces + 1][KW_GRAPH_COUNTS] */
    double *price, *ahead, *stand; /* [n_steps]; [pieces + 1][KW_GRAPH_COUNTS] both: stand, the share of walks there */
    uint32_t *level;               /* [pieces][KW_GRAPH_COUNTS] the cheapest */
    double *taken;                 /* [pieces][levels] share of walks that take it */
    double *mean, *toward;         /* [hours][levels]; [pieces][levels] */
    double toward_late[KW_HOURS_OBJECTIVES]; /* the direction in which the prices go, as `toward` is of the tolls */
    struct node at, best, side; /* scratch: where prices climb, the best on the way, a branch that is weighed */
    double nearest;             /* D of the levels that are proposed */
    struct node *open;          /* [n_open], owned: branches still to be looked at */
    size_t n_open, open_cap;
};

static enum kw_status no_room(struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "out of memory for the bound of schedules");
}

static void node_free(struct node *x)
{
    free(x->toll);
    free(x->part);
    free(x->levels);
    *x = (struct node){ .value = 0 };
}

static bool node_init(struct node *x, const struct solver *s)
{
    *x = (struct node){ .value = -INFINITY };
    x->toll = calloc(s->pieces * s->n_levels, sizeof *x->toll);
    x->part = calloc(s->hours * s->n_levels, sizeof *x->part);
    x->levels = malloc(s->hours);
    if (x->levels) memset(x->levels, (1 << s->n_levels) - 1, s->hours);
    return x->toll && x->part && x->levels;
}

static void prices_copy(struct node *to, const struct node *from, const struct solver *s)
{
    to->value = from->value;
    memcpy(to->lambda, from->lambda, sizeof to->lambda);
    memcpy(to->toll, from->toll, s->pieces * s->n_levels * sizeof *to->toll);
}

static void node_copy(struct node *to, const struct node *from, const struct solver *s)
{
    prices_copy(to, from, s);
    memcpy(to->part, from->part, s->hours * s->n_levels * sizeof *to->part);
    memcpy(to->levels, from->levels, s->hours);
}

static void solver_free(struct solver *s)
{
    for (size_t i = 0; i < s->n_open; i++) node_free(&s->open[i]);
    node_free(&s->at);
    node_free(&s->best);
    node_free(&s->side);
    free(s->open);
    free(s->hour);
    free(s->pieces_of);
    free(s->step);
    free(s->cell);
    free(s->reached);
    free(s->price);
    free(s->ahead);
    free(s->via);
    free(s->stand);
    free(s->level);
    free(s->taken);
    free(s->mean);
    free(s->toward);
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

static enum kw_status solver_init(struct solver *s, const struct kw_graph *g, const struct kw_hours *h,
                                  const struct kw_bound_ask *ask, struct kw_error *err)
{
    size_t counts = (g->pieces + 1) * KW_GRAPH_COUNTS, tolls = g->pieces * g->levels;
    *s = (struct solver){ .ask = ask, .pieces = g->pieces, .n_levels = g->levels, .n_late = g->n_objectives };
    s->nearest = ask->enough;
    s->hours = ask->apart ? g->pieces : h->n;
    s->hour = malloc(g->pieces * sizeof *s->hour);
    s->pieces_of = calloc(s->hours, sizeof *s->pieces_of);
    s->cell = malloc(counts * g->levels * sizeof *s->cell);
    s->reached = calloc(counts, sizeof *s->reached);
    s->ahead = malloc(counts * sizeof *s->ahead);
    s->via = malloc(counts * g->levels * sizeof *s->via);
    s->stand = malloc(counts * sizeof *s->stand);
    s->level = malloc(counts * sizeof *s->level);
    s->taken = malloc(tolls * sizeof *s->taken);
    s->mean = malloc(s->hours * g->levels * sizeof *s->mean);
    s->toward = malloc(tolls * sizeof *s->toward);
    if (!s->hour || !s->pieces_of || !s->cell || !s->reached || !s->ahead || !s->via || !s->stand || !s->level ||
        !s->taken || !s->mean || !s->toward || !node_init(&s->at, s) || !node_init(&s->best, s) ||
        !node_init(&s->side, s))
        return no_room(err);
    for (size_t k = 0; k < g->pieces; k++) {
        s->hour[k] = ask->apart ? (uint32_t)k : h->which[k];
        s->pieces_of[s->hour[k]]++;
        if (!steps_of_piece(s, g, k)) return no_room(err);
    }
    s->price = malloc(s->n_steps * sizeof *s->price);
    return s->price ? KW_OK : no_room(err);
}

static bool left(const struct solver *s, const struct node *x, size_t piece, uint32_t level)
{
    return x->levels[s->hour[piece]] >> level & 1;
}

/* What a cell costs with what lies ahead: on average over what was seen, or at its luckiest. */
static double value_of(const struct solver *s, size_t piece, const struct cell *x)
{
    const double *ahead = s->ahead + (piece + 1) * KW_GRAPH_COUNTS;
    double least = INFINITY, sum = 0;
    for (uint32_t i = x->first; i < x->first + x->n; i++) {
        double value = s->price[i] + ahead[s->step[i].after];
        sum += s->step[i].times * value;
        if (value < least) least = value;
    }
    return s->ask->luckiest || !x->n ? least : sum / x->times;
}

/* What was not seen of a count is the cheapest of the other counts at the level, and of the level the cheapest of all; then the
 * cheapest level of each count. */
static void settle(struct solver *s, const struct node *x, size_t piece)
{
    double value[KW_GRAPH_COUNTS][MOST_LEVELS], of_level[MOST_LEVELS], of_all = INFINITY;
    const struct cell *via[MOST_LEVELS] = { NULL }, *any = NULL;
    for (uint32_t l = 0; l < s->n_levels; l++) {
        of_level[l] = INFINITY;
        for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
            const struct cell *cell = cell_of(s, piece, c, l);
            value[c][l] = value_of(s, piece, cell);
            if (value[c][l] >= of_level[l]) continue;
            of_level[l] = value[c][l];
            via[l] = cell;
        }
        if (of_level[l] >= of_all) continue;
        of_all = of_level[l];
        any = via[l];
    }
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
        size_t here = piece * KW_GRAPH_COUNTS + c;
        s->ahead[here] = INFINITY;
        for (uint32_t l = 0; l < s->n_levels && s->reached[here]; l++) {
            const struct cell *own = cell_of(s, piece, c, l);
            double least = own->n ? value[c][l] : via[l] ? of_level[l] : of_all;
            s->via[here * s->n_levels + l] = own->n ? own : via[l] ? via[l] : any;
            if (!left(s, x, piece, l) || least + x->toll[piece * s->n_levels + l] >= s->ahead[here]) continue;
            s->ahead[here] = least + x->toll[piece * s->n_levels + l];
            s->level[here] = l;
        }
    }
}

/* Where walks go from a count that `share` of them stand at. */
static void go_on(struct solver *s, size_t piece, uint32_t count, double share, double over[KW_HOURS_OBJECTIVES])
{
    size_t here = piece * KW_GRAPH_COUNTS + count;
    const struct cell *x = s->via[here * s->n_levels + s->level[here]];
    const double *ahead = s->ahead + (piece + 1) * KW_GRAPH_COUNTS;
    uint32_t first = x->first, end = x->first + x->n;
    s->taken[piece * s->n_levels + s->level[here]] += share;
    for (uint32_t i = first; i < end && s->ask->luckiest; i++)
        if (s->price[i] + ahead[s->step[i].after] < s->price[first] + ahead[s->step[first].after]) first = i;
    if (s->ask->luckiest) end = first + 1;
    for (uint32_t i = first; i < end; i++) {
        double part = s->ask->luckiest ? share : share * s->step[i].times / x->times;
        s->stand[here - count + KW_GRAPH_COUNTS + s->step[i].after] += part;
        for (uint32_t k = 0; k < s->n_late; k++) over[k] += part * s->step[i].late[k];
    }
}

/* The cheapest walk under these prices: x->value and s->taken, with over[k] the late requests of it over those allowed, less 1.
 * O(pieces counts levels + steps). */
static void walk(struct solver *s, struct node *x, double over[KW_HOURS_OBJECTIVES])
{
    uint32_t first = 0;
    for (size_t i = 0; i < s->n_steps; i++) {
        s->price[i] = s->step[i].cost;
        for (uint32_t k = 0; k < s->n_late; k++) s->price[i] += x->lambda[k] * s->step[i].late[k];
    }
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) s->ahead[s->pieces * KW_GRAPH_COUNTS + c] = 0;
    for (size_t p = s->pieces; p-- > 0;) settle(s, x, p);
    for (uint32_t c = 1; c < KW_GRAPH_COUNTS; c++)
        if (s->ahead[c] < s->ahead[first]) first = c;
    x->value = s->ahead[first];
    for (uint32_t k = 0; k < s->n_late; k++) x->value -= x->lambda[k];
    for (uint32_t k = 0; k < s->n_late; k++) over[k] = -1;
    memset(s->stand, 0, (s->pieces + 1) * KW_GRAPH_COUNTS * sizeof *s->stand);
    memset(s->taken, 0, s->pieces * s->n_levels * sizeof *s->taken);
    s->stand[first] = 1;
    for (size_t p = 0; p < s->pieces; p++)
        for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
            double share = s->stand[p * KW_GRAPH_COUNTS + c];
            if (share > 0) go_on(s, p, c, share, over);
        }
}

/* The direction after a walk: tolls rise on levels that a piece takes more often than the others of its hour, lambda where too many
 * are late. Returns its square. */
static double turn(struct solver *s, const struct node *x, const double *over)
{
    double square = 0;
    memset(s->mean, 0, s->hours * s->n_levels * sizeof *s->mean);
    for (size_t p = 0; p < s->pieces; p++)
        for (uint32_t l = 0; l < s->n_levels; l++)
            s->mean[s->hour[p] * s->n_levels + l] += s->taken[p * s->n_levels + l] / s->pieces_of[s->hour[p]];
    for (size_t p = 0; p < s->pieces; p++)
        for (uint32_t l = 0; l < s->n_levels; l++) {
            double *to = &s->toward[p * s->n_levels + l];
            *to = KEPT * *to + s->taken[p * s->n_levels + l] - s->mean[s->hour[p] * s->n_levels + l];
            square += *to * *to;
        }
    for (uint32_t k = 0; k < s->n_late; k++) {
        double up = LATE_SCALE * over[k];
        s->toward_late[k] = KEPT * s->toward_late[k] + (x->lambda[k] <= 0 && up < 0 ? 0 : up);
        square += s->toward_late[k] * s->toward_late[k];
    }
    return square;
}

static void forget_direction(struct solver *s)
{
    memset(s->toward, 0, s->pieces * s->n_levels * sizeof *s->toward);
    memset(s->toward_late, 0, sizeof s->toward_late);
}

/* The prices of s->at climb, at most so many steps, until D is as high as is asked for. Its levels stay. */
static void climb(struct solver *s, double length, double enough, int steps)
{
    struct node *x = &s->at;
    double weight = 0;
    int idle = 0;
    s->best.value = -INFINITY;
    memset(x->part, 0, s->hours * s->n_levels * sizeof *x->part);
    forget_direction(s);
    for (int i = 0; i < steps && length >= SHORTEST && s->best.value < enough; i++) {
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
        for (size_t j = 0; j < s->hours * s->n_levels; j++) x->part[j] = FADE * x->part[j] + (1 - FADE) * s->mean[j];
        weight = FADE * weight + 1 - FADE;
        if (square < 1e-12) break; /* one level an hour, and as many late as may be */
        for (size_t j = 0; j < s->pieces * s->n_levels; j++) x->toll[j] += step * s->toward[j];
        for (uint32_t k = 0; k < s->n_late; k++)
            x->lambda[k] = fmax(0, x->lambda[k] + LATE_SCALE * step * s->toward_late[k]);
    }
    prices_copy(x, &s->best, s);
    for (size_t j = 0; j < s->hours * s->n_levels && weight > 0; j++) x->part[j] /= weight;
}

/* Whether some walk leaves as few late as each objective by itself allows. */
static bool possible(struct solver *s)
{
    struct node *x = &s->at;
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
    struct node *x = &s->at;
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

/* Keeps s->at among the open ones. */
static enum kw_status keep(struct solver *s, struct kw_error *err)
{
    if (s->n_open == s->open_cap) {
        size_t cap = s->open_cap ? 2 * s->open_cap : 64;
        struct node *more = realloc(s->open, cap * sizeof *more);
        if (!more) return no_room(err);
        s->open = more;
        s->open_cap = cap;
    }
    struct node *x = &s->open[s->n_open++];
    if (!node_init(x, s)) return no_room(err);
    node_copy(x, &s->at, s);
    return KW_OK;
}

static size_t lowest(const struct solver *s)
{
    size_t at = 0;
    for (size_t i = 1; i < s->n_open; i++)
        if (s->open[i].value < s->open[at].value) at = i;
    return at;
}

static bool one_level(uint8_t levels)
{
    return !(levels & (levels - 1));
}

struct branch { /* levels up to `cut` on the one side, above on the other */
    size_t hour;
    uint32_t cut;
    double worth;
};

/* Where hours disagree most: the mean of the levels seen parts them. Returns how many, the best first. */
static size_t branches_of(const struct solver *s, const struct node *x, struct branch out[WEIGHED])
{
    double toll[KW_HOURS_MAX] = { 0 };
    size_t n = 0;
    for (size_t j = 0; j < s->pieces * s->n_levels; j++) toll[s->hour[j / s->n_levels]] += fabs(x->toll[j]);
    for (size_t q = 0; q < s->hours; q++) {
        struct branch b = { .hour = q };
        double mean = 0, whole = 0, spread = 0;
        uint32_t low = UINT32_MAX, high = 0;
        if (one_level(x->levels[q])) continue;
        for (uint32_t l = 0; l < s->n_levels; l++) {
            double part = x->part[q * s->n_levels + l];
            spread += part * (1 - part);
            if (!(x->levels[q] >> l & 1)) continue;
            mean += l * part;
            whole += part;
            high = l;
            if (low == UINT32_MAX) low = l;
        }
        b.cut = whole > 0 ? (uint32_t)(mean / whole) : low;
        if (b.cut < low) b.cut = low;
        if (b.cut >= high) b.cut = high - 1;
        b.worth = 3600 * spread * s->pieces_of[q] + toll[q] / s->n_levels;
        size_t i = n < WEIGHED ? n++ : WEIGHED;
        for (; i > 0 && out[i - 1].worth < b.worth; i--)
            if (i < WEIGHED) out[i] = out[i - 1];
        if (i < WEIGHED) out[i] = b;
    }
    return n;
}

/* s->at: one side of a branch of x. False: no level is left there. */
static bool take_side(struct solver *s, const struct node *x, const struct branch *b, int side)
{
    uint8_t below = (uint8_t)((2u << b->cut) - 1);
    node_copy(&s->at, x, s);
    s->at.levels[b->hour] &= side ? (uint8_t)~below : below;
    return s->at.levels[b->hour] != 0;
}

/* The branch whose sides both rise, by a few steps on each. */
static struct branch weigh(struct solver *s, const struct node *x, struct branch *b, size_t n, double enough)
{
    size_t best = 0;
    for (size_t i = 0; i < n && n > 1; i++) {
        double gain[2];
        for (int side = 0; side < 2; side++) {
            take_side(s, x, &b[i], side);
            climb(s, 0.5, enough, WEIGHED_STEPS);
            gain[side] = fmax(0, fmin(s->at.value, enough) - x->value);
        }
        b[i].worth = fmin(gain[0], gain[1]) + 0.2 * fmax(gain[0], gain[1]);
        if (b[i].worth > b[best].worth) best = i;
    }
    return b[best];
}

/* The levels seen most often on the way to x, one an hour, where they are new and the cheapest by the figures until now. Returns
 * whether they are near the bound, or all that is left of x. */
static bool propose(struct solver *s, const struct node *x, struct kw_bound *out, uint32_t least)
{
    uint32_t level[KW_HOURS_MAX] = { 0 };
    bool last = true;
    node_copy(&s->at, x, s);
    for (size_t q = 0; q < s->hours; q++) {
        uint32_t most = UINT32_MAX;
        const double *part = x->part + q * s->n_levels;
        for (uint32_t l = 0; l < s->n_levels; l++)
            if (x->levels[q] >> l & 1 && (most == UINT32_MAX || part[l] > part[most])) most = l;
        s->at.levels[q] = (uint8_t)(1 << most);
        level[q] = least + most;
        last &= one_level(x->levels[q]);
    }
    for (uint32_t i = 0; i < s->ask->n_tried; i++)
        if (!memcmp(s->ask->tried[i], level, s->hours * sizeof *level)) return false;
    memset(s->at.toll, 0, s->pieces * s->n_levels * sizeof *s->at.toll);
    climb(s, 0.5, s->ask->enough, NODE_STEPS);
    if (s->at.value >= s->nearest) return last; /* nothing else is below what they cost */
    s->nearest = s->at.value;
    memcpy(out->level, level, sizeof level);
    out->any = true;
    return last || s->nearest <= out->least * (1 + CLOSE);
}

/* The lowest open branch, the bound of them all, is parted, until it is as high as is asked for. */
static enum kw_status branch_and_bound(struct solver *s, struct kw_bound *out, uint32_t least, struct kw_error *err)
{
    double enough = s->ask->enough;
    enum kw_status st = keep(s, err);
    out->least = fmin(s->at.value, enough);
    for (uint32_t i = 0; i < s->ask->nodes && st == KW_OK && s->n_open; i++) {
        size_t at = lowest(s);
        struct branch branch[WEIGHED];
        out->least = fmax(out->least, fmin(s->open[at].value, enough));
        if (out->least >= enough * (1 - CLOSE)) return KW_OK;
        node_copy(&s->side, &s->open[at], s);
        if (propose(s, &s->side, out, least)) return KW_OK;
        node_free(&s->open[at]);
        s->open[at] = s->open[--s->n_open];
        size_t n = branches_of(s, &s->side, branch);
        if (!n) continue; /* levels that were tried: what they cost is known */
        struct branch b = weigh(s, &s->side, branch, n, enough);
        for (int side = 0; side < 2 && st == KW_OK; side++) {
            if (!take_side(s, &s->side, &b, side)) continue;
            climb(s, 0.5, enough, NODE_STEPS);
            s->at.value = fmax(s->at.value, s->side.value);
            if (s->at.value >= enough) continue;
            st = keep(s, err);
        }
    }
    if (st == KW_OK && s->ask->nodes) out->least = fmax(out->least, s->n_open ? s->open[lowest(s)].value : enough);
    out->least = fmin(out->least, enough);
    return st;
}

enum kw_status kw_bound_find(struct kw_bound *out, const struct kw_graph *g, const struct kw_hours *h,
                             const struct kw_bound_ask *ask, struct kw_error *err)
{
    struct solver s;
    memset(out, 0, sizeof *out);
    assert(g->pieces == h->pieces && isfinite(ask->enough) && g->levels <= MOST_LEVELS && !(ask->apart && ask->nodes));
    enum kw_status st = solver_init(&s, g, h, ask, err);
    if (st == KW_OK && !possible(&s)) {
        out->least = INFINITY;
    } else if (st == KW_OK) {
        first_lambda(&s);
        climb(&s, 1, ask->enough, ROOT_STEPS);
        st = branch_and_bound(&s, out, g->least, err);
    }
    solver_free(&s);
    return st;
}
