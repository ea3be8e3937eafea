#include "calibrate/import/csv_table.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX_BYTES ((size_t)64 << 20)

void kw_csv_table_close(struct kw_csv_table *c)
{
    free(c->path);
    free(c->text);
    *c = (struct kw_csv_table){ 0 };
}

static enum kw_status fail_at(const struct kw_csv_table *c, enum kw_status st, struct kw_error *err)
{
    kw_where(err, c->path, c->line);
    return st;
}

/* Splits the record at c->next in place: unquotes, ends each field with a NUL. */
static enum kw_status split(struct kw_csv_table *c, const char **field, size_t *n, struct kw_error *err)
{
    char *r = c->next, *w = c->next;
    *n = 0;
    c->line++;
    for (;;) {
        if (*n == KW_CSV_TABLE_MAX_COLUMNS)
            return fail_at(c, kw_fail(err, KW_EPARSE, "more than %d columns", KW_CSV_TABLE_MAX_COLUMNS), err);
        field[(*n)++] = w;
        if (*r == '"') {
            for (r++; *r && !(*r == '"' && r[1] != '"');) {
                if (*r == '"') r++;
                if (*r == '\n') c->line++;
                *w++ = *r++;
            }
            if (!*r) return fail_at(c, kw_fail(err, KW_EPARSE, "a quoted field does not end"), err);
            r++;
        }
        while (*r && *r != ',' && *r != '\n') *w++ = *r++;
        char end = *r;
        if (end != ',' && w > field[*n - 1] && w[-1] == '\r') w--;
        if (end) r++; /* before *w is written: w may be where end was */
        *w++ = 0;
        if (end != ',') break;
    }
    c->next = r;
    return KW_OK;
}

static enum kw_status read_header(struct kw_csv_table *c, struct kw_error *err)
{
    c->next = c->text;
    if (!strncmp(c->next, "\xef\xbb\xbf", 3)) c->next += 3;
    if (!*c->next) return fail_at(c, kw_fail(err, KW_EPARSE, "empty file, want a header line"), err);
    return split(c, c->header, &c->n_columns, err);
}

/* Takes text over (one spare byte behind text[len]). */
static enum kw_status adopt(struct kw_csv_table *c, const char *path, char *text, size_t len, struct kw_error *err)
{
    *c = (struct kw_csv_table){ .text = text };
    text[len] = 0;
    c->path = malloc(strlen(path) + 1);
    enum kw_status st = c->path ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) {
        strcpy(c->path, path);
        if (strlen(text) != len) st = fail_at(c, kw_fail(err, KW_EPARSE, "a NUL byte: not a CSV file"), err);
    }
    if (st == KW_OK) st = read_header(c, err);
    if (st != KW_OK) kw_csv_table_close(c);
    return st;
}

enum kw_status kw_csv_table_parse(struct kw_csv_table *c, const char *name, const char *text, size_t len,
                                  struct kw_error *err)
{
    *c = (struct kw_csv_table){ 0 };
    char *copy = malloc(len + 1);
    if (!copy) return kw_fail(err, KW_ENOMEM, "out of memory");
    memcpy(copy, text, len);
    return adopt(c, name, copy, len, err);
}

enum kw_status kw_csv_table_open(struct kw_csv_table *c, const char *path, struct kw_error *err)
{
    *c = (struct kw_csv_table){ 0 };
    errno = 0;
    gzFile f = gzopen(path, "rb"); /* reads a plain file as it is */
    if (!f)
        return kw_fail(err, errno ? KW_EINPUT : KW_ENOMEM, "%s: %s", path, errno ? strerror(errno) : "out of memory");
    size_t len = 0, cap = 1 << 16;
    char *text = malloc(cap + 1);
    enum kw_status st = text ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    while (st == KW_OK) {
        int got = gzread(f, text + len, (unsigned)(cap - len));
        if (got < 0) {
            int code;
            const char *why = gzerror(f, &code);
            st = kw_fail(err, KW_EINPUT, "%s: %s", path, code == Z_ERRNO ? strerror(errno) : why);
        } else if (got == 0) {
            break;
        } else if ((len += (size_t)got) == cap) {
            char *more = cap < MAX_BYTES ? realloc(text, 2 * cap + 1) : NULL;
            if (!more) {
                st = cap < MAX_BYTES ? kw_fail(err, KW_ENOMEM, "out of memory")
                                     : kw_fail(err, KW_ERANGE, "%s: larger than %zu MiB", path, MAX_BYTES >> 20);
            } else {
                text = more;
                cap *= 2;
            }
        }
    }
    if (gzclose(f) != Z_OK && st == KW_OK) st = kw_fail(err, KW_EINPUT, "%s: truncated gzip", path);
    if (st != KW_OK) {
        free(text);
        return st;
    }
    return adopt(c, path, text, len, err);
}

enum kw_status kw_csv_table_column(const struct kw_csv_table *c, const char *name, size_t *index, struct kw_error *err)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (!strcmp(c->header[i], name)) {
            *index = i;
            return KW_OK;
        }
    return kw_fail(err, KW_EPARSE, "%s: no column \"%s\"", c->path, name);
}

enum kw_status kw_csv_table_next(struct kw_csv_table *c, bool *more, struct kw_error *err)
{
    while (*c->next == '\n' || (*c->next == '\r' && c->next[1] == '\n')) {
        c->next += *c->next == '\r' ? 2 : 1;
        c->line++;
    }
    *more = *c->next != 0;
    if (!*more) return KW_OK;
    size_t n;
    enum kw_status st = split(c, c->field, &n, err);
    if (st == KW_OK && n != c->n_columns)
        st = fail_at(c, kw_fail(err, KW_EPARSE, "want %zu fields, got %zu", c->n_columns, n), err);
    return st;
}

enum kw_status kw_csv_table_f64(const struct kw_csv_table *c, size_t index, double lo, double hi, double *out,
                                struct kw_error *err)
{
    const char *s = c->field[index];
    char *end;
    double v = strtod(s, &end);
    if (end == s || *end || !isfinite(v) || v < lo || v > hi)
        return fail_at(c,
                       kw_fail(err, end == s || *end ? KW_EPARSE : KW_ERANGE,
                               "%s: want a number in %g..%g, got \"%.40s\"", c->header[index], lo, hi, s),
                       err);
    *out = v;
    return KW_OK;
}
