#include "engine/model/config.h"
#include "sim/core/files/json.h"
#include "sim/core/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PI 3.14159265358979323846

static const char *const arch_type[] = { "llama", "qwen2", "mistral", NULL }; /* config.json's model_type */

/* ---- known shapes; each repository's config.json on huggingface.co, 2026-11-24 */

struct shape {
    const char *name;
    enum kw_arch arch;
    uint32_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocab, max_position;
    double theta, llama3_factor; /* 0: no scaling */
    double eps;
    bool tied;
};
static const struct shape shapes[] = {
    { "llama-3.2-1b", KW_ARCH_LLAMA, 16, 2048, 32, 8, 64, 8192, 128256, 131072, 5e5, 32, 1e-5, true },
    { "llama-3.2-3b", KW_ARCH_LLAMA, 28, 3072, 24, 8, 128, 8192, 128256, 131072, 5e5, 32, 1e-5, true },
    { "llama-3-8b", KW_ARCH_LLAMA, 32, 4096, 32, 8, 128, 14336, 128256, 8192, 5e5, 0, 1e-5, false },
    { "llama-3.1-8b", KW_ARCH_LLAMA, 32, 4096, 32, 8, 128, 14336, 128256, 131072, 5e5, 8, 1e-5, false },
    { "llama-3.1-70b", KW_ARCH_LLAMA, 80, 8192, 64, 8, 128, 28672, 128256, 131072, 5e5, 8, 1e-5, false },
    { "llama-3.3-70b", KW_ARCH_LLAMA, 80, 8192, 64, 8, 128, 28672, 128256, 131072, 5e5, 8, 1e-5, false },
    { "llama-3.1-405b", KW_ARCH_LLAMA, 126, 16384, 128, 8, 128, 53248, 128256, 131072, 5e5, 8, 1e-5, false },
    { "llama-2-7b", KW_ARCH_LLAMA, 32, 4096, 32, 32, 128, 11008, 32000, 4096, 1e4, 0, 1e-5, false },
    { "llama-2-70b", KW_ARCH_LLAMA, 80, 8192, 64, 8, 128, 28672, 32000, 4096, 1e4, 0, 1e-5, false },
    { "mistral-7b", KW_ARCH_MISTRAL, 32, 4096, 32, 8, 128, 14336, 32768, 32768, 1e6, 0, 1e-5, false },
    { "qwen2.5-0.5b", KW_ARCH_QWEN2, 24, 896, 14, 2, 64, 4864, 151936, 32768, 1e6, 0, 1e-6, true },
    { "qwen2.5-1.5b", KW_ARCH_QWEN2, 28, 1536, 12, 2, 128, 8960, 151936, 32768, 1e6, 0, 1e-6, true },
    { "qwen2.5-3b", KW_ARCH_QWEN2, 36, 2048, 16, 2, 128, 11008, 151936, 32768, 1e6, 0, 1e-6, true },
    { "qwen2.5-7b", KW_ARCH_QWEN2, 28, 3584, 28, 4, 128, 18944, 152064, 32768, 1e6, 0, 1e-6, false },
    { "qwen2.5-14b", KW_ARCH_QWEN2, 48, 5120, 40, 8, 128, 13824, 152064, 32768, 1e6, 0, 1e-6, false },
    { "qwen2.5-32b", KW_ARCH_QWEN2, 64, 5120, 40, 8, 128, 27648, 152064, 32768, 1e6, 0, 1e-6, false },
    { "qwen2.5-72b", KW_ARCH_QWEN2, 80, 8192, 64, 8, 128, 29568, 152064, 32768, 1e6, 0, 1e-6, false },
    /* ours, 125 M parameters, 250 MB in bf16: more than any cache holds, small enough for a CPU to serve */
    { "small", KW_ARCH_LLAMA, 12, 768, 12, 4, 64, 2048, 32000, 4096, 1e4, 0, 1e-5, false },
    { "tiny", KW_ARCH_LLAMA, 4, 256, 4, 2, 64, 704, 2048, 4096, 1e4, 0, 1e-5, false }, /* ours: 8 MB in bf16 */
};
#define N_SHAPES (sizeof shapes / sizeof *shapes)

enum kw_status kw_config_named(struct kw_model_config *c, const char *name, struct kw_error *err)
{
    const char *names[N_SHAPES + 1] = { NULL };
    for (size_t i = 0; i < N_SHAPES; i++) {
        names[i] = shapes[i].name;
        if (strcmp(name, shapes[i].name)) continue;
        const struct shape *s = &shapes[i];
        *c = (struct kw_model_config){ .arch = s->arch,
                                       .layers = s->layers,
                                       .hidden = s->hidden,
                                       .heads = s->heads,
                                       .kv_heads = s->kv_heads,
                                       .head_dim = s->head_dim,
                                       .intermediate = s->intermediate,
                                       .vocab = s->vocab,
                                       .max_position = s->max_position,
                                       .rms_eps = (float)s->eps,
                                       .rope_theta = s->theta,
                                       .qkv_bias = s->arch == KW_ARCH_QWEN2,
                                       .tied_embeddings = s->tied,
                                       .dtype = KW_DT_BF16,
                                       .bos = 1,
                                       .eos = { 2 },
                                       .n_eos = 1 };
        snprintf(c->name, sizeof c->name, "%s", s->name);
        if (s->llama3_factor > 0) {
            c->rope = KW_ROPE_LLAMA3, c->rope_factor = s->llama3_factor;
            c->rope_low_freq = 1, c->rope_high_freq = 4, c->rope_original = 8192;
        }
        if (s->vocab == 128256) c->bos = 128000, c->eos[0] = 128001;
        if (s->arch == KW_ARCH_QWEN2) c->bos = c->eos[0] = 151643;
        return KW_OK;
    }
    const char *near = kw_nearest(name, names);
    return kw_fail(err, KW_ERANGE, "no model shape is called '%.80s'%s%s%s", name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : " and no folder either");
}

/* ---- reading config.json */

static enum kw_status read_u32(struct kw_jnode o, const char *key, int64_t lo, int64_t hi, uint32_t *out,
                               struct kw_error *err)
{
    int64_t v;
    enum kw_status st = kw_json_i64(kw_json_get(o, key), lo, hi, &v, err);
    if (st == KW_OK) *out = (uint32_t)v;
    return st;
}

static enum kw_status read_u32_or(struct kw_jnode o, const char *key, uint32_t dflt, int64_t lo, int64_t hi,
                                  uint32_t *out, struct kw_error *err)
{
    *out = dflt;
    return kw_json_present(kw_json_get(o, key)) ? read_u32(o, key, lo, hi, out, err) : KW_OK;
}

/* A flag that must be false (or absent): what it would switch on is not implemented. */
static enum kw_status refuse_flag(struct kw_jnode o, const char *key, const char *why, struct kw_error *err)
{
    bool on;
    struct kw_jnode n = kw_json_get(o, key);
    enum kw_status st = kw_json_bool_or(n, false, &on, err);
    return st == KW_OK && on ? kw_json_fail(n, KW_ERANGE, err, "%s", why) : st;
}

static enum kw_status read_rope(struct kw_model_config *c, struct kw_jnode o, struct kw_error *err)
{
    /* transformers 5 writes rope_parameters, which holds rope_theta too; before it was rope_scaling beside rope_theta.
     */
    struct kw_jnode scaling = kw_json_get(o, "rope_parameters"), theta = kw_json_get(o, "rope_theta");
    if (kw_json_present(scaling)) {
        if (kw_json_present(kw_json_get(scaling, "rope_theta"))) theta = kw_json_get(scaling, "rope_theta");
    } else {
        scaling = kw_json_get(o, "rope_scaling");
    }
    enum kw_status st = kw_json_f64_or(theta, 10000, 1, 1e12, &c->rope_theta, err);
    c->rope = KW_ROPE_PLAIN;
    if (st != KW_OK || !kw_json_present(scaling)) return st;
    static const char *const types[] = { "default", "linear", "llama3", NULL };
    struct kw_jnode type = kw_json_get(scaling, "rope_type");
    if (!kw_json_present(type)) type = kw_json_get(scaling, "type");
    int k;
    if ((st = kw_json_enum(type, types, &k, err)) != KW_OK) return st;
    c->rope = (enum kw_rope)k;
    if (k == KW_ROPE_PLAIN) return KW_OK;
    if ((st = kw_json_f64(kw_json_get(scaling, "factor"), 1, 1e6, &c->rope_factor, err)) != KW_OK) return st;
    if (k == KW_ROPE_LINEAR) return KW_OK;
    struct kw_jnode high = kw_json_get(scaling, "high_freq_factor");
    if ((st = kw_json_f64(kw_json_get(scaling, "low_freq_factor"), 1e-3, 1e6, &c->rope_low_freq, err)) != KW_OK ||
        (st = kw_json_f64(high, 1e-3, 1e6, &c->rope_high_freq, err)) != KW_OK ||
        (st = read_u32(scaling, "original_max_position_embeddings", 1, 1 << 24, &c->rope_original, err)) != KW_OK)
        return st;
    if (c->rope_high_freq <= c->rope_low_freq)
        return kw_json_fail(high, KW_ERANGE, err, "want more than low_freq_factor (%g); got %g", c->rope_low_freq,
                            c->rope_high_freq);
    return KW_OK;
}

/* Pre-quantised E4M3: one scale per tensor or per row. Blocks of scales and other number formats are refused. */
static enum kw_status read_quantisation(struct kw_model_config *c, struct kw_jnode q, struct kw_error *err)
{
    if (!kw_json_present(q)) return KW_OK;
    static const char *const methods[] = { "fp8", "compressed-tensors", NULL };
    int method;
    enum kw_status st = kw_json_enum(kw_json_get(q, "quant_method"), methods, &method, err);
    if (st != KW_OK) return st;
    c->fp8_checkpoint = true;
    if (method == 0) {
        struct kw_jnode block = kw_json_get(q, "weight_block_size");
        return kw_json_present(block) ? kw_json_fail(block, KW_ERANGE, err, "scales per block are not implemented")
                                      : KW_OK;
    }
    struct kw_jnode groups = kw_json_get(q, "config_groups");
    if (!kw_json_is_object(groups) || !kw_json_len(groups))
        return kw_json_fail(groups, KW_EPARSE, err, "want an object of groups");
    static const char *const types[] = { "float", NULL }, *const strategies[] = { "tensor", "channel", NULL };
    for (int i = 0; i < kw_json_len(groups); i++) {
        struct kw_jnode w = kw_json_get(kw_json_member(groups, i, NULL), "weights");
        int64_t bits;
        int k;
        if ((st = kw_json_i64(kw_json_get(w, "num_bits"), 8, 8, &bits, err)) != KW_OK ||
            (st = kw_json_enum(kw_json_get(w, "type"), types, &k, err)) != KW_OK ||
            (st = kw_json_enum(kw_json_get(w, "strategy"), strategies, &k, err)) != KW_OK)
            return st;
    }
    return KW_OK;
}

static enum kw_status read_eos(struct kw_model_config *c, struct kw_jnode n, struct kw_error *err)
{
    int64_t v;
    enum kw_status st = KW_OK;
    c->n_eos = 0;
    if (!kw_json_present(n)) return KW_OK;
    if (!kw_json_is_array(n)) {
        if ((st = kw_json_i64(n, 0, c->vocab - 1, &v, err)) == KW_OK) c->eos[c->n_eos++] = (uint32_t)v;
        return st;
    }
    if (kw_json_len(n) > 8) return kw_json_fail(n, KW_ERANGE, err, "want at most 8 ids; got %d", kw_json_len(n));
    for (int i = 0; i < kw_json_len(n) && st == KW_OK; i++)
        if ((st = kw_json_i64(kw_json_at(n, i), 0, c->vocab - 1, &v, err)) == KW_OK) c->eos[c->n_eos++] = (uint32_t)v;
    return st;
}

static enum kw_status read_extents(struct kw_model_config *c, struct kw_jnode o, struct kw_error *err)
{
    enum kw_status st;
    if ((st = read_u32(o, "num_hidden_layers", 1, 1024, &c->layers, err)) != KW_OK ||
        (st = read_u32(o, "hidden_size", 8, 1 << 20, &c->hidden, err)) != KW_OK ||
        (st = read_u32(o, "num_attention_heads", 1, 1024, &c->heads, err)) != KW_OK ||
        (st = read_u32_or(o, "num_key_value_heads", c->heads, 1, 1024, &c->kv_heads, err)) != KW_OK ||
        (st = read_u32(o, "intermediate_size", 8, 1 << 20, &c->intermediate, err)) != KW_OK ||
        (st = read_u32(o, "vocab_size", 1, 1 << 22, &c->vocab, err)) != KW_OK ||
        (st = read_u32_or(o, "max_position_embeddings", 2048, 1, 1 << 24, &c->max_position, err)) != KW_OK)
        return st;
    if (c->heads % c->kv_heads)
        return kw_json_fail(kw_json_get(o, "num_key_value_heads"), KW_ERANGE, err, "%u does not divide %u heads",
                            c->kv_heads, c->heads);
    if (c->hidden % 8 || c->intermediate % 8)
        return kw_json_fail(kw_json_get(o, c->hidden % 8 ? "hidden_size" : "intermediate_size"), KW_ERANGE, err,
                            "want a multiple of 8");
    struct kw_jnode dim = kw_json_get(o, "head_dim");
    if (!kw_json_present(dim) && c->hidden % c->heads)
        return kw_json_fail(kw_json_get(o, "num_attention_heads"), KW_ERANGE, err,
                            "%u heads do not divide hidden_size %u and there is no head_dim", c->heads, c->hidden);
    if ((st = read_u32_or(o, "head_dim", c->hidden / c->heads, 2, 512, &c->head_dim, err)) != KW_OK) return st;
    if (c->head_dim < 2 || c->head_dim > 512 || c->head_dim % 2)
        return kw_json_fail(kw_json_present(dim) ? dim : kw_json_get(o, "hidden_size"), KW_ERANGE, err,
                            "want an even head_dim from 2 to 512; got %u", c->head_dim);
    return KW_OK;
}

static enum kw_status read_all(struct kw_model_config *c, struct kw_jnode o, struct kw_error *err)
{
    static const char *const acts[] = { "silu", "swish", NULL };
    static const char *const dtypes[] = { "float32", "bfloat16", "float16", NULL };
    int k;
    enum kw_status st;
    if (!kw_json_is_object(o)) return kw_json_fail(o, KW_EPARSE, err, "want an object");
    if ((st = kw_json_enum(kw_json_get(o, "model_type"), arch_type, &k, err)) != KW_OK) return st;
    c->arch = (enum kw_arch)k;
    if ((st = read_extents(c, o, err)) != KW_OK ||
        (st = kw_json_enum_or(kw_json_get(o, "hidden_act"), 0, acts, &k, err)) != KW_OK ||
        (st = refuse_flag(o, "mlp_bias", "a bias in the MLP is not implemented", err)) != KW_OK ||
        (st = refuse_flag(o, "attention_bias", "attention_bias (a bias on o_proj too) is not implemented", err)) !=
            KW_OK)
        return st;
    double v;
    struct kw_jnode partial = kw_json_get(o, "partial_rotary_factor");
    if ((st = kw_json_f64_or(partial, 1, 0, 1, &v, err)) != KW_OK) return st;
    if (v != 1) return kw_json_fail(partial, KW_ERANGE, err, "want 1 (all dimensions rotate); got %g", v);
    if ((st = kw_json_f64_or(kw_json_get(o, "rms_norm_eps"), 1e-6, 0, 1, &v, err)) != KW_OK) return st;
    c->rms_eps = (float)v;
    if ((st = kw_json_bool_or(kw_json_get(o, "tie_word_embeddings"), false, &c->tied_embeddings, err)) != KW_OK)
        return st;
    c->qkv_bias = c->arch == KW_ARCH_QWEN2;
    if (c->arch == KW_ARCH_MISTRAL) /* absent in Mistral's own class means 4096, but every published config writes it */
        st = read_u32_or(o, "sliding_window", 0, 1, 1 << 24, &c->sliding_window, err);
    else if (c->arch == KW_ARCH_QWEN2)
        st = refuse_flag(o, "use_sliding_window", "a sliding window in some layers only is not implemented", err);
    if (st != KW_OK || (st = read_rope(c, o, err)) != KW_OK) return st;
    struct kw_jnode dtype = kw_json_get(o, "torch_dtype");
    if (!kw_json_present(dtype)) dtype = kw_json_get(o, "dtype");
    if ((st = kw_json_enum_or(dtype, KW_DT_FP32, dtypes, &k, err)) != KW_OK) return st;
    c->dtype = (enum kw_dtype)k;
    if ((st = read_quantisation(c, kw_json_get(o, "quantization_config"), err)) != KW_OK) return st;
    struct kw_jnode bos = kw_json_get(o, "bos_token_id");
    c->bos = UINT32_MAX;
    if (kw_json_present(bos) && (st = read_u32(o, "bos_token_id", 0, c->vocab - 1, &c->bos, err)) != KW_OK) return st;
    if ((st = read_eos(c, kw_json_get(o, "eos_token_id"), err)) != KW_OK) return st;
    const char *name;
    if ((st = kw_json_str_or(kw_json_get(o, "_name_or_path"), "", &name, err)) == KW_OK)
        snprintf(c->name, sizeof c->name, "%.90s", name);
    return st;
}

enum kw_status kw_config_parse(struct kw_model_config *c, const char *name, const char *text, size_t len,
                               struct kw_error *err)
{
    struct kw_json doc;
    struct kw_model_config got = { 0 };
    enum kw_status st = kw_json_parse(&doc, name, text, len, err);
    if (st != KW_OK) return st;
    st = read_all(&got, kw_json_root(&doc), err);
    kw_json_free(&doc);
    if (st == KW_OK) *c = got;
    return st;
}

enum kw_status kw_config_load(struct kw_model_config *c, const char *path, struct kw_error *err)
{
    char file[4096];
    struct stat s;
    bool folder = !stat(path, &s) && S_ISDIR(s.st_mode);
    if (snprintf(file, sizeof file, "%s%s", path, folder ? "/config.json" : "") >= (int)sizeof file)
        return kw_fail(err, KW_ERANGE, "%.100s...: the path is too long", path);
    struct kw_json doc;
    struct kw_model_config got = { 0 };
    enum kw_status st = kw_json_load(&doc, file, err);
    if (st != KW_OK) return st;
    st = read_all(&got, kw_json_root(&doc), err);
    kw_json_free(&doc);
    if (st == KW_OK) *c = got;
    return st;
}

/* ---- writing it */

enum kw_status kw_config_write(const struct kw_model_config *c, char **text, struct kw_error *err)
{
    static const char *const class[] = { "LlamaForCausalLM", "Qwen2ForCausalLM", "MistralForCausalLM" };
    static const char *const dtype[] = { "float32", "bfloat16", "float16" };
    struct kw_text t = { 0 };
    kw_text_add(&t,
                "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n  \"_name_or_path\": ", class[c->arch],
                arch_type[c->arch]);
    kw_text_quote(&t, c->name);
    kw_text_add(&t,
                ",\n  \"num_hidden_layers\": %u,\n  \"hidden_size\": %u,\n  \"num_attention_heads\": %u,\n"
                "  \"num_key_value_heads\": %u,\n  \"head_dim\": %u,\n  \"intermediate_size\": %u,\n"
                "  \"vocab_size\": %u,\n  \"max_position_embeddings\": %u,\n  \"hidden_act\": \"silu\",\n"
                "  \"rms_norm_eps\": %.9g,\n  \"rope_theta\": %.17g,\n",
                c->layers, c->hidden, c->heads, c->kv_heads, c->head_dim, c->intermediate, c->vocab, c->max_position,
                (double)c->rms_eps, c->rope_theta);
    if (c->rope == KW_ROPE_LINEAR)
        kw_text_add(&t, "  \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": %.17g},\n", c->rope_factor);
    if (c->rope == KW_ROPE_LLAMA3)
        kw_text_add(&t,
                    "  \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": %.17g, \"low_freq_factor\": %.17g, "
                    "\"high_freq_factor\": %.17g, \"original_max_position_embeddings\": %u},\n",
                    c->rope_factor, c->rope_low_freq, c->rope_high_freq, c->rope_original);
    if (c->sliding_window) kw_text_add(&t, "  \"sliding_window\": %u,\n", c->sliding_window);
    if (c->fp8_checkpoint) kw_text_add(&t, "  \"quantization_config\": {\"quant_method\": \"fp8\"},\n");
    if (c->bos != UINT32_MAX) kw_text_add(&t, "  \"bos_token_id\": %u,\n", c->bos);
    kw_text_add(&t, "  \"eos_token_id\": [");
    for (uint32_t i = 0; i < c->n_eos; i++) kw_text_add(&t, "%s%u", i ? ", " : "", c->eos[i]);
    kw_text_add(&t, "],\n  \"tie_word_embeddings\": %s,\n  \"torch_dtype\": \"%s\"\n}\n",
                c->tied_embeddings ? "true" : "false", dtype[c->dtype]);
    if (t.failed) {
        kw_text_free(&t);
        return kw_fail(err, KW_ENOMEM, "out of memory for config.json");
    }
    *text = t.s;
    return KW_OK;
}

/* ---- what follows from it */

double kw_config_inv_freq(const struct kw_model_config *c, uint32_t i)
{
    double f = pow(c->rope_theta, -2.0 * i / c->head_dim);
    if (c->rope == KW_ROPE_LINEAR) return f / c->rope_factor;
    if (c->rope != KW_ROPE_LLAMA3) return f;
    double wave = 2 * PI / f;
    if (wave > c->rope_original / c->rope_low_freq) return f / c->rope_factor;
    if (wave < c->rope_original / c->rope_high_freq) return f;
    double s = (c->rope_original / wave - c->rope_low_freq) / (c->rope_high_freq - c->rope_low_freq);
    return (1 - s) * f / c->rope_factor + s * f;
}

/* qkv, o, gate, up and down of all layers. */
static uint64_t linear_params(const struct kw_model_config *c)
{
    uint64_t q = (uint64_t)c->heads * c->head_dim, kv = (uint64_t)c->kv_heads * c->head_dim;
    return c->layers * ((q + 2 * kv) * c->hidden + q * c->hidden + 3 * (uint64_t)c->intermediate * c->hidden);
}

uint64_t kw_config_params(const struct kw_model_config *c)
{
    uint64_t bias = c->qkv_bias ? (uint64_t)(c->heads + 2 * c->kv_heads) * c->head_dim : 0;
    return linear_params(c) + c->layers * (2 * (uint64_t)c->hidden + bias) + c->hidden +
           (c->tied_embeddings ? 1 : 2) * (uint64_t)c->vocab * c->hidden;
}

uint64_t kw_config_kv_values(const struct kw_model_config *c)
{
    return 2 * (uint64_t)c->layers * c->kv_heads * c->head_dim;
}

double kw_config_flops(const struct kw_model_config *c, double n, double n_logits, double pairs)
{
    return 2 * (n * (double)linear_params(c) + n_logits * (double)c->vocab * c->hidden) +
           4 * pairs * c->heads * c->head_dim * c->layers;
}
