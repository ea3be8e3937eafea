#include "sim/fleet/api/api_endpoint.h"
#include <assert.h>
#include <math.h>

#define MINUTE (60 * KW_NS_PER_S)
#define DAY (86400 * KW_NS_PER_S)

enum kw_status kw_api_endpoint_init(struct kw_api_endpoint *e, const struct kw_deployment *d, uint64_t seed,
                                    uint64_t replication, struct kw_error *err)
{
    *e = (struct kw_api_endpoint){ .d = d };
    const struct kw_rate_limits *l = &d->limits;
    struct kw_rate_limiter *b = &e->own;
    kw_bucket_init(&b->rpm, l->rpm, l->window, MINUTE);
    kw_bucket_init(&b->tpm, l->tpm, l->window, MINUTE);
    kw_bucket_init(&b->itpm, l->itpm, l->window, MINUTE);
    kw_bucket_init(&b->otpm, l->otpm, l->window, MINUTE);
    kw_bucket_init(&b->rpd, l->rpd, l->rpd ? DAY : 0, DAY); /* daily quotas reset at midnight, they do not trickle */
    kw_bucket_init(&b->tpd, l->tpd, l->tpd ? DAY : 0, DAY);
    if (d->units.n) kw_units_init(&e->units, d);
    return kw_rng_init(&e->latency, seed, replication, KW_RNG_API_LATENCY, err);
}

void kw_api_endpoint_free(struct kw_api_endpoint *e)
{
    kw_rng_free(&e->latency);
}

static struct kw_rate_limiter *limiter(struct kw_api_endpoint *e)
{
    return e->shared ? e->shared : &e->own;
}

/* What the rule counts at admission: `in` and `out` for split limits, both added for tpm and tpd. */
static void admission_count(const struct kw_rate_limits *l, uint32_t prompt, uint32_t cached, uint32_t max_tokens,
                            int64_t *in, int64_t *out)
{
    int64_t fresh = l->cache_reads_count ? prompt : (int64_t)prompt - cached;
    *in = fresh;
    *out = 0;
    switch (l->rule) {
    case KW_COUNT_RESERVE_MAX_TOKENS: *out = max_tokens; break;
    case KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE: *out = max_tokens > fresh ? max_tokens - fresh : 0; break;
    case KW_COUNT_RESERVE_THEN_REFUND:
        *in = prompt;
        *out = max_tokens;
        break;
    case KW_COUNT_ACTUAL:
    case KW_COUNT_ESTIMATE_THEN_SETTLE: break;
    }
}

struct kw_api_pace kw_api_endpoint_pace(struct kw_api_endpoint *e)
{
    struct kw_api_pace p;
    p.ttft = kw_law_draw(&e->d->ttft_s, &e->latency);
    p.per_ktok = kw_law_draw(&e->d->ttft_per_ktok_s, &e->latency);
    p.rate = kw_law_draw(&e->d->output_rate, &e->latency);
    return p;
}

/* Slower in proportion beyond stretch_from and slow_from, 0: nowhere. */
static void answer_in(const struct kw_deployment *d, struct kw_api_pace p, uint32_t prompt, uint32_t output,
                      uint32_t stretch_from, uint32_t slow_from, kw_ns *ttft, kw_ns *e2e)
{
    double tokens = (double)prompt + output;
    if (stretch_from && prompt > stretch_from) p.ttft *= (double)prompt / stretch_from;
    if (slow_from && tokens > slow_from) p.rate *= slow_from / tokens;
    *ttft = kw_law_ns(p.ttft + p.per_ktok * prompt / 1000);
    *e2e = *ttft; /* without a law of the rate the latency is not known: it answers at once, and whoever reads the
                     outcome says so */
    if (d->output_rate.kind != KW_LAW_NONE) *e2e += kw_law_ns((output - 1) / p.rate);
}

void kw_api_endpoint_time(const struct kw_api_endpoint *e, struct kw_api_pace p, uint32_t prompt, uint32_t output,
                          struct kw_api_answer *a)
{
    const struct kw_deployment *d = e->d;
    answer_in(d, p, prompt, output, e->stretch_from, e->slow_from, &a->ttft, &a->e2e);
    if (e->tells_far) answer_in(d, p, prompt, output, d->ttft_known_to, d->rate_known_to, &a->far_ttft, &a->far_e2e);
}

/* Asks all buckets before one is charged: a refusal must cost nothing, save where the provider says that it does. */
static bool within_limits(struct kw_api_endpoint *e, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t max_tokens,
                          struct kw_api_answer *a)
{
    const struct kw_rate_limits *limits = &e->d->limits;
    struct kw_rate_limiter *l = limiter(e);
    struct kw_bucket *const all[] = { &l->rpm, &l->rpd, &l->tpm, &l->tpd, &l->itpm, &l->otpm };
    admission_count(limits, prompt, cached, max_tokens, &a->reserved_in, &a->reserved_out);
    int64_t total = a->reserved_in + a->reserved_out;
    /* otpm that is charged on completion still needs a positive level to admit */
    const int64_t need[] = { 1, 1, total, total, a->reserved_in, a->reserved_out ? a->reserved_out : 1 };
    kw_ns wait = 0;
    for (int i = 0; i < 6; i++) {
        kw_bucket_advance(all[i], now);
        kw_ns w = kw_bucket_wait(all[i], need[i]);
        if (w < 0 || wait < 0)
            wait = -1;
        else if (w > wait)
            wait = w;
    }
    if (wait) {
        a->reject_code = limits->reject_code;
        a->retry_after = wait;
        if (limits->rule == KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE && !kw_bucket_wait(&l->rpm, 1))
            kw_bucket_take(&l->rpm, 1);
        return false;
    }
    const int64_t take[] = { 1, 1, total, total, a->reserved_in, a->reserved_out };
    for (int i = 0; i < 6; i++) kw_bucket_take(all[i], take[i]);
    return true;
}

/* O(1): buckets brought to now by arithmetic, no event for their refill. Latency is drawn before admission is known, so
 * that a limit set differently leaves the draws of all other requests alone. */
void kw_api_endpoint_request(struct kw_api_endpoint *e, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t written,
                             uint32_t output, uint32_t max_tokens, struct kw_api_answer *a)
{
    const struct kw_deployment *d = e->d;
    struct kw_api_pace pace = kw_api_endpoint_pace(e);
    *a = (struct kw_api_answer){ .written = written };
    if (!max_tokens) max_tokens = output;
    kw_ns wait = 0;
    if (d->units.n) a->carried = kw_units_admit(&e->units, now, prompt, cached, written, max_tokens, &a->taken, &wait);
    if (d->units.n && !a->carried && d->units.above != KW_ABOVE_SPILL) {
        a->reject_code = d->units.reject_code;
        a->retry_after = wait;
        return;
    }
    if (!a->carried && !within_limits(e, now, prompt, cached, max_tokens, a)) {
        if (wait > 0) a->retry_after = wait;
        return;
    }
    a->accepted = true;
    kw_api_endpoint_time(e, pace, prompt, output, a);
}

/* A level may fall below zero here: what was used beyond the estimate is owed by requests still to come. */
void kw_api_endpoint_settle(struct kw_api_endpoint *e, kw_ns now, const struct kw_api_answer *a, uint32_t prompt,
                            uint32_t cached, uint32_t output)
{
    const struct kw_rate_limits *l = &e->d->limits;
    int64_t in = l->cache_reads_count ? prompt : (int64_t)prompt - cached;
    int64_t out = (int64_t)llround(output * (l->output_burndown > 0 ? l->output_burndown : 1));
    if (a->carried) {
        kw_units_settle(&e->units, now, prompt, cached, a->written, output, &a->taken);
        return;
    }
    switch (l->rule) {
    case KW_COUNT_RESERVE_MAX_TOKENS:
    case KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE: return;
    case KW_COUNT_ACTUAL:
    case KW_COUNT_ESTIMATE_THEN_SETTLE:
    case KW_COUNT_RESERVE_THEN_REFUND: break;
    }
    struct kw_rate_limiter *b = limiter(e);
    struct kw_bucket *const total[] = { &b->tpm, &b->tpd };
    for (int i = 0; i < 2; i++) {
        kw_bucket_advance(total[i], now);
        kw_bucket_take(total[i], in + out - a->reserved_in - a->reserved_out);
    }
    kw_bucket_advance(&b->itpm, now);
    kw_bucket_take(&b->itpm, in - a->reserved_in);
    kw_bucket_advance(&b->otpm, now);
    kw_bucket_take(&b->otpm, out - a->reserved_out);
}

/* Full jitter: uniform up to the ceiling. Drawn even where retry_after wins, so that the stream does not depend on it.
 */
kw_ns kw_client_backoff(const struct kw_client_retry *r, uint32_t k, kw_ns retry_after, struct kw_rng *rng)
{
    double ceiling = ldexp((double)r->base, k > 1 ? (int)(k - 1 < 60 ? k - 1 : 60) : 0);
    if (ceiling > (double)r->cap) ceiling = (double)r->cap;
    kw_ns wait = (kw_ns)(kw_rng_uniform(rng) * ceiling);
    return wait > retry_after ? wait : retry_after;
}
