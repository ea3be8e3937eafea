#include "sim/io/results/results_flips.h"
#include <math.h>
#include <stdlib.h>

struct row {
    const struct kw_flip *flip;
    const char *model;
    size_t first; /* row of /points that the part's begin at */
};

static void put(struct kw_writer *w, const char *path, enum kw_h5_type type, const char *unit, const char *description,
                size_t n, const void *data)
{
    kw_writer_put(w, (struct kw_h5_dataset){ path, type, unit, description, 1, { n }, { "/flips/flip" }, NULL, 0 },
                  data);
}

static void numbers(struct kw_writer *w, const struct row *x, size_t n)
{
    static const struct {
        const char *path, *unit, *description;
    } column[] = { { "/flips/value", "", "what it says, in its unit" },
                   { "/flips/value_at_flip", "", "what it would say; NaN: no move up to 4 times either way flips it" },
                   { "/flips/move", "1",
                     "the least relative move that flips the answer; -0.1: 10 % lower; 0: the other reading does" },
                   { "/flips/stands", "1", "the largest move that way that was looked at and does not" },
                   { "/flips/move_lo", "1", "lower end of its 95 % interval; infinite: no such move; NaN: not known" },
                   { "/flips/move_hi", "1", "upper end" },
                   { "/flips/cost_usd_month", "USD", "what the one to take then costs a month" } };
    double *v = malloc((n + 1) * sizeof *v);
    for (size_t c = 0; v && c < sizeof column / sizeof *column; c++) {
        for (size_t i = 0; i < n; i++) {
            const struct kw_flip *f = x[i].flip;
            const double of[] = { f->lever.value, f->at, f->move.value, f->stands, f->move.lo, f->move.hi, f->cost };
            v[i] = of[c];
        }
        put(w, column[c].path, KW_H5_F64, column[c].unit, column[c].description, n, v);
    }
    if (!v) kw_writer_no_memory(w);
    free(v);
}

static void whole_numbers(struct kw_writer *w, const struct row *x, size_t n)
{
    static const struct {
        const char *path, *unit, *description;
    } column[] = { { "/flips/rival", "", "row of /points of the one to take then; -1: none of them" },
                   { "/flips/misses", "", "1: the recommended one misses an objective then; 0: it costs more" },
                   { "/flips/sought", "",
                     "0: no move was looked for, since other facts are nearer to the answer; of a reading: nobody says "
                     "what else it may be" },
                   { "/flips/noise", "", "1: other days alone may flip it" },
                   { "/flips/age_days", "d", "of what the fact is from; -1: not known" } };
    int64_t *v = malloc((n + 1) * sizeof *v);
    for (size_t c = 0; v && c < sizeof column / sizeof *column; c++) {
        for (size_t i = 0; i < n; i++) {
            const struct kw_flip *f = x[i].flip;
            const int64_t of[] = { f->rival < 0 ? -1 : (int64_t)x[i].first + f->rival, f->misses, f->sought, f->noise,
                                   f->age_days };
            v[i] = of[c];
        }
        put(w, column[c].path, KW_H5_I64, column[c].unit, column[c].description, n, v);
    }
    if (!v) kw_writer_no_memory(w);
    free(v);
}

static void words(struct kw_writer *w, const struct row *x, size_t n)
{
    static const struct {
        const char *path, *description;
    } column[] = { { "/flips/model", "whose plan it is" },
                   { "/flips/kind", "what kind of fact" },
                   { "/flips/fact", "which" },
                   { "/flips/value_unit", "of value" },
                   { "/flips/then", "what to take then; empty: none meets the objectives, or no move flips" },
                   { "/flips/reading", "of what is not known: as it was simulated" },
                   { "/flips/other_reading", "and what it may be as well" },
                   { "/flips/grade", "how it is known" },
                   { "/flips/source", "where it is from" },
                   { "/flips/date", "of what day that is; empty: undated" } };
    const char **v = malloc((n + 1) * sizeof *v);
    for (size_t c = 0; v && c < sizeof column / sizeof *column; c++) {
        for (size_t i = 0; i < n; i++) {
            const struct kw_lever *l = &x[i].flip->lever;
            const char *const of[] = { x[i].model,
                                       kw_lever_name[l->kind],
                                       l->fact,
                                       l->unit,
                                       x[i].flip->then,
                                       x[i].flip->reading ? x[i].flip->reading : "",
                                       x[i].flip->other ? x[i].flip->other : "",
                                       kw_grade_name[l->provenance.grade],
                                       l->provenance.source,
                                       l->provenance.date };
            v[i] = of[c];
        }
        put(w, column[c].path, KW_H5_STR, "", column[c].description, n, v);
    }
    if (!v) kw_writer_no_memory(w);
    free(v);
}

void kw_results_flips(struct kw_writer *w, const struct kw_plan_parts *parts)
{
    size_t n = 0, first = 0, at = 0;
    for (size_t i = 0; i < parts->n; i++) n += parts->part[i].plan.n_flips;
    struct row *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; x && i < parts->n; first += parts->part[i++].plan.n)
        for (size_t k = 0; k < parts->part[i].plan.n_flips; k++)
            x[at++] = (struct row){ &parts->part[i].plan.flips[k], parts->part[i].model, first };
    if (x) {
        kw_writer_group(w, "/flips",
                        "each fact by itself, moved until another configuration is the one to take: what takes the "
                        "smallest move first, then what no move flips");
        kw_writer_index(w, "/flips/flip", "flip", n, "a fact of a model's plan");
        words(w, x, n);
        numbers(w, x, n);
        whole_numbers(w, x, n);
    } else {
        kw_writer_no_memory(w);
    }
    free(x);
}
