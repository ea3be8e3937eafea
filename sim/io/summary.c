#include "sim/io/summary.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/model.h"
#include "sim/core/document.h"
#include "sim/io/cold_start_table.h"
#include "sim/io/quantity.h"
#include "sim/io/scenario/slo_text.h"
#include "sim/io/scenario/tco.h"
#include "sim/io/text_table.h"

void kw_summary_paragraph(const char *label, const char *text, struct kw_text *out)
{
    kw_document_fact(label, text, out);
}

/* The same model, or a dated release of it: gpt-4o-2024-08-06 of gpt-4o. */
static bool is_model(const char *name, const char *model)
{
    const struct kw_model_shape *a = kw_model_find(name), *b = kw_model_find(model);
    size_t n = strlen(model);
    return (a && a == b) || !strcmp(name, model) ||
           (!strncmp(name, model, n) && name[n] == '-' && name[n + 1] >= '0' && name[n + 1] <= '9' &&
            strspn(name + n + 1, "0123456789-") == strlen(name + n + 1));
}

/* Whose answers were logged, where it was another model's than the one asked for. */
static void logged_models(const char *model, const struct kw_trace *t, struct kw_text *out)
{
    char line[320];
    size_t at = 0, others = 0;
    for (size_t k = 0; k < t->n_models; k++) {
        if (is_model(t->model_name[k], model)) return;
        if (k < 3 && at < sizeof line)
            at += (size_t)snprintf(line + at, sizeof line - at, "%s%.60s", k ? ", " : "the trace's requests name ",
                                   t->model_name[k]);
        others += k >= 3;
    }
    if (!t->n_models || at >= sizeof line) return;
    if (others) at += (size_t)snprintf(line + at, sizeof line - at, " and %zu more", others);
    if (at < sizeof line) snprintf(line + at, sizeof line - at, ": their tokens are taken as they stand");
    kw_summary_paragraph("", line, out);
}

void kw_summary_head(const char *command, const struct kw_scenario *s, const struct kw_trace *t, struct kw_text *out)
{
    char a[16], b[16], number[32], stretch[32], line[200];
    uint64_t in = 0, gen = 0;
    for (size_t i = 0; i < t->n; i++) {
        in += t->prompt[i];
        gen += t->output[i];
    }
    double span = kw_nano_to_double(t->span);
    kw_text_add(out, "keepwarm %s%s%s\n", command, s->name[0] ? ": " : "", s->name);
    kw_summary_paragraph("traffic", t->notes.source[0] ? t->notes.source : s->trace_file, out);
    snprintf(line, sizeof line, "%zu requests in %s (%s a second), %s tokens in, %s out", t->n,
             kw_quantity_stretch(span, stretch), kw_quantity_brief(span > 0 ? (double)t->n / span : 0, number),
             kw_text_si(a, (double)in), kw_text_si(b, (double)gen));
    kw_summary_paragraph("", line, out);
    const struct kw_model_shape *taken = s->model ? kw_model_taken_for(s->model) : NULL;
    if (s->model) kw_summary_paragraph("model", s->model, out);
    if (taken) {
        snprintf(line, sizeof line, "taken for %s by its name; its config.json, given instead, says more", taken->name);
        kw_summary_paragraph("", line, out);
    }
    if (s->model) logged_models(s->model, t, out);
    struct kw_text objectives = { 0 };
    kw_slo_text_print(&s->slo, &objectives);
    if (objectives.failed) out->failed = true;
    kw_summary_paragraph("objectives", objectives.s ? objectives.s : "", out);
    kw_text_free(&objectives);
}

void kw_summary_window(const struct kw_scenario *s, const struct kw_window *w, const char *scaling, struct kw_text *out)
{
    char window[512], tco[400];
    kw_summary_paragraph("window", kw_window_text(w, window, sizeof window), out);
    kw_summary_paragraph("month", scaling, out);
    if (*kw_tco_text(&s->tco, tco, sizeof tco)) kw_summary_paragraph("own costs", tco, out);
}

bool kw_summary_unknown(const struct kw_candidate *c, size_t n, const struct kw_trace *t, struct kw_text *out)
{
    char buf[320];
    size_t i = 0;
    for (; kw_summary_unknown_at(c, n, t, i, buf, sizeof buf); i++)
        kw_summary_paragraph(i ? "" : "not known", buf, out);
    return i > 0;
}

static void add_metric(struct kw_text_table *t, const char *name, double scale, const char *unit,
                       const struct kw_estimate *e)
{
    char buf[32];
    const double v[] = { e->value, e->lo, e->hi };
    kw_text_table_cell(t, "%s", name);
    for (int i = 0; i < 3; i++)
        kw_text_table_cell(t, "%s",
                           strcmp(unit, "USD a month") && strcmp(unit, "USD") ? kw_quantity_number(v[i] * scale, buf)
                                                                              : kw_quantity_usd(v[i] * scale, buf));
    kw_text_table_cell(t, "%s", unit);
}

static void add_bill(const struct kw_bill *bill, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char buf[32];
    kw_text_table_column(&t, "a month costs", "", false);
    kw_text_table_column(&t, "USD", "", true);
    kw_text_table_column(&t, "share", "%", true);
    for (int i = 0; i < KW_ITEMS; i++) {
        if (!bill->item[i]) continue;
        kw_text_table_cell(&t, "%s", kw_item_name[i]);
        kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(bill->item[i]), buf));
        kw_text_table_cell(&t, "%s", kw_quantity_part((double)bill->item[i], (double)bill->total, buf));
    }
    kw_text_table_cell(&t, "total");
    kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(bill->total), buf));
    kw_text_table_cell(&t, "100.0");
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

/* A row for each class and model and each deployment, where there are several. */
static void group_rows(const struct kw_point *p, struct kw_text *out)
{
    static const struct {
        enum kw_metric m;
        const char *head, *unit;
        double scale;
    } columns[] = { { KW_METRIC_TTFT_P50, "TTFT", "p50 s", 1 },     { KW_METRIC_TTFT_P95, "TTFT", "p95 s", 1 },
                    { KW_METRIC_TTFT_P99, "TTFT", "p99 s", 1 },     { KW_METRIC_TPOT_P95, "TPOT", "p95 ms", 1e3 },
                    { KW_METRIC_E2E_P95, "E2E", "p95 s", 1 },       { KW_METRIC_COLD_FRACTION, "cold", "%", 100 },
                    { KW_METRIC_ERROR_FRACTION, "fail", "%", 100 }, { KW_METRIC_ATTAINMENT, "attain", "%", 100 } };
    struct kw_text_table t = { 0 };
    char buf[160];
    kw_text_table_column(&t, "requests of", "", false);
    kw_text_table_column(&t, "share", "%", true);
    for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
        kw_text_table_column(&t, columns[k].head, columns[k].unit, true);
    kw_text_table_column(&t, "cost", "$/month", true);
    for (uint32_t i = 0; i < p->n_groups; i++) {
        const struct kw_point_group *g = &p->group[i];
        kw_text_table_cell(&t, "%s", kw_point_group_name(g, buf, sizeof buf));
        kw_text_table_cell(&t, "%s",
                           kw_quantity_percent(p->arrived ? (double)g->arrived / (double)p->arrived : 0, buf));
        for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
            double v = g->m[columns[k].m].value;
            kw_text_table_cell(&t, "%s",
                               columns[k].scale == 100 ? kw_quantity_percent(v, buf)
                                                       : kw_quantity_number(v * columns[k].scale, buf));
        }
        kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_point_group_told(p, i, KW_METRIC_COST).value, buf));
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    kw_text_add(out, "\n");
}

/* What of the trace lies outside of what the laws were measured at, and what the figures would be at the other end. */
static void outside_measured(const struct kw_point *p, struct kw_text *out)
{
    char ttft[32], tpot[32], e2e[32], share[32];
    if (!kw_point_has_range(p)) return;
    if (p->known_to)
        kw_document_note(out, "TTFT was measured with prompts of up to %u tokens; longer ones may wait in proportion",
                         p->known_to);
    if (p->rate_known_to)
        kw_document_note(out,
                         "the output rate was measured with up to %u tokens of prompt and output; more may be slower",
                         p->rate_known_to);
    if (p->steps_outside > 0)
        kw_document_note(out,
                         "%s %% of the engines' steps lie beyond what their times were measured at, and may be slower",
                         kw_quantity_percent(p->steps_outside, share));
    if (p->adapter_overhead > 0)
        kw_document_note(out, "steps with LoRA adapters may take up to %s %% longer than without",
                         kw_quantity_percent(p->adapter_overhead, share));
    bool overhead_alone = !p->known_to && !p->rate_known_to && !(p->steps_outside > 0);
    kw_document_note(out, "%s it would be: TTFT p95 %s s, TPOT p95 %s ms, E2E p95 %s s",
                     overhead_alone ? "then" : "in proportion", kw_quantity_number(p->beyond[KW_METRIC_TTFT_P95], ttft),
                     kw_quantity_number(p->beyond[KW_METRIC_TPOT_P95] * 1e3, tpot),
                     kw_quantity_number(p->beyond[KW_METRIC_E2E_P95], e2e));
}

/* Of the deployments whose replicas start while requests come. */
static void cold_starts(const struct kw_candidate *c, struct kw_text *out)
{
    struct kw_cold_start_of of[KW_FLEET_MAX_DEPLOYMENTS];
    size_t n = 0, before = out->n;
    for (uint32_t k = 0; k < c->n; k++) {
        const struct kw_choice *x = &c->choice[k];
        bool starts = kw_choice_scales(x) || (x->term == KW_TERM_SPOT && x->spot.per_hour > 0);
        if (!starts || !x->steptime) continue; /* a result opened again keeps no laws */
        of[n] = (struct kw_cold_start_of){ .cold = &x->cold, .scaling = &x->scaling };
        snprintf(of[n++].name, sizeof of->name, "%s", x->name);
    }
    kw_cold_start_table(of, n, out);
    if (out->n > before) kw_text_add(out, "\n");
}

void kw_summary_point(const struct kw_candidate *c, const struct kw_point *p, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char label[320], line[120], settings[4000];
    kw_document_section(out, "%s", kw_candidate_label(c, label, sizeof label));
    for (uint32_t k = 0; k < c->n; k++)
        kw_document_note(out, "%s: %s", c->choice[k].name,
                         kw_choice_settings(&c->choice[k], settings, sizeof settings));
    for (uint32_t k = 0; k < c->n; k++) kw_summary_calls(&c->choice[k], out);
    kw_summary_sale(c, out);
    kw_summary_step_times(c, 1, 0, out);
    kw_summary_balancing(c, out);
    kw_summary_assumed(c, out);
    kw_text_add(out, "\n");
    kw_text_table_column(&t, "figure", "", false);
    kw_text_table_column(&t, "trace", "", true);
    kw_text_table_column(&t, "95 % low", "", true);
    kw_text_table_column(&t, "95 % high", "", true);
    kw_text_table_column(&t, "unit", "", false);
    static const struct {
        enum kw_metric m;
        const char *name, *unit;
        double scale;
    } rows[] = {
        { KW_METRIC_COST, "cost", "USD a month", 1 },
        { KW_METRIC_COST_WINDOW, "cost of the window itself", "USD", 1 },
        { KW_METRIC_USD_PER_MTOK, "cost per token", "USD per 1e6 tokens", 1 },
        { KW_METRIC_TTFT_P50, "TTFT p50", "s", 1 },
        { KW_METRIC_TTFT_P95, "TTFT p95", "s", 1 },
        { KW_METRIC_TTFT_P99, "TTFT p99", "s", 1 },
        { KW_METRIC_TPOT_P50, "TPOT p50", "ms", 1e3 },
        { KW_METRIC_TPOT_P95, "TPOT p95", "ms", 1e3 },
        { KW_METRIC_TPOT_P99, "TPOT p99", "ms", 1e3 },
        { KW_METRIC_E2E_P50, "E2E p50", "s", 1 },
        { KW_METRIC_E2E_P95, "E2E p95", "s", 1 },
        { KW_METRIC_E2E_P99, "E2E p99", "s", 1 },
        { KW_METRIC_COLD_FRACTION, "requests that met a cold start", "%", 100 },
        { KW_METRIC_ERROR_FRACTION, "requests that failed", "%", 100 },
        { KW_METRIC_UTILISATION, "ready replicas with a request", "%", 100 },
        { KW_METRIC_CAPACITY_USED, "token capacity used", "%", 100 },
        { KW_METRIC_GOODPUT, "goodput", "requests/s", 1 },
        { KW_METRIC_CARRIED, "completed", "requests/s", 1 },
        { KW_METRIC_OVERLOAD, "overload", "x (0: none)", 1 },
        { KW_METRIC_ATTAINMENT, "attainment", "%", 100 },
        { KW_METRIC_STARTS, "cold starts in the window", "", 1 },
        { KW_METRIC_START_P50, "cold start p50", "s", 1 },
        { KW_METRIC_START_P95, "cold start p95", "s", 1 },
        { KW_METRIC_START_COST, "cost of a cold start", "USD", 1 },
        { KW_METRIC_COLD_COST, "cost of starts", "USD a month", 1 },
        { KW_METRIC_IDLE_COST, "cost of waiting", "USD a month", 1 },
        { KW_METRIC_UNITS_USED, "units used", "%", 100 },
        { KW_METRIC_SPILLED, "tokens that spilled", "%", 100 },
        { KW_METRIC_UNITS_BREAK_EVEN, "units pay from a use of", "%", 100 },
        { KW_METRIC_FORECAST_MAE, "forecast off by, a step", "requests", 1 },
        { KW_METRIC_FORECAST_WAPE, "forecast off by, of all requests", "%", 100 },
        { KW_METRIC_HELD, "requests that were held", "", 1 },
        { KW_METRIC_HELD_WAIT, "how long those were held, mean", "s", 1 },
        { KW_METRIC_PINGS, "pings in the window", "", 1 },
        { KW_METRIC_ADAPTER_COLD, "LoRA requests that waited for their adapter", "%", 100 },
        { KW_METRIC_ADAPTER_WAIT, "how long those waited, mean", "s", 1 },
        { KW_METRIC_ADAPTER_LOADS, "adapters loaded in the window", "", 1 },
        { KW_METRIC_PREFIX_HIT, "prompt tokens in the prefix cache", "%", 100 },
        { KW_METRIC_HOST_HIT, "prompt tokens loaded from the host's memory", "%", 100 },
        { KW_METRIC_HOST_TOKENS, "tokens loaded from it, in the window", "", 1 },
        { KW_METRIC_FOUND_WARM, "found warm in the window, in the place of starts", "", 1 },
        { KW_METRIC_DRAFT_TOKENS, "tokens a step of a sequence with drafts", "", 1 },
    };
    _Static_assert(sizeof rows / sizeof *rows == KW_METRICS - 1, "a row for each metric but the worst class's");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kw_estimate told = kw_point_told(p, rows[i].m);
        bool of_units = rows[i].m >= KW_METRIC_UNITS_USED && rows[i].m <= KW_METRIC_UNITS_BREAK_EVEN;
        if (of_units && isnan(told.value)) continue;                            /* none were bought */
        if (rows[i].m >= KW_METRIC_FORECAST_MAE && isnan(told.value)) continue; /* of what nobody asked for */
        add_metric(&t, rows[i].name, rows[i].scale, rows[i].unit, &told);
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    kw_text_add(out, "\n");
    if (p->n_groups) group_rows(p, out);
    cold_starts(c, out);
    if (kw_point_overloaded(p)) {
        char came[32], carried[32];
        double rate = p->m[KW_METRIC_CARRIED].value;
        kw_document_note(
            out,
            "OVERLOADED: the queue grows all through the window. It carries %s requests/s of the %s that come; no "
            "month is told, since the window's cost is not that of serving them.",
            kw_quantity_number(rate, carried), kw_quantity_number(rate * p->m[KW_METRIC_OVERLOAD].value, came));
    } else {
        add_bill(&p->bill, out);
        if (kw_summary_first_month(&p->bill, p->one_off, line, sizeof line))
            kw_document_note(out, "the first month costs %s", line);
    }
    char counted[40], steady[160];
    if (p->passes > 1) /* then there is one replication */
        snprintf(counted, sizeof counted, "on average over %u windows", p->passes);
    else
        snprintf(counted, sizeof counted, "%u replication%s", p->replications, p->replications == 1 ? "" : "s");
    kw_text_add(out, "\n");
    kw_document_note(out,
                     "%s: %llu requests arrived, %llu completed, %llu rejected, %llu timed out, %llu too long; "
                     "%llu replica start%s (%llu failed), %u replica%s at most, %llu preemption%s",
                     counted, (unsigned long long)p->arrived, (unsigned long long)p->completed,
                     (unsigned long long)p->rejected, (unsigned long long)p->timed_out, (unsigned long long)p->too_long,
                     (unsigned long long)p->starts, p->starts == 1 ? "" : "s", (unsigned long long)p->failed_starts,
                     p->peak_replicas, p->peak_replicas == 1 ? "" : "s", (unsigned long long)p->preemptions,
                     p->preemptions == 1 ? "" : "s");
    if (p->interruptions)
        kw_document_note(out, "%llu interruption%s of spot machines cut off %llu request%s, which were tried again",
                         (unsigned long long)p->interruptions, p->interruptions == 1 ? "" : "s",
                         (unsigned long long)p->cut_off, p->cut_off == 1 ? "" : "s");
    if (p->standins)
        kw_document_note(out, "%llu machine%s on demand stood in for spot ones", (unsigned long long)p->standins,
                         p->standins == 1 ? "" : "s");
    outside_measured(p, out);
    if (*kw_point_steady(p, steady, sizeof steady)) kw_document_note(out, "steady state: %s", steady);
    struct kw_text objectives = { 0 };
    kw_text_add(&objectives, "objectives: %s%s", p->feasible ? "met" : "missed, ", p->miss);
    if (p->unjudged[0]) kw_text_add(&objectives, "; nothing to judge %s by", p->unjudged);
    if (p->drawn) kw_text_add(&objectives, "; met in %u of %u drawings of the days", p->met, p->drawn);
    kw_text_add(&objectives, "; weakest input: %s", kw_grade_name[p->grade]);
    if (objectives.failed)
        out->failed = true;
    else
        kw_document_note(out, "%s", objectives.s);
    kw_text_free(&objectives);
}

void kw_summary_reading(const struct kw_reading *r, struct kw_text *out)
{
    char text[400];
    for (int of = 0; of < KW_READINGS; of++)
        if (r[of].shown) kw_summary_paragraph("range", kw_reading_text(&r[of], text, sizeof text), out);
}

void kw_summary_buckets(const struct kw_bucket_study *x, struct kw_text *out)
{
    char text[600];
    if (x->shown) kw_summary_paragraph("buckets", kw_bucket_study_text(x, text, sizeof text), out);
}

/* Indices of the `room` points that rank first, of n >= room. */
static void by_rank(const struct kw_point *p, size_t n, size_t *order, size_t room)
{
    for (size_t i = 0, held = 0; i < n; i++) {
        if (held == room && (!room || p[i].rank >= p[order[room - 1]].rank)) continue;
        size_t k = held < room ? held++ : room - 1;
        for (; k > 0 && p[i].rank < p[order[k - 1]].rank; k--) order[k] = order[k - 1];
        order[k] = i;
    }
}

/* How long a surplus replica waits before it stops; of serverless ones alone. */
static void idle_cell(struct kw_text_table *t, const struct kw_candidate *c)
{
    char text[64] = "";
    size_t n = 0;
    for (uint32_t k = 0; k < c->n && n < sizeof text; k++) {
        const struct kw_choice *x = &c->choice[k];
        if (x->platform->kind != KW_KIND_SERVERLESS) continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%g", n ? "+" : "",
                              kw_nano_to_double(x->scaling.idle_timeout));
    }
    kw_text_table_cell(t, "%s", n ? text : "-");
}

/* Which figures a table has room for: those of drawings, where any point has them; then TPOT only where it is asked for, and
 * half the interval of the cost and the days since an offer was seen only in a wide one. */
struct shown_figures {
    uint32_t drawn;                             /* the most drawings of any point */
    bool tpot, half, days, p99, models, shares; /* shares: of cold requests and of failures */
    bool undated; /* another table has the marks of what was not seen for long, and says what they mean */
};

static struct shown_figures shown_figures(const struct kw_point *p, size_t n, const struct kw_slo *slo, int columns)
{
    bool asked = slo && (slo->tpot_p50 || slo->tpot_p95 || slo->tpot_p99);
    uint32_t drawn = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i].drawn > drawn) drawn = p[i].drawn;
    bool wide = columns >= KW_TEXT_COLUMNS;
    return (struct shown_figures){ .drawn = drawn,
                                   .tpot = asked || (!drawn && wide),
                                   .half = drawn && wide,
                                   .days = wide,
                                   .p99 = true,
                                   .shares = true };
}

static void figure_columns(struct kw_text_table *t, struct shown_figures f)
{
    kw_text_table_column(t, "cost", "$/month", true);
    if (f.half) kw_text_table_column(t, "±", "$", true);
    kw_text_table_column(t, "TTFT", "p95 s", true);
    if (f.p99) kw_text_table_column(t, "TTFT", "p99 s", true);
    if (f.tpot) kw_text_table_column(t, "TPOT", "p95 ms", true);
    if (f.shares) kw_text_table_column(t, "cold", "%", true);
    if (f.shares) kw_text_table_column(t, "fail", "%", true);
    if (f.drawn) kw_text_table_column(t, "best", "/met", true);
    kw_text_table_column(t, "verdict", "", false);
}

/* "0.30-6.59" where prompts pass those an API was measured with; without its near end, which another column gives a sense
 * of, "≤6.59". */
static void range_cell(struct kw_text_table *t, const struct kw_point *p, enum kw_metric m, bool near_end)
{
    char least[32], most[32];
    double v = p->m[m].value, beyond = kw_point_has_range(p) ? p->beyond[m] : v;
    kw_quantity_number(v, least);
    kw_quantity_number(beyond, most);
    if (beyond > 1.01 * v && near_end)
        kw_text_table_cell(t, "%s-%s", least, most);
    else if (beyond > 1.01 * v)
        kw_text_table_cell(t, "≤%s", most);
    else
        kw_text_table_cell(t, "%s", least);
}

/* "meets" or "thin", and whether it ties where no other column does; of what misses the given word, or which objective. */
static void verdict_cell(struct kw_text_table *t, const struct kw_point *p, const char *misses, const char *mark)
{
    if (!p->feasible)
        kw_text_table_cell(t, "%s%s", misses ? misses : p->miss, mark);
    else if (!p->margin.thin)
        kw_text_table_cell(t, "%s%s", p->tie ? "tie" : "meets", mark);
    else
        kw_text_table_cell(t, "thin%s%s", p->tie ? ", tie" : "", mark);
}

/* misses: the word for what does not meet the objectives, or NULL. mark: behind the verdict. */
static void figure_cells(struct kw_text_table *t, const struct kw_point *p, struct shown_figures f, const char *misses,
                         const char *mark)
{
    char b[32];
    const struct kw_estimate cost = kw_point_told(p, KW_METRIC_COST);
    kw_text_table_cell(t, "%s", kw_quantity_usd(cost.value, b));
    if (f.half && isfinite(cost.lo))
        kw_text_table_cell(t, "%s", kw_quantity_usd((cost.hi - cost.lo) / 2, b));
    else if (f.half)
        kw_text_table_cell(t, "-");
    range_cell(t, p, KW_METRIC_TTFT_P95, true);
    if (f.p99) range_cell(t, p, KW_METRIC_TTFT_P99, false);
    if (f.tpot) kw_text_table_cell(t, "%s", kw_quantity_number(p->m[KW_METRIC_TPOT_P95].value * 1e3, b));
    if (f.shares) kw_text_table_cell(t, "%s", kw_quantity_percent(p->m[KW_METRIC_COLD_FRACTION].value, b));
    if (f.shares) kw_text_table_cell(t, "%s", kw_quantity_percent(p->m[KW_METRIC_ERROR_FRACTION].value, b));
    if (f.drawn && !p->drawn)
        kw_text_table_cell(t, "-");
    else if (f.drawn && p->tie)
        kw_text_table_cell(t, "=/%u", p->met);
    else if (f.drawn)
        kw_text_table_cell(t, "%u/%u", p->won, p->met);
    verdict_cell(t, p, misses, mark);
}

/* What the words of a table's verdicts and counts mean: those that occur. */
static void legend(const struct kw_point *p, size_t n, struct shown_figures f, struct kw_text *out)
{
    char buf[320];
    bool thin = false, tie = false;
    for (size_t i = 0; i < n; i++) {
        thin |= p[i].feasible && p[i].margin.thin;
        tie |= p[i].feasible && p[i].tie;
    }
    size_t at = 0;
    buf[0] = 0;
    if (f.drawn)
        at +=
            (size_t)snprintf(buf, sizeof buf,
                             "best/met: of %u drawings of the trace's days, in how many it is the cheapest and in how "
                             "many it meets the objectives. ",
                             f.drawn);
    if (tie)
        at += (size_t)snprintf(buf + at, sizeof buf - at,
                               "tie: meets them, and what it costs more than the first is within the interval. ");
    if (thin)
        snprintf(buf + at, sizeof buf - at, "thin: meets them by less than the law of its step times or API may err.");
    if (buf[0]) kw_document_note(out, "%s", buf);
}

/* Whether all values of a swept key are numbers, which align to the right. */
static bool axis_of_numbers(const struct kw_scenario *s, uint32_t a)
{
    char buf[320], *end;
    for (uint32_t i = 0; i < s->n_points; i++) {
        const char *v = kw_scenario_axis_value(s, i, a, buf, sizeof buf);
        strtod(v, &end);
        if (end == v || *end) return false;
    }
    return true;
}

void kw_summary_points(const struct kw_scenario *s, const struct kw_candidate *c, const struct kw_point *p, size_t n,
                       size_t limit, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    size_t order[1024]; /* more rows than that nobody reads: they are in the file */
    size_t shown = n < 1024 ? n : 1024;
    char buf[320];
    kw_text_table_column(&t, "#", "", true);
    uint32_t axes = s && s->n_axes <= 4 ? s->n_axes : 0;
    for (uint32_t a = 0; a < axes; a++) {
        const char *dot = strrchr(s->axis[a].path, '.');
        kw_text_table_column(&t, dot ? dot + 1 : s->axis[a].path, "", axis_of_numbers(s, a));
    }
    if (!axes) kw_text_table_column(&t, "configuration", "", false);
    kw_text_table_column(&t, "idle", "s", true);
    struct shown_figures figures = shown_figures(p, n, s ? &s->slo : NULL, kw_text_columns(out));
    figure_columns(&t, figures);
    if (limit && limit < shown) shown = limit;
    by_rank(p, n, order, shown);
    for (size_t k = 0; k < shown; k++) {
        size_t i = order[k];
        kw_text_table_cell(&t, "%u", p[i].rank);
        for (uint32_t a = 0; a < axes; a++)
            kw_text_table_cell(&t, "%s", kw_scenario_axis_value(s, (uint32_t)i, a, buf, sizeof buf));
        if (!axes) kw_text_table_cell(&t, "%s", kw_candidate_label(&c[i], buf, sizeof buf));
        idle_cell(&t, &c[i]);
        figure_cells(&t, &p[i], figures, NULL, "");
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    legend(p, n, figures, out);
    if (shown < n) kw_document_note(out, "... and %zu more (--all, or the result file)", n - shown);
    if (s && n) kw_summary_step_times(c, n, (ptrdiff_t)order[0], out);
}

/* ---- the plan */

static const char *platform_names(const struct kw_candidate *c, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = 0;
    if (c->as_written) {
        snprintf(buf, size, "as written");
        return buf;
    }
    if (c->routing.policy == KW_ROUTE_REGION && c->n > 1 && c->choice[0].platform == c->choice[1].platform) {
        snprintf(buf, size, "%s in %u places", c->choice[0].platform->name, c->n);
        return buf;
    }
    uint32_t told = kw_candidate_pools_alike(c) ? 1 : c->n;
    for (uint32_t k = 0; k < told && n < size; k++)
        n += (size_t)snprintf(buf + n, size - n, "%s%s", k ? "+" : "", c->choice[k].platform->name);
    return buf;
}

/* A candidate that stands for itself, and not for the best setting of its platform. */
static bool stands_alone(const struct kw_candidate *c)
{
    return c->n != 1 || c->as_written;
}

/* "RTX4090 fp8", "H100 bf16 x2 spot", "H100 bf16 spot+fallback" (to on demand), "API batch", "API 15 PTU year spill"; on demand is not said. */
static char *offer_words(const struct kw_choice *c, char *buf, size_t size)
{
    char tp[16] = "", units[64];
    if (c->gpus > 1) snprintf(tp, sizeof tp, " x%u", c->gpus);
    if (c->term == KW_TERM_PROVISIONED)
        snprintf(buf, size, "API%s", kw_choice_units(c, "", units, sizeof units));
    else if (!c->gpu)
        snprintf(buf, size, "API%s%s", c->term == KW_TERM_ON_DEMAND ? "" : " ",
                 c->term == KW_TERM_ON_DEMAND ? "" : kw_term_name[c->term]);
    else
        snprintf(buf, size, "%s %s%s%s%s", c->gpu->gpu, c->profile->precision, tp,
                 c->autoscaler || c->term != KW_TERM_ON_DEMAND ? " " : "",
                 c->autoscaler                                 ? c->autoscaler->name
                 : c->term == KW_TERM_SPOT && c->spot.fallback ? "spot+fallback"
                 : c->term != KW_TERM_ON_DEMAND                ? kw_term_name[c->term]
                                                               : "");
    if (c->region) snprintf(buf + strlen(buf), size - strlen(buf), " %s", c->region->name);
    return buf;
}

/* Whether it is for what nobody knows that a point does not meet the objectives. */
static bool not_known(const struct kw_point *p)
{
    return strstr(p->miss, "not known") != NULL;
}

/* The marks of the candidate's offers, which sale_legend() explains; and the days since all of them were seen on sale, -1:
 * not known. */
static const char *sale_marks(const struct kw_candidate *c, int *days)
{
    static const char *const marks[] = { "", "†", "‡", "†‡" };
    bool unseen = false, soon = false, known = true;
    *days = -1;
    for (uint32_t k = 0; k < c->n; k++) {
        const struct kw_sale *s = kw_choice_sale(&c->choice[k]);
        known &= s->seen_days >= 0;
        if (s->seen_days > *days) *days = s->seen_days;
        unseen |= s->unseen;
        soon |= s->soon;
    }
    if (!known) *days = -1;
    return marks[unseen + 2 * soon];
}

/* What the days and the marks mean: those that are there. */
static void sale_legend(const struct kw_plan *p, struct shown_figures f, struct kw_text *out)
{
    bool unseen = false, soon = false;
    char buf[200];
    for (size_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < p->candidates[i].n; k++) {
            const struct kw_sale *s = kw_choice_sale(&p->candidates[i].choice[k]);
            unseen |= s->unseen;
            soon |= s->soon;
        }
    if (!f.days && !unseen && !soon) return;
    snprintf(buf, sizeof buf, "%s%s%s%s%s", f.days ? "seen: on sale, so many days ago" : "",
             f.days && unseen ? "; " : "",
             unseen ? "† not seen for long: may be gone, its grade counts a step lower" : "",
             soon && (f.days || unseen) ? "; " : "", soon ? "‡ ends within the month" : "");
    kw_document_note(out, "%s", buf);
}

/* Which models, and how good they are to the user; "-" where that is not stated. */
static void model_cells(struct kw_text_table *t, const struct kw_candidate *c)
{
    char models[128];
    double quality = kw_candidate_quality(c);
    kw_text_table_cell(t, "%s", kw_candidate_models(c, models, sizeof models));
    if (isnan(quality))
        kw_text_table_cell(t, "-");
    else
        kw_text_table_cell(t, "%g", quality);
}

static void plan_row(struct kw_text_table *t, const struct kw_plan *p, size_t i, struct shown_figures figures)
{
    const struct kw_choice *c = &p->candidates[i].choice[0];
    char buf[128], offer[64];
    int days;
    const char *mark = sale_marks(&p->candidates[i], &days);
    kw_text_table_cell(t, "%u", p->points[i].rank);
    platform_names(&p->candidates[i], buf, sizeof buf);
    if (kw_candidate_pools_alike(&p->candidates[i]) && !p->candidates[i].as_written)
        kw_text_table_cell(t, "%s %s, %u pools", buf, offer_words(c, offer, sizeof offer), p->candidates[i].n);
    else if (stands_alone(&p->candidates[i]))
        kw_text_table_cell(t, "%s", buf);
    else
        kw_text_table_cell(t, "%s %s", buf, offer_words(c, offer, sizeof offer));
    if (figures.models) model_cells(t, &p->candidates[i]);
    if (!c->gpu)
        kw_text_table_cell(t, "-");
    else if (c->platform->kind == KW_KIND_SERVERLESS)
        kw_text_table_cell(t, "%u/%g", c->scaling.keep_warm, kw_nano_to_double(c->scaling.idle_timeout));
    else
        kw_text_table_cell(t, "%u", c->scaling.keep_warm);
    if (figures.days && days < 0)
        kw_text_table_cell(t, "-%s", mark);
    else if (figures.days)
        kw_text_table_cell(t, "%d%s", days, mark);
    figure_cells(t, &p->points[i], figures, not_known(&p->points[i]) ? "unknown" : "misses",
                 figures.days || figures.undated ? "" : mark);
}

/* Of hybrids the best of each routing and pair of kinds stands for the others, of pools alike that of each platform; what the user wrote stands always. */
static bool first_of_hybrids(const struct kw_plan *p, size_t k)
{
    const struct kw_candidate *c = &p->candidates[p->order[k]];
    for (size_t j = 0; j < k && !c->as_written; j++) {
        const struct kw_candidate *x = &p->candidates[p->order[j]];
        if (kw_candidate_pools_alike(c) && x->choice[0].platform != c->choice[0].platform) continue;
        if (!x->as_written && x->n == c->n && x->n > 1 && x->routing.policy == c->routing.policy &&
            x->choice[0].platform->kind == c->choice[0].platform->kind &&
            (c->routing.policy != KW_ROUTE_REGION || x->choice[0].platform == c->choice[0].platform) &&
            x->choice[1].platform->kind == c->choice[1].platform->kind)
            return false;
    }
    return true;
}

/* The first of order[0..k] that is on the same platform: true when that is k itself. */
static bool first_of_platform(const struct kw_plan *p, size_t k)
{
    if (stands_alone(&p->candidates[p->order[k]])) return first_of_hybrids(p, k);
    const struct kw_platform *mine = p->candidates[p->order[k]].choice[0].platform;
    for (size_t j = 0; j < k; j++) {
        const struct kw_candidate *c = &p->candidates[p->order[j]];
        if (!stands_alone(c) && c->choice[0].platform == mine) return false;
    }
    return true;
}

/* What a row has no room for: of a hybrid its parts, what is done against cold starts, of what misses by which objective, and its drawings where no column
 * has them. */
static void plan_note(const struct kw_plan *p, size_t i, bool drawings, struct kw_text *out)
{
    const struct kw_point *x = &p->points[i];
    const struct kw_candidate *c = &p->candidates[i];
    const char *miss = x->miss;
    char label[320], routing[200], text[800] = "", number[16];
    if (kw_candidate_pools_alike(c) && !c->as_written) {
        snprintf(text, sizeof text, "%s, one for each model", kw_candidate_label(c, label, sizeof label));
    } else if (stands_alone(c)) {
        kw_candidate_label(c, label, sizeof label);
        kw_candidate_routing(c, routing, sizeof routing);
        snprintf(text, sizeof text, "%s: %s%s%s",
                 c->as_written                          ? "as written"
                 : c->routing.policy == KW_ROUTE_REGION ? "by region"
                                                        : "hybrid",
                 label, routing[0] ? "; " : "", routing);
    } else if (c->mitigation || c->choice[0].schedule.n) {
        kw_candidate_label(c, text, sizeof text);
    }
    if (miss[0])
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s%s", text[0] ? "; " : "",
                 not_known(&p->points[i]) ? "" : "misses: ", miss);
    if (drawings && x->drawn) {
        const struct kw_estimate cost = kw_point_told(x, KW_METRIC_COST);
        char half[32], won[48];
        snprintf(won, sizeof won, x->tie ? "a tie for the cheapest" : "the cheapest in %u", x->won);
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%s± $%s; of %u drawings of the days meets the objectives in %u, %s", text[0] ? "; " : "",
                 kw_quantity_usd((cost.hi - cost.lo) / 2, half), x->drawn, x->met, won);
    }
    snprintf(number, sizeof number, "#%u", p->points[i].rank);
    if (text[0]) kw_summary_paragraph(number, text, out);
}

/* Of a plan of several models each has its best on every kind of platform. */
static bool first_of_model(const struct kw_plan *p, size_t k)
{
    const struct kw_candidate *mine = &p->candidates[p->order[k]];
    if (!p->n_substitutes || stands_alone(mine)) return false;
    for (size_t j = 0; j < k; j++) {
        const struct kw_candidate *c = &p->candidates[p->order[j]];
        if (!stands_alone(c) && c->choice[0].platform->kind == mine->choice[0].platform->kind &&
            !strcmp(kw_choice_model(&c->choice[0]), kw_choice_model(&mine->choice[0])))
            return false;
    }
    return true;
}

static bool in_plan_table(const struct kw_plan *p, size_t k, bool all)
{
    return all || first_of_platform(p, k) || first_of_model(p, k) || (ptrdiff_t)p->order[k] == p->best;
}

/* Whether most rows of the table have no drawings of the days. */
static bool few_drawn(const struct kw_plan *p, bool all)
{
    size_t shown = 0, drawn = 0;
    for (size_t k = 0; k < p->n; k++) {
        if (!in_plan_table(p, k, all)) continue;
        shown++;
        drawn += p->points[p->order[k]].drawn > 0;
    }
    return drawn > 0 && 2 * drawn < shown;
}

/* The kinds of answer there are: a candidate's, by which the table has one row each. */
enum answer { ANSWER_API, ANSWER_SERVERLESS, ANSWER_DEDICATED, ANSWER_HYBRID, ANSWERS };
static const char *const answer_name[] = { "API", "serverless", "dedicated", "hybrid" };

static enum answer answer_of(const struct kw_candidate *c)
{
    if (c->n > 1 && !kw_candidate_pools_alike(c)) return ANSWER_HYBRID;
    if (c->choice[0].api) return ANSWER_API;
    return c->choice[0].platform->kind == KW_KIND_SERVERLESS ? ANSWER_SERVERLESS : ANSWER_DEDICATED;
}

/* The first by rank of each kind, of the recommended one's kind that one (a tie may go to it); nothing where all are of one. */
static void plan_kinds(const struct kw_plan *p, const struct kw_slo *slo, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    struct shown_figures figures = shown_figures(p->points, p->n, slo, kw_text_columns(out));
    bool shown[ANSWERS] = { false };
    struct kw_point row[ANSWERS]; /* borrowed content */
    size_t rows = 0;
    figures.days = figures.half = false;
    figures.tpot = slo && (slo->tpot_p50 || slo->tpot_p95 || slo->tpot_p99);
    figures.undated = true;
    figures.p99 = kw_text_columns(out) >= KW_TEXT_COLUMNS;
    figures.drawn = 0;
    kw_text_table_column(&t, "kind", "", false);
    kw_text_table_column(&t, "#", "", true);
    kw_text_table_column(&t, "platform", "and on what", false);
    kw_text_table_column(&t, "warm", "/idle", true);
    figure_columns(&t, figures);
    for (size_t k = 0; k < p->n; k++) {
        enum answer a = answer_of(&p->candidates[p->order[k]]);
        if (shown[a]) continue;
        size_t first = p->order[k];
        if (p->best >= 0 && answer_of(&p->candidates[p->best]) == a) first = (size_t)p->best;
        shown[a] = true;
        row[rows++] = p->points[first];
        kw_text_table_cell(&t, "%s", answer_name[a]);
        plan_row(&t, p, first, figures);
    }
    if (rows > 1) {
        kw_document_section(out, "The best of each kind (#: rank; warm: replicas kept ready / idle timeout in s)");
        kw_text_table_print(&t, out);
        legend(row, rows, figures, out);
    }
    kw_text_table_free(&t);
}

static void plan_table(const struct kw_plan *p, const struct kw_slo *slo, bool all, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    size_t hidden = 0;
    kw_text_table_column(&t, "#", "", true);
    kw_text_table_column(&t, "platform", "and on what", false);
    struct shown_figures figures = shown_figures(p->points, p->n, slo, kw_text_columns(out));
    if (p->n_substitutes) { /* which takes the room of the days and of what was not asked for */
        figures.shares = kw_text_columns(out) >= KW_TEXT_COLUMNS; /* in a narrow window, of what the verdict tells */
        if (!figures.shares) figures.drawn = 0;
        figures.models = true;
        figures.days = false;
        figures.p99 = slo && slo->ttft_p99;
        figures.tpot = slo && (slo->tpot_p50 || slo->tpot_p95 || slo->tpot_p99);
        kw_text_table_column(&t, "model", "", false);
        kw_text_table_column(&t, "quality", "", true);
    }
    kw_text_table_column(&t, "warm", "/idle", true);
    bool few = few_drawn(p, all); /* then notes tell of them, and the columns have other use */
    if (few) figures.drawn = figures.half = 0;
    if (figures.days) kw_text_table_column(&t, "seen", "days", true);
    figure_columns(&t, figures);
    for (size_t k = 0; k < p->n; k++) {
        if (in_plan_table(p, k, all))
            plan_row(&t, p, p->order[k], figures);
        else
            hidden++;
    }
    kw_document_section(out, "%s (warm: replicas kept ready / idle timeout in s%s)",
                        all                ? "Every configuration, by rank"
                        : p->n_substitutes ? "The best configuration of each platform, and of each model on every kind "
                                             "of platform, by rank"
                                           : "The best configuration of each platform, by rank",
                        p->n_substitutes && !all ? "; quality: yours" : "");
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    legend(p->points, p->n, figures, out);
    sale_legend(p, figures, out);
    if (hidden) kw_document_note(out, "%zu more configurations are in the result (--all prints them)", hidden);
    size_t *shown = malloc((p->n ? p->n : 1) * sizeof *shown), n = 0;
    for (size_t k = 0; k < p->n; k++) {
        if (!in_plan_table(p, k, all)) continue;
        plan_note(p, p->order[k], few, out);
        if (shown) shown[n++] = p->order[k];
    }
    if (shown)
        kw_summary_regions(p, shown, n, out);
    else
        out->failed = true;
    free(shown);
}

/* The best-ranked candidate of a family with this keep_warm and idle timeout (-1: any); NULL when there is none. */
static const struct kw_candidate *best_of(const struct kw_plan *p, size_t family, uint32_t keep_warm, kw_ns idle,
                                          const struct kw_point **point)
{
    for (size_t k = 0; k < p->n; k++) {
        size_t i = p->order[k];
        const struct kw_autoscaling *s = &p->candidates[i].choice[0].scaling;
        if (stands_alone(&p->candidates[i]) || p->family[i] != family || s->keep_warm != keep_warm ||
            p->candidates[i].choice[0].schedule.n || p->candidates[i].mitigation)
            continue;
        if (idle >= 0 && s->idle_timeout != idle) continue;
        *point = &p->points[i];
        return &p->candidates[i];
    }
    return NULL;
}

/* A row of the keep-warm table: one idle timeout of the family. */
static void curve_row(struct kw_text_table *t, const struct kw_plan *p, size_t family, const struct kw_candidate *c,
                      const uint32_t *levels, size_t n_levels)
{
    char buf[128], offer[64], b[32], usd[32];
    kw_text_table_cell(t, "%s %s", platform_names(c, buf, sizeof buf), offer_words(&c->choice[0], offer, sizeof offer));
    idle_cell(t, c);
    for (size_t l = 0; l < n_levels; l++) {
        const struct kw_point *q = NULL;
        if (!best_of(p, family, levels[l], c->choice[0].scaling.idle_timeout, &q))
            kw_text_table_cell(t, "-");
        else if (kw_point_overloaded(q))
            kw_text_table_cell(t, "overload");
        else
            kw_text_table_cell(t, "%s%s %5s", q->feasible ? "✓" : "",
                               kw_quantity_dollars(q->m[KW_METRIC_COST].value, usd),
                               kw_quantity_number(q->m[KW_METRIC_TTFT_P95].value, b));
    }
}

/* Cost and TTFT p95 at each keep_warm, of the offer that the ranking shows of a serverless platform: a row for each idle
 * timeout that is the best one at any of them, so that whatever both tables show is the same configuration. */
static void plan_curves(const struct kw_plan *p, struct kw_text *out)
{
    enum { LEVELS = 5, NARROW_LEVELS = 3 };
    struct kw_text_table t = { 0 };
    char heads[LEVELS][24];
    uint32_t levels[LEVELS];
    size_t n_levels = 0, shown = 0, room = kw_text_columns(out) < KW_TEXT_COLUMNS ? NARROW_LEVELS : LEVELS;
    for (size_t i = 0; i < p->n; i++) { /* the lowest keep_warm values that occur, ascending */
        const struct kw_choice *c = &p->candidates[i].choice[0];
        if (stands_alone(&p->candidates[i]) || c->platform->kind != KW_KIND_SERVERLESS) continue;
        size_t k = 0;
        while (k < n_levels && levels[k] < c->scaling.keep_warm) k++;
        if (k == room || (k < n_levels && levels[k] == c->scaling.keep_warm)) continue;
        size_t last = n_levels < room ? n_levels++ : room - 1;
        for (; last > k; last--) levels[last] = levels[last - 1];
        levels[k] = c->scaling.keep_warm;
    }
    if (!n_levels) return;
    kw_text_table_column(&t, "platform", "and on what", false);
    kw_text_table_column(&t, "idle", "s", true);
    for (size_t k = 0; k < n_levels; k++) {
        snprintf(heads[k], sizeof heads[k], "warm %u", levels[k]);
        kw_text_table_column(&t, heads[k], "$  s", true);
    }
    for (size_t k = 0; k < p->n && shown < 12; k++) {
        size_t i = p->order[k], rows = 0;
        if (stands_alone(&p->candidates[i]) || p->candidates[i].choice[0].platform->kind != KW_KIND_SERVERLESS ||
            !first_of_platform(p, k))
            continue;
        kw_ns idle[LEVELS];
        for (size_t l = 0; l < n_levels; l++) {
            const struct kw_point *q;
            const struct kw_candidate *c = best_of(p, p->family[i], levels[l], -1, &q);
            size_t r = 0;
            while (c && r < rows && idle[r] != c->choice[0].scaling.idle_timeout) r++;
            if (!c || r < rows) continue;
            idle[rows++] = c->choice[0].scaling.idle_timeout;
            curve_row(&t, p, p->family[i], c, levels, n_levels);
        }
        shown++;
    }
    kw_document_section(
        out, "What keeping replicas warm buys: $ a month and TTFT p95 in s at each keep_warm (✓ meets the SLO)");
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

void kw_summary_plan(const struct kw_plan *p, const struct kw_slo *slo, bool all, struct kw_text *out)
{
    char buf[900];
    for (size_t i = 0; i < p->n_substitutes; i++)
        kw_summary_paragraph(i ? "" : "substitutes", kw_plan_substitute_text(p, i, buf, sizeof buf), out);
    kw_summary_answer(p, slo, out);
    plan_kinds(p, slo, out);
    plan_curves(p, out);
    kw_summary_schedules(p, out);
    kw_summary_tradeoffs(p, out);
    plan_table(p, slo, all, out);
    kw_summary_flips(p, all, out);
}

void kw_summary_part(const struct kw_plan_part *part, const struct kw_trace *t, size_t i, size_t n, struct kw_text *out)
{
    uint64_t in = 0, gen = 0;
    char a[16], b[16];
    for (size_t k = 0; k < t->n; k++) {
        in += t->prompt[k];
        gen += t->output[k];
    }
    const struct kw_model_shape *taken = kw_model_taken_for(part->model);
    kw_document_section(out, "Model %zu of %zu: %s%s%s%s", i + 1, n, part->model, taken ? " (taken for " : "",
                        taken ? taken->name : "", taken ? " by its name)" : "");
    kw_document_note(out, "%zu requests, %s tokens in, %s out", t->n, kw_text_si(a, (double)in),
                     kw_text_si(b, (double)gen));
    kw_text_add(out, "\n");
}

void kw_summary_whole(const struct kw_plan_parts *x, const struct kw_plan_whole *w, const struct kw_point *as_written,
                      struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char buf[320], usd[32];
    kw_document_section(out, "As a whole%s",
                        w->complete ? "" : ", of the models that something serves within the objectives");
    kw_text_table_column(&t, "model", "", false);
    kw_text_table_column(&t, "recommended", "", false);
    kw_text_table_column(&t, "cost", "$/month", true);
    for (size_t i = 0; i < x->n; i++) {
        const struct kw_plan *p = &x->part[i].plan;
        kw_text_table_cell(&t, "%s", x->part[i].model);
        if (p->best < 0) {
            kw_text_table_cell(&t, "nothing meets the objectives");
            kw_text_table_cell(&t, "-");
            continue;
        }
        kw_text_table_cell(&t, "%s", kw_candidate_label(&p->candidates[p->best], buf, sizeof buf));
        kw_text_table_cell(&t, "%s", kw_quantity_usd(p->points[p->best].m[KW_METRIC_COST].value, usd));
    }
    if (w->bill.total != w->apart) {
        kw_text_table_cell(&t, "shared");
        kw_text_table_cell(&t, "fees and credits come once an account");
        kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(w->bill.total - w->apart), usd));
    }
    kw_text_table_cell(&t, "total");
    kw_text_table_cell(&t, " ");
    kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(w->bill.total), usd));
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    if (kw_summary_first_month(&w->bill, w->one_off, buf, sizeof buf)) kw_summary_paragraph("first month", buf, out);
    if (!as_written) return;
    snprintf(buf, sizeof buf, "$%s a month for all the deployments of the scenario: %s%s",
             kw_quantity_usd(kw_point_told(as_written, KW_METRIC_COST).value, usd),
             as_written->feasible ? "meets the objectives" : "misses: ", as_written->miss);
    kw_summary_paragraph("as written", buf, out);
}
