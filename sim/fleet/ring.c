#include "sim/fleet/ring.h"
#include <assert.h>
#include <stdlib.h>

void kw_ring_free(struct kw_ring *q)
{
    free(q->v);
    *q = (struct kw_ring){ 0 };
}

enum kw_status kw_ring_grow(struct kw_ring *q, struct kw_error *err)
{
    assert(kw_ring_count(q) == q->cap && (q->cap & (q->cap - 1)) == 0);
    uint32_t cap = q->cap ? 2 * q->cap : 256;
    if (!cap) return kw_fail(err, KW_ENOMEM, "more than %u requests wait", q->cap);
    uint32_t *grown = malloc(cap * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "no memory for a queue of %u requests", cap);
    for (uint64_t i = q->head; i < q->tail; i++) grown[i - q->head] = q->v[i & (q->cap - 1)];
    free(q->v);
    q->v = grown;
    q->tail -= q->head;
    q->head = 0;
    q->cap = cap;
    return KW_OK;
}
