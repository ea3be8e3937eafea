/* sim/plan/readings.h - where a platform's documentation allows two readings, the other one is simulated too: which
 * replica gets the next request, so whether surplus falls idle (pack) or is kept alive by a request now and then
 * (spread). */
#ifndef KW_SIM_PLAN_READINGS_H
#define KW_SIM_PLAN_READINGS_H
#include "sim/plan/sweep/sweep.h"

struct kw_reading {
    bool shown;          /* it was simulated and the cost differs by more than asked */
    double spread, pack; /* USD a month */
    bool feasible;       /* under the other reading than the point's */
    char miss[96];
    enum kw_grade grade; /* of what says which one holds */
};

/* The other reading of candidate c, whose point is p. Nothing to show (KW_OK) where the user said which one holds, no
 * serverless deployment ever had two replicas, the point is overloaded, or the month's cost differs by no more than
 * `margin` USD. */
enum kw_status kw_reading_run(struct kw_reading *r, const struct kw_candidate *c, const struct kw_point *p,
                              double margin, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err);

/* "$559 to $5,266 a month: ..." in words. Returns buf. */
char *kw_reading_text(const struct kw_reading *r, char *buf, size_t size);

#endif
