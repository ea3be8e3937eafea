/* What servers take beside kernels: every engine has a law with its source, host time goes into a step as it says, and errors
 * of a GPU without tables are wider. */
#include "calibrate/operators/server_law.h"
#include <stdlib.h>
#include "calibrate/operators/on_the_spot.h"
#include "tests/check.h"

static void every_engine_has_a_law_with_a_source(void)
{
    static const char *const engines[] = { "vllm", "trtllm", "sglang" };
    for (int i = 0; i < 3; i++) {
        const struct kw_server_law *l = kw_server_law_of(engines[i]);
        CHECK(l && l->provenance.source[0] && l->provenance.date[0]);
        if (!l) continue;
        CHECK(l->fixed_s + l->doubling_s + l->sequence_s > 0 && l->front_s > 0 &&
              l->front_token_s > 0); /* never zero */
        CHECK(l->fixed_s < 5e-3 && l->sequence_s < 1e-4 && l->front_s < 0.1 && l->front_token_s < 2e-5);
    }
    CHECK(kw_server_law_of("llama.cpp") == NULL);
    CHECK(kw_sustained_slower() >= 1 && kw_sustained_slower() < 1.5);
}

static void host_time_grows_with_sequences_and_gpus(void)
{
    const struct kw_server_law l = { .fixed_s = 1e-3, .sequence_s = 1e-5, .doubling_s = 2e-4 };
    struct kw_step_tables t = { .fixed_s = 1e-4 };
    kw_server_law_add(&t, &l, 8);
    CHECK_NEAR(t.fixed_s, 1e-4 + 1e-3 + 3 * 2e-4, 1e-12);
    CHECK_NEAR(t.sequence_s, 1e-5, 1e-15);
}

static void a_profile_made_on_the_spot_holds_them(void)
{
    struct kw_profile p, q;
    struct kw_error err = { "" };
    const struct kw_server_law *l = kw_server_law_of("vllm");
    const struct kw_split split = { .tp = 4, .ep = 1, .dp = 1 };
    CHECK(kw_on_the_spot(&p, kw_model_find("qwen3-32b"), kw_gpu_find("H100"), "fp8", &split, &err) == KW_OK);
    CHECK(kw_on_the_spot(&q, kw_model_find("qwen3-32b"), kw_gpu_find("H100-NVL"), "fp8", &split, &err) == KW_OK);
    CHECK_NEAR(p.tables.fixed_s, l->fixed_s + 2 * l->doubling_s, 1e-12);
    CHECK_NEAR(p.tables.sequence_s, l->sequence_s, 1e-15);
    CHECK(p.front_s == l->front_s && p.front_token_s == l->front_token_s);
    CHECK(p.steps_error_median > 0 && p.steps_error_worst > p.steps_error_median);
    CHECK(q.steps_error_worst > p.steps_error_worst &&
          q.prefill_error_worst > p.prefill_error_worst); /* H100's kernels */
    size_t n;
    struct kw_profile again;
    char *text = kw_profile_text(&p, &n);
    CHECK(text && kw_profile_parse(&again, "made.json", text, n, &err) == KW_OK);
    CHECK_NEAR(again.front_s, p.front_s, 1e-9);
    CHECK_NEAR(again.front_token_s, p.front_token_s, 1e-12);
    free(text);
    kw_profile_free(&again);
    kw_profile_free(&p);
    kw_profile_free(&q);
}

/* Of the fp8 products of a B200 alone; of a decode step of one sequence they are nearly all. */
static void products_are_what_servers_run(void)
{
    struct kw_profile p;
    struct kw_error err = { "" };
    const struct kw_split split = { .tp = 1, .ep = 1, .dp = 1 };
    const struct kw_gpu_spec *g = kw_gpu_find("B200");
    CHECK_NEAR(kw_served_of_table("B200", KW_GEMM_FP8), 0.85, 1e-12);
    CHECK(kw_served_of_table("B200", KW_GEMM_BF16) == 1 && kw_served_of_table("H100", KW_GEMM_FP8) == 1);
    CHECK(kw_on_the_spot(&p, kw_model_find("llama-3.1-70b"), g, "fp8", &split, &err) == KW_OK);
    struct kw_gemm_ratio r;
    CHECK(kw_gemm_ratio_of(&r, g, KW_GEMM_FP8, &err) == KW_OK);
    double whole = 0;
    static const double site[][2] = { { 10240, 8192 }, { 8192, 8192 }, { 57344, 8192 }, { 8192, 28672 } };
    for (int i = 0; i < 4; i++)
        whole += 80 * kw_gemm_ratio_at(&r, 1, site[i][0], site[i][1]) *
                 kw_gemm_roofline_s(g, KW_GEMM_FP8, 1, 1, site[i][0], site[i][1], kw_sustained_slower());
    CHECK(p.tables.dense.y[0] > 0.85 * whole &&
          p.tables.dense.y[0] < 0.85 * whole + 80 * 30e-6); /* and small kernels */
    kw_profile_free(&p);
}

int main(void)
{
    RUN(every_engine_has_a_law_with_a_source);
    RUN(host_time_grows_with_sequences_and_gpus);
    RUN(a_profile_made_on_the_spot_holds_them);
    RUN(products_are_what_servers_run);
    return check_report();
}
