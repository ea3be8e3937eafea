#include "sim/cli/commands/compare.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cli/output.h"
#include "sim/cli/platform_folder.h"
#include "sim/io/quantity.h"
#include "sim/io/text_table.h"
#include "sim/io/report.h"
#include "sim/io/results/results.h"
#include "sim/io/scenario/scenario.h"
#include "sim/io/summary.h"
#include "sim/plan/plan_parts.h"

/* A result in memory, priced by a catalogue. */
struct loaded {
    struct kw_catalogue catalogue;
    struct kw_results_head head;
    struct kw_candidate *candidates;
    struct kw_point *points;
    size_t n;
    struct kw_plan_parts parts;  /* of a plan of several models: points of each, borrowed; else none */
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
    free(l->parts.part); /* what they hold is borrowed */
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

/* A platform of a file of the user's, by the name of one that is built in, is priced by that, unless --platform names the
 * file: said, since the name alone does not show it. names: adopted. */
static void tell_platform_files(const struct loaded *l, const char *path, const struct kw_list *names)
{
    struct kw_platform_line line;
    const char *text = l->head.platforms;
    while (text && kw_platform_line_next(&text, &line)) {
        char name[sizeof((struct kw_platform *)0)->name];
        size_t i = 0;
        snprintf(name, sizeof name, "%.*s", line.name_len, line.name);
        while (i < names->n && strcmp(names->v[i], name)) i++;
        const struct kw_platform *now = kw_platforms_find(&l->catalogue.platforms, name);
        if (i == names->n && line.path_len && uses(l, name) && !(now && now->offered))
            kw_cli_note(
                "%s: '%s' was the file %.*s; the one built in prices it here (reprice --platform FILE takes a file)",
                path, name, line.path_len, line.path);
    }
}

/* Ranks what was chosen from together: all points, or those of each model. */
static enum kw_status rank_parts(struct loaded *l, struct kw_error *err)
{
    const struct kw_slo *slo = &l->scenario.slo;
    if (!l->n || !l->candidates[0].part[0]) return kw_points_rank(l->points, l->n, slo, err);
    l->parts.part = calloc(l->n, sizeof *l->parts.part);
    if (!l->parts.part) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = KW_OK;
    for (size_t at = 0, n; at < l->n && st == KW_OK; at += n) {
        const char *model = l->candidates[at].part;
        for (n = 1; at + n < l->n && !strcmp(l->candidates[at + n].part, model);) n++;
        struct kw_plan_part *part = &l->parts.part[l->parts.n++];
        *part = (struct kw_plan_part){
            .model = model, .plan = { .candidates = l->candidates + at, .points = l->points + at, .n = n, .best = -1 }
        };
        st = kw_points_rank(l->points + at, n, slo, err);
        for (size_t i = 0; i < n; i++)
            if (l->points[at + i].rank == 1 && l->points[at + i].feasible) part->plan.best = (ptrdiff_t)i;
    }
    return st;
}

static bool same_limits(const struct kw_slo *a, const struct kw_slo *b)
{
    struct kw_slo_limits x = kw_slo_limits(a), y = kw_slo_limits(b);
    return x.ttft == y.ttft && x.tpot == y.tpot && x.e2e == y.e2e;
}

/* Attainment and goodput count requests by the limits of the simulation, and a result does not know each request: other
 * limits can be judged by percentiles and shares, not by these. */
static enum kw_status check_limits(const struct loaded *l, const char *path, struct kw_error *err)
{
    struct kw_scenario was;
    const struct kw_slo *now = &l->scenario.slo;
    enum kw_status st = kw_scenario_parse(&was, path, l->head.config_json, strlen(l->head.config_json), NULL, 0, err);
    if (st != KW_OK) return st;
    kw_scenario_meet_class(&was, l->head.only_class);
    bool same = same_limits(&was.slo, now), asked = now->attainment >= 0;
    for (uint32_t i = 0; i < now->n_by_class && i < was.slo.n_by_class; i++) {
        same = same && same_limits(&was.slo.by_class[i].slo, &now->by_class[i].slo);
        asked = asked || now->by_class[i].slo.attainment >= 0;
    }
    kw_scenario_free(&was);
    if (same) return KW_OK;
    if (asked)
        return kw_fail(
            err, KW_EUSAGE,
            "--slo: %s counted attainment by other limits per request; simulate it with these (`rerun` keeps "
            "its own)",
            path);
    kw_cli_note("%s: attainment and goodput are those by the limits per request that it was simulated with", path);
    return KW_OK;
}

/* Usage is the file's, prices are today's catalogue's, those of the user's folder and --platform's; nothing is simulated. Objectives are the file's
 * with --slo over them, so that a result can be judged by others than it was made for. */
static enum kw_status load(struct loaded *l, const char *path, const struct kw_options *o, struct kw_error *err)
{
    memset(l, 0, sizeof *l);
    enum kw_status st = kw_catalogue_load(&l->catalogue, NULL, err);
    if (st != KW_OK) return st;
    st = kw_results_head(&l->head, path, err);
    if (st == KW_OK) {
        struct kw_scenario_edit edits[KW_CLI_MAX_LIST];
        for (size_t i = 0; i < o->slo.n; i++) edits[i] = (struct kw_scenario_edit){ KW_EDIT_SLO, NULL, o->slo.v[i] };
        st = kw_scenario_parse(&l->scenario, path, l->head.config_json, strlen(l->head.config_json), edits, o->slo.n,
                               err);
    }
    if (st == KW_OK) kw_scenario_meet_class(&l->scenario, l->head.only_class);
    if (st == KW_OK && o->slo.n) st = check_limits(l, path, err);
    struct kw_list platforms = o->platform;
    if (st == KW_OK) st = kw_cli_platforms(&l->catalogue, o, err);
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
        if (o->slo.n) l->points[i].margin = (struct kw_margin){ NAN, NAN, NAN, false }; /* to other objectives */
    }
    if (st == KW_OK) st = rank_parts(l, err);
    if (st == KW_OK) tell_platform_files(l, path, &platforms);
    if (st != KW_OK) loaded_free(l);
    return st;
}

int kw_cli_reprice(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct loaded l;
    struct kw_plan_whole whole;
    enum kw_status st = load(&l, o->args.v[0], o, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    if (l.parts.n && (st = kw_plan_parts_whole(&whole, &l.parts, &err)) != KW_OK) {
        loaded_free(&l);
        return kw_cli_fail(st, &err);
    }
    struct kw_text out = { .columns = kw_cli_columns() };
    if (o->json && l.parts.n) {
        kw_summary_parts_json("reprice", NULL, NULL, 0, &l.parts, &whole, NULL, NULL, NULL, &out);
    } else if (o->json) {
        kw_summary_json("reprice", NULL, NULL, 0, l.candidates, l.points, l.n, NULL, NULL, NULL, NULL, NULL, &out);
    } else if (o->csv) {
        kw_summary_csv(l.candidates, l.points, l.n, &out);
    } else {
        kw_text_add(&out, "keepwarm reprice: usage of %s (%s, simulated by keepwarm %s), prices of this build\n\n",
                    o->args.v[0], l.head.command, l.head.keepwarm_version);
        bool swept = !strcmp(l.head.command, "sweep") && l.scenario.n_points == l.n;
        for (size_t i = 0; i < l.parts.n; i++) {
            const struct kw_plan *p = &l.parts.part[i].plan;
            kw_text_add(&out, "%sModel %zu of %zu: %s\n\n", i ? "\n" : "", i + 1, l.parts.n, l.parts.part[i].model);
            kw_summary_points(NULL, p->candidates, p->points, p->n, o->all ? 0 : 40, &out);
        }
        if (l.parts.n)
            kw_summary_whole(&l.parts, &whole, NULL, &out);
        else
            kw_summary_points(swept ? &l.scenario : NULL, l.candidates, l.points, l.n, o->all ? 0 : 40, &out);
    }
    loaded_free(&l);
    return kw_cli_print(&out);
}

/* Points of two results that have the same label, in A's order. */
struct pairs {
    struct kw_summary_pair *v;
    size_t n, only_a, only_b;
};

/* An index by label makes it O(n log n); no label occurs twice in a result. */
struct labelled {
    char label[320];
    const struct kw_point *point;
};

/* Of a plan of several models the model stands before it: two may choose the same. */
static void full_label(const struct kw_candidate *c, char *buf, size_t size)
{
    size_t at = c->part[0] ? (size_t)snprintf(buf, size, "%s: ", c->part) : 0;
    kw_candidate_label(c, buf + at, size - at);
}

static int by_label(const void *a, const void *b)
{
    return strcmp(((const struct labelled *)a)->label, ((const struct labelled *)b)->label);
}

static enum kw_status pair_up(struct pairs *p, const struct loaded *a, const struct loaded *b, struct kw_error *err)
{
    *p = (struct pairs){ .v = malloc((a->n ? a->n : 1) * sizeof *p->v), .only_b = b->n };
    struct labelled *index = malloc((b->n ? b->n : 1) * sizeof *index), want;
    if (!p->v || !index) {
        free(p->v);
        free(index);
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu configurations", a->n);
    }
    for (size_t i = 0; i < b->n; i++) {
        full_label(&b->candidates[i], index[i].label, sizeof index[i].label);
        index[i].point = &b->points[i];
    }
    qsort(index, b->n, sizeof *index, by_label);
    for (size_t i = 0; i < a->n; i++) {
        full_label(&a->candidates[i], want.label, sizeof want.label);
        const struct labelled *found = bsearch(&want, index, b->n, sizeof *index, by_label);
        if (!found) {
            p->only_a++;
            continue;
        }
        p->only_b--;
        struct kw_summary_pair *x = &p->v[p->n++];
        x->a = &a->points[i];
        x->b = found->point;
        memcpy(x->label, want.label, sizeof x->label);
    }
    free(index);
    return KW_OK;
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

static void compare_table(const struct kw_options *o, const struct pairs *p, bool traces_differ, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
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
    size_t shown = o->all || p->n < 40 ? p->n : 40;
    for (size_t i = 0; i < shown; i++) {
        char buf[32];
        const struct kw_point *a = p->v[i].a, *b = p->v[i].b;
        double cost_a = kw_point_told(a, KW_METRIC_COST).value, cost_b = kw_point_told(b, KW_METRIC_COST).value;
        kw_text_table_cell(&t, "%s", p->v[i].label);
        kw_text_table_cell(&t, "%u", a->rank);
        kw_text_table_cell(&t, "%u", b->rank);
        kw_text_table_cell(&t, "%s", kw_quantity_cents(cost_a, buf));
        kw_text_table_cell(&t, "%s", kw_quantity_cents(cost_b, buf));
        change_cell(&t, cost_a, cost_b);
        change_cell(&t, a->m[KW_METRIC_TTFT_P95].value, b->m[KW_METRIC_TTFT_P95].value);
        change_cell(&t, a->m[KW_METRIC_TTFT_P99].value, b->m[KW_METRIC_TTFT_P99].value);
        change_cell(&t, a->m[KW_METRIC_TPOT_P95].value, b->m[KW_METRIC_TPOT_P95].value);
        kw_text_table_cell(&t, "%s", kw_quantity_percent(a->m[KW_METRIC_ERROR_FRACTION].value, buf));
        kw_text_table_cell(&t, "%s", kw_quantity_percent(b->m[KW_METRIC_ERROR_FRACTION].value, buf));
    }
    kw_text_add(out, "A %s\nB %s\n\n", o->args.v[0], o->args.v[1]);
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    if (shown < p->n) kw_text_add(out, "  ... and %zu more (--all)\n", p->n - shown);
    if (traces_differ) kw_text_add(out, "  the traces differ\n");
    if (p->only_a) kw_text_add(out, "  %zu configurations are in A alone\n", p->only_a);
    if (p->only_b) kw_text_add(out, "  %zu configurations are in B alone\n", p->only_b);
}

int kw_cli_compare(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct loaded a, b;
    struct pairs p;
    enum kw_status st = load(&a, o->args.v[0], o, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = load(&b, o->args.v[1], o, &err);
    if (st != KW_OK) {
        loaded_free(&a);
        return kw_cli_fail(st, &err);
    }
    struct kw_text out = { .columns = kw_cli_columns() };
    st = pair_up(&p, &a, &b, &err);
    bool traces_differ = strcmp(a.head.trace_sha256, b.head.trace_sha256) != 0;
    if (st == KW_OK && (o->json || o->csv)) {
        if (o->csv)
            kw_summary_pairs_csv(p.v, p.n, &out);
        else
            kw_summary_pairs_json(o->args.v[0], o->args.v[1], traces_differ, p.v, p.n, p.only_a, p.only_b, &out);
    } else if (st == KW_OK) {
        compare_table(o, &p, traces_differ, &out);
    }
    if (st == KW_OK) free(p.v);
    loaded_free(&a);
    loaded_free(&b);
    return st == KW_OK ? kw_cli_print(&out) : kw_cli_fail(st, &err);
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
