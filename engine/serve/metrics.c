#include "engine/serve/metrics.h"
#include <inttypes.h>

const double kw_metrics_bound[KW_METRICS_BOUNDS - 1] = { 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01,
                                                         0.015,  0.02,  0.03,  0.05,  0.1,   0.2,    0.5,
                                                         1,      2,     5,     10,    20,    60 };

void kw_metrics_observe(struct kw_metrics_hist *h, int64_t ns)
{
    int k = 0;
    if (ns < 0) ns = 0;
    while (k < KW_METRICS_BOUNDS - 1 && (double)ns * 1e-9 > kw_metrics_bound[k]) k++;
    h->count[k]++;
    h->n++;
    h->sum_ns += ns;
}

static void head(struct kw_text *out, const char *name, const char *type, const char *help)
{
    kw_text_add(out, "# HELP keepwarm_%s %s\n# TYPE keepwarm_%s %s\n", name, help, name, type);
}

static void count(struct kw_text *out, const char *name, const char *help, uint64_t v)
{
    head(out, name, "counter", help);
    kw_text_add(out, "keepwarm_%s %" PRIu64 "\n", name, v);
}

static void gauge(struct kw_text *out, const char *name, const char *help, double v)
{
    head(out, name, "gauge", help);
    kw_text_add(out, "keepwarm_%s %.6g\n", name, v);
}

static void hist(struct kw_text *out, const char *name, const char *help, const struct kw_metrics_hist *h)
{
    uint64_t sum = 0;
    head(out, name, "histogram", help);
    for (int k = 0; k < KW_METRICS_BOUNDS - 1; k++) {
        sum += h->count[k];
        kw_text_add(out, "keepwarm_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, kw_metrics_bound[k], sum);
    }
    kw_text_add(out,
                "keepwarm_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nkeepwarm_%s_sum %.9f\nkeepwarm_%s_count %" PRIu64 "\n",
                name, h->n, name, (double)h->sum_ns * 1e-9, name, h->n);
}

void kw_metrics_print(struct kw_text *out, const struct kw_metrics *m)
{
    static const char *const ends[KW_ENDS] = { "stop", "length", "abort", "error" };
    count(out, "requests_received_total", "Requests taken in.", m->received);
    count(out, "requests_refused_total", "Requests turned away because the queue was full or closed.", m->refused);
    head(out, "requests_total", "counter", "Requests that ended, by how.");
    for (int k = 0; k < KW_ENDS; k++)
        kw_text_add(out, "keepwarm_requests_total{finish=\"%s\"} %" PRIu64 "\n", ends[k], m->ended[k]);
    count(out, "prompt_tokens_total", "Prompt tokens of requests taken in.", m->prompt_tokens);
    count(out, "generation_tokens_total", "Tokens generated.", m->generation_tokens);
    count(out, "steps_total", "Batches run.", m->steps);
    count(out, "preemptions_total", "Sequences preempted and recomputed.", m->preemptions);
    gauge(out, "requests_running", "Requests in the batch.", m->running);
    gauge(out, "requests_waiting", "Requests in the queue.", m->waiting);
    gauge(out, "kv_cache_usage_ratio", "Share of the KV blocks in use.",
          m->num_blocks ? (double)m->blocks_used / m->num_blocks : 0);
    hist(out, "time_to_first_token_seconds", "Arrival to first token.", &m->ttft);
    hist(out, "time_per_output_token_seconds", "(E2E - TTFT) / (tokens - 1) of finished requests.", &m->tpot);
    hist(out, "inter_token_latency_seconds", "Gap between two tokens of a request.", &m->itl);
    hist(out, "e2e_request_latency_seconds", "Arrival to last token of finished requests.", &m->e2e);
    hist(out, "step_seconds", "Wall time of a batch.", &m->step);
}
