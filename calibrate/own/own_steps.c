#include "calibrate/own/own_steps.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/measure/fit_measured.h"
#include "sim/core/files/csv.h"
#include "sim/core/nearest.h"

enum { BATCH, CONTEXT, TOKENS, PAST, MS, COLUMNS };
static const char *const column_name[] = { "batch", "context", "tokens", "past", "ms", NULL };
enum { LEAST_DECODES = 6, LEAST_PROMPTS = 4, MOST_POINTS = 2048 };

bool kw_own_steps_is(const char *head, size_t n)
{
    for (int k = 0; k < MS; k++) {
        const char *const names[] = { column_name[k], "ms", NULL };
        if (kw_csv_has(head, n, names)) return true;
    }
    return false;
}

/* Where each column stands; -1: nowhere. A column that is none of ours would be ignored. */
static enum kw_status columns(const struct kw_csv *c, const char *path, int at[COLUMNS], struct kw_error *err)
{
    for (int k = 0; k < COLUMNS; k++) at[k] = kw_csv_column(c, column_name[k]);
    for (size_t i = 0; i < c->n; i++) {
        int k = 0;
        while (k < COLUMNS && at[k] != (int)i) k++;
        if (k < COLUMNS) continue;
        char name[64], hint[KW_NEAREST_HINT];
        snprintf(name, sizeof name, "%.*s", (int)(c->name[i].n < 60 ? c->name[i].n : 60), c->name[i].p);
        return kw_fail(err, KW_EPARSE, "%.300s:1: column '%s' is not known%s; want batch,context,ms or tokens,past,ms",
                       path, name, kw_nearest_hint(hint, name, column_name));
    }
    if (at[MS] < 0) return kw_fail(err, KW_EPARSE, "%.300s:1: no column 'ms'", path);
    for (int k = 0; k < MS; k += 2)
        if ((at[k] < 0) != (at[k + 1] < 0))
            return kw_fail(err, KW_EPARSE, "%.300s:1: column '%s' without '%s'", path, column_name[k + (at[k] < 0)],
                           column_name[k + (at[k] >= 0)]);
    return KW_OK;
}

static bool filled(const struct kw_csv *c, int column)
{
    return column >= 0 && kw_span_trimmed(c->field[column]).n > 0;
}

/* A whole number. */
static enum kw_status whole(const struct kw_csv *c, const char *path, int column, double lo, double hi, uint32_t *to,
                            struct kw_error *err)
{
    double v;
    enum kw_status st = kw_csv_f64(c, column, lo, hi, &v, err);
    if (st == KW_OK && v != floor(v))
        st = kw_fail(err, KW_ERANGE, "%.300s:%ld: %.*s: want a whole number, got \"%.40s\"", path, c->line,
                     (int)c->name[column].n, c->name[column].p, c->field[column].p);
    if (st == KW_OK) *to = (uint32_t)v;
    return st;
}

static enum kw_status row(struct kw_measured *m, const struct kw_csv *c, const char *path, const int at[COLUMNS],
                          struct kw_error *err)
{
    struct kw_measured_key k = { .kind = KW_MEASURED_DECODE };
    double ms, us;
    const bool decode = filled(c, at[BATCH]) || filled(c, at[CONTEXT]),
               prefill = filled(c, at[TOKENS]) || filled(c, at[PAST]);
    if (decode == prefill)
        return kw_fail(err, KW_EPARSE, "%.300s:%ld: want either batch and context, or tokens and past; got %s", path,
                       c->line, decode ? "both" : "neither");
    enum kw_status st = kw_csv_f64(c, at[MS], 1e-4, 1e6, &ms, err);
    if (decode) {
        if (st == KW_OK) st = whole(c, path, at[BATCH], 1, 65536, &k.batch, err);
        if (st == KW_OK) st = whole(c, path, at[CONTEXT], 1, 1e7, &k.context, err);
    } else {
        k.kind = KW_MEASURED_PREFILL;
        k.chunks = 1;
        if (st == KW_OK) st = whole(c, path, at[TOKENS], 1, 1e7, &k.tokens, err);
        if (st == KW_OK) st = whole(c, path, at[PAST], 0, 1e7, &k.past, err);
    }
    us = ms * 1e3;
    if (st == KW_OK) st = kw_measured_visit(m, NULL, &k, (uint64_t)k.batch * k.context, &us, 1, 0, m->last_s, 0, err);
    if (st == KW_OK && m->n > MOST_POINTS)
        st = kw_fail(err, KW_ERANGE, "%.300s:%ld: more than %d different points", path, c->line, MOST_POINTS);
    return st;
}

/* All rows of a file; its checksum to hex. */
static enum kw_status read_file(struct kw_measured *m, size_t *rows, const char *path, char hex[65],
                                struct kw_error *err)
{
    struct kw_csv c;
    int at[COLUMNS];
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    st = columns(&c, path, at, err);
    for (bool more; st == KW_OK && (st = kw_csv_next(&c, &more, err)) == KW_OK && more; ++*rows)
        st = row(m, &c, path, at, err);
    if (st == KW_OK) st = kw_source_hash(c.s, hex, err);
    kw_csv_close(&c);
    return st;
}

/* Enough to tell what a step costs, a sequence of it and a token of context? */
static enum kw_status enough(const struct kw_measured *m, size_t *prompts, struct kw_error *err)
{
    size_t decodes = 0, whole_prompts = 0;
    bool batches = false, contexts = false;
    const struct kw_measured_point *first = NULL;
    *prompts = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct kw_measured_key *k = &m->point[i].key;
        if (k->kind == KW_MEASURED_PREFILL) {
            ++*prompts;
            whole_prompts += !k->past;
            continue;
        }
        decodes++;
        if (!first) first = &m->point[i];
        batches = batches || k->batch != first->key.batch;
        contexts = contexts || k->context != first->key.context;
    }
    if (decodes < LEAST_DECODES || !batches || !contexts)
        return kw_fail(err, KW_ERANGE,
                       "%zu decode points (batch, context) of %s: want %d at least, of two batches and two contexts",
                       decodes,
                       !batches && !contexts ? "one batch and one context"
                       : !batches            ? "one batch"
                       : !contexts           ? "one context"
                                             : "several batches and contexts",
                       LEAST_DECODES);
    if (*prompts && (*prompts < LEAST_PROMPTS || whole_prompts < 2))
        return kw_fail(
            err, KW_ERANGE,
            "%zu prefill points (tokens, past), %zu with past 0: want %d at least and 2 with past 0, or none at "
            "all: then prefill is taken from what is known of the GPU",
            *prompts, whole_prompts, LEAST_PROMPTS);
    return KW_OK;
}

/* Prompts as the base has them, so that dense beyond the decoded batches is somebody's. */
static enum kw_status prompts_of(struct kw_measured *m, const struct kw_step_tables *t, uint32_t max_batch,
                                 uint32_t max_tokens, struct kw_error *err)
{
    struct kw_steptime *time;
    enum kw_status st = kw_steptime_compile(&time, t, max_batch, max_tokens, err);
    if (st != KW_OK) return st;
    for (uint32_t tokens = 64; st == KW_OK && tokens <= max_tokens; tokens *= 2)
        for (uint32_t past = 0; st == KW_OK && past <= 8192; past += 4096) {
            struct kw_measured_key k = { .kind = KW_MEASURED_PREFILL, .chunks = 1, .tokens = tokens, .past = past };
            struct kw_step step = { .n_chunks = 1, .prefill_tokens = tokens };
            step.prefill_pairs2 = 2 * (uint64_t)tokens * past + (uint64_t)tokens * tokens;
            double us = (double)kw_steptime_ps(time, &step) * 1e-6;
            st = kw_measured_visit(m, NULL, &k, 0, &us, 1, 0, m->last_s, 0, err);
        }
    kw_steptime_delete(time);
    return st;
}

/* Beyond the largest batch that was decoded dense goes on as the prompts have it; without prompts of the user's own, as the
 * base has it, which may be another machine's. */
enum kw_status kw_own_steps(struct kw_profile *p, const char *const *paths, size_t n,
                            const struct kw_own_origin *origin, FILE *report, struct kw_error *err)
{
    struct kw_measured m = { 0 };
    struct kw_step_tables base = kw_own_take_tables(p);
    const struct kw_provenance was = p->steps;
    const double was_median = p->prefill_error_median, was_worst = p->prefill_error_worst;
    size_t rows = 0, prompts;
    char hex[65] = "", name[KW_PROFILE_TEXT];
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < n; i++) st = read_file(&m, &rows, paths[i], hex, err);
    if (st == KW_OK) st = enough(&m, &prompts, err);
    const size_t decodes = m.n;
    if (st == KW_OK && !prompts) st = prompts_of(&m, &base, p->max_num_seqs, p->max_num_batched_tokens, err);
    if (st == KW_OK) st = kw_fit_measured_steps(p, &m, report, err);
    if (st == KW_OK)
        st = kw_own_provenance(&p->steps, origin, paths[0], n > 1 ? "" : hex, rows, "calibrate import", err);
    if (st == KW_OK) {
        fprintf(report, "%zu rows of %zu points; the rest (KV cache, limits, loading) is as of %s\n", rows, decodes,
                kw_profile_name(p, name));
        snprintf(p->engine, sizeof p->engine, "own step table");
        p->link.name[0] = 0; /* in the steps themselves */
        p->drift = 0;
        p->unsteady = false;
    }
    if (st == KW_OK && !prompts) {
        fprintf(report,
                "prefill: NOT IN THE FILES; by %s (%s): its error stands for prefill, and the steps are graded %s\n",
                kw_grade_name[was.grade], was.source, kw_grade_name[kw_grade_weaker(p->steps.grade, was.grade)]);
        p->steps.grade = kw_grade_weaker(p->steps.grade, was.grade);
        p->prefill_error_median = was_median;
        p->prefill_error_worst = was_worst;
    }
    if (st == KW_OK) p->weakest = kw_grade_weaker(p->weakest, p->steps.grade);
    kw_own_free_tables(&base);
    kw_measured_free(&m);
    return st;
}
