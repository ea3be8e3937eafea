/* sim/io/results/results_migration.h - /migration of a result: traffic moved from one deployment to another, a row a step. */
#ifndef KW_SIM_IO_RESULTS_RESULTS_MIGRATION_H
#define KW_SIM_IO_RESULTS_RESULTS_MIGRATION_H
#include "sim/io/results/writer.h"
#include "sim/plan/migration.h"

/* m->n > 0 */
void kw_results_migration(struct kw_writer *w, const struct kw_migration *m);

#endif
