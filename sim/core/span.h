/* sim/core/span.h - a stretch of text inside a longer one, borrowed and not NUL-terminated: what a reader of large
 * files hands on instead of a copy. */
#ifndef KW_SIM_CORE_SPAN_H
#define KW_SIM_CORE_SPAN_H
#include <stddef.h>

struct kw_span {
    const char *p;
    size_t n;
};

#endif
