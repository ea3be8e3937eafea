/* sim/fleet/balancers/balancer_random.c - any replica that has room, each as likely, whatever it holds: a plain
 * Kubernetes service (kube-proxy in iptables mode), SageMaker's default. */
#include "sim/fleet/balancers/balancer.h"

/* The k-th place from 0 that has room. */
static uint32_t place_with_room(const struct kw_balancer *b, uint32_t k)
{
    uint32_t w = 0;
    for (uint32_t n; k >= (n = (uint32_t)__builtin_popcountll(b->room[w])); w++) k -= n;
    uint64_t bits = b->room[w];
    while (k--) bits &= bits - 1;
    return w * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* Constant time, or a walk over the words of a bitmap where some replicas are full. One draw, whatever it says. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)prefix;
    uint32_t k = (uint32_t)((kw_i128)(kw_rng_u64(routing) >> 1) * b->n_room >> 63);
    return b->ready[b->room_bits ? place_with_room(b, k) : k];
}

const struct kw_balance_policy kw_balancer_random = { .room_bits = true, .pick = pick };
