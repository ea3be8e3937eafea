/* tests/sim/fleet/reference_kpa.h - Knative's pod autoscaler read from its published source and restated, nothing
 * shared with sim/fleet/scalers: knative/serving at 98e5ef9 (2026-08-21, Apache-2.0),
 * pkg/autoscaler/scaling/autoscaler.go (Scale), pkg/autoscaler/aggregation/bucketing.go (averages over buckets of one
 * second) and pkg/autoscaler/aggregation/max (the delay on the way down). Names are theirs.
 *
 * Left out because no field of ours says it: activation-scale, initial-scale, the excess burst capacity (it decides who
 * queues, not how many pods), revisions that cannot be reached, the weighted average, and the panic in which an
 * autoscaler starts that finds pods already there (a run begins in its steady state, not with a new autoscaler). */
#ifndef KW_TESTS_REFERENCE_KPA_H
#define KW_TESTS_REFERENCE_KPA_H
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { REF_BUCKETS = 600, REF_DELAYS = 1800, REF_NEVER = -1000000 };

struct ref_buckets { /* TimedFloat64Buckets; granularity 1 s, times are whole seconds */
    double bucket[REF_BUCKETS], total;
    int window, first_write, last_write;
};

static void ref_buckets_new(struct ref_buckets *t, int window)
{
    memset(t, 0, sizeof *t);
    t->window = window;
    t->first_write = t->last_write = REF_NEVER;
}

static void ref_record(struct ref_buckets *t, int now, double value)
{
    if (t->last_write != now) {
        if (t->first_write == REF_NEVER) t->first_write = now;
        if (now - t->last_write >= t->window) { /* no writes for a whole window */
            t->first_write = now;
            memset(t->bucket, 0, sizeof t->bucket);
            t->total = 0;
        } else {
            for (int i = t->last_write + 1; i <= now; i++) {
                t->total -= t->bucket[i % t->window];
                t->bucket[i % t->window] = 0;
            }
        }
        t->last_write = now;
    }
    t->bucket[now % t->window] += value;
    t->total += value;
}

static double ref_window_average(const struct ref_buckets *t, int now)
{
    int d = now - t->last_write;
    if (d >= t->window) return 0;
    double sum = t->total, n = fmin(t->last_write - t->first_write + 1, d <= 0 ? t->window : t->window - d);
    for (int i = t->last_write + 1; i <= now; i++) sum -= t->bucket[i % t->window];
    return round(sum / n * 1e6) / 1e6;
}

struct ref_kpa {
    double target_value, max_up, max_down, panic_threshold;
    int stable_window, delay_buckets; /* ceil(scale-down-delay / 2 s) */
    struct ref_buckets stable, panic;
    int panic_time; /* REF_NEVER: its zero value */
    int max_panic_pods;
    int delayed[REF_DELAYS]; /* by two seconds: the most that was wanted then, -1 nothing */
};

static void ref_kpa_new(struct ref_kpa *a, int stable_window, int panic_window, int scale_down_delay)
{
    memset(a, 0, sizeof *a);
    ref_buckets_new(&a->stable, stable_window);
    ref_buckets_new(&a->panic, panic_window);
    a->stable_window = stable_window;
    a->delay_buckets = (scale_down_delay + 1) / 2;
    a->panic_time = REF_NEVER;
    for (int i = 0; i < REF_DELAYS; i++) a->delayed[i] = -1;
}

static void ref_kpa_record(struct ref_kpa *a, int second, double concurrency)
{
    ref_record(&a->stable, second, concurrency);
    ref_record(&a->panic, second, concurrency);
}

/* Scale at `now`, when the bucket of second `newest` is the last that was written; -1: no data, nothing changes. */
static int ref_kpa_scale(struct ref_kpa *a, int now, int newest, int ready_pods)
{
    if (newest - a->stable.last_write > a->stable.window) return -1;
    double stable_value = ref_window_average(&a->stable, newest), panic_value = ref_window_average(&a->panic, newest);
    double ready = fmax(1, ready_pods), max_scale_up = ceil(a->max_up * ready),
           max_scale_down = floor(ready / a->max_down);
    double dspc = ceil(stable_value / a->target_value), dppc = ceil(panic_value / a->target_value);
    int stable_pods = (int)fmin(fmax(dspc, max_scale_down), max_scale_up);
    int panic_pods = (int)fmin(fmax(dppc, max_scale_down), max_scale_up);
    bool over = dppc / ready >= a->panic_threshold;
    if (a->panic_time == REF_NEVER && over) {
        a->panic_time = now;
    } else if (over) {
        a->panic_time = now;
    } else if (a->panic_time != REF_NEVER && a->panic_time + a->stable_window < now) {
        a->panic_time = REF_NEVER;
        a->max_panic_pods = 0;
    }
    int desired = stable_pods;
    if (a->panic_time != REF_NEVER) {
        if (desired < panic_pods) desired = panic_pods;
        if (desired > a->max_panic_pods) a->max_panic_pods = desired;
        desired = a->max_panic_pods;
    }
    if (a->delay_buckets) {
        int index = now / 2;
        if (desired > a->delayed[index]) a->delayed[index] = desired;
        for (int i = index; i >= 0 && index - i < a->delay_buckets; i--)
            if (a->delayed[i] > desired) desired = a->delayed[i];
    }
    return desired;
}
#endif
