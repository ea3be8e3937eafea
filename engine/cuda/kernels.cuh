/* engine/cuda/kernels.cuh - the kernels as calls: each enqueues one kernel on q and leaves a failure in q.err. t is the
 * type of activations (fp32, bf16, fp16); all rows are dense unless a stride is given; pointers are the device's,
 * 16-byte aligned, and every row a multiple of 16 bytes long. */
#ifndef KW_CUDA_KERNELS_CUH
#define KW_CUDA_KERNELS_CUH
#include "engine/cuda/step.cuh"

namespace kw
{

/* ---- rows.cu: what runs over rows of activations */

/* x[t] = table[id of token t] for n tokens; ids with KW_TOKEN_PREVIOUS come from previous[]. */
void run_embed(queue &q, kw_dtype t, const step &s, uint32_t n, const void *table, const uint32_t *previous, void *x,
               uint32_t hidden);
/* out[i] = x[r] / sqrt(mean(x[r]^2) + eps) * norm, r = gather ? gather[i] : i. With scale: out is fp8, one scale a row.
 */
void run_norm(queue &q, kw_dtype t, uint32_t rows, const uint32_t *gather, const void *x, const void *norm, void *out,
              float *scale, uint32_t hidden, float eps);
/* out[i] = silu(in[i][0..width)) * in[i][width..2 width). With scale: fp8. */
void run_swiglu(queue &q, kw_dtype t, uint32_t rows, const void *in, void *out, float *scale, uint32_t width);
/* out = x as fp8 with one scale a row (the input of W_o). */
void run_quantise(queue &q, kw_dtype t, uint32_t rows, const void *x, void *out, float *scale, uint32_t width);
/* y[i][j] = in[i][j] * row_scale[j] * token_scale[i] + bias[j] + y[i][j] (the last two where asked for): the end of an
 * fp8 product whose library kernel knows no vectors of scales. */
void run_rescale(queue &q, kw_dtype t, uint32_t rows, const float *in, const float *row_scale, const float *token_scale,
                 const void *bias, bool add, void *y, uint32_t width);

struct rope_shape {
    uint32_t heads, kv_heads, head_dim, block_shift; /* block_size = 1 << block_shift */
};
/* table[p][i] = cos, sin of p * inv_freq[i], for p < positions, i < half. */
void run_rope_table(queue &q, float *table, const double *inv_freq, uint32_t positions, uint32_t half);
/* Rotates Q in place in qkv[n][(heads + 2 kv_heads) head_dim], rotates K into the cache, copies V into the cache. k, v:
 * of this layer, [block][kv_head][token][head_dim]. */
void run_rope(queue &q, kw_dtype t, const step &s, uint32_t n, void *qkv, void *k, void *v, const float *table,
              const rope_shape &r);

/* previous[i] = result[i] = the smallest index of the largest of logits[i][0..vocab). key, ticket: [rows], zero before
 * the first call; the kernel leaves them zero. */
void run_argmax(queue &q, uint32_t rows, const float *logits, uint32_t vocab, unsigned long long *key, uint32_t *ticket,
                uint32_t *previous, uint32_t *result);

/* Synthetic values (engine/model/synthetic.h): rows of cols values, row r beginning with index r * cols. scale: [rows],
 * fp8. */
void run_fill(queue &q, kw_dtype t, void *out, float *scale, uint32_t rows, uint32_t cols, uint64_t seed, uint32_t id,
              float centre, float amplitude);
/* n KV values, the first of them with this index. */
void run_fill_kv(queue &q, kw_dtype t, void *out, uint64_t n, uint64_t seed, uint32_t id, uint64_t index);

/* ---- gemv.cu: y = W x for 1, 2, 4 or 8 tokens, limited by the reading of W */

struct gemv {
    const void *w;          /* [rows][cols] of t, or fp8 */
    const float *w_scale;   /* fp8: [rows] */
    const void *x;          /* [tokens][cols] of t, or fp8 */
    const float *x_scale;   /* fp8: [tokens]; NULL: not fp8 */
    const void *norm;       /* [cols]: x is first normalised (rms) and multiplied by it; not with fp8 */
    const uint32_t *gather; /* token i is row gather[i] of x; NULL: row i */
    const void *bias;       /* [rows] or NULL */
    void *y;                /* [tokens][rows] ([rows / 2] for swiglu) */
    uint32_t rows, cols, tokens;
    float eps;
    bool add;      /* y += */
    bool swiglu;   /* y[i] = silu(row i) * row (rows / 2 + i); with norm and without bias, add */
    bool fp32_out; /* y is fp32 whatever t is; without bias, add */
};
constexpr uint32_t GEMV_TOKENS = 8;
/* tokens <= GEMV_TOKENS; tokens between two of 1, 2, 4, 8 cost as much as the larger. */
void run_gemv(queue &q, kw_dtype t, const gemv &g);

/* ---- decode.cu, prefill.cu: attention over the paged cache */

struct attention {
    const void *qkv;   /* [tokens][width], Q rotated */
    const void *k, *v; /* of this layer */
    void *out;         /* [tokens][heads head_dim] */
    uint32_t width;    /* (heads + 2 kv_heads) head_dim */
    rope_shape shape;
    uint32_t window; /* 0: none */
    /* decode only: */
    float *partial;   /* [items][heads][head_dim + 2]: sums, maximum, denominator of each piece */
    uint32_t *ticket; /* [tokens][kv_heads * chunks of the group], zero before the first call and left so */
};
bool attention_supports(kw_dtype t, uint32_t head_dim); /* prefill_attention: not fp32, where every token goes singly */
void run_decode_attention(queue &q, kw_dtype t, const step &s, uint32_t items, const attention &a);
void run_prefill_attention(queue &q, kw_dtype t, const step &s, uint32_t tiles, const attention &a);
inline uint32_t attention_chunks(const rope_shape &r)
{
    return (r.heads / r.kv_heads + 7) / 8;
} /* query heads by eights */

/* Runs f with a value of the type that t names. */
template <class F> void with_type(kw_dtype t, F f)
{
    if (t == KW_DT_FP32)
        f(float{});
    else if (t == KW_DT_FP16)
        f(fp16{});
    else
        f(bf16{});
}

} // namespace kw
#endif
