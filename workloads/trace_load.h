/* workloads/trace_load.h - any trace there is, by name or by what the file holds: text of a reader, HDF5, or a model to
 * draw from. The only file that knows them all. */
#ifndef KW_WORKLOADS_TRACE_LOAD_H
#define KW_WORKLOADS_TRACE_LOAD_H
#include <stddef.h>
#include "sim/core/files/source.h"
#include "workloads/trace.h"

/* Reads a trace file ("-" is stdin; gzip is read directly). format is a name of kw_trace_formats, or NULL or "auto" to
 * detect it from the first bytes. columns is NULL or a comma list of key=value:
 *     arrival=COL,prompt=COL,output=COL[,model=COL][,class=COL][,cached=COL]  names (CSV header or JSONL keys) for format "generic"
 *     unit=auto|s|ms|us|ns|iso   what arrival holds (auto: ISO 8601 when it looks like a date, else seconds); a number
 *                                of at least 1e9 s counts as Unix time
 *     zero=refuse|drop           a request without prompt or output tokens (every text format; BurstGPT always drops)
 * Errors read "path:line: what is wrong". KW_EINPUT unreadable; KW_EPARSE malformed, unknown format, truncated gzip;
 * KW_ERANGE well formed but absurd (no tokens, more than KW_TRACE_MAX_TOKENS, no requests); KW_ENOMEM.
 * On failure *t is empty. Format "workload" draws the model's own trace with the seed written in it. A path that does
 * not exist but names a file built into the program (workloads/chat-week.json) means that one. */
enum kw_status kw_trace_load(struct kw_trace *t, const char *path, const char *format, const char *columns,
                             struct kw_error *err);
/* The same from an open source (memory in tests and fuzzers), which is read to its end. Format "keepwarm" (HDF5) needs
 * a real file and is refused here. */
enum kw_status kw_trace_read(struct kw_trace *t, struct kw_source *s, const char *format, const char *columns,
                             struct kw_error *err);

/* The i-th format's name, and in *what (may be NULL) one line about it; NULL past the end. */
const char *kw_trace_format(size_t i, const char **what);

#endif
