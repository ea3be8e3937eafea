#include "sim/fleet/pool/indifference.h"
#include <math.h>
#include "sim/fleet/pool/capacity.h"

uint32_t kw_packed_load(const struct kw_deployment *d)
{
    const struct kw_autoscaling *c = &d->scaling;
    double most = c->hard_concurrency ? c->hard_concurrency : kw_deployment_seats(d);
    bool counts =
        c->scaler == KW_SCALER_CONCURRENCY || c->scaler == KW_SCALER_KPA || c->scaler == KW_SCALER_REQUEST_COUNT;
    if (counts && c->target >= 1) most = fmin(most, fmax(1, c->target * c->utilisation));
    return (uint32_t)most;
}

/* Below a ceiling only the sum of all wishes meets max_replicas, in one place (scaling.c): but for policies that look at
 * it themselves, and for spot machines that others stand in for. */
static bool meets_ceiling_once(const struct kw_deployment *d)
{
    switch (d->scaling.scaler) {
    case KW_SCALER_HPA:
    case KW_SCALER_RAY_SERVE:
    case KW_SCALER_SKYSERVE:
    case KW_SCALER_FIXED: return false;
    default: return d->spot.per_hour == 0;
    }
}

/* Such a floor is made before the run, a forecast's of the engine's limits and of max_replicas. */
static bool floor_moves(const struct kw_deployment *d)
{
    return d->floor || d->schedule.n || d->prewarm.forecast != KW_FORECAST_NONE;
}

void kw_indifferent(struct kw_deployment *d)
{
    if (d->scaling.hard_concurrency) d->scaling.hard_concurrency = 1; /* none is another rule */
    d->scaling.target = 0;
    if (floor_moves(d) || d->disaggregated.decode) return; /* engines of two kinds have limits of their own */
    if (meets_ceiling_once(d)) d->scaling.max_replicas = 0;
    d->sched.max_num_seqs = 0;
    if (d->sched.policy != KW_SCHED_PREFILL_FIRST)
        d->sched.max_num_batched_tokens = 0; /* whole prompts fit or do not */
}

/* A mean of at most `most` requests wishes for one replica, or for none where it is next to nothing; so nothing is
 * decided where one is kept anyway, and neither buffer nor a slow way down make more of it. */
static double averaged(const struct kw_deployment *d, double most)
{
    const struct kw_autoscaling *c = &d->scaling;
    return c->keep_warm && !floor_moves(d) && !c->buffer_replicas && !(c->max_down_rate > 1) ? most : 0;
}

static double slots_of(const struct kw_deployment *d)
{
    return d->scaling.hard_concurrency ? d->scaling.hard_concurrency : kw_deployment_seats(d);
}

/* With no more requests than this at once every replica has room, and the scaler's answer is the same for any setting
 * that large. O(1). */
static double indifferent_up_to(const struct kw_deployment *d)
{
    const struct kw_autoscaling *c = &d->scaling;
    double slots = slots_of(d);
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

/* A replica has the same room, and the scaler's rule reads the same, whatever the load. Means are divided by the target
 * alone, or by its product with what a replica takes at once, which the engine's limit may be. */
static bool rules_alike(const struct kw_deployment *a, const struct kw_deployment *b)
{
    const struct kw_autoscaling *x = &a->scaling, *y = &b->scaling;
    if (x->hard_concurrency != y->hard_concurrency) return false;
    if (a->balance == KW_BALANCE_PACK && kw_packed_load(a) != kw_packed_load(b)) return false;
    if (x->scaler == KW_SCALER_CONCURRENCY) return x->target == y->target;
    double slots = slots_of(a), others = slots_of(b);
    if (x->scaler == KW_SCALER_LOAD_TARGET) return x->target * slots == y->target * others;
    return x->target == y->target && slots == others;
}

static bool requests_alike(const struct kw_deployment *a, const struct kw_deployment *b, uint64_t peak)
{
    return rules_alike(a, b) || (double)peak <= fmin(indifferent_up_to(a), indifferent_up_to(b));
}

/* As many replicas as are kept and no more, or one alone, are rules of their own. */
static bool ceilings_alike(const struct kw_deployment *a, const struct kw_deployment *b, uint32_t wanted)
{
    uint32_t x = a->scaling.max_replicas, y = b->scaling.max_replicas;
    if (x == y) return true;
    bool rules = (a->scaling.keep_warm < x) == (b->scaling.keep_warm < y) && (x > 1) == (y > 1);
    return rules && wanted <= x && wanted <= y;
}

/* All had seats, or the KV cache never held as many as there are seats. */
static bool seats_alike(const struct kw_sched_config *a, const struct kw_sched_config *b, const struct kw_ledger *l)
{
    uint32_t least = a->max_num_seqs < b->max_num_seqs ? a->max_num_seqs : b->max_num_seqs;
    return a->max_num_seqs == b->max_num_seqs || l->most_on_one <= least || l->most_running < least;
}

static bool engines_alike(const struct kw_sched_config *a, const struct kw_sched_config *b, const struct kw_ledger *l)
{
    bool tokens = a->max_num_batched_tokens == b->max_num_batched_tokens ||
                  (l->most_step_tokens < a->max_num_batched_tokens && l->most_step_tokens < b->max_num_batched_tokens);
    return seats_alike(a, b, l) && tokens;
}

bool kw_pool_alike(const struct kw_deployment *a, const struct kw_deployment *b, const struct kw_ledger *l)
{
    return requests_alike(a, b, l->peak_requests) && ceilings_alike(a, b, l->most_wanted) &&
           engines_alike(&a->sched, &b->sched, l);
}

void kw_ledger_of(struct kw_ledger *l, const struct kw_deployment *d)
{
    l->max_replicas = d->scaling.max_replicas;
    l->needed = kw_capacity_needed(d, l);
}
