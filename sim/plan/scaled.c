#include "sim/plan/scaled.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

static bool scale_curve(struct kw_curve *to, const struct kw_curve *from, double by)
{
    *to = (struct kw_curve){ .n = from->n, .x = from->x }; /* x is borrowed, y is owned */
    assert(by > 0);
    to->y = malloc((from->n ? from->n : 1) * sizeof *to->y);
    for (uint32_t i = 0; to->y && i < from->n; i++) to->y[i] = from->y[i] * by;
    return to->y != NULL;
}

enum kw_status kw_scaled_steps(struct kw_steptime **out, const struct kw_choice *c, double by, struct kw_error *err)
{
    const struct kw_step_tables *from = &c->profile->tables;
    struct kw_step_tables to = *from;
    to.fixed_s *= by;
    to.sequence_s *= by;
    to.chunk_s *= by;
    for (uint32_t i = 0; i < to.cold.n_idle; i++) to.cold.idle[i].more_s *= by;
    to.cold.after_prompt_s *= by;
    to.prefill_token_s *= by;
    to.mixed.sequence_s *= by;
    to.mixed.context_s *= by;
    to.mixed.pair_s *= by;
    to.dense.y = to.head.y = to.prefill_attn.y = to.comm.y = NULL;
    to.decode = calloc(from->n_decode_rows ? from->n_decode_rows : 1, sizeof *to.decode);
    bool ok = to.decode && scale_curve(&to.dense, &from->dense, by) && scale_curve(&to.head, &from->head, by) &&
              scale_curve(&to.prefill_attn, &from->prefill_attn, by) && scale_curve(&to.comm, &from->comm, by);
    for (uint32_t i = 0; ok && i < from->n_decode_rows; i++) ok = scale_curve(&to.decode[i], &from->decode[i], by);
    enum kw_status st = ok ? kw_steptime_compile_drafts(out, &to, c->sched.max_num_seqs,
                                                        c->sched.max_num_batched_tokens, c->sched.draft_tokens, err)
                           : kw_fail(err, KW_ENOMEM, "out of memory for step times");
    for (uint32_t i = 0; to.decode && i < from->n_decode_rows; i++) free(to.decode[i].y);
    free(to.decode);
    free(to.dense.y);
    free(to.head.y);
    free(to.prefill_attn.y);
    free(to.comm.y);
    return st;
}

static void scale_law(struct kw_law *l, double by)
{
    if (l->kind == KW_LAW_CONSTANT)
        l->v[0] *= by;
    else if (l->kind == KW_LAW_LOGNORMAL)
        l->v[0] += log(by);
    else if (l->kind == KW_LAW_QUANTILES)
        for (int i = 0; i < l->n; i++) l->v[i] *= by;
}

void kw_scaled_starts(struct kw_choice *c, double by)
{
    struct kw_cold_start *k = &c->cold;
    struct kw_law *longer[] = { &k->provision, &k->pull, &k->load, &k->init, &k->engine_start, &k->restore };
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) scale_law(longer[i], by);
    scale_law(&k->load_rate, 1 / by);
    scale_law(&k->cached_load_rate, 1 / by);
}

void kw_scaled_ttft(struct kw_choice *c, double by)
{
    scale_law(&c->ttft_s, by);
    scale_law(&c->ttft_per_ktok_s, by);
}

void kw_scaled_rate(struct kw_choice *c, double by)
{
    scale_law(&c->output_rate, by);
}

void kw_scaled_latency(struct kw_choice *c, double by)
{
    kw_scaled_ttft(c, by);
    kw_scaled_rate(c, 1 / by);
}
