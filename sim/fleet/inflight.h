/* sim/fleet/inflight.h - the requests under way: from arrival to the answer, to a final refusal or to a timeout. Slots
 * are dense and reused, so memory follows what is in the system and not the trace. */
#ifndef KW_SIM_FLEET_INFLIGHT_H
#define KW_SIM_FLEET_INFLIGHT_H
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/core/units.h"

#define KW_NO_FLIGHT UINT32_MAX

enum kw_whereabouts { KW_AT_NOWHERE, KW_AT_CLIENT, KW_AT_QUEUE, KW_AT_REPLICA, KW_AT_API, KW_AT_HOLD };

struct kw_inflight {
    kw_ns arrival;          /* what TTFT and E2E count from */
    kw_ns asked;            /* first try: the arrival, or when it was held no longer (hold.h); what cold counts from */
    kw_ns tried;            /* this try; what queue and request timeouts count from */
    kw_ns first;            /* first output token, -1 before */
    uint32_t request;       /* index in the trace; KW_NO_REQUEST: a ping */
    uint32_t place;         /* in order of arrival: index of its record */
    uint32_t replica, slot; /* AT_REPLICA: which, and the scheduler's slot in it */
    union {
        uint32_t event;   /* AT_CLIENT, AT_API, AT_HOLD: id of its event */
        uint32_t awaited; /* AT_REPLICA: prompt tokens that the balancer counts until its first token */
    };
    uint32_t next; /* free slots */
    uint8_t deployment, attempts, at;
    uint8_t nth;                   /* of the deployments in its order */
    bool cold : 1;                 /* it waited for a replica to start */
    bool adapted : 1, fetched : 1; /* it came to a replica for a LoRA adapter; and waited for that */
    bool moved : 1;                /* refused where it was and on its way to the next deployment in order */
    bool warmup : 1;               /* it came outside of the window: served, never counted */
};
#define KW_NO_REQUEST UINT32_MAX /* a trace has fewer */
static inline bool kw_inflight_is_ping(const struct kw_inflight *f)
{
    return f->request == KW_NO_REQUEST;
}
static_assert(sizeof(struct kw_inflight) <= 64, "a request under way fits a cache line");

struct kw_inflight_table {
    struct kw_inflight *f; /* [cap] */
    uint32_t n, cap, free, live;
};

void kw_inflight_table_init(struct kw_inflight_table *t);
void kw_inflight_table_free(struct kw_inflight_table *t);
void kw_inflight_table_clear(struct kw_inflight_table *t); /* none under way, memory kept */
enum kw_status kw_inflight_table_grow(struct kw_inflight_table *t, struct kw_error *err); /* KW_ENOMEM: unchanged */

/* A slot for a request that just arrived; the caller fills it. */
static inline enum kw_status kw_inflight_table_take(struct kw_inflight_table *t, uint32_t *id, struct kw_error *err)
{
    if (t->free != KW_NO_FLIGHT) {
        *id = t->free;
        t->free = t->f[*id].next;
    } else {
        if (t->n == t->cap) {
            enum kw_status st = kw_inflight_table_grow(t, err);
            if (st != KW_OK) return st;
        }
        *id = t->n++;
    }
    t->live++;
    assert(*id < t->n && t->live <= t->n);
    return KW_OK;
}

static inline void kw_inflight_table_drop(struct kw_inflight_table *t, uint32_t id)
{
    assert(id < t->n && t->live);
    t->f[id].at = KW_AT_NOWHERE;
    t->f[id].next = t->free;
    t->free = id;
    t->live--;
}

#endif
