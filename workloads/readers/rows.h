/* workloads/readers/rows.h - a trace in the making: readers push rows, finish turns them into a kw_trace that keeps its
 * invariants. Columns only: 16 bytes a row, 18 with models, 20 with classes; 8 more for each latency that is said. */
#ifndef KW_WORKLOADS_READERS_ROWS_H
#define KW_WORKLOADS_READERS_ROWS_H
#include "workloads/readers/timestamp.h"
#include "workloads/trace.h"

enum { KW_NAME_MAX = 200 }; /* bytes of a name that are kept */

struct kw_names {    /* distinct strings in order of appearance */
    char **name;     /* [n], owned */
    uint32_t *slot;  /* [slots] index + 1 into name; open addressing; 0 is free */
    size_t n, slots; /* slots: a power of two, at least 2 n */
    uint16_t last;   /* asked for */
};

struct kw_rows {
    bool added;        /* a turn's prompt is what it adds to the conversation (sessions.h) */
    uint64_t *of;      /* [cap] hash of the session, 0: none; NULL: the source has no sessions */
    struct kw_trace t; /* columns so far; arrival still absolute and unsorted */
    size_t cap, hash_cap;
    struct kw_names models, classes, regions, owners;
    kw_ns last;        /* arrival of the row before */
    bool dated;        /* arrival counts from 1970 */
    bool drop_zero;    /* zero=drop */
    kw_ns from, until; /* absolute; what was observed reaches from one to the other at the least; both 0: as the
                          requests kept do */
};

struct kw_row {
    kw_ns at; /* >= 0; -1: not said, of a turn that waits for an answer */
    uint64_t prompt, output;
    bool says_cached;  /* and how many of the prompt's */
    bool says_written; /* and how many of them were written to the cache */
    uint64_t cached, written;
    bool says_ttft, says_e2e; /* what was observed, >= 0 ns from `at` on, the end not before the first token */
    kw_ns ttft, e2e;
    struct kw_span model, klass, region, owner; /* p NULL: the source has none */
    bool says_charged, says_start, says_gpu;    /* its source has such a column; a row's -1: not said (trace.h) */
    kw_nusd charged;
    bool says_id;
    uint64_t id; /* hash, 0: none */
    kw_ns start, gpu;
    bool says_session;    /* its source has such a column */
    uint64_t session;     /* hash, 0: it is of none */
    kw_ns think;          /* from the end of the answer before it, -1: not said */
    const uint64_t *hash; /* [n_hash], copied */
    size_t n_hash;
};

void kw_rows_init(struct kw_rows *r);
void kw_rows_free(struct kw_rows *r);

/* Adds a row. KW_ERANGE: no prompt or output tokens (counted and left out instead when drop_zero is set), more than
 * KW_TRACE_MAX_TOKENS, too many rows, names or hashes. KW_ENOMEM. The trace is then not usable; free it. A source that
 * names a model (class, hashes) in one row must do so in all: the columns are made by the first row that is kept. */
enum kw_status kw_rows_push(struct kw_rows *r, const struct kw_row *row, struct kw_error *err);

/* Sorts stably if a clock jumped back, rebases to 0, moves everything into *t and leaves *r empty. KW_ERANGE when there
 * are no rows; then, and on KW_ENOMEM, *t is untouched. Rows of one session are its turns, in their order: KW_ERANGE when the first
 * has no arrival, or a later one says neither its pause nor when the answer before it ended. */
enum kw_status kw_rows_finish(struct kw_rows *r, struct kw_trace *t, struct kw_error *err);

#endif
