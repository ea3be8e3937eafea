#include "sim/plan/sweep/groups.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/sweep/evaluate.h"

enum kw_status kw_point_groups_make(struct kw_point *p, bool drawn, const struct kw_candidate *c,
                                    const struct kw_groups *g, const struct kw_trace *t, struct kw_error *err)
{
    uint32_t classes = g->n > 1 ? g->n : 0, n = classes + (c->n > 1 ? c->n : 0);
    if (!n) return KW_OK;
    p->group = calloc(n, sizeof *p->group);
    if (!p->group) return kw_fail(err, KW_ENOMEM, "out of memory for a result");
    p->n_classes = classes;
    p->n_groups = n;
    for (uint32_t i = 0; i < n; i++) {
        struct kw_point_group *x = &p->group[i];
        for (int m = 0; m < KW_METRICS; m++) x->m[m] = (struct kw_estimate){ NAN, NAN, NAN };
        if (drawn) {
            x->percentiles = malloc(sizeof *x->percentiles);
            if (!x->percentiles) return kw_fail(err, KW_ENOMEM, "out of memory for a result");
        }
        if (i >= classes) {
            snprintf(x->deployment, sizeof x->deployment, "%.31s", c->choice[i - classes].name);
            continue;
        }
        const struct kw_group *k = &g->group[i];
        if (k->klass >= 0) snprintf(x->klass, sizeof x->klass, "%.63s", t->class_name[k->klass]);
        if (k->region >= 0)
            snprintf(x->region, sizeof x->region, "%.31s",
                     t->region_name[k->region][0] ? t->region_name[k->region] : "unknown");
        if (k->model >= 0) snprintf(x->model, sizeof x->model, "%.63s", t->model_name[k->model]);
    }
    return KW_OK;
}

static double weight(const struct kw_group_outcome *g, uint32_t d, const struct kw_choice *c)
{
    double in = (double)g->tokens_in[d], out = (double)g->tokens_out[d];
    if (!c->api) return in + out;
    const struct kw_token_prices *p = kw_term_prices(c->api, c->term), *a = kw_term_above(c->api, c->term);
    double sum = in * (double)p->in_mtok.v + out * (double)p->out_mtok.v;
    if (!c->api->above.tokens) return sum;
    return sum + (double)g->long_in[d] * (double)(a->in_mtok.v - p->in_mtok.v) +
           (double)g->long_out[d] * (double)(a->out_mtok.v - p->out_mtok.v);
}

/* v: [KW_METRICS]. */
static void figures(const struct kw_group_outcome *g, bool timed, kw_ns window, double *v)
{
    double arrived = (double)g->arrived;
    for (int m = 0; m < KW_METRICS; m++) v[m] = NAN;
    if (timed) kw_evaluate_percentiles(v, (const struct kw_hist *[]){ &g->ttft, &g->tpot, &g->e2e });
    if (g->arrived) {
        v[KW_METRIC_COLD_FRACTION] = (double)g->cold / arrived;
        v[KW_METRIC_ERROR_FRACTION] = (double)(g->arrived - g->completed) / arrived;
        if (timed) v[KW_METRIC_ATTAINMENT] = (double)g->attained / arrived;
    }
    if (timed) v[KW_METRIC_GOODPUT] = (double)g->good / kw_nano_to_double(window);
    v[KW_METRIC_CARRIED] = (double)g->done / kw_nano_to_double(window);
}

double kw_point_groups_worst(const struct kw_point *p, const struct kw_outcome *o, bool timed, const struct kw_slo *slo)
{
    double worst = p->n_classes ? 0 : NAN, v[KW_METRICS];
    for (uint32_t i = 0; i < p->n_classes; i++) {
        figures(&o->group[i], timed, o->window, v);
        worst = fmax(worst, kw_slo_worst(kw_slo_of_class(slo, p->group[i].klass), v, NULL, 0));
    }
    return worst;
}

void kw_point_groups_evaluate(struct kw_point *p, uint32_t r, const struct kw_candidate *c, const struct kw_outcome *o)
{
    bool timed = !isnan(p->sample[r][KW_METRIC_TTFT_P50]); /* else nothing was served, or nobody knows how fast */
    assert(o->n_groups == p->n_groups && o->n_classes == p->n_classes);
    for (uint32_t i = 0; i < p->n_groups; i++) {
        const struct kw_group_outcome *g = &o->group[i];
        const struct kw_hist *time[] = { &g->ttft, &g->tpot, &g->e2e };
        figures(g, timed, o->window, p->group_sample[(size_t)r * p->n_groups + i]);
        if (p->group[i].percentiles) kw_evaluate_places(p->group[i].percentiles, r, p->group_sample[i], time);
        p->group[i].arrived += (g->arrived + o->passes / 2) / o->passes;
    }
    for (uint32_t i = p->n_classes; i < p->n_groups; i++) {
        const struct kw_ledger *l = &o->ledger[i - p->n_classes];
        double *v = p->group_sample[(size_t)r * p->n_groups + i], busy = (double)l->phase[KW_PHASE_ACTIVE];
        double ready = busy + (double)l->phase[KW_PHASE_KEEP_WARM] + (double)l->phase[KW_PHASE_IDLE];
        if (l->held) {
            v[KW_METRIC_HELD] = (double)l->held / o->passes;
            v[KW_METRIC_HELD_WAIT] = 1e-9 * (double)l->held_ns / (double)l->held;
        }
        if (l->pings) v[KW_METRIC_PINGS] = (double)l->pings / o->passes;
        if (c->choice[i - p->n_classes].pooled) v[KW_METRIC_FOUND_WARM] = (double)l->found_warm / o->passes;
        if (c->choice[i - p->n_classes].platform->kind != KW_KIND_API && l->tokens_cached > 0)
            v[KW_METRIC_PREFIX_HIT] = (double)l->tokens_cached / (double)l->tokens_in;
        if (c->choice[i - p->n_classes].sched.host_blocks && l->tokens_in > 0) {
            v[KW_METRIC_HOST_HIT] = (double)l->tokens_loaded / (double)l->tokens_in;
            v[KW_METRIC_HOST_TOKENS] = (double)l->tokens_loaded / o->passes;
        }
        if (l->verified) v[KW_METRIC_DRAFT_TOKENS] = (double)l->verified_tokens / (double)l->verified;
        if (l->adapter_requests) {
            v[KW_METRIC_ADAPTER_COLD] = (double)l->adapter_cold / (double)l->adapter_requests;
            v[KW_METRIC_ADAPTER_LOADS] = (double)l->adapter_fetches / o->passes;
            if (l->adapter_held)
                v[KW_METRIC_ADAPTER_WAIT] = kw_nano_to_double(l->adapter_held_ns) / (double)l->adapter_held;
        }
        if (!(ready > 0)) continue;
        v[KW_METRIC_UTILISATION] = busy / ready;
        v[KW_METRIC_CAPACITY_USED] = fmin(1, (double)l->needed / ready);
        v[KW_METRIC_STARTS] = (double)o->group[i].start.n / o->passes;
        v[KW_METRIC_START_P50] = kw_hist_quantile(&o->group[i].start, 0.50) / 1e9; /* NAN stays NAN */
        v[KW_METRIC_START_P95] = kw_hist_quantile(&o->group[i].start, 0.95) / 1e9;
    }
    for (uint32_t d = 0; d < p->n; d++) {
        double all = 0;
        for (uint32_t i = 0; i < p->n_classes; i++) all += weight(&o->group[i], d, &c->choice[d]);
        for (uint32_t i = 0; i < p->n_classes; i++)
            p->share[((size_t)r * p->n_classes + i) * p->n + d] =
                all > 0 ? weight(&o->group[i], d, &c->choice[d]) / all : 0;
    }
}
