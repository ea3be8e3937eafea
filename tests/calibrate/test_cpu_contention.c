/* What others took of the machine: at least what a child of ours used, none of what we used ourselves. */
#include "calibrate/measure/cpu_contention.h"
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/check.h"

static double clock_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void spin(double until_s)
{
    while (clock_s(CLOCK_MONOTONIC) < until_s) {
    }
}

static void a_child_counts_and_we_do_not(void)
{
    struct rusage used;
    struct kw_cpu_contention before = kw_cpu_contention_begin();
    double began = clock_s(CLOCK_MONOTONIC), own = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    if (isnan(before.all) || before.all < 0) {
        SKIP("no /proc/stat");
        return;
    }
    pid_t child = fork();
    spin(began + 0.5);
    if (child == 0) _exit(0);
    CHECK(child > 0 && waitpid(child, NULL, 0) == child);
    double share = kw_cpu_contention_share(&before),
           all = (clock_s(CLOCK_MONOTONIC) - began) * (double)sysconf(_SC_NPROCESSORS_ONLN);
    CHECK(!getrusage(RUSAGE_CHILDREN, &used));
    double childs = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec * 1e-6;
    own = clock_s(CLOCK_PROCESS_CPUTIME_ID) - own;
    CHECK(share >= 0 && share <= 1);
    CHECK(share > (childs - 0.05) / all);  /* ticks of 10 ms, a few of them */
    CHECK(share < 1 - (own - 0.05) / all); /* what is left beside our own */
}

static void nothing_to_read_is_not_zero(void)
{
    struct kw_cpu_contention never = { -1, -1, -1 };
    CHECK(isnan(kw_cpu_contention_share(&never)));
}

static void waiting_ends(void)
{
    double began = clock_s(CLOCK_MONOTONIC);
    kw_cpu_contention_wait(0);
    CHECK(clock_s(CLOCK_MONOTONIC) - began < 0.2);
    kw_cpu_contention_wait(0.5); /* quiet or not: three windows at most */
    CHECK(clock_s(CLOCK_MONOTONIC) - began < 30);
}

int main(void)
{
    RUN(a_child_counts_and_we_do_not);
    RUN(waiting_ends);
    RUN(nothing_to_read_is_not_zero);
    return check_report();
}
