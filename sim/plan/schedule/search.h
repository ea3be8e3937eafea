/* sim/plan/schedule/search.h - the cheapest schedule by the hour of the week that meets the objectives, of one deployment.
 *
 * Levels held all the week tell what each hour costs at each level, and whom it leaves late. By these figures a shortest path over
 * the hours (dynamic programming; Bellman 1957) gives the levels of least
 *     billed time + lambda * late requests / those allowed + mu * changes
 * lambda such that so many are late as the objectives allow, times a factor beta, for hours are not as independent as that: a
 * replica outlives its hour, a queue the next. The simulator judges each proposal; beta is bisected between what meets
 * and what misses. From the cheapest that meets, hours are taken off the edges of its blocks, and blocks down a level,
 * those first that save most by its own figures, as long as the simulator agrees. All of it is fitted to the replayed
 * trace: what the weeks do not show no schedule can know. */
#ifndef KW_SIM_PLAN_SCHEDULE_SEARCH_H
#define KW_SIM_PLAN_SCHEDULE_SEARCH_H
#include "sim/plan/schedule/hours.h"

#define KW_SCHEDULE_LEVELS 6 /* tried: from the least that the platform keeps upward */

struct kw_schedule_search {
    uint32_t least, most; /* levels, at most KW_SCHEDULE_LEVELS of them */
    double
        share; /* 1: of the requests that may miss an objective, so many do at most; less leaves room for other days */
    double bound; /* USD a month: no schedule costs less (bound.h); NAN: not known */
    double limit; /* USD a month: a schedule that cannot cost less, and constant levels neither, is not looked for */
};

struct kw_schedule_found {
    bool any;   /* a schedule meets the objectives for less than the limit */
    uint32_t n; /* hours */
    uint32_t level[KW_HOURS_MAX];
    double cost, ttft_p95_s; /* USD a month; of it */
    uint32_t runs;
};

enum kw_status kw_schedule_search(struct kw_schedule_found *out, const struct kw_hours *h,
                                  const struct kw_candidate *of, const struct kw_study *study,
                                  const struct kw_sweep_options *run, const struct kw_schedule_search *how,
                                  struct kw_error *err);

#endif
