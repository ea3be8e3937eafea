#include "sim/fleet/api/api_gateway.h"
#include <assert.h>
#include <stdlib.h>
#include "sim/fleet/api/client.h"
#include "sim/fleet/request_tokens.h"

void kw_api_gateway_init(struct kw_api_gateway *a)
{
    *a = (struct kw_api_gateway){ 0 };
    kw_prompt_cache_init(&a->own);
    kw_batch_queue_init(&a->batches);
}

static void end_run(struct kw_api_gateway *a)
{
    if (a->endpoint.d) kw_api_endpoint_free(&a->endpoint);
    a->endpoint.d = NULL;
    kw_rng_free(&a->retry);
}

void kw_api_gateway_free(struct kw_api_gateway *a)
{
    end_run(a);
    free(a->answer);
    kw_prompt_cache_free(&a->own);
    kw_batch_queue_free(&a->batches);
    kw_api_gateway_init(a);
}

enum kw_status kw_api_gateway_begin(struct kw_api_gateway *a, struct kw_run_context *w, const struct kw_deployment *d,
                                    uint32_t index, struct kw_api_gateway *account, const struct kw_fleet_options *opt,
                                    struct kw_error *err)
{
    uint64_t seed = index ? kw_mix64(opt->seed + index) : opt->seed;
    end_run(a);
    a->d = d;
    a->w = w;
    a->index = index;
    kw_prompt_cache_clear(&a->own);
    a->cache = account ? account->cache : &a->own;
    w->tally.o->ledger[index].long_prompt = d->long_prompt;
    enum kw_status st = kw_rng_init(&a->retry, seed, opt->replication, KW_RNG_RETRY, err);
    if (st != KW_OK) return st;
    if ((st = kw_api_endpoint_init(&a->endpoint, d, seed, opt->replication, err)) != KW_OK) a->endpoint.d = NULL;
    if (opt->beyond) {
        a->endpoint.stretch_from = d->ttft_known_to;
        a->endpoint.slow_from = d->rate_known_to;
    }
    a->endpoint.tells_far = opt->far != NULL;
    if (kw_batching_any(&d->batching) && st == KW_OK) st = kw_batch_queue_begin(&a->batches, w, d, index, err);
    if (account && st == KW_OK) {
        if (!kw_rate_limits_same(&d->limits, &account->d->limits))
            return kw_fail(err, KW_ERANGE, "%s and %s are of one account and state different rate limits", d->name,
                           account->d->name);
        a->endpoint.shared = &account->endpoint.own;
    }
    return st;
}

/* No client asks for less than it got. */
static uint32_t stated_max_tokens(const struct kw_api_gateway *a, uint32_t output)
{
    return a->d->max_tokens > output ? a->d->max_tokens : output;
}

/* The answer comes in its time from now on. */
static enum kw_status await(struct kw_api_gateway *a, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_run_context *w = a->w;
    struct kw_inflight *f = &w->flights.f[flight];
    const struct kw_api_answer *answer = &a->answer[flight];
    enum kw_status st = kw_events_id(&w->events, kw_tag(KW_EV_API_DONE, a->index, flight), &f->event, err);
    if (st != KW_OK) return st;
    assert(answer->e2e >= answer->ttft && answer->ttft >= 0);
    f->first = now + answer->ttft;
    kw_events_set(&w->events, f->event, now + answer->e2e);
    return KW_OK;
}

/* O(1) and one event. The answer is known at admission: an API's replicas are not simulated, its latency is a law. */
enum kw_status kw_api_gateway_offer(struct kw_api_gateway *a, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_run_context *w = a->w;
    struct kw_inflight *f = &w->flights.f[flight];
    uint32_t prompt = kw_request_prompt(w->trace, a->d, f), output = kw_request_output(w->trace, a->d, f);
    if (flight >= a->cap) {
        uint32_t cap = w->flights.cap;
        struct kw_api_answer *answer = realloc(a->answer, cap * sizeof *answer);
        if (!answer) return kw_fail(err, KW_ENOMEM, "%s: no memory for %u answers", a->d->name, cap);
        a->answer = answer;
        a->cap = cap;
    }
    struct kw_api_answer *answer = &a->answer[flight];
    assert(f->deployment == a->index && f->at != KW_AT_API); /* one answer under way a request */
    f->tried = now;
    if (a->d->context && (uint64_t)prompt + output > a->d->context)
        return kw_client_declined(w, flight, KW_REQ_TOO_LONG, now, err);
    const struct kw_cache_rule *rule = &a->d->cache;
    bool logged = a->d->cached_as_logged && w->trace->cached && !kw_inflight_is_ping(f);
    bool caches = kw_cache_rule_known(rule) && w->trace->hash_at && !logged && !kw_inflight_is_ping(f);
    struct kw_prefix prefix = kw_run_prefix(w, flight);
    uint32_t cached = caches ? kw_prompt_cache_read(a->cache, rule, prefix, w->trace->hash_block, prompt, now) : 0;
    if (logged) cached = w->trace->cached[f->request];
    uint32_t written = caches                        ? kw_prompt_cache_written(rule, prompt, cached)
                       : logged && w->trace->written ? w->trace->written[f->request]
                                                     : 0;
    bool collected = kw_batching_any(&a->d->batching);
    if (collected)
        *answer = (struct kw_api_answer){ .accepted = true, .written = written };
    else
        kw_api_endpoint_request(&a->endpoint, now, prompt, cached, written, output, stated_max_tokens(a, output),
                                answer);
    if (!answer->accepted) {
        bool moved;
        enum kw_status st = kw_client_move_on(w, flight, now, &moved, err);
        if (st != KW_OK || moved) return st;
        bool hopeless = answer->retry_after < 0;
        if (hopeless || f->attempts >= a->d->retry.max_attempts) {
            if (!f->warmup && !kw_inflight_is_ping(f)) w->tally.o->ledger[a->index].failed_tokens_in += prompt;
            return kw_client_lost(w, flight, KW_REQ_REJECTED, now, err);
        }
        return kw_client_refused(w, flight, &a->d->retry, now, answer->retry_after, &a->retry, err);
    }
    if (flight >= KW_TAG_NUMBERS)
        return kw_fail(err, KW_ENOMEM, "more than %u requests under way at an API", KW_TAG_NUMBERS);
    answer->cached = cached;
    if (caches) {
        enum kw_status st = kw_prompt_cache_keep(a->cache, rule, prefix, prompt, now, now + answer->ttft, err);
        if (st != KW_OK) return st;
    }
    f->at = KW_AT_API;
    if (!collected) return await(a, flight, now, err);
    enum kw_status st = kw_batch_queue_add(&a->batches, flight, err);
    return st == KW_OK ? kw_api_gateway_send(a, now, err) : st;
}

/* Amortised O(1) a request. All of a batch draw the same: it is answered when its last request is. */
enum kw_status kw_api_gateway_send(struct kw_api_gateway *a, kw_ns now, struct kw_error *err)
{
    const struct kw_trace *t = a->w->trace;
    enum kw_status st = KW_OK;
    for (uint32_t n; st == KW_OK && (n = kw_batch_queue_next(&a->batches, now)) > 0;) {
        struct kw_api_pace pace = kw_api_endpoint_pace(&a->endpoint);
        for (uint32_t i = 0; i < n && st == KW_OK; i++) {
            uint32_t flight = kw_batch_queue_sent(&a->batches, i), request = a->w->flights.f[flight].request;
            kw_api_endpoint_time(&a->endpoint, pace, kw_tokens_as(t->prompt[request], a->d->tokens_ppm),
                                 kw_tokens_as(t->output[request], a->d->tokens_ppm), &a->answer[flight]);
            st = await(a, flight, now, err);
        }
    }
    return st;
}

enum kw_status kw_api_gateway_done(struct kw_api_gateway *a, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_run_context *w = a->w;
    struct kw_inflight *f = &w->flights.f[flight];
    kw_events_release(&w->events, f->event);
    const struct kw_api_answer *answer = &a->answer[flight];
    kw_api_endpoint_settle(&a->endpoint, now, answer, kw_request_prompt(w->trace, a->d, f), answer->cached,
                           kw_request_output(w->trace, a->d, f));
    if (kw_batching_any(&a->d->batching)) kw_batch_queue_answered(&a->batches, flight, now);
    kw_ns rtt = kw_run_rtt(w, a->d, f);
    kw_tally_completed(&w->tally, f, now, rtt, a->d, answer->cached, 0, answer->written, 0, answer->carried);
    if (w->tally.far) {
        kw_ns sent = f->first - answer->ttft;
        kw_tally_far(&w->tally, f, sent + answer->far_ttft, sent + answer->far_e2e, rtt, a->d);
    }
    return kw_run_ended(w, flight, now, rtt, err);
}
