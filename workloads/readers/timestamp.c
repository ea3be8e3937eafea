#include "workloads/readers/timestamp.h"
#include <string.h>

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

#define SHOW(s) (int)((s).n < 40 ? (s).n : 40), (s).p

static enum kw_status not_a_number(struct kw_span s, struct kw_error *err)
{
    return s.n ? kw_fail(err, KW_EPARSE, "want a number, got '%.*s'", SHOW(s))
               : kw_fail(err, KW_EPARSE, "want a number, got an empty field");
}

enum kw_status kw_timestamp_decimal(struct kw_span s, int exp10, kw_ns *out, struct kw_error *err)
{
    const char *p = s.p, *end = s.p + s.n;
    bool negative = p < end && *p == '-';
    if (negative || (p < end && *p == '+')) p++;
    uint64_t v = 0;
    int scale = exp10, used = 0; /* the value is v * 10^scale ns; 19 significant digits fit v, the rest is below a ns */
    bool any = false, point = false;
    for (; p < end && (digit(*p) || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        any = true;
        if (used < 19) {
            v = v * 10 + (uint64_t)(*p - '0');
            used += v != 0;
            scale -= point;
        } else {
            scale += !point;
        }
    }
    if (!any) return not_a_number(s, err);
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool down = ++p < end && *p == '-', had = false;
        if (p < end && (*p == '-' || *p == '+')) p++;
        int e = 0;
        for (; p < end && digit(*p); p++, had = true)
            if (e < 1000) e = e * 10 + (*p - '0');
        if (!had) return not_a_number(s, err);
        scale += down ? -e : e;
    }
    if (p != end) return not_a_number(s, err);
    if (negative && v) return kw_fail(err, KW_ERANGE, "time %.*s is negative", SHOW(s));
    for (; v && scale > 0 && v <= INT64_MAX / 10; scale--) v *= 10;
    if (v && scale < 0) {
        uint64_t d = 1;
        for (; scale < 0 && d <= v && d < UINT64_C(10000000000000000000); scale++) d *= 10;
        uint64_t rest = v % d;
        v = scale < 0 ? 0 : v / d + (rest >= d - rest); /* still too fine once d > v: less than half a ns */
        scale = 0;
    }
    if (v && (scale > 0 || v > INT64_MAX))
        return kw_fail(err, KW_ERANGE, "time %.*s is beyond 292 years (is its unit right? unit=s|ms|us|ns)", SHOW(s));
    *out = (kw_ns)v;
    return KW_OK;
}

/* Of a proleptic Gregorian date. */
static int64_t days_since_1970(int year, int month, int day)
{
    /* Counting years from March puts the leap day last; 719468 days from 0000-03-01 to 1970-01-01. */
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* k digits at p; false when one is none. */
static bool fixed(const char *p, int k, int *out)
{
    int v = 0;
    for (int i = 0; i < k; i++) {
        if (!digit(p[i])) return false;
        v = v * 10 + (p[i] - '0');
    }
    *out = v;
    return true;
}

bool kw_timestamp_looks_iso(struct kw_span s)
{
    int x;
    return s.n >= 7 && fixed(s.p, 4, &x) && s.p[4] == '-' && fixed(s.p + 5, 2, &x);
}

/* "Z", "UTC", "+02:00", Go's "+0000 UTC m=+0.5" at *p, which moves behind it: the offset in seconds. */
static bool read_zone(const char **p, const char *end, int64_t *zone, bool *zoned)
{
    *zone = 0;
    *zoned = *p < end;
    while (*p < end && **p == ' ') ++*p;
    if (*p < end && (**p == '+' || **p == '-')) {
        int zh, zm = 0, sign = *(*p)++ == '-' ? -1 : 1;
        if (end - *p < 2 || !fixed(*p, 2, &zh) || zh > 15) return false;
        *p += 2;
        if (*p < end && **p == ':') ++*p;
        if (end - *p >= 2 && fixed(*p, 2, &zm) && zm < 60) *p += 2;
        *zone = sign * (zh * 60 + zm) * 60;
        if (end - *p >= 4 && !memcmp(*p, " UTC", 4)) *p += 4;
        if (end - *p >= 3 && !memcmp(*p, " m=", 3)) *p = end;
    } else if (*p < end && **p == 'Z') {
        ++*p;
    } else if (end - *p >= 3 && (!memcmp(*p, "UTC", 3) || !memcmp(*p, "GMT", 3))) {
        *p += 3;
    }
    return true;
}

struct civil {
    int year, month, day, hour, minute;
};

/* "YYYY-MM-DD" and, if more follows, "[ |T]HH:MM" at *at. */
static bool read_minute(const char **at, const char *end, struct civil *c)
{
    const char *p = *at;
    bool date = end - p >= 10 && fixed(p, 4, &c->year) && (p[4] == '-' || p[4] == '/') && fixed(p + 5, 2, &c->month) &&
                p[7] == p[4] && fixed(p + 8, 2, &c->day);
    c->hour = c->minute = 0;
    if (!date) return false;
    p += 10;
    if (p < end) {
        if ((*p != ' ' && *p != 'T') || end - p < 6 || !fixed(p + 1, 2, &c->hour) || p[3] != ':' ||
            !fixed(p + 4, 2, &c->minute))
            return false;
        p += 6;
    }
    *at = p;
    return true;
}

/* [:SS[.fraction]] at *at; the fraction in ns. */
static bool read_seconds(const char **at, const char *end, int *sec, int64_t *frac)
{
    static const int64_t unit[] = { 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    const char *p = *at;
    int n = 0;
    *sec = 0;
    *frac = 0;
    if (end - p < 3 || *p != ':') return true;
    if (!fixed(p + 1, 2, sec)) return false;
    p += 3;
    if (p < end && (*p == '.' || *p == ','))
        for (p++; p < end && digit(*p); p++)
            if (n < 9) *frac = *frac * 10 + (*p - '0'), n++;
    *frac *= unit[n];
    *at = p;
    return true;
}

static bool minute_exists(const struct civil *c)
{
    static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    return c->year >= 1970 && c->year <= 2261 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= month_days[c->month - 1] + (c->month == 2 && leap) && c->hour <= 23 && c->minute <= 59;
}

enum kw_status kw_timestamp_iso(struct kw_span s, struct kw_minute *last, kw_ns *out, bool *zoned, struct kw_error *err)
{
    const char *p = s.p, *end = s.p + s.n;
    struct civil c = { .year = 0 };
    int sec;
    int64_t frac, zone;
    const bool known = last && s.n > sizeof last->text && !memcmp(last->text, p, sizeof last->text);
    *zoned = false;
    if (known) p += sizeof last->text;
    if ((!known && !read_minute(&p, end, &c)) || !read_seconds(&p, end, &sec, &frac))
        return kw_fail(err, KW_EPARSE, "want a time such as 2023-11-16 18:17:03.97996, got '%.*s'", SHOW(s));
    if (!read_zone(&p, end, &zone, zoned)) return kw_fail(err, KW_EPARSE, "time zone of '%.*s' is malformed", SHOW(s));
    if (p != end) return kw_fail(err, KW_EPARSE, "text after the time in '%.*s'", SHOW(s));
    if ((!known && !minute_exists(&c)) || sec > 60)
        return kw_fail(err, KW_ERANGE, "no such time: '%.*s' (years 1970 to 2261)", SHOW(s));
    int64_t minute = known ? last->at : days_since_1970(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60;
    if (!known && last && s.n > sizeof last->text) {
        memcpy(last->text, s.p, sizeof last->text);
        last->at = minute;
    }
    int64_t t = minute + sec - zone;
    if (t < 0) return kw_fail(err, KW_ERANGE, "'%.*s' is before 1970", SHOW(s));
    *out = t * KW_NS_PER_S + frac;
    return KW_OK;
}

enum kw_status kw_timestamp_count(struct kw_span s, uint64_t *out, struct kw_error *err)
{
    const char *p = s.p, *end = s.p + s.n;
    uint64_t v = 0;
    for (; p < end && digit(*p); p++) {
        v = v * 10 + (uint64_t)(*p - '0');
        if (v > UINT64_C(1) << 53) return kw_fail(err, KW_ERANGE, "count %.*s is absurd", SHOW(s));
    }
    bool any = p > s.p;
    if (any && p < end && *p == '.')
        for (p++; p < end && *p == '0'; p++) {
        }
    if (!any || p != end) {
        if (s.n && *s.p == '-') return kw_fail(err, KW_ERANGE, "count %.*s is negative", SHOW(s));
        return s.n ? kw_fail(err, KW_EPARSE, "want a whole number of tokens, got '%.*s'", SHOW(s))
                   : kw_fail(err, KW_EPARSE, "want a whole number of tokens, got an empty field");
    }
    *out = v;
    return KW_OK;
}
