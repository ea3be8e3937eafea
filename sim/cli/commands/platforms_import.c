#include "sim/cli/commands/platforms_import.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "calibrate/profile/gpu.h"
#include "platforms/catalogues/revision.h"
#include "sim/cli/output.h"
#include "sim/cli/platform_folder.h"
#include "sim/core/date.h"
#include "sim/core/files/embedded.h"
#include "sim/core/files/file.h"
#include "sim/core/files/source.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/io/text_table.h"

#define NEW_ROWS 20 /* of offers that are new here, unless --all */

struct one_platform { /* its file as it is and as it becomes */
    char name[32];
    char path[300]; /* for messages */
    char *text;     /* malloc'd */
    size_t len;
    bool changed;
};

struct importing {
    const struct kw_options *o;
    struct kw_catalogue catalogue;
    struct one_platform *p; /* [n] touched so far */
    size_t n;
    const char *gpus[80];                              /* neutral names, NULL-terminated */
    bool added[KW_CLI_MAX_LIST], met[KW_CLI_MAX_LIST]; /* of --add, of --platform */
    struct kw_text out;
    size_t n_lists; /* done */
};

/* ---- the files that are revised */

static enum kw_status read_text(struct one_platform *p, const char *path, struct kw_error *err)
{
    struct kw_source s;
    snprintf(p->path, sizeof p->path, "%.299s", path);
    KW_TRY(kw_source_open(&s, path, err));
    enum kw_status st = kw_source_all(&s, (size_t)64 << 20, &p->text, &p->len, err);
    if (st != KW_OK) kw_where(err, path, 0);
    kw_source_close(&s);
    return st;
}

/* The text in effect for a platform: what an earlier import wrote where this one writes, else a file of the user's, what is
 * built in, or a blank one. Moves the others. */
static enum kw_status touched(struct importing *m, const struct kw_price_list *l, const char *name,
                              struct one_platform **out, struct kw_error *err)
{
    for (size_t i = 0; i < m->n; i++)
        if (!strcmp(m->p[i].name, name)) {
            *out = &m->p[i];
            return KW_OK;
        }
    struct one_platform *more = realloc(m->p, (m->n + 1) * sizeof *more), *p;
    if (!more) return kw_fail(err, KW_ENOMEM, "out of memory");
    m->p = more;
    p = &more[m->n];
    *p = (struct one_platform){ .text = NULL };
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->path, sizeof p->path, "platforms/%s.json", name);
    const struct kw_platform *had = kw_platforms_find(&m->catalogue.platforms, name);
    size_t len;
    const char *built_in = kw_embedded_find(p->path, &len);
    char written[1024];
    bool again = m->o->out && snprintf(written, sizeof written, "%s/%s.json", m->o->out, name) < (int)sizeof written &&
                 !access(written, F_OK);
    if (again || (had && had->file[0])) {
        KW_TRY(read_text(p, again ? written : had->file, err));
    } else if (built_in) {
        if ((p->text = malloc(len + 1))) memcpy(p->text, built_in, len + 1);
        p->len = len;
    } else {
        p->text = kw_revision_blank(l, name);
        p->len = p->text ? strlen(p->text) : 0;
    }
    if (!p->text) return kw_fail(err, KW_ENOMEM, "out of memory");
    m->n++;
    *out = p;
    return KW_OK;
}

/* ---- what is told */

/* A row that names a platform, above its own. */
static void platform_row(struct kw_text_table *t, const char *platform, int columns)
{
    kw_text_table_cell(t, "%s", platform);
    for (int i = 1; i < columns; i++) kw_text_table_cell(t, "%s", "");
}

static void fact_rows(struct kw_text *out, const struct kw_price_list *l, const struct kw_revision *r)
{
    enum { COLUMNS = 7 };
    static const char *const heads[] = { "offer", "fact", "here", "of", "catalogue", "change", "" };
    static const char *const stays[] = {
        [KW_CHANGE_OLDER] = "newer here", [KW_CHANGE_OWN] = "yours", [KW_CHANGE_STATED] = "stated here"
    };
    struct kw_text_table t = { 0 };
    const char *platform = "";
    for (int i = 0; i < COLUMNS; i++) kw_text_table_column(&t, heads[i], i == 5 ? "%" : "", i == 2 || i == 4 || i == 5);
    for (size_t i = 0; i < r->n; i++) {
        const struct kw_change *c = &r->v[i];
        if (!c->fact[0]) continue;
        if (strcmp(platform, c->platform)) platform_row(&t, platform = c->platform, COLUMNS);
        kw_text_table_cell(&t, "  %s", c->offer);
        kw_text_table_cell(&t, "%s", c->fact);
        kw_text_table_cell(&t, "%s", c->had[0] ? c->had : "-");
        kw_text_table_cell(&t, "%s", c->had[0] || !c->taken ? c->had_date : "");
        kw_text_table_cell(&t, "%s", c->listed);
        if (isnan(c->percent))
            kw_text_table_cell(&t, "-");
        else
            kw_text_table_cell(&t, "%+.1f", c->percent);
        kw_text_table_cell(&t, "%s", c->taken ? c->note : stays[c->kind]);
    }
    if (t.n_cells) {
        kw_text_add(out, "\nDifferences: the catalogue's value is taken but where the last column says why not\n");
        kw_text_table_print(&t, out);
    } else {
        kw_text_add(out, "\n  No fact differs.\n");
    }
    kw_text_table_free(&t);
    kw_text_add(out, "\n  %zu facts agree", r->same);
    if (r->seen) kw_text_add(out, "; %zu offers were on sale on %s, later than was known", r->seen, l->date);
    kw_text_add(out, "\n");
}

static void new_rows(struct kw_text *out, const struct kw_revision *r, bool all)
{
    struct kw_text_table t = { 0 };
    const char *platform = "";
    size_t n = 0, taken = 0, shown = 0;
    for (size_t i = 0; i < r->n; i++) {
        n += r->v[i].kind == KW_CHANGE_NEW;
        taken += r->v[i].kind == KW_CHANGE_NEW && r->v[i].taken;
    }
    if (!n) return;
    kw_text_add(out, "\nOffers that are new here: %zu, %zu of them taken%s\n", n, taken,
                taken == n ? "" : " (--add ID, --add NAME=ID, --add all)");
    kw_text_table_column(&t, "offer", "", false);
    kw_text_table_column(&t, "as", "", false);
    kw_text_table_column(&t, "price", "$", false);
    kw_text_table_column(&t, "", "", false);
    for (size_t i = 0; i < r->n && (all || shown < NEW_ROWS); i++) {
        const struct kw_change *c = &r->v[i];
        if (c->kind != KW_CHANGE_NEW) continue;
        if (strcmp(platform, c->platform)) platform_row(&t, platform = c->platform, 4);
        shown++;
        kw_text_table_cell(&t, "  %s", c->offer);
        kw_text_table_cell(&t, "%s", c->name[0] ? c->name : "(too long: NAME=ID)");
        kw_text_table_cell(&t, "%s", c->listed);
        kw_text_table_cell(&t, "%s", c->taken ? "taken" : "");
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    if (shown < n) kw_text_add(out, "  ... %zu more (--all)\n", n - shown);
}

static void absent_rows(struct kw_text *out, const struct kw_revision *r)
{
    const char *platform = "";
    bool any = false;
    struct kw_text line = { 0 };
    for (size_t i = 0; i <= r->n; i++) {
        const struct kw_change *c = i < r->n ? &r->v[i] : NULL;
        if (c && c->kind != KW_CHANGE_ABSENT) continue;
        if (c && !any) kw_text_add(out, "\nOn sale here and not in the catalogue: nothing is changed\n");
        any |= c != NULL;
        if (line.n && (!c || strcmp(platform, c->platform))) {
            kw_text_add(out, "  ");
            kw_text_fold(out, line.s, 4, kw_text_columns(out));
            kw_text_free(&line);
        }
        if (!c) break;
        if (!line.n) kw_text_add(&line, "%s:", c->platform);
        kw_text_add(&line, "%s %s", strcmp(platform, c->platform) || line.s[line.n - 1] == ':' ? "" : ",", c->offer);
        platform = c->platform;
    }
    kw_text_free(&line);
}

/* "690 of providers that are no platform here: openrouter 690", why by why in order of first sight. */
static void left_out(struct kw_text *out, const struct kw_price_list *l)
{
    for (size_t i = 0; i < l->n_left; i++) {
        struct kw_text line = { 0 };
        size_t total = 0, before = 0;
        while (before < i && strcmp(l->left[before].why, l->left[i].why)) before++;
        if (before < i) continue;
        for (size_t k = i; k < l->n_left; k++)
            if (!strcmp(l->left[k].why, l->left[i].why)) total += l->left[k].n;
        kw_text_add(&line, "%zu %s", total, l->left[i].why);
        const char *between = ": ";
        for (size_t k = i; k < l->n_left; k++) {
            if (strcmp(l->left[k].why, l->left[i].why) || !l->left[k].what[0]) continue;
            kw_text_add(&line, "%s%s %zu", between, l->left[k].what, l->left[k].n);
            between = ", ";
        }
        if (i == 0) kw_text_add(out, "\nLeft out\n");
        kw_text_add(out, "  ");
        kw_text_fold(out, line.s ? line.s : "", 4, kw_text_columns(out));
        kw_text_free(&line);
    }
    if (l->rounded)
        kw_text_add(out, "  %zu numbers had more digits than a nano-dollar holds and were rounded to one.\n",
                    l->rounded);
}

static void json_change(struct kw_text *out, const struct kw_change *c, bool first)
{
    static const char *const kind[] = { "taken", "not older", "yours", "stated", "new", "absent" };
    const struct {
        const char *key, *value;
    } words[] = { { "offer", c->offer },      { "fact", c->fact }, { "here", c->had }, { "here_date", c->had_date },
                  { "catalogue", c->listed }, { "as", c->name },   { "note", c->note } };
    kw_text_add(out, "%s\n      { \"platform\": \"%s\", \"what\": \"%s\"", first ? "" : ",", c->platform,
                kind[c->kind]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!words[i].value[0]) continue;
        kw_text_add(out, ", \"%s\": ", words[i].key);
        kw_text_quote(out, words[i].value);
    }
    if (!isnan(c->percent)) kw_text_add(out, ", \"change_percent\": %.17g", c->percent);
    kw_text_add(out, ", \"taken\": %s }", c->taken ? "true" : "false");
}

static void tell_json(struct importing *m, const struct kw_price_list *l, const struct kw_revision *r)
{
    struct kw_text *out = &m->out;
    kw_text_add(out, "%s\n  { \"catalogue\": ", m->n_lists ? "," : "");
    kw_text_quote(out, l->name);
    kw_text_add(out, ", \"form\": \"%s\", \"date\": \"%s\", \"sha256\": \"%s\", \"offers\": %zu,\n", l->form->name,
                l->date, l->sha256, l->n);
    kw_text_add(out, "    \"agree\": %zu, \"seen\": %zu, \"rounded\": %zu,\n    \"changes\": [", r->same, r->seen,
                l->rounded);
    for (size_t i = 0; i < r->n; i++) json_change(out, &r->v[i], i == 0);
    kw_text_add(out, "\n    ],\n    \"left_out\": [");
    for (size_t i = 0; i < l->n_left; i++) {
        kw_text_add(out, "%s\n      { \"entries\": %zu, \"why\": ", i ? "," : "", l->left[i].n);
        kw_text_quote(out, l->left[i].why);
        if (l->left[i].what[0]) {
            kw_text_add(out, ", \"what\": ");
            kw_text_quote(out, l->left[i].what);
        }
        kw_text_add(out, " }");
    }
    kw_text_add(out, "\n    ] }");
}

static void tell(struct importing *m, const struct kw_price_list *l, const struct kw_revision *r)
{
    struct kw_text *out = &m->out;
    if (m->o->json) {
        tell_json(m, l, r);
        return;
    }
    kw_text_add(out, "%skeepwarm platforms import\n  %s: %s of %s, %zu offers", m->n_lists ? "\n" : "", l->name,
                l->form->name, l->date, l->n);
    if (l->region[0]) kw_text_add(out, ", region %s", l->region);
    kw_text_add(out, "\n");
    fact_rows(out, l, r);
    new_rows(out, r, m->o->all);
    absent_rows(out, r);
    left_out(out, l);
}

/* ---- one catalogue */

/* --date, else the day the file was last written: who downloads a catalogue downloads it as of that day. What is not yet
 * would win over every fact to come. */
static enum kw_status date_of(const struct kw_options *o, const char *path, char date[16], struct kw_error *err)
{
    struct stat s;
    char today[11];
    KW_TRY(kw_date_today(today, err));
    if (o->date) {
        if (!kw_date_is_day(o->date)) return kw_fail(err, KW_EUSAGE, "--date is '%.40s', want YYYY-MM-DD", o->date);
        snprintf(date, 16, "%.10s", o->date);
    } else if (!strcmp(path, "-")) {
        return kw_fail(err, KW_EUSAGE, "of which day is it? say --date YYYY-MM-DD");
    } else if (stat(path, &s)) {
        return kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(errno));
    } else {
        kw_cli_date(date, (int64_t)s.st_mtime);
    }
    if (kw_date_age_days(date, today) < 0)
        return kw_fail(err, KW_ERANGE, "%.300s: a catalogue of %s, and today is %s", path, date, today);
    if (!o->date && !o->quiet)
        kw_cli_note("%s: taken as of %s, when the file was written (--date says otherwise)", path, date);
    return KW_OK;
}

static enum kw_status revise_all(struct importing *m, struct kw_price_list *l, struct kw_revision *r,
                                 struct kw_error *err)
{
    const struct kw_revision_options options = {
        .all = &m->catalogue.platforms, .add = m->o->add.v, .n_add = m->o->add.n, .added = m->added
    };
    for (size_t i = 0; i < l->n; i++) {
        size_t before = 0;
        struct one_platform *p = NULL;
        while (before < i && strcmp(l->v[before].platform, l->v[i].platform)) before++;
        if (before < i) continue;
        KW_TRY(touched(m, l, l->v[i].platform, &p, err));
        KW_TRY(kw_revision_make(r, l, p->path, p->text, p->len, &options, err));
        if (!r->text) continue;
        free(p->text);
        p->text = r->text;
        p->len = r->len;
        p->changed = true;
        r->text = NULL;
    }
    return KW_OK;
}

static enum kw_status import_one(struct importing *m, const char *path, struct kw_error *err)
{
    char date[16];
    struct kw_price_list l;
    struct kw_revision r = { .n = 0 };
    KW_TRY(date_of(m->o, path, date, err));
    const struct kw_price_list_options options = { .date = date,
                                                   .only = m->o->platform.v,
                                                   .n_only = m->o->platform.n,
                                                   .met = m->met,
                                                   .all = &m->catalogue.platforms,
                                                   .gpus = m->gpus,
                                                   .region = m->o->region };
    KW_TRY(kw_price_list_load(&l, path, &options, err));
    enum kw_status st = revise_all(m, &l, &r, err);
    if (st == KW_OK) tell(m, &l, &r);
    m->n_lists++;
    kw_revision_free(&r);
    kw_price_list_free(&l);
    return st;
}

/* ---- what is written */

static enum kw_status make_folder(const char *folder, struct kw_error *err)
{
    struct stat s;
    if (!mkdir(folder, 0777)) return KW_OK;
    if (errno == EEXIST && !stat(folder, &s) && S_ISDIR(s.st_mode)) return KW_OK;
    return kw_fail(err, KW_EIO, "%.300s: %s", folder, strerror(errno == EEXIST ? ENOTDIR : errno));
}

/* Each file whole or not at all; where one cannot be written those before it stand. */
static enum kw_status write_all(const struct importing *m, struct kw_error *err)
{
    char path[1024];
    bool any = false;
    for (size_t i = 0; i < m->n; i++) any |= m->p[i].changed;
    if (any) KW_TRY(make_folder(m->o->out, err));
    for (size_t i = 0; i < m->n; i++) {
        if (!m->p[i].changed) continue;
        if (snprintf(path, sizeof path, "%s/%s.json", m->o->out, m->p[i].name) >= (int)sizeof path)
            return kw_fail(err, KW_ERANGE, "%.80s...: the path is too long", m->o->out);
        KW_TRY(kw_file_replace(path, m->p[i].text, m->p[i].len, err));
        if (!m->o->quiet) kw_cli_note("wrote %s", path);
    }
    if (!any && !m->o->quiet) kw_cli_note("nothing is newer: no file written");
    return KW_OK;
}

static enum kw_status prepare(struct importing *m, struct kw_error *err)
{
    for (size_t n = 0; n < kw_gpu_count() && n + 1 < sizeof m->gpus / sizeof *m->gpus; n++)
        m->gpus[n] = kw_gpu_at(n)->name;
    return kw_cli_platforms(&m->catalogue, m->o, err);
}

/* Nothing that the command line names is ignored. */
static enum kw_status all_met(const struct importing *m, struct kw_error *err)
{
    for (size_t i = 0; i < m->o->platform.n; i++)
        if (!m->met[i])
            return kw_fail(err, KW_ERANGE,
                           "--platform %.60s: no catalogue given has offers of it, by this or any other name",
                           m->o->platform.v[i]);
    for (size_t i = 0; i < m->o->add.n; i++)
        if (!m->added[i] && strcmp(m->o->add.v[i], "all"))
            return kw_fail(err, KW_ERANGE, "--add %.80s: no catalogue given has such an offer that is new here",
                           m->o->add.v[i]);
    return KW_OK;
}

int kw_cli_platforms_import(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct importing m = { .o = o, .out = { .columns = kw_cli_columns() } };
    enum kw_status st = kw_catalogue_load(&m.catalogue, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = prepare(&m, &err);
    if (o->json) kw_text_add(&m.out, "[");
    for (size_t i = 0; i < o->args.n && st == KW_OK; i++) st = import_one(&m, o->args.v[i], &err);
    if (o->json) kw_text_add(&m.out, "\n]\n");
    if (st == KW_OK) st = all_met(&m, &err);
    int code = st == KW_OK ? kw_cli_print(&m.out) : 0;
    if (st == KW_OK && code == 0 && o->out) st = write_all(&m, &err);
    for (size_t i = 0; i < m.n; i++) free(m.p[i].text);
    free(m.p);
    kw_text_free(&m.out);
    kw_catalogue_free(&m.catalogue);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}
