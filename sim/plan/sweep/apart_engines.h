/* sim/plan/sweep/apart_engines.h - what a choice needs whose replicas have engines that prefill and others that decode. */
#ifndef KW_SIM_PLAN_SWEEP_APART_ENGINES_H
#define KW_SIM_PLAN_SWEEP_APART_ENGINES_H
#include "sim/plan/sweep/candidate.h"

/* c, made by kw_choice_engines, its scheduler set: the engines that prefill are of `prefill` and have the same scheduler but
 * for their own KV blocks (unless the user stated how many there are), and they alone look for prefixes; the KV cache of a token, as
 * large as c->profile has it, moves over min(tp, prefill tp) links like `link`, a shard each. A measured link's law is the line
 * through its smallest and its largest message of two GPUs' all-reduce, which moves as many bytes each way. Batches are not
 * decided ahead. The step times of the engines that prefill are still to be compiled. KW_ERANGE: a policy that does not take
 * prompts in pieces, several ranks, drafts. */
enum kw_status kw_choice_apart(struct kw_choice *c, const struct kw_profile *prefill, const struct kw_link *link,
                               struct kw_error *err);

#endif
