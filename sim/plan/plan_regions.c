/* One deployment a region instead of one for all: of what looked best after the first look, which is the same in a
 * pruned and an exhaustive plan. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/distance.h"

#define SERVERLESS 3 /* platforms */
#define DEDICATED 2

struct split {
    struct kw_plan *p;
    const struct kw_trace *trace;
    const struct kw_plan_options *o;
    double share[KW_REGIONS_MAX]; /* of the requests, by the trace's regions */
    struct kw_error *err;
};

/* The best deployment of a kind on a platform that is none of taken[n]; -1. */
static ptrdiff_t best_of(const struct kw_plan *p, size_t looked, enum kw_kind kind, const size_t *taken, size_t n)
{
    ptrdiff_t best = -1;
    for (size_t i = 0; i < looked; i++) {
        const struct kw_candidate *x = &p->candidates[i];
        const struct kw_choice *c = &x->choice[0];
        bool out = x->n != 1 || x->as_written || c->platform->kind != kind || !p->points[i].replications || !c->region;
        for (size_t k = 0; k < n && !out; k++) out = p->candidates[taken[k]].choice[0].platform == c->platform;
        if (!out && (best < 0 || kw_point_better(&p->points[i], &p->points[best]))) best = (ptrdiff_t)i;
    }
    return best;
}

static double price_of(const struct kw_choice *c)
{
    const struct kw_price *p = kw_gpu_price(c->gpu, c->term);
    return p->known ? (double)p->v * (1e6 + (double)c->gpu->region_surcharge_ppm) : INFINITY;
}

/* Whether a serves requests of the trace's region i better than b: in it, nearer, cheaper. cheap: the cheaper of those
 * that region i lies in, whatever the way. */
static bool serves_better(const struct kw_choice *a, const struct kw_choice *b, size_t i, kw_region_set from,
                          bool cheap)
{
    bool holds = kw_region_within(from, a->region->where), b_holds = kw_region_within(from, b->region->where);
    if (cheap && holds != b_holds) return holds;
    if (cheap && holds && price_of(a) != price_of(b)) return price_of(a) < price_of(b);
    bool in = a->region->where == from, b_in = b->region->where == from;
    if (in != b_in) return in;
    if (a->region_rtt[i] != b->region_rtt[i]) return a->region_rtt[i] < b->region_rtt[i];
    return price_of(a) < price_of(b);
}

/* Where the platform would serve region i: false where it has no place for it. */
static bool place_of(const struct split *s, const struct kw_choice *c, size_t i, bool cheap, struct kw_choice *out)
{
    const struct kw_platform *q = c->platform;
    kw_region_set from = kw_region_find(s->trace->region_name[i]);
    bool any = false;
    for (size_t k = 0; k < q->n_regions; k++) {
        struct kw_choice x = *c;
        char why[200];
        if (!kw_plan_allows_region(s->o, &q->regions[k]) || kw_choice_place(&x, &q->regions[k], NULL) != KW_OK ||
            !isfinite(price_of(&x)) || kw_choice_locate(&x, c->via, s->trace, s->o->distances, NULL) != KW_OK)
            continue;
        if (x.term == KW_TERM_SPOT) { /* each region has its own rate, which the user's stands above */
            kw_plan_own_spot(&x, s->o, c->spot.fallback);
            x.spot.fallback_start = c->spot.fallback_start;
            if (!kw_plan_allows_spot(s->o, &x, why, sizeof why)) continue;
        }
        if (!any || serves_better(&x, out, i, from, cheap)) *out = x;
        any = true;
    }
    return any;
}

/* The places for all regions of the traffic, each once, and the share of the requests that each is for. */
static uint32_t places(const struct split *s, const struct kw_choice *c, bool cheap,
                       struct kw_choice out[KW_FLEET_MAX_DEPLOYMENTS], double share[KW_FLEET_MAX_DEPLOYMENTS])
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->trace->n_regions; i++) {
        struct kw_choice x;
        uint32_t k = 0;
        if (!(s->share[i] > 0)) continue;
        if (!place_of(s, c, i, cheap, &x)) return 0;
        while (k < n && out[k].region != x.region) k++;
        if (k == KW_FLEET_MAX_DEPLOYMENTS) return 0;
        if (k == n) {
            snprintf(x.name, sizeof x.name, "%s", x.region->name);
            share[n] = 0;
            out[n++] = x;
        }
        share[k] += s->share[i];
    }
    return n;
}

static enum kw_status push(const struct split *s, struct kw_choice *c, uint32_t n, enum kw_route_spill spill)
{
    struct kw_candidate x = { .choice = c, .n = n };
    x.routing = (struct kw_routing){ .policy = KW_ROUTE_REGION, .spill = spill, .overflow_at = 1 };
    kw_candidate_order(&x, s->trace);
    return kw_plan_push_copy(s->p, &x, s->err);
}

static bool may_keep(const struct kw_plan_options *o, const struct kw_platform *q, uint32_t warm)
{
    bool listed = o->n_keep_warm == 0;
    for (size_t i = 0; i < o->n_keep_warm; i++) listed |= o->keep_warm[i] == warm;
    return listed && (warm > 0 || q->scaling.at_zero != KW_ZERO_STOPPED);
}

/* As many kept in each region, up to one more than the best keeps for all; and those of the best in the busiest region
 * alone, where the others' requests go while theirs is cold. */
static enum kw_status push_serverless(const struct split *s, const struct kw_choice *best, struct kw_choice *c,
                                      const double *share, uint32_t n)
{
    uint32_t most = best->scaling.keep_warm + 1, busiest = 0;
    enum kw_status st = KW_OK;
    for (uint32_t warm = 0; warm <= most && st == KW_OK; warm++) {
        if (!may_keep(s->o, best->platform, warm)) continue;
        for (uint32_t d = 0; d < n; d++) {
            c[d].scaling.keep_warm = warm;
            if (c[d].scaling.max_replicas < warm) c[d].scaling.max_replicas = warm;
        }
        st = push(s, c, n, KW_SPILL_NEVER);
    }
    uint32_t warm = best->scaling.keep_warm ? best->scaling.keep_warm : 1;
    if (st != KW_OK || !may_keep(s->o, best->platform, 0) || !may_keep(s->o, best->platform, warm)) return st;
    for (uint32_t d = 1; d < n; d++)
        if (share[d] > share[busiest]) busiest = d;
    for (uint32_t d = 0; d < n; d++) c[d].scaling.keep_warm = d == busiest ? warm : 0;
    return push(s, c, n, KW_SPILL_COLD);
}

/* Replicas by the region's share of the requests, rounded up to what is rented together; and one more in each. */
static enum kw_status push_dedicated(const struct split *s, const struct kw_choice *best, struct kw_choice *c,
                                     const double *share, uint32_t n)
{
    enum kw_status st = KW_OK;
    for (uint32_t extra = 0; extra < 2 && st == KW_OK; extra++) {
        for (uint32_t d = 0; d < n; d++) {
            uint32_t step = kw_gpu_offer_step(c[d].gpu, c[d].gpus);
            double steps = ceil(share[d] * best->scaling.max_replicas / step - 1e-9);
            kw_choice_replicas(&c[d], step * (uint32_t)(fmax(1, steps) + extra));
        }
        st = push(s, c, n, KW_SPILL_NEVER);
    }
    return st;
}

static bool same_places(const struct kw_choice *a, uint32_t n, const struct kw_choice *b, uint32_t m)
{
    bool same = n == m;
    for (uint32_t d = 0; d < n && same; d++) same = a[d].region == b[d].region;
    return same;
}

static enum kw_status split_one(const struct split *s, size_t of)
{
    const struct kw_choice best = s->p->candidates[of].choice[0]; /* a copy: pushing moves candidates */
    struct kw_choice c[2][KW_FLEET_MAX_DEPLOYMENTS];
    double share[2][KW_FLEET_MAX_DEPLOYMENTS];
    uint32_t n[2];
    enum kw_status st = KW_OK;
    for (int cheap = 0; cheap < 2; cheap++) n[cheap] = places(s, &best, cheap, c[cheap], share[cheap]);
    if (same_places(c[0], n[0], c[1], n[1])) n[1] = 0;
    for (int cheap = 0; cheap < 2 && st == KW_OK; cheap++) {
        if (n[cheap] < 2) continue;
        st = best.platform->kind == KW_KIND_SERVERLESS ? push_serverless(s, &best, c[cheap], share[cheap], n[cheap])
                                                       : push_dedicated(s, &best, c[cheap], share[cheap], n[cheap]);
    }
    return st;
}

bool kw_plan_allows_region(const struct kw_plan_options *o, const struct kw_region_offer *r)
{
    for (size_t i = 0; i < o->n_regions; i++)
        if (kw_region_within(r->where, o->regions[i])) return true;
    return false;
}

enum kw_status kw_plan_regions(struct kw_plan *p, size_t looked, const struct kw_trace *t,
                               const struct kw_plan_options *o, struct kw_error *err)
{
    struct split s = { .p = p, .trace = t, .o = o, .err = err };
    if (!o->n_regions || !t->region || t->n_regions > KW_REGIONS_MAX) return KW_OK;
    for (size_t i = 0; i < t->n; i++) s.share[t->region[i]] += 1 / (double)t->n;
    size_t taken[SERVERLESS + DEDICATED], n = 0;
    for (ptrdiff_t i; n < SERVERLESS && (i = best_of(p, looked, KW_KIND_SERVERLESS, taken, n)) >= 0;)
        taken[n++] = (size_t)i;
    for (size_t from = n; n - from < DEDICATED;) {
        ptrdiff_t i = best_of(p, looked, KW_KIND_DEDICATED, taken, n);
        if (i < 0) break;
        taken[n++] = (size_t)i;
    }
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < n && st == KW_OK; k++) st = split_one(&s, taken[k]);
    return st;
}
