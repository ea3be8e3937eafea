/* make gpu-test: the CUDA backend on a real device against the CPU reference. Argument: the plugin. "small" after it
 * runs the small shapes alone, which is what compute-sanitizer is given. */
#include "tests/gpu/backend_tests.h"
extern "C" {
#include "engine/plugin.h"
}

static const kw_backend_ops *opened;
static bool small_only;
static const kw_backend_ops *cuda_ops()
{
    return opened;
}

/* As wide as a model of 1B, shallow so that the reference keeps up; Qwen2.5-7B's seven heads a group. */
static const shape WIDE[] = {
    { 16, 4, 128, 1024, 2816, 1500, 2, false, false, true, 0, 16 },
    { 14, 2, 64, 896, 2432, 1500, 2, true, true, false, 0, 16 },
};

static void fp32_is_the_cpu_s()
{
    for (const shape &s : SHAPES) against_reference(s, KW_DT_FP32, s.heads == 7, 1e-3);
    for (const shape &s : WIDE)
        if (!small_only) against_reference(s, KW_DT_FP32, false, 1e-3);
}
static void bf16_is_within_a_hundredth()
{
    for (const shape &s : SHAPES) against_reference(s, KW_DT_BF16, s.heads == 7, 1e-2);
    for (const shape &s : WIDE)
        if (!small_only) against_reference(s, KW_DT_BF16, false, 1e-2);
}
static void fp16_is_within_four_thousandths()
{
    for (const shape &s : SHAPES) against_reference(s, KW_DT_FP16, s.heads == 7, 4e-3);
}
/* As in test_emulated.cpp: codes next to each other, since activations differ in bf16's last place. */
static void fp8_is_near_the_reference()
{
    const shape s[] = { { 4, 1, 64, 64, 96, 208, 2, false, false, true, 0, 16 },
                        { 8, 2, 128, 512, 1024, 1504, 2, false, false, false, 0, 16 } };
    for (const shape &each : s) against_reference(each, KW_DT_FP8, false, 5e-2);
}

/* 64 greedy tokens, the same on both; decodes by graph. */
static void greedy_tokens_are_the_reference_s()
{
    harness r[2];
    const kw_backend_ops *ops[2] = { &kw_backend_reference, cuda_ops() };
    vector<uint32_t> out[2];
    for (int i = 0; i < 2; i++) {
        CHECK(open_harness(&r[i], ops[i], SHAPES[0], KW_DT_FP32, false));
        sequence s = new_sequence(&r[i], 25, 6);
        vector<uint32_t> ids;
        step(&r[i], { { &s, 25 } }, &ids);
        for (int k = 0; k < 64; k++) {
            out[i].push_back(ids[0]), s.ids.push_back(ids[0]);
            step(&r[i], { { &s, 1 } }, &ids);
        }
        r[i].ops->destroy(r[i].b);
    }
    CHECK(out[0] == out[1]);
}

/* A race shows as results that change from run to run: the same step twenty times, to the bit. */
static void results_do_not_move()
{
    for (kw_dtype t : { KW_DT_BF16, KW_DT_FP32 }) {
        harness r;
        CHECK(open_harness(&r, cuda_ops(), SHAPES[0], t, false));
        CHECK(r.ops->kv_fill(r.b, 4, &r.err) == KW_OK);
        sequence a = new_sequence(&r, 390, 1), b = new_sequence(&r, 100, 2);
        vector<float> first[2];
        for (int k = 0; k < 20; k++) {
            a.past = 380, b.past = 7;
            vector<float> decode = step(&r, { { &a, 1 }, { &b, 1 } }), mixed = step(&r, { { &a, 1 }, { &b, 70 } });
            if (k == 0) first[0] = decode, first[1] = mixed;
            CHECK(decode == first[0] && mixed == first[1]);
        }
        r.ops->destroy(r.b);
    }
}

int main(int argc, char **argv)
{
    kw_error err;
    if (argc < 2) return 2;
    small_only = argc > 2 && !strcmp(argv[2], "small");
    if (kw_plugin_open(&opened, argv[1], &err) != KW_OK) {
        printf("skip gpu-test: %s\n0 passed, 0 failed, 1 skipped\n", err.msg);
        return 0;
    }
    RUN(weights_are_the_cpu_s);
    RUN(fp32_is_the_cpu_s);
    RUN(bf16_is_within_a_hundredth);
    RUN(fp16_is_within_four_thousandths);
    RUN(fp8_is_near_the_reference);
    RUN(chunked_is_whole);
    RUN(batched_is_alone_and_graph_is_eager);
    RUN(submitted_ahead_is_one_by_one);
    RUN(the_engine_runs_a_step_ahead);
    RUN(results_do_not_move);
    if (!small_only) RUN(greedy_tokens_are_the_reference_s);
    return check_report();
}
