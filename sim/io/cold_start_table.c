#include "sim/io/cold_start_table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/pool/cold_start.h"
#include "sim/io/quantity.h"
#include "sim/io/text_table.h"

#define DRAWS 4001 /* of a whole start: p50 within 1 to 2 % of the law's own */

/* ROW_MAX: provision, pull, load, load by rate, cached load, init, both at least, restore, in all. */
enum { ROW_MAX = 9 };

struct row {
    char phase[40];
    double p50, p95;
    enum kw_grade grade;
    const char *source;
};

struct rows { /* of one start */
    struct row row[ROW_MAX];
    size_t n;
};

static void add_row(struct rows *r, const char *phase, double p50, double p95, enum kw_grade grade, const char *source)
{
    struct row *x = &r->row[r->n++];
    *x = (struct row){ .p50 = p50, .p95 = p95, .grade = grade, .source = source };
    snprintf(x->phase, sizeof x->phase, "%s", phase);
}

static void add_law(struct rows *r, const char *phase, const struct kw_law *l)
{
    if (l->kind == KW_LAW_NONE) return;
    add_row(r, phase, kw_law_quantile(l, 0.5), kw_law_quantile(l, 0.95), l->provenance.grade, l->provenance.source);
}

/* The slowest rates take the longest. */
static void add_rate(struct rows *r, const char *phase, double bytes, const struct kw_law *rate)
{
    if (rate->kind == KW_LAW_NONE || !(bytes > 0)) return;
    add_row(r, phase, bytes / kw_law_quantile(rate, 0.5), bytes / kw_law_quantile(rate, 0.05), rate->provenance.grade,
            rate->provenance.source);
}

static int ascending(const void *a, const void *b)
{
    const kw_ns *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* False where the memory for draws is missing. */
static bool add_whole(struct rows *r, const struct kw_cold_start_of *of)
{
    struct kw_start_streams streams = { 0 };
    kw_ns *took = malloc(DRAWS * sizeof *took);
    bool ok = took && kw_start_streams_begin(&streams, 0, 0, NULL) == KW_OK;
    enum kw_grade weakest = KW_GRADE_MEASURED;
    for (int i = 0; i < DRAWS && ok; i++) {
        struct kw_start s = kw_start_draw(of->cold, of->scaling, &streams);
        took[i] = 0;
        for (int p = KW_PHASE_PROVISION; p <= KW_PHASE_RESTORE; p++) took[i] += s.phase[p];
    }
    for (size_t i = 0; i < r->n; i++) weakest = kw_grade_weaker(weakest, r->row[i].grade);
    if (ok) {
        qsort(took, DRAWS, sizeof *took, ascending);
        add_row(r, "a whole start", kw_nano_to_double(took[DRAWS / 2]), kw_nano_to_double(took[DRAWS * 19 / 20]),
                weakest, "drawn from the laws above");
    }
    kw_start_streams_free(&streams);
    free(took);
    return ok;
}

static bool rows_of(struct rows *r, const struct kw_cold_start_of *of)
{
    const struct kw_cold_start *c = of->cold;
    char phase[40];
    *r = (struct rows){ .n = 0 };
    add_law(r, "provision", &c->provision);
    add_law(r, "pull", &c->pull);
    add_law(r, "load", &c->load);
    snprintf(phase, sizeof phase, "load of %.1f GB", c->weight_bytes / 1e9);
    add_rate(r, phase, c->weight_bytes, &c->load_rate);
    snprintf(phase, sizeof phase, "the same, cached (%.3g %%)", 100 * c->cache_hit);
    if (c->cache_hit > 0) add_rate(r, phase, c->weight_bytes, &c->cached_load_rate);
    add_law(r, "init", &c->init);
    add_law(r, "load and init, at least", &c->engine_start);
    snprintf(phase, sizeof phase, "restore instead (%.3g %%)", 100 * c->snapshot_probability);
    if (c->snapshot_probability > 0) add_law(r, phase, &c->restore);
    return !r->n || add_whole(r, of);
}

static bool alike(const struct row *a, const struct row *b)
{
    return a->p50 == b->p50 && a->p95 == b->p95 && a->grade == b->grade && !strcmp(a->phase, b->phase) &&
           !strcmp(a->source, b->source);
}

/* The names of all that have this row, "all" where that is each of them; "" where an earlier one told it. */
static void names_of(const struct kw_cold_start_of *of, const struct rows *all, size_t n, size_t k, const struct row *x,
                     struct kw_text *names)
{
    size_t have = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < all[i].n; j++) {
            if (!alike(&all[i].row[j], x)) continue;
            if (i < k) return;
            have++;
        }
    for (size_t i = k; i < n && have < n; i++)
        for (size_t j = 0; j < all[i].n; j++)
            if (alike(&all[i].row[j], x)) kw_text_add(names, "%s%s", names->s ? ", " : "", of[i].name);
    if (have == n) kw_text_add(names, "all");
}

/* names: NULL where there is but one start. */
static void print_row(struct kw_text_table *t, const struct row *x, const char *names)
{
    char buf[32];
    kw_text_table_cell(t, "%s", x->phase);
    if (names) kw_text_table_cell(t, "%s", names);
    kw_text_table_cell(t, "%s", kw_quantity_number(x->p50, buf));
    kw_text_table_cell(t, "%s", kw_quantity_number(x->p95, buf));
    kw_text_table_cell(t, "%s", kw_grade_name[x->grade]);
    kw_text_table_cell(t, "%s", x->source);
}

/* Row by row in the order of the phases: all of one before the next. */
void kw_cold_start_table(const struct kw_cold_start_of *of, size_t n, struct kw_text *out)
{
    struct rows *all = calloc(n ? n : 1, sizeof *all);
    struct kw_text_table t = { 0 };
    bool ok = all, any = false;
    for (size_t i = 0; i < n && ok; i++) {
        ok = rows_of(&all[i], &of[i]);
        any |= all[i].n > 0;
    }
    if (!ok) out->failed = true;
    if (!ok || !any) {
        free(all);
        return;
    }
    kw_text_table_column(&t, "a cold start", "", false);
    if (n > 1) kw_text_table_column(&t, "of", "", false);
    kw_text_table_column(&t, "p50", "s", true);
    kw_text_table_column(&t, "p95", "s", true);
    kw_text_table_column(&t, "grade", "", false);
    kw_text_table_column(&t, "source", "", false);
    for (size_t j = 0; j < ROW_MAX; j++)
        for (size_t i = 0; i < n; i++) {
            struct kw_text names = { 0 };
            if (j >= all[i].n) continue;
            names_of(of, all, n, i, &all[i].row[j], &names);
            if (names.s) print_row(&t, &all[i].row[j], n > 1 ? names.s : NULL);
            out->failed |= names.failed;
            kw_text_free(&names);
        }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    free(all);
}
