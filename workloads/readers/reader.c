#include "workloads/readers/reader.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "sim/core/files/csv.h"

enum kw_status kw_columns_parse(struct kw_columns *c, const char *text, struct kw_error *err)
{
    static const char *const units[] = { "auto", "s", "ms", "us", "ns", "iso", NULL };
    memset(c, 0, sizeof *c);
    while (text && *text) {
        size_t n = strcspn(text, ","), k = strcspn(text, "=,");
        if (k >= n) return kw_fail(err, KW_EPARSE, "columns: want key=value, got '%.*s'", (int)(n < 40 ? n : 40), text);
        char value[64];
        if (n - k - 1 >= sizeof value || n - k - 1 == 0)
            return kw_fail(err, KW_EPARSE, "columns: '%.*s' wants a value of 1 to 63 bytes", (int)(k < 40 ? k : 40),
                           text);
        memcpy(value, text + k + 1, n - k - 1);
        value[n - k - 1] = 0;
        char *into = NULL;
        if (k == 7 && !memcmp(text, "arrival", k))
            into = c->arrival;
        else if (k == 6 && !memcmp(text, "prompt", k))
            into = c->prompt;
        else if (k == 6 && !memcmp(text, "output", k))
            into = c->output;
        else if (k == 5 && !memcmp(text, "model", k))
            into = c->model;
        else if (k == 5 && !memcmp(text, "class", k))
            into = c->klass;
        else if (k == 6 && !memcmp(text, "cached", k))
            into = c->cached;
        if (into) {
            if (*into) return kw_fail(err, KW_EPARSE, "columns: '%.*s' is given twice", (int)k, text);
            memcpy(into, value, n - k);
        } else if (k == 4 && !memcmp(text, "unit", k)) {
            int u = 0;
            while (units[u] && strcmp(units[u], value)) u++;
            if (!units[u])
                return kw_fail(err, KW_EPARSE, "columns: unit is auto, s, ms, us, ns or iso, not '%s'", value);
            c->unit = u;
        } else if (k == 4 && !memcmp(text, "zero", k)) {
            if (strcmp(value, "drop") && strcmp(value, "refuse"))
                return kw_fail(err, KW_EPARSE, "columns: zero is refuse or drop, not '%s'", value);
            c->drop_zero = strcmp(value, "drop") == 0;
        } else {
            return kw_fail(
                err, KW_EPARSE,
                "columns: unknown key '%.*s'; known: arrival, prompt, output, model, class, cached, unit, zero",
                (int)(k < 40 ? k : 40), text);
        }
        text += n + (text[n] == ',');
    }
    return KW_OK;
}

enum kw_status kw_reader_plain_csv(struct kw_rows *r, struct kw_source *s, const char *const names[3], bool iso,
                                   int exp10, struct kw_error *err)
{
    struct kw_csv c;
    struct kw_row row = { 0 };
    int at[3];
    bool more;
    enum kw_status st = kw_csv_begin(&c, s, err);
    for (int i = 0; i < 3 && st == KW_OK; i++) st = kw_csv_need(&c, names[i], &at[i], err);
    while (st == KW_OK && (st = kw_csv_next(&c, &more, err)) == KW_OK && more) {
        st = iso ? kw_timestamp_iso(c.field[at[0]], &row.at, err)
                 : kw_timestamp_decimal(c.field[at[0]], exp10, &row.at, err);
        if (st == KW_OK) st = kw_timestamp_count(c.field[at[1]], &row.prompt, err);
        if (st == KW_OK) st = kw_timestamp_count(c.field[at[2]], &row.output, err);
        if (st == KW_OK) st = kw_rows_push(r, &row, err);
    }
    kw_csv_close(&c);
    return st;
}

/* Words that tell what a field is, the surest first; a word with '=' is the whole name. */
static const char *const told_by[3][12] = {
    { "arriv", "timestamp", "time", "=ts", "created", "date", "start" },
    { "prompt", "input", "context", "prefill", "=in" },
    { "completion", "output", "generat", "response", "decode", "answer", "=out" },
};

/* What a count of tokens is called beside them. */
static const char *const of_tokens[] = { "tok", "len", "num", "count", "=in", "=out" };

static bool tells(const char *field, size_t len, const char *word)
{
    size_t n = strlen(word);
    if (*word == '=') return len == n - 1 && !strncasecmp(field, word + 1, len);
    for (size_t i = 0; i + n <= len; i++)
        if (!strncasecmp(field + i, word, n)) return true;
    return false;
}

enum { FIELDS_MOST = 64 };

/* The fields of a line: a JSON object's keys, else what commas, semicolons or tabs part. */
static size_t fields_of(const char *line, size_t n, struct kw_span field[FIELDS_MOST])
{
    bool json = n && *line == '{';
    size_t count = 0, from = 0;
    int depth = 0; /* of braces: what lies deeper is not read */
    for (size_t i = 0; i <= n && count < FIELDS_MOST; i++) {
        if (json && i < n) depth += (line[i] == '{' || line[i] == '[') - (line[i] == '}' || line[i] == ']');
        bool quote = i < n && line[i] == '"';
        if (json && quote) {
            size_t end = i + 1, after;
            while (end < n && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
            for (after = end + 1; after < n && line[after] == ' ';) after++;
            if (after < n && line[after] == ':' && depth == 1)
                field[count++] = (struct kw_span){ line + i + 1, end - i - 1 };
            i = end;
        } else if (!json && (i == n || strchr(",;\t", line[i]))) {
            size_t begin = from, end = i;
            while (begin < end && strchr(" \"", line[begin])) begin++;
            while (end > begin && strchr(" \"\r", line[end - 1])) end--;
            field[count++] = (struct kw_span){ line + begin, end - begin };
            from = i + 1;
        }
    }
    return count;
}

static const struct kw_span *find(const struct kw_span *field, size_t n, const char *const words[], bool tokens)
{
    for (size_t w = 0; words[w]; w++)
        for (size_t i = 0; i < n; i++) {
            bool counts = !tokens;
            for (size_t k = 0; k < sizeof of_tokens / sizeof *of_tokens; k++)
                counts |= tells(field[i].p, field[i].n, of_tokens[k]);
            if (counts && tells(field[i].p, field[i].n, words[w])) return &field[i];
        }
    return NULL;
}

char *kw_columns_guess(const char *head, size_t n, char *buf, size_t size)
{
    static const char *const roles[] = { "arrival", "prompt", "output" };
    struct kw_span field[FIELDS_MOST];
    size_t line = 0, at = 0;
    if (n >= 3 && !memcmp(head, "\xef\xbb\xbf", 3)) head += 3, n -= 3;
    while (line < n && head[line] != '\n') line++;
    size_t fields = fields_of(head, line, field);
    for (int r = 0; r < 3; r++) {
        const struct kw_span *found = r ? find(field, fields, told_by[r], true) : NULL;
        if (!found) found = find(field, fields, told_by[r], false);
        if (!found || memchr(found->p, ',', found->n) || memchr(found->p, '=', found->n) || found->n > 63) at = size;
        if (at < size)
            at += (size_t)snprintf(buf + at, size - at, "%s%s=%.*s", r ? "," : "", roles[r], (int)found->n, found->p);
    }
    if (at >= size) buf[0] = 0;
    return buf;
}
