#include <stdlib.h>
#include <string.h>
#include "sim/fleet/pool/parts.h"

static void all_failed(kw_ns phase[KW_PHASES])
{
    kw_ns sum = 0;
    for (int i = 0; i < KW_PHASES; i++) {
        sum += phase[i];
        phase[i] = 0;
    }
    phase[KW_PHASE_FAILED_START] = sum;
}

void kw_lives_open(struct kw_pool_replica *r, kw_ns now)
{
    struct kw_life *life = &r->life;
    bool served = life->first_success >= 0;
    kw_lives_phase(r, (enum kw_phase)r->phase, now);
    r->straddles = r->born < now;
    for (int i = 0; i < KW_PHASES; i++) r->before.phase[i] += life->phase[i];
    if (r->state == KW_REPLICA_STARTING && r->start.fails) all_failed(r->before.phase);
    r->before.since_success += served ? now - life->first_success : 0;
    *life = (struct kw_life){ .born = now, .first_success = served ? now : -1, .standin = r->standin };
}

/* Room for n lives is a power of two from 16 on, so that nobody has to remember how much there is. */
enum kw_status kw_lives_append(struct kw_life **v, uint64_t *n, struct kw_life_before **before, uint64_t *before_n,
                               const struct kw_life *life, const struct kw_life_before *past, struct kw_error *err)
{
    if (*n == 0 || (*n >= 16 && !(*n & (*n - 1)))) {
        uint64_t cap = *n ? 2 * *n : 16;
        struct kw_life *grown = realloc(*v, cap * sizeof *grown);
        if (!grown) return kw_fail(err, KW_ENOMEM, "no memory for %llu lives", (unsigned long long)cap);
        *v = grown;
    }
    if (past) { /* rare: once for each that there is when the window begins */
        struct kw_life_before *grown = realloc(*before, (*before_n + 1) * sizeof *grown);
        if (!grown) return kw_fail(err, KW_ENOMEM, "no memory for a life before the window");
        *before = grown;
        grown[*before_n] = *past;
        grown[(*before_n)++].life = *n;
    }
    (*v)[(*n)++] = *life;
    return KW_OK;
}

static enum kw_status keep(struct kw_pool *p, struct kw_pool_replica *r, struct kw_error *err)
{
    struct kw_ledger *l = p->ledger;
    struct kw_life life = r->life;
    life.born -= p->opens;
    life.gone -= p->opens;
    if (life.first_success >= 0) life.first_success -= p->opens;
    enum kw_status st =
        kw_lives_append(&l->lives, &l->lives_n, &l->before, &l->before_n, &life, r->straddles ? &r->before : NULL, err);
    if (st != KW_OK) return st;
    r->straddles = false;
    for (int i = 0; i < KW_PHASES; i++) l->phase[i] += life.phase[i];
    return KW_OK;
}

enum kw_status kw_lives_end(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now, struct kw_error *err)
{
    kw_lives_phase(r, (enum kw_phase)r->phase, now);
    if (r->life.failed) all_failed(r->life.phase);
    r->life.gone = now;
    kw_ns sum = 0;
    for (int i = 0; i < KW_PHASES; i++) sum += r->life.phase[i];
    if (r->life.born + sum != now)
        return kw_fail(err, KW_EFAIL, "%s: a replica's life of %lld ns adds up to %lld ns", p->d->name,
                       (long long)(now - r->life.born), (long long)sum);
    return p->opened && !p->closed ? keep(p, r, err) : KW_OK;
}

/* The engine's counters are read once a life and not at each step. */
enum kw_status kw_lives_end_engine(struct kw_pool *p, struct kw_pool_replica *r, struct kw_error *err)
{
    struct kw_replica_out out;
    /* The step under way for a client that has left ends after the replica: counted all the same. */
    while (r->engine->n_live == 0 && r->engine->next != KW_NEVER) kw_replica_advance(r->engine, r->engine->next, &out);
    const struct kw_replica_count counted = kw_replica_counted(r->engine), *c = &counted;
    uint32_t blocks = kw_replica_blocks(r->engine), there = kw_replica_blocks_free(r->engine);
    p->ledger->steps += c->runs;
    p->ledger->iterations += c->iterations;
    p->ledger->outside += c->outside;
    p->ledger->preemptions += c->preemptions;
    p->ledger->verified += c->verified;
    p->ledger->verified_tokens += c->verified_tokens;
    p->ledger->adapter_fetches += c->fetches;
    p->ledger->adapter_activations += c->activations;
    p->ledger->adapter_held += c->held;
    p->ledger->adapter_held_ns += c->held_ns;
    p->ledger->tokens_recomputed += (int64_t)c->recomputed_tokens;
    kw_events_cancel(&p->w->events, r->run_id);
    if (r->engine->n_live == 0 && there != blocks)
        return kw_fail(err, KW_EFAIL, "%s: an empty replica holds %u of %u KV blocks", p->d->name, blocks - there,
                       blocks);
    return KW_OK;
}

enum kw_status kw_lives_gone(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    assert(r->state != KW_REPLICA_GONE && !r->idle && p->exist);
    enum kw_status st = kw_lives_end(p, r, now, err);
    r->state = KW_REPLICA_GONE;
    kw_events_release(&p->w->events, r->run_id);
    kw_events_release(&p->w->events, r->life_id);
    if (p->d->spot.per_hour > 0 && !r->standin) kw_events_release(&p->w->events, r->interruption_id);
    if (p->d->node.places) kw_nodes_leave(p, k, now);
    p->spare[p->n_spare++] = k;
    p->exist--;
    return st;
}
