/* tests/sim/watch/log_case.h - a ledger filled from a text, and one row of it by its name. */
#ifndef KW_TESTS_SIM_WATCH_LOG_CASE_H
#define KW_TESTS_SIM_WATCH_LOG_CASE_H
#include <stdlib.h>
#include <string.h>
#include "sim/watch/ledger.h"
#include "sim/watch/view.h"
#include "tests/check.h"
#include "workloads/trace_load.h"

static struct kw_error err;

/* columns: NULL as its names say. */
static bool add(struct kw_watch_ledger *l, const char *text, const char *columns, const struct kw_watch_place *p)
{
    struct kw_source s;
    struct kw_trace t;
    enum kw_status st = kw_source_memory(&s, "mem", text, strlen(text), &err);
    if (st == KW_OK) st = kw_trace_read_accounts(&t, &s, NULL, NULL, columns, &err);
    kw_source_close(&s);
    if (st != KW_OK) return false;
    st = kw_watch_add(l, &t, t.epoch_unix, p, &err);
    kw_trace_free(&t);
    return st == KW_OK;
}

/* -1 requests: there is no such row. */
static struct kw_watch_count of(const struct kw_watch_ledger *l, int by, const char *name)
{
    struct kw_watch_row *row;
    struct kw_watch_count c = { .requests = -1 };
    size_t n;
    if (kw_watch_rows(l, kw_watch_window(l, 0), by, &row, &n, &err) != KW_OK) return c;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(row[i].name, name)) c = row[i].count;
    free(row);
    return c;
}

#endif
