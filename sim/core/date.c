#include "sim/core/date.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Days since 1 March of year 0, by the civil calendar (H. Hinnant, chrono-compatible low-level date algorithms). */
static int64_t day_number(int y, int m, int d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy;
}

void kw_date_of_day(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468, era = z / 146097, doe = z % 146097; /* 719468: from 0000-03-01 to 1970-01-01 */
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t m = (5 * doy + 2) / 153; /* months since March */
    *day = (int)(doy - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

static bool parse_date(const char *s, int64_t *day)
{
    int part[3] = { 0, 1, 1 };
    for (int i = 0; i < 3; i++) {
        int digits = i == 0 ? 4 : 2, v = 0;
        for (int k = 0; k < digits; k++, s++) {
            if (*s < '0' || *s > '9') return false;
            v = v * 10 + (*s - '0');
        }
        part[i] = v;
        if (!*s) break;
        if (i == 2 || *s++ != '-') return false;
    }
    if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31) return false;
    *day = day_number(part[0], part[1], part[2]);
    return true;
}

int64_t kw_date_age_days(const char *date, const char *today)
{
    int64_t from, to;
    return parse_date(date, &from) && parse_date(today, &to) ? to - from : INT64_MIN;
}

bool kw_date_is_day(const char *s)
{
    return strlen(s) == 10 && kw_date_age_days(s, s) == 0;
}

enum kw_status kw_date_today(char buf[11], struct kw_error *err)
{
    const char *set = getenv("KEEPWARM_TODAY");
    time_t now = time(NULL);
    struct tm tm;
    if (set && !kw_date_is_day(set))
        return kw_fail(err, KW_EUSAGE, "KEEPWARM_TODAY: want YYYY-MM-DD, got '%.40s'", set);
    if (set)
        memcpy(buf, set, 11);
    else if (!gmtime_r(&now, &tm) || strftime(buf, 11, "%Y-%m-%d", &tm) != 10)
        return kw_fail(err, KW_EIO, "the clock tells no date");
    return KW_OK;
}
