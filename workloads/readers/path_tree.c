#include "workloads/readers/path_tree.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(KW_MAP_PATHS <= 64 && KW_MAP_PATH <= 256, "cells are bits, and places in a path are bytes");

void kw_path_tree_free(struct kw_path_tree *t)
{
    free(t->node), free(t->step), free(t->open), free(t->guess);
    memset(t, 0, sizeof *t);
}

/* Room for one more of size bytes behind *v[n). */
static bool room(void *v, size_t n, size_t *cap, size_t size)
{
    void *had, *more;
    if (n < *cap) return true;
    memcpy(&had, v, sizeof had);
    size_t want = *cap ? 2 * *cap : 32;
    if (!(more = realloc(had, want * size))) return false;
    memcpy(v, &more, sizeof more);
    *cap = want;
    return true;
}

/* The node of these open paths, which are put in order, each once; it is made where there is none. */
static bool node_of(struct kw_path_tree *t, uint16_t *open, size_t n, bool last, uint32_t *out)
{
    size_t k = 0;
    for (size_t i = 1; i < n; i++) {
        uint16_t x = open[i];
        size_t j = i;
        for (; j && open[j - 1] > x; j--) open[j] = open[j - 1];
        open[j] = x;
    }
    for (size_t i = 0; i < n; i++)
        if (!k || open[k - 1] != open[i]) open[k++] = open[i];
    for (uint32_t i = 0; i < t->n_nodes; i++) {
        const struct kw_path_node *x = &t->node[i];
        *out = i;
        if (x->n == k && (x->last == last || !k) && !memcmp(t->open + x->open, open, k * sizeof *open)) return true;
    }
    if (!room(&t->node, t->n_nodes, &t->node_cap, sizeof *t->node)) return false;
    *out = (uint32_t)t->n_nodes;
    t->node[t->n_nodes++] = (struct kw_path_node){ .open = (uint32_t)t->n_open, .n = (uint32_t)k, .last = last };
    for (size_t i = 0; i < k; i++) {
        if (!room(&t->open, t->n_open, &t->open_cap, sizeof *t->open)) return false;
        t->open[t->n_open++] = open[i];
    }
    return true;
}

/* Of a node's paths those that end with the key, and those that go on behind it. */
static bool add_step(struct kw_path_tree *t, const struct kw_columns *c, uint32_t node, struct kw_span key)
{
    uint16_t on[2 * KW_MAP_PATHS];
    size_t n = 0;
    struct kw_path_step s = { .key = key };
    if (kw_path_tree_step(t, node, key)) return true;
    const struct kw_path_node x = t->node[node];
    for (uint32_t i = 0; i < x.n; i++) {
        uint16_t open = t->open[x.open + i];
        const char *rest = c->path[open >> 8] + (open & 255);
        if (strncmp(rest, key.p, key.n)) continue;
        if (!rest[key.n]) s.ends |= UINT64_C(1) << (open >> 8);
        if (rest[key.n] == '.' && !x.last) on[n++] = (uint16_t)(open + key.n + 1);
    }
    if (!node_of(t, on, n, false, &s.next)) return false;
    s.attributes = s.next;
    if (key.n == 10 && !memcmp(key.p, "attributes", 10) && !x.last) {
        for (uint32_t i = 0; i < x.n && n < 2 * KW_MAP_PATHS; i++) on[n++] = t->open[x.open + i];
        if (!node_of(t, on, n, true, &s.attributes)) return false;
    }
    if (!room(&t->step, t->n_steps, &t->step_cap, sizeof *t->step)) return false;
    uint32_t *slot = &t->node[node].slot[kw_path_slot(key)];
    s.other = *slot;
    t->step[t->n_steps++] = s;
    *slot = (uint32_t)t->n_steps;
    return true;
}

/* Every key that a path's rest can begin with: all of it, and what stands before one of its dots. */
static bool add_steps(struct kw_path_tree *t, const struct kw_columns *c, uint32_t node)
{
    for (uint32_t i = 0; i < t->node[node].n; i++) {
        uint16_t open = t->open[t->node[node].open + i];
        const char *rest = c->path[open >> 8] + (open & 255);
        for (size_t k = 0; k <= strlen(rest); k++)
            if ((!rest[k] || rest[k] == '.') && !add_step(t, c, node, (struct kw_span){ rest, k })) return false;
    }
    return true;
}

enum kw_status kw_path_tree_make(struct kw_path_tree *t, const struct kw_columns *c, struct kw_error *err)
{
    uint16_t all[KW_MAP_PATHS];
    uint32_t node;
    memset(t, 0, sizeof *t);
    for (size_t i = 0; i < c->n_paths; i++) all[i] = (uint16_t)(i << 8);
    assert(c->n_paths); /* else the root were the node of none */
    bool ok = (t->guess = calloc(KW_PATH_GUESSES, sizeof *t->guess)) && node_of(t, all, 0, false, &node) &&
              node_of(t, all, c->n_paths, false, &node);
    for (uint32_t i = 0; ok && i < t->n_nodes; i++) ok = add_steps(t, c, i); /* which makes the nodes behind */
    if (ok) return KW_OK;
    kw_path_tree_free(t);
    return kw_fail(err, KW_ENOMEM, "out of memory for the paths of a column map");
}
