/* sim/plan/flip_readings.h - what a platform does that its pages leave open, read the other way: whether another configuration
 * is the one to take then. From what kw_plan_ranges replayed; nothing is simulated or planned here. */
#ifndef KW_SIM_PLAN_FLIP_READINGS_H
#define KW_SIM_PLAN_FLIP_READINGS_H
#include "sim/plan/plan.h"

/* Appends a lever for each fact of a platform that p->otherwise is of. It flips where, read otherwise for all who were replayed
 * so, the recommended one misses an objective or costs more than another one that meets them: one read otherwise too, or one that the
 * fact says nothing of. Then, not sought, facts that are not known, that the recommended one or the runner-up rests on, and
 * of which nobody says what else they may be. KW_ENOMEM. */
enum kw_status kw_flip_readings(struct kw_plan *p, struct kw_error *err);

#endif
