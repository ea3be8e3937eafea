#include "calibrate/profile/curve.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum kw_status kw_curve_new(struct kw_curve *c, size_t room, struct kw_error *err)
{
    *c = (struct kw_curve){ .n = 0, .x = malloc(room * sizeof *c->x), .y = malloc(room * sizeof *c->y) };
    if (c->x && c->y) return KW_OK;
    free(c->x);
    free(c->y);
    *c = (struct kw_curve){ 0 };
    return kw_fail(err, KW_ENOMEM, "out of memory");
}

void kw_curve_free(struct kw_curve *c)
{
    free(c->x);
    free(c->y);
    *c = (struct kw_curve){ 0 };
}

void kw_curve_put(struct kw_curve *c, double x, double y)
{
    assert(!c->n || x > c->x[c->n - 1]);
    c->x[c->n] = x;
    c->y[c->n++] = y;
}

void kw_curve_thin(struct kw_curve *c, double tolerance)
{
    /* From each kept point, the farthest next one whose line misses nothing in between by more than the tolerance. */
    uint32_t kept = 1, from = 0;
    assert(tolerance >= 0);
    if (c->n < 3) return;
    while (from + 1 < c->n) {
        uint32_t to = c->n - 1;
        for (; to > from + 1; to--) {
            double slope = (c->y[to] - c->y[from]) / (c->x[to] - c->x[from]), worst = 0;
            for (uint32_t i = from + 1; i < to && worst <= tolerance; i++)
                worst = fmax(worst, fabs(c->y[from] + slope * (c->x[i] - c->x[from]) - c->y[i]) / c->y[i]);
            if (worst <= tolerance) break;
        }
        double x = c->x[to], y = c->y[to];
        assert(kept <= to);
        from = to;
        c->x[kept] = x; /* what is overwritten has been passed */
        c->y[kept++] = y;
    }
    c->n = kept;
}
