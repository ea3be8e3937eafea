/* sim/plan/candidate.h - one configuration to evaluate: deployments chosen from platforms and profiles with their
 * settings, and how traffic is routed. What a scenario's point, a sweep's cell and a plan's option all become. */
#ifndef KW_PLAN_CANDIDATE_H
#define KW_PLAN_CANDIDATE_H
#include "calibrate/profile.h"
#include "platforms/platform.h"
#include "sim/cost/bill.h"
#include "sim/fleet/fleet.h"

/* Objectives; 0 (or negative for fractions) = not asked. Percentile objectives over completed requests. */
struct kw_slo {
    kw_ns ttft_p50, ttft_p95, ttft_p99, tpot_p50, tpot_p95, tpot_p99, e2e_p50, e2e_p95, e2e_p99;
    double cold_fraction, error_fraction, attainment; /* at most, at most, at least; < 0 not asked */
    struct kw_slo_limits per_request; /* what attainment and goodput count */
    kw_nusd budget_month;             /* 0 = none */
};

struct kw_choice { /* one deployment of a candidate */
    char name[32];
    const struct kw_platform *platform; /* borrowed */
    const struct kw_gpu_offer *gpu;     /* serverless, dedicated; borrowed from platform */
    const struct kw_api_offer *api;     /* api; borrowed */
    const struct kw_profile *profile;   /* serverless, dedicated; borrowed */
    const struct kw_steptime *steptime; /* compiled from profile; shared by all candidates that use it; borrowed */
    uint32_t tp;                        /* == profile->tp */
    enum kw_term term;
    struct kw_sched_config sched;       /* from the profile, then overrides */
    struct kw_autoscaling scaling;      /* the platform's defaults, then overrides; keep_warm and idle_timeout in here */
    struct kw_cold_start cold;          /* platform + profile */
    struct kw_client_retry retry;
    struct kw_rate_limits limits;       /* api */
    enum kw_balance balance;
    kw_ns network_rtt;
    uint32_t max_tokens;
    kw_nusd operations_month;
};

struct kw_candidate {
    struct kw_choice choice[KW_FLEET_MAX_DEPLOYMENTS];
    uint32_t n;
    struct kw_routing routing;
};

/* Fills a choice from the platform's and the profile's defaults (dedicated: `replicas` = keep_warm = max_replicas).
 * KW_ERANGE with a message: model does not fit the GPU, price unknown, platform cannot tp, keep_warm > max_replicas. */
enum kw_status kw_choice_gpu(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                             const struct kw_profile *prof, const struct kw_steptime *st, struct kw_error *err);
enum kw_status kw_choice_api(struct kw_choice *c, const struct kw_platform *p, const struct kw_api_offer *o,
                             struct kw_error *err);
/* The event loop's view of a choice (no money). */
void kw_choice_deployment(const struct kw_choice *c, struct kw_deployment *d);
/* Checks a finished choice for consistency, KW_ERANGE with a message naming the field. */
enum kw_status kw_choice_check(const struct kw_choice *c, struct kw_error *err);

#endif
