#include "sim/io/text_table.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/document.h"

/* Terminal columns that left-aligned cells keep: a folded one if it may, a name's, a folded one if it must. */
enum { FOLD_WISH = 24, NAME_LEAST = 12, FOLD_LEAST = 10 };

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

static int head_width(const struct kw_text_table *t, int c)
{
    int head = kw_text_width(t->column[c].head), unit = kw_text_width(t->column[c].unit);
    return head > unit ? head : unit;
}

/* The widest left-aligned column wider than least: the one that names the rows, or one of the others; -1: none. */
static int widest(const struct kw_text_table *t, const int width[], int name, bool named, int least)
{
    int w = -1;
    for (int c = 0; c < t->n_columns; c++)
        if (!t->column[c].right && (c == name) == named && width[c] > least && width[c] > head_width(t, c) &&
            (w < 0 || width[c] > width[w]))
            w = c;
    return w;
}

static int row_width(const struct kw_text_table *t, const int width[])
{
    int sum = 0;
    for (int c = 0; c < t->n_columns; c++) sum += width[c] + 2;
    return sum;
}

/* Narrows left-aligned columns, a column at a time, until the rows fit or nothing is left to narrow. */
static void fit(const struct kw_text_table *t, int width[], int name, int columns)
{
    while (row_width(t, width) > columns) {
        int c = widest(t, width, name, false, FOLD_WISH);
        if (c < 0) c = widest(t, width, name, true, NAME_LEAST);
        if (c < 0) c = widest(t, width, name, false, FOLD_LEAST);
        if (c < 0) return;
        width[c]--;
    }
}

/* Where none of the names fits, their column need not be wide, and the others get what it leaves. */
static void stand_names_above(const struct kw_text_table *t, int width[], int name, int columns)
{
    if (name < 0 || width[name] == t->column[name].width) return;
    for (size_t i = (size_t)name; i < t->n_cells; i += (size_t)t->n_columns)
        if (kw_text_width(t->cell[i]) <= width[name]) return;
    for (int c = 0; c < t->n_columns; c++)
        if (c != name) width[c] = t->column[c].width;
    width[name] = head_width(t, name);
    fit(t, width, name, columns);
}

/* The first n bytes of s. */
static void put(const struct kw_text_table *t, const int width[], int c, const char *s, size_t n, struct kw_text *out)
{
    int blanks = width[c];
    for (size_t i = 0; i < n; i++) blanks -= ((unsigned char)s[i] & 0xc0) != 0x80;
    if (blanks < 0) blanks = 0;
    kw_text_add(out, "  %*s%.*s%*s", t->column[c].right ? blanks : 0, "", (int)n, s, t->column[c].right ? 0 : blanks,
                "");
    if (c < t->n_columns - 1) return;
    kw_text_trim(out);
    kw_text_add(out, "\n");
}

/* How many bytes of s make its next line of at most `width` columns: whole words where one fits; *skip those after. */
static size_t next_line(const char *s, int width, size_t *skip)
{
    size_t end = 0, blank = 0;
    for (int w = 0; s[end]; end++) {
        if (((unsigned char)s[end] & 0xc0) != 0x80 && ++w > width) break;
        if (s[end] == ' ') blank = end;
    }
    size_t n = s[end] && s[end] != ' ' && blank ? blank : end;
    *skip = n + strspn(s + n, " ");
    return n;
}

/* A row, its cells taken to their ends line by line: "" for what stands above it. */
static void put_row(const struct kw_text_table *t, const int width[], int name, const char *cell[], struct kw_text *out)
{
    for (bool more = true; more;) {
        more = false;
        for (int c = 0; c < t->n_columns; c++) {
            size_t n = strlen(cell[c]), skip = n;
            if (!t->column[c].right && c != name) n = next_line(cell[c], width[c], &skip);
            put(t, width, c, cell[c], n, out);
            cell[c] += skip;
            more |= *cell[c] != 0;
        }
    }
}

static void keep(const struct kw_text_table *t, struct kw_document *d)
{
    for (int c = 0; c < t->n_columns; c++)
        kw_document_keep(d, t->column[c].right ? KW_BLOCK_RIGHT : KW_BLOCK_LEFT, t->column[c].unit, t->column[c].head);
    for (size_t i = 0; i < t->n_cells; i++) kw_document_keep(d, KW_BLOCK_CELL, "", t->cell[i]);
}

void kw_text_table_print(const struct kw_text_table *t, struct kw_text *out)
{
    int width[KW_TEXT_TABLE_MAX_COLUMNS], name = 0, columns = kw_text_columns(out);
    bool units = false;
    if (t->failed) {
        out->failed = true;
        return;
    }
    keep(t, out->document);
    while (name < t->n_columns && t->column[name].right) name++;
    if (name >= t->n_columns - 1) name = -1; /* the last column says something of a row, it does not name it */
    for (int c = 0; c < t->n_columns; c++) {
        width[c] = t->column[c].width;
        units |= t->column[c].unit[0] != 0;
    }
    fit(t, width, name, columns);
    stand_names_above(t, width, name, columns);
    for (int c = 0; c < t->n_columns; c++) put(t, width, c, t->column[c].head, strlen(t->column[c].head), out);
    for (int c = 0; units && c < t->n_columns; c++) put(t, width, c, t->column[c].unit, strlen(t->column[c].unit), out);
    for (int c = 0; c < t->n_columns; c++) {
        kw_text_add(out, "  ");
        for (int i = 0; i < width[c]; i++) kw_text_add(out, "─");
    }
    kw_text_add(out, "\n");
    for (size_t i = 0; i + (size_t)t->n_columns <= t->n_cells; i += (size_t)t->n_columns) {
        const char *cell[KW_TEXT_TABLE_MAX_COLUMNS];
        for (int c = 0; c < t->n_columns; c++) cell[c] = t->cell[i + (size_t)c];
        if (name >= 0 && kw_text_width(cell[name]) > width[name]) {
            int indent = 2;
            for (int c = 0; c < name; c++) {
                put(t, width, c, cell[c], strlen(cell[c]), out);
                indent += width[c] + 2;
                cell[c] = "";
            }
            kw_text_add(out, "  ");
            kw_text_fold(out, cell[name], indent + 4, columns); /* told apart from the next row */
            cell[name] = "";
        }
        put_row(t, width, name, cell, out);
    }
}

void kw_text_table_free(struct kw_text_table *t)
{
    for (size_t i = 0; i < t->n_cells; i++) free(t->cell[i]);
    free(t->cell);
    *t = (struct kw_text_table){ 0 };
}
