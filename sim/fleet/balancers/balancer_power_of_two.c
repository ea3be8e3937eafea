/* sim/fleet/balancers/balancer_power_of_two.c - the lesser load of two drawn at random (Mitzenmacher, IEEE TPDS 12(10),
 * 2001); of equals the first drawn; both full: least outstanding. */
#include "sim/fleet/balancers/balancer.h"

/* Constant time; the least loaded of all only where both that were drawn are full. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)prefix;
    /* Two draws a request, whatever they say: the streams of two configurations stay aligned. */
    uint64_t u = kw_rng_u64(routing), v = kw_rng_u64(routing);
    uint32_t i = (uint32_t)((kw_i128)(u >> 1) * b->n >> 63);
    uint32_t j = b->n > 1 ? (uint32_t)((kw_i128)(v >> 1) * (b->n - 1) >> 63) : i;
    if (b->n > 1 && j >= i) j++;
    uint32_t x = b->ready[i], y = b->ready[j], r = b->load[y] < b->load[x] ? y : x;
    return b->load[r] < b->limit ? r : kw_balancer_least(b);
}

const struct kw_balance_policy kw_balancer_power_of_two = { .ranked_when_capped = true, .pick = pick };
