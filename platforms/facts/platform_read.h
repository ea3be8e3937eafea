/* platforms/facts/platform_read.h - a platform file read into its struct and checked. */
#ifndef KW_PLATFORMS_FACTS_PLATFORM_READ_H
#define KW_PLATFORMS_FACTS_PLATFORM_READ_H
#include <stddef.h>
#include "platforms/facts/platform.h"

/* Reads a platform file (platforms/platform.schema.json describes it). Refuses unknown keys, a number without a source,
 * prices outside 0..$1000, keep_warm > max_replicas, an idle timeout outside the platform's own range, offers stated
 * twice. Every message is "file:line: path: ...". *p is unchanged on failure. */
enum kw_status kw_platform_load(struct kw_platform *p, const char *path, struct kw_error *err);
enum kw_status kw_platform_parse(struct kw_platform *p, const char *name, const char *text, size_t len,
                                 struct kw_error *err);

#endif
