/* workloads/readers/reader.h - the readers of text traces. A reader is a pure core over a source of lines; its caller
 * puts "path:line:" before its messages. */
#ifndef KW_WORKLOADS_READERS_READER_H
#define KW_WORKLOADS_READERS_READER_H
#include "sim/core/files/source.h"
#include "workloads/readers/column_map.h"
#include "workloads/readers/log_format.h"
#include "workloads/readers/rows.h"

/* Any log by its column map. format is what the file is known as, or NULL; `said` its map under the user's own. What
 * `said` leaves open of arrival, prompt and output is taken from names that say it (guess.h). Every convention taken and
 * every row left out is in r->t.notes. KW_EPARSE, KW_ERANGE, KW_ENOMEM. accounts: names that say
 * whose a request is and what it cost are looked for, too. */
enum kw_status kw_log_read(struct kw_rows *r, struct kw_source *s, const struct kw_log_format *format,
                           const struct kw_columns *said, bool accounts, struct kw_error *err);

/* RAGPulse, whose hashes are lists in an object. */
bool kw_ragpulse_detect(const char *head, size_t n);
enum kw_status kw_ragpulse_read(struct kw_rows *r, struct kw_source *s, struct kw_error *err);

#endif
