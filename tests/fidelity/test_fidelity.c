/* The replay of a real run, on runs small enough to work out by hand. */
#include "tests/fidelity/bench_steps.h"
#include "tests/fidelity/fidelity.h"
#include "calibrate/profile/profile.h"
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/check.h"

static struct kw_error err;
#define MS KW_NS_PER_MS

static const struct kw_sched_config config = { .policy = KW_SCHED_VLLM,
                                               .max_num_batched_tokens = 64,
                                               .max_num_seqs = 4,
                                               .max_model_len = 1024,
                                               .block_size = 16,
                                               .num_blocks = 64 };

static int64_t ten_ms(const void *law, const struct kw_step *step)
{
    (void)law;
    (void)step;
    return INT64_C(10000000000);
}
static const struct kw_run_clock every_10_ms = { .ps = ten_ms };

static void replay(struct kw_run *sim, struct kw_run_request *r, size_t n, bool async_scheduling, kw_ns warmup)
{
    struct kw_run real = { .r = r, .n = n };
    struct kw_sched_config c = config;
    c.async_scheduling = async_scheduling;
    CHECK(kw_run_replay(sim, &real, &c, &every_10_ms, warmup, &err) == KW_OK);
}

static void steps_follow_each_other(void)
{
    struct kw_run_request r[] = { { .prompt = 100, .output = 3, .arrival = 5 * MS } };
    struct kw_run sim;
    replay(&sim, r, 1, false, 0);
    CHECK(sim.r[0].queued == 5 * MS);
    CHECK(sim.r[0].first_token == 25 * MS); /* two chunks: 64 and 36 tokens */
    CHECK(sim.r[0].last_token == 45 * MS);
    kw_run_free(&sim);
}

static void asynchronous_scheduling_costs_a_newcomer_one_step(void)
{
    struct kw_run_request r[] = { { .prompt = 10, .output = 9, .arrival = 0 },
                                  { .prompt = 10, .output = 2, .arrival = 5 * MS },
                                  { .prompt = 10, .output = 2, .arrival = 500 * MS } };
    struct kw_run sim;
    replay(&sim, r, 3, false, 0);
    CHECK(sim.r[1].queued == 10 * MS && sim.r[1].first_token == 20 * MS && sim.r[1].last_token == 30 * MS);
    CHECK(sim.r[2].queued == 500 * MS && sim.r[2].first_token == 510 * MS); /* an idle engine starts at once */
    kw_run_free(&sim);
    replay(&sim, r, 3, true, 0);
    CHECK(sim.r[0].first_token == 10 * MS && sim.r[0].last_token == 90 * MS);
    CHECK(sim.r[1].queued == 10 * MS && sim.r[1].first_token == 30 * MS && sim.r[1].last_token == 40 * MS);
    CHECK(sim.r[2].queued == 500 * MS && sim.r[2].first_token == 510 * MS && sim.r[2].last_token == 520 * MS);
    kw_run_free(&sim);
}

static void what_can_never_run_is_an_error(void)
{
    struct kw_run_request r[] = { { .prompt = 2000, .output = 3 } };
    struct kw_run real = { .r = r, .n = 1 }, sim = { .n = 77 };
    CHECK(kw_run_replay(&sim, &real, &config, &every_10_ms, 0, &err) == KW_ERANGE && sim.n == 77);
}

static void a_warm_up_is_found_and_keeps_the_queue_waiting(void)
{
    struct kw_run_request r[] = { { .prompt = 60, .output = 3, .arrival = 0 },
                                  { .prompt = 60, .output = 3, .arrival = 5 * MS } };
    struct kw_run real = { .r = r, .n = 2 }, sim;
    kw_ns warmup;
    replay(&sim, r, 2, true, 7 * MS);
    CHECK(sim.r[0].queued == 0 && sim.r[0].first_token == 17 * MS);
    CHECK(sim.r[1].queued == 7 * MS &&
          sim.r[1].first_token == 27 * MS); /* was there when the second step was decided */
    r[0].first_token = sim.r[0].first_token;
    kw_run_free(&sim);
    CHECK(kw_run_warmup(&warmup, &real, &config, &every_10_ms, &err) == KW_OK && warmup == 7 * MS);
    r[0].first_token = 4 * MS; /* sooner than any step: none, not a negative one */
    CHECK(kw_run_warmup(&warmup, &real, &config, &every_10_ms, &err) == KW_OK && warmup == 0);
}

static void prompts_that_begin_alike_are_computed_once(void)
{
    struct kw_run_request r[] = { { .prompt = 64, .output = 3, .arrival = 0 },
                                  { .prompt = 40, .output = 3, .arrival = 1000 * MS },
                                  { .prompt = 64, .output = 3, .arrival = 2000 * MS } };
    static const struct kw_run_prefix alike[] = { { 1, 0, 1 }, { 2, 0, 3 } };
    static const struct {
        struct kw_run_prefix p;
        const char *message;
    } bad[] = { { { 3, 0, 1 }, "3 of 3" }, { { 1, 1, 1 }, "an earlier one" }, { { 1, 0, 3 }, "at most the 2" } };
    struct kw_run real = { .r = r, .n = 3 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(kw_run_share(&real, &bad[i].p, 1, &err) == KW_ERANGE && !real.hashes && !r[0].hash);
        if (!strstr(err.msg, bad[i].message)) CHECK_STR(err.msg, bad[i].message);
    }
    CHECK(kw_run_share(&real, alike, 2, &err) == KW_OK);
    CHECK(r[0].n_hash == 4 && r[1].n_hash == 2 && r[2].n_hash == 4);
    CHECK(r[1].hash[0] == r[0].hash[0] && r[1].hash[1] != r[0].hash[1]);
    CHECK(r[2].hash[2] == r[0].hash[2] && r[2].hash[3] != r[0].hash[3]);
    struct kw_sched_config c = config;
    c.max_num_batched_tokens = 32; /* 64 tokens are two steps, 16 of them one */
    c.prefix_caching = true;
    struct kw_run sim;
    CHECK(kw_run_replay(&sim, &real, &c, &every_10_ms, 0, &err) == KW_OK);
    CHECK(sim.r[0].first_token == 20 * MS && sim.r[1].first_token == 1010 * MS && sim.r[2].first_token == 2010 * MS);
    kw_run_free(&sim);
    free(real.hashes);
    for (size_t i = 1; i < kw_run_sharegpt300_n; i++)
        CHECK(kw_run_sharegpt300[i].request > kw_run_sharegpt300[i - 1].request);
}

static void a_clock_adds_to_its_law(void)
{
    struct kw_run_request r[] = { { .prompt = 10, .output = 3 } };
    struct kw_run real = { .r = r, .n = 1 }, sim;
    struct kw_run_clock c = {
        .ps = ten_ms, .longer = 0.1, .prefill_s = -0.002, .decode_s = 0.002, .decode_from = 1, .decode_to = 1
    };
    CHECK(kw_run_replay(&sim, &real, &config, &c, 0, &err) == KW_OK);
    CHECK(sim.r[0].first_token == 9 * MS && sim.r[0].last_token == (9 + 2 * 13) * MS);
    kw_run_free(&sim);
    c.decode_from = 2; /* of two sequences and more: there is one */
    c.decode_to = 5;
    CHECK(kw_run_replay(&sim, &real, &config, &c, 0, &err) == KW_OK && sim.r[0].last_token == (9 + 2 * 11) * MS);
    kw_run_free(&sim);
}

/* Steps of 10 ms and 1 ms a sequence or prompt token. */
static int64_t by_size(const void *law, const struct kw_step *step)
{
    (void)law;
    return (10 + step->n_decode + step->prefill_tokens) * INT64_C(1000000000);
}

static void a_run_slower_than_its_law_is_found_out(void)
{
    struct kw_run_request r[40];
    const struct kw_run_clock law = { .ps = by_size, .decode_from = 1, .decode_to = 2 };
    struct kw_run_clock slower = law, found = law;
    struct kw_run real = { .r = r, .n = 40 }, truth;
    struct kw_run_interval *v;
    size_t n;
    slower.decode_s = 0.002;
    slower.prefill_s = 0.003;
    for (uint32_t i = 0; i < 40; i++)
        r[i] = (struct kw_run_request){ .prompt = 8 + i * 7 % 29, .output = 5 + i * 11 % 23, .arrival = i * 137 * MS };
    CHECK(kw_run_replay(&truth, &real, &config, &slower, 0, &err) == KW_OK);
    for (size_t i = 0; i < 40; i++) truth.r[i].scheduled = truth.r[i].queued;
    CHECK(kw_run_fit_clock(&found, &truth, &config, 3 * KW_NS_PER_S, &err) == KW_OK);
    CHECK_NEAR(found.decode_s, 0.002, 2e-5);
    CHECK_NEAR(found.prefill_s, 0.003, 2e-5);
    CHECK(kw_run_intervals(&v, &n, &truth, &config, &slower, &err) == KW_OK && n > 20 && n <= 80);
    for (size_t i = 0; i < n; i++) {
        CHECK_NEAR(v[i].real_s, v[i].ours_s, 2e-8); /* held to its own times, a law differs from them by rounding */
        CHECK(v[i].decode_steps + v[i].prefill_steps >= 1 && (v[i].tokens > 0) == (v[i].prefill_steps > 0));
    }
    free(v);
    kw_run_free(&truth);
}

static void put(const char *dir, const char *file, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "w");
    if (!f) abort();
    fputs(text, f);
    fclose(f);
}

static void steps_come_from_the_tables_themselves(void)
{
    char dir[64], path[128];
    struct kw_bench_steps *b;
    struct kw_model_shape two = { .layers = 2 };
    snprintf(dir, sizeof dir, "/tmp/kw_bench_%ld", (long)getpid());
    CHECK(mkdir(dir, 0700) == 0);
    put(dir, "profile_dense.csv",
        "layer,tokens,time_us\nqkv_proj,1,1\no_proj,1,2\ngate_up_proj,1,3\ndown_proj,1,4\nlayernorm,1,5\n"
        "rotary_emb,1,6\nact_fn,1,7\nembedding,1,100\nfinal_layernorm,1,200\n");
    put(dir, "profile_per_sequence.csv", "layer,sequences,time_us\nlm_head,1,1000\nlm_head,3,3000\nsampler,1,0.5\n");
    put(dir, "profile_attention.csv.gz", /* 3 x 7 is off the grid of powers of two */
        "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,2,16,10\n0,0,2,32,30\n16,0,0,0,40\n32,0,0,0,100\n"
        "16,16,0,0,60\n32,16,0,0,140\n16,0,2,16,55\n16,0,2,32,80\n32,0,2,16,120\n32,0,2,32,150\n3,7,2,16,9999\n");
    CHECK(kw_bench_steps_load(&b, dir, &two, &err) == KW_OK);
    const double dense = 2 * (1 + 2 + 3 + 4 + 2 * 5 + 6 + 7) + 300 + 0.5; /* us, without lm_head */
    struct kw_step decode = { .n_decode = 2, .decode_context = 48 };
    CHECK(kw_bench_steps_ps(b, &decode) ==
          llround((dense + 3000 + 2 * 20) * 1e6)); /* context 24: between 16 and 32; lm_head over 2 as over 3 */
    decode.decode_context = 80;
    CHECK(kw_bench_steps_ps(b, &decode) == llround((dense + 3000 + 2 * 40) * 1e6)); /* 40: the last slope goes on */
    struct kw_sched_chunk chunk[] = { { .past = 8, .len = 24, .last = true }, { .len = 16, .last = true } };
    struct kw_step prefill = { .n_chunks = 1, .chunks = chunk, .prefill_tokens = 24 };
    CHECK(kw_bench_steps_ps(b, &prefill) == llround((dense + 1000 + 2 * (50 + 0.4375 * 70)) *
                                                    1e6)); /* 24 after 8: 480 pairs, where 16 has 256 and 32 has 768 */
    struct kw_sched_chunk short_chunk = { .past = 16, .len = 8, .last = true };
    struct kw_step brief = { .n_chunks = 1, .chunks = &short_chunk, .prefill_tokens = 8 };
    CHECK(kw_bench_steps_ps(b, &brief) ==
          llround((dense + 1000 + 2 * 0.5 * 60) * 1e6)); /* below the first size by tokens: half of 16 after 16 */
    struct kw_step mixed = {
        .n_decode = 2, .decode_context = 48, .n_chunks = 1, .chunks = chunk + 1, .prefill_tokens = 16
    };
    CHECK(kw_bench_steps_ps(b, &mixed) == llround((dense + 3000 + 2 * 67.5) * 1e6));
    struct kw_sched_chunk both[] = { { .len = 16, .last = true }, { .len = 16, .last = true } };
    struct kw_step two_chunks = { .n_chunks = 2, .chunks = both, .prefill_tokens = 32 };
    CHECK(kw_bench_steps_ps(b, &two_chunks) ==
          llround((dense + 3000 + 2 * 40) * 1e6)); /* 40 + 40 less one launch (16 tokens), not 100 */
    kw_bench_steps_delete(b);
    put(dir, "profile_attention.csv.gz",
        "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,2,16,10\n0,0,2,32,30\n");
    CHECK(kw_bench_steps_load(&b, dir, &two, &err) == KW_ERANGE);
    if (!strstr(err.msg, "want a grid")) CHECK_STR(err.msg, "want a grid");
    CHECK(kw_bench_steps_load(&b, "/nowhere", &two, &err) == KW_EINPUT);
    static const char *const files[] = { "profile_dense.csv", "profile_per_sequence.csv", "profile_attention.csv.gz" };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        remove(path);
    }
    rmdir(dir);
}

static void statistics_are_numpys(void)
{
    struct kw_run_request r[12];
    struct kw_run run = { .r = r, .n = 12 };
    double s[KW_RUN_METRICS][KW_RUN_STATISTICS];
    for (int i = 0; i < 12; i++) /* TTFT 1..11 ms, one token each 2 ms after it; the last has one token: not counted */
        r[i] = (struct kw_run_request){ .prompt = 1,
                                        .output = i < 11 ? 5 : 1,
                                        .queued = 3 * MS,
                                        .first_token = (3 + i + 1) * MS,
                                        .last_token = (3 + i + 1 + 8) * MS };
    CHECK(kw_run_summary(&run, s, &err) == KW_OK);
    CHECK_NEAR(s[KW_RUN_TTFT][0], 6, 1e-12);
    CHECK_NEAR(s[KW_RUN_TTFT][1], 6, 1e-12);
    CHECK_NEAR(s[KW_RUN_TTFT][2], 10, 1e-12);
    CHECK_NEAR(s[KW_RUN_TTFT][3], 10.5, 1e-12);
    CHECK_NEAR(s[KW_RUN_TTFT][4], 10.9, 1e-12);
    CHECK_NEAR(s[KW_RUN_TPOT][0], 2, 1e-12);
    CHECK_NEAR(s[KW_RUN_LATENCY][1], 14, 1e-12);
}

static void a_run_is_read_and_set_on_one_clock(void)
{
    char path[64];
    struct kw_run run;
    snprintf(path, sizeof path, "/tmp/kw_run_%ld.jsonl", (long)getpid());
    FILE *f = fopen(path, "w");
    if (!f) abort();
    fputs(
        "{\"request_id\": \"b\", \"input_toks\": 7, \"output_toks\": 3, \"arrival_time\": 1000.5, \"queued_ts\": "
        "20.625, "
        "\"scheduled_ts\": 20.75, \"first_token_ts\": 21.0, \"last_token_ts\": 22.0}\n"
        "{\"request_id\": \"a\", \"input_toks\": 5, \"output_toks\": 2, \"arrival_time\": 1000.0, \"queued_ts\": 20.0, "
        "\"scheduled_ts\": 20.0, \"first_token_ts\": 20.5, \"last_token_ts\": 21.0}\n",
        f);
    fclose(f);
    CHECK(kw_run_load(&run, path, &err) == KW_OK && run.n == 2);
    CHECK(run.r[0].prompt == 5 && run.r[0].arrival == 0 && run.r[0].queued == 0 && run.r[0].first_token == 500 * MS);
    CHECK(run.r[1].arrival == 500 * MS && run.r[1].queued == 625 * MS && run.r[1].scheduled == 750 * MS);
    kw_run_free(&run);
    static const struct {
        const char *line, *message;
    } bad[] = {
        { "{\"input_toks\": 5}\n", "output_toks" },
        { "not json\n", ":1:" },
        { "{\"input_toks\": 5, \"output_toks\": 2, \"arrival_time\": 0, \"queued_ts\": 3, \"scheduled_ts\": 3, "
          "\"first_token_ts\": 2, \"last_token_ts\": 4}\n",
          "queued_ts <= first_token_ts" },
        { "", "no requests" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f = fopen(path, "w");
        if (!f) abort();
        fputs(bad[i].line, f);
        fclose(f);
        CHECK(kw_run_load(&run, path, &err) != KW_OK);
        if (!strstr(err.msg, bad[i].message)) CHECK_STR(err.msg, bad[i].message);
    }
    CHECK(kw_run_load(&run, "/nowhere.jsonl", &err) == KW_EINPUT);
    remove(path);
}

/* Worst of the 15 metrics in percent, without its sign. */
static double worst_of(double is[KW_RUN_METRICS][KW_RUN_STATISTICS], double was[KW_RUN_METRICS][KW_RUN_STATISTICS])
{
    double worst = 0;
    for (int m = 0; m < KW_RUN_METRICS; m++)
        for (int k = 0; k < KW_RUN_STATISTICS; k++) worst = fmax(worst, fabs(100 * (is[m][k] / was[m][k] - 1)));
    return worst;
}

static double replayed(const struct kw_run *real, const struct kw_sched_config *c, const struct kw_run_clock *clock)
{
    double was[KW_RUN_METRICS][KW_RUN_STATISTICS], is[KW_RUN_METRICS][KW_RUN_STATISTICS];
    struct kw_run sim;
    kw_ns warmup;
    if (kw_run_warmup(&warmup, real, c, clock, &err) != KW_OK ||
        kw_run_replay(&sim, real, c, clock, warmup, &err) != KW_OK)
        return 1e9;
    bool ok = kw_run_summary(real, was, &err) == KW_OK && kw_run_summary(&sim, is, &err) == KW_OK;
    kw_run_free(&sim);
    return ok ? worst_of(is, was) : 1e9;
}

static void both_vllm_runs_stay_as_near_as_they_were(void)
{
    static const struct {
        const char *gpu;
        uint32_t seqs;
        double tables, profile, halved;
    } board[] = { { "RTX4090", 256, 1.1, 1.5, 0.5 }, { "RTXPRO6000", 128, 15.6, 14.8, 1.4 } };
    const char *data = getenv("KEEPWARM_DATA");
    struct kw_profiles all;
    double was[KW_RUN_METRICS][KW_RUN_STATISTICS];
    for (int i = 0; i < 2; i++) {
        char dir[512], path[600];
        struct kw_run real;
        struct kw_steptime *steps;
        struct kw_bench_steps *tables;
        snprintf(dir, sizeof dir, "%s/calibration/vllm_bench/%s_Llama-3.1-8B", data ? data : "../shared/data",
                 board[i].gpu);
        snprintf(path, sizeof path, "%s/requests.jsonl", dir);
        if (access(path, R_OK)) {
            SKIP("no KEEPWARM_DATA");
            return;
        }
        CHECK(kw_run_load(&real, path, &err) == KW_OK && real.n == 300);
        CHECK(kw_run_share(&real, kw_run_sharegpt300, kw_run_sharegpt300_n, &err) == KW_OK);
        CHECK(kw_run_summary(&real, was, &err) == KW_OK);
        if (i == 0) { /* the run's own summary.txt, so that we mean the same by the words */
            CHECK_NEAR(was[KW_RUN_TTFT][0], 65456.6, 0.05);
            CHECK_NEAR(was[KW_RUN_TTFT][3], 122739.2, 0.05);
            CHECK_NEAR(was[KW_RUN_TPOT][0], 32.4, 0.05);
            CHECK_NEAR(was[KW_RUN_LATENCY][4], 153627.5, 0.05);
        }
        CHECK(kw_bench_steps_load(&tables, dir, kw_model_find("llama-3.1-8b"), &err) == KW_OK);
        CHECK(kw_profiles_embedded(&all, &err) == KW_OK);
        const struct kw_profile *p = kw_profiles_find(&all, board[i].gpu, "llama-3.1-8b", "bf16", 1);
        struct kw_sched_config c = { .policy = KW_SCHED_VLLM,
                                     .max_num_batched_tokens = 2048,
                                     .max_num_seqs = board[i].seqs,
                                     .max_model_len = 32768,
                                     .block_size = 16,
                                     .num_blocks = p->num_blocks - 1,
                                     .reserve_full_prompt = true,
                                     .prefix_caching = true,
                                     .async_scheduling = true };
        CHECK(kw_steptime_compile(&steps, &p->tables, 4096, 2048, &err) == KW_OK);
        struct kw_run_clock by_profile = { .ps = kw_run_profile_ps, .law = steps };
        struct kw_run_clock by_tables = { .ps = kw_bench_steps_ps, .law = tables, .decode_from = 33, .decode_to = 96 };
        CHECK_NEAR(replayed(&real, &c, &by_tables), 0, board[i].tables);
        CHECK_NEAR(replayed(&real, &c, &by_profile), 0, board[i].profile);
        kw_ns end = 0;
        for (size_t k = 0; k < real.n; k++)
            if (real.r[k].last_token > end) end = real.r[k].last_token;
        CHECK(kw_run_fit_clock(&by_tables, &real, &c, end / 2, &err) == KW_OK);
        CHECK_NEAR(replayed(&real, &c, &by_tables), 0, board[i].halved);
        kw_steptime_delete(steps);
        kw_bench_steps_delete(tables);
        kw_profiles_free(&all);
        kw_run_free(&real);
    }
}

int main(void)
{
    RUN(steps_follow_each_other);
    RUN(asynchronous_scheduling_costs_a_newcomer_one_step);
    RUN(what_can_never_run_is_an_error);
    RUN(a_warm_up_is_found_and_keeps_the_queue_waiting);
    RUN(prompts_that_begin_alike_are_computed_once);
    RUN(a_clock_adds_to_its_law);
    RUN(a_run_slower_than_its_law_is_found_out);
    RUN(steps_come_from_the_tables_themselves);
    RUN(statistics_are_numpys);
    RUN(a_run_is_read_and_set_on_one_clock);
    RUN(both_vllm_runs_stay_as_near_as_they_were);
    return check_report();
}
