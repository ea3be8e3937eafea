/* calibrate/own/own_requests.h - a profile from a log of requests that somebody's server answered, or from the result file of
 * a load test: the law of request_law.h, no term below what the GPU's memory and FLOP/s allow, as step tables
 *
 *   dense(t)  = a + b t up to the largest batch that was seen, a + d t from twice that on
 *   decode    = c S,   prefill = e P
 *
 * Host and kernels are one here: what a step took, the server's own work included. The front (HTTP, tokens of the prompt, the
 * way of the first answer) is the profile's, too, where enough requests tell of it. */
#ifndef KW_CALIBRATE_OWN_OWN_REQUESTS_H
#define KW_CALIBRATE_OWN_OWN_REQUESTS_H
#include "calibrate/own/own_base.h"
#include "calibrate/own/request_law.h"

/* p: of kw_own_base or a profile of the user's, whose steps it replaces; v: the steps' provenance. *l may be read afterwards;
 * law, intervals and judgement go to report. Errors of kw_request_law. *p has no tables after a failure. */
enum kw_status kw_own_requests(struct kw_profile *p, struct kw_request_law *l, const struct kw_request_times *r,
                               size_t n, const struct kw_provenance *v, uint64_t seed, FILE *report,
                               struct kw_error *err);

#endif
