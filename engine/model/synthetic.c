#include "engine/model/synthetic.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "sim/core/files/file.h"
#include "sim/core/text.h"

void kw_synthetic_law(const struct kw_weights_layout *l, const struct kw_weight *w, float *centre, float *amplitude)
{
    double variance = 1.0 / w->matrix.cols;
    *centre = 0;
    switch (w->kind) {
    case KW_W_EMBED:
        if (l->lm_head.offset != l->embed.offset) variance = 1;
        break;
    case KW_W_O:
    case KW_W_DOWN: variance /= 2.0 * l->layers; break;
    case KW_W_QKV_BIAS: variance = 0.01; break;
    case KW_W_ATTN_NORM:
    case KW_W_MLP_NORM:
    case KW_W_FINAL_NORM:
        *centre = 1;
        variance = 0;
        break;
    case KW_W_QKV:
    case KW_W_GATE_UP:
    case KW_W_LM_HEAD: break;
    }
    *amplitude = (float)sqrt(3 * variance);
}

void kw_synthetic_rows(const struct kw_weights_layout *l, const struct kw_weight *w, uint64_t seed, uint32_t row,
                       uint32_t n, void *dst, float *scales, float *scratch)
{
    float centre, amplitude;
    kw_synthetic_law(l, w, &centre, &amplitude);
    const uint32_t cols = w->matrix.cols;
    const size_t bytes = kw_dtype_bytes(w->matrix.dtype);
    for (uint32_t r = 0; r < n; r++) {
        uint64_t first = (uint64_t)(row + r) * cols;
        unsigned char *to = (unsigned char *)dst + (size_t)r * cols * bytes;
        if (w->matrix.dtype == KW_DT_FP8) {
            for (uint32_t i = 0; i < cols; i++)
                scratch[i] = centre + amplitude * kw_synthetic_unit(seed, w->id, first + i);
            scales[r] = kw_fp8_quantise(to, scratch, cols);
        } else {
            for (uint32_t i = 0; i < cols; i++) {
                float v = centre + amplitude * kw_synthetic_unit(seed, w->id, first + i);
                kw_dtype_convert(to + i * bytes, w->matrix.dtype, &v, KW_DT_FP32, 1);
            }
        }
    }
}

/* ---- a checkpoint folder */

#define BUFFER ((size_t)8 << 20)

/* A walk over the tensors in file order: weight i, part j of it, and the shard it falls into. */
struct walk {
    const struct kw_model_config *c;
    struct kw_weights_layout l; /* its dtype is the checkpoint's */
    uint64_t seed, shard_bytes;
};

static uint64_t part_bytes(const struct kw_weight *w, const struct kw_weight_part *p)
{
    return (uint64_t)p->rows * (w->matrix.rows == 1 ? 1 : w->matrix.cols) * kw_dtype_bytes(w->matrix.dtype);
}

/* Shard of each tensor in turn; a shard takes at least one. */
struct shards {
    uint32_t now; /* from 0 */
    uint64_t filled;
};
static uint32_t shard_of(struct shards *s, uint64_t limit, uint64_t bytes)
{
    if (limit && s->filled && s->filled + bytes > limit) s->now++, s->filled = 0;
    s->filled += bytes;
    return s->now;
}

/* The header of one shard, padded with blanks so that the data begins at a multiple of 8. */
static void header(const struct walk *k, uint32_t shard, struct kw_text *t)
{
    static const char *const dtype[] = { "F32", "BF16", "F16" };
    struct shards s = { 0 };
    struct kw_weight w;
    struct kw_weight_part p;
    uint64_t at = 0;
    kw_text_add(t, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; kw_weights_at(&k->l, i, &w); i++)
        for (size_t j = 0; kw_weights_part(k->c, &w, j, &p); j++) {
            uint64_t bytes = part_bytes(&w, &p);
            if (shard_of(&s, k->shard_bytes, bytes) != shard) continue;
            kw_text_add(t, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%u", p.name, dtype[w.matrix.dtype], p.rows);
            if (w.matrix.rows != 1) kw_text_add(t, ",%u", w.matrix.cols);
            kw_text_add(t, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + bytes);
            at += bytes;
        }
    kw_text_add(t, "}");
    while (t->n % 8 && !t->failed) kw_text_add(t, " ");
}

/* The values of one tensor, BUFFER bytes at a time; rows are shared out, each value depends on its index alone. */
static enum kw_status write_part(const struct walk *k, const struct kw_weight *w, const struct kw_weight_part *p,
                                 struct kw_file *o, unsigned char *buffer, struct kw_error *err)
{
    const size_t row_bytes = w->matrix.cols * kw_dtype_bytes(w->matrix.dtype);
    if (w->matrix.rows == 1) { /* a vector: the part is a range of its values */
        kw_synthetic_rows(&k->l, w, k->seed, 0, 1, buffer, NULL, NULL);
        return kw_file_write(o, buffer + p->row * kw_dtype_bytes(w->matrix.dtype), part_bytes(w, p), err);
    }
    const uint32_t most = (uint32_t)(BUFFER / row_bytes);
    for (uint32_t r = 0, n; r < p->rows; r += n) {
        n = p->rows - r < most ? p->rows - r : most;
#pragma omp parallel for schedule(static)
        for (uint32_t i = 0; i < n; i++)
            kw_synthetic_rows(&k->l, w, k->seed, p->row + r + i, 1, buffer + i * row_bytes, NULL, NULL);
        enum kw_status st = kw_file_write(o, buffer, n * row_bytes, err);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

static void shard_name(char name[48], uint32_t shard, uint32_t n)
{
    if (n == 1)
        snprintf(name, 48, "model.safetensors");
    else
        snprintf(name, 48, "model-%05u-of-%05u.safetensors", shard + 1, n);
}

static enum kw_status write_shard(const struct walk *k, const char *folder, uint32_t shard, uint32_t n,
                                  unsigned char *buffer, struct kw_error *err)
{
    char name[48], path[4096];
    struct kw_text t = { 0 };
    struct kw_file o;
    shard_name(name, shard, n);
    header(k, shard, &t);
    enum kw_status st = KW_OK;
    if (t.failed) st = kw_fail(err, KW_ENOMEM, "%s: out of memory for its header", name);
    if (st == KW_OK && snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        st = kw_fail(err, KW_ERANGE, "%.100s...: the path is too long", folder);
    if (st == KW_OK) st = kw_file_create(&o, path, err);
    if (st != KW_OK) {
        kw_text_free(&t);
        return st;
    }
    unsigned char len[8];
    for (int i = 0; i < 8; i++) len[i] = (unsigned char)((uint64_t)t.n >> 8 * i);
    if ((st = kw_file_write(&o, len, 8, err)) == KW_OK) st = kw_file_write(&o, t.s, t.n, err);
    kw_text_free(&t);
    struct shards s = { 0 };
    struct kw_weight w;
    struct kw_weight_part p;
    for (size_t i = 0; st == KW_OK && kw_weights_at(&k->l, i, &w); i++)
        for (size_t j = 0; st == KW_OK && kw_weights_part(k->c, &w, j, &p); j++)
            if (shard_of(&s, k->shard_bytes, part_bytes(&w, &p)) == shard) st = write_part(k, &w, &p, &o, buffer, err);
    if (st == KW_OK) return kw_file_commit(&o, err);
    kw_file_abandon(&o);
    return st;
}

static enum kw_status write_index(const struct walk *k, const char *folder, uint32_t n, struct kw_error *err)
{
    struct shards s = { 0 };
    struct kw_weight w;
    struct kw_weight_part p;
    struct kw_text t = { 0 };
    uint64_t total = 0;
    char name[48], path[4096];
    kw_text_add(&t, "{\"weight_map\": {");
    for (size_t i = 0; kw_weights_at(&k->l, i, &w); i++)
        for (size_t j = 0; kw_weights_part(k->c, &w, j, &p); j++) {
            shard_name(name, shard_of(&s, k->shard_bytes, part_bytes(&w, &p)), n);
            kw_text_add(&t, "%s\n  \"%s\": \"%s\"", total ? "," : "", p.name, name);
            total += part_bytes(&w, &p);
        }
    kw_text_add(&t, "\n}, \"metadata\": {\"total_size\": %" PRIu64 "}}\n", total);
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    enum kw_status st =
        t.failed ? kw_fail(err, KW_ENOMEM, "%s: out of memory", path) : kw_file_replace(path, t.s, t.n, err);
    kw_text_free(&t);
    return st;
}

static enum kw_status write_all(const struct walk *k, const char *folder, struct kw_error *err)
{
    struct shards s = { 0 };
    struct kw_weight w;
    struct kw_weight_part p;
    for (size_t i = 0; kw_weights_at(&k->l, i, &w); i++)
        for (size_t j = 0; kw_weights_part(k->c, &w, j, &p); j++) shard_of(&s, k->shard_bytes, part_bytes(&w, &p));
    const uint32_t n = s.now + 1;
    unsigned char *buffer = malloc(BUFFER); /* holds any one row or vector: 1.6 million values at most, 4 bytes each */
    if (!buffer) return kw_fail(err, KW_ENOMEM, "out of memory for a buffer of 8 MiB");
    enum kw_status st = KW_OK;
    for (uint32_t i = 0; st == KW_OK && i < n; i++) st = write_shard(k, folder, i, n, buffer, err);
    free(buffer);
    return st == KW_OK && n > 1 ? write_index(k, folder, n, err) : st;
}

enum kw_status kw_synthetic_write(const struct kw_model_config *c, const char *folder, uint64_t seed,
                                  uint64_t shard_bytes, struct kw_error *err)
{
    struct walk k = { .c = c, .seed = seed, .shard_bytes = shard_bytes };
    char *text, path[4096];
    if (snprintf(path, sizeof path, "%s/config.json", folder) >= (int)sizeof path - 64)
        return kw_fail(err, KW_ERANGE, "%.100s...: the path is too long", folder);
    if (mkdir(folder, 0777) && errno != EEXIST) return kw_fail(err, KW_EIO, "%.300s: %s", folder, strerror(errno));
    kw_weights_layout(&k.l, c, c->dtype);
    enum kw_status st = write_all(&k, folder, err);
    if (st != KW_OK || (st = kw_config_write(c, &text, err)) != KW_OK) return st;
    st = kw_file_replace(path, text, strlen(text), err);
    free(text);
    return st;
}
