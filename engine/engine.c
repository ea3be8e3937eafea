#define _XOPEN_SOURCE 700 /* realpath */
#include "engine/engine.h"
#include "engine/plugin.h"
#include <assert.h>
#include <inttypes.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct seq { /* a request from add until it is over and no batch under way has a row of it */
    uint64_t id;
    uint32_t *tokens;     /* [n_prompt + max_new] prompt, then what was generated */
    uint32_t n_prompt, n; /* n: tokens known so far */
    uint32_t max_new;
    uint32_t slot;    /* in the scheduler */
    bool held;        /* the slot is still its own */
    bool over;        /* the caller has seen its end, or cancelled it */
    uint32_t pending; /* tokens of it that batches under way will give */
    uint32_t row;     /* of logits of the newest of them, in the batch submitted last */
    struct kw_sampler sampler;
    bool ignore_eos;
    uint32_t stop[16], n_stop;
    uint64_t *hash; /* prefix caching: one per full block of the prompt; the scheduler borrows it */
};

struct flight { /* a batch from its decision until its tokens are taken */
    struct kw_step batch;
    struct kw_result result; /* argmax: [max_num_seqs], its own */
    struct seq **rows;       /* [max_num_seqs] whose logits a row is */
    uint32_t n_rows;
    bool sample; /* some row is sampled on the host, so the batch after it cannot take its token on the device */
};

/* The scheduler's side of a step ahead: batch k + 1 is decided (kw_sched_step_ahead) and submitted while k runs, so k
 * has its commit before its tokens are known. Blocks that a decision frees are written by later batches only, which the
 * backend runs in order. A sequence that turns out to have ended with k has a row in k + 1 all the same; it is dropped.
 */
struct kw_engine_state {
    struct seq **seq; /* [cap] by slot; NULL: free */
    uint32_t cap, active;
    uint32_t held;        /* slots in use: the active, and those over that the scheduler does not know of yet */
    struct seq **leaving; /* [cap] over and held while a decision has no commit */
    uint32_t n_leaving;
    struct flight flight[2];
    uint32_t oldest, under_way;
    bool open;          /* a decision has no commit yet */
    uint32_t preempted; /* by decisions that gave no batch */
    int64_t last_end;   /* of the batch before, when the next one was under way then; else 0 */
    struct kw_sampler_scratch scratch;
    float *logits; /* [max_num_seqs][vocab] once a request that samples has come, else NULL */
    uint32_t max_tokens, table_stride;
    uint32_t *tokens, *positions, *slots; /* [max_tokens] */
    struct kw_batch_seq *seqs;            /* [max_num_seqs] */
    uint32_t *tables;                     /* [max_num_seqs][table_stride] */
    uint32_t *logit_tokens;               /* [max_num_seqs] */
    struct kw_engine_event *events;       /* [max_num_seqs] */
    bool failed, first_token;
    struct kw_error why;
};

/* ---- opening */

static bool is_folder(const char *path)
{
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

/* A checkpoint whose config has no _name_or_path is called as its folder: a profile, a server and a report need a name.
 */
static void name_by_folder(struct kw_model_config *c, const char *path)
{
    char *real = realpath(path, NULL); /* "." and "x/" name a folder too */
    const char *slash = real ? strrchr(real, '/') : NULL;
    snprintf(c->name, sizeof c->name, "%.90s", slash && slash[1] ? slash + 1 : path);
    free(real);
}

static enum kw_status choose_precision(const struct kw_engine *e, const char *name, enum kw_dtype *out,
                                       struct kw_error *err)
{
    if (!name) {
        *out = e->config.fp8_checkpoint ? KW_DT_FP8 : e->config.dtype;
        return KW_OK;
    }
    int t = kw_dtype_find(name);
    if (t < 0) return kw_fail(err, KW_ERANGE, "precision: want bf16, fp16, fp32 or fp8; got '%.40s'", name);
    *out = (enum kw_dtype)t;
    return KW_OK;
}

static void choose_limits(struct kw_engine *e, const struct kw_engine_options *o)
{
    bool cpu = strcmp(e->ops->name, "cuda") != 0;
    uint32_t longest = e->config.max_position;
    if (cpu && longest > 8192) longest = 8192;
    e->limits = (struct kw_sched_config){
        .policy = o->policy,
        .max_num_seqs = o->max_num_seqs ? o->max_num_seqs : 256,
        .max_num_batched_tokens = o->max_num_batched_tokens ? o->max_num_batched_tokens : 2048,
        .max_model_len = o->max_model_len ? o->max_model_len : longest,
        .block_size = o->block_size ? o->block_size : 16,
        .prefix_caching = o->prefix_caching,
        .block_tables = true,
        .async_scheduling =
            o->async_scheduling == KW_ASYNC_ON || (o->async_scheduling == KW_ASYNC_AUTO && !cpu &&
                                                   (o->policy == KW_SCHED_VLLM || o->policy == KW_SCHED_SARATHI)),
    };
}

static enum kw_status check_limits(const struct kw_engine *e, struct kw_error *err)
{
    const struct kw_sched_config *l = &e->limits;
    if (l->max_model_len > e->config.max_position)
        return kw_fail(err, KW_ERANGE, "max_model_len: want at most %u (the model's positions); got %u",
                       e->config.max_position, l->max_model_len);
    if (l->max_num_seqs > 65536 || l->max_num_batched_tokens > 1u << 20)
        return kw_fail(err, KW_ERANGE, "want at most 65536 sequences and 2^20 tokens a step; got %u and %u",
                       l->max_num_seqs, l->max_num_batched_tokens);
    if (l->block_size > 512 || (l->block_size & (l->block_size - 1)))
        return kw_fail(err, KW_ERANGE, "block_size: want a power of two up to 512; got %u", l->block_size);
    return KW_OK;
}

/* Reads the weights while the caller prepares the backend. */
struct reading {
    struct kw_engine *e;
    const struct kw_engine_options *o;
    struct kw_checkpoint k;
    struct kw_weights_plan plan;
    void *host;
    pthread_t thread;
    bool threaded;
    enum kw_status st;
    struct kw_error err;
};

static void *read_weights(void *arg)
{
    struct reading *r = arg;
    r->st =
        kw_load(r->e->ops, r->e->backend, r->host, &r->k, &r->plan, &r->o->load, &r->e->startup, &r->e->load, &r->err);
    return NULL;
}

static enum kw_status open_checkpoint(struct reading *r, struct kw_error *err)
{
    struct kw_engine *e = r->e;
    uint32_t phase = kw_startup_begin(&e->startup, "headers");
    enum kw_status st = kw_checkpoint_open(&r->k, r->o->model, err);
    if (st == KW_OK) st = kw_weights_plan(&r->plan, &e->layout, &e->config, &r->k, err);
    kw_startup_end(&e->startup, phase, 0);
    return st;
}

static enum kw_status fill_weights(struct kw_engine *e, uint64_t seed, struct kw_error *err)
{
    uint32_t phase = kw_startup_begin(&e->startup, "synthetic weights");
    int64_t began = kw_now_ns();
    enum kw_status st = e->ops->weights_fill(e->backend, seed, err);
    kw_startup_end(&e->startup, phase, e->layout.bytes);
    e->load = (struct kw_load_stats){ .weight_bytes = e->layout.bytes, .first_ns = began, .last_ns = kw_now_ns() };
    return st;
}

/* Weights, KV cache and plans; the first overlaps the others. */
static enum kw_status fill_backend(struct kw_engine *e, const struct kw_engine_options *o, bool files,
                                   struct kw_error *err)
{
    struct reading r = { .e = e, .o = o };
    enum kw_status st = files ? open_checkpoint(&r, err) : KW_OK;
    uint32_t phase;
    if (st == KW_OK) {
        phase = kw_startup_begin(&e->startup, "arena");
        st = e->ops->weights_alloc(e->backend, &r.host, err);
        kw_startup_end(&e->startup, phase, e->layout.bytes);
    }
    if (st == KW_OK && files) {
        r.threaded = !pthread_create(&r.thread, NULL, read_weights, &r);
        if (!r.threaded) read_weights(&r);
    } else if (st == KW_OK) {
        st = fill_weights(e, o->seed, err);
    }
    if (st == KW_OK) {
        phase = kw_startup_begin(&e->startup, "kv cache");
        st = e->ops->kv_alloc(e->backend, o->num_blocks, &e->limits.num_blocks, err);
        kw_startup_end(&e->startup, phase, 0);
    }
    if (st == KW_OK) {
        phase = kw_startup_begin(&e->startup, "prepare");
        st = e->ops->prepare(e->backend, err);
        kw_startup_end(&e->startup, phase, 0);
    }
    if (r.threaded) pthread_join(r.thread, NULL);
    if (st == KW_OK && r.st != KW_OK) {
        st = r.st;
        if (err) *err = r.err;
    }
    kw_weights_plan_free(&r.plan);
    kw_checkpoint_free(&r.k);
    return st;
}

static enum kw_status make_state(struct kw_engine *e, uint32_t max_tokens, struct kw_error *err)
{
    struct kw_engine_state *s = e->state = calloc(1, sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for the engine");
    const size_t n = e->limits.max_num_seqs;
    s->max_tokens = max_tokens;
    s->table_stride = (e->limits.max_model_len + e->limits.block_size - 1) / e->limits.block_size;
    s->tokens = malloc(max_tokens * sizeof *s->tokens), s->positions = malloc(max_tokens * sizeof *s->positions);
    s->slots = malloc(max_tokens * sizeof *s->slots), s->seqs = malloc(n * sizeof *s->seqs);
    s->tables = malloc(n * s->table_stride * sizeof *s->tables);
    s->logit_tokens = malloc(n * sizeof *s->logit_tokens), s->events = malloc(n * sizeof *s->events);
    bool all = s->tokens && s->positions && s->slots && s->seqs && s->tables && s->logit_tokens && s->events;
    for (int i = 0; i < 2; i++) {
        struct flight *f = &s->flight[i];
        f->result.argmax = malloc(n * sizeof *f->result.argmax), f->rows = malloc(n * sizeof *f->rows);
        all = all && f->result.argmax && f->rows;
    }
    if (!all) return kw_fail(err, KW_ENOMEM, "out of memory for batches of %u tokens", max_tokens);
    return KW_OK;
}

static enum kw_status open_tokenizer(struct kw_engine *e, const char *folder, struct kw_error *err)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/tokenizer.json", folder) >= (int)sizeof path || access(path, R_OK))
        return KW_OK;
    uint32_t phase = kw_startup_begin(&e->startup, "tokenizer");
    enum kw_status st = kw_tokenizer_load(&e->tokenizer, path, err);
    kw_startup_end(&e->startup, phase, 0);
    if (st == KW_OK && kw_tokenizer_vocab(e->tokenizer) > e->config.vocab)
        st = kw_fail(err, KW_ERANGE, "%.300s: has ids up to %u; the model's vocabulary is %u", path,
                     kw_tokenizer_vocab(e->tokenizer) - 1, e->config.vocab);
    return st;
}

/* A step's tokens at most: prefill_first admits a prompt longer than the budget alone. */
static uint32_t step_tokens(const struct kw_sched_config *l)
{
    uint32_t n = l->max_num_batched_tokens;
    return l->policy == KW_SCHED_PREFILL_FIRST && l->max_model_len > n ? l->max_model_len : n;
}

static enum kw_status open_backend(struct kw_engine *e, const struct kw_engine_options *o, bool folder,
                                   struct kw_error *err)
{
    bool cpu = strcmp(e->ops->name, "cuda") != 0;
    struct kw_backend_params p = {
        .config = &e->config,
        .layout = &e->layout,
        .kv_dtype = e->layout.precision == KW_DT_FP8 ? KW_DT_BF16 : e->layout.precision,
        .device = o->device,
        .threads = o->threads,
        .block_size = e->limits.block_size,
        .max_tokens = step_tokens(&e->limits),
        .max_seqs = e->limits.max_num_seqs,
        .max_model_len = e->limits.max_model_len,
        .memory_fraction = o->memory_fraction > 0 ? o->memory_fraction
                           : cpu                  ? 0.5
                                                  : 0.9,
        .eager = o->eager,
        .startup = &e->startup,
    };
    uint32_t phase = kw_startup_begin(&e->startup, "create");
    enum kw_status st = e->ops->create(&e->backend, &p, err);
    kw_startup_end(&e->startup, phase, 0);
    if (st == KW_OK) st = fill_backend(e, o, folder && !o->synthetic, err);
    if (st == KW_OK) st = kw_sched_new(&e->sched, &e->limits, err);
    if (st == KW_OK) st = make_state(e, p.max_tokens, err);
    return st;
}

enum kw_status kw_engine_open(struct kw_engine *e, const struct kw_engine_options *o, const struct kw_startup *startup,
                              struct kw_error *err)
{
    *e = (struct kw_engine){ 0 };
    if (startup)
        e->startup = *startup;
    else
        e->startup.origin = kw_now_ns();
    const bool folder = is_folder(o->model);
    enum kw_dtype precision = KW_DT_FP32;
    enum kw_status st = folder ? kw_config_load(&e->config, o->model, err) : kw_config_named(&e->config, o->model, err);
    if (st == KW_OK && !e->config.name[0]) name_by_folder(&e->config, o->model);
    if (st == KW_OK) st = choose_precision(e, o->precision, &precision, err);
    uint32_t phase = kw_startup_begin(&e->startup, "backend"); /* the plugin with its libraries, where there is one */
    if (st == KW_OK) st = kw_backend_find(&e->ops, o->backend ? o->backend : "auto", err);
    kw_startup_end(&e->startup, phase, 0);
    if (st == KW_OK) {
        kw_weights_layout(&e->layout, &e->config, precision);
        choose_limits(e, o);
        st = check_limits(e, err);
    }
    if (st == KW_OK && folder)
        st = open_tokenizer(e, o->model, err); /* before the weights: a bad one is known at once */
    if (st == KW_OK) st = open_backend(e, o, folder, err);
    if (st != KW_OK) kw_engine_close(e);
    return st;
}

static void free_seq(struct seq *q)
{
    if (!q) return;
    kw_sampler_free(&q->sampler);
    free(q->tokens);
    free(q->hash);
    free(q);
}

void kw_engine_close(struct kw_engine *e)
{
    struct kw_engine_state *s = e->state;
    if (e->backend) e->ops->destroy(e->backend); /* waits for batches under way: they write into their flights */
    if (s) {
        for (uint32_t k = 0; k < s->under_way; k++) {
            struct flight *f = &s->flight[s->oldest ^ k];
            for (uint32_t i = 0; i < f->n_rows; i++)
                if (!--f->rows[i]->pending && !f->rows[i]->held) free_seq(f->rows[i]);
        }
        for (uint32_t i = 0; i < s->cap; i++) free_seq(s->seq[i]);
        for (int i = 0; i < 2; i++) free(s->flight[i].result.argmax), free(s->flight[i].rows);
        kw_sampler_scratch_free(&s->scratch);
        free(s->seq), free(s->leaving), free(s->logits), free(s->tokens), free(s->positions), free(s->slots);
        free(s->seqs), free(s->tables), free(s->logit_tokens), free(s->events);
        free(s);
    }
    if (e->sched) kw_sched_delete(e->sched);
    kw_tokenizer_free(e->tokenizer);
    *e = (struct kw_engine){ 0 };
}

/* ---- requests */

static enum kw_status check_request(const struct kw_engine *e, const struct kw_engine_request *r, struct kw_error *err)
{
    if (r->n_prompt == 0 || r->max_new == 0)
        return kw_fail(err, KW_ERANGE,
                       "request %" PRIu64 ": want at least one prompt token and one new one; got %u and %u", r->id,
                       r->n_prompt, r->max_new);
    if (r->n_stop > 16)
        return kw_fail(err, KW_ERANGE, "request %" PRIu64 ": want at most 16 stop ids; got %u", r->id, r->n_stop);
    if (r->n_prompt > e->limits.max_model_len || r->max_new > e->limits.max_model_len - r->n_prompt)
        return kw_fail(err, KW_ERANGE, "request %" PRIu64 ": %u prompt + %u new tokens; max_model_len is %u", r->id,
                       r->n_prompt, r->max_new, e->limits.max_model_len);
    for (uint32_t i = 0; i < r->n_prompt; i++)
        if (r->prompt[i] >= e->config.vocab)
            return kw_fail(err, KW_ERANGE, "request %" PRIu64 ": prompt token %u is id %u; the vocabulary has %u",
                           r->id, i, r->prompt[i], e->config.vocab);
    return KW_OK;
}

/* A block's name: all tokens up to its end. */
static void hash_prompt(uint64_t *hash, const uint32_t *tokens, uint32_t n, uint32_t block)
{
    uint64_t h = 0;
    for (uint32_t i = 0; i < n * block; i++) {
        h = kw_mix64(h * UINT64_C(0x9e3779b97f4a7c15) + tokens[i] + 1);
        if ((i + 1) % block == 0) hash[i / block] = h;
    }
}

static enum kw_status make_seq(struct kw_engine *e, const struct kw_engine_request *r, struct seq **out,
                               struct kw_error *err)
{
    struct seq *q = calloc(1, sizeof *q);
    uint32_t blocks = e->limits.prefix_caching ? r->n_prompt / e->limits.block_size : 0;
    if (q) {
        q->tokens = malloc((r->n_prompt + (size_t)r->max_new) * sizeof *q->tokens);
        q->hash = blocks ? malloc(blocks * sizeof *q->hash) : NULL;
    }
    if (!q || !q->tokens || (blocks && !q->hash)) {
        free_seq(q);
        return kw_fail(err, KW_ENOMEM, "out of memory for request %" PRIu64, r->id);
    }
    q->id = r->id, q->n = q->n_prompt = r->n_prompt, q->max_new = r->max_new, q->ignore_eos = r->ignore_eos;
    memcpy(q->tokens, r->prompt, r->n_prompt * sizeof *q->tokens);
    if (r->n_stop) memcpy(q->stop, r->stop, r->n_stop * sizeof *q->stop);
    q->n_stop = r->n_stop;
    hash_prompt(q->hash, q->tokens, blocks, e->limits.block_size);
    enum kw_status st = kw_sampler_init(&q->sampler, &r->sampling, r->stream, err);
    if (st != KW_OK)
        free_seq(q);
    else
        *out = q;
    return st;
}

/* Memory that only sampling needs, when the first such request comes; and a place for one more slot. */
static enum kw_status make_room(struct kw_engine *e, bool samples, struct kw_error *err)
{
    struct kw_engine_state *s = e->state;
    if (samples && !s->logits) {
        float *logits = malloc((size_t)e->limits.max_num_seqs * e->config.vocab * sizeof *logits);
        if (!logits) return kw_fail(err, KW_ENOMEM, "out of memory for logits");
        enum kw_status st = kw_sampler_scratch_init(&s->scratch, e->config.vocab, err);
        if (st != KW_OK) {
            free(logits);
            return st;
        }
        s->logits = logits;
    }
    if (s->held == s->cap) { /* slots are dense: the next one is below held + 1 or one that was freed */
        uint32_t cap = s->cap ? 2 * s->cap : 64;
        struct seq **leaving = realloc(s->leaving, cap * sizeof *leaving), **more = NULL;
        if (leaving) s->leaving = leaving, more = realloc(s->seq, cap * sizeof *more);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for %u requests", cap);
        memset(more + s->cap, 0, (cap - s->cap) * sizeof *more);
        s->seq = more, s->cap = cap;
    }
    return KW_OK;
}

enum kw_status kw_engine_add(struct kw_engine *e, const struct kw_engine_request *r, struct kw_error *err)
{
    struct seq *q = NULL;
    enum kw_status st = check_request(e, r, err);
    if (st == KW_OK) st = make_room(e, r->sampling.temperature > 0, err);
    if (st == KW_OK) st = make_seq(e, r, &q, err);
    if (st != KW_OK) return st;
    uint32_t slot;
    struct kw_sched_request want = { .id = r->id,
                                     .prompt = r->n_prompt,
                                     .output = r->max_new,
                                     .hash = q->hash,
                                     .n_hash = q->hash ? r->n_prompt / e->limits.block_size : 0,
                                     .hash_block = e->limits.block_size };
    st = kw_sched_add(e->sched, &want, &slot, err);
    if (st != KW_OK) {
        free_seq(q);
        return st;
    }
    assert(slot < e->state->cap && !e->state->seq[slot]);
    q->slot = slot, q->held = true;
    e->state->seq[slot] = q;
    e->state->active++, e->state->held++;
    return KW_OK;
}

static void free_if_unused(struct seq *q)
{
    if (q->over && !q->held && !q->pending) free_seq(q);
}

/* The scheduler has done with its slot. */
static void let_go(struct kw_engine_state *s, struct seq *q)
{
    s->seq[q->slot] = NULL;
    q->held = false;
    s->held--;
}

/* Nothing more is said of it. While a decision has no commit, the scheduler is told after that commit. */
static void end(struct kw_engine *e, struct seq *q)
{
    struct kw_engine_state *s = e->state;
    q->over = true;
    s->active--;
    if (!q->held) return;
    if (s->open) {
        s->leaving[s->n_leaving++] = q;
        return;
    }
    kw_sched_cancel(e->sched, q->slot);
    let_go(s, q);
}

bool kw_engine_cancel(struct kw_engine *e, uint64_t id)
{
    for (uint32_t i = 0; i < e->state->cap; i++) {
        struct seq *q = e->state->seq[i];
        if (!q || q->over || q->id != id) continue;
        end(e, q);
        free_if_unused(q);
        return true;
    }
    return false;
}

uint32_t kw_engine_active(const struct kw_engine *e)
{
    return e->state->active;
}

/* ---- a step */

/* Tokens [past, past + len) of a sequence join the batch; a row of logits for the last one if its next token is due. */
static void put(const struct kw_engine *e, struct kw_batch *t, struct flight *f, struct seq *q, uint32_t past,
                uint32_t len, bool logits)
{
    struct kw_engine_state *s = e->state;
    const uint32_t bs = e->limits.block_size;
    uint32_t n_blocks;
    const uint32_t *blocks = kw_sched_blocks(e->sched, q->slot, &n_blocks);
    assert(past + len <= q->n + (q->pending != 0) && (size_t)n_blocks * bs >= past + len);
    assert(t->n_tokens + len <= s->max_tokens);
    uint32_t need = (past + len + bs - 1) / bs; /* what the step reads and writes; more may be held already */
    memcpy(s->tables + (size_t)t->n_seqs * s->table_stride, blocks, need * sizeof *blocks);
    s->seqs[t->n_seqs++] = (struct kw_batch_seq){ .start = t->n_tokens, .len = len, .past = past };
    for (uint32_t i = 0; i < len; i++) {
        uint32_t pos = past + i;
        s->tokens[t->n_tokens] = pos < q->n ? q->tokens[pos] : KW_TOKEN_PREVIOUS | q->row;
        s->positions[t->n_tokens] = pos;
        s->slots[t->n_tokens++] = blocks[pos / bs] * bs + pos % bs;
    }
    if (!logits) return;
    f->sample |= !q->over && q->sampler.how.temperature > 0;
    f->rows[t->n_logits] = q;
    s->logit_tokens[t->n_logits++] = t->n_tokens - 1;
}

/* The scheduler's decision as the backend wants it. */
static struct kw_batch build(const struct kw_engine *e, struct flight *f)
{
    struct kw_engine_state *s = e->state;
    assert(f->batch.n_decode + f->batch.n_chunks <= e->limits.max_num_seqs);
    struct kw_batch t = { .tokens = s->tokens,
                          .positions = s->positions,
                          .slots = s->slots,
                          .seqs = s->seqs,
                          .tables = s->tables,
                          .table_stride = s->table_stride,
                          .logit_tokens = s->logit_tokens };
    for (uint32_t i = 0; i < f->batch.n_decode; i++) {
        struct seq *q = s->seq[kw_sched_decoding(e->sched, i)];
        put(e, &t, f, q, q->n + q->pending - 1, 1, true);
    }
    t.n_decode = f->batch.n_decode;
    for (uint32_t i = 0; i < f->batch.n_chunks; i++) {
        const struct kw_sched_chunk *c = &f->batch.chunks[i];
        put(e, &t, f, s->seq[c->slot], c->past, c->len, c->last);
    }
    f->n_rows = t.n_logits;
    for (uint32_t i = 0; i < f->n_rows; i++) f->rows[i]->pending++, f->rows[i]->row = i;
    return t;
}

/* Decides the next batch. NULL: there is nothing to run (ahead: as far as is known before the one under way has ended).
 */
static struct flight *decide(struct kw_engine *e)
{
    struct kw_engine_state *s = e->state;
    assert(!s->open && s->under_way < 2); /* two batches at most: both flights would be taken */
    struct flight *f = &s->flight[s->oldest ^ s->under_way];
    s->open = (e->limits.async_scheduling ? kw_sched_step_ahead : kw_sched_step)(e->sched, &f->batch);
    f->batch.n_preempted += s->preempted;
    s->preempted = s->open ? 0 : f->batch.n_preempted;
    return s->open ? f : NULL;
}

/* Hands a decided batch to the backend. A failure is kept in s->why. */
static enum kw_status start(struct kw_engine *e, struct flight *f)
{
    struct kw_engine_state *s = e->state;
    f->sample = false;
    struct kw_batch t = build(e, f);
    f->batch.chunks = NULL, f->batch.preempted = NULL;
    f->result.logits = f->sample ? s->logits : NULL;
    s->under_way++;
    enum kw_status st = e->ops->submit(e->backend, &t, &f->result, &s->why);
    s->failed = st != KW_OK; /* the scheduler waits for a commit that cannot come */
    return st;
}

/* The decision without a commit gets it: the scheduler counts its tokens, and learns who is over. */
static void commit(struct kw_engine *e)
{
    struct kw_engine_state *s = e->state;
    assert(s->open);
    struct kw_sched_done done;
    kw_sched_commit(e->sched, &done);
    s->open = false;
    for (uint32_t i = 0; i < done.n_finished; i++) let_go(s, s->seq[done.finished[i]]);
    for (uint32_t i = 0; i < s->n_leaving; i++) {
        struct seq *q = s->leaving[i];
        if (q->held) {
            kw_sched_cancel(e->sched, q->slot);
            let_go(s, q);
        }
        free_if_unused(q);
    }
    s->n_leaving = 0;
}

static enum kw_finish finish_of(const struct kw_engine *e, const struct seq *q, uint32_t token)
{
    for (uint32_t i = 0; i < q->n_stop; i++)
        if (q->stop[i] == token) return KW_FINISH_STOP;
    for (uint32_t i = 0; !q->ignore_eos && i < e->config.n_eos; i++)
        if (e->config.eos[i] == token) return KW_FINISH_STOP;
    return q->n - q->n_prompt == q->max_new ? KW_FINISH_LENGTH : KW_FINISH_NOT;
}

/* The oldest batch has been computed: its new tokens go to their sequences. */
static void take_tokens(struct kw_engine *e, struct kw_engine_step *out)
{
    struct kw_engine_state *s = e->state;
    struct flight *f = &s->flight[s->oldest];
    assert(s->under_way && f->n_rows <= e->limits.max_num_seqs); /* events[] has a place a row */
    s->oldest ^= 1, s->under_way--;
    for (uint32_t i = 0; i < f->n_rows; i++) {
        struct seq *q = f->rows[i];
        assert(q->pending);
        q->pending--;
        if (!q->over) {
            uint32_t token = f->result.argmax[i];
            assert(q->n < q->n_prompt + q->max_new); /* tokens[] has no more room */
            if (q->sampler.how.temperature > 0)
                token = kw_sampler_next(&q->sampler, &s->scratch, s->logits + (size_t)i * e->config.vocab);
            q->tokens[q->n++] = token;
            enum kw_finish finish = finish_of(e, q, token);
            s->events[out->n_events++] = (struct kw_engine_event){
                .id = q->id, .token = token, .index = q->n - q->n_prompt - 1, .finish = finish
            };
            if (finish) end(e, q);
        }
        free_if_unused(q);
    }
    out->batch = f->batch;
    out->events = s->events;
    out->device_ns = f->result.device_ns;
}

/* wall_ns, and the first token's phase. */
static void stamp(struct kw_engine *e, struct kw_engine_step *out, int64_t began, int64_t ended)
{
    struct kw_engine_state *s = e->state;
    if (s->last_end) began = s->last_end;
    out->wall_ns = ended - began;
    out->ended = ended;
    s->last_end = s->under_way ? ended : 0;
    if (!s->first_token && out->n_events) {
        s->first_token = true;
        kw_startup_add(&e->startup, "first token", began, ended, 0);
    }
}

enum kw_status kw_engine_step(struct kw_engine *e, struct kw_engine_step *out, bool *ran, struct kw_error *err)
{
    struct kw_engine_state *s = e->state;
    const bool ahead = e->limits.async_scheduling;
    const int64_t began = kw_now_ns();
    struct flight *next = NULL;
    *ran = false;
    *out = (struct kw_engine_step){ 0 };
    enum kw_status st = s->failed ? KW_EFAIL : KW_OK;
    if (st == KW_OK && !s->under_way) {
        struct flight *f = decide(e);
        if (!f) return KW_OK;
        st = start(e, f);
    }
    if (st == KW_OK) {
        *ran = true;
        const bool sample = s->flight[s->oldest].sample;
        if (ahead) {
            commit(e);
            next = decide(e);
        }
        /* Where next cannot be submitted, this one's tokens are still due; the call after this one fails. */
        if (next && !sample) start(e, next);
        struct kw_error why;
        st = e->ops->wait(e->backend, s->failed ? &why : &s->why);
        if (st != KW_OK) {
            s->failed = true;
        } else {
            if (!ahead) commit(e);
            take_tokens(e, out);
            const int64_t ended = kw_now_ns();
            if (next && sample) start(e, next);
            stamp(e, out, began, ended);
        }
    }
    if (st != KW_OK && err) *err = s->why;
    return st;
}

enum kw_status kw_engine_settle(struct kw_engine *e, struct kw_error *err)
{
    assert(!kw_engine_active(e));
    struct kw_engine_step step;
    enum kw_status st = KW_OK;
    for (bool ran = true; st == KW_OK && ran;) st = kw_engine_step(e, &step, &ran, err);
    return st;
}

/* ---- one prompt, alone */

enum kw_status kw_engine_generate(struct kw_engine *e, const struct kw_engine_request *r, struct kw_generated *out,
                                  struct kw_error *err)
{
    *out = (struct kw_generated){ 0 };
    if (kw_engine_active(e))
        return kw_fail(err, KW_EFAIL, "generate: %u other requests are active", kw_engine_active(e));
    int64_t began = kw_now_ns();
    enum kw_status st = check_request(e, r, err); /* before memory is taken for max_new tokens */
    if (st != KW_OK) return st;
    uint32_t *ids = malloc(((size_t)r->max_new + 1) * sizeof *ids);
    if (!ids) return kw_fail(err, KW_ENOMEM, "out of memory for %u tokens", r->max_new);
    st = kw_engine_add(e, r, err);
    bool ran = st == KW_OK;
    while (st == KW_OK && ran && !out->finish) {
        struct kw_engine_step step;
        st = kw_engine_step(e, &step, &ran, err);
        for (uint32_t i = 0; st == KW_OK && i < step.n_events; i++) {
            if (!out->first_ns) out->first_ns = kw_now_ns() - began;
            out->finish = step.events[i].finish;
            if (out->finish != KW_FINISH_STOP) ids[out->n++] = step.events[i].token;
        }
    }
    out->total_ns = kw_now_ns() - began;
    if (st == KW_OK) st = kw_engine_settle(e, err);
    if (st != KW_OK) {
        free(ids);
        *out = (struct kw_generated){ 0 };
        return st;
    }
    out->ids = ids;
    return KW_OK;
}

void kw_generated_free(struct kw_generated *g)
{
    free(g->ids);
    *g = (struct kw_generated){ 0 };
}
