/* calibrate/profile/kv.h - how many KV blocks a vLLM replica gets, where no engine reported it.
 *
 *   blocks = floor( (u memory - weights/tp - overhead) / (block_size kv_bytes_gpu) )
 *   overhead = a + max_num_batched_tokens (3 intermediate/tp + 4 hidden) 2
 *
 * u = 0.9, vLLM's gpu_memory_utilization; the second term is the peak of activations in the profiling run; a holds the
 * CUDA context, graphs and workspaces and is set so that the one count an engine reported is met: 2588 blocks of 16 for
 * Llama-3.1-8B bf16 on an RTX 4090 of 25,250,627,584 B at 2048 tokens (vllm_bench meta.json, vLLM 0.19.0). */
#ifndef KW_CALIBRATE_PROFILE_KV_H
#define KW_CALIBRATE_PROFILE_KV_H
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/model.h"
#include "calibrate/profile/parallel.h"
#include "sim/core/status.h"

#define KW_KV_BLOCK_SIZE 16   /* vLLM's default */
#define KW_KV_SMALLEST 8192.0 /* tokens; below it the replica would serve one modest request at a time */

/* KV bytes a token on one of tp GPUs: KV heads are copied where tp exceeds them, latent attention's one head always. */
double kw_kv_gpu_bytes_per_token(const struct kw_model_shape *m, const char *precision, unsigned tp);
/* Bytes of weights on one GPU: of experts 1/(tp dp), of all else 1/tp. */
double kw_kv_gpu_weight_bytes(const struct kw_model_shape *m, const char *precision, struct kw_parallel par);
/* Bytes of one GPU left for the KV cache; of a model with experts, the activations of those that a token takes, and of a
 * group of ranks the hidden states of all ranks' tokens, gathered and as results. */
double kw_kv_room(const struct kw_gpu_spec *gpu, const struct kw_model_shape *m, const char *precision,
                  struct kw_parallel par, uint32_t max_num_batched_tokens);
/* KW_ERANGE when the weights leave no room for 8192 tokens; the message says what is missing. */
enum kw_status kw_kv_blocks(uint32_t *blocks, const struct kw_gpu_spec *gpu, const struct kw_model_shape *m,
                            const char *precision, unsigned tp, uint32_t max_num_batched_tokens, struct kw_error *err);

#endif
