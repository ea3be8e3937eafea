/* platforms/network/region.h - regions of the world, as coarse as providers share them, and how long a request takes
 * from one to another and back: platforms/network/regions.json, embedded, whose source it names. */
#ifndef KW_PLATFORMS_NETWORK_REGION_H
#define KW_PLATFORMS_NETWORK_REGION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/provenance.h"
#include "sim/core/units.h"

#define KW_REGIONS_MAX 32 /* regions known; a trace's, too, once their names are told apart by region */

typedef uint32_t kw_region_set; /* a bit a region: one ("eu-west"), or those of an area ("eu"); 0: none is known */

/* KW_ENOMEM where there was no memory for the file when it was first needed, then and ever after; without it every region
 * would be unknown. Whoever takes a name from a user asks this first. */
enum kw_status kw_regions_load(struct kw_error *err);
/* By our name ("eu-west", "eu"), a provider's ("eu-west-1", "europe-west4", "northeurope") or a country's two capital
 * letters ("IE"); letters count as they stand. 0: nobody's. */
kw_region_set kw_region_find(const char *name);
/* Our name of a set that kw_region_find gave; NULL where it is none's. */
const char *kw_region_name(kw_region_set s);
/* Our names, areas after regions, NULL at the end. */
const char *const *kw_region_names(void);

/* Whether all of a lies in b: "eu-west" in "eu". Nothing lies nowhere. */
static inline bool kw_region_within(kw_region_set a, kw_region_set b)
{
    return a && !(a & ~b);
}

#define KW_RTT_UNKNOWN (-1)
/* ns from one to the other and back, the farthest of areas; within a region: to its second datacentre. KW_RTT_UNKNOWN
 * where the source has none, and never 0. */
kw_ns kw_region_rtt(kw_region_set a, kw_region_set b);
const struct kw_provenance *kw_region_rtt_provenance(void);

#endif
