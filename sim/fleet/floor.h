/* sim/fleet/floor.h - a pool's keep-warm floor as a function of time: constant between steps, and cyclic as the window
 * is, so that the warm-up and every further pass meet the level of the moment they replay. Made by whoever knows when
 * replicas are wanted (a schedule, a forecast); the pool obeys: it starts what is missing at the step itself, and what is
 * too many after one goes by the platform's own rule for idle replicas. How long before its need a step stands is its
 * maker's business. */
#ifndef KW_SIM_FLEET_FLOOR_H
#define KW_SIM_FLEET_FLOOR_H
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/core/units.h"

struct kw_floor_step {
    kw_ns at;      /* since the window's begin */
    uint32_t warm; /* replicas kept from here on */
};

struct kw_floor {
    struct kw_floor_step *step; /* [n], owned: n >= 1, the first at 0, ascending, neighbours differ */
    uint32_t n, cap;
};

void kw_floor_init(struct kw_floor *f);  /* no step yet */
void kw_floor_free(struct kw_floor *f);  /* back to no step */
void kw_floor_clear(struct kw_floor *f); /* no step, memory kept */
/* `warm` replicas from `at` on; a level that is there already adds no step. KW_ERANGE: the first is not at 0, or not behind
 * the last; KW_ENOMEM. Both leave f unchanged. */
enum kw_status kw_floor_append(struct kw_floor *f, kw_ns at, uint32_t warm, struct kw_error *err);

/* The level at `at` since the window's begin, at >= 0; behind the window's end the last step's. O(log n), like the next. */
uint32_t kw_floor_level(const struct kw_floor *f, kw_ns at);
/* How long after `at`, in [0, period), another level begins, windows following each other every `period` ns; never
 * (INT64_MAX) where there is one level alone. Steps at or behind the period's end never come. */
kw_ns kw_floor_next(const struct kw_floor *f, kw_ns at, kw_ns period);
/* The lowest and the highest level of all steps; the replica-ns within [0, window). O(n). */
uint32_t kw_floor_least(const struct kw_floor *f);
uint32_t kw_floor_most(const struct kw_floor *f);
/* out (initialised; cleared first): at each moment the highest level that f, which repeats every `period` ns, has within the
 * next `lead`: replicas that are ordered then are ready when f wants them. KW_ENOMEM. */
enum kw_status kw_floor_ahead(struct kw_floor *out, const struct kw_floor *f, kw_ns period, kw_ns lead,
                              struct kw_error *err);
kw_ns kw_floor_area(const struct kw_floor *f, kw_ns window);

#endif
