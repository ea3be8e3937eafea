/* sim/fleet/balancers/balancer_round_robin.c - the next in turn that has room. */
#include "sim/fleet/balancers/balancer.h"

/* The first place at or after `at` whose bit is set, else the first of all: 64 places a look. */
static uint32_t next_with_room(const struct kw_balancer *b, uint32_t at)
{
    uint32_t words = (b->n + 63) / 64, w = at / 64;
    uint64_t bits = b->room[w] & ~UINT64_C(0) << at % 64;
    for (uint32_t seen = 0; seen <= words; seen++) {
        if (w == words - 1 && b->n % 64) bits &= ~(~UINT64_C(0) << b->n % 64);
        if (bits) break;
        w = w + 1 == words ? 0 : w + 1;
        bits = b->room[w];
    }
    return w * 64 + (uint32_t)__builtin_ctzll(bits);
}

static enum kw_status begin(struct kw_balancer *b, struct kw_error *err)
{
    (void)err;
    b->turn = 0;
    return KW_OK;
}

/* Constant time, or a walk over the words of a bitmap where some replicas are full. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)prefix, (void)routing;
    uint32_t at = b->turn < b->n ? b->turn : 0;
    if (b->room_bits) at = next_with_room(b, at);
    b->turn = at + 1;
    return b->ready[at];
}

const struct kw_balance_policy kw_balancer_round_robin = { .room_bits = true, .begin = begin, .pick = pick };
