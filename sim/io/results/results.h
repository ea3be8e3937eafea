/* sim/io/results/results.h - a result file: HDF5, DESIGN section 7. Everything notebooks, `reprice`, `compare` and
 * `rerun` need, and nothing that differs between two runs of the same inputs but created_utc. */
#ifndef KW_SIM_IO_RESULTS_RESULTS_H
#define KW_SIM_IO_RESULTS_RESULTS_H
#include <stddef.h>
#include "sim/core/document.h"
#include "sim/io/scenario/scenario.h"
#include "sim/plan/breakeven.h"
#include "sim/plan/plan.h"
#include "sim/plan/plan_parts.h"
#include "workloads/trace.h"
#include "workloads/window.h"

#define KW_RESULTS_SCHEMA 1

struct kw_results {          /* what is written; all borrowed but in a result that was read */
    const char *command;     /* "run", "sweep", "plan", "reprice" */
    const char *config_json; /* the scenario after --set */
    const char *trace_sha256, *trace_source, *scaling;
    const struct kw_window *window; /* NULL: not known */
    kw_ns month;                    /* what a month is */
    const char *profiles;           /* kw_catalogue_profiles_text; NULL or "": all are built in */
    const char *platforms;          /* kw_catalogue_platforms_text; the same */
    const char *folder; /* the scenario's, where platforms or profiles it names were found; NULL: there were none */
    uint64_t seed;
    const struct kw_candidate *candidates; /* [n] */
    const struct kw_point *points;         /* [n] */
    size_t n;
    const struct kw_scenario *scenario; /* its axes become columns of /points when it sweeps; may be NULL */
    const struct kw_trace *trace;       /* for /requests; NULL: none */
    const struct kw_plan *plan;         /* recommendation and reasons; NULL: none */
    const struct kw_plan_parts *parts;  /* of what flips the answer, the points' plans in their order; NULL: none */
    const struct kw_breakeven *volumes; /* [n_volumes] plans at other volumes, of the traffic of volume_model[i] each */
    const char *const *volume_model;
    size_t n_volumes;
    const struct kw_migration *migration; /* NULL: none */
    const struct kw_document *document;   /* what the command says, laid out in KW_TEXT_COLUMNS; NULL: not kept */
};

/* The int64 members of kw_usage as datasets of /usage: one table drives writing and reading. name NULL ends it. */
struct kw_usage_field {
    const char *name, *unit, *description;
    size_t offset;
    bool later; /* not in the first results: 0 where it is absent */
};
extern const struct kw_usage_field kw_usage_field[];

/* The settings of a deployment that make its label and its bill, as datasets of /deployments; integers of 4 or 8 bytes,
 * or a double in millionths. */
struct kw_choice_field {
    const char *name, *unit, *description;
    size_t offset, size;
    bool millionths;
    bool later; /* not in the first results: where it is absent the platform's own holds */
};
extern const struct kw_choice_field kw_choice_field[];
void kw_choice_field_set(const struct kw_choice_field *f, struct kw_choice *c, int64_t v);

/* /groups [point, group], where a configuration has several classes, models or deployments: class, model, deployment
 * (empty: of all), requests, and those figures of /points that requests of a group have. A class and model costs its
 * share of each deployment's bill (sim/plan/sweep/point.h), a deployment its bill. /group_samples has the same by
 * replication, and those shares.
 *
 * /points has a column a figure, label and routing among them; /bill the line items of a month, usd_month and the
 * exact nusd_month [point, item], and deployment_usd_month and deployment_nusd_month [point, deployment, item], which
 * sum to them; zeros past a point's own deployments, and where a point is overloaded and has no month.
 * /flips (results_flips.h): what would flip a plan's answer;
 * /keep_warm_curve and /frontier (results_tradeoffs.h) where a plan has them.
 * /volumes, /crossings and /serverless_cheaper_below (results_volumes.h) where a plan looked at other volumes too; /document (results_document.h), what
 * the command says; /migration (results_migration.h), a row a step, where one was asked for.
 * A plan's root attributes: best, runner_up, nearest_miss (indices, -1: none), tie, thin; recommendation, why; and, a line
 * each, margin, flips_if, if_worse, assumed, not_known, on_sale, latency_of (a stand-in), not_on_sale (left out for that). /points/thin, tie and margin_left say so of every row.
 * Writes all groups to path (temporary file, sync, rename). created_utc: seconds since 1970, or 0 to leave it out. */
enum kw_status kw_results_write(const struct kw_results *r, const char *path, int64_t created_utc,
                                struct kw_error *err);

/* What a finished result says of itself; strings owned. */
struct kw_results_head {
    char *command, *config_json, *trace_sha256, *keepwarm_version, *git_revision;
    char *recommendation, *profiles, *platforms, *folder; /* each may be NULL */
    char *only_class;                                     /* of a trace that has one; NULL: none or several */
    int64_t seed, schema_version;
};
enum kw_status kw_results_head(struct kw_results_head *h, const char *path, struct kw_error *err);
void kw_results_head_free(struct kw_results_head *h);

/* The points of a result as far as repricing needs them: samples, usage, deployments with their offers of the
 * catalogue (new prices), counters. Of profiles only the names are known, of APIs no latency: the choices cannot be
 * simulated. Both arrays are malloc'd, [*n]. KW_ERANGE when a platform or an offer no longer exists (named). */
enum kw_status kw_results_read_points(const char *path, struct kw_catalogue *c, struct kw_candidate **candidates,
                                      struct kw_point **points, size_t *n, struct kw_error *err);

#endif
