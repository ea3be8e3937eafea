#include "sim/io/scenario/schedule.h"
#include <stdio.h>
#include <string.h>
#include "sim/fleet/schedule.h"
#include "sim/io/scenario/key_use.h"

#define DAY 1440

static const char *const weekday[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

static int find_day(const char *s)
{
    for (int i = 0; weekday[i]; i++)
        if (!strncmp(s, weekday[i], 3)) return i;
    return -1;
}

/* "mon-fri", "sat,sun", "fri-mon", "daily". */
static enum kw_status read_days(struct kw_jnode n, unsigned *days, struct kw_error *err)
{
    const char *s;
    enum kw_status st = kw_json_str_or(n, "daily", &s, err);
    *days = 0;
    if (st != KW_OK) return st;
    if (!strcmp(s, "daily")) {
        *days = 0x7f;
        return KW_OK;
    }
    for (const char *at = s;;) {
        int from = find_day(at), to = from;
        if (from >= 0 && at[3] == '-') {
            at += 4;
            to = find_day(at);
        }
        if (from < 0 || to < 0 || (at[3] && at[3] != ',')) break;
        for (int day = from;; day = (day + 1) % 7) {
            *days |= 1u << day;
            if (day == to) break;
        }
        if (!at[3]) return KW_OK;
        at += 4;
    }
    return kw_json_fail(n, KW_EPARSE, err, "want days such as mon-fri, sat,sun or daily; got '%.40s'", s);
}

/* "08:30"; 24:00 is the day's end. */
static enum kw_status read_clock(struct kw_jnode n, uint32_t dflt, uint32_t most, uint32_t *minute,
                                 struct kw_error *err)
{
    const char *s;
    *minute = dflt;
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_str(n, &s, err);
    if (st != KW_OK) return st;
    bool digits = strlen(s) == 5 && s[2] == ':' && strspn(s, "0123456789") == 2 && strspn(s + 3, "0123456789") == 2;
    if (digits) {
        uint32_t hour = (uint32_t)((s[0] - '0') * 10 + (s[1] - '0')),
                 min = (uint32_t)((s[3] - '0') * 10 + (s[4] - '0'));
        *minute = hour * 60 + min;
        digits = min < 60 && *minute <= most;
    }
    return digits ? KW_OK
                  : kw_json_fail(n, KW_EPARSE, err, "want a time of day from 00:00 to %s, got '%.20s'",
                                 most == DAY ? "24:00" : "23:59", s);
}

/* Where `to` is not after `from` it is the next day's. */
static enum kw_status read_rule(struct kw_jnode o, uint32_t max_replicas, struct kw_schedule *s, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    unsigned days;
    uint32_t from, to;
    int64_t warm;
    kw_key_names("deployments[].schedule.rules[]", names);
    enum kw_status st = kw_json_keys(o, names, err);
    if (st == KW_OK) st = read_days(kw_json_get(o, "days"), &days, err);
    if (st == KW_OK) st = read_clock(kw_json_get(o, "from"), 0, DAY - 1, &from, err);
    if (st == KW_OK) st = read_clock(kw_json_get(o, "to"), DAY, DAY, &to, err);
    if (st == KW_OK) st = kw_json_i64(kw_json_get(o, "keep_warm"), 0, max_replicas, &warm, err);
    if (st != KW_OK) return st;
    if (from == to) return kw_json_fail(kw_json_get(o, "to"), KW_ERANGE, err, "want another time than \"from\"");
    uint32_t length = to > from ? to - from : to + DAY - from;
    for (uint32_t day = 0; day < 7 && st == KW_OK; day++) {
        struct kw_error inner;
        uint32_t begin = day * DAY + from, end = begin + length;
        if (!(days & 1u << day)) continue;
        st = kw_schedule_set(s, begin, end > KW_WEEK_MINUTES ? end - KW_WEEK_MINUTES : end, (uint32_t)warm, &inner);
        if (st != KW_OK) st = kw_json_fail(o, st, err, "%s", inner.msg);
    }
    return st;
}

/* "auto", or seconds. */
static enum kw_status read_lead(struct kw_jnode n, kw_ns *lead, struct kw_error *err)
{
    const char *word;
    *lead = KW_LEAD_AUTO;
    if (!kw_json_present(n) || (kw_json_str(n, &word, NULL) == KW_OK && !strcmp(word, "auto"))) return KW_OK;
    return kw_json_nano(n, 0, KW_WEEK_MINUTES * 60 * KW_NS_PER_S, lead, err);
}

static enum kw_status refuse(struct kw_jnode o, struct kw_jnode deployment, const struct kw_trace *t,
                             const struct kw_choice *c, struct kw_error *err)
{
    if (c->prewarm.forecast != KW_FORECAST_NONE)
        return kw_json_fail(o, KW_ERANGE, err, "\"prewarm\" says already when replicas start: want one of the two");
    if (kw_json_present(kw_json_get(o, "otherwise")) && kw_json_present(kw_json_get(deployment, "keep_warm")))
        return kw_json_fail(kw_json_get(deployment, "keep_warm"), KW_ERANGE, err,
                            "schedule.otherwise says already what is kept warm outside its rules: want one of the two");
    if (t && t->epoch_unix == INT64_MIN)
        return kw_json_fail(o, KW_ERANGE, err,
                            "goes by hours of the week, and the trace has no weekdays: want time stamps with dates, "
                            "played at their own speed");
    return KW_OK;
}

enum kw_status kw_schedule_read(struct kw_jnode deployment, struct kw_catalogue *cat, const struct kw_trace *trace,
                                struct kw_choice *c, struct kw_error *err)
{
    struct kw_jnode o = kw_json_get(deployment, "schedule"), rules = kw_json_get(o, "rules");
    const char *names[KW_KEYS_MAX], *zone;
    struct kw_schedule s;
    struct kw_error inner;
    int64_t otherwise;
    if (!kw_json_present(o)) return KW_OK;
    memset(&s, 0, sizeof s); /* choices are compared byte by byte */
    kw_key_names("deployments[].schedule", names);
    enum kw_status st = kw_json_keys(o, names, err);
    if (st == KW_OK && !kw_choice_scales(c)) return KW_OK; /* of no use, which key_use.h tells the user */
    if (st == KW_OK) st = kw_json_str_or(kw_json_get(o, "timezone"), "UTC", &zone, err);
    if (st == KW_OK)
        st = kw_json_i64_or(kw_json_get(o, "otherwise"), c->scaling.keep_warm, 0, c->scaling.max_replicas, &otherwise,
                            err);
    if (st == KW_OK) st = read_lead(kw_json_get(o, "lead_s"), &s.lead, err);
    if (st == KW_OK && !kw_json_len(rules))
        st = kw_json_fail(kw_json_present(rules) ? rules : o, KW_EPARSE, err, "want \"rules\", a list of at least one");
    if (st != KW_OK) return st;
    if ((st = kw_catalogue_zone(cat, zone, &s.zone, &inner)) != KW_OK)
        return kw_json_fail(kw_json_get(o, "timezone"), st, err, "%s", inner.msg);
    if ((st = refuse(o, deployment, trace, c, err)) != KW_OK) return st;
    kw_schedule_fill(&s, (uint32_t)otherwise);
    for (int i = 0; i < kw_json_len(rules) && st == KW_OK; i++)
        st = read_rule(kw_json_at(rules, i), c->scaling.max_replicas, &s, err);
    if (st != KW_OK) return st;
    memcpy(&c->schedule, &s, sizeof s);
    c->scaling.keep_warm = kw_schedule_least(&s);
    return KW_OK;
}
