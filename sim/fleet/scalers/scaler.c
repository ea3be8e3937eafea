#include "sim/fleet/scalers/scaler.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"

static const struct kw_scaler_policy *const policy_of[] = {
    [KW_SCALER_FIXED] = &kw_scaler_fixed,
    [KW_SCALER_CAPACITY] = &kw_scaler_capacity,
    [KW_SCALER_QUEUE_DELAY] = &kw_scaler_queue_delay,
    [KW_SCALER_REQUEST_COUNT] = &kw_scaler_request_count,
    [KW_SCALER_QUEUE] = &kw_scaler_queue,
    [KW_SCALER_LOAD_TARGET] = &kw_scaler_load_target,
    [KW_SCALER_CONCURRENCY] = &kw_scaler_concurrency,
    [KW_SCALER_KPA] = &kw_scaler_kpa,
    [KW_SCALER_HPA] = &kw_scaler_hpa,
    [KW_SCALER_RAY_SERVE] = &kw_scaler_ray_serve,
    [KW_SCALER_SKYSERVE] = &kw_scaler_skyserve,
    [KW_SCALER_DYNAMO] = &kw_scaler_dynamo,
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
    kw_peak_free(&s->up);
    free(s->change);
    kw_scaler_init(s);
}

enum kw_status kw_scaler_begin(struct kw_autoscaler *s, const struct kw_autoscaling *c, uint32_t floor,
                               struct kw_error *err)
{
    if ((unsigned)c->scaler >= sizeof policy_of / sizeof *policy_of)
        return kw_fail(err, KW_ERANGE, "no autoscaler has the number %d", (int)c->scaler);
    s->policy = policy_of[c->scaler];
    s->c = c;
    s->floor = floor;
    s->period = c->eval_period;
    s->last = -1;
    s->alive = 0;
    s->area = (struct kw_area){ 0 };
    s->panic_since = -1;
    s->panic_most = 0;
    s->active_at = INT64_MIN / 2;
    s->n_changes = s->first_change = s->ready = 0;
    s->ongoing = 0;
    s->held = 0;
    s->sent_past = false;
    s->held_since = 0;
    for (int i = 0; i <= KW_SKYSERVE_BUCKETS; i++) s->bucket[i] = (struct kw_came){ .at = INT64_MIN / 2 };
    return s->policy->begin ? s->policy->begin(s, err) : KW_OK;
}

static uint64_t fold(uint64_t h, int64_t v)
{
    return kw_mix64(h ^ (uint64_t)v);
}

static kw_ns age(kw_ns since, kw_ns now, kw_ns memory)
{
    return since >= 0 && now - since < memory ? now - since : memory;
}

static uint64_t peak_state(const struct kw_peak *p, int64_t tick, uint64_t h)
{
    for (uint32_t i = 0; i < p->len; i++) {
        const struct kw_peak_value *v = &p->q[(p->head + i) % (p->n + 1)];
        if (v->tick + p->n >= tick) h = fold(fold(h, tick - v->tick), v->v);
    }
    return h;
}

/* Of a mean the area over the whole window and over its last tick stand for all of its samples. */
static uint64_t loop_state(const struct kw_autoscaler *s, kw_ns now, kw_ns memory)
{
    uint64_t h = fold((uint64_t)kw_mean_area(&s->mean, s->mean.n), (int64_t)kw_mean_area(&s->mean, 1));
    h = fold(fold(h, now % s->period), (int64_t)s->area.level);
    h = fold(h, s->area.level ? 0 : age(s->area.empty_since, now, memory));
    h = peak_state(&s->down, now / s->period, h);
    if (s->policy == &kw_scaler_ray_serve) {
        int64_t ongoing;
        memcpy(&ongoing, &s->ongoing, sizeof ongoing);
        return fold(fold(fold(h, ongoing), s->held), s->held ? now - s->held_since : 0);
    }
    if (s->policy != &kw_scaler_kpa) return h;
    h = fold(fold(h, s->panic_since < 0 ? -1 : now - s->panic_since), s->panic_most);
    return fold(fold(h, age(s->stable_first, now, memory)), age(s->panic_first, now, memory));
}

static uint64_t hpa_state(const struct kw_autoscaler *s, kw_ns now, kw_ns memory)
{
    uint64_t h = fold(fold(0, now % s->period), now % s->c->hpa.poll);
    h = fold(h, s->sent_past);
    h = fold(h, age(s->active_at > 0 ? s->active_at : -1, now, memory));
    for (uint32_t i = 0; i < s->n_changes; i++) {
        const struct kw_change *c = &s->change[(s->first_change + i) % s->change_cap];
        if (now - c->at < memory) h = fold(fold(h, now - c->at), c->by);
    }
    return peak_state(&s->up, now / s->period, peak_state(&s->down, now / s->period, h));
}

static uint64_t skyserve_state(const struct kw_autoscaler *s, kw_ns now)
{
    uint64_t h = fold(fold(0, now % s->period), s->held), sum = 0;
    int64_t at = now / KW_SKYSERVE_BUCKET;
    for (int i = 0; i <= KW_SKYSERVE_BUCKETS; i++)
        if (s->bucket[i].at >= at - KW_SKYSERVE_BUCKETS)
            sum += fold(fold(1, at - s->bucket[i].at), (int64_t)s->bucket[i].n);
    return fold(h, (int64_t)sum);
}

uint64_t kw_scaler_state(const struct kw_autoscaler *s, kw_ns now, kw_ns memory)
{
    if (s->policy == &kw_scaler_hpa) return hpa_state(s, now, memory);
    if (s->policy == &kw_scaler_skyserve) return skyserve_state(s, now);
    if (s->policy == &kw_scaler_dynamo) return fold(0, now % s->period);
    return s->policy->tracks ? loop_state(s, now, memory) : (uint64_t)age(s->last, now, memory);
}

uint32_t kw_scaler_ceil(double x)
{
    double up = ceil(x - 1e-9);
    if (!(up > 0)) return 0;
    return up < 0x1p31 ? (uint32_t)up : UINT32_C(1) << 31;
}
