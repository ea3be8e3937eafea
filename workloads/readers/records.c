#include "workloads/readers/records.h"
#include <stdio.h>
#include <string.h>
#include "sim/core/files/csv.h"
#include "sim/core/files/json_scan.h"

enum { NAME_DEPTH = 6, LONGEST_NAME = 160, NAME_RECORDS = 50 };

struct pass {
    struct kw_records *in;
    struct kw_source *s;
    kw_record_fn *each;
    void *ctx;
    bool handed;    /* a record was read to its end */
    bool swallowed; /* the record that cannot be read has the rest of the text in it */
};

void kw_records_free(struct kw_records *in)
{
    kw_record_free(&in->record);
}

static bool at_end(struct kw_source *s)
{
    struct kw_error ignored;
    const char *head;
    size_t n;
    return kw_source_peek(s, 1, &head, &n, &ignored) != KW_OK || n == 0;
}

/* One bad record behind good ones: leaving it out helps, unless the message names something else that does. */
static enum kw_status broken(const struct pass *p, enum kw_status st, struct kw_error *err)
{
    size_t n = err ? strlen(err->msg) : 0;
    if (p->handed && err && !strchr(err->msg, '='))
        snprintf(err->msg + n, sizeof err->msg - n, " (broken=drop leaves such records out)");
    return st;
}

/* A record that cannot be read: passed over where that is allowed or the file simply ends there, else the failure. */
static enum kw_status unreadable(struct pass *p, enum kw_status st, struct kw_error *err)
{
    if (st != KW_EPARSE || p->s->binary) return st;
    if (p->in->head_only) return KW_OK;
    if (p->s->unterminated && p->in->line == p->s->line && at_end(p->s)) {
        p->in->cut_off++;
        return KW_OK;
    }
    if (p->swallowed) return st; /* leaving it out would leave out all behind it */
    if (!p->in->drop_broken) return broken(p, st, err);
    if (!p->in->broken++) p->in->broken_at = (uint64_t)p->in->line;
    return KW_OK;
}

static enum kw_status hand_on(struct pass *p, struct kw_error *err)
{
    enum kw_status st = p->each(p->ctx, p->in, err);
    p->handed |= st == KW_OK;
    if (st != KW_EPARSE && st != KW_ERANGE) return st;
    if (!p->in->drop_broken) return broken(p, st, err);
    if (!p->in->broken++) p->in->broken_at = (uint64_t)p->in->line;
    return KW_OK;
}

/* ---- CSV ---- */

struct csv_columns {
    struct csv_cell {
        uint8_t path, column;
    } plain[KW_MAP_PATHS];       /* paths that are a column's name */
    uint8_t nested[KW_CSV_MAX];  /* columns whose cells are looked into as JSON */
    uint16_t wanted[KW_CSV_MAX]; /* all of them, ascending */
    size_t n_plain, n_nested, n_wanted;
};

/* Does a path lead on into this column's cells? */
static bool leads_into(const char *path, struct kw_span column)
{
    return !strncmp(path, column.p, column.n) && path[column.n] == '.';
}

static enum kw_status csv_columns(const struct kw_columns *map, const struct kw_csv *t, struct csv_columns *k,
                                  struct kw_error *err)
{
    bool have[KW_MAP_PATHS], wanted[KW_CSV_MAX] = { false };
    int ignored;
    *k = (struct csv_columns){ .n_plain = 0 };
    for (size_t i = 0; i < map->n_paths; i++) {
        int at = kw_csv_column(t, map->path[i]);
        have[i] = at >= 0;
        if (!have[i]) continue;
        for (size_t j = (size_t)at + 1; j < t->n; j++)
            if (t->name[j].n == t->name[at].n && !memcmp(t->name[j].p, t->name[at].p, t->name[at].n))
                return kw_fail(err, KW_EPARSE, "column '%s' is there twice (columns %d and %zu)", map->path[i], at + 1,
                               j + 1);
        k->plain[k->n_plain++] = (struct csv_cell){ (uint8_t)i, (uint8_t)at };
        wanted[at] = true;
    }
    for (size_t j = 0; j < t->n; j++) {
        bool nested = false;
        for (size_t i = 0; i < map->n_paths; i++) {
            if (kw_csv_column(t, map->path[i]) >= 0 || !leads_into(map->path[i], t->name[j])) continue;
            have[i] = nested = true;
        }
        if (nested) k->nested[k->n_nested++] = (uint8_t)j;
        if (nested || wanted[j]) k->wanted[k->n_wanted++] = (uint16_t)j;
    }
    const char *lack = kw_columns_lack(map, have);
    return lack ? kw_csv_need(t, lack, &ignored, err) : KW_OK;
}

/* Of the columns that are read; another one's cell may be anything. */
static bool is_header(const struct kw_csv *t)
{
    for (size_t k = 0; k < t->n_wanted; k++) {
        const struct kw_span *name = &t->name[t->wanted[k]];
        struct kw_span x = kw_span_trimmed(t->field[t->wanted[k]]);
        if (t->wanted[k] == 0 && x.n >= 3 && !memcmp(x.p, "\xef\xbb\xbf", 3))
            x.p += 3, x.n -= 3; /* of a file joined on */
        if (x.n != name->n || memcmp(x.p, name->p, x.n)) return false;
    }
    return true;
}

static enum kw_status csv_row(struct pass *p, const struct kw_csv *t, const struct csv_columns *k, struct kw_error *err)
{
    struct kw_record *r = &p->in->record;
    const struct kw_columns *map = p->in->map;
    enum kw_status st = KW_OK;
    kw_record_clear(r, map, 0);
    for (size_t i = 0; i < k->n_plain; i++)
        r->cell[k->plain[i].path] = (struct kw_cell){ KW_CELL_TEXT, kw_span_trimmed(t->field[k->plain[i].column]) };
    for (size_t i = 0; i < k->n_nested && st == KW_OK; i++) {
        struct kw_span name = t->name[k->nested[i]];
        st = kw_record_nested(r, map, name.p, name.n, t->field[k->nested[i]], err);
    }
    if (st != KW_OK) return unreadable(p, st, err);
    return hand_on(p, err);
}

static enum kw_status csv(struct pass *p, struct kw_error *err)
{
    struct kw_csv t;
    struct csv_columns k;
    bool more = true;
    enum kw_status st = kw_csv_begin(&t, p->s, err);
    p->in->sep = t.sep;
    p->in->line = t.line;
    if (st == KW_OK) st = csv_columns(p->in->map, &t, &k, err);
    t.wanted = k.wanted;
    t.n_wanted = k.n_wanted;
    while (st == KW_OK) {
        st = kw_csv_next(&t, &more, err);
        p->in->line = t.line;
        if (st != KW_OK) {
            p->swallowed = t.open;
            st = unreadable(p, st, err);
            if (at_end(p->s)) break;
            continue;
        }
        if (!more) break;
        if (is_header(&t))
            p->in->headers_again++;
        else
            st = csv_row(p, &t, &k, err);
    }
    kw_csv_close(&t);
    return st;
}

/* ---- JSON ---- */

static enum kw_status object(struct pass *p, const char *inside, struct kw_span text, struct kw_error *err);

/* Begins the walk of a list, text[0] '['; false: it is empty. */
static bool walk(struct kw_json_scan *s, struct kw_span text)
{
    *s = (struct kw_json_scan){ text.p + 1, text.p + text.n, NULL, true };
    kw_json_scan_blank(s);
    return *s->p != ']';
}

/* The next element, which was checked before, as part of the object. *more false: it is the last. */
static struct kw_cell element(struct kw_json_scan *s, bool *more)
{
    kw_json_scan_blank(s);
    const char *begin = s->p;
    kw_json_scan_value(s, 2);
    struct kw_cell x = kw_cell_of(begin, (size_t)(s->p - begin));
    kw_json_scan_next(s, ']', more);
    return x;
}

static size_t length(struct kw_span list)
{
    struct kw_json_scan s;
    size_t n = 0;
    bool more = walk(&s, list);
    for (; more; n++) element(&s, &more);
    return n;
}

/* The mapped lists, element by element; what is no list is the same for all. */
static enum kw_status side_by_side(struct pass *p, struct kw_error *err)
{
    struct kw_records *in = p->in;
    struct kw_json_scan s[KW_MAP_PATHS];
    bool list[KW_MAP_PATHS], more = false;
    size_t n = in->map->n_paths, lists = 0;
    in->at = in->of = 0;
    for (size_t i = 0; i < n; i++) {
        struct kw_cell *x = &in->record.cell[i];
        list[i] = x->kind == KW_CELL_LIST && walk(&s[i], x->text);
        if (list[i] && !lists++) in->of = length(x->text);
        if (x->kind == KW_CELL_LIST && !list[i]) x->kind = KW_CELL_ABSENT; /* an empty list says nothing */
        more |= list[i];
    }
    if (!lists) return hand_on(p, err);
    for (in->at = 0; more; in->at++) {
        size_t ended = 0;
        for (size_t i = 0; i < n; i++) {
            bool on = true;
            if (list[i]) in->record.cell[i] = element(&s[i], &on);
            ended += !on;
        }
        if (ended && ended != lists)
            return kw_fail(err, KW_EPARSE, "lists of unequal length: one ends after %zu elements", in->at + 1);
        more = !ended;
        enum kw_status st = hand_on(p, err);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

/* The elements of one list of records, each in a copy of what its containers say. */
static enum kw_status elements(struct pass *p, const char *inside, struct kw_span list, const struct kw_record *outer,
                               struct kw_error *err)
{
    struct kw_json_scan s = { list.p + 1, list.p + list.n, NULL, true };
    bool more = true;
    kw_json_scan_blank(&s);
    if (*s.p == ']') return KW_OK;
    while (more) {
        kw_json_scan_blank(&s);
        const char *begin = s.p;
        kw_json_scan_value(&s, 2); /* checked before */
        if (*begin == '{') {
            memcpy(p->in->record.cell, outer->cell, sizeof outer->cell);
            p->in->record.scratch_n = outer->scratch_n;
            enum kw_status st = object(p, inside, (struct kw_span){ begin, (size_t)(s.p - begin) }, err);
            if (st != KW_OK) return st;
        }
        kw_json_scan_next(&s, ']', &more);
    }
    return KW_OK;
}

static void set_inside(struct kw_records *in, struct kw_record *outer, struct kw_span key)
{
    for (size_t i = 0; i < in->map->n_paths; i++)
        if (strcmp(in->map->path[i], "@in") == 0) outer->cell[i] = (struct kw_cell){ KW_CELL_TEXT, key };
}

/* An object whose member `inside` leads on to the records. */
static enum kw_status container(struct pass *p, const char *inside, struct kw_span text, struct kw_error *err)
{
    struct kw_record outer = p->in->record; /* the cells; the scratch is not the copy's to free */
    bool found = false, optional = *inside == '?';
    inside += optional;
    size_t part = strcspn(inside, ".");
    const char *rest = inside + part + (inside[part] == '.');
    struct kw_json_scan s = { text.p, text.p + text.n, NULL, true };
    const char *key, *end;
    bool more = true;
    kw_json_scan_blank(&s);
    s.p++;
    kw_json_scan_blank(&s);
    if (*s.p == '}') return KW_OK;
    while (more) {
        kw_json_scan_key(&s, &key, &end); /* checked before, all of it */
        kw_json_scan_blank(&s);
        const char *begin = s.p;
        kw_json_scan_value(&s, 1);
        struct kw_span x = { begin, (size_t)(s.p - begin) };
        bool any = part == 1 && *inside == '*',
             ours = any || ((size_t)(end - key) == part && !memcmp(key, inside, part));
        if (ours && (*begin == '[' || (*begin == '{' && !any))) {
            if (any) set_inside(p->in, &outer, (struct kw_span){ key, (size_t)(end - key) });
            enum kw_status st = KW_OK;
            found = true;
            if (*begin == '[') {
                st = elements(p, rest, x, &outer, err);
            } else {
                memcpy(p->in->record.cell, outer.cell, sizeof outer.cell);
                st = object(p, rest, x, err);
            }
            if (st != KW_OK) return st;
        }
        kw_json_scan_next(&s, '}', &more);
    }
    if (found || !optional) return KW_OK;
    memcpy(p->in->record.cell, outer.cell, sizeof outer.cell);
    return *rest ? container(p, rest, text, err) : hand_on(p, err);
}

static enum kw_status object(struct pass *p, const char *inside, struct kw_span text, struct kw_error *err)
{
    enum kw_status st = kw_record_json(&p->in->record, p->in->map, text, err);
    if (st != KW_OK) return unreadable(p, st, err);
    if (inside && *inside) return container(p, inside, text, err);
    return p->in->side_by_side ? side_by_side(p, err) : hand_on(p, err);
}

static enum kw_status top(struct pass *p, struct kw_span text, struct kw_error *err)
{
    kw_record_clear(&p->in->record, p->in->map, 0);
    return object(p, p->in->inside, text, err);
}

static enum kw_status lines(struct pass *p, struct kw_error *err)
{
    char *line;
    size_t n;
    enum kw_status st;
    while ((st = kw_source_line(p->s, &line, &n, err)) == KW_OK && line) {
        p->in->line = p->s->line;
        if (n && (st = top(p, (struct kw_span){ line, n }, err)) != KW_OK) break;
    }
    return st;
}

/* Where the JSON object that begins at text[0] ends, from *at on with the state *depth, *quoted; 0: beyond n. */
static size_t object_end(const char *text, size_t n, size_t *at, int *depth, bool *quoted)
{
    size_t i = *at;
    for (; i < n; i++) {
        char c = text[i];
        if (*quoted) {
            const char *stop = text + i;
            while (stop < text + n && *stop != '"' && *stop != '\\') stop++;
            i = (size_t)(stop - text);
            if (i + 1 >= n) break; /* a backslash waits for what it hides */
            if (text[i] == '\\')
                i++;
            else
                *quoted = false;
        } else if (c == '"') {
            *quoted = true;
        } else if (c == '{' || c == '[') {
            ++*depth;
        } else if ((c == '}' || c == ']') && --*depth == 0) {
            return i + 1;
        }
    }
    *at = i < n ? i : n;
    return 0;
}

/* The next object of a document: a bare one, or an element of the array around all of them. *n 0 at the end. */
static enum kw_status next_object(struct pass *p, bool *in_array, struct kw_span *out, struct kw_error *err)
{
    const char *head;
    size_t n, at = 0, end = 0, had = 0;
    int depth = 0;
    bool quoted = false;
    enum kw_status st;
    *out = (struct kw_span){ NULL, 0 };
    for (;;) { /* to the opening brace */
        if ((st = kw_source_peek(p->s, 1, &head, &n, err)) != KW_OK || n == 0) return st;
        while (at < n && strchr(" \t\r\n", head[at] ? head[at] : 1)) at++;
        if (at == n || head[at] == ',' || head[at] == '[' || head[at] == ']') {
            if (at < n && head[at] == '[') *in_array = true;
            kw_source_skip(p->s, at + (at < n));
            at = 0;
            continue;
        }
        kw_source_skip(p->s, at);
        at = 0;
        p->in->line = p->s->line + 1;
        if ((st = kw_source_peek(p->s, 1, &head, &n, err)) != KW_OK) return st;
        if (*head != '{') return kw_fail(err, KW_EPARSE, "want a JSON object '{'; got '%.1s'", head);
        break;
    }
    while (!(end = object_end(head, n, &at, &depth, &quoted))) {
        had = n;
        if ((st = kw_source_peek(p->s, n + 1, &head, &n, err)) != KW_OK) return st;
        if (n > had) continue;
        if (p->in->head_only || *in_array) {
            p->in->cut_off += !p->in->head_only;
            kw_source_skip(p->s, n);
            return KW_OK;
        }
        return kw_fail(err, KW_EPARSE, "the file ends inside a JSON object");
    }
    *out = (struct kw_span){ head, end };
    return KW_OK;
}

static enum kw_status document(struct pass *p, struct kw_error *err)
{
    bool in_array = false;
    struct kw_span text;
    enum kw_status st;
    while ((st = next_object(p, &in_array, &text, err)) == KW_OK && text.n) {
        if ((st = top(p, text, err)) != KW_OK) break;
        kw_source_skip(p->s, text.n);
    }
    return st;
}

/* Past a byte-order mark and blanks; the first character, 0 if there is none. */
static char first(const char **head, size_t *n)
{
    if (*n >= 3 && memcmp(*head, "\xef\xbb\xbf", 3) == 0) *head += 3, *n -= 3;
    while (*n && strchr(" \t\r\n", **head ? **head : 1)) ++*head, --*n;
    return *n ? **head : 0;
}

/* Is the first line an object of its own, or wrong within itself (then its line is what to name), rather than the
 * beginning of a longer one? */
static bool by_lines(const char *head, size_t n)
{
    const char *end = memchr(head, '\n', n);
    struct kw_json_scan s = { head, end ? end : head + n, NULL, true };
    if (!end) return false;
    return kw_json_scan_value(&s, 0) || s.p < s.end;
}

enum kw_status kw_records_each(struct kw_records *in, struct kw_source *s, kw_record_fn *each, void *ctx,
                               struct kw_error *err)
{
    struct pass p = { .in = in, .s = s, .each = each, .ctx = ctx };
    const char *head;
    size_t n;
    enum kw_status st = kw_source_peek(s, 64 << 10, &head, &n, err);
    if (st != KW_OK) return st;
    char c = first(&head, &n);
    if (c != '{' && c != '[') return csv(&p, err);
    if (c == '{' && by_lines(head, n)) return lines(&p, err);
    if (head != s->buf + s->at) kw_source_skip(s, (size_t)(head - (s->buf + s->at)));
    return document(&p, err);
}

/* ---- names ---- */

struct naming {
    kw_name_fn *each;
    void *ctx;
    char name[LONGEST_NAME];
    size_t records;
};

static void name_object(struct naming *g, struct kw_json_scan *s, size_t used, int depth);

static void name_value(struct naming *g, struct kw_json_scan *s, size_t used, int depth)
{
    kw_json_scan_blank(s);
    const char *begin = s->p;
    if (begin < s->end && *begin == '{' && depth < NAME_DEPTH) {
        name_object(g, s, used, depth);
        return;
    }
    if (!kw_json_scan_value(s, depth)) return;
    size_t quote = *begin == '"';
    g->each(g->ctx, (struct kw_span){ g->name, used },
            (struct kw_span){ begin + quote, (size_t)(s->p - begin) - 2 * quote });
}

/* p on '{'; stops where the text is no JSON. */
static void name_object(struct naming *g, struct kw_json_scan *s, size_t used, int depth)
{
    const char *key, *end;
    bool more = true;
    s->p++;
    kw_json_scan_blank(s);
    if (s->p < s->end && *s->p == '}') s->p++, more = false;
    while (more && kw_json_scan_key(s, &key, &end)) {
        size_t n = (size_t)(end - key), at = used + (used > 0);
        if (at + n >= LONGEST_NAME) return;
        if (used) g->name[used] = '.';
        memcpy(g->name + at, key, n);
        const char *before = s->p;
        name_value(g, s, at + n, depth + 1);
        if (s->p == before || s->want || !kw_json_scan_next(s, '}', &more)) return;
    }
}

static void csv_names(struct naming *g, const char *head, size_t n)
{
    struct kw_error ignored;
    struct kw_csv t;
    bool more = true;
    if (kw_csv_memory(&t, "head", head, n, &ignored) != KW_OK) return;
    for (size_t i = 0; i < t.n; i++) g->each(g->ctx, t.name[i], (struct kw_span){ "", 0 });
    while (g->records++ < NAME_RECORDS && kw_csv_next(&t, &more, &ignored) == KW_OK && more)
        for (size_t i = 0; i < t.n; i++) {
            struct kw_span x = kw_span_trimmed(t.field[i]);
            if (x.n && *x.p == '{' && t.name[i].n < LONGEST_NAME) {
                struct kw_json_scan s = { x.p, x.p + x.n, NULL, true };
                memcpy(g->name, t.name[i].p, t.name[i].n);
                name_object(g, &s, t.name[i].n, 1);
            } else {
                g->each(g->ctx, t.name[i], x);
            }
        }
    kw_csv_close(&t);
}

void kw_records_names(const char *head, size_t n, kw_name_fn *each, void *ctx)
{
    struct naming g = { .each = each, .ctx = ctx };
    char c = first(&head, &n);
    if (c != '{' && c != '[') {
        csv_names(&g, head, n);
        return;
    }
    while (n && g.records++ < NAME_RECORDS) {
        while (n && *head != '{') head++, n--;
        if (!n) break;
        struct kw_json_scan s = { head, head + n, NULL, true };
        name_object(&g, &s, 0, 0);
        size_t used = (size_t)(s.p - head);
        if (s.want || used == 0) break;
        head += used, n -= used;
    }
}

const char *kw_records_list(const char *head, size_t n, const char **inside)
{
    static const char *const ways[] = { "?data", "?logs",    "?requests", "?records",      "?items", "?results",
                                        "?rows", "?entries", "?events",   "?observations", "?value", "?logEvents" };
    if (first(&head, &n) != '{') return NULL;
    struct kw_json_scan s = { head + 1, head + n, NULL, true };
    const char *key, *end;
    bool more = true;
    while (more && kw_json_scan_key(&s, &key, &end)) {
        kw_json_scan_blank(&s);
        const char *begin = s.p, *in = begin + 1;
        while (in < s.end && strchr(" \t\r\n", *in ? *in : 1)) in++;
        for (size_t i = 0; i < sizeof ways / sizeof *ways && in < s.end && *begin == '[' && *in == '{'; i++)
            if (strlen(ways[i] + 1) == (size_t)(end - key) && !memcmp(ways[i] + 1, key, (size_t)(end - key)))
                return *inside = ways[i], begin;
        if (!kw_json_scan_value(&s, 1) || !kw_json_scan_next(&s, '}', &more)) break;
    }
    return NULL;
}
