/* sim/watch/anomaly.h - hours that cost more than their past lets expect. An hour is judged by what came before it alone, so
 * that a replay of history raises the alarms that a watch would have raised.
 *
 *     z = log(y + c),   z^(t) = S(t),   S(t) + phi^k B(t-k)   or   S(t) + L(t) + phi^k (B(t-k) - L(t)),   B = z - S
 *
 * S: the trimmed mean of the same hour of day on days of the same kind (Monday to Friday, Saturday and Sunday) of the 28 days
 * before; L: the median of B in the day before; phi: how much of B one hour hands on to the next; k: 1 and 2. Of the three
 * forecasts the one counts that was nearest in the 28 days before, by a twentieth at least where it is less simple: where
 * traffic keeps to its hours, what the last day and hour had beyond them is noise; the last, where that day was beyond the
 * limit. What z has beyond it, over the noise
 * that such hours and so few requests have, is the score, and the
 * alarm's threshold lies where scores like those of the 28 days before come once in the time that is asked for: a
 * generalised Pareto tail is fitted to the largest tenth (Siffer et al., Anomaly Detection in Streams with Extreme Value
 * Theory, KDD 2017; by moments, Hosking and Wallis, Technometrics 29(3), 1987). Forecasts of two hours before see a fault that
 * began in the midst of the last hour whole; a sum of several hours (CUSUM; Page, Biometrika 41, 1954) saw no more doublings
 * within two hours, since only one of these is whole. Holidays are not known to it: such a day looks like what it is not. */
#ifndef KW_SIM_WATCH_ANOMALY_H
#define KW_SIM_WATCH_ANOMALY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

#define KW_ANOMALY_WARM_HOURS 168 /* a week must have been seen before the first hour is judged */

struct kw_signal {
    const double *value;    /* [n] dollars in each hour, or dollars a request */
    const double *requests; /* [n] that it is of */
    size_t n;
    int64_t first; /* hour since 1970 of the first */
};

struct kw_judgement {
    bool judged, alarm;
    double expected;  /* the value that its past lets expect; NaN where nothing was judged */
    double limit;     /* the value from which on it is an alarm: what of a fault can be seen at all */
    double score;     /* over the threshold: > 1 is an alarm */
    bool tells_twice; /* twice as much from the middle of the hour before on would be an alarm by the end of this one */
};

/* One judgement an hour into out[n]. per_month: false alarms that are accepted in 720 hours. KW_ENOMEM. */
enum kw_status kw_anomalies(const struct kw_signal *s, double per_month, struct kw_judgement *out,
                            struct kw_error *err);

#endif
