#include "calibrate/validate/validate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/measure/cpu_contention.h"
#include "sim/core/ascending.h"
#include "sim/core/rng.h"
#include "sim/fleet/replica.h"

const char *const kw_validate_metric_name[] = { "TTFT", "TPOT", "ITL", "E2E", NULL };
const char *const kw_validate_statistic_name[] = { "p50", "p95", "p99", "mean", NULL };

const char *const kw_verdict_name[] = { "within 3 %", "inside its runs", "misses", NULL };

enum { PARTS = 20, MOST_RUNS = KW_VALIDATE_MOST_RUNS, SLICES = KW_VALIDATE_SLICES };

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

enum kw_status kw_validate_synthetic(struct kw_validate_traffic *t, size_t n, double prompt, double output,
                                     double burst, uint32_t max_model_len, uint64_t seed, struct kw_error *err)
{
    struct kw_rng arrivals = { NULL }, lengths = { NULL };
    *t = (struct kw_validate_traffic){ .n = n,
                                       .arrival = malloc((n + 1) * sizeof *t->arrival),
                                       .prompt = malloc((n + 1) * sizeof *t->prompt),
                                       .output = malloc((n + 1) * sizeof *t->output) };
    enum kw_status st =
        t->arrival && t->prompt && t->output ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", n);
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

static void side_free(struct kw_validated_side *r)
{
    free(r->request);
    free(r->step);
    kw_hist_free(&r->itl);
    *r = (struct kw_validated_side){ 0 };
}

struct stretch { /* a batch that ran from begin to end */
    int64_t begin, end;
    uint32_t n;
};

/* Decoding sequences over SLICES slices of `width` ns, and their mean until end. */
static void over_time(struct kw_validated_side *r, const struct stretch *s, size_t n, int64_t end, double width)
{
    double all = 0;
    r->end = end;
    for (int k = 0; k < SLICES; k++) r->decoding[k] = 0;
    for (size_t i = 0; i < n; i++) {
        all += s[i].n * (double)(s[i].end - s[i].begin);
        for (int k = (int)fmin((double)s[i].begin / width, SLICES); k < SLICES && k * width < (double)s[i].end; k++) {
            double from = fmax(k * width, (double)s[i].begin), to = fmin((k + 1) * width, (double)s[i].end);
            if (to > from) r->decoding[k] += s[i].n * (to - from) / width;
        }
    }
    r->batch = end > 0 ? all / (double)end : 0;
}

static enum kw_status steptime_of(struct kw_steptime **t, const struct kw_profile *p, const struct kw_sched_config *l,
                                  struct kw_error *err)
{
    return kw_steptime_compile(
        t, &p->tables, l->max_num_seqs,
        l->max_num_batched_tokens > l->max_num_seqs ? l->max_num_batched_tokens : l->max_num_seqs, err);
}

static void take(struct kw_validated_side *r, const struct kw_replica_out *out, int64_t now)
{
    for (uint32_t i = 0; i < out->n_first; i++) r->request[out->first[i].id].first = now;
    for (uint32_t i = 0; i < out->n_finished; i++) r->request[out->finished[i].id].last = now;
}

static enum kw_status add_until(struct kw_replica *rep, const struct kw_validate_traffic *t,
                                struct kw_validated_side *r, size_t *next, double speed, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    while (st == KW_OK && *next < t->n) {
        int64_t at = speed > 0 ? (int64_t)((double)t->arrival[*next] / speed) : 0;
        uint32_t slot;
        if (at > rep->next) break;
        struct kw_sched_request q = { .id = *next, .prompt = t->prompt[*next], .output = t->output[*next] };
        r->request[*next] = (struct kw_served){ .arrival = at,
                                                .added = at,
                                                .prompt = q.prompt,
                                                .output = q.output,
                                                .generated = q.output,
                                                .status = KW_SERVED_DONE };
        st = kw_replica_add(rep, &q, at, &slot, err);
        ++*next;
    }
    return st;
}

/* speed 0: everything arrives at once. slice_s 0: the slices divide what it takes. */
static enum kw_status simulate(struct kw_validated_side *r, const struct kw_profile *p,
                               const struct kw_sched_config *limits, const struct kw_validate_traffic *t, double speed,
                               double slice_s, struct kw_error *err)
{
    struct kw_sched_config c = *limits;
    struct kw_steptime *steps = NULL;
    struct kw_replica rep = { 0 };
    struct stretch *s = NULL;
    size_t n = 0, cap = 0, next = 0;
    c.block_tables = false; /* the replica has no memory to point to */
    *r = (struct kw_validated_side){ .request = calloc(t->n + 1, sizeof *r->request), .itl_unit_s = 1e-12 };
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
        over_time(r, s, n, now, slice_s > 0 ? slice_s * 1e9 : (double)(now > 0 ? now : 1) / SLICES);
        r->preempted = (uint32_t)rep.count.preemptions;
    }
    kw_replica_free(&rep);
    kw_steptime_delete(steps);
    free(s);
    if (st != KW_OK) side_free(r);
    return st;
}

/* The host's part of a step: calibrate/measure/host_time.h. */
static double host_of(const struct kw_step_tables *t, const struct kw_step *s)
{
    return t->fixed_s + t->sequence_s * ((double)s->n_decode + s->n_chunks) + t->chunk_s * s->n_chunks;
}

/* What a step takes more because of what ran before it: nothing for idle_s (negative: not so), or a step with chunks.
 */
static double cold_of(const struct kw_step_tables *t, double idle_s, bool prompted, const struct kw_step *s)
{
    return idle_s >= 0 ? kw_step_after_idle_s(&t->cold, idle_s) : prompted && !s->n_chunks ? t->cold.after_prompt_s : 0;
}

/* The same by hand over the scheduler, with device times multiplied by factor[kind] and host times by host. */
static enum kw_status simulate_as_run(struct kw_validated_side *r, const struct kw_steptime *steps,
                                      const struct kw_step_tables *tables, const double factor[3], double host,
                                      const struct kw_sched_config *limits, const struct kw_validate_traffic *t,
                                      double speed, struct kw_error *err)
{
    struct kw_sched_config c = *limits;
    struct kw_sched *sched = NULL;
    size_t next = 0;
    double now = 0;           /* s: a diagnosis need not be exact */
    double idle_s = INFINITY; /* before the first step: as if for long */
    bool prompted = false;
    c.block_tables = false;
    *r = (struct kw_validated_side){ .request = calloc(t->n + 1, sizeof *r->request) };
    enum kw_status st = r->request ? kw_hist_init(&r->itl, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_sched_new(&sched, &c, err);
    while (st == KW_OK) {
        uint32_t slot;
        for (; st == KW_OK && next < t->n && (double)t->arrival[next] / speed <= now * 1e9 + 0.5; next++) {
            struct kw_sched_request q = { .id = next, .prompt = t->prompt[next], .output = t->output[next] };
            r->request[next] = (struct kw_served){ .arrival = (int64_t)((double)t->arrival[next] / speed),
                                                   .prompt = q.prompt,
                                                   .output = q.output,
                                                   .generated = q.output,
                                                   .status = KW_SERVED_DONE };
            st = kw_sched_add(sched, &q, &slot, err);
        }
        struct kw_step step;
        if (st != KW_OK || (next == t->n && !kw_sched_waiting(sched) && !kw_sched_running(sched))) break;
        if (!kw_sched_step(sched, &step)) {
            if (next == t->n) break;
            double until = (double)t->arrival[next] / speed * 1e-9;
            if (isfinite(idle_s) || now > 0) idle_s = until - now;
            now = until;
            continue;
        }
        int kind = !step.n_chunks ? 0 : !step.n_decode ? 1 : 2;
        double host_s = host_of(tables, &step), cold_s = cold_of(tables, idle_s, prompted, &step);
        now += ((double)kw_steptime_ps(steps, &step) * 1e-12 - host_s + cold_s) * factor[kind] + host_s * host;
        idle_s = -1;
        prompted = step.n_chunks;
        struct kw_sched_done done;
        kw_sched_commit(sched, &done);
        for (uint32_t i = 0; i < done.n_first; i++)
            r->request[kw_sched_id(sched, done.first[i])].first = (int64_t)(now * 1e9);
        for (uint32_t i = 0; i < done.n_finished; i++)
            r->request[kw_sched_id(sched, done.finished[i])].last = (int64_t)(now * 1e9);
    }
    if (sched) kw_sched_delete(sched);
    if (st != KW_OK) side_free(r);
    return st;
}

/* By simulation: all requests at once. Measuring it on the engine would cost as long as the runs themselves. */
enum kw_status kw_validate_capacity(double *rate, const struct kw_profile *p, const struct kw_sched_config *limits,
                                    const struct kw_validate_traffic *t, struct kw_error *err)
{
    struct kw_validated_side r;
    enum kw_status st = simulate(&r, p, limits, t, 0, 0, err);
    if (st != KW_OK) return st;
    *rate = r.end > 0 ? (double)t->n / ((double)r.end * 1e-9) : 0;
    side_free(&r);
    return KW_OK;
}

/* ---- the engine's side ---- */

static struct kw_step batch_of(const struct kw_served_step *s)
{
    return (struct kw_step){ .n_decode = s->n_decode,
                             .decode_context = s->decode_context,
                             .n_chunks = s->n_chunks,
                             .prefill_tokens = s->prefill_tokens,
                             .prefill_pairs2 = s->prefill_pairs2 };
}

/* Did the loop sleep before step i? */
static bool slept(const struct kw_served_step *step, size_t i)
{
    return !i || !(step[i - 1].running + step[i - 1].waiting);
}

/* How long; negative when it did not, infinite before the first step. */
static double slept_s(const struct kw_served_step *step, size_t i)
{
    return !slept(step, i) ? -1
           : !i            ? INFINITY
                           : (double)(step[i].begin - step[i - 1].begin - step[i - 1].wall_ns) * 1e-9;
}

/* Device time of step i as the profile has it. */
static double profile_device_s(const struct kw_served_step *step, size_t i, const struct kw_steptime *steps,
                               const struct kw_step_tables *t)
{
    struct kw_step like = batch_of(&step[i]);
    return (double)kw_steptime_ps(steps, &like) * 1e-12 - host_of(t, &like) +
           cold_of(t, slept_s(step, i), i && step[i - 1].n_chunks, &like);
}

struct step_comparison { /* a run's batches: what they took, and what its profile says */
    struct kw_validated_steps kind[3];
    double host_s, host_profile_s;
};

static struct step_comparison compare_steps(const struct kw_validated_side *r, const struct kw_steptime *steps,
                                            const struct kw_step_tables *t)
{
    struct step_comparison j = { 0 };
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct kw_served_step *s = &r->step[i];
        struct kw_step like = batch_of(s);
        struct kw_validated_steps *kind = &j.kind[!s->n_chunks ? 0 : !s->n_decode ? 1 : 2];
        kind->n++;
        kind->engine_s += (double)s->device_ns * 1e-9;
        kind->profile_s += profile_device_s(r->step, i, steps, t);
        int64_t from = slept(r->step, i) ? s->begin : s[-1].begin + s[-1].wall_ns;
        j.host_s += (double)(s->begin + s->wall_ns - from - s->device_ns) * 1e-9;
        j.host_profile_s += host_of(t, &like);
    }
    return j;
}

/* Median wait of what came while no step ran. */
static double lateness(const struct kw_served_trace *out, double *wait)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < out->n; i++) {
        const struct kw_served *r = &out->request[i];
        while (k < out->n_steps && out->step[k].begin + out->step[k].wall_ns < r->arrival) k++;
        if (k == out->n_steps || out->step[k].begin > r->arrival) wait[n++] = (double)(r->added - r->arrival) * 1e-9;
    }
    qsort(wait, n, sizeof *wait, kw_ascending);
    return n ? wait[n / 2] : 0;
}

/* One run into *r; *keep is false when others took too much of the machine. */
static enum kw_status serve(struct kw_validated_side *r, bool *keep, const struct kw_validated *v, struct kw_engine *e,
                            const struct kw_validate_traffic *t, double max_contention,
                            const volatile sig_atomic_t *stop, struct kw_error *err)
{
    struct kw_served_trace out;
    struct kw_serve_trace in = { .n = t->n,
                                 .arrival = t->arrival,
                                 .prompt = t->prompt,
                                 .output = t->output,
                                 .speed = v->speed,
                                 .seed = 1,
                                 .stop = stop };
    struct kw_cpu_contention contention = kw_cpu_contention_begin();
    enum kw_status st = kw_serve_trace_run(&out, e, &in, err);
    if (st != KW_OK) return st;
    *r = (struct kw_validated_side){ .itl_unit_s = 1e-9, .cpu_contention = kw_cpu_contention_share(&contention) };
    *keep = !(r->cpu_contention > max_contention);
    struct stretch *s = malloc((out.n_steps + 1) * sizeof *s);
    double *wait = malloc((t->n + 1) * sizeof *wait);
    if (!s || !wait) st = kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK && out.cut) st = kw_fail(err, KW_EFAIL, "stopped");
    if (st == KW_OK && out.refused)
        st = kw_fail(err, KW_ERANGE, "%u of %zu requests can never run: %s", out.refused, t->n, out.refusal.msg);
    for (size_t i = 0; st == KW_OK && i < out.n_steps; i++) {
        s[i] = (struct stretch){ out.step[i].begin, out.step[i].begin + out.step[i].wall_ns, out.step[i].n_decode };
        r->preempted += out.step[i].n_preempted;
    }
    if (st == KW_OK && *keep) {
        over_time(r, s, out.n_steps, out.wall_ns, v->slice_s * 1e9);
        r->late_s = lateness(&out, wait);
        r->request = out.request;
        r->step = out.step;
        r->n_steps = out.n_steps;
        r->itl = out.itl;
        out.request = NULL;
        out.step = NULL;
        out.itl = (struct kw_hist){ 0 };
    }
    free(s);
    free(wait);
    kw_served_trace_free(&out);
    if (st != KW_OK || !*keep) side_free(r);
    return st;
}

/* Twice as many runs less two may be thrown away in all: after that it does not get quieter. */
enum kw_status kw_validate_serve(struct kw_validated *v, struct kw_engine *e, const struct kw_validate_traffic *traffic,
                                 const struct kw_validate_options *o, struct kw_error *err)
{
    for (bool keep = false; !keep;) {
        double most = v->discarded >= 2 * (o->runs - 1) ? 1 : o->max_contention > 0 ? o->max_contention : 0.03;
        if (v->discarded) kw_cpu_contention_wait(5);
        enum kw_status st = serve(&v->engine[v->runs], &keep, v, e, traffic, most, o->stop, err);
        if (st != KW_OK) return st;
        v->discarded += !keep;
    }
    double share = v->engine[v->runs++].cpu_contention;
    if (!(v->cpu_contention >= share)) v->cpu_contention = share;
    return KW_OK;
}

/* ---- the comparison ---- */

static void statistics(double *v, size_t n, double out[KW_VALIDATE_STATISTICS])
{
    static const double q[] = { 0.5, 0.95, 0.99 };
    double sum = 0;
    qsort(v, n, sizeof *v, kw_ascending);
    for (size_t i = 0; i < n; i++) sum += v[i];
    for (int k = 0; k < 3; k++) {
        size_t rank = (size_t)ceil(q[k] * (double)n - 1e-9);
        out[k] = n ? v[rank ? rank - 1 : 0] : NAN;
    }
    out[3] = n ? sum / (double)n : NAN;
}

static enum kw_status figures(const struct kw_validated_side *r, size_t n,
                              double out[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS], struct kw_error *err)
{
    static const double q[] = { 0.5, 0.95, 0.99 };
    double *v = malloc((n + 1) * sizeof *v);
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (int m = 0; m < KW_VALIDATE_METRICS; m++) {
        size_t k = 0;
        if (m == KW_VALIDATE_ITL) {
            for (int i = 0; i < 3; i++) out[m][i] = r->itl.n ? kw_hist_quantile(&r->itl, q[i]) * r->itl_unit_s : NAN;
            out[m][3] = r->itl.n ? kw_hist_mean(&r->itl) * r->itl_unit_s : NAN;
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            const struct kw_served *s = &r->request[i];
            if (m == KW_VALIDATE_TPOT && s->generated < 2) continue;
            v[k++] = m == KW_VALIDATE_TTFT   ? (double)kw_served_ttft(s) * 1e-9
                     : m == KW_VALIDATE_TPOT ? kw_served_tpot(s) * 1e-9
                                             : (double)kw_served_e2e(s) * 1e-9;
        }
        statistics(v, k, out[m]);
    }
    free(v);
    return KW_OK;
}

/* Median over requests of |a / b - 1|; ttft or e2e. */
static double apart(const struct kw_validated_side *a, const struct kw_validated_side *b, size_t n, bool ttft)
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
    double copy[MOST_RUNS];
    memcpy(copy, v, n * sizeof *v);
    return kw_median(copy, n);
}

static void judge(struct kw_validated_figure *f, uint32_t runs)
{
    double off[MOST_RUNS];
    f->low_s = f->high_s = f->run_s[0];
    for (uint32_t r = 0; r < runs; r++) {
        f->low_s = fmin(f->low_s, f->run_s[r]);
        f->high_s = fmax(f->high_s, f->run_s[r]);
        off[r] = f->sim_run_s[r] / f->run_s[r] - 1;
    }
    f->engine_s = median_of(f->run_s, runs);
    f->sim_s = median_of(f->sim_run_s, runs);
    f->error = median_of(off, runs);
    f->verdict = fabs(f->error) <= 0.03                          ? KW_WITHIN
                 : f->sim_s >= f->low_s && f->sim_s <= f->high_s ? KW_INSIDE
                                                                 : KW_MISSES;
}

/* Root mean square of the difference over PARTS parts of the time, over the engine's mean. */
static double batches_apart(const struct kw_validated_side *engine, const struct kw_validated_side *sim)
{
    double square = 0;
    for (int k = 0; k < PARTS; k++) {
        double d = 0;
        for (int i = k * SLICES / PARTS; i < (k + 1) * SLICES / PARTS; i++) d += engine->decoding[i] - sim->decoding[i];
        square += pow(d * PARTS / SLICES, 2);
    }
    return engine->batch > 0 ? sqrt(square / PARTS) / engine->batch : 0;
}

/* Figures of run r: as served, as simulated, and as simulated with the run's own mean step times (relative to the
 * run's). */
static enum kw_status compare_run(struct kw_validated *v, uint32_t r, const struct kw_validated_side *as_run,
                                  double as[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS][MOST_RUNS],
                                  struct kw_error *err)
{
    double real[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS], guess[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS];
    double again[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS];
    enum kw_status st = figures(&v->engine[r], v->n, real, err);
    if (st == KW_OK) st = figures(&v->sim[r], v->n, guess, err);
    if (st == KW_OK) st = figures(as_run, v->n, again, err);
    for (int m = 0; st == KW_OK && m < KW_VALIDATE_METRICS; m++)
        for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) {
            v->figure[m][k].run_s[r] = real[m][k];
            v->figure[m][k].sim_run_s[r] = guess[m][k];
            as[m][k][r] = again[m][k] / real[m][k] - 1;
        }
    return st;
}

/* What is one number a load, from the runs. */
static void compare_runs(struct kw_validated *v)
{
    double x[MOST_RUNS], y[MOST_RUNS];
    for (int k = 0; k < 2; k++) {
        for (uint32_t r = 0; r < v->runs; r++) {
            x[r] = apart(&v->sim[r], &v->engine[r], v->n, !k);
            y[r] = v->runs > 1 ? apart(&v->engine[(r + 1) % v->runs], &v->engine[r], v->n, !k) : NAN;
        }
        v->request[k] = median_of(x, v->runs);
        v->request_engine[k] = v->runs > 1 ? median_of(y, v->runs) : NAN;
    }
    for (uint32_t r = 0; r < v->runs; r++) x[r] = v->engine[r].batch, y[r] = v->sim[r].batch;
    v->batch_engine = median_of(x, v->runs);
    v->batch_sim = median_of(y, v->runs);
    for (uint32_t r = 0; r < v->runs; r++) x[r] = batches_apart(&v->engine[r], &v->sim[r]), y[r] = v->engine[r].late_s;
    v->batch_apart = median_of(x, v->runs);
    v->late_s = median_of(y, v->runs);
    for (uint32_t r = 0; r < v->runs; r++) x[r] = v->engine[r].preempted, y[r] = v->sim[r].preempted;
    v->preempted_engine = (uint32_t)median_of(x, v->runs);
    v->preempted_sim = (uint32_t)median_of(y, v->runs);
}

void kw_validated_free(struct kw_validated *v)
{
    for (uint32_t r = 0; v->engine && r < v->runs; r++) side_free(&v->engine[r]);
    for (uint32_t r = 0; v->sim && r < v->runs; r++) side_free(&v->sim[r]);
    free(v->engine);
    free(v->sim);
    free(v->profile_ns);
    *v = (struct kw_validated){ 0 };
}

/* ---- all of it ---- */

enum kw_status kw_validate_begin(struct kw_validated *v, const struct kw_engine *e, const struct kw_profile *p,
                                 const struct kw_validate_traffic *traffic, const struct kw_validate_options *o,
                                 struct kw_error *err)
{
    struct kw_validated_side r;
    double capacity = 0, span = traffic->n ? (double)traffic->arrival[traffic->n - 1] * 1e-9 : 0;
    *v = (struct kw_validated){ 0 };
    if (!traffic->n || !(span > 0))
        return kw_fail(err, KW_ERANGE, "the traffic has %zu requests over %g s; want at least two, apart", traffic->n,
                       span);
    if (!(o->load > 0 && o->load < 100))
        return kw_fail(err, KW_ERANGE, "load: want above 0 and below 100; got %g", o->load);
    if (!o->runs || o->runs > MOST_RUNS)
        return kw_fail(err, KW_ERANGE, "runs: want 1 to %d; got %u", MOST_RUNS, o->runs);
    enum kw_status st = kw_validate_capacity(&capacity, p, &e->limits, traffic, err);
    if (st != KW_OK) return st;
    double rate = o->load * capacity, speed = rate * span / (double)traffic->n;
    st = simulate(&r, p, &e->limits, traffic, speed, 0, err);
    if (st != KW_OK) return st;
    *v = (struct kw_validated){ .load = o->load,
                                .rate = rate,
                                .speed = speed,
                                .n = traffic->n,
                                .cpu_contention = NAN,
                                .slice_s = (double)r.end * 1e-9 / SLICES,
                                .engine = calloc(o->runs, sizeof *v->engine),
                                .sim = calloc(o->runs, sizeof *v->sim) };
    side_free(&r);
    return v->engine && v->sim ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %u runs", o->runs);
}

/* Run r from its profile, twice; its figures. */
static enum kw_status judge_run(struct kw_validated *v, uint32_t r, const struct kw_engine *e,
                                const struct kw_profile *p, const struct kw_validate_traffic *traffic,
                                double as[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS][MOST_RUNS], struct kw_error *err)
{
    struct kw_validated_side as_run = { 0 }, *real = &v->engine[r];
    struct kw_steptime *steps = NULL;
    double factor[3];
    enum kw_status st = simulate(&v->sim[r], p, &e->limits, traffic, v->speed, v->slice_s, err);
    if (st == KW_OK) st = steptime_of(&steps, p, &e->limits, err);
    if (st != KW_OK) return st;
    struct step_comparison j = compare_steps(real, steps, &p->tables);
    for (int k = 0; k < 3; k++) {
        factor[k] = j.kind[k].profile_s > 0 ? j.kind[k].engine_s / j.kind[k].profile_s : 1;
        v->steps[k].n += j.kind[k].n;
        v->steps[k].engine_s += j.kind[k].engine_s;
        v->steps[k].profile_s += j.kind[k].profile_s;
    }
    v->host_s += j.host_s;
    v->host_profile_s += j.host_profile_s;
    if (!r && !(v->profile_ns = malloc((real->n_steps + 1) * sizeof *v->profile_ns)))
        st = kw_fail(err, KW_ENOMEM, "out of memory for %zu steps", real->n_steps);
    for (size_t i = 0; st == KW_OK && !r && i < real->n_steps; i++)
        v->profile_ns[i] = llround(profile_device_s(real->step, i, steps, &p->tables) * 1e9);
    if (st == KW_OK)
        st = simulate_as_run(&as_run, steps, &p->tables, factor, j.host_profile_s > 0 ? j.host_s / j.host_profile_s : 1,
                             &e->limits, traffic, v->speed, err);
    kw_steptime_delete(steps);
    if (st == KW_OK) st = compare_run(v, r, &as_run, as, err);
    side_free(&as_run);
    return st;
}

enum kw_status kw_validate_judge(struct kw_validated *v, const struct kw_engine *e,
                                 const struct kw_profile *const profile[], const struct kw_validate_traffic *traffic,
                                 struct kw_error *err)
{
    double as[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS][MOST_RUNS];
    for (uint32_t r = 0; r < v->runs; r++) {
        enum kw_status st = judge_run(v, r, e, profile[r], traffic, as, err);
        if (st != KW_OK) return st;
    }
    uint64_t all = v->steps[0].n + v->steps[1].n + v->steps[2].n;
    if (all) v->host_s /= (double)all, v->host_profile_s /= (double)all;
    for (int m = 0; m < KW_VALIDATE_METRICS; m++)
        for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) {
            judge(&v->figure[m][k], v->runs);
            v->figure[m][k].as_run = median_of(as[m][k], v->runs);
        }
    compare_runs(v);
    return KW_OK;
}

enum kw_status kw_validate(struct kw_validated *v, struct kw_engine *e, const struct kw_profile *p,
                           const struct kw_validate_traffic *traffic, const struct kw_validate_options *o,
                           struct kw_error *err)
{
    const struct kw_profile *same[MOST_RUNS];
    for (uint32_t r = 0; r < MOST_RUNS; r++) same[r] = p;
    enum kw_status st = kw_validate_begin(v, e, p, traffic, o, err);
    while (st == KW_OK && v->runs < o->runs) st = kw_validate_serve(v, e, traffic, o, err);
    if (st == KW_OK) st = kw_validate_judge(v, e, same, traffic, err);
    if (st != KW_OK) kw_validated_free(v);
    return st;
}
