/* A user's table of whole steps: a known law comes back, and each cell that is off is named. */
#include "calibrate/own/own_steps.h"
#include <stdlib.h>
#include "tests/calibrate/own_folder.h"
#include "tests/check.h"

/* 8 ms a step, 20 us a sequence, 40 ns a token of context; prompts: 8 ms or 30 us a token, and 0.2 ns a pair. */
static double decode_s(double batch, double context)
{
    return 8e-3 + 20e-6 * batch + 40e-9 * batch * context;
}

static double prefill_s(double tokens, double past)
{
    return fmax(8e-3, 30e-6 * tokens) + 0.2e-9 * (tokens * past + tokens * tokens / 2);
}

static const char *decodes(void)
{
    char text[4096] = "context,batch,ms\n";
    for (int b = 1; b <= 128; b *= 4)
        for (int c = 128; c <= 8192; c *= 8) {
            size_t n = strlen(text);
            for (int twice = 0; twice < 3; twice++) /* one of three is a hiccup: the median counts */
                n += (size_t)snprintf(text + n, sizeof text - n, "%d,%d,%.6f\n", c, b,
                                      decode_s(b, c) * 1e3 * (twice == 1 ? 3 : 1));
        }
    return put("decode.csv", text);
}

static const char *prompts(void)
{
    char text[4096] = "\"ms\",\"tokens\",\"past\"\r\n";
    for (int t = 512; t <= 4096; t *= 2)
        for (int p = 0; p <= 4096; p += 2048) {
            size_t n = strlen(text);
            snprintf(text + n, sizeof text - n, "%.6f,%d,%d\r\n", prefill_s(t, p) * 1e3, t, p);
        }
    return put("prefill.csv", text);
}

static enum kw_status make(struct kw_profile *p, const char *const *paths, size_t n, char **report,
                           struct kw_error *err)
{
    size_t len;
    FILE *f = open_memstream(report, &len);
    enum kw_status st = kw_own_base(p, "NVIDIA H100 80GB HBM3", "llama-3.1-8b", NULL, 1, err);
    if (st == KW_OK) st = kw_own_steps(p, paths, n, &(struct kw_own_origin){ NULL, NULL }, f, err);
    fclose(f);
    return st;
}

static double step_s(const struct kw_profile *p, const struct kw_step *step)
{
    struct kw_steptime *t;
    struct kw_error err;
    CHECK(kw_steptime_compile(&t, &p->tables, 256, 8192, &err) == KW_OK);
    double s = (double)kw_steptime_ps(t, step) * 1e-12;
    kw_steptime_delete(t);
    return s;
}

static void a_known_law_comes_back(void)
{
    const char *paths[] = { decodes(), prompts() };
    struct kw_profile p;
    struct kw_error err = { "" };
    char *report;
    CHECK(make(&p, paths, 2, &report, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    for (int b = 1; b <= 64; b += 9) /* between the points and on them */
        for (int c = 200; c <= 8000; c += 1300) {
            struct kw_step step = { .n_decode = (uint32_t)b, .decode_context = (uint64_t)b * (uint64_t)c };
            CHECK_NEAR(step_s(&p, &step) / decode_s(b, c), 1, 0.005);
        }
    for (int t = 512; t <= 4096; t += 512) {
        struct kw_step step = { .n_chunks = 1, .prefill_tokens = (uint32_t)t };
        step.prefill_pairs2 = (uint64_t)t * (uint64_t)t;
        CHECK_NEAR(step_s(&p, &step) / prefill_s(t, 0), 1, 0.03);
    }
    CHECK(p.steps_error_worst < 0.001 && p.prefill_error_median < 0.05);
    CHECK(p.steps.grade == KW_GRADE_MEASURED && p.kv.grade == KW_GRADE_ESTIMATED && p.weakest == KW_GRADE_ESTIMATED);
    CHECK_STR(p.gpu, "H100");
    CHECK(p.num_blocks > 10000 && p.load_rate.kind != KW_LAW_NONE);
    CHECK(strstr(report, "decode: left out") && strstr(report, "prefill: left out") && !strstr(report, "NOT IN"));
    kw_profile_free(&p);
    free(report);
}

static void prefill_that_nobody_timed_is_said(void)
{
    const char *paths[] = { decodes() };
    struct kw_profile p, base;
    struct kw_error err = { "" };
    char *report;
    CHECK(make(&p, paths, 1, &report, &err) == KW_OK);
    CHECK(strstr(report, "prefill: NOT IN THE FILES; by published") != NULL);
    CHECK(p.steps.grade == KW_GRADE_PUBLISHED); /* no better than what stands in */
    CHECK(kw_own_base(&base, "H100", "llama-3.1-8b", "bf16", 1, &err) == KW_OK);
    struct kw_step prompt = { .n_chunks = 1, .prefill_tokens = 4096, .prefill_pairs2 = 4096ull * 4096 },
                   decode = { .n_decode = 32, .decode_context = 32 * 1024 };
    CHECK_NEAR(step_s(&p, &prompt) / step_s(&base, &prompt), 1, 0.05);
    CHECK_NEAR(step_s(&p, &decode) / decode_s(32, 1024), 1, 0.005);
    CHECK(p.prefill_error_worst == base.prefill_error_worst);
    kw_profile_free(&p), kw_profile_free(&base);
    free(report);
}

static void both_kinds_in_one_file(void)
{
    char text[8192] = "batch,context,tokens,past,ms\n";
    for (int b = 1; b <= 64; b *= 8)
        for (int c = 128; c <= 8192; c *= 8)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%d,%d,,,%.6f\n", b, c, decode_s(b, c) * 1e3);
    for (int t = 512; t <= 4096; t *= 2)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",,%d,0,%.6f\n", t, prefill_s(t, 0) * 1e3);
    const char *path = put("both.csv", text);
    struct kw_profile p;
    struct kw_error err = { "" };
    char *report;
    CHECK(make(&p, &path, 1, &report, &err) == KW_OK);
    CHECK(strstr(p.steps.source, "13 rows") != NULL && strstr(p.steps.source, "both.csv (sha256 ") != NULL);
    kw_profile_free(&p);
    free(report);
}

static void what_is_off_is_named(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "batch,context,ms\n1,128,fast\n", ":2: ms: want a number in 0.0001..1e+06, got \"fast\"" },
        { "batch,context,ms\n1,128,8\n2,128,-8\n", ":3: ms: want a number" },
        { "batch,context,ms\n1.5,128,8\n", ":2: batch: want a whole number, got \"1.5\"" },
        { "batch,context,ms\n0,128,8\n", ":2: batch: want a number in 1..65536, got \"0\"" },
        { "batch,context,ms\n1,0,8\n", ":2: context: want a number in 1..1e+07, got \"0\"" },
        { "batch,context,ms\n1,,8\n", ":2: context: want a number" },
        { "batch,context,ms\n1,128\n", ":2: 2 fields, but the header has 3" },
        { "batch,contex,ms\n1,128,8\n", ":1: column 'contex' is not known (did you mean 'context'?)" },
        { "batch,ms\n1,8\n", ":1: column 'batch' without 'context'" },
        { "past,ms\n1,8\n", ":1: column 'past' without 'tokens'" },
        { "batch,context\n1,8\n", ":1: no column 'ms'" },
        { "batch,context,ms,note\n1,128,8,x\n", ":1: column 'note' is not known" },
        { "batch,context,tokens,past,ms\n1,128,64,0,8\n",
          ":2: want either batch and context, or tokens and past; got both" },
        { "batch,context,tokens,past,ms\n,,,,8\n", "got neither" },
        { "batch,context,ms\n1,128,8\n1,256,8\n1,512,8\n1,1024,9\n1,2048,9\n1,4096,9\n",
          "6 decode points (batch, context) of one batch" },
        { "batch,context,ms\n1,128,8\n2,128,8\n", "2 decode points (batch, context) of one context: want 6" },
        { "tokens,past,ms\n128,0,8\n", "0 decode points" },
        { "batch,context,ms\n", "0 decode points" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = put("bad.csv", cases[i].text);
        struct kw_profile p;
        struct kw_error err = { "" };
        char *report;
        CHECK(make(&p, &path, 1, &report, &err) != KW_OK);
        if (!strstr(err.msg, cases[i].says)) fprintf(stderr, "got: %s\n", err.msg);
        CHECK(strstr(err.msg, cases[i].says) != NULL);
        kw_profile_free(&p);
        free(report);
    }
    char text[8192] = "tokens,past,ms\n128,0,8\n";
    const char *paths[] = { decodes(), put("few.csv", text) };
    struct kw_profile p;
    struct kw_error err = { "" };
    char *report;
    CHECK(make(&p, paths, 2, &report, &err) == KW_ERANGE &&
          strstr(err.msg, "1 prefill points (tokens, past), 1 with past 0"));
    kw_profile_free(&p);
    free(report);
}

/* Three times faster than the memory of the GPU: it would win every plan. */
static void what_is_not_physical_is_not_written(void)
{
    char text[4096] = "batch,context,ms\n", path[128];
    for (int b = 1; b <= 64; b *= 8)
        for (int c = 128; c <= 8192; c *= 8)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%d,%d,%.6f\n", b, c, decode_s(b, c) * 1e3 / 3);
    const char *in = put("fast.csv", text);
    struct kw_profile p;
    struct kw_error err = { "" };
    char *report;
    snprintf(path, sizeof path, "%s/fast.json", folder);
    CHECK(make(&p, &in, 1, &report, &err) == KW_OK);
    CHECK(kw_own_save(&p, path, &err) == KW_ERANGE && strstr(err.msg, "is faster than H100's memory allows"));
    CHECK(access(path, F_OK) != 0);
    kw_profile_free(&p);
    free(report);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    RUN(a_known_law_comes_back);
    RUN(prefill_that_nobody_timed_is_said);
    RUN(both_kinds_in_one_file);
    RUN(what_is_off_is_named);
    RUN(what_is_not_physical_is_not_written);
    char rm[64];
    snprintf(rm, sizeof rm, "rm -rf %s", folder);
    if (system(rm)) return 1;
    return check_report();
}
