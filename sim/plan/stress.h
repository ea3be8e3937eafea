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
    double worst;  /* the worst of the objectives but for the budget, value over limit */
    double slower; /* of engine steps or an API's first token: 0.07 = 7 %; 0 of cold starts */
    double sigma;  /* what that law errs by, a standard deviation on the log scale; 0 of cold starts */
};

/* Replays the trace itself on candidate c with, where it has them: engine steps slower by its profile's worst leave-out
 * error (20 % where the profile states none), cold starts twice as long, an API's first token half as late again and
 * its output a third slower. *n of out[KW_STRESS_MAX] are filled. */
enum kw_status kw_stress_run(struct kw_stress out[KW_STRESS_MAX], size_t *n, const struct kw_candidate *c,
                             const struct kw_study *study, const struct kw_sweep_options *run, struct kw_error *err);

/* The margin of point p by the stress of its engine steps and that of its API's latency, the one that moves the
 * objectives further (n == 0 or without one: nothing is known but what is left).
 *
 * The law's relative error is taken as normal on the log scale with standard deviation sigma = median / 0.6745: the
 * median absolute deviation of a normal is the upper quartile of the standard normal, 0.6745, times its standard
 * deviation (F. R. Hampel, The influence curve and its role in robust estimation, JASA 69, 1974). The median is the
 * profile's leave-out error, of decode or prefill whichever is larger; 20 % is sigma where nobody states one, as of
 * every API. With prompts beyond what an API was measured with, w is that of the far end of the range.
 * What is judged follows the steps as w(x) = w exp(k x), x the error on the log scale, w the worst value over limit,
 * k = log(w_stress / w) / log(1 + slower): queues grow by more than the steps, transfers not at all, and the stress
 * measures both. Then P(met) = Phi(-log(w) / (k sigma)), averaged over the drawings of the days where there are any, of
 * the trace itself otherwise. */
struct kw_margin kw_stress_margin(const struct kw_stress *stress, size_t n, const struct kw_point *p,
                                  const struct kw_slo *slo);

/* The margins of all points [n] that meet the objectives, by stresses run together, of like[n] alone: the point whose
 * stress tells how far i's figures move with its laws, itself or another setting of the same offer (like[like[i]] ==
 * like[i], and it meets the objectives where i does). A margin of twice the figures and more is not thin: its error and
 * probability stay NAN, as they do for what misses. */
enum kw_status kw_stress_margins(struct kw_point *points, const struct kw_candidate *candidates, const size_t *like,
                                 size_t n, const struct kw_study *study, const struct kw_sweep_options *run,
                                 struct kw_error *err);

#endif
