/* sim/fleet/balancers/balancer.h - which ready replica takes the next request: one interface, one small file a policy.
 * The load of a replica is every request it holds, running ones too: counting only the waiting ones sends all ties to
 * replica 0 (PEERS.md, Vidur's "lor").
 *
 * What every policy may use is kept here: the ready replicas in the order in which they became ready, their loads, and,
 * for policies that ask for it, a list of the replicas of each load with the one that has had it for the longest in
 * front. Picking and changing a load are O(1); joining and leaving are O(replicas), once a life. */
#ifndef KW_SIM_FLEET_BALANCERS_BALANCER_H
#define KW_SIM_FLEET_BALANCERS_BALANCER_H
#include <assert.h>
#include "sim/core/rng.h"
#include "sim/fleet/deployment.h"
#include "sim/fleet/prefix.h"

#define KW_NO_REPLICA UINT32_MAX

struct kw_balancer;
struct kw_balance_policy {
    bool ranked;             /* wants the lists by load */
    bool ranked_when_capped; /* wants them where a replica can be full */
    bool weighs;             /* weighs tokens: kw_balancer_awaits and _answers are to be called */
    bool room_bits;          /* wants, where a replica can be full, the bit of every place that has room */
    enum kw_status (*begin)(struct kw_balancer *b, struct kw_error *err); /* NULL: nothing to prepare */
    /* Who takes the next request. At least one ready replica has room, and the answer has. */
    uint32_t (*pick)(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing);
};

struct kw_balancer {
    const struct kw_balance_policy *policy;
    uint32_t limit;  /* requests a replica takes at once; UINT32_MAX = any number */
    uint32_t fill;   /* pack: requests at which a replica counts as full, at most limit; set after begin */
    bool ranked;     /* the lists by load are kept */
    bool room_bits;  /* the bits are kept */
    uint32_t n;      /* ready replicas */
    uint32_t n_room; /* of them, with load < limit */
    uint64_t total;  /* sum of their loads */
    uint32_t cap;
    uint32_t *ready;        /* [n] replica numbers in the order in which they became ready */
    uint32_t *place;        /* [cap] by replica: index into ready */
    uint32_t *load;         /* [cap] by replica */
    uint32_t *prev, *next;  /* [cap] by replica: its neighbours in the list of its load */
    uint32_t levels, least; /* lists; the least load of any ready replica (when ranked and n > 0) */
    uint32_t *head, *tail;  /* [levels] by load */
    uint64_t *room;         /* bit set by place: has room */
    uint32_t turn;          /* round robin: place of the next one in turn */
    /* prefix and adapter */
    struct kw_served *served; /* who last served a block: served.h; NULL without */
    uint64_t *taken,
        *awaited; /* [cap] by replica: tokens it was given to compute in its life; before first tokens to come */
    uint64_t room_tokens; /* that a replica's cache holds; set after begin, as the next */
    uint32_t min_match;   /* tokens of a prefix that count as a match */
    uint64_t computes;    /* of the last pick: tokens the replica has to compute for it */
};

extern const struct kw_balance_policy kw_balancer_round_robin, kw_balancer_least_outstanding, kw_balancer_power_of_two,
    kw_balancer_prefix, kw_balancer_pack, kw_balancer_random, kw_balancer_adapter;

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

/* Ready replica r was given tokens to compute before a first token; and that has come, or the request has left before. */
static inline void kw_balancer_awaits(struct kw_balancer *b, uint32_t r, uint64_t tokens)
{
    b->awaited[r] += tokens;
}
static inline void kw_balancer_answers(struct kw_balancer *b, uint32_t r, uint64_t tokens)
{
    assert(b->awaited[r] >= tokens);
    b->awaited[r] -= tokens;
}

/* The ready replica with the least load, the one that has had it longest; KW_NO_REPLICA when none. Only when ranked. */
static inline uint32_t kw_balancer_least(const struct kw_balancer *b)
{
    assert(b->ranked && (!b->n || b->head[b->least] != KW_NO_REPLICA));
    return b->n ? b->head[b->least] : KW_NO_REPLICA;
}

/* Who takes a request with this prefix; KW_NO_REPLICA when none has room. */
static inline uint32_t kw_balancer_pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    if (!b->n_room) return KW_NO_REPLICA;
    uint32_t r = b->policy->pick(b, prefix, routing);
    assert(b->load[r] < b->limit && b->ready[b->place[r]] == r);
    return r;
}

#endif
