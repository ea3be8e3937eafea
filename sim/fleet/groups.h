/* sim/fleet/groups.h - whose latencies are told apart: the classes, models and regions of a trace, and the deployments. A
 * percentile over all of them would say nothing of the fewer ones. */
#ifndef KW_SIM_FLEET_GROUPS_H
#define KW_SIM_FLEET_GROUPS_H
#include <stdint.h>
#include "sim/fleet/deployment.h"
#include "workloads/trace.h"

#define KW_GROUPS_MAX 64 /* told apart; a trace of more is taken without its regions, or as one */

/* What occurs of class, model and region together in a trace, in order of (class, model, region). Read-only once made.
 */
struct kw_groups {
    uint32_t n;    /* 1..KW_GROUPS_MAX */
    uint32_t wide; /* models of a class in of[] */
    uint32_t deep; /* regions of a class and model in it; 1: they are not told apart */
    uint8_t *of;   /* [classes * wide * deep], owned: group of a class, model and region; NULL when n is 1 */
    struct kw_group {
        int32_t klass, model, region; /* index into the trace's names; -1: the trace names none, or all together */
        struct kw_slo_limits limits;  /* per request, what attainment counts */
    } group[KW_GROUPS_MAX];
};

/* All limits are `limits` at first. O(n). KW_ENOMEM. */
enum kw_status kw_groups_init(struct kw_groups *g, const struct kw_trace *t, const struct kw_slo_limits *limits,
                              struct kw_error *err);
void kw_groups_free(struct kw_groups *g); /* safe to call again */

static inline uint32_t kw_groups_of(const struct kw_groups *g, const struct kw_trace *t, uint32_t request)
{
    if (!g->of) return 0;
    uint32_t klass = t->klass ? t->klass[request] : 0, model = t->model ? t->model[request] : 0;
    return g->of[(klass * g->wide + model) * g->deep + (g->deep > 1 ? t->region[request] : 0)];
}

#endif
