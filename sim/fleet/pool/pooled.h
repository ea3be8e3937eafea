/* sim/fleet/pool/pooled.h - whether a public model, whose replicas a platform shares among its customers, is warm when a
 * request of ours comes and no replica is there for ours. */
#ifndef KW_SIM_FLEET_POOL_POOLED_H
#define KW_SIM_FLEET_POOL_POOLED_H
#include "platforms/facts/autoscaling.h"

#define KW_POOLED_MOST 3.6e6 /* requests of others an hour: 1000 a second */

/* The probability of it, in [0, 1]. Others' requests for the model are a Poisson process of lambda = per_hour >= 0, and the
 * platform stops a replica that nobody has asked for T, the time after which it stops a last one. A request of ours that comes
 * when ours have been idle for longer finds one unless none of theirs came within the last T:
 *     P = 1 - exp(-lambda T)
 * Such a process has no memory: neither how long ago ours stopped nor what was found before says anything more, so one
 * draw a start, each by itself, is exact. Source: the gaps of a Poisson process are exponential (Ross, Introduction to
 * Probability Models, chapter 5); P is the hit ratio of a cache whose timer each hit sets anew (Che, Tung and Wang, IEEE JSAC
 * 20(7), 2002).
 * Left out: a start of theirs that is under way when ours comes, whose rest ours would wait for; their requests in front of
 * ours in the queue, and beside them in a replica; more than one replica of theirs; hours in which more of them come. */
double kw_pooled_warm(double per_hour, const struct kw_autoscaling *a);

#endif
