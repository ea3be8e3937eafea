/* sim/fleet/schedule.h - how many replicas are kept warm at which hours of the local week: a floor (floor.h) that clocks
 * make. A level holds from its minute to the next one's, by the clocks of its zone, summer time as it falls. A start begins
 * `lead` before a level rises, so that replicas are ready when it does; where it falls they go by the platform's own rule. */
#ifndef KW_SIM_FLEET_SCHEDULE_H
#define KW_SIM_FLEET_SCHEDULE_H
#include "sim/core/zone.h"
#include "sim/fleet/deployment.h"

#define KW_WEEK_MINUTES (7 * 24 * 60)
#define KW_SCHEDULE_WITHIN 0.95 /* of the starts are over when a level rises; the same share as prewarm.c has */

/* From `from` to `to`, minutes of the local week, 0 Monday 00:00; to <= from: on beyond the week's end into the next one. The
 * levels are written over what holds there; a level that its neighbour has too adds no change. KW_ERANGE: more than
 * KW_SCHEDULE_CHANGES of them, *s is unchanged. */
enum kw_status kw_schedule_set(struct kw_schedule *s, uint32_t from, uint32_t to, uint32_t warm, struct kw_error *err);
/* One level all the week, in the zone and with the lead that s has. */
void kw_schedule_fill(struct kw_schedule *s, uint32_t warm);
/* At a minute of the local week; the lowest and highest of all. */
uint32_t kw_schedule_level(const struct kw_schedule *s, uint32_t minute);
uint32_t kw_schedule_least(const struct kw_schedule *s);
uint32_t kw_schedule_most(const struct kw_schedule *s);
/* The minute of the local week at a moment, s after it where that is not NULL. */
uint32_t kw_schedule_minute(const struct kw_schedule *s, int64_t unix_s, uint32_t *seconds);

/* out (initialised; cleared first): the floor in a window that begins at begin_unix. The windows follow each other, so what
 * the first hours want is started at the end of the one before. KW_ENOMEM. */
enum kw_status kw_schedule_floor(struct kw_floor *out, const struct kw_schedule *s, int64_t begin_unix, kw_ns window,
                                 kw_ns lead, struct kw_error *err);
/* How long before its need a start begins: stated, or what 95 % of the deployment's starts take. */
enum kw_status kw_schedule_lead(const struct kw_deployment *d, kw_ns *lead, struct kw_error *err);

#endif
