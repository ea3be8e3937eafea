/* workloads/trace.h - a traffic trace as columns: what arrived, when, how long. Read-only once loaded; shared by all
 * threads. At most 34 bytes a request, 16 more where its source saw how long answers took, plus its prefix-block hashes,
 * if any. */
#ifndef KW_WORKLOADS_TRACE_H
#define KW_WORKLOADS_TRACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/units.h"

#define KW_TRACE_MAX_TOKENS 10000000 /* prompt or output of one request; above is refused as bad input */
#define KW_TRACE_MAX_ROWS UINT32_MAX /* requests in one trace: their order is sorted with 32-bit indices */

#define KW_TRACE_COLD INT64_MAX     /* a cold start of which nobody says how long it took */
#define KW_TRACE_NO_TURN UINT32_MAX /* there is none */
#define KW_TRACE_OWNER_SEP '\x1f'

/* How the requests of a bucket are taken to arrive in it. */
enum kw_bucket_arrivals {
    KW_BUCKETS_POISSON, /* at random, as a Poisson process leaves them */
    KW_BUCKETS_EVEN,    /* at equal gaps */
    KW_BUCKETS_BEGIN,   /* all as the bucket begins: a batch job each */
    KW_BUCKET_ARRIVALS
};
extern const char *const kw_bucket_arrivals_name[]; /* "poisson", "even", "begin", NULL */

/* Invariants: arrival is non-decreasing and >= 0, as read it starts at 0 (in a window it need not); requests of equal
 * arrival keep their order in the file; prompt >= 1, output >= 1; hash_at has n + 1 entries when hashes are present.
 * Sessions: a turn waits for an answer (sessions.h), so its arrival is that of the session's first turn, and says nothing of when
 * it comes; before[i] < i; the hashes of a request cover its prompt and its answer, the last of them a part of a block.
 * Owners, charges, ids, starts and GPU times are of a trace as read: what is cut or gathered from it has none. */
struct kw_trace {
    size_t n;          /* requests */
    kw_ns *arrival;    /* [n] ns since the first request, or since the window's begin */
    uint32_t *prompt;  /* [n] input tokens, cached ones included */
    uint32_t *output;  /* [n] output tokens */
    uint32_t *cached;  /* [n] input tokens that the source's provider read from its cache, <= prompt; or NULL */
    uint32_t *written; /* [n] input tokens that it wrote to its cache, cached + written <= prompt; or NULL */
    uint16_t *model;   /* [n] index into model_name, or NULL when the source names none */
    uint16_t *klass;   /* [n] class: index into class_name (log type, tenant, ...), or NULL */
    uint16_t *region;  /* [n] where it comes from: index into region_name, or NULL */
    uint16_t *owner;   /* [n] who asked: index into owner_name; NULL unless accounts were read (trace_load.h) */
    kw_nusd *charged;  /* [n] what its source says it cost, -1: not said; or NULL */
    kw_ns *start;      /* [n] ns of the cold start it met, 0: none, KW_TRACE_COLD: unknown, -1: not said; or NULL */
    uint64_t *id;      /* [n] hash of the id of its row, 0: it has none; NULL unless accounts were read */
    kw_ns *gpu;        /* [n] ns of GPU time that its source says it took, -1: not said; or NULL */
    kw_ns *ttft;       /* [n] ns from arrival to the first output token as the source saw it, -1: not said; or NULL */
    kw_ns *e2e;        /* [n] ns from arrival to the end of the answer, likewise, >= ttft where both are; or NULL */
    uint32_t *
        before; /* [n] the turn whose answer it waits for, KW_TRACE_NO_TURN: none, it comes at its arrival; NULL: all do */
    uint32_t *then;      /* [n] the turn that waits for its answer, or KW_TRACE_NO_TURN; NULL with before */
    kw_ns *think;        /* [n] ns from the end of that answer until it comes; NULL with before */
    uint32_t *hash_at;   /* [n + 1] offsets into hash, or NULL when the trace carries no prefix hashes */
    uint64_t *hash;      /* [hash_at[n]] block hashes, prefix order; block i covers prompt tokens [i*hash_block, ...) */
    uint32_t hash_block; /* tokens a hash block covers (Mooncake: 512); 0 without hashes */
    char **model_name, **class_name, **region_name;
    char **owner_name; /* key, team and tag with KW_TRACE_OWNER_SEP between them */
    size_t n_models, n_classes, n_regions, n_owners;
    kw_ns span;             /* observation window in ns: >= last arrival; what a month is scaled from */
    int64_t epoch_unix;     /* UTC seconds of arrival 0 when the source has a calendar date, else INT64_MIN */
    kw_ns epoch_part;       /* ns of arrival 0 beyond its whole second, with or without a date; of a trace as read */
    kw_ns origin;           /* arrival 0 in the source's own undated time stamps; 0 with dates */
    struct kw_trace_notes { /* what a reader saw, left out and took for granted */
        uint64_t rows;      /* seen */
        uint64_t dropped_failed; /* left out: failed, by their status or for want of output */
        uint64_t dropped_other;  /* without a prompt */
        uint64_t filtered;       /* not the traffic asked for: `where`, spans, embeddings */
        uint64_t not_generated;  /* of models that embed, rerank or moderate */
        uint64_t gateway_hits;   /* answered by the log's own cache: no model served them */
        uint64_t duplicates;     /* of an id that another row has */
        uint64_t unknown_tokens; /* real requests without token counts: load of unknown size */
        uint64_t imputed;        /* kept at the mean of the others, asked for */
        uint64_t broken, broken_at, cut_off, headers_again; /* no record: malformed, at the end, a header once more */
        uint64_t buckets;                                   /* rows that stood for many requests */
        uint64_t load_tests,
            load_tests_drawn; /* results without start times; of them at a rate, so that they are drawn */
        enum kw_bucket_arrivals
            bucket_arrivals;  /* where there are any of buckets or drawn: how their requests were spread */
        uint64_t clock_back;  /* rows whose time is before their predecessor's (then sorted, stably) */
        kw_ns worst_back;     /* the largest jump back, ns */
        uint64_t fell_back;   /* rows after the night in which summer time ended, moved on by its hour */
        uint64_t latency_odd; /* requests whose observed latency is left out: it is no time, or before its arrival */
        uint64_t equal_times; /* requests that share the predecessor's arrival */
        bool local_time;      /* dates without a zone, taken as UTC */
        bool guessed;         /* columns by their names, of no known format */
        char read_as[320];    /* columns and conventions, one line; "" where a format says it all */
        char hints[480];      /* what looks unused or mistaken, sentences separated by "; " */
        char format[24], source[200], sha256[65]; /* reader; path; of the bytes read (before gunzip) */
    } notes;
};

void kw_trace_free(struct kw_trace *t); /* safe to call again */

/* Are arrivals made up, as notes.bucket_arrivals says: of a bucket's requests, or of a load test's at a rate? */
bool kw_trace_is_spread(const struct kw_trace *t);

/* What a reader had to do that the user must know (rows dropped, a clock that jumped back, coarse time stamps), as one
 * line without a newline, "" when nothing. buf is filled as snprintf does; returns buf. */
char *kw_trace_remarks(const struct kw_trace *t, char *buf, size_t size);

/* KW_ERANGE when the reader left anything out, put anything in or took the columns by their names: err says what. */
enum kw_status kw_trace_strict(const struct kw_trace *t, struct kw_error *err);

/* Plays the trace `speed` times as fast: arrivals and span are divided by it, rounded to the nearest ns; unless that is 1
 * it has no dates any more. Sessions begin as much faster, their pauses stay.
 * KW_ERANGE unless 1e-6 <= speed <= 1e6 and the span still fits; *t is unchanged then. */
enum kw_status kw_trace_speed(struct kw_trace *t, double speed, struct kw_error *err);

/* Tells every request where it comes from: region r of name[r] with probability share[r] (> 0, adding up to 1), by one
 * draw a request from a stream of its own. KW_ENOMEM: *t is unchanged. t has no regions yet. */
enum kw_status kw_trace_draw_regions(struct kw_trace *t, const char *const name[], const double share[], size_t n,
                                     uint64_t seed, struct kw_error *err);

/* Takes regions whose new name, to(ctx, index), is the same as one, in order of first appearance. KW_ENOMEM: unchanged.
 */
enum kw_status kw_trace_rename_regions(struct kw_trace *t, const char *(*to)(void *ctx, const char *name), void *ctx,
                                       struct kw_error *err);

/* Stable sort of t's columns by arrival, prefix hashes with their requests: O(n log n), nearly O(n) where the order is
 * nearly right. KW_ENOMEM: unchanged. */
enum kw_status kw_trace_sort(struct kw_trace *t, struct kw_error *err);

/* out = the requests of in with from <= arrival < to, rebased so that the first arrives at 0. The window observed is
 * that of the cut, [first arrival, min(to, span)]. KW_ERANGE when nothing is left. out must not be in. */
enum kw_status kw_trace_slice(struct kw_trace *out, const struct kw_trace *in, kw_ns from, kw_ns to,
                              struct kw_error *err);

/* out = the requests of in for which keep(ctx, index) holds, at their times and in the same window; a turn waits for the last
 * one before it that is kept. KW_ERANGE: none. out must not be in. */
enum kw_status kw_trace_pick(struct kw_trace *out, const struct kw_trace *in,
                             bool (*keep)(const void *ctx, size_t request), const void *ctx, struct kw_error *err);

/* out = requests row[i] of in at the times at[i], i < n, put in order, over a window of `span` that holds them all. The
 * requests of copy[i] > 0 have prefix hashes of their own (copy NULL: all 0), so that copies share no prompt. KW_ERANGE:
 * n is 0, or too many, or in has sessions. out must not be in. */
enum kw_status kw_trace_gather(struct kw_trace *out, const struct kw_trace *in, const uint32_t *row, const kw_ns *at,
                               const uint32_t *copy, size_t n, kw_ns span, struct kw_error *err);

#endif
