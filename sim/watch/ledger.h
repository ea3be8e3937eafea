/* sim/watch/ledger.h - what requests cost, hour by hour: an hour's requests of one source, model, key, team and tag are a
 * cell. Logs of APIs, serverless platforms and rented GPUs add up in it, so that a dollar and a token mean the same in all. */
#ifndef KW_SIM_WATCH_LEDGER_H
#define KW_SIM_WATCH_LEDGER_H
#include "platforms/facts/platform.h"
#include "sim/cost/bill.h"
#include "workloads/trace.h"

enum kw_watch_part { KW_WATCH_MODEL, KW_WATCH_KEY, KW_WATCH_TEAM, KW_WATCH_TAG, KW_WATCH_PARTS };
extern const char *const kw_watch_part_name[]; /* "model", "key", "team", "tag", NULL */

#define KW_WATCH_COSTS "costs:" /* begins the name of a source whose cost an export says */

/* Who serves, and how it is paid. */
struct kw_watch_source {
    char name[96]; /* "openai", "lambda:H100x2"; "" what no platform is known of */
    enum kw_kind kind;
    kw_nusd hour; /* all GPUs of it an hour: dedicated, from its first request to its last; serverless, of GPU time */
    bool bills_starts; /* its meter runs while a replica loads */
    bool charged;      /* named costs:NAME: its cost is what an export says (charges.h); kind and hour are 0 */
    kw_ns from, until; /* observed, ns since 1970 */
    kw_ns busy_until;  /* where the answers seen so far end */
};

struct kw_watch_series {
    uint32_t source;
    char *label; /* model, key, team, tag with KW_TRACE_OWNER_SEP between them; owned */
};

struct kw_watch_count {
    int64_t requests, tokens[KW_LINES];
    kw_nusd cost;     /* of the requests whose price is known */
    int64_t unpriced; /* requests whose price nobody knows: no part of cost */
    kw_nusd said;     /* what the logs themselves say of those that say it */
    int64_t says_cost;
    int64_t says_start, cold,
        cold_timed; /* requests that tell whether a cold start met them; that one did; and how long */
    kw_ns cold_ns;
    kw_nusd cold_cost; /* of cost */
    kw_ns gpu_ns;
    int64_t waiting, waiting_tokens; /* in views alone: of charged sources, in hours of which no export has a charge */
    kw_ns busy_ns; /* when at least one of the source's requests was under way, counted where it began */
};

struct kw_watch_charge { /* of a charged source */
    uint32_t source;
    kw_ns from, to; /* its period, ns since 1970 */
    kw_nusd cost;   /* credits are below 0 */
};

struct kw_watch_cell {
    int64_t hour; /* since 1970, UTC */
    uint32_t series;
    struct kw_watch_count count;
};

struct kw_watch_id { /* of a request that is counted: logs that are read again, rotated or exported anew, overlap */
    int64_t hour;    /* since 1970, in which it arrived */
    uint64_t
        hash; /* of its row's id and its arrival to the ns. Two of one hash and hour are taken for one: of a million
                        new requests beside KW_WATCH_IDS kept ones any is, with a probability of 2e-7 */
};
enum { KW_WATCH_IDS = 1 << 22, KW_WATCH_ID_HOURS = 8 * 24 }; /* how many are kept at most, and how long */

struct kw_watch_file {   /* read already (log_file.h) */
    char *path, *format; /* as it was found, so that the rest of it is read alike */
    uint64_t bytes, requests;
    kw_ns until;             /* its last request, ns since 1970 */
    bool ids;                /* every request of it has an id */
    char head[65], tail[65]; /* SHA-256 of the first and of the last 64 KiB of its `bytes` */
};

struct kw_watch_ledger { /* {0} is empty; what it points to is owned */
    struct kw_watch_source *source;
    struct kw_watch_series *series;
    struct kw_watch_cell *cell;     /* by hour, then series; no two alike */
    struct kw_watch_charge *charge; /* by source, from, to; no two alike */
    struct kw_watch_id *id;         /* by hour, hash; no two alike */
    size_t n_ids;
    int64_t ids_from; /* hour: the ids of all that is counted from then on are kept, where rows had any */
    uint64_t again;   /* requests left out, since the ledger began, because their ids had been counted */
    struct kw_watch_file *file;
    size_t n_sources, n_series, n_cells, n_charges, n_files;
};

void kw_watch_free(struct kw_watch_ledger *l);

/* Where a log's requests are counted. gpu: on that offer of platform[0], `gpus` of them; service: at what exports say that it
 * was charged; neither: on whichever of the platforms sells the request's model by the token, else on none, where the log itself
 * says what it cost. */
struct kw_watch_place {
    const char *service;                       /* a word of its charges, or NULL */
    const struct kw_platform *const *platform; /* [n] */
    size_t n;
    const struct kw_gpu_offer *gpu;
    uint32_t gpus;
    const char *model; /* of requests that name none; NULL: "" */
};

/* Adds the trace's requests but those whose id is counted already, which l->again counts. epoch: UTC seconds of arrival 0, t->epoch_part beside. KW_ERANGE: prices by volume, which an hour does not know; GPU
 * time that nobody tells of a serverless platform. KW_ENOMEM. On failure the ledger is as it was. */
enum kw_status kw_watch_add(struct kw_watch_ledger *l, const struct kw_trace *t, int64_t epoch,
                            const struct kw_watch_place *p, struct kw_error *err);

/* Index of the first of n rows that is not of an hour before `hour`, n if none is: cells or ids, of `size` bytes each, which begin
 * with their hour and lie in order of it. */
size_t kw_watch_first(const void *row, size_t n, size_t size, int64_t hour);

/* One part of a series' label into buf; returns buf. */
char *kw_watch_part(const struct kw_watch_series *s, enum kw_watch_part part, char buf[256]);

void kw_watch_count_add(struct kw_watch_count *sum, const struct kw_watch_count *c);

#endif
