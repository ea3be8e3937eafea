/* sim/plan/sweep/point.h - what evaluating one candidate gives: every figure of DESIGN section 7's /points on the trace
 * itself with its 95 % interval. */
#ifndef KW_SIM_PLAN_SWEEP_POINT_H
#define KW_SIM_PLAN_SWEEP_POINT_H
#include "sim/cost/bill.h"
#include "sim/plan/sweep/candidate.h"
#include "sim/plan/sweep/stats.h"

#define KW_REPLICATIONS_MAX 256

enum kw_metric { /* in the order of kw_metric_info; the scalars of a replication */
                 KW_METRIC_COST,
                 KW_METRIC_USD_PER_MTOK,
                 KW_METRIC_TTFT_P50,
                 KW_METRIC_TTFT_P95,
                 KW_METRIC_TTFT_P99,
                 KW_METRIC_TPOT_P50,
                 KW_METRIC_TPOT_P95,
                 KW_METRIC_TPOT_P99,
                 KW_METRIC_E2E_P50,
                 KW_METRIC_E2E_P95,
                 KW_METRIC_E2E_P99,
                 KW_METRIC_COLD_FRACTION,
                 KW_METRIC_COLD_COST,
                 KW_METRIC_IDLE_COST,
                 KW_METRIC_ERROR_FRACTION,
                 KW_METRIC_UTILISATION,
                 KW_METRIC_GOODPUT,
                 KW_METRIC_ATTAINMENT,
                 KW_METRIC_COST_WINDOW, /* this and the next are not in the first results */
                 KW_METRIC_OVERLOAD,
                 KW_METRIC_CARRIED,
                 KW_METRIC_CLASS_WORST,
                 KW_METRIC_CAPACITY_USED,
                 KW_METRIC_STARTS,
                 KW_METRIC_START_P50,
                 KW_METRIC_START_P95,
                 KW_METRIC_START_COST,
                 KW_METRIC_UNITS_USED,
                 KW_METRIC_SPILLED,
                 KW_METRIC_UNITS_BREAK_EVEN,
                 KW_METRIC_FORECAST_MAE,
                 KW_METRIC_FORECAST_WAPE,
                 KW_METRIC_HELD,
                 KW_METRIC_HELD_WAIT,
                 KW_METRIC_PINGS,
                 KW_METRIC_ADAPTER_COLD,
                 KW_METRIC_ADAPTER_WAIT,
                 KW_METRIC_ADAPTER_LOADS,
                 KW_METRIC_FOUND_WARM,
                 KW_METRIC_PREFIX_HIT,
                 KW_METRIC_HOST_HIT,
                 KW_METRIC_HOST_TOKENS,
                 KW_METRIC_DRAFT_TOKENS,
                 KW_METRICS
};
struct kw_metric_info {
    const char *name, *unit, *description; /* "ttft_p95_s", "s", one line: /points of the results, table heads */
};
extern const struct kw_metric_info kw_metric_info[]; /* [KW_METRICS] */

#define KW_PERCENTILES (KW_METRIC_E2E_P99 - KW_METRIC_TTFT_P50 + 1) /* side by side: P50, P95, P99 of each time */
#define KW_TIMES (KW_PERCENTILES / 3)                               /* TTFT, TPOT, E2E */
static inline bool kw_metric_is_percentile(enum kw_metric m)
{
    return m >= KW_METRIC_TTFT_P50 && m <= KW_METRIC_E2E_P99;
}

/* Where the trace's percentiles stand, and stood in each replication. */
struct kw_percentiles {
    struct kw_ranks ranks[KW_TIMES]; /* s, of the trace itself */
    double place[][KW_PERCENTILES];  /* [replications]; row 0 unused */
};

/* The requests of one class, model and region, or of one deployment; "" where it is of all. A deployment costs its bill. A class,
 * model and region costs its share of each deployment's: of replicas by prompt and output tokens served, of an API by what its
 * tokens cost; a deployment that served nobody is charged to none. */
struct kw_point_group {
    char klass[64], model[64], region[32], deployment[32];
    uint64_t arrived;                   /* over all replications */
    struct kw_percentiles *percentiles; /* owned; NULL and m as of the point */
    struct kw_estimate m[KW_METRICS];
};
/* "batch", "batch of llama-3.1-8b from eu-west", "region eu-west", "deployment zero": a group in words. Returns buf. */
char *kw_point_group_name(const struct kw_point_group *g, char *buf, size_t size);

/* What the objectives leave to what the laws of the simulation err by (sim/plan/stress.h). */
struct kw_margin {
    double left;  /* 0.046: the worst objective but for the budget may grow by 4.6 %; NAN where none can be judged */
    double error; /* by how much the law's own error moves it, a standard deviation: 0.07 = 7 % */
    double probability; /* that the objectives are met, that error included; NAN where no law moves them */
    bool thin;          /* left < error */
};

struct kw_point {
    uint32_t replications, n;     /* simulated so far; deployments */
    uint32_t room;                /* replications that the arrays hold: kw_point_grow */
    double (*sample)[KW_METRICS]; /* [replications], owned: the figures of each; NAN where there is none (TTFT
                                            when nothing completed, utilisation of an API) */
    struct kw_usage *usage;       /* [replications * n], owned: of replication r, deployment d at r * n + d */
    uint32_t passes;              /* windows that replication 0 adds up, and how well they tell one's cost */
    enum kw_steadiness steady;
    double steady_error;
    struct kw_variation variation;      /* of the days the replications drew */
    struct kw_percentiles *percentiles; /* owned; NULL: m's intervals of percentiles stay what they are, as read from a
                                            result; NAN before */
    struct kw_estimate m[KW_METRICS];   /* of the trace itself (replication 0), intervals from the others */
    struct kw_bill bill;                /* a month of the trace itself; total == sum of items */
    struct kw_bill *bill_of;            /* [n], owned: the same by deployment; they sum to bill */
    kw_nusd one_off;                    /* what sign-up credits pay of the first month, once: not in the bill */
    bool feasible;                      /* meets every SLO on the trace itself */
    uint32_t drawn, met, won;           /* replications but for 0; of these, where it meets every SLO; where it is the
                                            cheapest that does (kw_points_rank) */
    size_t rivals;                      /* points ranked with it */
    char miss[96];                      /* "" or the objective missed by most: "ttft_p95_s 4.1 > 2" */
    double miss_ratio;                  /* worst value / limit - 1 over objectives; <= 0 when feasible: the slack */
    uint32_t rank;                      /* 1 = best: feasible by cost, then the others by miss; 0 = not ranked yet */
    bool tie;                           /* of several: what it costs more than the first is within its interval */
    struct kw_margin margin;            /* only a plan judges it: NAN and false elsewhere */
    bool pareto;                        /* feasible or not, no other that fails no more is both cheaper and lower in
                                           TTFT p95 */
    bool pruned;                        /* left early: proven not to be the best nor the runner-up */
    enum kw_grade grade;                /* weakest input */
    struct kw_hist ttft, tpot, itl, e2e, start; /* ns, itl ps (see kw_outcome); merged over replications */
    struct kw_series series;                    /* of replication 0 when asked, owned */
    struct kw_record *records;                  /* [n_records] of replication 0 when asked, owned */
    size_t n_records;
    struct kw_point_group *group; /* [n_groups], owned: of n_classes classes and models where there are several,
                                            then of n deployments where there are several */
    uint32_t n_classes, n_groups;
    double (*group_sample)[KW_METRICS]; /* [replications * n_groups], owned; NAN where a group has no such figure */
    double *share; /* [replications * n_classes * n], owned: what a class and model is charged of a deployment's bill */
    /* The trace itself again with what lies outside of what was measured at the other end of what is not known: prompts
     * beyond `known_to`, the longest an API's TTFT was measured with, waiting in proportion, output beyond
     * `rate_known_to` tokens of prompt and output slower in proportion, and so the share `steps_outside` of the engines'
     * steps, which lies beyond their tables. 0: nothing does. */
    uint32_t known_to, rate_known_to;
    double steps_outside;
    double
        adapter_overhead; /* and steps with LoRA adapters longer by so much, 0.3 = 30 %; 0: it is no range, or none */
    double beyond[KW_METRICS];
    char unjudged[96]; /* objectives with nothing to judge: "tpot_p95_s", "" for none */
    uint64_t arrived, completed, rejected, timed_out, too_long, cold, attained; /* sums over replications
                                            of what one window has, rounded */
    uint64_t interruptions, cut_off; /* of spot machines; requests that lost their replica by it */
    uint64_t standins;               /* machines on demand ordered in the place of spot ones */
    uint64_t starts, failed_starts, preemptions, steps, iterations, events;
    uint32_t peak_replicas; /* over deployments and replications */
};

enum kw_status kw_point_init(struct kw_point *p, struct kw_error *err);
void kw_point_free(struct kw_point *p); /* safe to call again on an initialised point */
/* Makes room for so many replications; what is there stays, what comes is zero. p->n and the groups are set. KW_ENOMEM: the
 * point can be freed. */
enum kw_status kw_point_grow(struct kw_point *p, uint32_t room, struct kw_error *err);

/* Figures, intervals, bill and feasibility from sample and usage. tariff[n]. Called by the evaluation, and again to
 * price old usage anew: cost figures of every replication are computed again, the simulated ones stay. kw_points_rank
 * ranks.
 */
enum kw_status kw_point_finish(struct kw_point *p, const struct kw_tariff *tariff, const struct kw_slo *slo,
                               struct kw_error *err);

/* Whether `beyond` tells the other end of a range. */
static inline bool kw_point_has_range(const struct kw_point *p)
{
    return p->known_to || p->rate_known_to || p->steps_outside > 0 || p->adapter_overhead > 0;
}

/* The queue grew through the window in the trace itself: objectives are missed whatever the figures
 * say, and what the window costs says nothing of a month. */
bool kw_point_overloaded(const struct kw_point *p);
/* "mean of 57 windows on end, within 0.4 % (95 %)": how the cost of a window was found; "" where one window told it. Returns buf. */
char *kw_point_steady(const struct kw_point *p, char *buf, size_t size);
/* A metric as it is told: of an overloaded point no cost of a month. And its bill: of an overloaded one all lines 0. */
struct kw_estimate kw_point_told(const struct kw_point *p, enum kw_metric m);
struct kw_estimate kw_point_group_told(const struct kw_point *p, uint32_t group, enum kw_metric m);
const struct kw_bill *kw_point_bill(const struct kw_point *p);
/* Probability that it is the cheapest that meets every objective, and that it meets them, of k among n drawings of the
 * days: (k + 1/c) / (n + 1), c outcomes told apart (each rival and none; met or not). Never 0 or 1, which no few
 * drawings can tell, and over all outcomes it sums to 1. NAN without drawings. Source: Perks, J. Inst. Actuaries 73
 * (1947), 285; for c = 2 it is the mean under Jeffreys' prior. */
double kw_point_p_best(const struct kw_point *p);
double kw_point_p_feasible(const struct kw_point *p);

/* Whether a ranks before b: feasible before not; among the others the smaller miss, where a latency that is not known
 * is the smallest; then the cheaper, then the lower TTFT p95. False for equals. */
bool kw_point_better(const struct kw_point *a, const struct kw_point *b);

/* What b costs more than a, USD a month, paired by the replications both have; and whether that may be nothing: equal on
 * the trace itself, or 0 lies within the interval. */
struct kw_estimate kw_points_dearer(const struct kw_point *a, const struct kw_point *b);
bool kw_points_tie(const struct kw_estimate *more);

/* Rank, Pareto flags, ties with the first and `won` of n points. Wins are counted replication by replication among the points that have the
 * most replications of all: what they share (the traffic) is the same for each. */
enum kw_status kw_points_rank(struct kw_point *p, size_t n, const struct kw_slo *slo, struct kw_error *err);

/* The worst of the objectives but for the budget: value over limit (limit over value of what is wanted at least), above
 * 1 exactly when one is missed; 0 without any that can be judged. The worst in words, "" when all are met. A figure
 * that is NAN has nothing to judge: it is met. */
double kw_slo_worst(const struct kw_slo *slo, const double figure[KW_METRICS], char *miss, size_t size);

/* The percentiles of times that it limits, in the order of kw_metric. Returns how many. */
size_t kw_slo_percentiles(const struct kw_slo *slo, enum kw_metric out[KW_PERCENTILES]);

#define KW_MISS_LATENCY "latency not known"

/* Judges a replication's metrics: feasible?, the worst miss in words (miss[size]) and its ratio. Where
 * requests were served and their TTFT is NAN, no objective on a time is met: KW_MISS_LATENCY, unless another is
 * missed. */
bool kw_slo_judge(const struct kw_slo *slo, const double figure[KW_METRICS], char *miss, size_t size, double *ratio);

#endif
