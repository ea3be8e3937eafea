/* sim/io/scenario/user_law.h - laws of the user's own in a scenario. */
#ifndef KW_SIM_IO_SCENARIO_USER_LAW_H
#define KW_SIM_IO_SCENARIO_USER_LAW_H
#include "sim/core/files/json.h"
#include "sim/core/law.h"

/* Each leaves *law as it is where n is absent. The law at n; where it comes from may be said (source, date, grade), else it
 * is the user's word. */
enum kw_status kw_user_law(struct kw_jnode n, struct kw_law *law, struct kw_error *err);
/* A time in seconds, as a law. */
enum kw_status kw_user_time(struct kw_jnode n, struct kw_law *law, struct kw_error *err);
/* The one or the other. */
enum kw_status kw_user_time_or_law(struct kw_jnode n, struct kw_law *law, struct kw_error *err);

#endif
