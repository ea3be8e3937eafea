#include "calibrate/operators/shape_steps.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/expert_table.h"
#include "calibrate/operators/fit.h"
#include "calibrate/operators/server_law.h"
#include "calibrate/profile/curve.h"
#include "calibrate/profile/kv.h"

#define GRAPH_LIMIT 512.0  /* vLLM's largest captured size */
#define LAW_HEAD_DIM 128.0 /* of the attention tables that the laws are fitted to */

static const double dense_grid[] = { 640,  768,  896,  1024, 1280, 1536,  1792, 2048,
                                     2560, 3072, 4096, 6144, 8192, 12288, 16384 };
static const double sequence_grid[] = { 1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024 };
static const double batch_grid[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 };
static const double context_grid[] = { 16, 128, 512, 2048, 8192, 32768, 131072, 524288 };
static const double prompt_grid[] = { 16,   32,   64,   128,  256,  512,  768,   1024,
                                      1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384 };
#define COUNT(a) (sizeof(a) / sizeof *(a))

struct kind {               /* of weights */
    double bytes;           /* a parameter */
    enum kw_gemm_kind gemm; /* operands: int4 and MXFP4 are widened to 16 bits on the way */
    const char *precision;
};

struct job {
    const struct kw_model_shape *m;
    const struct kw_gpu_spec *g;
    const struct kw_kernel_laws *laws;
    double tp, kv_heads;           /* KV heads of one GPU */
    double dp, ep, gpus, kv_bytes; /* dp 1 where the ranks' experts are tables apart; of a value of the KV cache */
    bool apart;
    double slower;                  /* what is bound by operations, under load */
    double of_table[KW_GEMM_KINDS]; /* products, as servers run them */
    double full, sparse;            /* layers that attend, layers of experts */
    struct kind attention, mlp, shared, experts, wide;
    const struct kw_expert_row *row; /* NULL: no table has these experts */
};

static struct kind kind_of(const struct kw_model_shape *m, const char *precision, unsigned part)
{
    bool own = m->quant != KW_QUANT_NONE && !strcmp(precision, kw_model_own_precision(m));
    enum kw_gemm_kind gemm = !strcmp(precision, "fp8")     ? KW_GEMM_FP8
                             : !strcmp(precision, "nvfp4") ? KW_GEMM_NVFP4
                                                           : KW_GEMM_BF16;
    if (own && !(m->quant_parts & part)) return (struct kind){ .bytes = 2, .precision = "bf16" };
    return (struct kind){ .bytes = kw_model_bits(m, precision) / 8, .gemm = gemm, .precision = precision };
}

/* ---- products */

static double product_s(const struct job *j, const struct kind *w, double tokens, double n, double k)
{
    return j->of_table[w->gemm] * kw_gemm_ratio_at(&j->laws->gemm[w->gemm], tokens, n, k) *
           kw_gemm_roofline_s(j->g, w->gemm, w->bytes, tokens, n, k, j->slower);
}

static double mlp_s(const struct job *j, const struct kind *w, double tokens, double width)
{
    return product_s(j, w, tokens, 2 * width / j->tp, j->m->hidden) +
           product_s(j, w, tokens, j->m->hidden, width / j->tp);
}

/* One GPU's share of a layer's routed experts, of all ranks' tokens. */
static double experts_by_law_s(const struct job *j, double all)
{
    const struct kw_model_shape *m = j->m;
    const struct kind *w = &j->experts;
    bool fp8 = w->gemm == KW_GEMM_FP8;
    const double *c = fp8 ? j->laws->experts_fp8 : w->bytes < 1 ? j->laws->experts_4bit : j->laws->experts;
    double flops = fp8 ? j->g->flops_fp8 : j->g->flops_bf16, operand = fp8 ? 1 : 2;
    double width = m->experts.width * j->ep / j->gpus, taken = all * m->experts.active / j->ep;
    double read = kw_model_experts_touched(m, all) / j->ep * 3 * m->hidden * width * w->bytes +
                  taken * (operand * (m->hidden + width) + 2 * (2 * width + m->hidden));
    return c[0] + c[1] * 2 * taken * 3 * m->hidden * width / flops + c[2] * read / j->g->bandwidth;
}

/* By the table where one has that shape; its operations are slower under load. */
static double experts_s(const struct job *j, double all)
{
    if (!j->row) return experts_by_law_s(j, all);
    double each = 3.0 * j->m->hidden * j->m->experts.width * (j->ep / j->gpus),
           flops = j->experts.gemm == KW_GEMM_FP8 ? j->g->flops_fp8 : j->g->flops_bf16;
    double operations = 2 * all * j->m->experts.active / j->ep * each / flops,
           bytes = kw_model_experts_touched(j->m, all) / j->ep * each * j->experts.bytes / j->g->bandwidth;
    return kw_expert_row_s(j->row, all) * fmax(j->slower * operations, bytes) / fmax(operations, bytes);
}

static double router_s(const struct job *j, double tokens)
{
    return product_s(j, &j->wide, tokens, j->m->experts.n, j->m->hidden);
}

/* The projections of a layer that attends. */
static double attention_s(const struct job *j, double tokens)
{
    const struct kw_model_shape *m = j->m;
    const struct kind *w = &j->attention;
    double heads = m->heads / j->tp, q = heads * m->head_dim;
    if (!m->latent.kv_rank)
        return product_s(j, w, tokens, q * (m->gated ? 2 : 1) + 2 * j->kv_heads * m->head_dim, m->hidden) +
               product_s(j, w, tokens, m->hidden, q);
    double r = m->latent.kv_rank, low = r + m->latent.rope_dim, v = heads * m->latent.v_dim,
           index = m->latent.index_heads;
    double s = m->latent.q_rank ? product_s(j, w, tokens, m->latent.q_rank + low, m->hidden) +
                                      product_s(j, w, tokens, q, m->latent.q_rank)
                                : product_s(j, w, tokens, q + low, m->hidden);
    s += product_s(j, w, tokens, heads * m->latent.nope_dim + v, r) + product_s(j, w, tokens, m->hidden, v);
    if (index > 0)
        s += product_s(j, w, tokens, index * m->latent.index_dim, m->latent.q_rank) +
             product_s(j, w, tokens, m->latent.index_dim + index, m->hidden);
    return s;
}

static double linear_s(const struct job *j, double tokens)
{
    const struct kw_model_shape *m = j->m;
    double k = (double)m->linear.key_heads * m->linear.key_dim, v = (double)m->linear.value_heads * m->linear.value_dim;
    return product_s(j, &j->attention, tokens, (2 * k + 2 * v + 2.0 * m->linear.value_heads) / j->tp, m->hidden) +
           product_s(j, &j->attention, tokens, m->hidden, v / j->tp);
}

static double small_s(const struct job *j, enum kw_small_kernel k, double n, double bytes)
{
    return kw_small_fit_s(&j->laws->small[k], n, bytes, j->g->bandwidth);
}

static double dense_s(const struct job *j, double tokens)
{
    const struct kw_model_shape *m = j->m;
    double n = kw_fit_padded(tokens), plain = m->layers - j->sparse, hidden = m->hidden;
    double width = (j->apart ? 0 : (double)m->experts.active * m->experts.width) + m->experts.shared_width;
    double s = j->full *
               (attention_s(j, n) + small_s(j, KW_SMALL_ROPE, n, 4 * (m->heads / j->tp + j->kv_heads) * m->head_dim));
    if (m->linear_layers) s += m->linear_layers * linear_s(j, n);
    if (plain > 0)
        s += plain *
             (mlp_s(j, &j->mlp, n, m->intermediate) + small_s(j, KW_SMALL_ACT, n, 6.0 * m->intermediate / j->tp));
    if (j->sparse > 0) {
        s += j->sparse * ((j->apart ? 0 : experts_s(j, n * j->dp)) + router_s(j, n));
        if (width > 0) s += j->sparse * small_s(j, KW_SMALL_ACT, n, 6 * width / j->tp);
        if (m->experts.shared_width) s += j->sparse * mlp_s(j, &j->shared, n, m->experts.shared_width);
    }
    s += m->layers * m->norms * small_s(j, KW_SMALL_NORM, n, 8 * hidden);
    return s + small_s(j, KW_SMALL_EMBEDDING, n, 4 * hidden) + small_s(j, KW_SMALL_LAST_NORM, n, 8 * hidden);
}

/* ---- attention */

/* One layer over `context` tokens of B sequences. */
static double decode_layer_s(const struct job *j, double batch, double context)
{
    const struct kw_model_shape *m = j->m;
    const double *c = j->kv_bytes < 2 ? j->laws->decode_fp8 : j->laws->decode;
    double latent = m->latent.kv_rank + m->latent.rope_dim;
    if (!m->latent.kv_rank)
        return c[0] + c[1] * batch * j->kv_heads +
               c[2] * 2 * j->kv_bytes * m->head_dim * j->kv_heads * context / j->g->bandwidth;
    double multiplied = 2 * m->heads / j->tp * (latent + m->latent.kv_rank) * context / j->g->flops_bf16;
    double read = j->kv_bytes * (latent + m->latent.index_dim) * context / j->g->bandwidth;
    return c[0] + c[1] * batch + c[2] * read + j->laws->prefill[2] * multiplied;
}

static double decode_s(const struct job *j, double batch, double context)
{
    const struct kw_model_shape *m = j->m;
    const double *c = j->laws->decode;
    double seen = fmin(context, batch * m->window), full = j->full - m->window_layers;
    double s = full * decode_layer_s(j, batch, context);
    if (m->window_layers) s += m->window_layers * decode_layer_s(j, batch, seen);
    if (m->linear_layers)
        s += m->linear_layers * c[0] + c[2] * 2 * batch * kw_model_state_bytes(m) / j->tp / j->g->bandwidth;
    return s;
}

/* Of one GPU a query-key pair. */
static double pair_flops(const struct job *j)
{
    const struct kw_model_shape *m = j->m;
    double heads = m->heads / j->tp;
    return heads * (m->latent.kv_rank ? 2.0 * (m->head_dim + m->latent.v_dim) : 4.0 * m->head_dim);
}

static double prefill_s(const struct job *j, double tokens)
{
    const struct kw_model_shape *m = j->m;
    const double *c = j->laws->prefill;
    double pairs = tokens * tokens / 2, window = m->window;
    double seen = tokens > window ? window * tokens - window * window / 2 : pairs, full = j->full - m->window_layers;
    double s = full * (c[0] + j->slower * c[2] * pair_flops(j) * pairs / j->g->flops_bf16);
    return s + m->window_layers * (c[0] + j->slower * c[2] * pair_flops(j) * seen / j->g->flops_bf16) +
           m->linear_layers * c[0];
}

/* A tile of 128 keys a token: the diagonal, padded; of linear attention three products with the state. */
static double prefill_token_s(const struct job *j)
{
    const struct kw_model_shape *m = j->m;
    double v = (double)m->linear.value_heads * m->linear.value_dim, state = 6 * v * m->linear.key_dim / j->tp;
    return j->laws->prefill[1] * (j->full * pair_flops(j) * 128 + m->linear_layers * state) / j->g->flops_bf16;
}

/* ---- tables */

static enum kw_status put_dense(struct kw_step_tables *t, const struct job *j, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->dense, 2 * 64 + COUNT(dense_grid), err);
    if (st != KW_OK) return st;
    for (double n = 1, last; n <= GRAPH_LIMIT; n = last + 1) { /* a plateau up to the last size that pads alike */
        last = kw_fit_padded(n);
        kw_curve_put(&t->dense, n, dense_s(j, n));
        if (last > n) kw_curve_put(&t->dense, last, dense_s(j, n));
    }
    for (size_t i = 0; i < COUNT(dense_grid); i++) kw_curve_put(&t->dense, dense_grid[i], dense_s(j, dense_grid[i]));
    return KW_OK;
}

static enum kw_status put_head(struct kw_step_tables *t, const struct job *j, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->head, COUNT(sequence_grid), err);
    for (size_t i = 0; st == KW_OK && i < COUNT(sequence_grid); i++)
        kw_curve_put(&t->head, sequence_grid[i],
                     product_s(j, &j->wide, sequence_grid[i], ceil(j->m->vocab / j->tp), j->m->hidden) +
                         small_s(j, KW_SMALL_SAMPLER, sequence_grid[i], 4.0 * j->m->vocab));
    return st;
}

static enum kw_status put_decode(struct kw_step_tables *t, const struct job *j, struct kw_error *err)
{
    t->decode = calloc(COUNT(batch_grid), sizeof *t->decode);
    t->decode_batch = calloc(COUNT(batch_grid), sizeof *t->decode_batch);
    if (!t->decode || !t->decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t b = 0; b < COUNT(batch_grid); b++) {
        double batch = batch_grid[b], window = j->m->window, before = 0;
        enum kw_status st = kw_curve_new(&t->decode[b], COUNT(context_grid) + 1, err);
        if (st != KW_OK) return st;
        t->decode_batch[b] = batch;
        t->n_decode_rows = (uint32_t)b + 1;
        for (size_t c = 0; c < COUNT(context_grid); c++) {
            if (window > before && window < context_grid[c])
                kw_curve_put(&t->decode[b], batch * window, decode_s(j, batch, batch * window));
            before = context_grid[c];
            kw_curve_put(&t->decode[b], batch * before, decode_s(j, batch, batch * before));
        }
    }
    return KW_OK;
}

static enum kw_status put_prefill(struct kw_step_tables *t, const struct job *j, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->prefill_attn, COUNT(prompt_grid), err);
    for (size_t i = 0; st == KW_OK && i < COUNT(prompt_grid); i++)
        kw_curve_put(&t->prefill_attn, prompt_grid[i] * prompt_grid[i] / 2, prefill_s(j, prompt_grid[i]));
    t->prefill_token_s = prefill_token_s(j);
    return st;
}

/* Of dp ranks the sums after attention stay within a rank, and its link is taken for as good as that of all. */
static double links_s(const struct job *j, const struct kw_link *link, double tokens)
{
    double one = kw_link_all_reduce_s(link, 2 * tokens * j->m->hidden);
    if (j->dp == 1) return 2 * j->m->layers * one;
    double shared = j->sparse * kw_link_all_reduce_s(link, 2 * j->dp * tokens * j->m->hidden);
    return shared + (j->tp > 1 ? (2 * j->m->layers - j->sparse) * one : 0);
}

static enum kw_status put_comm(struct kw_step_tables *t, const struct job *j, const struct kw_link *link,
                               struct kw_error *err)
{
    enum kw_status st = kw_curve_new(&t->comm, COUNT(sequence_grid) + COUNT(dense_grid), err);
    if (st != KW_OK) return st;
    if (j->tp * j->dp == 1) {
        kw_curve_put(&t->comm, 0, 0);
        return KW_OK;
    }
    for (size_t i = 0; i < COUNT(sequence_grid) && sequence_grid[i] <= GRAPH_LIMIT; i++)
        kw_curve_put(&t->comm, sequence_grid[i], links_s(j, link, kw_fit_padded(sequence_grid[i])));
    for (size_t i = 0; i < COUNT(dense_grid); i++)
        kw_curve_put(&t->comm, dense_grid[i], links_s(j, link, dense_grid[i]));
    return KW_OK;
}

/* All ranks' routed experts; a graph that pads a rank's tokens pads all of them. */
static double group_experts_s(const struct job *j, double ranks, double tokens)
{
    const struct kw_model_shape *m = j->m;
    double one = tokens / ranks, n = one <= GRAPH_LIMIT ? ranks * kw_fit_padded(ceil(one)) : tokens;
    return j->sparse *
           (experts_s(j, n) + small_s(j, KW_SMALL_ACT, n, 6.0 * m->experts.active * m->experts.width / j->gpus));
}

static enum kw_status put_group(struct kw_step_tables *t, const struct job *j, uint32_t ranks,
                                const struct kw_link *link, struct kw_error *err)
{
    struct kw_step_group *g = &t->group;
    double at[2 * 64 + COUNT(dense_grid)];
    size_t n = 0;
    if (!j->apart) return KW_OK;
    enum kw_status st = kw_curve_new(&g->experts, COUNT(at), err);
    if (st == KW_OK) st = kw_curve_new(&g->exchange, COUNT(at), err);
    if (st != KW_OK) return st;
    g->ranks = ranks;
    g->pad_to = (uint32_t)GRAPH_LIMIT;
    for (double one = 1, last; one <= GRAPH_LIMIT; one = last + 1) {
        last = kw_fit_padded(one);
        at[n++] = one;
        if (last > one) at[n++] = last;
    }
    for (size_t i = 0; i < COUNT(dense_grid); i++) at[n++] = dense_grid[i];
    for (size_t i = 0; i < n; i++) {
        double tokens = at[i] * ranks, padded = at[i] <= GRAPH_LIMIT ? ranks * kw_fit_padded(at[i]) : tokens;
        kw_curve_put(&g->experts, tokens, group_experts_s(j, ranks, tokens));
        kw_curve_put(&g->exchange, tokens, kw_link_exchange_s(link, j->m, padded));
    }
    return KW_OK;
}

enum kw_status kw_shape_steps(struct kw_step_tables *t, const struct kw_model_shape *m, const struct kw_gpu_spec *gpu,
                              const char *precision, const struct kw_split *split, const struct kw_kernel_laws *laws,
                              const struct kw_link *link, const struct kw_link *exchange, struct kw_error *err)
{
    uint32_t tp = split->tp, gpus = tp * split->dp;
    *t = (struct kw_step_tables){ 0 };
    if (split->apart && !m->experts.n)
        return kw_fail(err, KW_ERANGE, "%s has no experts to spread: more replicas do what dp would", m->name);
    if (split->ep > 1 && (!m->experts.n || gpus % split->ep || m->experts.n % split->ep))
        return kw_fail(err, KW_ERANGE, "%s: %u experts cannot be split over %u of %u GPUs", m->name, m->experts.n,
                       split->ep, gpus);
    if (m->heads % tp || (!m->latent.kv_rank && m->kv_heads % tp && tp % m->kv_heads))
        return kw_fail(err, KW_ERANGE, "%s: %u heads and %u KV heads cannot be split over %u GPUs", m->name, m->heads,
                       m->kv_heads, tp);
    struct job j = { .m = m,
                     .g = gpu,
                     .laws = laws,
                     .tp = tp,
                     .slower = kw_sustained_slower(),
                     .dp = split->apart ? 1 : split->dp,
                     .gpus = gpus,
                     .apart = split->apart,
                     .ep = split->ep,
                     .kv_bytes = split->kv_fp8 ? 1 : 2,
                     .kv_heads = m->kv_heads > tp ? m->kv_heads / tp : 1,
                     .full = m->layers - m->linear_layers,
                     .sparse = m->experts.n ? m->layers - m->experts.dense_layers : 0,
                     .attention = kind_of(m, precision, KW_PART_ATTENTION),
                     .mlp = kind_of(m, precision, KW_PART_MLP),
                     .shared = kind_of(m, precision, KW_PART_SHARED),
                     .experts = kind_of(m, precision, KW_PART_EXPERTS),
                     .wide = { .bytes = 2, .precision = "bf16" } };
    for (int k = 0; k < KW_GEMM_KINDS; k++) j.of_table[k] = kw_served_of_table(gpu->name, (enum kw_gemm_kind)k);
    enum kw_status st = m->experts.n ? kw_expert_table_load(split->routing, err) : KW_OK;
    if (st != KW_OK) return st;
    if (m->experts.n)
        j.row = kw_expert_row_find(gpu, m, j.experts.precision, gpus / split->ep, split->ep, split->routing);
    st = put_dense(t, &j, err);
    if (st == KW_OK) st = put_head(t, &j, err);
    if (st == KW_OK) st = put_decode(t, &j, err);
    if (st == KW_OK) st = put_prefill(t, &j, err);
    if (st == KW_OK) st = put_comm(t, &j, link, err);
    if (st == KW_OK) st = put_group(t, &j, split->dp, exchange, err);
    if (st != KW_OK) {
        struct kw_profile p = { .tables = *t };
        kw_profile_free(&p);
        *t = (struct kw_step_tables){ 0 };
    }
    return st;
}
