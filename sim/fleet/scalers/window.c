#include "sim/fleet/scalers/window.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TICKS 1000000 /* of a window; 8 MB */

static enum kw_status ticks_of(kw_ns window, kw_ns period, uint32_t *n, struct kw_error *err)
{
    kw_ns ticks = window <= period ? 1 : (window + period - 1) / period;
    if (ticks > MAX_TICKS)
        return kw_fail(err, KW_ERANGE, "a window of %lld s is more than %d times the control loop's period",
                       (long long)(window / KW_NS_PER_S), MAX_TICKS);
    *n = (uint32_t)ticks;
    return KW_OK;
}

enum kw_status kw_mean_begin(struct kw_mean *m, kw_ns window, kw_ns period, struct kw_error *err)
{
    uint32_t n = 1;
    enum kw_status st = ticks_of(window, period, &n, err);
    if (st != KW_OK) return st;
    if (n + 1 > m->cap) {
        uint64_t *sum = realloc(m->sum, (n + 1) * sizeof *sum);
        if (!sum) return kw_fail(err, KW_ENOMEM, "no memory for a window of %u ticks", n);
        m->sum = sum;
        m->cap = n + 1;
    }
    memset(m->sum, 0, (n + 1) * sizeof *m->sum);
    m->n = n;
    m->at = 0;
    m->period = period;
    m->newest = 0;
    return KW_OK;
}

void kw_mean_free(struct kw_mean *m)
{
    free(m->sum);
    *m = (struct kw_mean){ 0 };
}

void kw_mean_tick(struct kw_mean *m, struct kw_area *a, kw_ns now)
{
    assert(now % m->period == 0 && (now > m->newest || !now)); /* the first tick may be time 0 itself */
    kw_area_track(a, a->level, now);
    kw_ns missed = (now - m->newest) / m->period - 1; /* ticks slept through at level 0: the integral stood still */
    if (missed > m->n) missed = m->n;
    uint64_t before = m->sum[m->at];
    for (kw_ns i = 0; i < missed; i++) {
        m->at = m->at == m->n ? 0 : m->at + 1;
        m->sum[m->at] = before;
    }
    m->at = m->at == m->n ? 0 : m->at + 1;
    m->sum[m->at] = a->sum;
    m->newest = now;
}

double kw_mean_area(const struct kw_mean *m, uint32_t ticks)
{
    assert(ticks >= 1 && ticks <= m->n && m->at <= m->n);
    uint32_t from = m->at >= ticks ? m->at - ticks : m->at + m->n + 1 - ticks;
    return (double)(m->sum[m->at] - m->sum[from]);
}

double kw_mean_over(const struct kw_mean *m, uint32_t ticks)
{
    return kw_mean_area(m, ticks) / ((double)ticks * (double)m->period);
}

enum kw_status kw_peak_begin(struct kw_peak *p, kw_ns window, kw_ns period, struct kw_error *err)
{
    uint32_t n = 1;
    enum kw_status st = ticks_of(window, period, &n, err);
    if (st != KW_OK) return st;
    if (n + 1 > p->cap) {
        struct kw_peak_value *q = realloc(p->q, (n + 1) * sizeof *q);
        if (!q) return kw_fail(err, KW_ENOMEM, "no memory for a window of %u ticks", n);
        p->q = q;
        p->cap = n + 1;
    }
    p->n = window <= 0 ? 0 : n;
    p->head = p->len = 0;
    return KW_OK;
}

void kw_peak_free(struct kw_peak *p)
{
    free(p->q);
    *p = (struct kw_peak){ 0 };
}

uint32_t kw_peak_tick(struct kw_peak *p, int64_t tick, uint32_t v)
{
    uint32_t size = p->n + 1;
    while (p->len && p->q[p->head].tick + p->n < tick) {
        p->head = (p->head + 1) % size;
        p->len--;
    }
    while (p->len && p->q[(p->head + p->len - 1) % size].v <= v) p->len--;
    /* Asked twice within a tick (a request that wakes a pool, then the tick itself): the larger value leaves with it. */
    if (p->len && p->q[(p->head + p->len - 1) % size].tick == tick) return p->n ? p->q[p->head].v : v;
    assert(p->len <= p->n); /* one value a tick, and those of before the window have left */
    p->q[(p->head + p->len) % size] = (struct kw_peak_value){ tick, v };
    p->len++;
    return p->q[p->head].v;
}
