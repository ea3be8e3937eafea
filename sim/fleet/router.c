#include "sim/fleet/router.h"

enum kw_status kw_router_begin(struct kw_router *r, const struct kw_routing *routing, const struct kw_trace *trace,
                               uint32_t n_deployments, const struct kw_fleet_options *opt, struct kw_error *err)
{
    double sum = 0;
    kw_rng_free(&r->rng);
    r->r = routing;
    r->trace = trace;
    r->n = n_deployments;
    if ((routing->policy == KW_ROUTE_FALLBACK || routing->policy == KW_ROUTE_OVERFLOW) && n_deployments < 2)
        return kw_fail(err, KW_ERANGE, "routing wants a second deployment to send requests to");
    if (routing->policy == KW_ROUTE_CLASS || routing->policy == KW_ROUTE_MODEL)
        for (int i = 0; i < 256; i++)
            if (routing->class_to[i] >= n_deployments)
                return kw_fail(err, KW_ERANGE, "routing sends class %d to deployment %d of %u", i, routing->class_to[i],
                               n_deployments);
    if (routing->policy == KW_ROUTE_SPLIT) {
        for (uint32_t i = 0; i < n_deployments; i++) {
            if (!(routing->share[i] >= 0 && routing->share[i] <= 1e9))
                return kw_fail(err, KW_ERANGE, "routing: the share of deployment %u is %g", i, routing->share[i]);
            r->upto[i] = sum += routing->share[i];
        }
        if (!(sum > 0)) return kw_fail(err, KW_ERANGE, "routing: all shares are 0");
        for (uint32_t i = 0; i < n_deployments; i++) r->upto[i] /= sum;
    }
    return kw_rng_init(&r->rng, kw_mix64(opt->seed ^ UINT64_C(0x726f757465)), opt->replication, KW_RNG_ROUTING, err);
}

void kw_router_free(struct kw_router *r)
{
    kw_rng_free(&r->rng);
}

uint32_t kw_router_pick(struct kw_router *r, uint32_t request, const struct kw_first_choice *first)
{
    const uint16_t *key = r->r->policy == KW_ROUTE_CLASS ? r->trace->klass : r->trace->model;
    uint32_t k = 0;
    switch (r->r->policy) {
    case KW_ROUTE_SINGLE: return 0;
    case KW_ROUTE_FALLBACK: return first->ready ? 0 : 1;
    case KW_ROUTE_OVERFLOW: return first->waiting >= r->r->overflow_at ? 1 : 0;
    case KW_ROUTE_CLASS:
    case KW_ROUTE_MODEL: return key && key[request] < 256 ? r->r->class_to[key[request]] : 0;
    case KW_ROUTE_SPLIT: {
        double u = kw_rng_uniform(&r->rng);
        while (k + 1 < r->n && u >= r->upto[k]) k++;
        return k;
    }
    }
    return 0;
}
