#include "workloads/readers/jsonl.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

struct scan {
    const char *start, *p, *end;
    struct kw_error *err;
};

static enum kw_status wanted(const struct scan *c, const char *what)
{
    long col = (long)(c->p - c->start) + 1;
    if (c->p >= c->end) return kw_fail(c->err, KW_EPARSE, "column %ld: want %s, the line ends", col, what);
    return kw_fail(c->err, KW_EPARSE, "column %ld: want %s, got '%.*s'", col, what,
                   (int)(c->end - c->p < 12 ? c->end - c->p : 12), c->p);
}

static void blanks(struct scan *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n')) c->p++;
}

static bool digit(const struct scan *c)
{
    return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}
static bool take(struct scan *c, char ch)
{
    return c->p < c->end && *c->p == ch ? (c->p++, true) : false;
}

static enum kw_status number(struct scan *c)
{
    take(c, '-');
    if (!digit(c)) return wanted(c, "a value");
    if (!take(c, '0'))
        while (digit(c)) c->p++;
    if (take(c, '.')) {
        if (!digit(c)) return wanted(c, "a digit");
        while (digit(c)) c->p++;
    }
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '+')) take(c, '-');
        if (!digit(c)) return wanted(c, "a digit");
        while (digit(c)) c->p++;
    }
    return KW_OK;
}

static bool hex4(const char *p)
{
    for (int i = 0; i < 4; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f') || (p[i] >= 'A' && p[i] <= 'F')))
            return false;
    return true;
}

/* At the opening quote; leaves *s between the quotes. */
static enum kw_status string(struct scan *c, struct kw_span *s)
{
    if (!take(c, '"')) return wanted(c, "a string");
    s->p = c->p;
    for (; c->p < c->end && *c->p != '"'; c->p++) {
        if ((unsigned char)*c->p < 0x20) return wanted(c, "no control character in a string");
        if (*c->p != '\\') continue;
        if (++c->p >= c->end || !strchr("\"\\/bfnrtu", *c->p)) return wanted(c, "an escape");
        if (*c->p == 'u') {
            if (c->end - c->p < 5 || !hex4(c->p + 1)) return wanted(c, "four hex digits");
            c->p += 4;
        }
    }
    s->n = (size_t)(c->p - s->p);
    return take(c, '"') ? KW_OK : wanted(c, "a closing quote");
}

static enum kw_status word(struct scan *c)
{
    static const char *const words[] = { "true", "false", "null" };
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(c->end - c->p) >= n && memcmp(c->p, words[i], n) == 0) {
            c->p += n;
            return KW_OK;
        }
    }
    return wanted(c, "a value");
}

static enum kw_status value(struct scan *c, int depth, struct kw_jfield *f);

static enum kw_status members(struct scan *c, int depth, struct kw_jfield *f, size_t cap, size_t *n)
{
    struct kw_jfield unkept;
    enum kw_status st;
    *n = 0;
    c->p++; /* '{' */
    blanks(c);
    if (take(c, '}')) return KW_OK;
    for (;;) {
        if (f && *n == cap) return kw_fail(c->err, KW_EPARSE, "more than %d members in one object", KW_JSONL_MAX);
        struct kw_jfield *one = f ? &f[*n] : &unkept;
        blanks(c);
        if ((st = string(c, &one->key)) != KW_OK) return st;
        blanks(c);
        if (!take(c, ':')) return wanted(c, "':'");
        if ((st = value(c, depth + 1, one)) != KW_OK) return st;
        ++*n;
        blanks(c);
        if (take(c, '}')) return KW_OK;
        if (!take(c, ',')) return wanted(c, "',' or '}'");
    }
}

static enum kw_status elements(struct scan *c, int depth)
{
    struct kw_jfield unkept;
    c->p++; /* '[' */
    blanks(c);
    if (take(c, ']')) return KW_OK;
    for (;;) {
        enum kw_status st = value(c, depth + 1, &unkept);
        if (st != KW_OK) return st;
        blanks(c);
        if (take(c, ']')) return KW_OK;
        if (!take(c, ',')) return wanted(c, "',' or ']'");
    }
}

static enum kw_status value(struct scan *c, int depth, struct kw_jfield *f)
{
    enum kw_status st;
    size_t n;
    blanks(c);
    if (depth > MAX_DEPTH) return kw_fail(c->err, KW_EPARSE, "nested deeper than %d", MAX_DEPTH);
    const char *from = c->p;
    char first = c->p < c->end ? *c->p : 0;
    if (first == '"') {
        f->kind = KW_J_STRING;
        return string(c, &f->value);
    }
    if (first == '{') {
        f->kind = KW_J_OBJECT;
        st = members(c, depth, NULL, 0, &n);
    } else if (first == '[') {
        f->kind = KW_J_ARRAY;
        st = elements(c, depth);
    } else if (first == 't' || first == 'f' || first == 'n') {
        f->kind = KW_J_WORD;
        st = word(c);
    } else {
        f->kind = KW_J_NUMBER;
        st = number(c);
    }
    f->value = (struct kw_span){ from, (size_t)(c->p - from) };
    return st;
}

enum kw_status kw_jsonl_object(struct kw_span text, struct kw_jfield *f, size_t *n, struct kw_error *err)
{
    struct scan c = { text.p, text.p, text.p + text.n, err };
    blanks(&c);
    if (c.p >= c.end || *c.p != '{') return wanted(&c, "a JSON object '{'");
    enum kw_status st = members(&c, 0, f, KW_JSONL_MAX, n);
    if (st != KW_OK) return st;
    blanks(&c);
    return c.p == c.end ? KW_OK : wanted(&c, "nothing after the object");
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
