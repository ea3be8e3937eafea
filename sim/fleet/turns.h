/* sim/fleet/turns.h - turns of sessions on their way: each comes a pause after the answer that it waited for has ended, as who
 * asked saw it, or was lost (workloads/sessions.h). A heap by (at, order), beside that of the future events: a turn is an arrival,
 * and arrivals go before all events of their moment, so that both stepping modes meet it alike. */
#ifndef KW_SIM_FLEET_TURNS_H
#define KW_SIM_FLEET_TURNS_H
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/core/units.h"

struct kw_turn {
    kw_ns at;
    uint64_t order; /* of equal times the one that was known first */
    uint32_t request;
    bool warmup; /* as the request before it */
};

struct kw_turns {
    kw_ns next;           /* when the first comes, INT64_MAX: none does */
    struct kw_turn *heap; /* [cap] a binary heap of n */
    uint32_t n, cap;
    uint64_t order;
};

void kw_turns_init(struct kw_turns *t);
void kw_turns_free(struct kw_turns *t);  /* safe to call again */
void kw_turns_clear(struct kw_turns *t); /* none, memory kept */

/* O(log n). KW_ENOMEM: unchanged. */
enum kw_status kw_turns_add(struct kw_turns *t, kw_ns at, uint32_t request, bool warmup, struct kw_error *err);
struct kw_turn kw_turns_pop(struct kw_turns *t); /* the first; n > 0 */

#endif
