/* sim/fleet/pool/indifference.h - up to how many requests at once the settings "requests per replica" decide nothing, so
 * that deployments which differ in them alone behave alike. */
#ifndef KW_SIM_FLEET_POOL_INDIFFERENCE_H
#define KW_SIM_FLEET_POOL_INDIFFERENCE_H
#include "sim/fleet/deployment.h"

/* How full a replica gets before the next one is taken when requests are packed: what the autoscaler aims at where it
 * counts requests a replica, else what it takes at once. */
uint32_t kw_packed_load(const struct kw_deployment *d);

/* Takes the settings that kw_pool_alike compares by their effect out of a deployment, so that two which differ in
 * nothing else have equal bytes. */
void kw_indifferent_to_requests(struct kw_deployment *d);

/* a and b are equal but for these settings. In a run of one of them no request met more than peak - 1 others
 * (kw_ledger.peak_requests): whether the other's run is the same, to the bit. False where it may be. */
bool kw_pool_alike(const struct kw_deployment *a, const struct kw_deployment *b, uint64_t peak);

#endif
