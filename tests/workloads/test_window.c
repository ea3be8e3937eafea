/* Which window a trace stands for, from days and hours put together by hand. */
#include "workloads/window.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "tests/check.h"

#define HOUR KW_NS_PER_HOUR
#define DAY (24 * HOUR)
#define MONDAY INT64_C(1772409600) /* 2026-03-02 00:00 UTC */

static struct kw_trace t;
static size_t cap;

static void begin(void)
{
    kw_trace_free(&t);
    cap = 0;
    t.epoch_unix = INT64_MIN;
}

/* Requests on `day` from hour a to b, evenly, `an_hour` of them; times count from the Monday. */
static void add(int day, double a, double b, int an_hour)
{
    size_t n = (size_t)((b - a) * an_hour);
    for (size_t i = 0; i < n; i++) {
        if (t.n == cap) {
            cap = cap ? 2 * cap : 1024;
            t.arrival = realloc(t.arrival, cap * sizeof *t.arrival);
            t.prompt = realloc(t.prompt, cap * sizeof *t.prompt);
            t.output = realloc(t.output, cap * sizeof *t.output);
            if (!t.arrival || !t.prompt || !t.output) exit(1);
        }
        t.arrival[t.n] = day * DAY + (kw_ns)((a + ((double)i + 0.5) / an_hour) * (double)HOUR);
        t.prompt[t.n] = t.output[t.n] = 1;
        t.n++;
    }
}

/* As a reader leaves it: arrivals from 0, and where that was. */
static struct kw_window assume(bool dated, kw_ns zero)
{
    struct kw_window w;
    kw_ns first = t.arrival[0];
    for (size_t i = 0; i < t.n; i++) t.arrival[i] -= first;
    t.span = t.arrival[t.n - 1];
    if (dated)
        t.epoch_unix = MONDAY + first / KW_NS_PER_S;
    else
        t.origin = first - zero;
    kw_window_assume(&w, &t);
    return w;
}

/* The window cut out: its first moment as hours from the Monday, its hours, what is left out. */
static void check_cut(struct kw_window *w, double from_h, double hours, uint64_t left_out)
{
    struct kw_trace out;
    struct kw_error err;
    CHECK(kw_window_cut(&out, &t, w, &err) == KW_OK);
    CHECK(out.n + left_out == t.n && w->left_out == left_out && out.arrival[0] >= 0);
    CHECK_NEAR((double)out.span / (double)HOUR, hours, 1e-9);
    CHECK(out.arrival[out.n - 1] <= out.span);
    if (t.epoch_unix != INT64_MIN) CHECK_NEAR((double)(w->begin_unix - MONDAY) / 3600, from_h, 1e-3);
    kw_trace_free(&out);
}

static void one_working_day_is_a_whole_day(void)
{
    for (int dated = 0; dated < 2; dated++) {
        begin();
        add(0, 9, 17, 60);
        struct kw_window w = assume(dated, 0);
        CHECK(w.chosen == KW_WINDOW_DAYS && w.end - w.begin == DAY);
        CHECK_NEAR((double)w.begin, -9.0 * (double)HOUR - 30e9, 1e9);
        check_cut(&w, 0, 24, 0);
    }
    begin(); /* in Tokyo, whose day is cut by the midnight of UTC */
    add(0, 23, 31, 60);
    struct kw_window w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_DAYS && w.end - w.begin == DAY && w.begin <= 0 && w.end > t.span);
}

static void what_says_nothing_of_the_day_is_its_span(void)
{
    begin(); /* time stamps that begin at 0 */
    add(0, 9, 17, 60);
    struct kw_window w = assume(false, 9 * HOUR);
    CHECK(w.chosen == KW_WINDOW_SPAN && w.begin == 0 && w.end == t.span);
    check_cut(&w, 0, (double)t.span / (double)HOUR, 0);
    begin(); /* too short */
    add(0, 9, 12, 60);
    CHECK(assume(true, 0).chosen == KW_WINDOW_SPAN);
    begin(); /* evenly through three days */
    add(0, 0, 70, 60);
    CHECK(assume(true, 0).chosen == KW_WINDOW_SPAN);
    begin(); /* a trace whose span is known says more than its arrivals */
    add(0, 9, 17, 60);
    assume(true, 0);
    t.span = 12 * HOUR;
    kw_window_assume(&w, &t);
    CHECK(w.chosen == KW_WINDOW_SPAN && w.end == 12 * HOUR);
}

static void working_days_are_weeks(void)
{
    begin();
    for (int d = 0; d < 5; d++) add(d, 9, 17, 60);
    struct kw_window w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_WEEKS);
    check_cut(&w, 0, 168, 0);
    begin(); /* no dates, but five days of quiet nights */
    for (int d = 0; d < 5; d++) add(d, 9, 17, 60);
    w = assume(false, 0);
    CHECK(w.chosen == KW_WINDOW_WEEKS && w.end - w.begin == 7 * DAY);
    begin(); /* two weeks */
    for (int d = 0; d < 12; d++)
        if (d % 7 < 5) add(d, 9, 17, 60);
    w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_WEEKS);
    check_cut(&w, 0, 336, 0);
    begin(); /* Wednesday to the Friday of the week after: the week that is whole */
    for (int d = 2; d < 12; d++)
        if (d % 7 < 5) add(d, 9, 17, 60);
    w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_WEEKS);
    check_cut(&w, 48, 168, 1440);
    begin(); /* four days are days */
    for (int d = 0; d < 4; d++) add(d, 9, 17, 60);
    w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_DAYS);
    check_cut(&w, 0, 96, 0);
    begin(); /* Wednesday to Sunday, a quiet weekend: Monday and Tuesday were not seen */
    for (int d = 2; d < 7; d++) add(d, 9, 17, d < 5 ? 60 : 10);
    w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_DAYS);
    check_cut(&w, 48, 120, 0);
}

/* Time stamps of other zones' working days: 9 to 17 h in Tokyo, Los Angeles, Honolulu and Auckland, by the clock of UTC;
 * and times that begin at 0 with the first request. */
static void working_days_of_other_time_zones_are_weeks(void)
{
    static const double from[] = { 0, 17, 19, -4 };
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        for (int weeks = 1; weeks <= 2; weeks++)
            for (int dated = 0; dated < 2; dated++) {
                begin();
                for (int d = 0; d < 7 * weeks - 2; d++)
                    if (d % 7 < 5) add(d, from[i], from[i] + 8, 60);
                struct kw_window w = assume(dated, t.arrival[0]);
                CHECK(w.chosen == KW_WINDOW_WEEKS && w.end - w.begin == weeks * 7 * DAY);
                CHECK(w.begin <= 0 && w.end > t.span);
            }
}

/* A chat that sleeps a little: whether it has weekends these five days do not say. */
static void busy_nights_tell_of_no_week(void)
{
    begin();
    for (int d = 0; d < 5; d++) {
        add(d, 0, 8, 12);
        add(d, 8, 22, 60);
        add(d, 22, 24, 12);
    }
    struct kw_window w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_DAYS);
    check_cut(&w, 0, 120, 0);
}

static void lower_weekends_are_weeks_and_others_days(void)
{
    for (int low = 0; low < 2; low++) {
        begin();
        for (int d = 0; d < 9; d++) {
            int a = low && d % 7 >= 5 ? 20 : 60;
            add(d, 0, 8, a / 4);
            add(d, 8, 24, a);
        }
        struct kw_window w = assume(true, 0);
        CHECK(w.chosen == (low ? KW_WINDOW_WEEKS : KW_WINDOW_DAYS));
        check_cut(&w, 0, low ? 168 : 216, low ? 2 * (8 * 15 + 16 * 60) : 0);
    }
    begin(); /* 61 h through the nights, the second day cut in the middle: as many days as the arrivals fill */
    add(0, 10, 24, 60);
    for (int d = 1; d < 3; d++) {
        add(d, 0, 8, 10);
        add(d, 8, 23, 60);
    }
    struct kw_window w = assume(true, 0);
    CHECK(w.chosen == KW_WINDOW_DAYS && w.end - w.begin == 3 * DAY);
}

static void a_stated_window_may_lie_outside_the_arrivals(void)
{
    struct kw_error err;
    struct kw_trace out;
    begin();
    add(0, 9, 17, 60);
    assume(true, 0);
    struct kw_window w = { .chosen = KW_WINDOW_STATED, .begin = -9 * HOUR, .end = 63 * HOUR };
    CHECK(kw_window_cut(&out, &t, &w, &err) == KW_OK && out.span == 72 * HOUR && out.arrival[0] == 9 * HOUR);
    CHECK(out.epoch_unix == t.epoch_unix - 9 * 3600 && w.left_out == 0);
    kw_trace_free(&out);
    w.begin = HOUR;
    w.end = 2 * HOUR;
    CHECK(kw_window_cut(&out, &t, &w, &err) == KW_OK && out.span == HOUR && out.n == 60 && w.left_out == 420);
    CHECK(out.arrival[0] == 0 && out.arrival[59] == 59 * HOUR / 60);
    kw_trace_free(&out);
    w.begin = 20 * HOUR;
    w.end = 30 * HOUR;
    CHECK(kw_window_cut(&out, &t, &w, &err) == KW_ERANGE && out.n == 0);
    w.end = w.begin;
    CHECK(kw_window_cut(&out, &t, &w, &err) == KW_ERANGE && strstr(err.msg, "above 0"));
    char text[512];
    w = (struct kw_window){ .chosen = KW_WINDOW_WEEKS, .end = 7 * DAY, .begin_unix = MONDAY };
    w.arrivals_span = 104 * HOUR;
    CHECK_STR(kw_window_text(&w, text, sizeof text),
              "1 whole week, 2026-03-02 00:00 to 2026-03-09 00:00 UTC, of which the arrivals span 4.33 days: assumed "
              "from their weekdays; trace.from_s and trace.to_s set another");
    w.speed = 2;
    CHECK(strstr(kw_window_text(&w, text, sizeof text), "; played 2 times as fast, in 3.5 days: its days take 12 hours "
                                                        "each, and their shape, bursts and pauses are squeezed"));
}

int main(void)
{
    RUN(one_working_day_is_a_whole_day);
    RUN(what_says_nothing_of_the_day_is_its_span);
    RUN(working_days_are_weeks);
    RUN(working_days_of_other_time_zones_are_weeks);
    RUN(busy_nights_tell_of_no_week);
    RUN(lower_weekends_are_weeks_and_others_days);
    RUN(a_stated_window_may_lie_outside_the_arrivals);
    kw_trace_free(&t);
    return check_report();
}
