/* calibrate/measure/measured.h - raw points of a calibration: what measure.h timed, one JSON line each, so that a run
 * that was killed leaves everything it had measured and the next one goes on from there.
 *
 * The file: a first line {"keepwarm_measured": 1, "device": ..., ...} (struct kw_measured_head), then one line a visit
 * to a point, each with its samples in microseconds in the order they were taken:
 *   {"kind":"decode","batch":8,"context":512,"chunks":0,"tokens":0,"past":0,"shape":0,"sum":4096,"at_s":3.2,"clock_mhz":0,
 *    "host_us":1.5,"us":[812.1,809.8,...]}; after_idle has "idle_ms" too
 * Kinds: decode, prefill, mixed, skewed, host, after_prompt, after_idle, anchor. A cold start is
 * {"kind":"start","mode":"cached","bytes":...,
 * "load_s":...,"init_s":...,"ready_s":...,"first_token_s":...,"sum_s":...,"critical_s":...,"file_bytes":...,
 * "direct_bytes":...,"rate":...,"first_byte_s":...,"phases":[{"name":"context","begin_s":...,"s":...,"bytes":0,
 * "critical":true},...]}; those after init_s are missing in older files. Visits to one point are merged on reading. */
#ifndef KW_CALIBRATE_MEASURE_MEASURED_H
#define KW_CALIBRATE_MEASURE_MEASURED_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/backend.h"
#include "engine/scheduler/scheduler.h"

enum kw_measured_kind {
    KW_MEASURED_DECODE,  /* batch sequences, each with context tokens in the KV cache after the step */
    KW_MEASURED_PREFILL, /* chunks prompts of `tokens` each after `past` */
    KW_MEASURED_MIXED,   /* both in one step */
    KW_MEASURED_SKEWED,  /* decode with unlike contexts of mean about `context`: kw_measure_lengths */
    KW_MEASURED_HOST, /* serving `batch` sequences, and `chunks` short prompts that come and end in each step: from step
                         to step, less the device's time */
    KW_MEASURED_AFTER_PROMPT, /* shape 0: 12 decode steps in a row after a step with one prompt of `tokens`, together;
                                 1: the 12 after those */
    KW_MEASURED_AFTER_IDLE,   /* shape 0: a prompt of `tokens` after idle_ms without work; 1: the same again at once */
    KW_MEASURED_ANCHOR,       /* a decode or prefill point again, every ten points: did the device drift? */
    KW_MEASURED_KINDS
};
extern const char *const kw_measured_kind_name[]; /* ended by NULL */

struct kw_measured_key { /* which point */
    enum kw_measured_kind kind;
    uint32_t batch, context;       /* 0 without decodes */
    uint32_t chunks, tokens, past; /* 0 without prefill */
    uint32_t shape;                /* skewed: which lengths */
    uint32_t idle_ms;              /* after_idle: how long */
};

struct kw_measured_point { /* all visits to one key; owns us */
    struct kw_measured_key key;
    uint64_t context_sum; /* decodes: sum over them of tokens in the KV cache after the step */
    double *us;           /* [n] samples, ascending */
    size_t n;
    uint32_t visits;
    double median_s, low_s, high_s, coverage; /* kw_measured_interval of them, in s */
    double host_s; /* submit to wait less the device's time, median of a visit, mean over visits */
    double at_s;   /* the last visit, since the first point of its run */
    double drift;  /* of the anchor nearest before: its median over that of the run's first anchor, less 1 */
};

struct kw_measured_start { /* one cold start */
    char mode[16]; /* "cached", "direct", "network", "tmpfs" (of a folder in memory), "synthetic" (no file was read) */
    double bytes, load_s;          /* weights; first byte to last */
    double init_s;                 /* all the rest of process (or open) to ready */
    double ready_s, first_token_s; /* from before exec; 0: not known, no token */
    double sum_s, critical_s;      /* kw_startup_figures */
    double file_bytes,
        direct_bytes;          /* read from files; of them by O_DIRECT, which a file system may refuse; 0: not known */
    double rate, first_byte_s; /* "network": as emulated, bytes/s and before each file's first byte; else 0 */
};

struct kw_measured_phase { /* one phase of a cold start */
    uint32_t start;        /* of which: index in kw_measured.start */
    char name[40];
    double begin_s, s, bytes; /* from before exec; how long; moved by it */
    bool critical;            /* on the critical path (engine/startup.h) */
};

struct kw_measured_head {
    char device[96], driver[64], backend[16], model[48], precision[8], commit[64], date[11];
    uint32_t units, clock_mhz, memory_clock_mhz;
    double memory_bytes, weight_bytes, kv_bytes_per_token;
    uint32_t block_size, num_blocks, max_num_seqs, max_num_batched_tokens, max_model_len;
    uint64_t seed;
};

struct kw_measured { /* owns its arrays */
    struct kw_measured_head head;
    struct kw_measured_point *point; /* [n] in the order first visited; anchors are merged into one point a key too */
    size_t n, cap;
    struct kw_measured_start *start; /* [n_starts] */
    size_t n_starts, cap_starts;
    struct kw_measured_phase *phase; /* [n_phases] of all starts, in their order */
    size_t n_phases, cap_phases;
    size_t n_revisited, n_contended; /* visits of this process beside others (calibrate/measure/cpu_contention.h),
                                 thrown away or kept; not in the file */
    size_t n_anchors;                /* visits to the anchor */
    double drift_worst;              /* largest |drift| of an anchor */
    double anchor_first_s;           /* its first median; 0 before it */
    double last_s;                   /* at_s of the last line */
    size_t bytes;                    /* of the text that held whole lines: where a torn last line begins */
};

/* Reads text; a last line without its newline is what a killed writer left, and is not read. KW_EPARSE and KW_ERANGE
 * with name:line. *m is empty on failure. */
enum kw_status kw_measured_parse(struct kw_measured *m, const char *name, const char *text, size_t len,
                                 struct kw_error *err);
enum kw_status kw_measured_load(struct kw_measured *m, const char *path, struct kw_error *err);
void kw_measured_free(struct kw_measured *m); /* safe to call again */

/* One visit more, us in any order: merged into m and, unless f is NULL, appended to f as a line and flushed. */
enum kw_status kw_measured_visit(struct kw_measured *m, FILE *f, const struct kw_measured_key *k, uint64_t context_sum,
                                 const double *us, size_t n, double host_s, double at_s, uint32_t clock_mhz,
                                 struct kw_error *err);
enum kw_status kw_measured_add_start(struct kw_measured *m, const struct kw_measured_start *s, struct kw_error *err);
const struct kw_measured_point *kw_measured_find(const struct kw_measured *m,
                                                 const struct kw_measured_key *k); /* or NULL */

/* Lines without the merge: the first of a file, and a cold start with the phases it had (startup NULL: none). */
enum kw_status kw_measured_put_head(FILE *f, const struct kw_measured_head *h, struct kw_error *err);
enum kw_status kw_measured_put_start(FILE *f, const struct kw_measured_start *s, const struct kw_startup *startup,
                                     struct kw_error *err);

/* The median of v[0..n), ascending, and its order-statistic interval of at least 95 %: [v_(l), v_(n+1-l)] with the
 * largest l >= 1 for which 1 - 2 P(Bin(n, 1/2) < l) >= 0.95 (David & Nagaraja, Order Statistics, 7.1). Below six
 * samples the extremes; *coverage says what they cover. */
void kw_measured_interval(const double *v, size_t n, double *median, double *low, double *high, double *coverage);

/* The points as HDF5 columns for notebooks: /points (kind, batch, context, ... median, low, high), the cold starts as
 * /starts (mode, load, ready, first_token, ...) and /phases, the head as attributes of the file. Written whole or not
 * at all. */
enum kw_status kw_measured_write_h5(const struct kw_measured *m, const char *path, struct kw_error *err);

#endif
