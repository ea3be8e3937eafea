/* tests/fuzz/fuzz_json.c - any bytes: parse, then read every value in every way. A line of JSONL is held to the same.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/json.h"
#include "workloads/readers/jsonl.h"

static const char *const words[] = { "keep_warm", "gpu", "modal", "max_replicas", NULL };

/* A message must be one line and never empty. */
static void check(enum kw_status st, const struct kw_error *err)
{
    if (st != KW_OK && (!err->msg[0] || strchr(err->msg, '\n') || strlen(err->msg) >= sizeof err->msg)) abort();
}

static void visit(struct kw_jnode n, int *budget)
{
    if ((*budget)-- <= 0) return;
    struct kw_error err = { "" };
    const char *s, *key;
    int64_t i;
    double f;
    bool b;
    int e;
    check(kw_json_str(n, &s, &err), &err);
    check(kw_json_i64(n, -5, 100, &i, &err), &err);
    check(kw_json_f64(n, 0, INFINITY, &f, &err), &err);
    check(kw_json_nano(n, 0, INT64_MAX, &i, &err), &err);
    check(kw_json_bool_or(n, true, &b, &err), &err);
    check(kw_json_enum(n, words, &e, &err), &err);
    check(kw_json_keys(n, words, &err), &err);
    check(kw_json_str(kw_json_get(n, "gpu"), &s, &err), &err);
    check(kw_json_i64(kw_json_at(n, 3), 0, 1, &i, &err), &err);
    if (kw_json_line(&n) < 1) abort(); /* everything present has a line */
    int len = kw_json_len(n);
    for (int k = 0; k < len; k++) {
        struct kw_jnode m = kw_json_is_object(n) ? kw_json_member(n, k, &key) : kw_json_at(n, k);
        if (!m.item) abort();
        if (kw_json_is_object(n) && kw_json_get(n, key).item != m.item) abort();
        visit(m, budget);
    }
    if (kw_json_is_array(n) && kw_json_at(n, len).item) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_json doc;
    struct kw_error err = { "" };
    enum kw_status st = kw_json_parse(&doc, "fuzz.json", (const char *)data, size, &err);
    check(st, &err);
    if (st == KW_ENOMEM) abort(); /* the scanner let something through that cJSON refuses */
    /* One scanner: a line passes exactly where the document does, but for what only a tree shows (an overflow, a key
     * given twice) and for what a line may not be (no object, too many members, a byte-order mark). */
    struct kw_jfield field[KW_JSONL_MAX];
    struct kw_error why = { "" };
    size_t n;
    enum kw_status line = kw_jsonl_object((struct kw_span){ (const char *)data, size }, field, &n, &why);
    check(line, &why);
    bool marked = size >= 3 && !memcmp(data, "\xef\xbb\xbf", 3);
    if (line == KW_OK && st != KW_OK && st != KW_ERANGE && !strstr(err.msg, "given twice")) abort();
    if (st == KW_OK && !marked && kw_json_is_object(kw_json_root(&doc)) &&
        (line == KW_OK) != (kw_json_len(kw_json_root(&doc)) <= KW_JSONL_MAX))
        abort();
    int budget = 300;
    if (st == KW_OK) visit(kw_json_root(&doc), &budget);
    kw_json_free(&doc);
    return 0;
}
