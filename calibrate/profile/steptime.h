/* calibrate/profile/steptime.h - how long one engine step takes, compiled from a profile into exact integers
 * (picoseconds), so that a jump over k decode steps equals k single steps to the bit.
 *
 *   t = fixed + sequence * sequences + chunk * n_chunks + dense(tokens) + head(sequences) + attn_decode(B, C)
 *       + attn_prefill(pairs, chunk tokens) + comm(tokens)
 *
 * tokens = n_decode + drafted + prefill_tokens; head, of a step with drafted tokens, is that of all rows whose next token
 * is looked at: n_decode + drafted + n_chunks (attention reads each sequence's keys and values once for all of its rows);
 * sequences = n_decode + n_chunks; B = n_decode; C = decode_context;
 * pairs = prefill_pairs2 / 2. attn_decode(B, .) is piecewise linear in C with integer slope: between two knots a pure
 * decode step lasts base_ps + slope_ps * (C - C_lo). Cost: O(log knots) a call, no division by a variable.
 * Source of the form: ENGINE.md section 4; Vidur (MLSys 2024, arXiv:2405.05465) splits a step alike. */
#ifndef KW_CALIBRATE_PROFILE_STEPTIME_H
#define KW_CALIBRATE_PROFILE_STEPTIME_H
#include <stdbool.h>
#include <stdint.h>
#include "engine/scheduler/scheduler.h"
#include "sim/core/status.h"

/* A curve: piecewise linear through (x[i], y[i]), x ascending; beyond the last point the last slope goes on, before the
 * first the value is y[0]. y in seconds (double); compiled once. n >= 1. */
struct kw_curve {
    uint32_t n;
    double *x, *y; /* [n], owned by whoever holds the curve */
};
double kw_curve_at(const struct kw_curve *c, double x);

/* In a step with chunks and decodes, attention is one kernel over sequences of unlike length and decode loses the
 * splits and packing that a pure-decode step has: it then takes
 *     sequence_s n_decode + context_s decode_context + pair_s n_decode prefill_tokens
 * in place of attn_decode (the last term: one launch grid, as deep as its longest chunk, for all). Measured on vLLM's
 * FlashAttention 2 (data/calibration/vllm_bench), where adding the two parts up is a third too low. All three 0: not
 * measured, the parts add up. */
struct kw_step_mixed {
    double sequence_s, context_s, pair_s; /* each in 0..1e-3 s */
};

/* What a step takes more when the caches hold something else than the step before it would have left there: the first
 * step after idle time, the more the longer it was (neighbours take the caches over, clocks come down), and all the
 * decode steps together that follow a step with chunks (charged to the first of them; on a CPU the weights that a
 * prompt pushed out come back over about eight steps). All 0: not measured, or not significant. */
enum { KW_STEP_IDLES = 6, KW_STEP_RANKS = 64 };
struct kw_step_cold {
    uint32_t n_idle; /* up to KW_STEP_IDLES */
    struct {
        double idle_s, more_s;
    } idle[KW_STEP_IDLES]; /* both ascending, more_s in 0..1 s; linear from (0, 0), constant beyond the last */
    double after_prompt_s; /* 0..1 s */
};
double kw_step_after_idle_s(const struct kw_step_cold *c, double idle_s);

/* Ranks of a data-parallel group (a model with experts; each attends to its own requests, the experts are spread over
 * all GPUs): they step together, so a step of the group lasts
 *     max over ranks (as above, with dense and comm at the tokens that the rank runs) + experts(N) + exchange(N)
 * N the tokens that all ranks run, experts a GPU's share of the routed experts, exchange what gathers tokens and scatters
 * results. A rank without work runs a dummy step of one token. While the largest rank has no more than pad_to tokens every
 * rank runs as many as that one (a captured graph is replayed by all or by none); above, its own. Layers of attention
 * and of experts alternate and each waits for the slowest, who is the same in every layer: the maximum of the sums is
 * the sum of the maxima.
 * Source: vllm-project/vllm@00746147 v1/worker/dp_utils.py (padding), v1/engine/core.py DPEngineCoreProc (dummy steps). */
struct kw_step_group {
    uint32_t ranks;                    /* the tables below are for so many; 0: there are none, experts are in dense */
    uint32_t pad_to;                   /* 0: never */
    struct kw_curve experts, exchange; /* over tokens of all ranks; n 0: none */
};

/* attn_decode on a grid: for each batch size row b[i] (ascending), a curve over C = sum of context. Between rows,
 * linear in B at equal C; below the first row as there; beyond the last the growth of the last two goes on (none where
 * it is negative). Where a curve falls with C (measurement noise) it is levelled: a step never gets faster by longer
 * context. */
struct kw_step_tables { /* seconds; what a profile holds, see calibrate/profile/profile.h */
    double fixed_s;     /* every step: launches, sampling, scheduler, detokenisation that is not hidden */
    double sequence_s,
        chunk_s; /* each sequence and each chunk of a step: the rest of the host's law, calibrate/measure/host_time.h */
    struct kw_curve dense; /* over tokens of the step */
    struct kw_curve head;  /* over sequences of the step (lm_head and sampling) */
    uint32_t n_decode_rows;
    double *decode_batch;         /* [n_decode_rows] */
    struct kw_curve *decode;      /* [n_decode_rows] over sum of context */
    struct kw_curve prefill_attn; /* over pairs (query-key pairs) summed over the chunks of a step */
    double prefill_token_s;       /* per prefill token on top of it (KV write, launch per chunk folded in) */
    struct kw_curve comm;         /* over tokens; one point (0,0) when tp = 1 */
    struct kw_step_mixed mixed;
    struct kw_step_group group;
    struct kw_step_cold cold; /* of a step's place among others; not in kw_steptime_ps: kw_steptime_cold_ps */
};

struct kw_steptime; /* compiled; immutable, shared by all threads */

/* Borrows t only during the call. max_batch: most sequences of a step (n_decode + n_chunks), asserted later;
 * max_tokens: most tokens of a step (one longer is taken to go on with the last token's slope). KW_ERANGE when a curve
 * is no curve, when a table would give a negative or non-finite time anywhere in range, or a step longer than 1000 s.
 * Memory: 8 bytes a token and about 24 * knots bytes a batch size. */
enum kw_status kw_steptime_compile(struct kw_steptime **out, const struct kw_step_tables *t, uint32_t max_batch,
                                   uint32_t max_tokens, struct kw_error *err);
/* The same for steps with up to `drafts` drafted tokens a decoding sequence. 8 bytes more for each of them. */
enum kw_status kw_steptime_compile_drafts(struct kw_steptime **out, const struct kw_step_tables *t, uint32_t max_batch,
                                          uint32_t max_tokens, uint32_t drafts, struct kw_error *err);
void kw_steptime_delete(struct kw_steptime *t);
/* Exactly `step_ps` for every pure-decode step or prefill step, whatever its size: M/D/1 and friends in tests. */
enum kw_status kw_steptime_constant(struct kw_steptime **out, int64_t decode_ps, int64_t prefill_ps,
                                    struct kw_error *err);

/* Duration of any step in ps, > 0. */
int64_t kw_steptime_ps(const struct kw_steptime *t, const struct kw_step *step);

/* Of a group whose largest rank has `most` tokens: whether all ranks run so many. */
bool kw_steptime_pads(const struct kw_steptime *t, uint32_t most);
/* What a rank of `own` tokens takes more when it runs `padded`, >= own; never less than nothing. */
int64_t kw_steptime_padding_ps(const struct kw_steptime *t, uint32_t own, uint32_t padded);
/* Experts and exchange of all ranks' tokens; 0 where there are no tables of them. */
int64_t kw_steptime_group_ps(const struct kw_steptime *t, uint64_t tokens);
/* A step of a group whose ranks all run such a one. */
int64_t kw_steptime_alike_ps(const struct kw_steptime *t, const struct kw_step *step, uint32_t ranks);
/* Whether those lie beyond their tables. */
bool kw_steptime_group_outside(const struct kw_steptime *t, uint64_t tokens);

/* Whether the step lies beyond the tables' last batch, context, tokens or query-key pairs, where its time is what their
 * last slopes go on to. Never of a constant. */
bool kw_steptime_outside(const struct kw_steptime *t, const struct kw_step *step);
/* The same step times inside the tables; outside of them a step grows in proportion to what passes their end, all of it,
 * where the last slope would give less: the other end of what nobody measured. KW_ENOMEM. */
enum kw_status kw_steptime_in_proportion(struct kw_steptime **out, const struct kw_steptime *t, struct kw_error *err);

/* On top of it, from what ran before: after_idle: nothing did, for idle_ns; after_prompt: a step with chunks, and this
 * one has none. */
int64_t kw_steptime_after_idle_ps(const struct kw_steptime *t, int64_t idle_ns);
int64_t kw_steptime_after_prompt_ps(const struct kw_steptime *t);

/* Pure decode of n_decode sequences, while the context sum is in [lo, hi): duration = base_ps + slope_ps * (C - lo),
 * equal to kw_steptime_ps for every C in the range. slope_ps >= 0. */
struct kw_decode_law {
    uint64_t lo, hi;
    int64_t base_ps, slope_ps;
    bool outside; /* as kw_steptime_outside says of these steps */
};
void kw_steptime_decode(const struct kw_steptime *t, uint32_t n_decode, uint64_t context, struct kw_decode_law *law);

#endif
