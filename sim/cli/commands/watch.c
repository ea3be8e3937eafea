#include "sim/cli/commands/watch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "calibrate/profile/gpu.h"
#include "sim/cli/commands/watch_savings.h"
#include "sim/cli/output.h"
#include "sim/cli/platform_folder.h"
#include "sim/core/date.h"
#include "sim/core/files/file.h"
#include "sim/core/files/source.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/io/watch_report.h"
#include "sim/watch/charges.h"
#include "sim/watch/ledger.h"
#include "sim/watch/log_file.h"
#include "sim/watch/metrics.h"
#include "sim/watch/retention.h"
#include "sim/watch/state.h"
#include "workloads/trace_load.h"

enum { PLATFORMS = 16, MONTH_HOURS = 30 * 24 };
#define ALARMS_A_MONTH 0.5 /* false ones, asked for: at most one is wanted, and the past is no more than a sample */

struct watch {
    const struct kw_options *o;
    struct kw_catalogue catalogue;
    const struct kw_platform *platform[PLATFORMS]; /* --platform: APIs */
    size_t n_platforms;
    struct kw_watch_ledger ledger;
    struct kw_watch_export export; /* --costs */
    kw_nusd limit;                 /* --budget */
    int lock;                      /* of --state; -1: none */
};

/* A word of the command line: LOG, LOG=PLATFORM[:GPU[xN]] or LOG=costs:NAME. A file whose own name holds the '=' goes first. */
struct log_word {
    char path[4096], platform[64], gpu[32], service[80];
    unsigned gpus;
};

static enum kw_status split(const char *word, struct log_word *w, struct kw_error *err)
{
    const char *eq = access(word, F_OK) == 0 ? NULL : strstr(word, "=" KW_WATCH_COSTS); /* a NAME may hold '=' */
    if (!eq && access(word, F_OK) != 0) eq = strrchr(word, '=');
    memset(w, 0, sizeof *w);
    w->gpus = 1;
    size_t n = eq ? (size_t)(eq - word) : strlen(word);
    if (!n || n >= sizeof w->path) return kw_fail(err, KW_EUSAGE, "'%.80s': want LOG or LOG=PLATFORM[:GPU[xN]]", word);
    memcpy(w->path, word, n);
    if (!eq) return KW_OK;
    if (!strncmp(eq + 1, KW_WATCH_COSTS, strlen(KW_WATCH_COSTS))) {
        const char *name = eq + 1 + strlen(KW_WATCH_COSTS);
        if (!*name || strlen(name) >= sizeof w->service)
            return kw_fail(err, KW_EUSAGE, "'%.80s': want LOG=costs:NAME, a name in its charges", word);
        memcpy(w->service, name, strlen(name) + 1);
        return KW_OK;
    }
    const char *colon = strchr(++eq, ':'), *x = colon ? strrchr(colon, 'x') : NULL;
    char rest = 0;
    n = colon ? (size_t)(colon - eq) : strlen(eq);
    bool times = x && x > colon + 1 && sscanf(x, "x%5u%c", &w->gpus, &rest) == 1 && w->gpus > 0;
    size_t k = !colon ? 0 : times ? (size_t)(x - colon - 1) : strlen(colon + 1);
    if (!times) w->gpus = 1;
    if (!n || n >= sizeof w->platform || k >= sizeof w->gpu || (colon && !k))
        return kw_fail(err, KW_EUSAGE, "'%.80s': want LOG=PLATFORM or LOG=PLATFORM:GPU or LOG=PLATFORM:GPUxN", word);
    memcpy(w->platform, eq, n);
    if (k) memcpy(w->gpu, colon + 1, k);
    return KW_OK;
}

static enum kw_status place_of(struct watch *x, const struct log_word *w, const struct kw_platform **named,
                               struct kw_watch_place *p, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    *p = (struct kw_watch_place){ .platform = x->platform, .n = x->n_platforms, .gpus = w->gpus, .model = x->o->model };
    if (*w->service) p->service = w->service;
    if (*w->service && !x->o->state && !x->o->costs.n)
        return kw_fail(err, KW_EUSAGE, "%s=costs:%s: in which export? say --costs FILE", w->path, w->service);
    if (!*w->platform) return KW_OK;
    if ((st = kw_catalogue_platform(&x->catalogue, w->platform, named, err)) != KW_OK) return st;
    p->platform = named;
    p->n = 1;
    const struct kw_platform *f = *named;
    if (f->kind == KW_KIND_API && *w->gpu)
        return kw_fail(err, KW_EUSAGE, "%s sells tokens, not GPUs: say %s=%s", f->name, w->path, f->name);
    if (f->kind == KW_KIND_API) return KW_OK;
    if (!*w->gpu) return kw_fail(err, KW_EUSAGE, "%s: on which GPU? say %s=%s:H100", f->name, w->path, f->name);
    for (uint32_t tp = 1; tp <= 16 && !p->gpu; tp *= 2) p->gpu = kw_platform_gpu(f, kw_gpu_name(w->gpu), tp);
    return p->gpu ? KW_OK
                  : kw_fail(err, KW_ERANGE, "%s has no GPU %s (keepwarm platforms show %s)", f->name, w->gpu, f->name);
}

/* UTC seconds of the trace's arrival 0: its own, or on the day that --date says. */
static enum kw_status epoch_of(const struct watch *x, const struct kw_trace *t, const char *path, int64_t *epoch,
                               struct kw_error *err)
{
    *epoch = t->epoch_unix;
    if (*epoch != INT64_MIN) {
        if (x->o->date) return kw_fail(err, KW_EUSAGE, "--date: %s has dates of its own", path);
        return KW_OK;
    }
    if (!x->o->date)
        return kw_fail(err, KW_ERANGE,
                       "%s has no dates, only times from a beginning: say on which day it began, --date YYYY-MM-DD",
                       path);
    if (!kw_date_is_day(x->o->date)) return kw_fail(err, KW_EUSAGE, "--date: want YYYY-MM-DD, got '%.40s'", x->o->date);
    *epoch = kw_date_age_days("1970-01-01", x->o->date) * 86400 + t->origin / KW_NS_PER_S;
    return *epoch >= 0 ? KW_OK : kw_fail(err, KW_EUSAGE, "--date: want a day from 1970 on, got '%.40s'", x->o->date);
}

/* What an open log holds, into the ledger. *none: no request is in it, which err says. */
static enum kw_status add_source(struct watch *x, struct kw_source *s, const char *path, const char *format,
                                 const struct kw_watch_place *place, struct kw_watch_log *g, bool *none,
                                 struct kw_error *err)
{
    struct kw_trace t = { .n = 0 };
    char remarks[2000];
    int64_t epoch;
    enum kw_status st = kw_trace_read_accounts(&t, s, strcmp(path, "-") ? path : NULL, format, x->o->columns, err);
    *none = st == KW_ERANGE && strstr(err->msg, "holds no requests");
    if (st == KW_OK && x->o->strict && (st = kw_trace_strict(&t, err)) != KW_OK) kw_where(err, path, 0);
    if (st == KW_OK) st = epoch_of(x, &t, path, &epoch, err);
    if (st == KW_OK && g) st = kw_watch_log_check(g, &x->ledger, &t, epoch, err);
    uint64_t again = x->ledger.again;
    if (st == KW_OK && (st = kw_watch_add(&x->ledger, &t, epoch, place, err)) != KW_OK) kw_where(err, path, 0);
    if (st == KW_OK && g)
        st = kw_watch_log_done(g, &x->ledger, t.notes.format, t.n,
                               epoch * KW_NS_PER_S + t.epoch_part + t.arrival[t.n - 1], err);
    if (st == KW_OK && !x->o->quiet && kw_trace_remarks(&t, remarks, sizeof remarks)[0])
        kw_cli_note("%s: %s", path, remarks);
    again = x->ledger.again - again;
    if (st == KW_OK && again && !x->o->quiet)
        kw_cli_note("%s: %llu of its %zu requests had been counted, by their ids, and are left out", path,
                    (unsigned long long)again, t.n);
    kw_trace_free(&t);
    return st;
}

/* A log of which the state may know. The state is put in place after each, so that none is read twice. */
static enum kw_status add_with_state(struct watch *x, const struct log_word *w, const struct kw_watch_place *place,
                                     struct kw_error *err)
{
    struct kw_watch_log g;
    bool none;
    enum kw_status st = kw_watch_log_open(&g, &x->ledger, w->path, err);
    if (st != KW_OK) return st;
    if (g.left && !x->o->quiet)
        kw_cli_note("%s: its last line is not over and left for the next time: %llu bytes", w->path,
                    (unsigned long long)g.left);
    if (g.progress == KW_WATCH_KNOWN) {
        if (!x->o->quiet) kw_cli_note("%s: read before, nothing is new", w->path);
        return KW_OK;
    }
    const char *format = x->o->format                  ? x->o->format
                         : g.progress == KW_WATCH_GREW ? x->ledger.file[g.known].format
                                                       : NULL;
    st = add_source(x, &g.source, w->path, format, place, &g, &none, err);
    kw_source_close(&g.source);
    if (g.progress == KW_WATCH_GREW && none) { /* rows of failed requests, say: they wait for the next ones */
        if (!x->o->quiet) kw_cli_note("%s", err->msg);
        return KW_OK;
    }
    size_t forgotten = 0;
    if (st == KW_OK) st = kw_watch_forget(&x->ledger, KW_WATCH_KEPT_HOURS, &forgotten, err);
    if (forgotten && !x->o->quiet)
        kw_cli_note("%s: what is older than %d days is forgotten", x->o->state, KW_WATCH_KEPT_HOURS / 24);
    return st == KW_OK ? kw_watch_save(&x->ledger, x->o->state, err) : st;
}

static enum kw_status add_log(struct watch *x, const char *word, struct kw_error *err)
{
    struct log_word w;
    struct kw_watch_place place;
    struct kw_source s;
    const struct kw_platform *named = NULL;
    bool none;
    KW_TRY(split(word, &w, err));
    KW_TRY(place_of(x, &w, &named, &place, err));
    if (x->o->state) return add_with_state(x, &w, &place, err);
    KW_TRY(kw_source_open(&s, w.path, err));
    enum kw_status st = add_source(x, &s, w.path, x->o->format, &place, NULL, &none, err);
    kw_source_close(&s);
    return st;
}

/* The export's charges, once all logs are in. */
static enum kw_status add_costs(struct watch *x, struct kw_error *err)
{
    const struct kw_list *files = &x->o->costs;
    for (size_t i = 0; i < files->n; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(files->v[i], files->v[k]))
                return kw_fail(err, KW_EUSAGE, "--costs: %s is given twice, and would count twice", files->v[i]);
    if (!files->n) return KW_OK;
    KW_TRY(kw_watch_charges_read(&x->ledger, files->v, files->n, &x->export, err));
    return x->o->state ? kw_watch_save(&x->ledger, x->o->state, err) : KW_OK;
}

static enum kw_status read_all(struct watch *x, struct kw_error *err)
{
    const struct kw_options *o = x->o;
    if (o->spend && (kw_nano_parse(o->spend, &x->limit, err) != KW_OK || x->limit <= 0))
        return kw_fail(err, KW_EUSAGE, "--budget: want dollars a month, more than 0; got '%.40s'", o->spend);
    if (o->slo.n && !o->savings) return kw_fail(err, KW_EUSAGE, "--slo is for --savings, which is not given");
    if (o->savings && (o->args.n != 1 || o->state))
        return kw_fail(err, KW_EUSAGE, "--savings plans the requests of one log, without --state: give it one");
    enum kw_status st = kw_cli_platforms(&x->catalogue, o, err);
    if (st == KW_OK && o->platform.n > PLATFORMS) st = kw_fail(err, KW_EUSAGE, "--platform: at most %d", PLATFORMS);
    for (size_t i = 0; i < o->platform.n && st == KW_OK; i++) {
        st = kw_catalogue_platform(&x->catalogue, o->platform.v[i], &x->platform[i], err);
        if (st == KW_OK && !x->platform[i]->n_apis)
            st = kw_fail(err, KW_EUSAGE, "--platform: %s sells no tokens; name its log's GPUs, LOG=%s:GPU",
                         o->platform.v[i], o->platform.v[i]);
        x->n_platforms += st == KW_OK;
    }
    if (st == KW_OK && o->state && (o->args.n || o->costs.n)) st = kw_watch_lock(&x->lock, o->state, err);
    if (st == KW_OK && o->state) st = kw_watch_load(&x->ledger, o->state, err);
    if (st == KW_OK && !o->args.n && !x->ledger.n_sources)
        st = kw_fail(err, KW_EUSAGE, "which logs? `keepwarm watch LOG...`%s%s",
                     o->state ? ": nothing was counted in " : "", o->state ? o->state : "");
    for (size_t i = 0; i < o->args.n && st == KW_OK; i++) st = add_log(x, o->args.v[i], err);
    return st == KW_OK ? add_costs(x, err) : st;
}

/* Everything that is told, into out. *state: of the budget. */
static enum kw_status tell(struct watch *x, struct kw_text *out, enum kw_budget_state *state, struct kw_error *err)
{
    const struct kw_options *o = x->o;
    struct kw_watch_budget budget;
    struct kw_watch_alarms alarms = { 0 };
    struct kw_watch_savings savings;
    struct log_word w;
    bool saved = false;
    struct kw_watch_report r = { .ledger = &x->ledger, .alarms = &alarms, .all = o->all };
    r.window = kw_watch_window(&x->ledger, MONTH_HOURS);
    if (o->costs.n) r.export = &x->export;
    enum kw_status st = KW_OK;
    if (o->spend && (st = kw_watch_budget(&budget, &x->ledger, kw_nano_to_double(x->limit), err)) == KW_OK) {
        r.budget = &budget;
        *state = budget.state;
    }
    if (st == KW_OK) st = kw_watch_alarms(&alarms, &x->ledger, r.window, ALARMS_A_MONTH, err);
    if (st == KW_OK && o->metrics) {
        struct kw_text text = { 0 };
        st = kw_watch_metrics(&text, &x->ledger, &alarms, r.budget, err);
        if (st == KW_OK && text.failed) st = kw_fail(err, KW_ENOMEM, "out of memory for metrics");
        if (st == KW_OK) st = kw_file_replace(o->metrics, text.s, text.n, err);
        kw_text_free(&text);
    }
    if (st == KW_OK && o->savings) {
        st = split(o->args.v[0], &w, err);
        if (st == KW_OK) st = kw_watch_savings(&savings, o, w.path, &x->ledger, err);
        saved = st == KW_OK;
    }
    if (st == KW_OK && !o->json) kw_text_add(out, "keepwarm watch\n");
    if (st == KW_OK) st = o->json ? kw_watch_report_json(&r, out, err) : kw_watch_report_text(&r, out, err);
    if (saved && st == KW_OK && !o->json) kw_watch_savings_text(&savings, out);
    if (saved && st == KW_OK && o->json) kw_watch_savings_json(&savings, out);
    if (st == KW_OK && o->json) kw_text_add(out, "\n}\n");
    if (saved) kw_watch_savings_free(&savings);
    kw_watch_alarms_free(&alarms);
    return st;
}

int kw_cli_watch(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_text out = { .columns = kw_cli_columns() };
    enum kw_budget_state state = KW_BUDGET_KEPT;
    struct watch x;
    memset(&x, 0, sizeof x);
    x.o = o;
    x.lock = -1;
    enum kw_status st = kw_catalogue_load(&x.catalogue, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = read_all(&x, &err);
    if (x.lock >= 0) close(x.lock);
    if (st == KW_OK) st = tell(&x, &out, &state, &err);
    kw_watch_free(&x.ledger);
    kw_catalogue_free(&x.catalogue);
    if (st != KW_OK) {
        kw_text_free(&out);
        return kw_cli_fail(st, &err);
    }
    int code = kw_cli_print(&out);
    return code == 0 && state >= KW_BUDGET_LOST ? kw_exit_code(KW_EBUDGET) : code;
}
