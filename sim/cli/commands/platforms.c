#include "sim/cli/commands/platforms.h"
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "platforms/facts/show.h"
#include "sim/cli/output.h"
#include "sim/cli/platform_folder.h"
#include "sim/cli/profiles.h"
#include "sim/io/cold_start_table.h"
#include "sim/io/scenario/models.h"
#include "sim/io/text_table.h"
#include "sim/plan/sweep/candidate.h"

/* Those of c that have the attribute stay in c, in their order; the others are freed, and told. */
static void keep_with(struct kw_catalogue *c, const struct kw_requirement *r, struct kw_text *told)
{
    struct kw_platforms *all = &c->platforms;
    struct kw_attribute_without *without = calloc(all->n + 1, sizeof *without);
    char line[4000];
    size_t kept = 0, n = 0;
    if (!without) told->failed = true;
    for (size_t i = 0; i < all->n && without; i++)
        if (!kw_requirement_met(r, &all->p[i].attribute[r->attribute]))
            without[n++] = (struct kw_attribute_without){ all->p[i].name, &all->p[i].attribute[r->attribute] };
    if (n) {
        kw_text_add(told, "  ");
        kw_text_fold(told, kw_attribute_without_text(r->attribute, without, n, line, sizeof line), 6,
                     kw_text_columns(told));
    }
    for (size_t i = 0; i < all->n && without; i++) {
        if (!kw_requirement_met(r, &all->p[i].attribute[r->attribute]))
            kw_platform_free(&all->p[i]);
        else if (kept++ != i)
            all->p[kept - 1] = all->p[i];
    }
    if (without) all->n = kept;
    free(without);
}

int kw_cli_platforms_list(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_catalogue c;
    char *text = NULL;
    struct kw_requirement require[KW_CLI_MAX_LIST];
    struct kw_text told = { .columns = kw_cli_columns() }, out = { .columns = kw_cli_columns() };
    for (size_t i = 0; i < o->require.n; i++)
        if (kw_requirement_read(&require[i], o->require.v[i], &err) != KW_OK) return kw_cli_fail(KW_EUSAGE, &err);
    enum kw_status st = kw_catalogue_load(&c, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = kw_cli_platforms(&c, o, &err);
    for (size_t i = 0; i < o->require.n && st == KW_OK; i++) keep_with(&c, &require[i], &told);
    if (st == KW_OK) st = kw_show_list(&c.platforms, c.as_of, &text, &err);
    if (st == KW_OK) kw_text_add(&out, "%s%s%s", text, told.s ? "\nleft out:\n" : "", told.s ? told.s : "");
    out.failed |= told.failed;
    free(text);
    kw_text_free(&told);
    kw_catalogue_free(&c);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}

static bool after(const struct kw_profile *a, const struct kw_profile *b)
{
    int order = strcmp(a->precision, b->precision);
    return order ? order > 0 : a->tp > b->tp;
}

/* Of the profiles that serve `model` on `gpu` (the best of each precision and tp) the one after `last` in that order;
 * NULL at the end. */
static const struct kw_profile *next_serving(const struct kw_profiles *all, const char *gpu, const char *model,
                                             const struct kw_profile *last)
{
    const struct kw_profile *next = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const struct kw_profile *q = &all->p[i];
        if (strcmp(q->gpu, gpu) || kw_profiles_find(all, gpu, model, q->precision, q->tp) != q) continue;
        if ((!last || after(q, last)) && (!next || after(next, q))) next = q;
    }
    return next;
}

static void profile_row(struct kw_text_table *t, const char *gpu, const struct kw_profile *q)
{
    char basis[KW_PROFILE_TEXT];
    kw_profile_basis(q, basis);
    size_t file = strlen(q->file);
    if (file) basis[strlen(basis) - file - strlen("; ")] = 0; /* has a row of its own: both are too wide for one */
    kw_text_table_cell(t, "%s", gpu);
    kw_text_table_cell(t, "%s", q->precision);
    kw_text_table_cell(t, "%u", q->tp);
    kw_text_table_cell(t, "%s", basis);
    if (!file) return;
    for (int i = 0; i < 3; i++) kw_text_table_cell(t, "%s", "");
    kw_text_table_cell(t, "  %s", q->file);
}

/* The best profile of the model on each GPU offered. KW_ERANGE: nobody knows the model. */
static enum kw_status profiles_at_hand(const struct kw_catalogue *c, const struct kw_platform *p, const char *model,
                                       struct kw_text *out, struct kw_error *err)
{
    const struct kw_model_shape *shape = kw_model_find(model);
    const char *name = shape ? shape->name : model;
    struct kw_text_table t = { 0 };
    bool known = shape;
    for (size_t i = 0; i < c->profiles.n; i++) known |= !strcmp(c->profiles.p[i].model, name);
    kw_text_add(out, "\nProfiles of %s on its GPUs\n", model);
    kw_text_table_column(&t, "GPU", "", false);
    kw_text_table_column(&t, "precision", "", false);
    kw_text_table_column(&t, "tp", "", true);
    kw_text_table_column(&t, "step times", "", false);
    for (size_t g = 0; g < p->n_gpus; g++) {
        const char *gpu = p->gpus[g].gpu;
        bool before = false;
        for (size_t k = 0; k < g; k++) before |= !strcmp(p->gpus[k].gpu, gpu);
        if (before) continue;
        const struct kw_profile *q = next_serving(&c->profiles, gpu, name, NULL);
        if (!q) {
            kw_text_table_cell(&t, "%s", gpu);
            kw_text_table_cell(&t, "-");
            kw_text_table_cell(&t, "-");
            kw_text_table_cell(&t, "none, or it does not fit");
        }
        for (const char *head = gpu; q; q = next_serving(&c->profiles, gpu, name, q), head = "")
            profile_row(&t, head, q);
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    return known ? KW_OK : kw_fail(err, KW_ERANGE, "no profile and no model shape is called '%.60s'", model);
}

#define MOST_STARTS 64 /* GPUs times precisions */

/* How replicas of the model start, of each GPU and precision at the fewest GPUs that serve it. */
static void starts_of(const struct kw_catalogue *c, const struct kw_platform *p, const char *model, struct kw_text *out)
{
    const struct kw_model_shape *shape = kw_model_find(model);
    struct kw_cold_start_of of[MOST_STARTS];
    struct kw_choice *choice = malloc(MOST_STARTS * sizeof *choice); /* too much for a stack */
    size_t n = 0;
    if (!choice) out->failed = true;
    for (size_t g = 0; g < p->n_gpus; g++) {
        const char *gpu = p->gpus[g].gpu, *precision = "";
        bool before = false;
        for (size_t k = 0; k < g; k++) before |= !strcmp(p->gpus[k].gpu, gpu);
        const struct kw_profile *q = NULL;
        while (choice && !before && n < MOST_STARTS &&
               (q = next_serving(&c->profiles, gpu, shape ? shape->name : model, q))) {
            struct kw_error why;
            const struct kw_gpu_offer *offer = kw_platform_gpu(p, gpu, q->tp);
            if (!strcmp(q->precision, precision) || !offer) continue;
            if (kw_choice_gpu(&choice[n], p, offer, q, NULL, &why) != KW_OK) continue;
            precision = q->precision;
            of[n] = (struct kw_cold_start_of){ .cold = &choice[n].cold, .scaling = &choice[n].scaling };
            snprintf(of[n++].name, sizeof of->name, "%s %s", gpu, precision);
        }
    }
    if (n) kw_text_add(out, "\n");
    kw_cold_start_table(of, n, out);
    free(choice);
}

static int show_autoscaler(struct kw_catalogue *c, const struct kw_self_managed *f, const struct kw_options *o)
{
    struct kw_error err = { "" };
    char *text = NULL;
    enum kw_status st = o->model ? kw_fail(&err, KW_ERANGE, "%s is an autoscaler: it rests on no profile", f->title)
                                 : kw_show_self_managed(f, &text, &err);
    kw_catalogue_free(c);
    return st == KW_OK ? kw_cli_print_owned(text) : kw_cli_fail(st, &err);
}

int kw_cli_platforms_show(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_catalogue c;
    const struct kw_platform *p;
    const struct kw_model_shape *shape;
    char *text = NULL;
    enum kw_status st = kw_catalogue_load(&c, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    const struct kw_self_managed *autoscaler;
    if (kw_self_managed_find(&c.autoscalers, o->args.v[0], &autoscaler, NULL) == KW_OK)
        return show_autoscaler(&c, autoscaler, o);
    st = kw_cli_platforms(&c, o, &err);
    if (st == KW_OK) st = kw_catalogue_platform(&c, o->args.v[0], &p, &err);
    if (st == KW_OK) st = kw_show_platform(p, &text, &err);
    struct kw_text out = { .columns = kw_cli_columns() };
    if (st == KW_OK) kw_text_add(&out, "%s", text);
    free(text);
    if (st == KW_OK && o->model && p->kind == KW_KIND_API)
        st = kw_fail(&err, KW_ERANGE, "%s is a per-token API: it rests on no profile", p->title);
    else if (st == KW_OK && o->model && (st = kw_cli_profiles(&c, o, &err)) == KW_OK &&
             (st = kw_catalogue_model(&c, o->model, &shape, &err)) == KW_OK)
        st = profiles_at_hand(&c, p, o->model, &out, &err);
    if (st == KW_OK && o->model) starts_of(&c, p, o->model, &out);
    kw_catalogue_free(&c);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}

int kw_cli_platforms_check(const struct kw_options *o)
{
    struct kw_error err = { "" };
    char today[16];
    kw_cli_date(today, o->at);
    int code = 0;
    for (size_t i = 0; i < o->args.n && code == 0; i++) {
        struct kw_platform p;
        char *text = NULL;
        enum kw_status st = kw_platform_load(&p, o->args.v[i], &err);
        if (st != KW_OK) return kw_cli_fail(st, &err);
        st = kw_show_check(&p, o->args.v[i], today, &text, NULL, &err);
        kw_platform_free(&p);
        code = st == KW_OK ? kw_cli_print_owned(text) : kw_cli_fail(st, &err);
    }
    return code;
}
