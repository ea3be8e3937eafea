/* sim/fleet/scalers/scaler.h - how many replicas a pool wants: one interface, one small file a policy. A policy sees
 * signals and answers with a number; the pool starts and stops. So a policy can be tested by hand, without a pool.
 *
 * "Alive" counts ready and starting replicas; draining ones are on their way out and count nowhere. */
#ifndef KW_SIM_FLEET_SCALERS_SCALER_H
#define KW_SIM_FLEET_SCALERS_SCALER_H
#include <stdbool.h>
#include <stdint.h>
#include "platforms/facts/autoscaling.h"
#include "sim/fleet/events.h"
#include "sim/fleet/scalers/window.h"

struct kw_signals {
    uint32_t ready, busy, starting; /* replicas; busy ones are ready and hold at least one request */
    uint64_t queued;                /* requests waiting at the platform */
    uint64_t in_flight;             /* requests on ready replicas */
    kw_ns oldest;                   /* since when the head of the queue waits, KW_NEVER when nobody does */
    kw_ns unanswered; /* since when the first waits whom no start under way answers, one each; KW_NEVER: nobody */
    uint32_t slots;   /* requests one replica takes at once */
    /* At ticks of policies that look inside the replicas: */
    uint64_t waiting; /* requests that wait, at the platform and in the ready replicas' engines */
    double kv_most;   /* the largest share of its KV cache that a ready replica has in use or is asked for */
};

static inline uint32_t kw_signals_alive(const struct kw_signals *g)
{
    return g->ready + g->starting;
}

enum kw_scaler_cause {
    KW_CAUSE_ARRIVED, /* a request came: it is queued, on a replica, or was turned away at zero */
    KW_CAUSE_FREED,   /* requests left the replicas or the queue */
    KW_CAUSE_TIMER    /* the time the policy asked for */
};

enum kw_shrink {
    KW_SHRINK_NEVER,    /* the policy only adds; surplus replicas stop when idle for long enough */
    KW_SHRINK_STARTING, /* and starts no longer wanted are called off */
    KW_SHRINK_ANY       /* the policy's number holds; idle time alone stops nothing */
};

#define KW_SKYSERVE_BUCKETS 12 /* of 5 s: the minute that SkyServe averages over */
#define KW_SKYSERVE_BUCKET (5 * KW_NS_PER_S)

struct kw_autoscaler;
struct kw_scaler_policy {
    const char *name;
    enum kw_shrink shrink;
    bool on_arrival, on_free; /* asked at these causes */
    bool tracks;              /* wants kw_area_track at every change of the requests in the pool */
    bool looks_inside;        /* wants the engines' part of the signals at its ticks: O(replicas) */
    bool kills;               /* a replica that it takes does not finish what it has */
    bool wakes_itself;        /* who is turned away at zero starts nothing: its own loop will see it */
    bool idle_timeout;        /* surplus replicas stop after idle_timeout; with SHRINK_ANY always false */
    bool zero_timeout; /* with SHRINK_ANY: the last one that is ready stops after zero_timeout without a request */
    enum kw_status (*begin)(struct kw_autoscaler *s, struct kw_error *err); /* NULL: nothing to prepare */
    /* Replicas wanted alive now, before floor, buffer and ceiling. */
    uint32_t (*want)(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause);
    /* When to ask again, later than a TIMER that was just answered; KW_NEVER: not before the next arrival. NULL: never.
     */
    kw_ns (*timer)(const struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now);
};

struct kw_autoscaler {
    const struct kw_scaler_policy *policy;
    const struct kw_autoscaling *c;  /* borrowed */
    uint32_t floor;                  /* replicas kept warm now: the pool says when it changes */
    kw_ns period;                    /* of the control loop, for policies that have one */
    kw_ns last;                      /* QUEUE_DELAY: when it last added one; loops: the last tick; -1 before */
    uint32_t alive;                  /* QUEUE_DELAY: when it was asked last */
    struct kw_area area;             /* requests in the pool, integrated over time */
    struct kw_mean mean;             /* of it over the policy's window */
    struct kw_peak down;             /* the largest wish within scale_down_delay */
    uint32_t panic_ticks;            /* KPA: ticks of the panic window */
    kw_ns measured;                  /* KPA: the last time at which there was a pod or a request */
    kw_ns stable_first, panic_first; /* KPA: where each window begins to count, INT64_MIN: before time 0 */
    kw_ns panic_since;               /* KPA: -1 when calm */
    uint32_t panic_most;
    bool sent_past;    /* HPA: at zero, since the last poll, somebody went elsewhere */
    kw_ns active_at;   /* HPA: when a trigger was active at a poll, INT64_MIN / 2: never */
    struct kw_peak up; /* HPA: the lowest wish within the window on the way up, as UINT32_MAX less it */
    struct kw_change {
        kw_ns at;
        int64_t by;
    } * change; /* HPA: [n_changes] what it did within the longest period of its rules, a ring */
    uint32_t n_changes, first_change, change_cap;
    double ongoing;   /* RAY_SERVE: requests, as last reported */
    uint32_t ready;   /* RAY_SERVE: when it last decided */
    int held;         /* RAY_SERVE: -1, 0, 1, the way it would go; SKYSERVE: decisions in a row, down below 0 */
    kw_ns held_since; /* RAY_SERVE */
    struct kw_came {
        int64_t at; /* in bucket lengths */
        uint64_t n;
    } bucket[KW_SKYSERVE_BUCKETS + 1]; /* SKYSERVE: requests that came */
};

extern const struct kw_scaler_policy kw_scaler_fixed, kw_scaler_capacity, kw_scaler_queue_delay,
    kw_scaler_request_count, kw_scaler_queue, kw_scaler_load_target, kw_scaler_concurrency, kw_scaler_kpa,
    kw_scaler_hpa, kw_scaler_ray_serve, kw_scaler_skyserve, kw_scaler_dynamo, kw_scaler_setup;

void kw_scaler_init(struct kw_autoscaler *s);
void kw_scaler_free(struct kw_autoscaler *s);
/* Ready for a run at time 0 under c, with `floor` replicas kept warm then. KW_ERANGE: a field the policy needs is out of
 * range. */
enum kw_status kw_scaler_begin(struct kw_autoscaler *s, const struct kw_autoscaling *c, uint32_t floor,
                               struct kw_error *err);

/* The floor, and no more than the ceiling: for policies that compare what they would do with what they have done. */
static inline uint32_t kw_scaler_clip(const struct kw_autoscaler *s, uint32_t n)
{
    n = n > s->floor ? n : s->floor;
    return n < s->c->max_replicas ? n : s->c->max_replicas;
}

/* A fingerprint of what the policy remembers at now; what is older than memory ns is old. */
uint64_t kw_scaler_state(const struct kw_autoscaler *s, kw_ns now, kw_ns memory);

/* The ceiling of x as a count, 0 for x <= 0, at most 2^31. A hair (1e-9) above a whole number still is that number. */
uint32_t kw_scaler_ceil(double x);
/* The first point of the control loop's grid (multiples of the period from time 0) at or after t. */
static inline kw_ns kw_scaler_grid(kw_ns period, kw_ns t)
{
    return (t + period - 1) / period * period;
}

#endif
