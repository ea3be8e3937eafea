#include "workloads/readers/row_ids.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"

void kw_row_ids_free(struct kw_row_ids *s)
{
    free(s->slot);
    memset(s, 0, sizeof *s);
}

static bool is_free(const struct kw_row_id *x)
{
    return !(x->hash[0] | x->hash[1]);
}

/* The slot of this hash, or the free one where it belongs. */
static struct kw_row_id *find(const struct kw_row_ids *s, const uint32_t hash[2])
{
    size_t i = (hash[0] | (uint64_t)hash[1] << 32) & (s->slots - 1);
    while (!is_free(&s->slot[i]) && memcmp(s->slot[i].hash, hash, sizeof s->slot[i].hash)) i = (i + 1) & (s->slots - 1);
    return &s->slot[i];
}

static enum kw_status grow(struct kw_row_ids *s, struct kw_error *err)
{
    struct kw_row_ids more = { .slots = s->slots ? 2 * s->slots : 1024, .n = s->n };
    more.slot = calloc(more.slots, sizeof *more.slot);
    if (!more.slot) return kw_fail(err, KW_ENOMEM, "out of memory for %zu ids", s->n);
    for (size_t i = 0; i < s->slots; i++)
        if (!is_free(&s->slot[i])) *find(&more, s->slot[i].hash) = s->slot[i];
    kw_row_ids_free(s);
    *s = more;
    return KW_OK;
}

/* Eight bytes at a time, each mixed in whole. */
uint64_t kw_row_ids_hash(const struct kw_row_ids *s, struct kw_span id)
{
    uint64_t hash = id.n, w;
    size_t i = 0;
    for (; i + sizeof w <= id.n; i += sizeof w) {
        memcpy(&w, id.p + i, sizeof w);
        hash = kw_mix64(hash ^ w);
    }
    w = 0;
    if (i < id.n) memcpy(&w, id.p + i, id.n - i);
    hash = kw_mix64(hash ^ w);
    hash += hash == 0;
    if (s->slots) __builtin_prefetch(&s->slot[hash & (s->slots - 1)], 1);
    return hash;
}

enum kw_status kw_row_ids_put(struct kw_row_ids *s, uint64_t hash, uint32_t row, int64_t *had, struct kw_error *err)
{
    enum kw_status st;
    uint32_t half[2] = { (uint32_t)hash, (uint32_t)(hash >> 32) };
    if (4 * (s->n + 1) > 3 * s->slots && (st = grow(s, err)) != KW_OK) return st;
    struct kw_row_id *x = find(s, half);
    bool there = !is_free(x);
    *had = there ? (int64_t)x->row : -1;
    if (there) return KW_OK;
    *x = (struct kw_row_id){ { half[0], half[1] }, row };
    s->n++;
    return KW_OK;
}
