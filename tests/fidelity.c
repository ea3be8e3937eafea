/* tests/fidelity.c - `make fidelity`: both real vLLM runs of data/calibration/vllm_bench replayed from their operator
 * tables, beside the run itself and the peer's simulator. Usage: fidelity DATA_DIR */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/fidelity.h"
#include "calibrate/import.h"
#include "calibrate/sheet.h"

struct board {
    const char *gpu;
    uint32_t max_num_seqs;
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

/* ---- causes: steps of the run that can be told apart ----
 *
 * With the queue never empty, a request admitted alone is scheduled at the end of one step, waits out the pure-decode step
 * that is running (asynchronous scheduling) and gets its first token from the mixed step after it. So first token -
 * scheduled - a decode step is the time of one mixed step of known size, free of queueing and of our own clock. */

struct alone {
    double ratio; /* our time of those two steps over the run's */
    uint32_t prompt;
};

static int by_ratio(const void *a, const void *b)
{
    double x = ((const struct alone *)a)->ratio, y = ((const struct alone *)b)->ratio;
    return (x > y) - (x < y);
}

static void causes(const struct kw_run *run, const struct kw_steptime *steps, uint32_t budget)
{
    struct alone *found = malloc((run->n + 1) * sizeof *found);
    size_t n = 0, fast = 0;
    double fast_tokens = 0, all_tokens = 0;
    if (!found) return;
    for (size_t i = 0; i < run->n; i++) {
        const struct kw_run_request *x = &run->r[i];
        uint32_t batch = 0;
        uint64_t context = 0;
        int waited = x->scheduled - x->queued > KW_NS_PER_S / 2, company = 0;
        for (size_t j = 0; j < run->n; j++) {
            const struct kw_run_request *y = &run->r[j];
            if (j == i) continue;
            company |= y->scheduled > x->scheduled - 150 * KW_NS_PER_MS && y->scheduled <= x->first_token;
            if (y->first_token >= x->scheduled || y->last_token < x->first_token) continue;
            batch++;
            context += y->prompt + (uint64_t)((double)y->output * (double)(x->scheduled - y->first_token) /
                                              (double)(y->last_token - y->first_token));
        }
        if (!waited || company || batch < 2 || batch + x->prompt > budget) continue;
        struct kw_sched_chunk chunk = { .len = x->prompt, .last = true };
        struct kw_step decode = { .n_decode = batch, .decode_context = context },
                       mixed = { .n_decode = batch, .decode_context = context, .n_chunks = 1, .chunks = &chunk,
                                 .prefill_tokens = x->prompt, .prefill_pairs2 = (uint64_t)x->prompt * x->prompt };
        double ours = (double)(kw_steptime_ps(steps, &decode) + kw_steptime_ps(steps, &mixed)) / 1e3;
        found[n++] = (struct alone){ ours / (double)(x->first_token - x->scheduled), x->prompt };
    }
    qsort(found, n, sizeof *found, by_ratio);
    for (size_t i = 0; i < n; i++) {
        all_tokens += found[i].prompt;
        if (found[i].ratio < 1.15) continue;
        fast++;
        fast_tokens += found[i].prompt;
    }
    if (n >= 20) {
        printf("  cause, step times: %zu admissions seen alone, ours / run median %.3f (decode step + mixed step)\n", n,
               found[(n - fast) / 2].ratio);
        printf("  cause, prefix cache: %zu of them (%.0f %% of their prompt tokens) took 15 %% less than their whole prompt takes,\n"
               "    as prompts do whose prefix is in the cache; requests.jsonl does not tell whose, so they are not replayed\n",
               fast, 100 * fast_tokens / all_tokens);
    }
    free(found);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Request by request: when its first token came, here and there. Where KV blocks run out, admissions come in bursts with
 * seconds between them, and a request that falls on the other side of a gap moves a percentile by the whole gap. */
static void per_request(const struct kw_run *real, const struct kw_run *sim)
{
    double *d = malloc((real->n + 1) * sizeof *d);
    size_t far = 0;
    if (!d) return;
    for (size_t i = 0; i < real->n; i++) {
        d[i] = fabs((double)(sim->r[i].first_token - real->r[i].first_token)) / 1e9;
        far += d[i] > 5;
    }
    qsort(d, real->n, sizeof *d, ascending);
    printf("  request by request, first token: median |difference| %.2f s, 90 %% within %.2f s, %zu of %zu off by more than 5 s\n",
           d[real->n / 2], d[real->n * 9 / 10], far, real->n);
    free(d);
}

static void lengthen(struct kw_curve *c, double by)
{
    for (uint32_t i = 0; i < c->n; i++) c->y[i] *= by;
}

/* What 1 % more in every step does to each metric's mean: a queue amplifies errors of step times. */
static enum kw_status amplification(struct kw_profile *p, const struct kw_run *real, const struct kw_sched_config *c,
                                    double base[KW_RUN_METRICS][KW_RUN_STATISTICS], struct kw_error *err)
{
    struct kw_step_tables *t = &p->tables;
    struct kw_steptime *steps;
    struct kw_run sim;
    double longer[KW_RUN_METRICS][KW_RUN_STATISTICS];
    lengthen(&t->dense, 1.01);
    lengthen(&t->head, 1.01);
    lengthen(&t->prefill_attn, 1.01);
    for (uint32_t i = 0; i < t->n_decode_rows; i++) lengthen(&t->decode[i], 1.01);
    t->mixed.sequence_s *= 1.01;
    t->mixed.context_s *= 1.01;
    t->mixed.pair_s *= 1.01;
    t->prefill_token_s *= 1.01;
    enum kw_status st = kw_steptime_compile(&steps, t, c->max_num_seqs + c->max_num_batched_tokens, c->max_num_batched_tokens, err);
    if (st != KW_OK) return st;
    st = kw_run_replay(&sim, real, c, steps, true, err);
    kw_steptime_delete(steps);
    if (st != KW_OK) return st;
    st = kw_run_summary(&sim, longer, err);
    kw_run_free(&sim);
    if (st == KW_OK)
        printf("  1 %% longer steps move the means by %+.1f %% (TTFT), %+.1f %% (TPOT), %+.1f %% (latency)\n",
               100 * (longer[0][0] / base[0][0] - 1), 100 * (longer[1][0] / base[1][0] - 1), 100 * (longer[2][0] / base[2][0] - 1));
    return st;
}

/* ---- closed loops: published points that nothing here was fitted to ---- */

static enum kw_status closed_loop(const char *data, struct kw_error *err)
{
    static const struct { const char *system, *gpu, *hf, *model; } sets[] = {
        { "h100_sxm", "H100", "70B", "llama-3.1-70b" }, { "h200_sxm", "H200", "70B", "llama-3.1-70b" } };
    static const unsigned tps[] = { 1, 2, 4, 8 };
    char path[1024];
    struct kw_profile p;
    struct kw_steptime *steps;
    struct kw_sheet c;
    double e[256];
    size_t n = 0, i_c, i_in, i_out, i_itl;
    printf("closed loops, decode step at the stated concurrency and mean context, nothing fitted\n");
    enum kw_status st = kw_calibrate_import(&p, data, "H100", "qwen3-8b", "fp8", 1, NULL, err);
    if (st != KW_OK) return st;
    st = kw_steptime_compile(&steps, &p.tables, p.max_num_seqs, p.max_num_batched_tokens, err);
    kw_profile_free(&p);
    if (st != KW_OK) return st;
    snprintf(path, sizeof path, "%s/calibration/silybench_h100_qwen3-8b_fp8.csv", data);
    st = kw_sheet_open(&c, path, err);
    if (st == KW_OK) st = kw_sheet_column(&c, "concurrency", &i_c, err);
    if (st == KW_OK) st = kw_sheet_column(&c, "input_len", &i_in, err);
    if (st == KW_OK) st = kw_sheet_column(&c, "output_len", &i_out, err);
    if (st == KW_OK) st = kw_sheet_column(&c, "itl_median_ms", &i_itl, err);
    for (bool more = true; st == KW_OK && (st = kw_sheet_next(&c, &more, err)) == KW_OK && more;) {
        double batch, in, out, itl;
        if ((st = kw_sheet_f64(&c, i_c, 1, 1e4, &batch, err)) != KW_OK || (st = kw_sheet_f64(&c, i_in, 1, 1e6, &in, err)) != KW_OK ||
            (st = kw_sheet_f64(&c, i_out, 1, 1e6, &out, err)) != KW_OK || (st = kw_sheet_f64(&c, i_itl, 1e-3, 1e6, &itl, err)) != KW_OK)
            break;
        if (batch > 64 || n == 256) continue; /* above, the server queues and its batch is not the concurrency */
        struct kw_step step = { .n_decode = (uint32_t)batch, .decode_context = (uint64_t)(batch * (in + out / 2)) };
        e[n++] = (double)kw_steptime_ps(steps, &step) / 1e9 / itl - 1;
    }
    kw_sheet_close(&c);
    kw_steptime_delete(steps);
    if (st != KW_OK) return st;
    struct kw_sheet s;
    double worst = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(e[i]));
        sum += fabs(e[i]);
    }
    printf("  silybench H100 qwen3-8b fp8, vLLM: ITL median, %zu points up to 64 at once: mean |error| %.1f %%, worst %.1f %%\n", n,
           100 * sum / (double)n, 100 * worst);
    for (size_t k = 0; k < sizeof sets / sizeof *sets; k++)
        for (size_t t = 0; t < 4; t++) {
            size_t i_backend, i_system, i_model, i_tp, i_quant, i_isl, i_osl, i_batch, i_tpot;
            if (kw_calibrate_import(&p, data, sets[k].gpu, sets[k].model, "fp8", tps[t], NULL, err) != KW_OK) continue; /* too small */
            st = kw_steptime_compile(&steps, &p.tables, p.max_num_seqs, p.max_num_batched_tokens, err);
            double tokens = (double)p.num_blocks * p.block_size;
            kw_profile_free(&p);
            if (st != KW_OK) return st;
            snprintf(path, sizeof path, "%s/calibration/silicon_llama31.csv", data);
            st = kw_sheet_open(&s, path, err);
            struct { const char *name; size_t *to; } columns[] = { { "backend", &i_backend }, { "system", &i_system },
                { "model_path", &i_model }, { "tp_size", &i_tp }, { "gemm_quant_mode", &i_quant }, { "isl", &i_isl }, { "osl", &i_osl },
                { "batch_size", &i_batch }, { "silicon_tpot_ms", &i_tpot } };
            for (size_t i = 0; st == KW_OK && i < sizeof columns / sizeof *columns; i++)
                st = kw_sheet_column(&s, columns[i].name, columns[i].to, err);
            n = 0;
            sum = worst = 0;
            for (bool more = true; st == KW_OK && (st = kw_sheet_next(&s, &more, err)) == KW_OK && more;) {
                double tp, in, out, batch, tpot;
                if (strcmp(s.field[i_backend], "vllm") || strcmp(s.field[i_system], sets[k].system) || !strstr(s.field[i_model], sets[k].hf) ||
                    strcmp(s.field[i_quant], "fp8"))
                    continue;
                if ((st = kw_sheet_f64(&s, i_tp, 1, 64, &tp, err)) != KW_OK || (st = kw_sheet_f64(&s, i_isl, 1, 1e6, &in, err)) != KW_OK ||
                    (st = kw_sheet_f64(&s, i_osl, 1, 1e6, &out, err)) != KW_OK || (st = kw_sheet_f64(&s, i_batch, 1, 1e4, &batch, err)) != KW_OK ||
                    (st = kw_sheet_f64(&s, i_tpot, 1e-3, 1e6, &tpot, err)) != KW_OK)
                    break;
                /* Long answers only: with short ones TPOT is as much prefill of the others as decode. */
                if (tp != tps[t] || out < 4 * in || batch * (in + out) > tokens) continue;
                struct kw_step step = { .n_decode = (uint32_t)batch, .decode_context = (uint64_t)(batch * (in + out / 2)) };
                double error = (double)kw_steptime_ps(steps, &step) / 1e9 / tpot - 1;
                sum += fabs(error);
                worst = fmax(worst, fabs(error));
                n++;
            }
            kw_sheet_close(&s);
            kw_steptime_delete(steps);
            if (st != KW_OK) return st;
            if (n)
                printf("  silicon %s %s fp8 tp%u, vLLM: TPOT, %zu points of long answers: mean |error| %.1f %%, worst %.1f %%\n", sets[k].gpu,
                       sets[k].model, tps[t], n, 100 * sum / (double)n, 100 * worst);
        }
    return KW_OK;
}

static enum kw_status replay(const char *data, const struct board *b, struct kw_error *err)
{
    char path[1024];
    struct kw_profile p;
    struct kw_run real = { 0 }, sim = { 0 };
    struct kw_steptime *steps = NULL;
    double was[KW_RUN_METRICS][KW_RUN_STATISTICS], is[KW_RUN_METRICS][KW_RUN_STATISTICS];
    double peer[KW_RUN_METRICS][KW_RUN_STATISTICS];
    enum kw_status st = kw_calibrate_import(&p, data, b->gpu, "llama-3.1-8b", "bf16", 1, NULL, err);
    if (st != KW_OK) return st;
    /* The run's own configuration (meta.json); vLLM keeps one block of those it reports as a null block. */
    struct kw_sched_config c = { .policy = KW_SCHED_VLLM, .max_num_batched_tokens = 2048, .max_num_seqs = b->max_num_seqs,
                                 .max_model_len = 32768, .block_size = p.block_size, .num_blocks = p.num_blocks - 1,
                                 .reserve_full_prompt = true, .prefix_caching = true };
    snprintf(path, sizeof path, "%s/calibration/vllm_bench/%s_Llama-3.1-8B/requests.jsonl", data, b->gpu);
    if ((st = kw_run_load(&real, path, err)) != KW_OK) goto out;
    if ((st = kw_steptime_compile(&steps, &p.tables, c.max_num_seqs + c.max_num_batched_tokens, c.max_num_batched_tokens, err)) != KW_OK)
        goto out;
    if ((st = kw_run_replay(&sim, &real, &c, steps, true, err)) != KW_OK) goto out;
    if ((st = kw_run_summary(&real, was, err)) != KW_OK || (st = kw_run_summary(&sim, is, err)) != KW_OK) goto out;
    snprintf(path, sizeof path, "%s/calibration/vllm_bench/%s_Llama-3.1-8B/summary.txt", data, b->gpu);
    int has_peer = read_peer(path, peer);
    printf("%s, llama-3.1-8b bf16, vLLM 0.19, %zu requests, %u sequences, %u KV blocks (%s)\n", b->gpu, real.n,
           c.max_num_seqs, p.num_blocks, kw_grade_name[p.kv.grade]);
    printf("  %-7s %-4s %12s %12s %8s %8s\n", "", "", "vLLM ms", "ours ms", "ours", "peer");
    double worst = 0, peer_worst = 0;
    for (int m = 0; m < KW_RUN_METRICS; m++)
        for (int k = 0; k < KW_RUN_STATISTICS; k++) {
            double e = 100 * (is[m][k] / was[m][k] - 1);
            printf("  %-7s %-4s %12.1f %12.1f %+7.1f%% ", kw_run_metric_name[m], kw_run_statistic_name[k], was[m][k], is[m][k], e);
            if (has_peer)
                printf("%+7.1f%%\n", peer[m][k]);
            else
                printf("%8s\n", "-");
            worst = fmax(worst, fabs(e));
            peer_worst = has_peer ? fmax(peer_worst, fabs(peer[m][k])) : 0;
        }
    printf("  worst of 15: ours %.1f %%, peer %.1f %%\n", worst, peer_worst);
    per_request(&real, &sim);
    causes(&real, steps, c.max_num_batched_tokens);
    st = amplification(&p, &real, &c, is, err);
out:
    kw_steptime_delete(steps);
    kw_run_free(&real);
    kw_run_free(&sim);
    kw_profile_free(&p);
    return st;
}

int main(int argc, char **argv)
{
    static const struct board boards[] = { { "RTX4090", 256 }, { "RTXPRO6000", 128 } };
    struct kw_error err;
    if (argc != 2) {
        fprintf(stderr, "usage: fidelity DATA_DIR\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof boards / sizeof *boards; i++) {
        enum kw_status st = replay(argv[1], &boards[i], &err);
        if (st != KW_OK) {
            fprintf(stderr, "fidelity: %s\n", err.msg);
            return kw_exit_code(st);
        }
    }
    enum kw_status st = closed_loop(argv[1], &err);
    if (st != KW_OK) fprintf(stderr, "fidelity: %s\n", err.msg);
    return kw_exit_code(st);
}
