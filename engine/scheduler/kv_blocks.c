#include "engine/scheduler/kv_blocks.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE KW_KV_NONE
static_assert(sizeof(struct kw_kv_piece) == 48, "48 bytes a block at most, taken at the first add");

void kw_kv_init(struct kw_kv *kv, uint32_t n_blocks, bool caching, bool tables, uint32_t host_blocks)
{
    *kv = (struct kw_kv){ .n_blocks = n_blocks, .caching = caching, .tables = tables };
    kw_host_tier_init(&kv->host, host_blocks);
    kw_kv_reset(kv);
}

void kw_kv_free(struct kw_kv *kv)
{
    for (uint32_t i = 0; i < kv->cap_seq; i++) free(kv->seq[i].table);
    free(kv->seq);
    free(kv->piece);
    free(kv->map);
    free(kv->older);
    free(kv->newer);
    free(kv->sibling);
    free(kv->chain);
    kw_host_tier_free(&kv->host);
    kw_kv_init(kv, kv->n_blocks, kv->caching, kv->tables, kv->host.most);
}

static void queue_all(struct kw_kv *kv);

void kw_kv_reset(struct kw_kv *kv)
{
    kv->n_free = kv->n_blocks;
    kv->n_piece = kv->n_map = 0;
    kv->spare = kv->head = kv->tail = kv->first = kv->last = NONE;
    kv->reserved = 0;
    kw_host_tier_reset(&kv->host);
    if (kv->map) memset(kv->map, 0xff, kv->map_cap * sizeof *kv->map);
    queue_all(kv);
}

/* ---- the free queue ---- */

/* O(1), and it cannot fail: the array has room for the worst case, a piece a block. */
static uint32_t new_piece(struct kw_kv *kv)
{
    uint32_t p = kv->spare;
    if (p != NONE)
        kv->spare = kv->piece[p].next;
    else
        p = kv->n_piece++;
    assert(p < kv->n_blocks + 2); /* each piece has a block of its own, but for one being split or taken apart */
    kv->piece[p] =
        (struct kw_kv_piece){ .older = NONE, .newer = NONE, .prev = NONE, .next = NONE, .up = NONE, .block = NONE };
    return p;
}

static void drop_piece(struct kw_kv *kv, uint32_t p)
{
    assert(!kv->piece[p].ref && kv->piece[p].len);
    kv->piece[p].next = kv->spare;
    kv->piece[p].len = 0;
    kv->spare = p;
}

/* To the queue's tail, as the newest: O(1) whatever its length. */
static void enqueue(struct kw_kv *kv, uint32_t p)
{
    struct kw_kv_piece *x = &kv->piece[p];
    assert(!x->ref && x->len && x->len <= kv->n_blocks - kv->n_free);
    x->older = kv->tail;
    x->newer = NONE;
    if (kv->tail == NONE)
        kv->head = p;
    else
        kv->piece[kv->tail].newer = p;
    kv->tail = p;
    kv->n_free += x->len;
}

static void unqueue(struct kw_kv *kv, uint32_t p)
{
    struct kw_kv_piece *x = &kv->piece[p];
    assert(x->len <= kv->n_free && (x->older == NONE ? kv->head : kv->piece[x->older].newer) == p);
    assert((x->newer == NONE ? kv->tail : kv->piece[x->newer].older) == p);
    if (x->older == NONE)
        kv->head = x->newer;
    else
        kv->piece[x->older].newer = x->newer;
    if (x->newer == NONE)
        kv->tail = x->older;
    else
        kv->piece[x->newer].older = x->older;
    kv->n_free -= x->len;
}

/* Blocks that hold nothing worth keeping: one piece however many sequences they come from, so a workload without hits
 * keeps the queue a few pieces long. O(1). */
static void enqueue_plain(struct kw_kv *kv, uint32_t n)
{
    if (!n) return;
    assert(n <= kv->n_blocks - kv->n_free);
    if (kv->tail != NONE && kv->piece[kv->tail].kind == KW_KV_PLAIN) {
        kv->piece[kv->tail].len += n;
        kv->n_free += n;
        return;
    }
    uint32_t p = new_piece(kv);
    kv->piece[p].len = n;
    enqueue(kv, p);
}

/* Physical ids follow the pieces: same order, one by one. */
static void id_enqueue(struct kw_kv *kv, uint32_t b)
{
    kv->older[b] = kv->last;
    kv->newer[b] = NONE;
    if (kv->last == NONE)
        kv->first = b;
    else
        kv->newer[kv->last] = b;
    kv->last = b;
}

/* The links of an id that left the queue stand as they were, but none leads to it any more. */
static bool id_is_queued(const struct kw_kv *kv, uint32_t b)
{
    return (kv->older[b] == NONE ? kv->first : kv->newer[kv->older[b]]) == b;
}

static void id_unqueue(struct kw_kv *kv, uint32_t b)
{
    assert(b < kv->n_blocks && id_is_queued(kv, b));
    if (kv->older[b] == NONE)
        kv->first = kv->newer[b];
    else
        kv->newer[kv->older[b]] = kv->newer[b];
    if (kv->newer[b] == NONE)
        kv->last = kv->older[b];
    else
        kv->older[kv->newer[b]] = kv->older[b];
}

static void queue_all(struct kw_kv *kv)
{
    if (kv->piece) {
        kv->n_free = 0;
        enqueue_plain(kv, kv->n_blocks);
    }
    if (kv->older)
        for (uint32_t b = 0; b < kv->n_blocks; b++) id_enqueue(kv, b);
    for (uint32_t i = 0; i < kv->cap_seq; i++) kv->seq[i].n_table = 0;
}

/* ---- the map from key to segment: linear probing, deletion by shifting back ---- */

static uint64_t mix(uint64_t x) /* splitmix64's finaliser */
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t child_key(uint64_t parent, uint64_t hash)
{
    return mix(parent * UINT64_C(0x9e3779b97f4a7c15) + mix(hash + UINT64_C(0x9e3779b97f4a7c15)));
}

static uint64_t root_key(const struct kw_kv_seq *q)
{
    return (uint64_t)q->salt << 32 | q->per_hash;
}

/* Linear probing in a table at most half full: about one look. */
static uint32_t map_find(const struct kw_kv *kv, uint64_t key)
{
    if (!kv->map_cap) return NONE;
    for (uint32_t i = (uint32_t)key & (kv->map_cap - 1);; i = (i + 1) & (kv->map_cap - 1))
        if (kv->map[i] == NONE || kv->piece[kv->map[i]].key == key) return kv->map[i];
}

static void map_put(struct kw_kv *kv, uint32_t *map, uint32_t cap, uint32_t p)
{
    uint32_t i = (uint32_t)kv->piece[p].key & (cap - 1);
    while (map[i] != NONE) i = (i + 1) & (cap - 1);
    map[i] = p;
}

/* Closes the hole, without tombstones: evictions are as frequent as insertions, and lookups would wade through them. */
static void map_delete(struct kw_kv *kv, uint32_t p)
{
    assert(kv->n_map);
    uint32_t mask = kv->map_cap - 1, i = (uint32_t)kv->piece[p].key & mask;
    while (kv->map[i] != p) i = (i + 1) & mask;
    for (uint32_t j = (i + 1) & mask; kv->map[j] != NONE; j = (j + 1) & mask) {
        uint32_t home = (uint32_t)kv->piece[kv->map[j]].key & mask;
        if (((j - home) & mask) < ((j - i) & mask)) continue; /* its home lies behind the hole: it may stay */
        kv->map[i] = kv->map[j];
        i = j;
    }
    kv->map[i] = NONE;
    kv->n_map--;
}

/* ---- memory ---- */

/* Ahead of need, in admit, for all hashes of all live sequences: the calls that follow cannot fail. At most half full.
 */
static enum kw_status grow_map(struct kw_kv *kv, uint64_t want, struct kw_error *err)
{
    if (want > kv->n_blocks) want = kv->n_blocks; /* a segment has a block at least */
    uint32_t cap = kv->map_cap ? kv->map_cap : 64;
    while (cap / 2 <= want) cap *= 2;
    if (cap == kv->map_cap) return KW_OK;
    uint32_t *map = malloc(cap * sizeof *map);
    if (!map) return kw_fail(err, KW_ENOMEM, "prefix cache: no memory for %u entries", cap);
    memset(map, 0xff, cap * sizeof *map);
    for (uint32_t i = 0; i < kv->map_cap; i++)
        if (kv->map[i] != NONE) map_put(kv, map, cap, kv->map[i]);
    free(kv->map);
    kv->map = map;
    kv->map_cap = cap;
    return KW_OK;
}

static enum kw_status first_memory(struct kw_kv *kv, struct kw_error *err)
{
    size_t n = kv->n_blocks;
    if (kv->caching && !kv->piece) {
        if (!(kv->piece = malloc((n + 2) * sizeof *kv->piece)))
            return kw_fail(err, KW_ENOMEM, "prefix cache: no memory for %u blocks", kv->n_blocks);
        kv->n_free = 0;
        enqueue_plain(kv, kv->n_blocks);
    }
    if (kv->tables && !kv->older) {
        uint32_t *older = malloc(n * sizeof *older), *newer = malloc(n * sizeof *newer),
                 *sibling = malloc(n * sizeof *sibling);
        if (!older || !newer || !sibling) {
            free(older);
            free(newer);
            free(sibling);
            return kw_fail(err, KW_ENOMEM, "block tables: no memory for %u blocks", kv->n_blocks);
        }
        kv->older = older;
        kv->newer = newer;
        kv->sibling = sibling;
        for (uint32_t b = 0; b < kv->n_blocks; b++) id_enqueue(kv, b);
    }
    return KW_OK;
}

static enum kw_status reserve_host(struct kw_kv *kv, uint32_t n_hash, uint32_t hashed, struct kw_error *err)
{
    if (kv->cap_chain < n_hash) {
        uint64_t *chain = realloc(kv->chain, n_hash * sizeof *chain);
        if (!chain) return kw_fail(err, KW_ENOMEM, "prefix cache: no memory for %u hashes", n_hash);
        kv->chain = chain;
        kv->cap_chain = n_hash;
    }
    return kw_host_tier_reserve(&kv->host, hashed, err);
}

/* All memory a sequence can need is taken here, before it runs: kw_kv_take cannot fail in the middle of a step. */
enum kw_status kw_kv_admit(struct kw_kv *kv, uint32_t slot, uint32_t cap_seq, const uint64_t *hash, uint32_t n_hash,
                           uint32_t per_hash, uint32_t hashed, uint32_t salt, uint32_t max_blocks, struct kw_error *err)
{
    enum kw_status st = first_memory(kv, err);
    if (st != KW_OK) return st;
    if (kv->cap_seq < cap_seq) {
        struct kw_kv_seq *seq = realloc(kv->seq, cap_seq * sizeof *seq);
        if (!seq) return kw_fail(err, KW_ENOMEM, "KV blocks: no memory for %u sequences", cap_seq);
        memset(seq + kv->cap_seq, 0, (cap_seq - kv->cap_seq) * sizeof *seq);
        kv->seq = seq;
        kv->cap_seq = cap_seq;
    }
    assert(slot < kv->cap_seq && max_blocks <= kv->n_blocks && hashed <= max_blocks);
    struct kw_kv_seq *q = &kv->seq[slot];
    if (kv->tables && q->cap_table < max_blocks) {
        uint32_t *table = realloc(q->table, max_blocks * sizeof *table);
        if (!table) return kw_fail(err, KW_ENOMEM, "block tables: no memory for %u blocks of a sequence", max_blocks);
        q->table = table;
        q->cap_table = max_blocks;
    }
    if (!kv->caching || !hash) n_hash = hashed = 0;
    if (n_hash && (st = grow_map(kv, kv->n_map + kv->reserved + n_hash, err)) != KW_OK) return st;
    if (kv->host.most && n_hash && (st = reserve_host(kv, n_hash, hashed, err)) != KW_OK) return st;
    kv->reserved += n_hash;
    q->hash = hash;
    q->n_hash = n_hash;
    q->per_hash = per_hash;
    q->salt = salt;
    q->hashed = q->limit = hashed;
    q->shared = q->n_table = 0;
    q->segment = q->own = NONE;
    q->loaded = q->loading = 0;
    return KW_OK;
}

/* ---- hits ---- */

/* O(hashes + pieces) of what is cached of the prompt, from its first block on: a chain is unbroken from there. */
uint32_t kw_kv_lookup(const struct kw_kv *kv, uint32_t slot, uint32_t most, uint32_t *in_use)
{
    const struct kw_kv_seq *q = &kv->seq[slot];
    uint32_t limit = q->own == NONE ? q->hashed : q->limit, hits = 0, used = 0;
    if (limit > most) limit = most;
    uint64_t key = root_key(q);
    for (uint32_t i = 0; hits < limit; i++) {
        key = child_key(key, q->hash[i]);
        uint32_t base = hits;
        for (uint32_t p = map_find(kv, key); p != NONE && hits < limit; p = kv->piece[p].next) {
            uint32_t n = kv->piece[p].len < limit - hits ? kv->piece[p].len : limit - hits;
            hits += n;
            if (kv->piece[p].ref) used += n;
        }
        if (hits - base < q->per_hash) break;
    }
    if (q->own != NONE && hits == q->limit) {
        uint32_t n = kv->piece[q->own].len;
        hits += n < most - hits ? n : most - hits;
    }
    assert(hits <= most && used <= hits);
    *in_use = used;
    return hits;
}

/* Cuts piece p after n of its blocks. The rest becomes the next piece of the chain; in the free queue it stands on the
 * older side of p, since a run's last blocks leave first. O(1), with tables O(n). */
static void split(struct kw_kv *kv, uint32_t p, uint32_t n)
{
    assert(n && n < kv->piece[p].len);
    uint32_t r = new_piece(kv);
    struct kw_kv_piece *x = &kv->piece[p], *y = &kv->piece[r];
    *y = *x;
    y->start += n;
    y->len -= n;
    y->prev = p;
    if (y->next != NONE) kv->piece[y->next].prev = r;
    x->next = r;
    x->len = n;
    if (!x->ref) {
        y->newer = p;
        x->older = r;
        if (y->older == NONE)
            kv->head = r;
        else
            kv->piece[y->older].newer = r;
    }
    if (kv->tables)
        for (uint32_t i = 0; i < n; i++) y->block = kv->sibling[y->block];
}

/* The first n blocks of piece p come to the sequence's table, out of the physical queue when they are in it. */
static void table_hit(struct kw_kv *kv, struct kw_kv_seq *q, uint32_t p, uint32_t n)
{
    uint32_t b = kv->piece[p].block;
    assert(n <= q->cap_table - q->n_table);
    for (uint32_t i = 0; i < n; i++, b = kv->sibling[b]) {
        q->table[q->n_table++] = b;
        if (!kv->piece[p].ref) id_unqueue(kv, b);
    }
}

/* As lookup's cost, and a split at most: what is held ends where a piece ends. */
void kw_kv_hit(struct kw_kv *kv, uint32_t slot, uint32_t hits)
{
    struct kw_kv_seq *q = &kv->seq[slot];
    assert(!q->shared && q->segment == NONE && !q->n_table);
    if (q->own == NONE) q->limit = q->hashed;
    uint32_t shared = hits < q->limit ? hits : q->limit, got = 0;
    uint64_t key = root_key(q);
    for (uint32_t i = 0; got < shared; i++) {
        key = child_key(key, q->hash[i]);
        uint32_t p = map_find(kv, key);
        assert(p != NONE); /* nothing was evicted between lookup and hit */
        q->segment = p;
        for (uint32_t in = 0; in < q->per_hash && got < shared; p = kv->piece[p].next) {
            if (kv->piece[p].len > shared - got) split(kv, p, shared - got);
            uint32_t n = kv->piece[p].len;
            if (kv->tables) table_hit(kv, q, p, n);
            if (!kv->piece[p].ref++) unqueue(kv, p);
            in += n;
            got += n;
        }
    }
    q->shared = got;
    if (q->own == NONE) return;
    uint32_t p = q->own, n = hits - got;
    q->own = NONE;
    if (n && n == kv->piece[p].len) {
        if (kv->tables) table_hit(kv, q, p, n);
        unqueue(kv, p);
        drop_piece(kv, p);
        return;
    }
    /* Out of reach, or more than may be hit: by the order of eviction the former cannot be, and the latter not while a
     * preempted sequence has a token more to compute than it had blocks for. */
    assert(!n);
    kv->piece[p].kind = KW_KV_PLAIN;
}

/* ---- taking and giving back ---- */

/* O(pieces taken), with tables O(n). From the head: plain blocks and cached ones alike go by age alone, as in vLLM, so
 * taking never searches for the least useful. */
void kw_kv_take(struct kw_kv *kv, uint32_t slot, uint32_t n)
{
    assert(n <= kv->n_free);
    if (kv->tables) {
        struct kw_kv_seq *q = &kv->seq[slot];
        assert(n <= q->cap_table - q->n_table);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t b = kv->first;
            id_unqueue(kv, b);
            q->table[q->n_table++] = b;
        }
    }
    if (!kv->caching) {
        kv->n_free -= n;
        return;
    }
    while (n) {
        uint32_t p = kv->head;
        struct kw_kv_piece *x = &kv->piece[p];
        uint32_t t = x->len < n ? x->len : n;
        n -= t;
        if (t < x->len) {
            x->len -= t;
            kv->n_free -= t;
            continue;
        }
        unqueue(kv, p);
        if (x->kind == KW_KV_PRIVATE) kv->seq[x->up].own = NONE;
        if (x->kind == KW_KV_SHARED) {
            assert(x->next == NONE); /* a chain loses its last blocks first (kv_blocks.h) */
            if (x->prev == NONE)
                map_delete(kv, p);
            else
                kv->piece[x->prev].next = NONE;
        }
        drop_piece(kv, p);
    }
}

/* O(segments filled + pieces of the last one). Blocks are findable from the step that fills them on, before it has run:
 * so does vLLM, and the next admission of that same step may hit them. */
void kw_kv_filled(struct kw_kv *kv, uint32_t slot, uint32_t full)
{
    struct kw_kv_seq *q = &kv->seq[slot];
    if (full > q->limit) full = q->limit;
    while (q->shared < full) {
        uint32_t i = q->shared / q->per_hash, in = q->shared - i * q->per_hash, n = q->per_hash - in, end = NONE;
        if (n > full - q->shared) n = full - q->shared;
        uint64_t key;
        if (in) {
            key = kv->piece[q->segment].key;
            for (end = q->segment; kv->piece[end].next != NONE;) end = kv->piece[end].next;
        } else {
            key = child_key(q->segment == NONE ? root_key(q) : kv->piece[q->segment].key, q->hash[i]);
        }
        if (in ? kv->piece[end].start + kv->piece[end].len > in : map_find(kv, key) != NONE) {
            q->limit = q->shared; /* the same blocks exist: this copy stays private */
            return;
        }
        if (kv->tables)
            for (uint32_t j = in ? 0 : 1; j < n; j++)
                kv->sibling[q->table[q->shared + j - 1]] = q->table[q->shared + j];
        if (in && kv->piece[end].ref == 1) {
            kv->piece[end].len += n; /* its only holder is this sequence */
        } else {
            uint32_t p = new_piece(kv);
            kv->piece[p] = (struct kw_kv_piece){ .key = key,
                                                 .start = in,
                                                 .len = n,
                                                 .ref = 1,
                                                 .older = NONE,
                                                 .newer = NONE,
                                                 .prev = end,
                                                 .next = NONE,
                                                 .up = q->segment,
                                                 .kind = KW_KV_SHARED,
                                                 .block = kv->tables ? q->table[q->shared] : NONE };
            if (in) {
                kv->piece[end].next = p;
            } else {
                map_put(kv, kv->map, kv->map_cap, p);
                kv->n_map++;
                q->segment = p;
            }
        }
        q->shared += n;
    }
}

/* ---- the host tier ---- */

/* A block by its place within its hash's. */
static uint64_t block_key(uint64_t key, uint32_t in)
{
    return mix(key + in);
}

uint32_t kw_kv_in_host(const struct kw_kv *kv, uint32_t slot, uint32_t from, uint32_t most)
{
    const struct kw_kv_seq *q = &kv->seq[slot];
    uint32_t end = q->hashed < most ? q->hashed : most, b = 0;
    uint64_t key = root_key(q);
    if (!kv->host.n) return 0;
    for (uint32_t i = 0; b < end; i++) {
        key = child_key(key, q->hash[i]);
        for (uint32_t in = 0; in < q->per_hash && b < end; in++, b++)
            if (b >= from && !kw_host_tier_has(&kv->host, block_key(key, in))) return b - from;
    }
    return b > from ? b - from : 0;
}

void kw_kv_store(struct kw_kv *kv, uint32_t slot, uint32_t full)
{
    const struct kw_kv_seq *q = &kv->seq[slot];
    if (full > q->hashed) full = q->hashed;
    if (full > kv->host.most) full = kv->host.most;
    if (!full) return;
    uint64_t key = root_key(q);
    for (uint32_t i = 0; i * q->per_hash < full; i++) kv->chain[i] = key = child_key(key, q->hash[i]);
    for (uint32_t b = full; b-- > 0;)
        kw_host_tier_put(&kv->host, block_key(kv->chain[b / q->per_hash], b % q->per_hash));
}

static void table_give(struct kw_kv *kv, struct kw_kv_seq *q, uint32_t from,
                       uint32_t to) /* blocks [from, to), last first */
{
    for (uint32_t i = to; i > from; i--) id_enqueue(kv, q->table[i - 1]);
}

/* O(pieces held), with tables O(held). The order of the queue's tail is the order of eviction later: first what nobody
 * can find again, then a preempted sequence's own, then the shared from its last block to its first. */
void kw_kv_release(struct kw_kv *kv, uint32_t slot, uint32_t held, uint32_t full, bool keep)
{
    assert(full <= held && held <= kv->n_blocks);
    if (!kv->caching) {
        assert(held <= kv->n_blocks - kv->n_free);
        kv->n_free += held;
        if (!kv->tables) return;
        table_give(kv, &kv->seq[slot], 0, held);
        kv->seq[slot].n_table = 0;
        return;
    }
    struct kw_kv_seq *q = &kv->seq[slot];
    assert(q->shared <= held && (q->own == NONE || !held) && (!kv->tables || q->n_table == held));
    if (kv->tables) table_give(kv, q, q->shared, held);
    if (keep && full > q->shared) {
        enqueue_plain(kv, held - full);
        uint32_t p = new_piece(kv);
        kv->piece[p].len = full - q->shared;
        kv->piece[p].kind = KW_KV_PRIVATE;
        kv->piece[p].up = slot;
        if (kv->tables) {
            kv->piece[p].block = q->table[q->shared];
            for (uint32_t i = q->shared + 1; i < full; i++) kv->sibling[q->table[i - 1]] = q->table[i];
        }
        enqueue(kv, p);
        q->own = p;
    } else {
        enqueue_plain(kv, held - q->shared);
    }
    for (uint32_t first = q->segment, left = q->shared, up; left; first = up) {
        uint32_t in = left % q->per_hash ? left % q->per_hash : q->per_hash, p = first;
        up = kv->piece[first].up;
        left -= in;
        while (kv->piece[p].start + kv->piece[p].len < in) p = kv->piece[p].next;
        assert(kv->piece[p].start + kv->piece[p].len == in && kv->piece[p].ref); /* held up to a piece's end */
        for (; p != NONE; p = kv->piece[p].prev) {
            if (--kv->piece[p].ref) continue;
            enqueue(kv, p);
            if (kv->tables) table_give(kv, q, left + kv->piece[p].start, left + kv->piece[p].start + kv->piece[p].len);
        }
    }
    q->shared = q->n_table = 0;
    q->segment = NONE;
    if (keep) return;
    if (q->own != NONE) kv->piece[q->own].kind = KW_KV_PLAIN;
    q->own = NONE;
    assert(kv->reserved >= q->n_hash);
    kv->reserved -= q->n_hash;
    if (kv->host.most && q->n_hash) kw_host_tier_unreserve(&kv->host, q->hashed);
    q->n_hash = 0;
}

bool kw_kv_check(const struct kw_kv *kv, uint32_t held_unshared, struct kw_error *err)
{
    uint64_t queued = 0, shared = 0, pieces = 0, unchained = 0, chained = 0, unused = 0;
    if (kv->caching && kv->piece) {
        for (uint32_t p = kv->head, older = NONE; p != NONE; older = p, p = kv->piece[p].newer) {
            const struct kw_kv_piece *x = &kv->piece[p];
            if (x->older != older || x->ref || !x->len)
                return kw_fail(err, KW_EFAIL, "free queue: piece %u is off", p), false;
            if (x->kind == KW_KV_PRIVATE && kv->seq[x->up].own != p)
                return kw_fail(err, KW_EFAIL, "free queue: private piece %u has no owner", p), false;
            queued += x->len;
            unchained += x->kind != KW_KV_SHARED;
            if (++pieces > kv->n_piece) return kw_fail(err, KW_EFAIL, "free queue: a loop"), false;
        }
        if (queued != kv->n_free)
            return kw_fail(err, KW_EFAIL, "free queue: %ju blocks, count says %u", (uintmax_t)queued, kv->n_free),
                   false;
        uint32_t segments = 0;
        for (uint32_t i = 0; i < kv->map_cap; i++) {
            if (kv->map[i] == NONE) continue;
            segments++;
            uint32_t at = 0, ref = UINT32_MAX;
            if (map_find(kv, kv->piece[kv->map[i]].key) != kv->map[i])
                return kw_fail(err, KW_EFAIL, "map: entry %u cannot be found", i), false;
            for (uint32_t p = kv->map[i]; p != NONE; p = kv->piece[p].next) {
                const struct kw_kv_piece *x = &kv->piece[p];
                if (x->start != at || x->kind != KW_KV_SHARED || x->ref > ref || !x->len)
                    return kw_fail(err, KW_EFAIL, "segment %u: piece %u is off", i, p), false;
                at += x->len;
                ref = x->ref;
                chained++;
                if (x->ref) shared += x->len;
            }
        }
        if (segments != kv->n_map)
            return kw_fail(err, KW_EFAIL, "map: %u segments, count says %u", segments, kv->n_map), false;
        for (uint32_t p = kv->spare; p != NONE && unused <= kv->n_piece; p = kv->piece[p].next) unused++;
        if (unchained + chained + unused != kv->n_piece)
            return kw_fail(err, KW_EFAIL, "pieces: %ju plain or private + %ju in segments + %ju unused != %u",
                           (uintmax_t)unchained, (uintmax_t)chained, (uintmax_t)unused, kv->n_piece),
                   false;
    }
    if (kv->tables && kv->older) {
        uint64_t n = 0;
        for (uint32_t b = kv->first, older = NONE; b != NONE && n <= kv->n_blocks; older = b, b = kv->newer[b], n++)
            if (kv->older[b] != older) return kw_fail(err, KW_EFAIL, "block ids: the queue is off at %u", b), false;
        if (n != kv->n_free)
            return kw_fail(err, KW_EFAIL, "block ids: %ju free, count says %u", (uintmax_t)n, kv->n_free), false;
        for (uint32_t slot = 0; slot < kv->cap_seq; slot++)
            for (uint32_t i = 0; i < kv->seq[slot].n_table; i++)
                if (id_is_queued(kv, kv->seq[slot].table[i]))
                    return kw_fail(err, KW_EFAIL, "block ids: %u is free and slot %u's", kv->seq[slot].table[i], slot),
                           false;
    }
    if (!kw_host_tier_check(&kv->host, err)) return false;
    if (kv->n_free + shared + held_unshared != kv->n_blocks)
        return kw_fail(err, KW_EFAIL, "blocks: %u free + %ju shared + %u held alone != %u", kv->n_free,
                       (uintmax_t)shared, held_unshared, kv->n_blocks),
               false;
    return true;
}
