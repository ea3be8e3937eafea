/* calibrate/import/import_vllm_bench.h - the kernel tables beside the real vLLM runs of data/calibration/vllm_bench
 * (casys-kaist/ LLMServingSim profiler, MIT): profile_dense.csv, profile_per_sequence.csv, profile_attention.csv.gz. */
#ifndef KW_CALIBRATE_IMPORT_IMPORT_VLLM_BENCH_H
#define KW_CALIBRATE_IMPORT_IMPORT_VLLM_BENCH_H
#include "calibrate/operators/samples.h"

/* Appends the rows of one layer ("qkv_proj", "act_fn", "lm_head", ...), sorted: x = { tokens } or, from
 * profile_per_sequence.csv, { sequences }; one call of that layer. KW_ERANGE when the layer has no row. */
enum kw_status kw_import_vllm_layer(struct kw_samples *out, const char *path, const char *layer, struct kw_error *err);
/* Appends every row, sorted: x = { prefill_chunk, kv_prefill, n_decode, kv_decode }; one layer's attention over a chunk
 * of prefill_chunk tokens with kv_prefill before it, and n_decode sequences of kv_decode tokens each. */
enum kw_status kw_import_vllm_attention(struct kw_samples *out, const char *path, struct kw_error *err);

#endif
