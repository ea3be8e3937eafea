#include "sim/cli/commands/watch_savings.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/model.h"
#include "sim/cli/session.h"
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "workloads/readers/column_map.h"
#include "workloads/stats.h"

void kw_watch_savings_free(struct kw_watch_savings *s)
{
    kw_volume_point_free(&s->best);
}

/* The dearest series of an API by model, and what of the window it spans. */
static enum kw_status dearest(struct kw_watch_savings *s, const struct kw_watch_ledger *l, struct kw_error *err)
{
    struct kw_watch_window w = kw_watch_window(l, 0);
    struct kw_watch_row *row;
    size_t n;
    KW_TRY(kw_watch_rows(l, w, KW_WATCH_MODEL, &row, &n, err));
    bool found = false;
    for (size_t i = 0; i < n && !found; i++) {
        if (row[i].rent || row[i].count.unpriced || row[i].count.gpu_ns || !row[i].count.cost) continue;
        found = true;
        snprintf(s->model, sizeof s->model, "%s", row[i].name);
        s->count = row[i].count;
    }
    free(row);
    if (!found) return kw_fail(err, KW_ERANGE, "--savings: no model of the log is priced by the token");
    kw_ns from = INT64_MAX, until = 0;
    for (size_t i = 0; i < l->n_series; i++) {
        char name[256];
        const struct kw_watch_source *x = &l->source[l->series[i].source];
        if (strcmp(kw_watch_part(&l->series[i], KW_WATCH_MODEL, name), s->model)) continue;
        snprintf(s->source, sizeof s->source, "%s", x->name);
        if (x->from < from) from = x->from;
        if (x->until > until) until = x->until;
    }
    s->days = kw_nano_to_double(until - from) / 86400;
    return KW_OK;
}

static bool is_of_model(const void *ctx, size_t request)
{
    const struct {
        const struct kw_trace *t;
        uint16_t model;
    } *k = ctx;
    return k->t->model[request] == k->model;
}

static enum kw_status plan(struct kw_watch_savings *s, struct kw_session *session, const struct kw_options *with,
                           struct kw_error *err)
{
    struct kw_plan_options options;
    struct kw_trace picked = { .n = 0 };
    struct kw_kinds *k = NULL;
    const struct kw_trace *t = &session->trace;
    struct {
        const struct kw_trace *t;
        uint16_t model;
    } of = { t, 0 };
    while (t->model && of.model < t->n_models && strcmp(t->model_name[of.model], s->model)) of.model++;
    if (t->model && of.model == t->n_models)
        return kw_fail(err, KW_EFAIL, "--savings: no request of '%.60s'", s->model);
    KW_TRY(kw_scenario_plan_options(&session->scenario, &options, err));
    options.run = kw_session_sweep(session, with);
    struct kw_study study = kw_session_study(session, with);
    if (t->model) {
        KW_TRY(kw_trace_pick(&picked, t, is_of_model, &of, err));
        study.trace = &picked;
    }
    const struct kw_kinds_of all = { &session->catalogue.platforms,
                                     &session->catalogue.profiles,
                                     &session->catalogue.steptimes,
                                     s->instead,
                                     &study,
                                     &options };
    enum kw_status st = kw_kinds_open(&k, &all, err);
    if (st == KW_OK) {
        s->tokens_month = kw_kinds_tokens_month(k);
        st = kw_kinds_plan(k, &s->best, 1, err);
        s->now = s->tokens_month * kw_watch_usd_per_mtok(&s->count) / 1e6;
    }
    kw_kinds_close(k);
    kw_trace_free(&picked);
    return st;
}

enum kw_status kw_watch_savings(struct kw_watch_savings *s, const struct kw_options *o, const char *path,
                                const struct kw_watch_ledger *l, struct kw_error *err)
{
    struct kw_options with = { .trace = path,
                               .model = o->savings,
                               .format = o->format,
                               .slo = o->slo,
                               .quiet = true,
                               .platforms = o->platforms,
                               .seed = -1,
                               .replications = -1,
                               .tp = 1 };
    struct kw_session session;
    char columns[2000];
    memset(s, 0, sizeof *s);
    const struct kw_model_shape *shape;
    struct kw_error why;
    if (kw_model_named(&shape, o->savings, &why) != KW_OK)
        return kw_fail(err, KW_EUSAGE, "--savings: %s; `keepwarm models` lists those whose shape is known", why.msg);
    snprintf(s->instead, sizeof s->instead, "%s", shape->name);
    KW_TRY(dearest(s, l, err));
    KW_TRY(kw_columns_without_accounts(o->columns, columns, sizeof columns, err));
    if (*columns) with.columns = columns;
    KW_TRY(kw_session_open(&session, &with, NULL, err));
    enum kw_status st = plan(s, &session, &with, err);
    kw_progress_end(&session.progress);
    kw_session_close(&session);
    return st;
}

/* The cheaper one of the kinds that have machines; -1: none meets the objectives. */
static int machines(const struct kw_watch_savings *s)
{
    const struct kw_kind_best *k = s->best.kind;
    bool serverless = !isnan(k[KW_KIND_SERVERLESS].cost.value), rented = !isnan(k[KW_KIND_DEDICATED].cost.value);
    if (!serverless && !rented) return -1;
    if (!serverless || !rented) return serverless ? KW_KIND_SERVERLESS : KW_KIND_DEDICATED;
    return k[KW_KIND_SERVERLESS].cost.value < k[KW_KIND_DEDICATED].cost.value ? KW_KIND_SERVERLESS : KW_KIND_DEDICATED;
}

static const char *dollars(double usd, char buf[32])
{
    return kw_grouped(buf, 32, usd, usd < 100 ? 2 : 0);
}

/* Why it pays or does not: what of the tokens that its machines could make they are asked for. */
static void because(const struct kw_watch_savings *s, int kind, char *buf, size_t size)
{
    const struct kw_kind_best *m = &s->best.kind[kind];
    char a[32];
    double less = s->now - m->cost.value;
    if (less <= 0)
        snprintf(buf, size,
                 "not cheaper, because its machines would make %.0f %% of the tokens they could make, and are paid for "
                 "the rest too",
                 100 * m->capacity_used);
    else if (m->cost.hi > s->now)
        snprintf(buf, size, "not surely cheaper, because on other days of as much traffic it costs up to $%s",
                 dollars(m->cost.hi, a));
    else
        snprintf(buf, size,
                 "cheaper by $%s (%.0f %%), because its machines would make %.0f %% of the tokens they could make",
                 dollars(less, a), 100 * less / s->now, 100 * m->capacity_used);
}

void kw_watch_savings_text(const struct kw_watch_savings *s, struct kw_text *out)
{
    char a[32], b[32], c[32], d[32], e[32], f[32], why[200];
    int kind = machines(s);
    kw_document_section(out, "Savings: the same requests, planned on machines with %s", s->instead);
    if (kind < 0) {
        kw_document_note(
            out,
            "%s%s%s processed %s tokens at $%s; no machines with %s meet the objectives: none can be had that "
            "carry this traffic",
            *s->model ? s->model : "it", *s->source ? " at " : "", s->source,
            kw_text_si(a, (double)kw_watch_tokens(&s->count)), dollars(kw_nano_to_double(s->count.cost), b),
            s->instead);
        return;
    }
    const struct kw_kind_best *m = &s->best.kind[kind];
    because(s, kind, why, sizeof why);
    char interval[80] = "";
    if (m->cost.hi - m->cost.lo >= 0.5) /* not known, or nothing in it */
        snprintf(interval, sizeof interval, " (95 %%: $%s to $%s)", dollars(m->cost.lo, d), dollars(m->cost.hi, e));
    kw_document_note(out,
                     "%s%s%s processed %s tokens at $%s in %.1f days, $%s a month; %s would cost $%s a month%s: %s",
                     *s->model ? s->model : "it", *s->source ? " at " : "", s->source,
                     kw_text_si(a, (double)kw_watch_tokens(&s->count)), dollars(kw_nano_to_double(s->count.cost), b),
                     s->days, dollars(s->now, c), m->label, dollars(m->cost.value, f), interval, why);
    if (!strstr(s->model, s->instead))
        kw_document_note(out, "%s is another model than the log's: whether its answers do is yours to say", s->instead);
    for (int k = 0; k < KW_KINDS; k++) {
        const struct kw_kind_best *x = &s->best.kind[k];
        char text[300];
        if (isnan(x->cost.value))
            snprintf(text, sizeof text, "none meets the objectives");
        else
            snprintf(text, sizeof text, "%s: $%s a month, TTFT p95 %s s%s", x->label, dollars(x->cost.value, a),
                     kw_quantity_number(x->ttft_p95_s, b), x->assumed ? " (assumed)" : "");
        kw_document_fact(kw_kind_name[k], text, out);
    }
}

void kw_watch_savings_json(const struct kw_watch_savings *s, struct kw_text *out)
{
    char a[32];
    kw_text_add(out, ",\n  \"savings\": { \"model\": ");
    kw_text_quote(out, s->model);
    kw_text_add(out, ", \"source\": ");
    kw_text_quote(out, s->source);
    kw_text_add(out, ", \"instead\": ");
    kw_text_quote(out, s->instead);
    kw_text_add(out, ", \"tokens\": %" PRId64 ", \"usd\": \"%s\", \"days\": %.6g, \"usd_month\": %.12g, \"plan\": {",
                kw_watch_tokens(&s->count), kw_nano_format(a, sizeof a, s->count.cost), s->days, s->now);
    for (int k = 0, any = 0; k < KW_KINDS; k++) {
        const struct kw_kind_best *x = &s->best.kind[k];
        const struct {
            const char *key;
            double v;
        } n[] = { { "usd_month", x->cost.value },
                  { "usd_month_lo", x->cost.lo },
                  { "usd_month_hi", x->cost.hi },
                  { "capacity_used", x->capacity_used },
                  { "ttft_p95_s", x->ttft_p95_s } };
        if (isnan(x->cost.value)) continue;
        kw_text_add(out, "%s\n    \"%s\": { \"label\": ", any++ ? "," : "", kw_kind_name[k]);
        kw_text_quote(out, x->label);
        for (size_t i = 0; i < sizeof n / sizeof *n; i++)
            if (isfinite(n[i].v))
                kw_text_add(out, ", \"%s\": %.12g", n[i].key, n[i].v);
            else
                kw_text_add(out, ", \"%s\": null", n[i].key);
        kw_text_add(out, " }");
    }
    kw_text_add(out, "\n  } }");
}
