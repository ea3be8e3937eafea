/* sim/fleet/fleet.h - the event loop: a trace meets deployments, and what happened is an outcome. It knows no file,
 * JSON or money. Deterministic: the same inputs, seed and replication give the same outcome to the bit, on any machine.
 */
#ifndef KW_SIM_FLEET_FLEET_H
#define KW_SIM_FLEET_FLEET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "calibrate/profile/steptime.h"
#include "engine/scheduler/scheduler.h"
#include "platforms/facts/platform.h"
#include "sim/core/hist.h"
#include "sim/core/units.h"
#include "workloads/trace.h"

enum kw_balance { KW_BALANCE_ROUND_ROBIN, KW_BALANCE_LEAST_OUTSTANDING, KW_BALANCE_POWER_OF_TWO, KW_BALANCE_PREFIX };
extern const char *const kw_balance_name[]; /* "round_robin", "least_outstanding", "power_of_two", "prefix", NULL */

/* One target of traffic as the event loop sees it. */
struct kw_deployment {
    char name[32];
    enum kw_kind kind;
    /* serverless and dedicated: replicas of an engine */
    const struct kw_steptime *steptime; /* shared, immutable */
    struct kw_sched_config sched;
    struct kw_autoscaling scaling; /* dedicated: KW_SCALER_FIXED */
    struct kw_cold_start cold;
    enum kw_balance balance;
    /* api */
    struct kw_law ttft_s, ttft_per_ktok_s, output_rate;
    struct kw_rate_limits limits;
    uint32_t max_tokens; /* what clients state as max_tokens when the trace does not say; 0 = the request's output */
    /* both */
    struct kw_client_retry retry;
    kw_ns network_rtt; /* added once to TTFT and E2E */
};

enum kw_route_policy {
    KW_ROUTE_SINGLE,   /* all to deployment 0 */
    KW_ROUTE_FALLBACK, /* to 0; to 1 while 0 has no ready replica */
    KW_ROUTE_OVERFLOW, /* to 0; to 1 when 0 has overflow_at or more requests waiting a replica */
    KW_ROUTE_CLASS,    /* trace class k to deployment class_to[k] (or 0) */
    KW_ROUTE_MODEL,    /* trace model k to deployment class_to[k] (or 0) */
    KW_ROUTE_SPLIT     /* at random by share */
};
#define KW_FLEET_MAX_DEPLOYMENTS 16
struct kw_routing {
    enum kw_route_policy policy;
    uint32_t overflow_at;
    double share[KW_FLEET_MAX_DEPLOYMENTS];
    uint8_t class_to[256];
};

struct kw_slo_limits { /* per request, ns; 0 = not asked */
    kw_ns ttft, tpot, e2e;
};

/* A part of a trace, as a run meets it: requests [first, first + n) repeated as blocks in another order when resampled.
 */
struct kw_trace_view {
    const struct kw_trace *trace;
    kw_ns block; /* 0: the trace as it is; else resample in blocks of this length */
    uint32_t n_blocks;
    const uint32_t *block_of; /* [n_blocks] which original block stands at place i; NULL when block == 0 */
};

struct kw_fleet_options {
    uint64_t seed, replication;
    bool stepping_each;  /* every step through the scheduler instead of jumps: the reference */
    bool records, lives; /* keep per-request records; lives are always kept, billing needs each (`lives` is not read) */
    kw_ns series_step;   /* 0: no series */
    kw_ns warmup; /* the view's own end is replayed for this long before the window, and not counted; 0: empty start */
    struct kw_slo_limits slo;
    volatile int *stop; /* set from outside (signal): the run ends early with KW_EFAIL; NULL allowed */
};

enum kw_request_status { KW_REQ_COMPLETED, KW_REQ_REJECTED, KW_REQ_TIMED_OUT, KW_REQ_TOO_LONG };

struct kw_record {                              /* one request; arrival is the trace's */
    kw_ns ttft, e2e;                            /* ns from arrival; -1 when there was none */
    uint32_t request;                           /* index in the trace */
    uint8_t status, deployment, cold, attempts; /* cold: it waited for a replica to start */
    uint32_t cached_tokens, preemptions;
};

/* One replica's life, from the decision to start it to the end, or the part of it inside the window, [0, window]; born
 * + sum(phase) == gone, exactly. */
struct kw_life {
    kw_ns born, gone;
    kw_ns phase[KW_PHASES];
    kw_ns first_success; /* time of its first completed request, -1 */
    uint32_t requests;
    bool failed;  /* the start failed; the whole life is FAILED_START */
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
    int64_t tokens_recomputed;                    /* prefilled again after preemption */
    int64_t failed_tokens_in;                     /* prompts of requests an API refused (not billed) */
    kw_ns phase[KW_PHASES];                       /* sum over replica lives, replica-ns (times tp for GPU-ns) */
    uint64_t starts, cold_starts, restores, failed_starts, stockouts; /* cold_starts: begun because requests waited */
    uint64_t lives_n;
    struct kw_life *lives; /* [lives_n], always kept for serverless and dedicated: billing rounds each life */
    uint64_t before_n;
    struct kw_life_before *before; /* [before_n] in the order of lives */
    uint64_t late;                 /* of the completed: after the window's end, so on no life's count */
    uint32_t max_replicas;         /* the most that may be alive at once; 0: not said */
    uint32_t peak_replicas;        /* most at once in any phase but gone */
    uint64_t steps, iterations;    /* engine steps decided; engine steps simulated (a jump over k counts k) */
    uint64_t preemptions;
};

struct kw_series { /* sampled at the end of each interval of `step`: n points */
    kw_ns step;
    size_t n;
    uint32_t *arrivals, *completions, *rejections;        /* [n] within the interval */
    uint32_t *queue, *ready_busy, *ready_idle, *starting; /* [n] state at the interval's end, all deployments */
};

struct kw_outcome {
    uint64_t arrived, completed, rejected, timed_out, too_long, cold, attained; /* attained: completed within every
                                                                                    asked per-request limit */
    struct kw_hist ttft, tpot, e2e; /* ns, of completed requests; tpot of those with output >= 2 */
    struct kw_hist itl; /* PICOSECONDS: every gap between tokens on replicas (replica.h says why); APIs add none */
    kw_ns window;       /* the observation window: the view's span; lives are clipped to it */
    kw_ns end;          /* when the simulation ended: max(window, last completion) */
    uint64_t done;      /* completed inside the window, those of the warm-up too: what the fleet carries */
    uint64_t
        waiting[3]; /* requests that wait, at the platform or in an engine, at the window's begin, middle and end */
    struct kw_ledger ledger[KW_FLEET_MAX_DEPLOYMENTS];
    uint32_t n_deployments;
    struct kw_record *records; /* [arrived] in order of arrival, or NULL */
    struct kw_series series;
    uint64_t events;
};
/* Invariant, asserted at the end of every run: arrived == completed + rejected + timed_out + too_long; every life adds
 * up and lies inside the window; the phase sums are the sums over lives; replicas alive fill no more than max_replicas
 * * window (a draining one is replaced at once and counts beside it); KV blocks of every replica are all free. */

enum kw_status kw_outcome_init(struct kw_outcome *o, struct kw_error *err);
void kw_outcome_free(struct kw_outcome *o);

/* Keeps what runs of one thread can share (replica pools, queues), so that a sweep allocates once. */
struct kw_fleet;
enum kw_status kw_fleet_new(struct kw_fleet **f, struct kw_error *err);
void kw_fleet_delete(struct kw_fleet *f);

/* Replays the view against the deployments. o must be initialised; it is cleared first. KW_ERANGE with a message when a
 * deployment is inconsistent (keep_warm > max_replicas, no steptime, ...). */
enum kw_status kw_fleet_run(struct kw_fleet *f, const struct kw_trace_view *view, const struct kw_deployment *d,
                            uint32_t n_deployments, const struct kw_routing *routing,
                            const struct kw_fleet_options *opt, struct kw_outcome *o, struct kw_error *err);

#endif
