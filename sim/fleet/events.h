/* sim/fleet/events.h - the future events: an indexed 4-ary heap ordered by (at, seq), so ties run first in, first out;
 * events set by kw_events_set_first run before all others of their time, in order of id. (A replica's step ends are
 * such: how often they are set again depends on the stepping mode, and the order of events must not.)
 *
 * Whoever has a future (a replica, an autoscaler, a client about to try again) owns an id, and an id has at most one
 * event in the queue. Setting it again moves the event, so a run cut short by an arrival leaves nothing stale behind
 * and the heap never grows beyond the ids. Cost O(log4 n) a change, n = events pending. A node is 16 bytes and the four
 * children of a node lie in one cache line.
 *
 * The event under way stays on top until its handler sets or cancels its id: a handler that sets the same id again, the
 * common case, costs one sift instead of a pop and a push. */
#ifndef KW_SIM_FLEET_EVENTS_H
#define KW_SIM_FLEET_EVENTS_H
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/core/units.h"

#define KW_NEVER INT64_MAX
#define KW_EVENTS_ID_BITS 24 /* 16.7 million ids; leaves 2^40 events a run for the sequence */
#define KW_EVENTS_ABSENT UINT32_MAX

struct kw_event {
    kw_ns at;
    uint64_t key; /* seq << KW_EVENTS_ID_BITS | id: ties break by seq, alike on every machine */
};

static_assert(sizeof(struct kw_event) == 16, "four children of a node fill one cache line");

#define KW_EVENT_NEVER ((struct kw_event){ KW_NEVER, UINT64_MAX })

struct kw_events {
    struct kw_event
        *heap; /* [n] and four that are never due, root at 0, children of i at 4i+1 .. 4i+4; 4i+1 starts a cache line */
    uint32_t *place; /* [n_ids] index into heap of an id's event, or KW_EVENTS_ABSENT */
    uint32_t *tag;   /* [n_ids] the owner's own word, handed back with the event; next free id while free */
    void *block;     /* what heap lies in */
    uint32_t n, n_ids, cap, free_id;
    uint64_t next_seq;
};

void kw_events_init(struct kw_events *q);  /* empty, no ids; cannot fail */
void kw_events_free(struct kw_events *q);  /* back to empty; safe to call again */
void kw_events_clear(struct kw_events *q); /* no ids, no events, memory kept */

/* A new id with the owner's tag. KW_ENOMEM (or more than 2^24 ids): unchanged. */
enum kw_status kw_events_id(struct kw_events *q, uint32_t tag, uint32_t *id, struct kw_error *err);
/* Gives the id back, with its event if it has one. */
void kw_events_release(struct kw_events *q, uint32_t id);

static inline bool kw_event_before(struct kw_event a, struct kw_event b)
{
    return (a.at < b.at) | ((a.at == b.at) & (a.key < b.key)); /* which one is a coin toss: no branch to mispredict */
}

static inline uint32_t kw_event_id(struct kw_event e)
{
    return (uint32_t)(e.key & ((1u << KW_EVENTS_ID_BITS) - 1));
}

/* When the next event is due, KW_NEVER when there is none. */
static inline kw_ns kw_events_next(const struct kw_events *q)
{
    return q->n ? q->heap[0].at : KW_NEVER;
}

/* The id of the next event; only while there is one. */
static inline uint32_t kw_events_top(const struct kw_events *q)
{
    assert(q->n);
    return kw_event_id(q->heap[0]);
}

static inline bool kw_events_pending(const struct kw_events *q, uint32_t id)
{
    return q->place[id] != KW_EVENTS_ABSENT;
}

/* Moves a hole up and writes e once, so a level costs two stores and no swap. O(log4 n); an event that
 * lies behind its parent stays where it was put. */
static inline void kw_events_up_(struct kw_events *q, uint32_t i, struct kw_event e)
{
    struct kw_event *heap = q->heap; /* in registers: a store to place could change q for all the compiler knows */
    uint32_t *place = q->place;
    while (i) {
        uint32_t parent = (i - 1) / 4;
        struct kw_event p = heap[parent];
        if (!kw_event_before(e, p)) break;
        heap[i] = p;
        place[kw_event_id(p)] = i;
        i = parent;
    }
    heap[i] = e;
    place[kw_event_id(e)] = i;
}

/* *a = the earlier of *a and b, *i with it. */
static inline void kw_event_min_(struct kw_event *a, uint32_t *i, struct kw_event b, uint32_t j)
{
    bool lower = kw_event_before(b, *a);
    *i = lower ? j : *i;
    a->at = lower ? b.at : a->at;
    a->key = lower ? b.key : a->key;
}

/* The least of four children by two independent comparisons and a third: they overlap in the pipeline, and no branch
 * depends on which child wins. */
static inline void kw_events_down_(struct kw_events *q, uint32_t i, struct kw_event e)
{
    struct kw_event *heap = q->heap;
    uint32_t *place = q->place, n = q->n;
    for (;;) {
        uint32_t first = 4 * i + 1;
        if (first >= n) break;
        const struct kw_event *c = heap + first; /* four of them: behind the last event stand events never due */
        struct kw_event least = c[0], other = c[2];
        uint32_t low = 0, high = 2;
        kw_event_min_(&least, &low, c[1], 1);
        kw_event_min_(&other, &high, c[3], 3);
        kw_event_min_(&least, &low, other, high);
        if (!kw_event_before(least, e)) break;
        heap[i] = least;
        place[kw_event_id(least)] = i;
        i = first + low;
    }
    heap[i] = e;
    place[kw_event_id(e)] = i;
}

static inline void kw_events_place_(struct kw_events *q, uint32_t id, struct kw_event e)
{
    uint32_t i = q->place[id];
    if (i == KW_EVENTS_ABSENT) {
        assert(q->n < q->n_ids); /* an id has one event at most, so the heap never outgrows the ids */
        kw_events_up_(q, q->n++, e);
    } else if (kw_event_before(e, q->heap[i])) {
        kw_events_up_(q, i, e);
    } else {
        kw_events_down_(q, i, e);
    }
}

/* The id's event is now due at `at`, behind all events already due then. Cannot fail. */
static inline void kw_events_set(struct kw_events *q, uint32_t id, kw_ns at)
{
    assert(q->next_seq >> (64 - KW_EVENTS_ID_BITS) == 0); /* a later one would pass for an earlier one */
    kw_events_place_(q, id, (struct kw_event){ at, q->next_seq++ << KW_EVENTS_ID_BITS | id });
}

/* The same, but before all events due at `at` that were set by kw_events_set; among its own kind by id. */
static inline void kw_events_set_first(struct kw_events *q, uint32_t id, kw_ns at)
{
    kw_events_place_(q, id, (struct kw_event){ at, id });
}

/* When the id's event is due, KW_NEVER when it has none. */
static inline kw_ns kw_events_due(const struct kw_events *q, uint32_t id)
{
    return q->place[id] == KW_EVENTS_ABSENT ? KW_NEVER : q->heap[q->place[id]].at;
}

/* The id has no event any more; nothing happens when it had none. */
static inline void kw_events_cancel(struct kw_events *q, uint32_t id)
{
    uint32_t i = q->place[id];
    if (i == KW_EVENTS_ABSENT) return;
    assert(i < q->n && kw_event_id(q->heap[i]) == id);
    q->place[id] = KW_EVENTS_ABSENT;
    struct kw_event last = q->heap[--q->n];
    q->heap[q->n] = KW_EVENT_NEVER;
    if (i == q->n) return;
    if (kw_event_before(last, q->heap[i])) {
        kw_events_up_(q, i, last);
    } else {
        kw_events_down_(q, i, last);
    }
}

#endif
