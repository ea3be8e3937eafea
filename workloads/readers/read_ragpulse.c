/* RAGPulse (flashserve/RAGPulse, MIT): JSONL, seconds and ids as strings or numbers, hash_ids an object of five lists
 * in prompt order: sys_prompt, passages_ids, history, web_search, user_input.
 *
 * What its hashes mean for a prefix cache. Upstream's data/1_sys_prompt.jsonl gives each system prompt as 512-token
 * blocks and a shorter last one (4, 437 or 447 tokens); passages and the rest are pieces of their own lengths, which
 * the trace does not carry. A prefix can be named exactly only while block boundaries are known, so the blocks emitted
 * are the full ones of the system prompt (all of sys_prompt but its last), 512 tokens each; what follows counts as
 * never shared. That claims less than a cache could reach when two requests agree beyond, never more. Ids name content,
 * so each is chained with the blocks before it: equal hashes mean equal prefixes. */
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "workloads/readers/jsonl.h"
#include "workloads/readers/reader.h"

enum { BLOCK = 512 };

/* Is "hash_ids" of the first object an object itself? Mooncake's, of the same shape, is a list. */
bool kw_ragpulse_detect(const char *head, size_t n)
{
    static const char key[] = "\"hash_ids\"";
    const char *end = memchr(head, '\n', n);
    if (!n || *head != '{') return false;
    if (!end) end = head + n;
    for (const char *p = head; (size_t)(end - p) >= sizeof key - 1; p++) {
        if (memcmp(p, key, sizeof key - 1)) continue;
        for (p += sizeof key - 1; p < end && (*p == ' ' || *p == ':'); p++) {
        }
        return p < end && *p == '{';
    }
    return false;
}

enum kw_status kw_ragpulse_read(struct kw_rows *r, struct kw_source *s, struct kw_error *err)
{
    static const char *const part[] = { "sys_prompt", "passages_ids", "history", "web_search", "user_input" };
    struct kw_jfield f[KW_JSONL_MAX], h[KW_JSONL_MAX];
    struct kw_u64s list = { 0 };
    struct kw_row row = { 0 };
    struct kw_span x;
    char *line;
    size_t len, n, nh, sys = 0;
    enum kw_status st;
    r->t.hash_block = BLOCK;
    if (!(list.v = malloc(64 * sizeof *list.v))) return kw_fail(err, KW_ENOMEM, "out of memory for hashes");
    list.cap = 64;
    while ((st = kw_source_line(s, &line, &len, err)) == KW_OK && line) {
        if (len == 0) continue; /* upstream ends with a blank line */
        if ((st = kw_jsonl_object((struct kw_span){ line, len }, f, &n, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, "timestamp", &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_decimal(x, 9, &row.at, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, "input_length", &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_count(x, &row.prompt, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, "output_length", &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_count(x, &row.output, err)) != KW_OK) break;
        const struct kw_jfield *ids = kw_jsonl_get(f, n, "hash_ids");
        if (!ids || ids->kind != KW_J_OBJECT) {
            st = kw_fail(err, KW_EPARSE, "\"hash_ids\": want an object of five lists");
            break;
        }
        if ((st = kw_jsonl_object(ids->value, h, &nh, err)) != KW_OK) break;
        list.n = 0;
        for (int i = 0; i < 5 && st == KW_OK; i++) {
            const struct kw_jfield *one = kw_jsonl_get(h, nh, part[i]);
            if (one && one->kind != KW_J_ARRAY)
                st = kw_fail(err, KW_EPARSE, "\"hash_ids\".\"%s\": want a list", part[i]);
            else if (one)
                st = kw_jsonl_u64s(one->value, part[i], &list, err);
            if (i == 0) sys = list.n;
        }
        if (st != KW_OK) break;
        row.n_hash = sys ? sys - 1 : 0;
        if (row.n_hash * BLOCK > row.prompt) {
            st = kw_fail(err, KW_ERANGE, "%zu full blocks of system prompt do not fit %llu tokens", row.n_hash,
                         (unsigned long long)row.prompt);
            break;
        }
        uint64_t prefix = 0;
        for (size_t i = 0; i < row.n_hash; i++) prefix = list.v[i] = kw_mix64(prefix ^ kw_mix64(list.v[i]));
        row.hash = list.v;
        if ((st = kw_rows_push(r, &row, err)) != KW_OK) break;
    }
    free(list.v);
    return st;
}
