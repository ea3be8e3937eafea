/* sim/core/zone.h - a time zone of the IANA database: how far its clocks are ahead of UTC at any moment. Read from the
 * compiled files that systems keep (TZif, RFC 9636): the changes that were and are planned, and behind the last of them
 * the rule of the footer, which repeats every year (POSIX.1-2017, TZ). "UTC" is known without any file. */
#ifndef KW_SIM_CORE_ZONE_H
#define KW_SIM_CORE_ZONE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

struct kw_zone_date { /* a day of every year, and what the clocks show then */
    char form; /* 'M' day `d` (0 Sunday) of week `w` (5 the last) of month `m`; 'J' day d of 1..365; 'N' of 0..365 */
    int m, w, d;
    int32_t time; /* s after midnight, negative before it */
};

struct kw_zone {
    char name[48];
    struct kw_zone_change { /* [n], owned: ascending */
        int64_t at;         /* unix s */
        int32_t east;       /* s ahead of UTC from there on */
    } * change;
    size_t n;
    int32_t before; /* the first change */
    struct {        /* behind the last one; without it that one stands */
        bool known, summer;
        int32_t east, summer_east;
        struct kw_zone_date begins, ends; /* of summer time */
    } rule;
};

/* From the file's bytes. KW_EPARSE: no TZif of version 2 or later. z is empty then. */
enum kw_status kw_zone_parse(struct kw_zone *z, const char *name, const unsigned char *bytes, size_t n,
                             struct kw_error *err);
/* By name, from $TZDIR or /usr/share/zoneinfo. KW_ERANGE: no such zone; KW_EINPUT: there is no database. */
enum kw_status kw_zone_load(struct kw_zone *z, const char *name, struct kw_error *err);
void kw_zone_free(struct kw_zone *z); /* safe to call again */

/* s to add to UTC for what its clocks show. O(log n). */
int32_t kw_zone_east(const struct kw_zone *z, int64_t unix_s);
/* The first moment after unix_s at which that is another; INT64_MAX: never. */
int64_t kw_zone_next(const struct kw_zone *z, int64_t unix_s);

#endif
