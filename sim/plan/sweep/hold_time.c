#include "sim/plan/sweep/hold_time.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/pool/cold_start.h"
#include "sim/fleet/prewarm.h"

#define START_WITHIN 0.95
#define LENGTH_WITHIN 0.99

static uint32_t classes_of(const struct kw_trace *t)
{
    return !t->klass ? 1 : t->n_classes < KW_HOLD_CLASSES ? (uint32_t)t->n_classes : KW_HOLD_CLASSES;
}

static const struct kw_slo *slo_of(const struct kw_trace *t, const struct kw_slo *slo, uint32_t k)
{
    return t->klass ? kw_slo_of_class(slo, t->class_name[k]) : slo;
}

static int ascending(const void *x, const void *y)
{
    const uint32_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* By the nearest rank. */
static uint32_t rank_of(uint32_t *v, size_t n)
{
    if (!n) return 0;
    qsort(v, n, sizeof *v, ascending);
    return v[(size_t)ceil(LENGTH_WITHIN * (double)n) - 1];
}

enum kw_status kw_class_lengths(struct kw_class_lengths *l, const struct kw_trace *t, struct kw_error *err)
{
    uint32_t *prompt = malloc((t->n ? t->n : 1) * sizeof *prompt), *output = malloc((t->n ? t->n : 1) * sizeof *output);
    *l = (struct kw_class_lengths){ .prompt = { 0 } };
    for (uint32_t k = 0; prompt && output && k < classes_of(t); k++) {
        size_t n = 0;
        for (size_t i = 0; i < t->n; i++) {
            if (t->klass && t->klass[i] != k) continue;
            prompt[n] = t->prompt[i];
            output[n++] = t->output[i];
        }
        l->prompt[k] = rank_of(prompt, n);
        l->output[k] = rank_of(output, n);
    }
    bool failed = !prompt || !output;
    free(prompt);
    free(output);
    return failed ? kw_fail(err, KW_ENOMEM, "out of memory") : KW_OK;
}

static kw_ns shorter(kw_ns a, kw_ns b)
{
    return !a ? b : !b || a < b ? a : b;
}

static enum kw_status by_objective(kw_ns *most, const struct kw_deployment *d, const struct kw_trace *t, uint32_t k,
                                   const struct kw_class_lengths *l, const struct kw_slo *slo, kw_ns start,
                                   struct kw_error *err)
{
    const char *name = t->klass ? t->class_name[k] : "all";
    struct kw_slo_limits limits = kw_slo_limits(slo_of(t, slo, k));
    kw_ns limit = shorter(limits.e2e, limits.ttft);
    double service_s;
    if (!limit)
        return kw_fail(err, KW_ERANGE, "%s: no objective (e2e) says how long requests of class '%.40s' may wait",
                       d->name, name);
    kw_prewarm_batch(d, kw_tokens_as(l->prompt[k], d->tokens_ppm), kw_tokens_as(l->output[k], d->tokens_ppm), 0,
                     &service_s);
    double left = (double)limit - (double)start - 1e9 * service_s - (double)(d->network_rtt + d->front);
    *most = left >= 1 ? (kw_ns)left : 0;
    if (*most) return KW_OK;
    return kw_fail(
        err, KW_ERANGE,
        "%s: requests of class '%.40s' have %.4g s, and a start (%.3g s) and their service (%.3g s) leave no time "
        "to hold them",
        d->name, name, 1e-9 * (double)limit, 1e-9 * (double)start, service_s);
}

enum kw_status kw_hold_time(struct kw_deployment *d, const struct kw_hold_ask *a, const struct kw_trace *t,
                            const struct kw_class_lengths *l, const struct kw_slo *slo, struct kw_error *err)
{
    kw_ns start = 0;
    enum kw_status st = KW_OK;
    d->hold.every = a->classes && a->most ? a->every : 0;
    if (a->most == KW_HOLD_AUTO && a->classes) st = kw_start_quantile(&d->cold, &d->scaling, START_WITHIN, &start, err);
    for (uint32_t k = 0; k < classes_of(t) && st == KW_OK; k++) {
        if (!(a->classes >> k & 1)) continue;
        if (a->most == KW_HOLD_AUTO)
            st = by_objective(&d->hold.most[k], d, t, k, l, slo, start, err);
        else
            d->hold.most[k] = a->most;
    }
    return st;
}

uint32_t kw_hold_classes(const struct kw_trace *t, const struct kw_slo *slo)
{
    uint32_t classes = 0;
    for (uint32_t k = 0; k < classes_of(t); k++) {
        struct kw_slo_limits limits = kw_slo_limits(slo_of(t, slo, k));
        if (limits.e2e && !limits.ttft) classes |= 1u << k;
    }
    return classes;
}
