/* sim/io/text_table.h - aligned columns for a terminal; nothing is cut. */
#ifndef KW_SIM_IO_TEXT_TABLE_H
#define KW_SIM_IO_TEXT_TABLE_H
#include "sim/core/text.h"

#define KW_TEXT_TABLE_MAX_COLUMNS 24

struct kw_text_table {
    struct {
        const char *head, *unit; /* borrowed; unit "" for none */
        bool right;
        int width; /* widest cell so far */
    } column[KW_TEXT_TABLE_MAX_COLUMNS];
    int n_columns;
    char **cell; /* [n_cells], owned, row by row */
    size_t n_cells, cap;
    bool failed;
};

void kw_text_table_column(struct kw_text_table *t, const char *head, const char *unit,
                          bool right); /* before any cell */
void kw_text_table_cell(struct kw_text_table *t, const char *fmt, ...) KW_PRINTF(2, 3);
/* Appends heads, units (when any column has one), a rule and the rows to out, indented by two, two blanks between
 * columns. Where the rows are wider than out's columns, left-aligned ones give way: the first of them, which names the
 * rows where it is not the last column, gets a narrower column and a name too long for it a line of its own above its row; the others are folded.
 * Right-aligned cells stay whole, however wide. Kept in out's document as columns and cells. Nothing where memory ran
 * out: out->failed. */
void kw_text_table_print(const struct kw_text_table *t, struct kw_text *out);
void kw_text_table_free(struct kw_text_table *t);

#endif
