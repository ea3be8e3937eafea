#include "calibrate/profile/kv.h"
#include <assert.h>
#include <math.h>

#define UTILIZATION 0.9 /* vLLM's gpu_memory_utilization */
/* Solved from the reported count: 0.9 x 25250627584 - 16060522496 - 2588.5 x 16 x 131072 B (the count is a floor), less
 * the activations of 2048 tokens of Llama-3.1-8B (4096, 14336), 243.3 MB. */
#define CONTEXT_BYTES 0.9933e9

double kw_kv_gpu_bytes_per_token(const struct kw_model_shape *m, const char *precision, unsigned tp)
{
    double share = m->latent.kv_rank ? 1 : m->kv_heads > tp ? 1.0 / tp : 1.0 / m->kv_heads;
    assert(tp > 0 && share > 0 && share <= 1);
    return kw_model_kv_bytes_per_token(m, precision) * share;
}

double kw_kv_gpu_weight_bytes(const struct kw_model_shape *m, const char *precision, struct kw_parallel par)
{
    double experts = kw_model_expert_bytes(m, precision), all = kw_model_weight_bytes(m, precision);
    return (all - experts) / par.tp + experts / par.tp / kw_parallel_ranks(par);
}

double kw_kv_room(const struct kw_gpu_spec *gpu, const struct kw_model_shape *m, const char *precision,
                  struct kw_parallel par, uint32_t max_num_batched_tokens)
{
    double ranks = kw_parallel_ranks(par), gathered = ranks > 1 ? 2 * ranks * m->hidden : 0;
    double experts = (double)m->experts.active * m->experts.width + m->experts.shared_width;
    double width = fmax(m->experts.n ? experts : 0, m->experts.n && !m->experts.dense_layers ? 0 : m->intermediate);
    double activations = 2.0 * max_num_batched_tokens * (3.0 * width / par.tp + 4.0 * m->hidden + gathered);
    return UTILIZATION * gpu->memory_bytes - kw_kv_gpu_weight_bytes(m, precision, par) - CONTEXT_BYTES - activations;
}

enum kw_status kw_kv_blocks(uint32_t *blocks, const struct kw_gpu_spec *gpu, const struct kw_model_shape *m,
                            const char *precision, unsigned tp, uint32_t max_num_batched_tokens, struct kw_error *err)
{
    double weights = kw_model_weight_bytes(m, precision) / tp;
    double room = kw_kv_room(gpu, m, precision, (struct kw_parallel){ .tp = tp }, max_num_batched_tokens);
    double n = floor(room / (KW_KV_BLOCK_SIZE * kw_kv_gpu_bytes_per_token(m, precision, tp)));
    if (!(n * KW_KV_BLOCK_SIZE >= KW_KV_SMALLEST))
        return kw_fail(err, KW_ERANGE,
                       "%s %s does not fit on %u x %s: %.1f GB of weights a GPU leave %.1f of %.1f GB for the KV cache",
                       m->name, precision, tp, gpu->name, weights / 1e9, room / 1e9, gpu->memory_bytes / 1e9);
    *blocks = (uint32_t)fmin(n, 1 << 30);
    return KW_OK;
}
