#include "workloads/readers/row_ids.h"
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"

void kw_row_ids_free(struct kw_row_ids *s)
{
    free(s->id);
    free(s->row);
    memset(s, 0, sizeof *s);
}

static size_t slot(const struct kw_row_ids *s, uint64_t hash)
{
    size_t i = hash & (s->slots - 1);
    while (s->id[i] && s->id[i] != hash) i = (i + 1) & (s->slots - 1);
    return i;
}

static enum kw_status grow(struct kw_row_ids *s, struct kw_error *err)
{
    struct kw_row_ids more = { .slots = s->slots ? 2 * s->slots : 1024 };
    more.id = calloc(more.slots, sizeof *more.id);
    more.row = malloc(more.slots * sizeof *more.row);
    if (!more.id || !more.row) {
        kw_row_ids_free(&more);
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu ids", s->n);
    }
    for (size_t i = 0; i < s->slots; i++) {
        if (!s->id[i]) continue;
        size_t at = slot(&more, s->id[i]);
        more.id[at] = s->id[i];
        more.row[at] = s->row[i];
    }
    more.n = s->n;
    kw_row_ids_free(s);
    *s = more;
    return KW_OK;
}

enum kw_status kw_row_ids_put(struct kw_row_ids *s, struct kw_span id, uint32_t row, int64_t *had, struct kw_error *err)
{
    enum kw_status st;
    uint64_t hash = 14695981039346656037u; /* FNV-1a of 64 bits (Fowler, Noll, Vo), mixed */
    for (size_t i = 0; i < id.n; i++) hash = (hash ^ (unsigned char)id.p[i]) * 1099511628211u;
    hash = kw_mix64(hash);
    hash += hash == 0;
    if (2 * (s->n + 1) > s->slots && (st = grow(s, err)) != KW_OK) return st;
    size_t i = slot(s, hash);
    *had = s->id[i] ? (int64_t)s->row[i] : -1;
    if (s->id[i]) return KW_OK;
    s->id[i] = hash;
    s->row[i] = row;
    s->n++;
    return KW_OK;
}
