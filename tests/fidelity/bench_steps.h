/* tests/fidelity/bench_steps.h - step times straight from a board's operator tables (data/calibration/vllm_bench): what
 * the compact laws of fit_bench.h, which profiles hold, are judged by.
 *
 *   t = L [ qkv + o + gate_up + down + 2 norm + rope + act ](n) + embedding(n) + last norm(n) + lm_head(s) + sampler(s)
 *       + L attention(chunk, past, decoding, mean context)
 *
 * How to read between two points was settled on the tables alone, leaving points out:
 *   Matrix products take the time of the next point above: they step up by 9 to 10 % right after multiples of 128 rows
 *   (on the
 *   RTX 4090 by 2 % at 64, too) and are flat between, to 0.2 %. Points at odd multiples of 16 rows, left out: a
 *   straight line
 *   is 1.3 % short on both boards, the point above 0.2 and 0.4 % long. lm_head, a product over sequences, likewise.
 *   Attention goes by query-key pairs from one chunk size to the next, and linearly in what came before, sequences and
 *   context. Chunks of 1,024 left out: a straight line 7 and 8 % long, by pairs 2 % short.
 *
 * n = tokens of the step as CUDA graphs pad them (kw_fit_padded), s = sequences. Several chunks: the table has one, so
 * the step is looked up with their sum, and what the chunks one by one take less than that sum alone (their query-key
 * pairs are fewer) is taken off. Of the attention table, the grid of powers of two is used; the RTX PRO 6000's holds a
 * second one of other points that shares no mesh with it. */
#ifndef KW_TESTS_FIDELITY_BENCH_STEPS_H
#define KW_TESTS_FIDELITY_BENCH_STEPS_H
#include "calibrate/profile/model.h"
#include "engine/scheduler/scheduler.h"
#include "sim/core/status.h"

struct kw_bench_steps;

/* dir: a run's directory with profile_dense.csv, profile_per_sequence.csv and profile_attention.csv.gz. KW_ERANGE where
 * the attention table has more than 32 values of a coordinate or lacks pure decode or prefill. */
enum kw_status kw_bench_steps_load(struct kw_bench_steps **out, const char *dir, const struct kw_model_shape *m,
                                   struct kw_error *err);
void kw_bench_steps_delete(struct kw_bench_steps *b);

/* Duration of a step in ps, > 0; beyond a table's last value the last slope goes on. b: a struct kw_bench_steps. */
int64_t kw_bench_steps_ps(const void *b, const struct kw_step *step);

#endif
