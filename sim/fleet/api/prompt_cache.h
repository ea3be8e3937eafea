/* sim/fleet/api/prompt_cache.h - the prompts an API provider remembers for one account: blocks of prefixes, each usable
 * from the first token of the answer that wrote it until the rule's lifetime after its last use. No capacity is known of
 * any provider, so none is simulated: what leaves is what has not been used for a lifetime. Exact integers.
 *
 * The rule counts tokens: at least min_tokens, in multiples of step_tokens. Where a provider wants breakpoints
 * (explicit), they stand as if at every block where prompts part, and one at the end: reads are the most there can be,
 * and what was not read is written. */
#ifndef KW_SIM_FLEET_API_PROMPT_CACHE_H
#define KW_SIM_FLEET_API_PROMPT_CACHE_H
#include "platforms/facts/platform.h"
#include "sim/core/status.h"
#include "sim/fleet/prefix.h"

struct kw_prompt_cache {
    struct kw_prompt_cache_block {
        uint64_t hash;
        kw_ns from, until; /* usable in [from, until); until 0: a free slot */
    } * slot;              /* [slots] open addressing, linear; a power of two, at least twice n */
    size_t slots, n;
};

void kw_prompt_cache_init(struct kw_prompt_cache *c);
void kw_prompt_cache_free(struct kw_prompt_cache *c);
void kw_prompt_cache_clear(struct kw_prompt_cache *c); /* nothing remembered, memory kept */

/* Tokens of the prompt that the cache holds at now; block: tokens a hash covers. O(blocks). */
uint32_t kw_prompt_cache_read(const struct kw_prompt_cache *c, const struct kw_cache_rule *rule,
                              struct kw_prefix prefix, uint32_t block, uint32_t prompt, kw_ns now);
/* Tokens that are written for a price when `cached` of them are read: none where the provider caches by itself. */
uint32_t kw_prompt_cache_written(const struct kw_cache_rule *rule, uint32_t prompt, uint32_t cached);
/* The prompt is served, its first token comes at `ready`: what it shares is used, the rest remembered from then on.
 * now is not before that of the call before. KW_ENOMEM. */
enum kw_status kw_prompt_cache_keep(struct kw_prompt_cache *c, const struct kw_cache_rule *rule,
                                    struct kw_prefix prefix, uint32_t prompt, kw_ns now, kw_ns ready,
                                    struct kw_error *err);

#endif
