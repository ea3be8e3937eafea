/* /keep_warm_curve and /frontier of a result: a column a figure and each end of its interval, as /points has them. */
#include "sim/io/results/results_tradeoffs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rows {
    size_t n;
    const struct kw_tradeoff **of; /* [n], owned, as the next three */
    const char **model, **platform;
    char **label; /* each owned too */
    uint32_t *curve;
};

static void rows_free(struct rows *x)
{
    for (size_t i = 0; i < x->n && x->label; i++) free(x->label[i]);
    free(x->of);
    free(x->model);
    free(x->platform);
    free(x->label);
    free(x->curve);
}

static bool rows_init(struct rows *x, size_t most)
{
    *x = (struct rows){ .of = malloc((most + 1) * sizeof *x->of),
                        .model = malloc((most + 1) * sizeof *x->model),
                        .platform = malloc((most + 1) * sizeof *x->platform),
                        .label = malloc((most + 1) * sizeof *x->label),
                        .curve = malloc((most + 1) * sizeof *x->curve) };
    return x->of && x->model && x->platform && x->label && x->curve;
}

static bool add(struct rows *x, const struct kw_tradeoff *of, const struct kw_candidate *c, const char *model,
                uint32_t curve)
{
    char label[320];
    x->of[x->n] = of;
    x->model[x->n] = model;
    x->platform[x->n] = c->choice[0].platform->name;
    x->curve[x->n] = curve;
    x->label[x->n] = strdup(kw_candidate_label(c, label, sizeof label));
    return x->label[x->n++] != NULL;
}

static bool gather(struct rows *x, const struct kw_plan_parts *parts, bool curves)
{
    size_t most = 0;
    uint32_t curve = 0;
    for (size_t i = 0; i < parts->n; i++) {
        const struct kw_tradeoffs *t = &parts->part[i].plan.tradeoffs;
        for (size_t k = 0; k < t->n_curves && curves; k++) most += t->curve[k].n;
        if (!curves) most += t->n_frontier;
    }
    bool ok = rows_init(x, most);
    for (size_t i = 0; i < parts->n && ok; i++) {
        const struct kw_plan *p = &parts->part[i].plan;
        const char *model = parts->part[i].model;
        const struct kw_tradeoffs *t = &p->tradeoffs;
        for (size_t k = 0; k < t->n_curves && curves; k++, curve++)
            for (size_t j = 0; j < t->curve[k].n && ok; j++)
                ok = add(x, &t->curve[k].point[j], &p->candidates[t->curve[k].leader], model, curve);
        for (size_t k = 0; k < t->n_frontier && !curves && ok; k++)
            ok = add(x, &t->frontier[k], &p->candidates[t->frontier[k].candidate], model, 0);
    }
    return ok;
}

/* One value a row, under the group. */
static void put(struct kw_writer *w, const char *group, const char *name, enum kw_h5_type type, const char *unit,
                const char *description, size_t n, const void *data)
{
    char path[96], row[48];
    snprintf(path, sizeof path, "%s/%s", group, name);
    snprintf(row, sizeof row, "%s/row", group);
    kw_writer_put(w, (struct kw_h5_dataset){ path, type, unit, description, 1, { n }, { row }, NULL, 0 }, data);
}

static void put_figures(struct kw_writer *w, const char *group, const struct rows *x, double *v)
{
    static const char *const suffix[] = { "", "_lo", "_hi" };
    static const char *const end[] = { "", ", 95 % interval, low end; NaN: not known", ", high end" };
    for (int k = 0; k < KW_TRADEOFF_FIGURES; k++)
        for (int side = 0; side < 3; side++) {
            const struct kw_metric_info *m = &kw_metric_info[kw_tradeoff_metric[k]];
            char name[64], text[200];
            for (size_t i = 0; i < x->n; i++) {
                const struct kw_estimate *e = &x->of[i]->of[k];
                v[i] = side == 0 ? e->value : side == 1 ? e->lo : e->hi;
            }
            snprintf(name, sizeof name, "%s%s", m->name, suffix[side]);
            snprintf(text, sizeof text, "%.120s%s", m->description, end[side]);
            put(w, group, name, KW_H5_F64, m->unit, text, x->n, v);
        }
}

static void write_rows(struct kw_writer *w, const char *group, const struct rows *x)
{
    char row[48];
    double *v = malloc((x->n + 1) * sizeof *v);
    uint32_t *count = malloc((x->n + 1) * sizeof *count);
    uint8_t *feasible = malloc(x->n + 1);
    snprintf(row, sizeof row, "%s/row", group);
    kw_writer_index(w, row, "row", x->n, "a configuration");
    put(w, group, "model", KW_H5_STR, "", "whose traffic it is", x->n, x->model);
    put(w, group, "platform", KW_H5_STR, "", "its first deployment's", x->n, x->platform);
    if (v && count && feasible) {
        for (size_t i = 0; i < x->n; i++) count[i] = x->of[i]->keep_warm;
        put(w, group, "keep_warm", KW_H5_U32, "replica", "replicas kept ready, first deployment", x->n, count);
        put_figures(w, group, x, v);
        for (size_t i = 0; i < x->n; i++) feasible[i] = x->of[i]->feasible;
        put(w, group, "feasible", KW_H5_U8, "", "1: meets every objective on the trace itself", x->n, feasible);
        for (size_t i = 0; i < x->n; i++) count[i] = x->of[i]->drawn;
        put(w, group, "drawings", KW_H5_U32, "", "drawings of the days that the intervals rest on", x->n, count);
        for (size_t i = 0; i < x->n; i++) count[i] = x->of[i]->met;
        put(w, group, "feasible_in", KW_H5_U32, "", "of these, in which it meets every objective", x->n, count);
    } else {
        kw_writer_no_memory(w);
    }
    free(v);
    free(count);
    free(feasible);
}

void kw_results_tradeoffs(struct kw_writer *w, const struct kw_plan_parts *parts)
{
    static const struct {
        const char *group, *of, *label;
        bool curves;
    } groups[] = { { "/keep_warm_curve", "the best offer of a platform at each keep_warm",
                     "the configuration whose offer, idle timeout and concurrency the curve has", true },
                   { "/frontier", "the Pareto frontier of cost against TTFT p95", "short name, as in /points",
                     false } };
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        struct rows x;
        bool ok = gather(&x, parts, groups[g].curves);
        if (!ok) kw_writer_no_memory(w);
        if (ok && x.n) {
            kw_writer_group(w, groups[g].group, groups[g].of);
            write_rows(w, groups[g].group, &x);
            put(w, groups[g].group, "label", KW_H5_STR, "", groups[g].label, x.n, x.label);
            if (groups[g].curves)
                put(w, groups[g].group, "curve", KW_H5_U32, "", "which curve the row is of", x.n, x.curve);
        }
        rows_free(&x);
    }
}
