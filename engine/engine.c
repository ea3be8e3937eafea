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

struct seq { /* a request between add and its end; named by its scheduler slot */
    uint64_t id;
    uint32_t *tokens;     /* [n_prompt + max_new] prompt, then what was generated */
    uint32_t n_prompt, n; /* n: tokens so far */
    uint32_t max_new;
    struct kw_sampler sampler;
    bool ignore_eos;
    uint32_t stop[16], n_stop;
    uint64_t *hash; /* prefix caching: one per full block of the prompt; the scheduler borrows it */
};

struct kw_engine_state {
    struct seq **seq; /* [cap] by slot; NULL: free */
    uint32_t cap, active;
    struct kw_sampler_scratch scratch;
    float *logits; /* [max_num_seqs][vocab] once a request that samples has come, else NULL */
    uint32_t max_tokens, table_stride;
    uint32_t *tokens, *positions, *slots; /* [max_tokens] */
    struct kw_batch_seq *seqs;            /* [max_num_seqs] */
    uint32_t *tables;                     /* [max_num_seqs][table_stride] */
    uint32_t *logit_tokens, *argmax;      /* [max_num_seqs] */
    uint32_t *row_slot;                   /* [max_num_seqs] whose logits a row is */
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
    s->logit_tokens = malloc(n * sizeof *s->logit_tokens), s->argmax = malloc(n * sizeof *s->argmax);
    s->row_slot = malloc(n * sizeof *s->row_slot), s->events = malloc(n * sizeof *s->events);
    if (!s->tokens || !s->positions || !s->slots || !s->seqs || !s->tables || !s->logit_tokens || !s->argmax ||
        !s->row_slot || !s->events)
        return kw_fail(err, KW_ENOMEM, "out of memory for batches of %u tokens", max_tokens);
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
    if (st == KW_OK) st = choose_precision(e, o->precision, &precision, err);
    if (st == KW_OK) st = kw_backend_find(&e->ops, o->backend ? o->backend : "auto", err);
    if (st == KW_OK) {
        kw_weights_layout(&e->layout, &e->config, precision);
        choose_limits(e, o);
        st = check_limits(e, err);
    }
    if (st == KW_OK) st = open_backend(e, o, folder, err);
    if (st == KW_OK && folder) st = open_tokenizer(e, o->model, err);
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
    if (s) {
        for (uint32_t i = 0; i < s->cap; i++) free_seq(s->seq[i]);
        kw_sampler_scratch_free(&s->scratch);
        free(s->seq), free(s->logits), free(s->tokens), free(s->positions), free(s->slots), free(s->seqs);
        free(s->tables), free(s->logit_tokens), free(s->argmax), free(s->row_slot), free(s->events);
        free(s);
    }
    if (e->sched) kw_sched_delete(e->sched);
    if (e->backend) e->ops->destroy(e->backend);
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
    if (s->active == s->cap) { /* slots are dense: the next one is below active + 1 or one that was freed */
        uint32_t cap = s->cap ? 2 * s->cap : 64;
        struct seq **more = realloc(s->seq, cap * sizeof *more);
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
    e->state->seq[slot] = q;
    e->state->active++;
    return KW_OK;
}

static void drop(struct kw_engine *e, uint32_t slot)
{
    free_seq(e->state->seq[slot]);
    e->state->seq[slot] = NULL;
    e->state->active--;
}

bool kw_engine_cancel(struct kw_engine *e, uint64_t id)
{
    for (uint32_t i = 0; i < e->state->cap; i++) {
        if (!e->state->seq[i] || e->state->seq[i]->id != id) continue;
        kw_sched_cancel(e->sched, i);
        drop(e, i);
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
static void put(const struct kw_engine *e, struct kw_batch *t, uint32_t slot, uint32_t past, uint32_t len, bool logits)
{
    struct kw_engine_state *s = e->state;
    const struct seq *q = s->seq[slot];
    const uint32_t bs = e->limits.block_size;
    uint32_t n_blocks;
    const uint32_t *blocks = kw_sched_blocks(e->sched, slot, &n_blocks);
    assert(past + len <= q->n && (size_t)n_blocks * bs >= past + len && t->n_tokens + len <= s->max_tokens);
    uint32_t need = (past + len + bs - 1) / bs; /* what the step reads and writes; more may be held already */
    memcpy(s->tables + (size_t)t->n_seqs * s->table_stride, blocks, need * sizeof *blocks);
    s->seqs[t->n_seqs++] = (struct kw_batch_seq){ .start = t->n_tokens, .len = len, .past = past };
    for (uint32_t i = 0; i < len; i++) {
        uint32_t pos = past + i;
        s->tokens[t->n_tokens] = q->tokens[pos];
        s->positions[t->n_tokens] = pos;
        s->slots[t->n_tokens++] = blocks[pos / bs] * bs + pos % bs;
    }
    if (!logits) return;
    s->row_slot[t->n_logits] = slot;
    s->logit_tokens[t->n_logits++] = t->n_tokens - 1;
}

/* The scheduler's decision as the backend wants it. True when some row must be sampled from its logits. */
static bool build(const struct kw_engine *e, const struct kw_step *step, struct kw_batch *t)
{
    struct kw_engine_state *s = e->state;
    *t = (struct kw_batch){ .tokens = s->tokens,
                            .positions = s->positions,
                            .slots = s->slots,
                            .seqs = s->seqs,
                            .tables = s->tables,
                            .table_stride = s->table_stride,
                            .logit_tokens = s->logit_tokens };
    for (uint32_t i = 0; i < step->n_decode; i++) {
        uint32_t slot = kw_sched_decoding(e->sched, i);
        put(e, t, slot, s->seq[slot]->n - 1, 1, true);
    }
    t->n_decode = step->n_decode;
    for (uint32_t i = 0; i < step->n_chunks; i++) {
        const struct kw_sched_chunk *c = &step->chunks[i];
        put(e, t, c->slot, c->past, c->len, c->last);
    }
    bool sample = false;
    for (uint32_t i = 0; i < t->n_logits; i++) sample |= s->seq[s->row_slot[i]]->sampler.how.temperature > 0;
    return sample;
}

static enum kw_finish finish_of(const struct kw_engine *e, const struct seq *q, uint32_t token)
{
    for (uint32_t i = 0; i < q->n_stop; i++)
        if (q->stop[i] == token) return KW_FINISH_STOP;
    for (uint32_t i = 0; !q->ignore_eos && i < e->config.n_eos; i++)
        if (e->config.eos[i] == token) return KW_FINISH_STOP;
    return q->n - q->n_prompt == q->max_new ? KW_FINISH_LENGTH : KW_FINISH_NOT;
}

/* The new tokens go to their sequences; what ended leaves the scheduler too. */
static void take_tokens(struct kw_engine *e, const struct kw_batch *t, bool sample, struct kw_engine_step *out)
{
    struct kw_engine_state *s = e->state;
    for (uint32_t i = 0; i < t->n_logits; i++) {
        struct seq *q = s->seq[s->row_slot[i]];
        uint32_t token = s->argmax[i];
        if (sample && q->sampler.how.temperature > 0)
            token = kw_sampler_next(&q->sampler, &s->scratch, s->logits + (size_t)i * e->config.vocab);
        q->tokens[q->n++] = token;
        s->events[i] = (struct kw_engine_event){
            .id = q->id, .token = token, .index = q->n - q->n_prompt - 1, .finish = finish_of(e, q, token)
        };
    }
    struct kw_sched_done done;
    kw_sched_commit(e->sched, &done);
    for (uint32_t i = 0; i < t->n_logits; i++) {
        if (!s->events[i].finish) continue;
        const struct seq *q = s->seq[s->row_slot[i]];
        if (q->n - q->n_prompt < q->max_new) kw_sched_cancel(e->sched, s->row_slot[i]); /* else the commit ended it */
        drop(e, s->row_slot[i]);
    }
    out->n_events = t->n_logits;
    out->events = s->events;
}

enum kw_status kw_engine_step(struct kw_engine *e, struct kw_engine_step *out, bool *ran, struct kw_error *err)
{
    struct kw_engine_state *s = e->state;
    *ran = false;
    if (s->failed) {
        if (err) *err = s->why;
        return KW_EFAIL;
    }
    int64_t began = kw_now_ns();
    struct kw_batch batch;
    *out = (struct kw_engine_step){ 0 };
    if (!kw_sched_step(e->sched, &out->batch)) return KW_OK;
    *ran = true;
    bool sample = build(e, &out->batch, &batch);
    out->batch.chunks = NULL, out->batch.preempted = NULL;
    struct kw_result result = { .argmax = s->argmax, .logits = sample ? s->logits : NULL };
    enum kw_status st = e->ops->submit(e->backend, &batch, &result, &s->why);
    if (st == KW_OK) st = e->ops->wait(e->backend, &s->why);
    if (st != KW_OK) {
        s->failed = true; /* the scheduler waits for a commit that cannot come */
        if (err) *err = s->why;
        return st;
    }
    out->device_ns = result.device_ns;
    take_tokens(e, &batch, sample, out);
    out->wall_ns = kw_now_ns() - began;
    if (!s->first_token && out->n_events) {
        s->first_token = true;
        kw_startup_add(&e->startup, "first token", began, began + out->wall_ns, 0);
    }
    return KW_OK;
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
    if (st != KW_OK) {
        free(ids);
        *out = (struct kw_generated){ 0 };
        return st;
    }
    out->ids = ids;
    out->total_ns = kw_now_ns() - began;
    return KW_OK;
}

void kw_generated_free(struct kw_generated *g)
{
    free(g->ids);
    *g = (struct kw_generated){ 0 };
}
