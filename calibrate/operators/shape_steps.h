/* calibrate/operators/shape_steps.h - step tables of any shape on any GPU (tp of them) from the laws of its kernels: the
 * roofline with the efficiencies of measured kernels, where no table of the model's own products exists.
 *
 *   product    by the table of products of about that extent (gemm_table.h), weights of `bits` a parameter; int4 and MXFP4
 *              weights are widened to 16 bits on the way, NVFP4 and fp8 multiply as they are
 *   experts    by the table where one has that shape (expert_table.h); else t0 + 6 k_e T H I / (e F) + (d(T) 3 H I bits/8 + activations) / (e' M),    T tokens, k_e experts each,
 *              d(T) = E (1 - (1 - k_e/E)^T) distinct ones (kw_model_experts_touched: balanced routing); t0 holds what sorts tokens by
 *              expert, 30 to 45 us a layer on Hopper; and the router
 *   decode     per layer a + b B g + bytes(S) / (e M), S the context that the layer sees: all, or min(S, B window);
 *              latent attention reads its r + d_r values once for all heads and multiplies them with each:
 *              2 h (2 r + d_r) S / (e F) more (arXiv:2405.04434, absorbed form); linear attention reads and writes states
 *   prefill    per layer a + heads' 2 (d_qk + d_v) (128 T / (e F) + P / (e' F)), P the pairs that it sees
 *   all-reduce two a layer, of 2 T H bytes, over the GPU's link (link.h)
 *
 * What is bound by operations takes `slower` times that: server_law.h. Roofline: Williams et al., CACM 52(4), 2009; operations and bytes: Pope et al., arXiv:2211.05102. How one model is laid
 * over GPUs: struct kw_split. Experts are split over all tp dp GPUs, ep of them by whole experts and the rest by width. */
#ifndef KW_CALIBRATE_OPERATORS_SHAPE_STEPS_H
#define KW_CALIBRATE_OPERATORS_SHAPE_STEPS_H
#include "calibrate/operators/expert_table.h"
#include "calibrate/operators/kernel_laws.h"
#include "calibrate/profile/link.h"

/* dp ranks attend to sequences of their own on tp GPUs each, and share the experts: E / ep whole ones on a GPU, in tp dp / ep
 * parts of their width. The steps are a rank's, all ranks stepping together over batches alike: its experts get the tokens
 * of dp ranks, whose hidden states are gathered before and summed after as in one all-reduce over tp dp GPUs. Or `apart`:
 * routed experts and what ranks exchange, over a link of dp GPUs, are tables over the tokens of all ranks (kw_step_group), so
 * that batches may differ; router, shared experts and dense layers stay with the rank.
 * The expert law, fitted to one GPU with all experts, is 3, 9 and 17 % too fast in the median over moe_perf's balanced rows of
 * 2, 4 and 8 GPUs with whole ones (H100 and H200, bf16, looked at 2026-11-30; not corrected). */
struct kw_split {
    uint32_t tp, ep, dp; /* each >= 1; ep 1: experts by width alone */
    bool kv_fp8;         /* KV cache in 8 bits */
    bool apart;          /* of dp above 1 */
    const char *engine;  /* whose host time a profile gets: "vllm" where NULL */
    enum kw_expert_routing routing;
};

/* link: over tp dp GPUs, over tp where `apart`, not read where that is 1; exchange: over dp GPUs, read where `apart`. KW_ERANGE: heads do not split over tp. t is empty on
 * failure, the caller frees it otherwise (as a profile's). */
enum kw_status kw_shape_steps(struct kw_step_tables *t, const struct kw_model_shape *m, const struct kw_gpu_spec *gpu,
                              const char *precision, const struct kw_split *split, const struct kw_kernel_laws *laws,
                              const struct kw_link *link, const struct kw_link *exchange, struct kw_error *err);

#endif
