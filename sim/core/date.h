/* sim/core/date.h - dates of facts: how old one is, and which day is today. */
#ifndef KW_SIM_CORE_DATE_H
#define KW_SIM_CORE_DATE_H
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/status.h"

/* Days from `date` (YYYY-MM-DD, YYYY-MM or YYYY: the first day of it) to `today`; negative when it lies ahead.
 * INT64_MIN when either is no date ("undated"). */
int64_t kw_date_age_days(const char *date, const char *today);

bool kw_date_is_day(const char *s); /* YYYY-MM-DD */

/* The civil date of a day counted from 1970-01-01, which is 0; days from 0000-03-01 on. */
void kw_date_of_day(int64_t days, int *year, int *month, int *day);

/* The day that facts are judged by: $KEEPWARM_TODAY where it is set, else the clock's, in UTC. KW_EUSAGE: the variable
 * holds no YYYY-MM-DD. */
enum kw_status kw_date_today(char buf[11], struct kw_error *err);

#endif
