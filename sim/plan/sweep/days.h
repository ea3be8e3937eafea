/* sim/plan/sweep/days.h - the days of a trace drawn anew: what the traffic could have been.
 *
 * A block is a whole day and keeps its place: its hours stay what they were and beside their neighbours, so a busy
 * stretch is never cut into many cold mornings. With two weeks or more a day is replaced by the same weekday of another
 * week; in a shorter trace whose calendar is known and whose weekends carry other loads, a working day by a working
 * day; else by any. A part of a day at the end stays as it is. Fewer than 3 whole days tell nothing about variation.
 *
 * Drawing n days for n places gives (n - 1)/n of the variance of their mean that it should, and takes the days as
 * independent. So m <= n days are drawn, each for about n/m neighbouring places, m at random such that the variance is
 *     sum(w^2) / n^2 = f / (n - 1) of the days' own,   w = places a drawn day stands in
 * f = 1 for independent days; else, for serial correlation r^k between days k apart, the variance of the mean over what
 * the days' own spread shows of it:
 *     f = V / (1 - (V - 1)/(n - 1)),   V = 1 + 2 sum_k (1 - k/n) r^k
 * r: lag-1 autocorrelation of the log of the daily tokens after their group's mean, its bias -(1 + 4r)/n taken out
 * (Marriott & Pope, Biometrika 41 (1954), 390), within [0, 0.6], from 7 days on. The 1 is of a mean that neighbours
 * share: by weekday they share none, and it is -4r/n.
 * A week can hardly tell r: of weeks of Gaussian days such intervals hold the truth in 97 % at r = 0, 93 % at 0.3 and
 * 90 % at 0.45 (by simulation of 200,000; with f = 1 in 95, 87 and 80 %).
 * Sources: m of n, Rao & Wu, JASA 83 (1988), 231 and Politis, Romano & Wolf, Subsampling (1999); blocks, Politis &
 * Romano, JASA 89 (1994), 1303. */
#ifndef KW_SIM_PLAN_SWEEP_DAYS_H
#define KW_SIM_PLAN_SWEEP_DAYS_H
#include <stdint.h>
#include "sim/core/rng.h"
#include "sim/plan/sweep/stats.h"
#include "workloads/trace.h"

#define KW_DAY_NS (24 * KW_NS_PER_HOUR)

struct kw_days {
    kw_ns length;                  /* of a block; the last may be shorter */
    uint32_t n, places;            /* whole days; with the part of a day at the end, which is no day to draw */
    uint32_t groups;               /* a day is drawn from its own group */
    uint32_t *group;               /* [n], owned */
    double correlation;            /* r */
    struct kw_variation variation; /* df == 0: fewer than 3 whole days */
};

/* KW_ERANGE: the trace is empty or takes no time. */
enum kw_status kw_days_init(struct kw_days *d, const struct kw_trace *t, struct kw_error *err);
void kw_days_free(struct kw_days *d);
/* Which day stands at each place, drawn anew. row[places]. variation.df > 0. */
void kw_days_draw(const struct kw_days *d, struct kw_rng *rng, uint32_t *row);

#endif
