/* sim/io/results/results_flips.h - /flips of a result: what would flip the answer, a row a fact of a model's plan. */
#ifndef KW_SIM_IO_RESULTS_RESULTS_FLIPS_H
#define KW_SIM_IO_RESULTS_RESULTS_FLIPS_H
#include "sim/io/results/writer.h"
#include "sim/plan/plan_parts.h"

/* Of each part's plan the facts in its order; a rival is told by its row of /points, where the parts stand one after another. */
void kw_results_flips(struct kw_writer *w, const struct kw_plan_parts *parts);

#endif
