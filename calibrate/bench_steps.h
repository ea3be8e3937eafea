/* calibrate/bench_steps.h - step times straight from a board's operator tables (data/calibration/vllm_bench), linear in all
 * four coordinates of the attention table: what the compact laws of fit_bench.h, which profiles hold, are judged by.
 *
 *   t = L [ qkv + o + gate_up + down + 2 norm + rope + act ](n) + embedding(n) + last norm(n) + lm_head(s) + sampler(s)
 *       + L attention(chunk, past, decoding, mean context)
 *
 * n = tokens of the step as CUDA graphs pad them (kw_fit_padded), s = sequences. Several chunks: the table has one, so the
 * step is looked up with their sum, and what the chunks one by one take less than that sum alone (their query-key pairs are
 * fewer) is taken off. Of the attention table, the grid of powers of two is used; the RTX PRO 6000's holds a second one of
 * other points that shares no mesh with it. */
#ifndef KW_CALIBRATE_BENCH_STEPS_H
#define KW_CALIBRATE_BENCH_STEPS_H
#include "calibrate/model.h"
#include "engine/scheduler.h"
#include "sim/core/status.h"

struct kw_bench_steps;

/* dir: a run's directory with profile_dense.csv, profile_per_sequence.csv and profile_attention.csv.gz. KW_ERANGE where the
 * attention table has more than 32 values of a coordinate or lacks pure decode or prefill. */
enum kw_status kw_bench_steps_load(struct kw_bench_steps **out, const char *dir, const struct kw_model_shape *m,
                                   struct kw_error *err);
void kw_bench_steps_delete(struct kw_bench_steps *b);

/* Duration of a step in ps, > 0; beyond a table's last value the last slope goes on. b: a struct kw_bench_steps. */
int64_t kw_bench_steps_ps(const void *b, const struct kw_step *step);

#endif
