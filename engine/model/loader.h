/* engine/model/loader.h - checkpoint files to the weights' places: threads, each with stage buffers of its own, read
 * pieces in file order; a piece goes by upload (or straight into a host arena), converted on the way where the
 * precision asks for it. No mmap: a page fault per 4 KiB and a pageable copy are what makes others slow (ENGINE.md 3).
 */
#ifndef KW_ENGINE_MODEL_LOADER_H
#define KW_ENGINE_MODEL_LOADER_H
#include "engine/backend.h"

enum kw_load_mode {
    KW_LOAD_CACHED, /* pread through the page cache */
    KW_LOAD_DIRECT, /* O_DIRECT, 4 KiB aligned, edges over-read; pieces whose file refuses it are read buffered */
    KW_LOAD_NETWORK /* as cached, after a first-byte latency and no faster than rate: emulates remote storage */
};
extern const char *const kw_load_modes[]; /* "cached", "direct", "network", NULL */

struct kw_load_options { /* {0} is: cached, defaults */
    enum kw_load_mode mode;
    uint32_t threads;    /* 0: the online processors, 16 at most */
    uint32_t ring;       /* stage buffers a thread; 0: 2 */
    size_t buffer_bytes; /* of each; 0: 8 MiB; at least 1 MiB, and at least one row of the widest matrix */
    double rate;         /* network: bytes/s over all threads; > 0 */
    double first_byte_s; /* network: before each file's first byte */
};

struct kw_load_stats {
    uint64_t file_bytes;       /* read from files, over-read edges included */
    uint64_t weight_bytes;     /* that arrived in the arena */
    uint64_t direct_bytes;     /* of file_bytes, by O_DIRECT: which path really ran */
    int64_t first_ns, last_ns; /* CLOCK_MONOTONIC: first read begun, last upload done */
    uint32_t threads;
    bool emulated; /* a token bucket held it back */
};

/* Reads everything of the plan into b (after weights_alloc; host: the arena's address or NULL). Phases "stage buffers"
 * and "weights" are recorded in startup (NULL: nowhere). On failure some weights may have arrived; buffers are given
 * back. */
enum kw_status kw_load(const struct kw_backend_ops *ops, struct kw_backend *b, void *host,
                       const struct kw_checkpoint *k, const struct kw_weights_plan *plan,
                       const struct kw_load_options *o, struct kw_startup *startup, struct kw_load_stats *stats,
                       struct kw_error *err);

#endif
