#include "sim/io/text_table.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LEAST = 7 }; /* columns that a left-aligned cell keeps */

static void widen(struct kw_text_table *t, int c, const char *s)
{
    int w = kw_text_width(s);
    if (w > t->column[c].width) t->column[c].width = w;
}

void kw_text_table_column(struct kw_text_table *t, const char *head, const char *unit, bool right)
{
    assert(t->n_columns < KW_TEXT_TABLE_MAX_COLUMNS && t->n_cells == 0);
    int c = t->n_columns++;
    t->column[c].head = head;
    t->column[c].unit = unit;
    t->column[c].right = right;
    t->column[c].width = 0;
    widen(t, c, head);
    widen(t, c, unit);
}

void kw_text_table_cell(struct kw_text_table *t, const char *fmt, ...)
{
    if (t->failed) return;
    if (t->n_cells == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        char **cell = realloc(t->cell, cap * sizeof *cell);
        if (!cell) {
            t->failed = true;
            return;
        }
        t->cell = cell;
        t->cap = cap;
    }
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = malloc((size_t)n + 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    else
        t->failed = true;
    va_end(again);
    if (!s) return;
    for (char *p = s; *p; p++)
        if (*p == '\n' || *p == '\t') *p = '?'; /* of a name: a cell is of one line */
    widen(t, (int)(t->n_cells % (size_t)t->n_columns), s);
    t->cell[t->n_cells++] = s;
}

/* The last n code points of s. */
static const char *tail_of(const char *s, int n)
{
    int skip = kw_text_width(s) - n;
    while (*s && skip > 0)
        if (((unsigned char)*++s & 0xc0) != 0x80) skip--;
    return s;
}

static int by_head(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_tail(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    size_t i = strlen(x), j = strlen(y);
    for (; i && j; i--, j--)
        if (x[i - 1] != y[j - 1]) return (unsigned char)x[i - 1] < (unsigned char)y[j - 1] ? -1 : 1;
    return (i > 0) - (j > 0);
}

/* Whether two cells that differ would read the same, cut to width columns at their begin or their end. Sorted, the
 * nearest cells are neighbours. */
static bool confuses(const char **cell, size_t n, int width, bool from_begin)
{
    const char *last = NULL;
    qsort(cell, n, sizeof *cell, from_begin ? by_tail : by_head);
    for (size_t i = 0; i < n; i++) {
        const char *s = cell[i];
        if (kw_text_width(s) <= width) continue; /* not cut, so like no other */
        if (last && strcmp(last, s)) {
            const char *x = from_begin ? tail_of(last, width - 1) : last, *y = from_begin ? tail_of(s, width - 1) : s;
            size_t bytes = from_begin ? strlen(y) + 1 : strlen(s) - strlen(tail_of(s, kw_text_width(s) - width + 1));
            if (!strncmp(x, y, bytes)) return true;
        }
        last = s;
    }
    return false;
}

/* How the column that names the rows is cut: the first left-aligned one. */
struct naming {
    int column, least; /* -1: there is none */
    bool from_begin;   /* where cutting the end would make two names one */
    const char **cell; /* [n], the names, sorted as the last question wanted */
    size_t n;
};

static enum kw_status naming_start(struct naming *m, const struct kw_text_table *t)
{
    *m = (struct naming){ .column = 0, .least = NAME_LEAST };
    while (m->column < t->n_columns && t->column[m->column].right) m->column++;
    if (m->column == t->n_columns) m->column = -1;
    if (m->column < 0 || !t->n_cells) return KW_OK;
    m->cell = malloc(t->n_cells * sizeof *m->cell);
    if (!m->cell) return KW_ENOMEM;
    for (size_t i = (size_t)m->column; i < t->n_cells; i += (size_t)t->n_columns) m->cell[m->n++] = t->cell[i];
    while (m->least < t->column[m->column].width && confuses(m->cell, m->n, m->least, false) &&
           confuses(m->cell, m->n, m->least, true))
        m->least++;
    return KW_OK;
}

/* Cuts the widest left-aligned column, a column at a time, until the rows fit or nothing is left to cut: false. */
static bool fit(const struct kw_text_table *t, const struct naming *m, int width[])
{
    for (;;) {
        int sum = 0, widest = -1;
        for (int c = 0; c < t->n_columns; c++) {
            sum += width[c] + 2;
            if (!t->column[c].right && width[c] > (c == m->column ? m->least : NAME_LEAST) &&
                (widest < 0 || width[c] > width[widest]))
                widest = c;
        }
        if (sum <= KW_TEXT_TABLE_WIDTH || widest < 0) return sum <= KW_TEXT_TABLE_WIDTH;
        width[widest]--;
    }
}

static void put(const struct kw_text_table *t, const int width[], int c, const char *s, bool from_begin,
                struct kw_text *out)
{
    kw_text_add(out, "  ");
    if (from_begin && kw_text_width(s) > width[c])
        kw_text_add(out, "…%s", tail_of(s, width[c] - 1));
    else
        kw_text_pad(out, s, t->column[c].right ? -width[c] : width[c]);
    if (c < t->n_columns - 1) return;
    kw_text_trim(out);
    kw_text_add(out, "\n");
}

void kw_text_table_print(const struct kw_text_table *t, struct kw_text *out)
{
    int width[KW_TEXT_TABLE_MAX_COLUMNS];
    bool units = false;
    struct naming m;
    if (t->failed || naming_start(&m, t) != KW_OK) {
        out->failed = true;
        return;
    }
    for (int c = 0; c < t->n_columns; c++) {
        width[c] = t->column[c].width;
        units |= t->column[c].unit[0] != 0;
    }
    bool beside = fit(t, &m, width); /* else each name has a line of its own, above its row */
    if (!beside) {
        m.least = NAME_LEAST;
        fit(t, &m, width);
    }
    m.from_begin = beside && m.n && confuses(m.cell, m.n, width[m.column], false);
    free(m.cell);
    for (int c = 0; c < t->n_columns; c++) put(t, width, c, t->column[c].head, false, out);
    for (int c = 0; units && c < t->n_columns; c++) put(t, width, c, t->column[c].unit, false, out);
    for (int c = 0; c < t->n_columns; c++) {
        kw_text_add(out, "  ");
        for (int i = 0; i < width[c]; i++) kw_text_add(out, "─");
    }
    kw_text_add(out, "\n");
    for (size_t i = 0; i < t->n_cells; i++) {
        int c = (int)(i % (size_t)t->n_columns);
        if (!beside && c == 0 && m.column >= 0) {
            kw_text_add(out, "  ");
            kw_text_fold(out, t->cell[i + (size_t)m.column], 2, KW_TEXT_TABLE_WIDTH);
        }
        put(t, width, c, beside || c != m.column ? t->cell[i] : "", m.from_begin && c == m.column, out);
    }
}

void kw_text_table_free(struct kw_text_table *t)
{
    for (size_t i = 0; i < t->n_cells; i++) free(t->cell[i]);
    free(t->cell);
    *t = (struct kw_text_table){ 0 };
}
