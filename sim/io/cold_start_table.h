/* sim/io/cold_start_table.h - how long cold starts take, phase by phase, with where each time comes from. */
#ifndef KW_SIM_IO_COLD_START_TABLE_H
#define KW_SIM_IO_COLD_START_TABLE_H
#include "platforms/facts/autoscaling.h"
#include "sim/core/text.h"

struct kw_cold_start_of {
    char name[48]; /* whose starts: a deployment, or GPU and precision */
    const struct kw_cold_start *cold;
    const struct kw_autoscaling *scaling;
};

/* Rows of p50 and p95 in seconds, grade and source: a row a phase of each of n, those alike merged under their names
 * ("all"); then what a whole start takes as the simulation draws it, phases, snapshots and stock-outs together, failed
 * starts aside. Nothing where no start takes any time. */
void kw_cold_start_table(const struct kw_cold_start_of *of, size_t n, struct kw_text *out);

#endif
