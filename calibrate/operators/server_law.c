#include "calibrate/operators/server_law.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

#define PATH "calibrate/data/host.json"

static enum kw_status read_law(struct kw_jnode n, void *row, struct kw_error *err)
{
    static const char *const keys[] = { "engine",   "fixed_us",       "sequence_us", "doubling_us",
                                        "front_ms", "front_token_us", "grade",       "source",
                                        "date",     "evidence",       NULL };
    struct kw_server_law *l = row;
    double *const to[] = { &l->fixed_s, &l->sequence_s, &l->doubling_s, &l->front_s, &l->front_token_s };
    const char *engine;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "engine"), &engine, err);
    if (st != KW_OK) return st;
    snprintf(l->engine, sizeof l->engine, "%s", engine);
    for (int i = 0; i < 5 && st == KW_OK; i++) {
        st = kw_json_f64(kw_json_get(n, keys[1 + i]), 0, 1e5, to[i], err);
        *to[i] *= i == 3 ? 1e-3 : 1e-6;
    }
    return st == KW_OK ? kw_provenance_read(n, &l->provenance, err) : st;
}

static enum kw_status read_error(struct kw_jnode n, void *row, struct kw_error *err)
{
    static const char *const keys[] = { "kind",  "tpot_median", "tpot_within", "ttft_median", "ttft_within",
                                        "grade", "source",      "date",        "evidence",    NULL };
    struct kw_server_error *e = row;
    struct kw_provenance from = { .date = "" };
    double *const to[] = { &e->tpot_median, &e->tpot_within, &e->ttft_median, &e->ttft_within };
    const char *kind;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "kind"), &kind, err);
    if (st != KW_OK) return st;
    snprintf(e->kind, sizeof e->kind, "%s", kind);
    for (int i = 0; i < 4 && st == KW_OK; i++) st = kw_json_f64(kw_json_get(n, keys[1 + i]), 0, 10, to[i], err);
    return st == KW_OK ? kw_provenance_read(n, &from, err) : st;
}

static enum kw_status read_slower(struct kw_jnode n, void *row, struct kw_error *err)
{
    static const char *const keys[] = { "slower", "grade", "source", "date", "evidence", NULL };
    struct kw_provenance from = { .date = "" };
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(n, "slower"), 1, 3, row, err);
    return st == KW_OK ? kw_provenance_read(n, &from, err) : st;
}

struct served { /* products of a GPU, as servers run them: a part of what the table says */
    char gpu[24];
    enum kw_gemm_kind kind;
    double of_table;
};

static enum kw_status read_served(struct kw_jnode n, void *row, struct kw_error *err)
{
    static const char *const keys[] = { "gpu", "kind", "of_table", "grade", "source", "date", "evidence", NULL };
    struct kw_provenance from = { .date = "" };
    struct served *s = row;
    const char *gpu, *kind;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "gpu"), &gpu, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "kind"), &kind, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(n, "of_table"), 0.1, 10, &s->of_table, err);
    if (st != KW_OK) return st;
    snprintf(s->gpu, sizeof s->gpu, "%s", gpu);
    s->kind = KW_GEMM_KINDS;
    for (int k = 0; k < KW_GEMM_KINDS; k++)
        if (!strcmp(kind, kw_gemm_kind_name[k])) s->kind = (enum kw_gemm_kind)k;
    return kw_provenance_read(n, &from, err);
}

static struct served served[8];
static struct kw_server_law laws[8];
static double slower[1];
static struct kw_server_error errors[3];
static struct kw_table of_kinds = { .path = PATH,
                                    .key = "errors",
                                    .read = read_error,
                                    .rows = errors,
                                    .size = sizeof *errors,
                                    .cap = sizeof errors / sizeof *errors,
                                    .lock = PTHREAD_MUTEX_INITIALIZER };
static struct kw_table of_engines = { .path = PATH,
                                      .key = "engines",
                                      .read = read_law,
                                      .rows = laws,
                                      .size = sizeof *laws,
                                      .cap = sizeof laws / sizeof *laws,
                                      .lock = PTHREAD_MUTEX_INITIALIZER },
                       of_products = { .path = PATH,
                                       .key = "products",
                                       .read = read_served,
                                       .rows = served,
                                       .size = sizeof *served,
                                       .cap = sizeof served / sizeof *served,
                                       .lock = PTHREAD_MUTEX_INITIALIZER },
                       sustained = { .path = PATH,
                                     .key = "sustained",
                                     .read = read_slower,
                                     .rows = slower,
                                     .size = sizeof *slower,
                                     .cap = 1,
                                     .lock = PTHREAD_MUTEX_INITIALIZER };

enum kw_status kw_server_law_load(struct kw_error *err)
{
    struct kw_table *const all[] = { &of_engines, &of_kinds, &of_products, &sustained };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!kw_table_load(all[i])) return kw_fail(err, KW_ENOMEM, "out of memory");
    return KW_OK;
}

const struct kw_server_law *kw_server_law_of(const char *engine)
{
    size_t n = kw_table_load(&of_engines);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(laws[i].engine, engine)) return &laws[i];
    return NULL;
}

void kw_server_law_add(struct kw_step_tables *t, const struct kw_server_law *l, unsigned tp)
{
    t->fixed_s += l->fixed_s + l->doubling_s * log2(tp);
    t->sequence_s += l->sequence_s;
}

enum kw_status kw_server_law_put(struct kw_profile *p, const char *engine, uint32_t gpus, bool experts, bool covered,
                                 struct kw_error *err)
{
    struct kw_server_error off;
    enum kw_status st = kw_server_law_load(err);
    if (st != KW_OK) return st;
    const struct kw_server_law *l = kw_server_law_of(engine);
    if (!kw_server_error_of(&off, experts, covered)) return kw_fail(err, KW_ENOMEM, "out of memory");
    if (l) {
        kw_server_law_add(&p->tables, l, gpus);
        p->front_s = l->front_s;
        p->front_token_s = l->front_token_s;
    }
    p->steps_error_median = off.tpot_median;
    p->steps_error_worst = off.tpot_within;
    p->prefill_error_median = off.ttft_median;
    p->prefill_error_worst = off.ttft_within;
    return KW_OK;
}

double kw_sustained_slower(void)
{
    return kw_table_load(&sustained) ? slower[0] : 1;
}

double kw_served_of_table(const char *gpu, enum kw_gemm_kind kind)
{
    size_t n = kw_table_load(&of_products);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(served[i].gpu, gpu) && served[i].kind == kind) return served[i].of_table;
    return 1;
}

static const struct kw_server_error *kind_named(const char *kind)
{
    size_t n = kw_table_load(&of_kinds);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(errors[i].kind, kind)) return &errors[i];
    return NULL;
}

bool kw_server_error_of(struct kw_server_error *out, bool experts, bool covered)
{
    const struct kw_server_error *e = kind_named(experts ? "experts" : "dense"), *other = kind_named("other GPU");
    if (!e || !other) return false;
    *out = *e;
    if (covered) return true;
    out->tpot_median = hypot(e->tpot_median, other->tpot_median);
    out->tpot_within = hypot(e->tpot_within, other->tpot_within);
    out->ttft_median = hypot(e->ttft_median, other->ttft_median);
    out->ttft_within = hypot(e->ttft_within, other->ttft_within);
    return true;
}
