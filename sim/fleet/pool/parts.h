/* sim/fleet/pool/parts.h - what the files of the pool share and nobody else includes. Each part is a file:
 *
 *     lives      phases of a replica, and what a life leaves in the ledger when it ends
 *     nodes      the rented machines they stand on, where those come and go
 *     idle_list  which idle replicas are held and which are surplus and run into their timeout
 *     starts     replicas on their way to ready: order, phases, failures, calling off
 *     dispatch   requests onto replicas and off them
 *     scaling    from signals to starts and stops
 *     timeouts   requests that have waited, or run, for too long
 *
 * A part calls those above it; dispatch and timeouts know each other, since a request on a replica starts a clock.
 * pool.c calls them all: the beginning, the end, and what each event of the loop means. */
#ifndef KW_SIM_FLEET_POOL_PARTS_H
#define KW_SIM_FLEET_POOL_PARTS_H
#include <assert.h>
#include "sim/fleet/pool/pool.h"

#define NONE UINT32_MAX /* no replica, in a list of them */

/* A request waits here or is on a replica. */
static inline bool kw_pool_active(const struct kw_pool *p)
{
    return p->g.queued + p->g.in_flight > 0;
}

/* The present phase ends now and another begins. */
static inline void kw_lives_phase(struct kw_pool_replica *r, enum kw_phase phase, kw_ns now)
{
    assert(now >= r->since && r->phase < KW_PHASES);
    r->life.phase[r->phase] += now - r->since;
    r->since = now;
    r->phase = (uint8_t)phase;
}

/* A life at the end of *v, and what came of it before the window (NULL: nothing). KW_ENOMEM: unchanged. */
enum kw_status kw_lives_append(struct kw_life **v, uint64_t *n, struct kw_life_before **before, uint64_t *before_n,
                               const struct kw_life *life, const struct kw_life_before *past, struct kw_error *err);
/* The part so far of a life under way when a window begins is added to its `before`. */
void kw_lives_open(struct kw_pool_replica *r, kw_ns now);
/* Ends, in the ledger while the window is open. KW_EFAIL when its phases do not add up to it. */
enum kw_status kw_lives_end(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now, struct kw_error *err);
/* What the engine of a life that ends counted, and that it holds nothing any more. */
enum kw_status kw_lives_end_engine(struct kw_pool *p, struct kw_pool_replica *r, struct kw_error *err);
/* The life ends and the replica's number is free for another. */
enum kw_status kw_lives_gone(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err);

/* For a run: no node. */
void kw_nodes_begin(struct kw_pool *p);
void kw_nodes_free(struct kw_pool *p);
/* Replica k, whose start was just drawn, gets a place (or keeps its own), and its start the times that go with it. */
enum kw_status kw_nodes_place(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err);
/* Its place is free. */
void kw_nodes_leave(struct kw_pool *p, uint32_t k, kw_ns now);
/* A window opens (before lives are counted), or closes (while they still are). */
void kw_nodes_open(struct kw_pool *p, kw_ns now);
enum kw_status kw_nodes_close(struct kw_pool *p, kw_ns now, struct kw_error *err);
/* A fingerprint of the node that replica k is on; of those that hold none. */
uint64_t kw_nodes_state(const struct kw_pool *p, uint32_t k, kw_ns now);
uint64_t kw_nodes_empty_state(const struct kw_pool *p, kw_ns now);

/* Replica k has nothing to do: newest in the list, held until kw_idle_list_settle says otherwise. */
void kw_idle_list_push(struct kw_pool *p, uint32_t k, kw_ns now);
/* Idle no more: it has work or stops. */
void kw_idle_list_take(struct kw_pool *p, uint32_t k);
/* Moves the border between surplus and held so that the newest idle replicas are held as the rule says. */
void kw_idle_list_settle(struct kw_pool *p, kw_ns now);
/* One replica alone is alive. */
bool kw_idle_list_last(const struct kw_pool *p);
/* When surplus replica r has to go, and the event for it. */
kw_ns kw_idle_list_deadline(const struct kw_pool *p, const struct kw_pool_replica *r);
void kw_idle_list_arm(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now);

/* The floor's replicas, ready at time 0. */
enum kw_status kw_starts_floor(struct kw_pool *p, struct kw_error *err);
/* A start begins. cold: because requests wait. */
enum kw_status kw_starts_order(struct kw_pool *p, bool cold, kw_ns now, struct kw_error *err);
/* A phase of k's start is over. *ready: it was the last one, and k is ready and idle. */
enum kw_status kw_starts_phase_over(struct kw_pool *p, uint32_t k, kw_ns now, bool *ready, struct kw_error *err);
enum kw_status kw_starts_cancel_newest(struct kw_pool *p, kw_ns now, struct kw_error *err);
/* The same of a machine on demand that stands in for a spot one. *found: one was starting, and is called off. */
enum kw_status kw_starts_order_standin(struct kw_pool *p, kw_ns now, struct kw_error *err);
enum kw_status kw_starts_cancel_standin(struct kw_pool *p, kw_ns now, bool *found, struct kw_error *err);

/* What the balancer may know a request by: its prompt's prefix, or its adapter. Valid until it is asked again. */
struct kw_prefix kw_pool_affinity(struct kw_pool *p, uint32_t flight);
/* The request goes to replica k, which is ready and has room. */
enum kw_status kw_dispatch_to(struct kw_pool *p, uint32_t flight, uint32_t k, kw_ns now, struct kw_error *err);
/* The waiting ones go to replicas, first come first served, while any has room. */
enum kw_status kw_dispatch_waiting(struct kw_pool *p, kw_ns now, struct kw_error *err);
/* A request on a replica has its first token, or leaves without. */
void kw_dispatch_answers(struct kw_pool *p, struct kw_inflight *f);
/* One request less on replica k. */
void kw_dispatch_left(struct kw_pool *p, uint32_t k);
/* Requests have left replica k: who waits takes their place, else it is idle or, drained, gone. */
enum kw_status kw_dispatch_after_left(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err);
/* Draining replica k goes now, and what it still has is cut off: its clients may try again. */
enum kw_status kw_dispatch_take_away(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err);
/* The event of the replica's next step end, as it now is. */
void kw_dispatch_arm(struct kw_pool *p, struct kw_pool_replica *r);

/* The autoscaler's answer becomes starts and stops. turned_away: a request met zero replicas and does not wait. */
enum kw_status kw_scaling_ask(struct kw_pool *p, enum kw_scaler_cause cause, bool turned_away, kw_ns now,
                              struct kw_error *err);
/* The floor is another one from now on: what is missing starts, what is too many goes by the platform's rule. */
enum kw_status kw_scaling_floor(struct kw_pool *p, uint32_t floor, kw_ns now, struct kw_error *err);
/* What follows every arrival, and every departure: floors and buffers change with the load, and the policy may want to
 * know. */
enum kw_status kw_scaling_after_arrival(struct kw_pool *p, bool turned_away, kw_ns now, struct kw_error *err);
enum kw_status kw_scaling_after_leaving(struct kw_pool *p, kw_ns now, struct kw_error *err);
/* With d->spot.fallback: as many machines on demand stand in, starting or ready, as spot ones are not ready. */
enum kw_status kw_scaling_standins(struct kw_pool *p, kw_ns now, struct kw_error *err);
/* Replica k, ready, stops: at once when idle, else it drains. */
enum kw_status kw_scaling_stop(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err);

/* Somebody waits: the event for the head of the queue, when there is none yet. */
void kw_timeouts_watch_queue(struct kw_pool *p);
/* The flight is on a replica now: with a request timeout it is remembered until it leaves or the time is up. */
enum kw_status kw_timeouts_watch_replica(struct kw_pool *p, uint32_t flight, struct kw_error *err);

#endif
