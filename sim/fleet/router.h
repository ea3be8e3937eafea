/* sim/fleet/router.h - which deployment an arriving request goes to. A client that was refused tries the same one
 * again. A policy is a row of functions (router.c); it sees the request and the state of deployment 0. */
#ifndef KW_SIM_FLEET_ROUTER_H
#define KW_SIM_FLEET_ROUTER_H
#include "sim/core/rng.h"
#include "sim/fleet/deployment.h"
#include "workloads/trace.h"

/* What the router may look at: the state of deployment 0. */
struct kw_first_choice {
    bool ready;       /* it has a ready replica (an API always has) */
    uint64_t waiting; /* requests that wait for a replica there, at the platform or beyond what the engines can run */
};

struct kw_router;
struct kw_route {
    bool notes_diverted; /* what is sent past deployment 0 is traffic for its autoscaler all the same */
    enum kw_status (*check)(struct kw_router *r, struct kw_error *err); /* NULL: any routing will do */
    /* NULL: all to deployment 0. */
    uint32_t (*pick)(struct kw_router *r, uint32_t request, const struct kw_first_choice *first);
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

#endif
