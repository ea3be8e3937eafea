/* engine/scheduler/host_tier.h - the second tier of the prefix cache: which KV blocks lie in the host's memory. Internal to the
 * scheduler; it knows names of blocks and no bytes or times.
 *
 * The least recently used block leaves where a new one finds no room. Whoever stores or reads a run of blocks does so from
 * its last block to its first, so a run loses its last blocks first and what is left can be found from its start.
 * Source: vLLM's v1/kv_offload/lru_manager.py @3a04cf8f (touch goes through the blocks in reverse). */
#ifndef KW_ENGINE_SCHEDULER_HOST_TIER_H
#define KW_ENGINE_SCHEDULER_HOST_TIER_H
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/status.h"

struct kw_host_tier {
    uint32_t most, n; /* blocks it may hold, and holds; most 0: there is none */
    struct kw_host_block {
        uint64_t key;
        uint32_t older, newer;
    } * block; /* [cap] */
    uint32_t cap, oldest, newest;
    uint32_t *map; /* [map_cap] open addressing: the block of a key; at most half full */
    uint32_t map_cap;
    uint64_t reserved; /* blocks that live sequences may still store */
};

void kw_host_tier_init(struct kw_host_tier *t, uint32_t most); /* takes no memory */
void kw_host_tier_free(struct kw_host_tier *t);                /* safe to call again */
void kw_host_tier_reset(struct kw_host_tier *t);               /* empty, memory kept */

/* Takes memory for a sequence that stores n blocks at most; KW_ENOMEM: unchanged. What was reserved is given up with it. */
enum kw_status kw_host_tier_reserve(struct kw_host_tier *t, uint32_t n, struct kw_error *err);
void kw_host_tier_unreserve(struct kw_host_tier *t, uint32_t n);

bool kw_host_tier_has(const struct kw_host_tier *t, uint64_t key); /* O(1) */
/* The block is the newest from now on: stored if it is not there, and the oldest leaves if it finds no room. O(1). */
void kw_host_tier_put(struct kw_host_tier *t, uint64_t key);

bool kw_host_tier_check(const struct kw_host_tier *t, struct kw_error *err); /* every invariant, O(blocks) */

#endif
