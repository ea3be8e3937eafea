#include "sim/io/results/validation.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/io/results/writer.h"

enum { BINS_A_DECADE = 40, BINS = 40 * 8 + 1 }; /* ITL from 1 us to 100 s */
#define FIRST_BIN_S 1e-6

struct writer {
    struct kw_writer out;
    const struct kw_validation_file *s;
    size_t loads, runs, n, n_steps; /* n: requests */
    double *value;                  /* room for the largest column of doubles */
};

static const char *const kind_name[] = { "decode", "prompts", "mixed", NULL };

struct scale { /* a dimension; words NULL: its values are 0, 1, 2 ... or, of loads, the loads */
    const char *name, *description;
    size_t n;
    const char *const *words;
};

static struct scale scale_of(const struct writer *w, const char *name)
{
    const struct scale all[] = { { "load", "offered, of the simulated capacity", w->loads, NULL },
                                 { "run", "of the engine", w->runs, NULL },
                                 { "request", "in order of arrival", w->n, NULL },
                                 { "slice", "of the simulated run's time", KW_VALIDATE_SLICES, NULL },
                                 { "bin", "of inter-token gaps", BINS, NULL },
                                 { "step", "of the first run at each load", w->n_steps, NULL },
                                 { "kind", "of a step: decodes only, prompts only, both", 3, kind_name },
                                 { "metric", "TTFT, TPOT, ITL, E2E", KW_VALIDATE_METRICS, kw_validate_metric_name },
                                 { "statistic", "over all requests; of ITL over all gaps", KW_VALIDATE_STATISTICS,
                                   kw_validate_statistic_name } };
    size_t i = 0;
    while (strcmp(all[i].name, name)) i++;
    return all[i];
}

/* The group and the scales of its datasets: xarray finds the coordinates of a group in the group itself. */
static void group(struct writer *w, const char *path, const char *description, const char *const dims[])
{
    kw_writer_group(&w->out, path, description);
    for (; *dims; dims++) {
        struct scale s = scale_of(w, *dims);
        char at[64];
        bool load = !strcmp(s.name, "load");
        snprintf(at, sizeof at, "%s/%s", path, s.name);
        for (size_t i = 0; i < s.n; i++) w->value[i] = load ? w->s->at[i].load : (double)i;
        kw_writer_put(
            &w->out,
            (struct kw_h5_dataset){
                at, s.words ? KW_H5_STR : KW_H5_F64, load ? "1" : "", s.description, 1, { s.n }, { NULL }, s.name, 0 },
            s.words ? (const void *)s.words : w->value);
    }
}

/* w->value as a dataset over the named scales of its group, outermost first. */
static void put_values(struct writer *w, const char *path, const char *unit, const char *description,
                       const char *const dims[])
{
    struct kw_h5_dataset d = {
        .path = path, .type = KW_H5_F64, .units = unit, .description = description, .deflate = 4
    };
    char at[4][64];
    for (; dims[d.rank]; d.rank++) {
        snprintf(at[d.rank], sizeof at[d.rank], "%.*s/%s", (int)(strrchr(path, '/') - path), path, dims[d.rank]);
        d.dims[d.rank] = at[d.rank];
        d.shape[d.rank] = scale_of(w, dims[d.rank]).n;
    }
    kw_writer_put(&w->out, d, w->value);
}

static void attributes(struct writer *w, int64_t created_utc)
{
    const struct kw_validation_file *s = w->s;
    const struct kw_sched_config *l = &s->engine->limits;
    char text[64];
    kw_writer_about(&w->out, "keepwarm's engine beside its simulator", KW_VALIDATION_SCHEMA, "calibrate validate");
    kw_writer_attr(&w->out, "model", s->engine->config.name);
    kw_writer_attr(&w->out, "precision", kw_dtype_name(s->engine->layout.precision));
    kw_writer_attr(&w->out, "backend", s->engine->ops->name);
    kw_writer_attr(&w->out, "device", s->device->name);
    kw_writer_attr(&w->out, "driver", s->device->driver);
    kw_writer_attr_i64(&w->out, "threads", s->device->units);
    kw_writer_attr_i64(&w->out, "block_size", l->block_size);
    kw_writer_attr_i64(&w->out, "num_blocks", l->num_blocks);
    kw_writer_attr_i64(&w->out, "max_num_seqs", l->max_num_seqs);
    kw_writer_attr_i64(&w->out, "max_num_batched_tokens", l->max_num_batched_tokens);
    kw_writer_attr_i64(&w->out, "max_model_len", l->max_model_len);
    kw_writer_attr(&w->out, "profile", s->profile_path);
    kw_writer_attr_i64(&w->out, "interleaved", s->at[0].interleaved);
    kw_writer_attr(&w->out, "profile_source", s->profile->steps.source);
    kw_writer_attr(&w->out, "profile_date", s->profile->steps.date);
    kw_writer_attr(&w->out, "traffic", s->traffic);
    snprintf(text, sizeof text, "%.6g", s->burst);
    kw_writer_attr(&w->out, "burst", text);
    kw_writer_attr_i64(&w->out, "seed", (int64_t)s->seed);
    kw_writer_attr_i64(&w->out, "requests", (int64_t)w->n);
    kw_writer_attr_i64(&w->out, "runs", (int64_t)w->runs);
    kw_writer_created(&w->out, created_utc);
}

struct load_column { /* a member of struct kw_validated */
    const char *path, *unit, *description;
    size_t offset;
    bool count; /* uint32_t, else double */
};
#define AT(member) offsetof(struct kw_validated, member)
static const struct load_column load_columns[] = {
    { "/loads/rate", "1/s", "requests offered", AT(rate), false },
    { "/loads/speed", "1", "the traffic's own times were divided by it", AT(speed), false },
    { "/loads/batch_engine", "sequence", "decoding, mean over time, median of the runs", AT(batch_engine), false },
    { "/loads/batch_sim", "sequence", "decoding, mean over time", AT(batch_sim), false },
    { "/loads/batch_apart", "1", "root mean square difference over 20 parts of the time, over batch_engine",
      AT(batch_apart), false },
    { "/loads/request_ttft_apart", "1", "median over requests of |simulated / engine - 1|", AT(request[0]), false },
    { "/loads/request_e2e_apart", "1", "median over requests of |simulated / engine - 1|", AT(request[1]), false },
    { "/loads/request_ttft_apart_engine", "1", "the same of one run against the next", AT(request_engine[0]), false },
    { "/loads/request_e2e_apart_engine", "1", "the same of one run against the next", AT(request_engine[1]), false },
    { "/loads/late", "s", "median of when a sleeping loop took a request, less its arrival", AT(late_s), false },
    { "/loads/host_engine", "s", "from step to step less the device's time, mean", AT(host_s), false },
    { "/loads/host_profile", "s", "the profile's host law over the same steps, mean", AT(host_profile_s), false },
    { "/loads/cpu_contention", "1", "share of the machine that other processes took, largest of the runs",
      AT(cpu_contention), false },
    { "/loads/discarded", "run", "thrown away because others took too much of the machine", AT(discarded), true },
    { "/loads/preempted_engine", "1", "preemptions, median of the runs", AT(preempted_engine), true },
    { "/loads/preempted_sim", "1", "preemptions", AT(preempted_sim), true },
};
#undef AT

static void loads(struct writer *w)
{
    group(w, "/loads", "one row a load", (const char *const[]){ "load", NULL });
    for (size_t c = 0; c < sizeof load_columns / sizeof *load_columns; c++) {
        const struct load_column *k = &load_columns[c];
        for (size_t i = 0; i < w->loads; i++) {
            const char *at = (const char *)&w->s->at[i] + k->offset;
            w->value[i] = k->count ? *(const uint32_t *)(const void *)at : *(const double *)(const void *)at;
        }
        put_values(w, k->path, k->unit, k->description, (const char *const[]){ "load", NULL });
    }
    static const struct {
        const char *path, *unit, *description;
    } sums[] = { { "/steps_sum/n", "step", "of the engine, all runs" },
                 { "/steps_sum/engine", "s", "device time" },
                 { "/steps_sum/profile", "s", "device time of the same batches as the profile has it" } };
    group(w, "/steps_sum", "the engine's own batches through the profile",
          (const char *const[]){ "load", "kind", NULL });
    for (int c = 0; c < 3; c++) {
        for (size_t i = 0; i < w->loads; i++)
            for (int k = 0; k < 3; k++) {
                const struct kw_validated_steps *s = &w->s->at[i].steps[k];
                w->value[3 * i + (size_t)k] = c == 0 ? (double)s->n : c == 1 ? s->engine_s : s->profile_s;
            }
        put_values(w, sums[c].path, sums[c].unit, sums[c].description, (const char *const[]){ "load", "kind", NULL });
    }
}

static void errors(struct writer *w)
{
    static const struct {
        const char *path, *unit, *description;
    } columns[] = { { "/errors/engine", "s", "median of the runs" },
                    { "/errors/low", "s", "least of the runs" },
                    { "/errors/high", "s", "largest of the runs" },
                    { "/errors/sim", "s", "simulated, median over the runs" },
                    { "/errors/error", "1", "simulated / served - 1, median over the runs" },
                    { "/errors/as_run", "1",
                      "the same with the step times that the run had on average, kind by kind: no prediction" },
                    { "/errors/spread", "1", "(high - low) / engine" },
                    { "/errors/verdict", "", "0 within 3 %, 1 between the least and the largest run, 2 misses" } };
    group(w, "/errors", "figures over requests", (const char *const[]){ "load", "metric", "statistic", NULL });
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        size_t n = 0;
        for (size_t i = 0; i < w->loads; i++)
            for (int m = 0; m < KW_VALIDATE_METRICS; m++)
                for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) {
                    const struct kw_validated_figure *f = &w->s->at[i].figure[m][k];
                    const double v[] = { f->engine_s,
                                         f->low_s,
                                         f->high_s,
                                         f->sim_s,
                                         f->error,
                                         f->as_run,
                                         (f->high_s - f->low_s) / f->engine_s,
                                         f->verdict };
                    w->value[n++] = v[c];
                }
        put_values(w, columns[c].path, columns[c].unit, columns[c].description,
                   (const char *const[]){ "load", "metric", "statistic", NULL });
    }
}

static void runs(struct writer *w)
{
    static const char *const dims[] = { "load", "run", "metric", "statistic", NULL };
    static const char *const of_run[] = { "load", "run", NULL };
    size_t n = 0;
    group(w, "/runs", "each run of the engine", (const char *const[]){ "load", "run", "metric", "statistic", NULL });
    for (size_t i = 0; i < w->loads; i++)
        for (size_t r = 0; r < w->runs; r++)
            for (int m = 0; m < KW_VALIDATE_METRICS; m++)
                for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) w->value[n++] = w->s->at[i].figure[m][k].run_s[r];
    put_values(w, "/runs/value", "s", "served", dims);
    n = 0;
    for (size_t i = 0; i < w->loads; i++)
        for (size_t r = 0; r < w->runs; r++)
            for (int m = 0; m < KW_VALIDATE_METRICS; m++)
                for (int k = 0; k < KW_VALIDATE_STATISTICS; k++) w->value[n++] = w->s->at[i].figure[m][k].sim_run_s[r];
    put_values(w, "/runs/sim", "s", "simulated from the run's profile", dims);
    static const struct {
        const char *path, *unit, *description;
    } columns[] = { { "/runs/cpu_contention", "1", "share of the machine that other processes took" },
                    { "/runs/preempted", "1", "preemptions" },
                    { "/runs/end", "s", "when the last token came" } };
    for (int c = 0; c < 3; c++) {
        n = 0;
        for (size_t i = 0; i < w->loads; i++)
            for (size_t r = 0; r < w->runs; r++) {
                const struct kw_validated_side *e = &w->s->at[i].engine[r];
                w->value[n++] = c == 0 ? e->cpu_contention : c == 1 ? e->preempted : (double)e->end * 1e-9;
            }
        put_values(w, columns[c].path, columns[c].unit, columns[c].description, of_run);
    }
}

static double metric_of(const struct kw_served *r, int c)
{
    if (c == 0) return (double)kw_served_ttft(r) * 1e-9;
    if (c == 1) return r->generated > 1 ? kw_served_tpot(r) * 1e-9 : NAN;
    return (double)kw_served_e2e(r) * 1e-9;
}

static void requests(struct writer *w)
{
    static const struct {
        const char *name, *description;
    } columns[] = { { "ttft", "arrival to first output token" },
                    { "tpot", "(e2e - ttft) / (tokens - 1)" },
                    { "e2e", "arrival to last output token" } };
    static const char *const one[] = { "load", "request", NULL }, *const all[] = { "load", "run", "request", NULL };
    static const char *const length[] = { "request", NULL };
    group(w, "/requests", "one row a request", all);
    for (int c = 0; c < 3; c++)
        for (int sim = 0; sim < 2; sim++) {
            char path[32];
            size_t n = 0;
            for (size_t i = 0; i < w->loads; i++)
                for (size_t r = 0; r < w->runs; r++)
                    for (size_t q = 0; q < w->n; q++)
                        w->value[n++] = metric_of(&(sim ? w->s->at[i].sim : w->s->at[i].engine)[r].request[q], c);
            snprintf(path, sizeof path, "/requests/%s%s", sim ? "sim_" : "", columns[c].name);
            put_values(w, path, "s", columns[c].description, all);
        }
    for (size_t i = 0; i < w->loads; i++)
        for (size_t q = 0; q < w->n; q++) w->value[i * w->n + q] = (double)w->s->at[i].sim[0].request[q].arrival * 1e-9;
    put_values(w, "/requests/arrival", "s", "since the run began", one);
    for (size_t q = 0; q < w->n; q++) w->value[q] = w->s->at[0].sim[0].request[q].prompt;
    put_values(w, "/requests/prompt_tokens", "token", "input", length);
    for (size_t q = 0; q < w->n; q++) w->value[q] = w->s->at[0].sim[0].request[q].output;
    put_values(w, "/requests/output_tokens", "token", "output", length);
}

static void batches(struct writer *w)
{
    static const char *const one[] = { "load", "slice", NULL }, *const all[] = { "load", "run", "slice", NULL };
    group(w, "/batches", "sequences decoding, over time", all);
    for (size_t i = 0; i < w->loads; i++)
        for (size_t k = 0; k < KW_VALIDATE_SLICES; k++)
            w->value[i * KW_VALIDATE_SLICES + k] = (double)k * w->s->at[i].slice_s;
    put_values(w, "/batches/time", "s", "the slice's begin", one);
    for (int sim = 0; sim < 2; sim++) {
        for (size_t i = 0; i < w->loads; i++)
            for (size_t r = 0; r < w->runs; r++) {
                const struct kw_validated_side *of = &(sim ? w->s->at[i].sim : w->s->at[i].engine)[r];
                memcpy(w->value + (i * w->runs + r) * KW_VALIDATE_SLICES, of->decoding, sizeof of->decoding);
            }
        put_values(w, sim ? "/batches/sim_decoding" : "/batches/decoding", "sequence", "mean over the slice", all);
    }
}

static double bin_lower(size_t bin)
{
    return bin ? FIRST_BIN_S * pow(10, (double)(bin - 1) / BINS_A_DECADE) : 0;
}

static void add_gaps(double *bin, const struct kw_hist *h, double unit_s)
{
    for (size_t b = 0; b < KW_HIST_BUCKETS; b++) {
        if (!h->count[b]) continue;
        double s = (double)kw_hist_lower(b) * unit_s,
               at = s >= FIRST_BIN_S ? 1 + floor(log10(s / FIRST_BIN_S) * BINS_A_DECADE + 1e-9) : 0;
        bin[(size_t)fmin(at, BINS - 1)] += (double)h->count[b];
    }
}

static void itl(struct writer *w)
{
    static const char *const dims[] = { "load", "bin", NULL };
    group(w, "/itl", "gaps between two tokens of a request", (const char *const[]){ "load", "bin", NULL });
    for (size_t b = 0; b < BINS; b++) w->value[b] = bin_lower(b);
    put_values(w, "/itl/lower", "s", "the bin's lower edge; the last has no upper one",
               (const char *const[]){ "bin", NULL });
    memset(w->value, 0, w->loads * BINS * sizeof *w->value);
    for (size_t i = 0; i < w->loads; i++)
        for (size_t r = 0; r < w->runs; r++)
            add_gaps(w->value + i * BINS, &w->s->at[i].engine[r].itl, w->s->at[i].engine[r].itl_unit_s);
    put_values(w, "/itl/engine", "gap", "all runs", dims);
    memset(w->value, 0, w->loads * BINS * sizeof *w->value);
    for (size_t i = 0; i < w->loads; i++)
        for (size_t r = 0; r < w->runs; r++)
            add_gaps(w->value + i * BINS, &w->s->at[i].sim[r].itl, w->s->at[i].sim[r].itl_unit_s);
    put_values(w, "/itl/sim", "gap", "all runs", dims);
}

static void steps(struct writer *w)
{
    static const struct {
        const char *path, *unit, *description;
    } columns[] = { { "/steps/load_index", "", "index of /load" },
                    { "/steps/begin", "s", "since the run began" },
                    { "/steps/wall", "s", "decide, submit, wait, sample, commit" },
                    { "/steps/device", "s", "on the device" },
                    { "/steps/profile", "s", "on the device, as the profile has it" },
                    { "/steps/n_decode", "sequence", "that compute one token" },
                    { "/steps/decode_context", "token", "sum of their tokens in the KV cache, the new one included" },
                    { "/steps/n_chunks", "chunk", "of prompts" },
                    { "/steps/prefill_tokens", "token", "in chunks" },
                    { "/steps/prefill_pairs2", "pair", "twice the query-key pairs of the chunks" },
                    { "/steps/waiting", "sequence", "after the step" },
                    { "/steps/running", "sequence", "after the step" } };
    group(w, "/steps", "one row a batch", (const char *const[]){ "step", NULL });
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        size_t n = 0;
        for (size_t i = 0; i < w->loads; i++)
            for (size_t k = 0; k < w->s->at[i].engine[0].n_steps; k++) {
                const struct kw_served_step *e = &w->s->at[i].engine[0].step[k];
                const double row[] = { (double)i,
                                       (double)e->begin * 1e-9,
                                       (double)e->wall_ns * 1e-9,
                                       (double)e->device_ns * 1e-9,
                                       (double)w->s->at[i].profile_ns[k] * 1e-9,
                                       e->n_decode,
                                       (double)e->decode_context,
                                       e->n_chunks,
                                       e->prefill_tokens,
                                       (double)e->prefill_pairs2,
                                       e->waiting,
                                       e->running };
                w->value[n++] = row[c];
            }
        put_values(w, columns[c].path, columns[c].unit, columns[c].description, (const char *const[]){ "step", NULL });
    }
}

enum kw_status kw_validation_write(const struct kw_validation_file *s, const char *path, int64_t created_utc,
                                   struct kw_error *err)
{
    if (!s->n) return kw_fail(err, KW_ERANGE, "%.300s: no load was validated", path);
    struct writer w = { .s = s, .loads = s->n, .runs = s->at[0].runs, .n = s->at[0].n };
    size_t widest = w.n > BINS ? w.n : BINS, most = w.loads * w.runs * widest; /* BINS > KW_VALIDATE_SLICES */
    for (size_t i = 0; i < s->n; i++) w.n_steps += s->at[i].engine[0].n_steps;
    w.value = malloc((most > w.n_steps ? most : w.n_steps) * sizeof *w.value);
    if (!w.value) return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", w.n);
    enum kw_status st = kw_writer_open(&w.out, path, err);
    if (st == KW_OK) {
        attributes(&w, created_utc);
        loads(&w);
        errors(&w);
        runs(&w);
        requests(&w);
        batches(&w);
        itl(&w);
        steps(&w);
        st = kw_writer_close(&w.out);
    }
    free(w.value);
    return st;
}
