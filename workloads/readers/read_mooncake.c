/* Mooncake (kvcache-ai/Mooncake, Apache-2.0): JSONL, integer ms, hash_ids name 512-token prefix blocks: equal ids mean
 * equal prefixes up to and including the block. */
#include <stdlib.h>
#include <string.h>
#include "workloads/readers/jsonl.h"
#include "workloads/readers/reader.h"

enum { BLOCK = 512 }; /* tokens; FAST25-release/README.md of that repository */

/* Does "hash_ids" of the first object start with this character? Shared shape with RAGPulse, which nests an object. */
static bool hashes_open_with(const char *head, size_t n, char open)
{
    static const char key[] = "\"hash_ids\"";
    const char *end = memchr(head, '\n', n);
    if (!end) end = head + n;
    for (const char *p = head; (size_t)(end - p) >= sizeof key - 1; p++) {
        if (memcmp(p, key, sizeof key - 1)) continue;
        for (p += sizeof key - 1; p < end && (*p == ' ' || *p == ':'); p++) {
        }
        return p < end && *p == open;
    }
    return false;
}

bool kw_mooncake_detect(const char *head, size_t n)
{
    return n && *head == '{' && hashes_open_with(head, n, '[');
}
bool kw_ragpulse_detect(const char *head, size_t n)
{
    return n && *head == '{' && hashes_open_with(head, n, '{');
}

enum kw_status kw_mooncake_read(struct kw_rows *r, struct kw_source *s, const struct kw_columns *cols,
                                struct kw_error *err)
{
    (void)cols;
    struct kw_jfield f[KW_JSONL_MAX];
    struct kw_u64s list = { 0 };
    struct kw_row row = { 0 };
    struct kw_span x;
    char *line;
    size_t len, n;
    enum kw_status st;
    r->t.hash_block = BLOCK;
    if (!(list.v = malloc(64 * sizeof *list.v))) return kw_fail(err, KW_ENOMEM, "out of memory for hashes");
    list.cap = 64;
    while ((st = kw_source_line(s, &line, &len, err)) == KW_OK && line) {
        if (len == 0) continue;
        if ((st = kw_jsonl_object((struct kw_span){ line, len }, f, &n, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, "timestamp", &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_decimal(x, 6, &row.at, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, "input_length", &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_count(x, &row.prompt, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, "output_length", &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_count(x, &row.output, err)) != KW_OK) break;
        const struct kw_jfield *ids = kw_jsonl_get(f, n, "hash_ids");
        if (!ids || ids->kind != KW_J_ARRAY) {
            st = kw_fail(err, KW_EPARSE, "\"hash_ids\": want a list of block hashes");
            break;
        }
        list.n = 0;
        if ((st = kw_jsonl_u64s(ids->value, "hash_ids", &list, err)) != KW_OK) break;
        if (list.n > (row.prompt + BLOCK - 1) / BLOCK) {
            st = kw_fail(err, KW_ERANGE, "%zu hash_ids, but %llu tokens are %llu blocks of %d", list.n,
                         (unsigned long long)row.prompt, (unsigned long long)((row.prompt + BLOCK - 1) / BLOCK), BLOCK);
            break;
        }
        row.hash = list.v;
        row.n_hash = list.n;
        if ((st = kw_rows_push(r, &row, err)) != KW_OK) break;
    }
    free(list.v);
    return st;
}
