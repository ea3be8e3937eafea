/* Profiles without a file: near those that tables made, physical, and in the first order what experts, windows and latent
 * attention make of a step. */
#include "calibrate/operators/on_the_spot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/expert_table.h"
#include "calibrate/operators/shape_steps.h"
#include "calibrate/profile/kv.h"
#include "tests/check.h"

static struct kw_profiles known;

static enum kw_status make(struct kw_profile *p, const char *model, const char *gpu, const char *precision, uint32_t tp,
                           struct kw_error *err)
{
    const struct kw_model_shape *m = kw_model_find(model);
    CHECK(m != NULL);
    const struct kw_split split = { .tp = tp, .ep = 1, .dp = 1 };
    return kw_on_the_spot(p, m, kw_gpu_find(gpu), precision, &split, err);
}

static double attention_s(const struct kw_step_tables *t, double batch, double context)
{
    uint32_t row = 0;
    while (row + 1 < t->n_decode_rows && t->decode_batch[row] < batch) row++; /* asked for at rows alone */
    return kw_curve_at(&t->decode[row], batch * context);
}

static double decode_s(const struct kw_step_tables *t, double batch, double context)
{
    return t->fixed_s + kw_curve_at(&t->dense, batch) + kw_curve_at(&t->head, batch) + attention_s(t, batch, context) +
           kw_curve_at(&t->comm, batch);
}

static int ascending(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Made of the same kernels, so this is how much is lost by grids and laws in place of tables, not an error. Host time, which
 * those tables do not hold, is left out, and so are several GPUs, whose all-reduce runs in a graph here. */
static void dense_models_come_out_near_their_tables(void)
{
    static double off[2000];
    size_t n = 0;
    struct kw_error err = { "" };
    for (size_t i = 0; i < known.n; i++) {
        const struct kw_profile *real = &known.p[i];
        struct kw_profile p;
        if (real->steps.grade != KW_GRADE_PUBLISHED || real->tp > 1) continue;
        CHECK(make(&p, real->model, real->gpu, real->precision, real->tp, &err) == KW_OK);
        CHECK(p.num_blocks == real->num_blocks || !strcmp(real->gpu, "RTX4090"));
        CHECK_NEAR(p.weight_bytes, real->weight_bytes, 1);
        CHECK_NEAR(p.kv_bytes_per_token, real->kv_bytes_per_token, 1);
        for (double batch = 1; batch <= 128; batch *= 8)
            for (double context = 512; context <= 8192; context *= 4)
                off[n++] = fabs((decode_s(&p.tables, batch, context) - p.tables.fixed_s) /
                                    decode_s(&real->tables, batch, context) -
                                1);
        kw_profile_free(&p);
    }
    qsort(off, n, sizeof *off, ascending);
    CHECK(n > 80 && off[n / 2] < 0.05 && off[n - 1] < 0.20);
}

/* No step is faster than the bytes it must read, nor than its products. */
static void no_step_beats_the_data_sheet(void)
{
    static const struct {
        const char *model, *gpu, *precision;
        uint32_t tp;
    } made[] = { { "gpt-oss-120b", "H100", "mxfp4", 1 },  { "gpt-oss-20b", "L4", "mxfp4", 1 },
                 { "qwen3-30b-a3b", "H200", "bf16", 1 },  { "deepseek-r1", "H200", "fp8", 8 },
                 { "kimi-k2.5", "B200", "int4", 8 },      { "qwen3-next-80b-a3b", "H100", "fp8", 2 },
                 { "gemma-2-27b", "A100-80", "bf16", 1 }, { "mixtral-8x7b", "H100", "bf16", 2 },
                 { "qwen3-32b", "RTX5090", "fp8", 2 },    { "llama-4-scout", "B200", "bf16", 2 } };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct kw_profile p, q;
        struct kw_error err = { "" };
        const struct kw_model_shape *m = kw_model_find(made[i].model);
        const struct kw_gpu_spec *g = kw_gpu_find(made[i].gpu);
        CHECK(make(&p, made[i].model, made[i].gpu, made[i].precision, made[i].tp, &err) == KW_OK);
        if (!p.tp) continue;
        bool own = !strcmp(made[i].precision, kw_model_own_precision(m)) && m->quant != KW_QUANT_NONE;
        double expert = kw_model_bits(m, made[i].precision) / 8 * 3 * m->hidden * m->experts.width,
               layers = m->experts.n ? m->layers - m->experts.dense_layers : 0, memory = g->bandwidth * p.tp;
        double rest = kw_model_step_bytes(m, made[i].precision) - layers * m->experts.n * expert;
        CHECK(own || m->quant == KW_QUANT_NONE);
        for (double batch = 1; batch <= 512; batch *= 8) {
            double touched = rest + layers * kw_model_experts_touched(m, batch) * expert;
            double least =
                fmax(touched / memory, 2 * kw_model_active_linear_params(m) * batch /
                                           (p.tp * fmax(g->flops_bf16, p.precision[0] == 'f' ? g->flops_fp8 : 0)));
            CHECK(decode_s(&p.tables, batch, 128) > 0.99 * least);
        }
        CHECK(p.steps.grade == KW_GRADE_ESTIMATED && p.weakest == KW_GRADE_ESTIMATED && p.steps_error_worst > 0);
        struct kw_steptime *t;
        CHECK(kw_steptime_compile(&t, &p.tables, p.max_num_seqs, p.max_num_batched_tokens, &err) == KW_OK);
        kw_steptime_delete(t);
        size_t n;
        char *text = kw_profile_text(&p, &n); /* a profile like any other: written, read, and not refused */
        CHECK(text && kw_profile_parse(&q, "made.json", text, n, &err) == KW_OK);
        if (err.msg[0]) CHECK_STR(err.msg, "");
        kw_profile_free(&q);
        free(text);
        kw_profile_free(&p);
    }
}

/* A batch of one reads 4 of 60 experts, one of 64 nearly all: the difference is their bytes, where no table has them. */
static void a_step_reads_the_experts_that_its_batch_touches(void)
{
    struct kw_profile p;
    struct kw_error err = { "" };
    const struct kw_model_shape *m = kw_model_find("qwen1.5-moe-a2.7b");
    const struct kw_gpu_spec *g = kw_gpu_find("H100");
    struct kw_kernel_laws laws;
    CHECK(kw_expert_row_find(g, m, "bf16", 1, 1, KW_EXPERTS_POWER_LAW) == NULL);
    CHECK(make(&p, m->name, g->name, "bf16", 1, &err) == KW_OK && kw_kernel_laws_of(&laws, g, &err) == KW_OK);
    double one = kw_curve_at(&p.tables.dense, 1), many = kw_curve_at(&p.tables.dense, 64);
    double expert = 2.0 * 3 * m->hidden * m->experts.width * m->layers;
    double bytes = (kw_model_experts_touched(m, 64) - m->experts.active) * expert * laws.experts[2] / g->bandwidth;
    CHECK(many - one > bytes && many - one < 1.15 * bytes);
    kw_profile_free(&p);
}

/* Beyond the window the attention of half of gpt-oss's layers stays as it is; latent attention is not split over GPUs. */
static void attention_goes_by_its_kind(void)
{
    struct kw_profile p, two;
    struct kw_error err = { "" };
    CHECK(make(&p, "gpt-oss-20b", "H100", "mxfp4", 1, &err) == KW_OK);
    double near = attention_s(&p.tables, 16, 128) - attention_s(&p.tables, 16, 16),
           far = attention_s(&p.tables, 16, 8192) - attention_s(&p.tables, 16, 2048);
    CHECK_NEAR(near / (128 - 16) / (far / (8192 - 2048)), 2, 0.01);
    kw_profile_free(&p);
    CHECK(make(&p, "deepseek-v2-lite", "H100", "bf16", 1, &err) == KW_OK);
    CHECK(make(&two, "deepseek-v2-lite", "H100", "bf16", 2, &err) == KW_OK);
    CHECK_NEAR(two.kv_bytes_per_token / p.kv_bytes_per_token, 2, 1e-9); /* a copy on each */
    CHECK_NEAR(kw_kv_gpu_bytes_per_token(kw_model_find("deepseek-v2-lite"), "bf16", 2), 27 * 2 * 576, 0);
    kw_profile_free(&p);
    kw_profile_free(&two);
}

/* As many sequences as the blocks hold, at any length: what they keep and the weights are within the GPUs' memory. */
static void the_cache_holds_what_it_says(void)
{
    static const struct {
        const char *model, *precision;
        uint32_t tp;
    } made[] = { { "gpt-oss-120b", "mxfp4", 1 },    { "gpt-oss-120b", "mxfp4", 4 },      { "gemma-2-27b", "bf16", 1 },
                 { "gemma-3-12b", "bf16", 1 },      { "qwen3-next-80b-a3b", "bf16", 4 }, { "qwen3.5-27b", "bf16", 1 },
                 { "deepseek-v2-lite", "bf16", 2 }, { "qwen3-32b", "bf16", 2 } };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        struct kw_profile p;
        struct kw_error err = { "" };
        const struct kw_model_shape *m = kw_model_find(made[i].model);
        enum kw_status st = make(&p, made[i].model, "H200", made[i].precision, made[i].tp, &err);
        if (st != KW_OK) CHECK_STR(err.msg, "");
        double tokens = (double)p.num_blocks * p.block_size, copies = m->latent.kv_rank ? p.tp : 1;
        for (double each = 64; each < tokens; each *= 4) {
            double n = fmin(floor(tokens / each), p.max_num_seqs);
            double bytes = p.weight_bytes + n * copies * kw_model_kv_bytes(m, p.precision, each);
            CHECK(bytes < 0.9 * p.tp * kw_gpu_find("H200")->memory_bytes);
        }
        kw_profile_free(&p);
    }
}

static void what_cannot_be_is_refused(void)
{
    struct kw_profile p;
    struct kw_error err = { "" };
    CHECK(make(&p, "qwen3-8b", "T4", "bf16", 1, &err) == KW_ERANGE && strstr(err.msg, "T4 does not run bf16"));
    CHECK(make(&p, "qwen3-8b", "A100-80", "fp8", 1, &err) == KW_ERANGE && strstr(err.msg, "does not run fp8"));
    CHECK(make(&p, "qwen3-8b", "H100", "int3", 1, &err) == KW_ERANGE);
    CHECK(make(&p, "deepseek-r1", "H100", "fp8", 4, &err) == KW_ERANGE && strstr(err.msg, "does not fit on 4 x H100"));
    CHECK(make(&p, "qwen2.5-7b", "H100", "bf16", 8, &err) == KW_ERANGE && strstr(err.msg, "cannot be split over 8"));
    CHECK(!p.tp && !p.tables.dense.n);
}

/* For a plan: every GPU and tp that fits, once, and not where tables made a profile of that combination already. */
static void all_that_fit_are_made(void)
{
    struct kw_profiles all = { 0 };
    struct kw_error err = { "" };
    CHECK(kw_profiles_embedded(&all, &err) == KW_OK);
    size_t n = all.n;
    CHECK(kw_on_the_spot_all(&all, kw_model_find("llama-3.3-70b"), KW_EXPERTS_POWER_LAW, &err) == KW_OK &&
          all.n > n + 30);
    for (size_t i = n; i < all.n; i++)
        for (size_t k = 0; k < n; k++)
            CHECK(strcmp(all.p[i].gpu, all.p[k].gpu) || strcmp(all.p[i].precision, all.p[k].precision) ||
                  all.p[i].tp != all.p[k].tp || !kw_model_same_shape(all.p[k].model, "llama-3.3-70b"));
    CHECK(kw_profiles_find(&all, "H100", "llama-3.3-70b", "fp8", 4)->steps.grade == KW_GRADE_PUBLISHED);
    CHECK(kw_profiles_find(&all, "B200", "llama-3.3-70b", "fp8", 4)->steps.grade == KW_GRADE_ESTIMATED);
    n = all.n;
    CHECK(kw_on_the_spot_all(&all, kw_model_find("gpt-oss-120b"), KW_EXPERTS_POWER_LAW, &err) == KW_OK &&
          all.n > n + 30);
    for (size_t i = n; i < all.n; i++) {
        CHECK_STR(all.p[i].precision, "mxfp4");
        CHECK(strcmp(all.p[i].gpu, "T4") &&
              all.p[i].weight_bytes < all.p[i].tp * kw_gpu_find(all.p[i].gpu)->memory_bytes);
    }
    CHECK(kw_profiles_find(&all, "H100", "gpt-oss-120b", "mxfp4", 1) != NULL);
    n = all.n;
    CHECK(kw_on_the_spot_all(&all, kw_model_find("gpt-oss-120b"), KW_EXPERTS_POWER_LAW, &err) == KW_OK && all.n == n);
    kw_profiles_free(&all);
}

static void kernels_of_an_unknown_gpu_are_those_of_its_kind(void)
{
    struct kw_kernel_laws h100, h200, nvl, t4;
    struct kw_error err = { "" };
    CHECK(kw_kernel_laws_of(&h100, kw_gpu_find("H100"), &err) == KW_OK);
    CHECK(kw_kernel_laws_of(&h200, kw_gpu_find("H200"), &err) == KW_OK);
    CHECK(kw_kernel_laws_of(&nvl, kw_gpu_find("H100-NVL"), &err) == KW_OK);
    CHECK(kw_kernel_laws_of(&t4, kw_gpu_find("T4"), &err) == KW_OK);
    CHECK_STR(h100.from, "H100");
    CHECK_STR(nvl.from, "H100, H200");
    CHECK_STR(t4.from, "A100-80, B200, H100, H200, L40S");
    for (double m = 1; m <= 8192; m *= 4)
        CHECK_NEAR(kw_gemm_ratio_at(&nvl.gemm[KW_GEMM_FP8], m, 8192, 4096),
                   (kw_gemm_ratio_at(&h100.gemm[KW_GEMM_FP8], m, 8192, 4096) +
                    kw_gemm_ratio_at(&h200.gemm[KW_GEMM_FP8], m, 8192, 4096)) /
                       2,
                   1e-9);
}

/* The grid's own points come back, between them nothing leaves the two neighbours, beyond the ends the end holds. */
static void products_are_read_between_the_grids_points(void)
{
    static struct kw_kernel_laws laws;
    struct kw_error err = { "" };
    CHECK(kw_kernel_laws_of(&laws, kw_gpu_find("H200"), &err) == KW_OK);
    const struct kw_gemm_ratio *t = &laws.gemm[KW_GEMM_BF16];
    CHECK_NEAR(kw_gemm_ratio_at(t, 16, 4096, 1024), t->r[2][3][1], 1e-12);
    CHECK_NEAR(kw_gemm_ratio_at(t, 17, 4096, 1024), t->r[3][3][1], 1e-12);
    double lo = fmin(t->r[12][3][1], t->r[13][3][1]), hi = fmax(t->r[12][3][1], t->r[13][3][1]),
           at = kw_gemm_ratio_at(t, 600, 4096, 1024);
    CHECK(at >= lo && at <= hi);
    CHECK_NEAR(kw_gemm_ratio_at(t, 1e6, 1e9, 1e9), t->r[KW_GEMM_M - 1][KW_GEMM_N - 1][KW_GEMM_K - 1], 1e-12);
    for (int i = 0; i < KW_GEMM_M; i++)
        for (int n = 0; n < KW_GEMM_N; n++)
            for (int k = 0; k < KW_GEMM_K; k++) CHECK(t->r[i][n][k] >= 1.05 - 1e-9); /* never from the L2 cache */
    /* int4 weights widened on the way: a quarter of the bytes in the roofline, all of the operations. */
    const struct kw_gpu_spec *g = kw_gpu_find("H200");
    CHECK_NEAR(kw_gemm_roofline_s(g, KW_GEMM_BF16, 0.5, 1, 65536, 8192, 1) /
                   kw_gemm_roofline_s(g, KW_GEMM_BF16, 2, 1, 65536, 8192, 1),
               0.25, 1e-3);
    CHECK_NEAR(kw_gemm_roofline_s(g, KW_GEMM_BF16, 0.5, 8192, 8192, 8192, 1), 2.0 * 8192 * 8192 * 8192 / g->flops_bf16,
               1e-9);
}

/* gpt-oss-120b has a table: a step of its experts is the table's, split as the table's GPUs were; dp ranks bring the tokens
 * of all of them. */
static void experts_of_a_known_shape_are_the_tables(void)
{
    const struct kw_gpu_spec *g = kw_gpu_find("H200");
    const struct kw_model_shape *m = kw_model_find("gpt-oss-120b");
    const struct kw_expert_row *two = kw_expert_row_find(g, m, "mxfp4", 2, 1, KW_EXPERTS_POWER_LAW);
    struct kw_profile p, q;
    struct kw_error err = { "" };
    CHECK(two && !kw_expert_row_find(g, m, "fp8", 2, 1, KW_EXPERTS_POWER_LAW));
    CHECK_NEAR(kw_expert_row_s(two, 64), two->us[7] * 1e-6, 1e-9);
    CHECK(kw_expert_row_s(two, 50) > kw_expert_row_s(two, 48) && kw_expert_row_s(two, 50) < kw_expert_row_s(two, 64));
    CHECK_NEAR(kw_expert_row_s(two, 32768), 2 * kw_expert_row_s(two, 16384), 1e-9);
    CHECK(make(&p, m->name, g->name, "mxfp4", 2, &err) == KW_OK);
    double more = kw_curve_at(&p.tables.dense, 64) - kw_curve_at(&p.tables.dense, 16);
    double table = m->layers * (kw_expert_row_s(two, 64) - kw_expert_row_s(two, 16));
    CHECK(more > 0.9 * table && more < 1.3 * table); /* projections of the tokens come on top */
    const struct kw_split ranks = { .tp = 1, .ep = 2, .dp = 2 };
    CHECK(kw_on_the_spot(&q, m, g, "mxfp4", &ranks, &err) == KW_OK);
    const struct kw_expert_row *whole = kw_expert_row_find(g, m, "mxfp4", 1, 2, KW_EXPERTS_POWER_LAW);
    CHECK(whole != NULL);
    more = kw_curve_at(&q.tables.dense, 32) - kw_curve_at(&q.tables.dense, 8);
    table = m->layers * (kw_expert_row_s(whole, 64) - kw_expert_row_s(whole, 16));
    CHECK(more > 0.9 * table && more < 1.4 * table);
    CHECK(q.num_blocks < p.num_blocks * 2 && q.weight_bytes < p.weight_bytes); /* a rank's own, experts shared */
    kw_profile_free(&p);
    kw_profile_free(&q);
    const struct kw_split three = { .tp = 1, .ep = 3, .dp = 3 };
    CHECK(kw_on_the_spot(&q, m, g, "mxfp4", &three, &err) == KW_ERANGE);
}

/* The difference of two tables of the same GPU; where one has no balanced rows the law stands, which is balanced itself. */
static void experts_that_all_tokens_choose_alike_have_rows_of_their_own(void)
{
    const struct kw_gpu_spec *g = kw_gpu_find("H100"), *old = kw_gpu_find("A100-80");
    const struct kw_model_shape *m = kw_model_find("gpt-oss-120b"), *coder = kw_model_find("qwen3-30b-a3b");
    const struct kw_split popular = { .tp = 2, .ep = 1, .dp = 1 },
                          alike = { .tp = 2, .ep = 1, .dp = 1, .routing = KW_EXPERTS_BALANCED };
    const struct kw_expert_row *row[] = { kw_expert_row_find(g, m, "mxfp4", 2, 1, KW_EXPERTS_POWER_LAW),
                                          kw_expert_row_find(g, m, "mxfp4", 2, 1, KW_EXPERTS_BALANCED) };
    struct kw_profile p, q;
    struct kw_error err = { "" };
    CHECK(row[0] && row[1] && row[1]->us[7] > 1.2f * row[0]->us[7]); /* 64 tokens touch more experts */
    CHECK(kw_on_the_spot(&p, m, g, "mxfp4", &popular, &err) == KW_OK);
    CHECK(kw_on_the_spot(&q, m, g, "mxfp4", &alike, &err) == KW_OK);
    CHECK(p.routing == KW_EXPERTS_POWER_LAW && q.routing == KW_EXPERTS_BALANCED);
    CHECK(strstr(q.steps.source, "balanced experts") && !strstr(p.steps.source, "balanced"));
    for (int i = 0; i < 8; i++) {
        double tokens = kw_expert_tokens[i];
        CHECK_NEAR(kw_curve_at(&q.tables.dense, tokens) - kw_curve_at(&p.tables.dense, tokens),
                   m->layers * (kw_expert_row_s(row[1], tokens) - kw_expert_row_s(row[0], tokens)), 1e-9);
    }
    kw_profile_free(&p);
    kw_profile_free(&q);
    CHECK(kw_expert_row_find(old, coder, "bf16", 1, 1, KW_EXPERTS_POWER_LAW));
    CHECK(!kw_expert_row_find(old, coder, "bf16", 1, 1, KW_EXPERTS_BALANCED));
    CHECK(kw_on_the_spot(&q, kw_model_find("qwen3-32b"), g, "fp8", &alike, &err) == KW_OK);
    CHECK(q.routing == KW_EXPERTS_POWER_LAW && !strstr(q.steps.source, "experts")); /* a dense model has none */
    kw_profile_free(&q);
}

static enum kw_status make_group(struct kw_profile *p, const char *model, uint32_t tp, uint32_t dp, uint32_t ep,
                                 struct kw_error *err)
{
    const struct kw_split split = { .tp = tp, .dp = dp, .ep = ep, .apart = dp > 1 };
    return kw_on_the_spot(p, kw_model_find(model), kw_gpu_find("H100"), "bf16", &split, err);
}

/* Qwen3-30B-A3B: 48 layers of 128 experts of 768 x 2048, 8 a token. Two ranks of one GPU each: half the experts on each, a
 * copy of all else, and what a step of them takes apart from it. */
static void ranks_share_experts(void)
{
    struct kw_profile one, sliced, whole, again;
    struct kw_error err = { "" };
    const char *name = "qwen3-30b-a3b";
    CHECK(make(&one, name, "H100", "bf16", 1, &err) == KW_OK);
    CHECK(make_group(&sliced, name, 1, 2, 1, &err) == KW_OK && make_group(&whole, name, 1, 2, 2, &err) == KW_OK);
    double experts = 48.0 * 128 * 3 * 2048 * 768 * 2;
    CHECK_NEAR(whole.weight_bytes, 2 * one.weight_bytes - experts, 1);
    CHECK(whole.num_blocks > one.num_blocks && whole.num_blocks == sliced.num_blocks);
    double freed =
        experts / 2 - 2.0 * 2 * 2 * 2048 * whole.max_num_batched_tokens; /* hidden states of two ranks, both ways */
    CHECK_NEAR((double)(whole.num_blocks - one.num_blocks) * 16, freed / (one.kv_bytes_per_token), 17);
    const struct kw_step_group *g = &whole.tables.group, *s = &sliced.tables.group;
    CHECK(g->ranks == 2 && g->pad_to == 512 && g->experts.n > 20 && g->exchange.n == g->experts.n &&
          !one.tables.group.ranks);
    /* one GPU's dense has both: what is left of it in a rank, and the experts of as many tokens, of which a GPU reads half */
    double all = kw_curve_at(&one.tables.dense, 64), rank = kw_curve_at(&whole.tables.dense, 64),
           of_rank = kw_curve_at(&g->experts, 64);
    CHECK(rank < all && of_rank < all - rank && of_rank > 0.45 * (all - rank));
    const struct kw_gpu_spec *h100 = kw_gpu_find("H100");
    const struct kw_expert_row *slices =
                                   kw_expert_row_find(h100, kw_model_find(name), "bf16", 2, 1, KW_EXPERTS_POWER_LAW),
                               *halves =
                                   kw_expert_row_find(h100, kw_model_find(name), "bf16", 1, 2, KW_EXPERTS_POWER_LAW);
    CHECK(slices && halves); /* each its own table: by skewed routing the fullest of two GPUs has more than half */
    for (double all = 64; all <= 4096; all *= 64)
        CHECK_NEAR(kw_curve_at(&s->experts, all) / kw_curve_at(&g->experts, all),
                   kw_expert_row_s(slices, all) / kw_expert_row_s(halves, all), 0.02);
    CHECK(kw_curve_at(&g->experts, 2) == kw_curve_at(&g->experts, 1) && kw_curve_at(&g->experts, 4096) > 2 * of_rank);
    struct kw_link link;
    CHECK(kw_link_named(&link, "nvlink-4", 2, &err) == KW_OK);
    CHECK_NEAR(kw_curve_at(&g->exchange, 2048), 48 * kw_link_gather_scatter_s(&link, 2048 * (2.0 * 2048 + 128)), 1e-9);
    size_t n;
    char *text = kw_profile_text(&whole, &n);
    CHECK(text && kw_profile_parse(&again, "again", text, n, &err) == KW_OK);
    CHECK(again.dp == 2 && again.ep == 2 && again.tables.group.pad_to == 512 &&
          again.tables.group.experts.n == g->experts.n);
    CHECK_NEAR(kw_curve_at(&again.tables.group.exchange, 777), kw_curve_at(&g->exchange, 777), 1e-7);
    free(text);
    kw_profile_free(&again);
    kw_profile_free(&whole);
    CHECK(make_group(&whole, name, 2, 1, 2, &err) == KW_OK &&
          !whole.tables.group.ranks); /* ranks of two GPUs: nothing apart */
    kw_profile_free(&whole);
    CHECK(make_group(&whole, name, 2, 2, 3, &err) == KW_ERANGE && strstr(err.msg, "cannot be split over 3 of 4 GPUs"));
    CHECK(make_group(&whole, "llama-3.1-8b", 1, 2, 1, &err) == KW_ERANGE && strstr(err.msg, "no experts"));
    kw_profile_free(&one);
    kw_profile_free(&sliced);
}

/* A plan asks for them: only then are they made, and a model without experts has none. */
static void groups_are_made_when_asked_for(void)
{
    struct kw_profiles all = { 0 };
    struct kw_error err = { "" };
    uint32_t dp[] = { 1, 2 }, ep[] = { 1, 2 };
    CHECK(kw_profiles_embedded(&all, &err) == KW_OK);
    size_t n = all.n;
    CHECK(kw_on_the_spot_groups(&all, kw_model_find("llama-3.1-8b"), dp, 2, NULL, 0, KW_EXPERTS_POWER_LAW, &err) ==
              KW_OK &&
          all.n == n);
    CHECK(kw_on_the_spot_groups(&all, kw_model_find("qwen3-30b-a3b"), dp, 2, NULL, 0, KW_EXPERTS_POWER_LAW, &err) ==
              KW_OK &&
          all.n > n);
    for (size_t i = n; i < all.n; i++) CHECK(all.p[i].dp == 2 && all.p[i].ep == 2 * all.p[i].tp);
    n = all.n;
    CHECK(kw_on_the_spot_groups(&all, kw_model_find("qwen3-30b-a3b"), dp, 1, ep, 2, KW_EXPERTS_POWER_LAW, &err) ==
              KW_OK &&
          all.n > n);
    for (size_t i = n; i < all.n; i++) CHECK(all.p[i].dp == 1 && all.p[i].ep == all.p[i].tp && all.p[i].tp > 1);
    CHECK(!kw_profiles_find(&all, "H100", "qwen3-30b-a3b", "bf16", 1)); /* those of one rank are others */
    CHECK(kw_profiles_find_group(&all, "H100", "qwen3-30b-a3b", "bf16", (struct kw_parallel){ 1, 2, 2 }) != NULL);
    kw_profiles_free(&all);
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_profiles_embedded(&known, &err) == KW_OK);
    RUN(dense_models_come_out_near_their_tables);
    RUN(no_step_beats_the_data_sheet);
    RUN(a_step_reads_the_experts_that_its_batch_touches);
    RUN(attention_goes_by_its_kind);
    RUN(the_cache_holds_what_it_says);
    RUN(what_cannot_be_is_refused);
    RUN(all_that_fit_are_made);
    RUN(ranks_share_experts);
    RUN(groups_are_made_when_asked_for);
    RUN(kernels_of_an_unknown_gpu_are_those_of_its_kind);
    RUN(products_are_read_between_the_grids_points);
    RUN(experts_of_a_known_shape_are_the_tables);
    RUN(experts_that_all_tokens_choose_alike_have_rows_of_their_own);
    kw_profiles_free(&known);
    return check_report();
}
