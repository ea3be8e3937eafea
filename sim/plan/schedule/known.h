/* sim/plan/schedule/known.h - what is known of a deployment's hours: the figures of single hours (graph.h) in every run that was
 * looked at until now. To begin with these are constant levels, levels that go up and down each hour, and levels drawn so that they
 * come to what was not seen yet. Every schedule that is tried adds what it showed. */
#ifndef KW_SIM_PLAN_SCHEDULE_KNOWN_H
#define KW_SIM_PLAN_SCHEDULE_KNOWN_H
#include "sim/plan/schedule/graph.h"

#define KW_SCHEDULE_LEVELS 6 /* tried: from the least that the platform keeps upward */

struct kw_known_run {
    struct kw_hours_run run;
    double billed; /* replica-s */
    double share;  /* late requests over those allowed, of the worst objective */
};

struct kw_known {
    const struct kw_candidate *of; /* this and the next two are borrowed */
    const struct kw_study *study;
    const struct kw_sweep_options *run;
    struct kw_hours week; /* 168 levels */
    uint32_t least, levels;
    struct kw_hours_objective objective[KW_HOURS_OBJECTIVES];
    uint32_t n_objectives;
    struct kw_graph graph;
    struct kw_known_run constant[KW_SCHEDULE_LEVELS];
    bool met; /* a schedule was found that meets the objectives: the last one, by hour of the week */
    uint32_t best[KW_HOURS_MAX];
    uint32_t runs;
};

/* Levels least to most, at most KW_SCHEDULE_LEVELS of them. The candidate has one deployment. Where no constant level meets the
 * objectives nothing else is run. */
enum kw_status kw_known_init(struct kw_known *k, const struct kw_candidate *of, const struct kw_study *study,
                             const struct kw_sweep_options *run, const struct kw_zone *zone, uint32_t least,
                             uint32_t most, struct kw_error *err);
void kw_known_free(struct kw_known *k); /* safe to call again */
/* Whether a constant level meets the objectives. */
bool kw_known_possible(const struct kw_known *k);

/* Runs n schedules of level[i * h->n] and learns from them. */
enum kw_status kw_known_try(struct kw_known *k, const struct kw_hours *h, const uint32_t *level, size_t n,
                            struct kw_known_run *out, struct kw_error *err);

/* What so much replica time costs, USD a month; NAN where the platform bills by windows or leaves time unbilled, so that
 * time does not say it. */
enum kw_status kw_known_usd(const struct kw_known *k, double billed, double *usd, struct kw_error *err);

#endif
