/* engine/bench.h - how fast the engine's backend runs, in the rows of llama-bench (pp512: a prompt of 512 tokens;
 * tg128: 128 decode steps), with the bytes and operations each step needs, so that the share of the device's limit can
 * be told. The KV cache is filled with random values, so a context costs no prefill. Driven at the backend, without the
 * scheduler; two batches are under way where the backend allows it, the ids of one feeding the next on the device. */
#ifndef KW_ENGINE_BENCH_H
#define KW_ENGINE_BENCH_H
#include "engine/engine.h"

struct kw_bench_limits {     /* what the device could do at best; 0: unknown */
    double bandwidth, flops; /* bytes/s; FLOP/s at the precision of the layers */
    bool measured;           /* by kw_probe_run on this machine; else of the data sheet */
};
/* A GPU's of its data sheet; a CPU's by kw_probe_run: the larger of read and triad, and fp32 multiply-adds. KW_ENOMEM,
 * KW_EFAIL. */
enum kw_status kw_bench_limits(struct kw_bench_limits *l, struct kw_engine *e, uint32_t threads, struct kw_error *err);

struct kw_bench_row {
    bool decode;
    uint32_t batch;       /* sequences */
    uint32_t tokens;      /* pp: of the prompt; tg: steps asked */
    uint32_t context;     /* tokens of each sequence in the cache before the first step */
    uint32_t steps;       /* timed */
    char skipped[64];     /* why it did not run; "" when it did */
    double step_s;        /* median of a step; pp: of the whole prompt, in as many steps as the token budget asks */
    double low_s, high_s; /* 95 % interval of the median by order statistics; the extremes below 6 steps */
    double token_rate;    /* tokens/s at the median */
    double bytes, flops;  /* that one step needs: weights once a batch, KV read and written; kw_config_flops */
};

struct kw_bench_options {
    const uint32_t *prompts;  /* [n_prompts] lengths of prefill rows, each run 5 times */
    const uint32_t *batches;  /* [n_batches] of decode rows, for each context */
    const uint32_t *contexts; /* [n_contexts] */
    size_t n_prompts, n_batches, n_contexts;
    uint32_t steps; /* of a decode row */
    uint64_t seed;
    int64_t row_ns; /* a row ends early, after one step at least, when it has taken this long; 0: never */
    void (*row)(void *ctx, const struct kw_bench_row *row); /* after each row, or NULL */
    void *ctx;
};

/* Rows in the order prompts, then batches within contexts; malloc'd, [*n]. The engine must have no active requests; its
 * KV cache is overwritten. What the limits of the engine do not allow is skipped and says so. KW_ENOMEM, KW_EFAIL. */
enum kw_status kw_bench_run(struct kw_bench_row **rows, size_t *n, struct kw_engine *e,
                            const struct kw_bench_options *o, struct kw_error *err);

#endif
