/* calibrate validate: the simulator judged by our own engine. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "calibrate/validate/interleaved.h"
#include "sim/cli/commands/calibrate.h"
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/progress.h"
#include "sim/cli/output.h"
#include "sim/core/files/file.h"
#include "sim/io/text_table.h"
#include "sim/io/results/validation.h"
#include "workloads/sessions.h"
#include "workloads/trace.h"
#include "workloads/trace_load.h"

enum { MOST_LOADS = 16 };

static enum kw_status read_loads(double *v, size_t room, size_t *n, const char *text, struct kw_error *err)
{
    *n = 0;
    for (const char *s = text; *s; s += strcspn(s, ","), s += *s == ',') {
        char word[32];
        size_t len = strcspn(s, ",");
        if (len >= sizeof word || *n == room)
            return kw_fail(err, KW_EUSAGE, "--loads: want at most %zu shares such as 0.5", room);
        memcpy(word, s, len);
        word[len] = 0;
        enum kw_status st = kw_cli_engine_decimal(&v[(*n)++], word, "loads", err);
        if (st != KW_OK) return st;
    }
    return *n ? KW_OK : kw_fail(err, KW_EUSAGE, "--loads: want shares of capacity such as 0.2,0.5,0.8");
}

static void print_load(struct kw_text *out, const struct kw_validated *v)
{
    struct kw_text_table t = { 0 };
    kw_text_add(out, "\nat %.0f %% load: %.3g requests/s, median of %u runs%s\n\n", 100 * v->load, v->rate, v->runs,
                v->interleaved ? ", each judged by what was measured just before and after it" : "");
    kw_text_table_column(&t, "", "", false);
    kw_text_table_column(&t, "engine", "ms", true);
    kw_text_table_column(&t, "its runs", "ms", true);
    kw_text_table_column(&t, "simulated", "ms", true);
    kw_text_table_column(&t, "error", "%", true);
    kw_text_table_column(&t, "spread", "%", true);
    kw_text_table_column(&t, "as run", "%", true);
    kw_text_table_column(&t, "", "", false);
    for (int m = 0; m < KW_VALIDATE_METRICS; m++)
        for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) {
            const struct kw_validated_figure *f = &v->figure[m][k];
            kw_text_table_cell(&t, "%s %s", kw_validate_metric_name[m], kw_validate_statistic_name[k]);
            kw_text_table_cell(&t, "%.3f", f->engine_s * 1e3);
            kw_text_table_cell(&t, "%.3f - %.3f", f->low_s * 1e3, f->high_s * 1e3);
            kw_text_table_cell(&t, "%.3f", f->sim_s * 1e3);
            kw_text_table_cell(&t, "%+.1f", 100 * f->error);
            kw_text_table_cell(&t, "%.1f", 100 * (f->high_s - f->low_s) / f->engine_s);
            if (isfinite(f->as_run))
                kw_text_table_cell(&t, "%+.1f", 100 * f->as_run);
            else
                kw_text_table_cell(&t, "-");
            kw_text_table_cell(&t, "%s", kw_verdict_name[f->verdict]);
        }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    kw_text_add(out,
                "\n  request by request: TTFT %.1f %% apart (runs among themselves %.1f %%), E2E %.1f %% (%.1f %%)\n",
                100 * v->request[0], 100 * v->request_engine[0], 100 * v->request[1], 100 * v->request_engine[1]);
    kw_text_add(out, "  decoding: %.2f on the engine, %.2f simulated; %.1f %% apart over 20 parts of the time\n",
                v->batch_engine, v->batch_sim, 100 * v->batch_apart);
    static const char *const kinds[] = { "decode", "prompts", "mixed" };
    kw_text_add(out, "  step times of the profile over the engine's own batches:");
    for (int k = 0; k < 3; k++)
        if (v->steps[k].n)
            kw_text_add(out, " %s %+.1f %% (%.2f s)", kinds[k],
                        100 * (v->steps[k].profile_s / v->steps[k].engine_s - 1), v->steps[k].engine_s);
    kw_text_add(out, "\n  host a step: %.1f us on the engine, %.1f us in the profile\n", v->host_s * 1e6,
                v->host_profile_s * 1e6);
    kw_text_add(out, "  'as run': the error had each kind of step taken what it took here; no prediction\n");
    kw_text_add(out, "  preempted: %u and %u; the engine woke %.3f ms after an arrival while idle\n",
                v->preempted_engine, v->preempted_sim, v->late_s * 1e3);
    if (isfinite(v->cpu_contention)) {
        kw_text_add(out, "  other processes took %.1f %% of the machine at most", 100 * v->cpu_contention);
        if (v->discarded)
            kw_text_add(out, "; %u run%s thrown away because they took more than allowed", v->discarded,
                        v->discarded > 1 ? "s" : "");
        kw_text_add(out, "\n");
    }
}

/* How many of the figures of these metrics at loads up to 80 % are what, and which is worst. */
static void print_verdict(struct kw_text *out, const struct kw_validated *at, size_t n, bool itl)
{
    unsigned count[3] = { 0 };
    double worst = 0;
    char words[64] = "";
    for (size_t i = 0; i < n; i++)
        for (int m = 0; m < KW_VALIDATE_METRICS && at[i].load <= 0.8001; m++)
            for (int k = 0; k < KW_VALIDATE_STATISTICS && (m == KW_VALIDATE_ITL) == itl; k++) {
                const struct kw_validated_figure *f = &at[i].figure[m][k];
                if (!isfinite(f->error)) continue;
                count[f->verdict]++;
                if (fabs(f->error) <= fabs(worst)) continue;
                worst = f->error;
                snprintf(words, sizeof words, "%s %s at %.0f %%", kw_validate_metric_name[m],
                         kw_validate_statistic_name[k], 100 * at[i].load);
            }
    unsigned all = count[0] + count[1] + count[2];
    if (all)
        kw_text_add(out,
                    "%s up to 80 %% load: %u of %u within 3 %%, %u more inside the engine's own runs, %u off; worst "
                    "%+.1f %% (%s)\n",
                    itl ? "ITL" : "\nTTFT, TPOT, E2E", count[KW_WITHIN], all, count[KW_INSIDE], count[KW_MISSES],
                    100 * worst, words);
}

static void print_load_json(struct kw_text *out, const struct kw_validated *v, bool first)
{
    kw_text_add(out, "%s{ \"load\": %.6g, \"requests_per_s\": %.9g, \"runs\": %u", first ? "" : ",\n  ", v->load,
                v->rate, v->runs);
    for (int m = 0; m < KW_VALIDATE_METRICS; m++)
        for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) {
            const struct kw_validated_figure *f = &v->figure[m][k];
            if (!isfinite(f->engine_s) || !isfinite(f->sim_s)) continue; /* nobody had a second token */
            kw_text_add(out,
                        ", \"%s_%s\": { \"engine_s\": %.9g, \"low_s\": %.9g, \"high_s\": %.9g, \"sim_s\": %.9g, "
                        "\"error\": %.6g, \"verdict\": \"%s\" }",
                        kw_validate_metric_name[m], kw_validate_statistic_name[k], f->engine_s, f->low_s, f->high_s,
                        f->sim_s, f->error, kw_verdict_name[f->verdict]);
        }
    static const char *const kinds[] = { "decode", "prompts", "mixed" };
    for (int k = 0; k < 3; k++)
        kw_text_add(out, ", \"steps_%s\": { \"n\": %llu, \"engine_s\": %.9g, \"profile_s\": %.9g }", kinds[k],
                    (unsigned long long)v->steps[k].n, v->steps[k].engine_s, v->steps[k].profile_s);
    kw_text_add(out, ", \"host_s\": %.9g, \"host_profile_s\": %.9g, \"discarded\": %u", v->host_s, v->host_profile_s,
                v->discarded);
    if (isfinite(v->cpu_contention)) kw_text_add(out, ", \"cpu_contention\": %.6g", v->cpu_contention);
    kw_text_add(out, ", \"preempted_engine\": %u, \"preempted_sim\": %u", v->preempted_engine, v->preempted_sim);
    kw_text_add(out, ", \"batch_engine\": %.6g, \"batch_sim\": %.6g, \"batch_apart\": %.6g }", v->batch_engine,
                v->batch_sim, v->batch_apart);
}

static enum kw_status read_burst(double *burst, const struct kw_options *o, struct kw_error *err)
{
    *burst = o->trace ? 0 : 2;
    enum kw_status st = o->burst ? kw_cli_engine_decimal(burst, o->burst, "burst", err) : KW_OK;
    if (st == KW_OK && o->burst && (o->trace || !(*burst >= 1 && *burst <= 1000)))
        st = kw_fail(err, KW_EUSAGE, "--burst: want 1 to 1000 requests, of synthetic traffic; got '%.40s'", o->burst);
    return st;
}

static enum kw_status synthetic_traffic(struct kw_validate_traffic *t, double burst, uint32_t longest,
                                        const struct kw_options *o, struct kw_error *err)
{
    return kw_validate_synthetic(t, (size_t)o->requests, longest < 2048 ? longest / 8.0 : 256,
                                 longest < 2048 ? longest / 16.0 : 64, burst, longest,
                                 o->seed >= 0 ? (uint64_t)o->seed : 1, err);
}

/* The first requests of --trace. */
static enum kw_status trace_traffic(struct kw_validate_traffic *t, const struct kw_options *o, struct kw_error *err)
{
    struct kw_trace trace = { 0 };
    enum kw_status st = kw_trace_load(&trace, o->trace, o->format, o->columns, err);
    if (st == KW_OK && (st = kw_sessions_refuse(&trace, "calibrate validate", err)) != KW_OK) kw_trace_free(&trace);
    if (st != KW_OK) return st;
    size_t n = trace.n < (size_t)o->requests ? trace.n : (size_t)o->requests;
    *t = (struct kw_validate_traffic){ .n = n,
                                       .arrival = malloc((n + 1) * sizeof *t->arrival),
                                       .prompt = malloc((n + 1) * sizeof *t->prompt),
                                       .output = malloc((n + 1) * sizeof *t->output) };
    if (!t->arrival || !t->prompt || !t->output) {
        st = kw_fail(err, KW_ENOMEM, "out of memory");
    } else if (n) {
        for (size_t i = 0; i < n; i++) t->arrival[i] = trace.arrival[i] - trace.arrival[0];
        memcpy(t->prompt, trace.prompt, n * sizeof *t->prompt);
        memcpy(t->output, trace.output, n * sizeof *t->output);
    }
    kw_trace_free(&trace);
    return st;
}

/* The engine as it was when it was measured, unless asked otherwise. */
static struct kw_options as_measured(const struct kw_options *o, const struct kw_profile *p)
{
    struct kw_options same = *o;
    if (o->interleaved) return same;
    if (!same.precision) same.precision = p->precision;
    if (!same.model) same.model = p->model;
    if (!same.max_seqs) same.max_seqs = p->max_num_seqs;
    if (!same.max_batched) same.max_batched = p->max_num_batched_tokens;
    if (!same.max_len) same.max_len = p->max_model_len;
    if (!same.block_size) same.block_size = p->block_size;
    if (!same.num_blocks) same.num_blocks = p->num_blocks;
    return same;
}

/* Where the points of --interleaved go: a file of its own. */
static enum kw_status open_points(FILE **f, const char *path, const struct kw_measured_head *h, struct kw_error *err)
{
    *f = fopen(path, "wx");
    if (!*f) return kw_fail(err, errno == EEXIST ? KW_EUSAGE : KW_EIO, "--interleaved %s: %s", path, strerror(errno));
    return kw_measured_put_head(*f, h, err);
}

struct session { /* what every load needs */
    struct kw_engine *e;
    struct kw_profile *p; /* interleaved: of the last run */
    const struct kw_validate_traffic *t;
    const struct kw_options *o;
    FILE *points; /* interleaved */
    struct kw_measured_head head;
    double max_contention, budget_s;
};

static enum kw_status validate_one(struct kw_validated *v, double load, double from_s, const struct session *s,
                                   struct kw_error *err)
{
    struct kw_validate_options how = {
        .load = load, .runs = (uint32_t)s->o->runs, .max_contention = s->max_contention, .stop = kw_cli_engine_stop()
    };
    if (!s->o->interleaved) return kw_validate(v, s->e, s->p, s->t, &how, err);
    struct kw_measure_options round = { .budget_s = s->budget_s / (double)(s->o->runs + 1),
                                        .seed = s->head.seed,
                                        .stop = how.stop };
    kw_profile_free(s->p);
    return kw_validate_interleaved(v, s->p, s->e, &s->head, s->points, from_s, &round, s->t, &how, err);
}

static enum kw_status validate_all(struct kw_validated *v, size_t *done, const double *loads, size_t n,
                                   struct session *s, struct kw_error *err)
{
    struct kw_progress bar;
    const int64_t began = kw_now_ns();
    enum kw_status st = s->o->max_contention
                            ? kw_cli_engine_decimal(&s->max_contention, s->o->max_contention, "max-contention", err)
                            : KW_OK;
    if (st == KW_OK && s->o->interleaved) st = kw_cli_calibrate_head(&s->head, s->e, s->o, err);
    if (st == KW_OK && s->o->interleaved) st = open_points(&s->points, s->o->interleaved, &s->head, err);
    kw_progress_begin(&bar, s->o->interleaved ? "interleaved" : "serving", s->o->quiet);
    for (*done = 0; st == KW_OK && *done < n; *done += st == KW_OK) {
        kw_progress_update(&bar, *done, n);
        st = validate_one(&v[*done], loads[*done], (double)(kw_now_ns() - began) * 1e-9, s, err);
    }
    kw_progress_end(&bar);
    if (s->points && fclose(s->points) && st == KW_OK)
        st = kw_fail(err, KW_EIO, "%s: %s", s->o->interleaved, strerror(errno));
    return st;
}

static enum kw_status check_words(double *burst, double *budget_s, const struct kw_options *o, struct kw_error *err)
{
    enum kw_status st = o->out ? kw_file_check(o->out, err) : KW_OK;
    if (st == KW_OK && !o->args.n == !o->interleaved)
        st = kw_fail(err, KW_EUSAGE, "calibrate validate wants either PROFILE.json or --interleaved POINTS.jsonl");
    if (st == KW_OK && o->budget && !o->interleaved)
        st = kw_fail(err, KW_EUSAGE, "--budget is for the measuring of --interleaved");
    if (st == KW_OK && o->interleaved) st = kw_file_check(o->interleaved, err);
    if (st == KW_OK) st = kw_cli_calibrate_budget(budget_s, o->budget, err);
    return st == KW_OK ? read_burst(burst, o, err) : st;
}

int kw_cli_calibrate_validate(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_profile p = { 0 };
    struct kw_engine e = { 0 };
    struct kw_device d;
    struct kw_validate_traffic t = { 0 };
    struct kw_validated v[MOST_LOADS];
    struct kw_text out = { .columns = kw_cli_columns() };
    double loads[MOST_LOADS], burst = 0;
    size_t n, done = 0;
    struct session s = { .e = &e, .p = &p, .t = &t, .o = o };
    enum kw_status st = check_words(&burst, &s.budget_s, o, &err);
    if (st == KW_OK) st = read_loads(loads, MOST_LOADS, &n, o->loads ? o->loads : "0.2,0.5,0.8,0.95", &err);
    if (st == KW_OK && !o->interleaved) st = kw_profile_load(&p, o->args.v[0], &err);
    if (st == KW_OK && o->trace && (st = trace_traffic(&t, o, &err)) != KW_OK) kw_profile_free(&p);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    struct kw_options same = as_measured(o, &p);
    st = kw_cli_engine_open(&e, &d, &same, same.model, &err);
    if (st == KW_OK && !o->trace) st = synthetic_traffic(&t, burst, e.limits.max_model_len, o, &err);
    if (st == KW_OK) st = validate_all(v, &done, loads, n, &s, &err);
    bool served = st == KW_OK; /* then the table is printed even where it cannot be saved */
    if (served && o->json) kw_text_add(&out, "[ ");
    for (size_t i = 0; served && i < n; i++)
        if (o->json)
            print_load_json(&out, &v[i], !i);
        else
            print_load(&out, &v[i]);
    if (served && o->json) kw_text_add(&out, " ]\n");
    for (int itl = 0; served && !o->json && itl < 2; itl++) print_verdict(&out, v, n, itl);
    struct kw_validation_file f = { .at = v,
                                    .n = n,
                                    .engine = &e,
                                    .device = &d,
                                    .profile = &p,
                                    .profile_path = o->interleaved ? o->interleaved : o->args.v[0],
                                    .traffic = o->trace ? o->trace : "synthetic",
                                    .burst = burst,
                                    .seed = o->seed >= 0 ? (uint64_t)o->seed : 1 };
    if (st == KW_OK && o->out) st = kw_validation_write(&f, o->out, (int64_t)time(NULL), &err);
    for (size_t i = 0; i < done; i++) kw_validated_free(&v[i]);
    kw_validate_traffic_free(&t);
    kw_engine_close(&e);
    kw_profile_free(&p);
    int code = served ? kw_cli_print(&out) : 0;
    kw_text_free(&out);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}
