/* sim/core/units.h - time and money as integers, and decimal text to and from them without a double in between. */
#ifndef KW_SIM_CORE_UNITS_H
#define KW_SIM_CORE_UNITS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

__extension__ typedef __int128 kw_i128; /* for exact sums and products; gcc and clang have it */

typedef int64_t kw_ns;   /* nanoseconds since the trace began; 292 years */
typedef int64_t kw_nusd; /* nano-dollars; 9.2 billion dollars */

#define KW_NS_PER_S INT64_C(1000000000)
#define KW_NS_PER_MS INT64_C(1000000)
#define KW_NS_PER_HOUR (INT64_C(3600) * KW_NS_PER_S)
#define KW_NANO INT64_C(1000000000)
#define KW_HOURS_PER_MONTH 730 /* the billing month every monthly figure is scaled to (DESIGN section 6) */

/* Reads a plain decimal ("0.25", "-3", "12.") as exact 1e-9 units: "0.25" is 250000000. At most 9 digits after the
 * point count; further digits must be zero or KW_ERANGE. No exponent, no sign but '-', no blanks.
 * KW_EPARSE malformed, KW_ERANGE outside int64. *out is unchanged on failure. */
enum kw_status kw_nano_parse(const char *s, int64_t *out, struct kw_error *err);

/* Reads a number as JSON writes it ("2.5e-06", "-3", "0.00000059") times 10^shift as 1e-9 units, without a double in
 * between: the first at shift 6 is 2500000000. What lies beyond the last unit is rounded to the nearest, half away from
 * zero, and *rounded set; else *rounded is as it was. KW_EPARSE malformed, KW_ERANGE outside int64 or an
 * exponent beyond 999. *out is unchanged on failure. */
enum kw_status kw_nano_scaled(const char *s, int shift, int64_t *out, bool *rounded, struct kw_error *err);

/* Writes v * 1e-9 as the shortest plain decimal ("0.25") into buf (32 bytes are enough); returns buf. */
char *kw_nano_format(char *buf, size_t size, int64_t v);

/* The double nearest to v * 1e-9, for reports and physics. */
double kw_nano_to_double(int64_t v);

#endif
