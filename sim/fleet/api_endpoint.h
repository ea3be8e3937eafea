/* sim/fleet/api_endpoint.h - a managed per-token API: latency laws, rate limits with the provider's counting rule, and
 * rejections. Stateless but for the limiter's buckets and the random streams. */
#ifndef KW_FLEET_API_ENDPOINT_H
#define KW_FLEET_API_ENDPOINT_H
#include "sim/fleet/fleet.h"

/* One limit as a token bucket (window == 0: continuous refill of limit per minute, capacity = one minute's worth) or as
 * fixed windows aligned to 0 (window > 0: limit * window / 60 s per window, at least 1). */
struct kw_bucket {
    kw_i128 level_e9;    /* units * 1e9 available at `at`; exact integers, so no drift over months */
    kw_ns at;
    int64_t per_minute;  /* 0 = no limit */
    kw_ns window;
    int64_t period_ns;   /* 60 s, or 86400 s for daily limits */
};

struct kw_api_endpoint {
    const struct kw_deployment *d;
    struct kw_rng latency;
    struct kw_bucket rpm, rpd, tpm, itpm, otpm, tpd;
};

struct kw_api_answer {
    bool accepted;
    int reject_code;
    kw_ns retry_after;  /* from now until the limiter would accept a request of this size, when rejected */
    kw_ns ttft, e2e;    /* from now, when accepted: ttft law (+ per 1000 prompt tokens), then (output-1) / output_rate */
    int64_t reserved_output; /* to settle when it completes (rules that refund) */
};

enum kw_status kw_api_endpoint_init(struct kw_api_endpoint *e, const struct kw_deployment *d, uint64_t seed,
                                    uint64_t replication, struct kw_error *err);
void kw_api_endpoint_free(struct kw_api_endpoint *e);

/* A request meets the API at `now` (non-decreasing over calls). max_tokens: what the client states. Draws exactly the
 * same number of variates whether accepted or not. */
void kw_api_endpoint_request(struct kw_api_endpoint *e, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t output,
                             uint32_t max_tokens, struct kw_api_answer *a);
/* Settles the reservation of a completed request under rules that refund or charge the true output. */
void kw_api_endpoint_settle(struct kw_api_endpoint *e, kw_ns now, const struct kw_api_answer *a, uint32_t output);

/* Wait before try number k (from 1 = first retry): full jitter, uniform in [0, min(cap, base * 2^(k-1))], at least
 * retry_after. */
kw_ns kw_client_backoff(const struct kw_client_retry *r, uint32_t k, kw_ns retry_after, struct kw_rng *rng);

#endif
