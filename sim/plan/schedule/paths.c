#include "sim/plan/schedule/paths.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 4096   /* walks side by side at a place; more are left out, the dearest first */
#define BRANCHES 512 /* of one walk at one level */

/* Classes that follow each other round a day or a week. */
struct ring {
    uint32_t first, n, cut; /* cut: the class at which days begin, counted from first */
};

static uint32_t rings_of(const struct kw_hours *h, struct ring ring[2])
{
    ring[0] = (struct ring){ 0, h->n == 48 ? 24 : h->n, 0 };
    ring[1] = (struct ring){ 24, 24, 0 };
    return h->n == 48 ? 2 : 1;
}

/* The class that was cheapest: least goes on there, so least is lost where days are cut. */
static void cut(const struct kw_graph *g, const struct kw_hours *h, struct ring *r)
{
    static const double none[KW_HOURS_OBJECTIVES];
    double least = INFINITY;
    for (uint32_t c = 0; c < r->n; c++) {
        double sum = 0;
        size_t pieces = 0;
        for (size_t k = 0; k < g->pieces; k++) {
            uint32_t arc[KW_GRAPH_COUNTS];
            double most = 0;
            if (h->which[k] != r->first + c) continue;
            kw_graph_steps(g, k, KW_GRAPH_COUNTS, g->least, none, arc);
            for (uint32_t i = 0; i < KW_GRAPH_COUNTS; i++)
                if (arc[i] != KW_GRAPH_NONE) most = fmax(most, g->arc[arc[i]].cost);
            sum += most;
            pieces++;
        }
        if (!pieces || sum / (double)pieces >= least) continue;
        least = sum / (double)pieces;
        r->cut = c;
    }
}

static enum kw_status lay_out(struct kw_paths *w, const struct kw_hours *h, struct kw_error *err)
{
    struct ring ring[2];
    size_t pieces = h->pieces, used = 0;
    uint32_t rings = rings_of(h, ring);
    w->place = calloc(w->classes, sizeof *w->place);
    w->store = malloc(2 * pieces * sizeof *w->store);
    w->day = malloc(pieces * sizeof *w->day);
    if (!w->place || !w->store || !w->day) return kw_fail(err, KW_ENOMEM, "out of memory for the hours of a week");
    for (uint32_t r = 0; r < rings; r++) {
        cut(w->g, h, &ring[r]);
        for (uint32_t at = 0; at < ring[r].n; at++) {
            struct kw_paths_place *p = &w->place[w->n], *last = at ? &w->place[w->n - 1] : NULL;
            p->class = ring[r].first + (ring[r].cut + at) % ring[r].n;
            p->piece = w->store + used;
            p->before = w->store + pieces + used;
            for (size_t k = 0; k < pieces; k++) {
                if (h->which[k] != p->class) continue;
                uint32_t from = KW_GRAPH_NONE, ahead = (uint32_t)((k + pieces - 1) % pieces);
                for (uint32_t i = 0; last && i < last->n; i++)
                    if (last->piece[i] == ahead) from = i;
                w->day[k] = from == KW_GRAPH_NONE ? w->days++ : w->day[ahead];
                p->before[p->n] = from;
                p->piece[p->n++] = (uint32_t)k;
            }
            used += p->n;
            w->n++;
        }
    }
    return KW_OK;
}

enum kw_status kw_paths_init(struct kw_paths *w, const struct kw_graph *g, const struct kw_hours *h,
                             struct kw_error *err)
{
    *w = (struct kw_paths){ .g = g, .classes = h->n };
    assert(g->pieces == h->pieces);
    enum kw_status st = lay_out(w, h, err);
    if (st != KW_OK) kw_paths_free(w);
    return st;
}

void kw_paths_free(struct kw_paths *w)
{
    free(w->place);
    free(w->store);
    free(w->day);
    *w = (struct kw_paths){ .n = 0 };
}

/* Walks that stand at one place: of those with the same counts (and, where changes cost, the same level) the cheapest. */
struct front {
    size_t n, days;       /* days: counts of a walk, at most `wide` */
    uint8_t *count;       /* [2 * WIDTH][wide + 1], the level last */
    double *value, *cost; /* [2 * WIDTH] */
    double *late;         /* [2 * WIDTH][n_objectives] */
    uint32_t *from;       /* [2 * WIDTH] in the front before, times levels, plus the level that it went on with */
    uint32_t *slot;       /* [SLOTS] hashed, index + 1 */
};
enum { ROOM = 2 * WIDTH, SLOTS = 8 * WIDTH };

struct walk { /* one solution under way */
    const struct kw_paths *w;
    const double *weight;
    double mu;
    size_t wide;
    struct front now, next;
    uint32_t (*arc)[KW_GRAPH_COUNTS]; /* [wide] the steps of the walk being continued */
    uint32_t **back;                  /* [w->n], owned: the `from` of each place */
};

static void front_free(struct front *f)
{
    free(f->count);
    free(f->value);
    free(f->cost);
    free(f->late);
    free(f->from);
    free(f->slot);
}

static bool front_init(struct front *f, size_t wide)
{
    f->count = malloc(ROOM * (wide + 1));
    f->value = malloc(ROOM * sizeof *f->value);
    f->cost = malloc(ROOM * sizeof *f->cost);
    f->late = malloc(ROOM * KW_HOURS_OBJECTIVES * sizeof *f->late);
    f->from = malloc(ROOM * sizeof *f->from);
    f->slot = malloc(SLOTS * sizeof *f->slot);
    return f->count && f->value && f->cost && f->late && f->from && f->slot;
}

static uint8_t *counts(const struct walk *x, const struct front *f, size_t i)
{
    return f->count + i * (x->wide + 1);
}

static size_t hash(const uint8_t *key, size_t n)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ key[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 29) % SLOTS;
}

static void rehash(const struct walk *x, struct front *f)
{
    memset(f->slot, 0, SLOTS * sizeof *f->slot);
    for (size_t i = 0; i < f->n; i++) {
        size_t at = hash(counts(x, f, i), x->wide + 1);
        while (f->slot[at]) at = (at + 1) % SLOTS;
        f->slot[at] = (uint32_t)i + 1;
    }
}

static int ascending(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* The dearest half goes. */
static enum kw_status thin_out(struct walk *x, struct front *f, struct kw_error *err)
{
    double *sorted = malloc(f->n * sizeof *sorted);
    size_t kept = 0;
    if (!sorted) return kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    memcpy(sorted, f->value, f->n * sizeof *sorted);
    qsort(sorted, f->n, sizeof *sorted, ascending);
    double most = sorted[WIDTH - 1];
    free(sorted);
    for (size_t i = 0; i < f->n && kept < WIDTH; i++) {
        if (f->value[i] > most) continue;
        memmove(counts(x, f, kept), counts(x, f, i), x->wide + 1);
        memmove(f->late + kept * KW_HOURS_OBJECTIVES, f->late + i * KW_HOURS_OBJECTIVES,
                KW_HOURS_OBJECTIVES * sizeof *f->late);
        f->value[kept] = f->value[i];
        f->cost[kept] = f->cost[i];
        f->from[kept++] = f->from[i];
    }
    f->n = kept;
    rehash(x, f);
    return KW_OK;
}

/* Where a walk with these counts stands in the front, or where it may be put. */
static enum kw_status find(struct walk *x, struct front *f, const uint8_t *key, double value, size_t *out, bool *better,
                           struct kw_error *err)
{
    if (f->n == ROOM) {
        enum kw_status st = thin_out(x, f, err);
        if (st != KW_OK) return st;
    }
    size_t at = hash(key, x->wide + 1);
    while (f->slot[at] && memcmp(counts(x, f, f->slot[at] - 1), key, x->wide + 1) != 0) at = (at + 1) % SLOTS;
    *better = !f->slot[at] || value < f->value[f->slot[at] - 1];
    if (!f->slot[at]) {
        memcpy(counts(x, f, f->n), key, x->wide + 1);
        f->slot[at] = (uint32_t)++f->n;
    }
    *out = f->slot[at] - 1;
    return KW_OK;
}

static double price(const struct walk *x, uint32_t arc)
{
    const struct kw_graph_arc *a = &x->w->g->arc[arc];
    double sum = a->cost;
    for (uint32_t k = 0; k < x->w->g->n_objectives; k++)
        if (x->weight[k] > 0) sum += x->weight[k] * a->late[k];
    return sum;
}

/* One way on for one walk: what its days have cost until now, and with which counts they come to the next place. */
struct way {
    double value, cost, late[KW_HOURS_OBJECTIVES];
    uint8_t *key;
    uint32_t from;
};

static void go(const struct walk *x, struct way *way, uint32_t arc)
{
    const struct kw_graph_arc *a = &x->w->g->arc[arc];
    way->value += price(x, arc);
    way->cost += a->cost;
    for (uint32_t k = 0; k < x->w->g->n_objectives; k++) way->late[k] += a->late[k];
}

static enum kw_status put(struct walk *x, const struct way *way, struct kw_error *err)
{
    size_t at;
    bool better;
    enum kw_status st = find(x, &x->next, way->key, way->value, &at, &better, err);
    if (st != KW_OK || !better) return st;
    x->next.value[at] = way->value;
    x->next.cost[at] = way->cost;
    x->next.from[at] = way->from;
    memcpy(x->next.late + at * KW_HOURS_OBJECTIVES, way->late, sizeof way->late);
    return KW_OK;
}

/* A day that begins: with any count that was seen there. */
static bool begins_with(const struct walk *x, uint32_t piece, uint32_t count)
{
    const struct kw_graph *g = x->w->g;
    bool any = false;
    for (uint32_t l = g->least; l < g->least + g->levels; l++) any |= kw_graph_seen(g, piece, count, l);
    return any;
}

/* The counts of the i-th piece of `to` and of those behind it: each way that a day can have come there. O(ways). */
static enum kw_status branch(struct walk *x, const struct kw_paths_place *to, size_t i, size_t days, struct way way,
                             size_t *ways, struct kw_error *err)
{
    if (i == to->n) {
        (*ways)++;
        return put(x, &way, err);
    }
    uint32_t from = to->before[i], cheapest = KW_GRAPH_COUNTS;
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
        bool can = from == KW_GRAPH_NONE ? begins_with(x, to->piece[i], c) : x->arc[from][c] != KW_GRAPH_NONE;
        if (!can) continue;
        if (*ways > BRANCHES) { /* from here on the cheapest alone */
            if (cheapest == KW_GRAPH_COUNTS ||
                (from != KW_GRAPH_NONE && price(x, x->arc[from][c]) < price(x, x->arc[from][cheapest])))
                cheapest = c;
            continue;
        }
        struct way on = way;
        on.key[days] = (uint8_t)c;
        if (from != KW_GRAPH_NONE) go(x, &on, x->arc[from][c]);
        enum kw_status st = branch(x, to, i + 1, days + 1, on, ways, err);
        if (st != KW_OK) return st;
    }
    if (cheapest == KW_GRAPH_COUNTS) return KW_OK;
    way.key[days] = (uint8_t)cheapest;
    if (from != KW_GRAPH_NONE) go(x, &way, x->arc[from][cheapest]);
    return branch(x, to, i + 1, days + 1, way, ways, err);
}

/* Whether a piece of the next place follows the i-th of this one. */
static bool goes_on(const struct kw_paths_place *to, uint32_t i)
{
    for (size_t k = 0; to && k < to->n; k++)
        if (to->before[k] == i) return true;
    return false;
}

/* Every walk of x->now through place `at` at a level, into x->next. */
static enum kw_status walk_on(struct walk *x, const struct kw_paths_place *p, const struct kw_paths_place *to,
                              uint32_t level, uint8_t *key, struct kw_error *err)
{
    const struct kw_graph *g = x->w->g;
    enum kw_status st = KW_OK;
    for (size_t s = 0; s < x->now.n && st == KW_OK; s++) {
        const uint8_t *count = counts(x, &x->now, s);
        struct way way = { .value = x->now.value[s], .cost = x->now.cost[s], .key = key };
        way.from = (uint32_t)s * g->levels + level - g->least;
        memcpy(way.late, x->now.late + s * KW_HOURS_OBJECTIVES, sizeof way.late);
        memset(key, 0, x->wide + 1);
        if (x->mu > 0 && count[x->wide] && count[x->wide] != level - g->least + 1) way.value += x->mu;
        if (x->mu > 0 && to) key[x->wide] = (uint8_t)(level - g->least + 1);
        for (size_t i = 0, day = 0; i < p->n; i++) {
            kw_graph_steps(g, p->piece[i], count[day++], level, x->weight, x->arc[i]);
            if (goes_on(to, (uint32_t)i)) continue;
            uint32_t best = KW_GRAPH_NONE; /* its day is over: whatever it leaves */
            for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++)
                if (x->arc[i][c] != KW_GRAPH_NONE && (best == KW_GRAPH_NONE || price(x, x->arc[i][c]) < price(x, best)))
                    best = x->arc[i][c];
            if (best != KW_GRAPH_NONE) go(x, &way, best);
        }
        size_t ways = 0;
        st = to ? branch(x, to, 0, 0, way, &ways, err) : put(x, &way, err);
    }
    return st;
}

static enum kw_status first_front(struct walk *x, uint8_t *key, struct kw_error *err)
{
    struct way way = { .key = key };
    size_t ways = 0;
    x->next.n = 0;
    rehash(x, &x->next);
    memset(key, 0, x->wide + 1);
    return branch(x, &x->w->place[0], 0, 0, way, &ways, err);
}

static void swap(struct walk *x)
{
    struct front f = x->now;
    x->now = x->next;
    x->next = f;
}

/* Who came from where, to find the way back by. */
static enum kw_status remember(struct walk *x, size_t at, struct kw_error *err)
{
    x->back[at] = malloc(x->next.n * sizeof **x->back);
    if (!x->back[at]) return kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    memcpy(x->back[at], x->next.from, x->next.n * sizeof **x->back);
    return KW_OK;
}

static enum kw_status walk_all(struct walk *x, uint8_t *key, struct kw_error *err)
{
    const struct kw_paths *w = x->w;
    enum kw_status st = first_front(x, key, err);
    for (size_t at = 0; at < w->n && st == KW_OK; at++) {
        const struct kw_paths_place *to = at + 1 < w->n ? &w->place[at + 1] : NULL;
        swap(x);
        x->next.n = 0;
        rehash(x, &x->next);
        for (uint32_t l = 0; l < w->g->levels && st == KW_OK; l++)
            st = walk_on(x, &w->place[at], to, w->g->least + l, key, err);
        if (st == KW_OK) st = remember(x, at, err);
    }
    return st;
}

static void levels_of(const struct walk *x, uint32_t *level)
{
    const struct kw_paths *w = x->w;
    uint32_t at = 0;
    for (size_t k = w->n; k-- > 0;) {
        uint32_t from = x->back[k][at];
        level[w->place[k].class] = w->g->least + from % w->g->levels;
        at = from / w->g->levels;
    }
}

static size_t most_pieces(const struct kw_paths *w)
{
    size_t most = 0;
    for (size_t k = 0; k < w->n; k++)
        if (w->place[k].n > most) most = w->place[k].n;
    return most;
}

enum kw_status kw_paths_cheapest(const struct kw_paths *w, const double *weight, double mu, struct kw_paths_found *out,
                                 uint32_t *level, struct kw_error *err)
{
    struct walk x = { .w = w, .weight = weight, .mu = mu, .wide = most_pieces(w) };
    bool room = front_init(&x.now, x.wide) && front_init(&x.next, x.wide);
    uint8_t *key = malloc(x.wide + 1);
    x.arc = malloc((x.wide + 1) * sizeof *x.arc);
    x.back = calloc(w->n + 1, sizeof *x.back);
    enum kw_status st = room && key && x.arc && x.back ? walk_all(&x, key, err)
                                                       : kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    if (st == KW_OK) {
        assert(x.next.n == 1);
        *out = (struct kw_paths_found){ .value = x.next.value[0], .cost = x.next.cost[0] };
        memcpy(out->late, x.next.late, sizeof out->late);
        levels_of(&x, level);
    }
    for (size_t k = 0; x.back && k < w->n; k++) free(x.back[k]);
    free(x.back);
    free(x.arc);
    free(key);
    front_free(&x.now);
    front_free(&x.next);
    return st;
}

struct stand { /* of one day at one count */
    double value, cost, late[KW_HOURS_OBJECTIVES];
};

/* One piece of one day: from every count that it may stand at to all that follow. */
static void follow_piece(const struct kw_paths *w, uint32_t piece, const double *weight, uint32_t level, bool begins,
                         struct stand at[KW_GRAPH_COUNTS])
{
    struct stand next[KW_GRAPH_COUNTS];
    const struct walk x = { .w = w, .weight = weight };
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) next[c].value = INFINITY;
    for (uint32_t c = 0; c < KW_GRAPH_COUNTS; c++) {
        static const struct stand nothing = { .value = 0 };
        const struct stand *from = begins ? &nothing : &at[c];
        uint32_t arc[KW_GRAPH_COUNTS];
        if (isinf(from->value) || (begins && !begins_with(&x, piece, c))) continue;
        kw_graph_steps(w->g, piece, c, level, weight, arc);
        for (uint32_t to = 0; to < KW_GRAPH_COUNTS; to++) {
            double value = arc[to] == KW_GRAPH_NONE ? INFINITY : from->value + price(&x, arc[to]);
            if (value >= next[to].value) continue;
            next[to] = *from;
            next[to].value = value;
            next[to].cost += w->g->arc[arc[to]].cost;
            for (uint32_t k = 0; k < w->g->n_objectives; k++) next[to].late[k] += w->g->arc[arc[to]].late[k];
        }
    }
    memcpy(at, next, sizeof next);
}

void kw_paths_follow(const struct kw_paths *w, const double *weight, const uint32_t *level, struct kw_paths_found *out)
{
    *out = (struct kw_paths_found){ .value = 0 };
    for (uint32_t day = 0; day < w->days; day++) {
        struct stand at[KW_GRAPH_COUNTS];
        bool begins = true;
        for (size_t k = 0; k < w->n; k++)
            for (size_t i = 0; i < w->place[k].n; i++) {
                if (w->day[w->place[k].piece[i]] != day) continue;
                follow_piece(w, w->place[k].piece[i], weight, level[w->place[k].class], begins, at);
                begins = false;
            }
        const struct stand *best = &at[0];
        for (uint32_t c = 1; c < KW_GRAPH_COUNTS; c++)
            if (at[c].value < best->value) best = &at[c];
        out->value += best->value;
        out->cost += best->cost;
        for (uint32_t k = 0; k < w->g->n_objectives; k++) out->late[k] += best->late[k];
    }
}
