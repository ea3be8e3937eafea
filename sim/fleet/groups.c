#include "sim/fleet/groups.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* With `regions` told apart or not; *fits false: there are more than can be. */
static enum kw_status split(struct kw_groups *g, const struct kw_trace *t, size_t regions, bool *fits,
                            struct kw_error *err)
{
    size_t classes = t->klass ? t->n_classes : 1, models = t->model ? t->n_models : 1;
    size_t all = classes * models * regions, seen = 0, n = 0;
    struct kw_slo_limits limits = g->group[0].limits;
    *fits = true;
    if (all <= 1) return KW_OK;
    uint8_t *of = calloc(all, 1);
    if (!of) return kw_fail(err, KW_ENOMEM, "no memory for %zu classes, models and regions", all);
    for (size_t i = 0; i < t->n; i++) {
        size_t at = (t->klass ? t->klass[i] : 0) * models + (t->model ? t->model[i] : 0);
        at = at * regions + (regions > 1 ? t->region[i] : 0);
        assert(at < all);
        seen += !of[at];
        of[at] = 1;
    }
    *fits = seen <= KW_GROUPS_MAX;
    if (seen <= 1 || !*fits) {
        free(of);
        return KW_OK;
    }
    for (size_t at = 0; at < all; at++) {
        if (!of[at]) continue;
        g->group[n] = (struct kw_group){ .klass = t->klass ? (int32_t)(at / regions / models) : -1,
                                         .model = t->model ? (int32_t)(at / regions % models) : -1,
                                         .region = regions > 1 ? (int32_t)(at % regions) : -1,
                                         .limits = limits };
        of[at] = (uint8_t)n++;
    }
    g->n = (uint32_t)n;
    g->wide = (uint32_t)models;
    g->deep = (uint32_t)regions;
    g->of = of;
    return KW_OK;
}

enum kw_status kw_groups_init(struct kw_groups *g, const struct kw_trace *t, const struct kw_slo_limits *limits,
                              struct kw_error *err)
{
    bool fits;
    size_t regions = t->region && t->n_regions > 1 ? t->n_regions : 1;
    *g = (struct kw_groups){
        .n = 1, .wide = 1, .deep = 1, .group[0] = { .klass = -1, .model = -1, .region = -1, .limits = *limits }
    };
    enum kw_status st = split(g, t, regions, &fits, err);
    return st != KW_OK || fits || regions == 1 ? st : split(g, t, 1, &fits, err);
}

void kw_groups_free(struct kw_groups *g)
{
    free(g->of);
    g->of = NULL;
}
