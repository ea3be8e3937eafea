#include "sim/watch/alarms.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const kw_watch_signal_name[] = { "an hour", "a request", NULL };

void kw_watch_alarms_free(struct kw_watch_alarms *a)
{
    free(a->alarm);
    memset(a, 0, sizeof *a);
}

/* Values of a signal; where an hour has no request what one costs is as in the hour before. */
static void values(const struct kw_watch_count *hour, size_t n, enum kw_watch_signal signal, bool of_tokens,
                   double *value, double *requests)
{
    double last = 0;
    for (size_t i = 0; i < n; i++) {
        double v = of_tokens ? (double)kw_watch_tokens(&hour[i]) : kw_nano_to_double(hour[i].cost);
        requests[i] = (double)hour[i].requests;
        value[i] = signal == KW_SIGNAL_HOUR ? v : hour[i].requests ? v / requests[i] : last;
        last = value[i];
    }
}

/* Alarms of hours one after another are one. */
static enum kw_status collect(struct kw_watch_alarms *a, const struct kw_judgement *j, const struct kw_signal *s,
                              int64_t from, enum kw_watch_signal signal, struct kw_error *err)
{
    double worst = 0;
    for (size_t t = 0; t < s->n; t++) {
        if (!j[t].alarm || s->first + (int64_t)t < from) continue;
        if (!t || !j[t - 1].alarm || s->first + (int64_t)t == from) {
            struct kw_watch_alarm *more = realloc(a->alarm, (a->n + 1) * sizeof *more);
            if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for alarms");
            a->alarm = more;
            a->alarm[a->n++] = (struct kw_watch_alarm){ .signal = signal, .hour = s->first + (int64_t)t };
            worst = 0;
        }
        struct kw_watch_alarm *x = &a->alarm[a->n - 1];
        x->hours++;
        if (j[t].score <= worst) continue;
        worst = j[t].score;
        x->value = s->value[t];
        x->expected = j[t].expected;
    }
    return KW_OK;
}

/* How much of its doublings the traffic's own noise lets be seen. j: [KW_SIGNALS][n]. */
static void told(double share[KW_DOUBLINGS], const struct kw_judgement *j, size_t n)
{
    enum { DAY = 24, LAST = 28 * DAY };
    const struct kw_judgement *hour = j + KW_SIGNAL_HOUR * n, *each = j + KW_SIGNAL_REQUEST * n;
    size_t of = 0, requests = 0, either = 0;
    for (size_t t = n > LAST ? n - LAST : 1; t < n; t++) {
        bool alarms = hour[t].alarm || hour[t - 1].alarm || each[t].alarm || each[t - 1].alarm;
        if (alarms || !hour[t].judged || !hour[t - 1].judged) continue;
        of++;
        requests += hour[t].tells_twice;
        either += hour[t].tells_twice || each[t].tells_twice;
    }
    share[KW_DOUBLING_OF_REQUESTS] = of < DAY ? NAN : (double)requests / (double)of;
    share[KW_DOUBLING_OF_EACH] = of < DAY ? NAN : (double)either / (double)of;
}

static int by_hour(const void *a, const void *b)
{
    const struct kw_watch_alarm *x = a, *y = b;
    if (x->hour != y->hour) return x->hour < y->hour ? -1 : 1;
    return (int)x->signal - (int)y->signal;
}

enum kw_status kw_watch_alarms(struct kw_watch_alarms *a, const struct kw_watch_ledger *l, struct kw_watch_window w,
                               double per_month, struct kw_error *err)
{
    enum { BEFORE = 10 * 7 * 24 }; /* hours: what judges the first one, and what that rests on */
    memset(a, 0, sizeof *a);
    for (int i = 0; i < KW_SIGNALS; i++) a->visible[i] = NAN;
    for (int i = 0; i < KW_DOUBLINGS; i++) a->told[i] = NAN;
    struct kw_watch_window all = kw_watch_window(l, 0);
    int64_t over = kw_watch_over(l);
    if (w.from - BEFORE > all.from) all.from = w.from - BEFORE;
    all.to = w.to < over ? w.to : over;
    if (all.to <= all.from) return KW_OK;
    size_t n = (size_t)(all.to - all.from);
    struct kw_watch_count *hour;
    KW_TRY(kw_watch_hours(l, all, &hour, err));
    struct kw_judgement *all_j = malloc(KW_SIGNALS * n * sizeof *all_j);
    double *value = malloc(2 * n * sizeof *value);
    enum kw_status st = all_j && value ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu hours", n);
    a->of_tokens = true;
    for (size_t i = 0; i < n; i++) a->of_tokens &= hour[i].cost == 0;
    for (int k = 0; k < KW_SIGNALS && st == KW_OK; k++) {
        const struct kw_signal s = { value, value + n, n, all.from };
        struct kw_judgement *j = all_j + (size_t)k * n;
        values(hour, n, (enum kw_watch_signal)k, a->of_tokens, value, value + n);
        st = kw_anomalies(&s, per_month / KW_SIGNALS, j, err);
        if (st == KW_OK) st = collect(a, j, &s, w.from, (enum kw_watch_signal)k, err);
        if (st == KW_OK && j[n - 1].judged && j[n - 1].expected > 0) a->visible[k] = j[n - 1].limit / j[n - 1].expected;
        for (size_t t = 0; t < n && st == KW_OK && k == 0; t++)
            a->judged += j[t].judged && all.from + (int64_t)t >= w.from;
    }
    if (st == KW_OK) told(a->told, all_j, n);
    if (st == KW_OK && a->n) qsort(a->alarm, a->n, sizeof *a->alarm, by_hour);
    free(hour), free(all_j), free(value);
    if (st != KW_OK) kw_watch_alarms_free(a);
    return st;
}
