/* sim/io/scenario/migration.h - "migration" of a scenario: from which deployment to which, by which shares. */
#ifndef KW_SIM_IO_SCENARIO_MIGRATION_H
#define KW_SIM_IO_SCENARIO_MIGRATION_H
#include "sim/core/files/json.h"
#include "sim/plan/migration.h"

/* Absent, none is asked for. KW_EPARSE/KW_ERANGE with the path. */
enum kw_status kw_migration_read(struct kw_jnode n, struct kw_migration_ask *a, struct kw_error *err);
/* Of a run, which names its two deployments: where the old and the new one stand. KW_EPARSE/KW_ERANGE with the path. */
enum kw_status kw_migration_sides(struct kw_jnode n, const struct kw_migration_ask *a, const struct kw_candidate *c,
                                  uint8_t at[KW_MIGRATION_SIDES], struct kw_error *err);

#endif
