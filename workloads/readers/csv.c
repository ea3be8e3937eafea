#include "workloads/readers/csv.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Splits line[0..n) in place into at most KW_CSV_MAX fields. */
static enum kw_status split(char *line, size_t n, char sep, struct kw_span *field, size_t *count, struct kw_error *err)
{
    char *p = line, *end = line + n;
    size_t k = 0;
    for (;;) {
        if (k == KW_CSV_MAX) return kw_fail(err, KW_EPARSE, "more than %d columns", KW_CSV_MAX);
        if (p < end && *p == '"') { /* "a ""quoted"" field": undo the doubling in place */
            char *w = ++p, *start = p;
            for (;; p++) {
                if (p == end) return kw_fail(err, KW_EPARSE, "a quote is left open (a field may not span lines)");
                if (*p == '"' && (p + 1 == end || p[1] != '"')) break;
                if (*p == '"') p++;
                *w++ = *p;
            }
            field[k++] = (struct kw_span){ start, (size_t)(w - start) };
            if (++p < end && *p != sep) return kw_fail(err, KW_EPARSE, "text after a closing quote");
            if (p >= end) break;
            p++;
        } else {
            char *stop = memchr(p, sep, (size_t)(end - p));
            if (!stop) stop = end;
            field[k++] = (struct kw_span){ p, (size_t)(stop - p) };
            if (stop == end) break;
            p = stop + 1;
        }
    }
    *count = k;
    return KW_OK;
}

static struct kw_span trimmed(struct kw_span s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
    return s;
}

static char separator(const char *line, size_t n)
{
    if (memchr(line, ',', n)) return ',';
    if (memchr(line, '\t', n)) return '\t';
    return memchr(line, ';', n) ? ';' : ',';
}

enum kw_status kw_csv_begin(struct kw_csv *c, struct kw_source *s, struct kw_error *err)
{
    char *line;
    size_t n;
    memset(c, 0, sizeof *c);
    do {
        enum kw_status st = kw_source_line(s, &line, &n, err);
        if (st != KW_OK) return st;
        if (!line) return kw_fail(err, KW_EPARSE, "is empty: want a header line with column names");
    } while (n == 0);
    if (!(c->header = malloc(n + 1))) return kw_fail(err, KW_ENOMEM, "out of memory for the header");
    memcpy(c->header, line, n + 1);
    c->sep = separator(line, n);
    enum kw_status st = split(c->header, n, c->sep, c->name, &c->n, err);
    for (size_t i = 0; st == KW_OK && i < c->n; i++) c->name[i] = trimmed(c->name[i]);
    return st;
}

void kw_csv_free(struct kw_csv *c)
{
    free(c->header);
    c->header = NULL;
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
    return kw_fail(err, KW_EPARSE, "no column '%.60s'; the header has: %s", name, list);
}

enum kw_status kw_csv_next(struct kw_csv *c, struct kw_source *s, bool *more, struct kw_error *err)
{
    char *line;
    size_t n, k = 0;
    *more = false;
    do {
        enum kw_status st = kw_source_line(s, &line, &n, err);
        if (st != KW_OK || !line) return st;
    } while (n == 0);
    enum kw_status st = split(line, n, c->sep, c->field, &k, err);
    if (st != KW_OK) return st;
    if (k != c->n) return kw_fail(err, KW_EPARSE, "%zu fields, but the header has %zu", k, c->n);
    *more = true;
    return KW_OK;
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
            struct kw_span f = trimmed((struct kw_span){ p, (size_t)(stop - p) });
            if (f.n >= 2 && f.p[0] == '"' && f.p[f.n - 1] == '"') f.p++, f.n -= 2;
            found = f.n == strlen(*names) && memcmp(f.p, *names, f.n) == 0;
            p = stop + 1;
        }
        if (!found) return false;
    }
    return true;
}
