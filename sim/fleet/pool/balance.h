/* sim/fleet/pool/balance.h - which ready replica takes the next request. The load of a replica is every request it
 * holds, running ones too: counting only the waiting ones sends all ties to replica 0 (PEERS.md, Vidur's "lor").
 *
 * Picking and changing a load are O(1): replicas of equal load stand in one list, the one that has had that load for
 * the longest in front. Joining and leaving are O(replicas), once a life. */
#ifndef KW_SIM_FLEET_POOL_BALANCE_H
#define KW_SIM_FLEET_POOL_BALANCE_H
#include "sim/core/rng.h"
#include "sim/fleet/fleet.h"

#define KW_NO_REPLICA UINT32_MAX

struct kw_balancer {
    enum kw_balance kind;
    uint32_t limit;  /* requests a replica takes at once; UINT32_MAX = any number */
    bool ranked;     /* the lists by load are kept */
    uint32_t n;      /* ready replicas */
    uint32_t n_room; /* of them, with load < limit */
    uint64_t total;  /* sum of their loads */
    uint32_t turn;   /* round robin: place of the next one in turn */
    uint32_t cap;
    uint32_t *ready;        /* [n] replica numbers in the order in which they became ready */
    uint32_t *place;        /* [cap] by replica: index into ready */
    uint32_t *load;         /* [cap] by replica */
    uint32_t *prev, *next;  /* [cap] by replica: its neighbours in the list of its load */
    uint32_t levels, least; /* lists; the least load of any ready replica (when ranked and n > 0) */
    uint32_t *head, *tail;  /* [levels] by load */
    uint64_t *room;         /* bit set by place: has room (only with a limit and round robin) */
    uint64_t *prefix_hash;  /* [KW_PREFIX_SLOTS] prefix affinity: who last served a prefix block; NULL without */
    uint32_t *prefix_replica;
};

#define KW_PREFIX_SLOTS 65536u

void kw_balancer_init(struct kw_balancer *b);
void kw_balancer_free(struct kw_balancer *b);
/* No replica is ready; memory kept. ranked: the caller wants kw_balancer_least whatever the kind. */
enum kw_status kw_balancer_begin(struct kw_balancer *b, enum kw_balance kind, uint32_t limit, bool ranked,
                                 struct kw_error *err);

/* Replica r is ready, with no load; or is not any more. KW_ENOMEM: unchanged. */
enum kw_status kw_balancer_join(struct kw_balancer *b, uint32_t r, struct kw_error *err);
void kw_balancer_leave(struct kw_balancer *b, uint32_t r);

/* r's load changes by one. */
enum kw_status kw_balancer_up(struct kw_balancer *b, uint32_t r, struct kw_error *err);
void kw_balancer_down(struct kw_balancer *b, uint32_t r);

/* Who takes a request with these prefix hashes ([n_hash], NULL allowed); KW_NO_REPLICA when none has room.
 *   round robin         the next in turn that has room
 *   least outstanding   the least load; of equals the one that has had it longest
 *   power of two        the lesser load of two drawn at random (Mitzenmacher, IEEE TPDS 12(10), 2001); of equals the
 *                       first drawn; both full: least outstanding
 *   prefix              the one that last served the longest prefix known, unless its load would pass 1.25 times the
 *                       mean (bounded loads: Mirrokni, Thorup, Zadimoghaddam, SODA 2018); else least outstanding */
uint32_t kw_balancer_pick(struct kw_balancer *b, const uint64_t *hash, uint32_t n_hash, struct kw_rng *routing);

/* The ready replica with the least load, the one that has had it longest; KW_NO_REPLICA when none. Only when ranked. */
uint32_t kw_balancer_least(const struct kw_balancer *b);

#endif
