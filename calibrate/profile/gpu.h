/* calibrate/profile/gpu.h - data-sheet facts of the GPUs we know: memory, bandwidth, FLOP/s. */
#ifndef KW_CALIBRATE_PROFILE_GPU_H
#define KW_CALIBRATE_PROFILE_GPU_H
#include <stddef.h>
#include "sim/core/provenance.h"

/* Data-sheet facts of a GPU (calibrate/data/gpus.json, embedded). NULL when not known. */
struct kw_gpu_spec {
    char name[24], full_name[40];
    double memory_bytes, bandwidth, flops_bf16,
        flops_fp8;         /* B, B/s, dense FLOP/s (fp16 on T4), 0 where it has no fp8 */
    double link_bandwidth; /* B/s one way between two GPUs of a node: NVLink where there is one, else PCIe */
    double l2_bytes;       /* L2 cache; a table that re-reads less than it was not timed from memory */
    int sm;
    struct kw_provenance provenance;
};
const struct kw_gpu_spec *kw_gpu_find(const char *name);
size_t kw_gpu_count(void);
const struct kw_gpu_spec *kw_gpu_at(size_t i);

#endif
