/* sim/fleet/pool/indifference.h - settings that are limits, and what a run tells of those it never came near: deployments
 * which differ in them alone then behave alike. */
#ifndef KW_SIM_FLEET_POOL_INDIFFERENCE_H
#define KW_SIM_FLEET_POOL_INDIFFERENCE_H
#include "sim/fleet/outcome.h"

/* How full a replica gets before the next one is taken when requests are packed: what the autoscaler aims at where it
 * counts requests a replica, else what it takes at once. */
uint32_t kw_packed_load(const struct kw_deployment *d);

/* Takes the settings that kw_pool_alike compares by their effect out of a deployment, so that two which differ in
 * nothing else have equal bytes: requests per replica, max_replicas and the engine's two limits. */
void kw_indifferent(struct kw_deployment *d);

/* a and b are equal but for these settings, and l is of a run of one of them: whether the other's run is the same, to the
 * bit. False where it may be. */
bool kw_pool_alike(const struct kw_deployment *a, const struct kw_deployment *b, const struct kw_ledger *l);

/* The ledger of a run of another deployment, which is that of d too, says of d what it does not share. */
void kw_ledger_of(struct kw_ledger *l, const struct kw_deployment *d);

#endif
