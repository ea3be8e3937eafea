/* sim/io/scenario.h - a scenario file (DESIGN section 7): what traffic, which model, which objectives, which deployments;
 * read with every key checked, turned into candidates for the plan. Grid points of "sweep" and `--set path=value` edit the
 * document before it is read, so every key can be swept and every error names its path. */
#ifndef KW_IO_SCENARIO_H
#define KW_IO_SCENARIO_H
#include "calibrate/profile.h"
#include "platforms/platform.h"
#include "sim/core/json.h"
#include "sim/plan/candidate.h"
#include "sim/plan/plan.h"
#include "sim/plan/steptimes.h"

#define KW_SCENARIO_MAX_AXES 8
#define KW_SCENARIO_MAX_POINTS 100000

struct kw_scenario {
    struct kw_json doc; /* after --set; config_json of a result is this document printed */
    const char *name, *trace_file, *trace_format, *trace_columns, *model; /* borrowed from doc */
    double trace_speed;         /* arrivals this many times as fast; > 0 */
    kw_ns trace_from, trace_to; /* slice of the trace; to 0 = its end */
    struct kw_slo slo;
    uint32_t replications;
    uint64_t seed;
    bool stepping_each;
    kw_ns series_step; /* 0: chosen from the span */
    double plan_s;     /* time budget of plan */
    struct {           /* one swept key */
        const char *path;
        uint32_t n;
    } axis[KW_SCENARIO_MAX_AXES];
    uint32_t n_axes, n_points; /* product of the axes; 1 without "sweep" */
};

/* What scenarios draw on; must outlive every candidate made from it. */
struct kw_catalogue {
    struct kw_platforms platforms;
    struct kw_profiles profiles;
    struct kw_steptimes *steptimes;
    struct kw_platform **extra_platform; /* [n_extra_platforms] from files a scenario names, each owned */
    char **extra_platform_path;
    size_t n_extra_platforms;
    struct kw_profile **extra_profile;
    char **extra_profile_path;
    size_t n_extra_profiles;
};
enum kw_status kw_catalogue_load(struct kw_catalogue *c, struct kw_error *err); /* everything embedded */
void kw_catalogue_free(struct kw_catalogue *c);

/* Reads path ("-" is stdin; NULL starts from an empty document, as `plan --trace ...` does), applies the sets in order
 * ("slo.ttft_p95_s=2", "deployments[0].keep_warm=1", "deployments[main].keep_warm=1": JSON if it parses, else a string),
 * checks all top-level keys. KW_EPARSE/KW_ERANGE with "file:line: path: ...". */
enum kw_status kw_scenario_load(struct kw_scenario *s, const char *path, const char *const *sets, size_t n_sets,
                                struct kw_error *err);
enum kw_status kw_scenario_parse(struct kw_scenario *s, const char *name, const char *text, size_t len,
                                 const char *const *sets, size_t n_sets, struct kw_error *err);
void kw_scenario_free(struct kw_scenario *s);

/* Grid point i (0 <= i < n_points, the last axis fastest) as a candidate. */
enum kw_status kw_scenario_candidate(const struct kw_scenario *s, uint32_t i, struct kw_catalogue *c,
                                     struct kw_candidate *out, struct kw_error *err);
/* The value of axis a at point i as text ("30", "modal"); into buf; returns buf. */
const char *kw_scenario_axis_value(const struct kw_scenario *s, uint32_t i, uint32_t a, char *buf, size_t size);

/* "candidates": what plan may choose from; everything known when absent. */
enum kw_status kw_scenario_plan_options(const struct kw_scenario *s, struct kw_plan_options *o, struct kw_error *err);

#endif
