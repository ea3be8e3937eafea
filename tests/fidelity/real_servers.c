#include "tests/fidelity/real_servers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/io/results/writer.h"

static const char *const clock_name[] = { "tables", "profile", "halved", NULL };

struct writer {
    struct kw_writer out;
    const struct kw_replayed *run;
    const struct kw_server_accuracy *j;
    size_t runs, requests;
    double *value;     /* room for the largest column of doubles */
    const char **word; /* and of strings */
};

static void scale(struct writer *w, const char *path, const char *description, size_t n, const char *const *words)
{
    for (size_t i = 0; !words && i < n; i++) w->value[i] = (double)i;
    kw_writer_put(
        &w->out,
        (struct kw_h5_dataset){
            path, words ? KW_H5_STR : KW_H5_F64, "", description, 1, { n }, { NULL }, strrchr(path, '/') + 1, 0 },
        words ? (const void *)words : w->value);
}

/* ---- /runs ---- */

static size_t length(const struct writer *w, char dim)
{
    return dim == 'r'   ? w->runs
           : dim == 'c' ? KW_REPLAY_CLOCKS
           : dim == 'm' ? KW_RUN_METRICS
           : dim == 's' ? KW_RUN_STATISTICS
                        : w->requests;
}

/* w->value over scales of /runs named by their letters: r run, c clock, m metric, s statistic, q request. */
static void put_runs(struct writer *w, const char *path, const char *unit, const char *description, const char *dims)
{
    struct kw_h5_dataset d = {
        .path = path, .type = KW_H5_F64, .units = unit, .description = description, .deflate = 4
    };
    for (; dims[d.rank]; d.rank++) {
        char c = dims[d.rank];
        d.shape[d.rank] = length(w, c);
        d.dims[d.rank] = c == 'r'   ? "/runs/run"
                         : c == 'c' ? "/runs/clock"
                         : c == 'm' ? "/runs/metric"
                         : c == 's' ? "/runs/statistic"
                                    : "/runs/request";
    }
    kw_writer_put(&w->out, d, w->value);
}

static double request_value(const struct kw_run_request *r, int metric)
{
    if (metric == KW_RUN_TTFT) return (double)(r->first_token - r->queued) / 1e9;
    if (metric == KW_RUN_LATENCY) return (double)(r->last_token - r->queued) / 1e9;
    return r->output > 1 ? (double)(r->last_token - r->first_token) / 1e9 / (r->output - 1.0) : NAN;
}

static void requests(struct writer *w)
{
    static const struct {
        const char *path, *unit, *description;
    } one[] = { { "/runs/prompt_tokens", "1", "tokens of the prompt" },
                { "/runs/output_tokens", "1", "tokens of the answer" },
                { "/runs/arrival", "s", "at the engine, since the first request" },
                { "/runs/held_out", "1", "1: first token in the half not fitted to" } };
    static const struct {
        const char *real, *sim, *description;
    } two[] = { { "/runs/real_ttft", "/runs/sim_ttft", "queued to first token" },
                { "/runs/real_tpot", "/runs/sim_tpot", "a token after the first" },
                { "/runs/real_latency", "/runs/sim_latency", "queued to last token" } };
    for (int k = 0; k < 4; k++) {
        for (size_t r = 0, at = 0; r < w->runs; r++)
            for (size_t i = 0; i < w->requests; i++) {
                const struct kw_run_request *q = &w->run[r].real->r[i];
                w->value[at++] = k == 0   ? q->prompt
                                 : k == 1 ? q->output
                                 : k == 2 ? (double)q->arrival / 1e9
                                          : q->first_token >= w->run[r].half;
            }
        put_runs(w, one[k].path, one[k].unit, one[k].description, "rq");
    }
    for (int m = 0; m < KW_RUN_METRICS; m++) {
        size_t at = 0;
        for (size_t r = 0; r < w->runs; r++)
            for (size_t i = 0; i < w->requests; i++) w->value[at++] = request_value(&w->run[r].real->r[i], m);
        put_runs(w, two[m].real, "s", two[m].description, "rq");
        at = 0;
        for (size_t r = 0; r < w->runs; r++)
            for (int c = 0; c < KW_REPLAY_CLOCKS; c++)
                for (size_t i = 0; i < w->requests; i++) w->value[at++] = request_value(&w->run[r].sim[c].r[i], m);
        put_runs(w, two[m].sim, "s", two[m].description, "rcq");
    }
}

static void runs(struct writer *w)
{
    double real[KW_RUN_METRICS][KW_RUN_STATISTICS], sim[KW_RUN_METRICS][KW_RUN_STATISTICS];
    enum { TABLE = KW_RUN_METRICS * KW_RUN_STATISTICS };
    for (size_t r = 0; r < w->runs; r++) w->word[r] = w->run[r].gpu;
    kw_writer_group(&w->out, "/runs", "two vLLM 0.19 runs of 300 requests, replayed");
    scale(w, "/runs/run", "GPU of the run", w->runs, w->word);
    scale(w, "/runs/clock", "what step times come from", KW_REPLAY_CLOCKS, clock_name);
    scale(w, "/runs/metric", "of a request", KW_RUN_METRICS, kw_run_metric_name);
    scale(w, "/runs/statistic", "over requests of two tokens and more", KW_RUN_STATISTICS, kw_run_statistic_name);
    scale(w, "/runs/request", "in order of arrival", w->requests, NULL);
    for (size_t r = 0; w->out.st == KW_OK && r < w->runs; r++)
        if ((w->out.st = kw_run_summary(w->run[r].real, real, w->out.err)) == KW_OK)
            memcpy(&w->value[r * TABLE], real, sizeof real);
    put_runs(w, "/runs/real", "ms", "as the run was measured", "rms");
    for (size_t r = 0; r < w->runs; r++)
        for (size_t i = 0; i < TABLE; i++)
            w->value[r * TABLE + i] =
                w->run[r].peer ? w->run[r].peer[i / KW_RUN_STATISTICS][i % KW_RUN_STATISTICS] : NAN;
    put_runs(w, "/runs/peer", "percent", "LLMServingSim off the run, its own figure", "rms");
    for (size_t r = 0; w->out.st == KW_OK && r < w->runs; r++) {
        w->out.st = kw_run_summary(w->run[r].real, real, w->out.err);
        for (int c = 0; w->out.st == KW_OK && c < KW_REPLAY_CLOCKS; c++) {
            w->out.st = kw_run_summary(&w->run[r].sim[c], sim, w->out.err);
            for (int i = 0; i < TABLE; i++)
                w->value[(r * KW_REPLAY_CLOCKS + (size_t)c) * TABLE + (size_t)i] =
                    100 * ((&sim[0][0])[i] / (&real[0][0])[i] - 1);
        }
    }
    put_runs(w, "/runs/error", "percent", "replay off the run", "rcms");
    requests(w);
}

/* ---- /points and /laws ---- */

static void column(struct writer *w, const char *group_of, const char *name, const char *unit, const char *description,
                   size_t n, bool words)
{
    char path[64], dim[64];
    snprintf(path, sizeof path, "/%ss/%s", group_of, name);
    snprintf(dim, sizeof dim, "/%ss/%s", group_of, group_of);
    kw_writer_put(&w->out,
                  (struct kw_h5_dataset){
                      path, words ? KW_H5_STR : KW_H5_F64, unit, description, 1, { n }, { dim }, NULL, words ? 0 : 4 },
                  words ? (const void *)w->word : w->value);
}

static const char *point_word(const struct kw_server_point *p, int k)
{
    const char *const words[] = { p->source, p->engine, p->gpu, p->model, p->precision };
    return words[k];
}

static double point_number(const struct kw_server_accuracy_point *o, int k)
{
    const struct kw_server_point *p = o->p;
    const double numbers[] = { p->tp,        p->load.prompt, p->load.output,    p->load.at_once,   p->load.rate,
                               p->load.n,    (double)o->law, o->held_out,       o->fits,           p->median,
                               p->ttft_s,    p->tpot_s,      p->output_rate,    o->ttft_s,         o->tpot_s[0],
                               o->tpot_s[1], o->tpot_s[2],   o->output_rate[0], o->output_rate[1], o->output_rate[2] };
    return numbers[k];
}

static void points(struct writer *w)
{
    static const char *const words[] = { "source", "engine", "gpu", "model", "precision" };
    static const struct {
        const char *name, *unit, *description;
    } numbers[] = { { "tp", "1", "GPUs of one engine" },
                    { "prompt_tokens", "1", "of a request" },
                    { "output_tokens", "1", "of a request" },
                    { "at_once", "1", "requests in flight; 0: open loop or batch" },
                    { "rate", "1/s", "arrivals; 0: all at the start" },
                    { "requests", "1", "replayed" },
                    { "law", "1", "index into /laws" },
                    { "held_out", "1", "1: its law was not fitted to it" },
                    { "fits", "1", "1: a seat and KV cache for all in flight" },
                    { "median", "1", "1: tpot is the median gap" },
                    { "real_ttft", "s", "published" },
                    { "real_tpot", "s", "published" },
                    { "real_rate", "1/s", "published, output tokens of one engine" },
                    { "ttft", "s", "ours, plain" },
                    { "plain_tpot", "s", "ours" },
                    { "host_tpot", "s", "ours, with host time" },
                    { "whole_tpot", "s", "ours, with host time and factors" },
                    { "plain_rate", "1/s", "ours" },
                    { "host_rate", "1/s", "ours, with host time" },
                    { "whole_rate", "1/s", "ours, with host time and factors" } };
    size_t n = w->j->n;
    kw_writer_group(&w->out, "/points", "published points of servers, judged");
    scale(w, "/points/point", "in order of source and file", n, NULL);
    for (int k = 0; k < (int)(sizeof words / sizeof *words); k++) {
        for (size_t i = 0; i < n; i++) w->word[i] = point_word(w->j->point[i].p, k);
        column(w, "point", words[k], "", "as published", n, true);
    }
    for (int k = 0; k < (int)(sizeof numbers / sizeof *numbers); k++) {
        for (size_t i = 0; i < n; i++) w->value[i] = point_number(&w->j->point[i], k);
        column(w, "point", numbers[k].name, numbers[k].unit, numbers[k].description, n, false);
    }
}

static void law_fits(struct writer *w, enum kw_server_accuracy_way way)
{
    static const char *const part[] = { "fixed", "sequence", "kernels", "links" };
    static const char *const unit[] = { "s", "s", "1", "1" };
    static const int error_of[] = { 0, 1, 3, 4 };
    char name[48];
    size_t n = w->j->n_laws;
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < n; i++) {
            const struct kw_host_fit *f = &w->j->law[i].fit[way];
            const double value[] = { f->host.fixed_s, f->host.sequence_s, f->kernels, f->links };
            w->value[i] = value[k];
        }
        snprintf(name, sizeof name, "%s_%s", kw_server_accuracy_way_name[way], part[k]);
        column(w, "law", name, unit[k], "fitted on the first of every two points", n, false);
        for (size_t i = 0; i < n; i++) w->value[i] = w->j->law[i].fit[way].error[error_of[k]];
        snprintf(name, sizeof name, "%s_%s_error", kw_server_accuracy_way_name[way], part[k]);
        column(w, "law", name, unit[k], "standard error", n, false);
    }
    for (size_t i = 0; i < n; i++) w->value[i] = w->j->law[i].fit[way].residual;
    snprintf(name, sizeof name, "%s_residual", kw_server_accuracy_way_name[way]);
    column(w, "law", name, "1", "root mean square of fitted / published - 1", n, false);
}

static void law_errors(struct writer *w)
{
    for (int tpot = 1; tpot >= 0; tpot--)
        for (int held = 0; held < 2; held++)
            for (int way = 0; way < (held ? KW_SERVER_ACCURACY_WAYS : 1); way++) {
                char name[48];
                double median;
                for (size_t i = 0; i < w->j->n_laws; i++)
                    kw_server_accuracy_error(&w->value[i], &median, w->j, i, tpot == 1,
                                             (enum kw_server_accuracy_way)way, held == 1);
                snprintf(name, sizeof name, "%s_%s%s", tpot ? "tpot" : "rate", held ? "held_" : "",
                         kw_server_accuracy_way_name[way]);
                column(w, "law", name, "1",
                       held ? "median |ours / theirs - 1| of the half not fitted to"
                            : "median |ours / theirs - 1| of all points",
                       w->j->n_laws, false);
            }
}

static void laws(struct writer *w)
{
    static const char *const words[] = { "source", "engine", "gpu", "grade" };
    static const struct {
        const char *name, *description;
    } numbers[] = { { "own_kernels", "1: operator tables of that engine" },
                    { "points", "judged" },
                    { "fitted", "points the law was fitted on" } };
    size_t n = w->j->n_laws;
    kw_writer_group(&w->out, "/laws", "what a source's engine version takes beside the tables");
    scale(w, "/laws/law", "source, engine version and GPU type", n, NULL);
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < n; i++) {
            const struct kw_server_accuracy_law *l = &w->j->law[i];
            const char *const word[] = { l->source, l->engine, l->gpu, kw_grade_name[l->grade] };
            w->word[i] = word[k];
        }
        column(w, "law", words[k], "", k == 3 ? "weakest of the step tables" : "as published", n, true);
    }
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < n; i++) {
            const struct kw_server_accuracy_law *l = &w->j->law[i];
            w->value[i] = k == 0 ? l->own_kernels : (double)(k == 1 ? l->n : l->n_fitted);
        }
        column(w, "law", numbers[k].name, "1", numbers[k].description, n, false);
    }
    law_fits(w, KW_SERVER_ACCURACY_HOST);
    law_fits(w, KW_SERVER_ACCURACY_WHOLE);
    law_errors(w);
}

enum kw_status kw_real_servers_write(const char *path, const struct kw_replayed *run, size_t n,
                                     const struct kw_server_accuracy *accuracy, struct kw_error *err)
{
    struct writer w = { .run = run, .j = accuracy, .runs = n };
    for (size_t i = 0; i < n; i++) {
        if (run[i].real->n != run[0].real->n)
            return kw_fail(err, KW_ERANGE, "run %zu has %zu requests, want %zu as the first", i, run[i].real->n,
                           run[0].real->n);
        w.requests = run[i].real->n;
    }
    size_t values =
        n * KW_REPLAY_CLOCKS * (w.requests + KW_RUN_METRICS * KW_RUN_STATISTICS) + accuracy->n + w.requests + 1;
    w.value = malloc(values * sizeof *w.value);
    w.word = malloc((n + accuracy->n + 1) * sizeof *w.word);
    enum kw_status st =
        w.value && w.word ? kw_writer_open(&w.out, path, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) {
        kw_writer_about(&w.out, "real servers beside what keepwarm says of them", KW_REAL_SERVERS_SCHEMA,
                        "make fidelity");
        runs(&w);
        points(&w);
        laws(&w);
        st = kw_writer_close(&w.out);
    }
    free(w.value);
    free(w.word);
    return st;
}
