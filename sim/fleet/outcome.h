/* sim/fleet/outcome.h - what every outcome must satisfy. kw_outcome_init and _free are declared in fleet.h. */
#ifndef KW_SIM_FLEET_OUTCOME_H
#define KW_SIM_FLEET_OUTCOME_H
#include "sim/fleet/fleet.h"

void kw_outcome_clear(struct kw_outcome *o); /* as after init; histograms keep their memory */

/* Conservation, checked at the end of every run, in release builds too: requests, per deployment and in all; histogram
 * counts; lives and phase sums. KW_EFAIL says what does not add up. */
enum kw_status kw_outcome_check(const struct kw_outcome *o, const struct kw_deployment *d, struct kw_error *err);

#endif
