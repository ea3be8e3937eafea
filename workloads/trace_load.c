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

struct format {
    const char *name, *what;
    bool (*detect)(const char *head, size_t n); /* head: the first bytes, decoded; NULL: never by itself */
    kw_read_fn *read;                           /* NULL: not row by row (keepwarm, workload) */
};

static const struct format formats[] = {
    { "azure", "Azure LLM inference 2023/2024 CSV: TIMESTAMP,ContextTokens,GeneratedTokens", kw_azure_detect,
      kw_azure_read },
    { "burstgpt", "BurstGPT CSV, v1 and v3; failed rows (0 response tokens) are left out", kw_burstgpt_detect,
      kw_burstgpt_read },
    { "mooncake", "Mooncake JSONL with 512-token prefix-block hashes", kw_mooncake_detect, kw_mooncake_read },
    { "ragpulse", "RAGPulse JSONL with nested hash lists", kw_ragpulse_detect, kw_ragpulse_read },
    { "vidur", "vidur CSV: arrived_at,num_prefill_tokens,num_decode_tokens", kw_vidur_detect, kw_vidur_read },
    { "servegen", "ServeGen-derived CSV: arrival_s,input_tokens,output_tokens", kw_servegen_detect, kw_servegen_read },
    { "served", "JSONL or HDF5 that `engine serve-trace` wrote: its arrivals and lengths", kw_served_detect,
      kw_served_read },
    { "generic", "CSV or JSONL: arrival=...,prompt=...,output=...[,model=,class=,cached=,unit=]", NULL,
      kw_generic_read },
    { "keepwarm", "HDF5 written by keepwarm trace convert", is_hdf5, NULL },
    { "workload", "workload model JSON (\"keepwarm_workload\": 1), drawn with its own seed", is_workload, NULL },
    { NULL, NULL, NULL, NULL }
};

const char *kw_trace_format(size_t i, const char **what)
{
    if (i >= sizeof formats / sizeof *formats - 1) return NULL;
    if (what) *what = formats[i].what;
    return formats[i].name;
}

static void list_formats(char *buf, size_t size)
{
    size_t used = 0;
    for (const struct format *x = formats; x->name && used < size; x++)
        used += (size_t)snprintf(buf + used, size - used, "%s%s", x == formats ? "" : ", ", x->name);
}

/* The named format, or the one that recognises the first bytes. */
static enum kw_status choose(struct kw_source *s, const char *format, const struct kw_columns *c,
                             const struct format **out, struct kw_error *err)
{
    char list[200];
    list_formats(list, sizeof list);
    if (format && *format && strcmp(format, "auto")) {
        for (const struct format *x = formats; x->name; x++)
            if (strcmp(x->name, format) == 0) return *out = x, KW_OK;
        return kw_fail(err, KW_EUSAGE, "unknown trace format '%.40s'; known: auto, %s", format, list);
    }
    const char *head;
    size_t n;
    enum kw_status st = kw_source_peek(s, HEAD, &head, &n, err);
    if (st != KW_OK) return st;
    if (n == 0) return kw_fail(err, KW_ERANGE, "is empty");
    *out = NULL;
    for (const struct format *x = formats; x->name; x++) {
        if (*c->arrival ? strcmp(x->name, "generic") != 0 : (!x->detect || !x->detect(head, n))) continue;
        if (*out) return kw_fail(err, KW_EPARSE, "could be %s or %s: name the format", (*out)->name, x->name);
        *out = x;
    }
    if (*out) return KW_OK;
    if (memchr(head, 0, n < 4096 ? n : 4096))
        return kw_fail(err, KW_EPARSE, "looks binary and is no trace format known here (%s)", list);
    char guess[240];
    if (*kw_columns_guess(head, n, guess, sizeof guess))
        return kw_fail(err, KW_EPARSE, "format not recognised; if these are its columns, say so: --columns %s", guess);
    return kw_fail(err, KW_EPARSE,
                   "format not recognised; known: %s (for another CSV or JSONL give columns "
                   "arrival=...,prompt=...,output=...)",
                   list);
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

static enum kw_status read_with(struct kw_trace *t, struct kw_source *s, const struct format *x,
                                const struct kw_columns *c, struct kw_error *err)
{
    struct kw_rows r;
    kw_rows_init(&r);
    r.drop_zero = c->drop_zero;
    enum kw_status st = x->read(&r, s, c, err);
    long line = s->line;
    if (st == KW_OK) {
        line = 0;
        st = kw_rows_finish(&r, t, err);
    }
    if (st != KW_OK) kw_where(err, s->name, line);
    kw_rows_free(&r);
    return st;
}

static enum kw_status read_any(struct kw_trace *t, struct kw_source *s, const char *path, const char *format,
                               const char *columns, struct kw_error *err)
{
    struct kw_columns c;
    const struct format *x = NULL;
    char hex[65];
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
    enum kw_status st = kw_columns_parse(&c, columns, err);
    if (st != KW_OK) return st;
    if ((st = choose(s, format, &c, &x, err)) != KW_OK) {
        kw_where(err, s->name, 0);
        return st;
    }
    if (x->read)
        st = read_with(t, s, x, &c, err);
    else if (strcmp(x->name, "workload") == 0)
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
    snprintf(t->notes.format, sizeof t->notes.format, "%s", x->name);
    snprintf(t->notes.source, sizeof t->notes.source, "%s", s->name);
    memcpy(t->notes.sha256, hex, sizeof hex);
    return KW_OK;
}

enum kw_status kw_trace_read(struct kw_trace *t, struct kw_source *s, const char *format, const char *columns,
                             struct kw_error *err)
{
    return read_any(t, s, NULL, format, columns, err);
}

enum kw_status kw_trace_load(struct kw_trace *t, const char *path, const char *format, const char *columns,
                             struct kw_error *err)
{
    struct kw_source s;
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
    enum kw_status st = kw_source_open(&s, path, err);
    if (st != KW_OK) return st;
    st = read_any(t, &s, strcmp(path, "-") ? path : NULL, format, columns, err);
    kw_source_close(&s);
    return st;
}
