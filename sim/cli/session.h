/* sim/cli/session.h - what run, sweep, plan and rerun share: the catalogue, the scenario with the command line's edits,
 * the trace, the progress bar, and Ctrl-C. */
#ifndef KW_SIM_CLI_SESSION_H
#define KW_SIM_CLI_SESSION_H
#include "sim/cli/options.h"
#include "sim/cli/progress.h"
#include "sim/cli/output.h"
#include "sim/io/results/results.h"
#include "sim/io/scenario/scenario.h"
#include "sim/plan/bucket_arrivals.h"
#include "workloads/trace.h"

struct kw_session {
    struct kw_catalogue catalogue;
    struct kw_scenario scenario;
    struct kw_trace trace;              /* in its window */
    struct kw_window window;            /* on the time of the trace as read */
    struct kw_search_path search_path;  /* where what the scenario names lies */
    const struct kw_results_head *head; /* of the result that was opened again, or NULL; borrowed */
    struct kw_progress progress;
    char scaling[160];
};

/* Whether a word of --platform is a kind, and so names no platform. */
bool kw_session_is_kind(const char *word);

/* Reads everything: the scenario at `path` (NULL: none, the options say it all), the edits of the options, the trace.
 * Files that the scenario names are looked for beside it, then in the working folder (sim/io/scenario/search_path.h);
 * those that options name in the working folder. Remarks of the trace reader go to stderr unless quiet. On failure
 * nothing is left to close. */
enum kw_status kw_session_open(struct kw_session *s, const struct kw_options *o, const char *path,
                               struct kw_error *err);
/* The same from what the result at `path` keeps: files are looked for where the scenario was, beside the result, and in
 * the working folder; with the profiles it was made with, and no others; unless forced, each must be what it was. head
 * must outlive s. */
enum kw_status kw_session_reopen(struct kw_session *s, const struct kw_options *o, const char *path,
                                 const struct kw_results_head *head, struct kw_error *err);
void kw_session_close(struct kw_session *s);

/* How buckets of the trace matter to candidate c, whose point is p: nothing is shown where the trace has none, or came by a
 * pipe. of: the study whose trace is the session's. */
enum kw_status kw_session_bucket_study(struct kw_bucket_study *x, struct kw_session *s, const struct kw_options *o,
                                       const struct kw_candidate *c, const struct kw_point *p, struct kw_error *err);

struct kw_study kw_session_study(struct kw_session *s, const struct kw_options *o);
/* Threads, Ctrl-C and the bar. */
struct kw_sweep_options kw_session_sweep(struct kw_session *s, const struct kw_options *o);

/* The result file of a command, when -o asks for one; says on stderr where it went. of: the command, its candidates and
 * points, its plan and other volumes; the rest is the session's. */
enum kw_status kw_session_save(struct kw_session *s, const struct kw_options *o, const struct kw_results *of,
                               struct kw_error *err);

/* The signal that asked the simulation to stop; 0: none has. */
int kw_session_interrupted(void);

#endif
