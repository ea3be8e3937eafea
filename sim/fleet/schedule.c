#include "sim/fleet/schedule.h"
#include <assert.h>
#include <string.h>
#include "sim/fleet/pool/cold_start.h"

#define WEEK_S (7 * INT64_C(86400))

void kw_schedule_fill(struct kw_schedule *s, uint32_t warm)
{
    memset(s->change, 0, sizeof s->change); /* schedules are compared byte by byte */
    s->change[0] = (struct kw_schedule_change){ 0, (uint16_t)warm };
    s->n = 1;
}

/* The change that holds at a minute. */
static uint32_t holds_at(const struct kw_schedule *s, uint32_t minute)
{
    uint32_t i = 0;
    while (i < s->n && s->change[i].minute <= minute) i++;
    return i ? i - 1 : s->n - 1;
}

uint32_t kw_schedule_level(const struct kw_schedule *s, uint32_t minute)
{
    assert(s->n && minute < KW_WEEK_MINUTES);
    return s->change[holds_at(s, minute)].warm;
}

uint32_t kw_schedule_least(const struct kw_schedule *s)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->change[i].warm < least) least = s->change[i].warm;
    return least;
}

uint32_t kw_schedule_most(const struct kw_schedule *s)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->change[i].warm > most) most = s->change[i].warm;
    return most;
}

static bool covers(uint32_t from, uint32_t to, uint32_t minute)
{
    return to > from ? minute >= from && minute < to : minute >= from || minute < to;
}

/* The changes outside [from, to), and those at its ends; then without those that change nothing. */
enum kw_status kw_schedule_set(struct kw_schedule *s, uint32_t from, uint32_t to, uint32_t warm, struct kw_error *err)
{
    struct kw_schedule_change all[KW_SCHEDULE_CHANGES + 2];
    uint32_t n = 0, kept = 0, end = to % KW_WEEK_MINUTES;
    assert(s->n && from < KW_WEEK_MINUTES && to <= KW_WEEK_MINUTES && warm <= UINT16_MAX);
    if (from == end) {
        kw_schedule_fill(s, warm);
        return KW_OK;
    }
    const struct kw_schedule_change begins = { (uint16_t)from, (uint16_t)warm },
                                    ends = { (uint16_t)end, (uint16_t)kw_schedule_level(s, end) };
    for (uint32_t i = 0; i < s->n; i++)
        if (!covers(from, end, s->change[i].minute) && s->change[i].minute != end) all[n++] = s->change[i];
    for (int k = 0; k < 2; k++) {
        struct kw_schedule_change x = k ? ends : begins;
        uint32_t at = n++;
        for (; at > 0 && all[at - 1].minute > x.minute; at--) all[at] = all[at - 1];
        all[at] = x;
    }
    for (uint32_t i = 0; i < n; i++)
        if (all[i].warm != all[(i + n - 1) % n].warm) all[kept++] = all[i];
    if (kept > KW_SCHEDULE_CHANGES)
        return kw_fail(err, KW_ERANGE, "a schedule changes at most %d times a week", KW_SCHEDULE_CHANGES);
    if (!kept) {
        kw_schedule_fill(s, warm);
        return KW_OK;
    }
    memset(s->change, 0, sizeof s->change);
    memcpy(s->change, all, kept * sizeof *all);
    s->n = kept;
    return KW_OK;
}

uint32_t kw_schedule_minute(const struct kw_schedule *s, int64_t unix_s, uint32_t *seconds)
{
    int64_t local = unix_s + kw_zone_east(s->zone, unix_s) + 3 * INT64_C(86400); /* 1970-01-01 was a Thursday */
    int64_t of_week = (local % WEEK_S + WEEK_S) % WEEK_S;
    if (seconds) *seconds = (uint32_t)(of_week % 60);
    return (uint32_t)(of_week / 60);
}

/* Seconds from a moment to the next change by clocks that are not put forward or back until then. */
static int64_t to_next(const struct kw_schedule *s, int64_t unix_s)
{
    uint32_t seconds, minute = kw_schedule_minute(s, unix_s, &seconds);
    uint32_t next = s->change[(holds_at(s, minute) + 1) % s->n].minute;
    return (int64_t)(next > minute ? next - minute : next + KW_WEEK_MINUTES - minute) * 60 - seconds;
}

enum kw_status kw_schedule_floor(struct kw_floor *out, const struct kw_schedule *s, int64_t begin_unix, kw_ns window,
                                 kw_ns lead, struct kw_error *err)
{
    struct kw_floor need;
    enum kw_status st = KW_OK;
    assert(s->n && window > 0 && lead >= 0);
    kw_floor_init(&need);
    for (int64_t at = begin_unix; st == KW_OK && (at - begin_unix) < (window + KW_NS_PER_S - 1) / KW_NS_PER_S;) {
        st = kw_floor_append(&need, (at - begin_unix) * KW_NS_PER_S,
                             kw_schedule_level(s, kw_schedule_minute(s, at, NULL)), err);
        int64_t change = at + to_next(s, at), clocks = kw_zone_next(s->zone, at);
        at = change < clocks ? change : clocks;
    }
    if (st == KW_OK) st = kw_floor_ahead(out, &need, window, lead, err);
    kw_floor_free(&need);
    return st;
}

enum kw_status kw_schedule_lead(const struct kw_deployment *d, kw_ns *lead, struct kw_error *err)
{
    *lead = d->schedule.lead;
    return *lead == KW_LEAD_AUTO ? kw_start_quantile(&d->cold, &d->scaling, KW_SCHEDULE_WITHIN, lead, err) : KW_OK;
}
