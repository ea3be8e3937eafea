/* Alarms: the past alone judges, a doubling of what is steady is seen at once, and noise raises few. */
#include "sim/watch/anomaly.c"
#include "sim/core/rng.h"
#include "tests/check.h"

enum { WEEKS = 8, N = WEEKS * 168 };
static struct kw_error err;
static double value[N], requests[N];
static struct kw_judgement j[N], k[N];
static const struct kw_signal signal = { value, requests, N, 24 * 4 }; /* from a Monday on */

/* Days with nights and quiet weekends, and noise of `sd`. */
static void make(double sd, uint64_t seed)
{
    struct kw_rng rng;
    CHECK(kw_rng_init(&rng, seed, 0, KW_RNG_ARRIVALS, &err) == KW_OK);
    for (int t = 0; t < N; t++) {
        double hour = t % 24, day = t / 24 % 7,
               shape = (1.5 + sin((hour - 9) * 3.14159265358979323846 / 12)) * (day >= 5 ? 0.4 : 1);
        double normal =
            sqrt(-2 * log(kw_rng_uniform(&rng) + 1e-300)) * cos(2 * 3.14159265358979323846 * kw_rng_uniform(&rng));
        value[t] = 100 * shape * exp(sd * normal);
        requests[t] = 10000 * shape;
    }
    kw_rng_free(&rng);
}

static int alarms(const struct kw_judgement *x)
{
    int n = 0;
    for (int t = 0; t < N; t++) n += x[t].alarm;
    return n;
}

static void the_first_week_is_not_judged(void)
{
    make(0.1, 1);
    CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK);
    for (int t = 0; t < N; t++) CHECK(j[t].judged == (t >= KW_ANOMALY_WARM_HOURS));
    for (int t = 0; t < KW_ANOMALY_WARM_HOURS; t++) CHECK(!j[t].alarm && isnan(j[t].expected));
}

static void noise_raises_no_more_than_asked_for(void)
{
    int n = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        make(0.15, seed);
        CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK);
        n += alarms(j);
    }
    double a_month = n / (10.0 * (N - KW_ANOMALY_WARM_HOURS) / 720);
    if (a_month > 0.75) fprintf(stderr, "%d alarms\n", n);
    CHECK(a_month <= 0.75); /* 16 months: 0.25 asked for, 4 expected; 12 would be one in ten thousand */
}

static void twice_as_much_is_seen_in_its_first_whole_hour(void)
{
    make(0.1, 3);
    int seen = 0;
    for (int at = KW_ANOMALY_WARM_HOURS + 100; at + 1 < N; at += 37) {
        double had = value[at];
        value[at] *= 2;
        CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK);
        seen += j[at].alarm;
        if (j[at].alarm) CHECK(j[at].score > 1 && value[at] > j[at].limit && j[at].expected < value[at]);
        value[at] = had;
    }
    if (seen < 28) fprintf(stderr, "%d seen\n", seen);
    CHECK(seen >= 28); /* of 30 */
}

/* What the watch says that it would see of a doubling is what it sees when there is one, hour by hour; but that the fault's first
 * half hour is among what the limit is taken from. */
static void what_it_says_of_doublings_is_so(void)
{
    static const double noise[] = { 0.15, 0.18, 0.5 };
    for (uint64_t seed = 11; seed <= 13; seed++) {
        int same = 0, seen = 0, tries = 0;
        make(noise[seed - 11], seed);
        CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK);
        for (int at = N / 2; at + 1 < N; at += 11) {
            if (j[at - 1].alarm || j[at].alarm) continue;
            double before = value[at - 1], now = value[at];
            struct kw_signal part = signal;
            part.n = (size_t)at + 1;
            value[at - 1] *= 1.5, value[at] *= 2;
            CHECK(kw_anomalies(&part, 0.25, k, &err) == KW_OK);
            value[at - 1] = before, value[at] = now;
            bool sees = k[at - 1].alarm || k[at].alarm;
            tries++;
            seen += sees;
            same += sees == j[at].tells_twice;
        }
        if (same < 0.92 * tries) fprintf(stderr, "seed %d: %d of %d alike, %d seen\n", (int)seed, same, tries, seen);
        CHECK(tries > 55 && same >= 0.92 * tries);
        CHECK(seed == 11   ? seen > 0.8 * tries
              : seed == 13 ? seen < 0.4 * tries
                           : seen > 0.2 * tries && seen < 0.9 * tries);
    }
}

static void only_the_past_judges(void)
{
    make(0.2, 4);
    CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK);
    for (int t = N / 2; t < N; t++) value[t] *= 5;
    CHECK(kw_anomalies(&signal, 0.25, k, &err) == KW_OK);
    CHECK(!memcmp(j, k, N / 2 * sizeof *j) && k[N / 2].alarm);
    struct kw_signal part = signal;
    part.n = N / 2;
    CHECK(kw_anomalies(&part, 0.25, k, &err) == KW_OK && !memcmp(j, k, N / 2 * sizeof *j));
}

static void what_lasts_becomes_the_rule(void)
{
    make(0.1, 5);
    for (int t = N / 2; t < N; t++) value[t] *= 3;
    CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK && j[N / 2].alarm);
    int late = 0;
    for (int t = N / 2 + 48; t < N; t++) late += j[t].alarm;
    CHECK(late <= 1);
}

static void a_fault_does_not_blind(void)
{
    make(0.1, 8);
    CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK);
    for (int i = 0; i < 4; i++) value[N - 200 + i] *= 20;
    CHECK(kw_anomalies(&signal, 0.25, k, &err) == KW_OK && k[N - 200].alarm);
    CHECK(k[N - 20].limit < 2 * k[N - 20].expected && j[N - 20].limit < 1.8 * j[N - 20].expected);
}

static void weekends_and_nights_are_no_fault(void)
{
    make(0.02, 6);
    CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK &&
          alarms(j) == 0); /* Mondays double Sundays, mornings nights */
    CHECK_NEAR(j[N - 30].expected, value[N - 30], 0.1 * value[N - 30]);
}

static void hours_of_nothing_can_be_judged(void)
{
    make(0.1, 7);
    for (int t = 0; t < N; t++)
        if (t % 24 < 6) value[t] = requests[t] = 0;
    CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK && alarms(j) <= 1);
    memset(value, 0, sizeof value);
    CHECK(kw_anomalies(&signal, 0.25, j, &err) == KW_OK && alarms(j) == 0);
}

int main(void)
{
    RUN(the_first_week_is_not_judged);
    RUN(noise_raises_no_more_than_asked_for);
    RUN(twice_as_much_is_seen_in_its_first_whole_hour);
    RUN(what_it_says_of_doublings_is_so);
    RUN(only_the_past_judges);
    RUN(what_lasts_becomes_the_rule);
    RUN(a_fault_does_not_blind);
    RUN(weekends_and_nights_are_no_fault);
    RUN(hours_of_nothing_can_be_judged);
    return check_report();
}
