#include "sim/io/results/engine_replay.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "sim/io/results/writer.h"

/* One member of an array of structs as a dataset: [n] values of 4 or 8 bytes, `stride` bytes apart. */
struct column {
    const char *name, *unit, *description;
    enum kw_h5_type type;
    size_t offset;
};

static size_t width(enum kw_h5_type t)
{
    return t == KW_H5_U32 ? 4 : 8;
}

static void put_columns(struct kw_writer *w, const char *group_path, const char *scale, const struct column *c,
                        const void *rows, size_t n, size_t stride)
{
    char *buffer = malloc(8 * (n + !n));
    char path[96], dim[96];
    if (!buffer) {
        kw_writer_no_memory(w);
        return;
    }
    for (size_t i = 0; i < n; i++) ((uint32_t *)(void *)buffer)[i] = (uint32_t)i;
    snprintf(dim, sizeof dim, "%s/%s", group_path, scale);
    kw_writer_put(w, (struct kw_h5_dataset){ dim, KW_H5_U32, "", "in order", 1, { n }, { NULL }, scale, 0 }, buffer);
    for (; c->name; c++) {
        const char *from = (const char *)rows + c->offset;
        for (size_t i = 0; i < n; i++) memcpy(buffer + i * width(c->type), from + i * stride, width(c->type));
        snprintf(path, sizeof path, "%s/%s", group_path, c->name);
        kw_writer_put(w, (struct kw_h5_dataset){ path, c->type, c->unit, c->description, 1, { n }, { dim }, NULL, 4 },
                      buffer);
    }
    free(buffer);
}

struct request_row { /* a request as the file has it */
    int64_t arrival, ttft, e2e, itl_max;
    double tpot;
    uint32_t prompt, output, generated, status;
};
#define AT(member) offsetof(struct request_row, member)
static const struct column request_columns[] = {
    { "arrival_ns", "ns", "since the replay began, the trace's time divided by its speed", KW_H5_I64, AT(arrival) },
    { "prompt_tokens", "token", "input tokens", KW_H5_U32, AT(prompt) },
    { "output_tokens", "token", "output tokens asked", KW_H5_U32, AT(output) },
    { "generated_tokens", "token", "output tokens got", KW_H5_U32, AT(generated) },
    { "ttft_ns", "ns", "arrival to first output token; -1: none", KW_H5_I64, AT(ttft) },
    { "tpot_ns", "ns", "(e2e - ttft) / (generated - 1); 0 with one token", KW_H5_F64, AT(tpot) },
    { "e2e_ns", "ns", "arrival to last output token; -1: not completed", KW_H5_I64, AT(e2e) },
    { "itl_max_ns", "ns", "longest gap between two tokens", KW_H5_I64, AT(itl_max) },
    { "status", "", "0 done, 1 refused: the engine can never run it, 2 cut: the replay was stopped before", KW_H5_U32,
      AT(status) },
    { NULL, NULL, NULL, KW_H5_I64, 0 },
};
#undef AT

static void write_requests(struct kw_writer *w, const struct kw_served_trace *s)
{
    struct request_row *row = malloc((s->n + !s->n) * sizeof *row);
    if (!row) {
        kw_writer_no_memory(w);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct kw_served *r = &s->request[i];
        row[i] = (struct request_row){ .arrival = r->arrival,
                                       .ttft = r->first == INT64_MIN ? -1 : kw_served_ttft(r),
                                       .e2e = r->status == KW_SERVED_DONE ? kw_served_e2e(r) : -1,
                                       .itl_max = r->itl_max,
                                       .tpot = kw_served_tpot(r),
                                       .prompt = r->prompt,
                                       .output = r->output,
                                       .generated = r->generated,
                                       .status = r->status };
    }
    kw_writer_group(w, "/requests", "one row a request");
    put_columns(w, "/requests", "request", request_columns, row, s->n, sizeof *row);
    free(row);
}

#define AT(member) offsetof(struct kw_served_step, member)
static const struct column step_columns[] = {
    { "begin_ns", "ns", "since the replay began", KW_H5_I64, AT(begin) },
    { "wall_ns", "ns",
      "decide, submit, wait, sample; async: from the end of the step before, where that ran into this one", KW_H5_I64,
      AT(wall_ns) },
    { "device_ns", "ns", "on the device", KW_H5_I64, AT(device_ns) },
    { "n_decode", "sequence", "that compute one token", KW_H5_U32, AT(n_decode) },
    { "decode_context", "token", "sum of their tokens in the KV cache, the new one included", KW_H5_U64,
      AT(decode_context) },
    { "n_chunks", "chunk", "prefill chunks", KW_H5_U32, AT(n_chunks) },
    { "prefill_tokens", "token", "in prefill chunks", KW_H5_U32, AT(prefill_tokens) },
    { "prefill_pairs2", "pair", "twice the query-key pairs of causal attention: sum of 2 len past + len^2", KW_H5_U64,
      AT(prefill_pairs2) },
    { "n_preempted", "sequence", "preempted while this step was decided", KW_H5_U32, AT(n_preempted) },
    { "waiting", "sequence", "in the queue after the step", KW_H5_U32, AT(waiting) },
    { "running", "sequence", "in the batch after the step", KW_H5_U32, AT(running) },
    { "blocks_used", "block", "of the KV cache after the step", KW_H5_U32, AT(blocks_used) },
    { NULL, NULL, NULL, KW_H5_I64, 0 },
};
#undef AT

static void write_itl(struct kw_writer *w, const struct kw_hist *h)
{
    size_t n = 0, k = 0;
    for (size_t b = 0; b < KW_HIST_BUCKETS; b++) n += h->count[b] != 0;
    int64_t *lower = malloc((n + !n) * sizeof *lower);
    uint64_t *count = malloc((n + !n) * sizeof *count);
    if (lower && count) {
        for (size_t b = 0; b < KW_HIST_BUCKETS; b++)
            if (h->count[b]) lower[k] = kw_hist_lower(b), count[k++] = h->count[b];
        kw_writer_group(w, "/hist", "histograms, log buckets of 0.1 % relative error; empty ones left out");
        kw_writer_group(w, "/hist/itl", "gaps between two tokens of a request");
        kw_writer_put(w,
                      (struct kw_h5_dataset){
                          "/hist/itl/lower", KW_H5_I64, "ns", "bucket's lower edge", 1, { n }, { NULL }, "lower", 0 },
                      lower);
        kw_writer_put(
            w,
            (struct kw_h5_dataset){
                "/hist/itl/count", KW_H5_U64, "gap", "in the bucket", 1, { n }, { "/hist/itl/lower" }, NULL, 4 },
            count);
    } else {
        kw_writer_no_memory(w);
    }
    free(lower);
    free(count);
}

struct phase_row {
    int64_t begin, end;
    uint64_t bytes;
    uint32_t critical;
};
#define AT(member) offsetof(struct phase_row, member)
static const struct column phase_columns[] = {
    { "begin_ns", "ns", "since the process began", KW_H5_I64, AT(begin) },
    { "end_ns", "ns", "since the process began", KW_H5_I64, AT(end) },
    { "bytes", "B", "moved; 0 where that has no meaning", KW_H5_U64, AT(bytes) },
    { "critical", "", "1: on the critical path", KW_H5_U32, AT(critical) },
    { NULL, NULL, NULL, KW_H5_I64, 0 },
};
#undef AT

static void write_startup(struct kw_writer *w, const struct kw_startup *s)
{
    struct phase_row row[KW_STARTUP_MAX];
    const char *name[KW_STARTUP_MAX];
    size_t n = s->n < KW_STARTUP_MAX ? s->n : KW_STARTUP_MAX;
    uint32_t path[KW_STARTUP_MAX], n_path = kw_startup_critical(s, path);
    for (size_t i = 0; i < n; i++) {
        row[i] = (struct phase_row){ s->at[i].begin - s->origin, s->at[i].end - s->origin, s->at[i].bytes, 0 };
        name[i] = s->at[i].name;
    }
    for (uint32_t i = 0; i < n_path; i++) row[path[i]].critical = 1;
    struct kw_startup_figures f;
    kw_startup_figures(s, &f);
    kw_writer_group(w, "/startup", "phases of the cold start; they overlap");
    const struct {
        const char *name;
        int64_t ns;
    } figures[] = { { "weights_ns", f.weights },
                    { "ready_ns", f.ready },
                    { "first_token_ns", f.first_token },
                    { "sum_ns", f.sum },
                    { "critical_ns", f.critical } };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (w->st == KW_OK) w->st = kw_h5_attr_i64(w->f, "/startup", figures[i].name, figures[i].ns, w->err);
    put_columns(w, "/startup", "phase", phase_columns, row, n, sizeof *row);
    kw_writer_put(w,
                  (struct kw_h5_dataset){
                      "/startup/name", KW_H5_STR, "", "what was done", 1, { n }, { "/startup/phase" }, NULL, 0 },
                  name);
}

static void write_attributes(struct kw_writer *w, const struct kw_engine_replay_file *s, int64_t created_utc)
{
    char text[64] = "";
    const struct kw_sched_config *l = &s->engine->limits;
    kw_writer_about(w, "keepwarm replay on the engine", KW_ENGINE_REPLAY_SCHEMA, "engine serve-trace");
    kw_writer_attr(w, "model", s->engine->config.name);
    kw_writer_attr(w, "precision", kw_dtype_name(s->engine->layout.precision));
    kw_writer_attr(w, "backend", s->engine->ops->name);
    kw_writer_attr(w, "device", s->device->name);
    kw_writer_attr(w, "driver", s->device->driver);
    kw_writer_attr_i64(w, "max_num_seqs", l->max_num_seqs);
    kw_writer_attr_i64(w, "max_num_batched_tokens", l->max_num_batched_tokens);
    kw_writer_attr_i64(w, "max_model_len", l->max_model_len);
    kw_writer_attr_i64(w, "block_size", l->block_size);
    kw_writer_attr_i64(w, "num_blocks", l->num_blocks);
    kw_writer_attr_i64(w, "prefix_caching", l->prefix_caching);
    kw_writer_attr_i64(w, "async_scheduling", l->async_scheduling);
    snprintf(text, sizeof text, "%.9g", s->served->speed);
    kw_writer_attr(w, "speed", text);
    kw_writer_attr_i64(w, "wall_ns", s->served->wall_ns);
    kw_writer_attr_i64(w, "seed", (int64_t)s->seed);
    kw_writer_attr(w, "trace_sha256", s->trace_sha256);
    kw_writer_attr(w, "trace_source", s->trace_source);
    kw_writer_created(w, created_utc);
}

enum kw_status kw_engine_replay_write(const struct kw_engine_replay_file *s, const char *path, int64_t created_utc,
                                      struct kw_error *err)
{
    struct kw_writer w;
    enum kw_status st = kw_writer_open(&w, path, err);
    if (st != KW_OK) return st;
    write_attributes(&w, s, created_utc);
    write_requests(&w, s->served);
    kw_writer_group(&w, "/steps", "one row a batch");
    put_columns(&w, "/steps", "step", step_columns, s->served->step, s->served->n_steps, sizeof *s->served->step);
    write_itl(&w, &s->served->itl);
    write_startup(&w, &s->engine->startup);
    return kw_writer_close(&w);
}
