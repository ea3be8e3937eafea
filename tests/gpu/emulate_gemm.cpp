/* engine/cuda/gemm.cuh without a GPU: plain loops in the place of cuBLASLt, run by the emulated stream like a kernel.
 */
#include "engine/cuda/gemm.cuh"
#include <vector>

namespace kw
{

struct gemm {
    product products[8];
};

kw_status gemm_open(gemm **g, uint32_t, uint32_t, kw_error *)
{
    return *g = new gemm(), KW_OK;
}
void gemm_close(gemm *g)
{
    delete g;
}
kw_status gemm_add(gemm *g, uint32_t id, const product &p, size_t *scratch, kw_error *)
{
    g->products[id] = p;
    *scratch = 0;
    return KW_OK;
}
void gemm_set_scratch(gemm *, void *) {}

static std::vector<float> values(const void *p, kw_dtype t, size_t first, size_t n)
{
    std::vector<float> f(n);
    kw_dtype_convert(f.data(), KW_DT_FP32, (const char *)p + first * kw_dtype_bytes(t), t, n);
    return f;
}

kw_status gemm_run(gemm *g, queue &q, uint32_t id, uint32_t tokens, const operands &operand, kw_error *)
{
    const product p = g->products[id];
    const operands o = operand;
    emulate::enqueue(q.stream, [=] {
        const std::vector<float> x = values(o.x, p.in, 0, (size_t)tokens * p.cols);
        std::vector<float> y = values(o.y, p.out, 0, (size_t)tokens * p.rows);
        for (uint32_t r = 0; r < p.rows; r++) {
            const std::vector<float> w = values(o.w, p.in, (size_t)r * p.cols, p.cols);
            for (uint32_t t = 0; t < tokens; t++) {
                double sum = 0;
                for (uint32_t c = 0; c < p.cols; c++) sum += (double)w[c] * x[(size_t)t * p.cols + c];
                if (p.in == KW_DT_FP8) sum *= (double)o.w_scale[r] * o.x_scale[t];
                if (p.bias) sum += values(o.bias, p.out, r, 1)[0];
                float *to = &y[(size_t)t * p.rows + r];
                *to = (float)(p.add ? sum + *to : sum);
            }
        }
        kw_dtype_convert(o.y, p.out, y.data(), KW_DT_FP32, y.size());
    });
    return KW_OK;
}

/* 4 tokens by gemv, 8 by the library: both ways are run. */
kw_status gemm_tune(gemm *g, queue &q, uint32_t id, uint32_t tokens, operands o, uint64_t, uint32_t, double *seconds,
                    kw_error *err)
{
    *seconds = tokens > 4 ? -1 : 1;
    return gemm_run(g, q, id, tokens, o, err);
}

} // namespace kw
