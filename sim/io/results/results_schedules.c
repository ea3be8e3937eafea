#include "sim/io/results/results_schedules.h"
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/schedule.h"

#define ZONE "/deployments/timezone"
#define LEAD "/deployments/schedule_lead_ns"
#define MINUTE "/deployments/schedule_minute"
#define WARM "/deployments/schedule_keep_warm"
#define CHANGE "/deployments/change"

static const struct kw_schedule *schedule_of(const struct kw_candidate *c, size_t cell, uint32_t nd)
{
    const struct kw_candidate *x = &c[cell / nd];
    return cell % nd < x->n && x->choice[cell % nd].schedule.n ? &x->choice[cell % nd].schedule : NULL;
}

static void put(struct kw_writer *w, const char *path, enum kw_h5_type type, const char *unit, const char *description,
                size_t n, uint32_t nd, size_t changes, const void *data)
{
    kw_writer_put(w,
                  (struct kw_h5_dataset){ path,
                                          type,
                                          unit,
                                          description,
                                          changes ? 3 : 2,
                                          { n, nd, changes },
                                          { "/deployments/point", "/deployments/deployment", changes ? CHANGE : NULL },
                                          NULL,
                                          type == KW_H5_STR ? 0 : 4 },
                  data);
}

void kw_results_schedules(struct kw_writer *w, const struct kw_candidate *c, size_t n, uint32_t nd)
{
    size_t cells = n * nd, changes = 0;
    for (size_t i = 0; i < cells; i++)
        if (schedule_of(c, i, nd) && schedule_of(c, i, nd)->n > changes) changes = schedule_of(c, i, nd)->n;
    if (!changes) return;
    const char **zone = malloc(cells * sizeof *zone);
    int64_t *lead = malloc(cells * sizeof *lead), *minute = malloc(cells * changes * sizeof *minute),
            *warm = malloc(cells * changes * sizeof *warm);
    if (!zone || !lead || !minute || !warm) {
        kw_writer_no_memory(w);
    } else {
        for (size_t i = 0; i < cells; i++) {
            const struct kw_schedule *s = schedule_of(c, i, nd);
            zone[i] = s ? s->zone->name : "";
            lead[i] = s ? s->lead : 0;
            for (size_t k = 0; k < changes; k++) {
                minute[i * changes + k] = s && k < s->n ? s->change[k].minute : -1;
                warm[i * changes + k] = s && k < s->n ? s->change[k].warm : -1;
            }
        }
        kw_writer_index(w, CHANGE, "change", changes, "a change of a schedule's level");
        put(w, ZONE, KW_H5_STR, "", "whose clocks a schedule goes by; empty: none", n, nd, 0, zone);
        put(w, LEAD, KW_H5_I64, "ns", "from a start to its need; -1: as long as 95 % of the starts take", n, nd, 0,
            lead);
        put(w, MINUTE, KW_H5_I64, "min", "of the local week, from Monday 00:00, at which a level begins; -1: none", n,
            nd, changes, minute);
        put(w, WARM, KW_H5_I64, "replica", "kept warm from there on; -1: none", n, nd, changes, warm);
    }
    free(zone);
    free(lead);
    free(minute);
    free(warm);
}

enum kw_status kw_schedules_load(struct kw_schedules_read *r, struct kw_h5 *f, size_t cells, struct kw_error *err)
{
    int rank;
    size_t shape[4];
    *r = (struct kw_schedules_read){ .cells = 0 };
    if (kw_h5_exists(f, MINUTE) <= 0) return KW_OK;
    enum kw_status st = kw_h5_shape(f, MINUTE, &rank, shape, err);
    if (st == KW_OK && (rank != 3 || shape[2] < 1 || shape[2] > KW_SCHEDULE_CHANGES))
        st = kw_fail(err, KW_EPARSE, MINUTE ": no schedules");
    if (st != KW_OK) return st;
    r->changes = shape[2];
    st = kw_h5_read_n(f, ZONE, KW_H5_STR, cells, &r->zone, err);
    if (st == KW_OK) st = kw_h5_read_n(f, LEAD, KW_H5_I64, cells, &r->lead, err);
    if (st == KW_OK) st = kw_h5_read_n(f, MINUTE, KW_H5_I64, cells * r->changes, &r->minute, err);
    if (st == KW_OK) st = kw_h5_read_n(f, WARM, KW_H5_I64, cells * r->changes, &r->warm, err);
    if (st == KW_OK) r->cells = cells;
    return st;
}

void kw_schedules_free(struct kw_schedules_read *r)
{
    free(r->zone);
    free(r->lead);
    free(r->minute);
    free(r->warm);
    *r = (struct kw_schedules_read){ .cells = 0 };
}

enum kw_status kw_schedules_take(const struct kw_schedules_read *r, size_t at, struct kw_catalogue *cat,
                                 struct kw_choice *out, struct kw_error *err)
{
    struct kw_schedule *s = &out->schedule;
    if (at >= r->cells || !r->zone[at][0]) return KW_OK;
    const int64_t *minute = r->minute + at * r->changes, *warm = r->warm + at * r->changes;
    enum kw_status st = kw_catalogue_zone_named(cat, r->zone[at], &s->zone, err);
    if (st != KW_OK) return st;
    s->lead = r->lead[at];
    for (size_t k = 0; k < r->changes && minute[k] >= 0; k++) {
        if (minute[k] >= KW_WEEK_MINUTES || warm[k] < 0 || warm[k] > UINT16_MAX || (k && minute[k] <= minute[k - 1]))
            return kw_fail(err, KW_EPARSE, MINUTE ": no schedule");
        s->change[s->n++] = (struct kw_schedule_change){ (uint16_t)minute[k], (uint16_t)warm[k] };
    }
    return s->n && s->lead >= KW_LEAD_AUTO ? KW_OK : kw_fail(err, KW_EPARSE, MINUTE ": no schedule");
}
