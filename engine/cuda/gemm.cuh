/* engine/cuda/gemm.cuh - matrix products of many tokens through cuBLASLt, which is opened at run time: 541 MB that
 * nothing else should wait for. A product is one use of a matrix shape (QKV of every layer); its plan for a number of
 * tokens is found once and kept. y[t][r] = sum_c w[r][c] x[t][c], W row-major as Hugging Face stores it, sums in fp32
 * (never TF32). */
#ifndef KW_CUDA_GEMM_CUH
#define KW_CUDA_GEMM_CUH
#include "engine/cuda/kernels.cuh"

namespace kw
{

struct gemm; /* the library, its plans and its workspace */

struct product {
    kw_dtype in, out;    /* of w and x; of y. fp8: out is bf16, w and x have scales */
    uint32_t rows, cols; /* of w */
    bool bias, add;      /* y += */
};
struct operands {
    const void *w, *x, *bias;
    const float *w_scale, *x_scale; /* fp8: [rows], [tokens] */
    void *y;
};

/* Opens the library for this device (capability: 90 for 9.0). KW_EFAIL says what to install. */
kw_status gemm_open(gemm **g, uint32_t capability, uint32_t max_tokens, kw_error *err);
void gemm_close(gemm *g); /* NULL is allowed */

/* Registers a product as number id < 8. KW_ERANGE when the device has no kernel for it. *scratch: bytes that run needs
 * beside its operands (0 except for fp8 where the library has no vectors of scales). */
kw_status gemm_add(gemm *g, uint32_t id, const product &p, size_t *scratch, kw_error *err);
void gemm_set_scratch(gemm *g, void *scratch);

/* Times the library's best suggestions for this many tokens and keeps the fastest; *seconds: its time. o's weights step
 * through `layers` copies `stride` bytes apart, so that they do not stay in the cache. Overwrites y. */
kw_status gemm_tune(gemm *g, queue &q, uint32_t id, uint32_t tokens, operands o, uint64_t stride, uint32_t layers,
                    double *seconds, kw_error *err);

/* Enqueues the product. Numbers of tokens that were not tuned take the plan of the next larger tuned one if it fits. */
kw_status gemm_run(gemm *g, queue &q, uint32_t id, uint32_t tokens, const operands &o, kw_error *err);

} // namespace kw
#endif
