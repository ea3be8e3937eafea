/* platforms/facts/platforms.h - every platform that is built into the program. */
#ifndef KW_PLATFORMS_FACTS_PLATFORMS_H
#define KW_PLATFORMS_FACTS_PLATFORMS_H
#include <stddef.h>
#include "platforms/facts/platform.h"

/* Compiled in from platforms/NAME.json, so the binary needs no data directory; in name
 * order. */
struct kw_platforms {
    struct kw_platform *p;
    size_t n;
};
enum kw_status kw_platforms_embedded(struct kw_platforms *all, struct kw_error *err);
void kw_platforms_free(struct kw_platforms *all);
const struct kw_platform *kw_platforms_find(const struct kw_platforms *all, const char *name); /* NULL when unknown */

#endif
