/* Logits and greedy tokens of a checkpoint, for tests/gpu/check_transformers.py. Arguments: folder, precision, file for
 * the logits (fp32, [prompt][vocab]), how many tokens to generate, ids of the prompt (up to 200). Prints the tokens. */
#include <stdio.h>
#include <stdlib.h>
#include "engine/engine.h"

enum { MOST = 200 };

int main(int argc, char **argv)
{
    struct kw_engine e;
    struct kw_error err;
    uint32_t ids[MOST], positions[MOST], slots[MOST], rows[MOST], table[MOST], argmax[MOST];
    if (argc < 6 || argc - 5 > MOST) return fprintf(stderr, "want: folder precision file tokens id...\n"), 2;
    const uint32_t n = (uint32_t)argc - 5;
    const struct kw_engine_options o = { .model = argv[1],
                                         .backend = getenv("KEEPWARM_BACKEND"),
                                         .precision = argv[2],
                                         .max_model_len = 512,
                                         .max_num_seqs = MOST,
                                         .num_blocks = 64,
                                         .block_size = 16 };
    if (kw_engine_open(&e, &o, NULL, &err) != KW_OK) return fprintf(stderr, "%s\n", err.msg), 1;
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = (uint32_t)atoi(argv[5 + i]);
        table[i] = 63 - i / 16 % 64; /* blocks out of order */
        positions[i] = rows[i] = i;
    }
    for (uint32_t i = 0; i < 32; i++) table[i] = 63 - i;
    for (uint32_t i = 0; i < n; i++) slots[i] = table[i / 16] * 16 + i % 16;
    const struct kw_batch_seq seq = { 0, n, 0 };
    const struct kw_batch batch = { .n_tokens = n,
                                    .n_seqs = 1,
                                    .tokens = ids,
                                    .positions = positions,
                                    .slots = slots,
                                    .seqs = &seq,
                                    .tables = table,
                                    .table_stride = 32,
                                    .n_logits = n,
                                    .logit_tokens = rows };
    float *logits = malloc((size_t)n * e.config.vocab * sizeof *logits);
    struct kw_result out = { argmax, logits, 0 };
    FILE *f = fopen(argv[3], "wb");
    if (!logits || !f || e.ops->submit(e.backend, &batch, &out, &err) != KW_OK ||
        e.ops->wait(e.backend, &err) != KW_OK ||
        fwrite(logits, sizeof *logits, (size_t)n * e.config.vocab, f) != (size_t)n * e.config.vocab || fclose(f))
        return fprintf(stderr, "%s\n", err.msg), 1;
    struct kw_generated g;
    const struct kw_engine_request r = {
        .id = 1, .prompt = ids, .n_prompt = n, .max_new = (uint32_t)atoi(argv[4]), .ignore_eos = true
    };
    if (kw_engine_generate(&e, &r, &g, &err) != KW_OK) return fprintf(stderr, "%s\n", err.msg), 1;
    for (uint32_t i = 0; i < g.n; i++) printf("%u%c", g.ids[i], i + 1 < g.n ? ' ' : '\n');
    kw_generated_free(&g);
    free(logits);
    kw_engine_close(&e);
    return 0;
}
