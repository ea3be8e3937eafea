/* sim/plan/point.h - what evaluating one candidate gives: every figure of DESIGN section 7's /points with its 95 %
 * interval over replications. */
#ifndef KW_PLAN_POINT_H
#define KW_PLAN_POINT_H
#include "sim/cost/bill.h"
#include "sim/plan/candidate.h"

struct kw_estimate { /* mean over replications and its 95 % Student interval; lo == hi == mean with one replication */
    double mean, lo, hi;
};

struct kw_point {
    uint32_t replications; /* simulated so far */
    struct kw_estimate cost_usd_month, usd_per_mtok; /* per 1e6 tokens in + out served */
    struct kw_estimate ttft_p50_s, ttft_p95_s, ttft_p99_s, tpot_p50_s, tpot_p95_s, tpot_p99_s, e2e_p50_s, e2e_p95_s, e2e_p99_s;
    struct kw_estimate cold_fraction, error_fraction, attainment, goodput_rps, utilisation; /* busy / ready time */
    struct kw_estimate cold_cost_usd_month, idle_cost_usd_month; /* load+provision+failed; idle + keep-warm */
    struct kw_bill bill;      /* a month, mean over replications (each item rounded) */
    struct kw_usage usage[KW_FLEET_MAX_DEPLOYMENTS]; /* of replication 0 */
    double cost_rep[64];      /* per replication: cost and feasibility, for p_best under common random numbers */
    unsigned char feasible_rep[64];
    bool feasible;            /* meets every SLO, judged on the means of the percentiles */
    char miss[96];            /* "" or the objective missed by most: "ttft_p95 4.1 s > 2 s" */
    double miss_ratio;        /* worst value/limit - 1 over objectives; 0 when feasible */
    double p_best;            /* share of replications in which it is the cheapest feasible one (bootstrap) */
    uint32_t rank;            /* 1 = recommended; feasible by cost first, then by miss */
    enum kw_grade grade;      /* weakest input */
    struct kw_hist ttft, tpot, itl, e2e; /* merged over replications */
    struct kw_series series;  /* of replication 0 when asked */
};

#endif
