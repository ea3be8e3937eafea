/* calibrate/profile/expert_routing.h - which experts tokens choose: as popular ones of a power law (its exponent, as
 * aiconfigurator measured them), or all alike. */
#ifndef KW_CALIBRATE_PROFILE_EXPERT_ROUTING_H
#define KW_CALIBRATE_PROFILE_EXPERT_ROUTING_H

enum kw_expert_routing { KW_EXPERTS_POWER_LAW, KW_EXPERTS_BALANCED, KW_EXPERTS_ROUTINGS };
extern const char *const kw_expert_routing_name[]; /* "power_law_1.2", "balanced", NULL */

#endif
