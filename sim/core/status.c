#include "sim/core/status.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kw_status kw_fail(struct kw_error *err, enum kw_status st, const char *fmt, ...)
{
    if (!err) return st;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    for (char *p = err->msg; *p; p++) /* one line whatever the input held */
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    return st;
}

void kw_where(struct kw_error *err, const char *path, long line)
{
    if (!err) return;
    struct kw_error inner = *err;
    if (line > 0)
        snprintf(err->msg, sizeof err->msg, "%.300s:%ld: %.440s", path, line, inner.msg);
    else
        snprintf(err->msg, sizeof err->msg, "%.300s: %.460s", path, inner.msg);
}

int kw_exit_code(enum kw_status st)
{
    switch (st) {
    case KW_OK: return 0;
    case KW_EINPUT:
    case KW_EPARSE:
    case KW_ERANGE:
    case KW_EUSAGE: return 2;
    case KW_ESLO: return 3;
    case KW_EBUDGET: return 4;
    default: return 1;
    }
}
