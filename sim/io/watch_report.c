#include "sim/io/watch_report.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/date.h"
#include "sim/core/document.h"
#include "sim/cost/log_bill.h"
#include "sim/io/quantity.h"
#include "sim/io/text_table.h"
#include "workloads/stats.h"

enum { ROWS = 10, DAYS = 7, HOURS = 24 };
static const double cold_often = 0.05; /* of the requests that tell: above it a cold start is no exception */
static const char *const day_name[DAYS] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

/* "2026-05-11 09:00" of an hour since 1970. */
static const char *hour_text(int64_t hour, char buf[32])
{
    int y, m, d;
    kw_date_of_day(hour / HOURS, &y, &m, &d);
    snprintf(buf, 32, "%04d-%02d-%02d %02d:00", y, m, d, (int)(hour % HOURS));
    return buf;
}

static int weekday(int64_t hour)
{
    return (int)((hour / HOURS + 3) % DAYS); /* 1970-01-01 was a Thursday */
}

static const char *usd(kw_nusd v, char buf[32])
{
    double x = kw_nano_to_double(v);
    return kw_grouped(buf, 32, x, x != 0 && fabs(x) < 1 ? 4 : 2);
}

static const char *count(int64_t v, char buf[32])
{
    return kw_grouped(buf, 32, (double)v, 0);
}

static const char *per_mtok(const struct kw_watch_count *c, char buf[32])
{
    return kw_quantity_number(kw_watch_usd_per_mtok(c), buf);
}

/* Dollars per thousand requests, since one costs too little to read. */
static const char *per_thousand(const struct kw_watch_count *c, char buf[32])
{
    return kw_quantity_number(1000 * kw_watch_usd_per_request(c), buf);
}

static void breakdown(struct kw_text *out, const char *head, const struct kw_watch_row *row, size_t n, kw_nusd total,
                      bool all)
{
    struct kw_text_table t = { 0 };
    struct kw_watch_row rest;
    char a[32], b[32], c[32], d[32], e[32], f[32];
    size_t shown = all || n <= ROWS ? n : ROWS - 1;
    memset(&rest, 0, sizeof rest);
    for (size_t i = shown; i < n; i++) kw_watch_count_add(&rest.count, &row[i].count);
    snprintf(rest.name, sizeof rest.name, "%zu others (--all lists them)", n - shown);
    kw_text_table_column(&t, head, "", false);
    kw_text_table_column(&t, "requests", "", true);
    kw_text_table_column(&t, "tokens", "Mtok", true);
    kw_text_table_column(&t, "cost", "$", true);
    kw_text_table_column(&t, "of all", "%", true);
    kw_text_table_column(&t, "per Mtok", "$", true);
    kw_text_table_column(&t, "per 1000", "$", true);
    for (size_t i = 0; i < shown + (shown < n); i++) {
        const struct kw_watch_row *x = i < shown ? &row[i] : &rest;
        bool none = x->count.unpriced + x->count.waiting == x->count.requests && !x->count.cost;
        kw_text_table_cell(&t, "%s", *x->name ? x->name : x->source ? "(no platform known)" : "(not named)");
        kw_text_table_cell(&t, "%s", count(x->count.requests, a));
        kw_text_table_cell(&t, "%s", kw_quantity_number((double)kw_watch_tokens(&x->count) / 1e6, b));
        kw_text_table_cell(&t, "%s", none ? "not known" : usd(x->count.cost, c));
        kw_text_table_cell(&t, "%s", none ? "-" : kw_quantity_part((double)x->count.cost, (double)total, d));
        kw_text_table_cell(&t, "%s", per_mtok(&x->count, e));
        kw_text_table_cell(&t, "%s", per_thousand(&x->count, f));
    }
    kw_document_section(out, "Cost by %s", head);
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

static void cold_starts(struct kw_text *out, const struct kw_watch_row *row, size_t n)
{
    char a[32], b[32], c[32], d[32];
    for (size_t i = 0, any = 0; i < n; i++) {
        const struct kw_watch_count *k = &row[i].count;
        if (!k->says_start) continue;
        double share = (double)k->cold / (double)k->says_start;
        if (!any++) kw_document_section(out, "Cold starts");
        char timed[120] = "how long they took is not said";
        if (k->cold_timed)
            snprintf(timed, sizeof timed, "%s s on average of the %s that say how long%s%s",
                     kw_quantity_number(kw_nano_to_double(k->cold_ns) / (double)k->cold_timed, a),
                     count(k->cold_timed, b), k->cold_cost ? ", $" : "", k->cold_cost ? usd(k->cold_cost, c) : "");
        kw_document_note(out, "%s: %.2f %% of %s requests met one (%" PRId64 "); %s%s",
                         *row[i].name ? row[i].name : "(no platform known)", 100 * share, count(k->says_start, d),
                         k->cold, timed, share > cold_often ? ". FLAGGED: above 5 %" : "");
    }
}

/* Tokens an hour by weekday and hour of day, in percent of the busiest of these means. */
static enum kw_status week(struct kw_text *out, const struct kw_watch_report *r, struct kw_error *err)
{
    struct kw_watch_count *hour;
    double sum[DAYS][HOURS] = { { 0 } }, most = 0;
    int seen[DAYS][HOURS] = { { 0 } };
    int64_t to = kw_watch_over(r->ledger);
    enum kw_status st = kw_watch_hours(r->ledger, r->window, &hour, err);
    if (st != KW_OK) return st;
    for (int64_t h = r->window.from + 1; h < to; h++) { /* the first hour is not whole either */
        sum[weekday(h)][h % HOURS] += (double)kw_watch_tokens(&hour[h - r->window.from]);
        seen[weekday(h)][h % HOURS]++;
    }
    free(hour);
    for (int d = 0; d < DAYS; d++)
        for (int h = 0; h < HOURS; h++)
            if (seen[d][h] && (sum[d][h] /= seen[d][h]) > most) most = sum[d][h];
    if (most <= 0) return KW_OK;
    kw_document_section(out, "Load by weekday and hour (UTC), %% of the busiest (**), which has %.3g tokens an hour",
                        most);
    kw_text_add(out, "  %-4s", "");
    for (int h = 0; h < HOURS; h++) kw_text_add(out, "%3d", h);
    kw_text_add(out, "\n");
    for (int d = 0; d < DAYS; d++) {
        kw_text_add(out, "  %-4s", day_name[d]);
        for (int h = 0; h < HOURS; h++)
            if (seen[d][h] && sum[d][h] >= 0.995 * most)
                kw_text_add(out, " **");
            else if (seen[d][h])
                kw_text_add(out, "%3.0f", 100 * sum[d][h] / most);
            else
                kw_text_add(out, "  .");
        kw_text_add(out, "\n");
    }
    return KW_OK;
}

/* "$12.30", or tokens where nothing has a price. */
static const char *alarm_value(const struct kw_watch_alarms *a, double v, char buf[48])
{
    char digits[32];
    snprintf(buf, 48, "%s%s%s", a->of_tokens ? "" : "$", kw_quantity_brief(v, digits), a->of_tokens ? " tokens" : "");
    return buf;
}

static void anomalies(struct kw_text *out, const struct kw_watch_report *r)
{
    const struct kw_watch_alarms *a = r->alarms;
    char t[32], v[48], e[48];
    kw_document_section(out, "Anomalies");
    if (!a->judged) {
        kw_document_note(out, "none is told yet: an hour is judged once a week has been seen before it");
        return;
    }
    if (!a->n) kw_document_note(out, "none in %" PRId64 " hours judged", a->judged);
    for (size_t i = 0; i < a->n; i++) {
        const struct kw_watch_alarm *x = &a->alarm[i];
        kw_document_note(out, "%s UTC, %" PRId64 " h: %s cost %s where %s was expected, %.1f times as much",
                         hour_text(x->hour, t), x->hours, kw_watch_signal_name[x->signal], alarm_value(a, x->value, v),
                         alarm_value(a, x->expected, e), x->value / x->expected);
    }
    if (isfinite(a->visible[KW_SIGNAL_HOUR]))
        kw_document_note(
            out,
            "this traffic shows a fault from %.1f times the expected cost of an hour on, and from %.1f times that "
            "of a request; holidays are not known here and may look like one",
            a->visible[KW_SIGNAL_HOUR], a->visible[KW_SIGNAL_REQUEST]);
    if (isfinite(a->told[KW_DOUBLING_OF_REQUESTS]))
        kw_document_note(out,
                         "of hours like those of the last 28 days, twice as many requests would be told from noise "
                         "within 2 h in %.0f %%, "
                         "twice as much for each (its tokens, or their price) in %.0f %%",
                         100 * a->told[KW_DOUBLING_OF_REQUESTS], 100 * a->told[KW_DOUBLING_OF_EACH]);
}

static void budget(struct kw_text *out, const struct kw_watch_budget *b)
{
    static const char *const says[] = { "kept", "at risk: the interval reaches beyond it", "NOT KEPT by this forecast",
                                        "EXCEEDED" };
    char a[32], c[32], d[32], e[32], t[32], text[300];
    kw_document_section(out, "Budget of the month: $%s, %s", kw_grouped(a, 32, b->limit, 2),
                        b->state == KW_BUDGET_RISKY && isnan(b->hi) ? "not sure: three whole days must have been seen"
                                                                    : says[b->state]);
    snprintf(text, sizeof text, "$%s from %s to %s UTC, %.1f of %.0f days", kw_grouped(a, 32, b->spent, 2),
             hour_text(b->from, c), hour_text(b->now, d), (double)(b->now - b->from) / HOURS,
             (double)(b->to - b->from) / HOURS);
    kw_document_fact("spent", text, out);
    snprintf(text, sizeof text, "$%s at its end", kw_grouped(a, 32, b->forecast, 2));
    if (!isnan(b->hi))
        snprintf(text, sizeof text, "$%s at its end, 95 %%: $%s to $%s", kw_grouped(a, 32, b->forecast, 2),
                 kw_grouped(c, 32, b->lo, 2), kw_grouped(d, 32, b->hi, 2));
    kw_document_fact("forecast", text, out);
    size_t used = (size_t)snprintf(text, sizeof text, "$%s of the budget",
                                   kw_grouped(a, 32, b->limit * HOURS / (double)(b->to - b->from), 2));
    for (int i = 0; i < KW_BUDGET_AVERAGES; i++)
        if (!isnan(b->day[i]))
            used += (size_t)snprintf(text + used, sizeof text - used, ", $%s over the last %d day%s",
                                     kw_grouped(e, 32, b->day[i], 2), kw_budget_average_days[i],
                                     kw_budget_average_days[i] > 1 ? "s" : "");
    kw_document_fact("a day", text, out);
    if (b->crossed != INT64_MAX) {
        snprintf(text, sizeof text, "%s UTC", hour_text(b->crossed, t));
        kw_document_fact(b->state == KW_BUDGET_OVER ? "passed" : "passes it", text, out);
    }
    if (b->unpriced)
        kw_document_note(out, "%s requests of the month have no known cost: it comes on top", count(b->unpriced, a));
}

/* What of the time each source that has GPUs, or tells when answers ended, had a request under way. */
static void busy(struct kw_text *out, const struct kw_watch_report *r, const struct kw_watch_row *row, size_t n)
{
    char a[32];
    for (size_t i = 0, any = 0; i < n; i++) {
        const struct kw_watch_source *s = row[i].source;
        if (!row[i].count.busy_ns) continue;
        kw_ns from = r->window.from * KW_NS_PER_HOUR, to = r->window.to * KW_NS_PER_HOUR;
        if (from < s->from) from = s->from;
        if (to > s->until) to = s->until;
        if (to <= from) continue;
        if (!any++) kw_document_section(out, "Utilisation");
        char rent[80] = "";
        if (s->kind == KW_KIND_DEDICATED)
            snprintf(rent, sizeof rent, "; rented all the time at $%s an hour", usd(s->hour, a));
        kw_document_note(out, "%s: a request was under way %.1f %% of the time%s",
                         *s->name ? s->name : "(no platform known)",
                         100 * fmin(1, (double)row[i].count.busy_ns / (double)(to - from)), rent);
    }
}

/* What exports charged: what of it is counted, what is not and why. */
static void charges(struct kw_text *out, const struct kw_watch_report *r, const struct kw_watch_row *row, size_t n)
{
    const struct kw_watch_ledger *l = r->ledger;
    const struct kw_watch_export *x = r->export;
    char a[32], b[32], c[32], from[32], to[32];
    for (uint32_t k = 0, any = 0; k < l->n_sources; k++) {
        struct kw_watch_charges_sum s;
        size_t i = 0;
        if (!l->source[k].charged) continue;
        kw_watch_charges_told(l, k, r->window, &s);
        if (!any++) kw_document_section(out, "Charged by cost exports");
        while (i < n && row[i].source != &l->source[k]) i++;
        if (s.until)
            kw_document_note(out, "%s: charges from %s to %s UTC, $%s of them in the window", l->source[k].name,
                             hour_text(s.from / KW_NS_PER_HOUR, from),
                             hour_text((s.until - 1) / KW_NS_PER_HOUR + 1, to), usd(s.counted, a));
        if (s.outside)
            kw_document_note(out,
                             "%s: $%s more at hours of which no log tells is not in it: nobody knows what it served",
                             l->source[k].name, usd(s.outside, b));
        if (i < n && row[i].count.waiting)
            kw_document_note(out, "%s: %s requests, %s tokens, have no charge yet and are not in its $ per Mtok",
                             l->source[k].name, count(row[i].count.waiting, b), count(row[i].count.waiting_tokens, c));
    }
    if (!x) return;
    if (x->billed)
        kw_document_note(out, "the export has no EffectiveCost: what a purchase paid ahead counts when it was billed");
    if (!x->n_services) return;
    char names[300] = "";
    size_t used = 0, shown = x->n_services <= 4 || r->all ? x->n_services : 3;
    for (size_t i = 0; i < shown && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s $%s", i ? ", " : "", x->service[i].name,
                                 usd(x->service[i].effective, a));
    kw_document_note(out, "$%s of the export is of no log here: %s%s", usd(x->unclaimed, b), names,
                     shown < x->n_services ? " and further services (--all lists them)" : "");
}

static void totals(struct kw_text *out, const struct kw_watch_report *r, const struct kw_watch_count *c)
{
    char a[32], b[32], text[400];
    snprintf(text, sizeof text, "%s to %s UTC, %.1f days", hour_text(r->window.from, a), hour_text(r->window.to, b),
             (double)(r->window.to - r->window.from) / HOURS);
    kw_document_fact("window", text, out);
    snprintf(text, sizeof text, "%s, %s tokens", count(c->requests, a), count(kw_watch_tokens(c), b));
    kw_document_fact("requests", text, out);
    if (r->ledger->again) {
        snprintf(text, sizeof text, "%s requests that logs told again, by their ids",
                 count((int64_t)r->ledger->again, a));
        kw_document_fact("left out", text, out);
    }
    char each[32], mtok[32];
    snprintf(text, sizeof text, "$%s: $%s per Mtok, $%s per 1000 requests", usd(c->cost, a), per_mtok(c, mtok),
             per_thousand(c, each));
    if (c->unpriced)
        snprintf(text, sizeof text,
                 "$%s and the cost of %s requests that nobody knows: no platform named here sells their "
                 "model (--platform NAME), and their log does not say it (--columns cost=NAME)",
                 usd(c->cost, a), count(c->unpriced, b));
    kw_document_fact("cost", text, out);
    if (c->waiting) {
        snprintf(text, sizeof text, "for the charges of %s requests: they are in no $ per Mtok yet",
                 count(c->waiting, a));
        kw_document_fact("waiting", text, out);
    }
    if (c->says_cost && c->said != c->cost) {
        snprintf(text, sizeof text, "$%s, by the logs themselves, for the %s requests of which they tell",
                 usd(c->said, a), count(c->says_cost, b));
        kw_document_fact("logs say", text, out);
    }
}

enum kw_status kw_watch_report_text(const struct kw_watch_report *r, struct kw_text *out, struct kw_error *err)
{
    struct kw_watch_row *row, *sources = NULL;
    size_t n, n_sources = 0;
    enum kw_status st = kw_watch_rows(r->ledger, r->window, KW_WATCH_BY_ALL, &row, &n, err);
    if (st != KW_OK) return st;
    struct kw_watch_count all = { 0 };
    if (n) all = row->count;
    free(row);
    totals(out, r, &all);
    st = kw_watch_rows(r->ledger, r->window, KW_WATCH_BY_SOURCE, &sources, &n_sources, err);
    if (st == KW_OK) breakdown(out, "source", sources, n_sources, all.cost, r->all);
    for (int by = 0; by < KW_WATCH_PARTS && st == KW_OK; by++) {
        if ((st = kw_watch_rows(r->ledger, r->window, by, &row, &n, err)) != KW_OK) break;
        if (n > 1 || (n == 1 && *row->name)) breakdown(out, kw_watch_part_name[by], row, n, all.cost, r->all);
        free(row);
    }
    if (st == KW_OK) {
        charges(out, r, sources, n_sources);
        cold_starts(out, sources, n_sources);
        busy(out, r, sources, n_sources);
        st = week(out, r, err);
        anomalies(out, r);
        if (r->budget) budget(out, r->budget);
    }
    free(sources);
    return st;
}

static void json_number(struct kw_text *out, const char *key, double v)
{
    if (isfinite(v))
        kw_text_add(out, ", \"%s\": %.12g", key, v);
    else
        kw_text_add(out, ", \"%s\": null", key);
}

static void json_count(struct kw_text *out, const struct kw_watch_count *c)
{
    char a[32];
    kw_text_add(out, "\"requests\": %" PRId64 ", \"tokens\": { ", c->requests);
    for (int i = 0; i < KW_LINES; i++)
        kw_text_add(out, "%s\"%s\": %" PRId64, i ? ", " : "", kw_meter_line_name[i], c->tokens[i]);
    kw_text_add(out, " }, \"usd\": \"%s\", \"unpriced_requests\": %" PRId64, kw_nano_format(a, sizeof a, c->cost),
                c->unpriced);
    json_number(out, "usd_per_mtok", kw_watch_usd_per_mtok(c));
    json_number(out, "usd_per_request", kw_watch_usd_per_request(c));
    if (c->waiting)
        kw_text_add(out, ", \"waiting_requests\": %" PRId64 ", \"waiting_tokens\": %" PRId64, c->waiting,
                    c->waiting_tokens);
    if (c->says_cost)
        kw_text_add(out, ", \"logs_say_usd\": \"%s\", \"logs_say_requests\": %" PRId64,
                    kw_nano_format(a, sizeof a, c->said), c->says_cost);
    if (!c->says_start) return;
    kw_text_add(out, ", \"cold_starts\": { \"of_requests\": %" PRId64 ", \"n\": %" PRId64, c->says_start, c->cold);
    json_number(out, "fraction", (double)c->cold / (double)c->says_start);
    json_number(out, "mean_s", c->cold_timed ? kw_nano_to_double(c->cold_ns) / (double)c->cold_timed : NAN);
    kw_text_add(out, ", \"usd\": \"%s\", \"flagged\": %s }", kw_nano_format(a, sizeof a, c->cold_cost),
                (double)c->cold > cold_often * (double)c->says_start ? "true" : "false");
}

static enum kw_status json_rows(struct kw_text *out, const struct kw_watch_report *r, const char *key, int by,
                                struct kw_error *err)
{
    struct kw_watch_row *row;
    size_t n;
    char a[32];
    enum kw_status st = kw_watch_rows(r->ledger, r->window, by, &row, &n, err);
    if (st != KW_OK) return st;
    kw_text_add(out, ",\n  \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        kw_text_add(out, "%s\n    { \"name\": ", i ? "," : "");
        kw_text_quote(out, row[i].name);
        if (row[i].source)
            kw_text_add(out, ", \"kind\": \"%s\", \"rent_usd\": \"%s\"",
                        row[i].source->charged ? "charged" : kw_kind_name[row[i].source->kind],
                        kw_nano_format(a, sizeof a, row[i].rent));
        kw_text_add(out, ", ");
        json_count(out, &row[i].count);
        kw_text_add(out, " }");
    }
    kw_text_add(out, "\n  ]");
    free(row);
    return KW_OK;
}

static void json_alarms(struct kw_text *out, const struct kw_watch_alarms *a)
{
    char t[32];
    kw_text_add(out, ",\n  \"anomalies\": { \"hours_judged\": %" PRId64 ", \"of\": \"%s\"", a->judged,
                a->of_tokens ? "tokens" : "usd");
    json_number(out, "hour_visible_from_times", a->visible[KW_SIGNAL_HOUR]);
    json_number(out, "request_visible_from_times", a->visible[KW_SIGNAL_REQUEST]);
    json_number(out, "doubled_requests_told_share", a->told[KW_DOUBLING_OF_REQUESTS]);
    json_number(out, "doubled_cost_of_each_told_share", a->told[KW_DOUBLING_OF_EACH]);
    kw_text_add(out, ", \"alarms\": [");
    for (size_t i = 0; i < a->n; i++) {
        const struct kw_watch_alarm *x = &a->alarm[i];
        kw_text_add(out, "%s\n    { \"hour\": \"%s\", \"hours\": %" PRId64 ", \"signal\": \"%s\"", i ? "," : "",
                    hour_text(x->hour, t), x->hours, x->signal == KW_SIGNAL_HOUR ? "hour" : "request");
        json_number(out, "value", x->value);
        json_number(out, "expected", x->expected);
        kw_text_add(out, " }");
    }
    kw_text_add(out, "%s] }", a->n ? "\n  " : "");
}

static void json_budget(struct kw_text *out, const struct kw_watch_budget *b)
{
    char t[32], key[32];
    kw_text_add(out, ",\n  \"budget\": { \"state\": \"%s\", \"month\": \"%.7s\"", kw_budget_state_name[b->state],
                hour_text(b->from, t));
    json_number(out, "usd", b->limit);
    json_number(out, "spent_usd", b->spent);
    json_number(out, "forecast_usd", b->forecast);
    json_number(out, "forecast_usd_lo", b->lo);
    json_number(out, "forecast_usd_hi", b->hi);
    for (int i = 0; i < KW_BUDGET_AVERAGES; i++) {
        snprintf(key, sizeof key, "usd_day_of_%d", kw_budget_average_days[i]);
        json_number(out, key, b->day[i]);
    }
    if (b->crossed == INT64_MAX)
        kw_text_add(out, ", \"crossed\": null");
    else
        kw_text_add(out, ", \"crossed\": \"%s\"", hour_text(b->crossed, t));
    kw_text_add(out, ", \"unpriced_requests\": %" PRId64 " }", b->unpriced);
}

static void json_charges(struct kw_text *out, const struct kw_watch_report *r)
{
    const struct kw_watch_ledger *l = r->ledger;
    const struct kw_watch_export *x = r->export;
    char a[32], b[32], from[32], to[32];
    bool any = false;
    for (uint32_t k = 0; k < l->n_sources; k++) {
        struct kw_watch_charges_sum s;
        if (!l->source[k].charged) continue;
        kw_watch_charges_told(l, k, r->window, &s);
        kw_text_add(out, any ? "," : ",\n  \"charges\": [");
        any = true;
        kw_text_add(out, "\n    { \"name\": ");
        kw_text_quote(out, l->source[k].name);
        kw_text_add(out, ", \"usd\": \"%s\", \"outside_usd\": \"%s\"", kw_nano_format(a, sizeof a, s.counted),
                    kw_nano_format(b, sizeof b, s.outside));
        if (s.until)
            kw_text_add(out, ", \"from\": \"%s\", \"to\": \"%s\"", hour_text(s.from / KW_NS_PER_HOUR, from),
                        hour_text((s.until - 1) / KW_NS_PER_HOUR + 1, to));
        kw_text_add(out, " }");
    }
    if (any) kw_text_add(out, "\n  ]");
    if (!x) return;
    kw_text_add(out, ",\n  \"export\": { \"rows\": %" PRIu64 ", \"rows_taken\": %" PRIu64 ", \"cost\": \"%s\"", x->rows,
                x->taken, x->billed ? "BilledCost" : "EffectiveCost");
    kw_text_add(out, ", \"usd\": \"%s\", \"unclaimed_usd\": \"%s\", \"unclaimed\": {",
                kw_nano_format(a, sizeof a, x->cost), kw_nano_format(b, sizeof b, x->unclaimed));
    for (size_t i = 0; i < x->n_services; i++) {
        kw_text_add(out, "%s ", i ? "," : "");
        kw_text_quote(out, x->service[i].name);
        kw_text_add(out, ": \"%s\"", kw_nano_format(a, sizeof a, x->service[i].effective));
    }
    kw_text_add(out, " } }");
}

static enum kw_status json_hours(struct kw_text *out, const struct kw_watch_report *r, struct kw_error *err)
{
    struct kw_watch_count *hour;
    char a[32], b[32];
    enum kw_status st = kw_watch_hours(r->ledger, r->window, &hour, err);
    if (st != KW_OK) return st;
    kw_text_add(out, ",\n  \"hours\": [");
    for (int64_t h = r->window.from; h < r->window.to; h++) {
        const struct kw_watch_count *c = &hour[h - r->window.from];
        kw_text_add(out,
                    "%s\n    { \"hour\": \"%s\", \"weekday\": \"%s\", \"requests\": %" PRId64 ", \"tokens\": %" PRId64
                    ", \"usd\": \"%s\", \"busy_s\": %.9g }",
                    h > r->window.from ? "," : "", hour_text(h, a), day_name[weekday(h)], c->requests,
                    kw_watch_tokens(c), kw_nano_format(b, sizeof b, c->cost), kw_nano_to_double(c->busy_ns));
    }
    kw_text_add(out, "\n  ]");
    free(hour);
    return KW_OK;
}

enum kw_status kw_watch_report_json(const struct kw_watch_report *r, struct kw_text *out, struct kw_error *err)
{
    struct kw_watch_row *row;
    size_t n;
    char a[32], b[32];
    enum kw_status st = kw_watch_rows(r->ledger, r->window, KW_WATCH_BY_ALL, &row, &n, err);
    if (st != KW_OK) return st;
    kw_text_add(out, "{\n  \"window\": { \"from\": \"%s\", \"to\": \"%s\" },\n  \"total\": { ",
                hour_text(r->window.from, a), hour_text(r->window.to, b));
    if (n) json_count(out, &row->count);
    free(row);
    kw_text_add(out, " },\n  \"left_out_again\": %" PRIu64, r->ledger->again);
    st = json_rows(out, r, "by_source", KW_WATCH_BY_SOURCE, err);
    for (int by = 0; by < KW_WATCH_PARTS && st == KW_OK; by++) {
        char key[24];
        snprintf(key, sizeof key, "by_%s", kw_watch_part_name[by]);
        st = json_rows(out, r, key, by, err);
    }
    if (st == KW_OK) json_charges(out, r);
    if (st == KW_OK) json_alarms(out, r->alarms);
    if (st == KW_OK && r->budget) json_budget(out, r->budget);
    return st == KW_OK ? json_hours(out, r, err) : st;
}
