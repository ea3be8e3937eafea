/* workloads/readers/time_form.h - what a time column holds: found out from the first records and the column's name, or
 * refused where two readings are possible. */
#ifndef KW_WORKLOADS_READERS_TIME_FORM_H
#define KW_WORKLOADS_READERS_TIME_FORM_H
#include <stdbool.h>
#include "sim/core/span.h"
#include "sim/core/status.h"
#include "sim/core/units.h"
#include "workloads/readers/column_map.h"
#include "workloads/readers/timestamp.h"

struct kw_time_samples { /* of one column; zeroed at first */
    size_t n, numbers, dates, day_first, month_first, meridiem, zoned;
    bool fraction;
    double lo, hi;     /* of the numbers */
    enum kw_unit date; /* of the first text that is no number */
    char example[40];
};

void kw_time_sample(struct kw_time_samples *s, struct kw_span text);

/* The unit of a column by its samples and its name ("offset_ms", "startTimeUnixNano"). "arrival" is this program's own
 * name and holds seconds. why becomes what it was told by. KW_EPARSE: it could be two things; which, and how to say it. */
enum kw_status kw_time_settle(const struct kw_time_samples *s, const char *column, enum kw_unit *unit, const char **why,
                              struct kw_error *err);

/* One time to ns: since 1970-01-01 UTC for dates, as counted for numbers. A date without a zone is taken as UTC; *zoned
 * says whether it had one. KW_EPARSE, KW_ERANGE. */
enum kw_status kw_time_read(struct kw_span text, enum kw_unit unit, struct kw_minute *last, kw_ns *out, bool *zoned,
                            struct kw_error *err);

/* Is the local time t ns after 1970 within the night in which summer time ends, in the EU (last Sunday of October) or in
 * the US (first Sunday of November)? Then clocks show an hour twice. */
bool kw_time_falls_back(kw_ns t);

#endif
