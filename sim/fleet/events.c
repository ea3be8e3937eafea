/* sim/fleet/events.c - ids and memory of the event queue; the heap itself is inline in the header. */
#include "sim/fleet/events.h"
#include <stdlib.h>
#include <string.h>

#define LINE 64 /* bytes of a cache line; four nodes */
static_assert(4 * sizeof(struct kw_event) == LINE, "a group of children is a line");

void kw_events_init(struct kw_events *q)
{
    *q = (struct kw_events){ .free_id = KW_EVENTS_ABSENT, .next_seq = 1 };
}

void kw_events_free(struct kw_events *q)
{
    free(q->block);
    free(q->place);
    free(q->tag);
    kw_events_init(q);
}

void kw_events_clear(struct kw_events *q)
{
    for (uint32_t i = 0; i < q->n; i++) q->heap[i] = KW_EVENT_NEVER;
    q->n = q->n_ids = 0;
    q->free_id = KW_EVENTS_ABSENT;
    q->next_seq = 1; /* 0 is for kw_events_set_first */
}

/* Room for twice the ids. The root is the last node of its cache line, so that every group of four children is one. */
static enum kw_status grow(struct kw_events *q, struct kw_error *err)
{
    uint32_t cap = q->cap ? 2 * q->cap : 64;
    if (cap > 1u << KW_EVENTS_ID_BITS)
        return kw_fail(err, KW_ENOMEM, "event queue: more than %u events pending", q->cap);
    void *block = malloc((cap + 3 + 4) * sizeof *q->heap + LINE);
    uint32_t *place = malloc(cap * sizeof *place), *tag = malloc(cap * sizeof *tag);
    if (!block || !place || !tag) {
        free(block);
        free(place);
        free(tag);
        return kw_fail(err, KW_ENOMEM, "event queue: no memory for %u events", cap);
    }
    struct kw_event *heap = (struct kw_event *)(((uintptr_t)block + LINE - 1) / LINE * LINE) + 3;
    if (q->n) memcpy(heap, q->heap, q->n * sizeof *heap);
    for (uint32_t i = q->n; i < cap + 4; i++) heap[i] = KW_EVENT_NEVER;
    if (q->n_ids) {
        memcpy(place, q->place, q->n_ids * sizeof *place);
        memcpy(tag, q->tag, q->n_ids * sizeof *tag);
    }
    free(q->block);
    free(q->place);
    free(q->tag);
    q->block = block;
    q->heap = heap;
    q->place = place;
    q->tag = tag;
    q->cap = cap;
    return KW_OK;
}

/* O(1) amortised. The newest id given back is the first to be used again: its words are still in the cache, and the
 * order is the same on every machine. */
enum kw_status kw_events_id(struct kw_events *q, uint32_t tag, uint32_t *id, struct kw_error *err)
{
    if (q->free_id != KW_EVENTS_ABSENT) {
        *id = q->free_id;
        q->free_id = q->tag[*id];
    } else {
        if (q->n_ids == q->cap) {
            enum kw_status st = grow(q, err);
            if (st != KW_OK) return st;
        }
        *id = q->n_ids++;
    }
    assert(*id < q->n_ids && q->n_ids <= q->cap);
    q->place[*id] = KW_EVENTS_ABSENT;
    q->tag[*id] = tag;
    return KW_OK;
}

void kw_events_release(struct kw_events *q, uint32_t id)
{
    kw_events_cancel(q, id);
    q->tag[id] = q->free_id;
    q->free_id = id;
}
