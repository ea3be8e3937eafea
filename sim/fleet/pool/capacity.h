/* sim/fleet/pool/capacity.h - how much of what its replicas could serve a deployment has served. */
#ifndef KW_SIM_FLEET_POOL_CAPACITY_H
#define KW_SIM_FLEET_POOL_CAPACITY_H
#include "sim/fleet/outcome.h"

/* Replica-ns that the ledger's tokens take at the least, each kind in its best step:
 *     in * min over c of step(c) / c  +  out * min over n of step(n) / n
 * in = prompt tokens computed (cached ones are not), c = tokens of a step of prompts alone, up to
 * max_num_batched_tokens; out = output tokens, n = sequences of a decode step, up to max_num_seqs and to what the KV
 * blocks hold at the mean context (mean prompt + half the mean output). Over the time that replicas are ready it is the
 * share of token capacity used: a replica that serves one request at a time is busy, and yet nearly empty. 0 for an
 * API, and where nothing was served. */
kw_ns kw_capacity_needed(const struct kw_deployment *d, const struct kw_ledger *l);

#endif
