/* workloads/readers/path_tree.h - which keys lead to the paths of a column map, made once of the map: a record's keys are then
 * looked up, each in O(1), instead of being compared with every path. A node is what is left of some paths behind the keys
 * that lead to it. Keys may hold dots: "a.b" at the root and "b" inside "a" lead to one node. */
#ifndef KW_WORKLOADS_READERS_PATH_TREE_H
#define KW_WORKLOADS_READERS_PATH_TREE_H
#include <string.h>
#include "sim/core/span.h"
#include "sim/core/status.h"
#include "sim/core/files/word_scan.h"
#include "workloads/readers/column_map.h"

enum { KW_PATH_NONE, KW_PATH_ROOT }; /* nodes: of no path, of all of them */

struct kw_path_step {    /* a key that a node's paths go on with */
    struct kw_span key;  /* borrowed from the map */
    uint64_t ends;       /* cells of the paths that end with it, one bit each */
    uint32_t next;       /* node of what is left of the others */
    uint32_t attributes; /* the same with the node's own paths, which a list of attributes is searched for, too */
    uint32_t other;      /* index + 1 of a step of the node that lies in the same slot */
};

struct kw_path_node {
    uint32_t open, n;  /* its paths: tree->open[open..open + n) */
    bool last;         /* values here are no containers to go into: its steps have no next */
    uint32_t slot[64]; /* index + 1 into tree->step, 0: none */
};

/* The i-th key of a record, which is mostly that of the record before: compared with it, it need not be searched for its end
 * and looked up (as Mison does: Li et al., PVLDB 10(10), 2017, 1118-1129). Node 0: none. */
struct kw_path_guess {
    const struct kw_path_step *step; /* of the node, or NULL */
    uint32_t node, n;                /* bytes of text */
    char text[32];                   /* "key": */
};
enum { KW_PATH_GUESSES = 64 };

struct kw_path_tree { /* zeroed is empty; 0 nodes: not made */
    struct kw_path_node *node;
    struct kw_path_step *step;
    uint16_t *open;              /* cell << 8 | where the rest of its path begins */
    struct kw_path_guess *guess; /* [KW_PATH_GUESSES] */
    size_t n_nodes, n_steps, n_open, node_cap, step_cap, open_cap;
};

/* c is borrowed as long as the tree lives. KW_ENOMEM: *t is empty. */
enum kw_status kw_path_tree_make(struct kw_path_tree *t, const struct kw_columns *c, struct kw_error *err);
void kw_path_tree_free(struct kw_path_tree *t); /* safe to call again */

static inline uint32_t kw_path_slot(struct kw_span key)
{
    if (!key.n) return 0;
    return ((unsigned char)key.p[0] * 5u + (unsigned char)key.p[key.n - 1] * 3u + (uint32_t)key.n) & 63;
}

/* Are a[0..n) and b[0..n) the same? Keys are too short for a call of memcmp. */
static inline bool kw_path_same(const char *a, const char *b, size_t n)
{
    for (; n >= 8; n -= 8, a += 8, b += 8)
        if (kw_word_at(a) != kw_word_at(b)) return false;
    while (n && a[n - 1] == b[n - 1]) n--;
    return !n;
}

/* The step of a node by this key, or NULL. */
static inline const struct kw_path_step *kw_path_tree_step(const struct kw_path_tree *t, uint32_t node,
                                                           struct kw_span key)
{
    const struct kw_path_step *s;
    for (uint32_t i = t->node[node].slot[kw_path_slot(key)]; i; i = s->other) {
        s = &t->step[i - 1];
        if (s->key.n == key.n && kw_path_same(s->key.p, key.p, key.n)) return s;
    }
    return NULL;
}

/* Is the text guessed what stands at p? false, too, where fewer than 32 bytes are left to look at. */
static inline bool kw_path_guessed(const struct kw_path_guess *g, uint32_t node, const char *p, const char *end)
{
    return g->node == node && end - p >= 32 && kw_word_alike32(g->text, p) >= g->n;
}

#endif
