/* A small `make coverage`: intervals of a week that hold the truth of its law far too seldom, or always, are no 95 %
 * intervals. Divided by the root of the replications, as they once were, they held it in 17 to 32 of 100 weeks. */
#include <gsl/gsl_math.h>
#include "tests/check.h"
#include "tests/coverage/weeks.h"

static void a_week_holds_the_truth_as_often_as_it_says(void)
{
    enum { WEEKS = 80 };
    double truth[WEEKS_FIGURES], width[2][WEEKS_FIGURES];
    static const uint32_t replications[] = { 8, 24 };
    struct kw_error err = { "" };
    CHECK(weeks_truth(truth, 1400, 0, &err) == KW_OK);
    for (int r = 0; r < 2; r++) {
        uint32_t held[WEEKS_FIGURES];
        CHECK(weeks_cover(held, width[r], truth, WEEKS, 7, 0, replications[r], &err) == KW_OK);
        for (int k = 0; k < WEEKS_FIGURES; k++) {
            printf("%s, -r %u: %u of %d, width %.2f\n", kw_metric_info[weeks_metric[k]].name, replications[r], held[k],
                   WEEKS, width[r][k]);
            CHECK(held[k] >= WEEKS * 86 / 100); /* 95 % less three standard errors of 80 weeks, and of the truth */
        }
    }
    for (int k = 0; k < WEEKS_FIGURES; k++) CHECK(width[1][k] > 0.7 * width[0][k]); /* the root would take 0.57 of it */
    CHECK_STR(err.msg, "");
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(weeks_open(&err) == KW_OK);
    CHECK_STR(err.msg, "");
    RUN(a_week_holds_the_truth_as_often_as_it_says);
    weeks_close();
    return check_report();
}
