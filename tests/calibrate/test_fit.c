/* Synthetic tables from known coefficients are recovered; leave-out errors meet values worked out by hand. */
#include "calibrate/operators/fit.h"
#include <stdlib.h>
#include "calibrate/profile/curve.h"
#include "calibrate/operators/estimate.h"
#include "calibrate/operators/fit_decode.h"
#include "calibrate/operators/fit_prefill.h"
#include "calibrate/operators/regress.h"
#include "tests/check.h"
#include "tests/failmalloc.h"

static struct kw_error err;

static void add(struct kw_samples *q, double a, double b, double c, double d, double s)
{
    CHECK(kw_samples_push(q, (struct kw_sample){ { a, b, c, d }, s }, &err) == KW_OK);
}

static void least_squares_recovers_coefficients_and_drops_negative_ones(void)
{
    double x[20 * 3], y[20], c[3];
    for (int i = 0; i < 20; i++) {
        x[3 * i] = 1;
        x[3 * i + 1] = i;
        x[3 * i + 2] = i * i;
        y[i] = 3 + 0.5 * i + 0.25 * i * i;
    }
    CHECK(kw_regress(20, 3, x, y, NULL, c, &err) == KW_OK);
    CHECK_NEAR(c[0], 3, 1e-9);
    CHECK_NEAR(c[1], 0.5, 1e-9);
    CHECK_NEAR(c[2], 0.25, 1e-9);
    for (int i = 0; i < 20; i++) y[i] = 100 - 0.5 * i + 0.25 * i * i; /* a negative cost is none */
    CHECK(kw_regress(20, 3, x, y, NULL, c, &err) == KW_OK && c[1] == 0 && c[0] > 0 && c[2] > 0);
    /* Two values, one constant: relative errors weigh as 1/y^2, so (1/1 + 1/3) / (1/1 + 1/9) = 1.2, not the mean 2. */
    double one[2] = { 1, 1 }, two[2] = { 1, 3 };
    CHECK(kw_regress(2, 1, one, two, NULL, c, &err) == KW_OK);
    CHECK_NEAR(c[0], 1.2, 1e-12);
    double alike[2] = { 1, 1 };
    CHECK(kw_regress(2, 1, one, two, alike, c, &err) == KW_OK);
    CHECK_NEAR(c[0], 2, 1e-12);
    CHECK(kw_regress(2, 3, x, y, NULL, c, &err) == KW_ERANGE && strstr(err.msg, "2 points for 3"));
}

static void isotonic_pools_adjacent_violators(void)
{
    double a[] = { 1, 3, 2, 4 }, b[] = { 3, 2, 1 }, c[] = { 1, 2, 3 }, d[] = { 1, 5, 4, 3, 9 };
    kw_regress_isotonic(a, 4);
    CHECK(a[0] == 1 && a[1] == 2.5 && a[2] == 2.5 && a[3] == 4);
    kw_regress_isotonic(b, 3);
    CHECK(b[0] == 2 && b[1] == 2 && b[2] == 2);
    kw_regress_isotonic(c, 3);
    CHECK(c[0] == 1 && c[1] == 2 && c[2] == 3);
    kw_regress_isotonic(d, 5);
    CHECK(d[0] == 1 && d[1] == 4 && d[2] == 4 && d[3] == 4 && d[4] == 9);
}

static void errors_are_median_and_worst(void)
{
    double odd[] = { 0.3, 0.1, 0.2 }, even[] = { 0.4, 0.1, 0.2, 0.3 }, median, worst;
    kw_regress_errors(odd, 3, &median, &worst);
    CHECK(median == 0.2 && worst == 0.3);
    kw_regress_errors(even, 4, &median, &worst);
    CHECK_NEAR(median, 0.25, 1e-15);
    CHECK(worst == 0.4);
    kw_regress_errors(even, 0, &median, &worst);
    CHECK(median == 0 && worst == 0);
}

static void thinning_keeps_what_a_line_cannot_give_back(void)
{
    struct kw_curve c;
    CHECK(kw_curve_new(&c, 8, &err) == KW_OK);
    for (int i = 0; i < 5; i++) kw_curve_put(&c, i, 10 + 2 * i); /* a line ... */
    kw_curve_put(&c, 5, 30);                                     /* ... then a bend */
    kw_curve_put(&c, 6, 42);
    kw_curve_thin(&c, 1e-9);
    CHECK(c.n == 3 && c.x[0] == 0 && c.x[1] == 4 && c.x[2] == 6 && c.y[1] == 18);
    kw_curve_free(&c);
    kw_curve_free(&c);
}

/* ---- GEMM ---- */

#define F 1e12 /* FLOP/s */
#define M 1e9  /* B/s */

static double roof(double m, double n, double k)
{
    return fmax(2 * m * n * k / F, (2 * (n * k + m * k) + 2 * m * n) / M);
}

static void gemm_of_one_utilisation_is_predicted_everywhere(void)
{
    struct kw_samples q = { 0 };
    struct kw_gemm_fit f;
    double median, worst, at[3];
    static const double size[] = { 1024, 2048, 4096, 8192 }, rows[] = { 1, 16, 256, 4096 };
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++) add(&q, rows[k], size[i], size[j], 0, roof(rows[k], size[i], size[j]) / 0.7);
    CHECK(kw_gemm_fit(&f, &q, F, M, 2, &err) == KW_OK && f.n_sites == 16 && f.n_m == 4);
    CHECK_NEAR(kw_gemm_fit_s(&f, 64, 3000, 5000, KW_GEMM_NO_SITE) / (roof(64, 3000, 5000) / 0.7), 1, 1e-12);
    CHECK_NEAR(kw_gemm_fit_s(&f, 9999, 50000, 5000, KW_GEMM_NO_SITE) / (roof(9999, 50000, 5000) / 0.7), 1, 1e-12);
    CHECK(kw_gemm_fit_errors(&f, &median, &worst, at, &err) == KW_OK);
    CHECK_NEAR(median, 0,
               1e-12); /* a left-out corner meets the floor of the rest, but only the smallest site sets it */
    CHECK_NEAR(kw_gemm_fit_s(&f, 1, 16, 16, KW_GEMM_NO_SITE), roof(1, 1024, 1024) / 0.7,
               1e-15); /* never below the floor */
    kw_gemm_fit_free(&f);
    kw_samples_free(&q);
}

static void gemm_gives_a_site_back_and_weighs_neighbours_by_distance(void)
{
    struct kw_samples q = { 0 };
    struct kw_gemm_fit f;
    double median, worst, at[3];
    /* Two sites an e-fold apart in n, utilisations 0.4 and 0.9; half way in ln n the mean of ln u counts. */
    double n0 = 1000, n1 = 1000 * exp(1), mid = 1000 * exp(0.5);
    add(&q, 8, n0, 1000, 0, roof(8, n0, 1000) / 0.4);
    add(&q, 8, n1, 1000, 0, roof(8, n1, 1000) / 0.9);
    CHECK(kw_gemm_fit(&f, &q, F, M, 2, &err) == KW_OK);
    CHECK_NEAR(kw_gemm_fit_s(&f, 8, n1, 1000, KW_GEMM_NO_SITE) / (roof(8, n1, 1000) / 0.9), 1, 1e-12);
    CHECK_NEAR(kw_gemm_fit_s(&f, 8, mid, 1000, KW_GEMM_NO_SITE) / (roof(8, mid, 1000) / sqrt(0.4 * 0.9)), 1, 1e-9);
    /* A quarter of the way the weights are 1/d^2 = 16 and 16/9: nine to one. */
    double quarter = 1000 * exp(0.25);
    CHECK_NEAR(log(roof(8, quarter, 1000) / kw_gemm_fit_s(&f, 8, quarter, 1000, KW_GEMM_NO_SITE)),
               0.9 * log(0.4) + 0.1 * log(0.9), 1e-9);
    /* Left out, each borrows the other's: errors |0.4/0.9 - 1| and |0.9/0.4 - 1|, unless the floor holds it up. */
    CHECK(kw_gemm_fit_site(&f, n1, 1000) == 1 && kw_gemm_fit_site(&f, n1, 999) == KW_GEMM_NO_SITE);
    CHECK_NEAR(kw_gemm_fit_s(&f, 8, n1, 1000, 1) / (roof(8, n1, 1000) / 0.4), 1, 1e-12);
    CHECK(kw_gemm_fit_errors(&f, &median, &worst, at, &err) == KW_OK);
    CHECK_NEAR(worst, 0.9 / 0.4 - 1, 1e-9);
    CHECK(at[1] == n1);
    kw_gemm_fit_free(&f);
    kw_samples_free(&q);
    CHECK(kw_gemm_fit(&f, &q, F, M, 2, &err) == KW_ERANGE);
}

/* ---- decode attention ---- */

static void decode_attention_recovers_its_three_terms(void)
{
    struct kw_samples q = { 0 };
    struct kw_decode_fit f;
    double a = 10e-6, b = 0.5e-6, c = 2e-9;
    for (double batch = 1; batch <= 64; batch *= 4)
        for (double context = 64; context <= 4096; context *= 4)
            if (batch * context <= 65536) add(&q, 32, 8, batch, context, a + b * batch + c * batch * context);
    add(&q, 32, 4, 1, 64, 1); /* another table: not ours */
    CHECK(kw_decode_fit(&f, &q, 32, 8, &err) == KW_OK);
    CHECK_NEAR(f.a, a, 1e-12);
    CHECK_NEAR(f.b, b, 1e-13);
    CHECK_NEAR(f.c, c, 1e-16);
    CHECK_NEAR(kw_decode_fit_s(&f, 5, 777, KW_DECODE_ALL, 0), a + b * 5 + c * 5 * 777, 1e-12);
    CHECK_NEAR(kw_decode_fit_s(&f, 64, 100000, KW_DECODE_ALL, 0), a + b * 64 + c * 64 * 100000,
               1e-9); /* beyond the grid */
    CHECK(kw_decode_fit_reach(&f, 64) == 1024 && kw_decode_fit_reach(&f, 1) == 4096);
    struct kw_curve row;
    CHECK(kw_decode_fit_row(&f, 8, 0.5, 3, &row, &err) ==
          KW_OK); /* half the KV heads: batch 4 of the table, 3 layers */
    CHECK(row.x[0] == 8 * 64);
    CHECK_NEAR(row.y[1], 3 * (a + b * 4 + c * 4 * 256), 1e-12);
    CHECK_NEAR(row.y[row.n - 1], 3 * (a + b * 4 + c * 0.5 * row.x[row.n - 1]), 1e-12);
    kw_curve_free(&row);
    CHECK(kw_decode_fit_row(&f, 1, 0.25, 1, &row, &err) == KW_OK); /* a quarter of a sequence is a shorter one */
    CHECK(row.x[0] == 64 * 4);
    CHECK_NEAR(row.y[0], a + b + c * 64, 1e-12);
    kw_curve_free(&row);
    kw_decode_fit_free(&f);
    CHECK(kw_decode_fit(&f, &q, 64, 8, &err) == KW_ERANGE);
    kw_samples_free(&q);
}

static void a_measured_point_is_given_back_and_its_neighbours_answer_when_it_is_left_out(void)
{
    struct kw_samples q = { 0 };
    struct kw_decode_fit f;
    static const double batch[] = { 1, 4, 16 }, context[] = { 100, 400, 1600 };
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double s = 10e-6 + 1e-6 * batch[i] + 1e-9 * batch[i] * context[j];
            add(&q, 1, 1, batch[i], context[j], i == 1 && j == 1 ? 1.1 * s : s);
        }
    CHECK(kw_decode_fit(&f, &q, 1, 1, &err) == KW_OK);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            CHECK_NEAR(kw_decode_fit_s(&f, batch[i], context[j], KW_DECODE_ALL, 0), q.p[i * 3 + j].s, 1e-15);
    /* Left out, the middle of a row takes the mean residual of its neighbours in ln C, that of row and context mates.
     */
    double bare = f.a + f.b * 4 + f.c * 1600;
    CHECK_NEAR(kw_decode_fit_s(&f, 4, 400, 1, 1), bare * (1 + (f.r[3] + f.r[5]) / 2), 1e-15);
    CHECK_NEAR(kw_decode_fit_s(&f, 4, 400, 1, KW_DECODE_ALL), bare * (1 + (f.r[1] + f.r[7]) / 2), 1e-15);
    CHECK_NEAR(kw_decode_fit_measured_s(&f, 1, 1), q.p[4].s, 1e-15);
    kw_decode_fit_free(&f);
    kw_samples_free(&q);
}

/* ---- prefill attention ---- */

static void prefill_attention_recovers_its_terms_over_heads(void)
{
    struct kw_samples q = { 0 };
    struct kw_prefill_fit f;
    double a = 10e-6, g = 1e-10, c = 2e-13;
    for (double heads = 32; heads <= 64; heads += 8)
        for (double n = 64; n <= 8192; n *= 2)
            for (double prompts = 1; prompts <= 4; prompts *= 4) {
                double tokens = prompts * n, pairs = tokens * n / 2;
                add(&q, heads, tokens, pairs, prompts, a + g * heads * tokens + c * heads * pairs);
            }
    CHECK(kw_prefill_fit(&f, &q, &err) == KW_OK);
    CHECK_NEAR(f.a, a, 1e-12);
    CHECK_NEAR(f.g, g, 1e-16);
    CHECK_NEAR(f.c, c, 1e-19);
    CHECK_NEAR(kw_prefill_fit_s(&f, 16, 1000, 3e6, -1), a + g * 16 * 1000 + c * 16 * 3e6, 1e-12);
    kw_prefill_fit_free(&f);
    q.n = 5;
    CHECK(kw_prefill_fit(&f, &q, &err) == KW_ERANGE);
    kw_samples_free(&q);
}

/* A measured prompt gives its own time back; between two, what the terms miss is linear in sqrt(h P); beyond, it stays.
 */
static void prefill_attention_interpolates_what_its_terms_miss(void)
{
    struct kw_prefill_fit f = {
        .a = 10e-6, .g = 1e-10, .c = 2e-13, .n = 2, .root = (double[]){ 1000, 3000 }, .r = (double[]){ 0.1, -0.3 }
    };
    double heads = 32, tokens = 500;
    static const double at[] = { 500, 1000, 1500, 2000, 3000, 9000 }, off[] = { 0.1, 0.1, 0, -0.1, -0.3, -0.3 };
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        double pairs = at[i] * at[i] / heads, terms = f.a + f.g * heads * tokens + f.c * heads * pairs;
        CHECK_NEAR(kw_prefill_fit_s(&f, heads, tokens, pairs, -1) / terms - 1, off[i], 1e-9);
        CHECK_NEAR(kw_prefill_fit_s(&f, heads, tokens, pairs, 1000) / terms - 1, -0.3,
                   1e-9); /* left out: the other one */
    }
}

static void small_kernels_recover_start_up_and_bandwidth(void)
{
    struct kw_samples q[2] = { { 0 } };
    double bandwidth[2] = { 1e12, 2e12 };
    struct kw_small_fit f;
    for (int b = 0; b < 2; b++)
        for (double n = 1; n <= 1024; n *= 2) add(&q[b], n, 0, 0, 0, 2e-6 + n * 8192 / (0.8 * bandwidth[b]));
    CHECK(kw_small_fit(&f, q, bandwidth, 2, 8192, &err) == KW_OK);
    CHECK_NEAR(f.t0, 2e-6, 1e-12);
    CHECK_NEAR(f.per_byte, 1 / 0.8, 1e-9);
    CHECK(f.error_worst < 1e-9);
    CHECK_NEAR(kw_small_fit_s(&f, 100, 4096, 4e12), 2e-6 + 100 * 4096 / (0.8 * 4e12), 1e-14);
    kw_samples_free(&q[0]);
    kw_samples_free(&q[1]);
}

static void padding_is_vllms(void)
{
    static const double in[] = { 1, 2, 3, 4, 5, 8, 9, 250, 256, 257, 500, 512, 513, 2000 },
                        out[] = { 1, 2, 4, 4, 8, 8, 16, 256, 256, 272, 512, 512, 513, 2000 };
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) CHECK_NEAR(kw_fit_padded(in[i]), out[i], 0);
}

/* ---- a whole profile ---- */

/* Kernels that follow the laws of estimate.h exactly, for a GPU we know. */
static enum kw_status synthetic(struct kw_operators *op, const char *gpu)
{
    enum kw_status st = KW_OK;
    op->gpu = kw_gpu_find(gpu);
    struct kw_samples gemm = { 0 };
    for (double n = 512; n <= 131072; n *= 4)
        for (double k = 512; k <= 32768; k *= 4)
            for (double m = 1; st == KW_OK && m <= 16384; m *= 4) {
                double s = 3e-6 + 2 * m * n * k / (0.9 * op->gpu->flops_bf16) +
                           (2 * (n * k + m * k) + 2 * m * n) / (0.8 * op->gpu->bandwidth);
                st = kw_samples_push(&gemm, (struct kw_sample){ { m, n, k }, s }, &err);
            }
    if (st == KW_OK) st = kw_gemm_fit(&op->linear, &gemm, op->gpu->flops_bf16, op->gpu->bandwidth, 2, &err);
    if (st == KW_OK) st = kw_gemm_fit(&op->head, &gemm, op->gpu->flops_bf16, op->gpu->bandwidth, 2, &err);
    kw_samples_free(&gemm);
    for (double b = 1; b <= 256; b *= 4)
        for (double c = 64; st == KW_OK && c <= 65536; c *= 4)
            st = kw_samples_push(
                &op->decode,
                (struct kw_sample){ { 32, 8, b, c },
                                    10e-6 + 0.1e-6 * b * 8 + 4.0 * 128 * 8 * b * c / (0.85 * op->gpu->bandwidth) },
                &err);
    for (double n = 64; st == KW_OK && n <= 16384; n *= 2)
        st = kw_samples_push(
            &op->prefill,
            (struct kw_sample){ { 32, 8, 1, n }, 10e-6 + 4.0 * 128 * 32 * n * n / 2 / (0.6 * op->gpu->flops_bf16) },
            &err);
    return st;
}

static void efficiencies_are_recovered(void)
{
    struct kw_operators op = { 0 };
    struct kw_efficiency e;
    CHECK(synthetic(&op, "H100") == KW_OK);
    CHECK(kw_efficiency_fit(&e, &op, 2, &err) == KW_OK);
    CHECK_NEAR(e.gemm[0], 3e-6, 1e-11);
    CHECK_NEAR(e.gemm[1], 1 / 0.9, 1e-6);
    CHECK_NEAR(e.gemm[2], 1 / 0.8, 1e-6);
    CHECK_NEAR(e.decode[0], 10e-6, 1e-11);
    CHECK_NEAR(e.decode[2], 1 / 0.85, 1e-6);
    CHECK_NEAR(e.prefill[2], 1 / 0.6, 1e-6);
    kw_operators_free(&op);
}

static void a_profile_adds_up_its_kernels(void)
{
    struct kw_operators op = { 0 };
    struct kw_profile p = { 0 }, half = { 0 };
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    FILE *quiet = fopen("/dev/null", "w");
    CHECK(m && quiet && synthetic(&op, "H100") == KW_OK);
    op.fixed_s = 1e-4;
    CHECK(kw_fit(&p, &op, m, 1, quiet, &err) == KW_OK);
    const struct kw_step_tables *t = &p.tables;
    CHECK(t->fixed_s == 1e-4 && t->comm.n == 1 && t->comm.y[0] == 0 && t->mixed.pair_s == 0);
    /* Decode attention: the law itself, 32 layers, at measured points and between batches of a row. */
    CHECK(t->n_decode_rows == 11 && t->decode_batch[2] == 4);
    CHECK_NEAR(kw_curve_at(&t->decode[2], 4 * 1024),
               32 * (10e-6 + 0.1e-6 * 32 + 4.0 * 128 * 8 * 4 * 1024 / (0.85 * 3.35e12)), 1e-9);
    /* Dense: four products a layer, no small kernels here (their laws are 0), the same from 9 to 16 tokens. */
    double dense = 0;
    static const double shape[4][2] = { { 6144, 4096 }, { 4096, 4096 }, { 28672, 4096 }, { 4096, 14336 } };
    for (int i = 0; i < 4; i++) dense += 32 * kw_gemm_fit_s(&op.linear, 16, shape[i][0], shape[i][1], KW_GEMM_NO_SITE);
    CHECK_NEAR(kw_curve_at(&t->dense, 9), dense, 1e-12);
    CHECK_NEAR(kw_curve_at(&t->dense, 16), dense, 1e-12);
    CHECK(kw_curve_at(&t->dense, 17) > dense);
    /* Prefill attention at a table's prompt: quadratic part and tokens come back together. */
    double prompt = kw_curve_at(&t->prefill_attn, 2048.0 * 2048 / 2) + 2048 * t->prefill_token_s;
    CHECK_NEAR(prompt / (32 * (10e-6 + 4.0 * 128 * 32 * 2048.0 * 2048 / 2 / (0.6 * 989e12))), 1, 1e-6);
    CHECK(p.steps_error_worst < 0.05 && p.prefill_error_worst < 0.05);
    /* Over two GPUs: half the columns, and 2 x 32 all-reduces. */
    op.link = (struct kw_link){ .gpus = 2, .latency_s = 10e-6, .bandwidth = 1e12 };
    CHECK(kw_fit(&half, &op, m, 2, quiet, &err) == KW_OK);
    CHECK_NEAR(kw_curve_at(&half.tables.comm, 1), 64 * (10e-6 + 8192 / 1e12), 1e-9);
    CHECK(kw_curve_at(&half.tables.dense, 2048) < 0.6 * kw_curve_at(&t->dense, 2048));
    struct kw_profile none = { 0 };
    CHECK(kw_fit(&none, &op, m, 3, quiet, &err) == KW_ERANGE && strstr(err.msg, "cannot be split over 3 GPUs"));
    kw_profile_free(&none);
    kw_profile_free(&half);
    kw_profile_free(&p);
    kw_operators_free(&op);
    fclose(quiet);
}

static void decode_beside_prefill_has_its_own_law(void)
{
    double x[] = { 0, 1e6 }, y[] = { 1e-3, 2e-3 }, zero[] = { 0, 0 }, batch[] = { 1 };
    struct kw_curve rise = { 2, x, y }, none = { 1, x, zero };
    struct kw_step_tables t = { .dense = none,
                                .head = none,
                                .n_decode_rows = 1,
                                .decode_batch = batch,
                                .decode = &rise,
                                .prefill_attn = none,
                                .comm = none };
    struct kw_step mixed = { .n_decode = 10,
                             .decode_context = 5000,
                             .n_chunks = 1,
                             .prefill_tokens = 100,
                             .prefill_pairs2 = 10000 },
                   pure = { .n_decode = 10, .decode_context = 5000 };
    struct kw_steptime *added, *own;
    CHECK(kw_steptime_compile(&added, &t, 64, 512, &err) == KW_OK);
    t.mixed = (struct kw_step_mixed){ .sequence_s = 2e-6, .context_s = 3e-9, .pair_s = 5e-9 };
    CHECK(kw_steptime_compile(&own, &t, 64, 512, &err) == KW_OK);
    CHECK(kw_steptime_ps(added, &mixed) - kw_steptime_ps(added, &pure) <=
          2); /* the parts add up (1 ps a step at least) */
    CHECK_NEAR((double)kw_steptime_ps(own, &mixed), 1e12 * (10 * 2e-6 + 5000 * 3e-9 + 10 * 100 * 5e-9), 10);
    CHECK(kw_steptime_ps(own, &pure) == kw_steptime_ps(added, &pure));
    kw_steptime_delete(added);
    kw_steptime_delete(own);
    t.mixed.pair_s = -1;
    CHECK(kw_steptime_compile(&own, &t, 64, 512, &err) == KW_ERANGE && strstr(err.msg, "decode beside prefill"));
}

static void no_memory_while_fitting_leaks_nothing(void)
{
    struct kw_operators op = { 0 };
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    FILE *quiet = fopen("/dev/null", "w");
    CHECK(m && quiet && synthetic(&op, "H100") == KW_OK);
    fputs("stdio takes its buffer now\n", quiet);
    for (long n = 1;; n++) {
        struct kw_profile p = { 0 };
        failmalloc_at(n);
        enum kw_status st = kw_fit(&p, &op, m, 1, quiet, &err);
        bool fired = failmalloc_off();
        kw_profile_free(&p);
        if (!fired) {
            CHECK(st == KW_OK && n > 30);
            break;
        }
        CHECK(st == KW_ENOMEM || st == KW_OK); /* OK where it was glibc's qsort, which then sorts in place */
    }
    kw_operators_free(&op);
    fclose(quiet);
}

int main(void)
{
    RUN(least_squares_recovers_coefficients_and_drops_negative_ones);
    RUN(isotonic_pools_adjacent_violators);
    RUN(errors_are_median_and_worst);
    RUN(thinning_keeps_what_a_line_cannot_give_back);
    RUN(gemm_of_one_utilisation_is_predicted_everywhere);
    RUN(gemm_gives_a_site_back_and_weighs_neighbours_by_distance);
    RUN(decode_attention_recovers_its_three_terms);
    RUN(a_measured_point_is_given_back_and_its_neighbours_answer_when_it_is_left_out);
    RUN(prefill_attention_recovers_its_terms_over_heads);
    RUN(prefill_attention_interpolates_what_its_terms_miss);
    RUN(small_kernels_recover_start_up_and_bandwidth);
    RUN(padding_is_vllms);
    RUN(efficiencies_are_recovered);
    RUN(a_profile_adds_up_its_kernels);
    RUN(decode_beside_prefill_has_its_own_law);
    RUN(no_memory_while_fitting_leaks_nothing);
    return check_report();
}
