#include "calibrate/measure/cpu_contention.h"
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

struct kw_cpu_contention kw_cpu_contention_begin(void)
{
    unsigned long long v[8] = { 0 }; /* user, nice, system, idle, iowait, irq, softirq, steal */
    struct kw_cpu_contention o = { -1, -1, -1 };
    struct rusage self;
    FILE *f = fopen("/proc/stat", "r");
    if (!f) return o;
    int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
                   &v[7]);
    fclose(f);
    long ticks = sysconf(_SC_CLK_TCK);
    if (n < 4 || ticks <= 0 || getrusage(RUSAGE_SELF, &self)) return o;
    double all = 0;
    for (int i = 0; i < 8; i++) all += (double)v[i];
    o.all = all / (double)ticks;
    o.busy = (all - (double)v[3] - (double)v[4]) / (double)ticks;
    o.own = seconds(self.ru_utime) + seconds(self.ru_stime);
    return o;
}

double kw_cpu_contention_share(const struct kw_cpu_contention *begin)
{
    struct kw_cpu_contention end = kw_cpu_contention_begin();
    if (begin->all < 0 || end.all <= begin->all) return NAN;
    double share = ((end.busy - begin->busy) - (end.own - begin->own)) / (end.all - begin->all);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

void kw_cpu_contention_wait(double most_s)
{
    const double window_s = 0.2; /* 20 ticks a processor */
    const struct timespec window = { .tv_nsec = (long)(window_s * 1e9) };
    for (double waited = 0; waited < most_s; waited += window_s) {
        struct kw_cpu_contention o = kw_cpu_contention_begin();
        nanosleep(&window, NULL);
        if (!(kw_cpu_contention_share(&o) > 0.1)) return;
    }
}
