/* sim/fleet/deployment.h - what a run is asked: the targets of its traffic, how requests are routed to them, and what
 * is kept. */
#ifndef KW_SIM_FLEET_DEPLOYMENT_H
#define KW_SIM_FLEET_DEPLOYMENT_H
#include <stdbool.h>
#include <stdint.h>
#include "calibrate/profile/steptime.h"
#include "engine/scheduler/scheduler.h"
#include "platforms/facts/platform.h"
#include "sim/core/units.h"
#include "sim/core/zone.h"
#include "sim/fleet/disaggregated.h"
#include "sim/fleet/floor.h"
#include "sim/fleet/kv_offload.h"
#include "sim/fleet/lora.h"
#include "sim/fleet/speculative.h"

/* How requests become batches of an API's batch interface: one is sent `collect` after its first request came. */
struct kw_batching {
    kw_ns collect;                          /* 0: each request is a batch by itself */
    uint32_t requests;                      /* ... or when it has so many; 0: no number */
    int64_t queued_requests, queued_tokens; /* under way at once, of prompts; what is more waits; 0: any */
};

static inline bool kw_batching_any(const struct kw_batching *b)
{
    return b->collect || b->queued_requests || b->queued_tokens;
}

/* Requests that a watchdog sends straight to a deployment on a clock of its own, the first half an interval into the run:
 * they are served, scaled for and billed like any other, and are in no figure of the users'. One that is refused is not
 * tried again. */
struct kw_ping {
    kw_ns every;             /* 0: none */
    uint32_t prompt, output; /* tokens, as the deployment counts them; output 1: more would stand in the ITL of all */
};

/* Requests of classes that may wait are held in front of a deployment that has no replica ready: hold.h says until when. */
#define KW_HOLD_CLASSES 32
struct kw_hold {
    kw_ns
        most[KW_HOLD_CLASSES]; /* from its arrival on, by the trace's class (0 where it has none); 0: it is not held */
    kw_ns every;               /* they are released on this clock too; 0: not */
};

/* Replicas that are started before a forecast says they will be wanted: prewarm.h makes a floor of it. */
enum kw_forecast_kind {
    KW_FORECAST_NONE,
    KW_FORECAST_SEASONAL, /* from the past alone */
    KW_FORECAST_ORACLE    /* what comes, as if it were known */
};
extern const char *const kw_forecast_name[]; /* "none", "seasonal", "oracle", NULL; in forecast.c */
struct kw_prewarm {
    kw_ns season, step; /* a season is a whole number of steps */
    kw_ns lead;         /* a start begins so long before the need; KW_LEAD_AUTO: as long as 95 % of starts take */
    double least;       /* requests in a step for which a replica is held; fewer wait for a start */
    enum kw_forecast_kind forecast;
};
#define KW_LEAD_AUTO (-1)

/* Replicas kept warm by hour of the local week: schedule.h makes a floor of it. */
#define KW_SCHEDULE_CHANGES 168
struct kw_schedule {
    const struct kw_zone *zone; /* whose clocks; borrowed */
    kw_ns lead;                 /* as a forecast's */
    uint32_t n;                 /* 0: there is no schedule */
    struct kw_schedule_change {
        uint16_t minute, warm;     /* of the week, from Monday 00:00; replicas from there on */
    } change[KW_SCHEDULE_CHANGES]; /* [n] ascending; before the first one the last holds */
};

/* Where nobody says otherwise: more than what all prompts have in common (Mooncake's conversation: a block of 512 tokens), and few
 * enough that a second turn counts. Our choice. */
#define KW_PREFIX_MIN_MATCH 1024

/* One target of traffic as the event loop sees it. */
struct kw_deployment {
    char name[32];
    enum kw_kind kind;
    /* serverless and dedicated: replicas of an engine */
    const struct kw_steptime *steptime;    /* shared, immutable */
    struct kw_sched_config sched;          /* of each rank */
    uint32_t ranks;                        /* data-parallel ranks of a replica, which step together; 0, 1: one alone */
    struct kw_speculative speculative;     /* of sched.draft_tokens */
    struct kw_kv_offload offload;          /* of sched.host_blocks */
    struct kw_disaggregated disaggregated; /* decode > 0: sched and steptime are its decoding engines' */
    struct kw_autoscaling scaling;         /* dedicated: KW_SCALER_FIXED, unless nodes come and go */
    const struct kw_floor *floor;          /* keep_warm as the window goes on; NULL: scaling.keep_warm all the time */
    struct kw_cold_start cold;
    struct kw_node_rule node; /* dedicated with an autoscaler: cold.provision is a node's */
    struct kw_spot spot;      /* per_hour 0: never interrupted, and nothing stands in */
    double others_per_hour; /* other customers' requests for the same replicas, pool/pooled.h; 0: they are ours alone */
    enum kw_balance balance;
    uint32_t prefix_min_match; /* KW_BALANCE_PREFIX: tokens of a known prefix below which nobody is preferred for it */
    struct kw_lora lora; /* which of its requests are for adapters of its model, and what they take; sched.max_loras */
    /* api */
    struct kw_law ttft_s, ttft_per_ktok_s, output_rate;
    struct kw_rate_limits limits;
    struct kw_units_bought units; /* that carry requests beside those limits; n 0: all is on demand */
    struct kw_batching batching;
    struct kw_cache_rule cache; /* how prompts are remembered; not known: not at all */
    bool cached_as_logged;      /* what the trace says was read from a cache holds here too */
    char account[120];          /* deployments of one share rate limits and what is remembered; "": neither is known */
    uint32_t ttft_known_to;     /* the longest prompt that ttft_s is of; 0: any */
    uint32_t rate_known_to;     /* the most tokens, prompt and output, that output_rate is of; 0: any */
    uint32_t long_prompt;       /* prompts of more tokens are counted apart in the ledger; 0: none is */
    uint32_t context;           /* tokens of prompt and output that a request may have; 0: not known, any */
    uint32_t max_tokens; /* what clients state as max_tokens when the trace does not say; 0 = the request's output */
    /* both */
    uint32_t tokens_ppm; /* its tokenizer's for a million of the trace's; 0: as many */
    struct kw_client_retry retry;
    struct kw_ping ping;
    struct kw_prewarm prewarm;   /* of replicas; whoever runs it makes `floor` of it */
    struct kw_schedule schedule; /* likewise; at most one of the two */
    struct kw_hold hold;         /* of replicas */
    kw_ns network_rtt;           /* added once to TTFT and E2E */
    kw_ns front, front_token;    /* likewise: what a request and each token of its prompt take outside the engine */
    bool located;                /* it is known where it lies: region_rtt is added too */
    kw_ns
        region_rtt[KW_REGIONS_MAX]; /* there and back, by the request's region; KW_RTT_UNKNOWN: none may come from it */
};

/* Schedulers that decode, each with a KV cache of sched.num_blocks. */
static inline uint32_t kw_deployment_ranks(const struct kw_deployment *d)
{
    if (d->disaggregated.decode) return d->disaggregated.decode;
    return d->ranks ? d->ranks : 1;
}

/* Prompts are looked up in a cache of prefixes. */
static inline bool kw_deployment_caches(const struct kw_deployment *d)
{
    return d->disaggregated.decode ? d->disaggregated.prefill_sched.prefix_caching : d->sched.prefix_caching;
}

/* Requests that a replica computes at once. */
static inline uint32_t kw_deployment_seats(const struct kw_deployment *d)
{
    return d->sched.max_num_seqs * kw_deployment_ranks(d);
}

/* Replicas that the deployment keeps warm at all times of a window, and at the most. */
static inline uint32_t kw_least_warm(const struct kw_deployment *d)
{
    return d->floor ? kw_floor_least(d->floor) : d->scaling.keep_warm;
}
static inline uint32_t kw_most_warm(const struct kw_deployment *d)
{
    return d->floor ? kw_floor_most(d->floor) : d->scaling.keep_warm;
}

/* A request's tokens as a deployment counts them whose model has another tokenizer than the trace's: in proportion, to the
 * nearest, and at least one of any. ppm: tokens_ppm. */
static inline uint32_t kw_tokens_as(uint32_t traced, uint32_t ppm)
{
    if (!ppm || !traced) return traced;
    uint64_t n = ((uint64_t)traced * ppm + 500000) / 1000000;
    return n < 1 ? 1 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

enum kw_route_policy {
    KW_ROUTE_SINGLE,   /* all to deployment 0 */
    KW_ROUTE_FALLBACK, /* to the first deployment in order that has a ready replica (an API always has), else the last;
                          what one refuses (429, 503, too long) moves on to the next such, at once and without a retry
                        */
    KW_ROUTE_OVERFLOW, /* the same, and a deployment with overflow_at or more requests waiting is passed over too: in
                          the platform's queue and in its engines together */
    KW_ROUTE_CLASS,    /* trace class k to deployment class_to[k] (or 0) */
    KW_ROUTE_MODEL,    /* trace model k to deployment class_to[k] (or 0) */
    KW_ROUTE_SPLIT,    /* at random by share */
    KW_ROUTE_REGION /* to the deployment that is the request's region's first; to the next of its order as `spill` says */
};
extern const char *const kw_route_policy_name[]; /* "single", "fallback", ..., NULL */
enum kw_route_spill {
    KW_SPILL_NEVER,
    KW_SPILL_COLD, /* as KW_ROUTE_FALLBACK does, in that order */
    KW_SPILL_BUSY  /* as KW_ROUTE_OVERFLOW does */
};
extern const char *const kw_route_spill_name[]; /* "never", "cold", "busy", NULL */
#define KW_FLEET_MAX_DEPLOYMENTS 16
struct kw_routing {
    enum kw_route_policy policy;
    uint32_t overflow_at;
    double share[KW_FLEET_MAX_DEPLOYMENTS];
    uint8_t class_to[256];
    enum kw_route_spill spill;
    kw_ns back_from, back_to; /* SPLIT: arrivals of the trace from the one on and before the other all go to `back` */
    uint8_t back;
    uint8_t order[KW_REGIONS_MAX]
                 [KW_FLEET_MAX_DEPLOYMENTS]; /* REGION: the deployments for a request of a region, nearest
                                                                first; each once */
};

struct kw_slo_limits { /* per request, ns; 0 = not asked */
    kw_ns ttft, tpot, e2e;
};

/* Replica time beyond which nobody wants the rest of a run: what it costs is too much already. */
struct kw_ceiling {
    kw_ns most;             /* replica-ns in the window; 0: no ceiling */
    bool counts[KW_PHASES]; /* in these phases */
};

struct kw_outcome; /* outcome.h */

struct kw_fleet_options {
    uint64_t seed, replication;
    bool stepping_each; /* every step through the scheduler instead of jumps: the reference */
    bool records;       /* keep per-request records; lives of replicas are always kept, billing needs each */
    kw_ns series_step;  /* 0: no series */
    kw_ns warmup; /* the view's own end is replayed for this long before the window, and not counted; 0: empty start */
    uint64_t settle; /* arrivals and timers that may be spent on the steady state of the cyclic view (steady.h); where
                        one pass has more requests than a 32nd of it, one pass is counted; 0: always */
    bool beyond; /* what passes an API's ttft_known_to or rate_known_to is slower in proportion, as if all of it were
                    prefill or attention; else as if none were */
    struct kw_outcome *far; /* takes in what the times of answers decide in a run with `beyond`, while this one goes on
                               without: kw_outcome_with_times; of one window whose APIs are kw_api_apart. NULL: nothing */
    struct kw_slo_limits slo;
    const struct kw_groups *groups; /* of the view's trace, told apart, each with its own limits; NULL: slo for all */
    struct kw_ceiling ceiling; /* of deployment 0, of one window alone; looked at now and then: a run may end above */
    volatile int *stop;        /* set from outside (signal): the run ends early with KW_EFAIL; NULL allowed */
};

#endif
