/* workloads/trace.h - a traffic trace as columns: what arrived, when, how long. Read-only once loaded; shared by all
 * threads. At most 32 bytes a request plus its prefix-block hashes, if any. */
#ifndef KW_WORKLOADS_TRACE_H
#define KW_WORKLOADS_TRACE_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/units.h"

#define KW_TRACE_MAX_TOKENS 10000000 /* prompt or output of one request; above is refused as bad input */
#define KW_TRACE_MAX_ROWS UINT32_MAX /* requests in one trace: their order is sorted with 32-bit indices */

/* Invariants: arrival is non-decreasing and starts at 0; requests of equal arrival keep their order in the file;
 * prompt >= 1, output >= 1; hash_at has n + 1 entries when hashes are present. */
struct kw_trace {
    size_t n;            /* requests */
    kw_ns *arrival;      /* [n] ns since the first request */
    uint32_t *prompt;    /* [n] input tokens, cached ones included */
    uint32_t *output;    /* [n] output tokens */
    uint16_t *model;     /* [n] index into model_name, or NULL when the source names none */
    uint16_t *klass;     /* [n] class: index into class_name (log type, tenant, ...), or NULL */
    uint32_t *hash_at;   /* [n + 1] offsets into hash, or NULL when the trace carries no prefix hashes */
    uint64_t *hash;      /* [hash_at[n]] block hashes, prefix order; block i covers prompt tokens [i*hash_block, ...) */
    uint32_t hash_block; /* tokens a hash block covers (Mooncake: 512); 0 without hashes */
    char **model_name, **class_name;
    size_t n_models, n_classes;
    kw_ns span;         /* observation window in ns: >= last arrival; what a month is scaled from */
    int64_t epoch_unix; /* UTC seconds of the first arrival when the source has a calendar date, else INT64_MIN */
    struct kw_trace_notes {
        uint64_t rows, dropped_failed, dropped_other; /* rows seen; rows without output (failed); other rows dropped */
        uint64_t clock_back;  /* rows whose time is before their predecessor's (then sorted, stably) */
        kw_ns worst_back;     /* the largest jump back, ns */
        uint64_t equal_times; /* requests that share the predecessor's arrival */
        char format[24], source[200], sha256[65]; /* reader; path; of the bytes read (before gunzip) */
    } notes;
};

void kw_trace_free(struct kw_trace *t); /* safe to call again */

struct kw_source;

/* Reads a trace file ("-" is stdin; gzip is read directly). format is a name of kw_trace_formats, or NULL or "auto" to
 * detect it from the first bytes. columns is NULL or a comma list of key=value:
 *     arrival=COL,prompt=COL,output=COL[,model=COL][,class=COL]  names (CSV header or JSONL keys) for format "generic"
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

/* Writes every column and the notes as HDF5 (format "keepwarm", readable by h5py); kw_trace_load reads it back equal.
 */
enum kw_status kw_trace_save(const struct kw_trace *t, const char *path, struct kw_error *err);

/* What a reader had to do that the user must know (rows dropped, a clock that jumped back, coarse time stamps), as one
 * line without a newline, "" when nothing. buf is filled as snprintf does; returns buf. */
char *kw_trace_remarks(const struct kw_trace *t, char *buf, size_t size);

/* Plays the trace `speed` times as fast: arrivals and span are divided by it, rounded to the nearest ns.
 * KW_ERANGE unless 1e-6 <= speed <= 1e6 and the span still fits; *t is unchanged then. */
enum kw_status kw_trace_speed(struct kw_trace *t, double speed, struct kw_error *err);

/* out = the requests of in with from <= arrival < to, rebased so that the first arrives at 0. The window observed is
 * that of the cut, [first arrival, min(to, span)]. KW_ERANGE when nothing is left. out must not be in. */
enum kw_status kw_trace_slice(struct kw_trace *out, const struct kw_trace *in, kw_ns from, kw_ns to,
                              struct kw_error *err);

/* out = `times` copies of in, one after another with a period of span plus one mean gap (the rate stays the same), each
 * arrival of copies after the first moved by a uniform draw of [-jitter, jitter], then sorted stably. Prefix hashes of
 * a copy are made its own, so copies share no cache. Deterministic in (in, times, jitter, seed). KW_ERANGE: times == 0,
 * negative jitter, or more than KW_TRACE_MAX_ROWS requests or 2^32 - 1 hashes. */
enum kw_status kw_trace_repeat(struct kw_trace *out, const struct kw_trace *in, uint32_t times, kw_ns jitter,
                               uint64_t seed, struct kw_error *err);

#endif
