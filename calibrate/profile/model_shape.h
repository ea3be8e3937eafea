/* calibrate/profile/model_shape.h - a model's shape and what follows from it: parameters, weights, KV cache.
 *
 * Parameters, with H hidden, h heads of d, g KV heads, V vocab; norms and biases counted where a model has them:
 *   attention         H (h + 2 g) d + h d H, of gated attention H h d more                      (GQA, arXiv:2305.13245)
 *   latent attention  H r_q + r_q h (d_n + d_r) + H (r + d_r) + r h (d_n + d_v) + h d_v H,
 *                     without r_q: H h (d_n + d_r) in place of the first two                    (MLA, arXiv:2405.04434)
 *   gated delta net   H (2 k d_k + 2 v d_v) + 2 H v + conv (2 k d_k + v d_v) + v d_v H          (arXiv:2412.06464)
 *   MLP               3 H I; of E experts of width I_e, of which a token takes k, and shared ones of width I_s together:
 *                     E 3 H I_e + 3 H I_s + H E, active k 3 H I_e + 3 H I_s + H E               (Mixtral, arXiv:2401.04088)
 *   tables            V H, twice where lm_head is not the embedding table
 * Multi-token prediction layers and vision towers are left out: a text server does not run them by default. */
#ifndef KW_CALIBRATE_PROFILE_MODEL_SHAPE_H
#define KW_CALIBRATE_PROFILE_MODEL_SHAPE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a checkpoint keeps its weights in; bits with the scales of a group. */
enum kw_quant {
    KW_QUANT_NONE,  /* 16 bits */
    KW_QUANT_FP8,   /* 8 */
    KW_QUANT_INT4,  /* AWQ, GPTQ, compressed-tensors: 4 + 16 / group of the scale + 4 / group of the zero point */
    KW_QUANT_MXFP4, /* 4.25: 8 bits of scale a block of 32 (OCP Microscaling formats 1.0, 2023-09) */
    KW_QUANT_NVFP4  /* 4.5: 8 bits of scale a block of 16 (NVIDIA, TensorRT Model Optimizer) */
};
/* Parts of a model that a checkpoint may keep quantised. */
enum { KW_PART_ATTENTION = 1, KW_PART_MLP = 2, KW_PART_SHARED = 4, KW_PART_EXPERTS = 8, KW_PARTS = 15 };

struct kw_model_shape {
    char name[48];       /* llama-3.1-8b */
    char hf_name[4][64]; /* meta-llama/Llama-3.1-8B, ...; "" after the last. Of a user's file: its path */
    char source[160];    /* where its config.json was read */
    uint32_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocab, max_position;
    bool tied_embeddings; /* lm_head is the embedding table */
    bool qkv_bias;        /* Qwen2, gpt-oss */
    bool o_bias;          /* gpt-oss */
    bool qk_norm;         /* Qwen3: one of head_dim; MiniMax: one of all heads */
    bool qk_norm_all;
    bool gated;     /* attention's output has a gate, another h d columns of the query projection (Qwen3-Next) */
    uint32_t norms; /* of a layer: 2, of Gemma 4 */
    /* Layers by attention; all others see all tokens. */
    uint32_t window_layers, window; /* the last `window` tokens alone, or the chunk of so many (Llama 4) */
    uint32_t linear_layers;         /* a state of constant size (gated delta net) */
    struct {
        uint32_t key_heads, value_heads, key_dim, value_dim, conv;
    } linear;
    struct { /* latent attention in every layer; kv_rank 0: none */
        uint32_t kv_rank, q_rank, nope_dim, rope_dim, v_dim, index_heads, index_dim;
    } latent;
    struct { /* n 0: every layer has a plain MLP */
        uint32_t n, active, width, shared_width, dense_layers;
        bool shared_gate, bias;
    } experts;
    enum kw_quant quant;  /* of the checkpoint */
    unsigned quant_parts; /* KW_PART_...: what that holds for */
    uint32_t quant_group; /* of KW_QUANT_INT4 */
    bool quant_zero;      /* it has zero points */
    double n_params,
        active_params; /* all; those that a token is multiplied with, embedding table left out unless tied */
};
/* Every layer has one MLP and attends to all tokens with a cache a head: what the tables of dense models are of. */
bool kw_model_is_plain(const struct kw_model_shape *m);

/* Parameters of the linear layers alone (projections, MLPs, all experts of every layer), which quantisation shrinks. */
double kw_model_linear_params(const struct kw_model_shape *m);
/* The same, in parts: those of KW_PART_... that are in `parts`. */
double kw_model_part_params(const struct kw_model_shape *m, unsigned parts);
/* Of them, those a token is multiplied with: k of E experts. */
double kw_model_active_linear_params(const struct kw_model_shape *m);

/* The name of a precision that the checkpoint itself is kept in: bf16, fp8, int4, mxfp4, nvfp4. */
const char *kw_model_own_precision(const struct kw_model_shape *m);
/* Bits a parameter of the linear layers, scales included: bf16, fp16 16; fp8 8; int4 4.15625 (groups of 128) or as the
 * checkpoint has them; mxfp4 4.25; nvfp4 4.5. NAN for another precision. */
double kw_model_bits(const struct kw_model_shape *m, const char *precision);
/* Bytes of the whole model over all GPUs. "bf16" and "fp16": 2 a parameter. Else kw_model_bits a parameter of the linear
 * layers - in the checkpoint's own precision, of the parts that it quantises; gpt-oss: the experts alone - and embedding,
 * lm_head, router and norms stay at 2 (ENGINE.md 1). NAN for another precision. */
double kw_model_weight_bytes(const struct kw_model_shape *m, const char *precision);
/* Of those, the routed experts'. */
double kw_model_expert_bytes(const struct kw_model_shape *m, const char *precision);
/* Of those, what one decode step reads: all but the embedding table, of which it reads a row a token; a tied table is
 * read as lm_head. Of experts, all of them: a small batch reads fewer, kw_model_experts_touched. */
double kw_model_step_bytes(const struct kw_model_shape *m, const char *precision);
/* Of n experts of which each token takes k, how many distinct ones a batch of `tokens` takes in the mean, were each k as
 * likely as any other (balanced routing): n (1 - (1 - k/n)^tokens). Expectation of the occupied cells of an occupancy
 * problem (Feller, An Introduction to Probability Theory and Its Applications I, 3rd ed., 1968, II.5). Skewed routing
 * touches fewer. 0 of a model without experts. */
double kw_model_experts_touched(const struct kw_model_shape *m, double tokens);

/* KV cache bytes a token over all layers and GPUs that a token of short context takes, 2 a value: vLLM's kv_cache_dtype
 * "auto" keeps the KV cache at the model's 16-bit type under fp8 weights too. (Checked: an H100 serving Qwen3-8B fp8,
 * silybench in data/calibration, slows down with context as 16-bit KV does, 25 % more at 200k tokens than fp8 KV would.)
 * A profile states its own figure. Full and window layers: 2 g d values; latent: r + d_r (and the indexer's key, where it
 * has one); linear: none. */
double kw_model_kv_bytes_per_token(const struct kw_model_shape *m, const char *precision);
/* What a sequence of `tokens` keeps: full_layers 4 g d tokens + window_layers 4 g d min(tokens, window) + its states. */
double kw_model_kv_bytes(const struct kw_model_shape *m, const char *precision, double tokens);
/* Bytes of a sequence's linear-attention states: layers v d_k d_v in 32 bits and the convolution's last conv - 1 inputs in
 * 16 (arXiv:2412.06464; vLLM keeps them so). */
double kw_model_state_bytes(const struct kw_model_shape *m);

/* n_params and active_params from all else. */
void kw_model_count_params(struct kw_model_shape *m);

#endif
