/* tests/coverage/coverage.c - make coverage: how often 95 % intervals of one trace hold the truth of its law. Prints the
 * table that is kept in tests/coverage/coverage.txt. Exit 1 where a week's is outside 93 to 97 % by more than two
 * standard errors. */
#include <gsl/gsl_math.h>
#include <stdio.h>
#include "tests/coverage/weeks.h"

#define WEEKS 1000
#define TRUTH_DAYS 7000
#define LEAST 0.93
#define MOST 0.97

struct row {
    uint32_t days, replications;
};

static bool within(uint32_t held)
{
    double share = (double)held / WEEKS;
    return share >= LEAST - 2 * sqrt(LEAST * (1 - LEAST) / WEEKS) &&
           share <= MOST + 2 * sqrt(MOST * (1 - MOST) / WEEKS);
}

static enum kw_status tell(const struct row *row, double correlation, const double truth[WEEKS_FIGURES], bool *good,
                           struct kw_error *err)
{
    uint32_t held[WEEKS_FIGURES];
    double width[WEEKS_FIGURES];
    enum kw_status st = weeks_cover(held, width, truth, WEEKS, row->days, correlation, row->replications, err);
    if (st != KW_OK) return st;
    printf("%11.1f  %4u  %2u", correlation, row->days, row->replications);
    for (int k = 0; k < WEEKS_FIGURES; k++) {
        static const int column[WEEKS_FIGURES] = { 7, 10, 15 };
        printf("%*.1f", column[k], 100.0 * held[k] / WEEKS);
        if (row->days == 7) *good = *good && within(held[k]);
    }
    printf("     %.2f  %.2f  %.2f\n", width[0], width[1], width[2]);
    fflush(stdout);
    return KW_OK;
}

int main(void)
{
    static const double correlation[] = { 0, 0.3 };
    static const struct row rows[] = { { 7, 4 }, { 7, 8 }, { 7, 16 }, { 7, 32 }, { 3, 8 }, { 14, 8 } };
    struct kw_error err = { "" };
    bool good = true;
    enum kw_status st = weeks_open(&err);
    printf(
        "How often the 95 %% interval of one trace holds the truth of its law: %d traces a row, truth from %d days\n",
        WEEKS, TRUTH_DAYS);
    printf("(seeds 1 to %d; tests/coverage/weeks.h has law and fleet; two standard errors are 1.4 points)\n\n", WEEKS);
    printf("correlation\n");
    printf("of days      days  -r   cost  TTFT p95  cold fraction     mean width / truth\n");
    for (size_t c = 0; c < sizeof correlation / sizeof *correlation && st == KW_OK; c++) {
        double truth[WEEKS_FIGURES];
        st = weeks_truth(truth, TRUTH_DAYS, correlation[c], &err);
        for (size_t r = 0; r < sizeof rows / sizeof *rows && st == KW_OK; r++)
            st = tell(&rows[r], correlation[c], truth, &good, &err);
        if (st == KW_OK)
            printf("  truth: $%.2f a month, TTFT p95 %.3g s, %.3g %% cold\n", truth[0], truth[1], 100 * truth[2]);
    }
    weeks_close();
    if (st != KW_OK) fprintf(stderr, "%s\n", err.msg);
    if (st == KW_OK && !good)
        fprintf(stderr, "a week's intervals hold the truth too seldom or too often: want 93 to 97 %%\n");
    return st != KW_OK || !good;
}
