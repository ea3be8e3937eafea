/* sim/core/files/csv.h - comma separated values by column name: RFC 4180 quotes, LF or CRLF, gzip. Row by row, so a
 * file may be of any length; a row is at most KW_SOURCE_MAX_LINE. */
#ifndef KW_SIM_CORE_FILES_CSV_H
#define KW_SIM_CORE_FILES_CSV_H
#include <stdbool.h>
#include "sim/core/files/source.h"
#include "sim/core/span.h"

#define KW_CSV_MAX 128 /* columns */

struct kw_csv {
    struct kw_source *s;    /* where rows come from: the caller's, or own */
    struct kw_source own;   /* kw_csv_open's */
    char sep;               /* ',' unless the header has none and holds a tab, ';' or '|', or a line "sep=;" says it */
    size_t n;               /* columns of the header */
    const uint16_t *wanted; /* [n_wanted] columns that are read, ascending, borrowed; NULL: all */
    size_t n_wanted;
    char *header; /* owned copy, the fields of name point into it */
    char *joined; /* a row whose quotes span lines, put together; owned */
    size_t joined_n, joined_cap;
    char *plain; /* fields of the row without their doubled quotes; owned */
    size_t plain_cap;
    bool open;                                          /* a quoted field did not end: all behind it is in it */
    long line;                                          /* where the row begins, from 1 */
    struct kw_span name[KW_CSV_MAX], field[KW_CSV_MAX]; /* of the row read last, where wanted; a NUL follows each */
};

/* Reads the header line from a source, which is borrowed. KW_EPARSE when it is empty. Free with kw_csv_close, also
 * after a failure. Messages name no place: the caller knows the source's name and line. */
enum kw_status kw_csv_begin(struct kw_csv *c, struct kw_source *s, struct kw_error *err);
/* The same for a file ("-" is stdin), or text[0..n), borrowed until close. Every message begins "path:line: ". c must
 * not move; it is empty after a failure. KW_EINPUT when it cannot be opened. */
enum kw_status kw_csv_open(struct kw_csv *c, const char *path, struct kw_error *err);
enum kw_status kw_csv_memory(struct kw_csv *c, const char *name, const char *text, size_t n, struct kw_error *err);
void kw_csv_close(struct kw_csv *c); /* safe to call again */

/* Index of the column of this exact name, or -1. */
int kw_csv_column(const struct kw_csv *c, const char *name);
/* The same, KW_EPARSE naming the columns there are when it is absent. */
enum kw_status kw_csv_need(const struct kw_csv *c, const char *name, int *at, struct kw_error *err);

/* The next row that is not blank into field[0..n); *more is false at the end. KW_EPARSE: another number of fields than
 * the header, a quote that does not end, text behind one that did. Fields live until the next call. */
enum kw_status kw_csv_next(struct kw_csv *c, bool *more, struct kw_error *err);

/* A field of the row as a finite number in [lo, hi]. KW_EPARSE, KW_ERANGE. */
enum kw_status kw_csv_f64(const struct kw_csv *c, int column, double lo, double hi, double *out, struct kw_error *err);

/* The first line of head as a header: does it hold all of the NULL-terminated names? For detection; never fails. */
bool kw_csv_has(const char *head, size_t n, const char *const names[]);

#endif
