/* sim/plan/flip_times.h - the flips of laws of times: what a start, a step or an API's answer takes. No closed form tells
 * them, so the trace itself is replayed: of the recommended one and of the few that could take its place. */
#ifndef KW_SIM_PLAN_FLIP_TIMES_H
#define KW_SIM_PLAN_FLIP_TIMES_H
#include "sim/plan/plan.h"

/* For f->p's recommended one, each law that it or a rival rests on: appended to p->flips, where p->best >= 0.
 *
 * A law of the recommended one is moved both ways, first to where it is worse. Of a rival it is made better alone, where that
 * can bring it in: it misses an objective and costs less, or it scales and what it keeps costs less. Of those that the law
 * moves the three nearest are replayed, the recommended one alone at first; whom it does not move stays as it is and may be the
 * one to take. The far end is looked at, 4 times or a fourth: what does not flip there is taken not to flip on the way (one
 * that did and came back would be missed). Else the move is narrowed down to a twentieth of itself or 0.2 %, by regula falsi on
 * the objectives' and costs' logarithms, halving where that is slow. Laws of rivals beyond KW_FLIP_RIVALS, those nearest to the answer first, and what is
 * left when KW_FLIP_REPLAYS times the trace's requests (KW_FLIP_REQUESTS, if that is more) are replayed, are not looked for: kw_flip.sought.
 * The same candidates and laws, the same bytes at any number of threads. */
#define KW_FLIP_RIVALS 8
#define KW_FLIP_REPLAYS 24
#define KW_FLIP_REQUESTS 4000000
enum kw_status kw_flip_times(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                             struct kw_error *err);

#endif
