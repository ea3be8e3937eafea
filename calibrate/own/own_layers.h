/* calibrate/own/own_layers.h - tables of a model's layers that a user timed, or has from others, to a profile: told apart by
 * their headers, any of them gzip, several files together.
 *
 *   LLMServingSim, layers      layer_name,input,kv_cache,tp_size,latency(ns)      one call of each layer over `input` tokens;
 *                              "attn" is a whole prompt's attention, or a chunk's after kv_cache
 *   LLMServingSim, profiler    layer,tokens,time_us   layer,sequences,time_us
 *                              prefill_chunk,kv_prefill,n_decode,kv_decode,time_us     of the tp that --tp says
 *   Vidur, compute             num_tokens, num_tensor_parallel_workers, time_stats.OP.median (ms): mlp.csv
 *   Vidur, attention           batch_size, prefill_chunk_size, kv_cache_size, is_prefill, time_stats.attn_*.median
 *   Vidur, network             num_workers, size (bytes), time_stats.all_reduce.median
 *
 * Rows of another tp are passed over; a model whose heads or width the table denies is refused. How the layers make a step:
 * calibrate/import/fit_layers.h. Sources of the forms: casys-kaist/LLMServingSim@5daddb21 profiler/, microsoft/vidur@7d475133
 * data/profiling (both MIT); Vidur's sum of them, vidur/entities/execution_time.py. */
#ifndef KW_CALIBRATE_OWN_OWN_LAYERS_H
#define KW_CALIBRATE_OWN_OWN_LAYERS_H
#include <stdbool.h>
#include "calibrate/own/own_base.h"

bool kw_own_layers_is(const char *head, size_t n);

/* p: of kw_own_base, whose parts stay where no file has them: which, goes to report, with the errors of the rest. m: its
 * model. KW_EPARSE, KW_ERANGE: "path:line: ...". *p is the caller's to free either way. */
enum kw_status kw_own_layers(struct kw_profile *p, const struct kw_model_shape *m, const char *const *paths, size_t n,
                             const struct kw_own_origin *origin, FILE *report, struct kw_error *err);

#endif
