#include "sim/core/units.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum kw_status kw_nano_parse(const char *s, int64_t *out, struct kw_error *err)
{
    const char *p = s;
    int negative = *p == '-';
    if (negative) p++;
    if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
        return kw_fail(err, KW_EPARSE, "want a decimal number such as 0.25; got '%.40s'", s);
    kw_i128 v = 0;
    for (; isdigit((unsigned char)*p); p++) {
        v = v * 10 + (*p - '0');
        if (v > INT64_MAX) return kw_fail(err, KW_ERANGE, "'%.40s' is too large (limit 9223372036.85)", s);
    }
    v *= KW_NANO;
    if (*p == '.') {
        int64_t unit = KW_NANO / 10;
        for (p++; isdigit((unsigned char)*p); p++, unit /= 10) {
            if (unit == 0 && *p != '0')
                return kw_fail(err, KW_ERANGE, "'%.40s' has more than 9 digits after the point", s);
            v += (*p - '0') * unit;
        }
    }
    if (*p) return kw_fail(err, KW_EPARSE, "want a decimal number such as 0.25; got '%.40s'", s);
    if (v > INT64_MAX) return kw_fail(err, KW_ERANGE, "'%.40s' is too large (limit 9223372036.85)", s);
    *out = (int64_t)(negative ? -v : v);
    return KW_OK;
}

#define MOST_DIGITS 36 /* of a 128-bit integer; those behind them are far below any unit that is kept */

/* Digits before and after the point of *p as one integer of at most MOST_DIGITS digits times 10^*exponent; *lost: a
 * digit that is not 0 lies behind them. False: there is no digit. */
static bool scan_decimal(const char **p, kw_i128 *digits, int *exponent, bool *lost)
{
    bool any = false, point = false;
    int n = 0;
    for (; isdigit((unsigned char)**p) || (**p == '.' && !point); ++*p) {
        if (**p == '.') {
            point = true;
            continue;
        }
        any = true;
        if (n == MOST_DIGITS) {
            *lost |= **p != '0';
            *exponent += !point;
            continue;
        }
        *digits = *digits * 10 + (**p - '0');
        n += *digits > 0;
        *exponent -= point;
    }
    return any;
}

enum kw_status kw_nano_scaled(const char *s, int shift, int64_t *out, bool *rounded, struct kw_error *err)
{
    const char *p = s;
    kw_i128 v = 0;
    int exponent = 0;
    bool negative = *p == '-', lost = false;
    if (negative) p++;
    if (!scan_decimal(&p, &v, &exponent, &lost)) return kw_fail(err, KW_EPARSE, "want a number; got '%.40s'", s);
    if (*p == 'e' || *p == 'E') {
        bool down = *++p == '-';
        int e = 0;
        if (*p == '-' || *p == '+') p++;
        if (!isdigit((unsigned char)*p)) return kw_fail(err, KW_EPARSE, "want a number; got '%.40s'", s);
        for (; isdigit((unsigned char)*p); p++) {
            e = 10 * e + (*p - '0');
            if (e > 999) return kw_fail(err, KW_ERANGE, "'%.40s' has an exponent beyond 999", s);
        }
        exponent += down ? -e : e;
    }
    if (*p) return kw_fail(err, KW_EPARSE, "want a number; got '%.40s'", s);
    exponent += shift + 9;
    for (; v && exponent > 0; exponent--) {
        v *= 10;
        if (v > INT64_MAX) return kw_fail(err, KW_ERANGE, "'%.40s' is too large", s);
    }
    int half = 0; /* the first digit of the part that is cut off */
    for (; v && exponent < 0; exponent++) {
        lost |= half != 0;
        half = (int)(v % 10);
        v /= 10;
    }
    if (exponent < 0) { /* zeros come before it */
        lost |= half != 0;
        half = 0;
    }
    if ((v += half >= 5) > INT64_MAX) return kw_fail(err, KW_ERANGE, "'%.40s' is too large", s);
    *rounded |= lost || half;
    *out = (int64_t)(negative ? -v : v);
    return KW_OK;
}

char *kw_nano_format(char *buf, size_t size, int64_t v)
{
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    int n = snprintf(buf, size, "%s%" PRIu64 ".%09" PRIu64, v < 0 ? "-" : "", u / KW_NANO, u % KW_NANO);
    if (n > 0 && (size_t)n < size) {
        while (buf[n - 1] == '0') buf[--n] = 0;
        if (buf[n - 1] == '.') buf[--n] = 0;
    }
    return buf;
}

double kw_nano_to_double(int64_t v)
{
    return (double)v / 1e9;
}
