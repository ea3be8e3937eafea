/* Keep-warm curves and the frontier of cost against TTFT p95, each figure with its 95 % interval. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"
#include "sim/io/text_table.h"

static const struct {
    enum kw_tradeoff_figure figure;
    const char *head, *unit;
    const char *(*text)(double v, char buf[32]);
} column[] = { { KW_TRADEOFF_COST, "cost", "$/month", kw_quantity_usd },
               { KW_TRADEOFF_TTFT_P95, "TTFT", "p95 s", kw_quantity_number },
               { KW_TRADEOFF_COLD, "cold", "%", kw_quantity_percent },
               { KW_TRADEOFF_ATTAINMENT, "attain", "%", kw_quantity_percent } };
_Static_assert(sizeof column / sizeof *column == KW_TRADEOFF_FIGURES, "a column a figure");

/* Which intervals there is room for: of the first so many columns. */
static int intervals(const struct kw_text *out)
{
    return kw_text_columns(out) < KW_TEXT_COLUMNS ? 1 : KW_TRADEOFF_FIGURES;
}

static void figure_columns(struct kw_text_table *t, int with_interval)
{
    for (int k = 0; k < KW_TRADEOFF_FIGURES; k++) {
        kw_text_table_column(t, column[k].head, column[k].unit, true);
        if (k < with_interval) kw_text_table_column(t, "95 %", column[k].unit, true);
    }
    kw_text_table_column(t, "verdict", "", false);
}

static void figure_cells(struct kw_text_table *t, const struct kw_tradeoff *x, int with_interval)
{
    char low[32], high[32];
    for (int k = 0; k < KW_TRADEOFF_FIGURES; k++) {
        const struct kw_estimate *e = &x->of[column[k].figure];
        kw_text_table_cell(t, "%s", column[k].text(e->value, low));
        if (k >= with_interval) continue;
        if (isnan(e->lo))
            kw_text_table_cell(t, "-");
        else
            kw_text_table_cell(t, "%s-%s", column[k].text(e->lo, low), column[k].text(e->hi, high));
    }
    const char *verdict = x->overloaded ? "overload" : x->feasible ? "meets" : "misses";
    if (x->drawn)
        kw_text_table_cell(t, "%s %" PRIu32 "/%" PRIu32, verdict, x->met, x->drawn);
    else
        kw_text_table_cell(t, "%s", verdict);
}

/* What the verdicts count, where drawings gave intervals; else why there are none. */
static void legend(const struct kw_tradeoff *x, size_t n, struct kw_text *out)
{
    uint32_t drawn = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i].drawn > drawn) drawn = x[i].drawn;
    if (drawn)
        kw_document_note(out,
                         "verdict: on the trace itself, and in how many of %" PRIu32
                         " drawings of its days it meets the objectives; attain: requests that met every limit of "
                         "their own",
                         drawn);
    else
        kw_document_note(out, "too few days or replications to draw from: no intervals");
}

static void curve_title(const struct kw_plan *p, const struct kw_warm_curve *w, struct kw_text *out)
{
    const struct kw_choice *c = &p->candidates[w->leader].choice[0];
    char tp[16] = "", concurrency[48] = "";
    if (c->gpus > 1) snprintf(tp, sizeof tp, " x%" PRIu32, c->gpus);
    if (!kw_choice_concurrency_is_default(c))
        snprintf(concurrency, sizeof concurrency, ", %g requests per replica", kw_choice_concurrency(c));
    kw_document_section(out, "Keep-warm curve of %s %s %s%s%s%s, idle timeout %g s%s", c->platform->name, c->gpu->gpu,
                        c->profile->precision, tp, c->autoscaler ? " " : "", c->autoscaler ? c->autoscaler->name : "",
                        kw_nano_to_double(c->scaling.idle_timeout), concurrency);
}

static void curve(const struct kw_plan *p, const struct kw_warm_curve *w, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    int with_interval = intervals(out);
    curve_title(p, w, out);
    kw_text_table_column(&t, "warm", "", true);
    figure_columns(&t, with_interval);
    for (size_t k = 0; k < w->n; k++) {
        kw_text_table_cell(&t, "%" PRIu32, w->point[k].keep_warm);
        figure_cells(&t, &w->point[k], with_interval);
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

static void frontier(const struct kw_plan *p, struct kw_text *out)
{
    const struct kw_tradeoffs *x = &p->tradeoffs;
    struct kw_text_table t = { 0 };
    char label[320];
    int with_interval = intervals(out) > 1 ? 2 : 0;
    kw_document_section(out, "Cost against TTFT p95: no other configuration is both cheaper and faster than these");
    kw_text_table_column(&t, "configuration", "", false);
    figure_columns(&t, with_interval);
    for (size_t i = 0; i < x->n_frontier; i++) {
        kw_text_table_cell(&t, "%s", kw_candidate_label(&p->candidates[x->frontier[i].candidate], label, sizeof label));
        figure_cells(&t, &x->frontier[i], with_interval);
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    legend(x->frontier, x->n_frontier, out);
}

void kw_summary_tradeoffs(const struct kw_plan *p, struct kw_text *out)
{
    const struct kw_tradeoffs *x = &p->tradeoffs;
    for (size_t i = 0; i < x->n_curves; i++) curve(p, &x->curve[i], out);
    if (x->n_curves) legend(x->curve[0].point, x->curve[0].n, out);
    if (x->n_frontier) frontier(p, out);
}

static void csv_row(const char *model, const char *of, const struct kw_plan *p, size_t candidate,
                    const struct kw_tradeoff *x, struct kw_text *out)
{
    char label[320];
    kw_text_add(out, "%s,%s,%s,\"%s\",%" PRIu32, model, of, p->candidates[candidate].choice[0].platform->name,
                kw_candidate_label(&p->candidates[candidate], label, sizeof label), x->keep_warm);
    for (int k = 0; k < KW_TRADEOFF_FIGURES; k++) {
        const double v[] = { x->of[k].value, x->of[k].lo, x->of[k].hi };
        for (int side = 0; side < 3; side++) {
            kw_text_add(out, ",");
            if (isfinite(v[side])) kw_text_add(out, "%.17g", v[side]);
        }
    }
    kw_text_add(out, ",%d,%d,%" PRIu32 ",%" PRIu32 "\n", x->overloaded, x->feasible, x->drawn, x->met);
}

void kw_summary_tradeoffs_csv(const struct kw_plan_parts *parts, struct kw_text *out)
{
    kw_text_add(out, "model,of,platform,label,keep_warm");
    for (int k = 0; k < KW_TRADEOFF_FIGURES; k++) {
        const char *name = kw_metric_info[kw_tradeoff_metric[k]].name;
        kw_text_add(out, ",%s,%s_lo,%s_hi", name, name, name);
    }
    kw_text_add(out, ",overloaded,feasible,drawings,feasible_in\n");
    for (size_t i = 0; i < parts->n; i++) {
        const struct kw_plan *p = &parts->part[i].plan;
        const struct kw_tradeoffs *t = &p->tradeoffs;
        for (size_t c = 0; c < t->n_curves; c++)
            for (size_t k = 0; k < t->curve[c].n; k++)
                csv_row(parts->part[i].model, "curve", p, t->curve[c].leader, &t->curve[c].point[k], out);
        for (size_t k = 0; k < t->n_frontier; k++)
            csv_row(parts->part[i].model, "frontier", p, (size_t)t->frontier[k].candidate, &t->frontier[k], out);
    }
}
