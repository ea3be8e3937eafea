/* workloads/readers/record.h - one record of a log as cells: what stands at each path of a column map. A JSON object is
 * walked once, without building a tree; what no path asks for is only checked. */
#ifndef KW_WORKLOADS_READERS_RECORD_H
#define KW_WORKLOADS_READERS_RECORD_H
#include "sim/core/span.h"
#include "sim/core/status.h"
#include "workloads/readers/column_map.h"
#include "workloads/readers/path_tree.h"

enum kw_cell_kind {
    KW_CELL_ABSENT,
    KW_CELL_NULL,
    KW_CELL_TEXT,
    KW_CELL_NUMBER,
    KW_CELL_WORD,
    KW_CELL_LIST,
    KW_CELL_OBJECT
};

struct kw_cell {
    enum kw_cell_kind kind;
    struct kw_span text; /* TEXT: a CSV field, or between a string's quotes with escapes as written; else as written */
};

struct kw_record {                     /* of one map as long as it lives; zeroed is empty */
    struct kw_cell cell[KW_MAP_PATHS]; /* [paths of the map] */
    struct kw_path_tree tree;          /* of the map, made when it is first needed; owned */
    size_t n_keys;                     /* keys met in the text that is walked */
    char *scratch;                     /* JSON texts found inside strings, unescaped; owned */
    size_t scratch_n, scratch_cap;
};

/* A JSON value as written, p[0..n), n >= 1, to a cell. */
struct kw_cell kw_cell_of(const char *p, size_t n);

void kw_record_free(struct kw_record *r); /* safe to call again */

/* Forgets the cells before from; the texts unescaped for them, too, when from is 0. */
void kw_record_clear(struct kw_record *r, const struct kw_columns *c, size_t from);

/* Fills the cells whose path leads into the JSON object in text (blanks around it allowed; Python's NaN and Infinity,
 * too). Cells that are filled already are overwritten: an inner object's value goes before its container's. A path's
 * parts are keys, and keys may hold dots: "a.b" is found as {"a": {"b": 1}} and as {"a.b": 1}. On the way a string that
 * holds a JSON object is looked into, and a list of {"key": ..., "value": ...} (OpenTelemetry) is taken as an object.
 * KW_EPARSE: no JSON object, or one path found twice in it. KW_ENOMEM. */
enum kw_status kw_record_json(struct kw_record *r, const struct kw_columns *c, struct kw_span text,
                              struct kw_error *err);

/* The cells of the paths that lead from column i on, `rest` behind the column's name, into its JSON text. A field that
 * holds no JSON object fills none. KW_ENOMEM. */
enum kw_status kw_record_nested(struct kw_record *r, const struct kw_columns *c, const char *column, size_t column_n,
                                struct kw_span text, struct kw_error *err);

#endif
