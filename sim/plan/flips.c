#include "sim/plan/flips.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ANY 5e-5 /* a smaller move reads as 0.0 % */

int kw_flip_order(const void *x, const void *y)
{
    const struct kw_flip *a = x, *b = y;
    double p = fabs(a->move.value), q = fabs(b->move.value);
    if (isnan(p) != isnan(q)) return isnan(p) ? 1 : -1;
    if (!isnan(p) && p != q) return p < q ? -1 : 1;
    int c = strcmp(a->lever.fact, b->lever.fact);
    return c ? c : (a->lever.kind > b->lever.kind) - (a->lever.kind < b->lever.kind);
}

static char *percent(double move, char *buf, size_t size)
{
    snprintf(buf, size, fabs(move) < 0.0995 ? "%+.1f" : "%+.0f", 100 * move);
    return buf;
}

char *kw_flip_move_text(const struct kw_flip *f, char *buf, size_t size)
{
    char move[24];
    if (isnan(f->move.value))
        snprintf(buf, size, "none");
    else if (f->reading)
        snprintf(buf, size, "other");
    else if (fabs(f->move.value) < ANY)
        snprintf(buf, size, "any");
    else
        snprintf(buf, size, "%s %%", percent(f->move.value, move, sizeof move));
    return buf;
}

/* "$0.44 to $0.341/GPU-hour", "timeout to early" */
static void values(const struct kw_flip *f, char *buf, size_t size)
{
    const char *unit = f->lever.unit;
    if (f->reading) {
        snprintf(buf, size, "%s to %s", f->reading, f->other);
        return;
    }
    if (!strncmp(unit, "USD", 3))
        snprintf(buf, size, "$%.4g to $%.4g%s", f->lever.value, f->at, unit + 3);
    else
        snprintf(buf, size, "%.4g to %.4g %s", f->lever.value, f->at, unit);
}

/* " (95 %: -31 to -15 %)"; an end that no move reaches is "beyond" */
static void interval(const struct kw_flip *f, char *buf, size_t size)
{
    char lo[24], hi[24];
    bool up = f->move.value > 0;
    double near = up ? f->move.lo : f->move.hi, far = up ? f->move.hi : f->move.lo;
    buf[0] = 0;
    if (isnan(near) || f->noise) return;
    percent(near, lo, sizeof lo);
    percent(far, hi, sizeof hi);
    if (!strcmp(lo, hi)) return; /* what does not vary has no interval to tell */
    if (isinf(near))
        snprintf(buf, size, " (95 %%: perhaps by none)");
    else if (isinf(far))
        snprintf(buf, size, " (95 %%: %s %% to none)", lo);
    else
        snprintf(buf, size, " (95 %%: %s to %s %%)", lo, hi);
}

char *kw_flip_text(const struct kw_flip *f, char *buf, size_t size)
{
    char value[96], range[64];
    size_t at = (size_t)snprintf(buf, size, "%s", f->lever.fact);
    if (isnan(f->move.value)) return buf;
    values(f, value, sizeof value);
    interval(f, range, sizeof range);
    if (at < size) at += (size_t)snprintf(buf + at, size - at, ": %s%s; then ", value, range);
    if (!f->then[0] && at < size)
        at += (size_t)snprintf(buf + at, size - at, "nothing meets the objectives");
    else if (at < size)
        at += (size_t)snprintf(buf + at, size - at, "%s at $%.2f a month", f->then, f->cost);
    if (f->misses && f->then[0] && at < size)
        at += (size_t)snprintf(buf + at, size - at, ", as the recommended one misses an objective");
    if (f->noise && at < size) at += (size_t)snprintf(buf + at, size - at, ", as other days alone may make it");
    if (at < size) at += (size_t)snprintf(buf + at, size - at, "; %s", kw_grade_name[f->lever.provenance.grade]);
    if (f->age_days >= 0 && at < size)
        snprintf(buf + at, size - at, ", %" PRId64 " day%s old", f->age_days, f->age_days == 1 ? "" : "s");
    return buf;
}
