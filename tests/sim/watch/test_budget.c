/* Budgets: the month's days by hand, and an interval that holds as often as it says. */
#include "sim/watch/budget.h"
#include <math.h>
#include <stdlib.h>
#include "sim/core/rng.h"
#include "tests/check.h"

enum { DAYS = 80, DAY = 24 };
static struct kw_error err;
static struct kw_watch_cell cell[DAYS * DAY];
static char label[] = "m\x1f\x1f\x1f";
static struct kw_watch_series series = { 0, label };
static struct kw_watch_source source = { .kind = KW_KIND_API };
static const int64_t may = INT64_C(20574) * DAY; /* 2026-05-01, a Friday; May has 31 days */

/* The hours from `from` on for n days, each of dollars[day] dollars. */
static struct kw_watch_ledger ledger(int64_t from, int n, const double *dollars)
{
    for (int h = 0; h < n * DAY; h++) {
        cell[h] = (struct kw_watch_cell){ .hour = from + h, .count.requests = 1 };
        cell[h].count.cost = (kw_nusd)llround(dollars[h / DAY] / DAY * 1e9);
    }
    source.from = from * KW_NS_PER_HOUR;
    source.until = (from + n * DAY) * KW_NS_PER_HOUR;
    return (struct kw_watch_ledger){
        .source = &source, .series = &series, .cell = cell, .n_sources = 1, .n_series = 1, .n_cells = (size_t)(n * DAY)
    };
}

static void even_days_go_on(void)
{
    double d[DAYS];
    struct kw_watch_budget b;
    for (int i = 0; i < DAYS; i++) d[i] = 10;
    struct kw_watch_ledger l = ledger(may - 20 * DAY, 30, d); /* to 11 May */
    CHECK(kw_watch_budget(&b, &l, 400, &err) == KW_OK && b.state == KW_BUDGET_KEPT);
    CHECK(b.from == may && b.to == may + 31 * DAY && b.now == may + 10 * DAY);
    CHECK_NEAR(b.spent, 100, 1e-6);
    CHECK_NEAR(b.forecast, 310, 1e-6);
    CHECK_NEAR(b.hi - b.lo, 0, 1e-3);
    CHECK_NEAR(b.day[2], 10, 1e-6);
    CHECK(b.crossed == INT64_MAX);
    CHECK(kw_watch_budget(&b, &l, 200.1, &err) == KW_OK && b.state == KW_BUDGET_LOST);
    CHECK(b.crossed == may + 20 * DAY); /* $200 are spent as that day begins, the hour in it goes beyond */
    CHECK(kw_watch_budget(&b, &l, 95.1, &err) == KW_OK && b.state == KW_BUDGET_OVER && b.crossed == may + 9 * DAY + 12);
    CHECK(kw_watch_budget(&b, &l, 310.0001, &err) == KW_OK && b.state != KW_BUDGET_LOST);
}

static void weekends_are_days_of_their_own(void)
{
    double d[DAYS];
    struct kw_watch_budget b;
    for (int i = 0; i < DAYS; i++) d[i] = (i + 4) % 7 >= 5 ? 2 : 10; /* from a Friday on, 28 days before 29 May */
    struct kw_watch_ledger l = ledger(may, 28, d);                   /* Friday 29, Saturday, Sunday are left */
    CHECK(kw_watch_budget(&b, &l, 1000, &err) == KW_OK);
    CHECK_NEAR(b.spent, 20 * 10 + 8 * 2, 1e-6);
    CHECK_NEAR(b.forecast, b.spent + 10 + 2 + 2, 1e-6);
}

static void what_is_not_known_is_said(void)
{
    double d[2] = { 10, 10 };
    struct kw_watch_budget b;
    struct kw_watch_ledger l = ledger(may, 2, d);
    CHECK(kw_watch_budget(&b, &l, 1000, &err) == KW_OK && b.state == KW_BUDGET_RISKY && isnan(b.hi) && isnan(b.day[1]));
    CHECK_NEAR(b.day[0], 10, 1e-6);
    source.until = source.from + 1;
    CHECK(kw_watch_budget(&b, &l, 1000, &err) == KW_ERANGE && strstr(err.msg, "none is over"));
}

/* Days of weekly shape whose noise carries over: of 2,000 months the end lies within the interval in 93 to 97 %. */
static void the_interval_holds(void)
{
    struct kw_rng rng;
    double d[DAYS];
    struct kw_watch_budget b;
    int within = 0, months = 0;
    CHECK(kw_rng_init(&rng, 11, 0, KW_RNG_ARRIVALS, &err) == KW_OK);
    for (int k = 0; k < 1000; k++) {
        double noise = 0, end = 0, rho = 0.1 * (k % 4);
        int seen = 28 + 5 + k % 23; /* whole days before now, of which the last 5 to 27 are of the month */
        for (int i = 0; i < 28 + 31; i++) {
            double normal =
                sqrt(-2 * log(kw_rng_uniform(&rng) + 1e-300)) * cos(2 * 3.14159265358979 * kw_rng_uniform(&rng));
            noise = rho * noise + sqrt(1 - rho * rho) * 0.2 * normal;
            d[i] = fmax(0, ((i + 4) % 7 >= 5 ? 4 : 10) * (1 + noise));
            if (i >= 28) end += d[i];
        }
        struct kw_watch_ledger l = ledger(may - 28 * DAY, seen, d);
        CHECK(kw_watch_budget(&b, &l, 1e6, &err) == KW_OK && b.from == may);
        within += end >= b.lo && end <= b.hi;
        months++;
    }
    kw_rng_free(&rng);
    printf("the month's end was within the interval in %.1f %% of %d months\n", 100.0 * within / months, months);
    CHECK(within >= 0.93 * months && within <= 0.98 * months);
}

int main(void)
{
    RUN(even_days_go_on);
    RUN(weekends_are_days_of_their_own);
    RUN(what_is_not_known_is_said);
    RUN(the_interval_holds);
    return check_report();
}
