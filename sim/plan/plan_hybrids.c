/* Hybrids: deployments of two kinds for one traffic. Made of contenders only, the best few of each kind after the first
 * look, which is the same in a pruned and an exhaustive plan; what they keep or rent alone bounds their cost as it does
 * any candidate's. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/plan/plan_internal.h"

#define APIS 1       /* more of them differ in price and latency, which their own candidates show */
#define SERVERLESS 3 /* of different platforms */
#define DEDICATED 2  /* of different platforms */
#define FEWER 4      /* smaller fleets, from what the other classes' share of the tokens would need upward */
#define CLASSES 4    /* a trace of more classes has names of tenants, not of tolerances */

struct contender {
    const struct kw_choice *c;
    const struct kw_point *point;
};

/* The best of a kind on platforms that are not among taken[n]; c is NULL when there is none. */
static struct contender best_of(const struct kw_plan *p, size_t looked, enum kw_kind kind,
                                const struct contender *taken, size_t n)
{
    struct contender best = { NULL, NULL };
    for (size_t i = 0; i < looked; i++) {
        const struct kw_candidate *x = &p->candidates[i];
        const struct kw_choice *c = &x->choice[0];
        if (x->n != 1 || x->as_written || c->platform->kind != kind || !p->points[i].replications ||
            !kw_choice_latency_known(c))
            continue;
        bool out = false;
        for (size_t k = 0; k < n && !out; k++) out = taken[k].c->platform == c->platform;
        if (!out && (!best.c || kw_point_better(&p->points[i], best.point)))
            best = (struct contender){ c, &p->points[i] };
    }
    return best;
}

static size_t contenders(const struct kw_plan *p, size_t looked, enum kw_kind kind, struct contender *out, size_t max)
{
    size_t n = 0;
    while (n < max) {
        struct contender x = best_of(p, looked, kind, out, n);
        if (!x.c) break;
        out[n++] = x;
    }
    return n;
}

enum kw_status kw_plan_push_pair(struct kw_plan *p, const struct kw_choice *first, const struct kw_choice *second,
                                 const struct kw_routing *routing, struct kw_error *err)
{
    struct kw_choice pair[2] = { *first, *second };
    if (!strcmp(pair[0].name, pair[1].name)) snprintf(pair[1].name, sizeof pair[1].name, "%.28s-2", second->name);
    return kw_plan_push_copy(p, &(struct kw_candidate){ .choice = pair, .n = 2, .routing = *routing }, err);
}

/* A replica less kept than the contender has, and none; each once. */
static size_t fewer_warm(const struct kw_choice *c, uint32_t out[2])
{
    size_t n = 0;
    if (c->platform->scaling.at_zero != KW_ZERO_STOPPED || c->scaling.keep_warm > 1)
        out[n++] = c->scaling.keep_warm ? c->scaling.keep_warm - 1 : 0;
    if (n && out[0] > 0 && c->platform->scaling.at_zero != KW_ZERO_STOPPED) out[n++] = 0;
    return n;
}

/* The GPU first, and to the second what comes while it is cold, or what it has no room for. */
static enum kw_status spill(struct kw_plan *p, const struct kw_choice *gpu, const struct kw_choice *to,
                            struct kw_error *err)
{
    struct kw_routing overflow = { .policy = KW_ROUTE_OVERFLOW, .overflow_at = 1 },
                      fallback = { .policy = KW_ROUTE_FALLBACK, .overflow_at = 1 };
    if (gpu->platform->kind == KW_KIND_DEDICATED) return kw_plan_push_pair(p, gpu, to, &overflow, err);
    uint32_t warm[2];
    size_t n = fewer_warm(gpu, warm);
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < n && st == KW_OK; k++) {
        struct kw_choice c = *gpu;
        c.scaling.keep_warm = warm[k];
        if (warm[k] == 0) st = kw_plan_push_pair(p, &c, to, &fallback, err);
        if (st == KW_OK) st = kw_plan_push_pair(p, &c, to, &overflow, err);
    }
    return st;
}

/* One class, which may wait, to replicas that scale to zero; the others to those kept warm. */
static enum kw_status by_class(struct kw_plan *p, const struct kw_choice *warm, const struct kw_choice *zero,
                               const struct kw_trace *t, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < t->n_classes && st == KW_OK; k++) {
        struct kw_routing routing = { .policy = KW_ROUTE_CLASS };
        struct kw_choice first = *warm, second = *zero;
        routing.class_to[k] = 1;
        second.scaling.keep_warm = 0;
        snprintf(first.name, sizeof first.name, "all but %.20s", t->class_name[k]);
        snprintf(second.name, sizeof second.name, "%.31s", t->class_name[k]);
        st = kw_plan_push_pair(p, &first, &second, &routing, err);
    }
    return st;
}

/* Prompt and output tokens by class. */
struct class_load {
    double in[CLASSES], out[CLASSES], all;
};

static void load_by_class(struct class_load *l, const struct kw_trace *t)
{
    *l = (struct class_load){ .all = 0 };
    for (size_t i = 0; i < t->n; i++) {
        l->in[t->klass[i]] += t->prompt[i];
        l->out[t->klass[i]] += t->output[i];
        l->all += (double)t->prompt[i] + t->output[i];
    }
}

/* Of the APIs looked at, by the batch, the cheapest for class k's tokens among those answered within its deadline;
 * false when there is none. */
static bool best_batch(const struct kw_plan *p, size_t looked, const struct class_load *l, size_t k, kw_ns deadline,
                       const struct kw_plan_options *o, struct kw_choice *out)
{
    double least = INFINITY;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_candidate *x = &p->candidates[i];
        struct kw_choice c = x->choice[0];
        if (x->n != 1 || x->as_written || !c.api || (c.term != KW_TERM_ON_DEMAND && c.term != KW_TERM_BATCH)) continue;
        if (c.term == KW_TERM_ON_DEMAND) {
            if (kw_choice_batch(&c, false, NULL) != KW_OK) continue;
            kw_plan_batch_options(&c, o);
        }
        double takes = kw_law_quantile(&c.ttft_s, 0.99) + kw_nano_to_double(c.batching.collect);
        const struct kw_token_prices *price = kw_term_prices(c.api, c.term);
        double usd =
            (double)c.api->batch_ppm * (l->in[k] * (double)price->in_mtok.v + l->out[k] * (double)price->out_mtok.v);
        if (takes > kw_nano_to_double(deadline) || usd >= least) continue;
        least = usd;
        *out = c;
    }
    return isfinite(least);
}

/* Class k by the batch, the others as before; a dedicated fleet or a warm floor may be smaller without it. */
static enum kw_status with_batch(struct kw_plan *p, const struct kw_choice *others, const struct kw_choice *batch,
                                 double share, const struct kw_trace *t, size_t k, struct kw_error *err)
{
    struct kw_routing routing = { .policy = KW_ROUTE_CLASS };
    struct kw_choice first = *others, second = *batch;
    routing.class_to[k] = 1;
    snprintf(first.name, sizeof first.name, "all but %.20s", t->class_name[k]);
    snprintf(second.name, sizeof second.name, "%.31s", t->class_name[k]);
    enum kw_status st = kw_plan_push_pair(p, &first, &second, &routing, err);
    if (others->platform->kind == KW_KIND_SERVERLESS) {
        uint32_t warm[2];
        size_t n = fewer_warm(others, warm);
        for (size_t i = 0; i < n && others->scaling.keep_warm && st == KW_OK; i++) {
            first.scaling.keep_warm = warm[i];
            st = kw_plan_push_pair(p, &first, &second, &routing, err);
        }
    } else if (others->gpu && !others->autoscaler) {
        uint32_t step = kw_gpu_offer_step(others->gpu, others->gpus), all = others->scaling.max_replicas;
        uint32_t least = (uint32_t)ceil(all * (1 - share) / step) * step;
        if (least < step) least = step;
        for (uint32_t n = least, i = 0; n < all && i < FEWER && st == KW_OK; n += step, i++) {
            kw_choice_replicas(&first, n);
            st = kw_plan_push_pair(p, &first, &second, &routing, err);
        }
    }
    return st;
}

/* The API that serves the other classes at once: the best of those looked at that answer each request by itself, and one whose
 * latency nobody told is ranked by its cost, here too; NULL: none. */
static const struct kw_choice *best_at_once(const struct kw_plan *p, size_t looked)
{
    size_t best = looked;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_candidate *x = &p->candidates[i];
        if (x->n != 1 || x->as_written || !x->choice[0].api || x->choice[0].term == KW_TERM_BATCH ||
            !p->points[i].replications)
            continue;
        if (best == looked || kw_point_better(&p->points[i], &p->points[best])) best = i;
    }
    return best < looked ? &p->candidates[best].choice[0] : NULL;
}

/* A class is tolerant where its objectives give it an end-to-end time in which a batch is answered, and the first token
 * no less: a class of which nobody says how long it may wait goes nowhere it has to. */
static enum kw_status by_batch(struct kw_plan *p, size_t looked, const struct kw_choice *first, size_t n_first,
                               const struct kw_study *study, const struct kw_plan_options *o, struct kw_error *err)
{
    const struct kw_trace *t = study->trace;
    struct class_load load;
    enum kw_status st = KW_OK;
    if (o->terms_stated && !o->batch) return KW_OK;
    load_by_class(&load, t);
    for (size_t k = 0; k < t->n_classes && st == KW_OK; k++) {
        const struct kw_slo_limits l = kw_slo_limits(kw_slo_of_class(&study->slo, t->class_name[k]));
        kw_ns deadline = l.ttft && l.ttft < l.e2e ? l.ttft : l.e2e;
        struct kw_choice batch;
        if (!deadline || !best_batch(p, looked, &load, k, deadline, o, &batch)) continue;
        for (size_t i = 0; i < n_first && st == KW_OK; i++)
            st = with_batch(p, &first[i], &batch, (load.in[k] + load.out[k]) / load.all, t, k, err);
    }
    return st;
}

enum kw_status kw_plan_hybrids(struct kw_plan *p, size_t looked, const struct kw_study *study,
                               const struct kw_plan_options *o, struct kw_error *err)
{
    const struct kw_trace *t = study->trace;
    bool by_classes = t->klass && t->n_classes >= 2 && t->n_classes <= CLASSES;
    struct contender api[APIS], serverless[SERVERLESS], dedicated[DEDICATED];
    size_t n_api = contenders(p, looked, KW_KIND_API, api, APIS),
           n_serverless = contenders(p, looked, KW_KIND_SERVERLESS, serverless, SERVERLESS),
           n_dedicated = contenders(p, looked, KW_KIND_DEDICATED, dedicated, DEDICATED);
    struct kw_choice gpu[SERVERLESS + DEDICATED], last = { .platform = NULL }; /* copies: pushing moves candidates */
    for (size_t i = 0; i < n_serverless; i++) gpu[i] = *serverless[i].c;
    for (size_t i = 0; i < n_dedicated; i++) gpu[n_serverless + i] = *dedicated[i].c;
    if (n_api) last = *api[0].c;
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n_serverless + n_dedicated && n_api && st == KW_OK; i++) st = spill(p, &gpu[i], &last, err);
    if (by_classes && st == KW_OK) {
        struct kw_choice first[APIS + SERVERLESS + DEDICATED];
        const struct kw_choice *at_once = best_at_once(p, looked);
        memcpy(first, gpu, (n_serverless + n_dedicated) * sizeof *gpu);
        if (at_once) first[n_serverless + n_dedicated] = *at_once;
        st = by_batch(p, looked, first, n_serverless + n_dedicated + (at_once != NULL), study, o, err);
    }
    if (n_serverless + n_dedicated == 0) return st;
    struct kw_choice burst = gpu[0];
    bool to_zero = n_serverless && burst.platform->scaling.at_zero != KW_ZERO_STOPPED;
    burst.scaling.keep_warm = 0;
    for (size_t i = 0; i < n_dedicated && to_zero && st == KW_OK; i++)
        st = spill(p, &gpu[n_serverless + i], &burst, err);
    if (!by_classes) return st;
    for (size_t i = 0; i < n_serverless + n_dedicated && to_zero && st == KW_OK; i++) {
        struct kw_choice warm = gpu[i];
        if (i < n_serverless && warm.scaling.keep_warm == 0) warm.scaling.keep_warm = 1;
        st = by_class(p, &warm, &burst, t, err);
    }
    return st;
}
