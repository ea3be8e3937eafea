#include "sim/fleet/pool/pool.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/api/client.h"
#include "sim/fleet/pool/capacity.h"
#include "sim/fleet/pool/indifference.h"
#include "sim/fleet/pool/parts.h"
#include "sim/fleet/pool/pooled.h"
#include "sim/fleet/request_tokens.h"

void kw_pool_init(struct kw_pool *p)
{
    *p = (struct kw_pool){ 0 };
    kw_balancer_init(&p->balancer);
    kw_scaler_init(&p->scaler);
}

/* Which streams the starts of machines that stand in for spot ones are drawn from. */
#define STANDINS 0x5741u

/* A request a target of more than so many may be next to nothing to a policy that counts them. */
#define MOST_TARGET 1e5

static void free_streams(struct kw_pool *p)
{
    kw_start_streams_free(&p->start_streams);
    kw_start_streams_free(&p->standin_streams);
    kw_rng_free(&p->routing);
    kw_rng_free(&p->retry);
    kw_rng_free(&p->interruption);
    kw_rng_free(&p->adapters);
    kw_rng_free(&p->others);
}

void kw_pool_free(struct kw_pool *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (!p->r[i].engine) continue;
        kw_replica_free(p->r[i].engine);
        free(p->r[i].engine);
    }
    kw_nodes_free(p);
    free(p->r);
    free(p->spare);
    free(p->starting);
    free(p->cut_off);
    kw_ring_free(&p->queue);
    kw_ring_free(&p->on_replicas);
    kw_balancer_free(&p->balancer);
    kw_scaler_free(&p->scaler);
    free_streams(p);
    kw_pool_init(p);
}

enum kw_status kw_pool_check(const struct kw_deployment *d, const struct kw_trace *trace, struct kw_error *err)
{
    const struct kw_autoscaling *c = &d->scaling;
    if (!d->steptime) return kw_fail(err, KW_ERANGE, "%s: no step times", d->name);
    if (d->lora.adapters && (!d->sched.max_loras || d->lora.max_cpu_loras < d->sched.max_loras))
        return kw_fail(err, KW_ERANGE, "%s: max_cpu_loras is %u, want at least max_loras, %u, and that at least 1",
                       d->name, d->lora.max_cpu_loras, d->sched.max_loras);
    if (d->speculative.tokens != d->sched.draft_tokens || (d->ranks > 1 && d->sched.draft_tokens))
        return kw_fail(err, KW_ERANGE, "%s: %u drafted tokens, the scheduler knows of %u, want them on one rank",
                       d->name, d->speculative.tokens, d->sched.draft_tokens);
    if ((d->offload.block_ps > 0) != (d->sched.host_blocks > 0) ||
        (d->sched.host_blocks && (d->ranks > 1 || d->disaggregated.decode)))
        return kw_fail(err, KW_ERANGE, "%s: a host tier of %u blocks, %lld ps each, want both or none, and one rank",
                       d->name, d->sched.host_blocks, (long long)d->offload.block_ps);
    if (d->ranks > KW_STEP_RANKS || (d->ranks > 1 && d->sched.max_loras))
        return kw_fail(err, KW_ERANGE, "%s: %u ranks of a replica, want 1 to %d, and none with LoRA adapters", d->name,
                       d->ranks, KW_STEP_RANKS);
    if (d->lora.adapters && trace->model && d->lora.adapters->n_models != trace->n_models)
        return kw_fail(err, KW_ERANGE, "%s: adapters of %u models, the trace has %zu", d->name,
                       d->lora.adapters->n_models, trace->n_models);
    if (c->max_replicas < 1 || c->max_replicas > KW_POOL_MAX_REPLICAS)
        return kw_fail(err, KW_ERANGE, "%s: max_replicas must be 1..%d, got %u", d->name, KW_POOL_MAX_REPLICAS,
                       c->max_replicas);
    if (c->keep_warm > c->max_replicas)
        return kw_fail(err, KW_ERANGE, "%s: keep_warm is %u, more than max_replicas %u", d->name, c->keep_warm,
                       c->max_replicas);
    if (d->floor && (!d->floor->n || kw_floor_most(d->floor) > c->max_replicas))
        return kw_fail(err, KW_ERANGE, "%s: a floor that changes wants levels of at most max_replicas %u, got %u",
                       d->name, c->max_replicas, d->floor->n ? kw_floor_most(d->floor) : 0);
    if (d->floor && c->scaler == KW_SCALER_FIXED)
        return kw_fail(err, KW_ERANGE, "%s: a fixed number of replicas has no floor that changes", d->name);
    if (d->floor && c->scaler == KW_SCALER_DYNAMO && !kw_floor_least(d->floor))
        return kw_fail(err, KW_ERANGE, "%s: dynamo keeps one replica at the least, the floor goes to 0", d->name);
    if (c->scaler == KW_SCALER_FIXED && !c->keep_warm && c->at_zero != KW_ZERO_STOPPED)
        return kw_fail(err, KW_ERANGE, "%s: a fixed deployment wants at least one replica, got keep_warm 0", d->name);
    if (!(d->spot.per_hour >= 0 && d->spot.per_hour <= 3600))
        return kw_fail(err, KW_ERANGE, "%s: interruptions must be 0..3600 an hour, got %g", d->name, d->spot.per_hour);
    if (d->spot.fallback && (c->scaler != KW_SCALER_FIXED || d->spot.per_hour == 0))
        return kw_fail(err, KW_ERANGE, "%s: only spot machines of a fixed number have others stand in for them",
                       d->name);
    if (!(d->others_per_hour >= 0 && d->others_per_hour <= KW_POOLED_MOST))
        return kw_fail(err, KW_ERANGE, "%s: others' requests must be 0..%g an hour, got %g", d->name, KW_POOLED_MOST,
                       d->others_per_hour);
    if (d->others_per_hour > 0 && (d->node.places || d->spot.per_hour > 0))
        return kw_fail(err, KW_ERANGE, "%s: others share the platform's replicas, not machines that are rented",
                       d->name);
    if (d->node.places && (d->spot.per_hour > 0 || d->node.idle < 0))
        return kw_fail(err, KW_ERANGE, "%s: nodes that come and go are rented on demand, and idle for no less than 0 s",
                       d->name);
    if (!(c->stockout_probability >= 0 && c->stockout_probability < 1))
        return kw_fail(err, KW_ERANGE, "%s: stockout_probability must be in [0, 1), got %g", d->name,
                       c->stockout_probability);
    if (!(c->start_failure_probability >= 0 && c->start_failure_probability <= 0.99))
        return kw_fail(err, KW_ERANGE, "%s: start_failure_probability must be in [0, 0.99], got %g", d->name,
                       c->start_failure_probability);
    const kw_ns times[] = { c->target_delay,    c->scale_up_window,  c->eval_period, c->idle_timeout,
                            c->zero_timeout,    c->scale_down_delay, c->min_up,      c->queue_timeout,
                            c->request_timeout, c->stockout_retry,   d->network_rtt, d->retry.base,
                            d->retry.cap,       d->spot.notice };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i] < 0 || times[i] > INT64_MAX / 8)
            return kw_fail(err, KW_ERANGE, "%s: a duration of %lld ns is not in [0, 36 years]", d->name,
                           (long long)times[i]);
    if (d->disaggregated.decode && (d->ranks > 1 || d->sched.max_loras || d->sched.draft_tokens))
        return kw_fail(err, KW_ERANGE, "%s: engines that decode only: want no ranks, LoRA adapters or drafts", d->name);
    if (kw_deployment_caches(d) && trace->hash_at && (!d->sched.block_size || trace->hash_block % d->sched.block_size))
        return kw_fail(err, KW_ERANGE, "%s: prefix hashes cover %u tokens, not a multiple of the KV block of %u",
                       d->name, trace->hash_block, d->sched.block_size);
    return KW_OK;
}

/* A request's luck is the same wherever it goes. */
static enum kw_status begin_luck(struct kw_pool *p, const struct kw_fleet_options *opt, struct kw_error *err)
{
    struct kw_rng stream;
    enum kw_status st = kw_rng_init(&stream, opt->seed, opt->replication, KW_RNG_DRAFTS, err);
    if (st != KW_OK) return st;
    p->luck = kw_rng_u64(&stream);
    kw_rng_free(&stream);
    return KW_OK;
}

static enum kw_status begin_streams(struct kw_pool *p, const struct kw_fleet_options *opt, struct kw_error *err)
{
    /* Deployments of one run have streams of their own; deployment 0 has the run's. */
    uint64_t seed = p->index ? kw_mix64(opt->seed + p->index) : opt->seed;
    free_streams(p);
    enum kw_status st = kw_start_streams_begin(&p->start_streams, seed, opt->replication, err);
    if (st == KW_OK && p->d->spot.fallback)
        st = kw_start_streams_begin(&p->standin_streams, kw_mix64(seed + STANDINS), opt->replication, err);
    if (st == KW_OK) st = kw_rng_init(&p->routing, seed, opt->replication, KW_RNG_ROUTING, err);
    if (st == KW_OK) st = kw_rng_init(&p->retry, seed, opt->replication, KW_RNG_RETRY, err);
    if (st == KW_OK) st = kw_rng_init(&p->interruption, seed, opt->replication, KW_RNG_INTERRUPTION, err);
    if (st == KW_OK) st = kw_rng_init(&p->adapters, seed, opt->replication, KW_RNG_ADAPTER, err);
    if (st == KW_OK) st = begin_luck(p, opt, err);
    if (st == KW_OK) st = kw_rng_init(&p->others, seed, opt->replication, KW_RNG_POOLED, err);
    return st;
}

/* Engines made for another configuration go; the others are kept for this run. */
static void keep_engines(struct kw_pool *p, const struct kw_deployment *d, enum kw_stepping stepping,
                         struct kw_hist *itl)
{
    /* Bytes that differ only in padding rebuild engines that could have stayed: slower once, never wrong. */
    bool same = !memcmp(&p->made_for, &d->sched, sizeof d->sched) && p->made_with == d->steptime &&
                p->made_ranks == kw_deployment_ranks(d) && p->stepping == stepping && p->itl == itl &&
                !memcmp(&p->made_apart, &d->disaggregated, sizeof d->disaggregated);
    for (uint32_t i = 0; i < p->n && !same; i++) {
        if (!p->r[i].engine) continue;
        kw_replica_free(p->r[i].engine);
        free(p->r[i].engine);
        p->r[i].engine = NULL;
    }
    memcpy(&p->made_for, &d->sched, sizeof d->sched);
    p->made_with = d->steptime;
    p->made_ranks = kw_deployment_ranks(d);
    memcpy(&p->made_apart, &d->disaggregated, sizeof d->disaggregated);
    p->stepping = stepping;
    p->itl = itl;
}

/* How far the present window has come. */
static kw_ns in_cycle(const struct kw_pool *p, kw_ns now)
{
    const struct kw_cycle *c = &p->w->cycle;
    return c->length ? (now - c->begins) % c->length : 0;
}

static uint32_t floor_now(const struct kw_pool *p, kw_ns now)
{
    return p->d->floor ? kw_floor_level(p->d->floor, in_cycle(p, now)) : p->d->scaling.keep_warm;
}

/* A window of no length, that of a single moment, has one level. */
static void arm_floor(struct kw_pool *p, kw_ns now)
{
    if (!p->d->floor || !p->w->cycle.length) return;
    kw_ns in = kw_floor_next(p->d->floor, in_cycle(p, now), p->w->cycle.length);
    if (in != KW_NEVER) kw_events_set(&p->w->events, p->floor_id, now + in);
}

enum kw_status kw_pool_begin(struct kw_pool *p, struct kw_run_context *w, const struct kw_deployment *d, uint32_t index,
                             const struct kw_fleet_options *opt, struct kw_hist *itl, struct kw_error *err)
{
    const struct kw_autoscaling *c = &d->scaling;
    enum kw_status st;
    keep_engines(p, d, opt->stepping_each ? KW_STEPPING_EACH : KW_STEPPING_JUMP, itl);
    p->d = d;
    p->w = w;
    p->index = index;
    p->ledger = &w->tally.o->ledger[index];
    p->beyond = opt->beyond;
    p->opened = p->closed = false;
    p->ledger->max_replicas = c->max_replicas;
    p->ledger->places = d->node.places;
    p->ledger->interruptible = d->spot.per_hour > 0;
    p->limit = c->hard_concurrency ? c->hard_concurrency : UINT32_MAX;
    p->g = (struct kw_signals){ .oldest = KW_NEVER,
                                .unanswered = KW_NEVER,
                                .slots = c->hard_concurrency ? c->hard_concurrency : kw_deployment_seats(d) };
    p->idle_head = p->idle_tail = p->first_held = NONE;
    p->n_idle = p->n_held = p->exist = 0;
    p->standins = p->ready_standins = 0;
    p->found_warm = kw_pooled_warm(d->others_per_hour, c);
    p->standin_cold = d->cold;
    p->standin_cold.provision = d->spot.fallback_start;
    kw_ring_clear(&p->queue);
    kw_ring_clear(&p->on_replicas);
    kw_nodes_begin(p);
    p->n_spare = 0;
    for (uint32_t k = p->n; k-- > 0;) { /* replica 0 on top of the stack */
        p->r[k].state = KW_REPLICA_GONE;
        p->spare[p->n_spare++] = k;
    }
    if ((st = begin_streams(p, opt, err)) != KW_OK) return st;
    if ((st = kw_scaler_begin(&p->scaler, c, floor_now(p, 0), err)) != KW_OK) return st;
    if ((st = kw_balancer_begin(&p->balancer, d->balance, p->limit, p->scaler.policy->shrink == KW_SHRINK_ANY, err)) !=
        KW_OK)
        return st;
    p->balancer.fill = kw_packed_load(d);
    p->balancer.room_tokens = (uint64_t)d->sched.num_blocks * d->sched.block_size * kw_deployment_ranks(d);
    p->balancer.min_match = d->prefix_min_match;
    struct {
        uint32_t *id;
        enum kw_event_kind kind;
    } timers[] = { { &p->scaler_id, KW_EV_SCALER },
                   { &p->queue_id, KW_EV_QUEUE_TIMEOUT },
                   { &p->request_id, KW_EV_REQUEST_TIMEOUT },
                   { &p->floor_id, KW_EV_FLOOR } };
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        if ((st = kw_events_id(&w->events, kw_tag(timers[i].kind, index, 0), timers[i].id, err)) != KW_OK) return st;
    arm_floor(p, 0);
    return kw_starts_floor(p, err);
}

enum kw_status kw_pool_floor(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    arm_floor(p, now);
    return kw_scaling_floor(p, floor_now(p, now), now, err);
}

/* The ledger begins anew, the replicas go on: what is billed is the window's, what they hold is the steady state. A run
 * under way is cut at its next boundary (kw_replica_watch), which is why its event is armed again. */
void kw_pool_open(struct kw_pool *p, kw_ns now)
{
    *p->ledger = (struct kw_ledger){ .requests = p->ledger->requests,
                                     .max_replicas = p->d->scaling.max_replicas,
                                     .interruptible = p->ledger->interruptible,
                                     .places = p->d->node.places,
                                     .peak_nodes = p->nodes.rented,
                                     .peak_replicas = p->exist,
                                     .peak_requests = p->ledger->peak_requests,
                                     .most_wanted = p->ledger->most_wanted,
                                     .most_on_one = p->ledger->most_on_one,
                                     .most_step_tokens = p->ledger->most_step_tokens,
                                     .most_running = p->ledger->most_running };
    kw_nodes_open(p, now);
    p->opened = true;
    p->opens = now;
    for (uint32_t k = 0; k < p->n; k++) {
        struct kw_pool_replica *r = &p->r[k];
        if (r->state == KW_REPLICA_GONE) continue;
        kw_lives_open(r, now);
        kw_replica_watch(r->engine, p->itl, now);
        if (r->state != KW_REPLICA_STARTING) kw_dispatch_arm(p, r);
    }
}

void kw_pool_reopen(struct kw_pool *p, kw_ns now, kw_ns counted)
{
    assert(p->closed);
    kw_nodes_open(p, now);
    if (p->nodes.rented > p->ledger->peak_nodes) p->ledger->peak_nodes = p->nodes.rented;
    p->closed = false;
    p->opens = now - counted;
    for (uint32_t k = 0; k < p->n; k++)
        if (p->r[k].state != KW_REPLICA_GONE) kw_lives_open(&p->r[k], now);
}

enum kw_status kw_pool_close(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    enum kw_status nodes = kw_nodes_close(p, now, err);
    if (nodes != KW_OK) return nodes;
    for (uint32_t k = 0; k < p->n; k++) {
        struct kw_pool_replica *r = &p->r[k];
        if (r->state == KW_REPLICA_GONE) continue;
        r->life.goes_on = true;
        r->life.failed = r->state == KW_REPLICA_STARTING && r->start.fails;
        enum kw_status st = kw_lives_end(p, r, now, err);
        if (st != KW_OK) return st;
        for (int i = 0; i < KW_PHASES; i++) r->before.phase[i] += r->life.phase[i];
        r->life = (struct kw_life){ .born = now, .first_success = r->life.first_success };
    }
    p->closed = true;
    return KW_OK;
}

/* O(replicas), which the signals are not: the requests waiting inside a replica are counted by its scheduler, and to
 * keep their sum at each step would make every run pay for what the window's edges and one routing policy ask. */
uint64_t kw_pool_waiting(const struct kw_pool *p)
{
    uint64_t n = p->g.queued;
    for (uint32_t k = 0; k < p->n; k++)
        if (p->r[k].state == KW_REPLICA_READY) n += kw_replica_waiting(p->r[k].engine);
    return n;
}

/* A ready replica is busy, held or idle. Where surplus is released early, all but the last go while another starts. */
kw_ns kw_pool_patience(const struct kw_pool *p, const bool counts[KW_PHASES])
{
    const struct kw_autoscaling *c = &p->d->scaling;
    const struct kw_scaler_policy *s = p->scaler.policy;
    bool waits = s->idle_timeout && s->shrink == KW_SHRINK_NEVER && c->idle_release != KW_RELEASE_EARLY;
    bool counted = counts[KW_PHASE_ACTIVE] && counts[KW_PHASE_KEEP_WARM] && counts[KW_PHASE_IDLE];
    if (!counted || p->d->spot.per_hour > 0 || p->d->lora.adapters) return 0;
    if (!waits) return s->zero_timeout ? c->zero_timeout : 0;
    return c->zero_timeout && c->zero_timeout < c->idle_timeout ? c->zero_timeout : c->idle_timeout;
}

/* Where a start takes as long as it draws, and every policy orders one for the first request that meets none. */
kw_ns kw_pool_longest_start(const struct kw_pool *p)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    bool held = false;
    for (int k = 0; k < KW_HOLD_CLASSES; k++) held |= p->d->hold.most[k] > 0;
    if (held || p->d->node.places || c->at_zero == KW_ZERO_STOPPED || c->stockout_probability > 0 ||
        c->start_failure_probability > 0 || c->target > MOST_TARGET)
        return KW_NEVER;
    return kw_start_longest(&p->d->cold);
}

kw_ns kw_pool_used(const struct kw_pool *p, const bool counts[KW_PHASES], kw_ns now, kw_ns closes, kw_ns rest)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    kw_ns sum = 0;
    if (!p->opened) return 0;
    if (counts[KW_PHASE_ACTIVE] && counts[KW_PHASE_KEEP_WARM] && now < closes && c->stockout_probability == 0 &&
        c->start_failure_probability == 0)
        sum = (closes - now) * kw_least_warm(p->d);
    if (rest > sum) sum = rest;
    for (int ph = 0; ph < KW_PHASES; ph++) sum += counts[ph] ? p->ledger->phase[ph] : 0;
    for (uint32_t k = 0; k < p->n && !p->closed; k++) {
        const struct kw_pool_replica *r = &p->r[k];
        if (r->state == KW_REPLICA_GONE || r->state == KW_REPLICA_STARTING) continue;
        for (int ph = 0; ph < KW_PHASES; ph++) sum += counts[ph] ? r->life.phase[ph] : 0;
        sum += counts[r->phase] ? now - r->since : 0;
    }
    return sum;
}

static enum kw_status refuse(struct kw_pool *p, uint32_t flight, kw_ns now, struct kw_error *err)
{
    return kw_client_refused(p->w, flight, &p->d->retry, now, 0, &p->retry, err);
}

/* O(1) but for what the balancer's pick costs. A request goes straight to a replica only while nobody queues: one that
 * came later must never pass one that waits. Whoever is queued, dispatched or refused for want of room, the autoscaler
 * is asked last: a policy that scales on arrival sees the request it scales for. */
enum kw_status kw_pool_offer(struct kw_pool *p, uint32_t flight, kw_ns now, struct kw_error *err)
{
    const struct kw_autoscaling *c = &p->d->scaling;
    struct kw_inflight *f = &p->w->flights.f[flight];
    enum kw_status st;
    assert(f->deployment == p->index && f->at != KW_AT_QUEUE && f->at != KW_AT_REPLICA);
    uint64_t here = p->g.queued + p->g.in_flight + 1;
    if (here > p->ledger->peak_requests) p->ledger->peak_requests = here;
    f->tried = now;
    if ((uint64_t)kw_request_prompt(p->w->trace, p->d, f) + kw_request_output(p->w->trace, p->d, f) >
        p->d->sched.max_model_len)
        return kw_client_declined(p->w, flight, KW_REQ_TOO_LONG, now, err);
    if (!p->g.ready && c->at_zero != KW_ZERO_QUEUE) {
        f->cold = true;
        if ((st = refuse(p, flight, now, err)) != KW_OK) return st;
        return c->at_zero == KW_ZERO_STOPPED ? KW_OK : kw_scaling_after_arrival(p, true, now, err);
    }
    if (kw_ring_empty(&p->queue) && p->balancer.n_room) {
        uint32_t k = kw_balancer_pick(&p->balancer, kw_pool_affinity(p, flight), &p->routing);
        if ((st = kw_dispatch_to(p, flight, k, now, err)) != KW_OK) return st;
        return kw_scaling_after_arrival(p, false, now, err);
    }
    if (c->no_queue || (c->queue_limit && p->g.queued >= c->queue_limit)) {
        if ((st = refuse(p, flight, now, err)) != KW_OK) return st;
        return kw_scaling_after_arrival(p, !p->g.ready, now, err);
    }
    if ((st = kw_ring_push(&p->queue, flight, err)) != KW_OK) return st;
    f->at = KW_AT_QUEUE;
    if (!p->g.queued++) p->g.oldest = now;
    kw_timeouts_watch_queue(p);
    return kw_scaling_after_arrival(p, false, now, err);
}

enum kw_status kw_pool_note_diverted(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    return p->d->scaling.at_zero == KW_ZERO_STOPPED ? KW_OK : kw_scaling_after_arrival(p, true, now, err);
}

/* The most frequent event: a replica's step or run is over. O(first and last tokens of it); a boundary at which nobody
 * finishes ends after moving its own event. Order: every finished request leaves before any queued one is dispatched,
 * so that those see all the seats there are; the replica's phase changes after that, so that one which gets new work at
 * once is never idle; the autoscaler is asked last. */
enum kw_status kw_pool_run(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    struct kw_replica_out out;
    bool prefix = kw_deployment_caches(p->d), records = p->w->tally.o->records;
    assert(r->state == KW_REPLICA_READY || r->state == KW_REPLICA_DRAINING);
    kw_replica_advance(r->engine, now, &out);
    if (r->engine->most_step_tokens > p->ledger->most_step_tokens)
        p->ledger->most_step_tokens = r->engine->most_step_tokens;
    if (r->engine->most_running > p->ledger->most_running) p->ledger->most_running = r->engine->most_running;
    for (uint32_t i = 0; i < out.n_first; i++) {
        struct kw_inflight *f = &p->w->flights.f[out.first[i].id];
        f->first = now;
        kw_dispatch_answers(p, f);
    }
    if (!out.n_finished) {
        kw_dispatch_arm(p, r);
        return KW_OK;
    }
    uint32_t counted = 0;
    for (uint32_t i = 0; i < out.n_finished; i++) {
        uint32_t flight = (uint32_t)out.finished[i].id, slot = out.finished[i].slot;
        counted += !p->w->flights.f[flight].warmup && !kw_inflight_is_ping(&p->w->flights.f[flight]);
        kw_ns rtt = kw_run_rtt(p->w, p->d, &p->w->flights.f[flight]);
        kw_tally_completed(&p->w->tally, &p->w->flights.f[flight], now, rtt, p->d,
                           prefix ? kw_replica_cached(r->engine, slot) : 0,
                           prefix ? kw_replica_loaded(r->engine, slot) : 0, 0,
                           records ? kw_replica_preemptions(r->engine, slot) : 0, false);
        if (p->w->tally.far) {
            const struct kw_inflight *f = &p->w->flights.f[flight];
            kw_tally_far(&p->w->tally, f, f->first, now, rtt, p->d);
        }
        enum kw_status st = kw_run_ended(p->w, flight, now, rtt, err);
        if (st != KW_OK) return st;
        kw_dispatch_left(p, k);
    }
    if (r->life.first_success < 0) r->life.first_success = now;
    if (p->closed) {
        p->ledger->late += counted;
    } else {
        r->life.requests += counted;
    }
    enum kw_status st = kw_dispatch_after_left(p, k, now, err);
    return st == KW_OK ? kw_scaling_after_leaving(p, now, err) : st;
}

/* One event a replica serves its start's phases and its idle timeout, which exclude each other. The deadline is
 * computed anew, not remembered: who is the last replica may have changed since the event was set. */
enum kw_status kw_pool_life(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st;
    if (r->state == KW_REPLICA_STARTING) {
        bool ready;
        if ((st = kw_starts_phase_over(p, k, now, &ready, err)) != KW_OK || !ready) return st;
        if ((st = kw_scaling_standins(p, now, err)) != KW_OK) return st;
        if ((st = kw_dispatch_waiting(p, now, err)) != KW_OK) return st;
        return kw_scaling_after_leaving(p, now, err);
    }
    assert(r->idle && !r->held);            /* who is held or at work has no deadline */
    kw_ns at = kw_idle_list_deadline(p, r); /* later than now when it has become the last one */
    if (at > now) {
        kw_events_set(&p->w->events, r->life_id, at);
        return KW_OK;
    }
    return kw_scaling_stop(p, k, now, err);
}

enum kw_status kw_pool_interruption(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st;
    kw_events_cancel(&p->w->events, r->interruption_id);
    if (r->state == KW_REPLICA_DRAINING) return kw_dispatch_take_away(p, k, now, err);
    p->ledger->interruptions += !p->closed;
    if ((st = kw_scaling_stop(p, k, now, err)) != KW_OK) return st;
    if (r->state == KW_REPLICA_DRAINING) { /* it was busy: an idle one is given back at once */
        if (!p->d->spot.notice) {
            if ((st = kw_dispatch_take_away(p, k, now, err)) != KW_OK) return st;
        } else {
            kw_events_set(&p->w->events, r->interruption_id, now + p->d->spot.notice);
        }
    }
    if ((st = kw_scaling_ask(p, KW_CAUSE_FREED, false, now, err)) != KW_OK) return st;
    return kw_scaling_standins(p, now, err);
}

enum kw_status kw_pool_scale(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    kw_events_cancel(&p->w->events, p->scaler_id);
    return kw_scaling_ask(p, KW_CAUSE_TIMER, false, now, err);
}

/* The counts that the hot path keeps instead of counting are compared with what they stand for, in release builds too:
 * once a run, it costs nothing. */
enum kw_status kw_pool_end(struct kw_pool *p, kw_ns end, struct kw_error *err)
{
    const struct kw_signals *g = &p->g;
    if (g->in_flight != p->balancer.total || g->queued != kw_ring_count(&p->queue) || g->ready != p->balancer.n ||
        g->busy + p->n_idle != g->ready)
        return kw_fail(err, KW_EFAIL,
                       "%s: the pool's counts drifted: %u ready, %u busy, %u idle, %llu in flight of %llu", p->d->name,
                       g->ready, g->busy, p->n_idle, (unsigned long long)g->in_flight,
                       (unsigned long long)p->balancer.total);
    for (uint32_t k = 0; k < p->n; k++) {
        struct kw_pool_replica *r = &p->r[k];
        enum kw_status st;
        if (r->state == KW_REPLICA_GONE) continue;
        if (r->state != KW_REPLICA_STARTING && (st = kw_lives_end_engine(p, r, err)) != KW_OK) return st;
        if ((st = kw_lives_end(p, r, end, err)) != KW_OK) return st;
        r->state = KW_REPLICA_GONE;
    }
    p->ledger->needed = kw_capacity_needed(p->d, p->ledger);
    return KW_OK;
}
