/* /volumes and /crossings of a result: plans at other volumes, and where the cheapest kind changes. A row is a volume of one
 * model; kinds stand side by side. */
#include "sim/io/results/results_volumes.h"
#include <math.h>
#include <stdlib.h>

struct rows {
    size_t n, crossings;
    const struct kw_volume_point **volume; /* [n] */
    const struct kw_crossing **crossing;   /* [crossings] */
    const char **of, **crossing_of;        /* the model */
};

static bool gather(struct rows *x, const struct kw_breakeven *b, const char *const *model, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x->n += b[i].n_volumes;
        x->crossings += b[i].n_crossings;
    }
    x->volume = malloc((x->n + 1) * sizeof *x->volume);
    x->of = malloc((x->n + 1) * sizeof *x->of);
    x->crossing = malloc((x->crossings + 1) * sizeof *x->crossing);
    x->crossing_of = malloc((x->crossings + 1) * sizeof *x->crossing_of);
    if (!x->volume || !x->of || !x->crossing || !x->crossing_of) return false;
    size_t v = 0, c = 0;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < b[i].n_volumes; k++, v++) {
            x->volume[v] = &b[i].volume[k];
            x->of[v] = model[i];
        }
        for (uint32_t k = 0; k < b[i].n_crossings; k++, c++) {
            x->crossing[c] = &b[i].crossing[k];
            x->crossing_of[c] = model[i];
        }
    }
    return true;
}

static double of_kind(const struct kw_kind_best *k, int column)
{
    switch (column) {
    case 0: return k->cost.value;
    case 1: return k->cost.lo;
    case 2: return k->cost.hi;
    case 3: return k->ttft_p95_s;
    case 4: return k->utilisation;
    default: return k->capacity_used;
    }
}

/* One value a row. */
static void put(struct kw_writer *w, const char *path, enum kw_h5_type type, const char *unit, const char *description,
                size_t n, const char *dim, const void *data)
{
    kw_writer_put(w, (struct kw_h5_dataset){ path, type, unit, description, 1, { n }, { dim }, NULL, 0 }, data);
}

/* One a row and kind. */
static void put_kinds(struct kw_writer *w, const char *path, enum kw_h5_type type, const char *unit,
                      const char *description, size_t n, const void *data)
{
    kw_writer_put(
        w,
        (struct kw_h5_dataset){
            path, type, unit, description, 2, { n, KW_KINDS }, { "/volumes/volume", "/volumes/kind" }, NULL, 0 },
        data);
}

static void write_volumes(struct kw_writer *w, const struct rows *x)
{
    static const struct {
        const char *path, *unit, *description;
    } column[] = { { "/volumes/cost_usd_month", "USD", "of the best of the kind; NaN: none meets the objectives" },
                   { "/volumes/cost_usd_month_lo", "USD", "lower end of its 95 % interval; NaN: not known" },
                   { "/volumes/cost_usd_month_hi", "USD", "upper end" },
                   { "/volumes/ttft_p95_s", "s", "its TTFT p95" },
                   { "/volumes/utilisation", "1", "share of its replicas' time with requests" },
                   { "/volumes/capacity_used", "1", "share of the tokens that its replicas could make" } };
    const char *dim = "/volumes/volume";
    size_t cells = x->n * KW_KINDS;
    double *v = malloc((cells + 1) * sizeof *v);
    const char **label = malloc((cells + 1) * sizeof *label);
    int64_t *cheapest = malloc((x->n + 1) * sizeof *cheapest);
    kw_writer_group(w, "/volumes", "the best of each kind planned anew at other volumes of the same traffic");
    kw_writer_index(w, dim, "volume", x->n, "a volume of a model");
    kw_writer_index(w, "/volumes/kind", "kind", KW_KINDS, "kind of platform, named in kind_name");
    put(w, "/volumes/kind_name", KW_H5_STR, "", "name of each kind", KW_KINDS, "/volumes/kind", kw_kind_name);
    put(w, "/volumes/model", KW_H5_STR, "", "whose traffic it is", x->n, dim, x->of);
    if (!v || !label || !cheapest) {
        kw_writer_no_memory(w);
    } else {
        for (size_t i = 0; i < x->n; i++) v[i] = x->volume[i]->tokens_month;
        put(w, "/volumes/tokens_month", KW_H5_F64, "token", "prompt and output tokens a month", x->n, dim, v);
        for (size_t i = 0; i < x->n; i++) cheapest[i] = x->volume[i]->winner;
        put(w, "/volumes/cheapest", KW_H5_I64, "", "index of the cheapest kind; -1: none", x->n, dim, cheapest);
        for (size_t c = 0; c < sizeof column / sizeof *column; c++) {
            for (size_t i = 0; i < cells; i++) v[i] = of_kind(&x->volume[i / KW_KINDS]->kind[i % KW_KINDS], (int)c);
            put_kinds(w, column[c].path, KW_H5_F64, column[c].unit, column[c].description, x->n, v);
        }
        for (size_t i = 0; i < cells; i++) label[i] = x->volume[i / KW_KINDS]->kind[i % KW_KINDS].label;
        put_kinds(w, "/volumes/label", KW_H5_STR, "", "which one it is; empty: none", x->n, label);
    }
    free(v);
    free(label);
    free(cheapest);
}

static void write_crossings(struct kw_writer *w, const struct rows *x)
{
    const char *dim = "/crossings/crossing";
    size_t n = x->crossings;
    double *v = malloc((n + 1) * sizeof *v);
    const char **word = malloc((n + 1) * sizeof *word);
    kw_writer_group(w, "/crossings", "volumes at which another kind of platform becomes the cheapest");
    kw_writer_index(w, dim, "crossing", n, "a change of the cheapest kind of a model");
    put(w, "/crossings/model", KW_H5_STR, "", "whose traffic it is", n, dim, x->crossing_of);
    if (!v || !word) {
        kw_writer_no_memory(w);
    } else {
        for (size_t i = 0; i < n; i++) word[i] = kw_kind_name[x->crossing[i]->from];
        put(w, "/crossings/below", KW_H5_STR, "", "the cheaper kind below", n, dim, word);
        for (size_t i = 0; i < n; i++) word[i] = kw_kind_name[x->crossing[i]->to];
        put(w, "/crossings/above", KW_H5_STR, "", "the cheaper kind above", n, dim, word);
        for (size_t i = 0; i < n; i++) v[i] = x->crossing[i]->tokens_month;
        put(w, "/crossings/tokens_month", KW_H5_F64, "token", "where both cost the same, or one of them jumps", n, dim,
            v);
        for (size_t i = 0; i < n; i++) v[i] = x->crossing[i]->lo;
        put(w, "/crossings/tokens_month_lo", KW_H5_F64, "token", "lower end of its 95 % interval", n, dim, v);
        for (size_t i = 0; i < n; i++) v[i] = x->crossing[i]->hi;
        put(w, "/crossings/tokens_month_hi", KW_H5_F64, "token", "upper end", n, dim, v);
    }
    free(v);
    free(word);
}

/* Of each model where serverless stops being cheaper than dedicated, the share of what is rented that is used there. */
static void write_thresholds(struct kw_writer *w, const struct kw_breakeven *b, const char *const *model, size_t n)
{
    static const struct {
        const char *path, *unit, *description;
    } column[] = {
        { "/serverless_cheaper_below/capacity_used", "1", "share of the rented token capacity that is used there" },
        { "/serverless_cheaper_below/capacity_used_lo", "1", "lower end of its 95 % interval; NaN: not known" },
        { "/serverless_cheaper_below/capacity_used_hi", "1", "upper end" },
        { "/serverless_cheaper_below/tokens_month", "token", "prompt and output tokens a month there" },
        { "/serverless_cheaper_below/price_ratio", "1", "an hour of a rented replica over one of the serverless" },
        { "/serverless_cheaper_below/serverless_capacity_used", "1",
          "share of the tokens made that the serverless replicas could make while ready" },
    };
    const char *dim = "/serverless_cheaper_below/row";
    double *v = malloc((n + 1) * sizeof *v);
    const char **of = malloc((n + 1) * sizeof *of);
    size_t rows = 0;
    if (!v || !of) kw_writer_no_memory(w);
    for (size_t i = 0; i < n && of; i++)
        if (b[i].searched && !isnan(b[i].serverless_to_dedicated.tokens_month)) of[rows++] = model[i];
    if (v && of && rows) {
        kw_writer_group(w, "/serverless_cheaper_below",
                        "below which use dedicated GPUs cost more than serverless ones");
        kw_writer_index(w, dim, "row", rows, "a model");
        put(w, "/serverless_cheaper_below/model", KW_H5_STR, "", "whose traffic it is", rows, dim, of);
    }
    for (size_t c = 0; c < sizeof column / sizeof *column && v && rows; c++) {
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
            const struct kw_crossing *x = &b[i].serverless_to_dedicated;
            if (!b[i].searched || isnan(x->tokens_month)) continue;
            const double figure[] = { x->used.value,
                                      x->used.lo,
                                      x->used.hi,
                                      x->tokens_month,
                                      x->above.replica_hour / x->below.replica_hour,
                                      x->below.capacity_used };
            v[at++] = figure[c];
        }
        put(w, column[c].path, KW_H5_F64, column[c].unit, column[c].description, rows, dim, v);
    }
    free(v);
    free(of);
}

void kw_results_volumes(struct kw_writer *w, const struct kw_breakeven *b, const char *const *model, size_t n)
{
    struct rows x = { 0 };
    if (gather(&x, b, model, n)) {
        write_volumes(w, &x);
        write_crossings(w, &x);
        write_thresholds(w, b, model, n);
    } else {
        kw_writer_no_memory(w);
    }
    free(x.volume);
    free(x.crossing);
    free(x.of);
    free(x.crossing_of);
}
