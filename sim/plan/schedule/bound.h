/* sim/plan/schedule/bound.h - what no schedule by the hour can go below.
 *
 * Let the platform's own autoscaler run with starts that take no time and nothing kept warm: N(t) replicas. Nobody waits for a
 * start, so nobody's wait makes the autoscaler order more, and no replica is there but for work or its idle timeout T.
 * Starts take s at the least and S at the most (5 % and 95 % of them), of which b is billed at the least. A schedule
 * holds w(h) replicas in hour h.
 *
 * 1. In hour h no fewer than max(w(h), N(t)) replicas are billed at t: w are held, and what serves the same requests with
 *    starts that take time is there no less.
 * 2. For n > w(h) the n-th replica is started anew for each session, a time with N >= n, that begins behind the life of
 *    the one before: that is alive for S + T from its begin at the most, or as long as sessions go on that began meanwhile.
 *    Such a group of sessions, l long together, costs
 *    (a) where starts are billed, no less than l and no less than b + T;
 *    (b) where they are not, no less than l - S and no less than T: who came while it started may be served together.
 *    Hours end: a replica held in the hour before may outlive it by T, and one for the next hour is started its lead early,
 *    so groups that begin in these parts of h add nothing, and no group adds more than there is left of h.
 * 3. At w(h) = 0 whoever arrives within s of such a group's begin, less the TTFT that the objective allows, is late; each
 *    of them if cold starts are what is counted. (E2E as TTFT: an answer takes no less than its wait.)
 * 4. So a schedule that meets an objective of at most m late requests costs no less than
 *        min sum_h c(h, w(h)),   sum over h with w(h) = 0 of late(h) <= m,
 *    c(h, w) the replica time of 1 and 2. Its linear relaxation: each hour at its cheapest level, and of those at 0 so many
 *    taken to their cheapest level above, the last one in part, as avoid the late requests beyond m for least. Each
 *    objective bounds by itself; the highest bound counts.
 *
 * Proof of 4: by 1 to 3 the replica time of any schedule that meets the objective is no less than the sum for its own w, and
 * a linear relaxation is no dearer than its program. 1 and 2 take for granted that an autoscaler wishes for no fewer
 * replicas when requests wait than when none does, and that a batch of requests keeps one replica busy for no longer
 * than they keep several; no proof covers a policy that would do otherwise. Minimum charges, the rounding of lives, failed
 * starts and the 5 % of starts shorter than s are left out. Hours of several weeks are one hour of the schedule. */
#ifndef KW_SIM_PLAN_SCHEDULE_BOUND_H
#define KW_SIM_PLAN_SCHEDULE_BOUND_H
#include "sim/plan/schedule/hours.h"

/* USD a month; NAN: none is known, for the platform bills by windows or machines that hold several. of: one deployment. least:
 * replicas that the platform keeps at all times. */
enum kw_status kw_schedule_bound(double *usd, const struct kw_hours *h, const struct kw_candidate *of,
                                 const struct kw_study *study, const struct kw_sweep_options *run, uint32_t least,
                                 struct kw_error *err);

#endif
