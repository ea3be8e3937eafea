/* sim/core/span.h - a stretch of text inside a longer one, borrowed and not NUL-terminated: what a reader of large
 * files hands on instead of a copy. */
#ifndef KW_SIM_CORE_SPAN_H
#define KW_SIM_CORE_SPAN_H
#include <stddef.h>

struct kw_span {
    const char *p;
    size_t n;
};

/* Without the blanks and tabs around it. */
static inline struct kw_span kw_span_trimmed(struct kw_span s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
    return s;
}

#endif
