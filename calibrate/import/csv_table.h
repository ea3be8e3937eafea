/* calibrate/import/csv_table.h - a small CSV reader for published tables: gzip or plain, LF or CRLF, quoted fields,
 * columns by name. The whole file is held in memory (at most 64 MiB); every error names file, line and column. */
#ifndef KW_CALIBRATE_IMPORT_CSV_TABLE_H
#define KW_CALIBRATE_IMPORT_CSV_TABLE_H
#include <stdbool.h>
#include <stddef.h>
#include "sim/core/status.h"

#define KW_CSV_TABLE_MAX_COLUMNS 128

struct kw_csv_table {
    char *path; /* for messages */
    char *text; /* the file; fields point into it */
    char *next; /* where the next record begins */
    size_t n_columns;
    const char *header[KW_CSV_TABLE_MAX_COLUMNS];
    const char *field[KW_CSV_TABLE_MAX_COLUMNS]; /* of the record kw_csv_table_next read last */
    long line;                                   /* its line, from 1 */
};

/* Reads the file and its header line. KW_EINPUT cannot open or a truncated gzip, KW_EPARSE no header, a NUL byte, too
 * many columns. c is empty on failure. */
enum kw_status kw_csv_table_open(struct kw_csv_table *c, const char *path, struct kw_error *err);
void kw_csv_table_close(struct kw_csv_table *c); /* safe to call again */
/* The same from memory: text[0..len) is copied. For tests and the fuzzer. */
enum kw_status kw_csv_table_parse(struct kw_csv_table *c, const char *name, const char *text, size_t len,
                                  struct kw_error *err);

/* Index of a column; KW_EPARSE names it and the file when absent. */
enum kw_status kw_csv_table_column(const struct kw_csv_table *c, const char *name, size_t *index, struct kw_error *err);

/* The next record. *more false at the end. Blank lines are skipped. KW_EPARSE when a record has not as many fields as
 * the header. */
enum kw_status kw_csv_table_next(struct kw_csv_table *c, bool *more, struct kw_error *err);

/* A field of the current record as a finite number in [lo, hi]. */
enum kw_status kw_csv_table_f64(const struct kw_csv_table *c, size_t index, double lo, double hi, double *out,
                                struct kw_error *err);

#endif
