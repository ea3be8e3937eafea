#include "workloads/readers/record.h"
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/json_scan.h"

struct walk {
    struct kw_record *r;
    struct kw_json_scan s;
    uint64_t filled; /* cells found in this object: twice is an error */
    struct kw_error *err;
    enum kw_status st;
};

void kw_record_free(struct kw_record *r)
{
    free(r->scratch);
    kw_path_tree_free(&r->tree);
    memset(r, 0, sizeof *r);
}

void kw_record_clear(struct kw_record *r, const struct kw_columns *c, size_t from)
{
    for (size_t i = from; i < c->n_paths; i++) r->cell[i] = (struct kw_cell){ .kind = KW_CELL_ABSENT };
    if (from == 0) r->scratch_n = 0;
}

static enum kw_cell_kind kind_of(const char *p, size_t n)
{
    switch (*p) {
    case '"': return KW_CELL_TEXT;
    case '[': return KW_CELL_LIST;
    case '{': return KW_CELL_OBJECT;
    case 't':
    case 'f': return KW_CELL_WORD;
    case 'n': return KW_CELL_NULL;
    case 'N':
    case 'I': return KW_CELL_NULL; /* NaN, Infinity */
    default: return n > 1 && p[1] == 'I' ? KW_CELL_NULL : KW_CELL_NUMBER;
    }
}

struct kw_cell kw_cell_of(const char *p, size_t n)
{
    enum kw_cell_kind kind = kind_of(p, n);
    size_t quote = kind == KW_CELL_TEXT;
    return (struct kw_cell){ kind, { p + quote, n - 2 * quote } };
}

/* A string's JSON text behind the scratch, escapes undone; \u escapes beyond ASCII become '?', which no key here holds.
 * The scratch never moves while a record is read. Empty where there is no room. */
static struct kw_span unescaped(struct kw_record *r, struct kw_span x)
{
    if (r->scratch_cap - r->scratch_n < x.n) return (struct kw_span){ r->scratch, 0 };
    char *to = r->scratch + r->scratch_n, *from = to;
    for (const char *p = x.p, *end = x.p + x.n; p < end; p++) {
        if (*p != '\\') {
            *to++ = *p;
            continue;
        }
        static const char named[] = "bfnrt", meant[] = "\b\f\n\r\t";
        const char *hit = strchr(named, *++p);
        if (*p == 'u') {
            char hex[5] = { p[1], p[2], p[3], p[4], 0 };
            unsigned long u = strtoul(hex, NULL, 16);
            *to++ = u < 0x80 ? (char)u : '?';
            p += 4;
        } else {
            *to++ = hit ? meant[hit - named] : *p;
        }
    }
    r->scratch_n += (size_t)(to - from);
    return (struct kw_span){ from, (size_t)(to - from) };
}

static bool fail(struct walk *w, enum kw_status st)
{
    w->st = st;
    return false;
}

static bool object(struct walk *w, uint32_t node, int depth);

/* Writes the cells whose bit is set; false when one was found before in this object. */
static bool fill(struct walk *w, uint64_t cells, struct kw_cell value, struct kw_span key)
{
    if (w->filled & cells)
        return fail(w, kw_fail(w->err, KW_EPARSE, "\"%.*s\" is there twice", (int)(key.n < 60 ? key.n : 60), key.p));
    w->filled |= cells;
    for (; cells; cells &= cells - 1) w->r->cell[__builtin_ctzll(cells)] = value;
    return true;
}

/* {"stringValue": "x"}, {"intValue": "5"}: the one member's value; anything else as it is. */
static struct kw_cell any_value(struct kw_cell x)
{
    if (x.kind != KW_CELL_OBJECT) return x;
    struct kw_json_scan s = { x.text.p + 1, x.text.p + x.text.n, NULL, true };
    const char *begin, *end;
    if (!kw_json_scan_key(&s, &begin, &end)) return x;
    kw_json_scan_blank(&s);
    begin = s.p;
    return kw_json_scan_value(&s, KW_JSON_MAX_DEPTH / 2) ? kw_cell_of(begin, (size_t)(s.p - begin)) : x;
}

/* One element of an attribute list, p on its '{': the cell its key asks for. */
static bool attribute(struct walk *w, uint32_t node, int depth)
{
    struct kw_cell name = { .kind = KW_CELL_ABSENT }, value = { .kind = KW_CELL_ABSENT };
    const char *begin, *end;
    bool more = true;
    w->s.p++;
    kw_json_scan_blank(&w->s);
    if (w->s.p < w->s.end && *w->s.p == '}') w->s.p++, more = false;
    while (more) {
        if (!kw_json_scan_key(&w->s, &begin, &end)) return false;
        bool is_key = end - begin == 3 && !memcmp(begin, "key", 3);
        bool is_value = end - begin == 5 && !memcmp(begin, "value", 5);
        kw_json_scan_blank(&w->s);
        begin = w->s.p;
        if (!kw_json_scan_value(&w->s, depth + 1)) return false;
        if (is_key) name = kw_cell_of(begin, (size_t)(w->s.p - begin));
        if (is_value) value = kw_cell_of(begin, (size_t)(w->s.p - begin));
        if (!kw_json_scan_next(&w->s, '}', &more)) return false;
    }
    if (name.kind != KW_CELL_TEXT || value.kind == KW_CELL_ABSENT) return true;
    const struct kw_path_step *step = kw_path_tree_step(&w->r->tree, node, name.text);
    return !step || !step->ends || fill(w, step->ends, any_value(value), name.text);
}

static bool attributes(struct walk *w, uint32_t node, int depth)
{
    bool more = true;
    w->s.p++;
    kw_json_scan_blank(&w->s);
    if (w->s.p < w->s.end && *w->s.p == ']') {
        w->s.p++;
        return true;
    }
    while (more) {
        kw_json_scan_blank(&w->s);
        bool ok =
            w->s.p < w->s.end && *w->s.p == '{' ? attribute(w, node, depth + 1) : kw_json_scan_value(&w->s, depth + 1);
        if (!ok || !kw_json_scan_next(&w->s, ']', &more)) return false;
    }
    return true;
}

/* The value at p, behind blanks, into the cells of `ends`, and on along the paths of the node. */
static bool value(struct walk *w, uint32_t node, uint64_t ends, struct kw_span key, int depth)
{
    const char *begin = w->s.p;
    bool can_enter = node != KW_PATH_NONE && begin < w->s.end && depth < KW_JSON_MAX_DEPTH;
    if (can_enter && *begin == '{') {
        if (!object(w, node, depth)) return false;
    } else if (can_enter && *begin == '[') {
        if (!attributes(w, node, depth)) return false;
    } else if (!kw_json_scan_value(&w->s, depth)) {
        return false;
    }
    struct kw_cell x = kw_cell_of(begin, (size_t)(w->s.p - begin));
    if (ends && !fill(w, ends, x, key)) return false;
    if (node != KW_PATH_NONE && x.kind == KW_CELL_TEXT && x.text.n && *x.text.p == '{') {
        struct kw_span text = unescaped(w->r, x.text);
        struct walk in = {
            .r = w->r, .s = { text.p, text.p + text.n, NULL, true }, .filled = w->filled, .err = w->err
        };
        bool ok = text.n && object(&in, node, depth);
        if (!ok && in.st != KW_OK) return fail(w, in.st); /* a text that is no JSON is only a text */
        w->filled = in.filled;
    }
    return true;
}

/* The next key of an object, and its step among those of the node. */
static bool next_key(struct walk *w, uint32_t node, struct kw_span *key, const struct kw_path_step **step)
{
    struct kw_path_guess *g = &w->r->tree.guess[w->r->n_keys++ % KW_PATH_GUESSES];
    const char *p = w->s.p + (w->s.p < w->s.end && *w->s.p == ' '), *end;
    if (kw_path_guessed(g, node, p, w->s.end)) {
        *key = (struct kw_span){ p + 1, g->n - 3 };
        *step = g->step;
        w->s.p = p + g->n;
        return true;
    }
    if (!kw_json_scan_key(&w->s, &key->p, &end)) return false;
    key->n = (size_t)(end - key->p);
    *step = kw_path_tree_step(&w->r->tree, node, *key);
    if (key->n + 3 <= sizeof g->text && w->s.p == end + 2) {
        *g = (struct kw_path_guess){ .step = *step, .node = node, .n = (uint32_t)key->n + 3 };
        memcpy(g->text, key->p - 1, g->n);
    }
    return true;
}

/* p on '{'. */
static bool object(struct walk *w, uint32_t node, int depth)
{
    const struct kw_path_step *step;
    struct kw_span key;
    bool more = true;
    w->s.p++;
    kw_json_scan_blank(&w->s);
    if (w->s.p < w->s.end && *w->s.p == '}') {
        w->s.p++;
        return true;
    }
    while (more) {
        if (!next_key(w, node, &key, &step)) return false;
        uint32_t on = step ? step->next : KW_PATH_NONE;
        kw_json_scan_blank(&w->s);
        if (key.n == 10 && w->s.p < w->s.end && *w->s.p == '[' && !memcmp(key.p, "attributes", 10))
            on = step ? step->attributes : node; /* "gen_ai.x" is looked for here, too */
        bool ok = step || on != KW_PATH_NONE ? value(w, on, step ? step->ends : 0, key, depth + 1)
                                             : kw_json_scan_value(&w->s, depth + 1); /* no path asks for it */
        if (!ok || !kw_json_scan_next(&w->s, '}', &more)) return false;
    }
    return true;
}

static enum kw_status room(struct kw_record *r, size_t n, struct kw_error *err)
{
    if (r->scratch_cap - r->scratch_n >= n) return KW_OK;
    if (r->scratch_n) return kw_fail(err, KW_EPARSE, "JSON inside strings takes more room than the record");
    char *p = realloc(r->scratch, 2 * n);
    if (!p) return kw_fail(err, KW_ENOMEM, "out of memory for a record of %zu bytes", n);
    r->scratch = p;
    r->scratch_cap = 2 * n;
    return KW_OK;
}

static enum kw_status ready(struct kw_record *r, const struct kw_columns *c, struct kw_error *err)
{
    return r->tree.n_nodes ? KW_OK : kw_path_tree_make(&r->tree, c, err);
}

enum kw_status kw_record_json(struct kw_record *r, const struct kw_columns *c, struct kw_span text,
                              struct kw_error *err)
{
    struct walk w = { .r = r, .s = { text.p, text.p + text.n, NULL, true }, .err = err };
    enum kw_status st = ready(r, c, err);
    if (st == KW_OK) st = room(r, text.n, err);
    if (st != KW_OK) return st;
    r->n_keys = 0;
    kw_json_scan_blank(&w.s);
    if (w.s.p >= w.s.end || *w.s.p != '{') {
        w.s.want = "a JSON object '{'";
        return kw_json_scan_fail(&w.s, text.p, "the end of the line", err);
    }
    bool ok = object(&w, KW_PATH_ROOT, 0);
    if (!ok && w.st != KW_OK) return w.st;
    if (!ok) return kw_json_scan_fail(&w.s, text.p, "the end of the line", err);
    kw_json_scan_blank(&w.s);
    w.s.want = "nothing after the object";
    return w.s.p == w.s.end ? KW_OK : kw_json_scan_fail(&w.s, text.p, "the end of the line", err);
}

enum kw_status kw_record_nested(struct kw_record *r, const struct kw_columns *c, const char *column, size_t column_n,
                                struct kw_span text, struct kw_error *err)
{
    struct walk w = { .r = r, .s = { text.p, text.p + text.n, NULL, true }, .err = err };
    while (w.s.p < w.s.end && *w.s.p == ' ') w.s.p++;
    if (w.s.p == w.s.end || (*w.s.p != '{' && *w.s.p != '[')) return KW_OK;
    enum kw_status st = ready(r, c, err);
    if (st != KW_OK) return st;
    const struct kw_path_step *step = kw_path_tree_step(&r->tree, KW_PATH_ROOT, (struct kw_span){ column, column_n });
    if (!step || step->next == KW_PATH_NONE) return KW_OK;
    if (r->scratch_n == 0 && (st = room(r, text.n, err)) != KW_OK) return st;
    r->n_keys = 0;
    if (r->scratch_cap - r->scratch_n < text.n) return KW_OK; /* JSON within JSON within a field: not looked into */
    if (!(*w.s.p == '{' ? object(&w, step->next, 1) : attributes(&w, step->next, 1)) && w.st != KW_OK) return w.st;
    return KW_OK;
}
