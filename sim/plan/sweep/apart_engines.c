#include "sim/plan/sweep/apart_engines.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum kw_status kw_choice_apart(struct kw_choice *c, const struct kw_profile *prefill, const struct kw_link *link,
                               struct kw_error *err)
{
    struct kw_disaggregated *d = &c->disaggregated;
    const struct kw_engines *e = &c->engines;
    assert(e->decode && e->prefill && prefill->tp == e->prefill_tp && link->gpus);
    if (c->sched.policy != KW_SCHED_VLLM && c->sched.policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "only the schedulers vllm and sarathi have engines apart");
    if (c->speculative.tokens) return kw_fail(err, KW_ERANGE, "not simulated with speculative decoding");
    double latency = link->latency_s, bandwidth = link->bandwidth;
    if (link->n) {
        latency = link->s[0];
        bandwidth = (link->bytes[link->n - 1] - link->bytes[0]) / (link->s[link->n - 1] - link->s[0]);
    }
    memset(d, 0, sizeof *d); /* with its padding: equal deployments are equal bytes */
    c->sched.async_scheduling = false;
    d->prefill = e->prefill;
    d->decode = e->decode;
    d->prefill_sched = c->sched;
    if (c->sched.num_blocks == c->profile->num_blocks) d->prefill_sched.num_blocks = prefill->num_blocks;
    c->sched.prefix_caching = false;
    d->kv_bytes = llround(c->profile->kv_bytes_per_token);
    d->bytes_s = llround(bandwidth * fmin(c->tp, e->prefill_tp));
    d->latency = llround(latency * 1e9);
    c->prefill = prefill;
    c->kv_link = *link;
    return d->kv_bytes > 0 && d->bytes_s > 0 ? KW_OK : kw_fail(err, KW_ERANGE, "nothing moves over such a link");
}
