/* platforms/facts/autoscaling.h - how a pool of replicas grows, shrinks and answers while cold: the neutral vocabulary
 * of PLATFORMS.md section 11. No money here; the event loop reads this and nothing else of a platform. */
#ifndef KW_PLATFORMS_FACTS_AUTOSCALING_H
#define KW_PLATFORMS_FACTS_AUTOSCALING_H
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/law.h"
#include "sim/core/units.h"

enum kw_scaler {
    KW_SCALER_FIXED,         /* dedicated: keep_warm = max_replicas replicas, always */
    KW_SCALER_CAPACITY,      /* Modal: start a replica when an input finds no free concurrency slot; buffer_replicas */
    KW_SCALER_QUEUE_DELAY,   /* RunPod QUEUE_DELAY: one more when the oldest queued request waited > target_s */
    KW_SCALER_REQUEST_COUNT, /* RunPod REQUEST_COUNT: ceil((queued + running) / target) */
    KW_SCALER_QUEUE,         /* Replicate: grow while requests queue */
    KW_SCALER_LOAD_TARGET,   /* Fireworks: mean load / target over windows, load = in flight / hard_concurrency */
    KW_SCALER_CONCURRENCY, /* Baseten, Together, Ray Serve: ceil(mean in flight over window / (target * utilisation)) */
    KW_SCALER_KPA,         /* Knative pod autoscaler (PLATFORMS.md 7) */
    KW_SCALER_HPA,         /* KEDA for 0 <-> 1, Kubernetes' horizontal pod autoscaler above */
    KW_SCALER_RAY_SERVE,   /* Ray Serve: ongoing requests over a target, held for a delay */
    KW_SCALER_SKYSERVE,    /* SkyServe: requests a second over a target, held for a number of decisions */
    KW_SCALER_DYNAMO,      /* NVIDIA Dynamo's planner: KV cache in use over thresholds, one at a time */
    KW_SCALER_SETUP        /* queueing-theory pool for the closed forms: one setup per waiting customer */
};
extern const char
    *const kw_scaler_name[]; /* "fixed", "capacity", "queue_delay", ..., NULL: the words of platform files */
/* Those that only users run, with parameters of their own: no platform file names them. */
#define KW_SCALERS_SELF_MANAGED                                                                                        \
    (1u << KW_SCALER_HPA | 1u << KW_SCALER_RAY_SERVE | 1u << KW_SCALER_SKYSERVE | 1u << KW_SCALER_DYNAMO)
/* Those that stop a replica because it is idle, rather than because they want fewer: bits 1u << enum kw_scaler. */
#define KW_SCALERS_STOP_IDLE                                                                                           \
    (1u << KW_SCALER_CAPACITY | 1u << KW_SCALER_QUEUE_DELAY | 1u << KW_SCALER_REQUEST_COUNT | 1u << KW_SCALER_QUEUE)

/* What a KEDA trigger counts, in vLLM's names: requests that wait (before the replicas too), that run, or both. */
enum kw_trigger_metric { KW_TRIGGER_WAITING, KW_TRIGGER_RUNNING, KW_TRIGGER_BOTH };
extern const char *const kw_trigger_metric_name[]; /* "num_requests_waiting", ..., NULL */
#define KW_TRIGGERS_MAX 4
struct kw_trigger {
    enum kw_trigger_metric metric;
    double threshold;  /* of it a replica: the HPA's AverageValue */
    double activation; /* above this it is active: KEDA leaves zero, and stays above it */
};

/* The HPA's "behavior" in one direction: how far it may go within a period, by the policy that allows most or least. */
enum kw_select_policy { KW_SELECT_MAX, KW_SELECT_MIN, KW_SELECT_DISABLED };
extern const char *const kw_select_policy_name[]; /* "Max", "Min", "Disabled", NULL */
#define KW_HPA_POLICIES_MAX 4
struct kw_hpa_rules {
    kw_ns window; /* stabilizationWindowSeconds */
    enum kw_select_policy select;
    uint32_t n;
    struct kw_hpa_policy {
        bool pods; /* else percent of the replicas at the period's begin */
        uint32_t value;
        kw_ns period;
    } policy[KW_HPA_POLICIES_MAX];
};

/* KEDA + HPA, beside the fields that other scalers have too. */
struct kw_hpa {
    uint32_t n_triggers;
    struct kw_trigger trigger[KW_TRIGGERS_MAX];
    kw_ns poll;       /* KEDA's pollingInterval, between 0 and 1 */
    double tolerance; /* nothing changes while metric / target is within 1 +- this */
    bool behaves; /* the user gave a "behavior": up and down hold; else the controller's own limit, see the scaler */
    struct kw_hpa_rules up, down;
};

/* QUEUE_DELAY: what the delay is counted from. LAST_START: one start a delay, a request that waits longer adds the next
 * one a delay after the last; ARRIVAL: each request that has waited so long by itself adds one, several at once too. */
enum kw_delay_from { KW_DELAY_LAST_START, KW_DELAY_ARRIVAL };
extern const char *const kw_delay_from_name[]; /* "last_start", "arrival", NULL */

/* When a surplus replica that has fallen idle stops: after idle_timeout, or at once, as soon as the others have taken the
 * load. The last replica waits out zero_timeout in either. Of the scalers that stop idle replicas. */
enum kw_idle_release { KW_RELEASE_TIMEOUT, KW_RELEASE_EARLY };
extern const char *const kw_idle_release_name[]; /* "timeout", "early", NULL */

enum kw_at_zero { KW_ZERO_QUEUE, KW_ZERO_REJECT_AND_START, KW_ZERO_STOPPED };
extern const char *const kw_at_zero_name[]; /* "queue", "reject_and_start", "stopped", NULL */

/* Which ready replica takes the next request; sim/fleet/balancers has a file for each. */
enum kw_balance {
    KW_BALANCE_ROUND_ROBIN,
    KW_BALANCE_LEAST_OUTSTANDING,
    KW_BALANCE_POWER_OF_TWO,
    KW_BALANCE_PREFIX,
    KW_BALANCE_PACK,
    KW_BALANCE_RANDOM,
    KW_BALANCE_ADAPTER,
    KW_BALANCES
};
extern const char *const kw_balance_name[]; /* "round_robin", "least_outstanding", ..., NULL */

/* Two ways down. Replica-driven scalers (CAPACITY, QUEUE_DELAY, REQUEST_COUNT, QUEUE) stop a replica that has been idle
 * for idle_timeout. Wish-driven ones (LOAD_TARGET, CONCURRENCY, KPA) drain surplus replicas, idle or not, once the wish
 * has been lower for scale_down_delay; their files state that window in both fields, so that idle_timeout is always the
 * window a user knows. The last replica goes after zero_timeout without requests. */
struct kw_autoscaling {
    enum kw_scaler scaler;
    uint32_t keep_warm;        /* floor kept ready when idle; a platform's min_replicas */
    uint32_t max_replicas;     /* ceiling; >= 1 */
    uint32_t buffer_replicas;  /* spare replicas kept while active */
    uint32_t hard_concurrency; /* requests admitted to one replica at once; 0 = the engine decides (no limit) */
    double target;             /* of the scaler's signal; its unit depends on the scaler */
    double utilisation;        /* 0..1 multiplies target where the platform has it; else 1 */
    kw_ns target_delay;        /* QUEUE_DELAY */
    enum kw_delay_from target_delay_from;
    kw_ns scale_up_window; /* the condition must hold this long / averaging window */
    kw_ns scale_up_delay;  /* RAY_SERVE, SKYSERVE: the higher wish must hold this long */
    kw_ns eval_period;     /* control loop; 0 = event driven */
    kw_ns idle_timeout;    /* idle time before a surplus replica stops */
    enum kw_idle_release idle_release;
    kw_ns zero_timeout;     /* idle time before the last replica stops; >= idle_timeout where the platform has one */
    kw_ns scale_down_delay; /* the lower wish must hold this long before anything stops (Fireworks, Baseten, HPA) */
    kw_ns min_up;           /* minimum life after a start */
    double max_up_rate, max_down_rate;          /* KPA: 1000, 2; 0 = no limit. RAY_SERVE: its scaling factors */
    double panic_threshold, panic_window_share; /* KPA: 2.0, 0.1 */
    double up_above, down_below;                /* DYNAMO: shares of the KV cache */
    struct kw_hpa hpa;                          /* HPA */
    enum kw_at_zero at_zero;                    /* what a request meets when no replica is ready */
    int reject_code;                            /* 503, 429 ... for rejections */
    uint64_t queue_limit;                       /* requests waiting at the platform; 0 = none */
    bool no_queue; /* nobody waits: with no replica that has room a request is rejected (Vertex at its ceiling) */
    kw_ns queue_timeout, request_timeout; /* 0 = none; from arrival */
    double stockout_probability;          /* a start meets no GPU and is tried again after stockout_retry */
    kw_ns stockout_retry;
    double start_failure_probability; /* a start fails at the end of init and is started over */
};

/* Machines that come and go with their replicas: rented by the user's own cluster. */
struct kw_node_rule {
    uint32_t places; /* replicas that one holds; 0: machines are the platform's, or rented for good */
    kw_ns idle;      /* how long one without a replica stays rented */
};

/* How long it takes to become ready. Each phase: fixed law + bytes / bandwidth law where bytes > 0. */
struct kw_cold_start {
    struct kw_law provision;        /* s: request to machine */
    struct kw_law pull;             /* s: image pull, fixed part or whole */
    struct kw_law load;             /* s: weights, fixed part or whole (a published whole-load time) */
    struct kw_law load_rate;        /* bytes/s; used with weight_bytes when present */
    struct kw_law cached_load_rate; /* bytes/s when the node has the weights (probability cache_hit) */
    double cache_hit;
    double weight_bytes;
    struct kw_law init;          /* s: engine start, compile, graphs */
    struct kw_law engine_start;  /* s: load and init in all, as published: together they take no less */
    struct kw_law restore;       /* s: whole time from a snapshot instead of pull+load+init; NONE when unsupported */
    double snapshot_probability; /* that a valid snapshot exists */
};

/* What a client does with a rejection (429, 503, ...): retries with exponential backoff and full jitter, or gives up.
 */
struct kw_client_retry {
    uint32_t max_attempts; /* total tries; 1 = no retry */
    kw_ns base, cap;       /* wait before try k: uniform in [0, min(cap, base * 2^(k-1))] plus retry-after if given */
};

#endif
