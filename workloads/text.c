#include "workloads/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kw_text_put(struct kw_text *t, const char *fmt, ...)
{
    va_list ap;
    if (t->failed) return;
    for (;;) {
        va_start(ap, fmt);
        int k = t->p ? vsnprintf(t->p + t->n, t->cap - t->n, fmt, ap) : -1;
        va_end(ap);
        if (k >= 0 && (size_t)k < t->cap - t->n) {
            t->n += (size_t)k;
            return;
        }
        size_t cap = t->cap ? t->cap * 2 : 4096;
        char *p = realloc(t->p, cap);
        if (!p) {
            t->failed = true;
            return;
        }
        t->p = p;
        t->cap = cap;
    }
}

char *kw_text_take(struct kw_text *t)
{
    char *p = t->p;
    if (t->failed) free(p), p = NULL;
    memset(t, 0, sizeof *t);
    return p;
}
