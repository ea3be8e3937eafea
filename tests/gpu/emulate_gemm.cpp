/* engine/cuda/gemm.cuh without a GPU: plain loops in the place of cuBLASLt, run by the emulated stream like a kernel. */
#include "engine/cuda/gemm.cuh"

namespace kw {

struct gemm {
    product products[8];
};

kw_status gemm_open(gemm **g, uint32_t, uint32_t, kw_error *) { return *g = new gemm(), KW_OK; }
void gemm_close(gemm *g) { delete g; }
kw_status gemm_add(gemm *g, uint32_t id, const product &p, size_t *scratch, kw_error *)
{
    g->products[id] = p;
    *scratch = 0;
    return KW_OK;
}
void gemm_set_scratch(gemm *, void *) {}

static float value(const void *p, kw_dtype t, size_t i)
{
    float f;
    kw_dtype_convert(&f, KW_DT_FP32, (const char *)p + i * kw_dtype_bytes(t), t, 1);
    return f;
}

kw_status gemm_run(gemm *g, queue &q, uint32_t id, uint32_t tokens, const operands &operand, kw_error *)
{
    const product p = g->products[id];
    const operands o = operand;
    emulate::enqueue(q.stream, [=] {
        for (uint32_t t = 0; t < tokens; t++)
            for (uint32_t r = 0; r < p.rows; r++) {
                double sum = 0;
                for (uint32_t c = 0; c < p.cols; c++)
                    sum += (double)value(o.w, p.in, (size_t)r * p.cols + c) * value(o.x, p.in, (size_t)t * p.cols + c);
                if (p.in == KW_DT_FP8) sum *= (double)o.w_scale[r] * o.x_scale[t];
                if (p.bias) sum += value(o.bias, p.out, r);
                const size_t at = (size_t)t * p.rows + r;
                if (p.add) sum += value(o.y, p.out, at);
                const float f = (float)sum;
                kw_dtype_convert((char *)o.y + at * kw_dtype_bytes(p.out), p.out, &f, KW_DT_FP32, 1);
            }
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
