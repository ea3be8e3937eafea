/* sim/io/text_table.h - aligned columns for a terminal of 100 columns. */
#ifndef KW_SIM_IO_TEXT_TABLE_H
#define KW_SIM_IO_TEXT_TABLE_H
#include "sim/core/text.h"

#define KW_TEXT_TABLE_MAX_COLUMNS 24
#define KW_TEXT_TABLE_WIDTH 100

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
 * columns. When the rows are wider than KW_TEXT_TABLE_WIDTH the widest left-aligned columns are cut with "…": the first of
 * them, which names the rows, never so far that two names read the same, and at its begin where its end tells them
 * apart; where that is still too wide the names stand above their rows. Nothing where memory ran out: out->failed. */
void kw_text_table_print(const struct kw_text_table *t, struct kw_text *out);
void kw_text_table_free(struct kw_text_table *t);

#endif
