/* sim/plan/tradeoff.h - what more money buys, side by side and each figure with its 95 % interval: one offer at each
 * keep_warm (the keep-warm curve), and what no other configuration is both cheaper and faster than (the Pareto frontier of
 * cost against TTFT p95). */
#ifndef KW_SIM_PLAN_TRADEOFF_H
#define KW_SIM_PLAN_TRADEOFF_H
#include "sim/plan/sweep/point.h"

enum kw_tradeoff_figure {
    KW_TRADEOFF_COST,
    KW_TRADEOFF_COLD,
    KW_TRADEOFF_TTFT_P95,
    KW_TRADEOFF_ATTAINMENT,
    KW_TRADEOFF_FIGURES
};
extern const enum kw_metric kw_tradeoff_metric[]; /* [KW_TRADEOFF_FIGURES] */

struct kw_tradeoff {
    ptrdiff_t candidate; /* of the plan; -1: simulated for the curve alone */
    uint32_t keep_warm;
    bool feasible, overloaded; /* on the trace itself; overloaded: no cost of a month is told */
    uint32_t drawn, met;       /* drawings of the days; of these, where it meets every objective */
    struct kw_estimate of[KW_TRADEOFF_FIGURES];
};

struct kw_warm_curve {
    size_t leader;             /* the candidate whose offer, idle timeout and concurrency it has */
    struct kw_tradeoff *point; /* [n], owned; keep_warm ascends */
    size_t n;
};

struct kw_tradeoffs {            /* {0} is empty and valid */
    struct kw_warm_curve *curve; /* [n_curves], owned; by the rank of their leaders */
    size_t n_curves;
    struct kw_tradeoff
        *frontier; /* [n_frontier], owned; cost ascends and TTFT p95 falls; none fails more than allowed */
    size_t n_frontier;
};
void kw_tradeoffs_free(struct kw_tradeoffs *t); /* back to empty */

#endif
