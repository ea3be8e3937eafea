/* tests/fidelity/main.c - `make fidelity`: both real vLLM runs of data/calibration/vllm_bench replayed, beside the run
 * itself and the peer's simulator, and what each cause of error contributes; then every other server that published
 * figures (fidelity_servers.h), and what profiles made on the
 * spot say of whole servers (silicon_table.h). All of it goes to an HDF5 file, tests/fidelity/real_servers.h. Usage: fidelity DATA_DIR
 * [OUT.h5] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/fidelity/bench_steps.h"
#include "tests/fidelity/fidelity.h"
#include "calibrate/import/import.h"
#include "sim/core/ascending.h"
#include "tests/fidelity/real_servers.h"
#include "tests/fidelity/fidelity_servers.h"
#include "tests/fidelity/silicon_table.h"

typedef double table[KW_RUN_METRICS][KW_RUN_STATISTICS];

struct board {
    const char *gpu;
    uint32_t max_num_seqs;
    bool preempts; /* the run did: its KV cache was full */
    /* filled by prepare */
    struct kw_profile profile;
    struct kw_steptime *law;
    struct kw_bench_steps *tables;
    struct kw_run run;
    struct kw_sched_config config;
    table real, peer;
    bool has_peer;
    struct kw_run_clock halved; /* the tables and the terms fitted on the run's first half */
    struct kw_run sim[KW_REPLAY_CLOCKS];
    kw_ns half;
};

/* The peer's errors from summary.txt: metric and statistic in its row order, then vLLM, Sim, Diff%. */
static int read_peer(const char *path, double peer[KW_RUN_METRICS][KW_RUN_STATISTICS])
{
    FILE *f = fopen(path, "r");
    char line[256], metric[16], statistic[16];
    int n = 0;
    double real, sim, diff;
    if (!f) return 0;
    while (n < KW_RUN_METRICS * KW_RUN_STATISTICS && fgets(line, sizeof line, f))
        if (sscanf(line, "%15s %15s %lf %lf %lf", metric, statistic, &real, &sim, &diff) == 5) {
            peer[n / KW_RUN_STATISTICS][n % KW_RUN_STATISTICS] = diff;
            n++;
        }
    fclose(f);
    return n == KW_RUN_METRICS * KW_RUN_STATISTICS;
}

static enum kw_status prepare(struct board *b, const char *data, struct kw_error *err)
{
    char dir[1024], path[1100];
    enum kw_status st = kw_calibrate_import(&b->profile, data, b->gpu, "llama-3.1-8b", "bf16", 1, NULL, err);
    if (st != KW_OK) return st;
    /* The run's own configuration (meta.json); vLLM keeps one block of those it reports as a null block. */
    b->config = (struct kw_sched_config){ .policy = KW_SCHED_VLLM,
                                          .max_num_batched_tokens = 2048,
                                          .max_num_seqs = b->max_num_seqs,
                                          .max_model_len = 32768,
                                          .block_size = b->profile.block_size,
                                          .num_blocks = b->profile.num_blocks - 1,
                                          .reserve_full_prompt = true,
                                          .prefix_caching = true,
                                          .async_scheduling = true };
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    snprintf(dir, sizeof dir, "%s/calibration/vllm_bench/%s_Llama-3.1-8B", data, b->gpu);
    snprintf(path, sizeof path, "%s/requests.jsonl", dir);
    if ((st = kw_run_load(&b->run, path, err)) != KW_OK) return st;
    if ((st = kw_run_share(&b->run, kw_run_sharegpt300, kw_run_sharegpt300_n, err)) != KW_OK) return st;
    if ((st = kw_bench_steps_load(&b->tables, dir, m, err)) != KW_OK) return st;
    st = kw_steptime_compile(&b->law, &b->profile.tables, b->max_num_seqs + 2048, 2048, err);
    if (st == KW_OK) st = kw_run_summary(&b->run, b->real, err);
    snprintf(path, sizeof path, "%s/summary.txt", dir);
    b->has_peer = read_peer(path, b->peer);
    return st;
}

static void release(struct board *b)
{
    kw_profile_free(&b->profile);
    kw_steptime_delete(b->law);
    kw_bench_steps_delete(b->tables);
    for (int i = 0; i < KW_REPLAY_CLOCKS; i++) kw_run_free(&b->sim[i]);
    kw_run_free(&b->run);
}

static struct kw_run_clock by_tables(const struct board *b)
{
    return (struct kw_run_clock){ .ps = kw_bench_steps_ps, .law = b->tables, .decode_from = 33, .decode_to = 96 };
}

static struct kw_run_clock by_profile(const struct board *b)
{
    return (struct kw_run_clock){ .ps = kw_run_profile_ps, .law = b->law };
}

static double worst_of(table percent)
{
    double worst = 0;
    for (int m = 0; m < KW_RUN_METRICS; m++)
        for (int k = 0; k < KW_RUN_STATISTICS; k++)
            if (fabs(percent[m][k]) > fabs(worst)) worst = percent[m][k];
    return worst;
}

/* Errors in percent of a replay of b->run under any configuration; sim may be NULL. */
static enum kw_status errors(const struct board *b, const struct kw_run *run, const struct kw_sched_config *c,
                             const struct kw_run_clock *clock, kw_ns warmup, table percent, struct kw_run *sim,
                             struct kw_error *err)
{
    struct kw_run out;
    enum kw_status st = kw_run_replay(&out, run, c, clock, warmup, err);
    if (st != KW_OK) return st;
    st = kw_run_summary(&out, percent, err);
    for (int m = 0; m < KW_RUN_METRICS; m++)
        for (int k = 0; k < KW_RUN_STATISTICS; k++) percent[m][k] = 100 * (percent[m][k] / b->real[m][k] - 1);
    if (sim && st == KW_OK)
        *sim = out;
    else
        kw_run_free(&out);
    return st;
}

static enum kw_status warmed(const struct board *b, const struct kw_run_clock *clock, table percent, struct kw_run *sim,
                             struct kw_error *err)
{
    kw_ns warmup;
    enum kw_status st = kw_run_warmup(&warmup, &b->run, &b->config, clock, err);
    return st == KW_OK ? errors(b, &b->run, &b->config, clock, warmup, percent, sim, err) : st;
}

/* ---- request by request ---- */

static void quantiles(const char *what, double *d, size_t n, const char *unit)
{
    qsort(d, n, sizeof *d, kw_ascending);
    printf("    %-22s median %.3f %s, 90 %% within %.3f, worst %.3f\n", what, d[n / 2], unit, d[n * 9 / 10], d[n - 1]);
}

static enum kw_status per_request(const struct kw_run *real, const struct kw_run *sim, struct kw_error *err)
{
    double *d = malloc((real->n + 1) * sizeof *d);
    if (!d) return kw_fail(err, KW_ENOMEM, "out of memory");
    printf("  request by request, |ours - run| of %zu:\n", real->n);
    for (size_t i = 0; i < real->n; i++)
        d[i] =
            fabs((double)(sim->r[i].first_token - sim->r[i].queued - real->r[i].first_token + real->r[i].queued)) / 1e9;
    quantiles("TTFT", d, real->n, "s");
    for (size_t i = 0; i < real->n; i++) {
        const struct kw_run_request *a = &real->r[i], *b = &sim->r[i];
        double n = a->output > 1 ? a->output - 1.0 : 1;
        d[i] = fabs((double)((b->last_token - b->first_token) - (a->last_token - a->first_token))) / 1e6 / n;
    }
    quantiles("TPOT", d, real->n, "ms");
    for (size_t i = 0; i < real->n; i++) d[i] = fabs((double)(sim->r[i].last_token - real->r[i].last_token)) / 1e9;
    quantiles("last token", d, real->n, "s");
    free(d);
    return KW_OK;
}

/* The 15 metrics of the requests whose first token came in the run's second half, which no term was fitted on. */
static enum kw_status second_half(const struct board *b, const struct kw_run *sim, kw_ns half, double *worst, size_t *n,
                                  struct kw_error *err)
{
    struct kw_run_request *r = malloc((2 * b->run.n + 1) * sizeof *r);
    if (!r) return kw_fail(err, KW_ENOMEM, "out of memory");
    struct kw_run was = { .r = r }, is = { .r = r + b->run.n };
    for (size_t i = 0; i < b->run.n; i++) {
        if (b->run.r[i].first_token < half) continue;
        was.r[was.n++] = b->run.r[i];
        is.r[is.n++] = sim->r[i];
    }
    table a, c;
    enum kw_status st = kw_run_summary(&was, a, err);
    if (st == KW_OK) st = kw_run_summary(&is, c, err);
    for (int m = 0; m < KW_RUN_METRICS; m++)
        for (int k = 0; k < KW_RUN_STATISTICS; k++) c[m][k] = 100 * (c[m][k] / a[m][k] - 1);
    *worst = worst_of(c);
    *n = was.n;
    free(r);
    return st;
}

/* ---- causes ---- */

/* A decode step of those that run at t, by the tables; *batch: how many. */
static double decode_at(const struct board *b, kw_ns t, uint32_t *batch)
{
    struct kw_step step = { .n_decode = 0 };
    double context = 0;
    for (size_t i = 0; i < b->run.n; i++) {
        const struct kw_run_request *r = &b->run.r[i];
        if (r->first_token > t || r->last_token <= t) continue;
        step.n_decode++;
        context +=
            r->prompt + (double)r->output * (double)(t - r->first_token) / (double)(r->last_token - r->first_token);
    }
    step.decode_context = (uint64_t)context;
    *batch = step.n_decode;
    return (double)kw_bench_steps_ps(b->tables, &step) / 1e12;
}

/* Of two requests that got their first token together, the longer one got its last so many steps later as it has more
 * tokens: exactly, whatever our clock says, if nothing is preempted. Once the last request has been admitted those are
 * decode steps, and their times can be set against the tables'. */
static void decode_counted(const struct board *b)
{
    static const struct {
        double from, to;
    } band[] = { { 0, 33 }, { 33, 60 }, { 60, 80 }, { 80, 100 }, { 100, 1e9 } };
    double real[5] = { 0 }, ours[5] = { 0 }, steps[5] = { 0 };
    kw_ns admitted = 0;
    for (size_t i = 0; i < b->run.n; i++)
        if (b->run.r[i].first_token > admitted) admitted = b->run.r[i].first_token;
    for (size_t i = 0; i < b->run.n; i++)
        for (size_t j = 0; j < b->run.n; j++) {
            const struct kw_run_request *s = &b->run.r[i], *l = &b->run.r[j];
            if (s->first_token != l->first_token || s->last_token < admitted || l->output < s->output + 3 ||
                l->last_token <= s->last_token)
                continue;
            double mean = 0, batch = 0, n = l->output - s->output, took = (double)(l->last_token - s->last_token) / 1e9;
            for (int k = 0; k < 64; k++) { /* over the time between */
                uint32_t m;
                mean += decode_at(b, s->last_token + (l->last_token - s->last_token) * (2 * k + 1) / 128, &m) / 64;
                batch += m / 64.0;
            }
            for (int k = 0; k < 5; k++) {
                if (batch < band[k].from || batch >= band[k].to) continue;
                real[k] += took;
                ours[k] += n * mean;
                steps[k] += n;
            }
        }
    for (int k = 0; k < 5; k++)
        if (steps[k] > 0)
            printf(
                "    decode, %3.0f to %3.0f sequences      %6.0f steps: tables %+5.1f %%, %+.2f ms a step (counted)\n",
                band[k].from + (k == 0), fmin(band[k].to - 1, b->max_num_seqs), steps[k], 100 * (ours[k] / real[k] - 1),
                1e3 * (ours[k] - real[k]) / steps[k]);
}

static void steps_by_size(const struct kw_run_interval *v, size_t n)
{
    static const struct {
        uint32_t from, to;
        const char *what;
    } band[] = { { 1, 513, "with prefill, up to 512 tokens" },
                 { 513, 769, "with prefill, 513 to 768" },
                 { 769, 929, "with prefill, 769 to 928" },
                 { 929, 1281, "with prefill, 929 to 1280" },
                 { 1281, 4096, "with prefill, above 1280" } };
    printf("  cause, operator tables: the run's own steps against them (run held to, %zu intervals):\n", n);
    for (size_t i = 0; i < sizeof band / sizeof *band; i++) {
        double real = 0, ours = 0, steps = 0;
        for (size_t k = 0; k < n; k++) {
            if (v[k].tokens < band[i].from || v[k].tokens >= band[i].to) continue;
            if (v[k].prefill_steps != 1 || v[k].decode_steps > 3) continue;
            real += v[k].real_s;
            ours += v[k].ours_s;
            steps++;
        }
        if (steps > 0)
            printf("    %-32s %6.0f steps: tables %+5.1f %%, %+.2f ms a step\n", band[i].what, steps,
                   100 * (ours / real - 1), 1e3 * (ours - real) / steps);
    }
}

static void effect(const char *what, table base, table now)
{
    printf("    %-40s %+6.1f %+6.1f %+6.1f   %+6.1f\n", what, now[0][0] - base[0][0], now[1][0] - base[1][0],
           now[2][0] - base[2][0], worst_of(now));
}

/* Each thing that the replay knows taken away, or moved by 1 %, from the clock that does best without any fit. */
static enum kw_status causes(const struct board *b, table base, struct kw_error *err)
{
    struct kw_run_clock clock = by_tables(b), longer = by_tables(b);
    struct kw_run bare = b->run;
    struct kw_sched_config c = b->config;
    table now;
    kw_ns warmup;
    enum kw_status st = kw_run_warmup(&warmup, &b->run, &b->config, &clock, err);
    if (st != KW_OK) return st;
    printf("  causes, percentage points of the means (TTFT, TPOT, latency) and the worst of 15 then:\n");
    if ((bare.r = malloc((b->run.n + 1) * sizeof *bare.r)) == NULL) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < bare.n; i++) {
        bare.r[i] = b->run.r[i];
        bare.r[i].hash = NULL;
        bare.r[i].n_hash = 0;
    }
    if ((st = errors(b, &bare, &c, &clock, warmup, now, NULL, err)) == KW_OK)
        effect("prefix cache: no prompt shares blocks", base, now);
    free(bare.r);
    if (st == KW_OK && (st = errors(b, &b->run, &c, &clock, 0, now, NULL, err)) == KW_OK) {
        char what[64];
        snprintf(what, sizeof what, "clock: no warm-up (%.0f ms)", (double)warmup / 1e6);
        effect(what, base, now);
    }
    c.async_scheduling = false;
    if (st == KW_OK && (st = errors(b, &b->run, &c, &clock, warmup, now, NULL, err)) == KW_OK)
        effect("scheduler: decides without a step's lag", base, now);
    c = b->config;
    c.reserve_full_prompt = false;
    if (st == KW_OK && (st = errors(b, &b->run, &c, &clock, warmup, now, NULL, err)) == KW_OK)
        effect("scheduler: admits by the first chunk", base, now);
    c = b->config;
    c.num_blocks += c.num_blocks / 100;
    if (st == KW_OK && (st = errors(b, &b->run, &c, &clock, warmup, now, NULL, err)) == KW_OK)
        effect("KV capacity: 1 % more blocks", base, now);
    longer.longer = 0.01;
    if (st == KW_OK && (st = errors(b, &b->run, &b->config, &longer, warmup, now, NULL, err)) == KW_OK)
        effect("operator tables: 1 % longer kernels", base, now);
    return st;
}

/* ---- */

static enum kw_status report(struct board *b, struct kw_error *err)
{
    struct kw_run_clock tables = by_tables(b), profile = by_profile(b);
    struct kw_run_interval *v = NULL;
    table straight, law, halved;
    size_t n, n_second = 0;
    double worst_second = 0, worst_plain = 0;
    kw_ns end = 0;
    for (size_t i = 0; i < b->run.n; i++)
        if (b->run.r[i].last_token > end) end = b->run.r[i].last_token;
    enum kw_status st = kw_run_intervals(&v, &n, &b->run, &b->config, &tables, err);
    if (st != KW_OK) return st;
    b->halved = tables;
    b->half = end / 2;
    if ((st = kw_run_fit_clock(&b->halved, &b->run, &b->config, b->half, err)) != KW_OK) goto out;
    if ((st = warmed(b, &profile, law, &b->sim[KW_REPLAY_PROFILE], err)) != KW_OK) goto out;
    if ((st = warmed(b, &b->halved, halved, &b->sim[KW_REPLAY_HALVED], err)) != KW_OK) goto out;
    if ((st = warmed(b, &tables, straight, &b->sim[KW_REPLAY_TABLES], err)) != KW_OK) goto out;
    if ((st = second_half(b, &b->sim[KW_REPLAY_HALVED], b->half, &worst_second, &n_second, err)) != KW_OK) goto out;
    if ((st = second_half(b, &b->sim[KW_REPLAY_TABLES], b->half, &worst_plain, &n_second, err)) != KW_OK) goto out;
    printf("%s, llama-3.1-8b bf16, vLLM 0.19, %zu requests, %u sequences, %u KV blocks (%s)\n", b->gpu, b->run.n,
           b->max_num_seqs, b->profile.num_blocks, kw_grade_name[b->profile.kv.grade]);
    printf("  %-7s %-4s %12s %9s %9s %9s %8s\n", "", "", "vLLM ms", "tables", "profile", "1st half", "peer");
    for (int m = 0; m < KW_RUN_METRICS; m++)
        for (int k = 0; k < KW_RUN_STATISTICS; k++) {
            printf("  %-7s %-4s %12.1f %+8.2f%% %+8.2f%% %+8.2f%% ", kw_run_metric_name[m], kw_run_statistic_name[k],
                   b->real[m][k], straight[m][k], law[m][k], halved[m][k]);
            if (b->has_peer)
                printf("%+7.1f%%\n", b->peer[m][k]);
            else
                printf("%8s\n", "-");
        }
    printf("  %-25s %+8.2f%% %+8.2f%% %+8.2f%% ", "worst of 15", worst_of(straight), worst_of(law), worst_of(halved));
    if (b->has_peer)
        printf("%+7.1f%%\n", worst_of(b->peer));
    else
        printf("%8s\n", "-");
    printf("  tables: operator tables, interpolated. profile: the compact law that profiles hold. Nothing in\n"
           "  either is fitted to a run. 1st half: tables and two terms fitted to the requests that ended in the\n"
           "  run's first half, %+.2f ms a step with prefill and %+.2f ms a decode step of 33 to 96 sequences.\n"
           "  Judged on the %zu requests whose first token came in the second half, which it was not fitted to:\n"
           "  worst of 15 %+.2f %%, where the tables alone have %+.2f %%\n",
           1e3 * b->halved.prefill_s, 1e3 * b->halved.decode_s, n_second, worst_second, worst_plain);
    if ((st = per_request(&b->run, &b->sim[KW_REPLAY_TABLES], err)) != KW_OK) goto out;
    steps_by_size(v, n);
    if (!b->preempts) decode_counted(b);
    st = causes(b, straight, err);
out:
    free(v);
    return st;
}

/* The terms of one board's run on the other: were they host time, they would carry over. */
static enum kw_status swap(const struct board *predicted, const struct board *fitted, struct kw_error *err)
{
    struct kw_run_clock clock = by_tables(predicted);
    table percent;
    clock.decode_s = fitted->halved.decode_s;
    clock.prefill_s = fitted->halved.prefill_s;
    enum kw_status st = warmed(predicted, &clock, percent, NULL, err);
    if (st == KW_OK)
        printf("  %s with the terms of the %s: worst of 15 %+.1f %%, means %+.1f %+.1f %+.1f %%\n", predicted->gpu,
               fitted->gpu, worst_of(percent), percent[0][0], percent[1][0], percent[2][0]);
    return st;
}

static enum kw_status servers(const struct board *boards, const char *data, const char *out, struct kw_error *err)
{
    struct kw_servers published;
    struct kw_server_accuracy accuracy;
    struct kw_replayed run[2];
    size_t left_out;
    enum kw_status st = kw_servers_load(&published, data, err);
    if (st != KW_OK) return st;
    if ((st = kw_server_accuracy_judge(&accuracy, &left_out, &published, data, err)) == KW_OK) {
        print_servers(&accuracy, left_out);
        for (int i = 0; i < 2; i++) {
            run[i] = (struct kw_replayed){ .gpu = boards[i].gpu,
                                           .real = &boards[i].run,
                                           .half = boards[i].half,
                                           .peer = boards[i].has_peer ? boards[i].peer : NULL };
            memcpy(run[i].sim, boards[i].sim, sizeof run[i].sim);
        }
        if (out) st = kw_real_servers_write(out, run, 2, &accuracy, err);
        if (out && st == KW_OK) printf("%s: every request, point and law\n", out);
        kw_server_accuracy_free(&accuracy);
    }
    kw_servers_free(&published);
    return st;
}

static enum kw_status silicon(const char *data, struct kw_error *err)
{
    struct kw_silicon s;
    enum kw_status st = kw_silicon_load(&s, data, err);
    if (st != KW_OK) return st;
    st = kw_silicon_judge(&s, err);
    if (st == KW_OK) print_silicon(&s);
    kw_silicon_free(&s);
    return st;
}

int main(int argc, char **argv)
{
    static struct board boards[] = { { .gpu = "RTX4090", .max_num_seqs = 256, .preempts = true },
                                     { .gpu = "RTXPRO6000", .max_num_seqs = 128 } };
    struct kw_error err;
    enum kw_status st = KW_OK;
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: fidelity DATA_DIR [OUT.h5]\n");
        return 2;
    }
    for (int i = 0; st == KW_OK && i < 2; i++) {
        st = prepare(&boards[i], argv[1], &err);
        if (st == KW_OK) st = report(&boards[i], &err);
    }
    if (st == KW_OK)
        printf("fitted terms do not carry from board to board: no law of host time, and profiles hold none\n");
    if (st == KW_OK) st = swap(&boards[0], &boards[1], &err);
    if (st == KW_OK) st = swap(&boards[1], &boards[0], &err);
    if (st == KW_OK) st = servers(boards, argv[1], argc == 3 ? argv[2] : NULL, &err);
    if (st == KW_OK) st = silicon(argv[1], &err);
    for (int i = 0; i < 2; i++) release(&boards[i]);
    if (st != KW_OK) fprintf(stderr, "fidelity: %s\n", err.msg);
    return kw_exit_code(st);
}
