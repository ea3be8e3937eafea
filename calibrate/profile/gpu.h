/* calibrate/profile/gpu.h - the GPUs we know: their names, and of each the data sheet's memory, bandwidth, FLOP/s. */
#ifndef KW_CALIBRATE_PROFILE_GPU_H
#define KW_CALIBRATE_PROFILE_GPU_H
#include <stddef.h>
#include "sim/core/provenance.h"

/* A row of calibrate/data/gpus.json (embedded), the one table of GPU names. */
struct kw_gpu_spec {
    char name[24], full_name[40];
    char alias[8][52]; /* what the driver, clouds and catalogues call it; "" after the last */
    double memory_bytes, bandwidth, flops_bf16,
        flops_fp8;         /* B, B/s, dense FLOP/s (fp16 on T4), 0 where it has no fp8 */
    char link[24];         /* what joins those of a node, a name of links.json (link.h) */
    double link_bandwidth; /* B/s one way between two GPUs of a node: NVLink where there is one, else PCIe */
    double l2_bytes;       /* L2 cache; a table that re-reads less than it was not timed from memory */
    int sm;
    struct kw_provenance provenance;
};
/* By its name, full name or an alias, whole: letters and digits count, case and all else do not, so that
 * "NVIDIA H100 80GB HBM3" is an H100, "NVIDIA L40" no L4 and a MIG slice nothing at all. NULL when not known. */
const struct kw_gpu_spec *kw_gpu_find(const char *name);
/* The same, or KW_ERANGE with the names that come nearest. */
enum kw_status kw_gpu_named(const struct kw_gpu_spec **out, const char *name, struct kw_error *err);
/* How near the GPU of a row of kernels is to one: 0 itself, 1 its architecture, 2 another. */
int kw_gpu_distance(const char *name, const struct kw_gpu_spec *gpu);
/* Its name in the table, or what it was called where nobody knows it (a platform's unit that is no GPU of ours). */
const char *kw_gpu_name(const char *name);
size_t kw_gpu_count(void);
const struct kw_gpu_spec *kw_gpu_at(size_t i);

#endif
