/* calibrate/operators/l2_correction.h - published kernel timings that were served by the L2 cache, brought back to what
 * memory allows.
 *
 * A collector times one operator over and over on the same buffers (attention re-reads one KV buffer, GEMM rotates over
 * 6 copies of the weights: data/published/SOURCES.md); what fits in L2 is then read from it. A model never does:
 * between two visits to a layer every other layer's weights and KV pass through the cache. So a time whose data fit in
 * twice the L2 is raised to
 *     start + bytes / (e M)
 * where it is shorter: M the data sheet's bandwidth, e the share of it that the points beyond 4 L2 reach at best (at
 * most 1), start the shortest time in the attention table and 0 for GEMM, whose smallest product already moves
 * megabytes. Longer ones, and tables without points beyond, stay as they are. */
#ifndef KW_CALIBRATE_OPERATORS_L2_CORRECTION_H
#define KW_CALIBRATE_OPERATORS_L2_CORRECTION_H
#include <stddef.h>
#include "calibrate/profile/gpu.h"
#include "calibrate/operators/samples.h"

/* points: { heads, kv_heads, batch, context } of one layer, head_dim values a head, 2 bytes a value. Returns how many
 * were raised; *share gets e (NAN when no point lies beyond the cache). */
size_t kw_l2_correct_decode(struct kw_samples *points, const struct kw_gpu_spec *gpu, double head_dim, double *share);
/* points: { m, n, k }; the collector rotates over `copies` of the weights of operand_bytes each. */
size_t kw_l2_correct_gemm(struct kw_samples *points, const struct kw_gpu_spec *gpu, double operand_bytes, double copies,
                          double *share);

#endif
