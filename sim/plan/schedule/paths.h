/* sim/plan/schedule/paths.h - the cheapest levels by the figures of single hours (graph.h), and what no levels go below.
 *
 * The hours that share a level (all Mondays at 9, all working days at 9, ...) are pieces of several days: those days walk side by
 * side, each with its own count of replicas, under one level an hour. Dynamic programming (Bellman 1957) over the
 * counts of all days together finds
 *     P(lambda) = min over levels of  sum of billed time + sum_k lambda_k late_k (+ mu changes).
 * Days are cut from each other at the quietest hour: each begins there with whatever count is cheapest.
 *
 * The bound. Objective k allows m_k late requests. For any levels that meet it and any lambda_k >= 0,
 *     billed >= billed + lambda_k (late_k - m_k) >= P(lambda_k) - lambda_k m_k
 * (Lagrangian relaxation; Geoffrion 1974), and the highest of the right hand sides over lambda_k and k counts. Cutting days
 * apart, and taking for what was not seen the cheapest that was (kw_graph_steps), only lowers P.
 * What it rests on: an hour's figures follow from the hour, the level, and the replicas alive at its begin, or were seen in
 * one of the runs that the graph learned from. So it is never above the cost of a schedule that was simulated; for the
 * others tests/sim/plan/test_schedules.c holds it against all schedules there are, and tests/cases/schedules.txt has how far
 * the figures were from schedules simulated afterwards. */
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

/* The hours of h (168, 48 or 24 levels), or with `apart` a level for each piece of the window by itself: whoever knows
 * the weeks ahead. h has the graph's pieces. */
enum kw_status kw_paths_init(struct kw_paths *w, const struct kw_graph *g, const struct kw_hours *h, bool apart,
                             struct kw_error *err);
void kw_paths_free(struct kw_paths *w); /* safe to call again */

struct kw_paths_found {
    double value, cost; /* P; the billed time in it, replica-s */
    double late[KW_HOURS_OBJECTIVES];
    bool exact; /* no walk was left out for want of room */
};
/* level[classes], or NULL where only the value is asked for. weight[n_objectives]: replica-s a late request; mu: a change. */
enum kw_status kw_paths_cheapest(const struct kw_paths *w, const double *weight, double mu, struct kw_paths_found *out,
                                 uint32_t *level, struct kw_error *err);

/* The same of given levels: days walk apart, each by the steps that are cheapest by weight. */
void kw_paths_follow(const struct kw_paths *w, const double *weight, const uint32_t *level, struct kw_paths_found *out);

/* The bound, replica-s, of schedules with at most share * budget requests late of each of objective[n_objectives]; INFINITY: by
 * the figures no levels have so few late. weight[n_objectives]: the lambda that it is from. */
enum kw_status kw_paths_bound(const struct kw_paths *w, const struct kw_hours_objective *objective, double share,
                              double *bound, double *weight, struct kw_error *err);

#endif
