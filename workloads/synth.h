/* workloads/synth.h - a trace drawn from a workload model. */
#ifndef KW_WORKLOADS_SYNTH_H
#define KW_WORKLOADS_SYNTH_H
#include <stdint.h>
#include "workloads/model.h"
#include "workloads/trace.h"

/* Draws a trace: deterministic in (w, seed), streams KW_RNG_ARRIVALS, KW_RNG_LENGTHS, KW_RNG_CLASS and
 * KW_RNG_SESSIONS. Its span is the
 * model's duration; it is dated (a nominal Monday 2024-01-01 UTC plus start_hour) when the model has a profile.
 * KW_ERANGE when no request falls into the duration; KW_ENOMEM. On failure *t is empty. */
enum kw_status kw_synth(struct kw_trace *t, const struct kw_workload *w, uint64_t seed, struct kw_error *err);

#endif
