/* Tables of layers in the forms of LLMServingSim and Vidur: what a step is made of, which rows are taken, and on the real
 * tables how well what was left out comes back. */
#include "calibrate/own/own_layers.h"
#include <stdarg.h>
#include <stdlib.h>
#include "tests/calibrate/own_folder.h"
#include "tests/check.h"

static char text[1 << 20];

static void line(const char *fmt, ...) KW_PRINTF(1, 2);
static void line(const char *fmt, ...)
{
    va_list a;
    size_t n = strlen(text);
    va_start(a, fmt);
    vsnprintf(text + n, sizeof text - n, fmt, a);
    va_end(a);
}

/* llama-3.1-8b: 32 layers. Every layer takes 10 us and 20 ns a token, lm_head 100 us and 1 us a sequence; at tp 2 half. */
static const char *serving_sim(const char *leave_out)
{
    static const char *const names[] = { "embedding", "input_layernorm", "q_proj",         "k_proj",  "v_proj",
                                         "rope",      "o_proj",          "gate_proj",      "up_proj", "post_layernorm",
                                         "act_fn",    "down_proj",       "final_layernorm" };
    strcpy(text, "layer_name,input,kv_cache,tp_size,latency(ns)\n");
    for (int tp = 1; tp <= 2; tp++)
        for (int n = 1; n <= 1024; n += n < 16 ? 1 : 16) {
            for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strcmp(names[i], leave_out)) line("%s,%d,0,%d,%d\n", names[i], n, tp, (10000 + 20 * n) / tp);
            line("lm_head,%d,0,%d,%d\n", n, tp, (100000 + 1000 * n) / tp);
            line("attn,%d,0,%d,%g\n", n, tp, (5000 + 10 * n + 0.05 * n * n) / tp);
        }
    return put("layers.csv", text);
}

static const char *vidur_attention(double context_us)
{
    strcpy(text, "time_stats.attn_prefill.median,time_stats.attn_decode.median,n_embd,n_q_head,n_kv_head,"
                 "num_tensor_parallel_workers,batch_size,prefill_chunk_size,kv_cache_size,is_prefill\n");
    for (int b = 1; b <= 64; b *= 2)
        for (int c = 64; c <= 16384; c *= 2)
            line(",%g,4096,32,8,1,%d,0,%d,False\n", 0.005 + 1e-3 * context_us * b * c, b, c);
    return put("attention.csv", text);
}

static enum kw_status make(struct kw_profile *p, const char *model, const char *gpu, uint32_t tp,
                           const char *const *paths, size_t n, const char *origin, char **report, struct kw_error *err)
{
    size_t len;
    const struct kw_model_shape *m;
    FILE *f = open_memstream(report, &len);
    enum kw_status st = kw_own_base(p, gpu, model, "bf16", tp, err);
    if (st == KW_OK) st = kw_model_named(&m, model, err);
    if (st == KW_OK) st = kw_own_layers(p, m, paths, n, &(struct kw_own_origin){ origin, "2026-05-01" }, f, err);
    fclose(f);
    return st;
}

static double step_s(const struct kw_profile *p, struct kw_step step)
{
    struct kw_steptime *t;
    struct kw_error err;
    CHECK(kw_steptime_compile(&t, &p->tables, 256, 8192, &err) == KW_OK);
    double s = (double)kw_steptime_ps(t, &step) * 1e-12;
    kw_steptime_delete(t);
    return s;
}

static double dense_s(double tokens, double tp)
{
    return (11 * 32 + 2) * (10e-6 + 20e-9 * tokens) / tp; /* two norms and nine more a layer, embedding and last norm */
}

/* 16 sequences of 1024: all layers, lm_head and attention, each as often as a step runs it. */
static void a_step_is_the_sum_of_its_layers(void)
{
    struct kw_profile p, base;
    struct kw_error err = { "" };
    char *report;
    const char *paths[2];
    paths[0] = serving_sim("");
    paths[1] = vidur_attention(1e-3);
    CHECK(make(&p, "llama-3.1-8b", "H100", 1, paths, 2, NULL, &report, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(kw_own_base(&base, "H100", "llama-3.1-8b", "bf16", 1, &err) == KW_OK);
    CHECK(base.tables.sequence_s > 5e-6); /* kernels alone are no server */
    CHECK_NEAR(step_s(&p, (struct kw_step){ .n_decode = 16, .decode_context = 16384 }) /
                   (dense_s(16, 1) + 116e-6 + 32 * (5e-6 + 1e-9 * 16384) + 16 * base.tables.sequence_s),
               1, 0.002);
    kw_profile_free(&base);
    CHECK_NEAR(step_s(&p, (struct kw_step){ .n_chunks = 1, .prefill_tokens = 1024, .prefill_pairs2 = 1024 * 1024 }) /
                   (dense_s(1024, 1) + 101e-6 + 32 * (5e-6 + 10e-9 * 1024 + 0.05e-9 * 1024 * 1024)),
               1, 0.01);
    CHECK(strstr(report, "NOT IN THE FILES") == NULL && p.steps.grade == KW_GRADE_MEASURED);
    CHECK(strstr(report, "layers, sizes left out: median 0.0 %") != NULL &&
          strstr(report, "decode step, a point left out"));
    CHECK_STR(p.steps.date, "2026-05-01");
    kw_profile_free(&p), free(report);
    /* Over two GPUs the rows of two, and the link's all-reduces on top. */
    CHECK(make(&p, "llama-3.1-8b", "H100", 2, paths, 1, "someone@1234", &report, &err) == KW_OK);
    CHECK(kw_own_base(&base, "H100", "llama-3.1-8b", "bf16", 2, &err) == KW_OK);
    CHECK_NEAR(kw_curve_at(&p.tables.dense, 16) / dense_s(16, 2), 1, 0.002);
    CHECK_NEAR(kw_curve_at(&p.tables.comm, 16), kw_curve_at(&base.tables.comm, 16), 1e-12);
    CHECK(kw_curve_at(&p.tables.decode[0], 1e5) == kw_curve_at(&base.tables.decode[0], 1e5));
    CHECK(strstr(report, "NOT IN THE FILES: attention of decodes, all-reduce; by published") != NULL);
    CHECK(p.steps.grade == KW_GRADE_PUBLISHED &&
          strstr(p.steps.source, "someone@1234: layers.csv (sha256 ") == p.steps.source);
    kw_profile_free(&p), kw_profile_free(&base), free(report);
}

static void vidur_columns_and_its_network(void)
{
    static const char *const ops[] = { "emb",         "input_layernorm", "attn_pre_proj", "attn_rope", "attn_post_proj",
                                       "mlp_up_proj", "mlp_act",         "mlp_down_proj", "add" };
    struct kw_profile p;
    struct kw_error err = { "" };
    char *report;
    const char *paths[2];
    text[0] = 0;
    for (size_t i = 0; i < 9; i++) line("time_stats.%s.median,", ops[i]);
    line("n_head,n_kv_head,n_embd,n_expanded_embd,num_tokens,num_tensor_parallel_workers\n");
    for (int n = 1; n <= 4096; n *= 2)
        for (int tp = 2; tp <= 4; tp += 2) {
            for (int i = 0; i < 9; i++) line("%g,", (0.010 + 2e-5 * n) * 2 / tp);
            line("32,8,4096,14336,%d,%d\n", n, tp);
        }
    paths[0] = put("mlp.csv", text);
    strcpy(text, ",time_stats.all_reduce.median,num_workers,size,devices_per_node\n");
    for (int k = 0; k < 12; k++)
        for (int far = 0; far < 2; far++)
            line("%d,%g,2,%d,%d\n", k, 0.02 + 1e-9 * (8192 << k) + far, 8192 << k, far ? 1 : 2);
    paths[1] = put("network.csv", text);
    CHECK(make(&p, "llama-3.1-8b", "A100-80", 2, paths, 2, NULL, &report, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    /* Eight a layer, input_layernorm once more for the last norm, and the embedding. */
    CHECK_NEAR(kw_curve_at(&p.tables.dense, 512) / ((8 * 32 + 2) * (10e-6 + 20e-9 * 512)), 1, 0.002);
    CHECK_NEAR(kw_curve_at(&p.tables.comm, 1024) / (64 * (20e-6 + 1e-12 * 8388608)), 1,
               0.01); /* 8192 B a token; in a node */
    CHECK_STR(p.link.name, "as in the files");
    CHECK(strstr(report, "NOT IN THE FILES: lm_head and sampling, attention of decodes, attention of whole prompts;") !=
          NULL);
    kw_profile_free(&p), free(report);
    CHECK(make(&p, "llama-3.1-70b", "A100-80", 2, paths, 1, NULL, &report, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "mlp.csv:2: n_head is 32, but llama-3.1-70b has 64") != NULL);
    kw_profile_free(&p), free(report);
}

static void refused(const char *const *paths, size_t n, const char *model, uint32_t tp, const char *says)
{
    struct kw_profile p;
    struct kw_error err = { "" };
    char *report;
    CHECK(make(&p, model, "H100", tp, paths, n, NULL, &report, &err) != KW_OK);
    if (!strstr(err.msg, says)) fprintf(stderr, "got: %s\n", err.msg);
    CHECK(strstr(err.msg, says) != NULL);
    kw_profile_free(&p), free(report);
}

static void what_is_off_is_named(void)
{
    const char *path = serving_sim("");
    refused(&path, 1, "llama-3.1-8b", 4, "layers.csv: no row of tp 4; it has tp 2");
    refused(&path, 1, "Qwen/Qwen3-30B-A3B", 1, "has experts");
    path = serving_sim("up_proj");
    refused(&path, 1, "llama-3.1-8b", 1, "no row of layer 'up_proj' at tp 1");
    strcpy(text, "layer_name,input,kv_cache,tp_size,latency(ns)\nq_prj,1,0,1,5000\n");
    path = put("bad.csv", text);
    refused(&path, 1, "llama-3.1-8b", 1, "bad.csv:2: a layer 'q_prj' is not known (did you mean 'q_proj'?)");
    strcpy(text, "layer_name,input,kv_cache,tp_size,latency(ns)\nq_proj,1,0,1,-5\n");
    path = put("bad.csv", text);
    refused(&path, 1, "llama-3.1-8b", 1, "bad.csv:2: latency(ns): want a number");
    strcpy(text, "time_stats.mlp_up_proj.median,num_tokens,num_tensor_parallel_workers\n1,8,1\n");
    path = put("bad.csv", text);
    refused(&path, 1, "llama-3.1-8b", 1, "no column 'time_stats.input_layernorm.median'");
    path = vidur_attention(1e-3);
    strcpy(strstr(text, "False"), "maybe\n");
    path = put("bad.csv", text);
    refused(&path, 1, "llama-3.1-8b", 1, "bad.csv:2: is_prefill: want True or False, got \"maybe\"");
}

static const char *data(char buf[1024], const char *name)
{
    const char *env = getenv("KEEPWARM_DATA");
    snprintf(buf, 1024, "%s/calibration/%s", env ? env : "../shared/data", name);
    return buf;
}

/* LLMServingSim's own tables of an H100 at every tp it has, and Vidur's: what was left out of the fit comes back. */
static void real_tables_give_back_what_was_left_out(void)
{
    static const struct {
        const char *file[2], *gpu, *model;
        uint32_t tp;
    } sets[] = {
        { { "llmservingsim_h100/Llama-3.1-8B_tp1_layers.csv.gz" }, "H100", "llama-3.1-8b", 1 },
        { { "llmservingsim_h100/Llama-3.1-8B_tp2_layers.csv.gz" }, "H100", "llama-3.1-8b", 2 },
        { { "llmservingsim_h100/Llama-3.1-70B_tp2_layers.csv.gz" }, "H100", "llama-3.1-70b", 2 },
        { { "llmservingsim_h100/Llama-3.1-70B_tp4_layers.csv.gz",
            "llmservingsim_h100/Llama-3.1-70B_tp4_attention.csv.gz" },
          "H100",
          "llama-3.1-70b",
          4 },
        { { "vidur/a100_Meta-Llama-3-8B_mlp.csv.gz", "vidur/network_a100_dgx_all_reduce.csv.gz" },
          "A100-80",
          "llama-3.1-8b",
          2 },
        { { "vidur/a100_Meta-Llama-3-70B_mlp.csv.gz", "vidur/network_a100_dgx_all_reduce.csv.gz" },
          "A100-80",
          "llama-3.1-70b",
          8 },
        { { "vidur/h100_Llama-2-70b-hf_mlp.csv.gz", "vidur/network_h100_dgx_all_reduce.csv.gz" },
          "H100",
          "llama-2-70b",
          4 },
    };
    char path[2][1024];
    if (access(data(path[0], sets[0].file[0]), R_OK)) {
        SKIP("no tables in KEEPWARM_DATA");
        return;
    }
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const char *paths[2];
        struct kw_profile p;
        struct kw_error err = { "" };
        char *report, out[128];
        size_t n = 0;
        for (; n < 2 && sets[i].file[n]; n++) paths[n] = data(path[n], sets[i].file[n]);
        CHECK(make(&p, sets[i].model, sets[i].gpu, sets[i].tp, paths, n, "published", &report, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        double median = -1, worst = -1;
        const char *at = strstr(report, "layers, sizes left out: median ");
        CHECK(at && sscanf(at, "layers, sizes left out: median %lf %%, worst %lf", &median, &worst) == 2);
        CHECK(median >= 0 && median < 1.5 && worst < 15);
        if ((at = strstr(report, "points left out of the fit: median ")) != NULL) {
            CHECK(sscanf(at, "points left out of the fit: median %lf %%, worst %lf %% of %zu", &median, &worst, &n) ==
                  3);
            CHECK(n > 10000 && median < 0.5);
        }
        snprintf(out, sizeof out, "%s/p.json", folder);
        CHECK(kw_own_save(&p, out, &err) == KW_OK); /* physical, and small */
        CHECK_STR(err.msg, "");
        kw_profile_free(&p), free(report);
    }
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    RUN(a_step_is_the_sum_of_its_layers);
    RUN(vidur_columns_and_its_network);
    RUN(what_is_off_is_named);
    RUN(real_tables_give_back_what_was_left_out);
    char rm[64];
    snprintf(rm, sizeof rm, "rm -rf %s", folder);
    if (system(rm)) return 1;
    return check_report();
}
