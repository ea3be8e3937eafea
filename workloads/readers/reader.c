#include "workloads/readers/reader.h"
#include <stdio.h>
#include <string.h>
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
