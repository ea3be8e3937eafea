#include "sim/core/text.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct kw_text *t, size_t more)
{
    if (t->failed) return false;
    if (t->n + more + 1 > t->cap) {
        size_t cap = (t->n + more + 1) * 2 + 256;
        char *s = realloc(t->s, cap);
        if (!s) {
            t->failed = true;
            return false;
        }
        t->s = s;
        t->cap = cap;
    }
    return true;
}

void kw_text_add(struct kw_text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(t, (size_t)n)) {
        vsnprintf(t->s + t->n, (size_t)n + 1, fmt, again);
        t->n += (size_t)n;
    }
    va_end(again);
}

int kw_text_columns(const struct kw_text *t)
{
    return t->columns ? t->columns : KW_TEXT_COLUMNS;
}

static int columns(const char *s, size_t n)
{
    int w = 0;
    for (size_t i = 0; i < n; i++) w += ((unsigned char)s[i] & 0xc0) != 0x80;
    return w;
}

int kw_text_width(const char *s)
{
    return columns(s, strlen(s));
}

void kw_text_pad(struct kw_text *t, const char *s, int width)
{
    int want = abs(width), w = kw_text_width(s);
    if (w > want) { /* keep want - 1 code points */
        const char *p = s;
        for (int k = 0; *p; p++)
            if (((unsigned char)*p & 0xc0) != 0x80 && k++ == want - 1) break;
        kw_text_add(t, "%.*s…", (int)(p - s), s);
        return;
    }
    if (width < 0) kw_text_add(t, "%*s", want - w, "");
    kw_text_add(t, "%s", s);
    if (width > 0) kw_text_add(t, "%*s", want - w, "");
}

void kw_text_fold(struct kw_text *t, const char *s, int indent, int width)
{
    int at = indent;
    for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        int w = columns(s, n);
        if (at > indent && at + 1 + w > width) {
            kw_text_add(t, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            kw_text_add(t, " ");
            at++;
        }
        kw_text_add(t, "%.*s", (int)n, s);
        at += w;
        s += n;
    }
    kw_text_trim(t); /* an empty text leaves the indent */
    kw_text_add(t, "\n");
}

void kw_text_trim(struct kw_text *t)
{
    while (t->n > 0 && t->s[t->n - 1] == ' ') t->s[--t->n] = 0;
}

void kw_text_mask(char *s)
{
    for (unsigned char *p = (unsigned char *)s; *p; p++) {
        bool c0 = *p < 0x20 && *p != '\n' && *p != '\t', c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        if (c1) p[1] = '?';
        if (c0 || c1 || *p == 0x7f) *p = '?';
    }
}

void kw_text_free(struct kw_text *t)
{
    free(t->s);
    *t = (struct kw_text){ 0 };
}

char *kw_text_si(char buf[16], double v)
{
    static const char suffix[] = " kMGTP";
    int i = 0;
    double a = fabs(v);
    if (!isfinite(v)) {
        snprintf(buf, 16, "-");
        return buf;
    }
    while (a >= 999.5 && i < 5) {
        a /= 1000;
        v /= 1000;
        i++;
    }
    int digits = a >= 99.95 ? 0 : a >= 9.995 ? 1 : 2;
    if (i == 0 && v == floor(v)) digits = 0;
    if (i)
        snprintf(buf, 16, "%.*f%c", digits, v, suffix[i]);
    else
        snprintf(buf, 16, "%.*f", digits, v);
    return buf;
}

void kw_text_quote(struct kw_text *t, const char *s)
{
    kw_text_add(t, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            kw_text_add(t, "\\%c", c);
        else if (c < 0x20)
            kw_text_add(t, "\\u%04x", c);
        else
            kw_text_add(t, "%c", c);
    }
    kw_text_add(t, "\"");
}
