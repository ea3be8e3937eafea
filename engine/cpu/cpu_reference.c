/* The network as config.h states it, one loop after another, with sums in double: what every kernel is tested against.
 * x is the residual stream, [n_tokens][hidden]; all activations are fp32. */
#include "engine/cpu/cpu_memory.h"
#include "engine/sampler.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct kw_cpu_work {
    float *x, *h;    /* [max_tokens][hidden]: residual stream; what goes into a layer's matrices */
    float *qkv;      /* [max_tokens][(heads + 2 kv_heads) head_dim] */
    float *att;      /* [max_tokens][heads head_dim] */
    float *up;       /* [max_tokens][2 intermediate]: gate, up */
    float *act;      /* [max_tokens][intermediate] */
    float *row;      /* [widest]: a row of weights as fp32 */
    float *in;       /* [max_tokens][widest]: a matrix's input after fp8 */
    float *in_scale; /* [max_tokens] */
    uint8_t *code;   /* [widest] */
    double *score;   /* [max_model_len] */
    float *logits;   /* [vocab] */
    float *kv;       /* [head_dim] */
};

/* Row r of a weight of layer l (0 for those outside the layers), as fp32. */
static void weight_row(const struct kw_backend *b, const struct kw_matrix_ref *w, uint32_t l, uint32_t r, float *to)
{
    const unsigned char *at = b->arena.at + w->offset + l * b->l->layer_stride;
    kw_dtype_convert(to, KW_DT_FP32, at + (uint64_t)r * w->cols * kw_dtype_bytes(w->dtype), w->dtype, w->cols);
}

/* y[t][r] = sum_c w[r][c] x[t][c]. fp8: both sides are E4M3 codes with a scale, the token's and the row's. */
static void linear(const struct kw_backend *b, const struct kw_matrix_ref *w, uint32_t l, float *y, const float *x,
                   uint32_t n)
{
    struct kw_cpu_work *k = b->work;
    const bool fp8 = w->dtype == KW_DT_FP8;
    const float *scale = (const float *)(const void *)(b->arena.at + w->scales + l * b->l->layer_stride);
    for (uint32_t t = 0; fp8 && t < n; t++) {
        k->in_scale[t] = kw_fp8_quantise(k->code, x + (size_t)t * w->cols, w->cols);
        kw_dtype_convert(k->in + (size_t)t * w->cols, KW_DT_FP32, k->code, KW_DT_FP8, w->cols);
    }
    if (fp8) x = k->in;
    for (uint32_t r = 0; r < w->rows; r++) {
        weight_row(b, w, l, r, k->row);
        for (uint32_t t = 0; t < n; t++) {
            double sum = 0;
            for (uint32_t c = 0; c < w->cols; c++) sum += (double)k->row[c] * (double)x[(size_t)t * w->cols + c];
            y[(size_t)t * w->rows + r] = (float)(fp8 ? sum * scale[r] * k->in_scale[t] : sum);
        }
    }
}

/* h = x / sqrt(mean(x^2) + eps) * norm */
static void rms_norm(const struct kw_backend *b, const struct kw_matrix_ref *norm, uint32_t l, float *h, const float *x,
                     uint32_t n)
{
    const uint32_t hidden = b->c->hidden;
    weight_row(b, norm, l, 0, b->work->row);
    for (uint32_t t = 0; t < n; t++, x += hidden, h += hidden) {
        double sum = 0;
        for (uint32_t i = 0; i < hidden; i++) sum += (double)x[i] * x[i];
        double s = 1 / sqrt(sum / hidden + b->c->rms_eps);
        for (uint32_t i = 0; i < hidden; i++) h[i] = (float)(x[i] * s * b->work->row[i]);
    }
}

/* Rotates the pairs (i, i + head_dim / 2) of one head by its position's angles. */
static void rotate(const struct kw_backend *b, float *v, uint32_t position)
{
    const uint32_t half = b->c->head_dim / 2;
    const float *cs = b->rope + (size_t)position * half * 2;
    for (uint32_t i = 0; i < half; i++) {
        float p = v[i], q = v[i + half];
        v[i] = p * cs[2 * i] - q * cs[2 * i + 1];
        v[i + half] = q * cs[2 * i] + p * cs[2 * i + 1];
    }
}

/* Bias, RoPE, and the new K and V into the cache. */
static void store_kv(const struct kw_backend *b, const struct kw_batch *batch, uint32_t l)
{
    const struct kw_model_config *c = b->c;
    const uint32_t width = b->l->qkv.rows, dim = c->head_dim;
    for (uint32_t t = 0; t < batch->n_tokens; t++) {
        float *q = b->work->qkv + (size_t)t * width, *k = q + c->heads * dim, *v = k + c->kv_heads * dim;
        if (c->qkv_bias) {
            weight_row(b, &b->l->qkv_bias, l, 0, b->work->row);
            for (uint32_t i = 0; i < width; i++) q[i] += b->work->row[i];
        }
        for (uint32_t h = 0; h < c->heads; h++) rotate(b, q + h * dim, batch->positions[t]);
        for (uint32_t h = 0; h < c->kv_heads; h++) {
            rotate(b, k + h * dim, batch->positions[t]);
            kw_dtype_convert(kw_cpu_kv(b, l, 0, batch->slots[t], h), b->p.kv_dtype, k + h * dim, KW_DT_FP32, dim);
            kw_dtype_convert(kw_cpu_kv(b, l, 1, batch->slots[t], h), b->p.kv_dtype, v + h * dim, KW_DT_FP32, dim);
        }
    }
}

/* One query head at one position over the cached positions [first, position]. */
static void attend(const struct kw_backend *b, const uint32_t *table, uint32_t l, uint32_t head, uint32_t position,
                   const float *q, float *out)
{
    const uint32_t dim = b->c->head_dim, bs = b->p.block_size, window = b->c->sliding_window;
    const uint32_t kv_head = head / (b->c->heads / b->c->kv_heads);
    const uint32_t first = window && position >= window ? position - window + 1 : 0;
    double *score = b->work->score, most = -INFINITY, sum = 0, acc;
    for (uint32_t j = first; j <= position; j++) {
        kw_dtype_convert(b->work->kv, KW_DT_FP32, kw_cpu_kv(b, l, 0, table[j / bs] * bs + j % bs, kv_head),
                         b->p.kv_dtype, dim);
        acc = 0;
        for (uint32_t i = 0; i < dim; i++) acc += (double)q[i] * b->work->kv[i];
        score[j] = acc / sqrt(dim);
        if (score[j] > most) most = score[j];
    }
    for (uint32_t j = first; j <= position; j++) sum += score[j] = exp(score[j] - most);
    memset(out, 0, dim * sizeof *out);
    for (uint32_t j = first; j <= position; j++) {
        kw_dtype_convert(b->work->kv, KW_DT_FP32, kw_cpu_kv(b, l, 1, table[j / bs] * bs + j % bs, kv_head),
                         b->p.kv_dtype, dim);
        for (uint32_t i = 0; i < dim; i++) out[i] += (float)(score[j] / sum * b->work->kv[i]);
    }
}

static void add_to(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] += y[i];
}

static void layer(const struct kw_backend *b, const struct kw_batch *batch, uint32_t l)
{
    const struct kw_model_config *c = b->c;
    const struct kw_weights_layout *w = b->l;
    struct kw_cpu_work *k = b->work;
    const uint32_t n = batch->n_tokens, q_width = c->heads * c->head_dim;

    rms_norm(b, &w->attn_norm, l, k->h, k->x, n);
    linear(b, &w->qkv, l, k->qkv, k->h, n);
    store_kv(b, batch, l);
    for (uint32_t s = 0; s < batch->n_seqs; s++)
        for (uint32_t i = 0; i < batch->seqs[s].len; i++)
            for (uint32_t h = 0; h < c->heads; h++) {
                uint32_t t = batch->seqs[s].start + i;
                attend(b, batch->tables + (size_t)s * batch->table_stride, l, h, batch->positions[t],
                       k->qkv + (size_t)t * w->qkv.rows + h * c->head_dim,
                       k->att + (size_t)t * q_width + h * c->head_dim);
            }
    linear(b, &w->o, l, k->h, k->att, n);
    add_to(k->x, k->h, (size_t)n * c->hidden);

    rms_norm(b, &w->mlp_norm, l, k->h, k->x, n);
    linear(b, &w->gate_up, l, k->up, k->h, n);
    for (uint32_t t = 0; t < n; t++)
        for (uint32_t i = 0; i < c->intermediate; i++) {
            double gate = k->up[(size_t)t * w->gate_up.rows + i],
                   up = k->up[(size_t)t * w->gate_up.rows + c->intermediate + i];
            k->act[(size_t)t * c->intermediate + i] = (float)(gate / (1 + exp(-gate)) * up);
        }
    linear(b, &w->down, l, k->h, k->act, n);
    add_to(k->x, k->h, (size_t)n * c->hidden);
}

static enum kw_status submit(struct kw_backend *b, const struct kw_batch *batch, struct kw_result *out,
                             struct kw_error *err)
{
    enum kw_status st = kw_cpu_accepts(b, batch, err);
    if (st != KW_OK) return st;
    struct kw_cpu_work *k = b->work;
    const uint32_t hidden = b->c->hidden, vocab = b->c->vocab;
    int64_t began = kw_now_ns();
    for (uint32_t t = 0; t < batch->n_tokens; t++)
        weight_row(b, &b->l->embed, 0, kw_cpu_token(b, batch->tokens[t]), k->x + (size_t)t * hidden);
    for (uint32_t l = 0; l < b->c->layers; l++) layer(b, batch, l);
    rms_norm(b, &b->l->final_norm, 0, k->h, k->x, batch->n_tokens);
    for (uint32_t i = 0; i < batch->n_logits; i++) {
        float *logits = out->logits ? out->logits + (size_t)i * vocab : k->logits;
        linear(b, &b->l->lm_head, 0, logits, k->h + (size_t)batch->logit_tokens[i] * hidden, 1);
        out->argmax[i] = b->previous[i] = kw_argmax(logits, vocab);
    }
    b->n_previous = batch->n_logits;
    b->under_way++;
    out->device_ns = kw_now_ns() - began;
    return KW_OK;
}

static void destroy(struct kw_backend *b)
{
    if (b && b->work) {
        struct kw_cpu_work *k = b->work;
        free(k->x), free(k->h), free(k->qkv), free(k->att), free(k->up), free(k->act), free(k->row), free(k->in);
        free(k->in_scale), free(k->code), free(k->score), free(k->logits), free(k->kv);
        free(k);
    }
    kw_cpu_destroy(b);
}

static enum kw_status create(struct kw_backend **out, const struct kw_backend_params *p, struct kw_error *err)
{
    enum kw_status st = kw_cpu_create(out, p, err);
    if (st != KW_OK) return st;
    struct kw_backend *b = *out;
    const struct kw_model_config *c = b->c;
    const size_t n = p->max_tokens, q = (size_t)c->heads * c->head_dim, f = sizeof(float);
    size_t widest = b->l->qkv.rows; /* the longest row or vector of weights */
    if (c->hidden > widest) widest = c->hidden;
    if (c->intermediate > widest) widest = c->intermediate;
    struct kw_cpu_work *k = b->work = calloc(1, sizeof *k);
    if (k) {
        k->x = malloc(n * c->hidden * f), k->h = malloc(n * c->hidden * f);
        k->qkv = malloc(n * b->l->qkv.rows * f), k->att = malloc(n * q * f);
        k->up = malloc(n * 2 * c->intermediate * f), k->act = malloc(n * c->intermediate * f);
        k->row = malloc(widest * f), k->code = malloc(widest), k->kv = malloc(c->head_dim * f);
        k->in = malloc((b->l->precision == KW_DT_FP8 ? n * widest : 1) * f), k->in_scale = malloc(n * f);
        k->score = malloc(p->max_model_len * sizeof *k->score), k->logits = malloc(c->vocab * f);
    }
    if (k && k->x && k->h && k->qkv && k->att && k->up && k->act && k->row && k->code && k->kv && k->in &&
        k->in_scale && k->score && k->logits)
        return KW_OK;
    destroy(b);
    *out = NULL;
    return kw_fail(err, KW_ENOMEM, "out of memory for a batch of %u tokens", p->max_tokens);
}

static enum kw_status prepare(struct kw_backend *b, struct kw_error *err)
{
    (void)b, (void)err; /* nothing is planned ahead */
    return KW_OK;
}

const struct kw_backend_ops kw_backend_reference = {
    KW_CPU_OPS,         .name = "reference", .create = create, .destroy = destroy, .device = kw_cpu_device,
    .prepare = prepare, .submit = submit,
};
