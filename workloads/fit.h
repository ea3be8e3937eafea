/* workloads/fit.h - a workload model fitted to a trace. */
#ifndef KW_WORKLOADS_FIT_H
#define KW_WORKLOADS_FIT_H
#include <stdint.h>
#include "workloads/model.h"
#include "workloads/trace.h"

struct kw_fit_options {
    const char *name, *source, *licence, *date, *command; /* provenance; NULL: "", source defaults to the notes' path */
    int start_hour; /* hour of week (Monday 00:00 = 0) at which the trace begins; -1: from its date, else 0 */
    uint64_t seed;  /* for the trial draws that choose between laws; also the model's seed */
};

/* Fits a model to a trace of at least 20 requests:
 *  - a weekly profile when the span is at least two days, shrunk towards hour-of-day times day-of-week and both towards
 *    flat by how many requests stand behind each cell (empirical Bayes, gamma-Poisson);
 *  - the law among Poisson, gamma and MMPPs (Poisson hidden Markov models of binned counts by Baum-Welch, several bin
 *    widths; then dwells, contrast and gap CV are tuned), the one whose draws come nearest in log of interarrival CV,
 *    busiest minute and busiest hour over mean;
 *  - the tick, when arrivals lie on a grid and share stamps;
 *  - quantile tables, rank correlation, class shares;
 * and puts how far its draws are from the trace into origin.fit. KW_ERANGE too few requests; KW_ENOMEM. */
enum kw_status kw_workload_fit(struct kw_workload *w, const struct kw_trace *t, const struct kw_fit_options *o,
                               struct kw_error *err);

#endif
