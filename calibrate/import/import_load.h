/* calibrate/import/import_load.h - how fast weights load, from data/published/weight_loading.csv and data/calibration/
 * serverlessllm_h100_load_times.csv, as laws of bytes/s over all GPUs of a replica. Only the safetensors loader, vLLM's
 * default; the faster ones (ServerlessLLM, InstantTensor, Run:ai) are an operator's choice and stay out.
 *
 *   cold,   data-centre GPUs: 90 loads "safetensors, random" of 8B and 32B on an H100 (page cache cold, NVMe RAID)
 *   cold,   24 GB and older:  the two loads of Llama-3-8B from AWS gp3 and io2 on an A10G
 *   cached, all:              10 loads "safetensors, cached" (page cache) on an H100
 *
 * bytes = the model's bf16 bytes, as SOURCES.md says; rate = bytes / seconds. tp GPUs load tp^e times as fast: e from
 * InstantTensor's 1 x H200 and 8 x H200 rows of the safetensors loader (storage 1.07 and 4.3 GB/s, tmpfs 4.81
 * and 30.5); the law is then graded estimated, since model and GPU count differ together there. */
#ifndef KW_CALIBRATE_IMPORT_IMPORT_LOAD_H
#define KW_CALIBRATE_IMPORT_IMPORT_LOAD_H
#include "calibrate/profile/gpu.h"
#include "sim/core/law.h"

/* dir: the data directory (it holds published/ and calibration/). */
enum kw_status kw_import_load_rates(struct kw_law *cold, struct kw_law *cached, const char *dir,
                                    const struct kw_gpu_spec *gpu, unsigned tp, struct kw_error *err);

#endif
