/* sim/fleet/router.h - which deployment an arriving request goes to. A client that was refused tries the same one
 * again. */
#ifndef KW_SIM_FLEET_ROUTER_H
#define KW_SIM_FLEET_ROUTER_H
#include "sim/core/rng.h"
#include "sim/fleet/fleet.h"

struct kw_router {
    const struct kw_routing *r; /* borrowed */
    const struct kw_trace *trace;
    uint32_t n;
    struct kw_rng rng;
    double upto[KW_FLEET_MAX_DEPLOYMENTS]; /* SPLIT: cumulated shares, the last is 1 */
};

/* What the router may look at: the state of deployment 0. */
struct kw_first_choice {
    bool ready;       /* it has a ready replica (an API always has) */
    uint64_t waiting; /* requests that wait for a replica there, at the platform or beyond what the engines can run */
};

/* KW_ERANGE: a policy that needs a second deployment has none, shares that are negative or all 0, a target beyond n. */
enum kw_status kw_router_begin(struct kw_router *r, const struct kw_routing *routing, const struct kw_trace *trace,
                               uint32_t n_deployments, const struct kw_fleet_options *opt, struct kw_error *err);
void kw_router_free(struct kw_router *r);
uint32_t kw_router_pick(struct kw_router *r, uint32_t request, const struct kw_first_choice *first);

#endif
