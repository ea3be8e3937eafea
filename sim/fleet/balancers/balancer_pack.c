/* sim/fleet/balancers/balancer_pack.c - the most loaded that is not full yet, so that the others fall idle and are
 * released; of equals the one that has had it for the shortest time. Once all are full: least outstanding. O(fill). */
#include "sim/fleet/balancers/balancer.h"

/* From the fullest level with room down: as many looks as there are levels of load. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)prefix, (void)routing;
    uint32_t level = b->fill < b->levels ? b->fill : b->levels;
    while (level-- > b->least)
        if (b->tail[level] != KW_NO_REPLICA) return b->tail[level];
    return kw_balancer_least(b);
}

const struct kw_balance_policy kw_balancer_pack = { .ranked = true, .pick = pick };
