#include "sim/plan/sweep/distance.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *kw_distance_name(const char *name)
{
    const char *ours = kw_region_name(kw_region_find(name));
    return ours ? ours : name;
}

enum kw_status kw_choice_place(struct kw_choice *c, const struct kw_region_offer *r, struct kw_error *err)
{
    const struct kw_platform *p = c->platform;
    const struct kw_gpu_offer *gpu = c->gpu ? kw_region_gpu(p, r, c->gpu) : NULL;
    const struct kw_api_offer *api = c->api ? kw_region_api(p, r, c->api) : NULL;
    if (!gpu && !api)
        return kw_fail(err, KW_ERANGE, "%s does not sell %s in %s", p->title, c->gpu ? c->gpu->sku : c->api->model,
                       r->name);
    c->gpu = gpu;
    c->api = api;
    c->region = r;
    if (gpu) c->spot = gpu->spot;
    return KW_OK;
}

static const struct kw_distance *stated(const struct kw_distances *d, const char *a, const char *b)
{
    for (size_t i = 0; d && i < d->n; i++)
        if ((!strcmp(d->own[i].a, a) && !strcmp(d->own[i].b, b)) ||
            (!strcmp(d->own[i].a, b) && !strcmp(d->own[i].b, a)))
            return &d->own[i];
    return NULL;
}

enum kw_status kw_choice_locate(struct kw_choice *c, kw_region_set via, const struct kw_trace *t,
                                const struct kw_distances *d, struct kw_error *err)
{
    const struct kw_region_offer *r = c->region;
    assert(r);
    c->via = via;
    c->located = t->region != NULL;
    memset(c->region_rtt, 0, sizeof c->region_rtt);
    if (!t->region) return KW_OK;
    if (t->n_regions > KW_REGIONS_MAX)
        return kw_fail(err, KW_ERANGE, "the trace names %zu regions; at most %d are told apart", t->n_regions,
                       KW_REGIONS_MAX);
    for (size_t i = 0; i < t->n_regions; i++) {
        const char *from = t->region_name[i];
        const struct kw_distance *own = stated(d, from, r->name);
        kw_ns rtt = own ? own->rtt : kw_platform_rtt(c->platform, kw_region_find(from), r->where, via);
        if (rtt == KW_RTT_UNKNOWN)
            return kw_fail(err, KW_ERANGE,
                           "how long requests from %s%.40s take to %s in %s is not known: state it in \"rtt_s\"",
                           *from ? "" : "no known region", from, c->platform->title, r->name);
        c->region_rtt[i] = rtt;
    }
    return KW_OK;
}

/* Insertion sort: at most 16 deployments. */
void kw_candidate_order(struct kw_candidate *c, const struct kw_trace *t)
{
    assert(t->n_regions <= KW_REGIONS_MAX);
    for (size_t i = 0; i < t->n_regions; i++) {
        kw_region_set from = kw_region_find(t->region_name[i]);
        uint8_t *order = c->routing.order[i];
        for (uint32_t d = 0; d < c->n; d++) {
            const struct kw_choice *x = &c->choice[d];
            uint32_t at = d;
            for (; at > 0; at--) {
                const struct kw_choice *y = &c->choice[order[at - 1]];
                bool in = from && x->region->where == from, before_in = from && y->region->where == from;
                if (in == before_in ? x->region_rtt[i] >= y->region_rtt[i] : before_in) break;
                order[at] = order[at - 1];
            }
            order[at] = (uint8_t)d;
        }
    }
}
