#include "sim/fleet/scalers/scaler.h"
#include <math.h>

static const struct kw_scaler_policy *const policy_of[] = {
    [KW_SCALER_FIXED] = &kw_scaler_fixed,
    [KW_SCALER_CAPACITY] = &kw_scaler_capacity,
    [KW_SCALER_QUEUE_DELAY] = &kw_scaler_queue_delay,
    [KW_SCALER_REQUEST_COUNT] = &kw_scaler_request_count,
    [KW_SCALER_QUEUE] = &kw_scaler_queue,
    [KW_SCALER_LOAD_TARGET] = &kw_scaler_load_target,
    [KW_SCALER_CONCURRENCY] = &kw_scaler_concurrency,
    [KW_SCALER_KPA] = &kw_scaler_kpa,
    [KW_SCALER_SETUP] = &kw_scaler_setup,
};

void kw_scaler_init(struct kw_autoscaler *s)
{
    *s = (struct kw_autoscaler){ .policy = &kw_scaler_fixed };
}

void kw_scaler_free(struct kw_autoscaler *s)
{
    kw_mean_free(&s->mean);
    kw_peak_free(&s->down);
    kw_scaler_init(s);
}

enum kw_status kw_scaler_begin(struct kw_autoscaler *s, const struct kw_autoscaling *c, struct kw_error *err)
{
    if ((unsigned)c->scaler >= sizeof policy_of / sizeof *policy_of)
        return kw_fail(err, KW_ERANGE, "no autoscaler has the number %d", (int)c->scaler);
    s->policy = policy_of[c->scaler];
    s->c = c;
    s->period = c->eval_period;
    s->last = -1;
    s->alive = 0;
    s->area = (struct kw_area){ 0 };
    s->panic_since = -1;
    s->panic_most = 0;
    return s->policy->begin ? s->policy->begin(s, err) : KW_OK;
}

uint32_t kw_scaler_ceil(double x)
{
    double up = ceil(x - 1e-9);
    if (!(up > 0)) return 0;
    return up < 0x1p31 ? (uint32_t)up : UINT32_C(1) << 31;
}
