#include "sim/fleet/pool/balance.h"
#include <stdlib.h>
#include <string.h>

const char *const kw_balance_name[] = { "round_robin", "least_outstanding", "power_of_two", "prefix", NULL };

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
    free(b->prefix_hash);
    free(b->prefix_replica);
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
    b->kind = kind;
    b->limit = limit;
    b->ranked = ranked || kind == KW_BALANCE_LEAST_OUTSTANDING || kind == KW_BALANCE_PREFIX ||
                (kind == KW_BALANCE_POWER_OF_TWO && limit != UINT32_MAX);
    b->n = b->n_room = b->turn = b->least = 0;
    b->total = 0;
    for (uint32_t i = 0; i < b->levels; i++) b->head[i] = b->tail[i] = KW_NO_REPLICA;
    if (kind != KW_BALANCE_PREFIX) return KW_OK;
    if (!b->prefix_hash) {
        b->prefix_hash = malloc(KW_PREFIX_SLOTS * sizeof *b->prefix_hash);
        b->prefix_replica = malloc(KW_PREFIX_SLOTS * sizeof *b->prefix_replica);
        if (!b->prefix_hash || !b->prefix_replica) {
            free(b->prefix_hash);
            free(b->prefix_replica);
            b->prefix_hash = NULL;
            b->prefix_replica = NULL;
            return kw_fail(err, KW_ENOMEM, "load balancer: no memory for the table of prefixes");
        }
    }
    for (uint32_t i = 0; i < KW_PREFIX_SLOTS; i++) b->prefix_replica[i] = KW_NO_REPLICA;
    return KW_OK;
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

static bool keeps_room(const struct kw_balancer *b)
{
    return b->limit != UINT32_MAX && b->kind == KW_BALANCE_ROUND_ROBIN;
}

static void set_room(struct kw_balancer *b, uint32_t place, bool room)
{
    if (room) {
        b->room[place / 64] |= UINT64_C(1) << place % 64;
    } else {
        b->room[place / 64] &= ~(UINT64_C(1) << place % 64);
    }
}

enum kw_status kw_balancer_join(struct kw_balancer *b, uint32_t r, struct kw_error *err)
{
    enum kw_status st;
    if (r >= b->cap) {
        uint32_t cap = b->cap ? b->cap : 64;
        while (cap <= r) cap *= 2;
        uint32_t **column[] = { &b->ready, &b->place, &b->load, &b->prev, &b->next };
        for (size_t i = 0; i < sizeof column / sizeof *column; i++)
            if ((st = grow_words(column[i], cap, err)) != KW_OK) return st;
        uint64_t *room = realloc(b->room, cap / 64 * sizeof *room);
        if (!room) return kw_fail(err, KW_ENOMEM, "load balancer: no memory for %u replicas", cap);
        b->room = room;
        b->cap = cap;
    }
    if (b->ranked && !b->levels && (st = grow_levels(b, err)) != KW_OK) return st;
    b->place[r] = b->n;
    b->ready[b->n] = r;
    b->load[r] = 0;
    if (keeps_room(b)) set_room(b, b->n, true);
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

void kw_balancer_leave(struct kw_balancer *b, uint32_t r)
{
    uint32_t at = b->place[r];
    if (b->ranked) list_take(b, r, b->load[r]);
    b->n_room -= b->load[r] < b->limit;
    b->total -= b->load[r];
    b->n--;
    memmove(b->ready + at, b->ready + at + 1, (b->n - at) * sizeof *b->ready);
    for (uint32_t i = at; i < b->n; i++) {
        b->place[b->ready[i]] = i;
        if (keeps_room(b)) set_room(b, i, b->load[b->ready[i]] < b->limit);
    }
    if (b->turn > at) b->turn--;
    if (b->ranked && b->n) find_least(b);
}

enum kw_status kw_balancer_up(struct kw_balancer *b, uint32_t r, struct kw_error *err)
{
    uint32_t level = b->load[r] + 1;
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
        if (keeps_room(b)) set_room(b, b->place[r], false);
    }
    return KW_OK;
}

void kw_balancer_down(struct kw_balancer *b, uint32_t r)
{
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
        if (keeps_room(b)) set_room(b, b->place[r], true);
    }
}

uint32_t kw_balancer_least(const struct kw_balancer *b)
{
    return b->n ? b->head[b->least] : KW_NO_REPLICA;
}

static uint32_t pick_in_turn(struct kw_balancer *b)
{
    uint32_t at = b->turn < b->n ? b->turn : 0;
    if (keeps_room(b)) { /* the first bit set at or after `at`, else the first of all */
        uint32_t words = (b->n + 63) / 64, w = at / 64;
        uint64_t bits = b->room[w] & ~UINT64_C(0) << at % 64;
        for (uint32_t seen = 0; seen <= words; seen++) {
            if (w == words - 1 && b->n % 64) bits &= ~(~UINT64_C(0) << b->n % 64);
            if (bits) break;
            w = w + 1 == words ? 0 : w + 1;
            bits = b->room[w];
        }
        at = w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    b->turn = at + 1;
    return b->ready[at];
}

static uint32_t pick_of_two(struct kw_balancer *b, struct kw_rng *routing)
{
    /* Two draws a request, whatever they say: the streams of two configurations stay aligned. */
    uint64_t u = kw_rng_u64(routing), v = kw_rng_u64(routing);
    uint32_t i = (uint32_t)((kw_i128)(u >> 1) * b->n >> 63);
    uint32_t j = b->n > 1 ? (uint32_t)((kw_i128)(v >> 1) * (b->n - 1) >> 63) : i;
    if (b->n > 1 && j >= i) j++;
    uint32_t x = b->ready[i], y = b->ready[j], r = b->load[y] < b->load[x] ? y : x;
    return b->load[r] < b->limit ? r : kw_balancer_least(b);
}

static uint32_t pick_by_prefix(struct kw_balancer *b, const uint64_t *hash, uint32_t n_hash)
{
    uint32_t r = KW_NO_REPLICA;
    for (uint32_t i = n_hash; i-- > 0 && r == KW_NO_REPLICA;) {
        uint32_t slot = (uint32_t)(kw_mix64(hash[i]) % KW_PREFIX_SLOTS);
        if (b->prefix_replica[slot] == KW_NO_REPLICA || b->prefix_hash[slot] != hash[i]) continue;
        uint32_t known = b->prefix_replica[slot];
        bool ready = known < b->cap && b->place[known] < b->n && b->ready[b->place[known]] == known;
        if (ready) r = known;
    }
    /* ceil(1.25 * mean), the request itself counted */
    uint64_t most = (5 * (b->total + 1) + 4 * b->n - 1) / (4 * (uint64_t)b->n);
    if (r == KW_NO_REPLICA || b->load[r] + 1 > most || b->load[r] >= b->limit) r = kw_balancer_least(b);
    for (uint32_t i = 0; i < n_hash; i++) {
        uint32_t slot = (uint32_t)(kw_mix64(hash[i]) % KW_PREFIX_SLOTS);
        b->prefix_hash[slot] = hash[i];
        b->prefix_replica[slot] = r;
    }
    return r;
}

uint32_t kw_balancer_pick(struct kw_balancer *b, const uint64_t *hash, uint32_t n_hash, struct kw_rng *routing)
{
    if (!b->n_room) return KW_NO_REPLICA;
    switch (b->kind) {
    case KW_BALANCE_ROUND_ROBIN: return pick_in_turn(b);
    case KW_BALANCE_LEAST_OUTSTANDING: return kw_balancer_least(b);
    case KW_BALANCE_POWER_OF_TWO: return pick_of_two(b, routing);
    case KW_BALANCE_PREFIX: return pick_by_prefix(b, hash, n_hash);
    }
    return KW_NO_REPLICA;
}
