#include "engine/bench.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/probe.h"
#include "sim/core/rng.h"

enum { WARM_UP = 3, PROMPT_RUNS = 5 };

enum kw_status kw_bench_limits(struct kw_bench_limits *l, struct kw_engine *e, uint32_t threads, struct kw_error *err)
{
    struct kw_device d;
    enum kw_status st = e->ops->device(e->backend, &d, err);
    if (st != KW_OK) return st;
    *l = (struct kw_bench_limits){ .bandwidth = d.bandwidth,
                                   .flops = e->layout.precision == KW_DT_FP8 ? d.flops_8 : d.flops_16 };
    if (!strcmp(e->ops->name, "cuda")) return KW_OK;
    struct kw_probe p;
    if ((st = kw_probe_run(&p, (int)threads, err)) != KW_OK) return st;
    *l = (struct kw_bench_limits){ .bandwidth = p.read > p.triad ? p.read : p.triad, .flops = p.fma, .measured = true };
    return KW_OK;
}

struct workspace { /* the arrays of a batch and of two results */
    struct kw_engine *e;
    const struct kw_bench_options *o;
    uint32_t *tokens, *positions, *slots; /* [max_tokens] */
    struct kw_batch_seq *seqs;            /* [max_seqs] */
    uint32_t *logit_tokens, *argmax[2];   /* [max_seqs] */
    uint32_t *tables;                     /* [num_blocks]: all blocks, shuffled as in use they would be */
    uint64_t n_batches;                   /* submitted so far: their parity picks argmax */
    int64_t *sample;                      /* [steps or PROMPT_RUNS] ns */
};

static void workspace_free(struct workspace *r)
{
    free(r->tokens), free(r->positions), free(r->slots), free(r->seqs), free(r->logit_tokens);
    free(r->argmax[0]), free(r->argmax[1]), free(r->tables), free(r->sample);
}

static enum kw_status workspace_make(struct workspace *r, struct kw_error *err)
{
    const struct kw_sched_config *l = &r->e->limits;
    size_t tokens = l->max_num_batched_tokens > l->max_num_seqs ? l->max_num_batched_tokens : l->max_num_seqs;
    size_t seqs = l->max_num_seqs, samples = r->o->steps > PROMPT_RUNS ? r->o->steps : PROMPT_RUNS;
    r->tokens = malloc(tokens * sizeof *r->tokens), r->positions = malloc(tokens * sizeof *r->positions);
    r->slots = malloc(tokens * sizeof *r->slots), r->seqs = malloc(seqs * sizeof *r->seqs);
    r->logit_tokens = malloc(seqs * sizeof *r->logit_tokens);
    r->argmax[0] = malloc(seqs * sizeof *r->argmax[0]), r->argmax[1] = malloc(seqs * sizeof *r->argmax[1]);
    r->tables = malloc(l->num_blocks * sizeof *r->tables), r->sample = malloc(samples * sizeof *r->sample);
    if (!r->tokens || !r->positions || !r->slots || !r->seqs || !r->logit_tokens || !r->argmax[0] || !r->argmax[1] ||
        !r->tables || !r->sample)
        return kw_fail(err, KW_ENOMEM, "out of memory for batches of %zu tokens", tokens);
    for (uint32_t i = 0; i < l->num_blocks; i++) { /* Fisher-Yates, from the inside out */
        uint32_t k = (uint32_t)(kw_mix64(r->o->seed * UINT64_C(0x9e3779b97f4a7c15) + i) % (i + 1));
        r->tables[i] = r->tables[k];
        r->tables[k] = i;
    }
    return KW_OK;
}

static uint32_t random_token(const struct workspace *r, uint64_t i)
{
    return (uint32_t)(kw_mix64(r->o->seed + (i << 20)) % r->e->config.vocab);
}

static void set_slot(struct workspace *r, const uint32_t *table, uint32_t at, uint32_t pos)
{
    const uint32_t bs = r->e->limits.block_size;
    r->positions[at] = pos;
    r->slots[at] = table[pos / bs] * bs + pos % bs;
}

static struct kw_batch batch_of(struct workspace *r, uint32_t stride)
{
    return (struct kw_batch){ .tokens = r->tokens,
                              .positions = r->positions,
                              .slots = r->slots,
                              .seqs = r->seqs,
                              .tables = r->tables,
                              .table_stride = stride,
                              .logit_tokens = r->logit_tokens };
}

static enum kw_status submit(struct workspace *r, const struct kw_batch *b, struct kw_result *result,
                             struct kw_error *err)
{
    *result = (struct kw_result){ .argmax = r->argmax[r->n_batches++ % 2] };
    return r->e->ops->submit(r->e->backend, b, result, err);
}

/* ---- decode */

static enum kw_status submit_decode(struct workspace *r, const struct kw_bench_row *row, uint32_t stride, uint32_t step,
                                    struct kw_result *result, struct kw_error *err)
{
    struct kw_batch b = batch_of(r, stride);
    for (uint32_t i = 0; i < row->batch; i++) {
        r->tokens[i] = step ? KW_TOKEN_PREVIOUS | i : random_token(r, i);
        r->seqs[i] = (struct kw_batch_seq){ .start = i, .len = 1, .past = row->context + step };
        r->logit_tokens[i] = i;
        set_slot(r, r->tables + (size_t)i * stride, i, row->context + step);
    }
    b.n_tokens = b.n_seqs = b.n_decode = b.n_logits = row->batch;
    return submit(r, &b, result, err);
}

/* A step's time is from the end of the one before to its own end: what a stream of tokens sees. One more is submitted
 * than is timed, so that another is under way at each end that counts: a CPU computes inside submit, and its last wait
 * returns at once. */
static enum kw_status time_decode(struct workspace *r, struct kw_bench_row *row, uint32_t stride, struct kw_error *err)
{
    const uint32_t n = WARM_UP + row->tokens + 1;
    const struct kw_backend_ops *ops = r->e->ops;
    struct kw_result result[2];
    int64_t began = kw_now_ns(), last = began;
    uint32_t sent = 0, got = 0;
    bool more = true;
    enum kw_status st = submit_decode(r, row, stride, sent++, &result[0], err);
    while (st == KW_OK && got < sent) {
        if (more && sent < n) {
            st = submit_decode(r, row, stride, sent, &result[sent % 2], err);
            if (st != KW_OK) break;
            sent++;
        }
        if ((st = ops->wait(r->e->backend, err)) != KW_OK) break;
        int64_t now = kw_now_ns();
        if (got++ >= WARM_UP && got < sent) r->sample[row->steps++] = now - last;
        last = now;
        if (r->o->row_ns && now - began > r->o->row_ns && row->steps) more = false;
    }
    return st;
}

/* ---- prefill */

static enum kw_status run_prompt(struct workspace *r, uint32_t n, uint32_t stride, struct kw_error *err)
{
    const uint32_t most = r->e->limits.max_num_batched_tokens;
    enum kw_status st = KW_OK;
    for (uint32_t past = 0; st == KW_OK && past < n;) {
        struct kw_batch b = batch_of(r, stride);
        struct kw_result result;
        uint32_t len = n - past < most ? n - past : most;
        for (uint32_t i = 0; i < len; i++) {
            r->tokens[i] = random_token(r, past + i);
            set_slot(r, r->tables, i, past + i);
        }
        r->seqs[0] = (struct kw_batch_seq){ .start = 0, .len = len, .past = past };
        past += len;
        b.n_tokens = len, b.n_seqs = 1, b.n_logits = past == n;
        r->logit_tokens[0] = len - 1;
        st = submit(r, &b, &result, err);
        if (st == KW_OK) st = r->e->ops->wait(r->e->backend, err);
    }
    return st;
}

static enum kw_status time_prefill(struct workspace *r, struct kw_bench_row *row, uint32_t stride, struct kw_error *err)
{
    int64_t began = kw_now_ns();
    enum kw_status st = run_prompt(r, row->tokens < 64 ? row->tokens : 64, stride, err); /* warm-up */
    while (st == KW_OK && row->steps < PROMPT_RUNS) {
        int64_t at = kw_now_ns();
        if (r->o->row_ns && row->steps && at - began > r->o->row_ns) break;
        st = run_prompt(r, row->tokens, stride, err);
        r->sample[row->steps++] = kw_now_ns() - at;
    }
    return st;
}

/* ---- a row */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Median and its 95 % interval: ranks n/2 -+ 1.96 sqrt(n)/2 of the binomial. */
static void reduce(const struct workspace *r, struct kw_bench_row *row)
{
    const uint32_t n = row->steps;
    assert(n > 0);
    qsort(r->sample, n, sizeof *r->sample, by_value);
    double half = 0.98 * sqrt((double)n);
    uint32_t lo = n < 6 ? 0 : (uint32_t)floor(n / 2.0 - half), hi = n < 6 ? n - 1 : (uint32_t)ceil(n / 2.0 + half);
    if (hi > n - 1) hi = n - 1;
    row->step_s = 0.5e-9 * (double)(r->sample[(n - 1) / 2] + r->sample[n / 2]);
    row->low_s = 1e-9 * (double)r->sample[lo];
    row->high_s = 1e-9 * (double)r->sample[hi];
    row->token_rate = (row->decode ? row->batch : row->tokens) / row->step_s;
}

static double attended(const struct kw_model_config *c, double context)
{
    return c->sliding_window && context > c->sliding_window ? c->sliding_window : context;
}

/* What a step must move and compute. */
static void needs(const struct workspace *r, struct kw_bench_row *row)
{
    const struct kw_engine *e = r->e;
    enum kw_dtype kv = e->layout.precision == KW_DT_FP8 ? KW_DT_BF16 : e->layout.precision;
    double weights = (double)kw_weights_step_bytes(&e->layout),
           kv_bytes = (double)kw_config_kv_values(&e->config) * (double)kw_dtype_bytes(kv);
    double embed_row = (double)e->layout.embed.cols * (double)kw_dtype_bytes(e->layout.embed.dtype);
    if (row->decode) {
        double context =
            attended(&e->config, row->context + WARM_UP + (row->steps + 1) / 2.0); /* mean, the new token included */
        row->bytes = weights + row->batch * (embed_row + kv_bytes * (context + 1));
        row->flops = kw_config_flops(&e->config, row->batch, row->batch, row->batch * context);
        return;
    }
    const uint32_t n = row->tokens, most = e->limits.max_num_batched_tokens;
    double pairs = 0, batches = ceil((double)n / most), past = 0;
    for (uint32_t i = 0; i < n; i++) pairs += attended(&e->config, i + 1.0);
    for (uint32_t at = most; at < n; at += most)
        past += attended(&e->config, at); /* KV of earlier chunks, read again */
    row->bytes = batches * weights + n * (embed_row + kv_bytes) + past * kv_bytes;
    row->flops = kw_config_flops(&e->config, n, 1, pairs);
}

static enum kw_status run_row(struct workspace *r, struct kw_bench_row *row, struct kw_error *err)
{
    const struct kw_sched_config *l = &r->e->limits;
    uint64_t longest = (uint64_t)row->context + row->tokens + (row->decode ? WARM_UP + 1 : 0);
    uint64_t stride = (longest + l->block_size - 1) / l->block_size;
    if (longest > l->max_model_len)
        snprintf(row->skipped, sizeof row->skipped, "longer than max_model_len %u", l->max_model_len);
    else if (row->batch > l->max_num_seqs)
        snprintf(row->skipped, sizeof row->skipped, "max_num_seqs is %u", l->max_num_seqs);
    else if (row->batch * stride > l->num_blocks)
        snprintf(row->skipped, sizeof row->skipped, "needs %llu of %u KV blocks",
                 (unsigned long long)(row->batch * stride), l->num_blocks);
    if (row->skipped[0]) return KW_OK;
    enum kw_status st = (row->decode ? time_decode : time_prefill)(r, row, (uint32_t)stride, err);
    if (st != KW_OK) return st;
    reduce(r, row);
    needs(r, row);
    return KW_OK;
}

static size_t list_rows(struct kw_bench_row *rows, const struct kw_bench_options *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_prompts; i++) rows[n++] = (struct kw_bench_row){ .batch = 1, .tokens = o->prompts[i] };
    for (size_t c = 0; c < o->n_contexts; c++)
        for (size_t b = 0; b < o->n_batches; b++)
            rows[n++] = (struct kw_bench_row){
                .decode = true, .batch = o->batches[b], .tokens = o->steps, .context = o->contexts[c]
            };
    return n;
}

enum kw_status kw_bench_run(struct kw_bench_row **rows, size_t *n, struct kw_engine *e,
                            const struct kw_bench_options *o, struct kw_error *err)
{
    struct workspace r = { .e = e, .o = o };
    size_t all = o->n_prompts + o->n_batches * o->n_contexts;
    *rows = NULL, *n = 0;
    if (kw_engine_active(e)) return kw_fail(err, KW_EFAIL, "the engine still has %u requests", kw_engine_active(e));
    for (size_t i = 0; i < o->n_prompts; i++)
        if (!o->prompts[i]) return kw_fail(err, KW_ERANGE, "a prompt of no tokens");
    for (size_t i = 0; i < o->n_batches; i++)
        if (!o->batches[i] || !o->steps) return kw_fail(err, KW_ERANGE, "a batch of no sequences or no steps");
    struct kw_bench_row *all_rows = malloc((all + !all) * sizeof *all_rows);
    enum kw_status st = all_rows ? workspace_make(&r, err) : kw_fail(err, KW_ENOMEM, "out of memory for %zu rows", all);
    if (st == KW_OK) list_rows(all_rows, o);
    if (st == KW_OK) st = e->ops->kv_fill(e->backend, o->seed, err);
    for (size_t i = 0; st == KW_OK && i < all; i++) {
        st = run_row(&r, &all_rows[i], err);
        if (st == KW_OK && o->row) o->row(o->ctx, &all_rows[i]);
    }
    workspace_free(&r);
    if (st != KW_OK) {
        free(all_rows);
        return st;
    }
    *rows = all_rows, *n = all;
    return KW_OK;
}
