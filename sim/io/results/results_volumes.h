/* sim/io/results/results_volumes.h - /volumes and /crossings of a result: plans at other volumes, and where the cheapest kind
 * of platform changes. */
#ifndef KW_SIM_IO_RESULTS_RESULTS_VOLUMES_H
#define KW_SIM_IO_RESULTS_RESULTS_VOLUMES_H
#include "sim/io/results/writer.h"
#include "sim/plan/breakeven.h"

/* b[n], of the traffic of model[i] each: a row a volume of a model, ascending within it, the kinds side by side. */
void kw_results_volumes(struct kw_writer *w, const struct kw_breakeven *b, const char *const *model, size_t n);

#endif
