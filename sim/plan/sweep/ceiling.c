#include "sim/plan/sweep/ceiling.h"
#include <math.h>
#include <string.h>

enum kw_status kw_cost_floor(const struct kw_candidate *c, kw_ns window, kw_ns month, double *usd, struct kw_error *err)
{
    struct kw_usage usage[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_tariff tariff[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_bill bill[KW_FLEET_MAX_DEPLOYMENTS];
    *usd = 0;
    for (uint32_t d = 0; d < c->n; d++) {
        const struct kw_choice *x = &c->choice[d];
        const struct kw_meter *m = kw_choice_meter(x);
        const struct kw_autoscaling *s = &x->scaling;
        struct kw_usage u = { .kind = x->platform->kind, .window = window, .month = month };
        /* An interrupted machine is not paid for until the next one is there. */
        bool interrupted = x->term == KW_TERM_SPOT && x->spot.per_hour > 0;
        if (x->autoscaler && (s->stockout_probability > 0 || s->start_failure_probability > 0))
            u.reserved_gpu_ns = 0; /* what is kept may be missing for a while */
        else if (x->autoscaler)
            u.reserved_gpu_ns =
                (int64_t)((s->keep_warm + x->node.places - 1) / x->node.places) * kw_choice_node_gpus(x) * window;
        else if (u.kind == KW_KIND_DEDICATED && !interrupted)
            u.reserved_gpu_ns = (int64_t)kw_gpus_rented(x->gpu, x->gpus, s->max_replicas) * window;
        else if (u.kind == KW_KIND_SERVERLESS && m->bills[KW_PHASE_ACTIVE] && m->bills[KW_PHASE_KEEP_WARM] &&
                 !m->window && s->stockout_probability == 0 && s->start_failure_probability == 0)
            u.gpu_ns[KW_PHASE_ACTIVE] = (int64_t)s->keep_warm * kw_gpus_per_replica(x->gpu, x->gpus) * window;
        if (x->term == KW_TERM_PROVISIONED) u.units = x->provision.bought.n;
        usage[d] = u;
        tariff[d] = kw_choice_tariff(x);
    }
    enum kw_status st = kw_bills(bill, usage, tariff, c->n, true, err);
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++) *usd += kw_nano_to_double(bill[d].total);
    return st;
}

static enum kw_status bill_of(const struct kw_choice *c, kw_ns billed, kw_ns window, kw_ns month, double *usd,
                              struct kw_error *err)
{
    struct kw_usage u = { .kind = KW_KIND_SERVERLESS, .window = window, .month = month };
    struct kw_tariff tariff = kw_choice_tariff(c);
    struct kw_bill bill;
    u.gpu_ns[KW_PHASE_ACTIVE] = billed * kw_gpus_per_replica(c->gpu, c->gpus);
    enum kw_status st = kw_bills(&bill, &u, &tariff, 1, true, err);
    if (st == KW_OK) *usd = kw_nano_to_double(bill.total);
    return st;
}

enum kw_status kw_cost_replica(const struct kw_choice *c, kw_ns window, kw_ns month, double *usd, struct kw_error *err)
{
    return bill_of(c, window, window, month, usd, err);
}

enum kw_status kw_cost_of_replicas(const struct kw_choice *c, kw_ns billed, kw_ns window, kw_ns month, double *usd,
                                   struct kw_error *err)
{
    return bill_of(c, billed, window, month, usd, err);
}

/* Every phase has one price, minimum and rounding only add, and credits are the same for any use: so a bill grows with
 * the billed time alone, and the time is found by bisection. */
enum kw_status kw_ceiling(struct kw_ceiling *out, const struct kw_candidate *c, kw_ns window, kw_ns month, double usd,
                          struct kw_error *err)
{
    const struct kw_choice *x = &c->choice[0];
    *out = (struct kw_ceiling){ .most = 0 };
    if (c->n != 1 || x->platform->kind != KW_KIND_SERVERLESS || kw_choice_meter(x)->window || !isfinite(usd))
        return KW_OK;
    double limit = usd * (1 + KW_COST_SLACK) + 1e-6, at;
    kw_ns within = 0, beyond = window * x->scaling.max_replicas;
    enum kw_status st = bill_of(x, beyond, window, month, &at, err);
    if (st != KW_OK || at <= limit) return st;
    while (beyond - within > 1 && st == KW_OK) {
        kw_ns middle = within + (beyond - within) / 2;
        st = bill_of(x, middle, window, month, &at, err);
        *(at <= limit ? &within : &beyond) = middle;
    }
    out->most = beyond;
    memcpy(out->counts, kw_choice_meter(x)->bills, sizeof out->counts);
    return st;
}
