/* Any CSV with a header or JSONL, by a column map: arrival=ts,prompt=in,output=out[,model=m][,class=c][,cached=n][,unit=ms]. */
#include <string.h>
#include "sim/core/files/csv.h"
#include "workloads/readers/jsonl.h"
#include "workloads/readers/reader.h"

struct place {
    const struct kw_columns *c;
    int unit; /* settled by the first row when auto */
    bool unix_time;
};

static enum kw_status arrival(struct place *w, struct kw_span x, struct kw_row *row, struct kw_error *err)
{
    static const int exp10[] = { [KW_UNIT_S] = 9, [KW_UNIT_MS] = 6, [KW_UNIT_US] = 3, [KW_UNIT_NS] = 0 };
    if (w->unit == KW_UNIT_AUTO) w->unit = kw_timestamp_looks_iso(x) ? KW_UNIT_ISO : KW_UNIT_S;
    enum kw_status st = w->unit == KW_UNIT_ISO ? kw_timestamp_iso(x, &row->at, err)
                                               : kw_timestamp_decimal(x, exp10[w->unit], &row->at, err);
    if (st == KW_OK && w->unit != KW_UNIT_ISO && row->at < KW_NANO * KW_NS_PER_S) w->unix_time = false;
    return st;
}

static enum kw_status csv(struct kw_rows *r, struct kw_source *s, struct place *w, struct kw_error *err)
{
    const struct kw_columns *c = w->c;
    struct kw_csv t;
    struct kw_row row = { 0 };
    int at = 0, in = 0, out = 0, model = -1, klass = -1, cached = -1;
    bool more;
    enum kw_status st = kw_csv_begin(&t, s, err);
    if (st == KW_OK) st = kw_csv_need(&t, c->arrival, &at, err);
    if (st == KW_OK) st = kw_csv_need(&t, c->prompt, &in, err);
    if (st == KW_OK) st = kw_csv_need(&t, c->output, &out, err);
    if (st == KW_OK && *c->model) st = kw_csv_need(&t, c->model, &model, err);
    if (st == KW_OK && *c->klass) st = kw_csv_need(&t, c->klass, &klass, err);
    if (st == KW_OK && *c->cached) st = kw_csv_need(&t, c->cached, &cached, err);
    row.says_cached = cached >= 0;
    while (st == KW_OK && (st = kw_csv_next(&t, &more, err)) == KW_OK && more) {
        st = arrival(w, t.field[at], &row, err);
        if (st == KW_OK) st = kw_timestamp_count(t.field[in], &row.prompt, err);
        if (st == KW_OK) st = kw_timestamp_count(t.field[out], &row.output, err);
        if (st == KW_OK && cached >= 0) st = kw_timestamp_count(t.field[cached], &row.cached, err);
        if (model >= 0) row.model = t.field[model];
        if (klass >= 0) row.klass = t.field[klass];
        if (st == KW_OK) st = kw_rows_push(r, &row, err);
    }
    kw_csv_close(&t);
    return st;
}

static enum kw_status jsonl(struct kw_rows *r, struct kw_source *s, struct place *w, struct kw_error *err)
{
    const struct kw_columns *c = w->c;
    struct kw_jfield f[KW_JSONL_MAX];
    struct kw_row row = { 0 };
    struct kw_span x;
    char *line;
    size_t len, n;
    enum kw_status st;
    while ((st = kw_source_line(s, &line, &len, err)) == KW_OK && line) {
        if (len == 0) continue;
        if ((st = kw_jsonl_object((struct kw_span){ line, len }, f, &n, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, c->arrival, &x, err)) != KW_OK) break;
        if ((st = arrival(w, x, &row, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, c->prompt, &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_count(x, &row.prompt, err)) != KW_OK) break;
        if ((st = kw_jsonl_scalar(f, n, c->output, &x, err)) != KW_OK) break;
        if ((st = kw_timestamp_count(x, &row.output, err)) != KW_OK) break;
        if (*c->model && (st = kw_jsonl_scalar(f, n, c->model, &row.model, err)) != KW_OK) break;
        if (*c->klass && (st = kw_jsonl_scalar(f, n, c->klass, &row.klass, err)) != KW_OK) break;
        row.says_cached = *c->cached != 0;
        if (*c->cached && (st = kw_jsonl_scalar(f, n, c->cached, &x, err)) != KW_OK) break;
        if (*c->cached && (st = kw_timestamp_count(x, &row.cached, err)) != KW_OK) break;
        if ((st = kw_rows_push(r, &row, err)) != KW_OK) break;
    }
    return st;
}

enum kw_status kw_generic_read(struct kw_rows *r, struct kw_source *s, const struct kw_columns *c, struct kw_error *err)
{
    struct place w = { .c = c, .unit = c->unit, .unix_time = true };
    const char *head;
    size_t n, i = 0;
    if (!*c->arrival || !*c->prompt || !*c->output)
        return kw_fail(err, KW_EUSAGE, "format generic wants columns arrival=COLUMN,prompt=COLUMN,output=COLUMN");
    enum kw_status st = kw_source_peek(s, 64, &head, &n, err);
    if (st != KW_OK) return st;
    if (n >= 3 && head[0] == '\xef') i = 3; /* byte-order mark */
    while (i < n && (head[i] == ' ' || head[i] == '\n' || head[i] == '\r')) i++;
    st = i < n && head[i] == '{' ? jsonl(r, s, &w, err) : csv(r, s, &w, err);
    r->dated = w.unit == KW_UNIT_ISO || (w.unix_time && w.unit != KW_UNIT_AUTO);
    return st;
}

/* Our own replays: engine serve-trace writes {"arrival":0.5,"prompt":7,"output":3,"generated":3,"status":"done",...}.
 */
bool kw_served_detect(const char *head, size_t n)
{
    static const char begin[] = "{\"arrival\":", inner[] = ",\"generated\":";
    if (n < sizeof begin - 1 || memcmp(head, begin, sizeof begin - 1)) return false;
    const char *end = memchr(head, '\n', n);
    size_t line = end ? (size_t)(end - head) : n;
    for (size_t i = 0; i + sizeof inner - 1 <= line; i++)
        if (!memcmp(head + i, inner, sizeof inner - 1)) return true;
    return false;
}

enum kw_status kw_served_read(struct kw_rows *r, struct kw_source *s, const struct kw_columns *c, struct kw_error *err)
{
    static const struct kw_columns ours = {
        .arrival = "arrival", .prompt = "prompt", .output = "output", .unit = KW_UNIT_S
    };
    (void)c;
    return kw_generic_read(r, s, &ours, err);
}
