#include "sim/watch/budget.h"
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/date.h"

const char *const kw_budget_state_name[] = { "kept", "risky", "lost", "over", NULL };
const int kw_budget_average_days[KW_BUDGET_AVERAGES] = { 1, 7, 28 };
enum { DAY = 24, LEVEL_DAYS = 7, PAST_DAYS = 28, LEAST_DAYS = 3 };

/* The first hours of the calendar month that an hour lies in, and of the next. */
static void month_of(int64_t hour, int64_t *from, int64_t *to)
{
    int year, month, day, y, m, d;
    int64_t at = hour / DAY;
    kw_date_of_day(at, &year, &month, &day);
    at -= day - 1;
    *from = at * DAY;
    do kw_date_of_day(++at, &y, &m, &d);
    while (m == month);
    *to = at * DAY;
}

static bool weekend(int64_t day)
{
    return (day + 3) % 7 >= 5; /* 1970-01-01 was a Thursday */
}

/* The whole days before now, the last first. */
struct days {
    double cost[PAST_DAYS]; /* dollars */
    bool weekend[PAST_DAYS];
    size_t n;
    double factor[2];       /* of working days and of weekends to the mean day; 1 where not both were seen twice */
    double flat[PAST_DAYS]; /* cost over its factor */
    double level, spread, carried;
};

static void of_kinds(struct days *d)
{
    double sum[2] = { 0, 0 }, all = 0;
    size_t n[2] = { 0, 0 };
    for (size_t i = 0; i < d->n; i++) sum[d->weekend[i]] += d->cost[i], n[d->weekend[i]]++, all += d->cost[i];
    for (int k = 0; k < 2; k++) d->factor[k] = 1;
    if (n[0] < 2 || n[1] < 2 || sum[0] <= 0 || sum[1] <= 0) return;
    for (int k = 0; k < 2; k++) d->factor[k] = sum[k] / (double)n[k] / (all / (double)d->n);
}

static void describe(struct days *d)
{
    double mean = 0, squares = 0, pairs = 0;
    size_t recent = d->n < LEVEL_DAYS ? d->n : LEVEL_DAYS;
    of_kinds(d);
    d->level = d->spread = d->carried = 0;
    for (size_t i = 0; i < d->n; i++) {
        d->flat[i] = d->cost[i] / d->factor[d->weekend[i]];
        mean += d->flat[i] / (double)d->n;
        if (i < recent) d->level += d->flat[i] / (double)recent;
    }
    for (size_t i = 0; i < d->n; i++) {
        squares += (d->flat[i] - mean) * (d->flat[i] - mean);
        if (i) pairs += (d->flat[i] - mean) * (d->flat[i - 1] - mean);
    }
    if (d->n > 1) d->spread = sqrt(squares / (double)(d->n - 1));
    /* The estimate from n values is low by about (1 + 3 rho) / n (Kendall, Biometrika 41, 1954). */
    double rho = squares > 0 ? pairs / squares : 0;
    d->carried = fmax(0, fmin(0.8, rho + (1 + 3 * rho) / (double)d->n));
}

enum kw_status kw_watch_budget(struct kw_watch_budget *b, const struct kw_watch_ledger *l, double limit,
                               struct kw_error *err)
{
    struct kw_watch_window all = kw_watch_window(l, 0);
    struct kw_watch_count *hour;
    struct days d = { .n = 0 };
    *b =
        (struct kw_watch_budget){ .limit = limit, .now = kw_watch_over(l), .crossed = INT64_MAX, .lo = NAN, .hi = NAN };
    for (int i = 0; i < KW_BUDGET_AVERAGES; i++) b->day[i] = NAN;
    if (b->now <= all.from) return kw_fail(err, KW_ERANGE, "a budget is judged by whole hours, and none is over yet");
    month_of(b->now - 1, &b->from, &b->to);
    int64_t first = b->now - PAST_DAYS * DAY < b->from ? b->now - PAST_DAYS * DAY : b->from;
    struct kw_watch_window w = { first > all.from ? first : all.from, b->now };
    KW_TRY(kw_watch_hours(l, w, &hour, err));
    for (int64_t h = w.from > b->from ? w.from : b->from; h < b->now; h++) {
        b->spent += kw_nano_to_double(hour[h - w.from].cost);
        b->unpriced += hour[h - w.from].unpriced;
        if (b->spent > limit && b->crossed == INT64_MAX) b->crossed = h;
    }
    /* Days of 24 hours that end now; each is of the kind of the calendar day that holds most of it. */
    for (; d.n < PAST_DAYS && b->now - (int64_t)(d.n + 1) * DAY >= w.from; d.n++) {
        int64_t begin = b->now - (int64_t)(d.n + 1) * DAY;
        for (int64_t h = begin; h < begin + DAY; h++) d.cost[d.n] += kw_nano_to_double(hour[h - w.from].cost);
        d.weekend[d.n] = weekend((begin + DAY / 2) / DAY);
    }
    free(hour);
    for (int i = 0; i < KW_BUDGET_AVERAGES; i++) {
        double sum = 0;
        for (int k = 0; k < kw_budget_average_days[i] && (size_t)k < d.n; k++) sum += d.cost[k];
        if (d.n >= (size_t)kw_budget_average_days[i]) b->day[i] = sum / kw_budget_average_days[i];
    }
    if (d.n) describe(&d);
    double each = d.n ? d.level : b->spent * DAY / (double)(b->now - w.from);
    if (!d.n) d.factor[0] = d.factor[1] = 1;
    b->forecast = b->spent;
    double squares = 0;
    for (int64_t h = b->now; h < b->to; h++) {
        double factor = d.factor[weekend(h / DAY)];
        b->forecast += each * factor / DAY;
        squares += factor * factor / DAY;
        if (b->forecast > limit && b->crossed == INT64_MAX) b->crossed = h;
    }
    double left = (double)(b->to - b->now) / DAY;
    if (d.n >= LEAST_DAYS || left == 0) {
        double level_days = d.n < LEVEL_DAYS ? (double)d.n : LEVEL_DAYS;
        double spread =
            left == 0 ? 0 : d.spread * sqrt((squares + left * left / level_days) * (1 + d.carried) / (1 - d.carried));
        double half = left == 0 ? 0 : gsl_cdf_tdist_Pinv(0.975, (double)(d.n - 1)) * spread;
        b->lo = fmax(b->spent, b->forecast - half);
        b->hi = b->forecast + half;
    }
    b->state = b->spent > limit      ? KW_BUDGET_OVER
               : b->forecast > limit ? KW_BUDGET_LOST
               : b->hi <= limit      ? KW_BUDGET_KEPT
                                     : KW_BUDGET_RISKY;
    return KW_OK;
}
