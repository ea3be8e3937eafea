/* calibrate measure | fit | convert: our own engine timed, and a profile fitted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "calibrate/measure/fit_measured.h"
#include "calibrate/measure/measure.h"
#include "sim/cli/commands/calibrate.h"
#include "sim/cli/commands/calibrate_own.h"
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/exec_self.h"
#include "sim/cli/options.h"
#include "sim/cli/progress.h"
#include "sim/cli/output.h"
#include "sim/core/ascending.h"
#include "sim/core/files/file.h"
#include "sim/io/results/version.h"

enum kw_status kw_cli_calibrate_budget(double *s, const char *text, struct kw_error *err)
{
    *s = 120;
    if (!text) return KW_OK;
    char *end;
    errno = 0;
    double v = strtod(text, &end), unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;
    if (end == text || (*end && (!strchr("smh", *end) || end[1])) || errno || !(v * unit >= 1 && v * unit <= 864000))
        return kw_fail(err, KW_EUSAGE, "--budget: want a time from 1s to 240h, such as 90s, 15m or 1h; got '%.40s'",
                       text);
    *s = v * unit;
    return KW_OK;
}

/* ---- cold starts: each in a process of its own, so that nothing is warm but what the mode says ---- */

/* The child: becomes `keepwarm engine start --json`, whose output goes to fd. Never returns. */
static void start_once(const struct kw_options *o, int fd)
{
    static const char *words[] = { "engine", "start" };
    int used;
    struct kw_error err;
    struct kw_option_words w;
    const struct kw_command *start = kw_command_find(2, (char **)words, &used, &err);
    const char *argv[sizeof w.v / sizeof *w.v + 3] = { "keepwarm", words[0], words[1] };
    kw_options_words(&w, start, o);
    memcpy(argv + 3, w.v, (w.n + 1) * sizeof *w.v);
    unsetenv("KEEPWARM_EXEC_NS"); /* of this process's own start */
    if (dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0) kw_exec_self((char **)argv);
    dprintf(fd, "keepwarm: cannot start the program anew: %s", strerror(errno));
    _exit(1);
}

/* One start; its line is added to out unless that is NULL. */
static enum kw_status start_apart(struct kw_text *out, const struct kw_options *o, struct kw_error *err)
{
    int fd[2];
    char buf[4096];
    struct kw_text text = { 0 };
    if (pipe(fd)) return kw_fail(err, KW_EFAIL, "pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        close(fd[0]);
        start_once(o, fd[1]);
    }
    close(fd[1]);
    for (ssize_t n; child > 0 && (n = read(fd[0], buf, sizeof buf)) > 0;) kw_text_add(&text, "%.*s", (int)n, buf);
    close(fd[0]);
    int code = 1;
    if (child < 0 || waitpid(child, &code, 0) < 0) kw_fail(err, KW_EFAIL, "fork: %s", strerror(errno));
    enum kw_status st = child > 0 && !code && text.s && *text.s == '{' ? KW_OK : KW_EFAIL;
    if (st != KW_OK && child > 0)
        kw_fail(err, st, "a start failed: %.*s", text.s ? (int)strcspn(text.s, "\n") : 23,
                text.s ? text.s : "the process ended early");
    if (st == KW_OK && out) kw_text_add(out, "%s", text.s);
    kw_text_free(&text);
    return st;
}

static uint32_t had_starts(const struct kw_measured *m, const char *mode)
{
    uint32_t n = 0;
    for (size_t i = 0; i < m->n_starts; i++) n += !strcmp(m->start[i].mode, mode);
    return n;
}

static enum kw_status measure_starts(struct kw_text *lines, const struct kw_measured *m,
                                     const struct kw_engine_options *want, const struct kw_options *o,
                                     struct kw_error *err)
{
    struct stat s;
    bool files = !want->synthetic && !stat(want->model, &s) && S_ISDIR(s.st_mode);
    enum kw_status st = KW_OK;
    struct kw_progress bar;
    kw_progress_begin(&bar, "cold starts", o->quiet);
    for (int mode = KW_LOAD_CACHED; st == KW_OK && mode <= (files ? KW_LOAD_NETWORK : KW_LOAD_CACHED); mode++) {
        struct kw_options how = *o;
        if (mode == KW_LOAD_NETWORK && !(want->load.rate > 0)) continue;
        bool memory = files && kw_measure_on_tmpfs(want->model);
        if (mode == KW_LOAD_DIRECT && memory) continue; /* there is no disk below */
        how.load = kw_load_modes[mode];
        if (mode != KW_LOAD_NETWORK) how.rate = NULL;
        how.json = how.quiet = true;
        uint32_t had = had_starts(m, !files                             ? "synthetic"
                                     : memory && mode == KW_LOAD_CACHED ? "tmpfs"
                                                                        : kw_load_modes[mode]);
        if (had < o->starts && mode == KW_LOAD_CACHED)
            st = start_apart(NULL, &how, err); /* fills the page cache; not kept */
        for (uint32_t i = had; st == KW_OK && i < o->starts && !*kw_cli_engine_stop(); i++) {
            st = start_apart(lines, &how, err);
            kw_progress_update(&bar, i + 1, (uint64_t)o->starts);
        }
    }
    kw_progress_end(&bar);
    return st;
}

/* ---- measure ---- */

static enum kw_status same_head(const struct kw_measured_head *a, const struct kw_measured_head *b, const char *path,
                                struct kw_error *err)
{
    const struct {
        const char *what, *x, *y;
    } words[] = { { "device", a->device, b->device },
                  { "model", a->model, b->model },
                  { "precision", a->precision, b->precision },
                  { "backend", a->backend, b->backend },
                  { "commit", a->commit, b->commit } };
    const struct {
        const char *what;
        uint32_t x, y;
    } counts[] = { { "block_size", a->block_size, b->block_size },
                   { "max_num_seqs", a->max_num_seqs, b->max_num_seqs },
                   { "max_model_len", a->max_model_len, b->max_model_len },
                   { "max_num_batched_tokens", a->max_num_batched_tokens, b->max_num_batched_tokens } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].x, words[i].y))
            return kw_fail(err, KW_ERANGE, "%s: was measured with %s '%s', this is '%s'; name another file with -o",
                           path, words[i].what, words[i].x, words[i].y);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].x != counts[i].y)
            return kw_fail(err, KW_ERANGE, "%s: was measured with %s %u, this is %u; name another file with -o", path,
                           counts[i].what, counts[i].x, counts[i].y);
    return KW_OK;
}

/* What the file holds, if there is one: m empty else. */
static enum kw_status earlier(struct kw_measured *m, const char *path, struct kw_error *err)
{
    struct stat s;
    *m = (struct kw_measured){ 0 };
    return stat(path, &s) || !s.st_size ? KW_OK : kw_measured_load(m, path, err);
}

enum kw_status kw_cli_calibrate_head(struct kw_measured_head *h, const struct kw_engine *e, const struct kw_options *o,
                                     struct kw_error *err)
{
    char date[16];
    enum kw_status st = kw_measure_head(h, e, o->seed >= 0 ? (uint64_t)o->seed : 1, err);
    snprintf(h->commit, sizeof h->commit, "%.63s", kw_git_revision);
    snprintf(h->date, sizeof h->date, "%.10s", kw_cli_date(date, -1));
    return st;
}

static enum kw_status open_points(FILE **f, struct kw_measured *m, const struct kw_engine *e,
                                  const struct kw_options *o, struct kw_error *err)
{
    struct kw_measured_head h;
    enum kw_status st = kw_cli_calibrate_head(&h, e, o, err);
    bool fresh = !m->bytes;
    if (st == KW_OK && !fresh) st = same_head(&m->head, &h, o->out, err);
    if (st == KW_OK && !fresh && truncate(o->out, (off_t)m->bytes))
        st = kw_fail(err, KW_EIO, "%s: %s", o->out, strerror(errno));
    if (st != KW_OK) return st;
    if (!(*f = fopen(o->out, "a"))) return kw_fail(err, KW_EIO, "%s: %s", o->out, strerror(errno));
    if (!fresh) return KW_OK;
    m->head = h;
    return kw_measured_put_head(*f, &h, err);
}

static enum kw_status measure(struct kw_measured *m, FILE *f, struct kw_engine *e, double budget_s,
                              const struct kw_options *o, struct kw_error *err)
{
    struct kw_progress bar;
    struct kw_measure_setup setup = kw_measure_setup(e);
    kw_progress_begin(&bar, "measuring", o->quiet);
    struct kw_measure_options how = { .budget_s = budget_s,
                                      .seed = o->seed >= 0 ? (uint64_t)o->seed : 1,
                                      .progress = kw_progress_update,
                                      .ctx = &bar,
                                      .stop = kw_cli_engine_stop() };
    enum kw_status st = kw_measure_run(m, f, &setup, &how, err);
    kw_progress_end(&bar);
    return st;
}

/* The three figures of the file's cold starts, a line a way of loading. */
static enum kw_status print_starts(struct kw_text *out, const char *path, struct kw_error *err)
{
    struct kw_measured m;
    enum kw_status st = kw_measured_load(&m, path, err);
    if (st != KW_OK) return st;
    double *v = malloc((3 * m.n_starts + 1) * sizeof *v);
    if (!v) st = kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; st == KW_OK && i < m.n_starts; i++) {
        size_t n = 0, j = 0;
        while (strcmp(m.start[j].mode, m.start[i].mode)) j++;
        if (j < i) continue; /* told already */
        for (; j < m.n_starts; j++) {
            const struct kw_measured_start *s = &m.start[j];
            if (strcmp(s->mode, m.start[i].mode) || !(s->first_token_s > 0))
                continue; /* an older file's has no token */
            v[n] = s->load_s, v[m.n_starts + n] = s->ready_s, v[2 * m.n_starts + n++] = s->first_token_s;
        }
        if (n)
            kw_text_add(
                out, "cold start, %s: weights %.4f s, process to ready %.4f s, to first token %.4f s (median of %zu)\n",
                m.start[i].mode, kw_median(v, n), kw_median(v + m.n_starts, n), kw_median(v + 2 * m.n_starts, n), n);
    }
    free(v);
    kw_measured_free(&m);
    return st;
}

int kw_cli_calibrate_measure(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_measured m = { 0 };
    struct kw_engine e = { 0 };
    struct kw_device d;
    struct kw_engine_options want;
    struct kw_text lines = { 0 }, out = { 0 };
    FILE *f = NULL;
    double budget_s;
    enum kw_status st = o->out ? KW_OK : kw_fail(&err, KW_EUSAGE, "calibrate measure wants -o POINTS.jsonl");
    if (st == KW_OK) st = kw_cli_calibrate_budget(&budget_s, o->budget, &err);
    if (st == KW_OK) st = kw_cli_engine_options(&want, o, o->model, &err);
    if (st == KW_OK && access(o->out, F_OK)) st = kw_file_check(o->out, &err); /* before the engine is loaded for it */
    if (st == KW_OK && !access(o->out, F_OK) && access(o->out, W_OK))
        st = kw_fail(&err, KW_EIO, "%s: %s", o->out, strerror(errno));
    if (st == KW_OK) st = earlier(&m, o->out, &err);
    if (st == KW_OK && o->starts) st = measure_starts(&lines, &m, &want, o, &err); /* before this process has threads */
    if (st == KW_OK) st = kw_cli_engine_open(&e, &d, o, o->model, &err);
    size_t before = m.n;
    if (st == KW_OK) st = open_points(&f, &m, &e, o, &err);
    if (st == KW_OK && lines.s && (fputs(lines.s, f) < 0 || fflush(f)))
        st = kw_fail(&err, KW_EIO, "%s: %s", o->out, strerror(errno));
    if (st == KW_OK) st = measure(&m, f, &e, budget_s, o, &err);
    if (f && fclose(f) && st == KW_OK) st = kw_fail(&err, KW_EIO, "%s: %s", o->out, strerror(errno));
    kw_text_free(&lines);
    kw_engine_close(&e);
    if (st == KW_OK)
        kw_text_add(&out,
                    "%s: %zu points, %zu of them new; anchor drift at worst %+.1f %%; beside other processes %zu "
                    "visits were made again, %zu kept\n"
                    "fit them: keepwarm calibrate fit %s -o PROFILE.json\n",
                    o->out, m.n, m.n - before, 100 * m.drift_worst, m.n_revisited, m.n_contended, o->out);
    if (st == KW_OK) st = print_starts(&out, o->out, &err);
    if (st != KW_OK) kw_text_free(&out);
    kw_measured_free(&m);
    return st == KW_OK ? kw_cli_print(&out) : kw_cli_fail(st, &err);
}

/* ---- fit, convert ---- */

int kw_cli_calibrate_fit(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_measured m;
    struct kw_profile p;
    char *report = NULL;
    size_t len;
    if (!o->out) return kw_cli_fail(kw_fail(&err, KW_EUSAGE, "calibrate fit wants -o PROFILE.json"), &err);
    if (o->of_requests) return kw_cli_calibrate_fit_requests(o);
    if (!o->args.n || o->model || o->precision || o->profile.n || o->format || o->columns || o->strict || o->tp != 1 ||
        o->seed >= 0)
        return kw_cli_fail(
            kw_fail(&err, KW_EUSAGE, "calibrate fit wants POINTS.jsonl, with -o and --gpu alone, or --requests LOG"),
            &err);
    enum kw_status st = kw_measured_load(&m, o->args.v[0], &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    FILE *f = open_memstream(&report, &len);
    if (!f) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_fit_measured(&p, &m, o->gpu, f, &err);
    if (f) fclose(f);
    if (st == KW_OK) {
        st = kw_profile_save(&p, o->out, &err);
        kw_profile_free(&p);
    }
    kw_measured_free(&m);
    if (st == KW_OK && (st = kw_profile_load(&p, o->out, &err)) == KW_OK) kw_profile_free(&p); /* is it physical? */
    if (st != KW_OK) {
        free(report);
        return kw_cli_fail(st, &err);
    }
    return kw_cli_print_owned(report);
}

int kw_cli_calibrate_convert(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_measured m;
    if (!o->out) return kw_cli_fail(kw_fail(&err, KW_EUSAGE, "calibrate convert wants -o POINTS.h5"), &err);
    enum kw_status st = kw_measured_load(&m, o->args.v[0], &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = kw_measured_write_h5(&m, o->out, &err);
    kw_measured_free(&m);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    kw_cli_note("wrote %s", o->out);
    return 0;
}
