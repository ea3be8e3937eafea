#include "sim/io/quantity.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *kw_quantity_usd(double usd, char buf[32])
{
    char raw[32], *p = buf;
    if (isnan(usd)) {
        snprintf(buf, 32, "-");
        return buf;
    }
    snprintf(raw, sizeof raw, fabs(usd) < 1000 ? "%.2f" : "%.0f", usd);
    size_t digits = strcspn(raw, ".") - (raw[0] == '-');
    const char *s = raw;
    if (*s == '-') *p++ = *s++;
    for (size_t i = 0; *s && p < buf + 30; i++, s++) {
        if (i && i < digits && (digits - i) % 3 == 0) *p++ = ',';
        *p++ = *s;
    }
    *p = 0;
    return buf;
}

const char *kw_quantity_number(double v, char buf[32])
{
    if (isnan(v))
        snprintf(buf, 32, "-");
    else if (v != 0 && fabs(v) < 0.01)
        snprintf(buf, 32, "%.4f", v);
    else
        snprintf(buf, 32, fabs(v) < 10 ? "%.2f" : fabs(v) < 100 ? "%.1f" : "%.0f", v);
    return buf;
}

const char *kw_quantity_percent(double share, char buf[32])
{
    if (isnan(share))
        snprintf(buf, 32, "-");
    else if (share > 0 && share < 0.0005)
        snprintf(buf, 32, "<0.05");
    else
        snprintf(buf, 32, share < 0.0995 ? "%.2f" : "%.1f", 100 * share);
    return buf;
}

const char *kw_quantity_cents(double usd, char buf[32])
{
    if (isnan(usd))
        snprintf(buf, 32, "-");
    else
        snprintf(buf, 32, "%.2f", usd);
    return buf;
}

const char *kw_quantity_brief(double v, char buf[32])
{
    snprintf(buf, 32, isnan(v) ? "-" : "%.3g", v);
    return buf;
}

const char *kw_quantity_share(double share, char buf[32])
{
    snprintf(buf, 32, "%.2f", 100 * share);
    return buf;
}

const char *kw_quantity_part(double part, double whole, char buf[32])
{
    snprintf(buf, 32, "%.1f", whole != 0 ? 100.0 * part / whole : 0);
    return buf;
}

const char *kw_quantity_dollars(double usd, char buf[32])
{
    snprintf(buf, 32, "%.0f", usd);
    return buf;
}

const char *kw_quantity_stretch(double seconds, char buf[32])
{
    if (seconds < 7200)
        snprintf(buf, 32, "%.1f min", seconds / 60);
    else if (seconds < 172800)
        snprintf(buf, 32, "%.1f h", seconds / 3600);
    else
        snprintf(buf, 32, "%.2f days", seconds / 86400);
    return buf;
}
