#include "sim/fleet/pool/indifference.h"
#include <math.h>

uint32_t kw_packed_load(const struct kw_deployment *d)
{
    const struct kw_autoscaling *c = &d->scaling;
    double most = c->hard_concurrency ? c->hard_concurrency : d->sched.max_num_seqs;
    bool counts =
        c->scaler == KW_SCALER_CONCURRENCY || c->scaler == KW_SCALER_KPA || c->scaler == KW_SCALER_REQUEST_COUNT;
    if (counts && c->target >= 1) most = fmin(most, fmax(1, c->target * c->utilisation));
    return (uint32_t)most;
}

void kw_indifferent_to_requests(struct kw_deployment *d)
{
    if (d->scaling.hard_concurrency) d->scaling.hard_concurrency = 1; /* none is another rule */
    d->scaling.target = 0;
}

/* A mean of at most `most` requests wishes for one replica, or for none where it is next to nothing; so nothing is
 * decided where one is kept anyway, and neither buffer nor a slow way down make more of it. */
static double averaged(const struct kw_deployment *d, double most)
{
    const struct kw_autoscaling *c = &d->scaling;
    return kw_least_warm(d) && !c->buffer_replicas && !(c->max_down_rate > 1) ? most : 0;
}

/* With no more requests than this at once every replica has room, and the scaler's answer is the same for any setting
 * that large. O(1). */
static double indifferent_up_to(const struct kw_deployment *d)
{
    const struct kw_autoscaling *c = &d->scaling;
    double slots = c->hard_concurrency ? c->hard_concurrency : d->sched.max_num_seqs;
    double room = c->hard_concurrency ? c->hard_concurrency : INFINITY;
    if (d->balance == KW_BALANCE_PACK) room = fmin(room, kw_packed_load(d));
    switch (c->scaler) {
    case KW_SCALER_FIXED:
    case KW_SCALER_QUEUE_DELAY: return room;
    case KW_SCALER_CAPACITY:
    case KW_SCALER_QUEUE: return fmin(room, slots);
    case KW_SCALER_REQUEST_COUNT: return fmin(room, c->target < 1e8 ? c->target : 0);
    case KW_SCALER_LOAD_TARGET: return averaged(d, fmin(room, c->target * slots));
    case KW_SCALER_CONCURRENCY: return averaged(d, fmin(room, c->target * c->utilisation));
    case KW_SCALER_KPA:
    case KW_SCALER_HPA:
    case KW_SCALER_RAY_SERVE:
    case KW_SCALER_SKYSERVE:
    case KW_SCALER_DYNAMO:
    case KW_SCALER_SETUP: return 0;
    }
    return 0;
}

bool kw_pool_alike(const struct kw_deployment *a, const struct kw_deployment *b, uint64_t peak)
{
    return (double)peak <= fmin(indifferent_up_to(a), indifferent_up_to(b));
}
