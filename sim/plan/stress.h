/* sim/plan/stress.h - the recommendation under worse inputs: prices have a closed form (kw_flip), times do not, so they
 * are simulated again. */
#ifndef KW_SIM_PLAN_STRESS_H
#define KW_SIM_PLAN_STRESS_H
#include "sim/plan/sweep/sweep.h"

#define KW_STRESS_MAX 3

struct kw_stress {
    char what[96]; /* "engine steps 7 % slower, the profile's worst error" */
    bool feasible;
    double cost;   /* USD a month */
    char miss[96]; /* "" or the objective missed by most */
};

/* Replays the trace itself on candidate c with, where it has them: engine steps slower by its profile's worst leave-out
 * error (20 % where the profile states none), cold starts twice as long, an API's first token half as late again and
 * its output a third slower. *n of out[KW_STRESS_MAX] are filled. */
enum kw_status kw_stress_run(struct kw_stress out[KW_STRESS_MAX], size_t *n, const struct kw_candidate *c,
                             const struct kw_study *study, const struct kw_sweep_options *run, struct kw_error *err);

#endif
