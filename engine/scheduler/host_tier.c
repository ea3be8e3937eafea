#include "engine/scheduler/host_tier.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

void kw_host_tier_init(struct kw_host_tier *t, uint32_t most)
{
    *t = (struct kw_host_tier){ .most = most, .oldest = NONE, .newest = NONE };
}

void kw_host_tier_free(struct kw_host_tier *t)
{
    free(t->block);
    free(t->map);
    kw_host_tier_init(t, t->most);
}

void kw_host_tier_reset(struct kw_host_tier *t)
{
    t->n = 0;
    t->oldest = t->newest = NONE;
    t->reserved = 0;
    if (t->map) memset(t->map, 0xff, t->map_cap * sizeof *t->map);
}

/* ---- memory ---- */

static void map_put(const struct kw_host_tier *t, uint32_t *map, uint32_t cap, uint32_t b)
{
    uint32_t i = (uint32_t)t->block[b].key & (cap - 1);
    while (map[i] != NONE) i = (i + 1) & (cap - 1);
    map[i] = b;
}

/* Ahead of need and by doubling: a tier that could hold far more than its traffic ever stores takes no memory for it. */
enum kw_status kw_host_tier_reserve(struct kw_host_tier *t, uint32_t n, struct kw_error *err)
{
    uint64_t want = t->n + t->reserved + n;
    if (want > t->most) want = t->most;
    if (want > t->cap) {
        uint64_t cap = t->cap ? t->cap : 64, map_cap;
        while (cap < want) cap *= 2;
        if (cap > t->most) cap = t->most;
        for (map_cap = 128; map_cap < 2 * cap;) map_cap *= 2;
        struct kw_host_block *block = realloc(t->block, cap * sizeof *block);
        if (block) t->block = block;
        uint32_t *map = block ? malloc(map_cap * sizeof *map) : NULL;
        if (!map)
            return kw_fail(err, KW_ENOMEM, "host tier of the prefix cache: no memory for %ju entries", (uintmax_t)cap);
        memset(map, 0xff, map_cap * sizeof *map);
        for (uint32_t b = 0; b < t->n; b++) map_put(t, map, (uint32_t)map_cap, b);
        free(t->map);
        t->map = map;
        t->map_cap = (uint32_t)map_cap;
        t->cap = (uint32_t)cap;
    }
    t->reserved += n;
    return KW_OK;
}

void kw_host_tier_unreserve(struct kw_host_tier *t, uint32_t n)
{
    assert(t->reserved >= n);
    t->reserved -= n;
}

/* ---- blocks ---- */

/* Where the key is in the map, or would be. */
static uint32_t place_of(const struct kw_host_tier *t, uint64_t key)
{
    uint32_t i = (uint32_t)key & (t->map_cap - 1);
    while (t->map[i] != NONE && t->block[t->map[i]].key != key) i = (i + 1) & (t->map_cap - 1);
    return i;
}

bool kw_host_tier_has(const struct kw_host_tier *t, uint64_t key)
{
    return t->n && t->map[place_of(t, key)] != NONE;
}

static void unlink_block(struct kw_host_tier *t, uint32_t b)
{
    uint32_t older = t->block[b].older, newer = t->block[b].newer;
    if (older == NONE)
        t->oldest = newer;
    else
        t->block[older].newer = newer;
    if (newer == NONE)
        t->newest = older;
    else
        t->block[newer].older = older;
}

static void link_newest(struct kw_host_tier *t, uint32_t b)
{
    t->block[b].older = t->newest;
    t->block[b].newer = NONE;
    if (t->newest == NONE)
        t->oldest = b;
    else
        t->block[t->newest].newer = b;
    t->newest = b;
}

/* Closes the hole, without tombstones: a full tier forgets as often as it stores. */
static void map_delete(struct kw_host_tier *t, uint64_t key)
{
    uint32_t mask = t->map_cap - 1, i = place_of(t, key);
    for (uint32_t j = (i + 1) & mask; t->map[j] != NONE; j = (j + 1) & mask) {
        uint32_t home = (uint32_t)t->block[t->map[j]].key & mask;
        if (((j - home) & mask) < ((j - i) & mask)) continue; /* its home lies behind the hole: it may stay */
        t->map[i] = t->map[j];
        i = j;
    }
    t->map[i] = NONE;
}

void kw_host_tier_put(struct kw_host_tier *t, uint64_t key)
{
    uint32_t b = t->map[place_of(t, key)];
    assert(t->most);
    if (b != NONE) {
        unlink_block(t, b);
    } else {
        if (t->n < t->most) {
            b = t->n++;
            assert(b < t->cap); /* it was reserved */
        } else {
            b = t->oldest;
            unlink_block(t, b);
            map_delete(t, t->block[b].key);
        }
        t->block[b].key = key;
        map_put(t, t->map, t->map_cap, b);
    }
    link_newest(t, b);
}

bool kw_host_tier_check(const struct kw_host_tier *t, struct kw_error *err)
{
    uint32_t listed = 0, found = 0;
    if (t->n > t->most || t->n > t->cap)
        return kw_fail(err, KW_EFAIL, "host tier: %u blocks, most is %u", t->n, t->most), false;
    for (uint32_t b = t->oldest, older = NONE; b != NONE && listed <= t->n; older = b, b = t->block[b].newer, listed++)
        if (t->block[b].older != older || t->map[place_of(t, t->block[b].key)] != b)
            return kw_fail(err, KW_EFAIL, "host tier: block %u is off", b), false;
    for (uint32_t i = 0; i < t->map_cap; i++) found += t->map[i] != NONE;
    if (listed != t->n || found != t->n)
        return kw_fail(err, KW_EFAIL, "host tier: %u blocks, %u listed, %u in the map", t->n, listed, found), false;
    return true;
}
