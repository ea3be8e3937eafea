/* Clocks of time zones: against the C library's for many zones and moments, at the very seconds of their changes, from the
 * table of changes and from the rule behind it; and files that are none. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "sim/core/zone.h"
#include "tests/check.h"

static const char *const zones[] = { "Europe/Berlin",     "America/New_York",  "Australia/Lord_Howe", "Asia/Kolkata",
                                     "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia",        "Etc/GMT+5",
                                     "America/St_Johns",  "Asia/Tehran",       "Europe/Dublin",       "Asia/Gaza" };

static int32_t libc_east(int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm local, back;
    localtime_r(&t, &local);
    back = local;
    char buf[16];
    strftime(buf, sizeof buf, "%z", &back);
    int hours, minutes;
    sscanf(buf + 1, "%2d%2d", &hours, &minutes);
    return (buf[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

/* Half an hour apart over 90 years, and around every change; summer times of 2037 and later come from the rule alone. */
static void as_the_c_library(void)
{
    for (size_t k = 0; k < sizeof zones / sizeof *zones; k++) {
        struct kw_zone z;
        CHECK(kw_zone_load(&z, zones[k], NULL) == KW_OK);
        setenv("TZ", zones[k], 1);
        tzset();
        int wrong = 0, changes = 0;
        for (int64_t t = 0; t < INT64_C(4000000000); t += 86400 * 5 + 1800)
            wrong += kw_zone_east(&z, t) != libc_east(t);
        for (int64_t t = 0; t < INT64_C(4000000000);) {
            int64_t next = kw_zone_next(&z, t);
            if (next == INT64_MAX) break;
            CHECK(next > t);
            wrong += kw_zone_east(&z, next - 1) != libc_east(next - 1) || kw_zone_east(&z, next) != libc_east(next);
            wrong += kw_zone_east(&z, t) != kw_zone_east(&z, next - 1);
            changes++;
            t = next;
        }
        CHECK(wrong == 0);
        CHECK(changes > 0 || strstr("Etc/GMT+5 Asia/Kolkata", zones[k]));
        kw_zone_free(&z);
    }
    setenv("TZ", "UTC", 1);
    tzset();
}

static void by_hand(void)
{
    struct kw_zone z;
    CHECK(kw_zone_load(&z, "Europe/Berlin", NULL) == KW_OK);
    CHECK(kw_zone_east(&z, 1774745999) == 3600 && kw_zone_east(&z, 1774746000) == 7200); /* 2026-03-29 01:00 UTC */
    CHECK(kw_zone_next(&z, 1774746000) == 1792890000);                                   /* 2026-10-25 01:00 UTC */
    kw_zone_free(&z);
    CHECK(kw_zone_load(&z, "UTC", NULL) == KW_OK);
    CHECK(kw_zone_east(&z, 1774746000) == 0 && kw_zone_next(&z, 0) == INT64_MAX && z.n == 0);
    kw_zone_free(&z);
}

/* A file of no change at all, whose footer says everything. */
static size_t made(unsigned char *out, const char *footer)
{
    unsigned char header[44] = { 'T', 'Z', 'i', 'f', '2' };
    size_t n = 0;
    header[39] = 1; /* a type */
    header[43] = 4; /* characters of its name */
    for (int i = 0; i < 2; i++) {
        memcpy(out + n, header, 44);
        memcpy(out + n + 44, "\0\0\0\0\0\0AAA", 10);
        n += 54;
    }
    n += (size_t)sprintf((char *)out + n, "\n%s\n", footer);
    return n;
}

static void rules_alone(void)
{
    static const struct {
        const char *rule;
        int64_t at;
        int32_t east;
    } good[] = { { "EST5EDT,M3.2.0,M11.1.0", 1772953200 - 1, -18000 }, /* 2026-03-08 07:00 UTC */
                 { "EST5EDT,M3.2.0,M11.1.0", 1772953200, -14400 },
                 { "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", 1774746000 - 1, -10800 }, /* 22:00 of Saturday the 28th, local */
                 { "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", 1774746000, -7200 },
                 { "AAA-1BBB-3,J60,J300", 1772326800 - 1, 3600 },
                 { "AAA-1BBB-3,J60,J300", 1772326800, 10800 }, /* 2026-03-01 02:00, 01:00 UTC */
                 { "AAA0BBB,0/0,364/24", 1767225600, 3600 },   /* summer all the year, from 2026-01-01 */
                 { "AEST-10AEDT,M10.1.0,M4.1.0/3", 1767225600, 39600 },
                 { "AAA-2", 1767225600, 7200 } };
    static const char *const bad[] = {
        "A1",           "AAA",     "AAA1BBB", "AAA1BBB,M13.1.0,M1.1.0", "AAA1BBB,M3.6.0,M1.1.0", "AAA1BBB,J0,J5",
        "AAA1BBB,1,2x", "AAA1:60", "<AAA1"
    };
    unsigned char file[256];
    struct kw_zone z;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(kw_zone_parse(&z, "made", file, made(file, good[i].rule), NULL) == KW_OK);
        CHECK(kw_zone_east(&z, good[i].at) == good[i].east);
        if (strchr(good[i].rule, ',')) { /* the clocks of a rule change twice within 53 weeks, to and fro */
            int64_t first = kw_zone_next(&z, good[i].at), second = kw_zone_next(&z, first);
            CHECK(first > good[i].at && second > first && second <= good[i].at + 372 * 86400);
            CHECK(kw_zone_east(&z, first) != kw_zone_east(&z, first - 1) &&
                  kw_zone_east(&z, second) == kw_zone_east(&z, first - 1));
        }
        kw_zone_free(&z);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(kw_zone_parse(&z, "made", file, made(file, bad[i]), NULL) == KW_EPARSE && !z.change);
    size_t n = made(file, "AAA-2");
    for (size_t cut = 0; cut < n; cut++) CHECK(kw_zone_parse(&z, "made", file, cut, NULL) == KW_EPARSE && !z.change);
    file[4] = 0; /* version 1 */
    CHECK(kw_zone_parse(&z, "made", file, n, NULL) == KW_EPARSE);
}

static void names(void)
{
    static const char *const bad[] = { "", "Mars/Olympus", "/etc/passwd", "../passwd", "Europe/../x", "a b" };
    struct kw_zone z;
    struct kw_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(kw_zone_load(&z, bad[i], &err) == KW_ERANGE);
    setenv("TZDIR", "/nowhere", 1);
    CHECK(kw_zone_load(&z, "Europe/Berlin", &err) == KW_EINPUT && strstr(err.msg, "install tzdata"));
    CHECK(kw_zone_load(&z, "UTC", &err) == KW_OK);
    unsetenv("TZDIR");
}

int main(void)
{
    RUN(as_the_c_library);
    RUN(by_hand);
    RUN(rules_alone);
    RUN(names);
    return check_report();
}
