/* sim/fleet/outcome.h - what happened in a run: latencies, a ledger a deployment, records, series; and what all of it
 * must satisfy. */
#ifndef KW_SIM_FLEET_OUTCOME_H
#define KW_SIM_FLEET_OUTCOME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/hist.h"
#include "sim/fleet/deployment.h"

enum kw_request_status { KW_REQ_COMPLETED, KW_REQ_REJECTED, KW_REQ_TIMED_OUT, KW_REQ_TOO_LONG };

struct kw_record {                              /* one request */
    kw_ns arrival;                              /* in the window: the view's, of a turn when it came */
    kw_ns ttft, e2e;                            /* ns from arrival; -1 when there was none */
    uint32_t request;                           /* index in the trace */
    uint8_t status, deployment, cold, attempts; /* cold: it waited for a replica to start */
    uint32_t cached_tokens, preemptions;
    uint32_t loaded_tokens; /* of those cached: from the host's memory */
};

/* One replica's life, from the decision to start it to the end, or the part of it inside the window, [0, window]; born
 * + sum(phase) == gone, exactly. */
struct kw_life {
    kw_ns born, gone;
    kw_ns phase[KW_PHASES];
    kw_ns first_success; /* time of its first completed request, -1 */
    uint32_t requests;
    bool failed;  /* the start failed; the whole life is FAILED_START */
    bool standin; /* a machine rented on demand in the place of a spot one */
    bool goes_on; /* beyond the window's end: what a meter rounds at a life's end does not fall due in the window */
};

/* The part before the window of a life that ends in it: what rounds and minimum charges of the whole life count from.
 */
struct kw_life_before {
    uint64_t life; /* index into lives */
    kw_ns phase[KW_PHASES];
    kw_ns since_success; /* from its first completed request to the window, 0 */
};

/* What one deployment consumed: exact quantities, no prices. cost/ turns it into a bill. */
struct kw_ledger {
    uint64_t requests, completed, rejected, timed_out, too_long, retries, cold_requests;
    int64_t tokens_in, tokens_cached, tokens_out; /* of completed requests; tokens_in includes cached */
    int64_t tokens_cache_write;                   /* of tokens_in: written to an API's prompt cache */
    int64_t tokens_loaded;                        /* of tokens_cached: from the host's memory */
    uint32_t long_prompt;                         /* as the deployment's */
    int64_t long_in, long_cached, long_cache_write,
        long_out;     /* of these four, of requests with longer prompts that no units carried */
    uint64_t carried; /* of completed: by units bought of an API; of their tokens: */
    int64_t carried_in, carried_cached, carried_cache_write, carried_out;
    uint64_t pings, pings_answered; /* sent in the window; of these, answered, with so many tokens */
    int64_t ping_in, ping_out;
    uint64_t held;             /* requests held before they were sent here, hold.h; of the window, once released */
    kw_ns held_ns;             /* sum over them */
    int64_t tokens_recomputed; /* prefilled again after preemption */
    int64_t failed_tokens_in;  /* prompts of requests an API refused (not billed) */
    kw_ns phase[KW_PHASES];    /* sum over replica lives, replica-ns (times tp for GPU-ns) */
    uint64_t starts, cold_starts, restores, failed_starts, stockouts; /* cold_starts: begun because requests waited */
    uint64_t found_warm; /* beside the starts: a replica was there for others' requests, pool/pooled.h */
    uint64_t interruptions,
        cut_off; /* of spot machines; requests that lost their replica (an autoscaler may take one too), tried again or lost */
    bool interruptible;                      /* spot: a machine is not there from its end to the next one's provision */
    uint64_t standins;                       /* of the starts: of machines on demand in the place of spot ones */
    uint64_t adapter_requests, adapter_cold; /* LoRA: requests that came to a replica for an adapter; of these,
                                                      those that waited for its fetch */
    uint64_t adapter_fetches, adapter_activations; /* begun; copied into a GPU slot */
    uint64_t adapter_held;                         /* requests released after their adapter's fetch */
    kw_ns adapter_held_ns;                         /* sum over them, from the replica's to the engine's queue */
    uint64_t lives_n;
    struct kw_life *lives; /* [lives_n], always kept for serverless and dedicated: billing rounds each life */
    uint64_t before_n;
    struct kw_life_before *before; /* [before_n] in the order of lives */
    uint32_t places, peak_nodes;   /* replicas a node holds, 0: none come and go; most nodes at once */
    uint64_t nodes_n;
    struct kw_life *nodes; /* [nodes_n] rented machines: PROVISION, then ACTIVE with a replica on it and IDLE without */
    uint64_t nodes_before_n;
    struct kw_life_before *nodes_before; /* [nodes_before_n] in the order of nodes; before[].life: index into it */
    kw_ns places_taken;                  /* place-ns on nodes that are up: what replicas were on them */
    uint64_t late;                       /* of the completed: after the window's end, so on no life's count */
    uint32_t max_replicas;               /* the most that may be alive at once; 0: not said */
    uint32_t peak_replicas;              /* most at once in any phase but gone */
    /* How near limits came to deciding anything, warm-up included (pool/indifference.h): */
    uint64_t peak_requests;     /* most that a request, itself counted, met waiting or on ready replicas */
    uint32_t most_wanted;       /* replicas, before max_replicas */
    uint32_t most_on_one;       /* requests on one replica */
    uint32_t most_step_tokens;  /* of an engine's step: kw_step.asked_tokens */
    uint32_t most_running;      /* sequences of an engine at once */
    uint64_t steps, iterations; /* engine steps decided; engine steps simulated (a jump over k counts k) */
    uint64_t outside;           /* of the iterations: beyond what the step times were measured at */
    uint64_t preemptions;
    uint64_t verified, verified_tokens; /* drafts of a sequence that a step verified; tokens that these steps brought */
    kw_ns needed; /* replica-ns that its tokens take at the least, pool/capacity.h; 0 for an API */
};

struct kw_series { /* sampled at the end of each interval of `step`: n points */
    kw_ns step;
    size_t n;
    uint32_t *arrivals, *completions, *rejections;        /* [n] within the interval */
    uint32_t *queue, *ready_busy, *ready_idle, *starting; /* [n] state at the interval's end, all deployments */
};

/* The same of the requests of one class and model, or of one deployment. */
struct kw_group_outcome {
    struct kw_hist ttft, tpot, e2e, start; /* start: of a deployment alone */
    uint64_t arrived, completed, cold, attained, done, good;
    int64_t tokens_in[KW_FLEET_MAX_DEPLOYMENTS], tokens_out[KW_FLEET_MAX_DEPLOYMENTS]; /* served by each deployment */
    int64_t long_in[KW_FLEET_MAX_DEPLOYMENTS], long_out[KW_FLEET_MAX_DEPLOYMENTS];     /* of these, above long_prompt */
};

/* How the state in which the window opens, and what one window costs, were found (steady.h). */
enum kw_steadiness {
    KW_STEADY_ONE_PASS, /* a long window after its own end, or an empty start: one window counted */
    KW_STEADY_REPEATS,  /* the state at the window's begin comes back at the end: exact */
    KW_STEADY_MEAN,     /* the mean of several windows, known to steady.h's tolerance */
    KW_STEADY_UNSETTLED /* the same, and less well known than that */
};
extern const char *const kw_steadiness_name[]; /* "one_pass", ..., NULL; in steady.c */

struct kw_outcome {
    uint64_t arrived, completed, rejected, timed_out, too_long, cold, attained; /* attained: completed within every
                                                                                    asked per-request limit */
    struct kw_hist ttft, tpot, e2e; /* ns, of completed requests; tpot of those with output >= 2 */
    struct kw_hist itl;   /* PICOSECONDS: every gap between tokens on replicas (replica.h says why); APIs add none */
    struct kw_hist start; /* ns, from a replica's order until it is ready; of those ready inside the window */
    kw_ns window;         /* the observation window: the view's span, `passes` times; lives are clipped to it */
    uint32_t passes;      /* windows added up, one after the other; records and series are of the first */
    enum kw_steadiness steady;
    double steady_error; /* half of the 95 % interval of the replica time of a window, relative; NAN of one pass */
    kw_ns end;           /* when the simulation ended: max(window, last completion) */
    uint64_t done;       /* completed inside the window, those of the warm-up too: what the fleet carries */
    uint64_t good;       /* of these within every per-request limit */
    uint64_t
        waiting[3]; /* requests that wait, at the platform or in an engine, at the window's begin, middle and end */
    struct kw_ledger ledger[KW_FLEET_MAX_DEPLOYMENTS];
    uint32_t n_deployments;
    struct kw_group_outcome *group; /* [n_classes] of each class and model, in the order of kw_groups, where there are
                                       several; then [n_deployments] where there are several; [group_cap] initialised */
    uint32_t n_classes, n_groups, group_cap;
    struct kw_record *records; /* [arrived] in order of arrival, or NULL */
    struct kw_series series;
    uint64_t events;
    bool
        stopped; /* at the ceiling: of the rest only `arrived`, those that came until then, and what came near limits hold */
};
/* Invariant, asserted at the end of every run: arrived == completed + rejected + timed_out + too_long; every life adds
 * up and lies inside the window; the phase sums are the sums over lives; replicas alive fill no more than max_replicas
 * * window (a draining one is replaced at once and counts beside it, and so does one that stands in for a spot one); KV blocks of every replica are all free. */

enum kw_status kw_outcome_init(struct kw_outcome *o, struct kw_error *err);
void kw_outcome_free(struct kw_outcome *o);
void kw_outcome_clear(struct kw_outcome *o); /* as after init; histograms keep their memory */
/* o's run as it would have been had answers taken the times that `times` was told of (kw_fleet_options.far). A view of both, which
 * owns nothing and ends with either; what else groups count is copied into times. */
struct kw_outcome kw_outcome_with_times(const struct kw_outcome *o, struct kw_outcome *times);
/* Room for n_classes classes and models and the deployments, none where there is only one. KW_ENOMEM: none. */
enum kw_status kw_outcome_groups(struct kw_outcome *o, uint32_t n_classes, struct kw_error *err);

/* Conservation, checked at the end of every run, in release builds too: requests, per deployment and in all; histogram
 * counts; lives and phase sums. KW_EFAIL says what does not add up. */
enum kw_status kw_outcome_check(const struct kw_outcome *o, const struct kw_deployment *d, struct kw_error *err);

#endif
