#include "sim/cli/commands/simulate.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cli/session.h"
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"
#include "sim/plan/plan_parts.h"
#include "sim/plan/sweep/apart.h"

/* Points of the grid: candidates and their results, made and freed together. */
struct grid {
    struct kw_candidate *candidates;
    struct kw_point *points;
    size_t n;
    struct kw_migration migration;  /* whose steps they are; n 0: they are none */
    struct kw_bucket_study buckets; /* of one point */
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

/* The value of a sweep's axis at point i: "max_replicas=4". */
static bool axis_word(const void *context, const struct kw_candidate *c, size_t i, uint32_t a, char *buf, size_t size)
{
    const struct kw_scenario *s = context;
    char value[64];
    if (s->migration.n && a == 0) snprintf(buf, size, "new=%g", s->migration.share[i]);
    if (s->migration.n || a >= s->n_axes) return s->migration.n && a == 0;
    if (!strcmp(s->axis[a].path, "routing")) {
        snprintf(buf, size, "routing=%s", kw_candidate_route(&c[i], value, sizeof value));
        return true;
    }
    const char *dot = strrchr(s->axis[a].path, '.');
    snprintf(buf, size, "%s=%s", dot ? dot + 1 : s->axis[a].path,
             kw_scenario_axis_value(s, (uint32_t)i, a, value, sizeof value));
    return true;
}

/* A note a line, unless notes are not wanted. Takes the text. */
static void tell(const struct kw_options *o, struct kw_text *notes)
{
    for (char *line = notes->s, *end; line && *line && !o->quiet; line = end + 1) {
        end = strchr(line, '\n');
        kw_cli_note("%.*s", (int)(end - line), line);
    }
    kw_text_free(notes);
}

/* Profiles given by name that nothing was simulated with: of another model or GPU, or a better grade is there. */
static void tell_unused_profiles(const struct kw_options *o, const struct kw_candidate *c, size_t n)
{
    for (size_t i = 0; i < o->profile.n && !o->quiet; i++) {
        bool used = false;
        for (size_t k = 0; k < n && !used; k++)
            for (uint32_t d = 0; d < c[k].n && !used; d++)
                used = c[k].choice[d].profile && !strcmp(c[k].choice[d].profile->file, o->profile.v[i]);
        if (!used)
            kw_cli_note(
                "--profile %s: nothing here takes it: it is of another model, GPU, precision or tp, or a better "
                "grade is there",
                o->profile.v[i]);
    }
}

/* All points are read before the first is simulated: a mistake in the last one costs no hour. */
static enum kw_status grid_make(struct grid *g, const struct kw_options *o, struct kw_session *s, struct kw_error *err)
{
    size_t n = s->scenario.n_points;
    struct kw_unused_keys unused = { 0 };
    struct kw_text notes = { 0 };
    *g = (struct grid){ .candidates = calloc(n, sizeof *g->candidates), .points = calloc(n, sizeof *g->points) };
    enum kw_status st = g->candidates && g->points ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    while (g->n < n && st == KW_OK) {
        kw_candidate_init(&g->candidates[g->n]);
        st = kw_scenario_candidate(&s->scenario, (uint32_t)g->n, &s->catalogue, &s->trace, &g->candidates[g->n],
                                   &unused, err);
        if (st == KW_OK && (st = kw_point_init(&g->points[g->n], err)) != KW_OK)
            kw_candidate_free(&g->candidates[g->n]);
        if (st == KW_OK) g->n++;
    }
    if (st == KW_OK) st = kw_unused_keys_settle(&unused, &notes, err);
    if (st == KW_OK) tell(o, &notes);
    if (st == KW_OK) tell_unused_profiles(o, g->candidates, g->n);
    kw_text_free(&notes);
    kw_unused_keys_free(&unused);
    if (st == KW_OK) st = kw_candidates_tell_apart(g->candidates, g->n, axis_word, &s->scenario, err);
    if (st != KW_OK) grid_free(g);
    return st;
}

static bool meets(const struct kw_point *p, const struct kw_slo *slo)
{
    double figure[KW_METRICS], ratio;
    for (int m = 0; m < KW_METRICS; m++) figure[m] = p->m[m].value;
    return kw_slo_judge(slo, figure, NULL, 0, &ratio) &&
           (!kw_point_has_range(p) || kw_slo_judge(slo, p->beyond, NULL, 0, &ratio));
}

static bool served_nothing(const struct kw_point *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i].completed) return false;
    return true;
}

/* KW_ESLO when not one point meets the objectives, KW_EBUDGET when one does but for the budget. */
/* Scripts branch on the exit code, so it is decided here alone and after everything has been printed and saved. */
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
        return kw_fail(err, KW_EBUDGET,
                       "over budget: the cheapest that meets the other objectives costs $%s a month; the budget is $%s",
                       kw_quantity_cents(least, (char[32]){ 0 }),
                       kw_quantity_cents(kw_nano_to_double(slo->budget_month), (char[32]){ 0 }));
    if (served_nothing(p, n))
        return kw_fail(err, KW_ESLO, "not one of %llu requests completes: %llu rejected, %llu timed out, %llu too long",
                       (unsigned long long)nearest->arrived, (unsigned long long)nearest->rejected,
                       (unsigned long long)nearest->timed_out, (unsigned long long)nearest->too_long);
    return kw_fail(err, KW_ESLO, "nothing meets the objectives; %s %s",
                   strstr(nearest->miss, "not known") ? "of the nearest:" : "the nearest misses", nearest->miss);
}

static void say_points(const char *command, const struct kw_options *o, struct kw_session *s, const struct grid *g,
                       const struct kw_reading *r, struct kw_text *out)
{
    kw_summary_head(command, &s->scenario, &s->trace, out);
    kw_summary_window(&s->scenario, &s->window, s->scaling, out);
    kw_text_add(out, "\n");
    if (kw_summary_unknown(g->candidates, g->n, &s->trace, out)) kw_text_add(out, "\n");
    if (g->migration.n) {
        kw_summary_migration(&g->migration, out);
    } else if (g->n == 1) {
        size_t before = out->n;
        kw_summary_distances(&g->candidates[0], &s->trace, out);
        if (out->n > before) kw_text_add(out, "\n");
        kw_summary_point(&g->candidates[0], &g->points[0], out);
        kw_summary_reading(r, out);
        kw_summary_buckets(&g->buckets, out);
    } else {
        kw_summary_points(&s->scenario, g->candidates, g->points, g->n, o->all ? 0 : 40, out);
    }
    for (size_t i = 0; i < g->n; i++)
        if (g->points[i].rank == 1) kw_summary_precision(s->scenario.precision, &g->points[i], &s->scenario.slo, out);
}

static int print_points(const char *command, const struct kw_options *o, struct kw_session *s, const struct grid *g,
                        const struct kw_reading *r)
{
    struct kw_text out = { .columns = kw_cli_columns() };
    if (o->json)
        kw_summary_json(command, &s->trace, &s->window, s->scenario.month, g->candidates, g->points, g->n, NULL, r,
                        NULL, g->migration.n ? &g->migration : NULL, &g->buckets, &out);
    else if (o->csv)
        kw_summary_csv(g->candidates, g->points, g->n, &out);
    else
        say_points(command, o, s, g, r, &out);
    return kw_cli_print(&out);
}

/* With what is said of them, in which width stdout has no part. */
static enum kw_status save_points(const char *command, const struct kw_options *o, struct kw_session *s,
                                  const struct grid *g, const struct kw_reading *reading, struct kw_error *err)
{
    struct kw_document said = { 0 };
    struct kw_text out = { .document = &said };
    say_points(command, o, s, g, reading, &out);
    said.failed |= out.failed;
    struct kw_results r = { .command = command,
                            .candidates = g->candidates,
                            .points = g->points,
                            .n = g->n,
                            .migration = g->migration.n ? &g->migration : NULL,
                            .document = &said };
    enum kw_status st = kw_session_save(s, o, &r, err);
    kw_text_free(&out);
    kw_document_free(&said);
    return st;
}

/* What cannot be bought may be simulated all the same, and is told: an offer once, however many points have it. */
static void warn_unsold(const struct grid *g)
{
    for (size_t i = 0; i < g->n; i++)
        for (uint32_t k = 0; k < g->candidates[i].n; k++) {
            const struct kw_choice *c = &g->candidates[i].choice[k];
            const struct kw_sale *s = kw_choice_sale(c);
            char text[200];
            bool told = kw_sale_open(s);
            for (size_t j = 0; j < i && !told; j++)
                for (uint32_t d = 0; d < g->candidates[j].n; d++)
                    told |= kw_choice_sale(&g->candidates[j].choice[d]) == s;
            if (!told)
                kw_cli_note("warning: %s %s cannot be bought: %s", c->platform->name,
                            c->api ? c->api->model : c->gpu->sku, kw_sale_text(s, text, sizeof text));
        }
}

/* What the steps of a migration that were simulated say. */
static enum kw_status grid_migrate(struct grid *g, struct kw_session *s, const struct kw_study *study,
                                   const struct kw_sweep_options *sweep, struct kw_error *err)
{
    uint8_t at[KW_MIGRATION_SIDES];
    enum kw_status st = kw_scenario_migration_sides(&s->scenario, &g->candidates[0], at, err);
    if (st != KW_OK) return st;
    return kw_migration_run(&g->migration, &s->scenario.migration, g->candidates, g->points, at, study, sweep, err);
}

/* run and sweep differ in how many points they allow and in the records a run keeps. */
static int simulate(const char *command, const struct kw_options *o, struct kw_session *s)
{
    struct kw_error err = { "" };
    struct grid g;
    enum kw_status st = kw_scenario_check_use(&s->scenario, strcmp(command, "run") ? KW_FOR_SWEEP : KW_FOR_RUN, &err);
    if (st == KW_OK) st = grid_make(&g, o, s, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    warn_unsold(&g);
    struct kw_study study = kw_session_study(s, o);
    study.records |= !strcmp(command, "run") && o->out;
    struct kw_sweep_options sweep = kw_session_sweep(s, o);
    st = kw_sweep(g.points, g.candidates, g.n, &study, &sweep, &err);
    if (st == KW_OK && s->scenario.migration.n) st = grid_migrate(&g, s, &study, &sweep, &err);
    struct kw_reading reading[KW_READINGS] = { { .shown = false } };
    if (st == KW_OK && g.n == 1 && !g.migration.n) /* one per cent is within what any of this is good for */
        st = kw_readings_run(reading, &g.candidates[0], &g.points[0], 0.01 * fabs(g.points[0].m[KW_METRIC_COST].value),
                             &study, &sweep, &err);
    if (st == KW_OK && g.n == 1 && !g.migration.n)
        st = kw_session_bucket_study(&g.buckets, s, o, &g.candidates[0], &g.points[0], &err);
    kw_progress_end(&s->progress);
    bool done = st == KW_OK; /* then the points are printed even where they cannot be saved */
    if (done) st = save_points(command, o, s, &g, reading, &err);
    int code = 0;
    if (done) code = print_points(command, o, s, &g, reading);
    if (st == KW_OK && code == 0) st = verdict(g.points, g.n, &s->scenario.slo, &err);
    grid_free(&g);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}

int kw_cli_run(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_session s;
    enum kw_status st = o->records && !o->out
                            ? kw_fail(&err, KW_EUSAGE, "--records keeps rows in the result: say -o FILE")
                            : kw_session_open(&s, o, o->args.v[0], &err);
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

/* That all of the trace's models are planned as one. */
static void tell_models(const struct kw_session *s, const char *model, struct kw_text *out)
{
    uint32_t tuned = s->scenario.fine_tunes.n;
    if (tuned)
        kw_document_note(
            out, "The trace names %zu models, %" PRIu32 " of them LoRA adapters of %s, and all is planned as it",
            s->trace.n_models, tuned, model);
    else
        kw_document_note(out,
                         "The trace names %zu models; all its requests are planned as %s (routing by model says which "
                         "serves which)",
                         s->trace.n_models, model);
}

/* What a plan command holds: a plan a model, and where there are several what they come to together. */
struct planning {
    struct kw_plan_options options;
    struct kw_plan_parts parts;
    struct kw_plan_whole whole;
    struct kw_breakeven *volumes;    /* [parts.n], owned; NULL when no other volumes were asked for */
    struct kw_candidate written;     /* n == 0: none */
    struct kw_point as_written;      /* all of it on the whole trace, where there are several parts */
    struct kw_bucket_study buckets;  /* of the recommendation of a plan of one model */
    struct kw_migration migration;   /* from what is written to what is recommended; n 0: none */
    struct kw_candidate *candidates; /* [n], of all parts, one after another; borrowed content */
    struct kw_point *points;
    size_t n;
};

static void planning_free(struct planning *g)
{
    free(g->candidates);
    free(g->points);
    for (size_t i = 0; g->volumes && i < g->parts.n; i++) kw_breakeven_free(&g->volumes[i]);
    free(g->volumes);
    kw_plan_parts_free(&g->parts);
    kw_candidate_free(&g->written);
    kw_point_free(&g->as_written);
}

/* What holds for all parts of a plan alike. */
static void say_plan_bounds(struct kw_session *s, const struct planning *g, struct kw_text *out)
{
    kw_summary_window(&s->scenario, &s->window, g->parts.part[0].plan.scaling, out);
    kw_summary_unknown(g->candidates, g->n, &s->trace, out);
}

static void say_plan(const struct kw_options *o, struct kw_session *s, const struct planning *g, struct kw_text *out)
{
    bool several = g->parts.n > 1;
    kw_summary_head("plan", &s->scenario, &s->trace, out);
    if (several) say_plan_bounds(s, g, out);
    for (size_t i = 0; i < g->parts.n; i++) {
        const struct kw_plan_part *part = &g->parts.part[i];
        const struct kw_plan *p = &part->plan;
        if (several) kw_summary_part(part, kw_plan_part_trace(part, &s->trace), i, g->parts.n, out);
        kw_summary_plan(p, &s->scenario.slo, o->all, out);
        if (g->volumes) kw_summary_volumes(&g->volumes[i], out);
        if (s->scenario.migration.n) kw_summary_migration(&g->migration, out);
        kw_summary_basis(p, o->all, out);
        if (p->best >= 0) kw_summary_precision(s->scenario.precision, &p->points[p->best], &s->scenario.slo, out);
        if (p->best >= 0) kw_summary_distances(&p->candidates[p->best], kw_plan_part_trace(part, &s->trace), out);
    }
    kw_summary_buckets(&g->buckets, out);
    if (!several) say_plan_bounds(s, g, out);
    if (several)
        kw_summary_whole(&g->parts, &g->whole, g->as_written.replications ? &g->as_written : NULL, out);
    else if (s->trace.n_models > 1 && !g->written.n)
        tell_models(s, g->parts.part[0].model, out);
}

/* Those that were asked for; of one curve every plan has the words alone. */
static bool wants_tradeoffs(const struct planning *g)
{
    return g->options.curves == KW_CURVES_ALL || g->options.frontier;
}

static int print_plan(const struct kw_options *o, struct kw_session *s, const struct planning *g)
{
    struct kw_text out = { .columns = kw_cli_columns() };
    bool several = g->parts.n > 1;
    if (o->json && several)
        kw_summary_parts_json("plan", &s->trace, &s->window, s->scenario.month, &g->parts, &g->whole,
                              g->as_written.replications ? &g->written : NULL, &g->as_written, g->volumes, &out);
    else if (o->json)
        kw_summary_json("plan", &s->trace, &s->window, s->scenario.month, g->candidates, g->points, g->n,
                        &g->parts.part[0].plan, NULL, g->volumes, g->migration.n ? &g->migration : NULL, &g->buckets,
                        &out);
    else if (o->csv && g->volumes)
        kw_summary_volumes_csv(g->volumes, &g->parts, &out);
    else if (o->csv && wants_tradeoffs(g))
        kw_summary_tradeoffs_csv(&g->parts, &out);
    else if (o->csv)
        kw_summary_csv(g->candidates, g->points, g->n, &out);
    else
        say_plan(o, s, g, &out);
    return kw_cli_print(&out);
}

/* Of several models each has substitutes of its own; of one they need not say so. */
static enum kw_status substitutes_are_of_parts(const struct planning *g, const struct kw_scenario *s,
                                               struct kw_error *err)
{
    const char *names[KW_PLAN_MAX_LIST + 1];
    char hint[KW_NEAREST_HINT];
    size_t n = g->parts.n < KW_PLAN_MAX_LIST ? g->parts.n : KW_PLAN_MAX_LIST;
    for (size_t i = 0; i < n; i++) names[i] = g->parts.part[i].model;
    names[n] = NULL;
    for (size_t k = 0; k < g->options.n_substitutes; k++) {
        const struct kw_substitute *x = &g->options.substitute[k];
        bool known = false;
        for (size_t i = 0; i < n; i++) known |= x->of && !strcmp(x->of, names[i]);
        if (x->of && !known)
            return kw_fail(err, KW_ERANGE, "%s: candidates.substitutes.%s: the plan is of no model '%s'%s", s->doc.name,
                           x->of, x->of, kw_nearest_hint(hint, x->of, names));
        if (!x->of && n > 1)
            return kw_fail(err, KW_ERANGE,
                           "%s: candidates.substitutes.%s: for which of the plan's %zu models? Say it so: "
                           "{\"%s\": {\"%s\": QUALITY}}",
                           s->doc.name, x->model, n, names[0], x->model);
    }
    return KW_OK;
}

/* The scenario's deployments, and the parts that they and the trace make. */
static enum kw_status plan_split(struct planning *g, const struct kw_options *o, struct kw_session *s,
                                 struct kw_error *err)
{
    const char *model_of[KW_FLEET_MAX_DEPLOYMENTS];
    enum kw_status st = kw_scenario_check_use(&s->scenario, KW_FOR_PLAN, err);
    if (st == KW_OK) st = kw_scenario_plan_options(&s->scenario, &g->options, err);
    const struct kw_search_path *beside = s->catalogue.search_path;
    bool named = false;
    for (size_t i = 0; i < o->platform.n; i++) named |= !kw_session_is_kind(o->platform.v[i]);
    if (named) s->catalogue.search_path = NULL; /* the command line names them all */
    if (st == KW_OK) st = kw_catalogue_adopt(&s->catalogue, g->options.platforms, g->options.n_platforms, err);
    s->catalogue.search_path = beside;
    if (st == KW_OK) st = kw_scenario_plan_catalogue(&s->scenario, &s->catalogue, &g->options, err);
    if (st == KW_OK) st = kw_scenario_check_plan(&s->scenario, &s->catalogue, &g->options, err);
    bool wrote = kw_scenario_has_deployments(&s->scenario);
    if (st == KW_OK && wrote)
        st = kw_scenario_candidate(&s->scenario, 0, &s->catalogue, &s->trace, &g->written, NULL, err);
    if (st != KW_OK) return st;
    const struct kw_fine_tunes *f = &s->scenario.fine_tunes;
    for (uint32_t d = 0; d < g->written.n; d++)
        model_of[d] = kw_fine_tunes_base(f, kw_scenario_model_of(&s->scenario, d));
    st = kw_plan_parts_split(&g->parts, &s->trace, wrote ? &g->written : NULL, model_of, s->scenario.model, f, err);
    return st == KW_OK ? substitutes_are_of_parts(g, &s->scenario, err) : st;
}

/* Those of the i-th part's model alone. */
static struct kw_plan_options options_of(const struct planning *g, size_t i)
{
    struct kw_plan_options o = g->options;
    o.n_substitutes = 0;
    for (size_t k = 0; k < g->options.n_substitutes; k++) {
        const struct kw_substitute *x = &g->options.substitute[k];
        if (!x->of || !strcmp(x->of, g->parts.part[i].model)) o.substitute[o.n_substitutes++] = *x;
    }
    return o;
}

static enum kw_status plan_part(struct planning *g, size_t i, const struct kw_options *o, struct kw_session *s,
                                struct kw_error *err)
{
    struct kw_plan_part *part = &g->parts.part[i];
    struct kw_study study = kw_session_study(s, o);
    study.trace = kw_plan_part_trace(part, &s->trace);
    struct kw_plan_options options = options_of(g, i);
    options.written = part->written.n ? &part->written : NULL;
    options.today = s->catalogue.as_of;
    s->progress.what = "simulating";
    enum kw_status st = kw_plan_enumerate(&part->plan, &s->catalogue.platforms, &s->catalogue.profiles,
                                          &s->catalogue.steptimes, study.trace, part->model, &options, err);
    if (st == KW_OK) {
        struct kw_text notes = { 0 };
        kw_key_use_notes(kw_json_root(&s->scenario.doc), &part->plan, &notes);
        tell(o, &notes);
    }
    if (st == KW_OK) st = kw_plan_run(&part->plan, &study, &options, err);
    if (st != KW_OK || !g->volumes) return st;
    s->progress.what = "other volumes";
    struct kw_kinds_of of = {
        &s->catalogue.platforms, &s->catalogue.profiles, &s->catalogue.steptimes, part->model, &study, &options
    };
    if (g->options.break_even) return kw_breakeven_find(&g->volumes[i], &of, err);
    double mine[KW_PLAN_MAX_LIST], share = kw_volume_tokens(study.trace) / kw_volume_tokens(&s->trace);
    for (size_t k = 0; k < g->options.n_volumes; k++) mine[k] = share * g->options.volume[k];
    return kw_breakeven_at(&g->volumes[i], &of, mine, g->options.n_volumes, err);
}

/* All points in one row, and the sum. */
static enum kw_status plan_gather(struct planning *g, const struct kw_options *o, struct kw_session *s,
                                  struct kw_error *err)
{
    for (size_t i = 0; i < g->parts.n; i++) g->n += g->parts.part[i].plan.n;
    g->candidates = calloc(g->n + 1, sizeof *g->candidates);
    g->points = calloc(g->n + 1, sizeof *g->points);
    if (!g->candidates || !g->points) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    size_t at = 0;
    for (size_t i = 0; i < g->parts.n; i++) {
        const struct kw_plan *p = &g->parts.part[i].plan;
        memcpy(g->candidates + at, p->candidates, p->n * sizeof *p->candidates);
        memcpy(g->points + at, p->points, p->n * sizeof *p->points);
        for (size_t k = 0; k < p->n && g->parts.n > 1; k++)
            snprintf(g->candidates[at + k].part, sizeof g->candidates->part, "%.63s", g->parts.part[i].model);
        at += p->n;
    }
    tell_unused_profiles(o, g->candidates, g->n);
    enum kw_status st = kw_plan_parts_whole(&g->whole, &g->parts, err);
    if (st != KW_OK || g->parts.n < 2 || !g->written.n) return st;
    struct kw_study study = kw_session_study(s, o);
    g->written.as_written = true;
    if ((st = kw_point_init(&g->as_written, err)) != KW_OK) return st;
    return kw_sweep(&g->as_written, &g->written, 1, &study, &g->options.run, err);
}

/* The one deployment that a migration may go to: what is recommended, or where that is several the cheapest single one that
 * meets the objectives. -1: what serves today is recommended, or nothing is. */
static ptrdiff_t migration_target(const struct kw_plan *p, bool *single)
{
    if (p->best < 0 || p->candidates[p->best].as_written) return -1;
    *single = p->candidates[p->best].n > 1;
    if (!*single) return p->best;
    for (size_t k = 0; k < p->n; k++) {
        size_t i = p->order[k];
        if (p->points[i].feasible && p->candidates[i].n == 1 && !p->candidates[i].as_written) return (ptrdiff_t)i;
    }
    return -1;
}

/* One plan alone: a migration states one deployment. */
static enum kw_status plan_migrate(struct planning *g, const struct kw_options *o, struct kw_session *s,
                                   struct kw_error *err)
{
    static const uint8_t at[KW_MIGRATION_SIDES] = { 0, 1 };
    const struct kw_migration_ask *ask = &s->scenario.migration;
    const struct kw_plan *p = &g->parts.part[0].plan;
    struct kw_candidate c[KW_MIGRATION_STEPS];
    struct kw_point point[KW_MIGRATION_STEPS] = { 0 };
    struct kw_study study = kw_session_study(s, o);
    bool single = false;
    ptrdiff_t to = migration_target(p, &single);
    if (to < 0) return KW_OK;
    struct kw_choice old = g->written.choice[0], new = p->candidates[to].choice[0];
    if (!strcmp(old.name, new.name)) snprintf(new.name, sizeof new.name, "new");
    study.trace = kw_plan_part_trace(&g->parts.part[0], &s->trace);
    enum kw_status st = KW_OK;
    for (uint32_t i = 0; i < ask->n; i++) {
        kw_candidate_init(&c[i]);
        if (st == KW_OK) st = kw_candidate_add(&c[i], &old, err);
        if (st == KW_OK) st = kw_candidate_add(&c[i], &new, err);
        if (st == KW_OK) st = kw_point_init(&point[i], err);
        kw_migration_split(&c[i].routing, at, ask->share[i]);
    }
    if (st == KW_OK) st = kw_sweep(point, c, ask->n, &study, &g->options.run, err);
    if (st == KW_OK) st = kw_migration_run(&g->migration, ask, c, point, at, &study, &g->options.run, err);
    g->migration.single = single;
    for (uint32_t i = 0; i < ask->n; i++) {
        kw_candidate_free(&c[i]);
        kw_point_free(&point[i]);
    }
    return st;
}

static enum kw_status plan_save(const struct planning *g, const struct kw_options *o, struct kw_session *s,
                                struct kw_error *err)
{
    const char **model = calloc(g->parts.n, sizeof *model);
    struct kw_document said = { 0 };
    struct kw_text out = { .document = &said };
    struct kw_results r = { .command = "plan",
                            .candidates = g->candidates,
                            .points = g->points,
                            .n = g->n,
                            .plan = g->parts.n == 1 ? &g->parts.part[0].plan : NULL,
                            .parts = &g->parts,
                            .volumes = g->volumes,
                            .volume_model = model,
                            .n_volumes = g->parts.n,
                            .migration = g->migration.n ? &g->migration : NULL,
                            .document = &said };
    if (!model) return kw_fail(err, KW_ENOMEM, "out of memory for %zu models", g->parts.n);
    for (size_t i = 0; i < g->parts.n; i++) model[i] = g->parts.part[i].model;
    say_plan(o, s, g, &out);
    said.failed |= out.failed;
    enum kw_status st = kw_session_save(s, o, &r, err);
    kw_text_free(&out);
    kw_document_free(&said);
    free(model);
    return st;
}

/* Printed even where it cannot be saved: minutes of simulation are not thrown away for a full disk. */
static int plan(const struct kw_options *o, struct kw_session *s)
{
    struct kw_error err = { "" };
    struct planning g;
    memset(&g, 0, sizeof g);
    enum kw_status st = plan_split(&g, o, s, &err);
    bool others = g.options.break_even || g.options.n_volumes;
    if (st == KW_OK && o->csv && others && wants_tradeoffs(&g))
        st = kw_fail(&err, KW_EUSAGE, "--csv prints one table: other volumes, or curves and the frontier");
    if (st == KW_OK && others && !(g.volumes = calloc(g.parts.n, sizeof *g.volumes)))
        st = kw_fail(&err, KW_ENOMEM, "out of memory for a plan");
    if (st == KW_OK) g.options.run = kw_session_sweep(s, o);
    for (size_t i = 0; i < g.parts.n && st == KW_OK; i++) st = plan_part(&g, i, o, s, &err);
    if (st == KW_OK) st = plan_gather(&g, o, s, &err);
    if (st == KW_OK && s->scenario.migration.n) st = plan_migrate(&g, o, s, &err);
    const struct kw_plan *only = g.parts.n == 1 ? &g.parts.part[0].plan : NULL;
    if (st == KW_OK && only && only->best >= 0 && !g.parts.part[0].picked.n)
        st = kw_session_bucket_study(&g.buckets, s, o, &only->candidates[only->best], &only->points[only->best], &err);
    kw_progress_end(&s->progress);
    bool done = st == KW_OK;
    if (done) st = plan_save(&g, o, s, &err);
    int code = 0;
    if (done) code = print_plan(o, s, &g);
    for (size_t i = 0; i < g.parts.n && st == KW_OK && code == 0; i++) {
        const struct kw_plan *p = &g.parts.part[i].plan;
        if (p->best < 0) st = verdict(p->points, p->n, &s->scenario.slo, &err);
    }
    planning_free(&g);
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
