#include "engine/model/weights.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the arena */

static uint64_t aligned(uint64_t v)
{
    return (v + 255) & ~UINT64_C(255);
}

/* Takes room at *at for a matrix; its scales follow it. */
static struct kw_matrix_ref take(uint64_t *at, uint32_t rows, uint32_t cols, enum kw_dtype t)
{
    assert(*at % 256 == 0); /* kernels load whole vectors from every matrix's start */
    struct kw_matrix_ref p = { .offset = *at, .rows = rows, .cols = cols, .dtype = t };
    p.bytes = (uint64_t)rows * cols * kw_dtype_bytes(t);
    *at = aligned(*at + p.bytes);
    if (t == KW_DT_FP8) {
        p.scales = *at;
        *at = aligned(*at + (uint64_t)rows * 4);
    }
    return p;
}

void kw_weights_layout(struct kw_weights_layout *w, const struct kw_model_config *c, enum kw_dtype precision)
{
    enum kw_dtype other = precision == KW_DT_FP8 ? KW_DT_BF16 : precision;
    uint32_t q = c->heads * c->head_dim, qkv = q + 2 * c->kv_heads * c->head_dim;
    uint64_t at = 0;
    *w = (struct kw_weights_layout){ .precision = precision, .layers = c->layers };
    w->embed = take(&at, c->vocab, c->hidden, other);
    uint64_t first = at;
    w->attn_norm = take(&at, 1, c->hidden, other);
    w->qkv = take(&at, qkv, c->hidden, precision);
    if (c->qkv_bias) w->qkv_bias = take(&at, 1, qkv, other);
    w->o = take(&at, c->hidden, q, precision);
    w->mlp_norm = take(&at, 1, c->hidden, other);
    w->gate_up = take(&at, 2 * c->intermediate, c->hidden, precision);
    w->down = take(&at, c->hidden, c->intermediate, precision);
    w->layer_stride = at - first;
    assert(w->layer_stride % 256 == 0);
    at = first + c->layers * w->layer_stride;
    w->final_norm = take(&at, 1, c->hidden, other);
    w->lm_head = c->tied_embeddings ? w->embed : take(&at, c->vocab, c->hidden, other);
    w->bytes = at;
}

static uint64_t matrix_bytes(const struct kw_matrix_ref *p)
{
    return p->bytes + (p->dtype == KW_DT_FP8 ? (uint64_t)p->rows * 4 : 0);
}

uint64_t kw_weights_step_bytes(const struct kw_weights_layout *w)
{
    uint64_t layer = matrix_bytes(&w->attn_norm) + matrix_bytes(&w->qkv) + matrix_bytes(&w->qkv_bias) +
                     matrix_bytes(&w->o) + matrix_bytes(&w->mlp_norm) + matrix_bytes(&w->gate_up) +
                     matrix_bytes(&w->down);
    return w->layers * layer + matrix_bytes(&w->final_norm) + matrix_bytes(&w->lm_head);
}

bool kw_weights_at(const struct kw_weights_layout *w, size_t i, struct kw_weight *out)
{
    const struct kw_matrix_ref *part[7];
    enum kw_weight_kind kind[7];
    size_t n = 0;
    part[n] = &w->attn_norm, kind[n++] = KW_W_ATTN_NORM;
    part[n] = &w->qkv, kind[n++] = KW_W_QKV;
    if (w->qkv_bias.bytes) part[n] = &w->qkv_bias, kind[n++] = KW_W_QKV_BIAS;
    part[n] = &w->o, kind[n++] = KW_W_O;
    part[n] = &w->mlp_norm, kind[n++] = KW_W_MLP_NORM;
    part[n] = &w->gate_up, kind[n++] = KW_W_GATE_UP;
    part[n] = &w->down, kind[n++] = KW_W_DOWN;
    *out = (struct kw_weight){ .layer = UINT32_MAX };
    size_t in_layers = n * w->layers;
    if (i == 0) {
        out->matrix = w->embed, out->kind = KW_W_EMBED;
    } else if (i <= in_layers) {
        out->layer = (uint32_t)((i - 1) / n);
        out->kind = kind[(i - 1) % n];
        out->matrix = *part[(i - 1) % n];
        out->matrix.offset += out->layer * w->layer_stride;
        if (out->matrix.scales) out->matrix.scales += out->layer * w->layer_stride;
    } else if (i == in_layers + 1) {
        out->matrix = w->final_norm, out->kind = KW_W_FINAL_NORM;
    } else if (i == in_layers + 2 && w->lm_head.offset != w->embed.offset) {
        out->matrix = w->lm_head, out->kind = KW_W_LM_HEAD;
    } else {
        return false;
    }
    static_assert(KW_W_DOWN < 16, "an id packs the layer above four bits of kind");
    out->id = out->layer == UINT32_MAX ? (uint32_t)out->kind : (out->layer + 1) * 16 + (uint32_t)out->kind;
    return true;
}

bool kw_weights_part(const struct kw_model_config *c, const struct kw_weight *w, size_t j, struct kw_weight_part *out)
{
    const uint32_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, up = c->intermediate;
    const struct {
        enum kw_weight_kind kind;
        const char *name; /* after "model.layers.N." for a layer's */
        uint32_t row, rows;
    } parts[] = {
        { KW_W_EMBED, "model.embed_tokens.weight", 0, c->vocab },
        { KW_W_FINAL_NORM, "model.norm.weight", 0, c->hidden },
        { KW_W_LM_HEAD, "lm_head.weight", 0, c->vocab },
        { KW_W_ATTN_NORM, "input_layernorm.weight", 0, c->hidden },
        { KW_W_QKV, "self_attn.q_proj.weight", 0, q },
        { KW_W_QKV, "self_attn.k_proj.weight", q, kv },
        { KW_W_QKV, "self_attn.v_proj.weight", q + kv, kv },
        { KW_W_QKV_BIAS, "self_attn.q_proj.bias", 0, q },
        { KW_W_QKV_BIAS, "self_attn.k_proj.bias", q, kv },
        { KW_W_QKV_BIAS, "self_attn.v_proj.bias", q + kv, kv },
        { KW_W_O, "self_attn.o_proj.weight", 0, c->hidden },
        { KW_W_MLP_NORM, "post_attention_layernorm.weight", 0, c->hidden },
        { KW_W_GATE_UP, "mlp.gate_proj.weight", 0, up },
        { KW_W_GATE_UP, "mlp.up_proj.weight", up, up },
        { KW_W_DOWN, "mlp.down_proj.weight", 0, c->hidden },
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].kind != w->kind || j-- > 0) continue;
        if (w->layer == UINT32_MAX)
            snprintf(out->name, sizeof out->name, "%s", parts[i].name);
        else
            snprintf(out->name, sizeof out->name, "model.layers.%u.%s", w->layer, parts[i].name);
        out->row = parts[i].row, out->rows = parts[i].rows;
        return true;
    }
    return false;
}

/* ---- from a checkpoint */

static enum kw_status push(struct kw_weights_plan *p, size_t *cap, struct kw_copy c, struct kw_error *err)
{
    if (p->n == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        struct kw_copy *to = realloc(p->copies, more * sizeof *to);
        if (!to) return kw_fail(err, KW_ENOMEM, "out of memory for the plan of the weights");
        p->copies = to, *cap = more;
    }
    p->copies[p->n++] = c;
    p->read_bytes += (uint64_t)c.rows * c.cols * kw_dtype_bytes(c.from);
    return KW_OK;
}

/* The one value of a scalar tensor, from its file. */
static enum kw_status read_scalar(const struct kw_checkpoint *k, const struct kw_tensor *t, float *out,
                                  struct kw_error *err)
{
    const char *path = k->path[t->file];
    unsigned char raw[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(errno));
    ssize_t got = pread(fd, raw, t->bytes, (off_t)t->offset);
    int why = errno;
    close(fd);
    if (got != (ssize_t)t->bytes)
        return kw_fail(err, KW_EINPUT, "%.300s: %s: %s", path, t->name,
                       got < 0 ? strerror(why) : "the file ends too early");
    kw_dtype_convert(out, KW_DT_FP32, raw, (enum kw_dtype)t->dtype, 1);
    if (!(isfinite(*out) && *out > 0))
        return kw_fail(err, KW_ERANGE, "%.300s: %s: want a scale above 0; got %g", path, t->name, (double)*out);
    return KW_OK;
}

/* The scales of an fp8 tensor: one, or one per row. */
static enum kw_status plan_scales(struct kw_weights_plan *p, size_t *cap, const struct kw_checkpoint *k,
                                  const char *weight, struct kw_copy *c, struct kw_error *err)
{
    char name[288];
    snprintf(name, sizeof name, "%s_scale", weight);
    const struct kw_tensor *t = kw_checkpoint_find(k, name);
    if (!t) return kw_fail(err, KW_ERANGE, "%.200s is fp8 but the checkpoint has no %.250s", weight, name);
    uint64_t n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) n *= t->shape[i]; /* cannot overflow: bytes did not */
    if (t->dtype > KW_ST_F16 || (n != 1 && n != c->rows))
        return kw_fail(err, KW_ERANGE, "%.300s: %.200s: want 1 or %u values of F32, BF16 or F16; got %" PRIu64,
                       k->path[t->file], name, c->rows, n);
    if (n == 1) return read_scalar(k, t, &c->scale, err);
    return push(p, cap,
                (struct kw_copy){ .file = t->file,
                                  .offset = t->offset,
                                  .dst = c->dst_scale,
                                  .rows = 1,
                                  .cols = c->rows,
                                  .from = (enum kw_dtype)t->dtype,
                                  .to = KW_DT_FP32,
                                  .scale = NAN },
                err);
}

/* The tensor `name` goes to rows [row, row + rows) of the place (a vector: to values from row on). */
static enum kw_status plan_tensor(struct kw_weights_plan *p, size_t *cap, const struct kw_checkpoint *k,
                                  const struct kw_matrix_ref *to, const char *name, uint32_t row, uint32_t rows,
                                  struct kw_error *err)
{
    bool vector = to->rows == 1;
    const struct kw_tensor *t = kw_checkpoint_find(k, name);
    if (!t) return kw_fail(err, KW_ERANGE, "%.300s: no tensor '%s'", k->n_files ? k->path[0] : "checkpoint", name);
    const char *path = k->path[t->file];
    if (vector ? t->n_dims != 1 || t->shape[0] != rows
               : t->n_dims != 2 || t->shape[0] != rows || t->shape[1] != to->cols) {
        char want[48], got[80] = "";
        snprintf(want, sizeof want, vector ? "[%u]" : "[%u, %u]", rows, to->cols);
        for (uint32_t i = 0; i < t->n_dims && i < 3; i++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%" PRIu64, i ? ", " : "", t->shape[i]);
        return kw_fail(err, KW_ERANGE, "%.300s: %s: want shape %s as config.json says; got [%s%s]", path, name, want,
                       got, t->n_dims > 3 ? ", ..." : "");
    }
    if (t->dtype == KW_ST_OTHER || (t->dtype == KW_ST_F8_E4M3 && to->dtype != KW_DT_FP8))
        return kw_fail(err, KW_ERANGE, "%.300s: %s: %s", path, name,
                       t->dtype == KW_ST_OTHER ? "want F32, BF16, F16 or F8_E4M3"
                                               : "an fp8 tensor can be loaded only with precision fp8");
    struct kw_copy c = { .file = t->file,
                         .offset = t->offset,
                         .rows = vector ? 1 : rows,
                         .cols = vector ? rows : to->cols,
                         .from = (enum kw_dtype)t->dtype,
                         .to = to->dtype,
                         .scale = NAN };
    c.dst = to->offset + (uint64_t)row * (vector ? 1 : to->cols) * kw_dtype_bytes(to->dtype);
    if (to->dtype == KW_DT_FP8) c.dst_scale = to->scales + (uint64_t)row * 4;
    if (c.from == KW_DT_FP8) {
        enum kw_status st = plan_scales(p, cap, k, name, &c, err);
        if (st != KW_OK) return st;
    }
    return push(p, cap, c, err);
}

static int by_file(const void *a, const void *b)
{
    const struct kw_copy *x = a, *y = b;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

enum kw_status kw_weights_plan(struct kw_weights_plan *p, const struct kw_weights_layout *w,
                               const struct kw_model_config *c, const struct kw_checkpoint *k, struct kw_error *err)
{
    size_t cap = 0;
    enum kw_status st = KW_OK;
    struct kw_weight at;
    struct kw_weight_part part;
    *p = (struct kw_weights_plan){ .arena_bytes = w->bytes };
    for (size_t i = 0; st == KW_OK && kw_weights_at(w, i, &at); i++)
        for (size_t j = 0; st == KW_OK && kw_weights_part(c, &at, j, &part); j++)
            st = plan_tensor(p, &cap, k, &at.matrix, part.name, part.row, part.rows, err);
    if (st != KW_OK)
        kw_weights_plan_free(p);
    else
        qsort(p->copies, p->n, sizeof *p->copies, by_file);
    return st;
}

void kw_weights_plan_free(struct kw_weights_plan *p)
{
    free(p->copies);
    *p = (struct kw_weights_plan){ 0 };
}
