/* engine/model/synthetic.h - synthetic weights and KV values: a hash of (seed, weight, index), so that any thread, GPU
 * or range makes the same ones. This header is C and CUDA: the value function is inline.
 *
 * Scale: matrices are uniform in +-sqrt(3) / sqrt(cols) (variance 1/cols, so a normalised input keeps its size), W_o
 * and W_down smaller by sqrt(2 layers) so that the residual stream grows by a factor of two at most over the network;
 * norms are 1; biases uniform with variance 0.01; the embedding has variance 1 (1/hidden where it is lm_head too, so
 * that logits keep a variance of 1). Zeros or constants would run faster than real weights (ENGINE.md 2). */
#ifndef KW_ENGINE_MODEL_SYNTHETIC_H
#define KW_ENGINE_MODEL_SYNTHETIC_H
#include <stdint.h>
#ifdef __CUDACC__
#define KW_HOST_DEVICE __host__ __device__
#else
#define KW_HOST_DEVICE
#endif

/* Uniform in [-1, 1), 24 bits, exact in fp32: the same on every machine. id: kw_weight.id, or for KV values 2^31 +
 * layer. */
KW_HOST_DEVICE static inline float kw_synthetic_unit(uint64_t seed, uint32_t id, uint64_t index)
{
    uint64_t x = seed + UINT64_C(0x9e3779b97f4a7c15) * (((uint64_t)id << 40) + index + 1); /* splitmix64 */
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return (float)((int32_t)(x >> 40) - (1 << 23)) * (1.0f / (float)(1 << 23));
}

#ifndef __CUDACC__
#include "engine/model/weights.h"

/* value(row, col) = centre + amplitude * kw_synthetic_unit(seed, w->id, row * cols + col), rounded to the place's
 * dtype; fp8: the fp32 row through kw_fp8_quantise. */
void kw_synthetic_law(const struct kw_weights_layout *l, const struct kw_weight *w, float *centre, float *amplitude);

/* Rows [row, row + n) of w into dst (dense, the matrix's dtype); scales: [n], fp8 only; scratch: [cols] fp32, fp8
 * only. */
void kw_synthetic_rows(const struct kw_weights_layout *l, const struct kw_weight *w, uint64_t seed, uint32_t row,
                       uint32_t n, void *dst, float *scales, float *scratch);

/* A checkpoint folder: config.json and model.safetensors (shards of at most shard_bytes, 0: one file) in the config's
 * dtype (bf16, fp16 or fp32; fp8 is quantised at load), names as Hugging Face's. Files appear whole or not at all. */
enum kw_status kw_synthetic_write(const struct kw_model_config *c, const char *folder, uint64_t seed,
                                  uint64_t shard_bytes, struct kw_error *err);
#endif
#endif
