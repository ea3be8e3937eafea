#include "sim/core/zone.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/date.h"

#define DAY INT64_C(86400)
#define HEADER 44
#define LARGEST (1 << 20) /* bytes of a zone's file: the largest have some thousand */

void kw_zone_free(struct kw_zone *z)
{
    free(z->change);
    *z = (struct kw_zone){ .n = 0 };
}

static int64_t big_endian(const unsigned char *p, int bytes)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
    return (int64_t)v;
}

struct counts {
    size_t utc, std, leaps, times, types, chars;
};

static bool read_header(const unsigned char *p, size_t n, struct counts *c)
{
    if (n < HEADER || memcmp(p, "TZif", 4) || p[4] < '2') return false;
    size_t *to[] = { &c->utc, &c->std, &c->leaps, &c->times, &c->types, &c->chars };
    for (int i = 0; i < 6; i++) {
        int64_t v = big_endian(p + 20 + 4 * i, 4);
        if (v < 0 || v > LARGEST) return false;
        *to[i] = (size_t)v;
    }
    return true;
}

/* Bytes of what follows a header whose times take `time` bytes each. */
static size_t block(const struct counts *c, size_t time)
{
    return c->times * (time + 1) + c->types * 6 + c->chars + c->leaps * (time + 4) + c->std + c->utc;
}

/* A number of at most `digits` digits. */
static bool number(const char **s, int digits, int *out)
{
    int n = 0;
    for (*out = 0; n < digits && isdigit((unsigned char)**s); n++, (*s)++) *out = *out * 10 + (**s - '0');
    return n > 0;
}

/* "[+-]hh[:mm[:ss]]" in s. */
static bool clock(const char **s, int32_t *out)
{
    int part[3] = { 0 }, sign = **s == '-' ? -1 : 1;
    if (**s == '-' || **s == '+') (*s)++;
    for (int i = 0; i < 3; i++) {
        if (!number(s, 3, &part[i])) return false;
        if (i == 2 || **s != ':') break;
        (*s)++;
    }
    *out = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return part[0] <= 167 && part[1] < 60 && part[2] < 60;
}

static bool skip_name(const char **s)
{
    const char *from = *s;
    if (*from == '<') {
        while (**s && **s != '>') (*s)++;
        return *(*s)++ == '>';
    }
    while (isalpha((unsigned char)**s)) (*s)++;
    return *s - from >= 3;
}

/* ",M3.5.0/2", ",J60", ",59/25". */
static bool date(const char **s, struct kw_zone_date *d)
{
    bool ok;
    *d = (struct kw_zone_date){ .form = 'N', .time = 7200 };
    if (*(*s)++ != ',') return false;
    if (**s == 'M' || **s == 'J') d->form = *(*s)++;
    if (d->form == 'M') {
        ok = number(s, 2, &d->m) && *(*s)++ == '.' && number(s, 1, &d->w) && *(*s)++ == '.' && number(s, 1, &d->d);
        ok = ok && d->m >= 1 && d->m <= 12 && d->w >= 1 && d->w <= 5 && d->d <= 6;
    } else {
        ok = number(s, 3, &d->d) && d->d >= (d->form == 'J') && d->d <= 365;
    }
    if (!ok || **s != '/') return ok;
    (*s)++;
    return clock(s, &d->time);
}

/* "CET-1CEST,M3.5.0,M10.5.0/3": POSIX counts what is to be added for UTC. */
static bool read_rule(struct kw_zone *z, const char *s)
{
    if (!skip_name(&s) || !clock(&s, &z->rule.east)) return false;
    z->rule.east = -z->rule.east;
    z->rule.known = true;
    if (!*s) return true;
    z->rule.summer = true;
    z->rule.summer_east = z->rule.east + 3600;
    if (!skip_name(&s)) return false;
    if (*s != ',') {
        if (!clock(&s, &z->rule.summer_east)) return false;
        z->rule.summer_east = -z->rule.summer_east;
    }
    return date(&s, &z->rule.begins) && date(&s, &z->rule.ends) && !*s;
}

static enum kw_status read_changes(struct kw_zone *z, const unsigned char *p, const struct counts *c,
                                   struct kw_error *err)
{
    const unsigned char *type = p + 8 * c->times, *types = type + c->times;
    z->change = malloc((c->times + 1) * sizeof *z->change);
    if (!z->change) return kw_fail(err, KW_ENOMEM, "out of memory for a time zone");
    z->before = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < c->times; i++) {
        if (type[i] >= c->types) return kw_fail(err, KW_EPARSE, "time zone %s: its file is damaged", z->name);
        struct kw_zone_change x = { big_endian(p + 8 * i, 8), (int32_t)big_endian(types + 6 * type[i], 4) };
        if (z->n && x.at <= z->change[z->n - 1].at)
            return kw_fail(err, KW_EPARSE, "time zone %s: its changes do not ascend", z->name);
        if (x.east != (z->n ? z->change[z->n - 1].east : z->before)) z->change[z->n++] = x; /* else a name alone */
    }
    return KW_OK;
}

enum kw_status kw_zone_parse(struct kw_zone *z, const char *name, const unsigned char *bytes, size_t n,
                             struct kw_error *err)
{
    struct counts c;
    char footer[128];
    *z = (struct kw_zone){ .n = 0 };
    snprintf(z->name, sizeof z->name, "%s", name);
    size_t at = 0;
    bool ok = read_header(bytes, n, &c);
    if (ok) at = HEADER + block(&c, 4);
    ok = ok && at < n && read_header(bytes + at, n - at, &c) && c.types > 0 && HEADER + block(&c, 8) < n - at;
    enum kw_status st = ok ? read_changes(z, bytes + at + HEADER, &c, err)
                           : kw_fail(err, KW_EPARSE, "time zone %s: want a TZif file of version 2 or later", name);
    if (st == KW_OK) {
        at += HEADER + block(&c, 8);
        size_t length = 0;
        while (at + 1 + length < n && bytes[at + 1 + length] != '\n' && length + 1 < sizeof footer) length++;
        ok = bytes[at] == '\n' && at + 1 + length < n && bytes[at + 1 + length] == '\n';
        if (ok) memcpy(footer, bytes + at + 1, length);
        footer[ok ? length : 0] = 0;
        if (!ok || (length && !read_rule(z, footer)))
            st = kw_fail(err, KW_EPARSE, "time zone %s: the rule '%.40s' is malformed", name, footer);
    }
    if (st != KW_OK) kw_zone_free(z);
    return st;
}

/* Nothing but names of the database: no way out of its folder. */
static bool is_name(const char *s)
{
    if (!*s || *s == '/' || strstr(s, "..") || strlen(s) >= sizeof((struct kw_zone *)0)->name) return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("/_+-", *s)) return false;
    return true;
}

enum kw_status kw_zone_load(struct kw_zone *z, const char *name, struct kw_error *err)
{
    const char *folder = getenv("TZDIR");
    char path[512];
    *z = (struct kw_zone){ .n = 0 };
    if (!strcmp(name, "UTC")) {
        snprintf(z->name, sizeof z->name, "UTC");
        return KW_OK;
    }
    if (!folder || !*folder) folder = "/usr/share/zoneinfo";
    if (!is_name(name))
        return kw_fail(err, KW_ERANGE, "'%.60s' is no time zone: want a name such as Europe/Berlin, or UTC", name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    unsigned char *bytes = f ? malloc(LARGEST) : NULL;
    size_t n = bytes ? fread(bytes, 1, LARGEST, f) : 0;
    enum kw_status st = KW_OK;
    if (f && !bytes) st = kw_fail(err, KW_ENOMEM, "out of memory for a time zone");
    if (st == KW_OK && n) st = kw_zone_parse(z, name, bytes, n, err);
    if (st == KW_OK && !n) {
        snprintf(path, sizeof path, "%s/Europe", folder);
        FILE *any = fopen(path, "rb");
        st = any ? kw_fail(err, KW_ERANGE, "there is no time zone '%s' in %s", name, folder)
                 : kw_fail(err, KW_EINPUT,
                           "time zone %s: %s holds no time zones: install tzdata, set TZDIR, or give hours in UTC",
                           name, folder);
        if (any) fclose(any);
    }
    if (f) fclose(f);
    free(bytes);
    return st;
}

/* The date's midnight in days since 1970-01-01. */
static int64_t day_of(const struct kw_zone_date *d, int year)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t y = year - 1, first = 365 * y + y / 4 - y / 100 + y / 400 - 719162; /* 1 January */
    if (d->form == 'N') return first + d->d;
    if (d->form == 'J') return first + d->d - 1 + (leap && d->d > 59);
    int64_t month = first + before[d->m - 1] + (leap && d->m > 2);
    int length = d->m == 12 ? 31 : before[d->m] - before[d->m - 1] + (leap && d->m == 2);
    int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday, 4 */
    int64_t day = month + (d->d - weekday + 7) % 7 + 7 * (d->w - 1);
    return day < month + length ? day : day - 7;
}

static int year_of(int64_t unix_s)
{
    int year, month, day;
    kw_date_of_day(unix_s / DAY - (unix_s % DAY < 0), &year, &month, &day);
    return year;
}

/* When summer time begins, or ends, in a year: by the clock that holds until then. */
static int64_t turns(const struct kw_zone *z, int year, bool begins)
{
    const struct kw_zone_date *d = begins ? &z->rule.begins : &z->rule.ends;
    return day_of(d, year) * DAY + d->time - (begins ? z->rule.east : z->rule.summer_east);
}

/* The last turn of the rule at or before unix_s says which it is; the first one after it is when that ends. */
static int32_t by_rule(const struct kw_zone *z, int64_t unix_s, int64_t *until)
{
    int64_t last = INT64_MIN;
    bool summer = false;
    *until = INT64_MAX;
    for (int year = year_of(unix_s) - 1, k = 0; z->rule.summer && k < 6; k++) {
        int64_t at = turns(z, year + k / 2, k % 2 == 0);
        if (at <= unix_s && at > last) {
            last = at;
            summer = k % 2 == 0;
        }
        if (at > unix_s && at < *until) *until = at;
    }
    return summer ? z->rule.summer_east : z->rule.east;
}

/* Changes at or before unix_s. */
static size_t passed(const struct kw_zone *z, int64_t unix_s)
{
    size_t low = 0, high = z->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->change[middle].at <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t kw_zone_east(const struct kw_zone *z, int64_t unix_s)
{
    int64_t until;
    size_t i = passed(z, unix_s);
    if (i == z->n && z->rule.known) return by_rule(z, unix_s, &until);
    return i ? z->change[i - 1].east : z->before;
}

int64_t kw_zone_next(const struct kw_zone *z, int64_t unix_s)
{
    int64_t until = INT64_MAX;
    size_t i = passed(z, unix_s);
    if (i < z->n) return z->change[i].at;
    if (z->rule.known) by_rule(z, unix_s, &until);
    return until;
}
