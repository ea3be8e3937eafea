/* Speed of the replica alone: a synthetic hour shaped like Azure's conversation trace over 4 replicas, round robin, no
 * event queue: requests and iterations a second a core, jumps against every step.
 * Usage: bench_replica [hours [jump|each]]; prints one row a stepping mode. */
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <time.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include "sim/fleet/replica.h"

#define RATE 5.4 /* requests a second, prompt and output means: data/traces/azure_llm_2023_conv.csv */
#define PROMPT_MEAN 1155.0
#define OUTPUT_MEAN 211.0
enum { REPLICAS = 4 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* CPU time: other processes do not count */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const struct kw_error *err)
{
    fprintf(stderr, "bench_replica: %s\n", err->msg);
    exit(1);
}

/* 6 ms fixed, 20 us a token above 100, 39 ns a token of context: about Llama-3.1-8B in bf16 on an A100. */
static struct kw_steptime *step_times(void)
{
    double token_x[] = { 100, 200 }, token_y[] = { 0, 100 * 20e-6 }, zero_x[] = { 0 }, zero_y[] = { 0 };
    double context_x[] = { 0, 1e6 }, context_y[] = { 0, 1e6 * 39e-9 }, batch[] = { 1 };
    struct kw_curve context = { 2, context_x, context_y }, zero = { 1, zero_x, zero_y };
    struct kw_step_tables t = { .fixed_s = 6e-3,
                                .dense = { 2, token_x, token_y },
                                .head = zero,
                                .n_decode_rows = 1,
                                .decode_batch = batch,
                                .decode = &context,
                                .prefill_attn = zero,
                                .comm = zero };
    struct kw_steptime *out;
    struct kw_error err;
    if (kw_steptime_compile(&out, &t, 256, 8192, &err) != KW_OK) die(&err);
    return out;
}

struct workload {
    size_t n;
    kw_ns *at;
    uint32_t *prompt, *output;
};

static uint32_t lognormal(gsl_rng *g, double mean, double sigma, double most)
{
    double x = gsl_ran_lognormal(g, log(mean) - sigma * sigma / 2, sigma);
    return 1 + (uint32_t)(x < most ? x : most);
}

static struct workload draw(double hours)
{
    struct workload w = { .n = (size_t)(RATE * 3600 * hours) };
    w.at = malloc(w.n * sizeof *w.at);
    w.prompt = malloc(w.n * sizeof *w.prompt);
    w.output = malloc(w.n * sizeof *w.output);
    gsl_rng *g = gsl_rng_alloc(gsl_rng_mt19937);
    if (!w.at || !w.prompt || !w.output || !g) exit(1);
    double t = 0;
    for (size_t i = 0; i < w.n; i++) {
        t += gsl_ran_exponential(g, 1 / RATE);
        w.at[i] = (kw_ns)(t * 1e9);
        w.prompt[i] = lognormal(g, PROMPT_MEAN, 1.0, 14000);
        w.output[i] = lognormal(g, OUTPUT_MEAN, 0.8, 1500);
    }
    gsl_rng_free(g);
    return w;
}

static void bench(const struct workload *w, const struct kw_steptime *time, enum kw_stepping mode)
{
    struct kw_sched_config c = { .policy = KW_SCHED_VLLM,
                                 .max_num_batched_tokens = 8192,
                                 .max_num_seqs = 256,
                                 .max_model_len = 32768,
                                 .block_size = 16,
                                 .num_blocks = 27000 };
    struct kw_replica r[REPLICAS];
    struct kw_hist itl, ttft, e2e;
    struct kw_error err;
    if (kw_hist_init(&itl, &err) != KW_OK || kw_hist_init(&ttft, &err) != KW_OK || kw_hist_init(&e2e, &err) != KW_OK)
        die(&err);
    for (int i = 0; i < REPLICAS; i++)
        if (kw_replica_init(&r[i], &c, time, mode, &itl, &err) != KW_OK) die(&err);
    uint64_t finished = 0, iterations = 0, runs = 0;
    double begin = seconds();
    for (size_t n = 0;;) {
        kw_ns at = n < w->n ? w->at[n] : INT64_MAX;
        int low = r[1].next < r[0].next, high = 2 + (r[3].next < r[2].next),
            who = r[high].next < r[low].next ? high : low;
        if (at <= r[who].next) {
            if (at == INT64_MAX) break;
            uint32_t slot;
            struct kw_sched_request q = { .id = n, .prompt = w->prompt[n], .output = w->output[n] };
            if (kw_replica_add(&r[n % REPLICAS], &q, at, &slot, &err) != KW_OK) die(&err);
            n++;
            continue;
        }
        struct kw_replica_out out;
        kw_ns now = r[who].next;
        kw_replica_advance(&r[who], now, &out);
        for (uint32_t i = 0; i < out.n_first; i++) kw_hist_add(&ttft, now - w->at[out.first[i].id], 1);
        for (uint32_t i = 0; i < out.n_finished; i++) kw_hist_add(&e2e, now - w->at[out.finished[i].id], 1);
        finished += out.n_finished;
    }
    double s = seconds() - begin;
    for (int i = 0; i < REPLICAS; i++) {
        iterations += r[i].count.iterations;
        runs += r[i].count.runs;
        kw_replica_free(&r[i]);
    }
    printf("%-5s %9ju requests %11ju iterations %10ju runs in %.3f s: %.2f M requests/s, %.1f M iterations/s, %.0f ns "
           "a run; "
           "TTFT p50 %.1f ms, E2E p95 %.2f s, ITL p50 %.2f ms\n",
           mode == KW_STEPPING_JUMP ? "jump" : "each", (uintmax_t)finished, (uintmax_t)iterations, (uintmax_t)runs, s,
           (double)finished / s / 1e6, (double)iterations / s / 1e6, s * 1e9 / (double)runs,
           kw_hist_quantile(&ttft, 0.5) / 1e6, kw_hist_quantile(&e2e, 0.95) / 1e9, kw_hist_quantile(&itl, 0.5) / 1e9);
    kw_hist_free(&itl);
    kw_hist_free(&ttft);
    kw_hist_free(&e2e);
}

int main(int argc, char **argv)
{
    struct workload w = draw(argc > 1 ? atof(argv[1]) : 20);
    struct kw_steptime *time = step_times();
    const char *only = argc > 2 ? argv[2] : "";
    if (only[0] != 'e') bench(&w, time, KW_STEPPING_JUMP);
    if (only[0] != 'j') bench(&w, time, KW_STEPPING_EACH);
    kw_steptime_delete(time);
    free(w.at);
    free(w.prompt);
    free(w.output);
    return 0;
}
