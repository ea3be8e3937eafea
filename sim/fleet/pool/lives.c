#include <stdlib.h>
#include "sim/fleet/pool/parts.h"

enum kw_status kw_lives_end(struct kw_pool *p, struct kw_pool_replica *r, kw_ns now, struct kw_error *err)
{
    struct kw_ledger *l = p->ledger;
    kw_lives_phase(r, (enum kw_phase)r->phase, now);
    if (r->life.failed) {
        for (int i = 0; i < KW_PHASES; i++) r->life.phase[i] = 0;
        r->life.phase[KW_PHASE_FAILED_START] = now - r->life.born;
        l->failed_starts++;
    }
    r->life.gone = now;
    kw_ns sum = 0;
    for (int i = 0; i < KW_PHASES; i++) sum += r->life.phase[i];
    if (r->life.born + sum != now)
        return kw_fail(err, KW_EFAIL, "%s: a replica's life of %lld ns adds up to %lld ns", p->d->name,
                       (long long)(now - r->life.born), (long long)sum);
    if (l->lives_n == p->lives_cap) {
        size_t cap = p->lives_cap ? 2 * p->lives_cap : 16;
        struct kw_life *lives = realloc(l->lives, cap * sizeof *lives);
        if (!lives) return kw_fail(err, KW_ENOMEM, "%s: no memory for %zu replica lives", p->d->name, cap);
        l->lives = lives;
        p->lives_cap = cap;
    }
    l->lives[l->lives_n++] = r->life;
    for (int i = 0; i < KW_PHASES; i++) l->phase[i] += r->life.phase[i];
    return KW_OK;
}

enum kw_status kw_lives_end_engine(struct kw_pool *p, struct kw_pool_replica *r, struct kw_error *err)
{
    const struct kw_replica_count *c = &r->engine->count;
    struct kw_replica_out out;
    /* The step under way for a client that has left ends after the replica: counted all the same. */
    while (r->engine->n_live == 0 && r->engine->next != KW_NEVER) kw_replica_advance(r->engine, r->engine->next, &out);
    p->ledger->steps += c->runs;
    p->ledger->iterations += c->iterations;
    p->ledger->preemptions += c->preemptions;
    p->ledger->tokens_recomputed += (int64_t)c->recomputed_tokens;
    kw_events_cancel(&p->w->events, r->run_id);
    if (r->engine->n_live == 0 && kw_sched_blocks_free(r->engine->sched) != p->d->sched.num_blocks)
        return kw_fail(err, KW_EFAIL, "%s: an empty replica holds %u of %u KV blocks", p->d->name,
                       p->d->sched.num_blocks - kw_sched_blocks_free(r->engine->sched), p->d->sched.num_blocks);
    return KW_OK;
}

enum kw_status kw_lives_gone(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    enum kw_status st = kw_lives_end(p, r, now, err);
    r->state = KW_REPLICA_GONE;
    kw_events_release(&p->w->events, r->run_id);
    kw_events_release(&p->w->events, r->life_id);
    p->spare[p->n_spare++] = k;
    p->exist--;
    return st;
}
