#include "sim/cli/commands/calibrate_api.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/api/fit_api.h"
#include "calibrate/api/fit_api_write.h"
#include "platforms/facts/platform_read.h"
#include "sim/cli/output.h"
#include "sim/core/date.h"
#include "sim/core/files/embedded.h"
#include "sim/core/files/file.h"
#include "sim/core/files/source.h"
#include "sim/cost/log_bill.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/io/text_table.h"
#include "workloads/trace_load.h"

/* A log's requests of one model on one API. */
struct api_log {
    struct kw_catalogue catalogue;
    const struct kw_platform *platform;
    const struct kw_api_offer *offer;
    struct kw_trace read, picked; /* picked.n 0: all of `read` */
    size_t others;                /* requests of other models, left out */
};

static const struct kw_trace *requests(const struct api_log *k)
{
    return k->picked.n ? &k->picked : &k->read;
}

static enum kw_status find_offer(struct api_log *k, const struct kw_options *o, struct kw_error *err)
{
    if (o->platform.n != 1 || !o->model)
        return kw_fail(err, KW_EUSAGE, "say which API it is: --platform openai --model gpt-4.1");
    enum kw_status st = kw_catalogue_platform(&k->catalogue, o->platform.v[0], &k->platform, err);
    if (st != KW_OK) return st;
    if (k->platform->kind != KW_KIND_API) return kw_fail(err, KW_ERANGE, "%s is no per-token API", k->platform->name);
    if ((k->offer = kw_log_bill_offer(k->platform, o->model))) return KW_OK;
    const char *names[256];
    size_t n = 0;
    for (; n < k->platform->n_apis && n < 255; n++) names[n] = k->platform->apis[n].model;
    names[n] = NULL;
    char hint[KW_NEAREST_HINT];
    return kw_fail(err, KW_ERANGE, "%s sells no model '%.48s'%s; `keepwarm platforms show %s` lists them",
                   k->platform->name, o->model, kw_nearest_hint(hint, o->model, names), k->platform->name);
}

static bool is_of_the_offer(const void *ctx, size_t request)
{
    const struct api_log *k = ctx;
    return kw_log_bill_offer(k->platform, k->read.model_name[k->read.model[request]]) == k->offer;
}

/* Where the log names models, those of the offer; a log that names one alone is of it, whatever its name. */
static enum kw_status pick(struct api_log *k, struct kw_error *err)
{
    const struct kw_trace *t = &k->read;
    if (!t->model || t->n_models < 2) return KW_OK;
    struct kw_error none;
    enum kw_status st = kw_trace_pick(&k->picked, t, is_of_the_offer, k, &none);
    if (st == KW_ERANGE)
        return kw_fail(err, st, "no request is of %s: the log has %.60s, %.60s%s", k->offer->model, t->model_name[0],
                       t->model_name[1], t->n_models > 2 ? ", ..." : "");
    if (st != KW_OK) *err = none;
    k->others = t->n - k->picked.n;
    return st;
}

static enum kw_status open_log(struct api_log *k, const struct kw_options *o, struct kw_error *err)
{
    char remarks[2000];
    enum kw_status st = find_offer(k, o, err);
    if (st != KW_OK) return st;
    if ((st = kw_trace_load(&k->read, o->args.v[0], o->format, o->columns, err)) != KW_OK) return st;
    if (o->strict && (st = kw_trace_strict(&k->read, err)) != KW_OK) {
        kw_where(err, o->args.v[0], 0);
        return st;
    }
    if (!o->quiet && kw_trace_remarks(&k->read, remarks, sizeof remarks)[0])
        kw_cli_note("%s: %s", o->args.v[0], remarks);
    if ((st = pick(k, err)) != KW_OK) kw_where(err, o->args.v[0], 0);
    return st;
}

static void close_log(struct api_log *k)
{
    kw_trace_free(&k->read);
    kw_trace_free(&k->picked);
    kw_catalogue_free(&k->catalogue);
}

/* Which log, and the day it ends; today where it has no dates. */
static enum kw_status provenance(struct kw_provenance *p, const struct kw_trace *t, uint64_t n, struct kw_error *err)
{
    const char *slash = strrchr(t->notes.source, '/');
    enum kw_status st = KW_OK;
    *p = (struct kw_provenance){ .grade = KW_GRADE_MEASURED };
    snprintf(p->source, sizeof p->source, "%.40s (sha256 %.12s), %" PRIu64 " requests, calibrate fit-api",
             slash && slash[1] ? slash + 1 : t->notes.source, t->notes.sha256, n);
    if (t->epoch_unix == INT64_MIN) return kw_date_today(p->date, err);
    char day[16];
    snprintf(p->date, sizeof p->date, "%s", kw_cli_date(day, t->epoch_unix + t->span / KW_NS_PER_S));
    return st;
}

/* ---- as text ---- */

/* value and interval; with law what the law gives instead, marked where it is outside. */
static void row(struct kw_text_table *t, const char *name, const struct kw_api_figure *f, const double *law)
{
    kw_text_table_cell(t, "%s", name);
    if (isfinite(f->value)) {
        kw_text_table_cell(t, "%.4g", f->value);
        kw_text_table_cell(t, "%.4g to %.4g", f->lo, f->hi);
    } else {
        kw_text_table_cell(t, "-");
        kw_text_table_cell(t, "-");
    }
    if (law && isfinite(*law))
        kw_text_table_cell(t, "%.4g%s", *law, *law < f->lo || *law > f->hi ? " *" : "");
    else if (law)
        kw_text_table_cell(t, "-");
}

static void counts(struct kw_text *out, const struct kw_api_fit *f, size_t others)
{
    const struct {
        uint64_t n;
        const char *what;
    } left[] = { { others, "of other models" },
                 { f->no_first, "say no first token" },
                 { f->at_once, "came all at once (not streamed)" },
                 { f->cached, "with a cached prompt (TTFT only)" },
                 { f->one_token, "of one output token (rate only)" },
                 { f->no_end, "say no end (rate only)" } };
    kw_text_add(out, "  used        %" PRIu64 " for TTFT, %" PRIu64 " for the output rate\n", f->ttft_n, f->rate_n);
    bool any = false;
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        if (!left[i].n) continue;
        kw_text_add(out, "%s%" PRIu64 " %s\n", any ? "              " : "  left out    ", left[i].n, left[i].what);
        any = true;
    }
}

static void say_hours(struct kw_text *out, const struct kw_api_fit *f)
{
    char text[300];
    if (!f->hour.matters) return;
    snprintf(text, sizeof text,
             "  The hour matters: at %02d:00 UTC the median of TTFT less the prompt's part is %.3g s, at %02d:00 %.3g "
             "s. The "
             "law holds all hours alike, so it is too fast at one and too slow at the other.",
             f->hour.slow, f->hour.slow_s, f->hour.fast, f->hour.fast_s);
    kw_text_add(out, "\n");
    kw_text_fold(out, text, 2, kw_text_columns(out));
}

static bool outside(const struct kw_api_check *c)
{
    return isfinite(c->law) && (c->law < c->log.lo || c->law > c->log.hi);
}

static void as_text(struct kw_text *out, const struct api_log *k, const struct kw_options *o,
                    const struct kw_api_fit *f)
{
    struct kw_text_table t = { 0 }, c = { 0 };
    const struct kw_trace *log = requests(k);
    bool grows = f->per_ktok.kind != KW_LAW_NONE;
    kw_text_add(out, "keepwarm calibrate fit-api\n  log         %s (%s): %zu requests\n  model       %s %s\n",
                o->args.v[0], k->read.notes.format, log->n, k->platform->name, k->offer->model);
    counts(out, f, k->others);
    kw_text_add(out, "\nThe law\n");
    kw_text_table_column(&t, "", "", false);
    kw_text_table_column(&t, "value", "", true);
    kw_text_table_column(&t, "95 %", "", false);
    row(&t, grows ? "TTFT p50 of no prompt, s" : "TTFT p50, s", &f->ttft_p50, NULL);
    row(&t, grows ? "TTFT p95 of no prompt, s" : "TTFT p95, s", &f->ttft_p95, NULL);
    row(&t, "TTFT per 1,000 prompt tokens, s", &f->slope, NULL);
    row(&t, "output rate p50, tokens/s", &f->rate_p50, NULL);
    row(&t, "output rate p05, tokens/s", &f->rate_p05, NULL);
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    char note[300];
    if (isfinite(f->slope.value))
        snprintf(
            note, sizeof note,
            grows ? "  Measured with prompts of %u to %u tokens, and %u with the answer; beyond, a plan widens."
                  : "  What the prompt's length adds is not told from 0 with prompts of %u to %u tokens (%u with the "
                    "answer), so it is not in the law; beyond, a plan widens.",
            f->prompt_min, f->prompt_max, f->tokens_max);
    else
        snprintf(note, sizeof note, "  All prompts are of %u tokens: what their length adds is not known.",
                 f->prompt_max);
    kw_text_add(out, "\n");
    kw_text_fold(out, note, 2, kw_text_columns(out));
    kw_text_add(out, "\nOn the log's own requests\n");
    kw_text_table_column(&c, "", "", false);
    kw_text_table_column(&c, "log", "", true);
    kw_text_table_column(&c, "95 %", "", false);
    kw_text_table_column(&c, "law", "", true);
    row(&c, "TTFT p50, s", &f->check_ttft_p50.log, &f->check_ttft_p50.law);
    row(&c, "TTFT p95, s", &f->check_ttft_p95.log, &f->check_ttft_p95.law);
    row(&c, "E2E p50, s", &f->check_e2e_p50.log, &f->check_e2e_p50.law);
    row(&c, "E2E p95, s", &f->check_e2e_p95.log, &f->check_e2e_p95.law);
    kw_text_table_print(&c, out);
    kw_text_table_free(&c);
    if (outside(&f->check_ttft_p50) || outside(&f->check_ttft_p95) || outside(&f->check_e2e_p50) ||
        outside(&f->check_e2e_p95)) {
        kw_text_add(out, "\n");
        kw_text_fold(
            out,
            "  * outside the log's interval: a law draws the three parts apart from each other, and these were not "
            "(a slow answer to a long prompt, a slow rate in a slow hour).",
            2, kw_text_columns(out));
    }
    say_hours(out, f);
    kw_text_add(out, "\nFor a deployment of a scenario (--json has all of it for programs)\n");
    kw_api_fit_deployment(out, f, 4);
    if (o->out) kw_text_add(out, "\n%s is %s with this law: plan --platform %s\n", o->out, k->platform->name, o->out);
}

/* The platform's own file with the law in it, checked as any platform file is. */
static enum kw_status write_platform(const struct api_log *k, const struct kw_options *o, const struct kw_api_fit *f,
                                     struct kw_error *err)
{
    char path[80], *own = NULL, *text = NULL;
    size_t n;
    struct kw_platform check;
    enum kw_status st = KW_OK;
    if (*k->platform->file) {
        struct kw_source s;
        if ((st = kw_source_open(&s, k->platform->file, err)) != KW_OK) return st;
        st = kw_source_all(&s, SIZE_MAX / 2, &own, &n, err);
        kw_source_close(&s);
    } else {
        snprintf(path, sizeof path, "platforms/%.60s.json", k->platform->name);
        own = strdup(kw_embedded_find(path, &n));
        if (!own) st = kw_fail(err, KW_ENOMEM, "out of memory");
    }
    if (st == KW_OK) st = kw_api_fit_into(&text, own, k->offer->model, k->offer->sku, f, err);
    if (st == KW_OK) st = kw_platform_parse(&check, o->out, text, strlen(text), err);
    if (st == KW_OK) {
        kw_platform_free(&check);
        st = kw_file_replace(o->out, text, strlen(text), err);
    }
    free(own), free(text);
    return st;
}

int kw_cli_calibrate_fit_api(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct api_log k;
    struct kw_api_fit f;
    struct kw_provenance p;
    struct kw_text out = { .columns = kw_cli_columns() };
    memset(&k, 0, sizeof k);
    enum kw_status st = kw_catalogue_load(&k.catalogue, NULL, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    if (o->out && (st = kw_file_check(o->out, &err)) != KW_OK) {
        kw_catalogue_free(&k.catalogue);
        return kw_cli_fail(st, &err);
    }
    st = open_log(&k, o, &err);
    if (st == KW_OK && (st = kw_api_fit(&f, requests(&k), o->seed < 0 ? 1 : (uint64_t)o->seed, &err)) != KW_OK)
        kw_where(&err, o->args.v[0], 0);
    if (st == KW_OK && (st = provenance(&p, &k.read, f.ttft_n, &err)) == KW_OK) {
        f.ttft.provenance = f.per_ktok.provenance = f.rate.provenance = p;
        if (o->out) st = write_platform(&k, o, &f, &err);
    }
    if (st == KW_OK && o->json)
        kw_api_fit_json(&out, &f, k.platform->name, k.offer->model);
    else if (st == KW_OK)
        as_text(&out, &k, o, &f);
    close_log(&k);
    if (st == KW_OK) return kw_cli_print(&out);
    kw_text_free(&out);
    return kw_cli_fail(st, &err);
}

/* ---- beside a platform's law ---- */

enum kw_status kw_cli_compare_law(struct kw_text *out, const struct kw_trace *t, const struct kw_options *o, bool json,
                                  struct kw_error *err)
{
    static const double q[] = { 0.5, 0.95 };
    struct api_log k;
    double ttft[2], e2e[2];
    memset(&k, 0, sizeof k);
    enum kw_status st = kw_catalogue_load(&k.catalogue, NULL, err);
    if (st != KW_OK) return st;
    st = find_offer(&k, o, err);
    const struct kw_api_offer *a = k.offer;
    if (st == KW_OK && (a->ttft_s.kind == KW_LAW_NONE || a->output_rate.kind == KW_LAW_NONE))
        st = kw_fail(err, KW_ERANGE, "%s says nothing of the latency of %s", k.platform->name, a->model);
    if (st == KW_OK && !t->ttft && !t->e2e)
        st =
            kw_fail(err, KW_ERANGE,
                    "%.200s: says nothing of latency (a column map tells it: ttft=NAME:ms, e2e=NAME:ms)", o->args.v[0]);
    if (st == KW_OK) {
        const struct kw_api_laws laws = { &a->ttft_s, &a->ttft_per_ktok_s, &a->output_rate };
        st = kw_api_law_quantiles(&laws, t, NULL, 2, q, ttft, e2e, err);
    }
    if (st == KW_OK && json) {
        kw_text_add(
            out,
            ",\n  \"law\": { \"platform\": \"%s\", \"model\": \"%s\", \"grade\": \"%s\", \"ttft_p50_s\": %.10g, "
            "\"ttft_p95_s\": %.10g, \"e2e_p50_s\": %.10g, \"e2e_p95_s\": %.10g }",
            k.platform->name, a->model, kw_grade_name[a->ttft_s.provenance.grade], ttft[0], ttft[1], e2e[0], e2e[1]);
    } else if (st == KW_OK) {
        char head[300];
        snprintf(head, sizeof head, "by the law of %s %s (%s, %s%s%s), for these prompts and outputs, p50 and p95",
                 k.platform->name, a->model, kw_grade_name[a->ttft_s.provenance.grade], a->ttft_s.provenance.date,
                 *a->latency_of ? ", of " : "", a->latency_of);
        kw_text_add(out, "\n");
        kw_text_fold(out, head, 2, kw_text_columns(out));
        kw_text_add(out, "%-22s%10.4g%10s%10.4g\n%-22s%10.4g%10s%10.4g\n", "TTFT, s", ttft[0], "", ttft[1], "E2E, s",
                    e2e[0], "", e2e[1]);
    }
    kw_catalogue_free(&k.catalogue);
    return st;
}
