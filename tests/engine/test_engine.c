/* tests/engine/test_engine.c - the network against float64 models written independently (make_engine_fixtures.py), and
 * what must not change a result: chunks, blocks, company in the batch, preemption, threads, the cached prefix. */
#define _POSIX_C_SOURCE 200809L
#include "engine/engine.h"
#include "engine/cpu/cpu_kernels.h"
#include "sim/core/files/json.h"
#include "tests/check.h"
#include <stdlib.h>

#define VOCAB 128
#define PROMPT 45
#define GREEDY 64

static const char *const models[] = { "llama", "qwen2", "mistral", "sharded" };
static const char *const sets[] = { "avx512", "avx2", "portable" };

struct expected {
    uint32_t prompt[PROMPT], greedy[GREEDY], rows[4];
    double logits[4][VOCAB], fp8[4][VOCAB];
};

static const char *folder_of(const char *model)
{
    static char path[64];
    snprintf(path, sizeof path, "tests/engine/models/%s", model);
    return path;
}

static void read_expected(const char *model, struct expected *x)
{
    char path[96];
    struct kw_json doc;
    struct kw_error err = { "" };
    int64_t v = 0;
    snprintf(path, sizeof path, "%s/expected.json", folder_of(model));
    CHECK(kw_json_load(&doc, path, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    struct kw_jnode root = kw_json_root(&doc);
    for (int i = 0; i < PROMPT; i++) {
        CHECK(!kw_json_i64(kw_json_at(kw_json_get(root, "prompt"), i), 0, VOCAB - 1, &v, &err));
        x->prompt[i] = (uint32_t)v;
    }
    for (int i = 0; i < GREEDY; i++) {
        CHECK(!kw_json_i64(kw_json_at(kw_json_get(root, "greedy"), i), 0, VOCAB - 1, &v, &err));
        x->greedy[i] = (uint32_t)v;
    }
    for (int r = 0; r < 4; r++) {
        CHECK(!kw_json_i64(kw_json_at(kw_json_get(root, "rows"), r), 0, PROMPT - 1, &v, &err));
        x->rows[r] = (uint32_t)v;
        for (int i = 0; i < VOCAB; i++) {
            CHECK(!kw_json_f64(kw_json_at(kw_json_at(kw_json_get(root, "logits"), r), i), -1e6, 1e6, &x->logits[r][i],
                               &err));
            CHECK(!kw_json_f64(kw_json_at(kw_json_at(kw_json_get(root, "fp8_logits"), r), i), -1e6, 1e6, &x->fp8[r][i],
                               &err));
        }
    }
    kw_json_free(&doc);
}

/* An engine over a fixture: weights from its files, or by the hash the fixture was made with. */
static struct kw_engine_options options_for(const char *model, const char *backend, const char *precision)
{
    return (struct kw_engine_options){ .model = folder_of(model),
                                       .backend = backend,
                                       .precision = precision,
                                       .synthetic = strcmp(model, "sharded") != 0,
                                       .seed = 7,
                                       .threads = 1,
                                       .num_blocks = 64,
                                       .max_model_len = 160,
                                       .max_num_seqs = 64,
                                       .max_num_batched_tokens = 128 };
}

static bool open_engine(struct kw_engine *e, const struct kw_engine_options *o)
{
    struct kw_error err = { "" };
    CHECK(kw_engine_open(e, o, NULL, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    return !err.msg[0];
}

/* Logits of every token: ids in chunks of `chunk`, block i of the sequence in physical block table[i]. Straight to the
 * backend, without the scheduler. out: [n][vocab]. */
static void forward(struct kw_engine *e, const uint32_t *ids, uint32_t n, uint32_t chunk, const uint32_t *table,
                    float *out)
{
    enum { MOST = 1024 };
    static uint32_t positions[MOST], slots[MOST], rows[MOST], argmax[MOST];
    const uint32_t bs = e->limits.block_size, vocab = e->config.vocab;
    struct kw_error err = { "" };
    for (uint32_t at = 0, len; at < n; at += len) {
        len = n - at < chunk ? n - at : chunk;
        for (uint32_t i = 0; i < len; i++) {
            positions[i] = at + i, rows[i] = i;
            slots[i] = table[(at + i) / bs] * bs + (at + i) % bs;
        }
        struct kw_batch_seq seq = { .start = 0, .len = len, .past = at };
        struct kw_batch b = { .n_tokens = len,
                              .n_seqs = 1,
                              .n_decode = len == 1,
                              .tokens = ids + at,
                              .positions = positions,
                              .slots = slots,
                              .seqs = &seq,
                              .tables = table,
                              .table_stride = (n + bs - 1) / bs,
                              .n_logits = len,
                              .logit_tokens = rows };
        struct kw_result r = { .argmax = argmax, .logits = out + (size_t)at * vocab };
        CHECK(e->ops->submit(e->backend, &b, &r, &err) == KW_OK);
        CHECK(e->ops->wait(e->backend, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        for (uint32_t i = 0; i < len; i++) CHECK(argmax[i] == kw_argmax(r.logits + (size_t)i * vocab, vocab));
    }
}

static uint32_t *blocks_in_order(uint32_t n)
{
    static uint32_t table[128];
    for (uint32_t i = 0; i < n; i++) table[i] = i;
    return table;
}

/* ||got - want|| / ||want|| over the fixture's rows; *most: the largest |got - want|. */
static double distance(const float *got, const struct expected *x, double want[4][VOCAB], double *most)
{
    double num = 0, den = 0;
    *most = 0;
    for (int r = 0; r < 4; r++)
        for (int i = 0; i < VOCAB; i++) {
            double d = got[x->rows[r] * VOCAB + (uint32_t)i] - want[r][i];
            if (fabs(d) > *most || isnan(d)) *most = fabs(d);
            num += d * d, den += want[r][i] * want[r][i];
        }
    return sqrt(num / den);
}

/* Runs `test` with the reference and with each set of kernels this machine has. */
static void on_every_backend(void (*test)(const char *backend, const char *which))
{
    test("reference", "reference");
    for (int i = 0; i < 3; i++) {
        if (!kw_cpu_kernels(sets[i])) continue;
        setenv("KEEPWARM_CPU", sets[i], 1);
        test("cpu", sets[i]);
    }
    unsetenv("KEEPWARM_CPU");
}

/* ---- against float64 */

static void fp32_matches(const char *backend, const char *which)
{
    for (int m = 0; m < 4; m++) {
        struct expected x;
        struct kw_engine e;
        static float logits[PROMPT * VOCAB];
        double most;
        struct kw_engine_options o = options_for(models[m], backend, "fp32");
        read_expected(models[m], &x);
        if (!open_engine(&e, &o)) return;
        forward(&e, x.prompt, PROMPT, PROMPT, blocks_in_order(16), logits);
        distance(logits, &x, x.logits, &most);
        if (!(most <= 1e-4)) printf("%s on %s: %g off\n", models[m], which, most);
        CHECK(most <= 1e-4);
        struct kw_engine_request r = { .id = 1, .prompt = x.prompt, .n_prompt = PROMPT, .max_new = GREEDY };
        struct kw_generated g;
        struct kw_error err = { "" };
        CHECK(kw_engine_generate(&e, &r, &g, &err) == KW_OK);
        CHECK(g.n == GREEDY && g.finish == KW_FINISH_LENGTH && !memcmp(g.ids, x.greedy, sizeof x.greedy));
        CHECK(g.first_ns > 0 && g.total_ns >= g.first_ns);
        kw_generated_free(&g);
        kw_engine_close(&e);
    }
}
static void fp32_matches_float64_and_its_greedy_tokens(void)
{
    on_every_backend(fp32_matches);
}

static void sixteen_bits(const char *backend, const char *which)
{
    static const struct {
        const char *precision;
        double limit;
    } cases[] = { { "bf16", 1e-2 }, { "fp16", 2e-3 } };
    for (int m = 0; m < 4; m++)
        for (int i = 0; i < 2; i++) {
            struct expected x;
            struct kw_engine e;
            static float logits[PROMPT * VOCAB];
            double most, rel;
            struct kw_engine_options o = options_for(models[m], backend, cases[i].precision);
            read_expected(models[m], &x);
            if (!open_engine(&e, &o)) return;
            forward(&e, x.prompt, PROMPT, PROMPT, blocks_in_order(16), logits);
            rel = distance(logits, &x, x.logits, &most);
            if (!(rel <= cases[i].limit)) printf("%s %s on %s: %g\n", models[m], cases[i].precision, which, rel);
            CHECK(rel <= cases[i].limit && rel > 1e-6);
            kw_engine_close(&e);
        }
}
static void bf16_and_fp16_stay_close(void)
{
    on_every_backend(sixteen_bits);
}

static double row_distance(const float *got, const double *want)
{
    double num = 0, den = 0;
    for (int i = 0; i < VOCAB; i++) num += (got[i] - want[i]) * (got[i] - want[i]), den += want[i] * want[i];
    return sqrt(num / den);
}

/* One activation that rounds to the other neighbour (fp32 against float64) moves every later logit of its sequence by
 * some percent, and one in 100,000 does; a row that met none agrees to 1e-6. tests/engine/test_fp8.sh follows every
 * rounding and holds all rows to 1e-5. */
static void fp8_emulated(const char *backend, const char *which)
{
    for (int m = 0; m < 3; m++) { /* "sharded" is bf16 on disk; its file test quantises it at load */
        struct expected x;
        struct kw_engine e;
        static float logits[PROMPT * VOCAB];
        double most, rel, plain;
        struct kw_engine_options o = options_for(models[m], backend, "fp8");
        read_expected(models[m], &x);
        if (!open_engine(&e, &o)) return;
        forward(&e, x.prompt, PROMPT, PROMPT, blocks_in_order(16), logits);
        rel = distance(logits, &x, x.fp8, &most), plain = distance(logits, &x, x.logits, &most);
        int exact = 0;
        for (int r = 0; r < 4; r++) exact += row_distance(logits + x.rows[r] * VOCAB, x.fp8[r]) <= 1e-4;
        if (!(rel <= 2e-2 && exact >= 1)) printf("%s on %s: %g, %d rows agree\n", models[m], which, rel, exact);
        CHECK(rel <= 2e-2 && exact >= 1);
        CHECK(plain > 2 * rel); /* and fp8 it is: closer to its emulation than to the unquantised model */
        kw_engine_close(&e);
    }
}
static void fp8_matches_its_emulation(void)
{
    on_every_backend(fp8_emulated);
}

/* ---- what must not change a result, to the bit */

static void chunks(const char *backend, const char *which)
{
    static const uint32_t sizes[] = { 1, 7, 16, 44 };
    static float whole[PROMPT * VOCAB], part[PROMPT * VOCAB];
    for (int m = 0; m < 4; m++) {
        struct expected x;
        struct kw_engine e;
        struct kw_engine_options o = options_for(models[m], backend, m % 2 ? "bf16" : "fp32");
        read_expected(models[m], &x);
        if (!open_engine(&e, &o)) return;
        forward(&e, x.prompt, PROMPT, PROMPT, blocks_in_order(16), whole);
        for (int i = 0; i < 4; i++) {
            memset(part, 0xff, sizeof part);
            forward(&e, x.prompt, PROMPT, sizes[i], blocks_in_order(16), part);
            if (memcmp(whole, part, sizeof whole)) printf("%s on %s: chunks of %u\n", models[m], which, sizes[i]);
            CHECK(!memcmp(whole, part, sizeof whole));
        }
        kw_engine_close(&e);
    }
}
static void chunked_prefill_is_whole_prefill(void)
{
    on_every_backend(chunks);
}

static void blocks(const char *backend, const char *which)
{
    static const uint32_t shuffled[] = { 40, 3, 17, 63, 0, 9, 22, 5, 31, 60, 1, 2 }, sizes[] = { 4, 16, 64 };
    static float contiguous[PROMPT * VOCAB], paged[PROMPT * VOCAB];
    struct expected x;
    struct kw_engine e;
    (void)which;
    read_expected("mistral", &x);
    for (int i = 0; i < 3; i++) {
        struct kw_engine_options o = options_for("mistral", backend, "fp32");
        o.block_size = sizes[i];
        if (!open_engine(&e, &o)) return;
        forward(&e, x.prompt, PROMPT, 13, shuffled, paged);
        if (i == 0) memcpy(contiguous, paged, sizeof paged);
        CHECK(!memcmp(contiguous, paged, sizeof paged)); /* also the same for every block size */
        forward(&e, x.prompt, PROMPT, 13, blocks_in_order(16), paged);
        CHECK(!memcmp(contiguous, paged, sizeof paged));
        kw_engine_close(&e);
    }
}
static void paged_is_contiguous(void)
{
    blocks("cpu", "the best kernels");
}

/* Contexts beyond one partition of attention, whole and token by token (which cuts a small batch into partitions). */
static void long_contexts_agree(void)
{
    enum { N = 530, LAST = 3 };
    static uint32_t ids[N], table[128];
    struct kw_engine e;
    struct kw_engine_options o = { .model = "tiny",
                                   .backend = "cpu",
                                   .precision = "bf16",
                                   .threads = 2,
                                   .num_blocks = 80,
                                   .max_model_len = 1100,
                                   .max_num_seqs = 16,
                                   .max_num_batched_tokens = 1100 };
    float *one = malloc(N * 2048 * sizeof *one), *two = malloc(N * 2048 * sizeof *two);
    for (uint32_t i = 0; i < N; i++) ids[i] = (i * 7919 + 13) % 2048;
    for (uint32_t i = 0; i < 128; i++) table[i] = (i * 37 + 5) % 80;
    o.max_num_seqs = 1100; /* rows of logits */
    if (open_engine(&e, &o)) {
        forward(&e, ids, N, N / 2, table, one);
        memcpy(two, one, N * 2048 * sizeof *one);
        forward(&e, ids + 0, N - LAST, 400, table, two);
        for (uint32_t i = N - LAST; i < N; i++) { /* decode: one token a step */
            static uint32_t row, argmax;
            uint32_t slot = table[i / 16] * 16 + i % 16;
            struct kw_batch_seq seq = { 0, 1, i };
            struct kw_batch b = { 1, 1, 1, ids + i, &i, &slot, &seq, table, 80, 1, &row };
            struct kw_result r = { .argmax = &argmax, .logits = two + i * 2048 };
            struct kw_error err = { "" };
            CHECK(e.ops->submit(e.backend, &b, &r, &err) == KW_OK && e.ops->wait(e.backend, &err) == KW_OK);
        }
        CHECK(!memcmp(one, two, N * 2048 * sizeof *one));
        kw_engine_close(&e);
    }
    free(one);
    free(two);
}

/* Beyond one partition of attention the fast path adds up parts; the reference does not. */
static void long_contexts_match_the_reference(void)
{
    enum { N = 1100 };
    static uint32_t ids[N], table[128];
    static float got[2][N * 64];
    const struct kw_backend_ops *ops[] = { &kw_backend_reference, &kw_backend_cpu };
    for (uint32_t i = 0; i < N; i++) ids[i] = (i * 7919 + 13) % 64;
    for (uint32_t i = 0; i < 128; i++) table[i] = 127 - i;
    for (int k = 0; k < 2; k++) {
        struct kw_engine e = { .ops = ops[k],
                               .limits.block_size = 16,
                               .config = { .layers = 1,
                                           .hidden = 32,
                                           .heads = 3,
                                           .kv_heads = 1,
                                           .head_dim = 16,
                                           .intermediate = 32,
                                           .vocab = 64,
                                           .max_position = 2048,
                                           .rms_eps = 1e-5f,
                                           .rope_theta = 1e4,
                                           .n_eos = 0 } };
        struct kw_error err = { "" };
        void *host;
        uint32_t blocks;
        kw_weights_layout(&e.layout, &e.config, KW_DT_FP32);
        struct kw_backend_params p = { .config = &e.config,
                                       .layout = &e.layout,
                                       .kv_dtype = KW_DT_FP32,
                                       .threads = 2,
                                       .block_size = 16,
                                       .max_tokens = N,
                                       .max_seqs = N,
                                       .max_model_len = N,
                                       .memory_fraction = 0.5 };
        CHECK(e.ops->create(&e.backend, &p, &err) == KW_OK && e.ops->weights_alloc(e.backend, &host, &err) == KW_OK);
        CHECK(e.ops->weights_fill(e.backend, 5, &err) == KW_OK &&
              e.ops->kv_alloc(e.backend, 128, &blocks, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        forward(&e, ids, N, 300, table, got[k]);
        e.ops->destroy(e.backend);
    }
    double most = 0;
    for (uint32_t i = 0; i < N * 64; i++) most = fmax(most, fabs((double)got[0][i] - got[1][i]));
    CHECK(most <= 1e-4 && most > 0);
}

/* Several requests through the engine; tokens of each into out[i]. Returns how many preemptions there were. */
enum { SOME = 6, LONG = 40 };
static uint32_t run_together(struct kw_engine *e, const struct kw_engine_request *r, uint32_t n, uint32_t out[][LONG])
{
    struct kw_error err = { "" };
    struct kw_engine_step s;
    uint32_t preempted = 0;
    bool ran = true;
    for (uint32_t i = 0; i < n; i++) CHECK(kw_engine_add(e, &r[i], &err) == KW_OK);
    CHECK(kw_engine_active(e) == n);
    while (ran) {
        CHECK(kw_engine_step(e, &s, &ran, &err) == KW_OK);
        CHECK(kw_sched_check(e->sched, &err));
        preempted += s.batch.n_preempted;
        for (uint32_t i = 0; i < s.n_events; i++) {
            const struct kw_engine_event *v = &s.events[i];
            CHECK(v->id < n && v->index < LONG);
            out[v->id][v->index] = v->token;
            CHECK((v->finish != KW_FINISH_NOT) == (v->index + 1 == r[v->id].max_new));
        }
        if (err.msg[0]) break;
    }
    CHECK_STR(err.msg, "");
    CHECK(kw_engine_active(e) == 0 && kw_sched_blocks_free(e->sched) == e->limits.num_blocks);
    return preempted;
}

static void company(const char *backend, const char *which)
{
    struct expected x;
    struct kw_engine e;
    struct kw_engine_request r[SOME];
    static uint32_t alone[SOME][LONG], batched[SOME][LONG], starved[SOME][LONG], cached[SOME][LONG];
    read_expected("llama", &x);
    for (uint32_t i = 0; i < SOME; i++) {
        r[i] = (struct kw_engine_request){ .id = i,
                                           .prompt = x.prompt + (i < 4 ? 0 : i),
                                           .n_prompt = 39 - 5 * (i % 3),
                                           .max_new = LONG - 3 * i,
                                           .ignore_eos = true };
        if (i % 2) r[i].sampling = (struct kw_sampling){ .temperature = 0.9f, .top_k = 20, .top_p = 0.95f, .seed = i };
    }
    struct kw_engine_options o = options_for("llama", backend, "fp32");
    if (!open_engine(&e, &o)) return;
    for (uint32_t i = 0; i < SOME; i++) {
        struct kw_generated g;
        CHECK(kw_engine_generate(&e, &r[i], &g, NULL) == KW_OK && g.n == r[i].max_new);
        memcpy(alone[i], g.ids, g.n * sizeof *g.ids);
        kw_generated_free(&g);
    }
    CHECK(run_together(&e, r, SOME, batched) == 0);
    CHECK(!memcmp(alone, batched, sizeof alone));
    kw_engine_close(&e);

    o.num_blocks = 12, o.max_num_batched_tokens = 64, o.max_num_seqs = 4; /* room for two or three of the six */
    if (!open_engine(&e, &o)) return;
    CHECK(run_together(&e, r, SOME, starved) > 0);
    if (memcmp(alone, starved, sizeof alone)) printf("preempted differs on %s\n", which);
    CHECK(!memcmp(alone, starved, sizeof alone));
    kw_engine_close(&e);

    o = options_for("llama", backend, "fp32");
    o.prefix_caching = true, o.block_size = 8, o.max_num_batched_tokens = 64;
    for (int small = 0; small < 2; small++) {
        if (small) o.num_blocks = 14, o.max_num_seqs = 4; /* evictions and preemptions too */
        if (!open_engine(&e, &o)) return;
        for (int twice = 0; twice < 2; twice++) {
            memset(cached, 0, sizeof cached);
            CHECK((run_together(&e, r, SOME, cached) > 0) == small);
            CHECK(!memcmp(alone, cached, sizeof alone));
        }
        kw_engine_close(&e);
    }
    for (int policy = 0; policy < 6; policy++) {
        o = options_for("llama", backend, "fp32");
        o.policy = (enum kw_sched_policy)policy, o.max_num_seqs = 4, o.max_num_batched_tokens = 32; /* < a prompt */
        if (!open_engine(&e, &o)) return;
        memset(batched, 0, sizeof batched);
        run_together(&e, r, SOME, batched);
        CHECK(!memcmp(alone, batched, sizeof alone));
        kw_engine_close(&e);
    }
}
static void batched_preempted_and_cached_are_alone(void)
{
    company("cpu", "the best kernels");
}

static void threads_change_nothing(void)
{
    static float one[PROMPT * VOCAB], three[PROMPT * VOCAB];
    struct expected x;
    read_expected("qwen2", &x);
    for (uint32_t n = 1; n <= 3; n += 2) {
        struct kw_engine e;
        struct kw_engine_options o = options_for("qwen2", "cpu", "bf16");
        o.threads = n;
        if (!open_engine(&e, &o)) return;
        forward(&e, x.prompt, PROMPT, 20, blocks_in_order(16), n == 1 ? one : three);
        kw_engine_close(&e);
    }
    CHECK(!memcmp(one, three, sizeof one));
}

/* ---- the interface */

/* Two batches under way: the second takes its token from the first's argmax. */
static void tokens_may_stay_on_the_device(const char *backend, const char *which)
{
    struct expected x;
    struct kw_engine e;
    struct kw_error err = { "" };
    (void)which;
    read_expected("llama", &x);
    struct kw_engine_options o = options_for("llama", backend, "fp32");
    if (!open_engine(&e, &o)) return;
    uint32_t positions[PROMPT + 1], slots[PROMPT + 1], row = PROMPT - 1, zero = 0, first = 9999, second = 9999;
    for (uint32_t i = 0; i <= PROMPT; i++) positions[i] = slots[i] = i;
    uint32_t previous = KW_TOKEN_PREVIOUS;
    struct kw_batch_seq a = { 0, PROMPT, 0 }, b = { 0, 1, PROMPT };
    struct kw_batch one = { PROMPT, 1, 0, x.prompt, positions, slots, &a, blocks_in_order(8), 8, 1, &row };
    struct kw_batch two = {
        1, 1, 1, &previous, positions + PROMPT, slots + PROMPT, &b, blocks_in_order(8), 8, 1, &zero
    };
    struct kw_result r1 = { .argmax = &first }, r2 = { .argmax = &second };
    CHECK(e.ops->submit(e.backend, &two, &r2, &err) == KW_ERANGE); /* nothing came before */
    CHECK(e.ops->wait(e.backend, &err) == KW_EFAIL);
    CHECK(e.ops->submit(e.backend, &one, &r1, &err) == KW_OK && e.ops->submit(e.backend, &two, &r2, &err) == KW_OK);
    CHECK(e.ops->submit(e.backend, &two, &r2, &err) == KW_EFAIL);
    CHECK(e.ops->wait(e.backend, &err) == KW_OK && e.ops->wait(e.backend, &err) == KW_OK);
    CHECK(first == x.greedy[0] && second == x.greedy[1]);
    kw_engine_close(&e);
}
static void the_next_step_may_come_before_the_token_is_known(void)
{
    on_every_backend(tokens_may_stay_on_the_device);
}

static void bad_batches_are_refused(void)
{
    struct kw_engine e;
    struct kw_engine_options o = options_for("llama", "cpu", "fp32");
    if (!open_engine(&e, &o)) return;
    struct kw_backend_params p = {
        .config = &e.config, .max_tokens = 8, .max_seqs = 2, .max_model_len = 64, .block_size = 16
    };
    uint32_t tokens[] = { 1, 2, 3 }, positions[] = { 0, 1, 16 }, slots[] = { 32, 33, 48 }, tables[] = { 2, 0, 1, 3 };
    uint32_t rows[] = { 1, 2 };
    struct kw_batch_seq seqs[] = { { 0, 2, 0 }, { 2, 1, 16 } };
    const struct kw_batch good = { 3, 2, 0, tokens, positions, slots, seqs, tables, 2, 2, rows };
    struct kw_error err;
    CHECK(kw_batch_check(&good, &p, 4, &err) == KW_OK);
    struct kw_batch b;
#define REFUSED(change, undo)                                                                                          \
    b = good;                                                                                                          \
    change;                                                                                                            \
    err.msg[0] = 0;                                                                                                    \
    CHECK(kw_batch_check(&b, &p, 4, &err) == KW_ERANGE && err.msg[0]);                                                 \
    undo
    REFUSED(b.n_tokens = 0, );
    REFUSED(b.n_tokens = 9, );
    REFUSED(b.n_seqs = 3, );
    REFUSED(b.n_seqs = 1, );
    REFUSED(b.n_decode = 1, );
    REFUSED(b.n_logits = 3, );
    REFUSED(b.table_stride = 1, );
    REFUSED(tokens[1] = VOCAB, tokens[1] = 2);
    REFUSED(positions[2] = 17, positions[2] = 16);
    REFUSED(slots[0] = 0, slots[0] = 32);
    REFUSED(tables[3] = 4, tables[3] = 3);
    REFUSED(seqs[1].past = 64, seqs[1].past = 16);
    REFUSED(seqs[1].start = 1, seqs[1].start = 2);
    REFUSED(seqs[0].len = 0, seqs[0].len = 2);
    REFUSED(rows[1] = 1, rows[1] = 2);
    REFUSED(rows[1] = 3, rows[1] = 2);
    CHECK(kw_batch_check(&good, &p, 4, &err) == KW_OK);
    kw_engine_close(&e);
}

static void requests_are_checked_stopped_and_cancelled(void)
{
    struct expected x;
    struct kw_engine e;
    struct kw_error err = { "" };
    read_expected("llama", &x);
    struct kw_engine_options o = options_for("llama", "cpu", "fp32");
    if (!open_engine(&e, &o)) return;
    struct kw_engine_request good = { .id = 5, .prompt = x.prompt, .n_prompt = PROMPT, .max_new = GREEDY }, r;
    uint32_t wrong = VOCAB;
#define WRONG(change)                                                                                                  \
    r = good, change, err.msg[0] = 0;                                                                                  \
    CHECK(kw_engine_add(&e, &r, &err) == KW_ERANGE && err.msg[0])
    WRONG(r.n_prompt = 0);
    WRONG(r.max_new = 0);
    WRONG(r.max_new = 160 - PROMPT + 1);
    WRONG(r.max_new = UINT32_MAX);
    WRONG(r.n_stop = 17);
    WRONG((r.prompt = &wrong, r.n_prompt = 1));
    WRONG(r.sampling.temperature = NAN);
    WRONG((r.sampling.temperature = 1, r.sampling.top_p = 1.5f));
    CHECK(kw_engine_active(&e) == 0);

    struct kw_generated g;
    uint32_t stop = x.greedy[10], want = 0;
    while (x.greedy[want] != stop) want++;
    r = good, r.stop = &stop, r.n_stop = 1;
    CHECK(kw_engine_generate(&e, &r, &g, &err) == KW_OK && g.finish == KW_FINISH_STOP && g.n == want);
    CHECK(!memcmp(g.ids, x.greedy, want * sizeof *g.ids));
    kw_generated_free(&g);
    CHECK(kw_engine_active(&e) == 0 && kw_sched_blocks_free(e.sched) == e.limits.num_blocks);

    CHECK(kw_engine_add(&e, &good, &err) == KW_OK);
    CHECK(kw_engine_generate(&e, &good, &g, &err) == KW_EFAIL);
    struct kw_engine_step s;
    bool ran;
    CHECK(kw_engine_step(&e, &s, &ran, &err) == KW_OK && ran && s.n_events == 1 && s.events[0].token == x.greedy[0]);
    CHECK(s.wall_ns > 0 && s.device_ns > 0 && s.batch.prefill_tokens == PROMPT);
    CHECK(!kw_engine_cancel(&e, 6) && kw_engine_cancel(&e, 5) && kw_engine_active(&e) == 0);
    CHECK(kw_engine_step(&e, &s, &ran, &err) == KW_OK && !ran);
    CHECK(kw_startup_wall(&e.startup) > 0);
    kw_engine_close(&e);
    kw_engine_close(&e);
}

static void bad_options_are_refused(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_engine_options o = options_for("llama", "cpu", "fp31");
#define BAD(change)                                                                                                    \
    o = options_for("llama", "cpu", "fp32"), change, err.msg[0] = 0;                                                   \
    CHECK(kw_engine_open(&e, &o, NULL, &err) == KW_ERANGE && err.msg[0])
    CHECK(kw_engine_open(&e, &o, NULL, &err) == KW_ERANGE);
    BAD(o.backend = "gpu");
    BAD(o.model = "llama-3.1-8c");
    CHECK(strstr(err.msg, "llama-3.1-8b") != NULL);
    BAD(o.max_model_len = 513);
    BAD(o.block_size = 24);
    BAD(o.device = 1);
    BAD(o.max_num_seqs = 100000);
}

int main(void)
{
    RUN(fp32_matches_float64_and_its_greedy_tokens);
    RUN(bf16_and_fp16_stay_close);
    RUN(fp8_matches_its_emulation);
    RUN(chunked_prefill_is_whole_prefill);
    RUN(paged_is_contiguous);
    RUN(long_contexts_agree);
    RUN(long_contexts_match_the_reference);
    RUN(batched_preempted_and_cached_are_alone);
    RUN(threads_change_nothing);
    RUN(the_next_step_may_come_before_the_token_is_known);
    RUN(bad_batches_are_refused);
    RUN(requests_are_checked_stopped_and_cancelled);
    RUN(bad_options_are_refused);
    return check_report();
}
