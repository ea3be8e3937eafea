/* tests/sim/fleet/fakefleet.h - an event loop that computes an outcome from a formula, so that tests of sweep and plan
 * know the answer and run thousands of them. Include it in exactly one file of a test program: it stands in for
 * sim/fleet/fleet.c.
 *
 * TTFT of every request = network_rtt * noise(replication) / replicas kept + a constant cold.provision, times
 * fakefleet_slower where the step law is not fakefleet_steps; failures = queue_limit per mille, extra
 * billed life = idle_timeout * noise; noise in [0.5, 1.5] depends on (seed, replication) and the deployment, as real
 * runs do. */
#ifndef KW_TESTS_SIM_FLEET_FAKEFLEET_H
#define KW_TESTS_SIM_FLEET_FAKEFLEET_H
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/fleet/fleet.h"

struct kw_fleet {
    int runs;
};

static kw_ns fakefleet_fail_at = -1; /* network_rtt that fails with KW_ERANGE */

static const struct kw_steptime *fakefleet_steps; /* NULL: any law will do */
static double fakefleet_slower = 1;

enum kw_status kw_fleet_new(struct kw_fleet **f, struct kw_error *err)
{
    *f = calloc(1, sizeof **f);
    return *f ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a fleet");
}

void kw_fleet_delete(struct kw_fleet *f)
{
    free(f);
}

enum kw_status kw_outcome_init(struct kw_outcome *o, struct kw_error *err)
{
    enum kw_status st;
    memset(o, 0, sizeof *o);
    if ((st = kw_hist_init(&o->ttft, err)) == KW_OK && (st = kw_hist_init(&o->tpot, err)) == KW_OK &&
        (st = kw_hist_init(&o->itl, err)) == KW_OK && (st = kw_hist_init(&o->e2e, err)) == KW_OK)
        return KW_OK;
    kw_outcome_free(o);
    return st;
}

static void fakefleet_clear(struct kw_outcome *o)
{
    for (uint32_t d = 0; d < o->n_deployments; d++) free(o->ledger[d].lives);
    free(o->series.arrivals);
    memset(o->ledger, 0, sizeof o->ledger);
    memset(&o->series, 0, sizeof o->series);
    o->n_deployments = 0;
}

void kw_outcome_free(struct kw_outcome *o)
{
    fakefleet_clear(o);
    kw_hist_free(&o->ttft);
    kw_hist_free(&o->tpot);
    kw_hist_free(&o->itl);
    kw_hist_free(&o->e2e);
}

/* No API is slower here beyond what is known of it. */
struct kw_outcome kw_outcome_with_times(const struct kw_outcome *o, struct kw_outcome *times)
{
    (void)times;
    return *o;
}

static double fakefleet_noise(uint64_t seed, uint64_t replication, uint64_t what)
{
    return 0.5 + (double)(kw_mix64(seed * 31 + replication * 1000003 + kw_mix64(what)) >> 11) * 0x1p-53;
}

enum kw_status kw_fleet_run(struct kw_fleet *f, const struct kw_trace_view *view, const struct kw_deployment *d,
                            uint32_t n, const struct kw_routing *routing, const struct kw_fleet_options *opt,
                            struct kw_outcome *o, struct kw_error *err)
{
    (void)routing;
    f->runs++;
    fakefleet_clear(o);
    kw_hist_clear(&o->ttft);
    kw_hist_clear(&o->tpot);
    kw_hist_clear(&o->itl);
    kw_hist_clear(&o->e2e);
    o->passes = 1;
    o->window = o->end = view->block ? view->block * view->n_blocks : view->trace->span;
    o->arrived = 1000 * n;
    o->completed = o->rejected = o->timed_out = o->too_long = o->cold = 0;
    for (uint32_t k = 0; k < n; k++) {
        struct kw_ledger *l = &o->ledger[k];
        uint32_t kept = d[k].scaling.keep_warm;
        if (d[k].network_rtt == fakefleet_fail_at)
            return kw_fail(err, KW_ERANGE, "made to fail in replication %llu", (unsigned long long)opt->replication);
        double a = fakefleet_noise(opt->seed, opt->replication, (uint64_t)d[k].network_rtt),
               b = fakefleet_noise(opt->seed, opt->replication, (uint64_t)d[k].scaling.idle_timeout + 77);
        uint64_t failed = d[k].scaling.queue_limit, done = 1000 - failed;
        kw_ns ttft = (kw_ns)((double)d[k].network_rtt * a / (kept ? kept : 1));
        if (d[k].cold.provision.kind == KW_LAW_CONSTANT) ttft += (kw_ns)(d[k].cold.provision.v[0] * 1e9);
        if (fakefleet_steps && d[k].steptime != fakefleet_steps) ttft = (kw_ns)((double)ttft * fakefleet_slower);
        l->lives = calloc(kept + 1, sizeof *l->lives);
        if (!l->lives) return kw_fail(err, KW_ENOMEM, "out of memory for lives");
        l->lives_n = kept + 1;
        o->n_deployments = k + 1;
        const struct kw_autoscaling *c = &d[k].scaling; /* out of stock or failed is not there, so not paid */
        kw_ns up = (kw_ns)((double)o->window * (1 - c->stockout_probability - c->start_failure_probability));
        for (uint32_t i = 0; i < kept; i++) {
            l->lives[i] = (struct kw_life){ .gone = up, .first_success = i ? -1 : 1 }; /* one serves them all */
            l->lives[i].phase[KW_PHASE_ACTIVE] = up / 4;
            l->lives[i].phase[KW_PHASE_KEEP_WARM] = up - up / 4;
        }
        kw_ns extra = (kw_ns)((double)d[k].scaling.idle_timeout * b);
        l->lives[kept] = (struct kw_life){ .gone = extra, .first_success = extra > 0 ? 1 : -1 };
        l->lives[kept].phase[KW_PHASE_ACTIVE] = extra;
        for (uint64_t i = 0; i < l->lives_n; i++)
            for (int p = 0; p < KW_PHASES; p++) l->phase[p] += l->lives[i].phase[p];
        l->requests = 1000;
        l->completed = done;
        l->tokens_in = (int64_t)(100000 * b);
        l->tokens_out = (int64_t)(20000 * b);
        o->completed += done;
        o->rejected += failed;
        o->cold += kept ? 0 : 10;
        if (done) {
            kw_hist_add(&o->ttft, ttft, done);
            kw_hist_add(&o->tpot, ttft / 100, done);
            kw_hist_add(&o->e2e, 3 * ttft, done);
        }
    }
    o->attained =
        o->completed - (uint64_t)((double)o->completed * 0.02 *
                                  fakefleet_noise(opt->seed, opt->replication, n + (uint64_t)d[0].network_rtt));
    if (opt->series_step) {
        o->series.step = opt->series_step;
        o->series.n = 2;
        o->series.arrivals = calloc(2, sizeof *o->series.arrivals);
        if (!o->series.arrivals) return kw_fail(err, KW_ENOMEM, "out of memory for a series");
        o->series.arrivals[1] = 7;
    }
    return KW_OK;
}
#endif
