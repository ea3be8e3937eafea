/* workloads/readers/column_map.h - which columns of a log say what: the language of --columns, of trace.columns in a
 * scenario, and of the formats known by name (log_format.h). Paths are parsed once into one list, so that a record is
 * searched once for all of them. */
#ifndef KW_WORKLOADS_READERS_COLUMN_MAP_H
#define KW_WORKLOADS_READERS_COLUMN_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "workloads/trace.h"

enum { KW_MAP_PATHS = 48, KW_MAP_PATH = 80, KW_MAP_TERMS = 8, KW_MAP_ALTERNATIVES = 3, KW_MAP_FILTERS = 6 };

/* What a time column holds. UNIT_AUTO: the first records tell (time_form.h). */
enum kw_unit {
    KW_UNIT_AUTO,
    KW_UNIT_S,
    KW_UNIT_MS,
    KW_UNIT_US,
    KW_UNIT_NS,
    KW_UNIT_DAYS,   /* since 1899-12-30, as spreadsheets count */
    KW_UNIT_ISO,    /* 2026-05-11T09:00:00.123Z and its relatives */
    KW_UNIT_MDY,    /* 5/31/2026 9:00:00 AM */
    KW_UNIT_DMY,    /* 31.05.2026 09:00:00 */
    KW_UNIT_YMDHMS, /* 20260531090000 */
    KW_UNITS
};

struct kw_map_sum { /* a + b - c */
    struct kw_map_term {
        uint8_t path; /* index into kw_columns.path */
        bool minus, optional;
    } term[KW_MAP_TERMS];
    size_t n;
};

struct kw_map_field { /* the first alternative whose every term that is not optional is there */
    struct kw_map_sum alt[KW_MAP_ALTERNATIVES];
    size_t n; /* 0: not mapped */
};

struct kw_map_filter { /* value is one of, or none of, the words */
    uint8_t path;
    bool none_of, optional; /* optional: a record without the value passes */
    char words[200];        /* separated by '|' */
};

struct kw_columns {
    char path[KW_MAP_PATHS][KW_MAP_PATH]; /* CSV column names, or keys of nested objects joined by dots */
    size_t n_paths;
    struct kw_map_field arrival, end, duration, first, ttft, e2e, prompt, output, cached, write, count, id, model,
        klass, region, error, hit, hashes, session, delay, rate, concurrency, burstiness, key, team, tag, cost, cold,
        start, gpu;
    enum kw_unit duration_unit, ttft_unit, e2e_unit, delay_unit, start_unit, gpu_unit; /* S, MS, US or NS */
    struct kw_map_filter where[KW_MAP_FILTERS], status;
    size_t n_where;
    bool has_status;
    enum kw_unit unit;
    uint32_t block;                                /* prompt tokens a hash covers; 0: found out */
    double bucket_s;                               /* length of a bucket; 0: from end, or found out */
    enum { KW_TURNS_ADDED, KW_TURNS_WHOLE } turns; /* what the prompt of a session's turn is */
    enum { KW_ZERO_DROP, KW_ZERO_REFUSE } zero;    /* requests without prompt or output tokens */
    enum { KW_MISSING_DROP, KW_MISSING_MEAN, KW_MISSING_REFUSE } missing; /* no token count at all */
    enum { KW_BROKEN_REFUSE, KW_BROKEN_DROP } broken;                     /* records that cannot be read */
    enum kw_bucket_arrivals buckets;                                      /* arrivals inside a bucket */
    uint64_t said;                                                        /* which keys were added, one bit each */
};

/* Adds "arrival=ts,prompt=in+cache.read?,output=out,where=type:GENERATION" to *c (zeroed at first): keys in text stand
 * in the place of those *c already has, so that a user's own map goes over a format's. NULL or "" adds nothing.
 *
 *     arrival, first, end, id, model, class, region, error, hit, hashes   PATH[|PATH...]
 *     duration, ttft, e2e                                            sums of lengths, said where all of them are:
 *                                                                    PATH[+PATH...][|PATH...][:s|ms|us|ns]
 *     session                                                        PATH[|PATH...]; its rows are its turns, each of which waits
 *                                                                    for the answer to the one before (sessions.h) and
 *     delay                                                          then for so long: a length as ttft
 *     prompt, output, cached, write, count                           sums: PATH+PATH, PATH - PATH; PATH? may be absent
 *     key, team, tag, cold                                           PATH[|PATH...]; whose it is, met it a cold start?
 *     cost                                                           PATH[|PATH...]; dollars
 *     rate, concurrency, burstiness                                  PATH[|PATH...]; of a load test (load_test.h), for
 *                                                                    where its arrival, PATH?, is not said
 *     start, gpu                                                     lengths, of a cold start and of GPU time
 *     where=PATH:WORD|WORD   where=PATH!WORD|WORD   status=PATH[:WORD|WORD]
 *     turns=added|whole                                              a turn's prompt: what it adds, or all of the conversation
 *     unit, zero, missing, broken, buckets, bucket, block            words and numbers
 *
 * first and end are times as arrival is, of the first output token and of the answer's end (of a bucket with count);
 * ttft and e2e the lengths from arrival to them. duration is that of an answer whose `arrival` is its end: it is taken
 * off, and is its e2e. The unit of a length is that of its name's end (_ms, Ns, _seconds, ...) unless it is said;
 * duration's is s then, while ttft and e2e must say one. A list (vLLM's itls) is the sum of its numbers.
 * A backslash takes the next character as part of a name. KW_EPARSE. */
enum kw_status kw_columns_add(struct kw_columns *c, const char *text, struct kw_error *err);

/* The first key that only accounts read (key, team, tag, cost, cold, start, gpu) of those said, or NULL. */
const char *kw_columns_account_key(const struct kw_columns *c);

/* text without its entries of these keys, into buf. KW_ERANGE: it is too long. */
enum kw_status kw_columns_without_accounts(const char *text, char *buf, size_t size, struct kw_error *err);

/* Has this key been added since c->said was 0? */
bool kw_columns_said(const struct kw_columns *c, const char *key);

/* Does a field or a filter read this path? */
bool kw_columns_use(const struct kw_columns *c, const char *path);

/* A path that the map cannot do without when only those of have[n_paths] are there, or NULL. */
const char *kw_columns_lack(const struct kw_columns *c, const bool have[]);

/* The unit of a length that a name's end tells (latency_ms, timeToFirstTokenMs, elapsedSeconds); AUTO: none. */
enum kw_unit kw_columns_name_unit(const char *name);

/* The unit by its name in the language, for messages. */
const char *kw_unit_name(enum kw_unit unit);

/* "prompt_tokens + cache.read": how a field is made, for people; "-" when it is not mapped. Returns buf. */
char *kw_columns_text(const struct kw_columns *c, const struct kw_map_field *f, char *buf, size_t size);

#endif
