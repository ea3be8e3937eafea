/* A profile carried from one GPU to another: to itself it stays, a pure roofline is met, and the error is the pairs'
 * own. */
#include <stdlib.h>
#include "calibrate/profile/curve.h"
#include "calibrate/operators/scale.h"
#include "tests/check.h"

static struct kw_profiles known;

static const struct kw_profile *named(const char *gpu, const char *model, const char *precision)
{
    return kw_profiles_find(&known, gpu, model, precision, 1);
}

static enum kw_status scale(struct kw_profile *p, const struct kw_profile *from, const char *gpu, struct kw_error *err)
{
    FILE *f = fopen("/dev/null", "w");
    enum kw_status st = kw_scale(p, from, &(struct kw_scale_to){ .gpu = kw_gpu_find(gpu) }, &known, f, err);
    fclose(f);
    return st;
}

/* To another model or precision on the same GPUs; the report into text, freed by the caller. */
static enum kw_status carry(struct kw_profile *p, const struct kw_profile *from, const char *model,
                            const char *precision, char **text, struct kw_error *err)
{
    size_t n;
    FILE *f = open_memstream(text, &n);
    enum kw_status st =
        kw_scale(p, from, &(struct kw_scale_to){ .model = model ? kw_model_find(model) : NULL, .precision = precision },
                 &known, f, err);
    fclose(f);
    return st;
}

static void to_itself_nothing_changes(void)
{
    const struct kw_profile *from = named("H100", "llama-3.1-8b", "bf16");
    struct kw_profile p;
    struct kw_error err = { "" };
    CHECK(from && scale(&p, from, "H100", &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return;
    for (double n = 1; n <= 8192; n *= 2) {
        CHECK_NEAR(kw_curve_at(&p.tables.dense, n) / kw_curve_at(&from->tables.dense, n), 1, 1e-12);
        CHECK_NEAR(kw_curve_at(&p.tables.prefill_attn, n * n / 2) / kw_curve_at(&from->tables.prefill_attn, n * n / 2),
                   1, 1e-12);
        CHECK_NEAR(kw_curve_at(&p.tables.decode[3], 4 * n), kw_curve_at(&from->tables.decode[3], 4 * n), 1e-12);
    }
    CHECK(p.num_blocks == from->num_blocks);
    CHECK(p.steps.grade == KW_GRADE_ESTIMATED && p.weakest == KW_GRADE_ESTIMATED);
    CHECK(strstr(p.steps.source, "by roofline from H100 llama-3.1-8b bf16 tp1: ") != NULL);
    kw_profile_free(&p);
}

/* Without start-up times a memory-bound step scales by bandwidth and a compute-bound one by FLOP/s. */
static void a_roofline_is_met(void)
{
    const struct kw_profile *like = named("H100", "llama-3.1-8b", "bf16");
    const struct kw_gpu_spec *g = kw_gpu_find("H100"), *h = kw_gpu_find("L40S");
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    double x[] = { 1, 16, 64, 1024, 8192 }, y[5], params = kw_model_linear_params(m), t0 = 9 * 1.3e-6 * m->layers;
    for (int i = 0; i < 5; i++) y[i] = t0 + fmax(2 * params * x[i] / g->flops_bf16, 2 * params / g->bandwidth) / 0.7;
    struct kw_profile from = *like, p;
    struct kw_error err = { "" };
    from.tables.dense = (struct kw_curve){ 5, x, y };
    CHECK(scale(&p, &from, "L40S", &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return;
    for (int i = 0; i < 5; i++)
        CHECK_NEAR(kw_curve_at(&p.tables.dense, x[i]) /
                       (t0 + fmax(2 * params * x[i] / h->flops_bf16, 2 * params / h->bandwidth) / 0.7),
                   1, 1e-9);
    CHECK(p.num_blocks < like->num_blocks);
    kw_profile_free(&p);
}

static void the_error_is_of_gpus_we_hold(void)
{
    struct kw_profile p;
    struct kw_error err = { "" };
    CHECK(scale(&p, named("H200", "llama-3.1-8b", "bf16"), "A100-80", &err) == KW_OK);
    if (err.msg[0]) return;
    const struct kw_profile *real = named("A100-80", "llama-3.1-8b", "bf16");
    double decode = (p.tables.fixed_s + kw_curve_at(&p.tables.dense, 1)) /
                    (real->tables.fixed_s + kw_curve_at(&real->tables.dense, 1));
    CHECK(decode > 0.6 && decode < 1.6);
    CHECK(p.steps_error_median > 0.01 && p.steps_error_median < 0.3);
    CHECK(p.steps_error_worst >= p.steps_error_median && p.steps_error_worst < 1.5);
    CHECK(fabs(decode - 1) <= p.steps_error_worst);
    CHECK(p.prefill_error_median > 0.01 && p.prefill_error_median < 0.5);
    kw_profile_free(&p);
}

static double step_s(const struct kw_profile *p, double tokens)
{
    return kw_curve_at(&p->tables.dense, tokens) + kw_curve_at(&p->tables.head, 1) +
           kw_curve_at(&p->tables.comm, tokens);
}

/* fp8 halves the bytes of the linear layers and, on an H100, doubles the FLOP/s: dense halves, attention and lm_head
 * stay. */
static void another_precision(void)
{
    const struct kw_profile *from = named("H100", "llama-3.1-8b", "bf16"), *real = named("H100", "llama-3.1-8b", "fp8");
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    struct kw_profile p;
    struct kw_error err = { "" };
    char *text;
    CHECK(carry(&p, from, NULL, "fp8", &text, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return;
    double t0 = fmin(9 * 1.3e-6 * m->layers, from->tables.dense.y[0] / 2),
           flops = kw_gpu_find("H100")->flops_fp8 / kw_gpu_find("H100")->flops_bf16;
    CHECK_NEAR((p.tables.dense.y[0] - t0) / (from->tables.dense.y[0] - t0), 0.5, 1e-9); /* by bytes */
    CHECK_NEAR((kw_curve_at(&p.tables.dense, 8192) - t0) / (kw_curve_at(&from->tables.dense, 8192) - t0), 1 / flops,
               1e-9);
    CHECK_NEAR(kw_curve_at(&p.tables.decode[3], 4096), kw_curve_at(&from->tables.decode[3], 4096), 1e-12);
    CHECK_NEAR(kw_curve_at(&p.tables.head, 8), kw_curve_at(&from->tables.head, 8), 1e-12);
    CHECK_NEAR(p.weight_bytes / real->weight_bytes, 1, 1e-6);
    CHECK(p.kv_bytes_per_token == from->kv_bytes_per_token && p.num_blocks > from->num_blocks);
    CHECK_STR(p.precision, "fp8");
    double off = fabs(step_s(&p, 1) / step_s(real, 1) - 1);
    CHECK(off <= p.steps_error_worst && p.steps_error_worst < 1);
    CHECK(strstr(text, "one precision from another (bf16 to fp8), ") && strstr(text, "  H100 ") &&
          strstr(text, "  L40S "));
    CHECK(!strstr(p.kv.source, "(calibr") || strstr(p.kv.source, "(calibrate/"));
    CHECK(strlen(p.kv.source) < sizeof p.kv.source && (strstr(p.kv.source, "...") || strlen(p.kv.source) < 159));
    free(text);
    kw_profile_free(&p);
}

/* 70B from 8B on the same four GPUs: bytes, layers and heads as the shapes have them, and an error that holds the
 * truth. */
static void another_model(void)
{
    const struct kw_profile *from = kw_profiles_find(&known, "H100", "llama-3.1-8b", "bf16", 4);
    const struct kw_profile *real = kw_profiles_find(&known, "H100", "llama-3.1-70b", "bf16", 4);
    struct kw_profile p;
    struct kw_error err = { "" };
    char *text;
    CHECK(from && real && carry(&p, from, "llama-3.1-70b", NULL, &text, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return;
    CHECK_NEAR(p.weight_bytes / real->weight_bytes, 1, 1e-6);
    CHECK_NEAR(p.kv_bytes_per_token / real->kv_bytes_per_token, 1, 1e-6);
    CHECK_NEAR((double)p.num_blocks / real->num_blocks, 1, 0.1);
    double ratio = (kw_curve_at(&p.tables.prefill_attn, 1e8) - p.tables.prefill_attn.y[0]) /
                   (kw_curve_at(&from->tables.prefill_attn, 1e8) - from->tables.prefill_attn.y[0]);
    CHECK_NEAR(ratio, 80.0 * 64 / (32 * 32), 1e-6);
    CHECK(fabs(step_s(&p, 1) / step_s(real, 1) - 1) <= p.steps_error_worst);
    CHECK(fabs(step_s(&p, 2048) / step_s(real, 2048) - 1) <= p.prefill_error_worst);
    CHECK(p.steps_error_median > 0.005 && p.steps_error_median < 0.4);
    CHECK(strstr(text, "llama-3.1-70b from llama-3.1-8b") && strstr(text, "qwen2.5-7b from llama-3.1-8b"));
    CHECK_STR(p.model, "llama-3.1-70b");
    free(text);
    kw_profile_free(&p);
    CHECK(carry(&p, named("H100", "llama-3.1-8b", "bf16"), "llama-3.1-70b", NULL, &text, &err) == KW_ERANGE &&
          strstr(err.msg, "no room"));
    free(text);
    CHECK(carry(&p, from, NULL, "int4", &text, &err) == KW_ERANGE && strstr(err.msg, "want bf16, fp16 or fp8"));
    free(text);
}

static void refuses_what_cannot_be(void)
{
    const struct kw_profile *from = named("H100", "llama-3.1-8b", "bf16");
    struct kw_profile p, other = *from;
    struct kw_error err = { "" };
    snprintf(other.gpu, sizeof other.gpu, "CPU");
    CHECK(scale(&p, &other, "H200", &err) == KW_ERANGE && strstr(err.msg, "CPU"));
    other = *from;
    snprintf(other.model, sizeof other.model, "tiny");
    CHECK(scale(&p, &other, "H200", &err) == KW_ERANGE && strstr(err.msg, "tiny"));
    CHECK(scale(&p, named("H200", "llama-3.1-70b", "fp8"), "L40S", &err) == KW_ERANGE && strstr(err.msg, "no room"));
    CHECK(scale(&p, named("H100", "llama-3.1-8b", "fp8"), "A100-80", &err) == KW_ERANGE && strstr(err.msg, "no fp8"));
    struct kw_profiles none = { 0 };
    FILE *f = fopen("/dev/null", "w");
    CHECK(kw_scale(&p, from, &(struct kw_scale_to){ .gpu = kw_gpu_find("H200") }, &none, f, &err) == KW_ERANGE &&
          strstr(err.msg, "cannot be told"));
    fclose(f);
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_profiles_embedded(&known, &err) == KW_OK);
    RUN(to_itself_nothing_changes);
    RUN(a_roofline_is_met);
    RUN(the_error_is_of_gpus_we_hold);
    RUN(another_precision);
    RUN(another_model);
    RUN(refuses_what_cannot_be);
    kw_profiles_free(&known);
    return check_report();
}
