/* sim/plan/sweep/drafting.h - speculative decoding of a choice: what drafts, and what that takes of its GPUs. */
#ifndef KW_SIM_PLAN_SWEEP_DRAFTING_H
#define KW_SIM_PLAN_SWEEP_DRAFTING_H
#include "sim/plan/sweep/candidate.h"

/* c, whose scheduler is set, drafts s->tokens a step: by a model on the same GPUs (draft, its step times still to be
 * compiled), in s->pass_ps a pass, or, where both are nothing, by what costs the device nothing (n-grams of the prompt). A draft
 * model's weights and KV cache come out of the KV cache's memory, unless the user stated the blocks that there are; so do the
 * slots that a model or a head writes ahead. Batches are no longer decided ahead (vLLM 0.19 does so with a draft model; how
 * many tokens come is then not known in time, and that is not simulated). KW_ERANGE: several ranks, a policy that does
 * not mix prompts and decodes, no room. */
enum kw_status kw_choice_speculate(struct kw_choice *c, const struct kw_speculative *s, const struct kw_profile *draft,
                                   struct kw_error *err);

#endif
