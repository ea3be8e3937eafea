/* tests/bench/bench_engine.c [MODEL [PRECISION [THREADS [CONTEXT]]]] - decode and prefill of the CPU backend beside
 * what the memory gives a plain read of the same size, measured in turn, so that a neighbour's load meets both. */
#define _POSIX_C_SOURCE 200809L
#include "engine/backend.h"
#include "engine/cpu/cpu_memory.h"
#include "engine/plugin.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7
#define READ_BYTES ((size_t)512 << 20)
#define MOST 512

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Bytes per second of reading once through n bytes, all threads at once (STREAM without its stores: decode writes next
 * to nothing). */
static double read_rate(const uint64_t *a, size_t n, int threads)
{
    int64_t began = kw_now_ns();
    uint64_t sum = 0;
    size_t words = n / 8;
#pragma omp parallel for schedule(static) reduction(+ : sum) num_threads(threads)
    for (size_t i = 0; i < words; i += 8)
        sum += ((a[i] + a[i + 1]) + (a[i + 2] + a[i + 3])) + ((a[i + 4] + a[i + 5]) + (a[i + 6] + a[i + 7]));
    volatile uint64_t sink = sum;
    (void)sink;
    return (double)n / ((double)(kw_now_ns() - began) / 1e9);
}

struct bench {
    struct kw_model_config c;
    struct kw_weights_layout l;
    struct kw_backend_params p;
    const struct kw_backend_ops *ops;
    struct kw_backend *b;
    uint32_t blocks;
};

/* Seconds of one step: n sequences of `past` tokens, each `len` more. */
static double step(struct bench *x, uint32_t n, uint32_t past, uint32_t len)
{
    static uint32_t tokens[MOST], positions[MOST], slots[MOST], rows[MOST], argmax[MOST], tables[MOST * 64];
    static struct kw_batch_seq seqs[MOST];
    const uint32_t bs = x->p.block_size, stride = 64;
    struct kw_error err = { "" };
    for (uint32_t s = 0; s < n; s++) {
        seqs[s] = (struct kw_batch_seq){ s * len, len, past };
        for (uint32_t i = 0; i < stride; i++) tables[s * stride + i] = (s * stride + i) % x->blocks;
        for (uint32_t i = 0; i < len; i++) {
            uint32_t pos = past + i, t = s * len + i;
            tokens[t] = (t * 7919 + 11) % x->c.vocab, positions[t] = pos;
            slots[t] = tables[s * stride + pos / bs] * bs + pos % bs;
        }
        rows[s] = (s + 1) * len - 1;
    }
    struct kw_batch b = { n * len, n, len == 1 ? n : 0, tokens, positions, slots, seqs, tables, stride, n, rows };
    struct kw_result r = { .argmax = argmax };
    int64_t began = kw_now_ns();
    if (x->ops->submit(x->b, &b, &r, &err) != KW_OK || x->ops->wait(x->b, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return (double)(kw_now_ns() - began) / 1e9;
}

int main(int argc, char **argv)
{
    struct bench x = { .ops = &kw_backend_cpu };
    struct kw_error err = { "" };
    struct kw_device d;
    void *host;
    const char *model = argc > 1 ? argv[1] : "qwen2.5-0.5b";
    int precision = kw_dtype_find(argc > 2 ? argv[2] : "bf16");
    uint32_t past = argc > 4 ? (uint32_t)atoi(argv[4]) : 128;
    if (precision < 0 || past > 1000) {
        fprintf(stderr, "bench_engine: want MODEL, a precision, threads, a context up to 1000\n");
        return 2;
    }
    if (kw_config_named(&x.c, model, &err) != KW_OK) goto failed;
    kw_weights_layout(&x.l, &x.c, (enum kw_dtype)precision);
    x.p = (struct kw_backend_params){ .config = &x.c,
                                      .layout = &x.l,
                                      .kv_dtype = precision == KW_DT_FP32 ? KW_DT_FP32 : KW_DT_BF16,
                                      .threads = argc > 3 ? (uint32_t)atoi(argv[3]) : 0,
                                      .block_size = 16,
                                      .max_tokens = MOST,
                                      .max_seqs = 64,
                                      .max_model_len = 1024,
                                      .memory_fraction = 0.8 };
    if (x.ops->create(&x.b, &x.p, &err) != KW_OK || x.ops->weights_alloc(x.b, &host, &err) != KW_OK ||
        x.ops->weights_fill(x.b, 1, &err) != KW_OK || x.ops->kv_alloc(x.b, 1024, &x.blocks, &err) != KW_OK ||
        x.ops->kv_fill(x.b, 1, &err) != KW_OK || x.ops->prepare(x.b, &err) != KW_OK ||
        x.ops->device(x.b, &d, &err) != KW_OK)
        goto failed;
    const int threads = (int)d.units;
    struct kw_cpu_memory memory;
    if (kw_cpu_memory_take(&memory, READ_BYTES, "the read", &err) != KW_OK) goto failed;
    memset(memory.at, 1, READ_BYTES);
    const double bytes = (double)kw_weights_step_bytes(&x.l),
                 kv = (double)kw_config_kv_values(&x.c) * (double)kw_dtype_bytes(x.p.kv_dtype);
    printf("%s %s on %s\nweights read per step %.2f GB, KV %.0f B a token\n", model,
           kw_dtype_name((enum kw_dtype)precision), d.name, bytes / 1e9, kv);

    static const uint32_t batches[] = { 1, 2, 4, 8, 16 };
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        double took[ROUNDS], rate[ROUNDS], ratio[ROUNDS];
        uint32_t n = batches[i];
        double moved = bytes + kv * n * past;
        step(&x, n, past, 1);
        for (int r = 0; r < ROUNDS; r++) {
            rate[r] = read_rate((const uint64_t *)(const void *)memory.at, READ_BYTES, threads);
            took[r] = step(&x, n, past, 1);
            ratio[r] = moved / took[r] / rate[r];
        }
        qsort(took, ROUNDS, sizeof *took, by_value), qsort(rate, ROUNDS, sizeof *rate, by_value);
        qsort(ratio, ROUNDS, sizeof *ratio, by_value);
        printf("decode B=%-3u ctx %u: %8.2f ms (best %.2f) %7.1f tok/s %6.2f GB/s; plain read %6.2f GB/s (best %.2f); "
               "share median "
               "%.0f %%, best on best %.0f %%\n",
               n, past, took[ROUNDS / 2] * 1e3, took[0] * 1e3, n / took[ROUNDS / 2], moved / took[ROUNDS / 2] / 1e9,
               rate[ROUNDS / 2] / 1e9, rate[ROUNDS - 1] / 1e9, 100 * ratio[ROUNDS / 2],
               100 * moved / took[0] / rate[ROUNDS - 1]);
    }
    for (uint32_t n = 64; n <= MOST; n *= 4) {
        double took[3];
        for (int r = 0; r < 3; r++) took[r] = step(&x, 1, 0, n);
        qsort(took, 3, sizeof *took, by_value);
        double flops = kw_config_flops(&x.c, n, 1, (double)n * (n + 1) / 2);
        printf("prefill %-4u: %8.1f ms %7.1f tok/s %6.1f GFLOP/s\n", n, took[1] * 1e3, n / took[1],
               flops / took[1] / 1e9);
    }
    kw_cpu_memory_free(&memory);
    x.ops->destroy(x.b);
    return 0;
failed:
    fprintf(stderr, "bench_engine: %s\n", err.msg);
    return 1;
}
