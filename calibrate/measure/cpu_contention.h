/* calibrate/measure/cpu_contention.h - how much of the machine other processes took while we timed something. A timing
 * on a processor is worth what the processor was left to it; what others did can be read, so it is said beside the
 * figure, and what was timed beside too much of it can be timed again without looking at the result.
 *
 * Source: the first line of /proc/stat (proc(5): time of all processors by state; stolen time is a hypervisor's other
 * guests') less this process's own time (getrusage). Ticks of 10 ms: over a span of T on n processors the share is
 * known to about 0.02 / (n T). */
#ifndef KW_CALIBRATE_MEASURE_CPU_CONTENTION_H
#define KW_CALIBRATE_MEASURE_CPU_CONTENTION_H

struct kw_cpu_contention { /* at the beginning of a span, in processor seconds; all < 0 where nothing can be read */
    double all, busy, own;
};
struct kw_cpu_contention kw_cpu_contention_begin(void);
/* Since then: the others' share of all processors, 0 to 1. NAN when it cannot be read or no tick has passed. */
double kw_cpu_contention_share(const struct kw_cpu_contention *begin);
/* Sleeps until others took at most 10 % of a fifth of a second, for most_s seconds at most. */
void kw_cpu_contention_wait(double most_s);

#endif
