/* engine start: one cold start of the engine, measured from before exec to the first token. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "calibrate/measure/measure.h"
#include "sim/cli/commands/engine.h"
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/output.h"
#include "sim/io/text_table.h"

static void print_phases(struct kw_text *out, const struct kw_startup *p)
{
    bool critical[KW_STARTUP_MAX] = { false };
    uint32_t path[KW_STARTUP_MAX], n = kw_startup_critical(p, path);
    struct kw_text_table t = { 0 };
    for (uint32_t i = 0; i < n; i++) critical[path[i]] = true;
    kw_text_table_column(&t, "phase", "", false);
    kw_text_table_column(&t, "begin", "ms", true);
    kw_text_table_column(&t, "took", "ms", true);
    kw_text_table_column(&t, "moved", "MB", true);
    kw_text_table_column(&t, "critical", "", false);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct kw_startup_phase *a = &p->at[i];
        kw_text_table_cell(&t, "%s", a->name);
        kw_text_table_cell(&t, "%.2f", (double)(a->begin - p->origin) * 1e-6);
        kw_text_table_cell(&t, "%.2f", (double)(a->end - a->begin) * 1e-6);
        if (a->bytes)
            kw_text_table_cell(&t, "%.1f", (double)a->bytes * 1e-6);
        else
            kw_text_table_cell(&t, "-");
        kw_text_table_cell(&t, "%s", critical[i] ? "*" : "");
    }
    kw_text_table_print(&t, out);
    if (t.failed) out->failed = true;
    kw_text_table_free(&t);
}

static void print_start(struct kw_text *out, const struct kw_engine *e, const struct kw_measured_start *s)
{
    double wall = s->first_token_s;
    print_phases(out, &e->startup);
    kw_text_add(out, "\n  weights %.4f s (%s, %.2f GB/s", s->load_s, s->mode,
                s->load_s > 0 ? s->bytes / s->load_s * 1e-9 : 0.0);
    if (s->direct_bytes > 0) kw_text_add(out, ", %.0f %% by O_DIRECT", 100 * s->direct_bytes / s->file_bytes);
    kw_text_add(out, "), process to ready %.4f s, process to first token %.4f s\n", s->ready_s, s->first_token_s);
    kw_text_add(out, "  all phases together %.4f s, the critical path %.4f s, in no phase %.4f s\n", s->sum_s,
                s->critical_s, wall - s->critical_s);
}

static enum kw_status start(struct kw_text *out, struct kw_engine *e, const struct kw_engine_options *want, bool json,
                            struct kw_error *err)
{
    struct kw_generated g = { 0 };
    enum kw_status st = kw_engine_generate(
        e, &(struct kw_engine_request){ .prompt = (const uint32_t[]){ 0 }, .n_prompt = 1, .max_new = 1 }, &g, err);
    kw_generated_free(&g);
    if (st != KW_OK) return st;
    struct kw_measured_start s = kw_measure_start(e, want);
    if (!json) {
        print_start(out, e, &s);
        return KW_OK;
    }
    char *line = NULL;
    size_t n;
    FILE *f = open_memstream(&line, &n);
    if (!f) return kw_fail(err, KW_ENOMEM, "out of memory");
    st = kw_measured_put_start(f, &s, &e->startup, err);
    fclose(f);
    if (st == KW_OK) kw_text_add(out, "%s", line);
    free(line);
    return st;
}

int kw_cli_engine_start(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_engine e;
    struct kw_device d;
    struct kw_engine_options want;
    struct kw_text out = { .columns = kw_cli_columns() };
    const char *model = o->model ? o->model : "tiny";
    enum kw_status st = kw_cli_engine_options(&want, o, model, &err);
    if (st == KW_OK) st = kw_cli_engine_open(&e, &d, o, model, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = start(&out, &e, &want, o->json, &err);
    kw_engine_close(&e);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}
