/* sim/watch/budget.h - is a month's budget kept? What the month has cost, and what it will come to by its end: the level of
 * the last seven whole days goes on, working days and weekends apart. The interval is that of a mean of seven days and of the
 * days to come,
 *
 *     sum +- t(0.975, n - 1) * s * sqrt((H + H^2 / 7) * (1 + rho) / (1 - rho))
 *
 * with s and rho the spread and the lag-1 correlation of the n <= 28 whole days before, H the days to come: a trend, and what
 * nobody has seen yet, is not in it. */
#ifndef KW_SIM_WATCH_BUDGET_H
#define KW_SIM_WATCH_BUDGET_H
#include "sim/watch/view.h"

enum kw_budget_state {
    KW_BUDGET_KEPT,  /* even the interval's upper end is within it */
    KW_BUDGET_RISKY, /* the upper end, or what nobody can say yet, is beyond it */
    KW_BUDGET_LOST,  /* the forecast is beyond it */
    KW_BUDGET_OVER   /* what was spent is */
};
extern const char *const kw_budget_state_name[]; /* "kept", "risky", "lost", "over", NULL */

enum { KW_BUDGET_AVERAGES = 3 };
extern const int kw_budget_average_days[KW_BUDGET_AVERAGES]; /* 1, 7, 28 */

struct kw_watch_budget {
    enum kw_budget_state state;
    int64_t from, now, to; /* hours since 1970: the calendar month (UTC) of the last whole hour, and that hour's end */
    double limit, spent;   /* dollars */
    double forecast, lo, hi;        /* at the month's end; lo and hi NaN: fewer than three whole days were seen */
    double day[KW_BUDGET_AVERAGES]; /* dollars a day over the last whole days; NaN: fewer were seen */
    int64_t crossed;  /* the hour in which the forecast passes the limit, or the spending did; INT64_MAX: none */
    int64_t unpriced; /* requests of the month whose cost nobody knows: on top of it */
};

/* limit: dollars a calendar month. KW_ERANGE: no whole hour was seen. KW_ENOMEM. */
enum kw_status kw_watch_budget(struct kw_watch_budget *b, const struct kw_watch_ledger *l, double limit,
                               struct kw_error *err);

#endif
