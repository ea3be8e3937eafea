#include "sim/core/files/csv.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/word_scan.h"

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

/* Where the fields of line[0..n), behind which lies a NUL, stand: each as it is written, between its quotes if it has any.
 * doubled: quotes inside it are. Nothing is written, so that a line that ends inside a quote can be split again with the
 * next one behind it. */
static enum split find_fields(const char *line, size_t n, char sep, struct kw_span *field, bool *doubled, size_t *count)
{
    const char *p = line, *end = line + n;
    size_t k = 0;
    for (; k < KW_CSV_MAX; p++) {
        doubled[k] = false;
        if (*p == '"') { /* "a ""quoted"" field" */
            const char *start = ++p;
            while ((p = kw_word_find(p, end, '"')) < end && p[1] == '"') doubled[k] = true, p += 2;
            if (p >= end) return OPEN;
            field[k++] = (struct kw_span){ start, (size_t)(p - start) };
            if (++p < end && *p != sep) return ends_inside_quotes(line, end, sep) ? OPEN : STRAY;
        } else {
            const char *start = p;
            p = kw_word_find(p, end, sep);
            field[k++] = (struct kw_span){ start, (size_t)(p - start) };
        }
        if (p == end) {
            *count = k;
            return WHOLE;
        }
    }
    return ends_inside_quotes(line, end, sep) ? OPEN : TOO_MANY;
}

/* Where each field of line[0..n) ends, into stop[0..*count), which has room for 64 more, for text whose quotes all stand where they open a field, close
 * it, or are doubled; 64 bytes at a time: a byte lies inside quotes where an odd number of them are before it (Langdale and
 * Lemire, Parsing Gigabytes of JSON per Second, VLDB Journal 28, 2019, 3.1.1). KW_SOURCE_SLACK bytes behind the line are
 * read, whatever they are. false: it is not so, a quote stays open, or there are too many fields. */
static bool find_stops(const char *line, size_t n, char sep, uint32_t *stop, size_t *count)
{
    uint64_t open = 0;               /* all bits: inside quotes */
    uint64_t before = 1, closed = 0; /* the byte before: a separator or a quote; a quote that closes */
    size_t k = 0;
    for (size_t at = 0; at <= n; at += 64) {
        uint64_t quote = kw_word_mask(line + at, '"'), sought = kw_word_mask(line + at, sep);
        if (n - at < 64) { /* the line's end is a separator, too */
            uint64_t end = UINT64_C(1) << (n - at);
            quote &= end - 1;
            sought = (sought & (end - 1)) | end;
        }
        uint64_t inside = quote ? kw_word_parity(quote) ^ open : open;
        sought &= ~inside;
        uint64_t edge = quote | sought, opens = quote & inside, closes = quote & ~inside;
        if (opens & ~(edge << 1 | before)) return false;                          /* in the midst of a field */
        if ((closes & ~(edge >> 1) & INT64_MAX) | (closed & ~edge)) return false; /* before its end */
        before = edge >> 63;
        closed = closes >> 63;
        open = inside >> 63 ? UINT64_MAX : 0;
        for (; sought; sought &= sought - 1) stop[k++] = (uint32_t)(at + (size_t)__builtin_ctzll(sought));
        if (k > KW_CSV_MAX) return false;
    }
    *count = k;
    return !open;
}

/* Copies p[0..k), and up to 31 bytes more: mostly it is a word or two, not worth a call. */
static inline void copy_short(char *to, const char *p, size_t k)
{
    if (k > 32) {
        memcpy(to, p, k);
        return;
    }
    memcpy(to, p, 16);
    memcpy(to + 16, p + 16, 16);
}

/* p[0..n) to `to` without one of each two quotes; KW_SOURCE_SLACK bytes behind it are read, and as many written. Returns
 * what is left of n. */
static size_t undouble(char *to, const char *p, size_t n)
{
    const char *from = p, *stop = p + n;
    char *begin = to;
    uint64_t second = 0; /* all bits: the next quote is the second of two */
    for (size_t at = 0; at < n; at += 64) {
        uint64_t quote = kw_word_mask(p + at, '"');
        if (n - at < 64) quote &= (UINT64_C(1) << (n - at)) - 1;
        uint64_t odd = kw_word_parity(quote) ^ second, first = quote & odd;
        second = odd >> 63 ? UINT64_MAX : 0;
        for (; first; first &= first - 1) {
            const char *last = p + at + __builtin_ctzll(first);
            size_t k = (size_t)(last + 1 - from);
            copy_short(to, from, k);
            to += k;
            from = last + 2;
        }
    }
    if (from < stop) {
        memcpy(to, from, (size_t)(stop - from));
        to += stop - from;
    }
    return (size_t)(to - begin);
}

/* One field that is wanted, where it stands in the line between its quotes: undone in a copy behind *plain if any inside it
 * are doubled, a NUL written behind it. */
static void put_field(struct kw_csv *c, size_t i, char *p, size_t n, bool doubled, char **plain)
{
    if (doubled) {
        n = undouble(*plain, p, n);
        p = *plain;
        *plain += n + 1;
    }
    p[n] = 0;
    c->field[i] = (struct kw_span){ p, n };
}

/* Splits line[0..n) and hands out the fields that are wanted. c->plain has room. */
static enum split split(struct kw_csv *c, char *line, size_t n, size_t *count)
{
    struct kw_span field[KW_CSV_MAX];
    bool doubled[KW_CSV_MAX];
    uint32_t stop[KW_CSV_MAX + 64];
    char *plain = c->plain;
    const bool fast = find_stops(line, n, c->sep, stop, count);
    const enum split how = fast ? WHOLE : find_fields(line, n, c->sep, field, doubled, count);
    if (how != WHOLE) return how;
    for (size_t k = 0; k < (c->wanted ? c->n_wanted : *count); k++) {
        const size_t i = c->wanted ? c->wanted[k] : k;
        if (i >= *count) break;
        if (fast) {
            size_t begin = i ? stop[i - 1] + 1 : 0, length = stop[i] - begin;
            bool quoted = length && line[begin] == '"'; /* maybe some are doubled: undouble looks */
            put_field(c, i, line + begin + quoted, length - 2 * quoted, quoted, &plain);
        } else {
            put_field(c, i, line + (field[i].p - line), field[i].n, doubled[i], &plain);
        }
    }
    return WHOLE;
}

/* What fields of a line of n bytes come to without their doubled quotes, and what copies may run over. */
static enum kw_status room_for_plain(struct kw_csv *c, size_t n, struct kw_error *err)
{
    size_t need = n + KW_CSV_MAX + KW_SOURCE_SLACK;
    if (need <= c->plain_cap) return KW_OK;
    char *more = realloc(c->plain, 2 * need);
    if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for a row of %zu bytes", n);
    c->plain = more;
    c->plain_cap = 2 * need;
    return KW_OK;
}

static char separator(const char *line, size_t n)
{
    if (memchr(line, ',', n)) return ',';
    if (memchr(line, '\t', n)) return '\t';
    if (memchr(line, ';', n)) return ';';
    return memchr(line, '|', n) ? '|' : ',';
}

/* "sep=;", which spreadsheets write in front of the header and read: its separator, else 0. */
static char stated_separator(const char *line, size_t n)
{
    return n == 5 && memcmp(line, "sep=", 4) == 0 ? line[4] : 0;
}

/* Where kw_csv_open's caller has to look. */
static enum kw_status placed(const struct kw_csv *c, enum kw_status st, struct kw_error *err)
{
    if (st != KW_OK && c->s == &c->own) kw_where(err, c->own.name, c->line);
    return st;
}

static enum kw_status no_end(struct kw_csv *c, struct kw_error *err)
{
    c->open = true;
    return kw_fail(err, KW_EPARSE, "a quoted field begins on line %ld and does not end", c->line);
}

/* Puts line[0..n) behind what is joined, a newline between them. */
static enum kw_status join(struct kw_csv *c, const char *line, size_t n, struct kw_error *err)
{
    size_t had = c->joined_n, need = had + n + 2;
    if (need > KW_SOURCE_MAX_LINE) return no_end(c, err);
    if (need > c->joined_cap) {
        char *more = realloc(c->joined, 2 * need + KW_SOURCE_SLACK);
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

/* The next row that is not blank into c->field[0..*n), or *more false. sep 0: the row decides. */
static enum kw_status row(struct kw_csv *c, size_t *n, bool *more, struct kw_error *err)
{
    char *line;
    size_t len;
    enum kw_status st;
    char stated;
    *more = false;
    do {
        st = kw_source_line(c->s, &line, &len, err);
        c->line = c->s->line;
        if (st != KW_OK || !line) return st;
        stated = c->sep ? 0 : stated_separator(line, len);
        if (stated) c->sep = stated;
    } while (len == 0 || stated);
    if (!c->sep) c->sep = separator(line, len);
    if ((st = room_for_plain(c, len, err)) != KW_OK) return st;
    enum split how = split(c, line, len, n);
    c->joined_n = 0;
    if (how == OPEN && (st = join(c, line, len, err)) != KW_OK) return st;
    while (how == OPEN) {
        if ((st = kw_source_line(c->s, &line, &len, err)) != KW_OK) return st;
        if (!line) return no_end(c, err);
        bool closes = memchr(line, '"', len) != NULL; /* a line without one cannot: splitting each anew is quadratic */
        if ((st = join(c, line, len, err)) != KW_OK) return st;
        if ((st = room_for_plain(c, c->joined_n, err)) != KW_OK) return st;
        if (closes) how = split(c, c->joined, c->joined_n, n);
    }
    *more = true;
    if (how == STRAY) return kw_fail(err, KW_EPARSE, "text after a closing quote");
    return how == TOO_MANY ? kw_fail(err, KW_EPARSE, "more than %d columns", KW_CSV_MAX) : KW_OK;
}

static enum kw_status read_header(struct kw_csv *c, struct kw_error *err)
{
    bool more;
    enum kw_status st = row(c, &c->n, &more, err);
    if (st != KW_OK) return st;
    if (!more) return kw_fail(err, KW_EPARSE, "is empty: want a header line with column names");
    size_t size = 0;
    for (size_t i = 0; i < c->n; i++) size += c->field[i].n + 1;
    char *to = c->header = malloc(size);
    if (!to) return kw_fail(err, KW_ENOMEM, "out of memory for the header");
    for (size_t i = 0; i < c->n; i++) {
        struct kw_span f = c->field[i];
        memcpy(to, f.p, f.n);
        to[f.n] = 0;
        c->name[i] = kw_span_trimmed((struct kw_span){ to, f.n });
        to += f.n + 1;
    }
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
    free(c->plain);
    c->header = c->joined = c->plain = NULL;
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
    enum kw_status st = row(c, &k, more, err);
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

/* Past line ends; the length of the line that begins there. */
static size_t first_line(const char **head, size_t *n)
{
    while (*n && (**head == '\n' || **head == '\r')) ++*head, --*n;
    const char *nl = memchr(*head, '\n', *n);
    size_t length = nl ? (size_t)(nl - *head) : *n;
    return length - (length && (*head)[length - 1] == '\r');
}

bool kw_csv_has(const char *head, size_t n, const char *const names[])
{
    if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) head += 3, n -= 3;
    size_t length = first_line(&head, &n);
    char stated = stated_separator(head, length);
    if (stated) head += length, n -= length, length = first_line(&head, &n);
    n = length;
    char sep = stated ? stated : separator(head, n);
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
