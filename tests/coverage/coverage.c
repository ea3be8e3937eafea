/* tests/coverage/coverage.c - make coverage: how often 95 % intervals of one week hold the truth of its law. Prints the
 * table that is kept in tests/coverage/coverage.txt. */
#include <gsl/gsl_math.h>
#include <stdio.h>
#include "tests/coverage/weeks.h"

#define WEEKS 1000
#define TRUTH_DAYS 7000

int main(void)
{
    static const double correlation[] = { 0, 0.3 };
    static const uint32_t replications[] = { 8, 32 };
    struct kw_error err = { "" };
    enum kw_status st = weeks_open(&err);
    printf("How often the 95 %% interval of one week holds the truth: %d weeks a row, truth from %d days\n", WEEKS,
           TRUTH_DAYS);
    printf("(seeds 1 to %d; tests/coverage/weeks.h has law and fleet; +-1.4 points is two standard errors)\n\n", WEEKS);
    printf("days' correlation  -r   cost  TTFT p95  cold fraction   mean width / truth\n");
    for (size_t c = 0; c < sizeof correlation / sizeof *correlation && st == KW_OK; c++) {
        double truth[WEEKS_FIGURES], width[WEEKS_FIGURES];
        st = weeks_truth(truth, TRUTH_DAYS, correlation[c], &err);
        for (size_t r = 0; r < sizeof replications / sizeof *replications && st == KW_OK; r++) {
            uint32_t held[WEEKS_FIGURES];
            st = weeks_cover(held, width, truth, WEEKS, correlation[c], replications[r], &err);
            if (st != KW_OK) break;
            printf("%17.1f  %2u  %5.1f  %8.1f  %13.1f   %.2f  %.2f  %.2f\n", correlation[c], replications[r],
                   100.0 * held[0] / WEEKS, 100.0 * held[1] / WEEKS, 100.0 * held[2] / WEEKS, width[0], width[1],
                   width[2]);
            fflush(stdout);
        }
        if (st == KW_OK)
            printf("  truth: $%.2f a month, TTFT p95 %.3g s, %.3g %% cold\n", truth[0], truth[1], 100 * truth[2]);
    }
    weeks_close();
    if (st != KW_OK) fprintf(stderr, "%s\n", err.msg);
    return st != KW_OK;
}
