#include "sim/cli/commands/engine.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "engine/serve/serve_trace.h"
#include "engine/model/synthetic.h"
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/progress.h"
#include "sim/cli/output.h"
#include "sim/core/files/file.h"
#include "sim/io/text_table.h"
#include "sim/io/results/engine_replay.h"
#include "workloads/sessions.h"
#include "workloads/trace.h"
#include "workloads/trace_load.h"

/* ---- serve-trace */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

static enum kw_status save_text(const char *path, struct kw_text *t, struct kw_error *err)
{
    enum kw_status st = t->failed ? kw_fail(err, KW_ENOMEM, "out of memory for %s", path)
                                  : kw_file_replace(path, t->s ? t->s : "", t->n, err);
    kw_text_free(t);
    return st;
}

/* FILE.jsonl holds the requests, FILE.steps.jsonl the steps. */
static enum kw_status save_jsonl(const char *path, const struct kw_served_trace *s, struct kw_error *err)
{
    char steps[1024];
    struct kw_text t = { 0 };
    if (snprintf(steps, sizeof steps, "%.*s.steps.jsonl", (int)(strlen(path) - 6), path) >= (int)sizeof steps)
        return kw_fail(err, KW_EUSAGE, "the output's name is too long");
    kw_served_requests_jsonl(&t, s);
    enum kw_status st = save_text(path, &t, err);
    if (st != KW_OK) return st;
    kw_served_steps_jsonl(&t, s);
    return save_text(steps, &t, err);
}

static void line_ms(struct kw_text_table *t, const char *name, const double v[4])
{
    kw_text_table_cell(t, "%s", name);
    for (int k = 0; k < 4; k++) kw_text_table_cell(t, "%.3f", v[k] * 1e3);
}

static void print_table(struct kw_text *out, const struct kw_served_trace *s, const struct kw_served_summary *m)
{
    struct kw_text_table t = { 0 };
    char a[16], b[16];
    kw_text_table_column(&t, "", "", false);
    kw_text_table_column(&t, "p50", "ms", true);
    kw_text_table_column(&t, "p95", "ms", true);
    kw_text_table_column(&t, "p99", "ms", true);
    kw_text_table_column(&t, "mean", "ms", true);
    line_ms(&t, "TTFT", m->ttft_s);
    line_ms(&t, "TPOT", m->tpot_s);
    line_ms(&t, "ITL", m->itl_s);
    line_ms(&t, "E2E", m->e2e_s);
    kw_text_table_print(&t, out);
    if (t.failed) out->failed = true;
    kw_text_table_free(&t);
    kw_text_add(out, "\n  %u done, %u refused, %u cut of %zu requests in %.2f s; %.2f requests/s\n", s->done,
                s->refused, s->cut, s->n, m->duration_s, m->request_rate);
    kw_text_add(out, "  %s output tokens/s, %s with prompts; %zu steps, busy %.1f %%, %" PRIu64 " preemptions\n",
                kw_text_si(a, m->output_rate), kw_text_si(b, m->total_rate), s->n_steps, 100 * m->busy, m->preempted);
}

static void member(struct kw_text *out, const char *name, const double v[4])
{
    static const char *const at[] = { "p50", "p95", "p99", "mean" };
    for (int k = 0; k < 4; k++)
        if (v[k] == v[k]) /* NAN where nothing finished */
            kw_text_add(out, ", \"%s_%s_s\": %.9g", name, at[k], v[k]);
}

static void print_json(struct kw_text *out, const struct kw_served_trace *s, const struct kw_served_summary *m)
{
    kw_text_add(out, "{ \"requests\": %zu, \"done\": %u, \"refused\": %u, \"cut\": %u, \"duration_s\": %.9g", s->n,
                s->done, s->refused, s->cut, m->duration_s);
    member(out, "ttft", m->ttft_s);
    member(out, "tpot", m->tpot_s);
    member(out, "itl", m->itl_s);
    member(out, "e2e", m->e2e_s);
    kw_text_add(
        out,
        ", \"requests_per_s\": %.9g, \"output_tokens_per_s\": %.9g, \"tokens_per_s\": %.9g, \"prompt_tokens\": %" PRIu64
        ", \"output_tokens\": %" PRIu64 ", \"steps\": %zu, \"busy\": %.6f, \"preemptions\": %" PRIu64 " }\n",
        m->request_rate, m->output_rate, m->total_rate, m->prompt_tokens, m->output_tokens, s->n_steps, m->busy,
        m->preempted);
}

static enum kw_status save(const struct kw_options *o, const struct kw_engine_replay_file *f, struct kw_error *err)
{
    if (!o->out) return KW_OK;
    enum kw_status st = ends_with(o->out, ".jsonl") ? save_jsonl(o->out, f->served, err)
                                                    : kw_engine_replay_write(f, o->out, (int64_t)time(NULL), err);
    if (st == KW_OK && !o->quiet) kw_cli_note("wrote %s", o->out);
    return st;
}

static enum kw_status replay(struct kw_served_trace *s, struct kw_engine *e, const struct kw_trace *t, double speed,
                             const struct kw_options *o, struct kw_error *err)
{
    struct kw_progress bar;
    kw_progress_begin(&bar, "serving", o->quiet);
    struct kw_serve_trace r = {
        .n = t->n,
        .arrival = t->arrival,
        .prompt = t->prompt,
        .output = t->output,
        .hash_at = t->hash_at,
        .hash = t->hash,
        .hash_block = t->hash_block,
        .speed = speed,
        .seed = o->seed >= 0 ? (uint64_t)o->seed : 1,
        .limit_ns = o->limit * KW_NS_PER_S,
        .stop = kw_cli_engine_stop(),
        .progress = kw_progress_update,
        .progress_ctx = &bar,
    };
    enum kw_status st = kw_serve_trace_run(s, e, &r, err);
    kw_progress_end(&bar);
    return st;
}

/* Replays and reports with everything open. Returns the exit code. */
static int serve_trace(struct kw_engine *e, const struct kw_device *d, const struct kw_trace *t, double speed,
                       const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_served_trace s;
    struct kw_served_summary m;
    struct kw_text out = { .columns = kw_cli_columns() };
    enum kw_status st = replay(&s, e, t, speed, o, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    if (s.refused && !o->quiet)
        kw_cli_note("%u request%s refused; the first: %s", s.refused, s.refused == 1 ? " was" : "s were",
                    s.refusal.msg);
    struct kw_engine_replay_file f = { .served = &s,
                                       .engine = e,
                                       .device = d,
                                       .trace_source = t->notes.source,
                                       .trace_sha256 = t->notes.sha256,
                                       .seed = o->seed >= 0 ? (uint64_t)o->seed : 1 };
    st = kw_served_summarise(&m, &s, &err);
    bool known = st == KW_OK; /* then it is printed even where the requests cannot be saved */
    if (known) (o->json ? print_json : print_table)(&out, &s, &m);
    if (known) st = save(o, &f, &err);
    kw_served_trace_free(&s);
    int code = known ? kw_cli_print(&out) : 0;
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}

int kw_cli_engine_serve_trace(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_trace t = { 0 };
    struct kw_engine e = { 0 };
    struct kw_device d;
    double speed = 1;
    char remarks[2000];
    enum kw_status st = o->speed ? kw_cli_engine_decimal(&speed, o->speed, "speed", &err) : KW_OK;
    if (st == KW_OK && !(speed > 0))
        st = kw_fail(&err, KW_EUSAGE, "--speed wants a number above 0; got '%.40s'", o->speed);
    if (st == KW_OK && o->out && !ends_with(o->out, ".jsonl") && !ends_with(o->out, ".h5"))
        st = kw_fail(&err, KW_EUSAGE, "-o: want a name that ends in .h5 or .jsonl; got '%.80s'", o->out);
    if (st == KW_OK && o->out) st = kw_file_check(o->out, &err);
    if (st == KW_OK) st = kw_trace_load(&t, o->args.v[0], o->format, o->columns, &err);
    if (st == KW_OK) st = kw_sessions_refuse(&t, "engine serve-trace", &err);
    if (st == KW_OK && o->strict) st = kw_trace_strict(&t, &err);
    if (st == KW_OK && !o->quiet && kw_trace_remarks(&t, remarks, sizeof remarks)[0])
        kw_cli_note("%s: %s", o->args.v[0], remarks);
    if (st == KW_OK) st = kw_cli_engine_open(&e, &d, o, o->model ? o->model : "tiny", &err);
    int code = st == KW_OK ? serve_trace(&e, &d, &t, speed, o) : kw_cli_fail(st, &err);
    if (st == KW_OK) kw_engine_close(&e);
    kw_trace_free(&t);
    return code;
}

/* ---- generate, synth-weights */

static enum kw_status read_prompt(uint32_t **ids, size_t *n, const struct kw_engine *e, const struct kw_options *o,
                                  struct kw_error *err)
{
    if (o->ids) return kw_cli_engine_numbers(ids, n, o->ids, 0, e->config.vocab - 1, "ids", err);
    return kw_tokenizer_encode(e->tokenizer, o->prompt, strlen(o->prompt), true, ids, n, err);
}

static enum kw_status print_answer(struct kw_text *out, const struct kw_engine *e, const struct kw_generated *g,
                                   const struct kw_options *o, struct kw_error *err)
{
    if (o->prompt && !o->json) {
        char *text;
        size_t len;
        enum kw_status st = kw_tokenizer_decode(e->tokenizer, g->ids, g->n, &text, &len, err);
        if (st != KW_OK) return st;
        kw_text_add(out, "%s\n", text);
        free(text);
        return KW_OK;
    }
    if (o->json) kw_text_add(out, "{ \"ids\": [");
    for (uint32_t i = 0; i < g->n; i++) kw_text_add(out, "%s%u", i ? "," : "", g->ids[i]);
    if (o->json)
        kw_text_add(out, "], \"finish\": \"%s\", \"ttft_s\": %.9f, \"total_s\": %.9f }",
                    g->finish == KW_FINISH_STOP ? "stop" : "length", (double)g->first_ns * 1e-9,
                    (double)g->total_ns * 1e-9);
    kw_text_add(out, "\n");
    return KW_OK;
}

/* What can be said of the options before minutes of loading: only the vocabulary's range needs the model. */
static enum kw_status read_sampling(struct kw_sampling *how, const struct kw_options *o, struct kw_error *err)
{
    double temperature = 0, top_p = 1;
    uint32_t *ids;
    size_t n;
    struct kw_sampler sampler;
    enum kw_status st =
        o->temperature ? kw_cli_engine_decimal(&temperature, o->temperature, "temperature", err) : KW_OK;
    if (st == KW_OK && o->top_p) st = kw_cli_engine_decimal(&top_p, o->top_p, "top-p", err);
    *how = (struct kw_sampling){ (float)temperature, (uint32_t)o->top_k, (float)top_p,
                                 o->seed >= 0 ? (uint64_t)o->seed : 1 };
    if (st == KW_OK && (st = kw_sampler_init(&sampler, how, 0, err)) == KW_OK) kw_sampler_free(&sampler);
    if (st == KW_OK && !o->prompt == !o->ids) st = kw_fail(err, KW_EUSAGE, "want either --prompt TEXT or --ids LIST");
    char path[1200];
    if (st == KW_OK && o->prompt &&
        snprintf(path, sizeof path, "%.1100s/tokenizer.json", o->model ? o->model : "") > 0 && access(path, F_OK))
        st = kw_fail(err, KW_EUSAGE, "--prompt: the model has no tokenizer.json; give token ids with --ids");
    if (st == KW_OK && o->ids && (st = kw_cli_engine_numbers(&ids, &n, o->ids, 0, UINT32_MAX, "ids", err)) == KW_OK)
        free(ids);
    return st;
}

static enum kw_status generate(struct kw_text *out, struct kw_engine *e, const struct kw_sampling *how,
                               const struct kw_options *o, struct kw_error *err)
{
    uint32_t *ids = NULL;
    size_t n = 0;
    struct kw_generated g = { 0 };
    enum kw_status st = read_prompt(&ids, &n, e, o, err);
    if (st == KW_OK && (n == 0 || n > e->limits.max_model_len))
        st = kw_fail(err, KW_ERANGE, "the prompt has %zu tokens; want 1 to %u", n, e->limits.max_model_len);
    if (st == KW_OK)
        st = kw_engine_generate(
            e,
            &(struct kw_engine_request){
                .prompt = ids, .n_prompt = (uint32_t)n, .max_new = (uint32_t)o->max_tokens, .sampling = *how },
            &g, err);
    if (st == KW_OK) st = print_answer(out, e, &g, o, err);
    if (st == KW_OK && !o->quiet)
        kw_cli_note("%u tokens, the first after %.1f ms, then %.2f ms each", g.n, (double)g.first_ns * 1e-6,
                    g.n > 1 ? (double)(g.total_ns - g.first_ns) * 1e-6 / (g.n - 1) : 0.0);
    kw_generated_free(&g);
    free(ids);
    return st;
}

int kw_cli_engine_generate(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_engine e;
    struct kw_device d;
    struct kw_text out = { .columns = kw_cli_columns() };
    struct kw_sampling how;
    enum kw_status st = read_sampling(&how, o, &err);
    if (st == KW_OK) st = kw_cli_engine_open(&e, &d, o, o->model, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = generate(&out, &e, &how, o, &err);
    kw_engine_close(&e);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}

int kw_cli_engine_synth_weights(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_model_config c;
    enum kw_status st = o->model && o->out ? kw_config_named(&c, o->model, &err)
                                           : kw_fail(&err, KW_EUSAGE, "want --model NAME and -o FOLDER");
    if (st == KW_OK && o->precision) {
        int t = kw_dtype_find(o->precision);
        if (t < 0 || t == KW_DT_FP8)
            st = kw_fail(&err, KW_EUSAGE, "--precision: want bf16, fp16 or fp32; got '%.40s'", o->precision);
        else
            c.dtype = (enum kw_dtype)t;
    }
    if (st == KW_OK) st = kw_synthetic_write(&c, o->out, o->seed >= 0 ? (uint64_t)o->seed : 1, UINT64_C(5) << 30, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    if (!o->quiet) kw_cli_note("wrote %s (%.3f billion parameters)", o->out, (double)kw_config_params(&c) * 1e-9);
    return 0;
}
