#include "sim/core/files/embedded.h"
#include <string.h>

/* Laid out by the Makefile in embedded.S: one row a file, then a row of NULLs. */
extern const struct kw_embedded_row {
    const char *path, *begin, *end;
} kw_embedded_rows[];

const char *kw_embedded_at(size_t i, const char **text, size_t *len)
{
    for (size_t k = 0; k <= i; k++)
        if (!kw_embedded_rows[k].path) return NULL;
    *text = kw_embedded_rows[i].begin;
    *len = (size_t)(kw_embedded_rows[i].end - kw_embedded_rows[i].begin);
    return kw_embedded_rows[i].path;
}

const char *kw_embedded_find(const char *path, size_t *len)
{
    for (const struct kw_embedded_row *r = kw_embedded_rows; r->path; r++)
        if (!strcmp(r->path, path)) {
            *len = (size_t)(r->end - r->begin);
            return r->begin;
        }
    return NULL;
}
