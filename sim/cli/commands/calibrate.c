#include "sim/cli/commands/calibrate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "calibrate/import/import.h"
#include "calibrate/operators/scale.h"
#include "calibrate/profile/show.h"
#include "sim/cli/commands/calibrate_own.h"
#include "sim/cli/profiles.h"
#include "sim/cli/output.h"
#include "sim/io/scenario/models.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/io/text_table.h"

static char *file_name(const struct kw_profile *p, char buf[160])
{
    snprintf(buf, 160, "%s-%s-%s-tp%u", p->gpu, p->model, p->precision, p->tp);
    return buf;
}

static int list_profiles(const struct kw_profiles *all)
{
    struct kw_text_table t = { 0 };
    struct kw_text out = { .columns = kw_cli_columns() };
    char buf[160], a[16];
    kw_text_table_column(&t, "profile", "", false);
    kw_text_table_column(&t, "steps", "", false);
    kw_text_table_column(&t, "as of", "", false);
    kw_text_table_column(&t, "decode err", "% med/worst", true);
    kw_text_table_column(&t, "KV", "tokens", true);
    kw_text_table_column(&t, "KV grade", "", false);
    for (size_t i = 0; i < all->n; i++) {
        const struct kw_profile *p = &all->p[i];
        kw_text_table_cell(&t, "%s%s", file_name(p, buf), p->file[0] ? " (yours)" : "");
        kw_text_table_cell(&t, "%s%s", kw_grade_name[p->steps.grade], p->unsteady ? ", unsteady" : "");
        kw_text_table_cell(&t, "%s", p->steps.date);
        kw_text_table_cell(&t, "%.1f / %.1f", 100 * p->steps_error_median, 100 * p->steps_error_worst);
        kw_text_table_cell(&t, "%s", kw_text_si(a, (double)p->num_blocks * p->block_size));
        kw_text_table_cell(&t, "%s", kw_grade_name[p->kv.grade]);
    }
    kw_text_table_print(&t, &out);
    kw_text_table_free(&t);
    kw_text_add(&out,
                "\nAny other model, GPU, precision and tp: made on the spot (calibrate show H100-qwen3-32b-fp8-tp2)\n");
    return kw_cli_print(&out);
}

static int list_profiles_json(const struct kw_profiles *all)
{
    struct kw_text out = { .columns = kw_cli_columns() };
    struct kw_error err = { "" };
    for (size_t i = 0; i < all->n; i++) {
        char *one;
        enum kw_status st = kw_profile_show_json(&one, &all->p[i], &err);
        if (st != KW_OK) {
            kw_text_free(&out);
            return kw_cli_fail(st, &err);
        }
        one[strlen(one) - 1] = 0; /* its newline */
        kw_text_add(&out, "%s%s", i ? ",\n" : "[", one);
        free(one);
    }
    kw_text_add(&out, "]\n");
    return kw_cli_print(&out);
}

/* Profiles of the models that a profile's name speaks of join the catalogue: those that no file holds are made on the spot. */
static enum kw_status meet_models(struct kw_catalogue *c, const char *name, struct kw_error *err)
{
    const struct kw_model_shape *m;
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < kw_model_count() && st == KW_OK; i++)
        if (strstr(name, kw_model_at(i)->name)) st = kw_catalogue_model(c, kw_model_at(i)->name, &m, err);
    return st;
}

static enum kw_status find_profile(struct kw_catalogue *c, const char *name, const struct kw_profile **out,
                                   struct kw_error *err)
{
    enum kw_status st = meet_models(c, name, err);
    if (st != KW_OK) return st;
    const char **names = malloc((c->profiles.n + 1) * sizeof *names);
    char(*text)[160] = malloc((c->profiles.n + 1) * sizeof *text);
    *out = NULL;
    if (!names || !text) st = kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; st == KW_OK && i < c->profiles.n; i++) {
        names[i] = file_name(&c->profiles.p[i], text[i]);
        const struct kw_profile *p = &c->profiles.p[i];
        if (!strcmp(names[i], name) && (!*out || p->steps.grade <= (*out)->steps.grade))
            *out = p; /* as a plan takes it */
    }
    if (st == KW_OK && !*out && (strchr(name, '/') || strstr(name, ".json") || !access(name, F_OK))) {
        st = kw_catalogue_profile_file(c, name, out, err);
        if (st == KW_EPARSE) {
            struct kw_error why = *err;
            kw_fail(err, st, "%.200s is there, but is no profile: %.480s", name, why.msg);
        }
    }
    if (st == KW_OK && !*out) {
        names[c->profiles.n] = NULL;
        char hint[KW_NEAREST_HINT];
        st = kw_fail(err, KW_ERANGE, "there is no profile '%.80s'%s; `keepwarm calibrate show` lists them", name,
                     kw_nearest_hint(hint, name, names));
    }
    free(names);
    free(text);
    return st;
}

int kw_cli_calibrate_show(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_catalogue c;
    const struct kw_profile *p;
    char *text = NULL, today[16];
    enum kw_status st = kw_catalogue_load(&c, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    if ((st = kw_cli_profiles(&c, o, &err)) != KW_OK) {
        kw_catalogue_free(&c);
        return kw_cli_fail(st, &err);
    }
    int code = 0;
    if (o->args.n == 0) {
        code = o->json ? list_profiles_json(&c.profiles) : list_profiles(&c.profiles);
    } else {
        st = find_profile(&c, o->args.v[0], &p, &err);
        if (st == KW_OK)
            st = o->json ? kw_profile_show_json(&text, p, &err)
                         : kw_profile_show(&text, p, kw_cli_date(today, -1), &err);
        code = st == KW_OK ? kw_cli_print_owned(text) : kw_cli_fail(st, &err);
    }
    kw_catalogue_free(&c);
    return code;
}

int kw_cli_calibrate_import(const struct kw_options *o)
{
    struct kw_error err = { "" };
    const char *env = getenv("KEEPWARM_DATA"), *dir = o->source ? o->source : env ? env : "../shared/data";
    struct kw_profile p;
    char *report = NULL;
    if (!o->gpu || !o->model || !o->out)
        return kw_cli_fail(kw_fail(&err, KW_EUSAGE, "calibrate import wants --gpu, --model and -o FILE"), &err);
    if (o->args.n) return kw_cli_calibrate_import_own(o);
    if (o->origin || o->date)
        return kw_cli_fail(
            kw_fail(&err, KW_EUSAGE, "--origin and --date are of a TABLE; published ones have their own"), &err);
    enum kw_status st = kw_calibrate_import(&p, dir, o->gpu, o->model, o->precision ? o->precision : "bf16",
                                            (unsigned)o->tp, &report, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = kw_profile_save(&p, o->out, &err);
    kw_profile_free(&p);
    int code = kw_cli_print_owned(report);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}

/* What the options name, each known. */
static enum kw_status scale_target(struct kw_scale_to *to, const struct kw_options *o, struct kw_error *err)
{
    *to = (struct kw_scale_to){ .precision = o->precision };
    if (o->gpu && kw_gpu_named(&to->gpu, o->gpu, err) != KW_OK) return KW_ERANGE;
    return o->model ? kw_model_named(&to->model, o->model, err) : KW_OK;
}

int kw_cli_calibrate_scale(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_catalogue c;
    const struct kw_profile *from;
    struct kw_profile p;
    struct kw_scale_to to;
    struct kw_profiles known = { 0 };
    char *report = NULL;
    size_t len;
    if (!o->out || (!o->gpu && !o->model && !o->precision))
        return kw_cli_fail(kw_fail(&err, KW_EUSAGE,
                                   "calibrate scale wants one or more of --gpu, --model and --precision, and -o FILE"),
                           &err);
    enum kw_status st = scale_target(&to, o, &err);
    if (st == KW_OK) st = kw_profiles_embedded(&known, &err);
    if (st == KW_OK && (st = kw_catalogue_load(&c, NULL, &err)) != KW_OK) kw_profiles_free(&known);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    FILE *f = open_memstream(&report, &len);
    if (!f) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_cli_profiles(&c, o, &err);
    if (st == KW_OK) st = find_profile(&c, o->args.v[0], &from, &err);
    if (st == KW_OK) st = kw_scale(&p, from, &to, &known, f, &err);
    if (f) fclose(f);
    if (st == KW_OK) {
        st = kw_profile_save(&p, o->out, &err);
        kw_profile_free(&p);
    }
    kw_profiles_free(&known);
    kw_catalogue_free(&c);
    if (st == KW_OK) return kw_cli_print_owned(report);
    free(report);
    return kw_cli_fail(st, &err);
}
