/* calibrate/profile/model.h - the shapes of the models we know (calibrate/data/models.json, embedded), and what follows
 * from a shape. */
#ifndef KW_CALIBRATE_PROFILE_MODEL_H
#define KW_CALIBRATE_PROFILE_MODEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kw_model_shape { /* from the model's config.json */
    char name[48];      /* llama-3.1-8b */
    char hf_name[80];   /* meta-llama/Llama-3.1-8B */
    uint32_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocab, max_position;
    bool tied_embeddings; /* lm_head is the embedding table */
    bool qkv_bias;        /* Qwen2 */
    bool qk_norm;         /* Qwen3 */
    double n_params;      /* all parameters, computed from the shape */
};
const struct kw_model_shape *kw_model_find(const char *name); /* by name or hf_name; NULL when unknown */
size_t kw_model_count(void);
const struct kw_model_shape *kw_model_at(size_t i); /* NULL past the end */
/* Two known models whose every extent agrees: their steps take the same time. */
bool kw_model_same_shape(const char *a, const char *b);

/* Parameters of the linear layers alone (qkv, o, gate, up, down of every layer), which fp8 halves. */
double kw_model_linear_params(const struct kw_model_shape *m);
/* Bytes of the whole model over all GPUs. "bf16" and "fp16": 2 a parameter. "fp8": 1 a parameter of the linear layers,
 * embedding, lm_head and norms stay at 2 (ENGINE.md 1). NAN for another precision. */
double kw_model_weight_bytes(const struct kw_model_shape *m, const char *precision);
/* Of those, what one decode step reads: all but the embedding table, of which it reads a row a token; a tied table is
 * read as lm_head. */
double kw_model_step_bytes(const struct kw_model_shape *m, const char *precision);
/* KV cache bytes a token over all layers and GPUs, 2 a value: vLLM's kv_cache_dtype "auto" keeps the KV cache at the
 * model's 16-bit type under fp8 weights too. (Checked: an H100 serving Qwen3-8B fp8, silybench in data/calibration,
 * slows down with context as 16-bit KV does, 25 % more at 200k tokens than fp8 KV would.) A profile states its own
 * figure. */
double kw_model_kv_bytes_per_token(const struct kw_model_shape *m, const char *precision);

#endif
