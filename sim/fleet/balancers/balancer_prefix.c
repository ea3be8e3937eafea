/* sim/fleet/balancers/balancer_prefix.c - by the prompt tokens that a replica has to compute before it can answer: those of the
 * requests it was given that have no first token yet, and those of this one that its cache does not hold. Between the replica
 * that last served the longest prefix known, if that is min_match tokens at least, and the one with the fewest such tokens, of
 * equals the least requests.
 *
 * As NVIDIA Dynamo's KV router weighs: cost = prefill tokens the worker would have, cached ones left out, + blocks it decodes
 * (ai-dynamo/dynamo, KV cache routing). What is being decoded is looked at here only where it is far apart: no prefix is followed
 * to a replica with more than 32 requests above the least. SGLang's router goes by such a number (balance_abs_threshold 32) and by
 * a least share of the prompt (cache_threshold 0.5) in the place of min_match.
 *
 * A router sees no eviction: a block counts as held until its replica was given as many tokens to compute since as its cache
 * has room for, when least recently used first would have let it go. */
#include "sim/fleet/balancers/balancer.h"
#include "sim/fleet/balancers/served.h"

#define APART 32 /* requests */

/* Tokens of the prompt that some replica still holds, and which; the longest first. */
static uint64_t longest(const struct kw_balancer *b, struct kw_prefix prefix, uint32_t *who)
{
    uint64_t then;
    *who = KW_NO_REPLICA;
    for (uint32_t i = prefix.n; i-- > 0;) {
        uint32_t r = kw_served_by(b, prefix.hash[i], &then);
        if (r == KW_NO_REPLICA || b->taken[r] - then >= b->room_tokens) continue;
        uint64_t tokens = (uint64_t)(i + 1) * prefix.block;
        *who = r;
        return tokens < prefix.tokens ? tokens : prefix.tokens;
    }
    return 0;
}

/* The one with the fewest tokens awaited. O(ready replicas), as the routers that it is like. */
static uint32_t lightest(const struct kw_balancer *b)
{
    uint32_t best = kw_balancer_least(b);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t r = b->ready[i];
        if (b->load[r] < b->limit && b->awaited[r] < b->awaited[best]) best = r;
    }
    return best;
}

/* One look a hash of the prompt, longest prefix first, and as many writes. */
static uint32_t pick(struct kw_balancer *b, struct kw_prefix prefix, struct kw_rng *routing)
{
    (void)routing;
    uint32_t held_by, r = lightest(b);
    uint64_t held = longest(b, prefix, &held_by);
    if (held && (held < b->min_match || b->load[held_by] >= b->limit)) held = 0;
    if (held && b->load[held_by] > b->least + APART) held = 0;
    if (held && held_by != r && b->awaited[held_by] > b->awaited[r] + held) held = 0;
    if (held) r = held_by;
    b->computes = prefix.tokens - held;
    b->taken[r] += b->computes;
    for (uint32_t i = 0; i < prefix.n; i++) kw_served_note(b, prefix.hash[i], r);
    return r;
}

const struct kw_balance_policy kw_balancer_prefix = {
    .ranked = true, .weighs = true, .begin = kw_served_begin, .pick = pick
};
