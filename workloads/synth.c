#include "workloads/synth.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "workloads/sessions.h"

static const int64_t NOMINAL_MONDAY = 1704067200; /* 2024-01-01 00:00:00 UTC: profiles count hours from a Monday */

struct clock { /* where the arrival process stands */
    const struct kw_workload *w;
    struct kw_rng *rng;
    double t, end;    /* s */
    long hour;        /* hours begun since the start */
    double hour_end;  /* s; infinite without a profile */
    double factor;    /* profile of this hour */
    int state;        /* MMPP */
    double state_end; /* s; infinite for the other laws */
};

static int pick(struct kw_rng *rng, const double *p, int n)
{
    double u = kw_rng_uniform(rng);
    for (int i = 0; i < n - 1; i++)
        if ((u -= p[i]) < 0) return i;
    return n - 1;
}

static void clock_begin(struct clock *c, const struct kw_workload *w, struct kw_rng *rng)
{
    *c = (struct clock){
        .w = w, .rng = rng, .end = (double)w->duration / 1e9, .hour_end = INFINITY, .factor = 1, .state_end = INFINITY
    };
    if (w->has_profile) {
        c->hour_end = 3600;
        c->factor = kw_workload_factor(w, 0);
    }
    if (w->law == KW_ARRIVALS_MMPP) {
        double pi[KW_WORKLOAD_STATES];
        kw_workload_stationary(w, pi);
        c->state = pick(rng, pi, w->n_states);
        c->state_end = kw_rng_exp(rng, w->dwell_s[c->state]); /* memoryless: the rest of a dwell is a dwell */
    }
}

/* The next gap in operational time, mean 1. */
static double gap(struct clock *c)
{
    if (c->w->law == KW_ARRIVALS_POISSON || c->w->cv == 1) return kw_rng_exp(c->rng, 1);
    double a = 1 / (c->w->cv * c->w->cv); /* shape: the CV of a gamma is 1/sqrt(a) */
    return gsl_ran_gamma(c->rng->g, a, 1 / a);
}

/* Moves the clock to the next arrival: it is where the integral of the rate has grown by one gap. False: past the end.
 */
/* Between two changes of the rate it is constant, so the integral is exact and an arrival costs O(1), whatever the
 * profile; thinning would draw in vain at every quiet hour. */
static bool advance(struct clock *c)
{
    const struct kw_workload *w = c->w;
    double need = gap(c);
    for (;;) {
        double stop = c->hour_end < c->state_end ? c->hour_end : c->state_end;
        double rate = (w->law == KW_ARRIVALS_MMPP ? w->state_rate[c->state] : w->rate) * c->factor;
        if (rate > 0 && need <= rate * (stop - c->t)) {
            c->t += need / rate;
            return c->t < c->end;
        }
        if (stop >= c->end) return false;
        need -= rate * (stop - c->t);
        if (need < 0) need = 0;
        c->t = stop;
        if (stop == c->state_end) {
            c->state = pick(c->rng, w->next[c->state], w->n_states);
            c->state_end = stop + kw_rng_exp(c->rng, w->dwell_s[c->state]);
        }
        if (stop == c->hour_end) {
            c->hour++;
            c->hour_end = 3600.0 * (double)(c->hour + 1);
            c->factor = kw_workload_factor(w, c->hour);
        }
    }
}

/* The table's quantile at u, linear between its points, as a whole number of tokens. */
/* O(log points) a draw, twice a request. */
static uint32_t quantile(const struct kw_workload *w, const double *q, double u)
{
    int lo = 0, hi = w->n_q - 1;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (w->q_p[mid] <= u)
            lo = mid;
        else
            hi = mid;
    }
    double x = q[lo] + (q[hi] - q[lo]) * (u - w->q_p[lo]) / (w->q_p[hi] - w->q_p[lo]);
    return x < 1 ? 1 : (uint32_t)(x + 0.5);
}

/* From a stream of their own: another law of lengths leaves every arrival where it was. */
static enum kw_status draw_arrivals(struct kw_trace *t, const struct kw_workload *w, struct kw_rng *rng,
                                    struct kw_error *err)
{
    struct clock c;
    double expected;
    kw_workload_rate(w, &expected);
    size_t cap = (size_t)(expected + 6 * sqrt(expected) + 64);
    if (!(t->arrival = malloc(cap * sizeof *t->arrival)))
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", cap);
    clock_begin(&c, w, rng);
    while (advance(&c)) {
        if (t->n == cap) {
            cap += cap / 2;
            kw_ns *p = cap > KW_TRACE_MAX_ROWS ? NULL : realloc(t->arrival, cap * sizeof *p);
            if (!p) return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", cap);
            t->arrival = p;
        }
        kw_ns at = (kw_ns)(c.t * 1e9 + 0.5);
        if (w->tick) at -= at % w->tick;
        t->arrival[t->n++] = at < w->duration ? at : w->duration - 1;
    }
    return KW_OK;
}

/* Each arrival becomes the first turn of a session, with the other turns behind it. */
static enum kw_status draw_turns(struct kw_trace *t, const struct kw_workload *w, struct kw_rng *rng,
                                 struct kw_error *err)
{
    size_t sessions = t->n, n = 0;
    kw_ns *begins = t->arrival;
    uint16_t *turns = malloc(sessions * sizeof *turns);
    if (!turns) return kw_fail(err, KW_ENOMEM, "out of memory for %zu sessions", sessions);
    for (size_t i = 0; i < sessions; i++) {
        double k = round(kw_law_draw(&w->turns, rng));
        turns[i] = (uint16_t)(k < 1 ? 1 : k > KW_WORKLOAD_TURNS ? KW_WORKLOAD_TURNS : k);
        n += turns[i];
    }
    if (n > KW_TRACE_MAX_ROWS) {
        free(turns);
        return kw_fail(err, KW_ERANGE, "%zu sessions of %zu turns in all are too many", sessions, n);
    }
    t->arrival = malloc(n * sizeof *t->arrival);
    t->before = malloc(n * sizeof *t->before);
    t->then = malloc(n * sizeof *t->then);
    t->think = malloc(n * sizeof *t->think);
    bool ok = t->arrival && t->before && t->then && t->think;
    t->n = 0;
    for (size_t i = 0; i < sessions && ok; i++)
        for (uint16_t k = 0; k < turns[i]; k++, t->n++) {
            t->arrival[t->n] = begins[i];
            t->before[t->n] = k ? (uint32_t)t->n - 1 : KW_TRACE_NO_TURN;
            t->think[t->n] = k ? kw_law_draw_ns(&w->think_s, rng) : 0;
        }
    free(begins);
    free(turns);
    return ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu turns", n);
}

/* Sessions end where the conversation would grow beyond w->most_tokens. */
static void end_long_sessions(struct kw_trace *t, const struct kw_workload *w)
{
    uint64_t so_far = 0; /* tokens of the conversation */
    size_t n = 0;
    bool over = false;
    for (size_t i = 0; i < t->n; i++) {
        bool first = t->before[i] == KW_TRACE_NO_TURN;
        uint64_t turn = (uint64_t)t->prompt[i] + t->output[i];
        so_far = first ? turn : so_far + turn;
        over = !first && (over || so_far > w->most_tokens);
        if (over) continue;
        t->arrival[n] = t->arrival[i];
        t->before[n] = first ? KW_TRACE_NO_TURN : (uint32_t)n - 1;
        t->think[n] = t->think[i];
        t->prompt[n] = t->prompt[i];
        t->output[n] = t->output[i];
        n++;
    }
    t->n = n;
}

/* Gaussian copula: rho_pearson = 2 sin(pi rho_spearman / 6) (Pearson 1907) gives the wanted Spearman correlation. */
static void draw_lengths(struct kw_trace *t, const struct kw_workload *w, struct kw_rng *rng)
{
    double r = 2 * sin(M_PI * w->rank_correlation / 6), rest = sqrt(1 - r * r > 0 ? 1 - r * r : 0);
    if (w->q_prompt[0] == w->q_prompt[w->n_q - 1] &&
        w->q_output[0] == w->q_output[w->n_q - 1]) { /* constant: no draws */
        uint32_t prompt = quantile(w, w->q_prompt, 0.5), output = quantile(w, w->q_output, 0.5);
        for (size_t i = 0; i < t->n; i++) t->prompt[i] = prompt, t->output[i] = output;
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        double a = kw_rng_normal(rng), b = r * a + rest * kw_rng_normal(rng);
        t->prompt[i] = quantile(w, w->q_prompt, gsl_cdf_ugaussian_P(a));
        t->output[i] = quantile(w, w->q_output, gsl_cdf_ugaussian_P(b));
    }
}

static enum kw_status draw_classes(struct kw_trace *t, const struct kw_workload *w, struct kw_rng *rng,
                                   struct kw_error *err)
{
    t->klass = malloc(t->n * sizeof *t->klass);
    t->class_name = calloc((size_t)w->n_classes, sizeof *t->class_name);
    if (!t->klass || !t->class_name) return kw_fail(err, KW_ENOMEM, "out of memory for classes");
    for (int i = 0; i < w->n_classes; i++) {
        size_t n = strlen(w->class_name[i]) + 1;
        if (!(t->class_name[i] = malloc(n))) return kw_fail(err, KW_ENOMEM, "out of memory for classes");
        memcpy(t->class_name[i], w->class_name[i], n);
        t->n_classes++;
    }
    for (size_t i = 0; i < t->n; i++)
        t->klass[i] = t->before && t->before[i] != KW_TRACE_NO_TURN ? t->klass[t->before[i]]
                                                                    : (uint16_t)pick(rng, w->class_share, w->n_classes);
    return KW_OK;
}

static enum kw_status draw(struct kw_trace *t, const struct kw_workload *w, uint64_t seed, struct kw_error *err)
{
    struct kw_rng rng;
    enum kw_status st = kw_rng_init(&rng, seed, 0, KW_RNG_ARRIVALS, err);
    if (st != KW_OK) return st;
    st = draw_arrivals(t, w, &rng, err);
    kw_rng_free(&rng);
    if (st != KW_OK) return st;
    if (t->n == 0) return kw_fail(err, KW_ERANGE, "%s: no request falls into the duration", w->name);
    if (w->has_sessions) {
        if ((st = kw_rng_init(&rng, seed, 0, KW_RNG_SESSIONS, err)) != KW_OK) return st;
        st = draw_turns(t, w, &rng, err);
        kw_rng_free(&rng);
        if (st != KW_OK) return st;
    }
    t->prompt = malloc(t->n * sizeof *t->prompt);
    t->output = malloc(t->n * sizeof *t->output);
    if (!t->prompt || !t->output) return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", t->n);
    if ((st = kw_rng_init(&rng, seed, 0, KW_RNG_LENGTHS, err)) != KW_OK) return st;
    draw_lengths(t, w, &rng);
    kw_rng_free(&rng);
    if (w->has_sessions && w->most_tokens) end_long_sessions(t, w);
    if (w->has_sessions && (st = kw_sessions_join(t, true, w->shared_tokens, err)) != KW_OK) return st;
    if (w->n_classes) {
        if ((st = kw_rng_init(&rng, seed, 0, KW_RNG_CLASS, err)) != KW_OK) return st;
        st = draw_classes(t, w, &rng, err);
        kw_rng_free(&rng);
    }
    return st;
}

enum kw_status kw_synth(struct kw_trace *t, const struct kw_workload *w, uint64_t seed, struct kw_error *err)
{
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
    enum kw_status st = draw(t, w, seed, err);
    if (st != KW_OK) {
        kw_trace_free(t);
        return st;
    }
    kw_ns first = t->arrival[0]; /* turns have their session's */
    t->span = w->duration;
    t->notes.rows = t->n;
    if (w->has_profile) t->epoch_unix = NOMINAL_MONDAY + w->start_hour * 3600 + first / KW_NS_PER_S;
    for (size_t i = 0; i < t->n; i++) {
        t->arrival[i] -= first;
        t->notes.equal_times += i && t->arrival[i] == t->arrival[i - 1];
    }
    strcpy(t->notes.format, "synth");
    memcpy(t->notes.source, w->name, strlen(w->name) + 1);
    void *p = realloc(t->arrival, t->n * sizeof *t->arrival);
    if (p) t->arrival = p;
    return KW_OK;
}
