#include "tests/fidelity/fidelity.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/ascending.h"
#include "sim/core/files/json.h"

const char *const kw_run_metric_name[] = { "TTFT", "TPOT", "latency", NULL };
const char *const kw_run_statistic_name[] = { "mean", "p50", "p90", "p95", "p99", NULL };

struct line { /* one request as the file has it: seconds of two clocks */
    uint32_t prompt, output;
    double arrival, queued, scheduled, first, last;
};

static enum kw_status read_line(const char *path, const char *text, struct line *l, struct kw_error *err)
{
    struct kw_json doc;
    int64_t prompt, output;
    enum kw_status st = kw_json_parse(&doc, path, text, strlen(text), err);
    if (st != KW_OK) return st;
    struct kw_jnode n = kw_json_root(&doc);
    struct {
        const char *key;
        double *to;
    } clocks[] = { { "arrival_time", &l->arrival },
                   { "queued_ts", &l->queued },
                   { "scheduled_ts", &l->scheduled },
                   { "first_token_ts", &l->first },
                   { "last_token_ts", &l->last } };
    if ((st = kw_json_i64(kw_json_get(n, "input_toks"), 1, 1 << 24, &prompt, err)) == KW_OK)
        st = kw_json_i64(kw_json_get(n, "output_toks"), 1, 1 << 24, &output, err);
    for (int i = 0; st == KW_OK && i < 5; i++)
        st = kw_json_f64(kw_json_get(n, clocks[i].key), 0, 1e12, clocks[i].to, err);
    if (st == KW_OK && !(l->queued <= l->first && l->first <= l->last))
        st = kw_json_fail(n, KW_ERANGE, err, "want queued_ts <= first_token_ts <= last_token_ts");
    kw_json_free(&doc);
    if (st != KW_OK) return st;
    l->prompt = (uint32_t)prompt;
    l->output = (uint32_t)output;
    return KW_OK;
}

static int by_arrival(const void *a, const void *b)
{
    const struct line *p = a, *q = b;
    if (p->arrival != q->arrival) return p->arrival < q->arrival ? -1 : 1;
    return (p->queued > q->queued) - (p->queued < q->queued);
}

enum kw_status kw_run_load(struct kw_run *run, const char *path, struct kw_error *err)
{
    FILE *f = fopen(path, "r");
    if (!f) return kw_fail(err, KW_EINPUT, "%s: %s", path, strerror(errno));
    struct line *lines = NULL;
    size_t n = 0, cap = 0;
    char text[4096];
    enum kw_status st = KW_OK;
    *run = (struct kw_run){ 0 };
    for (long at = 1; st == KW_OK && fgets(text, sizeof text, f); at++) {
        if (n == cap) {
            size_t more = cap ? 2 * cap : 256;
            struct line *p = realloc(lines, more * sizeof *p);
            if (!p) {
                st = kw_fail(err, KW_ENOMEM, "out of memory");
                break;
            }
            lines = p;
            cap = more;
        }
        if ((st = read_line(path, text, &lines[n], err)) != KW_OK)
            kw_where(err, path, at);
        else
            n++;
    }
    if (st == KW_OK && ferror(f)) st = kw_fail(err, KW_EINPUT, "%s: read failed", path);
    fclose(f);
    if (st == KW_OK && !n) st = kw_fail(err, KW_EPARSE, "%s: no requests", path);
    if (st == KW_OK && !(run->r = calloc(n, sizeof *run->r))) st = kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) {
        double shift = INFINITY; /* monotonic clock - wall clock */
        qsort(lines, n, sizeof *lines, by_arrival);
        for (size_t i = 0; i < n; i++) shift = fmin(shift, lines[i].queued - lines[i].arrival);
        double zero = lines[0].arrival + shift;
        for (size_t i = 0; i < n; i++) {
            struct kw_run_request *r = &run->r[i];
            r->prompt = lines[i].prompt;
            r->output = lines[i].output;
            r->arrival = llround((lines[i].arrival + shift - zero) * 1e9);
            r->queued = llround((lines[i].queued - zero) * 1e9);
            r->scheduled = llround((lines[i].scheduled - zero) * 1e9);
            r->first_token = llround((lines[i].first - zero) * 1e9);
            r->last_token = llround((lines[i].last - zero) * 1e9);
        }
        run->n = n;
    }
    free(lines);
    return st;
}

void kw_run_free(struct kw_run *run)
{
    free(run->r);
    free(run->hashes);
    *run = (struct kw_run){ 0 };
}

/* ---- prompts that begin alike ---- */

enum { BLOCK = 16 };

const struct kw_run_prefix kw_run_sharegpt300[] = {
    { 47, 40, 28 },   { 66, 35, 39 },   { 68, 28, 22 },   { 79, 17, 53 },   { 88, 27, 20 },   { 93, 82, 39 },
    { 117, 45, 24 },  { 128, 63, 52 },  { 139, 117, 62 }, { 140, 76, 24 },  { 152, 31, 2 },   { 158, 107, 38 },
    { 173, 153, 28 }, { 174, 38, 82 },  { 177, 22, 30 },  { 180, 61, 51 },  { 183, 31, 19 },  { 184, 151, 36 },
    { 188, 138, 45 }, { 200, 109, 16 }, { 209, 201, 37 }, { 220, 146, 32 }, { 223, 36, 50 },  { 227, 226, 32 },
    { 235, 56, 52 },  { 237, 207, 79 }, { 265, 149, 37 }, { 280, 147, 51 }, { 281, 186, 51 }, { 285, 165, 45 },
    { 287, 111, 28 }, { 293, 163, 16 }
};
const size_t kw_run_sharegpt300_n = sizeof kw_run_sharegpt300 / sizeof *kw_run_sharegpt300;

enum kw_status kw_run_share(struct kw_run *run, const struct kw_run_prefix *p, size_t n, struct kw_error *err)
{
    size_t blocks = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i].request >= run->n || p[i].earlier >= p[i].request)
            return kw_fail(err, KW_ERANGE,
                           "prefix %zu: request %u of %zu begins like %u, want one of them and an earlier one", i,
                           p[i].request, run->n, p[i].earlier);
        uint32_t a = run->r[p[i].request].prompt / BLOCK, b = run->r[p[i].earlier].prompt / BLOCK;
        if (p[i].blocks > (a < b ? a : b))
            return kw_fail(err, KW_ERANGE, "prefix %zu: %u blocks, want at most the %u of the shorter prompt", i,
                           p[i].blocks, a < b ? a : b);
    }
    for (size_t i = 0; i < run->n; i++) blocks += run->r[i].prompt / BLOCK;
    uint64_t *hashes = malloc((blocks + 1) * sizeof *hashes);
    if (!hashes) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < run->n; i++) {
        struct kw_run_request *r = &run->r[i];
        r->hash = hashes + at;
        r->n_hash = r->prompt / BLOCK;
        for (uint32_t b = 0; b < r->n_hash; b++) hashes[at + b] = at + b;
        for (size_t k = 0; k < n; k++) {
            if (p[k].request != i) continue;
            const uint64_t *shared = run->r[p[k].earlier].hash;
            for (uint32_t b = 0; b < p[k].blocks; b++) hashes[at + b] = shared[b];
        }
        at += r->n_hash;
    }
    free(run->hashes);
    run->hashes = hashes;
    return KW_OK;
}

/* ---- replay ---- */

#define NS_PS INT64_C(1000)

int64_t kw_run_profile_ps(const void *steptime, const struct kw_step *step)
{
    return kw_steptime_ps(steptime, step);
}

static int64_t step_ps(const struct kw_run_clock *clock, const struct kw_step *step)
{
    double ps = (double)clock->ps(clock->law, step) * (1 + clock->longer);
    if (step->n_chunks)
        ps += clock->prefill_s * 1e12;
    else if (step->n_decode >= clock->decode_from && step->n_decode <= clock->decode_to)
        ps += clock->decode_s * 1e12;
    return ps > 1 ? llround(ps) : 1;
}

struct follow { /* the intervals of a replay that is held to the run; v NULL: it is not */
    struct kw_run_interval *v;
    size_t n;
    struct kw_run_interval open; /* from the last moment, at run time `from` */
    kw_ns from;
    bool alike; /* the last moment was one for all that came with it */
};

static void widen(const struct kw_sched *s, const struct kw_run *real, const uint32_t *slot, uint32_t n, bool last,
                  kw_ns *lo, kw_ns *hi)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct kw_run_request *r = &real->r[kw_sched_id(s, slot[i])];
        kw_ns t = last ? r->last_token : r->first_token;
        if (t < *lo) *lo = t;
        if (t > *hi) *hi = t;
    }
}

/* After a step of ps: the time it is now, the run's where the run tells it. */
static int64_t held(struct follow *f, const struct kw_sched *s, const struct kw_run *real, const struct kw_step *step,
                    const struct kw_sched_done *done, int64_t now_ps, int64_t ps)
{
    struct kw_run_interval *o = &f->open;
    o->ours_s += (double)ps / 1e12;
    if (step->n_chunks) {
        o->prefill_steps++;
        o->tokens = step->n_decode + step->prefill_tokens;
    } else {
        o->decode_steps++;
    }
    kw_ns lo = INT64_MAX, hi = -1;
    widen(s, real, done->first, done->n_first, false, &lo, &hi);
    widen(s, real, done->finished, done->n_finished, true, &lo, &hi);
    if (hi < 0) return now_ps;
    bool alike = hi - lo < KW_NS_PER_MS / 2;
    double steps = o->decode_steps + o->prefill_steps, most = fmin(0.025, 0.012 * steps);
    o->end = hi;
    o->real_s = (double)(hi - f->from) / 1e9;
    if (alike && f->alike && fabs(o->real_s - o->ours_s) <= most) f->v[f->n++] = *o;
    f->alike = alike;
    f->from = hi;
    *o = (struct kw_run_interval){ 0 };
    return hi * NS_PS;
}

static enum kw_status replay(struct kw_run *sim, const struct kw_run *real, const struct kw_sched_config *config,
                             const struct kw_run_clock *clock, kw_ns warmup, struct follow *f, struct kw_error *err)
{
    struct kw_sched *s;
    enum kw_status st = kw_sched_new(&s, config, err);
    if (st != KW_OK) return st;
    int64_t now_ps = (sim->r[0].arrival + warmup) * NS_PS;
    for (size_t next = 0; st == KW_OK;) {
        struct kw_step step;
        struct kw_sched_done done;
        while (next < sim->n && sim->r[next].arrival * NS_PS <= now_ps) {
            struct kw_run_request *r = &sim->r[next];
            struct kw_sched_request q = { .id = next,
                                          .prompt = r->prompt,
                                          .output = r->output,
                                          .hash = r->hash,
                                          .n_hash = r->n_hash,
                                          .hash_block = BLOCK };
            uint32_t slot;
            if ((st = kw_sched_add(s, &q, &slot, err)) != KW_OK) break;
            r->queued = next ? now_ps / NS_PS : r->arrival; /* the first finds an idle engine, which then warms up */
            next++;
        }
        if (st != KW_OK) break;
        if (!kw_sched_step(s, &step)) {
            if (next == sim->n) break;
            if (sim->r[next].arrival * NS_PS > now_ps) { /* idle: the engine wakes up on it */
                now_ps = sim->r[next].arrival * NS_PS;
                f->from = now_ps / NS_PS;
                f->alike = false;
            }
            continue;
        }
        int64_t ps = step_ps(clock, &step);
        now_ps += ps;
        kw_sched_commit(s, &done);
        if (f->v) now_ps = held(f, s, real, &step, &done, now_ps, ps);
        for (uint32_t i = 0; i < done.n_first; i++) sim->r[kw_sched_id(s, done.first[i])].first_token = now_ps / NS_PS;
        for (uint32_t i = 0; i < done.n_finished; i++)
            sim->r[kw_sched_id(s, done.finished[i])].last_token = now_ps / NS_PS;
    }
    kw_sched_delete(s);
    return st;
}

static enum kw_status copy_of(struct kw_run *sim, const struct kw_run *real, struct kw_error *err)
{
    *sim = (struct kw_run){ .r = malloc((real->n + 1) * sizeof *sim->r), .n = real->n };
    if (!sim->r) return kw_fail(err, KW_ENOMEM, "out of memory");
    memcpy(sim->r, real->r, real->n * sizeof *sim->r);
    return KW_OK;
}

enum kw_status kw_run_replay(struct kw_run *out, const struct kw_run *real, const struct kw_sched_config *config,
                             const struct kw_run_clock *clock, kw_ns warmup, struct kw_error *err)
{
    struct kw_run sim;
    struct follow free_running = { 0 };
    enum kw_status st = copy_of(&sim, real, err);
    if (st != KW_OK) return st;
    st = replay(&sim, real, config, clock, warmup, &free_running, err);
    if (st == KW_OK)
        *out = sim;
    else
        kw_run_free(&sim);
    return st;
}

enum kw_status kw_run_warmup(kw_ns *warmup, const struct kw_run *real, const struct kw_sched_config *config,
                             const struct kw_run_clock *clock, struct kw_error *err)
{
    kw_ns w = 0;
    for (int i = 0; i < 8; i++) { /* who joins the second step depends on w: a few rounds settle it */
        struct kw_run sim;
        enum kw_status st = kw_run_replay(&sim, real, config, clock, w, err);
        if (st != KW_OK) return st;
        kw_ns missing = real->r[0].first_token - sim.r[0].first_token;
        kw_run_free(&sim);
        if (missing == 0 || w + missing < 0) break;
        w += missing;
    }
    *warmup = w;
    return KW_OK;
}

enum kw_status kw_run_intervals(struct kw_run_interval **out, size_t *n, const struct kw_run *real,
                                const struct kw_sched_config *config, const struct kw_run_clock *clock,
                                struct kw_error *err)
{
    struct kw_run sim;
    struct follow f = { .v = malloc((2 * real->n + 1) * sizeof *f.v) };
    if (!f.v) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = copy_of(&sim, real, err);
    if (st == KW_OK) st = replay(&sim, real, config, clock, 0, &f, err);
    kw_run_free(&sim);
    if (st != KW_OK) {
        free(f.v);
        return st;
    }
    *out = f.v;
    *n = f.n;
    return KW_OK;
}

/* Sum over requests that ended by `until` of how far first to last token is from the run's, in s. */
static enum kw_status apart(double *sum, const struct kw_run *real, const struct kw_sched_config *config,
                            const struct kw_run_clock *clock, kw_ns until, struct kw_error *err)
{
    struct kw_run sim;
    kw_ns warmup;
    enum kw_status st = kw_run_warmup(&warmup, real, config, clock, err);
    if (st == KW_OK) st = kw_run_replay(&sim, real, config, clock, warmup, err);
    if (st != KW_OK) return st;
    *sum = 0;
    for (size_t i = 0; i < real->n; i++) {
        const struct kw_run_request *r = &real->r[i], *o = &sim.r[i];
        if (r->last_token < until)
            *sum += fabs((double)((o->last_token - o->first_token) - (r->last_token - r->first_token))) / 1e9;
    }
    kw_run_free(&sim);
    return KW_OK;
}

enum kw_status kw_run_fit_clock(struct kw_run_clock *clock, const struct kw_run *real,
                                const struct kw_sched_config *config, kw_ns until, struct kw_error *err)
{
    static const int way[8][2] = {
        { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 }, { 1, 1 }, { 1, -1 }, { -1, 1 }, { -1, -1 }
    };
    struct kw_run_clock best = *clock;
    double least, stride = 2e-3;
    enum kw_status st = apart(&least, real, config, &best, until, err);
    while (st == KW_OK && stride > 1e-5) {
        struct kw_run_clock centre = best;
        for (int i = 0; st == KW_OK && i < 8; i++) {
            struct kw_run_clock c = centre;
            double sum;
            c.decode_s += way[i][0] * stride;
            c.prefill_s += way[i][1] * stride;
            st = apart(&sum, real, config, &c, until, err);
            if (st == KW_OK && sum < least) {
                least = sum;
                best = c;
            }
        }
        if (best.decode_s == centre.decode_s && best.prefill_s == centre.prefill_s) stride /= 2;
    }
    if (st == KW_OK) *clock = best;
    return st;
}

static double percentile(const double *v, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t k = (size_t)at;
    return k + 1 < n ? v[k] + (v[k + 1] - v[k]) * (at - (double)k) : v[n - 1];
}

enum kw_status kw_run_summary(const struct kw_run *run, double s[KW_RUN_METRICS][KW_RUN_STATISTICS],
                              struct kw_error *err)
{
    static const double p[] = { 0.5, 0.9, 0.95, 0.99 };
    double *v = malloc((run->n + 1) * sizeof *v);
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (int metric = 0; metric < KW_RUN_METRICS; metric++) {
        size_t n = 0;
        double sum = 0;
        for (size_t i = 0; i < run->n; i++) {
            const struct kw_run_request *r = &run->r[i];
            if (r->output < 2) continue;
            kw_ns t = metric == KW_RUN_TTFT   ? r->first_token - r->queued
                      : metric == KW_RUN_TPOT ? r->last_token - r->first_token
                                              : r->last_token - r->queued;
            v[n] = (double)t / 1e6 / (metric == KW_RUN_TPOT ? r->output - 1.0 : 1.0);
            sum += v[n++];
        }
        for (int k = 0; k < KW_RUN_STATISTICS; k++) s[metric][k] = NAN;
        if (!n) continue;
        qsort(v, n, sizeof *v, kw_ascending);
        s[metric][0] = sum / (double)n;
        for (int k = 1; k < KW_RUN_STATISTICS; k++) s[metric][k] = percentile(v, n, p[k - 1]);
    }
    free(v);
    return KW_OK;
}
