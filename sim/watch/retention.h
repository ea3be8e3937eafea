/* sim/watch/retention.h - a ledger that is kept for years does not grow for years: hours of more than 400 days ago are
 * forgotten, a year and a month, with what only they named: series, sources, logs. Nothing that is told looks back further than
 * the ten weeks that judge a month's alarms. */
#ifndef KW_SIM_WATCH_RETENTION_H
#define KW_SIM_WATCH_RETENTION_H
#include "sim/watch/ledger.h"

enum { KW_WATCH_KEPT_HOURS = 400 * 24 };

/* Forgets all before the last `hours` of it; *cells says how many were. Rent before them is forgotten, too. KW_ENOMEM: l is as it
 * was. */
enum kw_status kw_watch_forget(struct kw_watch_ledger *l, int64_t hours, size_t *cells, struct kw_error *err);

#endif
