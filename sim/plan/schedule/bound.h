/* sim/plan/schedule/bound.h - what no schedule goes below, by the figures of single hours (graph.h).
 *
 * A schedule is a walk through the window, piece by piece: at each a level, a step (what was seen there) and the count of replicas
 * that it hands on. Two things tie its pieces together: those of one hour of the week have one level, and objective k allows m_k late
 * requests. Both are let go for a price (Lagrangian relaxation and decomposition; Geoffrion 1974, Guignard and Kim 1987):
 *     D(lambda, u, v) = min over walks of  sum_p (billed_p + sum_k lambda_k late_kp + u_p(level_p) + v_p(levels before, level_p))
 *                       - sum_k lambda_k m_k
 * with lambda_k >= 0, u that adds up to nothing over the pieces of an hour at each level, and v over those that follow the same two
 * hours at each three levels: so a schedule pays neither, and days that would rather have levels of their own do, in the order of
 * their hours too. (v alone would do, but climbs slower.) For every schedule that meets the objectives billed >= D: each walk is one shortest path (Bellman 1957), and the
 * prices climb by subgradients with the step of Polyak (1969).
 *
 * Starts take the time that their draw says, so the same hour was luckier in one run than in another. What a step costs, leaves late
 * and hands on is therefore the mean of what was seen of the hour, the level and the replicas alive at its begin, each with what
 * lies ahead of it: D bounds what any schedule is expected to cost that is expected to meet the objectives, whoever is lucky. With
 * `luckiest` the cheapest that was seen stands for all: never above the cost of a schedule that was simulated, and the lower the more
 * runs the graph has learned from. In both the cheapest that was seen of an hour stands for counts and levels that were not.
 * What it rests on: an hour's figures follow from the hour, the level, and the replicas alive at its begin.
 * tests/sim/plan/test_schedules.c holds both against all schedules there are, tests/cases/schedules.txt has how far they are apart. */
#ifndef KW_SIM_PLAN_SCHEDULE_BOUND_H
#define KW_SIM_PLAN_SCHEDULE_BOUND_H
#include "sim/plan/schedule/graph.h"

struct kw_bound_ask {
    const struct kw_hours_objective *objective; /* [the graph's n_objectives], borrowed */
    double share;                               /* of each budget: so many requests may be late */
    double enough; /* replica-s, finite: no higher bound is asked for; what is known to be possible */
    bool luckiest;
    bool apart; /* a level for each piece of the window by itself: whoever knows the weeks ahead */
};

/* *least: replica-s, at most `enough`; INFINITY: by the figures no levels have so few late. wanted[the graph's pieces], may be NULL:
 * the level that each piece takes most under the last prices, whatever the others of its hour do. h has the graph's pieces.
 * KW_ENOMEM. */
enum kw_status kw_bound_find(double *least, uint32_t *wanted, const struct kw_graph *g, const struct kw_hours *h,
                             const struct kw_bound_ask *ask, struct kw_error *err);

#endif
