#include <stdlib.h>
#include <string.h>
#include "sim/fleet/pool/parts.h"

/* found: there is nothing to wait for, and what the start would have drawn is drawn all the same. */
static enum kw_status begin_start(struct kw_pool *p, uint32_t k, bool found, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    r->start = r->standin ? kw_start_draw(&p->standin_cold, &p->d->scaling, &p->standin_streams)
                          : kw_start_draw(&p->d->cold, &p->d->scaling, &p->start_streams);
    if (found) r->start = (struct kw_start){ .found = true };
    enum kw_status st = p->d->node.places ? kw_nodes_place(p, k, now, err) : KW_OK;
    if (st != KW_OK) return st;
    if (!p->closed) {
        p->ledger->starts += !found;
        p->ledger->found_warm += found;
        p->ledger->restores += r->start.restores;
        p->ledger->stockouts += r->start.stockouts;
    }
    r->life = (struct kw_life){ .born = now, .first_success = -1, .standin = r->standin };
    r->before = (struct kw_life_before){ .life = 0 };
    r->straddles = false;
    r->born = now;
    r->state = KW_REPLICA_STARTING;
    r->phase = KW_PHASE_PROVISION;
    r->since = now;
    kw_events_set(&p->w->events, r->life_id, now + r->start.phase[KW_PHASE_PROVISION]);
    return KW_OK;
}

static enum kw_status grow_replicas(struct kw_pool *p, struct kw_error *err)
{
    uint32_t cap = p->cap ? 2 * p->cap : 8;
    struct kw_pool_replica *r = realloc(p->r, cap * sizeof *r);
    if (r) p->r = r;
    uint32_t *spare = realloc(p->spare, cap * sizeof *spare);
    if (spare) p->spare = spare;
    uint32_t *starting = realloc(p->starting, cap * sizeof *starting);
    if (starting) p->starting = starting;
    if (!r || !spare || !starting) return kw_fail(err, KW_ENOMEM, "%s: no memory for %u replicas", p->d->name, cap);
    p->cap = cap;
    return KW_OK;
}

/* A replica that is not alive, with events and an engine in its first state. */
static enum kw_status take_replica(struct kw_pool *p, bool standin, uint32_t *out, struct kw_error *err)
{
    enum kw_status st;
    *out = NONE;
    if (!p->n_spare) {
        if (p->n == p->cap && (st = grow_replicas(p, err)) != KW_OK) return st;
        p->r[p->n] = (struct kw_pool_replica){ .state = KW_REPLICA_GONE };
        p->spare[p->n_spare++] = p->n++;
    }
    uint32_t k = p->spare[p->n_spare - 1];
    struct kw_pool_replica *r = &p->r[k];
    assert(k < p->n && r->state == KW_REPLICA_GONE);
    if (!r->engine) {
        struct kw_replica *engine = calloc(1, sizeof *engine);
        if (!engine) return kw_fail(err, KW_ENOMEM, "%s: no memory for a replica", p->d->name);
        const struct kw_sched_config *c = &p->d->sched;
        st =
            p->made_apart.decode
                ? kw_replica_init_pair(engine, c, p->d->steptime, &p->made_apart, p->stepping, p->itl, err)
                : kw_replica_init_group(engine, c, kw_deployment_ranks(p->d), p->d->steptime, p->stepping, p->itl, err);
        if (st != KW_OK) {
            free(engine);
            return st;
        }
        r->engine = engine;
    } else {
        kw_replica_reset(r->engine);
    }
    if ((st = kw_replica_adapt(r->engine, &p->d->lora, p->beyond, &p->adapters, err)) != KW_OK) return st;
    if (p->d->speculative.tokens) kw_replica_speculate(r->engine, &p->d->speculative);
    if (p->d->sched.host_blocks) kw_replica_offload(r->engine, &p->d->offload);
    if ((st = kw_events_id(&p->w->events, kw_tag(KW_EV_RUN, p->index, k), &r->run_id, err)) != KW_OK) return st;
    if ((st = kw_events_id(&p->w->events, kw_tag(KW_EV_LIFE, p->index, k), &r->life_id, err)) != KW_OK) {
        kw_events_release(&p->w->events, r->run_id);
        return st;
    }
    bool spot = p->d->spot.per_hour > 0 && !standin;
    if (spot && (st = kw_events_id(&p->w->events, kw_tag(KW_EV_INTERRUPTION, p->index, k), &r->interruption_id, err)) !=
                    KW_OK) {
        kw_events_release(&p->w->events, r->run_id);
        kw_events_release(&p->w->events, r->life_id);
        return st;
    }
    p->n_spare--;
    p->exist++;
    if (p->exist > p->ledger->peak_replicas && !p->closed) p->ledger->peak_replicas = p->exist;
    kw_replica_watch(r->engine, p->opened ? p->itl : NULL, 0);
    r->idle = r->held = r->straddles = false;
    r->standin = standin;
    r->node = NONE;
    *out = k;
    return KW_OK;
}

/* Out of the list of starts, wherever it stands. */
static void unlist_start(struct kw_pool *p, uint32_t k)
{
    uint32_t i = p->g.starting;
    while (i-- > 0 && p->starting[i] != k) {
    }
    assert(i < p->g.starting);
    memmove(p->starting + i, p->starting + i + 1, (p->g.starting - i - 1) * sizeof *p->starting);
    p->g.starting--;
}

/* Joins before it is counted: a balancer without memory leaves the pool as it was. */
static enum kw_status make_ready(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    assert(p->r[k].state != KW_REPLICA_READY && p->r[k].engine->n_live == 0);
    enum kw_status st = kw_balancer_join(&p->balancer, k, err);
    if (st != KW_OK) return st;
    p->r[k].state = KW_REPLICA_READY;
    p->r[k].ready_at = now;
    p->g.ready++;
    p->ready_standins += p->r[k].standin;
    if (p->d->spot.per_hour > 0 && !p->r[k].standin)
        kw_events_set(&p->w->events, p->r[k].interruption_id,
                      now + kw_law_ns(kw_rng_exp(&p->interruption, 3600 / p->d->spot.per_hour)));
    kw_idle_list_push(p, k, now);
    return KW_OK;
}

/* Others keep one replica at the most; where one of ours is alive, it is that one. */
static bool finds_warm(struct kw_pool *p)
{
    return p->found_warm > 0 && !kw_signals_alive(&p->g) && kw_rng_uniform(&p->others) < p->found_warm;
}

/* Everything random of a start is drawn when it is ordered and from streams of its own, so that a policy which orders
 * the same starts meets the same ones, whatever else it does. */
static enum kw_status order(struct kw_pool *p, bool standin, bool cold, kw_ns now, struct kw_error *err)
{
    uint32_t k;
    enum kw_status st = take_replica(p, standin, &k, err);
    if (st != KW_OK) return st;
    bool was_last = kw_idle_list_last(p), found = !standin && finds_warm(p);
    if ((st = begin_start(p, k, found, now, err)) != KW_OK) return st;
    p->starting[p->g.starting++] = k;
    p->ledger->cold_starts += cold && !found && !p->closed;
    /* An idle replica that waited for the zero timeout is not the last one any more. */
    if (was_last && p->idle_head != NONE && !p->r[p->idle_head].held) kw_idle_list_arm(p, &p->r[p->idle_head], now);
    return KW_OK;
}

enum kw_status kw_starts_order(struct kw_pool *p, bool cold, kw_ns now, struct kw_error *err)
{
    return order(p, false, cold, now, err);
}

enum kw_status kw_starts_order_standin(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    enum kw_status st = order(p, true, false, now, err);
    if (st != KW_OK) return st;
    p->standins++;
    p->ledger->standins += !p->closed;
    return KW_OK;
}

static enum kw_status cancel(struct kw_pool *p, uint32_t i, kw_ns now, struct kw_error *err)
{
    uint32_t k = p->starting[i];
    unlist_start(p, k);
    p->standins -= p->r[k].standin;
    return kw_lives_gone(p, k, now, err);
}

enum kw_status kw_starts_cancel_newest(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    assert(p->g.starting);
    return cancel(p, p->g.starting - 1, now, err);
}

enum kw_status kw_starts_cancel_standin(struct kw_pool *p, kw_ns now, bool *found, struct kw_error *err)
{
    uint32_t i = p->g.starting;
    while (i > 0 && !p->r[p->starting[i - 1]].standin) i--;
    *found = i > 0;
    return *found ? cancel(p, i - 1, now, err) : KW_OK;
}

enum kw_status kw_starts_floor(struct kw_pool *p, struct kw_error *err)
{
    for (uint32_t i = 0; i < p->scaler.floor; i++) {
        uint32_t k;
        enum kw_status st = take_replica(p, false, &k, err);
        if (st != KW_OK) return st;
        p->r[k].life = (struct kw_life){ .born = 0, .first_success = -1 };
        p->r[k].before = (struct kw_life_before){ .life = 0 };
        p->r[k].born = 0;
        p->r[k].since = 0;
        p->r[k].phase = KW_PHASE_KEEP_WARM;
        if (p->d->node.places) { /* on nodes that are there, with the image */
            p->r[k].start = (struct kw_start){ .stockouts = 0 };
            if ((st = kw_nodes_place(p, k, 0, err)) != KW_OK) return st;
        }
        if ((st = make_ready(p, k, 0, err)) != KW_OK) return st;
    }
    kw_idle_list_settle(p, 0);
    return KW_OK;
}

/* Phases of no length are passed over within one event. A failed start ends one life and begins the next at the same
 * number and moment, and keeps its place among the starts: to the autoscaler it is the one that was ordered. */
enum kw_status kw_starts_phase_over(struct kw_pool *p, uint32_t k, kw_ns now, bool *ready, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    assert(r->state == KW_REPLICA_STARTING && r->phase <= KW_PHASE_RESTORE);
    *ready = false;
    for (int phase = r->phase + 1; phase <= KW_PHASE_RESTORE; phase++) {
        if (!r->start.phase[phase]) continue;
        kw_lives_phase(r, (enum kw_phase)phase, now);
        kw_events_set(&p->w->events, r->life_id, now + r->start.phase[phase]);
        return KW_OK;
    }
    if (r->start.fails) {
        r->life.failed = true;
        p->ledger->failed_starts += !p->closed;
        enum kw_status st = kw_lives_end(p, r, now, err);
        if (st != KW_OK) return st;
        return begin_start(p, k, false, now, err);
    }
    kw_events_cancel(&p->w->events, r->life_id);
    unlist_start(p, k);
    *ready = true;
    if (p->opened && !p->closed && !r->start.found) {
        kw_ns took = 0;
        for (int phase = 0; phase <= KW_PHASE_RESTORE; phase++) took += r->start.phase[phase];
        kw_tally_started(&p->w->tally, p->index, took);
    }
    return make_ready(p, k, now, err);
}
