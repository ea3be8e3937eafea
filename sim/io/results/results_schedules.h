/* sim/io/results/results_schedules.h - the schedules of a result's deployments: minute of the local week and level of each
 * change, exactly. Only where some deployment has one. */
#ifndef KW_SIM_IO_RESULTS_RESULTS_SCHEDULES_H
#define KW_SIM_IO_RESULTS_RESULTS_SCHEDULES_H
#include "sim/io/results/writer.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/plan/sweep/candidate.h"

/* Of n candidates of at most nd deployments, into "/deployments", whose scales are there. */
void kw_results_schedules(struct kw_writer *w, const struct kw_candidate *c, size_t n, uint32_t nd);

struct kw_schedules_read {         /* [cells] deployments; cells 0 where the file has none */
    char **zone;                   /* "" without a schedule */
    int64_t *lead, *minute, *warm; /* [cells]; [cells * changes], -1 behind the last */
    size_t cells, changes;
};
enum kw_status kw_schedules_load(struct kw_schedules_read *r, struct kw_h5 *f, size_t cells, struct kw_error *err);
void kw_schedules_free(struct kw_schedules_read *r); /* safe to call again */
/* Of deployment `at`, into a choice. A zone that this machine does not know keeps its name. KW_EPARSE: no schedule. */
enum kw_status kw_schedules_take(const struct kw_schedules_read *r, size_t at, struct kw_catalogue *cat,
                                 struct kw_choice *out, struct kw_error *err);

#endif
