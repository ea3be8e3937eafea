/* calibrate/profile/parallel.h - how a model lies on GPUs: dp ranks of tp GPUs each, which attend to requests of their own (dp 0
 * or 1: one rank alone). Of experts each GPU has a slice of every one (ep 0 or 1), or ep = tp dp GPUs have 1/ep of them whole:
 * the two that vLLM knows (--enable-expert-parallel; its FusedMoEParallelConfig, vllm-project/vllm@00746147). */
#ifndef KW_CALIBRATE_PROFILE_PARALLEL_H
#define KW_CALIBRATE_PROFILE_PARALLEL_H
#include <stdbool.h>
#include <stdint.h>

struct kw_parallel {
    uint32_t tp, dp, ep;
};
static inline uint32_t kw_parallel_ranks(struct kw_parallel p)
{
    return p.dp ? p.dp : 1;
}
static inline bool kw_parallel_equal(struct kw_parallel a, struct kw_parallel b)
{
    return a.tp == b.tp && kw_parallel_ranks(a) == kw_parallel_ranks(b) &&
           (a.ep > 1 ? a.ep : 1) == (b.ep > 1 ? b.ep : 1);
}
static inline uint32_t kw_parallel_gpus(struct kw_parallel p)
{
    return p.tp * kw_parallel_ranks(p);
}

#endif
