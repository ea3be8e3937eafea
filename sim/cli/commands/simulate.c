#include "sim/cli/commands/simulate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cli/session.h"
#include "sim/io/summary.h"

/* Points of the grid: candidates and their results, made and freed together. */
struct grid {
    struct kw_candidate *candidates;
    struct kw_point *points;
    size_t n;
};

static void grid_free(struct grid *g)
{
    for (size_t i = 0; i < g->n; i++) {
        kw_candidate_free(&g->candidates[i]);
        kw_point_free(&g->points[i]);
    }
    free(g->candidates);
    free(g->points);
    *g = (struct grid){ 0 };
}

static enum kw_status grid_make(struct grid *g, struct kw_session *s, struct kw_error *err)
{
    size_t n = s->scenario.n_points;
    *g = (struct grid){ calloc(n, sizeof *g->candidates), calloc(n, sizeof *g->points), 0 };
    enum kw_status st = g->candidates && g->points ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    while (g->n < n && st == KW_OK) {
        kw_candidate_init(&g->candidates[g->n]);
        st = kw_scenario_candidate(&s->scenario, (uint32_t)g->n, &s->catalogue, &s->trace, &g->candidates[g->n], err);
        if (st == KW_OK && (st = kw_point_init(&g->points[g->n], err)) != KW_OK)
            kw_candidate_free(&g->candidates[g->n]);
        if (st == KW_OK) g->n++;
    }
    if (st != KW_OK) grid_free(g);
    return st;
}

static bool meets(const struct kw_point *p, const struct kw_slo *slo)
{
    double figure[KW_METRICS], ratio;
    for (int m = 0; m < KW_METRICS; m++) figure[m] = p->m[m].value;
    return kw_slo_judge(slo, figure, NULL, 0, &ratio);
}

/* KW_ESLO when not one point meets the objectives, KW_EBUDGET when one does but for the budget. */
static enum kw_status verdict(const struct kw_point *p, size_t n, const struct kw_slo *slo, struct kw_error *err)
{
    struct kw_slo free_of_budget = *slo;
    free_of_budget.budget_month = 0;
    const struct kw_point *nearest = &p[0];
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (p[i].feasible) return KW_OK;
        if (p[i].miss_ratio < nearest->miss_ratio) nearest = &p[i];
        if (p[i].m[KW_METRIC_COST].value < least && meets(&p[i], &free_of_budget)) least = p[i].m[KW_METRIC_COST].value;
    }
    if (least < INFINITY)
        return kw_fail(
            err, KW_EBUDGET,
            "over budget: the cheapest that meets the other objectives costs $%.2f a month; the budget is $%.2f", least,
            kw_nano_to_double(slo->budget_month));
    return kw_fail(err, KW_ESLO, "nothing meets the objectives; the nearest misses %s", nearest->miss);
}

static int print_points(const char *command, const struct kw_options *o, struct kw_session *s, const struct grid *g,
                        const struct kw_reading *r)
{
    struct kw_text out = { 0 };
    if (o->json) {
        kw_summary_json(command, &s->trace, &s->window, s->scenario.month, g->candidates, g->points, g->n, NULL, r,
                        &out);
    } else if (o->csv) {
        kw_summary_csv(g->candidates, g->points, g->n, &out);
    } else {
        kw_summary_head(command, &s->scenario, &s->trace, &s->window, s->scaling, &out);
        kw_summary_unknown(g->candidates, g->n, &s->trace, &out);
        if (g->n == 1) {
            kw_summary_point(&g->candidates[0], &g->points[0], &out);
            kw_summary_reading(r, &out);
        } else {
            kw_summary_points(&s->scenario, g->candidates, g->points, g->n, o->all ? 0 : 40, &out);
        }
    }
    return kw_cli_print(&out);
}

/* run and sweep differ in how many points they allow and in the records a run keeps. */
static int simulate(const char *command, const struct kw_options *o, struct kw_session *s)
{
    struct kw_error err = { "" };
    struct grid g;
    enum kw_status st = kw_scenario_check_use(&s->scenario, strcmp(command, "run") ? KW_FOR_SWEEP : KW_FOR_RUN, &err);
    if (st == KW_OK) st = grid_make(&g, s, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    struct kw_study study = kw_session_study(s, o);
    study.records |= !strcmp(command, "run") && o->out;
    struct kw_sweep_options sweep = kw_session_sweep(s, o);
    st = kw_sweep(g.points, g.candidates, g.n, &study, &sweep, &err);
    struct kw_reading reading = { .shown = false };
    if (st == KW_OK && g.n == 1) /* one per cent is within what any of this is good for */
        st = kw_reading_run(&reading, &g.candidates[0], &g.points[0], 0.01 * fabs(g.points[0].m[KW_METRIC_COST].value),
                            &study, &sweep, &err);
    kw_progress_end(&s->progress);
    bool done = st == KW_OK; /* then the points are printed even where they cannot be saved */
    if (done) st = kw_session_save(s, o, command, g.candidates, g.points, g.n, NULL, &err);
    int code = 0;
    if (done) code = print_points(command, o, s, &g, &reading);
    if (st == KW_OK && code == 0) st = verdict(g.points, g.n, &s->scenario.slo, &err);
    grid_free(&g);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}

int kw_cli_run(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_session s;
    enum kw_status st = kw_session_open(&s, o, o->args.v[0], &err);
    if (st == KW_OK && s.scenario.n_axes) {
        st = kw_fail(&err, KW_EUSAGE, "%s has a sweep of %u points; `keepwarm sweep` takes those", o->args.v[0],
                     s.scenario.n_points);
        kw_session_close(&s);
    }
    if (st != KW_OK) return kw_cli_fail(st, &err);
    int code = simulate("run", o, &s);
    kw_session_close(&s);
    return code;
}

int kw_cli_sweep(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_session s;
    enum kw_status st = kw_session_open(&s, o, o->args.v[0], &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    int code = simulate("sweep", o, &s);
    kw_session_close(&s);
    return code;
}

static int print_plan(const struct kw_options *o, struct kw_session *s, const struct kw_plan *p,
                      const struct kw_breakeven *b)
{
    struct kw_text out = { 0 };
    if (o->json) {
        kw_summary_json("plan", &s->trace, &s->window, s->scenario.month, p->candidates, p->points, p->n, p, NULL,
                        &out);
    } else if (o->csv) {
        kw_summary_csv(p->candidates, p->points, p->n, &out);
    } else {
        kw_summary_head("plan", &s->scenario, &s->trace, &s->window, p->scaling, &out);
        kw_summary_unknown(p->candidates, p->n, &s->trace, &out);
        kw_summary_plan(p, &s->scenario.slo, o->all, &out);
        if (b) kw_summary_breakeven(b, &out);
    }
    return kw_cli_print(&out);
}

static int plan(const struct kw_options *o, struct kw_session *s)
{
    struct kw_error err = { "" };
    struct kw_plan_options po;
    struct kw_plan p;
    struct kw_breakeven b;
    struct kw_candidate written;
    const char *model = s->scenario.model;
    kw_plan_init(&p);
    kw_candidate_init(&written);
    enum kw_status st = kw_scenario_check_use(&s->scenario, KW_FOR_PLAN, &err);
    if (st == KW_OK) st = kw_scenario_plan_options(&s->scenario, &po, &err);
    const struct kw_search_path *beside = s->catalogue.search_path;
    if (o->platform.n) s->catalogue.search_path = NULL; /* the command line names them all */
    if (st == KW_OK) st = kw_catalogue_adopt(&s->catalogue, po.platforms, po.n_platforms, &err);
    s->catalogue.search_path = beside;
    if (st == KW_OK && kw_scenario_has_deployments(&s->scenario)) {
        st = kw_scenario_candidate(&s->scenario, 0, &s->catalogue, &s->trace, &written, &err);
        if (st == KW_OK) model = kw_scenario_model_of(&s->scenario, 0);
        po.written = &written;
    }
    if (st == KW_OK && !model)
        st = kw_fail(&err, KW_EUSAGE, "plan wants a model: --model llama-3.1-8b, or \"model\" in the scenario");
    struct kw_study study = kw_session_study(s, o);
    if (st == KW_OK) {
        po.run = kw_session_sweep(s, o);
        st = kw_plan_enumerate(&p, &s->catalogue.platforms, &s->catalogue.profiles, &s->catalogue.steptimes, &s->trace,
                               model, &po, &err);
    }
    if (st == KW_OK) st = kw_plan_run(&p, &study, &po, &err);
    if (st == KW_OK && o->breakeven) {
        s->progress.what = "other volumes";
        st = kw_breakeven_find(&b, &p, &study, &po, 16, &err);
    }
    kw_progress_end(&s->progress);
    bool done = st == KW_OK;
    if (done) st = kw_session_save(s, o, "plan", p.candidates, p.points, p.n, &p, &err);
    int code = 0;
    if (done) code = print_plan(o, s, &p, o->breakeven ? &b : NULL);
    if (st == KW_OK && code == 0 && p.best < 0) st = verdict(p.points, p.n, &s->scenario.slo, &err);
    kw_plan_free(&p);
    kw_candidate_free(&written);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}

int kw_cli_plan(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_session s;
    const char *path = o->args.n ? o->args.v[0] : NULL;
    if (!path && !o->trace)
        return kw_cli_fail(KW_EUSAGE,
                           (kw_fail(&err, KW_EUSAGE, "plan wants a scenario file or --trace FILE --model NAME"), &err));
    enum kw_status st = kw_session_open(&s, o, path, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    int code = plan(o, &s);
    kw_session_close(&s);
    return code;
}

int kw_cli_rerun(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_results_head h;
    struct kw_session s;
    const char *path = o->args.v[0];
    enum kw_status st = kw_results_head(&h, path, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = kw_session_reopen(&s, o, path, &h, &err);
    if (st == KW_OK && strcmp(s.trace.notes.sha256, h.trace_sha256) && !o->force) {
        st = kw_fail(&err, KW_ERANGE,
                     "%s was made from a trace with sha256 %.16s..., but %s has %.16s... (--force goes on)", path,
                     h.trace_sha256, s.scenario.trace_file, s.trace.notes.sha256);
        kw_session_close(&s);
    }
    int code = 0;
    if (st == KW_OK) {
        code = !strcmp(h.command, "plan") ? plan(o, &s) : simulate(strcmp(h.command, "sweep") ? "run" : "sweep", o, &s);
        kw_session_close(&s);
    }
    kw_results_head_free(&h);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}
