/* sim/fleet/balancers/balancer_least_outstanding.c - the least load; of equals the one that has had it longest. */
#include "sim/fleet/balancers/balancer.h"

/* Constant time amortised: replicas hang in lists by load. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)prefix, (void)routing;
    return kw_balancer_least(b);
}

const struct kw_balance_policy kw_balancer_least_outstanding = { .ranked = true, .pick = pick };
