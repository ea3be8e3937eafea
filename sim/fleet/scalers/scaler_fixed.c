/* sim/fleet/scalers/scaler_fixed.c - dedicated GPUs: the floor, always. */
#include "sim/fleet/scalers/scaler.h"

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    (void)g, (void)now, (void)cause;
    return s->floor;
}

const struct kw_scaler_policy kw_scaler_fixed = { .name = "fixed", .want = want };
