/* workloads/readers/records.h - the records of a log, one after the other, whatever holds them: the rows of a CSV file,
 * the lines of JSONL, the elements of a JSON array, lists deep inside documents, or lists side by side. */
#ifndef KW_WORKLOADS_READERS_RECORDS_H
#define KW_WORKLOADS_READERS_RECORDS_H
#include "sim/core/files/source.h"
#include "workloads/readers/record.h"

struct kw_records {
    const struct kw_columns *map;
    const char *inside; /* keys that lead to the list of records, joined by dots, "*" for any key, "?key" for one that
                           may be absent; NULL: the values themselves. The path "@in" of the map is the key of the list a record lies in */
    bool side_by_side;  /* the mapped paths are lists of equal length: their i-th elements are a record, and an object
                           without such lists is one, too */
    bool drop_broken;   /* count records that cannot be read instead of failing */
    bool head_only;     /* text is the head of a file: what is cut off at its end is no fault */

    struct kw_record record;
    size_t at, of; /* side by side: i, and how long the lists are; of 0: there are none */
    char sep;      /* of a CSV file; 0 for JSON */
    uint64_t broken, broken_at, headers_again, cut_off; /* records left out; broken_at: line of the first */
    long line;                                          /* where the record begins */
};

typedef enum kw_status kw_record_fn(void *ctx, struct kw_records *in, struct kw_error *err);

/* Calls `each` for every record, until it fails. KW_EPARSE: malformed text, a mapped CSV column that is not there, lists
 * of unequal length; KW_ENOMEM; what `each` returned. in->line is the line of what is wrong. */
enum kw_status kw_records_each(struct kw_records *in, struct kw_source *s, kw_record_fn *each, void *ctx,
                               struct kw_error *err);
void kw_records_free(struct kw_records *in);

/* The names a map could use: CSV columns, and dotted keys of JSON objects (in cells, too) of the first records in
 * head[0..n). Each is given once, in the order of the file, with the text of its first value that is not empty. */
typedef void kw_name_fn(void *ctx, struct kw_span name, struct kw_span value);
void kw_records_names(const char *head, size_t n, kw_name_fn *each, void *ctx);

/* Of a document that is an envelope, {"total": 9, "data": [{...}, ...]}: where in head[0..n) the list begins, and as `inside`
 * ("?data") the way to it. By the names that such lists have; NULL: none of the first object's members is one. */
const char *kw_records_list(const char *head, size_t n, const char **inside);

#endif
