#include "sim/io/text_table.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Cuts the widest left-aligned column, a column at a time, until the rows fit; a name keeps at least 8 columns. */
static void fit(const struct kw_text_table *t, int width[])
{
    for (;;) {
        int sum = 0, widest = -1;
        for (int c = 0; c < t->n_columns; c++) {
            sum += width[c] + 2;
            if (!t->column[c].right && width[c] > 8 && (widest < 0 || width[c] > width[widest])) widest = c;
        }
        if (sum <= KW_TEXT_TABLE_WIDTH || widest < 0) return;
        width[widest]--;
    }
}

static void put(const struct kw_text_table *t, const int width[], int c, const char *s, struct kw_text *out)
{
    kw_text_add(out, "  ");
    kw_text_pad(out, s, t->column[c].right ? -width[c] : width[c]);
    if (c < t->n_columns - 1) return;
    kw_text_trim(out);
    kw_text_add(out, "\n");
}

void kw_text_table_print(const struct kw_text_table *t, struct kw_text *out)
{
    int width[KW_TEXT_TABLE_MAX_COLUMNS];
    bool units = false;
    for (int c = 0; c < t->n_columns; c++) {
        width[c] = t->column[c].width;
        units |= t->column[c].unit[0] != 0;
    }
    fit(t, width);
    for (int c = 0; c < t->n_columns; c++) put(t, width, c, t->column[c].head, out);
    for (int c = 0; units && c < t->n_columns; c++) put(t, width, c, t->column[c].unit, out);
    for (int c = 0; c < t->n_columns; c++) {
        kw_text_add(out, "  ");
        for (int i = 0; i < width[c]; i++) kw_text_add(out, "─");
    }
    kw_text_add(out, "\n");
    for (size_t i = 0; i < t->n_cells; i++) put(t, width, (int)(i % (size_t)t->n_columns), t->cell[i], out);
    if (t->failed) out->failed = true;
}

void kw_text_table_free(struct kw_text_table *t)
{
    for (size_t i = 0; i < t->n_cells; i++) free(t->cell[i]);
    free(t->cell);
    *t = (struct kw_text_table){ 0 };
}
