/* engine/model/config.h - the model: what a Hugging Face config.json says, for the dense decoders that are implemented
 * (Llama 2, 3, 3.1, 3.2, 3.3; Qwen2, Qwen2.5; Mistral). What is not implemented is refused, never ignored.
 *
 * The network, for a token at position p with embedding x (hidden):
 *   per layer:  h = rms(x) * attn_norm;  q, k, v = W_qkv h (+ b);  rope(q, p), rope(k, p);
 *               x += W_o softmax(q k^T / sqrt(head_dim)) v  over positions <= p (> p - sliding_window where that is
 * set); h = rms(x) * mlp_norm;   x += W_down (silu(W_gate h) * (W_up h)) at the end: logits = W_lm_head (rms(x) *
 * final_norm);     rms(x) = x / sqrt(mean(x^2) + rms_eps) Query head h reads KV head h / (heads / kv_heads). RoPE
 * rotates pairs (i, i + head_dim/2) ("split halves", as Hugging Face stores the weights) by the angle p *
 * kw_config_inv_freq(i). */
#ifndef KW_ENGINE_MODEL_CONFIG_H
#define KW_ENGINE_MODEL_CONFIG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/model/dtype.h"
#include "sim/core/status.h"

enum kw_arch { KW_ARCH_LLAMA, KW_ARCH_QWEN2, KW_ARCH_MISTRAL };
enum kw_rope { KW_ROPE_PLAIN, KW_ROPE_LINEAR, KW_ROPE_LLAMA3 };

struct kw_model_config {
    enum kw_arch arch;
    char name[96]; /* the shape's name or the config's _name_or_path; "" when it has none */
    uint32_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocab;
    uint32_t max_position; /* longest context the model was made for */
    float rms_eps;
    double rope_theta;
    enum kw_rope rope;
    double rope_factor;                   /* linear and llama3 */
    double rope_low_freq, rope_high_freq; /* llama3: low_freq_factor, high_freq_factor */
    uint32_t rope_original;               /* llama3: original_max_position_embeddings */
    uint32_t sliding_window;              /* a query sees this many positions, its own included; 0: all */
    bool qkv_bias;                        /* Qwen2 always; Llama's attention_bias would also bias W_o and is refused */
    bool tied_embeddings;                 /* lm_head is the embedding table */
    enum kw_dtype dtype;                  /* of the checkpoint (torch_dtype) */
    bool fp8_checkpoint;         /* its linear layers are E4M3 with weight_scale tensors (a scalar or one per row) */
    uint32_t bos, eos[8], n_eos; /* token ids; bos UINT32_MAX when absent; generation stops at any eos */
};

/* Limits, so that no product below overflows: layers <= 1024, hidden, intermediate <= 2^20, vocab <= 2^22, heads <=
 * 1024, head_dim even and <= 512, heads a multiple of kv_heads, hidden and intermediate multiples of 8. KW_EPARSE
 * malformed, KW_ERANGE not implemented or out of range: "config.json:7: hidden_act: want \"silu\"; got \"gelu\"". */
enum kw_status kw_config_parse(struct kw_model_config *c, const char *name, const char *text, size_t len,
                               struct kw_error *err);
enum kw_status kw_config_load(struct kw_model_config *c, const char *path,
                              struct kw_error *err); /* file, or its folder */

/* The known shapes, for synthetic weights: "llama-3.1-8b", "qwen2.5-7b" ..., "small" (125 M parameters: calibration on
 * CPUs) and "tiny" (a few MB, for tests and demos). KW_ERANGE with the nearest name when unknown. */
enum kw_status kw_config_named(struct kw_model_config *c, const char *name, struct kw_error *err);

/* The config.json that kw_config_parse reads back to an equal config, as malloc'd text. KW_ENOMEM. */
enum kw_status kw_config_write(const struct kw_model_config *c, char **text, struct kw_error *err);

/* Angle per position of rotary pair i < head_dim / 2: theta^(-2i/head_dim), then the scaling.
 * llama3 (transformers, modeling_rope_utils.py, _compute_llama3_parameters): wavelength w = 2 pi / f;
 * w > original / low: f / factor; w < original / high: f; between: (1-s) f / factor + s f,
 * s = (original / w - low) / (high - low). */
double kw_config_inv_freq(const struct kw_model_config *c, uint32_t i);

/* What follows from the shape. */
uint64_t kw_config_params(const struct kw_model_config *c);    /* all parameters; tied ones once */
uint64_t kw_config_kv_values(const struct kw_model_config *c); /* K and V values a token, over all layers */
/* Floating-point operations of a forward over n tokens of which n_logits yield logits, and `pairs` query-key pairs in
 * all: 2 (n * linear + n_logits * vocab * hidden) + 4 * pairs * heads * head_dim * layers. */
double kw_config_flops(const struct kw_model_config *c, double n, double n_logits, double pairs);

#endif
