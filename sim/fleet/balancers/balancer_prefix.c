/* sim/fleet/balancers/balancer_prefix.c - the replica that last served the longest prefix known, unless its load would
 * pass 1.25 times the mean (bounded loads: Mirrokni, Thorup, Zadimoghaddam, SODA 2018); else least outstanding.
 *
 * Who served what is a table of fixed size without chains, as a router's is: a newer block takes an older one's slot.
 */
#include <stdlib.h>
#include "sim/fleet/balancers/balancer.h"

#define SLOTS 65536u /* 768 KiB a pool */

static uint32_t slot_of(uint64_t hash)
{
    return (uint32_t)(kw_mix64(hash) % SLOTS);
}

static enum kw_status begin(struct kw_balancer *b, struct kw_error *err)
{
    if (!b->prefix_hash) {
        b->prefix_hash = malloc(SLOTS * sizeof *b->prefix_hash);
        b->prefix_replica = malloc(SLOTS * sizeof *b->prefix_replica);
        if (!b->prefix_hash || !b->prefix_replica) {
            free(b->prefix_hash);
            free(b->prefix_replica);
            b->prefix_hash = NULL;
            b->prefix_replica = NULL;
            return kw_fail(err, KW_ENOMEM, "load balancer: no memory for the table of prefixes");
        }
    }
    for (uint32_t i = 0; i < SLOTS; i++) b->prefix_replica[i] = KW_NO_REPLICA;
    return KW_OK;
}

/* The ready replica that last served this block; KW_NO_REPLICA when nobody did, or it has gone. */
static uint32_t last_to_serve(const struct kw_balancer *b, uint64_t hash)
{
    uint32_t slot = slot_of(hash), r = b->prefix_replica[slot];
    if (r == KW_NO_REPLICA || b->prefix_hash[slot] != hash) return KW_NO_REPLICA;
    bool ready = r < b->cap && b->place[r] < b->n && b->ready[b->place[r]] == r;
    return ready ? r : KW_NO_REPLICA;
}

/* One look a hash of the prompt, longest prefix first, and as many writes; no list of replicas is walked. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)routing;
    uint32_t r = KW_NO_REPLICA;
    for (uint32_t i = prefix.n; i-- > 0 && r == KW_NO_REPLICA;) r = last_to_serve(b, prefix.hash[i]);
    /* ceil(1.25 * mean), the request itself counted */
    uint64_t most = (5 * (b->total + 1) + 4 * b->n - 1) / (4 * (uint64_t)b->n);
    if (r == KW_NO_REPLICA || b->load[r] + 1 > most || b->load[r] >= b->limit) r = kw_balancer_least(b);
    for (uint32_t i = 0; i < prefix.n; i++) {
        uint32_t slot = slot_of(prefix.hash[i]);
        b->prefix_hash[slot] = prefix.hash[i];
        b->prefix_replica[slot] = r;
    }
    return r;
}

const struct kw_balance_policy kw_balancer_prefix = { .ranked = true, .begin = begin, .pick = pick };
