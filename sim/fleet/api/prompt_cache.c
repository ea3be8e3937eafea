#include "sim/fleet/api/prompt_cache.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"

void kw_prompt_cache_init(struct kw_prompt_cache *c)
{
    *c = (struct kw_prompt_cache){ 0 };
}

void kw_prompt_cache_free(struct kw_prompt_cache *c)
{
    free(c->slot);
    kw_prompt_cache_init(c);
}

void kw_prompt_cache_clear(struct kw_prompt_cache *c)
{
    if (c->slots) memset(c->slot, 0, c->slots * sizeof *c->slot);
    c->n = 0;
}

/* The block's slot, or the free one where it would stand. There is a free one. */
static struct kw_prompt_cache_block *find(const struct kw_prompt_cache *c, uint64_t hash)
{
    size_t i = (size_t)kw_mix64(hash) & (c->slots - 1);
    while (c->slot[i].until && c->slot[i].hash != hash) i = (i + 1) & (c->slots - 1);
    return &c->slot[i];
}

uint32_t kw_prompt_cache_read(const struct kw_prompt_cache *c, const struct kw_cache_rule *rule,
                              struct kw_prefix prefix, uint32_t block, uint32_t prompt, kw_ns now)
{
    uint64_t tokens = 0;
    if (!c->n) return 0;
    for (uint32_t i = 0; i < prefix.n && tokens < prompt; i++) {
        const struct kw_prompt_cache_block *b = find(c, prefix.hash[i]);
        if (!b->until || b->from > now || b->until <= now) break;
        tokens += block;
    }
    if (tokens > prompt) tokens = prompt;
    tokens -= tokens % rule->step_tokens;
    return tokens < rule->min_tokens ? 0 : (uint32_t)tokens;
}

uint32_t kw_prompt_cache_written(const struct kw_cache_rule *rule, uint32_t prompt, uint32_t cached)
{
    return rule->mode == KW_CACHE_EXPLICIT && prompt >= rule->min_tokens ? prompt - cached : 0;
}

/* Room for `more` blocks, at the cost of what nobody used for a lifetime. */
static enum kw_status make_room(struct kw_prompt_cache *c, size_t more, kw_ns now, struct kw_error *err)
{
    if (2 * (c->n + more) <= c->slots) return KW_OK;
    struct kw_prompt_cache old = *c;
    size_t alive = 0, slots = 1024;
    for (size_t i = 0; i < old.slots; i++) alive += old.slot[i].until > now;
    while (slots < 4 * (alive + more)) slots *= 2;
    struct kw_prompt_cache_block *slot = calloc(slots, sizeof *slot);
    if (!slot) return kw_fail(err, KW_ENOMEM, "no memory for %zu cached prompt blocks", alive + more);
    *c = (struct kw_prompt_cache){ .slot = slot, .slots = slots, .n = alive };
    for (size_t i = 0; i < old.slots; i++)
        if (old.slot[i].until > now) *find(c, old.slot[i].hash) = old.slot[i];
    free(old.slot);
    return KW_OK;
}

enum kw_status kw_prompt_cache_keep(struct kw_prompt_cache *c, const struct kw_cache_rule *rule,
                                    struct kw_prefix prefix, uint32_t prompt, kw_ns now, kw_ns ready,
                                    struct kw_error *err)
{
    assert(now <= ready && rule->lifetime > 0 && rule->step_tokens > 0);
    if (prompt < rule->min_tokens) return KW_OK;
    enum kw_status st = make_room(c, prefix.n, now, err);
    if (st != KW_OK) return st;
    for (uint32_t i = 0; i < prefix.n; i++) {
        struct kw_prompt_cache_block *b = find(c, prefix.hash[i]);
        c->n += !b->until;
        if (b->until > now) { /* there, or on its way */
            kw_ns used = b->from <= now ? now : ready;
            if (ready < b->from) b->from = ready;
            if (used + rule->lifetime > b->until) b->until = used + rule->lifetime;
        } else {
            *b = (struct kw_prompt_cache_block){ prefix.hash[i], ready, ready + rule->lifetime };
        }
    }
    return KW_OK;
}
