#include "workloads/readers/time_form.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/date.h"
#include "workloads/readers/timestamp.h"

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct kw_span trimmed(struct kw_span s)
{
    while (s.n && (*s.p == ' ' || *s.p == '"')) s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '"')) s.n--;
    return s;
}

/* A whole number of 1 to max digits at *p, which moves behind it; -1: none. */
static int whole(const char **p, const char *end, int max)
{
    int v = 0, n = 0;
    for (; *p < end && digit(**p) && n < max; ++*p, n++) v = v * 10 + (**p - '0');
    return n ? v : -1;
}

/* "May" and longer, in English; -1: none. */
static int month_name(const char **p, const char *end)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    if (end - *p < 3) return -1;
    for (int m = 0; m < 12; m++) {
        int same = 0;
        while (same < 3 && tolower((unsigned char)(*p)[same]) == names[3 * m + same]) same++;
        if (same < 3) continue;
        while (*p < end && isalpha((unsigned char)**p)) ++*p;
        return m + 1;
    }
    return -1;
}

/* Reads a date of day, month and year as "2026-05-31 " and the rest of the text, with hours of 12 turned into 24, into
 * buf, for kw_timestamp_iso. false: no such form. */
static bool as_iso(struct kw_span s, enum kw_unit unit, char buf[80])
{
    const char *p = s.p, *end = s.p + s.n;
    int a, b, year, hour = 0, minute = 0, second = 0;
    if (unit == KW_UNIT_YMDHMS) {
        char d[15];
        size_t k = 0;
        for (; p < end && k < 14; p++) {
            if (digit(*p))
                d[k++] = *p;
            else if (*p != '-' && *p != 'T' && *p != '_')
                break;
        }
        if (k != 14) return false;
        return snprintf(buf, 80, "%.4s-%.2s-%.2s %.2s:%.2s:%.2s%.*s", d, d + 4, d + 6, d + 8, d + 10, d + 12,
                        (int)(end - p < 40 ? end - p : 40), p) < 80;
    }
    if ((a = whole(&p, end, 2)) < 0 || p == end || !strchr("./- ", *p)) return false;
    char sep = *p++;
    b = month_name(&p, end);
    bool named = b > 0;
    if (!named && (b = whole(&p, end, 2)) < 0) return false;
    if (p == end || (*p != sep && !named)) return false;
    p++;
    if ((year = whole(&p, end, 4)) < 0) return false;
    if (year < 100) year += 2000;
    int month = unit == KW_UNIT_MDY && !named ? a : b, day = unit == KW_UNIT_MDY && !named ? b : a;
    while (p < end && strchr(" ,T:", *p)) p++;
    if (p < end && (hour = whole(&p, end, 2)) < 0) return false;
    if (p < end && *p == ':' && (p++, (minute = whole(&p, end, 2)) < 0)) return false;
    if (p < end && *p == ':' && (p++, (second = whole(&p, end, 2)) < 0)) return false;
    const char *frac = p;
    if (p < end && (*p == '.' || *p == ','))
        for (p++; p < end && digit(*p); p++) {
        }
    size_t frac_n = (size_t)(p - frac);
    while (p < end && *p == ' ') p++;
    if (end - p >= 2 && strchr("aApP", *p) && (p[1] == 'm' || p[1] == 'M')) {
        if (hour < 1 || hour > 12) return false;
        hour = hour % 12 + (*p == 'p' || *p == 'P' ? 12 : 0);
        p += 2;
    }
    return snprintf(buf, 80, "%04d-%02d-%02d %02d:%02d:%02d%s%.*s%.*s", year, month, day, hour, minute, second,
                    frac_n ? "." : "", (int)(frac_n ? (frac_n < 12 ? frac_n - 1 : 11) : 0), frac + (frac_n > 0),
                    (int)(end - p < 20 ? end - p : 20), p) < 80;
}

static enum kw_unit date_form(struct kw_span s)
{
    size_t d = 0;
    while (d < s.n && digit(s.p[d])) d++;
    if (d == 4 && s.n > 5 && (s.p[4] == '-' || s.p[4] == '/')) return KW_UNIT_ISO;
    if (d == 14 || (d == 8 && s.n >= 15 && strchr("-T_", s.p[8]) && digit(s.p[9]))) return KW_UNIT_YMDHMS;
    if (d >= 1 && d <= 2 && s.n > d + 3 && s.p[d] == '.') return KW_UNIT_DMY;
    if (d >= 1 && d <= 2 && s.n > d + 3 && strchr("/- ", s.p[d]) && isalpha((unsigned char)s.p[d + 1]))
        return KW_UNIT_DMY;
    if (d >= 1 && d <= 2 && s.n > d + 3 && strchr("/-", s.p[d])) return KW_UNIT_MDY; /* or the other way round */
    return KW_UNIT_AUTO;
}

static bool ends_with_meridiem(struct kw_span s)
{
    return s.n > 2 && strchr("aApP", s.p[s.n - 2]) && strchr("mM", s.p[s.n - 1]);
}

void kw_time_sample(struct kw_time_samples *s, struct kw_span text)
{
    char buf[40], *end;
    text = trimmed(text);
    if (!text.n) return;
    snprintf(buf, sizeof buf, "%.*s", (int)(text.n < 39 ? text.n : 39), text.p);
    double x = strtod(buf, &end);
    if (end != buf && !*end && !isfinite(x)) return; /* whoever reads it says so */
    enum kw_unit date = date_form(text);
    if (!s->n++) memcpy(s->example, buf, sizeof buf);
    if (!*end && end != buf && date != KW_UNIT_YMDHMS) {
        if (!s->numbers++) s->lo = s->hi = x;
        if (x < s->lo) s->lo = x;
        if (x > s->hi) s->hi = x;
        s->fraction |= strpbrk(buf, ".eE") != NULL && x != floor(x);
        return;
    }
    if (!s->dates++) s->date = date;
    if (date == KW_UNIT_MDY) {
        const char *p = text.p;
        int a = whole(&p, text.p + text.n, 2), b = (p++, whole(&p, text.p + text.n, 2));
        s->day_first += a > 12;
        s->month_first += b > 12;
    }
    s->meridiem += ends_with_meridiem(text);
}

static bool name_ends(const char *name, const char *tail)
{
    size_t n = strlen(name), k = strlen(tail);
    return n >= k && strcmp(name + n - k, tail) == 0;
}

static bool by_name(const char *column, enum kw_unit *unit)
{
    static const struct {
        const char *tail;
        enum kw_unit unit;
    } tails[] = {
        { "_ms", KW_UNIT_MS },          { "Ms", KW_UNIT_MS },      { "_millis", KW_UNIT_MS }, { "Millis", KW_UNIT_MS },
        { "_us", KW_UNIT_US },          { "_micros", KW_UNIT_US }, { "_ns", KW_UNIT_NS },     { "_nanos", KW_UNIT_NS },
        { "_nano", KW_UNIT_NS },        { "Nano", KW_UNIT_NS },    { "_s", KW_UNIT_S },       { "_sec", KW_UNIT_S },
        { "_secs", KW_UNIT_S },         { "_seconds", KW_UNIT_S }, { "(s)", KW_UNIT_S },      { "(ms)", KW_UNIT_MS },
        { "_milliseconds", KW_UNIT_MS }
    };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        if (name_ends(column, tails[i].tail)) return *unit = tails[i].unit, true;
    return false;
}

static enum kw_status settle_dates(const struct kw_time_samples *s, const char *column, enum kw_unit *unit,
                                   const char **why, struct kw_error *err)
{
    *why = "dates";
    *unit = s->date;
    if (s->date == KW_UNIT_AUTO)
        return kw_fail(err, KW_EPARSE, "column '%s': want a time such as 2026-05-31T09:00:00Z or a number, got '%s'",
                       column, s->example);
    if (s->date != KW_UNIT_MDY) return KW_OK;
    if (s->day_first && s->month_first)
        return kw_fail(err, KW_EPARSE, "column '%s': days and months change places ('%s')", column, s->example);
    if (s->day_first) *unit = KW_UNIT_DMY;
    if (!s->day_first && !s->month_first && !s->meridiem)
        return kw_fail(err, KW_EPARSE, "column '%s': '%s' could be month/day or day/month: say unit=mdy or unit=dmy",
                       column, s->example);
    *why = s->day_first ? "days above 12 come first" : s->month_first ? "days above 12 come second" : "AM and PM";
    return KW_OK;
}

enum kw_status kw_time_settle(const struct kw_time_samples *s, const char *column, enum kw_unit *unit, const char **why,
                              struct kw_error *err)
{
    const char *leaf = strrchr(column, '.') ? strrchr(column, '.') + 1 : column;
    *unit = KW_UNIT_S;
    *why = "";
    if (s->dates) return settle_dates(s, column, unit, why, err);
    if (!s->n) return KW_OK;
    if (by_name(leaf, unit)) {
        *why = "by its name";
        return KW_OK;
    }
    *why = "Unix time by its size";
    if (s->lo >= 1e9 && s->hi < 1e10) return KW_OK;
    if (s->lo >= 1e12 && s->hi < 1e13) return *unit = KW_UNIT_MS, KW_OK;
    if (s->lo >= 1e15 && s->hi < 1e16) return *unit = KW_UNIT_US, KW_OK;
    if (s->lo >= 1e18 && s->hi < 1e19) return *unit = KW_UNIT_NS, KW_OK;
    *why = "by its name";
    if (strcmp(leaf, "arrival") == 0) return KW_OK;
    if (s->fraction && s->lo >= 36526 && s->hi < 73050 && s->hi - s->lo < 366)
        return kw_fail(err, KW_EPARSE,
                       "column '%s': %s could be a spreadsheet's days or seconds: say unit=days or unit=s", column,
                       s->example);
    *why = "by its fractions";
    if (s->fraction) return KW_OK;
    if (s->n < 2 && s->hi == 0) return KW_OK;
    return kw_fail(err, KW_EPARSE,
                   "column '%s': whole numbers such as %.0f could be s, ms, us or ns: say unit=s|ms|us|ns", column,
                   s->hi);
}

enum kw_status kw_time_read(struct kw_span text, enum kw_unit unit, struct kw_minute *last, kw_ns *out, bool *zoned,
                            struct kw_error *err)
{
    static const int exp10[] = { [KW_UNIT_S] = 9, [KW_UNIT_MS] = 6, [KW_UNIT_US] = 3, [KW_UNIT_NS] = 0 };
    char iso[80];
    *zoned = true;
    text = trimmed(text);
    switch (unit) {
    case KW_UNIT_S:
    case KW_UNIT_MS:
    case KW_UNIT_US:
    case KW_UNIT_NS: return kw_timestamp_decimal(text, exp10[unit], out, err);
    case KW_UNIT_DAYS: {
        enum { FIRST = 25569 }; /* 1970-01-01 in days since 1899-12-30 */
        kw_ns days;
        enum kw_status st = kw_timestamp_decimal(text, 9, &days, err); /* 1e-9 days, exactly */
        if (st != KW_OK) return st;
        if (days < FIRST * KW_NS_PER_S || days / KW_NS_PER_S > 100000)
            return kw_fail(err, KW_ERANGE, "day %.*s is before 1970 or absurd", (int)(text.n < 40 ? text.n : 40),
                           text.p);
        *out = (days - FIRST * KW_NS_PER_S) * 86400;
        return KW_OK;
    }
    case KW_UNIT_MDY:
    case KW_UNIT_DMY:
    case KW_UNIT_YMDHMS:
        if (!as_iso(text, unit, iso))
            return kw_fail(err, KW_EPARSE, "want a time of the form %s, got '%.*s'",
                           unit == KW_UNIT_MDY   ? "5/31/2026 9:00:00 AM"
                           : unit == KW_UNIT_DMY ? "31.05.2026 09:00:00"
                                                 : "20260531090000",
                           (int)(text.n < 40 ? text.n : 40), text.p);
        return kw_timestamp_iso((struct kw_span){ iso, strlen(iso) }, last, out, zoned, err);
    default: return kw_timestamp_iso(text, last, out, zoned, err);
    }
}

bool kw_time_falls_back(kw_ns t)
{
    int64_t days = t / (86400 * KW_NS_PER_S), hour = t / (3600 * KW_NS_PER_S) % 24;
    bool sunday = days % 7 == 3; /* 1970-01-01 was a Thursday */
    int year, month, day;
    kw_date_of_day(days, &year, &month, &day);
    return sunday && hour < 4 && ((month == 10 && day > 24) || (month == 11 && day <= 7));
}
