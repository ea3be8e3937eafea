#include "engine/cuda/kernels.cuh"
#include "engine/model/synthetic.h"
#include <float.h>

namespace kw
{

constexpr int THREADS = 256, WARPS = THREADS / 32;

template <class T>
__global__ void __launch_bounds__(THREADS)
    embed(step s, const T *table, const uint32_t *previous, T *x, uint32_t hidden)
{
    begin();
    uint32_t t = blockIdx.x, id = s.tokens[t];
    if (id & KW_TOKEN_PREVIOUS) id = previous[id & ~KW_TOKEN_PREVIOUS];
    const T *from = table + (size_t)id * hidden;
    T *to_row = x + (size_t)t * hidden;
    for (uint32_t i = threadIdx.x * lanes_of<T>; i < hidden; i += THREADS * lanes_of<T>)
        store16(to_row + i, load16(from + i));
}

/* The scale of a row for fp8 and its inverse, as kw_fp8_quantise: each operation rounded on its own. */
__device__ __forceinline__ float fp8_scale(float amax)
{
    float s = __fdiv_rn(amax, KW_FP8_MAX);
    return s < FLT_MIN ? 1.0f : s;
}

/* A row of width values through f(i, values of one vec16 of T at i) to fp8 codes; f is called twice for each i. */
template <class T, class F> __device__ __forceinline__ void quantise_row(uint32_t width, fp8 *out, float *scale, F f)
{
    constexpr int V = lanes_of<T>;
    float v[V], amax = 0;
    for (uint32_t i = threadIdx.x * V; i < width; i += THREADS * V) {
        f(i, v);
#pragma unroll
        for (int j = 0; j < V; j++) amax = fmaxf(amax, fabsf(v[j]));
    }
    const float s = fp8_scale(block_max<WARPS>(amax)), inverse = __fdiv_rn(1.0f, s);
    for (uint32_t i = threadIdx.x * V; i < width; i += THREADS * V) {
        f(i, v);
        union {
            fp8 code[V];
            uint32_t word[V / 4];
        } u;
#pragma unroll
        for (int j = 0; j < V; j++) u.code[j] = to<fp8>(__fmul_rn(v[j], inverse));
#pragma unroll
        for (int j = 0; j < V / 4; j++) ((uint32_t *)(out + i))[j] = u.word[j];
    }
    if (threadIdx.x == 0) *scale = s;
}

template <class T, class O>
__global__ void __launch_bounds__(THREADS)
    norm_rows(const uint32_t *gather, const T *x, const T *norm, O *out, float *scale, uint32_t hidden, float eps)
{
    constexpr int V = lanes_of<T>;
    begin();
    const T *row = x + (size_t)(gather ? gather[blockIdx.x] : blockIdx.x) * hidden;
    O *o = out + (size_t)blockIdx.x * hidden;
    float v[V], n[V], sum = 0;
    for (uint32_t i = threadIdx.x * V; i < hidden; i += THREADS * V) {
        unpack_as<T>(v, load16(row + i));
#pragma unroll
        for (int j = 0; j < V; j++) sum += v[j] * v[j];
    }
    const float r = rsqrtf(block_sum<WARPS>(sum) / hidden + eps);
    auto normed = [&](uint32_t i, float(&to_v)[V]) {
        unpack_as<T>(to_v, load16(row + i));
        unpack_as<T>(n, load16(norm + i));
#pragma unroll
        for (int j = 0; j < V; j++) to_v[j] = to_v[j] * r * n[j];
    };
    if constexpr (sizeof(O) == 1) {
        quantise_row<T>(hidden, o, scale + blockIdx.x, normed);
    } else {
        for (uint32_t i = threadIdx.x * V; i < hidden; i += THREADS * V) {
            normed(i, v);
            store16(o + i, pack_as<T>(v));
        }
    }
}

__device__ __forceinline__ float silu(float g)
{
    return g / (1.0f + __expf(-g));
}
/* fp32 is the precision that is compared with the CPU's token by token. */
template <class T> __device__ __forceinline__ float silu_of(float g)
{
    return sizeof(T) == 4 ? g / (1.0f + expf(-g)) : silu(g);
}

template <class T, class O>
__global__ void __launch_bounds__(THREADS) swiglu_rows(const T *in, O *out, float *scale, uint32_t width)
{
    constexpr int V = lanes_of<T>;
    begin();
    const T *gate = in + (size_t)blockIdx.x * 2 * width, *up = gate + width;
    O *o = out + (size_t)blockIdx.x * width;
    auto gated = [&](uint32_t i, float(&v)[V]) {
        float u[V];
        unpack_as<T>(v, load16(gate + i));
        unpack_as<T>(u, load16(up + i));
#pragma unroll
        for (int j = 0; j < V; j++) v[j] = silu_of<T>(v[j]) * u[j];
    };
    if constexpr (sizeof(O) == 1) {
        quantise_row<T>(width, o, scale + blockIdx.x, gated);
    } else {
        float v[V];
        for (uint32_t i = threadIdx.x * V; i < width; i += THREADS * V) {
            gated(i, v);
            store16(o + i, pack_as<T>(v));
        }
    }
}

template <class T>
__global__ void __launch_bounds__(THREADS) quantise_rows(const T *x, fp8 *out, float *scale, uint32_t width)
{
    begin();
    const T *row = x + (size_t)blockIdx.x * width;
    quantise_row<T>(width, out + (size_t)blockIdx.x * width, scale + blockIdx.x,
                    [&](uint32_t i, float(&v)[lanes_of<T>]) { unpack_as<T>(v, load16(row + i)); });
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    rescale_rows(const float *in, const float *row_scale, const float *token_scale, const T *bias, bool add, T *y,
                 uint32_t width)
{
    begin();
    const size_t row = (size_t)blockIdx.x * width;
    const float s = token_scale[blockIdx.x];
    for (uint32_t i = threadIdx.x; i < width; i += THREADS) {
        float v = in[row + i] * row_scale[i] * s;
        if (bias) v += to_float(bias[i]);
        if (add) v += to_float(y[row + i]);
        y[row + i] = to<T>(v);
    }
}

__global__ void __launch_bounds__(THREADS)
    rope_table(float *table, const double *inv_freq, uint32_t positions, uint32_t half)
{
    begin();
    uint64_t at = (uint64_t)blockIdx.x * THREADS + threadIdx.x;
    if (at >= (uint64_t)positions * half) return;
    double sine, cosine;
    sincos((double)(at / half) * inv_freq[at % half], &sine, &cosine);
    table[2 * at] = (float)cosine;
    table[2 * at + 1] = (float)sine;
}

/* A block a token. Work items are vec16s: of the first half of each Q and K head (with its partner in the second half),
 * then of V. */
template <class T>
__global__ void __launch_bounds__(THREADS) rope(step s, T *qkv, T *k, T *v, const float *table, rope_shape r)
{
    constexpr uint32_t V = lanes_of<T>;
    begin();
    const uint32_t t = blockIdx.x, half = r.head_dim / 2, per_head = half / V;
    const uint32_t rotated = (r.heads + r.kv_heads) * per_head, all = rotated + r.kv_heads * r.head_dim / V;
    T *row = qkv + (size_t)t * (r.heads + 2 * r.kv_heads) * r.head_dim;
    const float *angle = table + (size_t)s.positions[t] * r.head_dim;
    const uint32_t slot = s.slots[t], token = slot & ((1u << r.block_shift) - 1), block = slot >> r.block_shift;
    /* where head h of this token lies in the cache */
    auto place = [&](uint32_t h) { return ((((size_t)block * r.kv_heads + h) << r.block_shift) + token) * r.head_dim; };
    for (uint32_t i = threadIdx.x; i < all; i += THREADS) {
        if (i >= rotated) {
            uint32_t at = (i - rotated) * V, h = at / r.head_dim;
            store16(v + place(h) + at % r.head_dim, load16(row + (size_t)(r.heads + r.kv_heads) * r.head_dim + at));
            continue;
        }
        const uint32_t h = i / per_head, at = i % per_head * V;
        T *from = row + (size_t)h * r.head_dim + at, *to_row = h < r.heads ? from : k + place(h - r.heads) + at;
        float a[V], b[V];
        unpack_as<T>(a, load16(from));
        unpack_as<T>(b, load16(from + half));
#pragma unroll
        for (uint32_t j = 0; j < V; j++) {
            float c = angle[2 * (at + j)], n = angle[2 * (at + j) + 1], p = a[j], o = b[j];
            a[j] = p * c - o * n;
            b[j] = o * c + p * n;
        }
        store16(to_row, pack_as<T>(a));
        store16(to_row + half, pack_as<T>(b));
    }
}

/* Larger logits have larger keys, and of equal ones the smaller index has; 0 is below every key. NaN counts as lowest.
 */
__device__ __forceinline__ unsigned long long logit_key(float v, uint32_t index)
{
    uint32_t u = __float_as_uint(v == 0 ? 0.0f : v);
    u = v != v ? 0 : u & 0x80000000u ? ~u : u | 0x80000000u;
    return (unsigned long long)u << 32 | (0xffffffffu - index);
}

constexpr uint32_t ARGMAX_PARTS = 8;
__global__ void __launch_bounds__(THREADS) argmax_rows(const float *logits, uint32_t vocab, unsigned long long *key,
                                                       uint32_t *ticket, uint32_t *previous, uint32_t *result)
{
    begin();
    KW_SHARED(unsigned long long, part, [WARPS]);
    const uint32_t row = blockIdx.x; /* there may be more rows than a grid is high */
    const float *l = logits + (size_t)row * vocab;
    unsigned long long best = 0;
    for (uint32_t i = blockIdx.y * THREADS + threadIdx.x; i < vocab; i += ARGMAX_PARTS * THREADS) {
        unsigned long long here = logit_key(l[i], i);
        if (here > best) best = here;
    }
#pragma unroll
    for (int o = 16; o; o >>= 1) {
        unsigned long long other = __shfl_xor_sync(0xffffffffu, best, o);
        if (other > best) best = other;
    }
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = best;
    __syncthreads();
    if (threadIdx.x) return;
    for (int i = 1; i < WARPS; i++)
        if (part[i] > best) best = part[i];
    atomicMax(&key[row], best);
    __threadfence();
    if (atomicInc(&ticket[row], ARGMAX_PARTS - 1) != ARGMAX_PARTS - 1) return; /* it wraps to 0 for the next launch */
    best = atomicExch(&key[row], 0ull);
    previous[row] = result[row] = 0xffffffffu - (uint32_t)best;
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    fill_values(T *out, uint64_t n, uint64_t seed, uint32_t id, uint64_t index, float centre, float amplitude)
{
    begin();
    for (uint64_t i = (uint64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += (uint64_t)gridDim.x * THREADS)
        out[i] = to<T>(__fadd_rn(centre, __fmul_rn(amplitude, kw_synthetic_unit(seed, id, index + i))));
}

__global__ void __launch_bounds__(THREADS)
    fill_fp8(fp8 *out, float *scale, uint32_t cols, uint64_t seed, uint32_t id, float centre, float amplitude)
{
    begin();
    const uint64_t first = (uint64_t)blockIdx.x * cols;
    quantise_row<bf16>(cols, out + first, scale + blockIdx.x, [&](uint32_t i, float(&v)[8]) {
#pragma unroll
        for (int j = 0; j < 8; j++)
            v[j] = __fadd_rn(centre, __fmul_rn(amplitude, kw_synthetic_unit(seed, id, first + i + j)));
    });
}

/* ---- launches */

void run_embed(queue &q, kw_dtype t, const step &s, uint32_t n, const void *table, const uint32_t *previous, void *x,
               uint32_t hidden)
{
    with_type(t, [&](auto z) {
        using T = decltype(z);
        launch(q, dim3(n), THREADS, embed<T>, s, (const T *)table, previous, (T *)x, hidden);
    });
}

void run_norm(queue &q, kw_dtype t, uint32_t rows, const uint32_t *gather, const void *x, const void *norm, void *out,
              float *scale, uint32_t hidden, float eps)
{
    with_type(t, [&](auto z) {
        using T = decltype(z);
        if (scale)
            launch(q, dim3(rows), THREADS, norm_rows<T, fp8>, gather, (const T *)x, (const T *)norm, (fp8 *)out, scale,
                   hidden, eps);
        else
            launch(q, dim3(rows), THREADS, norm_rows<T, T>, gather, (const T *)x, (const T *)norm, (T *)out, scale,
                   hidden, eps);
    });
}

void run_swiglu(queue &q, kw_dtype t, uint32_t rows, const void *in, void *out, float *scale, uint32_t width)
{
    with_type(t, [&](auto z) {
        using T = decltype(z);
        if (scale)
            launch(q, dim3(rows), THREADS, swiglu_rows<T, fp8>, (const T *)in, (fp8 *)out, scale, width);
        else
            launch(q, dim3(rows), THREADS, swiglu_rows<T, T>, (const T *)in, (T *)out, scale, width);
    });
}

void run_quantise(queue &q, kw_dtype t, uint32_t rows, const void *x, void *out, float *scale, uint32_t width)
{
    with_type(t, [&](auto z) {
        using T = decltype(z);
        launch(q, dim3(rows), THREADS, quantise_rows<T>, (const T *)x, (fp8 *)out, scale, width);
    });
}

void run_rescale(queue &q, kw_dtype t, uint32_t rows, const float *in, const float *row_scale, const float *token_scale,
                 const void *bias, bool add, void *y, uint32_t width)
{
    with_type(t, [&](auto z) {
        using T = decltype(z);
        launch(q, dim3(rows), THREADS, rescale_rows<T>, in, row_scale, token_scale, (const T *)bias, add, (T *)y,
               width);
    });
}

void run_rope_table(queue &q, float *table, const double *inv_freq, uint32_t positions, uint32_t half)
{
    uint64_t n = (uint64_t)positions * half;
    launch(q, dim3((unsigned)((n + THREADS - 1) / THREADS)), THREADS, rope_table, table, inv_freq, positions, half);
}

void run_rope(queue &q, kw_dtype t, const step &s, uint32_t n, void *qkv, void *k, void *v, const float *table,
              const rope_shape &r)
{
    with_type(t, [&](auto z) {
        using T = decltype(z);
        launch(q, dim3(n), THREADS, rope<T>, s, (T *)qkv, (T *)k, (T *)v, table, r);
    });
}

void run_argmax(queue &q, uint32_t rows, const float *logits, uint32_t vocab, unsigned long long *key, uint32_t *ticket,
                uint32_t *previous, uint32_t *result)
{
    launch(q, dim3(rows, ARGMAX_PARTS), THREADS, argmax_rows, logits, vocab, key, ticket, previous, result);
}

void run_fill(queue &q, kw_dtype t, void *out, float *scale, uint32_t rows, uint32_t cols, uint64_t seed, uint32_t id,
              float centre, float amplitude)
{
    if (t == KW_DT_FP8) {
        launch(q, dim3(rows), THREADS, fill_fp8, (fp8 *)out, scale, cols, seed, id, centre, amplitude);
        return;
    }
    const uint64_t n = (uint64_t)rows * cols, blocks = (n + THREADS - 1) / THREADS;
    with_type(t, [&](auto z) {
        using T = decltype(z);
        launch(q, dim3((unsigned)(blocks < 65536 ? blocks : 65536)), THREADS, fill_values<T>, (T *)out, n, seed, id,
               (uint64_t)0, centre, amplitude);
    });
}

void run_fill_kv(queue &q, kw_dtype t, void *out, uint64_t n, uint64_t seed, uint32_t id, uint64_t index)
{
    const uint64_t blocks = (n + THREADS - 1) / THREADS;
    with_type(t, [&](auto z) {
        using T = decltype(z);
        launch(q, dim3((unsigned)(blocks < 65536 ? blocks : 65536)), THREADS, fill_values<T>, (T *)out, n, seed, id,
               index, 0.0f, 1.7320508f);
    });
}

} // namespace kw
