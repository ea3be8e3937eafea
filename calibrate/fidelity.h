/* calibrate/fidelity.h - a real vLLM run replayed through the one scheduler and a profile's step times, and the errors.
 *
 * The run (data/calibration/vllm_bench): requests.jsonl with, for each request, its lengths, when the engine queued it, and
 * when its first and last token came. TTFT = first - queued, latency = last - queued, TPOT = (last - first) / (output - 1),
 * as the run's summary.txt computes them. Percentiles are linear between order statistics (numpy's default).
 *
 * The replay. Requests reach the engine at arrival_time, the client's clock, shifted so that the quickest pick-up took none
 * (queued_ts is stamped only when the engine looks, between two steps, so it holds the run's own step times). With vLLM's
 * asynchronous scheduling a batch is put together while the one before it runs: what arrived during step k is queued at
 * its end and computed in step k + 2. */
#ifndef KW_CALIBRATE_FIDELITY_H
#define KW_CALIBRATE_FIDELITY_H
#include <stdbool.h>
#include <stddef.h>
#include "calibrate/steptime.h"
#include "engine/scheduler.h"
#include "sim/core/units.h"

struct kw_run_request {
    uint32_t prompt, output;
    kw_ns arrival;                     /* client, since the first request */
    kw_ns queued, scheduled, first_token, last_token; /* engine, on the same origin after the shift */
};
struct kw_run { /* owns r */
    struct kw_run_request *r; /* in order of arrival */
    size_t n;
};
/* KW_EPARSE with path and line for a malformed line. */
enum kw_status kw_run_load(struct kw_run *run, const char *path, struct kw_error *err);
void kw_run_free(struct kw_run *run);

/* out[i].queued, first_token, last_token as simulated (scheduled as in the run); arrival, prompt and output as given. */
enum kw_status kw_run_replay(struct kw_run *out, const struct kw_run *real, const struct kw_sched_config *config,
                             const struct kw_steptime *steps, bool async_scheduling, struct kw_error *err);

enum kw_run_metric { KW_RUN_TTFT, KW_RUN_TPOT, KW_RUN_LATENCY, KW_RUN_METRICS };
enum { KW_RUN_STATISTICS = 5 }; /* mean, p50, p90, p95, p99 */
extern const char *const kw_run_metric_name[];
extern const char *const kw_run_statistic_name[];
/* s[metric][statistic] in ms over the run's requests of two tokens and more. KW_ENOMEM. */
enum kw_status kw_run_summary(const struct kw_run *run, double s[KW_RUN_METRICS][KW_RUN_STATISTICS], struct kw_error *err);

#endif
