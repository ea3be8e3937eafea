/* tests/fidelity/fidelity.h - a real vLLM run replayed through the one scheduler and a law of step times, and the
 * errors.
 *
 * The run (data/calibration/vllm_bench): requests.jsonl with, for each request, its lengths, when the engine queued it,
 * and when its first and last token came. TTFT = first - queued, latency = last - queued, TPOT = (last - first) /
 * (output - 1), as the run's summary.txt computes them. Percentiles are linear between order statistics (numpy's
 * default).
 *
 * What the replay takes from the run: lengths, arrivals, the engine's settings and KV blocks as it reported them, which
 * prompts begin alike, and the warm-up of its first step. Nothing else; what it says of times comes from the law.
 *
 *   Arrivals. Requests reach the engine at arrival_time, the client's clock, shifted so that the quickest pick-up took
 *   none
 *   (queued_ts is stamped only when the engine looks, between two steps, so it holds the run's own step times).
 *   Prefixes. Which blocks of a prompt an earlier prompt began with (kw_run_prefix): the RTX PRO 6000, whose KV cache
 *   never
 *   fills, serves 19,520 of 257,239 prompt tokens from its cache, the RTX 4090, which evicts, about 4,900.
 *   Warm-up. The first step of the RTX 4090 run takes a third of a second more than any later one of its size. Until it
 *   has passed, requests wait (kw_run_warmup).
 *
 * What is known of the misses (make fidelity prints the figures). A queue amplifies: 1 % longer steps make the RTX PRO
 * 6000's mean TTFT 2 % longer. What misses there is its operator table. Steps that prefill take some 6 ms more than the
 * sum of its kernels, most (10 %) where 770 to 930 tokens are computed. Decode steps of 33 to 59 sequences take 13 %
 * more, of 60 to 79 7 %, of fewer and of more 3 % (counted exactly while the run drains).
 *   Not the cause: where matrix products step up. The tables have a point every 16 rows and the steps stand in them, at
 *   multiples of 128; read as steps (bench_steps.h) instead of lines they take 0.4 points off the worst figure of 15.7
 *   %.
 *   Evidence from elsewhere: the bench has since timed whole steps on that board (LLMServingSim,
 *   profiler/perf/RTXPRO6000/
 *   .../tp1/step.csv at 4c0bb4fc, vLLM 0.28, read 2026-11, not in our data). A prompt of 1,024 tokens alone took 47.9
 *   ms, where
 *   these kernels add up to 42.4; of 268, 19.0 for 17.4; decode at 1,024 tokens of context 8 % more at one sequence and
 *   22 to
 *   27 % at 48 and above. So on this board whole steps take longer than their kernels timed alone do, without any queue
 *   or
 *   scheduler. Another version's steps are no measure of by how much in 0.19, and nothing here is taken from them.
 *   A guess that fits the decode steps, unproven: FlashAttention 2 splits long contexts over idle processors only below
 *   0.8 x 2 x 188 blocks, 37 sequences of 8 KV heads. Just above, one wave of blocks lasts as long as its longest
 *   context.
 * On the RTX 4090 prefill steps take 1 to 2 % less than the sum: this is no host time that a law could carry from board
 * to board, and profiles keep a fixed time of 0 for it. kw_run_fit_clock fits the two terms to one half of a run, to be
 * judged on the other; that these two and not others are the terms was seen on the whole run. The compact law of the
 * profiles costs 0.4 points against the tables themselves. Contexts of unlike length in one batch are not modelled: at
 * the spread of these runs the bench's own skew table (2, 4, 8 ... 256 sequences) has them cost under 1 % of a step. */
#ifndef KW_TESTS_FIDELITY_FIDELITY_H
#define KW_TESTS_FIDELITY_FIDELITY_H
#include <stdbool.h>
#include <stddef.h>
#include "calibrate/profile/steptime.h"
#include "engine/scheduler/scheduler.h"
#include "sim/core/units.h"

struct kw_run_request {
    uint32_t prompt, output;
    kw_ns arrival;                                    /* client, since the first request */
    kw_ns queued, scheduled, first_token, last_token; /* engine, on the same origin after the shift */
    const uint64_t *hash; /* [n_hash] names of the prompt's KV blocks, the run's; NULL: no block is shared */
    uint32_t n_hash;
};
struct kw_run {               /* owns r and hashes */
    struct kw_run_request *r; /* in order of arrival */
    size_t n;
    uint64_t *hashes;
};
/* KW_EPARSE with path and line for a malformed line. */
enum kw_status kw_run_load(struct kw_run *run, const char *path, struct kw_error *err);
void kw_run_free(struct kw_run *run);

struct kw_run_prefix { /* the first `blocks` KV blocks of 16 tokens of a prompt are those of an earlier one */
    uint16_t request, earlier, blocks;
};
/* Of the 300 prompts that both runs served: computed 2026-11 from the token ids of casys-kaist/LLMServingSim@5daddb21
 * workloads/sharegpt-llama-3.1-8b-300-sps10.jsonl (MIT; sha256 05e48b32...3b3a, as the RTX 4090 run's meta.json names
 * it; both runs' lengths are those of the file, request by request). Who shares how much is a fact; the text is not
 * here. */
extern const struct kw_run_prefix kw_run_sharegpt300[];
extern const size_t kw_run_sharegpt300_n;
/* Names every block of every prompt so that shared ones have one name. Requests are in order of arrival. KW_ERANGE: a
 * request that the run lacks, earlier not below request, or more blocks than either prompt has. */
enum kw_status kw_run_share(struct kw_run *run, const struct kw_run_prefix *p, size_t n, struct kw_error *err);

/* ---- replay ---- */

struct kw_run_clock { /* how long steps take: kernels of a law, and by how much a run differs from it */
    int64_t (*ps)(const void *law, const struct kw_step *step);
    const void *law;
    double longer;    /* 0: as the law says; 0.01: all kernels 1 % longer */
    double prefill_s; /* more than the kernels in a step with chunks; may be negative, as may the next */
    double decode_s;  /* and in one without, of decode_from to decode_to sequences */
    uint32_t decode_from, decode_to;
};
int64_t kw_run_profile_ps(const void *steptime, const struct kw_step *step); /* kw_steptime_ps, for a clock */

/* out[i].queued, first_token, last_token as simulated (scheduled as in the run); arrival, prompt and output as given.
 * The engine first decides at the first arrival + warmup. out borrows real's hashes. */
enum kw_status kw_run_replay(struct kw_run *out, const struct kw_run *real, const struct kw_sched_config *config,
                             const struct kw_run_clock *clock, kw_ns warmup, struct kw_error *err);

/* The warm-up with which the replay's first request gets its first token when it did in the run; >= 0. */
enum kw_status kw_run_warmup(kw_ns *warmup, const struct kw_run *real, const struct kw_sched_config *config,
                             const struct kw_run_clock *clock, struct kw_error *err);

/* ---- what the run's own steps took ----
 *
 * The replay with its clock set to the run's whenever a request gets its first or last token, so that batches stay the
 * run's and its steps can be compared with the law's one interval at a time. */
struct kw_run_interval {                  /* from one such moment to the next */
    kw_ns end;                            /* in the run */
    double real_s, ours_s;                /* it took; the law says */
    uint32_t decode_steps, prefill_steps; /* steps in it without chunks and with */
    uint32_t tokens;                      /* computed by its last step with chunks, 0 without */
};
/* *n intervals, at most two a request, in order; the caller frees. Only those that both sides cut alike: one moment for
 * all that came with it, and 12 ms a step and 25 ms in all at most between run and law (beyond, the batches were
 * others). Between arrivals our clock says how many steps there were, so what they show of a bias is the least it can
 * be. */
enum kw_status kw_run_intervals(struct kw_run_interval **out, size_t *n, const struct kw_run *real,
                                const struct kw_sched_config *config, const struct kw_run_clock *clock,
                                struct kw_error *err);
/* clock->prefill_s and decode_s, so that first to last token of the requests that ended before `until` take what they
 * took in the run: the least sum of absolute differences, by pattern search from where they stand, to 0.01 ms.
 * Two degrees of freedom. (Fitting to single intervals instead is biased: batches in them follow our clock's steps.) */
enum kw_status kw_run_fit_clock(struct kw_run_clock *clock, const struct kw_run *real,
                                const struct kw_sched_config *config, kw_ns until, struct kw_error *err);

enum kw_run_metric { KW_RUN_TTFT, KW_RUN_TPOT, KW_RUN_LATENCY, KW_RUN_METRICS };
enum { KW_RUN_STATISTICS = 5 }; /* mean, p50, p90, p95, p99 */
extern const char *const kw_run_metric_name[];
extern const char *const kw_run_statistic_name[];
/* s[metric][statistic] in ms over the run's requests of two tokens and more. KW_ENOMEM. */
enum kw_status kw_run_summary(const struct kw_run *run, double s[KW_RUN_METRICS][KW_RUN_STATISTICS],
                              struct kw_error *err);

#endif
