/* platforms/facts/region_read.h - "regions" of a platform file: where it can be asked to run, and what that costs.
 *
 *     "regions": { "src": "S1", "via": ["us-east"], "list": [
 *       { "name": "eu-west", "vendor": "eu-west-1", "multiplier": "1.75" },
 *       { "name": "us-east", "vendor": "us-east-1", "gpus": [ { "sku": "p5.48xlarge", "hour": { "usd": "6.88" } } ] },
 *       { "name": "us", "models": ["claude-opus-5"], "multiplier": "1.1" } ] }
 *
 * "gpus" and "models" say what is sold there, all where they are left out. What states no price of its own has the
 * platform's, times the multiplier. */
#ifndef KW_PLATFORMS_FACTS_REGION_READ_H
#define KW_PLATFORMS_FACTS_REGION_READ_H
#include "platforms/facts/fact.h"

/* Reads it into r->p, whose offers are there. KW_EPARSE, KW_ERANGE with line and path. */
enum kw_status kw_fact_regions(struct kw_fact_reader *r, struct kw_jnode n);

#endif
