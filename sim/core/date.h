/* sim/core/date.h - how old a dated fact is. */
#ifndef KW_SIM_CORE_DATE_H
#define KW_SIM_CORE_DATE_H
#include <stdint.h>

/* Days from `date` (YYYY-MM-DD, YYYY-MM or YYYY: the first day of it) to `today`; negative when it lies ahead.
 * INT64_MIN when either is no date ("undated"). */
int64_t kw_date_age_days(const char *date, const char *today);

#endif
