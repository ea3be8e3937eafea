/* engine/cuda/step.cuh - one batch as the kernels see it: a single run of 32-bit words, copied to the device at once.
 * Its arrays' places depend only on caps, so a graph captured for a bucket keeps its addresses; what a graph cannot
 * know (how many rows of table, how many items of work) stands in the header on the device. */
#ifndef KW_CUDA_STEP_CUH
#define KW_CUDA_STEP_CUH
#include "engine/cuda/target.cuh"
extern "C" {
#include "engine/backend.h"
}

namespace kw
{

constexpr uint32_t HEADER_WORDS = 16;
struct step_header {
    uint32_t n_tokens, n_seqs, n_logits, table_stride, n_items, n_tiles;
};

/* A piece of one token's attention: its positions [first, end). The n pieces of a token are items [head, head + n). */
struct attention_item {
    uint32_t token, first, end, head, n, pad[3];
};
/* Queries [first, first + TILE_QUERIES) of a sequence's chunk. */
struct attention_tile {
    uint32_t seq, first;
};
constexpr uint32_t TILE_QUERIES = 64;

struct step_caps { /* room in each array */
    uint32_t tokens, seqs, logits, items, tiles;
};

struct step { /* the arrays, on whichever side base lies */
    const step_header *header;
    const uint32_t *tokens, *positions, *slots; /* [caps.tokens] */
    const uint32_t *token_seq;                  /* [caps.tokens] the sequence of each */
    const kw_batch_seq *seqs;                   /* [caps.seqs] */
    const uint32_t *logit_tokens;               /* [caps.logits] */
    const attention_item *items;                /* [caps.items] */
    const attention_tile *tiles;                /* [caps.tiles] */
    const uint32_t *tables;                     /* [n_seqs][header->table_stride] */
};

inline step step_at(const uint32_t *base, const step_caps &c)
{
    step s;
    const uint32_t *at = base;
    auto take = [&at](uint32_t words) {
        const uint32_t *here = at;
        at += (words + 3) & ~3u;
        return here;
    };
    s.header = (const step_header *)take(HEADER_WORDS);
    s.tokens = take(c.tokens), s.positions = take(c.tokens), s.slots = take(c.tokens), s.token_seq = take(c.tokens);
    s.seqs = (const kw_batch_seq *)take(c.seqs * 3);
    s.logit_tokens = take(c.logits);
    s.items = (const attention_item *)take(c.items * 8);
    s.tiles = (const attention_tile *)take(c.tiles * 2);
    s.tables = at;
    return s;
}
inline size_t step_words(const step_caps &c, size_t table_words)
{
    auto room = [](size_t words) { return (words + 3) & ~(size_t)3; };
    return HEADER_WORDS + 4 * room(c.tokens) + room((size_t)c.seqs * 3) + room(c.logits) + room((size_t)c.items * 8) +
           room((size_t)c.tiles * 2) + table_words;
}

/* How attention is cut. Tokens [0, single) go one by one (decode_attention), the rest in tiles of queries of their
 * sequences; extra: pieces beyond one a token that may be made so that few long sequences fill the device. */
struct attention_cut {
    uint32_t single, extra, window; /* window: config's sliding_window */
};

/* Positions a piece covers: sum over tokens of ceil(len / piece) <= single + extra, since it is <= single + total /
 * piece. */
inline uint32_t piece_length(uint64_t total, uint32_t extra)
{
    uint64_t piece = extra ? (total + extra - 1) / extra : total;
    piece = (piece + 63) & ~UINT64_C(63);
    return (uint32_t)(piece < 128 ? 128 : piece);
}

/* Writes the batch at base (caps as step_at's) and pads it to the caps: padding tokens are id 0 at position 0 of a
 * sequence of their own in block `spare`, padding rows of logits are token 0. Returns the words used. */
inline size_t step_pack(uint32_t *base, const step_caps &c, const kw_batch &b, const attention_cut &cut, uint32_t spare,
                        uint32_t block_size)
{
    const step s = step_at(base, c);
    step_header *h = (step_header *)s.header;
    uint32_t *tokens = (uint32_t *)s.tokens, *positions = (uint32_t *)s.positions, *slots = (uint32_t *)s.slots;
    uint32_t *token_seq = (uint32_t *)s.token_seq, *logit = (uint32_t *)s.logit_tokens, *tables = (uint32_t *)s.tables;
    kw_batch_seq *seqs = (kw_batch_seq *)s.seqs;
    attention_item *items = (attention_item *)s.items;
    attention_tile *tiles = (attention_tile *)s.tiles;
    uint32_t longest = 1, n_seqs = b.n_seqs, n_tiles = 0, n_items = 0;
    for (uint32_t i = 0; i < b.n_seqs; i++) {
        uint32_t blocks = (b.seqs[i].past + b.seqs[i].len + block_size - 1) / block_size;
        if (blocks > longest) longest = blocks;
    }
    for (uint32_t i = 0; i < b.n_seqs; i++) {
        seqs[i] = b.seqs[i];
        uint32_t blocks = (seqs[i].past + seqs[i].len + block_size - 1) / block_size;
        for (uint32_t j = 0; j < longest; j++)
            tables[(size_t)i * longest + j] = j < blocks ? b.tables[(size_t)i * b.table_stride + j] : spare;
        for (uint32_t j = 0; j < seqs[i].len; j++) token_seq[seqs[i].start + j] = i;
        if (seqs[i].start >= cut.single)
            for (uint32_t q = 0; q < seqs[i].len; q += TILE_QUERIES) tiles[n_tiles++] = { i, q };
    }
    for (uint32_t i = 0; i < c.tokens; i++) {
        bool real = i < b.n_tokens;
        tokens[i] = real ? b.tokens[i] : 0;
        positions[i] = real ? b.positions[i] : 0;
        slots[i] = real ? b.slots[i] : spare * block_size;
        if (real) continue;
        token_seq[i] = n_seqs;
        seqs[n_seqs] = { i, 1, 0 };
        for (uint32_t j = 0; j < longest; j++) tables[(size_t)n_seqs * longest + j] = spare;
        n_seqs++;
    }
    for (uint32_t i = 0; i < c.logits; i++) logit[i] = i < b.n_logits ? b.logit_tokens[i] : 0;

    uint32_t single = cut.single + (c.tokens - b.n_tokens); /* padding is only ever added to pure decodes */
    uint64_t total = 0;
    auto first_of = [&](uint32_t t) {
        return cut.window && positions[t] >= cut.window ? positions[t] - cut.window + 1 : 0;
    };
    for (uint32_t t = 0; t < single; t++) total += positions[t] + 1 - first_of(t);
    const uint32_t piece = piece_length(total, cut.extra);
    for (uint32_t t = 0; t < single; t++) {
        uint32_t first = first_of(t), end = positions[t] + 1, n = (end - first + piece - 1) / piece, head = n_items;
        for (uint32_t j = 0; j < n; j++) {
            uint32_t from = first + j * piece;
            items[n_items++] = { t, from, end - from < piece ? end : from + piece, head, n, {} };
        }
    }
    *h = { c.tokens, n_seqs, b.n_logits, longest, n_items, n_tiles };
    return step_words(c, (size_t)n_seqs * longest);
}

} // namespace kw
#endif
