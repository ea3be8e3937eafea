#include "sim/core/files/json.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/json_scan.h"
#include "sim/core/units.h"

#define MAX_BYTES ((size_t)256 << 20)
#define TABLE_FROM 17                   /* containers of fewer members are walked */
#define SAFE_INTEGER 9007199254740991.0 /* 2^53 - 1: above it two integers of the text meet in one double */

/* Random access into one large container. cJSON does not use valueint of a container, so it holds 1 + the index of the
 * container's table, 0 for none. */
struct kw_jtable {
    cJSON **item;   /* [n] in document order */
    cJSON **by_key; /* [n] objects only: ordered by key, then by place in the document */
    int n;
};

static long line_of(const char *text, const char *at)
{
    long line = 1;
    for (const char *p = text; p < at && (p = memchr(p, '\n', (size_t)(at - p))); p++) line++;
    return line;
}

/* ---- where a value stands: the text and the tree hold the same values in the same order, so they are walked side by
 * side. The text has passed the scanner. */

static const char *locate(struct kw_json_scan *s, const cJSON *c, const cJSON *target)
{
    kw_json_scan_blank(s);
    if (c == target) return s->p;
    if (!cJSON_IsObject(c) && !cJSON_IsArray(c)) {
        kw_json_scan_value(s, 0);
        return NULL;
    }
    bool keys = cJSON_IsObject(c), more;
    const char *begin, *end;
    s->p++;
    for (const cJSON *m = c->child; m; m = m->next) {
        if (keys) kw_json_scan_key(s, &begin, &end);
        const char *at = locate(s, m, target);
        if (at) return at;
        kw_json_scan_next(s, keys ? '}' : ']', &more);
    }
    if (c->child) return NULL; /* the last step took the bracket */
    kw_json_scan_blank(s);
    s->p++;
    return NULL;
}

static const char *body(const char *text, size_t len) /* past the byte-order mark */
{
    return len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? text + 3 : text;
}

long kw_json_line(const struct kw_jnode *n)
{
    const struct kw_json *doc = n->doc;
    const cJSON *target = n->item ? n->item : n->parent;
    if (!doc || !doc->root || !target) return 0;
    struct kw_json_scan s = { .p = body(doc->text, doc->len), .end = doc->text + doc->len };
    const char *at = locate(&s, doc->root, target);
    return at ? line_of(doc->text, at) : 0;
}

bool kw_json_span(const struct kw_jnode *n, size_t *begin, size_t *end)
{
    const struct kw_json *doc = n->doc;
    if (!doc || !doc->root || !n->item) return false;
    struct kw_json_scan s = { .p = body(doc->text, doc->len), .end = doc->text + doc->len };
    const char *at = locate(&s, doc->root, n->item);
    if (!at) return false;
    *begin = (size_t)(at - doc->text);
    kw_json_scan_value(&s, 0); /* locate leaves the scan at the value */
    *end = (size_t)(s.p - doc->text);
    return true;
}

/* ---- paths */

static size_t utf8_cut(const char *s, size_t n) /* at most n bytes of s, no character cut in two */
{
    while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) n--;
    return n;
}

static struct kw_jnode child_of(struct kw_jnode parent, const cJSON *item, const char *key, int i)
{
    struct kw_jnode n = parent;
    n.item = item;
    if (parent.item) {
        n.parent = parent.item;
        n.parent_len = (unsigned)strlen(parent.path);
    }
    char step[56];
    size_t len = strlen(n.path);
    if (key) {
        size_t k = strlen(key);
        bool cut = k > 48;
        if (cut) k = utf8_cut(key, 45);
        snprintf(step, sizeof step, "%s%.*s%s", len ? "." : "", (int)k, key, cut ? "..." : "");
    } else {
        snprintf(step, sizeof step, "[%d]", i);
    }
    size_t room = sizeof n.path - len;
    if (strlen(step) + 4 <= room) /* 4: a later "..." and the NUL */
        memcpy(n.path + len, step, strlen(step) + 1);
    else if (len < 3 || strcmp(n.path + len - 3, "..."))
        memcpy(n.path + len, "...", 4);
    return n;
}

static enum kw_status fail_at(struct kw_jnode n, long line, enum kw_status st, struct kw_error *err, const char *msg)
{
    const char *name = n.doc && n.doc->name ? n.doc->name : "";
    const char *sep = n.path[0] ? ": " : "";
    if (line > 0) return kw_fail(err, st, "%.200s:%ld: %s%s%.380s", name, line, n.path, sep, msg);
    return kw_fail(err, st, "%.200s: %s%s%.380s", name, n.path, sep, msg);
}

enum kw_status kw_json_fail(struct kw_jnode n, enum kw_status st, struct kw_error *err, const char *fmt, ...)
{
    char msg[384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return fail_at(n, kw_json_line(&n), st, err, msg);
}

static enum kw_status missing(struct kw_jnode n, struct kw_error *err)
{
    char key[160];
    const char *k = n.path + n.parent_len;
    snprintf(key, sizeof key, "%s", *k == '.' ? k + 1 : k);
    n.path[n.parent_len] = 0;
    return kw_json_fail(n, KW_EPARSE, err, key[0] == '[' ? "missing element %s" : "missing key '%s'", key);
}

/* ---- parsing */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* A merge sort: stable, so the second of two equal keys is the later one; qsort promises neither that nor to do without
 * malloc. tmp has room for n. */
static void sort_keys(cJSON **a, cJSON **tmp, int n)
{
    if (n < 2) return;
    int half = n / 2, i = 0, j = half, k = 0;
    sort_keys(a, tmp, half);
    sort_keys(a + half, tmp, n - half);
    while (i < half && j < n) tmp[k++] = by_key(&a[j], &a[i]) < 0 ? a[j++] : a[i++];
    while (i < half) tmp[k++] = a[i++];
    memcpy(a, tmp, (size_t)k * sizeof *a);
}

static enum kw_status no_memory(const char *name, struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "%.300s: out of memory", name);
}

/* Gives every large container its table, *cap tables being allocated. */
static enum kw_status make_table(struct kw_json *doc, size_t *cap, cJSON *c, int n, struct kw_error *err)
{
    if (doc->n_tables == *cap) {
        size_t more = *cap ? 2 * *cap : 4;
        struct kw_jtable *t = realloc(doc->tables, more * sizeof *t);
        if (!t) return no_memory(doc->name, err);
        doc->tables = t;
        *cap = more;
    }
    bool keys = cJSON_IsObject(c);
    cJSON **items = malloc((size_t)n * (keys ? 2 : 1) * sizeof(cJSON *));
    cJSON **tmp = keys ? malloc((size_t)n * sizeof(cJSON *)) : NULL;
    if (!items || (keys && !tmp)) {
        free(items);
        free(tmp);
        return no_memory(doc->name, err);
    }
    struct kw_jtable t = { .item = items, .by_key = keys ? items + n : NULL, .n = n };
    int i = 0;
    for (cJSON *m = c->child; m; m = m->next) items[i++] = m;
    if (keys) {
        memcpy(t.by_key, items, (size_t)n * sizeof(cJSON *));
        sort_keys(t.by_key, tmp, n);
    }
    free(tmp);
    doc->tables[doc->n_tables++] = t;
    c->valueint = (int)doc->n_tables;
    return KW_OK;
}

static const struct kw_jtable *table_of(const struct kw_json *doc, const cJSON *c)
{
    return c->valueint ? &doc->tables[c->valueint - 1] : NULL;
}

/* The member that repeats an earlier key, and that earlier one; NULL when all differ. */
static const cJSON *repeated(const struct kw_json *doc, const cJSON *obj, const cJSON **first)
{
    const struct kw_jtable *t = table_of(doc, obj);
    if (t) {
        for (int i = 1; i < t->n; i++)
            if (!by_key(&t->by_key[i - 1], &t->by_key[i])) {
                *first = t->by_key[i - 1];
                return t->by_key[i];
            }
        return NULL;
    }
    for (const cJSON *m = obj->child; m; m = m->next)
        for (const cJSON *e = obj->child; e != m; e = e->next)
            if (!strcmp(e->string, m->string)) {
                *first = e;
                return m;
            }
    return NULL;
}

/* What the scanner cannot see: overflow and duplicate keys (escapes undone). Makes the tables on the way. */
static enum kw_status examine(struct kw_json *doc, size_t *cap, struct kw_jnode n, struct kw_error *err)
{
    cJSON *c = (cJSON *)n.item; /* still ours alone: the document is being made */
    if (cJSON_IsNumber(c) && !isfinite(c->valuedouble))
        return kw_json_fail(n, KW_ERANGE, err, "the number is too large for a double (limit 1.8e308)");
    if (!cJSON_IsObject(c) && !cJSON_IsArray(c)) return KW_OK;
    int count = cJSON_GetArraySize(c);
    enum kw_status st = KW_OK;
    if (count >= TABLE_FROM && (st = make_table(doc, cap, c, count, err)) != KW_OK) return st;
    if (cJSON_IsObject(c)) {
        const cJSON *first, *again = repeated(doc, c, &first);
        if (again) {
            struct kw_jnode f = child_of(n, first, first->string, 0), a = child_of(n, again, again->string, 0);
            return kw_json_fail(a, KW_EPARSE, err, "the key is given twice (first on line %ld)", kw_json_line(&f));
        }
    }
    int i = 0;
    for (const cJSON *m = c->child; m && st == KW_OK; m = m->next, i++) {
        bool leaf = !cJSON_IsObject(m) && !cJSON_IsArray(m);
        if (leaf && (!cJSON_IsNumber(m) || isfinite(m->valuedouble))) continue; /* no path to build: the common case */
        st = examine(doc, cap, child_of(n, m, cJSON_IsObject(c) ? m->string : NULL, i), err);
    }
    return st;
}

/* Takes text, which is malloc'd and has a NUL at text[len]. */
static enum kw_status parse_owned(struct kw_json *doc, const char *name, char *text, size_t len, struct kw_error *err)
{
    *doc = (struct kw_json){ .text = text, .len = len };
    enum kw_status st = KW_OK;
    const char *from = body(text, len);
    struct kw_json_scan s = { .p = from, .end = text + len };
    if (!kw_json_scan_value(&s, 0) || (kw_json_scan_blank(&s), s.p < s.end)) {
        const char *bol = s.p;
        while (bol > text && bol[-1] != '\n') bol--;
        if (!s.want) s.want = "nothing after the value";
        st = kw_json_scan_fail(&s, bol, "the end of the file", err);
        kw_where(err, name, line_of(text, s.p));
    } else if (!(doc->name = malloc(strlen(name) + 1))) {
        st = no_memory(name, err);
    } else {
        strcpy(doc->name, name);
        const char *end = NULL;
        doc->root = cJSON_ParseWithLengthOpts(from, (size_t)(text + len - from), &end, 0);
        size_t cap = 0;
        st = doc->root ? examine(doc, &cap, kw_json_root(doc), err) : no_memory(name, err);
    }
    if (st != KW_OK) kw_json_free(doc);
    return st;
}

static enum kw_status too_large(const char *name, struct kw_error *err)
{
    return kw_fail(err, KW_ERANGE, "%.300s: more than 256 MiB of JSON", name);
}

enum kw_status kw_json_parse(struct kw_json *doc, const char *name, const char *text, size_t len, struct kw_error *err)
{
    *doc = (struct kw_json){ 0 };
    if (len > MAX_BYTES) return too_large(name, err);
    char *copy = malloc(len + 1);
    if (!copy) return no_memory(name, err);
    if (len) memcpy(copy, text, len);
    copy[len] = 0;
    return parse_owned(doc, name, copy, len, err);
}

/* Reads to the end of f. *text is malloc'd, NUL after len bytes; nothing is held on failure. */
static enum kw_status read_all(FILE *f, const char *name, char **text, size_t *len, struct kw_error *err)
{
    size_t cap = 4096, n = 0;
    char *buf = malloc(cap);
    enum kw_status st = buf ? KW_OK : no_memory(name, err);
    while (st == KW_OK) {
        errno = 0;
        n += fread(buf + n, 1, cap - 1 - n, f);
        if (ferror(f)) {
            st = kw_fail(err, KW_EINPUT, "%.300s: %s", name, strerror(errno ? errno : EIO));
        } else if (feof(f)) {
            break;
        } else if (n > MAX_BYTES) {
            st = too_large(name, err);
        } else {
            char *more = realloc(buf, cap * 2);
            if (more)
                buf = more, cap *= 2;
            else
                st = no_memory(name, err);
        }
    }
    if (st == KW_OK && n > MAX_BYTES) st = too_large(name, err);
    if (st != KW_OK) {
        free(buf);
        return st;
    }
    buf[n] = 0;
    *text = buf;
    *len = n;
    return KW_OK;
}

enum kw_status kw_json_load(struct kw_json *doc, const char *path, struct kw_error *err)
{
    *doc = (struct kw_json){ 0 };
    bool std = !strcmp(path, "-");
    const char *name = std ? "stdin" : path;
    errno = 0;
    FILE *f = std ? stdin : fopen(path, "rb");
    if (!f) return kw_fail(err, errno == ENOMEM ? KW_ENOMEM : KW_EINPUT, "%.300s: %s", path, strerror(errno));
    if (!std) setvbuf(f, NULL, _IONBF, 0); /* read_all asks for large pieces; stdio's buffer would be one copy more */
    char *text = NULL;
    size_t len = 0;
    enum kw_status st = read_all(f, name, &text, &len, err);
    if (!std) fclose(f);
    return st == KW_OK ? parse_owned(doc, name, text, len, err) : st;
}

void kw_json_free(struct kw_json *doc)
{
    for (size_t i = 0; i < doc->n_tables; i++) free(doc->tables[i].item);
    free(doc->tables);
    cJSON_Delete(doc->root);
    free(doc->name);
    free(doc->text);
    *doc = (struct kw_json){ 0 };
}

/* ---- walking */

struct kw_jnode kw_json_root(const struct kw_json *doc)
{
    return (struct kw_jnode){ .doc = doc, .item = doc->root };
}

bool kw_json_present(struct kw_jnode n)
{
    return n.item && !cJSON_IsNull(n.item);
}
bool kw_json_is_object(struct kw_jnode n)
{
    return cJSON_IsObject(n.item);
}
bool kw_json_is_array(struct kw_jnode n)
{
    return cJSON_IsArray(n.item);
}
bool kw_json_is_string(struct kw_jnode n)
{
    return cJSON_IsString(n.item);
}
bool kw_json_is_number(struct kw_jnode n)
{
    return cJSON_IsNumber(n.item);
}

int kw_json_len(struct kw_jnode n)
{
    if (!kw_json_is_object(n) && !kw_json_is_array(n)) return 0;
    const struct kw_jtable *t = table_of(n.doc, n.item);
    return t ? t->n : cJSON_GetArraySize(n.item);
}

static const cJSON *nth(struct kw_jnode n, int i)
{
    if (i < 0) return NULL;
    const struct kw_jtable *t = table_of(n.doc, n.item);
    if (t) return i < t->n ? t->item[i] : NULL;
    const cJSON *m = n.item->child;
    while (m && i-- > 0) m = m->next;
    return m;
}

static const cJSON *find(struct kw_jnode obj, const char *key)
{
    const struct kw_jtable *t = table_of(obj.doc, obj.item);
    if (!t) {
        const cJSON *m = obj.item->child;
        while (m && strcmp(m->string, key)) m = m->next;
        return m;
    }
    for (int lo = 0, hi = t->n; lo < hi;) {
        int mid = lo + (hi - lo) / 2, c = strcmp(t->by_key[mid]->string, key);
        if (c == 0) return t->by_key[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

struct kw_jnode kw_json_get(struct kw_jnode obj, const char *key)
{
    return child_of(obj, kw_json_is_object(obj) ? find(obj, key) : NULL, key, 0);
}

struct kw_jnode kw_json_at(struct kw_jnode arr, int i)
{
    return child_of(arr, kw_json_is_array(arr) ? nth(arr, i) : NULL, NULL, i);
}

struct kw_jnode kw_json_member(struct kw_jnode obj, int i, const char **key)
{
    const cJSON *m = kw_json_is_object(obj) ? nth(obj, i) : NULL;
    if (key) *key = m ? m->string : NULL;
    return m ? child_of(obj, m, m->string, 0) : child_of(obj, NULL, NULL, i);
}

/* "a, b, c", with "..." for those that do not fit. size >= 8. */
static void list(char *buf, size_t size, const char *const words[])
{
    size_t n = 0;
    buf[0] = 0;
    for (int i = 0; words[i]; i++) {
        size_t need = strlen(words[i]) + (i ? 2 : 0);
        if (n + need + 6 > size) { /* 6: ", ..." and the NUL */
            snprintf(buf + n, size - n, "%s...", i ? ", " : "");
            return;
        }
        n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", words[i]);
    }
}

/* ---- typed reads */

/* "want <what>; got <value>" */
static enum kw_status mismatch(struct kw_jnode n, enum kw_status st, struct kw_error *err, const char *want)
{
    char got[64];
    const cJSON *c = n.item;
    if (cJSON_IsString(c)) {
        size_t k = strlen(c->valuestring);
        bool cut = k > 40;
        if (cut) k = utf8_cut(c->valuestring, 37);
        snprintf(got, sizeof got, "\"%.*s%s\"", (int)k, c->valuestring, cut ? "..." : "");
    } else if (cJSON_IsNumber(c)) {
        snprintf(got, sizeof got, "%.15g", c->valuedouble);
        if (strtod(got, NULL) != c->valuedouble) snprintf(got, sizeof got, "%.17g", c->valuedouble);
    } else {
        snprintf(got, sizeof got, "%s",
                 cJSON_IsObject(c)  ? "an object"
                 : cJSON_IsArray(c) ? "an array"
                 : cJSON_IsTrue(c)  ? "true"
                 : cJSON_IsFalse(c) ? "false"
                                    : "null");
    }
    return kw_json_fail(n, st, err, "want %s; got %s", want, got);
}

enum kw_status kw_json_keys(struct kw_jnode obj, const char *const known[], struct kw_error *err)
{
    if (!obj.item) return missing(obj, err);
    if (!kw_json_is_object(obj)) return mismatch(obj, KW_EPARSE, err, "an object");
    for (const cJSON *m = obj.item->child; m; m = m->next) {
        int i = 0;
        while (known[i] && strcmp(known[i], m->string)) i++;
        if (known[i] || !strcmp(m->string, "//")) continue; /* a comment, as package.json has them */
        struct kw_jnode at = child_of(obj, m, m->string, 0);
        const char *near = kw_nearest(m->string, known);
        if (near) return kw_json_fail(at, KW_EPARSE, err, "unknown key; did you mean '%s'?", near);
        char all[240];
        list(all, sizeof all, known);
        return kw_json_fail(at, KW_EPARSE, err, "unknown key; known here: %s", all);
    }
    return KW_OK;
}

enum kw_status kw_json_str(struct kw_jnode n, const char **out, struct kw_error *err)
{
    if (!n.item) return missing(n, err);
    if (!kw_json_is_string(n)) return mismatch(n, KW_EPARSE, err, "a string");
    *out = n.item->valuestring;
    return KW_OK;
}

enum kw_status kw_json_str_or(struct kw_jnode n, const char *dflt, const char **out, struct kw_error *err)
{
    if (kw_json_present(n)) return kw_json_str(n, out, err);
    *out = dflt;
    return KW_OK;
}

enum kw_status kw_json_i64(struct kw_jnode n, int64_t lo, int64_t hi, int64_t *out, struct kw_error *err)
{
    if (!n.item) return missing(n, err);
    char want[96];
    if (lo <= -(int64_t)SAFE_INTEGER && hi >= (int64_t)SAFE_INTEGER)
        snprintf(want, sizeof want, "an integer (below 2^53)");
    else if (hi >= (int64_t)SAFE_INTEGER)
        snprintf(want, sizeof want, "an integer, at least %" PRId64 " (and below 2^53)", lo);
    else
        snprintf(want, sizeof want, "an integer from %" PRId64 " to %" PRId64, lo, hi);
    if (!kw_json_is_number(n)) return mismatch(n, KW_EPARSE, err, want);
    double v = n.item->valuedouble;
    if (v != floor(v)) return mismatch(n, KW_EPARSE, err, want);
    if (fabs(v) > SAFE_INTEGER || (int64_t)v < lo || (int64_t)v > hi) return mismatch(n, KW_ERANGE, err, want);
    *out = (int64_t)v;
    return KW_OK;
}

enum kw_status kw_json_i64_or(struct kw_jnode n, int64_t dflt, int64_t lo, int64_t hi, int64_t *out,
                              struct kw_error *err)
{
    if (kw_json_present(n)) return kw_json_i64(n, lo, hi, out, err);
    *out = dflt;
    return KW_OK;
}

enum kw_status kw_json_f64(struct kw_jnode n, double lo, double hi, double *out, struct kw_error *err)
{
    if (!n.item) return missing(n, err);
    if (!kw_json_is_number(n)) return mismatch(n, KW_EPARSE, err, "a number");
    double v = n.item->valuedouble;
    if (!(v >= lo && v <= hi)) {
        char want[96];
        if (isinf(hi))
            snprintf(want, sizeof want, "a number, at least %.15g", lo);
        else if (isinf(lo))
            snprintf(want, sizeof want, "a number, at most %.15g", hi);
        else
            snprintf(want, sizeof want, "a number from %.15g to %.15g", lo, hi);
        return mismatch(n, KW_ERANGE, err, want);
    }
    *out = v;
    return KW_OK;
}

enum kw_status kw_json_f64_or(struct kw_jnode n, double dflt, double lo, double hi, double *out, struct kw_error *err)
{
    if (kw_json_present(n)) return kw_json_f64(n, lo, hi, out, err);
    *out = dflt;
    return KW_OK;
}

enum kw_status kw_json_nano(struct kw_jnode n, int64_t lo, int64_t hi, int64_t *out, struct kw_error *err)
{
    if (!n.item) return missing(n, err);
    int64_t v;
    if (kw_json_is_string(n)) {
        struct kw_error why;
        enum kw_status st = kw_nano_parse(n.item->valuestring, &v, &why);
        if (st != KW_OK) return kw_json_fail(n, st, err, "%s", why.msg);
    } else if (kw_json_is_number(n)) {
        double d = n.item->valuedouble;
        if (d != floor(d))
            return mismatch(n, KW_EPARSE, err, "a decimal in quotes (\"0.25\": a JSON number is not exact)");
        if (fabs(d) > (double)(INT64_MAX / KW_NANO)) return mismatch(n, KW_ERANGE, err, "a value up to 9223372036");
        v = (int64_t)d * KW_NANO;
    } else {
        return mismatch(n, KW_EPARSE, err, "a decimal in quotes, such as \"0.25\"");
    }
    if (v < lo || v > hi) {
        char want[96], a[32], b[32];
        kw_nano_format(a, sizeof a, lo);
        kw_nano_format(b, sizeof b, hi);
        if (hi == INT64_MAX)
            snprintf(want, sizeof want, "a decimal, at least %s", a);
        else
            snprintf(want, sizeof want, "a decimal from %s to %s", a, b);
        return mismatch(n, KW_ERANGE, err, want);
    }
    *out = v;
    return KW_OK;
}

enum kw_status kw_json_nano_or(struct kw_jnode n, int64_t dflt, int64_t lo, int64_t hi, int64_t *out,
                               struct kw_error *err)
{
    if (kw_json_present(n)) return kw_json_nano(n, lo, hi, out, err);
    *out = dflt;
    return KW_OK;
}

enum kw_status kw_json_bool_or(struct kw_jnode n, bool dflt, bool *out, struct kw_error *err)
{
    if (!kw_json_present(n)) {
        *out = dflt;
        return KW_OK;
    }
    if (!cJSON_IsBool(n.item)) return mismatch(n, KW_EPARSE, err, "true or false");
    *out = cJSON_IsTrue(n.item);
    return KW_OK;
}

enum kw_status kw_json_enum(struct kw_jnode n, const char *const words[], int *out, struct kw_error *err)
{
    const char *s;
    enum kw_status st = kw_json_str(n, &s, err);
    if (st != KW_OK) return st;
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], s)) {
            *out = i;
            return KW_OK;
        }
    char all[200];
    list(all, sizeof all, words);
    size_t len = strlen(s), k = len > 40 ? utf8_cut(s, 37) : len;
    const char *near = kw_nearest(s, words);
    return kw_json_fail(n, KW_ERANGE, err, "want one of %s; got \"%.*s%s\"%s%s%s", all, (int)k, s, k < len ? "..." : "",
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

enum kw_status kw_json_enum_or(struct kw_jnode n, int dflt, const char *const words[], int *out, struct kw_error *err)
{
    if (kw_json_present(n)) return kw_json_enum(n, words, out, err);
    *out = dflt;
    return KW_OK;
}
