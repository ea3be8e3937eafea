#include "calibrate/validate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/fleet/replica.h"

const char *const kw_validate_metric_name[] = { "TTFT", "TPOT", "ITL", "E2E", NULL };
const char *const kw_validate_statistic_name[] = { "p50", "p95", "p99", "mean", NULL };

enum { SLICES = 20, MOST_RUNS = 32 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- traffic ---- */

void kw_validate_traffic_free(struct kw_validate_traffic *t)
{
    free(t->arrival);
    free(t->prompt);
    free(t->output);
    *t = (struct kw_validate_traffic){ 0 };
}

static uint32_t draw_length(struct kw_rng *r, double median, uint32_t most)
{
    double v = round(median * exp(0.6 * kw_rng_normal(r)));
    return v < 1 ? 1 : v > most ? most : (uint32_t)v;
}

enum kw_status kw_validate_synthetic(struct kw_validate_traffic *t, size_t n, double prompt, double output, double burst,
                                     uint32_t max_model_len, uint64_t seed, struct kw_error *err)
{
    struct kw_rng arrivals = { NULL }, lengths = { NULL };
    *t = (struct kw_validate_traffic){ .n = n, .arrival = malloc((n + 1) * sizeof *t->arrival),
                                       .prompt = malloc((n + 1) * sizeof *t->prompt), .output = malloc((n + 1) * sizeof *t->output) };
    enum kw_status st = t->arrival && t->prompt && t->output ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", n);
    if (st == KW_OK) st = kw_rng_init(&arrivals, seed, 0, KW_RNG_ARRIVALS, err);
    if (st == KW_OK) st = kw_rng_init(&lengths, seed, 0, KW_RNG_LENGTHS, err);
    double at = 0;
    for (size_t i = 0; st == KW_OK && i < n; i++) { /* a burst goes on with probability 1 - 1 / burst */
        double u = kw_rng_uniform(&arrivals), gap = kw_rng_exp(&arrivals, burst);
        if (i && u <= 1 / burst) at += gap;
        t->arrival[i] = (int64_t)(at * 1e9);
        t->prompt[i] = draw_length(&lengths, prompt, max_model_len * 3 / 4);
        t->output[i] = draw_length(&lengths, output, max_model_len / 4);
    }
    kw_rng_free(&arrivals);
    kw_rng_free(&lengths);
    if (st != KW_OK) kw_validate_traffic_free(t);
    return st;
}

/* ---- the simulator's side ---- */

struct replay { /* what either side did; owned */
    struct kw_served *request; /* [n] */
    struct kw_hist itl;        /* ps of the simulator, ns of the engine */
    double slice[SLICES];      /* decoding sequences, time-weighted, and the time */
    int64_t end;
    double batch;              /* over all time */
    uint32_t preempted;
};

static void replay_free(struct replay *r)
{
    free(r->request);
    kw_hist_free(&r->itl);
    *r = (struct replay){ 0 };
}

struct stretch { /* a batch that ran from begin to end */
    int64_t begin, end;
    uint32_t n;
};

/* Decoding sequences over SLICES equal slices of [0, end), and their mean over all of it. */
static void over_time(struct replay *r, const struct stretch *s, size_t n, int64_t end)
{
    double width = (double)end / SLICES, all = 0;
    r->end = end;
    for (int k = 0; k < SLICES; k++) r->slice[k] = 0;
    for (size_t i = 0; i < n; i++)
        for (int k = (int)((double)s[i].begin / width); k < SLICES && k * width < (double)s[i].end; k++) {
            double from = fmax(k * width, (double)s[i].begin), to = fmin((k + 1) * width, (double)s[i].end);
            if (to <= from) continue;
            r->slice[k] += s[i].n * (to - from) / width;
            all += s[i].n * (to - from);
        }
    r->batch = end > 0 ? all / (double)end : 0;
}

static enum kw_status steptime_of(struct kw_steptime **t, const struct kw_profile *p, const struct kw_sched_config *l,
                                  struct kw_error *err)
{
    return kw_steptime_compile(t, &p->tables, l->max_num_seqs,
                               l->max_num_batched_tokens > l->max_num_seqs ? l->max_num_batched_tokens : l->max_num_seqs, err);
}

static void take(struct replay *r, const struct kw_replica_out *out, int64_t now)
{
    for (uint32_t i = 0; i < out->n_first; i++) r->request[out->first[i].id].first = now;
    for (uint32_t i = 0; i < out->n_finished; i++) r->request[out->finished[i].id].last = now;
}

static enum kw_status add_until(struct kw_replica *rep, const struct kw_validate_traffic *t, struct replay *r, size_t *next,
                                double speed, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    while (st == KW_OK && *next < t->n) {
        int64_t at = speed > 0 ? (int64_t)((double)t->arrival[*next] / speed) : 0;
        uint32_t slot;
        if (at > rep->next) break;
        struct kw_sched_request q = { .id = *next, .prompt = t->prompt[*next], .output = t->output[*next] };
        r->request[*next] = (struct kw_served){ .arrival = at, .added = at, .prompt = q.prompt, .output = q.output,
                                                .generated = q.output, .status = KW_SERVED_DONE };
        st = kw_replica_add(rep, &q, at, &slot, err);
        ++*next;
    }
    return st;
}

/* speed 0: everything arrives at once. */
static enum kw_status simulate(struct replay *r, const struct kw_profile *p, const struct kw_sched_config *limits,
                               const struct kw_validate_traffic *t, double speed, struct kw_error *err)
{
    struct kw_sched_config c = *limits;
    struct kw_steptime *steps = NULL;
    struct kw_replica rep = { 0 };
    struct stretch *s = NULL;
    size_t n = 0, cap = 0, next = 0;
    c.block_tables = false; /* the replica has no memory to point to */
    *r = (struct replay){ .request = calloc(t->n + 1, sizeof *r->request) };
    enum kw_status st = r->request ? kw_hist_init(&r->itl, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = steptime_of(&steps, p, &c, err);
    if (st == KW_OK) st = kw_replica_init(&rep, &c, steps, KW_STEPPING_EACH, &r->itl, err);
    if (st == KW_OK) st = add_until(&rep, t, r, &next, speed, err);
    int64_t now = 0, began = 0;
    while (st == KW_OK && rep.next != INT64_MAX) {
        struct kw_replica_out out;
        now = rep.next;
        if (n == cap) {
            cap = cap ? 2 * cap : 4096;
            struct stretch *more = realloc(s, cap * sizeof *more);
            if (!more) {
                st = kw_fail(err, KW_ENOMEM, "out of memory for %zu steps", cap);
                break;
            }
            s = more;
        }
        if (rep.in_step) s[n++] = (struct stretch){ began, now, rep.n_decode };
        kw_replica_advance(&rep, now, &out);
        began = now;
        take(r, &out, now);
        st = add_until(&rep, t, r, &next, speed, err);
    }
    if (st == KW_OK) {
        over_time(r, s, n, now);
        r->preempted = (uint32_t)rep.count.preemptions;
    }
    kw_replica_free(&rep);
    kw_steptime_delete(steps);
    free(s);
    if (st != KW_OK) replay_free(r);
    return st;
}

/* The same by hand over the scheduler, with step times multiplied by factor[kind] and host_s a step. */
static enum kw_status simulate_as_run(struct replay *r, const struct kw_steptime *steps, double fixed_s, const double factor[3],
                                      double host_s, const struct kw_sched_config *limits, const struct kw_validate_traffic *t,
                                      double speed, struct kw_error *err)
{
    struct kw_sched_config c = *limits;
    struct kw_sched *sched = NULL;
    size_t next = 0;
    double now = 0; /* s: a diagnosis need not be exact */
    c.block_tables = false;
    *r = (struct replay){ .request = calloc(t->n + 1, sizeof *r->request) };
    enum kw_status st = r->request ? kw_hist_init(&r->itl, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_sched_new(&sched, &c, err);
    while (st == KW_OK) {
        uint32_t slot;
        for (; st == KW_OK && next < t->n && (double)t->arrival[next] / speed <= now * 1e9 + 0.5; next++) {
            struct kw_sched_request q = { .id = next, .prompt = t->prompt[next], .output = t->output[next] };
            r->request[next] = (struct kw_served){ .arrival = (int64_t)((double)t->arrival[next] / speed), .prompt = q.prompt,
                                                   .output = q.output, .generated = q.output, .status = KW_SERVED_DONE };
            st = kw_sched_add(sched, &q, &slot, err);
        }
        struct kw_step step;
        if (st != KW_OK || (next == t->n && !kw_sched_waiting(sched) && !kw_sched_running(sched))) break;
        if (!kw_sched_step(sched, &step)) {
            if (next == t->n) break;
            now = (double)t->arrival[next] / speed * 1e-9;
            continue;
        }
        int kind = !step.n_chunks ? 0 : !step.n_decode ? 1 : 2;
        now += ((double)kw_steptime_ps(steps, &step) * 1e-12 - fixed_s) * factor[kind] + host_s;
        struct kw_sched_done done;
        kw_sched_commit(sched, &done);
        for (uint32_t i = 0; i < done.n_first; i++) r->request[kw_sched_id(sched, done.first[i])].first = (int64_t)(now * 1e9);
        for (uint32_t i = 0; i < done.n_finished; i++) r->request[kw_sched_id(sched, done.finished[i])].last = (int64_t)(now * 1e9);
    }
    if (sched) kw_sched_delete(sched);
    if (st != KW_OK) replay_free(r);
    return st;
}

enum kw_status kw_validate_capacity(double *rate, const struct kw_profile *p, const struct kw_sched_config *limits,
                                    const struct kw_validate_traffic *t, struct kw_error *err)
{
    struct replay r;
    enum kw_status st = simulate(&r, p, limits, t, 0, err);
    if (st != KW_OK) return st;
    *rate = r.end > 0 ? (double)t->n / ((double)r.end * 1e-9) : 0;
    replay_free(&r);
    return KW_OK;
}

/* ---- the engine's side ---- */

/* Each batch of the engine's through the profile. */
static void judge_steps(struct kw_validated *v, const struct kw_served_trace *out, const struct kw_steptime *steps, double fixed_s)
{
    for (size_t i = 0; i < out->n_steps; i++) {
        const struct kw_served_step *s = &out->step[i];
        struct kw_step like = { .n_decode = s->n_decode, .decode_context = s->decode_context, .n_chunks = s->n_chunks,
                                .prefill_tokens = s->prefill_tokens, .prefill_pairs2 = s->prefill_pairs2 };
        struct kw_validated_steps *kind = &v->steps[!s->n_chunks ? 0 : !s->n_decode ? 1 : 2];
        kind->n++;
        kind->engine_s += (double)s->device_ns * 1e-9;
        kind->profile_s += (double)kw_steptime_ps(steps, &like) * 1e-12 - fixed_s;
        v->host_s += (double)(s->wall_ns - s->device_ns) * 1e-9; /* a sum; kw_validate divides it */
    }
}

static enum kw_status serve(struct replay *r, double *late, struct kw_validated *v, struct kw_engine *e, const struct kw_steptime *steps,
                            double fixed_s, const struct kw_validate_traffic *t, double speed, const volatile sig_atomic_t *stop,
                            struct kw_error *err)
{
    struct kw_served_trace out;
    struct kw_serve_trace in = { .n = t->n, .arrival = t->arrival, .prompt = t->prompt, .output = t->output, .speed = speed,
                                 .seed = 1, .stop = stop };
    enum kw_status st = kw_serve_trace_run(&out, e, &in, err);
    if (st != KW_OK) return st;
    struct stretch *s = malloc((out.n_steps + 1) * sizeof *s);
    *r = (struct replay){ .request = out.request, .itl = out.itl };
    out.request = NULL;
    out.itl = (struct kw_hist){ 0 };
    *late = 0;
    if (!s) st = kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK && out.cut) st = kw_fail(err, KW_EFAIL, "stopped");
    if (st == KW_OK && out.refused) st = kw_fail(err, KW_ERANGE, "%u of %zu requests can never run: %s", out.refused, t->n, out.refusal.msg);
    for (size_t i = 0; st == KW_OK && i < out.n_steps; i++) {
        s[i] = (struct stretch){ out.step[i].begin, out.step[i].begin + out.step[i].wall_ns, out.step[i].n_decode };
        r->preempted += out.step[i].n_preempted;
    }
    if (st == KW_OK) over_time(r, s, out.n_steps, out.wall_ns);
    if (st == KW_OK) judge_steps(v, &out, steps, fixed_s);
    size_t n = 0, k = 0; /* what came while no step ran */
    double *wait = malloc((t->n + 1) * sizeof *wait);
    for (size_t i = 0; st == KW_OK && wait && i < t->n; i++) {
        while (k < out.n_steps && s[k].end < r->request[i].arrival) k++;
        if (k == out.n_steps || s[k].begin > r->request[i].arrival)
            wait[n++] = (double)(r->request[i].added - r->request[i].arrival) * 1e-9;
    }
    if (n) {
        qsort(wait, n, sizeof *wait, ascending);
        *late = wait[n / 2];
    }
    free(wait);
    free(s);
    kw_served_trace_free(&out);
    if (st != KW_OK) replay_free(r);
    return st;
}

/* ---- the comparison ---- */

static void statistics(double *v, size_t n, double out[KW_VALIDATE_STATISTICS])
{
    static const double q[] = { 0.5, 0.95, 0.99 };
    double sum = 0;
    qsort(v, n, sizeof *v, ascending);
    for (size_t i = 0; i < n; i++) sum += v[i];
    for (int k = 0; k < 3; k++) {
        size_t rank = (size_t)ceil(q[k] * (double)n - 1e-9);
        out[k] = n ? v[rank ? rank - 1 : 0] : NAN;
    }
    out[3] = n ? sum / (double)n : NAN;
}

static enum kw_status figures(const struct replay *r, size_t n, double hist_unit_s, double out[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS],
                              struct kw_error *err)
{
    static const double q[] = { 0.5, 0.95, 0.99 };
    double *v = malloc((n + 1) * sizeof *v);
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (int m = 0; m < KW_VALIDATE_METRICS; m++) {
        size_t k = 0;
        if (m == KW_VALIDATE_ITL) {
            for (int i = 0; i < 3; i++) out[m][i] = kw_hist_quantile(&r->itl, q[i]) * hist_unit_s;
            out[m][3] = kw_hist_mean(&r->itl) * hist_unit_s;
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            const struct kw_served *s = &r->request[i];
            if (m == KW_VALIDATE_TPOT && s->generated < 2) continue;
            v[k++] = m == KW_VALIDATE_TTFT ? (double)kw_served_ttft(s) * 1e-9
                   : m == KW_VALIDATE_TPOT ? kw_served_tpot(s) * 1e-9 : (double)kw_served_e2e(s) * 1e-9;
        }
        statistics(v, k, out[m]);
    }
    free(v);
    return KW_OK;
}

/* Median over requests of |a / b - 1|; ttft or e2e. */
static double apart(const struct replay *a, const struct replay *b, size_t n, bool ttft)
{
    double *v = malloc((n + 1) * sizeof *v), s[KW_VALIDATE_STATISTICS];
    if (!v) return NAN;
    for (size_t i = 0; i < n; i++) {
        int64_t x = ttft ? kw_served_ttft(&a->request[i]) : kw_served_e2e(&a->request[i]);
        int64_t y = ttft ? kw_served_ttft(&b->request[i]) : kw_served_e2e(&b->request[i]);
        v[i] = fabs((double)x / (double)(y > 0 ? y : 1) - 1);
    }
    statistics(v, n, s);
    free(v);
    return s[0];
}

static double median_of(const double *v, size_t n)
{
    double copy[MOST_RUNS], s[KW_VALIDATE_STATISTICS];
    memcpy(copy, v, n * sizeof *v);
    qsort(copy, n, sizeof *copy, ascending);
    s[0] = n % 2 ? copy[n / 2] : (copy[n / 2 - 1] + copy[n / 2]) / 2;
    return s[0];
}

static enum kw_status compare(struct kw_validated *v, const struct replay *engine, uint32_t runs, const double *late,
                              const struct replay *sim, const struct replay *as_run, size_t n, struct kw_error *err)
{
    double real[MOST_RUNS][KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS], guess[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS];
    double again[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS];
    double x[MOST_RUNS], y[MOST_RUNS];
    enum kw_status st = figures(sim, n, 1e-12, guess, err);
    if (st == KW_OK) st = figures(as_run, n, 1, again, err); /* its histogram is empty: NAN */
    for (uint32_t r = 0; st == KW_OK && r < runs; r++) st = figures(&engine[r], n, 1e-9, real[r], err);
    if (st != KW_OK) return st;
    for (int m = 0; m < KW_VALIDATE_METRICS; m++)
        for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) {
            struct kw_validated_figure *f = &v->figure[m][k];
            for (uint32_t r = 0; r < runs; r++) x[r] = real[r][m][k];
            *f = (struct kw_validated_figure){ .engine_s = median_of(x, runs), .low_s = x[0], .high_s = x[0], .sim_s = guess[m][k],
                                                .as_run_s = again[m][k] };
            for (uint32_t r = 1; r < runs; r++) {
                f->low_s = fmin(f->low_s, x[r]);
                f->high_s = fmax(f->high_s, x[r]);
            }
        }
    for (int k = 0; k < 2; k++) {
        for (uint32_t r = 0; r < runs; r++) {
            x[r] = apart(sim, &engine[r], n, !k);
            y[r] = runs > 1 ? apart(&engine[(r + 1) % runs], &engine[r], n, !k) : NAN;
        }
        v->request[k] = median_of(x, runs);
        v->request_engine[k] = runs > 1 ? median_of(y, runs) : NAN;
    }
    for (uint32_t r = 0; r < runs; r++) x[r] = engine[r].batch;
    v->batch_engine = median_of(x, runs);
    v->batch_sim = sim->batch;
    for (uint32_t r = 0; r < runs; r++) {
        double square = 0;
        for (int k = 0; k < SLICES; k++) square += (engine[r].slice[k] - sim->slice[k]) * (engine[r].slice[k] - sim->slice[k]);
        y[r] = engine[r].batch > 0 ? sqrt(square / SLICES) / engine[r].batch : 0;
    }
    v->batch_apart = median_of(y, runs);
    v->late_s = median_of(late, runs);
    v->preempted_engine = engine[0].preempted;
    v->preempted_sim = sim->preempted;
    return KW_OK;
}

enum kw_status kw_validate(struct kw_validated *v, struct kw_engine *e, const struct kw_profile *p,
                           const struct kw_validate_traffic *traffic, double load, uint32_t runs,
                           const volatile sig_atomic_t *stop, struct kw_error *err)
{
    struct replay sim = { 0 }, as_run = { 0 }, engine[MOST_RUNS] = { { 0 } };
    double capacity = 0, late[MOST_RUNS], span = traffic->n ? (double)traffic->arrival[traffic->n - 1] * 1e-9 : 0;
    if (!traffic->n || !(span > 0)) return kw_fail(err, KW_ERANGE, "the traffic has %zu requests over %g s; want at least two, apart", traffic->n, span);
    if (!(load > 0 && load < 100)) return kw_fail(err, KW_ERANGE, "load: want above 0 and below 100; got %g", load);
    if (!runs || runs > MOST_RUNS) return kw_fail(err, KW_ERANGE, "runs: want 1 to %d; got %u", MOST_RUNS, runs);
    enum kw_status st = kw_validate_capacity(&capacity, p, &e->limits, traffic, err);
    if (st != KW_OK) return st;
    double rate = load * capacity, speed = rate * span / (double)traffic->n;
    *v = (struct kw_validated){ .load = load, .rate = rate, .speed = speed, .runs = runs };
    st = simulate(&sim, p, &e->limits, traffic, speed, err);
    struct kw_steptime *steps = NULL;
    if (st == KW_OK) st = steptime_of(&steps, p, &e->limits, err);
    for (uint32_t r = 0; st == KW_OK && r < runs; r++)
        st = serve(&engine[r], &late[r], v, e, steps, p->tables.fixed_s, traffic, speed, stop, err);
    uint64_t all = v->steps[0].n + v->steps[1].n + v->steps[2].n;
    if (all) v->host_s /= (double)all;
    v->host_profile_s = p->tables.fixed_s;
    double factor[3];
    for (int k = 0; k < 3; k++) factor[k] = v->steps[k].profile_s > 0 ? v->steps[k].engine_s / v->steps[k].profile_s : 1;
    if (st == KW_OK)
        st = simulate_as_run(&as_run, steps, p->tables.fixed_s, factor, v->host_s, &e->limits, traffic, speed, err);
    kw_steptime_delete(steps);
    if (st == KW_OK) st = compare(v, engine, runs, late, &sim, &as_run, traffic->n, err);
    replay_free(&sim);
    replay_free(&as_run);
    for (uint32_t r = 0; r < runs; r++) replay_free(&engine[r]);
    return st;
}
