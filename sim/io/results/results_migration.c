#include "sim/io/results/results_migration.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define STEP "/migration/step"

struct column {
    const char *name, *unit, *description;
    size_t offset;
};
#define OF(struct_name, member) offsetof(struct struct_name, member)
static const struct column of_side[] = {
    { "ttft_p95_s", "s", "TTFT p95 of its requests", OF(kw_migration_side, ttft_p95) },
    { "ttft_p99_s", "s", "TTFT p99 of its requests", OF(kw_migration_side, ttft_p99) },
    { "cold_fraction", "1", "its requests that waited for a start", OF(kw_migration_side, cold) },
    { "error_fraction", "1", "its requests that failed", OF(kw_migration_side, error) },
};
static const struct column of_back[] = {
    { "error_fraction", "1", "of those that arrive in that time or are cut off", OF(kw_migration_back, error) },
    { "ttft_p95_s", "s", "of those that arrive in that time", OF(kw_migration_back, ttft_p95) },
    { "first_token_s", "s", "until the first of them is answered", OF(kw_migration_back, first_token) },
    { "starts", "1", "replicas the old side starts for it", OF(kw_migration_back, starts) },
    { "cost_usd", "USD", "what the old side costs more for it, once", OF(kw_migration_back, cost) },
};

static void put(struct kw_writer *w, const char *path, enum kw_h5_type type, const char *unit, const char *description,
                const struct kw_migration *m, const void *data)
{
    kw_writer_put(w, (struct kw_h5_dataset){ path, type, unit, description, 1, { m->n }, { STEP }, NULL, 0 }, data);
}

/* Columns of a struct that lies `inside` each step. */
static void put_columns(struct kw_writer *w, const char *prefix, const struct column *c, size_t n, size_t inside,
                        const struct kw_migration *m)
{
    char path[96];
    double v[KW_MIGRATION_STEPS];
    for (size_t k = 0; k < n; k++) {
        for (uint32_t i = 0; i < m->n; i++)
            memcpy(&v[i], (const char *)&m->step[i] + inside + c[k].offset, sizeof v[i]);
        snprintf(path, sizeof path, "/migration/%s_%s", prefix, c[k].name);
        put(w, path, KW_H5_F64, c[k].unit, c[k].description, m, v);
    }
}

static void put_side(struct kw_writer *w, const char *prefix, int side, const struct kw_migration *m)
{
    char path[96];
    int64_t cost[KW_MIGRATION_STEPS], met[KW_MIGRATION_STEPS];
    for (uint32_t i = 0; i < m->n; i++) {
        cost[i] = m->step[i].side[side].cost;
        met[i] = m->step[i].side[side].met;
    }
    snprintf(path, sizeof path, "/migration/%s_nusd_month", prefix);
    put(w, path, KW_H5_I64, "1e-9 USD", "what the side costs a month", m, cost);
    snprintf(path, sizeof path, "/migration/%s_feasible", prefix);
    put(w, path, KW_H5_I64, "", "its requests meet the objectives: 0 or 1", m, met);
    put_columns(w, prefix, of_side, sizeof of_side / sizeof *of_side,
                offsetof(struct kw_migration_step, side) + (size_t)side * sizeof(struct kw_migration_side), m);
}

void kw_results_migration(struct kw_writer *w, const struct kw_migration *m)
{
    double share[KW_MIGRATION_STEPS];
    int64_t cost[KW_MIGRATION_STEPS], met[KW_MIGRATION_STEPS], failed[KW_MIGRATION_STEPS], cut[KW_MIGRATION_STEPS];
    char about[400];
    for (uint32_t i = 0; i < m->n; i++) {
        share[i] = m->step[i].share;
        cost[i] = m->step[i].cost;
        met[i] = m->step[i].met;
        failed[i] = (int64_t)m->step[i].back.failed;
        cut[i] = (int64_t)m->step[i].back.cut;
    }
    snprintf(about, sizeof about, "traffic moved from %.150s to %.150s; back_: the new one fails for %g s from %g s on",
             m->name[KW_MIGRATION_OLD], m->name[KW_MIGRATION_NEW], kw_nano_to_double(m->failure),
             kw_nano_to_double(m->failure_at));
    kw_writer_group(w, "/migration", about);
    kw_writer_index(w, STEP, "step", m->n, "a step of the migration");
    put(w, "/migration/share", KW_H5_F64, "1", "of the requests, on the new side", m, share);
    put(w, "/migration/nusd_month", KW_H5_I64, "1e-9 USD", "what both sides cost a month", m, cost);
    put(w, "/migration/feasible", KW_H5_I64, "", "both together meet the objectives: 0 or 1", m, met);
    put_side(w, "old", KW_MIGRATION_OLD, m);
    put_side(w, "new", KW_MIGRATION_NEW, m);
    put(w, "/migration/back_failed", KW_H5_I64, "1", "requests of that time that failed", m, failed);
    put(w, "/migration/back_cut_off", KW_H5_I64, "1", "requests under way on the new side then, lost", m, cut);
    put_columns(w, "back", of_back, sizeof of_back / sizeof *of_back, offsetof(struct kw_migration_step, back), m);
}
