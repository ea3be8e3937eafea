/* Replicas kept warm by hour of the local week: rules by hand, floors of them against a minute by minute account of random
 * weeks with summer time in them, calls that a clock makes, and a run in which traffic at nine meets warm replicas. */
#include "sim/core/rng.h"
#include "sim/fleet/schedule_rules.h"
#include "sim/fleet/warmup.h"
#include "tests/check.h"
#include "tests/sim/fleet/fleet_case.h"

#define H KW_NS_PER_HOUR
#define MIN (60 * S)
#define WEEK (168 * H)
#define MONDAY INT64_C(1767571200) /* 2026-01-05 00:00 UTC */

static struct kw_zone utc, berlin;

static struct kw_schedule always(uint32_t warm)
{
    struct kw_schedule s;
    memset(&s, 0, sizeof s);
    s.zone = &utc;
    kw_schedule_fill(&s, warm);
    return s;
}

static uint32_t at(int day, int hour, int minute)
{
    return (uint32_t)(day * 1440 + hour * 60 + minute);
}

static void levels_by_hand(void)
{
    struct kw_schedule s = always(0);
    char text[400];
    CHECK_STR(kw_schedule_text(&s, text, sizeof text), "always 0");
    for (int day = 0; day < 5; day++) CHECK(kw_schedule_set(&s, at(day, 8, 0), at(day, 18, 0), 2, NULL) == KW_OK);
    CHECK(s.n == 10 && kw_schedule_level(&s, at(0, 7, 59)) == 0 && kw_schedule_level(&s, at(0, 8, 0)) == 2);
    CHECK(kw_schedule_level(&s, at(4, 17, 59)) == 2 && kw_schedule_level(&s, at(4, 18, 0)) == 0);
    CHECK(kw_schedule_level(&s, at(5, 12, 0)) == 0 && kw_schedule_least(&s) == 0 && kw_schedule_most(&s) == 2);
    CHECK_STR(kw_schedule_text(&s, text, sizeof text), "mon-fri 08:00-18:00: 2; otherwise 0");
    CHECK(kw_schedule_set(&s, at(6, 22, 0), at(0, 2, 30), 1, NULL) == KW_OK); /* over the week's end */
    CHECK_STR(kw_schedule_text(&s, text, sizeof text),
              "mon 00:00-02:30: 1; mon-fri 08:00-18:00: 2; sun 22:00-24:00: 1; otherwise 0");
    CHECK(kw_schedule_set(&s, at(2, 0, 0), at(3, 0, 0), 0, NULL) == KW_OK && s.n == 10);
    CHECK_STR(kw_schedule_text(&s, text, sizeof text),
              "mon 00:00-02:30: 1; mon,tue,thu,fri 08:00-18:00: 2; sun 22:00-24:00: 1; otherwise 0");
    CHECK(kw_schedule_set(&s, 0, KW_WEEK_MINUTES, 3, NULL) == KW_OK && s.n == 1);
    CHECK_STR(kw_schedule_text(&s, text, sizeof text), "always 3");
    for (uint32_t k = 0; k < 84; k++) CHECK(kw_schedule_set(&s, 120 * k, 120 * k + 60, k % 2, NULL) == KW_OK);
    CHECK(s.n == 168);
    CHECK(kw_schedule_set(&s, 10, 20, 7, NULL) == KW_ERANGE && s.n == 168 && kw_schedule_level(&s, 15) == 0);
}

/* What was set last holds, minute by minute, and rules say the same as the levels they are made of. */
static void random_levels(void)
{
    struct kw_rng r;
    static uint8_t want[KW_WEEK_MINUTES];
    CHECK(kw_rng_init(&r, 5, 0, KW_RNG_ARRIVALS, NULL) == KW_OK);
    for (int round = 0; round < 40; round++) {
        struct kw_schedule s = always(1);
        struct kw_schedule_rule rule[KW_SCHEDULE_RULES];
        memset(want, 1, sizeof want);
        for (int k = 0; k < 1 + round; k++) {
            uint32_t from = (uint32_t)(kw_rng_u64(&r) % KW_WEEK_MINUTES),
                     length = (uint32_t)(1 + kw_rng_u64(&r) % 3000), to = (from + length) % KW_WEEK_MINUTES,
                     warm = (uint32_t)(kw_rng_u64(&r) % 3);
            CHECK(kw_schedule_set(&s, from, to, warm, NULL) == KW_OK);
            for (uint32_t m = 0; m < length; m++) want[(from + m) % KW_WEEK_MINUTES] = (uint8_t)warm;
        }
        int wrong = 0;
        for (uint32_t m = 0; m < KW_WEEK_MINUTES; m++) wrong += kw_schedule_level(&s, m) != want[m];
        for (uint32_t i = 0; i < s.n && s.n > 1; i++) {
            wrong += s.change[i].warm == s.change[(i + 1) % s.n].warm;
            wrong += i && s.change[i].minute <= s.change[i - 1].minute;
        }
        uint32_t otherwise, n = kw_schedule_rules(&s, rule, &otherwise);
        struct kw_schedule again = always(otherwise);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t day = 0; day < 7; day++)
                if (rule[i].days & 1u << day)
                    CHECK(kw_schedule_set(&again, day * 1440 + rule[i].from, day * 1440 + rule[i].to, rule[i].warm,
                                          NULL) == KW_OK);
        for (uint32_t m = 0; m < KW_WEEK_MINUTES; m++) wrong += kw_schedule_level(&again, m) != want[m];
        CHECK(wrong == 0);
    }
    kw_rng_free(&r);
}

/* The highest level of the minutes from t to t + lead, by the zone's own clock. */
static uint32_t account(const struct kw_schedule *s, int64_t begin, kw_ns window, kw_ns t, kw_ns lead)
{
    uint32_t most = 0;
    for (kw_ns m = t; m <= t + lead; m += MIN) {
        uint32_t level = kw_schedule_level(s, kw_schedule_minute(s, begin + m % window / S, NULL));
        if (level > most) most = level;
    }
    return most;
}

/* A fortnight in which clocks are put forward, one in which they are put back, and one in which neither is. */
static void a_floor_is_the_highest_level_of_the_lead(void)
{
    static const int64_t begins[] = { MONDAY, INT64_C(1774224000) /* 2026-03-23 */, INT64_C(1792368000) /* 10-19 */ };
    struct kw_rng r;
    struct kw_floor f;
    kw_floor_init(&f);
    CHECK(kw_rng_init(&r, 6, 0, KW_RNG_ARRIVALS, NULL) == KW_OK);
    for (int k = 0; k < 30; k++) {
        struct kw_schedule s = always((uint32_t)(k % 3));
        kw_ns window = k % 5 ? 2 * WEEK : 3 * 24 * H, lead = k % 4 == 0 ? 0 : (kw_ns)(kw_rng_u64(&r) % 200) * MIN;
        int64_t begin = begins[k % 3] + k * 3600;
        s.zone = k % 2 ? &berlin : &utc;
        for (int i = 0; i < k; i++) {
            uint32_t from = (uint32_t)(kw_rng_u64(&r) % KW_WEEK_MINUTES);
            CHECK(kw_schedule_set(&s, from, (from + 1 + (uint32_t)(kw_rng_u64(&r) % 900)) % KW_WEEK_MINUTES,
                                  (uint32_t)(kw_rng_u64(&r) % 4), NULL) == KW_OK);
        }
        CHECK(kw_schedule_floor(&f, &s, begin, window, lead, NULL) == KW_OK);
        int wrong = 0;
        for (kw_ns t = 0; t < window; t += 7 * MIN)
            wrong += kw_floor_level(&f, t) != account(&s, begin, window, t, lead);
        CHECK(wrong == 0);
    }
    kw_rng_free(&r);
    kw_floor_free(&f);
}

/* Eight in Berlin is seven by UTC until the last Sunday of March, and six from there on. */
static void summer_time(void)
{
    struct kw_floor f;
    struct kw_schedule s = always(0);
    kw_floor_init(&f);
    s.zone = &berlin;
    for (int day = 0; day < 7; day++) CHECK(kw_schedule_set(&s, at(day, 8, 0), at(day, 9, 0), 1, NULL) == KW_OK);
    CHECK(kw_schedule_floor(&f, &s, INT64_C(1774656000), 2 * 24 * H, 0, NULL) == KW_OK); /* Saturday 2026-03-28 */
    CHECK(f.n == 5 && f.step[1].at == 7 * H && f.step[2].at == 8 * H);
    CHECK(f.step[3].at == 30 * H && f.step[4].at == 31 * H && f.step[3].warm == 1 && f.step[4].warm == 0);
    kw_floor_free(&f);
}

static void calls_come_a_lead_before(void)
{
    struct kw_schedule s = always(0);
    struct kw_schedule_rule c[KW_SCHEDULE_RULES];
    uint32_t n;
    for (int day = 0; day < 5; day++) CHECK(kw_schedule_set(&s, at(day, 8, 0), at(day, 18, 0), 2, NULL) == KW_OK);
    CHECK(kw_schedule_calls(&s, 61 * S, c, &n, NULL) == KW_OK && n == 2);
    CHECK(c[0].days == 0x1f && c[0].from == 7 * 60 + 58 && c[0].warm == 2);
    CHECK(c[1].days == 0x1f && c[1].from == 18 * 60 && c[1].warm == 0);
    CHECK(kw_schedule_set(&s, at(0, 0, 0), at(0, 1, 0), 1, NULL) == KW_OK); /* a call on Sunday evening */
    CHECK(kw_schedule_calls(&s, 61 * S, c, &n, NULL) == KW_OK && n == 4);
    CHECK(c[3].days == 1u << 6 && c[3].from == 23 * 60 + 58 && c[3].warm == 1 && c[0].from == 60 && c[0].warm == 0);
    s = always(3);
    CHECK(kw_schedule_calls(&s, 61 * S, c, &n, NULL) == KW_OK && n == 1 && c[0].warm == 3);
}

/* Starts of five minutes, and a request every ten seconds from nine to ten of every day: kept warm from nine, the first ones
 * of each day are cold unless the start comes before. */
static void a_rise_at_nine_meets_warm_replicas(void)
{
    for (int early = 0; early < 2; early++) {
        struct fleet_case c;
        struct kw_floor f;
        struct kw_schedule s = always(0);
        kw_ns lead;
        kw_floor_init(&f);
        case_begin(&c, KW_SCALER_CAPACITY, 0, 4);
        c.d[0].scaling.idle_timeout = c.d[0].scaling.zero_timeout = 60 * S;
        c.d[0].cold.init = case_seconds(300);
        for (int day = 0; day < 7; day++) {
            CHECK(kw_schedule_set(&s, at(day, 9, 0), at(day, 10, 0), 1, NULL) == KW_OK);
            for (int i = 0; i < 360; i++) case_request(&c, day * 24 * H + 9 * H + i * 10 * S, 1000, 1);
        }
        c.trace.span = WEEK;
        s.lead = early ? KW_LEAD_AUTO : 0;
        c.d[0].schedule = s;
        CHECK(kw_schedule_lead(&c.d[0], &lead, NULL) == KW_OK && lead == (early ? 300 * S : 0));
        CHECK(kw_schedule_floor(&f, &s, MONDAY, WEEK, lead, NULL) == KW_OK);
        CHECK(kw_floor_area(&f, WEEK) == 7 * (H + lead));
        c.d[0].floor = &f;
        c.opt.warmup = kw_warmup_length(c.d, 1, WEEK);
        CHECK(case_run(&c) == KW_OK && c.o.completed == 7 * 360);
        if (early)
            CHECK(c.o.cold == 0 && c.o.ledger[0].starts == 7);
        else
            CHECK(c.o.cold >= 7 * 30);
        case_end(&c);
        kw_floor_free(&f);
    }
}

int main(void)
{
    CHECK(kw_zone_load(&utc, "UTC", NULL) == KW_OK && kw_zone_load(&berlin, "Europe/Berlin", NULL) == KW_OK);
    RUN(levels_by_hand);
    RUN(random_levels);
    RUN(a_floor_is_the_highest_level_of_the_lead);
    RUN(summer_time);
    RUN(calls_come_a_lead_before);
    RUN(a_rise_at_nine_meets_warm_replicas);
    kw_zone_free(&utc);
    kw_zone_free(&berlin);
    return check_report();
}
