#include "sim/fleet/floor.h"
#include <assert.h>
#include <stdlib.h>

void kw_floor_init(struct kw_floor *f)
{
    *f = (struct kw_floor){ 0 };
}

void kw_floor_free(struct kw_floor *f)
{
    free(f->step);
    kw_floor_init(f);
}

void kw_floor_clear(struct kw_floor *f)
{
    f->n = 0;
}

enum kw_status kw_floor_append(struct kw_floor *f, kw_ns at, uint32_t warm, struct kw_error *err)
{
    if (f->n ? at <= f->step[f->n - 1].at : at != 0)
        return kw_fail(err, KW_ERANGE, "a floor's step at %lld ns, want %s", (long long)at,
                       f->n ? "one behind the last" : "the first at 0");
    if (f->n && f->step[f->n - 1].warm == warm) return KW_OK;
    if (f->n == f->cap) {
        uint32_t cap = f->cap ? 2 * f->cap : 16;
        struct kw_floor_step *step = realloc(f->step, cap * sizeof *step);
        if (!step) return kw_fail(err, KW_ENOMEM, "no memory for %u steps of a floor", cap);
        f->step = step;
        f->cap = cap;
    }
    f->step[f->n++] = (struct kw_floor_step){ at, warm };
    return KW_OK;
}

/* The last step at or before `at`. */
static uint32_t step_at(const struct kw_floor *f, kw_ns at)
{
    uint32_t low = 0, high = f->n;
    assert(f->n && at >= 0);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        *(f->step[middle].at <= at ? &low : &high) = middle;
    }
    return low;
}

uint32_t kw_floor_level(const struct kw_floor *f, kw_ns at)
{
    return f->step[step_at(f, at)].warm;
}

/* Neighbours differ but for the last before the period's end and the first: at the edge there may be no change. */
kw_ns kw_floor_next(const struct kw_floor *f, kw_ns at, kw_ns period)
{
    uint32_t now = step_at(f, at), last = step_at(f, period - 1);
    assert(at < period);
    if (now < last) return f->step[now + 1].at - at;
    if (f->step[last].warm != f->step[0].warm) return period - at;
    return last ? period + f->step[1].at - at : INT64_MAX;
}

uint32_t kw_floor_least(const struct kw_floor *f)
{
    uint32_t least = f->step[0].warm;
    for (uint32_t i = 1; i < f->n; i++)
        if (f->step[i].warm < least) least = f->step[i].warm;
    return least;
}

uint32_t kw_floor_most(const struct kw_floor *f)
{
    uint32_t most = f->step[0].warm;
    for (uint32_t i = 1; i < f->n; i++)
        if (f->step[i].warm > most) most = f->step[i].warm;
    return most;
}

kw_ns kw_floor_area(const struct kw_floor *f, kw_ns window)
{
    kw_ns area = 0;
    for (uint32_t i = 0; i < f->n && f->step[i].at < window; i++) {
        kw_ns end = i + 1 < f->n && f->step[i + 1].at < window ? f->step[i + 1].at : window;
        area += (end - f->step[i].at) * f->step[i].warm;
    }
    return area;
}

static int ascending(const void *x, const void *y)
{
    const kw_ns *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Of the levels in [t, t + lead], a period's end crossed as often as it takes. */
static uint32_t highest(const struct kw_floor *f, kw_ns period, kw_ns t, kw_ns lead)
{
    if (lead >= period) return kw_floor_most(f);
    uint32_t most = kw_floor_level(f, t % period);
    for (kw_ns at = t, next; (next = kw_floor_next(f, at % period, period)) <= t + lead - at;) {
        at += next;
        uint32_t level = kw_floor_level(f, at % period);
        if (level > most) most = level;
    }
    return most;
}

/* It can change where f does, and `lead` before that. */
enum kw_status kw_floor_ahead(struct kw_floor *out, const struct kw_floor *f, kw_ns period, kw_ns lead,
                              struct kw_error *err)
{
    kw_ns *at = malloc((2 * (size_t)f->n + 1) * sizeof *at);
    size_t n = 0;
    if (!at) return kw_fail(err, KW_ENOMEM, "no memory for a floor");
    kw_floor_clear(out);
    at[n++] = 0;
    for (uint32_t i = 0; i < f->n && f->step[i].at < period; i++) {
        at[n++] = f->step[i].at;
        at[n++] = (f->step[i].at - lead % period + period) % period;
    }
    qsort(at, n, sizeof *at, ascending);
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n && st == KW_OK; i++)
        if (!i || at[i] != at[i - 1]) st = kw_floor_append(out, at[i], highest(f, period, at[i], lead), err);
    free(at);
    return st;
}
