/* sim/plan/schedule/anneal.h - levels that cost little, and leave few enough late, by the figures of single hours (graph.h).
 *
 * The figures make of a schedule a Markov chain over the count of replicas: at its level an hour costs, leaves late and hands on the
 * mean of what was seen of it at that count. Such a chain is followed in microseconds. Levels of a few hours are drawn anew; what
 * lowers
 *     billed time * (1 + the late requests beyond those allowed, of the worst objective, over those allowed) + changes
 * is kept, the billed time in the factor that of the levels to begin with, and what raises it by d with probability exp(-d / T), T
 * falling: simulated annealing (Metropolis et al. 1953; Kirkpatrick, Gelatt and Vecchi, Science 220, 1983). A count that was not seen
 * of an hour and level has what was cheapest at other counts, as in bound.h: so it is looked at, and then known. */
#ifndef KW_SIM_PLAN_SCHEDULE_ANNEAL_H
#define KW_SIM_PLAN_SCHEDULE_ANNEAL_H
#include "sim/plan/schedule/graph.h"

struct kw_anneal_ask {
    const struct kw_hours_objective *objective; /* [the graph's n_objectives], borrowed */
    double share;                               /* of each budget: so many requests may be late */
    double late;   /* replica-s: what all the late requests of a budget are worth where the cheapest is looked for */
    double change; /* replica-s for each change of level within a day or a week */
    uint64_t seed; /* of what is drawn */
    uint32_t steps;
};

/* h has the graph's pieces. level[h->n]: where to begin, and the best on the way. O(steps * pieces). KW_ENOMEM. */
enum kw_status kw_anneal(const struct kw_graph *g, const struct kw_hours *h, const struct kw_anneal_ask *ask,
                         uint32_t *level, struct kw_error *err);

#endif
