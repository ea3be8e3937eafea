/* sim/fleet/run_context.h - what all parts of one run share: the trace, the future events, the requests under way, and
 * the keeper of the outcome. */
#ifndef KW_SIM_FLEET_RUN_CONTEXT_H
#define KW_SIM_FLEET_RUN_CONTEXT_H
#include <assert.h>
#include "sim/fleet/events.h"
#include "sim/fleet/inflight.h"
#include "sim/fleet/prefix.h"
#include "sim/fleet/tally.h"
#include "sim/fleet/turns.h"
#include "workloads/trace.h"

/* Whose event it is: an event's tag is kind, deployment and number. */
enum kw_event_kind {
    KW_EV_RUN,             /* a replica's step or run of steps ends; number = replica */
    KW_EV_LIFE,            /* a replica's start phase or idle time ends; number = replica */
    KW_EV_SCALER,          /* an autoscaler's control loop or timer */
    KW_EV_QUEUE_TIMEOUT,   /* the head of a platform's queue has waited too long */
    KW_EV_REQUEST_TIMEOUT, /* the oldest request on the replicas has been there too long */
    KW_EV_INTERRUPTION,    /* a spot machine gets its notice, or is taken after it; number = replica */
    KW_EV_NODE,            /* a rented machine has been without a replica for too long; number = node */
    KW_EV_RETRY,           /* a client tries again; number = flight */
    KW_EV_API_DONE,        /* an API has answered; number = flight */
    KW_EV_BATCH,           /* a batch may be sent; number = 0 */
    KW_EV_PING,            /* a health check is sent; number = 0 */
    KW_EV_FLOOR,           /* a pool's floor has another level; number = 0 */
    KW_EV_HOLD             /* a request has been held for long enough; number = flight */
};
#define KW_TAG_NUMBERS (1u << 24)
static_assert(KW_EV_HOLD < 16 && KW_FLEET_MAX_DEPLOYMENTS <= 16, "kind and deployment have four bits each");

static inline uint32_t kw_tag(enum kw_event_kind kind, uint32_t deployment, uint32_t number)
{
    assert((uint32_t)kind < 16 && deployment < KW_FLEET_MAX_DEPLOYMENTS && number < KW_TAG_NUMBERS);
    return (uint32_t)kind << 28 | deployment << 24 | number;
}
static inline enum kw_event_kind kw_tag_kind(uint32_t tag)
{
    return (enum kw_event_kind)(tag >> 28);
}
static inline uint32_t kw_tag_deployment(uint32_t tag)
{
    return tag >> 24 & 15;
}
static inline uint32_t kw_tag_number(uint32_t tag)
{
    return tag & (KW_TAG_NUMBERS - 1);
}

/* Where the run's clock stands in the traffic: windows follow each other every `length` ns. */
struct kw_cycle {
    kw_ns begins; /* of one of them, on the run's clock; <= 0 */
    kw_ns length;
};

struct kw_run_context {
    const struct kw_trace *trace; /* borrowed for the run */
    uint64_t *warmup_hash; /* the trace's prefix hashes for requests of the warm-up: others, so that no request of the
                              window finds its own copy in a cache; NULL without a warm-up or hashes */
    struct kw_cycle cycle;
    struct kw_events events;
    struct kw_inflight_table flights;
    struct kw_turns turns;
    struct kw_tally tally;
    uint32_t
        move_on_n; /* deployments in the order in which a refused request moves on; 0: it stays where it was sent */
};

/* What lies between a request and the deployment that serves it, there and back, and its server's front end. */
static inline kw_ns kw_run_rtt(const struct kw_run_context *w, const struct kw_deployment *d,
                               const struct kw_inflight *f)
{
    bool located = d->located && !kw_inflight_is_ping(f);
    kw_ns front = kw_inflight_is_ping(f)
                      ? 0
                      : d->front + d->front_token * kw_tokens_as(w->trace->prompt[f->request], d->tokens_ppm);
    return d->network_rtt + front + (located ? d->region_rtt[w->trace->region[f->request]] : 0);
}

/* The request has ended, at `at` as who asked saw it: its place is free, and the turn that waited for the answer is on its way.
 * One that waits no time at all comes a nanosecond later: never in the midst of the moment that answered it. */
static inline enum kw_status kw_run_ended(struct kw_run_context *w, uint32_t flight, kw_ns now, kw_ns rtt,
                                          struct kw_error *err)
{
    const struct kw_inflight *f = &w->flights.f[flight];
    const struct kw_trace *t = w->trace;
    uint32_t request = f->request, next = t->then && !kw_inflight_is_ping(f) ? t->then[request] : KW_TRACE_NO_TURN;
    bool warmup = f->warmup;
    kw_inflight_table_drop(&w->flights, flight);
    if (next == KW_TRACE_NO_TURN) return KW_OK;
    kw_ns wait = rtt + t->think[next];
    return kw_turns_add(&w->turns, now + (wait ? wait : 1), next, warmup, err);
}

/* The prefix of a request under way. */
static inline struct kw_prefix kw_run_prefix(const struct kw_run_context *w, uint32_t flight)
{
    const struct kw_trace *t = w->trace;
    const struct kw_inflight *f = &w->flights.f[flight];
    if (!t->hash_at || kw_inflight_is_ping(f)) return (struct kw_prefix){ 0 };
    uint32_t at = t->hash_at[f->request], n = t->hash_at[f->request + 1] - at, beyond = 0;
    if (t->before) { /* the last block of the prompt ends in the answer */
        beyond = n - t->prompt[f->request] / t->hash_block;
        n -= beyond;
    }
    return (struct kw_prefix){ (f->warmup ? w->warmup_hash : t->hash) + at, n, t->hash_block, 0, beyond };
}

#endif
