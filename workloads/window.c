#include "workloads/window.h"
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR KW_NS_PER_HOUR
#define DAY (24 * HOUR)
#define LONGEST (3660 * DAY)
#define NO_DATE INT64_MIN

const char *const kw_window_chosen_name[] = { "span", "days", "weeks", "stated", NULL };

/* Arrivals by hour of the day, and how often the span holds that hour. Without a known time of day hours count from the
 * first arrival. */
struct shape {
    bool dated, clock; /* the date is known; the time of day is */
    kw_ns since;       /* from midnight to the first arrival */
    double count[24], hours[24];
};

static void measure(struct shape *s, const struct kw_trace *t)
{
    memset(s, 0, sizeof *s);
    s->dated = t->epoch_unix != NO_DATE;
    /* Undated time stamps that begin an hour or more after their own 0 count from a midnight. */
    s->clock = s->dated || t->origin >= HOUR;
    if (s->dated)
        s->since = ((t->epoch_unix % 86400 + 86400) % 86400) * KW_NS_PER_S;
    else
        s->since = t->origin % DAY;
    for (size_t i = 0; i < t->n; i++) s->count[(s->since + t->arrival[i]) / HOUR % 24]++;
    kw_ns at = s->since, end = s->since + t->span;
    while (at < end) {
        kw_ns next = (at / HOUR + 1) * HOUR < end ? (at / HOUR + 1) * HOUR : end;
        s->hours[at / HOUR % 24] += (double)(next - at) / (double)HOUR;
        at = next;
    }
}

/* The hours of the day differ by more than chance, and one has less than half of its share. */
static bool has_shape(const struct shape *s, double n)
{
    double all = 0, chi2 = 0, least = INFINITY;
    for (int h = 0; h < 24; h++) all += s->hours[h];
    for (int h = 0; h < 24; h++) {
        double expected = n * s->hours[h] / all;
        if (s->hours[h] < 0.5) continue; /* an edge */
        chi2 += (s->count[h] - expected) * (s->count[h] - expected) / expected;
        least = fmin(least, s->count[h] / expected);
    }
    return chi2 > 60 && least < 0.5; /* 60: one trace in 30,000 of no shape (23 degrees of freedom) */
}

/* The hours before and after this time of day: neither has a tenth of its share. */
static bool quiet_at(const struct shape *s, double n, kw_ns time_of_day)
{
    double all = 0;
    int64_t after = (time_of_day + HOUR / 2) / HOUR;
    for (int h = 0; h < 24; h++) all += s->hours[h];
    for (int i = 0; i < 2; i++) {
        int64_t h = (after + 23 + i) % 24;
        if (s->count[h] > 0.1 * n * s->hours[h] / all) return false;
    }
    return true;
}

static kw_ns of_day(kw_ns t)
{
    return (t % DAY + DAY) % DAY;
}

/* Arrivals on each of the n days from `begin`. */
static double *by_day(const struct kw_trace *t, kw_ns begin, int64_t n)
{
    double *c = calloc((size_t)n, sizeof *c);
    for (size_t i = 0; c && i < t->n; i++) {
        int64_t d = (t->arrival[i] - begin) / DAY;
        c[d < n ? d : n - 1]++;
    }
    return c;
}

/* Means over the days of which `weekend` (phase of the first day of two in a week of seven) says so, and the others. */
static void compare_days(const double *c, int64_t n, int64_t weekend, double mean[2], int64_t days[2])
{
    double sum[2] = { 0 };
    days[0] = days[1] = 0;
    for (int64_t i = 0; i < n; i++) {
        int off = (i - weekend + 700) % 7 < 2;
        sum[off] += c[i];
        days[off]++;
    }
    for (int k = 0; k < 2; k++) mean[k] = days[k] ? sum[k] / (double)days[k] : 0;
}

/* Which day from the window's begin is the first of a weekend that shows, -1 when none does. */
static int64_t find_weekend(const struct kw_trace *t, const struct shape *s, kw_ns begin, const double *c, int64_t n,
                            bool quiet)
{
    double mean[2];
    int64_t days[2];
    if (s->dated) {
        /* 1970-01-01 was a Thursday: Saturdays are two days later. Rounded: begin may lie beside a midnight. */
        int64_t day = (int64_t)floor(((double)t->epoch_unix + (double)begin / 1e9 + 43200) / 86400);
        int64_t saturday = ((2 - day) % 7 + 7) % 7;
        compare_days(c, n, saturday, mean, days);
        bool shows = days[1] ? mean[1] < 0.7 * mean[0] : quiet;
        return shows && days[0] ? saturday : -1;
    }
    if (n == 5) return quiet ? 5 : -1;
    for (int64_t w = 0; n >= 7 && w < 7; w++) {
        compare_days(c, n, w, mean, days);
        if (mean[1] < 0.3 * mean[0]) return w;
    }
    return -1;
}

/* Whole weeks out of n days from w->begin, or nothing changes. */
static void try_weeks(struct kw_window *w, const struct kw_trace *t, const struct shape *s, int64_t n, bool quiet)
{
    double *c = by_day(t, w->begin, n);
    int64_t weekend = c ? find_weekend(t, s, w->begin, c, n, quiet) : -1;
    if (weekend >= 0) {
        int64_t whole = (n + 6) / 7 * 7, added = 0;
        for (int64_t i = n; i < whole; i++) added += (i - weekend + 700) % 7 >= 2;
        if (added && n < 7) {
            weekend = -1; /* working days that nobody saw: these days and no week */
        } else if (added) {
            double head = 0, tail = 0;
            int64_t cut = n % 7;
            for (int64_t i = 0; i < cut; i++) {
                head += c[i];
                tail += c[n - 1 - i];
            }
            whole = n - cut;
            if (head < tail) w->begin += cut * DAY;
        }
        if (weekend >= 0) {
            w->chosen = KW_WINDOW_WEEKS;
            w->end = w->begin + whole * DAY;
        }
    }
    free(c);
}

void kw_window_assume(struct kw_window *w, const struct kw_trace *t)
{
    kw_ns first = t->arrival[0], last = t->arrival[t->n - 1], length = last - first;
    *w = (struct kw_window){
        .chosen = KW_WINDOW_SPAN, .end = t->span, .arrivals_span = length, .begin_unix = t->epoch_unix
    };
    struct shape s;
    if (first != 0 || length <= 4 * HOUR || t->span - last > HOUR || t->span > LONGEST / 2)
        return; /* short, or its span is not that of its arrivals: it says more than they do */
    measure(&s, t);
    double n = (double)t->n;
    bool part_of_a_day = s.clock && length < 20 * HOUR;
    if (!part_of_a_day && (length < 20 * HOUR || !has_shape(&s, n))) return;
    int64_t days = length / DAY + 1, calendar = (s.since + length) / DAY + 1;
    w->chosen = KW_WINDOW_DAYS;
    kw_ns centred = -(days * DAY - length) / 2;
    bool known = s.clock || s.since < HOUR;
    if (s.clock && quiet_at(&s, n, 0)) {
        days = calendar;
        w->begin = -s.since;
    } else if (known && calendar == days && !quiet_at(&s, n, of_day(s.since + centred))) {
        w->begin = -s.since;
    } else {
        w->begin = centred;
    }
    w->end = w->begin + days * DAY;
    /* Of five days or more of a place whose midnight is not that of the time stamps, too, when its nights are quiet. */
    if (days >= 5) try_weeks(w, t, &s, days, quiet_at(&s, n, of_day(s.since + w->begin)));
}

enum kw_status kw_window_cut(struct kw_trace *out, const struct kw_trace *in, struct kw_window *w, struct kw_error *err)
{
    char from[32], to[32];
    memset(out, 0, sizeof *out);
    out->epoch_unix = NO_DATE;
    kw_nano_format(from, sizeof from, w->begin);
    kw_nano_format(to, sizeof to, w->end);
    if (w->end <= w->begin || w->end - w->begin > LONGEST)
        return kw_fail(err, KW_ERANGE, "the window from %s s to %s s wants a length above 0 and of ten years at most",
                       from, to);
    enum kw_status st = kw_trace_slice(out, in, w->begin, w->end == in->span ? INT64_MAX : w->end, err);
    if (st != KW_OK) return st;
    kw_ns first = out->arrival[0];
    w->left_out = in->n - out->n;
    w->arrivals_span = out->arrival[out->n - 1] - first;
    size_t a = 0;
    while (in->arrival[a] < w->begin) a++;
    kw_ns shift = in->arrival[a] - w->begin - first;
    for (size_t i = 0; i < out->n; i++) out->arrival[i] += shift;
    out->span = w->end - w->begin;
    out->origin = in->origin + w->begin;
    w->begin_unix = NO_DATE;
    if (in->epoch_unix != NO_DATE) {
        kw_ns floor_s = w->begin / KW_NS_PER_S - (w->begin % KW_NS_PER_S < 0);
        w->begin_unix = out->epoch_unix = in->epoch_unix + floor_s;
    }
    return KW_OK;
}

static const char *utc(int64_t unix_s, char buf[32])
{
    struct tm tm;
    time_t s = (time_t)unix_s;
    if (!gmtime_r(&s, &tm) || !strftime(buf, 32, "%Y-%m-%d %H:%M", &tm)) buf[0] = 0;
    return buf;
}

static const char *length(kw_ns ns, char buf[32])
{
    double s = (double)ns / 1e9;
    if (s < 120)
        snprintf(buf, 32, "%.3g s", s);
    else if (s < 7200)
        snprintf(buf, 32, "%.3g minutes", s / 60);
    else
        snprintf(buf, 32, s < 172800 ? "%.3g hours" : "%.3g days", s < 172800 ? s / 3600 : s / 86400);
    return buf;
}

/* What playing it faster or slower did to it. */
static void add_speed(const struct kw_window *w, char *buf, size_t size)
{
    char of_day[32], all[32];
    size_t n = strlen(buf);
    if (w->speed == 0 || w->speed == 1 || n >= size) return;
    snprintf(buf + n, size - n,
             "; played %g times as fast, in %s: its days take %s each, and their shape, bursts and pauses are %s with "
             "them",
             w->speed, length((kw_ns)((double)(w->end - w->begin) / w->speed), all),
             length((kw_ns)((double)DAY / w->speed), of_day), w->speed > 1 ? "squeezed" : "stretched");
}

char *kw_window_text(const struct kw_window *w, char *buf, size_t size)
{
    char a[32], b[32], dates[80] = "", out[64] = "";
    kw_ns ns = w->end - w->begin;
    if (w->begin_unix != NO_DATE)
        snprintf(dates, sizeof dates, ", %s to %s UTC", utc(w->begin_unix, a),
                 utc(w->begin_unix + ns / KW_NS_PER_S, b));
    if (w->left_out) snprintf(out, sizeof out, "; %" PRIu64 " requests outside are left out", w->left_out);
    switch (w->chosen) {
    case KW_WINDOW_SPAN:
        snprintf(buf, size,
                 "%s, the span of the trace: its times of day are not known or tell of no daily shape; "
                 "trace.from_s and trace.to_s set another",
                 length(ns, a));
        break;
    case KW_WINDOW_STATED:
        snprintf(buf, size, "%s as stated%s%s; its arrivals span %s%s", length(ns, a),
                 w->assumed_side ? w->assumed_side < 0 ? ", its begin assumed" : ", its end assumed" : "", dates,
                 length(w->arrivals_span, b), out);
        break;
    case KW_WINDOW_DAYS:
        snprintf(buf, size,
                 "%" PRId64 " whole day%s%s, of which the arrivals span %s: assumed from their times of day; "
                 "trace.from_s and trace.to_s set another",
                 (int64_t)(ns / DAY), ns == DAY ? "" : "s", dates, length(w->arrivals_span, a));
        break;
    case KW_WINDOW_WEEKS:
        snprintf(buf, size,
                 "%" PRId64 " whole week%s%s, of which the arrivals span %s: assumed from their weekdays%s; "
                 "trace.from_s and trace.to_s set another",
                 (int64_t)(ns / (7 * DAY)), ns == 7 * DAY ? "" : "s", dates, length(w->arrivals_span, a), out);
        break;
    }
    add_speed(w, buf, size);
    return buf;
}
