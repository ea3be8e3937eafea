/* sim/plan/volume.h - the same traffic, more or less of it: daily and weekly shape stays. */
#ifndef KW_SIM_PLAN_VOLUME_H
#define KW_SIM_PLAN_VOLUME_H
#include "workloads/trace.h"

/* out = in at `factor` times the volume over the same span. Below 1 each request is kept with that probability
 * (requests kept at 1/8 are kept at 1/4 too); above 1, a whole number, each request comes that many times, the copies
 * moved by a uniform draw within +-30 s and clamped to the span, with prefix hashes of their own. Deterministic in (in,
 * factor, seed). KW_ERANGE: factor < 1e-6, above 1 and not whole, nothing left, or too many requests. out must not be
 * in. */
enum kw_status kw_volume_scale(struct kw_trace *out, const struct kw_trace *in, double factor, uint64_t seed,
                               struct kw_error *err);

#endif
