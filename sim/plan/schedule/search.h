/* sim/plan/schedule/search.h - the cheapest schedule by the hour of the week that meets the objectives, of one deployment.
 *
 * By the figures of single hours (known.h) simulated annealing (anneal.h) proposes the cheapest levels that leave as few late
 * requests as the objectives allow. The simulator judges each proposal, which adds to the figures. Then the days of the bound
 * (bound.h) are run, which adds to what it rests on. All of it is fitted to the replayed trace: what the weeks do not show no schedule
 * can know. */
#ifndef KW_SIM_PLAN_SCHEDULE_SEARCH_H
#define KW_SIM_PLAN_SCHEDULE_SEARCH_H
#include "sim/plan/schedule/known.h"

struct kw_schedule_search {
    double
        share; /* 1: of the requests that may miss an objective, so many do at most; less leaves room for other days */
    double limit; /* USD a month: a schedule that cannot cost less, by the bound, is not looked for */
};

struct kw_schedule_found {
    bool any;   /* a schedule meets the objectives for less than the limit */
    uint32_t n; /* hours */
    uint32_t level[KW_HOURS_MAX];
    double cost, ttft_p95_s; /* USD a month; of it */
    double
        bound; /* USD a month: no schedule of so many hours with this share is expected to cost less (bound.h); NAN: not known */
    uint32_t runs;
};

/* h: of the same trace and zone as k->week. */
enum kw_status kw_schedule_search(struct kw_schedule_found *out, struct kw_known *k, const struct kw_hours *h,
                                  const struct kw_schedule_search *how, struct kw_error *err);

/* What a level for each hour of these weeks by itself costs at least, USD a month: for whoever knows them ahead. NAN: not known. */
enum kw_status kw_schedule_foresight(const struct kw_known *k, double *usd, struct kw_error *err);

#endif
