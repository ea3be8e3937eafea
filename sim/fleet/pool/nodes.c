#include <stdlib.h>
#include "sim/fleet/pool/parts.h"

void kw_nodes_free(struct kw_pool *p)
{
    free(p->nodes.v);
    p->nodes = (struct kw_nodes){ 0 };
}

void kw_nodes_begin(struct kw_pool *p)
{
    for (uint32_t i = 0; i < p->nodes.n; i++) p->nodes.v[i].rented = false;
    p->nodes.rented = 0;
}

/* Brings the life up to now; the part on its way ends by itself, without an event. */
static void settle(struct kw_pool *p, struct kw_node *n, kw_ns now)
{
    kw_ns there = n->up_at < now ? n->up_at : now;
    if (there < n->since) there = n->since;
    assert(n->rented && now >= n->since);
    n->life.phase[KW_PHASE_PROVISION] += there - n->since;
    n->life.phase[n->replicas ? KW_PHASE_ACTIVE : KW_PHASE_IDLE] += now - there;
    if (p->opened && !p->closed) p->ledger->places_taken += n->replicas * (now - there);
    n->since = now;
}

/* ---- places */

static bool before(const struct kw_node *a, const struct kw_node *b, kw_ns now)
{
    kw_ns x = a->up_at > now ? a->up_at : now, y = b->up_at > now ? b->up_at : now;
    return x != y ? x < y : a->replicas > b->replicas;
}

/* O(nodes), once a start. */
static uint32_t free_place(const struct kw_pool *p, kw_ns now)
{
    uint32_t best = NONE;
    for (uint32_t i = 0; i < p->nodes.n; i++) {
        const struct kw_node *n = &p->nodes.v[i];
        if (!n->rented || n->replicas == p->d->node.places) continue;
        if (best == NONE || before(n, &p->nodes.v[best], now)) best = i;
    }
    return best;
}

static enum kw_status order(struct kw_pool *p, kw_ns provision, kw_ns now, uint32_t *out, struct kw_error *err)
{
    struct kw_nodes *all = &p->nodes;
    uint32_t i = 0;
    while (i < all->n && all->v[i].rented) i++;
    if (i == all->n) {
        struct kw_node *v = realloc(all->v, (all->n + 1) * sizeof *v);
        if (!v) return kw_fail(err, KW_ENOMEM, "%s: no memory for %u nodes", p->d->name, all->n + 1);
        all->v = v;
        all->n++;
    }
    struct kw_node *n = &all->v[i];
    *n = (struct kw_node){ .image_at = KW_NEVER, .ordered = now, .up_at = now + provision, .since = now };
    n->life = (struct kw_life){ .born = now, .first_success = -1 };
    enum kw_status st = kw_events_id(&p->w->events, kw_tag(KW_EV_NODE, p->index, i), &n->event_id, err);
    if (st != KW_OK) return st;
    n->rented = true;
    all->rented++;
    if (all->rented > p->ledger->peak_nodes && !p->closed) p->ledger->peak_nodes = all->rented;
    *out = i;
    return KW_OK;
}

enum kw_status kw_nodes_place(struct kw_pool *p, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_pool_replica *r = &p->r[k];
    kw_ns *phase = r->start.phase, drawn = phase[KW_PHASE_PROVISION];
    uint32_t i = r->node == NONE ? free_place(p, now) : r->node;
    if (i == NONE) {
        enum kw_status st = order(p, drawn, now, &i, err);
        if (st != KW_OK) return st;
    } else {
        r->start.stockouts = 0; /* drawn all the same: the next start draws what it always does */
    }
    struct kw_node *n = &p->nodes.v[i];
    if (r->node == NONE) {
        settle(p, n, now);
        n->replicas++;
        kw_events_cancel(&p->w->events, n->event_id);
        r->node = i;
    }
    assert(n->replicas <= p->d->node.places);
    phase[KW_PHASE_PROVISION] = n->up_at > now ? n->up_at - now : 0;
    if (r->start.restores) return KW_OK;
    kw_ns begins = now + phase[KW_PHASE_PROVISION];
    if (n->image_at == KW_NEVER)
        n->image_at = begins + phase[KW_PHASE_PULL];
    else
        phase[KW_PHASE_PULL] = n->image_at > begins ? n->image_at - begins : 0;
    return KW_OK;
}

void kw_nodes_leave(struct kw_pool *p, uint32_t k, kw_ns now)
{
    struct kw_node *n = &p->nodes.v[p->r[k].node];
    assert(n->rented && n->replicas);
    settle(p, n, now);
    p->r[k].node = NONE;
    if (--n->replicas) return;
    kw_events_set(&p->w->events, n->event_id, (n->up_at > now ? n->up_at : now) + p->d->node.idle);
}

/* ---- lives */

static enum kw_status end(struct kw_pool *p, struct kw_node *n, kw_ns now, struct kw_error *err)
{
    settle(p, n, now);
    n->life.gone = now;
    if (!p->opened || p->closed) return KW_OK;
    struct kw_ledger *l = p->ledger;
    struct kw_life life = n->life;
    life.born -= p->opens;
    life.gone -= p->opens;
    enum kw_status st = kw_lives_append(&l->nodes, &l->nodes_n, &l->nodes_before, &l->nodes_before_n, &life,
                                        n->straddles ? &n->before : NULL, err);
    n->straddles = false;
    return st;
}

enum kw_status kw_pool_node(struct kw_pool *p, uint32_t node, kw_ns now, struct kw_error *err)
{
    struct kw_node *n = &p->nodes.v[node];
    assert(n->rented && !n->replicas && now >= n->up_at);
    enum kw_status st = end(p, n, now, err);
    n->rented = false;
    p->nodes.rented--;
    kw_events_release(&p->w->events, n->event_id);
    return st;
}

void kw_nodes_open(struct kw_pool *p, kw_ns now)
{
    for (uint32_t i = 0; i < p->nodes.n; i++) {
        struct kw_node *n = &p->nodes.v[i];
        if (!n->rented) continue;
        settle(p, n, now);
        n->straddles = n->ordered < now;
        for (int k = 0; k < KW_PHASES; k++) n->before.phase[k] += n->life.phase[k];
        n->life = (struct kw_life){ .born = now, .first_success = -1 };
    }
}

enum kw_status kw_nodes_close(struct kw_pool *p, kw_ns now, struct kw_error *err)
{
    for (uint32_t i = 0; i < p->nodes.n; i++) {
        struct kw_node *n = &p->nodes.v[i];
        if (!n->rented) continue;
        n->life.goes_on = true;
        enum kw_status st = end(p, n, now, err);
        if (st != KW_OK) return st;
        for (int k = 0; k < KW_PHASES; k++) n->before.phase[k] += n->life.phase[k];
        n->life = (struct kw_life){ .born = now, .first_success = -1 };
    }
    return KW_OK;
}

/* ---- state */

static uint64_t state(const struct kw_pool *p, const struct kw_node *n, kw_ns now)
{
    kw_ns due = kw_events_due(&p->w->events, n->event_id), up = n->up_at > now ? n->up_at - now : 0;
    kw_ns image = n->image_at == KW_NEVER ? -1 : n->image_at > now ? n->image_at - now : 0;
    uint64_t h = kw_mix64((uint64_t)n->replicas << 32 ^ (uint64_t)up);
    h = kw_mix64(h ^ (uint64_t)(due == KW_NEVER ? -1 : due - now));
    return kw_mix64(h ^ (uint64_t)image);
}

uint64_t kw_nodes_state(const struct kw_pool *p, uint32_t k, kw_ns now)
{
    return state(p, &p->nodes.v[p->r[k].node], now);
}

uint64_t kw_nodes_empty_state(const struct kw_pool *p, kw_ns now)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->nodes.n; i++)
        if (p->nodes.v[i].rented && !p->nodes.v[i].replicas) sum += state(p, &p->nodes.v[i], now);
    return sum;
}
