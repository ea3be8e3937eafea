#include "sim/cli/commands/trace.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cli/commands/calibrate_api.h"
#include "sim/cli/output.h"
#include "sim/core/files/file.h"
#include "workloads/fit.h"
#include "workloads/model.h"
#include "workloads/stats.h"
#include "workloads/synth.h"
#include "workloads/trace.h"
#include "workloads/trace_h5.h"
#include "workloads/trace_load.h"

/* Loads args[0]; what the reader took for granted and had to mend goes to stderr, unless the report holds it. */
static enum kw_status load(struct kw_trace *t, const struct kw_options *o, bool tell, struct kw_error *err)
{
    char remarks[2000];
    enum kw_status st = kw_trace_load(t, o->args.v[0], o->format, o->columns, err);
    if (st == KW_OK && o->strict && (st = kw_trace_strict(t, err)) != KW_OK) {
        kw_where(err, o->args.v[0], 0);
        kw_trace_free(t);
    }
    if (st != KW_OK || !tell) return st;
    kw_trace_remarks(t, remarks, sizeof remarks);
    if (remarks[0]) kw_cli_note("%s: %s", o->args.v[0], remarks);
    return KW_OK;
}

/* Buckets, and some load tests, do not say when their requests came: how bursty the traffic is in each way to spread them. Not of
 * stdin, which was read already. */
static enum kw_status compare_spreads(struct kw_text *out, const struct kw_trace *t, const struct kw_options *o,
                                      struct kw_error *err)
{
    const char *const when[] = { "at random", "at equal gaps",
                                 t->notes.buckets ? "all as a bucket begins" : "all as a test begins" };
    const char *path = o->args.v[0];
    if (!kw_trace_is_spread(t) || !strcmp(path, "-")) return KW_OK;
    if (o->json)
        kw_text_add(out, ",\n  \"bucket_arrivals\": { \"taken\": \"%s\", \"of\": {",
                    kw_bucket_arrivals_name[t->notes.bucket_arrivals]);
    else
        kw_text_add(out, "\n%-38s busiest minute   interarrival CV   empty minutes\n",
                    t->notes.buckets ? "requests of a bucket" : "requests of a load test");
    for (int how = 0; how < KW_BUCKET_ARRIVALS; how++) {
        struct kw_trace other;
        struct kw_trace_stats s;
        KW_TRY(kw_trace_load_spread(&other, path, o->format, o->columns, (enum kw_bucket_arrivals)how, err));
        enum kw_status st = kw_trace_stats(&s, &other, err);
        kw_trace_free(&other);
        if (st != KW_OK) return st;
        char name[48], cv[24];
        snprintf(cv, sizeof cv, "%.2f", s.cv);
        snprintf(name, sizeof name, "%s (buckets=%s)", when[how], kw_bucket_arrivals_name[how]);
        if (o->json)
            kw_text_add(out,
                        "%s \"%s\": { \"peak_minute_over_mean\": %.6g, \"interarrival_cv\": %.6g, "
                        "\"empty_minutes\": %llu }",
                        how ? "," : "", kw_bucket_arrivals_name[how], s.peak_minute, isfinite(s.cv) ? s.cv : 0,
                        (unsigned long long)s.empty_minutes);
        else
            kw_text_add(out, "%-38s %9.2f x mean %17s %8llu of %llu%s\n", name, s.peak_minute,
                        isfinite(s.cv) ? cv : "-", (unsigned long long)s.empty_minutes, (unsigned long long)s.minutes,
                        how == (int)t->notes.bucket_arrivals ? "  taken" : "");
        kw_trace_stats_free(&s);
    }
    kw_text_add(out,
                o->json ? " } }" : "what that makes of an answer's cost and TTFT, `keepwarm run` and `plan` say\n");
    return KW_OK;
}

int kw_cli_trace_info(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_trace t;
    char *text = NULL;
    enum kw_status st = load(&t, o, false, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    st = o->json ? kw_trace_info_json(&text, &t, NULL, &err) : kw_trace_info(&text, &t, NULL, &err);
    struct kw_text out = { .columns = kw_cli_columns() };
    if (st == KW_OK) {
        size_t n = strlen(text) - (o->json ? 3 : 0); /* without the last brace, a line of its own */
        kw_text_add(&out, "%.*s", (int)n, text);
        st = compare_spreads(&out, &t, o, &err);
        if (st == KW_OK && (o->platform.n || o->model)) st = kw_cli_compare_law(&out, &t, o, o->json, &err);
        if (o->json) kw_text_add(&out, "\n}\n");
        free(text);
    }
    kw_trace_free(&t);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}

int kw_cli_trace_formats(const struct kw_options *o)
{
    struct kw_text out = { 0 };
    const char *name, *what;
    (void)o;
    for (size_t i = 0; (name = kw_trace_format(i, &what)); i++) {
        kw_text_pad(&out, name, 18);
        kw_text_add(&out, "%s\n", what);
    }
    kw_text_add(&out,
                "\n--columns goes over a format's own map, or makes one: KEY=NAME,... where NAME is a CSV column or\n"
                "keys joined by dots (usage.prompt_tokens), a|b takes the first that is there, and in sums\n"
                "a+b - c? a '?' marks what may be absent.\n\n"
                "arrival, duration   when a request came; a duration is taken off it\n"
                "first, end          when its first token came, when its answer ended; or how long after the arrival:\n"
                "ttft, e2e           NAME:s, :ms, :us or :ns, where the name's own end (_ms) does not say it\n"
                "prompt, output      tokens; cached and write: those of the prompt read from a cache, written to it\n"
                "id                  rows of one id are one request: the fullest, at the earliest time\n"
                "model, class        names of its model and of its kind\n"
                "status, error       a row that failed is left out: status=NAME:WORD|WORD are the words of success\n"
                "hit                 true where the gateway's own cache answered\n"
                "where               NAME:WORD|WORD keeps these, NAME!WORD the others (may be given again)\n"
                "count, end, bucket  a row stands for so many requests, until then or for so many seconds;\n"
                "                    buckets=poisson|even|begin says how they arrive in it\n"
                "rate, concurrency   of a load test whose arrival=NAME? is not said: requests sent a second\n"
                "                    (inf: at once), and how many may be under way; burstiness shapes their gaps\n"
                "hashes, block       prefix-block hashes, and the tokens of a block\n"
                "unit                of arrival: s, ms, us, ns, days (spreadsheets), iso, mdy, dmy, ymdhms\n"
                "missing, zero       requests without token counts: drop, mean or refuse; of 0 tokens: drop or refuse\n"
                "broken              records that cannot be read: refuse or drop\n");
    return kw_cli_print(&out);
}

static enum kw_status need_output(const struct kw_options *o, struct kw_error *err)
{
    return o->out ? kw_file_check(o->out, err) : kw_fail(err, KW_EUSAGE, "want -o FILE for the result");
}

int kw_cli_trace_convert(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_trace t;
    enum kw_status st = need_output(o, &err);
    if (st == KW_OK && (st = load(&t, o, true, &err)) == KW_OK) {
        st = kw_trace_save(&t, o->out, &err);
        if (st == KW_OK) kw_cli_note("wrote %zu request%s to %s", t.n, t.n == 1 ? "" : "s", o->out);
        kw_trace_free(&t);
    }
    return st == KW_OK ? 0 : kw_cli_fail(st, &err);
}

int kw_cli_trace_synth(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_workload *w = malloc(sizeof *w);
    struct kw_trace t;
    enum kw_status st = w ? need_output(o, &err) : kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_workload_load(w, o->args.v[0], &err);
    if (st == KW_OK && (st = kw_synth(&t, w, o->seed >= 0 ? (uint64_t)o->seed : w->seed, &err)) == KW_OK) {
        st = kw_trace_save(&t, o->out, &err);
        if (st == KW_OK) kw_cli_note("wrote %zu request%s to %s", t.n, t.n == 1 ? "" : "s", o->out);
        kw_trace_free(&t);
    }
    free(w);
    return st == KW_OK ? 0 : kw_cli_fail(st, &err);
}

int kw_cli_trace_fit(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_workload *w = malloc(sizeof *w);
    struct kw_trace t;
    char command[240], hour[32] = "";
    const char *slash = strrchr(o->args.v[0], '/');
    uint64_t seed = o->seed >= 0 ? (uint64_t)o->seed : 1;
    if (o->start_hour >= 0) snprintf(hour, sizeof hour, " --start-hour %d", (int)o->start_hour);
    snprintf(command, sizeof command, "keepwarm trace fit %.150s%s --seed %llu", slash ? slash + 1 : o->args.v[0], hour,
             (unsigned long long)seed);
    struct kw_fit_options fit = { .name = o->name,
                                  .source = o->origin,
                                  .licence = o->licence,
                                  .date = o->date,
                                  .command = command,
                                  .start_hour = (int)o->start_hour,
                                  .seed = seed };
    enum kw_status st = w ? KW_OK : kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK && o->out) st = kw_file_check(o->out, &err);
    if (st == KW_OK && (st = load(&t, o, true, &err)) == KW_OK) {
        st = kw_workload_fit(w, &t, &fit, &err);
        kw_trace_free(&t);
    }
    int code = 0;
    if (st == KW_OK && o->out) {
        st = kw_workload_save(w, o->out, &err);
        if (st == KW_OK) kw_cli_note("wrote %s", o->out);
    } else if (st == KW_OK) {
        code = kw_cli_print_owned(kw_workload_text(w));
    }
    free(w);
    return st == KW_OK ? code : kw_cli_fail(st, &err);
}
