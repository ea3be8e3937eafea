#define _DEFAULT_SOURCE /* madvise, which POSIX.1-2008 has only as posix_madvise without huge pages */
#include "engine/cpu/cpu_memory.h"
#include "engine/model/synthetic.h"
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

enum kw_status kw_cpu_memory_take(struct kw_cpu_memory *m, size_t bytes, const char *what, struct kw_error *err)
{
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 4096;
    *m = (struct kw_cpu_memory){ .bytes = bytes };
    if (bytes <= SIZE_MAX - align) m->raw = malloc(bytes + align);
    if (!m->raw) return kw_fail(err, KW_ENOMEM, "out of memory for %s (%zu MiB)", what, bytes >> 20);
    m->at = (unsigned char *)(((uintptr_t)m->raw + align - 1) & ~(uintptr_t)(align - 1));
    if (align == HUGE_PAGE) madvise(m->at, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE); /* a hint: it may be refused */
    return KW_OK;
}

void kw_cpu_memory_free(struct kw_cpu_memory *m)
{
    free(m->raw);
    *m = (struct kw_cpu_memory){ 0 };
}

/* ---- life */

/* A line "key   : value" of a /proc file; "" when there is none. */
static void proc_value(const char *path, const char *key, char *out, size_t size)
{
    char line[256];
    out[0] = 0;
    FILE *f = fopen(path, "r");
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key))) continue;
        char *v = strchr(line, ':');
        if (!v) continue;
        for (v++; *v == ' ' || *v == '\t';) v++;
        snprintf(out, size, "%.*s", (int)strcspn(v, "\n"), v);
        break;
    }
    fclose(f);
}

static uint64_t meminfo(const char *key)
{
    char v[64];
    proc_value("/proc/meminfo", key, v, sizeof v);
    return strtoull(v, NULL, 10) * 1024; /* the file says kB and means KiB */
}

static enum kw_status take_tables(struct kw_backend *b, struct kw_error *err)
{
    const uint32_t half = b->c->head_dim / 2;
    b->previous = calloc(b->p.max_seqs, sizeof *b->previous);
    b->rope = malloc(b->p.max_model_len * (size_t)half * 2 * sizeof *b->rope);
    b->lock_made = !pthread_mutex_init(&b->lock, NULL);
    if (!b->previous || !b->rope || !b->lock_made) return kw_fail(err, KW_ENOMEM, "out of memory for the RoPE table");
    for (uint32_t i = 0; i < half; i++) {
        double f = kw_config_inv_freq(b->c, i);
        for (uint32_t p = 0; p < b->p.max_model_len; p++) {
            float *at = b->rope + ((size_t)p * half + i) * 2;
            at[0] = (float)cos(p * f), at[1] = (float)sin(p * f);
        }
    }
    return KW_OK;
}

enum kw_status kw_cpu_create(struct kw_backend **out, const struct kw_backend_params *p, struct kw_error *err)
{
    *out = NULL;
    if (p->kv_dtype == KW_DT_FP8) return kw_fail(err, KW_ERANGE, "kv_dtype: want fp32, bf16 or fp16; got fp8");
    if (p->device != 0) return kw_fail(err, KW_ERANGE, "device: the CPU is device 0; got %d", p->device);
    struct kw_backend *b = calloc(1, sizeof *b);
    if (!b) return kw_fail(err, KW_ENOMEM, "out of memory for a backend");
    b->p = *p, b->c = p->config, b->l = p->layout;
    b->available = meminfo("MemAvailable");
    b->threads = p->threads ? p->threads : (uint32_t)omp_get_max_threads();
    b->kv_head_stride = (uint64_t)p->block_size * b->c->head_dim;
    b->kv_block_stride = b->kv_head_stride * b->c->kv_heads;
    enum kw_status st = take_tables(b, err);
    if (st != KW_OK)
        kw_cpu_destroy(b);
    else
        *out = b;
    return st;
}

void kw_cpu_destroy(struct kw_backend *b)
{
    if (!b) return;
    for (uint32_t i = 0; i < b->n_stage; i++) kw_cpu_memory_free(&b->stage[i]);
    free(b->stage);
    kw_cpu_memory_free(&b->arena);
    kw_cpu_memory_free(&b->kv);
    free(b->rope);
    free(b->previous);
    if (b->lock_made) pthread_mutex_destroy(&b->lock);
    free(b);
}

enum kw_status kw_cpu_probe(uint32_t *n, struct kw_error *err)
{
    (void)err;
    *n = 1;
    return KW_OK;
}

enum kw_status kw_cpu_device(struct kw_backend *b, struct kw_device *d, struct kw_error *err)
{
    (void)err;
    char name[64];
    *d = (struct kw_device){ .memory_bytes = meminfo("MemTotal"),
                             .memory_free = meminfo("MemAvailable"),
                             .units = b->threads };
    proc_value("/proc/cpuinfo", "model name", name, sizeof name);
    snprintf(d->name, sizeof d->name, "%s, %u thread%s", name[0] ? name : "CPU", b->threads,
             b->threads == 1 ? "" : "s");
    return KW_OK;
}

/* ---- weights */

enum kw_status kw_cpu_weights_alloc(struct kw_backend *b, void **host, struct kw_error *err)
{
    if (!b->arena.raw) {
        enum kw_status st = kw_cpu_memory_take(&b->arena, b->l->bytes, "the weights", err);
        if (st != KW_OK) return st;
    }
    *host = b->arena.at;
    return KW_OK;
}

enum kw_status kw_cpu_stage_alloc(struct kw_backend *b, size_t bytes, void **host, uint32_t *handle,
                                  struct kw_error *err)
{
    struct kw_cpu_memory m;
    enum kw_status st = kw_cpu_memory_take(&m, bytes, "a stage buffer", err);
    if (st != KW_OK) return st;
    pthread_mutex_lock(&b->lock);
    struct kw_cpu_memory *more = realloc(b->stage, (b->n_stage + 1) * sizeof *more);
    if (more) {
        b->stage = more;
        *handle = b->n_stage;
        *host = m.at;
        b->stage[b->n_stage++] = m;
    }
    pthread_mutex_unlock(&b->lock);
    if (more) return KW_OK;
    kw_cpu_memory_free(&m);
    return kw_fail(err, KW_ENOMEM, "out of memory for a stage buffer");
}

void kw_cpu_stage_free(struct kw_backend *b, uint32_t handle)
{
    pthread_mutex_lock(&b->lock);
    kw_cpu_memory_free(&b->stage[handle]);
    pthread_mutex_unlock(&b->lock);
}

enum kw_status kw_cpu_upload(struct kw_backend *b, uint32_t handle, uint64_t dst, const void *src, size_t bytes,
                             struct kw_error *err)
{
    (void)handle;
    if (!b->arena.raw || dst > b->l->bytes || bytes > b->l->bytes - dst)
        return kw_fail(err, KW_ERANGE, "upload of %zu bytes to arena offset %" PRIu64 " of %" PRIu64, bytes, dst,
                       b->l->bytes);
    memcpy(b->arena.at + dst, src, bytes);
    return KW_OK;
}

enum kw_status kw_cpu_upload_wait(struct kw_backend *b, uint32_t handle, struct kw_error *err)
{
    (void)b, (void)handle, (void)err; /* upload was a memcpy */
    return KW_OK;
}

enum kw_status kw_cpu_weights_fill(struct kw_backend *b, uint64_t seed, struct kw_error *err)
{
    void *host;
    enum kw_status st = kw_cpu_weights_alloc(b, &host, err);
    if (st != KW_OK) return st;
    uint32_t widest = 0;
    struct kw_weight w;
    for (size_t i = 0; kw_weights_at(b->l, i, &w); i++)
        if (w.matrix.cols > widest) widest = w.matrix.cols;
    float *scratch = malloc((size_t)b->threads * widest * sizeof *scratch);
    if (!scratch) return kw_fail(err, KW_ENOMEM, "out of memory for synthetic rows");
    for (size_t i = 0; kw_weights_at(b->l, i, &w); i++) {
        const size_t row_bytes = w.matrix.cols * kw_dtype_bytes(w.matrix.dtype);
#pragma omp parallel for schedule(static) num_threads((int)b->threads)
        for (uint32_t r = 0; r < w.matrix.rows; r++)
            kw_synthetic_rows(b->l, &w, seed, r, 1, b->arena.at + w.matrix.offset + r * row_bytes,
                              w.matrix.scales ? (float *)(void *)(b->arena.at + w.matrix.scales) + r : NULL,
                              scratch + (size_t)omp_get_thread_num() * widest);
    }
    free(scratch);
    return KW_OK;
}

enum kw_status kw_cpu_weights_read(struct kw_backend *b, uint64_t offset, void *dst, size_t bytes, struct kw_error *err)
{
    if (!b->arena.raw || offset > b->l->bytes || bytes > b->l->bytes - offset)
        return kw_fail(err, KW_ERANGE, "read of %zu bytes at arena offset %" PRIu64 " of %" PRIu64, bytes, offset,
                       b->l->bytes);
    memcpy(dst, b->arena.at + offset, bytes);
    return KW_OK;
}

/* ---- KV cache */

enum kw_status kw_cpu_kv_alloc(struct kw_backend *b, uint32_t num_blocks, uint32_t *got, struct kw_error *err)
{
    const uint64_t block_bytes = 2 * b->c->layers * b->kv_block_stride * kw_dtype_bytes(b->p.kv_dtype);
    if (num_blocks == 0) {
        /* Not what is free now: of the arena only what was written is really taken. A share of what was available, not
         * of all memory: else no engine starts once others hold the rest. */
        double room = b->p.memory_fraction * (double)b->available - (double)b->l->bytes;
        uint64_t seq_blocks = (b->p.max_model_len + b->p.block_size - 1) / b->p.block_size;
        double most = (double)seq_blocks * b->p.max_seqs, fit = floor(room / (double)block_bytes);
        if (fit < 1)
            return kw_fail(
                err, KW_ENOMEM,
                "no memory is left for the KV cache: the weights take %.1f GiB, and %g of the %.1f GiB available "
                "may be used; say how many KV blocks to take all the same (--num-blocks)",
                (double)b->l->bytes / 0x1p30, b->p.memory_fraction, (double)b->available / 0x1p30);
        if (fit > most) fit = most;
        const uint32_t slots = UINT32_MAX / b->p.block_size; /* what a slot number can name */
        num_blocks = fit > slots ? slots : (uint32_t)fit;
    }
    if ((uint64_t)num_blocks * b->p.block_size > UINT32_MAX)
        return kw_fail(err, KW_ERANGE, "%u KV blocks of %u tokens: more than 2^32 slots", num_blocks, b->p.block_size);
    kw_cpu_memory_free(&b->kv);
    enum kw_status st = kw_cpu_memory_take(&b->kv, num_blocks * block_bytes, "the KV cache", err);
    if (st != KW_OK) return st;
    b->num_blocks = num_blocks;
    b->kv_part_stride = num_blocks * b->kv_block_stride;
    *got = num_blocks;
    return KW_OK;
}

void *kw_cpu_kv(const struct kw_backend *b, uint32_t layer, int v, uint32_t slot, uint32_t kv_head)
{
    uint64_t block = slot / b->p.block_size, token = slot % b->p.block_size;
    uint64_t at = (layer * UINT64_C(2) + (uint64_t)v) * b->kv_part_stride + block * b->kv_block_stride +
                  kv_head * b->kv_head_stride + token * b->c->head_dim;
    return b->kv.at + at * kw_dtype_bytes(b->p.kv_dtype);
}

enum kw_status kw_cpu_kv_fill(struct kw_backend *b, uint64_t seed, struct kw_error *err)
{
    if (!b->kv.raw) return kw_fail(err, KW_EFAIL, "kv_fill before kv_alloc");
    const uint64_t n = 2 * b->kv_part_stride;
    const size_t bytes = kw_dtype_bytes(b->p.kv_dtype);
    for (uint32_t layer = 0; layer < b->c->layers; layer++)
#pragma omp parallel for schedule(static) num_threads((int)b->threads)
        for (uint64_t i = 0; i < n; i++) {
            float v = 1.7320508f * kw_synthetic_unit(seed, 0x80000000u + layer, i);
            kw_dtype_convert(b->kv.at + (layer * n + i) * bytes, b->p.kv_dtype, &v, KW_DT_FP32, 1);
        }
    return KW_OK;
}

/* ---- batches */

enum kw_status kw_cpu_wait(struct kw_backend *b, struct kw_error *err)
{
    if (!b->under_way) return kw_fail(err, KW_EFAIL, "wait without a batch under way");
    b->under_way--; /* submit computed it */
    return KW_OK;
}

enum kw_status kw_cpu_accepts(const struct kw_backend *b, const struct kw_batch *batch, struct kw_error *err)
{
    if (!b->arena.raw || !b->kv.raw) return kw_fail(err, KW_EFAIL, "submit before weights_alloc and kv_alloc");
    if (b->under_way == 2) return kw_fail(err, KW_EFAIL, "two batches are under way");
    enum kw_status st = kw_batch_check(batch, &b->p, b->num_blocks, err);
    for (uint32_t i = 0; st == KW_OK && i < batch->n_tokens; i++)
        if (batch->tokens[i] & KW_TOKEN_PREVIOUS && (batch->tokens[i] & ~KW_TOKEN_PREVIOUS) >= b->n_previous)
            st = kw_fail(err, KW_ERANGE, "token %u: the batch before had %u rows of logits", i, b->n_previous);
    return st;
}

uint32_t kw_cpu_token(const struct kw_backend *b, uint32_t token)
{
    return token & KW_TOKEN_PREVIOUS ? b->previous[token & ~KW_TOKEN_PREVIOUS] : token;
}
