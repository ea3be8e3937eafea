#include "sim/io/results/results.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/io/results/results_document.h"
#include "sim/io/results/results_flips.h"
#include "sim/io/results/results_migration.h"
#include "sim/io/results/results_schedules.h"
#include "sim/io/results/results_tradeoffs.h"
#include "sim/io/results/results_volumes.h"
#include "sim/io/results/writer.h"
#include "sim/plan/sweep/precision.h"

#define POINT "/points/point" /* each group has its own scales: netCDF readers look no further than their group */

/* One value a point, computed by a function of (results, point). */
#define PER_POINT(w, r, ctype, h5type, name, unit, text, expr)                                                         \
    do {                                                                                                               \
        ctype *v_ = malloc(((r)->n ? (r)->n : 1) * sizeof *v_);                                                        \
        if (!v_) {                                                                                                     \
            kw_writer_no_memory(w);                                                                                    \
            break;                                                                                                     \
        }                                                                                                              \
        for (size_t i = 0; i < (r)->n; i++) {                                                                          \
            const struct kw_point *p = &(r)->points[i];                                                                \
            const struct kw_candidate *c = &(r)->candidates[i];                                                        \
            (void)p, (void)c;                                                                                          \
            v_[i] = (expr);                                                                                            \
        }                                                                                                              \
        kw_writer_put(                                                                                                 \
            w, (struct kw_h5_dataset){ "/points/" name, h5type, unit, text, 1, { (r)->n }, { POINT }, NULL, 0 }, v_);  \
        free(v_);                                                                                                      \
    } while (0)

/* ---- names: of a deployment a word, of a point the words of its deployments, or a text of its own */

static const char *word_name(const struct kw_choice *c)
{
    return c->name;
}
static const char *word_platform(const struct kw_choice *c)
{
    return c->platform->name;
}
static const char *word_kind(const struct kw_choice *c)
{
    return kw_kind_name[c->platform->kind];
}
static const char *word_sku(const struct kw_choice *c)
{
    return c->gpu ? c->gpu->sku : c->api ? c->api->sku : "";
}
static const char *word_gpu(const struct kw_choice *c)
{
    return c->gpu ? c->gpu->gpu : "-";
}
static const char *word_model(const struct kw_choice *c)
{
    return c->profile || c->api ? kw_choice_model(c) : "-";
}

/* By which a profile or an API's offer is found again. */
static const char *word_model_of(const struct kw_choice *c)
{
    return c->profile ? c->profile->model : c->api ? c->api->model : "-";
}
static const char *word_precision(const struct kw_choice *c)
{
    return c->profile ? c->profile->precision : "-";
}
static const char *word_profile_file(const struct kw_choice *c)
{
    return c->profile ? c->profile->file : "";
}
static const char *word_profile_sha256(const struct kw_choice *c)
{
    return c->profile ? c->profile->sha256 : "";
}
static const char *word_profile_grade(const struct kw_choice *c)
{
    return c->profile ? kw_grade_name[c->profile->steps.grade] : "-";
}
static const char *word_link(const struct kw_choice *c)
{
    return c->profile ? c->profile->link.name : "";
}
static const char *word_link_grade(const struct kw_choice *c)
{
    return c->profile && c->profile->link.name[0] ? kw_grade_name[c->profile->link.provenance.grade] : "";
}
static const char *word_term(const struct kw_choice *c)
{
    return kw_term_name[c->term];
}

static const char *word_account(const struct kw_choice *c)
{
    return c->account;
}

static const char *word_autoscaler(const struct kw_choice *c)
{
    return c->autoscaler ? c->autoscaler->name : "";
}

static const char *word_region(const struct kw_choice *c)
{
    return c->region ? c->region->name : "";
}

static const char *word_serves(const struct kw_choice *c)
{
    return c->tells_model ? c->model : "";
}

static void text_label(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    kw_candidate_label(&r->candidates[i], buf, size);
}

static void text_routing(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    kw_candidate_route(&r->candidates[i], buf, size);
}

static void text_settings(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    const struct kw_candidate *c = &r->candidates[i];
    size_t n = 0;
    for (uint32_t k = 0; k < c->n && n < size; k++) {
        char one[256];
        n += (size_t)snprintf(buf + n, size - n, "%s%s", k ? " + " : "",
                              kw_choice_settings(&c->choice[k], one, sizeof one));
    }
}

static void text_profile(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    const struct kw_candidate *c = &r->candidates[i];
    size_t n = 0;
    for (uint32_t k = 0; k < c->n && n < size; k++) {
        char one[KW_PROFILE_TEXT];
        const struct kw_profile *p = c->choice[k].profile;
        n += (size_t)snprintf(buf + n, size - n, "%s%s", k ? " + " : "", p ? kw_profile_name(p, one) : "-");
    }
}

static void text_part(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    snprintf(buf, size, "%s", r->candidates[i].part);
}

static void text_miss(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    snprintf(buf, size, "%s", r->points[i].miss);
}

static void text_grade(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    snprintf(buf, size, "%s", kw_grade_name[r->points[i].grade]);
}

static void text_steady(const struct kw_results *r, size_t i, char *buf, size_t size)
{
    snprintf(buf, size, "%s", kw_steadiness_name[r->points[i].steady]);
}

struct name_column { /* one of word and text */
    const char *path, *description;
    const char *(*word)(const struct kw_choice *c); /* of each deployment, joined by " + " */
    void (*text)(const struct kw_results *r, size_t point, char *buf, size_t size); /* buf is "" before */
};

/* A string dataset made row by row; rows * 320 bytes. */
#define NAME_SIZE 320
static void put_names(struct kw_writer *w, struct kw_h5_dataset d, size_t n, char *block)
{
    const char **p = malloc((n ? n : 1) * sizeof *p);
    if (!p) {
        kw_writer_no_memory(w);
        return;
    }
    for (size_t i = 0; i < n; i++) p[i] = block + i * NAME_SIZE;
    kw_writer_put(w, d, p);
    free(p);
}

static void point_name(const struct kw_results *r, size_t i, const struct name_column *c, char *buf)
{
    const struct kw_candidate *candidate = &r->candidates[i];
    size_t n = 0;
    assert(!c->word != !c->text);
    if (c->text) c->text(r, i, buf, NAME_SIZE);
    for (uint32_t k = 0; c->word && k < candidate->n && n < NAME_SIZE; k++)
        n += (size_t)snprintf(buf + n, NAME_SIZE - n, "%s%s", k ? " + " : "", c->word(&candidate->choice[k]));
}

static void point_names(struct kw_writer *w, const struct kw_results *r, const struct name_column *c, size_t n)
{
    for (; n > 0; n--, c++) {
        char *block = calloc(r->n ? r->n : 1, NAME_SIZE);
        if (!block) {
            kw_writer_no_memory(w);
            return;
        }
        for (size_t i = 0; i < r->n; i++) point_name(r, i, c, block + i * NAME_SIZE);
        put_names(w, (struct kw_h5_dataset){ c->path, KW_H5_STR, "", c->description, 1, { r->n }, { POINT }, NULL, 0 },
                  r->n, block);
        free(block);
    }
}

/* Columns for swept keys: numbers when every value is one, else text. The dataset is named by the path, '/' and '.'
 * kept out: "sweep_deployments[main]_keep_warm". */
static void point_axes(struct kw_writer *w, const struct kw_results *r)
{
    const struct kw_scenario *s = r->scenario;
    for (uint32_t a = 0; s && a < s->n_axes; a++) {
        char path[200], text[200];
        snprintf(path, sizeof path, "/points/sweep_%.150s", s->axis[a].path);
        for (char *p = path + 8; *p; p++)
            if (*p == '/' || *p == '.') *p = '_';
        snprintf(text, sizeof text, "swept key %.150s", s->axis[a].path);
        char *block = calloc(r->n, NAME_SIZE);
        double *v = malloc(r->n * sizeof *v);
        bool numbers = true;
        if (!block || !v) {
            kw_writer_no_memory(w);
        } else {
            for (size_t i = 0; i < r->n; i++) {
                char *end, *cell = block + i * NAME_SIZE;
                kw_scenario_axis_value(s, (uint32_t)i, a, cell, NAME_SIZE);
                v[i] = strtod(cell, &end);
                if (end == cell || *end) numbers = false;
            }
            if (numbers)
                kw_writer_put(w, (struct kw_h5_dataset){ path, KW_H5_F64, "", text, 1, { r->n }, { POINT }, NULL, 0 },
                              v);
            else
                put_names(w, (struct kw_h5_dataset){ path, KW_H5_STR, "", text, 1, { r->n }, { POINT }, NULL, 0 }, r->n,
                          block);
        }
        free(block);
        free(v);
    }
}

/* A figure and the ends of its interval, as three datasets. */
static const char *const side_suffix[] = { "", "_lo", "_hi" };
static const char *const side_text[] = { "", ", 95 % interval, low end", ", 95 % interval, high end" };
static double side_of(struct kw_estimate e, int side)
{
    return side == 0 ? e.value : side == 1 ? e.lo : e.hi;
}

static void point_metrics(struct kw_writer *w, const struct kw_results *r)
{
    double *v = malloc((r->n ? r->n : 1) * sizeof *v);
    if (!v) {
        kw_writer_no_memory(w);
        return;
    }
    for (int m = 0; m < KW_METRICS; m++)
        for (int side = 0; side < 3; side++) {
            char path[96], text[200];
            snprintf(path, sizeof path, "/points/%s%s", kw_metric_info[m].name, side_suffix[side]);
            snprintf(text, sizeof text, "%.150s%s", kw_metric_info[m].description, side_text[side]);
            for (size_t i = 0; i < r->n; i++) v[i] = side_of(kw_point_told(&r->points[i], (enum kw_metric)m), side);
            kw_writer_put(w,
                          (struct kw_h5_dataset){
                              path, KW_H5_F64, kw_metric_info[m].unit, text, 1, { r->n }, { POINT }, NULL, 0 },
                          v);
        }
    free(v);
}

static void write_points(struct kw_writer *w, const struct kw_results *r)
{
    static const struct name_column names[] = {
        { "/points/label", "short name, unique in this file, or of its part", NULL, text_label },
        { "/points/part", "model whose requests it is for, where a plan has several; ranks are within it", NULL,
          text_part },
        { "/points/platform", "platform of each deployment", word_platform, NULL },
        { "/points/kind", "api, serverless or dedicated", word_kind, NULL },
        { "/points/model", "model served", word_model, NULL },
        { "/points/gpu", "GPU type", word_gpu, NULL },
        { "/points/precision", "precision of the weights", word_precision, NULL },
        { "/points/profile", "profile the step times are of: a built-in one's name, or a file", NULL, text_profile },
        { "/points/profile_grade", "measured, published or estimated step times", word_profile_grade, NULL },
        { "/points/term", "on_demand, monthly, spot, batch, flex, priority or provisioned", word_term, NULL },
        { "/points/settings", "in the platform's own words", NULL, text_settings },
        { "/points/routing", "single, fallback, overflow N, class, model, or split and its shares", NULL,
          text_routing },
    };
    static const struct name_column outcomes[] = {
        { "/points/miss", "objective missed by most, empty when all are met", NULL, text_miss },
        { "/points/grade", "weakest grade of the inputs", NULL, text_grade },
        { "/points/steady_state",
          "repeats: exact, the fleet's state comes back; mean, unsettled: of several windows; one_pass: of one", NULL,
          text_steady },
    };
    kw_writer_group(w, "/points", "one value a configuration");
    kw_writer_index(w, POINT, "point", r->n, "configuration");
    point_names(w, r, names, sizeof names / sizeof *names);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "tp", "GPU", "tensor-parallel degree of the first deployment",
              c->choice[0].tp);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "dp", "rank", "data-parallel ranks of a replica of the first deployment",
              c->choice[0].dp);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "ep", "GPU", "that share its experts whole; 1: each has a slice of every one",
              c->choice[0].ep);
    if (r->plan && r->plan->n_substitutes)
        PER_POINT(
            w, r, double, KW_H5_F64, "quality", "",
            "of its models' answers by the user's own measure, the lowest, where those of the model asked for are 1; "
            "NaN: not stated",
            kw_candidate_quality(c));
    PER_POINT(w, r, uint32_t, KW_H5_U32, "keep_warm", "replica", "replicas kept ready, first deployment",
              c->choice[0].scaling.keep_warm);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "max_replicas", "replica", "most replicas, first deployment",
              c->choice[0].scaling.max_replicas);
    PER_POINT(w, r, double, KW_H5_F64, "idle_timeout_s", "s",
              "idle time before a surplus replica stops, first deployment",
              kw_nano_to_double(c->choice[0].scaling.idle_timeout));
    point_axes(w, r);
    point_metrics(w, r);
    PER_POINT(w, r, uint8_t, KW_H5_U8, "feasible", "", "1: meets every objective on the trace itself", p->feasible);
    PER_POINT(w, r, uint8_t, KW_H5_U8, "overloaded", "",
              "1: the queue grows through the window; carried_rps is what it carries, and no month is told",
              kw_point_overloaded(p));
    PER_POINT(w, r, uint32_t, KW_H5_U32, "rank", "", "1 is the best: feasible ones by cost, then the others by miss",
              p->rank);
    PER_POINT(w, r, double, KW_H5_F64, "p_best", "",
              "probability that it is the cheapest feasible configuration, (best_in + 1/outcomes) / replications: few "
              "drawings tell no certainty",
              kw_point_p_best(p));
    PER_POINT(w, r, double, KW_H5_F64, "p_feasible", "",
              "probability that it meets every objective, (feasible_in + 1/2) / replications", kw_point_p_feasible(p));
    PER_POINT(w, r, uint32_t, KW_H5_U32, "best_in", "",
              "replications but for 0 in which it is the cheapest feasible configuration", p->won);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "feasible_in", "", "replications but for 0 in which it meets every objective",
              p->met);
    PER_POINT(w, r, double, KW_H5_F64, "miss_ratio", "", "worst value / limit - 1 over the objectives", p->miss_ratio);
    PER_POINT(w, r, uint8_t, KW_H5_U8, "tie", "",
              "1: meets the objectives at the cost of the first, within the interval", p->tie);
    PER_POINT(w, r, uint8_t, KW_H5_U8, "thin", "",
              "1: meets the objectives by less than the law of its step times or API errs; judged by a plan",
              p->margin.thin);
    PER_POINT(w, r, double, KW_H5_F64, "margin_left", "", "by what share the worst figure may grow; NaN: not judged",
              p->margin.left);
    PER_POINT(w, r, double, KW_H5_F64, "margin_error", "",
              "by what share the law's own error moves it; NaN: not simulated, or nothing moves it", p->margin.error);
    PER_POINT(w, r, double, KW_H5_F64, "p_feasible_with_step_error", "",
              "probability that the objectives are met, that error included; NaN as margin_error",
              p->margin.probability);
    PER_POINT(w, r, uint8_t, KW_H5_U8, "pareto", "",
              "1: no other that fails no more is both cheaper and lower in TTFT p95", p->pareto);
    PER_POINT(w, r, uint8_t, KW_H5_U8, "pruned", "", "1: left early, proven not to be the best nor the runner-up",
              p->pruned);
    point_names(w, r, outcomes, sizeof outcomes / sizeof *outcomes);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "replications", "",
              "replications simulated: the trace itself, then days drawn anew", p->replications);
    PER_POINT(w, r, double, KW_H5_F64, "cost_usd_month_mean", "USD/month",
              "mean over the drawings; NaN: fewer than tell how well it is known",
              kw_precision_reached(&p->sample[0][KW_METRIC_COST], p->replications, KW_METRICS).mean);
    PER_POINT(w, r, double, KW_H5_F64, "cost_usd_month_mean_within", "1",
              "within what share of it the drawings know that mean, 95 %: what a precision is asked of",
              kw_precision_reached(&p->sample[0][KW_METRIC_COST], p->replications, KW_METRICS).share);
    PER_POINT(w, r, double, KW_H5_F64, "days_df", "", "degrees of freedom of the days drawn from, 0: too few days",
              p->variation.df);
    PER_POINT(w, r, double, KW_H5_F64, "widen", "", "what intervals are widened by for days that resemble the last",
              p->variation.widen);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "windows", "", "windows on end that the trace itself adds up", p->passes);
    PER_POINT(w, r, double, KW_H5_F64, "steady_error", "",
              "half of the 95 % interval of the replica time of a window, relative; NAN: one window", p->steady_error);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "arrived", "request", "over all replications", p->arrived);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "completed", "request", "over all replications", p->completed);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "rejected", "request", "over all replications", p->rejected);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "timed_out", "request", "over all replications", p->timed_out);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "too_long", "request", "over all replications", p->too_long);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "cold", "request", "met a cold start, over all replications", p->cold);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "attained", "request", "met every per-request limit, over all replications",
              p->attained);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "starts", "replica", "replica starts, over all replications", p->starts);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "failed_starts", "replica", "over all replications", p->failed_starts);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "interruptions", "replica", "of spot machines, over all replications",
              p->interruptions);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "cut_off", "request", "lost their replica by an interruption", p->cut_off);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "standins", "replica", "on demand, ordered in the place of spot machines",
              p->standins);
    PER_POINT(w, r, uint64_t, KW_H5_U64, "preemptions", "", "sequences preempted, over all replications",
              p->preemptions);
    PER_POINT(w, r, uint32_t, KW_H5_U32, "peak_replicas", "replica", "most at once", p->peak_replicas);
    PER_POINT(w, r, double, KW_H5_F64, "one_off_credit_usd", "USD",
              "what sign-up credits pay of the first month, once; not in the cost of a month",
              kw_point_overloaded(p) ? 0 : kw_nano_to_double(p->one_off));
}

static uint32_t max_deployments(const struct kw_results *r)
{
    uint32_t n = 1;
    for (size_t i = 0; i < r->n; i++)
        if (r->candidates[i].n > n) n = r->candidates[i].n;
    return n;
}

/* One bill's line items of all points, or of all deployments of all points, exact and in dollars. */
static void put_bill(struct kw_writer *w, const char *exact_path, const char *usd_path, struct kw_h5_dataset d,
                     const struct kw_bill *const *bill, size_t n)
{
    int64_t *exact = malloc((n ? n * KW_ITEMS : 1) * sizeof *exact);
    double *usd = malloc((n ? n * KW_ITEMS : 1) * sizeof *usd);
    if (!exact || !usd) kw_writer_no_memory(w);
    for (size_t i = 0; i < n * KW_ITEMS && exact && usd; i++) {
        const struct kw_bill *b = bill[i / KW_ITEMS];
        exact[i] = b ? b->item[i % KW_ITEMS] : 0;
        usd[i] = kw_nano_to_double(exact[i]);
    }
    if (exact && usd) {
        char text[96];
        const char *of = d.description;
        d.path = exact_path;
        d.type = KW_H5_I64;
        d.units = "1e-9 USD/month";
        snprintf(text, sizeof text, "%sexact, in nano-dollars", of);
        d.description = text;
        kw_writer_put(w, d, exact);
        d.path = usd_path;
        d.type = KW_H5_F64;
        d.units = "USD/month";
        snprintf(text, sizeof text, "%sthe same in dollars", of);
        kw_writer_put(w, d, usd);
    }
    free(exact);
    free(usd);
}

/* What is overloaded has no bill of a month, nor have its deployments. */
static void write_bill(struct kw_writer *w, const struct kw_results *r)
{
    uint32_t nd = max_deployments(r);
    const struct kw_bill **bill = calloc(r->n ? r->n * nd : 1, sizeof *bill);
    kw_writer_group(w, "/bill", "line items of a month, of the trace itself");
    kw_writer_index(w, "/bill/point", "point", r->n, "configuration");
    kw_writer_index(w, "/bill/item", "item", KW_ITEMS, "line item, named in item_name");
    kw_writer_index(w, "/bill/deployment", "deployment", nd, "place in the configuration");
    kw_writer_put(
        w,
        (struct kw_h5_dataset){
            "/bill/item_name", KW_H5_STR, "", "name of each line item", 1, { KW_ITEMS }, { "/bill/item" }, NULL, 0 },
        kw_item_name);
    if (!bill) {
        kw_writer_no_memory(w);
        return;
    }
    for (size_t i = 0; i < r->n; i++) bill[i] = kw_point_bill(&r->points[i]);
    put_bill(w, "/bill/nusd_month", "/bill/usd_month",
             (struct kw_h5_dataset){ .description = "",
                                     .rank = 2,
                                     .shape = { r->n, KW_ITEMS },
                                     .dims = { "/bill/point", "/bill/item" },
                                     .deflate = 4 },
             bill, r->n);
    for (size_t i = 0; i < r->n * nd; i++) {
        const struct kw_point *p = &r->points[i / nd];
        bill[i] = i % nd < p->n && p->bill_of && !kw_point_overloaded(p) ? &p->bill_of[i % nd] : NULL;
    }
    put_bill(w, "/bill/deployment_nusd_month", "/bill/deployment_usd_month",
             (struct kw_h5_dataset){ .description = "by deployment, ",
                                     .rank = 3,
                                     .shape = { r->n, nd, KW_ITEMS },
                                     .dims = { "/bill/point", "/bill/deployment", "/bill/item" },
                                     .deflate = 4 },
             bill, r->n * nd);
    free(bill);
}

/* ---- /deployments, /usage and /samples: what reprice needs */

static uint32_t max_replications(const struct kw_results *r)
{
    uint32_t n = 1;
    for (size_t i = 0; i < r->n; i++)
        if (r->points[i].replications > n) n = r->points[i].replications;
    return n;
}

static int64_t field_of(const struct kw_choice_field *f, const struct kw_choice *c)
{
    const char *at = (const char *)c + f->offset;
    uint32_t narrow;
    double real;
    int64_t wide;
    assert(f->size == sizeof narrow || f->size == sizeof wide);
    if (f->millionths) {
        memcpy(&real, at, sizeof real);
        return llround(real * 1e6); /* a target is at most 1e9 */
    }
    if (f->size == sizeof narrow) {
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, at, sizeof wide);
    return wide;
}

static void write_deployments(struct kw_writer *w, const struct kw_results *r)
{
    static const struct name_column strings[] = {
        { "/deployments/name", "name in the scenario", word_name, NULL },
        { "/deployments/platform", "platform", word_platform, NULL },
        { "/deployments/sku", "the platform's name of the offer", word_sku, NULL },
        { "/deployments/gpu", "GPU type, - for an API", word_gpu, NULL },
        { "/deployments/model", "model that its profile or API is of; of one shape with the model served",
          word_model_of, NULL },
        { "/deployments/precision", "precision, - for an API", word_precision, NULL },
        { "/deployments/profile_file", "profile the step times are of; empty: a built-in one", word_profile_file,
          NULL },
        { "/deployments/profile_sha256", "of that file", word_profile_sha256, NULL },
        { "/deployments/profile_grade", "measured, published or estimated step times", word_profile_grade, NULL },
        { "/deployments/link", "what joins the GPUs of a replica; empty: one GPU, or not said", word_link, NULL },
        { "/deployments/link_grade", "measured, published, estimated, or the user's", word_link_grade, NULL },
        { "/deployments/term", "on_demand, monthly, spot, batch, flex or priority", word_term, NULL },
        { "/deployments/region", "where it lies; empty: not said", word_region, NULL },
        { "/deployments/serves", "model that it serves, where those of the plan serve several; else empty", word_serves,
          NULL },
        { "/deployments/autoscaler", "of the user's, by which machines come and go; empty: none", word_autoscaler,
          NULL },
        { "/deployments/account", "which of the user's accounts at the platform; empty: the one there is", word_account,
          NULL },
    };
    uint32_t nd = max_deployments(r);
    size_t n = r->n * nd;
    kw_writer_group(w, "/deployments", "what each configuration consists of");
    kw_writer_index(w, "/deployments/point", "point", r->n, "configuration");
    kw_writer_index(w, "/deployments/deployment", "deployment", nd, "place in the configuration");
    const char *dims[4] = { "/deployments/point", "/deployments/deployment" };
    char *block = calloc(n ? n : 1, NAME_SIZE);
    if (!block) kw_writer_no_memory(w);
    for (size_t s = 0; s < sizeof strings / sizeof *strings && w->st == KW_OK; s++) {
        memset(block, 0, n * NAME_SIZE);
        for (size_t i = 0; i < n; i++)
            if (i % nd < r->candidates[i / nd].n)
                snprintf(block + i * NAME_SIZE, NAME_SIZE, "%s",
                         strings[s].word(&r->candidates[i / nd].choice[i % nd]));
        put_names(w,
                  (struct kw_h5_dataset){ strings[s].path,
                                          KW_H5_STR,
                                          "",
                                          strings[s].description,
                                          2,
                                          { r->n, nd },
                                          { dims[0], dims[1] },
                                          NULL,
                                          4 },
                  n, block);
    }
    free(block);
    int64_t *v = malloc((n ? n : 1) * sizeof *v);
    if (!v) kw_writer_no_memory(w);
    for (const struct kw_choice_field *f = kw_choice_field; f->name && w->st == KW_OK; f++) {
        char path[96];
        snprintf(path, sizeof path, "/deployments/%s", f->name);
        for (size_t i = 0; i < n; i++)
            v[i] = i % nd < r->candidates[i / nd].n ? field_of(f, &r->candidates[i / nd].choice[i % nd]) : 0;
        kw_writer_put(w,
                      (struct kw_h5_dataset){
                          path, KW_H5_I64, f->unit, f->description, 2, { r->n, nd }, { dims[0], dims[1] }, NULL, 4 },
                      v);
    }
    free(v);
    kw_results_schedules(w, r->candidates, r->n, nd);
}

const struct kw_choice_field kw_choice_field[] = {
#define FIELD(name, member, unit, text)                                                                                \
    {                                                                                                                  \
        name, unit, text, offsetof(struct kw_choice, member), sizeof((struct kw_choice *)0)->member, false, false      \
    }
    FIELD("tp", tp, "GPU", "tensor-parallel degree"),
    { "dp", "rank", "data-parallel ranks of a replica", offsetof(struct kw_choice, dp), sizeof(uint32_t), false, true },
    { "ep", "GPU", "that share experts whole; 1: each has a slice of every one", offsetof(struct kw_choice, ep),
      sizeof(uint32_t), false, true },
    { "prefill_engines", "engine", "of a replica that prefill alone; 0: none is apart",
      offsetof(struct kw_choice, engines.prefill), sizeof(uint32_t), false, true },
    { "prefill_tp", "GPU", "of each of them", offsetof(struct kw_choice, engines.prefill_tp), sizeof(uint32_t), false,
      true },
    { "decode_engines", "engine", "of a replica that decode alone", offsetof(struct kw_choice, engines.decode),
      sizeof(uint32_t), false, true },
    FIELD("keep_warm", scaling.keep_warm, "replica", "replicas kept ready"),
    FIELD("max_replicas", scaling.max_replicas, "replica", "most replicas"),
    FIELD("buffer_replicas", scaling.buffer_replicas, "replica", "spare replicas while active"),
    FIELD("hard_concurrency", scaling.hard_concurrency, "request",
          "admitted to one replica at once; 0: the engine decides"),
    { "target_millionths", "1e-6", "the scaler's target, in its own unit", offsetof(struct kw_choice, scaling.target),
      sizeof(double), true, true },
    { "max_num_seqs", "sequence", "what the engine of a replica runs at once",
      offsetof(struct kw_choice, sched.max_num_seqs), sizeof(uint32_t), false, true },
    { "max_num_batched_tokens", "token", "of one step of that engine",
      offsetof(struct kw_choice, sched.max_num_batched_tokens), sizeof(uint32_t), false, true },
    { "profile_max_num_seqs", "sequence", "the same by the profile, before the user's or the plan's own",
      offsetof(struct kw_choice, profile_seqs), sizeof(uint32_t), false, true },
    { "profile_max_num_batched_tokens", "token", "the same", offsetof(struct kw_choice, profile_tokens),
      sizeof(uint32_t), false, true },
    FIELD("idle_timeout_ns", scaling.idle_timeout, "ns", "idle time before a surplus replica stops"),
    FIELD("zero_timeout_ns", scaling.zero_timeout, "ns", "idle time before the last replica stops"),
    { "node_places", "replica", "that a machine holds which comes and goes; 0: they do not",
      offsetof(struct kw_choice, node.places), sizeof(uint32_t), false, true },
    { "node_idle_ns", "ns", "how long such a machine stays without a replica", offsetof(struct kw_choice, node.idle),
      sizeof(kw_ns), false, true },
    FIELD("balance", balance, "", "0 round robin, 1 least outstanding, 2 power of two, 3 prefix, 4 pack, 5 random"),
    { "prefix_min_match", "token", "of a known prefix below which no replica is preferred for it",
      offsetof(struct kw_choice, prefix_min_match), sizeof(uint32_t), false, true },
    { "batch_from", "", "batches are answered as 0 promised, 1 observed, 2 the user says",
      offsetof(struct kw_choice, batch_from), sizeof(enum kw_batch_from), false, true },
    { "batch_collect_ns", "ns", "a batch is sent this long after its first request",
      offsetof(struct kw_choice, batching.collect), sizeof(kw_ns), false, true },
    { "batch_requests", "request", "or when it has so many; 0: no number",
      offsetof(struct kw_choice, batching.requests), sizeof(uint32_t), false, true },
    { "provisioned_units", "unit", "bought ahead of an API; 0: none", offsetof(struct kw_choice, provision.bought.n),
      sizeof(uint32_t), false, true },
    { "commitment", "", "that they are bought for: 0 hour, 1 week, 2 month, 3 3_months, 4 6_months, 5 year",
      offsetof(struct kw_choice, provision.commitment), sizeof(enum kw_commitment), false, true },
    { "units_above", "", "what a request above their capacity meets: 0 reject, 1 spill",
      offsetof(struct kw_choice, provision.bought.above), sizeof(enum kw_unit_above), false, true },
    { "unit_nusd", "1e-9 USD", "the user's own price of one; 0: the offer's",
      offsetof(struct kw_choice, provision.own_price), sizeof(kw_nusd), false, true },
    { "unit_nusd_per", "", "what that price is per, as the commitment", offsetof(struct kw_choice, provision.own_per),
      sizeof(enum kw_commitment), false, true },
    { "prewarm_forecast", "", "replicas start before a forecast wants them: 0 no, 1 seasonal, 2 oracle",
      offsetof(struct kw_choice, prewarm.forecast), sizeof(enum kw_forecast_kind), false, true },
    { "prewarm_season_ns", "ns", "what repeats in it", offsetof(struct kw_choice, prewarm.season), sizeof(kw_ns), false,
      true },
    { "prewarm_step_ns", "ns", "of what is forecast", offsetof(struct kw_choice, prewarm.step), sizeof(kw_ns), false,
      true },
    { "prewarm_lead_ns", "ns", "from a start to its need; -1: as long as 95 % of the starts take",
      offsetof(struct kw_choice, prewarm.lead), sizeof(kw_ns), false, true },
    { "prewarm_least_millionths", "1e-6 request", "expected in a step for which a replica is held",
      offsetof(struct kw_choice, prewarm.least), sizeof(double), true, true },
    { "weights_from", "",
      "what a start loads weights from: 0 as the platform does, 1 network storage, 2 its node's disk",
      offsetof(struct kw_choice, weights_from), sizeof(enum kw_weights_from), false, true },
    { "snapshot", "", "1: every start restores a snapshot, as the user says", offsetof(struct kw_choice, snapshot),
      sizeof(uint32_t), false, true },
    { "pooled", "", "1: a public model, whose replicas the platform's customers share",
      offsetof(struct kw_choice, pooled), sizeof(uint32_t), false, true },
    { "others_per_hour_millionths", "1e-6 1/h", "the others' requests for it, as the user says",
      offsetof(struct kw_choice, others_per_hour), sizeof(double), true, true },
    { "hold_most_ns", "ns",
      "requests that may wait are held so long at the most; -1: as their objective lets; 0: none is",
      offsetof(struct kw_choice, hold.most), sizeof(kw_ns), false, true },
    { "hold_every_ns", "ns", "and released on this clock; 0: not", offsetof(struct kw_choice, hold.every),
      sizeof(kw_ns), false, true },
    { "hold_classes", "", "the classes that may wait, by their numbers as bits",
      offsetof(struct kw_choice, hold.classes), sizeof(uint32_t), false, true },
    { "ping_every_ns", "ns", "from one health check to the next; 0: none", offsetof(struct kw_choice, ping.every),
      sizeof(kw_ns), false, true },
    { "ping_prompt", "token", "of each", offsetof(struct kw_choice, ping.prompt), sizeof(uint32_t), false, true },
    FIELD("operations_nusd_month", operations_month, "1e-9 USD/month", "the user's share of an engineer"),
    { "engineer_nusd_month", "1e-9 USD/month", "the same for all deployments of its kind together",
      offsetof(struct kw_choice, engineer_month), sizeof(kw_nusd), false, true },
    { "monitoring_nusd_replica_month", "1e-9 USD/month", "the user's monitoring of a replica",
      offsetof(struct kw_choice, monitoring.replica_month), sizeof(kw_nusd), false, true },
    { "monitoring_nusd_gpu_month", "1e-9 USD/month", "the user's monitoring of a GPU",
      offsetof(struct kw_choice, monitoring.gpu_month), sizeof(kw_nusd), false, true },
    { "monitoring_nusd_mrequest", "1e-9 USD", "the user's monitoring of 1e6 requests",
      offsetof(struct kw_choice, monitoring.mrequest), sizeof(kw_nusd), false, true },
#undef FIELD
    { NULL, NULL, NULL, 0, 0, false, false },
};

void kw_choice_field_set(const struct kw_choice_field *f, struct kw_choice *c, int64_t v)
{
    uint32_t narrow = (uint32_t)v;
    double real = (double)v / 1e6;
    if (f->millionths) {
        memcpy((char *)c + f->offset, &real, sizeof real);
        return;
    }
    memcpy((char *)c + f->offset, f->size == sizeof narrow ? (const void *)&narrow : (const void *)&v, f->size);
}

const struct kw_usage_field kw_usage_field[] = {
#define FIELD(member, unit, text)                                                                                      \
    {                                                                                                                  \
#member, unit, text, offsetof(struct kw_usage, member), false                                                  \
    }
#define LATER(member, unit, text)                                                                                      \
    {                                                                                                                  \
#member, unit, text, offsetof(struct kw_usage, member), true                                                   \
    }
    FIELD(window, "ns", "observation window"),
    LATER(passes, "", "times the trace's window fits into it"),
    LATER(month, "ns", "the month it is scaled to"),
    { "gpu_provision", "ns", "billed GPU-ns in provision", offsetof(struct kw_usage, gpu_ns[KW_PHASE_PROVISION]),
      false },
    { "gpu_pull", "ns", "billed GPU-ns in image pull", offsetof(struct kw_usage, gpu_ns[KW_PHASE_PULL]), false },
    { "gpu_load", "ns", "billed GPU-ns in weight load", offsetof(struct kw_usage, gpu_ns[KW_PHASE_LOAD]), false },
    { "gpu_init", "ns", "billed GPU-ns in engine init", offsetof(struct kw_usage, gpu_ns[KW_PHASE_INIT]), false },
    { "gpu_restore", "ns", "billed GPU-ns in snapshot restore", offsetof(struct kw_usage, gpu_ns[KW_PHASE_RESTORE]),
      false },
    { "gpu_active", "ns", "billed GPU-ns with requests", offsetof(struct kw_usage, gpu_ns[KW_PHASE_ACTIVE]), false },
    { "gpu_keep_warm", "ns", "billed GPU-ns kept warm", offsetof(struct kw_usage, gpu_ns[KW_PHASE_KEEP_WARM]), false },
    { "gpu_idle", "ns", "billed GPU-ns of idle tails", offsetof(struct kw_usage, gpu_ns[KW_PHASE_IDLE]), false },
    { "gpu_drain", "ns", "billed GPU-ns draining", offsetof(struct kw_usage, gpu_ns[KW_PHASE_DRAIN]), false },
    { "gpu_failed_start", "ns", "billed GPU-ns of failed starts",
      offsetof(struct kw_usage, gpu_ns[KW_PHASE_FAILED_START]), false },
    FIELD(rounding_gpu_ns, "ns", "added by the meter's granularity"),
    FIELD(minimum_gpu_ns, "ns", "added by the minimum charge"),
    FIELD(unbilled_gpu_ns, "ns", "replica life the meter does not count"),
    FIELD(reserved_gpu_ns, "ns", "dedicated GPUs rented"),
    FIELD(standin_gpu_ns, "ns", "GPUs rented on demand while a spot machine was missing"),
    FIELD(busy_gpu_ns, "ns", "GPU-ns with requests, billed or not"),
    FIELD(requests, "request", "completed"),
    FIELD(tokens_in, "token", "prompt tokens, neither read from nor written to a cache, that no units carried"),
    FIELD(tokens_cached, "token", "prompt tokens read from a cache"),
    FIELD(tokens_cache_write, "token", "prompt tokens written to a cache"),
    FIELD(tokens_out, "token", "output tokens"),
    LATER(units, "unit", "bought ahead of an API, for the whole month"),
    LATER(units_used_millionths, "1e-6 unit", "what the tokens they carried take, on average"),
    LATER(carried_in, "token", "prompt tokens, neither read from nor written to a cache, that units carried"),
    LATER(carried_cached, "token", "prompt tokens read from a cache that units carried"),
    LATER(carried_cache_write, "token", "prompt tokens written to a cache that units carried"),
    LATER(carried_out, "token", "output tokens that units carried"),
    LATER(long_prompt, "token", "prompts longer than this are counted apart; 0: none"),
    LATER(long_in, "token", "of tokens_in, of requests with longer prompts"),
    LATER(long_cached, "token", "of tokens_cached, of requests with longer prompts"),
    LATER(long_cache_write, "token", "of tokens_cache_write, of requests with longer prompts"),
    LATER(long_out, "token", "of tokens_out, of requests with longer prompts"),
    LATER(ping_in, "token", "prompts of health checks, beside tokens_in"),
    LATER(ping_out, "token", "output of health checks, beside tokens_out"),
    LATER(egress_bytes, "byte", "sent out of the platform, where the user says what a token takes"),
#undef FIELD
#undef LATER
    { NULL, NULL, NULL, 0, false },
};

static void write_usage(struct kw_writer *w, const struct kw_results *r)
{
    uint32_t nd = max_deployments(r), nr = max_replications(r);
    size_t n = r->n * nr * nd;
    kw_writer_group(
        w, "/usage",
        "what was consumed: exact quantities, no prices; rows of a replication that was not simulated are 0");
    kw_writer_index(w, "/usage/point", "point", r->n, "configuration");
    kw_writer_index(w, "/usage/replication", "replication", nr, "0 is the trace as it is");
    kw_writer_index(w, "/usage/deployment", "deployment", nd, "place in the configuration");
    int64_t *v = malloc((n ? n : 1) * sizeof *v);
    if (!v) kw_writer_no_memory(w);
    for (const struct kw_usage_field *f = kw_usage_field; f->name && w->st == KW_OK; f++) {
        char path[96];
        snprintf(path, sizeof path, "/usage/%s", f->name);
        for (size_t i = 0; i < n; i++) {
            size_t point = i / (nr * nd), rep = i / nd % nr, dep = i % nd;
            const struct kw_point *p = &r->points[point];
            v[i] = 0;
            if (rep < p->replications && dep < p->n)
                memcpy(&v[i], (const char *)&p->usage[rep * p->n + dep] + f->offset, sizeof v[i]);
        }
        kw_writer_put(w,
                      (struct kw_h5_dataset){ path,
                                              KW_H5_I64,
                                              f->unit,
                                              f->description,
                                              3,
                                              { r->n, nr, nd },
                                              { "/usage/point", "/usage/replication", "/usage/deployment" },
                                              NULL,
                                              4 },
                      v);
    }
    free(v);
}

static void write_samples(struct kw_writer *w, const struct kw_results *r)
{
    uint32_t nr = max_replications(r);
    size_t n = r->n * nr;
    kw_writer_group(w, "/samples", "the figures of each replication; NaN where it was not simulated");
    kw_writer_index(w, "/samples/point", "point", r->n, "configuration");
    kw_writer_index(w, "/samples/replication", "replication", nr, "0 is the trace as it is");
    double *v = malloc((n ? n : 1) * sizeof *v);
    if (!v) kw_writer_no_memory(w);
    for (int m = 0; m < KW_METRICS && w->st == KW_OK; m++) {
        char path[96];
        snprintf(path, sizeof path, "/samples/%s", kw_metric_info[m].name);
        for (size_t i = 0; i < n; i++) {
            const struct kw_point *p = &r->points[i / nr];
            v[i] = i % nr < p->replications ? p->sample[i % nr][m] : NAN;
        }
        kw_writer_put(w,
                      (struct kw_h5_dataset){ path,
                                              KW_H5_F64,
                                              kw_metric_info[m].unit,
                                              kw_metric_info[m].description,
                                              2,
                                              { r->n, nr },
                                              { "/samples/point", "/samples/replication" },
                                              NULL,
                                              4 },
                      v);
    }
    free(v);
}

/* The other end of what is not known of the trace itself: nothing where nothing passes what was measured. */
static void write_beyond(struct kw_writer *w, const struct kw_results *r)
{
    bool any = false;
    for (size_t i = 0; i < r->n; i++) any |= kw_point_has_range(&r->points[i]);
    if (!any) return;
    uint32_t *known = malloc(r->n * sizeof *known);
    double *v = malloc(r->n * sizeof *v);
    if (!known || !v) {
        free(known);
        free(v);
        kw_writer_no_memory(w);
        return;
    }
    kw_writer_group(w, "/beyond", "replication 0 again, what lies beyond what was measured slower in proportion");
    kw_writer_index(w, "/beyond/point", "point", r->n, "configuration");
    struct kw_h5_dataset to = { "/beyond/known_to",
                                KW_H5_U32,
                                "token",
                                "the longest prompt TTFT was measured with; 0: no request passes it",
                                1,
                                { r->n },
                                { "/beyond/point" },
                                NULL,
                                4 };
    for (size_t i = 0; i < r->n; i++) known[i] = r->points[i].known_to;
    kw_writer_put(w, to, known);
    to.path = "/beyond/rate_known_to";
    to.description = "the most tokens, prompt and output, the output rate was measured with; 0: no request passes it";
    for (size_t i = 0; i < r->n; i++) known[i] = r->points[i].rate_known_to;
    kw_writer_put(w, to, known);
    to.path = "/beyond/steps_outside";
    to.type = KW_H5_F64;
    to.units = "1";
    to.description = "share of the engines' steps beyond what their times were measured at";
    for (size_t i = 0; i < r->n; i++) v[i] = r->points[i].steps_outside;
    kw_writer_put(w, to, v);
    to.path = "/beyond/adapter_overhead";
    to.description = "how much longer a step with LoRA adapters may take at the most; 0: no range, or none of them";
    for (size_t i = 0; i < r->n; i++) v[i] = r->points[i].adapter_overhead;
    kw_writer_put(w, to, v);
    for (int m = 0; m < KW_METRICS && w->st == KW_OK; m++) {
        char path[96];
        snprintf(path, sizeof path, "/beyond/%s", kw_metric_info[m].name);
        for (size_t i = 0; i < r->n; i++) v[i] = kw_point_has_range(&r->points[i]) ? r->points[i].beyond[m] : NAN;
        kw_writer_put(w,
                      (struct kw_h5_dataset){ path,
                                              KW_H5_F64,
                                              kw_metric_info[m].unit,
                                              kw_metric_info[m].description,
                                              1,
                                              { r->n },
                                              { "/beyond/point" },
                                              NULL,
                                              4 },
                      v);
    }
    free(known);
    free(v);
}

/* ---- /groups: figures by class and model, and by deployment */

static const char *group_word(const struct kw_point_group *g, int which)
{
    return which == 0 ? g->klass : which == 1 ? g->model : which == 2 ? g->region : g->deployment;
}

static void write_groups(struct kw_writer *w, const struct kw_results *r)
{
    static const struct {
        const char *path, *text;
    } words[] = { { "/groups/class", "class of the requests; empty: of all" },
                  { "/groups/model", "model they ask for; empty: of all" },
                  { "/groups/region", "region they come from; empty: of all" },
                  { "/groups/deployment", "deployment that they ended at; empty: of all" } };
    size_t ng = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->points[i].n_groups > ng) ng = r->points[i].n_groups;
    if (!ng) return;
    size_t n = r->n * ng;
    const char *dims[2] = { "/groups/point", "/groups/group" };
    kw_writer_group(w, "/groups",
                    "figures of the requests of each class, model and region, then of each deployment, where there are "
                    "several; a point with fewer has 0 requests in the rest");
    kw_writer_index(w, dims[0], "point", r->n, "configuration");
    kw_writer_index(w, dims[1], "group", ng, "place among the configuration's groups");
    char *block = calloc(n, NAME_SIZE);
    double *v = malloc(n * sizeof *v);
    uint64_t *requests = calloc(n, sizeof *requests);
    if (!block || !v || !requests) kw_writer_no_memory(w);
    for (int k = 0; k < 4 && w->st == KW_OK; k++) {
        memset(block, 0, n * NAME_SIZE);
        for (size_t i = 0; i < n; i++)
            if (i % ng < r->points[i / ng].n_groups)
                snprintf(block + i * NAME_SIZE, NAME_SIZE, "%s", group_word(&r->points[i / ng].group[i % ng], k));
        put_names(w,
                  (struct kw_h5_dataset){
                      words[k].path, KW_H5_STR, "", words[k].text, 2, { r->n, ng }, { dims[0], dims[1] }, NULL, 4 },
                  n, block);
    }
    for (size_t i = 0; i < n && w->st == KW_OK; i++)
        if (i % ng < r->points[i / ng].n_groups) requests[i] = r->points[i / ng].group[i % ng].arrived;
    if (w->st == KW_OK)
        kw_writer_put(w,
                      (struct kw_h5_dataset){ "/groups/requests",
                                              KW_H5_U64,
                                              "request",
                                              "over all replications",
                                              2,
                                              { r->n, ng },
                                              { dims[0], dims[1] },
                                              NULL,
                                              4 },
                      requests);
    for (int m = 0; m < 3 * KW_METRICS && w->st == KW_OK; m++) {
        enum kw_metric metric = (enum kw_metric)(m / 3);
        char path[96], text[200];
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            const struct kw_point *p = &r->points[i / ng];
            v[i] = i % ng < p->n_groups ? side_of(kw_point_group_told(p, (uint32_t)(i % ng), metric), m % 3) : NAN;
            any |= !isnan(v[i]);
        }
        if (!any) continue; /* not a figure of groups, or no intervals */
        snprintf(path, sizeof path, "/groups/%s%s", kw_metric_info[metric].name, side_suffix[m % 3]);
        snprintf(text, sizeof text, "%.150s%s", kw_metric_info[metric].description, side_text[m % 3]);
        kw_writer_put(
            w,
            (struct kw_h5_dataset){
                path, KW_H5_F64, kw_metric_info[metric].unit, text, 2, { r->n, ng }, { dims[0], dims[1] }, NULL, 4 },
            v);
    }
    free(block);
    free(v);
    free(requests);
}

/* The figures of each group in each replication, and what a class and model is charged of each deployment's bill: what
 * it takes to judge and to price them again. */
static void write_group_samples(struct kw_writer *w, const struct kw_results *r)
{
    size_t ng = 0, nr = max_replications(r), nd = max_deployments(r);
    for (size_t i = 0; i < r->n; i++)
        if (r->points[i].n_groups > ng) ng = r->points[i].n_groups;
    if (!ng) return;
    size_t n = r->n * nr * ng;
    const char *dims[4] = { "/group_samples/point", "/group_samples/replication", "/group_samples/group",
                            "/group_samples/deployment" };
    kw_writer_group(w, "/group_samples", "the figures of /groups in each replication; NaN where there is none");
    kw_writer_index(w, dims[0], "point", r->n, "configuration");
    kw_writer_index(w, dims[1], "replication", nr, "0 is the trace as it is");
    kw_writer_index(w, dims[2], "group", ng, "place among the configuration's groups");
    kw_writer_index(w, dims[3], "deployment", nd, "place in the configuration");
    double *v = malloc(n * (nd > 1 ? nd : 1) * sizeof *v);
    if (!v) kw_writer_no_memory(w);
    for (int m = 0; m < KW_METRICS && w->st == KW_OK; m++) {
        char path[96];
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            const struct kw_point *p = &r->points[i / (nr * ng)];
            size_t rep = i / ng % nr, g = i % ng;
            v[i] = g < p->n_groups && rep < p->replications ? p->group_sample[rep * p->n_groups + g][m] : NAN;
            any |= !isnan(v[i]);
        }
        if (!any) continue;
        snprintf(path, sizeof path, "/group_samples/%s", kw_metric_info[m].name);
        kw_writer_put(w,
                      (struct kw_h5_dataset){ path,
                                              KW_H5_F64,
                                              kw_metric_info[m].unit,
                                              kw_metric_info[m].description,
                                              3,
                                              { r->n, nr, ng },
                                              { dims[0], dims[1], dims[2] },
                                              NULL,
                                              4 },
                      v);
    }
    for (size_t i = 0; i < n * nd && v; i++) {
        const struct kw_point *p = &r->points[i / (nr * ng * nd)];
        size_t rep = i / (ng * nd) % nr, g = i / nd % ng, d = i % nd;
        bool there = g < p->n_classes && rep < p->replications && d < p->n;
        v[i] = there ? p->share[(rep * p->n_classes + g) * p->n + d] : 0;
    }
    if (v)
        kw_writer_put(w,
                      (struct kw_h5_dataset){ "/group_samples/share",
                                              KW_H5_F64,
                                              "1",
                                              "of the deployment's bill, charged to the class and model",
                                              4,
                                              { r->n, nr, ng, nd },
                                              { dims[0], dims[1], dims[2], dims[3] },
                                              NULL,
                                              4 },
                      v);
    free(v);
}

/* ---- /series and /hist */

static void write_series(struct kw_writer *w, const struct kw_results *r)
{
    size_t nt = 0;
    kw_ns step = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->points[i].series.n > nt) {
            nt = r->points[i].series.n;
            step = r->points[i].series.step;
        }
    if (!nt) return;
    static const struct {
        const char *path, *unit, *text;
        size_t offset;
    } columns[] = {
        { "/series/arrivals", "request", "arrivals in the interval", offsetof(struct kw_series, arrivals) },
        { "/series/completions", "request", "completions in the interval", offsetof(struct kw_series, completions) },
        { "/series/rejections", "request", "rejections in the interval", offsetof(struct kw_series, rejections) },
        { "/series/queue", "request", "waiting at the interval's end", offsetof(struct kw_series, queue) },
        { "/series/ready_busy", "replica", "ready with requests, at the interval's end",
          offsetof(struct kw_series, ready_busy) },
        { "/series/ready_idle", "replica", "ready without, at the interval's end",
          offsetof(struct kw_series, ready_idle) },
        { "/series/starting", "replica", "starting, at the interval's end", offsetof(struct kw_series, starting) },
    };
    kw_writer_group(w, "/series", "over time, replication 0");
    kw_writer_index(w, "/series/point", "point", r->n, "configuration");
    double *t = malloc(nt * sizeof *t);
    uint32_t *v = malloc(r->n * nt * sizeof *v);
    if (!t || !v) kw_writer_no_memory(w);
    if (t && v) {
        for (size_t k = 0; k < nt; k++) t[k] = kw_nano_to_double(step) * (double)(k + 1);
        kw_writer_put(w,
                      (struct kw_h5_dataset){ "/series/time",
                                              KW_H5_F64,
                                              "s",
                                              "end of the interval since the trace began",
                                              1,
                                              { nt },
                                              { NULL },
                                              "time",
                                              4 },
                      t);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            for (size_t i = 0; i < r->n; i++) {
                const struct kw_series *s = &r->points[i].series;
                uint32_t *from;
                memcpy(&from, (const char *)s + columns[c].offset, sizeof from);
                for (size_t k = 0; k < nt; k++) v[i * nt + k] = k < s->n ? from[k] : 0;
            }
            kw_writer_put(w,
                          (struct kw_h5_dataset){ columns[c].path,
                                                  KW_H5_U32,
                                                  columns[c].unit,
                                                  columns[c].text,
                                                  2,
                                                  { r->n, nt },
                                                  { "/series/point", "/series/time" },
                                                  NULL,
                                                  4 },
                          v);
        }
    }
    free(t);
    free(v);
}

/* The file's bins: 16 an octave of ns from 2^10 (about 1 us) to 2^50 (13 days); the exact buckets stay in memory. */
#define BIN_OCTAVES 40
#define BINS (BIN_OCTAVES * 16)

static size_t bin_of(double ns)
{
    double b = 16 * (log2(ns > 1 ? ns : 1) - 10);
    return b < 0 ? 0 : b >= BINS ? BINS - 1 : (size_t)b;
}

static void write_hist(struct kw_writer *w, const struct kw_results *r)
{
    static const struct {
        const char *path, *text;
        size_t offset;
        double ns; /* of a unit of the histogram: ITL is kept in ps (fleet.h) */
    } which[] = {
        { "/hist/ttft", "arrival to first output token", offsetof(struct kw_point, ttft), 1 },
        { "/hist/tpot", "(E2E - TTFT) / (output tokens - 1), one a request", offsetof(struct kw_point, tpot), 1 },
        { "/hist/itl", "each gap between two tokens", offsetof(struct kw_point, itl), 1e-3 },
        { "/hist/e2e", "arrival to last output token", offsetof(struct kw_point, e2e), 1 },
        { "/hist/cold_start", "a replica's order until it is ready", offsetof(struct kw_point, start), 1 },
    };
    kw_writer_group(w, "/hist", "histograms over all replications");
    kw_writer_index(w, "/hist/point", "point", r->n, "configuration");
    double *edge = malloc(BINS * sizeof *edge);
    uint64_t *v = malloc((r->n ? r->n : 1) * BINS * sizeof *v);
    if (!edge || !v) kw_writer_no_memory(w);
    if (edge && v) {
        for (int b = 0; b < BINS; b++) edge[b] = exp2(10 + b / 16.0) * 1e-9;
        kw_writer_put(w,
                      (struct kw_h5_dataset){ "/hist/bin",
                                              KW_H5_F64,
                                              "s",
                                              "lower edge; 16 bins an octave; the first and last take the rest",
                                              1,
                                              { BINS },
                                              { NULL },
                                              "bin",
                                              4 },
                      edge);
        for (size_t h = 0; h < 4; h++) {
            memset(v, 0, r->n * BINS * sizeof *v);
            for (size_t i = 0; i < r->n; i++) {
                const struct kw_hist *hist = (const struct kw_hist *)((const char *)&r->points[i] + which[h].offset);
                if (!hist->n) continue;
                for (size_t b = kw_hist_bucket(hist->min); b <= kw_hist_bucket(hist->max); b++)
                    v[i * BINS + bin_of((double)kw_hist_lower(b) * which[h].ns)] += hist->count[b];
            }
            kw_writer_put(w,
                          (struct kw_h5_dataset){ which[h].path,
                                                  KW_H5_U64,
                                                  "1",
                                                  which[h].text,
                                                  2,
                                                  { r->n, BINS },
                                                  { "/hist/point", "/hist/bin" },
                                                  NULL,
                                                  4 },
                          v);
        }
    }
    free(edge);
    free(v);
}

/* ---- /requests */

#define PER_REQUEST(w, ctype, h5type, name, unit, text, expr)                                                          \
    do {                                                                                                               \
        ctype *v_ = (ctype *)buffer;                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const struct kw_record *q = &p->records[i];                                                                \
            v_[i] = (expr);                                                                                            \
        }                                                                                                              \
        kw_writer_put(w,                                                                                               \
                      (struct kw_h5_dataset){                                                                          \
                          "/requests/" name, h5type, unit, text, 1, { n }, { "/requests/request" }, NULL, 4 },         \
                      v_);                                                                                             \
    } while (0)

static void write_requests(struct kw_writer *w, const struct kw_results *r)
{
    if (!r->trace || r->n != 1 || !r->points[0].records) return;
    const struct kw_point *p = &r->points[0];
    const struct kw_trace *t = r->trace;
    size_t n = p->n_records;
    void *buffer = malloc((n ? n : 1) * sizeof(double));
    if (!buffer) {
        kw_writer_no_memory(w);
        return;
    }
    kw_writer_group(w, "/requests",
                    "one row a request, replication 0; status 0 completed, 1 rejected, 2 timed out, 3 too long");
    kw_writer_index(w, "/requests/request", "request", n, "in order of arrival");
    PER_REQUEST(w, int64_t, KW_H5_I64, "arrival_ns", "ns", "since the trace began", q->arrival);
    PER_REQUEST(w, uint32_t, KW_H5_U32, "prompt_tokens", "token", "input tokens", t->prompt[q->request]);
    PER_REQUEST(w, uint32_t, KW_H5_U32, "output_tokens", "token", "output tokens asked", t->output[q->request]);
    PER_REQUEST(w, int64_t, KW_H5_I64, "ttft_ns", "ns", "arrival to first output token; -1: none", q->ttft);
    PER_REQUEST(w, int64_t, KW_H5_I64, "e2e_ns", "ns", "arrival to last output token; -1: not completed", q->e2e);
    PER_REQUEST(w, uint8_t, KW_H5_U8, "status", "", "see the group's description", q->status);
    PER_REQUEST(w, uint8_t, KW_H5_U8, "deployment", "", "which deployment answered", q->deployment);
    PER_REQUEST(w, uint8_t, KW_H5_U8, "cold", "", "1: waited for a replica to start", q->cold);
    PER_REQUEST(w, uint8_t, KW_H5_U8, "attempts", "", "tries by the client", q->attempts);
    PER_REQUEST(w, uint32_t, KW_H5_U32, "cached_tokens", "token", "prompt tokens found in the prefix cache",
                q->cached_tokens);
    if (!isnan(p->m[KW_METRIC_HOST_TOKENS].value))
        PER_REQUEST(w, uint32_t, KW_H5_U32, "loaded_tokens", "token", "of cached_tokens: loaded from the host's memory",
                    q->loaded_tokens);
    PER_REQUEST(w, uint32_t, KW_H5_U32, "preemptions", "", "times preempted and recomputed", q->preemptions);
    free(buffer);
}

/* Of the recommendation, a line each: when its offers were seen on sale, whose latency stands in. Of what the plan left
 * out, what cannot be bought any more. */
static void write_sales(struct kw_writer *w, const struct kw_plan *p)
{
    struct kw_text seen = { 0 }, latency = { 0 }, gone = { 0 };
    char buf[400];
    enum { MOST = 64 }; /* an attribute is of 64 KiB at most */
    const struct kw_candidate *c = p->best < 0 ? NULL : &p->candidates[p->best];
    for (uint32_t k = 0; c && k < c->n; k++) {
        kw_sale_text(kw_choice_sale(&c->choice[k]), buf, sizeof buf);
        kw_text_add(&seen, "%s%s%s%s", k ? "\n" : "", c->n > 1 ? c->choice[k].name : "", c->n > 1 ? ": " : "", buf);
        if (*kw_choice_stand_in(&c->choice[k], buf, sizeof buf))
            kw_text_add(&latency, "%s%s", latency.n ? "\n" : "", buf);
    }
    for (size_t i = 0, n = 0; i < p->n_dropped && n < MOST; i++)
        if (p->dropped[i].unsold)
            kw_text_add(&gone, "%s%s: %s", n++ ? "\n" : "", p->dropped[i].what, p->dropped[i].why);
    if (seen.failed || latency.failed || gone.failed) kw_writer_no_memory(w);
    if (seen.n) kw_writer_attr(w, "on_sale", seen.s);
    if (latency.n) kw_writer_attr(w, "latency_of", latency.s);
    if (gone.n) kw_writer_attr(w, "not_on_sale", gone.s);
    kw_text_free(&seen);
    kw_text_free(&latency);
    kw_text_free(&gone);
}

/* Of the whole plan, a line each: what may stand in for the model, and which platforms lack what is required. */
static void write_choice(struct kw_writer *w, const struct kw_plan *p)
{
    struct kw_text substitutes = { 0 }, without = { 0 };
    char buf[4000];
    for (size_t i = 0; i < p->n_substitutes; i++)
        kw_text_add(&substitutes, "%s%s", i ? "\n" : "", kw_plan_substitute_text(p, i, buf, sizeof buf));
    for (int a = 0; a < KW_ATTRIBUTES; a++)
        if (*kw_plan_without_text(p, (enum kw_attribute)a, buf, sizeof buf))
            kw_text_add(&without, "%s%s", without.n ? "\n" : "", buf);
    if (substitutes.failed || without.failed) kw_writer_no_memory(w);
    if (substitutes.n) kw_writer_attr(w, "substitutes", substitutes.s);
    if (without.n) kw_writer_attr(w, "without_attribute", without.s);
    kw_text_free(&substitutes);
    kw_text_free(&without);
}

/* Of the recommendation, a line each: how thin its margin is, what would flip it, what it does under worse inputs, what
 * is assumed, and what of its bill nobody tells. */
static void write_remarks(struct kw_writer *w, const struct kw_plan *p, const struct kw_trace *trace)
{
    struct kw_text flips = { 0 }, worse = { 0 }, assumed = { 0 }, unknown = { 0 };
    const struct kw_candidate *best = &p->candidates[p->best];
    char buf[1000], move[24];
    kw_writer_attr(w, "margin", kw_plan_margin_text(p, buf, sizeof buf));
    enum { MOST = 16 }; /* an attribute is of 64 KiB at most */
    for (size_t i = 0; i < p->n_flips && i < MOST && isfinite(p->flips[i].move.value); i++)
        kw_text_add(&flips, "%s%s: %s", i ? "\n" : "", kw_flip_move_text(&p->flips[i], move, sizeof move),
                    kw_flip_text(&p->flips[i], buf, sizeof buf));
    for (size_t i = 0; i < p->n_stress; i++)
        kw_text_add(&worse, "%s%s", i ? "\n" : "", kw_plan_stress_text(p, i, buf, sizeof buf));
    for (size_t i = 0; i < p->n_assumptions && i < 4 * MOST; i++)
        kw_text_add(&assumed, "%s%s", i ? "\n" : "", p->assumptions[i]);
    for (uint32_t k = 0; trace && k < best->n; k++) {
        if (*kw_choice_unknown(&best->choice[k], trace, buf, sizeof buf))
            kw_text_add(&unknown, "%s%s", unknown.n ? "\n" : "", buf);
        if (*kw_choice_unlimited(&best->choice[k], trace, buf, sizeof buf))
            kw_text_add(&unknown, "%s%s", unknown.n ? "\n" : "", buf);
    }
    struct kw_text required = { 0 };
    char what[1200];
    for (size_t i = 0; i < p->n_require; i++)
        kw_text_add(&required, "%s%s", i ? "\n" : "", kw_plan_required_text(p, i, what, sizeof what));
    if (required.failed) kw_writer_no_memory(w);
    if (required.n) kw_writer_attr(w, "required", required.s);
    kw_text_free(&required);
    if (flips.failed || worse.failed || assumed.failed || unknown.failed) kw_writer_no_memory(w);
    kw_writer_attr(w, "flips_if", flips.s);
    kw_writer_attr(w, "if_worse", worse.s);
    kw_writer_attr(w, "assumed", assumed.s);
    kw_writer_attr(w, "not_known", unknown.s);
    kw_text_free(&flips);
    kw_text_free(&worse);
    kw_text_free(&assumed);
    kw_text_free(&unknown);
}

/* What became of the candidates: bounded + stopped + simulated are all of them. */
static void write_search(struct kw_writer *w, const struct kw_plan *p)
{
    kw_writer_attr_i64(w, "search_gated", (int64_t)p->n_dropped);
    kw_writer_attr_i64(w, "search_candidates", (int64_t)p->count.candidates);
    kw_writer_attr_i64(w, "search_bounded", (int64_t)p->count.bounded);
    kw_writer_attr_i64(w, "search_stopped", (int64_t)p->count.stopped);
    kw_writer_attr_i64(w, "search_simulated", (int64_t)p->count.simulated);
    kw_writer_attr_i64(w, "search_raced", (int64_t)p->count.raced);
}

static void write_plan(struct kw_writer *w, const struct kw_results *r)
{
    const struct kw_plan *p = r->plan;
    if (!p) return;
    kw_writer_attr(w, "recommendation", p->recommendation);
    kw_writer_attr(w, "why", p->why);
    write_sales(w, p);
    write_choice(w, p);
    if (p->best >= 0) write_remarks(w, p, r->trace);
    kw_writer_attr_i64(w, "best", (int64_t)p->best);
    kw_writer_attr_i64(w, "runner_up", (int64_t)p->runner_up);
    kw_writer_attr_i64(w, "nearest_miss", (int64_t)p->nearest_miss);
    kw_writer_attr_i64(w, "tie", p->tie);
    write_search(w, p);
    kw_writer_attr_i64(w, "thin", p->best >= 0 && p->points[p->best].margin.thin);
}

static void write_window(struct kw_writer *w, const struct kw_window *x)
{
    char text[512];
    kw_writer_attr(w, "window", kw_window_text(x, text, sizeof text));
    kw_writer_attr(w, "window_chosen", kw_window_chosen_name[x->chosen]);
    kw_writer_attr_i64(w, "window_ns", x->end - x->begin);
    if (x->begin_unix != INT64_MIN) kw_writer_attr_i64(w, "window_begin_unix_s", x->begin_unix);
}

enum kw_status kw_results_write(const struct kw_results *r, const char *path, int64_t created_utc, struct kw_error *err)
{
    struct kw_writer w;
    enum kw_status st = kw_writer_open(&w, path, err);
    if (st != KW_OK) return st;
    kw_writer_about(&w, "keepwarm result", KW_RESULTS_SCHEMA, r->command);
    kw_writer_attr(&w, "config_json", r->config_json);
    kw_writer_attr_i64(&w, "seed", (int64_t)r->seed);
    kw_writer_attr(&w, "trace_sha256", r->trace_sha256);
    kw_writer_attr(&w, "trace_source", r->trace_source);
    kw_writer_attr(&w, "scaling", r->scaling);
    if (r->window) write_window(&w, r->window);
    kw_writer_attr_i64(&w, "month_ns", r->month);
    if (r->profiles && *r->profiles) kw_writer_attr(&w, "profiles", r->profiles);
    if (r->platforms && *r->platforms) kw_writer_attr(&w, "platforms", r->platforms);
    if (r->folder) kw_writer_attr(&w, "folder", r->folder);
    bool one_model = r->trace && (!r->trace->model || r->trace->n_models == 1);
    if (one_model && r->trace->klass && r->trace->n_classes == 1)
        kw_writer_attr(&w, "only_class", *r->trace->class_name);
    kw_writer_created(&w, created_utc);
    write_points(&w, r);
    write_bill(&w, r);
    write_deployments(&w, r);
    write_usage(&w, r);
    write_samples(&w, r);
    write_beyond(&w, r);
    write_groups(&w, r);
    write_group_samples(&w, r);
    write_series(&w, r);
    write_hist(&w, r);
    write_requests(&w, r);
    write_plan(&w, r);
    if (r->parts) kw_results_flips(&w, r->parts);
    if (r->migration) kw_results_migration(&w, r->migration);
    if (r->volumes) kw_results_volumes(&w, r->volumes, r->volume_model, r->n_volumes);
    if (r->parts) kw_results_tradeoffs(&w, r->parts);
    if (r->document) kw_results_document(&w, r->document);
    return kw_writer_close(&w);
}
