#include "sim/cli/session.h"
#include "sim/cli/output.h"
#include "sim/cli/platform_folder.h"
#include "sim/cli/profiles.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "sim/core/date.h"
#include "sim/core/files/file.h"
#include "sim/io/scenario/models.h"
#include "workloads/trace_load.h"

static volatile int stop; /* the signal of the first Ctrl-C or SIGTERM; the second kills as usual */

int kw_session_interrupted(void)
{
    return stop;
}

/* Only a flag: runs look at it between events, so that a sweep ends in a message and with nothing half written. */
static void on_interrupt(int sig)
{
    stop = sig;
    signal(sig, SIG_DFL);
}

bool kw_session_is_kind(const char *word)
{
    for (int k = 0; kw_kind_name[k]; k++)
        if (!strcmp(kw_kind_name[k], word)) return true;
    return false;
}

/* The options as edits of the document, then the --set ones, which win. Room for all of them. */
static size_t gather_edits(const struct kw_options *o, struct kw_scenario_edit *e, char numbers[2][24],
                           const struct kw_list *volumes, const char *today)
{
    size_t n = 0;
    const struct {
        const char *path, *value;
    } words[] = { { "trace.file", o->trace },
                  { "trace.format", o->format },
                  { "trace.columns", o->columns },
                  { "model", o->model } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].value) e[n++] = (struct kw_scenario_edit){ KW_EDIT_STRING, words[i].path, words[i].value };
    if (o->seed >= 0) {
        snprintf(numbers[0], 24, "%lld", (long long)o->seed);
        e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "seed", numbers[0] };
    }
    if (o->replications >= 0) {
        snprintf(numbers[1], 24, "%lld", (long long)o->replications);
        e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "replications", numbers[1] };
    }
    if (o->precise) e[n++] = (struct kw_scenario_edit){ KW_EDIT_STRING, "replications", o->precise };
    for (size_t i = 0; i < o->slo.n; i++) e[n++] = (struct kw_scenario_edit){ KW_EDIT_SLO, NULL, o->slo.v[i] };
    size_t platforms = 0, kinds = 0; /* -p takes either */
    for (size_t i = 0; i < o->platform.n; i++) {
        static const char *const keys[] = { "candidates.platforms[0]", "candidates.platforms[1]",
                                            "candidates.platforms[2]", "candidates.platforms[3]",
                                            "candidates.platforms[4]", "candidates.platforms[5]",
                                            "candidates.platforms[6]", "candidates.platforms[7]" };
        static const char *const kind_keys[] = { "candidates.kinds[0]", "candidates.kinds[1]", "candidates.kinds[2]" };
        const char *word = o->platform.v[i];
        if (kw_session_is_kind(word)) {
            if (kinds == 0) e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "candidates.kinds", "[]" };
            if (kinds < sizeof kind_keys / sizeof *kind_keys)
                e[n++] = (struct kw_scenario_edit){ KW_EDIT_STRING, kind_keys[kinds++], word };
            continue;
        }
        if (platforms == 0) e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "candidates.platforms", "[]" };
        if (platforms < sizeof keys / sizeof *keys)
            e[n++] = (struct kw_scenario_edit){ KW_EDIT_STRING, keys[platforms++], word };
    }
    if (o->allow_unknown) e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "candidates.allow_unknown", "true" };
    if (o->breakeven) e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "candidates.break_even", "true" };
    if (o->curves) e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "candidates.curves", "true" };
    if (o->pareto) e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "candidates.pareto", "true" };
    for (size_t i = 0; i < volumes->n; i++)
        e[n++] = (struct kw_scenario_edit){ KW_EDIT_APPEND, "candidates.volumes", volumes->v[i] };
    if (o->exhaustive) e[n++] = (struct kw_scenario_edit){ KW_EDIT_JSON, "candidates.exhaustive", "true" };
    for (size_t i = 0; i < o->require.n; i++)
        e[n++] = (struct kw_scenario_edit){ KW_EDIT_APPEND, "candidates.require", o->require.v[i] };
    for (size_t i = 0; i < o->substitute.n; i++)
        e[n++] = (struct kw_scenario_edit){ KW_EDIT_MEMBER, "candidates.substitutes", o->substitute.v[i] };
    for (size_t i = 0; i < o->set.n; i++) e[n++] = (struct kw_scenario_edit){ KW_EDIT_SET, NULL, o->set.v[i] };
    e[n++] = (struct kw_scenario_edit){ KW_EDIT_DEFAULT, "as_of", today }; /* so that a rerun judges as this run did */
    return n;
}

/* A time as the user says it, on the clock of the trace's arrivals. */
static enum kw_status trace_time(const struct kw_trace *t, const struct kw_scenario_time *at, const char *key,
                                 kw_ns *out, struct kw_error *err)
{
    if (at->kind == KW_TIME_ABSENT) return KW_OK;
    if (at->kind == KW_TIME_TRACE) {
        *out = at->at - t->origin;
        return KW_OK;
    }
    if (t->epoch_unix == INT64_MIN)
        return kw_fail(err, KW_ERANGE, "trace.%s is a date, but the trace has none: give seconds of its own time", key);
    *out = at->at - t->epoch_unix * KW_NS_PER_S;
    return KW_OK;
}

/* The stated window, its missing side from the assumed one; or the assumed one. */
static enum kw_status choose_window(struct kw_session *s, struct kw_error *err)
{
    const struct kw_scenario *sc = &s->scenario;
    struct kw_window *w = &s->window;
    kw_window_assume(w, &s->trace);
    if (!sc->trace_from.kind && !sc->trace_to.kind) return KW_OK;
    *w = (struct kw_window){ .chosen = KW_WINDOW_STATED,
                             .assumed_side = !sc->trace_from.kind ? -1 : !sc->trace_to.kind,
                             .begin = w->begin,
                             .end = w->end };
    enum kw_status st = trace_time(&s->trace, &sc->trace_from, "from_s", &w->begin, err);
    if (st == KW_OK) st = trace_time(&s->trace, &sc->trace_to, "to_s", &w->end, err);
    if (st == KW_OK && w->assumed_side && w->begin >= w->end)
        return kw_fail(err, KW_ERANGE, "trace.%s: no request arrives %s %.9g s from the first",
                       w->assumed_side > 0 ? "from_s" : "to_s", w->assumed_side > 0 ? "after" : "before",
                       kw_nano_to_double(w->assumed_side > 0 ? w->begin : w->end));
    return st;
}

static bool named_by_option(const struct kw_session *s, const struct kw_options *o)
{
    return o->trace && !access(s->scenario.trace_file, F_OK);
}

/* The trace that the scenario names, or --trace. */
/* Order matters: the window is cut from the trace as recorded, and speed is applied to what is left, so that from_s and
 * to_s are times of the user's own file. */
static enum kw_status load_trace(struct kw_session *s, const struct kw_options *o, struct kw_error *err)
{
    const struct kw_scenario *sc = &s->scenario;
    char beside[KW_SEARCH_PATH_SIZE];
    bool by_option = named_by_option(s, o);
    const char *path = by_option ? sc->trace_file : kw_search_path_find(&s->search_path, sc->trace_file, beside, NULL);
    enum kw_status st = kw_trace_load(&s->trace, path, sc->trace_format, sc->trace_columns, err);
    if (st == KW_EINPUT && !by_option) kw_search_path_nor(&s->search_path, sc->trace_file, st, err);
    if (st != KW_OK) return st;
    if (o->strict && (st = kw_trace_strict(&s->trace, err)) != KW_OK) {
        kw_where(err, path, 0);
        return st;
    }
    struct kw_trace_notes *notes = &s->trace.notes;
    if (path == beside && !strncmp(notes->source, beside, sizeof notes->source - 1))
        snprintf(notes->source, sizeof notes->source, "%.199s",
                 sc->trace_file); /* results are the same from any folder */
    char remarks[2000];
    kw_trace_remarks(&s->trace, remarks, sizeof remarks);
    if (remarks[0] && !o->quiet) kw_cli_note("%s: %s", path, remarks);
    struct kw_trace cut;
    st = choose_window(s, err);
    if (st == KW_OK && s->window.chosen != KW_WINDOW_SPAN &&
        (st = kw_window_cut(&cut, &s->trace, &s->window, err)) == KW_OK) {
        kw_trace_free(&s->trace);
        s->trace = cut;
    }
    s->window.speed = sc->trace_speed;
    if (st == KW_OK && sc->trace_speed != 1) st = kw_trace_speed(&s->trace, sc->trace_speed, err);
    if (st != KW_OK) kw_trace_free(&s->trace);
    return st;
}

/* Everything embedded, and the profiles and platforms on top: of the result opened again, or the user's of today. */
static enum kw_status load_catalogue(struct kw_session *s, const struct kw_options *o, struct kw_error *err)
{
    struct kw_catalogue *c = &s->catalogue;
    enum kw_status st = kw_catalogue_load(c, s->scenario.as_of, err);
    if (st != KW_OK) return st;
    c->search_path = &s->search_path;
    if (!s->head)
        st = kw_cli_profiles(c, o, err);
    else if (s->head->profiles)
        st = kw_catalogue_offer_pinned(c, s->head->profiles, !o->force, err);
    if (st == KW_OK && !s->head)
        st = kw_cli_platforms(c, o, err);
    else if (st == KW_OK && s->head->platforms)
        st = kw_catalogue_offer_pinned_platforms(c, s->head->platforms, !o->force, err);
    if (st == KW_OK) st = kw_scenario_models(&s->scenario, &s->trace, c, err);
    if (st != KW_OK) kw_catalogue_free(c);
    return st;
}

/* The scenario is read: bring in the rest, or close it. */
/* Cheap checks first: whether the output can be written is known in a moment, the trace may take a minute. */
static enum kw_status finish_open(struct kw_session *s, const struct kw_options *o, const char *path,
                                  struct kw_error *err)
{
    kw_search_path_init(&s->search_path, path, s->head ? s->head->folder : NULL);
    enum kw_status st = o->out ? kw_file_check(o->out, err) : KW_OK; /* known before a long simulation, not after it */
    if (st == KW_OK) st = load_trace(s, o, err);
    if (st == KW_OK && (st = kw_scenario_meet_regions(&s->scenario, &s->trace, err)) != KW_OK) kw_trace_free(&s->trace);
    if (st == KW_OK && (st = kw_scenario_meet_trace(&s->scenario, &s->trace, err)) != KW_OK) kw_trace_free(&s->trace);
    if (st == KW_OK && (st = load_catalogue(s, o, err)) != KW_OK) kw_trace_free(&s->trace);
    if (st != KW_OK) {
        kw_scenario_free(&s->scenario);
        return st;
    }
    struct kw_study study = kw_session_study(s, o);
    st = kw_study_scaling(&study, s->scaling, sizeof s->scaling, err);
    if (st != KW_OK) kw_session_close(s);
    return st;
}

#define MAX_EDITS (4 * KW_CLI_MAX_LIST + 32)

/* The part of a list's entry that names what it sets: "seed" of "seed=3"; the whole of one without '='. */
static enum kw_status none_twice(const struct kw_list *l, const char *option, struct kw_error *err)
{
    for (size_t i = 1; i < l->n; i++)
        for (size_t k = 0; k < i; k++) {
            size_t n = strcspn(l->v[i], "="), m = strcspn(l->v[k], "=");
            if (n == m && !strncmp(l->v[i], l->v[k], n))
                return kw_fail(err, KW_EUSAGE, "--%s %.*s is given twice: '%.60s' and '%.60s'", option, (int)n, l->v[i],
                               l->v[k], l->v[i]);
        }
    return KW_OK;
}

/* "50M,500M" into its words, which lie in buf. */
static enum kw_status split(const char *text, struct kw_list *words, char *buf, size_t size, struct kw_error *err)
{
    words->n = 0;
    if (!text) return KW_OK;
    if (strlen(text) >= size) return kw_fail(err, KW_EUSAGE, "--volume '%.60s...' is too long", text);
    snprintf(buf, size, "%s", text);
    for (char *s = buf, *next; s; s = next) {
        if (words->n == KW_CLI_MAX_LIST) return kw_fail(err, KW_EUSAGE, "--volume takes at most %d", KW_CLI_MAX_LIST);
        if ((next = strchr(s, ','))) *next++ = 0;
        words->v[words->n++] = s;
    }
    return KW_OK;
}

enum kw_status kw_session_open(struct kw_session *s, const struct kw_options *o, const char *path, struct kw_error *err)
{
    struct kw_scenario_edit edits[MAX_EDITS];
    struct kw_list volumes;
    char numbers[2][24], today[11], words[1024];
    memset(s, 0, sizeof *s);
    if (o->platform.n > 8) return kw_fail(err, KW_EUSAGE, "--platform: at most 8 times; put more into \"candidates\"");
    if (o->precise && o->replications >= 0)
        return kw_fail(err, KW_EUSAGE,
                       "--replications and --precision exclude each other: a precision decides how many");
    if (o->precise && !strchr(o->precise, '%'))
        return kw_fail(err, KW_EUSAGE, "--precision wants a share in per cent, such as 1%%; got '%.40s'", o->precise);
    enum kw_status st = none_twice(&o->set, "set", err);
    if (st == KW_OK) st = none_twice(&o->platform, "platform", err);
    if (st == KW_OK) st = none_twice(&o->profile, "profile", err);
    if (st == KW_OK) st = none_twice(&o->require, "require", err);
    if (st == KW_OK) st = split(o->volume, &volumes, words, sizeof words, err);
    if (st == KW_OK) st = none_twice(&o->substitute, "substitute", err);
    if (st == KW_OK) st = kw_date_today(today, err);
    if (st == KW_OK)
        st = kw_scenario_load(&s->scenario, path, edits, gather_edits(o, edits, numbers, &volumes, today), err);
    return st == KW_OK ? finish_open(s, o, path, err) : st;
}

enum kw_status kw_session_reopen(struct kw_session *s, const struct kw_options *o, const char *path,
                                 const struct kw_results_head *head, struct kw_error *err)
{
    struct kw_scenario_edit edits[MAX_EDITS];
    char numbers[2][24], today[11];
    memset(s, 0, sizeof *s);
    enum kw_status st = kw_date_today(today, err);
    if (st == KW_OK)
        st = kw_scenario_parse(&s->scenario, path, head->config_json, strlen(head->config_json), edits,
                               gather_edits(o, edits, numbers, &(struct kw_list){ .n = 0 }, today), err);
    if (st != KW_OK) return st;
    s->head = head;
    return finish_open(s, o, path, err);
}

void kw_session_close(struct kw_session *s)
{
    kw_progress_end(&s->progress);
    kw_catalogue_free(&s->catalogue);
    kw_trace_free(&s->trace);
    kw_scenario_free(&s->scenario);
}

/* About 336 points over the span: an hour each for two weeks, never finer than a second. */
static kw_ns default_series_step(kw_ns span)
{
    static const int64_t steps_s[] = { 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 86400 };
    size_t i = 0;
    while (i + 1 < sizeof steps_s / sizeof *steps_s && span / (steps_s[i] * KW_NS_PER_S) > 336) i++;
    return steps_s[i] * KW_NS_PER_S;
}

struct kw_study kw_session_study(struct kw_session *s, const struct kw_options *o)
{
    const struct kw_scenario *sc = &s->scenario;
    return (struct kw_study){ .trace = &s->trace,
                              .slo = sc->slo,
                              .replications = sc->replications,
                              .precision = sc->precision,
                              .seed = sc->seed,
                              .stepping_each = sc->stepping_each,
                              .empty_start = sc->empty_start,
                              .month = sc->month,
                              .records = o->records,
                              .series_step = sc->series_step ? sc->series_step : default_series_step(s->trace.span) };
}

/* The trace as it is in the session, but for when the requests of a bucket came. */
static enum kw_status spread(struct kw_trace *t, struct kw_session *s, const struct kw_options *o,
                             enum kw_bucket_arrivals how, struct kw_error *err)
{
    const struct kw_scenario *sc = &s->scenario;
    char beside[KW_SEARCH_PATH_SIZE];
    const char *path =
        named_by_option(s, o) ? sc->trace_file : kw_search_path_find(&s->search_path, sc->trace_file, beside, NULL);
    struct kw_trace cut;
    enum kw_status st = kw_trace_load_spread(t, path, sc->trace_format, sc->trace_columns, how, err);
    if (st == KW_OK && s->window.chosen != KW_WINDOW_SPAN && (st = kw_window_cut(&cut, t, &s->window, err)) == KW_OK) {
        kw_trace_free(t);
        *t = cut;
    }
    if (st == KW_OK && sc->trace_speed != 1) st = kw_trace_speed(t, sc->trace_speed, err);
    if (st == KW_OK) st = kw_scenario_meet_regions(sc, t, err);
    if (st != KW_OK) kw_trace_free(t);
    return st;
}

enum kw_status kw_session_bucket_study(struct kw_bucket_study *x, struct kw_session *s, const struct kw_options *o,
                                       const struct kw_candidate *c, const struct kw_point *p, struct kw_error *err)
{
    const struct kw_trace_notes *k = &s->trace.notes;
    enum kw_status st = KW_OK;
    *x = (struct kw_bucket_study){ .taken = k->bucket_arrivals, .load_test = !k->buckets };
    if (!kw_trace_is_spread(&s->trace) || !strcmp(s->scenario.trace_file, "-")) return KW_OK;
    kw_bucket_study_take(x, x->taken, p);
    for (int how = 0; how < KW_BUCKET_ARRIVALS && st == KW_OK; how++) {
        struct kw_trace t;
        if (how == (int)x->taken) continue;
        if ((st = spread(&t, s, o, (enum kw_bucket_arrivals)how, err)) != KW_OK) break;
        struct kw_study study = kw_session_study(s, o);
        struct kw_sweep_options run = kw_session_sweep(s, o);
        study.trace = &t;
        st = kw_bucket_study_replay(x, (enum kw_bucket_arrivals)how, c, &study, &run, err);
        kw_trace_free(&t);
    }
    x->shown = st == KW_OK;
    return st;
}

/* Signals are caught from here on and not before: while files are read, Ctrl-C ends the program at once. */
struct kw_sweep_options kw_session_sweep(struct kw_session *s, const struct kw_options *o)
{
    struct sigaction act = { .sa_handler = on_interrupt };
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    kw_progress_begin(&s->progress, "simulating", o->quiet);
    return (struct kw_sweep_options){
        .threads = (uint32_t)o->threads, .stop = &stop, .progress = kw_progress_update, .progress_ctx = &s->progress
    };
}

enum kw_status kw_session_save(struct kw_session *s, const struct kw_options *o, const struct kw_results *of,
                               struct kw_error *err)
{
    if (!o->out) return KW_OK;
    struct kw_text profiles = { 0 }, platforms = { 0 };
    struct kw_results r = *of;
    kw_catalogue_profiles_text(&s->catalogue, &profiles);
    kw_catalogue_platforms_text(&s->catalogue, &platforms);
    r.profiles = profiles.s;
    r.platforms = platforms.s;
    r.folder = s->head ? s->head->folder : s->catalogue.beside ? s->search_path.folder[0] : NULL;
    r.config_json = s->scenario.doc.text;
    r.trace_sha256 = s->trace.notes.sha256;
    r.trace_source = s->trace.notes.source;
    r.scaling = s->scaling;
    r.window = &s->window;
    r.month = s->scenario.month;
    r.seed = s->scenario.seed;
    r.scenario = of->plan ? NULL : &s->scenario;
    r.trace = &s->trace;
    enum kw_status st = profiles.failed || platforms.failed ? kw_fail(err, KW_ENOMEM, "out of memory")
                                                            : kw_results_write(&r, o->out, (int64_t)time(NULL), err);
    kw_text_free(&profiles);
    kw_text_free(&platforms);
    if (st == KW_OK && !o->quiet) kw_cli_note("wrote %s", o->out);
    return st;
}
