/* The replay of a real run, on runs small enough to work out by hand. */
#include "calibrate/fidelity.h"
#include "calibrate/profile.h"
#include <stdlib.h>
#include <unistd.h>
#include "tests/check.h"

static struct kw_error err;
#define MS KW_NS_PER_MS

static const struct kw_sched_config config = { .policy = KW_SCHED_VLLM, .max_num_batched_tokens = 64, .max_num_seqs = 4,
                                               .max_model_len = 1024, .block_size = 16, .num_blocks = 64 };

static void replay(struct kw_run *sim, struct kw_run_request *r, size_t n, bool async_scheduling)
{
    struct kw_run real = { r, n };
    struct kw_steptime *steps;
    CHECK(kw_steptime_constant(&steps, INT64_C(10000000000), INT64_C(10000000000), &err) == KW_OK); /* every step 10 ms */
    CHECK(kw_run_replay(sim, &real, &config, steps, async_scheduling, &err) == KW_OK);
    kw_steptime_delete(steps);
}

static void steps_follow_each_other(void)
{
    struct kw_run_request r[] = { { .prompt = 100, .output = 3, .arrival = 5 * MS } };
    struct kw_run sim;
    replay(&sim, r, 1, false);
    CHECK(sim.r[0].queued == 5 * MS);
    CHECK(sim.r[0].first_token == 25 * MS); /* two chunks: 64 and 36 tokens */
    CHECK(sim.r[0].last_token == 45 * MS);
    kw_run_free(&sim);
}

static void asynchronous_scheduling_costs_a_newcomer_one_step(void)
{
    struct kw_run_request r[] = { { .prompt = 10, .output = 9, .arrival = 0 }, { .prompt = 10, .output = 2, .arrival = 5 * MS },
                                  { .prompt = 10, .output = 2, .arrival = 500 * MS } };
    struct kw_run sim;
    replay(&sim, r, 3, false);
    CHECK(sim.r[1].queued == 10 * MS && sim.r[1].first_token == 20 * MS && sim.r[1].last_token == 30 * MS);
    CHECK(sim.r[2].queued == 500 * MS && sim.r[2].first_token == 510 * MS); /* an idle engine starts at once */
    kw_run_free(&sim);
    replay(&sim, r, 3, true);
    CHECK(sim.r[0].first_token == 10 * MS && sim.r[0].last_token == 90 * MS);
    CHECK(sim.r[1].queued == 10 * MS && sim.r[1].first_token == 30 * MS && sim.r[1].last_token == 40 * MS);
    CHECK(sim.r[2].queued == 500 * MS && sim.r[2].first_token == 510 * MS && sim.r[2].last_token == 520 * MS);
    kw_run_free(&sim);
}

static void what_can_never_run_is_an_error(void)
{
    struct kw_run_request r[] = { { .prompt = 2000, .output = 3 } };
    struct kw_run real = { r, 1 }, sim = { NULL, 77 };
    struct kw_steptime *steps;
    CHECK(kw_steptime_constant(&steps, 1000, 1000, &err) == KW_OK);
    CHECK(kw_run_replay(&sim, &real, &config, steps, true, &err) == KW_ERANGE && sim.n == 77);
    kw_steptime_delete(steps);
}

static void statistics_are_numpys(void)
{
    struct kw_run_request r[12];
    struct kw_run run = { r, 12 };
    double s[KW_RUN_METRICS][KW_RUN_STATISTICS];
    for (int i = 0; i < 12; i++) /* TTFT 1..11 ms, one token each 2 ms after it; the last has one token: not counted */
        r[i] = (struct kw_run_request){ .prompt = 1, .output = i < 11 ? 5 : 1, .queued = 3 * MS, .first_token = (3 + i + 1) * MS,
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
    fputs("{\"request_id\": \"b\", \"input_toks\": 7, \"output_toks\": 3, \"arrival_time\": 1000.5, \"queued_ts\": 20.625, "
          "\"scheduled_ts\": 20.75, \"first_token_ts\": 21.0, \"last_token_ts\": 22.0}\n"
          "{\"request_id\": \"a\", \"input_toks\": 5, \"output_toks\": 2, \"arrival_time\": 1000.0, \"queued_ts\": 20.0, "
          "\"scheduled_ts\": 20.0, \"first_token_ts\": 20.5, \"last_token_ts\": 21.0}\n", f);
    fclose(f);
    CHECK(kw_run_load(&run, path, &err) == KW_OK && run.n == 2);
    CHECK(run.r[0].prompt == 5 && run.r[0].arrival == 0 && run.r[0].queued == 0 && run.r[0].first_token == 500 * MS);
    CHECK(run.r[1].arrival == 500 * MS && run.r[1].queued == 625 * MS && run.r[1].scheduled == 750 * MS);
    kw_run_free(&run);
    static const struct { const char *line, *message; } bad[] = {
        { "{\"input_toks\": 5}\n", "output_toks" },
        { "not json\n", ":1:" },
        { "{\"input_toks\": 5, \"output_toks\": 2, \"arrival_time\": 0, \"queued_ts\": 3, \"scheduled_ts\": 3, "
          "\"first_token_ts\": 2, \"last_token_ts\": 4}\n", "queued_ts <= first_token_ts" },
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
    CHECK(kw_run_load(&run, "/nowhere.jsonl", &err) == KW_EIO);
    remove(path);
}

static void both_vllm_runs_stay_as_near_as_they_were(void)
{
    const char *data = getenv("KEEPWARM_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/calibration/vllm_bench/RTX4090_Llama-3.1-8B/requests.jsonl", data ? data : "../shared/data");
    if (access(path, R_OK)) {
        SKIP("no KEEPWARM_DATA");
        return;
    }
    struct kw_run real, sim;
    struct kw_profiles all;
    struct kw_steptime *steps;
    double was[KW_RUN_METRICS][KW_RUN_STATISTICS], is[KW_RUN_METRICS][KW_RUN_STATISTICS];
    CHECK(kw_run_load(&real, path, &err) == KW_OK && real.n == 300);
    CHECK(kw_run_summary(&real, was, &err) == KW_OK);
    CHECK_NEAR(was[KW_RUN_TTFT][0], 65456.6, 0.05); /* the run's own summary.txt, so that we mean the same by the words */
    CHECK_NEAR(was[KW_RUN_TTFT][3], 122739.2, 0.05);
    CHECK_NEAR(was[KW_RUN_TPOT][0], 32.4, 0.05);
    CHECK_NEAR(was[KW_RUN_LATENCY][4], 153627.5, 0.05);
    CHECK(kw_profiles_embedded(&all, &err) == KW_OK);
    const struct kw_profile *p = kw_profiles_find(&all, "RTX4090", "llama-3.1-8b", "bf16", 1);
    struct kw_sched_config c = { .policy = KW_SCHED_VLLM, .max_num_batched_tokens = 2048, .max_num_seqs = 256, .max_model_len = 32768,
                                 .block_size = 16, .num_blocks = p->num_blocks - 1, .reserve_full_prompt = true, .prefix_caching = true };
    CHECK(kw_steptime_compile(&steps, &p->tables, 4096, 2048, &err) == KW_OK);
    CHECK(kw_run_replay(&sim, &real, &c, steps, true, &err) == KW_OK);
    CHECK(kw_run_summary(&sim, is, &err) == KW_OK);
    CHECK_NEAR(is[KW_RUN_TTFT][0] / was[KW_RUN_TTFT][0], 1, 0.03);
    CHECK_NEAR(is[KW_RUN_TPOT][0] / was[KW_RUN_TPOT][0], 1, 0.03);
    CHECK_NEAR(is[KW_RUN_LATENCY][0] / was[KW_RUN_LATENCY][0], 1, 0.03);
    kw_steptime_delete(steps);
    kw_profiles_free(&all);
    kw_run_free(&real);
    kw_run_free(&sim);
}

int main(void)
{
    RUN(steps_follow_each_other);
    RUN(asynchronous_scheduling_costs_a_newcomer_one_step);
    RUN(what_can_never_run_is_an_error);
    RUN(statistics_are_numpys);
    RUN(a_run_is_read_and_set_on_one_clock);
    RUN(both_vllm_runs_stay_as_near_as_they_were);
    return check_report();
}
