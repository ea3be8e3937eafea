#include "sim/cli/commands/compare.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cli/output.h"
#include "sim/io/quantity.h"
#include "sim/io/text_table.h"
#include "sim/io/report.h"
#include "sim/io/results/results.h"
#include "sim/io/scenario/scenario.h"
#include "sim/io/summary.h"

/* A result in memory, priced by a catalogue. */
struct loaded {
    struct kw_catalogue catalogue;
    struct kw_results_head head;
    struct kw_candidate *candidates;
    struct kw_point *points;
    size_t n;
    struct kw_scenario scenario; /* of the result, with today's --slo */
};

static void loaded_free(struct loaded *l)
{
    for (size_t i = 0; i < l->n; i++) {
        kw_candidate_free(&l->candidates[i]);
        kw_point_free(&l->points[i]);
    }
    free(l->candidates);
    free(l->points);
    kw_results_head_free(&l->head);
    kw_scenario_free(&l->scenario);
    kw_catalogue_free(&l->catalogue);
}

static bool uses(const struct loaded *l, const char *platform)
{
    for (size_t i = 0; i < l->n; i++)
        for (uint32_t k = 0; k < l->candidates[i].n; k++)
            if (!strcmp(l->candidates[i].choice[k].platform->name, platform)) return true;
    return false;
}

/* Usage is the file's, prices are today's catalogue's and --platform's; nothing is simulated. Objectives are the file's
 * with --slo over them, so that a result can be judged by others than it was made for. */
static enum kw_status load(struct loaded *l, const char *path, const struct kw_options *o, struct kw_error *err)
{
    memset(l, 0, sizeof *l);
    enum kw_status st = kw_catalogue_load(&l->catalogue, err);
    if (st != KW_OK) return st;
    st = kw_results_head(&l->head, path, err);
    if (st == KW_OK) {
        struct kw_scenario_edit edits[KW_CLI_MAX_LIST];
        for (size_t i = 0; i < o->slo.n; i++) edits[i] = (struct kw_scenario_edit){ KW_EDIT_SLO, NULL, o->slo.v[i] };
        st = kw_scenario_parse(&l->scenario, path, l->head.config_json, strlen(l->head.config_json), edits, o->slo.n,
                               err);
    }
    struct kw_list platforms = o->platform;
    if (st == KW_OK) st = kw_catalogue_adopt(&l->catalogue, platforms.v, platforms.n, err);
    if (st == KW_OK) {
        st = kw_results_read_points(path, &l->catalogue, &l->candidates, &l->points, &l->n, err);
        if (st != KW_OK) {
            l->n = 0;
            if (strncmp(err->msg, path, strlen(path))) kw_where(err, path, 0); /* HDF5's messages name the file */
        }
    }
    for (size_t i = 0; i < platforms.n && st == KW_OK; i++)
        if (!uses(l, platforms.v[i]))
            st = kw_fail(err, KW_ERANGE, "%s: no deployment of %s is on platform '%s'", o->platform.v[i], path,
                         platforms.v[i]);
    for (size_t i = 0; i < l->n && st == KW_OK; i++) {
        struct kw_tariff tariff[KW_FLEET_MAX_DEPLOYMENTS];
        for (uint32_t k = 0; k < l->candidates[i].n; k++) tariff[k] = kw_choice_tariff(&l->candidates[i].choice[k]);
        st = kw_point_finish(&l->points[i], tariff, &l->scenario.slo, err);
    }
    if (st == KW_OK) st = kw_points_rank(l->points, l->n, &l->scenario.slo, err);
    if (st != KW_OK) loaded_free(l);
    return st;
}

int kw_cli_reprice(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct loaded l;
    enum kw_status st = load(&l, o->args.v[0], o, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    struct kw_text out = { 0 };
    if (o->json) {
        kw_summary_json("reprice", NULL, NULL, 0, l.candidates, l.points, l.n, NULL, NULL, &out);
    } else if (o->csv) {
        kw_summary_csv(l.candidates, l.points, l.n, &out);
    } else {
        kw_text_add(&out, "keepwarm reprice: usage of %s (%s, simulated by keepwarm %s), prices of this build\n\n",
                    o->args.v[0], l.head.command, l.head.keepwarm_version);
        kw_summary_points(NULL, l.candidates, l.points, l.n, o->all ? 0 : 40, &out);
    }
    loaded_free(&l);
    return kw_cli_print(&out);
}

/* The point of l with this label, or NULL. */
static const struct kw_point *point_of(const struct loaded *l, const char *label)
{
    char buf[320];
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(kw_candidate_label(&l->candidates[i], buf, sizeof buf), label)) return &l->points[i];
    return NULL;
}

static void change_cell(struct kw_text_table *t, double a, double b)
{
    if (isnan(a) || isnan(b))
        kw_text_table_cell(t, "-");
    else if (a == b)
        kw_text_table_cell(t, "=");
    else if (a == 0)
        kw_text_table_cell(t, "new");
    else
        kw_text_table_cell(t, "%+.1f", 100 * (b / a - 1));
}

int kw_cli_compare(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct loaded a, b;
    enum kw_status st = load(&a, o->args.v[0], o, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = load(&b, o->args.v[1], o, &err);
    if (st != KW_OK) {
        loaded_free(&a);
        return kw_cli_fail(st, &err);
    }
    struct kw_text_table t = { 0 };
    struct kw_text out = { 0 };
    size_t only_a = 0, only_b = b.n, shown = 0;
    kw_text_table_column(&t, "configuration", "", false);
    kw_text_table_column(&t, "rank", "A", true);
    kw_text_table_column(&t, "rank", "B", true);
    kw_text_table_column(&t, "cost", "A $/month", true);
    kw_text_table_column(&t, "cost", "B $/month", true);
    kw_text_table_column(&t, "cost", "B/A %", true);
    kw_text_table_column(&t, "TTFT p95", "B/A %", true);
    kw_text_table_column(&t, "TTFT p99", "B/A %", true);
    kw_text_table_column(&t, "TPOT p95", "B/A %", true);
    kw_text_table_column(&t, "fail", "A %", true);
    kw_text_table_column(&t, "fail", "B %", true);
    for (size_t i = 0; i < a.n; i++) {
        char label[320], buf[32];
        const struct kw_point *p = &a.points[i],
                              *q = point_of(&b, kw_candidate_label(&a.candidates[i], label, sizeof label));
        if (!q) {
            only_a++;
            continue;
        }
        only_b--;
        if (!o->all && shown >= 40) continue;
        shown++;
        kw_text_table_cell(&t, "%s", label);
        kw_text_table_cell(&t, "%u", p->rank);
        kw_text_table_cell(&t, "%u", q->rank);
        kw_text_table_cell(&t, "%s", kw_quantity_cents(kw_point_told(p, KW_METRIC_COST).value, buf));
        kw_text_table_cell(&t, "%s", kw_quantity_cents(kw_point_told(q, KW_METRIC_COST).value, buf));
        change_cell(&t, kw_point_told(p, KW_METRIC_COST).value, kw_point_told(q, KW_METRIC_COST).value);
        change_cell(&t, p->m[KW_METRIC_TTFT_P95].value, q->m[KW_METRIC_TTFT_P95].value);
        change_cell(&t, p->m[KW_METRIC_TTFT_P99].value, q->m[KW_METRIC_TTFT_P99].value);
        change_cell(&t, p->m[KW_METRIC_TPOT_P95].value, q->m[KW_METRIC_TPOT_P95].value);
        kw_text_table_cell(&t, "%s", kw_quantity_percent(p->m[KW_METRIC_ERROR_FRACTION].value, buf));
        kw_text_table_cell(&t, "%s", kw_quantity_percent(q->m[KW_METRIC_ERROR_FRACTION].value, buf));
    }
    kw_text_add(&out, "A %s\nB %s\n\n", o->args.v[0], o->args.v[1]);
    kw_text_table_print(&t, &out);
    kw_text_table_free(&t);
    if (strcmp(a.head.trace_sha256, b.head.trace_sha256)) kw_text_add(&out, "  the traces differ\n");
    if (only_a) kw_text_add(&out, "  %zu configurations are in A alone\n", only_a);
    if (only_b) kw_text_add(&out, "  %zu configurations are in B alone\n", only_b);
    loaded_free(&a);
    loaded_free(&b);
    return kw_cli_print(&out);
}

int kw_cli_report(const struct kw_options *o)
{
    struct kw_error err = { "" };
    if (!o->out) return kw_cli_fail(kw_fail(&err, KW_EUSAGE, "report wants -o FILE.html"), &err);
    enum kw_status st = kw_report_write(o->args.v[0], o->out, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    kw_cli_note("wrote %s", o->out);
    return 0;
}
