/* sim/fleet/schedule_rules.h - a schedule as people write one: levels by days and hours, and the moments at which a clock
 * has to call a platform. */
#ifndef KW_SIM_FLEET_SCHEDULE_RULES_H
#define KW_SIM_FLEET_SCHEDULE_RULES_H
#include "sim/fleet/schedule.h"

#define KW_SCHEDULE_RULES (KW_SCHEDULE_CHANGES + 7)

struct kw_schedule_rule {
    uint8_t days;      /* bits 1u << day, 0 Monday */
    uint16_t from, to; /* minutes of these days, to <= 1440; of a call: from alone */
    uint16_t warm;
};

/* Days and hours at which another level holds than *otherwise, which is the one that holds longest; no rule reaches over
 * midnight, and days of the same hours and level are one. Returns how many; in the order of the week. */
uint32_t kw_schedule_rules(const struct kw_schedule *s, struct kw_schedule_rule out[KW_SCHEDULE_RULES],
                           uint32_t *otherwise);
/* What a clock has to order at which minutes of which days so that replicas are ready when the schedule wants them: where
 * a level rises, `lead` before, rounded up to minutes. KW_ENOMEM. */
enum kw_status kw_schedule_calls(const struct kw_schedule *s, kw_ns lead,
                                 struct kw_schedule_rule out[KW_SCHEDULE_RULES], uint32_t *n, struct kw_error *err);

/* "mon-fri", "sat, sun", "daily". Returns buf. */
char *kw_schedule_days_text(uint8_t days, char *buf, size_t size);
/* "mon-fri 08:00-18:00: 2; otherwise 0". Returns buf. */
char *kw_schedule_text(const struct kw_schedule *s, char *buf, size_t size);

#endif
