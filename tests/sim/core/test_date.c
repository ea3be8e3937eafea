#include "sim/core/date.h"
#include "tests/check.h"

static void ages_in_days(void)
{
    CHECK(kw_date_age_days("2026-11-24", "2026-11-24") == 0);
    CHECK(kw_date_age_days("2025-11-24", "2026-11-24") == 365);
    CHECK(kw_date_age_days("2024-02-28", "2024-03-01") == 2); /* a leap year */
    CHECK(kw_date_age_days("2023-02-28", "2023-03-01") == 1);
    CHECK(kw_date_age_days("1970-01-01", "2000-01-01") == 10957);
    CHECK(kw_date_age_days("2026-08", "2026-08-11") == 10);
    CHECK(kw_date_age_days("2026", "2026-01-31") == 30);
    CHECK(kw_date_age_days("2026-11-25", "2026-11-24") == -1);
    CHECK(kw_date_age_days("undated", "2026-11-24") == INT64_MIN);
    CHECK(kw_date_age_days("2026-13-01", "2026-11-24") == INT64_MIN);
    CHECK(kw_date_age_days("2026-1", "2026-11-24") == INT64_MIN);
    CHECK(kw_date_age_days("2026-11-24x", "2026-11-24") == INT64_MIN);
    CHECK(kw_date_age_days("1970-01-01", "2026-11-24") == 20781); /* date -u -d 2026-11-24 +%s / 86400 */
    CHECK(kw_date_age_days("2025-12", "2026-01-01") == 31);
}

int main(void)
{
    RUN(ages_in_days);
    return check_report();
}
