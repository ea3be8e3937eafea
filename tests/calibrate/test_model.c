/* Shapes and GPUs: parameter counts as the repositories state them, and the KV blocks a real engine reported. */
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/kv.h"
#include "calibrate/profile/model.h"
#include "tests/check.h"

static void parameter_counts_are_those_of_the_checkpoints(void)
{
    static const struct {
        const char *name;
        double n;
    } known[] = { { "llama-3.2-1b", 1235814400 },   { "llama-3.2-3b", 3212749824 },     { "llama-3.1-8b", 8030261248 },
                  { "llama-3.1-70b", 70553706496 }, { "llama-3.1-405b", 405853388800 }, { "llama-2-7b", 6738415616 },
                  { "mistral-7b", 7248023552 },     { "qwen2.5-7b", 7615616512 },       { "qwen2.5-14b", 14770033664 },
                  { "qwen2.5-32b", 32763876352 },   { "qwen2.5-72b", 72706203648 },     { "qwen3-8b", 8190735360 },
                  { "qwen3-32b", 32762123264 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct kw_model_shape *m = kw_model_find(known[i].name);
        CHECK(m != NULL);
        if (m) CHECK_NEAR(m->n_params, known[i].n, 0);
    }
    CHECK(kw_model_find("meta-llama/Llama-3.1-8B") == kw_model_find("llama-3.1-8b"));
    CHECK(kw_model_find("llama-9") == NULL && kw_model_at(kw_model_count()) == NULL);
    CHECK(kw_model_same_shape("llama-3.1-70b", "llama-3.3-70b") &&
          !kw_model_same_shape("llama-3.1-70b", "llama-2-70b"));
    CHECK(!kw_model_same_shape("llama-3.1-8b", "none") && !kw_model_same_shape("mistral-7b", "llama-3.1-8b"));
}

static void bytes_follow_the_precision(void)
{
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    CHECK(m != NULL);
    if (!m) return;
    CHECK_NEAR(kw_model_weight_bytes(m, "bf16"), 16060522496.0, 0); /* 2 x 8030261248; ENGINE.md 1: 16.06 GB */
    CHECK_NEAR(kw_model_weight_bytes(m, "fp8"), 9.08e9, 0.005e9);   /* ENGINE.md 1 */
    CHECK_NEAR(kw_model_step_bytes(m, "bf16"), 15.0e9, 0.05e9);
    CHECK_NEAR(kw_model_step_bytes(m, "fp8"), 8.0e9, 0.05e9);
    CHECK_NEAR(kw_model_kv_bytes_per_token(m, "bf16"), 131072, 0);
    CHECK_NEAR(kw_model_kv_bytes_per_token(m, "fp8"), 131072, 0);
    CHECK(isnan(kw_model_weight_bytes(m, "int4")) && isnan(kw_model_kv_bytes_per_token(m, "int4")));
    const struct kw_model_shape *tied = kw_model_find("llama-3.2-1b");
    if (tied) CHECK_NEAR(kw_model_step_bytes(tied, "bf16"), kw_model_weight_bytes(tied, "bf16"), 0);
}

static void the_kv_formula_gives_what_the_engine_reported(void)
{
    const struct kw_gpu_spec *g = kw_gpu_find("RTX4090");
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b"), *big = kw_model_find("llama-3.1-70b"),
                                *qwen = kw_model_find("qwen2.5-7b");
    uint32_t blocks;
    struct kw_error err;
    CHECK(g && m && big && qwen);
    if (!g || !m || !big || !qwen) return;
    CHECK(kw_kv_blocks(&blocks, g, m, "bf16", 1, 2048, &err) == KW_OK && blocks == 2588); /* vllm_bench meta.json */
    CHECK(kw_kv_blocks(&blocks, g, big, "bf16", 1, 2048, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "llama-3.1-70b bf16 does not fit on 1 x RTX4090") != NULL);
    CHECK_NEAR(kw_kv_gpu_bytes_per_token(qwen, "bf16", 8), kw_kv_gpu_bytes_per_token(qwen, "bf16", 4),
               0); /* 4 KV heads */
    CHECK_NEAR(kw_kv_gpu_bytes_per_token(m, "bf16", 2) * 2, 131072, 0);
}

static void gpus_are_physical_and_sourced(void)
{
    CHECK(kw_gpu_count() >= 15);
    for (size_t i = 0; i < kw_gpu_count(); i++) {
        const struct kw_gpu_spec *g = kw_gpu_at(i);
        CHECK(kw_gpu_find(g->name) == g);
        CHECK(g->flops_fp8 == 0 || g->flops_fp8 > g->flops_bf16);
        CHECK(g->flops_bf16 / g->bandwidth > 50 &&
              g->flops_bf16 / g->bandwidth < 500); /* flops a byte, bf16 tensor cores */
        CHECK(g->link_bandwidth < g->bandwidth);
        CHECK(g->provenance.source[0] && g->provenance.grade == KW_GRADE_PUBLISHED);
        CHECK((g->sm >= 89) == (g->flops_fp8 > 0)); /* fp8 came with Ada */
    }
    CHECK(kw_gpu_find("H1000") == NULL && kw_gpu_at(kw_gpu_count()) == NULL);
}

/* Each name in the table is one GPU's, whole. */
static void gpus_go_by_whole_names(void)
{
    const struct kw_gpu_spec *g;
    struct kw_error err = { "" };
    for (size_t i = 0; i < kw_gpu_count(); i++) {
        g = kw_gpu_at(i);
        CHECK(kw_gpu_find(g->name) == g && kw_gpu_find(g->full_name) == g);
        for (int k = 0; k < 8 && g->alias[k][0]; k++) CHECK(kw_gpu_find(g->alias[k]) == g);
    }
    static const char *const same[][2] = { { "nvidia-l4", "L4" },
                                           { "NVIDIA_H100_80GB", "H100" },
                                           { "h100 nvl", "H100-NVL" },
                                           { "rtx 5090", "RTX5090" },
                                           { "A100-40GB", "A100-40" },
                                           { "NVIDIA L40", "L40" },
                                           { "A100 PCIe", "A100 PCIe" },
                                           { "NVIDIA H100", "NVIDIA H100" },
                                           { "L40S-48GB-MIG", "L40S-48GB-MIG" },
                                           { "", "" } };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) CHECK_STR(kw_gpu_name(same[i][0]), same[i][1]);
    CHECK(kw_gpu_named(&g, "a100", &err) == KW_ERANGE && !g);
    CHECK_STR(err.msg, "there is no GPU 'a100' (near it are A100-40, A100-40-PCIE, A100-80, A100-80-PCIE)");
    CHECK(kw_gpu_named(&g, "NVIDIA H20O", &err) == KW_ERANGE);
    CHECK(kw_gpu_named(&g, "L04", &err) == KW_ERANGE && strstr(err.msg, "did you mean 'L4'?"));
    CHECK(kw_gpu_named(&g, "H200 SXM", &err) == KW_OK && g == kw_gpu_find("H200"));
}

int main(void)
{
    RUN(parameter_counts_are_those_of_the_checkpoints);
    RUN(bytes_follow_the_precision);
    RUN(the_kv_formula_gives_what_the_engine_reported);
    RUN(gpus_are_physical_and_sourced);
    RUN(gpus_go_by_whole_names);
    return check_report();
}
