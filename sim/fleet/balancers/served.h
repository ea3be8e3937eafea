/* sim/fleet/balancers/served.h - who last served a block (or an adapter), as a router remembers it: a table of fixed size without
 * chains, where a newer one takes an older one's slot. For policies alone. */
#ifndef KW_SIM_FLEET_BALANCERS_SERVED_H
#define KW_SIM_FLEET_BALANCERS_SERVED_H
#include "sim/fleet/balancers/balancer.h"

enum { KW_SERVED_SLOTS = 65536 }; /* 1.5 MiB a pool */

struct kw_served {
    uint64_t hash, then; /* kw_balancer.taken of the replica when it was served */
    uint32_t replica;
};

/* A table without entries. KW_ENOMEM. */
enum kw_status kw_served_begin(struct kw_balancer *b, struct kw_error *err);

static inline struct kw_served *kw_served_slot(const struct kw_balancer *b, uint64_t hash)
{
    return &b->served[kw_mix64(hash) % KW_SERVED_SLOTS];
}

/* The ready replica that last served it, and *then; KW_NO_REPLICA when nobody did, or it has gone. */
static inline uint32_t kw_served_by(const struct kw_balancer *b, uint64_t hash, uint64_t *then)
{
    const struct kw_served *s = kw_served_slot(b, hash);
    uint32_t r = s->replica;
    if (r == KW_NO_REPLICA || s->hash != hash) return KW_NO_REPLICA;
    bool ready = r < b->cap && b->place[r] < b->n && b->ready[b->place[r]] == r;
    *then = s->then;
    return ready ? r : KW_NO_REPLICA;
}

static inline void kw_served_note(struct kw_balancer *b, uint64_t hash, uint32_t r)
{
    *kw_served_slot(b, hash) = (struct kw_served){ .hash = hash, .then = b->taken[r], .replica = r };
}

#endif
