/* When a window opens and how many are added up, by what is seen between passes alone. */
#include "sim/fleet/steady.h"
#include <math.h>
#include "tests/check.h"

static void a_state_that_comes_back_opens_the_window(void)
{
    struct kw_steady s;
    kw_steady_begin(&s, 1000, 5);
    CHECK(!kw_steady_opens(&s, 11, 0) && !kw_steady_opens(&s, 12, 0) && !kw_steady_opens(&s, 13, 0));
    CHECK(kw_steady_opens(&s, 12, 0) && s.period == 2);
    CHECK(!kw_steady_enough(&s, 100, false) && kw_steady_enough(&s, 140, false));
    CHECK(kw_steady_error(&s) == 0 && s.mean == 120);
}

static void what_never_comes_back_opens_it_all_the_same(void)
{
    struct kw_steady s;
    uint32_t looks = 0;
    kw_steady_begin(&s, 1000000, 5);
    while (!kw_steady_opens(&s, 100 + looks, 0)) looks++;
    CHECK(looks == KW_STEADY_LOOKS && !s.period);
    kw_steady_begin(&s, 1000, 5); /* its work is done before */
    CHECK(!kw_steady_opens(&s, 1, 0));
    s.work = 251;
    CHECK(kw_steady_opens(&s, 2, 0) && !s.period);
    s.work = 1001;
    CHECK(kw_steady_enough(&s, 100, true) && isnan(kw_steady_error(&s)));
}

/* Of a state that comes back after one pass, but of which each draws anew. */
static void luck_is_averaged_until_its_mean_is_known(void)
{
    struct kw_steady s;
    uint32_t n = 1;
    kw_steady_begin(&s, 1000000, 5);
    CHECK(!kw_steady_opens(&s, 7, 0) && kw_steady_opens(&s, 7, 0) && s.period == 1);
    while (!kw_steady_enough(&s, n % 2 ? 110 : 90, true)) n++;
    CHECK(s.kept == n && kw_steady_error(&s) <= KW_STEADY_TOLERANCE);
    /* Deviation 10 of 100: 1.96 * 0.1 / sqrt(n) = 0.005. */
    CHECK_NEAR(n, 1537, 3);
    kw_steady_begin(&s, 1000000, 5);
    for (n = 1; !kw_steady_enough(&s, 100, true); n++) {
    }
    CHECK(n == 8 && kw_steady_error(&s) == 0);
    kw_steady_begin(&s, UINT64_MAX, 5);
    for (n = 1; !kw_steady_enough(&s, n % 2 ? 200 : 0, true); n++) {
    }
    CHECK(n == KW_STEADY_PASSES && kw_steady_error(&s) > KW_STEADY_TOLERANCE);
    kw_steady_begin(&s, 1000, 5); /* nothing was ever alive: nothing varies */
    for (n = 1; !kw_steady_enough(&s, 0, true); n++) {
    }
    CHECK(n == 8 && kw_steady_error(&s) == 0);
}

/* A window half a second longer than a multiple of the loop's minute: after 120 of them all has been seen. */
static void a_mean_is_over_all_moments_between_two_ticks(void)
{
    static const struct {
        double pass_s;
        uint32_t least;
    } of[] = { { 1800, 8 }, { 1800.5, 120 }, { 1799, 60 }, { 90, 8 }, { 603, 20 }, { 600.001, 8 } };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct kw_steady s;
        uint32_t n = 1;
        kw_steady_begin(&s, 1000000, 5);
        kw_steady_ticks(&s, 60 * KW_NS_PER_S, (kw_ns)(of[i].pass_s * 1e9));
        while (!kw_steady_enough(&s, 100, false)) n++;
        CHECK(n == of[i].least);
    }
}

static void more_and_more_that_wait_is_an_overload(void)
{
    struct kw_steady s;
    kw_steady_begin(&s, 1000000, 5);
    CHECK(!kw_steady_opens(&s, 1, 100) && !kw_steady_opens(&s, 2, 110) && kw_steady_opens(&s, 3, 121));
    CHECK(s.overloaded && kw_steady_enough(&s, 100, false) && s.kept == 1);
}

int main(void)
{
    RUN(a_state_that_comes_back_opens_the_window);
    RUN(what_never_comes_back_opens_it_all_the_same);
    RUN(luck_is_averaged_until_its_mean_is_known);
    RUN(a_mean_is_over_all_moments_between_two_ticks);
    RUN(more_and_more_that_wait_is_an_overload);
    return check_report();
}
