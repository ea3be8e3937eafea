/* Mixes: two offers of GPUs behind one router. A dedicated pool of any size that is tried alone or somewhat smaller, and beside
 * it serverless replicas that start from zero for what it has no room for, or machines with another GPU that take the rest or
 * their share. Made of the best few alone; the rent of both bounds their cost as it does any candidate's. */
#include <string.h>
#include "sim/plan/plan_internal.h"

#define BASES 2  /* dedicated, of different platforms or GPUs */
#define BESIDE 2 /* of each kind, likewise */
#define FEWER 2  /* steps that the platform rents together, below the smallest that is tried alone */

/* The best of a kind among the first `looked` on an offer that is not among taken[n]; NULL when there is none. Pools that
 * an autoscaler of the user's moves are no base: their machines come and go already. */
static const struct kw_choice *best_of(const struct kw_plan *p, size_t looked, enum kw_kind kind,
                                       const struct kw_choice *taken, size_t n)
{
    size_t best = looked;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_candidate *x = &p->candidates[i];
        const struct kw_choice *c = &x->choice[0];
        if (x->n != 1 || x->as_written || c->platform->kind != kind || !p->points[i].replications || c->autoscaler)
            continue;
        if (kind == KW_KIND_SERVERLESS && c->platform->scaling.at_zero == KW_ZERO_STOPPED) continue;
        bool out = false;
        for (size_t k = 0; k < n && !out; k++)
            out = taken[k].platform == c->platform && !strcmp(taken[k].gpu->gpu, c->gpu->gpu);
        if (!out && (best == looked || kw_point_better(&p->points[i], &p->points[best]))) best = i;
    }
    return best < looked ? &p->candidates[best].choice[0] : NULL;
}

/* Copies, for pushing moves candidates. */
static size_t best_few(const struct kw_plan *p, size_t looked, enum kw_kind kind, struct kw_choice *out, size_t max)
{
    size_t n = 0;
    for (const struct kw_choice *c; n < max && (c = best_of(p, looked, kind, out, n)); n++) out[n] = *c;
    return n;
}

static enum kw_status with_serverless(struct kw_plan *p, const struct kw_choice *base, const struct kw_choice *beside,
                                      struct kw_error *err)
{
    struct kw_routing overflow = { .policy = KW_ROUTE_OVERFLOW, .overflow_at = 1 };
    struct kw_choice burst = *beside;
    burst.scaling.keep_warm = 0;
    return kw_plan_push_pair(p, base, &burst, &overflow, err);
}

/* One step of machines with another GPU: for what the base has no room for, and for a share by how fast each can be. */
static enum kw_status with_machines(struct kw_plan *p, const struct kw_choice *base, const struct kw_choice *beside,
                                    struct kw_error *err)
{
    struct kw_routing overflow = { .policy = KW_ROUTE_OVERFLOW, .overflow_at = 1 },
                      split = { .policy = KW_ROUTE_SPLIT };
    struct kw_choice other = *beside;
    if (!strcmp(base->gpu->gpu, other.gpu->gpu)) return KW_OK; /* dearer or cheaper machines of one speed */
    kw_choice_replicas(&other, kw_gpu_offer_step(other.gpu, other.gpus));
    double first = base->scaling.max_replicas / kw_plan_least_token_s(base),
           second = other.scaling.max_replicas / kw_plan_least_token_s(&other);
    split.share[0] = first / (first + second);
    split.share[1] = 1 - split.share[0];
    enum kw_status st = kw_plan_push_pair(p, base, &other, &overflow, err);
    return st == KW_OK ? kw_plan_push_pair(p, base, &other, &split, err) : st;
}

/* The largest pool of the offer that is tried alone. */
static uint32_t largest(const struct kw_plan *p, size_t looked, const struct kw_choice *of)
{
    uint32_t most = of->scaling.max_replicas;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_choice *c = &p->candidates[i].choice[0];
        if (p->candidates[i].n == 1 && !p->candidates[i].as_written && c->gpu == of->gpu && c->profile == of->profile &&
            c->term == of->term && !c->autoscaler && c->scaling.max_replicas > most)
            most = c->scaling.max_replicas;
    }
    return most;
}

enum kw_status kw_plan_mixes(struct kw_plan *p, size_t looked, struct kw_error *err)
{
    struct kw_choice base[BASES] = { 0 }, serverless[BESIDE] = { 0 }, machines[BASES + BESIDE] = { 0 };
    size_t n_base = best_few(p, looked, KW_KIND_DEDICATED, base, BASES), before = p->n,
           n_serverless = best_few(p, looked, KW_KIND_SERVERLESS, serverless, BESIDE),
           n_machines = best_few(p, looked, KW_KIND_DEDICATED, machines, BASES + BESIDE);
    enum kw_status st = KW_OK;
    for (size_t b = 0; b < n_base && st == KW_OK; b++) {
        const uint32_t step = kw_gpu_offer_step(base[b].gpu, base[b].gpus), size = base[b].scaling.max_replicas;
        const uint32_t least = size > FEWER * step ? size - FEWER * step : step;
        const uint32_t most = largest(p, looked, &base[b]);
        for (uint32_t n = least; n <= most && st == KW_OK; n += step) {
            struct kw_choice c = base[b];
            kw_choice_replicas(&c, n);
            for (size_t k = 0; k < n_serverless && st == KW_OK; k++) st = with_serverless(p, &c, &serverless[k], err);
            for (size_t k = 0; k < n_machines && st == KW_OK; k++) st = with_machines(p, &c, &machines[k], err);
        }
    }
    if (st != KW_OK || p->n > before) return st;
    return kw_plan_drop(p, "mixes", "there is no second offer of GPUs to put beside a dedicated one", err);
}
