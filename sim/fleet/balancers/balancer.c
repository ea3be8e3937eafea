#include "sim/fleet/balancers/balancer.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct kw_balance_policy *const policy_of[] = {
    [KW_BALANCE_ROUND_ROBIN] = &kw_balancer_round_robin,
    [KW_BALANCE_LEAST_OUTSTANDING] = &kw_balancer_least_outstanding,
    [KW_BALANCE_POWER_OF_TWO] = &kw_balancer_power_of_two,
    [KW_BALANCE_PREFIX] = &kw_balancer_prefix,
    [KW_BALANCE_PACK] = &kw_balancer_pack,
    [KW_BALANCE_RANDOM] = &kw_balancer_random,
    [KW_BALANCE_ADAPTER] = &kw_balancer_adapter, /* the adapter stands in the place of the prefix (pool/dispatch.c) */
};
static_assert(sizeof policy_of / sizeof *policy_of == KW_BALANCES, "a policy for every name");

void kw_balancer_init(struct kw_balancer *b)
{
    *b = (struct kw_balancer){ 0 };
}

void kw_balancer_free(struct kw_balancer *b)
{
    free(b->ready);
    free(b->place);
    free(b->load);
    free(b->prev);
    free(b->next);
    free(b->head);
    free(b->tail);
    free(b->room);
    free(b->served);
    free(b->taken);
    free(b->awaited);
    kw_balancer_init(b);
}

static enum kw_status grow_words(uint32_t **p, uint32_t cap, struct kw_error *err)
{
    uint32_t *grown = realloc(*p, cap * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "load balancer: no memory for %u replicas", cap);
    *p = grown;
    return KW_OK;
}

static enum kw_status grow_levels(struct kw_balancer *b, struct kw_error *err)
{
    uint32_t levels = b->levels ? 2 * b->levels : 64;
    enum kw_status st;
    if ((st = grow_words(&b->head, levels, err)) != KW_OK) return st;
    if ((st = grow_words(&b->tail, levels, err)) != KW_OK) return st;
    for (uint32_t i = b->levels; i < levels; i++) b->head[i] = b->tail[i] = KW_NO_REPLICA;
    b->levels = levels;
    return KW_OK;
}

enum kw_status kw_balancer_begin(struct kw_balancer *b, enum kw_balance kind, uint32_t limit, bool ranked,
                                 struct kw_error *err)
{
    if ((unsigned)kind >= sizeof policy_of / sizeof *policy_of)
        return kw_fail(err, KW_ERANGE, "no load balancer has the number %d", (int)kind);
    const struct kw_balance_policy *policy = b->policy = policy_of[kind];
    bool capped = limit != UINT32_MAX;
    b->limit = b->fill = limit;
    b->room_tokens = UINT64_MAX;
    b->min_match = 0;
    b->computes = 0;
    b->ranked = ranked || policy->ranked || (policy->ranked_when_capped && capped);
    b->room_bits = policy->room_bits && capped;
    b->n = b->n_room = b->least = 0;
    b->total = 0;
    for (uint32_t i = 0; i < b->levels; i++) b->head[i] = b->tail[i] = KW_NO_REPLICA;
    return policy->begin ? policy->begin(b, err) : KW_OK;
}

static void list_push(struct kw_balancer *b, uint32_t r, uint32_t level)
{
    b->prev[r] = b->tail[level];
    b->next[r] = KW_NO_REPLICA;
    if (b->tail[level] == KW_NO_REPLICA) {
        b->head[level] = r;
    } else {
        b->next[b->tail[level]] = r;
    }
    b->tail[level] = r;
}

static void list_take(struct kw_balancer *b, uint32_t r, uint32_t level)
{
    if (b->prev[r] == KW_NO_REPLICA) {
        b->head[level] = b->next[r];
    } else {
        b->next[b->prev[r]] = b->next[r];
    }
    if (b->next[r] == KW_NO_REPLICA) {
        b->tail[level] = b->prev[r];
    } else {
        b->prev[b->next[r]] = b->prev[r];
    }
}

static void set_room(struct kw_balancer *b, uint32_t place, bool room)
{
    if (room) {
        b->room[place / 64] |= UINT64_C(1) << place % 64;
    } else {
        b->room[place / 64] &= ~(UINT64_C(1) << place % 64);
    }
}

/* Constant time amortised; the columns double, so that a fleet of a thousand grows in ten steps. */
enum kw_status kw_balancer_join(struct kw_balancer *b, uint32_t r, struct kw_error *err)
{
    enum kw_status st;
    if (r >= b->cap) {
        uint32_t cap = b->cap ? b->cap : 64;
        while (cap <= r) cap *= 2;
        uint32_t **column[] = { &b->ready, &b->place, &b->load, &b->prev, &b->next };
        for (size_t i = 0; i < sizeof column / sizeof *column; i++)
            if ((st = grow_words(column[i], cap, err)) != KW_OK) return st;
        uint64_t **tokens[] = { &b->taken, &b->awaited };
        for (size_t i = 0; i < 2; i++) {
            uint64_t *grown = realloc(*tokens[i], cap * sizeof *grown);
            if (!grown) return kw_fail(err, KW_ENOMEM, "load balancer: no memory for %u replicas", cap);
            *tokens[i] = grown;
        }
        uint64_t *room = realloc(b->room, cap / 64 * sizeof *room);
        if (!room) return kw_fail(err, KW_ENOMEM, "load balancer: no memory for %u replicas", cap);
        b->room = room;
        b->cap = cap;
    }
    if (b->ranked && !b->levels && (st = grow_levels(b, err)) != KW_OK) return st;
    assert(b->n < b->cap && b->n_room <= b->n);
    b->place[r] = b->n;
    b->ready[b->n] = r;
    b->load[r] = 0;
    b->taken[r] = b->awaited[r] = 0;
    if (b->room_bits) set_room(b, b->n, true);
    b->n++;
    b->n_room++;
    if (b->ranked) list_push(b, r, 0);
    b->least = 0;
    return KW_OK;
}

/* The least load after a change; one list at least is not empty. */
static void find_least(struct kw_balancer *b)
{
    while (b->head[b->least] == KW_NO_REPLICA) b->least++;
}

/* O(ready replicas), paid when a replica stops and not when a request comes. The order of joining is kept: round robin
 * walks it and random picks index it. */
void kw_balancer_leave(struct kw_balancer *b, uint32_t r)
{
    uint32_t at = b->place[r];
    assert(at < b->n && b->ready[at] == r);
    if (b->ranked) list_take(b, r, b->load[r]);
    b->n_room -= b->load[r] < b->limit;
    b->total -= b->load[r];
    b->n--;
    memmove(b->ready + at, b->ready + at + 1, (b->n - at) * sizeof *b->ready);
    for (uint32_t i = at; i < b->n; i++) {
        b->place[b->ready[i]] = i;
        if (b->room_bits) set_room(b, i, b->load[b->ready[i]] < b->limit);
    }
    if (b->turn > at) b->turn--;
    if (b->ranked && b->n) find_least(b);
}

/* O(1) at each dispatch: lists by load instead of a heap, because a load moves by one. Kept only for policies that
 * rank. */
enum kw_status kw_balancer_up(struct kw_balancer *b, uint32_t r, struct kw_error *err)
{
    uint32_t level = b->load[r] + 1;
    assert(level <= b->limit);
    if (b->ranked) {
        if (level == b->levels) {
            enum kw_status st = grow_levels(b, err);
            if (st != KW_OK) return st;
        }
        list_take(b, r, level - 1);
        list_push(b, r, level);
        if (b->least == level - 1) find_least(b);
    }
    b->load[r] = level;
    b->total++;
    if (level == b->limit) {
        b->n_room--;
        if (b->room_bits) set_room(b, b->place[r], false);
    }
    return KW_OK;
}

/* Constant time: once a request that ends. */
void kw_balancer_down(struct kw_balancer *b, uint32_t r)
{
    assert(b->load[r] && b->total);
    uint32_t level = b->load[r] - 1;
    if (b->ranked) {
        list_take(b, r, level + 1);
        list_push(b, r, level);
        if (level < b->least) b->least = level;
    }
    b->load[r] = level;
    b->total--;
    if (level + 1 == b->limit) {
        b->n_room++;
        if (b->room_bits) set_room(b, b->place[r], true);
    }
}
