#include "sim/core/files/csv.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row as far as it was read. A quote that is still open wants the next line. */
enum split { WHOLE, OPEN, STRAY, TOO_MANY };

/* A quote opens at the start of a field only: elsewhere it is text, as in 5" and no more. */
static bool ends_inside_quotes(const char *p, const char *end, char sep)
{
    for (; p < end; p++) {
        if (*p == '"') {
            for (p++; p < end && (*p != '"' || p[1] == '"'); p++) p += *p == '"';
            if (p >= end) return true;
        }
        if (!(p = memchr(p, sep, (size_t)(end - p)))) return false;
    }
    return false;
}

/* Splits line[0..n), behind which lies a NUL, in place: quotes undone, a NUL written behind each field. A line that
 * ends inside a quote is left as it was, so that it can be split again with the next one behind it. */
static enum split split(char *line, size_t n, char sep, struct kw_span *field, size_t *count)
{
    char *p = line, *end = line + n;
    size_t k = 0;
    if (memchr(line, '"', n) && ends_inside_quotes(line, end, sep)) return OPEN;
    for (;;) {
        if (k == KW_CSV_MAX) return TOO_MANY;
        char *stop;
        if (*p == '"') { /* "a ""quoted"" field" */
            char *w = ++p, *start = p;
            for (; p < end && (*p != '"' || p[1] == '"'); p++) {
                if (*p == '"') p++;
                *w++ = *p;
            }
            field[k++] = (struct kw_span){ start, (size_t)(w - start) };
            stop = p + 1;
            if (stop < end && *stop != sep) return STRAY;
            *w = 0;
        } else {
            stop = memchr(p, sep, (size_t)(end - p));
            if (!stop) stop = end;
            field[k++] = (struct kw_span){ p, (size_t)(stop - p) };
        }
        if (stop == end) break;
        *stop = 0;
        p = stop + 1;
    }
    *count = k;
    return WHOLE;
}

static char separator(const char *line, size_t n)
{
    if (memchr(line, ',', n)) return ',';
    if (memchr(line, '\t', n)) return '\t';
    return memchr(line, ';', n) ? ';' : ',';
}

/* Where kw_csv_open's caller has to look. */
static enum kw_status placed(const struct kw_csv *c, enum kw_status st, struct kw_error *err)
{
    if (st != KW_OK && c->s == &c->own) kw_where(err, c->own.name, c->line);
    return st;
}

/* Puts line[0..n) behind what is joined, a newline between them. */
static enum kw_status join(struct kw_csv *c, const char *line, size_t n, struct kw_error *err)
{
    size_t had = c->joined_n, need = had + n + 2;
    if (need > KW_SOURCE_MAX_LINE)
        return kw_fail(err, KW_EPARSE, "a quoted field begins on line %ld and does not end", c->line);
    if (need > c->joined_cap) {
        char *more = realloc(c->joined, 2 * need);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for a row of %zu bytes", need);
        c->joined = more;
        c->joined_cap = 2 * need;
    }
    if (had) c->joined[had++] = '\n';
    memcpy(c->joined + had, line, n);
    c->joined[had + n] = 0;
    c->joined_n = had + n;
    return KW_OK;
}

/* The next row that is not blank into field[0..*n), or *more false. sep 0: the row decides. */
static enum kw_status row(struct kw_csv *c, struct kw_span *field, size_t *n, bool *more, struct kw_error *err)
{
    char *line;
    size_t len;
    enum kw_status st;
    *more = false;
    do {
        st = kw_source_line(c->s, &line, &len, err);
        c->line = c->s->line;
        if (st != KW_OK || !line) return st;
    } while (len == 0);
    if (!c->sep) c->sep = separator(line, len);
    enum split how = split(line, len, c->sep, field, n);
    c->joined_n = 0;
    if (how == OPEN && (st = join(c, line, len, err)) != KW_OK) return st;
    while (how == OPEN) {
        if ((st = kw_source_line(c->s, &line, &len, err)) != KW_OK) return st;
        if (!line) return kw_fail(err, KW_EPARSE, "a quoted field begins on line %ld and does not end", c->line);
        bool closes = memchr(line, '"', len) != NULL; /* a line without one cannot: splitting each anew is quadratic */
        if ((st = join(c, line, len, err)) != KW_OK) return st;
        if (closes) how = split(c->joined, c->joined_n, c->sep, field, n);
    }
    *more = true;
    if (how == STRAY) return kw_fail(err, KW_EPARSE, "text after a closing quote");
    return how == TOO_MANY ? kw_fail(err, KW_EPARSE, "more than %d columns", KW_CSV_MAX) : KW_OK;
}

static enum kw_status read_header(struct kw_csv *c, struct kw_error *err)
{
    bool more;
    enum kw_status st = row(c, c->field, &c->n, &more, err);
    if (st != KW_OK) return st;
    if (!more) return kw_fail(err, KW_EPARSE, "is empty: want a header line with column names");
    const char *from = c->field[0].p;
    size_t size = (size_t)(c->field[c->n - 1].p + c->field[c->n - 1].n - from) + 1;
    if (!(c->header = malloc(size))) return kw_fail(err, KW_ENOMEM, "out of memory for the header");
    memcpy(c->header, from, size);
    for (size_t i = 0; i < c->n; i++)
        c->name[i] = kw_span_trimmed((struct kw_span){ c->header + (c->field[i].p - from), c->field[i].n });
    return KW_OK;
}

enum kw_status kw_csv_begin(struct kw_csv *c, struct kw_source *s, struct kw_error *err)
{
    memset(c, 0, sizeof *c);
    c->s = s;
    return read_header(c, err);
}

static enum kw_status begin_own(struct kw_csv *c, struct kw_error *err)
{
    c->s = &c->own;
    enum kw_status st = placed(c, read_header(c, err), err);
    if (st != KW_OK) kw_csv_close(c);
    return st;
}

enum kw_status kw_csv_open(struct kw_csv *c, const char *path, struct kw_error *err)
{
    memset(c, 0, sizeof *c);
    enum kw_status st = kw_source_open(&c->own, path, err);
    return st == KW_OK ? begin_own(c, err) : st;
}

enum kw_status kw_csv_memory(struct kw_csv *c, const char *name, const char *text, size_t n, struct kw_error *err)
{
    memset(c, 0, sizeof *c);
    enum kw_status st = kw_source_memory(&c->own, name, text, n, err);
    return st == KW_OK ? begin_own(c, err) : st;
}

void kw_csv_close(struct kw_csv *c)
{
    if (c->s == &c->own) kw_source_close(&c->own);
    free(c->header);
    free(c->joined);
    c->header = c->joined = NULL;
    c->s = NULL;
    c->n = 0;
}

int kw_csv_column(const struct kw_csv *c, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < c->n; i++)
        if (c->name[i].n == n && memcmp(c->name[i].p, name, n) == 0) return (int)i;
    return -1;
}

enum kw_status kw_csv_need(const struct kw_csv *c, const char *name, int *at, struct kw_error *err)
{
    if ((*at = kw_csv_column(c, name)) >= 0) return KW_OK;
    char list[300];
    size_t used = 0;
    list[0] = 0;
    for (size_t i = 0; i < c->n && used + 60 < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.*s", i ? ", " : "",
                                 (int)(c->name[i].n < 40 ? c->name[i].n : 40), c->name[i].p);
    return placed(c, kw_fail(err, KW_EPARSE, "no column '%.60s'; the header has: %s", name, list), err);
}

enum kw_status kw_csv_next(struct kw_csv *c, bool *more, struct kw_error *err)
{
    size_t k = 0;
    enum kw_status st = row(c, c->field, &k, more, err);
    if (st == KW_OK && *more && k != c->n) st = kw_fail(err, KW_EPARSE, "%zu fields, but the header has %zu", k, c->n);
    if (st != KW_OK) *more = false;
    return placed(c, st, err);
}

enum kw_status kw_csv_f64(const struct kw_csv *c, int column, double lo, double hi, double *out, struct kw_error *err)
{
    assert(column >= 0 && (size_t)column < c->n);
    const char *s = c->field[column].p;
    char *end;
    double v = strtod(s, &end);
    if (end != s && !*end && isfinite(v) && v >= lo && v <= hi) {
        *out = v;
        return KW_OK;
    }
    return placed(c,
                  kw_fail(err, end == s || *end ? KW_EPARSE : KW_ERANGE, "%.*s: want a number in %g..%g, got \"%.40s\"",
                          (int)c->name[column].n, c->name[column].p, lo, hi, s),
                  err);
}

bool kw_csv_has(const char *head, size_t n, const char *const names[])
{
    if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) head += 3, n -= 3;
    while (n && (*head == '\n' || *head == '\r')) head++, n--;
    const char *nl = memchr(head, '\n', n);
    if (nl) n = (size_t)(nl - head);
    if (n && head[n - 1] == '\r') n--;
    char sep = separator(head, n);
    for (; *names; names++) {
        bool found = false;
        for (const char *p = head, *end = head + n; !found && p < end;) {
            const char *stop = memchr(p, sep, (size_t)(end - p));
            if (!stop) stop = end;
            struct kw_span f = kw_span_trimmed((struct kw_span){ p, (size_t)(stop - p) });
            if (f.n >= 2 && f.p[0] == '"' && f.p[f.n - 1] == '"') f.p++, f.n -= 2;
            found = f.n == strlen(*names) && memcmp(f.p, *names, f.n) == 0;
            p = stop + 1;
        }
        if (!found) return false;
    }
    return true;
}
