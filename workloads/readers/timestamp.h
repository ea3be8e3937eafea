/* workloads/readers/timestamp.h - time stamps and counts as trace files write them, to exact integers. */
#ifndef KW_WORKLOADS_READERS_TIMESTAMP_H
#define KW_WORKLOADS_READERS_TIMESTAMP_H
#include <stdbool.h>
#include "sim/core/span.h"
#include "sim/core/units.h"

/* A non-negative decimal ("82", "19440110.0", "1.5e-3") in units of 10^exp10 ns (s: 9, ms: 6, us: 3, ns: 0) to ns,
 * rounded half up; floats printed with 17 digits are common, so digits below a ns are allowed.
 * KW_EPARSE not a number; KW_ERANGE negative or beyond 292 years. */
enum kw_status kw_timestamp_decimal(struct kw_span s, int exp10, kw_ns *out, struct kw_error *err);

/* "YYYY-MM-DD[ |T]HH:MM[:SS[.fraction]][ ][Z|UTC|+HH:MM|+HHMM|+HH]" to ns since 1970-01-01 UTC; slashes may stand for
 * the hyphens, a comma for the point, and a date alone is its midnight. Go's "+0000 UTC m=+0.5" is read as its zone.
 * Without a zone it is taken as UTC and *zoned is false. Years 1970..2261. Fractions of any length, digits below a ns
 * dropped. A leap second counts as the second after it. last (may be NULL) is the minute of the time before, which most
 * times of a log repeat. KW_EPARSE malformed; KW_ERANGE no such date. */
struct kw_minute { /* zeroed is none */
    char text[16]; /* "2026-05-31T09:00" */
    int64_t at;    /* s since 1970-01-01, zones left out */
};
enum kw_status kw_timestamp_iso(struct kw_span s, struct kw_minute *last, kw_ns *out, bool *zoned,
                                struct kw_error *err);

bool kw_timestamp_looks_iso(struct kw_span s); /* "dddd-dd" at the start */

/* A token count: digits, also "472.0". KW_EPARSE otherwise; above 2^53 KW_ERANGE. The caller checks its own limits. */
enum kw_status kw_timestamp_count(struct kw_span s, uint64_t *out, struct kw_error *err);

#endif
