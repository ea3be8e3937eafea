/* The CUDA backend: memory, uploads, steps and graphs. One stream carries every step; uploads have streams of their
 * own. */
#include "engine/cuda/device.cuh"
#include "engine/cuda/gemm.cuh"
extern "C" {
#include "engine/startup.h"
#include "engine/model/synthetic.h"
#include "engine/model/weights.h"
/* synthetic.h shows it to C alone */
void kw_synthetic_law(const struct kw_weights_layout *l, const struct kw_weight *w, float *centre, float *amplitude);
}
#include <algorithm>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

using namespace kw;

namespace
{

enum product_id { QKV, O, GATE_UP, DOWN, HEAD, N_PRODUCTS };
constexpr uint32_t STAGES = 256, BUCKETS = 24;
constexpr size_t RESERVE = (size_t)512 << 20; /* for kernels loaded later, graphs, and whoever else uses the device */

struct stage {
    void *host;
    cudaStream_t stream;
};

struct in_flight {   /* a batch under way */
    uint32_t *words; /* pinned: the packed batch */
    uint32_t *ids;   /* pinned: its argmax */
    cudaEvent_t began, ended, done;
    kw_result *out;
    uint32_t n_logits;
    bool
        logits_due; /* b->logits go to out->logits before anything else is enqueued; from pageable memory that blocks */
};

struct bucket { /* a decode graph for batches of up to n sequences */
    uint32_t n;
    cudaGraphExec_t graph; /* NULL: not captured */
};

} // namespace

struct kw_backend {
    kw_backend_params p;
    const kw_model_config *c;
    const struct kw_weights_layout *l;
    kw_dtype act;                     /* of activations and the KV cache */
    bool fp8;                         /* the layers' matrices */
    uint32_t capability, units, rows; /* rows: of activations, max of max_tokens and max_seqs */
    rope_shape shape;
    queue q;
    gemm *lib;
    bool by_gemv[N_PRODUCTS][GEMV_TOKENS + 1];

    unsigned char *arena, *kv;
    uint32_t num_blocks; /* the cache has one block more, where padding writes */
    size_t part_bytes;   /* of K (or V) of one layer */

    void *workspace; /* all below lie in it */
    void *x, *h, *qkv, *att, *up, *gated, *codes;
    float *code_scale, *logits, *partial, *rope, *scratch;
    double *inv_freq;
    uint32_t *ticket, *argmax_ticket, *previous, *result, *words;
    unsigned long long *argmax_key;
    uint32_t items_extra;
    size_t words_max;

    in_flight flight[2];
    uint32_t next, under_way, n_previous;
    bucket buckets[BUCKETS];
    uint32_t n_buckets;
    bool broken; /* a kernel failed: the context may be lost, nothing more is submitted */

    stage stages[STAGES];
    pthread_mutex_t lock;
};

/* ---- life */

static kw_status check_config(const kw_backend_params *p, kw_error *err)
{
    const kw_model_config *c = p->config;
    const kw_dtype precision = p->layout->precision, act = precision == KW_DT_FP8 ? KW_DT_BF16 : precision;
    if (!attention_supports(act, c->head_dim))
        return kw_fail(err, KW_ERANGE, "head_dim: the CUDA backend has 64 and 128; got %u", c->head_dim);
    if (p->kv_dtype != act)
        return kw_fail(err, KW_ERANGE, "kv_dtype: the CUDA backend keeps KV in the activations' type, %s; got %s",
                       kw_dtype_name(act), kw_dtype_name(p->kv_dtype));
    const uint32_t lanes = 16 / (uint32_t)kw_dtype_bytes(act); /* values that a kernel reads at once */
    if (c->hidden % lanes || c->intermediate % lanes)
        return kw_fail(err, KW_ERANGE, "%s on CUDA: want hidden and intermediate multiples of %u; got %u and %u",
                       kw_dtype_name(act), lanes, c->hidden, c->intermediate);
    if (precision == KW_DT_FP8 && (c->hidden % 16 || c->intermediate % 16))
        return kw_fail(err, KW_ERANGE, "fp8 on CUDA: want hidden and intermediate multiples of 16; got %u and %u",
                       c->hidden, c->intermediate);
    return KW_OK;
}

static void destroy(kw_backend *b)
{
    if (!b) return;
    cudaSetDevice(b->p.device);
    if (b->q.stream) cudaStreamSynchronize(b->q.stream);
    for (bucket &k : b->buckets)
        if (k.graph) cudaGraphExecDestroy(k.graph);
    for (in_flight &f : b->flight) {
        if (f.began) cudaEventDestroy(f.began);
        if (f.ended) cudaEventDestroy(f.ended);
        if (f.done) cudaEventDestroy(f.done);
        cudaFreeHost(f.words);
        cudaFreeHost(f.ids);
    }
    for (stage &s : b->stages) {
        if (s.stream) cudaStreamSynchronize(s.stream), cudaStreamDestroy(s.stream);
        cudaFreeHost(s.host);
    }
    gemm_close(b->lib);
    cudaFree(b->workspace);
    cudaFree(b->kv);
    cudaFree(b->arena);
    if (b->q.stream) cudaStreamDestroy(b->q.stream);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static kw_status create(kw_backend **out, const kw_backend_params *p, kw_error *err)
{
    *out = nullptr;
    uint32_t n;
    kw_status st = check_config(p, err);
    if (st == KW_OK) st = devices_probe(&n, err);
    if (st != KW_OK) return st;
    if (p->device < 0 || (uint32_t)p->device >= n)
        return kw_fail(err, KW_ERANGE, "device: the machine has %u; got %d", n, p->device);
    kw_backend *b = (kw_backend *)calloc(1, sizeof *b);
    if (!b) return kw_fail(err, KW_ENOMEM, "out of memory for a backend");
    pthread_mutex_init(&b->lock, nullptr);
    b->p = *p, b->c = p->config, b->l = p->layout;
    b->fp8 = p->layout->precision == KW_DT_FP8;
    b->act = b->fp8 ? KW_DT_BF16 : p->layout->precision;
    b->rows = std::max(p->max_tokens, p->max_seqs);
    b->shape = { b->c->heads, b->c->kv_heads, b->c->head_dim, 0 };
    memset(b->by_gemv, 1, sizeof b->by_gemv);
    while ((1u << b->shape.block_shift) < p->block_size) b->shape.block_shift++;

    int64_t began = kw_now_ns();
    int major = 0, minor = 0, units = 0;
    cudaError_t e = cudaSetDevice(p->device);
    if (e == cudaSuccess) e = cudaFree(nullptr); /* makes the context */
    if (e == cudaSuccess) e = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, p->device);
    if (e == cudaSuccess) e = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, p->device);
    if (e == cudaSuccess) e = cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, p->device);
    if (e == cudaSuccess) e = cudaStreamCreateWithFlags(&b->q.stream, cudaStreamNonBlocking);
    for (in_flight &f : b->flight) {
        if (e == cudaSuccess) e = cudaEventCreate(&f.began);
        if (e == cudaSuccess) e = cudaEventCreate(&f.ended);
        if (e == cudaSuccess) e = cudaEventCreateWithFlags(&f.done, cudaEventDisableTiming);
    }
    kw_startup_add(p->startup, "context", began, kw_now_ns(), 0);
    b->capability = (uint32_t)(major * 10 + minor), b->units = (uint32_t)units;
    /* Only the code for 9.0 waits in begin(): newer devices run the PTX of compute_80, where an early launch would
     * race. KEEPWARM_CUDA_OVERLAP=0 turns programmatic dependent launch off, to tell a fault in it from others. */
    const char *overlap = getenv("KEEPWARM_CUDA_OVERLAP");
    b->q.overlap = b->capability == 90 && !(overlap && !strcmp(overlap, "0"));
    if (e != cudaSuccess)
        st = cuda_fail(e, "making a context", err);
    else if (major < 8)
        st = kw_fail(err, KW_ERANGE, "CUDA: want compute capability 8.0 or newer; the device has %d.%d", major, minor);
    else if (b->fp8 && b->capability < 89)
        st = kw_fail(err, KW_ERANGE, "CUDA: fp8 needs compute capability 8.9 or newer; the device has %d.%d", major,
                     minor);
    if (st != KW_OK)
        destroy(b);
    else
        *out = b;
    return st;
}

static kw_status probe(uint32_t *n, kw_error *err)
{
    return devices_probe(n, err);
}

static kw_status device(kw_backend *b, kw_device *d, kw_error *err)
{
    return device_describe(b->p.device, d, err);
}

/* ---- weights */

static kw_status weights_alloc(kw_backend *b, void **host, kw_error *err)
{
    *host = nullptr;
    if (b->arena) return KW_OK;
    int64_t began = kw_now_ns();
    cudaError_t e = cudaSetDevice(b->p.device);
    if (e == cudaSuccess) e = cudaMalloc((void **)&b->arena, b->l->bytes);
    kw_startup_add(b->p.startup, "arena", began, kw_now_ns(), b->l->bytes);
    return e == cudaSuccess ? KW_OK : cuda_fail(e, "memory for the weights", err);
}

static kw_status stage_alloc(kw_backend *b, size_t bytes, void **host, uint32_t *handle, kw_error *err)
{
    stage s = {};
    cudaError_t e = cudaSetDevice(b->p.device);
    if (e == cudaSuccess) e = cudaHostAlloc(&s.host, bytes, cudaHostAllocDefault); /* page-aligned */
    if (e == cudaSuccess) e = cudaStreamCreateWithFlags(&s.stream, cudaStreamNonBlocking);
    if (e == cudaSuccess) {
        pthread_mutex_lock(&b->lock);
        uint32_t i = 0;
        while (i < STAGES && b->stages[i].host) i++;
        if (i < STAGES) b->stages[i] = s, *handle = i, *host = s.host;
        pthread_mutex_unlock(&b->lock);
        if (i < STAGES) return KW_OK;
    }
    if (s.stream) cudaStreamDestroy(s.stream);
    cudaFreeHost(s.host);
    return e == cudaSuccess ? kw_fail(err, KW_ERANGE, "want at most %u stage buffers", STAGES)
                            : cuda_fail(e, "a pinned stage buffer", err);
}

static void stage_free(kw_backend *b, uint32_t handle)
{
    pthread_mutex_lock(&b->lock);
    stage s = b->stages[handle];
    b->stages[handle] = {};
    pthread_mutex_unlock(&b->lock);
    cudaSetDevice(b->p.device);
    cudaStreamSynchronize(s.stream);
    cudaStreamDestroy(s.stream);
    cudaFreeHost(s.host);
}

static kw_status in_arena(kw_backend *b, const char *what, uint64_t offset, size_t bytes, kw_error *err)
{
    if (!b->arena || offset > b->l->bytes || bytes > b->l->bytes - offset)
        return kw_fail(err, KW_ERANGE, "%s of %zu bytes at arena offset %" PRIu64 " of %" PRIu64, what, bytes, offset,
                       b->arena ? b->l->bytes : 0);
    return KW_OK;
}

static kw_status upload(kw_backend *b, uint32_t handle, uint64_t dst, const void *src, size_t bytes, kw_error *err)
{
    kw_status st = in_arena(b, "upload", dst, bytes, err);
    if (st != KW_OK) return st;
    cudaError_t e = cudaSetDevice(b->p.device); /* the loader's threads have no device yet */
    if (e == cudaSuccess)
        e = cudaMemcpyAsync(b->arena + dst, src, bytes, cudaMemcpyHostToDevice, b->stages[handle].stream);
    return e == cudaSuccess ? KW_OK : cuda_fail(e, "upload", err);
}

static kw_status upload_wait(kw_backend *b, uint32_t handle, kw_error *err)
{
    cudaError_t e = cudaStreamSynchronize(b->stages[handle].stream);
    return e == cudaSuccess ? KW_OK : cuda_fail(e, "upload", err);
}

static kw_status finish(kw_backend *b, const char *what, kw_error *err)
{
    cudaError_t e = b->q.err;
    b->q.err = cudaSuccess;
    cudaError_t waited = cudaStreamSynchronize(b->q.stream);
    if (e == cudaSuccess) e = waited;
    return e == cudaSuccess ? KW_OK : cuda_fail(e, what, err);
}

static kw_status weights_fill(kw_backend *b, uint64_t seed, kw_error *err)
{
    void *host;
    kw_weight w;
    kw_status st = weights_alloc(b, &host, err);
    if (st != KW_OK) return st;
    for (size_t i = 0; kw_weights_at(b->l, i, &w); i++) {
        float centre, amplitude;
        kw_synthetic_law(b->l, &w, &centre, &amplitude);
        run_fill(b->q, w.matrix.dtype, b->arena + w.matrix.offset, (float *)(b->arena + w.matrix.scales), w.matrix.rows,
                 w.matrix.cols, seed, w.id, centre, amplitude);
    }
    return finish(b, "filling the weights", err);
}

static kw_status weights_read(kw_backend *b, uint64_t offset, void *dst, size_t bytes, kw_error *err)
{
    kw_status st = in_arena(b, "read", offset, bytes, err);
    if (st != KW_OK) return st;
    cudaError_t e = cudaSetDevice(b->p.device);
    if (e == cudaSuccess) e = cudaMemcpyAsync(dst, b->arena + offset, bytes, cudaMemcpyDeviceToHost, b->q.stream);
    if (e == cudaSuccess) e = cudaStreamSynchronize(b->q.stream);
    return e == cudaSuccess ? KW_OK : cuda_fail(e, "reading the weights", err);
}

/* ---- the KV cache and the work space */

static size_t act_bytes(const kw_backend *b)
{
    return kw_dtype_bytes(b->act);
}
static uint32_t q_width(const kw_backend *b)
{
    return b->c->heads * b->c->head_dim;
}

static kw_status open_products(kw_backend *b, size_t *scratch, kw_error *err)
{
    const struct kw_weights_layout *l = b->l;
    const bool bias = l->qkv_bias.bytes != 0;
    const kw_dtype in = l->precision, act = b->act;
    const product all[N_PRODUCTS] = {
        { in, act, l->qkv.rows, l->qkv.cols, bias, false },
        { in, act, l->o.rows, l->o.cols, false, true },
        { in, act, l->gate_up.rows, l->gate_up.cols, false, false },
        { in, act, l->down.rows, l->down.cols, false, true },
        { act, KW_DT_FP32, l->lm_head.rows, l->lm_head.cols, false, false },
    };
    *scratch = 0;
    uint32_t phase = kw_startup_begin(b->p.startup, "cublas");
    kw_status st = gemm_open(&b->lib, b->capability, b->rows, err);
    for (uint32_t i = 0; st == KW_OK && i < N_PRODUCTS; i++) {
        size_t bytes;
        st = gemm_add(b->lib, i, all[i], &bytes, err);
        *scratch = std::max(*scratch, bytes);
    }
    kw_startup_end(b->p.startup, phase, 0);
    return st;
}

/* Batch sizes that get a graph: padding costs at most a third, and beyond 16 GEMM time hardly grows by the eights. */
static uint32_t bucket_sizes(uint32_t max_seqs, uint32_t out[BUCKETS])
{
    static const uint32_t sizes[] = { 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512 };
    const uint32_t most = std::min(max_seqs, 512u); /* larger batches go without */
    uint32_t n = 0;
    for (uint32_t s : sizes)
        if (s < most) out[n++] = s;
    out[n++] = most;
    return n;
}

static step_caps decode_caps(const kw_backend *b, uint32_t n)
{
    return { n, n, n, n + b->items_extra, 0 };
}

/* The largest caps of any batch. */
static step_caps most_caps(const kw_backend *b)
{
    const uint32_t tiles = b->rows / TILE_QUERIES + b->p.max_seqs;
    return { b->rows, b->p.max_seqs, b->p.max_seqs, b->rows + b->items_extra, tiles };
}

static kw_status work_alloc(kw_backend *b, kw_error *err)
{
    if (b->workspace) return KW_OK;
    size_t scratch;
    kw_status st = open_products(b, &scratch, err);
    if (st != KW_OK) return st;
    const kw_model_config *c = b->c;
    const uint32_t chunks = c->kv_heads * attention_chunks(b->shape);
    /* About four blocks a multiprocessor hide the latency of a single sequence's reads. */
    b->items_extra = std::max(1u, 4 * b->units / chunks);
    const uint32_t singles = b->act == KW_DT_FP32 ? b->rows : b->p.max_seqs;
    const size_t n = b->rows, a = act_bytes(b), widest = std::max({ c->hidden, c->intermediate, q_width(b) });
    const size_t blocks_per_seq = (b->p.max_model_len + b->p.block_size - 1) / b->p.block_size;
    b->words_max = step_words(most_caps(b), b->p.max_seqs * blocks_per_seq);

    struct {
        void **at;
        size_t bytes;
    } parts[] = {
        { &b->x, n * c->hidden * a },
        { &b->h, n * c->hidden * a },
        { &b->qkv, n * b->l->qkv.rows * a },
        { &b->att, n * q_width(b) * a },
        { &b->up, n * 2 * c->intermediate * a },
        { &b->gated, n * c->intermediate * a },
        { &b->codes, b->fp8 ? n * widest : 0 },
        { (void **)&b->code_scale, n * sizeof(float) },
        { (void **)&b->logits, (size_t)b->p.max_seqs * c->vocab * sizeof(float) },
        { (void **)&b->partial, ((size_t)singles + b->items_extra) * c->heads * (c->head_dim + 2) * sizeof(float) },
        { (void **)&b->rope, (size_t)b->p.max_model_len * c->head_dim * sizeof(float) },
        { (void **)&b->inv_freq, c->head_dim / 2 * sizeof(double) },
        { (void **)&b->ticket, n * chunks * sizeof(uint32_t) },
        { (void **)&b->argmax_ticket, b->p.max_seqs * sizeof(uint32_t) },
        { (void **)&b->argmax_key, b->p.max_seqs * sizeof(unsigned long long) },
        { (void **)&b->previous, b->p.max_seqs * sizeof(uint32_t) },
        { (void **)&b->result, b->p.max_seqs * sizeof(uint32_t) },
        { (void **)&b->words, b->words_max * sizeof(uint32_t) },
        { (void **)&b->scratch, scratch },
    };
    auto room = [](size_t bytes) { return (bytes + 255) & ~(size_t)255; };
    size_t all = 0;
    for (auto &part : parts) all += room(part.bytes);
    cudaError_t e = cudaMalloc(&b->workspace, all);
    if (e != cudaSuccess) return cuda_fail(e, "memory for activations", err);
    unsigned char *at = (unsigned char *)b->workspace;
    for (auto &part : parts) *part.at = at, at += room(part.bytes);
    gemm_set_scratch(b->lib, b->scratch);

    for (in_flight &f : b->flight) {
        if (e == cudaSuccess)
            e = cudaHostAlloc((void **)&f.words, b->words_max * sizeof(uint32_t), cudaHostAllocDefault);
        if (e == cudaSuccess)
            e = cudaHostAlloc((void **)&f.ids, b->p.max_seqs * sizeof(uint32_t), cudaHostAllocDefault);
    }
    double freq[256];
    for (uint32_t i = 0; i < c->head_dim / 2; i++) freq[i] = kw_config_inv_freq(c, i);
    if (e == cudaSuccess) e = cudaMemsetAsync(b->ticket, 0, n * chunks * sizeof(uint32_t), b->q.stream);
    if (e == cudaSuccess) e = cudaMemsetAsync(b->argmax_ticket, 0, b->p.max_seqs * sizeof(uint32_t), b->q.stream);
    if (e == cudaSuccess)
        e = cudaMemsetAsync(b->argmax_key, 0, b->p.max_seqs * sizeof(unsigned long long), b->q.stream);
    if (e == cudaSuccess) e = cudaMemsetAsync(b->previous, 0, b->p.max_seqs * sizeof(uint32_t), b->q.stream);
    if (e == cudaSuccess)
        e = cudaMemcpyAsync(b->inv_freq, freq, c->head_dim / 2 * sizeof *freq, cudaMemcpyHostToDevice, b->q.stream);
    if (e != cudaSuccess) return cuda_fail(e, "preparing the work space", err);
    run_rope_table(b->q, b->rope, b->inv_freq, b->p.max_model_len, c->head_dim / 2);
    return finish(b, "preparing the work space", err);
}

static void drop_graphs(kw_backend *b)
{
    for (uint32_t i = 0; i < b->n_buckets; i++)
        if (b->buckets[i].graph) cudaGraphExecDestroy(b->buckets[i].graph);
    b->n_buckets = 0;
}

static kw_status kv_alloc(kw_backend *b, uint32_t num_blocks, uint32_t *got, kw_error *err)
{
    if (b->under_way) return kw_fail(err, KW_EFAIL, "kv_alloc while batches are under way");
    cudaError_t e = cudaSetDevice(b->p.device);
    if (e != cudaSuccess) return cuda_fail(e, "KV cache", err);
    kw_status st = work_alloc(b, err);
    if (st != KW_OK) return st;
    drop_graphs(b); /* they hold the old cache's addresses */
    cudaFree(b->kv);
    b->kv = nullptr;
    const int64_t began = kw_now_ns();
    const size_t block_bytes = (size_t)b->c->kv_heads * b->p.block_size * b->c->head_dim * act_bytes(b),
                 parts = 2 * b->c->layers;
    if (num_blocks == 0) {
        size_t unused, all;
        if ((e = cudaMemGetInfo(&unused, &all)) != cudaSuccess) return cuda_fail(e, "KV cache", err);
        const double room = b->p.memory_fraction * (double)all - (double)(all - unused) - (double)RESERVE;
        const double fit = room / ((double)block_bytes * parts) - 1;
        const double most = (double)((b->p.max_model_len + b->p.block_size - 1) / b->p.block_size) * b->p.max_seqs;
        if (fit < 1)
            return kw_fail(err, KW_ENOMEM,
                           "no device memory is left for the KV cache (%.1f GiB within memory_fraction %g)",
                           room / 0x1p30, b->p.memory_fraction);
        num_blocks = (uint32_t)std::min({ fit, most, 4294967295.0 / b->p.block_size - 2 });
    }
    if (((uint64_t)num_blocks + 1) * b->p.block_size > UINT32_MAX)
        return kw_fail(err, KW_ERANGE, "%u KV blocks of %u tokens: more than 2^32 slots", num_blocks, b->p.block_size);
    b->num_blocks = num_blocks;
    b->part_bytes = ((size_t)num_blocks + 1) * block_bytes;
    e = cudaMalloc((void **)&b->kv, b->part_bytes * parts);
    /* The spare block is read by padding tokens: NaNs there would be harmless, but not to compute-sanitizer. */
    for (size_t i = 0; e == cudaSuccess && i < parts; i++)
        e = cudaMemsetAsync(b->kv + i * b->part_bytes + num_blocks * block_bytes, 0, block_bytes, b->q.stream);
    kw_startup_add(b->p.startup, "kv", began, kw_now_ns(), b->part_bytes * parts);
    if (e != cudaSuccess) return cuda_fail(e, "memory for the KV cache", err);
    *got = num_blocks;
    return finish(b, "KV cache", err);
}

static kw_status kv_fill(kw_backend *b, uint64_t seed, kw_error *err)
{
    if (!b->kv) return kw_fail(err, KW_EFAIL, "kv_fill before kv_alloc");
    const uint64_t n = (uint64_t)b->num_blocks * b->c->kv_heads * b->p.block_size * b->c->head_dim;
    for (uint32_t i = 0; i < 2 * b->c->layers; i++)
        run_fill_kv(b->q, b->act, b->kv + i * b->part_bytes, n, seed, 0x80000000u + i / 2, i % 2 * n);
    return finish(b, "filling the KV cache", err);
}

/* ---- a step */

static const kw_matrix_ref *matrix_of(const kw_backend *b, uint32_t id)
{
    const kw_matrix_ref *all[N_PRODUCTS] = { &b->l->qkv, &b->l->o, &b->l->gate_up, &b->l->down, &b->l->lm_head };
    return all[id];
}

static const void *weight(const kw_backend *b, const kw_matrix_ref &p, uint32_t layer)
{
    return b->arena + p.offset + layer * b->l->layer_stride;
}

static void *output_of(const kw_backend *b, uint32_t id)
{
    void *const all[N_PRODUCTS] = { b->qkv, b->x, b->up, b->x, b->logits };
    return all[id];
}

static bool small(const kw_backend *b, uint32_t id, uint32_t n)
{
    return n <= GEMV_TOKENS && b->by_gemv[id][n];
}

/* y = W x, + bias of QKV, added to y for O and DOWN. x: n rows of activations, or codes with code_scale. */
static kw_status linear(kw_backend *b, uint32_t id, uint32_t layer, uint32_t n, const void *x, void *y, kw_error *err)
{
    const kw_matrix_ref &p = *matrix_of(b, id);
    const bool fp8 = p.dtype == KW_DT_FP8;
    const float *w_scale = fp8 ? (const float *)(b->arena + p.scales + layer * b->l->layer_stride) : nullptr;
    const void *w = weight(b, p, layer),
               *bias = id == QKV && b->l->qkv_bias.bytes ? weight(b, b->l->qkv_bias, layer) : nullptr;
    if (small(b, id, n) && id != HEAD) {
        gemv g = {};
        g.w = w, g.w_scale = w_scale, g.x = x, g.x_scale = fp8 ? b->code_scale : nullptr, g.bias = bias, g.y = y;
        g.rows = p.rows, g.cols = p.cols, g.tokens = n, g.add = id == O || id == DOWN;
        run_gemv(b->q, b->act, g);
        return KW_OK;
    }
    return gemm_run(b->lib, b->q, id, n, { w, x, bias, w_scale, fp8 ? b->code_scale : nullptr, y }, err);
}

/* y = W (rms(x) * norm), gathered rows of x where gather is given. */
static kw_status linear_normed(kw_backend *b, uint32_t id, uint32_t layer, uint32_t n, const uint32_t *gather,
                               const kw_matrix_ref &norm, void *y, kw_error *err)
{
    const kw_matrix_ref &p = *matrix_of(b, id);
    const uint32_t norm_layer = id == HEAD ? 0 : layer;
    if (p.dtype == KW_DT_FP8) {
        run_norm(b->q, b->act, n, gather, b->x, weight(b, norm, norm_layer), b->codes, b->code_scale, b->c->hidden,
                 b->c->rms_eps);
        return linear(b, id, layer, n, b->codes, y, err);
    }
    if (small(b, id, n)) {
        gemv g = {};
        g.w = weight(b, p, layer), g.x = b->x, g.norm = weight(b, norm, norm_layer), g.gather = gather, g.y = y;
        g.bias = id == QKV && b->l->qkv_bias.bytes ? weight(b, b->l->qkv_bias, layer) : nullptr;
        g.rows = p.rows, g.cols = p.cols, g.tokens = n, g.eps = b->c->rms_eps;
        g.swiglu = id == GATE_UP, g.fp32_out = id == HEAD;
        run_gemv(b->q, b->act, g);
        return KW_OK;
    }
    run_norm(b->q, b->act, n, gather, b->x, weight(b, norm, norm_layer), b->h, nullptr, b->c->hidden, b->c->rms_eps);
    return linear(b, id, layer, n, b->h, y, err);
}

struct step_shape { /* what the launches of a step depend on */
    uint32_t tokens, logits, items, tiles;
};

static kw_status enqueue_layer(kw_backend *b, const step &s, const step_shape &n, uint32_t layer, kw_error *err)
{
    const struct kw_weights_layout *l = b->l;
    unsigned char *k = b->kv + 2 * (size_t)layer * b->part_bytes, *v = k + b->part_bytes;
    kw_status st = linear_normed(b, QKV, layer, n.tokens, nullptr, l->attn_norm, b->qkv, err);
    if (st != KW_OK) return st;
    run_rope(b->q, b->act, s, n.tokens, b->qkv, k, v, b->rope, b->shape);
    const attention a = { b->qkv, k, v, b->att, l->qkv.rows, b->shape, b->c->sliding_window, b->partial, b->ticket };
    if (n.items) run_decode_attention(b->q, b->act, s, n.items, a);
    if (n.tiles) run_prefill_attention(b->q, b->act, s, n.tiles, a);
    if (b->fp8) run_quantise(b->q, b->act, n.tokens, b->att, b->codes, b->code_scale, q_width(b));
    if ((st = linear(b, O, layer, n.tokens, b->fp8 ? b->codes : b->att, b->x, err)) != KW_OK) return st;

    const bool fused = !b->fp8 && small(b, GATE_UP, n.tokens);
    st = linear_normed(b, GATE_UP, layer, n.tokens, nullptr, l->mlp_norm, fused ? b->gated : b->up, err);
    if (st != KW_OK) return st;
    if (!fused)
        run_swiglu(b->q, b->act, n.tokens, b->up, b->fp8 ? b->codes : b->gated, b->fp8 ? b->code_scale : nullptr,
                   b->c->intermediate);
    return linear(b, DOWN, layer, n.tokens, b->fp8 ? b->codes : b->gated, b->x, err);
}

/* The kernels of a step whose batch lies at b->words with these caps. */
static kw_status enqueue(kw_backend *b, const step_caps &caps, const step_shape &n, kw_error *err)
{
    const step s = step_at(b->words, caps);
    run_embed(b->q, b->act, s, n.tokens, b->arena + b->l->embed.offset, b->previous, b->x, b->c->hidden);
    kw_status st = KW_OK;
    for (uint32_t layer = 0; st == KW_OK && layer < b->c->layers; layer++) st = enqueue_layer(b, s, n, layer, err);
    if (st == KW_OK && n.logits) {
        st = linear_normed(b, HEAD, 0, n.logits, s.logit_tokens, b->l->final_norm, b->logits, err);
        run_argmax(b->q, n.logits, b->logits, b->c->vocab, b->argmax_key, b->argmax_ticket, b->previous, b->result);
    }
    return st;
}

static const bucket *find_bucket(const kw_backend *b, const kw_batch *batch)
{
    if (batch->n_decode != batch->n_seqs || batch->n_logits == 0) return nullptr;
    for (uint32_t i = 0; i < b->n_buckets; i++)
        if (b->buckets[i].n >= batch->n_seqs) return b->buckets[i].graph ? &b->buckets[i] : nullptr;
    return nullptr;
}

/* Packs a batch into f, copies it to the device and enqueues its kernels. */
static kw_status start(kw_backend *b, in_flight *f, const kw_batch *batch, const bucket *k, kw_error *err)
{
    const bool fp32 = b->act == KW_DT_FP32; /* tiles of queries are for tensor cores: in fp32 every token goes singly */
    const uint32_t single = fp32 ? batch->n_tokens : batch->n_decode;
    uint32_t tiles = 0;
    for (uint32_t i = batch->n_decode; !fp32 && i < batch->n_seqs; i++)
        tiles += (batch->seqs[i].len + TILE_QUERIES - 1) / TILE_QUERIES;
    const step_caps caps =
        k ? decode_caps(b, k->n)
          : step_caps{ batch->n_tokens, batch->n_seqs, batch->n_logits, single ? single + b->items_extra : 0, tiles };
    const attention_cut cut = { single, b->items_extra, b->c->sliding_window };
    const size_t words = step_pack(f->words, caps, *batch, cut, b->num_blocks, b->p.block_size);
    cudaError_t e = cudaMemcpyAsync(b->words, f->words, words * sizeof(uint32_t), cudaMemcpyHostToDevice, b->q.stream);
    if (e == cudaSuccess) e = cudaEventRecord(f->began, b->q.stream);
    if (e != cudaSuccess) return cuda_fail(e, "submit", err);
    if (k) {
        e = cudaGraphLaunch(k->graph, b->q.stream);
    } else {
        const uint32_t items = step_at(f->words, caps).header->n_items;
        kw_status st = enqueue(b, caps, { batch->n_tokens, batch->n_logits, items, tiles }, err);
        if (st != KW_OK) return st;
        e = b->q.err, b->q.err = cudaSuccess;
    }
    if (e == cudaSuccess) e = cudaEventRecord(f->ended, b->q.stream);
    return e == cudaSuccess ? KW_OK : cuda_fail(e, "launching a step", err);
}

static in_flight *oldest(kw_backend *b)
{
    return &b->flight[b->under_way == 2 ? b->next : b->next ^ 1];
}

static cudaError_t copy_logits(kw_backend *b, in_flight *f)
{
    if (!f->logits_due) return cudaSuccess;
    f->logits_due = false;
    cudaError_t e = cudaMemcpyAsync(f->out->logits, b->logits, (size_t)f->n_logits * b->c->vocab * sizeof(float),
                                    cudaMemcpyDeviceToHost, b->q.stream);
    return e == cudaSuccess ? cudaStreamSynchronize(b->q.stream) : e;
}

static kw_status submit(kw_backend *b, const kw_batch *batch, kw_result *out, kw_error *err)
{
    if (!b->arena || !b->kv) return kw_fail(err, KW_EFAIL, "submit before weights_alloc and kv_alloc");
    if (b->under_way == 2) return kw_fail(err, KW_EFAIL, "two batches are under way");
    if (b->broken) return kw_fail(err, KW_EFAIL, "CUDA: an earlier step failed");
    kw_status st = kw_batch_check(batch, &b->p, b->num_blocks, err);
    for (uint32_t i = 0; st == KW_OK && i < batch->n_tokens; i++)
        if (batch->tokens[i] & KW_TOKEN_PREVIOUS && (batch->tokens[i] & ~KW_TOKEN_PREVIOUS) >= b->n_previous)
            st = kw_fail(err, KW_ERANGE, "token %u: the batch before had %u rows of logits", i, b->n_previous);
    if (st != KW_OK) return st;
    cudaError_t e = cudaSetDevice(b->p.device);
    if (e == cudaSuccess && b->under_way) e = copy_logits(b, oldest(b));
    if (e != cudaSuccess) return cuda_fail(e, "submit", err);
    in_flight *f = &b->flight[b->next];
    st = start(b, f, batch, find_bucket(b, batch), err);
    if (st == KW_OK) {
        e = cudaMemcpyAsync(f->ids, b->result, batch->n_logits * sizeof(uint32_t), cudaMemcpyDeviceToHost, b->q.stream);
        if (e == cudaSuccess) e = cudaEventRecord(f->done, b->q.stream);
        if (e != cudaSuccess) st = cuda_fail(e, "submit", err);
    }
    if (st != KW_OK) { /* whatever part of it was enqueued must not write behind the caller's back */
        cudaStreamSynchronize(b->q.stream);
        b->broken = true;
        return st;
    }
    f->out = out, f->n_logits = batch->n_logits, f->logits_due = out->logits && batch->n_logits;
    b->n_previous = batch->n_logits;
    b->next ^= 1;
    b->under_way++;
    return KW_OK;
}

static kw_status wait(kw_backend *b, kw_error *err)
{
    if (!b->under_way) return kw_fail(err, KW_EFAIL, "wait without a batch under way");
    in_flight *f = oldest(b);
    b->under_way--;
    float ms = 0;
    cudaError_t e = cudaEventSynchronize(f->done);
    if (e == cudaSuccess) e = copy_logits(b, f);
    if (e == cudaSuccess) e = cudaEventElapsedTime(&ms, f->began, f->ended);
    if (e != cudaSuccess) {
        b->broken = true;
        return cuda_fail(e, "a step", err);
    }
    memcpy(f->out->argmax, f->ids, f->n_logits * sizeof(uint32_t));
    f->out->device_ns = (int64_t)((double)ms * 1e6);
    return KW_OK;
}

/* ---- before the first step */

/* A batch of n_seqs times len tokens whose every block is the spare one: what it computes does not matter, that it runs
 * does. Arrays in *storage, malloc'd. */
static kw_status blank_batch(const kw_backend *b, uint32_t n_seqs, uint32_t len, kw_batch *t, uint32_t **storage,
                             kw_error *err)
{
    const uint32_t n = n_seqs * len, blocks = (len + b->p.block_size - 1) / b->p.block_size;
    uint32_t *at = *storage = (uint32_t *)calloc((size_t)3 * n + 4 * n_seqs + (size_t)n_seqs * blocks, sizeof *at);
    if (!at) return kw_fail(err, KW_ENOMEM, "out of memory for a batch of %u tokens", n);
    uint32_t *positions = at + n, *slots = positions + n, *logits = slots + n, *tables = logits + n_seqs;
    kw_batch_seq *seqs = (kw_batch_seq *)(tables + (size_t)n_seqs * blocks);
    for (uint32_t i = 0; i < n; i++)
        positions[i] = i % len, slots[i] = b->num_blocks * b->p.block_size + i % b->p.block_size;
    for (uint32_t i = 0; i < n_seqs * blocks; i++) tables[i] = b->num_blocks;
    for (uint32_t i = 0; i < n_seqs; i++) seqs[i] = { i * len, len, 0 }, logits[i] = i * len + len - 1;
    *t = { n, n_seqs, len == 1 ? n_seqs : 0, at, positions, slots, seqs, tables, blocks, n_seqs, logits };
    return KW_OK;
}

/* Runs such a batch kernel by kernel, which also loads its kernels: a capture may load nothing. */
static kw_status warm_up(kw_backend *b, uint32_t n_seqs, uint32_t len, kw_error *err)
{
    kw_batch t;
    uint32_t *storage;
    kw_status st = blank_batch(b, n_seqs, len, &t, &storage, err);
    if (st == KW_OK) st = start(b, &b->flight[0], &t, nullptr, err);
    kw_status done = finish(b, "warming up", st == KW_OK ? err : nullptr);
    free(storage);
    return st != KW_OK ? st : done;
}

static kw_status capture(kw_backend *b, bucket *k, kw_error *err)
{
    const step_caps caps = decode_caps(b, k->n);
    cudaGraph_t graph = nullptr;
    cudaError_t e =
        cudaStreamBeginCapture(b->q.stream, cudaStreamCaptureModeThreadLocal); /* loaders may call CUDA now */
    if (e != cudaSuccess) return cuda_fail(e, "capturing a graph", err);
    kw_status st = enqueue(b, caps, { k->n, k->n, caps.items, 0 }, err);
    e = cudaStreamEndCapture(b->q.stream, &graph);
    if (e == cudaSuccess) e = b->q.err;
    b->q.err = cudaSuccess;
    if (st == KW_OK && e == cudaSuccess) e = cudaGraphInstantiate(&k->graph, graph, 0);
    if (graph) cudaGraphDestroy(graph);
    if (k->graph && e == cudaSuccess) e = cudaGraphUpload(k->graph, b->q.stream); /* else its first launch would */
    if (st != KW_OK) return st;
    return e == cudaSuccess ? KW_OK : cuda_fail(e, "capturing a graph", err);
}

/* Seconds of the own kernel for this product, over the layers' weights in turn. */
static double time_gemv(kw_backend *b, uint32_t id, uint32_t n, kw_error *err)
{
    constexpr uint32_t REPEATS = 8;
    in_flight *f = &b->flight[0]; /* idle now: its events serve */
    void *y = output_of(b, id);
    float ms = 0;
    for (uint32_t k = 0; k <= REPEATS; k++) { /* the first one loads the kernel */
        const uint32_t layer = id == HEAD ? 0 : k % b->c->layers;
        if (k == 1) cudaEventRecord(f->began, b->q.stream);
        const kw_status st =
            id == QKV || id == GATE_UP || id == HEAD
                ? linear_normed(b, id, layer, n, nullptr, id == HEAD ? b->l->final_norm : b->l->attn_norm, y, err)
                : linear(b, id, layer, n,
                         b->fp8    ? b->codes
                         : id == O ? b->att
                                   : b->gated,
                         y, err);
        if (st != KW_OK) return -1;
    }
    cudaEventRecord(f->ended, b->q.stream);
    if (finish(b, "timing", err) != KW_OK || cudaEventElapsedTime(&ms, f->began, f->ended) != cudaSuccess) return -1;
    return ms * 1e-3 / REPEATS;
}

/* Plans for the numbers of tokens that come often, and which of gemv and cuBLASLt is faster for 4 and 8 tokens. */
static kw_status tune(kw_backend *b, kw_error *err)
{
    uint32_t sizes[BUCKETS + 16], n = bucket_sizes(b->p.max_seqs, sizes);
    for (uint32_t s = 256; s < b->rows; s *= 2)
        if (s > sizes[n - 1]) sizes[n++] = s;
    if (b->rows > sizes[n - 1]) sizes[n++] = b->rows;
    memset(b->by_gemv, 1, sizeof b->by_gemv);
    const struct {
        void *at;
        uint32_t width;
    } inputs[] = {
        { b->x, b->c->hidden }, { b->h, b->c->hidden }, { b->att, q_width(b) }, { b->gated, b->c->intermediate }
    };
    for (uint32_t i = 0; i < 4; i++) /* not zeros: products of zeros run faster */
        run_fill(b->q, b->act, inputs[i].at, nullptr, b->rows, inputs[i].width, 1, i, 0, 1);
    if (b->fp8) run_quantise(b->q, b->act, b->rows, b->gated, b->codes, b->code_scale, b->c->intermediate);
    for (uint32_t id = 0; id < N_PRODUCTS; id++) {
        const kw_matrix_ref &p = *matrix_of(b, id);
        const bool fp8 = p.dtype == KW_DT_FP8;
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t m = sizes[i];
            if (m < 4 || (id == HEAD && m > b->p.max_seqs))
                continue; /* 1 and 2: gemv reads nothing twice and cannot lose */
            const void *x = fp8 ? b->codes : id == O ? b->att : id == DOWN ? b->gated : b->h;
            const operands o = { weight(b, p, 0),
                                 x,
                                 id == QKV && b->l->qkv_bias.bytes ? weight(b, b->l->qkv_bias, 0) : nullptr,
                                 fp8 ? (const float *)(b->arena + p.scales) : nullptr,
                                 fp8 ? b->code_scale : nullptr,
                                 output_of(b, id) };
            double by_gemm;
            kw_status st = gemm_tune(b->lib, b->q, id, m, o, id == HEAD ? 0 : b->l->layer_stride,
                                     id == HEAD ? 1 : b->c->layers, &by_gemm, err);
            if (st != KW_OK) return st;
            if (m > GEMV_TOKENS) continue;
            const double by_gemv = time_gemv(b, id, m, err);
            if (by_gemv < 0) return KW_EFAIL;
            /* Beside the product gemv saves a kernel, norm or SwiGLU, where it fuses one: about 3 us. */
            const double saved = fp8 ? 0 : id == GATE_UP ? 6e-6 : id == QKV || id == HEAD ? 3e-6 : 0;
            for (uint32_t t = m / 2 + 1; t <= m; t++) b->by_gemv[id][t] = by_gemv <= by_gemm + saved;
        }
    }
    return finish(b, "tuning", err);
}

static kw_status prepare(kw_backend *b, kw_error *err)
{
    if (!b->arena || !b->kv) return kw_fail(err, KW_EFAIL, "prepare before weights_alloc and kv_alloc");
    if (b->under_way) return kw_fail(err, KW_EFAIL, "prepare while batches are under way");
    cudaError_t e = cudaSetDevice(b->p.device);
    if (e != cudaSuccess) return cuda_fail(e, "prepare", err);
    kw_startup *log = b->p.startup;
    drop_graphs(b);

    uint32_t phase = kw_startup_begin(log, "plans");
    kw_status st = tune(b, err);
    kw_startup_end(log, phase, 0);
    if (st != KW_OK) return st;

    phase = kw_startup_begin(log, "warm-up");
    st = warm_up(b, 1, std::min(b->p.max_tokens, b->p.max_model_len), err);
    kw_startup_end(log, phase, 0);
    if (st != KW_OK || b->p.eager) return st;

    uint32_t sizes[BUCKETS];
    b->n_buckets = bucket_sizes(b->p.max_seqs, sizes);
    for (uint32_t i = 0; st == KW_OK && i < b->n_buckets; i++) {
        char name[40];
        bucket *k = &b->buckets[i];
        *k = { sizes[i], nullptr };
        snprintf(name, sizeof name, "graph %u", k->n);
        phase = kw_startup_begin(log, name);
        st = warm_up(b, k->n, 1, err);
        if (st == KW_OK) st = capture(b, k, err);
        kw_startup_end(log, phase, 0);
    }
    return st;
}

static const kw_backend_ops ops = {
    KW_BACKEND_ABI, sizeof(kw_backend_ops), "cuda",      probe,      create,  destroy,
    device,         weights_alloc,          stage_alloc, stage_free, upload,  upload_wait,
    weights_fill,   weights_read,           kv_alloc,    kv_fill,    prepare, submit,
    wait,
};

extern "C" __attribute__((visibility("default"))) const kw_backend_ops *kw_backend_plugin(void)
{
    return &ops;
}
