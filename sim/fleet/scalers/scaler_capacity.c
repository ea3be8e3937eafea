/* sim/fleet/scalers/scaler_capacity.c - Modal (PLATFORMS.md 6): an input that finds no free slot starts a replica at
 * once; the inputs that wait share the slots of those under way. With a limit of its own a full replica queues nothing,
 * so the queue says what is missing; where the engine decides, max_num_seqs is the capacity. The pool adds
 * buffer_containers.
 */
#include "sim/fleet/scalers/scaler.h"

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    (void)now, (void)cause;
    uint64_t need;
    if (s->c->hard_concurrency) {
        need = g->busy + (g->queued + g->slots - 1) / g->slots;
    } else {
        need = (g->queued + g->in_flight + g->slots - 1) / g->slots;
    }
    return need < UINT32_MAX ? (uint32_t)need : UINT32_MAX;
}

const struct kw_scaler_policy kw_scaler_capacity = {
    .name = "capacity", .on_arrival = true, .idle_timeout = true, .want = want
};
