#include "workloads/readers/jsonl.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/json_scan.h"

static enum kw_jkind kind_of(char first)
{
    switch (first) {
    case '"': return KW_J_STRING;
    case '[': return KW_J_ARRAY;
    case '{': return KW_J_OBJECT;
    case 't':
    case 'f':
    case 'n': return KW_J_WORD;
    default: return KW_J_NUMBER;
    }
}

/* One member into *f; p behind it. */
static bool member(struct kw_json_scan *s, struct kw_jfield *f)
{
    const char *begin, *end;
    if (!kw_json_scan_key(s, &begin, &end)) return false;
    f->key = (struct kw_span){ begin, (size_t)(end - begin) };
    kw_json_scan_blank(s);
    begin = s->p;
    if (!kw_json_scan_value(s, 1)) return false;
    f->kind = kind_of(*begin);
    size_t quote = f->kind == KW_J_STRING;
    f->value = (struct kw_span){ begin + quote, (size_t)(s->p - begin) - 2 * quote };
    return true;
}

enum kw_status kw_jsonl_object(struct kw_span text, struct kw_jfield *f, size_t *n, struct kw_error *err)
{
    struct kw_json_scan s = { text.p, text.p + text.n, NULL, false };
    bool more = true;
    *n = 0;
    kw_json_scan_blank(&s);
    if (s.p >= s.end || *s.p != '{') {
        s.want = "a JSON object '{'";
        return kw_json_scan_fail(&s, text.p, "the end of the line", err);
    }
    s.p++;
    kw_json_scan_blank(&s);
    if (s.p < s.end && *s.p == '}') s.p++, more = false;
    while (more) {
        if (*n == KW_JSONL_MAX) return kw_fail(err, KW_EPARSE, "more than %d members in one object", KW_JSONL_MAX);
        if (!member(&s, &f[*n]) || !kw_json_scan_next(&s, '}', &more))
            return kw_json_scan_fail(&s, text.p, "the end of the line", err);
        ++*n;
    }
    kw_json_scan_blank(&s);
    s.want = "nothing after the object";
    return s.p == s.end ? KW_OK : kw_json_scan_fail(&s, text.p, "the end of the line", err);
}

const struct kw_jfield *kw_jsonl_get(const struct kw_jfield *f, size_t n, const char *key)
{
    size_t k = strlen(key);
    for (size_t i = 0; i < n; i++)
        if (f[i].key.n == k && memcmp(f[i].key.p, key, k) == 0) return &f[i];
    return NULL;
}

enum kw_status kw_jsonl_scalar(const struct kw_jfield *f, size_t n, const char *key, struct kw_span *out,
                               struct kw_error *err)
{
    const struct kw_jfield *x = kw_jsonl_get(f, n, key);
    if (!x) return kw_fail(err, KW_EPARSE, "no \"%.60s\" in the object", key);
    if (kw_jsonl_get(x + 1, n - (size_t)(x - f) - 1, key))
        return kw_fail(err, KW_EPARSE, "\"%.60s\" is there twice", key);
    if (x->kind != KW_J_NUMBER && x->kind != KW_J_STRING)
        return kw_fail(err, KW_EPARSE, "\"%.60s\": want a number, got '%.*s'", key,
                       (int)(x->value.n < 20 ? x->value.n : 20), x->value.p);
    *out = x->value;
    return KW_OK;
}

enum kw_status kw_jsonl_u64s(struct kw_span array, const char *field, struct kw_u64s *list, struct kw_error *err)
{
    const char *p = array.p + 1, *end = array.p + array.n - 1; /* the grammar was checked: between '[' and ']' */
    size_t n0 = list->n;
    while (p < end) {
        uint64_t v = 0;
        bool any = false;
        while (p < end && (*p == ' ' || *p == ',' || *p == '"' || *p == '\t')) p++;
        if (p == end) break;
        for (; p < end && *p >= '0' && *p <= '9'; p++, any = true) {
            unsigned d = (unsigned)(*p - '0');
            if (v > (UINT64_MAX - d) / 10) {
                list->n = n0;
                return kw_fail(err, KW_ERANGE, "\"%s\": a hash is beyond 64 bits", field);
            }
            v = v * 10 + d;
        }
        if (!any || (p < end && *p != ',' && *p != ' ' && *p != '"' && *p != '\t')) {
            list->n = n0;
            return kw_fail(err, KW_EPARSE, "\"%s\": want whole numbers, got '%.*s'", field,
                           (int)(end - p < 12 ? end - p : 12), p);
        }
        if (list->n == list->cap) {
            size_t cap = list->cap ? list->cap * 2 : 256;
            uint64_t *v2 = realloc(list->v, cap * sizeof *v2);
            if (!v2) {
                list->n = n0;
                return kw_fail(err, KW_ENOMEM, "out of memory for %zu hashes", cap);
            }
            list->v = v2;
            list->cap = cap;
        }
        list->v[list->n++] = v;
    }
    return KW_OK;
}
