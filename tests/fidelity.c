/* tests/fidelity.c - `make fidelity`: both real vLLM runs of data/calibration/vllm_bench replayed from their operator
 * tables, beside the run itself and the peer's simulator. Usage: fidelity DATA_DIR */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/fidelity.h"
#include "calibrate/import.h"

struct board {
    const char *gpu;
    uint32_t max_num_seqs;
};

/* The peer's figures from summary.txt: metric and statistic in its row order, then vLLM, Sim. */
static int read_peer(const char *path, double peer[KW_RUN_METRICS][KW_RUN_STATISTICS])
{
    FILE *f = fopen(path, "r");
    char line[256], metric[16], statistic[16];
    int n = 0;
    double real, sim;
    if (!f) return 0;
    while (n < KW_RUN_METRICS * KW_RUN_STATISTICS && fgets(line, sizeof line, f))
        if (sscanf(line, "%15s %15s %lf %lf", metric, statistic, &real, &sim) == 4) {
            peer[n / KW_RUN_STATISTICS][n % KW_RUN_STATISTICS] = 100 * (sim / real - 1);
            n++;
        }
    fclose(f);
    return n == KW_RUN_METRICS * KW_RUN_STATISTICS;
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
    return 0;
}
