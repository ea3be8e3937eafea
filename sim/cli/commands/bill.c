#include "sim/cli/commands/bill.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/cli/output.h"
#include "sim/cli/platform_folder.h"
#include "sim/cost/invoice.h"
#include "sim/cost/log_bill.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/io/text_table.h"
#include "workloads/stats.h"
#include "workloads/trace_load.h"

/* All there is to show. */
struct bill_check {
    struct kw_trace trace;
    struct kw_catalogue catalogue;
    const struct kw_platform *platform;
    struct kw_log_bill bill;
    struct kw_invoice invoice;
    bool has_invoice;
    kw_nusd invoiced; /* an invoice's total, without lines */
    bool has_total;
};

static const char *usd(kw_nusd v, char buf[32])
{
    return kw_grouped(buf, 32, kw_nano_to_double(v), 4);
}

static const char *tokens(double v, char buf[32])
{
    return kw_grouped(buf, 32, v, 0);
}

static void priced_lines(struct kw_text *out, const struct bill_check *k)
{
    struct kw_text_table t = { 0 };
    char a[32], b[32], c[32];
    kw_text_table_column(&t, "model", "", false);
    kw_text_table_column(&t, "line", "", false);
    kw_text_table_column(&t, "tokens", "", true);
    kw_text_table_column(&t, "price", "$/Mtok", true);
    kw_text_table_column(&t, "cost", "$", true);
    kw_text_table_column(&t, "as of", "", false);
    for (size_t i = 0; i < k->bill.n; i++) {
        const struct kw_log_bill_model *m = &k->bill.model[i];
        const char *name = *m->name ? m->name : "(not named)";
        for (int k = 0; m->offer && k < 2 * KW_LINES; k++) {
            int line = k % KW_LINES;
            bool above = k >= KW_LINES;
            int64_t n = above ? m->long_tokens[line] : m->tokens[line] - m->long_tokens[line];
            if (!n) continue;
            const struct kw_line_price *p = &m->price[above][line];
            kw_text_table_cell(&t, "%s", name);
            kw_text_table_cell(&t, "%s%s%s", kw_meter_line_name[line], above ? ", long prompts" : "",
                               m->at_input_price[line] ? " (no price of its own: as input)" : "");
            kw_text_table_cell(&t, "%s", tokens((double)n, a));
            kw_text_table_cell(&t, "%s",
                               kw_nano_format(b, sizeof b, (kw_nusd)((kw_i128)p->price->v * p->factor_ppm / 1000000)));
            kw_text_table_cell(&t, "%s", usd(above ? m->long_cost[line] : m->cost[line] - m->long_cost[line], c));
            kw_text_table_cell(&t, "%s", p->price->provenance.date);
            name = "";
        }
        if (m->offer) continue;
        kw_text_table_cell(&t, "%s", name);
        kw_text_table_cell(&t, "not sold under this name: its cost is not known");
        for (int j = 0; j < 4; j++) kw_text_table_cell(&t, "%s", "");
    }
    kw_text_add(out, "\nPriced line by line at %s\n", k->platform->title);
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    kw_text_add(out, "\n  total $%s for %s requests", usd(k->bill.total, a),
                tokens((double)k->trace.n - (double)k->bill.unpriced_requests, b));
    if (k->bill.unpriced_requests)
        kw_text_add(out, "; %s requests of models it does not sell are not in it",
                    tokens((double)k->bill.unpriced_requests, c));
    kw_text_add(out, "\n");
    for (size_t i = 0; i < k->bill.n; i++)
        if (k->bill.model[i].long_requests)
            kw_text_add(out, "  %" PRId64 " prompts have more than %u tokens, above which %s has prices of its own\n",
                        k->bill.model[i].long_requests, k->bill.model[i].offer->above.tokens, k->bill.model[i].name);
    for (size_t i = 0; i < k->bill.n; i++)
        if (k->bill.model[i].requests_beyond)
            kw_text_add(out,
                        "  %" PRId64 " prompts are longer than the window of %s (%u tokens): it would refuse them\n",
                        k->bill.model[i].requests_beyond, k->bill.model[i].name, k->bill.model[i].offer->max_model_len);
}

/* What more or fewer tokens explain of a line's difference, at the price of the log's bill; the rest is the price. */
static kw_nusd by_tokens(const struct bill_check *k, int line)
{
    double had = (double)k->bill.tokens[line];
    if (!k->invoice.counted[line] || had <= 0) return 0;
    double each = (double)k->bill.cost[line] / had;
    return (kw_nusd)llround((k->invoice.tokens[line] - had) * each);
}

static void share(struct kw_text_table *t, kw_nusd part, kw_nusd whole)
{
    if (whole)
        kw_text_table_cell(t, "%+.2f", 100.0 * (double)part / (double)whole);
    else
        kw_text_table_cell(t, "-");
}

static void against_export(struct kw_text *out, const struct bill_check *k, const char *path)
{
    struct kw_text_table t = { 0 };
    const struct kw_invoice *v = &k->invoice;
    char a[32], b[32], c[32], d[32], e[32], f[32];
    static const char *const heads[] = { "line",       "log", "charged",   "priced",  "charged",
                                         "difference", "",    "by tokens", "by price" };
    static const char *const units[] = { "", "tokens", "tokens", "$", "$", "$", "%", "$", "$" };
    for (int i = 0; i < 9; i++) kw_text_table_column(&t, heads[i], units[i], i > 0);
    for (int line = 0; line < KW_LINES; line++) {
        kw_nusd more = v->cost[line] - k->bill.cost[line], amount = by_tokens(k, line);
        if (!k->bill.tokens[line] && !v->cost[line]) continue;
        kw_text_table_cell(&t, "%s", kw_meter_line_name[line]);
        kw_text_table_cell(&t, "%s", tokens((double)k->bill.tokens[line], a));
        kw_text_table_cell(&t, "%s", v->counted[line] && v->cost[line] ? tokens(v->tokens[line], b) : "-");
        kw_text_table_cell(&t, "%s", usd(k->bill.cost[line], c));
        kw_text_table_cell(&t, "%s", usd(v->cost[line], d));
        kw_text_table_cell(&t, "%s", usd(more, e));
        share(&t, more, v->cost[line]);
        kw_text_table_cell(&t, "%s", v->counted[line] ? usd(amount, f) : "-");
        kw_text_table_cell(&t, "%s", v->counted[line] ? usd(more - amount, a) : "-");
    }
    const struct {
        const char *name;
        kw_nusd priced, charged;
    } last[] = { { "other charges", 0, v->other }, { "total", k->bill.total, v->total } };
    for (int i = !v->other; i < 2; i++) {
        kw_text_table_cell(&t, "%s", last[i].name);
        kw_text_table_cell(&t, "%s", "");
        kw_text_table_cell(&t, "%s", "");
        kw_text_table_cell(&t, "%s", usd(last[i].priced, a));
        kw_text_table_cell(&t, "%s", usd(last[i].charged, b));
        kw_text_table_cell(&t, "%s", usd(last[i].charged - last[i].priced, c));
        share(&t, last[i].charged - last[i].priced, v->total);
        kw_text_table_cell(&t, "%s", "");
        kw_text_table_cell(&t, "%s", "");
    }
    kw_text_add(out, "\nAgainst the export %s: %" PRIu64 " charges", path, v->rows);
    if (*v->first_day) kw_text_add(out, ", %s to %s", v->first_day, v->last_day);
    kw_text_add(out, "\n");
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

static void against_total(struct kw_text *out, const struct bill_check *k)
{
    char a[32], b[32];
    kw_nusd rest = k->invoiced - k->bill.total;
    kw_text_add(out, "\nAgainst the invoice of $%s: $%s is not explained by the log's tokens", usd(k->invoiced, a),
                usd(rest, b));
    if (k->invoiced) kw_text_add(out, " (%+.2f %%)", 100.0 * (double)rest / (double)k->invoiced);
    kw_text_add(out, "\n");
}

static void json_line(struct kw_text *out, const char *key, double token, kw_nusd cost, bool counted, bool first)
{
    char usd[32];
    kw_text_add(out, "%s\n      \"%s\": { \"tokens\": ", first ? "" : ",", key);
    if (counted)
        kw_text_add(out, "%.17g", token);
    else
        kw_text_add(out, "null");
    kw_text_add(out, ", \"usd\": \"%s\" }", kw_nano_format(usd, sizeof usd, cost));
}

static void as_json(struct kw_text *out, const struct bill_check *k)
{
    char a[32];
    kw_text_add(
        out, "{\n  \"platform\": \"%s\",\n  \"requests\": %zu,\n  \"unpriced_requests\": %" PRId64 ",\n  \"models\": [",
        k->platform->name, k->trace.n, k->bill.unpriced_requests);
    for (size_t i = 0; i < k->bill.n; i++) {
        const struct kw_log_bill_model *m = &k->bill.model[i];
        kw_text_add(out, "%s\n    { \"model\": ", i ? "," : "");
        kw_text_quote(out, m->name);
        kw_text_add(out, ", \"sku\": ");
        if (m->offer)
            kw_text_quote(out, m->offer->sku);
        else
            kw_text_add(out, "null");
        kw_text_add(out, ", \"requests\": %" PRId64 ", \"requests_beyond_window\": %" PRId64, m->requests,
                    m->requests_beyond);
        kw_text_add(out, ", \"requests_with_long_prompts\": %" PRId64 ", \"usd\": ", m->long_requests);
        if (m->offer)
            kw_text_add(out, "\"%s\"", kw_nano_format(a, sizeof a, m->total));
        else
            kw_text_add(out, "null");
        kw_text_add(out, " }");
    }
    kw_text_add(out, "\n  ],\n  \"priced\": {\n    \"usd\": \"%s\",\n    \"lines\": {",
                kw_nano_format(a, sizeof a, k->bill.total));
    for (int i = 0; i < KW_LINES; i++)
        json_line(out, kw_meter_line_name[i], (double)k->bill.tokens[i], k->bill.cost[i], true, i == 0);
    kw_text_add(out, "\n    }\n  }");
    if (k->has_invoice) {
        const struct kw_invoice *v = &k->invoice;
        kw_text_add(out, ",\n  \"charged\": {\n    \"usd\": \"%s\",\n", kw_nano_format(a, sizeof a, v->total));
        kw_text_add(out, "    \"other_usd\": \"%s\",\n    \"lines\": {", kw_nano_format(a, sizeof a, v->other));
        for (int i = 0; i < KW_LINES; i++)
            json_line(out, kw_meter_line_name[i], v->tokens[i], v->cost[i], v->counted[i], i == 0);
        kw_text_add(out, "\n    }\n  },\n  \"difference_usd\": \"%s\"",
                    kw_nano_format(a, sizeof a, v->total - k->bill.total));
    } else if (k->has_total) {
        kw_text_add(out, ",\n  \"charged\": { \"usd\": \"%s\" }", kw_nano_format(a, sizeof a, k->invoiced));
        kw_text_add(out, ",\n  \"difference_usd\": \"%s\"", kw_nano_format(a, sizeof a, k->invoiced - k->bill.total));
    }
    kw_text_add(out, "\n}\n");
}

static enum kw_status read_all(struct bill_check *k, const struct kw_options *o, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (o->platform.n != 1)
        return kw_fail(err, KW_EUSAGE, "say whose bill it is: --platform openai (keepwarm platforms list)");
    int term = KW_TERM_ON_DEMAND;
    while (o->term && kw_term_name[term] && strcmp(kw_term_name[term], o->term)) term++;
    if (!kw_term_name[term] || (term != KW_TERM_ON_DEMAND && !kw_term_of_api((enum kw_term)term)))
        return kw_fail(err, KW_EUSAGE,
                       "--term: tokens are bought on_demand, by the batch, flex or priority; got '%.40s'", o->term);
    if (o->invoice && o->focus) return kw_fail(err, KW_EUSAGE, "--focus and --invoice: one of them");
    if (o->invoice && (st = kw_nano_parse(o->invoice, &k->invoiced, err)) != KW_OK) {
        kw_where(err, "--invoice", 0);
        return st;
    }
    k->has_total = o->invoice != NULL;
    if ((st = kw_cli_platforms(&k->catalogue, o, err)) != KW_OK) return st;
    if ((st = kw_catalogue_platform(&k->catalogue, o->platform.v[0], &k->platform, err)) != KW_OK) return st;
    if ((st = kw_trace_load(&k->trace, o->args.v[0], o->format, o->columns, err)) != KW_OK) return st;
    if (o->strict && (st = kw_trace_strict(&k->trace, err)) != KW_OK) {
        kw_where(err, o->args.v[0], 0);
        return st;
    }
    if ((st = kw_log_bill(&k->bill, &k->trace, k->platform, o->model, (enum kw_term)term, err)) != KW_OK) return st;
    k->has_invoice = o->focus != NULL;
    return o->focus ? kw_invoice_read(&k->invoice, o->focus, NULL, err) : KW_OK;
}

int kw_cli_bill(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct bill_check k;
    struct kw_text out = { .columns = kw_cli_columns() };
    char remarks[2000];
    memset(&k, 0, sizeof k);
    enum kw_status st = kw_catalogue_load(&k.catalogue, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = read_all(&k, o, &err);
    if (st == KW_OK && !o->quiet && kw_trace_remarks(&k.trace, remarks, sizeof remarks)[0])
        kw_cli_note("%s: %s", o->args.v[0], remarks);
    if (st == KW_OK && o->json) {
        as_json(&out, &k);
    } else if (st == KW_OK) {
        kw_text_add(&out, "keepwarm bill\n  log         %s (%s): %zu requests\n", o->args.v[0], k.trace.notes.format,
                    k.trace.n);
        priced_lines(&out, &k);
        if (k.has_invoice) against_export(&out, &k, o->focus);
        if (k.has_total) against_total(&out, &k);
        if (!k.trace.cached)
            kw_text_add(&out, "\n  The log does not say what was read from a cache: all input is priced as input.\n");
    }
    kw_log_bill_free(&k.bill);
    kw_trace_free(&k.trace);
    kw_catalogue_free(&k.catalogue);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}
