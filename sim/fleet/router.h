/* sim/fleet/router.h - which deployment an arriving request goes to. A client that was refused tries the same one
 * again, unless its policy moves requests on to the next. A policy is a row of functions (router.c). */
#ifndef KW_SIM_FLEET_ROUTER_H
#define KW_SIM_FLEET_ROUTER_H
#include "sim/core/rng.h"
#include "sim/fleet/deployment.h"
#include "workloads/trace.h"

/* What the router may look at of a deployment. */
struct kw_target_state {
    bool ready;       /* it has a ready replica (an API always has) */
    uint64_t waiting; /* requests without a seat in a batch: in the platform's queue and in its engines */
};

struct kw_router;
struct kw_route {
    enum kw_status (*check)(struct kw_router *r, struct kw_error *err); /* NULL: any routing will do */
    /* By the request alone; NULL: to the first in its order. */
    uint32_t (*pick)(struct kw_router *r, uint32_t request);
    /* The nth deployment in the request's order; NULL: deployment nth. */
    uint32_t (*nth)(const struct kw_router *r, uint32_t request, uint32_t nth);
    /* Deployments in order: is this one passed over at the moment, where there is one after it? Such a policy moves on
     * what was refused, too. NULL: no. */
    bool (*passes_over)(const struct kw_router *r, const struct kw_target_state *s);
    bool counts_waiting; /* passes_over looks at s->waiting, which costs a look at each replica */
};

struct kw_router {
    const struct kw_route *route;
    const struct kw_routing *routing; /* borrowed */
    const struct kw_trace *trace;
    uint32_t n;
    struct kw_rng rng;
    double upto[KW_FLEET_MAX_DEPLOYMENTS]; /* SPLIT: cumulated shares, the last is 1 */
};

/* KW_ERANGE: a policy that needs a second deployment has none, shares that are negative or all 0, a target beyond n. */
enum kw_status kw_router_begin(struct kw_router *r, const struct kw_routing *routing, const struct kw_trace *trace,
                               uint32_t n_deployments, const struct kw_fleet_options *opt, struct kw_error *err);
void kw_router_free(struct kw_router *r);

static inline uint32_t kw_router_nth(const struct kw_router *r, uint32_t request, uint32_t nth)
{
    return r->route->nth ? r->route->nth(r, request, nth) : nth;
}

#endif
