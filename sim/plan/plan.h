/* sim/plan/plan.h - which configuration should carry this traffic: enumerate what exists, fits and can carry the load;
 * simulate; choose the cheapest that meets the objectives, and say why and how surely. */
#ifndef KW_SIM_PLAN_PLAN_H
#define KW_SIM_PLAN_PLAN_H
#include "platforms/facts/platforms.h"
#include "sim/plan/sweep/distance.h"
#include "sim/plan/sweep/fine_tunes.h"
#include "sim/plan/sweep/steptimes.h"
#include "sim/plan/flips.h"
#include "sim/plan/readings.h"
#include "sim/plan/schedule/search.h"
#include "sim/plan/stress.h"
#include "sim/plan/tradeoff.h"
#include "sim/plan/sweep/sweep.h"

#define KW_PLAN_MAX_LIST 64
#define KW_PLAN_WARM_DEFAULT 5 /* counts kept warm that a plan tries where none are stated: 0 to 4 */
#define KW_PLAN_LORAS 16       /* slots for adapters that a plan tries where none are stated */
#define KW_PLAN_MAX_AUTOSCALERS 16
#define KW_PLAN_NEAR 1.15   /* times the cheapest's cost: up to where a short replay may be wrong about it */
#define KW_PLAN_STRESSED 4  /* offers that tie with the cheapest and are replayed under worse inputs, itself included */
#define KW_PLAN_TOLD 5      /* prices whose cheapest a plan always knows, so that the nearest flips are right */
#define KW_PLAN_SCHEDULES 4 /* platforms for which a schedule is looked for */
#define KW_PLAN_MITIGATED 3 /* platforms for whose best offer mitigations are tried */
#define KW_PLAN_CONTENDERS 16 /* at most: half of them feasible, half cheaper ones that miss */

/* What a plan tries against the cold starts of its contenders: plan_mitigations.c. */
enum kw_mitigation {
    KW_MITIGATE_PREWARM,
    KW_MITIGATE_PING,
    KW_MITIGATE_HOLD,
    KW_MITIGATE_SNAPSHOT,
    KW_MITIGATE_WEIGHTS,
    KW_MITIGATE_POOLED,
    KW_MITIGATIONS
};
extern const char
    *const kw_mitigation_name[]; /* "prewarm", "ping", "hold", "snapshot", "weights_from", "pooled", NULL */

enum kw_curves { /* which keep-warm curves a plan draws */
                 KW_CURVES_NONE,
                 KW_CURVES_FIRST, /* of the best on the recommended platform, where replicas come and go there */
                 KW_CURVES_ALL    /* of the best of every platform whose do */
};

struct kw_substitute {   /* a model whose answers the user takes for those of the model asked for */
    const char *model;   /* borrowed */
    const char *of;      /* the model it stands in for, borrowed; NULL: the plan's, which then has one */
    double quality;      /* of its answers, where those of the model asked for are 1; 0: not stated */
    uint32_t tokens_ppm; /* that its tokenizer makes of a million of the trace's; 0: not stated, so as many */
};

struct kw_plan_options {
    unsigned kinds;                          /* bits 1u << enum kw_kind; 0: all */
    const char *platforms[KW_PLAN_MAX_LIST]; /* names to consider; n == 0: all; borrowed, as the others */
    const char *gpus[KW_PLAN_MAX_LIST], *precisions[KW_PLAN_MAX_LIST];
    size_t n_platforms, n_gpus, n_precisions;
    struct kw_substitute substitute[KW_PLAN_MAX_LIST];
    size_t n_substitutes;
    double quality_at_least;                 /* of a substitute; 0: any */
    kw_region_set regions[KW_PLAN_MAX_LIST]; /* where deployments may lie; n_regions 0: nowhere in particular */
    size_t n_regions;
    const struct kw_distances *distances;         /* the user's own; borrowed; NULL: none */
    struct kw_requirement require[KW_ATTRIBUTES]; /* of every platform, each attribute at most once */
    size_t n_require;
    uint32_t tp[8]; /* n_tp == 0: any */
    size_t n_tp;
    uint32_t dp[KW_PLAN_MAX_LIST],
        ep[KW_PLAN_MAX_LIST]; /* of models with experts; n_dp 0: one rank alone; n_ep 0: whole experts where dp is above 1 */
    size_t n_dp, n_ep;
    uint32_t keep_warm[KW_PLAN_MAX_LIST];
    size_t n_keep_warm; /* serverless; 0: the first KW_PLAN_WARM_DEFAULT */
    kw_ns idle_timeout[KW_PLAN_MAX_LIST];
    size_t n_idle_timeouts; /* 0: each platform's default, then others it allows for the leaders */
    uint32_t concurrency[KW_PLAN_MAX_LIST];
    size_t n_concurrency; /* 0: the platform file's and what the engine holds, then others for the leaders */
    uint32_t max_replicas[KW_PLAN_MAX_LIST];
    size_t n_max_replicas; /* serverless, autoscalers; 0: from the load's peak */
    uint32_t max_num_seqs[KW_PLAN_MAX_LIST], max_num_batched_tokens[KW_PLAN_MAX_LIST];
    size_t n_max_num_seqs, n_max_num_batched_tokens; /* the engine's limits; 0: the profile's, or as written */
    uint32_t dedicated_extra;                        /* tries above the capacity bound; 0: 4 */
    struct kw_plan_autoscaler {
        const struct kw_self_managed *file; /* borrowed */
        struct kw_autoscaling scaling;
    } autoscaler
        [KW_PLAN_MAX_AUTOSCALERS]; /* dedicated: beside fixed counts, machines that come and go by each of these,
                                              by the hour; with keep_warm and max_replicas as serverless ones */
    size_t n_autoscalers;
    struct kw_node_own own_node; /* for them */
    bool monthly, spot;          /* dedicated: also monthly and spot prices where known */
    unsigned committed;          /* dedicated: also these commitments, bits by place in kw_gpu_term_months */
    bool batch;                  /* api: also by the batch, where its price and window are known */
    kw_ns batch_collect;         /* requests are collected for so long into batches, of at most batch_requests; 0 */
    uint32_t batch_requests;
    enum kw_batch_from batch_from; /* where batch_from_stated; else promised */
    bool batch_from_stated;
    bool flex, priority;  /* api: also by these service tiers, where they have a price */
    bool provisioned;     /* api: also with capacity bought ahead, where what a unit carries and costs is known */
    unsigned commitments; /* for how long, bits 1u << enum kw_commitment; 0: those of a month at the most */
    uint32_t units[KW_PLAN_MAX_LIST];
    size_t n_units;    /* 0: from the load, kw_plan_unit_counts */
    bool above_stated; /* whether what does not fit is spilled or refused; else both where the platform lets choose */
    enum kw_unit_above above;
    bool not_on_demand;      /* other terms alone, where any was asked for */
    bool terms_stated;       /* these terms and no others: a tolerant class goes by the batch only where that is one */
    bool allow_unknown;      /* spot offers whose rate of interruptions is unknown are ranked, as never interrupted */
    struct kw_spot own_spot; /* the user's, in the place of the platforms': the rate where known is set, */
    bool own_notice;         /* the notice where this is, and machines on demand that stand in are tried beside none */
    struct kw_cold_start own_cold; /* of it, provision alone: how long until another spot machine is there */
    bool hybrids;                  /* also two deployments for the contenders: plan_hybrids.c */
    bool mixes;                    /* also two offers of GPUs behind one router: plan_mixes.c */
    unsigned mitigations;          /* bits 1u << enum kw_mitigation: tried for the best serverless offers; 0: none */
    bool others_stated;            /* else POOLED is not tried: nobody but the user knows */
    double others_per_hour;     /* other customers' requests for the model, where a platform shares it: pool/pooled.h */
    bool no_schedules;          /* none by the hour of the week is looked for: plan_schedules.c */
    const struct kw_zone *zone; /* whose week it is; borrowed; NULL: UTC */
    bool exhaustive;            /* every candidate with every replication */
    enum kw_curves curves;
    bool frontier;   /* every candidate with one replication at the least, and the frontier with all of them */
    bool break_even; /* each kind at other volumes too, to where the cheapest one changes (breakeven.h); or */
    double volume[KW_PLAN_MAX_LIST]; /* at these, tokens a month */
    size_t n_volumes;
    uint32_t egress_bytes;    /* that an output token sends out of a platform; 0: not counted */
    kw_nusd operations_month; /* a share of an engineer added to each dedicated deployment; 0 */
    struct kw_tco tco;
    /* What the user wrote, or NULL; borrowed. It is a candidate of its own, and what it says of an offer (an API's
     * latency and limits, an engine's scheduler, measured cold starts) holds wherever a plan takes that offer. */
    const struct kw_candidate *written;
    /* Which of the traffic is for LoRA adapters, or NULL: borrowed. They share replicas of their base where the platform
     * can; a pool for each where it cannot, or where those are asked for. */
    const struct kw_fine_tunes *fine_tunes;
    uint32_t max_loras[KW_PLAN_MAX_LIST]; /* n == 0: as many as there are adapters, up to KW_PLAN_LORAS */
    size_t n_max_loras;
    bool pools_shared, pools_apart; /* both false: shared, apart where it has to be */
    const char
        *today; /* the day of the plan, YYYY-MM-DD, that the age of a fact is counted to; borrowed; NULL: not known */
    struct kw_sweep_options run;
};
void kw_plan_options_default(struct kw_plan_options *o); /* as above, all zero but for the documented defaults */

struct kw_dropped { /* why not considered */
    char what[96], why[400];
    bool unsold; /* it cannot be bought on the day of the plan */
    /* What a requirement of the plan did not take, of the platform `what`, and NULL. Borrowed from the platform. */
    const struct kw_attribute_fact *missing;
    enum kw_attribute attribute;
};

struct kw_range {
    size_t candidate; /* whose platform may be read otherwise */
    struct kw_reading reading;
    bool wins; /* under the other reading it meets the objectives for less than the recommended one */
};

/* A candidate under the other reading of one fact that is not known: what would flip the answer (flip_readings.h) goes by it. */
struct kw_otherwise {
    size_t of;
    enum kw_reading_of reading;  /* of the readings, where bills is NULL */
    const struct kw_fact *bills; /* a phase that its platform is assumed to bill, or not to; borrowed */
    bool mine;                   /* which of the two holds in the plan */
    bool dear;                   /* its replay was stopped: it costs too much under the other one, too */
    double cost;                 /* USD a month */
    bool feasible;
};

struct kw_plan_schedule { /* the best schedule of an offer, by the hour of the week */
    char label[160];      /* of the platform's best constant level that meets the objectives, */
    double constant;      /* USD a month: what that costs */
    struct kw_schedule_found
        found; /* with the bound of its own kind: as many hours, as many late; where none was found, of
                                       the first kind that was looked for */
    struct kw_schedule_found
        close;           /* the cheapest on the replayed days whatever it does on others, of the same deployment */
    double foresight;    /* USD a month: no schedule that knows each hour of these weeks costs less; NAN: not known */
    uint32_t drawn, met; /* drawings of the days it was judged by, and those in which it meets the objectives */
    struct kw_schedule close_schedule;
    uint32_t close_met; /* the same of `close` */
    bool fits_alone; /* a schedule was found, and given up: it meets them on the replayed days, and on too few others */
    struct kw_choice choice; /* with it, where any was found */
    ptrdiff_t candidate;     /* -1: no schedule saves enough */
    size_t of;               /* of the search alone, as the next */
    double share;            /* of the late requests that the objectives allow: so many may be late */
    uint32_t weeks; /* others than those that a schedule was fitted to, on which it was judged; 0: there are none */
    struct kw_hours_run later; /* there */
};

struct kw_plan_count { /* what became of the candidates: bounded + stopped + simulated == candidates */
    size_t candidates; /* enumerated, and added for the leaders */
    size_t bounded;    /* left out: what they keep or rent alone costs too much */
    size_t stopped;    /* their run ended on the way: it cost too much already */
    size_t simulated;  /* the trace itself, to its end */
    size_t raced;      /* of these with every replication */
};

struct kw_plan {
    struct kw_candidate
        *candidates;         /* [n], owned; in the order of enumeration: platform, GPU, precision, tp, settings */
    struct kw_point *points; /* [n], owned */
    size_t *family;          /* [n], owned: same platform, offer, profile, term; settings differ */
    size_t *order;           /* [n], owned: indices by rank */
    bool *settled;           /* [n] between two races, owned, NULL else: simulated whatever a search may leave out */
    size_t n;
    struct kw_requirement require[KW_ATTRIBUTES]; /* [n_require] of the options */
    size_t n_require;
    struct kw_substitute substitute[KW_PLAN_MAX_LIST]; /* [n_substitutes] those tried, by their plain names */
    size_t n_substitutes;
    struct kw_dropped *dropped; /* [n_dropped], owned */
    size_t n_dropped;
    ptrdiff_t best;            /* the recommendation: -1 when nothing is feasible. The cheapest, or, where that misses
                                  under a stress, the cheapest of those tied with it that does not */
    ptrdiff_t runner_up;       /* cheapest feasible one of another family; -1 */
    ptrdiff_t nearest_miss;    /* when best < 0: the one that misses by least; -1 when there are no candidates */
    struct kw_estimate margin; /* runner-up's cost - best's, USD a month, paired by replication */
    bool tie;                  /* its interval includes 0 */
    struct kw_flip *flips;     /* [n_flips], owned: what was moved, by kw_flip_order */
    size_t n_flips;
    struct kw_stress stress[KW_STRESS_MAX]; /* [n_stress] the best under slower engines, starts, APIs */
    size_t n_stress;
    struct kw_stress
        passed_over; /* what the runner-up misses under that is cheaper than best; what[0] == 0: it is not */
    struct kw_range
        *ranges; /* [n_ranges], owned: what other readings of the platforms would cost, by rank; kw_plan_ranges */
    size_t n_ranges;
    struct kw_otherwise *otherwise; /* [n_otherwise], owned: everything that was read otherwise */
    size_t n_otherwise;
    struct kw_plan_schedule schedule[KW_PLAN_SCHEDULES]; /* [n_schedules] of the best serverless offers */
    size_t n_schedules;
    struct kw_tradeoffs tradeoffs; /* curves by the rank of the best of each platform whose replicas come and go */
    char (*assumptions)[200];      /* [n_assumptions], owned: unknown facts the best and the runner-up rest on */
    size_t n_assumptions;
    struct kw_plan_count count;
    uint64_t simulations, requests;  /* done: (candidate, replication) pairs, requests replayed */
    uint64_t simulations_exhaustive; /* what the exhaustive plan would do */
    uint64_t simulations_shared;     /* pairs whose run is another's to the bit, so not simulated again */
    uint64_t simulations_stopped;
    char recommendation[900]; /* "modal L40S bf16: min_containers=1 scaledown_window=60 max_containers=4" */
    char why[1000];           /* why the runner-up lost, or that they tie */
    char scaling[160];        /* kw_study_scaling */
    char untried[320];        /* what it did not try for want of what only the user knows; "" */
};

/* The i-th range in words, with whose it is and what it would turn. Returns buf. */
char *kw_plan_range_text(const struct kw_plan *p, size_t i, char *buf, size_t size);
/* "llama-3.3-70b: quality 0.92, tokens as in the trace (...)": of the i-th substitute. Returns buf. */
char *kw_plan_substitute_text(const struct kw_plan *p, size_t i, char *buf, size_t size);
/* What the best's platforms say of the i-th requirement, joined: "modal: hipaa: yes, NOTE (SOURCE)". Returns buf. */
char *kw_plan_required_text(const struct kw_plan *p, size_t i, char *buf, size_t size);
/* Which platforms are left out for want of an attribute, as kw_attribute_without_text. Returns buf. */
char *kw_plan_without_text(const struct kw_plan *p, enum kw_attribute a, char *buf, size_t size);
/* "10 offers gated; 336 candidates: 97 bounded (...), ...": how the search went, in words. Returns buf. */
char *kw_plan_searched_text(const struct kw_plan *p, char *buf, size_t size);

void kw_plan_init(struct kw_plan *p);
void kw_plan_free(struct kw_plan *p); /* safe to call again */

/* Fills candidates, family and dropped: o->written first. model: a neutral model name (calibrate/data/models.json); what
 * serves it or one of its substitutes is a candidate. A candidate needs a
 * known price, a profile for the GPU, room in memory and, for dedicated ones, N replicas from the capacity bound
 * upward; an API whose latency nobody knows is one by its cost alone. KW_ERANGE when the model is unknown, an option names what does not exist, or nothing is left. */
enum kw_status kw_plan_enumerate(struct kw_plan *p, const struct kw_platforms *platforms,
                                 const struct kw_profiles *profiles, struct kw_steptimes *steptimes,
                                 const struct kw_trace *trace, const char *model, const struct kw_plan_options *o,
                                 struct kw_error *err);

/* Evaluates the candidates (enumerated, or set by the caller in p->candidates with p->n), ranks and explains. The trace
 * itself decides; the other replications give those that contend (the cheapest of each offer up to the runner-up's cost
 * or a quarter above the best's, and cheaper ones that miss by at most half; KW_PLAN_CONTENDERS at most) their
 * intervals and counts. Unless o->exhaustive, a candidate is not simulated, or not to the end, where the cost of what it
 * keeps or rents, or of the run so far, proves that it can be neither the best, nor the runner-up, nor contend, nor be
 * among the cheapest at KW_PLAN_TOLD prices, nor the best of its platform. So best, runner-up, their estimates
 * and their margin are those of the exhaustive plan, which gives every candidate every replication. Returns KW_OK with
 * best == -1 when nothing meets the objectives. */
enum kw_status kw_plan_run(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                           struct kw_error *err);

/* Sentences on the recommendation: what the i-th stress does, how thin the margin is ("" where it is not). Return buf. */
char *kw_plan_stress_text(const struct kw_plan *p, size_t i, char *buf, size_t size);
char *kw_plan_margin_text(const struct kw_plan *p, char *buf, size_t size);

#endif
