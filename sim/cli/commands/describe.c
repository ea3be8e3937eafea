#include "sim/cli/commands/describe.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "calibrate/profile/model.h"
#include "calibrate/profile/profile.h"
#include "sim/cli/output.h"
#include "sim/core/files/embedded.h"
#include "sim/core/files/file.h"
#include "sim/io/text_table.h"

/* ---- init */

/* The trace's and the model's name stand for the two %s, as JSON strings. Every key is one the reader knows; tests run
 * the whole as it is. */
static const char commented_scenario[] =
    "{\n"
    "  \"//\": [ \"keepwarm run | sweep | plan THIS.json; `keepwarm schema` describes every key.\",\n"
    "          \"A grid for sweep: \\\"sweep\\\": { \\\"deployments[main].keep_warm\\\": [0, 1, 2] }.\",\n"
    "          \"A key // is a comment. Times and money are decimal strings: seconds, US dollars.\" ],\n"
    "  \"keepwarm\": 1,\n"
    "  \"name\": \"my service\",\n"
    "  \"trace\": {\n"
    "    \"//\": [ \"your requests: arrival, prompt and output tokens; `keepwarm trace info FILE` says what is "
    "read.\",\n"
    "            \"from_s and to_s bound the window in seconds after the first arrival, and may lie outside the\",\n"
    "            \"arrivals; without them whole days, or weeks, where the trace shows them.\" ],\n"
    "    \"file\": %s\n"
    "  },\n"
    "  \"model\": %s,\n"
    "  \"slo\": {\n"
    "    \"//\": \"what must hold; fractions of all requests. Leave out what you do not ask for.\",\n"
    "    \"ttft_p95_s\": \"2\",\n"
    "    \"tpot_p95_s\": \"0.05\",\n"
    "    \"error_fraction\": \"0.001\"\n"
    "  },\n"
    "  \"deployments\": [\n"
    "    {\n"
    "      \"//\": [ \"what `run` simulates: a platform of `keepwarm platforms list` and a GPU, precision and "
    "tensor\",\n"
    "              \"parallel degree it offers. keep_warm: replicas kept ready when idle; idle_timeout_s: how long "
    "a\",\n"
    "              \"surplus replica waits before it is stopped.\" ],\n"
    "      \"name\": \"main\", \"platform\": \"modal\", \"gpu\": \"H100\", \"precision\": \"bf16\", \"tp\": 1,\n"
    "      \"keep_warm\": 1, \"max_replicas\": 8, \"idle_timeout_s\": \"60\"\n"
    "    }\n"
    "  ],\n"
    "  \"routing\": {\n"
    "    \"//\": \"single; fallback | overflow: deployments in order; class | model: by the trace; split: by "
    "shares\",\n"
    "    \"policy\": \"single\"\n"
    "  },\n"
    "  \"replications\": 8,\n"
    "  \"seed\": 1\n"
    "}\n";

/* A JSON string, malloc'd; NULL without memory. Names of files may hold anything. */
static char *quoted(const char *s)
{
    struct kw_text t = { 0 };
    kw_text_quote(&t, s);
    if (t.failed) kw_text_free(&t);
    return t.s;
}

int kw_cli_init(const struct kw_options *o)
{
    struct kw_error err;
    struct kw_text out = { .columns = kw_cli_columns() };
    char *trace = quoted(o->trace ? o->trace : "workloads/chat-week.json");
    char *model = quoted(o->model ? o->model : "llama-3.1-8b");
    enum kw_status st = KW_OK;
    if (trace && model)
        kw_text_add(&out, commented_scenario, trace, model);
    else
        st = kw_fail(&err, KW_ENOMEM, "out of memory for a scenario");
    free(trace);
    free(model);
    if (st == KW_OK && !o->out) return kw_cli_print(&out);
    if (st == KW_OK && access(o->out, F_OK) == 0)
        st = kw_fail(&err, KW_EUSAGE, "%s: is there already; init overwrites nothing", o->out);
    if (st == KW_OK && !out.s) st = kw_fail(&err, KW_ENOMEM, "out of memory for a scenario");
    if (st == KW_OK) st = kw_file_replace(o->out, out.s, strlen(out.s), &err);
    kw_text_free(&out);
    return st == KW_OK ? 0 : kw_cli_fail(st, &err);
}

/* ---- schema */

int kw_cli_schema(const struct kw_options *o)
{
    (void)o;
    size_t n;
    struct kw_text out = { .columns = kw_cli_columns() };
    const char *schema = kw_embedded_find("sim/io/scenario/scenario.schema.json", &n);
    kw_text_add(&out, "%s", schema);
    return kw_cli_print(&out);
}

/* ---- models */

int kw_cli_models(const struct kw_options *o)
{
    (void)o;
    struct kw_error err;
    struct kw_profiles all;
    enum kw_status st = kw_profiles_embedded(&all, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    struct kw_text_table t = { 0 };
    struct kw_text out = { .columns = kw_cli_columns() };
    kw_text_table_column(&t, "model", "", false);
    kw_text_table_column(&t, "params", "1e9", true);
    kw_text_table_column(&t, "active", "1e9", true);
    kw_text_table_column(&t, "weights", "GB", true);
    kw_text_table_column(&t, "in", "", false);
    kw_text_table_column(&t, "KV", "kB/token", true);
    kw_text_table_column(&t, "profiles", "", true);
    for (size_t i = 0; i < kw_model_count(); i++) {
        const struct kw_model_shape *m = kw_model_at(i);
        size_t profiles = 0;
        for (size_t k = 0; k < all.n; k++) profiles += kw_model_same_shape(all.p[k].model, m->name);
        kw_text_table_cell(&t, "%s", m->name);
        kw_text_table_cell(&t, "%.2f", m->n_params / 1e9);
        kw_text_table_cell(&t, "%.2f", m->active_params / 1e9);
        kw_text_table_cell(&t, "%.1f", kw_model_weight_bytes(m, kw_model_own_precision(m)) / 1e9);
        kw_text_table_cell(&t, "%s", kw_model_own_precision(m));
        kw_text_table_cell(&t, "%.1f", kw_model_kv_bytes_per_token(m, "bf16") / 1e3);
        kw_text_table_cell(&t, "%zu", profiles);
        kw_text_table_cell(&t, "  %s", m->hf_name[0]); /* a row of its own: both are too wide for one */
        for (int c = 0; c < 6; c++) kw_text_table_cell(&t, "%s", "");
    }
    kw_text_table_print(&t, &out);
    kw_text_add(
        &out, "\n  A model without a profile is estimated by its shape; so is one of yours: --model PATH/config.json.\n"
              "  What APIs serve is in `keepwarm platforms list`.\n");
    kw_text_table_free(&t);
    kw_profiles_free(&all);
    return kw_cli_print(&out);
}
