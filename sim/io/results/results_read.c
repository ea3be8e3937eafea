#include "sim/io/results/results.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/h5.h"
#include "sim/fleet/groups.h"
#include "sim/io/results/results_schedules.h"
#include "sim/plan/sweep/apart.h"
#include "sim/plan/sweep/distance.h"

static enum kw_status open_result(struct kw_h5 **f, const char *path, struct kw_error *err)
{
    int64_t version;
    enum kw_status st = kw_h5_open(f, path, err);
    if (st != KW_OK) return st;
    char *title = NULL;
    if (kw_h5_read_attr_str(*f, "/", "title", &title, NULL) != KW_OK) title = NULL;
    st = kw_h5_read_attr_i64(*f, "/", "schema_version", &version, NULL);
    if (title && strcmp(title, "keepwarm result"))
        st = kw_fail(err, KW_EPARSE, "%.300s: is no result of run, sweep or plan, but '%.80s'", path, title);
    else if (st != KW_OK)
        st = kw_fail(err, KW_EPARSE, "%.300s: is no keepwarm result (it has no schema_version)", path);
    else if (version != KW_RESULTS_SCHEMA)
        st = kw_fail(err, KW_EPARSE, "%.300s: has schema version %lld; this keepwarm reads %d", path,
                     (long long)version, KW_RESULTS_SCHEMA);
    free(title);
    if (st != KW_OK) kw_h5_abandon(*f);
    return st;
}

enum kw_status kw_results_head(struct kw_results_head *h, const char *path, struct kw_error *err)
{
    struct kw_h5 *f;
    memset(h, 0, sizeof *h);
    enum kw_status st = open_result(&f, path, err);
    if (st != KW_OK) return st;
    const struct {
        const char *name;
        char **out;
    } strings[] = { { "command", &h->command },
                    { "config_json", &h->config_json },
                    { "trace_sha256", &h->trace_sha256 },
                    { "keepwarm_version", &h->keepwarm_version },
                    { "git_revision", &h->git_revision } };
    for (size_t i = 0; i < sizeof strings / sizeof *strings && st == KW_OK; i++)
        st = kw_h5_read_attr_str(f, "/", strings[i].name, strings[i].out, err);
    if (st == KW_OK) st = kw_h5_read_attr_i64(f, "/", "seed", &h->seed, err);
    if (st == KW_OK) st = kw_h5_read_attr_i64(f, "/", "schema_version", &h->schema_version, err);
    if (st == KW_OK && kw_h5_read_attr_str(f, "/", "recommendation", &h->recommendation, NULL) != KW_OK)
        h->recommendation = NULL; /* only a plan has one */
    /* all built in */
    if (st == KW_OK && kw_h5_read_attr_str(f, "/", "profiles", &h->profiles, NULL) != KW_OK) h->profiles = NULL;
    if (st == KW_OK && kw_h5_read_attr_str(f, "/", "platforms", &h->platforms, NULL) != KW_OK) h->platforms = NULL;
    if (st == KW_OK && kw_h5_read_attr_str(f, "/", "only_class", &h->only_class, NULL) != KW_OK) h->only_class = NULL;
    /* no file was in it */
    if (st == KW_OK && kw_h5_read_attr_str(f, "/", "folder", &h->folder, NULL) != KW_OK) h->folder = NULL;
    kw_h5_abandon(f);
    if (st != KW_OK) kw_results_head_free(h);
    return st;
}

void kw_results_head_free(struct kw_results_head *h)
{
    free(h->command);
    free(h->config_json);
    free(h->trace_sha256);
    free(h->keepwarm_version);
    free(h->git_revision);
    free(h->recommendation);
    free(h->profiles);
    free(h->platforms);
    free(h->folder);
    free(h->only_class);
    memset(h, 0, sizeof *h);
}

/* What of a file is in memory while it is read. */
struct reading {
    struct kw_h5 *f;
    size_t n, nd, nr; /* points, deployments, replications */
    char **platform, **sku, **gpu, **model, **precision, **term, **name, **grade, **file, **sha256, **profile_grade;
    char **account, **region, **autoscaler, **serves, **link, **link_grade; /* NULL in results that have none */
    char **label, **routing; /* routing: NULL in results that have none */
    char **part;             /* the same */
    size_t ng;               /* groups; 0 in results that keep no samples of them */
    char **group[4];         /* class, model, deployment of each, region (NULL in results that have none); [n * ng] */
    uint64_t *arrived;       /* NULL in results that have none */
    uint64_t *group_requests;
    double *group_samples[KW_METRICS]; /* [n * nr * ng], NULL where no group has it */
    double *share;                     /* [n * nr * ng * nd] */
    uint32_t *replications;
    double *days_df, *widen; /* NULL in results that have none: then no intervals */
    double *quality;         /* [n], NULL where no model stands in for another */
    uint8_t *pruned;
    int64_t **settings; /* [kw_choice_field rows], each [n * nd] */
    size_t n_settings;
    struct kw_schedules_read schedules;
    double *samples[KW_METRICS];        /* [n * nr] */
    double *margin[3];                  /* left, error, probability; [n] each, NULL when the file has none */
    uint8_t *thin;                      /* [n] or NULL */
    double *end[KW_METRICS][2];         /* [n], of percentiles: both ends of their intervals */
    double *group_end[KW_METRICS][2];   /* [n * ng], the same of groups; NULL where none has one */
    uint32_t *known_to, *rate_known_to; /* [n], NULL when the file has none */
    double *steps_outside;              /* [n], the same */
    double *adapter_overhead;           /* [n], the same */
    double *beyond[KW_METRICS];         /* [n] */
    int64_t **usage;                    /* [fields], each [n * nr * nd] */
    size_t n_fields;
};

static void reading_free(struct reading *r)
{
    char **const strings[] = { r->platform, r->sku,     r->gpu,        r->model,    r->precision,     r->term,
                               r->name,     r->grade,   r->file,       r->sha256,   r->profile_grade, r->label,
                               r->routing,  r->account, r->part,       r->group[0], r->group[1],      r->group[2],
                               r->group[3], r->region,  r->autoscaler, r->serves,   r->link,          r->link_grade };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) free(strings[i]);
    kw_schedules_free(&r->schedules);
    free(r->replications);
    free(r->days_df);
    free(r->quality);
    free(r->widen);
    free(r->pruned);
    for (size_t i = 0; r->settings && i < r->n_settings; i++) free(r->settings[i]);
    free(r->settings);
    for (int m = 0; m < KW_METRICS; m++) free(r->samples[m]);
    for (int m = 0; m < KW_METRICS; m++)
        for (int side = 0; side < 2; side++) {
            free(r->end[m][side]);
            free(r->group_end[m][side]);
        }
    for (int m = 0; m < KW_METRICS; m++) free(r->beyond[m]);
    for (int k = 0; k < 3; k++) free(r->margin[k]);
    free(r->thin);
    for (int m = 0; m < KW_METRICS; m++) free(r->group_samples[m]);
    free(r->arrived);
    free(r->group_requests);
    free(r->share);
    free(r->known_to);
    free(r->rate_known_to);
    free(r->steps_outside);
    free(r->adapter_overhead);
    for (size_t i = 0; r->usage && i < r->n_fields; i++) free(r->usage[i]);
    free(r->usage);
    kw_h5_abandon(r->f);
}

/* Results of before /group_samples keep none. */
static enum kw_status read_groups(struct reading *r, const char *path, struct kw_error *err)
{
    static const char *const words[] = { "/groups/class", "/groups/model", "/groups/deployment", "/groups/region" };
    int rank;
    size_t shape[4];
    if (kw_h5_exists(r->f, "/group_samples/share") <= 0) return KW_OK;
    enum kw_status st = kw_h5_shape(r->f, "/group_samples/share", &rank, shape, err);
    if (st != KW_OK) return st;
    if (rank != 4 || shape[0] != r->n || shape[1] != r->nr || shape[3] != r->nd || shape[2] == 0 ||
        shape[2] > KW_GROUPS_MAX + KW_FLEET_MAX_DEPLOYMENTS)
        return kw_fail(err, KW_EPARSE, "%.300s: /group_samples/share has another shape than /usage", path);
    r->ng = shape[2];
    for (int i = 0; i < 4 && st == KW_OK; i++)
        if (i < 3 || kw_h5_exists(r->f, words[i]) > 0) /* the last is not in the first results */
            st = kw_h5_read_n(r->f, words[i], KW_H5_STR, r->n * r->ng, &r->group[i], err);
    if (st == KW_OK) st = kw_h5_read_n(r->f, "/groups/requests", KW_H5_U64, r->n * r->ng, &r->group_requests, err);
    for (int m = 0; m < KW_METRICS && st == KW_OK; m++) {
        char name[96];
        snprintf(name, sizeof name, "/group_samples/%s", kw_metric_info[m].name);
        if (kw_h5_exists(r->f, name) > 0)
            st = kw_h5_read_n(r->f, name, KW_H5_F64, r->n * r->nr * r->ng, &r->group_samples[m], err);
        for (int side = 0; side < 2 && st == KW_OK && kw_metric_is_percentile((enum kw_metric)m); side++) {
            snprintf(name, sizeof name, "/groups/%s_%s", kw_metric_info[m].name, side ? "hi" : "lo");
            if (kw_h5_exists(r->f, name) > 0)
                st = kw_h5_read_n(r->f, name, KW_H5_F64, r->n * r->ng, &r->group_end[m][side], err);
        }
    }
    if (st == KW_OK)
        st = kw_h5_read_n(r->f, "/group_samples/share", KW_H5_F64, r->n * r->nr * r->ng * r->nd, &r->share, err);
    return st;
}

/* The whole of a file into columns, then closed: HDF5 is not asked again once points are made. Lengths are checked
 * against one shape, so that no index below can lie beyond a column. */
static enum kw_status read_all(struct reading *r, const char *path, struct kw_error *err)
{
    int rank;
    size_t shape[4];
    enum kw_status st = open_result(&r->f, path, err);
    if (st != KW_OK) {
        r->f = NULL;
        return st;
    }
    st = kw_h5_shape(r->f, "/usage/requests", &rank, shape, err);
    if (st != KW_OK) return st;
    if (rank != 3) return kw_fail(err, KW_EPARSE, "%.300s: /usage/requests has rank %d; want 3", path, rank);
    r->n = shape[0];
    r->nr = shape[1];
    r->nd = shape[2];
    if (r->n == 0 || r->nr == 0 || r->nr > KW_REPLICATIONS_MAX || r->nd == 0 || r->nd > KW_FLEET_MAX_DEPLOYMENTS)
        return kw_fail(err, KW_EPARSE, "%.300s: /usage/requests has shape [%zu, %zu, %zu]", path, r->n, r->nr, r->nd);
    const struct {
        const char *path;
        char ***out;
    } strings[] = { { "/deployments/platform", &r->platform },
                    { "/deployments/sku", &r->sku },
                    { "/deployments/gpu", &r->gpu },
                    { "/deployments/model", &r->model },
                    { "/deployments/precision", &r->precision },
                    { "/deployments/term", &r->term },
                    { "/deployments/name", &r->name } };
    for (size_t i = 0; i < sizeof strings / sizeof *strings && st == KW_OK; i++)
        st = kw_h5_read_n(r->f, strings[i].path, KW_H5_STR, r->n * r->nd, strings[i].out, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/deployments/profile_file") > 0) { /* not in the first results */
        st = kw_h5_read_n(r->f, "/deployments/profile_file", KW_H5_STR, r->n * r->nd, &r->file, err);
        if (st == KW_OK)
            st = kw_h5_read_n(r->f, "/deployments/profile_sha256", KW_H5_STR, r->n * r->nd, &r->sha256, err);
        if (st == KW_OK)
            st = kw_h5_read_n(r->f, "/deployments/profile_grade", KW_H5_STR, r->n * r->nd, &r->profile_grade, err);
    }
    if (st == KW_OK && kw_h5_exists(r->f, "/deployments/link") > 0) {
        st = kw_h5_read_n(r->f, "/deployments/link", KW_H5_STR, r->n * r->nd, &r->link, err);
        if (st == KW_OK)
            st = kw_h5_read_n(r->f, "/deployments/link_grade", KW_H5_STR, r->n * r->nd, &r->link_grade, err);
    }
    if (st == KW_OK && kw_h5_exists(r->f, "/deployments/region") > 0)
        st = kw_h5_read_n(r->f, "/deployments/region", KW_H5_STR, r->n * r->nd, &r->region, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/deployments/serves") > 0)
        st = kw_h5_read_n(r->f, "/deployments/serves", KW_H5_STR, r->n * r->nd, &r->serves, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/points/quality") > 0)
        st = kw_h5_read_n(r->f, "/points/quality", KW_H5_F64, r->n, &r->quality, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/deployments/autoscaler") > 0)
        st = kw_h5_read_n(r->f, "/deployments/autoscaler", KW_H5_STR, r->n * r->nd, &r->autoscaler, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/deployments/account") > 0)
        st = kw_h5_read_n(r->f, "/deployments/account", KW_H5_STR, r->n * r->nd, &r->account, err);
    if (st == KW_OK) st = kw_schedules_load(&r->schedules, r->f, r->n * r->nd, err);
    while (kw_choice_field[r->n_settings].name) r->n_settings++;
    r->settings = calloc(r->n_settings, sizeof *r->settings);
    if (!r->settings) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < r->n_settings && st == KW_OK; i++) {
        char name[96];
        snprintf(name, sizeof name, "/deployments/%s", kw_choice_field[i].name);
        if (kw_choice_field[i].later && kw_h5_exists(r->f, name) <= 0) continue;
        st = kw_h5_read_n(r->f, name, KW_H5_I64, r->n * r->nd, &r->settings[i], err);
    }
    if (st == KW_OK) st = kw_h5_read_n(r->f, "/points/pruned", KW_H5_U8, r->n, &r->pruned, err);
    if (st == KW_OK) st = kw_h5_read_n(r->f, "/points/label", KW_H5_STR, r->n, &r->label, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/points/part") > 0)
        st = kw_h5_read_n(r->f, "/points/part", KW_H5_STR, r->n, &r->part, err);
    if (st == KW_OK) st = read_groups(r, path, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/points/routing") > 0)
        st = kw_h5_read_n(r->f, "/points/routing", KW_H5_STR, r->n, &r->routing, err);
    if (st == KW_OK) st = kw_h5_read_n(r->f, "/points/grade", KW_H5_STR, r->n, &r->grade, err);
    if (st == KW_OK) st = kw_h5_read_n(r->f, "/points/replications", KW_H5_U32, r->n, &r->replications, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/points/arrived") > 0)
        st = kw_h5_read_n(r->f, "/points/arrived", KW_H5_U64, r->n, &r->arrived, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/points/days_df") > 0) {
        st = kw_h5_read_n(r->f, "/points/days_df", KW_H5_F64, r->n, &r->days_df, err);
        if (st == KW_OK) st = kw_h5_read_n(r->f, "/points/widen", KW_H5_F64, r->n, &r->widen, err);
    }
    for (int m = 0; m < KW_METRICS && st == KW_OK; m++) {
        char name[96];
        snprintf(name, sizeof name, "/samples/%s", kw_metric_info[m].name);
        if (m >= KW_METRIC_COST_WINDOW && kw_h5_exists(r->f, name) == 0) continue;
        st = kw_h5_read_n(r->f, name, KW_H5_F64, r->n * r->nr, &r->samples[m], err);
    }
    static const char *const margin[] = { "/points/margin_left", "/points/margin_error",
                                          "/points/p_feasible_with_step_error" };
    bool judged = st == KW_OK && kw_h5_exists(r->f, "/points/thin") > 0;
    if (judged) st = kw_h5_read_n(r->f, "/points/thin", KW_H5_U8, r->n, &r->thin, err);
    for (int k = 0; k < 3 && judged && st == KW_OK; k++)
        st = kw_h5_read_n(r->f, margin[k], KW_H5_F64, r->n, &r->margin[k], err);
    for (int m = 0; m < KW_METRICS && st == KW_OK; m++)
        for (int side = 0; side < 2 && st == KW_OK && kw_metric_is_percentile((enum kw_metric)m); side++) {
            char name[96];
            snprintf(name, sizeof name, "/points/%s_%s", kw_metric_info[m].name, side ? "hi" : "lo");
            st = kw_h5_read_n(r->f, name, KW_H5_F64, r->n, &r->end[m][side], err);
        }
    if (st == KW_OK && kw_h5_exists(r->f, "/beyond/known_to") > 0)
        st = kw_h5_read_n(r->f, "/beyond/known_to", KW_H5_U32, r->n, &r->known_to, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/beyond/rate_known_to") > 0)
        st = kw_h5_read_n(r->f, "/beyond/rate_known_to", KW_H5_U32, r->n, &r->rate_known_to, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/beyond/steps_outside") > 0)
        st = kw_h5_read_n(r->f, "/beyond/steps_outside", KW_H5_F64, r->n, &r->steps_outside, err);
    if (st == KW_OK && kw_h5_exists(r->f, "/beyond/adapter_overhead") > 0)
        st = kw_h5_read_n(r->f, "/beyond/adapter_overhead", KW_H5_F64, r->n, &r->adapter_overhead, err);
    for (int m = 0; m < KW_METRICS && st == KW_OK && r->known_to; m++) {
        char name[96];
        snprintf(name, sizeof name, "/beyond/%s", kw_metric_info[m].name);
        if (kw_h5_exists(r->f, name) == 0) continue; /* a figure that results of that time did not have */
        st = kw_h5_read_n(r->f, name, KW_H5_F64, r->n, &r->beyond[m], err);
    }
    while (kw_usage_field[r->n_fields].name) r->n_fields++;
    r->usage = calloc(r->n_fields, sizeof *r->usage);
    if (!r->usage) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < r->n_fields && st == KW_OK; i++) {
        char name[96];
        snprintf(name, sizeof name, "/usage/%s", kw_usage_field[i].name);
        if (kw_usage_field[i].later && kw_h5_exists(r->f, name) == 0) { /* 0: 730 hours, once; no prompt apart */
            r->usage[i] = calloc(r->n * r->nr * r->nd, sizeof **r->usage);
            if (!r->usage[i]) st = kw_fail(err, KW_ENOMEM, "out of memory");
            continue;
        }
        st = kw_h5_read_n(r->f, name, KW_H5_I64, r->n * r->nr * r->nd, &r->usage[i], err);
    }
    return st;
}

/* The most that a setting of 32 bits may be: those that are words have so many. */
static int64_t most_of(const struct kw_choice_field *f)
{
    if (f->offset == offsetof(struct kw_choice, balance)) return KW_BALANCES - 1;
    if (f->offset == offsetof(struct kw_choice, batch_from)) return KW_BATCH_OWN;
    if (f->offset == offsetof(struct kw_choice, batch_from)) return KW_BATCH_OWN;
    if (f->offset == offsetof(struct kw_choice, provision.bought.above)) return KW_ABOVE_SPILL;
    if (f->offset == offsetof(struct kw_choice, provision.commitment) ||
        f->offset == offsetof(struct kw_choice, provision.own_per))
        return KW_COMMITMENTS - 1;
    return INT32_MAX;
}

static int64_t least_of(const struct kw_choice_field *f)
{
    return f->offset == offsetof(struct kw_choice, prewarm.lead) ? KW_LEAD_AUTO : 0;
}

/* A count of a deployment that older results do not tell: 1. */
static uint32_t setting_of(const struct reading *r, const char *name, size_t at)
{
    for (size_t i = 0; i < r->n_settings; i++)
        if (!strcmp(kw_choice_field[i].name, name) && r->settings[i] && r->settings[i][at] > 0 &&
            r->settings[i][at] < 4096)
            return (uint32_t)r->settings[i][at];
    return 1;
}

/* Deployment d of point i: the offer is looked up in today's catalogue. What it was simulated with, a profile or an
 * API's latency, may have been the user's own and asks nothing of prices. */
static enum kw_status resolve(const struct reading *r, size_t at, struct kw_catalogue *c, struct kw_choice *out,
                              struct kw_error *err)
{
    const struct kw_platform *p;
    enum kw_status st = kw_catalogue_platform(c, r->platform[at], &p, err);
    if (st != KW_OK) return st;
    memset(out, 0, sizeof *out);
    if (p->kind == KW_KIND_API) {
        static const struct kw_law any[3] = { { .kind = KW_LAW_CONSTANT },
                                              { .kind = KW_LAW_CONSTANT },
                                              { .kind = KW_LAW_CONSTANT } };
        for (size_t i = 0; i < p->n_apis; i++)
            if (!strcmp(p->apis[i].sku, r->sku[at])) {
                st = kw_choice_api_with(out, p, &p->apis[i], any, err);
                break;
            }
    } else {
        int64_t tp = r->settings[0][at]; /* the table's first row */
        const struct kw_profile *profile;
        struct kw_profile_words words = { r->gpu[at],
                                          r->model[at],
                                          r->precision[at],
                                          r->file ? r->file[at] : NULL,
                                          r->sha256 ? r->sha256[at] : NULL,
                                          r->profile_grade ? r->profile_grade[at] : NULL,
                                          r->link ? r->link[at] : NULL,
                                          r->link_grade ? r->link_grade[at] : NULL,
                                          { tp > 0 && tp < 1024 ? (uint32_t)tp : 0, setting_of(r, "dp", at),
                                            setting_of(r, "ep", at) } };
        st = kw_catalogue_profile_named(c, &words, &profile, err);
        for (size_t i = 0; i < p->n_gpus && st == KW_OK; i++)
            if (!strcmp(p->gpus[i].sku, r->sku[at]) && !strcmp(p->gpus[i].gpu, r->gpu[at])) {
                st = kw_choice_gpu(out, p, &p->gpus[i], profile, NULL, err);
                break;
            }
    }
    if (st != KW_OK) return st;
    if (!out->platform)
        return kw_fail(err, KW_ERANGE, "%s no longer offers '%s' (%s, %s)", p->title, r->sku[at], r->gpu[at],
                       r->model[at]);
    if (r->region && r->region[at][0]) {
        const struct kw_region_offer *region = kw_platform_region(p, r->region[at]);
        if (!region) return kw_fail(err, KW_ERANGE, "%s can no longer be asked to run in %s", p->title, r->region[at]);
        if ((st = kw_choice_place(out, region, err)) != KW_OK) return st;
    }
    if (r->autoscaler && r->autoscaler[at][0] && p->kind == KW_KIND_DEDICATED) {
        const struct kw_self_managed *f;
        const struct kw_node_own none = { .idle = 0 };
        if ((st = kw_self_managed_find(&c->autoscalers, r->autoscaler[at], &f, err)) != KW_OK) return st;
        kw_choice_self_managed(out, f, &f->scaling, &none);
    }
    for (int t = 0; kw_term_name[t]; t++)
        if (!strcmp(kw_term_name[t], r->term[at])) out->term = (enum kw_term)t;
    for (size_t i = 0; i < r->n_settings; i++) {
        const struct kw_choice_field *f = &kw_choice_field[i];
        if (!r->settings[i]) continue;
        int64_t v = r->settings[i][at];
        if (v < least_of(f) || (f->size == sizeof(uint32_t) && v > most_of(f)))
            return kw_fail(err, KW_EPARSE, "/deployments/%s: %lld is out of range", f->name, (long long)v);
        kw_choice_field_set(f, out, v);
    }
    out->gpus = out->engines.decode ? kw_engines_gpus(&out->engines, out->tp) : out->tp * out->dp;
    if (!out->profile_seqs) { /* an older result does not tell the profile's limits from others */
        out->profile_seqs = out->sched.max_num_seqs;
        out->profile_tokens = out->sched.max_num_batched_tokens;
    }
    if ((st = kw_schedules_take(&r->schedules, at, c, out, err)) != KW_OK) return st;
    snprintf(out->name, sizeof out->name, "%.31s", r->name[at]);
    if (r->account) snprintf(out->account, sizeof out->account, "%.31s", r->account[at]);
    if (r->serves && r->serves[at][0]) {
        snprintf(out->model, sizeof out->model, "%.63s", r->serves[at]);
        out->tells_model = true;
        if (r->quality && r->quality[at / r->nd] > 0)
            out->quality = r->quality[at / r->nd]; /* the lowest of its point */
    }
    return KW_OK;
}

/* The routing as kw_candidate_route writes it; false where it is nothing of the kind. */
static bool read_routing(const char *text, struct kw_candidate *c)
{
    struct kw_routing *to = &c->routing;
    size_t n = strcspn(text, " ");
    int policy = 0;
    while (kw_route_policy_name[policy] &&
           (strlen(kw_route_policy_name[policy]) != n || strncmp(text, kw_route_policy_name[policy], n)))
        policy++;
    if (!kw_route_policy_name[policy]) return false;
    to->policy = (enum kw_route_policy)policy;
    char *at = (char *)text + n;
    if (policy == KW_ROUTE_REGION) {
        int spill = 0;
        at += *at == ' ';
        n = strcspn(at, " ");
        while (kw_route_spill_name[spill] &&
               (strlen(kw_route_spill_name[spill]) != n || strncmp(kw_route_spill_name[spill], at, n)))
            spill++;
        if (!kw_route_spill_name[spill]) return false;
        to->spill = (enum kw_route_spill)spill;
        at += n;
    }
    if (policy == KW_ROUTE_OVERFLOW || (policy == KW_ROUTE_REGION && to->spill == KW_SPILL_BUSY))
        to->overflow_at = (uint32_t)strtoul(at, &at, 10);
    for (uint32_t d = 0; policy == KW_ROUTE_SPLIT && d < c->n; d++) to->share[d] = strtod(at, &at);
    return !*at;
}

/* What a result said of a point beside its deployments. What the writer added to the label is in its brackets. */
static enum kw_status name_point(const struct reading *r, size_t i, struct kw_candidate *c, struct kw_error *err)
{
    char label[320];
    if (r->part) snprintf(c->part, sizeof c->part, "%.63s", r->part[i]);
    if (r->routing && !read_routing(r->routing[i], c))
        return kw_fail(err, KW_EPARSE, "/points/routing[%zu] is '%.40s'", i, r->routing[i]);
    size_t n = strlen(kw_candidate_label(c, label, sizeof label));
    const char *rest = strncmp(r->label[i], label, n) ? "" : r->label[i] + n;
    size_t m = strlen(rest);
    if (m > 3 && m - 3 < sizeof c->apart && rest[0] == ' ' && rest[1] == '[' && rest[m - 1] == ']')
        snprintf(c->apart, sizeof c->apart, "%.*s", (int)(m - 3), rest + 2);
    return KW_OK;
}

/* The groups of point i: classes and models first, then its deployments. */
static enum kw_status fill_groups(const struct reading *r, size_t i, struct kw_point *p, struct kw_error *err)
{
    uint32_t n = 0, classes = 0;
    char *const *word[4] = { NULL };
    for (int k = 0; k < 4 && r->ng; k++) word[k] = r->group[k] ? r->group[k] + i * r->ng : NULL;
    while (n < r->ng && (word[0][n][0] || word[1][n][0] || word[2][n][0] || (word[3] && word[3][n][0]))) n++;
    while (classes < n && !word[2][classes][0]) classes++;
    if (!n) return KW_OK;
    if (n - classes != (p->n > 1 ? p->n : 0))
        return kw_fail(err, KW_EPARSE, "/groups: point %zu has %u deployments; want %u", i, n - classes, p->n);
    uint32_t nr = p->replications;
    p->group = calloc(n, sizeof *p->group);
    p->group_sample = calloc((size_t)nr * n, sizeof *p->group_sample);
    p->share = calloc((size_t)nr * (classes ? classes : 1) * p->n, sizeof *p->share);
    if (!p->group || !p->group_sample || !p->share) return kw_fail(err, KW_ENOMEM, "out of memory");
    p->n_groups = n;
    p->n_classes = classes;
    for (uint32_t g = 0; g < n; g++) {
        struct kw_point_group *x = &p->group[g];
        snprintf(x->klass, sizeof x->klass, "%.63s", word[0][g]);
        snprintf(x->model, sizeof x->model, "%.63s", word[1][g]);
        snprintf(x->deployment, sizeof x->deployment, "%.31s", word[2][g]);
        if (word[3]) snprintf(x->region, sizeof x->region, "%.31s", word[3][g]);
        x->arrived = r->group_requests[i * r->ng + g];
        for (int m = 0; m < KW_METRICS; m++) {
            double *const *end = r->group_end[m];
            x->m[m] =
                (struct kw_estimate){ NAN, end[0] ? end[0][i * r->ng + g] : NAN, end[1] ? end[1][i * r->ng + g] : NAN };
        }
        for (uint32_t rep = 0; rep < nr; rep++) {
            size_t at = (i * r->nr + rep) * r->ng + g;
            for (int m = 0; m < KW_METRICS; m++)
                p->group_sample[(size_t)rep * n + g][m] = r->group_samples[m] ? r->group_samples[m][at] : NAN;
            for (uint32_t d = 0; d < p->n && g < classes; d++)
                p->share[((size_t)rep * classes + g) * p->n + d] = r->share[at * r->nd + d];
        }
    }
    return KW_OK;
}

/* Figures are not read but made again from samples and usage by the code that made them first: a result opened later
 * cannot say anything that a fresh one would not. The intervals of percentiles are read: they rest on where each stood
 * among the requests, and no price moves them. */
static enum kw_status fill_point(const struct reading *r, size_t i, const struct kw_candidate *c, struct kw_point *p,
                                 struct kw_error *err)
{
    enum kw_status st = kw_point_init(p, err);
    if (st != KW_OK) return st;
    uint32_t nr = r->replications[i];
    if (nr == 0 || nr > r->nr)
        return kw_fail(err, KW_EPARSE, "/points/replications[%zu] is %u; want 1 to %zu", i, nr, r->nr);
    p->replications = nr;
    p->n = c->n;
    p->pruned = r->pruned[i];
    for (int m = 0; m < KW_METRICS; m++)
        if (r->end[m][0]) p->m[m] = (struct kw_estimate){ NAN, r->end[m][0][i], r->end[m][1][i] };
    if (r->arrived) p->arrived = r->arrived[i];
    if (r->days_df) p->variation = (struct kw_variation){ r->days_df[i], r->widen[i] };
    int grade = 0;
    while (kw_grade_name[grade] && strcmp(kw_grade_name[grade], r->grade[i])) grade++;
    if (!kw_grade_name[grade]) return kw_fail(err, KW_EPARSE, "/points/grade[%zu] is '%.20s'", i, r->grade[i]);
    p->grade = (enum kw_grade)grade; /* what the simulation rests on, whatever is known of the platform today */
    p->sample = malloc(nr * sizeof *p->sample);
    p->usage = calloc((size_t)nr * c->n, sizeof *p->usage);
    p->bill_of = calloc(c->n, sizeof *p->bill_of);
    if (!p->sample || !p->usage || !p->bill_of) return kw_fail(err, KW_ENOMEM, "out of memory");
    if (r->thin) p->margin = (struct kw_margin){ r->margin[0][i], r->margin[1][i], r->margin[2][i], r->thin[i] != 0 };
    if (r->known_to) p->known_to = r->known_to[i];
    if (r->rate_known_to) p->rate_known_to = r->rate_known_to[i];
    if (r->steps_outside) p->steps_outside = r->steps_outside[i];
    if (r->adapter_overhead) p->adapter_overhead = r->adapter_overhead[i];
    for (int m = 0; m < KW_METRICS && kw_point_has_range(p); m++) p->beyond[m] = r->beyond[m] ? r->beyond[m][i] : NAN;
    for (uint32_t rep = 0; rep < nr; rep++) {
        for (int m = 0; m < KW_METRICS; m++)
            p->sample[rep][m] = r->samples[m] ? r->samples[m][i * r->nr + rep] : m == KW_METRIC_OVERLOAD ? 0 : NAN;
        for (uint32_t d = 0; d < c->n; d++) {
            struct kw_usage *u = &p->usage[rep * c->n + d];
            const struct kw_choice *choice = &c->choice[d];
            for (size_t f = 0; f < r->n_fields; f++) {
                int64_t v = r->usage[f][(i * r->nr + rep) * r->nd + d];
                if (v < (kw_usage_field[f].offset == offsetof(struct kw_usage, window)))
                    return kw_fail(err, KW_EPARSE, "/usage/%s[%zu, %u, %u] is %lld", kw_usage_field[f].name, i, rep, d,
                                   (long long)v);
                memcpy((char *)u + kw_usage_field[f].offset, &v, sizeof v);
            }
            u->kind = choice->platform->kind;
            u->gpus = choice->gpu ? kw_gpus_per_replica(choice->gpu, choice->gpus) : 0;
        }
    }
    return fill_groups(r, i, p, err);
}

/* All or nothing: on failure what was made is freed and the caller's pointers are untouched. */
enum kw_status kw_results_read_points(const char *path, struct kw_catalogue *c, struct kw_candidate **candidates,
                                      struct kw_point **points, size_t *n, struct kw_error *err)
{
    struct reading r = { 0 };
    enum kw_status st = read_all(&r, path, err);
    struct kw_candidate *cand = NULL;
    struct kw_point *point = NULL;
    size_t made = 0;
    if (st == KW_OK) {
        cand = calloc(r.n, sizeof *cand);
        point = calloc(r.n, sizeof *point);
        if (!cand || !point) st = kw_fail(err, KW_ENOMEM, "out of memory");
    }
    for (; st == KW_OK && made < r.n; made++) {
        kw_candidate_init(&cand[made]);
        for (size_t d = 0; d < r.nd && st == KW_OK; d++) {
            struct kw_choice choice;
            if (!r.platform[made * r.nd + d][0]) break;
            st = resolve(&r, made * r.nd + d, c, &choice, err);
            if (st == KW_OK) st = kw_candidate_add(&cand[made], &choice, err);
        }
        if (st == KW_OK) st = name_point(&r, made, &cand[made], err);
        if (st == KW_OK) st = fill_point(&r, made, &cand[made], &point[made], err);
    }
    *n = r.n;
    reading_free(&r);
    for (size_t at = 0, k; at < made && st == KW_OK; at += k) { /* the first results did not; a part's are its own */
        for (k = 1; at + k < made && !strcmp(cand[at + k].part, cand[at].part);) k++;
        st = kw_candidates_tell_apart(cand + at, k, NULL, NULL, err);
    }
    if (st == KW_OK) {
        *candidates = cand;
        *points = point;
        return KW_OK;
    }
    for (size_t i = 0; i < made; i++) {
        kw_candidate_free(&cand[i]);
        kw_point_free(&point[i]);
    }
    free(cand);
    free(point);
    return st;
}
