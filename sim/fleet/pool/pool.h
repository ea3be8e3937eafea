/* sim/fleet/pool/pool.h - a deployment's replicas and the queue in front of them.
 *
 * Life of a replica: provision -> pull -> load -> init (or restore) -> ready -> drain -> gone; cold_start.h draws how
 * long the phases of its start take. The keep_warm floor, as it is at time 0 of the run (floor.h), is ready then and
 * draws nothing; the window opens then or, after a warm-up, later. A start that fails ends its life after its last phase, all of it FAILED_START,
 * and a new start follows at once.
 *
 * Idle replicas stand in the order in which they became idle. The newest ones are held, phase KEEP_WARM, as many as
 *     max(keep_warm - busy replicas, buffer_replicas while any request is in the pool);
 * the older ones are surplus, phase IDLE, and stop idle_timeout after they became idle (the last replica of all:
 * zero_timeout), never before min_up has passed since their start. That is the platforms' own rule: idle for the whole
 * window, and more alive than the floor asks for.
 *
 * Spot machines (d->spot) are interrupted: from ready on, each after an exponential time. From the notice on it takes no
 * new request and another one starts; what it still has when the notice is over is cut off, and the clients try again.
 * A replica counts as a machine of its own, even where several share a node; where nodes come and go (d->node) there is
 * no spot. With d->spot.fallback one rented on demand is ordered at the notice too, and stops once as many spot ones are
 * ready as are wanted: SkyServe's dynamic_ondemand_fallback (docs.skypilot.co, serving/spot-policy).
 *
 * A public model's replicas are other customers' too (d->others_per_hour): a start ordered while none of ours is alive finds one
 * ready with the probability of pooled.h, takes no time then and is no start. It is drawn from a stream of its own, once for
 * each such start, so the k-th one draws the same at any rate.
 *
 * A request is cold when it is served by a replica that became ready only after the request arrived.
 * Events at equal times: arrivals, then step ends in order of replica, then timers first in, first out. */
#ifndef KW_SIM_FLEET_POOL_POOL_H
#define KW_SIM_FLEET_POOL_POOL_H
#include "sim/fleet/balancers/balancer.h"
#include "sim/fleet/deployment.h"
#include "sim/fleet/replica.h"
#include "sim/fleet/ring.h"
#include "sim/fleet/scalers/scaler.h"
#include "sim/fleet/pool/cold_start.h"
#include "sim/fleet/run_context.h"

#define KW_POOL_MAX_REPLICAS 100000 /* of one deployment, starting and draining ones too */
static_assert(KW_POOL_MAX_REPLICAS <= KW_TAG_NUMBERS, "an event's tag holds a replica's number");

enum kw_replica_state { KW_REPLICA_GONE, KW_REPLICA_STARTING, KW_REPLICA_READY, KW_REPLICA_DRAINING };

struct kw_pool_replica {
    struct kw_replica *engine; /* owned; made at the first life, kept for the next ones and for the next run */
    kw_ns born;                /* when its start was ordered */
    kw_ns since;               /* begin of the present phase */
    kw_ns ready_at, idle_since;
    uint32_t run_id, life_id; /* its events */
    uint32_t interruption_id; /* of a spot machine */
    uint32_t prev, next;      /* neighbours among the idle ones */
    uint8_t state, phase;
    uint32_t node;                /* it stands on, where nodes come and go */
    bool idle, held;              /* held: idle by keep_warm or buffer */
    bool standin;                 /* on demand in the place of a spot machine: never interrupted */
    struct kw_start start;        /* of this life; a replica of the floor at time 0 had none */
    struct kw_life life;          /* on the run's clock; the part inside the window once that has begun */
    struct kw_life_before before; /* the part of the life before the window */
    bool straddles;               /* there is one */
};

/* Nodes are rented machines, each with places for so many replicas (kw_deployment.node). A start that finds
 * no free place orders a node; the others that fit wait for it too. A node without a replica is given back node.idle
 * later, never before it was there. A place is free when its replica is gone, draining ones are not.
 *
 * Who gets the place: a node that is there before one on its way, then the fullest, then the oldest number. The image is
 * pulled once a node; a later start there waits for that pull at the most. A start that fails begins again in its place.
 * Not modelled: replicas are never moved to empty a node, and one that waits for a node does not take a place that falls
 * free elsewhere meanwhile.
 *
 * A node's life in the ledger: PROVISION until it is there, then ACTIVE while a replica is on it, IDLE while none is. */
struct kw_node {
    bool rented, straddles; /* straddles: the window's begin */
    uint32_t replicas, event_id;
    kw_ns ordered;
    kw_ns up_at;    /* from here on it takes replicas */
    kw_ns image_at; /* from here on the image is there; KW_NEVER: nobody has asked for it */
    kw_ns since;    /* up to here it is in its life */
    struct kw_life life;
    struct kw_life_before before;
};

struct kw_nodes {
    struct kw_node *v; /* [n], owned */
    uint32_t n, rented;
};

struct kw_pool {
    const struct kw_deployment *d; /* borrowed for the run, like the next two */
    struct kw_run_context *w;
    struct kw_ledger *ledger;
    uint32_t index;            /* of the deployment */
    enum kw_stepping stepping; /* what the engines were made for, with the next three */
    struct kw_sched_config made_for;
    const struct kw_steptime *made_with;
    uint32_t made_ranks;
    struct kw_disaggregated made_apart; /* engines point to it */
    struct kw_hist *itl;
    uint32_t limit; /* requests a replica takes at once, UINT32_MAX: the engine decides */
    struct kw_signals g;
    struct kw_autoscaler scaler;
    struct kw_balancer balancer;
    struct kw_nodes nodes;
    struct kw_pool_replica *r; /* [n] */
    uint32_t n, cap;
    uint32_t *spare; /* [n_spare] gone replicas, a stack */
    uint32_t n_spare;
    uint32_t *starting;                        /* [g.starting] replicas in the order of their starts */
    uint32_t idle_head, idle_tail, first_held; /* idle list; first_held and all after it are held */
    uint32_t n_idle, n_held;
    struct kw_ring queue; /* waiting at the platform, in the order of their tries */
    struct kw_ring
        on_replicas; /* with a request timeout: flight, place and try of each on a replica; those gone meanwhile
                                   are skipped */
    uint32_t scaler_id, queue_id, request_id, floor_id; /* events */
    uint32_t exist;                                     /* replicas not gone */
    kw_ns opens;         /* the first window's begin on the run's clock; for the k-th one, k windows before its own */
    bool opened, closed; /* the window has begun; is over. Lives are kept in between */
    uint32_t standins, ready_standins; /* of those on demand: starting or ready, ready */
    struct kw_cold_start standin_cold; /* their starts, drawn from streams of their own */
    struct kw_start_streams start_streams, standin_streams;
    struct kw_rng routing, retry, interruption, adapters, others;
    uint64_t luck;         /* of the run: what is random about a request itself comes from it and the request */
    double found_warm;     /* the probability that a request which meets no replica finds one of others, pooled.h */
    uint64_t adapter_hash; /* of kw_pool_affinity */
    bool beyond;           /* kw_fleet_options */
    uint64_t *cut_off;     /* [cut_off_cap] scratch: requests of a replica that is taken */
    uint32_t cut_off_cap;
};

void kw_pool_init(struct kw_pool *p);
void kw_pool_free(struct kw_pool *p);

/* The deployment is consistent and can run on this trace. KW_ERANGE with a message that names it. */
enum kw_status kw_pool_check(const struct kw_deployment *d, const struct kw_trace *trace, struct kw_error *err);

/* Time 0 of a run: the floor is ready. All pointers are borrowed until kw_pool_end. */
enum kw_status kw_pool_begin(struct kw_pool *p, struct kw_run_context *w, const struct kw_deployment *d, uint32_t index,
                             const struct kw_fleet_options *opt, struct kw_hist *itl, struct kw_error *err);

/* The window begins: what was counted so far is forgotten, lives under way count from here. And it is over: the part
 * inside of every life that goes on is in the ledger; the pool goes on serving and counts no life any more. */
void kw_pool_open(struct kw_pool *p, kw_ns now);
/* Another window begins, and what it brings is added to the ledger's `counted` ns of windows. */
void kw_pool_reopen(struct kw_pool *p, kw_ns now, kw_ns counted);
/* Between two events: a fingerprint of all that decides what comes next, but for the requests under way and what is
 * drawn; what is older than memory ns is old. And whether another run of the same would draw other replicas' fates. */
uint64_t kw_pool_state(const struct kw_pool *p, kw_ns now, kw_ns memory);
bool kw_pool_draws(const struct kw_pool *p);
enum kw_status kw_pool_close(struct kw_pool *p, kw_ns now, struct kw_error *err);
/* Requests that wait here, for a replica or inside one for their first step. */
uint64_t kw_pool_waiting(const struct kw_pool *p);

/* A try of a request reaches the platform. */
enum kw_status kw_pool_offer(struct kw_pool *p, uint32_t flight, kw_ns now, struct kw_error *err);
/* A request was sent elsewhere because nothing is ready here: the autoscaler sees it all the same. */
enum kw_status kw_pool_note_diverted(struct kw_pool *p, kw_ns now, struct kw_error *err);

/* The event on top of the queue is of this kind and for this pool (and replica). */
enum kw_status kw_pool_run(struct kw_pool *p, uint32_t replica, kw_ns now, struct kw_error *err);
enum kw_status kw_pool_life(struct kw_pool *p, uint32_t replica, kw_ns now, struct kw_error *err);
enum kw_status kw_pool_node(struct kw_pool *p, uint32_t node, kw_ns now, struct kw_error *err); /* without a replica for
                                                                                                   too long: it goes */
enum kw_status kw_pool_interruption(struct kw_pool *p, uint32_t replica, kw_ns now, struct kw_error *err);
enum kw_status kw_pool_scale(struct kw_pool *p, kw_ns now, struct kw_error *err);
enum kw_status kw_pool_floor(struct kw_pool *p, kw_ns now, struct kw_error *err);
enum kw_status kw_pool_queue_timeout(struct kw_pool *p, kw_ns now, struct kw_error *err);
enum kw_status kw_pool_request_timeout(struct kw_pool *p, kw_ns now, struct kw_error *err);

/* Replica-ns in the phases asked for that the window will have had at its end, at the least: what was used so far (of a
 * start under way nothing is counted), and from now on the kept replicas where nothing makes a start fail, or what
 * the traffic keeps, `rest`. */
kw_ns kw_pool_used(const struct kw_pool *p, const bool counts[KW_PHASES], kw_ns now, kw_ns closes, kw_ns rest);

/* For how long after a request came some replica is there, and in the phases asked for, if one was ready when it came or has been
 * since: nothing but its idle timeout stops a replica, and that begins no sooner than the request that it had last; or the
 * policy takes all but one, which waits for zero_timeout without any. 0: not known. */
kw_ns kw_pool_patience(const struct kw_pool *p, const bool counts[KW_PHASES]);
/* After a request comes to a pool with such a patience some replica is ready within so long, though none was; KW_NEVER: that is not
 * certain. */
kw_ns kw_pool_longest_start(const struct kw_pool *p);

/* The run is over: every replica ends here. KW_EFAIL when a life does not add up, a replica that holds no
 * request still holds KV blocks, or the pool's running counts differ from what they count. */
enum kw_status kw_pool_end(struct kw_pool *p, kw_ns end, struct kw_error *err);

#endif
