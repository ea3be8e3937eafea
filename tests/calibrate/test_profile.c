#include "calibrate/profile/profile.h"
#include <stdlib.h>
#include <unistd.h>
#include "sim/core/files/embedded.h"
#include "tests/check.h"
#include "tests/failmalloc.h"

/* A small profile that is physically possible: 15 GB a step at 3.35 TB/s are 4481 us. */
static const char base[] =
    "{ \"keepwarm_profile\": 1,\n"
    "  \"gpu\": \"H100\", \"model\": \"llama-3.1-8b\", \"precision\": \"bf16\", \"tp\": 1,\n"
    "  \"engine\": \"by hand\", \"weight_bytes\": 16060522496, \"kv_bytes_per_token\": 131072,\n"
    "  \"kv\": { \"block_size\": 16, \"num_blocks\": 28000, \"grade\": \"estimated\", \"source\": \"s\", \"date\": "
    "\"2026-01-01\" },\n"
    "  \"limits\": { \"max_num_seqs\": 256, \"max_num_batched_tokens\": 2048, \"max_model_len\": 32768 },\n"
    "  \"steps\": { \"grade\": \"published\", \"source\": \"t\", \"date\": \"2026-01-02\",\n"
    "    \"errors\": { \"decode_median\": 0.01, \"decode_worst\": 0.05, \"prefill_median\": 0.02, \"prefill_worst\": "
    "0.06 },\n"
    "    \"fixed_us\": 100,\n"
    "    \"dense\": { \"tokens\": [1, 2048], \"us\": [5000, 40000] },\n"
    "    \"head\": { \"sequences\": [1, 256], \"us\": [400, 600] },\n"
    "    \"decode\": [ { \"batch\": 1, \"context\": [16, 4096], \"us\": [300, 500] },\n"
    "                { \"batch\": 64, \"context\": [1024, 65536], \"us\": [400, 2500] } ],\n"
    "    \"prefill_attn\": { \"pairs\": [128, 2097152], \"us\": [400, 2800] },\n"
    "    \"prefill_token_us\": 0.1,\n"
    "    \"comm\": { \"tokens\": [0], \"us\": [0] } },\n"
    "  \"cold_start\": {\n"
    "    \"load_rate\": { \"quantiles\": { \"0.1\": \"3000000000\", \"0.9\": \"4000000000\" }, \"grade\": "
    "\"published\", \"source\": \"u\", \"date\": \"2026-01-03\" },\n"
    "    \"cached_load_rate\": { \"constant\": \"5300000000\", \"grade\": \"published\", \"source\": \"v\", \"date\": "
    "\"undated\" },\n"
    "    \"init\": { \"lognormal\": { \"p50\": \"20\", \"p95\": \"40\" }, \"grade\": \"estimated\", \"source\": \"w\", "
    "\"date\": \"2026\" } } }\n";

/* base with the first `from` replaced by `to`; malloc'd. */
static char *with(const char *from, const char *to)
{
    const char *at = strstr(base, from);
    char *text = malloc(sizeof base + strlen(to));
    if (!at || !text) abort();
    sprintf(text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return text;
}

static void reads_every_field(void)
{
    struct kw_profile p;
    struct kw_error err;
    CHECK(kw_profile_parse(&p, "p.json", base, strlen(base), &err) == KW_OK);
    CHECK_STR(p.gpu, "H100");
    CHECK_STR(p.engine, "by hand");
    CHECK(p.tp == 1 && p.block_size == 16 && p.num_blocks == 28000 && p.max_num_seqs == 256);
    CHECK_NEAR(p.tables.fixed_s, 1e-4, 1e-18);
    CHECK(p.tables.dense.n == 2 && p.tables.n_decode_rows == 2 && p.tables.decode_batch[1] == 64);
    CHECK_NEAR(p.tables.decode[1].y[1], 2.5e-3, 1e-15);
    CHECK_NEAR(p.tables.prefill_token_s, 1e-7, 1e-20);
    CHECK(p.tables.mixed.pair_s == 0);
    CHECK_NEAR(p.steps_error_worst, 0.05, 0);
    CHECK_NEAR(kw_law_quantile(&p.load_rate, 0.5), sqrt(3e9 * 4e9), 1);
    CHECK(p.weakest == KW_GRADE_ESTIMATED && p.steps.grade == KW_GRADE_PUBLISHED);
    kw_profile_free(&p);
    kw_profile_free(&p);
    char *text =
        with("\"comm\":", "\"mixed\": { \"sequence_us\": 30, \"context_us\": 0.3, \"pair_us\": 0.05 }, \"comm\":");
    CHECK(kw_profile_parse(&p, "p.json", text, strlen(text), &err) == KW_OK);
    CHECK_NEAR(p.tables.mixed.sequence_s, 3e-5, 1e-18);
    CHECK_NEAR(p.tables.mixed.context_s, 3e-7, 1e-20);
    CHECK_NEAR(p.tables.mixed.pair_s, 5e-8, 1e-21);
    kw_profile_free(&p);
    free(text);
}

static void what_is_wrong_is_named_by_line_and_path(void)
{
    static const struct {
        const char *from, *to, *message;
    } bad[] = {
        { "\"keepwarm_profile\": 1", "\"keepwarm_profile\": 2", "p.json:1: keepwarm_profile:" },
        { "\"gpu\": \"H100\", ", "", "missing key 'gpu'" },
        { "\"gpu\": \"H100\"", "\"gpu\": \"\"", "p.json:2: gpu: want 1..23 bytes" },
        { "\"gpu\": \"H100\"", "\"gpu\": \"a-name-of-24-bytes-is-too\"", "want 1..23 bytes" },
        { "\"gpu\": \"H100\"", "\"gpus\": \"H100\"", "gpu" },
        { "\"precision\": \"bf16\"", "\"precision\": \"int3\"", "p.json:2: precision:" },
        { "\"tp\": 1", "\"tp\": 0", "p.json:2: tp:" },
        { "\"tp\": 1", "\"tp\": 1.5", "tp" },
        { "\"weight_bytes\": 16060522496", "\"weight_bytes\": -1", "weight_bytes" },
        { "\"weight_bytes\": 16060522496", "\"weight_bytes\": 1e999", "weight_bytes" },
        { "\"weight_bytes\": 16060522496", "\"weight_bytes\": 10000000",
          "llama-3.1-8b in bf16 has 16.06 GB of weights, not 0.01" },
        { "\"kv_bytes_per_token\": 131072", "\"kv_bytes_per_token\": 1000",
          "keeps 131072 B a token in 16 bits, not 1000" },
        { "\"block_size\": 16", "\"block_size\": 24", "want a power of two, got 24" },
        { "\"num_blocks\": 28000", "\"num_blocks\": 0", "p.json:4: kv.num_blocks:" },
        { "\"num_blocks\": 28000", "\"num_blocks\": 40000", "do not fit in 1 x H100" },
        { "\"max_num_batched_tokens\": 2048", "\"max_num_batched_tokens\": 128",
          "p.json:5: limits.max_num_batched_tokens:" },
        { "\"grade\": \"published\", \"source\": \"t\"", "\"grade\": \"guessed\", \"source\": \"t\"", "steps.grade" },
        { "\"fixed_us\": 100", "\"fixed_us\": -1", "steps.fixed_us" },
        { "\"tokens\": [1, 2048]", "\"tokens\": [1, 1]", "p.json:9: steps.dense.tokens[1]: must ascend" },
        { "\"tokens\": [1, 2048]", "\"tokens\": [1]", "want 1 numbers as in tokens, got 2" },
        { "\"tokens\": [1, 2048]", "\"tokens\": []", "want 1..4096 numbers, got 0" },
        { "\"tokens\": [1, 2048]", "\"tokens\": 7", "want an array \"tokens\"" },
        { "\"us\": [5000, 40000]", "\"us\": [5000, \"x\"]", "steps.dense.us[1]" },
        { "\"us\": [5000, 40000]", "\"us\": [-1, 40000]", "steps.dense.us[0]" },
        { "\"us\": [5000, 40000]", "\"us\": [5000, 2e9]", "steps.dense.us[1]" },
        { "\"us\": [5000, 40000]", "\"us\": [3000, 40000]", "faster than H100's memory allows" },
        { "\"us\": [5000, 40000]", "\"us\": [5000, 20000]", "TFLOP/s allow" },
        { "\"batch\": 64", "\"batch\": 1", "steps.decode[1].batch: must ascend" },
        { "\"us\": [400, 2500]", "\"us\": [400, 300]", "more context cannot take less time" },
        { "\"decode\": [", "\"decode\": 3, \"x\": [", "steps" },
        { "\"decode_median\": 0.01, ", "", "missing key 'decode_median'" },
        { "\"comm\": {", "\"mixed\": { \"pair_us\": -1 }, \"comm\": {", "steps.mixed" },
        { "\"comm\": {", "\"after_idle\": { \"idle_us\": [5000, 4000], \"us\": [1, 2] }, \"comm\": {",
          "steps.after_idle.idle_us[1]" },
        { "\"comm\": {", "\"after_idle\": { \"idle_us\": [5000, 6000], \"us\": [2, 1] }, \"comm\": {",
          "steps.after_idle.us[1]" },
        { "\"comm\": {", "\"after_idle\": { \"idle_us\": [5000, 6000], \"us\": [2] }, \"comm\": {",
          "as many values as idle_us has, 2" },
        { "\"comm\": {", "\"after_idle\": { \"idle_us\": [1, 20, 30, 40, 50, 60, 70], \"us\": [] }, \"comm\": {",
          "want 1 to 6 idle times" },
        { "\"comm\": {", "\"mixed\": { \"pairs_us\": 1 }, \"comm\": {", "pair_us" },
        { "\"0.1\": \"3000000000\"", "\"0.1\": \"3\"", "would never load a model" },
        { "\"constant\": \"5300000000\"", "\"constant\": \"0\"", "cold_start.cached_load_rate" },
        { "\"init\":", "\"innit\":", "init" },
        { "\"p50\": \"20\"", "\"p50\": \"60\"", "at least p50" },
        { "\"date\": \"2026\" } } }", "\"date\": \"2026\" } }", "p.json" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_profile p = { .tp = 77 };
        struct kw_error err = { .msg = "" };
        char *text = with(bad[i].from, bad[i].to);
        enum kw_status st = kw_profile_parse(&p, "p.json", text, strlen(text), &err);
        CHECK(st == KW_EPARSE || st == KW_ERANGE);
        if (!strstr(err.msg, bad[i].message)) CHECK_STR(err.msg, bad[i].message);
        CHECK(p.tp == 77); /* untouched */
        free(text);
    }
    struct kw_profile p;
    struct kw_error err;
    CHECK(kw_profile_load(&p, "/nowhere/p.json", &err) == KW_EINPUT && strstr(err.msg, "/nowhere/p.json"));
    CHECK(kw_profile_parse(&p, "p.json", "\0\1\2", 3, &err) == KW_EPARSE);
    CHECK(kw_profile_parse(&p, "p.json", "", 0, &err) == KW_EPARSE);
}

static void an_unknown_gpu_or_model_cannot_be_judged(void)
{
    struct kw_profile p;
    struct kw_error err;
    char *text = with("\"us\": [5000, 40000]", "\"us\": [30, 2000]");
    CHECK(kw_profile_parse(&p, "p.json", text, strlen(text), &err) == KW_ERANGE);
    char *cpu = strstr(text, "H100");
    memcpy(cpu, "CPU1", 4);
    CHECK(kw_profile_parse(&p, "p.json", text, strlen(text), &err) == KW_OK);
    kw_profile_free(&p);
    free(text);
}

/* What was measured outranks all else of its GPU, so it must be of that GPU. */
static void a_measured_profile_is_of_the_device_it_was_measured_on(void)
{
    struct kw_profile p;
    struct kw_error err;
    char *named = with("\"gpu\": \"H100\"", "\"device\": \"NVIDIA H100 NVL\", \"gpu\": \"NVIDIA H100 80GB HBM3\"");
    CHECK(kw_profile_parse(&p, "p.json", named, strlen(named), &err) == KW_OK); /* published: a device of the past */
    CHECK_STR(p.gpu, "H100");
    kw_profile_free(&p);
    char *at = strstr(named, "\"steps\""), *grade = at ? strstr(at, "published") : NULL;
    CHECK(grade != NULL);
    if (grade) memcpy(grade, "measured ", 9), memmove(grade + 8, grade + 9, strlen(grade + 9) + 1);
    CHECK(kw_profile_parse(&p, "p.json", named, strlen(named), &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "gpu: is H100, but it was measured on a NVIDIA H100 NVL, which is H100-NVL"));
    free(named);
}

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    if (!f || !text) abort();
    text[fread(text, 1, (1 << 16) - 1, f)] = 0;
    fclose(f);
    return text;
}

static void what_is_saved_is_read_back_the_same(void)
{
    char a_path[64], b_path[64];
    struct kw_profile p, q;
    struct kw_error err;
    snprintf(a_path, sizeof a_path, "/tmp/kw_profile_a_%ld.json", (long)getpid());
    snprintf(b_path, sizeof b_path, "/tmp/kw_profile_b_%ld.json", (long)getpid());
    char *text = with("by hand", "a \\\"quoted\\\" \\\\ name");
    CHECK(kw_profile_parse(&p, "p.json", text, strlen(text), &err) == KW_OK);
    p.tables.sequence_s = 20e-6;
    p.tables.chunk_s = 300e-6;
    p.tables.cold = (struct kw_step_cold){ 2, { { 20e-3, 400e-6 }, { 200e-3, 1300e-6 } }, 1500e-6 };
    CHECK(kw_profile_save(&p, a_path, &err) == KW_OK);
    CHECK(kw_profile_load(&q, a_path, &err) == KW_OK);
    CHECK(fabs(q.tables.sequence_s - 20e-6) < 1e-15 && fabs(q.tables.chunk_s - 300e-6) < 1e-15);
    CHECK(q.tables.cold.n_idle == 2 && fabs(q.tables.cold.after_prompt_s - 1500e-6) < 1e-15);
    CHECK_NEAR(kw_step_after_idle_s(&q.tables.cold, 10e-3), 200e-6, 1e-12);
    CHECK_NEAR(kw_step_after_idle_s(&q.tables.cold, 110e-3), 850e-6, 1e-12);
    CHECK_NEAR(kw_step_after_idle_s(&q.tables.cold, INFINITY), 1300e-6, 1e-12);
    CHECK_STR(q.engine, "a \"quoted\" \\ name");
    CHECK(q.num_blocks == p.num_blocks && q.weakest == p.weakest && q.tables.dense.y[1] == p.tables.dense.y[1]);
    CHECK_NEAR(kw_law_quantile(&q.init, 0.95), kw_law_quantile(&p.init, 0.95), 1e-5);
    CHECK(kw_law_quantile(&q.load_rate, 0.3) == kw_law_quantile(&p.load_rate, 0.3));
    CHECK(kw_profile_save(&q, b_path, &err) == KW_OK);
    char *a = slurp(a_path), *b = slurp(b_path);
    CHECK_STR(a, b);
    free(a);
    free(b);
    free(text);
    kw_profile_free(&p);
    kw_profile_free(&q);
    CHECK(kw_profile_parse(&p, "p.json", base, strlen(base), &err) == KW_OK);
    CHECK(kw_profile_save(&p, "/nowhere/p.json", &err) == KW_EIO && strstr(err.msg, "/nowhere/p.json"));
    CHECK(kw_profile_save(&p, "/dev/full/p.json", &err) == KW_EIO);
    kw_profile_free(&p);
    remove(a_path);
    remove(b_path);
}

static void every_shipped_profile_reads_and_compiles(void)
{
    struct kw_profiles all;
    struct kw_error err;
    CHECK(kw_profiles_embedded(&all, &err) == KW_OK);
    CHECK(all.n >= 60);
    for (size_t i = 0; i < all.n; i++) {
        const struct kw_profile *p = &all.p[i];
        struct kw_steptime *t;
        CHECK(kw_steptime_compile(&t, &p->tables, p->max_num_seqs, p->max_num_batched_tokens, &err) == KW_OK);
        struct kw_step one = { .n_decode = 1, .decode_context = 1024 },
                       more = { .n_decode = 64, .decode_context = 64 * 1024 };
        CHECK(kw_steptime_ps(t, &one) < kw_steptime_ps(t, &more));
        CHECK(kw_steptime_ps(t, &more) < 64 * kw_steptime_ps(t, &one)); /* batching pays */
        kw_steptime_delete(t);
        CHECK(p->steps_error_median <= p->steps_error_worst && p->steps_error_median < 0.2);
        CHECK(p->weight_bytes / p->tp + 1e9 < 300e9 && p->max_model_len >= 8192);
        CHECK(kw_profiles_find(&all, p->gpu, p->model, p->precision, p->tp) != NULL);
        size_t len;
        char path[256];
        snprintf(path, sizeof path, "calibrate/data/profiles/%s-%s-%s-tp%u.json", p->gpu, p->model, p->precision,
                 p->tp);
        CHECK(kw_embedded_find(path, &len) && len < 30 * 1024); /* named by its content, and compact */
    }
    static const char *const must[][3] = { { "H100", "llama-3.1-8b", "bf16" },
                                           { "H200", "llama-3.1-8b", "fp8" },
                                           { "A100-80", "llama-3.1-8b", "bf16" },
                                           { "L40S", "llama-3.1-8b", "fp8" },
                                           { "RTX4090", "llama-3.1-8b", "bf16" } };
    for (size_t i = 0; i < sizeof must / sizeof *must; i++)
        CHECK(kw_profiles_find(&all, must[i][0], must[i][1], must[i][2], 1) != NULL);
    const struct kw_profile *other_name = kw_profiles_find(&all, "H100", "llama-3.3-70b", "fp8", 4);
    CHECK(other_name && !strcmp(other_name->model, "llama-3.1-70b"));
    CHECK(kw_profiles_find(&all, "H100", "llama-3.1-8b", "bf16", 3) == NULL);
    CHECK(kw_profiles_find(&all, "H100", "llama-9", "bf16", 1) == NULL);
    kw_profiles_free(&all);
}

static void the_strongest_grade_wins(void)
{
    struct kw_profile p[3];
    struct kw_error err;
    for (int i = 0; i < 3; i++) CHECK(kw_profile_parse(&p[i], "p.json", base, strlen(base), &err) == KW_OK);
    struct kw_profiles all = { p, 3 };
    p[0].steps.grade = KW_GRADE_ESTIMATED;
    p[1].steps.grade = KW_GRADE_MEASURED;
    CHECK(kw_profiles_find(&all, "H100", "llama-3.1-8b", "bf16", 1) == &p[1]);
    p[1].steps.grade = KW_GRADE_ESTIMATED;
    CHECK(kw_profiles_find(&all, "H100", "llama-3.1-8b", "bf16", 1) == &p[2]);
    for (int i = 0; i < 3; i++) kw_profile_free(&p[i]);
}

static void no_memory_at_any_point_leaves_nothing_behind(void)
{
    struct kw_error err;
    struct kw_profile p = { .tp = 77 };
    char *text =
        with("\"comm\":", "\"mixed\": { \"sequence_us\": 30, \"context_us\": 0.3, \"pair_us\": 0.05 }, \"comm\":");
    long n = 1;
    for (;; n++) {
        failmalloc_at(n);
        enum kw_status st = kw_profile_parse(&p, "p.json", text, strlen(text), &err);
        if (!failmalloc_off()) {
            CHECK(st == KW_OK);
            break;
        }
        CHECK(st == KW_ENOMEM && p.tp == 77);
    }
    CHECK(n > 20);
    kw_profile_free(&p);
    free(text);
    struct kw_profiles all = { NULL, 77 };
    for (n = 1; n < 40; n++) { /* the first profiles are enough: each is read alike */
        failmalloc_at(n);
        enum kw_status st = kw_profiles_embedded(&all, &err);
        CHECK(failmalloc_off() && st == KW_ENOMEM && all.n == 77);
    }
}

int main(void)
{
    RUN(reads_every_field);
    RUN(what_is_wrong_is_named_by_line_and_path);
    RUN(an_unknown_gpu_or_model_cannot_be_judged);
    RUN(a_measured_profile_is_of_the_device_it_was_measured_on);
    RUN(what_is_saved_is_read_back_the_same);
    RUN(every_shipped_profile_reads_and_compiles);
    RUN(the_strongest_grade_wins);
    RUN(no_memory_at_any_point_leaves_nothing_behind);
    return check_report();
}
