/* workloads/readers/jsonl.h - one JSON object on one line, taken apart without building a tree. The whole line passes
 * the scanner that JSON files pass (json_scan.h), so what is refused there is refused here. */
#ifndef KW_WORKLOADS_READERS_JSONL_H
#define KW_WORKLOADS_READERS_JSONL_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/span.h"
#include "sim/core/status.h"

#define KW_JSONL_MAX 64 /* members of one object */

struct kw_jfield {
    struct kw_span key; /* between the quotes, escapes as written */
    enum kw_jkind { KW_J_NUMBER, KW_J_STRING, KW_J_ARRAY, KW_J_OBJECT, KW_J_WORD } kind; /* WORD: true false null */
    struct kw_span value; /* STRING: between the quotes, escapes as written; else the whole text */
};

/* The members of the object in text (blanks around it are allowed). KW_EPARSE says what was wanted and at which column.
 */
enum kw_status kw_jsonl_object(struct kw_span text, struct kw_jfield *f, size_t *n, struct kw_error *err);

/* The first member of this exact key, or NULL. */
const struct kw_jfield *kw_jsonl_get(const struct kw_jfield *f, size_t n, const char *key);
/* The same, KW_EPARSE when absent, there twice, or not a number or string. *out is its text. */
enum kw_status kw_jsonl_scalar(const struct kw_jfield *f, size_t n, const char *key, struct kw_span *out,
                               struct kw_error *err);

/* The array's elements, all whole numbers or strings of digits (at most 2^64 - 1), appended to list[*n..), which grows.
 * field names the array in messages. On failure *n is unchanged. */
struct kw_u64s {
    uint64_t *v; /* owned */
    size_t n, cap;
};
enum kw_status kw_jsonl_u64s(struct kw_span array, const char *field, struct kw_u64s *list, struct kw_error *err);

#endif
