/* Shapes and GPUs: parameter counts as the repositories state them, and the KV blocks a real engine reported. */
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/kv.h"
#include "calibrate/profile/model.h"
#include "calibrate/profile/model_name.h"
#include "tests/check.h"

/* All, and those a token meets, as the repositories, model cards and papers state them: to the parameter where they do,
 * else to their last digit or 1 %. Whether a count of active ones has the embedding table in it differs. */
static void parameter_counts_are_those_published(void)
{
    static const struct {
        const char *name;
        double n, within, active; /* active 0: nobody says */
        bool table;               /* the active ones hold it */
    } known[] = {
        { "llama-3.2-1b", 1235814400, 0, 0, 0 },
        { "llama-3.2-3b", 3212749824, 0, 0, 0 },
        { "llama-3.1-8b", 8030261248, 0, 0, 0 },
        { "llama-3.1-70b", 70553706496, 0, 0, 0 },
        { "llama-3.1-405b", 405853388800, 0, 0, 0 },
        { "llama-2-7b", 6738415616, 0, 0, 0 },
        { "llama-2-13b", 13015864320, 0, 0, 0 },
        { "yi-34b", 34388917248, 0, 0, 0 },
        { "mistral-7b", 7248023552, 0, 0, 0 },
        { "mistral-nemo-12b", 12247782400, 0, 0, 0 },
        { "qwen2.5-0.5b", 494032768, 0, 0, 0 },
        { "qwen2.5-7b", 7615616512, 0, 0, 0 },
        { "qwen2.5-14b", 14770033664, 0, 0, 0 },
        { "qwen2.5-32b", 32763876352, 0, 0, 0 },
        { "qwen2.5-72b", 72706203648, 0, 0, 0 },
        { "qwen3-0.6b", 596049920, 0, 0, 0 },
        { "qwen3-4b", 4022468096, 0, 0, 0 },
        { "qwen3-8b", 8190735360, 0, 0, 0 },
        { "qwen3-14b", 14768307200, 0, 0, 0 },
        { "qwen3-32b", 32762123264, 0, 0, 0 },
        { "phi-3-mini-4k", 3821079552, 0, 0, 0 },
        { "phi-4-mini", 3836021760, 0, 0, 0 },
        { "phi-4", 14659507200, 0, 0, 0 },
        { "gemma-2-2b", 2614341888, 0, 0, 0 },
        { "gemma-2-9b", 9241705984, 0, 0, 0 },
        { "gemma-2-27b", 27227128320, 0, 0, 0 },
        { "gemma-3-1b", 999885952, 0, 0, 0 },
        { "mixtral-8x7b", 46702792704, 0, 12.9e9, true }, /* arXiv:2401.04088 */
        { "mixtral-8x22b", 141e9, 0.01, 39e9, true },
        { "qwen1.5-moe-a2.7b", 14.3e9, 0.01, 2.7e9, true },
        { "qwen3-30b-a3b", 30532122624, 0, 3.3e9, true },
        { "qwen3-235b-a22b", 235093634560, 0, 22e9, true },
        { "qwen3-coder-480b-a35b", 480154875392, 0, 35e9, true },
        { "qwen3-next-80b-a3b", 80e9, 0.01, 0, 0 },
        { "gpt-oss-20b", 20.91e9, 0.001, 3.61e9, false }, /* OpenAI's model card, 2025-08, table 1 */
        { "gpt-oss-120b", 116.83e9, 0.001, 5.13e9, false },
        { "deepseek-v2-lite", 15.7e9, 0.01, 2.4e9, false }, /* arXiv:2405.04434 */
        { "deepseek-v3", 671e9, 0.001, 37e9, false },       /* arXiv:2412.19437 */
        { "kimi-k2", 1.04e12, 0.015, 32.6e9, true },        /* arXiv:2507.20534 */
        { "minimax-m2.5", 230e9, 0.01, 10e9, false },
        { "glm-4.5-air", 106e9, 0.01, 12e9, false }, /* arXiv:2508.06471 */
        { "glm-5", 744e9, 0.01, 40e9, false },
        { "glm-4.5", 355e9, 0.01, 32e9, false },
        { "gemma-3-4b", 3.88e9, 0.002, 0, false }, /* without the tower for images (0.42e9) */
        { "gemma-3-27b", 27.0e9, 0.002, 0, false },
        { "mistral-small-24b", 23572403200, 1e-9, 0, false },
        { "llama-4-scout", 109e9, 0.012, 17e9, true }, /* with a tower for images, which no shape here counts */
        { "llama-4-maverick", 400e9, 0.01, 17e9, true },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct kw_model_shape *m = kw_model_find(known[i].name);
        CHECK(m != NULL);
        if (!m) continue;
        CHECK_NEAR(m->n_params / known[i].n, 1, known[i].within);
        if (known[i].active > 0)
            CHECK_NEAR((m->active_params + (known[i].table ? (double)m->vocab * m->hidden : 0)) / known[i].active, 1,
                       0.07);
    }
    CHECK(kw_model_find("meta-llama/Llama-3.1-8B") == kw_model_find("llama-3.1-8b"));
    CHECK(kw_model_find("llama-9") == NULL && kw_model_at(kw_model_count()) == NULL && kw_model_count() >= 80);
    CHECK(kw_model_same_shape("llama-3.1-70b", "llama-3.3-70b") &&
          !kw_model_same_shape("llama-3.1-70b", "llama-2-70b"));
    CHECK(!kw_model_same_shape("llama-3.1-8b", "none") && !kw_model_same_shape("mistral-7b", "llama-3.1-8b"));
    CHECK(kw_model_same_shape("deepseek-ai/DeepSeek-R1", "deepseek-v3") &&
          !kw_model_same_shape("deepseek-v3", "deepseek-v3.2"));
    for (size_t i = 0; i < kw_model_count(); i++) {
        const struct kw_model_shape *m = kw_model_at(i);
        CHECK(m->source[0] && kw_model_find(m->name) == m && kw_model_find(m->hf_name[0]) == m);
        CHECK(m->active_params <= m->n_params && kw_model_active_linear_params(m) <= kw_model_linear_params(m));
    }
}

/* Names as their organisations published them, and some that are of another shape, or may be. */
static void names_of_one_shape_lead_to_it(void)
{
    static const char *const same[][2] = { { "meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b" },
                                           { "meta-llama/llama-3.1-8b-instruct", "llama-3.1-8b" },
                                           { "llama-3.1-8b-instruct", "llama-3.1-8b" },
                                           { "meta-llama/Meta-Llama-3-70B-Instruct", "llama-3-70b" },
                                           { "meta-llama/Llama-2-7b-chat-hf", "llama-2-7b" },
                                           { "mistralai/Mistral-7B-Instruct-v0.3", "mistral-7b" },
                                           { "mistralai/Mixtral-8x22B-Instruct-v0.1", "mixtral-8x22b" },
                                           { "Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b" },
                                           { "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b-fp8" },
                                           { "deepseek-ai/DeepSeek-V3-0324", "deepseek-v3" },
                                           { "deepseek-ai/DeepSeek-R1-0528", "deepseek-r1" },
                                           { "google/gemma-2-9b", "gemma-2-9b" } };
    static const char *const other[] = { "unsloth/Meta-Llama-3.1-8B-Instruct",
                                         "meta-llama/Meta-Llama-3.1-8B-Instruct-FP8",
                                         "mistralai/Mistral-7B-Instruct-v0.1",
                                         "Qwen/Qwen2.5-7B-Instruct-1M",
                                         "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
                                         "Qwen/Qwen2.5-72B-Instruct-AWQ",
                                         "moonshotai/Kimi-K2-Thinking",
                                         "meta-llama/",
                                         "instruct",
                                         "Qwen/Qwen3-8B-Base-v2",
                                         "other-team/Meta-Llama-3.1-8B-Instruct",
                                         "llama-3.1-8b.json" };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const struct kw_model_shape *m = kw_model_find(same[i][0]);
        CHECK(m && !strcmp(m->name, same[i][1]));
        CHECK(kw_model_taken_for(same[i][0]) == m);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) CHECK(!kw_model_find(other[i]));
    CHECK(!kw_model_taken_for("llama-3.1-8b") && !kw_model_taken_for("Qwen/Qwen3-8B") && !kw_model_taken_for("none"));
    for (size_t i = 0; i < kw_model_count(); i++) /* a name that says enough is never taken for another */
        for (size_t k = 0; k < i; k++)
            CHECK(!kw_model_names_agree(kw_model_at(i)->name, kw_model_at(k)->name) &&
                  !kw_model_names_agree(kw_model_at(i)->hf_name[0], kw_model_at(k)->hf_name[0]));
}

/* Bytes of the files of the quantised checkpoints as their repositories list them, without multi-token prediction. */
static void checkpoints_have_the_bytes_of_their_quantisation(void)
{
    static const struct {
        const char *name, *precision;
        double gb, within;
    } known[] = { { "gpt-oss-120b", "mxfp4", 65.3, 0.005 }, /* 60.8 GiB, OpenAI's model card */
                  { "gpt-oss-20b", "mxfp4", 13.8, 0.005 },  /* 12.8 GiB */
                  { "kimi-k2.5", "int4", 595, 0.01 },
                  { "qwen3-32b-fp8", "fp8", 34.3, 0.01 },
                  { "deepseek-r1", "fp8", 673, 0.01 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct kw_model_shape *m = kw_model_find(known[i].name);
        CHECK(m != NULL);
        if (!m) continue;
        CHECK_STR(kw_model_own_precision(m), known[i].precision);
        CHECK_NEAR(kw_model_weight_bytes(m, known[i].precision) / 1e9 / known[i].gb, 1, known[i].within);
    }
}

static void bytes_follow_the_precision(void)
{
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    CHECK(m != NULL);
    if (!m) return;
    CHECK_NEAR(kw_model_weight_bytes(m, "bf16"), 16060522496.0, 0); /* 2 x 8030261248; ENGINE.md 1: 16.06 GB */
    CHECK_NEAR(kw_model_weight_bytes(m, "fp8"), 9.08e9, 0.005e9);   /* ENGINE.md 1 */
    CHECK_NEAR(kw_model_weight_bytes(m, "int4"),
               2 * (m->n_params - kw_model_linear_params(m)) + kw_model_linear_params(m) * 4.15625 / 8, 1);
    CHECK_NEAR(kw_model_step_bytes(m, "bf16"), 15.0e9, 0.05e9);
    CHECK_NEAR(kw_model_step_bytes(m, "fp8"), 8.0e9, 0.05e9);
    CHECK_NEAR(kw_model_kv_bytes_per_token(m, "bf16"), 131072, 0);
    CHECK_NEAR(kw_model_kv_bytes_per_token(m, "fp8"), 131072, 0);
    CHECK(isnan(kw_model_weight_bytes(m, "int3")) && isnan(kw_model_kv_bytes_per_token(m, "int3")));
    const struct kw_model_shape *tied = kw_model_find("llama-3.2-1b");
    if (tied) CHECK_NEAR(kw_model_step_bytes(tied, "bf16"), kw_model_weight_bytes(tied, "bf16"), 0);
}

/* Closed forms by kind of attention. */
static void what_a_sequence_keeps_goes_by_attention(void)
{
    const struct kw_model_shape *oss = kw_model_find("gpt-oss-120b"), *mla = kw_model_find("deepseek-v3"),
                                *next = kw_model_find("qwen3-next-80b-a3b"), *plain = kw_model_find("llama-3.1-8b");
    CHECK(oss && mla && next && plain);
    if (!oss || !mla || !next || !plain) return;
    for (double n = 1; n < 1e6; n *= 7) { /* 18 of 36 layers see 128 tokens, 8 KV heads of 64 */
        CHECK_NEAR(kw_model_kv_bytes(oss, "mxfp4", n), 2048 * (18 * n + 18 * fmin(n, 128)), 0);
        CHECK_NEAR(kw_model_kv_bytes(mla, "fp8", n), 61 * 2 * (512 + 64) * n, 0);
        CHECK_NEAR(kw_model_kv_bytes(plain, "bf16", n), 131072 * n, 0);
        /* 12 of 48 layers attend, 2 KV heads of 256; the others keep 32 x 128 x 128 in 32 bits and 3 inputs of 8192 */
        CHECK_NEAR(kw_model_kv_bytes(next, "bf16", n), 12 * 2048 * n + 36 * (4 * 32 * 128 * 128 + 2 * 3 * 8192.0), 0);
    }
    CHECK_NEAR(kw_model_kv_bytes_per_token(oss, "mxfp4"), 36 * 2048, 0);
    CHECK_NEAR(kw_model_state_bytes(plain), 0, 0);
}

/* One token touches its own k; very many touch all; E (1 - (1 - k/E)^n) against throwing dice. */
static void a_batch_touches_the_experts_that_chance_gives_it(void)
{
    const struct kw_model_shape *m = kw_model_find("qwen3-30b-a3b"), *dense = kw_model_find("qwen3-32b");
    CHECK(m && dense);
    if (!m || !dense) return;
    CHECK_NEAR(kw_model_experts_touched(m, 1), 8, 1e-9);
    CHECK_NEAR(kw_model_experts_touched(m, 1e5), 128, 1e-9);
    CHECK_NEAR(kw_model_experts_touched(dense, 7), 0, 0);
    uint64_t x = 1;
    double sum = 0;
    enum { TRIALS = 4000, TOKENS = 12 };
    for (int t = 0; t < TRIALS; t++) {
        bool touched[128] = { false };
        for (int k = 0; k < TOKENS; k++)
            for (int taken = 0, mine[8]; taken < 8;) {
                x = x * 6364136223846793005u + 1442695040888963407u;
                int e = (int)(x >> 57), twice = 0;
                for (int i = 0; i < taken; i++) twice |= mine[i] == e;
                if (!twice) mine[taken++] = e, touched[e] = true;
            }
        for (int e = 0; e < 128; e++) sum += touched[e];
    }
    CHECK_NEAR(sum / TRIALS / kw_model_experts_touched(m, TOKENS), 1, 0.005);
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
    RUN(parameter_counts_are_those_published);
    RUN(names_of_one_shape_lead_to_it);
    RUN(checkpoints_have_the_bytes_of_their_quantisation);
    RUN(bytes_follow_the_precision);
    RUN(what_a_sequence_keeps_goes_by_attention);
    RUN(a_batch_touches_the_experts_that_chance_gives_it);
    RUN(the_kv_formula_gives_what_the_engine_reported);
    RUN(gpus_are_physical_and_sourced);
    RUN(gpus_go_by_whole_names);
    return check_report();
}
