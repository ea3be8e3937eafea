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
