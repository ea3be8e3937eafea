/* sim/plan/schedule/hours.h - what a deployment did by hour of the week: replica time that is billed, and requests that an
 * objective counts against it. Hours are a time zone's: 168 of a week, 48 of a working day and a day of a weekend, or 24 of
 * any day. A schedule has a level for each; the fewer they are, the more days tell what an hour wants. */
#ifndef KW_SIM_PLAN_SCHEDULE_HOURS_H
#define KW_SIM_PLAN_SCHEDULE_HOURS_H
#include "sim/fleet/schedule.h"
#include "sim/plan/sweep/sweep.h"

#define KW_HOURS_MAX 168
#define KW_HOURS_OBJECTIVES 16

/* The window cut at the clock's full hours. */
struct kw_hours {
    uint32_t n; /* 168, 48 or 24 */
    size_t pieces;
    kw_ns *begin;   /* [pieces + 1], owned: ascending, from 0 to the window's end */
    uint8_t *which; /* [pieces], owned: which of the n hours */
    const struct kw_zone *zone;
};
/* KW_ERANGE: the trace has no dates, or less than two days. */
enum kw_status kw_hours_init(struct kw_hours *h, const struct kw_trace *t, const struct kw_zone *zone, uint32_t n,
                             struct kw_error *err);
void kw_hours_free(struct kw_hours *h);                /* safe to call again */
size_t kw_hours_at(const struct kw_hours *h, kw_ns t); /* the piece of a moment in [0, window] */
/* A schedule of one level an hour, level[h->n]. KW_ERANGE never: a week has no more changes than hours. */
void kw_hours_schedule(const struct kw_hours *h, const uint32_t *level, struct kw_schedule *out);

/* An objective as a number of requests that may miss it: "TTFT of class chat above 2 s in at most 5 %". */
struct kw_hours_objective {
    enum kw_hours_counts { KW_COUNTS_TTFT, KW_COUNTS_TPOT, KW_COUNTS_E2E, KW_COUNTS_COLD, KW_COUNTS_ERRORS } counts;
    kw_ns limit;
    int klass;     /* of this class alone, -1: of all */
    double budget; /* requests */
};
/* Those of the study, at most KW_HOURS_OBJECTIVES of them: returns how many. Objectives that are no counts (a median is one,
 * attainment and the budget are not) are left to the judge. */
uint32_t kw_hours_objectives(const struct kw_study *study, struct kw_hours_objective out[KW_HOURS_OBJECTIVES]);

struct kw_hours_run {
    bool feasible;
    double cost, ttft_p95_s; /* USD a month */
};

/* One piece of the window in a run, from a start's lead before the clock's full hour (there the level changes for whoever
 * starts) to the same before the next; the first piece begins so long before the window's end. */
struct kw_hours_step {
    uint32_t before; /* replicas alive at its begin, those that start included, before the level changes */
    double billed;   /* replica-s */
    double bad[KW_HOURS_OBJECTIVES]; /* requests that arrived in it */
};

/* Runs the candidate, which has one deployment, on the trace itself with each of n levels by the hour, level[k * h->n]:
 * as a sweep does, so the same on any number of threads. candidates[n] and what they are is left to the caller to
 * simulate again: nothing is kept. step[n * h->pieces] may be NULL. */
enum kw_status kw_hours_try(const struct kw_hours *h, const struct kw_candidate *of, const struct kw_study *study,
                            const struct kw_sweep_options *run, const uint32_t *level, size_t n,
                            struct kw_hours_run *out, struct kw_hours_step *step, struct kw_error *err);

/* The time in which a life is billed: from where it has paid for what is not billed of its start. */
void kw_hours_billed(const struct kw_life *l, const struct kw_meter *m, kw_ns *from, kw_ns *to);

#endif
