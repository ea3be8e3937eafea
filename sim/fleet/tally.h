/* sim/fleet/tally.h - keeps the outcome of a run while it goes on: histograms, records, ledgers' request counts and the
 * series over time. */
#ifndef KW_SIM_FLEET_TALLY_H
#define KW_SIM_FLEET_TALLY_H
#include "sim/fleet/events.h"
#include "sim/fleet/groups.h"
#include "sim/fleet/inflight.h"
#include "sim/fleet/outcome.h"
#include "workloads/trace.h"

struct kw_state { /* all deployments together, at one moment */
    uint32_t queue, ready_busy, ready_idle, starting;
};

struct kw_tally {
    struct kw_outcome *o;   /* borrowed for the run */
    struct kw_outcome *far; /* kw_fleet_options; NULL: nobody asks. Borrowed too */
    const struct kw_trace *trace;
    struct kw_slo_limits slo;       /* where there are no groups */
    const struct kw_groups *groups; /* NULL: one class and model */
    kw_ns opens;                    /* when the window begins, on the run's clock; KW_NEVER before that is known */
    kw_ns window;                   /* its length */
    kw_ns edge;                     /* when that of a far outcome begins, known from the first */
    uint32_t n_records;             /* records are kept of as many requests, the first of the first window */
    kw_ns next_sample;              /* end of the series' present interval, INT64_MAX without a series */
    uint32_t arrivals, completions, rejections; /* in it */
    size_t series_cap;
};

/* o's records are taken for n requests when asked for; edge: when the first window opens. KW_ENOMEM: o holds nothing new. */
enum kw_status kw_tally_begin(struct kw_tally *t, struct kw_outcome *o, const struct kw_trace *trace, uint64_t n,
                              kw_ns edge, const struct kw_fleet_options *opt, struct kw_error *err);
/* A window begins, and with the first one the series. */
void kw_tally_open(struct kw_tally *t, kw_ns opens, bool first);

/* The request's one end; one of the warm-up leaves no trace. now: when; rtt is added to TTFT and E2E of a
 * completed one; by: who counts its tokens. cached, loaded and preemptions: what the replica says of it;
 * written: prompt tokens an API wrote into its cache; carried: units that its deployment bought carried it, so it is not
 * billed by the token. */
void kw_tally_completed(struct kw_tally *t, const struct kw_inflight *f, kw_ns now, kw_ns rtt,
                        const struct kw_deployment *by, uint32_t cached, uint32_t loaded, uint32_t written,
                        uint32_t preemptions, bool carried);
/* Of the same request, where there is a far outcome: `first` and `now` as they would have been with slower APIs. */
void kw_tally_far(struct kw_tally *t, const struct kw_inflight *f, kw_ns first, kw_ns now, kw_ns rtt,
                  const struct kw_deployment *by);
void kw_tally_lost(struct kw_tally *t, const struct kw_inflight *f, enum kw_request_status status);

/* A replica of the deployment is ready, this long after it was ordered; in the window. */
void kw_tally_started(struct kw_tally *t, uint32_t deployment, kw_ns took);

/* Closes the interval that ends at t->next_sample, and with it the state then. */
enum kw_status kw_tally_sample(struct kw_tally *t, const struct kw_state *s, struct kw_error *err);

#endif
