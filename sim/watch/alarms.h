/* sim/watch/alarms.h - the hours of a ledger that cost more than their past lets expect (anomaly.h): the whole, and a
 * request. */
#ifndef KW_SIM_WATCH_ALARMS_H
#define KW_SIM_WATCH_ALARMS_H
#include "sim/watch/anomaly.h"
#include "sim/watch/view.h"

enum kw_watch_signal { KW_SIGNAL_HOUR, KW_SIGNAL_REQUEST, KW_SIGNALS };
extern const char *const kw_watch_signal_name[]; /* "an hour", "a request", NULL */

/* Of what a doubling is: only the hour shows more requests, the hour and the request more for each. */
enum kw_watch_doubling { KW_DOUBLING_OF_REQUESTS, KW_DOUBLING_OF_EACH, KW_DOUBLINGS };

struct kw_watch_alarm { /* hours one after another */
    enum kw_watch_signal signal;
    int64_t hour; /* the first of them */
    int64_t hours;
    double value, expected; /* of the worst of them; dollars, or tokens where nothing has a price */
};

struct kw_watch_alarms {
    struct kw_watch_alarm *alarm; /* [n], owned, by hour */
    size_t n;
    int64_t judged;             /* hours in the window */
    double visible[KW_SIGNALS]; /* from how many times the expected on the last hour was an alarm; NaN: not judged */
    double told[KW_DOUBLINGS]; /* of the hours judged in the last 28 days, without alarms: the share in which a doubling
                                   from the middle of the hour before on is told from noise; NaN: fewer than a day */
    bool of_tokens;            /* no request has a price: tokens stand for dollars */
};

/* Judges the hours of w that are over by all that the ledger has before them. per_month: false alarms accepted in 720
 * hours, all signals together. KW_ENOMEM. */
enum kw_status kw_watch_alarms(struct kw_watch_alarms *a, const struct kw_watch_ledger *l, struct kw_watch_window w,
                               double per_month, struct kw_error *err);
void kw_watch_alarms_free(struct kw_watch_alarms *a);

#endif
