/* tests/engine/test_engine_files.c - config.json, safetensors, the plan of the weights, the loader and synthetic
 * weights: what is malformed is refused with its place, what is loaded is what was written, and every allocation may
 * fail. */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include "engine/cpu/cpu_memory.h"
#include "engine/engine.h"
#include "engine/model/synthetic.h"
#include "tests/check.h"
#include "tests/failmalloc.h"
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD "{\"model_type\":\"llama\",\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
#define TAIL "\"intermediate_size\":128,\"vocab_size\":100"

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s, (void)kind, (void)at;
    return remove(path);
}
static char *make_folder(char *path)
{
    strcpy(path, "/tmp/keepwarm-test-XXXXXX");
    CHECK(mkdtemp(path) != NULL);
    return path;
}
static void remove_folder(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- config */

static enum kw_status config_of(const char *text, struct kw_model_config *c, struct kw_error *err)
{
    err->msg[0] = 0;
    return kw_config_parse(c, "config.json", text, strlen(text), err);
}

static void configs_say_what_they_mean(void)
{
    struct kw_model_config c;
    struct kw_error err;
    CHECK(config_of(HEAD TAIL "}", &c, &err) == KW_OK);
    CHECK(c.arch == KW_ARCH_LLAMA && c.heads == 4 && c.kv_heads == 4 && c.head_dim == 16 && c.rope_theta == 10000);
    CHECK(c.dtype == KW_DT_FP32 && !c.tied_embeddings && !c.qkv_bias && c.n_eos == 0 && c.bos == UINT32_MAX);
    CHECK(c.rope == KW_ROPE_PLAIN && c.sliding_window == 0);
    CHECK(config_of("{\"model_type\":\"qwen2\",\"hidden_size\":56,\"num_hidden_layers\":1,\"num_attention_heads\":7,"
                    "\"num_key_value_heads\":1,\"head_dim\":128,\"use_sliding_window\":false,\"sliding_window\":131072,"
                    "\"rms_norm_eps\":1e-06,\"tie_word_embeddings\":true,\"torch_dtype\":\"bfloat16\","
                    "\"eos_token_id\":[5,6],\"bos_token_id\":4," TAIL "}",
                    &c, &err) == KW_OK);
    CHECK(c.qkv_bias && c.tied_embeddings && c.head_dim == 128 && c.sliding_window == 0 && c.dtype == KW_DT_BF16);
    CHECK(c.n_eos == 2 && c.eos[1] == 6 && c.bos == 4);
    CHECK(config_of("{\"model_type\":\"mistral\",\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
                    "\"sliding_window\":null,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}," TAIL "}",
                    &c, &err) == KW_OK);
    CHECK(c.sliding_window == 0 && c.rope == KW_ROPE_LINEAR);
    CHECK_NEAR(kw_config_inv_freq(&c, 0), 0.5, 1e-15);
    /* transformers 5 */
    CHECK(config_of(
              HEAD "\"dtype\":\"float16\",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":500000.0}," TAIL
                   "}",
              &c, &err) == KW_OK &&
          c.rope_theta == 500000 && c.dtype == KW_DT_FP16);
    CHECK(config_of(HEAD
                    "\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"group_0\":"
                    "{\"weights\":{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"channel\"}}}}," TAIL "}",
                    &c, &err) == KW_OK);
    CHECK(c.fp8_checkpoint);
}

static void configs_that_are_not_implemented_are_refused(void)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        { "[1]", "object" },
        { "{\"model_type\":\"gemma2\"}", "model_type" },
        { HEAD "\"hidden_act\":\"gelu\"," TAIL "}", "hidden_act" },
        { HEAD "\"attention_bias\":true," TAIL "}", "attention_bias" },
        { HEAD "\"mlp_bias\":true," TAIL "}", "mlp_bias" },
        { HEAD "\"partial_rotary_factor\":0.5," TAIL "}", "partial_rotary_factor" },
        { HEAD "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0}," TAIL "}", "rope_scaling.rope_type" },
        { HEAD
          "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":4.0,\"high_freq_factor\":1.0,"
          "\"original_max_position_embeddings\":8192}," TAIL "}",
          "high_freq_factor" },
        { HEAD "\"num_key_value_heads\":3," TAIL "}", "num_key_value_heads" },
        { HEAD "\"head_dim\":15," TAIL "}", "head_dim" },
        { HEAD "\"head_dim\":1024," TAIL "}", "head_dim" },
        { HEAD "\"intermediate_size\":130,\"vocab_size\":100}", "intermediate_size" },
        { HEAD "\"intermediate_size\":128}", "vocab_size" },
        { HEAD "\"torch_dtype\":\"int8\"," TAIL "}", "torch_dtype" },
        { HEAD "\"eos_token_id\":100," TAIL "}", "eos_token_id" },
        { HEAD "\"eos_token_id\":[1,2,3,4,5,6,7,8,9]," TAIL "}", "eos_token_id" },
        { HEAD "\"quantization_config\":{\"quant_method\":\"gptq\"}," TAIL "}", "quant_method" },
        { HEAD "\"quantization_config\":{\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]}," TAIL "}",
          "weight_block_size" },
        { "{\"model_type\":\"qwen2\",\"use_sliding_window\":true,\"hidden_size\":64,\"num_hidden_layers\":2,"
          "\"num_attention_heads\":4," TAIL "}",
          "use_sliding_window" },
        { "{\"model_type\":\"llama\",\"hidden_size\":100000000,\"num_hidden_layers\":2,\"num_attention_heads\":4," TAIL
          "}",
          "hidden_size" },
        { "{\"model_type\":\"llama\",\"hidden_size\":72,\"num_hidden_layers\":2,\"num_attention_heads\":5," TAIL "}",
          "num_attention_heads" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_model_config c = { .layers = 77 };
        struct kw_error err;
        CHECK(config_of(bad[i].text, &c, &err) != KW_OK);
        if (!strstr(err.msg, bad[i].why) || strncmp(err.msg, "config.json:", 12)) printf("%zu: %s\n", i, err.msg);
        CHECK(strstr(err.msg, bad[i].why) && !strncmp(err.msg, "config.json:", 12));
        CHECK(c.layers == 77); /* untouched */
    }
}

static bool same_config(const struct kw_model_config *a, const struct kw_model_config *b)
{
    return a->arch == b->arch && !strcmp(a->name, b->name) && a->layers == b->layers && a->hidden == b->hidden &&
           a->heads == b->heads && a->kv_heads == b->kv_heads && a->head_dim == b->head_dim &&
           a->intermediate == b->intermediate && a->vocab == b->vocab && a->max_position == b->max_position &&
           a->rms_eps == b->rms_eps && a->rope_theta == b->rope_theta && a->rope == b->rope &&
           a->rope_factor == b->rope_factor && a->rope_original == b->rope_original &&
           a->sliding_window == b->sliding_window && a->qkv_bias == b->qkv_bias &&
           a->tied_embeddings == b->tied_embeddings && a->dtype == b->dtype && a->bos == b->bos && a->n_eos == b->n_eos;
}

static void named_shapes_are_the_published_ones(void)
{
    static const struct { /* parameters as the model cards count them, in millions, and KV bytes a token in bf16 */
        const char *name;
        double millions;
        uint64_t kv;
    } known[] = { { "llama-3.1-8b", 8030, 131072 },   { "llama-3.2-1b", 1236, 32768 },
                  { "llama-3.1-70b", 70554, 327680 }, { "qwen2.5-7b", 7616, 57344 },
                  { "qwen2.5-0.5b", 494, 12288 },     { "mistral-7b", 7248, 131072 },
                  { "llama-2-7b", 6738, 524288 },     { "llama-3.1-405b", 405853, 516096 } };
    struct kw_model_config c, back;
    struct kw_error err = { "" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK(kw_config_named(&c, known[i].name, &err) == KW_OK);
        CHECK_NEAR((double)kw_config_params(&c) / 1e6, known[i].millions, 1);
        CHECK(2 * kw_config_kv_values(&c) == known[i].kv);
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) { /* and each comes back from the config.json it writes */
        char *text = NULL;
        CHECK(kw_config_named(&c, known[i].name, &err) == KW_OK && kw_config_write(&c, &text, &err) == KW_OK);
        CHECK(kw_config_parse(&back, "written", text, strlen(text), &err) == KW_OK);
        CHECK_STR(err.msg, "");
        CHECK(same_config(&c, &back));
        free(text);
    }
}

/* ---- safetensors */

static enum kw_status add(struct kw_checkpoint *k, const char *text, uint64_t data, struct kw_error *err)
{
    err->msg[0] = 0;
    return kw_checkpoint_add(k, "m.safetensors", text, strlen(text), 8 + strlen(text) + data, err);
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"

static void headers_are_read(void)
{
    struct kw_checkpoint k = { 0 };
    struct kw_error err;
    const char *text =
        "{\"__metadata__\":{\"x\":\"y\"}," A ",\"none\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[24,24]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]}}  ";
    CHECK(add(&k, text, 26, &err) == KW_OK);
    CHECK(k.n_tensors == 3 && k.n_files == 1 && k.data_bytes == 26);
    const struct kw_tensor *t = kw_checkpoint_find(&k, "a");
    CHECK(t && t->dtype == KW_ST_F32 && t->n_dims == 2 && t->shape[1] == 3 && t->bytes == 24 &&
          t->offset == 8 + strlen(text));
    t = kw_checkpoint_find(&k, "b");
    CHECK(t && t->n_dims == 0 && t->bytes == 2 && t->offset == 8 + strlen(text) + 24);
    CHECK(!kw_checkpoint_find(&k, "c") && !kw_checkpoint_find(&k, "__metadata__"));
    CHECK(add(&k, "{" A "}", 24, &err) == KW_ERANGE && strstr(err.msg, "another file")); /* the same name again */
    CHECK(k.n_tensors == 3 && k.n_files == 1);
    CHECK(add(&k, "{\"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, &err) == KW_OK &&
          k.n_files == 2);
    CHECK(kw_checkpoint_find(&k, "c")->file == 1 && kw_checkpoint_find(&k, "a")->file == 0);
    kw_checkpoint_free(&k);
    kw_checkpoint_free(&k);
}

static void malformed_headers_are_refused(void)
{
    static const struct {
        const char *text;
        uint64_t data;
        const char *why;
    } bad[] = {
        { "", 0, "value" },
        { "[]", 0, "object" },
        { "{" A, 24, "," },
        { "{" A "} x", 24, "nothing" },
        { "{" A "," A "}", 24, "" },           /* duplicate */
        { "{" A "}", 25, "end at data byte" }, /* data nobody owns */
        { "{" A "}", 23, "data_offsets" },     /* beyond the file */
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,0]}}", 24, "begin <= end" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,20]}}", 20, "make 24" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[1,25]}}", 25, "hole" },
        { "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[20,28]}}", 28, "overlaps" },
        { "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", 24, "overlaps" },
        { "{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F32" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0.5],\"data_offsets\":[0,2]}}", 2, "shape" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4503599627370496,4503599627370496],\"data_offsets\":[0,4]}}", 4,
          "2^64" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "8 extents" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "begin, end" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, "unknown key" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"__metadata__\":3}", 0, "__metadata__" },
        { "{\"a\":3}", 0, "object" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_checkpoint k = { 0 };
        struct kw_error err;
        CHECK(add(&k, bad[i].text, bad[i].data, &err) != KW_OK);
        if (!strstr(err.msg, bad[i].why)) printf("%zu: %s\n", i, err.msg);
        CHECK(strstr(err.msg, bad[i].why) && strstr(err.msg, "m.safetensors"));
        CHECK(k.n_tensors == 0 && k.n_files == 0);
        kw_checkpoint_free(&k);
    }
    struct kw_checkpoint k = { 0 };
    struct kw_error err;
    CHECK(kw_checkpoint_add(&k, "m", "{}", 2, 9, &err) == KW_ERANGE); /* the header is longer than the file */
}

static void write_file(const char *folder, const char *name, const void *data, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(data, 1, n, f) == n && !fclose(f));
}

static void files_that_lie_are_refused(void)
{
    char folder[32], path[64];
    struct kw_checkpoint k;
    struct kw_error err = { "" };
    make_folder(folder);
    CHECK(kw_checkpoint_open(&k, folder, &err) == KW_EINPUT && strstr(err.msg, "neither"));
    CHECK(kw_checkpoint_open(&k, "/nonexistent/x", &err) == KW_EINPUT);
    write_file(folder, "model.safetensors", "\1\0\0\0", 4);
    CHECK(kw_checkpoint_open(&k, folder, &err) == KW_EPARSE && strstr(err.msg, "too short"));
    write_file(folder, "model.safetensors", "\377\377\377\377\377\377\377\377{}", 10);
    CHECK(kw_checkpoint_open(&k, folder, &err) == KW_ERANGE && strstr(err.msg, "claims"));
    write_file(folder, "model.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
    CHECK(kw_checkpoint_open(&k, folder, &err) == KW_OK && k.n_tensors == 0);
    kw_checkpoint_free(&k);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    remove(path);
    const char *const index[] = { "{\"weight_map\":{\"a\":\"../x\"}}",
                                  "{\"weight_map\":{\"a\":\"..\"}}",
                                  "{\"weight_map\":{\"a\":\"\"}}",
                                  "{\"weight_map\":{\"a\":7}}",
                                  "{\"weight_map\":[]}",
                                  "{}",
                                  "{\"weight_map\":{\"a\":\"gone\"}}" };
    for (size_t i = 0; i < sizeof index / sizeof *index; i++) {
        write_file(folder, "model.safetensors.index.json", index[i], strlen(index[i]));
        err.msg[0] = 0;
        CHECK(kw_checkpoint_open(&k, folder, &err) != KW_OK && err.msg[0]);
    }
    write_file(folder, "s", "\2\0\0\0\0\0\0\0{}", 10);
    write_file(folder, "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"s\"}}", 24);
    CHECK(kw_checkpoint_open(&k, folder, &err) == KW_ERANGE && strstr(err.msg, "no such tensor"));
    remove_folder(folder);
}

/* ---- plan, loader, synthetic */

/* The whole arena of an engine; the caller frees it. */
static unsigned char *arena_of(const struct kw_engine_options *o, uint64_t *bytes, struct kw_load_stats *stats)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    unsigned char *copy = NULL;
    CHECK(kw_engine_open(&e, o, NULL, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return NULL;
    *bytes = e.layout.bytes;
    /* Gaps between weights are not defined: take the weights alone. */
    copy = calloc(1, e.layout.bytes);
    struct kw_weight w;
    for (size_t i = 0; kw_weights_at(&e.layout, i, &w); i++) {
        CHECK(w.matrix.offset % 256 == 0 && w.matrix.offset + w.matrix.bytes <= e.layout.bytes);
        CHECK(e.ops->weights_read(e.backend, w.matrix.offset, copy + w.matrix.offset, w.matrix.bytes, &err) == KW_OK);
        if (w.matrix.scales)
            CHECK(e.ops->weights_read(e.backend, w.matrix.scales, copy + w.matrix.scales, w.matrix.rows * 4, &err) ==
                  KW_OK);
    }
    CHECK(e.ops->weights_read(e.backend, e.layout.bytes, copy, 1, &err) == KW_ERANGE);
    if (stats) *stats = e.load;
    kw_engine_close(&e);
    return copy;
}

static struct kw_engine_options load_options(const char *model, const char *precision, enum kw_load_mode mode)
{
    return (struct kw_engine_options){ .model = model,
                                       .backend = "cpu",
                                       .precision = precision,
                                       .seed = 3,
                                       .num_blocks = 4,
                                       .max_model_len = 64,
                                       .max_num_seqs = 2,
                                       .max_num_batched_tokens = 64,
                                       .threads = 1,
                                       .load = { .mode = mode, .threads = 3, .buffer_bytes = 1 << 20, .rate = 1e9 } };
}

/* Written, sharded, loaded in each mode and converted to each precision: the same as made in place. */
static void loaded_weights_are_the_written_ones(void)
{
    static const char *const dtypes[] = { "fp32", "bf16", "fp16", "fp8" };
    char folder[32];
    struct kw_model_config c;
    struct kw_error err = { "" };
    for (int from = 0; from < 3; from++) {
        make_folder(folder);
        CHECK(kw_config_named(&c, "tiny", &err) == KW_OK);
        c.dtype = (enum kw_dtype)from;
        c.qkv_bias = from == 1, c.arch = from == 1 ? KW_ARCH_QWEN2 : KW_ARCH_LLAMA, c.tied_embeddings = from == 2;
        CHECK(kw_synthetic_write(&c, folder, 3, from == 0 ? 3 << 20 : 0, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        for (int to = 0; to < 4; to++) {
            if (from != 0 && to != from && to != 3) continue; /* from fp32 to all; others as they are and to fp8 */
            struct kw_engine_options o = load_options(folder, dtypes[to], KW_LOAD_CACHED);
            uint64_t n, m;
            struct kw_load_stats stats;
            o.synthetic = true;
            unsigned char *made = arena_of(&o, &n, NULL);
            o.synthetic = false;
            for (int mode = 0; mode < 3; mode++) {
                o.load.mode = (enum kw_load_mode)mode;
                unsigned char *loaded = arena_of(&o, &m, &stats);
                /* fp8 made in place is quantised from fp32; a 16-bit file is quantised from what was rounded to 16
                 * bits. */
                if (made && loaded && (to != 3 || from == 0)) CHECK(n == m && !memcmp(made, loaded, n));
                CHECK(stats.weight_bytes > 0 && stats.weight_bytes <= n && stats.first_ns < stats.last_ns);
                CHECK(stats.file_bytes >= kw_config_params(&c) * kw_dtype_bytes(c.dtype));
                CHECK(stats.emulated == (mode == KW_LOAD_NETWORK) && (mode == KW_LOAD_DIRECT || !stats.direct_bytes));
                free(loaded);
            }
            free(made);
        }
        remove_folder(folder);
    }
}

static void the_network_is_as_slow_as_asked(void)
{
    char folder[32];
    struct kw_model_config c;
    struct kw_error err = { "" };
    struct kw_load_stats stats;
    uint64_t n;
    make_folder(folder);
    CHECK(kw_config_named(&c, "tiny", &err) == KW_OK && kw_synthetic_write(&c, folder, 1, 0, &err) == KW_OK);
    struct kw_engine_options o = load_options(folder, NULL, KW_LOAD_NETWORK);
    o.load.rate = 100e6, o.load.first_byte_s = 0.05;
    free(arena_of(&o, &n, &stats));
    double want = 0.05 + (double)stats.file_bytes / 100e6, took = (double)(stats.last_ns - stats.first_ns) / 1e9;
    CHECK(took >= 0.99 * want && took < want + 2); /* sleeping longer is the machine's doing */
    o.load.rate = 0;
    struct kw_engine e;
    CHECK(kw_engine_open(&e, &o, NULL, &err) == KW_ERANGE && strstr(err.msg, "rate"));
    remove_folder(folder);
}

/* An fp8 checkpoint: q_proj with one scale, k_proj with one per row, the rest unquantised. */
static void fp8_checkpoints_keep_their_scales(void)
{
    struct kw_model_config c = { .arch = KW_ARCH_LLAMA,
                                 .layers = 1,
                                 .hidden = 8,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .head_dim = 4,
                                 .intermediate = 8,
                                 .vocab = 8,
                                 .max_position = 64,
                                 .rms_eps = 1e-5f,
                                 .rope_theta = 1e4,
                                 .dtype = KW_DT_FP32,
                                 .fp8_checkpoint = true,
                                 .bos = UINT32_MAX,
                                 .tied_embeddings = true };
    const struct {
        const char *name, *dtype, *shape;
        uint32_t n, bytes;
    } t[] = { { "model.embed_tokens.weight", "F32", "8,8", 64, 4 },
              { "model.norm.weight", "F32", "8", 8, 4 },
              { "model.layers.0.input_layernorm.weight", "F32", "8", 8, 4 },
              { "model.layers.0.post_attention_layernorm.weight", "F32", "8", 8, 4 },
              { "model.layers.0.self_attn.q_proj.weight", "F8_E4M3", "8,8", 64, 1 },
              { "model.layers.0.self_attn.q_proj.weight_scale", "F32", "", 1, 4 },
              { "model.layers.0.self_attn.k_proj.weight", "F8_E4M3", "4,8", 32, 1 },
              { "model.layers.0.self_attn.k_proj.weight_scale", "BF16", "4,1", 4, 2 },
              { "model.layers.0.self_attn.v_proj.weight", "F32", "4,8", 32, 4 },
              { "model.layers.0.self_attn.o_proj.weight", "F32", "8,8", 64, 4 },
              { "model.layers.0.mlp.gate_proj.weight", "F32", "8,8", 64, 4 },
              { "model.layers.0.mlp.up_proj.weight", "F32", "8,8", 64, 4 },
              { "model.layers.0.mlp.down_proj.weight", "F32", "8,8", 64, 4 } };
    char folder[32], header[4096] = "{";
    unsigned char file[8192], data[4096] = { 0 };
    size_t at = 0;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        size_t bytes = t[i].n * t[i].bytes;
        sprintf(header + strlen(header), "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                i ? "," : "", t[i].name, t[i].dtype, t[i].shape, at, at + bytes);
        for (uint32_t j = 0; j < t[i].n; j++) {
            float v = (float)(j % 7) - 2;
            if (t[i].bytes == 4 && t[i].n == 1) v = 0.25f;
            if (t[i].bytes == 2) v = 0.5f + (float)j;
            kw_dtype_convert(data + at + j * t[i].bytes, (enum kw_dtype)kw_dtype_find(t[i].dtype), &v, KW_DT_FP32, 1);
        }
        at += bytes;
    }
    strcat(header, "}");
    size_t len = strlen(header);
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)(len >> 8 * i);
    memcpy(file + 8, header, len);
    memcpy(file + 8 + len, data, at);
    struct kw_error err = { "" };
    char *config;
    make_folder(folder);
    CHECK(kw_config_write(&c, &config, &err) == KW_OK);
    write_file(folder, "config.json", config, strlen(config));
    write_file(folder, "model.safetensors", file, 8 + len + at);
    free(config);

    uint64_t n;
    struct kw_engine_options o = load_options(folder, NULL, KW_LOAD_DIRECT);
    unsigned char *arena = arena_of(&o, &n, NULL);
    struct kw_weights_layout l;
    kw_weights_layout(&l, &c, KW_DT_FP8);
    if (arena) {
        float scale[16], want[16] = { .25f, .25f, .25f, .25f, .25f, .25f, .25f, .25f, .5f, 1.5f, 2.5f, 3.5f };
        memcpy(scale, arena + l.qkv.scales, sizeof scale);
        CHECK(!memcmp(scale, want, 12 * sizeof *scale));                    /* q: one for all, k: its own */
        for (int i = 0; i < 4; i++) CHECK(scale[12 + i] == 4 / KW_FP8_MAX); /* v: quantised here, largest |v| is 4 */
        for (int j = 0; j < 64; j++) CHECK(kw_fp8_to_f32(arena[l.qkv.offset + (uint64_t)j]) == (float)(j % 7) - 2);
        CHECK(arena[l.qkv.offset + 96 + 6] == 0x7e); /* v row 0: 4 / scale is 448 */
    }
    free(arena);
    struct kw_engine e;
    o.precision = "bf16";
    CHECK(kw_engine_open(&e, &o, NULL, &err) == KW_ERANGE && strstr(err.msg, "precision fp8"));
    remove_folder(folder);
}

static void wrong_checkpoints_are_refused(void)
{
    char folder[32], path[64];
    struct kw_model_config c;
    struct kw_error err = { "" };
    struct kw_engine e;
    make_folder(folder);
    CHECK(kw_config_named(&c, "tiny", &err) == KW_OK && kw_synthetic_write(&c, folder, 1, 0, &err) == KW_OK);
    struct kw_engine_options o = load_options(folder, NULL, KW_LOAD_CACHED);
    snprintf(path, sizeof path, "%s/config.json", folder);
    for (int i = 0; i < 3; i++) {
        struct kw_model_config other = c;
        char *text;
        if (i == 0) other.layers = 5;           /* model.layers.4 is not there */
        if (i == 1) other.intermediate = 712;   /* another shape */
        if (i == 2) other.arch = KW_ARCH_QWEN2; /* wants biases */
        CHECK(kw_config_write(&other, &text, &err) == KW_OK);
        write_file(folder, "config.json", text, strlen(text));
        free(text);
        err.msg[0] = 0;
        CHECK(kw_engine_open(&e, &o, NULL, &err) == KW_ERANGE);
        if (!strstr(err.msg, i == 0 ? "model.layers.4" : i == 1 ? "[712, 256]" : "bias")) printf("%s\n", err.msg);
        CHECK(strstr(err.msg, i == 0 ? "model.layers.4" : i == 1 ? "[712, 256]" : "bias") != NULL);
    }
    remove_folder(folder);
}

/* ---- memory */

#define EVERY_ALLOCATION_FAILS(call, undo)                                                                             \
    for (long n_ = 1;; n_++) {                                                                                         \
        failmalloc_at(n_);                                                                                             \
        enum kw_status st_ = (call);                                                                                   \
        if (!failmalloc_off()) {                                                                                       \
            CHECK(st_ == KW_OK);                                                                                       \
            undo;                                                                                                      \
            break;                                                                                                     \
        }                                                                                                              \
        if (st_ == KW_OK) {                                                                                            \
            undo;                                                                                                      \
        }                                                                                                              \
        CHECK(st_ == KW_ENOMEM || st_ == KW_OK); /* fopen's buffer may do without */                                   \
    }

static void every_allocation_may_fail(void)
{
    struct kw_error err;
    struct kw_model_config c;
    struct kw_checkpoint k;
    struct kw_weights_layout l;
    struct kw_weights_plan p;
    char *text;
    EVERY_ALLOCATION_FAILS(kw_config_load(&c, "tests/engine/models/sharded", &err), )
    EVERY_ALLOCATION_FAILS(kw_config_write(&c, &text, &err), free(text))
    EVERY_ALLOCATION_FAILS(kw_checkpoint_open(&k, "tests/engine/models/sharded", &err), kw_checkpoint_free(&k))
    CHECK(kw_checkpoint_open(&k, "tests/engine/models/sharded", &err) == KW_OK);
    kw_weights_layout(&l, &c, KW_DT_BF16);
    EVERY_ALLOCATION_FAILS(kw_weights_plan(&p, &l, &c, &k, &err), kw_weights_plan_free(&p))

    /* A backend, and loading into it by one thread that is this one. */
    struct kw_backend *b;
    struct kw_backend_params bp = { .config = &c,
                                    .layout = &l,
                                    .kv_dtype = KW_DT_BF16,
                                    .threads = 1,
                                    .block_size = 16,
                                    .max_tokens = 16,
                                    .max_seqs = 2,
                                    .max_model_len = 64,
                                    .memory_fraction = 0.5 };
    const struct kw_backend_ops *ops[] = { &kw_backend_cpu, &kw_backend_reference };
    for (int i = 0; i < 2; i++) EVERY_ALLOCATION_FAILS(ops[i]->create(&b, &bp, &err), ops[i]->destroy(b))
    CHECK(kw_backend_cpu.create(&b, &bp, &err) == KW_OK);
    void *host;
    uint32_t got;
    EVERY_ALLOCATION_FAILS(kw_backend_cpu.weights_alloc(b, &host, &err), )
    EVERY_ALLOCATION_FAILS(kw_backend_cpu.kv_alloc(b, 4, &got, &err), )
    CHECK(got == 4);
    CHECK(kw_backend_cpu.kv_alloc(b, 0, &got, &err) == KW_OK && got == 8); /* 2 sequences of 64 tokens at most */

    /* A share of what was available when it was made, whatever the machine has in all and others hold of it. */
    uint64_t block = 2 * (uint64_t)c.layers * 16 * c.kv_heads * c.head_dim * 2;
    b->available = 2 * (l.bytes + 5 * block);
    CHECK(kw_backend_cpu.kv_alloc(b, 0, &got, &err) == KW_OK && got == 5);
    b->available = 2 * l.bytes;
    CHECK(kw_backend_cpu.kv_alloc(b, 0, &got, &err) == KW_ENOMEM && strstr(err.msg, "--num-blocks"));
    CHECK(kw_backend_cpu.kv_alloc(b, 4, &got, &err) == KW_OK && got == 4);
    kw_backend_cpu.destroy(b);
    kw_checkpoint_free(&k);
}

static void requests_may_find_no_memory(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_engine_options o = load_options("tests/engine/models/sharded", NULL, KW_LOAD_CACHED);
    o.prefix_caching = true;
    CHECK(kw_engine_open(&e, &o, NULL, &err) == KW_OK);
    uint32_t prompt[20] = { 3 };
    struct kw_engine_request r = {
        .id = 1, .prompt = prompt, .n_prompt = 20, .max_new = 4, .sampling = { .temperature = 1 }
    };
    EVERY_ALLOCATION_FAILS(kw_engine_add(&e, &r, &err), )
    CHECK(kw_engine_active(&e) == 1);
    struct kw_engine_step s;
    uint32_t tokens = 0;
    for (bool ran = true; ran && kw_engine_step(&e, &s, &ran, &err) == KW_OK;) tokens += s.n_events;
    CHECK(tokens >= 1 && kw_engine_active(&e) == 0);
    kw_engine_close(&e);
}

int main(void)
{
    RUN(configs_say_what_they_mean);
    RUN(configs_that_are_not_implemented_are_refused);
    RUN(named_shapes_are_the_published_ones);
    RUN(headers_are_read);
    RUN(malformed_headers_are_refused);
    RUN(files_that_lie_are_refused);
    RUN(loaded_weights_are_the_written_ones);
    RUN(the_network_is_as_slow_as_asked);
    RUN(fp8_checkpoints_keep_their_scales);
    RUN(wrong_checkpoints_are_refused);
    RUN(every_allocation_may_fail);
    RUN(requests_may_find_no_memory);
    return check_report();
}
