#include "calibrate/profile/model_shape.h"
#include <math.h>
#include <string.h>

bool kw_model_is_plain(const struct kw_model_shape *m)
{
    return !m->experts.n && !m->latent.kv_rank && !m->linear_layers && !m->window_layers && !m->gated;
}

/* ---- parameters */

/* Of one layer that attends. */
static double attention_params(const struct kw_model_shape *m)
{
    double h = m->hidden, heads = m->heads, q = heads * m->head_dim, kv = (double)m->kv_heads * m->head_dim;
    if (!m->latent.kv_rank) return h * (q * (m->gated ? 2 : 1) + 2 * kv) + q * h;
    double r = m->latent.kv_rank, rq = m->latent.q_rank, dv = m->latent.v_dim, index = m->latent.index_heads;
    double query = rq > 0 ? h * rq + rq * q : h * q;
    double indexer = index * m->latent.index_dim * rq + (index > 0 ? h * (m->latent.index_dim + index) : 0);
    return query + h * (r + m->latent.rope_dim) + r * heads * (m->latent.nope_dim + dv) + heads * dv * h + indexer;
}

/* Of one linear layer. */
static double linear_params(const struct kw_model_shape *m)
{
    double k = (double)m->linear.key_heads * m->linear.key_dim, v = (double)m->linear.value_heads * m->linear.value_dim;
    return m->hidden * (2 * k + 2 * v + 2.0 * m->linear.value_heads) + v * m->hidden;
}

static uint32_t expert_layers(const struct kw_model_shape *m)
{
    return m->experts.n ? m->layers - m->experts.dense_layers : 0;
}

double kw_model_part_params(const struct kw_model_shape *m, unsigned parts)
{
    double sparse = expert_layers(m), n = 0;
    if (parts & KW_PART_ATTENTION)
        n += (m->layers - m->linear_layers) * attention_params(m) + m->linear_layers * linear_params(m);
    if (parts & KW_PART_MLP) n += 3.0 * m->hidden * m->intermediate * (m->layers - sparse);
    if (parts & KW_PART_SHARED) n += 3.0 * m->hidden * m->experts.shared_width * sparse;
    if (parts & KW_PART_EXPERTS) n += 3.0 * m->hidden * m->experts.width * m->experts.n * sparse;
    return n;
}

double kw_model_linear_params(const struct kw_model_shape *m)
{
    return kw_model_part_params(m, KW_PARTS);
}

double kw_model_active_linear_params(const struct kw_model_shape *m)
{
    double experts = kw_model_part_params(m, KW_PART_EXPERTS);
    return kw_model_linear_params(m) - experts + (m->experts.n ? experts * m->experts.active / m->experts.n : 0);
}

/* Norms, biases, routers, convolutions: in no precision but 16 bits. */
static double small_params(const struct kw_model_shape *m)
{
    double layer = (double)m->norms * m->hidden, q = (double)m->heads * m->head_dim,
           kv = (double)m->kv_heads * m->head_dim, full = m->layers - m->linear_layers, sparse = expert_layers(m),
           n = 0;
    if (m->qkv_bias) n += full * (q + 2 * kv);
    if (m->o_bias) n += full * (m->hidden + m->heads); /* gpt-oss: and a sink a head */
    if (m->qk_norm) n += full * (m->qk_norm_all ? q + kv : 2.0 * m->head_dim);
    if (m->latent.kv_rank) n += full * (m->latent.kv_rank + m->latent.q_rank + 2.0 * m->latent.index_dim);
    double k = (double)m->linear.key_heads * m->linear.key_dim, v = (double)m->linear.value_heads * m->linear.value_dim;
    n += m->linear_layers * ((2 * k + v) * m->linear.conv + 2.0 * m->linear.value_heads + m->linear.value_dim);
    n += sparse * m->experts.n * m->hidden; /* the router */
    if (m->experts.shared_gate) n += sparse * m->hidden;
    if (m->experts.bias) n += sparse * m->experts.n * (2.0 * m->experts.width + m->hidden + 1);
    return n + layer * m->layers + m->hidden; /* + the last norm */
}

void kw_model_count_params(struct kw_model_shape *m)
{
    double one = (double)m->vocab * m->hidden, small = small_params(m);
    m->n_params = kw_model_linear_params(m) + small + (m->tied_embeddings ? 1 : 2) * one;
    double idle = m->experts.bias ? expert_layers(m) * (double)(m->experts.n - m->experts.active) *
                                        (2.0 * m->experts.width + m->hidden)
                                  : 0;
    m->active_params = kw_model_active_linear_params(m) + small - idle + one;
}

/* ---- bytes */

const char *kw_model_own_precision(const struct kw_model_shape *m)
{
    static const char *const names[] = { "bf16", "fp8", "int4", "mxfp4", "nvfp4" };
    return names[m->quant];
}

static bool wide(const char *precision)
{
    return !strcmp(precision, "bf16") || !strcmp(precision, "fp16");
}

double kw_model_bits(const struct kw_model_shape *m, const char *precision)
{
    bool own = m->quant == KW_QUANT_INT4 && m->quant_group;
    double group = own ? m->quant_group : 128;
    if (wide(precision)) return 16;
    if (!strcmp(precision, "fp8")) return 8;
    if (!strcmp(precision, "int4")) return 4 + 16 / group + (!own || m->quant_zero ? 4 / group : 0);
    if (!strcmp(precision, "mxfp4")) return 4.25;
    return !strcmp(precision, "nvfp4") ? 4.5 : NAN;
}

double kw_model_weight_bytes(const struct kw_model_shape *m, const char *precision)
{
    bool own = m->quant != KW_QUANT_NONE && !strcmp(precision, kw_model_own_precision(m));
    return 2 * m->n_params -
           (2 - kw_model_bits(m, precision) / 8) * kw_model_part_params(m, own ? m->quant_parts : KW_PARTS);
}

double kw_model_expert_bytes(const struct kw_model_shape *m, const char *precision)
{
    bool own = m->quant != KW_QUANT_NONE && !strcmp(precision, kw_model_own_precision(m));
    double bytes = own && !(m->quant_parts & KW_PART_EXPERTS) ? 2 : kw_model_bits(m, precision) / 8;
    return bytes * kw_model_part_params(m, KW_PART_EXPERTS);
}

double kw_model_step_bytes(const struct kw_model_shape *m, const char *precision)
{
    double table_bytes = m->tied_embeddings ? 0 : 2.0 * m->vocab * m->hidden;
    return kw_model_weight_bytes(m, precision) - table_bytes;
}

double kw_model_experts_touched(const struct kw_model_shape *m, double tokens)
{
    if (!m->experts.n) return 0;
    return m->experts.n * (1 - pow(1 - (double)m->experts.active / m->experts.n, tokens));
}

/* A token of one layer, 2 bytes a value. */
static double layer_kv_bytes(const struct kw_model_shape *m)
{
    if (m->latent.kv_rank) return 2.0 * (m->latent.kv_rank + m->latent.rope_dim + m->latent.index_dim);
    return 2.0 * 2.0 * m->kv_heads * m->head_dim;
}

double kw_model_kv_bytes_per_token(const struct kw_model_shape *m, const char *precision)
{
    if (isnan(kw_model_bits(m, precision))) return NAN;
    return (m->layers - m->linear_layers) * layer_kv_bytes(m);
}

double kw_model_kv_bytes(const struct kw_model_shape *m, const char *precision, double tokens)
{
    double full = m->layers - m->linear_layers - m->window_layers;
    if (isnan(kw_model_bits(m, precision))) return NAN;
    return layer_kv_bytes(m) * (full * tokens + m->window_layers * fmin(tokens, m->window)) + kw_model_state_bytes(m);
}

double kw_model_state_bytes(const struct kw_model_shape *m)
{
    double k = (double)m->linear.key_heads * m->linear.key_dim, v = (double)m->linear.value_heads * m->linear.value_dim;
    if (!m->linear_layers) return 0;
    return m->linear_layers * (4.0 * v * m->linear.key_dim + 2.0 * (2 * k + v) * (m->linear.conv - 1));
}
