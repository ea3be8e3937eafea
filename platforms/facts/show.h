/* platforms/facts/show.h - what the files say, as text for a terminal of 100 columns: `platforms list`, `show` and
 * `check`. Every call gives malloc'd text the caller frees; KW_ENOMEM leaves *text unchanged. Nothing here prints. */
#ifndef KW_PLATFORMS_FACTS_SHOW_H
#define KW_PLATFORMS_FACTS_SHOW_H
#include "platforms/facts/platform.h"
#include "platforms/facts/platforms.h"
#include "platforms/facts/self_managed.h"

#define KW_SHOW_STALE_DAYS 90 /* a price older than this is called stale: several doubled or halved within a year */

/* One line a platform: name, kind, GPUs or models, cheapest price, meter granularity, default idle timeout, weakest
 * grade, oldest date, and how many of its offers are sold on `today`, the day they were judged by
 * (kw_platform_as_of). A '*' after the name marks one that cannot be planned, a '~' one for
 * want of what the user may give; the key that would mend it stands below. */
enum kw_status kw_show_list(const struct kw_platforms *all, const char *today, char **text, struct kw_error *err);

/* Every fact of one platform with its grade, date and source id, when each offer is sold, the sources, what was assumed
 * and what was not found. */
enum kw_status kw_show_platform(const struct kw_platform *p, char **text, struct kw_error *err);

/* The parameters of an autoscaler that users run, each with its default, source and date, and what is not modelled. */
enum kw_status kw_show_self_managed(const struct kw_self_managed *f, char **text, struct kw_error *err);

/* What a reviewer of a file wants to know: counts, assumptions, and facts more than KW_SHOW_STALE_DAYS older than
 * `today` (YYYY-MM-DD; KW_EUSAGE when it is not a date), by which its offers are judged too. file: the name to print. *n_stale (NULL allowed): how many are
 * stale. */
enum kw_status kw_show_check(struct kw_platform *p, const char *file, const char *today, char **text, size_t *n_stale,
                             struct kw_error *err);

#endif
