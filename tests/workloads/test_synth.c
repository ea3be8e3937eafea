/* tests/workloads/test_synth.c - workload models: what is drawn has the law, profile, lengths and correlation that the
 * model says, within stated standard errors; a fit finds back what made its trace; the shipped models load and say
 * where they come from; bad models are refused with their place. */
#include "workloads/fit.c" /* the units themselves: shrinkage and one round of EM are checked against their definitions */
#include "workloads/fit.h"
#include "workloads/hmm.c"
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <stdlib.h>
#include <unistd.h>
#include "sim/core/files/embedded.h"
#include "sim/core/rng.h"
#include "tests/check.h"
#include "tests/failmalloc.h"
#include "workloads/model.h"
#include "sim/core/files/source.h"
#include "workloads/stats.h"
#include "workloads/synth.h"
#include "workloads/trace_load.h"

static struct kw_error err;

#define TOKENS "\"tokens\": {\"p\": [0, 0.5, 0.9, 1], \"prompt\": [1, 100, 1000, 8000], \"output\": [5, 50, 200, 400]"
#define MODEL(duration, arrivals, more)                                                                                \
    "{\"keepwarm_workload\": 1, \"name\": \"m\", \"duration_s\": \"" duration                                          \
    "\", \"seed\": 7,\n\"arrivals\": " arrivals ",\n" more TOKENS "}}"

static struct kw_workload parsed(const char *text)
{
    struct kw_workload w;
    err.msg[0] = 0;
    CHECK(kw_workload_parse(&w, "m.json", text, strlen(text), &err) == KW_OK);
    CHECK_STR(err.msg, "");
    return w;
}

static struct kw_trace drawn(const struct kw_workload *w, uint64_t seed)
{
    struct kw_trace t;
    CHECK(kw_synth(&t, w, seed, &err) == KW_OK);
    int bad = t.arrival[0] != 0 || t.span != w->duration || t.arrival[t.n - 1] > t.span;
    for (size_t i = 1; i < t.n; i++) bad += t.arrival[i] < t.arrival[i - 1];
    for (size_t i = 0; i < t.n; i++) bad += t.prompt[i] < 1 || t.output[i] < 1;
    CHECK(bad == 0);
    return t;
}

static struct kw_trace_stats stats(const struct kw_trace *t)
{
    struct kw_trace_stats s;
    CHECK(kw_trace_stats(&s, t, &err) == KW_OK);
    return s;
}

static void poisson_and_gamma_gaps(void)
{
    struct kw_workload w = parsed(MODEL("40000", "{\"law\": \"poisson\", \"rate_per_s\": 2.5}", ""));
    double want;
    CHECK_NEAR(kw_workload_rate(&w, &want), 2.5, 1e-12);
    CHECK_NEAR(want, 100000, 1e-6);
    struct kw_trace t = drawn(&w, 1);
    struct kw_trace_stats s = stats(&t);
    CHECK_NEAR((double)t.n, 1e5, 4 * sqrt(1e5)); /* 4 standard errors here and below */
    CHECK_NEAR(s.cv, 1, 4 * sqrt(2 / 1e5));      /* the variance of an exponential's sample CV is about 2/n */
    CHECK(t.epoch_unix == INT64_MIN && t.klass == NULL);
    kw_trace_stats_free(&s);
    kw_trace_free(&t);
    static const double cv[] = { 0.3, 2, 4 };
    for (int i = 0; i < 3; i++) {
        w.law = KW_ARRIVALS_GAMMA;
        w.cv = cv[i];
        t = drawn(&w, 2);
        s = stats(&t);
        CHECK_NEAR((double)t.n, 1e5, 4 * cv[i] * sqrt(1e5));
        CHECK_NEAR(s.cv / cv[i], 1, 0.04);
        kw_trace_stats_free(&s);
        kw_trace_free(&t);
    }
}

/* Index of dispersion of counts in windows of s seconds. */
static double idc(const struct kw_trace *t, double s)
{
    size_t n = (size_t)((double)t->span / 1e9 / s), k = 0;
    double sum = 0, square = 0;
    for (size_t b = 0; b < n; b++) {
        double c = 0;
        for (; k < t->n && (double)t->arrival[k] / 1e9 < s * (double)(b + 1); k++) c++;
        sum += c, square += c * c;
    }
    double mean = sum / (double)n;
    return (square / (double)n - mean * mean) / mean;
}

static void mmpp_rate_and_dispersion(void)
{
    struct kw_workload w = parsed(MODEL("400000",
                                        "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 2, \"dwell_s\": 20}, "
                                        "{\"rate_per_s\": 0.2, \"dwell_s\": 60}]}",
                                        ""));
    /* Stationary 1/4, 3/4: 0.65/s. Two states switching at a = 1/20, b = 1/60 (Fischer and Meier-Hellstern 1993, eq.
     * 20): IDC(s) = 1 + 2 A/(rate (a+b)) (1 - (1 - exp(-(a+b) s))/((a+b) s)), A = pi1 pi2 (l1 - l2)^2. */
    double c = 1 / 20.0 + 1 / 60.0, A = 3 / 16.0 * 1.8 * 1.8, s = 100, pi[KW_WORKLOAD_STATES];
    double want = 1 + 2 * A / (0.65 * c) * (1 - (1 - exp(-c * s)) / (c * s));
    kw_workload_stationary(&w, pi);
    CHECK_NEAR(pi[0], 0.25, 1e-9);
    CHECK_NEAR(kw_workload_rate(&w, NULL), 0.65, 1e-9);
    struct kw_trace t = drawn(&w, 3);
    CHECK_NEAR((double)t.n / 260000, 1, 4 * sqrt((1 + 2 * A / (0.65 * c)) / 260000));
    CHECK_NEAR(idc(&t, s) / want, 1, 0.08); /* 4,000 windows: standard error of a variance about sqrt(2/4000) = 2.2 % */
    kw_trace_free(&t);
    /* dwells shorter than the gaps: what a gap has used up in one state must count in the next */
    w = parsed(MODEL("400000",
                     "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 0.4, \"dwell_s\": 1}, "
                     "{\"rate_per_s\": 0.1, \"dwell_s\": 1}]}",
                     ""));
    t = drawn(&w, 4);
    CHECK_NEAR((double)t.n, 1e5, 4 * sqrt(1.1e5)); /* IDC in the limit: 1 + 2 * 0.25 * 0.09 / (0.25 * 2) */
    kw_trace_free(&t);
    /* three states by a chain that only goes round: stationary in proportion to the dwells */
    w = parsed(MODEL("1000",
                     "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 1, \"dwell_s\": 1, \"next\": [0, 1, 0]}, "
                     "{\"rate_per_s\": 2, \"dwell_s\": 2, \"next\": [0, 0, 1]}, "
                     "{\"rate_per_s\": 3, \"dwell_s\": 3, \"next\": [1, 0, 0]}]}",
                     ""));
    CHECK_NEAR(kw_workload_rate(&w, NULL), 14 / 6.0, 1e-9);
}

static void profile_growth_and_tick(void)
{
    char text[6000];
    size_t k = (size_t)snprintf(text, sizeof text,
                                "{\"keepwarm_workload\": 1, \"duration_s\": \"1209600\", \"arrivals\": "
                                "{\"law\": \"poisson\", \"rate_per_s\": 0.5, \"tick_s\": \"0.5\"}, \"profile\": "
                                "{\"start_hour\": 30, \"growth_per_week\": 1, \"hour_of_week\": [");
    for (int h = 0; h < 168; h++)
        k += (size_t)snprintf(text + k, sizeof text - k, "%s%g", h ? ", " : "", h == 40 ? 84.0 : h == 30 ? 84.0 : 0.0);
    snprintf(text + k, sizeof text - k, "]}, " TOKENS "}}");
    struct kw_workload w = parsed(text);
    struct kw_trace t = drawn(&w, 5);
    double hour[24 * 14] = { 0 }, total;
    CHECK_NEAR(kw_workload_rate(&w, &total) * 1209600, total, 1e-6);
    kw_ns first = 0; /* the first request falls into hour 30 of the week: the workload's first hour */
    CHECK(t.epoch_unix >= 1704067200 + 30 * 3600 && t.epoch_unix < 1704067200 + 31 * 3600);
    first = (t.epoch_unix - 1704067200 - 30 * 3600) * KW_NS_PER_S;
    int off_grid = 0;
    for (size_t i = 0; i < t.n; i++) {
        hour[(t.arrival[i] + first) / KW_NS_PER_HOUR]++;
        off_grid += t.arrival[i] % (KW_NS_PER_S / 2) != 0;
    }
    CHECK(off_grid == 0 && t.notes.equal_times > t.n / 2);
    CHECK_NEAR(hour[0] + hour[10] + hour[168] + hour[178], (double)t.n, 0);
    for (int i = 0; i < 4; i++) { /* hour h has the factor 84 * 2^((h + 1/2)/168): the second week twice the first */
        int h = (i / 2) * 168 + (i % 2) * 10;
        double want = 0.5 * 84 * 3600 * pow(2, (h + 0.5) / 168);
        CHECK_NEAR(kw_workload_factor(&w, h), 84 * pow(2, (h + 0.5) / 168), 1e-9);
        CHECK_NEAR(hour[h], want, 4 * sqrt(want) + 1);
    }
    kw_trace_free(&t);
}

static void lengths_follow_table_and_copula(void)
{
    struct kw_workload w =
        parsed(MODEL("100000", "{\"law\": \"poisson\", \"rate_per_s\": 1}",
                     "\"classes\": [{\"name\": \"a\", \"share\": 0.25}, {\"name\": \"b\", \"share\": 0.75}],\n"));
    static const double rho[] = { 0, 0.6, -0.9 };
    for (int i = 0; i < 3; i++) {
        w.rank_correlation = rho[i];
        struct kw_trace t = drawn(&w, 11);
        struct kw_trace_stats s = stats(&t);
        CHECK_NEAR(s.rank_correlation, rho[i], 4 / sqrt(1e5));
        /* a sample quantile is off by 4 sqrt(p(1-p)/n) in p, times the table's slope on that side */
        double se = 4 * sqrt(0.25 / 1e5), se9 = 4 * sqrt(0.09 / 1e5);
        CHECK(s.prompt.p50 > 100 - 99 / 0.5 * se && s.prompt.p50 < 100 + 900 / 0.4 * se);
        CHECK(s.prompt.p90 > 1000 - 900 / 0.4 * se9 && s.prompt.p90 < 1000 + 7000 / 0.1 * se9);
        CHECK(s.output.p90 > 200 - 150 / 0.4 * se9 && s.output.p90 < 200 + 200 / 0.1 * se9);
        CHECK(s.prompt.min == 1 && s.prompt.max <= 8000 && s.output.min == 5 && s.output.max <= 400);
        /* mean of a piecewise linear quantile function: the trapezoids' area */
        CHECK_NEAR(s.prompt.mean, 0.5 * 50.5 + 0.4 * 550 + 0.1 * 4500, 15);
        CHECK_NEAR(s.output.mean, 0.5 * 27.5 + 0.4 * 125 + 0.1 * 300, 1.2);
        CHECK(t.n_classes == 2 && !strcmp(t.class_name[0], "a"));
        CHECK_NEAR((double)s.class_count[0] / (double)t.n, 0.25, 4 * sqrt(0.25 * 0.75 / 1e5));
        kw_trace_stats_free(&s);
        kw_trace_free(&t);
    }
}

static void same_seed_same_bytes(void)
{
    struct kw_workload w = parsed(MODEL("20000",
                                        "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 2, \"dwell_s\": 20}, "
                                        "{\"rate_per_s\": 0.2, \"dwell_s\": 60}]}",
                                        ""));
    struct kw_trace a = drawn(&w, 1), b = drawn(&w, 1), c = drawn(&w, 2);
    CHECK(a.n == b.n && !memcmp(a.arrival, b.arrival, a.n * sizeof *a.arrival) &&
          !memcmp(a.prompt, b.prompt, a.n * 4) && !memcmp(a.output, b.output, a.n * 4));
    CHECK(a.n != c.n || memcmp(a.arrival, c.arrival, a.n * sizeof *a.arrival));
    /* another law leaves the lengths alone: their stream is their own */
    w.law = KW_ARRIVALS_POISSON;
    w.rate = 0.3;
    struct kw_trace d = drawn(&w, 1);
    size_t both = d.n < a.n ? d.n : a.n;
    CHECK(both > 1000 && !memcmp(a.prompt, d.prompt, both * 4) && !memcmp(a.output, d.output, both * 4));
    kw_trace_free(&a), kw_trace_free(&b), kw_trace_free(&c), kw_trace_free(&d);
}

static void refused(const char *text, enum kw_status want, const char *message)
{
    struct kw_workload w;
    CHECK(kw_workload_parse(&w, "m.json", text, strlen(text), &err) == want);
    CHECK_STR(err.msg, message);
}

static void bad_models_are_refused_with_their_place(void)
{
    refused("{\"keepwarm_workload\": 2}", KW_ERANGE, "m.json:1: keepwarm_workload: want an integer from 1 to 1; got 2");
    refused(MODEL("0.5", "{\"law\": \"poisson\", \"rate_per_s\": 1}", ""), KW_ERANGE,
            "m.json:1: duration_s: want a decimal from 1 to 3155760000; got \"0.5\"");
    refused(MODEL("10", "{\"law\": \"poison\", \"rate_per_s\": 1}", ""), KW_ERANGE,
            "m.json:2: arrivals.law: want one of poisson, gamma, mmpp; got \"poison\"; did you mean 'poisson'?");
    refused(MODEL("10", "{\"law\": \"poisson\", \"rate_per_s\": -1}", ""), KW_ERANGE,
            "m.json:2: arrivals.rate_per_s: want a number from 1e-09 to 10000000; got -1");
    refused(MODEL("10", "{\"law\": \"poisson\", \"rate\": 1}", ""), KW_EPARSE,
            "m.json:2: arrivals.rate: unknown key; known here: law, rate_per_s, tick_s");
    refused(MODEL("10", "{\"law\": \"gamma\", \"rate_per_s\": 1, \"cv\": 0}", ""), KW_ERANGE,
            "m.json:2: arrivals.cv: want a number from 0.01 to 100; got 0");
    refused(MODEL("10", "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 1, \"dwell_s\": 1}]}", ""), KW_EPARSE,
            "m.json:2: arrivals.states: mmpp wants a list of 2 to 6 states");
    refused(MODEL("10",
                  "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 0, \"dwell_s\": 1}, {\"rate_per_s\": 0, "
                  "\"dwell_s\": 1}]}",
                  ""),
            KW_ERANGE, "m.json:2: arrivals.states: every state has rate 0");
    refused(MODEL("10",
                  "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 1, \"dwell_s\": 1, \"next\": [0, 0.5]}, "
                  "{\"rate_per_s\": 0, \"dwell_s\": 1}]}",
                  ""),
            KW_ERANGE, "m.json:2: arrivals.states[0].next: probabilities do not sum to 1");
    refused(MODEL("3155760000", "{\"law\": \"poisson\", \"rate_per_s\": 1000}", ""), KW_ERANGE,
            "m.json:2: arrivals: about 3.16e+12 requests are more than 4294967295");
    refused(MODEL("10", "{\"law\": \"poisson\", \"rate_per_s\": 1}", "\"profile\": {\"hour_of_week\": [1, 2]}, "),
            KW_EPARSE, "m.json:3: profile.hour_of_week: want 168 numbers: Monday 00:00 to Sunday 23:00");
    refused(
        MODEL("10", "{\"law\": \"poisson\", \"rate_per_s\": 1}", "\"classes\": [{\"name\": \"a\", \"share\": 0.5}], "),
        KW_ERANGE, "m.json:3: classes: shares do not sum to 1");
    refused(MODEL("3155760000",
                  "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 1e-3, \"dwell_s\": 1e-3}, {\"rate_per_s\": 0, "
                  "\"dwell_s\": 1e-3}]}",
                  ""),
            KW_ERANGE,
            "m.json:2: arrivals.states: the state would change about 3.16e+12 times in duration_s (limit 1e+09): "
            "dwells are "
            "too short");
#define BAD(tokens)                                                                                                    \
    "{\"keepwarm_workload\": 1, \"duration_s\": \"9\", \"arrivals\": {\"law\": \"poisson\", \"rate_per_s\": 1},"       \
    " \"tokens\": " tokens "}"
    refused(BAD("{\"p\": [0, 1], \"prompt\": [1], \"output\": [1, 2]}"), KW_EPARSE,
            "m.json:1: tokens.prompt: want 2 numbers, as many as in \"p\"");
    refused(BAD("{\"p\": [0, 0.5], \"prompt\": [1, 2], \"output\": [1, 2]}"), KW_ERANGE,
            "m.json:1: tokens.p: want 0 first and 1 last");
    refused(BAD("{\"p\": [0, 1], \"prompt\": [3, 2], \"output\": [1, 2]}"), KW_ERANGE,
            "m.json:1: tokens.prompt[1]: quantiles must not fall");
    refused(BAD("{\"p\": [0, 0, 1], \"prompt\": [1, 2, 3], \"output\": [1, 2, 3]}"), KW_ERANGE,
            "m.json:1: tokens.p: probabilities must rise");
    refused(BAD("{\"p\": [0, 1], \"prompt\": [0, 2], \"output\": [1, 2]}"), KW_ERANGE,
            "m.json:1: tokens.prompt[0]: want a number from 1 to 10000000; got 0");
    refused(BAD("7"), KW_EPARSE, "m.json:1: tokens: want an object \"tokens\"");
    struct kw_workload w = parsed(MODEL("1", "{\"law\": \"poisson\", \"rate_per_s\": 1e-9}", ""));
    struct kw_trace t;
    CHECK(kw_synth(&t, &w, 1, &err) == KW_ERANGE && t.n == 0);
    CHECK_STR(err.msg, "m: no request falls into the duration");
}

static void text_and_back(void)
{
    struct kw_workload w =
        parsed(MODEL("100.25",
                     "{\"law\": \"mmpp\", \"cv\": 1.5, \"tick_s\": \"3\", \"states\": "
                     "[{\"rate_per_s\": 2, \"dwell_s\": 20}, {\"rate_per_s\": 0.2, \"dwell_s\": 60}]}",
                     "\"classes\": [{\"name\": \"a\\\"b\", \"share\": 1}],\n\"provenance\": {\"source\": \"s\", "
                     "\"parameters\": {\"x\": \"y\"}, \"fit_error\": {\"cv\": -0.25}},\n"));
    CHECK_STR(w.class_name[0], "a\"b");
    CHECK(w.origin.n_parameters == 1 && w.origin.fit.cv == -0.25 && isnan(w.origin.fit.rate));
    char *a = kw_workload_text(&w);
    struct kw_workload v = parsed(a);
    char *b = kw_workload_text(&v);
    CHECK_STR(a, b);
    CHECK(w.duration == v.duration && w.tick == v.tick && w.cv == v.cv && v.n_states == 2 && v.n_q == 4);
    char path[200];
    snprintf(path, sizeof path, "%s/kw_test_synth_%ld.json", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
             (long)getpid());
    CHECK(kw_workload_save(&w, path, &err) == KW_OK && kw_workload_load(&v, path, &err) == KW_OK);
    struct kw_trace t, u = drawn(&w, w.seed); /* loading the model as a trace draws it with its own seed */
    CHECK(kw_trace_load(&t, path, NULL, NULL, &err) == KW_OK && t.n == u.n &&
          !memcmp(t.arrival, u.arrival, t.n * sizeof *t.arrival));
    CHECK_STR(t.notes.format, "workload");
    kw_trace_free(&t), kw_trace_free(&u);
    unlink(path);
    CHECK(kw_workload_save(&w, "/nonexistent/x.json", &err) == KW_EIO);
    CHECK_STR(err.msg, "/nonexistent/x.json: No such file or directory");
    free(a), free(b);
}

static void shrinkage_by_hand(void)
{
    static const double observed[3] = { 10, 30, 0 }, expected[3] = { 20, 20, 0 }; /* the third: never seen */
    static const double want[3][2] = { { 0.6, 1.4 }, { 0.7, 1.3 }, { 1, 1 } }, phi[3] = { 1, 2, 5 };
    for (int i = 0; i < 3; i++) {
        /* phi 1: variance (200 - 40) / 800 = 0.2 of the true factors against 1/20 of the counts: 0.8 of the way */
        double factor[3];
        shrink(observed, expected, 3, phi[i], factor);
        CHECK_NEAR(factor[0], want[i][0], 1e-12);
        CHECK_NEAR(factor[1], want[i][1], 1e-12);
        CHECK_NEAR(factor[2], 1, 0);
    }
}

/* One round of EM against the sum over all 3^5 state sequences. */
static void em_is_the_sum_over_all_paths(void)
{
    enum { N = 5, K = 3, PATHS = 243 };
    static const uint32_t count[N] = { 0, 4, 1, 9, 0 };
    static const double exposure[N] = { 1, 2, 1, 1.5, 3 };
    const struct kw_hmm from = { .k = K,
                                 .rate = { 0.2, 1, 5 },
                                 .move = { { 0.7, 0.2, 0.1 }, { 0.3, 0.4, 0.3 }, { 0.05, 0.15, 0.8 } } };
    double events[K] = { 0 }, time[K] = { 0 }, move[K][K] = { { 0 } }, total = 0, forward[N][S];
    for (int p = 0; p < PATHS; p++) {
        int state[N];
        double like = 1.0 / K;
        for (int i = 0, x = p; i < N; i++, x /= 3) state[i] = x % 3;
        for (int i = 0; i < N; i++) {
            like *= pow(from.rate[state[i]], count[i]) * exp(-from.rate[state[i]] * exposure[i]);
            if (i) like *= from.move[state[i - 1]][state[i]];
        }
        total += like;
        for (int i = 0; i < N; i++) {
            events[state[i]] += like * count[i];
            time[state[i]] += like * exposure[i];
            if (i) move[state[i - 1]][state[i]] += like;
        }
    }
    struct kw_hmm h = from;
    round_of_em(&h, count, exposure, N, forward);
    CHECK_NEAR(h.log_likelihood, log(total), 1e-12 * fabs(log(total)) + 1e-12);
    for (int i = 0; i < K; i++) {
        double out = move[i][0] + move[i][1] + move[i][2];
        CHECK_NEAR(h.rate[i], events[i] / time[i], 1e-12);
        for (int j = 0; j < K; j++) CHECK_NEAR(h.move[i][j], move[i][j] / out, 1e-12);
    }
}

static void hmm_climbs_and_finds_its_parameters(void)
{
    enum { N = 6000 };
    static uint32_t count[N];
    static double exposure[N];
    struct kw_rng rng;
    CHECK(kw_rng_init(&rng, 9, 0, KW_RNG_SERVICE, &err) == KW_OK);
    int state = 0;
    for (int i = 0; i < N; i++) { /* 0.5 and 6 a unit, staying with 0.95 and 0.8; exposure alternates */
        if (kw_rng_uniform(&rng) > (state ? 0.8 : 0.95)) state = !state;
        exposure[i] = i % 2 ? 1 : 2;
        count[i] = gsl_ran_poisson(rng.g, (state ? 6 : 0.5) * exposure[i]);
    }
    kw_rng_free(&rng);
    double last = -INFINITY;
    struct kw_hmm h;
    for (int r = 1; r < 12; r++) { /* EM never goes down */
        h = (struct kw_hmm){ .k = 2 };
        CHECK(kw_hmm_fit(&h, count, exposure, N, r, &err) == KW_OK);
        CHECK(h.log_likelihood >= last - 1e-6);
        last = h.log_likelihood;
    }
    h = (struct kw_hmm){ .k = 2 };
    CHECK(kw_hmm_fit(&h, count, exposure, N, 200, &err) == KW_OK);
    CHECK_NEAR(h.rate[0], 0.5, 0.05);
    CHECK_NEAR(h.rate[1], 6, 0.2);
    CHECK_NEAR(h.move[0][0], 0.95, 0.015);
    CHECK_NEAR(h.move[1][1], 0.8, 0.04);
}

static struct kw_workload fitted(const struct kw_trace *t, int start_hour)
{
    struct kw_workload w;
    struct kw_fit_options o = { .name = "back", .start_hour = start_hour, .seed = 1 };
    CHECK(kw_workload_fit(&w, t, &o, &err) == KW_OK);
    double requests;
    kw_workload_rate(&w, &requests);
    CHECK_NEAR(requests / (double)t->n, 1, 1e-6);
    CHECK(w.origin.fit.ks_prompt < 0.01 && w.origin.fit.ks_output < 0.01);
    return w;
}

static void a_fit_finds_back_what_made_its_trace(void)
{
    struct kw_workload w = parsed(MODEL("7200", "{\"law\": \"poisson\", \"rate_per_s\": 2}", "")), f;
    w.rank_correlation = 0.5;
    struct kw_trace t = drawn(&w, 21);
    f = fitted(&t, -1);
    CHECK(f.law == KW_ARRIVALS_POISSON && !f.has_profile && f.tick == 0);
    CHECK_NEAR(f.rank_correlation, 0.5, 0.03);
    CHECK_NEAR(f.origin.fit.cv, 0, 0.05);
    kw_trace_free(&t);

    w.tick = 3 * KW_NS_PER_S;
    t = drawn(&w, 22);
    f = fitted(&t, -1);
    CHECK(f.law == KW_ARRIVALS_POISSON && f.tick == 3 * KW_NS_PER_S);
    kw_trace_free(&t);
    w.tick = 0;

    w.law = KW_ARRIVALS_GAMMA;
    w.cv = 3;
    t = drawn(&w, 23);
    f = fitted(&t, -1);
    CHECK_NEAR(f.origin.fit.cv, 0, 0.15);
    CHECK_NEAR(f.origin.fit.peak_minute, 0, 0.2);
    if (f.law == KW_ARRIVALS_GAMMA) CHECK_NEAR(f.cv, 3, 0.3);
    kw_trace_free(&t);

    w = parsed(MODEL("86400",
                     "{\"law\": \"mmpp\", \"states\": [{\"rate_per_s\": 2, \"dwell_s\": 60}, "
                     "{\"rate_per_s\": 0.01, \"dwell_s\": 600}]}",
                     ""));
    t = drawn(&w, 24);
    f = fitted(&t, -1);
    CHECK(f.law == KW_ARRIVALS_MMPP);
    CHECK_NEAR(f.origin.fit.cv, 0, 0.15);
    CHECK_NEAR(f.origin.fit.peak_minute, 0, 0.2); /* 130 bursts in the one day */
    kw_trace_free(&t);

    /* a profile over two weeks, from Wednesday noon */
    w = parsed(MODEL("1209600", "{\"law\": \"poisson\", \"rate_per_s\": 0.05}", ""));
    w.has_profile = true;
    w.start_hour = 60;
    double sum = 0;
    for (int h = 0; h < 168; h++)
        sum += w.profile[h] = (1 - 0.9 * cos(2 * M_PI * (h % 24 - 3) / 24)) * (h / 24 >= 5 ? 0.4 : 1.0);
    for (int h = 0; h < 168; h++) w.profile[h] *= 168 / sum;
    t = drawn(&w, 25);
    f = fitted(&t, 60);
    CHECK(f.has_profile && f.start_hour == 60);
    double off = 0, mean = 0;
    for (int h = 0; h < 168; h++) off += pow(f.profile[h] - w.profile[h], 2) / 168, mean += f.profile[h] / 168;
    CHECK_NEAR(mean, 1, 1e-9);
    CHECK(sqrt(off) < 0.08); /* a cell alone has two hours of 180 requests: 5 % on its own, 1 profile unit = 180 */
    kw_trace_free(&t);

    /* the same shape in one sparse week, 18 requests a cell: shrunk cells must beat raw ones clearly */
    w.duration = 604800 * KW_NS_PER_S;
    w.rate = 0.005;
    w.start_hour = 0;
    t = drawn(&w, 27);
    f = fitted(&t, 0);
    double raw[168] = { 0 }, off_raw = 0;
    kw_ns first = (t.epoch_unix - 1704067200) * KW_NS_PER_S;
    for (size_t i = 0; i < t.n; i++) raw[(t.arrival[i] + first) / KW_NS_PER_HOUR % 168] += 168.0 / (double)t.n;
    off = 0;
    for (int h = 0; h < 168; h++) {
        off += pow(f.profile[h] - w.profile[h], 2) / 168;
        off_raw += pow(raw[h] - w.profile[h], 2) / 168;
    }
    CHECK(off < 0.4 * off_raw);
    kw_trace_free(&t);

    /* no profile in the traffic: shrinkage keeps the noise out */
    w = parsed(MODEL("604800", "{\"law\": \"poisson\", \"rate_per_s\": 0.005}", ""));
    t = drawn(&w, 26);
    f = fitted(&t, 0);
    double worst = 0;
    for (int h = 0; h < 168; h++) worst = fmax(worst, fabs(f.profile[h] - 1));
    CHECK(worst < 0.2); /* raw cells of 18 requests each would be off by 0.6 at worst */
    kw_trace_free(&t);

    struct kw_fit_options o = { .start_hour = -1 };
    t = drawn(&w, 26);
    t.n = 19;
    CHECK(kw_workload_fit(&f, &t, &o, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "are too few to fit a workload (want 20 over a second)") != NULL);
    t.n = 20;
    CHECK(kw_workload_fit(&f, &t, &o, &err) == KW_OK);
    kw_trace_free(&t);
}

static void shipped_models_load_and_say_whence(void)
{
    int models = 0;
    size_t len;
    const char *path, *text;
    for (size_t i = 0; (path = kw_embedded_at(i, &text, &len)); i++) {
        struct kw_workload w;
        struct kw_trace t;
        double want;
        if (strncmp(path, "workloads/", 10)) continue;
        models++;
        CHECK(kw_workload_parse(&w, path, text, len, &err) == KW_OK);
        CHECK(*w.origin.source && *w.origin.licence && *w.origin.span && *w.origin.command && *w.name);
        CHECK(w.origin.n_parameters > 0 || (isfinite(w.origin.fit.cv) && isfinite(w.origin.fit.ks_prompt)));
        kw_workload_rate(&w, &want);
        CHECK(kw_trace_load(&t, path, NULL, NULL, &err) == KW_OK);
        if (strstr(path, "servegen") == NULL) CHECK_NEAR((double)t.n / want, 1, 0.3); /* bursts: few long dwells */
        if (strstr(path, "chat-week")) {
            struct kw_trace_stats s = stats(&t);
            CHECK_NEAR(want, 400000, 10);
            CHECK_NEAR((double)t.n, 400000, 12000);
            CHECK(t.span == 7 * 24 * KW_NS_PER_HOUR && t.epoch_unix != INT64_MIN);
            CHECK(s.peak_hour > 2 && s.peak_hour < 5 && s.peak_minute > 4 && s.empty_minutes > 5);
            CHECK_NEAR(s.prompt.mean, 1154.7, 15);
            CHECK_NEAR(s.output.mean, 211.1, 3);
            kw_trace_stats_free(&s);
        }
        kw_trace_free(&t);
    }
    CHECK(models >= 7);
    char cwd[500];
    struct kw_trace t; /* the example works from any directory */
    CHECK(getcwd(cwd, sizeof cwd) && chdir("/") == 0);
    CHECK(kw_trace_load(&t, "workloads/azure-conv.json", NULL, NULL, &err) == KW_OK && t.n > 15000);
    kw_trace_free(&t);
    struct kw_workload w;
    CHECK(kw_workload_load(&w, "workloads/azure-conv.json", &err) == KW_OK);
    CHECK(kw_workload_load(&w, "workloads/none.json", &err) == KW_EINPUT);
    CHECK_STR(err.msg, "workloads/none.json: No such file or directory");
    CHECK(chdir(cwd) == 0);
}

/* The shipped fits of the short traces are what the fit gives today. */
static void shipped_fits_repeat(void)
{
    static const char *const pair[][2] = { { "azure_llm_2023_code.csv", "workloads/azure-code.json" },
                                           { "mooncake_conversation.jsonl", "workloads/mooncake-conversation.json" } };
    const char *data = getenv("KEEPWARM_DATA") ? getenv("KEEPWARM_DATA") : "../shared/data";
    for (int i = 0; i < 2; i++) {
        char path[300];
        struct kw_trace t;
        struct kw_workload w, shipped;
        size_t len;
        snprintf(path, sizeof path, "%s/traces/%s", data, pair[i][0]);
        if (access(path, R_OK)) {
            SKIP("no public traces (KEEPWARM_DATA)");
            return;
        }
        const char *text = kw_embedded_find(pair[i][1], &len);
        CHECK(text && kw_workload_parse(&shipped, pair[i][1], text, len, &err) == KW_OK);
        CHECK(kw_trace_load(&t, path, NULL, NULL, &err) == KW_OK);
        struct kw_workload_origin *o = &shipped.origin;
        struct kw_fit_options opt = { shipped.name, o->source, o->licence, o->date, o->command, -1, 1 };
        CHECK(kw_workload_fit(&w, &t, &opt, &err) == KW_OK);
        char *again = kw_workload_text(&w);
        CHECK_STR(again, text);
        free(again);
        kw_trace_free(&t);
    }
}

static void no_memory_leaves_nothing(void)
{
    const char *text =
        MODEL("2000", "{\"law\": \"poisson\", \"rate_per_s\": 0.05}",
              "\"classes\": [{\"name\": \"a\", \"share\": 0.25}, {\"name\": \"b\", \"share\": 0.75}],\n");
    struct kw_workload w = parsed(text);
    for (long k = 1;; k++) {
        struct kw_trace t;
        failmalloc_at(k);
        struct kw_workload v;
        enum kw_status a = kw_workload_parse(&v, "m.json", text, strlen(text), &err), b = kw_synth(&t, &w, 3, &err);
        char *s = kw_workload_text(&w);
        bool more = failmalloc_off();
        CHECK((a == KW_ENOMEM) + (b == KW_ENOMEM) + (s == NULL) <= 1); /* a failed shrink is no failure */
        CHECK(a == KW_OK || a == KW_ENOMEM);
        CHECK(b == KW_OK || (b == KW_ENOMEM && t.n == 0 && t.arrival == NULL));
        kw_trace_free(&t);
        free(s);
        if (!more) break;
    }
    struct kw_trace t = drawn(&w, 3);
    struct kw_fit_options o = { .start_hour = -1, .seed = 1 };
    long ok = 0;
    for (long k = 1;; k += k < 40 ? 1 : 499) { /* thousands of allocations: the first each, then some */
        struct kw_workload v;
        failmalloc_at(k);
        enum kw_status st = kw_workload_fit(&v, &t, &o, &err);
        if (!failmalloc_off()) break;
        CHECK(st == KW_ENOMEM || st == KW_OK);
        ok += st == KW_OK;
    }
    CHECK(ok < 2000);
    kw_trace_free(&t);
}

int main(void)
{
    RUN(poisson_and_gamma_gaps);
    RUN(mmpp_rate_and_dispersion);
    RUN(profile_growth_and_tick);
    RUN(lengths_follow_table_and_copula);
    RUN(same_seed_same_bytes);
    RUN(bad_models_are_refused_with_their_place);
    RUN(text_and_back);
    RUN(shrinkage_by_hand);
    RUN(em_is_the_sum_over_all_paths);
    RUN(hmm_climbs_and_finds_its_parameters);
    RUN(a_fit_finds_back_what_made_its_trace);
    RUN(shipped_models_load_and_say_whence);
    RUN(shipped_fits_repeat);
    RUN(no_memory_leaves_nothing);
    return check_report();
}
