/* tests/check.h - CHECK a condition, RUN a test function, and the closing line "1 passed, 0 failed". */
#ifndef KW_TESTS_CHECK_H
#define KW_TESTS_CHECK_H
#include <math.h>
#include <stdio.h>
#include <string.h>

static int check_passed, check_failed, check_skipped, check_bad;
#define CHECK(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            check_bad = 1;                                                                                             \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);                                       \
        }                                                                                                              \
    } while (0)
#define CHECK_NEAR(got, want, tol)                                                                                     \
    do {                                                                                                               \
        double g_ = (got), w_ = (want), t_ = (tol);                                                                    \
        if (!(fabs(g_ - w_) <= t_)) {                                                                                  \
            check_bad = 1;                                                                                             \
            fprintf(stderr, "%s:%d: %s = %.12g, want %.12g +- %.3g\n", __FILE__, __LINE__, #got, g_, w_, t_);          \
        }                                                                                                              \
    } while (0)
#define CHECK_STR(got, want)                                                                                           \
    do {                                                                                                               \
        const char *g_ = (got), *w_ = (want);                                                                          \
        if (strcmp(g_, w_)) {                                                                                          \
            check_bad = 1;                                                                                             \
            fprintf(stderr, "%s:%d: %s = '%s', want '%s'\n", __FILE__, __LINE__, #got, g_, w_);                        \
        }                                                                                                              \
    } while (0)
#define SKIP(why) /* use inside a test, then return */                                                                 \
    do {                                                                                                               \
        check_skipped++;                                                                                               \
        check_bad = 2;                                                                                                 \
        printf("skip %s: %s\n", __func__, why);                                                                        \
    } while (0)
#define RUN(test)                                                                                                      \
    do {                                                                                                               \
        check_bad = 0;                                                                                                 \
        test();                                                                                                        \
        if (check_bad == 1) {                                                                                          \
            check_failed++;                                                                                            \
            printf("FAIL %s\n", #test);                                                                                \
        } else if (check_bad == 0) {                                                                                   \
            check_passed++;                                                                                            \
        }                                                                                                              \
    } while (0)
static inline int check_report(void)
{
    printf("%d passed, %d failed, %d skipped\n", check_passed, check_failed, check_skipped);
    return check_failed != 0;
}
#endif
