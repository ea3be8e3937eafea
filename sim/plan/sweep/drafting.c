#include "sim/plan/sweep/drafting.h"
#include <inttypes.h>
#include <math.h>
#include "calibrate/profile/kv.h"

/* A block then holds the keys and values of both models for its tokens. */
static enum kw_status share_kv(struct kw_choice *c, const struct kw_profile *draft, struct kw_error *err)
{
    const struct kw_profile *p = c->profile;
    if (c->sched.num_blocks != p->num_blocks) return KW_OK;
    double own = p->kv_bytes_per_token / p->tp, more = draft->kv_bytes_per_token / draft->tp;
    double room = (double)p->num_blocks * p->block_size * own, weights = draft->weight_bytes / draft->tp;
    double blocks = floor((room - weights) / (c->sched.block_size * (own + more)));
    if (!(blocks >= 1))
        return kw_fail(err, KW_ERANGE, "%s takes %.1f GB of each GPU, more than the %.1f GB of its KV cache",
                       draft->model, weights / 1e9, room / 1e9);
    c->sched.num_blocks = (uint32_t)blocks;
    return KW_OK;
}

enum kw_status kw_choice_speculate(struct kw_choice *c, const struct kw_speculative *s, const struct kw_profile *draft,
                                   struct kw_error *err)
{
    if (c->dp > 1)
        return kw_fail(err, KW_ERANGE, "not simulated on several data-parallel ranks (dp %" PRIu32 ")", c->dp);
    if (c->sched.policy != KW_SCHED_VLLM && c->sched.policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "only the schedulers vllm and sarathi verify drafts");
    if (c->sched.max_num_batched_tokens / (1 + s->tokens) < c->sched.max_num_seqs)
        return kw_fail(err, KW_ERANGE,
                       "%" PRIu32 " sequences of 1 + %" PRIu32 " tokens pass scheduler.max_num_batched_tokens, %" PRIu32
                       ": state fewer max_num_seqs or more of those",
                       c->sched.max_num_seqs, s->tokens, c->sched.max_num_batched_tokens);
    enum kw_status st = draft ? share_kv(c, draft, err) : KW_OK;
    if (st != KW_OK) return st;
    c->speculative = *s;
    c->draft = draft;
    if (draft) c->cold.weight_bytes += draft->weight_bytes;
    c->sched.async_scheduling = false;
    c->sched.draft_tokens = s->tokens;
    c->sched.lookahead_tokens = draft || s->pass_ps ? s->tokens : 0;
    return KW_OK;
}
