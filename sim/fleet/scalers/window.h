/* sim/fleet/scalers/window.h - what control loops average: the exact time integral of a level, its mean over a sliding
 * window and the peak of a wish over one. A loop may sleep while the level is 0 and catches up afterwards as if it had
 * run. */
#ifndef KW_SIM_FLEET_SCALERS_WINDOW_H
#define KW_SIM_FLEET_SCALERS_WINDOW_H
#include <assert.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/core/units.h"

struct kw_area {  /* integral of level over time, modulo 2^64: differences within a window are exact */
    uint64_t sum; /* level-ns up to since */
    uint64_t level;
    kw_ns since;
    kw_ns empty_since; /* when the level last fell to 0 */
};

static inline void kw_area_track(struct kw_area *a, uint64_t level, kw_ns now)
{
    assert(now >= a->since);
    if (!level && a->level) a->empty_since = now;
    a->sum += a->level * (uint64_t)(now - a->since);
    a->level = level;
    a->since = now;
}

struct kw_mean {
    uint32_t n, at; /* samples a window; the newest one's place */
    uint64_t *sum;  /* [n + 1] integral at the last n + 1 ticks, before time 0 it is 0 */
    uint32_t cap;
    kw_ns period, newest;
};

/* A window of about `window` in ticks of `period` (rounded up to whole ticks, at least one), at time 0. */
enum kw_status kw_mean_begin(struct kw_mean *m, kw_ns window, kw_ns period, struct kw_error *err);
void kw_mean_free(struct kw_mean *m);
/* Tick at now, a multiple of the period: the mean level over the last `ticks` ticks (1 .. n). */
void kw_mean_tick(struct kw_mean *m, struct kw_area *a, kw_ns now);
double kw_mean_over(const struct kw_mean *m, uint32_t ticks);
/* The same integral over the last `ticks` ticks, in level-ns. */
double kw_mean_area(const struct kw_mean *m, uint32_t ticks);

struct kw_peak { /* the largest of the values of the last n ticks: a queue of falling values */
    uint32_t n, head, len, cap;
    struct kw_peak_value {
        int64_t tick;
        uint32_t v;
    } * q; /* [n + 1] ring */
};

enum kw_status kw_peak_begin(struct kw_peak *p, kw_ns window, kw_ns period, struct kw_error *err);
void kw_peak_free(struct kw_peak *p);
/* v holds from this tick on; the largest value that held within the window that ends now. */
uint32_t kw_peak_tick(struct kw_peak *p, int64_t tick, uint32_t v);

#endif
