/* workloads/text.h - a text that grows, for reports and JSON made in memory. */
#ifndef KW_WORKLOADS_TEXT_H
#define KW_WORKLOADS_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include "sim/core/status.h"

struct kw_text {
    char *p; /* owned, NUL-terminated; NULL while empty */
    size_t n, cap;
    bool failed; /* out of memory once; everything after is ignored */
};

void kw_text_put(struct kw_text *t, const char *fmt, ...) KW_PRINTF(2, 3);
/* Hands the text over (the caller frees) and leaves *t empty; NULL when memory ran out. */
char *kw_text_take(struct kw_text *t);

#endif
