/* engine/scheduler/kv_blocks.h - the KV blocks of one replica: how many are free, which freed ones still hold a known
 * prefix, and (for a real engine) which physical block is whose. Internal to the scheduler.
 *
 * Without prefix caching and tables it is one count. With prefix caching it is vLLM's block pool: a free queue that is
 * also the LRU list, freed blocks to the tail (a sequence's last block first), allocation and eviction at the head, a
 * hit leaves the queue. Blocks are kept as pieces: runs of blocks with equal fate, so the cost is O(1) amortised a
 * piece, not a block. A segment is what one trace hash covers: a chain of pieces that hold its leading blocks; each
 * holder of a segment holds a prefix of it that ends where a piece ends.
 *
 * Why a chain only ever loses its last blocks: whoever holds a block holds all blocks before it, and frees them
 * together, the last first; so a block is never freed later, hence never evicted later, than the one before it. */
#ifndef KW_ENGINE_SCHEDULER_KV_BLOCKS_H
#define KW_ENGINE_SCHEDULER_KV_BLOCKS_H
#include <stdbool.h>
#include <stdint.h>
#include "engine/scheduler/host_tier.h"
#include "sim/core/status.h"

#define KW_KV_NONE UINT32_MAX

struct kw_kv_piece {
    uint64_t key;          /* of its segment: all hashes up to this one */
    uint32_t start;        /* first block, counted within the segment (private: 0) */
    uint32_t len;          /* blocks, >= 1 */
    uint32_t ref;          /* holders; 0: in the free queue */
    uint32_t older, newer; /* neighbours in the free queue */
    uint32_t prev, next;   /* neighbours in the segment's chain */
    uint32_t up;           /* first piece of the parent segment; of a private piece: its sequence's slot */
    uint32_t block;        /* tables: physical id of its first block; the rest follow in sibling[] */
    enum {
        KW_KV_PLAIN,
        KW_KV_SHARED,
        KW_KV_PRIVATE
    } kind; /* nothing worth keeping; by hash; a preempted sequence's own */
};

struct kw_kv_seq { /* what one sequence holds; used with prefix caching or tables only */
    const uint64_t *hash;
    uint32_t n_hash, per_hash; /* blocks a hash covers */
    uint32_t hashed;           /* full blocks of the prompt that hashes cover */
    uint32_t salt;             /* only sequences of the same share blocks */
    uint32_t limit;            /* of them, those that may be shared: fewer after a private copy was made */
    uint32_t shared;           /* leading blocks it holds in segments */
    uint32_t segment;          /* first piece of the last segment it holds, NONE without */
    uint32_t own;              /* private piece left in the queue by a preemption, or NONE */
    uint32_t loaded, loading;  /* blocks that came from the host's memory: at its first admission, the last time */
    uint32_t n_table, cap_table;
    uint32_t *table; /* [n_table] physical ids */
};

struct kw_kv {
    uint32_t n_blocks, n_free; /* n_free: evictable cached blocks included */
    bool caching, tables;
    struct kw_kv_piece *piece; /* [n_blocks + 2], taken at the first add; pages are touched as pieces are used */
    uint32_t n_piece, spare;   /* pieces ever used; list of unused ones through next */
    uint32_t head, tail;       /* free queue of pieces: oldest, newest */
    uint32_t *map;             /* [map_cap] open addressing: first piece of the segment with that key */
    uint32_t map_cap, n_map;
    uint64_t reserved;                 /* hashes of all live sequences: what the map may still have to take */
    uint32_t *older, *newer, *sibling; /* tables: [n_blocks] physical free queue; next block of the same piece */
    uint32_t first, last;              /* its ends */
    struct kw_kv_seq *seq;             /* [cap_seq] by slot */
    uint32_t cap_seq;
    struct kw_host_tier host; /* with caching: what else is kept of full blocks that hashes name */
    uint64_t *chain;          /* [cap_chain] scratch: keys of a sequence's hashes; with a host tier */
    uint32_t cap_chain;
};

void kw_kv_init(struct kw_kv *kv, uint32_t n_blocks, bool caching, bool tables,
                uint32_t host_blocks); /* takes no memory */
void kw_kv_free(struct kw_kv *kv);
void kw_kv_reset(struct kw_kv *kv); /* all blocks free, nothing cached, no sequences */

/* Makes room for a sequence in `slot` < cap_seq: it will hold at most max_blocks. Only with caching or tables. */
enum kw_status kw_kv_admit(struct kw_kv *kv, uint32_t slot, uint32_t cap_seq, const uint64_t *hash, uint32_t n_hash,
                           uint32_t per_hash, uint32_t hashed, uint32_t salt, uint32_t max_blocks,
                           struct kw_error *err);

/* Leading blocks of the sequence that are cached, at most `most`; *in_use: those of them that others hold now (they are
 * not among n_free). Changes nothing. */
uint32_t kw_kv_lookup(const struct kw_kv *kv, uint32_t slot, uint32_t most, uint32_t *in_use);
void kw_kv_hit(struct kw_kv *kv, uint32_t slot, uint32_t hits); /* holds what lookup found; slot held nothing before */
void kw_kv_take(struct kw_kv *kv, uint32_t slot,
                uint32_t n); /* n <= n_free blocks from the queue's head; tables: slot's */
void kw_kv_filled(struct kw_kv *kv, uint32_t slot,
                  uint32_t full); /* its first `full` blocks are full: cache the hashed ones */

/* With a host tier. Of the blocks behind its first `from`, up to its first `most`: how many in a row are in the host's memory.
 * Changes nothing. */
uint32_t kw_kv_in_host(const struct kw_kv *kv, uint32_t slot, uint32_t from, uint32_t most);
/* Its first `full` blocks are full: those that hashes name are in the host's memory from now on, as the newest; where they are
 * more than it may hold, as many of the first. O(full). */
void kw_kv_store(struct kw_kv *kv, uint32_t slot, uint32_t full);

/* Gives all `held` blocks back; of them the first `full` are full. keep: the sequence will come back (preempted), so
 * its own full blocks stay findable; otherwise it is gone and its slot's memory is free for the next admit. */
void kw_kv_release(struct kw_kv *kv, uint32_t slot, uint32_t held, uint32_t full, bool keep);

bool kw_kv_check(const struct kw_kv *kv, uint32_t held_unshared, struct kw_error *err); /* every invariant, O(blocks) */

#endif
