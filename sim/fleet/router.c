#include "sim/fleet/router.h"

/* ---- deployments in order ---- */

static enum kw_status check_second(struct kw_router *r, struct kw_error *err)
{
    if (r->n < 2) return kw_fail(err, KW_ERANGE, "routing wants a second deployment to send requests to");
    return KW_OK;
}

static bool passes_cold(const struct kw_router *r, const struct kw_target_state *s)
{
    (void)r;
    return !s->ready;
}

static bool passes_cold_or_busy(const struct kw_router *r, const struct kw_target_state *s)
{
    return !s->ready || s->waiting >= r->routing->overflow_at;
}

/* ---- by a column of the trace ---- */

static enum kw_status check_targets(struct kw_router *r, struct kw_error *err)
{
    for (int i = 0; i < 256; i++)
        if (r->routing->class_to[i] >= r->n)
            return kw_fail(err, KW_ERANGE, "routing sends class %d to deployment %d of %u", i, r->routing->class_to[i],
                           r->n);
    return KW_OK;
}

/* A trace without the column, and classes beyond the table, go to deployment 0. */
static uint32_t target_of(const struct kw_router *r, const uint16_t *column, uint32_t request)
{
    return column && column[request] < 256 ? r->routing->class_to[column[request]] : 0;
}

static uint32_t pick_by_class(struct kw_router *r, uint32_t request)
{
    return target_of(r, r->trace->klass, request);
}

static uint32_t pick_by_model(struct kw_router *r, uint32_t request)
{
    return target_of(r, r->trace->model, request);
}

/* ---- by region ---- */

/* Every region of the trace needs an order that names each deployment once: a request must not be lost or go round. */
static enum kw_status check_orders(struct kw_router *r, struct kw_error *err)
{
    const struct kw_trace *t = r->trace;
    if (!t->region)
        return kw_fail(err, KW_ERANGE, "routing by region wants a trace that says where requests come from");
    if (t->n_regions > KW_REGIONS_MAX)
        return kw_fail(err, KW_ERANGE, "the trace has %zu regions; at most %d are routed by", t->n_regions,
                       KW_REGIONS_MAX);
    for (size_t i = 0; i < t->n_regions; i++) {
        uint32_t seen = 0;
        for (uint32_t k = 0; k < r->n; k++)
            if (r->routing->order[i][k] < r->n) seen |= 1u << r->routing->order[i][k];
        if (seen != (1u << r->n) - 1)
            return kw_fail(err, KW_ERANGE, "the order of deployments for region '%.40s' does not name each once",
                           t->region_name[i]);
    }
    return KW_OK;
}

static uint32_t nth_of_region(const struct kw_router *r, uint32_t request, uint32_t nth)
{
    return r->routing->order[r->trace->region[request]][nth];
}

/* ---- at random by share ---- */

static enum kw_status check_shares(struct kw_router *r, struct kw_error *err)
{
    double sum = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        double share = r->routing->share[i];
        if (!(share >= 0 && share <= 1e9))
            return kw_fail(err, KW_ERANGE, "routing: the share of deployment %u is %g", i, share);
        r->upto[i] = sum += share;
    }
    if (!(sum > 0)) return kw_fail(err, KW_ERANGE, "routing: all shares are 0");
    if (r->routing->back >= r->n)
        return kw_fail(err, KW_ERANGE, "routing goes back to deployment %d of %u", r->routing->back, r->n);
    for (uint32_t i = 0; i < r->n; i++) r->upto[i] /= sum;
    return KW_OK;
}

/* One draw a request whatever the shares and the time, so that two splits meet the same draws. */
static uint32_t pick_by_share(struct kw_router *r, uint32_t request)
{
    const struct kw_routing *x = r->routing;
    double u = kw_rng_uniform(&r->rng);
    kw_ns at = r->trace->arrival[request];
    uint32_t k = 0;
    if (at >= x->back_from && at < x->back_to) return x->back;
    while (k + 1 < r->n && u >= r->upto[k]) k++;
    return k;
}

const char *const kw_route_policy_name[] = {
    "single", "fallback", "overflow", "class", "model", "split", "region", NULL
};
const char *const kw_route_spill_name[] = { "never", "cold", "busy", NULL };

static const struct kw_route route_of[] = {
    [KW_ROUTE_SINGLE] = { .pick = NULL },
    [KW_ROUTE_FALLBACK] = { .check = check_second, .passes_over = passes_cold },
    [KW_ROUTE_OVERFLOW] = { .check = check_second, .passes_over = passes_cold_or_busy, .counts_waiting = true },
    [KW_ROUTE_CLASS] = { .check = check_targets, .pick = pick_by_class },
    [KW_ROUTE_MODEL] = { .check = check_targets, .pick = pick_by_model },
    [KW_ROUTE_SPLIT] = { .check = check_shares, .pick = pick_by_share },
    [KW_ROUTE_REGION] = { .check = check_orders, .nth = nth_of_region },
};

static const struct kw_route spilling[] = {
    [KW_SPILL_COLD] = { .check = check_orders, .nth = nth_of_region, .passes_over = passes_cold },
    [KW_SPILL_BUSY] = { .check = check_orders,
                        .nth = nth_of_region,
                        .passes_over = passes_cold_or_busy,
                        .counts_waiting = true },
};

enum kw_status kw_router_begin(struct kw_router *r, const struct kw_routing *routing, const struct kw_trace *trace,
                               uint32_t n_deployments, const struct kw_fleet_options *opt, struct kw_error *err)
{
    kw_rng_free(&r->rng);
    if ((unsigned)routing->policy >= sizeof route_of / sizeof *route_of)
        return kw_fail(err, KW_ERANGE, "no routing policy has the number %d", (int)routing->policy);
    r->route = &route_of[routing->policy];
    if (routing->policy == KW_ROUTE_REGION && routing->spill) r->route = &spilling[routing->spill];
    r->routing = routing;
    r->trace = trace;
    r->n = n_deployments;
    enum kw_status st = r->route->check ? r->route->check(r, err) : KW_OK;
    if (st != KW_OK) return st;
    return kw_rng_init(&r->rng, kw_mix64(opt->seed ^ UINT64_C(0x726f757465)), opt->replication, KW_RNG_ROUTING, err);
}

void kw_router_free(struct kw_router *r)
{
    kw_rng_free(&r->rng);
}
