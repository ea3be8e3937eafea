#include "calibrate/profile/model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

static double n_params(const struct kw_model_shape *m)
{
    double layer = 2.0 * m->hidden; /* the two norms */
    if (m->qkv_bias) layer += (double)(m->heads + 2 * m->kv_heads) * m->head_dim;
    if (m->qk_norm) layer += 2.0 * m->head_dim;
    double tables = (m->tied_embeddings ? 1.0 : 2.0) * m->vocab * m->hidden;
    return kw_model_linear_params(m) + layer * m->layers + tables + m->hidden; /* + the last norm */
}

static enum kw_status read_count(struct kw_jnode m, const char *key, uint32_t *out, struct kw_error *err)
{
    int64_t v;
    enum kw_status st = kw_json_i64(kw_json_get(m, key), 1, 1 << 24, &v, err);
    if (st == KW_OK) *out = (uint32_t)v;
    return st;
}

static enum kw_status read_model(struct kw_jnode n, void *row, struct kw_error *err)
{
    struct kw_model_shape *m = row;
    static const char *const keys[] = {
        "name",         "hf_name", "layers",       "hidden",          "heads",    "kv_heads", "head_dim",
        "intermediate", "vocab",   "max_position", "tied_embeddings", "qkv_bias", "qk_norm",  NULL
    };
    const char *name, *hf_name;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "hf_name"), &hf_name, err)) != KW_OK) return st;
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->hf_name, sizeof m->hf_name, "%s", hf_name);
    struct {
        const char *key;
        uint32_t *to;
    } counts[] = { { "layers", &m->layers },     { "hidden", &m->hidden },
                   { "heads", &m->heads },       { "kv_heads", &m->kv_heads },
                   { "head_dim", &m->head_dim }, { "intermediate", &m->intermediate },
                   { "vocab", &m->vocab },       { "max_position", &m->max_position } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if ((st = read_count(n, counts[i].key, counts[i].to, err)) != KW_OK) return st;
    if ((st = kw_json_bool_or(kw_json_get(n, "tied_embeddings"), false, &m->tied_embeddings, err)) != KW_OK) return st;
    if ((st = kw_json_bool_or(kw_json_get(n, "qkv_bias"), false, &m->qkv_bias, err)) != KW_OK) return st;
    if ((st = kw_json_bool_or(kw_json_get(n, "qk_norm"), false, &m->qk_norm, err)) != KW_OK) return st;
    m->n_params = n_params(m);
    return KW_OK;
}

static struct kw_model_shape models[64];
static struct kw_table table = { .path = "calibrate/data/models.json",
                                 .key = "models",
                                 .read = read_model,
                                 .rows = models,
                                 .size = sizeof *models,
                                 .cap = sizeof models / sizeof *models,
                                 .lock = PTHREAD_MUTEX_INITIALIZER };

const struct kw_model_shape *kw_model_find(const char *name)
{
    size_t n = kw_table_load(&table);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(models[i].name, name) || !strcmp(models[i].hf_name, name)) return &models[i];
    return NULL;
}

size_t kw_model_count(void)
{
    return kw_table_load(&table);
}

const struct kw_model_shape *kw_model_at(size_t i)
{
    return i < kw_table_load(&table) ? &models[i] : NULL;
}

bool kw_model_same_shape(const char *a, const char *b)
{
    const struct kw_model_shape *m = kw_model_find(a), *n = kw_model_find(b);
    return m && n && m->layers == n->layers && m->hidden == n->hidden && m->heads == n->heads &&
           m->kv_heads == n->kv_heads && m->head_dim == n->head_dim && m->intermediate == n->intermediate &&
           m->vocab == n->vocab && m->tied_embeddings == n->tied_embeddings && m->qkv_bias == n->qkv_bias &&
           m->qk_norm == n->qk_norm;
}

double kw_model_linear_params(const struct kw_model_shape *m)
{
    double q = (double)m->heads * m->head_dim, kv = (double)m->kv_heads * m->head_dim;
    return m->layers * (m->hidden * (q + 2 * kv) + q * m->hidden + 3.0 * m->hidden * m->intermediate);
}

double kw_model_weight_bytes(const struct kw_model_shape *m, const char *precision)
{
    if (!strcmp(precision, "bf16") || !strcmp(precision, "fp16")) return 2 * m->n_params;
    if (!strcmp(precision, "fp8")) return 2 * m->n_params - kw_model_linear_params(m);
    return NAN;
}

double kw_model_step_bytes(const struct kw_model_shape *m, const char *precision)
{
    double table_bytes = m->tied_embeddings ? 0 : 2.0 * m->vocab * m->hidden;
    return kw_model_weight_bytes(m, precision) - table_bytes;
}

double kw_model_kv_bytes_per_token(const struct kw_model_shape *m, const char *precision)
{
    if (isnan(kw_model_weight_bytes(m, precision))) return NAN;
    return 2.0 * 2.0 * m->layers * m->kv_heads * m->head_dim;
}
