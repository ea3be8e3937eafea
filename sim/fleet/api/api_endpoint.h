/* sim/fleet/api/api_endpoint.h - a managed per-token API: latency laws, rate limits with the provider's counting rule,
 * and rejections. Stateless but for the limiter's buckets and the random streams. */
#ifndef KW_SIM_FLEET_API_API_ENDPOINT_H
#define KW_SIM_FLEET_API_API_ENDPOINT_H
#include "sim/core/rng.h"
#include "sim/fleet/api/units.h"
#include "sim/fleet/deployment.h"

struct kw_rate_limiter {
    struct kw_bucket rpm, rpd, tpm, itpm, otpm, tpd;
};

struct kw_api_endpoint {
    const struct kw_deployment *d;
    struct kw_rng latency;
    uint32_t stretch_from; /* TTFT grows in proportion to prompts beyond it; 0: it does not */
    uint32_t slow_from;    /* the rate falls in proportion to prompts and outputs beyond it; 0: it does not */
    bool tells_far;        /* far_ttft and far_e2e are wanted */
    struct kw_rate_limiter own;
    struct kw_rate_limiter *shared; /* in the place of its own: that of the account; NULL: none */
    struct kw_units units;          /* of a deployment that bought some */
};

struct kw_api_answer {
    bool accepted;
    int reject_code;
    kw_ns retry_after; /* when rejected: from now until the limiter would accept a request of this size, if nobody else
                          came; -1: never, the request alone exceeds a limit (a client must not retry) */
    kw_ns ttft, e2e;   /* from now, when accepted: ttft law (+ per 1000 prompt tokens), then (output-1) / output_rate */
    kw_ns far_ttft, far_e2e;           /* the same, slower beyond what is known, where the endpoint tells it */
    uint32_t cached, written;          /* prompt tokens read from and written to the provider's cache */
    int64_t reserved_in, reserved_out; /* counted at admission against token limits; settle corrects them */
    bool carried;                      /* by the units bought: not on demand, and no limit counts it */
    struct kw_units_taken taken;       /* then of them */
};

/* How fast the API is this time: three variates, of one request or of all in a batch. */
struct kw_api_pace {
    double ttft, per_ktok, rate;
};

enum kw_status kw_api_endpoint_init(struct kw_api_endpoint *e, const struct kw_deployment *d, uint64_t seed,
                                    uint64_t replication, struct kw_error *err);
void kw_api_endpoint_free(struct kw_api_endpoint *e);

/* A request meets the API at `now` (non-decreasing over calls). max_tokens: what the client states. Draws exactly the
 * same number of variates whether accepted or not. Units bought carry it where they have room; else it is refused, or it
 * spills: it is one on demand, within the rate limits. Refused there too it hears the units' retry_after. */
void kw_api_endpoint_request(struct kw_api_endpoint *e, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t written,
                             uint32_t output, uint32_t max_tokens, struct kw_api_answer *a);
/* A batch is answered: no limiter is asked. What it draws is for all its requests, of which each has its own length. */
struct kw_api_pace kw_api_endpoint_pace(struct kw_api_endpoint *e);
/* a->ttft and a->e2e, and how far they may be. */
void kw_api_endpoint_time(const struct kw_api_endpoint *e, struct kw_api_pace p, uint32_t prompt, uint32_t output,
                          struct kw_api_answer *a);
/* A request completed: limits are corrected to what the rule finally counts (PLATFORMS.md section 3):
 *   actual                           in at admission, out here
 *   reserve_max_tokens               in + max_tokens at admission, nothing here (Azure)
 *   max_of_max_tokens_and_estimate   max(in, max_tokens) at admission, nothing here; refused calls count as requests
 *                                    (OpenAI)
 *   estimate_then_settle             in at admission, out here against otpm (Anthropic)
 *   reserve_then_refund              in + cached + max_tokens at admission; here down (or up) to in + burndown * out
 *                                    (Bedrock)
 * in = prompt, less cached tokens unless cache_reads_count. What units carried is put right there instead. */
void kw_api_endpoint_settle(struct kw_api_endpoint *e, kw_ns now, const struct kw_api_answer *a, uint32_t prompt,
                            uint32_t cached, uint32_t output);

/* Wait before try number k (from 1 = first retry): full jitter, uniform in [0, min(cap, base * 2^(k-1))], at least
 * retry_after. */
kw_ns kw_client_backoff(const struct kw_client_retry *r, uint32_t k, kw_ns retry_after, struct kw_rng *rng);

#endif
