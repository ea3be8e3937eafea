#include "sim/watch/metrics.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cost/log_bill.h"

static void head(struct kw_text *out, const char *name, const char *type, const char *help)
{
    kw_text_add(out, "# HELP keepwarm_%s %s\n# TYPE keepwarm_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped, as the format asks for. */
static void label(struct kw_text *out, const char *key, const char *value, bool first)
{
    kw_text_add(out, "%s%s=\"", first ? "" : ",", key);
    for (const char *p = value; *p; p++)
        if (*p == '\n')
            kw_text_add(out, "\\n");
        else
            kw_text_add(out, *p == '\\' || *p == '"' ? "\\%c" : "%c", *p);
    kw_text_add(out, "\"");
}

static void labels(struct kw_text *out, const struct kw_watch_ledger *l, const struct kw_watch_series *s)
{
    const struct kw_watch_source *source = &l->source[s->source];
    char part[256];
    label(out, "source", source->name, true);
    label(out, "kind", kw_kind_name[source->kind], false);
    for (int i = 0; i < KW_WATCH_PARTS; i++)
        label(out, kw_watch_part_name[i], kw_watch_part(s, (enum kw_watch_part)i, part), false);
}

static void gauge(struct kw_text *out, const char *name, const char *help, double v)
{
    if (!isfinite(v)) return; /* what is not known is not there */
    head(out, name, "gauge", help);
    kw_text_add(out, "keepwarm_%s %.12g\n", name, v);
}

/* Counts of a series, a name each. */
static const struct counter {
    const char *name, *help;
    size_t at;
    double scale;
} counters[] = {
    { "requests_total", "Requests that a model answered.", offsetof(struct kw_watch_count, requests), 1 },
    { "cost_usd_total", "What they cost; rented GPUs by their tokens.", offsetof(struct kw_watch_count, cost), 1e-9 },
    { "unpriced_requests_total", "Requests whose cost nobody knows.", offsetof(struct kw_watch_count, unpriced), 1 },
    { "starts_told_total", "Requests that tell whether a cold start met them.",
      offsetof(struct kw_watch_count, says_start), 1 },
    { "cold_starts_total", "Requests that met a cold start.", offsetof(struct kw_watch_count, cold), 1 },
    { "cold_start_seconds_total", "How long cold starts took, where it is told.",
      offsetof(struct kw_watch_count, cold_ns), 1e-9 },
    { "cold_start_usd_total", "What cold starts cost, part of the cost.", offsetof(struct kw_watch_count, cold_cost),
      1e-9 },
    { "busy_seconds_total", "Time with a request under way.", offsetof(struct kw_watch_count, busy_ns), 1e-9 },
};

static void totals(struct kw_text *out, const struct kw_watch_ledger *l, const struct kw_watch_count *count)
{
    for (size_t k = 0; k < sizeof counters / sizeof *counters; k++) {
        head(out, counters[k].name, "counter", counters[k].help);
        for (size_t i = 0; i < l->n_series; i++) {
            int64_t v;
            memcpy(&v, (const char *)&count[i] + counters[k].at, sizeof v);
            kw_text_add(out, "keepwarm_%s{", counters[k].name);
            labels(out, l, &l->series[i]);
            kw_text_add(out, "} %.15g\n", (double)v * counters[k].scale);
        }
    }
    head(out, "tokens_total", "counter", "Tokens by what they are billed as.");
    for (size_t i = 0; i < l->n_series; i++)
        for (int line = 0; line < KW_LINES; line++) {
            kw_text_add(out, "keepwarm_tokens_total{");
            labels(out, l, &l->series[i]);
            label(out, "line", kw_meter_line_name[line], false);
            kw_text_add(out, "} %" PRId64 "\n", count[i].tokens[line]);
        }
}

enum kw_status kw_watch_metrics(struct kw_text *out, const struct kw_watch_ledger *l, const struct kw_watch_alarms *a,
                                const struct kw_watch_budget *b, struct kw_error *err)
{
    struct kw_watch_count *count;
    KW_TRY(kw_watch_by_series(l, kw_watch_window(l, 0), &count, err));
    totals(out, l, count);
    free(count);
    int64_t over = kw_watch_over(l);
    head(out, "anomaly", "gauge", "1 where the last whole hour cost more than its past lets expect.");
    for (int k = 0; k < KW_SIGNALS; k++) {
        bool now = false;
        for (size_t i = 0; i < a->n; i++)
            now |= (int)a->alarm[i].signal == k && a->alarm[i].hour + a->alarm[i].hours == over;
        kw_text_add(out, "keepwarm_anomaly{signal=\"%s\"} %d\n", k == KW_SIGNAL_HOUR ? "hour" : "request", now);
    }
    gauge(out, "anomalies_30d", "Anomalies of the last 30 days.", (double)a->n);
    gauge(out, "counted_until_seconds", "End of the last whole hour that was counted, since 1970.",
          (double)over * 3600);
    if (!b) return KW_OK;
    gauge(out, "budget_usd", "Budget of the calendar month.", b->limit);
    gauge(out, "budget_spent_usd", "Spent of it.", b->spent);
    gauge(out, "budget_forecast_usd", "Spent by the month's end, by the last seven days.", b->forecast);
    gauge(out, "budget_forecast_lo_usd", "Lower end of the forecast's 95 % interval.", b->lo);
    gauge(out, "budget_forecast_hi_usd", "Upper end of the forecast's 95 % interval.", b->hi);
    gauge(out, "budget_state", "0 kept, 1 risky, 2 lost by the forecast, 3 over.", (double)b->state);
    return KW_OK;
}
