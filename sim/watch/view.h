/* sim/watch/view.h - what a ledger says of a stretch of hours: by who served and who asked, and hour by hour. What rented
 * GPUs cost from their first request to their last, and what an export charged, is shared out here by tokens, exactly. */
#ifndef KW_SIM_WATCH_VIEW_H
#define KW_SIM_WATCH_VIEW_H
#include "sim/watch/ledger.h"

struct kw_watch_window { /* hours since 1970, [from, to) */
    int64_t from, to;
};

/* From the ledger's first hour to its last one, both whole; the last `hours` of them where they are more and hours > 0. */
struct kw_watch_window kw_watch_window(const struct kw_watch_ledger *l, int64_t hours);

/* The last hour that every log reaches the end of, and every charge, exclusive: later ones are not over. */
int64_t kw_watch_over(const struct kw_watch_ledger *l);

enum kw_watch_by { KW_WATCH_BY_SOURCE = KW_WATCH_PARTS, KW_WATCH_BY_ALL };

struct kw_watch_row {
    char name[256];                       /* "" of requests that name none */
    const struct kw_watch_source *source; /* BY_SOURCE; else NULL */
    struct kw_watch_count count;          /* cost with what its requests carry of rented GPUs */
    kw_nusd rent;                         /* of cost: rented, or charged by an export */
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
double kw_watch_usd_per_mtok(const struct kw_watch_count *c);    /* of what is priced and charged; NaN without */
double kw_watch_usd_per_request(const struct kw_watch_count *c); /* likewise */

/* What a charged source was charged, all in all. */
struct kw_watch_charges_sum {
    kw_nusd counted;   /* in w, at the hours that its log reaches over */
    kw_nusd outside;   /* at hours that its log, whole, does not: counted nowhere */
    kw_ns from, until; /* of all its charge periods; INT64_MAX and 0 where there are none */
};
void kw_watch_charges_told(const struct kw_watch_ledger *l, uint32_t source, struct kw_watch_window w,
                           struct kw_watch_charges_sum *sum);

#endif
