#include "calibrate/profile/model_config.h"
#include <stdio.h>
#include <string.h>

/* What the classes of transformers do where config.json does not say (version 4.57 and 5, modeling_*.py and
 * configuration_*.py, read 2026-11-30). */
enum {
    BIAS = 1,         /* on the query, key and value projections */
    QK_NORM = 2,      /* on queries and keys */
    TIED = 4,         /* lm_head is the embedding table by default */
    FOUR_NORMS = 8,   /* a layer */
    GATED = 16,       /* attention's output */
    SHARED_GATE = 32, /* on the shared expert's output */
    ALL_SLIDE = 64,   /* where there is a window, in every layer */
    EVEN_SLIDE = 128, /* ... in every second, from the first on */
    FIVE_SLIDE = 256, /* ... in five of six, or sliding_window_pattern - 1 of so many */
    CHUNKED = 512,    /* three of four layers attend within chunks of attention_chunk_size, the others have no rope */
    LINEAR = 1024,    /* all but each full_attention_interval-th layer are linear */
    ONE_SHARED = 2048 /* a shared expert as wide as a routed one, though no key says so (Llama 4) */
};
static const struct family {
    const char *type;
    unsigned traits;
} families[] = { { "llama", 0 },
                 { "mistral", ALL_SLIDE },
                 { "mixtral", ALL_SLIDE },
                 { "qwen2", BIAS },
                 { "qwen2_moe", BIAS | SHARED_GATE },
                 { "qwen3", QK_NORM },
                 { "qwen3_moe", QK_NORM },
                 { "qwen3_next", QK_NORM | GATED | SHARED_GATE | LINEAR },
                 { "qwen3_5_text", QK_NORM | GATED | LINEAR },
                 { "qwen3_5_moe_text", QK_NORM | GATED | SHARED_GATE | LINEAR },
                 { "phi3", ALL_SLIDE },
                 { "gemma2", TIED | FOUR_NORMS | EVEN_SLIDE },
                 { "gemma3_text", TIED | FOUR_NORMS | QK_NORM | FIVE_SLIDE },
                 { "gpt_oss", EVEN_SLIDE },
                 { "llama4_text", CHUNKED | ONE_SHARED },
                 { "deepseek_v2", 0 },
                 { "deepseek_v3", 0 },
                 { "deepseek_v32", 0 },
                 { "kimi_k2", 0 },
                 { "glm4_moe", 0 },
                 { "glm4_moe_lite", 0 },
                 { "glm_moe_dsa", 0 },
                 { "minimax_m2", 0 } };
#define FAMILIES (sizeof families / sizeof *families)
/* Those that wrap a text model beside towers of other senses. */
static const char *const wrappers[] = { "gemma3", "llama4", "qwen3_5", "qwen3_5_moe", "kimi_k25", NULL };

/* Keys that speak of a shape and are read below, or say something that no step time or memory hangs on. */
static const char *const known[] = {
    "num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size",
    "vocab_size", "max_position_embeddings", "sliding_window", "use_sliding_window", "max_window_layers",
    "sliding_window_pattern", "_sliding_window_pattern", "layer_types", "full_attention_interval", "attention_bias",
    "attention_chunk_size", "no_rope_layers", "no_rope_layer_interval", "linear_conv_kernel_dim", "linear_key_head_dim",
    "linear_num_key_heads", "linear_num_value_heads", "linear_value_head_dim", "kv_lora_rank", "q_lora_rank",
    "qk_nope_head_dim", "qk_rope_head_dim", "qk_head_dim", "v_head_dim", "index_head_dim", "index_n_heads",
    "n_routed_experts", "num_experts", "num_local_experts", "num_experts_per_tok", "experts_per_token",
    "n_shared_experts", "moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size",
    "intermediate_size_mlp", "first_k_dense_replace", "moe_layer_freq", "moe_layers", "mlp_only_layers",
    "decoder_sparse_step", "interleave_moe_layer_step", "mlp_layer_types", "attn_type_list",
    /* no part of a step */
    "attention_dropout", "attention_multiplier", "attn_implementation", "num_nextn_predict_layers",
    "mtp_num_hidden_layers", "mtp_transformer_layers", "num_mtp_modules", "num_logits_to_keep", "n_group", "topk_group",
    "index_topk", "index_topk_freq", "indexer_types", "rotary_dim", "head_dim_rope", "output_attentions",
    "output_hidden_states", "attn_logit_softcapping", "query_pre_attn_scalar", "floor_scale", "attn_scale",
    "attn_temperature_tuning", "original_max_position_embeddings", "cross_attention_hidden_size", "add_cross_attention",
    "pretraining_tp", "hidden_act", "layer_norm_eps", "layernorm_epsilon", "swiglu_limit", "use_qk_norm",
    "qk_norm_type", "num_beams", "num_beam_groups", "num_return_sequences", "tie_encoder_decoder", "use_routing_bias",
    "attn_output_gate", "index_skip_topk_offset", "index_share_for_mtp_iteration", "router_jitter_noise",
    "use_bidirectional_attention", "moe_router_dtype", "norm_topk_prob", "initial_context_length", NULL
};
/* What a key's name must have to speak of one. */
static const char *const shape_words[] = { "layer", "head",      "expert", "hidden", "intermediate", "rank",  "window",
                                           "attn",  "attention", "moe",    "mlp",    "ffn",          "mamba", "ssm",
                                           "conv",  "vocab",     "_dim",   "kv_",    "n_embd",       "num_",  NULL };

static bool is_in(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word)) list++;
    return *list;
}

static bool speaks_of_shape(const char *key)
{
    for (size_t i = 0; shape_words[i]; i++)
        if (strstr(key, shape_words[i])) return true;
    return false;
}

/* null, false, 0 and words of text change nothing. */
static bool says_nothing(struct kw_jnode n)
{
    bool on = true;
    double v = 1;
    const char *text;
    if (!kw_json_present(n) || kw_json_str(n, &text, NULL) == KW_OK) return true;
    if (kw_json_is_object(n) || kw_json_is_array(n)) return kw_json_len(n) == 0;
    return (kw_json_bool_or(n, true, &on, NULL) == KW_OK && !on) ||
           (kw_json_f64(n, -1e300, 1e300, &v, NULL) == KW_OK && v == 0);
}

static enum kw_status check_keys(struct kw_jnode o, struct kw_error *err)
{
    for (int i = 0; i < kw_json_len(o); i++) {
        const char *key;
        struct kw_jnode n = kw_json_member(o, i, &key);
        if (!speaks_of_shape(key) || is_in(key, known) || says_nothing(n)) continue;
        return kw_json_fail(n, KW_ERANGE, err, "what this key does to the model's shape is not known here");
    }
    return KW_OK;
}

/* ---- numbers */

static enum kw_status count(struct kw_jnode o, const char *key, uint32_t *out, struct kw_error *err)
{
    int64_t v;
    enum kw_status st = kw_json_i64(kw_json_get(o, key), 1, 1 << 24, &v, err);
    if (st == KW_OK) *out = (uint32_t)v;
    return st;
}

/* 0 and null are as good as absent. */
static enum kw_status count_or(struct kw_jnode o, const char *key, uint32_t dflt, uint32_t *out, struct kw_error *err)
{
    int64_t v = dflt;
    struct kw_jnode n = kw_json_get(o, key);
    enum kw_status st = kw_json_present(n) ? kw_json_i64(n, 0, 1 << 24, &v, err) : KW_OK;
    if (st == KW_OK) *out = v ? (uint32_t)v : dflt;
    return st;
}

static enum kw_status flag_or(struct kw_jnode o, const char *key, bool dflt, bool *out, struct kw_error *err)
{
    return kw_json_bool_or(kw_json_get(o, key), dflt, out, err);
}

/* The first of the keys that is there, the first of all where none is. */
static const char *first_of(struct kw_jnode o, const char *const keys[])
{
    for (size_t i = 0; keys[i]; i++)
        if (kw_json_present(kw_json_get(o, keys[i]))) return keys[i];
    return keys[0];
}

/* ---- attention */

static enum kw_status read_latent(struct kw_jnode o, struct kw_model_shape *m, struct kw_error *err)
{
    enum kw_status st = count_or(o, "kv_lora_rank", 0, &m->latent.kv_rank, err);
    if (st != KW_OK || !m->latent.kv_rank) return st;
    if ((st = count_or(o, "q_lora_rank", 0, &m->latent.q_rank, err)) != KW_OK ||
        (st = count(o, "qk_nope_head_dim", &m->latent.nope_dim, err)) != KW_OK ||
        (st = count(o, "qk_rope_head_dim", &m->latent.rope_dim, err)) != KW_OK ||
        (st = count(o, "v_head_dim", &m->latent.v_dim, err)) != KW_OK ||
        (st = count_or(o, "index_n_heads", 0, &m->latent.index_heads, err)) != KW_OK)
        return st;
    if (m->latent.index_heads && !m->latent.q_rank)
        return kw_json_fail(kw_json_get(o, "index_n_heads"), KW_ERANGE, err, "an indexer needs a q_lora_rank");
    m->head_dim = m->latent.nope_dim + m->latent.rope_dim;
    return m->latent.index_heads ? count(o, "index_head_dim", &m->latent.index_dim, err) : KW_OK;
}

static enum kw_status read_linear(struct kw_jnode o, struct kw_model_shape *m, struct kw_error *err)
{
    enum kw_status st = count(o, "linear_num_key_heads", &m->linear.key_heads, err);
    if (st == KW_OK) st = count(o, "linear_num_value_heads", &m->linear.value_heads, err);
    if (st == KW_OK) st = count(o, "linear_key_head_dim", &m->linear.key_dim, err);
    if (st == KW_OK) st = count(o, "linear_value_head_dim", &m->linear.value_dim, err);
    return st == KW_OK ? count(o, "linear_conv_kernel_dim", &m->linear.conv, err) : st;
}

/* The layers one by one, where config.json lists them. */
static enum kw_status read_layer_types(struct kw_jnode list, struct kw_model_shape *m, struct kw_error *err)
{
    static const char *const kinds[] = { "full_attention", "sliding_attention", "chunked_attention", "linear_attention",
                                         NULL };
    if (!kw_json_is_array(list) || kw_json_len(list) != (int)m->layers)
        return kw_json_fail(list, KW_ERANGE, err, "want a list of num_hidden_layers (%u) kinds", m->layers);
    for (int i = 0; i < kw_json_len(list); i++) {
        int k;
        enum kw_status st = kw_json_enum(kw_json_at(list, i), kinds, &k, err);
        if (st != KW_OK) return st;
        m->window_layers += k == 1 || k == 2;
        m->linear_layers += k == 3;
    }
    return KW_OK;
}

static enum kw_status read_layers(struct kw_jnode o, unsigned traits, struct kw_model_shape *m, struct kw_error *err)
{
    struct kw_jnode types = kw_json_get(o, "layer_types"), rope = kw_json_get(o, "no_rope_layers");
    uint32_t every, from = 0;
    bool slides;
    enum kw_status st = count_or(o, traits & CHUNKED ? "attention_chunk_size" : "sliding_window", 0, &m->window, err);
    if (st == KW_OK)
        st = flag_or(o, "use_sliding_window", !(traits & BIAS) && !(traits & QK_NORM && !(traits & FIVE_SLIDE)),
                     &slides, err);
    if (st != KW_OK) return st;
    if (!slides || m->window >= m->max_position) m->window = 0; /* it never cuts anything off */
    if (kw_json_present(types)) {
        st = read_layer_types(types, m, err);
    } else if (traits & LINEAR) {
        st = count_or(o, "full_attention_interval", 4, &every, err);
        if (st == KW_OK) m->linear_layers = m->layers - m->layers / every;
    } else if (traits & CHUNKED && kw_json_is_array(rope) && kw_json_len(rope)) {
        for (int i = 0; i < kw_json_len(rope) && st == KW_OK; i++) {
            int64_t on = 0;
            st = kw_json_i64(kw_json_at(rope, i), 0, 1, &on, err);
            m->window_layers += on == 1;
        }
    } else if (traits & (CHUNKED | FIVE_SLIDE)) {
        st = count_or(o, traits & CHUNKED ? "no_rope_layer_interval" : "sliding_window_pattern",
                      traits & CHUNKED ? 4 : 6, &every, err);
        if (st == KW_OK) m->window_layers = m->layers - m->layers / every;
    } else if (traits & EVEN_SLIDE) {
        m->window_layers = m->layers - m->layers / 2;
    } else if (m->window) {
        st = count_or(o, "max_window_layers", 0, &from, err); /* of Qwen: those before it attend in full */
        m->window_layers = traits & ALL_SLIDE ? m->layers : from < m->layers ? m->layers - from : 0;
    }
    if (st != KW_OK) return st;
    if (m->window_layers > m->layers) return kw_json_fail(rope, KW_ERANGE, err, "names more layers than there are");
    if (!m->window) m->window_layers = 0;
    if (!m->window_layers) m->window = 0;
    return m->linear_layers ? read_linear(o, m, err) : KW_OK;
}

static enum kw_status read_attention(struct kw_jnode o, unsigned traits, struct kw_model_shape *m, struct kw_error *err)
{
    bool gemma = traits & FIVE_SLIDE, bias;
    const char *type = "";
    enum kw_status st =
        gemma ? count_or(o, "num_attention_heads", 8, &m->heads, err) : count(o, "num_attention_heads", &m->heads, err);
    if (st == KW_OK) st = count_or(o, "num_key_value_heads", gemma ? 4 : m->heads, &m->kv_heads, err);
    if (st == KW_OK) st = count_or(o, "head_dim", gemma ? 256 : m->hidden / m->heads, &m->head_dim, err);
    if (st != KW_OK) return st;
    if (m->heads % m->kv_heads)
        return kw_json_fail(kw_json_get(o, "num_key_value_heads"), KW_ERANGE, err, "%u does not divide %u heads",
                            m->kv_heads, m->heads);
    if (!m->head_dim || (!kw_json_present(kw_json_get(o, "head_dim")) && !gemma && m->hidden % m->heads))
        return kw_json_fail(kw_json_get(o, "num_attention_heads"), KW_ERANGE, err,
                            "%u heads do not divide hidden_size %u and there is no head_dim", m->heads, m->hidden);
    if ((st = flag_or(o, "attention_bias", traits & BIAS, &bias, err)) != KW_OK) return st;
    m->qkv_bias = bias;
    m->o_bias = bias && traits & EVEN_SLIDE && !(traits & FOUR_NORMS); /* gpt-oss alone */
    if ((st = flag_or(o, "use_qk_norm", traits & QK_NORM, &m->qk_norm, err)) != KW_OK) return st;
    if (traits & CHUNKED) m->qk_norm = false; /* Llama 4's has no weights */
    if ((st = kw_json_str_or(kw_json_get(o, "qk_norm_type"), "", &type, err)) != KW_OK) return st;
    m->qk_norm_all = m->qk_norm && !strcmp(type, "per_layer");
    if ((st = flag_or(o, "attn_output_gate", traits & GATED, &m->gated, err)) != KW_OK) return st;
    struct kw_jnode lightning = kw_json_get(o, "attn_type_list");
    for (int i = 0; kw_json_is_array(lightning) && i < kw_json_len(lightning); i++) {
        int64_t full;
        if ((st = kw_json_i64(kw_json_at(lightning, i), 1, 1, &full, err)) != KW_OK)
            return st; /* 0: lightning attention */
    }
    if ((st = read_latent(o, m, err)) != KW_OK) return st;
    return read_layers(o, traits, m, err);
}

/* ---- experts */

/* Of the layers, those with a plain MLP. */
static enum kw_status read_dense_layers(struct kw_jnode o, struct kw_model_shape *m, struct kw_error *err)
{
    static const char *const kinds[] = { "dense", "sparse", NULL };
    struct kw_jnode list = kw_json_get(o, "mlp_layer_types"), named = kw_json_get(o, "moe_layers"),
                    plain = kw_json_get(o, "mlp_only_layers");
    uint32_t first, freq, step, interleave, n = 0;
    enum kw_status st = count_or(o, "first_k_dense_replace", 0, &first, err);
    if (st == KW_OK) st = count_or(o, "moe_layer_freq", 1, &freq, err);
    if (st == KW_OK) st = count_or(o, "decoder_sparse_step", 1, &step, err);
    if (st == KW_OK) st = count_or(o, "interleave_moe_layer_step", 1, &interleave, err);
    if (st != KW_OK) return st;
    if (freq > 1) return kw_json_fail(kw_json_get(o, "moe_layer_freq"), KW_ERANGE, err, "only 1 is known here");
    if (interleave > step) step = interleave;
    n = first + m->layers - m->layers / step;
    if (kw_json_is_array(plain)) n += (uint32_t)kw_json_len(plain);
    if (kw_json_is_array(named)) n = m->layers - (uint32_t)kw_json_len(named);
    if (kw_json_is_array(list)) {
        n = 0;
        for (int i = 0; i < kw_json_len(list); i++) {
            int k;
            if ((st = kw_json_enum(kw_json_at(list, i), kinds, &k, err)) != KW_OK) return st;
            n += k == 0;
        }
    }
    if (n > m->layers)
        return kw_json_fail(o, KW_ERANGE, err, "%u layers without experts are more than there are (%u)", n, m->layers);
    m->experts.dense_layers = n;
    return KW_OK;
}

static enum kw_status read_experts(struct kw_jnode o, unsigned traits, struct kw_model_shape *m, struct kw_error *err)
{
    static const char *const numbers[] = { "n_routed_experts", "num_experts", "num_local_experts", NULL },
                             *const taken[] = { "num_experts_per_tok", "experts_per_token", NULL };
    const char *key;
    uint32_t shared = 0, width = 0, other = 0;
    enum kw_status st = count_or(o, first_of(o, numbers), 0, &m->experts.n, err);
    if (st != KW_OK || !m->experts.n) return st;
    key = first_of(o, taken);
    if ((st = count(o, key, &m->experts.active, err)) != KW_OK) return st;
    if (m->experts.active > m->experts.n)
        return kw_json_fail(kw_json_get(o, key), KW_ERANGE, err, "is more than the %u experts there are", m->experts.n);
    if ((st = count_or(o, "moe_intermediate_size", m->intermediate, &m->experts.width, err)) != KW_OK) return st;
    if (!m->experts.width)
        return kw_json_fail(kw_json_get(o, "moe_intermediate_size"), KW_EPARSE, err, "want the experts' width");
    if ((st = count_or(o, "n_shared_experts", traits & ONE_SHARED ? 1 : 0, &shared, err)) != KW_OK ||
        (st = count_or(o, "shared_expert_intermediate_size", 0, &width, err)) != KW_OK ||
        (st = count_or(o, "shared_intermediate_size", 0, &other, err)) != KW_OK)
        return st;
    if (shared > 1024)
        return kw_json_fail(kw_json_get(o, "n_shared_experts"), KW_ERANGE, err, "want at most 1024; got %u", shared);
    if (m->experts.width > 1 << 20 || width > 1 << 20 || other > 1 << 20)
        return kw_json_fail(o, KW_ERANGE, err, "an expert wider than %d is no expert", 1 << 20);
    m->experts.shared_width = shared * m->experts.width + width + other;
    m->experts.shared_gate = m->experts.shared_width && traits & SHARED_GATE;
    m->experts.bias = m->o_bias;
    if ((st = count_or(o, "intermediate_size_mlp", m->intermediate, &m->intermediate, err)) != KW_OK) return st;
    return read_dense_layers(o, m, err);
}

/* ---- quantisation */

/* Parts that a list of patterns keeps in 16 bits. Names of single layers are of norms and routers, which stay wide in any
 * case. */
static unsigned kept_wide(struct kw_jnode list)
{
    unsigned wide = 0;
    const char *s;
    for (int i = 0; kw_json_is_array(list) && i < kw_json_len(list); i++) {
        if (kw_json_str(kw_json_at(list, i), &s, NULL) != KW_OK || !strchr(s, '*')) continue;
        if (strstr(s, "self_attn")) wide |= KW_PART_ATTENTION;
        if (strstr(s, "shared_expert")) wide |= KW_PART_SHARED;
        if (strstr(s, "mlp\\.(") || strstr(s, "mlp.gate_proj")) wide |= KW_PART_MLP;
    }
    return wide;
}

static enum kw_status read_groups(struct kw_jnode groups, struct kw_model_shape *m, struct kw_error *err)
{
    static const char *const types[] = { "float", "int", NULL };
    if (!kw_json_is_object(groups) || !kw_json_len(groups))
        return kw_json_fail(groups, KW_EPARSE, err, "want an object of groups");
    struct kw_jnode w = kw_json_get(kw_json_member(groups, 0, NULL), "weights"), size = kw_json_get(w, "group_size");
    int64_t bits;
    int type;
    enum kw_status st = kw_json_i64(kw_json_get(w, "num_bits"), 4, 8, &bits, err);
    if (st == KW_OK) st = kw_json_enum(kw_json_get(w, "type"), types, &type, err);
    if (st == KW_OK) st = count_or(w, "group_size", 128, &m->quant_group, err);
    if (st != KW_OK) return st;
    if (bits == 8 && type == 0)
        m->quant = KW_QUANT_FP8;
    else if (bits == 4 && type == 1)
        m->quant = KW_QUANT_INT4;
    else if (bits == 4 && m->quant_group == 16)
        m->quant = KW_QUANT_NVFP4;
    else
        return kw_json_fail(kw_json_present(size) ? size : w, KW_ERANGE, err,
                            "weights of %d bits in this form are not known here: fp8, int4 and NVFP4 are", (int)bits);
    return KW_OK;
}

enum kw_status kw_model_config_quant(struct kw_jnode q, struct kw_model_shape *m, struct kw_error *err)
{
    static const char *const methods[] = { "fp8",   "fbgemm_fp8",         "awq",      "gptq",
                                           "mxfp4", "compressed-tensors", "modelopt", NULL },
                             *const algorithms[] = { "FP8", "NVFP4", NULL };
    static const enum kw_quant of_method[] = { KW_QUANT_FP8,   KW_QUANT_FP8,  KW_QUANT_INT4, KW_QUANT_INT4,
                                               KW_QUANT_MXFP4, KW_QUANT_NONE, KW_QUANT_NONE };
    int method, algorithm;
    int64_t bits;
    if (!kw_json_present(q)) return KW_OK;
    enum kw_status st = kw_json_enum(kw_json_get(q, "quant_method"), methods, &method, err);
    if (st != KW_OK) return st;
    m->quant = of_method[method];
    m->quant_group = 128;
    m->quant_zero = method == 2 || method == 3;
    m->quant_parts =
        KW_PARTS & ~(kept_wide(kw_json_get(q, "modules_to_not_convert")) | kept_wide(kw_json_get(q, "ignore")));
    if (method == 2 || method == 3) {
        if ((st = kw_json_i64(kw_json_get(q, "bits"), 4, 4, &bits, err)) != KW_OK) return st;
        return count_or(q, "group_size", 128, &m->quant_group, err);
    }
    if (method == 5) return read_groups(kw_json_get(q, "config_groups"), m, err);
    if (method == 6 && (st = kw_json_enum(kw_json_get(q, "quant_algo"), algorithms, &algorithm, err)) == KW_OK)
        m->quant = algorithm ? KW_QUANT_NVFP4 : KW_QUANT_FP8;
    return st;
}

/* ---- all of it */

static enum kw_status read_text(struct kw_jnode o, struct kw_jnode root, struct kw_model_shape *m, struct kw_error *err)
{
    const char *types[FAMILIES + 1] = { NULL };
    bool dense_width;
    int family;
    for (size_t i = 0; i < FAMILIES; i++) types[i] = families[i].type;
    enum kw_status st = kw_json_enum(kw_json_get(o, "model_type"), types, &family, err);
    if (st == KW_OK) st = check_keys(o, err);
    if (st == KW_OK) st = count(o, "num_hidden_layers", &m->layers, err);
    if (st == KW_OK) st = count(o, "hidden_size", &m->hidden, err);
    if (st != KW_OK) return st;
    unsigned traits = families[family].traits;
    bool gemma = traits & FIVE_SLIDE;
    m->norms = traits & FOUR_NORMS ? 4 : 2;
    st = gemma ? count_or(o, "vocab_size", 262208, &m->vocab, err) : count(o, "vocab_size", &m->vocab, err);
    if (st == KW_OK) st = count_or(o, "max_position_embeddings", gemma ? 131072 : 2048, &m->max_position, err);
    if (st == KW_OK) st = count_or(o, "intermediate_size", 0, &m->intermediate, err);
    struct kw_jnode tied = kw_json_get(o, "tie_word_embeddings");
    if (st == KW_OK)
        st = kw_json_bool_or(kw_json_present(tied) ? tied : kw_json_get(root, "tie_word_embeddings"), traits & TIED,
                             &m->tied_embeddings, err);
    if (st == KW_OK) st = read_attention(o, traits, m, err);
    if (st == KW_OK) st = read_experts(o, traits, m, err);
    if (st != KW_OK) return st;
    dense_width = !m->experts.n || m->experts.dense_layers;
    if (dense_width && !m->intermediate)
        return kw_json_fail(kw_json_get(o, "intermediate_size"), KW_EPARSE, err, "want the width of the MLP");
    struct kw_jnode q = kw_json_get(o, "quantization_config");
    return kw_model_config_quant(kw_json_present(q) ? q : kw_json_get(root, "quantization_config"), m, err);
}

enum kw_status kw_model_config_read(struct kw_jnode root, struct kw_model_shape *m, struct kw_error *err)
{
    struct kw_model_shape got = { 0 };
    struct kw_jnode text = kw_json_get(root, "text_config");
    const char *type = "";
    if (!kw_json_is_object(root)) return kw_json_fail(root, KW_EPARSE, err, "want an object, a model's config.json");
    enum kw_status st = kw_json_str(kw_json_get(root, "model_type"), &type, err);
    if (st == KW_OK) st = read_text(is_in(type, wrappers) && kw_json_is_object(text) ? text : root, root, &got, err);
    if (st != KW_OK) return st;
    memcpy(got.name, m->name, sizeof got.name);
    memcpy(got.hf_name, m->hf_name, sizeof got.hf_name);
    memcpy(got.source, m->source, sizeof got.source);
    *m = got;
    kw_model_count_params(m);
    return KW_OK;
}
