/* workloads/trace_load.h - any trace there is, by name or by what the file holds: text of a reader, HDF5, or a model to
 * draw from. The only file that knows them all. */
#ifndef KW_WORKLOADS_TRACE_LOAD_H
#define KW_WORKLOADS_TRACE_LOAD_H
#include <stddef.h>
#include "sim/core/files/source.h"
#include "workloads/trace.h"

/* Reads a trace file ("-" is stdin; gzip, zstd, a zip of one file and UTF-16 are read directly). format is a name that kw_trace_format gives, or
 * NULL or "auto" to detect it from the first bytes; a file of no known format is read by names that say what they hold
 * (prompt_tokens, usage.input_tokens, ...). columns is NULL or a map that goes over the format's, in the language of
 * workloads/readers/column_map.h; under format "generic" it stands alone. Every convention taken and every row left out
 * is in t->notes.
 * Errors read "path:line: what is wrong". KW_EINPUT unreadable; KW_EPARSE malformed, unknown format, a unit that could
 * be two, truncated gzip; KW_ERANGE well formed but absurd (more than KW_TRACE_MAX_TOKENS, no requests); KW_ENOMEM.
 * On failure *t is empty. Format "workload" draws the model's own trace with the seed written in it. A path that does
 * not exist but names a file built into the program (workloads/chat-week.json) means that one. */
enum kw_status kw_trace_load(struct kw_trace *t, const char *path, const char *format, const char *columns,
                             struct kw_error *err);
/* The same of a file of buckets, spread another way than its columns say. */
enum kw_status kw_trace_load_spread(struct kw_trace *t, const char *path, const char *format, const char *columns,
                                    enum kw_bucket_arrivals buckets, struct kw_error *err);
/* The same from an open source (memory in tests and fuzzers), which is read to its end. Format "keepwarm" (HDF5) needs
 * a real file and is refused here. */
enum kw_status kw_trace_read(struct kw_trace *t, struct kw_source *s, const char *format, const char *columns,
                             struct kw_error *err);

/* The same from an open source with what accounts need: t->owner, charged, start and gpu, where the source says them; the
 * keys of columns that name them are understood here alone. path: of the file, or NULL. */
enum kw_status kw_trace_read_accounts(struct kw_trace *t, struct kw_source *s, const char *path, const char *format,
                                      const char *columns, struct kw_error *err);

/* The i-th format's name, and in *what (may be NULL) one line about it; NULL past the end. */
const char *kw_trace_format(size_t i, const char **what);

#endif
