/* sim/plan/schedule/paths.h - cheap levels by the figures of single hours (graph.h).
 *
 * The hours that share a level (all Mondays at 9, all working days at 9, ...) are pieces of several days: those days walk side by
 * side, each with its own count of replicas, under one level an hour. Dynamic programming (Bellman 1957) over the
 * counts of all days together finds
 *     P(lambda) = min over levels of  sum of billed time + sum_k lambda_k late_k + mu changes
 * as long as the walks that differ are not too many, else something near it. Days are cut from each other at the quietest hour: each
 * begins there with whatever count is cheapest. bound.h has what no levels go below. */
#ifndef KW_SIM_PLAN_SCHEDULE_PATHS_H
#define KW_SIM_PLAN_SCHEDULE_PATHS_H
#include "sim/plan/schedule/graph.h"

struct kw_paths_place { /* hours with one level, in the order in which days walk through them */
    uint32_t class;
    size_t n;         /* of its pieces */
    uint32_t *piece;  /* [n], into kw_paths.pieces */
    uint32_t *before; /* [n] which of the place before leads here; KW_GRAPH_NONE: a day begins */
};

struct kw_paths {
    const struct kw_graph *g; /* borrowed */
    uint32_t classes;
    size_t n;
    struct kw_paths_place *place; /* [n], owned */
    uint32_t *store;              /* owned: what the places point into */
    uint32_t *day;                /* [pieces], owned: days are numbered from 0 */
    uint32_t days;
};

/* The hours of h: 168, 48 or 24 levels. h has the graph's pieces. */
enum kw_status kw_paths_init(struct kw_paths *w, const struct kw_graph *g, const struct kw_hours *h,
                             struct kw_error *err);
void kw_paths_free(struct kw_paths *w); /* safe to call again */

struct kw_paths_found {
    double value, cost; /* P; the billed time in it, replica-s */
    double late[KW_HOURS_OBJECTIVES];
};
/* level[classes]. weight[n_objectives]: replica-s a late request; mu: a change. */
enum kw_status kw_paths_cheapest(const struct kw_paths *w, const double *weight, double mu, struct kw_paths_found *out,
                                 uint32_t *level, struct kw_error *err);

/* The same of given levels: days walk apart, each by the steps that are cheapest by weight. */
void kw_paths_follow(const struct kw_paths *w, const double *weight, const uint32_t *level, struct kw_paths_found *out);

#endif
