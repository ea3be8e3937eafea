/* workloads/readers/csv.h - comma separated values by column name: RFC 4180 quotes, but a row is one line. */
#ifndef KW_WORKLOADS_READERS_CSV_H
#define KW_WORKLOADS_READERS_CSV_H
#include "workloads/readers/timestamp.h"
#include "workloads/readers/source.h"

#define KW_CSV_MAX 128 /* columns */

struct kw_csv {
    char sep;     /* ',' unless the header has none and holds ';' or a tab */
    size_t n;     /* columns of the header */
    char *header; /* owned copy, the fields of name point into it */
    struct kw_span name[KW_CSV_MAX], field[KW_CSV_MAX];
};

/* Reads the header line. KW_EPARSE when the source is empty. Free with kw_csv_free, also after a failure. */
enum kw_status kw_csv_begin(struct kw_csv *c, struct kw_source *s, struct kw_error *err);
void kw_csv_free(struct kw_csv *c);

/* Index of the column of this exact name, or -1. */
int kw_csv_column(const struct kw_csv *c, const char *name);
/* The same, KW_EPARSE naming the columns there are when it is absent. */
enum kw_status kw_csv_need(const struct kw_csv *c, const char *name, int *at, struct kw_error *err);

/* The next row that is not blank into field[0..n); *more is false at the end. KW_EPARSE: another number of fields than
 * the header, an open quote. Fields live until the next call. */
enum kw_status kw_csv_next(struct kw_csv *c, struct kw_source *s, bool *more, struct kw_error *err);

/* The first line of head as a header: does it hold all of the NULL-terminated names? For detection; never fails. */
bool kw_csv_has(const char *head, size_t n, const char *const names[]);

#endif
