/* fp8_trace FOLDER synthetic|files BACKEND OUT ID... - one batch of prompt tokens through the engine in fp8, and what
 * tests/engine/fp8.py needs to follow it: every row that a linear layer quantised (its length, fp32 values, scale, E4M3
 * codes) in the order in which that happened, then K and V as the cache holds them ([layer][K,
 * V][token][kv_head][head_dim] as fp32), then the logits of every token. Exit status 77: this machine lacks the kernels
 * that KEEPWARM_CPU asks for. The linker puts __wrap_kw_fp8_quantise in the place of kw_fp8_quantise (Makefile). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/cpu/cpu_memory.h"
#include "engine/cpu/cpu_kernels.h"
#include "engine/engine.h"

enum { MOST = 64 };
static FILE *out; /* NULL while weights are quantised */

float __real_kw_fp8_quantise(uint8_t *q, const float *x, size_t n);
float __wrap_kw_fp8_quantise(uint8_t *q, const float *x, size_t n);
float __wrap_kw_fp8_quantise(uint8_t *q, const float *x, size_t n)
{
    const uint32_t length = (uint32_t)n;
    float s = __real_kw_fp8_quantise(q, x, n);
    if (out) {
        fwrite(&length, sizeof length, 1, out);
        fwrite(x, sizeof *x, n, out);
        fwrite(&s, sizeof s, 1, out);
        fwrite(q, 1, n, out);
    }
    return s;
}

static void write_kv(const struct kw_engine *e, uint32_t n)
{
    const struct kw_model_config *c = &e->config;
    float *row = malloc(c->head_dim * sizeof *row);
    for (uint32_t l = 0; row && l < c->layers; l++)
        for (int v = 0; v < 2; v++)
            for (uint32_t t = 0; t < n; t++)
                for (uint32_t h = 0; h < c->kv_heads; h++) {
                    kw_dtype_convert(row, KW_DT_FP32, kw_cpu_kv(e->backend, l, v, t, h), e->backend->p.kv_dtype,
                                     c->head_dim);
                    fwrite(row, sizeof *row, c->head_dim, out);
                }
    free(row);
}

int main(int argc, char **argv)
{
    const uint32_t n = argc > 5 && argc - 5 <= MOST ? (uint32_t)argc - 5 : 0;
    struct kw_error err = { "" };
    struct kw_engine e;
    const char *which = getenv("KEEPWARM_CPU");
    if (!n) return 2;
    if (which && !kw_cpu_kernels(which)) return 77;
    struct kw_engine_options o = { .model = argv[1],
                                   .backend = argv[3],
                                   .precision = "fp8",
                                   .synthetic = !strcmp(argv[2], "synthetic"),
                                   .seed = 7,
                                   .threads = 1,
                                   .num_blocks = 16,
                                   .max_model_len = 160,
                                   .max_num_seqs = MOST,
                                   .max_num_batched_tokens = MOST };
    if (kw_engine_open(&e, &o, NULL, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    uint32_t ids[MOST], at[MOST], table[16], argmax[MOST];
    float *logits = malloc((size_t)n * e.config.vocab * sizeof *logits);
    for (uint32_t i = 0; i < n; i++) ids[i] = (uint32_t)strtoul(argv[5 + i], NULL, 10), at[i] = i;
    for (uint32_t i = 0; i < 16; i++) table[i] = i; /* so a token's slot is its position */
    struct kw_batch_seq seq = { .start = 0, .len = n, .past = 0 };
    struct kw_batch b = { .n_tokens = n,
                          .n_seqs = 1,
                          .tokens = ids,
                          .positions = at,
                          .slots = at,
                          .seqs = &seq,
                          .tables = table,
                          .table_stride = 16,
                          .n_logits = n,
                          .logit_tokens = at };
    struct kw_result r = { .argmax = argmax, .logits = logits };
    out = fopen(argv[4], "wb");
    if (!out || !logits || e.ops->submit(e.backend, &b, &r, &err) != KW_OK || e.ops->wait(e.backend, &err) != KW_OK) {
        fprintf(stderr, "%s: %s\n", argv[4], err.msg);
        return 1;
    }
    write_kv(&e, n);
    fwrite(logits, sizeof *logits, (size_t)n * e.config.vocab, out);
    const bool written = !ferror(out);
    if (fclose(out) || !written) return 1;
    free(logits);
    kw_engine_close(&e);
    return 0;
}
