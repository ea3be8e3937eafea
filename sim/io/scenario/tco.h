/* sim/io/scenario/tco.h - "tco" of a scenario: what the user pays beside the platforms' bills. */
#ifndef KW_SIM_IO_SCENARIO_TCO_H
#define KW_SIM_IO_SCENARIO_TCO_H
#include "sim/core/files/json.h"
#include "sim/cost/tco.h"

/* Absent, all is 0. KW_EPARSE/KW_ERANGE with the path. */
enum kw_status kw_tco_read(struct kw_jnode n, struct kw_tco *t, struct kw_error *err);
/* "an engineer at $12000 a month: 0.5 for dedicated, 0.1 for serverless; monitoring at $15 a replica a month"; "" of nothing.
 * Returns buf. */
char *kw_tco_text(const struct kw_tco *t, char *buf, size_t size);

#endif
