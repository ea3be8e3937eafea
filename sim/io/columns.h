/* sim/io/columns.h - aligned columns for a terminal of 100 columns. */
#ifndef KW_IO_COLUMNS_H
#define KW_IO_COLUMNS_H
#include "sim/core/text.h"

#define KW_COLUMNS_MAX_COLUMNS 24
#define KW_COLUMNS_WIDTH 100

struct kw_columns {
    struct {
        const char *head, *unit; /* borrowed; unit "" for none */
        bool right;
        int width; /* widest cell so far */
    } column[KW_COLUMNS_MAX_COLUMNS];
    int n_columns;
    char **cell; /* [n_cells], owned, row by row */
    size_t n_cells, cap;
    bool failed;
};

void kw_columns_add(struct kw_columns *t, const char *head, const char *unit, bool right); /* before any cell */
void kw_columns_cell(struct kw_columns *t, const char *fmt, ...) KW_PRINTF(2, 3);
/* Appends heads, units (when any column has one), a rule and the rows to out, indented by two, two blanks between
 * columns. When the rows are wider than KW_COLUMNS_WIDTH the widest left-aligned columns are cut with "…". */
void kw_columns_print(const struct kw_columns *t, struct kw_text *out);
void kw_columns_free(struct kw_columns *t);

#endif
