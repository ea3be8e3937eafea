/* sim/cost/usage.h - what a deployment consumed as its platform's meter counts it: exact quantities, no prices. Saved with
 * every result, so `keepwarm reprice` needs no simulation. */
#ifndef KW_COST_USAGE_H
#define KW_COST_USAGE_H
#include "platforms/platform.h"
#include "sim/fleet/fleet.h"

struct kw_usage {
    enum kw_kind kind;
    kw_ns window;              /* observation window the quantities belong to; a month is scaled from it */
    uint32_t tp;               /* GPUs in one replica */
    int64_t gpu_ns[KW_PHASES]; /* billed GPU-ns by phase (replica-ns * tp); 0 where the meter does not count the phase */
    int64_t rounding_gpu_ns;   /* added by rounding each life up to the granularity */
    int64_t minimum_gpu_ns;    /* added by the minimum charge of each life */
    int64_t unbilled_gpu_ns;   /* replica life the meter does not count */
    int64_t reserved_gpu_ns;   /* dedicated: replicas * tp * window, used or not */
    int64_t requests, tokens_in, tokens_cached, tokens_cache_write, tokens_out; /* api: billed tokens; in excludes cached */
};

/* Bills each life of the ledger by the meter: sum(billed) + unbilled - rounding - minimum == tp * sum of lives, exactly.
 * KW_ERANGE on overflow. end: the outcome's end. */
enum kw_status kw_usage_from_ledger(struct kw_usage *u, const struct kw_ledger *l, const struct kw_meter *m,
                                    enum kw_kind kind, uint32_t tp, uint32_t replicas, kw_ns window,
                                    struct kw_error *err);

#endif
