/* sim/fleet/api/bucket.h - units that refill: of a rate limit, of capacity bought ahead. Exact integers, so that nothing
 * drifts over months. */
#ifndef KW_SIM_FLEET_API_BUCKET_H
#define KW_SIM_FLEET_API_BUCKET_H
#include <stdint.h>
#include "sim/core/units.h"

/* window == 0: a token bucket that holds at most `limit` units and refills continuously by `limit` a period. window > 0:
 * fixed windows aligned to time 0, max(1, limit * window / period) units each. A settlement may leave a debt (level < 0)
 * that refill pays back. */
struct kw_bucket {
    kw_i128 level; /* units * period_ns available at `at` */
    kw_ns at;
    int64_t limit; /* units a period; 0 = no limit */
    kw_ns window;
    kw_ns period_ns;
};

void kw_bucket_init(struct kw_bucket *b, int64_t limit, kw_ns window, kw_ns period); /* full */
/* To now, which is not before that of the call before. */
void kw_bucket_advance(struct kw_bucket *b, kw_ns now);
/* ns from b->at until `units` are there; 0 now, -1 never. */
kw_ns kw_bucket_wait(const struct kw_bucket *b, int64_t units);
void kw_bucket_take(struct kw_bucket *b, int64_t units);

#endif
