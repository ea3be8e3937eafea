/* engine/model/weights.h - where each weight lies: one arena, every matrix 256-byte aligned, Q, K, V fused by their
 * place (so are gate and up), layers at one stride. Both backends use this one layout; the CPU reads it in host memory,
 * the GPU in device memory.
 *
 * Precision of the parts: matrices of the layers in the model's precision; embedding, lm_head, norms and biases in the
 * same, but bf16 under fp8 (ENGINE.md 1). An fp8 matrix has one fp32 scale per output row: w = q * scale[row]. */
#ifndef KW_ENGINE_MODEL_WEIGHTS_H
#define KW_ENGINE_MODEL_WEIGHTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/model/config.h"
#include "engine/model/safetensors.h"

struct kw_matrix_ref { /* a matrix [rows][cols], row-major as Hugging Face stores it: [out][in]; a vector has rows 1 */
    uint64_t offset;   /* bytes from the arena's start, multiple of 256; for a layer's: within layer 0 */
    uint64_t bytes;    /* without the scales; 0: the model has no such weight */
    uint64_t scales;   /* fp8: offset of fp32 [rows], multiple of 256; else 0 */
    uint32_t rows, cols;
    enum kw_dtype dtype;
};

struct kw_weights_layout {
    enum kw_dtype precision; /* of the layers' matrices */
    uint32_t layers;
    uint64_t layer_stride;           /* layer l's weight is at offset + l * layer_stride, its scales likewise */
    uint64_t bytes;                  /* of the arena */
    struct kw_matrix_ref embed;      /* [vocab][hidden] */
    struct kw_matrix_ref final_norm; /* [1][hidden] */
    struct kw_matrix_ref lm_head;    /* [vocab][hidden]; the same offset as embed where tied */
    /* of each layer: */
    struct kw_matrix_ref attn_norm; /* [1][hidden] */
    struct kw_matrix_ref qkv;       /* [(heads + 2 kv_heads) head_dim][hidden]: Q rows, then K, then V */
    struct kw_matrix_ref qkv_bias;  /* [1][(heads + 2 kv_heads) head_dim]; bytes 0 where the model has none */
    struct kw_matrix_ref o;         /* [hidden][heads head_dim] */
    struct kw_matrix_ref mlp_norm;  /* [1][hidden] */
    struct kw_matrix_ref gate_up;   /* [2 intermediate][hidden]: gate rows, then up */
    struct kw_matrix_ref down;      /* [hidden][intermediate] */
};

/* Pure arithmetic; cannot fail for a config that kw_config_parse accepted. */
void kw_weights_layout(struct kw_weights_layout *w, const struct kw_model_config *c, enum kw_dtype precision);

/* Bytes one decode step must read at least: all but the embedding table (a row a token), lm_head included. */
uint64_t kw_weights_step_bytes(const struct kw_weights_layout *w);

/* The i-th weight in arena order: its matrix (layer offset added), the layer (UINT32_MAX: not of a layer) and a number
 * that is stable across precisions (for synthetic values). False past the end. A tied lm_head is not listed. */
struct kw_weight {
    struct kw_matrix_ref matrix;
    uint32_t layer, id;
    enum kw_weight_kind {
        KW_W_EMBED,
        KW_W_FINAL_NORM,
        KW_W_LM_HEAD,
        KW_W_ATTN_NORM,
        KW_W_QKV,
        KW_W_QKV_BIAS,
        KW_W_O,
        KW_W_MLP_NORM,
        KW_W_GATE_UP,
        KW_W_DOWN
    } kind;
};
bool kw_weights_at(const struct kw_weights_layout *w, size_t i, struct kw_weight *out);

/* The j-th tensor of a checkpoint that makes up a weight: rows [row, row + rows) of its matrix (values, of a vector),
 * under the name that Hugging Face's LlamaForCausalLM gives it. False past the last. */
struct kw_weight_part {
    char name[96];
    uint32_t row, rows;
};
bool kw_weights_part(const struct kw_model_config *c, const struct kw_weight *w, size_t j, struct kw_weight_part *out);

/* One tensor of the checkpoint on its way to its place. */
struct kw_copy {
    uint32_t file;
    uint64_t offset;    /* of the tensor in its file */
    uint64_t dst;       /* arena offset of its first row */
    uint64_t dst_scale; /* fp8 destination: arena offset of its first row's scale */
    uint32_t rows, cols;
    enum kw_dtype from, to; /* equal: bytes are copied; else converted row by row, fp8 by kw_fp8_quantise */
    float scale;            /* fp8 -> fp8 with one scale for the tensor: written to every row. NAN: none, or per row */
};
struct kw_weights_plan {    /* owns copies */
    struct kw_copy *copies; /* sorted by (file, offset) */
    size_t n;
    uint64_t read_bytes, arena_bytes;
};

/* Finds every weight of the layout in the checkpoint and checks dtype and shape. KW_ERANGE names what is missing or of
 * the wrong shape. Scalar scales are read from the files here (a few bytes each): KW_EINPUT. A checkpoint in fp8 can be
 * loaded only as fp8; one in fp32, bf16 or fp16 as anything. Extra tensors (rotary inv_freq, input_scale) are left out.
 */
enum kw_status kw_weights_plan(struct kw_weights_plan *p, const struct kw_weights_layout *w,
                               const struct kw_model_config *c, const struct kw_checkpoint *k, struct kw_error *err);
void kw_weights_plan_free(struct kw_weights_plan *p);

#endif
