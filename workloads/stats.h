/* workloads/stats.h - what a trace looks like: rate, burstiness, token lengths, what a prefix cache could find. */
#ifndef KW_WORKLOADS_STATS_H
#define KW_WORKLOADS_STATS_H
#include "workloads/trace.h"

struct kw_token_stats {
    double mean;
    uint32_t min, p50, p90, p95, p99, max; /* nearest rank: the value at rank ceil(p n) */
    uint64_t total;
};

/* What the source saw, of the requests that it says: nearest ranks as above, the slow side of each. */
struct kw_latency_stats {
    size_t n; /* 0: none says it, and the rest is 0 */
    double p50, p90, p95, p99, worst;
};

/* The n requests are put in bins of a minute (an hour) that begin with the first arrival; the last bin may be cut by
 * the end of the span. "peak" is the fullest bin over the mean of all bins. */
struct kw_trace_stats {
    size_t n;
    double span_s, rate; /* s; requests/s over the span (0 when the span is 0) */
    double cv;           /* interarrival times: standard deviation (of the population) / mean; NAN below 2 requests */
    double peak_minute, peak_hour;
    uint64_t busiest_minute; /* requests in it */
    kw_ns busiest_minute_at; /* its start */
    uint64_t minutes, empty_minutes, hours, empty_hours;
    kw_ns longest_gap, longest_gap_at; /* and the arrival it follows */
    struct kw_token_stats prompt, output;
    struct kw_latency_stats ttft_s, e2e_s; /* s */
    struct kw_latency_stats output_rate; /* (output - 1) / (E2E - TTFT), tokens/s; its slow side is the low one: p90 is
                                              what 90 % of the requests exceed, worst the least */
    double rank_correlation; /* Spearman's rho of prompt and output, ties by mid-rank; NAN when either is constant */
    uint64_t blocks, distinct_blocks; /* prefix hashes; 0 without */
    uint64_t sessions;                /* requests that wait for no answer, where others do; else 0 */
    double think_p50_s;               /* of the pauses of those others */
    double block_hits, token_hits; /* share of blocks, and of all prompt tokens, that an unbounded prefix cache finds */
    uint64_t *model_count, *class_count, *region_count; /* [n_models], [n_classes], [n_regions]; owned; NULL without */
};

/* One pass a column; memory of the largest token count and of the distinct hashes. KW_ENOMEM: *s is empty. t->n >= 1.
 */
enum kw_status kw_trace_stats(struct kw_trace_stats *s, const struct kw_trace *t, struct kw_error *err);
void kw_trace_stats_free(struct kw_trace_stats *s); /* safe to call again */

/* The stats as text for a terminal, at most 100 columns, UTF-8: a table, the rate over time and the token lengths as
 * block characters. *text is malloc'd, the caller frees. s may be NULL: it is computed then. KW_ENOMEM. */
enum kw_status kw_trace_info(char **text, const struct kw_trace *t, const struct kw_trace_stats *s,
                             struct kw_error *err);

/* The same as one JSON object (notes, stats, shares by name), for programs. null stands for NAN. */
enum kw_status kw_trace_info_json(char **text, const struct kw_trace *t, const struct kw_trace_stats *s,
                                  struct kw_error *err);

/* x with thousands separated ("19,366", "-1,234.5") and `decimals` digits after the point, into buf; returns buf. */
char *kw_grouped(char *buf, size_t size, double x, int decimals);

#endif
