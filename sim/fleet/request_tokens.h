/* sim/fleet/request_tokens.h - the tokens of a request under way as its deployment counts them. */
#ifndef KW_SIM_FLEET_REQUEST_TOKENS_H
#define KW_SIM_FLEET_REQUEST_TOKENS_H
#include "sim/fleet/deployment.h"
#include "sim/fleet/inflight.h"
#include "workloads/trace.h"

static inline uint32_t kw_request_prompt(const struct kw_trace *t, const struct kw_deployment *d,
                                         const struct kw_inflight *f)
{
    return kw_inflight_is_ping(f) ? d->ping.prompt : kw_tokens_as(t->prompt[f->request], d->tokens_ppm);
}

static inline uint32_t kw_request_output(const struct kw_trace *t, const struct kw_deployment *d,
                                         const struct kw_inflight *f)
{
    return kw_inflight_is_ping(f) ? d->ping.output : kw_tokens_as(t->output[f->request], d->tokens_ppm);
}

#endif
