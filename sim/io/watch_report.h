/* sim/io/watch_report.h - what a ledger of costs says, for people and as JSON. */
#ifndef KW_SIM_IO_WATCH_REPORT_H
#define KW_SIM_IO_WATCH_REPORT_H
#include "sim/core/text.h"
#include "sim/watch/alarms.h"
#include "sim/watch/budget.h"
#include "sim/watch/charges.h"
#include "sim/watch/view.h"

struct kw_watch_report {
    const struct kw_watch_ledger *ledger; /* borrowed, of one source at least */
    struct kw_watch_window window;
    const struct kw_watch_alarms *alarms;
    const struct kw_watch_budget *budget; /* NULL: none was set */
    const struct kw_watch_export *export; /* NULL: none was read */
    bool all;                             /* every row of the tables */
};

/* KW_ENOMEM. */
enum kw_status kw_watch_report_text(const struct kw_watch_report *r, struct kw_text *out, struct kw_error *err);
/* Without the last brace, so that more may follow. */
enum kw_status kw_watch_report_json(const struct kw_watch_report *r, struct kw_text *out, struct kw_error *err);

#endif
