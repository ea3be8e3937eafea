/* sim/fleet/ring.h - a queue of requests, first in first out. */
#ifndef KW_SIM_FLEET_RING_H
#define KW_SIM_FLEET_RING_H
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/status.h"

struct kw_ring {
    uint32_t *v;         /* [cap] owned; entry i, head <= i < tail, stands at i modulo cap */
    uint64_t head, tail; /* count up without end */
    uint32_t cap;        /* 0 or a power of two */
};

void kw_ring_free(struct kw_ring *q); /* back to all zeros, which is empty */
/* Room for one more. KW_ENOMEM: unchanged. */
enum kw_status kw_ring_grow(struct kw_ring *q, struct kw_error *err);

static inline void kw_ring_clear(struct kw_ring *q)
{
    q->head = q->tail = 0;
}
static inline bool kw_ring_empty(const struct kw_ring *q)
{
    return q->head == q->tail;
}
static inline uint64_t kw_ring_count(const struct kw_ring *q)
{
    return q->tail - q->head;
}
/* The i-th from the front; i < count. */
static inline uint32_t kw_ring_at(const struct kw_ring *q, uint32_t i)
{
    assert(i < kw_ring_count(q));
    return q->v[(q->head + i) & (q->cap - 1)];
}
/* The first n <= count leave. */
static inline void kw_ring_drop(struct kw_ring *q, uint32_t n)
{
    assert(n <= kw_ring_count(q));
    q->head += n;
}

/* Amortised O(1). KW_ENOMEM: unchanged. */
static inline enum kw_status kw_ring_push(struct kw_ring *q, uint32_t v, struct kw_error *err)
{
    if (kw_ring_count(q) == q->cap) {
        enum kw_status st = kw_ring_grow(q, err);
        if (st != KW_OK) return st;
    }
    q->v[q->tail++ & (q->cap - 1)] = v;
    return KW_OK;
}

#endif
