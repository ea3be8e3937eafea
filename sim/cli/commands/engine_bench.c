#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/bench.h"
#include "sim/cli/commands/engine.h"
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/output.h"
#include "sim/core/units.h"
#include "sim/io/text_table.h"

/* The least a step could take: the later of memory and arithmetic, whichever are known. */
static double floor_s(const struct kw_bench_row *r, const struct kw_bench_limits *l, const char **by)
{
    double memory = l->bandwidth > 0 ? r->bytes / l->bandwidth : 0, compute = l->flops > 0 ? r->flops / l->flops : 0;
    *by = memory == 0 && compute == 0 ? "-" : memory >= compute ? "memory" : "compute";
    return memory >= compute ? memory : compute;
}

static void print_table(struct kw_text *out, const struct kw_bench_row *rows, size_t n, const struct kw_bench_limits *l)
{
    struct kw_text_table t = { 0 };
    char a[16];
    const char *by;
    kw_text_table_column(&t, "test", "", false);
    kw_text_table_column(&t, "batch", "", true);
    kw_text_table_column(&t, "context", "", true);
    kw_text_table_column(&t, "step", "ms", true);
    kw_text_table_column(&t, "+-", "%", true);
    kw_text_table_column(&t, "tokens", "/s", true);
    kw_text_table_column(&t, "GB/s", "", true);
    kw_text_table_column(&t, "GFLOP/s", "", true);
    kw_text_table_column(&t, "of limit", "%", true);
    kw_text_table_column(&t, "limit", "", false);
    kw_text_table_column(&t, "", "", false);
    for (size_t i = 0; i < n; i++) {
        const struct kw_bench_row *r = &rows[i];
        kw_text_table_cell(&t, "%s%u", r->decode ? "tg" : "pp", r->tokens);
        kw_text_table_cell(&t, "%u", r->batch);
        kw_text_table_cell(&t, "%u", r->context);
        if (r->skipped[0]) {
            for (int k = 0; k < 7; k++) kw_text_table_cell(&t, "-");
            kw_text_table_cell(&t, "%s", r->skipped);
            continue;
        }
        const double least = floor_s(r, l, &by);
        kw_text_table_cell(&t, "%.3f", r->step_s * 1e3);
        kw_text_table_cell(&t, "%.1f", 50 * (r->high_s - r->low_s) / r->step_s);
        kw_text_table_cell(&t, "%s", kw_text_si(a, r->token_rate));
        kw_text_table_cell(&t, "%.2f", r->bytes / r->step_s * 1e-9);
        kw_text_table_cell(&t, "%.1f", r->flops / r->step_s * 1e-9);
        if (least > 0)
            kw_text_table_cell(&t, "%.0f", 100 * least / r->step_s);
        else
            kw_text_table_cell(&t, "-");
        kw_text_table_cell(&t, "%s", by);
        kw_text_table_cell(&t, "%s", r->steps < (r->decode ? r->tokens : 5) ? "cut short" : "");
    }
    kw_text_table_print(&t, out);
    if (t.failed) out->failed = true;
    kw_text_table_free(&t);
}

static void print_json(struct kw_text *out, const struct kw_bench_row *rows, size_t n, const struct kw_bench_limits *l)
{
    const char *by;
    for (size_t i = 0; i < n; i++) {
        const struct kw_bench_row *r = &rows[i];
        const double least = floor_s(r, l, &by);
        kw_text_add(out, "%s\n    { \"test\": \"%s%u\", \"batch\": %u, \"context\": %u", i ? "," : "",
                    r->decode ? "tg" : "pp", r->tokens, r->batch, r->context);
        if (r->skipped[0])
            kw_text_add(out, ", \"skipped\": \"%s\" }", r->skipped);
        else
            kw_text_add(
                out,
                ", \"steps\": %u, \"step_s\": %.9g, \"step_lo_s\": %.9g, \"step_hi_s\": %.9g, \"tokens_per_s\": %.9g, "
                "\"bytes\": %.0f, \"flops\": %.0f, \"floor_s\": %.9g, \"limit\": \"%s\" }",
                r->steps, r->step_s, r->low_s, r->high_s, r->token_rate, r->bytes, r->flops, least, by);
    }
}

static void say_row(void *ctx, const struct kw_bench_row *r)
{
    (void)ctx;
    if (r->skipped[0]) return;
    fprintf(stderr, "keepwarm: %s%u batch %u context %u: %.3f ms\n", r->decode ? "tg" : "pp", r->tokens, r->batch,
            r->context, r->step_s * 1e3);
}

/* The lists of the options, known before the model is loaded. Free them with free_lists. */
static enum kw_status read_lists(struct kw_bench_options *b, uint32_t *list[3], const struct kw_options *o,
                                 struct kw_error *err)
{
    *b = (struct kw_bench_options){ .steps = (uint32_t)o->repeat,
                                    .seed = o->seed >= 0 ? (uint64_t)o->seed : 1,
                                    .row_ns = o->limit * KW_NS_PER_S,
                                    .row = o->quiet ? NULL : say_row };
    list[0] = list[1] = list[2] = NULL;
    enum kw_status st =
        kw_cli_engine_numbers(&list[0], &b->n_prompts, o->prompts ? o->prompts : "512", 1, 1 << 24, "prefill", err);
    if (st == KW_OK)
        st = kw_cli_engine_numbers(&list[1], &b->n_batches, o->batches ? o->batches : "1,2,4,8,16,32,64,128,256", 1,
                                   65536, "batch", err);
    if (st == KW_OK)
        st = kw_cli_engine_numbers(&list[2], &b->n_contexts, o->contexts ? o->contexts : "0,1024", 0, 1 << 24,
                                   "context", err);
    b->prompts = list[0], b->batches = list[1], b->contexts = list[2];
    return st;
}

static void free_lists(uint32_t *list[3])
{
    for (int i = 0; i < 3; i++) free(list[i]);
}

static enum kw_status measure(struct kw_text *out, struct kw_engine *e, const struct kw_device *d,
                              const struct kw_bench_options *b, const struct kw_options *o, struct kw_error *err)
{
    struct kw_bench_limits l;
    struct kw_bench_row *rows = NULL;
    size_t n = 0;
    enum kw_status st = kw_bench_limits(&l, e, (uint32_t)o->threads, err);
    if (st == KW_OK) st = kw_bench_run(&rows, &n, e, b, err);
    if (st == KW_OK && o->json) {
        kw_text_add(
            out,
            "{ \"model\": \"%s\", \"precision\": \"%s\", \"backend\": \"%s\", \"device\": \"%s\", \"driver\": \"%s\", "
            "\"bandwidth\": %.9g, \"flop_rate\": %.9g, \"limits\": \"%s\",\n  \"rows\": [",
            e->config.name, kw_dtype_name(e->layout.precision), e->ops->name, d->name, d->driver, l.bandwidth, l.flops,
            l.measured ? "measured" : "data sheet");
        print_json(out, rows, n, &l);
        kw_text_add(out, "\n  ] }\n");
    } else if (st == KW_OK) {
        kw_text_add(out, "  %s, %s, %.2f GB of weights read a step; %s (%s)\n", e->config.name,
                    kw_dtype_name(e->layout.precision), (double)kw_weights_step_bytes(&e->layout) * 1e-9, d->name,
                    e->ops->name);
        kw_text_add(out, "  limits %s: %.1f GB/s, %.0f GFLOP/s; a step is held to the later\n\n",
                    l.measured ? "measured here (STREAM-like, fp32 FMA)" : "of the data sheet", l.bandwidth * 1e-9,
                    l.flops * 1e-9);
        print_table(out, rows, n, &l);
    }
    free(rows);
    return st;
}

int kw_cli_engine_bench(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_engine e;
    struct kw_device d;
    struct kw_text out = { .columns = kw_cli_columns() };
    struct kw_bench_options b;
    uint32_t *list[3];
    enum kw_status st = read_lists(&b, list, o, &err);
    if (st == KW_OK && (st = kw_cli_engine_open(&e, &d, o, o->model ? o->model : "tiny", &err)) == KW_OK) {
        st = measure(&out, &e, &d, &b, o, &err);
        kw_engine_close(&e);
    }
    free_lists(list);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}
