#include "calibrate/model.h"
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/embedded.h"
#include "sim/core/json.h"

#define MAX_MODELS 64

static struct kw_model_shape table[MAX_MODELS];
static size_t n_table;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the first caller reads the table; OpenMP threads may race */

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

static enum kw_status read_model(struct kw_jnode n, struct kw_model_shape *m, struct kw_error *err)
{
    static const char *const keys[] = { "name", "hf_name", "layers", "hidden", "heads", "kv_heads", "head_dim",
                                        "intermediate", "vocab", "max_position", "tied_embeddings", "qkv_bias",
                                        "qk_norm", NULL };
    const char *name, *hf_name;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "hf_name"), &hf_name, err)) != KW_OK) return st;
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->hf_name, sizeof m->hf_name, "%s", hf_name);
    struct { const char *key; uint32_t *to; } counts[] = {
        { "layers", &m->layers }, { "hidden", &m->hidden }, { "heads", &m->heads }, { "kv_heads", &m->kv_heads },
        { "head_dim", &m->head_dim }, { "intermediate", &m->intermediate }, { "vocab", &m->vocab },
        { "max_position", &m->max_position } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if ((st = read_count(n, counts[i].key, counts[i].to, err)) != KW_OK) return st;
    if ((st = kw_json_bool_or(kw_json_get(n, "tied_embeddings"), false, &m->tied_embeddings, err)) != KW_OK) return st;
    if ((st = kw_json_bool_or(kw_json_get(n, "qkv_bias"), false, &m->qkv_bias, err)) != KW_OK) return st;
    if ((st = kw_json_bool_or(kw_json_get(n, "qk_norm"), false, &m->qk_norm, err)) != KW_OK) return st;
    m->n_params = n_params(m);
    return KW_OK;
}

/* Out of memory leaves the table empty and the next call tries again; any other failure is our own file's. */
static size_t load(void)
{
    pthread_mutex_lock(&lock);
    size_t n = n_table;
    if (!n) {
        size_t len;
        struct kw_json doc;
        struct kw_error err = { .msg = "not embedded" };
        const char *text = kw_embedded_find("calibrate/models.json", &len);
        enum kw_status st = text ? kw_json_parse(&doc, "calibrate/models.json", text, len, &err) : KW_EFAIL;
        if (st == KW_OK) {
            struct kw_jnode list = kw_json_get(kw_json_root(&doc), "models");
            int count = kw_json_len(list);
            assert(count > 0 && count <= MAX_MODELS);
            for (int i = 0; st == KW_OK && i < count; i++) st = read_model(kw_json_at(list, i), &table[i], &err);
            kw_json_free(&doc);
            if (st == KW_OK) n = n_table = (size_t)count;
        }
        assert(st == KW_OK || st == KW_ENOMEM);
    }
    pthread_mutex_unlock(&lock);
    return n;
}

const struct kw_model_shape *kw_model_find(const char *name)
{
    size_t n = load();
    for (size_t i = 0; i < n; i++)
        if (!strcmp(table[i].name, name) || !strcmp(table[i].hf_name, name)) return &table[i];
    return NULL;
}

size_t kw_model_count(void) { return load(); }

const struct kw_model_shape *kw_model_at(size_t i) { return i < load() ? &table[i] : NULL; }

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
