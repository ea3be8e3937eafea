#include "sim/fleet/api/bucket.h"
#include <assert.h>

/* Most a bucket can hold: one period's worth, or one window's, whole units and at least one. */
static kw_i128 capacity_of(const struct kw_bucket *b)
{
    if (!b->window) return (kw_i128)b->limit * b->period_ns;
    kw_i128 units = (kw_i128)b->limit * b->window / b->period_ns;
    return (units < 1 ? 1 : units) * b->period_ns;
}

void kw_bucket_init(struct kw_bucket *b, int64_t limit, kw_ns window, kw_ns period)
{
    *b = (struct kw_bucket){ .limit = limit, .window = window, .period_ns = period };
    if (limit) b->level = capacity_of(b); /* nothing was used before the trace */
}

/* Exact: levels in units of 1/period_ns, 128 bits, so no fraction is lost however often it is called. */
void kw_bucket_advance(struct kw_bucket *b, kw_ns now)
{
    assert(now >= b->at);
    if (!b->limit) return;
    kw_i128 capacity = capacity_of(b);
    if (b->window)
        b->level += capacity * (now / b->window - b->at / b->window);
    else
        b->level += (kw_i128)b->limit * (now - b->at); /* limit units a period is limit * ns in units of 1/period_ns */
    if (b->level > capacity) b->level = capacity;
    b->at = now;
}

kw_ns kw_bucket_wait(const struct kw_bucket *b, int64_t units)
{
    if (!b->limit) return 0;
    kw_i128 need = (kw_i128)units * b->period_ns, capacity = capacity_of(b);
    if (need <= b->level) return 0;
    if (need > capacity) return -1;
    kw_i128 lack = need - b->level;
    if (b->window) {
        kw_i128 windows = (lack + capacity - 1) / capacity;
        kw_i128 at = ((kw_i128)(b->at / b->window) + windows) * b->window;
        return (kw_ns)(at - b->at);
    }
    return (kw_ns)((lack + b->limit - 1) / b->limit);
}

void kw_bucket_take(struct kw_bucket *b, int64_t units)
{
    if (b->limit) b->level -= (kw_i128)units * b->period_ns;
}
