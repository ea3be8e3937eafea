/* sim/core/files/json.h - the one JSON reader: cJSON underneath, with exact keys, duplicate and unknown keys refused
 * (with the nearest known key), and every error naming file, line and path: "f.json:7: deployments[0].keep_warm: ...".
 */
#ifndef KW_SIM_CORE_FILES_JSON_H
#define KW_SIM_CORE_FILES_JSON_H
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/nearest.h"
#include "sim/core/status.h"

struct kw_json { /* a parsed document; owns everything; read-only once parsed, so threads may share it */
    char *name;  /* file name for messages */
    char *text;  /* the source text, kept so that an error can find its line */
    size_t len;
    cJSON *root;
    struct kw_jtable *tables; /* [n_tables] random access into containers of many members */
    size_t n_tables;
};

/* A place in a document. Cheap to copy; valid while the document lives. item NULL means absent. */
struct kw_jnode {
    const struct kw_json *doc;
    const cJSON *item;
    const cJSON *parent; /* the innermost container that exists, so that an absent item has a line; NULL at the root */
    unsigned parent_len; /* how much of path names the parent */
    char path[160];      /* "deployments[0].keep_warm"; "" at the root; "..." stands for what did not fit */
};

/* Parse text[0..len) (need not be NUL-terminated; NUL bytes inside are an error, a byte-order mark before it is not).
 * Refuses: trailing garbage, duplicate keys in one object, NaN/Infinity and numbers that overflow to it, numbers of
 * more than 63 characters, nesting deeper than 64, invalid UTF-8, \u0000, more than 256 MiB. doc is empty on failure.
 */
enum kw_status kw_json_parse(struct kw_json *doc, const char *name, const char *text, size_t len, struct kw_error *err);
enum kw_status kw_json_load(struct kw_json *doc, const char *path, struct kw_error *err); /* "-" is stdin */
void kw_json_free(struct kw_json *doc);
struct kw_jnode kw_json_root(const struct kw_json *doc);

/* Line (from 1) where the value starts in the source text, the parent's line when it is absent; used in messages. Scans
 * the text: for the error path only. 0 when the document is empty. */
long kw_json_line(const struct kw_jnode *n);
/* Where the value's bytes are in doc->text: [*begin, *end). False when the node is absent. */
bool kw_json_span(const struct kw_jnode *n, size_t *begin, size_t *end);
/* "file:line: path: <formatted>" into err; returns st. */
enum kw_status kw_json_fail(struct kw_jnode n, enum kw_status st, struct kw_error *err, const char *fmt, ...)
    KW_PRINTF(4, 5);

bool kw_json_present(struct kw_jnode n);                           /* false when absent or null */
struct kw_jnode kw_json_get(struct kw_jnode obj, const char *key); /* exact key; item NULL when absent or not object */
/* at, len and member take O(1), get O(log members), however large the container. */
struct kw_jnode kw_json_at(struct kw_jnode arr, int i); /* item NULL past the end or when not an array */
int kw_json_len(struct kw_jnode n);                     /* members of an array or object, else 0 */
struct kw_jnode kw_json_member(struct kw_jnode obj, int i, const char **key); /* i-th member; NULL key past the end */
bool kw_json_is_object(struct kw_jnode n);
bool kw_json_is_array(struct kw_jnode n);
bool kw_json_is_string(struct kw_jnode n);
bool kw_json_is_number(struct kw_jnode n);

/* KW_EPARSE if obj is no object or holds a key not in the NULL-terminated list; the message names the nearest one. */
enum kw_status kw_json_keys(struct kw_jnode obj, const char *const known[], struct kw_error *err);

/* Typed reads: KW_EPARSE for an absent value or another type, KW_ERANGE for a value out of range; *out is unchanged on
 * failure. A required read fails when absent; an _or read takes the default when absent or null. Ranges are inclusive.
 * Integers must be integral and exact in a double (magnitude below 2^53). Strings are borrowed from the document. nano:
 * a decimal string "0.25" (or an integer number) read by kw_nano_parse to 1e-9 units; a JSON number with a fraction is
 * refused with a hint to quote it, since a double is not exact. */
enum kw_status kw_json_str(struct kw_jnode n, const char **out, struct kw_error *err);
enum kw_status kw_json_str_or(struct kw_jnode n, const char *dflt, const char **out, struct kw_error *err);
enum kw_status kw_json_i64(struct kw_jnode n, int64_t lo, int64_t hi, int64_t *out, struct kw_error *err);
enum kw_status kw_json_i64_or(struct kw_jnode n, int64_t dflt, int64_t lo, int64_t hi, int64_t *out,
                              struct kw_error *err);
enum kw_status kw_json_f64(struct kw_jnode n, double lo, double hi, double *out, struct kw_error *err);
enum kw_status kw_json_f64_or(struct kw_jnode n, double dflt, double lo, double hi, double *out, struct kw_error *err);
enum kw_status kw_json_nano(struct kw_jnode n, int64_t lo, int64_t hi, int64_t *out, struct kw_error *err);
enum kw_status kw_json_nano_or(struct kw_jnode n, int64_t dflt, int64_t lo, int64_t hi, int64_t *out,
                               struct kw_error *err);
enum kw_status kw_json_bool_or(struct kw_jnode n, bool dflt, bool *out, struct kw_error *err);
/* One of the NULL-terminated words; *out is its index. The message lists them and names the nearest. */
enum kw_status kw_json_enum(struct kw_jnode n, const char *const words[], int *out, struct kw_error *err);
enum kw_status kw_json_enum_or(struct kw_jnode n, int dflt, const char *const words[], int *out, struct kw_error *err);

#endif
