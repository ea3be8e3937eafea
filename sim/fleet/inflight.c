#include "sim/fleet/inflight.h"
#include <assert.h>
#include <stdlib.h>

void kw_inflight_table_init(struct kw_inflight_table *t)
{
    *t = (struct kw_inflight_table){ .free = KW_NO_FLIGHT };
}

void kw_inflight_table_free(struct kw_inflight_table *t)
{
    free(t->f);
    kw_inflight_table_init(t);
}

void kw_inflight_table_clear(struct kw_inflight_table *t)
{
    t->n = t->live = 0;
    t->free = KW_NO_FLIGHT;
}

/* Moves the table: who keeps a request across a call keeps its index, never a pointer. */
enum kw_status kw_inflight_table_grow(struct kw_inflight_table *t, struct kw_error *err)
{
    uint32_t cap = t->cap ? 2 * t->cap : 256;
    if (t->cap > UINT32_MAX / 4) return kw_fail(err, KW_ENOMEM, "more than %u requests under way", t->cap);
    struct kw_inflight *f = realloc(t->f, cap * sizeof *f);
    if (!f) return kw_fail(err, KW_ENOMEM, "no memory for %u requests under way", cap);
    t->f = f;
    t->cap = cap;
    assert(t->n <= t->cap && t->live <= t->n);
    return KW_OK;
}
