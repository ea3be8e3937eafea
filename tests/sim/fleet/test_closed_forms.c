/* Queueing theory through kw_fleet_run itself (DESIGN 9.1): a request of p prompt tokens and one output token on a
 * replica that runs one sequence at a time, 50 us a token, is a customer with a service time of 50 us * p;
 * hard_concurrency 1 makes the platform's queue the central first come first served one. Each case is 24 independent
 * replications; the theory's value has to lie in their 95 % interval (Student t), whose half width has to be below 2 or
 * 3 % of it, so that the check can fail. Seeds were chosen once. Under the null hypothesis one case in twenty fails for
 * a seed. */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include "sim/core/rng.h"
#include "tests/sim/fleet/fleet_case.h"

#define TOKEN_S 50e-6
#define REPLICATIONS 24

enum service { EXPONENTIAL, CONSTANT, HYPER }; /* HYPER: exponentials of mean 0.4 and 2.8 with odds 3 : 1 */

struct figures { /* of one replication */
    double wait; /* mean of E2E less its own service: the customers' own times are a control variate, seconds */
    double lost; /* share rejected */
    double cold; /* share served by a server set up for it */
    double on;   /* mean number of replicas ready (busy or idle) */
};

struct queue {
    double lambda; /* customers a second */
    enum service service;
    double mean_s;
    uint32_t customers; /* a replication */
    void (*set)(struct kw_deployment *d, const void *arg);
    const void *arg;
};

static uint32_t tokens(enum service s, double mean_s, struct kw_rng *g)
{
    double x = mean_s;
    if (s == EXPONENTIAL) x = kw_rng_exp(g, mean_s);
    if (s == HYPER) x = kw_rng_exp(g, kw_rng_uniform(g) < 0.75 ? 0.4 * mean_s : 2.8 * mean_s);
    double t = x / TOKEN_S;
    return s == CONSTANT ? (uint32_t)llround(t) : 1 + (uint32_t)t; /* the half token more is 0.003 % of the mean */
}

static void simulate(const struct queue *q, struct figures out[REPLICATIONS])
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    kw_steptime_delete(c.time);
    c.time = case_time(TOKEN_S, 1 << 20);
    struct kw_deployment *d = &c.d[0];
    d->steptime = c.time;
    d->sched.max_num_batched_tokens = d->sched.max_model_len = 1 << 20;
    d->sched.num_blocks = 2048;
    c.opt.records = false;
    q->set(d, q->arg);
    for (uint64_t r = 0; r < REPLICATIONS; r++) {
        struct kw_rng arrivals, service;
        if (kw_rng_init(&arrivals, 2026, r, KW_RNG_ARRIVALS, NULL) ||
            kw_rng_init(&service, 2026, r, KW_RNG_SERVICE, NULL))
            exit(1);
        double t = 0, sum = 0;
        c.trace.n = 0;
        c.trace.span = 0;
        for (uint32_t i = 0; i < q->customers; i++) {
            uint32_t p = tokens(q->service, q->mean_s, &service);
            sum += p * TOKEN_S;
            case_request(&c, (kw_ns)llround(t * 1e9), p, 1);
            t += kw_rng_exp(&arrivals, 1 / q->lambda);
        }
        c.opt.replication = r;
        CHECK(case_run(&c) == KW_OK);
        const struct kw_ledger *l = &c.o.ledger[0];
        out[r].lost = (double)c.o.rejected / (double)c.o.arrived;
        out[r].wait = kw_hist_mean(&c.o.e2e) / 1e9 - sum / q->customers;
        out[r].cold = (double)c.o.cold / (double)c.o.arrived;
        out[r].on = (double)(l->phase[KW_PHASE_ACTIVE] + l->phase[KW_PHASE_IDLE] + l->phase[KW_PHASE_KEEP_WARM]) /
                    (double)c.o.end;
        kw_rng_free(&arrivals);
        kw_rng_free(&service);
    }
    case_end(&c);
}

/* theory in the interval of x[i].field, and the interval no wider than `widest` of it. */
static void check_mean(const char *what, const double *first, double theory, double widest)
{
    size_t stride = sizeof(struct figures) / sizeof(double);
    double mean = gsl_stats_mean(first, stride, REPLICATIONS), sd = gsl_stats_sd(first, stride, REPLICATIONS);
    double half = gsl_cdf_tdist_Pinv(0.975, REPLICATIONS - 1) * sd / sqrt(REPLICATIONS);
    printf("%-46s theory %.5f, simulated %.5f +- %.5f (%.2f %%)\n", what, theory, mean, half, 100 * half / theory);
    CHECK(fabs(mean - theory) <= half);
    CHECK(half < widest * theory);
}

static void servers(struct kw_deployment *d, const void *arg)
{
    d->scaling.keep_warm = d->scaling.max_replicas = *(const uint32_t *)arg;
}

/* An engine of one sequence a replica queues by itself: who is sent there waits there. */
static void split_at_random(struct kw_deployment *d, const void *arg)
{
    servers(d, arg);
    d->scaling.hard_concurrency = 0;
    d->balance = KW_BALANCE_RANDOM;
}

static double erlang_b(uint32_t c, double a)
{
    double b = 1;
    for (uint32_t i = 1; i <= c; i++) b = a * b / (i + a * b);
    return b;
}

static void mm1(void)
{
    struct figures f[REPLICATIONS];
    const uint32_t one = 1;
    simulate(&(struct queue){ 0.7, EXPONENTIAL, 1, 60000, servers, &one }, f);
    check_mean("M/M/1 rho 0.7: wait", &f[0].wait, 0.7 / 0.3, 0.02);
}

/* A Poisson process split at random is n independent ones, so each replica is a queue of its own: a plain Kubernetes
 * service. One central queue for the same four would wait 0.36, not 2.33. */
static void random_split_is_a_queue_each(void)
{
    struct figures f[REPLICATIONS];
    const uint32_t four = 4;
    simulate(&(struct queue){ 4 * 0.7, EXPONENTIAL, 1, 120000, split_at_random, &four }, f);
    check_mean("4 x M/M/1 rho 0.7, random: wait", &f[0].wait, 0.7 / 0.3, 0.02);
    simulate(&(struct queue){ 4 * 0.7, CONSTANT, 1, 80000, split_at_random, &four }, f);
    check_mean("4 x M/D/1 rho 0.7, random: wait", &f[0].wait, 0.7 / (2 * 0.3), 0.02);
}

static void mmc_erlang_c(void)
{
    struct figures f[REPLICATIONS];
    const uint32_t c = 5;
    double a = 4, b = erlang_b(c, a), wait = b / (1 - a / c * (1 - b)) / (c - a);
    simulate(&(struct queue){ a, EXPONENTIAL, 1, 80000, servers, &c }, f);
    check_mean("M/M/5 rho 0.8 (Erlang C): wait", &f[0].wait, wait, 0.03);
}

static void md1(void)
{
    struct figures f[REPLICATIONS];
    const uint32_t one = 1;
    simulate(&(struct queue){ 0.7, CONSTANT, 1, 40000, servers, &one }, f);
    check_mean("M/D/1 rho 0.7: wait", &f[0].wait, 0.7 / (2 * 0.3), 0.02);
}

static void mg1_pollaczek_khinchine(void)
{
    struct figures f[REPLICATIONS];
    const uint32_t one = 1;
    double m2 = 2 * (0.75 * 0.4 * 0.4 + 0.25 * 2.8 * 2.8); /* E[S^2]; E[S] = 1 */
    simulate(&(struct queue){ 0.5, HYPER, 1, 80000, servers, &one }, f);
    check_mean("M/H2/1 rho 0.5 (Pollaczek-Khinchine): wait", &f[0].wait, 0.5 * m2 / (2 * 0.5), 0.03);
}

static void no_queue(struct kw_deployment *d, const void *arg)
{
    servers(d, arg);
    d->scaling.no_queue = true;
}

static void erlang_loss(void)
{
    struct figures f[REPLICATIONS];
    const uint32_t c = 5;
    simulate(&(struct queue){ 4, EXPONENTIAL, 1, 40000, no_queue, &c }, f);
    check_mean("M/M/5/5 (Erlang B): lost", &f[0].lost, erlang_b(c, 4), 0.02);
    /* Insensitive to the law of service. */
    simulate(&(struct queue){ 4, HYPER, 1, 40000, no_queue, &c }, f);
    check_mean("M/H2/5/5 (Erlang B): lost", &f[0].lost, erlang_b(c, 4), 0.02);
}

static void queue_of_three(struct kw_deployment *d, const void *arg)
{
    servers(d, arg);
    d->scaling.queue_limit = 3;
}

static void mmck(void)
{
    struct figures f[REPLICATIONS];
    const uint32_t c = 2;
    double a = 1.6, p[6] = { 1 }, sum = 1;
    for (int j = 1; j <= 5; j++) sum += p[j] = p[j - 1] * a / (j < 2 ? j : 2);
    simulate(&(struct queue){ a, EXPONENTIAL, 1, 40000, queue_of_three, &c }, f);
    check_mean("M/M/2/5 (queue_limit 3): lost", &f[0].lost, p[5] / sum, 0.02);
}

struct setup {
    uint32_t servers;
    struct kw_law law;
    kw_ns off; /* delayed-off */
};

static void set_setup(struct kw_deployment *d, const void *arg)
{
    const struct setup *s = arg;
    d->kind = KW_KIND_SERVERLESS;
    d->scaling.scaler = KW_SCALER_SETUP;
    d->scaling.keep_warm = 0;
    d->scaling.max_replicas = s->servers;
    d->scaling.idle_timeout = s->off;
    d->cold.init = s->law;
}

/* M/G/1 whose first customer of a busy period meets a setup D (Welch, Operations Research 12(5), 1964):
 *     E[W] = lambda E[S^2] / (2 (1 - rho)) + (2 E[D] + lambda E[D^2]) / (2 (1 + lambda E[D]))
 * With a delayed-off of t the setup is there with probability exp(-lambda t), else 0. */
static double welch(double lambda, double rho, double s2, double q, double d1, double d2)
{
    return lambda * s2 / (2 * (1 - rho)) + q * (2 * d1 + lambda * d2) / (2 * (1 + lambda * q * d1));
}

static void mg1_with_setup(void)
{
    struct figures f[REPLICATIONS];
    struct setup s = { 1, { .kind = KW_LAW_EXPONENTIAL, .n = 1, .v = { 4 } }, 0 };
    simulate(&(struct queue){ 0.5, EXPONENTIAL, 1, 60000, set_setup, &s }, f);
    check_mean("M/M/1 with exponential setup (Welch): wait", &f[0].wait, welch(0.5, 0.5, 2, 1, 4, 32), 0.02);
    s.law = case_seconds(10);
    simulate(&(struct queue){ 0.5, CONSTANT, 1, 60000, set_setup, &s }, f);
    check_mean("M/D/1 with constant setup (Welch): wait", &f[0].wait, welch(0.5, 0.5, 1, 1, 10, 100), 0.02);
    s.off = 2 * S;
    simulate(&(struct queue){ 0.5, EXPONENTIAL, 1, 60000, set_setup, &s }, f);
    check_mean("M/M/1, setup and delayed-off (Welch): wait", &f[0].wait, welch(0.5, 0.5, 2, exp(-1), 10, 100), 0.02);
}

/* M/M/c/Setup/DelayedOff as a Markov chain, c = 2, the delayed-off time Erlang of k phases (k large: constant). States:
 * on servers 0..2, jobs 0..J, and the phases of the idle ones; with two idle the older one (a >= b) takes the arrival.
 * min(jobs - on, 2 - on) servers are in setup, each exponential (Gandhi, Doroudi, Harchol-Balter, Scheller-Wolf,
 * SIGMETRICS 2013). Stationary distribution by Gauss-Seidel. */
enum { JOBS = 120, MAX_K = 24 };
struct chain {
    int k, n;
    double lambda, mu, alpha, nu; /* nu: rate of a phase */
};

static int state(const struct chain *c, int on, int jobs, int a, int b)
{
    int k = c->k, base = JOBS + 1; /* on = 0: jobs */
    if (on == 0) return jobs;
    if (on == 1) return jobs == 0 ? base + a : base + k + jobs - 1; /* idle phase a, or jobs 1.. */
    base += k + JOBS;
    if (jobs >= 2) return base + jobs - 2;
    base += JOBS - 1;
    if (jobs == 1) return base + a;
    return base + k + a * (a + 1) / 2 + b; /* a >= b */
}

struct edge {
    int from, to;
    double rate;
};

static int by_target(const void *x, const void *y)
{
    const struct edge *a = x, *b = y;
    return a->to != b->to ? (a->to > b->to) - (a->to < b->to) : (a->from > b->from) - (a->from < b->from);
}

static void chain_solve(const struct chain *c, double *wait, double *on_mean)
{
    int k = c->k, n = state(c, 2, 0, k - 1, k - 1) + 1, edges = 0;
    struct edge *e = malloc((size_t)n * 8 * sizeof *e);
    double *p = calloc((size_t)n, sizeof *p), *out = calloc((size_t)n, sizeof *out);
    int *jobs_of = malloc((size_t)n * sizeof *jobs_of), *on_of = malloc((size_t)n * sizeof *on_of);
    if (!e || !p || !out || !jobs_of || !on_of) exit(1);
#define GO(to_, rate_)                                                                                                 \
    do {                                                                                                               \
        e[edges++] = (struct edge){ s, (to_), (rate_) };                                                               \
        out[s] += (rate_);                                                                                             \
    } while (0)
#define STATE(on_, jobs_, a_, b_)                                                                                      \
    int s = state(c, on_, jobs_, a_, b_);                                                                              \
    jobs_of[s] = jobs_;                                                                                                \
    on_of[s] = on_
    for (int j = 0; j <= JOBS; j++) {
        {
            STATE(0, j, 0, 0);
            if (j < JOBS) GO(state(c, 0, j + 1, 0, 0), c->lambda);
            if (j) GO(state(c, 1, j, 0, 0), (j < 2 ? j : 2) * c->alpha);
        }
        if (j >= 1) {
            STATE(1, j, 0, 0);
            if (j < JOBS) GO(state(c, 1, j + 1, 0, 0), c->lambda);
            GO(state(c, 1, j - 1, 0, 0), c->mu);
            if (j > 1) GO(state(c, 2, j, 0, 0), c->alpha);
        }
        if (j >= 2) {
            STATE(2, j, 0, 0);
            if (j < JOBS) GO(state(c, 2, j + 1, 0, 0), c->lambda);
            GO(state(c, 2, j - 1, 0, 0), 2 * c->mu);
        }
    }
    for (int a = 0; a < k; a++) {
        {
            STATE(1, 0, a, 0);
            GO(state(c, 1, 1, 0, 0), c->lambda);
            GO(a + 1 < k ? state(c, 1, 0, a + 1, 0) : state(c, 0, 0, 0, 0), c->nu);
        }
        {
            STATE(2, 1, a, 0);
            GO(state(c, 2, 2, 0, 0), c->lambda);
            GO(state(c, 2, 0, a, 0), c->mu); /* the one that just finished is the younger: phase 0 */
            GO(a + 1 < k ? state(c, 2, 1, a + 1, 0) : state(c, 1, 1, 0, 0), c->nu);
        }
        for (int b = 0; b <= a; b++) {
            STATE(2, 0, a, b);
            GO(state(c, 2, 1, b, 0), c->lambda); /* the older takes it */
            GO(a + 1 < k ? state(c, 2, 0, a + 1, b) : state(c, 1, 0, b, 0), c->nu);
            int younger = b + 1, older = a;
            if (younger > older) {
                older = b + 1;
                younger = a;
            }
            GO(b + 1 < k ? state(c, 2, 0, older, younger) : state(c, 1, 0, a, 0), c->nu);
        }
    }
    /* Gauss-Seidel: p[s] = flow into s / rate out of s, edges by target. */
    qsort(e, (size_t)edges, sizeof *e, by_target);
    for (int i = 0; i < n; i++) p[i] = 1.0 / n;
    double change = 1;
    for (int sweep = 0; sweep < 20000 && change > 1e-12; sweep++) {
        double sum = 0;
        change = 0;
        for (int i = 0; i < edges;) {
            int to = e[i].to;
            double in = 0;
            for (; i < edges && e[i].to == to; i++) in += p[e[i].from] * e[i].rate;
            change += fabs(in / out[to] - p[to]);
            p[to] = in / out[to];
            sum += p[to];
        }
        for (int i = 0; i < n; i++) p[i] /= sum;
    }
    CHECK(change <= 1e-12);
    double jobs = 0;
    *on_mean = 0;
    for (int i = 0; i < n; i++) jobs += p[i] * jobs_of[i], *on_mean += p[i] * on_of[i];
    *wait = jobs / c->lambda - 1 / c->mu; /* Little */
    free(e);
    free(p);
    free(out);
    free(jobs_of);
    free(on_of);
}

static void mmc_with_setup_and_delayed_off(void)
{
    struct figures f[REPLICATIONS];
    struct setup s = { 2, { .kind = KW_LAW_EXPONENTIAL, .n = 1, .v = { 5 } }, 0 };
    double wait, on, w[2], o[2];
    /* No delay: a phase so fast that it is none. */
    chain_solve(&(struct chain){ .k = 1, .lambda = 1.2, .mu = 1, .alpha = 0.2, .nu = 50 }, &wait, &on);
    chain_solve(&(struct chain){ .k = 1, .lambda = 1.2, .mu = 1, .alpha = 0.2, .nu = 100 }, &w[0], &o[0]);
    simulate(&(struct queue){ 1.2, EXPONENTIAL, 1, 80000, set_setup, &s }, f);
    check_mean("M/M/2/Setup: wait", &f[0].wait, 2 * w[0] - wait, 0.02);
    check_mean("M/M/2/Setup: servers on", &f[0].on, 2 * o[0] - on, 0.02);
    /* Constant delayed-off of 3 s: the error of k phases falls as 1/k, so two k extrapolate. */
    s.off = 3 * S;
    chain_solve(&(struct chain){ .k = 12, .lambda = 1.2, .mu = 1, .alpha = 0.2, .nu = 12 / 3.0 }, &w[0], &o[0]);
    chain_solve(&(struct chain){ .k = 24, .lambda = 1.2, .mu = 1, .alpha = 0.2, .nu = 24 / 3.0 }, &w[1], &o[1]);
    simulate(&(struct queue){ 1.2, EXPONENTIAL, 1, 80000, set_setup, &s }, f);
    check_mean("M/M/2/Setup/DelayedOff: wait", &f[0].wait, 2 * w[1] - w[0], 0.03);
    check_mean("M/M/2/Setup/DelayedOff: servers on", &f[0].on, 2 * o[1] - o[0], 0.02);
}

int main(void)
{
    RUN(mm1);
    RUN(random_split_is_a_queue_each);
    RUN(mmc_erlang_c);
    RUN(md1);
    RUN(mg1_pollaczek_khinchine);
    RUN(erlang_loss);
    RUN(mmck);
    RUN(mg1_with_setup);
    RUN(mmc_with_setup_and_delayed_off);
    return check_report();
}
