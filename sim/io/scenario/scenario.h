/* sim/io/scenario/scenario.h - a scenario file (DESIGN section 7): what traffic, which model, which objectives, which
 * deployments; read with every key checked, turned into candidates for the plan. Grid points of "sweep" and `--set
 * path=value` edit the document before it is read, so every key can be swept and every error names its path. */
#ifndef KW_SIM_IO_SCENARIO_SCENARIO_H
#define KW_SIM_IO_SCENARIO_SCENARIO_H
#include "sim/core/files/json.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/io/scenario/key_use.h"
#include "sim/io/scenario/migration.h"
#include "sim/io/scenario/places.h"
#include "sim/plan/sweep/candidate.h"
#include "sim/plan/sweep/fine_tunes.h"
#include "sim/plan/plan.h"

#define KW_SCENARIO_MAX_AXES 8
#define KW_SCENARIO_MAX_POINTS 100000

struct kw_scenario {
    struct kw_json doc; /* after --set; config_json of a result is this document printed */
    const char *name, *trace_file, *trace_format, *trace_columns, *model; /* borrowed from doc */
    double trace_speed;                                                   /* arrivals this many times as fast; > 0 */
    struct kw_scenario_time {
        enum kw_time_kind {
            KW_TIME_ABSENT,
            KW_TIME_TRACE, /* ns on the trace's own clock: since its first arrival, or in its undated time stamps */
            KW_TIME_UNIX   /* ns since 1970, UTC */
        } kind;
        kw_ns at;
    } trace_from, trace_to;         /* the window; may lie outside the arrivals */
    kw_ns month;                    /* "month_hours" */
    const char *as_of;              /* the day that offers are judged by, YYYY-MM-DD; NULL: today. Borrowed from doc */
    struct kw_slo slo;              /* borrows class_slo */
    struct kw_class_slo *class_slo; /* owned */
    struct kw_places places;
    struct kw_tco tco;
    struct kw_migration_ask migration; /* n 0: none; of a run it names its deployments, and each step is a point */
    uint32_t replications;
    double
        precision; /* "replications": "1%": 0.01, and replications those of other volumes; 0: a number stands there */
    uint64_t seed;
    struct kw_fine_tunes fine_tunes; /* "adapters", once the trace is known (kw_scenario_meet_trace); owned */
    bool stepping_each;
    bool empty_start;  /* "start": the fleet as at its launch; else as the traffic keeps it */
    kw_ns series_step; /* 0: chosen from the span */
    struct {           /* one swept key */
        const char *path;
        uint32_t n;
    } axis[KW_SCENARIO_MAX_AXES];
    uint32_t n_axes, n_points; /* product of the axes, or steps of a run's migration; 1 without */
};

struct kw_scenario_edit { /* one change to the document before it is read, as the command line asks */
    enum kw_edit_kind {
        KW_EDIT_SET,     /* value is "path=value": kw_edit_set */
        KW_EDIT_SLO,     /* value is "ttft_p95=2s,...": kw_slo_text_apply */
        KW_EDIT_STRING,  /* value becomes a JSON string at path */
        KW_EDIT_DEFAULT, /* the same where nothing stands there */
        KW_EDIT_APPEND,  /* the same, the last of the list at path */
        KW_EDIT_MEMBER,  /* value is "KEY=STRING" or "KEY", which becomes {}: of the object at path */
        KW_EDIT_JSON     /* value is JSON text for path */
    } kind;
    const char *path, *value;
};

/* Reads path ("-" is stdin; NULL starts from an empty document, as `plan --trace ...` does), makes the edits in order,
 * checks all top-level keys. KW_EPARSE/KW_ERANGE with "file:line: path: ..."; KW_EUSAGE for an edit that is off. */
enum kw_status kw_scenario_load(struct kw_scenario *s, const char *path, const struct kw_scenario_edit *edits,
                                size_t n_edits, struct kw_error *err);
enum kw_status kw_scenario_parse(struct kw_scenario *s, const char *name, const char *text, size_t len,
                                 const struct kw_scenario_edit *edits, size_t n_edits, struct kw_error *err);
void kw_scenario_free(struct kw_scenario *s);

/* Tells the trace's requests where they come from as the scenario says: kw_places_meet. Before the next. */
enum kw_status kw_scenario_meet_regions(const struct kw_scenario *s, struct kw_trace *t, struct kw_error *err);
/* Checks the classes that objectives name, and the models that adapters name, against the trace's, which has to outlive
 * s. KW_ERANGE with the path. */
enum kw_status kw_scenario_meet_trace(struct kw_scenario *s, const struct kw_trace *t, struct kw_error *err);
/* A trace of one class alone: its objectives are those of all. name NULL: there are none or several. */
void kw_scenario_meet_class(struct kw_scenario *s, const char *name);

/* Grid point i (0 <= i < n_points, the last axis fastest) as a candidate; out must be initialised. The trace tells the
 * names of its classes and models, for routing by them; NULL when routing does not ask. A key that does nothing here is
 * counted in unused, or, where that is NULL, refused. */
enum kw_status kw_scenario_candidate(const struct kw_scenario *s, uint32_t i, struct kw_catalogue *c,
                                     const struct kw_trace *t, struct kw_candidate *out, struct kw_unused_keys *unused,
                                     struct kw_error *err);
/* Where the two sides of a run's migration stand among its deployments. */
enum kw_status kw_scenario_migration_sides(const struct kw_scenario *s, const struct kw_candidate *c,
                                           uint8_t at[KW_MIGRATION_SIDES], struct kw_error *err);
/* The value of axis a at point i as text ("30", "modal"); into buf; returns buf. */
char *kw_scenario_axis_value(const struct kw_scenario *s, uint32_t i, uint32_t a, char *buf, size_t size);

/* A key that the command cannot use is refused with its path: what a plan chooses from by run and sweep, a grid and
 * routing between no deployments by a plan. */
enum kw_scenario_use { KW_FOR_RUN, KW_FOR_SWEEP, KW_FOR_PLAN };
enum kw_status kw_scenario_check_use(const struct kw_scenario *s, enum kw_scenario_use use, struct kw_error *err);
bool kw_scenario_has_deployments(const struct kw_scenario *s);
/* The model that deployment d serves, as written; of a scenario that made a candidate. */
const char *kw_scenario_model_of(const struct kw_scenario *s, uint32_t d);

/* "candidates": what plan may choose from; everything known when absent. */
enum kw_status kw_scenario_plan_options(const struct kw_scenario *s, struct kw_plan_options *o, struct kw_error *err);
/* What o says of what the catalogue has: autoscalers that users run (without it o tries none), the zone of schedules. */
enum kw_status kw_scenario_plan_catalogue(const struct kw_scenario *s, struct kw_catalogue *c,
                                          struct kw_plan_options *o, struct kw_error *err);
/* Once the platforms they name are in the catalogue: puts the attributes that the user states into it, and refuses a key of
 * "candidates" that does nothing for any platform considered, and a platform or a term of a kind that is left out. */
enum kw_status kw_scenario_check_plan(const struct kw_scenario *s, struct kw_catalogue *c,
                                      const struct kw_plan_options *o, struct kw_error *err);

#endif
