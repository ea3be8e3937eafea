/* engine/cpu/cpu_memory.h - what both CPU backends share: the arena, stage buffers, KV cache and RoPE table in host
 * memory, and the functions of the table that move bytes. A backend adds its own create, submit and work space. */
#ifndef KW_ENGINE_CPU_CPU_MEMORY_H
#define KW_ENGINE_CPU_CPU_MEMORY_H
#include <pthread.h>
#include "engine/backend.h"

struct kw_cpu_memory { /* malloc'd, its use begins 4096-aligned (2 MiB where it is larger, and on huge pages if the
                           system gives them) */
    void *raw;
    unsigned char *at;
    size_t bytes;
};
enum kw_status kw_cpu_memory_take(struct kw_cpu_memory *m, size_t bytes, const char *what, struct kw_error *err);
void kw_cpu_memory_free(struct kw_cpu_memory *m);

struct kw_backend {
    struct kw_backend_params p;
    const struct kw_model_config *c;   /* p.config */
    const struct kw_weights_layout *l; /* p.layout */
    struct kw_cpu_memory arena, kv;
    uint32_t num_blocks;
    uint64_t available;          /* bytes of the machine's memory that could be had when the backend was made */
    uint64_t kv_head_stride;     /* values of one KV head in one block: block_size * head_dim */
    uint64_t kv_block_stride;    /* values of one block of K (or V) of one layer: kv_heads of those */
    uint64_t kv_part_stride;     /* values of all blocks of K (or V) of one layer */
    struct kw_cpu_memory *stage; /* [n_stage], handles are indices; guarded by lock */
    uint32_t n_stage;
    pthread_mutex_t lock;
    bool lock_made;
    float *rope;        /* [max_model_len][head_dim / 2][cos, sin] */
    uint32_t *previous; /* [max_seqs] argmax of the batch before, for KW_TOKEN_PREVIOUS */
    uint32_t n_previous;
    uint32_t under_way; /* submitted, not yet waited for: 0, 1, 2 */
    uint32_t threads;
    struct kw_cpu_work *work; /* the backend's own */
};

/* Checks what no CPU backend can do, takes rope and previous. On failure everything is given back. */
enum kw_status kw_cpu_create(struct kw_backend **b, const struct kw_backend_params *p, struct kw_error *err);
void kw_cpu_destroy(struct kw_backend *b);

enum kw_status kw_cpu_probe(uint32_t *n, struct kw_error *err);
enum kw_status kw_cpu_device(struct kw_backend *b, struct kw_device *d, struct kw_error *err);
enum kw_status kw_cpu_weights_alloc(struct kw_backend *b, void **host, struct kw_error *err);
enum kw_status kw_cpu_stage_alloc(struct kw_backend *b, size_t bytes, void **host, uint32_t *handle,
                                  struct kw_error *err);
void kw_cpu_stage_free(struct kw_backend *b, uint32_t handle);
enum kw_status kw_cpu_upload(struct kw_backend *b, uint32_t handle, uint64_t dst, const void *src, size_t bytes,
                             struct kw_error *err);
enum kw_status kw_cpu_upload_wait(struct kw_backend *b, uint32_t handle, struct kw_error *err);
enum kw_status kw_cpu_weights_fill(struct kw_backend *b, uint64_t seed, struct kw_error *err);
enum kw_status kw_cpu_weights_read(struct kw_backend *b, uint64_t offset, void *dst, size_t bytes,
                                   struct kw_error *err);
enum kw_status kw_cpu_kv_alloc(struct kw_backend *b, uint32_t num_blocks, uint32_t *got, struct kw_error *err);
enum kw_status kw_cpu_kv_fill(struct kw_backend *b, uint64_t seed, struct kw_error *err);
enum kw_status kw_cpu_wait(struct kw_backend *b, struct kw_error *err);

/* The batch is sound, the backend has memory and fewer than two batches are under way. */
enum kw_status kw_cpu_accepts(const struct kw_backend *b, const struct kw_batch *batch, struct kw_error *err);
uint32_t kw_cpu_token(const struct kw_backend *b, uint32_t token); /* the id, a previous one looked up */
/* Address of the K (v = 0) or V (v = 1) values of one token slot and KV head: [head_dim] of kv_dtype. */
void *kw_cpu_kv(const struct kw_backend *b, uint32_t layer, int v, uint32_t slot, uint32_t kv_head);

/* The entries of the table that are the same in both: a backend states its name, create, destroy, device, prepare and
 * submit beside them. */
#define KW_CPU_OPS                                                                                                     \
    .abi = KW_BACKEND_ABI, .size = sizeof(struct kw_backend_ops), .probe = kw_cpu_probe,                               \
    .weights_alloc = kw_cpu_weights_alloc, .stage_alloc = kw_cpu_stage_alloc, .stage_free = kw_cpu_stage_free,         \
    .upload = kw_cpu_upload, .upload_wait = kw_cpu_upload_wait, .weights_fill = kw_cpu_weights_fill,                   \
    .weights_read = kw_cpu_weights_read, .kv_alloc = kw_cpu_kv_alloc, .kv_fill = kw_cpu_kv_fill, .wait = kw_cpu_wait

#endif
