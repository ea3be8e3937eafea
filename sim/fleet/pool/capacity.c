#include "sim/fleet/pool/capacity.h"
#include <math.h>

/* The next size to try: powers of two, then the most itself. */
static uint32_t next_size(uint32_t size, uint32_t most)
{
    return size < most && size > most / 2 ? most : 2 * size;
}

/* Where each of the ranks runs such a step, what it takes for one of them. */
static double all_ranks_ps(const struct kw_steptime *t, uint32_t ranks, const struct kw_step *step)
{
    return (double)kw_steptime_alike_ps(t, step, ranks) / ranks;
}

static double prompt_token_ps(const struct kw_deployment *d, double prompt)
{
    const struct kw_disaggregated *apart = &d->disaggregated;
    const struct kw_steptime *t = apart->prefill ? apart->prefill_time : d->steptime;
    uint32_t ranks = apart->prefill ? apart->prefill : kw_deployment_ranks(d);
    double best = INFINITY;
    for (uint32_t c = 1, most = d->sched.max_num_batched_tokens; c <= most; c = next_size(c, most)) {
        struct kw_sched_chunk chunk = { .len = c, .last = true };
        struct kw_step step = {
            .n_chunks = 1, .chunks = &chunk, .prefill_tokens = c, .prefill_pairs2 = (uint64_t)(c * prompt)
        }; /* of each token those before it in its prompt, on average half */
        best = fmin(best, all_ranks_ps(t, ranks, &step) / c);
        if (c == most) break;
    }
    return best;
}

/* Of a decode step, a sequence's part. */
static double decode_ps(const struct kw_deployment *d, double context)
{
    double best = INFINITY, fit = floor((double)d->sched.num_blocks * d->sched.block_size / fmax(context, 1));
    uint32_t most = fit < d->sched.max_num_seqs ? (uint32_t)fmax(fit, 1) : d->sched.max_num_seqs;
    for (uint32_t n = 1; n <= most; n = next_size(n, most)) {
        uint32_t drafted = n * d->speculative.tokens;
        struct kw_step step = { .n_decode = n,
                                .drafted = drafted,
                                .decode_context = (uint64_t)(n * fmax(context, 1)) + drafted };
        double drafting = drafted ? (double)kw_speculative_ps(&d->speculative, &step) : 0;
        best = fmin(best, (all_ranks_ps(d->steptime, kw_deployment_ranks(d), &step) + drafting) / n);
        if (n == most) break;
    }
    return best;
}

kw_ns kw_capacity_needed(const struct kw_deployment *d, const struct kw_ledger *l)
{
    if (d->kind == KW_KIND_API || !l->completed) return 0;
    double n = (double)l->completed, prompt = (double)l->tokens_in / n;
    double context = prompt + (double)l->tokens_out / n / 2;
    double brought = l->verified ? (double)l->verified_tokens / (double)l->verified : 1; /* tokens, by such a step */
    double prompts = (double)(l->tokens_in - l->tokens_cached) * prompt_token_ps(d, prompt);
    double decodes = (double)l->tokens_out / brought * decode_ps(d, context);
    return (kw_ns)((d->disaggregated.decode ? fmax(prompts, decodes) : prompts + decodes) / 1000);
}
