#include "calibrate/profile/model.h"
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/model_config.h"
#include "calibrate/profile/model_name.h"
#include "calibrate/profile/table.h"
#include "sim/core/nearest.h"

#define NAMES (sizeof((struct kw_model_shape *)0)->hf_name / sizeof((struct kw_model_shape *)0)->hf_name[0])

static struct kw_model_shape models[128];

static const struct kw_model_shape *called(const struct kw_model_shape *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(list[i].name, name)) return &list[i];
        for (size_t k = 0; k < NAMES && list[i].hf_name[k][0]; k++)
            if (!strcmp(list[i].hf_name[k], name)) return &list[i];
    }
    return NULL;
}

/* One that is published under that name too: an organisation's names before a bare one, which no organisation vouches for. */
static const struct kw_model_shape *related(const struct kw_model_shape *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < NAMES && list[i].hf_name[k][0]; k++)
            if (kw_model_names_agree(list[i].hf_name[k], name)) return &list[i];
    for (size_t i = 0; i < n && !strchr(name, '/'); i++)
        if (kw_model_names_agree(list[i].name, name)) return &list[i];
    return NULL;
}

static enum kw_status read_names(struct kw_jnode n, struct kw_model_shape *m, struct kw_error *err)
{
    const char *name, *source, *hf;
    struct kw_jnode list = kw_json_get(n, "hf");
    enum kw_status st = kw_json_str(kw_json_get(n, "name"), &name, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "source"), &source, err);
    if (st != KW_OK) return st;
    if (!kw_json_is_array(list) || kw_json_len(list) > (int)NAMES)
        return kw_json_fail(list, KW_ERANGE, err, "want a list of at most %zu names", NAMES);
    memset(m->hf_name, 0, sizeof m->hf_name);
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->source, sizeof m->source, "%s", source);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++)
        if ((st = kw_json_str(kw_json_at(list, i), &hf, err)) == KW_OK)
            snprintf(m->hf_name[i], sizeof m->hf_name[i], "%s", hf);
    return st;
}

/* A shape, or that of a row above it with another context or quantisation. */
static enum kw_status read_model(struct kw_jnode n, void *row, struct kw_error *err)
{
    struct kw_model_shape *m = row;
    static const char *const own[] = { "name", "hf", "source", "config", NULL }, *const same[] = {
        "name", "hf", "source", "like", "max_position_embeddings", "quantization_config", NULL
    };
    const char *like;
    int64_t longest;
    enum kw_status st = kw_json_str_or(kw_json_get(n, "like"), NULL, &like, err);
    if (st == KW_OK) st = kw_json_keys(n, like ? same : own, err);
    if (st == KW_OK && like) {
        const struct kw_model_shape *base = called(models, (size_t)(m - models), like);
        if (!base) return kw_json_fail(kw_json_get(n, "like"), KW_ERANGE, err, "is no row above");
        *m = *base;
    }
    if (st == KW_OK) st = read_names(n, m, err);
    if (st != KW_OK || !like) return st == KW_OK ? kw_model_config_read(kw_json_get(n, "config"), m, err) : st;
    struct kw_jnode position = kw_json_get(n, "max_position_embeddings");
    st = kw_json_i64_or(position, m->max_position, 1, 1 << 24, &longest, err);
    if (st == KW_OK) m->max_position = (uint32_t)longest;
    return st == KW_OK ? kw_model_config_quant(kw_json_get(n, "quantization_config"), m, err) : st;
}

static struct kw_table table = { .path = "calibrate/data/models.json",
                                 .key = "models",
                                 .read = read_model,
                                 .rows = models,
                                 .size = sizeof *models,
                                 .cap = sizeof models / sizeof *models,
                                 .lock = PTHREAD_MUTEX_INITIALIZER };

/* Of files that the user names: they stay, since names lead to them. */
static struct kw_model_shape files[32];
static size_t n_files;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct kw_model_shape *of_file(const char *name)
{
    pthread_mutex_lock(&files_lock);
    const struct kw_model_shape *m = called(files, n_files, name);
    pthread_mutex_unlock(&files_lock);
    return m;
}

const struct kw_model_shape *kw_model_find(const char *name)
{
    size_t n = kw_table_load(&table);
    const struct kw_model_shape *m = called(models, n, name);
    if (!m) m = of_file(name);
    return m || kw_model_is_file(name) ? m : related(models, n, name);
}

const struct kw_model_shape *kw_model_taken_for(const char *name)
{
    const struct kw_model_shape *m = kw_model_find(name);
    return m && !called(m, 1, name) ? m : NULL;
}

bool kw_model_is_file(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && !strcmp(name + n - 5, ".json");
}

/* "mine/config.json" is mine, "shapes/mine.json" too: the folder's name where the file's says nothing. */
static void name_file(char name[48], const char *path)
{
    const char *end = strrchr(path, '/'), *from = end ? end + 1 : path;
    size_t len = strlen(from) - strlen(".json");
    if (end && !strcmp(from, "config.json")) {
        for (from = end; from > path && from[-1] != '/';) from--;
        len = (size_t)(end - from);
    }
    snprintf(name, 48, "%.*s", (int)(len < 47 ? len : 47), from);
}

enum kw_status kw_model_load(const struct kw_model_shape **out, const char *name, const char *path,
                             struct kw_error *err)
{
    struct kw_model_shape m = { 0 };
    struct kw_json doc;
    if ((*out = kw_model_find(name))) return KW_OK;
    if (strlen(name) >= sizeof m.hf_name[0])
        return kw_fail(err, KW_ERANGE, "%.80s...: a model's path may have %zu bytes", name, sizeof m.hf_name[0] - 1);
    enum kw_status st = kw_json_load(&doc, path, err);
    if (st != KW_OK) return st;
    name_file(m.name, name);
    snprintf(m.hf_name[0], sizeof m.hf_name[0], "%s", name);
    snprintf(m.source, sizeof m.source, "%.159s", path);
    st = kw_model_config_read(kw_json_root(&doc), &m, err);
    kw_json_free(&doc);
    if (st != KW_OK) return st;
    if (kw_model_find(m.name))
        return kw_fail(err, KW_ERANGE, "%s: a model is called '%s' already; rename the file or its folder", path,
                       m.name);
    pthread_mutex_lock(&files_lock);
    if (n_files < sizeof files / sizeof *files) {
        files[n_files] = m;
        *out = &files[n_files++];
    } else {
        st = kw_fail(err, KW_ERANGE, "%s: more than %zu models from files", path, n_files);
    }
    pthread_mutex_unlock(&files_lock);
    return st;
}

enum kw_status kw_model_named(const struct kw_model_shape **out, const char *name, struct kw_error *err)
{
    const char *names[sizeof models / sizeof *models + 1] = { NULL };
    char hint[KW_NEAREST_HINT];
    if ((*out = kw_model_find(name))) return KW_OK;
    if (kw_model_is_file(name)) return kw_model_load(out, name, name, err);
    for (size_t i = 0; i < kw_model_count(); i++) names[i] = models[i].name;
    return kw_fail(err, KW_ERANGE, "there is no model '%.60s'%s", name, kw_nearest_hint(hint, name, names));
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
           m->o_bias == n->o_bias && m->qk_norm == n->qk_norm && m->qk_norm_all == n->qk_norm_all &&
           m->gated == n->gated && m->norms == n->norms && m->window_layers == n->window_layers &&
           m->window == n->window && m->linear_layers == n->linear_layers &&
           !memcmp(&m->linear, &n->linear, sizeof m->linear) && !memcmp(&m->latent, &n->latent, sizeof m->latent) &&
           m->experts.n == n->experts.n && m->experts.active == n->experts.active &&
           m->experts.width == n->experts.width && m->experts.shared_width == n->experts.shared_width &&
           m->experts.dense_layers == n->experts.dense_layers;
}
