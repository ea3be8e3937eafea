#include "workloads/sessions.h"
#include <assert.h>
#include <stdlib.h>
#include "sim/core/rng.h"

#define SHARED UINT64_C(0x7368617265640000) /* names what all sessions begin with */

enum kw_status kw_sessions_refuse(const struct kw_trace *t, const char *what, struct kw_error *err)
{
    if (!t->before) return KW_OK;
    return kw_fail(
        err, KW_ERANGE,
        "%s: the trace is of sessions, whose turns come when the answers before them end (run and sweep replay such)",
        what);
}

kw_ns kw_sessions_longest(const struct kw_trace *t)
{
    kw_ns most = 0;
    for (size_t i = 0; t->before && i < t->n; i++) {
        kw_ns sum = 0;
        if (t->before[i] != KW_TRACE_NO_TURN) continue;
        for (uint32_t k = t->then[i]; k != KW_TRACE_NO_TURN && sum < t->span; k = t->then[k]) sum += t->think[k];
        if (sum > most) most = sum;
    }
    return most < t->span ? most : t->span;
}

void kw_sessions_link(struct kw_trace *t)
{
    for (size_t i = 0; i < t->n; i++) t->then[i] = KW_TRACE_NO_TURN;
    for (size_t i = 0; i < t->n; i++)
        if (t->before[i] != KW_TRACE_NO_TURN) t->then[t->before[i]] = (uint32_t)i;
}

static enum kw_status grow_prompts(struct kw_trace *t, struct kw_error *err)
{
    for (size_t i = 0; i < t->n; i++) {
        uint32_t b = t->before[i];
        if (b == KW_TRACE_NO_TURN) continue;
        uint64_t prompt = (uint64_t)t->prompt[b] + t->output[b] + t->prompt[i];
        if (prompt > KW_TRACE_MAX_TOKENS)
            return kw_fail(err, KW_ERANGE, "a session grows to %llu prompt tokens (limit %d)",
                           (unsigned long long)prompt, KW_TRACE_MAX_TOKENS);
        t->prompt[i] = (uint32_t)prompt;
    }
    return KW_OK;
}

/* The turn after i, where its prompt begins with i's prompt and answer. */
static uint32_t goes_on(const struct kw_trace *t, size_t i)
{
    uint32_t k = t->then[i];
    return k != KW_TRACE_NO_TURN && t->prompt[k] >= (uint64_t)t->prompt[i] + t->output[i] ? k : KW_TRACE_NO_TURN;
}

static uint32_t blocks_of(const struct kw_trace *t, size_t i)
{
    return (uint32_t)(((uint64_t)t->prompt[i] + t->output[i] + t->hash_block - 1) / t->hash_block);
}

/* Last turns first, so that a block which a turn fills only in part, or with its answer, has the name that the turn after it
 * gives the whole. O(hashes). first[i]: of its session; names[i]: a session's, or of a part of it that goes on. */
static void name_blocks(const struct kw_trace *t, const uint32_t *first, const uint32_t *names, bool added,
                        uint32_t shared_tokens, const uint32_t *hash_at, uint64_t *hash)
{
    for (size_t i = t->n; i-- > 0;) {
        uint32_t own = added ? first[i] : (uint32_t)i, next = goes_on(t, i), at = t->hash_at ? t->hash_at[own] : 0;
        uint32_t n_own = t->hash_at ? t->hash_at[own + 1] - at : shared_tokens / t->hash_block;
        if (n_own > t->prompt[own] / t->hash_block) n_own = t->prompt[own] / t->hash_block;
        uint64_t *out = hash + hash_at[i];
        uint32_t n = hash_at[i + 1] - hash_at[i];
        for (uint32_t j = 0; j < n; j++) {
            if (j < n_own)
                out[j] = t->hash_at ? t->hash[at + j] : kw_mix64(SHARED + j);
            else if (next != KW_TRACE_NO_TURN)
                out[j] = hash[hash_at[next] + j];
            else
                out[j] = kw_mix64(kw_mix64(names[i] + UINT64_C(1)) ^ kw_mix64(~(uint64_t)j));
        }
    }
}

static enum kw_status put_hashes(struct kw_trace *t, const uint32_t *first, const uint32_t *names, bool added,
                                 uint32_t shared_tokens, struct kw_error *err)
{
    uint64_t n = 0;
    if (!t->hash_block) t->hash_block = KW_SESSION_BLOCK;
    for (size_t i = 0; i < t->n; i++) n += blocks_of(t, i);
    if (n >= UINT32_MAX)
        return kw_fail(err, KW_ERANGE, "sessions of %llu prefix hashes are too many", (unsigned long long)n);
    uint32_t *hash_at = malloc((t->n + 1) * sizeof *hash_at);
    uint64_t *hash = malloc((n + 1) * sizeof *hash);
    if (!hash_at || !hash) {
        free(hash_at), free(hash);
        return kw_fail(err, KW_ENOMEM, "out of memory for %llu prefix hashes", (unsigned long long)n);
    }
    hash_at[0] = 0;
    for (size_t i = 0; i < t->n; i++) hash_at[i + 1] = hash_at[i] + blocks_of(t, i);
    name_blocks(t, first, names, added, shared_tokens, hash_at, hash);
    free(t->hash_at), free(t->hash);
    t->hash_at = hash_at;
    t->hash = hash;
    return KW_OK;
}

enum kw_status kw_sessions_join(struct kw_trace *t, bool added, uint32_t shared_tokens, struct kw_error *err)
{
    uint32_t *first = malloc((t->n + 1) * sizeof *first), *names = malloc((t->n + 1) * sizeof *names);
    enum kw_status st = first && names ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", t->n);
    kw_sessions_link(t);
    if (st == KW_OK && added) st = grow_prompts(t, err);
    for (size_t i = 0; st == KW_OK && i < t->n; i++) {
        uint32_t b = t->before[i];
        assert(b == KW_TRACE_NO_TURN || b < i);
        first[i] = b == KW_TRACE_NO_TURN ? (uint32_t)i : first[b];
        names[i] = b == KW_TRACE_NO_TURN || goes_on(t, b) != i ? (uint32_t)i : names[b];
        t->arrival[i] = t->arrival[first[i]];
    }
    if (st == KW_OK) st = put_hashes(t, first, names, added, shared_tokens, err);
    free(first);
    free(names);
    return st;
}
