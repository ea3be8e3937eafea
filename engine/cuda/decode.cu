/* Attention of single tokens over the paged cache: a block serves one piece of one token's positions for up to eight
 * query heads of one KV head, so each K and V is read once for the whole group. head_dim / V neighbouring lanes
 * ("workers") hold one position between them; each worker keeps its own running softmax, and they are merged once at
 * the end. Of a token's pieces the block that ends last merges the others' sums, which saves a second kernel. */
#include "engine/cuda/kernels.cuh"

namespace kw
{

constexpr int DECODE_WARPS = 4, DECODE_THREADS = DECODE_WARPS * 32, AHEAD = 4; /* positions a worker loads before use */
constexpr float LOG2E = 1.44269504f;

/* exp2(a - b) where both may be -inf: then 0. */
__device__ __forceinline__ float weight(float a, float b)
{
    return a == -INFINITY ? 0.0f : exp2f(a - b);
}

template <class T, int D, int G>
__global__ void __launch_bounds__(DECODE_THREADS) decode_attention(step s, attention a, float scale)
{
    constexpr int V = lanes_of<T>, LANES = D / V, PER_WARP = 32 / LANES, STRIDE = DECODE_WARPS * PER_WARP;
    KW_SHARED(float, part, [DECODE_WARPS * G * D]);
    KW_SHARED(float, part_max, [DECODE_WARPS * G]);
    KW_SHARED(float, part_sum, [DECODE_WARPS * G]);
    KW_SHARED(uint32_t, is_last, [1]);
    begin();
    if (blockIdx.x >= s.header->n_items) return;
    const attention_item item = s.items[blockIdx.x];
    const uint32_t group = a.shape.heads / a.shape.kv_heads, chunks = (group + 7) / 8;
    const uint32_t kv_head = blockIdx.y / chunks, in_group = blockIdx.y % chunks * 8,
                   heads = min(group - in_group, (uint32_t)G);
    const uint32_t head0 = kv_head * group + in_group;
    const uint32_t *table = s.tables + (size_t)s.token_seq[item.token] * s.header->table_stride;
    const uint32_t shift = a.shape.block_shift, mask = (1u << shift) - 1;
    const uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32, sub = lane % LANES;
    const T *q_row = (const T *)a.qkv + (size_t)item.token * a.width + (size_t)head0 * D + sub * V;

    float q[G][V], acc[G][V] = {}, most[G], sum[G] = {};
#pragma unroll
    for (int g = 0; g < G; g++) {
        most[g] = -INFINITY;
        unpack_as<T>(q[g], load16(q_row + (g < (int)heads ? g : 0) * D));
#pragma unroll
        for (int i = 0; i < V; i++) q[g][i] *= scale * LOG2E;
    }
    /* The bounds are the same for all lanes of a warp, as the shuffles below want. */
    for (uint32_t base = item.first + warp * PER_WARP; base < item.end; base += STRIDE * AHEAD) {
        vec16 k[AHEAD], v[AHEAD];
        bool valid[AHEAD];
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            const uint32_t pos = base + lane / LANES + u * STRIDE;
            valid[u] = pos < item.end;
            if (!valid[u]) {
                k[u] = v[u] = vec16{};
                continue;
            }
            const size_t at =
                ((((size_t)table[pos >> shift] * a.shape.kv_heads + kv_head) << shift) + (pos & mask)) * D + sub * V;
            k[u] = load16((const T *)a.k + at);
            v[u] = load16((const T *)a.v + at);
        }
        float score[AHEAD][G];
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            float f[V];
            unpack_as<T>(f, k[u]);
#pragma unroll
            for (int g = 0; g < G; g++) {
                float dot = 0;
#pragma unroll
                for (int i = 0; i < V; i++) dot += q[g][i] * f[i];
#pragma unroll
                for (int o = LANES / 2; o; o >>= 1) dot += __shfl_xor_sync(0xffffffffu, dot, o);
                score[u][g] = valid[u] ? dot : -INFINITY;
            }
        }
#pragma unroll
        for (int g = 0; g < G; g++) {
            float now = most[g];
#pragma unroll
            for (int u = 0; u < AHEAD; u++) now = fmaxf(now, score[u][g]);
            const float keep = weight(most[g], now);
            most[g] = now;
            sum[g] *= keep;
#pragma unroll
            for (int i = 0; i < V; i++) acc[g][i] *= keep;
#pragma unroll
            for (int u = 0; u < AHEAD; u++) score[u][g] = weight(score[u][g], now), sum[g] += score[u][g];
        }
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            float f[V];
            unpack_as<T>(f, v[u]);
#pragma unroll
            for (int g = 0; g < G; g++)
#pragma unroll
                for (int i = 0; i < V; i++) acc[g][i] += score[u][g] * f[i];
        }
    }
    /* The workers of a warp, then the warps. */
#pragma unroll
    for (int g = 0; g < G; g++) {
#pragma unroll
        for (int o = LANES; o < 32; o <<= 1) {
            const float other = __shfl_xor_sync(0xffffffffu, most[g], o), now = fmaxf(most[g], other);
            const float mine = weight(most[g], now), theirs = weight(other, now);
            most[g] = now;
            sum[g] = sum[g] * mine + __shfl_xor_sync(0xffffffffu, sum[g], o) * theirs;
#pragma unroll
            for (int i = 0; i < V; i++)
                acc[g][i] = acc[g][i] * mine + __shfl_xor_sync(0xffffffffu, acc[g][i], o) * theirs;
        }
        if (lane < LANES) {
            if (lane == 0) part_max[warp * G + g] = most[g], part_sum[warp * G + g] = sum[g];
#pragma unroll
            for (int i = 0; i < V; i++) part[(warp * G + g) * D + sub * V + i] = acc[g][i];
        }
    }
    __syncthreads();
    T *out = (T *)a.out + (size_t)item.token * a.shape.heads * D + (size_t)head0 * D;
    for (uint32_t i = threadIdx.x; i < heads * D; i += DECODE_THREADS) {
        const uint32_t g = i / D, d = i % D;
        float top = part_max[g], all = 0, value = 0;
        for (int w = 1; w < DECODE_WARPS; w++) top = fmaxf(top, part_max[w * G + g]);
        for (int w = 0; w < DECODE_WARPS; w++) {
            const float f = weight(part_max[w * G + g], top);
            all += part_sum[w * G + g] * f;
            value += part[(w * G + g) * D + d] * f;
        }
        if (item.n == 1) {
            out[i] = to<T>(value / all);
            continue;
        }
        float *mine = a.partial + ((size_t)blockIdx.x * a.shape.heads + head0 + g) * (D + 2);
        mine[d] = value;
        if (d == 0) mine[D] = top, mine[D + 1] = all;
    }
    if (item.n == 1) return;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
        is_last[0] = atomicInc(&a.ticket[(size_t)item.token * gridDim.y + blockIdx.y], item.n - 1) == item.n - 1;
    __syncthreads();
    if (!is_last[0]) return;
    __threadfence();
    for (uint32_t i = threadIdx.x; i < heads * D; i += DECODE_THREADS) {
        const uint32_t g = i / D, d = i % D;
        const float *from = a.partial + ((size_t)item.head * a.shape.heads + head0 + g) * (D + 2);
        const size_t next = (size_t)a.shape.heads * (D + 2);
        float top = -INFINITY, all = 0, value = 0;
        for (uint32_t j = 0; j < item.n; j++) top = fmaxf(top, load_shared_by_blocks(from + j * next + D));
        for (uint32_t j = 0; j < item.n; j++) {
            const float f = weight(load_shared_by_blocks(from + j * next + D), top);
            all += load_shared_by_blocks(from + j * next + D + 1) * f;
            value += load_shared_by_blocks(from + j * next + d) * f;
        }
        out[i] = to<T>(value / all);
    }
}

template <class T, int D> void launch_decode(queue &q, const step &s, uint32_t items, const attention &a)
{
    const uint32_t group = a.shape.heads / a.shape.kv_heads;
    const dim3 grid(items, a.shape.kv_heads * attention_chunks(a.shape));
    const float scale = 1.0f / sqrtf((float)D);
    if (group == 1)
        launch(q, grid, DECODE_THREADS, decode_attention<T, D, 1>, s, a, scale);
    else if (group <= 4)
        launch(q, grid, DECODE_THREADS, decode_attention<T, D, 4>, s, a, scale);
    else
        launch(q, grid, DECODE_THREADS, decode_attention<T, D, 8>, s, a, scale);
}

bool attention_supports(kw_dtype t, uint32_t head_dim)
{
    return t != KW_DT_FP8 && (head_dim == 64 || head_dim == 128);
}

void run_decode_attention(queue &q, kw_dtype t, const step &s, uint32_t items, const attention &a)
{
    with_type(t, [&](auto z) {
        using T = decltype(z);
        if (a.shape.head_dim == 64)
            launch_decode<T, 64>(q, s, items, a);
        else
            launch_decode<T, 128>(q, s, items, a);
    });
}

} // namespace kw
