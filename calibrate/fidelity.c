#include "calibrate/fidelity.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/json.h"

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
    struct { const char *key; double *to; } clocks[] = { { "arrival_time", &l->arrival }, { "queued_ts", &l->queued },
                                                         { "scheduled_ts", &l->scheduled },
                                                         { "first_token_ts", &l->first }, { "last_token_ts", &l->last } };
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
    if (!f) return kw_fail(err, KW_EIO, "%s: %s", path, strerror(errno));
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
    if (st == KW_OK && ferror(f)) st = kw_fail(err, KW_EIO, "%s: read failed", path);
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
    *run = (struct kw_run){ 0 };
}

enum kw_status kw_run_replay(struct kw_run *out, const struct kw_run *real, const struct kw_sched_config *config,
                             const struct kw_steptime *steps, bool async_scheduling, struct kw_error *err)
{
    struct kw_sched *s;
    struct kw_run sim = { .r = malloc((real->n + 1) * sizeof *sim.r), .n = real->n };
    if (!sim.r) return kw_fail(err, KW_ENOMEM, "out of memory");
    memcpy(sim.r, real->r, real->n * sizeof *sim.r);
    enum kw_status st = kw_sched_new(&s, config, err);
    if (st != KW_OK) {
        kw_run_free(&sim);
        return st;
    }
    int64_t now_ps = 0, seen_ps = 0; /* a batch holds what had arrived at seen: now, or a step earlier */
    for (size_t next = 0; st == KW_OK;) {
        struct kw_step step;
        struct kw_sched_done done;
        while (next < sim.n && sim.r[next].arrival * INT64_C(1000) <= seen_ps) {
            struct kw_run_request *r = &sim.r[next];
            struct kw_sched_request q = { .id = next, .prompt = r->prompt, .output = r->output };
            uint32_t slot;
            if ((st = kw_sched_add(s, &q, &slot, err)) != KW_OK) break;
            r->queued = seen_ps / 1000;
            next++;
        }
        if (st != KW_OK) break;
        if (!kw_sched_step(s, &step)) {
            if (next == sim.n) break;
            int64_t arrival = sim.r[next].arrival * INT64_C(1000); /* idle: the engine wakes up on it */
            if (arrival > now_ps) now_ps = arrival;
            seen_ps = now_ps;
            continue;
        }
        int64_t start_ps = now_ps;
        now_ps += kw_steptime_ps(steps, &step);
        seen_ps = async_scheduling ? start_ps : now_ps;
        kw_sched_commit(s, &done);
        for (uint32_t i = 0; i < done.n_first; i++) sim.r[kw_sched_id(s, done.first[i])].first_token = now_ps / 1000;
        for (uint32_t i = 0; i < done.n_finished; i++) sim.r[kw_sched_id(s, done.finished[i])].last_token = now_ps / 1000;
    }
    kw_sched_delete(s);
    if (st == KW_OK)
        *out = sim;
    else
        kw_run_free(&sim);
    return st;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *v, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t k = (size_t)at;
    return k + 1 < n ? v[k] + (v[k + 1] - v[k]) * (at - (double)k) : v[n - 1];
}

enum kw_status kw_run_summary(const struct kw_run *run, double s[KW_RUN_METRICS][KW_RUN_STATISTICS], struct kw_error *err)
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
            kw_ns t = metric == KW_RUN_TTFT ? r->first_token - r->queued
                                            : metric == KW_RUN_TPOT ? r->last_token - r->first_token : r->last_token - r->queued;
            v[n] = (double)t / 1e6 / (metric == KW_RUN_TPOT ? r->output - 1.0 : 1.0);
            sum += v[n++];
        }
        for (int k = 0; k < KW_RUN_STATISTICS; k++) s[metric][k] = NAN;
        if (!n) continue;
        qsort(v, n, sizeof *v, ascending);
        s[metric][0] = sum / (double)n;
        for (int k = 1; k < KW_RUN_STATISTICS; k++) s[metric][k] = percentile(v, n, p[k - 1]);
    }
    free(v);
    return KW_OK;
}
