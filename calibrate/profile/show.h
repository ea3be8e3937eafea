/* calibrate/profile/show.h - a profile as text for a terminal: what it holds, how good each part is and how old, and a
 * picture. */
#ifndef KW_CALIBRATE_PROFILE_SHOW_H
#define KW_CALIBRATE_PROFILE_SHOW_H
#include "calibrate/profile/profile.h"

#define KW_SHOW_COLUMNS 100 /* no line is longer */

/* *text gets a malloc'd string, the caller frees. today: "YYYY-MM-DD" for the ages, or NULL to leave them out. Steps
 * are shown at context 1024 and batches up to what the KV cache holds. KW_ENOMEM leaves *text alone. */
enum kw_status kw_profile_show(char **text, const struct kw_profile *p, const char *today, struct kw_error *err);
/* The same as JSON: grades, errors, step times in s, quantiles of the cold start in s. */
enum kw_status kw_profile_show_json(char **text, const struct kw_profile *p, struct kw_error *err);

#endif
