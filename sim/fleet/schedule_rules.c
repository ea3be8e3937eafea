#include "sim/fleet/schedule_rules.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DAY 1440u

static uint32_t commonest(const struct kw_schedule *s)
{
    uint32_t best = s->change[0].warm, most = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t minutes = 0;
        for (uint32_t k = 0; k < s->n; k++) {
            uint32_t end = k + 1 < s->n ? s->change[k + 1].minute : s->change[0].minute + KW_WEEK_MINUTES;
            if (s->change[k].warm == s->change[i].warm) minutes += end - s->change[k].minute;
        }
        if (minutes > most || (minutes == most && s->change[i].warm < best)) {
            most = minutes;
            best = s->change[i].warm;
        }
    }
    return best;
}

/* One more day of what is there already, or a rule of its own. */
static uint32_t add(struct kw_schedule_rule *out, uint32_t n, uint32_t day, uint32_t from, uint32_t to, uint32_t warm)
{
    for (uint32_t i = 0; i < n; i++)
        if (out[i].from == from && out[i].to == to && out[i].warm == warm) {
            out[i].days = (uint8_t)(out[i].days | 1u << day);
            return n;
        }
    assert(n < KW_SCHEDULE_RULES);
    out[n] = (struct kw_schedule_rule){ (uint8_t)(1u << day), (uint16_t)from, (uint16_t)to, (uint16_t)warm };
    return n + 1;
}

uint32_t kw_schedule_rules(const struct kw_schedule *s, struct kw_schedule_rule out[KW_SCHEDULE_RULES],
                           uint32_t *otherwise)
{
    uint32_t n = 0;
    *otherwise = commonest(s);
    for (uint32_t day = 0; day < 7; day++)
        for (uint32_t at = day * DAY, end; at < (day + 1) * DAY; at = end) {
            uint32_t level = kw_schedule_level(s, at);
            end = (day + 1) * DAY;
            for (uint32_t i = 0; i < s->n; i++)
                if (s->change[i].minute > at && s->change[i].minute < end) end = s->change[i].minute;
            if (level != *otherwise) n = add(out, n, day, at - day * DAY, end - day * DAY, level);
        }
    return n;
}

enum kw_status kw_schedule_calls(const struct kw_schedule *s, kw_ns lead,
                                 struct kw_schedule_rule out[KW_SCHEDULE_RULES], uint32_t *n, struct kw_error *err)
{
    const struct kw_zone utc = { .name = "UTC" };
    const kw_ns minute = 60 * KW_NS_PER_S;
    const int64_t monday = 4 * INT64_C(86400); /* of 1970 */
    struct kw_schedule local = *s;             /* a week by its own clocks, which are not put forward or back */
    struct kw_floor f;
    kw_floor_init(&f);
    local.zone = &utc;
    enum kw_status st =
        kw_schedule_floor(&f, &local, monday, KW_WEEK_MINUTES * minute, (lead + minute - 1) / minute * minute, err);
    *n = 0;
    for (uint32_t i = 0; st == KW_OK && i < f.n; i++) {
        uint32_t at = (uint32_t)(f.step[i].at / minute);
        if (f.n == 1 || f.step[i].warm != f.step[(i + f.n - 1) % f.n].warm)
            *n = add(out, *n, at / DAY, at % DAY, 0, f.step[i].warm);
    }
    kw_floor_free(&f);
    return st;
}

char *kw_schedule_days_text(uint8_t days, char *buf, size_t size)
{
    static const char *const name[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    size_t at = 0;
    if (days == 0x7f) {
        snprintf(buf, size, "daily");
        return buf;
    }
    buf[0] = 0;
    for (int from = 0, to; from < 7; from = to) {
        to = from + 1;
        if (!(days & 1u << from)) continue;
        while (to < 7 && days & 1u << to) to++;
        if (at < size)
            at += (size_t)snprintf(buf + at, size - at, "%s%s%s%s", at ? "," : "", name[from],
                                   to - from > 2   ? "-"
                                   : to - from > 1 ? ","
                                                   : "",
                                   to - from > 1 ? name[to - 1] : "");
    }
    return buf;
}

char *kw_schedule_text(const struct kw_schedule *s, char *buf, size_t size)
{
    struct kw_schedule_rule rule[KW_SCHEDULE_RULES];
    uint32_t otherwise, n = kw_schedule_rules(s, rule, &otherwise);
    size_t at = 0;
    char days[40];
    buf[0] = 0;
    for (uint32_t i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s %02d:%02d-%02d:%02d: %d; ",
                               kw_schedule_days_text(rule[i].days, days, sizeof days), rule[i].from / 60,
                               rule[i].from % 60, rule[i].to / 60, rule[i].to % 60, rule[i].warm);
    if (at < size) snprintf(buf + at, size - at, n ? "otherwise %u" : "always %u", otherwise);
    return buf;
}
