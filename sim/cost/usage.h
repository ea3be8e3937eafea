/* sim/cost/usage.h - what a deployment consumed as its platform's meter counts it: exact quantities, no prices. Saved
 * with every result, so `keepwarm reprice` needs no simulation. */
#ifndef KW_SIM_COST_USAGE_H
#define KW_SIM_COST_USAGE_H
#include "platforms/facts/platform.h"
#include "sim/fleet/outcome.h"

struct kw_usage {
    enum kw_kind kind;
    kw_ns window;   /* observation window the quantities belong to; a month is scaled from it */
    int64_t passes; /* times the trace's own window fits into it; 0: once */
    kw_ns month;    /* what it is scaled to; 0: KW_HOURS_PER_MONTH hours */
    uint32_t gpus;  /* GPUs one replica is billed for: >= its tp, see kw_gpus_per_replica */
    int64_t
        gpu_ns[KW_PHASES]; /* billed GPU-ns by phase (replica-ns * gpus); 0 where the meter does not count the phase */
    int64_t rounding_gpu_ns; /* added by rounding each life up to the granularity or to its last window */
    int64_t minimum_gpu_ns;  /* added by the minimum charge of each life */
    int64_t unbilled_gpu_ns; /* replica life the meter does not count */
    int64_t reserved_gpu_ns; /* dedicated: GPUs rented * window, used or not; of nodes that come and go their GPUs * the
                                time they were there, less what starts took of it */
    int64_t standin_gpu_ns;  /* spot: GPUs rented on demand while a spot machine was missing */
    int64_t busy_gpu_ns;     /* GPU-ns in phase ACTIVE, billed or not: what idle cost is told from */
    int64_t requests, tokens_in, tokens_cached, tokens_cache_write, tokens_out; /* of completed requests that no
                                                                                   units carried; in excludes cached and written; billed where kind is api */
    int64_t long_prompt; /* requests whose prompt has more tokens are counted apart, too; 0: none is */
    int64_t long_in, long_cached, long_cache_write, long_out; /* of the four above, those requests' */
    int64_t ping_in, ping_out;     /* of health checks, beside those; billed where kind is api */
    int64_t egress_bytes;          /* sent out of the platform; 0 where the user does not say what a token takes */
    int64_t units;                 /* bought ahead of an API, the whole month; 0: none */
    int64_t units_used_millionths; /* what the tokens they carried take of them, on average over the window */
    int64_t carried_in, carried_cached, carried_cache_write,
        carried_out; /* tokens as above that units carried: beside those, since they are not billed by the token */
};

static inline int64_t kw_usage_passes(const struct kw_usage *u)
{
    return u->passes ? u->passes : 1;
}

static inline kw_ns kw_usage_month(const struct kw_usage *u)
{
    return u->month ? u->month : KW_HOURS_PER_MONTH * KW_NS_PER_HOUR;
}

/* Bills each life of the ledger by the meter. Identity, asserted:
 *     sum(gpu_ns) + unbilled_gpu_ns == gpus * sum over lives of (gone - born)
 * and what is paid for is sum(gpu_ns) + minimum_gpu_ns + rounding_gpu_ns.
 * A life in which no billed phase took any time costs nothing; any other is raised to m->min_charge, then rounded up to
 * a multiple of m->granularity. Both count the whole life and fall due at its end: one that goes on beyond the window
 * counts by its part inside alone, one that began before it brings that part along, and together they never exceed what
 * l->max_replicas always on would add. With m->window (Bedrock custom import: 5 minutes), a life is billed in whole
 * windows from its first success to its end and nothing before it; the last window counts even if only the idle tail
 * reaches into it (the ledger does not say when the last request came), so that is at most one window a life too many.
 * kind DEDICATED: no phase is billed, reserved_gpus are, for the whole window; of spot machines (l->interruptible) for
 * the time in which they were there: from their provision to their end, the notice beside their successor included, and
 * apart from them those that stood in for them. kind API: tokens only, gpus = 0.
 * Where nodes come and go (l->places) reserved_gpus are those of one node, and each node's life is what the meter sees:
 * from when it is there, or from its order where PROVISION is billed, to when it is given back, with minimum and rounding
 * as above. Of that time the replicas' starts are told apart (PULL to RESTORE), and PROVISION; identity:
 *     sum(gpu_ns) + reserved_gpu_ns == reserved_gpus * sum over nodes of the time billed
 * KW_ERANGE on overflow or a window <= 0; KW_EFAIL where more is billed than all replicas always on, draining ones apart; *u is unchanged on failure. */
enum kw_status kw_usage_from_ledger(struct kw_usage *u, const struct kw_ledger *l, const struct kw_meter *m,
                                    enum kw_kind kind, uint32_t gpus, uint32_t reserved_gpus, kw_ns window,
                                    struct kw_error *err);

/* What units bought of an API and their use add to its usage, which kw_usage_from_ledger made. Used is
 *     1e6 * weighted tokens / (tokens a unit carries in the window), of the rule split the larger of input and output,
 * rounded down. KW_ERANGE on overflow, *u unchanged. */
enum kw_status kw_usage_units(struct kw_usage *u, const struct kw_units_bought *b, struct kw_error *err);

/* Each output token, carried by units or not, sends so many bytes out. KW_ERANGE on overflow, *u unchanged. */
enum kw_status kw_usage_egress(struct kw_usage *u, uint32_t bytes_per_token, struct kw_error *err);

/* The usage of n deployments like it side by side, n >= 0, each quantity rounded to the nearest. KW_ERANGE on overflow, *u
 * unchanged. */
enum kw_status kw_usage_times(struct kw_usage *u, double n, struct kw_error *err);

/* GPUs a serverless replica of tp GPUs is billed for: tp rounded up to a multiple of what the offer sells. */
uint32_t kw_gpus_per_replica(const struct kw_gpu_offer *o, uint32_t tp);
/* GPUs rented for `replicas` dedicated replicas of tp GPUs: whole nodes of gpus_min, each holding as many replicas as
 * fit. */
uint32_t kw_gpus_rented(const struct kw_gpu_offer *o, uint32_t tp, uint32_t replicas);

#endif
