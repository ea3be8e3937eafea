/* workloads/readers/log_format.h - the logs, exports and traces that are known by what their first bytes hold: a column
 * map for each, or why it cannot be read. */
#ifndef KW_WORKLOADS_READERS_LOG_FORMAT_H
#define KW_WORKLOADS_READERS_LOG_FORMAT_H
#include <stdbool.h>
#include <stddef.h>
#include "workloads/readers/column_map.h"

struct kw_log_format {
    const char *name, *what;
    const char
        *names; /* CSV columns or JSON keys that a file of this format has, all of them, separated by '|'; or all of
                             others, behind a ';' */
    const char *columns;  /* for kw_columns_add; NULL: refused */
    const char *accounts; /* likewise, what only accounts read: whose a request is, its cost; NULL: nothing */
    const char *inside;   /* see records.h */
    bool side_by_side;
    enum kw_unit whole;  /* the unit of relative whole numbers, by the format's document; KW_UNIT_AUTO: none says */
    bool beside;         /* cached tokens stand beside the prompt's: a prompt of the user's own leaves them out */
    const char *says;    /* how it counts, for the user; NULL: nothing to say */
    const char *refused; /* why it is not read, and what to do */
    const char *unless;  /* the key of a column map with which it is read all the same; NULL: never */
};

/* The i-th format that can be read, NULL past the end. */
const struct kw_log_format *kw_log_format(size_t i);
const struct kw_log_format *kw_log_format_named(const char *name);

/* The format whose names head[0..n) holds: the one with the most names, those that can be read before those that cannot.
 * NULL: none. *rival: another one with as many that reads otherwise, or NULL. */
const struct kw_log_format *kw_log_format_of(const char *head, size_t n, const struct kw_log_format **rival);

#endif
