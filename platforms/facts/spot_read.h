/* platforms/facts/spot_read.h - "spot" of a platform file, of one of its offers, or of an offer in a region: how often a spot
 * machine is taken, and after what notice. */
#ifndef KW_PLATFORMS_FACTS_SPOT_READ_H
#define KW_PLATFORMS_FACTS_SPOT_READ_H
#include "platforms/facts/fact.h"

/* What n states is read over *s, absent or not; prefix: "" or where it stands, for the facts' paths. KW_EPARSE, KW_ERANGE. */
enum kw_status kw_fact_spot(struct kw_fact_reader *r, struct kw_jnode n, const char *prefix, struct kw_spot *s);

#endif
