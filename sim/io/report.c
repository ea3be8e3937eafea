#include "sim/io/report.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/file.h"
#include "sim/core/files/h5.h"
#include "sim/core/text.h"
#include "sim/io/colours.h"
#include "sim/io/html.h"
#include "sim/io/quantity.h"
#include "sim/io/results/results.h"
#include "sim/io/results/results_document.h"
#include "sim/io/scenario/slo_text.h"

/* The columns of a result that the page shows. Strings are one block each. */
struct page {
    struct kw_h5 *f;
    size_t n, n_items, n_times;
    char **label, **platform, **kind, **settings, **miss, **grade, **profile, **profile_grade, **item_name;
    uint32_t *keep_warm, *rank, *replications, *best_in;
    uint8_t *feasible, *pareto, *pruned, *thin, *tie; /* thin and tie: NULL in older results, as the two far ends are */
    double *quality;                                  /* NULL where a plan has no substitutes; NaN: not stated */
    double *ttft_far, *ttft99_far;                    /* of prompts longer than an API was measured with; or NaN */
    double *goodput, *cost, *cost_lo, *cost_hi, *ttft, *ttft99, *idle_timeout, *tpot, *cold, *error, *bill, *time;
    uint32_t *arrivals, *busy, *idle, *starting;
    size_t *order; /* points by rank */
    size_t best;   /* the recommended one, or the first */
    char *recommendation, *why, *margin, *flips, *worse, *assumed, *unknown, *on_sale, *latency, *gone;
    char *required, *without, *substitutes; /* NULL where a plan has none */
    char *window, *scaling, *command, *version, *revision, *source, *created;
    struct kw_text name, model, objectives; /* of the scenario; empty where this keepwarm cannot read it any more */
    struct kw_document said;                /* empty in older results */
};

static void page_free(struct page *g)
{
    void *const all[] = { g->label,    g->platform,       g->kind,        g->settings,     g->miss,    g->grade,
                          g->profile,  g->profile_grade,  g->item_name,   g->keep_warm,    g->rank,    g->feasible,
                          g->pareto,   g->pruned,         g->cost,        g->cost_lo,      g->cost_hi, g->ttft,
                          g->ttft99,   g->idle_timeout,   g->tpot,        g->cold,         g->error,   g->best_in,
                          g->bill,     g->time,           g->arrivals,    g->busy,         g->idle,    g->starting,
                          g->order,    g->recommendation, g->why,         g->scaling,      g->command, g->version,
                          g->revision, g->source,         g->created,     g->replications, g->thin,    g->tie,
                          g->ttft_far, g->ttft99_far,     g->goodput,     g->margin,       g->flips,   g->worse,
                          g->assumed,  g->unknown,        g->window,      g->on_sale,      g->latency, g->gone,
                          g->required, g->without,        g->substitutes, g->quality };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    kw_text_free(&g->name);
    kw_text_free(&g->model);
    kw_text_free(&g->objectives);
    kw_document_free(&g->said);
    kw_h5_abandon(g->f);
}

static void read_scenario(struct page *g, const char *path, const char *config_json)
{
    struct kw_scenario s;
    struct kw_error unreadable;
    if (kw_scenario_parse(&s, path, config_json, strlen(config_json), NULL, 0, &unreadable) != KW_OK) return;
    kw_text_add(&g->name, "%s", s.name);
    kw_text_add(&g->model, "%s", s.model ? s.model : "");
    kw_slo_text_print(&s.slo, &g->objectives);
    kw_scenario_free(&s);
}

static enum kw_status read_series(struct page *g, struct kw_error *err)
{
    int rank;
    size_t shape[4];
    if (!kw_h5_exists(g->f, "/series/arrivals")) return KW_OK;
    enum kw_status st = kw_h5_shape(g->f, "/series/arrivals", &rank, shape, err);
    if (st != KW_OK || rank != 2 || shape[0] != g->n) return st;
    g->n_times = shape[1];
    size_t want = g->n * g->n_times;
    st = kw_h5_read_n(g->f, "/series/time", KW_H5_F64, g->n_times, &g->time, err);
    if (st == KW_OK) st = kw_h5_read_n(g->f, "/series/arrivals", KW_H5_U32, want, &g->arrivals, err);
    if (st == KW_OK) st = kw_h5_read_n(g->f, "/series/ready_busy", KW_H5_U32, want, &g->busy, err);
    if (st == KW_OK) st = kw_h5_read_n(g->f, "/series/ready_idle", KW_H5_U32, want, &g->idle, err);
    if (st == KW_OK) st = kw_h5_read_n(g->f, "/series/starting", KW_H5_U32, want, &g->starting, err);
    return st;
}

/* Older results tell the share of the drawings instead. */
static enum kw_status read_best_in(struct page *g, struct kw_error *err)
{
    double *share = NULL;
    if (kw_h5_exists(g->f, "/points/best_in") > 0)
        return kw_h5_read_n(g->f, "/points/best_in", KW_H5_U32, g->n, &g->best_in, err);
    enum kw_status st = kw_h5_read_n(g->f, "/points/p_best", KW_H5_F64, g->n, &share, err);
    if (st == KW_OK && !(g->best_in = calloc(g->n, sizeof *g->best_in))) st = kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; st == KW_OK && i < g->n; i++)
        if (share[i] > 0 && share[i] <= 1 && g->replications[i])
            g->best_in[i] = (uint32_t)lround(share[i] * (g->replications[i] - 1));
    free(share);
    return st;
}

static enum kw_status page_read(struct page *g, const char *path, struct kw_error *err)
{
    int rank;
    size_t shape[4];
    struct kw_results_head head;
    memset(g, 0, sizeof *g);
    enum kw_status st = kw_results_head(&head, path, err); /* is it a result, and of a schema that we know? */
    if (st != KW_OK) return st;
    read_scenario(g, path, head.config_json);
    kw_results_head_free(&head);
    if ((st = kw_h5_open(&g->f, path, err)) != KW_OK) return st;
    st = kw_h5_shape(g->f, "/bill/usd_month", &rank, shape, err);
    if (st == KW_OK && (rank != 2 || shape[0] == 0))
        st = kw_fail(err, KW_EPARSE, "%.300s: is no keepwarm result with points", path);
    if (st != KW_OK) return st;
    g->n = shape[0];
    g->n_items = shape[1];
    const struct {
        const char *path;
        enum kw_h5_type type;
        size_t n;
        void *out;
    } all[] = {
        { "/points/label", KW_H5_STR, g->n, &g->label },
        { "/points/platform", KW_H5_STR, g->n, &g->platform },
        { "/points/kind", KW_H5_STR, g->n, &g->kind },
        { "/points/settings", KW_H5_STR, g->n, &g->settings },
        { "/points/miss", KW_H5_STR, g->n, &g->miss },
        { "/points/grade", KW_H5_STR, g->n, &g->grade },
        { "/bill/item_name", KW_H5_STR, g->n_items, &g->item_name },
        { "/points/keep_warm", KW_H5_U32, g->n, &g->keep_warm },
        { "/points/replications", KW_H5_U32, g->n, &g->replications },
        { "/points/rank", KW_H5_U32, g->n, &g->rank },
        { "/points/feasible", KW_H5_U8, g->n, &g->feasible },
        { "/points/pareto", KW_H5_U8, g->n, &g->pareto },
        { "/points/pruned", KW_H5_U8, g->n, &g->pruned },
        { "/points/cost_usd_month", KW_H5_F64, g->n, &g->cost },
        { "/points/cost_usd_month_lo", KW_H5_F64, g->n, &g->cost_lo },
        { "/points/cost_usd_month_hi", KW_H5_F64, g->n, &g->cost_hi },
        { "/points/ttft_p95_s", KW_H5_F64, g->n, &g->ttft },
        { "/points/ttft_p99_s", KW_H5_F64, g->n, &g->ttft99 },
        { "/points/idle_timeout_s", KW_H5_F64, g->n, &g->idle_timeout },
        { "/points/tpot_p95_s", KW_H5_F64, g->n, &g->tpot },
        { "/points/cold_fraction", KW_H5_F64, g->n, &g->cold },
        { "/points/error_fraction", KW_H5_F64, g->n, &g->error },
        { "/points/goodput_rps", KW_H5_F64, g->n, &g->goodput },
        { "/bill/usd_month", KW_H5_F64, g->n * g->n_items, &g->bill },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all && st == KW_OK; i++)
        st = kw_h5_read_n(g->f, all[i].path, all[i].type, all[i].n, all[i].out, err);
    if (st == KW_OK && kw_h5_exists(g->f, "/points/profile") > 0) { /* not in the first results */
        st = kw_h5_read_n(g->f, "/points/profile", KW_H5_STR, g->n, &g->profile, err);
        if (st == KW_OK) st = kw_h5_read_n(g->f, "/points/profile_grade", KW_H5_STR, g->n, &g->profile_grade, err);
    }
    if (st == KW_OK) st = read_best_in(g, err);
    if (st == KW_OK && kw_h5_exists(g->f, "/points/thin") > 0) {
        st = kw_h5_read_n(g->f, "/points/thin", KW_H5_U8, g->n, &g->thin, err);
        if (st == KW_OK) st = kw_h5_read_n(g->f, "/points/tie", KW_H5_U8, g->n, &g->tie, err);
    }
    if (st == KW_OK && kw_h5_exists(g->f, "/beyond/ttft_p95_s") > 0) {
        st = kw_h5_read_n(g->f, "/beyond/ttft_p95_s", KW_H5_F64, g->n, &g->ttft_far, err);
        if (st == KW_OK) st = kw_h5_read_n(g->f, "/beyond/ttft_p99_s", KW_H5_F64, g->n, &g->ttft99_far, err);
    }
    if (st == KW_OK && kw_h5_exists(g->f, "/points/quality") > 0)
        st = kw_h5_read_n(g->f, "/points/quality", KW_H5_F64, g->n, &g->quality, err);
    if (st == KW_OK) st = read_series(g, err);
    if (st == KW_OK) st = kw_results_document_read(g->f, &g->said, err);
    const struct {
        const char *name;
        char **out;
        bool required;
    } attrs[] = { { "command", &g->command, true },
                  { "keepwarm_version", &g->version, true },
                  { "git_revision", &g->revision, true },
                  { "scaling", &g->scaling, true },
                  { "trace_source", &g->source, true },
                  { "created_utc", &g->created, true },
                  { "recommendation", &g->recommendation, false },
                  { "why", &g->why, false },
                  { "margin", &g->margin, false },
                  { "flips_if", &g->flips, false },
                  { "if_worse", &g->worse, false },
                  { "assumed", &g->assumed, false },
                  { "not_known", &g->unknown, false },
                  { "on_sale", &g->on_sale, false },
                  { "latency_of", &g->latency, false },
                  { "not_on_sale", &g->gone, false },
                  { "required", &g->required, false },
                  { "without_attribute", &g->without, false },
                  { "substitutes", &g->substitutes, false },
                  { "window", &g->window, false } };
    for (size_t i = 0; i < sizeof attrs / sizeof *attrs && st == KW_OK; i++)
        if (kw_h5_read_attr_str(g->f, "/", attrs[i].name, attrs[i].out, attrs[i].required ? err : NULL) != KW_OK) {
            *attrs[i].out = NULL;
            if (attrs[i].required) st = KW_EPARSE;
        }
    if (st == KW_OK && !(g->order = malloc(g->n * sizeof *g->order))) st = kw_fail(err, KW_ENOMEM, "out of memory");
    /* ranks are 1..n, each once; anything else keeps the file's order */
    for (size_t i = 0; st == KW_OK && i < g->n; i++) {
        g->order[i] = i;
        for (size_t k = i; k > 0 && g->rank[g->order[k]] < g->rank[g->order[k - 1]]; k--) {
            size_t x = g->order[k];
            g->order[k] = g->order[k - 1];
            g->order[k - 1] = x;
        }
    }
    int64_t best;
    if (st == KW_OK) g->best = g->order[0];
    if (st == KW_OK && kw_h5_read_attr_i64(g->f, "/", "best", &best, NULL) == KW_OK && best >= 0 &&
        (uint64_t)best < g->n)
        g->best = (size_t)best;
    return st;
}

/* ---- axes */

struct axis { /* a log or linear scale from data to pixels */
    double lo, hi, from, to;
    bool log, whole; /* whole: of counts, no tick between two */
};

static double at(const struct axis *a, double v)
{
    double u = a->log ? (log10(v) - log10(a->lo)) / (log10(a->hi) - log10(a->lo)) : (v - a->lo) / (a->hi - a->lo);
    return a->from + u * (a->to - a->from);
}

static double tick(int k) /* the k-th of ..., 1, 2, 5, 10, 20, ... */
{
    static const double mantissa[] = { 1, 2, 5 };
    return mantissa[((k % 3) + 3) % 3] * pow(10, floor(k / 3.0));
}

static void fit_log(struct axis *a, const double *v, size_t n)
{
    a->log = true;
    a->lo = INFINITY;
    a->hi = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i] > 0 && isfinite(v[i])) {
            if (v[i] < a->lo) a->lo = v[i];
            if (v[i] > a->hi) a->hi = v[i];
        }
    if (a->hi == 0) a->lo = a->hi = 1;
    int lo = (int)floor(log10(a->lo)) * 3 - 1, hi = lo; /* out to ticks, so that each end has one */
    while (tick(lo + 1) < a->lo / 1.05) lo++;
    while (tick(hi) < a->hi * 1.05) hi++;
    a->lo = tick(lo);
    a->hi = tick(hi);
}

/* "0.5", "200", "5k": a tick has one digit, or few. */
static const char *tick_text(char buf[16], double v)
{
    const char *unit = v >= 1e6 ? "M" : v >= 1e3 ? "k" : "";
    snprintf(buf, 16, "%.4g%s", v / (v >= 1e6 ? 1e6 : v >= 1e3 ? 1e3 : 1), unit);
    return buf;
}

static void grid(struct kw_text *t, const struct axis *x, const struct axis *y, const char *x_title,
                 const char *y_title)
{
    char b[16];
    for (int which = 0; which < 2; which++) {
        const struct axis *a = which ? y : x;
        double step = a->log ? 0 : pow(10, floor(log10((a->hi - a->lo) / 4)));
        if (!a->log && (a->hi - a->lo) / step > 8) step *= (a->hi - a->lo) / step > 20 ? 5 : 2;
        if (a->whole && step < 1) step = 1;
        int first = a->log ? (int)floor(log10(a->lo)) * 3 : (int)ceil(a->lo / step);
        for (int k = first;; k++) {
            double v = a->log ? tick(k) : k * step;
            if (v > a->hi * (1 + 1e-9)) break;
            if (v < a->lo * (1 - 1e-9)) continue;
            double p = at(a, v);
            if (which)
                kw_text_add(t,
                            "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' class='g'/>"
                            "<text x='%.1f' y='%.1f' class='r'>%s</text>",
                            x->from, x->to, p, p, x->from - 6, p + 4, tick_text(b, v));
            else
                kw_text_add(t,
                            "<line y1='%.1f' y2='%.1f' x1='%.1f' x2='%.1f' class='g'/>"
                            "<text x='%.1f' y='%.1f' class='m'>%s</text>",
                            y->from, y->to, p, p, p, y->from + 16, tick_text(b, v));
        }
    }
    kw_text_add(t,
                "<text x='%.1f' y='%.1f' class='m t'>%s</text>"
                "<text transform='translate(%.1f %.1f) rotate(-90)' class='m t'>%s</text>\n",
                (x->from + x->to) / 2, y->from + 36, x_title, x->from - 46, (y->from + y->to) / 2, y_title);
}

/* "0.304", or "0.304 to 1.61" where prompts pass those that an API was measured with. */
static const char *range_text(const struct page *g, size_t i, bool p99, char buf[64])
{
    double v = p99 ? g->ttft99[i] : g->ttft[i], far = !g->ttft_far ? NAN : p99 ? g->ttft99_far[i] : g->ttft_far[i];
    char least[32], most[32];
    if (far > 1.01 * v)
        snprintf(buf, 64, "%s to %s", kw_quantity_brief(v, least), kw_quantity_brief(far, most));
    else
        snprintf(buf, 64, "%s", kw_quantity_brief(v, least));
    return buf;
}

/* The kinds of platform, each by a shape of its own beside its colour. */
static const struct kind {
    const char *kind, *name;
    const char *mark; /* a path around 0 0, of radius 1 */
} kinds[] = {
    { "api", "per-token API", "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z" },
    { "serverless", "serverless GPU", "M-.9 -.9H.9V.9H-.9Z" },
    { "dedicated", "dedicated GPU", "M0 -1.25L1.15 .85H-1.15Z" },
};

static const struct kind *kind_of(const char *kind)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (!strncmp(kind, kinds[k].kind, strlen(kinds[k].kind))) return &kinds[k];
    return &kinds[2];
}

static void mark(struct kw_text *t, const struct kind *k, double x, double y, double size, bool filled)
{
    const char *c = kw_colour_kind(k->kind);
    kw_text_add(t, "<path d='%s' transform='translate(%.1f %.1f) scale(%g)' stroke='%s' fill='%s' class='o'>", k->mark,
                x, y, size, c, filled ? c : "var(--page)");
}

/* A picture of so many units in height begins: its name and what it shows are what a reader hears of it. */
static void picture_begin(struct kw_text *t, const char *id, int height, const char *title, const char *what)
{
    kw_html_box_begin(t, title);
    kw_text_add(t,
                "<svg viewBox='0 0 920 %d' role='img' aria-labelledby='%s-t %s-d'><title id='%s-t'>%s</title>"
                "<desc id='%s-d'>",
                height, id, id, id, title, id);
    kw_html_text(t, what);
    kw_text_add(t, "</desc>");
}

static void picture_end(struct kw_text *t)
{
    kw_text_add(t, "</svg>");
    kw_html_box_end(t);
}

static void scatter(struct kw_text *t, const struct page *g)
{
    struct axis x = { .from = 70, .to = 900 }, y = { .from = 380, .to = 20 };
    char cost[32], ttft[64];
    struct kw_text what = { 0 };
    fit_log(&x, g->cost, g->n);
    fit_log(&y, g->ttft, g->n);
    kw_text_add(t, "<section id='latency'><h2>Cost against latency</h2>\n"
                   "<p>Each configuration; filled ones meet the objectives, the line joins those that no "
                   "other beats in both, the large one is recommended.</p>\n<p class='k'>");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        kw_text_add(t, "<span><svg class='s' viewBox='-8 -8 16 16' aria-hidden='true'>");
        mark(t, &kinds[k], 0, 0, 5, true);
        kw_text_add(t, "</path></svg>%s</span> ", kinds[k].name);
    }
    kw_text_add(t, "</p>\n");
    kw_text_add(&what,
                "%zu configurations by what a month costs and how long 95 of 100 requests wait at most for their "
                "first token; the one that stands first in the ranking: %s, $%s, %s s",
                g->n, g->label[g->best], kw_quantity_cents(g->cost[g->best], cost),
                range_text(g, g->best, false, ttft));
    picture_begin(t, "scatter", 430, "Cost against latency", what.s ? what.s : "");
    t->failed |= what.failed;
    kw_text_free(&what);
    grid(t, &x, &y, "cost, USD a month", "TTFT p95, s");
    double left = 0;
    bool begun = false;
    for (;;) { /* the frontier, cheapest first */
        size_t next = g->n;
        for (size_t i = 0; i < g->n; i++)
            if (g->pareto[i] && g->cost[i] > left && g->ttft[i] > 0 && (next == g->n || g->cost[i] < g->cost[next]))
                next = i;
        if (next == g->n) break;
        left = g->cost[next];
        kw_text_add(t, "%s%.1f %.1f ", begun ? "L" : "<path class='f' d='M", at(&x, g->cost[next]),
                    at(&y, g->ttft[next]));
        begun = true;
    }
    if (begun) kw_text_add(t, "'/>");
    for (size_t k = g->n; k-- > 0;) {
        size_t i = g->order[k];
        if (!(g->cost[i] > 0) || !(g->ttft[i] > 0)) continue;
        mark(t, kind_of(g->kind[i]), at(&x, g->cost[i]), at(&y, g->ttft[i]), i == g->best ? 8 : 4, g->feasible[i]);
        kw_text_add(t, "<title>");
        kw_html_text(t, g->label[i]);
        kw_text_add(t, ": $%s, %s s</title></path>", kw_quantity_cents(g->cost[i], cost),
                    range_text(g, i, false, ttft));
    }
    picture_end(t);
    kw_text_add(t, "</section>\n");
}

/* One bar: what is paid, then what a credit takes off in words. The same as words for who hears it. */
static void bill_bar(struct kw_text *t, const struct page *g, size_t i, double most, bool used[64])
{
    char usd[32];
    double off = 0;
    kw_text_add(t, "<div class='l'>");
    kw_html_text(t, g->label[i]);
    kw_text_add(t, "</div><div class='b'><span role='img' aria-label='");
    for (size_t m = 0, told = 0; m < g->n_items && m < 64; m++) {
        double v = g->bill[i * g->n_items + m];
        if (v < 0) off -= v;
        if (!(v > 0)) continue;
        used[m] = true;
        kw_text_add(t, told++ ? ", " : "");
        kw_html_text(t, g->item_name[m]);
        kw_text_add(t, " $%s", kw_quantity_cents(v, usd));
    }
    kw_text_add(t, "'>");
    for (size_t m = 0; m < g->n_items && m < 64; m++) {
        double v = g->bill[i * g->n_items + m];
        if (!(v > 0)) continue;
        kw_text_add(t, "<i style='width:%.2f%%;background:%s' title='", v / most * 100,
                    kw_colour_item(g->item_name[m]));
        kw_html_text(t, g->item_name[m]);
        kw_text_add(t, ": $%s'></i>", kw_quantity_cents(v, usd));
    }
    kw_text_add(t, "</span><b>$%s", kw_quantity_cents(g->cost[i], usd));
    if (off > 0) kw_text_add(t, " <small>less credits of $%s</small>", kw_quantity_cents(off, usd));
    kw_text_add(t, "</b></div>\n");
}

/* The best configuration of each platform. */
static void bills(struct kw_text *t, const struct page *g)
{
    enum { MOST = 24 };
    size_t shown[MOST], rows = 0;
    double most = 0;
    for (size_t k = 0; k < g->n && rows < MOST; k++) {
        size_t i = g->order[k], j = 0;
        double sum = 0;
        while (j < rows && strcmp(g->platform[shown[j]], g->platform[i])) j++;
        if (j < rows || isnan(g->cost[i])) continue; /* an overloaded one has no month */
        shown[rows++] = i;
        for (size_t m = 0; m < g->n_items; m++) sum += fmax(g->bill[i * g->n_items + m], 0);
        if (sum > most) most = sum;
    }
    if (!(most > 0)) return;
    bool used[64] = { false };
    kw_text_add(
        t, "<section id='bills'><h2>What a month pays for</h2>\n<p>The best configuration of each platform by line "
           "item, USD.</p>\n");
    for (size_t k = 0; k < rows; k++) bill_bar(t, g, shown[k], most, used);
    kw_text_add(t, "<p class='k'>");
    for (size_t m = 0; m < g->n_items && m < 64; m++)
        if (used[m]) {
            kw_text_add(t, "<span><i style='background:%s'></i>", kw_colour_item(g->item_name[m]));
            kw_html_text(t, g->item_name[m]);
            kw_text_add(t, "</span> ");
        }
    kw_text_add(t, "</p></section>\n");
}

/* Between lo and hi, each holding from its time to the next. */
static void area(struct kw_text *t, const struct axis *x, const struct axis *y, const double *time, const double *lo,
                 const double *hi, size_t n, const char *colour)
{
    kw_text_add(t, "<path fill='%s' d='M%.1f %.1f", colour, at(x, time[0]), at(y, hi[0]));
    for (size_t k = 1; k < n; k++) kw_text_add(t, "H%.1fV%.1f", at(x, time[k]), at(y, hi[k]));
    kw_text_add(t, "V%.1f", at(y, lo[n - 1]));
    for (size_t k = n - 1; k-- > 0;) kw_text_add(t, "V%.1fH%.1f", at(y, lo[k]), at(x, time[k]));
    kw_text_add(t, "Z'/>");
}

static void replicas(struct kw_text *t, const struct page *g)
{
    static const struct {
        const char *name, *colour;
    } states[] = { { "busy", "var(--busy)" }, { "ready and idle", "var(--ready)" }, { "starting", "var(--starting)" } };
    size_t best = g->order[0], n = g->n_times;
    char what[120];
    for (size_t k = g->n; k-- > 0;) /* the best serverless one has the most to show */
        if (!strcmp(g->kind[g->order[k]], "serverless")) best = g->order[k];
    double *hours = malloc(5 * (n ? n : 1) * sizeof *hours), most = 1;
    if (!n || !hours) {
        free(hours);
        return;
    }
    double *zero = hours + n, *busy = zero + n, *ready = busy + n, *all = ready + n;
    for (size_t k = 0; k < n; k++) {
        hours[k] = g->time[k] / 3600;
        zero[k] = 0;
        busy[k] = g->busy[best * n + k];
        ready[k] = busy[k] + g->idle[best * n + k];
        all[k] = ready[k] + g->starting[best * n + k];
        if (all[k] > most) most = all[k];
    }
    if (all[0] > 0 || most > 1 || ready[n / 2] > 0) {
        struct axis x = { .lo = 0, .hi = hours[n - 1], .from = 70, .to = 900 };
        struct axis y = { .lo = 0, .hi = most * 1.05, .from = 220, .to = 20, .whole = true };
        kw_text_add(t, "<section id='replicas'><h2>Replicas over time</h2>\n<p>");
        kw_html_text(t, g->label[best]);
        kw_text_add(t, "</p>\n<p class='k'>");
        for (size_t k = 0; k < sizeof states / sizeof *states; k++)
            kw_text_add(t, "<span><i style='background:%s'></i>%s</span> ", states[k].colour, states[k].name);
        kw_text_add(t, "</p>\n");
        snprintf(what, sizeof what, "at most %.0f replicas at a time within %.0f hours: busy, ready and idle, starting",
                 most, hours[n - 1]);
        picture_begin(t, "lives", 270, "Replicas over time", what);
        grid(t, &x, &y, "hours since the trace began", "replicas");
        area(t, &x, &y, hours, ready, all, n, states[2].colour);
        area(t, &x, &y, hours, busy, ready, n, states[1].colour);
        area(t, &x, &y, hours, zero, busy, n, states[0].colour);
        picture_end(t);
        kw_text_add(t, "</section>\n");
    }
    free(hours);
}

/* A second line of a cell, smaller. */
static void small_text(struct kw_text *t, const char *s, const char *in_brackets)
{
    kw_text_add(t, "<br><small>");
    kw_html_text(t, s);
    if (in_brackets) kw_text_add(t, " (");
    if (in_brackets) kw_html_text(t, in_brackets);
    kw_text_add(t, in_brackets ? ")</small>" : "</small>");
}

/* "6 of 7", of the replications but for 0. */
static void share_of(struct kw_text *t, uint32_t count, uint32_t replications)
{
    if (replications < 2)
        kw_text_add(t, "-");
    else
        kw_text_add(t, "%u of %u", count, replications - 1);
}

static void ranking_row(struct kw_text *t, const struct page *g, size_t i)
{
    char a[64], b[64], c[32], d[32], e[32], f[32];
    kw_text_add(t, "<tr%s><td>%u</td><td>", g->feasible[i] ? "" : " class='x'", g->rank[i]);
    kw_html_text(t, g->label[i]);
    small_text(t, g->settings[i], NULL);
    if (g->profile && g->profile_grade && strcmp(g->profile[i], "-")) small_text(t, g->profile[i], g->profile_grade[i]);
    if (g->quality) kw_text_add(t, isnan(g->quality[i]) ? "</td><td>-" : "</td><td>%g", g->quality[i]);
    kw_text_add(t, "</td><td>%s</td><td>", kw_quantity_cents(g->cost[i], a));
    if (isnan(g->cost_lo[i]))
        kw_text_add(t, "-");
    else
        kw_text_add(t, "%s", kw_quantity_cents((g->cost_hi[i] - g->cost_lo[i]) / 2, a));
    if (!strcmp(g->kind[i], "serverless"))
        kw_text_add(t, "</td><td>%g", g->idle_timeout[i]);
    else
        kw_text_add(t, "</td><td>-");
    kw_text_add(t, "</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>",
                range_text(g, i, false, a), range_text(g, i, true, b), kw_quantity_brief(1e3 * g->tpot[i], c),
                kw_quantity_share(g->cold[i], d), kw_quantity_share(g->error[i], e),
                kw_quantity_brief(g->goodput[i], f));
    if (g->tie && g->tie[i])
        kw_text_add(t, "a tie");
    else
        share_of(t, g->best_in[i], g->replications[i]);
    kw_text_add(t, "</td><td>");
    bool thin = g->thin && g->thin[i], tie = g->tie && g->tie[i];
    kw_html_text(t, !g->feasible[i] ? g->miss[i] : thin && tie ? "thin, tie" : thin ? "thin" : tie ? "tie" : "meets");
    small_text(t, "inputs: ", NULL);
    kw_text_add(t, "<small>");
    kw_html_text(t, g->grade[i]);
    kw_text_add(t, "</small></td></tr>\n");
}

static void ranking(struct kw_text *t, const struct page *g)
{
    enum { MOST = 60 };
    bool left_early = false, thin = false, tie = false;
    kw_text_add(t, "<section id='ranking'><h2>Ranking</h2>\n");
    kw_html_box_begin(t, "Ranking");
    kw_text_add(t,
                "<table class='r'><thead><tr><th>#</th><th>configuration, settings, profile</th>"
                "%s<th>USD a month</th><th title='half of the 95 %% interval'>±</th><th>idle timeout, s</th>"
                "<th>TTFT p95, s</th><th>TTFT p99, s</th><th>TPOT p95, ms</th><th>cold, %%</th><th>errors, %%</th>"
                "<th>goodput, requests/s</th><th>best, of days drawn anew</th><th>verdict</th></tr></thead><tbody>\n",
                g->quality ? "<th title='yours'>quality</th>" : "");
    for (size_t k = 0; k < g->n && k < MOST; k++) {
        size_t i = g->order[k];
        ranking_row(t, g, i);
        left_early |= g->pruned[i];
        thin |= g->thin && g->thin[i] && g->feasible[i];
        tie |= g->tie && g->tie[i];
    }
    kw_text_add(t, "</tbody></table>");
    kw_html_box_end(t);
    if (thin)
        kw_text_add(t, "<p>thin: meets the objectives by less than the law of its step times or API may err.</p>\n");
    if (tie) kw_text_add(t, "<p>tie: meets them, and what it costs more than the first is within the interval.</p>\n");
    if (left_early) kw_text_add(t, "<p>-: simulated on the trace itself only, because it does not contend.</p>\n");
    if (g->n > MOST) kw_text_add(t, "<p>%zu more configurations are in the result.</p>\n", g->n - MOST);
    kw_text_add(t, "</section>\n");
}

/* A row of a list of facts: the first lines of value. */
static void fact(struct kw_text *t, const char *name, const char *value)
{
    enum { MOST = 6 };
    if (!value || !value[0]) return;
    kw_text_add(t, "<dt>%s</dt>", name);
    for (int i = 0; *value && i < MOST; i++) {
        size_t n = strcspn(value, "\n");
        struct kw_text line = { 0 };
        kw_text_add(&line, "%.*s", (int)n, value);
        kw_text_add(t, "<dd>");
        kw_html_text(t, line.s ? line.s : "");
        kw_text_add(t, "</dd>");
        t->failed |= line.failed;
        kw_text_free(&line);
        value += n + (value[n] != 0);
    }
}

static void facts(struct kw_text *t, const struct page *g)
{
    kw_text_add(t, "<dl>");
    fact(t, "traffic", g->source);
    fact(t, "window", g->window);
    fact(t, "month", g->scaling);
    fact(t, "model", g->model.s);
    fact(t, "substitutes", g->substitutes);
    fact(t, "objectives", g->objectives.s);
    kw_text_add(t, "</dl>\n");
}

static void recommendation(struct kw_text *t, const struct page *g)
{
    char v[64];
    size_t best = g->best;
    if (!g->recommendation || !g->recommendation[0]) return;
    kw_text_add(t, "<div class='box'><b>");
    kw_html_text(t, g->recommendation);
    kw_text_add(t, "</b><br>");
    if (g->feasible[best]) {
        kw_text_add(t, "$%s a month", kw_quantity_cents(g->cost[best], v));
        if (!isnan(g->cost_lo[best])) {
            kw_text_add(t, " (95 %%: %s", kw_quantity_cents(g->cost_lo[best], v));
            kw_text_add(t, " to %s)", kw_quantity_cents(g->cost_hi[best], v));
        }
        if (isfinite(g->ttft[best])) {
            kw_text_add(t, ", TTFT p95 %s s", range_text(g, best, false, v));
            kw_text_add(t, ", p99 %s s", range_text(g, best, true, v));
        } else {
            kw_text_add(t, ", its latency is not known: ranked by cost alone");
        }
        kw_text_add(t, ", %s %% of the requests fail", kw_quantity_share(g->error[best], v));
        if (isfinite(g->goodput[best]))
            kw_text_add(t, ", goodput %s requests/s", kw_quantity_brief(g->goodput[best], v));
        if (g->tie && g->tie[best]) {
            kw_text_add(t, "; which is cheapest is a tie");
        } else if (g->replications[best] > 1) {
            kw_text_add(t, "; the cheapest that meets the objectives in ");
            share_of(t, g->best_in[best], g->replications[best]);
            kw_text_add(t, " drawings of the days");
        }
    }
    kw_text_add(t, "\n<dl>");
    fact(t, "on sale", g->on_sale);
    fact(t, "latency", g->latency);
    fact(t, "required", g->required);
    fact(t, "why", g->why);
    fact(t, "not known", g->unknown);
    fact(t, "margin", g->margin);
    fact(t, "if worse", g->worse);
    fact(t, "flips if", g->flips);
    fact(t, "assumed", g->assumed);
    fact(t, "left out", g->gone);
    fact(t, g->gone && g->gone[0] ? "" : "left out", g->without);
    kw_text_add(t, "</dl></div>\n");
}

/* Colours follow the reader's scheme; paper is white. What is wider than the screen scrolls in its box. */
static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:var(--text);"
    "background:var(--page);overflow-wrap:anywhere}\n"
    "h1{font-size:1.6em;margin:.3em 0}h2{font-size:1.15em;margin:1.6em 0 .4em}.box h2{margin-top:0}p{margin:.4em 0}\n"
    "a{color:var(--link)}nav{font-size:13px;margin:1em 0}nav a{display:inline-block;margin-right:1.2em;padding:2px 0}\n"
    ".w{overflow-x:auto;max-width:100%}table{border-collapse:collapse;font-size:13px;overflow-wrap:normal;"
    "font-variant-numeric:tabular-nums}.r{width:100%}\n"
    "td,th{padding:3px 8px;border-bottom:1px solid "
    "var(--line);text-align:right;vertical-align:top;white-space:pre-wrap}"
    "th{vertical-align:bottom;color:var(--soft);font-weight:600}.a{text-align:left}\n"
    ".r td:nth-child(2){min-width:19em}.r td:nth-child(2),.r td:last-child,.r th:nth-child(2),.r th:last-child"
    "{text-align:left}\n"
    "tr.x{color:var(--soft)}small{font-size:11px;color:var(--soft)}\n"
    "dl{display:grid;grid-template-columns:7em minmax(0,1fr);gap:2px 1em;margin:.6em 0}dt{color:var(--soft)}"
    "dd{margin:0;grid-column:2}\n"
    ".w svg{width:100%;min-width:760px;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--text)}"
    "text.r{text-anchor:end}\n"
    "text.m{text-anchor:middle}text.t{font-size:13px}line.g{stroke:var(--grid)}.o{stroke-width:1.4;"
    "vector-effect:non-scaling-stroke}\n"
    "path.f{fill:none;stroke:var(--soft);stroke-dasharray:4 3}\n"
    ".box{background:var(--box);padding:1em;border-left:4px solid var(--busy)}\n"
    ".l{font-size:13px;margin-top:.35em}.b{display:flex;align-items:center;font-size:13px}.b span{flex:1;display:flex}"
    ".b i{height:14px;box-shadow:inset 0 0 0 .5px var(--soft)}.b b{font-weight:normal;margin-left:.5em;width:9em}\n"
    ".k span{display:inline-block;margin-right:1em;font-size:13px}.k i{display:inline-block;width:10px;height:10px;"
    "margin-right:.35em;box-shadow:inset 0 0 0 .5px var(--soft)}.s{width:14px;height:14px;margin-right:.2em;"
    "vertical-align:-2px}\n"
    "@media(max-width:640px){body{margin:1em auto;padding:0 .6em;font-size:14px}dl{grid-template-columns:1fr}"
    "dt{margin-top:.5em;font-size:12px}dd{grid-column:1}td:not(.a){white-space:pre}.r "
    "td:nth-child(2){min-width:12em}}\n"
    "@media print{body{max-width:none;margin:0;font-size:11px}nav{display:none}.w{overflow:visible}"
    "table{font-size:8px}.r td:nth-child(2){min-width:0}.w svg{min-width:0}tr,svg,.b,.box{break-inside:avoid}"
    "h2{break-after:avoid}i,.box{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

static void links(struct kw_text *t, const struct page *g)
{
    kw_text_add(t, "<nav aria-label='Sections'>");
    kw_html_links(t, &g->said);
    if (g->n > 1) kw_text_add(t, "<a href='#latency'>Cost against latency</a>\n");
    kw_text_add(t, "<a href='#ranking'>Ranking</a></nav>\n");
}

/* What the command said first, to the end of its first section with facts or a table, then the pictures, then the rest. */
static size_t first_part(const struct kw_document *d)
{
    for (size_t i = 1, sections = 0; i < d->n; i++)
        if (d->block[i].kind == KW_BLOCK_SECTION && sections++) return i;
    return d->n;
}

static void render(struct kw_text *t, const struct page *g)
{
    size_t first = first_part(&g->said);
    kw_text_add(t, "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
                   "<meta name='viewport' content='width=device-width,initial-scale=1'>"
                   "<meta name='color-scheme' content='light dark'><title>keepwarm ");
    kw_html_text(t, g->command);
    kw_text_add(t,
                "</title>\n<style>\n:root{color-scheme:light dark;%s}\n"
                "@media screen and (prefers-color-scheme:dark){:root{%s}}\n%s</style></head>\n<body>\n<h1>keepwarm ",
                kw_colours_light, kw_colours_dark, style);
    kw_html_text(t, g->command);
    if (g->name.s && g->name.s[0]) {
        kw_text_add(t, ": ");
        kw_html_text(t, g->name.s);
    }
    kw_text_add(t, "</h1>\n<main>\n");
    if (!g->said.n) {
        recommendation(t, g);
        facts(t, g);
    }
    kw_html_document(t, &g->said, 0, first);
    links(t, g);
    if (g->n > 1) scatter(t, g);
    kw_html_document(t, &g->said, first, g->said.n);
    bills(t, g);
    replicas(t, g);
    ranking(t, g);
    kw_text_add(t, "</main>\n<footer><p>keepwarm ");
    kw_html_text(t, g->version);
    kw_text_add(t, " (");
    kw_html_text(t, g->revision);
    kw_text_add(t, "), %s.</p></footer>\n</body></html>\n", g->created);
}

enum kw_status kw_report_write(const char *result, const char *out, struct kw_error *err)
{
    struct page g;
    struct kw_text t = { 0 };
    enum kw_status st = page_read(&g, result, err);
    if (st == KW_OK) {
        render(&t, &g);
        st = t.failed ? kw_fail(err, KW_ENOMEM, "out of memory") : kw_file_replace(out, t.s, t.n, err);
    }
    kw_text_free(&t);
    page_free(&g);
    return st;
}
