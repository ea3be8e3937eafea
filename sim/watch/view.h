/* sim/watch/view.h - what a ledger says of a stretch of hours: by who served and who asked, and hour by hour. What rented
 * GPUs cost from their first request to their last is shared out here by tokens, exactly. */
#ifndef KW_SIM_WATCH_VIEW_H
#define KW_SIM_WATCH_VIEW_H
#include "sim/watch/ledger.h"

struct kw_watch_window { /* hours since 1970, [from, to) */
    int64_t from, to;
};

/* From the ledger's first hour to its last one, both whole; the last `hours` of them where they are more and hours > 0. */
struct kw_watch_window kw_watch_window(const struct kw_watch_ledger *l, int64_t hours);

/* The last hour that every log reaches the end of, exclusive: later ones are not over. */
int64_t kw_watch_over(const struct kw_watch_ledger *l);

enum kw_watch_by { KW_WATCH_BY_SOURCE = KW_WATCH_PARTS, KW_WATCH_BY_ALL };

struct kw_watch_row {
    char name[256];                       /* "" of requests that name none */
    const struct kw_watch_source *source; /* BY_SOURCE; else NULL */
    struct kw_watch_count count;          /* cost with what its requests carry of rented GPUs */
    kw_nusd rent;                         /* of cost */
};

/* by: a kw_watch_part or a kw_watch_by. *row is malloc'd, the dearest first, of equal ones by name. KW_ENOMEM. */
enum kw_status kw_watch_rows(const struct kw_watch_ledger *l, struct kw_watch_window w, int by,
                             struct kw_watch_row **row, size_t *n, struct kw_error *err);

/* What each series counts in w, its part of the rent in its cost: *count is malloc'd, [l->n_series + 1]. KW_ENOMEM. */
enum kw_status kw_watch_by_series(const struct kw_watch_ledger *l, struct kw_watch_window w,
                                  struct kw_watch_count **count, struct kw_error *err);

/* Every hour of w, rent in the hours it is for: *hour is malloc'd, [w.to - w.from]. KW_ENOMEM. */
enum kw_status kw_watch_hours(const struct kw_watch_ledger *l, struct kw_watch_window w, struct kw_watch_count **hour,
                              struct kw_error *err);

int64_t kw_watch_tokens(const struct kw_watch_count *c);         /* of all lines */
double kw_watch_usd_per_mtok(const struct kw_watch_count *c);    /* of what is priced; NaN without tokens or a price */
double kw_watch_usd_per_request(const struct kw_watch_count *c); /* likewise */

/* Of a source in one hour what it is rented for, the first and the last by their part. */
kw_nusd kw_watch_rent(const struct kw_watch_source *s, int64_t hour);

#endif
