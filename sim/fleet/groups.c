#include "sim/fleet/groups.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum kw_status kw_groups_init(struct kw_groups *g, const struct kw_trace *t, const struct kw_slo_limits *limits,
                              struct kw_error *err)
{
    size_t classes = t->klass ? t->n_classes : 1, models = t->model ? t->n_models : 1, pairs = classes * models;
    *g = (struct kw_groups){ .n = 1, .wide = (uint32_t)models, .group[0] = { -1, -1, *limits } };
    if (pairs <= 1) return KW_OK;
    uint8_t *of = calloc(pairs, 1);
    if (!of) return kw_fail(err, KW_ENOMEM, "no memory for %zu classes and models", pairs);
    size_t seen = 0, n = 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t pair = (t->klass ? t->klass[i] : 0) * models + (t->model ? t->model[i] : 0);
        assert(pair < pairs);
        seen += !of[pair];
        of[pair] = 1;
    }
    if (seen <= 1 || seen > KW_GROUPS_MAX) {
        free(of);
        return KW_OK;
    }
    for (size_t pair = 0; pair < pairs; pair++) {
        if (!of[pair]) continue;
        g->group[n] = (struct kw_group){ t->klass ? (int32_t)(pair / models) : -1,
                                         t->model ? (int32_t)(pair % models) : -1, *limits };
        of[pair] = (uint8_t)n++;
    }
    g->n = (uint32_t)n;
    g->of = of;
    return KW_OK;
}

void kw_groups_free(struct kw_groups *g)
{
    free(g->of);
    g->of = NULL;
}
