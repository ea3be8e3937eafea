#include "workloads/trace_load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "workloads/model.h"
#include "workloads/readers/reader.h"
#include "workloads/synth.h"
#include "workloads/trace_h5.h"

enum { HEAD = 64 << 10 }; /* bytes looked at to detect a format */

static bool is_hdf5(const char *head, size_t n)
{
    return n >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

static bool is_workload(const char *head, size_t n)
{
    static const char key[] = "\"keepwarm_workload\"";
    for (size_t i = 0; i + sizeof key - 1 <= n; i++)
        if (head[i] == '"' && memcmp(head + i, key, sizeof key - 1) == 0) return true;
    return false;
}

/* What is no log by column map. */
static const struct special {
    const char *name, *what;
    bool (*detect)(const char *head, size_t n);
} specials[] = {
    { "ragpulse", "RAGPulse JSONL with nested hash lists", kw_ragpulse_detect },
    { "keepwarm", "HDF5 written by keepwarm trace convert", is_hdf5 },
    { "workload", "workload model JSON (\"keepwarm_workload\": 1), drawn with its own seed", is_workload },
};
enum { SPECIALS = sizeof specials / sizeof *specials };
static const char generic_what[] = "any other CSV or JSON by its names, or by --columns";

const char *kw_trace_format(size_t i, const char **what)
{
    size_t logs = 0;
    const char *none, **out = what ? what : &none;
    while (kw_log_format(logs)) logs++;
    if (i < logs) return *out = kw_log_format(i)->what, kw_log_format(i)->name;
    i -= logs;
    if (i == 0) return *out = generic_what, "generic";
    i--;
    return i < SPECIALS ? (*out = specials[i].what, specials[i].name) : NULL;
}

struct choice {
    const struct kw_log_format *log; /* or */
    const struct special *special;   /* or neither: generic */
};

static enum kw_status named(const char *format, struct choice *x, struct kw_error *err)
{
    for (size_t i = 0; i < SPECIALS; i++)
        if (strcmp(specials[i].name, format) == 0) x->special = &specials[i];
    if (!x->special) x->log = kw_log_format_named(format);
    if (x->special || x->log || strcmp(format, "generic") == 0) return KW_OK;
    return kw_fail(err, KW_EUSAGE, "unknown trace format '%.40s' (`keepwarm trace formats` lists them)", format);
}

/* Files that hold text only after something else has opened them. */
static enum kw_status not_text(const char *head, size_t n, struct kw_error *err)
{
    static const struct {
        const char *magic;
        size_t n;
        const char *what;
    } known[] = {
        { "PAR1", 4,
          "is Parquet, which is not read here, and no package of Debian reads it; as JSON lines: python3 -m venv v && "
          "v/bin/pip install duckdb && v/bin/python -c \"import duckdb; "
          "duckdb.sql(\\\"COPY (FROM read_parquet('FILE')) TO 'FILE.jsonl' (FORMAT json)\\\")\"" },
        { "BZh", 3, "is bzip2: bzip2 -dc FILE | keepwarm ... -" },
        { "\xfd"
          "7zXZ",
          5, "is xz: xz -dc FILE | keepwarm ... -" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= known[i].n && memcmp(head, known[i].magic, known[i].n) == 0)
            return kw_fail(err, KW_EPARSE, "%s", known[i].what);
    return KW_OK;
}

/* Lines of a server's own log, which say that a request came, but not how long it was. */
static bool is_vllm_text(const char *head, size_t n)
{
    static const char key[] = "Received request ";
    for (size_t i = 0; i + sizeof key - 1 <= n; i++)
        if (head[i] == 'R' && memcmp(head + i, key, sizeof key - 1) == 0) return *head != '{' && *head != '[';
    return false;
}

/* The named format, or the one that recognises the first bytes. */
static enum kw_status choose(struct kw_source *s, const char *format, const struct kw_columns *c, struct choice *x,
                             struct kw_error *err)
{
    const struct kw_log_format *rival;
    const char *head;
    size_t n;
    *x = (struct choice){ NULL, NULL };
    if (format && *format && strcmp(format, "auto")) return named(format, x, err);
    enum kw_status st = kw_source_peek(s, HEAD, &head, &n, err);
    if (st != KW_OK) return st;
    if (n == 0) return kw_fail(err, KW_ERANGE, "is empty");
    for (size_t i = 0; i < SPECIALS && !x->special; i++)
        if (specials[i].detect(head, n)) x->special = &specials[i];
    if (x->special) return KW_OK;
    if ((st = not_text(head, n, err)) != KW_OK) return st;
    x->log = kw_log_format_of(head, n, &rival);
    bool mapped = c->arrival.n && c->prompt.n && c->output.n;
    if (rival && mapped) x->log = NULL;
    if (rival && !mapped)
        return kw_fail(err, KW_EPARSE, "could be %s or %s: name the format", rival->name, x->log->name);
    if (x->log && x->log->refused && !(x->log->unless && kw_columns_said(c, x->log->unless)))
        return kw_fail(err, KW_EPARSE, "%s", x->log->refused);
    if (!x->log && !mapped && memchr(head, 0, n < 4096 ? n : 4096))
        return kw_fail(err, KW_EPARSE,
                       "looks binary and is no trace format known here (`keepwarm trace formats` lists them)");
    if (!x->log && !mapped && is_vllm_text(head, n))
        return kw_fail(err, KW_EPARSE,
                       "a server's text log has no token counts: take them from the gateway, or from the "
                       "server's answers (usage)");
    return KW_OK;
}

static enum kw_status read_model(struct kw_trace *t, struct kw_source *s, struct kw_error *err)
{
    struct kw_workload w;
    char *text;
    size_t n;
    enum kw_status st = kw_source_all(s, KW_WORKLOAD_MAX_BYTES, &text, &n, err);
    if (st != KW_OK) {
        kw_where(err, s->name, 0);
        return st;
    }
    st = kw_workload_parse(&w, s->name, text, n, err);
    free(text);
    if (st != KW_OK) return st;
    st = kw_synth(t, &w, w.seed, err);
    return st;
}

/* What a caller asks for beside the columns that the user says. */
struct asked {
    bool accounts;
    const enum kw_bucket_arrivals *buckets; /* NULL: as the columns say */
};

static enum kw_status read_rows(struct kw_trace *t, struct kw_source *s, const struct choice *x, const char *columns,
                                const struct asked *asked, struct kw_error *err)
{
    struct kw_rows r;
    struct kw_columns *map = calloc(1, sizeof *map);
    enum kw_status st = map ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    long line = 0;
    kw_rows_init(&r);
    if (st == KW_OK && x->log) st = kw_columns_add(map, x->log->columns, err);
    if (st == KW_OK && x->log && asked->accounts) st = kw_columns_add(map, x->log->accounts, err);
    if (st == KW_OK) {
        map->said = 0; /* from here on: what the user says */
        st = kw_columns_add(map, columns, err);
        if (asked->buckets) map->buckets = *asked->buckets;
    }
    if (st == KW_OK) {
        st = x->special ? kw_ragpulse_read(&r, s, err) : kw_log_read(&r, s, x->log, map, asked->accounts, err);
        line = s->line;
    }
    if (st == KW_OK) {
        line = 0;
        st = kw_rows_finish(&r, t, err);
    }
    if (st != KW_OK) kw_where(err, s->name, line);
    kw_rows_free(&r);
    free(map);
    return st;
}

static enum kw_status read_any(struct kw_trace *t, struct kw_source *s, const char *path, const char *format,
                               const char *columns, const struct asked *asked, struct kw_error *err)
{
    struct kw_columns c = { .n_paths = 0 };
    struct choice x;
    char hex[65];
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
    enum kw_status st = kw_columns_add(&c, columns, err);
    if (st != KW_OK) return st;
    const char *account_key = asked->accounts ? NULL : kw_columns_account_key(&c);
    if (account_key)
        return kw_fail(err, KW_EUSAGE,
                       "columns: '%s' tells whose requests are or what they cost, which only `keepwarm watch` asks",
                       account_key);
    if ((st = choose(s, format, &c, &x, err)) != KW_OK) {
        kw_where(err, s->name, 0);
        return st;
    }
    const char *name = x.log ? x.log->name : x.special ? x.special->name : "generic";
    if (x.special && columns && *columns)
        st = kw_fail(err, KW_EUSAGE, "%s: columns mean nothing for format %s", s->name, name);
    else if (!x.special || strcmp(name, "ragpulse") == 0)
        st = read_rows(t, s, &x, columns, asked, err);
    else if (strcmp(name, "workload") == 0)
        st = read_model(t, s, err);
    else if (!path)
        st = kw_fail(err, KW_EUSAGE, "%s: an HDF5 trace is read from a file, not a pipe", s->name);
    else
        st = kw_trace_h5_load(t, path, err);
    if (st == KW_OK && (st = kw_source_hash(s, hex, err)) != KW_OK) kw_where(err, s->name, 0);
    if (st != KW_OK) {
        kw_trace_free(t);
        return st;
    }
    snprintf(t->notes.format, sizeof t->notes.format, "%s", name);
    snprintf(t->notes.source, sizeof t->notes.source, "%s", s->name);
    memcpy(t->notes.sha256, hex, sizeof hex);
    return KW_OK;
}

enum kw_status kw_trace_read(struct kw_trace *t, struct kw_source *s, const char *format, const char *columns,
                             struct kw_error *err)
{
    return read_any(t, s, NULL, format, columns, &(struct asked){ .accounts = false }, err);
}

enum kw_status kw_trace_read_accounts(struct kw_trace *t, struct kw_source *s, const char *path, const char *format,
                                      const char *columns, struct kw_error *err)
{
    return read_any(t, s, path, format, columns, &(struct asked){ .accounts = true }, err);
}

static enum kw_status load(struct kw_trace *t, const char *path, const char *format, const char *columns,
                           const struct asked *asked, struct kw_error *err)
{
    struct kw_source s;
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
    enum kw_status st = kw_source_open(&s, path, err);
    if (st != KW_OK) return st;
    st = read_any(t, &s, strcmp(path, "-") ? path : NULL, format, columns, asked, err);
    kw_source_close(&s);
    return st;
}

enum kw_status kw_trace_load(struct kw_trace *t, const char *path, const char *format, const char *columns,
                             struct kw_error *err)
{
    return load(t, path, format, columns, &(struct asked){ .accounts = false }, err);
}

enum kw_status kw_trace_load_spread(struct kw_trace *t, const char *path, const char *format, const char *columns,
                                    enum kw_bucket_arrivals buckets, struct kw_error *err)
{
    return load(t, path, format, columns, &(struct asked){ .buckets = &buckets }, err);
}
