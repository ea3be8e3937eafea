/* Attention of prompt chunks over the paged cache, causal, after any number of cached positions: a block holds 64
 * queries of one head (16 a warp) and walks over tiles of 64 positions. S = Q K^T and O += P V on tensor cores, softmax
 * in registers; the tile of V is copied while S is computed, the next tile of K while O is (Dao, arXiv:2307.08691). */
#include "engine/cuda/kernels.cuh"

namespace kw
{

constexpr int PREFILL_THREADS = 128, KEYS = 64;

/* Positions [first, first + KEYS) of one KV head into shared rows of D + 8 values (the 16 bytes more keep the rows of a
 * matrix in different banks); rows at or past end become zeros. */
template <class T, int D>
__device__ __forceinline__ void copy_tile(T *tile, const T *cache, const uint32_t *table, uint32_t kv_heads,
                                          uint32_t kv_head, uint32_t shift, uint32_t first, uint32_t end)
{
    for (uint32_t i = threadIdx.x; i < KEYS * (D / 8); i += PREFILL_THREADS) {
        const uint32_t row = i / (D / 8), col = i % (D / 8) * 8, pos = first + row;
        const bool valid = pos < end;
        const size_t block = valid ? table[pos >> shift] : 0;
        copy_async(tile + row * (D + 8) + col,
                   cache + (((block * kv_heads + kv_head) << shift) + (valid ? pos & ((1u << shift) - 1) : 0)) * D +
                       col,
                   valid);
    }
    copy_async_commit();
}

template <class T, int D>
__global__ void __launch_bounds__(PREFILL_THREADS) prefill_attention(step s, attention a, float scale_log2)
{
    KW_SHARED(T, k_tile, [KEYS * (D + 8)]);
    KW_SHARED(T, v_tile, [KEYS * (D + 8)]);
    begin();
    const attention_tile tile = s.tiles[blockIdx.x];
    const kw_batch_seq seq = s.seqs[tile.seq];
    const uint32_t *table = s.tables + (size_t)tile.seq * s.header->table_stride;
    const uint32_t head = blockIdx.y, kv_heads = a.shape.kv_heads, kv_head = head / (a.shape.heads / kv_heads);
    const uint32_t shift = a.shape.block_shift, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const uint32_t rows = min(seq.len - tile.first, TILE_QUERIES), from = seq.past + tile.first, end = from + rows;
    const uint32_t begin_key = a.window && from + 1 > a.window ? (from + 1 - a.window) / KEYS * KEYS : 0;

    /* Q through the tile of K into registers. */
    const T *q = (const T *)a.qkv + (size_t)(seq.start + tile.first) * a.width + (size_t)head * D;
    for (uint32_t i = threadIdx.x; i < TILE_QUERIES * (D / 8); i += PREFILL_THREADS) {
        const uint32_t row = i / (D / 8), col = i % (D / 8) * 8;
        copy_async(k_tile + row * (D + 8) + col, q + (size_t)(row < rows ? row : 0) * a.width + col, row < rows);
    }
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
    uint32_t qf[D / 16][4];
#pragma unroll
    for (int i = 0; i < D / 16; i++)
        load_matrices(qf[i], k_tile + (warp * 16 + lane / 8 % 2 * 8 + lane % 8) * (D + 8) + i * 16 + lane / 16 * 8);
    __syncthreads();

    float o[D / 8][4] = {}, most[2] = { -INFINITY, -INFINITY }, sum[2] = {};
    copy_tile<T, D>(k_tile, (const T *)a.k, table, kv_heads, kv_head, shift, begin_key, end);
    for (uint32_t key = begin_key; key < end; key += KEYS) {
        copy_async_wait<0>(); /* K is here, and every warp is done with the V before */
        __syncthreads();
        copy_tile<T, D>(v_tile, (const T *)a.v, table, kv_heads, kv_head, shift, key, end);
        float p[KEYS / 8][4] = {};
#pragma unroll
        for (int i = 0; i < D / 16; i++)
#pragma unroll
            for (int n = 0; n < KEYS / 16; n++) {
                uint32_t b[4];
                load_matrices(b, k_tile + (n * 16 + lane / 16 * 8 + lane % 8) * (D + 8) + i * 16 + lane / 8 % 2 * 8);
                multiply<T>(p[2 * n], qf[i], b[0], b[1]);
                multiply<T>(p[2 * n + 1], qf[i], b[2], b[3]);
            }
            /* This lane holds rows lane / 4 and lane / 4 + 8 of its warp's 16, each at columns 8 n + 2 (lane % 4) + {0,
             * 1}. */
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const uint32_t query = from + warp * 16 + lane / 4 + r * 8;
            float now = most[r];
#pragma unroll
            for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    const uint32_t pos = key + n * 8 + lane % 4 * 2 + c;
                    if (pos > query || pos >= end || (a.window && pos + a.window <= query)) p[n][2 * r + c] = -INFINITY;
                    now = fmaxf(now, p[n][2 * r + c]);
                }
            now = fmaxf(now, __shfl_xor_sync(0xffffffffu, now, 1));
            now = fmaxf(now, __shfl_xor_sync(0xffffffffu, now, 2));
            const float top = now == -INFINITY ? 0.0f : now * scale_log2, keep = exp2f(most[r] * scale_log2 - top);
            most[r] = now;
            sum[r] *= keep;
#pragma unroll
            for (int n = 0; n < D / 8; n++) o[n][2 * r] *= keep, o[n][2 * r + 1] *= keep;
#pragma unroll
            for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    p[n][2 * r + c] = exp2f(p[n][2 * r + c] * scale_log2 - top);
                    sum[r] += p[n][2 * r + c];
                }
        }
        copy_async_wait<0>(); /* V is here, and every warp is done with this K */
        __syncthreads();
        if (key + KEYS < end) copy_tile<T, D>(k_tile, (const T *)a.k, table, kv_heads, kv_head, shift, key + KEYS, end);
#pragma unroll
        for (int i = 0; i < KEYS / 16; i++) {
            const uint32_t pf[4] = { pack_two<T>(p[2 * i][0], p[2 * i][1]), pack_two<T>(p[2 * i][2], p[2 * i][3]),
                                     pack_two<T>(p[2 * i + 1][0], p[2 * i + 1][1]),
                                     pack_two<T>(p[2 * i + 1][2], p[2 * i + 1][3]) };
#pragma unroll
            for (int n = 0; n < D / 16; n++) {
                uint32_t b[4];
                load_matrices_transposed(b, v_tile + (i * 16 + lane / 8 % 2 * 8 + lane % 8) * (D + 8) + n * 16 +
                                                lane / 16 * 8);
                multiply<T>(o[2 * n], pf, b[0], b[1]);
                multiply<T>(o[2 * n + 1], pf, b[2], b[3]);
            }
        }
    }
#pragma unroll
    for (int r = 0; r < 2; r++) {
        sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 1);
        sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], 2);
        const uint32_t row = warp * 16 + lane / 4 + r * 8;
        if (row >= rows) continue;
        T *out = (T *)a.out + ((size_t)(seq.start + tile.first + row) * a.shape.heads + head) * D + lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < D / 8; n++)
            *(uint32_t *)(out + n * 8) = pack_two<T>(o[n][2 * r] / sum[r], o[n][2 * r + 1] / sum[r]);
    }
}

template <class T, int D> void launch_prefill(queue &q, const step &s, uint32_t tiles, const attention &a)
{
    const float scale_log2 = 1.44269504f / sqrtf((float)D);
    launch(q, dim3(tiles, a.shape.heads), PREFILL_THREADS, prefill_attention<T, D>, s, a, scale_log2);
}

void run_prefill_attention(queue &q, kw_dtype t, const step &s, uint32_t tiles, const attention &a)
{
    if (t == KW_DT_FP16) {
        if (a.shape.head_dim == 64)
            launch_prefill<fp16, 64>(q, s, tiles, a);
        else
            launch_prefill<fp16, 128>(q, s, tiles, a);
    } else {
        if (a.shape.head_dim == 64)
            launch_prefill<bf16, 64>(q, s, tiles, a);
        else
            launch_prefill<bf16, 128>(q, s, tiles, a);
    }
}

} // namespace kw
