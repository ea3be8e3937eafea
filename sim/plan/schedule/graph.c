#include "sim/plan/schedule/graph.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum kw_status kw_graph_init(struct kw_graph *g, size_t pieces, uint32_t least, uint32_t levels, uint32_t n_objectives,
                             struct kw_error *err)
{
    size_t cells = pieces * KW_GRAPH_COUNTS * levels;
    *g = (struct kw_graph){ .pieces = pieces, .least = least, .levels = levels, .n_objectives = n_objectives };
    g->head = malloc(cells * sizeof *g->head);
    if (!g->head) return kw_fail(err, KW_ENOMEM, "out of memory for the hours of a week");
    for (size_t i = 0; i < cells; i++) g->head[i] = KW_GRAPH_NONE;
    return KW_OK;
}

void kw_graph_free(struct kw_graph *g)
{
    free(g->head);
    free(g->arc);
    *g = (struct kw_graph){ .pieces = 0 };
}

static uint32_t *cell(const struct kw_graph *g, size_t piece, uint32_t before, uint32_t level)
{
    assert(piece < g->pieces && before < KW_GRAPH_COUNTS && level - g->least < g->levels);
    return &g->head[(piece * KW_GRAPH_COUNTS + before) * g->levels + level - g->least];
}

static uint8_t count_of(const struct kw_hours_step *s)
{
    return (uint8_t)(s->before < KW_GRAPH_COUNTS ? s->before : KW_GRAPH_COUNTS - 1);
}

static bool alike(const struct kw_graph *g, const struct kw_graph_arc *a, const struct kw_graph_arc *b)
{
    bool all = a->after == b->after && a->cost == b->cost;
    for (uint32_t k = 0; k < g->n_objectives && all; k++) all = a->late[k] == b->late[k];
    return all;
}

static enum kw_status add(struct kw_graph *g, uint32_t *head, struct kw_graph_arc a, struct kw_error *err)
{
    for (uint32_t i = *head; i != KW_GRAPH_NONE; i = g->arc[i].next)
        if (alike(g, &g->arc[i], &a)) {
            g->arc[i].times++;
            return KW_OK;
        }
    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 1024;
        struct kw_graph_arc *arc = realloc(g->arc, cap * sizeof *arc);
        if (!arc) return kw_fail(err, KW_ENOMEM, "out of memory for the hours of a week");
        g->arc = arc;
        g->cap = cap;
    }
    a.next = *head;
    *head = (uint32_t)g->n;
    g->arc[g->n++] = a;
    return KW_OK;
}

enum kw_status kw_graph_learn(struct kw_graph *g, const struct kw_hours_step *step, const uint32_t *level,
                              struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < g->pieces && st == KW_OK; k++) {
        struct kw_graph_arc a = { .after = count_of(&step[(k + 1) % g->pieces]), .times = 1, .cost = step[k].billed };
        for (uint32_t i = 0; i < g->n_objectives; i++) a.late[i] = step[k].bad[i];
        st = add(g, cell(g, k, count_of(&step[k]), level[k]), a, err);
    }
    return st;
}

uint32_t kw_graph_first(const struct kw_graph *g, size_t piece, uint32_t before, uint32_t level)
{
    return *cell(g, piece, before, level);
}

bool kw_graph_seen(const struct kw_graph *g, size_t piece, uint32_t before, uint32_t level)
{
    return kw_graph_first(g, piece, before, level) != KW_GRAPH_NONE;
}

/* The fewest of a list, or `least`. */
static uint32_t fewest(const struct kw_graph *g, uint32_t head, uint32_t least)
{
    for (uint32_t i = head; i != KW_GRAPH_NONE; i = g->arc[i].next)
        if (g->arc[i].after < least) least = g->arc[i].after;
    return least;
}

uint32_t kw_graph_after(const struct kw_graph *g, size_t piece, uint32_t before, uint32_t level)
{
    uint32_t least = fewest(g, *cell(g, piece, before, level), KW_GRAPH_NONE);
    for (uint32_t b = 0; b < KW_GRAPH_COUNTS && !kw_graph_seen(g, piece, before, level); b++)
        least = fewest(g, *cell(g, piece, b, level), least);
    bool any = least != KW_GRAPH_NONE;
    for (uint32_t l = g->least; l < g->least + g->levels && !any; l++)
        for (uint32_t b = 0; b < KW_GRAPH_COUNTS; b++) least = fewest(g, *cell(g, piece, b, l), least);
    return least;
}
