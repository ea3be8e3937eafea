/* platforms/facts/provisioned_read.h - "provisioned" of a platform file, at the top and in an offer of a model. */
#ifndef KW_PLATFORMS_FACTS_PROVISIONED_READ_H
#define KW_PLATFORMS_FACTS_PROVISIONED_READ_H
#include "platforms/facts/fact.h"

/* The top's: unit, rule and what happens above capacity, for every model. Absent: *p stays as it is, not sold. */
enum kw_status kw_provisioned_read(struct kw_fact_reader *r, struct kw_jnode n, struct kw_provisioned *p);
/* A model's own figures over *p, the top's. KW_EPARSE where there is no top's. */
enum kw_status kw_provisioned_read_offer(struct kw_fact_reader *r, struct kw_jnode n,
                                         const struct kw_fact_source *of_offer, const char *model,
                                         struct kw_provisioned *p);

#endif
