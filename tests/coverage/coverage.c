/* tests/coverage/coverage.c - make coverage: how often 95 % intervals of one trace hold the truth of its law. Prints the
 * table that is kept in tests/coverage/coverage.txt. Exit 1 where a week's is outside 93 to 97 % by more than two
 * standard errors, or below them where a share is rare. */
#include <gsl/gsl_math.h>
#include <stdio.h>
#include "tests/coverage/weeks.h"

#define WEEKS 1000
#define TRUTH_DAYS 7000
#define LEAST 0.93
#define MOST 0.97

static bool within(uint32_t held, double most)
{
    double share = (double)held / WEEKS;
    return share >= LEAST - 2 * sqrt(LEAST * (1 - LEAST) / WEEKS) &&
           share <= most + 2 * sqrt(most * (1 - most) / WEEKS);
}

/* A share that most weeks show nothing of: no drawing of their days can tell how large it is, and bounds of a count
 * that hold for every truth hold more often than they say for most of them. */
static bool rare(double truth, enum kw_metric m)
{
    return (m == KW_METRIC_COLD_FRACTION && truth < 1e-3) || (m == KW_METRIC_ATTAINMENT && truth > 1 - 1e-3);
}

static enum kw_status tell(const struct weeks_case *c, const double truth[WEEKS_FIGURES], const struct kw_ranks *ttft,
                           struct weeks_reliability reliability[2], bool *good, struct kw_error *err)
{
    uint32_t held[WEEKS_FIGURES];
    double width[WEEKS_FIGURES];
    enum kw_status st = weeks_cover(held, width, truth, WEEKS, c, ttft, reliability, err);
    if (st != KW_OK) return st;
    printf("%11.1f  %4u  %2u  %4u", c->correlation, c->days, c->replications, c->keep_warm);
    for (int k = 0; k < WEEKS_FIGURES; k++) {
        static const int column[WEEKS_FIGURES] = { 6, 10, 6, 12 };
        bool seldom = rare(truth[k], weeks_metric[k]);
        printf("%*.1f%s", column[k] - seldom, 100.0 * held[k] / WEEKS, seldom ? "*" : "");
        if (c->days >= 7) *good = *good && within(held[k], seldom ? 1 : MOST);
    }
    printf("    ");
    for (int k = 0; k < WEEKS_FIGURES; k++) printf("  %4.2f", width[k]);
    printf("\n");
    fflush(stdout);
    return KW_OK;
}

/* Of each fifth of the probabilities: how many weeks, said and came in per cent. */
static void tell_reliability(const char *what, double correlation, const struct weeks_reliability *r)
{
    printf("%-12s %11.1f", what, correlation);
    for (int k = 0; k < WEEKS_FIFTHS; k++)
        printf("   %4u %5.1f %5.1f", r->said[k], 100 * r->sum[k] / r->said[k], 100.0 * r->came[k] / r->said[k]);
    printf("\n");
}

int main(void)
{
    static const double correlation[] = { 0, 0.3 };
    static const struct weeks_case rows[] = { { 7, 4, 0, 0 }, { 7, 8, 0, 0 },  { 7, 16, 0, 0 }, { 7, 32, 0, 0 },
                                              { 7, 8, 1, 0 }, { 14, 8, 0, 0 }, { 3, 8, 0, 0 } };
    const uint32_t judged = 16; /* replications of the row that tells of probabilities */
    struct weeks_reliability reliability[2][2] = { { { { 0 }, { 0 }, { 0 } } } };
    struct kw_error err = { "" };
    bool good = true;
    enum kw_status st = weeks_open(&err);
    printf(
        "How often the 95 %% interval of one trace holds the truth of its law: %d traces a row, truth from %d days\n",
        WEEKS, TRUTH_DAYS);
    printf("(seeds 1 to %d; tests/coverage/weeks.h has law and fleet; two standard errors are 1.4 points)\n\n", WEEKS);
    printf("correlation\n");
    printf("of days      days  -r  warm  cost  TTFT p95  cold  attainment     mean width / truth\n");
    for (size_t c = 0; c < sizeof correlation / sizeof *correlation && st == KW_OK; c++) {
        double truth[WEEKS_WARM][WEEKS_FIGURES];
        struct kw_ranks ttft;
        for (uint32_t k = 0; k < WEEKS_WARM && st == KW_OK; k++)
            st = weeks_truth(truth[k], k ? NULL : &ttft, TRUTH_DAYS, correlation[c], k, &err);
        for (size_t r = 0; r < sizeof rows / sizeof *rows && st == KW_OK; r++) {
            struct weeks_case row = rows[r];
            row.correlation = correlation[c];
            bool tells = row.replications == judged;
            st = tell(&row, truth[row.keep_warm], tells ? &ttft : NULL, tells ? reliability[c] : NULL, &good, &err);
        }
        for (uint32_t k = 0; k < WEEKS_WARM && st == KW_OK; k++)
            printf("  truth, %u kept warm: $%.2f a month, TTFT p95 %.3g s, %.3g %% cold, %.1f %% attained\n", k,
                   truth[k][0], truth[k][1], 100 * truth[k][2], 100 * truth[k][3]);
    }
    if (st == KW_OK) {
        printf("\nHow often what was said came true, of weeks at -r %u, by fifths of the probability said: how many "
               "weeks, "
               "said %%, came %%\n\n",
               judged);
        printf("             correlation\n");
        for (size_t c = 0; c < sizeof correlation / sizeof *correlation; c++) {
            tell_reliability("P(feasible)", correlation[c], &reliability[c][0]);
            tell_reliability("P(best)", correlation[c], &reliability[c][1]);
        }
    }
    weeks_close();
    if (st != KW_OK) fprintf(stderr, "%s\n", err.msg);
    if (st == KW_OK && !good) fprintf(stderr, "intervals hold the truth too seldom or too often: want 93 to 97 %%\n");
    return st != KW_OK || !good;
}
