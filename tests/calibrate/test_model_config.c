/* Shapes from config.json files: what each key does, what families take where nothing is said, and which key a refusal
 * names. */
#include "calibrate/profile/model_config.h"
#include <stdlib.h>
#include <unistd.h>
#include "calibrate/profile/model.h"
#include "tests/check.h"

static enum kw_status parse(struct kw_model_shape *m, const char *text, struct kw_error *err)
{
    struct kw_json doc;
    enum kw_status st = kw_json_parse(&doc, "config.json", text, strlen(text), err);
    if (st != KW_OK) return st;
    *m = (struct kw_model_shape){ .name = "mine" };
    st = kw_model_config_read(kw_json_root(&doc), m, err);
    kw_json_free(&doc);
    return st;
}

#define EXTENTS                                                                                                        \
    "\"num_hidden_layers\": 12, \"hidden_size\": 1024, \"num_attention_heads\": 16, \"num_key_value_heads\": 4, "      \
    "\"intermediate_size\": 3072, \"vocab_size\": 32000, \"max_position_embeddings\": 8192"
#define EXPERTS ", \"num_experts\": 16, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 512"
#define MLA                                                                                                            \
    ", \"kv_lora_rank\": 64, \"q_lora_rank\": 128, \"qk_nope_head_dim\": 32, \"qk_rope_head_dim\": 16, "               \
    "\"v_head_dim\": 24"
#define DELTA                                                                                                          \
    ", \"head_dim\": 128, \"linear_num_key_heads\": 4, \"linear_num_value_heads\": 8, \"linear_key_head_dim\": 16, "   \
    "\"linear_value_head_dim\": 32, \"linear_conv_kernel_dim\": 4"

static void reads_a_dense_model(void)
{
    struct kw_model_shape m;
    struct kw_error err = { "" };
    CHECK(parse(&m, "{ \"model_type\": \"llama\", " EXTENTS ", \"rope_theta\": 1e4, \"torch_dtype\": \"bfloat16\" }",
                &err) == KW_OK);
    CHECK(m.layers == 12 && m.head_dim == 64 && m.kv_heads == 4 && !m.tied_embeddings && m.quant == KW_QUANT_NONE);
    double h = 1024, layer = h * (16 + 8) * 64 + h * h + 3 * h * 3072 + 2 * h;
    CHECK_NEAR(m.n_params, 12 * layer + 2 * 32000 * h + h, 0);
    CHECK(kw_model_is_plain(&m));
    CHECK(parse(&m,
                "{ \"model_type\": \"qwen2\", " EXTENTS ", \"tie_word_embeddings\": true, \"sliding_window\": 4096, "
                "\"use_sliding_window\": false, \"max_window_layers\": 10 }",
                &err) == KW_OK);
    CHECK_NEAR(m.n_params, 12 * (layer + (16 + 8) * 64) + 32000 * h + h, 0);
    CHECK(!m.window_layers && m.qkv_bias);
}

/* Each family's own rule of which layers do not see everything. */
static void layers_attend_as_their_family_does(void)
{
    static const struct {
        const char *text;
        uint32_t window_layers, window, linear_layers;
    } want[] = {
        { "\"model_type\": \"mistral\", " EXTENTS ", \"sliding_window\": 1024", 12, 1024, 0 },
        { "\"model_type\": \"mistral\", " EXTENTS ", \"sliding_window\": 8192", 0, 0, 0 }, /* never full */
        { "\"model_type\": \"mistral\", " EXTENTS ", \"sliding_window\": null", 0, 0, 0 },
        { "\"model_type\": \"qwen2\", " EXTENTS
          ", \"sliding_window\": 99, \"use_sliding_window\": true, \"max_window_layers\": 9",
          3, 99, 0 },
        { "\"model_type\": \"gemma2\", " EXTENTS ", \"head_dim\": 64, \"sliding_window\": 512", 6, 512, 0 },
        { "\"model_type\": \"gemma3_text\", " EXTENTS ", \"sliding_window\": 512", 10, 512, 0 },
        { "\"model_type\": \"gpt_oss\", " EXTENTS EXPERTS ", \"sliding_window\": 128", 6, 128, 0 },
        { "\"model_type\": \"llama4_text\", " EXTENTS EXPERTS ", \"attention_chunk_size\": 2048", 9, 2048, 0 },
        { "\"model_type\": \"llama4_text\", " EXTENTS EXPERTS ", \"attention_chunk_size\": 2048, "
          "\"no_rope_layers\": [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0]",
          8, 2048, 0 },
        { "\"model_type\": \"qwen3_next\", " EXTENTS EXPERTS DELTA, 0, 0, 9 },
        { "\"model_type\": \"qwen3_5_text\", " EXTENTS DELTA ", \"full_attention_interval\": 3", 0, 0, 8 },
        { "\"model_type\": \"gpt_oss\", " EXTENTS EXPERTS
          ", \"sliding_window\": 128, \"layer_types\": [\"full_attention\", "
          "\"sliding_attention\", \"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\", "
          "\"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\", \"full_attention\", "
          "\"sliding_attention\"]",
          2, 128, 0 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct kw_model_shape m;
        struct kw_error err = { "" };
        char text[2000];
        snprintf(text, sizeof text, "{ %s }", want[i].text);
        enum kw_status st = parse(&m, text, &err);
        if (st != KW_OK) CHECK_STR(err.msg, "");
        CHECK(st == KW_OK && m.window_layers == want[i].window_layers && m.window == want[i].window &&
              m.linear_layers == want[i].linear_layers);
    }
}

static void counts_experts_and_latent_attention(void)
{
    struct kw_model_shape m;
    struct kw_error err = { "" };
    CHECK(parse(&m,
                "{ \"model_type\": \"deepseek_v3\", " EXTENTS MLA
                ", \"n_routed_experts\": 16, \"num_experts_per_tok\": 2, "
                "\"moe_intermediate_size\": 512, \"n_shared_experts\": 2, \"first_k_dense_replace\": 3, "
                "\"num_nextn_predict_layers\": 1 }",
                &err) == KW_OK);
    double h = 1024, attention = h * 128 + 128 * 16 * 48 + h * (64 + 16) + 64 * 16 * (32 + 24) + 16 * 24 * h;
    CHECK_NEAR(kw_model_part_params(&m, KW_PART_ATTENTION), 12 * attention, 0);
    CHECK_NEAR(kw_model_part_params(&m, KW_PART_MLP), 3 * 3 * h * 3072, 0);
    CHECK_NEAR(kw_model_part_params(&m, KW_PART_SHARED), 9 * 3 * h * 1024, 0);
    CHECK_NEAR(kw_model_part_params(&m, KW_PART_EXPERTS), 9 * 16 * 3 * h * 512, 0);
    CHECK_NEAR(kw_model_linear_params(&m) - kw_model_active_linear_params(&m), 9 * 14 * 3 * h * 512, 0);
    CHECK_NEAR(kw_model_kv_bytes_per_token(&m, "bf16"), 12 * 2 * (64 + 16), 0);
    CHECK(parse(&m,
                "{ \"model_type\": \"kimi_k25\", \"vision_config\": { \"num_hidden_layers\": 27, \"hidden_x\": 3 }, "
                "\"text_config\": { \"model_type\": \"kimi_k2\", " EXTENTS MLA EXPERTS " } }",
                &err) == KW_OK);
    CHECK(m.experts.n == 16 && m.latent.kv_rank == 64);
    CHECK(parse(&m,
                "{ \"model_type\": \"qwen3_moe\", " EXTENTS EXPERTS
                ", \"decoder_sparse_step\": 2, \"mlp_only_layers\": [1] }",
                &err) == KW_OK);
    CHECK(m.experts.dense_layers == 7);
}

static void quantised_checkpoints_say_how(void)
{
    static const struct {
        const char *q;
        enum kw_quant quant;
        unsigned parts;
        double bits;
    } want[] = {
        { "\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]", KW_QUANT_FP8, KW_PARTS, 8 },
        { "\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 64", KW_QUANT_INT4, KW_PARTS, 4 + 20.0 / 64 },
        { "\"quant_method\": \"gptq\", \"bits\": 4, \"desc_act\": true", KW_QUANT_INT4, KW_PARTS, 4 + 20.0 / 128 },
        { "\"quant_method\": \"mxfp4\", \"modules_to_not_convert\": [\"model.layers.*.self_attn\", \"lm_head\"]",
          KW_QUANT_MXFP4, KW_PARTS & ~KW_PART_ATTENTION, 4.25 },
        { "\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\"", KW_QUANT_NVFP4, KW_PARTS, 4.5 },
        { "\"quant_method\": \"compressed-tensors\", \"config_groups\": { \"group_0\": { \"weights\": { \"num_bits\": "
          "4, "
          "\"type\": \"int\", \"group_size\": 32 } } }, \"ignore\": [\"re:.*self_attn.*\", \"re:.*shared_experts.*\", "
          "\"re:.*mlp\\\\.(gate|up|gate_up|down)_proj.*\"]",
          KW_QUANT_INT4, KW_PART_EXPERTS, 4.5 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct kw_model_shape m;
        struct kw_error err = { "" };
        char text[2000];
        snprintf(text, sizeof text, "{ \"model_type\": \"qwen3_moe\", %s, \"quantization_config\": { %s } }",
                 EXTENTS EXPERTS, want[i].q);
        enum kw_status st = parse(&m, text, &err);
        if (st != KW_OK) CHECK_STR(err.msg, "");
        if (st != KW_OK) continue;
        const char *own = kw_model_own_precision(&m);
        CHECK(m.quant == want[i].quant && m.quant_parts == want[i].parts);
        CHECK_NEAR(kw_model_bits(&m, own), want[i].bits, 0);
        CHECK_NEAR(kw_model_weight_bytes(&m, own),
                   2 * m.n_params - (2 - want[i].bits / 8) * kw_model_part_params(&m, want[i].parts), 1);
    }
}

/* One line, with the key. */
static void refusals_name_the_key(void)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "[]", "want an object" },
        { "{}", "model_type" },
        { "{ \"model_type\": \"mamba2\", " EXTENTS " }", "model_type" },
        { "{ \"model_type\": \"llama\" }", "num_hidden_layers" },
        { "{ \"model_type\": \"llama\", " EXTENTS ", \"num_memory_heads\": 4 }", "num_memory_heads" },
        { "{ \"model_type\": \"llama\", " EXTENTS ", \"hybrid_layer_pattern\": [0, 1] }", "hybrid_layer_pattern" },
        { "{ \"model_type\": \"llama\", " EXTENTS ", \"num_attention_heads\": 3 }", "num_attention_heads" },
        { "{ \"model_type\": \"gpt_oss\", " EXTENTS EXPERTS ", \"layer_types\": [\"full_attention\"] }",
          "layer_types" },
        { "{ \"model_type\": \"qwen3_moe\", " EXTENTS ", \"num_experts\": 4, \"num_experts_per_tok\": 8 }",
          "num_experts_per_tok" },
        { "{ \"model_type\": \"qwen3_moe\", " EXTENTS ", \"num_experts\": 4 }", "num_experts_per_tok" },
        { "{ \"model_type\": \"deepseek_v3\", " EXTENTS EXPERTS ", \"moe_layer_freq\": 2 }", "moe_layer_freq" },
        { "{ \"model_type\": \"deepseek_v3\", " EXTENTS ", \"kv_lora_rank\": 64 }", "qk_nope_head_dim" },
        { "{ \"model_type\": \"minimax_m2\", " EXTENTS EXPERTS ", \"attn_type_list\": [1, 0] }", "attn_type_list[1]" },
        { "{ \"model_type\": \"qwen3_next\", " EXTENTS EXPERTS " }", "linear_num_key_heads" },
        { "{ \"model_type\": \"llama\", " EXTENTS ", \"quantization_config\": { \"quant_method\": \"quip\" } }",
          "quantization_config.quant_method" },
        { "{ \"model_type\": \"llama\", " EXTENTS
          ", \"quantization_config\": { \"quant_method\": \"awq\", \"bits\": 3 } }",
          "quantization_config.bits" },
        { "{ \"model_type\": \"llama\", " EXTENTS ", \"hidden_size\": \"wide\" }", "hidden_size" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_model_shape m;
        struct kw_error err = { "" };
        enum kw_status st = parse(&m, bad[i].text, &err);
        CHECK(st == KW_ERANGE || st == KW_EPARSE);
        if (!strstr(err.msg, bad[i].says)) CHECK_STR(err.msg, bad[i].says);
        CHECK(!strchr(err.msg, '\n'));
    }
}

static void a_file_is_known_by_its_path(void)
{
    char dir[] = "/tmp/keepwarm-config-XXXXXX", path[64], plain[64];
    const struct kw_model_shape *m, *again;
    struct kw_error err = { "" };
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/config.json", dir);
    snprintf(plain, sizeof plain, "%s/llama-3.1-8b.json", dir);
    CHECK(kw_model_named(&m, path, &err) == KW_EINPUT && strstr(err.msg, path));
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(i ? plain : path, "w");
        CHECK(f != NULL);
        if (f) fputs("{ \"model_type\": \"llama\", " EXTENTS " }", f), fclose(f);
    }
    CHECK(kw_model_named(&m, path, &err) == KW_OK && kw_model_named(&again, path, &err) == KW_OK && m == again);
    CHECK(kw_model_find(path) == m && kw_model_find(m->name) == m && m->layers == 12);
    CHECK_STR(m->name, strrchr(dir, '/') + 1);
    CHECK(kw_model_named(&m, plain, &err) == KW_ERANGE && strstr(err.msg, "is called 'llama-3.1-8b' already"));
    CHECK(kw_model_named(&m, "llama-3.1-9b", &err) == KW_ERANGE && strstr(err.msg, "did you mean 'llama-3.1-8b'"));
    unlink(path), unlink(plain), rmdir(dir);
}

int main(void)
{
    RUN(reads_a_dense_model);
    RUN(layers_attend_as_their_family_does);
    RUN(counts_experts_and_latent_attention);
    RUN(quantised_checkpoints_say_how);
    RUN(refusals_name_the_key);
    RUN(a_file_is_known_by_its_path);
    return check_report();
}
