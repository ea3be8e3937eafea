/* sim/watch/log_file.h - logs that were read before are known by what they hold: one that is the same is left out, one that
 * has grown is read from where it ended. Whole lines only: a last line without its newline is left for the next time. */
#ifndef KW_SIM_WATCH_LOG_FILE_H
#define KW_SIM_WATCH_LOG_FILE_H
#include "sim/core/files/source.h"
#include "sim/watch/ledger.h"

enum kw_watch_progress { KW_WATCH_NEW, KW_WATCH_GREW, KW_WATCH_KNOWN };

struct kw_watch_log {
    enum kw_watch_progress progress;
    size_t known;            /* GREW, KNOWN: index into the ledger's files */
    struct kw_watch_file as; /* what is to be remembered of it once it is read; path borrowed, format NULL */
    struct kw_source source; /* open, of what is new; not where KNOWN */
    uint64_t left;           /* bytes of a last line that is not over */
};

/* KW_EINPUT: it cannot be read. KW_ERANGE: it begins as a log that was read before and goes on otherwise, or grew where what
 * is new cannot be told apart (compressed, one JSON document): its requests would count twice. */
enum kw_status kw_watch_log_open(struct kw_watch_log *g, const struct kw_watch_ledger *l, const char *path,
                                 struct kw_error *err);

/* Before the log is added to the ledger: t is what was read, arrivals count from epoch (UTC seconds). KW_ERANGE: under its name
 * a log was read whose requests reach beyond its first one, and no ids of them tell which those are. */
enum kw_status kw_watch_log_check(struct kw_watch_log *g, const struct kw_watch_ledger *l, const struct kw_trace *t,
                                  int64_t epoch, struct kw_error *err);
/* The log was added to the ledger. KW_ENOMEM. */
enum kw_status kw_watch_log_done(struct kw_watch_log *g, struct kw_watch_ledger *l, const char *format,
                                 uint64_t requests, kw_ns until, struct kw_error *err);

#endif
