/* The CPU backend: the network of config.h with the kernels of cpu_kernels.h, shared out over OpenMP threads. Matrices
 * go in blocks of rows small enough for the second-level cache, so that a batch reads each weight from memory once;
 * attention goes in partitions of 512 positions. Both cuts depend on extents alone, so results do not depend on threads
 * or batch. */
#include "engine/cpu/cpu_memory.h"
#include "engine/cpu/cpu_kernels.h"
#include <assert.h>
#include "engine/sampler.h"
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITION 512u  /* positions whose softmax is taken at once; a multiple of any block size */
#define ALONE 524288u   /* products that one thread finishes about as soon as a team is woken and met again */
#define BLOCK 48u       /* rows in one piece of work at most: a chunk of them stays in the second-level cache */
#define BLOCK_LEAST 12u /* whole tiles of 4 and of 3 rows */
#define PANEL 64u       /* tokens whose sums are kept together, 12 KiB; a multiple of KW_CPU_STRIP */

struct kw_cpu_work {
    const struct kw_cpu_kernels *k;
    float *x, *h;      /* [max_tokens][hidden]: residual stream; what goes into and comes out of a layer's halves */
    float *qkv;        /* [max_tokens][(heads + 2 kv_heads) head_dim] */
    float *att;        /* [max_tokens][heads head_dim] */
    float *up;         /* [max_tokens][2 intermediate]: gate, then up; silu(gate) * up overwrites gate */
    float *norm;       /* [2 layers + 1][hidden]: attn_norm, mlp_norm of each layer, final_norm, as fp32 */
    float *bias;       /* [layers][(heads + 2 kv_heads) head_dim] fp32, or NULL */
    float *in;         /* [max_tokens][widest]: the input of a matrix as its kernel reads it */
    float *query;      /* [threads][heads / kv_heads][head_dim]: the same of attention */
    float *code_scale; /* fp8: [max_tokens] */
    uint8_t *code;     /* fp8: [threads][widest] */
    float *decoded;    /* fp8: the same */
    float *scores;     /* [threads][heads / kv_heads][PARTITION] */
    float *partial;    /* [n_partial][heads / kv_heads][head_dim + 2]: unnormalised sum, maximum, sum of weights */
    float *running;    /* [threads][heads / kv_heads][head_dim + 2] */
    size_t n_partial;
    float *logits;  /* [max_seqs][vocab] */
    bool converted; /* norm and bias hold the arena's values */
};

/* ---- matrices */

/* The input of a matrix as its kernel reads it: packed, of an fp8 matrix each token's codes with a scale of its own. */
/* O(n cols), nothing beside the O(n rows cols) of the product: the kernel reads it once a block of rows and wants it
 * dense and in its own order. */
static const float *input(const struct kw_backend *b, enum kw_dtype of, const float *x, size_t ldx, uint32_t cols,
                          uint32_t n)
{
    struct kw_cpu_work *w = b->work;
    const uint32_t strips = (n + KW_CPU_STRIP - 1) / KW_CPU_STRIP;
#pragma omp parallel for schedule(static) num_threads((int)b->threads) if ((uint64_t)n * cols > ALONE / 4)
    for (uint32_t s = 0; s < strips; s++)
        for (uint32_t t = s * KW_CPU_STRIP; t < n && t < (s + 1) * KW_CPU_STRIP; t++) {
            const float *from = x + t * ldx;
            if (of == KW_DT_FP8) {
                uint8_t *code = w->code + (size_t)omp_get_thread_num() * cols;
                float *decoded = w->decoded + (size_t)omp_get_thread_num() * cols;
                w->code_scale[t] = kw_fp8_quantise(code, from, cols);
                kw_dtype_convert(decoded, KW_DT_FP32, code, KW_DT_FP8, cols);
                from = decoded;
            }
            w->k->pack[of](w->in, from, cols, t, n);
        }
    return w->in;
}

/* Rows in one piece of work. x is read anew for each, so large ones cost less; but every thread shall have several. */
static uint32_t block_of(uint32_t rows, uint32_t threads)
{
    uint32_t block = BLOCK;
    while (block > BLOCK_LEAST && rows / block < 8 * threads) block /= 2;
    assert(block >= BLOCK_LEAST && block <= BLOCK); /* the kernel's sums are an array of BLOCK rows */
    return block;
}

/* y[t][r] = sum_c w[r][c] x[t][c], y [n][rows] dense. A thread takes its next block of rows before it has done the one
 * at hand, so that the kernel can fetch it meanwhile. The kernel adds into a small array of the thread's own: rows of y
 * lie a power of two apart in many models, where a few of them fill a set of the caches, and two threads would meet in
 * its lines. */
static void linear(const struct kw_backend *b, const struct kw_matrix_ref *p, uint32_t layer, float *y, const float *x,
                   size_t ldx, uint32_t n)
{
    struct kw_cpu_work *w = b->work;
    const unsigned char *at = b->arena.at + p->offset + layer * b->l->layer_stride;
    const float *scale = p->dtype == KW_DT_FP8
                             ? (const float *)(const void *)(b->arena.at + p->scales + layer * b->l->layer_stride)
                             : NULL;
    const size_t row_bytes = p->cols * kw_dtype_bytes(p->dtype);
    const uint32_t block = block_of(p->rows, b->threads), n_blocks = (p->rows + block - 1) / block;
    uint32_t claimed = 0;
    x = input(b, p->dtype, x, ldx, p->cols, n);
#pragma omp parallel num_threads((int)b->threads) if ((uint64_t)p->rows * p->cols * n > ALONE)
    {
        float sum[PANEL * BLOCK];
        uint32_t i, next;
#pragma omp atomic capture
        i = claimed++;
        for (; i < n_blocks; i = next) {
#pragma omp atomic capture
            next = claimed++;
            const uint32_t r = i * block, rows = p->rows - r < block ? p->rows - r : block;
            for (uint32_t t = 0, take; t < n; t += take) {
                take = n - t < PANEL ? n - t : PANEL;
                w->k->gemm[p->dtype](sum, block, x + (size_t)t * p->cols, at + r * row_bytes, p->cols, rows, p->cols,
                                     take, next < p->rows / block ? at + next * block * row_bytes : NULL);
                for (uint32_t k = 0; k < take; k++)
                    for (uint32_t j = 0; j < rows; j++)
                        y[(size_t)(t + k) * p->rows + r + j] =
                            scale ? sum[k * block + j] * (scale[r + j] * w->code_scale[t + k]) : sum[k * block + j];
            }
        }
    }
}

/* h = rms(x + add) * norm, x += add (NULL: nothing to add). */
static void norm(const struct kw_backend *b, const float *weight, const float *add, uint32_t n)
{
    struct kw_cpu_work *w = b->work;
    const size_t hidden = b->c->hidden;
#pragma omp parallel for schedule(static) num_threads((int)b->threads) if (n * hidden > ALONE / 4)
    for (uint32_t t = 0; t < n; t++)
        w->k->rms_norm(w->h + t * hidden, w->x + t * hidden, add ? add + t * hidden : NULL, weight, b->c->rms_eps,
                       b->c->hidden);
}

/* ---- attention */

static void rotate(float *v, const float *cs, uint32_t half)
{
    for (uint32_t i = 0; i < half; i++) {
        float p = v[i], q = v[i + half];
        v[i] = p * cs[2 * i] - q * cs[2 * i + 1];
        v[i + half] = q * cs[2 * i] + p * cs[2 * i + 1];
    }
}

/* Bias, RoPE, and the new K and V into the cache. */
static void store_kv(const struct kw_backend *b, const struct kw_batch *batch, uint32_t layer)
{
    const struct kw_model_config *c = b->c;
    const uint32_t width = b->l->qkv.rows, dim = c->head_dim;
    const float *bias = b->work->bias ? b->work->bias + (size_t)layer * width : NULL;
#pragma omp parallel for schedule(static)                                                                              \
    num_threads((int)b->threads) if ((uint64_t)batch->n_tokens * width > ALONE / 16)
    for (uint32_t t = 0; t < batch->n_tokens; t++) {
        float *q = b->work->qkv + (size_t)t * width, *k = q + c->heads * dim, *v = k + c->kv_heads * dim;
        const float *cs = b->rope + (size_t)batch->positions[t] * dim;
        for (uint32_t i = 0; bias && i < width; i++) q[i] += bias[i];
        for (uint32_t h = 0; h < c->heads + c->kv_heads; h++) rotate(q + h * dim, cs, dim / 2);
        for (uint32_t h = 0; h < c->kv_heads; h++) {
            kw_dtype_convert(kw_cpu_kv(b, layer, 0, batch->slots[t], h), b->p.kv_dtype, k + h * dim, KW_DT_FP32, dim);
            kw_dtype_convert(kw_cpu_kv(b, layer, 1, batch->slots[t], h), b->p.kv_dtype, v + h * dim, KW_DT_FP32, dim);
        }
    }
}

struct query {                         /* the query heads of one token that share a KV head */
    const float *q;                    /* [group][head_dim] */
    const uint32_t *table;             /* of its sequence */
    uint32_t kv_head, first, position; /* it sees positions [first, position] */
};

static struct query query_of(const struct kw_backend *b, const struct kw_batch *batch, const uint32_t *seq_of,
                             uint32_t unit)
{
    const struct kw_model_config *c = b->c;
    const uint32_t t = unit % batch->n_tokens, window = c->sliding_window, p = batch->positions[t];
    struct query q = { .kv_head = unit / batch->n_tokens, .position = p };
    q.first = window && p >= window ? p - window + 1 : 0;
    q.table = batch->tables + (size_t)seq_of[t] * batch->table_stride;
    q.q = b->work->qkv + (size_t)t * b->l->qkv.rows + (size_t)q.kv_head * (c->heads / c->kv_heads) * c->head_dim;
    return q;
}

/* The K (v = 0) or V values of position j and on to the end of its block. */
static const void *cached(const struct kw_backend *b, const struct query *q, uint32_t layer, int v, uint32_t j)
{
    const uint32_t bs = b->p.block_size;
    return kw_cpu_kv(b, layer, v, q->table[j / bs] * bs + j % bs, q->kv_head);
}

static void fetch(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)at + i); /* a cache line */
}

/* The part of a query's attention that lies in one partition of positions: to[g] = { sum of exp(s - m) v, m, sum of
 * exp(s - m) }; nothing is written when it sees none of them. */
static void attend_part(const struct kw_backend *b, const struct query *q, uint32_t layer, uint32_t part, float *to)
{
    const struct kw_cpu_work *w = b->work;
    const uint32_t dim = b->c->head_dim, group = b->c->heads / b->c->kv_heads, bs = b->p.block_size, ldo = dim + 2;
    uint32_t begin = part * PARTITION, end = begin + PARTITION;
    if (begin < q->first) begin = q->first;
    if (end > q->position + 1) end = q->position + 1;
    if (begin >= end) return;
    assert(end - begin <= PARTITION && end <= q->position + 1); /* room for the scores; nothing of the future */
    float *qs = w->query + (size_t)omp_get_thread_num() * group * dim;
    for (uint32_t g = 0; g < group; g++) w->k->pack[b->p.kv_dtype](qs, q->q + g * dim, dim, g, group);
    float *s = w->scores + (size_t)omp_get_thread_num() * group * PARTITION;
    const size_t block = (size_t)bs * dim * kw_dtype_bytes(b->p.kv_dtype);
    for (uint32_t j = begin, n; j < end; j += n) { /* each block is fetched while the one before is used */
        n = bs - j % bs < end - j ? bs - j % bs : end - j;
        fetch(j + n < end ? cached(b, q, layer, 0, j + n) : cached(b, q, layer, 1, begin), block);
        w->k->gemm[b->p.kv_dtype](s + (j - begin), PARTITION, qs, cached(b, q, layer, 0, j), dim, n, dim, group, NULL);
    }
    const float scale = 1 / sqrtf((float)dim);
    for (uint32_t g = 0; g < group; g++) {
        memset(to + g * ldo, 0, dim * sizeof *to);
        w->k->softmax(s + (size_t)g * PARTITION, end - begin, scale, &to[g * ldo + dim], &to[g * ldo + dim + 1]);
    }
    for (uint32_t j = begin, n; j < end; j += n) {
        n = bs - j % bs < end - j ? bs - j % bs : end - j;
        if (j + n < end) fetch(cached(b, q, layer, 1, j + n), block);
        w->k->weigh[b->p.kv_dtype](to, ldo, s + (j - begin), PARTITION, cached(b, q, layer, 1, j), dim, n, dim, group);
    }
}

/* all = all and part; both [group][head_dim + 2]. */
/* Online softmax (Milakov & Gimelshein, arXiv:1805.02867): both sums brought to the larger maximum. Partitions are merged
 * in order of position whoever made them, so results do not depend on threads. */
static void merge(float *all, const float *part, uint32_t group, uint32_t dim)
{
    for (uint32_t g = 0; g < group; g++, all += dim + 2, part += dim + 2) {
        float m = all[dim] > part[dim] ? all[dim] : part[dim];
        float a = expf(all[dim] - m), p = expf(part[dim] - m);
        for (uint32_t i = 0; i < dim; i++) all[i] = all[i] * a + part[i] * p;
        all[dim] = m;
        all[dim + 1] = all[dim + 1] * a + part[dim + 1] * p;
    }
}

static void finish(const struct kw_backend *b, const struct kw_batch *batch, uint32_t unit, const float *all)
{
    const uint32_t dim = b->c->head_dim, group = b->c->heads / b->c->kv_heads;
    float *out = b->work->att + (size_t)(unit % batch->n_tokens) * b->c->heads * dim +
                 (size_t)(unit / batch->n_tokens) * group * dim;
    for (uint32_t g = 0; g < group; g++, out += dim, all += dim + 2)
        for (uint32_t i = 0; i < dim; i++) out[i] = all[i] / all[dim + 1];
}

/* Units of work are (KV head, token), neighbours sharing their K and V. Few units of long context (decode of a small
 * batch) are cut further into partitions; the arithmetic is the same either way. */
static void attention(const struct kw_backend *b, const struct kw_batch *batch, const uint32_t *seq_of, uint32_t layer)
{
    struct kw_cpu_work *w = b->work;
    const uint32_t dim = b->c->head_dim, group = b->c->heads / b->c->kv_heads;
    const size_t size = (size_t)group * (dim + 2);
    const uint32_t units = batch->n_tokens * b->c->kv_heads;
    uint32_t longest = 0;
    for (uint32_t t = 0; t < batch->n_tokens; t++)
        if (batch->positions[t] > longest) longest = batch->positions[t];
    const uint64_t work = (uint64_t)units * longest * group * dim;
    const uint32_t parts = longest / PARTITION + 1;
    const bool split = parts > 1 && units < 4 * b->threads && (size_t)units * parts <= w->n_partial;
    assert(dim > 0 && group * b->c->kv_heads == b->c->heads);
    if (split) {
#pragma omp parallel for schedule(dynamic) num_threads((int)b->threads)
        for (uint32_t i = 0; i < units * parts; i++) {
            struct query q = query_of(b, batch, seq_of, i / parts);
            attend_part(b, &q, layer, i % parts, w->partial + i * size);
        }
    }
#pragma omp parallel for schedule(dynamic, 4) num_threads((int)b->threads) if (work > ALONE)
    for (uint32_t i = 0; i < units; i++) {
        float *all = w->running + 2 * size * (size_t)omp_get_thread_num(), *part = all + size;
        struct query q = query_of(b, batch, seq_of, i);
        bool any = false;
        for (uint32_t j = q.first / PARTITION; j <= q.position / PARTITION; j++) {
            float *to = any ? part : all;
            if (split)
                memcpy(to, w->partial + (i * (size_t)parts + j) * size, size * sizeof *to);
            else
                attend_part(b, &q, layer, j, to);
            if (any) merge(all, part, group, dim);
            any = true;
        }
        finish(b, batch, i, all);
    }
}

/* ---- the network */

static void layer_forward(const struct kw_backend *b, const struct kw_batch *batch, const uint32_t *seq_of, uint32_t l)
{
    struct kw_cpu_work *w = b->work;
    const uint32_t n = batch->n_tokens, inter = b->c->intermediate;
    norm(b, w->norm + (size_t)(2 * l) * b->c->hidden, l ? w->att : NULL, n); /* att: what the layer before adds */
    linear(b, &b->l->qkv, l, w->qkv, w->h, b->c->hidden, n);
    store_kv(b, batch, l);
    attention(b, batch, seq_of, l);
    linear(b, &b->l->o, l, w->qkv, w->att, b->l->o.cols, n); /* qkv has been read: room for [n][hidden] */
    norm(b, w->norm + (size_t)(2 * l + 1) * b->c->hidden, w->qkv, n);
    linear(b, &b->l->gate_up, l, w->up, w->h, b->c->hidden, n);
#pragma omp parallel for schedule(static) num_threads((int)b->threads) if ((uint64_t)n * inter > ALONE / 16)
    for (uint32_t t = 0; t < n; t++)
        w->k->swiglu(w->up + (size_t)t * 2 * inter, w->up + ((size_t)t * 2 + 1) * inter, inter);
    linear(b, &b->l->down, l, w->att, w->up, (size_t)2 * inter, n); /* att: room for [n][hidden] */
}

/* Norms and biases are used as fp32; the arena is complete by the first batch. */
static void convert_vectors(const struct kw_backend *b)
{
    struct kw_cpu_work *w = b->work;
    const struct kw_weights_layout *l = b->l;
    const size_t hidden = b->c->hidden;
    for (uint32_t i = 0; i < l->layers; i++) {
        const unsigned char *at = b->arena.at + i * l->layer_stride;
        kw_dtype_convert(w->norm + 2 * i * hidden, KW_DT_FP32, at + l->attn_norm.offset, l->attn_norm.dtype, hidden);
        kw_dtype_convert(w->norm + (2 * i + 1) * hidden, KW_DT_FP32, at + l->mlp_norm.offset, l->mlp_norm.dtype,
                         hidden);
        if (w->bias)
            kw_dtype_convert(w->bias + (size_t)i * l->qkv.rows, KW_DT_FP32, at + l->qkv_bias.offset, l->qkv_bias.dtype,
                             l->qkv.rows);
    }
    kw_dtype_convert(w->norm + 2 * l->layers * hidden, KW_DT_FP32, b->arena.at + l->final_norm.offset,
                     l->final_norm.dtype, hidden);
    w->converted = true;
}

static enum kw_status submit(struct kw_backend *b, const struct kw_batch *batch, struct kw_result *out,
                             struct kw_error *err)
{
    enum kw_status st = kw_cpu_accepts(b, batch, err);
    if (st != KW_OK) return st;
    struct kw_cpu_work *w = b->work;
    const size_t hidden = b->c->hidden, vocab = b->c->vocab;
    int64_t began = kw_now_ns();
    uint32_t *seq_of = malloc(batch->n_tokens * sizeof *seq_of);
    if (!seq_of) return kw_fail(err, KW_ENOMEM, "out of memory for a batch of %u tokens", batch->n_tokens);
    for (uint32_t s = 0; s < batch->n_seqs; s++)
        for (uint32_t i = 0; i < batch->seqs[s].len; i++) seq_of[batch->seqs[s].start + i] = s;
    if (!w->converted) convert_vectors(b);

    const size_t row = hidden * kw_dtype_bytes(b->l->embed.dtype);
    for (uint32_t t = 0; t < batch->n_tokens; t++)
        kw_dtype_convert(w->x + t * hidden, KW_DT_FP32,
                         b->arena.at + b->l->embed.offset + kw_cpu_token(b, batch->tokens[t]) * row, b->l->embed.dtype,
                         hidden);
    for (uint32_t l = 0; l < b->c->layers; l++) layer_forward(b, batch, seq_of, l);
    norm(b, w->norm + 2 * b->c->layers * hidden, w->att, batch->n_tokens);
    free(seq_of);

    for (uint32_t i = 0; i < batch->n_logits; i++) /* ascending, so a row never overwrites one that is still needed */
        memmove(w->h + i * hidden, w->h + batch->logit_tokens[i] * hidden, hidden * sizeof *w->h);
    float *logits = out->logits ? out->logits : w->logits;
    if (batch->n_logits) linear(b, &b->l->lm_head, 0, logits, w->h, hidden, batch->n_logits);
#pragma omp parallel for schedule(static) num_threads((int)b->threads) if (batch->n_logits * vocab > ALONE)
    for (uint32_t i = 0; i < batch->n_logits; i++)
        out->argmax[i] = b->previous[i] = kw_argmax(logits + i * vocab, b->c->vocab);
    b->n_previous = batch->n_logits;
    b->under_way++;
    out->device_ns = kw_now_ns() - began;
    return KW_OK;
}

/* ---- life */

static void destroy(struct kw_backend *b)
{
    if (b && b->work) {
        struct kw_cpu_work *w = b->work;
        free(w->x), free(w->h), free(w->qkv), free(w->att), free(w->up), free(w->norm), free(w->bias), free(w->in),
            free(w->query);
        free(w->code_scale), free(w->code), free(w->decoded), free(w->scores), free(w->partial), free(w->running);
        free(w->logits);
        free(w);
    }
    kw_cpu_destroy(b);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static enum kw_status create(struct kw_backend **out, const struct kw_backend_params *p, struct kw_error *err)
{
    const char *which = getenv("KEEPWARM_CPU");
    const struct kw_cpu_kernels *kernels = kw_cpu_kernels(which && *which ? which : NULL);
    if (!kernels)
        return kw_fail(err, KW_EUSAGE, "KEEPWARM_CPU: this CPU has no kernels '%.40s'; the best it has are '%s'", which,
                       kw_cpu_kernels(NULL)->name);
    enum kw_status st = kw_cpu_create(out, p, err);
    if (st != KW_OK) return st;
    struct kw_backend *b = *out;
    const struct kw_model_config *c = b->c;
    const size_t n = p->max_tokens, hidden = c->hidden, q = (size_t)c->heads * c->head_dim, f = sizeof(float);
    const size_t group = c->heads / c->kv_heads, size = group * (c->head_dim + 2), threads = b->threads;
    const size_t widest = larger(larger(hidden, c->intermediate), q);
    const bool fp8 = b->l->precision == KW_DT_FP8;
    struct kw_cpu_work *w = b->work = calloc(1, sizeof *w);
    if (w) {
        w->k = kernels;
        w->n_partial = 4 * threads * (p->max_model_len / PARTITION + 1);
        w->x = malloc(n * hidden * f), w->h = malloc(larger(n, p->max_seqs) * hidden * f);
        w->qkv = malloc(n * larger(b->l->qkv.rows, hidden) * f), w->att = malloc(n * larger(q, hidden) * f);
        w->up = malloc(n * 2 * c->intermediate * f), w->norm = malloc((2 * (size_t)c->layers + 1) * hidden * f);
        w->bias = c->qkv_bias ? malloc((size_t)c->layers * b->l->qkv.rows * f) : NULL;
        w->in = malloc(larger(n * widest, p->max_seqs * hidden) * f),
        w->query = malloc(threads * group * c->head_dim * f);
        w->code = fp8 ? malloc(threads * widest) : NULL;
        w->decoded = fp8 ? malloc(threads * widest * f) : NULL;
        w->code_scale = fp8 ? malloc(n * f) : NULL;
        w->scores = malloc(threads * group * PARTITION * f), w->partial = malloc(w->n_partial * size * f);
        w->running = malloc(threads * 2 * size * f), w->logits = malloc((size_t)p->max_seqs * c->vocab * f);
    }
    if (w && w->x && w->h && w->qkv && w->att && w->up && w->norm && (w->bias || !c->qkv_bias) && w->scores &&
        w->partial && w->running && w->logits && w->in && w->query &&
        (!fp8 || (w->code && w->decoded && w->code_scale)))
        return KW_OK;
    destroy(b);
    *out = NULL;
    return kw_fail(err, KW_ENOMEM, "out of memory for a batch of %u tokens", p->max_tokens);
}

static enum kw_status device(struct kw_backend *b, struct kw_device *d, struct kw_error *err)
{
    enum kw_status st = kw_cpu_device(b, d, err);
    size_t n = strlen(d->name);
    snprintf(d->name + n, sizeof d->name - n, ", %s", b->work->k->name);
    return st;
}

static enum kw_status prepare(struct kw_backend *b, struct kw_error *err)
{
    (void)err;
#pragma omp parallel num_threads((int)b->threads)
    { /* the threads exist from here on */
    }
    return KW_OK;
}

const struct kw_backend_ops kw_backend_cpu = {
    KW_CPU_OPS,       .name = "cpu",      .create = create, .destroy = destroy,
    .device = device, .prepare = prepare, .submit = submit,
};
