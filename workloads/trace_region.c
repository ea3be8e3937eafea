/* Where the requests of a trace come from: drawn by share, and named anew. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "workloads/trace.h"

static void free_names(char **name, size_t n)
{
    for (size_t i = 0; i < n; i++) free(name[i]);
    free(name);
}

/* One draw a request, whatever the shares: other shares meet the same draws. */
enum kw_status kw_trace_draw_regions(struct kw_trace *t, const char *const name[], const double share[], size_t n,
                                     uint64_t seed, struct kw_error *err)
{
    assert(!t->region && n && n <= UINT16_MAX);
    uint16_t *region = malloc((t->n + 1) * sizeof *region);
    char **names = calloc(n, sizeof *names);
    struct kw_rng rng = { NULL };
    bool ok = region && names;
    for (size_t i = 0; i < n && ok; i++) ok = (names[i] = strdup(name[i])) != NULL;
    enum kw_status st = ok ? kw_rng_init(&rng, seed, 0, KW_RNG_REGION, err)
                           : kw_fail(err, KW_ENOMEM, "out of memory for the regions of %zu requests", t->n);
    if (st != KW_OK) {
        if (names) free_names(names, n);
        free(region);
        return st;
    }
    for (size_t i = 0; i < t->n; i++) {
        double u = kw_rng_uniform(&rng), upto = share[0];
        size_t k = 0;
        while (k + 1 < n && u >= upto) upto += share[++k];
        bool waits = t->before && t->before[i] != KW_TRACE_NO_TURN; /* who asks stays where they are */
        region[i] = waits ? region[t->before[i]] : (uint16_t)k;
    }
    kw_rng_free(&rng);
    t->region = region;
    t->region_name = names;
    t->n_regions = n;
    return KW_OK;
}

enum kw_status kw_trace_rename_regions(struct kw_trace *t, const char *(*to)(void *ctx, const char *name), void *ctx,
                                       struct kw_error *err)
{
    if (!t->n_regions) return KW_OK;
    char **names = calloc(t->n_regions, sizeof *names);
    uint16_t *now = malloc(t->n_regions * sizeof *now);
    size_t n = 0;
    bool ok = names && now;
    for (size_t i = 0; i < t->n_regions && ok; i++) {
        const char *name = to(ctx, t->region_name[i]);
        size_t k = 0;
        while (k < n && strcmp(names[k], name)) k++;
        if (k == n) ok = (names[n++] = strdup(name)) != NULL;
        now[i] = (uint16_t)k;
    }
    if (!ok) {
        if (names) free_names(names, n);
        free(now);
        return kw_fail(err, KW_ENOMEM, "out of memory for the names of regions");
    }
    for (size_t i = 0; i < t->n; i++) t->region[i] = now[t->region[i]];
    free(now);
    free_names(t->region_name, t->n_regions);
    t->region_name = names;
    t->n_regions = n;
    return KW_OK;
}
