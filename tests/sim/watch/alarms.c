/* tests/sim/watch/alarms.c - how often the watch is wrong, and how late: alarms on traffic as it is, and on the same with a
 * fault put in. Reads lines "NAME FIRST VALUE REQUESTS..." of hours from stdin (alarms.py makes them of public traces), prints a
 * row a name. README.md has the table.
 *
 *     alarms [PER_MONTH [FAULTS]]     0.25, 100; with FAULTS said also by quarter of the day */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/watch/anomaly.h"

enum { FAULTS = 100, MOST_FAULTS = 1000, LASTS = 12, QUARTERS = 8 };

struct figures {
    size_t judged, alarms, faults, seen, within,
        told; /* told: hours of which the watch says that it would see twice as much */
    size_t put_in[QUARTERS],
        within_in[QUARTERS]; /* of faults that began in a quarter of a weekday, then of a day of a weekend */
    double delay[MOST_FAULTS];
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t quarter(int64_t hour)
{
    return (size_t)(hour % 24 / 6 + ((hour / 24 + 3) % 7 >= 5 ? 4 : 0)); /* 1970-01-01 was a Thursday */
}

/* The fault begins at `onset`, in hours, and multiplies by `times` for LASTS hours. */
static void put_fault(double *value, const double *clean, size_t n, double onset, double times)
{
    memcpy(value, clean, n * sizeof *value);
    for (size_t t = (size_t)onset; t < n && (double)t < onset + LASTS; t++) {
        double from = fmax(onset, (double)t), to = fmin(onset + LASTS, (double)t + 1);
        value[t] *= 1 + (times - 1) * (to - from);
    }
}

/* beside: NULL, or a second signal of the same traffic that has the fault, too, and may raise the alarm. */
static void measure(struct figures *f, const struct kw_signal *clean, const struct kw_signal *beside, double per_month,
                    double times, size_t faults, struct kw_rng *rng)
{
    size_t n = clean->n;
    struct kw_judgement *j = malloc(n * sizeof *j), *k = malloc(n * sizeof *k), *j2 = malloc(n * sizeof *j2),
                        *k2 = malloc(n * sizeof *k2);
    double *value = malloc(n * sizeof *value);
    struct kw_error err;
    memset(f, 0, sizeof *f);
    if (!j || !k || !j2 || !k2 || !value || kw_anomalies(clean, per_month, j, &err) != KW_OK) exit(1);
    if (beside && kw_anomalies(beside, per_month, j2, &err) != KW_OK) exit(1);
    for (size_t t = 0; t < n; t++) {
        f->judged += j[t].judged;
        f->alarms += j[t].alarm && !(t && j[t - 1].alarm); /* one alarm until it ends */
        f->told += j[t].judged && (j[t].tells_twice || (beside && j2[t].tells_twice));
    }
    for (size_t i = 0; i < faults && n > KW_ANOMALY_WARM_HOURS + LASTS; i++) {
        double onset = KW_ANOMALY_WARM_HOURS + kw_rng_uniform(rng) * (double)(n - KW_ANOMALY_WARM_HOURS - LASTS);
        struct kw_signal s = *clean;
        put_fault(value, clean->value, n, onset, times);
        s.value = value;
        if (onset + LASTS + 1 < (double)n) s.n = (size_t)onset + LASTS + 1; /* what comes later judges nothing before */
        if (clean->value[(size_t)onset] <= 0) continue;                     /* twice nothing is no fault */
        if (kw_anomalies(&s, per_month, k, &err) != KW_OK) exit(1);
        if (beside) {
            struct kw_signal s2 = *beside;
            put_fault(value, beside->value, n, onset, times);
            s2.value = value;
            s2.n = s.n;
            if (kw_anomalies(&s2, per_month, k2, &err) != KW_OK) exit(1);
        }
        f->faults++;
        f->put_in[quarter(s.first + (int64_t)onset)]++;
        for (size_t t = (size_t)onset; t < s.n && (double)t < onset + LASTS; t++) {
            bool now = (k[t].alarm && !j[t].alarm) || (beside && k2[t].alarm && !j2[t].alarm);
            if (!now) continue; /* an alarm that the traffic itself raises does not count */
            double delay = (double)t + 1 - onset;
            f->within += delay <= 2;
            f->within_in[quarter(s.first + (int64_t)onset)] += delay <= 2;
            f->delay[f->seen++] = delay;
            break;
        }
    }
    qsort(f->delay, f->seen, sizeof *f->delay, ascending);
    free(j), free(k), free(j2), free(k2), free(value);
}

/* Of faults seen within 2 hours, by when they began. */
static void print_quarters(const struct figures *f)
{
    static const char *const days[] = { "Monday to Friday", "weekends" };
    for (size_t d = 0; d < 2; d++) {
        printf("%s%s from 0, 6, 12, 18 h:", d ? "; " : "    twice, in 2 h: ", days[d]);
        for (size_t q = 4 * d; q < 4 * d + 4; q++)
            printf(" %.0f %%", 100.0 * (double)f->within_in[q] / fmax(1, (double)f->put_in[q]));
    }
    printf("\n");
}

/* ---- the best that could be done ---- */

static int descending(const void *a, const void *b)
{
    return ascending(b, a);
}

/* Scores of a test that knows what no watch can: the season of all the weeks there are, and how much of what was beyond it
 * one hour hands on to the next; from one hour before and from two. */
static void known(const double *beyond, size_t n, double phi, double *score[2])
{
    for (size_t t = 0; t < n; t++)
        for (int k = 0; k < 2; k++)
            score[k][t] = beyond[t] - (t > (size_t)k ? pow(phi, k + 1) * beyond[t - (size_t)k - 1] : 0);
}

static void beyond_season(double *beyond, const double *value, const double *season, size_t n, double offset)
{
    for (size_t t = 0; t < n; t++) beyond[t] = log(fmax(0, value[t]) + offset) - season[t];
}

static size_t slot(int64_t hour)
{
    return (size_t)(hour % 24 + ((hour / 24 + 3) % 7 >= 5 ? 24 : 0)); /* 1970-01-01 was a Thursday */
}

/* The share of faults that such a test sees within 2 hours, its line drawn afterwards so that the clean hours cross it at
 * most once a month: what the traffic's own variation lets anybody see. */
static double best_test(const struct kw_signal *s, double times, struct kw_rng *rng)
{
    enum { TRIES = 1000 };
    size_t n = s->n, from = KW_ANOMALY_WARM_HOURS, positive = 0, count[48] = { 0 }, seen = 0, tries = 0;
    double *all = malloc(7 * n * sizeof *all), mean[48] = { 0 }, xy = 0, xx = 0, line[2];
    if (!all || n <= from + LASTS) exit(1);
    double *value = all, *season = all + n, *beyond = all + 2 * n, *score[2] = { all + 3 * n, all + 4 * n },
           *sorted = all + 5 * n;
    for (size_t t = 0; t < n; t++)
        if (s->value[t] > 0) sorted[positive++] = s->value[t];
    qsort(sorted, positive, sizeof *sorted, ascending);
    double offset = positive ? 0.05 * sorted[positive / 2] : 1e-9;
    for (size_t t = 0; t < n; t++) {
        size_t k = slot(s->first + (int64_t)t);
        mean[k] += log(fmax(0, s->value[t]) + offset);
        count[k]++;
    }
    for (size_t t = 0; t < n; t++) {
        size_t k = slot(s->first + (int64_t)t);
        season[t] = mean[k] / (double)count[k];
    }
    beyond_season(beyond, s->value, season, n, offset);
    for (size_t t = 1; t < n; t++) xy += beyond[t] * beyond[t - 1], xx += beyond[t] * beyond[t];
    double phi = xx > 0 ? fmax(0, xy / xx) : 0;
    known(beyond, n, phi, score);
    for (int k = 0; k < 2; k++) { /* each of the two crosses its line half as often */
        memcpy(sorted, score[k] + from, (n - from) * sizeof *sorted);
        qsort(sorted, n - from, sizeof *sorted, descending);
        line[k] = sorted[(size_t)((double)(n - from) / 720 / 2)];
    }
    for (; tries < TRIES; tries++) {
        double onset = (double)from + kw_rng_uniform(rng) * (double)(n - from - LASTS);
        size_t at = (size_t)onset;
        put_fault(value, s->value, n, onset, times);
        beyond_season(beyond, value, season, n, offset);
        known(beyond, n, phi, score);
        bool hit = false;
        for (size_t t = at; t < n && (double)t + 1 - onset <= 2; t++)
            for (int k = 0; k < 2; k++) hit |= score[k][t] > line[k];
        seen += hit;
    }
    free(all);
    return (double)seen / (double)tries;
}

static double share(size_t part, size_t of)
{
    return 100.0 * (double)part / fmax(1, (double)of);
}

int main(int argc, char **argv)
{
    static char line[4 << 20];
    double per_month = argc > 1 ? atof(argv[1]) : 0.25;
    size_t faults = argc > 2 ? (size_t)fmax(1, fmin(MOST_FAULTS, atof(argv[2]))) : FAULTS;
    struct kw_rng rng;
    struct kw_error err;
    if (kw_rng_init(&rng, 7, 0, KW_RNG_ARRIVALS, &err) != KW_OK) return 1;
    printf("%-24s %7s %9s %9s | %-26s | %-26s | %s\n", "traffic", "months", "alarms", "a month",
           "twice: in 2 h, seen, median", "four times", "twice: best test, told");
    struct kw_signal hours = { .n = 0 }; /* of the row before */
    char of_hours[64] = "";
    while (fgets(line, sizeof line, stdin)) {
        char name[64], *at = line;
        long first;
        int used;
        if (sscanf(at, "%63s %ld%n", name, &first, &used) != 2) continue;
        double *v = malloc(sizeof line), *r = v + sizeof line / sizeof *v / 2;
        size_t n = 0;
        for (at += used; v; at += used, n++)
            if (sscanf(at, "%lf %lf%n", &v[n], &r[n], &used) != 2) break;
        struct kw_signal s = { v, r, n, first };
        struct figures two, four;
        measure(&two, &s, NULL, per_month, 2, faults, &rng);
        measure(&four, &s, NULL, per_month, 4, faults, &rng);
        double months = (double)two.judged / 720;
        printf("%-24s %7.2f %9zu %9.2f | %5.0f %% %5.0f %% %6.2f h  | %5.0f %% %5.0f %% %6.2f h | %5.0f %% %5.0f %%\n",
               name, months, two.alarms, (double)two.alarms / months, share(two.within, two.faults),
               share(two.seen, two.faults), two.seen ? two.delay[two.seen / 2] : NAN, share(four.within, four.faults),
               share(four.seen, four.faults), four.seen ? four.delay[four.seen / 2] : NAN, 100 * best_test(&s, 2, &rng),
               share(two.told, two.judged));
        if (argc > 2) print_quarters(&two);
        if (hours.n == n && !strncmp(name, of_hours, strlen(of_hours)) &&
            !strcmp(name + strlen(of_hours), "/request")) {
            struct figures each; /* what a request costs doubles what its hour does */
            measure(&each, &hours, &s, per_month, 2, faults, &rng);
            printf("  either signal, of twice the cost of each request: %.0f %% in 2 h, %.0f %% seen; told %.0f %%\n",
                   share(each.within, each.faults), share(each.seen, each.faults), share(each.told, each.judged));
        }
        fflush(stdout);
        free((double *)hours.value);
        hours = s;
        memcpy(of_hours, name, sizeof of_hours);
    }
    free((double *)hours.value);
    kw_rng_free(&rng);
    return 0;
}
