/* y = W x for up to 8 tokens. A block holds GEMV_ROWS rows of W; its four warps share the columns out, so all of x and
 * of the block's rows is read once, 16 bytes a lane and several loads in flight before the first is used. RMSNorm costs
 * no pass of its own: y = r * (W (x * norm)) where r = 1 / rms(x), and the sum of squares falls out of the same reading
 * of x. */
#include "engine/cuda/kernels.cuh"

namespace kw
{

constexpr int GEMV_ROWS = 4, GEMV_WARPS = 4, GEMV_THREADS = GEMV_WARPS * 32;
enum gemv_mode { PLAIN, NORMED, GATED }; /* GATED: normed, and rows are gate, up pairs through SwiGLU */

/* Sums over the block: each warp by shuffles, then through shared memory. */
template <int N> __device__ __forceinline__ void block_sums(float (&v)[N], float *part)
{
#pragma unroll
    for (int i = 0; i < N; i++) {
        v[i] = warp_sum(v[i]);
        if (threadIdx.x % 32 == 0) part[threadIdx.x / 32 * N + i] = v[i];
    }
    __syncthreads();
}

template <class W, class T, class Y, int B, int MODE> __global__ void __launch_bounds__(GEMV_THREADS) gemv_rows(gemv g)
{
    constexpr int V = lanes_of<W>, U = B <= 2 ? 4 : 2, R = GEMV_ROWS, N = R * B + (MODE == PLAIN ? 0 : B);
    KW_SHARED(float, part, [GEMV_WARPS * N]);
    /* Row r of the block; gate rows first, then the up rows that belong to them. Past the last: the last again, unused.
     */
    const uint32_t first = blockIdx.x * (MODE == GATED ? R / 2 : R), half = g.rows / 2;
    const W *w[R];
#pragma unroll
    for (int r = 0; r < R; r++) {
        uint32_t row =
            MODE == GATED ? min(first + r % (R / 2), half - 1) + (r < R / 2 ? 0 : half) : min(first + r, g.rows - 1);
        w[r] = (const W *)g.w + (size_t)row * g.cols;
    }
    const uint32_t n = g.cols / V; /* vec16s in a row */
    float sum[N] = {};
    /* One lane in eight asks for its 128-byte line: the first loads below find it in L2. */
    for (uint32_t i = threadIdx.x; i < min(n, (uint32_t)(GEMV_THREADS * U)); i += GEMV_THREADS)
#pragma unroll
        for (int r = 0; r < R; r++)
            if (threadIdx.x % 8 == 0) prefetch(w[r] + (size_t)i * V);
    begin();
    const W *x[B];
#pragma unroll
    for (int b = 0; b < B; b++) {
        uint32_t token = min((uint32_t)b, g.tokens - 1);
        x[b] = (const W *)g.x + (size_t)(g.gather ? g.gather[token] : token) * g.cols;
    }
    for (uint32_t at = threadIdx.x; at < n; at += GEMV_THREADS * U) {
        vec16 raw[U][R];
#pragma unroll
        for (int u = 0; u < U; u++) {
            const uint32_t i = at + u * GEMV_THREADS;
#pragma unroll
            for (int r = 0; r < R; r++)
                if (i < n) raw[u][r] = load_streaming(w[r] + (size_t)i * V);
        }
#pragma unroll
        for (int u = 0; u < U; u++) {
            const uint32_t i = at + u * GEMV_THREADS;
            if (i >= n) break;
            float f[R][V];
#pragma unroll
            for (int r = 0; r < R; r++) unpack_as<W>(f[r], raw[u][r]);
            float scale[V];
            if (MODE != PLAIN) unpack_as<W>(scale, load16((const W *)g.norm + (size_t)i * V));
#pragma unroll
            for (int b = 0; b < B; b++) {
                float in[V];
                unpack_as<W>(in, load16(x[b] + (size_t)i * V));
                if (MODE != PLAIN) {
#pragma unroll
                    for (int j = 0; j < V; j++) sum[R * B + b] += in[j] * in[j], in[j] *= scale[j];
                }
#pragma unroll
                for (int r = 0; r < R; r++)
#pragma unroll
                    for (int j = 0; j < V; j++) sum[r * B + b] += f[r][j] * in[j];
            }
        }
    }
    block_sums(sum, part);
    /* One thread an output. */
    constexpr int OUT = MODE == GATED ? R / 2 : R;
    if (threadIdx.x >= OUT * B) return;
    const uint32_t r = threadIdx.x / B, b = threadIdx.x % B, rows = MODE == GATED ? half : g.rows, row = first + r;
    if (b >= g.tokens || row >= rows) return;
    auto total = [&](uint32_t i) {
        float v = 0;
#pragma unroll
        for (int k = 0; k < GEMV_WARPS; k++) v += part[k * N + i];
        return v;
    };
    float v = total(r * B + b);
    if (MODE != PLAIN) {
        const float norm = rsqrtf(total(R * B + b) / g.cols + g.eps);
        v *= norm;
        if (MODE == GATED)
            v = v / (1.0f + (sizeof(T) == 4 ? expf(-v) : __expf(-v))) * (total((r + R / 2) * B + b) * norm);
    }
    if (g.x_scale) v = v * g.w_scale[row] * g.x_scale[b];
    if (g.bias) v += to_float(((const T *)g.bias)[row]);
    Y *y = (Y *)g.y + (size_t)b * rows + row;
    if (g.add) v += to_float(*y);
    *y = to<Y>(v);
}

template <class W, class T, class Y, int MODE> void launch_gemv(queue &q, const gemv &g)
{
    const uint32_t rows = MODE == GATED ? g.rows / 2 : g.rows, each = MODE == GATED ? GEMV_ROWS / 2 : GEMV_ROWS;
    const dim3 grid((rows + each - 1) / each);
    if (g.tokens == 1)
        launch(q, grid, GEMV_THREADS, gemv_rows<W, T, Y, 1, MODE>, g);
    else if (g.tokens == 2)
        launch(q, grid, GEMV_THREADS, gemv_rows<W, T, Y, 2, MODE>, g);
    else if (g.tokens <= 4)
        launch(q, grid, GEMV_THREADS, gemv_rows<W, T, Y, 4, MODE>, g);
    else
        launch(q, grid, GEMV_THREADS, gemv_rows<W, T, Y, 8, MODE>, g);
}

void run_gemv(queue &q, kw_dtype t, const gemv &g)
{
    if (g.x_scale) { /* fp8 models compute in bf16 */
        launch_gemv<fp8, bf16, bf16, PLAIN>(q, g);
        return;
    }
    with_type(t, [&](auto z) {
        using T = decltype(z);
        if (g.swiglu)
            launch_gemv<T, T, T, GATED>(q, g);
        else if (g.norm && g.fp32_out)
            launch_gemv<T, T, float, NORMED>(q, g);
        else if (g.norm)
            launch_gemv<T, T, T, NORMED>(q, g);
        else
            launch_gemv<T, T, T, PLAIN>(q, g);
    });
}

} // namespace kw
