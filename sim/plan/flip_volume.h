/* sim/plan/flip_volume.h - how much more or less traffic flips the answer: the same traffic at other volumes (volume.h), as much
 * of it replayed as shows what it does (replay.h). */
#ifndef KW_SIM_PLAN_FLIP_VOLUME_H
#define KW_SIM_PLAN_FLIP_VOLUME_H
#include "sim/plan/plan.h"

/* Appends the volume of the traffic to p->flips, where p->best >= 0. Replayed at each volume are the recommended one and
 * its contenders: the cheapest of each kind of platform and of pairs, the next keep_warm, one replica more of a dedicated pool,
 * and the nearest of what costs less and misses. With more traffic each is also looked at with ceilings on replicas that
 * grow with it, since a plan takes them from the peak; that is no other answer. The far ends are looked at first, 4 times and a fourth; where one flips, the move is halved down to a twentieth of
 * itself. Nothing is planned anew, so that a settings' change or an offer that is none of these is missed. What runs by a
 * calendar, or forecasts, can be replayed whole alone: where slices would be needed the volume is not sought, nor where the
 * replay at the volume of today does not find the answer the plan found. */
#define KW_FLIP_VOLUME_REQUESTS 20000
enum kw_status kw_flip_volume(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err);

#endif
