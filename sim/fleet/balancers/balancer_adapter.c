/* sim/fleet/balancers/balancer_adapter.c - the replica that last served a request's LoRA adapter, unless its load would pass 1.25
 * times the mean (bounded loads: Mirrokni, Thorup, Zadimoghaddam, SODA 2018); else least outstanding. */
#include "sim/fleet/balancers/balancer.h"
#include "sim/fleet/balancers/served.h"

/* One look and one write; no list of replicas is walked. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)routing;
    uint64_t served_then;
    uint32_t r = prefix.n ? kw_served_by(b, prefix.hash[0], &served_then) : KW_NO_REPLICA;
    /* ceil(1.25 * mean), the request itself counted */
    uint64_t most = (5 * (b->total + 1) + 4 * b->n - 1) / (4 * (uint64_t)b->n);
    if (r == KW_NO_REPLICA || b->load[r] + 1 > most || b->load[r] >= b->limit) r = kw_balancer_least(b);
    if (prefix.n) kw_served_note(b, prefix.hash[0], r);
    return r;
}

const struct kw_balance_policy kw_balancer_adapter = { .ranked = true, .begin = kw_served_begin, .pick = pick };
