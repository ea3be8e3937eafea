/* engine/backend.h - the seam to the hardware: one struct of function pointers. engine/cpu/cpu.c fills it twice
 * ("reference", "cpu"), libkeepwarm_cuda.so fills it and is opened at run time by engine/plugin.h. Callers know no
 * device.
 *
 * Life: create (context only) -> weights_alloc -> upload ... (or weights_fill) -> kv_alloc -> prepare -> submit and
 * wait, again and again -> destroy. All calls on one backend come from one thread, except upload and upload_wait, which
 * the loader's threads call at once (each with stage buffers of its own), and which may overlap prepare. Functions
 * return kw_status and fill err; a plugin includes this header inside extern "C" and compiles sim/core/status.c and
 * engine/startup.c into itself. No function may print, exit or abort on what its input or the device does.
 *
 * Numerics every backend keeps: sums, softmax, norms, RoPE angles and the residual stream in fp32 or better for
 * precision fp32; for 16-bit precisions activations may be rounded to it between operations. fp8: the input of each
 * linear layer is quantised per token by kw_fp8_quantise, products are summed in fp32, then times scale[row] * scale of
 * the token; embedding, lm_head, norms and KV are not fp8 (dtype.h, weights.h). Greedy: the smallest id of the largest
 * logits. Results of a sequence must not depend on what else is in the batch beyond rounding. In each layer K and V of
 * all tokens of the batch are in the cache before any of its attention: with prefix caching a sequence may read blocks
 * that another one fills in the same batch. */
#ifndef KW_ENGINE_BACKEND_H
#define KW_ENGINE_BACKEND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/model/config.h"
#include "engine/startup.h"
#include "engine/model/weights.h"
#include "sim/core/status.h"

#define KW_BACKEND_ABI 2u /* raised with any change below; a plugin of another number is refused */

struct kw_backend; /* the backend's own */

struct kw_device {
    char name[96];                        /* "NVIDIA H200", "AMD EPYC, 2 threads, avx2" */
    char driver[64];                      /* "driver 570.86, CUDA 12.8"; "" where that has no meaning */
    uint64_t memory_bytes, memory_free;   /* now */
    double bandwidth;                     /* bytes/s of the data sheet or 0 when unknown */
    double flops_16, flops_8;             /* dense, of the data sheet, or 0 */
    uint32_t units;                       /* SMs or threads */
    uint32_t clock_mhz, memory_clock_mhz; /* now; 0 unknown */
};

struct kw_backend_params {
    const struct kw_model_config *config;   /* borrowed while the backend lives */
    const struct kw_weights_layout *layout; /* borrowed while the backend lives */
    enum kw_dtype kv_dtype;                 /* of the KV cache: fp32, bf16 or fp16 */
    int device;                             /* index; 0 the first */
    uint32_t threads;                       /* CPU; 0: what OpenMP says */
    uint32_t block_size;                    /* tokens a KV block; power of two, 1..512 */
    uint32_t max_tokens;                    /* tokens of a batch at most */
    uint32_t max_seqs;                      /* sequences of a batch, and rows of logits, at most */
    uint32_t max_model_len;                 /* tokens of one sequence at most */
    double memory_fraction;     /* of a GPU's memory, or of what is available on a CPU's machine: what weights, KV and
                                   workspace     may take, 0 < f <= 1 */
    bool eager;                 /* no captured graphs: every step launches its kernels one by one */
    struct kw_startup *startup; /* phases are recorded here; NULL: nowhere. Borrowed while the backend lives */
};

/* One sequence of a batch: tokens [start, start + len) of the batch are its positions past .. past + len - 1. */
struct kw_batch_seq {
    uint32_t start, len;
    uint32_t past; /* tokens of it in the KV cache before this step */
};

/* A ragged batch. Decodes come first: sequences [0, n_decode) have len 1; n_decode == n_seqs is the fast path (graphs).
 */
struct kw_batch {
    uint32_t n_tokens, n_seqs, n_decode;
    const uint32_t *tokens;    /* [n_tokens] ids, or KW_TOKEN_PREVIOUS | row */
    const uint32_t *positions; /* [n_tokens] past + i */
    const uint32_t *slots;     /* [n_tokens] where its K and V go: block id * block_size + position % block_size */
    const struct kw_batch_seq *seqs; /* [n_seqs] in token order, without gaps */
    const uint32_t *tables; /* [n_seqs][table_stride] physical block ids; entries past a sequence's last are ignored */
    uint32_t table_stride;
    uint32_t n_logits;            /* rows wanted, <= max_seqs */
    const uint32_t *logit_tokens; /* [n_logits] indices into tokens, ascending */
};
/* A token still on the device: the argmax of logit row (id & ~KW_TOKEN_PREVIOUS) of the batch submitted before this
 * one. So step n + 1 can be submitted before step n's ids are known to the host. */
#define KW_TOKEN_PREVIOUS 0x80000000u

struct kw_result {     /* filled by wait; the arrays are the caller's and stay untouched by others until then */
    uint32_t *argmax;  /* [n_logits] greedy ids, always written */
    float *logits;     /* [n_logits][vocab], or NULL: not wanted */
    int64_t device_ns; /* this step on the device, first kernel to last (CPU: wall) */
};

struct kw_backend_ops {
    uint32_t abi;     /* KW_BACKEND_ABI */
    uint32_t size;    /* sizeof(struct kw_backend_ops) */
    const char *name; /* "reference", "cpu", "cuda" */

    /* How many devices there are; KW_EFAIL with what to install when the driver or a device is missing. */
    enum kw_status (*probe)(uint32_t *n_devices, struct kw_error *err);
    /* KW_ERANGE for a config, precision or kv_dtype it does not implement; KW_ENOMEM; KW_EFAIL. *b is NULL on failure.
     */
    enum kw_status (*create)(struct kw_backend **b, const struct kw_backend_params *p, struct kw_error *err);
    void (*destroy)(struct kw_backend *b); /* NULL is allowed; waits for what is under way */
    enum kw_status (*device)(struct kw_backend *b, struct kw_device *d, struct kw_error *err);

    /* layout->bytes of memory for the weights, not cleared. *host: the arena's address when the host can write it (the
     * loader then reads straight into it), else NULL. */
    enum kw_status (*weights_alloc)(struct kw_backend *b, void **host, struct kw_error *err);
    /* Host memory for staging, 4096-aligned, pinned where that helps; *handle names it in upload. */
    enum kw_status (*stage_alloc)(struct kw_backend *b, size_t bytes, void **host, uint32_t *handle,
                                  struct kw_error *err);
    void (*stage_free)(struct kw_backend *b, uint32_t handle);
    /* Starts copying src[0..bytes), which lies in stage buffer `handle`, to arena offset dst; returns at once. Any
     * alignment. upload_wait: until every copy from that buffer is done, so that it may be written again. */
    enum kw_status (*upload)(struct kw_backend *b, uint32_t handle, uint64_t dst, const void *src, size_t bytes,
                             struct kw_error *err);
    enum kw_status (*upload_wait)(struct kw_backend *b, uint32_t handle, struct kw_error *err);
    enum kw_status (*weights_fill)(struct kw_backend *b, uint64_t seed,
                                   struct kw_error *err); /* engine/model/synthetic.h */
    enum kw_status (*weights_read)(struct kw_backend *b, uint64_t offset, void *dst, size_t bytes,
                                   struct kw_error *err);

    /* num_blocks KV blocks, [layer][K, V][block][kv_head][token][head_dim]; 0: as many as memory_fraction leaves after
     * weights and workspace, max_seqs * max_model_len tokens at most. *got: how many. kv_fill: random values of
     * variance 1 in all blocks (kw_synthetic_unit with id 2^31 + layer), for timing decode without a prefill. */
    enum kw_status (*kv_alloc)(struct kw_backend *b, uint32_t num_blocks, uint32_t *got, struct kw_error *err);
    enum kw_status (*kv_fill)(struct kw_backend *b, uint64_t seed, struct kw_error *err);

    /* Everything that the first step would otherwise pay for: plans, warm-up, graphs; each a phase of startup. */
    enum kw_status (*prepare)(struct kw_backend *b, struct kw_error *err);

    /* Runs the batch; returns once its arrays may be reused. At most two batches are under way; they run in the order
     * of submission, so a later one may write blocks that an earlier one reads. wait: the oldest of them is done and
     * its result filled. A failed submit leaves nothing under way from that call. */
    enum kw_status (*submit)(struct kw_backend *b, const struct kw_batch *batch, struct kw_result *out,
                             struct kw_error *err);
    enum kw_status (*wait)(struct kw_backend *b, struct kw_error *err);
};

/* What the engine promises of a batch, checked where it is cheap to know better: KW_ERANGE names the first breach.
 * Both CPU backends and tests call it; num_blocks as kv_alloc said. */
enum kw_status kw_batch_check(const struct kw_batch *batch, const struct kw_backend_params *p, uint32_t num_blocks,
                              struct kw_error *err);

extern const struct kw_backend_ops
    kw_backend_reference;                          /* engine/cpu/cpu_reference.c: fp32 sums, one loop after another */
extern const struct kw_backend_ops kw_backend_cpu; /* engine/cpu/cpu.c: blocked, vectorised, OpenMP */

/* What a plugin exports: extern "C" const struct kw_backend_ops *kw_backend_plugin(void); */
typedef const struct kw_backend_ops *kw_backend_plugin_fn(void);
#define KW_BACKEND_PLUGIN_SYMBOL "kw_backend_plugin"

#endif
