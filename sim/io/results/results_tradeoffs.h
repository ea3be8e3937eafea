/* sim/io/results/results_tradeoffs.h - /keep_warm_curve and /frontier of a result. */
#ifndef KW_SIM_IO_RESULTS_RESULTS_TRADEOFFS_H
#define KW_SIM_IO_RESULTS_RESULTS_TRADEOFFS_H
#include "sim/io/results/writer.h"
#include "sim/plan/plan_parts.h"

/* A row of /keep_warm_curve is a keep_warm of an offer, curve by curve, of
 * /frontier a configuration, cost ascending; nothing where no plan has any. */
void kw_results_tradeoffs(struct kw_writer *w, const struct kw_plan_parts *parts);

#endif
